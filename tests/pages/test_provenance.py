"""How the figures were made: the deals and accounts behind a figure, as a rep checks them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path
from typing import Any

import pages_fixture as made
import pytest
from workbooks import workbook

from reviewlib.evidence import sources
from reviewlib.evidence.period import compile_evidence
from reviewlib.evidence.slicefile import MOST_LISTED
from reviewlib.evidence.slices import Slicer
from reviewlib.pages import blocks
from reviewlib.pages.provenance import Evidence, evidence
from reviewlib.periods import Period
from reviewlib.review import from_slice

Row = dict[str, Any]


def _many(times: int) -> dict[str, Any]:
    """A rep's slice with every deal and every account so many times, each of a name and a size of its own."""
    data = made.rep_slice()
    for table, key, size in (("deals", "deal_id", "amount"), ("accounts", "account_id", "base_revenue")):
        columns = data[table]["columns"]
        copies = [dict(zip(columns, row, strict=True)) for _ in range(times) for row in data[table]["data"]]
        for number, row in enumerate(copies):
            row[key] = f"{row[key]}-{number}"
            row[size] = None if row[size] is None else row[size] + number % 7
        data[table] = {"columns": columns, "data": [[row[name] for name in columns] for row in copies]}
    return data


def _rows(data: dict[str, Any], table: str) -> list[Row]:
    return [dict(zip(data[table]["columns"], row, strict=True)) for row in data[table]["data"]]


def _largest_first(row: Row) -> tuple[float, str]:
    return -(row["expected_amount"] if row["amount"] is None else row["amount"]), row["deal_id"]


@pytest.fixture(scope="module")
def many() -> dict[str, Any]:
    return _many(12)


@pytest.fixture(scope="module")
def found(many: dict[str, Any]) -> dict[str, Evidence]:
    return {each.figure.kpi.key: each for each in evidence(made.opened(many))}


def test_the_largest_are_listed(many: dict[str, Any], found: dict[str, Evidence]) -> None:
    """A list holds the largest of the figure's deals, in order, and says how many there are; reckoned the naive way."""
    review, cut = made.opened(many), 0
    for key, each in found.items():
        own = [row for row in _rows(many, "deals") if row.get(review.kpis[key].evidence or "")]
        if not each.deals:
            continue
        assert [deal[0] for deal in each.deals] == [row["deal_id"] for row in sorted(own, key=_largest_first)][:MOST_LISTED]
        said = f": {len(own)}" if len(own) <= MOST_LISTED else f": {MOST_LISTED} of {len(own):,}"
        assert each.caption.endswith(said)
        told = dict(each.lists).get("Deals")
        assert told == (None if len(own) <= MOST_LISTED else f"The {MOST_LISTED} largest of {len(own):,} deals are listed.")
        cut += len(own) > MOST_LISTED
    assert cut >= 2


def test_no_list_is_shown_twice(many: dict[str, Any], found: dict[str, Evidence]) -> None:
    """Of figures that rest on the same deals one lists them, and the others name it."""
    review = made.opened(many)
    shown = Counter(review.kpis[key].evidence for key, each in found.items() if each.deals)
    named = Counter(review.kpis[key].evidence for key, each in found.items() if "Deals" in dict(each.lists) and not each.deals)
    assert {*shown.values()} == {1}
    assert shown.keys() & named.keys()


def test_a_list_that_is_cut_does_not_stand_for_another(many: dict[str, Any], found: dict[str, Evidence]) -> None:
    """Deals of a figure without a list of its own are "listed under" another only where that one lists them all."""
    said = [dict(each.lists).get("Deals", "") for each in found.values() if not each.deals]
    assert any("among those of" in text for text in said)
    whole = [dict(each.lists).get("Deals", "") for each in evidence(made.opened(made.rep_slice())) if not each.deals]
    assert any("listed under" in text for text in whole)
    by_label = {each.figure.kpi.label: each for each in found.values()}
    for text in said:
        if "listed under" in text:
            assert " of " not in by_label[text.partition("listed under ")[2].rstrip(".")].caption.partition(":")[2]


def test_a_figure_without_deals_names_no_list() -> None:
    """Where nothing counts as a first purchase, nothing is said to be listed under another figure."""
    data = made.rep_slice()
    place = data["deals"]["columns"].index("first_win")
    for row in data["deals"]["data"]:
        row[place] = False
    each = next(each for each in evidence(made.opened(data)) if each.figure.kpi.key == "new_customers")
    assert not each.deals
    assert "Deals" not in dict(each.lists)


def test_accounts_that_are_cut(many: dict[str, Any], found: dict[str, Evidence]) -> None:
    """The accounts of the window are cut like deals, by what they bought before."""
    every = sorted(_rows(many, "accounts"), key=lambda row: (-row["base_revenue"], row["account_id"]))
    each = next(each for each in found.values() if each.accounts)
    shown = min(len(every), MOST_LISTED)
    assert [account[0] for account in each.accounts] == [row["account_id"] for row in every][:MOST_LISTED]
    assert each.accounts_caption.endswith(f": {shown}" if shown == len(every) else f": {shown} of {len(every):,}")


def test_the_section_of_a_busy_rep_stays_small() -> None:
    """However many deals there are, their lists leave room for the rest of a page of 200 KB."""
    some, more = (len(blocks.figures(made.opened(_many(times))).html) for times in (12, 48))
    assert more < 130_000
    assert more < some * 1.2


def test_a_deal_that_closed_since_shows_when_it_closed(tmp_path: Path) -> None:
    """A deal that was open at the end of the period and has closed by now is listed with the day it closed."""
    both = {"rep_id": "R1", "opened_on": "2026-08-01", "amount": "10", "expected_amount": "10"}
    deals = [
        {**both, "deal_id": "SINCE", "closed_on": "2026-10-07", "expected_close_on": "2026-09-23"},
        {**both, "deal_id": "STILL", "expected_close_on": "2026-11-11", "stage": "Open"},
    ]
    params = workbook(tmp_path, deals=deals, as_of="2026-10-15", crm={"history_from": "2026-01-01"})
    evidence = compile_evidence(params, sources.read(params), Period.parse("2026-Q3"))
    slicer = Slicer(evidence, snapshot="0" * 12, frozen_at=dt.datetime(2026, 10, 15, tzinfo=dt.UTC))
    review = from_slice(slicer.rep("R1", "rep"), params.fiscal)
    html = blocks.figures(review).html
    assert review.figure("pipeline_value").n == 2
    assert "7 Oct" in html
    assert "23 Sep" not in html
    assert "11 Nov" in html
