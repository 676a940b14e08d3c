"""Targets, row by row of their definition: what tiles, what scales, whose row counts."""

from __future__ import annotations

import datetime as dt
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from workbooks import workbook

from reviewlib.errors import SourceError, TargetError
from reviewlib.evidence import sources
from reviewlib.evidence.period import PeriodEvidence, compile_evidence
from reviewlib.evidence.roster import roster
from reviewlib.evidence.targets import Target, Targets, targets
from reviewlib.params.kpis import KPIS
from reviewlib.periods import Period

Row = dict[str, Any]
Q3 = Period.parse("2026-Q3")
MONTHS = ("2026-07", "2026-08", "2026-09")
DEALS = [
    {"rep_id": rep, "amount": 100, "account_id": "X", "opened_on": "2026-04-01", "closed_on": day, "expected_amount": 100}
    for rep in ("A", "B")
    for day in ("2026-05-01", "2026-08-01")
]
REPS: list[Row] = [{"rep_id": "A", "team": "North", "started_on": None, "left_on": None}]


def row(
    period: str, value: float | str, *, scope: str = "rep", who: str | None = "A", kpi: str = "revenue", **more: Any
) -> Row:
    return {"scope": scope, "scope_id": who, "kpi": kpi, "period": period, "value": value, **more}


def table(folder: Path, rows: list[Row], reps: list[Row] = REPS, *, period: Period = Q3, **overrides: Any) -> Targets:
    """The targets of a workbook, strict in one period."""
    params = workbook(folder, deals=DEALS, reps=reps, targets=rows, as_of="2026-12-31", **overrides)
    read = sources.read(params)
    periods = sorted({*period.trend(4), *Q3.trend(4), period.next, Q3.next})
    people = roster(read.reps, owners=["A", "B"], periods=periods)
    return targets(params, read.targets, roster=people, strict=period)


def of(known: Targets, kpi: str = "revenue", *, scope: str = "rep", who: str = "A", period: Period = Q3) -> tuple[Any, Any]:
    """Effective and full target."""
    found = known.resolve(KPIS[kpi], scope, who, period)
    return found.value, found.raw


def reason(known: Targets, *, scope: str = "rep", who: str = "A", kpi: str = "revenue") -> str | None:
    found: Target = known.resolve(KPIS[kpi], scope, who, Q3)
    assert found.value is None
    return found.reason


def person(rep: str, *, team: str | None = "North", started: str | None = None, left: str | None = None) -> Row:
    return {"rep_id": rep, "team": team, "started_on": started, "left_on": left}


# Sums -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kpi", ["revenue", "new_customers"])
def test_months_tile_a_quarter(kpi: str, tmp_path: Path) -> None:
    """The target of a quarter is the sum of its months; other months, KPIs and scopes add nothing."""
    rows = [row(month, value, kpi=kpi) for month, value in zip(MONTHS, (10, 20, 30.5), strict=True)]
    more = [row("2026-06", 1000, kpi=kpi), row("2026-10", 1000, kpi=kpi), row("2026-08", 1000, kpi=kpi, scope="all", who=None)]
    assert of(table(tmp_path, [*rows, *more]), kpi) == (Fraction("60.5"), Fraction("60.5"))


def test_quarters_tile_a_half(tmp_path: Path) -> None:
    """The target of a half is the sum of its quarters, or of a quarter and three months."""
    half = Period.parse("2026-H2")
    rows = [row("2026-Q3", 10), row("2026-Q4", 20)]
    assert of(table(tmp_path / "quarters", rows, period=half), period=half)[0] == 30
    rows = [*[row(month, 1) for month in MONTHS], row("2026-Q4", 20)]
    assert of(table(tmp_path / "mixed", rows, period=half), period=half)[0] == 23


def test_quarters_follow_the_fiscal_year(tmp_path: Path) -> None:
    """The quarters of targets are those of the fiscal year of params."""
    fiscal = {"starts": 4}
    params = workbook(tmp_path, deals=DEALS, reps=REPS, targets=[row("2027-Q2", 7)], fiscal_year=fiscal, as_of="2026-12-31")
    period = Period.parse("2027-Q2", params.fiscal)
    read = sources.read(params)
    people = roster(read.reps, owners=["A"], periods=[period])
    found = targets(params, read.targets, roster=people, strict=period)
    assert (period.start, of(found, period=period)[0]) == (dt.date(2026, 7, 1), 7)


@pytest.mark.parametrize(
    ("periods", "lines", "found"),
    [
        (["2026-07", "2026-08", "2026-08", "2026-09"], "lines 3 and 4", "2026-08 and 2026-08"),
        (["2026-Q3", "2026-09"], "lines 2 and 3", "2026-Q3 and 2026-09"),
        (["2026-09", "2026-Q3"], "lines 3 and 2", "2026-Q3 and 2026-09"),
    ],
)
def test_overlap_is_an_error_that_names_the_rows(periods: list[str], lines: str, found: str, tmp_path: Path) -> None:
    """Two rows for one day are refused, with file and lines."""
    known = table(tmp_path, [row(period, 1) for period in periods])
    with pytest.raises(TargetError) as caught:
        of(known)
    assert "revenue of rep A" in caught.value.what
    assert caught.value.where == f"book/targets.csv, {lines}"
    assert caught.value.found == found


def test_gap_is_an_error_that_names_the_month(tmp_path: Path) -> None:
    """A month without a row, in which the rep was there, is refused in the review period."""
    known = table(tmp_path, [row("2026-07", 1), row("2026-09", 1)])
    with pytest.raises(TargetError) as caught:
        of(known)
    assert caught.value.where == "book/targets.csv"
    assert caught.value.found == "nothing for 2026-08"


def test_gap_in_another_period_means_no_target(tmp_path: Path) -> None:
    """A gap in a period that is not under review is no error; there is no target, and the reason names the month."""
    known = table(tmp_path, [row("2026-07", 1), row("2026-09", 1)], period=Period.parse("2026-Q4"))
    assert reason(known) == "targets are missing for 2026-08"


@pytest.mark.parametrize(
    ("reps", "months", "value"),
    [
        ([person("A", started="2026-08-01")], MONTHS[1:], 2),
        ([person("A", left="2026-08-31")], MONTHS[:2], 2),
        ([person("A", started="2026-08-01", left="2026-08-31")], MONTHS[1:2], 1),
    ],
)
def test_month_without_an_active_day_needs_no_row(reps: list[Row], months: tuple[str, ...], value: int, tmp_path: Path) -> None:
    """Nothing is missing in a month in which the rep was not there."""
    assert of(table(tmp_path, [row(month, 1) for month in months], reps))[0] == value


def test_one_active_day_makes_a_gap(tmp_path: Path) -> None:
    """A rep who was there for one day of a month needs a row for it."""
    known = table(tmp_path, [row(month, 1) for month in MONTHS[:2]], [person("A", left="2026-09-01")])
    with pytest.raises(TargetError):
        of(known)


@pytest.mark.parametrize("coarse", ["2026-H2", "FY2026"])
def test_only_coarser_rows_are_no_target(coarse: str, tmp_path: Path) -> None:
    """A target for a half or a year is not cut into quarters; the reason names it."""
    assert reason(table(tmp_path, [row(coarse, 100)])) == f"only a coarser target is set ({coarse})"


def test_ramp_scales_each_row(tmp_path: Path) -> None:
    """Each row's ramp scales the row; an empty one is 1, the full target stays beside it."""
    ramps = (0, 0.25, None)
    rows = [row(month, 100, ramp=ramp) for month, ramp in zip(MONTHS, ramps, strict=True)]
    assert of(table(tmp_path, rows)) == (125, 300)


def test_share_of_active_days_scales_each_row(tmp_path: Path) -> None:
    """First and last day in the company count; a row is scaled by the active days of its own months."""
    rows = [row(month, 310) for month in MONTHS]
    known = table(tmp_path / "started", rows, [person("A", started="2026-08-22")])
    assert of(known) == (100 + 310, 930)
    known = table(tmp_path / "left", rows, [person("A", left="2026-07-01")])
    assert of(known) == (10, 930)


def test_ramp_and_active_days_multiply(tmp_path: Path) -> None:
    """A starter in mid-quarter with half a ramp owes half of the share of days."""
    known = table(tmp_path, [row("2026-Q3", 920, ramp=0.5)], [person("A", started="2026-09-01")])
    assert of(known) == (Fraction(920, 2) * Fraction(30, 92), 920)


def test_thirds_of_a_target_lose_nothing(tmp_path: Path) -> None:
    """Scaled rows are added exactly, not as rounded numbers."""
    rows = [row(month, 100, ramp=0.1) for month in MONTHS]
    assert of(table(tmp_path, rows))[0] == 30


def test_rep_has_no_share_of_a_sum_of_team_or_all(tmp_path: Path) -> None:
    """For sums a rep's target is the rep's own row only."""
    rows = [row("2026-Q3", 100, scope="team", who="North"), row("2026-Q3", 1000, scope="all", who=None)]
    assert reason(table(tmp_path, rows)) == "no target is set"


# Teams ----------------------------------------------------------------------------------------------------------------------

PAIR = [person("A"), person("B"), person("S", team="South")]


def test_team_is_the_sum_of_its_reps(tmp_path: Path) -> None:
    """Without a row of its own a team owes what its active reps owe, effective and full."""
    reps = [*PAIR, person("gone", left="2026-06-30")]
    rows = [row("2026-Q3", 100, ramp=0.5), row("2026-Q3", 40, who="B"), row("2026-Q3", 7, who="S")]
    known = table(tmp_path, rows, reps)
    assert of(known, scope="team", who="North") == (90, 140)
    assert of(known, scope="all", who="all") == (97, 147)


def test_team_row_counts_before_the_sum(tmp_path: Path) -> None:
    """A team's own row counts; the sum of its reps stands beside it."""
    rows = [row("2026-Q3", 100), row("2026-Q3", 40, who="B"), row("2026-Q3", 120, scope="team", who="North")]
    known = table(tmp_path, rows, PAIR)
    assert of(known, scope="team", who="North") == (120, 120)
    assert known.of_reps(KPIS["revenue"], "team", "North", Q3).value == 140


def test_team_has_no_target_where_an_active_rep_lacks_one(tmp_path: Path) -> None:
    """One active rep without a target leaves the team without one, unless it has a row of its own."""
    rows = [row("2026-Q3", 100)]
    known = table(tmp_path / "none", rows, PAIR)
    assert reason(known, scope="team", who="North") == ("1 of 2 active reps has no target, and there is none for the whole")
    known = table(tmp_path / "own", [*rows, row("2026-Q3", 120, scope="team", who="North")], PAIR)
    assert of(known, scope="team", who="North")[0] == 120


def test_rep_who_is_not_there_lacks_nothing(tmp_path: Path) -> None:
    """A rep without an active day in the period owes nothing and makes no team incomplete."""
    reps = [person("A"), person("B", left="2026-06-30"), person("C", started="2026-10-01")]
    assert of(table(tmp_path, [row("2026-Q3", 100)], reps), scope="team", who="North")[0] == 100


def test_team_without_any_target(tmp_path: Path) -> None:
    """Where nobody of a team has a target there is none, which is no error."""
    assert reason(table(tmp_path, [row("2026-Q3", 1, who="S")], PAIR), scope="team", who="North") == "no target is set"


# Stocks ---------------------------------------------------------------------------------------------------------------------


def test_stock_is_the_last_tile(tmp_path: Path) -> None:
    """The target of the open pipeline is the row of the last tile, not the sum, and no share of days."""
    rows = [row(month, value, kpi="pipeline_value") for month, value in zip(MONTHS, (10, 20, 30), strict=True)]
    assert of(table(tmp_path, rows, [person("A", started="2026-09-16")]), "pipeline_value") == (30, 30)


def test_stock_of_a_team_is_the_sum_of_its_reps(tmp_path: Path) -> None:
    """A team's stock is its own row, else the sum of its reps' last tiles; a rep has the rep's own only."""
    rows = [row("2026-Q3", value, who=rep, kpi="pipeline_value") for rep, value in (("A", 10), ("B", 5))]
    assert of(table(tmp_path / "sum", rows, PAIR), "pipeline_value", scope="team", who="North")[0] == 15
    own = row("2026-Q3", 99, scope="team", who="North", kpi="pipeline_value")
    known = table(tmp_path / "own", [own], PAIR)
    assert of(known, "pipeline_value", scope="team", who="North")[0] == 99
    assert reason(known, kpi="pipeline_value") == "no target is set"


# Levels ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scopes", "value"),
    [(("all",), 0.3), (("all", "team"), 0.4), (("all", "team", "rep"), 0.5), (("all", "rep"), 0.5), (("team",), 0.4)],
)
def test_level_takes_the_most_specific_scope(scopes: tuple[str, ...], value: float, tmp_path: Path) -> None:
    """Of rates and sizes the rep's row counts before the team's, the team's before that of all."""
    levels = {"rep": ("A", 0.5), "team": ("North", 0.4), "all": (None, 0.3)}
    rows = [row("2026-Q3", levels[scope][1], scope=scope, who=levels[scope][0], kpi="win_rate") for scope in scopes]
    assert float(of(table(tmp_path, rows), "win_rate")[0] or 0) == value


def test_level_of_a_team_and_of_all(tmp_path: Path) -> None:
    """A team takes its own row, else that of all; all take their own, and no rep's."""
    rows = [row("FY2026", 0.3, scope="all", who=None, kpi="win_rate"), row("FY2026", 0.5, kpi="win_rate")]
    known = table(tmp_path / "all", rows)
    assert [
        float(of(known, "win_rate", scope=scope, who=who)[0] or 0) for scope, who in (("team", "North"), ("all", "all"))
    ] == [0.3, 0.3]
    rows.append(row("2026-H2", 0.4, scope="team", who="North", kpi="win_rate"))
    known = table(tmp_path / "team", rows)
    assert float(of(known, "win_rate", scope="team", who="North")[0] or 0) == 0.4


@pytest.mark.parametrize(
    ("periods", "value"),
    [
        ({"FY2026": 0.1}, 0.1),
        ({"FY2026": 0.1, "2026-H2": 0.2}, 0.2),
        ({"2026-H2": 0.2, "2026-Q3": 0.3, "FY2026": 0.1}, 0.3),
        ({"FY2026": 0.1, "2026-08": 0.9, "2026-Q4": 0.8}, 0.1),
    ],
)
def test_level_takes_the_narrowest_row_that_contains_the_period(
    periods: dict[str, float], value: float, tmp_path: Path
) -> None:
    """A row for the quarter counts before the half's and the year's; a month's or another quarter's does not apply."""
    rows = [row(period, level, kpi="cycle_days") for period, level in periods.items()]
    assert float(of(table(tmp_path, rows), "cycle_days")[0] or 0) == value


def test_level_is_not_scaled(tmp_path: Path) -> None:
    """Neither ramp nor share of active days touch a rate."""
    known = table(tmp_path, [row("2026-Q3", 0.4, kpi="win_rate", ramp=0.5)], [person("A", started="2026-09-01")])
    assert of(known, "win_rate") == (Fraction("0.4"), Fraction("0.4"))


def test_level_of_params_comes_last(tmp_path: Path) -> None:
    """A target of params is for everyone for whom the table has none."""
    rows = [row("2026-Q3", 0.4, kpi="win_rate")]
    known = table(tmp_path, rows, PAIR, kpis={"win_rate": {"target": 0.2}})
    assert [float(of(known, "win_rate", who=rep)[0] or 0) for rep in "AB"] == [0.4, 0.2]


def test_percentages_of_the_growth_may_be_negative(tmp_path: Path) -> None:
    """A level below zero is a target like any other."""
    assert of(table(tmp_path, [row("2026-Q3", "-0.05", kpi="pipeline_growth")]), "pipeline_growth")[0] == Fraction("-0.05")


# In the scorecard -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> PeriodEvidence:
    """A team with a row of its own for Q3 and none for Q4, one without a target for B."""
    reps = [person("A"), person("B", started="2026-08-16"), person("S", team="South"), person("T", team="South")]
    open_deals = [{"rep_id": rep, "stage": "Open", "opened_on": "2026-09-01", "expected_amount": 50,
                   "expected_close_on": "2026-11-01"} for rep in ("A", "B", "S")]  # fmt: skip
    rows = [
        row("2026-Q3", 200, ramp=0.5),
        row("2026-Q3", 184, who="B"),
        row("2026-Q3", 160, scope="team", who="North"),
        row("2026-Q4", 25),
        row("2026-Q4", 75, who="B"),
        row("2026-Q3", 10, who="S"),
    ]
    deals = [{**each, "stage": "Won", "expected_close_on": None} for each in DEALS]
    params = workbook(
        tmp_path_factory.mktemp("targets"),
        deals=[*deals, *open_deals],
        reps=reps,
        targets=rows,
        as_of="2026-10-15",
        crm={"history_from": "2026-01-01"},
    )
    return compile_evidence(params, sources.read(params), Q3)


def cell(evidence: PeriodEvidence, kpi: str, who: str, column: str = "value", *, scope: str = "rep") -> Any:
    rows = evidence.scorecard
    rows = rows[(rows["kpi"] == kpi) & (rows["scope_id"] == who) & (rows["period"] == Q3.name) & (rows["scope"] == scope)]
    return rows[column].item()


def test_attainment_and_raw_attainment(evidence: PeriodEvidence) -> None:
    """Attainment is revenue by the effective target, the raw one by the full target."""
    assert (cell(evidence, "revenue", "A", "target"), cell(evidence, "revenue", "A", "target_raw")) == (100, 200)
    assert (cell(evidence, "attainment", "A"), cell(evidence, "attainment_raw", "A")) == (1, 0.5)
    assert cell(evidence, "revenue", "A", "attainment") == 1
    assert cell(evidence, "revenue", "B", "target") == 184 * 46 / 92
    assert (cell(evidence, "attainment", "B"), cell(evidence, "attainment_raw", "B")) == (pytest.approx(100 / 92), 100 / 184)


def test_team_attainment_is_no_mean_of_percentages(evidence: PeriodEvidence) -> None:
    """A team's attainment is its revenue by its own target; the sum of its reps' effective targets is printed beside it."""
    assert cell(evidence, "revenue", "North", "target", scope="team") == 160
    assert cell(evidence, "attainment", "North", scope="team") == pytest.approx(200 / 160)
    assert cell(evidence, "reps_target", "North", scope="team") == 192


def test_team_with_a_rep_without_a_target_has_no_attainment(evidence: PeriodEvidence) -> None:
    """A team without a row of its own, of which a rep lacks a target, has neither target nor attainment, and says why."""
    assert math.isnan(cell(evidence, "attainment", "South", scope="team"))
    assert "1 of 2 active reps has no target" in cell(evidence, "attainment", "South", "reason", scope="team")
    assert math.isnan(cell(evidence, "reps_target", "South", scope="team"))
    assert cell(evidence, "revenue", "South", "verdict", scope="team") == "not_judged"


def test_coverage_is_by_the_next_period(evidence: PeriodEvidence) -> None:
    """Coverage divides by the next period's effective target, a team's by the sum of its reps' there."""
    assert (cell(evidence, "pipeline_coverage", "A"), cell(evidence, "pipeline_coverage", "B")) == (2, pytest.approx(50 / 75))
    assert cell(evidence, "pipeline_coverage", "North", scope="team") == 1
    assert math.isnan(cell(evidence, "pipeline_coverage", "S"))
    assert cell(evidence, "pipeline_coverage", "S", "reason") == "no target is set"


def test_no_target_is_never_an_error(evidence: PeriodEvidence) -> None:
    """A KPI without a target is not judged against one; there is no attainment, and the figure stands."""
    assert math.isnan(cell(evidence, "new_customers", "A", "target"))
    assert cell(evidence, "new_customers", "A", "verdict") == "not_judged"
    assert not math.isnan(cell(evidence, "new_customers", "A"))


def test_targets_of_nobody_are_refused(tmp_path: Path) -> None:
    """A target of a rep or a team that does not exist stops the run and is named with its line."""
    rows = [row("2026-Q3", 1), row("2026-Q3", 1, who="Z"), row("2026-Q3", 1, scope="team", who="Nord")]
    params = workbook(tmp_path, deals=DEALS, reps=REPS, targets=rows, as_of="2026-10-15")
    with pytest.raises(SourceError) as caught:
        compile_evidence(params, sources.read(params), Q3)
    assert caught.value.found == "targets line 3: scope_id 'Z'; targets line 4: scope_id 'Nord'"
