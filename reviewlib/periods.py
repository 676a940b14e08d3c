"""Review periods: half-open date ranges with a name.

``Period.parse("2026-Q3")`` reads quarters, halves, fiscal years and calendar months. A fiscal year is named by the calendar
year in which it ends, unless params say ``named_by: start``.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count, takewhile
from typing import Literal

from reviewlib.errors import PeriodError

Kind = Literal["month", "quarter", "half", "year"]

MONTHS: dict[Kind, int] = {"month": 1, "quarter": 3, "half": 6, "year": 12}
_FORMS: dict[Kind, re.Pattern[str]] = {
    "month": re.compile(r"(?P<year>\d{4})-(?P<part>0[1-9]|1[0-2])"),
    "quarter": re.compile(r"(?P<year>\d{4})-Q(?P<part>[1-4])"),
    "half": re.compile(r"(?P<year>\d{4})-H(?P<part>[12])"),
    "year": re.compile(r"FY(?P<year>\d{4})(?P<part>)"),
}
_NAMES: dict[Kind, str] = {"month": "{:04d}-{:02d}", "quarter": "{:04d}-Q{}", "half": "{:04d}-H{}", "year": "FY{:04d}"}
_ORDINALS = {"quarter": ("First", "Second", "Third", "Fourth"), "half": ("First", "Second")}


@dataclass(frozen=True)
class FiscalYear:
    """When a company's year starts and which calendar year names it."""

    starts: int = 1
    named_by: Literal["start", "end"] = "end"

    def first_month(self, year: int) -> int:
        """Count months since year 0 to the first month of the fiscal year called ``year``."""
        shift = 1 if self.named_by == "end" and self.starts > 1 else 0
        return (year - shift) * 12 + self.starts - 1


@dataclass(frozen=True, order=True)
class Period:
    """A half-open range of dates, ``[start, end)``.

    Periods order by start, then by end.
    """

    start: dt.date
    end: dt.date
    kind: Kind = field(compare=False)
    name: str = field(compare=False)
    fiscal: FiscalYear = field(compare=False, repr=False, default=FiscalYear())

    @classmethod
    def parse(cls, text: str, fiscal: FiscalYear = FiscalYear()) -> Period:
        """Read ``2026-Q3``, ``2026-H1``, ``2026-09`` or ``FY2026``.

        Raises:
            PeriodError: The text is none of these.
        """
        for kind, form in _FORMS.items():
            if match := form.fullmatch(text.strip()):
                year, part = int(match["year"]), int(match["part"] or 1)
                first = year * 12 if kind == "month" else fiscal.first_month(year)
                return cls._from_month(first + (part - 1) * MONTHS[kind], kind, fiscal)
        raise PeriodError(
            "This is not a period.",
            found=repr(text),
            do="Write a quarter (2026-Q3), a half (2026-H1), a month (2026-09) or a fiscal year (FY2026).",
        )

    @classmethod
    def containing(cls, day: dt.date, kind: Kind, fiscal: FiscalYear = FiscalYear()) -> Period:
        """Find the period of this kind that holds ``day``."""
        month = day.year * 12 + day.month - 1
        offset = 0 if kind == "month" else (month - fiscal.starts + 1) % MONTHS[kind]
        return cls._from_month(month - offset, kind, fiscal)

    @classmethod
    @lru_cache(maxsize=4096)
    def _from_month(cls, month: int, kind: Kind, fiscal: FiscalYear) -> Period:
        if not 12 <= month <= 9998 * 12:
            raise PeriodError("This period is outside the calendar.", found=f"year {month // 12}", do="Check the year.")
        years, into = divmod(month if kind == "month" else month - fiscal.starts + 1, 12)
        shift = 1 if kind != "month" and fiscal.named_by == "end" and fiscal.starts > 1 else 0
        name = _NAMES[kind].format(years + shift, into // MONTHS[kind] + 1)
        return cls(_first_day(month), _first_day(month + MONTHS[kind]), kind, name, fiscal)

    @property
    def last_day(self) -> dt.date:
        """The last day inside the period."""
        return self.end - dt.timedelta(days=1)

    @property
    def days(self) -> int:
        """Calendar days in the period."""
        return (self.end - self.start).days

    @property
    def next(self) -> Period:
        """The period after this one."""
        return self.shift(1)

    @property
    def previous(self) -> Period:
        """The period before this one."""
        return self.shift(-1)

    @property
    def year_ago(self) -> Period:
        """The same period one year earlier."""
        return self.shift(-12 // MONTHS[self.kind])

    def shift(self, count: int) -> Period:
        """Step ``count`` periods forward, or back where negative."""
        month = self.start.year * 12 + self.start.month - 1
        return self._from_month(month + count * MONTHS[self.kind], self.kind, self.fiscal)

    def trend(self, count: int = 8) -> tuple[Period, ...]:
        """List the ``count`` periods that end with this one, oldest first."""
        return tuple(self.shift(step) for step in range(1 - count, 1))

    def months(self) -> tuple[Period, ...]:
        """List the calendar months of the period."""
        first = Period.containing(self.start, "month", self.fiscal)
        return tuple(first.shift(step) for step in range(MONTHS[self.kind]))

    def ending_here(self, kind: Kind) -> tuple[Period, ...]:
        """List the periods of a kind whose last day lies in this one, oldest first.

        A third quarter holds no half's end, a fourth one holds that of the second half; a half holds two quarters.
        """
        first = Period.containing(self.start, kind, self.fiscal)
        return tuple(takewhile(lambda one: one.end <= self.end, map(first.shift, count())))

    def contains(self, other: Period) -> bool:
        """Tell whether the other period lies wholly inside this one."""
        return self.start <= other.start and other.end <= self.end

    def title(self) -> str:
        """Name the period in words: ``Third quarter 2026``."""
        year = self.name.removeprefix("FY")[:4]
        if self.kind in _ORDINALS:
            return f"{_ORDINALS[self.kind][int(self.name[-1]) - 1]} {self.kind} {year}"
        return f"Fiscal year {year}" if self.kind == "year" else f"{self.start:%B} {year}"

    def __str__(self) -> str:
        return self.name


def last_complete(kind: Kind, *, as_of: dt.date, fiscal: FiscalYear = FiscalYear()) -> Period:
    """Find the latest period of this kind whose last day is not after ``as_of``."""
    current = Period.containing(as_of, kind, fiscal)
    return current if current.last_day <= as_of else current.previous


def _first_day(month: int) -> dt.date:
    return dt.date(month // 12, month % 12 + 1, 1)
