"""Verdicts: what a figure says beside its target or its peers, and why.

The group of peers includes the rep, so that its figures are the same on every member's page and nobody can subtract. Quartiles
are the linear kind (type 7).
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from reviewlib.evidence.comparison import above, at_least, below, same
from reviewlib.evidence.intervals import Z80, wilson
from reviewlib.evidence.roster import ALL, Post, Roster
from reviewlib.params.figures import Kpi
from reviewlib.params.model import Bands, Peers, Verdict

#: Fewest observations for an interval that decides anything.
FEWEST: Final = {"wilson": 10, "order": 6}


def with_peers(frame: pd.DataFrame, *, rules: Peers, roster: Roster) -> pd.DataFrame:
    """Add peer_q1, peer_median, peer_q3, peers, spread (largest less smallest) and standing to the rows of reps.

    The frame has the columns scope, scope_id, period, kpi, value and better.
    """
    frame = frame.copy()
    groups = [
        peer_group(roster.posts[scope_id, period], rules) if scope == "rep" else None
        for scope, scope_id, period in zip(*(frame[name].tolist() for name in ("scope", "scope_id", "period")), strict=True)
    ]
    frame["peer_group"] = groups
    pool = frame[frame["peer_group"].notna() & frame["value"].notna() & (frame["better"] != "none")]
    values = pool.groupby(["peer_group", "period", "kpi"])["value"]
    stats = values.agg(peers="count", peer_median="median", low="min", high="max")
    quarters = [np.quantile(own.to_numpy(), (0.25, 0.75)) for _, own in values]
    stats["peer_q1"], stats["peer_q3"] = np.array(quarters).reshape(-1, 2).T
    ends = zip(stats.pop("low"), stats.pop("high"), strict=True)
    stats["spread"] = [0.0 if same(low, high) else high - low for low, high in ends]
    frame = frame.merge(stats.reset_index(), on=["peer_group", "period", "kpi"], how="left")
    few, some = frame["peers"] < rules.median_from, frame["peers"] < rules.quartiles_from
    frame.loc[few, "peer_median"] = np.nan
    frame.loc[some, ["peer_q1", "peer_q3"]] = np.nan
    cells = (frame[name].tolist() for name in ("value", "peer_q1", "peer_median", "peer_q3", "spread", "better"))
    frame["standing"] = [_quarter(*row) for row in zip(*cells, strict=True)]
    return frame.drop(columns=["peer_group"])


def two_digits(value: float | None) -> float | None:
    """Round to two significant digits, as benchmarks are shown."""
    if not value or not math.isfinite(value):
        return value
    return float(f"{value:.1e}")


def peer_group(post: Post, rules: Peers) -> str | None:
    """Name the peers whom a rep is compared with."""
    return {"all": ALL, "team": post.team, "role": post.role}[rules.group]


def _quarter(value: float, q1: float, middle: float, q3: float, spread: float, better: str) -> str | None:
    """Tell the quarter, the top one on the good side; strict at both ends, so that ties stand in the middle."""
    if better == "none" or spread == 0 or any(map(math.isnan, (value, q1, middle, q3))):
        return None
    if better == "lower":
        value, q1, middle, q3 = -value, -q3, -middle, -q1
    if above(value, q3):
        return "top quarter"
    if below(value, q1):
        return "bottom quarter"
    return "second quarter" if at_least(value, middle) else "third quarter"


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
_QUARTERS: Final[dict[str | None, tuple[Verdict, str]]] = {
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
        numerator: That of a share.
        low, high: The 95 % interval of a sampled figure.
        likely_low, likely_high: The one-sided bounds of 80 % of a median.
        target: The target, else the user's benchmark.
        reference: What ``target`` is called: ``target`` or ``benchmark``.
        peer_median: The peers' median; None below the threshold, or where all are equal.
        standing: The quarter among the peers; None below the threshold, or where all are equal.
    """

    value: float | None = None
    reason: str | None = None
    n: float = 0
    numerator: float = 0
    low: float | None = None
    high: float | None = None
    likely_low: float | None = None
    likely_high: float | None = None
    target: float | None = None
    reference: str = "target"
    peer_median: float | None = None
    standing: str | None = None


def judge(kpi: Kpi, figure: JudgedFigure, bands: Bands | None = None) -> tuple[Verdict, str]:
    """Give the verdict of a figure and its reason in words (the rules of the verdict table)."""
    if figure.value is None:
        return "not_available", figure.reason or "not available"
    if kpi.judged_by == "none":
        return "not_judged", "supporting figure" if kpi.of else "judged through revenue"
    if kpi.judged_by == "exact":
        return _exact(kpi, figure, bands)
    return _sampled(kpi, figure)


def attainment(kpi: Kpi, value: float, target: float) -> float | None:
    """Divide value by target, or target by value where lower is the aim; None where that says nothing."""
    if kpi.bands == "points" or target <= 0:
        return None
    if kpi.better == "lower":
        return target / value if value > 0 else None
    return value / target


def _exact(kpi: Kpi, figure: JudgedFigure, bands: Bands | None) -> tuple[Verdict, str]:
    if figure.target is None:
        if kpi.only_with_target:
            return "not_judged", "judged only against a target, and none is set"
        return _QUARTERS[figure.standing]
    assert figure.value is not None
    if kpi.bands == "points":
        return _banded(kpi, figure.value, bands or POINTS, figure.reference, start=figure.target)
    if kpi.better == "lower" and figure.value <= 0:
        return "strength", _EXACT["lower", "strength"].format(reference=figure.reference)
    ratio = attainment(kpi, figure.value, figure.target)
    if ratio is None:
        return "not_judged", f"the {figure.reference} is not above zero"
    return _banded(kpi, ratio, bands or SHARES, figure.reference)


def _banded(kpi: Kpi, measure: float, bands: Bands, reference: str, *, start: float = 0.0) -> tuple[Verdict, str]:
    """Find the band; bands that are points begin from the target."""
    reached = (name for name, limit in bands if at_least(measure, start + limit, size=start))
    verdict: Verdict = next(reached, "gap")  # type: ignore[arg-type]
    return verdict, _EXACT[kpi.better, verdict].format(reference=reference)


def _sampled(kpi: Kpi, figure: JudgedFigure) -> tuple[Verdict, str]:
    fewest = FEWEST[kpi.judged_by]
    if figure.n < fewest:
        return "not_enough_data", f"fewer than {fewest} {kpi.n_label}"
    reference, name = figure.target, f"the {figure.reference}"
    if reference is None:
        reference, name = figure.peer_median, "the peers’ median"
    if reference is None:
        return "not_judged", _QUARTERS[None][1]
    assert figure.low is not None
    assert figure.high is not None
    higher = kpi.better == "higher"
    over = above(figure.low, reference)
    if over or below(figure.high, reference):
        side = "above" if over else "below"
        good = (side == "above") == higher
        bad: Verdict = "gap" if figure.target is not None else "watch"
        return "strength" if good else bad, f"the whole interval lies {side} {name}"
    bound = _favourable(kpi, figure)
    if below(bound, reference) if higher else above(bound, reference):
        return "watch", f"probably {'below' if higher else 'above'} {name}"
    return "on_track", f"not distinguishable from {name}"


def _favourable(kpi: Kpi, figure: JudgedFigure) -> float:
    """The one-sided 80 % bound on the good side."""
    middle = (figure.likely_low, figure.likely_high)
    low, high = middle if kpi.judged_by == "order" else wilson(figure.numerator, figure.n, z=Z80)
    bound = high if kpi.better == "higher" else low
    assert bound is not None  # fewer than six observations are not judged
    return bound
