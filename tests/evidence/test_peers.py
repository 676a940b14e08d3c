"""Tests of reviewlib.evidence.peers."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from reviewlib.evidence.peers import two_digits, with_peers
from reviewlib.evidence.roster import Post, Roster
from reviewlib.params.model import Peers
from reviewlib.periods import Period

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
    standings = _peers([1.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 9.0])["standing"].tolist()
    assert standings == ["bottom quarter", *["second quarter"] * 7, "top quarter"]


def test_rounding_makes_no_quarter() -> None:
    """Who is level with a quartile but for the last digits of a float is in the middle half, and equal peers stay equal."""
    tenths = [0.1 * 3, 0.3, 0.1 + 0.2, 0.3, 0.30000000000000004, 0.3, 0.3]
    standings = _peers([0.1, *tenths, 0.9])["standing"].tolist()
    assert standings == ["bottom quarter", *["second quarter"] * 7, "top quarter"]
    assert _peers([0.1, *tenths, 0.9], better="lower")["standing"].tolist() == standings[::-1]
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
