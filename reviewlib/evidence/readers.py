"""Files to text: CSV, Parquet, Excel and DuckDB in one shape.

Every value becomes text and nothing is guessed: ``00123``, ``NA`` and ids of 18 digits stay what they are. Typed cells
(Parquet, Excel, DuckDB) are written as ISO dates and plain decimals and marked as typed, because the declared decimal mark and
date order describe text only.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from reviewlib import files
from reviewlib.errors import SourceError
from reviewlib.evidence import sheet_size
from reviewlib.params.crm import Format
from reviewlib.params.rules import nearest

Flags = npt.NDArray[np.bool_]

_CHUNK: Final = 50_000
_DELIMITERS: Final = (",", ";", "\t", "|")
_ODD_FIELDS: Final = "another number of fields than the header"
_ODD_QUOTES: Final = "quotes that do not match"
_LONG_FIELD: Final = "{most:,} characters and no end of a field: quotes that do not match, or a text longer than is read"


@dataclass(frozen=True)
class Broken:
    """A record that has no columns: where it starts, what stands there, what is wrong."""

    line: int
    text: str
    reason: str


@dataclass(frozen=True)
class TextTable:
    """A file as text.

    Attributes:
        file: The file's base name.
        header: The file's own column names, trimmed.
        columns: One text array per column, trimmed; empty text is missing.
        typed: Per column, which cells were typed (None: none), so ISO dates and plain decimals.
        lines: The physical line (CSV), sheet row (Excel) or row number (Parquet, DuckDB) on which each record starts.
        broken: Records that do not fit the header.
    """

    file: str
    header: tuple[str, ...]
    columns: tuple[pa.Array, ...]
    typed: tuple[Flags | None, ...]
    lines: npt.NDArray[np.int64]
    broken: tuple[Broken, ...] = ()

    def place(self, name: str, *, key: str) -> int:
        """Find a column by the file's own name.

        Args:
            name: The name that params give.
            key: The key of params that gives it, for the message.

        Raises:
            SourceError: No column, or more than one, has this name.
        """
        places = [place for place, own in enumerate(self.header) if own == name.strip()]
        if len(places) == 1:
            return places[0]
        if places:
            raise SourceError(
                f"The column {name!r} stands {len(places)} times in the header.",
                where=f"{self.file}, {key}",
                found=f"columns {' and '.join(str(place + 1) for place in places)} of the file",
                do="Rename or remove one of them in the export.",
            )
        found = "the columns " + ", ".join(repr(name) for name in self.header)
        raise SourceError(f"There is no column {name!r}.", where=f"{self.file}, {key}", found=found, do=self._advice(name))

    def _advice(self, name: str) -> str:
        if len(self.header) == 1:
            other = next((mark for mark in _DELIMITERS if mark in self.header[0]), None)
            if other:
                return f"The header is a single column: is the delimiter {other!r}? Set format.delimiter."
        close = nearest(name, self.header)
        return f"Did you mean {close!r}?" if close else "Write the column's name as it stands in the file."


def read(path: Path, form: Format) -> TextTable:
    """Read a file by its suffix: .csv .tsv .txt .parquet .xlsx .duckdb .db.

    Raises:
        SourceError: The file is missing, empty, binary, in another encoding, or of a kind that is not read.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        known = " ".join(sorted(_READERS))
        raise _refused(path, "This kind of file is not read.", found=path.suffix or "no suffix", do=f"Use {known}.")
    if not path.is_file():
        raise _missing(path)
    sheet = reader(path, form)
    if len(sheet.header) > files.TABLE_COLUMNS:
        found = f"{len(sheet.header):,}; at most {files.TABLE_COLUMNS:,} are read"
        raise _refused(path, "The table has too many columns.", found=found, do="Export the columns you need.")
    if not len(sheet.lines) and not sheet.broken:
        raise _refused(path, "The file has no rows.", found="a header and nothing below it", do="Export again.")
    return sheet


def _refused(path: Path, what: str, *, found: str, do: str) -> SourceError:
    """What is wrong with a whole file."""
    return SourceError(what, where=path.name, found=found, do=do)


def text(value: object) -> str:
    """Write one typed value as text: ISO dates, plain decimals, nothing where it is missing."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | Decimal):
        return _decimal(value)
    if isinstance(value, dt.datetime):
        midnight = value.tzinfo is None and value.time() == dt.time()
        return value.date().isoformat() if midnight else value.isoformat(sep=" ")
    if isinstance(value, dt.date):
        return value.isoformat()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _decimal(value: float | Decimal) -> str:
    if not math.isfinite(value):
        return "" if math.isnan(value) else str(value)
    plain = format(Decimal(repr(value)) if isinstance(value, float) else value, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _missing(path: Path) -> SourceError:
    names = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    close = nearest(path.name, names)
    found = f"the folder holds {close!r}" if close else "no such file" if names else "no such folder, or an empty one"
    do = f"Did you mean {close!r}?" if close else "Put the export there, or correct the path (relative to the params file)."
    return SourceError("The file does not exist.", where=str(path), found=found, do=do)


# CSV ------------------------------------------------------------------------------------------------------------------------


def _read_csv(path: Path, form: Format) -> TextTable:
    lines = _decode(path, form.encoding)
    delimiter = "\t" if path.suffix.lower() == ".tsv" and "delimiter" not in form.model_fields_set else form.delimiter
    records = _records(lines, delimiter)
    _, header = next(records, (0, []))
    if not header:
        raise _refused(path, "The file is empty.", found="no header", do="Export again.")
    if isinstance(header, Broken):
        found = header.text[:80]
        raise SourceError("The header cannot be read.", where=f"{path.name}, line 1", found=found, do="Export again.")
    return _sheet_of_records(path.name, tuple(name.strip() for name in header), records, delimiter)


def _sheet_of_records(
    file: str, header: tuple[str, ...], records: Iterator[tuple[int, list[str] | Broken]], delimiter: str
) -> TextTable:
    width, numbers, rows, broken = len(header), list[int](), list[list[str]](), list[Broken]()
    chunks: list[list[pa.Array]] = [[] for _ in header]
    for number, row in records:
        if isinstance(row, Broken):
            broken.append(row)
        elif len(row) != width:
            broken.append(Broken(number, delimiter.join(row), _ODD_FIELDS))
        else:
            numbers.append(number)
            rows.append(row)
            if len(rows) == _CHUNK:
                _transpose(rows, chunks)
    _transpose(rows, chunks)
    columns = tuple(pa.concat_arrays(chunk) if chunk else pa.array([], pa.string()) for chunk in chunks)
    return TextTable(file, header, columns, (None,) * width, np.array(numbers, np.int64), tuple(broken))


def _transpose(rows: list[list[str]], chunks: Sequence[list[pa.Array]]) -> None:
    """Move rows to the column chunks, so that a large file is never held as Python objects."""
    for chunk, values in zip(chunks, zip(*rows, strict=True), strict=False):
        chunk.append(_trim(pa.array(values, pa.string())))
    rows.clear()


def _records(lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str] | Broken]]:
    """Yield the physical line on which each record starts, and its fields, or what is wrong with it.

    A stray quote would swallow the lines down to the next quote: only its own line is given up, reading goes on below it.
    """
    start = 0
    while start < len(lines):
        base = start
        reader = csv.reader((lines[place] for place in range(base, len(lines))), delimiter=delimiter, strict=True)
        try:
            for row in reader:
                if any(map(str.strip, row)):
                    yield start + 1, row
                start = base + reader.line_num
        except csv.Error:
            most = csv.field_size_limit()
            long = sum(len(lines[place]) for place in range(start, base + reader.line_num)) > most
            reason = _LONG_FIELD.format(most=most) if long else _ODD_QUOTES
            yield start + 1, Broken(start + 1, lines[start].rstrip("\r\n"), reason)
            start += 1


def _decode(path: Path, encoding: str) -> list[str]:
    data = path.read_bytes()
    if data.startswith((b"PK\x03\x04", b"PAR1", b"\xd0\xcf\x11\xe0")) or (
        b"\0" in data and not encoding.lower().startswith("utf-")
    ):
        raise _binary(path, data)
    try:
        name = "utf-8-sig" if encoding.lower().replace("_", "-") in {"utf-8", "utf8"} else encoding
        lines = io.TextIOWrapper(io.BytesIO(data), encoding=name, errors="strict", newline="").readlines()
    except UnicodeError:
        raise _undecodable(path, data, encoding) from None
    if any("\0" in line for line in lines):
        raise _binary(path, data)
    return lines


def _binary(path: Path, data: bytes) -> SourceError:
    kind = "an Excel or zip file" if data.startswith((b"PK", b"\xd0\xcf")) else "bytes that are no text"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _refused(path, "The file is not in the declared encoding.", found="UTF-16", do="Set encoding: utf-16.")
    return _refused(path, "The file is binary, not CSV.", found=kind, do="Save the export as CSV, or name it .xlsx.")


def _undecodable(path: Path, data: bytes, encoding: str) -> SourceError:
    try:
        data.decode(encoding)
        position = len(data)
    except UnicodeDecodeError as error:
        position = error.start
    except UnicodeError:
        position = 0
    line = data.count(b"\n", 0, position) + 1
    other = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "cp1252"
    if b"\0" in data and other == "cp1252":
        return _binary(path, data)
    byte = data[position : position + 1].hex().upper() or "nothing more"
    return SourceError(
        f"The file is not {encoding}.",
        where=f"{path.name}, line {line}",
        found=f"byte {byte} at position {position}",
        do=f"Set format.encoding to what the export uses; try {other}." if other != encoding else "Set format.encoding.",
    )


def _trim(column: pa.Array) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)


# Typed sources --------------------------------------------------------------------------------------------------------------


def _read_parquet(path: Path, form: Format) -> TextTable:
    import pyarrow.parquet as pq

    try:
        return _sheet_of_table(path.name, pq.read_table(path))
    except pa.ArrowException as error:
        raise _refused(path, "The file is no Parquet file.", found=str(error)[:120], do="Export again.") from None


def _read_duckdb(path: Path, form: Format) -> TextTable:
    import duckdb

    try:
        connection = duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        first = str(error).splitlines()[0][:120]
        raise _refused(path, "The file cannot be opened by DuckDB.", found=first, do="Close it elsewhere.") from None
    with connection:
        listed = "SELECT table_schema, table_name FROM information_schema.tables ORDER BY ALL"
        names = {f"{schema}.{name}": (schema, name) for schema, name in connection.execute(listed).fetchall()}
        schema, name = _table(path, form.table, names)
        return _sheet_of_table(path.name, connection.table(f"{_quoted(schema)}.{_quoted(name)}").to_arrow_table())


def duckdb_tables(path: Path) -> list[str]:
    """Name the tables of a DuckDB file; none where it is no such file."""
    import duckdb

    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            rows = connection.execute("SELECT table_name FROM information_schema.tables ORDER BY ALL").fetchall()
    except duckdb.Error:
        return []
    return [str(name) for (name,) in rows]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _table(path: Path, wanted: str | None, names: dict[str, tuple[str, str]]) -> tuple[str, str]:
    fits = [both for full, both in names.items() if wanted in (None, full, both[1])]
    if len(fits) == 1:
        return fits[0]
    what = f"There is no table {wanted!r}." if wanted and not fits else "It does not say which table to read."
    known = ", ".join(name.removeprefix("main.") for name in names) or "no table"
    raise _refused(path, what, found=known, do="Set format.table to one of them.")


def _sheet_of_table(file: str, table: pa.Table) -> TextTable:
    pairs = [_texts(column.combine_chunks()) for column in table.columns]
    columns = tuple(_trim(column) for column, _ in pairs)
    filled = np.zeros(table.num_rows, np.bool_)
    for column in columns:
        filled |= np.asarray(column.is_valid())
    kept = pa.array(filled)
    return TextTable(
        file,
        tuple(name.strip() for name in table.column_names),
        tuple(column.filter(kept) for column in columns),
        tuple(np.ones(filled.sum(), np.bool_) if typed else None for _, typed in pairs),
        np.flatnonzero(filled).astype(np.int64) + 1,
    )


def _texts(column: pa.Array | pa.ChunkedArray) -> tuple[pa.Array, bool]:
    """Turn a typed column to text, and tell whether it was typed."""
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if any(test(kind) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)):
        return column.cast(kind).cast(pa.string()), False
    if pa.types.is_nested(kind) or pa.types.is_null(kind):
        return pa.array([text(value) for value in column.to_pylist()], pa.string()), True
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    return pa.array(map(text, encoded.dictionary.to_pylist()), pa.string()).take(encoded.indices), True


def _read_excel(path: Path, form: Format) -> TextTable:
    rows = _cells(path, form.sheet)
    filled = [(number, row) for number, row in enumerate(rows, start=1) if any(text(cell).strip() for cell in row)]
    if not filled:
        raise _refused(path, "The sheet is empty.", found="no header", do="Export again, or set format.sheet.")
    (_, header), *body = filled
    columns = list(zip(*(row for _, row in body), strict=True)) or [()] * len(header)
    return TextTable(
        path.name,
        tuple(text(cell).strip() for cell in header),
        tuple(_trim(pa.array([text(cell) for cell in column], pa.string())) for column in columns),
        tuple(np.array([not isinstance(cell, str) for cell in column], np.bool_) for column in columns),
        np.array([number for number, _ in body], np.int64),
    )


def _cells(path: Path, name: str | None) -> list[list[Any]]:
    try:
        import python_calamine
    except ImportError:
        raise SourceError(
            "Reading Excel needs one more package.", where=path.name, do='Run: pip install "reviewlib[excel]", or save as CSV.'
        ) from None
    sheet_size.refuse_bomb(path)
    try:
        book = python_calamine.load_workbook(path)
        names = book.sheet_names
        if name is not None and name not in names:
            close = nearest(name, names) or names[0]
            raise _refused(path, f"There is no sheet {name!r}.", found=", ".join(names), do=f"Did you mean {close!r}?")
        rows: list[list[Any]] = book.get_sheet_by_name(name or names[0]).to_python(skip_empty_area=False)
    except (python_calamine.CalamineError, OSError) as error:
        raise sheet_size.no_excel(path.name, error) from None
    return rows


_READERS: Final[dict[str, Callable[[Path, Format], TextTable]]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".txt": _read_csv,
    ".parquet": _read_parquet,
    ".xlsx": _read_excel,
    ".duckdb": _read_duckdb,
    ".db": _read_duckdb,
}
