"""CSV files: every record by its physical line, whatever stands in between."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from reviewlib.errors import SourceError
from reviewlib.params.crm import Format

Lines = npt.NDArray[np.int64]

_CHUNK: Final = 50_000
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
class Contents:
    """What a file holds, before it is a table; ``broken`` may be filled while the batches are made."""

    header: Sequence[str]
    typed: Sequence[str]
    batches: Iterable[pa.RecordBatch]
    broken: Sequence[Broken] = ()


def read(path: Path, form: Format) -> Contents:
    """Read a file as its format declares it.

    Raises:
        SourceError: It is empty, binary, or in another encoding.
    """
    delimiter = "\t" if path.suffix.lower() == ".tsv" and "delimiter" not in form.model_fields_set else form.delimiter
    records = _records(_lines(path, form.encoding), delimiter)
    _, header = next(records, (0, []))
    if not header:
        raise refused(path, "The file is empty.", found="no header", do="Export again.")
    if isinstance(header, Broken):
        found = header.text[:80]
        raise SourceError("The header cannot be read.", where=f"{path.name}, line 1", found=found, do="Export again.")
    broken = list[Broken]()
    return Contents(header, ["false"] * len(header), _batches(records, len(header), delimiter, broken), broken)


def _batches(
    records: Iterable[tuple[int, list[str] | Broken]], width: int, delimiter: str, broken: list[Broken]
) -> Iterator[pa.RecordBatch]:
    lines, rows = list[int](), list[list[str]]()
    for line, row in records:
        if isinstance(row, Broken):
            broken.append(row)
        elif len(row) != width:
            broken.append(Broken(line, delimiter.join(row), _ODD_FIELDS))
        else:
            lines.append(line)
            rows.append(row)
        if len(rows) == _CHUNK:
            yield _batch(lines, rows)
            lines, rows = [], []
    if rows:
        yield _batch(lines, rows)


def _batch(lines: list[int], rows: list[list[str]]) -> pa.RecordBatch:
    return batch(np.array(lines, np.int64), [pa.array(values, pa.string()) for values in zip(*rows, strict=True)])


class _Replay:
    """Lines of which those of the record at hand are held, so that they can be read again."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._again = deque[str]()
        self._held = list[str]()
        self.number = 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._held.append(line)
        return line

    def held(self) -> int:
        """How many characters the record at hand has so far."""
        return sum(map(len, self._held))

    def go_on(self) -> int:
        """Begin a record, and tell the line on which the one before started."""
        number = self.number
        self.number += len(self._held)
        self._held.clear()
        return number

    def give_up(self) -> str:
        """Begin a record behind the first line of the one at hand, which is returned."""
        first, *rest = self._held
        self._again.extendleft(reversed(rest))
        self._held.clear()
        self.number += 1
        return first


def _records(lines: Iterable[str], delimiter: str) -> Iterator[tuple[int, list[str] | Broken]]:
    """Yield the physical line on which each record starts, and its fields, or what is wrong with it.

    A stray quote would swallow the lines down to the next quote: only its own line is given up, reading goes on below it.
    """
    replay, most = _Replay(lines), csv.field_size_limit()
    while True:
        try:
            for row in csv.reader(replay, delimiter=delimiter, strict=True):
                line = replay.go_on()
                if any(map(str.strip, row)):
                    yield line, row
            return
        except csv.Error:
            reason = _LONG_FIELD.format(most=most) if replay.held() > most else _ODD_QUOTES
            line = replay.number
            yield line, Broken(line, replay.give_up().rstrip("\r\n"), reason)


def _lines(path: Path, encoding: str) -> Iterator[str]:
    """Read the lines, each with its end."""
    with path.open("rb") as file:
        if file.read(8).startswith((b"PK\x03\x04", b"PAR1", b"\xd0\xcf\x11\xe0")):
            raise _binary(path)
    name = "utf-8-sig" if encoding.lower().replace("_", "-") in {"utf-8", "utf8"} else encoding
    try:
        with path.open(encoding=name, newline="") as text:
            for line in text:
                if "\0" in line:
                    raise _binary(path)
                yield line
    except UnicodeError:
        raise _undecodable(path, encoding) from None


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
        trimmed = pc.utf8_trim_whitespace(column)
        cells[f"c{place}"] = pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)
        if not filled.all():
            filled |= np.asarray(cells[f"c{place}"].is_valid())
    return pa.RecordBatch.from_pydict({**cells, **(flags or {})}).filter(pa.array(filled))


def refused(path: Path, what: str, *, found: str, do: str) -> SourceError:
    """What is wrong with a whole file."""
    return SourceError(what, where=path.name, found=found, do=do)
