"""What is listed below a figure, against the naive way; and that pages need no more than that."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pages_fixture as made
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewlib.evidence import listing
from reviewlib.evidence.listing import ACCOUNT_COLUMNS, DEAL_COLUMNS, lists
from reviewlib.evidence.slicefile import read_rows, read_slice, slice_text
from reviewlib.pages import rehearsal
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
        patch.setattr(listing, "MOST_LISTED", 3)
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


def test_a_file_holds_the_whole_slice(tmp_path: Path, demo_slices: Mapping[Any, dict[str, Any]]) -> None:
    """A slice's file says what the slice said; its deals and accounts come when they are asked for."""
    path = tmp_path / "slice.json"
    for data in demo_slices.values():
        path.write_text(slice_text(data), encoding="utf-8")
        first, rows = read_slice(path), read_rows(path)
        assert set(rows) == {"deals", "accounts"}
        assert not set(rows) & set(first)
        assert first | rows == data


def test_pages_do_not_read_all_deals() -> None:
    """No section reads the deals that are not listed: a busy rep has thousands."""

    def refuse() -> Mapping[str, Any]:
        raise AssertionError("a page read all deals")

    data = made.listed(made.rep_slice())
    review = from_slice(data, FiscalYear(), rows=refuse)
    for show in rehearsal.sections(review):
        show()._repr_mimebundle_()
    assert len(from_slice(data, FiscalYear()).deals) == len(data["deals"]["data"]) > 100
    with pytest.raises(AssertionError, match="read all deals"):
        len(review.deals)
