"""What is listed below a figure: the largest of its deals and accounts, chosen once, while the evidence is frozen.

A busy rep has thousands of deals, and both copies of a review list the same hundred of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from reviewlib.evidence.plain import table

#: Deals or accounts listed below one KPI at the most: with more, the page of a busy rep would have over 200 KB.
MOST_LISTED: Final = 100
DEAL_COLUMNS: Final = (
    "deal_id",
    "account_id",
    "stage",
    "outcome",
    "amount",
    "expected_amount",
    "opened_on",
    "closed_on",
    "expected_close_on",
    "won",
    "lost",
    "refund",
)
ACCOUNT_COLUMNS: Final = ("account_id", "base_revenue", "revenue", "kept", "open_deal")

Row = Mapping[Any, Any]


def lists(deals: Sequence[Row], accounts: Sequence[Row], *, flags: Iterable[str]) -> dict[str, Any]:
    """Choose what is listed, as a slice holds it.

    Args:
        deals: A rep's deals, each with a boolean for every flag.
        accounts: The accounts of the rep's retention base.
        flags: What deals count as, such as ``won``; each has a list.

    Returns:
        ``deals``: a table of the deals that any list shows, the largest first. ``flags``: for each flag the ``count`` of its
        deals, the ``rows`` of the table that are listed (at most ``MOST_LISTED``), and the flags that all its deals have too
        (``within``). ``accounts``: a table of those that are listed, and the ``count`` of all.
    """
    ordered = sorted(deals, key=_size)
    places = {flag: [place for place, deal in enumerate(ordered) if deal[flag]] for flag in flags}
    shown = sorted({place for every in places.values() for place in every[:MOST_LISTED]})
    row = {place: number for number, place in enumerate(shown)}
    sets = {flag: frozenset(every) for flag, every in places.items()}
    largest = sorted(accounts, key=_base)[:MOST_LISTED]
    return {
        "deals": _table(DEAL_COLUMNS, [ordered[place] for place in shown]),
        "flags": {
            flag: {
                "count": len(every),
                "rows": [row[place] for place in every[:MOST_LISTED]],
                "within": [other for other in places if other != flag and sets[flag] <= sets[other]],
            }
            for flag, every in places.items()
        },
        "accounts": _table(ACCOUNT_COLUMNS, largest) | {"count": len(accounts)},
    }


def _size(deal: Row) -> tuple[bool, float, str]:
    """The largest first, those of unknown size last."""
    size = deal["expected_amount"] if deal["amount"] is None else deal["amount"]
    return size is None, -(size or 0.0), deal["deal_id"]


def _base(account: Row) -> tuple[float, str]:
    return -account["base_revenue"], account["account_id"]


def _table(columns: Sequence[str], rows: Sequence[Row]) -> dict[str, Any]:
    return table(columns, [[row[name] for name in columns] for row in rows])
