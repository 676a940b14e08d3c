"""Facts: a deal counts once per period and scope, as what its dates and outcome make it; every KPI is measured on them."""

from __future__ import annotations

import datetime as dt
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from workbooks import workbook

from reviewlib.evidence import evaluation, facts, sources, store
from reviewlib.evidence.listing import Listing
from reviewlib.evidence.period import PeriodEvidence
from reviewlib.evidence.roster import roster
from reviewlib.evidence.slicefile import ACCOUNT_COLUMNS
from reviewlib.params import kpis, sql
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
    return facts.build(read.store, members=people.members(), calendar=calendar, mapped=read.mapped)


def flags(frame: pd.DataFrame, deal: str) -> set[str]:
    row = frame.set_index("deal_id").loc[deal]
    return {name for name in facts.FLAGS if row[name]}


def test_each_deal_counts_as_what_it_is(built: facts.Facts) -> None:
    """Flags say what a deal counts as in the period; lists on pages are filters on them."""
    frame = built.con.con.sql(f"FROM period_facts WHERE period = '{Q3.name}'").df()
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
    frame = built.con.con.sql(f"FROM period_facts WHERE period = '{Q3.name}'").df()
    assert frame[list(facts.FLAGS)].notna().all(axis=None)
    assert all(frame[name].dtype == bool for name in facts.FLAGS)


def test_deal_counts_once_per_scope(built: facts.Facts) -> None:
    """A deal stands once in each scope of its owner."""
    rows = built.con.con.sql("FROM deal_facts").df()
    assert not rows.duplicated(["scope", "scope_id", "period", "deal_id"]).any()
    assert set(rows["scope"]) == {"rep", "team", "all"}


def test_base_accounts_are_listed(built: facts.Facts) -> None:
    """The accounts behind retention come with what they brought before and now."""
    assert Listing(built, Q3.name).lists("A")["accounts"] == {
        "columns": list(ACCOUNT_COLUMNS), "data": [["X", 1.0, 0.0, True, True]], "totals": {"base": [1, 1.0, 0.0]}
    }  # fmt: skip


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


SALES: list[dict[str, Any]] = [
    {"rep_id": "A", "account_id": "X", "amount": amount, "expected_amount": 8, "opened_on": "2026-06-01", "closed_on": day,
     "expected_close_on": None}
    for amount, day in ((0.1, "2026-07-01"), (0.2, "2026-08-01"), (90, "2026-06-02"), (None, "2026-09-01"))
]  # fmt: skip
REPS = [{"rep_id": "A", "team": "North"}, {"rep_id": "idle", "team": "North"}]


class Measured:
    """Figures of a small workbook, and its facts."""

    def __init__(self, folder: Path) -> None:
        read = sources.read(workbook(folder, deals=SALES, reps=REPS, as_of="2026-12-31"))
        calendar = facts.Calendar((Q3.previous, Q3))
        people = roster(read.reps, owners=["A"], periods=[*calendar.periods, Q3.next])
        self.groups = people.groups()
        self.groups = self.groups[self.groups["period"] != Q3.next.name].reset_index(drop=True)
        self.built = facts.build(read.store, members=people.members(), calendar=calendar, mapped=read.mapped)
        self.found = evaluation.evaluate(self.built, kpis.KPIS, self.groups)

    def row(self, kpi: str, rep: str = "A") -> dict[str, Any]:
        frame = self.found.figures
        chosen = frame[(frame["kpi"] == kpi) & (frame["scope_id"] == rep) & (frame["period"] == Q3.name)]
        assert len(chosen) == 1
        return {str(key): value for key, value in chosen.iloc[0].items()}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    return Measured(tmp_path_factory.mktemp("evaluation"))


def test_what_was_measured_comes_in_one_order(measured: Measured) -> None:
    """So that sums of it, and with them the proof of a snapshot, are the same each time."""
    for frame, key in ((measured.found.figures, [*facts.KEY, "kpi"]), (measured.found.sizes, ["rep_id", "period", "kind"])):
        assert len(frame) > 2
        pd.testing.assert_frame_equal(frame, frame.sort_values(key, ignore_index=True))


def test_every_scope_has_every_figure(measured: Measured) -> None:
    """One row per scope, period and figure, also for who has no deal."""
    frame = measured.found.figures
    expressed = [key for key, kpi in kpis.KPIS.items() if kpi.expression]
    assert len(frame) == len(measured.groups) * len(expressed)
    assert not frame.duplicated(["scope", "scope_id", "period", "kpi"]).any()


def test_money_is_added_as_decimals(measured: Measured) -> None:
    """A tenth and two tenths are three tenths."""
    assert measured.row("revenue")["numerator"] == 0.3


def test_nothing_is_zero_for_sums_and_missing_for_middles(measured: Measured) -> None:
    """Who has no deal sums and counts to zero; a median or a largest of nothing is missing, not zero."""
    assert (measured.row("revenue", "idle")["numerator"], measured.row("closed_deals", "idle")["n"]) == (0, 0)
    assert (measured.row("win_rate", "idle")["numerator"], measured.row("win_rate", "idle")["denominator"]) == (0, 0)
    assert all(np.isnan(measured.row(key, "idle")["numerator"]) for key in ("cycle_days", "deal_size_median", "largest_deal"))


def test_too_few_observations_bound_no_median(measured: Measured) -> None:
    """Three won deals are too few; of how many there are enough, the scorecard's tests hold against the demo's deals."""
    assert all(np.isnan(measured.row("cycle_days")[name]) for name in ("low", "high"))


def test_engine_is_not_shared(measured: Measured) -> None:
    """The facts live in a connection of their own, not in the process-wide one."""
    with pytest.raises(duckdb.CatalogException):
        duckdb.sql("select * from deal_facts")


def test_tables_of_many_rows_lie_on_disk(measured: Measured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They give the same figures there, and the folder goes with the store."""
    monkeypatch.setattr(facts, "MANY", 1)
    large = Measured(tmp_path)
    [(place,)] = large.built.con.con.sql("SELECT database_name FROM duckdb_tables() WHERE table_name = 'deal_kinds'").fetchall()
    assert place == "disk"
    key = ["kpi", "scope", "scope_id", "period"]
    figures = [each.found.figures.sort_values(key, ignore_index=True) for each in (large, measured)]
    pd.testing.assert_frame_equal(*figures)


def test_two_freezes_write_the_same_rows(measured: Measured, tmp_path: Path) -> None:
    """Figures come in an order, and what is made of them does too."""
    again = Measured(tmp_path)
    pd.testing.assert_frame_equal(measured.found.figures, again.found.figures)
    key = ["scope", "scope_id", "period", "kpi"]
    assert measured.found.figures[key].equals(measured.found.figures[key].sort_values(key, ignore_index=True))


def test_a_full_disk_leaves_the_store_in_memory() -> None:
    """A small export needs no room beside it."""
    full = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, full[1]))
    try:
        opened = store.TableStore()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, full)
        signal.signal(signal.SIGXFSZ, ignored)
    opened.keep("few", "SELECT 1 AS one", many=True)
    assert opened.rows("FROM few") == [(1,)]


def test_what_follows_from_a_flag_holds_of_every_deal(demo_evidence: PeriodEvidence) -> None:
    """A deal that has a flag has each that its meaning says it is within, so that a share of the one in the other is one."""
    for name, column in sql.DEALS.items():
        if column.within:
            asked = f"SELECT count(*), count(*) FILTER (WHERE {column.within}) FROM deal_facts WHERE {name}"
            [(found, within)] = demo_evidence.facts.con.con.sql(asked).fetchall()
            assert found == within, name
            assert found or name == "won_back"
