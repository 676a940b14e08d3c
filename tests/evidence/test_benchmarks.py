"""Tests of reviewlib.evidence.benchmarks: who is compared with whom, and that no benchmark is somebody's figure."""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scorecards import PERIOD, context_of, figure, judged, target

from reviewlib.evidence.availability import ScorecardContext
from reviewlib.evidence.benchmarks import peer_group, whole_group, with_peers, with_presence
from reviewlib.evidence.comparison import two_digits
from reviewlib.evidence.roster import Post, Roster
from reviewlib.params.model import Peers

SHOWN = ["peer_q1", "peer_median", "peer_q3"]


def _context(count: int, *, posts: Sequence[dict[str, Any]] = ({},), **given: Any) -> ScorecardContext:
    """Reps r00, r01, ... of one role and team; what posts say of them takes turns."""
    context = context_of([f"r{i:02}" for i in range(count)], **given)
    changed = {key: replace(post, **posts[int(key[0][1:]) % len(posts)]) for key, post in context.roster.posts.items()}
    roster = Roster(changed, context.roster.owners, context.roster.sellers, context.roster.periods)
    return replace(context, roster=roster)


def _peers(
    values: Sequence[float | None], context: ScorecardContext | None = None, *, kpi: str = "win_rate", better: str = "higher"
) -> pd.DataFrame:
    context = context or _context(len(values))
    rows = [
        {"scope": "rep", "scope_id": f"r{i:02}", "period": PERIOD.name, "kpi": kpi, "value": value, "better": better}
        for i, value in enumerate(values)
    ]
    frame = pd.DataFrame(rows).astype({"value": "float64"}).assign(target=float("nan"), target_raw=float("nan"))
    return with_peers(frame, context.roster, context.params.peers, context.sums)


@pytest.mark.parametrize(
    ("members", "half", "quarters"), [(4, False, False), (5, True, False), (7, True, False), (8, True, True)]
)
def test_thresholds(members: int, half: bool, quarters: bool) -> None:
    """Below five members nothing is said, from five the half and no figure, from eight quartiles, median and quarter."""
    row = _peers([float(value) for value in range(members)]).iloc[0]
    assert [pd.notna(row[name]) for name in SHOWN] == [quarters] * 3
    assert row["standing"] == ("bottom quarter" if quarters else "below the middle" if half else None)
    assert row["peers"] == members


def test_halves() -> None:
    """Of seven the one in the middle is in neither half; where lower is better the halves turn round."""
    values = [3.0, 1.0, 2.0, 4.0, 7.0, 5.0, 6.0]
    below, middle, above = "below the middle", "in the middle", "above the middle"
    expected = [below, below, below, middle, above, above, above]
    assert _peers(values)["standing"].tolist() == expected
    turned = [{below: above, above: below}.get(half, half) for half in expected]
    assert _peers(values, better="lower")["standing"].tolist() == turned


def test_each_is_the_mean_of_three() -> None:
    """Median and quartiles are each the mean of the three figures nearest to them."""
    row = _peers([80.0, 10.0, 30.0, 20.0, 50.0, 40.0, 70.0, 61.0, 90.0]).iloc[0]
    # Sorted: 10 20 30 40 50 61 70 80 90; the quartiles stand at 30, 50 and 70.
    assert row[SHOWN].tolist() == pytest.approx([(20 + 30 + 40) / 3, (40 + 50 + 61) / 3, (61 + 70 + 80) / 3])


@pytest.mark.default
@given(st.lists(st.integers(1, 10**6), min_size=8, max_size=40, unique=True), st.sampled_from(["higher", "lower"]))
@settings(max_examples=40)
def test_benchmarks_are_nobodys_figure_and_the_same_for_all(values: list[int], better: str) -> None:
    """Each lies among the three figures around the quantile, every member sees the same, and quarters follow from them."""
    frame = _peers([float(value) for value in values], better=better)
    ranks = sorted(values)
    expected = []
    for share in (0.25, 0.5, 0.75):
        nearest = sorted(range(len(ranks)), key=lambda rank: (abs(rank - (len(ranks) - 1) * share), rank % 2))[0]
        expected.append(statistics.mean(ranks[nearest - 1 : nearest + 2]))
    for row in frame.to_dict("records"):
        assert [row[name] for name in SHOWN] == pytest.approx(expected)
    low, middle, high = expected if better == "higher" else [-one for one in reversed(expected)]
    for value, found in zip(values, frame["standing"], strict=True):
        own = value if better == "higher" else -value
        halves = "second quarter" if own >= middle - 1e-9 else "third quarter"
        assert found == ("top quarter" if own > high + 1e-9 else "bottom quarter" if own < low - 1e-9 else halves)


def test_no_benchmark_is_the_figure_in_the_middle() -> None:
    """Wherever a figure stands among the others, no benchmark is that figure."""
    known = [float(value) for value in range(100, 800, 100)]
    for secret in (150.0, 455.0, 10**6):
        row = _peers([*known, secret]).iloc[0]
        assert all(abs(row[name] - secret) > 1 for name in SHOWN)


def test_two_digits_of_a_middle() -> None:
    """As printed a benchmark has two digits."""
    row = _peers([0.1, 0.3, 0.6, 0.9, 1.15, 1.6, 2.0, 2.9]).iloc[0]
    assert [two_digits(row[name]) for name in SHOWN] == [0.6, 1.2, 1.6]


def test_only_members_with_a_value_count() -> None:
    """Members without a figure do not make a group large enough, and have no standing."""
    frame = _peers([1.0, 2.0, 3.0, 4.0, None, None, None, None, None])
    assert frame["peers"].tolist() == [4] * 9
    assert frame["standing"].isna().all()
    assert _peers([*range(8), None])["standing"].isna().tolist() == [*[False] * 8, True]


def test_lower_is_better_turns_the_quarters_round() -> None:
    """The top quarter is on the good side."""
    values = [float(value) for value in range(9)]
    high, low = _peers(values)["standing"].tolist(), _peers(values, better="lower")["standing"].tolist()
    assert high[0] == "bottom quarter"
    assert low == [*high[5:][::-1], high[4], *high[:4][::-1]]
    assert low[:2] == ["top quarter", "top quarter"]


@pytest.mark.parametrize("count", [5, 7, 9])
def test_all_equal(count: int) -> None:
    """Where all peers are equal nobody stands anywhere."""
    assert _peers([5.0] * count)["standing"].isna().all()


def test_ties_stand_in_the_middle() -> None:
    """Who is level with a quartile is in the middle half, so that a tie is nobody's top quarter."""
    quarters = _peers([1.0, *[5.0] * 9, 9.0])["standing"].tolist()
    assert quarters == ["bottom quarter", *["second quarter"] * 9, "top quarter"]


def test_rounding_makes_no_quarter() -> None:
    """Who is level with a quartile but for the last digits of a float is in the middle half, and equal peers stay equal."""
    tenths = [0.1 * 3, 0.3, 0.1 + 0.2, 0.3, 0.30000000000000004, 0.3, 0.3, 0.3, 0.1 * 3]
    quarters = _peers([0.1, *tenths, 0.9])["standing"].tolist()
    assert quarters == ["bottom quarter", *["second quarter"] * 9, "top quarter"]
    assert _peers([0.1, *tenths, 0.9], better="lower")["standing"].tolist() == quarters[::-1]
    assert _peers(tenths)["standing"].isna().all()
    assert _peers(tenths[:5])["standing"].isna().all()


# How long somebody was there.


def _started(day: dt.date, count: int = 9, **given: Any) -> ScorecardContext:
    """The first rep began on this day, all others before."""
    return _context(count, posts=[{"started_on": day}, *[{}] * (count - 1)], **given)


@pytest.mark.parametrize(("day", "exposed"), [(dt.date(2026, 8, 31), True), (dt.date(2026, 9, 1), False)])
def test_less_than_a_third_is_nobodys_benchmark(day: dt.date, exposed: bool) -> None:
    """Who was there for 30 of 92 days is in no group's figures; 31 days are a third."""
    frame = _peers([1000.0, *range(1, 9)], _started(day))
    assert frame["peers"].iloc[0] == 8 + exposed
    assert frame["peers"].tolist() == [9 if exposed else 8] * 9
    if not exposed:
        assert frame[SHOWN].iloc[1].tolist() == _peers([float(each) for each in range(1, 9)])[SHOWN].iloc[0].tolist()


def test_a_third_to_the_day_is_enough() -> None:
    """Thirty of the ninety days of a first quarter are a third."""
    for day, exposed in ((dt.date(2026, 3, 2), True), (dt.date(2026, 3, 3), False)):
        row = {"scope": "rep", "scope_id": "r00", "period": "2026-Q1", "kpi": "win_rate", "target": 1.0, "target_raw": 1.0}
        assert with_presence(pd.DataFrame([row]), _started(day).roster, ())["exposed"].tolist() == [exposed]


@pytest.mark.parametrize("kpi", ["revenue", "win_rate"])
def test_sums_are_compared_by_day(kpi: str) -> None:
    """Half a period's revenue counts as twice as much, and its owner's benchmark is half; a rate is what it is."""
    half = dt.date(2026, 8, 16)  # 46 of 92 days
    frame = _peers([50.0, 10.0, 20.0, 30.0, 40.0, 60.0, 70.0, 80.0, 90.0], _started(half), kpi=kpi)
    own, other = frame.iloc[0], frame.iloc[1]
    # By day 100 is the highest of them: 10 20 30 40 60 70 80 90 100.
    if kpi == "revenue":
        assert other[SHOWN].tolist() == pytest.approx([30, (40 + 60 + 70) / 3, 80])
        assert own[SHOWN].tolist() == pytest.approx([15, (40 + 60 + 70) / 6, 40])
        assert own["standing"] == "top quarter"
    else:
        assert own[SHOWN].tolist() == other[SHOWN].tolist() == pytest.approx([30, 50, 70])
        assert own["standing"] == "second quarter"


def test_ramp_counts_as_in_targets() -> None:
    """A target that is halved by ramp makes of the same revenue twice the rate."""
    rows = [target("revenue", 100, scope_id=f"r{i:02}") | {"ramp": 0.5 if i == 0 else None} for i in range(9)]
    context = _context(9, target_rows=rows)
    found = judged(context, [figure("revenue", 50 + 10 * i, scope_id=f"r{i:02}") for i in range(9)])
    found = found[(found["kpi"] == "revenue") & (found["scope"] == "rep") & (found["period"] == PERIOD.name)]
    # 100 stands between 50 + 40 and 50 + 60: 60 70 80 90 100 100 110 120 130.
    assert found[SHOWN].iloc[1].tolist() == pytest.approx([80, (90 + 100 + 100) / 3, 110])
    assert found["peer_median"].iloc[0] == pytest.approx((90 + 100 + 100) / 6)


# Who is compared with whom.


@pytest.mark.parametrize(
    ("by", "sizes"), [([], {16}), (["team"], {8}), (["role"], {4}), (["role", "team"], {4}), (["region"], {16})]
)
def test_groups(by: list[str], sizes: set[int]) -> None:
    """Peers are those who have every named column in common, and all where none is named."""
    posts = [{"team": "AB"[i % 2], "role": "WXYZ"[i % 4]} for i in range(4)]
    frame = _peers([float(value) for value in range(16)], _context(16, posts=posts, peers={"by": by}))
    assert set(frame["peers"]) == sizes
    if by == ["team"]:
        assert frame["peer_median"].tolist()[:2] == pytest.approx([8.0, 9.0])


def test_columns_are_compared_each_for_itself() -> None:
    """Values that read alike side by side make no group."""
    posts = [{"team": "A", "role": "B, C"}, {"team": "A, B", "role": "C"}]
    context = _context(16, posts=posts, peers={"by": ["team", "role"]})
    assert set(_peers([float(value) for value in range(16)], context)["peers"]) == {8}


def test_a_column_that_holds_the_separator_makes_no_group() -> None:
    """A team whose name holds what stands between two columns is still another team."""
    rules = Peers(by=("team", "role"))
    one, other = Post("x", "x", team="A · B", role="C"), Post("y", "y", team="A", role="B · C")
    assert peer_group(one, rules) != peer_group(other, rules)


def test_having_no_role_is_something_in_common() -> None:
    """Reps without a role are each other's peers, and nobody else's: an export without roles compares everybody."""
    values = [float(value) for value in range(16)]
    assert set(_peers(values[:9], _context(9, posts=[{"role": None}]))["peers"]) == {9}
    assert set(_peers(values, _context(16, posts=[{"role": None}, {"role": "None"}]))["peers"]) == {8}


def test_only_reps_have_peers() -> None:
    """Teams and the whole have no benchmark and do not count in one."""
    scopes = [*(("rep", f"r{i:02}", float(i)) for i in range(9)), ("team", "T", 1e9), ("all", "all", 1e9)]
    rows = [
        {"scope": scope, "scope_id": name, "period": PERIOD.name, "kpi": "revenue", "value": value, "better": "higher"}
        for scope, name, value in scopes
    ]
    context = _context(9)
    frame = pd.DataFrame(rows).assign(target=float("nan"), target_raw=float("nan"))
    frame = with_peers(frame, context.roster, context.params.peers, context.sums)
    assert frame["peers"].tolist()[:9] == [9] * 9
    assert frame["peer_median"].tolist()[:9] == [4.0] * 9
    assert frame.tail(2)[["peer_median", "standing"]].isna().all(axis=None)


def test_supporting_figures_have_no_peers() -> None:
    """A figure without a good direction is not compared."""
    assert _peers([float(value) for value in range(9)], better="none")["peers"].isna().all()


def _at(shares: Sequence[float], posts: Sequence[dict[str, Any]] = ({},), **more: Any) -> list[float | None]:
    """What each rep, of a target of 100 each, is told of the group."""
    context = _context(len(shares), posts=posts)
    rows = pd.DataFrame(
        {
            "scope": "rep",
            "scope_id": [f"r{i:02}" for i in range(len(shares))],
            "period": PERIOD.name,
            "kpi": "revenue",
            "group": "Seller",
            "model": "purchases",
            "reached": [100.0 * share for share in shares],
            "expected": 100.0,
            "usable": True,
            "capped": False,
            **more,
        }
    )
    return [None if pd.isna(value) else value for value in whole_group(rows, context.roster)]


@pytest.mark.parametrize(
    ("share", "said"), [(0.8049, 0.8), (0.8951, 0.9), (0.9, None), (1.0, None), (1.1, None), (1.234, 1.2), (0.0, 0.0)]
)
def test_a_whole_group_beside_its_targets(share: float, said: float | None) -> None:
    """Where it is unusual, with two digits, and the same for every member."""
    assert _at([share] * 6) == [said] * 6


@pytest.mark.parametrize(("count", "told"), [(2, False), (5, False), (6, True), (20, True)])
def test_a_group_of_few_is_not_told(count: int, told: bool) -> None:
    """Who takes off their own figure must be left with five others at the least."""
    assert _at([0.5] * count) == [0.5 if told else None] * count


@pytest.mark.parametrize("circle", ["team", "manager"])
def test_a_group_of_few_beside_ones_own_reps_is_not_told(circle: str) -> None:
    """A manager knows the own reps, and a rep may know the team's total: those beside them are none, or five at the least."""
    ours, theirs = {circle: "ours"}, {circle: "theirs"}
    assert _at([0.5] * 9, [ours, ours, theirs]) == [None, None, 0.5] * 3  # three beside six of ours, six beside three of theirs
    assert _at([0.5] * 10, [ours, theirs]) == [0.5] * 10
    assert _at([0.5] * 7, [ours]) == [0.5] * 7


def test_only_figures_with_a_target_make_a_group() -> None:
    """Who has no target, or a figure that cannot be used, is neither in it nor told; of a median nothing is."""
    capped = [True, *[False] * 6]
    assert _at([9.0, *[0.5] * 6], capped=capped) == [None, *[0.5] * 6]
    assert _at([9.0, *[0.5] * 6], usable=[not each for each in capped]) == [None, *[0.5] * 6]
    assert _at([0.5] * 7, model="median") == [None] * 7
