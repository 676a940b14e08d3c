"""The minutes of a review: what one audience may read of what people said, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from reviewlib.conversation.entries import About, Entry, Head, current, edits, origins
from reviewlib.conversation.kinds import KINDS
from reviewlib.conversation.process import Audience, State, StateName, state_of, visible
from reviewlib.periods import FiscalYear, Period

#: Kinds of earlier reviews that later ones look back at: what carries over, and what became of it.
LOOKED_BACK_AT = frozenset({name for name, kind in KINDS.items() if kind.carries} | {"update", "agreement", "recognition"})


@dataclass(frozen=True)
class Minutes:
    """What one audience may read of a review's conversation.

    Attributes:
        about: The review.
        audience: For whom.
        state: Where the review stands. For the rep's copy before release, the manager's entries are not in it.
        entries: Current entries of this review that the audience may read, oldest first.
        earlier: Current entries of the subject's earlier reviews that are looked back at: what carries over, and its updates.
        versions: How many times an entry was edited, by its current id; entries that never were are not in it.
        roots: The id of the first version of every entry here, by its id: replies may name any version.
        withheld: Kinds of which there are entries that this audience may not read yet.
        members: A team's manager copy: the minutes of each of its reps, by id.
    """

    about: About
    audience: Audience
    state: State
    entries: tuple[Entry, ...] = ()
    earlier: tuple[Entry, ...] = ()
    versions: Mapping[str, int] = field(default_factory=dict)
    roots: Mapping[str, str] = field(default_factory=dict)
    withheld: tuple[str, ...] = ()
    members: Mapping[str, Minutes] = field(default_factory=dict)

    def of_kind(self, *kinds: str) -> list[Entry]:
        """Current entries of this review of these kinds, oldest first."""
        return [entry for entry in self.entries if entry.kind in kinds]

    def on(self, entry: Entry, *kinds: str) -> list[Entry]:
        """Current entries of this or an earlier review that are about an entry (any version of it), oldest first."""
        root = self.roots.get(entry.id, entry.id)
        everything = (*self.earlier, *self.entries)
        return [one for one in everything if one.kind in kinds and one.of and self.roots.get(one.of, one.of) == root]

    def find(self, entry_id: str) -> Entry | None:
        """The current version of an entry by the id of any of its versions; None where it is not here."""
        root = self.roots.get(entry_id, entry_id)
        return next((one for one in (*self.entries, *self.earlier) if self.roots.get(one.id, one.id) == root), None)

    def agreed(self, entry: Entry) -> Entry | None:
        """The rep's latest word on an entry as it stands now; a word on an earlier wording does not count."""
        return next((one for one in reversed(self.on(entry, "agreement")) if one.of == entry.id), None)

    def as_data(self) -> dict[str, Any]:
        """Turn the minutes into what JSON holds."""
        head, state = self.state.head, self.state
        return {
            "about": [self.about.kind, self.about.subject, self.about.period],
            "audience": self.audience,
            "state": {
                "name": state.name,
                "answer": state.answer.as_data() if state.answer in self.entries and state.answer else None,
                "feedback": state.feedback.as_data() if state.feedback in self.entries and state.feedback else None,
                "release": state.release.as_data() if state.release else None,
                "signatures": [entry.as_data() for entry in state.signatures.values()],
                "head": [head.sequence, head.hash] if head else None,
            },
            "entries": [entry.as_data() for entry in self.entries],
            "earlier": [entry.as_data() for entry in self.earlier],
            "versions": dict(self.versions),
            "roots": dict(self.roots),
            "withheld": list(self.withheld),
            "members": {rep_id: minutes.as_data() for rep_id, minutes in self.members.items()},
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Minutes:
        """Read what ``as_data`` wrote."""
        return cls(
            about=About(*data["about"]),
            audience=data["audience"],
            state=_state(data["state"]),
            entries=tuple(Entry.from_data(entry) for entry in data["entries"]),
            earlier=tuple(Entry.from_data(entry) for entry in data["earlier"]),
            versions=MappingProxyType(data["versions"]),
            roots=MappingProxyType(data["roots"]),
            withheld=tuple(data["withheld"]),
            members=MappingProxyType({rep_id: cls.from_data(each) for rep_id, each in data["members"].items()}),
        )


def _state(data: Mapping[str, Any]) -> State:
    name: StateName = data["name"]
    found = {key: Entry.from_data(data[key]) if data[key] else None for key in ("answer", "feedback", "release")}
    signatures = [Entry.from_data(entry) for entry in data["signatures"]]
    return State(
        name=name,
        answer=found["answer"],
        feedback=found["feedback"],
        release=found["release"],
        signatures={entry.payload.side: entry for entry in signatures},  # type: ignore[attr-defined]
        head=Head(*data["head"]) if data["head"] else None,
    )


def empty(about: About, audience: Audience) -> Minutes:
    """The minutes of a review of which nothing is recorded."""
    return Minutes(about, audience, state_of([]))


def take(
    entries: Sequence[Entry],
    about: About,
    *,
    audience: Audience,
    fiscal: FiscalYear,
    members: Mapping[str, Minutes] | None = None,
) -> Minutes:
    """Take the minutes of a review for one audience.

    Args:
        entries: Every entry of the subject, of all periods, each review's in the order of its chain.
        about: The review.
        audience: For whom; what they may not read is not in the result.
        fiscal: How period names are read.
        members: For a team's manager copy, the minutes of its reps.
    """
    own = [entry for entry in entries if entry.about == about]
    state = state_of(own)
    shown = visible(current(own), audience=audience, state=state)
    looked_back_at = _earlier(entries, about, audience=audience, fiscal=fiscal)
    known = [entry for entry in entries if entry in own or entry in looked_back_at]
    counts, roots = edits(known), origins(known)
    together = [*shown, *looked_back_at]
    hidden = [entry.kind for entry in current(own) if entry not in shown and entry.visibility == "shared"]
    return Minutes(
        about=about,
        audience=audience,
        state=state if audience == "manager" else _for_rep(state, shown),
        entries=tuple(shown),
        earlier=tuple(looked_back_at),
        versions={entry.id: counts[roots[entry.id]] for entry in together if counts[roots[entry.id]]},
        roots={entry.id: roots[entry.id] for entry in known if _told(entry, together, roots)},
        withheld=tuple(dict.fromkeys(hidden)) if audience == "manager" else (),
        members=members or {},
    )


def _earlier(entries: Sequence[Entry], about: About, *, audience: Audience, fiscal: FiscalYear) -> list[Entry]:
    """What the audience may read of the subject's earlier reviews; the rep only of those that were released."""
    start = Period.parse(about.period, fiscal).start
    reviews = dict.fromkeys(entry.about for entry in entries if entry.about != about)
    found: list[Entry] = []
    for review in sorted(reviews, key=lambda one: Period.parse(one.period, fiscal).end):
        if Period.parse(review.period, fiscal).end > start:
            continue
        own = [entry for entry in entries if entry.about == review]
        found += visible(current(own), audience=audience, state=state_of(own))
    return [entry for entry in found if entry.kind in LOOKED_BACK_AT]


def _told(entry: Entry, shown: Sequence[Entry], roots: Mapping[str, str]) -> bool:
    """Whether an id belongs to something that is shown, in any version; ids of hidden entries stay out."""
    return any(roots[entry.id] == roots[one.id] for one in shown)


def _for_rep(state: State, shown: Sequence[Entry]) -> State:
    """The state without what the rep may not read: before release even whether the manager has written."""
    if state.released:
        return state
    return replace(state_of(shown), head=None)
