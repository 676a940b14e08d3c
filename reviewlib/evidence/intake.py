"""One file to one canonical table: cast, checked, and every row accounted for.

A row is used, quarantined with one reason, or excluded on purpose; the three add up to what was read, in rows and in amount.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from reviewlib.errors import SourceError
from reviewlib.evidence import casting, readers, tables
from reviewlib.evidence.comparison import at_most
from reviewlib.evidence.csv_files import Column, written
from reviewlib.evidence.store import DealRows, TableStore, literal, quoted
from reviewlib.params.crm import Format, Limits, Source
from reviewlib.params.model import Params

if TYPE_CHECKING:
    from reviewlib.evidence.crm_database import CrmDatabase

#: The owner of deals that name none: they count in totals, under "unassigned".
NO_OWNER: Final = "(no owner)"
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


@dataclass(frozen=True)
class Settled:
    """The account of a table whose used rows stand in the store under its name."""

    quarantine: pa.Table
    reconciliation: Reconciliation
    exclusions: tuple[Excluded, ...]
    notes: tuple[str, ...]


class Taken(Protocol):
    """The rows of a source, of which each is used, quarantined or excluded: a table with ``excluded``, ``failed``, ``line``."""

    table: tables.Table
    own: Mapping[str, str]
    texts: dict[str, str]
    values: dict[str, str]
    uncast: list[Check]
    file: str
    broken: int
    format: Format
    limits: Limits

    @property
    def store(self) -> DealRows:
        """Where the table is."""

    @property
    def rows(self) -> str:
        """Where a query on the rows takes them from."""

    @property
    def excluded(self) -> str:
        """SQL of the reason of each row that is left out on purpose; missing for the others."""

    def meaning(self, text: str, mapping: Mapping[str, str]) -> str:
        """SQL of what the mapping says of a text; missing for every other one."""

    def list_price(self) -> str:
        """SQL of what a deal's product costs by the list."""

    def settle(self, checks: Sequence[Check], *, changed: Mapping[str, str], unique: bool) -> Settled:
        """Part used rows from the others and account for all of them."""


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

    def __init__(self, params: Params, table: tables.Table, store: TableStore, database: CrmDatabase | None = None):
        """Read the source of a table, from the database where it is a table there.

        Raises:
            SourceError: It cannot be read, or a mapped column is not in it.
        """
        source = getattr(params.crm, table.name)
        self.table, self.store = table, store
        self.format, self.limits = source.format, params.crm.quarantine
        self.own: Mapping[str, str] = source.columns.model_dump(by_alias=True, exclude_none=True)
        zone = ZoneInfo(params.timezone) if params.timezone else None
        self._style = casting.ValueFormat(self.format.decimal, self.format.dates, zone, params.currency)
        self._spelled: dict[str, str] = {}
        text, taking = f"{table.name}_text", partial(self._taken, named={*map(str.strip, source.named)})
        if database is not None and source.table is not None:
            found = database.contents(source.table, source.named, key=f"crm.{table.name}")
            self.sheet = readers.read_typed(found, source.table, store.con, text, taking)
        else:
            self.sheet = readers.read(params.file(source), source.format, store.con, text, taking)
        self.file, self.broken = self.sheet.file, len(self.sheet.broken)
        self.excluded = self._excluded(source)
        self.texts: dict[str, str] = {}
        self.values = {name: f"CAST(NULL AS {tables.SQL[kind]})" for name, kind in table.columns.items()}
        self.uncast: list[Check] = []
        self._joins: list[str] = []
        for name, own in self.own.items():
            kind, column = table.columns[name], self.sheet.find(own, key=f"crm.{table.name}.columns.{name}")
            aliases = params.crm.aliases.get(name) if kind == "text" else None
            text = self._spelled.get(column.cell, column.cell)
            self.texts[name] = f"coalesce({self.meaning(text, aliases)}, {text})" if aliases else text
            self.values[name] = self.texts[name] if kind == "text" else self._cast(name, kind, column)

    @property
    def rows(self) -> str:
        """Where a query on the rows takes them from."""
        return " ".join([self._texts, *self._joins])

    @property
    def _texts(self) -> str:
        return f"{self.table.name}_text AS t"

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

    def _taken(self, column: Column, *, named: Collection[str]) -> Mapping[str, str]:
        """Take what is plainly a value as such, and of the texts those that no value says."""
        values, rest = dict[str, str](), column.text
        for kind in {self.table.columns[name] for name, own in self.own.items() if own.strip() == column.name} - {"text"}:
            name = f"{kind}{column.place}"
            values[name], told = casting.kept(column.cell, kind, column.held), "TRUE"
            if not values[name]:
                values[name] = casting.plain(column.text, kind, self._style, column.typed)
                told = f"length({column.text}) = 10" if kind == "date" else ""
            if told:
                rest = f"CASE WHEN {told} AND {name} IS NOT NULL THEN NULL ELSE {column.text} END"
                self._spelled[column.cell] = f"coalesce({column.cell}, {written(name, tables.ARROW[kind])})"
        return {**values, column.cell: rest} if column.name in named else {}

    def _excluded(self, source: Source) -> str:
        cases = ""
        for number, rule in enumerate(source.exclude):
            cell = self.sheet.find(rule.column, key=f"crm.{self.table.name}.exclude[{number}].column").cell
            values = ", ".join(literal(value.strip()) for value in rule.equals)
            cases += f" WHEN coalesce({self._spelled.get(cell, cell)}, '') IN ({values}) THEN {literal(rule.reason)}"
        return f"CASE{cases} END" if cases else "CAST(NULL AS VARCHAR)"

    def _cast(self, name: str, kind: tables.Type, column: Column) -> str:
        """Cast a column: beside what is plainly a value, its other texts by a table of what each of them says."""
        value, odd = f"{kind}{column.place}", f"{kind}{column.place} IS NULL AND {column.cell} IS NOT NULL"
        texts = self.store.rows(f"SELECT DISTINCT {column.cell}, {column.typed} FROM {self._texts} WHERE {odd}")
        if not texts:
            return value
        parsers = {True: casting.reader(kind, casting.as_typed(self._style)), False: casting.reader(kind, self._style)}
        read = [(cell, is_typed, *parsers[is_typed](cell)) for cell, is_typed in texts]
        types = (pa.string(), pa.bool_(), tables.ARROW[kind], pa.string())
        arrays = [pa.array(cells, type) for cells, type in zip(zip(*read, strict=True), types, strict=True)]
        lent = self.store.lend(self._name(), pa.Table.from_arrays(arrays, ["text", "typed", "value", "reason"]))
        text = f"CASE WHEN {value} IS NULL THEN {column.cell} END"
        other = self.join(lent, f"{lent}.text = {text} AND {lent}.typed = {column.typed}", "value")
        self.uncast.append(Check(name, f"{lent}.reason IS NOT NULL", f"{lent}.reason"))
        return f"coalesce({value}, {other})"

    def list_price(self) -> str:
        """SQL of what a deal's product costs by the list."""
        return self.join("products", f"products.product = {self.texts['product']}", "list_price")

    def settle(self, checks: Sequence[Check], *, changed: Mapping[str, str] | None = None, unique: bool = False) -> Settled:
        """Part used rows from the others and account for all of them.

        Args:
            checks: What is wrong with them: a row has one reason, that of the first check that applies.
            changed: SQL of columns that replace the cast ones.
            unique: Whether the table has one row per key. Of exact duplicates the first row stays. Where rows of a key differ,
                all of them are refused: nobody can tell which is right, and the order of the file must not decide.

        Raises:
            SourceError: More rows, or more of the amount, are quarantined than the limits allow.
        """
        store, name = self.store, self.table.name
        origin = {"source_file": literal(self.sheet.file), "source_line": "line"}
        cells = {**self.values, **(changed or {})}
        columns = ", ".join(f"{cells[column]} AS {quoted(column)}" for column in self.table.columns if column not in origin)
        failed = "".join(f" WHEN {check.holds} THEN {place}" for place, check in enumerate(checks))
        store.con.execute(
            f"CREATE TEMP TABLE {name}_taken AS SELECT t.line, {columns}, {self.excluded} AS excluded, "
            f"CASE WHEN {self.excluded} IS NOT NULL THEN NULL{failed} END AS failed FROM {self.rows}"
        )
        checks = [*checks, *(_duplicates(self, place=len(checks)) if unique else ())]
        quarantine = _quarantine(self, checks)
        reconciliation, exclusions = accounted(self)
        counted = quarantine.filter(pc.not_equal(quarantine["reason"], IMPLAUSIBLE))
        refused, set_aside = Counter(counted["reason"].to_pylist()), pc.sum(pc.abs(counted["amount"])).as_py()
        hold(self, reconciliation, refused, set_aside, examples=counted)
        store.con.execute(f"DELETE FROM {name}_taken WHERE failed IS NOT NULL OR excluded IS NOT NULL")
        own = ", ".join(f"{origin.get(column, quoted(column))} AS {quoted(column)}" for column in self.table.columns)
        store.con.execute(f"CREATE TEMP VIEW {name} AS SELECT {own} FROM {name}_taken")
        store.con.execute(f"DROP TABLE {name}_text")
        notes = tuple(f"{self.sheet.file}: {note}" for note in self.sheet.notes)
        return Settled(quarantine, reconciliation, exclusions, notes)


def missing(intake: Taken, *names: str) -> list[Check]:
    """Refuse rows without a value in a column that must have one."""
    return [Check(name, f"{intake.texts[name]} IS NULL", literal(f"{name} is missing")) for name in names]


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
    return f"CAST(coalesce(sum(amount) FILTER (WHERE {rows}), 0) AS DECIMAL(38, 4))"


def accounted(intake: Taken) -> tuple[Reconciliation, tuple[Excluded, ...]]:
    """Add up what became of all rows, and of those that were left out on purpose by each reason."""
    name, has_amount = intake.table.name, "amount" in intake.own
    parts = {"all": "TRUE", "used": "failed IS NULL AND excluded IS NULL", "refused": "failed IS NOT NULL"}
    parts["left"] = "excluded IS NOT NULL"
    counts = ", ".join(f"count(*) FILTER (WHERE {rows}) AS {part}_rows" for part, rows in parts.items())
    amounts = ", ".join(f"{_total(rows) if has_amount else 'NULL'} AS {part}_amount" for part, rows in parts.items())
    read, used, refused, excluded, *sums = intake.store.row(f"SELECT {counts}, {amounts} FROM {name}_taken")
    counted = (read + intake.broken, used, refused + intake.broken, excluded)
    exclusions = intake.store.rows(
        f"SELECT excluded, count(*) AS rows, {_total('TRUE') if has_amount else 'NULL'} AS amount FROM {name}_taken "
        "WHERE excluded IS NOT NULL GROUP BY excluded ORDER BY min(line), excluded"
    )
    return Reconciliation(name, intake.file, *counted, *sums), tuple(Excluded(name, *row) for row in exclusions)


def hold(
    intake: Taken, account: Reconciliation, refused: Counter[str], set_aside: Decimal | None, *, examples: pa.Table
) -> None:
    """Stop where too much is quarantined: a review of what is left would mislead.

    Excluded rows do not count: a total row would hide half of what is lost.

    Args:
        intake: The rows.
        account: What became of them.
        refused: How many are quarantined, by reason; what is implausible is not counted.
        set_aside: The amount of these, all of it counted as positive.
        examples: Some of these.

    Raises:
        SourceError: More is quarantined than the limits allow.
    """
    meant, limits = account.read - account.excluded, intake.limits
    share, total, aside = refused.total() / meant if meant else 0.0, Decimal(0), set_aside or Decimal(0)
    if "amount" in intake.own:
        meant_amount = f"SELECT sum(abs(amount)) FILTER (WHERE excluded IS NULL) AS amount FROM {intake.table.name}_taken"
        total = intake.store.row(meant_amount)[0] or total
    share_of_amount = float(aside / total) if total else 0.0
    if at_most(share, limits.rows) and at_most(aside, total * Decimal(str(limits.amount))):
        return
    rows = f"{refused.total():,} of {meant:,} rows ({share:.1%}; the limit is {limits.rows:.1%})"
    money = f"{share_of_amount:.1%} of the amount (the limit is {limits.amount:.1%})"
    raise SourceError(
        f"Too much of the table {intake.table.name} cannot be used: {rows}{', ' + money if total else ''}.",
        where=intake.file,
        found=_examples(refused, examples),
        do=_advice(intake, refused),
    )


def _examples(refused: Counter[str], examples: pa.Table) -> str:
    parts = [f"{rows:,} x {reason}" for reason, rows in refused.most_common(5)]
    for row in examples.slice(0, 3).to_pylist():
        place = ", ".join(filter(None, (f"line {row['line']}" if row["line"] else None, row["column"])))
        parts.append(f"{place}: {row['value'] or 'nothing'!r} ({row['reason']})")
    return "; ".join(parts)


def _advice(intake: Taken, refused: Counter[str]) -> str:
    form = intake.format
    reasons = [reason for reason, _ in refused.most_common(3)]
    hints = [next((hint for word, hint in _HINTS if word in reason), None) for reason in reasons]
    known = list(dict.fromkeys(hint.format(dates=form.dates, decimal=form.decimal) for hint in hints if hint))
    check = f"Check {'; '.join(known)}. " if known else ""
    return f"{check}Correct the export or its description in params; crm.quarantine sets the limits."
