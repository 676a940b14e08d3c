"""One file to one canonical table: cast, checked, and every row accounted for.

A row is used, quarantined with one reason, or excluded on purpose; the three add up to what was read, in rows and in amount.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from reviewlib.errors import SourceError
from reviewlib.evidence import casting, readers, tables
from reviewlib.evidence.comparison import at_most
from reviewlib.params.crm import Format, Limits, Source
from reviewlib.params.model import Params

Flags = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]

DUPLICATE: Final = "an exact duplicate of an earlier row"
CONFLICT: Final = "another row has the same key and other content"

_HINTS: Final = (
    ("number of fields", "format.delimiter, and quotes around fields that hold the delimiter"),
    ("quotes", "the quotes of the lines named"),
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
class Check:
    """What is wrong in a column, row by row: a reason, or None."""

    column: str
    reasons: Texts


@dataclass(frozen=True)
class Intake:
    """A file's rows, every mapped column as trimmed text and as typed values.

    Attributes:
        own: Canonical column to the file's own name.
        excluded: The reason of each row that is left out on purpose, else None.
    """

    table: tables.Table
    sheet: readers.TextTable
    format: Format
    limits: Limits
    own: Mapping[str, str]
    texts: Mapping[str, pa.Array]
    casts: Mapping[str, casting.Cast]
    excluded: Texts

    @property
    def size(self) -> int:
        """Rows that fit the header."""
        return self.sheet.rows

    def values(self, name: str) -> pa.Array:
        """A canonical column's values; all missing where it is not mapped."""
        if name in self.casts:
            return self.casts[name].values
        return pa.nulls(self.size, tables.ARROW[self.table.columns[name]])

    def missing(self, *names: str) -> list[Check]:
        """Refuse rows without a value in a column that must have one."""
        return [self.check(name, np.asarray(self.texts[name].is_null()), f"{name} is missing") for name in names]

    def uncast(self) -> list[Check]:
        """Refuse rows with a value that does not read as its column's type."""
        return [Check(name, cast.reasons) for name, cast in self.casts.items()]

    def check(self, column: str, rows: Flags, reason: str) -> Check:
        """Refuse these rows for one reason."""
        return Check(column, np.where(rows, reason, None))  # type: ignore[call-overload]

    def duplicates(self, checks: Sequence[Check]) -> Check:
        """Refuse what rows that passed the checks say twice about a key.

        Of exact duplicates the first row stays. Where rows of a key differ, all of them are refused: nobody can tell which
        is right, and the order of the file must not decide.
        """
        alive = np.flatnonzero(self.alive(checks))
        table = pa.table({name: self.texts[name].take(pa.array(alive)) for name in self.table.key})
        if table.group_by(list(self.table.key)).aggregate([]).num_rows == len(alive):
            return Check(self.table.key[0], np.full(self.size, None, np.object_))
        keys = pd.MultiIndex.from_arrays([key.to_pandas() for key in table.columns])
        codes, _ = keys.factorize()
        firsts = alive[np.unique(codes, return_index=True)[1]][codes]
        again = np.flatnonzero(firsts != alive)
        reasons: Texts = np.full(self.size, None, np.object_)
        reasons[alive[again]] = DUPLICATE
        differs = ~self._same(alive[again], firsts[again])
        reasons[alive[np.isin(codes, codes[again[differs]])]] = CONFLICT
        return Check(self.table.key[0], reasons)

    def _same(self, rows: npt.NDArray[np.intp], others: npt.NDArray[np.intp]) -> Flags:
        """Tell which rows read the same, in every mapped column, as the others beside them."""
        same = np.ones(len(rows), np.bool_)
        for cast in self.casts.values():
            left, right = cast.values.take(pa.array(rows)), cast.values.take(pa.array(others))
            equal = pc.or_(pc.fill_null(pc.equal(left, right), False), pc.and_(left.is_null(), right.is_null()))
            same &= np.asarray(equal)
        return same

    def alive(self, checks: Sequence[Check]) -> Flags:
        """Tell which rows are neither excluded nor refused by these checks."""
        alive = _none(self.excluded)
        for check in checks:
            alive &= _none(check.reasons)
        return alive


@dataclass(frozen=True)
class Settled:
    """A table's used rows with their account. ``lines`` are the physical lines of the used rows."""

    used: pa.Table
    lines: npt.NDArray[np.int64]
    quarantine: pa.Table
    reconciliation: Reconciliation
    exclusions: tuple[Excluded, ...]


def take(params: Params, table: tables.Table) -> Intake:
    """Read the source of a table and cast its mapped columns.

    Raises:
        SourceError: The file cannot be read, or a mapped column is not in it.
    """
    source = getattr(params.crm, table.name)
    form: Format = source.format
    sheet = readers.read(params.file(source), form)
    columns: dict[str, str] = source.columns.model_dump(by_alias=True, exclude_none=True)
    zone = ZoneInfo(params.timezone) if params.timezone else None
    style = casting.ValueFormat(decimal=form.decimal, dates=form.dates, zone=zone, currency=params.currency)
    texts, values = dict[str, pa.Array](), dict[str, casting.Cast]()
    for name, own in columns.items():
        place = sheet.place(own, key=f"crm.{table.name}.columns.{name}")
        kind = table.columns[name]
        aliases = params.crm.aliases.get(name) if kind == "text" else None
        own_texts = sheet.column(f"c{place}")
        texts[name] = recoded(own_texts, aliases, pa.string(), keep=True) if aliases else own_texts
        values[name] = casting.column(texts[name], kind, style=style, typed=np.asarray(sheet.column(sheet.typed[place])))
    return Intake(table, sheet, form, params.crm.quarantine, columns, texts, values, _excluded(sheet, source, table))


def settle(intake: Intake, checks: Sequence[Check], *, changed: Mapping[str, pa.Array] | None = None) -> Settled:
    """Part used rows from the others and account for all of them.

    A row has one reason, that of the first check that applies. ``changed`` columns replace or complete the cast ones.

    Raises:
        SourceError: More rows, or more of the amount, are quarantined than the limits allow.
    """
    reasons, columns = _first(intake, checks)
    used, refused = _none(intake.excluded) & _none(reasons), ~_none(reasons)
    quarantine = _quarantine(intake, np.flatnonzero(refused), reasons, columns)
    amount = intake.values("amount") if "amount" in intake.own else None
    counts = Counter(intake.excluded[~_none(intake.excluded)])
    rows_read = intake.size + len(intake.sheet.broken)
    reconciliation = Reconciliation(
        intake.table.name,
        intake.sheet.file,
        rows_read,
        int(used.sum()),
        quarantine.num_rows,
        sum(counts.values()),
        *(_sum(amount, rows) for rows in (np.ones(intake.size, np.bool_), used, refused, ~_none(intake.excluded))),
    )
    _hold(intake, quarantine, meant=rows_read - sum(counts.values()), amount=amount)
    lines = intake.sheet.column("line")
    origin = {"source_file": pa.repeat(intake.sheet.file, intake.size), "source_line": lines}
    cells = {name: {**origin, **(changed or {})}.get(name) for name in intake.table.columns}
    arrays = [intake.values(name) if given is None else given for name, given in cells.items()]
    table = pa.Table.from_arrays(arrays, schema=intake.table.schema).filter(pa.array(used))
    excluded = tuple(
        Excluded(intake.table.name, reason, rows, _sum(amount, intake.excluded == reason)) for reason, rows in counts.items()
    )
    return Settled(table, lines.to_numpy()[used], quarantine, reconciliation, excluded)


def recoded(texts: pa.Array, mapping: Mapping[str, Any], kind: pa.DataType, *, keep: bool = False) -> pa.Array:
    """Replace every text by what the mapping says; others become missing, or stay where ``keep`` is set."""
    encoded = texts.dictionary_encode()
    values = [mapping.get(text, text if keep else None) for text in encoded.dictionary.to_pylist()]
    return pa.array(values, kind).take(encoded.indices)


def _none(reasons: Texts) -> Flags:
    return np.asarray(pd.isna(reasons), np.bool_)


def _excluded(sheet: readers.TextTable, source: Source, table: tables.Table) -> Texts:
    reasons: Texts = np.full(sheet.rows, None, np.object_)
    for number, rule in reversed(list(enumerate(source.exclude))):
        place = sheet.place(rule.column, key=f"crm.{table.name}.exclude[{number}].column")
        values = pa.array([value.strip() for value in rule.equals], pa.string())
        texts = pc.fill_null(sheet.column(f"c{place}"), "")
        reasons[np.asarray(pc.is_in(texts, value_set=values))] = rule.reason
    return reasons


def _first(intake: Intake, checks: Sequence[Check]) -> tuple[Texts, Texts]:
    reasons: Texts = np.full(intake.size, None, np.object_)
    columns: Texts = np.full(intake.size, None, np.object_)
    for check in reversed(checks):
        hit = ~_none(check.reasons) & _none(intake.excluded)
        reasons[hit] = check.reasons[hit]
        columns[hit] = check.column
    return reasons, columns


def _quarantine(intake: Intake, rows: npt.NDArray[np.intp], reasons: Texts, columns: Texts) -> pa.Table:
    """List the refused rows and the records that do not fit the header, by line."""
    chosen = pa.array(rows)
    texts = {name: text.take(chosen) for name, text in intake.texts.items()}
    amounts = (intake.values("amount") if "amount" in intake.own else pa.nulls(intake.size, tables.ARROW["money"])).take(chosen)
    owners = texts["rep_id"].to_pylist() if "rep_id" in texts else [None] * len(rows)
    lines = intake.sheet.column("line").to_numpy()
    records = [
        (int(lines[row]), intake.own.get(name, name), texts[name][at].as_py(), reasons[row], owner, amount)
        for at, (row, name, owner, amount) in enumerate(zip(rows, columns[rows], owners, amounts.to_pylist(), strict=True))
    ]
    records += [(record.line, None, record.text[:200], record.reason, None, None) for record in intake.sheet.broken]
    records.sort(key=lambda record: record[0])
    cells = [[intake.table.name] * len(records), [intake.sheet.file] * len(records), *zip(*records, strict=True)]
    arrays = [pa.array(cell, kind) for cell, kind in zip(cells, tables.QUARANTINE.types, strict=False)]
    return pa.Table.from_arrays(arrays, schema=tables.QUARANTINE) if records else tables.QUARANTINE.empty_table()


def _sum(amount: pa.Array | None, rows: Flags) -> Decimal | None:
    if amount is None:
        return None
    total: Decimal | None = pc.sum(amount.filter(pa.array(rows))).as_py()
    return total or Decimal(0)


def _hold(intake: Intake, quarantine: pa.Table, *, meant: int, amount: pa.Array | None) -> None:
    """Stop where too much is quarantined: a review of what is left would mislead.

    Excluded rows do not count: a total row would hide half of what is lost.
    """
    limits, share = intake.limits, quarantine.num_rows / meant if meant else 0.0
    total = Decimal(0)
    if amount is not None:
        total = pc.sum(pc.abs(amount.filter(pa.array(_none(intake.excluded))))).as_py() or total
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
