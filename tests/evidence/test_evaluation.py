"""Evaluation: every KPI for all scopes and periods at once, and its query as text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import ibis
import numpy as np
import pandas as pd
import pytest
from workbooks import workbook

from reviewlib.evidence import evaluation, facts, kpis, sources
from reviewlib.evidence.roster import roster
from reviewlib.periods import Period

Q3 = Period.parse("2026-Q3")
DEALS: list[dict[str, Any]] = [
    {"rep_id": "A", "account_id": "X", "amount": amount, "expected_amount": 8, "opened_on": "2026-06-01", "closed_on": day,
     "expected_close_on": None}
    for amount, day in ((0.1, "2026-07-01"), (0.2, "2026-08-01"), (90, "2026-06-02"), (None, "2026-09-01"))
]  # fmt: skip
REPS = [{"rep_id": "A", "team": "North"}, {"rep_id": "idle", "team": "North"}]


class Built:
    """Figures of a small workbook, and the connection that holds its facts."""

    def __init__(self, folder: Path) -> None:
        read = sources.read(workbook(folder, deals=DEALS, reps=REPS, as_of="2026-12-31"))
        calendar = facts.Calendar((Q3.previous, Q3))
        people = roster(read.reps, owners=["A"], periods=[*calendar.periods, Q3.next])
        self.groups = people.groups()
        self.groups = self.groups[self.groups["period"] != Q3.next.name].reset_index(drop=True)
        self.connection = ibis.duckdb.connect()
        built = facts.build(self.connection, read.deals, members=people.members(), calendar=calendar, mapped=read.mapped)
        self.found = evaluation.evaluate(built, kpis.KPIS, self.groups)

    def row(self, kpi: str, rep: str = "A") -> dict[str, Any]:
        frame = self.found.figures
        chosen = frame[(frame["kpi"] == kpi) & (frame["scope_id"] == rep) & (frame["period"] == Q3.name)]
        assert len(chosen) == 1
        return {str(key): value for key, value in chosen.iloc[0].items()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    found = Built(tmp_path_factory.mktemp("evaluation"))
    yield found
    found.connection.disconnect()


def test_every_scope_has_every_figure(built: Built) -> None:
    """One row per scope, period and figure, also for who has no deal."""
    frame = built.found.figures
    expressed = [key for key, kpi in kpis.KPIS.items() if kpi.expression]
    assert len(frame) == len(built.groups) * len(expressed)
    assert not frame.duplicated(["scope", "scope_id", "period", "kpi"]).any()


def test_money_is_added_as_decimals(built: Built) -> None:
    """A tenth and two tenths are three tenths."""
    assert built.row("revenue")["numerator"] == 0.3


def test_nothing_is_zero_for_sums_and_missing_for_middles(built: Built) -> None:
    """Who has no deal sums and counts to zero; a median or a largest of nothing is missing, not zero."""
    assert (built.row("revenue", "idle")["numerator"], built.row("closed_deals", "idle")["n"]) == (0, 0)
    assert (built.row("win_rate", "idle")["numerator"], built.row("win_rate", "idle")["denominator"]) == (0, 0)
    assert all(np.isnan(built.row(key, "idle")["numerator"]) for key in ("cycle_days", "deal_size_median", "largest_deal"))


def test_samples_are_ascending_and_hold_what_counts(built: Built) -> None:
    """The observations behind a median are sorted, without those that do not count."""
    assert built.row("deal_size")["sample"] == [0.1, 0.2]
    assert built.row("cycle_days")["sample"] == [30, 61, 92]
    assert built.row("cycle_days", "idle")["sample"] == []


def test_query_of_each_kpi_gives_its_figure(built: Built) -> None:
    """The text kept for a KPI runs alone and gives the same figure."""
    for key, query in built.found.queries.items():
        frame: pd.DataFrame = built.connection.raw_sql(query).df()
        own = frame[(frame["scope"] == "rep") & (frame["scope_id"] == "A") & (frame["period"] == Q3.name)]
        expected = built.row(key)["numerator"]
        top = own[f"{key}.top"].item() if len(own) else np.nan
        assert (pd.isna(top) and (pd.isna(expected) or expected == 0)) or top == pytest.approx(expected), key


def test_engine_is_not_shared(built: Built) -> None:
    """The facts live in a connection of their own, not in the process-wide one."""
    with pytest.raises(duckdb.CatalogException):
        duckdb.sql("select * from deal_facts")
