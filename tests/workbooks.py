"""Small workbooks for tests: rows as dicts to CSV files, a params file and ``Params``."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from reviewlib.evidence.sources import Tables
from reviewlib.params.crm import DealColumns, MeasureColumns, ProductColumns, RepColumns, TargetColumns
from reviewlib.params.model import Params

Row = Mapping[str, Any]

STAGES = {"won": ["Won"], "lost": ["Lost"], "open": ["Open"]}
_COLUMNS = {
    "deals": DealColumns,
    "reps": RepColumns,
    "targets": TargetColumns,
    "measures": MeasureColumns,
    "products": ProductColumns,
}


def workbook(
    folder: Path,
    *,
    deals: Sequence[Row],
    reps: Sequence[Row] | None = None,
    targets: Sequence[Row] | None = None,
    measures: Sequence[Row] | None = None,
    products: Sequence[Row] | None = None,
    **overrides: Any,
) -> Params:
    """Write a workbook into ``folder`` and return its params.

    Rows carry canonical column names (a stage is ``Won``, ``Lost`` or ``Open`` unless ``crm`` says otherwise), every value is
    written as its text, None as nothing. Canonical columns that occur in the rows are mapped, others are only written. Deals
    get ids and the stage ``Won`` where they have none. Overrides are merged into the params, however deep:
    ``workbook(tmp_path, deals=rows, as_of="2026-09-30", crm={"quarantine": {"rows": 1, "amount": 1}})``.

    The files are ``params/book.yaml`` and ``params/book/<table>.csv``, so that ``params.root`` is ``folder``.
    """
    deals = [{"deal_id": f"D{place}", "stage": "Won", **row} for place, row in enumerate(deals, start=1)]
    given = {"deals": deals, "reps": reps, "targets": targets, "measures": measures, "products": products}
    path = folder / "params" / "book.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    crm: dict[str, Any] = {}
    for table, rows in given.items():
        if rows is not None:
            header = list(dict.fromkeys(name for row in rows for name in row))
            known = {field.alias or name for name, field in _COLUMNS[table].model_fields.items()}
            write_csv(path.parent / "book" / f"{table}.csv", rows, header=header or sorted(known))
            columns = {name: name for name in header or sorted(known) if name in known}
            crm[table] = {"file": f"book/{table}.csv", "columns": columns}
    crm["deals"]["stages"] = STAGES
    data = _merge({"name": "book", "currency": "EUR", "crm": crm}, overrides)
    path.write_text(json.dumps(data, indent=1, default=str), encoding="utf-8")
    return params_of(data, path)


def params_of(data: Row, path: Path) -> Params:
    """Validate ``data`` as the params file that stands at ``path``."""
    params = Params.model_validate(data)
    params._path = path.resolve()
    return params


def changed(params: Params, **overrides: Any) -> Params:
    """Copy the params of a workbook with some keys changed, the way ``workbook`` merges them."""
    data = _merge(json.loads(params.path.read_text(encoding="utf-8")), overrides)
    return params_of(json.loads(json.dumps(data, default=str)), params.path)


def without_proof(folder: Path) -> None:
    """Make a snapshot one that was frozen before hashes were kept, so that a test may change what it says."""
    path = folder / "snapshot.json"
    info = json.loads(path.read_text(encoding="utf-8"))
    for each in folder.rglob("*.*"):
        each.chmod(0o600)
    path.write_text(json.dumps({key: value for key, value in info.items() if key not in ("files", "format")}), encoding="utf-8")
    for current in folder.parents[1].glob("*/current"):
        current.write_text(current.read_text(encoding="utf-8").partition(" ")[0], encoding="utf-8")


def write_csv(path: Path, rows: Sequence[Row], *, header: Sequence[str], encoding: str = "utf-8", **dialect: Any) -> None:
    """Write rows under this header; None is written as nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, **{"lineterminator": "\n", **dialect})
        writer.writerow(header)
        writer.writerows([["" if row.get(name) is None else str(row[name]) for name in header] for row in rows])


def deals_of(read: Tables) -> pd.DataFrame:
    """The deals that were used, in the order of the file."""
    return read.store.frame("FROM deals ORDER BY source_line")


def _merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        inner = merged.get(key)
        merged[key] = _merge(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return merged
