"""How the reviews of a period stand: their state in the journal, and the evidence that each one uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from reviewlib import manifest
from reviewlib.conversation import records, store, upkeep
from reviewlib.conversation.entries import About, Entry, Head
from reviewlib.conversation.process import State, state_of
from reviewlib.errors import JournalError
from reviewlib.evidence import slicefile
from reviewlib.evidence.snapshot import Snapshot
from reviewlib.evidence.subjects import Subject, subjects_of
from reviewlib.params import Params
from reviewlib.periods import Period


@dataclass(frozen=True)
class Standing:
    """How the reviews of one period stand.

    Attributes:
        period: The period.
        current: The hash of the snapshot that the period uses.
        subjects: Everyone who has a review, teams first; a released one as it was released.
        entries: What was said in each review, all versions, in the order of its chain.
        states: The state of each review that has entries.
    """

    period: Period
    current: str
    subjects: tuple[Subject, ...]
    entries: Mapping[About, Sequence[Entry]]
    states: Mapping[About, State]

    def about(self, subject: Subject) -> About:
        """Which review of the journal a subject's is."""
        return about(subject, self.period)

    def state(self, subject: Subject) -> State:
        """Where a subject's review stands."""
        return self.states.get(self.about(subject)) or state_of([])

    def snapshot(self, subject: Subject) -> str:
        """The snapshot that a subject's review uses: the period's, or the one it was released with."""
        return self.state(subject).snapshot or self.current

    @property
    def heads(self) -> dict[About, Head]:
        """The end of each review's chain."""
        return {review: state.head for review, state in self.states.items() if state.head is not None}


def about(subject: Subject, period: Period) -> About:
    """Which review of the journal a subject's is."""
    return About("team" if subject.kind == "team" else "rep", subject.id, period.name)


def of(params: Params, frozen: Snapshot) -> Standing:
    """Read how the reviews of a period stand, and lay out what the reps' copies may read of the journal.

    Args:
        params: The workbook.
        frozen: The evidence that the period uses.

    Raises:
        JournalError: The journal is damaged, or holds less than an earlier run saw.
    """
    with_journal = store.open_store(params)
    try:
        everything = with_journal.entries() if with_journal else []
        _check(params, frozen.period, everything)
        found = {review: tuple(each) for review, each in groupby(everything, key=lambda entry: entry.about)}
        own = {review: each for review, each in found.items() if review.period == frozen.period.name}
        states = {review: state_of(each) for review, each in own.items()}
        subjects = _subjects(params, frozen, states)
        records.write_rep_minutes(params, frozen.period, subjects, with_journal)
    finally:
        if with_journal:
            with_journal.close()
    return Standing(frozen.period, frozen.hash, subjects, own, states)


def _check(params: Params, period: Period, entries: Sequence[Entry]) -> None:
    """Hold the journal against what the period's manifest remembers of it.

    Raises:
        JournalError: A chain is broken, missing or shorter than it was.
    """
    remembered = manifest.heads(params.reports / period.name)
    problems = upkeep.verify([entry for entry in entries if entry.about.period == period.name], remembered)
    if problems:
        raise JournalError(
            "The journal is not what it was.",
            where=f"the journal of {params.name}, {period}",
            found="; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else ""),
            do="Restore the journal from its latest backup; reviewlib verify lists everything. Nothing was made.",
        )


def _subjects(params: Params, frozen: Snapshot, states: Mapping[About, State]) -> tuple[Subject, ...]:
    """Everyone who has a review; whoever's is released as the snapshot of the release knows them, also if no other does."""
    named = {about(subject, frozen.period): subject for subject in frozen.subjects}
    for review, state in states.items():
        if state.snapshot and state.snapshot != frozen.hash:
            then = {about(one, frozen.period): one for one in subjects_of(slicefile.pinned_folder(params, state.snapshot))}
            named[review] = then[review]
    return tuple(sorted(named.values(), key=lambda subject: subject.kind != "team"))
