"""Tests of reviewlib.pages.edit_views: what two snapshots say differently, in words."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from workbooks import workbook

from reviewlib.evidence.edits import ComparedSnapshot, DealEdit, FigureEdit, SnapshotDiff
from reviewlib.pages import edit_views
from reviewlib.pages.labels import NumberStyle
from reviewlib.periods import Period

WON = {"amount": 9000.0, "expected_amount": 8000.0, "opened_on": "2026-04-01", "closed_on": "2026-06-30", "outcome": "won"}
WON |= {"stage": "Won", "account_id": "Acme"}
OPEN = WON | {"amount": None, "closed_on": None, "outcome": "open", "stage": "Offer"}
SIDES = [
    ComparedSnapshot("aaaa11", "2026-Q2", dt.date(2026, 7, 10)),
    ComparedSnapshot("aaaa22", "2026-Q3", dt.date(2026, 10, 5)),
]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (None, WON, "won 30 Jun 2026, €9,000.00"),
        (OPEN, None, "opened 1 Apr 2026, €8,000.00"),
        (WON, WON | {"amount": 120.5}, "amount €9,000.00 → €120.50"),
        (WON, WON | {"closed_on": "2026-06-01"}, "closed 30 Jun 2026 → 1 Jun 2026"),
        (WON, WON | {"closed_on": "2026-07-01"}, "closed 30 Jun 2026 in 2026-Q2 → 1 Jul 2026 in 2026-Q3"),
        (OPEN, WON, "outcome open → won; amount none → €9,000.00; closed none → 30 Jun 2026; stage Offer → Won"),
        (WON, WON, "won 30 Jun 2026, €9,000.00"),  # another rep's now, and otherwise the same
    ],
)
def test_what_is_said_of_a_deal(before: Any, after: Any, words: str) -> None:
    """What changed is told with both sides, a day that moved to another period with the periods."""
    assert edit_views.said(before, after, NumberStyle(), Period.parse("2026-Q3")) == words


def test_a_page_tells_what_differs(tmp_path: Path) -> None:
    """The page counts, lists and says how many more there are; what the CRM holds is no markup there."""
    deals = [DealEdit("<R>", "D-1", "came", True, "R-0", WON, WON), DealEdit("R-1", "D-2", "added", False, None, None, OPEN)]
    figures = [
        FigureEdit(scope, "R-9", "2026-Q2", "revenue", 5600.0, number) for number in (1.0, 2.0) for scope in ("rep", "all")
    ]
    counts = (("added", True, 1), ("came", True, 1), ("added", False, 1200))
    diff = SnapshotDiff(*SIDES, counts, tuple(deals), tuple(figures * 40), ("old",), ("new",))
    page = edit_views.diff_page(workbook(tmp_path, deals=[]), diff)
    for words in (
        "Deals dated in 2026-Q2 or before: 1 added, 1 moved to another rep.",
        "Deals dated after 2026-Q2, or open: 1,200 added.",
        "Only snapshot aaaa11 has old.",
        "Only snapshot aaaa22 has new.",
        "<td>&lt;R&gt;</td><td>moved from R-0</td>",
        "And 1,200 more.",
        "And 60 more.",
        "€5,600",
    ):
        assert words in page
    assert page.index("<td>all</td>") < page.index("<td>R-9</td>")
