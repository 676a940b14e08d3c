"""Files to text: CSV, Parquet, Excel and DuckDB in one shape.

Every value becomes text and nothing is guessed: ``00123``, ``NA`` and ids of 18 digits stay what they are. Typed cells
(Parquet, Excel, DuckDB) are written as ISO dates and plain decimals and marked as typed, because the declared decimal mark and
date order describe text only.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reviewlib import files
from reviewlib.errors import SourceError
from reviewlib.evidence import csv_files, sheet_size
from reviewlib.evidence.csv_files import Broken, Column, Contents, batch, refused
from reviewlib.params.crm import Format
from reviewlib.params.rules import nearest

if TYPE_CHECKING:
    import duckdb

_CHUNK: Final = 100_000
#: By a column's time zone, what is not written of a point in time.
_NOTHING_BEHIND: Final = {None: r"( 00:00:00)?\.000000$", "UTC": r"\.000000$"}
#: What may separate the fields of a CSV file where nobody said it.
DELIMITERS: Final = (",", ";", "\t", "|")


@dataclass(frozen=True)
class TextTable:
    """A file as text: a table in DuckDB, and what belongs to it.

    The table has the columns ``c0``, ``c1``, ... (trimmed text; empty text is missing) and ``line``: the physical line (CSV),
    sheet row (Excel) or row number (Parquet, DuckDB) on which each record starts. Rows stand in the order of the file. Instead
    of texts it has what was taken of them.

    Attributes:
        con: The connection that has the table.
        name: The table's name there.
        file: The file's base name.
        columns: Those of the file, their names trimmed.
        rows: How many rows the table has.
        broken: Records that do not fit the header.
        notes: What was read otherwise than it stands in the file.
    """

    con: duckdb.DuckDBPyConnection
    name: str
    file: str
    columns: Sequence[Column]
    rows: int
    broken: tuple[Broken, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def header(self) -> list[str]:
        """The file's own column names."""
        return [column.name for column in self.columns]

    def column(self, sql: str) -> pa.Array:
        """Fetch a column, in the order of the file."""
        table = self.con.table(self.name).project(f"{sql} AS cell, line").order("line").to_arrow_table()
        return table["cell"].combine_chunks()

    def find(self, name: str, *, key: str) -> Column:
        """Find a column by the file's own name.

        Args:
            name: The name that params give.
            key: The key of params that gives it, for the message.

        Raises:
            SourceError: No column, or more than one, has this name.
        """
        found = [column for column in self.columns if column.name == name.strip()]
        if len(found) == 1:
            return found[0]
        if found:
            raise SourceError(
                f"The column {name!r} stands {len(found)} times in the header.",
                where=f"{self.file}, {key}",
                found=f"columns {' and '.join(str(column.place + 1) for column in found)} of the file",
                do="Rename or remove one of them in the export.",
            )
        known = "the columns " + ", ".join(map(repr, self.header))
        raise SourceError(f"There is no column {name!r}.", where=f"{self.file}, {key}", found=known, do=self._advice(name))

    def _advice(self, name: str) -> str:
        if len(self.header) == 1:
            other = next((mark for mark in DELIMITERS if mark in self.header[0]), None)
            if other:
                return f"The header is a single column: is the delimiter {other!r}? Set format.delimiter."
        close = nearest(name, self.header)
        return f"Did you mean {close!r}?" if close else "Write the column's name as it stands in the file."


#: What is taken of a column: SQL by the names that it has in the table.
Taking = Callable[[Column], Mapping[str, str]]


def read(
    path: Path,
    form: Format,
    con: duckdb.DuckDBPyConnection | None = None,
    name: str = "contents",
    taking: Taking = lambda column: {column.cell: column.text},
) -> TextTable:
    """Read a file by its suffix: .csv .tsv .txt .parquet .xlsx .duckdb .db.

    Args:
        path: The file.
        form: How it writes its values.
        con: The connection that gets the table; a new one where it is not given.
        name: The table's name, a plain word.
        taking: What is taken of each column: its text, where nothing else is asked.

    Raises:
        SourceError: The file is missing, empty, binary, in another encoding, or of a kind that is not read.
    """
    import duckdb

    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        known = " ".join(sorted(_READERS))
        raise refused(path, "This kind of file is not read.", found=path.suffix or "no suffix", do=f"Use {known}.")
    if not path.is_file():
        raise _missing(path)
    return _stored(reader(path, form), path, con or duckdb.connect(), name, taking)


def read_typed(rows: pa.Table, shown: str, con: duckdb.DuckDBPyConnection, name: str, taking: Taking) -> TextTable:
    """Take rows whose columns are typed already, from somewhere that is ``shown`` as their file.

    Raises:
        SourceError: There is none.
    """
    return _stored(_typed(rows.schema, rows.to_batches(_CHUNK), contextlib.nullcontext()), Path(shown), con, name, taking)


def _stored(contents: Contents, path: Path, con: duckdb.DuckDBPyConnection, name: str, taking: Taking) -> TextTable:
    """Make a table of what a file holds.

    Raises:
        SourceError: There is no row in it, or there are too many columns.
    """
    if len(contents.columns) > files.TABLE_COLUMNS:
        found = f"{len(contents.columns):,}; at most {files.TABLE_COLUMNS:,} are read"
        raise refused(path, "The table has too many columns.", found=found, do="Export the columns you need.")
    flags = [column.typed for column in contents.columns if column.typed not in ("true", "false")]
    cells = {column.cell: column.held for column in contents.columns}
    schema = pa.schema({"line": pa.int64(), **cells, **dict.fromkeys(flags, pa.bool_())})
    taken = [f"{sql} AS {own}" for column in contents.columns for own, sql in taking(column).items()]
    failed = list[SourceError]()
    con.register("read", pa.RecordBatchReader.from_batches(schema, _until_one_fails(contents.batches, failed, path)))
    con.execute(f"CREATE TEMP TABLE {name} AS SELECT {', '.join(['line', *flags, *taken])} FROM read")
    con.unregister("read")
    if failed:
        raise failed[0]
    rows, broken, notes = len(con.table(name)), tuple(contents.broken), tuple(contents.notes)
    if not rows and not broken:
        raise refused(path, "The file has no rows.", found="a header and nothing below it", do="Export again.")
    return TextTable(con, name, path.name, contents.columns, rows, broken, notes)


def _until_one_fails(batches: Iterable[pa.RecordBatch], failed: list[SourceError], path: Path) -> Iterator[pa.RecordBatch]:
    """Hold what went wrong, because DuckDB would tell it in words of its own."""
    try:
        yield from batches
    except SourceError as error:
        failed.append(error)
    except (ValueError, OverflowError) as error:
        what, do = (
            "A typed cell holds what Python has no value for, such as a date without end.",
            "Correct it, or cast it to text.",
        )
        failed.append(refused(path, what, found=str(error).splitlines()[0][:120], do=do))


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


def _read_parquet(path: Path, form: Format) -> Contents:
    import pyarrow.parquet as pq

    with _parquet(path):
        file = pq.ParquetFile(path)
    return _typed(file.schema_arrow, file.iter_batches(_CHUNK), _parquet(path))


@contextlib.contextmanager
def _parquet(path: Path) -> Iterator[None]:
    """Say of what cannot be read that it is no Parquet file."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise refused(path, "The file is no Parquet file.", found=str(error)[:120], do="Export again.") from None


def _read_duckdb(path: Path, form: Format) -> Contents:
    import duckdb

    try:
        connection = duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        first = str(error).splitlines()[0][:120]
        raise refused(path, "The file cannot be opened by DuckDB.", found=first, do="Close it elsewhere.") from None
    listed = "SELECT table_schema, table_name FROM information_schema.tables ORDER BY ALL"
    names = {f"{schema}.{name}": (schema, name) for schema, name in connection.execute(listed).fetchall()}
    schema, name = _table(path, form.table, names)
    rows = connection.table(f"{_quoted(schema)}.{_quoted(name)}").to_arrow_reader(_CHUNK)
    return _typed(rows.schema, rows, connection)


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
    raise refused(path, what, found=known, do="Set format.table to one of them.")


def _typed(schema: pa.Schema, batches: Iterable[pa.RecordBatch], told: AbstractContextManager[object]) -> Contents:
    """Write typed columns as text, but for days and amounts; a column that is text already is as if it came from CSV."""
    columns = [
        Column(place, name.strip(), "false" if _is_text(kind) else "true", kind if _is_kept(kind) else pa.string())
        for place, (name, kind) in enumerate(zip(schema.names, schema.types, strict=True))
    ]
    return Contents(columns, _numbered(batches, told))


def _numbered(batches: Iterable[pa.RecordBatch], told: AbstractContextManager[object]) -> Iterator[pa.RecordBatch]:
    first = 1
    with told:
        for rows in batches:
            cells = [column if _is_kept(column.type) else _texts(column) for column in rows.columns]
            yield batch(np.arange(first, first + rows.num_rows), cells)
            first += rows.num_rows


def _is_kept(kind: pa.DataType) -> bool:
    return bool(pa.types.is_date32(kind) or (pa.types.is_decimal128(kind) and kind.scale >= 0))


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _texts(column: pa.Array) -> pa.Array:
    """Write a column as ``text`` writes each of its values; only what Arrow would write otherwise goes through Python."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    column = column.cast(kind)
    if _is_text(kind) or any(is_plain(kind) for is_plain in (pa.types.is_integer, pa.types.is_boolean, pa.types.is_date)):
        return column.cast(pa.string())
    texts, odd = pa.nulls(len(column), pa.string()), column.is_valid()
    if pa.types.is_floating(kind):
        written = column.cast(pa.float64()).cast(pa.string())
        short = pc.utf8_rtrim(pc.utf8_rtrim(written, "0"), ".")
        texts = pc.if_else(pc.match_substring(written, "."), short, written)
        odd = pc.match_substring_regex(written, "[a-zA-Z]")  # an exponent, nan, inf
    elif pa.types.is_timestamp(kind) and kind.tz in _NOTHING_BEHIND:
        with contextlib.suppress(pa.ArrowInvalid):  # finer than microseconds
            written = pc.replace_substring_regex(
                column.cast(pa.timestamp("us")).cast(pa.string()), _NOTHING_BEHIND[kind.tz], ""
            )
            texts, odd = pc.binary_join_element_wise(written, "+00:00" if kind.tz else "", ""), pa.array([False] * len(column))
    slow = pa.array(map(text, column.filter(odd).to_pylist()), pa.string())
    return pc.replace_with_mask(texts, pc.fill_null(odd, False), slow)


def _read_excel(path: Path, form: Format) -> Contents:
    rows = _cells(path, form.sheet)
    filled = [(number, row) for number, row in enumerate(rows, start=1) if any(text(cell).strip() for cell in row)]
    if not filled:
        raise refused(path, "The sheet is empty.", found="no header", do="Export again, or set format.sheet.")
    (_, header), *body = filled
    cells = list(zip(*(row for _, row in body), strict=True)) or [()] * len(header)
    typed, flags = list[str](), dict[str, pa.Array]()
    for at, column in enumerate(cells):
        kinds = {not isinstance(cell, str) for cell in column if cell != ""}
        typed.append(f"t{at}" if len(kinds) == 2 else str(kinds == {True}).lower())
        if len(kinds) == 2:
            flags[typed[-1]] = pa.array([not isinstance(cell, str) for cell in column])
    texts = [pa.array([text(cell) for cell in column], pa.string()) for column in cells]
    made = batch(np.array([number for number, _ in body], np.int64), texts, flags)
    columns = [Column(at, text(cell).strip(), typed[at]) for at, cell in enumerate(header)]
    return Contents(columns, [made])


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
            raise refused(path, f"There is no sheet {name!r}.", found=", ".join(names), do=f"Did you mean {close!r}?")
        rows: list[list[Any]] = book.get_sheet_by_name(name or names[0]).to_python(skip_empty_area=False)
    except (python_calamine.CalamineError, OSError) as error:
        raise sheet_size.no_excel(path.name, error) from None
    return rows


_READERS: Final[dict[str, Callable[[Path, Format], Contents]]] = {
    ".csv": csv_files.read,
    ".tsv": csv_files.read,
    ".txt": csv_files.read,
    ".parquet": _read_parquet,
    ".xlsx": _read_excel,
    ".duckdb": _read_duckdb,
    ".db": _read_duckdb,
}
