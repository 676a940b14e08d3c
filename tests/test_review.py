"""Tests of reviewlib.review: opening a review, and looking figures up."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from workbooks import workbook

from reviewlib.errors import PeriodError, ReviewError, SnapshotError, SubjectError
from reviewlib.evidence import snapshot, sources
from reviewlib.evidence.period import compile_evidence
from reviewlib.evidence.slicefile import find_slice, read_slice
from reviewlib.params.model import Params
from reviewlib.periods import Period
from reviewlib.review import from_slice, open_review, open_team_review
from reviewlib.run import freezing

PERIOD = Period.parse("2026-Q3")
Slices = Mapping[tuple[str, str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Params:
    """A frozen workbook of two reps in one team."""
    deals = [
        {"rep_id": rep, "account_id": rep, "amount": amount, "opened_on": "2026-05-01", "closed_on": closed}
        for rep, amount in (("A", 60), ("B", 40.5))
        for closed in ("2026-05-20", "2026-08-01")
    ]
    reps = [{"rep_id": rep, "rep_name": f"Name {rep}", "team": "T", "started_on": "2020-02-01"} for rep in "AB"]
    params = workbook(
        tmp_path_factory.mktemp("book"), deals=deals, reps=reps, as_of="2026-10-15", crm={"history_from": "2026-01-01"}
    )
    freezing.freeze(params, [PERIOD])
    return params


def test_open_review(book: Params) -> None:
    """A review holds its subject, period and frames, and the scorecard is this period's part of the history."""
    review = open_review(book.path, rep="B", period="2026-Q3", audience="rep")
    assert (review.kind, review.audience, review.subject.name, review.period) == ("rep", "rep", "Name B", PERIOD)
    assert review.subject.started_on == dt.date(2020, 2, 1)
    assert review.trend == PERIOD.trend(8)
    assert set(review.scorecard["period"]) == {"2026-Q3"}
    assert len(review.history) > len(review.scorecard)
    assert review.deals.loc[review.deals["won"], "amount"].tolist() == [40.5]
    assert review.accounts.to_dict("records") == [
        {"account_id": "B", "base_revenue": 40.5, "revenue": 40.5, "kept": True, "open_deal": False}
    ]
    assert all(isinstance(frame, pd.DataFrame) for frame in (review.stages, review.members))


def test_a_rep_s_copy_explains_what_its_page_lists(book: Params) -> None:
    """Every figure below which deals or accounts are listed has its rows, those of the pipeline's bridge too."""
    review = open_review(book.path, rep="B", period="2026-Q3", audience="rep")
    found = {key: review.explain(key) for key, kpi in review.kpis.items() if kpi.evidence}
    assert [len(found[key]) for key in ("revenue", "pipeline_growth", "retention_rate")] == [1, 1, 1]
    with pytest.raises(ReviewError, match="cannot explain the figure"):
        review.explain("revenue", "2026-Q2")


def test_open_team_review(book: Params) -> None:
    """A team's review names its members for the manager, and nobody for the reps."""
    manager = open_team_review(book.path, team="T", period="2026-Q3")
    assert list(manager.people) == ["A", "B"]
    assert manager.member("A", "revenue").value == 60
    assert manager.member("A", "revenue", PERIOD.previous).value == 60
    assert manager.figure("revenue").value == 100.5
    reps = open_team_review(book.path, team="T", period="2026-Q3", audience="rep")
    assert (len(reps.people), len(reps.members)) == (0, 0)
    with pytest.raises(KeyError):
        reps.member("A", "revenue")


def test_figure(book: Params) -> None:
    """A figure is a row of the scorecard with its definition, None where a value is missing, of any period of the trend."""
    review = open_review(book.path, rep="A", period="2026-Q3")
    figure = review.figure("revenue")
    assert (figure.value, figure.previous, figure.change, figure.low, figure.target) == (60, 60, 0, None, None)
    assert (figure.kpi.label, figure.period) == ("Sales revenue", PERIOD)
    assert review.figure("revenue", PERIOD.previous).period == PERIOD.previous
    for kpi, period in (("nothing", None), ("revenue", PERIOD.next)):
        with pytest.raises(KeyError):
            review.figure(kpi, period)


def test_every_row_is_a_figure(demo_params: Params, demo_slices: Slices) -> None:
    """Every row of a scorecard can be looked up, with the value that stands in the frame."""
    review = from_slice(next(iter(demo_slices.values())), demo_params.fiscal)
    for row in review.scorecard.to_dict("records"):
        figure = review.figure(str(row["kpi"]))
        assert figure.value == (None if pd.isna(row["value"]) else row["value"])
        assert figure.verdict == row["verdict"]


def test_a_review_is_frozen(book: Params) -> None:
    """Nothing of a review can be put in another's place."""
    review = open_review(book.path, rep="A", period="2026-Q3")
    with pytest.raises(dataclasses.FrozenInstanceError):
        review.audience = "rep"  # type: ignore[misc]
    with pytest.raises(TypeError):
        review.kpis["revenue"] = review.kpis["win_rate"]  # type: ignore[index]


@pytest.mark.parametrize("audience", ["", "everyone", "*", "?ep", "[rm]*", "../rep", "REP"])
def test_unknown_audience(book: Params, audience: str) -> None:
    """An audience that there is not is refused, also where its name would match a file."""
    with pytest.raises(SnapshotError, match="reviewlib freeze") as caught:
        open_review(book.path, rep="A", period="2026-Q3", audience=audience)
    assert "manager or rep" in str(caught.value)


@pytest.mark.parametrize("rep", ["Z", "*", "a", "A/../B", "\udcff", "T"])
@pytest.mark.parametrize("audience", ["manager", "rep"])
def test_unknown_rep(book: Params, rep: str, audience: str) -> None:
    """A rep without evidence is refused, and the message names the command that makes it."""
    with pytest.raises((SubjectError, SnapshotError), match=r"reviewlib freeze \S*book\.yaml --period 2026-Q3"):
        open_review(book.path, rep=rep, period="2026-Q3", audience=audience)


@pytest.mark.parametrize("audience", ["manager", "rep"])
def test_nothing_frozen(book: Params, audience: str) -> None:
    """Without a snapshot of the period the message names the command that makes it."""
    with pytest.raises(SnapshotError, match=r"reviewlib freeze \S*book\.yaml --period 2026-Q2"):
        open_review(book.path, rep="A", period="2026-Q2", audience=audience)


def test_no_period(book: Params) -> None:
    """A period that is none is refused as such."""
    with pytest.raises(PeriodError):
        open_review(book.path, rep="A", period="last quarter")


def test_no_params(tmp_path: Path) -> None:
    """A params file that is not there is a mistake that the message explains."""
    with pytest.raises(ReviewError):
        open_review(tmp_path / "none.yaml", rep="A", period="2026-Q3")


def test_a_missing_slice_is_refused(book: Params) -> None:
    """Without the file for reps the rep's copy is refused, and the file named, whatever the manager's holds."""
    folder = snapshot.current(book, PERIOD)
    assert folder is not None
    found = list(folder.folder.glob("*/rep-*.rep.json"))
    kept = {path: path.read_bytes() for path in found}
    try:
        for path in found:
            path.unlink()
        with pytest.raises(SnapshotError, match="damaged") as caught:
            open_review(book.path, rep="A", period="2026-Q3", audience="rep")
        assert str(caught.value.where).endswith(".rep.json")
        assert open_review(book.path, rep="A", period="2026-Q3").audience == "manager"
    finally:
        for path, content in kept.items():
            path.write_bytes(content)


def test_one_slice_is_quick(book: Params) -> None:
    """Opening one review takes a small part of the time that computing the evidence takes."""

    def timed(work: Any) -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    asked: dict[str, Any] = {"kind": "rep", "subject": "A", "period": PERIOD, "audience": "rep"}
    one = min(timed(lambda: read_slice(find_slice(book, **asked))) for _ in range(5))
    whole = timed(lambda: compile_evidence(book, sources.read(book), PERIOD))
    assert one * 20 < whole


def test_a_kernel_loads_neither_ibis_nor_duckdb(book: Params) -> None:
    """Opening a review imports neither Ibis nor DuckDB."""
    code = (
        "import json, sys, reviewlib as rl; "
        f"review = rl.open_review({str(book.path)!r}, rep='A', period='2026-Q3', audience='rep'); "
        "print(json.dumps([review.subject.id, sorted({name.partition('.')[0] for name in sys.modules})]))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    subject, modules = json.loads(run.stdout)
    assert subject == "A"
    assert not {"ibis", "duckdb", "sqlglot", "papermill"} & set(modules)
