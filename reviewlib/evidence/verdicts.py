"""Verdicts: what a figure says beside its target or its peers, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reviewlib.evidence.comparison import above, at_least, below
from reviewlib.evidence.figures import Kpi
from reviewlib.evidence.intervals import FEWEST, Z80, median_bound, wilson
from reviewlib.params.model import Bands, Verdict

#: Bands by points, for figures that may be negative.
POINTS: Final = Bands(strength=0.05, on_track=-0.05, watch=-0.15)
SHARES: Final = Bands()

_EXACT: Final[dict[tuple[str, str], str]] = {
    ("higher", "strength"): "above {reference}",
    ("higher", "on_track"): "at {reference}",
    ("higher", "watch"): "below {reference}",
    ("higher", "gap"): "well below {reference}",
    ("lower", "strength"): "below {reference}, lower is the aim",
    ("lower", "on_track"): "at {reference}",
    ("lower", "watch"): "above {reference}, lower is the aim",
    ("lower", "gap"): "well above {reference}, lower is the aim",
}
_STANDINGS: Final[dict[str | None, tuple[Verdict, str]]] = {
    "top quarter": ("strength", "top quarter of the peers"),
    "second quarter": ("on_track", "middle half of the peers"),
    "third quarter": ("on_track", "middle half of the peers"),
    "bottom quarter": ("watch", "bottom quarter of the peers"),
    None: ("not_judged", "no target, and too few peers with different figures"),
}


@dataclass(frozen=True)
class JudgedFigure:
    """One figure, ready to be judged.

    Attributes:
        value: The figure; None where it is not available.
        reason: Why it is not available.
        n: Sample size.
        successes: The numerator of a share.
        sample: The ascending observations behind a median.
        low, high: The 95 % interval of a sampled figure.
        target: The target, else the user's benchmark.
        reference: What ``target`` is called: ``target`` or ``benchmark``.
        peer_median: The peers' median; None below the threshold, or where all are equal.
        standing: The quarter among the peers; None below the threshold, or where all are equal.
        immature: A cohort of which too little is closed.
    """

    value: float | None
    reason: str | None = None
    n: float = 0
    successes: float = 0
    sample: Sequence[float] = ()
    low: float | None = None
    high: float | None = None
    target: float | None = None
    reference: str = "target"
    peer_median: float | None = None
    standing: str | None = None
    immature: bool = False


def judge(kpi: Kpi, reading: JudgedFigure, bands: Bands | None = None) -> tuple[Verdict, str]:
    """Give the verdict of a figure and its reason in words (the rules of the verdict table)."""
    if reading.value is None:
        return "not_available", reading.reason or "not available"
    if kpi.judged_by == "none":
        return "not_judged", "supporting figure" if kpi.of else "judged through revenue"
    if kpi.judged_by == "exact":
        return _exact(kpi, reading, bands)
    return _sampled(kpi, reading)


def attainment(kpi: Kpi, value: float, target: float) -> float | None:
    """Divide value by target, or target by value where lower is the aim; None where that says nothing."""
    if kpi.bands == "points" or target <= 0:
        return None
    if kpi.better == "lower":
        return target / value if value > 0 else None
    return value / target


def _exact(kpi: Kpi, reading: JudgedFigure, bands: Bands | None) -> tuple[Verdict, str]:
    if reading.target is None:
        if kpi.only_with_target:
            return "not_judged", "judged only against a target, and none is set"
        return _STANDINGS[reading.standing]
    assert reading.value is not None
    if kpi.bands == "points":
        return _banded(kpi, reading.value, bands or POINTS, reading.reference, start=reading.target)
    if kpi.better == "lower" and reading.value <= 0:
        return "strength", _EXACT["lower", "strength"].format(reference=reading.reference)
    ratio = attainment(kpi, reading.value, reading.target)
    if ratio is None:
        return "not_judged", f"the {reading.reference} is not above zero"
    return _banded(kpi, ratio, bands or SHARES, reading.reference)


def _banded(kpi: Kpi, measure: float, bands: Bands, reference: str, *, start: float = 0.0) -> tuple[Verdict, str]:
    """Find the band; bands that are points begin from the target."""
    limits: tuple[tuple[Verdict, float], ...] = (
        ("strength", bands.strength),
        ("on_track", bands.on_track),
        ("watch", bands.watch),
    )
    verdict = next((name for name, limit in limits if at_least(measure, start + limit, size=start)), "gap")
    return verdict, _EXACT[kpi.better, verdict].format(reference=reference)  # type: ignore[return-value]


def _sampled(kpi: Kpi, reading: JudgedFigure) -> tuple[Verdict, str]:
    if reading.immature:
        return "not_enough_data", "immature: fewer than 80% of these deals are closed"
    fewest = FEWEST[kpi.judged_by]
    if reading.n < fewest:
        return "not_enough_data", f"fewer than {fewest} {kpi.n_label}"
    reference, name = reading.target, f"the {reading.reference}"
    if reference is None:
        reference, name = reading.peer_median, "the peers’ median"
    if reference is None:
        return "not_judged", _STANDINGS[None][1]
    assert reading.low is not None
    assert reading.high is not None
    higher = kpi.better == "higher"
    over = above(reading.low, reference)
    if over or below(reading.high, reference):
        side = "above" if over else "below"
        good = (side == "above") == higher
        bad: Verdict = "gap" if reading.target is not None else "watch"
        return "strength" if good else bad, f"the whole interval lies {side} {name}"
    bound = _favourable(kpi, reading)
    if below(bound, reference) if higher else above(bound, reference):
        return "watch", f"probably {'below' if higher else 'above'} {name}"
    return "on_track", f"not distinguishable from {name}"


def _favourable(kpi: Kpi, reading: JudgedFigure) -> float:
    """The one-sided 80 % bound on the good side."""
    if kpi.judged_by == "order":
        return median_bound(reading.sample, "upper" if kpi.better == "higher" else "lower")
    low, high = wilson(reading.successes, reading.n, z=Z80)
    return high if kpi.better == "higher" else low
