"""The real export from end to end: every agent's page of a period, looked at in Chromium."""

from __future__ import annotations

import csv
import html
import json
import re
from pathlib import Path

import pytest
from browser import axe, launch, overflow, view

from reviewlib.pages.labels import NumberStyle
from reviewlib.params import reading
from reviewlib.periods import Period
from reviewlib.press.inspection import inspect_page
from reviewlib.run import freezing, runs

HERE = Path(__file__).parents[1]
DATA = HERE.parents[1] / "shared" / "data" / "maven-crm"
UNITS = {
    "revenue": "money",
    "win_rate": "percent",
    "conversion_rate": "percent",
    "pipeline_value": "money",
    "pipeline_growth": "percent",
    "new_customers": "count",
    "retention_rate": "percent",
    "revenue_retention": "percent",
    "deal_size": "money",
    "cycle_days": "days",
}
WIDTHS = (320, 390, 640, 768, 1019, 1020, 1280, 1600)

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the Maven CRM sample (../shared/data/maven-crm) is not there")


def run(folder: Path, period: str) -> runs.Result:
    """Make every review of a period in a folder of its own."""
    text = (HERE / "maven.yaml").read_text(encoding="utf-8").replace("../../shared/data/maven-crm", DATA.resolve().as_posix())
    path = folder / "params" / "maven.yaml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    params = reading.load(path)
    (frozen,) = freezing.freeze(params, [Period.parse(period)])
    return runs.run(params, frozen)


def scorecard_values(page: str) -> dict[str, str]:
    """Read key and printed value of each row of a page's scorecard."""
    table = page[page.index('id="scorecard"') :]
    rows = re.findall(r'href="#ev-(\w+)".*?<span class="val">(.*?)</span>', table, flags=re.DOTALL)
    return {key: html.unescape(re.sub(r"<[^>]+>", "", printed)) for key, printed in rows}


def check_golden(result: runs.Result, period: str) -> None:
    """Compare the scorecards of three agents, as printed, with the figures computed by plain loops."""
    style = NumberStyle("en_US", "USD")
    pages = {entry.subject: result.folder / entry.page for entry in result.entries if entry.audience == "rep"}
    with (DATA / "golden.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["period"] == period]
    assert len(rows) == 30
    printed = {rep: scorecard_values(pages[rep].read_text(encoding="utf-8")) for rep in {row["rep"] for row in rows}}
    # The export ends with its last period, so that no cohort of it is old enough to be judged.
    known = {row["kpi"]: "n/a" for row in rows if row["kpi"] == "conversion_rate"}
    wrong = [
        (row, printed[row["rep"]][row["kpi"]])
        for row in rows
        if printed[row["rep"]][row["kpi"]] != known.get(row["kpi"], style.value(float(row["value"]), UNITS[row["kpi"]]))
    ]
    assert wrong == []


def check_copies(result: runs.Result) -> None:
    """No rep's copy names another rep, holds a script, code or a path, or asks for anything."""
    reps = {entry.subject for entry in result.entries if entry.kind == "rep"}
    for entry in result.entries:
        page = (result.folder / entry.page).read_text(encoding="utf-8")
        assert inspect_page(page) == [], entry.key
        assert "rl.blocks" not in page
        assert len(page.encode()) <= 200_000, entry.key
        if entry.audience == "rep":
            assert [name for name in reps - {entry.subject} if name in html.unescape(page)] == [], entry.key


def check_in_chromium(result: runs.Result) -> None:
    """Pages of an ordinary agent, one without deals, a team, and the index: quiet, accessible, never too wide."""
    chosen = ("rep:Darcel Schlecht:rep", "rep:Carol Thompson:rep", "rep:Moses Frase:manager", "team:Cara Losch:manager")
    pages = [result.folder / entry.page for entry in result.entries if entry.key in chosen]
    assert len(pages) == len(chosen)
    with launch() as browser:
        for path in [*pages, result.folder / "index.html"]:
            with view(browser, path) as seen:
                assert seen.requests == [], path.name
                assert axe(seen.page) == [], path.name
                for width in WIDTHS:
                    seen.page.set_viewport_size({"width": width, "height": 900})
                    assert overflow(seen.page) == 0, (path.name, width)
                assert seen.messages == [], path.name


@pytest.mark.whole
@pytest.mark.timeout(900)
def test_a_whole_period_of_real_reviews(tmp_path: Path) -> None:
    """All 35 agents and 6 teams of 2017-Q4 get their pages, five of them honest ones without figures."""
    result = run(tmp_path, "2017-Q4")
    assert result.failed == ()
    assert len({entry.subject for entry in result.entries if entry.kind == "rep"}) == 35
    assert len({entry.subject for entry in result.entries if entry.kind == "team"}) == 6
    without = [
        entry.subject
        for entry in result.entries
        if entry.audience == "rep" and "owns no deal in the export" in (result.folder / entry.page).read_text(encoding="utf-8")
    ]
    assert len(without) == 5
    notebooks = [result.folder / entry.notebook for entry in result.entries if entry.notebook]
    assert len(notebooks) == 41
    assert str(tmp_path) not in "".join(path.read_text(encoding="utf-8") for path in notebooks)
    manifest = json.loads((result.folder / "manifest.json").read_text(encoding="utf-8"))
    assert len(manifest["reviews"]) == 82
    check_golden(result, "2017-Q4")
    check_copies(result)
    check_in_chromium(result)


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("period", ["2017-Q3", "2017-H2"])
def test_the_other_periods(period: str, tmp_path: Path) -> None:
    """The third quarter and the second half give all reviews too."""
    result = run(tmp_path, period)
    assert result.failed == ()
    assert len(result.entries) == 82
    check_copies(result)
