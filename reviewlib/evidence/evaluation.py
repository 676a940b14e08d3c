"""KPIs evaluated: every expression over the facts, for all scopes and all periods of the trend in one query per grain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from reviewlib.evidence.facts import Facts, Query
from reviewlib.evidence.figures import Kpi

GROUP = ["scope", "scope_id", "period"]


@dataclass(frozen=True)
class Evaluation:
    """Every figure as measured, before targets, and the query that measures it.

    Attributes:
        figures: One row per (scope, scope_id, period, kpi): numerator, denominator (missing where the KPI has none), n,
            sample (ascending list of observations, None where the KPI has no interval of its own).
        queries: That of each KPI alone, as text.
    """

    figures: pd.DataFrame
    queries: Mapping[str, str]


def evaluate(facts: Facts, kpis: Mapping[str, Kpi], groups: pd.DataFrame) -> Evaluation:
    """Measure every KPI that has an expression.

    Args:
        facts: The deal and account facts.
        kpis: The figures by key.
        groups: scope, scope_id, period: who gets a row even without any deal; sums and counts are then 0.
    """
    parts: list[pd.DataFrame] = []
    queries: dict[str, str] = {}
    for table in (facts.deals, facts.accounts):
        own = tuple(kpi for kpi in kpis.values() if kpi.expression and _table(facts, kpi) is table)
        name, schema = table.get_name(), table.schema()
        wide = groups.merge(_aggregate(name, schema, own).ask(facts.con), on=GROUP, how="left")
        parts += [_long(wide, kpi) for kpi in own]
        queries |= {kpi.key: _aggregate(name, schema, (kpi,)).text for kpi in own}
    return Evaluation(pd.concat(parts, ignore_index=True), queries)


def _table(facts: Facts, kpi: Kpi) -> ir.Table:
    return facts.deals if kpi.grain == "deals" else facts.accounts


@cache
def _aggregate(name: str, schema: ibis.Schema, kpis: tuple[Kpi, ...]) -> Query:
    """Write one aggregation that holds the measures of all these KPIs; once per set of columns."""
    table = ibis.table(schema, name=name)
    columns: dict[str, ir.Value] = {}
    for kpi in kpis:
        assert kpi.expression is not None
        measure = kpi.expression(table)
        columns[f"{kpi.key}.top"] = measure.top.cast("float64")
        columns[f"{kpi.key}.n"] = (measure.top if measure.n is None else measure.n).cast("float64")
        if measure.bottom is not None:
            columns[f"{kpi.key}.bottom"] = measure.bottom.cast("float64")
        if measure.sample is not None:
            columns[f"{kpi.key}.sample"] = measure.sample.cast("float64").collect()
    return Query.of(table.group_by(GROUP).aggregate(**columns))


def _long(wide: pd.DataFrame, kpi: Kpi) -> pd.DataFrame:
    """Take one KPI's columns out of the wide result; what nobody has is zero, unless it is a middle or a largest."""
    top, bottom, n = (_column(wide, kpi, part) for part in ("top", "bottom", "n"))
    divided = f"{kpi.key}.bottom" in wide
    samples = wide.get(f"{kpi.key}.sample")
    return pd.DataFrame(
        {name: wide[name] for name in GROUP}
        | {
            "kpi": kpi.key,
            "n": n.fillna(0.0),
            "numerator": top if kpi.empty and not divided and not kpi.per_target else top.fillna(0.0),
            "denominator": bottom.fillna(0.0) if divided else np.nan,
            "sample": None if samples is None else [_sorted(sample) for sample in samples],
        }
    )


def _column(wide: pd.DataFrame, kpi: Kpi, part: str) -> pd.Series:
    name = f"{kpi.key}.{part}"
    return wide[name].astype("float64") if name in wide else pd.Series(np.nan, index=wide.index)


def _sorted(sample: object) -> list[float]:
    return sorted(sample) if isinstance(sample, list | tuple | np.ndarray) else []
