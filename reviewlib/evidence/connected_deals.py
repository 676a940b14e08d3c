"""Deals that stay in a database: cast, checked and accounted for there, by the rules for those of a file.

Rows have no lines there; in the quarantine a deal's id stands before what is wrong with it.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from reviewlib.errors import SourceError
from reviewlib.evidence import tables
from reviewlib.evidence.casting import TOO_LARGE, YEARS
from reviewlib.evidence.crm_database import CrmDatabase
from reviewlib.evidence.intake import CONFLICT, DUPLICATE, IMPLAUSIBLE, NO_OWNER, Settled, accounted, hold
from reviewlib.evidence.store import literal
from reviewlib.params.model import Params

#: What stands between the values of a row, and for a missing one, where rows are held against each other.
_BETWEEN: Final = "\x1f"
_NOTHING: Final = "\x1e"
_TEXT: Final = ibis.literal(None, "string")
#: What is trimmed from texts of files, as a pattern; a database may have no such characters.
_BLANK: Final = "[" + "".join(rf"\u{code:04x}" for code in range(0x3001) if chr(code).isspace()) + "]"


class ConnectedDeals:
    """The deals in a database.

    Attributes:
        own: Canonical column to the table's own name.
        rows: Every canonical column as it is given; ``raw_NAME`` is its text, ``odd_NAME`` why it has no value.
    """

    table = tables.DEALS
    broken = 0

    def __init__(self, params: Params, database: CrmDatabase, *, prices: pa.Table | None = None):
        """Describe how the columns are cast; ``prices`` (product, list_price) are the expected amounts where deals have none.

        Raises:
            SourceError: One is not there, or of a type that holds no such values.
        """
        source, self.params, self.store = params.crm.deals, params, database
        self.file, self.format, self.limits = source.shown, source.format, params.crm.quarantine
        self.own: Mapping[str, str] = source.columns.model_dump(exclude_none=True)
        given = database.table(self.file, source.named, key="crm.deals")
        columns: dict[str, ir.Value] = {}
        for name, kind in tables.DEALS.columns.items():
            columns[name] = ibis.literal(None, ibis.dtype(tables.ARROW[kind]))
            if name in self.own:
                raw = given[self.own[name]]
                columns[name], columns[f"odd_{name}"] = self._cast(raw, name, kind)
                columns[f"raw_{name}"] = _text(raw)
        left_out = [
            (_text(given[rule.column]).fill_null("").isin([*map(str.strip, rule.equals)]), rule.reason)
            for rule in source.exclude
        ]
        columns["excluded"] = _case(left_out)
        rows = given.select(**columns)
        if prices is not None:
            database.lend("prices", prices)
            lent = ibis.table(ibis.Schema.from_pyarrow(prices.schema), name="prices")
            priced = rows.drop("expected_amount").left_join(lent, "product")
            rows = priced.rename(expected_amount="list_price").drop("product_right")
        self.rows: ir.Table = rows.mutate(outcome=rows.stage.substitute(source.stages.outcomes, else_=_TEXT))

    def _cast(self, raw: ir.Value, name: str, kind: tables.Type) -> tuple[ir.Value, ir.Value]:
        """The value of a column, and why it has none."""
        dtype = raw.type()
        if kind == "text":
            text = _text(raw)
            aliases = self.params.crm.aliases.get(name)
            return text.substitute(aliases) if aliases else text, _TEXT
        if kind == "money" and dtype.is_numeric():
            fits = (raw.abs() < ibis.literal(TOO_LARGE)).fill_null(True)
            return _rounded(ibis.ifelse(fits, raw, None)), ibis.ifelse(fits, _TEXT, "a number of more than 14 digits")
        if kind == "date" and (dtype.is_date() or dtype.is_timestamp()):
            day = raw.cast("date")
            fits = day.between(dt.date(YEARS.start, 1, 1), dt.date(YEARS.stop - 1, 12, 31)).fill_null(True)
            odd = [(~fits, f"a year before {YEARS.start} or after {YEARS.stop - 1}")]
            if dtype.is_timestamp() and not self.store.has_zone:
                timed = True if dtype.timezone else raw != raw.truncate("D")
                odd.insert(0, (ibis.literal(timed) if timed is True else timed, "has a time of day: set timezone"))
            why = _case((wrong & raw.notnull(), reason) for wrong, reason in odd)
            return ibis.ifelse(why.isnull(), day, None), why
        raise SourceError(
            f"The column {self.own[name]!r} holds no {'amounts' if kind == 'money' else 'dates'}.",
            where=f"{self.file}, crm.deals.columns.{name}",
            found=f"the type {dtype}",
            do="Map another column, or cast this one in a view and name that as the table.",
        )

    def unknown_stages(self) -> list[tuple[str, int]]:
        """The stages that params do not map, with their deals, the most first; rows set aside already do not count."""
        rows = self.rows
        alive = [rows.excluded.isnull(), rows.deal_id.notnull(), *(rows[f"odd_{name}"].isnull() for name in self.own)]
        unknown = rows.filter(*alive, rows.stage.notnull(), rows.outcome.isnull())
        unknown = unknown.group_by("stage").aggregate(deals=unknown.count())
        found = self.store.fetch(self.store.text(unknown.order_by(ibis.desc("deals"), "stage")))
        return [(row["stage"], row["deals"]) for row in found.to_pylist()]

    def settle(self) -> Settled:
        """Part used rows from the others, as ``intake.settle`` does: the used ones are the view ``deals`` of the database.

        Raises:
            SourceError: More rows, or more of the amount, are quarantined than the limits allow.
        """
        self.store.keep("deals_taken", self.store.text(self._without_doubles(self._checked())))
        reconciliation, exclusions = accounted(self)
        counted = f"failed IS NOT NULL AND failed <> {literal(IMPLAUSIBLE)}"
        reasons = self.store.rows(
            f"SELECT failed, count(*) AS rows, sum(abs(amount)) AS amount FROM deals_taken WHERE {counted} GROUP BY failed"
        )
        set_aside = sum((amount for *_, amount in reasons if amount is not None), Decimal(0))
        refused = Counter({reason: rows for reason, rows, _ in reasons})
        hold(self, reconciliation, refused, set_aside, examples=self._quarantine(f"{counted} ORDER BY deal_id LIMIT 3"))
        columns = ", ".join(
            f"{name}{self.store.by_bytes if kind == 'text' else ''} AS {name}" for name, kind in tables.DEALS.columns.items()
        )
        used = f"SELECT {columns} FROM deals_taken WHERE failed IS NULL AND excluded IS NULL"
        self.store.define("deals", used)
        quarantine = self._quarantine("failed IS NOT NULL ORDER BY deal_id, value")
        return Settled(quarantine, reconciliation, exclusions, ())

    def _checked(self) -> ir.Table:
        """Give each row the first reason for which it is refused, with the column and what stands there."""
        rows = self.rows
        is_open = (rows.outcome == "open").fill_null(False)
        checks: list[tuple[str, ir.BooleanValue, ir.Value | str]] = [
            (name, rows[name].isnull(), f"{name} is missing") for name in ("deal_id", "stage")
        ]
        checks += [(name, rows[f"odd_{name}"].notnull(), rows[f"odd_{name}"]) for name in self.own]
        if "closed_on" in self.own:
            checks.append(("closed_on", ~is_open & rows.closed_on.isnull(), "a closed deal without a close date"))
        dates = {"closed_on": ibis.ifelse(is_open, None, rows.closed_on), "opened_on": rows.opened_on}
        if latest := self.params.as_of or self._latest_plausible(rows.select(**dates)):
            late = "{} after as_of" if self.params.as_of else IMPLAUSIBLE
            checks += [(name, day > latest, late.format(name)) for name, day in dates.items() if name in self.own]
        said = (rows[name].cast("string").fill_null(_NOTHING) for name in self.own)
        return rows.select(
            *(name for name in tables.DEALS.columns if name not in ("rep_id", "source_file", "source_line", *dates)),
            **dates,
            rep_id=rows.rep_id.fill_null(NO_OWNER),
            source_file=ibis.literal(self.file),
            source_line=rows.source_line,
            line=rows.source_line,
            dated_open=is_open & rows.closed_on.notnull(),
            excluded=rows.excluded,
            failed=ibis.ifelse(rows.excluded.isnull(), _case((wrong, reason) for _, wrong, reason in checks), None),
            place=_case((wrong, self.own[name]) for name, wrong, _ in checks),
            value=_case((wrong, rows[f"raw_{name}"]) for name, wrong, _ in checks),
            said=ibis.literal(_BETWEEN).join([*said]),
        )

    def _latest_plausible(self, dates: ir.Table) -> dt.date | None:
        """Find the day 366 days after the dates of all deals but five; None where there are no more than five."""
        latest = dates.select(day=ibis.greatest(dates.closed_on, dates.opened_on))
        sixth = self.store.fetch(
            self.store.text(latest.filter(latest.day.notnull()).order_by(ibis.desc("day")).limit(1, offset=5))
        )
        return sixth["day"][0].as_py() + dt.timedelta(days=366) if sixth.num_rows else None

    def _without_doubles(self, rows: ir.Table) -> ir.Table:
        """Of exact duplicates one row stays; where rows of a deal differ, all of them are refused."""
        alive = rows.failed.isnull() & rows.excluded.isnull()
        same = ibis.window(group_by=[alive, rows.deal_id])
        rows = rows.mutate(
            alive=alive,
            differ=rows.said.min().over(same) != rows.said.max().over(same),
            earlier=ibis.row_number().over(ibis.window(group_by=[alive, rows.deal_id], order_by=rows.said)),
        )
        doubled = rows.alive & (rows.differ | (rows.earlier > 0))
        why = ibis.ifelse(rows.differ, CONFLICT, DUPLICATE)
        return rows.mutate(
            failed=ibis.ifelse(doubled, why, rows.failed), place=ibis.ifelse(doubled, self.own["deal_id"], rows.place)
        ).drop("said", "alive", "differ", "earlier")

    def _quarantine(self, chosen: str) -> pa.Table:
        """List refused rows."""
        table = literal(self.table.name)
        return self.store.ask(
            f'SELECT {table} AS "table", source_file AS file, line, place AS "column", '
            "coalesce(deal_id || ': ' || value, deal_id, value) AS value, failed AS reason, "
            f"nullif(rep_id, {literal(NO_OWNER)}) AS rep_id, amount FROM deals_taken WHERE {chosen}"
        ).cast(tables.QUARANTINE)


def _text(raw: ir.Value) -> ir.Value:
    """A value as it would stand in a file: trimmed, without zeros behind a decimal mark; missing where it is empty."""
    text = raw.cast("string") + ""  # where Ibis takes an enumeration for text, it does not cast it
    if raw.type().is_decimal() or raw.type().is_floating():
        text = ibis.ifelse(text.contains("."), text.re_replace("[.]?0+$", ""), text)
    return text.re_replace(f"^{_BLANK}+|{_BLANK}+$", "").nullif("")


def _rounded(amount: ir.Value) -> ir.Value:
    """Round an amount as those of files are, half to even; a cast alone rounds half away from zero."""
    exact = amount.cast("string") if amount.type().is_floating() else amount  # a cast of a float may know 15 digits of it
    exact = exact.cast("decimal(38, 18)")
    near = exact.cast("decimal(18, 4)")
    between = (near - exact).abs() == ibis.literal(Decimal("0.00005"))
    odd = near * 10_000 % 2 != 0
    return ibis.ifelse(between & odd, exact + exact - near, near).cast("decimal(18, 4)")


def _case(cases: Iterable[tuple[ir.BooleanValue, ir.Value | str]]) -> ir.Value:
    """The text of the first case that holds; missing where none does."""
    listed = [*cases]
    return ibis.cases(*listed, else_=_TEXT) if listed else _TEXT
