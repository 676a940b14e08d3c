"""What the command line does with the conversation: release, import, verify, status."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from reviewlib import manifest, sealed, standing
from reviewlib.conversation import cadence, goalfile, importing, records, remembered, responses, store, upkeep
from reviewlib.conversation.cadence import Row
from reviewlib.conversation.entries import Entry
from reviewlib.conversation.goalfile import Known
from reviewlib.conversation.importing import Imported
from reviewlib.conversation.records import New
from reviewlib.errors import NotAllowedError, SnapshotError, SubjectError
from reviewlib.evidence import kpis, snapshot
from reviewlib.evidence.snapshot import Snapshot
from reviewlib.evidence.subjects import Subject
from reviewlib.params import Params
from reviewlib.periods import Period
from reviewlib.standing import Standing


def frozen_period(params: Params, period: Period | None) -> Snapshot:
    """Find the evidence of a period, or of the latest complete one that is frozen; the CRM's export is not read.

    Raises:
        SnapshotError: Nothing is frozen.
    """
    names = [period.name] if period else [path.parent.name for path in params.reports.glob("*/current")]
    known = [one for name in names if (one := snapshot.current(params, Period.parse(name, params.fiscal)))]
    found = max(known, key=_completeness, default=None)
    if found is None:
        raise SnapshotError(
            f"Nothing is frozen for {period}." if period else "Nothing is frozen yet.",
            where=f"reports/{params.name}",
            do=f"Run: reviewlib run {params.path.name}" + (f" --period {period}" if period else ""),
        )
    return found


def _completeness(frozen: Snapshot) -> tuple[bool, dt.date, dt.date]:
    """What makes a period the usual one: it is complete, it ended last, it is the shortest of those."""
    return (not frozen.info["workbook"]["incomplete"], frozen.period.end, frozen.period.start)


def chosen(stands: Standing, *, reps: Sequence[str], teams: Sequence[str]) -> list[Subject]:
    """Find the subjects that are meant: these reps, and these teams with their reps.

    Raises:
        SubjectError: Nobody is named, or somebody who has no review in the period.
    """
    known = {(one.kind, one.id): one for one in stands.subjects}
    wanted = [*(("rep", one) for one in reps), *(("team", one) for one in teams)]
    unknown = [f"{kind} {name!r}" for kind, name in wanted if (kind, name) not in known]
    if unknown or not wanted:
        raise SubjectError(
            "Say whose reviews are meant." if not wanted else f"There is no review of them in {stands.period}.",
            where="--rep or --team",
            found=", ".join(unknown) or None,
            do=f"Write ids or teams as in the reps table, such as {', '.join(one.id for one in stands.subjects[:3])}",
        )
    named = [one for one in stands.subjects if (one.kind, one.id) in wanted]
    others = [one for one in stands.subjects if one.team in teams and one not in named]
    return [*named, *(one for one in others if not stands.state(one).signatures)]


def release(params: Params, stands: Standing, subjects: Sequence[Subject]) -> list[Entry]:
    """Release reviews on the evidence that the period uses now; all of them, or none where one may not be.

    Raises:
        NotAllowedError: The person at the keyboard may not release one of them, or it is signed.
    """
    opened = [(subject, records.open_records(params, stands.about(subject))) for subject in subjects]
    for subject, own in opened:
        if refused := own.may("release"):
            raise NotAllowedError(f"{subject.name} was not released, and nobody else either.", found=refused)
    before = {subject: stands.state(subject).release for subject in subjects}
    return records.write_together(
        [
            (own, [New("release", {"snapshot": stands.current}, supersedes=old.id if (old := before[subject]) else None)])
            for subject, own in opened
        ]
    )


@dataclass(frozen=True)
class Verified:
    """What ``verify`` looked at, and what it found wrong."""

    entries: int
    reviews: int
    pages: int
    problems: tuple[str, ...]


def verify(params: Params) -> Verified:
    """Walk every chain of the journal, and hold it against the manifests and the signed pages of all periods.

    Raises:
        NotAllowedError: This login sees a part of the journal only.
    """
    opened = store.open_store(params)
    entries: list[Entry] = []
    if opened:
        with opened:
            if not standing.sees_whole(opened):
                raise NotAllowedError(
                    "This login sees a part of the journal only, so it cannot verify it.",
                    where=params.path.name,
                    do="Let an analyst, or who set the journal up, run reviewlib verify.",
                )
            entries = opened.entries()
    folders = sorted(path.parent for path in params.reports.glob("*/manifest.json"))
    signed = [(folder, entry) for folder in folders for entry in manifest.read(folder).values() if entry.sealed]
    hashes = {entry.hash for entry in entries}
    wrong = [f"{folder.name}/{entry.page}: {problem}" for folder, entry in signed if (problem := sealed.problem(entry, folder))]
    unknown = [
        f"{folder.name}/{entry.page}: the journal does not hold its last entry {entry.sequence}, {entry.head[:8]}"
        for folder, entry in signed
        if entry.head and entry.head not in hashes
    ]
    unprinted = [problem for folder, entry in signed if (problem := sealed.unprinted(entry, folder))]
    problems = (*upkeep.verify(entries, remembered.heads_of(params)), *wrong, *unknown, *unprinted)
    return Verified(len(entries), len({entry.about for entry in entries}), len(signed), problems)


def import_response(params: Params, file: Path) -> Imported:
    """Record a rep's answer in the review that its first line names.

    Raises:
        ReviewError: The file cannot be read or understood, or may not be imported by who is at the keyboard.
    """
    letter = importing.letter_from(file)
    about = importing.addressed(params, responses.parse(letter))
    return importing.import_response(records.open_records(params, about), letter)


def import_goals(params: Params, stands: Standing, file: Path) -> dict[str, int]:
    """Give goals to many reps at once; every one is checked before the first is written.

    Returns:
        How many entries each rep got, by name.

    Raises:
        ReviewError: The file cannot be used, or the person at the keyboard may not write for one of the reps.
    """
    reps = {one.id: one for one in stands.subjects if one.kind == "rep"}
    units = {key: kpi.unit for key, kpi in kpis.KPIS.items()} | {
        key: str(kpi.unit) for key, kpi in params.kpis.items() if kpi.unit
    }
    known = Known(teams={one.id: one.team for one in reps.values()}, units=units, fiscal=params.fiscal)
    given = goalfile.drafts(goalfile.read_goals(file, known=known), period=stands.period)
    opened = [(records.open_records(params, about), [New(**item) for item in items]) for about, items in given]
    for own, _ in opened:
        if refused := own.may("goal"):
            raise NotAllowedError(f"{own.subject.name} was given no goal, and nobody else either.", found=refused)
    written = records.write_together(opened)
    return {own.subject.name: sum(entry.about == own.about for entry in written) for own, _ in opened}


def journal_init(params: Params) -> list[str]:
    """Prepare the journal, on PostgreSQL with each login's rights, and say what was done."""
    folder = _latest_folder(params)
    unknown = upkeep.prepare(params, snapshot.open_snapshot(folder, params).subjects if folder else ())
    lines = [f"The journal of {params.name} is ready."]
    if params.records.database and folder is None:
        lines.append("No period is frozen yet, so managers have no teams: run this again after the first reviewlib freeze.")
    if unknown:
        lines.append(f"The database does not know these logins; create them, then run this again: {', '.join(unknown)}")
    return lines


@dataclass(frozen=True)
class Status:
    """How the reviews of a period stand against their cadence, and what else is to be remembered."""

    period: str
    today: dt.date
    rows: tuple[Row, ...]
    reminder: str | None


def status(params: Params, stands: Standing, *, today: dt.date | None = None) -> Status:
    """Tell what is due, overdue and waiting for whom, by the cadence of params."""
    day = today or dt.datetime.now(ZoneInfo(params.timezone or "UTC")).date()
    rows = cadence.status(params, stands.subjects, stands.entries, today=day, period=stands.period)
    return Status(stands.period.name, day, tuple(rows), cadence.retention_reminder(params, today=day))


def calendar(params: Params, found: Status) -> bytes:
    """Write what is due as an iCalendar file."""
    from reviewlib.conversation.calendar import calendar_of

    return calendar_of(params, found.rows, made=dt.datetime.now(dt.UTC))


def next_run(params: Params, stands: Standing, subjects: Sequence[Subject], *, path: str) -> str:
    """The command that makes the pages of reviews anew."""
    some = [f"--{one.kind} {shlex.quote(one.id)}" for one in subjects] if len(subjects) < 4 else []
    return " ".join(["reviewlib run", path, f"--period {stands.period}", *some])


def _latest_folder(params: Params) -> Path | None:
    """The snapshot of the latest period that is frozen."""
    try:
        return frozen_period(params, None).folder
    except SnapshotError:
        return None
