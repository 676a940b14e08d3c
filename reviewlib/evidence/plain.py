"""Frames as plain rows: what JSON holds, converted column by column, once for a whole frame."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

Rows = list[list[Any]]


def plain(value: Any) -> Any:
    """Turn one value into what JSON holds; missing is None, a decimal a number, a date its ISO text."""
    if value is None or value is pd.NaT or (not isinstance(value, str) and pd.isna(value)):
        return None
    if isinstance(value, Decimal | np.floating):
        return float(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, dt.datetime):
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, dt.date) else value


def rows(frame: pd.DataFrame, columns: Sequence[str]) -> Rows:
    """Turn some columns of a frame into rows of plain values."""
    return [list(row) for row in zip(*(_column(frame[name]) for name in columns), strict=True)]


def rows_by(frame: pd.DataFrame, columns: Sequence[str], *, by: Sequence[str]) -> dict[Any, Rows]:
    """Turn a frame into rows of plain values for each value of a column, or of several; the order stays."""
    keys = _column(frame[by[0]]) if len(by) == 1 else [*zip(*(_column(frame[name]) for name in by), strict=True)]
    found: dict[Any, Rows] = {}
    for key, row in zip(keys, rows(frame, columns), strict=True):
        found.setdefault(key, []).append(row)
    return found


def table(columns: Sequence[str], data: Rows) -> dict[str, Any]:
    """Columns and rows, as a slice holds them."""
    return {"columns": list(columns), "data": data}


def records(columns: Sequence[str], data: Rows) -> list[Mapping[Any, Any]]:
    """The same rows with their columns' names."""
    return [dict(zip(columns, row, strict=True)) for row in data]


def _column(series: pd.Series) -> list[Any]:
    """Convert a column at once where its type is one that pandas converts exactly; value by value elsewhere."""
    if isinstance(series.dtype, np.dtype) and series.dtype.kind == "f":
        return [None if value != value else value for value in series.tolist()]
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "iub":
        return list(series.tolist())
    if isinstance(series.dtype, pd.StringDtype):
        return [None if value is pd.NA or value != value else value for value in series.tolist()]
    return [plain(value) for value in series]
