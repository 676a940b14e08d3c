"""What makes reviews happen: which ones are due, by when, and who is waited for; also as an iCalendar file (RFC 5545)."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from reviewlib.conversation.entries import About, Entry, current, origins
from reviewlib.conversation.kinds import ENDED
from reviewlib.conversation.kinds.plans import Update
from reviewlib.conversation.kinds.record import Role, Side
from reviewlib.conversation.visibility import State, StateName, state_of
from reviewlib.evidence.subjects import Subject
from reviewlib.params.model import Params, Rhythm
from reviewlib.params.words import counted
from reviewlib.periods import Period

if TYPE_CHECKING:
    from icalendar import Event

StepName = Literal["answer", "feedback", "release", "signed"]
#: The steps of a review in their order, with whose turn it is and how the calendar calls it. A team has no answer of its own.
STEPS: Final[Mapping[tuple[StepName, Side], str]] = {
    ("answer", "rep"): "the rep’s answer",
    ("feedback", "manager"): "the manager’s part",
    ("release", "manager"): "release",
    ("signed", "rep"): "the rep’s signature",
    ("signed", "manager"): "the manager’s signature",
}
#: Days before the retention date from which on it is spoken of.
RETENTION_NOTICE: Final = 30


@dataclass(frozen=True)
class CadenceStep:
    """One step of a review.

    Attributes:
        name: ``answer``, ``feedback``, ``release`` or ``signed``.
        side: Whose step it is; both sides sign.
        waiting_for: Who does it: a rep's manager where the rep is a team, an analyst where nobody is the manager.
        due: By when; None where nothing is due.
        done: Whether it is done, or nobody waits for it any more.
    """

    name: StepName
    side: Side
    waiting_for: Role
    due: dt.date | None
    done: bool


@dataclass(frozen=True)
class DueReview:
    """How one review stands against its cadence; nothing of what people wrote is in it.

    Attributes:
        subject: Whom it is about.
        period: The review's period.
        state: Where it stands.
        steps: Every step, done or not.
        step: The next step; None where all are done.
        waiting_for: Who is to do it; None where all are done, or nothing is due.
        due: By when.
        days_overdue: Days since then; 0 where it is not overdue.
        no_dates: Why nothing is due, in words; None where dates are due.
        released_on: The day of the (last) release.
        signed_on: The day of each side's signature.
        disputes: Disputes that are not resolved.
        concerns: Concerns of this review that are open; those kept from the rep are not counted.
    """

    subject: Subject
    period: str
    state: StateName
    steps: tuple[CadenceStep, ...]
    step: StepName | None
    waiting_for: Role | None
    due: dt.date | None
    days_overdue: int
    no_dates: str | None
    released_on: dt.date | None
    signed_on: Mapping[Side, dt.date]
    disputes: int
    concerns: int


def status(
    params: Params, subjects: Sequence[Subject], entries: Mapping[About, Sequence[Entry]], *, today: dt.date, period: Period
) -> list[DueReview]:
    """Tell how the reviews that end with a period stand; who is reviewed by the half has none with a first quarter.

    Args:
        params: The workbook.
        subjects: Everyone who has a review in the period.
        entries: Every entry of each review, in the order of its chain; reviews without entries may be left out.
        today: The day that due dates are held against.
        period: The period looked at.
    """
    return [
        _row(params, subject, entries.get(About.of(subject, own), ()), own, today)
        for subject in subjects
        for own in period.ending_here(rhythm(params, subject))
    ]


def rhythm(params: Params, subject: Subject) -> Rhythm:
    """How often a subject is reviewed: by its role, else its team, else as everyone."""
    cadence = params.cadence
    if subject.kind == "team":
        return cadence.team
    return cadence.roles.get(subject.role or "") or cadence.teams.get(subject.team or "") or cadence.rep


def retention_reminder(params: Params, *, today: dt.date) -> str | None:
    """Say that the day to decide about old records comes near, or is over; None where there is nothing to say."""
    day = params.records.retention_date
    if day is None or (day - today).days > RETENTION_NOTICE:
        return None
    days = (day - today).days
    when = "is today" if days == 0 else f"is in {counted(days, 'days')}" if days > 0 else "is over"
    return (
        f"The retention date {day} {when}: decide which records are still needed, "
        f"then set a new records.retention_date in {params.path.name}."
    )


def _row(params: Params, subject: Subject, entries: Sequence[Entry], period: Period, today: dt.date) -> DueReview:
    state = state_of(entries)
    excuse = no_dates(subject, period)
    steps = _steps(params, subject, state, period, dated=excuse is None)
    following = next((step for step in steps if not step.done), None)
    due = following.due if following else None
    return DueReview(
        subject=subject,
        period=period.name,
        state=state.name,
        steps=steps,
        step=following.name if following else None,
        waiting_for=following.waiting_for if following and due else None,
        due=due,
        days_overdue=max(0, (today - due).days) if due else 0,
        no_dates=excuse,
        released_on=_day_of(params, state.release) if state.release else None,
        signed_on={side: _day_of(params, entry) for side, entry in state.signatures.items()},
        disputes=_without(entries, "dispute", "resolution"),
        concerns=_without(entries, "concern", "update"),
    )


def _day_of(params: Params, entry: Entry) -> dt.date:
    """The day of an entry on the workbook's clock."""
    return params.local(entry.at).date()


def no_dates(subject: Subject, period: Period) -> str | None:
    """Say why a review has figures and no due dates: the rep was there for a part of the period only."""
    if subject.started_on and period.start < dt.date.fromisoformat(subject.started_on):
        return f"started on {subject.started_on}, inside the period"
    if subject.left_on and dt.date.fromisoformat(subject.left_on) <= period.last_day:
        return f"left on {subject.left_on}"
    return None


def _steps(params: Params, subject: Subject, state: State, period: Period, *, dated: bool) -> tuple[CadenceStep, ...]:
    """The steps of a review; one that release has overtaken is not waited for any more."""
    days: Mapping[str, int] = params.cadence.due.model_dump()
    leader: Role = "manager" if subject.manager else "analyst"
    done = {
        "answer": state.answer is not None or state.released,
        "feedback": state.feedback is not None or state.released,
        "release": state.released,
    }
    return tuple(
        CadenceStep(
            name=name,
            side=side,
            # For a team as a whole its manager writes both sides.
            waiting_for="rep" if side == "rep" and subject.kind == "rep" else leader,
            due=period.last_day + dt.timedelta(days=days[name]) if dated else None,
            done=done.get(name, side in state.signatures),
        )
        for name, side in STEPS
        if not (name == "answer" and subject.kind == "team")
    )


def _without(entries: Sequence[Entry], kind: str, ending: str) -> int:
    """Count the shared entries of a kind that nothing has ended."""
    now, roots = current(entries), origins(entries)
    ended = {
        roots.get(entry.of, entry.of)
        for entry in now
        if entry.kind == ending and entry.of and (not isinstance(entry.payload, Update) or entry.payload.status in ENDED)
    }
    return sum(1 for entry in now if entry.kind == kind and entry.visibility == "shared" and roots[entry.id] not in ended)


def calendar_of(params: Params, rows: Sequence[DueReview], *, made: dt.datetime) -> bytes:
    """Write the due steps of reviews as an iCalendar file.

    A step has the same UID in every export, so that a second import updates the event of the first one. A step that is done by
    then is cancelled, and reminds nobody any more. Nothing of what people wrote is in it.

    Args:
        params: The workbook; ``cadence.remind`` says how many days before the reminders come.
        rows: The reviews.
        made: When the file is made; calendars tell a newer event from an older one by it.
    """
    from icalendar import Calendar

    title = f"Reviews, {params.title or params.name}"
    uid = _uid(params.name)
    calendar = Calendar.new(prodid="-//reviewlib//reviews//EN", name=title, method="PUBLISH", uid=uid)
    for row in rows:
        for step in row.steps:
            if step.due is not None:
                calendar.add_component(_event(params, row, step, step.due, made))
    content: bytes = calendar.to_ical()
    return content


def _event(params: Params, row: DueReview, step: CadenceStep, due: dt.date, made: dt.datetime) -> Event:
    from icalendar import Alarm, Event
    from icalendar.enums import CLASS, STATUS, TRANSP

    # A calendar's line has no room for line ends; the library escapes commas, semicolons and backslashes.
    summary = " ".join(f"Review of {row.subject.name}, {row.period}: {STEPS[step.name, step.side]} is due".split())
    reminder = Alarm.new(description=summary)
    reminder.add("action", "DISPLAY")
    reminder.add("trigger", dt.timedelta(days=-params.cadence.remind))
    return Event.new(
        uid=_uid(params.name, row.subject.kind, row.subject.id, row.period, step.name, step.side),
        stamp=made.astimezone(dt.UTC),
        sequence=1 if step.done else 0,
        start=due,
        end=due + dt.timedelta(days=1),
        summary=summary,
        status=STATUS.CANCELLED if step.done else STATUS.CONFIRMED,
        classification=CLASS.PRIVATE,
        # The whole day is marked, and nobody is busy because of it.
        transparency=TRANSP.TRANSPARENT,
        subcomponents=[] if step.done else [reminder],
    )


def _uid(*parts: str) -> str:
    """Name something the same way in every export, without saying whose it is."""
    return f"{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]}@reviewlib"
