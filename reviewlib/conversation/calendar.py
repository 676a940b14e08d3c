"""The due dates as an iCalendar file (RFC 5545): who has what to do by when, and nothing of what people wrote."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from reviewlib.conversation.schedule import CadenceStep, DueReview, StepName
from reviewlib.params.model import Params

if TYPE_CHECKING:
    from icalendar import Alarm, Event

_WHAT: Final[Mapping[StepName, str]] = {
    "answer": "the rep’s answer",
    "feedback": "the manager’s part",
    "release": "release",
    "signed": "the {side}’s signature",
}


def calendar_of(params: Params, rows: Sequence[DueReview], *, made: dt.datetime) -> bytes:
    """Write the due steps of reviews as an iCalendar file.

    A step has the same UID in every export, so that a second import updates the event of the first one. A step that is done by
    then is cancelled, and reminds nobody any more.

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
    from icalendar import Event
    from icalendar.enums import CLASS, STATUS, TRANSP

    what = _WHAT[step.name].format(side=step.side)
    # A calendar's line has no room for line ends; the library escapes commas, semicolons and backslashes.
    summary = " ".join(f"Review of {row.subject.name}, {row.period}: {what} is due".split())
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
        subcomponents=[] if step.done else [_alarm(params, summary)],
    )


def _alarm(params: Params, summary: str) -> Alarm:
    from icalendar import Alarm

    alarm = Alarm.new(description=summary)
    alarm.add("action", "DISPLAY")
    alarm.add("trigger", dt.timedelta(days=-params.cadence.remind))
    return alarm


def _uid(*parts: str) -> str:
    """Name something the same way in every export, without saying whose it is."""
    return f"{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]}@reviewlib"
