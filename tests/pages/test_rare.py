"""Pages of rare cases stay whole, honest and grammatical: leavers, starters, one deal or none, refunds only, no targets."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from workbooks import workbook

from reviewlib.evidence import sources
from reviewlib.evidence.period import compile_evidence
from reviewlib.evidence.slices import Slicer
from reviewlib.pages import blocks, views
from reviewlib.periods import Period
from reviewlib.review import Review, from_slice

QUARTER = Period.parse("2026-Q3")
USUAL = [f"U{number}" for number in range(8)]
CAST = {"leaver": "Leo", "starter": "Nora", "none": "Zoe", "one": "Ona", "refunds": "Rex"}
SECTIONS = ("summary", "scorecard", "change", "pipeline", "customers", "strengths", "improve", "achievements", "next_period")
Company = Mapping[str, Review]


def _deals(rep: str, scale: float) -> Iterator[dict[str, Any]]:
    """Twelve deals won and sixteen lost a quarter; of the rare ones what their names say."""
    for turn, period in enumerate(QUARTER.trend(8)):
        now = period == QUARTER
        won, lost = (12, 16) if rep in (*USUAL, "leaver") else (3, 7) if rep == "starter" and now else (0, 0)
        won = 1 if rep == "one" and now else 5 if rep == "refunds" and not now else won
        for place in range(won + lost):
            day = period.last_day - dt.timedelta(days=1 + place if rep == "starter" else 45 + place)
            amount = scale * (7 + (place * 5 + turn) % 11) if place < won else None
            yield {
                "rep_id": rep,
                "stage": "Won" if place < won else "Lost",
                "account_id": f"{rep}-{place % 9}",
                "amount": amount,
                "expected_amount": scale * 10,
                "opened_on": day - dt.timedelta(days=9 if rep == "starter" else 30 + 3 * (place % 12)),
                "closed_on": day,
            }
    if rep == "refunds":
        yield {"rep_id": rep, "account_id": f"{rep}-1", "amount": -scale, "opened_on": "2026-07-02", "closed_on": "2026-08-03"}
    if rep in USUAL:
        open_deal = {"rep_id": rep, "stage": "Open", "account_id": f"{rep}-0", "expected_amount": scale * 10}
        yield from (open_deal | {"opened_on": "2026-09-02", "expected_close_on": "2026-11-02"} for _ in range(5))


def _company(folder: Path, currency: str, scale: float, *, targets: bool) -> Company:
    names = {**dict.fromkeys(USUAL, "Usual"), **CAST}
    reps = [
        {
            "rep_id": rep,
            "rep_name": f"{name} Holt" if rep in CAST else f"Usual {rep}",
            "team": "North",
            "manager": "Max Holm",
            "role": "Seller",
            "started_on": "2026-09-10" if rep == "starter" else None,
            "left_on": "2026-09-20" if rep == "leaver" else None,
        }
        for rep, name in names.items()
    ]
    rows = [
        {"scope": "rep", "scope_id": rep, "kpi": kpi, "period": period.name, "value": value}
        for rep in names
        for period in (*QUARTER.trend(8), QUARTER.next)
        for kpi, value in (("revenue", 144 * scale), ("new_customers", 3))
    ]
    levels = {"win_rate": 0.4, "deal_size": 12 * scale, "cycle_days": 48, "retention_rate": 0.5}
    params = workbook(
        folder,
        deals=[deal for rep in names for deal in _deals(rep, scale)],
        reps=reps,
        targets=rows if targets else None,
        currency=currency,
        as_of="2026-10-05",
        kpis={key: {"target": level} for key, level in levels.items()} if targets else {},
    )
    evidence = compile_evidence(params, sources.read(params), QUARTER)
    slicer = Slicer(evidence, snapshot="0" * 12, frozen_at=dt.datetime(2026, 10, 5, tzinfo=dt.UTC))
    listed = slicer.listing.rows(evidence.reviewed)
    return {rep: from_slice(slicer.rep(rep, "rep") | json.loads(listed[rep]), params.fiscal) for rep in evidence.reviewed}


@pytest.fixture(scope="module")
def euro(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """A company with targets, each of whose rare cases has a page."""
    return _company(tmp_path_factory.mktemp("euro"), "EUR", 1000.25, targets=True)


@pytest.fixture(scope="module")
def yen(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """A company without targets, of deals of a hundred million each."""
    return _company(tmp_path_factory.mktemp("yen"), "JPY", 20_000_000, targets=False)


@pytest.fixture(scope="module")
def dinar(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """A company whose currency has three decimals."""
    return _company(tmp_path_factory.mktemp("dinar"), "KWD", 100.125, targets=True)


def _text(review: Review, *sections: str) -> str:
    html = " ".join(getattr(blocks, name)(review).html for name in sections)
    return re.sub(r"\s+([.,:;])", r"\1", re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)))


@pytest.mark.parametrize("name", ["euro", "yen", "dinar"])
def test_every_page_is_whole(request: pytest.FixtureRequest, name: str) -> None:
    """No section is empty, nothing is left unfilled, nothing is told of nothing, and one is not many."""
    company: Company = request.getfixturevalue(name)
    assert set(company) == {*USUAL, *CAST}
    for review in company.values():
        for section in (*SECTIONS, "goals"):
            said = _text(review, section)
            assert len(said.split()) > 4, (review.subject.name, section, said)
            assert not re.search(r"\b0 of 0\b|\bnan\b|\bNone\b|[{}]|\b1 (deals|customers|accounts|figures|quarters)\b", said), (
                said
            )


def test_a_leaver_has_figures_and_no_verdict(euro: Company) -> None:
    """Who has left is told the figures; nothing is judged, advised or aimed at."""
    review = euro["leaver"]
    found = {figure.kpi.key: figure for figure in views.FigureTable(review).main()}
    assert found["revenue"].value is not None
    assert {figure.verdict for figure in found.values()} <= {"not_judged", "not_available"}
    assert found["win_rate"].reason == "has left"
    for section in ("strengths", "improve"):
        assert "No figure can be judged in this period." in _text(review, section)
    assert review.findings == ()
    assert "Leo left on 20 September 2026. No goals are set." in _text(review, "goals")
    assert "Leo left on 20 September 2026: no target of 2026-Q4 counts." in _text(review, "next_period")
    assert "Figures with a target" not in _text(review, "next_period")
    assert "How sure this page is. No figure is judged here: each row says why." in _text(review, "scorecard")


def test_a_starter_of_less_than_a_third_is_not_judged(euro: Company) -> None:
    """Three weeks of a quarter tell nothing; the page says from when on there is a figure."""
    said = _text(euro["starter"], "scorecard")
    assert "Not judged here for less than a third of the period" in said
    assert not any(word in said for word in ("Worth a talk", "Clear shortfall", "Clear strength"))
    change = _text(euro["starter"], "change")
    assert "there is no figure for 2026-Q2 (not here in the period, and no deal closed in it)." in change


def test_who_has_no_deals_and_who_has_one(euro: Company) -> None:
    """Without a deal there is no figure and no judgement; of one deal it is said how many it takes."""
    assert "No revenue can be given: owns no deal in the export." in _text(euro["none"], "summary")
    assert "No figure can be judged in this period." in _text(euro["none"], "improve")
    said = _text(euro["one"], "scorecard")
    assert "Too few to tell Needs 10 closed deals. 9 more closed deals" in said
    assert "Too few to tell Needs 6 won deals. 5 more won deals" in said
    assert "Somebody exactly on target in it is told" in said or "in all of them" in said


def test_a_quarter_that_was_poor_for_all(euro: Company) -> None:
    """Where the whole group was short of its targets each of its rows says so, and the reader's own verdict beside it."""
    said = _text(euro["U0"], "scorecard")
    assert re.search(r"Somebody at €144,036 lands between .{20,60}\. The whole group was at 8\d% of target\.", said)


def test_refunds_alone_count_as_nothing_sold(euro: Company) -> None:
    """Revenue below zero is told as it is, and judged as none."""
    said = _text(euro["refunds"], "scorecard")
    assert "−€1,000" in said
    assert "Somebody at €144,036 has €0 or less" in said


def test_without_targets_the_peers_are_the_yardstick(yen: Company) -> None:
    """No result where there is no target, and no group that missed one; coverage says which target it lacks."""
    said = _text(yen["U0"], "scorecard")
    assert not re.search("Missed|Exceeded|Met ", said)
    assert "Somebody like the peers together" in said
    assert "The whole group" not in said
    assert "no revenue target is set for the next period" in said
    assert "No revenue target is set for 2026-Q4 yet." in _text(yen["U0"], "next_period")


@pytest.mark.parametrize(("name", "digits"), [("euro", 2), ("yen", 0), ("dinar", 3)])
def test_money_has_the_decimals_of_its_currency_and_adds_up(request: pytest.FixtureRequest, name: str, digits: int) -> None:
    """The steps of a bridge are written to the smallest unit of the currency, and sum to its end."""
    company: Company = request.getfixturevalue(name)
    bridges = [views.revenue_bridge(review) for review in company.values()] + [
        views.pipeline_bridge(review) for review in company.values()
    ]
    told = [bridge for bridge in bridges if len(bridge) > 2]
    assert len(told) > 8
    for bridge in told:
        written = [step.part.text for step in bridge]
        decimals = {len(text.partition(".")[2]) for text in written}
        assert decimals <= {0, digits}, written
        numbers = [float(re.sub(r"[^\d.\-]", "", text.replace("−", "-"))) for text in written]
        assert round(sum(numbers[:-1]), digits) == numbers[-1], written


def test_values_stand_in_their_column(yen: Company) -> None:
    """A long amount is set smaller, so that it does not run into the column beside it."""
    html = blocks.scorecard(yen["U0"]).html
    values = re.findall(r'<span class="val( long)?">([^<]+)</span>', html)
    assert {(bool(long), len(text) > 8) for long, text in values} == {(True, True), (False, False)}


def _questions() -> list[tuple[str, str]]:
    """What a rep asks of the page, and by which words on it one knows."""
    text = Path(__file__).with_name("questions.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \d+ \| (.+?) \| .+? \| `(.+)` \|$", text, flags=re.MULTILINE)
    return [(question, words.replace("\\|", "|")) for question, words in rows]


@pytest.mark.parametrize("rep", ["U0", *CAST])
def test_a_page_answers_what_a_rep_asks(euro: Company, rep: str) -> None:
    """Each of the ten questions has its answer on every page, also on those of rare cases."""
    said = _text(euro[rep], "header", *SECTIONS, "goals", "signoff", "figures")
    assert len(_questions()) == 10
    assert [question for question, words in _questions() if not re.search(words, said)] == []
