"""One file to one canonical table: cast, checked, and every row accounted for.

A row is used, quarantined with one reason, or excluded on purpose; the three add up to what was read, in rows and in amount.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from reviewlib.errors import SourceError
from reviewlib.evidence import casting, readers, tables
from reviewlib.evidence.comparison import at_most
from reviewlib.evidence.store import TableStore, literal, quoted
from reviewlib.params.crm import Source
from reviewlib.params.model import Params

DUPLICATE: Final = "an exact duplicate of an earlier row"
#: Of at most five rows, so that no limit counts them: one typing error in a small export stops no run.
IMPLAUSIBLE: Final = "a date more than 366 days after those of all deals but five"
CONFLICT: Final = "another row has the same key and other content"

_HINTS: Final = (
    ("number of fields", "format.delimiter, and quotes around fields that hold the delimiter"),
    ("quotes", "the quotes of the lines named"),
    ("not utf-8", "that the whole export is written in one encoding"),
    ("order", "format.dates (now {dates})"),
    ("not a date", "format.dates, and the column that is mapped"),
    ("decimal mark", "format.decimal (now {decimal!r})"),
    ("time of day", "timezone: name the workbook's time zone"),
    ("currency", "currency, or export one currency only"),
    ("is missing", "the columns that are mapped; total rows can be left out with exclude"),
    ("duplicate", "that the export holds one row per key (not one per product line)"),
    ("same key", "that the export holds one row per key (not one per product line)"),
    ("after as_of", "as_of"),
)


@dataclass(frozen=True)
class Reconciliation:
    """What became of a table's rows. Amounts (signed sums, deals only) are None where the table has none."""

    table: str
    file: str
    read: int
    used: int
    quarantined: int
    excluded: int
    read_amount: Decimal | None
    used_amount: Decimal | None
    quarantined_amount: Decimal | None
    excluded_amount: Decimal | None

    def __post_init__(self) -> None:
        """Hold the invariant: nothing is lost on the way."""
        if self.read != self.used + self.quarantined + self.excluded:
            raise AssertionError(f"{self.file}: rows read are not used + quarantined + excluded: {self}")
        parts = (self.used_amount, self.quarantined_amount, self.excluded_amount)
        if self.read_amount is not None and self.read_amount != sum(part for part in parts if part is not None):
            raise AssertionError(f"{self.file}: the amount read is not used + quarantined + excluded: {self}")


@dataclass(frozen=True)
class Excluded:
    """Rows left out on purpose, by the reason that params give."""

    table: str
    reason: str
    rows: int
    amount: Decimal | None


class Check(NamedTuple):
    """What is wrong with a row: the column, SQL that holds for such rows, and SQL of the reason."""

    column: str
    holds: str
    reason: str


class Intake:
    """A file's rows in the store, as SQL: every mapped column as trimmed text and as typed value.

    Attributes:
        own: Canonical column to the file's own name.
        texts: Canonical column to its text, its other spellings replaced.
        values: Canonical column to its value; missing where it is not mapped.
        uncast: Refuses rows with a text that does not read as its column's type.
        excluded: The reason of each row that is left out on purpose; missing for the others.
    """

    def __init__(self, params: Params, table: tables.Table, store: TableStore):
        """Read the source of a table.

        Raises:
            SourceError: The file cannot be read, or a mapped column is not in it.
        """
        source = getattr(params.crm, table.name)
        self.table, self.store = table, store
        self.format, self.limits = source.format, params.crm.quarantine
        self.sheet = readers.read(params.file(source), source.format, store.con, f"{table.name}_text")
        self.own: dict[str, str] = source.columns.model_dump(by_alias=True, exclude_none=True)
        self.excluded = _excluded(self.sheet, source, table)
        self.texts: dict[str, str] = {}
        self.values = {name: f"CAST(NULL AS {tables.SQL[kind]})" for name, kind in table.columns.items()}
        self.uncast: list[Check] = []
        self._joins: list[str] = []
        zone = ZoneInfo(params.timezone) if params.timezone else None
        style = casting.ValueFormat(self.format.decimal, self.format.dates, zone, params.currency)
        for name, own in self.own.items():
            place, kind = self.sheet.place(own, key=f"crm.{table.name}.columns.{name}"), table.columns[name]
            aliases = params.crm.aliases.get(name) if kind == "text" else None
            text = f"t.c{place}"
            self.texts[name] = f"coalesce({self.meaning(text, aliases)}, {text})" if aliases else text
            if kind == "text":
                self.values[name] = self.texts[name]
            else:
                self._cast(name, kind, style, self.sheet.typed[place])

    @property
    def rows(self) -> str:
        """Where a query on the rows takes them from."""
        return " ".join([f"{self.table.name}_text AS t", *self._joins])

    def meaning(self, text: str, mapping: Mapping[str, Any], kind: tables.Type = "text") -> str:
        """SQL of what the mapping says of a text; missing for every other one."""
        arrays = [pa.array([*mapping], pa.string()), pa.array([*mapping.values()], tables.ARROW[kind])]
        lent = self.store.lend(self._name(), pa.Table.from_arrays(arrays, ["text", "value"]))
        return self.join(lent, f"{lent}.text = {text}", "value")

    def join(self, table: str, on: str, column: str) -> str:
        """SQL of what another table, with one row for each at the most, holds of a row."""
        self._joins.append(f"LEFT JOIN {table} ON {on}")
        return f"{table}.{column}"

    def _name(self) -> str:
        return f"{self.table.name}_{len(self._joins)}"

    def _cast(self, name: str, kind: tables.Type, style: casting.ValueFormat, typed: str) -> None:
        """Cast a column: what is plain in the store, other texts by a table of what each of them says.

        Cells that are ``typed`` hold ISO dates and plain decimals whatever the style says.
        """
        text, written = self.texts[name], replace(style, decimal=".", dates="ymd")
        plain = f"CASE WHEN {typed} THEN {casting.plain(text, kind, written)} ELSE {casting.plain(text, kind, style)} END"
        odd = f"SELECT DISTINCT {text}, {typed} FROM {self.rows} WHERE {text} IS NOT NULL AND {plain} IS NULL"
        texts = self.store.rows(odd)
        self.values[name] = plain
        if texts:
            parsers = {True: casting.reader(kind, written), False: casting.reader(kind, style)}
            read = [(cell, is_typed, *parsers[is_typed](cell)) for cell, is_typed in texts]
            kinds = (pa.string(), pa.bool_(), tables.ARROW[kind], pa.string())
            arrays = [pa.array(cells, kind) for cells, kind in zip(zip(*read, strict=True), kinds, strict=True)]
            lent = self.store.lend(self._name(), pa.Table.from_arrays(arrays, ["text", "typed", "value", "reason"]))
            other = self.join(lent, f"{lent}.text = {text} AND {lent}.typed = {typed}", "value")
            self.values[name] = f"coalesce({plain}, {other})"
            self.uncast.append(Check(name, f"{lent}.reason IS NOT NULL", f"{lent}.reason"))

    def missing(self, *names: str) -> list[Check]:
        """Refuse rows without a value in a column that must have one."""
        return [Check(name, f"{self.texts[name]} IS NULL", literal(f"{name} is missing")) for name in names]


@dataclass(frozen=True)
class Settled:
    """The account of a table whose used rows stand in the store under its name."""

    quarantine: pa.Table
    reconciliation: Reconciliation
    exclusions: tuple[Excluded, ...]
    notes: tuple[str, ...]


def settle(
    intake: Intake, checks: Sequence[Check], *, changed: Mapping[str, str] | None = None, unique: bool = False
) -> Settled:
    """Part used rows from the others and account for all of them.

    Args:
        intake: The rows.
        checks: What is wrong with them: a row has one reason, that of the first check that applies.
        changed: SQL of columns that replace the cast ones.
        unique: Whether the table has one row per key. Of exact duplicates the first row stays. Where rows of a key differ, all
            of them are refused: nobody can tell which is right, and the order of the file must not decide.

    Raises:
        SourceError: More rows, or more of the amount, are quarantined than the limits allow.
    """
    store, name = intake.store, intake.table.name
    origin = {"source_file": literal(intake.sheet.file), "source_line": "line"}
    cells = {**intake.values, **(changed or {})}
    columns = ", ".join(f"{cells[column]} AS {quoted(column)}" for column in intake.table.columns if column not in origin)
    failed = "".join(f" WHEN {check.holds} THEN {place}" for place, check in enumerate(checks))
    store.con.execute(
        f"CREATE TABLE {name}_taken AS SELECT t.line, {columns}, {intake.excluded} AS excluded, "
        f"CASE WHEN {intake.excluded} IS NOT NULL THEN NULL{failed} END AS failed FROM {intake.rows}"
    )
    checks = [*checks, *(_duplicates(intake, place=len(checks)) if unique else ())]
    quarantine = _quarantine(intake, checks)
    has_amount = "amount" in intake.own
    reconciliation = _reconciliation(intake, has_amount=has_amount)
    _hold(intake, quarantine, meant=reconciliation.read - reconciliation.excluded, has_amount=has_amount)
    exclusions = store.rows(
        f"SELECT excluded, count(*), {_total('TRUE') if has_amount else 'NULL'} FROM {name}_taken WHERE excluded IS NOT NULL "
        "GROUP BY excluded ORDER BY min(line)"
    )
    store.con.execute(f"DELETE FROM {name}_taken WHERE failed IS NOT NULL OR excluded IS NOT NULL")
    own = ", ".join(f"{origin.get(column, quoted(column))} AS {quoted(column)}" for column in intake.table.columns)
    store.con.execute(f"CREATE VIEW {name} AS SELECT {own} FROM {name}_taken")
    store.con.execute(f"DROP TABLE {name}_text")
    notes = tuple(f"{intake.sheet.file}: {note}" for note in intake.sheet.notes)
    return Settled(quarantine, reconciliation, tuple(Excluded(name, *row) for row in exclusions), notes)


def _duplicates(intake: Intake, *, place: int) -> list[Check]:
    """Refuse what rows that passed the checks say twice about a key; they have failed at ``place``, or at the one behind it."""
    store, name, key = intake.store, intake.table.name, ", ".join(map(quoted, intake.table.key))
    alive = "failed IS NULL AND excluded IS NULL"
    doubled = f"SELECT {key} FROM {name}_taken WHERE {alive} GROUP BY {key} HAVING count(*) > 1"
    lines = [line for (line,) in store.rows(f"SELECT line FROM {name}_taken SEMI JOIN ({doubled}) USING ({key}) WHERE {alive}")]
    if lines:
        # All that the file says of a row is compared, whatever becomes of it afterwards.
        said = ", ".join(f"{intake.values[column]} AS {quoted(column)}" for column in intake.own)
        row = f"row({', '.join(map(quoted, intake.own))})"
        again = f"""
            WITH said AS (SELECT t.line, {said} FROM {intake.rows} WHERE t.line IN (SELECT unnest(?))),
            firsts AS (SELECT {key}, min(line) AS first_line, count(DISTINCT {row}) > 1 AS differ FROM said GROUP BY {key})
            SELECT line, if(differ, {place + 1}, {place}) AS failed FROM said JOIN firsts USING ({key})
            WHERE differ OR line > first_line"""
        store.con.execute(
            f"UPDATE {name}_taken AS taken SET failed = again.failed FROM ({again}) AS again WHERE taken.line = again.line",
            [lines],
        )
    column = intake.table.key[0]
    return [Check(column, "", literal(DUPLICATE)), Check(column, "", literal(CONFLICT))]


def _excluded(sheet: readers.TextTable, source: Source, table: tables.Table) -> str:
    cases = ""
    for number, rule in enumerate(source.exclude):
        place = sheet.place(rule.column, key=f"crm.{table.name}.exclude[{number}].column")
        values = ", ".join(literal(value.strip()) for value in rule.equals)
        cases += f" WHEN coalesce(t.c{place}, '') IN ({values}) THEN {literal(rule.reason)}"
    return f"CASE{cases} END" if cases else "CAST(NULL AS VARCHAR)"


def _quarantine(intake: Intake, checks: Sequence[Check]) -> pa.Table:
    """List the refused rows and the records that do not fit the header, by line."""
    name, owner = intake.table.name, intake.texts.get("rep_id", "NULL")
    amount = intake.values["amount"] if "amount" in intake.own else "NULL"
    cases = {
        "column": [literal(intake.own.get(check.column, check.column)) for check in checks],
        "value": [intake.texts.get(check.column, "NULL") for check in checks],
        "reason": [check.reason for check in checks],
    }
    cells = ", ".join(
        "CASE failed" + "".join(f" WHEN {place} THEN {cell}" for place, cell in enumerate(own)) + " END"
        for own in cases.values()
    )
    records = (
        intake.store.rows(
            f"SELECT t.line, {cells}, {owner}, {amount} FROM {intake.rows} "
            f"JOIN (SELECT line, failed FROM {name}_taken WHERE failed IS NOT NULL) AS refused ON refused.line = t.line"
        )
        if checks
        else []
    )
    records += [(record.line, None, record.text[:200], record.reason, None, None) for record in intake.sheet.broken]
    records.sort(key=lambda record: record[0])
    columns = [[name] * len(records), [intake.sheet.file] * len(records), *zip(*records, strict=True)]
    arrays = [pa.array(cell, kind) for cell, kind in zip(columns, tables.QUARANTINE.types, strict=False)]
    return pa.Table.from_arrays(arrays, schema=tables.QUARANTINE) if records else tables.QUARANTINE.empty_table()


def _total(rows: str) -> str:
    return f"coalesce(sum(amount) FILTER (WHERE {rows}), CAST(0 AS DECIMAL(18, 4)))"


def _reconciliation(intake: Intake, *, has_amount: bool) -> Reconciliation:
    parts = ("TRUE", "failed IS NULL AND excluded IS NULL", "failed IS NOT NULL", "excluded IS NOT NULL")
    counts = ", ".join(f"count(*) FILTER (WHERE {rows})" for rows in parts)
    amounts = ", ".join(_total(rows) if has_amount else "NULL" for rows in parts)
    found = intake.store.row(f"SELECT {counts}, {amounts} FROM {intake.table.name}_taken")
    (read, used, refused, excluded), broken = found[:4], len(intake.sheet.broken)
    return Reconciliation(intake.table.name, intake.sheet.file, read + broken, used, refused + broken, excluded, *found[4:])


def _hold(intake: Intake, quarantine: pa.Table, *, meant: int, has_amount: bool) -> None:
    """Stop where too much is quarantined: a review of what is left would mislead.

    Excluded rows do not count: a total row would hide half of what is lost.
    """
    quarantine = quarantine.filter(pc.not_equal(quarantine["reason"], IMPLAUSIBLE))
    limits, share = intake.limits, quarantine.num_rows / meant if meant else 0.0
    total = Decimal(0)
    if has_amount:
        found = intake.store.row(f"SELECT sum(abs(amount)) FILTER (WHERE excluded IS NULL) FROM {intake.table.name}_taken")
        total = found[0] or total
    set_aside = pc.sum(pc.abs(quarantine["amount"])).as_py() or Decimal(0)
    share_of_amount = float(set_aside / total) if total else 0.0
    if at_most(share, limits.rows) and at_most(set_aside, total * Decimal(str(limits.amount))):
        return
    rows = f"{quarantine.num_rows:,} of {meant:,} rows ({share:.1%}; the limit is {limits.rows:.1%})"
    money = f"{share_of_amount:.1%} of the amount (the limit is {limits.amount:.1%})"
    raise SourceError(
        f"Too much of the table {intake.table.name} cannot be used: {rows}{', ' + money if total else ''}.",
        where=intake.sheet.file,
        found=_examples(quarantine),
        do=_advice(intake, quarantine),
    )


def _examples(quarantine: pa.Table) -> str:
    counts = Counter(quarantine["reason"].to_pylist())
    parts = [f"{rows:,} x {reason}" for reason, rows in counts.most_common(5)]
    for row in quarantine.slice(0, 3).to_pylist():
        column = f", {row['column']}" if row["column"] else ""
        parts.append(f"line {row['line']}{column}: {row['value'] or 'nothing'!r} ({row['reason']})")
    return "; ".join(parts)


def _advice(intake: Intake, quarantine: pa.Table) -> str:
    form = intake.format
    reasons = [reason for reason, _ in Counter(quarantine["reason"].to_pylist()).most_common(3)]
    hints = [next((hint for word, hint in _HINTS if word in reason), None) for reason in reasons]
    known = list(dict.fromkeys(hint.format(dates=form.dates, decimal=form.decimal) for hint in hints if hint))
    check = f"Check {'; '.join(known)}. " if known else ""
    return f"{check}Correct the export or its description in params; crm.quarantine sets the limits."
