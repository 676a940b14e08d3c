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
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
from ibis.backends.duckdb import Backend as DuckDB

from reviewlib.evidence import custom
from reviewlib.evidence.comparison import ROUNDING
from reviewlib.evidence.intervals import median_bounds
from reviewlib.evidence.store import TableStore, literal, quoted
from reviewlib.evidence.tables import DEALS
from reviewlib.params import sql
from reviewlib.params.figures import Kpi, SqlMeasure
from reviewlib.periods import Period

if TYPE_CHECKING:
    from reviewlib.evidence.crm_database import CrmDatabase

#: What a deal counts as in a period; each is a boolean column of the deal facts.
FLAGS = tuple(name for name, column in sql.DEALS.items() if column.holds == "flag")
#: The 90th percentile of won deals' cycles: open deals older than this are called stale.
STALE_SHARE = 0.9
#: Days are counted from here.
EPOCH = dt.date(1970, 1, 1)
#: The one of the views that is worked out once.
KEPT = "deal_kinds"
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
    """The two grains that KPIs aggregate, as views of a connection; queries on them name no connection.

    Attributes:
        con: The connection that holds them.
        deals: One row per (scope, scope_id, period, deal): flags, amounts, days.
        accounts: One row per (scope, scope_id, period, account): base, bought, base_revenue, revenue.
        periods: One row per (period, deal), before scopes: what the deal lists on pages are taken from.
        views: The query of each of them, as text.
        database: Where deals are in one, they are views there, and ``con`` holds what came back.
        tables: That, by name: of one period the rows of ``period_facts`` and ``account_facts``.
    """

    con: DuckDB
    deals: ir.Table
    accounts: ir.Table
    periods: ir.Table
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

    Tables ``calendar``, ``members``, ``deal_kinds`` and views ``period_facts``, ``deal_facts``, ``account_facts`` are made in
    a connection of their own, so that a KPI's own SQL stays short and several periods stand side by side. ``members`` says
    which owner counts for which scope in which period. Where ``expected_amount`` is not mapped the pipeline is counted, not
    valued; without ``expected_close_on`` every open deal is due.

    Where deals are in a ``database``, the views are made there, and the facts of ``period`` are fetched for its lists.
    """
    con = ibis.duckdb.from_connection(store.con.cursor())
    lent = {"calendar": calendar.table(), "members": pa.Table.from_pandas(members, preserve_index=False)}
    for name, table in lent.items():
        con.con.register(name, table)  # without a copy; ``create_table`` drops a view in words DuckDB 2.0 does not parse
    schemas = (ibis.Schema.from_pyarrow(table) for table in (DEALS.schema, *(table.schema for table in lent.values())))
    views = _views(*schemas, mapped & {"expected_amount", "expected_close_on"}, database.backend if database else "duckdb")
    _, periods, scoped, accounts = (ibis.table(view.schema, name=name) for name, view in views.items())
    texts = {name: view.text for name, view in views.items()}
    if database is None:
        _keep_kinds(store, texts[KEPT])
        for name in [*texts][1:]:
            con.raw_sql(f"CREATE TEMP VIEW {name} AS {texts[name]}")
        return Facts(con, scoped, accounts, periods, texts)
    return _connected(Facts(con, scoped, accounts, periods, texts, database), lent, period)


def _connected(facts: Facts, lent: Mapping[str, pa.Table], period: str) -> Facts:
    """Make the views in the database, and fetch what pages list of one period."""
    database = facts.database
    assert database is not None
    for name, table in lent.items():
        database.lend(name, table)
    for name, text in facts.views.items():
        (database.keep if name == KEPT else database.define)(name, text)
    found = {
        table.get_name(): database.ask(f"SELECT * FROM {table.get_name()} WHERE period = {literal(period)}").cast(
            table.schema().to_pyarrow()
        )
        for table in (facts.periods, facts.accounts)
    }
    for name, rows in found.items():
        facts.con.con.register(name, rows)
    views = {"deal_facts": "SELECT * FROM period_facts JOIN members USING (rep_id, period)"}
    facts.con.raw_sql(f"CREATE TEMP VIEW deal_facts AS {views['deal_facts']}")
    facts.con.raw_sql(f"CREATE TEMP VIEW deals AS SELECT {', '.join(DEALS.columns)} FROM period_facts")
    return replace(facts, views=views, tables=found)


def _keep_kinds(store: TableStore, kinds: str) -> None:
    """Work out what the deals are, which every figure of every period asks, once; in no order, since sorting costs more."""
    if store.rows(f"SELECT 1 FROM duckdb_tables() WHERE table_name = {literal(KEPT)}"):
        return
    columns = ", ".join(quoted(name) for name in store.con.table("deals").columns)
    store.con.execute(f"CREATE TABLE deal_kinds AS {kinds}")
    store.con.execute(f"CREATE OR REPLACE VIEW deals AS SELECT {columns} FROM deal_kinds")
    store.con.execute("DROP TABLE deals_taken")


@cache
def _views(
    deals: ibis.Schema, calendar: ibis.Schema, members: ibis.Schema, mapped: frozenset[str], backend: str
) -> Mapping[str, Query]:
    """Write the views, each over the one before it; once per set of columns."""
    source, periods, scopes = (
        ibis.table(schema, name=name) for name, schema in (("deals", deals), ("calendar", calendar), ("members", members))
    )
    kinds = Query.of(_kinds(source, mapped), backend)
    by_period = Query.of(_by_period(ibis.table(kinds.schema, name=KEPT), periods, mapped), backend)
    rows = ibis.table(by_period.schema, name="period_facts")
    scoped = Query.of(rows.join(scopes, ["rep_id", "period"]), backend)
    accounts = Query.of(_accounts(rows, scopes), backend)
    return MappingProxyType({KEPT: kinds, "period_facts": by_period, "deal_facts": scoped, "account_facts": accounts})


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
    whole = base.aggregate(stale_after=base.days.quantile(STALE_SHARE))
    weeks = (whole.stale_after * (1 - ROUNDING) / 7).ceil().cast("int64")
    return _with_purchases(base).cross_join(whole.mutate(cohort_days=weeks * 7))


def _with_purchases(deals: ir.Table) -> ir.Table:
    """Number each account's purchases; the smallest deal id comes first among several on one day."""
    sales = deals.filter(deals.is_sale & deals.account_id.notnull())
    window = ibis.window(group_by=sales.account_id, order_by=[sales.closed_on, sales.deal_id])
    purchases = sales.select(
        "deal_id", purchase=ibis.row_number().over(window) + 1, purchase_before=sales.closed_on.lag().over(window)
    )
    return deals.left_join(purchases, "deal_id").drop("deal_id_right")


def _by_period(deals: ir.Table, periods: ir.Table, mapped: frozenset[str]) -> ir.Table:
    """Pair each deal with the periods in which it counts as anything, and say as what."""
    pairs = deals.cross_join(periods)
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


def _accounts(facts: ir.Table, scopes: ir.Table) -> ir.Table:
    """Sum up each account per scope and period; deals without an account belong to no customer."""
    named, zero = facts.filter(facts.account_id.notnull()), ibis.literal(0).cast("decimal(18,4)")
    rows = named.filter(named.in_window | named.earned | named.open_end)
    of_reps = rows.group_by(["rep_id", "period", "account_id"]).aggregate(
        base=(rows.in_window & rows.is_sale).any(),
        open_deal=rows.open_end.any(),
        base_revenue=ibis.ifelse(rows.in_window, rows.amount, zero).sum(),
        revenue=ibis.ifelse(rows.earned, rows.amount, zero).sum(),
        sold=rows.sale.any(),
    )
    whole = of_reps.group_by(["period", "account_id"]).aggregate(bought=of_reps.sold.any(), is_shared=of_reps.count() > 1)
    scoped = of_reps.join(whole, ["period", "account_id"]).join(scopes, ["rep_id", "period"])
    # Most accounts have one rep, and are in every scope what they are there.
    own, shared = scoped.filter(~scoped.is_shared), scoped.filter(scoped.is_shared)
    sums = shared.group_by([*KEY, "account_id"]).aggregate(
        base=shared.base.any(),
        open_deal=shared.open_deal.any(),
        base_revenue=shared.base_revenue.sum(),
        revenue=shared.revenue.sum(),
        bought=shared.bought.any(),
    )
    return own.select(*sums.columns).union(sums)


def _open_at(pairs: ir.Table, moment: ir.Value) -> ir.BooleanValue:
    return _false(~pairs.is_refund & (pairs.opened_on < moment) & (pairs.is_open | (pairs.closed_on >= moment)))


def _false(mask: ir.Value) -> ir.BooleanValue:
    """Read an unknown comparison as no."""
    return mask.fill_null(False)


@dataclass(frozen=True)
class Evaluation:
    """Every figure as measured, before targets, and the views that measure it.

    Attributes:
        figures: One row per (scope, scope_id, period, kpi): numerator, denominator (missing where the KPI has none), n,
            matures_on (in days since 1970), and the bounds of medians: low, high, likely_low, likely_high.
        views: The views that were made for it, each over those before it, as text.
        columns: Numerator, denominator, n and the like of each KPI over the view ``measured``, as text.
        tables: What came back of views that were made in a database, by name.
    """

    figures: pd.DataFrame
    views: Mapping[str, str]
    columns: Mapping[str, Mapping[str, str]]
    tables: Mapping[str, pa.Table]


#: Of the observations behind a median, only those that bound it.
_WITH_BOUNDS = """
SELECT * EXCLUDE (sample, size, places), sample[places[1]] AS low, sample[places[2]] AS high,
    sample[places[3]] AS likely_low, sample[places[4]] AS likely_high
FROM found LEFT JOIN bounds ON len(sample) = size"""


def evaluate(facts: Facts, kpis: Mapping[str, Kpi], groups: pd.DataFrame) -> Evaluation:
    """Measure every KPI that has an expression.

    ``groups`` (scope, scope_id, period) get a row even without any deal; sums and counts are then 0.
    """
    views, columns = _measures(facts, kpis)
    measures, found, given = [*views], dict[str, pa.Table](), pa.Table.from_pandas(groups, preserve_index=False)
    facts.con.con.register("groups", given)
    if facts.database:
        facts.database.lend("groups", given)
        asked, _ = _measures(facts, kpis, backend=facts.database.backend, dialect=facts.database.dialect)
        found = {name: facts.database.fetch(text) for name, text in asked.items()}
        for name, table in found.items():
            facts.con.con.register(name, table)
        views = {f"period_{name}": text for name, text in views.items()}
    # What every group has, deals or not.
    joins = (f"LEFT JOIN {name} USING ({', '.join(KEY)})" for name in measures)
    views |= {"measured": "\n".join(("FROM groups", *joins)), "measured_figures": _long(columns)}
    for name, text in views.items():
        facts.con.raw_sql(f"CREATE TEMP VIEW {name} AS {text}")
    facts.con.raw_sql("CREATE TEMP TABLE found AS FROM measured_figures")
    sizes = [size for (size,) in facts.con.con.sql("SELECT DISTINCT len(sample) FROM found WHERE sample <> []").fetchall()]
    places = pa.array([median_bounds(size) for size in sizes], pa.list_(pa.int64()))
    facts.con.con.register("bounds", pa.table({"size": pa.array(sizes, pa.int64()), "places": places}))
    return Evaluation(facts.con.con.sql(_WITH_BOUNDS).df(), views, columns, found)


def _measures(
    facts: Facts, kpis: Mapping[str, Kpi], *, backend: str = "duckdb", dialect: str = "duckdb"
) -> tuple[dict[str, str], dict[str, Mapping[str, str]]]:
    """Write the queries that measure KPIs, by the name of what they yield, and what the parts of each figure are over that."""
    queries, columns = dict[str, str](), dict[str, Mapping[str, str]]()
    for grain, table in (("deal", facts.deals), ("account", facts.accounts)):
        own = tuple(kpi for kpi in kpis.values() if callable(kpi.expression) and kpi.grain == f"{grain}s")
        query, parts = _aggregate(table.get_name(), table.schema(), own, backend)
        queries[f"{grain}_measures"] = query.text
        columns |= parts
        if in_sql := [kpi for kpi in kpis.values() if isinstance(kpi.expression, SqlMeasure) and kpi.grain == f"{grain}s"]:
            queries[f"own_{grain}_measures"] = custom.query(in_sql, key=KEY, backend=dialect)
            columns |= {kpi.key: custom.columns(kpi) for kpi in in_sql}
    return queries, columns


@cache
def _aggregate(
    name: str, schema: ibis.Schema, kpis: tuple[Kpi, ...], backend: str
) -> tuple[Query, Mapping[str, Mapping[str, str]]]:
    """Write one aggregation that holds the measures of all these KPIs, and the parts of each figure over what it yields.

    Once per set of columns. Observations are collected once, whatever is asked of them.
    """
    table = ibis.table(schema, name=name)
    columns, lists = dict[str, ir.Value](), dict[ops.Node, str]()

    def collected(observations: ir.Value, of: str) -> str:
        """Name the column that collects them."""
        column = lists.setdefault(observations.op(), f"{of}.sample")
        columns.setdefault(column, observations.collect())
        return quoted(column)

    parts = dict[str, Mapping[str, str]]()
    for kpi in kpis:
        assert callable(kpi.expression)
        measure, own = kpi.expression(table), dict[str, str]()
        top, matures_on = measure.top.op(), measure.matures_on
        asked = {"top": measure.top, "n": measure.top if measure.n is None else measure.n, "bottom": measure.bottom}
        if matures_on is not None:
            asked["matures_on"] = matures_on.delta(ibis.literal(EPOCH), unit="day")
        if isinstance(top, ops.Quantile):
            del asked["top"]
            values = collected(top.arg.to_expr(), kpi.key)
            own["top"] = f"LIST_AGGREGATE({values}, 'quantile_cont', {top.quantile.value})::DOUBLE"
        if measure.sample is not None:
            own["sample"] = collected(measure.sample, kpi.key)
        for part, value in asked.items():
            if value is not None:
                columns[f"{kpi.key}.{part}"] = value.cast("float64")
                own[part] = quoted(f"{kpi.key}.{part}")
        parts[kpi.key] = _parts(kpi, own)
    return Query.of(table.group_by(KEY).aggregate(**columns), backend), parts


def _parts(kpi: Kpi, own: Mapping[str, str]) -> Mapping[str, str]:
    """Say what the parts of a figure are; what nobody has is zero, unless it is a middle or a largest."""
    stays = kpi.empty and "bottom" not in own and not kpi.per_target
    return {
        "numerator": own["top"] if stays else f"COALESCE({own['top']}, 0)",
        "denominator": f"COALESCE({own['bottom']}, 0)" if "bottom" in own else "NULL",
        "n": f"COALESCE({own['n']}, 0)",
        "matures_on": own.get("matures_on", "NULL"),
        "sample": f"COALESCE(LIST_SORT({own['sample']})::DOUBLE[], [])" if "sample" in own else "NULL",
    }


def _long(columns: Mapping[str, Mapping[str, str]]) -> str:
    """Lay the KPIs below each other."""
    rows = [
        f"{{'kpi': '{key}', " + ", ".join(f"'{name}': {text}" for name, text in own.items()) for key, own in columns.items()
    ]
    struct = "STRUCT(kpi TEXT, numerator DOUBLE, denominator DOUBLE, n DOUBLE, matures_on DOUBLE, sample DOUBLE[])[]"
    inner = ",\n  ".join(f"{row}}}" for row in rows)
    return f"SELECT scope, scope_id, period, UNNEST([\n  {inner}\n]::{struct}, max_depth := 2)\nFROM measured"
