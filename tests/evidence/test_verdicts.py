"""Tests of reviewlib.evidence.verdicts: the verdict table, row by row and at the edges."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reviewlib.evidence.figures import Kpi
from reviewlib.evidence.intervals import Z80, median_bound, median_interval, wilson
from reviewlib.evidence.kpis import KPIS
from reviewlib.evidence.verdicts import JudgedFigure, attainment, judge
from reviewlib.params.model import Bands

REVENUE, WIN_RATE, CYCLE, GROWTH = (KPIS[key] for key in ("revenue", "win_rate", "cycle_days", "pipeline_growth"))
COMPLAINTS = replace(REVENUE, key="complaints", better="lower")


def _verdict(kpi: Kpi, bands: Bands | None = None, **reading: Any) -> str:
    return judge(kpi, JudgedFigure(**reading), bands)[0]


def _rate(successes: int, n: int, **more: Any) -> JudgedFigure:
    low, high = wilson(successes, n)
    return JudgedFigure(value=successes / n, n=n, successes=successes, low=low, high=high, **more)


def _median(sample: list[float], **more: Any) -> JudgedFigure:
    low, high = median_interval(sample) or (None, None)
    return JudgedFigure(
        value=sorted(sample)[len(sample) // 2], n=len(sample), sample=sorted(sample), low=low, high=high, **more
    )


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (105.0, "strength"),
        (104.99, "on_track"),
        (95.0, "on_track"),
        (94.99, "watch"),
        (80.0, "watch"),
        (79.99, "gap"),
        (0.0, "gap"),
        (-5.0, "gap"),
    ],
)
def test_exact_bands(value: float, verdict: str) -> None:
    """Attainment is a strength from 105 %, on track from 95 %, to watch from 80 %, else a gap; a benchmark counts the same."""
    assert _verdict(REVENUE, value=value, target=100.0) == verdict
    assert _verdict(REVENUE, value=value, target=100.0, reference="benchmark", standing="top quarter") == verdict


@pytest.mark.parametrize("target", [0.3, 3.0, 7.0, 1e9 / 7, 123456.78])
def test_exact_bands_survive_division(target: float) -> None:
    """A value of exactly 1.05, 0.95 or 0.80 times the target is inside the band whatever the division leaves."""
    for share, verdict in ((1.05, "strength"), (0.95, "on_track"), (0.80, "watch")):
        assert _verdict(REVENUE, value=target * share, target=target) == verdict


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (0.0, "strength"),
        (100 / 1.05, "strength"),
        (96.0, "on_track"),
        (100 / 0.95, "on_track"),
        (106.0, "watch"),
        (125.0, "watch"),
        (125.1, "gap"),
    ],
)
def test_exact_lower_is_better(value: float, verdict: str) -> None:
    """Where lower is better attainment is target over value, and nothing at all is a strength."""
    assert _verdict(COMPLAINTS, value=value, target=100.0) == verdict


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (0.15, "strength"),
        (0.149, "on_track"),
        (0.05, "on_track"),
        (0.049, "watch"),
        (-0.05, "watch"),
        (-0.051, "gap"),
    ],
)
def test_points(value: float, verdict: str) -> None:
    """Pipeline growth is judged by points from its target: +5, −5 and −15, all inclusive."""
    assert _verdict(GROWTH, value=value, target=0.10) == verdict
    assert attainment(GROWTH, value, 0.10) is None


def test_points_with_a_target_below_zero() -> None:
    """A target of pipeline growth may be zero or negative."""
    assert _verdict(GROWTH, value=0.0, target=0.0) == "on_track"
    assert _verdict(GROWTH, value=-0.05, target=-0.10) == "strength"
    assert _verdict(GROWTH, value=-0.30, target=-0.10) == "gap"


def test_bands_of_params() -> None:
    """Bands of params replace the default ones, as shares or as points."""
    bands = Bands(strength=1.15, on_track=0.95, watch=0.75)
    assert _verdict(REVENUE, bands, value=1.14, target=1.0) == "on_track"
    assert _verdict(REVENUE, bands, value=0.75, target=1.0) == "watch"
    assert _verdict(GROWTH, Bands(strength=0.2, on_track=0.0, watch=-0.5), value=-0.4, target=0.0) == "watch"


@pytest.mark.parametrize("target", [0.0, -10.0])
def test_target_not_above_zero(target: float) -> None:
    """No share of a target of zero or less is taken; the figure is not judged and says why."""
    verdict, reason = judge(REVENUE, JudgedFigure(value=50.0, target=target, standing="top quarter"))
    assert verdict == "not_judged"
    assert "not above zero" in reason
    assert attainment(REVENUE, 50.0, target) is None


@pytest.mark.parametrize(
    ("standing", "verdict"),
    [
        ("top quarter", "strength"),
        ("second quarter", "on_track"),
        ("third quarter", "on_track"),
        ("bottom quarter", "watch"),
        (None, "not_judged"),
    ],
)
def test_exact_against_peers(standing: str | None, verdict: str) -> None:
    """Without a target the top quarter is a strength, the bottom quarter to watch, the middle half on track; never a gap."""
    assert _verdict(REVENUE, value=50.0, standing=standing, peer_median=1000.0) == verdict


def test_only_with_target() -> None:
    """Net revenue retention is judged against a target only."""
    kpi = KPIS["revenue_retention"]
    assert _verdict(kpi, value=0.4, standing="top quarter") == "not_judged"
    assert _verdict(kpi, value=0.4, target=0.5) == "watch"


def test_not_available_and_not_judged() -> None:
    """A missing figure carries its reason; quota attainment and supporting figures are not judged."""
    assert judge(REVENUE, JudgedFigure(value=None, reason="no history")) == ("not_available", "no history")
    assert judge(KPIS["attainment"], JudgedFigure(value=2.0, target=1.0)) == ("not_judged", "judged through revenue")
    assert judge(KPIS["won_deals"], JudgedFigure(value=2.0)) == ("not_judged", "supporting figure")


@pytest.mark.parametrize(("n", "verdict"), [(9, "not_enough_data"), (10, "strength")])
def test_rates_from_ten(n: int, verdict: str) -> None:
    """A rate of fewer than ten observations is not judged, one of ten is."""
    assert judge(WIN_RATE, _rate(n, n, target=0.1))[0] == verdict


@pytest.mark.parametrize(("n", "verdict"), [(5, "not_enough_data"), (6, "strength")])
def test_medians_from_six(n: int, verdict: str) -> None:
    """A median of fewer than six observations is not judged, one of six is."""
    assert judge(CYCLE, _median([10.0] * n, target=45.0))[0] == verdict


def test_interval_touching_the_target() -> None:
    """An interval that only touches the target does not lie beyond it."""
    reading = _rate(40, 80)
    assert reading.low is not None
    assert reading.high is not None
    for target, verdict in (
        (reading.low, "on_track"),
        (reading.low - 1e-9, "strength"),
        (reading.high, "watch"),
        (reading.high + 1e-9, "gap"),
    ):
        assert judge(WIN_RATE, replace(reading, target=target))[0] == verdict


@pytest.mark.parametrize("digits", [1 - 2e-16, 1 + 3e-16, 1 - 1e-12, 1 + 1e-12])
def test_rounding_makes_no_verdict(digits: float) -> None:
    """A target that an interval, a bound or a band differs from in the last digits only is the one it is equal to."""
    rate, days = _rate(40, 80), _median([float(day) for day in range(30, 70)])
    assert None not in (rate.low, rate.high, days.low, days.high)
    for kpi, reading, edge in (
        (WIN_RATE, rate, rate.low),
        (WIN_RATE, rate, rate.high),
        (WIN_RATE, rate, wilson(40, 80, z=Z80)[1]),
        (CYCLE, days, days.low),
        (CYCLE, days, days.high),
        (CYCLE, days, median_bound(days.sample, "lower")),
        (REVENUE, JudgedFigure(value=0.95e9), 1e9),
        (REVENUE, JudgedFigure(value=0.8), 1.0),
        (GROWTH, JudgedFigure(value=0.3), 0.25),
        (GROWTH, JudgedFigure(value=0.0), 0.05),
        (GROWTH, JudgedFigure(value=-0.25), -0.10),
    ):
        assert judge(kpi, replace(reading, target=edge * digits)) == judge(kpi, replace(reading, target=edge))


@pytest.mark.parametrize(("kpi", "good"), [(WIN_RATE, 1.0), (replace(WIN_RATE, better="lower"), 0.0)])
def test_no_gap_where_nothing_can_be_better(kpi: Kpi, good: float) -> None:
    """All of ten against a target of all is no gap and nothing to watch; nor is none of ten against a target of none."""
    for n in range(10, 400):
        assert judge(kpi, _rate(round(n * good), n, target=good))[0] == "on_track"


def test_favourable_bound_of_a_rate() -> None:
    """To watch begins where even the upper one-sided 80 % bound is below the target, not at it."""
    reading = _rate(40, 80)
    bound = wilson(40, 80, z=Z80)[1]
    verdict, reason = judge(WIN_RATE, replace(reading, target=bound))
    assert verdict == "on_track"
    assert reason == "not distinguishable from the target"
    assert judge(WIN_RATE, replace(reading, target=bound + 1e-9))[0] == "watch"


def test_favourable_bound_of_a_median() -> None:
    """For the sales cycle the lower bound counts: to watch where even it is above the target."""
    sample = [float(day) for day in range(30, 70)]
    reading = _median(sample)
    bound = median_bound(sample, "lower")
    assert reading.low is not None
    assert reading.low < bound
    assert judge(CYCLE, replace(reading, target=bound))[0] == "on_track"
    assert judge(CYCLE, replace(reading, target=bound - 1e-6))[0] == "watch"
    assert judge(CYCLE, replace(reading, target=reading.low - 1e-6))[0] == "gap"
    assert judge(CYCLE, replace(reading, target=(reading.high or 0) + 1e-6))[0] == "strength"


def test_deal_size_is_good_when_high() -> None:
    """For deal size the upper bound of the median is the favourable one."""
    sample = [float(size) for size in range(30, 70)]
    reading = _median(sample)
    bound = median_bound(sample, "upper")
    assert judge(KPIS["deal_size"], replace(reading, target=bound))[0] == "on_track"
    assert judge(KPIS["deal_size"], replace(reading, target=bound + 1e-6))[0] == "watch"
    assert judge(KPIS["deal_size"], replace(reading, target=(reading.high or 0) + 1e-6))[0] == "gap"


def test_sampled_against_peers() -> None:
    """Against the peers' median the bad side is at most to watch, a target comes first, and no median means no verdict."""
    reading = _rate(20, 80)
    assert judge(WIN_RATE, replace(reading, peer_median=0.9))[0] == "watch"
    assert judge(WIN_RATE, replace(reading, peer_median=0.01))[0] == "strength"
    assert judge(WIN_RATE, replace(reading, peer_median=0.25))[0] == "on_track"
    assert judge(WIN_RATE, replace(reading, target=0.9, peer_median=0.01))[0] == "gap"
    assert judge(WIN_RATE, reading)[0] == "not_judged"


def test_user_benchmark_of_a_sample_is_a_target() -> None:
    """A user's benchmark can make a gap, and the reason names it."""
    assert judge(WIN_RATE, _rate(20, 80, target=0.9, reference="benchmark", peer_median=0.2)) == (
        "gap",
        "the whole interval lies below the benchmark",
    )


def test_immature() -> None:
    """An immature cohort has no verdict, however many deals it has."""
    reading = replace(_rate(80, 100, target=0.1), immature=True, low=None, high=None)
    verdict, reason = judge(KPIS["conversion_rate"], reading)
    assert verdict == "not_enough_data"
    assert "immature" in reason
