"""Deals as facts: one row per deal and period of the trend, with what the deal counts as in that period.

Every KPI is an aggregate over these columns, and every list of deals on a page is a filter on them, so that a figure and the
deals behind it cannot disagree. Masked columns are computed first and aggregated afterwards: that form runs alike on DuckDB,
PostgreSQL and Spark.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
from ibis.backends.duckdb import Backend as DuckDB

from reviewlib.evidence.comparison import ROUNDING
from reviewlib.evidence.store import MANY, TableStore, literal, quoted
from reviewlib.evidence.tables import DEALS
from reviewlib.params import sql
from reviewlib.periods import Period

if TYPE_CHECKING:
    from reviewlib.evidence.crm_database import CrmDatabase

#: What a deal counts as in a period; each is a boolean column of the deal facts.
FLAGS = tuple(name for name, column in sql.DEALS.items() if column.holds == "flag")
#: The 90th percentile of won deals' cycles: open deals older than this are called stale.
STALE_SHARE = 0.9
#: Days are counted from here.
EPOCH = dt.date(1970, 1, 1)
#: Those of the views that are worked out once.
KEPT = ("deal_kinds", "deal_ages")
#: Whose figures of when: one row of facts' sums.
KEY = ["scope", "scope_id", "period"]


@dataclass(frozen=True)
class Calendar:
    """The periods to evaluate, with the retention window before each.

    Attributes:
        periods: The trend, oldest first.
        window_months: Length of the retention window; None for the preceding period of equal length.
    """

    periods: tuple[Period, ...]
    window_months: int | None = None

    def window(self, period: Period) -> Period:
        """The retention window before a period; a period of its own when its length is set in months."""
        if self.window_months is None:
            return period.previous
        months = Period.containing(period.start, "month", period.fiscal)
        first = months.shift(-self.window_months)
        return Period(first.start, period.start, "month", f"{self.window_months} months before {period.start}", period.fiscal)

    def table(self) -> pa.Table:
        """One row per period: period, start, end, window_start, next_end, and what the periods before and after are called."""
        return pa.table(
            {
                "period": [period.name for period in self.periods],
                "start": [period.start for period in self.periods],
                "end": [period.end for period in self.periods],
                "window_start": [self.window(period).start for period in self.periods],
                "next_end": [period.next.end for period in self.periods],
                "previous": [period.previous.name for period in self.periods],
                "next": [period.next.name for period in self.periods],
            }
        )


@dataclass(frozen=True)
class Query:
    """A query as text, which takes longer to write than to ask, with the types of its columns."""

    text: str
    schema: ibis.Schema

    @classmethod
    def of(cls, table: ir.Table, backend: str = "duckdb") -> Query:
        """Write an expression over unbound tables, in the SQL of one of Ibis' backends."""
        return cls(str(ibis.to_sql(table, dialect=backend)), table.schema())


@dataclass(frozen=True)
class Facts:
    """The grains that KPIs aggregate, as views of a connection; queries on them name no connection.

    Attributes:
        con: The connection that holds them.
        columns: The columns of each of them: ``period_facts`` has one row per (period, deal), ``deal_facts`` one for each scope
            of its rep; ``account_facts`` one per (scope, scope_id, period, account), made of ``sole_account_facts``, by rep,
            where an account has one, and of ``shared_account_facts``.
        views: The query of each of them, as text.
        database: Where deals are in one, they are views there, and ``con`` holds what came back.
        tables: That, by name: the rows of one period.
    """

    con: DuckDB
    columns: Mapping[str, ibis.Schema]
    views: Mapping[str, str]
    database: CrmDatabase | None = None
    tables: Mapping[str, pa.Table] = field(default_factory=dict)


def build(
    store: TableStore,
    *,
    members: pd.DataFrame,
    calendar: Calendar,
    mapped: frozenset[str],
    database: CrmDatabase | None = None,
    period: str = "",
) -> Facts:
    """Describe the facts as views over the table ``deals``.

    They and the tables ``calendar`` and ``members`` are in a connection of their own, so that a KPI's own SQL stays short and
    several periods stand side by side. ``members`` says which owner counts for which scope in which period. Where
    ``expected_amount`` is not mapped the pipeline is counted, not valued; without ``expected_close_on`` every open deal is due.

    Where deals are in a ``database``, the views are made there, and the facts of ``period`` are fetched for its lists.
    """
    con = ibis.duckdb.from_connection(store.con.cursor())
    lent = {"calendar": calendar.table(), "members": pa.Table.from_pandas(members, preserve_index=False)}
    for name, table in lent.items():
        con.con.register(name, table)  # without a copy; ``create_table`` drops a view in words DuckDB 2.0 does not parse
    schemas = (ibis.Schema.from_pyarrow(table) for table in (DEALS.schema, *(table.schema for table in lent.values())))
    queries = _views(*schemas, mapped & {"expected_amount", "expected_close_on"}, database.backend if database else "duckdb")
    columns, texts = ({name: getattr(query, part) for name, query in queries.items()} for part in ("schema", "text"))
    if database is not None:
        return _connected(Facts(con, columns, texts, database), lent, period)
    _keep(store, texts)
    for name in [*texts][len(KEPT) :]:
        con.raw_sql(f"CREATE TEMP VIEW {name} AS {texts[name]}")
    return Facts(con, columns, texts)


def _connected(facts: Facts, lent: Mapping[str, pa.Table], period: str) -> Facts:
    """Make the views in the database, and fetch what pages list of one period."""
    database = facts.database
    assert database is not None
    for name, table in lent.items():
        database.lend(name, table)
    for name, text in facts.views.items():
        (database.keep if name in KEPT else database.define)(name, text)
    found = {
        name: database.ask(f"SELECT * FROM {name} WHERE period = {literal(period)}").cast(facts.columns[name].to_pyarrow())
        for name in ("period_facts", "sole_account_facts", "shared_account_facts")
    }
    for name, rows in found.items():
        facts.con.con.register(name, rows)
    views = {
        "deal_facts": "SELECT * FROM period_facts JOIN members USING (rep_id, period)",
        "account_facts": f"SELECT {', '.join(facts.columns['account_facts'].names)} FROM sole_account_facts "
        "JOIN members USING (rep_id, period) UNION ALL FROM shared_account_facts",
    }
    for name, text in views.items():
        facts.con.raw_sql(f"CREATE TEMP VIEW {name} AS {text}")
    facts.con.raw_sql(f"CREATE TEMP VIEW deals AS SELECT {', '.join(DEALS.columns)} FROM period_facts")
    return replace(facts, views=views, tables=found)


def _keep(store: TableStore, texts: Mapping[str, str]) -> None:
    """Work out what the deals are, which every figure of every period asks, once; in no order, since sorting costs more."""
    if store.rows(f"SELECT 1 FROM duckdb_tables() WHERE table_name = {literal(KEPT[0])}"):
        return
    columns = ", ".join(quoted(name) for name in store.con.table("deals").columns)
    many = store.row("SELECT count(*) FROM deals")[0] > MANY
    for name in KEPT:
        store.keep(name, texts[name], many=many)
    store.con.execute("DROP VIEW deals; DROP TABLE deals_taken")
    store.con.execute(f"CREATE VIEW deals AS SELECT {columns} FROM deal_kinds")


@cache
def _views(
    deals: ibis.Schema, calendar: ibis.Schema, members: ibis.Schema, mapped: frozenset[str], backend: str
) -> Mapping[str, Query]:
    """Write the views, each over the one before it; once per set of columns."""
    source, periods, scopes = (
        ibis.table(schema, name=name) for name, schema in (("deals", deals), ("calendar", calendar), ("members", members))
    )
    found = dict[str, Query]()

    def written(name: str, table: ir.Table) -> ir.Table:
        """Write one of them, for those after it."""
        found[name] = Query.of(table, backend)
        return ibis.table(found[name].schema, name=name)

    kinds = written("deal_kinds", _kinds(source, mapped))
    # From which age on an open deal is stale, and after how many days a cohort is compared.
    whole = kinds.aggregate(stale_after=kinds.days.quantile(STALE_SHARE))
    ages = written("deal_ages", whole.mutate(cohort_days=(whole.stale_after * (1 - ROUNDING) / 7).ceil().cast("int64") * 7))
    rows = written("period_facts", _by_period(kinds, ages, periods, mapped))
    written("deal_facts", rows.join(scopes, ["rep_id", "period"]))
    sole, shared = (
        written(name, table)
        for name, table in zip(("sole_account_facts", "shared_account_facts"), _accounts(rows, scopes), strict=True)
    )
    written("account_facts", sole.join(scopes, ["rep_id", "period"]).select(*shared.columns).union(shared))
    return MappingProxyType(found)


def _kinds(deals: ir.Table, mapped: frozenset[str]) -> ir.Table:
    """Add what a deal is, whatever the period."""
    is_won = deals.outcome == "won"
    refund = (is_won & (deals.amount < 0)).fill_null(False)
    dated = (deals.opened_on.notnull() & (deals.closed_on.isnull() | (deals.closed_on >= deals.opened_on))).fill_null(False)
    expected = deals.expected_amount if "expected_amount" in mapped else ibis.literal(1).cast("decimal(18,4)")
    days = deals.closed_on.delta(deals.opened_on, unit="day")
    base = deals.mutate(
        is_won=is_won,
        is_refund=refund,
        is_win=is_won & ~refund,
        is_sale=(is_won & ~refund & deals.amount.notnull()).fill_null(False),
        is_lost=deals.outcome == "lost",
        is_open=deals.outcome == "open",
        valued=dated & expected.notnull(),
        expected=expected,
        days=ibis.ifelse(is_won & ~refund & dated, days, None),
    )
    # Few accounts have more than one rep.
    named = deals.filter(deals.account_id.notnull())
    reps = named.group_by("account_id").aggregate(first=named.rep_id.min(), last=named.rep_id.max())
    shared = reps.filter(reps["first"] != reps["last"]).select("account_id", is_shared=True)
    kinds = _with_purchases(base).left_join(shared, "account_id").drop("account_id_right")
    return kinds.mutate(is_shared=kinds.is_shared.fill_null(False))


def _with_purchases(deals: ir.Table) -> ir.Table:
    """Number each account's purchases; the smallest deal id comes first among several on one day."""
    sales = deals.filter(deals.is_sale & deals.account_id.notnull())
    window = ibis.window(group_by=sales.account_id, order_by=[sales.closed_on, sales.deal_id])
    purchases = sales.select(
        "deal_id", purchase=ibis.row_number().over(window) + 1, purchase_before=sales.closed_on.lag().over(window)
    )
    return deals.left_join(purchases, "deal_id").drop("deal_id_right")


def _by_period(deals: ir.Table, ages: ir.Table, periods: ir.Table, mapped: frozenset[str]) -> ir.Table:
    """Pair each deal with the periods in which it counts as anything, and say as what."""
    pairs = deals.cross_join(periods.cross_join(ages))
    closed = _false(~pairs.is_open & (pairs.closed_on >= pairs.start) & (pairs.closed_on < pairs.end))
    opened = _false(~pairs.is_refund & (pairs.opened_on >= pairs.start) & (pairs.opened_on < pairs.end))
    window = _false(pairs.is_won & (pairs.closed_on >= pairs.window_start) & (pairs.closed_on < pairs.start))
    open_end = _open_at(pairs, pairs.end)
    open_start = _open_at(pairs, pairs.start)
    no_opening = pairs.is_open & pairs.opened_on.isnull()
    marked = pairs.mutate(closed_in=closed, opened=opened, in_window=window, open_end=open_end, open_start=open_start)
    marked = marked.mutate(unplaced=no_opening)
    marked = marked.filter(marked.closed_in | opened | window | open_end | open_start | no_opening)
    return _with_flags(marked, mapped)


def _with_flags(f: ir.Table, mapped: frozenset[str]) -> ir.Table:
    soon = (f.expected_close_on >= f.end) & (f.expected_close_on < f.next_end)
    due = soon if "expected_close_on" in mapped else ibis.literal(True)
    age = f.end.delta(f.opened_on, unit="day")
    took = f.closed_on.delta(f.opened_on, unit="day")
    return f.mutate(
        won=f.closed_in & f.is_win,
        sale=f.closed_in & f.is_sale,
        lost=f.closed_in & f.is_lost,
        closed=f.closed_in & (f.is_win | f.is_lost),
        refund=f.closed_in & f.is_refund,
        earned=f.closed_in & f.is_won,
        opened_won=_false(f.opened & f.is_win & (took <= f.cohort_days)),
        opened_closed=f.opened & ~f.is_open,
        first_win=_false(f.closed_in & f.is_sale & (f.purchase == 1)),
        won_back=_false(f.closed_in & f.is_sale & (f.purchase > 1) & (f.purchase_before < f.window_start)),
        due=_false(f.open_end & due),
        undated=f.open_end & f.expected_close_on.isnull(),
        stale=_false(f.open_end & (age > f.stale_after * (1 + ROUNDING))),
        unvalued=f.unplaced | (f.open_end & ~f.valued),
        matures_on=(f.opened_on + f.cohort_days.as_interval("D")).cast("date"),
    )


def _accounts(facts: ir.Table, scopes: ir.Table) -> tuple[ir.Table, ir.Table]:
    """Sum up each account per period: of its rep where it has one, else of each scope of its reps.

    Deals without an account belong to no customer.
    """
    named = facts.filter(facts.account_id.notnull() & (facts.in_window | facts.earned | facts.open_end))
    sole, of_reps = (_of_reps(rows) for rows in (named.filter(~named.is_shared), named.filter(named.is_shared)))
    everywhere = of_reps.bought.any().over(group_by=[of_reps.period, of_reps.account_id])
    scoped = of_reps.mutate(bought=everywhere).join(scopes, ["rep_id", "period"])
    sums = scoped.group_by([*KEY, "account_id"]).aggregate(
        base=scoped.base.any(),
        open_deal=scoped.open_deal.any(),
        base_revenue=scoped.base_revenue.sum(),
        revenue=scoped.revenue.sum(),
        bought=scoped.bought.any(),
    )
    return sole, sums


def _of_reps(rows: ir.Table) -> ir.Table:
    zero = ibis.literal(0).cast("decimal(18,4)")
    return rows.group_by(["rep_id", "period", "account_id"]).aggregate(
        base=(rows.in_window & rows.is_sale).any(),
        open_deal=rows.open_end.any(),
        base_revenue=ibis.ifelse(rows.in_window, rows.amount, zero).sum(),
        revenue=ibis.ifelse(rows.earned, rows.amount, zero).sum(),
        bought=rows.sale.any(),
    )


def _open_at(pairs: ir.Table, moment: ir.Value) -> ir.BooleanValue:
    return _false(~pairs.is_refund & (pairs.opened_on < moment) & (pairs.is_open | (pairs.closed_on >= moment)))


def _false(mask: ir.Value) -> ir.BooleanValue:
    """Read an unknown comparison as no."""
    return mask.fill_null(False)
