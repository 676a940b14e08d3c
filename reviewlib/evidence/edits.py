"""Edits: what two snapshots say differently of deals and figures.

Both are read where they lie, from their Parquet tables. A deal becomes a Python object only where it differs and is told.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import jinja2

from reviewlib import files
from reviewlib.errors import PeriodError, SnapshotError
from reviewlib.evidence import proof, snapshot
from reviewlib.evidence.comparison import ROUNDING
from reviewlib.evidence.snapshot import Snapshot
from reviewlib.params.model import Params
from reviewlib.periods import Period

if TYPE_CHECKING:
    from reviewlib.evidence.store import TableStore

#: Deals that are listed at the most.
MOST_TOLD: Final = 100
_TEXT: Final = Path(__file__).with_name("edits.sql.j2").read_text(encoding="utf-8")
#: What is asked there, by its names.
_SQL: Final = files.statements(jinja2.Template(_TEXT, trim_blocks=True).render())


@dataclass(frozen=True)
class DealEdit:
    """A deal that two snapshots say differently.

    Attributes:
        rep_id: Whose it is, or was where it is gone.
        deal_id: The deal.
        kind: ``added``, ``removed``, ``changed``, ``came`` from another rep; from the side of one rep also ``left``.
        late: Whether it touches the first one's period or what was before: by one of them it closed by the end of that, or it
            was opened by then and is gone or opened on another day.
        other: The rep that it came from; None from the side of one rep.
        before: What the first says of it, by column, dates in ISO form; None where it has no such deal.
        after: What the second says.
    """

    rep_id: str
    deal_id: str
    kind: Literal["added", "removed", "changed", "came", "left"]
    late: bool
    other: str | None
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True)
class FigureEdit:
    """A figure that two snapshots say differently; None where one has no value."""

    scope: str
    scope_id: str
    period: str
    kpi: str
    before: float | None
    after: float | None


@dataclass(frozen=True)
class ComparedSnapshot:
    """One of two snapshots: its hash, its period, and the export's date."""

    hash: str
    period: str
    as_of: dt.date


@dataclass(frozen=True)
class SnapshotDiff:
    """What two snapshots say differently.

    Attributes:
        before: The first one.
        after: The second one.
        counts: How many deals differ, by kind and whether they are late.
        deals: The late ones first, then the largest; ``MOST_TOLD`` at the most.
        figures: Main figures of periods and KPIs that both have.
        only_before: The KPIs that only the first has; ``only_after`` likewise.
    """

    before: ComparedSnapshot
    after: ComparedSnapshot
    counts: tuple[tuple[str, bool, int], ...]
    deals: tuple[DealEdit, ...]
    figures: tuple[FigureEdit, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]

    @property
    def all_deals(self) -> int:
        """How many deals differ."""
        return sum(count for _, _, count in self.counts)

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.counts or self.figures or self.only_before or self.only_after)


def compare(before: Snapshot, after: Snapshot, *, kpis: Collection[str]) -> SnapshotDiff:
    """Tell what the second snapshot says differently; of figures only those in ``kpis``.

    Raises:
        SnapshotError: They are in two currencies, or damaged.
    """
    currencies = [each.info["workbook"]["currency"] for each in (before, after)]
    if currencies[0] != currencies[1]:
        raise SnapshotError(
            "These snapshots cannot be compared.",
            where=f"snapshots {before.hash} and {after.hash}",
            found=f"amounts in {' and '.join(currencies)}",
            do="Compare two snapshots of one currency.",
        )
    sides = (before, after)
    card = [_table(each, "scorecard") for each in sides]
    compared = [ComparedSnapshot(each.hash, each.period.name, dt.date.fromisoformat(each.info["as_of"])) for each in sides]
    with _joined(before, after) as store:
        only = [tuple(kpi for (kpi,) in store.rows(_SQL["kpis"], way) if kpi in kpis) for way in (card, card[::-1])]
        return SnapshotDiff(
            before=compared[0],
            after=compared[1],
            counts=tuple(store.rows(_SQL["counts"])),
            deals=tuple(DealEdit(*row) for row in store.rows(_SQL["largest"], [MOST_TOLD])),
            figures=figures(before, after, kpis=kpis),
            only_before=only[0],
            only_after=only[1],
        )


def figures(before: Snapshot, after: Snapshot, *, kpis: Collection[str]) -> tuple[FigureEdit, ...]:
    """Tell which of the figures in ``kpis`` differ, of the periods and KPIs that both have."""
    with _asked(before, after) as store:
        rows = store.rows(_SQL["figures"], [_table(before, "scorecard"), _table(after, "scorecard"), ROUNDING])
        return tuple(edit for row in rows if (edit := FigureEdit(*row)).kpi in kpis)


def late(before: Snapshot, after: Snapshot) -> dict[str, tuple[int, list[DealEdit]]]:
    """Find the late edits by rep: how many, and the largest; a deal that changed owners is one of each of them."""
    found: dict[str, tuple[int, list[DealEdit]]] = {}
    with _joined(before, after) as store:
        for count, *row in store.rows(_SQL["late"], [MOST_TOLD]):
            edit = DealEdit(*row)
            found.setdefault(edit.rep_id, (count, []))[1].append(edit)
    return found


@contextmanager
def _joined(before: Snapshot, after: Snapshot) -> Iterator[TableStore]:
    """Join the deals of two snapshots, as the tables ``edits`` and ``whole``.

    Where deals stay in a database a snapshot has those of its period: of two periods those are compared that both have.
    """
    some = before.period != after.period and any(each.info.get("only_period_deals") for each in (before, after))
    with _asked(before, after) as store:
        store.rows(_SQL["deals"], [_table(before, "deals"), _table(after, "deals"), before.period.end.isoformat(), some])
        store.rows(_SQL["whole"])
        yield store


@contextmanager
def _asked(before: Snapshot, after: Snapshot) -> Iterator[TableStore]:
    """Have a store in which two snapshots are asked; one that was frozen before hashes were kept may turn out damaged there."""
    import duckdb

    from reviewlib.evidence.store import TableStore

    try:
        yield TableStore()
    except duckdb.InvalidInputException as error:
        raise proof.damaged(before.folder.parent / f"{before.hash} or {after.hash}") from error


def _table(frozen: Snapshot, name: str) -> str:
    """Where a table of a snapshot lies, once it is held against its hash.

    Raises:
        SnapshotError: It is gone or was changed.
    """
    path = frozen.folder / f"{name}.parquet"
    if not path.is_file():
        raise proof.damaged(path)
    proof.hold(path, frozen.folder)
    return str(path)


def find(params: Params, name: str) -> Snapshot:
    """Find a snapshot by the beginning of its hash, or by the period that uses it.

    Raises:
        SnapshotError: There is none, or several begin so.
    """
    period = None
    with suppress(PeriodError):
        period = Period.parse(name, params.fiscal)
    if period and (found := snapshot.current(params, period)):
        return found
    folders = sorted(path.parent for path in params.reports.glob("snapshots/*/snapshot.json"))
    known = [folder for folder in folders if name and folder.name.startswith(name)]
    if len(known) != 1:
        listed = ", ".join(folder.name for folder in known or folders) or "none"
        raise SnapshotError(
            f"{len(known)} snapshots begin with {name!r}." if known else f"There is no snapshot {name!r}.",
            where=f"reports/{params.name}/snapshots",
            found=listed,
            do="Write more of the hash."
            if known
            else "Write a period that is frozen, or the beginning of one of these hashes.",
        )
    return snapshot.open_snapshot(known[0], params)
