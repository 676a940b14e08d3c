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
from reviewlib.evidence.slicefile import ACCOUNT_COLUMNS, DEAL_COLUMNS, lists, read_rows, read_slice, slice_text
from reviewlib.pages import preload
from reviewlib.params.model import Params
from reviewlib.periods import FiscalYear
from reviewlib.review import from_slice

FLAGS = ("earned", "won", "opened")
amounts = st.none() | st.integers(-3, 5).map(float)
deals = st.lists(
    st.fixed_dictionaries(
        dict.fromkeys(DEAL_COLUMNS, st.none())
        | {"amount": amounts, "expected_amount": amounts}
        | dict.fromkeys(FLAGS, st.booleans())
    ),
    max_size=12,
).map(lambda rows: [row | {"deal_id": f"D-{number}"} for number, row in enumerate(rows)])
accounts = st.lists(
    st.fixed_dictionaries(dict.fromkeys(ACCOUNT_COLUMNS, st.none()) | {"base_revenue": st.integers(-2, 4).map(float)}),
    max_size=8,
).map(lambda rows: [row | {"account_id": f"A-{number}"} for number, row in enumerate(rows)])


def _size(deal: Mapping[str, Any]) -> float:
    size = deal["expected_amount"] if deal["amount"] is None else deal["amount"]
    return float("-inf") if size is None else size


@given(deals=deals, accounts=accounts)
def test_lists_hold_the_largest(deals: list[dict[str, Any]], accounts: list[dict[str, Any]]) -> None:
    """Every list counts all deals of its flag, shows the three largest, and knows which flags all of them have."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slicefile, "MOST_LISTED", 3)
        found = lists(deals, accounts, flags=FLAGS)
    shown = [dict(zip(found["deals"]["columns"], row, strict=True)) for row in found["deals"]["data"]]
    for flag in FLAGS:
        own = [deal for deal in deals if deal[flag]]
        largest = sorted(own, key=lambda deal: (-_size(deal), deal["deal_id"]))[:3]
        assert found["flags"][flag]["count"] == len(own)
        assert [shown[row]["deal_id"] for row in found["flags"][flag]["rows"]] == [deal["deal_id"] for deal in largest]
        others = {other for other in FLAGS if other != flag and all(deal[other] for deal in own)}
        assert set(found["flags"][flag]["within"]) == others
    assert set(range(len(shown))) == {row for flag in FLAGS for row in found["flags"][flag]["rows"]}
    largest = sorted(accounts, key=lambda one: (-one["base_revenue"], one["account_id"]))[:3]
    assert [row[0] for row in found["accounts"]["data"]] == [account["account_id"] for account in largest]
    assert found["accounts"]["count"] == len(accounts)


def _rows(held: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(zip(held["columns"], row, strict=True)) for row in held["data"]]


def test_a_slice_lists_its_own_deals(demo_slices: Mapping[Any, dict[str, Any]]) -> None:
    """What a slice lists is chosen from all its deals and accounts and from no other's; a team's lists nothing."""
    listed = 0
    for (kind, _, _), data in demo_slices.items():
        deals, accounts, found = _rows(data["deals"]), _rows(data["accounts"]), data["lists"]
        shown = _rows(found["deals"])
        flags = {kpi["evidence"] for kpi in data["kpis"]} - {None, "accounts"} if kind == "rep" else set()
        assert set(found["flags"]) == flags
        for flag in flags:
            own = sorted((deal for deal in deals if deal[flag]), key=lambda deal: (-_size(deal), deal["deal_id"]))
            assert found["flags"][flag]["count"] == len(own)
            expected = [{name: deal[name] for name in DEAL_COLUMNS} for deal in own[: slicefile.MOST_LISTED]]
            assert [shown[row] for row in found["flags"][flag]["rows"]] == expected
            listed += len(own)
        largest = sorted(accounts, key=lambda one: (-one["base_revenue"], one["account_id"]))
        assert _rows(found["accounts"]) == largest[: slicefile.MOST_LISTED]
        assert found["accounts"]["count"] == len(accounts)
        listed += len(accounts)
    assert listed > 1000


def test_a_file_holds_the_whole_slice(tmp_path: Path, demo_slices: Mapping[Any, dict[str, Any]]) -> None:
    """A slice's file says what the slice said; its deals and accounts come when they are asked for."""
    path = tmp_path / "slice.json"
    for data in demo_slices.values():
        path.write_text(slice_text(data), encoding="utf-8")
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
        assert then.lists == now.lists
        pd.testing.assert_frame_equal(then.deals, now.deals)
        pd.testing.assert_frame_equal(then.accounts, now.accounts)


@pytest.mark.parametrize("lines", [0, 1, 2])
@pytest.mark.parametrize("cut", ["at once", "in the middle"])
def test_a_damaged_slice_is_told(tmp_path: Path, cut: str, lines: int) -> None:
    """Where a part of a slice's file is gone, whoever reads that part is told which file to restore."""
    path = tmp_path / "slice.json"
    whole = slice_text(made.listed(made.rep_slice())).splitlines(keepends=True)
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
