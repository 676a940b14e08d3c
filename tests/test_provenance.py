"""How the figures were made: the deals behind a figure, as a rep checks them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from workbooks import workbook

from reviewlib.evidence import sources
from reviewlib.evidence.dossier import compile_dossier
from reviewlib.evidence.slices import Slicer
from reviewlib.pages import blocks
from reviewlib.periods import Period
from reviewlib.review import from_slice


def test_a_deal_that_closed_since_shows_when_it_closed(tmp_path: Path) -> None:
    """A deal that was open at the end of the period and has closed by now is listed with the day it closed."""
    both = {"rep_id": "R1", "opened_on": "2026-08-01", "amount": "10", "expected_amount": "10"}
    deals = [
        {**both, "deal_id": "SINCE", "closed_on": "2026-10-07", "expected_close_on": "2026-09-23"},
        {**both, "deal_id": "STILL", "expected_close_on": "2026-11-11", "stage": "Open"},
    ]
    params = workbook(tmp_path, deals=deals, as_of="2026-10-15", crm={"history_from": "2026-01-01"})
    dossier = compile_dossier(params, sources.read(params), Period.parse("2026-Q3"))
    slicer = Slicer(dossier, snapshot="0" * 12, frozen_at=dt.datetime(2026, 10, 15, tzinfo=dt.UTC))
    review = from_slice(slicer.rep("R1", "rep"), params.fiscal)
    html = blocks.figures(review).html
    assert review.figure("pipeline_value").n == 2
    assert "7 Oct" in html
    assert "23 Sep" not in html
    assert "11 Nov" in html
