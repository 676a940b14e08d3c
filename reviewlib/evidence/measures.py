"""Measures from other tools: how their periods and reps combine to the figure of a review."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from reviewlib.errors import SourceError
from reviewlib.evidence.roster import Post, Roster
from reviewlib.params.figures import Kpi
from reviewlib.params.model import Params
from reviewlib.params.words import part_of
from reviewlib.periods import Period

Combine = Literal["sum", "mean", "last"]


@dataclass(frozen=True)
class MeasureRow:
    """One row of the measures table."""

    rep_id: str
    period: Period
    value: float
    n: float | None
    line: int


@dataclass(frozen=True)
class Combined:
    """A figure over several rows; ``value`` is None where they do not make one, with the reason.

    Each of its rows has the n that it counts with.
    """

    value: float | None
    n: float
    reason: str | None = None
    rows: tuple[MeasureRow, ...] = ()

    @classmethod
    def of(cls, rows: Sequence[MeasureRow], combine: Combine) -> Combined:
        """Combine rows that all have an n."""
        total = sum(row.n or 0 for row in rows)
        if combine != "mean":
            return cls(sum(row.value for row in rows), total, rows=tuple(rows))
        if total <= 0:
            return cls(None, 0, "no observation behind the figures")
        return cls(sum(row.value * (row.n or 0) for row in rows) / total, total, rows=tuple(rows))


def evaluate(params: Params, table: pd.DataFrame, *, kpis: Mapping[str, Kpi], roster: Roster) -> pd.DataFrame:
    """Combine the measures for every scope and period.

    The columns are scope, scope_id, period, kpi, numerator, denominator (missing), n, reason and rows (those combined).

    Raises:
        SourceError: Two rows of one rep and measure overlap.
    """
    rows = _rows(params, table)
    own = [key for key, kpi in kpis.items() if kpi.expression is None and kpi.of is None]
    periods = {period.name: period for period in roster.periods}
    records = []

    @functools.cache
    def of_rep(rep: str, key: str, combine: Combine, period: Period) -> tuple[Post | None, Combined]:
        """Combine a rep's rows, once for all scopes."""
        post = roster.posts.get((rep, period.name))
        return post, _of_rep(rows.get((rep, key), []), combine, period, post)

    for (scope, scope_id, name), reps in roster.members().groupby(["scope", "scope_id", "period"])["rep_id"]:
        period = periods[str(name)]
        for key in own:
            combine = params.kpis[key].combine or "sum"
            if scope != "rep" and combine == "last":
                result = Combined(None, 0, "the last figures of several reps do not combine")
            else:
                each = [of_rep(rep, key, combine, period) for rep in reps]
                result = each[0][1] if scope == "rep" else _of_several(each, combine, period)
            records.append((scope, scope_id, name, key, result.value, np.nan, result.n, result.reason, result.rows))
    columns = ["scope", "scope_id", "period", "kpi", "numerator", "denominator", "n", "reason", "rows"]
    # Without a type of its own, an empty table would turn the columns that it is put under into objects.
    return pd.DataFrame(records, columns=columns).astype(dict.fromkeys(["numerator", "denominator", "n"], "float64"))


def _rows(params: Params, table: pd.DataFrame) -> dict[tuple[str, str], list[MeasureRow]]:
    rows: dict[tuple[str, str], list[MeasureRow]] = {}
    for record in table.to_dict("records"):
        period = Period.parse(str(record["period"]), params.fiscal)
        n = None if pd.isna(record["n"]) else float(record["n"])
        row = MeasureRow(str(record["rep_id"]), period, float(record["value"]), n, int(record["source_line"]))
        rows.setdefault((row.rep_id, str(record["kpi"])), []).append(row)
    return rows


def _of_several(each: Sequence[tuple[Post | None, Combined]], combine: Combine, period: Period) -> Combined:
    known = [result for _, result in each if result.value is not None]
    if not known:
        return Combined(None, 0, f"no figure for {period}")
    active = [result for post, result in each if post is not None and post.active_days(period)]
    lacking = sum(result.value is None for result in active)
    if lacking and combine == "sum":
        return Combined(None, 0, part_of(lacking, len(active), "active reps have no figure"))
    return Combined.of([row for result in known for row in result.rows], combine)


def _of_rep(rows: list[MeasureRow], combine: Combine, period: Period, post: Post | None) -> Combined:
    inside = sorted((row for row in rows if period.contains(row.period)), key=lambda row: row.period)
    for left, right in itertools.pairwise(inside):
        if right.period.start < left.period.end:
            raise SourceError(
                "Two rows of one measure overlap.",
                where=f"the measures file, lines {left.line} and {right.line}",
                found=f"{left.period} and {right.period}",
                do="Keep one of them.",
            )
    if not inside:
        return Combined(None, 0, f"no figure for {period}")
    if combine != "sum":
        counted = [replace(row, n=1.0 if row.n is None else row.n) for row in inside]
        return Combined.of(counted[-1:] if combine == "last" else counted, combine)
    # Of a sum, a missing month in which the rep was there leaves the whole unknown.
    months = [month for month in period.months() if post is None or post.active_days(month)]
    covered = [month for month in months if any(row.period.contains(month) for row in inside)]
    if len(covered) < len(months):
        return Combined(None, 0, f"figures for {part_of(len(covered), len(months), 'months')} only")
    given = any(row.n for row in inside)
    return Combined.of([replace(row, n=(row.n or 0.0) if given else 1.0) for row in inside], combine)
