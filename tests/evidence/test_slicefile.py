"""What is listed below a figure, against the naive way; and that pages need no more than that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pages_fixture as made
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewlib.errors import SnapshotError
from reviewlib.evidence import slicefile
from reviewlib.evidence.slicefile import ACCOUNT_COLUMNS, DEAL_LISTS, lists, read_rows, read_slice, written
from reviewlib.pages import preload
from reviewlib.params.model import Params
from reviewlib.periods import FiscalYear
from reviewlib.review import from_slice

FLAGS = (
    "earned",
    "won",
    "sale",
    "refund",
    "lost",
    "opened",
    "open_start",
    "open_end",
    "unvalued",
    "first_win",
    "won_back",
    "due",
)
amounts = st.none() | st.integers(-3, 5).map(float)
dates = st.none() | st.sampled_from(["2026-06-30", "2026-07-01", "2026-08-01"])
deals = st.lists(
    st.fixed_dictionaries(
        {"outcome": st.sampled_from(["won", "lost", "open"]), "stage": st.none(), "account_id": st.none()}
        | dict.fromkeys(("amount", "expected_amount"), amounts)
        | dict.fromkeys(("opened_on", "closed_on", "expected_close_on"), dates)
        | dict.fromkeys(FLAGS, st.booleans())
    ),
    max_size=12,
).map(lambda rows: [row | {"deal_id": f"D-{number}"} for number, row in enumerate(rows)])
accounts = st.lists(
    st.fixed_dictionaries(
        {"kept": st.booleans(), "open_deal": st.booleans()}
        | dict.fromkeys(("base_revenue", "revenue"), st.integers(-2, 4).map(float))
    ),
    max_size=8,
).map(lambda rows: [row | {"account_id": f"A-{number}"} for number, row in enumerate(rows)])


def _group(deal: Mapping[str, Any], of: str, *, valued: bool) -> str | None:
    """In which group of a list a deal is, said once more in ordinary words."""
    if of == "sales":
        return "sold" if deal["sale"] else "refund" if deal["refund"] else "no_amount" if deal["won"] else None
    if of == "closed" and (deal["won"] or deal["lost"]):
        where = "start" if deal["open_start"] and valued else "created" if deal["opened"] and valued else None
        return ("won_" if deal["won"] else "lost_") + (where or ("opened" if deal["opened"] else "outside"))
    if of == "closed":
        return "before" if deal["opened"] and not deal["open_end"] else None
    if deal["open_end"] and valued and (deal["open_start"] or deal["opened"]):
        return "kept" if deal["open_start"] else "created"
    return "created_outside" if deal["open_end"] and deal["opened"] else "outside" if deal["unvalued"] else None


@given(deals=deals, accounts=accounts)
def test_lists_hold_the_largest(deals: list[dict[str, Any]], accounts: list[dict[str, Any]]) -> None:
    """Every list shows the three largest, and has the number and the sum of all in each group."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slicefile, "MOST_LISTED", 3)
        found = lists(deals, accounts)
    priced = any(deal["expected_amount"] is not None for deal in deals)
    for name in DEAL_LISTS:
        own = []
        for deal in deals:
            dated = deal["opened_on"] is not None and (deal["closed_on"] or "9") >= deal["opened_on"]
            valued = dated and not (priced and deal["expected_amount"] is None)
            amount = deal["amount"] if name == "sales" else deal["expected_amount"] if valued else None
            own.append((_group(deal, name, valued=valued), amount, deal["deal_id"]))
        own = sorted((one for one in own if one[0]), key=lambda one: (one[1] is None, -(one[1] or 0), one[2]))
        assert [(row["group"], row["amount"], row["deal_id"]) for row in _rows(found[name])] == own[:3]
        groups = {group: [amount for each, amount, _ in own if each == group] for group, _, _ in own}
        marked = [amount for _, amount, deal in own if deals[int(deal[2:])].get(DEAL_LISTS[name].mark)]
        groups |= {DEAL_LISTS[name].mark: marked} if marked else {}
        known = {group: [amount for amount in every if amount is not None] for group, every in groups.items()}
        assert found[name]["totals"] == {
            group: [len(groups[group]), sum(each) if each else None] for group, each in known.items()
        }
    largest = sorted(accounts, key=lambda one: (-one["base_revenue"], one["account_id"]))[:3]
    assert _rows(found["accounts"]) == [{name: one[name] for name in ACCOUNT_COLUMNS} for one in largest]
    sums = [sum(one[name] for one in accounts) for name in ("base_revenue", "revenue")]
    assert found["accounts"]["totals"] == ({"base": [len(accounts), *sums]} if accounts else {})


def _rows(held: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(zip(held["columns"], row, strict=True)) for row in held["data"]]


def test_a_slice_lists_its_own_deals(demo_slices: Mapping[Any, dict[str, Any]]) -> None:
    """What the engine lists is what is chosen here from all of the slice's deals and accounts; a team's lists nothing."""
    listed = 0
    for (kind, _, _), data in demo_slices.items():
        every = lists(_rows(data["deals"]), _rows(data["accounts"]))
        assert data["lists"].keys() == every.keys()
        for name, found in data["lists"].items():
            assert (found["columns"], found["data"]) == (every[name]["columns"], every[name]["data"])
            assert {group: pytest.approx(total) for group, total in every[name]["totals"].items()} == found["totals"]
            assert kind == "rep" or not found["totals"]
            listed += len(found["data"])
    assert listed > 1000


def _text(data: Mapping[str, Any]) -> str:
    """A slice's file."""
    first, rows = (
        {name: value for name, value in data.items() if (name in ("deals", "accounts")) == whole} for whole in (False, True)
    )
    return written(first, json.dumps(rows, ensure_ascii=False))[0].decode()


def test_a_file_holds_the_whole_slice(tmp_path: Path, demo_slices: Mapping[Any, dict[str, Any]]) -> None:
    """A slice's file says what the slice said; its deals and accounts come when they are asked for."""
    path = tmp_path / "slice.json"
    for data in demo_slices.values():
        path.write_text(_text(data), encoding="utf-8")
        first, rows = read_slice(path), read_rows(path)
        assert set(rows) == {"deals", "accounts"}
        assert not set(rows) & set(first)
        assert first | rows == data


def test_a_slice_of_the_first_snapshots_shows_the_same(
    tmp_path: Path, demo_slices: Mapping[Any, dict[str, Any]], demo_params: Params
) -> None:
    """A review that was released before lists were chosen while freezing opens from its one line, with the same lists."""
    path = tmp_path / "slice.json"
    kinds = {(kind, audience, bool(data["deals"]["data"])): data for (kind, _, audience), data in demo_slices.items()}
    assert len(kinds) == 4  # a busy rep's, an idle one's, and those of a team
    for data in kinds.values():
        path.write_text(json.dumps({name: value for name, value in data.items() if name != "lists"}), encoding="utf-8")
        now = from_slice(data, demo_params.fiscal)
        then = from_slice(read_slice(path), demo_params.fiscal, rows=partial(read_rows, path))
        assert then.lists.keys() == now.lists.keys()
        for name, listed in now.lists.items():
            assert then.lists[name].rows == listed.rows
            assert {group: pytest.approx(total) for group, total in then.lists[name].totals.items()} == listed.totals
        pd.testing.assert_frame_equal(then.deals, now.deals)
        pd.testing.assert_frame_equal(then.accounts, now.accounts)


@pytest.mark.parametrize("lines", [0, 1, 2])
@pytest.mark.parametrize("cut", ["at once", "in the middle"])
def test_a_damaged_slice_is_told(tmp_path: Path, cut: str, lines: int) -> None:
    """Where a part of a slice's file is gone, whoever reads that part is told which file to restore."""
    path = tmp_path / "slice.json"
    whole = _text(made.listed(made.rep_slice())).splitlines(keepends=True)
    half = whole[lines][:-20] if lines < 2 and cut == "in the middle" else ""
    path.write_text("".join(whole[:lines]) + half, encoding="utf-8")
    for number, read in enumerate((read_slice, read_rows)):
        if number < lines:
            assert read(path)
            continue
        with pytest.raises(SnapshotError, match="damaged") as caught:
            read(path)
        assert caught.value.where is not None
        assert caught.value.where.endswith("/slice.json")


def test_pages_do_not_read_all_deals() -> None:
    """No section reads the deals that are not listed: a busy rep has thousands."""

    def refuse() -> Mapping[str, Any]:
        raise AssertionError("a page read all deals")

    data = made.listed(made.rep_slice())
    review = from_slice(data, FiscalYear(), rows=refuse)
    for show in preload.sections(review):
        show()._repr_mimebundle_()
    assert len(from_slice(data, FiscalYear()).deals) == len(data["deals"]["data"]) > 100
    with pytest.raises(AssertionError, match="read all deals"):
        len(review.deals)
