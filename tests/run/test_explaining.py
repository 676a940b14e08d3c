"""A figure explained in words: its arithmetic written out, its target's rows, its peers, to whom may read it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from commands import Run
from lightbook import DEALS, PEOPLE, PERIOD, REPS
from workbooks import changed, workbook

from reviewlib.errors import NotAllowedError, SubjectError
from reviewlib.params.model import Params
from reviewlib.run import explaining, freezing

LOST = {"rep_id": "R1", "stage": "Lost", "amount": "0", "opened_on": "2026-07-02", "closed_on": "2026-08-03"}
CENTS = {"rep_id": "R1", "amount": "20.25", "opened_on": "2026-07-02", "closed_on": "2026-08-04"}
OPEN = [
    {"rep_id": "R2", "stage": "Open", "expected_amount": amount, "opened_on": day}
    for amount, day in ((70, "2026-06-01"), (50, "2026-08-01"))
]
TARGETS = [
    {"scope": "rep", "scope_id": "R1", "kpi": "revenue", "period": period, "value": 31, "ramp": 0.5}
    for period in ("2026-07", "2026-08", "2026-09")
]
HERE = {"rep_id": "R1", "rep_name": "Ada", "team": "North", "manager": "Max Holm", "started_on": "2026-07-16"}
KPIS = {"win_rate": {"target": 0.5}, "deal_size": {"off": True}}


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Params:
    tables = {"deals": [*DEALS, LOST, CENTS, *OPEN], "reps": [HERE, *REPS[1:]], "targets": TARGETS}
    rules = {
        "kpis": KPIS,
        "people": {**PEOPLE, "roles": {**PEOPLE["roles"], "ann": "analyst"}, "acting_as": "ann"},
        "crm": {"history_from": "2026-01-01"},
        "as_of": "2026-10-15",
    }
    params = workbook(tmp_path_factory.mktemp("book"), **tables, **rules)
    freezing.freeze(params, [PERIOD])
    return params


@pytest.fixture(scope="module")
def evidence_book(tmp_path_factory: pytest.TempPathFactory) -> Params:
    """Two of ten deals won at a target of a half: P(2 or fewer) is 0.055, between the thresholds."""
    deals = [
        {"rep_id": "R1", "stage": stage, "amount": "9", "opened_on": "2026-07-02", "closed_on": "2026-08-03"}
        for stage in ["Won"] * 2 + ["Lost"] * 8
    ]
    rules = {"kpis": {"win_rate": {"target": 0.5}}, "judgement": {"watch": 0.06}, "as_of": "2026-10-15"}
    params = workbook(tmp_path_factory.mktemp("judged"), deals=deals, reps=[HERE], crm={"history_from": "2026-07-01"}, **rules)
    freezing.freeze(params, [PERIOD])
    return params


def told(book: Params, kpi: str, rep: str = "R1") -> tuple[str, ...]:
    return explaining.explained(book, rep=rep, kpi=kpi, period=None).told


def test_arithmetic_is_written_out(book: Params) -> None:
    """A share says what was counted, an amount its cents, a figure that cannot be given why."""
    assert told(book, "win_rate")[1] == "2 won / (2 won + 1 lost) = 66.7%"
    assert told(book, "revenue")[1] == "€120.25 from 2 won deals"
    assert told(book, "attainment")[1] == "€120.25 / €39 = 308.3%"
    assert told(book, "won_deals")[1] == "2"
    assert told(book, "win_rate", "R3")[1] == "1 won / (1 won + 0 lost) = 100.0%"
    assert told(book, "retention_rate")[1].startswith("n/a: the export has no column for account_id")
    assert all(told(book, key)[2].endswith(": the same.") for key in ("win_rate", "revenue", "attainment", "retention_rate"))


def test_target_is_shown_by_its_rows(book: Params) -> None:
    """Each row of a sum has its ramp and days; what params say has their name; without one that is said."""
    assert told(book, "revenue")[3:7] == (
        "Target of 2026-Q3: €39, from:",
        "  2026-07: €31 × ramp 0.5 × 16 of 31 days = €8 (line 2)",
        "  2026-08: €31 × ramp 0.5 × 31 of 31 days = €15.50 (line 3)",
        "  2026-09: €31 × ramp 0.5 × 30 of 30 days = €15.50 (line 4)",
    )
    assert told(book, "win_rate")[3:5] == ("Target of 2026-Q3: 50.0%, from:", "  2026-Q3: 50.0% (params)")
    assert told(book, "cycle_days")[3] == "No target is set."
    assert not any("arget" in line for line in told(book, "won_deals")[2:])


def test_verdict_is_told_with_all_that_it_is_worked_out_from(evidence_book: Params) -> None:
    """Result, verdict, what would have changed it, model, level, sums, spread, chances, band and thresholds, as data too."""
    found = explaining.explained(evidence_book, rep="R1", kpi="win_rate", period=None)
    said = dict(line.split(": ", 1) for line in found.told if ": " in line)
    assert said["Result"] == "Missed by 30.0 points."
    assert said["What it tells us"].startswith("Worth a talk. Somebody at 50.0% has 2 or fewer of 10 closed deals")
    assert said["What would have changed that"].endswith("no clear signal.")
    assert said["Thresholds (judgement)"] == "gap 0.005, watch 0.06."
    assert said["Judged by"].startswith(
        "binomial model: level 0.5, material 0.02, reached 2, expected 5, trials 10, over periods 1,"
    )
    low = sum(math.comb(10, k) for k in range(3)) / 2**10
    assert f"p low {low:.6g}, p high" in said["Judged by"]
    assert said["Judged by"].endswith("Ends of the band: 0.3, 0.7.")
    judged = json.loads(json.dumps(found.as_data(), default=str))["judged"]
    assert (judged["p_low"], judged["band_low"], judged["worse_to"]) == (pytest.approx(low), pytest.approx(0.3), "gap")


def test_what_no_model_judges_has_no_inputs(book: Params) -> None:
    """A figure that is told and not judged ends with its peers; one with too few deals has its result and reason."""
    assert not any(line.startswith(("Result", "Judged by")) for line in told(book, "attainment"))
    lines = told(book, "win_rate")
    assert "Result: Exceeded by 16.7 points." in lines
    assert "What it tells us: Too few to tell. fewer than 10 closed deals" in lines
    assert not any(line.startswith("Judged by") for line in lines)


def test_peers_are_told_as_the_managers_page_tells_them(book: Params) -> None:
    """Too few peers give no benchmark, and no peer is named."""
    assert told(book, "revenue")[-1] == "Peers: 3 with this figure; too few for a benchmark."


def test_only_who_leads_the_rep_reads_it(book: Params) -> None:
    """A manager of another team, or a rep, is refused; an analyst and who has no role are not."""
    with pytest.raises(NotAllowedError, match="Max Holm may not read the figures of R3"):
        explaining.explained(changed(book, people={"acting_as": "max"}), rep="R3", kpi="revenue", period=None)
    roles = {"roles": {"ada": "rep"}, "logins": {"ada": "R1"}, "acting_as": "ada"}
    with pytest.raises(NotAllowedError):
        explaining.explained(changed(book, people=roles), rep="R1", kpi="revenue", period=None)


def test_unknown_rep_is_told_with_the_nearest(book: Params) -> None:
    """A mistyped id is no traceback."""
    with pytest.raises(SubjectError) as caught:
        explaining.explained(book, rep="R-1", kpi="revenue", period=PERIOD)
    assert "such as R1" in str(caught.value.found)


@pytest.mark.default
def test_command_prints_it_and_gives_it_as_data(book: Params, run: Run, tmp_path: Path) -> None:
    """The rows are a table whose sums are parts of the figure; JSON holds the same as numbers and dates."""
    said = run("explain", str(book.path), "--rep", "R1", "--kpi", "revenue", cwd=tmp_path)
    assert said.returncode == 0
    assert "= 120.25" in said.stdout
    assert "evidence.sql" in said.stdout
    data = json.loads(run("explain", str(book.path), "--rep", "R1", "--kpi", "revenue", "--json", cwd=tmp_path).stdout)
    assert data["sums"] == {"sale": 2, "earned": 2, "amount": 120.25}
    growth = run("explain", str(book.path), "--rep", "R2", "--kpi", "pipeline_growth", cwd=tmp_path).stdout
    assert "(€120 at the end − €70 at the start) / €70 = 71.4%" in growth
    assert "expected where open_start = 70\n" in growth
    assert [row["closed_on"] for row in data["rows"]] == ["2026-08-03", "2026-08-04"]
    assert (data["value"], data["target"], data["n"]) == (120.25, 39, 2)
