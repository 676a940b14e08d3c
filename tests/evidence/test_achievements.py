"""Tests of reviewlib.evidence.achievements: each rule fires at its edge and not below it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from scorecards import PERIOD

from reviewlib.evidence.achievements import Achievement, achievements
from reviewlib.evidence.kpis import KPIS
from reviewlib.evidence.scorecard import SubjectScorecard
from reviewlib.evidence.tables import SCORECARD
from reviewlib.pages.sentences import problems
from reviewlib.params.model import RecognitionRule
from reviewlib.periods import Period

TREND = PERIOD.trend(8)


def _card(cells: Mapping[tuple[str, Period], dict[str, Any]]) -> SubjectScorecard:
    rows: dict[tuple[str, str], dict[Hashable, Any]] = {
        (kpi, period.name): {name: row.get(name) for name in SCORECARD} for (kpi, period), row in cells.items()
    }
    return SubjectScorecard(rows, KPIS, PERIOD, TREND)


def _now(kpi: str = "revenue", **columns: Any) -> SubjectScorecard:
    return _card({(kpi, PERIOD): columns})


def _over_time(column: str, values: Sequence[float | None], kpi: str = "revenue", *, n: float = 20) -> SubjectScorecard:
    """The last of the values is this period's."""
    return _card({(kpi, period): {column: value, "n": n} for period, value in zip(TREND[-len(values) :], values, strict=True)})


def _found(
    card: SubjectScorecard, rule: Any, *, deals: Sequence[Any] = (), team_met: bool = False, **more: Any
) -> list[Achievement]:
    found = achievements(card, [RecognitionRule(rule=rule, **more)], deals=deals, team_met=team_met)
    assert all(not problems(item.text, KPIS, names=item.names) for item in found)
    assert all(not any(character.isdigit() for character in item.title) for item in found)
    return found


@pytest.mark.parametrize(
    ("attained", "fires"), [(1.0, True), (1 - 1e-12, True), (0.9999, False), (None, False), (np.nan, False)]
)
def test_target_met(attained: float | None, fires: bool) -> None:
    """A target is met from 100 % on."""
    assert bool(_found(_now(attainment=attained), "target_met")) == fires


@pytest.mark.parametrize(
    ("attained", "at_least", "fires"), [(1.05, None, True), (1.0499, None, False), (1.2, 1.2, True), (1.1999, 1.2, False)]
)
def test_target_exceeded(attained: float, at_least: float | None, fires: bool) -> None:
    """A target is exceeded from 105 % on, or from where params say."""
    assert bool(_found(_now(attainment=attained), "target_exceeded", at_least=at_least)) == fires


@pytest.mark.parametrize(
    ("values", "fires"),
    [
        ([1, 2, 3, 4], True),
        ([1, 2, 4, 4], False),
        ([9, 2, 3, 4], False),
        ([2, 3, 4], False),
        ([None, 2, 3, 4], False),
        ([None, 1, 2, 3, 4], True),
        ([1, 2, 3, None], False),
    ],
)
def test_personal_best(values: list[float | None], fires: bool) -> None:
    """A best beats at least three earlier periods, and does not equal one; the best before is named."""
    found = _found(_over_time("value", values), "personal_best")
    assert bool(found) == fires
    if fires:
        assert "{revenue@2026-Q2} in 2026-Q2" in found[0].text


@pytest.mark.parametrize(
    ("kpi", "values"), [("revenue", [0.2, 0.3, 0.3, 0.1 + 0.2]), ("cycle_days", [9, 7 * 1.1, 7 * 1.1, 7.7])]
)
def test_rounding_is_no_record(kpi: str, values: list[float]) -> None:
    """What equals the best before but for the last digits of a float does not beat it."""
    assert values[-1] != values[-2]
    assert not _found(_over_time("value", values, kpi), "personal_best", kpi=kpi)


def test_the_best_before_is_the_latest_of_several() -> None:
    """Where several earlier periods were equally good, but for rounding, the latest is named."""
    (found,) = _found(_over_time("value", [0.1 + 0.2, 0.2, 0.3, 0.4]), "personal_best")
    assert "in 2026-Q2" in found.text
    (found,) = _found(_over_time("value", [7.7, 9, 7 * 1.1, 7], "cycle_days"), "personal_best", kpi="cycle_days")
    assert "in 2026-Q2" in found.text


def test_personal_best_where_lower_is_better() -> None:
    """The best sales cycle is the shortest."""
    assert _found(_over_time("value", [30, 28, 29, 27], "cycle_days"), "personal_best", kpi="cycle_days")
    assert not _found(_over_time("value", [30, 28, 29, 31], "cycle_days"), "personal_best", kpi="cycle_days")


def test_no_personal_best_on_few_deals() -> None:
    """A rate of nine deals is no record, one of ten may be; a sum needs no number."""
    values = [0.3, 0.4, 0.35, 1.0]
    assert not _found(_over_time("value", values, "win_rate", n=9), "personal_best", kpi="win_rate")
    assert _found(_over_time("value", values, "win_rate", n=10), "personal_best", kpi="win_rate")
    assert _found(_over_time("value", values, n=1), "personal_best")


@pytest.mark.parametrize(
    ("attained", "at_least", "fires"),
    [
        ([0.5, 1.0, 1.0, 1.0], None, True),
        ([1.0, 0.99, 1.0, 1.0], None, False),
        ([1.0, 1.0, 1.0, 0.99], None, False),
        ([1.0, None, 1.0, 1.0], None, False),
        ([1.0, 1.0], 2, True),
        ([1.0, 1.0, 1.0], 4, False),
    ],
)
def test_streak(attained: list[float | None], at_least: float | None, fires: bool) -> None:
    """A streak is three periods in a row at target or above, this one included, or as many as params say."""
    found = _found(_over_time("attainment", attained), "streak", at_least=at_least)
    assert bool(found) == fires
    if fires:
        assert found[0].text.endswith("2026-Q2, 2026-Q3.")


@pytest.mark.parametrize(
    ("before", "now", "fires"),
    [(0.9999, 1.0, True), (1.0, 1.0, False), (0.5, 0.9999, False), (None, 1.2, False), (0.5, None, False)],
)
def test_comeback(before: float | None, now: float | None, fires: bool) -> None:
    """A comeback goes from below target to target or above."""
    assert bool(_found(_over_time("attainment", [before, now]), "comeback")) == fires


@pytest.mark.parametrize(
    ("largest", "n", "at_least", "fires"),
    [(300.0, 6, None, True), (299.99, 6, None, False), (300.0, 5, None, False), (500.0, 6, 5, True), (499.0, 6, 5, False)],
)
def test_significant_deal(largest: float, n: int, at_least: float | None, fires: bool) -> None:
    """A deal is significant from three times the median on, or from where params say, among at least six."""
    card = _card({("largest_deal", PERIOD): {"value": largest, "n": n}, ("deal_size_median", PERIOD): {"value": 100.0}})
    assert bool(_found(card, "significant_deal", at_least=at_least)) == fires


@pytest.mark.parametrize(
    ("account", "names"), [("Zennor", {"account": "Zennor"}), (None, {}), (np.nan, {}), ("{x}", {"account": "{x}"})]
)
def test_significant_deal_names_the_account(account: Any, names: dict[str, str]) -> None:
    """The account is named where the deal has one, as a name and never as a template."""
    card = _card({("largest_deal", PERIOD): {"value": 900.0, "n": 9}, ("deal_size_median", PERIOD): {"value": 100.0}})
    deals = [{"amount": 5.0, "account_id": "other"}, {"amount": 900.0, "account_id": account}]
    (found,) = _found(card, "significant_deal", deals=deals)
    assert found.names == names
    assert ("{account}" in found.text) == bool(names)


def test_rounding_hides_no_significant_deal() -> None:
    """Exactly three times the median is significant whatever the multiplication leaves, and the largest deal is named."""
    card = _card({("largest_deal", PERIOD): {"value": 0.3, "n": 9}, ("deal_size_median", PERIOD): {"value": 0.1}})
    (found,) = _found(
        card, "significant_deal", deals=[{"amount": 0.2, "account_id": "x"}, {"amount": 0.1 + 0.2, "account_id": "y"}]
    )
    assert found.names == {"account": "y"}


def test_significant_deal_without_a_median() -> None:
    """Nothing is significant beside a median of zero or none."""
    for median in (0.0, None):
        card = _card({("largest_deal", PERIOD): {"value": 900.0, "n": 9}, ("deal_size_median", PERIOD): {"value": median}})
        assert not _found(card, "significant_deal")


def test_team_target() -> None:
    """The team's target is an achievement of everyone in it, when it is met."""
    assert _found(_now(), "team_target", team_met=True)
    assert not _found(_now(), "team_target", team_met=False)


@pytest.mark.parametrize(("standing", "fires"), [("top quarter", True), ("second quarter", False), (None, False)])
def test_top_quarter(standing: str | None, fires: bool) -> None:
    """Who stands in the top quarter has achieved it."""
    assert bool(_found(_now(standing=standing, peer_median=3.0), "top_quarter")) == fires


@pytest.mark.parametrize(
    ("kpi", "low", "high", "fires"),
    [
        ("retention_rate", 0.41, 0.6, True),
        ("retention_rate", 0.40, 0.6, False),
        ("retention_rate", None, None, False),
        ("cycle_days", 0.1, 0.39, True),
        ("cycle_days", 0.1, 0.40, False),
        ("retention_rate", 0.40 + 1e-16, 0.6, False),
        ("cycle_days", 0.1, 0.40 - 1e-16, False),
    ],
)
def test_top_quarter_of_a_sample(kpi: str, low: float | None, high: float | None, fires: bool) -> None:
    """A sampled figure is claimed only where its interval lies beyond the peers' median."""
    card = _now(kpi, standing="top quarter", low=low, high=high, peer_median=0.40)
    assert bool(_found(card, "top_quarter", kpi=kpi)) == fires


def test_rules_apply_in_the_order_of_params() -> None:
    """Achievements come in the order of the rules, and a rule of a KPI that is switched off finds nothing."""
    card = _now(attainment=1.2, standing="top quarter")
    rules = [
        RecognitionRule(rule="top_quarter"),
        RecognitionRule(rule="target_met"),
        RecognitionRule(rule="target_met", kpi="nothing"),
    ]
    assert [item.rule for item in achievements(card, rules, deals=(), team_met=False)] == ["top_quarter", "target_met"]
