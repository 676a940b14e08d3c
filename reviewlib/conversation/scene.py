"""What the rules of writing look at: the review as it is, what somebody wants to write, and why they may not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from reviewlib.conversation.entries import About, Draft, Entry, Person, origins
from reviewlib.conversation.kinds import Kind, Payload, Side, Visibility
from reviewlib.conversation.states import Audience, State, state_of, visible
from reviewlib.errors import JournalError, NotAllowedError, ReviewError
from reviewlib.evidence.subjects import Subject
from reviewlib.periods import FiscalYear, Period


@dataclass(frozen=True)
class WritingContext:
    """The review as it is when somebody wants to write.

    Attributes:
        about: The review.
        subject: Whom it is about.
        entries: Every entry of the subject, of all periods.
        fiscal: How period names are read.
        params_name: The params file's name, for messages.
    """

    about: About
    subject: Subject
    entries: Sequence[Entry]
    fiscal: FiscalYear
    params_name: str

    @cached_property
    def own(self) -> list[Entry]:
        """The entries of this review."""
        return [entry for entry in self.entries if entry.about == self.about]

    @cached_property
    def state(self) -> State:
        """The state of this review."""
        return state_of(self.own)

    @cached_property
    def by_id(self) -> Mapping[str, Entry]:
        """Every entry by its id."""
        return {entry.id: entry for entry in self.entries}

    @cached_property
    def roots(self) -> Mapping[str, str]:
        """The id of the first version of every entry."""
        return origins(self.entries)

    @cached_property
    def live(self) -> list[Entry]:
        """What nothing supersedes."""
        gone = {entry.supersedes for entry in self.entries}
        return [entry for entry in self.entries if entry.id not in gone]

    def readable(self, entry: Entry, audience: Audience) -> bool:
        """Whether the audience may read an entry of this or another review of the subject."""
        state = self.state if entry.about == self.about else state_of([one for one in self.entries if one.about == entry.about])
        return bool(visible([entry], audience=audience, state=state))

    def reached(self, entry: Entry) -> bool:
        """Whether an entry belongs to this review or an earlier one."""
        if entry.about == self.about:
            return True
        return Period.parse(entry.about.period, self.fiscal).end <= Period.parse(self.about.period, self.fiscal).start

    def latest(self, entry: Entry) -> Entry:
        """The version of an entry that stands now."""
        root = self.roots[entry.id]
        return next((one for one in reversed(self.live) if self.roots[one.id] == root), entry)

    def earlier_on(self, entry: Entry, kind: str) -> list[Entry]:
        """What stands of a kind about an entry, in any version of it, oldest first."""
        root = self.roots[entry.id]
        found = [one for one in self.live if one.kind == kind and one.of is not None and self.roots.get(one.of) == root]
        return sorted(found, key=lambda one: (one.at, one.sequence))


@dataclass(frozen=True)
class Attempt:
    """What somebody wants to write; without a payload the question is whether they may at all."""

    kind: Kind
    on_behalf: bool = False
    visibility: Visibility = "shared"
    source: str | None = None
    supersedes: str | None = None
    payload: Payload | None = None

    @property
    def of(self) -> str | None:
        """The id of the entry that it refers to."""
        found: str | None = getattr(self.payload, "of", None) if self.kind.about else None
        return found


@dataclass(frozen=True)
class Refusal:
    """Why not, and what to do instead; ``field`` where it is one field of what was said that is wrong."""

    what: str
    do: str
    found: str | None = None
    field: str | None = None

    def __str__(self) -> str:
        return f"{self.what} {self.do}"

    def error(self, where: str) -> ReviewError:
        """Turn it into the error that is raised."""
        if self.field is None:
            return NotAllowedError(self.what, where=where, found=self.found, do=self.do)
        error = JournalError(self.what, where=where, found=self.found, do=self.do)
        error.problems = {self.field: self.what}
        return error


def side_of(person: Person, *, on_behalf: bool) -> Side:
    """Whose word it is."""
    return "rep" if person.role == "rep" or on_behalf else "manager"


def audience_of(person: Person) -> Audience:
    """What a person may read; who has no role reads what the files let them read."""
    return "rep" if person.role == "rep" else "manager"


def provisional(draft: Draft, scene: WritingContext) -> Entry:
    """An entry as the store will make it, for checking what is written with it; it is never stored itself."""
    number = len(scene.own) + 1
    mark = draft.id or f"provisional {number}"
    at = max((entry.at for entry in scene.own), default=dt.datetime(1970, 1, 1, tzinfo=dt.UTC))
    return replace(draft.entry(sequence=number, at=at), id=mark, hash=mark)
