"""Where a review stands, and its minutes: what one audience may read of what people said, as plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PlainSerializer, TypeAdapter

from reviewlib.conversation.entries import About, Entry, Head, ListedAbout, ListedHead, current, origins, said
from reviewlib.conversation.kinds import KINDS
from reviewlib.conversation.kinds.plans import Agreement, Recognition
from reviewlib.conversation.kinds.record import Side
from reviewlib.conversation.kinds.talk import Release, Signoff
from reviewlib.periods import FiscalYear, Period

Audience = Literal["manager", "rep"]
StateName = Literal["open", "answer_in", "feedback_in", "released", "signed", "closed"]
#: Kinds of earlier reviews that later ones look back at: what carries over, and what became of it.
LOOKED_BACK_AT = frozenset(name for name, kind in KINDS.items() if kind.carries or kind.looked_back_at)
#: What a review waits for: that it is in is told also to those who do not read it.
_PARTS = frozenset({"self_review", "feedback"})


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
        head: The last entry that pages tell of; None where nothing is recorded.
    """

    name: StateName
    answer: Entry | None
    feedback: Entry | None
    release: Entry | None
    signatures: Annotated[
        Mapping[Side, Entry],
        BeforeValidator(lambda listed: {entry["payload"]["side"]: entry for entry in listed}),
        PlainSerializer(lambda by_side: list(by_side.values()), return_type=list[Entry]),
    ]
    head: ListedHead | None

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

    @property
    def proof(self) -> str | None:
        """The proof of that snapshot; a release of before holds none."""
        payload = self.release.payload if self.release else None
        return payload.proof if isinstance(payload, Release) else None


@dataclass(frozen=True)
class Reach:
    """How far the managers who read a copy may read in what is recorded about one subject.

    Attributes:
        readers: Their names, as in the reps table.
        team: The team that the subject is in now. What was kept from the rep in another team stays with who wrote it.
        leading: Whether each of them leads the subject; else they read what is released and shared.
    """

    readers: frozenset[str]
    team: str | None
    leading: bool = True

    def holds(self, entry: Entry) -> bool:
        """Whether they may read an entry about somebody they lead; of who has no team, only analysts' and their own notes."""
        if entry.visibility == "shared" or entry.author_name in self.readers:
            return True
        return entry.team == self.team and (self.team is not None or entry.role == "analyst")


@dataclass(frozen=True)
class VisibleEntries:
    """What one audience may read of a review's conversation.

    Attributes:
        about: The review.
        audience: For whom.
        state: Where the review stands; entries that the audience may not read are not in it. Whether an answer is in tells its
            name, also where the answer itself cannot be read yet.
        entries: Current entries of this review that the audience may read, oldest first.
        earlier: Current entries of the subject's earlier reviews that are looked back at: what carries over, and its updates.
        versions: How many times an entry was edited, by its current id; entries that never were are not in it.
        roots: The id of the first version of every entry here, by its id: replies may name any version.
        withheld: Kinds of which there are entries that this audience may not read yet.
        members: A team's manager copy: the minutes of each of its reps, by id. A team's copy for the reps: of each rep what the
            rep agreed to show on the team's board.
        partial: Whether not everybody who reads it leads the subject, so that only what is released and shared is here.
    """

    about: ListedAbout
    audience: Audience
    state: State
    entries: tuple[Entry, ...]
    earlier: tuple[Entry, ...]
    versions: Mapping[str, int]
    roots: Mapping[str, str]
    withheld: tuple[str, ...]
    members: Mapping[str, VisibleEntries]
    partial: bool = False

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
        data: dict[str, Any] = _in_json().dump_python(self, mode="json")
        return data

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> VisibleEntries:
        """Read what ``as_data`` wrote."""
        return _in_json().validate_python(data)


@cache
def _in_json() -> TypeAdapter[VisibleEntries]:
    return TypeAdapter(VisibleEntries)


def state_of(entries: Sequence[Entry]) -> State:
    """Tell the state of one review from all of its entries, in their order."""
    now = current(entries)
    answer = next((entry for entry in reversed(now) if entry.kind == "self_review"), None)
    feedback = next((entry for entry in now if entry.kind == "feedback"), None)
    release = next((entry for entry in reversed(now) if entry.kind == "release"), None)
    signatures: dict[Side, Entry] = {signed.side: entry for entry, signed in said(now, Signoff)}
    last = next((entry for entry in reversed(entries) if not KINDS[entry.kind].of_files), None)
    head = Head(last.sequence, last.hash) if last else None
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


def empty(about: About, audience: Audience) -> VisibleEntries:
    """The minutes of a review of which nothing is recorded."""
    return VisibleEntries(about, audience, state_of([]), (), (), {}, {}, (), {})


def take(
    entries: Sequence[Entry],
    about: About,
    *,
    audience: Audience,
    fiscal: FiscalYear,
    members: Mapping[str, VisibleEntries] | None = None,
    reach: Reach | None = None,
) -> VisibleEntries:
    """Take the minutes of a review for one audience.

    Args:
        entries: Every entry of the subject, of all periods, each review's in the order of its chain.
        about: The review.
        audience: For whom; what they may not read is not in the result, not even its id.
        fiscal: How period names are read.
        members: For a team, the minutes of its reps.
        reach: How far who reads a manager's copy may read; to the end where not given.
    """
    chains = _chains(entries, about, fiscal)
    known = _readable(chains, entries, audience, reach)
    own = chains.get(about, [])
    standing = {entry.id for chain in chains.values() for entry in current(chain)}
    shown = [entry for entry in known if entry.about == about and entry.id in standing]
    looked_back_at = [
        entry for entry in known if entry.about != about and entry.id in standing and entry.kind in LOOKED_BACK_AT
    ]
    roots = origins(known)
    edits = Counter(roots[entry.id] for entry in known if entry.supersedes)
    told = {roots[entry.id] for entry in (*shown, *looked_back_at)}
    state = _state_for(audience, state_of(own), shown)
    withheld: list[str] = []
    if audience == "manager":
        ids = {entry.id for entry in shown}
        withheld = [entry.kind for entry in current(own) if entry.id not in ids and entry.visibility == "shared"]
    leading = reach is None or reach.leading
    if not leading:
        state = replace(state, head=None)
        withheld = [kind for kind in withheld if kind in _PARTS]
    return VisibleEntries(
        about=about,
        audience=audience,
        state=state,
        entries=tuple(shown),
        earlier=tuple(looked_back_at),
        versions={entry.id: edits[roots[entry.id]] for entry in (*shown, *looked_back_at) if edits[roots[entry.id]]},
        roots={entry.id: roots[entry.id] for entry in known if roots[entry.id] in told},
        withheld=tuple(dict.fromkeys(withheld)),
        members=members or {},
        partial=not leading,
    )


def worded(
    entries: Sequence[Entry], about: About, *, audience: Audience, fiscal: FiscalYear, reach: Reach | None = None
) -> list[Entry]:
    """List every version of what an audience may read in a review and the earlier ones; the arguments are those of ``take``.

    The rep reads the manager's words as they were released, and what became of them since.
    """
    chains = _chains(entries, about, fiscal)
    found = _readable(chains, entries, audience, reach)
    if audience == "manager":
        return found
    drafts: set[str] = set()  # what was edited before the rep read any
    for chain in chains.values():
        first = next((entry.sequence for entry in chain if entry.kind == "release"), None)
        unread = [entry for entry in chain if first is None or entry.sequence < first]
        drafts |= {entry.supersedes for entry in unread if entry.supersedes and entry.side == "manager"}
    return [
        replace(entry, supersedes=None) if entry.supersedes in drafts else entry for entry in found if entry.id not in drafts
    ]


def for_board(minutes: VisibleEntries) -> VisibleEntries:
    """Leave of a rep's minutes only what the rep agreed to show to the team: recognitions, without what was paid for them.

    Args:
        minutes: A rep's copy has nothing before it was released; of a manager's what is kept from the rep stays out.
    """
    entries: list[Entry] = []
    for entry, payload in said(minutes.entries, Recognition):
        word = minutes.agreed(entry)
        agrees = word is not None and isinstance(word.payload, Agreement) and word.payload.agrees
        if agrees and payload.for_board and entry.visibility == "shared":
            # A public mention is public; a bonus or an incentive is between two people.
            private = payload.reward != "mention"
            shown = payload.model_copy(update={"reward": "none", "reward_text": ""}) if private else payload
            entries.append(replace(entry, payload=shown, supersedes=None))
    roots = {entry.id: entry.id for entry in entries}
    return replace(empty(minutes.about, minutes.audience), entries=tuple(entries), roots=roots)


def _chains(entries: Sequence[Entry], about: About, fiscal: FiscalYear) -> dict[About, list[Entry]]:
    """What was said in earlier reviews and in this one, each by itself, oldest review first."""
    start = Period.parse(about.period, fiscal).start
    chains: dict[About, list[Entry]] = {}
    for entry in entries:
        if KINDS[entry.kind].of_files:
            continue
        chains.setdefault(entry.about, []).append(entry)
    ends = {review: Period.parse(review.period, fiscal).end for review in chains}
    earlier = sorted((review for review in chains if review != about and ends[review] <= start), key=ends.__getitem__)
    return {review: chains[review] for review in (*earlier, about) if review in chains}


def _readable(
    chains: Mapping[About, Sequence[Entry]], entries: Sequence[Entry], audience: Audience, reach: Reach | None
) -> list[Entry]:
    """Every version that the audience may read; what is about something that they may not read goes with it."""
    allowed = [entry for chain in chains.values() for entry in _within(chain, audience, reach)]
    gone = _hidden(entries, allowed)
    found = [entry for entry in allowed if entry.of not in gone and entry.id not in gone]
    ids = {entry.id for entry in found}
    # The id of a version that was kept from the reader says that there was one.
    return [replace(entry, supersedes=None) if entry.supersedes and entry.supersedes not in ids else entry for entry in found]


def _within(chain: Sequence[Entry], audience: Audience, reach: Reach | None) -> list[Entry]:
    """What of one review an audience may read, as far as who reads the copy may."""
    state = state_of(chain)
    if reach is None or reach.leading:
        found = visible(chain, audience=audience, state=state)
        return found if reach is None else [entry for entry in found if reach.holds(entry)]
    return visible(chain, audience="rep", state=state) if state.released else []


def _hidden(entries: Sequence[Entry], allowed: Sequence[Entry]) -> set[str]:
    """The ids of what may not be read, over any number of steps: what is about it, and what is about that.

    What an entry says now decides: where its current version is hidden, everything about any version of it is. Of what can be
    read now, an earlier version that was kept from the reader is hidden, and so is what is about that version.
    """
    roots, ids = origins(entries), {entry.id for entry in allowed}
    hidden = {entry.id for entry in entries if entry.id not in ids}
    now = current(entries)
    before = -1
    while len(hidden) > before:
        before = len(hidden)
        closed = {roots[entry.id] for entry in now if entry.id in hidden or entry.of in hidden}
        hidden |= {entry.id for entry in entries if roots[entry.id] in closed or entry.of in hidden}
    return hidden


def _state_for(audience: Audience, state: State, shown: Sequence[Entry]) -> State:
    """The state without what the reader may not read; before release the rep is not even told that the manager has written."""
    if audience == "rep" and not state.released:
        return replace(state_of(shown), head=None)
    readable = {entry.id: entry for entry in shown}

    def shown_of(entry: Entry | None) -> Entry | None:
        return readable.get(entry.id) if entry else None

    return replace(
        state,
        answer=shown_of(state.answer),
        feedback=shown_of(state.feedback),
        release=shown_of(state.release),
        signatures={side: readable[entry.id] for side, entry in state.signatures.items() if entry.id in readable},
    )
