"""Who may write what, and until when: the rules, each with its reason and what to do instead.

``KINDS`` says whose word a kind is, and when a review takes it:

- Until release everything but signatures and amendments is taken.
- After release everything but amendments: the manager may still add and edit, and release again on a newer snapshot.
- After the first signature nothing that it covers is changed any more. What answers it may be added by either side:
  the other signature, replies, agreements, disputes and their resolution, concerns, a self-review that comes late, notes. So an
  answer that the rep sends after the manager has signed is taken whole. Who signed may replace their own signature.
- After both signatures only amendments are taken.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, get_args

from reviewlib.conversation import identity
from reviewlib.conversation.entries import About, Draft, Entry, Person, current, history, origins
from reviewlib.conversation.kinds import ENDED, KINDS, STATUSES
from reviewlib.conversation.kinds.plans import Action, Update
from reviewlib.conversation.kinds.record import Side
from reviewlib.conversation.kinds.talk import Signoff
from reviewlib.conversation.visibility import Audience, State, StateName, state_of, visible
from reviewlib.errors import JournalError, NotAllowedError, ReviewError
from reviewlib.evidence.subjects import Subject
from reviewlib.periods import FiscalYear, Period

_UNRELEASED: Final[tuple[StateName, ...]] = ("open", "answer_in", "feedback_in")
#: The states in which a review takes a kind, by its ``when``.
_STATES: Final[Mapping[str, tuple[StateName, ...]]] = {
    "before_signing": (*_UNRELEASED, "released"),
    "to_the_end": (*_UNRELEASED, "released", "signed"),
    "signing": ("released", "signed"),
    "afterwards": ("closed",),
    "always": get_args(StateName),
    "by_a_run": (),
}
#: The kinds that a review takes in each state.
OPEN_TO: Final[Mapping[StateName, frozenset[str]]] = {
    state: frozenset(name for name, kind in KINDS.items() if state in _STATES[kind.when]) for state in get_args(StateName)
}


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
        return current(self.entries)

    def readable(self, entry: Entry, audience: Audience) -> bool:
        """Whether the audience may read an entry of this or another review of the subject."""
        state = self.state if entry.about == self.about else state_of([one for one in self.entries if one.about == entry.about])
        return bool(visible([entry], audience=audience, state=state))

    def read_by_rep(self, entry: Entry) -> bool:
        """Whether the rep reads an entry, or did while it stood; what is about something private is not read."""
        about = self.by_id.get(entry.of or "")
        return self.readable(entry, "rep") and (about is None or self.latest(about).visibility == "shared")

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

    def with_draft(self, draft: Draft) -> WritingContext:
        """The review as it will be with a draft, for checking what is written with it; nothing of it is stored."""
        number = len(self.own) + 1
        mark = draft.id or f"provisional {number}"
        at = max((entry.at for entry in self.own), default=dt.datetime(1970, 1, 1, tzinfo=dt.UTC))
        entry = replace(draft.entry(sequence=number, at=at), id=mark, hash=mark)
        return replace(self, entries=[*self.entries, entry])


def audience_of(person: Person) -> Audience:
    """What a person may read; who has no role reads what the files let them read."""
    return "rep" if person.role == "rep" else "manager"


def refusal(context: WritingContext, draft: Draft) -> ReviewError | None:
    """Say why something may not be written; None where it may."""
    refused = next((found for rule in RULES if (found := rule(context, draft)) is not None), None)
    if refused is not None:
        refused.where = str(context.about)
    return refused


def _denied(what: str, do: str, found: str | None = None, field: str | None = None) -> ReviewError:
    """Why not, and what to do instead: a ``JournalError`` where one field is wrong, else a ``NotAllowedError``."""
    if field is None:
        return NotAllowedError(what, found=found, do=do)
    error = JournalError(what, found=found, do=do)
    error.problems = {field: what}
    return error


def check_read(person: Person, subject: Subject, *, where: str) -> None:
    """Let the manager's copy be read by the subject's manager, analysts, and who has no role but the rights to the files."""
    if person.role == "rep":
        raise NotAllowedError(
            "The manager’s copy is not for the rep.", where=where, do="Read the rep’s page, or ask the manager."
        )
    if person.role == "manager" and not identity.leads(person, subject):
        refused = _leads_others(person, subject, ask="them")
        refused.where = where
        raise refused


def _has_a_role(context: WritingContext, draft: Draft) -> ReviewError | None:
    login = draft.author.login
    if draft.author.role is not None:
        return None
    return _denied(
        f"{login} has no role in {context.params_name}, so nothing can be written.",
        f"Add to {context.params_name}:\n{identity.lines_for(login)}",
    )


def _is_theirs(context: WritingContext, draft: Draft) -> ReviewError | None:
    """A manager writes for their own team, a rep in their own review, an analyst for anybody."""
    person, subject = draft.author, context.subject
    if person.role == "rep" and (subject.kind, subject.id) != ("rep", person.rep_id):
        return _denied("A rep writes in their own review only.", "Open your own review.")
    if person.role == "manager" and not identity.leads(person, subject):
        return _leads_others(person, subject, ask=subject.manager or "an analyst")
    return None


def _leads_others(person: Person, subject: Subject, *, ask: str) -> ReviewError:
    return _denied(
        f"{person.name} is not the manager of {subject.name}.",
        f"Ask {ask}; if the reps table is wrong, correct it there and run reviewlib freeze.",
        found=f"manager in the reps table: {subject.manager or 'none'}",
    )


def _is_their_word(context: WritingContext, draft: Draft) -> ReviewError | None:
    kind, name, role, on_behalf = KINDS[draft.kind], context.subject.name, draft.author.role, draft.on_behalf_of is not None
    if role == "rep" and on_behalf:
        return _denied("A rep writes in their own word.", "Leave on_behalf out.")
    if on_behalf and "rep" not in kind.by:
        return _denied(f"{kind.label}: this is the manager’s word, never the rep’s.", "Write it without on_behalf.")
    if role == "rep" and "rep" not in kind.by:
        return _denied(f"{kind.label}: this is the manager’s word.", "Write a reply or a concern.")
    if role == "analyst":
        return _of_an_analyst(context, draft)
    if role == "manager" and not on_behalf and "manager" not in kind.by:
        return _denied(
            f"{kind.label}: this is the word of {name}.",
            f"Write it on {name}’s behalf, marked so (on_behalf=True), or import the answer.",
        )
    return None


def _of_an_analyst(context: WritingContext, draft: Draft) -> ReviewError | None:
    kind, on_behalf = KINDS[draft.kind], draft.on_behalf_of is not None
    if not on_behalf and kind.analysts:
        return None
    if "rep" not in kind.by or ("manager" in kind.by and not on_behalf):
        return _denied(
            f"{kind.label}: this is the manager’s word; an analyst resolves disputes, keeps notes and imports answers.",
            f"Ask {context.subject.manager or 'the manager'} to write it.",
        )
    if on_behalf and draft.source:
        return None
    return _denied(
        "An analyst imports the rep’s answers and does not write them.",
        f"Use reviewlib import-response, or ask {context.subject.manager or 'the manager'} to write it down in the meeting.",
    )


def _is_time_for_it(context: WritingContext, draft: Draft) -> ReviewError | None:
    state = context.state
    if draft.kind in OPEN_TO[state.name]:
        return None
    if KINDS[draft.kind].when == "by_a_run":
        return _denied("A page is sealed by the run that makes it, and by nobody else.", "Run: reviewlib run")
    if state.name == "closed":
        return _denied(f"This review is {_signed_by(state)}.", "Write an amendment, or put it into the next review.")
    if draft.kind == "signoff":
        return _denied("This review is not released yet, so there is nothing to sign.", "Release it first.")
    if draft.kind == "amendment":
        return _denied("An amendment is for a review that both sides have signed.", "Write the words themselves.")
    return _signed_already(state)


def _signed_already(state: State) -> ReviewError:
    return _denied(
        f"This review is {_signed_by(state)}: what was signed is not changed any more.",
        "Write a reply, or put it into the next review.",
    )


def _signed_by(state: State) -> str:
    """When a review was signed: ``signed by both on 2026-10-20``, ``signed by the rep on ...``."""
    last = max(entry.at for entry in state.signatures.values())
    who = "both" if len(state.signatures) == 2 else f"the {next(iter(state.signatures))}"
    return f"signed by {who} on {last:%Y-%m-%d}"


def _refers_to_what_is_there(context: WritingContext, draft: Draft) -> ReviewError | None:
    """What it is about is there, can be read by who writes, and is of a kind that it can be about."""
    if draft.of is None:
        return None
    kind, target = KINDS[draft.kind], context.by_id.get(draft.of)
    # What somebody may not read is, for them, not there: the answer is the same.
    if target is None or not context.reached(target) or not context.readable(target, audience_of(draft.author)):
        return _denied("There is no such entry to write about.", "Choose one of this review or an earlier one.", draft.of, "of")
    if not kind.may_be_about(KINDS[target.kind]):
        label = KINDS[target.kind].label
        kinds = ", ".join(one.label.lower() for one in KINDS.values() if kind.may_be_about(one))
        return _denied(f"{kind.label}: this cannot be about the kind {label.lower()}.", f"Choose one of: {kinds}.", field="of")
    if target.visibility == "manager_only" and draft.side == "rep":
        return _denied("The rep does not read this entry, and cannot write about it.", "Choose one that is shared.", field="of")
    return None


def _may_be_private(context: WritingContext, draft: Draft) -> ReviewError | None:
    """Nothing is kept from the rep but what may be, and what is about such an entry; that, in turn, is not shared."""
    kind, target = KINDS[draft.kind], context.by_id.get(draft.of or "")
    if target is not None and draft.side == "manager":
        target = context.latest(target)
    about_private = target is not None and target.visibility == "manager_only"
    if draft.visibility == "shared":
        if kind.private == "always" or about_private:
            return _denied(f"{kind.label}: this stays with the manager.", "Write it as manager_only.")
        return None
    if draft.side == "rep":
        return _denied("The rep’s word is never kept from the rep.", "Write it as shared.")
    if kind.private == "never" and not about_private:
        return _denied(f"{kind.label}: this cannot be kept from the rep.", "Write it as shared, or write a note.")
    old = context.by_id.get(draft.supersedes or "")
    # What the rep has read since the release is not taken out of what the rep signs.
    if old is not None and context.state.released and context.read_by_rep(old):
        return _denied(
            f"{kind.label}: {context.subject.name} reads this since the review was released, so it stays shared.",
            "Edit it as shared; what is only for managers goes into a note.",
        )
    return None


def _edits_their_own(context: WritingContext, draft: Draft) -> ReviewError | None:
    """An edit stays in its review, its kind and its side; nobody rewrites the other's own word, or what was signed."""
    if draft.supersedes is None:
        return None
    person, old = draft.author, context.by_id.get(draft.supersedes)
    # A newer answer takes the place of the one before it also while the importer may not read either.
    answered = draft.kind == "self_review" and draft.source is not None
    if old is None or old.about != context.about or not (answered or context.readable(old, audience_of(person))):
        return _denied("There is no such entry to edit in this review.", "Write a new one.", draft.supersedes, "supersedes")
    if old.kind != draft.kind:
        return _denied(f"An edit of {KINDS[old.kind].label} is of the same kind.", "Write a new entry.")
    if old.side != draft.side:
        return _denied(f"This is the {old.side}’s word; the other side does not edit it.", "Write a reply.")
    if old.came_from_rep and person.role != "rep" and draft.source is None:
        return _denied(f"{context.subject.name} wrote this; nobody else edits it.", "Write a reply, or import a new answer.")
    if not KINDS[old.kind].edits:
        return _denied(f"{KINDS[old.kind].label}: this is not edited.", "Write another one.")
    signed = [entry.sequence for entry in context.state.signatures.values()]
    if signed and old.kind != "signoff" and history(context.own, old.id)[0].sequence < min(signed):
        return _signed_already(context.state)
    return None


def _follows(context: WritingContext, draft: Draft) -> ReviewError | None:
    """An update says what can become of its kind, and nothing comes after an end; a dispute ends once."""
    target = context.by_id.get(draft.of or "")
    if target is None:
        return None
    if draft.kind == "resolution":
        resolved = [one for one in context.earlier_on(target, "resolution") if one.id != draft.supersedes]
        return _denied("This dispute is resolved already.", "Edit its resolution.", field="of") if resolved else None
    if not isinstance(draft.payload, Update):
        return None
    known = STATUSES[target.kind]
    if draft.payload.status not in known:
        return _denied("This status is not known.", f"Choose one of: {', '.join(known)}.", repr(draft.payload.status), "status")
    if isinstance(target.payload, Action) and target.payload.decision == "dismissed":
        return _denied("This recommendation was dismissed, so nothing becomes of it.", "Edit the action first.", field="of")
    for one in reversed(context.earlier_on(target, "update")):
        if one.id != draft.supersedes and isinstance(one.payload, Update) and one.payload.status in ENDED:
            return _denied(
                f"This ended on {one.at:%Y-%m-%d} ({one.payload.status}).",
                "To take that back, edit that update.",
                field="status",
            )
    return None


def _signs_what_was_read(context: WritingContext, draft: Draft) -> ReviewError | None:
    """A signature names the side that signs, and a head after which the other side changed nothing."""
    signature, side = draft.payload, draft.side
    if not isinstance(signature, Signoff):
        return None
    if signature.side != side:
        return _denied(
            f"This would be the {side}’s signature, and it says {signature.side}.",
            "Sign for your own side; a manager signs for the rep with on_behalf=True, marked so.",
        )
    read = next((entry for entry in context.own if entry.hash == signature.head), None)
    release = context.state.release
    if read is None or release is None or read.sequence < release.sequence:
        return _denied(
            "What was signed is not this review as it was released.", "Read it as it is now, and sign that.", field="head"
        )
    changed = [entry for entry in context.own if entry.sequence > read.sequence and _changes(entry, side, context)]
    if changed:
        words = ", ".join(dict.fromkeys(KINDS[entry.kind].label for entry in changed))
        return _denied(
            "The other side has changed something since it was read.",
            "Read it as it is now, and sign that.",
            f"new: {words}",
            "head",
        )
    return None


def _changes(entry: Entry, side: Side, context: WritingContext) -> bool:
    """Whether an entry changes what the side had read; what may be added after a signature does not."""
    if entry.side == side or entry.kind == "signoff":
        return False
    if entry.visibility == "manager_only":
        # What takes the place of something that the rep read takes it away.
        replaced = context.by_id.get(entry.supersedes or "")
        return replaced is not None and context.read_by_rep(replaced)
    return entry.kind not in OPEN_TO["signed"] or entry.supersedes is not None


#: Asked in this order; the first refusal is the answer.
RULES: Final[tuple[Callable[[WritingContext, Draft], ReviewError | None], ...]] = (
    _has_a_role, _is_theirs, _is_their_word, _is_time_for_it, _refers_to_what_is_there, _may_be_private, _edits_their_own,
    _follows, _signs_what_was_read,
)  # fmt: skip
