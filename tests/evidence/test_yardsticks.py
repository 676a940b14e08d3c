"""Tests of reviewlib.evidence.yardsticks: how much figures scatter, by simple loops, from the periods before and no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from scorecards import PERIOD, NoDeals, amounts, context_of, figure, judged, row, target

from reviewlib.evidence.availability import ScorecardContext

TREND = PERIOD.trend(8)


def _context(reps: Sequence[str], kpi: str, level: float, *, roles: Mapping[str, str] | None = None) -> ScorecardContext:
    """Each rep has this target in every period, and the role that is given."""
    rows = [target(kpi, level, scope_id=rep, period=period.name) for rep in reps for period in TREND]
    context = context_of(reps, target_rows=rows)
    posts = {key: replace(post, role=(roles or {}).get(key[0], "Seller")) for key, post in context.roster.posts.items()}
    return replace(context, roster=replace(context.roster, posts=posts))


def _rates(won: Mapping[str, Sequence[int]], n: int = 30, **more: Any) -> pd.DataFrame:
    """Judge win rates at 40 %; the last of each rep's numbers is the review period's."""
    figures = [
        figure("win_rate", k, n, scope_id=rep, period=period.name)
        for rep, each in won.items()
        for k, period in zip(each, TREND[-len(each) :], strict=True)
    ]
    return judged(_context([*won], "win_rate", 0.4, **more), figures)


def _phi(won: Mapping[str, Sequence[int]], n: int = 30) -> float:
    """Sum (S - r E)² / (r V) over the periods before, by the reps' periods less one each."""
    terms, free = 0.0, 0
    for each in won.values():
        before = each[:-1]
        own = sum(before) / (len(before) * n * 0.4)
        terms += sum((k - own * n * 0.4) ** 2 / (n * own * 0.4 * (1 - own * 0.4)) for k in before)
        free += len(before) - 1
    return terms / free


WILD = {
    "A": [4, 20, 4, 20, 4, 20, 10],
    "B": [6, 18, 6, 18, 6, 18, 30],
    "C": [5, 22, 5, 22, 5, 22, 1],
    "D": [8, 16, 8, 16, 8, 16, 12],
}


def test_dispersion_is_that_of_the_periods_before() -> None:
    """Phi is the reps' scatter about their own level, from 24 periods on; the judged one is not in it."""
    found = [row(_rates(WILD), "win_rate", scope_id=rep) for rep in WILD]
    assert {one["phi_from"] for one in found} == {"group"}
    assert [one["phi"] for one in found] == [pytest.approx(_phi(WILD))] * 4
    assert _phi(WILD) > 3


def test_dispersion_needs_24_periods() -> None:
    """Of 23 periods it is not known: independent deals are assumed, which the row says."""
    fewer = WILD | {"D": WILD["D"][1:]}
    found = row(_rates(fewer), "win_rate")
    assert (found["phi"], found["phi_from"]) == (1, "assumed")


def test_dispersion_is_at_least_what_counting_gives() -> None:
    """Reps who are steadier than chance are not held to that."""
    assert row(_rates({rep: [12] * 8 for rep in "ABCD"}), "win_rate")["phi"] == 1


def test_a_steady_level_is_no_dispersion() -> None:
    """Being better or worse than the target, always by as much, does not widen anybody's limits."""
    levels = {rep: [k] * 8 for rep, k in zip("ABCD", (4, 8, 20, 26), strict=True)}
    assert row(_rates(levels), "win_rate")["phi"] == 1


def test_a_small_group_takes_the_dispersion_of_all() -> None:
    """A role of which too few periods are known has the phi of all reps."""
    found = _rates(WILD, roles={"A": "Alone"})
    assert (row(found, "win_rate")["phi_from"], row(found, "win_rate")["phi"]) == ("all", pytest.approx(_phi(WILD)))
    assert row(found, "win_rate", scope_id="B")["phi_from"] == "all"


def test_peers_who_differ_are_no_finding() -> None:
    """Against peers only who stands out among them is told so, however steadily each keeps a level of their own."""
    levels = {f"R{at}": [k] * 8 for at, k in enumerate((6, 8, 9, 11, 12, 13, 14, 16, 17, 18))}
    figures = [
        figure("win_rate", k, 30, scope_id=rep, period=period.name)
        for rep, each in levels.items()
        for k, period in zip(each, TREND, strict=True)
    ]
    context = context_of([*levels])
    found = judged(context, figures)
    assert {row(found, "win_rate", scope_id=rep)["verdict"] for rep in levels} == {"no_signal"}
    assert {row(found, "win_rate", scope_id=rep)["periods"] for rep in levels} == {1}
    out = [
        figure("win_rate", 1, 30, scope_id="R0", period=PERIOD.name) if one["scope_id"] == "R0" else one for one in figures[7:8]
    ]
    assert row(judged(context, [*figures[:7], *out, *figures[8:]]), "win_rate", scope_id="R0")["verdict"] == "watch"


def _sized(each: Mapping[str, Sequence[float]], more: pd.DataFrame | None = None, **given: Any) -> pd.DataFrame:
    """Judge revenue of 100 against 100, of reps who sold these amounts in each period before."""
    parts = [amounts("purchases", own, reps=[rep]) for rep, own in each.items()]
    deals = NoDeals(pd.concat([*parts, *([] if more is None else [more])]))
    return judged(_context([*each], "revenue", 100, **given), [figure("revenue", 100, scope_id=rep) for rep in each], deals)


def test_a_rep_who_sells_large_deals_is_judged_by_them() -> None:
    """The mean purchase is the rep's own, with ten of the group's beside it; the scatter about each own mean is pooled."""
    each = {"A": [80.0, 120.0], "B": [5.0, 10.0, 15.0]}
    group = 7 * (200 + 30) / (7 * 5)
    mean = {"A": (7 * 200 + 10 * group) / (14 + 10), "B": (7 * 30 + 10 * group) / (21 + 10)}
    within = sum(7 * sum((one / (sum(own) / len(own)) - 1) ** 2 for one in own) for own in each.values())
    c2 = within / (13 + 20)
    frame = _sized(each)
    for rep in each:
        found = row(frame, "revenue", scope_id=rep)
        assert found["size"] == pytest.approx(mean[rep])
        assert found["spread"] == pytest.approx(mean[rep] * (1 + c2))


def test_amounts_of_the_judged_period_decide_nothing() -> None:
    """What was sold in the review period is no yardstick of it."""
    last = pd.DataFrame(
        [{"rep_id": "A", "period": PERIOD.name, "kind": "purchases", "number": 9.0, "total": 9e6, "squares": 9e12}]
    )
    each = {"A": [8.0, 12.0, 10.0, 9.0, 11.0]}
    for name in ("size", "spread", "verdict"):
        assert row(_sized(each, last), "revenue")[name] == row(_sized(each), "revenue")[name]


def test_a_role_with_one_price_widens_nobodys_limits() -> None:
    """Deals that are all alike have no variance, and with it no part in the dispersion of the others."""
    prices = {"A": [50.0] * 6, "B": [40.0, 60.0] * 3, "C": [45.0, 55.0] * 3, "D": [30.0, 70.0] * 3}
    deals = NoDeals(pd.concat([amounts("sales", own, reps=[rep]) for rep, own in prices.items()]))
    sizes = [figure("deal_size", 300 + at, 6, scope_id=rep, period=own.name) for at, own in enumerate(TREND) for rep in prices]
    found = judged(_context([*prices], "deal_size", 50, roles={"A": "Alone"}), sizes, deals)
    for rep in "BCD":
        assert (row(found, "deal_size", scope_id=rep)["phi_from"], row(found, "deal_size", scope_id=rep)["phi"]) == (
            "assumed",
            1,
        )


@pytest.mark.parametrize(
    ("each", "verdict"), [([10.0, 12.0, 11.0, 9.0], "too_few"), ([10.0, 12.0, 11.0, 9.0, 8.0], "no_signal")]
)
def test_thirty_amounts(each: list[float], verdict: str) -> None:
    """Of 28 amounts it is not known how much they vary; of 35 it is."""
    found = row(_sized({"A": each}), "revenue")
    assert found["verdict"] == verdict
    assert (found["reason"] == "fewer than 30 amounts before it to know how much they vary") == (verdict == "too_few")


def test_few_amounts_of_a_role_take_those_of_all() -> None:
    """A role with fewer than 30 amounts has the scatter of all reps, and its own mean."""
    frame = _sized({"A": [90.0, 110.0], "B": [5.0, 10.0, 15.0]}, roles={"A": "Alone"})
    together = _sized({"A": [90.0, 110.0], "B": [5.0, 10.0, 15.0]})
    assert row(frame, "revenue")["spread"] == pytest.approx(row(together, "revenue")["spread"])


@pytest.mark.parametrize(("reached", "level", "verdict"), [(0, 2.9, "too_few"), (0, 3.0, "watch"), (4, 2.9, "no_signal")])
def test_out_of_reach_is_too_few(reached: int, level: float, verdict: str) -> None:
    """Where nobody could have done worse than nothing, and nothing is no sign, that side says too few, not "no signal"."""
    found = row(
        judged(context_of(target_rows=[target("new_customers", level)]), [figure("new_customers", reached)]), "new_customers"
    )
    assert found["verdict"] == verdict
    assert (found["reason"] == "so few that no figure on this side would tell") == (verdict == "too_few")
