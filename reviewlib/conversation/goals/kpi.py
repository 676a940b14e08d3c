"""What the conversation knows of a KPI: its figures over the periods and the peers', as plain data.

Whoever reads the evidence makes a ``Track``; nothing here opens a scorecard.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from reviewlib.errors import PeriodError
from reviewlib.evidence.comparison import at_least, at_most
from reviewlib.params.words import plural
from reviewlib.periods import MONTHS, FiscalYear, Period

#: What a target asks for: to ``reach`` it; to ``keep`` it, where the baseline is there already, so that it is a limit; to
#: ``use`` no more, where it is the limit of a sum.
Aim = Literal["reach", "keep", "use"]


def aim_of(baseline: float | None, target: float | None, *, rises: bool, summed: bool) -> Aim:
    """Tell what a target asks for; ``summed`` where the figures of single periods are added up and held against it.

    The baseline of a sum says nothing: a sum starts at nothing.
    """
    if summed:
        return "reach" if rises else "use"
    kept = baseline is not None and target is not None and reaches(baseline, target, rises=rises)
    return "keep" if kept else "reach"


def reaches(value: float, mark: float, *, rises: bool, size: float = 0.0) -> bool:
    """Tell whether a figure has come to a mark, from below or from above; see ``comparison``."""
    return (at_least if rises else at_most)(value, mark, size=size)


def over_of(name: str | None, fiscal: FiscalYear) -> Period | None:
    """Read the period that a target covers; None where it is none."""
    try:
        return Period.parse(name, fiscal) if name else None
    except PeriodError:
        return None


def folded(text: str) -> str:
    """Write a text so that case and blanks do not tell it from another."""
    return " ".join(text.casefold().split())


def plain(number: float) -> str:
    """Write a number without a unit."""
    return f"{number:,.12g}"


def pair(first: float, last: float, say: Callable[[float], str]) -> str:
    """Write two figures, a unit that is a word only once: "43.5 to 54 days", "1.28× to 1.50×"."""
    start, end = say(first), say(last)
    unit = "".join(end.rpartition(" ")[1:]) if " " in end else ""
    return f"{start.removesuffix(unit) if unit[1:].isalpha() else start} to {end}"


def day(date: dt.date) -> str:
    """Write a date: "31 December 2026"."""
    return f"{date.day} {date:%B %Y}"


@dataclass(frozen=True)
class Point:
    """A KPI's figure of one period; ``reason`` says why there is none."""

    period: Period
    value: float | None
    reason: str | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Track:
    """What is known of a subject's KPI.

    Attributes:
        label: Its name.
        better: Which direction is the good one.
        points: The periods of the trend, oldest first.
        adds: Whether the figures of single periods add up to that of a longer one (revenue, customers acquired).
        peer_q1: The peers' lower quartile, where it is shown; so are the median and the upper quartile.
        peers: How many peers there are.
        started: Since when the subject is there, where that is known; what a sum lacks before that is not missing.
        say: Writes a figure with its unit.
        apart: Writes the distance between two figures ("8.8 points").
    """

    label: str
    better: Literal["higher", "lower"] = "higher"
    points: tuple[Point, ...] = ()
    adds: bool = False
    peer_q1: float | None = None
    peer_median: float | None = None
    peer_q3: float | None = None
    peers: int | None = None
    started: dt.date | None = None
    say: Callable[[float], str] = plain
    apart: Callable[[float], str] = plain

    @property
    def rises(self) -> bool:
        """Whether higher is the good direction."""
        return self.better == "higher"

    def at(self, period: Period) -> Point:
        """The figure of a period; where the track does not reach, none with the reason."""
        missing = Point(period, None, f"the figures do not reach {period}")
        return next((point for point in self.points if point.period == period), missing)

    def sum_of(self, over: Period, *, through: Period) -> Point:
        """Add the periods inside ``over`` up to and with ``through``.

        Periods before the subject was there are left out. Any other that has no figure, or lies before the first point, leaves
        no sum: a part of it would be judged as the whole.
        """
        since = max(over.start, self.started or over.start)
        inside = [point for point in self.points if over.contains(point.period) and since < point.period.end <= through.end]
        reason = self._no_sum(over, since, inside)
        if reason is not None:
            return Point(over, None, reason)
        return Point(over, sum(point.value for point in inside if point.value is not None))

    def _no_sum(self, over: Period, since: dt.date, inside: Sequence[Point]) -> str | None:
        """Say why there is no sum; None where there is one."""
        first = self.points[0].period if self.points else None
        if first is not None and MONTHS[over.kind] < MONTHS[first.kind]:
            return f"{over} is shorter than a {first.kind}, and the figures are those of whole {plural(first.kind)}"
        if first is not None and over.end > first.start > since:
            return f"the figures begin with {first}, after {over} began"
        if first is not None and first.start >= over.end:
            return f"the figures begin with {first}, after {over} ended"
        gap = next((point for point in inside if point.value is None), None)
        if gap is not None:
            return f"{gap.period} has no figure" + (f": {gap.reason}" if gap.reason else "")
        return None if inside else f"no period of {over} has a figure yet"
