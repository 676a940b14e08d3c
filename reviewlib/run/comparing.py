"""Snapshots of a workbook compared: what a new one says differently, for a terminal, a page and machines."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from reviewlib import files
from reviewlib.conversation import identity
from reviewlib.evidence import edits, slicefile
from reviewlib.evidence.edits import FigureEdit, SnapshotDiff
from reviewlib.evidence.snapshot import Snapshot
from reviewlib.pages import edit_views
from reviewlib.pages.edit_views import EditTable
from reviewlib.params.model import Params
from reviewlib.params.words import counted
from reviewlib.run import status


def compare(params: Params, before: str, after: str) -> SnapshotDiff:
    """Compare two snapshots, each given by its period or the beginning of its hash.

    Raises:
        NotAllowedError: Params give who is at the keyboard a role in which not everybody's deals are theirs to read.
        SnapshotError: One is not there, or they cannot be compared.
    """
    person = identity.at_keyboard(params)
    if person.role not in (None, "analyst"):
        do = "Let an analyst compare; a review's own page tells what differs since it was signed."
        raise identity.may_not(person, "read everybody's deals", params=params, do=do)
    return edits.compare(edits.find(params, before), edits.find(params, after), kpis=_main(params))


def moved(params: Params, before: Snapshot | None, now: Snapshot) -> list[str]:
    """Say what a new snapshot changed: the deals, and the figures of the reps, one line per KPI."""
    if before is None or before.hash == now.hash:
        return []
    diff = edits.compare(before, now, kpis=_main(params))
    told = [f"  {line}" for line in edit_views.counted(diff)]
    return [f"Compared with snapshot {before.hash}:", *told, *(_changed(params, diff.figures) or ["  no figure changed"])]


def _changed(params: Params, figures: Iterable[FigureEdit]) -> list[str]:
    """The KPIs that changed, each with the number of reps."""
    reps = Counter(kpi for kpi, _ in {(edit.kpi, edit.scope_id) for edit in figures if edit.scope == "rep"})
    return [f"  {params.figures[kpi].label}: changed for {counted(reps[kpi], 'reps')}" for kpi in params.figures if kpi in reps]


def since_release(params: Params, now: Snapshot) -> list[str]:
    """Say how many deals differ from what was released last, with the figures; and of whom no review of this period tells it.

    A manager is told of those who were theirs then.
    """
    stands, person = status.of(params, now), identity.at_keyboard(params)
    here = {one.id for one in (*stands.subjects, *now.subjects)}
    latest = {pin.snapshot: pin.period for one in stands.subjects for pin in stands.pins(one)[-1:]}
    lines = []
    for name, period in latest.items():
        if not slicefile.exists(params, name):
            continue
        then = edits.find(params, name)
        theirs = {one.id for one in then.subjects if person.role in (None, "analyst") or identity.leads(person, one)}
        late = {rep: count for rep, (count, _) in sorted(edits.late(then, now).items()) if rep in theirs}
        if not late:
            continue
        of_reps = f"{sum(late.values()):,}, of {counted(len(late), 'reps')}"
        lines.append(
            f"Deals dated in {period} or before that differ since its release: {of_reps}. "
            f"See them with: reviewlib diff {params.typed} {name} {now.hash}"
        )
        differ = [each for each in edits.figures(then, now, kpis=_main(params)) if each.scope_id in late]
        lines += _changed(params, differ)
        lines += [f"No review of {now.period} tells it of {rep} ({late[rep]})." for rep in late if rep not in here]
    return lines


def _main(params: Params) -> list[str]:
    """The KPIs proper, without supporting figures."""
    return [key for key, kpi in params.figures.items() if kpi.of is None]


def told(params: Params, diff: SnapshotDiff) -> tuple[list[str], list[EditTable]]:
    """Say what differs: how much of it in sentences, then the deals and the figures."""
    return edit_views.counted(diff), edit_views.tables(params, diff)


def write_page(params: Params, diff: SnapshotDiff, file: Path) -> None:
    """Write what differs as a page, which names every rep by id."""
    files.write(file, edit_views.diff_page(params, diff))
