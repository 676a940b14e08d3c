"""One entry of the journal, and which entries are current."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from reviewlib.conversation.kinds import KINDS, Payload, Role, Visibility

SubjectKind = Literal["rep", "team"]


@dataclass(frozen=True, order=True)
class About:
    """Which review: the subject and the period's name. Each has a chain of its own in the journal."""

    kind: SubjectKind
    subject: str
    period: str

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}, {self.period}"


@dataclass(frozen=True)
class Author:
    """Who writes.

    Attributes:
        login: The login at the keyboard.
        name: The person's name, as it was when the entry was written.
        role: In which role.
        rep_id: The rep's own id, where a rep writes.
    """

    login: str
    name: str
    role: Role
    rep_id: str | None = None


@dataclass(frozen=True)
class Draft:
    """An entry before it is in the journal.

    Attributes:
        about: The review.
        team: The subject's team in that period; None for reps without one. Rights go by it.
        kind: A key of ``KINDS``.
        payload: What is said; of the kind's model.
        author: Who writes.
        on_behalf_of: The rep's id, where somebody writes the rep's word for them.
        visibility: Who may read it.
        supersedes: The id of the entry that this one replaces.
        source: The sha256 of the file it was imported from, and what was found about its sender (see ``senders``).
        id: A fresh one where empty. The same id with the same content twice is one entry (a save that is tried again).
    """

    about: About
    team: str | None
    kind: str
    payload: Payload
    author: Author
    on_behalf_of: str | None = None
    visibility: Visibility = "shared"
    supersedes: str | None = None
    source: str | None = None
    id: str = ""


@dataclass(frozen=True)
class Entry:
    """One entry as it stands in the journal.

    Attributes:
        sequence: 1, 2, 3 ... within its review.
        at: When it was written, UTC.
        salt: Random bytes, as hex, that the digest is made with.
        digest: sha256 of salt and payload.
        previous: The hash of the entry before it in its review; empty for the first.
        hash: sha256 over every column above, ``digest`` standing for the payload, and ``previous``.
    """

    id: str
    about: About
    team: str | None
    sequence: int
    kind: str
    author: str
    author_name: str
    role: Role
    on_behalf_of: str | None
    visibility: Visibility
    at: dt.datetime
    supersedes: str | None
    source: str | None
    payload: Payload
    salt: str
    digest: str
    previous: str
    hash: str

    @property
    def side(self) -> str:
        """Whose word it is: ``rep`` where it was written by the rep or on the rep's behalf, else ``manager``."""
        return "rep" if self.role == "rep" or self.on_behalf_of is not None else "manager"

    @property
    def of(self) -> str | None:
        """The id of the entry that it refers to."""
        found: str | None = getattr(self.payload, "of", None) if KINDS[self.kind].about else None
        return found

    def as_data(self) -> dict[str, Any]:
        """Turn the entry into what JSON holds."""
        data = {field.name: getattr(self, field.name) for field in fields(self)}
        return data | {
            "about": [self.about.kind, self.about.subject, self.about.period],
            "at": self.at.isoformat(),
            "payload": self.payload.model_dump(mode="json"),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Entry:
        """Read what ``as_data`` wrote."""
        return cls(
            **{
                **data,
                "about": About(*data["about"]),
                "at": dt.datetime.fromisoformat(data["at"]),
                "payload": KINDS[data["kind"]].model.model_validate(data["payload"]),
            }
        )


@dataclass(frozen=True)
class Head:
    """The last entry of a review's chain: how many entries there are, and the hash that stands for all of them."""

    sequence: int
    hash: str


def current(entries: Iterable[Entry]) -> list[Entry]:
    """Leave out what was superseded; the order stays."""
    everything = list(entries)
    gone = {entry.supersedes for entry in everything if entry.supersedes}
    return [entry for entry in everything if entry.id not in gone]


def history(entries: Sequence[Entry], entry_id: str) -> list[Entry]:
    """List every version of an entry, oldest first, whichever of them is asked for; empty where there is none."""
    by_id = {entry.id: entry for entry in entries}
    after = {entry.supersedes: entry for entry in entries if entry.supersedes}
    if entry_id not in by_id:
        return []
    first = by_id[entry_id]
    while first.supersedes in by_id:
        first = by_id[str(first.supersedes)]
    versions = [first]
    while versions[-1].id in after:
        versions.append(after[versions[-1].id])
    return versions


def origins(entries: Sequence[Entry]) -> dict[str, str]:
    """Tell for each entry the id of its first version: replies and updates may name any version of what they are about."""
    found: dict[str, str] = {}
    for entry in entries:
        found[entry.id] = found.get(entry.supersedes, entry.supersedes) if entry.supersedes else entry.id
    return found


def edits(entries: Sequence[Entry]) -> Counter[str]:
    """Count how many times each first version was edited."""
    roots = origins(entries)
    return Counter(roots[entry.id] for entry in entries if entry.supersedes)
