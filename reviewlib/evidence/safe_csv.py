"""CSV files that people open in a spreadsheet: no text in one runs as a formula, and each can be read back as it was.

A spreadsheet calculates a cell that begins with ``=``, ``+``, ``-`` or ``@``, wherever its text came from. An apostrophe in
front makes it text again. Only what reviewlib writes for people is written so; exports and goals files are read as they stand.
"""

import csv
import re
from pathlib import Path
from typing import Final

import pandas as pd

#: Where a cell may begin: in front of a text, and behind what another spreadsheet cuts at. Excel in German cuts at semicolons,
#: and no longer heeds quotes that stand inside a cell then, so quotes keep nothing together.
_BEGINS: Final = r"(?<![^;\t\r\n])"
#: What spreadsheets pass over in front of a formula, and what makes it one; full-width signs count in East Asian settings.
_PASSED: Final = r'[\s\x00-\x1f\x7f-\x9f\u200b\ufeff"]'
_TO_GUARD: Final = re.compile(rf"(?<!{_PASSED}){_PASSED}*+[-=+@＝＋－＠]|{_BEGINS}'")
_GUARDED: Final = re.compile(rf"{_BEGINS}'")


def csv_text(frame: pd.DataFrame) -> str:
    """Write a frame as CSV, column names and texts guarded; numbers, dates and decimals stay as they are."""
    written = frame.rename(columns=_guarded)
    for name, column in written.items():
        guarded = {cell: _guarded(cell) for cell in column.unique() if isinstance(cell, str) and _TO_GUARD.search(cell)}
        if guarded:
            written[name] = [guarded.get(cell, cell) for cell in column]
    # With a plain line feed at the end of a row, csv leaves a lone carriage return unquoted before Python 3.11.9.
    return written.to_csv(index=False, lineterminator="\r\n")


def read(path: Path) -> pd.DataFrame:
    """Read a file that ``csv_text`` wrote: every cell as the text it was, an empty one where nothing was."""
    with path.open(encoding="utf-8", newline="") as file:
        names, *rows = ([_GUARDED.sub("", cell) for cell in row] for row in csv.reader(file))
    return pd.DataFrame(rows, columns=names, dtype="str")


def _guarded(text: str) -> str:
    """Put an apostrophe wherever a formula could begin, and before each that stands there, so that it can be told apart."""
    return _TO_GUARD.sub(_with_apostrophes, text)


def _with_apostrophes(found: re.Match[str]) -> str:
    text = found.string
    return "".join(f"'{text[at]}" if at == 0 or text[at - 1] in ";\t\r\n" else text[at] for at in range(*found.span()))
