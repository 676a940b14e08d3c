"""Deals that stay in a database: cast, checked and accounted for there, by the rules for those of a file.

Rows have no lines there; in the quarantine a deal's id stands before what is wrong with it.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from reviewlib.errors import SourceError
from reviewlib.evidence import tables
from reviewlib.evidence.casting import TOO_LARGE, YEARS
from reviewlib.evidence.crm_database import CrmDatabase
from reviewlib.evidence.intake import CONFLICT, DUPLICATE, IMPLAUSIBLE, NO_OWNER, Check, Settled, accounted, hold
from reviewlib.evidence.store import TableStore, literal
from reviewlib.params.model import Params

#: What stands between the values of a row, and for a missing one, where rows are held against each other.
_BETWEEN: Final = "\x1f"
_NOTHING: Final = "\x1e"
_TEXT: Final = ibis.literal(None, "string")
#: What is trimmed from texts of files, as a pattern; a database may have no such characters.
_BLANK: Final = "[" + "".join(rf"\u{code:04x}" for code in range(0x3001) if chr(code).isspace()) + "]"


class ConnectedDeals:
    """The deals in a database, as SQL: what ``Intake`` is for those of a file.

    Attributes:
        own: Canonical column to the table's own name.
        texts: Canonical column to its text, its other spellings replaced; what is no text is as it is given.
        values: Canonical column to its value; missing where it is not mapped.
        uncast: Refuses rows with a value that is none of its column's type.
        excluded: The reason of each row that is left out on purpose; missing for the others.
    """

    table = tables.DEALS
    broken = 0
    #: Where a query on the rows takes them from.
    rows = "deals_given AS t"
    excluded = "t.excluded"

    def __init__(self, params: Params, database: CrmDatabase, lent: TableStore):
        """Describe how the columns are cast; ``lent`` is where the other tables are.

        Raises:
            SourceError: One is not there, or of a type that holds no such values.
        """
        source, self.params, self.store, self._lent = params.crm.deals, params, database, lent
        self.file, self.format, self.limits = source.shown, source.format, params.crm.quarantine
        self.own: Mapping[str, str] = source.columns.model_dump(exclude_none=True)
        given = database.table(self.file, source.named, key="crm.deals")
        columns: dict[str, ir.Value] = {"line": ibis.literal(None, "int64")}
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
        database.define("deals_given", database.text(given.select(**columns)))
        kinds = tables.DEALS.columns
        self.values = {name: f"t.{name}" for name in kinds}
        self.texts = {name: f"t.{name if kinds[name] == 'text' else f'raw_{name}'}" for name in self.own}
        self.uncast = [Check(name, f"t.odd_{name} IS NOT NULL", f"t.odd_{name}") for name in self.own]

    def meaning(self, text: str, mapping: Mapping[str, str]) -> str:
        """SQL of what the mapping says of a text; missing for every other one."""
        return f"CASE {text}" + "".join(f" WHEN {literal(own)} THEN {literal(said)}" for own, said in mapping.items()) + " END"

    def list_price(self) -> str:
        """SQL of what a deal's product costs by the list."""
        self.store.lend("prices", self._lent.con.sql("SELECT product, list_price FROM products").to_arrow_table())
        return "(SELECT list_price FROM prices WHERE prices.product = t.product)"

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

    def settle(self, checks: Sequence[Check], *, changed: Mapping[str, str], unique: bool) -> Settled:
        """Part used rows from the others, as ``Intake.settle`` does: the used ones are the view ``deals`` of the database.

        Raises:
            SourceError: More rows, or more of the amount, are quarantined than the limits allow.
        """
        self.store.keep("deals_taken", self.store.written(self._taken(checks, {**self.values, **changed})))
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

    def _taken(self, checks: Sequence[Check], values: Mapping[str, str]) -> str:
        """Give each row the first reason for which it is refused, with the column and what stands there.

        Of exact duplicates one row stays; where rows of a deal differ, all of them are refused.
        """
        cells = {**values, "source_file": literal(self.file), "line": "t.line", "excluded": "t.excluded"}
        failed = {
            "failed": [f"{check.holds} THEN {check.reason}" for check in checks],
            "place": [f"{check.holds} THEN {literal(self.own.get(check.column, check.column))}" for check in checks],
            "value": [f"{check.holds} THEN t.raw_{check.column}" for check in checks if check.column in self.own],
        }
        asked = ", ".join(f"{cell} AS {name}" for name, cell in cells.items())
        cases = ", ".join(f"CASE WHEN {' WHEN '.join(own)} END AS {name}" for name, own in failed.items())
        said = f" || {literal(_BETWEEN)} || ".join(
            f"coalesce(CAST(t.{name} AS TEXT), {literal(_NOTHING)})" for name in self.own
        )
        kept = ", ".join(cells)
        return f"""
            WITH checked AS (SELECT {asked}, {cases}, {said} AS said FROM {self.rows}),
            held AS (SELECT *, excluded IS NULL AND failed IS NULL AS alive FROM checked),
            doubles AS (SELECT *, min(said) OVER same <> max(said) OVER same AS differ,
                row_number() OVER (PARTITION BY alive, deal_id ORDER BY said) > 1 AS later
                FROM held WINDOW same AS (PARTITION BY alive, deal_id))
            SELECT {kept}, value,
                CASE WHEN excluded IS NOT NULL THEN NULL WHEN alive AND differ THEN {literal(CONFLICT)}
                    WHEN alive AND later THEN {literal(DUPLICATE)} ELSE failed END AS failed,
                CASE WHEN alive AND (differ OR later) THEN {literal(self.own["deal_id"])} ELSE place END AS place
            FROM doubles"""

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
