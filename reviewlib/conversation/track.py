"""What the conversation knows of a KPI: its figures over the periods and the peers', as plain data.

Whoever reads the evidence makes a ``Track``; nothing here opens a scorecard.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from reviewlib.periods import Period


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
        kpi: Its key.
        label: Its name.
        unit: A unit of the scorecard.
        better: Which direction is the good one.
        points: The periods of the trend, oldest first.
        adds: Whether the figures of single periods add up to that of a longer one (revenue, customers acquired).
        peer_q1: The peers' lower quartile, where it is shown; so are the median and the upper quartile.
        peer_best: The furthest peer on the good side, where it may be told.
        peers: How many peers there are.
        say: Writes a figure with its unit.
        apart: Writes the distance between two figures ("8.8 points").
    """

    kpi: str
    label: str
    unit: str = "count"
    better: Literal["higher", "lower"] = "higher"
    points: tuple[Point, ...] = ()
    adds: bool = False
    peer_q1: float | None = None
    peer_median: float | None = None
    peer_q3: float | None = None
    peer_best: float | None = None
    peers: int | None = None
    say: Callable[[float], str] = plain
    apart: Callable[[float], str] = plain

    def at(self, period: Period) -> Point:
        """The figure of a period; where the track does not reach, none with the reason."""
        missing = Point(period, None, f"the figures do not reach {period}")
        return next((point for point in self.points if point.period == period), missing)

    def sum_of(self, over: Period, *, through: Period) -> Point:
        """Add the periods inside ``over`` up to and with ``through``.

        Periods before the first figure are left out (who started later has none); a gap after it leaves no sum.
        """
        inside = [point for point in self.points if over.contains(point.period) and point.period.end <= through.end]
        known = [at for at, point in enumerate(inside) if point.value is not None]
        if not known:
            return Point(over, None, f"no period of {over} has a figure yet")
        counted = inside[known[0] :]
        gap = next((point for point in counted if point.value is None), None)
        if gap is not None:
            return Point(over, None, f"{gap.period} has no figure" + (f": {gap.reason}" if gap.reason else ""))
        return Point(over, sum(point.value for point in counted if point.value is not None))


def number(count: int) -> str:
    """Write a small number as a word: "two", "12" is "twelve", above that in digits."""
    return _WORDS[count] if count < len(_WORDS) else str(count)


def counted(count: int, noun: str) -> str:
    """Write a number of things: "one milestone", "eight quarters"."""
    plural = {"half": "halves"}.get(noun, f"{noun}s")
    return f"{number(count)} {noun if count == 1 else plural}"


_WORDS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
