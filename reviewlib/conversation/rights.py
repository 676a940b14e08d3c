"""Who may write what, and until when: the rules, each with its reason and what to do instead.

``KINDS`` says whose word a kind is; ``OPEN_TO`` says which kinds a review takes in which state:

- Until release everything but signatures and amendments is taken.
- After release everything but amendments: the manager may still add and edit, and release again on a newer snapshot.
- After the first signature nothing that it covers is changed any more. What answers it may be added by either side (``ADDED``):
  the other signature, replies, agreements, disputes and their resolution, concerns, a self-review that comes late, notes. So an
  answer that the rep sends after the manager has signed is taken whole. Who signed may replace their own signature.
- After both signatures only amendments are taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from reviewlib.conversation import identity, references
from reviewlib.conversation.entries import Person
from reviewlib.conversation.kinds import KINDS
from reviewlib.conversation.scene import Attempt, Refusal, WritingContext, side_of
from reviewlib.conversation.states import StateName
from reviewlib.errors import NotAllowedError
from reviewlib.evidence.subjects import Subject

_BEFORE_RELEASE: Final = frozenset(KINDS) - {"signoff", "amendment"}
#: The kinds that a review takes in each state.
OPEN_TO: Final[Mapping[StateName, frozenset[str]]] = MappingProxyType(
    {
        "open": _BEFORE_RELEASE,
        "answer_in": _BEFORE_RELEASE,
        "feedback_in": _BEFORE_RELEASE,
        "released": frozenset(KINDS) - {"amendment"},
        "signed": references.ADDED,
        "closed": frozenset({"amendment"}),
    }
)
#: What an analyst writes in their own word.
OF_ANALYSTS: Final = frozenset({"resolution", "note"})


def check_write(person: Person, scene: WritingContext, attempt: Attempt) -> None:
    """Let pass what may be written.

    Raises:
        NotAllowedError: The person may not write this, or not any more.
        JournalError: It refers to something that is not there, or that it cannot be about.
    """
    refused = refusal(person, scene, attempt)
    if refused is not None:
        raise refused.error(str(scene.about))


def check_read(person: Person, subject: Subject, *, where: str) -> None:
    """Let the manager's copy be read by the subject's manager, analysts, and who has no role but the rights to the files.

    Raises:
        NotAllowedError: The person is a rep, or a manager of other people.
    """
    if person.role == "rep":
        raise NotAllowedError(
            "The manager’s copy is not for the rep.", where=where, do="Read the rep’s page, or ask the manager."
        )
    if person.role == "manager" and not identity.leads(person, subject):
        raise NotAllowedError(
            f"{person.name} is not the manager of {subject.name}.",
            where=where,
            found=f"manager in the reps table: {subject.manager or 'none'}",
            do="Ask them; if the reps table is wrong, correct it there and run reviewlib freeze.",
        )


def refusal(person: Person, scene: WritingContext, attempt: Attempt) -> Refusal | None:
    """Say why somebody may not write something; None where they may."""
    return next((found for rule in RULES if (found := rule(person, scene, attempt)) is not None), None)


def _has_a_role(person: Person, scene: WritingContext, attempt: Attempt) -> Refusal | None:
    if person.role is not None:
        return None
    return Refusal(
        f"{person.login} has no role in {scene.params_name}, so nothing can be written.",
        f"Add to {scene.params_name}:\n{identity.lines_for(person.login)}",
    )


def _is_theirs(person: Person, scene: WritingContext, attempt: Attempt) -> Refusal | None:
    """A manager writes for their own team, a rep in their own review, an analyst for anybody."""
    subject = scene.subject
    if person.role == "rep" and (subject.kind, subject.id) != ("rep", person.rep_id):
        return Refusal("A rep writes in their own review only.", "Open your own review.")
    if person.role == "manager" and not identity.leads(person, subject):
        return Refusal(
            f"{person.name} is not the manager of {subject.name}.",
            f"Ask {subject.manager or 'an analyst'}; if the reps table is wrong, correct it there and run reviewlib freeze.",
            found=f"manager in the reps table: {subject.manager or 'none'}",
        )
    return None


def _is_their_word(person: Person, scene: WritingContext, attempt: Attempt) -> Refusal | None:
    kind, name = attempt.kind, scene.subject.name
    if person.role == "rep" and attempt.on_behalf:
        return Refusal("A rep writes in their own word.", "Leave on_behalf out.")
    if attempt.on_behalf and "rep" not in kind.by:
        return Refusal(f"{kind.label}: this is the manager’s word, never the rep’s.", "Write it without on_behalf.")
    if person.role == "rep" and "rep" not in kind.by:
        return Refusal(f"{kind.label}: this is the manager’s word.", "Write a reply or a concern.")
    if person.role == "analyst":
        return _of_an_analyst(scene, attempt)
    if person.role == "manager" and not attempt.on_behalf and "manager" not in kind.by:
        return Refusal(
            f"{kind.label}: this is the word of {name}.",
            f"Write it on {name}’s behalf, marked so (on_behalf=True), or import the answer.",
        )
    return None


def _of_an_analyst(scene: WritingContext, attempt: Attempt) -> Refusal | None:
    if not attempt.on_behalf and attempt.kind.name in OF_ANALYSTS:
        return None
    if "rep" not in attempt.kind.by or ("manager" in attempt.kind.by and not attempt.on_behalf):
        return Refusal(
            f"{attempt.kind.label}: this is the manager’s word; an analyst resolves disputes, keeps notes and imports answers.",
            f"Ask {scene.subject.manager or 'the manager'} to write it.",
        )
    if attempt.on_behalf and attempt.source:
        return None
    return Refusal(
        "An analyst imports the rep’s answers and does not write them.",
        f"Use reviewlib import-response, or ask {scene.subject.manager or 'the manager'} to write it down in the meeting.",
    )


def _may_be_private(person: Person, scene: WritingContext, attempt: Attempt) -> Refusal | None:
    """Nothing is kept from the rep but what may be, and what is about such an entry; that, in turn, is not shared."""
    target = scene.by_id.get(attempt.of or "")
    if target is not None and side_of(person, on_behalf=attempt.on_behalf) == "manager":
        target = scene.latest(target)
    about_private = target is not None and target.visibility == "manager_only"
    if attempt.visibility == "shared":
        if attempt.kind.private == "always" or about_private:
            return Refusal(f"{attempt.kind.label}: this stays with the manager.", "Write it as manager_only.")
        return None
    if side_of(person, on_behalf=attempt.on_behalf) == "rep":
        return Refusal("The rep’s word is never kept from the rep.", "Write it as shared.")
    if attempt.kind.private == "never" and not about_private:
        return Refusal(f"{attempt.kind.label}: this cannot be kept from the rep.", "Write it as shared, or write a note.")
    return _takes_nothing_away(scene, attempt)


def _takes_nothing_away(scene: WritingContext, attempt: Attempt) -> Refusal | None:
    """What the rep has read since the release is not taken out of what the rep signs."""
    old = scene.by_id.get(attempt.supersedes or "")
    if old is None or not scene.state.released or not references.read_by_rep(scene, old):
        return None
    return Refusal(
        f"{attempt.kind.label}: {scene.subject.name} reads this since the review was released, so it stays shared.",
        "Edit it as shared; what is only for managers goes into a note.",
    )


def _is_time_for_it(person: Person, scene: WritingContext, attempt: Attempt) -> Refusal | None:
    state, kind = scene.state, attempt.kind
    if kind.name in OPEN_TO[state.name]:
        return None
    if state.name == "closed":
        return Refusal(f"This review is {references.signed_by(state)}.", "Write an amendment, or put it into the next review.")
    if kind.name == "signoff":
        return Refusal("This review is not released yet, so there is nothing to sign.", "Release it first.")
    if kind.name == "amendment":
        return Refusal("An amendment is for a review that both sides have signed.", "Write the words themselves.")
    return Refusal(
        f"This review is {references.signed_by(state)}: what was signed is not changed any more.",
        "Write a reply, or put it into the next review.",
    )


Rule = Callable[[Person, WritingContext, Attempt], Refusal | None]
#: Asked in this order; the first refusal is the answer.
RULES: Final[tuple[Rule, ...]] = (
    _has_a_role,
    _is_theirs,
    _is_their_word,
    _is_time_for_it,
    references.refers_to_what_is_there,
    _may_be_private,
    references.edits_their_own,
    references.follows,
    references.signs_what_was_read,
)
