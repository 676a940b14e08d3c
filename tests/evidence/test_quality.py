"""What is odd about the data."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from workbooks import changed, workbook

from reviewlib.evidence import quality, sources
from reviewlib.evidence.period import compile_evidence
from reviewlib.params.model import Params
from reviewlib.periods import Period

Q2 = Period.parse("2026-Q2")
ANY = {"quarantine": {"rows": 1, "amount": 1}}


def _deal(**cells: Any) -> dict[str, Any]:
    return {
        "rep_id": "R1",
        "stage": "Won",
        "account_id": "Acme",
        "amount": "100",
        "opened_on": "2026-01-05",
        "closed_on": "2026-03-31",
        "expected_close_on": None,
        **cells,
    }


REPS = [{"rep_id": "R1", "rep_name": "Ann Bell", "team": "North"}]


def _report(params: Params) -> quality.Report:
    return quality.report(params, sources.read(params))


def _finding(report: quality.Report, key: str) -> quality.DataFinding:
    return next(finding for finding in report.findings if finding.key == key)


def test_clean_data_has_no_findings(tmp_path: Path) -> None:
    """Nothing is said of data that has nothing odd about it."""
    deals = [_deal(), _deal(amount="101"), _deal(stage="Open", closed_on=None, amount=None, expected_close_on="2026-05-01")]
    report = _report(workbook(tmp_path, deals=deals, reps=REPS))
    assert report.findings == ()
    assert report.quarantine == report.exclusions == report.unassigned == report.notes == ()
    assert (report.first_day, report.as_of, report.as_of_declared) == (dt.date(2026, 1, 5), dt.date(2026, 3, 31), False)


@pytest.mark.parametrize(
    ("odd", "key", "level", "amount"),
    [
        (_deal(amount=None), "won_without_amount", "act", 0),
        (_deal(amount="100.00"), "possible_duplicates", "act", 100),
        (_deal(opened_on="2026-04-01", closed_on="2026-03-30"), "closed_before_opened", "look", 100),
        (_deal(stage="Open", opened_on=None, expected_close_on="2026-05-01"), "open_without_opened", "look", 100),
        (_deal(stage="Open"), "open_without_expected_close", "look", 100),
        (_deal(amount="-5"), "refunds", "know", -5),
    ],
)
def test_odd_deals(tmp_path: Path, odd: dict[str, Any], key: str, level: str, amount: int) -> None:
    """Each kind of odd deal is found once, with its line and amount, and nothing else is."""
    report = _report(workbook(tmp_path, deals=[_deal(), _deal(amount="101"), odd], reps=REPS))
    assert [finding.key for finding in report.findings] == [key]
    finding = report.findings[0]
    assert (finding.level, finding.count, finding.amount) == (level, 1, amount)
    assert finding.examples == ("line 4: D3",)
    assert finding.what.startswith("1 ")
    assert finding.do


def test_unmapped_columns_are_not_odd(tmp_path: Path) -> None:
    """A column that is not mapped is not reported as missing on every deal."""
    rows = [{"rep_id": "R1", "closed_on": "2026-01-01"}, {"rep_id": "R1", "stage": "Open"}]
    assert _report(workbook(tmp_path, deals=rows, reps=REPS)).findings == ()


def test_quarantine_is_grouped(tmp_path: Path) -> None:
    """Rows set aside are counted by reason, the most frequent first, with lines."""
    rows = [_deal(amount=str(place)) for place in range(1, 4)]
    bad = [_deal(closed_on=None, amount="7"), _deal(closed_on=None, amount="8"), _deal(amount="x")]
    report = _report(workbook(tmp_path, deals=[*rows, *bad], reps=REPS, crm=ANY))
    first, second = report.quarantine
    assert (first.reason, first.rows, first.amount) == ("a closed deal without a close date", 2, Decimal(15))
    assert first.examples == ("line 5: closed_on nothing", "line 6: closed_on nothing")
    assert (second.reason, second.rows, second.amount) == ("not a number", 1, None)
    assert second.examples == ("line 7: amount x",)
    assert report.findings[0].what == "2 rows of deals.csv set aside: a closed deal without a close date."
    assert report.reconciliation[0].quarantined == 3


@pytest.mark.parametrize(("amount", "rows", "advice"), [("100.0", 1, "Nothing is lost"), ("9", 2, "none of these counts")])
def test_repeated_ids(tmp_path: Path, amount: str, rows: int, advice: str) -> None:
    """The advice tells a repeated row, which costs nothing, from rows that contradict each other and all count as lost."""
    deals = [_deal(deal_id="7"), _deal(deal_id="7", amount=amount), _deal(deal_id="8", amount="3")]
    finding = _finding(_report(workbook(tmp_path, deals=deals, reps=REPS, crm=ANY)), "quarantine")
    assert (finding.level, finding.count) == ("act", rows)
    assert advice in finding.do


def test_unassigned_owners(tmp_path: Path) -> None:
    """Owners who are not in the reps table are listed with deals and won amount, the largest first."""
    rows = [_deal(), _deal(rep_id="Gone", amount="5"), _deal(rep_id="Gone", stage="Lost", amount="9"), _deal(rep_id=None)]
    report = _report(workbook(tmp_path, deals=rows, reps=REPS))
    assert [(item.owner, item.deals, item.revenue) for item in report.unassigned] == [("(no owner)", 1, 100), ("Gone", 2, 5)]
    finding = _finding(report, "unassigned")
    assert (finding.count, finding.amount) == (3, 105)
    assert report.findings[0] is finding


def test_lone_as_of(tmp_path: Path) -> None:
    """A single row far behind all others is reported where it decides the as-of date, and only there."""
    params = workbook(tmp_path, deals=[_deal(), _deal(amount="1", closed_on="2027-03-31")], reps=REPS)
    finding = _finding(_report(params), "as_of")
    assert "2027-03-31 comes from a single row, 365 days after" in finding.what
    assert finding.examples == ("line 3: D2",)
    assert _report(changed(params, as_of="2027-04-01")).findings == ()
    near = [_deal(), _deal(amount="1", closed_on="2026-05-30")]
    assert _report(workbook(tmp_path, deals=near, reps=REPS)).findings == ()


def test_implausible_date(tmp_path: Path) -> None:
    """A date far beyond all others is a finding to act on, and the as-of date stays; no limit of rows counts it."""
    deals = [*[_deal(amount=str(place)) for place in range(1, 8)], _deal(closed_on="2062-09-12")]
    report = _report(workbook(tmp_path, deals=deals, reps=REPS))
    finding = _finding(report, "quarantine")
    assert (finding.level, finding.count, finding.examples) == ("act", 1, ("line 9: closed_on 2062-09-12",))
    assert "declare as_of" in finding.do
    assert report.as_of == dt.date(2026, 3, 31)


def test_check_says_what_figures_take(tmp_path: Path) -> None:
    """Of what the export does not carry each KPI is named with what it takes, and so is an outcome that a period lacks."""
    deals = [
        _deal(),
        _deal(closed_on="2026-06-30", amount="5"),
        _deal(stage="Lost", amount=None),
        _deal(stage="Lost", closed_on="2026-07-05", amount=None),
    ]
    found = compile_evidence(params := workbook(tmp_path, deals=deals, reps=REPS), sources.read(params), Q2)
    findings = {finding.what: finding for finding in quality.of_figures(found)}
    labels = "Cohort conversion, Open pipeline, Pipeline growth and Pipeline coverage"
    assert (
        findings[f"{labels}: n/a in 2026-Q2, since the export has no open deal."].do
        == "Export the open deals as well, and list their stages under crm.deals.stages.open."
    )
    assert findings["2026-Q2 has no lost deal, though there is 1 from before."].level == "act"
    history = next(finding for what, finding in findings.items() if what.startswith("Customers acquired"))
    assert "crm.history_from" in history.do
    assert not any("Win rate" in what for what in findings)
    report = quality.report(params, found.tables, of_figures=findings.values())
    assert report.findings[0].key == "outcome_absent"


def test_accounts_alike(tmp_path: Path) -> None:
    """Spellings that differ in case, spacing or punctuation are one finding; other names are none."""
    names = ["Acme Corp", "ACME corp.", "Acme-Corp", "Acme Corporation", "Größe", "GRÖSSE", "&"]
    report = _report(workbook(tmp_path, deals=[_deal(account_id=name) for name in names], reps=REPS))
    finding = _finding(report, "accounts_alike")
    assert finding.count == 2
    assert finding.examples == ("Acme Corp (1) = ACME corp. (1) = Acme-Corp (1)", "Größe (1) = GRÖSSE (1)")


def test_reps_without_deals_or_team(tmp_path: Path) -> None:
    """Reps without deals and reps without a team are named."""
    reps = [*REPS, {"rep_id": "R2", "rep_name": "Bo", "team": None}, {"rep_id": "R3", "rep_name": "Cy", "team": "North"}]
    report = _report(workbook(tmp_path, deals=[_deal()], reps=reps))
    assert _finding(report, "reps_without_deals").examples == ("Bo (R2)", "Cy (R3)")
    assert _finding(report, "reps_without_team").examples == ("Bo (R2)",)


def test_products_without_price(tmp_path: Path) -> None:
    """Deals whose product has no list price are reported by product."""
    rows = [_deal(product="Nut"), _deal(product="Gear", amount="1")]
    report = _report(workbook(tmp_path, deals=rows, reps=REPS, products=[{"product": "Nut", "list_price": "5"}]))
    assert _finding(report, "products_without_price").examples == ("line 3: Gear",)


def test_coverage(tmp_path: Path) -> None:
    """Coverage counts the rows that should carry a value: amounts of won deals, close dates of closed ones."""
    rows = [
        _deal(),
        _deal(amount=None, account_id=None),
        _deal(stage="Lost", amount=None, rep_id=None),
        _deal(stage="Open", amount=None, closed_on=None),
    ]
    coverage = {item.column: item for item in _report(workbook(tmp_path, deals=rows, reps=REPS)).coverage}
    assert {name: (item.filled, item.of) for name, item in coverage.items()} == {
        "deal_id": (4, 4),
        "rep_id": (3, 4),
        "account_id": (3, 4),
        "amount": (1, 2),
        "opened_on": (4, 4),
        "closed_on": (3, 3),
        "stage": (4, 4),
        "expected_close_on": (0, 1),
    }
    assert coverage["amount"].share == 0.5
    assert coverage["amount"].rows == "won deals"


def test_worst_first(tmp_path: Path) -> None:
    """Findings to act on stand before those to look at, and these before those to know."""
    rows = [_deal(amount="-5"), _deal(stage="Open"), _deal(amount=None), _deal(amount="x")]
    report = _report(workbook(tmp_path, deals=rows, reps=REPS, crm=ANY))
    assert [finding.level for finding in report.findings] == ["act", "act", "look", "know"]
