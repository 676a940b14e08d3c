"""Tests of reviewlib.evidence.edits: what two snapshots say differently, read from their tables alone."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from workbooks import workbook

from reviewlib.errors import SnapshotError
from reviewlib.evidence import edits, snapshot
from reviewlib.evidence.snapshot import Snapshot
from reviewlib.evidence.tables import DEALS
from reviewlib.params.model import Params

KPIS = ("revenue", "win_rate")
#: A deal won in the second quarter, and one that is still open.
WON = {"amount": 9000, "expected_amount": 8000, "opened_on": "2026-04-01", "closed_on": "2026-06-30", "outcome": "won"}
OPEN = {"expected_amount": 500, "opened_on": "2026-05-02", "outcome": "open", "stage": "Offer"}
Rows = Mapping[str, Mapping[str, Any]]


@pytest.fixture
def book(tmp_path: Path) -> Params:
    return workbook(tmp_path, deals=[])


def laid(
    book: Params, hash: str, deals: Rows, figures: Sequence[tuple[str, str, str, str, float | None]] = (), **more: Any
) -> Snapshot:
    """Lay what a comparison reads of a snapshot: its deals by id, its figures, and what it says of itself."""
    folder = book.reports / "snapshots" / hash
    folder.mkdir(parents=True)
    info = {"period": "2026-Q2", "as_of": "2026-07-10", "workbook": {"currency": "EUR"}} | more
    (folder / "snapshot.json").write_text(json.dumps(info))
    rows = [{"deal_id": key, "rep_id": "R-1", **_typed(row)} for key, row in deals.items()]
    pq.write_table(pa.Table.from_pylist(rows, schema=DEALS.schema), folder / "deals.parquet")
    names = {"scope": pa.string(), "scope_id": pa.string(), "period": pa.string(), "kpi": pa.string(), "value": pa.float64()}
    card = [dict(zip(names, row, strict=True)) for row in figures]
    pq.write_table(pa.Table.from_pylist(card, schema=pa.schema(names)), folder / "scorecard.parquet")
    return snapshot.open_snapshot(folder, book)


def _typed(row: Mapping[str, Any]) -> dict[str, Any]:
    days = {name: dt.date.fromisoformat(value) for name, value in row.items() if name.endswith("_on")}
    return {**row, **days, **{name: Decimal(value) for name, value in row.items() if name.endswith("amount")}}


def kinds(book: Params, before: Rows, after: Rows) -> dict[str, tuple[str, bool]]:
    """What happened to each deal, and whether late."""
    found = edits.compare(laid(book, "aaaa11", before), laid(book, "aaaa22", after), kpis=KPIS)
    assert sum(count for _, _, count in found.counts) == len(found.deals) == found.all_deals
    return {edit.deal_id: (edit.kind, edit.late) for edit in found.deals}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, WON, ("added", True)),
        (WON, None, ("removed", True)),
        (WON, WON | {"rep_id": "R-2"}, ("came", True)),
        (WON, WON | {"amount": 9001}, ("changed", True)),
        (WON, WON | {"account_id": "Acme"}, ("changed", True)),
        (WON, WON | {"closed_on": "2026-07-01"}, ("changed", True)),  # it left the period
        (WON | {"closed_on": "2026-07-01"}, WON, ("changed", True)),  # it came into it
        (OPEN, WON, ("changed", True)),  # it closed on a day that was over
        (OPEN, OPEN | {"opened_on": "2026-07-02"}, ("changed", True)),
        (OPEN, OPEN | {"rep_id": "R-2"}, ("came", True)),
        (OPEN, None, ("removed", True)),
        # What follows is how deals go on.
        (OPEN, OPEN | {"expected_amount": 900, "stage": "Talks"}, ("changed", False)),
        (OPEN, WON | {"opened_on": "2026-05-02", "closed_on": "2026-07-01"}, ("changed", False)),
        (None, OPEN, ("added", False)),
        (OPEN | {"opened_on": "2026-07-01"}, None, ("removed", False)),
        (None, WON | {"opened_on": "2026-07-01", "closed_on": "2026-07-01"}, ("added", False)),
        (WON, WON, None),
        (OPEN, OPEN, None),
    ],
)  # fmt: skip
def test_a_deal_that_differs_is_told(book: Params, before: Any, after: Any, told: Any) -> None:
    """Each way in which a deal can differ is told, as late where it touches what was over, and nothing else is."""
    assert kinds(book, {"D": before} if before else {}, {"D": after} if after else {}) == ({"D": told} if told else {})


def test_both_sides_of_a_deal_are_told(book: Params) -> None:
    """A deal that went to another rep on the way is told with what was said of it before, and with whose it was."""
    found = edits.compare(
        laid(book, "aaaa11", {"D": WON}), laid(book, "aaaa22", {"D": WON | {"amount": 9500, "rep_id": "R-2"}}), kpis=KPIS
    )
    (deal,) = found.deals
    assert (deal.rep_id, deal.other) == ("R-2", "R-1")
    assert deal.before == {**dict.fromkeys(("stage", "account_id")), **WON}
    assert deal.after == {**dict.fromkeys(("stage", "account_id")), **WON, "amount": 9500}


def test_the_late_and_the_large_come_first(book: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few deals are told, all are counted; what touches a period that was over goes before a larger one that does not."""
    monkeypatch.setattr(edits, "MOST_TOLD", 2)
    new = {"opened_on": "2026-07-03"}
    after = {"small": WON | {"amount": 1}, "large": WON, "new": OPEN | new, "huge": OPEN | new | {"expected_amount": 10**6}}
    found = edits.compare(laid(book, "aaaa11", {}), laid(book, "aaaa22", after), kpis=KPIS)
    assert [edit.deal_id for edit in found.deals] == ["large", "small"]
    assert found.counts == (("added", True, 2), ("added", False, 2))
    assert found.all_deals == 4


def test_figures_that_differ_are_told(book: Params) -> None:
    """Figures differ beyond rounding, appear or go; what only one snapshot can have is no difference of figures."""
    before = [
        ("rep", "R-1", "2026-Q2", "revenue", 5600.0),
        ("rep", "R-2", "2026-Q2", "revenue", 0.1 + 0.2),
        ("rep", "R-2", "2026-Q2", "win_rate", None),
        ("rep", "R-3", "2026-Q2", "revenue", 7.0),
        ("rep", "R-1", "2026-Q2", "supporting", 1.0),
        ("rep", "R-1", "2024-Q2", "revenue", 1.0),
    ]
    after = [
        ("rep", "R-1", "2026-Q2", "revenue", 14600.0),
        ("rep", "R-2", "2026-Q2", "revenue", 0.3),
        ("rep", "R-2", "2026-Q2", "win_rate", 0.5),
        ("rep", "R-1", "2026-Q2", "supporting", 2.0),
        ("rep", "R-1", "2026-Q3", "revenue", 1.0),
    ]
    found = edits.compare(laid(book, "aaaa11", {}, before), laid(book, "aaaa22", {}, after), kpis=KPIS)
    told = [(edit.scope_id, edit.period, edit.kpi, edit.before, edit.after) for edit in found.figures]
    assert told == [
        ("R-1", "2026-Q2", "revenue", 5600.0, 14600.0),
        ("R-2", "2026-Q2", "win_rate", None, 0.5),
        ("R-3", "2026-Q2", "revenue", 7.0, None),
    ]


def test_late_edits_come_in_one_order(book: Params) -> None:
    """Of each rep the largest come first, so that two tellings of them are the same."""
    deals = {f"D-{number:03}": WON | {"amount": number * 37 % 101, "rep_id": f"R-{number % 3}"} for number in range(300)}
    found = edits.late(laid(book, "aaaa11", deals), laid(book, "aaaa22", {}))
    assert list(found) == ["R-0", "R-1", "R-2"]
    for _, told in found.values():
        sizes = [(-(edit.before or {})["amount"], edit.deal_id) for edit in told]
        assert sizes == sorted(sizes)


def test_kpis_of_one_snapshot_are_told(book: Params) -> None:
    """A KPI that only one of the snapshots has is named, not compared."""
    rows = {kpi: ("rep", "R-1", "2026-Q2", kpi, 1.0) for kpi in KPIS}
    found = edits.compare(laid(book, "aaaa11", {}, [rows["revenue"]]), laid(book, "aaaa22", {}, [rows["win_rate"]]), kpis=KPIS)
    assert (found.only_before, found.only_after, found.figures, found.same) == (("revenue",), ("win_rate",), (), False)


def test_the_same_evidence_does_not_differ(book: Params) -> None:
    """A snapshot compared with itself differs in nothing."""
    one = laid(book, "aaaa11", {"D": WON}, [("rep", "R-1", "2026-Q2", "revenue", 1.0)])
    assert edits.compare(one, one, kpis=KPIS).same


def test_a_snapshot_is_found_by_its_beginning_or_its_period(book: Params) -> None:
    """A period names the snapshot that it uses; the beginning of a hash must be that of one alone."""
    first, second = laid(book, "aaaa11", {}), laid(book, "aaab22", {})
    snapshot.use(book, second)
    assert edits.find(book, "aaaa") == first
    assert edits.find(book, "2026-Q2") == second
    for name, words in (
        ("aaa", "2 snapshots begin"),
        ("b", "no snapshot 'b'"),
        ("2026-Q1", "no snapshot"),
        ("", "no snapshot"),
    ):
        with pytest.raises(SnapshotError, match=words) as refused:
            edits.find(book, name)
        assert "aaaa11, aaab22" in str(refused.value)


def test_what_cannot_be_compared_is_refused(book: Params) -> None:
    """Another currency and damaged tables end with a message that says where."""
    first = laid(book, "aaaa11", {})
    other = laid(book, "aaaa22", {}, workbook={"currency": "USD"})
    with pytest.raises(SnapshotError, match="cannot be compared") as refused:
        edits.compare(first, other, kpis=KPIS)
    assert "EUR and USD" in str(refused.value)
    (first.folder / "deals.parquet").write_bytes(b"PAR1")
    with pytest.raises(SnapshotError, match="damaged"):
        edits.compare(first, first, kpis=KPIS)
    proved = laid(book, "aaaa33", {}, files={"deals.parquet": "another"})
    with pytest.raises(SnapshotError, match="damaged"):
        edits.compare(proved, proved, kpis=KPIS)
