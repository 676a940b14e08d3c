"""What must hold of the KPI that CONTRIBUTING.md adds; run by ``test_kpis`` in a copy of the project that has it."""

from __future__ import annotations

from copy import deepcopy

import pytest

import reviewlib as rl
from reviewlib.errors import ParamsError
from reviewlib.evidence.period import PeriodEvidence
from reviewlib.pages import blocks, sentences
from reviewlib.params import reading
from reviewlib.params.kpis import MAIN
from reviewlib.params.model import Params
from reviewlib.review import Review, from_slice

KEY, LABEL = "largest_share", "Share of the largest deal"


@pytest.fixture
def review(demo_params: Params, demo_slices: dict) -> Review:
    """A rep's copy of the demo's review."""
    return from_slice(deepcopy(demo_slices["rep", "R-014", "rep"]), demo_params.fiscal)


def test_it_is_measured_and_judged(review: Review) -> None:
    """The figure is what one counts by hand, and the peers judge it."""
    won = review.deals[review.deals["sale"]]["amount"]
    assert review.figure(KEY).value == pytest.approx(won.max() / won.sum())
    assert review.figure(KEY).verdict in ("above", "no_signal", "watch")


def test_pages_show_it_where_it_belongs(review: Review) -> None:
    """It opens its group of the scorecard, and its calculation is printed."""
    page = blocks.scorecard(review).html
    assert page.index(">Conversion<") < page.index(f">{LABEL}</a>") < page.index(">Win rate</a>")
    won = review.deals[review.deals["sale"]]["amount"]
    assert f"€{won.max():,.0f}" in blocks.figures(review).html
    assert sentences.fill(review, f"{{{KEY}}}").endswith("%")
    assert LABEL in rl.charts.trends(review, kpis=[KEY]).text


def test_it_has_its_place_among_the_rows(demo_evidence: PeriodEvidence) -> None:
    """The scorecard has a row of it for every scope, in the order of pages."""
    rows = demo_evidence.scorecard
    keys = rows[(rows["scope"] == "rep") & (rows["scope_id"] == "R-014") & (rows["period"] == "2026-Q3")]["kpi"].tolist()
    assert [key for key in keys if key in MAIN] == [*MAIN]
    assert (rows["kpi"] == KEY).sum() == (rows["kpi"] == "win_rate").sum()


def test_params_know_it(demo_params: Params) -> None:
    """Params may give it a target, what is material and a play, editors complete its key, and what it has not is refused."""
    book = demo_params.path.read_text(encoding="utf-8")
    told = book.replace("\nkpis:\n", f"\nkpis:\n  {KEY}: {{target: 0.3, material: 0.1}}\n", 1)
    assert told != book
    demo_params.path.with_name("told.yaml").write_text(told, encoding="utf-8")
    assert reading.load(demo_params.path.with_name("told.yaml")).kpis[KEY].target is not None
    assert KEY in reading.schema()["properties"]["kpis"]["properties"]
    wrong = told.replace("target: 0.3", "label: Largest", 1)
    demo_params.path.with_name("wrong.yaml").write_text(wrong, encoding="utf-8")
    with pytest.raises(ParamsError, match="brings its own label"):
        reading.load(demo_params.path.with_name("wrong.yaml"))
