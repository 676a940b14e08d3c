"""Where a review stands, and who may read what of it and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from reviewlib.conversation.entries import Entry, Head, current
from reviewlib.conversation.kinds import Release, Side, Signoff

Audience = Literal["manager", "rep"]
StateName = Literal["open", "answer_in", "feedback_in", "released", "signed", "closed"]


@dataclass(frozen=True)
class State:
    """Where a review stands.

    Attributes:
        name: ``open``; ``answer_in`` (the rep's self-review is there); ``feedback_in`` (the manager's feedback is there);
            ``released``; ``signed`` (one side has a sign-off entry); ``closed`` (both sides have one).
        answer: The current self-review, where there is one.
        feedback: The manager's first feedback, where there is one.
        release: The current release, where there is one.
        signatures: The current sign-off of each side that has one.
        head: The end of the review's chain; None where nothing is recorded.
    """

    name: StateName
    answer: Entry | None
    feedback: Entry | None
    release: Entry | None
    signatures: Mapping[Side, Entry]
    head: Head | None

    @property
    def revealed(self) -> bool:
        """Whether the self-review and the manager's feedback may be read by the other side."""
        return self.release is not None or (self.answer is not None and self.feedback is not None)

    @property
    def released(self) -> bool:
        """Whether the rep may read the manager's words."""
        return self.release is not None

    @property
    def closed(self) -> bool:
        """Whether both sides have signed, refused or were absent: only amendments are possible."""
        return self.name == "closed"

    @property
    def snapshot(self) -> str | None:
        """The snapshot that a released review stays on."""
        payload = self.release.payload if self.release else None
        return payload.snapshot if isinstance(payload, Release) else None


def state_of(entries: Sequence[Entry]) -> State:
    """Tell the state of one review from all of its entries, in their order."""
    now = current(entries)
    answer = next((entry for entry in reversed(now) if entry.kind == "self_review"), None)
    feedback = next((entry for entry in now if entry.kind == "feedback"), None)
    release = next((entry for entry in reversed(now) if entry.kind == "release"), None)
    signatures: dict[Side, Entry] = {
        entry.payload.side: entry for entry in now if entry.kind == "signoff" and isinstance(entry.payload, Signoff)
    }
    head = Head(entries[-1].sequence, entries[-1].hash) if entries else None
    ladder: tuple[tuple[StateName, bool], ...] = (
        ("closed", len(signatures) == 2),
        ("signed", len(signatures) == 1),
        ("released", release is not None),
        ("feedback_in", feedback is not None),
        ("answer_in", answer is not None),
    )
    name: StateName = next((name for name, reached in ladder if reached), "open")
    return State(name, answer, feedback, release, signatures, head)


def visible(entries: Sequence[Entry], *, audience: Audience, state: State) -> list[Entry]:
    """Leave out what an audience may not read of one review.

    The manager's copy shows everything but a self-review that the rep wrote and that is not revealed yet. The rep's copy shows,
    before release, only the rep's own words; afterwards everything shared.

    Args:
        entries: Entries of one review, superseded ones too or not.
        audience: For whom.
        state: The review's state, from all of its entries.
    """
    if audience == "manager":
        if state.revealed:
            return list(entries)
        # What a manager wrote down on the rep's behalf the manager knows.
        return [entry for entry in entries if entry.kind != "self_review" or (entry.role != "rep" and entry.source is None)]
    shared = [entry for entry in entries if entry.visibility == "shared"]
    return shared if state.released else [entry for entry in shared if entry.side == "rep"]
