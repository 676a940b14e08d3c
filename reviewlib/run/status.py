"""How the reviews of a period stand: their state in the journal, and the evidence that each one uses."""

import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from reviewlib import files
from reviewlib.conversation import copies, identity, schedule
from reviewlib.conversation.entries import About, Entry, Head
from reviewlib.conversation.journal import open_journal, refuse_broken, remembered_heads
from reviewlib.conversation.schedule import DueReview
from reviewlib.conversation.visibility import State, state_of
from reviewlib.errors import ReviewError, SnapshotError
from reviewlib.evidence import adjustments, snapshot
from reviewlib.evidence.adjustments import Pin
from reviewlib.evidence.snapshot import Snapshot
from reviewlib.evidence.subjects import Subject
from reviewlib.params.model import Params
from reviewlib.periods import Period
from reviewlib.run.adjusting import Adjuster


@dataclass(frozen=True)
class ReviewStatus:
    """How the reviews of one period stand.

    Attributes:
        period: The period.
        current: The hash of the snapshot that the period uses.
        subjects: Everyone who has a review, teams first; a released one as it was released, and none that was erased.
        entries: What was said in each review, of other periods too, all versions, in the order of its chain.
        states: The state of each review of the period that has entries.
        whole: Whether this login sees the whole journal; else ``subjects`` are those that it leads, and nobody else.
    """

    period: Period
    current: str
    subjects: tuple[Subject, ...]
    entries: Mapping[About, Sequence[Entry]]
    states: Mapping[About, State]
    whole: bool = True

    def about(self, subject: Subject) -> About:
        """Which review of the journal a subject's is."""
        return About.of(subject, self.period)

    def state(self, subject: Subject) -> State:
        """Where a subject's review stands."""
        return self.states.get(self.about(subject)) or state_of([])

    def snapshot(self, subject: Subject) -> str:
        """The snapshot that a subject's review uses: the period's, or the one it was released with."""
        return self.state(subject).snapshot or self.current

    def older(self, subject: Subject) -> str | None:
        """The snapshot that a subject's released review stays on; None where the period uses the same."""
        pinned = self.snapshot(subject)
        return pinned if pinned != self.current else None

    def pins(self, subject: Subject) -> list[Pin]:
        """The subject's earlier reviews of the trend that were released and not erased since, oldest first."""
        said = {period.name: self.entries.get(About.of(subject, period), ()) for period in self.period.trend()[:-1]}
        earlier = {name: state_of(own) for name, own in said.items() if all(entry.kind != "erasure" for entry in own)}
        return [Pin(name, state.snapshot, state.closed) for name, state in earlier.items() if state.snapshot]

    @property
    def own(self) -> list[Entry]:
        """What was said in the reviews of the period, each in the order of its chain."""
        return [entry for each in self.entries.values() for entry in each if entry.about.period == self.period.name]

    @property
    def heads(self) -> dict[About, Head]:
        """The end of each review's chain."""
        return {entry.about: Head(entry.sequence, entry.hash) for entry in self.own}


def frozen_period(params: Params, period: Period | None) -> Snapshot:
    """Find the evidence of a period, or of the latest complete one that is frozen; the CRM's export is not read.

    Raises:
        SnapshotError: Nothing is frozen.
    """
    periods = [period] if period else snapshot.period_folders(params).values()
    known = [one for each in periods if (one := snapshot.current(params, each))]
    # The usual one is complete, ended last, and is the shortest of those.
    found = max(known, key=lambda one: (not one.info["workbook"]["incomplete"], one.period.end, one.period.start), default=None)
    if found is None:
        what = f"Nothing is frozen for {period}." if period else "Nothing is frozen yet."
        do = f"Run: reviewlib run {params.typed}" + (f" --period {period}" if period else "")
        raise SnapshotError(what, where=f"reports/{params.name}", do=do)
    return found


def of(params: Params, frozen: Snapshot) -> ReviewStatus:
    """Read how the reviews of a period stand, and hold the journal against what the manifest remembers; nothing is written.

    Args:
        params: The workbook.
        frozen: The evidence that the period uses.

    Raises:
        JournalError: The journal is damaged, or holds less than an earlier run saw.
    """
    with open_journal(params) or nullcontext() as journal:
        entries = journal.entries() if journal else []
        whole = journal is None or journal.sees_all()
        found = {review: tuple(each) for review, each in groupby(entries, key=lambda entry: entry.about)}
        states = {review: state_of(each) for review, each in found.items() if review.period == frozen.period.name}
        pins = {review: state.snapshot for review, state in states.items() if state.snapshot}
        subjects = copies.as_released(params, frozen.period, frozen.subjects, pins)
        erased = {entry.about for entry in entries if entry.kind == "erasure"}
        subjects = tuple(subject for subject in subjects if About.of(subject, frozen.period) not in erased)
        if not whole:
            person = identity.at_keyboard(params)
            subjects = tuple(subject for subject in subjects if identity.leads(person, subject))
        stands = ReviewStatus(frozen.period, frozen.hash, subjects, found, states, whole)
        _check(params, stands)
    return stands


def lay_out(params: Params, stands: ReviewStatus) -> None:
    """Lay out what copies read beside the evidence, one file a review; what stays the same is not touched.

    That is what the reps' copies may read of the journal, and what the CRM says by now of earlier reviews.
    """
    with open_journal(params) or nullcontext() as journal:
        copies.write_rep_minutes(params, stands.period, stands.subjects, journal)
    adjuster = Adjuster(params)
    there = {path.name: path for path in (params.reports / stands.period.name).glob("*/adjustments/*.json")}
    for subject in stands.subjects:
        path, pins = adjustments.place(params, subject, stands.period), stands.pins(subject)
        old = there.get(path.name)
        if old and (old != path or not pins):  # who changed team has it elsewhere
            old.unlink()
        if pins and (not stands.state(subject).closed or adjustments.parsed(path) is None):
            text = adjuster.text(path, subject, stands.snapshot(subject), pins)
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                files.write(path, text, modes=params.modes)
    if stands.whole:  # else others' reviews, which this login does not see, have theirs
        for name in there.keys() - {adjustments.place(params, subject, stands.period).name for subject in stands.subjects}:
            there[name].unlink()


def _check(params: Params, stands: ReviewStatus) -> None:
    """Hold the journal against what the period's manifest remembers of it.

    Raises:
        JournalError: A chain is broken, missing or shorter than it was.
    """
    seen = {stands.about(subject) for subject in stands.subjects}
    heads = remembered_heads(params.reports / stands.period.name)
    known = {review: head for review, head in heads.items() if stands.whole or review in seen}
    do = "Restore the journal from its latest backup; reviewlib verify lists everything. Nothing was made."
    refuse_broken(stands.own, known, where=f"the journal of {params.name}, {stands.period}", do=do)


@dataclass(frozen=True)
class Status:
    """How the reviews of a period stand against their cadence, and what else is to be remembered.

    ``older`` are the snapshots of released reviews where the period uses another by now, by kind and id ("rep R-014").
    """

    period: str
    today: dt.date
    rows: tuple[DueReview, ...]
    reminder: str | None
    older: Mapping[str, str]


def status(params: Params, stands: ReviewStatus, *, today: dt.date | None = None) -> Status:
    """Tell what is due, overdue and waiting for whom, by the cadence of params."""
    day = today or params.local(dt.datetime.now(dt.UTC)).date()
    rows = schedule.status(params, stands.subjects, stands.entries, today=day, period=stands.period)
    older = {f"{one.kind} {one.id}": pinned for one in stands.subjects if (pinned := stands.older(one))}
    return Status(stands.period.name, day, tuple(rows), schedule.retention_reminder(params, today=day), older)


def write_calendar(params: Params, found: Status, file: Path) -> None:
    """Write what is due as an iCalendar file.

    Raises:
        ReviewError: The file cannot be written, or a folder is there.
    """
    content = schedule.calendar_of(params, found.rows, made=dt.datetime.now(dt.UTC))
    do = "Name a file that may be written, such as reviews.ics."
    with ReviewError.of_disk("The calendar cannot be written.", where=str(file), do=do):
        files.write(file, content)
