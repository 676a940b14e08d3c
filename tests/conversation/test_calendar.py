"""Tests of reviewlib.conversation.calendar: an iCalendar file that calendars take, and that says nothing private."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar
from records_fixture import freeze_names, talking
from talk import Talk

from reviewlib.conversation.calendar import calendar_of
from reviewlib.conversation.schedule import status
from reviewlib.evidence.subjects import subjects_of
from reviewlib.params.model import Params
from reviewlib.periods import Period

MADE = dt.datetime(2026, 10, 1, 8, 30, tzinfo=dt.UTC)
NAME = "O’Neill; Zoë, called “Ÿ\\n” the 1st\r\nEND:VEVENT\x85" + "長い名前" * 20


def exported(params: Params, *talks: Talk, made: dt.datetime = MADE) -> bytes:
    subjects = subjects_of(params.reports / "snapshots" / "of-2026-Q3")
    entries = {talk.about: talk.entries for talk in talks}
    rows = status(params, subjects, entries, today=made.date(), period=Period.parse("2026-Q3"))
    return calendar_of(params, rows, made=made)


def events(content: bytes) -> dict[str, Any]:
    """Read the file back: events by their UID."""
    found = Calendar.from_ical(content).walk("VEVENT")
    by_uid = {str(event["UID"]): event for event in found}
    assert len(by_uid) == len(found)
    return by_uid


def test_every_due_step_is_an_event_of_one_day(tmp_path: Path) -> None:
    """Four reps have five steps each, two teams four; each is a whole day that keeps nobody from meeting."""
    found = events(exported(talking(tmp_path))).values()
    assert len(found) == 4 * 5 + 2 * 4
    for event in found:
        assert event["DTEND"].dt - event["DTSTART"].dt == dt.timedelta(days=1)
        assert type(event["DTSTART"].dt) is dt.date
        assert event["TRANSP"] == "TRANSPARENT"
    own = sorted((event["DTSTART"].dt, str(event["SUMMARY"])) for event in found if "Ella Byrne" in event["SUMMARY"])
    assert own == [
        (dt.date(2026, 10, 10), "Review of Ella Byrne, 2026-Q3: the rep’s answer is due"),
        (dt.date(2026, 10, 14), "Review of Ella Byrne, 2026-Q3: the manager’s part is due"),
        (dt.date(2026, 10, 21), "Review of Ella Byrne, 2026-Q3: release is due"),
        (dt.date(2026, 10, 28), "Review of Ella Byrne, 2026-Q3: the manager’s signature is due"),
        (dt.date(2026, 10, 28), "Review of Ella Byrne, 2026-Q3: the rep’s signature is due"),
    ]


@pytest.mark.parametrize("days", [0, 3, 10])
def test_reminders_come_as_many_days_before_as_params_say(tmp_path: Path, days: int) -> None:
    """Each open step has one reminder."""
    for event in events(exported(talking(tmp_path, cadence={"remind": days}))).values():
        (alarm,) = event.walk("VALARM")
        assert alarm["ACTION"] == "DISPLAY"
        assert alarm["TRIGGER"].dt == -dt.timedelta(days=days)
        assert alarm["DESCRIPTION"] == event["SUMMARY"]


def test_a_second_export_updates_the_first(tmp_path: Path) -> None:
    """The events keep their UIDs when time goes on, dates move or steps are done; what is done reminds nobody."""
    params = talking(tmp_path)
    first = events(exported(params))
    talk = Talk(subject="R-1")
    talk.rep("self_review", perspective="Fine")
    later = events(exported(params, talk, made=MADE + dt.timedelta(days=9)))
    moved = events(exported(talking(tmp_path, cadence={"due": {"answer": 9}})))
    assert set(first) == set(later) == set(moved)
    done = [event for event in later.values() if event["STATUS"] == "CANCELLED"]
    assert [str(event["SUMMARY"]) for event in done] == ["Review of Ella Byrne, 2026-Q3: the rep’s answer is due"]
    assert done[0].walk("VALARM") == []
    assert done[0]["SEQUENCE"] > first[str(done[0]["UID"])]["SEQUENCE"]
    assert all(later[uid]["DTSTAMP"].dt > first[uid]["DTSTAMP"].dt for uid in first)


def test_other_workbooks_and_periods_have_other_uids(tmp_path: Path) -> None:
    """Two workbooks with the same ids do not overwrite each other's events."""
    one = events(exported(talking(tmp_path / "one")))
    two = events(exported(talking(tmp_path / "two", name="other")))
    assert not set(one) & set(two)


def test_the_same_rows_make_the_same_file(tmp_path: Path) -> None:
    """Nothing in the file is random or read from the clock."""
    params = talking(tmp_path)
    assert exported(params) == exported(params)


def test_names_cannot_break_the_file(tmp_path: Path) -> None:
    """Commas, semicolons, quotes, line ends and long names stay one property that reads back as the name."""
    params = talking(tmp_path)
    freeze_names(params, "2026-Q3", reps=[("R-1", NAME, None, None)])
    content = exported(params)
    found = events(content)
    assert len(found) == 5
    plain = " ".join(NAME.split())
    assert all(str(event["SUMMARY"]).startswith(f"Review of {plain}, 2026-Q3: ") for event in found.values())
    lines = content.split(b"\r\n")
    assert lines[-1] == b""
    assert max(len(line) for line in lines) <= 75
    assert not [line for line in lines if b"\n" in line or b"\r" in line]
    for line in lines:
        line.decode("utf-8")


def test_the_file_says_nothing_private(tmp_path: Path) -> None:
    """Nothing of what people wrote, no ids, figures, paths or logins; UIDs are hashes."""
    params = talking(tmp_path)
    freeze_names(params, "2026-Q3", revenue=987654.0, target=123456.0)
    talk = Talk(subject="R-1")
    talk.rep("self_review", perspective="canary")
    talk.manager("note", text="canary")
    content = exported(params, talk)
    text = content.replace(b"\r\n ", b"").decode()
    for word in ("canary", "987654", "123456", "R-1", str(tmp_path), "dbrandt", "aokafor"):
        assert word not in text
    assert all(re.fullmatch(r"[0-9a-f]{32}@reviewlib", uid) for uid in events(content))


def test_who_has_no_due_dates_is_not_in_the_calendar(tmp_path: Path) -> None:
    """A partial first period makes no events."""
    params = talking(tmp_path)
    freeze_names(params, "2026-Q3", started_on="2026-08-01")
    assert events(exported(params)) == {}
    assert Calendar.from_ical(exported(params))["VERSION"] == "2.0"


def test_required_properties_are_there(tmp_path: Path) -> None:
    """RFC 5545: a version and a product id once, and of each event a UID, a stamp in UTC and a start."""
    content = exported(talking(tmp_path))
    for line in (b"VERSION:2.0", b"PRODID:", b"METHOD:PUBLISH", b"X-WR-CALNAME:"):
        assert content.count(b"\r\n" + line) == 1
    for event in events(content).values():
        assert event["DTSTAMP"].dt == MADE
        assert event["CLASS"] == "PRIVATE"
