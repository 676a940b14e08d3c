"""Tests of reviewlib.pages.verdict_views: results and verdicts in words, each number one that a reader can follow."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import pages_fixture as made
import pytest
from scorecards import PERIOD, NoDeals, amounts, context_of, figure, judged, row, target

from reviewlib.evidence.tables import JUDGED
from reviewlib.pages import blocks, verdict_views, views
from reviewlib.pages.labels import NumberStyle
from reviewlib.params.kpis import KPIS
from reviewlib.params.model import Params
from reviewlib.periods import FiscalYear
from reviewlib.review import Figure, Judged, Review, from_slice

STYLE = NumberStyle()
EACH = [5000.0, 5000.0, 10000.0, 30000.0, 10000.0]
PURCHASES, SALES = NoDeals(amounts("purchases", EACH)), NoDeals(amounts("sales", EACH))
Slices = Mapping[tuple[str, str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def review() -> Review:
    """A review of this version, of which only thresholds and period are read."""
    made_by_hand = made.opened(made.rep_slice())
    return replace(made_by_hand, judged={})


def _figure(
    kpi: str, level: float | None, figures: Sequence[dict[str, Any]], deals: NoDeals | None = None, **more: Any
) -> Figure:
    """Judge a rep's figures, each period against this target, and read that of the review period."""
    rows = [] if level is None else [target(kpi, level, period=period.name) for period in PERIOD.trend(8)]
    cells = row(judged(context_of(target_rows=rows, **more), figures, deals), kpi)
    own = {
        field.name: cells[field.name] for field in fields(Figure) if field.name in cells and field.name not in ("kpi", "period")
    }
    basis = Judged(**{name: cells[name] for name in JUDGED})
    return Figure(kpi=KPIS[kpi], period=PERIOD, judged=basis, **own)


def _said(review: Review, figure: Figure) -> tuple[str, str, list[str]]:
    told = (verdict_views.told(review, figure, STYLE), verdict_views.changes(figure, STYLE))
    return verdict_views.result(figure, STYLE), *told


def _customers(*counts: float, level: float = 6) -> Figure:
    periods = PERIOD.trend(len(counts))
    each = [figure("new_customers", count, period=period.name) for count, period in zip(counts, periods, strict=True)]
    return _figure("new_customers", level, each)


def _rate(won: float, level: float = 0.4) -> Figure:
    return _figure("win_rate", level, [figure("win_rate", won, 35)])


def _revenue(amount: float) -> Figure:
    return _figure("revenue", 225000, [figure("revenue", amount, n=18)], PURCHASES)


def _cycle(slower: int) -> Figure:
    sample = [30.0] * (18 - slower) + [40.0] * 3 + [45.0] * slower
    own = figure("cycle_days", 45 if slower > 9 else 35, n=21, low=30.0, high=45.0)
    return _figure("cycle_days", 40, [own], NoDeals(samples={("A", PERIOD.name, "cycle_days"): sample}))


def test_win_rate_worth_a_talk(review: Review) -> None:
    """8 of 35 at 40 %: how much was missed, how seldom that is, and what one more deal would have said."""
    assert _said(review, _rate(8)) == (
        "Missed by 17.1 points",
        "Somebody at 40.0% has 8 or fewer of 35 closed deals about once in 39 quarters.",
        ["2 fewer won: clear shortfall", "1 more won: no clear signal"],
    )


def test_four_quarters_together(review: Review) -> None:
    """Where the year decides, the year is told."""
    assert _said(review, _customers(3, 3, 3, 2)) == (
        "Missed by 4 (33.3%)",
        "11 where 24 are to be expected, over four quarters; by luck about once in 400 quarters.",
        ["1 more customer: worth a talk"],
    )
    assert _said(review, _customers(3, 3, 2))[1].startswith("8 where 18 are to be expected, over three quarters;")
    # Where the period alone is as seldom, the period is told.
    assert _said(review, _customers(6, 6, 6, 0))[1].startswith("Somebody at 6 has none about once in 400 quarters.")


def test_a_normal_quarter_of_money(review: Review) -> None:
    """Where nothing tells, the band is told, and its ends are where something would."""
    assert _said(review, _revenue(212600)) == (
        "Missed by €12,400 (94.5%)",
        "Somebody at €225,000 lands between €128,463 and €343,464 in nine quarters of ten.",
        ["€128,462 or less: worth a talk", "€343,464 or more: above, not yet clear"],
    )


def test_bands_of_whole_things(review: Review) -> None:
    """A band of counted things is told in them, and one that begins with nothing has one end."""
    assert _said(review, _rate(14)) == (
        "Met",
        "Somebody at 40.0% lands between 9 and 19 of 35 closed deals in nine quarters of ten.",
        ["6 fewer won: worth a talk", "6 more won: above, not yet clear"],
    )
    assert _said(review, _customers(3, level=2)) == (
        "Exceeded by 1 (150.0%)",
        "Somebody at 2 lands at 5 or less in nine quarters of ten.",
        ["3 more customers: above, not yet clear"],
    )
    assert _said(review, _cycle(10))[1] == "Somebody at 40 days lands between 6 and 12 of 18 slower in nine quarters of ten."


def test_sales_cycle_and_deal_size(review: Review) -> None:
    """A median is told in deals, where lower is better; a mean in the figure's unit."""
    assert _said(review, _cycle(14)) == (
        "Missed by 5 days",
        "Somebody at 40 days has 14 or more of 18 slower about once in 65 quarters.",
        ["1 more slower: clear shortfall", "2 fewer slower: no clear signal"],
    )
    assert _said(review, _figure("deal_size", 12500, [figure("deal_size", 20400 * 22, 22)], SALES)) == (
        "Exceeded by €7,900 (163.2%)",
        "Somebody at €12,500 has €20,400 or more about once in 1,700 quarters.",
        ["€18,535 or less: above, not yet clear"],
    )


@pytest.mark.parametrize("won", [0, 6, 7, 8, 9, 14, 19, 20, 23, 35])
def test_a_change_of_deals_does_what_it_says(won: int) -> None:
    """As many deals more or fewer as are told make the verdict that is told, and one less does not."""
    _check(_rate(won), lambda away: _rate(won + away))


@pytest.mark.parametrize("slower", [0, 4, 6, 10, 12, 14, 18])
def test_a_change_of_days_does_what_it_says(slower: int) -> None:
    """The same of deals that are slower than the target."""
    now = _cycle(slower)
    for away, _, word in _changes(now):
        if 9 not in (slower, slower + away):  # the median itself stands on the target's other side or not
            found = _cycle(slower + away)
            assert found.verdict == word or (found.value > 40) != (now.value > 40)


def _changes(figure: Figure) -> list[tuple[int, str, str]]:
    """The stated changes: how many more (less than zero: fewer), of what, and the verdict they lead to."""
    words = {word.lower(): verdict for verdict, word in verdict_views.WORDS.items()}
    found = []
    for change in verdict_views.changes(figure, STYLE):
        told = re.fullmatch(r"(\d+) (more|fewer) (.+): (.+)", change)
        assert told, change
        found.append((int(told[1]) * (1 if told[2] == "more" else -1), told[3], words[told[4]]))
    return found


def _check(now: Figure, with_more: Callable[[int], Figure]) -> None:
    for away, _, verdict in _changes(now):
        assert with_more(away).verdict == verdict
        nearer = away - 1 if away > 0 else away + 1
        assert with_more(nearer).verdict in (now.verdict, "too_few")


@pytest.mark.parametrize("amount", [20000.0, 60000.0, 100000.0, 128463.0, 225000.0, 343464.0, 400000.0, 600000.0])
def test_a_change_of_money_does_what_it_says(amount: float) -> None:
    """At the stated amount, whole as it is printed, the verdict is the stated one, and two steps before it is not."""
    words = {word.lower(): verdict for verdict, word in verdict_views.WORDS.items()}
    now = _revenue(amount)
    changes = verdict_views.changes(now, STYLE)
    assert changes
    for change in changes:
        told = re.fullmatch(r"€([\d,]+) or (more|less): (.+)", change)
        assert told, change
        edge, way = float(told[1].replace(",", "")), 1 if told[2] == "more" else -1
        assert _revenue(edge).verdict == words[told[3]]
        assert _revenue(edge - 2 * way).verdict == now.verdict


@pytest.mark.parametrize(
    ("value", "level", "said"),
    [(225000.0, 225000.0, "Met"), (225000.0 + 1e-6, 225000.0, "Met"), (224999.8, 225000.0, "Just missed")],
)
def test_result_without_a_distance(value: float, level: float, said: str) -> None:
    """A target that is missed by less than can be printed is just missed, never missed by nothing."""
    own = _figure("revenue", level, [figure("revenue", value, n=18)], PURCHASES)
    assert verdict_views.result(own, STYLE) == said


def test_without_a_target_there_is_no_result(review: Review) -> None:
    """What is held against peers or a benchmark says so, and no result."""
    own = _figure("win_rate", None, [figure("win_rate", 1, 35)], kpis={"win_rate": {"benchmark": 0.4}})
    assert (own.verdict, verdict_views.result(own, STYLE)) == ("watch", "")
    assert verdict_views.told(review, own, STYLE).startswith("Somebody at 40.0% has 1 or fewer of 35 closed deals")


def test_peers_are_told_with_two_digits(review: Review) -> None:
    """The level of peers is what all reach together; it is printed as benchmarks are."""
    names = "ABCDEFGH"
    figures = [figure("win_rate", won, 100, scope_id=rep) for won, rep in zip([20, *[43, 47] * 3, 44], names, strict=True)]
    frame = judged(context_of(names), figures)
    cells = row(frame, "win_rate")
    own = {
        field.name: cells[field.name] for field in fields(Figure) if field.name in cells and field.name not in ("kpi", "period")
    }
    basis = Judged(**{name: cells[name] for name in JUDGED})
    told = verdict_views.told(review, Figure(kpi=KPIS["win_rate"], period=PERIOD, judged=basis, **own), STYLE)
    assert told.startswith("Somebody like the peers together, 42%, has 20 or fewer of 100 closed deals")


def test_what_is_not_judged_says_why(review: Review) -> None:
    """Too few to tell gives its reason, and the result stays a result."""
    own = _figure("retention_rate", 0.65, [figure("retention_rate", 4, 7)])
    assert _said(review, own)[:2] == ("Missed by 7.9 points", "fewer than 10 base accounts")
    assert verdict_views.inputs(own, STYLE) == ""


def test_whoever_recomputes_has_everything() -> None:
    """The inputs of a verdict are listed with the digits that it takes."""
    said = verdict_views.inputs(_rate(8), STYLE)
    assert said.startswith("binomial model: level 0.4, material 0.02, reached 8, expected 14, trials 35, over periods 1,")
    assert "p low 0.0259532" in said
    assert said.endswith("phi of none known: independent deals are assumed.")


def test_no_statistics_in_words(review: Review) -> None:
    """No verdict is said with "p", evidence, significance or what chance allows."""
    banned = r"\bp\b|p-value|evidence|significan|chance allows|probab|on track"
    every = [*verdict_views.WORDS.values()]
    for own in (_rate(8), _rate(14), _customers(3, 3, 3, 2), _revenue(100000), _cycle(14)):
        every += [verdict_views.told(review, own, STYLE), *verdict_views.changes(own, STYLE)]
    assert [said for said in every if re.search(banned, said, re.IGNORECASE)] == []


def test_older_evidence_keeps_its_words() -> None:
    """A review that was frozen by an earlier version is told in that version's words, with its reasons."""
    older = made.opened(made.rep_slice())
    assert older.judged is None
    assert verdict_views.word(older, "on_track") == "On track"
    assert verdict_views.word(replace(older, judged={}), "gap") == "Clear shortfall"
    assert verdict_views.word(older, "gap") == "Gap"


def _demo(demo_slices: Slices, fiscal: FiscalYear) -> list[Review]:
    keys = [key for key in demo_slices if key[0] == "rep" and key[2] == "rep"]
    return [from_slice(demo_slices[key], fiscal) for key in keys[::3]]


def test_demo_says_everything(demo_slices: Slices, demo_params: Params) -> None:
    """Each row of the demo's pages has a word, a sentence or reason, and nothing that was not filled in."""
    seen = set()
    for own in _demo(demo_slices, demo_params.fiscal):
        sheet = views.FigureTable(own)
        for each in (one for figures in sheet.groups().values() for one in figures):
            assert verdict_views.word(own, each.verdict) in verdict_views.WORDS.values()
            told = verdict_views.told(own, each, sheet.style)
            assert told, each.kpi.key
            assert not re.search(r"nan|None|[{}]|  ", " ".join([told, *verdict_views.changes(each, sheet.style)])), told
            assert bool(verdict_views.result(each, sheet.style)) == (each.target is not None and each.value is not None)
            seen.add(each.verdict)
    assert seen >= {"strength", "above", "no_signal", "watch", "gap", "too_few", "not_judged"}


def test_demo_says_how_sure_it_is(demo_slices: Slices, demo_params: Params) -> None:
    """The foot of a scorecard counts the judged figures, and how often chance alone speaks."""
    said = 0
    for own in _demo(demo_slices, demo_params.fiscal):
        sheet = views.FigureTable(own)
        figures = [one for group in sheet.groups().values() for one in group]
        number = sum(one.verdict in ("gap", "watch", "no_signal", "above", "strength") for one in figures)
        lines = verdict_views.sure(own, figures, sheet.style)
        assert bool(lines) == bool(number)
        if lines:
            assert lines[0].startswith(f"{number} of {len(figures)} figures are judged here.")
            assert "How sure this page is" in blocks.scorecard(own).html
            said += 1
    assert said > 8


def test_what_a_copy_leaves_out_makes_no_wrong_sum(review: Review) -> None:
    """Where a rep's copy holds no sums of the periods before, four periods together are told without them."""
    found = _customers(4, 4, 4, 4, 4, 3, 2, 2)
    assert found.judged is not None
    hidden = replace(found, judged=Judged(**{**vars(found.judged), "expected4": None, "trials4": None}))
    assert " where " in verdict_views.told(review, found, STYLE)
    told = verdict_views.told(review, hidden, STYLE)
    assert told.startswith("This far from what the peers reach over four quarters; by luck ")
