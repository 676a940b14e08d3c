"""Small scorecards for tests: figures given by hand, judged by the rules of a workbook."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from workbooks import STAGES, params_of

from reviewlib.evidence import tables
from reviewlib.evidence.availability import ScorecardContext, of_workbook
from reviewlib.evidence.facts import Calendar
from reviewlib.evidence.intervals import median_bounds
from reviewlib.evidence.period import card_of
from reviewlib.evidence.roster import roster
from reviewlib.evidence.targets import targets
from reviewlib.params.crm import DealColumns
from reviewlib.periods import Period

PERIOD = Period.parse("2026-Q3")


def context_of(
    reps: Sequence[str] = ("A",),
    *,
    target_rows: Sequence[Mapping[str, Any]] = (),
    team: str | None = "T",
    count: int = 8,
    **overrides: Any,
) -> ScorecardContext:
    """Set up a workbook of these reps; ``target_rows`` are rows of the targets table, overrides keys of params."""
    columns = {field.alias or name: field.alias or name for name, field in DealColumns.model_fields.items()}
    deals = {"file": "deals.csv", "columns": columns, "stages": STAGES}
    params = params_of({"name": "book", "currency": "EUR", "crm": {"deals": deals}, **overrides}, Path("params/book.yaml"))
    trend = PERIOD.trend(count)
    rows = [{"rep_id": rep, "rep_name": f"Name of {rep}", "team": team, "role": "Seller"} for rep in reps]
    people = roster(_table(rows, tables.REPS), owners=list(reps), periods=[*trend, PERIOD.next])
    mapped = frozenset(columns)
    filled = [{"ramp": None, "source_line": 2, **row, "value": Decimal(str(row["value"]))} for row in target_rows]
    return ScorecardContext(
        params=params,
        kpis=of_workbook(params, mapped),
        calendar=Calendar(trend, None),
        trend=trend,
        roster=people,
        targets=targets(params, _table(filled, tables.TARGETS), roster=people, strict=PERIOD),
        mapped=mapped,
        lacks={},
        as_of=dt.date(2026, 10, 15),
        history_from=dt.date(2020, 1, 1),
        closing=frozenset((rep, period.name) for rep in reps for period in trend),
    )


def target(kpi: str, value: float, *, scope: str = "rep", scope_id: str = "A", period: str = "2026-Q3") -> dict[str, Any]:
    """Write one row of the targets table."""
    return {"scope": scope, "scope_id": scope_id, "kpi": kpi, "period": period, "value": value}


def of_median(sample: Sequence[float]) -> dict[str, float]:
    """The bounds of a median of ascending observations, where there are enough of them."""
    places = median_bounds(len(sample)) or ()
    return {name: sample[place - 1] for name, place in zip(("low", "high"), places, strict=False)}


def figure(kpi: str, top: float, bottom: float = np.nan, **more: Any) -> dict[str, Any]:
    """Write one measured figure: ``top`` or ``top / bottom``; scope, scope_id, period, n and the rest as given."""
    row = {"scope": "rep", "scope_id": "A", "period": PERIOD.name, "kpi": kpi, "numerator": top, "denominator": bottom}
    return {
        **row,
        "n": top if np.isnan(bottom) else bottom,
        "matures_on": np.nan,
        **dict.fromkeys(("low", "high"), np.nan),
        "reason": None,
        **more,
    }


@dataclass(frozen=True)
class NoDeals:
    """What a scorecard asks of deals: amounts of these sizes, and samples beside their levels as given."""

    sizes: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["rep_id", "period", "kind", "number", "total", "squares"])
    )
    samples: Mapping[tuple[str, str, str], Sequence[float]] = field(default_factory=dict)

    def beside(self, levels: pd.DataFrame) -> pd.DataFrame:
        """Count the values of each sample above and below its level."""
        rows = levels.to_dict("records")
        samples = [self.samples.get((row["scope_id"], row["period"], row["kpi"]), ()) for row in rows]
        above = [sum(one > row["level"] for one in sample) for row, sample in zip(rows, samples, strict=True)]
        below = [sum(one < row["level"] for one in sample) for row, sample in zip(rows, samples, strict=True)]
        return levels.assign(above=above, below=below)

    def middles(self, members: pd.DataFrame) -> pd.DataFrame:
        """The median of each group's values."""
        found = []
        for (kpi, period, group), own in members.groupby(["kpi", "period", "group"]):
            values = [one for rep in own["scope_id"] for one in self.samples.get((rep, period, kpi), ())]
            found.append((kpi, period, group, np.median(values) if values else np.nan))
        return pd.DataFrame(found, columns=["kpi", "period", "group", "level"])


def amounts(kind: str, each: Sequence[float], *, reps: Sequence[str] = ("A",), count: int = 8) -> pd.DataFrame:
    """These amounts of every rep in every period before the last."""
    own = np.array(each, dtype="float64")
    row = {"kind": kind, "number": float(len(own)), "total": own.sum(), "squares": (own**2).sum()}
    return pd.DataFrame([{"rep_id": rep, "period": period.name, **row} for rep in reps for period in PERIOD.trend(count)[:-1]])


def judged(context: ScorecardContext, figures: Sequence[Mapping[str, Any]], deals: NoDeals | None = None) -> pd.DataFrame:
    """Judge figures."""
    frame = pd.DataFrame(list(figures))
    typed = frame.astype({"numerator": "float64", "denominator": "float64", "n": "float64"})
    return card_of(typed, context, deals or NoDeals())  # type: ignore[arg-type]


def row(frame: pd.DataFrame, kpi: str, *, scope_id: str = "A", period: str = PERIOD.name) -> dict[str, Any]:
    """Read one row of a scorecard, None where missing."""
    found = frame[(frame["kpi"] == kpi) & (frame["scope_id"] == scope_id) & (frame["period"] == period)]
    assert len(found) == 1, f"{len(found)} rows of {kpi}"
    return {str(name): None if pd.isna(value) else value for name, value in found.iloc[0].items()}


def _table(rows: Sequence[Mapping[str, Any]], table: tables.Table) -> pd.DataFrame:
    return pd.DataFrame([dict(row) for row in rows], columns=[*table.columns]).astype(object)
