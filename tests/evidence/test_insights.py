"""Tests of reviewlib.evidence.insights: every number is a cell of the scorecard, and advice goes when its gap goes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scorecards import PERIOD, NoDeals, amounts, context_of, figure, judged, target

from reviewlib.evidence.availability import ScorecardContext
from reviewlib.evidence.insights import EARLIER, Insights, achievements, insights
from reviewlib.evidence.judgement import SCALE
from reviewlib.evidence.roster import Post
from reviewlib.evidence.scorecard import SubjectScorecard
from reviewlib.evidence.slicefile import Achievement, Finding
from reviewlib.evidence.tables import SCORECARD
from reviewlib.pages import sentences
from reviewlib.pages.sentences import problems
from reviewlib.params.kpis import KPIS
from reviewlib.params.model import Params, RecognitionRule
from reviewlib.params.rules import SENTENCE_NAMES
from reviewlib.periods import Period
from reviewlib.review import Review, from_slice

Said = tuple[str, Mapping[str, str], Post]
SUBJECT = Post("A", "Name of A")
Slices = Mapping[tuple[str, str, str], dict[str, Any]]

_PERIOD = re.compile(r"\b(\d{4}-(Q[1-4]|H[12]|\d{2})|FY\d{4})\b")
_PLAYBOOK = [
    {"kpi": "win_rate", "action": "Qualify: {lost_deals} were lost."},
    {"kpi": "win_rate", "when": ["gap"], "action": "Read the lost deals.", "who": "manager"},
    {"kpi": "revenue", "action": "Plan to {revenue.target}."},
    {"kpi": "new_customers", "action": "Prospect."},
]


def _sentences(review: Review) -> Iterator[Said]:
    """Every generated text of a review; the playbook's are the user's words."""
    own = [*review.summary, *review.leads.values()]
    for finding in review.findings:
        own += [finding.title, finding.text, *finding.evidence]
    yield from ((text, {}, review.subject) for text in own)
    for item in review.achievements:
        yield from ((text, item.names, item.subject) for text in (item.title, item.text))


def _advice(review: Review) -> list[str]:
    return [action.text for finding in review.findings for action in finding.actions]


def test_numbers_are_cells(demo_params: Params, demo_slices: Slices) -> None:
    """In every sentence of every rep and team of the demo no digit is left when cells and period names are taken out."""
    count = 0
    for data in demo_slices.values():
        for text, _, _ in _sentences(from_slice(data, demo_params.fiscal)):
            left = _PERIOD.sub("", re.sub(r"\{[^{}]*\}", "", text))
            assert not re.search(r"\d", left), text
            count += 1
    assert count > 1000


def _held(data: Mapping[str, Any]) -> dict[tuple[str, str, str], dict[str, Any]]:
    """The rows that a slice's reader holds, by whose they are, figure and period."""
    frames = (data["history"], data["members"])
    rows = [dict(zip(frame["columns"], row, strict=True)) for frame in frames for row in frame["data"]]
    return {(row["scope_id"], row["kpi"], row["period"]): row for row in rows}


def test_cells_exist(demo_params: Params, demo_slices: Slices) -> None:
    """Every reference of every sentence and piece of advice of the demo is a figure that the reader's slice holds."""
    count = 0
    for data in demo_slices.values():
        review, held = from_slice(data, demo_params.fiscal), _held(data)
        periods = {"": review.period.name, "previous": review.period.previous.name}
        advice: list[Said] = [(text, {}, review.subject) for text in _advice(review)]
        for text, names, subject in [*_sentences(review), *advice]:
            for key, column, period in re.findall(r"\{(\w+)(?:\.(\w+))?(?:@([\w-]+))?(?:\|\w+)?\}", text):
                if column == "told":  # what a verdict rests on, which pages put in words
                    assert held[subject.id, key, review.period.name]["verdict"] in SCALE, text
                elif key not in {*SENTENCE_NAMES, *names}:
                    assert held[subject.id, key, periods.get(period, period)][column or "value"] is not None, text
                    count += 1
    assert count > 1500


def test_sentences_are_filled(demo_params: Params, demo_slices: Slices) -> None:
    """No sentence of the demo's teams, and of every fourth rep, shows a brace or a missing figure."""
    reps = [key for key in demo_slices if key[0] == "rep"]
    for key in [*reps[::4], *(key for key in demo_slices if key[0] == "team")]:
        review = from_slice(demo_slices[key], demo_params.fiscal)
        for text, names, subject in _sentences(review):
            filled = sentences.fill(review, text, names, subject=subject)
            assert not re.search(r"[{}]|n/a|nan|None|  ", filled), filled


def test_demo_says_something(demo_slices: Slices) -> None:
    """The demo shows every verdict that makes a finding, and every rule of its recognition that tells a fact or a place."""
    findings = [finding for data in demo_slices.values() for finding in data["findings"]]
    assert {finding["verdict"] for finding in findings} == {"gap", "watch", "strength"}
    rules = {item["rule"] for data in demo_slices.values() for item in data["achievements"]}
    assert rules >= {"target_exceeded", "target_met", "significant_deal", "top_quarter"}


def test_demo_advice_has_its_verdict(demo_slices: Slices) -> None:
    """Nobody in the demo is advised on a figure that is no clear shortfall nor worth a talk, or praised without a signal."""
    for data in demo_slices.values():
        frame = data["history"]
        rows = [dict(zip(frame["columns"], row, strict=True)) for row in frame["data"]]
        verdicts = {row["kpi"]: row["verdict"] for row in rows if row["period"] == data["period"]}
        for finding in data["findings"]:
            assert verdicts[finding["kpi"]] == finding["verdict"]
            assert (finding["kind"] == "strength") == (finding["verdict"] == "strength")
            assert not (finding["kind"] == "strength" and finding["actions"])
        told = {kpi for kpi, verdict in verdicts.items() if verdict in ("gap", "watch", "strength")}
        assert not frame["data"] or {finding["kpi"] for finding in data["findings"]} == told


#: Purchases by which somebody on a target of 100 reaches 10 or less once in more than 200 periods, 35 or less in one of 20.
_DEALS = NoDeals(amounts("purchases", [5.0, 5.0, 10.0, 30.0, 10.0]))


def _insights(*, won: float = 20, revenue: float = 10, targets: Mapping[str, float] | None = None, **params: Any) -> Insights:
    """A rep with a win rate of ``won`` in a hundred and a revenue, against targets."""
    rows = [target(kpi, value) for kpi, value in (targets or {"win_rate": 0.4, "revenue": 100}).items()]
    context = context_of(target_rows=rows, playbook=_PLAYBOOK, recognition=[], **params)
    figures = [
        figure("revenue", revenue),
        figure("win_rate", won, 100),
        figure("won_deals", won),
        figure("closed_deals", 100),
        figure("lost_deals", 100 - won),
        figure("new_customers", 3),
    ]
    frame = judged(context, figures, _DEALS)
    card = _read(frame[frame["scope"] == "rep"], context)
    return insights(card, context.params)


def _read(frame: pd.DataFrame, context: ScorecardContext) -> SubjectScorecard:
    """Read the rows of one subject."""
    rows = {(str(row["kpi"]), str(row["period"])): [row[name] for name in SCORECARD] for row in frame.to_dict("records")}
    return SubjectScorecard(SUBJECT, rows, context.kpis, PERIOD, context.calendar.periods)


def _by_kpi(found: Insights) -> dict[str, Finding]:
    return {finding.kpi: finding for finding in found.findings}


@pytest.mark.parametrize("mended", [{"won": 40}, {"targets": {"win_rate": 0.2, "revenue": 100}}, {"targets": {"revenue": 100}}])
def test_removing_a_gap(mended: dict[str, Any]) -> None:
    """Raising the value, lowering the target or taking it away removes the gap's finding and advice, and nothing else."""
    before, after = _by_kpi(_insights()), _by_kpi(_insights(**mended))
    assert set(before) == {"win_rate", "revenue"}
    assert len(before["win_rate"].actions) == 2
    assert after == {"revenue": before["revenue"]}


def test_adding_a_gap() -> None:
    """A clear shortfall adds its finding and its advice, and changes no other."""
    before = _by_kpi(_insights())
    after = _by_kpi(_insights(targets={"win_rate": 0.4, "revenue": 100, "new_customers": 12}))
    assert [action.text for action in after.pop("new_customers").actions] == ["Prospect."]
    assert after == before


def test_watch_takes_its_own_advice() -> None:
    """Advice that is for gaps only does not stand beside a figure to watch, and a strength has none."""
    watch = _by_kpi(_insights(won=31))["win_rate"]
    assert (watch.verdict, [action.who for action in watch.actions]) == ("watch", ["rep"])
    strength = _by_kpi(_insights(won=80))["win_rate"]
    assert (strength.kind, [*strength.actions]) == ("strength", [])


@pytest.mark.parametrize(("won", "revenue"), [(34, 50), (33, 99), (46, 110), (48, 170), (50, 190)])
def test_no_advice_without_a_signal(won: float, revenue: float) -> None:
    """A target missed by a normal period's ups and downs has no finding and no advice, and one exceeded so is no strength."""
    assert _insights(won=won, revenue=revenue).findings == []


def test_gaps_first_then_weight() -> None:
    """Findings come gaps first, then to watch, then strengths; within a verdict the heavier KPI first."""
    targets = {"win_rate": 0.4, "revenue": 100, "new_customers": 12}
    kpis = {"win_rate": {"weight": 2}, "new_customers": {"weight": 3}}
    order = [finding.kpi for finding in _insights(targets=targets, kpis=kpis).findings]
    assert order == ["new_customers", "win_rate", "revenue"]
    order = [finding.kpi for finding in _insights(targets=targets, kpis=kpis, revenue=35).findings]
    assert order[-1] == "revenue"
    order = [finding.kpi for finding in _insights(targets=targets, won=90).findings]
    assert order[-1] == "win_rate"


def test_leads_where_there_is_nothing() -> None:
    """A section without findings says so, and one with findings does not."""
    found = _insights(targets={"win_rate": 0.2, "revenue": 50}, revenue=50)
    assert {"strengths", "improve", "achievements"} <= set(found.leads)
    assert "improve" not in _insights().leads
    assert "strengths" not in _insights(won=80).leads


@pytest.mark.parametrize(
    ("given", "lead"),
    [
        (
            {"won": 20, "revenue": 50, "targets": {"win_rate": 0.2, "revenue": 50}},
            "Targets met: Sales revenue and Win rate. No figure tells more than the ups and downs of a normal period.",
        ),
        (
            {"won": 31, "revenue": 10},
            "Targets missed: Sales revenue and Win rate. Clear shortfalls: Sales revenue. Worth a talk: Win rate.",
        ),
        (
            {"won": 80, "revenue": 190},
            "Targets exceeded: Sales revenue and Win rate. Above: Sales revenue. Clear strengths: Win rate.",
        ),
        ({"targets": {"new_customers": 0}}, "Targets exceeded: Customers acquired. No figure can be judged."),
    ],
)
def test_results_and_what_they_tell_are_named_apart(given: dict[str, Any], lead: str) -> None:
    """The lead of the scorecard names targets by result, then what tells something; a missed target alone is no shortfall."""
    assert _insights(**given).leads["scorecard"] == lead


def test_evidence_of_a_finding() -> None:
    """A finding says first what its verdict rests on."""
    assert _by_kpi(_insights())["win_rate"].evidence[0] == "{win_rate.told}"


def _change(now: tuple[float, float, float], before: tuple[float, float, float] | None) -> str:
    """The sentence on the change between two periods of (won revenue, won deals, refunds)."""
    figures: list[dict[str, Any]] = []
    for period, sales in ((PERIOD, now), (PERIOD.previous, before)):
        if sales:
            won, deals, refunds = sales
            where: dict[str, Any] = {"period": period.name, "n": deals}
            figures += [figure("revenue", won + refunds, **where), figure("won_revenue", won, **where)]
            figures += [figure("refunds", refunds, **where)]
    context = context_of()
    card = _read(judged(context, figures), context)
    return insights(card, context.params).leads.get("change", "")


def _pipeline(growth: float, due: float, **figures: float) -> Insights:
    """A rep whose open pipeline moved by so much, with so much due against a target of 100, 1.5 of which is wanted."""
    rows = [target("pipeline_coverage", 1.5), target("revenue", 100), target("revenue", 100, period=PERIOD.next.name)]
    plays = [{"kpi": "revenue", "action": f"Go through the {{{key}}} deals."} for key in ("open_deals", "lost_deals")]
    context = context_of(target_rows=rows, playbook=plays, recognition=[])
    more = [figure(key, value) for key, value in figures.items()]
    made = [figure("revenue", 1), figure("pipeline_growth", growth, 1), figure("pipeline_end", 5), *more]
    frame = judged(context, [*made, figure("pipeline_coverage", due)], _DEALS)
    return insights(_read(frame[frame["scope"] == "rep"], context), context.params)


@pytest.mark.parametrize(
    ("growth", "due", "joined"), [(0.2, 90, "but"), (0.2, 200, "and"), (-0.2, 200, "but"), (-0.2, 90, "and"), (0, 200, "and")]
)
def test_two_sides_of_the_pipeline_are_told_as_two_sides(growth: float, due: float, joined: str) -> None:
    """A pipeline that grew and covers too little, or shrank and covers enough, is no praise beside a blame: it says but."""
    assert f", {joined} what is due in" in _pipeline(growth, due).summary[-1]


def test_no_page_praises_and_blames_the_pipeline(demo_slices: Slices) -> None:
    """In the demo nobody has an achievement or a strength of the pipeline beside an area to improve in it."""
    for data in demo_slices.values():
        blamed = {KPIS[one["kpi"]].group for one in data["findings"] if one["kind"] == "improve" and one["kpi"] in KPIS}
        praised = [one["kpi"] for one in (*data["achievements"], *data["findings"]) if one.get("kind") != "improve"]
        assert "Pipeline" not in blamed & {KPIS[key].group for key in praised if key in KPIS}


def test_no_advice_on_things_of_which_there_are_none() -> None:
    """An action on "the {open_deals} deals" is left out where there is none of them."""
    actions = _by_kpi(_pipeline(0.1, 90, open_deals=0, lost_deals=3))["revenue"].actions
    assert [action.text for action in actions] == ["Go through the {lost_deals} deals."]


def test_a_target_is_told_as_what_it_is() -> None:
    """Of what adds up the share that is reached is told; of a rate, a size or a score the target itself."""
    found = _by_kpi(_insights())
    assert found["revenue"].text.endswith(", {revenue.attainment} of the target of {revenue.target}.")
    assert found["win_rate"].text.endswith(": {win_rate}, against a target of {win_rate.target}.")


def test_a_period_without_deals() -> None:
    """Who won nothing and has no target did not close nothing in no deals."""
    context = context_of(recognition=[])
    for refunds, said in ((0, "."), (-30, ", and {refunds|abs} was refunded.")):
        figures = [figure("revenue", refunds, n=0), figure("refunds", refunds, n=0)]
        frame = judged(context, figures)
        card = _read(frame[frame["scope"] == "rep"], context)
        assert insights(card, context.params).summary == [f"{{subject}} won no deal in {{period}}{said}"]


def test_change_in_words() -> None:
    """The change names its parts, refunds where there are any, and the reason where it cannot be split."""
    assert _change((400, 2, 0), (100, 1, 0)) == (
        "Revenue rose by {revenue.change|abs} from {previous_period}: {change_won_deals|signed} from the number of won deals "
        "and {change_deal_size|signed} from the size of the average deal."
    )
    assert "{change_refunds|signed} from refunds" in _change((100, 2, -5), (400, 1, 0))
    # What explains nothing is not named.
    assert _change((400, 2, 0), (100, 2, 0)) == (
        "Revenue rose by {revenue.change|abs} from {previous_period}, all of it from the size of the average deal."
    )
    assert _change((400, 2, 0), (0, 0, 0)).endswith(
        "the change cannot be split: one of the two periods has no won deals to compare."
    )
    assert _change((100, 2, 0), (100, 2, 0)) == "Revenue was the same as in {previous_period}."
    assert _change((0.3, 2, 0), (0.1 + 0.2, 2, 0)) == "Revenue was the same as in {previous_period}."
    assert _change((100, 2, 0), None) == ""


def test_team_change_in_words(demo_params: Params, demo_slices: Slices) -> None:
    """A team whose change is split in part names the parts and what is not split."""
    said = 0
    for data in [data for (kind, _, who), data in demo_slices.items() if (kind, who) == ("team", "manager")]:
        review = from_slice(data, demo_params.fiscal)
        parts = [review.figure(key).value for key in ("change_won_deals", "change_unsplit")]
        if all(parts):
            assert "{change_unsplit|signed} is not split" in review.leads["change"]
            assert "{change_won_deals|signed}" in review.leads["change"]
            said += 1
    assert said


def test_missing_revenue() -> None:
    """Without revenue the summary says so with the reason."""
    context = context_of()
    frame = judged(context, [figure("revenue", float("nan"), reason="the history is too short")])
    card = _read(frame, context)
    assert insights(card, context.params).summary == ["No revenue can be given: the history is too short."]


def test_card_reads_missing_cells_as_none() -> None:
    """A figure that is not there and a value that is missing are both None."""
    context = context_of()
    card = _read(judged(context, [figure("win_rate", 0, 0)]), context)
    assert card.cell("win_rate") is None
    assert card.cell("revenue", "target") is None
    assert pd.isna(card.rows["win_rate", PERIOD.name][SCORECARD.index("value")])


TREND = PERIOD.trend(8)


def _card(cells: Mapping[tuple[str, Period], dict[str, Any]]) -> SubjectScorecard:
    rows = {(kpi, period.name): [row.get(name) for name in SCORECARD] for (kpi, period), row in cells.items()}
    return SubjectScorecard(SUBJECT, rows, KPIS, PERIOD, TREND)


def _now(kpi: str = "revenue", **columns: Any) -> SubjectScorecard:
    return _card({(kpi, PERIOD): columns})


def _over_time(
    column: str, values: Sequence[float | None], kpi: str = "revenue", *, n: float = 20, half: float = 0.0, **now: Any
) -> SubjectScorecard:
    """The last of the values is this period's; each has an interval of so much on either side, and what is said of now."""
    cells: dict[tuple[str, Period], dict[str, Any]] = {}
    for period, value in zip(TREND[-len(values) :], values, strict=True):
        cells[kpi, period] = {column: value, "n": n}
        if column == "value" and value is not None:
            cells[kpi, period] |= {"low": value - half, "high": value + half}
    cells[kpi, PERIOD] |= now
    return _card(cells)


def _found(card: SubjectScorecard, rule: Any, *, largest: Any = None, team_met: bool = False, **more: Any) -> list[Achievement]:
    found = achievements(card, [RecognitionRule(rule=rule, **more)], largest=largest, team_met=team_met)
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
    assert EARLIER == 3
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


@pytest.mark.parametrize(("kpi", "values"), [("revenue", [1, 2, 3, 4]), ("cycle_days", [4, 3, 2, 1])])
@pytest.mark.parametrize(("half", "fires"), [(0.49, True), (0.5, False), (0.51, False)])
def test_a_best_must_be_clear(kpi: str, values: list[float], half: float, fires: bool) -> None:
    """A best is claimed only where its interval lies beyond that of the best before; touching is not beyond."""
    assert bool(_found(_over_time("value", values, kpi, half=half), "personal_best", kpi=kpi)) == fires


@pytest.mark.parametrize(("low", "fires"), [(3.01, True), (3.0, False), (None, False)])
def test_a_best_beside_a_figure_without_an_interval(low: float | None, fires: bool) -> None:
    """Where the best before has no interval the figure itself must be cleared; a figure that has none is no record."""
    cells: dict[tuple[str, Period], dict[str, Any]] = {
        ("revenue", period): {"value": value} for period, value in zip(TREND[-4:], [1, 2, 3, 4], strict=True)
    }
    cells["revenue", PERIOD] |= {"low": low, "high": 9}
    assert bool(_found(_card(cells), "personal_best")) == fires


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
    found = _found(_over_time("attainment", attained, verdict="above"), "streak", at_least=at_least)
    assert bool(found) == fires
    if fires:
        assert found[0].text.endswith("2026-Q2, 2026-Q3.")


@pytest.mark.parametrize(
    ("verdict", "fires"),
    [("strength", True), ("above", True), ("no_signal", False), ("watch", False), ("too_few", False), ("not_judged", False)],
)
def test_a_streak_by_chance_is_none(verdict: str, fires: bool) -> None:
    """Who is exactly on target reaches it three times in a row in one of eight years: a streak needs a signal."""
    assert bool(_found(_over_time("attainment", [1.0, 1.1, 1.2], verdict=verdict), "streak")) == fires


@pytest.mark.parametrize(
    ("before", "now", "fires"),
    [(0.9999, 1.0, True), (1.0, 1.0, False), (0.5, 0.9999, False), (None, 1.2, False), (0.5, None, False)],
)
def test_comeback(before: float | None, now: float | None, fires: bool) -> None:
    """A comeback goes from below target to target or above."""
    card = _over_time("attainment", [before, now], low=60.0, high=80.0)
    cells = {("revenue", TREND[-2].name): 50.0}
    rows = {
        key: [cells.get(key, cell) if name == "value" else cell for name, cell in zip(SCORECARD, row, strict=True)]
        for key, row in card.rows.items()
    }
    assert bool(_found(replace(card, rows=rows), "comeback")) == fires


@pytest.mark.parametrize(("kpi", "low", "high"), [("revenue", 70.0, 90.0), ("cycle_days", 20.0, 40.0)])
@pytest.mark.parametrize(("gap", "fires"), [(1.0, True), (0.0, False), (-1.0, False)])
def test_a_comeback_must_be_clear(kpi: str, low: float, high: float, gap: float, fires: bool) -> None:
    """Back above target is an achievement where the two figures' intervals separate; touching is not separate."""
    lower = kpi == "cycle_days"
    before = {"low": high + gap, "high": high + 50} if lower else {"low": low - 50, "high": low - gap}
    card = _card(
        {
            (kpi, PERIOD.previous): {"attainment": 0.9, "value": sum(before.values()) / 2, **before},
            (kpi, PERIOD): {"attainment": 1.1, "value": (low + high) / 2, "low": low, "high": high},
        }
    )
    assert bool(_found(card, "comeback", kpi=kpi)) == fires


@pytest.mark.parametrize(
    ("largest", "n", "at_least", "fires"),
    [(300.0, 6, None, True), (299.99, 6, None, False), (300.0, 5, None, False), (500.0, 6, 5, True), (499.0, 6, 5, False)],
)
def test_significant_deal(largest: float, n: int, at_least: float | None, fires: bool) -> None:
    """A deal is significant from three times the median on, or from where params say, among at least six."""
    card = _card({("largest_deal", PERIOD): {"value": largest, "n": n}, ("deal_size_median", PERIOD): {"value": 100.0}})
    assert bool(_found(card, "significant_deal", at_least=at_least)) == fires


@pytest.mark.parametrize(("account", "names"), [("Zennor", {"account": "Zennor"}), (None, {}), ("{x}", {"account": "{x}"})])
def test_significant_deal_names_the_account(account: Any, names: dict[str, str]) -> None:
    """The account is named where the deal has one, as a name and never as a template."""
    card = _card({("largest_deal", PERIOD): {"value": 900.0, "n": 9}, ("deal_size_median", PERIOD): {"value": 100.0}})
    (found,) = _found(card, "significant_deal", largest={"amount": 900.0, "account_id": account})
    assert found.names == names
    assert ("{account}" in found.text) == bool(names)


def test_rounding_hides_no_significant_deal() -> None:
    """Exactly three times the median is significant whatever the multiplication leaves."""
    card = _card({("largest_deal", PERIOD): {"value": 0.3, "n": 9}, ("deal_size_median", PERIOD): {"value": 0.1}})
    (found,) = _found(card, "significant_deal", largest={"amount": 0.1 + 0.2, "account_id": "y"})
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
    """Who stands in the top quarter has achieved it, where the interval clears the peers' median."""
    assert bool(_found(_now(standing=standing, peer_median=3.0, low=4.0, high=9.0), "top_quarter")) == fires


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
    card = _now(attainment=1.2, standing="top quarter", peer_median=3.0, low=4.0, high=9.0)
    rules = [
        RecognitionRule(rule="top_quarter"),
        RecognitionRule(rule="target_met"),
        RecognitionRule(rule="target_met", kpi="nothing"),
    ]
    assert [item.rule for item in achievements(card, rules, largest=None, team_met=False)] == ["top_quarter", "target_met"]


def test_at_most_two_of_one_figure() -> None:
    """One good figure makes two achievements at most, the first of params; another figure has its own."""
    card = _now(attainment=1.2, standing="top quarter", peer_median=3.0, low=4.0, high=9.0)
    card = replace(card, rows={**card.rows, ("win_rate", PERIOD.name): card.rows["revenue", PERIOD.name]})
    rules = [RecognitionRule(rule=rule) for rule in ("target_exceeded", "target_met", "top_quarter")]
    rules.append(RecognitionRule(rule="top_quarter", kpi="win_rate"))
    found = achievements(card, rules, largest=None, team_met=False)
    assert [(item.rule, item.kpi) for item in found] == [
        ("target_exceeded", "revenue"),
        ("target_met", "revenue"),
        ("top_quarter", "win_rate"),
    ]
