"""Every KPI against a plain loop: hand-written tables that hold the edges, and generated ones."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import oracle
import pandas as pd
import pytest
import walks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from workbooks import workbook

from reviewlib.evidence import sources
from reviewlib.evidence.period import PeriodEvidence, compile_evidence
from reviewlib.params import kpis
from reviewlib.periods import Period

Row = dict[str, Any]
Q3 = Period.parse("2026-Q3")
AS_OF = dt.date(2026, 10, 15)
RELEASED = Path(__file__).parents[1] / "released"
HISTORY = dt.date(2026, 1, 1)
TEAM: list[Row] = [{"rep_id": "A", "team": "North"}, {"rep_id": "B", "team": "North"}]
#: Figures of the scorecard that are made of other figures and have their own tests.
ELSEWHERE = {*(key for key, kpi in kpis.KPIS.items() if kpi.expression is None), "stale_after", "cohort_days"}


def deal(
    rep: str,
    outcome: str,
    *,
    opened: str | None = "2026-06-15",
    closed: str | None = None,
    amount: str | int | None = None,
    expected: str | int | None = 100,
    account: str | None = "X",
    due: str | None = None,
) -> Row:
    """One deal as the oracle reads it; ids are given by ``book``."""
    return {
        "rep_id": rep,
        "outcome": outcome,
        "account_id": account,
        "amount": None if amount is None else Decimal(amount),
        "expected_amount": None if expected is None else Decimal(expected),
        "opened_on": None if opened is None else dt.date.fromisoformat(opened),
        "closed_on": None if closed is None else dt.date.fromisoformat(closed),
        "expected_close_on": None if due is None else dt.date.fromisoformat(due),
    }


def book(deals: Sequence[Row], reps: Sequence[Row] = TEAM, *, unmapped: Sequence[str] = (), **more: Any) -> oracle.Book:
    """Number the deals and blank the columns that the export lacks."""
    numbered = [{"deal_id": f"D{at:03}", **row, **dict.fromkeys(unmapped)} for at, row in enumerate(deals, start=1)]
    mapped = oracle.ALL_COLUMNS - {"product"} - frozenset(unmapped)
    return oracle.Book(numbered, reps, **{"history_from": HISTORY, "mapped": mapped, **more})


def compiled(known: oracle.Book, folder: Path, *, period: Period = Q3, **overrides: Any) -> PeriodEvidence:
    """Take the book through CSV files and params to the evidence of a period."""
    hidden = {"outcome", *(name for name in oracle.ALL_COLUMNS if name not in known.mapped)}
    rows = [
        {**{name: value for name, value in row.items() if name not in hidden}, "stage": row["outcome"].title()}
        for row in known.deals
    ]
    targets = [
        {"scope": "rep", "scope_id": rep, "kpi": "revenue", "period": period, "value": float(value)}
        for (rep, period), value in (known.targets or {}).items()
    ]
    limits = {"rows": 1, "amount": 1}
    crm = {"history_from": known.history_from, "quarantine": limits}
    merged = {"as_of": known.as_of, "crm": crm, **overrides}
    params = workbook(folder, deals=rows, reps=known.reps, targets=targets or None, **merged)
    return compile_evidence(params, sources.read(params), period)


def cells(found: PeriodEvidence) -> Mapping[tuple[str, str, str, str], Mapping[str, Any]]:
    """The scorecard's rows by period, scope, scope id and figure."""
    records = found.scorecard.to_dict("records")
    return {(row["period"], row["scope"], row["scope_id"], row["kpi"]): row for row in records}  # type: ignore[misc]


def compare(known: oracle.Book, found: PeriodEvidence, *, numbers: Sequence[int] = (1, 2, 3), kind: str = "quarter") -> None:
    """Hold every figure of every scope against the loops; what is missing must be missing on both sides, with a reason."""
    rows = cells(found)
    for number in numbers:
        span, following = oracle.tile(kind, 2026, number), oracle.tile(kind, 2026, number + 1)
        for (scope, scope_id), case in oracle.cases(known, span, following).items():
            for key in oracle.FIGURES:
                row = rows[span.name, scope, scope_id, key]
                value, n = (None, None) if case is None else oracle.reading(key, case)
                # Today's expected dates say nothing of what was expected two periods ago.
                stale = key in {"pipeline_coverage", "due_value", "undated_deals"} and following.end <= known.as_of
                if stale and "expected_close_on" in known.mapped:
                    value = None
                _same(row, value, n)


def _same(row: Mapping[str, Any], value: Fraction | None, n: int | None) -> None:
    where = f"{row['kpi']} of {row['scope']} {row['scope_id']} in {row['period']}"
    if value is None:
        assert math.isnan(row["value"]), f"{where}: {row['value']} where there is nothing to say"
        assert row["verdict"] == "not_available", where
        assert row["reason"], f"{where} is missing without a reason"
        return
    assert row["value"] == pytest.approx(float(value), rel=1e-12, abs=1e-12), where
    if n is not None:
        assert row["n"] == n, f"n of {where}"


def figure(found: PeriodEvidence, key: str, rep: str = "A", *, scope: str = "rep") -> tuple[float, str]:
    """Value and reason of one figure of the period."""
    rows = found.scorecard
    own = (rows["period"] == Q3.name) & (rows["scope"] == scope) & (rows["scope_id"] == rep) & (rows["kpi"] == key)
    row = rows[own].iloc[0]
    return row["value"], row["reason"]


#: Nine of ten of these wins close within 13 days, so that cohorts are judged at 14.
THIRTEEN_DAYS = [deal("B", "won", opened="2026-01-01", closed="2026-01-14", amount=1)] * 40


# The edges, by hand ---------------------------------------------------------------------------------------------------------

BASE = deal("A", "won", opened="2026-04-01", closed="2026-05-01", amount=50, account="X")
EDGES: list[tuple[str, list[Row], dict[str, float | None]]] = [
    (
        "closed exactly on the start counts, closed exactly on the end does not",
        [
            deal("A", "won", closed="2026-06-30", amount=1),
            deal("A", "won", closed="2026-07-01", amount=10),
            deal("A", "won", closed="2026-09-30", amount=100),
            deal("A", "won", closed="2026-10-01", amount=1000),
            deal("A", "lost", closed="2026-07-01"),
            deal("A", "lost", closed="2026-10-01"),
        ],
        {"revenue": 110, "won_deals": 2, "lost_deals": 1, "win_rate": 2 / 3, "largest_deal": 100, "open_deals": 2},
    ),
    (
        "closed exactly on the end is still open at the end, closed on the start is open at the start",
        [
            deal("A", "won", closed="2026-07-01", amount=1, expected=1),
            deal("A", "won", closed="2026-10-01", amount=1, expected=10),
            deal("A", "lost", closed="2026-06-30", expected=100),
            deal("A", "open", expected=1000),
        ],
        {"pipeline_start": 1011, "pipeline_end": 1010, "pipeline_won": 1, "pipeline_lost": 0, "pipeline_growth": -1 / 1011},
    ),
    (
        "opened exactly on the start is created in the period, opened on the end is not there yet",
        [
            deal("A", "open", opened="2026-06-30", expected=1),
            deal("A", "open", opened="2026-07-01", expected=10),
            deal("A", "open", opened="2026-09-30", expected=100),
            deal("A", "open", opened="2026-10-01", expected=1000),
        ],
        {"pipeline_start": 1, "pipeline_created": 110, "pipeline_value": 111, "opened_deals": 2, "pipeline_growth": 110},
    ),
    (
        "a refund lowers revenue and nothing else",
        [
            BASE,
            deal("A", "won", closed="2026-08-01", amount=100),
            deal("A", "won", opened="2026-07-02", closed="2026-08-02", amount=-30, account="X"),
        ],
        {"revenue": 70, "won_revenue": 100, "refunds": -30, "refund_deals": 1, "won_deals": 1, "deal_size": 100, "win_rate": 1,
         "opened_deals": 0, "cycle_days": 47, "revenue_retention": 1.4, "gross_retention": 1, "kept_accounts": 1},
    ),
    (
        "a refund alone keeps no customer, makes no customer, and is no base",
        [
            BASE,
            deal("A", "won", opened=None, closed="2026-08-01", amount=-20, account="X"),
            deal("A", "won", opened=None, closed="2026-05-01", amount=-5, account="Y"),
            deal("A", "won", opened=None, closed="2026-08-01", amount=-5, account="Z"),
        ],
        {"base_accounts": 1, "kept_accounts": 0, "retention_rate": 0, "revenue_retention": -0.4, "gross_retention": -0.4,
         "new_customers": 0, "win_rate": None},
    ),
    (
        "a first purchase on one day with two reps belongs to the smaller deal id",
        [
            deal("A", "won", closed="2026-08-01", amount=7, account="N"),
            deal("B", "won", closed="2026-08-01", amount=9, account="N"),
        ],
        {"new_customers": 1, "new_customer_revenue": 7},
    ),
    (
        "a customer of anyone at any time is not new; one without a purchase for a whole window is won back",
        [
            deal("B", "won", opened=None, closed="2026-02-01", amount=5, account="O"),
            deal("A", "won", closed="2026-08-01", amount=5, account="O"),
            deal("B", "won", opened=None, closed="2026-06-30", amount=5, account="P"),
            deal("A", "won", closed="2026-08-01", amount=5, account="P"),
            deal("B", "lost", opened=None, closed="2026-05-01", account="Q"),
            deal("A", "won", closed="2026-08-02", amount=5, account="Q"),
            deal("A", "won", closed="2026-08-03", amount=5, account="Q"),
        ],
        {"new_customers": 1, "won_back": 1},
    ),
    (
        "bought again from anyone is kept, but only the rep's own revenue is retained",
        [
            BASE,
            deal("A", "won", closed="2026-06-01", opened=None, amount=150, account="Y"),
            deal("B", "won", closed="2026-07-01", amount=99, account="X"),
            deal("A", "won", closed="2026-07-01", amount=300, account="Y"),
            deal("A", "won", closed="2026-07-01", amount=1000, account="new"),
        ],
        {"retention_rate": 1, "revenue_retention": 1.5, "gross_retention": 0.75, "new_customers": 1},
    ),
    (
        "deals without an account are nobody's customer",
        [
            BASE,
            deal("A", "won", closed="2026-05-01", amount=10, account=None),
            deal("A", "won", closed="2026-08-01", amount=10, account=None),
        ],
        {"revenue": 10, "base_accounts": 1, "kept_accounts": 0, "new_customers": 0, "revenue_retention": 0},
    ),
    (
        "a won deal without an amount counts in win rate and cycle only",
        [
            deal("A", "won", closed="2026-07-05", amount=None, account="N"),
            deal("A", "won", closed="2026-07-15", amount=40, account="M"),
        ],
        {"win_rate": 1, "won_deals": 2, "cycle_days": 25, "won_without_amount": 1, "deal_size": 40, "revenue": 40,
         "new_customers": 1, "deal_size_median": 40},
    ),
    (
        "a won deal of amount zero carries an amount",
        [deal("A", "won", closed="2026-07-05", amount=0), deal("A", "won", closed="2026-07-05", amount=10)],
        {"deal_size": 5, "won_without_amount": 0, "refund_deals": 0},
    ),
    (
        "closed before it was opened: outside value, growth, bridge and cycle, still revenue",
        [
            deal("A", "won", opened="2026-08-10", closed="2026-08-01", amount=10),
            deal("A", "lost", opened="2026-10-05", closed="2026-08-01"),
            deal("A", "open", opened="2026-06-01", expected=8),
        ],
        {"revenue": 10, "win_rate": 0.5, "cycle_days": None, "pipeline_created": 0, "pipeline_won": 0, "pipeline_lost": 0,
         "pipeline_start": 8, "pipeline_value": 8, "pipeline_growth": 0},
    ),
    (
        "open without an opening date or an expected amount: outside the value, and counted",
        [
            deal("A", "open", opened=None),
            deal("A", "open", expected=None),
            deal("A", "open", expected=3),
            deal("A", "won", opened=None, closed="2026-12-01", amount=1),
        ],
        {"pipeline_value": 3, "open_deals": 2, "unvalued_deals": 2, "opened_deals": 0},
    ),
    (
        "due is what is expected to close in the next period, not before and not after",
        [
            deal("A", "open", expected=1, due="2026-09-30"),
            deal("A", "open", expected=10, due="2026-10-01"),
            deal("A", "open", expected=100, due="2026-12-31"),
            deal("A", "open", expected=1000, due="2027-01-01"),
            deal("A", "open", expected=10000),
        ],
        {"due_value": 110, "undated_deals": 1, "pipeline_coverage": None},
    ),
    (
        "zero denominators give no figure",
        [deal("A", "open", opened="2026-07-01")],
        {"win_rate": None, "deal_size": None, "cycle_days": None, "pipeline_growth": None, "retention_rate": None,
         "revenue_retention": None, "largest_deal": None, "conversion_rate": 0, "revenue": 0, "attainment": None},
    ),
    (
        "net retention has no figure where refunds ate the base",
        [BASE, deal("A", "won", opened=None, closed="2026-06-01", amount=-50), deal("A", "won", closed="2026-08-01", amount=9)],
        {"base_accounts": 1, "revenue_retention": None, "gross_retention": None, "retention_rate": 1},
    ),
    (
        "a cohort too young for its conversion; wins after the period are closed deals of it, but none of the period",
        [
            deal("A", "won", opened="2026-07-01", closed="2026-10-10", amount=1),
            deal("A", "won", opened="2026-09-30", closed="2026-09-30", amount=1),
            deal("A", "lost", opened="2026-08-01", closed="2026-08-01"),
            deal("A", "open", opened="2026-08-01"),
        ],
        {"conversion_rate": None, "opened_deals": 4, "opened_closed": 3, "win_rate": 0.5},
    ),
    (
        "quartiles are linear, the median of an even number is the middle of two",
        [deal("A", "won", opened="2026-07-01", closed=f"2026-07-{day:02}", amount=day) for day in (2, 3, 5, 9)],
        {"cycle_days": 3, "cycle_q1": 1.75, "cycle_q3": 5, "deal_size_median": 4, "deal_size": 4.75},
    ),
]  # fmt: skip


def of_edge(at: int, name: str) -> str:
    """What is called so in an edge, in the workbook that holds all of them."""
    return f"{name} {at:02}"


@pytest.fixture(scope="module")
def edges(tmp_path_factory: pytest.TempPathFactory) -> tuple[oracle.Book, PeriodEvidence]:
    """Every edge in one workbook, each with a team, reps and accounts of its own."""
    rows, reps = [], []
    for at, (_, deals, _) in enumerate(EDGES):
        reps += [{name: of_edge(at, value) for name, value in rep.items()} for rep in TEAM]
        rows += [row | {name: row[name] and of_edge(at, row[name]) for name in ("rep_id", "account_id")} for row in deals]
    known = book(rows, reps)
    return known, compiled(known, tmp_path_factory.mktemp("edges"))


def test_edges_equal_the_loops(edges: tuple[oracle.Book, PeriodEvidence]) -> None:
    """At the edges every figure of every rep and team equals the plain loop."""
    compare(*edges)


def test_a_company_of_one_open_deal(tmp_path: Path) -> None:
    """Where a whole company has next to nothing its figures equal the plain loop too."""
    known = book([deal("A", "open", opened="2026-07-01")])
    compare(known, compiled(known, tmp_path))


@pytest.mark.parametrize("at", range(len(EDGES)), ids=[edge[0] for edge in EDGES])
def test_edges(at: int, edges: tuple[oracle.Book, PeriodEvidence]) -> None:
    """What an edge is about equals what was worked out by hand."""
    for key, value in EDGES[at][2].items():
        found = figure(edges[1], key, of_edge(at, "A"))[0]
        assert found == (pytest.approx(value) if value is not None else pytest.approx(math.nan, nan_ok=True)), key


def test_credit_of_a_tie_goes_to_one_rep_only(tmp_path: Path) -> None:
    """Where two reps sell to a new account on one day, one of them acquired it, and the team did once."""
    rows = [deal(rep, "won", closed="2026-08-01", amount=7, account="N") for rep in ("B", "A")]
    found = compiled(book(rows), tmp_path)
    assert [figure(found, "new_customers", rep)[0] for rep in "AB"] == [0, 1]
    assert figure(found, "new_customers", "North", scope="team")[0] == 1


def test_unmapped_expected_amount_counts_deals(tmp_path: Path) -> None:
    """Without an expected amount there is no value; growth and bridge count deals, and deals without an opening stay out."""
    rows = [
        deal("A", "open"),
        deal("A", "open", opened="2026-07-01"),
        deal("A", "won", closed="2026-07-01", amount=5),
        deal("A", "open", opened=None),
    ]
    known = book(rows, unmapped=["expected_amount"])
    found = compiled(known, tmp_path)
    compare(known, found)
    assert figure(found, "pipeline_value")[1] == "the export has no column for expected_amount"
    assert [figure(found, key)[0] for key in oracle.BRIDGE] == [2, 1, 1, 0, 2]
    assert figure(found, "pipeline_growth")[0] == 0
    assert found.context.kpis["pipeline_start"].unit == "count"


def test_unmapped_expected_close_takes_every_open_deal(tmp_path: Path) -> None:
    """Without an expected close all open deals cover the next target."""
    rows = [deal("A", "open", expected=30), deal("A", "open", expected=20), deal("A", "lost", closed="2026-09-01")]
    targets = {("A", "2026-Q4"): Fraction(100), ("B", "2026-Q4"): Fraction(100)}
    known = book(rows, unmapped=["expected_close_on"], targets=targets)
    found = compiled(known, tmp_path)
    compare(known, found)
    assert figure(found, "pipeline_coverage")[0] == 0.5
    assert figure(found, "pipeline_coverage", "North", scope="team")[0] == 0.25


@pytest.mark.parametrize("column", sorted(oracle.ALL_COLUMNS - {"product"}))
def test_each_column_may_be_missing(column: str, tmp_path: Path) -> None:
    """A column that the export lacks takes away the figures that need it, with the reason, and no others."""
    rows = [
        BASE,
        deal("A", "won", closed="2026-08-01", amount=5, due="2026-08-01"),
        deal("A", "lost", closed="2026-08-01"),
        deal("A", "open", due="2026-11-01"),
    ]
    known = book(rows, unmapped=[column], targets={("A", "2026-Q3"): Fraction(9), ("A", "2026-Q4"): Fraction(9)})
    compare(known, compiled(known, tmp_path), numbers=(3,))


MIXED = [
    BASE,
    deal("A", "won", closed="2026-08-01", amount=5),
    deal("B", "lost", closed="2026-08-01"),
    deal("A", "open", due="2026-11-01"),
    *THIRTEEN_DAYS,
]
#: What an export leaves out, and what it cannot carry then, in words.
LEFT_OUT: dict[str, tuple[set[str], dict[str, Any], dict[str, str | None]]] = {
    "lost deals": (
        {"lost"}, {},
        {"win_rate": "the export has no lost deal", "win_rate_value": "the export has no lost deal",
         "conversion_rate": "the export has no lost deal", "pipeline_value": None, "pipeline_growth": None, "revenue": None},
    ),
    "open deals": (
        {"open"}, {},
        {"pipeline_value": "the export has no open deal", "pipeline_growth": "the export has no open deal",
         "pipeline_coverage": "the export has no open deal", "conversion_rate": "the export has no open deal",
         "win_rate": None},
    ),
    "all but won deals": (
        {"lost", "open"}, {},
        {"conversion_rate": "the export has no lost deal; the export has no open deal", "retention_rate": None,
         "cycle_days": None, "new_customers": None},
    ),
    "what is in the opening dates": (
        set(), {"opened_on": None},
        {"cycle_days": "the column for opened_on is empty", "conversion_rate": "the column for opened_on is empty",
         "pipeline_value": "the column for opened_on is empty", "win_rate": None},
    ),
    "what is in the amounts": (set(), {"amount": None}, {"revenue": "the column for amount is empty", "win_rate": None}),
}  # fmt: skip


@pytest.mark.parametrize("name", LEFT_OUT)
def test_absence_is_not_zero(name: str, tmp_path: Path) -> None:
    """What an export leaves out is n/a with that reason, never 0 % and never 100 %; what does not rest on it is given."""
    outcomes, blank, expected = LEFT_OUT[name]
    known = book([row | blank for row in MIXED if row["outcome"] not in outcomes], targets={("A", "2026-Q4"): Fraction(9)})
    found = compiled(known, tmp_path)
    compare(known, found, numbers=(3,))
    for key, reason in expected.items():
        value, said = figure(found, key)
        assert math.isnan(value) == (reason is not None), key
        assert reason in (None, said), key


def test_a_rep_without_a_lost_deal_may_win_everything(tmp_path: Path) -> None:
    """Where the export has lost deals, one rep without any in the period has a true 100 %."""
    assert figure(compiled(book(MIXED), tmp_path), "win_rate")[0] == 1


def test_history_too_short(tmp_path: Path) -> None:
    """Figures that look back a window need history over the whole of it; the period itself needs history too."""
    known = book([BASE, deal("A", "won", closed="2026-08-01", amount=5)], history_from=dt.date(2026, 4, 2))
    found = compiled(known, tmp_path)
    compare(known, found)
    for key in ("new_customers", "retention_rate", "revenue_retention"):
        assert figure(found, key)[1] == "the history, from 2 April 2026, does not cover the retention window"
    assert figure(found, "revenue")[0] == 5
    assert cells(found)["2026-Q1", "rep", "A", "revenue"]["reason"] == "the history begins on 2 April 2026"


def test_history_begins_with_the_month_of_the_first_close(tmp_path: Path) -> None:
    """Undeclared, the history begins on the first day of the month of the earliest close."""
    rows = [
        deal("A", "won", opened="2026-01-05", closed="2026-04-20", amount=5),
        deal("A", "won", closed="2026-08-01", amount=5),
    ]
    found = compiled(book(rows), tmp_path, crm={"quarantine": {"rows": 1, "amount": 1}})
    assert found.context.history_from == dt.date(2026, 4, 1)
    assert figure(found, "retention_rate")[0] == 1


def test_window_of_its_own_length(tmp_path: Path) -> None:
    """A retention window in months begins that many months before the period."""
    rows = [
        deal("A", "won", opened=None, closed="2026-02-28", amount=5, account="early"),
        deal("A", "won", opened=None, closed="2026-03-01", amount=5, account="X"),
        deal("A", "won", closed="2026-08-01", amount=5, account="X"),
        deal("A", "won", closed="2026-08-01", amount=5, account="early"),
    ]
    found = compiled(book(rows), tmp_path, kpis={"retention_rate": {"window_months": 4}})
    assert [figure(found, key)[0] for key in ("base_accounts", "kept_accounts", "won_back", "new_customers")] == [1, 1, 1, 0]


def test_cohorts_are_judged_at_equal_age(tmp_path: Path) -> None:
    """A deal of the cohort counts as won up to the last day of H, and not from the day after, whatever became of it since."""
    rows = [
        deal("A", "won", opened="2026-07-01", closed="2026-07-15", amount=1),
        deal("A", "won", opened="2026-07-01", closed="2026-07-16", amount=1),
        deal("A", "won", opened="2026-07-01", closed="2026-06-30", amount=1),
        deal("A", "lost", opened="2026-08-01", closed="2026-08-01"),
        deal("A", "open", opened="2026-08-01"),
    ]
    known = book([*THIRTEEN_DAYS, *rows])
    found = compiled(known, tmp_path)
    compare(known, found)
    assert [figure(found, key)[0] for key in ("cohort_days", "opened_won", "conversion_rate")] == [14, 2, 0.4]


@pytest.mark.parametrize("late", [False, True])
def test_cohort_matures_with_its_youngest_deal(late: bool, tmp_path: Path) -> None:
    """A cohort is mature on the day on which its youngest deal is H days old; the day before it is n/a, with that day."""
    rows = [
        *[deal("A", outcome, opened="2026-05-01", closed="2026-05-02", amount=1) for outcome in ("won", "lost", "lost")],
        deal("A", "won", opened="2026-07-01", closed="2026-07-02", amount=1),
        deal("A", "open", opened="2026-09-30"),
    ]
    as_of = dt.date(2026, 10, 14 if late else 13)
    known = book([*THIRTEEN_DAYS, *rows], as_of=as_of)
    found = compiled(known, tmp_path, as_of=as_of)
    compare(known, found)
    row = cells(found)[Q3.name, "rep", "A", "conversion_rate"]
    if late:
        assert row["value"] == 0.5
        assert (Q3.name, "rep", "A", "last_cohort") not in cells(found)
    else:
        assert (row["verdict"], row["reason"]) == ("not_available", "matures on 14 October 2026")
        assert math.isnan(row["low"])
        assert figure(found, "last_cohort") == (pytest.approx(1 / 3), "the cohort of 2026-Q2")


def test_without_a_cycle_there_is_no_cohort_conversion(tmp_path: Path) -> None:
    """Where no won deal has both dates nobody knows when to judge a cohort: n/a, not 0 %."""
    rows = [
        deal("A", "won", opened=None, closed="2026-07-02", amount=1),
        deal("A", "open"),
        deal("A", "lost", closed="2026-07-01"),
    ]
    found = compiled(book(rows), tmp_path)
    assert math.isnan(figure(found, "conversion_rate")[0])
    assert "no won deal of the workbook has both dates" in cells(found)["2026-Q2", "rep", "A", "conversion_rate"]["reason"]


def test_stale_deals_are_older_than_nine_of_ten_wins(tmp_path: Path) -> None:
    """An open deal is old when its age passes the 90th percentile of all cycles of the workbook, at that age it is not."""
    wins = [deal("B", "won", opened="2026-02-01", closed=f"2026-02-{day:02}", amount=1) for day in (6, 11)]
    rows = [*wins, deal("A", "open", opened="2026-09-20"), deal("A", "open", opened="2026-09-21")]
    known = book([*rows, deal("A", "open", opened="2026-09-22")])
    found = compiled(known, tmp_path)
    compare(known, found)
    assert figure(found, "stale_after")[0] == 9.5
    assert figure(found, "stale_deals")[0] == 2


def test_rounding_makes_no_deal_stale(tmp_path: Path) -> None:
    """A deal as old as the 90th percentile is not old, also where the percentile misses the whole day by its last digits."""
    opened = dt.date(2025, 1, 1)
    days = [(opened + dt.timedelta(days=10 * step)).isoformat() for step in range(52)]
    wins = [deal("B", "won", opened=opened.isoformat(), closed=day, amount=1) for day in days]
    edge = [Q3.end - dt.timedelta(days=age) for age in (459, 460)]
    known = book([*wins, *(deal("A", "open", opened=day.isoformat()) for day in edge)])
    found = compiled(known, tmp_path)
    assert figure(found, "stale_after")[0] == pytest.approx(459)
    assert figure(found, "stale_deals")[0] == 1


def test_leaver_and_rep_without_deals(tmp_path: Path) -> None:
    """Who left has figures only of periods in which a deal, a refund included, closed; who owns no deal has none."""
    reps: list[Row] = [
        {"rep_id": "A", "team": "North", "left_on": None},
        {"rep_id": "gone", "team": "North", "left_on": "2026-06-30"},
        {"rep_id": "closing", "team": "North", "left_on": "2026-06-30"},
        {"rep_id": "refunded", "team": "North", "left_on": "2026-06-30"},
        {"rep_id": "idle", "team": "North", "left_on": None},
    ]
    reps = [{**row, "left_on": row["left_on"] and dt.date.fromisoformat(row["left_on"])} for row in reps]
    rows = [
        deal("A", "won", closed="2026-08-01", amount=10),
        deal("gone", "open"),
        deal("closing", "lost", closed="2026-08-01"),
        deal("refunded", "won", closed="2026-08-01", amount=-4),
        deal("nobody", "won", closed="2026-08-01", amount=1),
    ]
    known = book(rows, reps)
    found = compiled(known, tmp_path)
    compare(known, found, numbers=(3,))
    assert found.reviewed == ("A", "closing", "idle", "refunded")
    assert found.reviewed is found.reviewed  # every team's slice asks, and millions of deals are looked through
    assert figure(found, "revenue", "idle")[1] == "owns no deal in the export"
    assert figure(found, "revenue", "gone")[1] == "not here in the period, and no deal closed in it"
    assert figure(found, "revenue", "refunded")[0] == -4
    assert figure(found, "revenue", "North", scope="team")[0] == 6
    assert figure(found, "revenue", "unassigned", scope="unassigned")[0] == 1
    assert figure(found, "revenue", "all", scope="all")[0] == 7


@pytest.fixture(scope="module")
def with_a_leaver(tmp_path_factory: pytest.TempPathFactory) -> tuple[oracle.Book, PeriodEvidence]:
    """A rep with deals of every kind, and one who left before the period and closed a deal in it."""
    leaver: list[Row] = [*TEAM[:1], {"rep_id": "B", "team": "North", "left_on": dt.date(2026, 6, 1)}]
    rows = [
        BASE,
        deal("A", "won", closed="2026-08-01", amount=5),
        deal("B", "won", closed="2026-08-01", amount=5),
        deal("A", "open", due="2026-11-01"),
    ]
    known = book(rows, leaver, targets={("A", "2026-Q3"): Fraction(9), ("A", "2026-Q4"): Fraction(9)})
    return known, compiled(known, tmp_path_factory.mktemp("leaver"))


@pytest.mark.parametrize(
    "key", ["revenue", *(pytest.param(key, marks=pytest.mark.whole) for key in kpis.MAIN if key != "revenue")]
)
def test_each_kpi_may_be_switched_off(key: str, with_a_leaver: tuple[oracle.Book, PeriodEvidence], tmp_path: Path) -> None:
    """A KPI that params switch off is gone with all that stands beside it, and every other figure stays as it was."""
    known, found = with_a_leaver
    whole, less = cells(found), cells(compiled(known, tmp_path, kpis={key: {"off": True}}))
    gone = {key, *(kpi.key for kpi in kpis.KPIS.values() if kpi.of == key)}
    if key == "revenue":  # the target of revenue is gone, and with it what is worked out from it
        gone |= {"attainment_raw", "reps_target"}
    shown = {place[3] for place in whole}
    assert shown - {place[3] for place in less} == gone & shown
    for place, row in less.items():
        assert row["value"] == pytest.approx(whole[place]["value"], nan_ok=True), place


@pytest.mark.parametrize("grain", ["deals", "accounts"])
def test_all_kpis_of_a_grain_may_be_switched_off(
    grain: str, with_a_leaver: tuple[oracle.Book, PeriodEvidence], tmp_path: Path
) -> None:
    """Where nothing is left to measure of deals, or of accounts, the other figures stay as they were."""
    known, found = with_a_leaver
    off = [key for key in kpis.MAIN if kpis.KPIS[key].expression and kpis.KPIS[key].grain == grain]
    whole, less = cells(found), cells(compiled(known, tmp_path, kpis={key: {"off": True} for key in off}))
    assert {place[3] for place in less} & {*off} == set()
    assert less
    for place, row in less.items():
        assert row["value"] == pytest.approx(whole[place]["value"], nan_ok=True), place


def test_only_what_other_tools_measure_may_be_left(tmp_path: Path) -> None:
    """A workbook may switch off every KPI of the CRM, and keep a measure of its own."""
    calls = {"label": "Calls", "unit": "count", "better": "higher", "definition": "Calls made", "combine": "sum"}
    own: dict[str, Any] = {key: {"off": True} for key in kpis.MAIN} | {"calls": calls}
    measured = [{"rep_id": "A", "kpi": "calls", "period": "2026-Q3", "value": 12}]
    sold = [{"rep_id": "A", "amount": 5, "opened_on": "2026-07-01", "closed_on": "2026-08-01"}]
    params = workbook(tmp_path, deals=sold, reps=TEAM, measures=measured, kpis=own, as_of=AS_OF)
    found = compile_evidence(params, sources.read(params), Q3)
    assert set(found.scorecard["kpi"]) == {"calls"}
    assert figure(found, "calls")[0] == 12


# Generated tables -----------------------------------------------------------------------------------------------------------

#: Few dates, most of them edges, so that generated deals meet at them.
DAYS = [
    "2026-01-01", "2026-03-31", "2026-04-01", "2026-05-15", "2026-06-30", "2026-07-01", "2026-07-01", "2026-08-15",
    "2026-09-30", "2026-10-01", "2026-10-01", "2026-10-15",
]  # fmt: skip
DUE = [None, "2026-06-30", "2026-09-30", "2026-10-01", "2026-12-31", "2027-01-01"]


def reps_around(span: oracle.Span) -> list[Row]:
    """One who is there always, one who moves on the last day of a period, one who left before it, one who begins with it."""
    day, last = dt.timedelta(days=1), span.end - dt.timedelta(days=1)
    always: Row = {"team": "North", "from": None, "to": None, "started_on": None, "left_on": None}
    return [
        {"rep_id": "A", **always},
        {"rep_id": "B", **always, "to": last - day},
        {"rep_id": "B", **always, "team": "South", "from": last},
        {"rep_id": "C", **always, "team": "South", "left_on": span.start - day},
        {"rep_id": "D", **always, "team": None, "started_on": span.start},
    ]


REPS = reps_around(oracle.quarter(2026, 3))


@st.composite
def deals_of_anyone(draw: st.DrawFn) -> Row:
    """A deal of any owner, known or not, at any edge."""
    outcome = draw(st.sampled_from(["won", "won", "won", "lost", "open"]))
    return deal(
        draw(st.sampled_from(["A", "A", "B", "C", "D", "former"])),
        outcome,
        opened=draw(st.sampled_from([None, *DAYS])),
        closed=None if outcome == "open" else draw(st.sampled_from(DAYS)),
        amount=draw(st.sampled_from([None, "0", "-7.25", "10", "10.01", "333.33"])),
        expected=draw(st.sampled_from([None, "0", "12.5", "40", "99.99"])),
        account=draw(st.sampled_from([None, "X", "Y", "Z"])),
        due=draw(st.sampled_from(DUE)),
    )


@st.composite
def books(draw: st.DrawFn) -> oracle.Book:
    """A book of up to 16 deals, some targets, and sometimes an export without expected amounts or dates."""
    deals = draw(st.lists(deals_of_anyone(), min_size=1, max_size=16))
    unmapped = draw(st.sampled_from([(), (), (), ("expected_amount",), ("expected_close_on",)]))
    places = st.tuples(st.sampled_from("ABCD"), st.sampled_from(["2026-Q3", "2026-Q4"]))
    # In Q3 everybody who has a target is there for all of it; shares of active days have their own test.
    wanted = draw(st.dictionaries(places, st.sampled_from([Fraction(0), Fraction(100), Fraction(250)]), max_size=8))
    targets = {place: value for place, value in wanted.items() if place[0] != "C"}
    return book(deals, REPS, unmapped=unmapped, targets=targets)


def held_against_the_loops(known: oracle.Book, *, kind: str = "quarter") -> None:
    number = NUMBERS[kind]
    period = Period.parse(oracle.tile(kind, 2026, number).name)
    with tempfile.TemporaryDirectory() as folder:
        compare(known, compiled(known, Path(folder), period=period), numbers=range(number - 2, number + 1), kind=kind)


@given(known=books())
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_generated_tables(known: oracle.Book) -> None:
    """On any table every figure of every rep, team and the whole equals the plain loop."""
    held_against_the_loops(known)


#: What the company of a number has or lacks, in turns: unmapped columns, and an outcome that its export leaves out.
UNMAPPED = ((), (), ("expected_amount",), (), ("expected_close_on",), ("account_id",), (), ("opened_on",))
LEFT = (None, None, None, "lost", None, "open", None)
#: By which tiles the periods of companies go, in turns, and which one of 2026 is evaluated.
KINDS = ("quarter", "half", "month", "quarter", "year")
NUMBERS = {"quarter": 3, "half": 2, "month": 9, "year": 1}
OWNERS = ("A", "A", "B", "B", "C", "D", "former")


def company(number: int) -> tuple[str, oracle.Book]:
    """Make a company of some 90 deals, and say by which tiles its periods go: half of its dates are edges of the one evaluated.

    Every oddity of a deal occurs, and in each company some accounts buy for the first time from several at once.
    """
    at, kind, day = random.Random(number), KINDS[number % len(KINDS)], dt.timedelta(days=1)
    before, window, span, following = (oracle.tile(kind, 2026, NUMBERS[kind] + step) for step in (-2, -1, 0, 1))
    as_of = at.choice([span.end - 5 * day, span.end - day, span.end, *[span.end + 14 * day] * 3, following.end + 3 * day])
    begun = at.choice([before.start - 100 * day, *[before.start] * 3, window.start, window.start + day, span.start])
    edges = [edge for edge in (*_edges(before, window, span), as_of) if edge <= as_of]
    year = [before.start + dt.timedelta(days=days) for days in range(0, (as_of - before.start).days, 1 + number % 9)]
    due = [None, span.start - day, span.end - day, span.end, following.end - day, following.end]
    rows = []
    for _ in range(at.randint(60, 120)):
        outcome = at.choice(["won", "won", "lost", "open"])
        opened, closed = at.choice([*year, *edges]), at.choice(edges)
        if at.random() < (0.7, 0.95)[number % 2]:  # most deals take some weeks, so that cohorts of some companies are mature
            closed = min(opened + dt.timedelta(days=at.choice([0, 6, 7, 8, 13, 14, 15, 20, 40])), as_of)
        row = deal(
            at.choice(OWNERS),
            outcome,
            amount=at.choice([None, "0", "-7.25", "10", "10.01", "333.33", "1250"]),
            expected=at.choice([None, "0", "12.5", "40", "99.99", "800"]),
            account=at.choice([None, *"TUVWXYZ"]),
        )
        rows.append(row | {"opened_on": at.choice([None, *[opened] * 9]), "closed_on": None if outcome == "open" else closed})
    for account in "KLMN":
        bought = at.choice([edge for edge in edges if span.start <= edge < span.end])
        for amount in ["10", at.choice(["0", "10", "333.33"]), *at.choices([None, "-7.25", "10.01"], k=at.randint(0, 2))]:
            dates = {"opened_on": bought - at.choice([0, 7, 13]) * day, "closed_on": bought}
            rows.append(deal(at.choice(OWNERS), "won", amount=amount, account=account) | dates)
    # The order of the file is not that of the ids.
    for row, place in zip(rows, at.sample(range(1000), len(rows)), strict=True):
        row |= {"deal_id": f"D{place:03}", "expected_close_on": at.choice(due)}
    left = LEFT[number % len(LEFT)]
    return kind, book(
        [row for row in rows if row["outcome"] != left],
        reps_around(span),
        unmapped=UNMAPPED[number % len(UNMAPPED)],
        targets={(rep, each.name): Fraction(at.choice([0, 100, 2500])) for rep in "ABD" for each in (span, following)},
        as_of=as_of,
        history_from=begun,
    )


def _edges(before: oracle.Span, window: oracle.Span, span: oracle.Span) -> list[dt.date]:
    """The days on which a period, its window and the time before it begin and end, and one in the middle of each."""
    day = dt.timedelta(days=1)
    middles = [each.start + (each.end - each.start) / 2 for each in (window, span)]
    starts = [before.start, window.start, span.start, span.start, span.end, span.end]
    return sorted([*starts, *middles, *(each.end - day for each in (before, window, span))])


def first_purchases(known: oracle.Book, span: oracle.Span) -> list[list[Row]]:
    """What each account that bought for the first time in a period bought on that day, in the order of the file."""
    sales = [row for row in known.deals if oracle.sale(row) and row["account_id"] is not None]
    first = {row["account_id"]: row["closed_on"] for row in sorted(sales, key=lambda row: row["closed_on"], reverse=True)}
    days = {account: day for account, day in first.items() if span.start <= day < span.end}
    return [[row for row in sales if (row["account_id"], row["closed_on"]) == each] for each in days.items()]


@pytest.mark.parametrize("number", [0, *(pytest.param(number, marks=pytest.mark.whole) for number in range(1, 40))])
def test_companies_equal_the_loops(number: int) -> None:
    """Every figure of forty companies equals a plain loop that shares no code with the engine."""
    kind, known = company(number)
    held_against_the_loops(known, kind=kind)


def test_companies_have_every_edge() -> None:
    """Among the companies each oddity meets each edge often, cohorts of both kinds are there, and no two dates go together."""
    odd, rates, ways = Counter[str](), list[bool](), list[tuple[str, int, int]]()
    for kind, known in map(company, range(40)):
        window, span = (oracle.tile(kind, 2026, NUMBERS[kind] + step) for step in (-1, 0))
        deals = known.deals
        odd["closed exactly on the end"] += sum(row["closed_on"] == span.end for row in deals)
        odd["opened exactly on the start"] += sum(row["opened_on"] == span.start for row in deals)
        odd["refund"] += sum(map(oracle.refund, deals))
        odd["won without an amount"] += sum(oracle.win(row) and not oracle.sale(row) for row in deals)
        odd["of amount zero"] += sum(row["amount"] == 0 for row in deals)
        odd["no account"] += sum(row["account_id"] is None for row in deals)
        odd["no opening date"] += sum(row["opened_on"] is None for row in deals)
        odd["closed before it was opened"] += sum(map(oracle.backwards, deals))
        odd["of a leaver"] += sum(row["rep_id"] == "C" and row["closed_on"] is not None for row in deals)
        odd["of nobody"] += sum(row["rep_id"] == "former" for row in deals)
        everyone = frozenset("ABCD")
        if oracle.reading("new_customers", oracle.Case(known, everyone, span))[0] is not None:
            tied = [rows for rows in first_purchases(known, span) if len(rows) > 1]
            of_two = [rows for rows in tied if len({row["rep_id"] for row in rows}) > 1]
            odd["first purchases on one day"] += len(tied)
            odd["of two reps"] += len(of_two)
            odd["of two reps, not the first in the file"] += sum(
                min(rows, key=lambda row: row["deal_id"])["rep_id"] != rows[0]["rep_id"] for rows in of_two
            )
        rates += [oracle.reading("conversion_rate", oracle.Case(known, everyone, each))[0] is None for each in (window, span)]
        ways.append((kind, (known.as_of - span.end).days, (known.history_from - window.start).days))
    assert min(odd[name] for name in odd if "in the file" not in name) >= 40, odd
    assert odd["of two reps, not the first in the file"] >= 20, odd
    assert min(rates.count(young) for young in (True, False)) >= 10
    kinds, dates, histories = (Counter(each) for each in zip(*ways, strict=True))
    assert min(kinds[kind] for kind in NUMBERS) >= 5, kinds
    assert (len(dates), len(histories)) >= (5, 5), (dates, histories)
    assert {days < 0 for days in dates} == {days > 0 for days in histories} == {True, False}


@pytest.mark.whole
@given(known=books())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_many_generated_tables(known: oracle.Book) -> None:
    """On any table every figure equals the plain loop, a dozen times over."""
    held_against_the_loops(known)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.timeout(3600)
@given(known=books())
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_generated_tables_for_long(known: oracle.Book) -> None:
    """On any table every figure equals the plain loop, five hundred times over."""
    held_against_the_loops(known)


@pytest.mark.whole
def test_adding_a_kpi_is_one_record(tmp_path: Path) -> None:
    """One file changes in a copy: params, schema, scorecard, pages and documentation have the KPI, and no test falls."""
    tests = ("tests/largest_share.py", "tests/params/test_kpis.py", "tests/params/test_reading.py", "tests/test_docs.py")
    chosen = "largest_share or test_edges or every_figure or reference or schema or kpi_is_documented"
    done = walks.python(walks.with_kpi(tmp_path), "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", *tests, "-k", chosen)
    assert "passed" in done


def test_every_figure_has_a_loop() -> None:
    """Each figure of the first release is held against a loop; one that was added since may have a test of its own."""
    (slice_, *_) = sorted(RELEASED.glob("0.1.0/reports/*/snapshots/*/*/rep-*.json"))
    released = {kpi["key"] for kpi in json.loads(slice_.read_text(encoding="utf-8").splitlines()[0])["kpis"]} & kpis.KPIS.keys()
    assert len(released) == 53
    assert released - oracle.FIGURES.keys() - ELSEWHERE == set()
    assert oracle.FIGURES.keys() <= kpis.KPIS.keys()


def test_every_figure_is_described_once() -> None:
    """Every figure has a label and a definition, a KPI proper also a group and a unit, and no other key than its own."""
    for key, kpi in kpis.KPIS.items():
        assert (kpi.key, bool(kpi.label), bool(kpi.definition)) == (key, True, True)
        assert kpi.of is None or (kpi.of in kpis.MAIN and kpi.judged_by is None)


def test_sql_is_kept_for_every_figure(tmp_path: Path) -> None:
    """What measures each KPI is kept as text."""
    found = compiled(book([BASE]), tmp_path)
    assert set(found.measured.columns) == {key for key, kpi in kpis.KPIS.items() if kpi.expression}
    assert all("SELECT" in found.measured.views[f"{grain}_measures"] for grain in ("deal", "account"))
    assert isinstance(found.scorecard, pd.DataFrame)
