"""How much is in a spreadsheet and how far its cells reach, before its reader takes memory for it.

The reader makes room for the whole rectangle that the cells of a sheet span, and ends the process where there is none.
"""

import functools
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Final
from xml.parsers import expat

from reviewlib import files
from reviewlib.errors import SourceError

_PIECE: Final = 1 << 20


def refuse_bomb(path: Path) -> None:
    """Refuse a spreadsheet that would have no place in memory.

    Every part is unpacked in pieces that are counted, because the directory of the file may say anything of their sizes.

    Raises:
        SourceError: It is larger than what is read, or no spreadsheet.
    """
    size = 0
    try:
        with zipfile.ZipFile(path) as archive:
            for part in archive.infolist():
                part.file_size = sys.maxsize
                span = _Span(path.name)
                with archive.open(part) as stream:
                    while piece := stream.read(_PIECE):
                        size += len(piece)
                        if size > files.BOOK_BYTES:
                            raise _too_large(path.name, f"more than {files.BOOK_BYTES:,} bytes when it is unpacked")
                        span.follow(part.filename, piece)
    except (zipfile.BadZipFile, zlib.error, expat.ExpatError, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise no_excel(path.name, error) from None


class _Span:
    """Follows the cells of a sheet, to the lowest and the rightmost that is filled."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._parser: expat.XMLParserType | None = None
        self._row = self._column = self._rows = self._columns = 0
        self._begun = False

    def follow(self, part: str, piece: bytes) -> None:
        """Take the next piece of a part; other than XML is not looked at."""
        if not self._begun:
            self._begun = True
            if piece.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and not part.lower().endswith(".vml"):
                self._parser = expat.ParserCreate()
                self._parser.StartElementHandler = self._start
        if self._parser is not None:
            self._parser.Parse(piece)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(":")[2]
        if tag == "row":
            self._row = _whole(attributes.get("r", "")) or self._row + 1
            self._column = 0
        elif tag == "c":
            place = attributes.get("r", "").upper()
            letters = place.rstrip("0123456789")
            self._column = _column(letters) if letters else self._column + 1
            self._row = _whole(place[len(letters) :]) or self._row
        elif tag in ("v", "is"):
            self._rows, self._columns = max(self._rows, self._row), max(self._columns, self._column)
            if self._rows * self._columns > files.SHEET_CELLS:
                reach = f"a sheet of {self._rows:,} rows and {self._columns:,} columns or more"
                raise _too_large(self._file, f"{reach}; at most {files.SHEET_CELLS:,} cells are read")


def _whole(digits: str) -> int:
    return int(digits[:9]) if digits[:9].isdecimal() else 0


@functools.lru_cache(maxsize=files.TABLE_COLUMNS)
def _column(letters: str) -> int:
    return functools.reduce(lambda sum, letter: sum * 26 + ord(letter) - 64, letters[:6], 0)


def no_excel(file: str, error: Exception) -> SourceError:
    """Make the error that says that a file is no spreadsheet."""
    return SourceError("The file is no Excel file.", where=file, found=str(error)[:120], do="Export again.")


def _too_large(file: str, found: str) -> SourceError:
    return SourceError("The spreadsheet is too large.", where=file, found=found, do="Save the sheet as CSV, which may be.")
