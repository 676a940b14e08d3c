"""Where a review stands, in words: its state, whom it waits for, the signatures, the head of its journal, and amendments."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, get_args

from reviewlib.conversation.entries import Entry
from reviewlib.conversation.kinds.record import Side, words_of
from reviewlib.conversation.kinds.talk import Amendment, Rating, Signoff
from reviewlib.conversation.visibility import State, StateName, VisibleEntries, empty
from reviewlib.pages import entry_views, labels, sentences
from reviewlib.pages.entry_views import By, said
from reviewlib.pages.rendering import page_style, render
from reviewlib.params.model import Params
from reviewlib.periods import Period
from reviewlib.review import Review

#: How a state is marked, by the verdict whose mark it takes.
MARKS: Final[dict[StateName, str]] = dict.fromkeys(get_args(StateName), "on_track") | {
    "open": "not_enough_data",
    "closed": "strength",
}
_SIGNED: Final = ("agree", "disagree")


@dataclass(frozen=True)
class Signature:
    """One side's signature: a name and how it was given, or why there is none."""

    name: str
    role: str
    how: str = ""
    when: str = ""
    comment: str = ""
    by: By | None = None
    given: bool = False


def state_words(state: State) -> str:
    """Say where a review stands, without a date."""
    both = state.answer is not None and state.feedback is not None
    if state.name == "closed":
        signed = [one for one in state.signatures.values() if isinstance(one.payload, Signoff) and one.payload.how in _SIGNED]
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


def of_members(review: Review) -> Iterator[tuple[str, str, str, str]]:
    """Go through the reviews of a team's reps: whose, the mark, the state, and whom it waits for or since when it stands so."""
    manager = entry_views.side(review, "manager")
    for rep_id, person in review.people.items():
        minutes = review.minutes.members.get(rep_id, empty(review.about, "manager"))
        state, moment = minutes.state, state_moment(minutes.state)
        waits = waits_for(minutes, rep=sentences.first_name(person), manager=manager)
        since = entry_views.day_of(review, moment) if moment else ""
        yield person.name, MARKS[state.name], state_words(state), waits or since


def signatures(review: Review) -> list[Signature]:
    """The two signatures, the rep's first; one that is missing says so."""
    subject, state = review.subject, review.minutes.state
    team = f"Manager, {subject.team}" if subject.team else "Manager"
    people: tuple[tuple[Side, str, str], ...] = (
        ("rep", entry_views.rep_name(review), subject.role or ("Rep" if review.kind == "rep" else "Team")),
        ("manager", subject.manager or "The manager", team),
    )
    return [_signature(review, state.signatures.get(side), name, role) for side, name, role in people]


def _signature(review: Review, entry: Entry | None, name: str, role: str) -> Signature:
    if entry is None or not isinstance(entry.payload, Signoff):
        return Signature(name, role)
    signed = entry.payload
    given = signed.how in _SIGNED
    shown = (
        signed.name if given and (review.kind == "rep" or signed.side == "manager" or review.audience == "manager") else name
    )
    zone = "" if review.workbook.timezone else " UTC"
    when = f"{entry_views.day_of(review, entry.at)}, {review.workbook.local(entry.at):%H:%M}{zone}"
    return Signature(
        shown, role, words_of(Signoff, "how")[signed.how], when, signed.comment, entry_views.by(review, entry), given
    )


def rating(review: Review) -> tuple[Rating, By] | None:
    """The overall rating and who gave it; None where there is none that this audience may read."""
    given = [(rated, entry_views.by(review, entry)) for entry, rated in said(review.minutes.of_kind("rating"), Rating)]
    return given[-1] if given else None


def head(minutes: VisibleEntries) -> str:
    """Name the end of the journal that a page was made from: "Journal entry 41, 7c41e09b"; empty where there is none."""
    end = minutes.state.head
    return f"Journal entry {end.sequence}, {end.hash[:8]}" if end else ""


def amendments(review: Review) -> list[tuple[By, str, str]]:
    """List the amendments: by whom, to what, and the words."""
    found = []
    for entry, amendment in said(review.minutes.of_kind("amendment"), Amendment):
        to = review.minutes.find(amendment.of) if amendment.of else None
        about = f"Amendment to: {entry_views.quoted(to)}" if to else "Amendment"
        found.append((entry_views.by(review, entry), about, amendment.text))
    return found


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
    running, at = f"Amendment {number}: {name}, {period}", params.local(entry.at)
    return render(
        "amendment.html.j2",
        css=page_style(accent=params.theme.accent, accent_dark=params.theme.accent_dark, running=running),
        title=running,
        company=params.title or params.name,
        amendment=entry,
        name=name,
        period=period,
        number=number,
        about=about,
        signed=signed,
        when=f"{labels.day(at.date())}, {at:%H:%M}",
    )
