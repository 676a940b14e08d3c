"""Files beside an export that look like its reps or its products."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from reviewlib.errors import ReviewError
from reviewlib.evidence.comparison import at_least, below
from reviewlib.workbook import sniffing
from reviewlib.workbook.mapping import Mapped, known, match_header
from reviewlib.workbook.sniffing import UnknownExport

_KINDS: Final = {".csv", ".tsv", ".parquet", ".xlsx"}
#: Files beyond this are other exports, not reps or products.
_LARGEST: Final = 2_000_000
_MOST_FILES: Final = 20
#: From this share of shared values on, the file is used; from half of them it is offered.
_SURE: Final = 0.8
_LIKELY: Final = 0.5
_NUMERIC: Final = {"list_price"}
_DATED: Final = {"started_on", "left_on"}


@dataclass(frozen=True)
class Neighbour:
    """A file that could be read too.

    Attributes:
        table: ``reps`` or ``products``.
        file: Its base name.
        columns: Canonical column to its header.
        form: Its dialect, where it is text.
        why: What speaks for it.
        sure: Whether most values of the deals are found in it.
        aliases: Spellings of the deals that mean a value of this file.
    """

    table: str
    file: str
    columns: Mapping[str, str]
    form: Mapping[str, Any]
    why: str
    sure: bool
    aliases: Mapping[str, str] = field(default_factory=dict)


def neighbours(export: Path, found: UnknownExport, mapped: Mapped) -> tuple[Neighbour, ...]:
    """Look for the reps and the products in the export's folder; at most one file each, the best match."""
    files = [path for path in sorted(export.parent.iterdir()) if path.suffix.lower() in _KINDS and path.name != export.name]
    looked: list[UnknownExport] = []
    for path in files[:_MOST_FILES]:
        if path.stat().st_size <= _LARGEST:
            try:
                looked.append(sniffing.look(path))
            except ReviewError:
                # Some other file; it is not the export's fault, so nothing is said.
                continue
    best = (_best(looked, found, mapped, table, deal_key) for table, deal_key in (("reps", "rep_id"), ("products", "product")))
    return tuple(neighbour for neighbour in best if neighbour)


def _best(looked: list[UnknownExport], found: UnknownExport, mapped: Mapped, table: str, deal_key: str) -> Neighbour | None:
    if deal_key not in mapped.columns:
        return None
    wanted = set(found.counts(mapped.columns[deal_key]))
    rated = [rated for other in looked if (rated := _rate(other, wanted, table, deal_key))]
    return max(rated, key=lambda pair: pair[0])[1] if rated else None


def _rate(other: UnknownExport, wanted: set[str], table: str, deal_key: str) -> tuple[float, Neighbour] | None:
    columns = _columns(other, wanted, table, deal_key)
    if columns is None or not set(known()[table]["must"]) <= set(columns):
        return None
    have = other.counts(columns[deal_key])
    aliases = _aliases(wanted - set(have), have)
    shared = (len(wanted & set(have)) + len(aliases)) / max(1, len(wanted))
    unique = all(count == 1 for count in have.values())
    if below(shared, _LIKELY) or other.rows < 2:
        return None
    why = f"{len(wanted & set(have))} of {len(wanted)} values of {deal_key} stand in its column {columns[deal_key]!r}"
    form = {key: value for key, value in other.form.model_dump(exclude_defaults=True).items() if value is not None}
    order, _ = sniffing.date_order([p for p in other.profiles if p.name in {columns.get(key) for key in _DATED}])
    form |= {"dates": order} if order and order != "ymd" else {}
    mark = sniffing.decimal_mark([p for p in other.profiles if p.name in {columns.get(key) for key in _NUMERIC}])
    form |= {"decimal": mark} if mark == "," else {}
    return shared, Neighbour(table, other.sheet.file, columns, form, why, unique and at_least(shared, _SURE), aliases)


def _columns(other: UnknownExport, wanted: set[str], table: str, deal_key: str) -> dict[str, str] | None:
    """Map the columns: the key by shared values, the others by name."""
    shared = {p.name: len(wanted & set(other.counts(p.name))) for p in other.profiles if p.name and p.filled}
    key = max(shared, key=lambda name: shared[name], default=None)
    if key is None or not shared[key]:
        return None
    columns = {deal_key: key}
    for column, patterns in known()[table]["columns"].items():
        kinds = {"number"} if column in _NUMERIC else {"date"} if column in _DATED else {"text", "number"}
        free = [p for p in other.profiles if p.kind in kinds and p.name not in columns.values()]
        if column != deal_key and (header := match_header(free, patterns)):
            columns[column] = header
    return columns


def _aliases(missing: set[str], have: Mapping[str, int]) -> dict[str, str]:
    """Pair spellings that differ in case, spaces and marks only."""
    bare = {re.sub(r"\W|_", "", name).lower(): name for name in have}
    pairs = ((name, bare.get(re.sub(r"\W|_", "", name).lower())) for name in sorted(missing))
    return {name: match for name, match in pairs if match}
