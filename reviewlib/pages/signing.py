"""Where a review stands, in words: its state, whom it waits for, the signatures, the head of its journal, and amendments."""

import datetime as dt
from collections.abc import Iterator
from typing import Final

from reviewlib.conversation.entries import Entry
from reviewlib.conversation.kinds.record import Side
from reviewlib.conversation.kinds.talk import Signoff
from reviewlib.conversation.visibility import State, VisibleEntries, empty
from reviewlib.pages import entry_views, labels, sentences, team_views
from reviewlib.pages.rendering import workbook_page
from reviewlib.params.model import Params
from reviewlib.periods import Period
from reviewlib.review import Review

#: The ways to sign that are a signature.
SIGNED: Final = ("agree", "disagree")


def state_words(state: State) -> str:
    """Say where a review stands, without a date."""
    both = state.answer is not None and state.feedback is not None
    if state.name == "closed":
        signed = [one for one in state.signatures.values() if isinstance(one.payload, Signoff) and one.payload.how in SIGNED]
        return "Signed by both" if len(signed) == 2 else "Closed"
    return {
        "open": "Open",
        "answer_in": "Self-review in",
        "feedback_in": "Both parts in" if both else "Manager’s part in",
        "released": "Released",
        "signed": "Signed by one side",
    }[state.name]


def state_moment(state: State) -> dt.datetime | None:
    """When a review came to stand where it stands; None where nothing happened yet."""
    signature = max(state.signatures.values(), key=lambda one: one.at, default=None)
    last = {
        "answer_in": state.answer,
        "feedback_in": state.feedback,
        "released": state.release,
        "signed": signature,
        "closed": signature,
    }.get(state.name)
    return last.at if last is not None else None


def dated(review: Review) -> str:
    """Say where a review stands, and since when."""
    state = review.minutes.state
    moment = state_moment(state)
    return state_words(state) + (f", {entry_views.day_of(review, moment)}" if moment else "")


def waits_for(minutes: VisibleEntries, *, rep: str, manager: str) -> str:
    """Say whom a review waits for, and for what; empty where it is closed.

    Args:
        minutes: The manager's.
        rep: What the rep is called.
        manager: What the manager is called.
    """
    state = minutes.state
    missing: list[Side] = [side for side in ("rep", "manager") if side not in state.signatures]
    names = {"rep": rep, "manager": manager}
    if state.closed:
        return ""
    if state.released:
        return f"waits for {' and '.join(names[side] for side in missing)} to sign"
    # Other managers of a team are told that a part is in, and do not read it.
    parts = {entry.kind for entry in (state.answer, state.feedback) if entry is not None}
    if {"self_review", "feedback"} <= {*minutes.withheld, *parts}:
        return f"waits for {manager} to release it"
    if state.name == "answer_in":
        return f"waits for {manager}’s part"
    if state.name == "feedback_in":
        return f"waits for {rep}’s self-review"
    return f"waits for {rep}’s self-review and {manager}’s part"


def of_members(review: Review) -> Iterator[tuple[str, State, str, str]]:
    """Go through the reviews of a team's reps: whose, the state, whom it waits for or since when, and older evidence."""
    manager = entry_views.side(review, "manager")
    for rep_id, person in review.people.items():
        minutes = review.minutes.members.get(rep_id, empty(review.about, "manager"))
        state, moment = minutes.state, state_moment(minutes.state)
        waits = waits_for(minutes, rep=sentences.first_name(person), manager=manager)
        since = entry_views.day_of(review, moment) if moment else ""
        yield person.name, state, waits or since, team_views.older(review, rep_id)


def signatures(review: Review) -> list[tuple[str, str, Entry | None]]:
    """The two signatures, the rep's first: the name, whose it is in words, and the sign-off; None where it is missing."""
    subject, signed = review.subject, review.minutes.state.signatures
    role = subject.role or ("Rep" if review.kind == "rep" else "Team")
    team = f"Manager, {subject.team}" if subject.team else "Manager"
    return [
        (_signed_as(review, signed.get("rep")) or entry_views.rep_name(review), role, signed.get("rep")),
        (_signed_as(review, signed.get("manager")) or subject.manager or "The manager", team, signed.get("manager")),
    ]


def _signed_as(review: Review, entry: Entry | None) -> str:
    """The name below a signature; empty where none was given, and on a team's copy for its reps, which names none of them."""
    signed = entry.payload if entry else None
    if not isinstance(signed, Signoff) or signed.how not in SIGNED:
        return ""
    return signed.name if review.kind == "rep" or signed.side == "manager" or review.audience == "manager" else ""


def head(minutes: VisibleEntries) -> str:
    """Name the end of the journal that a page was made from: "Journal entry 41, 7c41e09b"; empty where there is none."""
    end = minutes.state.head
    return f"Journal entry {end.sequence}, {end.hash[:8]}" if end else ""


def amendment_page(params: Params, entry: Entry, *, name: str, period: Period, number: int, about: str, signed: str) -> str:
    """Render the page of an amendment to a signed review, which itself is never made again.

    Args:
        params: The workbook.
        entry: The amendment.
        name: Whose review it is.
        period: The review's period.
        number: 1 for the first amendment.
        about: What it is about, in words; empty where it is about the whole review.
        signed: The name of the signed page's file, which lies beside this one.
    """
    at = params.local(entry.at)
    return workbook_page(
        "amendment.html.j2",
        params,
        title=f"Amendment {number}: {name}, {period}",
        amendment=entry,
        name=name,
        period=period,
        number=number,
        about=about,
        signed=signed,
        when=f"{labels.day(at.date())}, {at:%H:%M}",
    )
