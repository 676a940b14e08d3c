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
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from reviewlib.errors import PeriodError, SourceError
from reviewlib.evidence import tables
from reviewlib.evidence.intake import (
    CONFLICT,
    IMPLAUSIBLE,
    NO_OWNER,
    Check,
    Excluded,
    Intake,
    Reconciliation,
    Settled,
    Taken,
    missing,
)
from reviewlib.evidence.store import DealRows, TableStore, literal
from reviewlib.params.model import Params
from reviewlib.params.rules import nearest
from reviewlib.periods import Period

if TYPE_CHECKING:
    from reviewlib.evidence.crm_database import CrmDatabase


@dataclass(frozen=True)
class Tables:
    """The canonical tables of a workbook, and what became of every row.

    Attributes:
        store: Where they are, by their names.
        database: Where deals stay, if not in the store; they are nowhere else.
        quarantine: Rows set aside, columns of ``tables.QUARANTINE``.
        reconciliation: One per table that was read.
        exclusions: Rows left out on purpose.
        inputs: File name to SHA-256 of its bytes.
        notes: Sentences worth telling the analyst.
        mapped: Canonical columns of deals that params map.
    """

    store: TableStore
    database: CrmDatabase | None
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

    @property
    def deals(self) -> DealRows:
        """Whom to ask about the deals."""
        return self.database or self.store


def read(params: Params) -> Tables:
    """Read every source that params name.

    Raises:
        SourceError: A file or its description cannot be used; the message says where, what was found and what to do.
    """
    inputs, crm, store, database = input_hashes(params), params.crm, TableStore(), _database(params)
    products = None if crm.products is None else _products(params, store, database)
    connected = database if crm.deals.table is not None else None
    deals, notes = _deals(params, store, connected)
    settled = [deals]
    settled += [] if crm.reps is None else [_reps(params, store, database)]
    settled += [] if crm.targets is None else [_targets(params, store, database)]
    settled += [] if crm.measures is None else [_measures(params, store, database)]
    settled += [products] if products else []
    for table in tables.TABLES:
        if table.name not in crm.sources:
            store.lend(table.name, table.schema.empty_table())
    if crm.reps is None:  # every owner of a deal is a rep
        owners = (connected or store).rows(
            f"SELECT DISTINCT rep_id FROM deals WHERE rep_id <> {literal(NO_OWNER)} ORDER BY rep_id"
        )
        asked = "INSERT INTO reps (rep_id, rep_name) SELECT owner, owner FROM (SELECT unnest(?) AS owner)"
        store.con.execute(asked, [[owner for (owner,) in owners]])
    if input_hashes(params) != inputs:
        raise SourceError(
            "A source changed while it was read.", where=params.path.name, do="Wait until the export is written; run again."
        )
    store.close_files()
    small = {table.name: store.frame(f"FROM {table.name}") for table in tables.TABLES if table is not tables.DEALS}
    quarantine = pa.concat_tables([table.quarantine for table in settled])
    return Tables(
        store=store,
        database=connected,
        **small,
        quarantine=quarantine.to_pandas(types_mapper=pd.ArrowDtype),
        reconciliation=tuple(table.reconciliation for table in settled),
        exclusions=tuple(item for table in settled for item in table.exclusions),
        inputs=inputs,
        notes=(*(note for table in settled for note in table.notes), *notes),
        mapped=frozenset(crm.deals.columns.model_dump(by_alias=True, exclude_none=True)),
    )


def as_of(params: Params, deals: DealRows) -> dt.date:
    """Find the export's date: declared, else the latest opened or closed date of the deals; never an expected date.

    Dates that are not plausible are not among the deals any more: ``read`` sets them aside.

    Raises:
        SourceError: It is not declared, and no deal carries a date.
    """
    if params.as_of is not None:
        return params.as_of
    (latest,) = deals.row("SELECT greatest(max(opened_on), max(closed_on)) AS latest FROM deals")
    if latest is None:
        raise SourceError(
            "The deals carry no dates.", where="crm.deals.columns", do="Map opened_on or closed_on, or declare as_of."
        )
    found: dt.date = latest
    return found


# Deals ----------------------------------------------------------------------------------------------------------------------


def _deals(params: Params, store: TableStore, database: CrmDatabase | None) -> tuple[Settled, tuple[str, ...]]:
    rows = _rows_of_deals(params, store, database)
    outcome = rows.meaning(rows.texts["stage"], params.crm.deals.stages.outcomes)
    is_open = f"coalesce({outcome} = 'open', FALSE)"
    given = rows.values["closed_on"]
    dates = {"closed_on": f"CASE WHEN {is_open} THEN NULL ELSE {given} END", "opened_on": rows.values["opened_on"]}
    checks = [*missing(rows, "deal_id", "stage"), *rows.uncast]
    _check_stages(rows, outcome, params.crm.deals.stages.outcomes, before=checks)
    if "closed_on" in rows.own:
        undated = f"{outcome} <> 'open' AND {given} IS NULL"
        checks.append(Check("closed_on", undated, literal("a closed deal without a close date")))
    latest = params.as_of or _latest_plausible(rows, dates)
    for name in [name for name in dates if latest and name in rows.own]:
        late = f"{name} after as_of" if params.as_of else IMPLAUSIBLE
        checks.append(Check(name, f"{dates[name]} > DATE '{latest}'", literal(late)))
    changed = {**dates, "rep_id": f"coalesce({rows.texts['rep_id']}, {literal(NO_OWNER)})", "outcome": outcome}
    if "expected_amount" not in rows.own and "product" in rows.own and params.crm.products is not None:
        changed["expected_amount"] = rows.list_price()
    (dated_open,) = rows.store.row(f"SELECT count(*) AS deals FROM {rows.rows} WHERE {is_open} AND {given} IS NOT NULL")
    settled = rows.settle(checks, changed=changed, unique=True)
    return settled, _notes(rows, settled, dated_open=dated_open)


def _rows_of_deals(params: Params, store: TableStore, database: CrmDatabase | None) -> Taken:
    if database is None:
        return Intake(params, tables.DEALS, store)
    from reviewlib.evidence.connected_deals import ConnectedDeals  # brings Ibis

    return ConnectedDeals(params, database, store)


def _latest_plausible(rows: Taken, dates: Mapping[str, str]) -> dt.date | None:
    """Find the day 366 days after the dates of all deals but five; None where there are no more than five."""
    asked = f"SELECT greatest({', '.join(dates.values())}) AS latest FROM {rows.rows}"
    sixth = rows.store.rows(
        f"SELECT latest FROM ({asked}) AS asked WHERE latest IS NOT NULL ORDER BY latest DESC LIMIT 1 OFFSET 5"
    )
    return dt.date.fromordinal(min(sixth[0][0].toordinal() + 366, dt.date.max.toordinal())) if sixth else None


def _check_stages(rows: Taken, outcome: str, outcomes: Mapping[str, str], *, before: Sequence[Check]) -> None:
    """Refuse stages that params do not map.

    Raises:
        SourceError: Each of them, with its deals and the nearest mapped one.
    """
    stage = rows.texts["stage"]
    alive = " AND ".join([f"{rows.excluded} IS NULL", *(f"NOT coalesce({check.holds}, FALSE)" for check in before)])
    asked = (
        f"SELECT {stage} AS stage, count(*) AS deals, min(t.line) AS line FROM {rows.rows} WHERE {alive} AND {outcome} IS NULL"
    )
    unknown = rows.store.rows(f"{asked} GROUP BY {stage} ORDER BY deals DESC, line, stage")
    if not unknown:
        return
    found = []
    for name, count, _ in unknown:
        close = nearest(name, outcomes)
        found.append(f"{name!r} ({count:,} deal{'s' if count > 1 else ''}{f'; nearest: {close!r}' if close else ''})")
    raise SourceError(
        "Some stages of the export are not mapped." if len(unknown) > 1 else "A stage of the export is not mapped.",
        where=f"{rows.file}, column {rows.own['stage']!r}",
        found=", ".join(found),
        do="Add each of them to won, lost or open under crm.deals.stages.",
    )


def _notes(rows: Taken, settled: Settled, *, dated_open: int) -> tuple[str, ...]:
    store, notes = rows.store, list[str]()
    unowned, early = store.row(
        f"SELECT count(*) FILTER (WHERE rep_id = {literal(NO_OWNER)}) AS unowned, "
        "count(*) FILTER (WHERE closed_on < opened_on) AS early FROM deals"
    )
    if unowned:
        notes.append(f"Deals without an owner: {unowned:,}; they count in totals as unassigned.")
    conflicts = settled.quarantine["reason"].to_pylist().count(CONFLICT)
    if conflicts:
        notes.append(f"Rows that share a deal id but not its content: {conflicts:,}; none of them is used.")
    if early:
        notes.append(f"Deals closed before they were opened: {early:,}; they stay outside pipeline and cycle.")
    if dated_open and "expected_close_on" not in rows.own:
        column = rows.own["closed_on"]
        notes.append(
            f"Open deals with a date in {column}: {dated_open:,}; it is an expectation: map it to expected_close_on as well."
        )
    if "expected_amount" not in rows.own and store.row("SELECT count(expected_amount) AS priced FROM deals")[0]:
        bare = store.rows(
            "SELECT product, count(*) AS bare FROM deals WHERE expected_amount IS NULL AND product IS NOT NULL "
            "GROUP BY product ORDER BY bare DESC, min(source_line)"
        )
        names = ", ".join(f"{name} ({count:,})" for name, count in bare[:5])
        if bare:
            deals = sum(count for _, count in bare)
            notes.append(f"Deals whose product has no list price: {deals:,}, of {names}. See crm.aliases.")
    return tuple(notes)


# Reps, targets, measures, products ------------------------------------------------------------------------------------------


def _reps(params: Params, store: TableStore, database: CrmDatabase | None) -> Settled:
    rows = Intake(params, tables.REPS, store, database)
    names = f"coalesce({rows.values['rep_name']}, {rows.texts['rep_id']})"
    settled = rows.settle([*missing(rows, "rep_id"), *rows.uncast], changed={"rep_name": names})
    _check_reps(rows)
    return settled


def _check_reps(rows: Intake) -> None:
    """Refuse rows of one rep that hold on the same day.

    Raises:
        SourceError: Two rows overlap, or one ends before it begins; the message names the lines.
    """
    seen: dict[str, list[tuple[dt.date, dt.date, int]]] = {}
    file = rows.sheet.file
    for rep, start, end, line in rows.store.rows('SELECT rep_id, "from", "to", line FROM reps_taken ORDER BY line'):
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
        seen[rep].append((first, last, line))


def _targets(params: Params, store: TableStore, database: CrmDatabase | None) -> Settled:
    rows = Intake(params, tables.TARGETS, store, database)
    scope, scope_id = rows.texts["scope"], f"CASE WHEN {rows.texts['scope']} <> 'all' THEN {rows.texts['scope_id']} END"
    for name, kind in (("rep", "rep_id"), ("team", "team")):
        if aliases := params.crm.aliases.get(kind):
            other = rows.meaning(scope_id, aliases)
            scope_id = f"CASE WHEN {scope} = '{name}' THEN coalesce({other}, {scope_id}) ELSE {scope_id} END"
    checks = [
        *missing(rows, "scope", "kpi", "period", "value"),
        Check("scope", f"{scope} NOT IN ('rep', 'team', 'all')", literal("a scope other than rep, team or all")),
        Check("scope_id", f"{scope} <> 'all' AND {scope_id} IS NULL", literal("scope_id is missing")),
        *rows.uncast,
        _unreadable_periods(params, rows),
        Check("ramp", f"{rows.values['ramp']} NOT BETWEEN 0 AND 1", literal("a ramp below 0 or above 1")),
    ]
    return rows.settle(checks, changed={"scope_id": scope_id})


def _measures(params: Params, store: TableStore, database: CrmDatabase | None) -> Settled:
    rows = Intake(params, tables.MEASURES, store, database)
    checks = [
        *missing(rows, "rep_id", "kpi", "period", "value"),
        *rows.uncast,
        _unreadable_periods(params, rows),
        Check("n", f"{rows.values['n']} < 0", literal("n below 0")),
    ]
    return rows.settle(checks, unique=True)


def _products(params: Params, store: TableStore, database: CrmDatabase | None) -> Settled:
    rows = Intake(params, tables.PRODUCTS, store, database)
    return rows.settle([*missing(rows, "product", "list_price"), *rows.uncast], unique=True)


def _unreadable_periods(params: Params, rows: Intake) -> Check:
    def reason(text: str) -> str | None:
        try:
            Period.parse(text, params.fiscal)
        except PeriodError:
            return "not a period (2026-09, 2026-Q3, 2026-H1, FY2026)"
        return None

    text = rows.texts["period"]
    texts = rows.store.rows(f"SELECT DISTINCT {text} FROM {rows.rows} WHERE {text} IS NOT NULL")
    said = rows.meaning(text, {text: reason(text) for (text,) in texts})
    return Check("period", f"{said} IS NOT NULL", said)


# Ground ---------------------------------------------------------------------------------------------------------------------


def input_hashes(params: Params) -> dict[str, str]:
    """Hash every source: the bytes of a file that is there, by its name (or its path, where two names are the same).

    Of a table it is its number of rows and the sum of the hashes of its rows, which the database works out.
    """
    given = params.crm.sources
    paths = {params.file(source): source.file for source in given.values() if source.file is not None}
    names = Counter(path.name for path in paths)
    hashes = {}
    for path, written in paths.items():
        if not path.is_file():
            continue
        with path.open("rb") as file:
            hashes[path.name if names[path.name] == 1 else written] = hashlib.file_digest(file, "sha256").hexdigest()
    if database := _database(params):
        for name, source in given.items():
            if source.table is not None:
                state = database.state(source.table, source.named, key=f"crm.{name}")
                hashes[source.table] = hashlib.sha256(state.encode()).hexdigest()
    return hashes


def _database(params: Params) -> CrmDatabase | None:
    if params.crm.connect is None:
        return None
    from reviewlib.evidence import crm_database  # brings Ibis, which most runs do without

    return crm_database.connect(params)
