"""What a new entry refers to: the entry it is about, the one it edits, what was read before signing."""

from __future__ import annotations

from typing import Final

from reviewlib.conversation.entries import Entry, Person, history
from reviewlib.conversation.kinds import ENDED, KINDS, STATUSES, Action, Side, Signoff, Update
from reviewlib.conversation.scene import Attempt, Refusal, WritingContext, audience_of, side_of
from reviewlib.conversation.states import State

#: What may be added after the first signature.
ADDED: Final = frozenset(
    {"self_review", "feedback_to_manager", "reply", "agreement", "dispute", "resolution", "concern", "note", "signoff"}
)


def signed_by(state: State) -> str:
    """When a review was signed: ``signed by both on 2026-10-20``, ``signed by the rep on ...``."""
    last = max(entry.at for entry in state.signatures.values())
    who = "both" if len(state.signatures) == 2 else f"the {next(iter(state.signatures))}"
    return f"signed by {who} on {last:%Y-%m-%d}"


def signs_what_was_read(person: Person, scene: WritingContext, attempt: Attempt) -> Refusal | None:
    """A signature names the side that signs, and a head after which the other side changed nothing."""
    signature = attempt.payload
    if not isinstance(signature, Signoff):
        return None
    side = side_of(person, on_behalf=attempt.on_behalf)
    if signature.side != side:
        return Refusal(
            f"This would be the {side}’s signature, and it says {signature.side}.",
            "Sign for your own side; a manager signs for the rep with on_behalf=True, marked so.",
        )
    read = next((entry for entry in scene.own if entry.hash == signature.head), None)
    release = scene.state.release
    if read is None or release is None or read.sequence < release.sequence:
        return Refusal(
            "What was signed is not this review as it was released.", "Read it as it is now, and sign that.", field="head"
        )
    changed = [entry for entry in scene.own if entry.sequence > read.sequence and _changes(entry, side, scene)]
    if changed:
        words = ", ".join(dict.fromkeys(KINDS[entry.kind].label for entry in changed))
        return Refusal(
            "The other side has changed something since it was read.",
            "Read it as it is now, and sign that.",
            f"new: {words}",
            "head",
        )
    return None


def _changes(entry: Entry, side: Side, scene: WritingContext) -> bool:
    """Whether an entry changes what the side had read; what may be added after a signature does not."""
    if entry.side == side or entry.kind == "signoff":
        return False
    if entry.visibility == "manager_only":
        # What takes the place of something that the rep read takes it away.
        replaced = scene.by_id.get(entry.supersedes or "")
        return replaced is not None and read_by_rep(scene, replaced)
    return entry.kind not in ADDED or entry.supersedes is not None


def read_by_rep(scene: WritingContext, entry: Entry) -> bool:
    """Whether the rep reads an entry of a review, or did while it stood; what is about something private is not read."""
    about = scene.by_id.get(entry.of or "")
    return scene.readable(entry, "rep") and (about is None or scene.latest(about).visibility == "shared")


def refers_to_what_is_there(person: Person, scene: WritingContext, attempt: Attempt) -> Refusal | None:
    """What it is about is there, can be read by who writes, and is of a kind that it can be about."""
    if attempt.of is None:
        return None
    target = scene.by_id.get(attempt.of)
    # What somebody may not read is, for them, not there: the answer is the same.
    if target is None or not scene.reached(target) or not scene.readable(target, audience_of(person)):
        return Refusal(
            "There is no such entry to write about.", "Choose one of this review or an earlier one.", attempt.of, "of"
        )
    if target.kind not in attempt.kind.about:
        label, kinds = KINDS[target.kind].label, ", ".join(KINDS[name].label.lower() for name in attempt.kind.about)
        return Refusal(
            f"{attempt.kind.label}: this cannot be about the kind {label.lower()}.", f"Choose one of: {kinds}.", field="of"
        )
    if target.visibility == "manager_only" and side_of(person, on_behalf=attempt.on_behalf) == "rep":
        return Refusal("The rep does not read this entry, and cannot write about it.", "Choose one that is shared.", field="of")
    return None


def follows(person: Person, scene: WritingContext, attempt: Attempt) -> Refusal | None:
    """An update says what can become of its kind, and nothing comes after an end; a dispute ends once."""
    target = scene.by_id.get(attempt.of or "")
    if target is None:
        return None
    if attempt.kind.name == "resolution":
        resolved = [one for one in scene.earlier_on(target, "resolution") if one.id != attempt.supersedes]
        return Refusal("This dispute is resolved already.", "Edit its resolution.", field="of") if resolved else None
    if not isinstance(attempt.payload, Update):
        return None
    known = STATUSES[target.kind]
    if attempt.payload.status not in known:
        return Refusal(
            "This status is not known.", f"Choose one of: {', '.join(known)}.", repr(attempt.payload.status), "status"
        )
    if isinstance(target.payload, Action) and target.payload.decision == "dismissed":
        return Refusal("This recommendation was dismissed, so nothing becomes of it.", "Edit the action first.", field="of")
    return _after_the_end(scene, target, attempt)


def _after_the_end(scene: WritingContext, target: Entry, attempt: Attempt) -> Refusal | None:
    ends = [
        one for one in scene.earlier_on(target, "update") if isinstance(one.payload, Update) and one.payload.status in ENDED
    ]
    standing = [one for one in ends if one.id != attempt.supersedes]
    if not standing:
        return None
    status = getattr(standing[-1].payload, "status", "")
    return Refusal(
        f"This ended on {standing[-1].at:%Y-%m-%d} ({status}).", "To take that back, edit that update.", field="status"
    )


def edits_their_own(person: Person, scene: WritingContext, attempt: Attempt) -> Refusal | None:
    """An edit stays in its review, its kind and its side; nobody rewrites the other's own word."""
    if attempt.supersedes is None:
        return None
    old = scene.by_id.get(attempt.supersedes)
    # A newer answer takes the place of the one before it also while the importer may not read either.
    answered = attempt.kind.name == "self_review" and attempt.source is not None
    if old is None or old.about != scene.about or not (answered or scene.readable(old, audience_of(person))):
        return Refusal("There is no such entry to edit in this review.", "Write a new one.", attempt.supersedes, "supersedes")
    if old.kind != attempt.kind.name:
        return Refusal(f"An edit of {KINDS[old.kind].label} is of the same kind.", "Write a new entry.")
    if old.side != side_of(person, on_behalf=attempt.on_behalf):
        return Refusal(f"This is the {old.side}’s word; the other side does not edit it.", "Write a reply.")
    if _rep_said_it(old) and person.role != "rep" and attempt.source is None:
        return Refusal(f"{scene.subject.name} wrote this; nobody else edits it.", "Write a reply, or import a new answer.")
    return _edits_what_is_unsigned(scene, old)


def _edits_what_is_unsigned(scene: WritingContext, old: Entry) -> Refusal | None:
    if old.kind == "amendment":
        return Refusal("An amendment is not edited.", "Write another one.")
    signed = [entry.sequence for entry in scene.state.signatures.values()]
    if not signed or old.kind == "signoff":
        return None
    covered = history(scene.own, old.id)[0].sequence < min(signed)
    after = Refusal(
        f"This review is {signed_by(scene.state)}: what was signed is not changed any more.",
        "Write a reply, or put it into the next review.",
    )
    return after if covered else None


def _rep_said_it(entry: Entry) -> bool:
    """Whether the words came from the rep, not from a manager who wrote them down."""
    return entry.side == "rep" and (entry.role == "rep" or entry.source is not None)
