"""CSV files: every record by its physical line, whatever stands in between.

Runs of records that a look at their bytes proves to be plain are read many at a time; what stands between two runs is read
line by line. Both give the same rows.
"""

import codecs
import csv
import re
import sys
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from reviewlib import files
from reviewlib.errors import SourceError
from reviewlib.params.crm import Format

Lines = npt.NDArray[np.int64]

#: How many bytes are looked at together: at the most, and behind a record that is not plain.
_PIECE: Final = 4 << 20
_LITTLE: Final = 64 << 10
_CHUNK: Final = 50_000
_FEED, _RETURN, _QUOTE = b'\n\r"'
#: The first line that tells Excel what separates the fields.
SEP_LINE: Final = re.compile(r'\ufeff?"?sep=([^\w"\\])"?\r?\n', re.IGNORECASE)
_ODD_FIELDS: Final = "another number of fields than the header"
_ODD_QUOTES: Final = "quotes that do not match"
_ODD_BYTES: Final = "bytes that are not utf-8 in the column {name!r}"
_LONG_FIELD: Final = "{most:,} characters and no end of a field: quotes that do not match, or a text longer than is read"


@dataclass(frozen=True)
class Broken:
    """A record that has no columns: where it starts, what stands there, what is wrong."""

    line: int
    text: str
    reason: str


_Record: TypeAlias = tuple[int, list[str] | Broken]


@dataclass(frozen=True)
class Column:
    """A column of a file as it is read.

    Attributes:
        place: Where it stands; its cells are ``c`` and the place.
        name: The file's own name.
        typed: SQL for the cells that were typed, so hold ISO dates and plain decimals: ``false``, ``true``, or the name of a
            column beside it where cells differ.
        held: What the cells are: text, days, or amounts.
    """

    place: int
    name: str
    typed: str = "false"
    held: pa.DataType = field(default_factory=pa.string)

    @property
    def cell(self) -> str:
        """SQL of a cell as it is."""
        return f"c{self.place}"

    @property
    def text(self) -> str:
        """SQL of a cell as text."""
        return self.cell if pa.types.is_string(self.held) else written(self.cell, self.held)


def written(value: str, held: pa.DataType) -> str:
    """SQL of a day or an amount as text, without zeros behind the decimal mark."""
    text = f"CAST({value} AS VARCHAR)"
    return f"rtrim(rtrim({text}, '0'), '.')" if pa.types.is_decimal(held) and held.scale else text


@dataclass(frozen=True)
class Contents:
    """What a file holds, before it is a table; ``broken`` is filled while the batches are made."""

    columns: Sequence[Column]
    batches: Iterable[pa.RecordBatch]
    broken: Sequence[Broken] = ()
    notes: Sequence[str] = ()


def read(path: Path, form: Format) -> Contents:
    """Read a file as its format declares it.

    Raises:
        SourceError: It is empty, binary, or in another encoding.
    """
    csv.field_size_limit(files.CELL_CHARACTERS)
    rows = _Rows(path, form, spare=_Rows(path, form, spare=True).have_nothing_to_spare())
    columns = [Column(place, name.strip()) for place, name in enumerate(rows.header)]
    return Contents(columns, rows.batches(), rows.broken, rows.notes)


class _Rows:
    """The rows of a file, below its header; ``spare`` says that a field behind it is left out of each.

    Attributes:
        header: The names of the columns.
        broken: The records that are no rows, so far.
        notes: What is read otherwise than it stands there.
    """

    def __init__(self, path: Path, form: Format, *, spare: bool) -> None:
        self._path, self._form, self._spare = path, form, spare
        self._text = _Text(path, form.encoding)
        self._delimiter = "\t" if path.suffix.lower() == ".tsv" and "delimiter" not in form.model_fields_set else form.delimiter
        self.broken, self.notes = list[Broken](), list[str]()
        self._misfits = Counter[int]()
        first = self._text.take(1)
        if told := SEP_LINE.match(first.decode(errors="replace")):
            self._text.line += 1
            self._delimiter = form.delimiter if "delimiter" in form.model_fields_set else told[1]
            self.notes.append(f"The first line, sep={told[1]}, is no row; the fields are separated by {self._delimiter!r}.")
        else:
            self._text.give_back(first)
        if spare:
            self.notes.append("Every row ends with a delimiter, one more than the header has; nothing stands behind it.")
        self.header = self._header()

    def _header(self) -> list[str]:
        records = _records(self._text, self._delimiter)
        line, header = next(records, (0, []))
        records.close()
        if not header:
            raise refused(self._path, "The file is empty.", found="no header", do="Export again.")
        if isinstance(header, Broken):
            where, found = f"{self._path.name}, line {line}", header.text[:80]
            raise SourceError("The header cannot be read.", where=where, found=found, do="Export again.")
        if _odd_cell(header) is not None:
            raise _undecodable(self._path, self._form.encoding)
        return header

    def have_nothing_to_spare(self) -> bool:
        """Tell whether every row has one field more than the header, and nothing in it; where the first has, all are read."""
        width, records = len(self.header), _records(self._text, self._delimiter)
        first = next((row for _, row in records if not isinstance(row, Broken)), [])
        records.close()
        if len(first) != width + 1 or first[width].strip():
            return False
        return all(rows[f"c{width}"].null_count == len(rows) for rows in self._batches()) and not self._misfits[width]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Make the rows, in the order of the file."""
        names = ["line", *(f"c{place}" for place in range(len(self.header)))]
        return (rows.select(names) for rows in self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        width, size, least = len(self.header) + self._spare, _PIECE, 1
        while piece := self._text.take(size):
            ends, lines = _plain(piece, self._delimiter, width)
            if len(ends):
                self._text.give_back(piece[ends[-1] :])
                yield batch(self._text.line + lines[:-1], _columns(piece[: ends[-1]], self._delimiter, width, rows=len(ends)))
                self._text.line += int(lines[-1])
                size, least = (min(2 * size, _PIECE) if ends[-1] == len(piece) else _LITTLE), 1
            else:
                self._text.give_back(piece)
                rows = [*self._fitting(_records(self._text, self._delimiter, least=least), width)]
                if rows:
                    numbers, cells = zip(*rows, strict=True)
                    yield batch(np.array(numbers), [pa.array(column, pa.string()) for column in zip(*cells, strict=True)])
                size, least = _LITTLE, min(4 * least, _CHUNK)

    def _fitting(self, records: Iterable[_Record], width: int) -> Iterator[tuple[int, list[str]]]:
        """Set aside what is no row."""
        for line, row in records:
            if isinstance(row, Broken):
                self.broken.append(row)
            elif reason := self._misfit(row, width):
                text = self._delimiter.join(row).encode(errors="surrogateescape").decode(errors="replace")
                self.broken.append(Broken(line, text, reason))
            else:
                yield line, row

    def _misfit(self, row: list[str], width: int) -> str | None:
        if len(row) != width:
            self._misfits[len(row)] += 1
            return _ODD_FIELDS
        odd = _odd_cell(row)
        if odd is None:
            return None
        if not self._is_utf8:
            raise _undecodable(self._path, self._form.encoding)
        return _ODD_BYTES.format(name=[*self.header, ""][odd])

    @cached_property
    def _is_utf8(self) -> bool:
        return is_utf8(self._path)


def _plain(piece: bytes, delimiter: str, width: int) -> tuple[Lines, Lines]:
    """Find the plain records with which a piece begins: where each ends, and how many lines stand before it.

    Plain is a record of UTF-8 with so many fields, whose quotes stand around whole fields and whose lines end with a line feed.
    The lines have one number more, of those before whatever follows.
    """
    none = np.zeros(0, np.int64)
    if not delimiter.isascii():
        return none, none
    chars, odd = np.frombuffer(piece, np.uint8), [len(piece)]
    marks = (chars == ord(delimiter)) | (chars == _FEED)
    quoted = b'"' in piece
    if quoted:
        quotes = chars == _QUOTE
        marks &= ~np.logical_xor.accumulate(quotes)
        opening, closing = np.flatnonzero(quotes)[::2], np.flatnonzero(quotes)[1::2]
        odd += opening[~np.isin(chars[opening - 1], (ord(delimiter), _FEED, _QUOTE))][:1].tolist()
        odd += closing[~np.isin(chars[closing + 1], (ord(delimiter), _FEED, _RETURN, _QUOTE))][:1].tolist()
    if b"\r" in piece:
        returns = np.flatnonzero(chars == _RETURN)
        odd += returns[chars[returns + 1] != _FEED][:1].tolist()
    if not piece.isascii():
        try:
            piece.decode()
        except UnicodeDecodeError as error:
            odd.append(error.start)
    places = np.flatnonzero(marks)
    last = np.flatnonzero(chars[places] == _FEED)
    ends = places[last] + 1
    plain = (np.diff(last, prepend=-1) == width) & (np.diff(ends, prepend=0) <= files.CELL_CHARACTERS) & (ends <= min(odd))
    ends = ends if plain.all() else ends[: plain.argmin()]
    if not quoted:
        return ends, np.arange(len(ends) + 1)
    return ends, np.searchsorted(np.flatnonzero(chars == _FEED), np.concatenate(([0], ends)))


def _columns(piece: bytes, delimiter: str, width: int, *, rows: int) -> list[pa.Array]:
    """Read plain records, and hold that they are as many as were found."""
    import pyarrow.csv as plain_csv

    names = [str(place) for place in range(width)]
    table = plain_csv.read_csv(
        pa.BufferReader(piece),
        plain_csv.ReadOptions(use_threads=False, block_size=len(piece) + 1, column_names=names),
        plain_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=False),
        plain_csv.ConvertOptions(
            check_utf8=False, column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
        ),
    )
    if table.num_rows != rows:
        raise AssertionError(f"{rows} records were found, and {table.num_rows} were read")
    return [column.combine_chunks() for column in table.columns]


class _Text:
    """The bytes of a file as UTF-8, taken in pieces of whole lines; what was taken too much is given back.

    Attributes:
        line: The number of the line that comes next.
    """

    def __init__(self, path: Path, encoding: str) -> None:
        self._path, self._blocks = path, _blocks(path, encoding)
        self._held, self._at, self._read, self._again = b"", 0, 0, 0
        self.line = 1

    def take(self, size: int) -> bytes:
        """Take whole lines of at least so many bytes together, or what is left; a single line may be longer."""
        while self._held.find(b"\n", self._at + size - 1) < 0 and (block := next(self._blocks, b"")):
            self._held, self._at = self._held[self._at :] + block, 0
            self._read += len(block)
        start, held = self._at, self._held
        self._at = held.rfind(b"\n", start, start + size) + 1 or held.find(b"\n", start) + 1 or len(held)
        return held[start : self._at]

    def give_back(self, piece: bytes) -> None:
        """Let the next piece begin with this one, which was taken last."""
        if self._held.endswith(piece, 0, self._at):
            self._at -= len(piece)
        else:
            self._held, self._at = piece + self._held[self._at :], 0

    def hold_back(self, again: int) -> None:
        """Refuse a file of which most is read again and again, because its quotes never match.

        Raises:
            SourceError: These bytes, to be read again, are too many.
        """
        self._again += again
        if self._again > 8 * (self._read + _PIECE):
            found = f"from line {self.line:,} on they do not match"
            raise refused(
                self._path, "The quotes cannot be read.", found=found, do="Export again, with quotes around each field."
            )


class _Lines:
    """Lines of which those of the record at hand are held, so that they can be read again."""

    def __init__(self, text: _Text) -> None:
        self._text, self._held = text, list[bytes]()
        self.ahead = deque[bytes]()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if not self.ahead:
            self.ahead.extend(self._text.take(_LITTLE).splitlines(keepends=True))
        if not self.ahead:
            raise StopIteration
        self._held.append(self.ahead.popleft())
        return self._held[-1].decode(errors="surrogateescape")

    def go_on(self) -> int:
        """Begin a record, and tell the line on which the one before started."""
        number = self._text.line
        self._text.line += len(self._held)
        self._held.clear()
        return number

    def give_up(self) -> Broken:
        """Begin a record behind the first line of the one at hand."""
        most, size = files.CELL_CHARACTERS, sum(len(line.decode(errors="replace")) for line in self._held)
        first, *rest = self._held
        self._text.hold_back(size - len(first))
        self.ahead.extendleft(reversed(rest))
        self._held = [first]
        reason = _LONG_FIELD.format(most=most) if size > most else _ODD_QUOTES
        return Broken(self.go_on(), first.decode(errors="replace").rstrip("\r\n"), reason)


def _records(text: _Text, delimiter: str, *, least: int = sys.maxsize) -> Generator[_Record]:
    """Yield the physical line on which each record starts, and its fields or what is wrong with it, of so many lines or more.

    A stray quote would swallow the lines down to the next quote: only its own line is given up, reading goes on below it.
    """
    lines, end = _Lines(text), text.line + least
    try:
        while text.line < end:
            try:
                for row in csv.reader(lines, delimiter=delimiter, strict=True):
                    line = lines.go_on()
                    if any(map(str.strip, row)):
                        yield line, row
                    if text.line >= end:
                        break
                else:
                    break
            except csv.Error:
                given_up = lines.give_up()
                yield given_up.line, given_up
    finally:
        text.give_back(b"".join(lines.ahead))


def _blocks(path: Path, encoding: str) -> Iterator[bytes]:
    """Read a file as UTF-8, with an end behind its last line; what is declared UTF-8 is handed on as it is."""
    end, utf8 = b"\n", codecs.lookup(encoding).name.startswith("utf-8")
    with path.open("rb") as file:
        head = file.read(8)
        if head.startswith((b"PK\x03\x04", b"PAR1", b"\xd0\xcf\x11\xe0")):
            raise _binary(path)
        file.seek(len(codecs.BOM_UTF8) if utf8 and head.startswith(codecs.BOM_UTF8) else 0)
        blocks = iter(partial(file.read, _PIECE), b"")
        try:
            for text in blocks if utf8 else map(str.encode, codecs.iterdecode(blocks, encoding)):
                if b"\0" in text:
                    raise _binary(path)
                end = text[-1:]
                yield text
        except UnicodeError:
            raise _undecodable(path, encoding) from None
    if end != b"\n":
        yield b"\n"


def is_utf8(path: Path) -> bool:
    """Tell whether a file is UTF-8; a few lines that are not do not make it another, where more show that it is."""
    lines = Counter[bool]()
    with path.open("rb") as file:
        lines.update(line.decode(errors="ignore").encode() == line for line in file if not line.isascii())
    return not lines[False] or lines[False] < lines[True]


def _odd_cell(cells: Sequence[str]) -> int | None:
    """Find the first cell with bytes that are not UTF-8."""
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return next(place for place, cell in enumerate(cells) if any("\ud800" <= char <= "\udfff" for char in cell))
    return None


def _binary(path: Path) -> SourceError:
    with path.open("rb") as file:
        head = file.read(2)
    if head in (b"\xff\xfe", b"\xfe\xff"):
        return refused(path, "The file is not in the declared encoding.", found="UTF-16", do="Set encoding: utf-16.")
    kind = "an Excel or zip file" if head in (b"PK", b"\xd0\xcf") else "bytes that are no text"
    return refused(path, "The file is binary, not CSV.", found=kind, do="Save the export as CSV, or name it .xlsx.")


def _undecodable(path: Path, encoding: str) -> SourceError:
    data = path.read_bytes()
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
        return _binary(path)
    byte = data[position : position + 1].hex().upper() or "nothing more"
    return SourceError(
        f"The file is not {encoding}.",
        where=f"{path.name}, line {line}",
        found=f"byte {byte} at position {position}",
        do=f"Set format.encoding to what the export uses; try {other}." if other != encoding else "Set format.encoding.",
    )


def batch(lines: Lines, columns: Sequence[pa.Array], flags: dict[str, pa.Array] | None = None) -> pa.RecordBatch:
    """Make rows of a table: text is trimmed, and rows without any are left out."""
    cells, filled = {"line": pa.array(lines)}, np.zeros(len(lines), np.bool_)
    for place, column in enumerate(columns):
        if pa.types.is_string(column.type):
            column = pc.utf8_trim_whitespace(column)
            empty = pc.equal(column, "")
            column = pc.if_else(empty, pa.scalar(None, pa.string()), column) if empty.true_count else column
        cells[f"c{place}"] = column
        if not filled.all():
            filled |= np.asarray(cells[f"c{place}"].is_valid())
    rows = pa.RecordBatch.from_pydict({**cells, **(flags or {})})
    return rows if filled.all() else rows.filter(pa.array(filled))


def refused(path: Path, what: str, *, found: str, do: str) -> SourceError:
    """What is wrong with a whole file."""
    return SourceError(what, where=path.name, found=found, do=do)
