"""Tests of reviewlib.pages.exporter: an export says what is recorded now, or says that it cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from records_fixture import as_login, talking

from reviewlib.errors import JournalError, PeriodError, ReviewError, SnapshotError
from reviewlib.pages import exporter
from reviewlib.params.model import Params


@pytest.fixture
def params(tmp_path: Path) -> Params:
    params = talking(tmp_path)
    as_login(params, "dan").write("feedback", stance="strength", kpi="win_rate", text="Good")
    return params


def notebook(params: str = "params/book.yaml", **given: str) -> Any:
    """A review's notebook with its parameters, and nothing run."""
    said = {"params": params, "period": "2026-Q3"} | given
    cell = nbformat.v4.new_code_cell("\n".join(f"{name} = {value!r}" for name, value in said.items()))
    cell.metadata["tags"] = ["parameters"]
    return nbformat.v4.new_notebook(cells=[cell])


def review(**given: str) -> Any:
    return notebook(**{"rep": "R-1"} | given)


def test_a_notebook_away_from_its_workbook_keeps_what_it_holds(params: Params, tmp_path: Path) -> None:
    """Only where no params file is found from its folder, or it is no review, nothing is rendered anew."""
    assert exporter.anew(review(params="params/other.yaml"), tmp_path) == {}
    assert exporter.anew(nbformat.v4.new_notebook(), tmp_path) == {}


def anew(params: Params, **given: str) -> dict[str, str]:
    return exporter.anew(
        review(params=params.path.relative_to(params.path.parents[1]).as_posix(), **given), params.path.parents[1]
    )


def test_a_damaged_journal_stops_the_export(params: Params) -> None:
    """Old words are not exported as if they were what is recorded now."""
    (params.reports / "journal.db").write_bytes(b"garbage" * 99)
    with pytest.raises(JournalError, match="damaged"):
        anew(params)


def test_a_missing_journal_stops_the_export(params: Params) -> None:
    """A signed review is not exported as an open one because its journal is gone."""
    for file in params.reports.glob("journal.db*"):
        file.unlink()
    rows = [{"review": ["rep", "R-1", "2026-Q3"], "sequence": 1, "hash": "a" * 64}]
    (params.reports / "2026-Q3" / "manifest.json").write_text(json.dumps({"journal": rows}), encoding="utf-8")
    with pytest.raises(JournalError, match="The journal is missing"):
        anew(params)


@pytest.mark.parametrize(
    ("given", "error"),
    [({"period": "2026-Q9"}, PeriodError), ({"period": "2026-Q1"}, SnapshotError), ({"audience": "rep"}, SnapshotError)],
)
def test_a_review_that_cannot_be_opened_stops_the_export(
    params: Params, given: dict[str, str], error: type[ReviewError]
) -> None:
    """The error is the one that the notebook itself would raise."""
    with pytest.raises(error):
        anew(params, **given)


def test_an_injected_value_holds_whatever_it_is(params: Params) -> None:
    """A rep that papermill was given as a number is not exported with the words of whom the template names."""
    for source, shown in (("rep = 7", "found: 7"), ("rep = -7", "found: None")):
        nb = review(params="params/book.yaml")
        nb.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": ["injected-parameters"]}))
        with pytest.raises(ReviewError, match=shown):
            exporter.anew(nb, params.root)


def test_a_parameter_beyond_the_review_stops_no_export(params: Params) -> None:
    """What papermill injected beside the names that a review has is passed over; the evidence is looked for as ever."""
    with pytest.raises(SnapshotError, match="no rep 'R-1'"):
        exporter.anew(review(params="params/book.yaml", Rep="R-7"), params.root)


def test_params_that_cannot_be_read_stop_the_export(params: Params) -> None:
    """A params file that is there and broken is not taken for none."""
    params.path.write_text("- no params", encoding="utf-8")
    with pytest.raises(ReviewError):
        anew(params)
