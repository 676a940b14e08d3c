"""Achievements: what the recognition rules of params find in a scorecard."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from reviewlib.evidence.comparison import above, at_least, below, same
from reviewlib.evidence.intervals import FEWEST
from reviewlib.evidence.scorecard import SubjectScorecard
from reviewlib.params.model import RecognitionRule

if TYPE_CHECKING:
    from reviewlib.periods import Period

#: Earlier periods that a personal best must beat at the least.
EARLIER: Final = 3


@dataclass(frozen=True)
class Achievement:
    """What a rule found; ``text`` holds {cells}, ``names`` the texts that are no cells."""

    rule: str
    kpi: str
    title: str
    text: str
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RuleContext:
    """What a rule looks at."""

    card: SubjectScorecard
    rule: RecognitionRule
    deals: Sequence[Mapping[Hashable, Any]]
    team_met: bool

    @property
    def label(self) -> str:
        """The KPI's name."""
        return self.card.kpis[self.rule.kpi].label

    def found(self, title: str, text: str, **names: str) -> Achievement:
        """Describe what was found."""
        return Achievement(self.rule.rule, self.rule.kpi, title, text, names)


def achievements(
    card: SubjectScorecard, rules: Sequence[RecognitionRule], *, deals: Sequence[Mapping[Hashable, Any]], team_met: bool
) -> list[Achievement]:
    """Apply every rule, in the order of params.

    Args:
        card: The subject's scorecard.
        rules: The recognition rules.
        deals: The deals won in the period.
        team_met: Whether the subject's team met its revenue target.
    """
    scenes = [RuleContext(card, rule, deals, team_met) for rule in rules if rule.kpi in card.kpis]
    found = [_RULES[scene.rule.rule](scene) for scene in scenes]
    return [item for item in found if item is not None]


def _target_met(scene: RuleContext) -> Achievement | None:
    return _attained(scene, 1.0, "target met")


def _target_exceeded(scene: RuleContext) -> Achievement | None:
    return _attained(scene, scene.rule.at_least or 1.05, "target exceeded")


def _attained(scene: RuleContext, wanted: float, words: str) -> Achievement | None:
    key = scene.rule.kpi
    attained = scene.card.cell(key, "attainment")
    if attained is None or not at_least(attained, wanted):
        return None
    return scene.found(f"{scene.label}: {words}", f"{{{key}}}, {{{key}.attainment}} of the target of {{{key}.target}}.")


def _personal_best(scene: RuleContext) -> Achievement | None:
    key, card = scene.rule.kpi, scene.card
    lower = card.kpis[key].better == "lower"
    now = _solid(card, key, card.period)
    before = [(_solid(card, key, period), period) for period in card.trend[:-1]]
    known = [(value, period) for value, period in before if value is not None]
    if now is None or len(known) < EARLIER:
        return None
    best = (min if lower else max)(value for value, _ in known)
    if not (below(now, best) if lower else above(now, best)):
        return None
    when = next(period for value, period in reversed(known) if same(value, best))
    return scene.found(
        f"{scene.label}: best of the periods shown", f"{{{key}}}; the best before was {{{key}@{when}}} in {when}."
    )


def _solid(card: SubjectScorecard, key: str, period: Period) -> float | None:
    """A value that may be compared: a sampled figure needs as many observations as a verdict does."""
    fewest = FEWEST.get(card.kpis[key].judged_by, 0)
    value: float | None = card.cell(key, period=period) if (card.cell(key, "n", period) or 0) >= fewest else None
    return value


def _streak(scene: RuleContext) -> Achievement | None:
    key, card = scene.rule.kpi, scene.card
    run = []
    for period in reversed(card.trend):
        attained = card.cell(key, "attainment", period)
        if attained is None or not at_least(attained, 1):
            break
        run.append(period.name)
    if len(run) < (scene.rule.at_least or 3):
        return None
    return scene.found(f"{scene.label}: target met period after period", f"At or above target in {', '.join(reversed(run))}.")


def _comeback(scene: RuleContext) -> Achievement | None:
    key, card = scene.rule.kpi, scene.card
    before, now = card.cell(key, "attainment", card.period.previous), card.cell(key, "attainment")
    if before is None or now is None or at_least(before, 1) or not at_least(now, 1):
        return None
    text = f"{{{key}.attainment@previous}} of target in {{previous_period}}, {{{key}.attainment}} in {{period}}."
    return scene.found(f"{scene.label}: back above target", text)


def _significant_deal(scene: RuleContext) -> Achievement | None:
    card = scene.card
    largest, median = card.cell("largest_deal"), card.cell("deal_size_median")
    if largest is None or not median or card.cell("largest_deal", "n") < FEWEST["order"]:
        return None
    if below(largest, (scene.rule.at_least or 3) * median):
        return None
    sold = (deal for deal in scene.deals if deal["amount"] is not None)
    deal = max(sold, key=lambda deal: float(deal["amount"]), default=None)
    names = {"account": str(deal["account_id"])} if deal and not pd.isna(deal["account_id"]) else {}
    who = "with {account}, " if names else ""
    return scene.found("Significant deal", f"{{largest_deal}}, {who}where the median deal was {{deal_size_median}}.", **names)


def _team_target(scene: RuleContext) -> Achievement | None:
    return scene.found("Team target met", "Team {team} met its revenue target.") if scene.team_met else None


def _top_quarter(scene: RuleContext) -> Achievement | None:
    """Claim the top quarter; of a sampled figure only where its interval clears the peers' median."""
    key, card = scene.rule.kpi, scene.card
    if card.cell(key, "standing") != "top quarter":
        return None
    if card.kpis[key].judged_by != "exact" and not _clear(scene):
        return None
    return scene.found(f"{scene.label}: top quarter of the peers", f"{{{key}}}; the peers’ median is {{{key}.peer_median}}.")


def _clear(scene: RuleContext) -> bool:
    key, card = scene.rule.kpi, scene.card
    low, high, median = (card.cell(key, column) for column in ("low", "high", "peer_median"))
    if low is None or high is None or median is None:
        return False
    return below(high, median) if card.kpis[key].better == "lower" else above(low, median)


_RULES: Final[Mapping[str, Callable[[RuleContext], Achievement | None]]] = {
    "target_met": _target_met,
    "target_exceeded": _target_exceeded,
    "personal_best": _personal_best,
    "streak": _streak,
    "comeback": _comeback,
    "significant_deal": _significant_deal,
    "team_target": _team_target,
    "top_quarter": _top_quarter,
}
