"""Figures as small shapes beside their words: bullets, sparks, peers, bridges. Geometry only, in percent; templates draw it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reviewlib.pages.labels import NumberStyle
from reviewlib.params.figures import Kpi
from reviewlib.periods import Period
from reviewlib.review import Figure

#: Where the target stands in every bullet, in percent of the track.
TARGET_AT: Final = 75.0
#: How the bars of verdicts that are not said in grey look.
_TONES: Final = {**dict.fromkeys(("strength", "above", "no_signal", "on_track"), ""), "watch": "low", "gap": "low"}


@dataclass(frozen=True)
class Bullet:
    """A bar against a target that always stands at the same place; ``low`` and ``high`` bound the band around the target."""

    width: float
    tone: str
    over: bool
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Spark:
    """Columns of the trend, from zero; a missing period leaves a gap (None)."""

    columns: tuple[tuple[float, float] | None, ...]
    zero: float
    words: str


@dataclass(frozen=True)
class PeerPlace:
    """A figure among its peers: the middle half in the middle third, right is better."""

    median: float
    dot: float
    words: str


@dataclass(frozen=True)
class BridgePart:
    """What goes into a bridge: its words, the amount that is added, and a tone where the sign alone does not give it."""

    label: str
    note: str
    number: float
    text: str
    total: bool = False
    tone: str | None = None


@dataclass(frozen=True)
class BridgeStep:
    """One row of a bridge: its part, and a bar from ``left``, ``width`` wide."""

    part: BridgePart
    left: float
    width: float
    tone: str


def bullet(
    value: float | None, target: float | None, *, verdict: str, low: float | None = None, high: float | None = None
) -> Bullet | None:
    """Draw a value against its target; None where there is no target above zero or the value is negative."""
    if value is None or target is None or target <= 0 or value < 0:
        return None
    width = value / target * TARGET_AT
    ends = (None, None) if low is None or high is None else (_clip(low / target * TARGET_AT), _clip(high / target * TARGET_AT))
    return Bullet(_clip(width), _TONES.get(verdict, "nd"), width > 100, *ends)


def spark(
    values: Sequence[float | None], *, kpi: Kpi, periods: Sequence[Period], style: NumberStyle, ceiling: float = 0.0
) -> Spark | None:
    """Draw the trend; None where fewer than two periods have a value.

    Args:
        values: The figure by period.
        kpi: What is drawn.
        periods: The periods, oldest first.
        style: How numbers are written.
        ceiling: The value that reaches the top at least, for several trends on one scale.
    """
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    top, bottom = max(*known, ceiling, 0.0), min(*known, 0.0)
    extent = (top - bottom) or 1.0
    zero = -bottom / extent * 100
    columns = tuple(
        None if value is None else (abs(value) / extent * 100, zero if value >= 0 else zero + value / extent * 100)
        for value in values
    )
    said = ", ".join(style.value(value, kpi.unit) for value in values)
    return Spark(columns, zero if bottom < 0 else 0.0, f"{kpi.label}, {periods[0]} to {periods[-1]}: {said}")


def peers(figure: Figure, *, style: NumberStyle, who: str) -> PeerPlace | None:
    """Place a figure among its peers; None where there are no quartiles, or they coincide."""
    low, middle, high = figure.peer_q1, figure.peer_median, figure.peer_q3
    if figure.value is None or low is None or middle is None or high is None or high <= low:
        return None
    flip = figure.kpi.better == "lower"

    def place(number: float) -> float:
        share = (high - number if flip else number - low) / (high - low)
        return min(98.0, max(2.0, 100 / 3 + share * 100 / 3))

    words = [style.rounded(number, figure.kpi.unit) for number in (low, middle, high)]
    told = f"Among {figure.peers or 0:.0f}: lower quartile {words[0]}, median {words[1]}, upper quartile {words[2]}. "
    return PeerPlace(place(middle), place(figure.value), f"{told}{who}: {figure.standing or 'place not given'}.")


def bridge(parts: Sequence[BridgePart]) -> list[BridgeStep]:
    """Lay out a bridge: totals stand on zero, every other part begins where the one before ended."""
    ends, running = [], 0.0
    for part in parts:
        start = 0.0 if part.total else running
        running = part.number if part.total else running + part.number
        ends.append((start, running))
    return steps(parts, ends)


def steps(parts: Sequence[BridgePart], ends: Sequence[tuple[float, float]]) -> list[BridgeStep]:
    """Lay out bars from where to where each goes."""
    low, high = min(0.0, *map(min, ends)), max(0.0, *map(max, ends))
    extent = (high - low) or 1.0
    return [
        BridgeStep(
            part,
            left=(min(pair) - low) / extent * 100,
            width=abs(pair[1] - pair[0]) / extent * 100,
            tone="" if part.total else part.tone or ("up" if part.number >= 0 else "dn"),
        )
        for part, pair in zip(parts, ends, strict=True)
    ]


def _clip(number: float) -> float:
    return min(100.0, max(0.0, number))
