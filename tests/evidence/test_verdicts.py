"""Tests of reviewlib.evidence.verdicts: the verdict table, row by row and at the edges."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scorecards import of_median

from reviewlib.evidence.intervals import Z80, Z95, median_bounds, wilson
from reviewlib.evidence.roster import Post, Roster
from reviewlib.evidence.verdicts import FEWEST, JudgedFigure, attainment, judge, two_digits, with_peers
from reviewlib.params.figures import Kpi
from reviewlib.params.kpis import KPIS
from reviewlib.params.model import Bands, Peers
from reviewlib.periods import Period

REVENUE, WIN_RATE, CYCLE, GROWTH = (KPIS[key] for key in ("revenue", "win_rate", "cycle_days", "pipeline_growth"))
COMPLAINTS = replace(REVENUE, key="complaints", better="lower")


def _verdict(kpi: Kpi, bands: Bands | None = None, **reading: Any) -> str:
    return judge(kpi, JudgedFigure(**reading), bands)[0]


def _rate(successes: int, n: int, **more: Any) -> JudgedFigure:
    low, high = wilson(successes, n)
    return JudgedFigure(value=successes / n, n=n, numerator=successes, low=low, high=high, **more)


def _median(sample: list[float], **more: Any) -> JudgedFigure:
    return JudgedFigure(value=sorted(sample)[len(sample) // 2], n=len(sample), **of_median(sorted(sample)), **more)


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
    [(0.15, "strength"), (0.149, "on_track"), (0.05, "on_track"), (0.049, "watch"), (-0.05, "watch"), (-0.051, "gap")],
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
    ("quarter", "verdict"),
    [
        ("top quarter", "strength"),
        ("second quarter", "on_track"),
        ("third quarter", "on_track"),
        ("bottom quarter", "watch"),
        (None, "not_judged"),
    ],
)
def test_exact_against_peers(quarter: str | None, verdict: str) -> None:
    """Without a target the top quarter is a strength, the bottom quarter to watch, the middle half on track; never a gap."""
    assert _verdict(REVENUE, value=50.0, standing=quarter, peer_median=1000.0) == verdict


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
        (CYCLE, days, days.likely_low),
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
    bound = of_median(sample)["likely_low"]
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
    bound = of_median(sample)["likely_high"]
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


PERIOD = Period.parse("2026-Q3")


def _roster(count: int, *, teams: Sequence[str | None] = ("T",), roles: Sequence[str | None] = ("R",)) -> Roster:
    """Reps r0, r1, ... whose teams and roles take turns."""
    posts = {
        (f"r{i}", PERIOD.name): Post(f"r{i}", f"r{i}", teams[i % len(teams)], None, roles[i % len(roles)], None, None, None)
        for i in range(count)
    }
    return Roster(posts, frozenset(), frozenset(rep for rep, _ in posts), (PERIOD,))


def _peers(
    values: Sequence[float | None], roster: Roster | None = None, *, better: str = "higher", **rules: Any
) -> pd.DataFrame:
    rows = [
        {"scope": "rep", "scope_id": f"r{i}", "period": PERIOD.name, "kpi": "revenue", "value": value, "better": better}
        for i, value in enumerate(values)
    ]
    frame = pd.DataFrame(rows).astype({"value": "float64"})
    return with_peers(frame, rules=Peers(**rules), roster=roster or _roster(len(values)))


@pytest.mark.parametrize(
    ("members", "median", "quartiles"), [(4, False, False), (5, True, False), (7, True, False), (8, True, True)]
)
def test_thresholds(members: int, median: bool, quartiles: bool) -> None:
    """Fewer than five members give nothing, five to seven the median, eight and more quartiles and the standing."""
    row = _peers([float(value) for value in range(members)]).iloc[0]
    assert pd.notna(row["peer_median"]) == median
    assert (pd.notna(row["peer_q1"]), pd.notna(row["peer_q3"]), row["standing"] is not None) == (quartiles,) * 3


def test_quartiles_are_printed_as_they_are() -> None:
    """A quartile in the middle between two printed figures is rounded as it is written, not by the last digit of a float."""
    row = _peers([0.1, 0.3, 0.6, 0.9, 1.15, 1.6, 2.0, 2.9]).iloc[0]
    assert [two_digits(row[name]) for name in ("peer_q1", "peer_median", "peer_q3")] == [0.53, 1.0, 1.7]


def test_only_members_with_a_value_count() -> None:
    """Members without a figure do not make a group large enough, and have no standing."""
    frame = _peers([1.0, 2.0, 3.0, 4.0, None, None, None, None, None])
    assert frame["peers"].tolist() == [4] * 9
    assert frame["peer_median"].isna().all()
    assert _peers([*range(8), None])["standing"].isna().tolist() == [*[False] * 8, True]


def test_params_raise_the_thresholds() -> None:
    """Params may raise the thresholds, not lower them."""
    frame = _peers([float(value) for value in range(9)], median_from=9, quartiles_from=10)
    assert frame["peer_median"].tolist() == [4.0] * 9
    assert frame["peer_q1"].isna().all()
    assert _peers([float(value) for value in range(8)], median_from=9, quartiles_from=10)["peer_median"].isna().all()
    for lower in ({"median_from": 4}, {"quartiles_from": 7}):
        with pytest.raises(ValidationError):
            Peers(**lower)


@pytest.mark.default
@given(st.lists(st.integers(-1000, 1000), min_size=8, max_size=30))
@settings(max_examples=30)
def test_quartiles_are_type_seven_and_the_same_for_all(values: list[int]) -> None:
    """Quartiles are the linear kind, and every member, the rep included, sees the same figures."""
    frame = _peers([float(value) for value in values])
    q1, median, q3 = statistics.quantiles(values, n=4, method="inclusive")
    for row in frame.to_dict("records"):
        assert (row["peer_q1"], row["peer_median"], row["peer_q3"]) == pytest.approx((q1, median, q3))
    if len(set(values)) > 1:
        expected = [
            "top quarter"
            if value > q3 + 1e-9
            else "bottom quarter"
            if value < q1 - 1e-9
            else "second quarter"
            if value >= median - 1e-9
            else "third quarter"
            for value in values
        ]
        assert frame["standing"].tolist() == expected


def test_lower_is_better_turns_the_quarters_round() -> None:
    """The top quarter is on the good side."""
    values = [float(value) for value in range(8)]
    high, low = _peers(values)["standing"].tolist(), _peers(values, better="lower")["standing"].tolist()
    assert high[0] == "bottom quarter"
    assert low == high[::-1]
    assert low[:2] == ["top quarter", "top quarter"]


def test_all_equal() -> None:
    """Where all peers are equal nobody stands anywhere."""
    assert _peers([5.0] * 9)["standing"].isna().all()


def test_ties_stand_in_the_middle() -> None:
    """Who is level with a quartile is in the middle half, so that a tie is nobody's top quarter."""
    quarters = _peers([1.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 9.0])["standing"].tolist()
    assert quarters == ["bottom quarter", *["second quarter"] * 7, "top quarter"]


def test_rounding_makes_no_quarter() -> None:
    """Who is level with a quartile but for the last digits of a float is in the middle half, and equal peers stay equal."""
    tenths = [0.1 * 3, 0.3, 0.1 + 0.2, 0.3, 0.30000000000000004, 0.3, 0.3]
    quarters = _peers([0.1, *tenths, 0.9])["standing"].tolist()
    assert quarters == ["bottom quarter", *["second quarter"] * 7, "top quarter"]
    assert _peers([0.1, *tenths, 0.9], better="lower")["standing"].tolist() == quarters[::-1]
    level = _peers([*tenths, 0.3])
    assert level["standing"].isna().all()
    assert set(level["spread"]) == {0.0}


@pytest.mark.parametrize(("group", "sizes"), [("all", {16}), ("team", {8}), ("role", {4})])
def test_groups(group: str, sizes: set[int]) -> None:
    """Peers are those of the same team, the same role, or all."""
    roster = _roster(16, teams=["A", "B"], roles=["W", "X", "Y", "Z"])
    frame = _peers([float(value) for value in range(16)], roster, group=group)
    assert set(frame["peers"]) == sizes
    if group == "team":
        assert frame["peer_median"].tolist()[:2] == [7.0, 8.0]


def test_no_team_no_peers() -> None:
    """Reps without a team or a role are not each other's peers there."""
    frame = _peers([float(value) for value in range(9)], _roster(9, teams=[None], roles=[None]), group="team")
    assert frame["peers"].isna().all()
    assert frame["standing"].isna().all()


def test_only_reps_have_peers() -> None:
    """Teams and the whole have no benchmark and do not count in one."""
    scopes = [*(("rep", f"r{i}", float(i)) for i in range(8)), ("team", "T", 1e9), ("all", "all", 1e9)]
    rows = [
        {"scope": scope, "scope_id": name, "period": PERIOD.name, "kpi": "revenue", "value": value, "better": "higher"}
        for scope, name, value in scopes
    ]
    frame = with_peers(pd.DataFrame(rows), rules=Peers(), roster=_roster(8))
    assert frame["peers"].tolist()[:8] == [8] * 8
    assert frame["peer_median"].tolist()[:8] == [3.5] * 8
    assert frame.tail(2)[["peer_median", "standing"]].isna().all(axis=None)


def test_supporting_figures_have_no_peers() -> None:
    """A figure without a good direction is not compared."""
    assert _peers([float(value) for value in range(9)], better="none")["peers"].isna().all()


@pytest.mark.parametrize(
    ("value", "shown"),
    [(123456.0, 120000.0), (0.4567, 0.46), (-98.7, -99.0), (9.96, 10.0), (0.0, 0.0), (None, None), (0.00123, 0.0012)],
)
def test_two_digits(value: float | None, shown: float | None) -> None:
    """Benchmarks are shown to two significant digits."""
    assert two_digits(value) == shown


def _roots(successes: int, n: int, z: float) -> tuple[float, float]:
    """Solve (p - share)² = z² p (1 - p) / n on either side of the share by halving."""
    share = successes / n

    def outside(p: float) -> bool:
        return (p - share) ** 2 > z * z * p * (1 - p) / n

    def edge(near: float, far: float) -> float:
        for _ in range(200):
            middle = (near + far) / 2
            near, far = (near, middle) if outside(middle) else (middle, far)
        return near

    return edge(share, 0.0), edge(share, 1.0)


def _ranks(n: int, tail: tuple[int, int]) -> int:
    """The largest r with P(Binomial(n, 1/2) <= r - 1) <= tail, in whole numbers."""
    top, bottom = tail
    rank, below = 0, 1
    while rank < n and below * bottom <= top * 2**n:
        rank += 1
        below += math.comb(n, rank)
    return rank


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_published(successes: int, n: int, low: float, high: float) -> None:
    """The interval is the one that Newcombe (1998, table I, method 3) prints."""
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([Z95, Z80]))
def test_wilson_solves_its_equation(pair: tuple[int, int], z: float) -> None:
    """The bounds are where the score test turns, and never outside 0 and 1."""
    low, high = wilson(*pair, z=z)
    assert (low, high) == pytest.approx(_roots(*pair, z), abs=1e-9)
    assert 0 <= low <= pair[0] / pair[1] + 1e-12
    assert pair[0] / pair[1] - 1e-12 <= high <= 1


@pytest.mark.parametrize("z", [Z95, Z80])
def test_wilson_of_none_and_of_all(z: float) -> None:
    """The interval of none begins at 0 and that of all ends at 1, exactly, and neither is a point."""
    for n in range(1, 1000):
        assert wilson(0, n, z=z)[0] == 0.0 < wilson(0, n, z=z)[1]
        assert wilson(n, n, z=z)[1] == 1.0 > wilson(n, n, z=z)[0]


def test_normal_quantiles() -> None:
    """The quantiles are those of 95 % on two sides and 80 % on one."""
    assert math.erf(Z95 / math.sqrt(2)) == pytest.approx(0.95, abs=1e-12)
    assert (1 + math.erf(Z80 / math.sqrt(2))) / 2 == pytest.approx(0.80, abs=1e-5)


@pytest.mark.parametrize(
    ("n", "low", "high"),
    [(6, 1, 6), (8, 1, 8), (9, 2, 8), (10, 2, 9), (15, 4, 12), (20, 6, 15), (30, 10, 21), (50, 18, 33), (100, 40, 61)],
)
def test_median_interval_published(n: int, low: int, high: int) -> None:
    """The ranks are those of the published tables for 95 %."""
    assert (median_bounds(n) or ())[:2] == (low, high)


@pytest.mark.default
@pytest.mark.parametrize("n", [*range(1, 130), 999, 1000, 4001])
def test_median_ranks_are_exact(n: int) -> None:
    """The ranks equal those of binomial sums in whole numbers, also where n is large."""
    wide, narrow = _ranks(n, (1, 40)), _ranks(n, (1, 5))
    assert median_bounds(n) == ((wide, n - wide + 1, narrow, n - narrow + 1) if wide else None)


def test_fewest_observations() -> None:
    """Five observations bound no median at 95 %, six do, and no bound is asked for below the thresholds."""
    assert median_bounds(0) is median_bounds(5) is None
    assert median_bounds(6) == (1, 6, 2, 5)
    assert FEWEST == {"wilson": 10, "order": 6}
