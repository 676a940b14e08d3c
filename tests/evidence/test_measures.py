"""Measures from other tools: how months and reps combine."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from workbooks import workbook

from reviewlib.errors import SourceError
from reviewlib.evidence import availability, measures, sources
from reviewlib.evidence.period import PeriodEvidence, compile_evidence
from reviewlib.evidence.roster import roster
from reviewlib.periods import Period

Row = dict[str, Any]
Q3 = Period.parse("2026-Q3")
MONTHS = ("2026-07", "2026-08", "2026-09")
DEALS = [{"rep_id": "A", "amount": 1, "account_id": "X", "opened_on": "2026-04-01", "closed_on": "2026-08-01"}]
DESCRIBED = {"label": "Calls", "definition": "Calls made", "unit": "count", "better": "higher"}


def person(rep: str, *, team: str | None = "North", started: str | None = None, left: str | None = None) -> Row:
    return {"rep_id": rep, "team": team, "started_on": started, "left_on": left}


def row(period: str, value: float, *, rep: str = "A", n: float | None = None, kpi: str = "calls") -> Row:
    return {"rep_id": rep, "kpi": kpi, "period": period, "value": value, "n": n}


def months(*values: float, rep: str = "A") -> list[Row]:
    return [row(month, value, rep=rep) for month, value in zip(MONTHS, values, strict=True)]


def evaluated(
    folder: Path, rows: list[Row], *, combine: str, reps: list[Row] | None = None
) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Value, n and reason of the measure in Q3 by scope and scope id."""
    described = {"calls": {**DESCRIBED, "combine": combine}}
    params = workbook(folder, deals=DEALS, reps=reps or [person("A")], measures=rows, kpis=described, as_of="2026-10-15")
    read = sources.read(params)
    people = roster(read.reps, owners=["A"], periods=[Q3.previous, Q3, Q3.next])
    frame = measures.evaluate(params, read.measures, kpis=availability.of_workbook(params, frozenset()), roster=people)
    own = frame[(frame["period"] == Q3.name) & (frame["kpi"] == "calls")]
    return {
        (each["scope"], each["scope_id"]): (
            None if math.isnan(each["numerator"]) else each["numerator"],
            each["n"],
            each["reason"] if isinstance(each["reason"], str) else None,
        )
        for each in own.to_dict("records")
    }


def test_sum_adds_the_months(tmp_path: Path) -> None:
    """A sum adds the rows inside the period and their n; without n, the rows are counted."""
    outside = [row("2026-06", 1000), row("2026-10", 1000)]
    assert evaluated(tmp_path / "rows", [*months(1, 2, 4), *outside], combine="sum")["rep", "A"] == (7, 3, None)
    counted = [row(month, 2, n=n) for month, n in zip(MONTHS, (10, 20, 30), strict=True)]
    assert evaluated(tmp_path / "n", counted, combine="sum")["rep", "A"] == (6, 60, None)


def test_sum_takes_a_quarter_as_it_is(tmp_path: Path) -> None:
    """A row for the whole period is the sum; one for a longer period is none."""
    assert evaluated(tmp_path / "quarter", [row("2026-Q3", 9)], combine="sum")["rep", "A"] == (9, 1, None)
    assert evaluated(tmp_path / "half", [row("2026-H2", 9)], combine="sum")["rep", "A"] == (None, 0, "no figure for 2026-Q3")


def test_sum_with_a_gap_is_unknown(tmp_path: Path) -> None:
    """A missing month is not zero: the sum is missing and says how many months there are."""
    found = evaluated(tmp_path, months(1, 2, 4)[:2], combine="sum")
    assert found["rep", "A"] == (None, 0, "figures for 2 of 3 months only")


def test_sum_needs_no_month_without_an_active_day(tmp_path: Path) -> None:
    """Months in which the rep was not there may be missing."""
    reps = [person("A", started="2026-08-01", left="2026-08-31")]
    assert evaluated(tmp_path, [row("2026-08", 2)], combine="sum", reps=reps)["rep", "A"] == (2, 1, None)


def test_mean_is_weighted_by_n(tmp_path: Path) -> None:
    """A mean weighs each month by its n, a missing n as one; a gap leaves the rest as it is."""
    rows = [row("2026-07", 5, n=1), row("2026-08", 3, n=3)]
    assert evaluated(tmp_path / "n", rows, combine="mean")["rep", "A"] == (3.5, 4, None)
    assert evaluated(tmp_path / "plain", months(1, 2, 6), combine="mean")["rep", "A"] == (3, 3, None)


def test_mean_of_no_observation_is_unknown(tmp_path: Path) -> None:
    """Where n adds up to nothing there is no mean, never a division by zero."""
    found = evaluated(tmp_path, [row(month, 5, n=0) for month in MONTHS], combine="mean")
    assert found["rep", "A"] == (None, 0, "no observation behind the figures")


def test_last_takes_the_latest_row(tmp_path: Path) -> None:
    """The last figure of the period counts, whatever the order of rows."""
    rows = [row("2026-09", 4, n=7), row("2026-07", 1), row("2026-08", 2), row("2026-10", 9)]
    assert evaluated(tmp_path / "all", rows, combine="last")["rep", "A"] == (4, 7, None)
    assert evaluated(tmp_path / "early", rows[1:3], combine="last")["rep", "A"] == (2, 1, None)


TEAM = [person("A"), person("B"), person("S", team="South"), person("gone", left="2026-06-30")]


def test_team_adds_sums(tmp_path: Path) -> None:
    """A team's sum adds its reps'; other teams do not count, the whole has all."""
    rows = [*months(1, 2, 4), *months(10, 20, 40, rep="B"), *months(100, 200, 400, rep="S")]
    found = evaluated(tmp_path, rows, combine="sum", reps=TEAM)
    assert [found[scope][0] for scope in (("team", "North"), ("team", "South"), ("all", "all"))] == [77, 700, 777]


def test_team_weighs_means(tmp_path: Path) -> None:
    """A team's mean weighs its reps by their observations; it is no mean of means."""
    rows = [row("2026-Q3", 5, n=1), row("2026-Q3", 3, rep="B", n=9)]
    assert evaluated(tmp_path, rows, combine="mean", reps=TEAM)["team", "North"] == (pytest.approx(3.2), 10, None)


def test_team_has_no_last_figure(tmp_path: Path) -> None:
    """The last figures of several reps do not combine."""
    found = evaluated(tmp_path, [row("2026-09", 5), row("2026-09", 3, rep="B")], combine="last", reps=TEAM)
    assert found["team", "North"] == (None, 0, "the last figures of several reps do not combine")


def test_team_without_figures(tmp_path: Path) -> None:
    """A team of which nobody has a figure has none."""
    assert evaluated(tmp_path, months(1, 2, 4), combine="sum", reps=TEAM)["team", "South"][0] is None


def test_overlap_is_refused_with_its_lines(tmp_path: Path) -> None:
    """Two rows for one day would count twice: the message names both lines."""
    with pytest.raises(SourceError) as caught:
        evaluated(tmp_path, [row("2026-Q3", 9), row("2026-08", 3)], combine="sum")
    assert "lines 2 and 3" in str(caught.value)
    assert caught.value.found == "2026-Q3 and 2026-08"


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> PeriodEvidence:
    """A measure with targets in the table, beside a rep who has no deals at all."""
    targets = [{"scope": "rep", "scope_id": "A", "kpi": "calls", "period": month, "value": 2, "ramp": None} for month in MONTHS]
    params = workbook(
        tmp_path_factory.mktemp("measures"),
        deals=DEALS,
        reps=[person("A"), person("B")],
        measures=[*months(1, 2, 2), *months(3, 3, 3, rep="B"), row("2026-Q2", 8)],
        targets=targets,
        kpis={"calls": {**DESCRIBED, "combine": "sum"}},
        as_of="2026-10-15",
    )
    return compile_evidence(params, sources.read(params), Q3)


def test_measure_has_what_any_kpi_has(evidence: PeriodEvidence) -> None:
    """A measure has target, result and history like any KPI, also for who owns no deal; one period before tells no more."""
    rows = evidence.scorecard
    rows = rows[(rows["kpi"] == "calls") & (rows["period"] == Q3.name) & (rows["scope"] == "rep")].set_index("scope_id")
    assert [rows[name]["A"] for name in ("value", "target", "attainment", "previous", "change")] == [
        5,
        6,
        pytest.approx(5 / 6),
        8,
        -3,
    ]
    assert (rows.loc["A", "result"], rows.loc["A", "verdict"]) == ("missed", "too_few")
    assert rows.loc["A", "reason"] == "too few periods before it to know how much it varies"
    assert (rows.loc["B", "value"], rows.loc["B", "verdict"]) == (9, "not_judged")
    assert pd.isna(rows.loc["B", "result"])


@pytest.mark.parametrize(
    ("now", "verdict"), [(96, "no_signal"), (92, "no_signal"), (91, "watch"), (88, "watch"), (82, "gap"), (120, "strength")]
)
def test_measure_is_judged_by_its_own_past(tmp_path: Path, now: float, verdict: str) -> None:
    """What other tools count is held against what the same reps' counts varied by from quarter to quarter."""
    trend = Q3.trend(8)
    reps = ["A", "B"]
    past = [95, 105, 95, 105, 95, 105, 100]
    rows = [row(period.name, value, rep=rep) for rep in reps for period, value in zip(trend, [*past, now], strict=True)]
    targets = [
        {"scope": "rep", "scope_id": rep, "kpi": "calls", "period": period.name, "value": 100, "ramp": None}
        for rep in reps
        for period in trend
    ]
    kpis = {"calls": {**DESCRIBED, "combine": "sum"}}
    people = [person(rep) for rep in reps]
    params = workbook(tmp_path, deals=DEALS, reps=people, measures=rows, targets=targets, kpis=kpis, as_of="2026-10-15")
    frame = compile_evidence(params, sources.read(params), Q3).scorecard
    found = frame[(frame["kpi"] == "calls") & (frame["period"] == Q3.name) & (frame["scope_id"] == "A")].iloc[0]
    # Six of the seven periods before lie 5 % off: over two reps 300 in 12 degrees of freedom.
    assert (found["spread"], found["df"]) == (pytest.approx(2 * 6 * 0.05**2 / 12), 12)
    assert (found["phi"], found["phi_from"]) == (1, "past")
    assert found["verdict"] == verdict


def test_only_two_measures_are_judged(tmp_path: Path) -> None:
    """Of a workbook's own measures the first two of params are judged; the third says so."""
    kpis = {key: {**DESCRIBED, "label": key, "combine": "sum"} for key in ("zeta", "alpha", "mail")}
    rows = [row(Q3.name, 5, kpi=key) for key in kpis]
    params = workbook(tmp_path, deals=DEALS, reps=[person("A")], measures=rows, kpis=kpis, as_of="2026-10-15")
    frame = compile_evidence(params, sources.read(params), Q3).scorecard
    own = frame[(frame["scope_id"] == "A") & (frame["period"] == Q3.name)].set_index("kpi")
    assert own.loc[[*kpis], "model"].isna().tolist() == [False, False, True]
    assert own.loc["mail", "reason"] == "of your own measures, the first 2 are judged"


def test_measure_for_an_unknown_rep_or_kpi_is_refused(tmp_path: Path) -> None:
    """A row for a rep or a measure that does not exist stops the run and is named with its line."""
    described = {"calls": {**DESCRIBED, "combine": "sum"}}
    rows = [row("2026-07", 1), row("2026-07", 1, rep="Z"), row("2026-07", 1, kpi="cals")]
    params = workbook(tmp_path, deals=DEALS, reps=[person("A")], measures=rows, kpis=described, as_of="2026-10-15")
    with pytest.raises(SourceError) as caught:
        compile_evidence(params, sources.read(params), Q3)
    assert caught.value.found == "measures line 4: kpi 'cals'; measures line 3: rep_id 'Z'"
