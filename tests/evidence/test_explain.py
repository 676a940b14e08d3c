"""A figure explained: the rows that its query counts add up to it, for one rep and nobody else, from the frozen files."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from workbooks import workbook

from reviewlib.errors import ReviewError, SnapshotError
from reviewlib.evidence import explain as explaining
from reviewlib.evidence.explain import Explanation, explain
from reviewlib.evidence.snapshot import Snapshot
from reviewlib.params.model import Params
from reviewlib.periods import Period
from reviewlib.review import open_review, open_team_review
from reviewlib.run import freezing

#: An id that would be something else in a query.
ODD = "O'Brien\"; DROP VIEW deals; --"
DEALS = [
    {"rep_id": rep, "deal_id": f"{rep}{place}", "account_id": account, "expected_amount": 50, **deal}
    for rep in (ODD, "B")
    for place, (account, deal) in enumerate(
        [
            ("X", {"stage": "Won", "amount": 90.25, "opened_on": "2025-01-05", "closed_on": "2025-04-01"}),
            ("X", {"stage": "Won", "amount": 210.5, "opened_on": "2026-05-05", "closed_on": "2026-08-01"}),
            ("Y", {"stage": "Won", "amount": -20, "opened_on": "2026-05-05", "closed_on": "2026-08-02"}),
            ("Y", {"stage": "Lost", "amount": 0, "opened_on": "2026-05-05", "closed_on": "2026-08-03"}),
            (None, {"stage": "Open", "amount": None, "opened_on": "2026-05-05", "closed_on": None}),
        ]
    )
]
REPS = [{"rep_id": rep, "rep_name": f"Name {place}", "team": "North"} for place, rep in enumerate((ODD, "B"))]
TARGETS = [
    {"scope": "rep", "scope_id": rep, "kpi": "revenue", "period": f"{year}-{month:02}", "value": 100, "ramp": 0.5}
    for rep in (ODD, "B")
    for year in (2026, 2027, 2028)
    for month in range(1, 13)
]
MEASURES = [{"rep_id": rep, "kpi": "calls", "period": "2027-H1", "value": 4, "n": 2} for rep in (ODD, "B")]
OWN = {
    "label": "Own", "definition": "Own", "unit": "money", "better": "higher", "n_label": "deals",
    "value": "sum(amount) filter (where earned)", "n": "count(*) filter (where sale)",
}  # fmt: skip
CALLS = {"label": "Calls", "definition": "Calls", "unit": "count", "better": "higher", "combine": "last"}


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Params:
    folder = tmp_path_factory.mktemp("a, b [c] 'd'")
    tables = {"deals": DEALS, "reps": REPS, "targets": TARGETS, "measures": MEASURES}
    rules = {"kpis": {"calls": CALLS, "own_revenue": OWN}, "crm": {"history_from": "2024-01-01"}, "fiscal_year": {"starts": 4}}
    return workbook(folder, **tables, **rules, as_of="2027-10-15")


@pytest.fixture(scope="module")
def frozen(book: Params) -> Snapshot:
    return freezing.freeze(book, [Period.parse("FY2027", book.fiscal)])[0]


@pytest.fixture
def explained(book: Params, frozen: Snapshot) -> Any:
    def explained(key: str, rep: str = ODD) -> Explanation:
        return explain(book, frozen.hash, key, scope="rep", scope_id=rep, period=frozen.period)

    return explained


@pytest.mark.parametrize(
    ("key", "column", "part"),
    [
        ("revenue", "amount", "numerator"),
        ("win_rate", "won", "numerator"),
        ("win_rate", "closed", "denominator"),
        ("pipeline_value", "expected", "value"),
        ("retention_rate", "base", "denominator"),
        ("attainment", "amount", "numerator"),
        ("cycle_days", "won", "n"),
        ("cycle_q3", "won", "n"),
        ("deal_size_median", "sale", "n"),
        ("calls", "value", "value"),
        ("won_deals", "won", "value"),
        ("own_revenue", "amount", "value"),
    ],
)
def test_rows_add_up_to_the_figure(explained: Any, key: str, column: str, part: str) -> None:
    """The column that a query reads, summed over the rows, is the part of the figure that it makes."""
    found = explained(key)
    assert float(found.rows[column].sum()) == found.measured[part]
    assert len(found.rows)


def test_a_middle_lists_what_it_is_the_middle_of(explained: Any) -> None:
    """Also where another figure collects the same observations."""
    for key, column in (("cycle_days", "days"), ("cycle_q1", "days"), ("deal_size_median", "amount")):
        found = explained(key)
        assert f'"{column}"' in found.query
        assert column in found.rows


def test_what_came_back_from_a_database_is_asked_alike(frozen: Snapshot) -> None:
    """The queries over the period's own deals have names of their own there, those of KPIs in SQL as well."""
    views = explaining._views(frozen.folder)
    there = {f"period_{name}" if name.endswith(("_measures", "_parts")) else name: text for name, text in views.items()}
    for key in ("own_revenue", "revenue", "retention_rate"):
        assert explaining._query(key, there) == explaining._query(key, views) != ""


@pytest.mark.parametrize("key", ["win_rate", "retention_rate", "cycle_days"])
def test_evidence_of_before_there_were_parts_is_asked_alike(frozen: Snapshot, key: str) -> None:
    """Where KPIs were measured in one query over the facts, that query is the one of today."""
    views = explaining._views(frozen.folder)
    measured = {f"{grain}_measures": f"{explaining._query(key, views)};" for grain in ("deal", "account")}
    before = {name: text for name, text in views.items() if not name.endswith(("_parts", "_measures"))} | measured
    assert explaining._query(key, before) == explaining._query(key, views) != ""


def test_rows_are_one_reps_alone(explained: Any) -> None:
    """An id of any characters is looked up as it is, and no other rep's deal is among the rows."""
    rows = explained("revenue").rows
    assert rows["deal_id"].tolist() == [f"{ODD}{place}" for place in (1, 2)]
    assert {"source_file", "source_line", "earned"} <= {*rows.columns}
    assert explained("revenue", "B").rows["deal_id"].tolist() == ["B1", "B2"]


def test_target_has_its_rows(explained: Any) -> None:
    """A target of the result is twelve rows, ramped; coverage stands on those of the year after."""
    rows = explained("attainment").targets
    assert rows[["value", "ramp"]].drop_duplicates().to_numpy().tolist() == [[100, 0.5]]
    assert (rows["row_period"].iloc[0], len(rows)) == ("2026-04", 12)
    assert explained("pipeline_coverage").targets["row_period"].max() == "2028-03"


def test_split_has_its_parts(explained: Any) -> None:
    """The split of change shows all its parts, which add up to the change of revenue."""
    rows = explained("change_won_deals").rows
    assert set(rows["kpi"]) == {"change_won_deals", "change_deal_size", "change_refunds", "change_unsplit"}


def test_sum_of_targets_has_its_targets(book: Params, frozen: Snapshot) -> None:
    """Of a team, the rows are its reps' targets; a rep has no such figure, and no figure of a period outside the trend."""
    for scope_id, period in (("North", frozen.period), (ODD, frozen.period), ("North", Period.parse("FY2011", book.fiscal))):
        scope = "team" if scope_id == "North" else "rep"
        asked = {"scope": scope, "scope_id": scope_id, "period": period}
        if scope_id == "North" and period == frozen.period:
            found = explain(book, frozen.hash, "reps_target", **asked)
            terms = found.rows["value"] * found.rows["ramp"] * found.rows["active_days"] / found.rows["days"]
            assert terms.sum() == found.measured["value"] == 1200
        else:
            with pytest.raises(SnapshotError, match=f"reps_target of {scope} .* in {period}") as caught:
                explain(book, frozen.hash, "reps_target", **asked)
            assert caught.value.do


def test_what_a_kpi_was_before_has_the_rows_of_that_time(tmp_path: Path) -> None:
    """A cohort that is too young is told beside the one before it, which has rows of its own, where there is one."""
    days = {"2026-Q1": ("2026-01-05", "2026-02-20"), "2026-Q2": ("2026-05-05", "2026-06-20"), "2026-Q3": ("2026-09-20", None)}
    deals = [
        {"deal_id": f"{name}{stage}", "rep_id": "R1", "account_id": "X", "amount": 10, "opened_on": opened, "closed_on": closed,
         "stage": stage if closed else "Open"}
        for name, (opened, closed) in days.items()
        for stage in ("Won", "Lost")
    ]  # fmt: skip
    deals += [
        {**row, "deal_id": f"new{row['deal_id']}", "rep_id": "R2"} for row in deals if row["deal_id"].startswith("2026-Q3")
    ]
    book = workbook(tmp_path, deals=deals, as_of="2026-10-01", crm={"history_from": "2025-01-01"})
    (kept,) = freezing.freeze(book, [Period.parse("2026-Q3")])
    found = explain(book, kept.hash, "last_cohort", scope="rep", scope_id="R1", period=kept.period)
    assert found.rows["deal_id"].tolist() == ["2026-Q2Lost", "2026-Q2Won"]
    assert (found.measured["value"], found.measured["n"]) == (0.5, 2)
    young = explain(book, kept.hash, "last_cohort", scope="rep", scope_id="R2", period=kept.period)
    assert pd.isna(young.measured["value"])
    assert young.rows["deal_id"].tolist() == ["new2026-Q3Lost", "new2026-Q3Won"]


def test_what_cannot_be_explained_is_told(book: Params, frozen: Snapshot, explained: Any) -> None:
    """A figure that is not there is told with the nearest; evidence of an older version with what to do."""
    with pytest.raises(SnapshotError, match="no such figure") as caught:
        explained("winrate")
    assert "win_rate" in str(caught.value.do)
    older = frozen.folder.with_name("0" * 12)
    shutil.copytree(frozen.folder, older)
    (older / "evidence.sql").unlink()
    with pytest.raises(SnapshotError, match="cannot explain itself"):
        explain(book, older.name, "revenue", scope="rep", scope_id=ODD, period=frozen.period)


@pytest.mark.parametrize("name", ["evidence.sql", "deals.parquet", "target_terms.parquet"])
def test_changed_evidence_explains_nothing(book: Params, frozen: Snapshot, name: str) -> None:
    """No file is read, nor run, that is not the one that was frozen."""
    changed = frozen.folder.with_name(name.partition(".")[0][:12])
    shutil.copytree(frozen.folder, changed)
    path = changed / name
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(SnapshotError, match="damaged"):
        explain(book, changed.name, "revenue", scope="rep", scope_id=ODD, period=frozen.period)


def test_notebook_lists_the_rows(book: Params, frozen: Snapshot) -> None:
    """A manager's review explains any period of the trend, a team's has the deals of all its reps, by rep."""
    review = open_review(book.path, rep=ODD, period=frozen.period.name)
    assert review.explain("revenue")["amount"].sum() == 190.5
    assert review.explain("revenue", "FY2026")["amount"].sum() == 90.25
    team = open_team_review(book.path, team="North", period=frozen.period.name).explain("revenue")
    assert set(team["rep_id"]) == {ODD, "B"}


def test_reps_copy_lists_what_its_slice_holds(book: Params, frozen: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rep's copy explains from its own rows, without the snapshot, and says what it cannot."""
    review = open_review(book.path, rep=ODD, period=frozen.period.name, audience="rep")
    monkeypatch.setattr("reviewlib.evidence.explain.explain", None)
    assert review.explain("revenue")["amount"].sum() == 190.5
    assert review.explain("lost_deals")["lost"].sum() == 1
    assert isinstance(review.explain("retention_rate"), pd.DataFrame)
    for key, period in (("attainment", None), ("revenue", "FY2026"), ("nonsense", None)):
        with pytest.raises(ReviewError, match="cannot explain"):
            review.explain(key, period)
