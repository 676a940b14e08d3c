"""What an unknown file looks like: its dialect, and what kind of values each column holds.

Only ``proposal`` guesses; when reviews are made, everything here is declared in params.
"""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import pyarrow.compute as pc

from reviewlib.errors import SourceError
from reviewlib.evidence import csv_files, readers
from reviewlib.evidence.comparison import at_least
from reviewlib.params.crm import Format

Kind = Literal["date", "number", "text", "empty"]
Order = Literal["ymd", "dmy", "mdy"]

#: So many different values of a column are looked at to tell its kind.
_LOOKED_AT: Final = 5000
_MOST: Final = 0.9
_HEAD: Final = 65_536
_DATE: Final = re.compile(
    r"(?P<ymd>\d{4}[-/.]\d{1,2}[-/.]\d{1,2})(?P<time>[T ].+)?"
    r"|(?P<a>\d{1,2})[-/.](?P<b>\d{1,2})[-/.]\d{2}(?P<long>\d{2})?(?P<late>,? .+)?"
)
_MIDNIGHT: Final = re.compile(r",?[T ]+(0?0:00(:00(\.0+)?)?|12:00(:00)? ?AM)", re.IGNORECASE)
_SIGN: Final = r"[€$£¥₹]|[A-Z]{3}(?=\s)|(?<=\s)[A-Z]{3}|%"
_NUMBER: Final = re.compile(
    rf"[-+(]?\s*+(?:(?P<before>{_SIGN})\s*+)?-?(?P<digits>\d(?:[\d.,'’\u00a0\u202f ]*\d)?)\)?\s*+(?P<after>{_SIGN})?"
)
#: A mark before one, two or more than three last digits can only be the decimal mark; before three it may group thousands.
_DECIMAL: Final = re.compile(r"([.,])(?:\d{1,2}|\d{4,})")


@dataclass(frozen=True)
class Profile:
    """What a column looks like.

    Attributes:
        name: Its header.
        kind: What most of its values are.
        filled: How many values it has.
        distinct: How many different ones.
        timed: Whether dates carry a time of day other than midnight.
        short_years: Whether dates have years of two digits.
        orders: The date orders that all its dates allow.
        decimals: How often each mark can only be the decimal one; ``?`` counts marks that could be either.
        signs: Currency signs and the like that stand with the numbers.
    """

    name: str
    kind: Kind
    filled: int
    distinct: int
    timed: bool = False
    short_years: bool = False
    orders: frozenset[Order] = frozenset()
    decimals: tuple[tuple[str, int], ...] = ()
    signs: frozenset[str] = frozenset()


@dataclass(frozen=True)
class UnknownExport:
    """A file that nobody has described yet: its text, its dialect, its columns."""

    sheet: readers.TextTable
    form: Format
    profiles: tuple[Profile, ...]

    @property
    def rows(self) -> int:
        """How many rows fit the header."""
        return self.sheet.rows

    def values(self, name: str) -> list[str | None]:
        """All values of a column as text, None where missing."""
        values: list[str | None] = self.sheet.column(f"c{self.sheet.header.index(name)}").to_pylist()
        return values

    def counts(self, name: str) -> Counter[str]:
        """Count the values of a column, missing ones left out."""
        return Counter(value for value in self.values(name) if value is not None)


def look(path: Path) -> UnknownExport:
    """Read a file of unknown dialect.

    Raises:
        SourceError: The file is missing, empty or of a kind that is not read.
    """
    form = Format(**_dialect(path))
    sheet = readers.read(path, form)
    if not sheet.rows:
        raise SourceError("No row fits the header.", where=path.name, found=f"{len(sheet.broken)} rows", do="Export again.")
    # A name that stands twice cannot be mapped.
    counts = Counter(sheet.header)
    single = [(place, name) for place, name in enumerate(sheet.header) if name and counts[name] == 1]
    return UnknownExport(sheet, form, tuple(_profile(name, sheet.column(f"c{place}")) for place, name in single))


def date_order(profiles: Sequence[Profile]) -> tuple[Order | None, frozenset[Order]]:
    """Tell the one order that fits all dates (None where several or none do), and the orders that fit."""
    dated = [profile.orders for profile in profiles if profile.kind == "date"]
    fitting = frozenset[Order]({"ymd", "dmy", "mdy"}).intersection(*dated) if dated else frozenset[Order]({"ymd"})
    return (next(iter(fitting)) if len(fitting) == 1 else None), fitting


def decimal_mark(profiles: Sequence[Profile]) -> str | None:
    """Tell the decimal mark of the numbers, or None where they do not show one."""
    votes: Counter[str] = Counter()
    for profile in profiles:
        votes.update({mark: count for mark, count in profile.decimals if mark != "?"})
    return votes.most_common(1)[0][0] if votes else None


def _dialect(path: Path) -> dict[str, Any]:
    suffix = path.suffix.lower()
    if suffix in {".duckdb", ".db"} and path.is_file():
        names = readers.duckdb_tables(path)
        likely = [name for name in names if re.search(r"deal|opportunit|pipeline", name, re.IGNORECASE)]
        return {"table": next(iter(likely or names), None)}
    if suffix not in {".csv", ".tsv", ".txt"} or not path.is_file():
        return {}
    with path.open("rb") as file:
        head = file.read(_HEAD)
    wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    encoding = "utf-16" if wide else "utf-8" if csv_files.is_utf8(path) else "cp1252"
    return {"encoding": encoding, "delimiter": _delimiter(head.decode(encoding, "ignore"))}


def _delimiter(head: str) -> str:
    if told := csv_files.SEP_LINE.match(head):
        return told[1]

    def score(delimiter: str) -> tuple[int, int]:
        try:
            rows = [row for row in csv.reader(head.splitlines()[:50], delimiter=delimiter) if row]
        except csv.Error:
            return 0, 0
        width = len(rows[0]) if rows else 0
        return (sum(len(row) == width for row in rows) if width > 1 else 0), width

    return max(readers.DELIMITERS, key=score)


def _profile(name: str, column: Any) -> Profile:
    filled = len(column) - column.null_count
    different = pc.unique(column.drop_null())
    if not filled:
        return Profile(name, "empty", 0, 0)
    values: list[str] = different.slice(0, _LOOKED_AT).to_pylist()
    dates = [match for value in values if (match := _DATE.fullmatch(value))]
    if at_least(len(dates), _MOST * len(values)):
        times = [time for match in dates if (time := match["time"] or match["late"])]
        timed = any(not _MIDNIGHT.fullmatch(time) for time in times)
        short = any(not match["ymd"] and not match["long"] for match in dates)
        orders = frozenset.intersection(*(_orders(match) for match in dates))
        return Profile(name, "date", filled, len(different), timed, short, orders)
    numbers = [match for value in values if (match := _NUMBER.fullmatch(value))]
    if at_least(len(numbers), _MOST * len(values)):
        signs = frozenset(sign for match in numbers for sign in (match["before"], match["after"]) if sign)
        return Profile(name, "number", filled, len(different), decimals=_decimals(numbers), signs=signs)
    return Profile(name, "text", filled, len(different))


def _orders(date: re.Match[str]) -> frozenset[Order]:
    if date["ymd"]:
        return frozenset({"ymd"})
    months: tuple[tuple[Order, str], ...] = (("dmy", "b"), ("mdy", "a"))
    return frozenset(order for order, month in months if int(date[month]) <= 12)


def _decimals(numbers: Iterable[re.Match[str]]) -> tuple[tuple[str, int], ...]:
    marks: Counter[str] = Counter()
    for match in numbers:
        digits = match["digits"]
        last = max(digits.rfind("."), digits.rfind(","))
        # Where both marks stand, the last one is the decimal mark; a lone one tells it by the digits behind it.
        if last >= 0:
            clear = {".", ","} <= set(digits) or _DECIMAL.fullmatch(digits[last:])
            marks[digits[last] if clear else "?"] += 1
    return tuple(sorted(marks.items()))
