"""The sections of a review."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pages_fixture as made
import pytest

from reviewlib.pages import blocks, components, team_views, verdict_views, views
from reviewlib.pages.components import BridgePart
from reviewlib.review import Review


def _text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


@pytest.fixture(scope="module")
def review() -> Review:
    return made.opened(made.rep_slice())


@pytest.fixture(scope="module")
def team() -> Review:
    return made.opened(made.team_slice())


@pytest.fixture(scope="module")
def empty() -> Review:
    return made.opened(made.empty_slice())


@pytest.mark.parametrize("name", made.REP)
def test_every_section_stands_in_every_case(name: str) -> None:
    """Each section of a rep's page renders for a full and an empty review, with its metadata, inside its own element."""
    for data in (made.rep_slice(), made.rep_slice("manager"), made.empty_slice(), made.team_slice()):
        shown = getattr(blocks, name)(made.opened(data))
        assert shown.metadata["section"] == name
        assert '<div class="rl">' in shown.html
        assert not re.search(r"\bNone\b(?! of)", _text(shown.html.rpartition("</style>")[2]))


@pytest.mark.parametrize("name", made.TEAM)
def test_every_section_of_a_team(name: str) -> None:
    """Each section of a team's page renders for both audiences."""
    for audience in ("manager", "rep"):
        assert getattr(blocks, name)(made.opened(made.team_slice(audience))).metadata["section"] == name


def test_scorecard_row(review: Review) -> None:
    """A row says value, sample, target, change, place among the peers and verdict; an interval is none of its numbers."""
    sheet = views.FigureTable(review)
    rows = {figure.kpi.key: figure for figures in sheet.groups().values() for figure in figures}
    rate, revenue, growth = rows["win_rate"], rows["revenue"], rows["pipeline_growth"]
    said = (sheet.text("win_rate"), sheet.target(rate), sheet.change(rate, rate.previous), rate.verdict)
    assert said == ("53.3%", "target 40.0%", "+8.8 pts", "strength")
    assert sheet.note(rate) == ["49 of 92 closed deals"]
    assert sheet.note(rows["deal_size"]) == ["49 won deals", "median €7,420"]
    assert "43.3–63.3%" not in blocks.scorecard(review).html
    assert sheet.standing(rate) == "top quarter · 44%"
    assert sheet.change(revenue, revenue.previous) == "+32.5%"
    assert sheet.bullet(growth) is None
    assert sheet.target(growth) == "target +5.0%"
    assert "attainment" not in rows


def test_every_verdict_has_word_and_reason(review: Review, empty: Review) -> None:
    """No row of a scorecard is without the word of its verdict and a reason."""
    for page in (review, empty):
        rows = [figure for figures in views.FigureTable(page).groups().values() for figure in figures]
        assert rows
        for figure in rows:
            assert verdict_views.word(page, figure.verdict) != figure.verdict
            assert figure.reason or verdict_views.told(page, figure, views.FigureTable(page).style)


def test_the_scorecard_holds_result_and_verdict_apart(demo_slices: Mapping[Any, dict[str, Any]]) -> None:
    """Beside each target stands whether it was met, beside that what it tells and what would change that; tones follow that."""
    own = made.opened(demo_slices["rep", "R-014", "rep"])
    html = blocks.scorecard(own).html
    heads = re.findall(r'<th scope="col"[^>]*>([^<]+)', html)
    assert heads[:5] == ["Figure", "Value", "Target and result", "What it tells us", "What would change that"]
    rows = dict(re.findall(r'href="#ev-(\w+)">(.*?)</tr>', html, re.DOTALL))
    sheet = views.FigureTable(own)
    for key, cells in rows.items():
        figure, text = own.figure(key), _text(cells)
        result = verdict_views.result(figure, sheet.style)
        assert (f'<b class="res">{result}</b>' in cells) == bool(result)
        assert verdict_views.word(own, figure.verdict) in text
        assert verdict_views.told(own, figure, sheet.style) in text
        assert all(way in text for way in verdict_views.changes(figure, sheet.style))
    assert own.figure("cycle_days").verdict == "gap"
    assert "Clear shortfall" in rows["cycle_days"]
    assert (own.figure("revenue").result, own.figure("revenue").verdict) == ("exceeded", "no_signal")
    assert "No clear signal" in rows["revenue"]


@pytest.mark.parametrize(
    ("verdict", "tone"), [("gap", "low"), ("watch", "low"), ("no_signal", ""), ("above", ""), ("strength", "")]
)
def test_a_bar_is_toned_by_its_verdict(verdict: str, tone: str) -> None:
    """A target that is missed without a signal is no bar of a shortfall."""
    bar = components.bullet(90.0, 100.0, verdict=verdict)
    assert bar is not None
    assert bar.tone == tone


def test_the_band_stands_below_the_bar(demo_slices: Mapping[Any, dict[str, Any]]) -> None:
    """The line below a bar is where somebody on target lands; of a median, whose band counts deals, there is none."""
    own = made.opened(demo_slices["rep", "R-014", "rep"])
    sheet = views.FigureTable(own)
    revenue, cycle = own.figure("revenue"), own.figure("cycle_days")
    bar, other = sheet.bullet(revenue), sheet.bullet(cycle)
    assert bar is not None
    assert other is not None
    assert revenue.judged is not None
    assert (bar.low, bar.high) != (None, None)
    assert bar.low == pytest.approx(75 * (revenue.judged.band_low or 0) / (revenue.target or 1), abs=0.1)
    assert (other.low, other.high) == (None, None)


def test_switched_off_figures_are_named(empty: Review) -> None:
    """A figure that is not on the scorecard is listed with the reason."""
    data = made.rep_slice()
    data["off"] = {"csat": "switched off in the params file"}
    assert "Csat (switched off in the params file)" in blocks.scorecard(made.opened(data)).html


def test_bullet_geometry() -> None:
    """The target stands at 75%; beyond a third above it the bar is cut; without a target there is none."""
    bar = components.bullet(100.0, 100.0, verdict="no_signal", low=90.0, high=110.0)
    assert bar is not None
    assert (bar.width, bar.tone, bar.over) == (75.0, "", False)
    assert (bar.low, bar.high) == (67.5, 82.5)
    over = components.bullet(200.0, 100.0, verdict="gap")
    assert over is not None
    assert (over.width, over.tone, over.over) == (100.0, "low", True)
    assert components.bullet(5.0, None, verdict="gap") is None
    assert components.bullet(-5.0, 10.0, verdict="gap") is None


def test_peers_right_is_better(review: Review) -> None:
    """The quartiles stand at the thirds, and a short cycle stands right of a long one."""
    from dataclasses import replace

    figure = review.figure("cycle_days")
    style = views.FigureTable(review).style
    long, short = (components.peers(replace(figure, value=days), style=style, who="A") for days in (46.0, 36.0))
    assert long is not None
    assert short is not None
    assert long.dot == pytest.approx(100 / 3)
    assert short.dot == pytest.approx(200 / 3)


def test_bridge_adds_up() -> None:
    """Each part begins where the one before ended, below zero too."""
    steps = components.bridge(
        [BridgePart("a", "", 10.0, "", total=True), BridgePart("b", "", -15.0, ""), BridgePart("c", "", -5.0, "", total=True)]
    )
    assert [(round(step.left), round(step.width)) for step in steps] == [(33, 67), (0, 100), (0, 33)]
    assert [step.tone for step in steps] == ["", "dn", ""]


def test_change_that_cannot_be_split() -> None:
    """What cannot be split is a line of its own with its reason; refunds show only where there are any."""
    data = made.rep_slice()
    columns = data["history"]["columns"]
    for row in data["history"]["data"]:
        if row[columns.index("kpi")] == "change_unsplit" and row[columns.index("period")] == "2026-Q3":
            row[columns.index("value")], row[columns.index("reason")] = (
                500.0,
                "one of the two periods has no won deals to compare",
            )
    html = blocks.change(made.opened(data)).html
    assert "Change not split" in html
    assert "one of the two periods has no won deals to compare" in html
    assert "Refunds" not in html


def test_incomplete_period_is_said(empty: Review, review: Review) -> None:
    """The header of an incomplete period says so with both dates."""
    assert "it ends on 30 September 2026, and the export reaches to 15 September 2026" in blocks.header(empty).html
    assert "Incomplete" not in blocks.header(review).html


def test_next_period_has_its_target(review: Review, empty: Review) -> None:
    """The revenue target of the next period is the one that coverage is measured against; without one that is said."""
    assert "The revenue target of 2026-Q4 is €400,000." in _text(blocks.next_period(review).html)
    assert "no revenue target for 2026-Q4 yet" in _text(blocks.next_period(empty).html)


def test_evidence_lists_each_deal_once_by_its_amount(review: Review) -> None:
    """A won deal is listed by what it brought and by what was expected of it; a list that another figure holds is named."""
    html = blocks.figures(review).html
    won, closed = (html.partition(f'id="ev-{key}"')[2].partition("</details>")[0] for key in ("revenue", "win_rate"))
    assert (won.count(">D-7003<"), closed.count(">D-7003<"), html.count(">D-7003<")) == (1, 1, 2)
    assert "listed under Sales revenue" in html
    assert "49 ÷ 92 closed deals = 53.3%" in _text(html)


def test_reconciliation_adds_up(review: Review) -> None:
    """Used, quarantined, excluded and read are printed to the cent."""
    text = _text(blocks.figures(review).html)
    for amount in ("€31,102,400.50", "€120,300.00", "€28,000.00", "€31,250,700.50"):
        assert amount in text


def test_team_names_reps_in_order(team: Review) -> None:
    """The reps of a team stand in the order of revenue, and those without a target are named beside the line."""
    html = blocks.reps(team).html
    places = [html.index(name) for name in ("Priya Raman", "Ingrid Solberg", "Amara Okafor", "Li Wei Chen")]
    assert places == sorted(places)
    assert "Without a target above zero, so not on the line: Li Wei Chen." in blocks.distribution(team).html


def test_a_target_of_zero_is_no_missing_target() -> None:
    """Who is to bring nothing has a target of nothing, on the scorecard and in the team's table, and no share of it."""
    data = made.team_slice("manager")
    columns = data["members"]["columns"]
    for row in data["members"]["data"]:
        if row[columns.index("kpi")] == "revenue" and row[columns.index("scope_id")] == "R-011":
            row[columns.index("target")], row[columns.index("attainment")] = 0.0, None
    text = _text(blocks.reps(made.opened(data)).html)
    assert "target €0, full target €" in text
    assert "n/a of €0" not in text


def test_rounding_puts_nobody_below_target() -> None:
    """Who reached the target but for the last digits of a float stands above the line."""
    data = made.team_slice("manager")
    columns = data["members"]["columns"]
    for row in data["members"]["data"]:
        row[columns.index("attainment")] = 0.9999999999999998
    assert not any(dot.below for dot in team_views.dots(made.opened(data))[0])


def test_skills_come_from_open_areas(team: Review) -> None:
    """A skill is listed with the reps whose figure calls for it."""
    html = _text(blocks.skills(team).html)
    assert "Prospecting" in html
    assert "7 of 7 reps" in html


def test_namesakes_are_two_reps() -> None:
    """Two reps of one name are counted as two where a skill says whose figures call for it."""
    data = made.team_slice()
    data["people"][1]["name"] = data["people"][0]["name"]
    assert "7 of 7 reps" in _text(blocks.skills(made.opened(data)).html)


@pytest.mark.parametrize("number", [0, 12, 60, 61, 500])
def test_squares_up_to_sixty(number: int) -> None:
    """Each account is a square up to sixty, then a bar."""
    data = made.rep_slice()
    columns = data["history"]["columns"]
    for row in data["history"]["data"]:
        if row[columns.index("kpi")] == "new_customers" and row[columns.index("period")] == "2026-Q3":
            row[columns.index("value")] = number
    html = blocks.customers(made.opened(data)).html.partition("First purchase")[2]
    assert html.count("<i class") == (number if number <= 60 else 0)
    assert ("bar12" in html) == (number > 60)


def test_metadata_of_the_header(review: Review) -> None:
    """The header names the page and carries what an exporter needs."""
    metadata: dict[str, Any] = dict(blocks.header(review).metadata)
    assert metadata["title"] == "Amara Okafor, 2026-Q3: sales performance review"
    assert "no other rep’s" in metadata["foot"]
    assert metadata["accent"] == "#174f96"
