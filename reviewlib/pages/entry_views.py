"""What people said, as plain values for the templates: who said it and when, threads, disputes, concerns, decisions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from reviewlib.conversation.answers import senders
from reviewlib.conversation.entries import Entry, said
from reviewlib.conversation.goals.progress import last_update, on_day, status_of
from reviewlib.conversation.kinds import KINDS
from reviewlib.conversation.kinds.plans import Agreement, Update
from reviewlib.conversation.kinds.talk import Concern, Dispute, Feedback, Resolution
from reviewlib.pages import labels, paragraphs, sentences, wording
from reviewlib.pages.views import FigureTable, label
from reviewlib.params import words
from reviewlib.review import Review

_TIMES: Final = {1: "once", 2: "twice"}


@dataclass(frozen=True)
class By:
    """Who said something, when, and how it came here.

    Attributes:
        name: Whose word it is.
        when: The day.
        how: Who wrote it down, where somebody else did.
        edited: "edited once"; empty where it never was.
        private: Whether only the manager's copy holds it.
        rep: Whether it is the rep's word.
    """

    name: str
    when: str
    how: str
    edited: str
    private: bool
    rep: bool


@dataclass(frozen=True)
class Contribution:
    """One contribution to a thread: the line below the name, the text, further texts with a label, answers to it.

    ``disputed`` are the figure that was disputed and the snapshot that it stood in.
    """

    by: By
    what: str
    text: str
    more: tuple[tuple[str, str], ...] = ()
    answers: tuple[Contribution, ...] = ()
    mark: tuple[str, str] | None = None
    disputed: tuple[str, str] | None = None


def by(review: Review, entry: Entry) -> By:
    """Say whose word an entry is, when it was written, and whether it was written down, recorded or edited."""
    rep = entry.side == "rep"
    times = review.minutes.versions.get(entry.id, 0)
    return By(
        name=rep_name(review) if rep else entry.author_name,
        when=day_of(review, entry.at),
        how=_how(entry, rep=rep),
        edited=f"edited {_TIMES.get(times, f'{words.number(times)} times')}" if times else "",
        private=entry.visibility == "manager_only",
        rep=rep,
    )


def _how(entry: Entry, *, rep: bool) -> str:
    if not rep or entry.role == "rep":
        return ""
    if entry.source is not None:
        sent = "sent as an answer from the address in the reps table" if senders.fits(entry.source) else "sent as an answer"
        return f"{sent}, recorded by {entry.author_name}{doubted(entry)}"
    return f"written down by {entry.author_name} in the meeting"


def doubted(entry: Entry) -> str:
    """Say that an imported entry is not known to be the rep's, and why: "; not verified: ..."; empty for any other."""
    told = senders.not_verified(entry.source) if entry.source else ""
    return f"; {told}" if told else ""


def rep_name(review: Review) -> str:
    """The name of the rep's side; of a team it is the team, whoever writes for it."""
    return review.subject.name if review.kind == "rep" else "The team"


def side(review: Review, name: str) -> str:
    """Say who one of the two sides is, as colleagues would; any other text is a name already."""
    manager = (review.subject.manager or "").split()
    known = sentences.sides(review) | ({"manager": manager[0]} if manager else {})
    return known.get(name, name)


def day(review: Review, date: dt.date) -> str:
    """Write a date; without the year where it is that of the period's end."""
    return labels.day(date, near=review.period.last_day)


def day_of(review: Review, moment: dt.datetime) -> str:
    """Write the day of a moment, as it was on the workbook's clock."""
    return day(review, review.workbook.local(moment).date())


def figure(review: Review, key: str) -> str:
    """A figure with its label: "Win rate, 53.3%"; the label alone where the scorecard does not have it."""
    sheet = FigureTable(review)
    return f"{label(review, key)}, {sheet.text(key)}" if sheet.figure(key) is not None else label(review, key)


def unread(review: Review, entry: Entry) -> bool:
    """Whether a self-review was written before its writer could read the manager's feedback, as far as the journal proves it.

    The rep reads the feedback from the release on. A release that was renewed, and what the manager wrote down, prove nothing.
    """
    state = review.minutes.state
    if state.feedback is None or (entry.role != "rep" and entry.source is None):
        return False
    release = state.release
    return release is None or (entry.sequence < release.sequence and release.id not in review.minutes.versions)


def answers(review: Review, entry: Entry) -> tuple[Contribution, ...]:
    """List the replies to an entry and the replies to those, in the order in which they were written."""
    found = []
    for reply in sorted(_replies(review, entry), key=lambda one: one.at):
        direct = review.minutes.find(reply.of or "")
        what = "Reply" if direct is None or direct.kind != "reply" else f"Reply to {by(review, direct).name}"
        found.append(Contribution(by(review, reply), what, _text(reply)))
    return tuple(found)


def _replies(review: Review, entry: Entry) -> Iterator[Entry]:
    for reply in review.minutes.on(entry, "reply"):
        yield reply
        yield from _replies(review, reply)


def _text(entry: Entry) -> str:
    return str(getattr(entry.payload, "text", ""))


def feedback(review: Review) -> list[tuple[str, list[Contribution]]]:
    """Gather what was said in both directions by heading: feedback, disputes, concerns, notes, replies to anything else."""
    minutes = review.minutes
    given = [_feedback(review, entry) for entry in minutes.of_kind("feedback", "feedback_to_manager")]
    disputes = [
        (f"A disputed figure: {label(review, dispute.kpi)}", list(_dispute(review, entry, dispute)))
        for entry, dispute in said(minutes.of_kind("dispute"), Dispute)
    ]
    concerns = [concern(review, entry) for entry in minutes.of_kind("concern")]
    threads = [(f"Feedback on {review.period}", given), *disputes, ("Concerns", concerns)]
    threads += [("Other replies", list(_others(review))), *headed(review, "feedback")]
    return [(title, items) for title, items in threads if items]


def headed(review: Review, section: str) -> list[tuple[str, list[Contribution]]]:
    """Gather what a section lists of kinds that have no view of their own, by heading."""
    kinds = [kind for kind in KINDS.values() if kind.heading and kind.forms[0].section == section]
    found = [(kind.heading, [_plain(review, entry) for entry in review.minutes.of_kind(kind.name)]) for kind in kinds]
    return [(heading, items) for heading, items in found if items]


def _plain(review: Review, entry: Entry) -> Contribution:
    """An entry as its payload says it: its text, what stands beside it, what became of it, the rep's word, the replies."""
    told, update = wording.in_words(review, entry.payload, without="text"), last_update(entry, review.minutes)
    if update is not None:
        on = day(review, on_day(update, review.workbook.local))
        told += [("Status", f"{str(status_of(update)).capitalize()} on {on}"), *updates(review, entry)]
    if KINDS[entry.kind].yes_or_no:
        told += [("Agreement", agreement(review, entry)), *comment_on(review, entry)]
    return Contribution(by(review, entry), KINDS[entry.kind].label, _text(entry), tuple(told), answers(review, entry))


def agreement(review: Review, entry: Entry) -> str:
    """Say whether the rep agreed to an entry as it stands."""
    name, word = side(review, "rep"), review.minutes.agreed(entry)
    if word is not None and isinstance(word.payload, Agreement):
        verb = "Agreed by" if word.payload.agrees else "Not agreed to by"
        return f"{verb} {name} on {day_of(review, word.at)}{doubted(word)}"
    if entry.side == "rep":
        return f"Set by {name}"
    if review.minutes.on(entry, "agreement"):
        return f"{name} agreed to an earlier wording; not to this one yet"
    return f"Not agreed by {name} yet"


def comment_on(review: Review, entry: Entry) -> list[tuple[str, str]]:
    """What the rep said beside yes or no, where there is something."""
    word = review.minutes.agreed(entry)
    return [("Comment", _text(word))] if word is not None and _text(word) else []


def _feedback(review: Review, entry: Entry) -> Contribution:
    given = entry.payload
    if not isinstance(given, Feedback):
        return _plain(review, entry)
    parts = [figure(review, given.kpi)] if given.kpi else []
    parts += [f"“{given.behaviour}”"] if given.behaviour else []
    more = (("Example", given.example),) if given.example else ()
    what = f"{wording.chosen(given, 'stance')}, linked to {' and '.join(parts)}"
    return Contribution(by(review, entry), what, given.text, more, answers(review, entry))


def _dispute(review: Review, entry: Entry, dispute: Dispute) -> Iterator[Contribution]:
    deal = f", deal {dispute.deal}" if dispute.deal else ""
    resolved = review.minutes.on(entry, "resolution")
    mark = None if resolved else ("watch", "Not resolved yet")
    what = f"Disputes {label(review, dispute.kpi)}{deal}"
    yield Contribution(by(review, entry), what, dispute.reason, answers=answers(review, entry), mark=mark)
    for one, found in said(resolved, Resolution):
        told, disputed = wording.chosen(found, "outcome"), (dispute.kpi, found.snapshot_before or "")
        yield Contribution(by(review, one), told, found.text, answers=answers(review, one), disputed=disputed)


def concern(review: Review, entry: Entry) -> Contribution:
    """A concern with who looks after it, what is done, and what became of it."""
    noted = entry.payload
    assert isinstance(noted, Concern)
    update = last_update(entry, review.minutes)
    mark = ("watch", "Open")
    if update is not None and status_of(update) == "resolved":
        mark = ("strength", f"Resolved on {day(review, on_day(update, review.workbook.local))}")
    more = [("What is done about it", noted.doing)] if noted.doing else []
    more += updates(review, entry)
    what = f"{side(review, noted.owner)} looks after it"
    return Contribution(by(review, entry), what, noted.text, tuple(more), answers(review, entry), mark)


def updates(review: Review, entry: Entry) -> list[tuple[str, str]]:
    """List what was noted about an entry later: who and when, and the words."""
    noted = [(by(review, one), update.note) for one, update in said(review.minutes.on(entry, "update"), Update) if update.note]
    return [(f"{who.name}, {who.when}", note) for who, note in noted]


def _others(review: Review) -> Iterator[Contribution]:
    """The replies that stand nowhere else on the page: those to a goal, an action, a rating, and so on."""
    elsewhere = {"feedback", "feedback_to_manager", "dispute", "resolution", "concern", "self_review"}
    elsewhere |= {kind.name for kind in KINDS.values() if kind.heading}
    for reply in review.minutes.of_kind("reply"):
        about: Entry | None = reply  # what a chain of replies is about; None where this audience does not read it
        while about is not None and about.kind == "reply":
            about = review.minutes.find(about.of or "")
        if about is None or about.kind not in elsewhere or about not in review.minutes.entries:
            what = "Reply" if about is None else f"Reply to the {quoted(about)}"
            yield Contribution(by(review, reply), what, _text(reply))


def quoted(entry: Entry) -> str:
    """Name an entry by its kind and the beginning of its words."""
    return f"{KINDS[entry.kind].label.lower()} “{paragraphs.short(wording.telling(entry))}”"
