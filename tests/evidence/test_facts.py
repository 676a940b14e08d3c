"""Facts: a deal counts once per period and scope, as what its dates and outcome make it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import ibis
import pandas as pd
import pytest
from workbooks import workbook

from reviewlib.evidence import facts, sources
from reviewlib.evidence.roster import roster
from reviewlib.periods import FiscalYear, Period

Q3 = Period.parse("2026-Q3")
DEALS: list[dict[str, Any]] = [
    {"deal_id": "before", "stage": "Won", "amount": 1, "opened_on": "2026-01-01", "closed_on": "2026-02-01"},
    {"deal_id": "window", "stage": "Won", "amount": 1, "opened_on": "2026-01-01", "closed_on": "2026-04-01"},
    {"deal_id": "start", "stage": "Won", "amount": 1, "opened_on": "2026-07-01", "closed_on": "2026-07-01"},
    {"deal_id": "end", "stage": "Lost", "amount": 0, "opened_on": "2026-07-01", "closed_on": "2026-10-01"},
    {"deal_id": "back", "stage": "Won", "amount": -1, "opened_on": "2026-07-01", "closed_on": "2026-07-02"},
    {"deal_id": "undated", "stage": "Open", "amount": None, "opened_on": None, "closed_on": "2026-12-01"},
]
LINES = [{"rep_id": "A", "account_id": "X", "expected_amount": 5, "expected_close_on": None, **deal} for deal in DEALS]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[facts.Facts]:
    params = workbook(
        tmp_path_factory.mktemp("facts"), deals=LINES, reps=[{"rep_id": "A", "team": "North"}], as_of="2026-12-31"
    )
    read = sources.read(params)
    calendar = facts.Calendar((Q3.previous, Q3))
    people = roster(read.reps, owners=["A"], periods=[*calendar.periods, Q3.next])
    connection = ibis.duckdb.connect()
    yield facts.build(connection, read.deals, members=people.members(), calendar=calendar, mapped=read.mapped)
    connection.disconnect()


def flags(frame: pd.DataFrame, deal: str) -> set[str]:
    row = frame.set_index("deal_id").loc[deal]
    return {name for name in facts.FLAGS if row[name]}


def test_each_deal_counts_as_what_it_is(built: facts.Facts) -> None:
    """Flags say what a deal counts as in the period; lists on pages are filters on them."""
    frame = facts.lists(built, Q3.name)
    assert frame["deal_id"].is_unique
    assert {deal: flags(frame, deal) for deal in frame["deal_id"]} == {
        "window": set(),
        "start": {"won", "earned", "sale", "closed", "opened", "opened_won", "opened_closed"},
        "end": {"opened", "opened_closed", "open_end", "undated", "stale"},
        "back": {"earned", "refund"},
        "undated": {"unvalued"},
    }


def test_every_flag_is_known(built: facts.Facts) -> None:
    """No flag is missing where nothing is known: an unknown comparison is a no."""
    frame = facts.lists(built, Q3.name)
    assert frame[list(facts.FLAGS)].notna().all(axis=None)
    assert all(frame[name].dtype == bool for name in facts.FLAGS)


def test_deal_counts_once_per_scope(built: facts.Facts) -> None:
    """A deal stands once in each scope of its owner."""
    rows = built.con.to_pandas(built.deals)
    assert not rows.duplicated(["scope", "scope_id", "period", "deal_id"]).any()
    assert set(rows["scope"]) == {"rep", "team", "all"}


def test_base_accounts_are_listed(built: facts.Facts) -> None:
    """The accounts behind retention come with what they brought before and now."""
    rows = facts.account_rows(built, Q3.name).to_dict("records")
    assert [(row["account_id"], row["base_revenue"], row["revenue"], row["kept"], row["open_deal"]) for row in rows] == [
        ("X", 1, 0, True, True)
    ]


@pytest.mark.parametrize(
    ("period", "months", "start"),
    [
        ("2026-Q3", None, dt.date(2026, 4, 1)),
        ("2026-H1", None, dt.date(2025, 7, 1)),
        ("2026-Q1", 12, dt.date(2025, 1, 1)),
        ("2026-H2", 3, dt.date(2026, 4, 1)),
    ],
)
def test_retention_window(period: str, months: int | None, start: dt.date) -> None:
    """The window is the period before, of equal length, or as many months as params say; it ends where the period starts."""
    whole = Period.parse(period)
    window = facts.Calendar((whole,), months).window(whole)
    assert (window.start, window.end) == (start, whole.start)


def test_window_follows_the_fiscal_year() -> None:
    """Quarters before are those of the fiscal year."""
    period = Period.parse("2027-Q1", FiscalYear(starts=2))
    assert facts.Calendar((period,)).window(period).start == dt.date(2025, 11, 1)
