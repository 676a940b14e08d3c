"""Insights: strengths, areas to improve, recommended actions, achievements and the summary, from the scorecard alone.

Every sentence is a template whose numbers are cells of the scorecard, ``{win_rate.target}``; pages fill them in. So a sentence
cannot say a figure that the scorecard does not hold, and advice goes when its gap goes.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reviewlib.evidence.comparison import above, at_least, below, same
from reviewlib.evidence.intervals import FEWEST
from reviewlib.evidence.scorecard import Row, SubjectScorecard
from reviewlib.evidence.slicefile import Achievement, Finding, RecommendedAction
from reviewlib.params.figures import Kpi
from reviewlib.params.model import Params, Play, RecognitionRule
from reviewlib.params.rules import enumerated
from reviewlib.periods import Period

_ORDER: Final = ("gap", "watch", "strength")


@dataclass(frozen=True)
class Insights:
    """What the scorecard says."""

    summary: list[str]
    leads: dict[str, str]
    findings: list[Finding]
    achievements: list[Achievement]


def insights(card: SubjectScorecard, params: Params, *, largest: Row | None = None, team_met: bool = False) -> Insights:
    """Read a scorecard by the playbook, recognition rules and weights of params.

    ``largest`` is the largest deal won in the period; ``team_met`` says whether the subject's team met its revenue target.
    """
    found = achievements(card, params.recognition, largest=largest, team_met=team_met)
    findings = _findings(card, params)
    return Insights(_summary(card, found), _leads(card, findings, found), findings, found)


def _findings(card: SubjectScorecard, params: Params) -> list[Finding]:
    """One finding per strength, gap and watch; gaps first, then by weight."""
    rows = [(kpi, str(card.cell(kpi.key, "verdict"))) for kpi in card.judged()]
    named = [(kpi, verdict) for kpi, verdict in rows if verdict in _ORDER]
    weight = {key: entry.weight or 1.0 for key, entry in params.kpis.items()}
    named.sort(key=lambda pair: (_ORDER.index(pair[1]), -weight.get(pair[0].key, 1.0)))
    return [_finding(card, kpi, verdict, params.playbook) for kpi, verdict in named]


def _finding(card: SubjectScorecard, kpi: Kpi, verdict: str, playbook: Sequence[Play]) -> Finding:
    plays = [play for play in playbook if play.kpi == kpi.key and verdict in play.when]
    return Finding(
        kind="strength" if verdict == "strength" else "improve",
        kpi=kpi.key,
        verdict=verdict,
        title=f"{kpi.label}: {_TITLES[verdict]}",
        text=f"{kpi.sentence}{'' if card.cell(kpi.key, 'target') is None else _beside_target(card, kpi)}.",
        evidence=_evidence(card, kpi),
        # Nobody goes through the open deals of which there are none.
        actions=[
            RecommendedAction(play.action, play.who, play.skill, play.offer)
            for play in plays
            if not any(card.cell(key) == 0 and card.kpis[key].unit == "count" for key in _THE_THINGS.findall(play.action))
        ],
    )


_THE_THINGS: Final = re.compile(r"\bthe \{(\w+)\}")
_TITLES: Final = {"gap": "a clear shortfall", "watch": "worth a talk", "strength": "a clear strength"}


def _beside_target(card: SubjectScorecard, kpi: Kpi) -> str:
    """Say a target: of what adds up which part of it is reached, of a rate, a size or a score what it is."""
    if kpi.targets != "level" and card.cell(kpi.key, "attainment") is not None and kpi.better == "higher":
        return f", {{{kpi.key}.attainment}} of the target of {{{kpi.key}.target}}"
    return f", against a target of {{{kpi.key}.target}}"


def _evidence(card: SubjectScorecard, kpi: Kpi) -> list[str]:
    """List what backs a finding: what it tells, the figure before, peers, what stands beside it."""
    lines = {
        "verdict": f"{{{kpi.key}.told}}",
        "previous": f"It was {{{kpi.key}.previous}} in {{previous_period}}.",
        "peer_median": f"The peers’ median is {{{kpi.key}.peer_median}}.",
    }
    said = [text for column, text in lines.items() if card.cell(kpi.key, column) is not None]
    named = [key for key, other in card.kpis.items() if other.of == kpi.key and f"{{{key}}}" in (kpi.note or "")]
    return [*said, kpi.note] if kpi.note and all(card.cell(key) is not None for key in named) else said


def _summary(card: SubjectScorecard, found: Sequence[Achievement]) -> list[str]:
    """Say the period in up to four sentences: revenue, its change, conversion, what comes next."""
    if card.cell("revenue") is None:
        return [f"No revenue can be given: {card.cell('revenue', 'reason') or 'it is switched off'}."]
    best = any(item.rule == "personal_best" and item.kpi == "revenue" for item in found)
    first = "{subject} closed {revenue} in {revenue.n} won deals"
    if card.cell("revenue", "attainment") is not None:
        first = "{subject} closed {revenue}, {revenue.attainment} of the {revenue.target} target"
    elif not card.cell("revenue", "n"):
        first = f"{{subject}} won no deal in {{period}}{', and {refunds|abs} was refunded' if card.cell('refunds') else ''}"
    lines = [
        f"{first}{', the highest of the periods shown' if best else ''}.",
        _change(card),
        _conversion(card),
        _outlook(card),
    ]
    return [line for line in lines if line]


def _change(card: SubjectScorecard) -> str:
    """Say how revenue moved and what explains it."""
    change = card.cell("revenue", "change")
    if change is None:
        return ""
    if abs(change) < 0.5:
        return "Revenue was the same as in {previous_period}."
    moved = f"Revenue {'rose' if change > 0 else 'fell'} by {{revenue.change|abs}} from {{previous_period}}"
    rest, why = card.cell("change_unsplit"), card.cell("change_unsplit", "reason")
    if rest and not (card.cell("change_won_deals") or card.cell("change_deal_size")):
        return f"{moved}; the change cannot be split: {why}."
    told = [key for key in _PARTS if abs(card.cell(key) or 0) >= 0.5]  # amounts are written in whole units
    if not told:
        return f"{moved}."
    parts = enumerated([f"{{{key}|signed}} from {_PARTS[key]}" for key in told])
    unsplit = f"; {{change_unsplit|signed}} is not split: {why}" if rest else ""
    return f"{moved}{f', all of it from {_PARTS[told[0]]}' if len(told) == 1 and not rest else f': {parts}'}{unsplit}."


#: What a change of revenue is split into.
_PARTS: Final = {
    "change_won_deals": "the number of won deals", "change_deal_size": "the size of the average deal",
    "change_refunds": "refunds",
}  # fmt: skip


def _conversion(card: SubjectScorecard) -> str:
    if card.cell("win_rate") is None:
        return ""
    before = ", after {win_rate.previous} in {previous_period}" if card.cell("win_rate", "previous") is not None else ""
    return f"{card.kpis['win_rate'].sentence}{before}."


def _outlook(card: SubjectScorecard) -> str:
    """Say how the next period starts."""
    growth = card.cell("pipeline_growth")
    if growth is None:
        return ""
    moved = "stayed level at" if round(growth, 3) == 0 else f"{'rose' if growth > 0 else 'fell'} by {{pipeline_growth|abs}} to"
    unit = " open deals" if card.kpis["pipeline_end"].unit == "count" else ""
    turns = round(growth, 3) * {"missed": 1, "exceeded": -1}.get(card.cell("pipeline_coverage", "result"), 0) > 0
    covers = f", {'but' if turns else 'and'} what is due in {{next_period}} covers the next target {{pipeline_coverage}}"
    return f"Open pipeline {moved} {{pipeline_end}}{unit}{covers if card.cell('pipeline_coverage') is not None else ''}."


def _leads(card: SubjectScorecard, findings: Sequence[Finding], found: Sequence[Achievement]) -> dict[str, str]:
    """Open each section with its finding."""
    leads = {"scorecard": _verdicts(card), "change": _change(card)}
    if card.cell("pipeline_created") is not None:
        was = " deals were" if card.kpis["pipeline_created"].unit == "count" else " was"
        leads["pipeline"] = f"{{pipeline_created}}{was} created, {{pipeline_won}} won and {{pipeline_lost}} lost."
    leads["customers"] = _customers(card)
    kinds = {finding.kind for finding in findings}
    if "strength" not in kinds:
        leads["strengths"] = "No figure is clearly above its target in this period."
    if "improve" not in kinds:
        leads["improve"] = "No figure is short by more than the ups and downs of a normal period."
    if not found:
        leads["achievements"] = "No rule found an achievement in this period."
    return {section: lead for section, lead in leads.items() if lead}


def _verdicts(card: SubjectScorecard) -> str:
    """Name the KPIs by result, then those that tell something."""
    named = {
        "result": {"exceeded": "Targets exceeded", "met": "Targets met", "missed": "Targets missed"},
        "verdict": {"gap": "Clear shortfalls", "watch": "Worth a talk", "above": "Above", "strength": "Clear strengths"},
    }
    said = []
    for column, words in named.items():
        by_word = {
            word: [kpi.label for kpi in card.judged() if card.cell(kpi.key, column) == key] for key, word in words.items()
        }
        said += [f"{word}: {enumerated(labels)}." for word, labels in by_word.items() if labels]
    told = any(card.cell(kpi.key, "verdict") in named["verdict"] for kpi in card.judged())
    judged = any(card.cell(kpi.key, "verdict") == "no_signal" for kpi in card.judged())
    if not told:
        said.append("No figure tells more than the ups and downs of a normal period." if judged else "No figure can be judged.")
    return " ".join(said)


def _customers(card: SubjectScorecard) -> str:
    if card.cell("retention_rate") is None and card.cell("new_customers") is None:
        return ""
    parts = {
        "retention_rate": "Of {base_accounts} accounts that bought in the window before, {kept_accounts} bought again",
        "new_customers": card.kpis["new_customers"].sentence or "",
    }
    return f"{'; '.join(text for key, text in parts.items() if card.cell(key) is not None)}."


#: Achievements of one figure at the most.
_PER_FIGURE: Final = 2
#: Earlier periods that a personal best must beat at the least.
EARLIER: Final = 3


@dataclass(frozen=True)
class RuleContext:
    """What a rule looks at."""

    card: SubjectScorecard
    rule: RecognitionRule
    largest: Row | None
    team_met: bool

    @property
    def label(self) -> str:
        """The KPI's name."""
        return self.card.kpis[self.rule.kpi].label

    def found(self, title: str, text: str, **names: str) -> Achievement:
        """Describe what was found."""
        return Achievement(self.rule.rule, self.rule.kpi, title, text, names, self.card.subject)


def achievements(
    card: SubjectScorecard, rules: Sequence[RecognitionRule], *, largest: Row | None, team_met: bool
) -> list[Achievement]:
    """Apply every rule, in the order of params."""
    contexts = [RuleContext(card, rule, largest, team_met) for rule in rules if rule.kpi in card.kpis]
    found = [_RULES[context.rule.rule](context) for context in contexts]
    kept: list[Achievement] = []
    for item in found:
        if item is not None and sum(other.kpi == item.kpi for other in kept) < _PER_FIGURE:
            kept.append(item)
    return kept


def _attained(context: RuleContext) -> Achievement | None:
    key, met = context.rule.kpi, context.rule.rule == "target_met"
    wanted, words = (1.0, "target met") if met else (context.rule.at_least or 1.05, "target exceeded")
    attained = context.card.cell(key, "attainment")
    if attained is None or not at_least(attained, wanted):
        return None
    return context.found(f"{context.label}: {words}", f"{{{key}}}{_beside_target(context.card, context.card.kpis[key])}.")


def _personal_best(context: RuleContext) -> Achievement | None:
    key, card = context.rule.kpi, context.card
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
    if not _clears(card, key, _far_end(card, key, when)):
        return None
    return context.found(
        f"{context.label}: best of the periods shown", f"{{{key}}}; the best before was {{{key}@{when}}} in {when}."
    )


def _solid(card: SubjectScorecard, key: str, period: Period) -> float | None:
    """A value that may be compared: a sampled figure needs as many observations as a verdict does."""
    fewest = FEWEST.get(card.kpis[key].interval or "", 0)
    value: float | None = card.cell(key, period=period) if (card.cell(key, "n", period) or 0) >= fewest else None
    return value


def _streak(context: RuleContext) -> Achievement | None:
    key, card = context.rule.kpi, context.card
    run = []
    for period in reversed(card.trend):
        attained = card.cell(key, "attainment", period)
        if attained is None or not at_least(attained, 1):
            break
        run.append(period.name)
    # Who is exactly on target reaches it in every second period.
    if len(run) < (context.rule.at_least or 3) or card.cell(key, "verdict") not in ("above", "strength"):
        return None
    return context.found(
        f"{context.label}: target met period after period", f"At or above target in {', '.join(reversed(run))}."
    )


def _comeback(context: RuleContext) -> Achievement | None:
    key, card = context.rule.kpi, context.card
    before, now = card.cell(key, "attainment", card.period.previous), card.cell(key, "attainment")
    if before is None or now is None or at_least(before, 1) or not at_least(now, 1):
        return None
    if not _clears(card, key, _far_end(card, key, card.period.previous)):
        return None
    text = f"{{{key}}}{_beside_target(card, card.kpis[key])}; it was {{{key}@previous}} in {{previous_period}}."
    return context.found(f"{context.label}: back above target", text)


def _significant_deal(context: RuleContext) -> Achievement | None:
    card = context.card
    largest, median = card.cell("largest_deal"), card.cell("deal_size_median")
    if largest is None or not median or card.cell("largest_deal", "n") < FEWEST["order"]:
        return None
    if below(largest, (context.rule.at_least or 3) * median):
        return None
    account = context.largest and context.largest["account_id"]
    names = {"account": str(account)} if account is not None else {}
    who = "with {account}, " if names else ""
    return context.found("Significant deal", f"{{largest_deal}}, {who}where the median deal was {{deal_size_median}}.", **names)


def _team_target(context: RuleContext) -> Achievement | None:
    return context.found("Team target met", "Team {team} met its revenue target.") if context.team_met else None


def _top_quarter(context: RuleContext) -> Achievement | None:
    """Claim the top quarter where the figure's interval clears the peers' median."""
    key, card = context.rule.kpi, context.card
    if card.cell(key, "standing") != "top quarter" or not _clears(card, key, card.cell(key, "peer_median")):
        return None
    return context.found(
        f"{context.label}: top quarter of the peers", f"{{{key}}}; the peers’ median is {{{key}.peer_median}}."
    )


def _clears(card: SubjectScorecard, key: str, other: float | None) -> bool:
    """Tell whether a figure's interval lies on the good side of another figure."""
    low, high = card.cell(key, "low"), card.cell(key, "high")
    if low is None or high is None or other is None:
        return False
    return below(high, other) if card.kpis[key].better == "lower" else above(low, other)


def _far_end(card: SubjectScorecard, key: str, period: Period) -> float | None:
    """The end of an earlier figure's interval on the good side; where it has none, the figure."""
    end: float | None = card.cell(key, "low" if card.kpis[key].better == "lower" else "high", period)
    return card.cell(key, period=period) if end is None else end


_RULES: Final[Mapping[str, Callable[[RuleContext], Achievement | None]]] = {
    "target_met": _attained,
    "target_exceeded": _attained,
    "personal_best": _personal_best,
    "streak": _streak,
    "comeback": _comeback,
    "significant_deal": _significant_deal,
    "team_target": _team_target,
    "top_quarter": _top_quarter,
}
