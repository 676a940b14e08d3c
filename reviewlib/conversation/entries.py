"""One entry of the journal, which entries are current, and the chain that makes a change to any of them noticed.

Every entry holds a hash of itself and of the entry before it in its review.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import groupby
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BeforeValidator, ConfigDict, PlainSerializer, SerializeAsAny, ValidationInfo

from reviewlib.conversation.kinds import KINDS
from reviewlib.conversation.kinds.record import Payload, Role, Side, Visibility
from reviewlib.evidence.subjects import Subject
from reviewlib.periods import Period

SubjectKind = Literal["rep", "team"]
P = TypeVar("P", bound=Payload)
#: What a draft and its entry have in common, beside the author.
SHARED: Final = ("id", "about", "team", "kind", "payload", "on_behalf_of", "visibility", "supersedes", "source")
#: What the hash of an entry begins with, so that another form of entry can never have the same bytes.
FORM: Final = "reviewlib entry 1"


@dataclass(frozen=True, order=True)
class About:
    """Which review: the subject and the period's name. Each has a chain of its own in the journal."""

    kind: SubjectKind
    subject: str
    period: str

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}, {self.period}"

    @classmethod
    def of(cls, subject: Subject, period: Period) -> About:
        """Which review a subject has in a period."""
        return cls("team" if subject.kind == "team" else "rep", subject.id, period.name)


@dataclass(frozen=True)
class Person:
    """Somebody who reads or writes.

    Attributes:
        login: The login.
        role: What params say the login is; None where they say nothing.
        name: A manager's name as in the reps table; a rep's name where it is known, else the id; else the login.
        rep_id: A rep's own id.
    """

    login: str
    role: Role | None
    name: str
    rep_id: str | None = None


@dataclass(frozen=True)
class Head:
    """The last entry of a review's chain: how many entries there are, and the hash that stands for all of them."""

    sequence: int
    hash: str


def _of_its_kind(said: Any, info: ValidationInfo) -> Payload:
    return KINDS[info.data["kind"]].model.model_validate(said)


# As JSON holds them: a list, a moment with its zone in digits, and what is said by the model of its kind.
ListedAbout = Annotated[About, BeforeValidator(lambda listed: About(*listed)), PlainSerializer(astuple)]
ListedHead = Annotated[Head, BeforeValidator(lambda listed: Head(*listed)), PlainSerializer(astuple)]
Moment = Annotated[dt.datetime, BeforeValidator(dt.datetime.fromisoformat), PlainSerializer(lambda at: at.isoformat())]
SaidByKind = Annotated[SerializeAsAny[Payload], BeforeValidator(_of_its_kind)]


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
    author: Person
    on_behalf_of: str | None = None
    visibility: Visibility = "shared"
    supersedes: str | None = None
    source: str | None = None
    id: str = ""

    @property
    def side(self) -> Side:
        """Whose word it is."""
        return side_of(self.author.role, on_behalf=self.on_behalf_of is not None)

    @property
    def of(self) -> str | None:
        """The id of the entry that it refers to."""
        return _referred(self.kind, self.payload)

    def entry(self, *, sequence: int, at: dt.datetime, salt: str = "", previous: str = "") -> Entry:
        """Make the entry that it becomes, without digest and hash."""
        author = self.author
        assert author.role is not None  # the rules of writing let nobody pass who has none
        return Entry(
            **{name: getattr(self, name) for name in SHARED},
            author=author.login,
            author_name=author.name,
            role=author.role,
            sequence=sequence,
            at=at,
            salt=salt,
            digest="",
            previous=previous,
            hash="",
        )


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

    # A column that a newer version adds may keep something from somebody.
    __pydantic_config__ = ConfigDict(extra="forbid")

    id: str
    about: ListedAbout
    team: str | None
    sequence: int
    kind: str
    author: str
    author_name: str
    role: Role
    on_behalf_of: str | None
    visibility: Visibility
    at: Moment
    supersedes: str | None
    source: str | None
    payload: SaidByKind
    salt: str
    digest: str
    previous: str
    hash: str

    @property
    def side(self) -> Side:
        """Whose word it is."""
        return side_of(self.role, on_behalf=self.on_behalf_of is not None)

    @property
    def came_from_rep(self) -> bool:
        """Whether the words came from the rep, not from a manager who wrote them down."""
        return self.side == "rep" and (self.role == "rep" or self.source is not None)

    @property
    def of(self) -> str | None:
        """The id of the entry that it refers to."""
        return _referred(self.kind, self.payload)


def side_of(role: Role | None, *, on_behalf: bool) -> Side:
    """Whose word it is: the rep's where the rep writes or somebody does on the rep's behalf, else the manager's."""
    return "rep" if role == "rep" or on_behalf else "manager"


def _referred(kind: str, payload: Payload) -> str | None:
    found: str | None = getattr(payload, "of", None) if KINDS[kind].about else None
    return found


def said(entries: Iterable[Entry], kind: type[P]) -> Iterator[tuple[Entry, P]]:
    """Go through entries of one kind with what they say."""
    return ((entry, entry.payload) for entry in entries if isinstance(entry.payload, kind))


def current(entries: Iterable[Entry]) -> list[Entry]:
    """Leave out what was superseded; the order stays."""
    everything = list(entries)
    gone = {entry.supersedes for entry in everything if entry.supersedes}
    return [entry for entry in everything if entry.id not in gone]


def history(entries: Sequence[Entry], entry_id: str) -> list[Entry]:
    """List every version of an entry, oldest first, whichever of them is asked for; empty where there is none."""
    roots = origins(entries)
    return [entry for entry in entries if entry_id in roots and roots[entry.id] == roots[entry_id]]


def origins(entries: Sequence[Entry]) -> dict[str, str]:
    """Tell for each entry the id of its first version: replies and updates may name any version of what they are about."""
    found: dict[str, str] = {}
    for entry in entries:
        found[entry.id] = found.get(entry.supersedes, entry.supersedes) if entry.supersedes else entry.id
    return found


def canonical(value: Any) -> bytes:
    """Write plain data as JSON in the one way that digests and hashes are made from."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


def payload_bytes(payload: Payload) -> bytes:
    """Write a payload in the one way that its digest is made from.

    Only the fields that were given count: a field that a later version of a kind adds does not change what was said before.
    """
    return canonical(payload.model_dump(mode="json", exclude_unset=True))


def digest(payload: Payload, *, salt: str) -> str:
    """Make the salted digest of a payload; without the salt it does not even confirm a guess of a short text."""
    return hashlib.sha256(bytes.fromhex(salt) + payload_bytes(payload)).hexdigest()


def moment(at: dt.datetime) -> str:
    """Write a time as it is stored and hashed: UTC, always with microseconds."""
    return at.astimezone(dt.UTC).isoformat(timespec="microseconds")


def link(entry: Entry) -> str:
    """Make the hash of an entry from every column and the hash before it.

    The digest stands for salt and payload. A JSON list keeps the columns apart: no text can run over into the next one, and
    nothing is not the same as empty.
    """
    columns = [
        FORM,
        entry.id,
        [entry.about.kind, entry.about.subject, entry.about.period],
        entry.team,
        entry.sequence,
        entry.kind,
        [entry.author, entry.author_name, entry.role, entry.on_behalf_of],
        entry.visibility,
        moment(entry.at),
        entry.supersedes,
        entry.source,
        entry.digest,
        entry.previous,
    ]
    return hashlib.sha256(canonical(columns)).hexdigest()


def sealed(entry: Entry) -> Entry:
    """Give an entry the digest and the hash that its columns make."""
    with_digest = replace(entry, digest=digest(entry.payload, salt=entry.salt))
    return replace(with_digest, hash=link(with_digest))


def verify_chains(entries: Sequence[Entry], remembered: Mapping[About, Head]) -> list[str]:
    """Say what is wrong with every chain, also against the heads that a manifest remembers.

    Args:
        entries: All of them, as a login sees them that sees everything.
        remembered: The heads; empty where there is nothing to hold the chains against.
    """
    ordered = sorted(entries, key=lambda entry: (entry.about, entry.sequence))
    chains = {about: list(own) for about, own in groupby(ordered, key=lambda entry: entry.about)}
    followed = ((entry, last) for own in chains.values() for entry, last in zip(own, [None, *own], strict=False))
    found = [f"{entry.about}: entry {entry.sequence} {words}" for entry, last in followed for words in _wrong_with(entry, last)]
    for about, head in sorted(remembered.items()):
        found += _against(chains.get(about, []), about, head)
    return found


def _against(own: Sequence[Entry], about: About, head: Head) -> list[str]:
    if not own:
        return [f"{about}: the journal has no entries of this review, and {head.sequence} are remembered"]
    if own[-1].sequence < head.sequence:
        return [f"{about}: the journal ends with entry {own[-1].sequence}, and {head.sequence} are remembered"]
    if not any(entry.sequence == head.sequence and entry.hash == head.hash for entry in own):
        return [f"{about}: entry {head.sequence} is not the one that is remembered"]
    return []


def _wrong_with(entry: Entry, last: Entry | None) -> list[str]:
    expected = last.sequence + 1 if last else 1
    found: list[str] = []
    if entry.sequence > expected:
        missing = str(expected) if entry.sequence == expected + 1 else f"{expected} to {entry.sequence - 1}"
        found.append(f"follows a gap: {missing} is missing")
    elif entry.sequence < expected:
        found.append(f"comes a second time or out of order: {expected} was expected")
    elif entry.previous != (last.hash if last else ""):
        found.append("does not follow from the entry before it" if last else "is the first, yet names an entry before it")
    try:
        holds = digest(entry.payload, salt=entry.salt) == entry.digest
    except ValueError:  # the salt is no hex any more
        holds = False
    if not holds:
        found.append("does not hold the words that it was written with")
    if link(entry) != entry.hash:
        found.append("was changed after it was written: its hash is another")
    return found
