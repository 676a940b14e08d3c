"""CRM files to canonical tables, with a quarantine and an account of every row.

``read(params)`` is the only place where the CRM is read. What a review may rest on is decided here, in the order of the rules
of each table; what is set aside is listed with file, line, column, value and reason.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from reviewlib.errors import PeriodError, SourceError
from reviewlib.evidence import intake, tables
from reviewlib.evidence.intake import CONFLICT, Check, Excluded, Flags, Intake, Reconciliation, Settled
from reviewlib.evidence.store import TableStore
from reviewlib.params.crm import Source
from reviewlib.params.model import Params
from reviewlib.params.rules import nearest
from reviewlib.periods import Period

#: The owner of deals that name none: they count in totals, under "unassigned".
NO_OWNER: Final = "(no owner)"


@dataclass(frozen=True)
class Tables:
    """The canonical tables of a workbook, and what became of every row.

    Attributes:
        store: Where the table ``deals`` is.
        quarantine: Rows set aside, columns of ``tables.QUARANTINE``.
        reconciliation: One per table that was read.
        exclusions: Rows left out on purpose.
        inputs: File name to SHA-256 of its bytes.
        notes: Sentences worth telling the analyst.
        mapped: Canonical columns of deals that params map.
    """

    store: TableStore
    deals: pd.DataFrame
    reps: pd.DataFrame
    targets: pd.DataFrame
    measures: pd.DataFrame
    products: pd.DataFrame
    quarantine: pd.DataFrame
    reconciliation: tuple[Reconciliation, ...]
    exclusions: tuple[Excluded, ...]
    inputs: Mapping[str, str]
    notes: tuple[str, ...]
    mapped: frozenset[str]


def read(params: Params) -> Tables:
    """Read every source that params name.

    Raises:
        SourceError: A file or its description cannot be used; the message says where, what was found and what to do.
    """
    inputs = input_hashes(params)
    crm = params.crm
    products = None if crm.products is None else _products(params)
    deals, notes = _deals(params, products)
    settled = {
        "deals": deals,
        "reps": None if crm.reps is None else _reps(params),
        "targets": None if crm.targets is None else _targets(params),
        "measures": None if crm.measures is None else _measures(params),
        "products": products,
    }
    given = [table for table in settled.values() if table is not None]
    frames = {}
    for table in tables.TABLES:
        own = settled[table.name]
        frames[table.name] = _pandas(table.schema.empty_table() if own is None else own.used)
    if crm.reps is None:
        frames["reps"] = _owners(frames["deals"])
    if input_hashes(params) != inputs:
        raise SourceError(
            "A source file changed while it was read.",
            where=params.path.name,
            do="Wait until the export is written; run again.",
        )
    store = TableStore()
    store.con.register("lent", pa.Table.from_pandas(frames["deals"], preserve_index=False))
    store.con.execute("CREATE TABLE deals AS FROM lent")
    store.con.unregister("lent")
    return Tables(
        store=store,
        **frames,
        quarantine=_pandas(pa.concat_tables([table.quarantine for table in given])),
        reconciliation=tuple(table.reconciliation for table in given),
        exclusions=tuple(item for table in given for item in table.exclusions),
        inputs=inputs,
        notes=notes,
        mapped=frozenset(crm.deals.columns.model_dump(by_alias=True, exclude_none=True)),
    )


def as_of(params: Params, deals: pd.DataFrame) -> dt.date:
    """Find the export's date: declared, else the latest opened or closed date of the deals; never an expected date.

    Raises:
        SourceError: It is not declared, and no deal carries a date.
    """
    if params.as_of is not None:
        return params.as_of
    latest = [deals[name].max() for name in ("opened_on", "closed_on") if deals[name].notna().any()]
    if not latest:
        raise SourceError(
            "The deals carry no dates.", where="crm.deals.columns", do="Map opened_on or closed_on, or declare as_of."
        )
    found: dt.date = max(latest)
    return found


# Deals ----------------------------------------------------------------------------------------------------------------------


def _deals(params: Params, products: Settled | None) -> tuple[Settled, tuple[str, ...]]:
    rows = intake.take(params, tables.DEALS)
    checks = [*rows.missing("deal_id", "stage"), *rows.uncast()]
    outcome = _outcomes(params, rows, checks)
    is_open = np.asarray(pc.fill_null(pc.equal(outcome, "open"), False))
    closed_on = pc.if_else(pa.array(is_open), pa.scalar(None, pa.date32()), rows.values("closed_on"))
    changed = {
        "rep_id": pc.fill_null(rows.texts["rep_id"], NO_OWNER),
        "outcome": outcome,
        "closed_on": closed_on,
        "expected_amount": _expected(rows, products),
    }
    if "closed_on" in rows.own:
        checks.append(rows.check("closed_on", ~is_open & _flags(closed_on.is_null()), "a closed deal without a close date"))
    for name, values in (("closed_on", closed_on), ("opened_on", rows.values("opened_on"))):
        if params.as_of is not None:
            checks.append(rows.check(name, _flags(pc.greater(values, pa.scalar(params.as_of))), f"{name} after as_of"))
    checks.append(rows.duplicates(checks))
    settled = intake.settle(rows, checks, changed=changed)
    return settled, _notes(rows, settled, dated_open=int((is_open & _flags(rows.values("closed_on").is_valid())).sum()))


def _outcomes(params: Params, rows: Intake, checks: Sequence[Check]) -> pa.Array:
    """Turn stages to outcomes.

    Raises:
        SourceError: Stages that params do not map, each with its deals and the nearest mapped one.
    """
    outcomes = params.crm.deals.stages.outcomes
    texts = rows.texts["stage"]
    alive = texts.filter(pa.array(rows.alive(checks)))
    unknown = Counter({stage: count for stage, count in Counter(alive.to_pylist()).items() if stage not in outcomes})
    if not unknown:
        return intake.recoded(texts, outcomes, pa.string())
    found = []
    for stage, count in unknown.most_common():
        close = nearest(stage, outcomes)
        found.append(f"{stage!r} ({count:,} deal{'s' if count > 1 else ''}{f'; nearest: {close!r}' if close else ''})")
    raise SourceError(
        "Some stages of the export are not mapped." if len(unknown) > 1 else "A stage of the export is not mapped.",
        where=f"{rows.sheet.file}, column {rows.own['stage']!r}",
        found=", ".join(found),
        do="Add each of them to won, lost or open under crm.deals.stages.",
    )


def _expected(rows: Intake, products: Settled | None) -> pa.Array:
    """Take the expected amount from its own column, else the product's list price."""
    if "expected_amount" in rows.own or "product" not in rows.own or products is None:
        return rows.values("expected_amount")
    prices = dict(zip(products.used["product"].to_pylist(), products.used["list_price"].to_pylist(), strict=True))
    return intake.recoded(rows.texts["product"], prices, tables.ARROW["money"])


def _notes(rows: Intake, settled: Settled, *, dated_open: int) -> tuple[str, ...]:
    used, notes = settled.used, list[str]()
    unowned = pc.sum(pc.equal(used["rep_id"], NO_OWNER)).as_py() or 0
    if unowned:
        notes.append(f"Deals without an owner: {unowned:,}; they count in totals as unassigned.")
    conflicts = pc.sum(pc.equal(settled.quarantine["reason"], CONFLICT)).as_py() or 0
    if conflicts:
        notes.append(f"Rows that share a deal id but not its content: {conflicts:,}; none of them is used.")
    early = pc.sum(pc.less(used["closed_on"], used["opened_on"])).as_py() or 0
    if early:
        notes.append(f"Deals closed before they were opened: {early:,}; they stay outside pipeline and cycle.")
    if dated_open and "expected_close_on" not in rows.own:
        column = rows.own["closed_on"]
        notes.append(
            f"Open deals with a date in {column}: {dated_open:,}; it is an expectation: map it to expected_close_on as well."
        )
    if "expected_amount" not in rows.own and used["expected_amount"].null_count < used.num_rows:
        bare = Counter(used["product"].filter(used["expected_amount"].is_null()).drop_null().to_pylist())
        names = ", ".join(f"{name} ({count:,})" for name, count in bare.most_common(5))
        if bare:
            notes.append(f"Deals whose product has no list price: {sum(bare.values()):,}, of {names}. See crm.aliases.")
    return tuple(notes)


# Reps, targets, measures, products ------------------------------------------------------------------------------------------


def _reps(params: Params) -> Settled:
    rows = intake.take(params, tables.REPS)
    names = pc.coalesce(rows.values("rep_name"), rows.texts["rep_id"])
    checks = [*rows.missing("rep_id"), *rows.uncast()]
    settled = intake.settle(rows, checks, changed={"rep_name": names})
    _check_reps(rows, settled)
    return settled


def _check_reps(rows: Intake, settled: Settled) -> None:
    """Refuse rows of one rep that hold on the same day.

    Raises:
        SourceError: Two rows overlap, or one ends before it begins; the message names the lines.
    """
    seen: dict[str, list[tuple[dt.date, dt.date, int]]] = {}
    file, used = rows.sheet.file, settled.used
    for rep, start, end, line in zip(
        *(used[name].to_pylist() for name in ("rep_id", "from", "to")), settled.lines, strict=True
    ):
        first, last = start or dt.date.min, end or dt.date.max
        if last < first:
            raise SourceError(
                "A row of a rep ends before it begins.",
                where=f"{file}, line {line}",
                found=f"{rep}: from {first} to {last}",
                do="Correct the dates.",
            )
        for other_first, other_last, other in seen.setdefault(rep, []):
            if first <= other_last and other_first <= last:
                raise SourceError(
                    "Two rows describe the same rep at the same time.",
                    where=f"{file}, lines {other} and {line}",
                    found=f"{rep!r} in the column {rows.own['rep_id']!r} of both",
                    do="Two people of one name need an id each; one rep who moved needs from and to dates that do not overlap.",
                )
        seen[rep].append((first, last, int(line)))


def _targets(params: Params) -> Settled:
    rows = intake.take(params, tables.TARGETS)
    scope = rows.texts["scope"]
    is_all = pc.equal(scope, "all")
    scope_id = pc.if_else(pc.fill_null(is_all, False), pa.scalar(None, pa.string()), rows.texts["scope_id"])
    for name, kind in (("rep", "rep_id"), ("team", "team")):
        aliases = params.crm.aliases.get(kind, {})
        renamed = intake.recoded(scope_id, aliases, pa.string(), keep=True)
        scope_id = pc.if_else(pc.fill_null(pc.equal(scope, name), False), renamed, scope_id)
    known = pc.is_in(scope, value_set=pa.array(["rep", "team", "all"]))
    checks = [
        *rows.missing("scope", "kpi", "period", "value"),
        rows.check("scope", ~_flags(known), "a scope other than rep, team or all"),
        rows.check("scope_id", _flags(pc.and_(pc.invert(is_all), scope_id.is_null())), "scope_id is missing"),
        *rows.uncast(),
        _unreadable_periods(params, rows),
        rows.check("ramp", _outside(rows.values("ramp"), 0, 1), "a ramp below 0 or above 1"),
    ]
    return intake.settle(rows, checks, changed={"scope_id": scope_id})


def _measures(params: Params) -> Settled:
    rows = intake.take(params, tables.MEASURES)
    checks = [
        *rows.missing("rep_id", "kpi", "period", "value"),
        *rows.uncast(),
        _unreadable_periods(params, rows),
        rows.check("n", _outside(rows.values("n"), 0, float("inf")), "n below 0"),
    ]
    return intake.settle(rows, [*checks, rows.duplicates(checks)])


def _products(params: Params) -> Settled:
    rows = intake.take(params, tables.PRODUCTS)
    checks = [*rows.missing("product", "list_price"), *rows.uncast()]
    return intake.settle(rows, [*checks, rows.duplicates(checks)])


def _unreadable_periods(params: Params, rows: Intake) -> Check:
    def reason(text: str) -> str | None:
        try:
            Period.parse(text, params.fiscal)
        except PeriodError:
            return "not a period (2026-09, 2026-Q3, 2026-H1, FY2026)"
        return None

    texts = rows.texts["period"]
    reasons = {text: reason(text) for text in pc.unique(texts).to_pylist() if text is not None}
    return Check("period", intake.recoded(texts, reasons, pa.string()).to_numpy(zero_copy_only=False))


def _outside(values: pa.Array, low: float, high: float) -> Flags:
    return _flags(pc.or_(pc.less(values, low), pc.greater(values, high)))


# Ground ---------------------------------------------------------------------------------------------------------------------


def _flags(array: pa.Array | pa.ChunkedArray) -> Flags:
    return np.asarray(pc.fill_null(array, False), np.bool_)


def _pandas(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def _owners(deals: pd.DataFrame) -> pd.DataFrame:
    """Make every owner of a deal a rep, where there is no reps table."""
    owners = sorted(set(deals["rep_id"].unique()) - {NO_OWNER})
    cells: dict[str, Any] = {"rep_id": owners, "rep_name": owners}
    arrays = [pa.array(cells.get(field.name, [None] * len(owners)), field.type) for field in tables.REPS.schema]
    return _pandas(pa.Table.from_arrays(arrays, schema=tables.REPS.schema))


def input_hashes(params: Params) -> dict[str, str]:
    """Hash the bytes of every source file that is there, by its name (or its path, where two names are the same)."""
    crm = params.crm
    given: list[Source | None] = [crm.deals, crm.reps, crm.targets, crm.measures, crm.products]
    paths = {params.file(source): source.file for source in given if source is not None}
    names = Counter(path.name for path in paths)
    hashes = {}
    for path, written in paths.items():
        if not path.is_file():
            continue
        with path.open("rb") as file:
            hashes[path.name if names[path.name] == 1 else written] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes
