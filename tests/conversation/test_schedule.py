"""Tests of reviewlib.conversation.schedule: what is due, who is waited for, and a calendar file that says nothing private."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar
from records_fixture import freeze_names, talking
from talk import Talk

from reviewlib.conversation.entries import About
from reviewlib.conversation.schedule import DueReview, calendar_of, retention_reminder, rhythm, status
from reviewlib.evidence.subjects import Subject, subjects_of
from reviewlib.params.model import Params
from reviewlib.periods import FiscalYear, Period

Q3 = Period.parse("2026-Q3")
TODAY = dt.date(2026, 10, 12)


def everyone(params: Params, period: str = "2026-Q3") -> tuple[Subject, ...]:
    return subjects_of(params.reports / "snapshots" / f"of-{period}")


def rows_of(params: Params, *talks: Talk, today: dt.date = TODAY, period: Period = Q3) -> dict[str, DueReview]:
    entries = {talk.about: talk.entries for talk in talks}
    return {row.subject.id: row for row in status(params, everyone(params), entries, today=today, period=period)}


def one(params: Params, talk: Talk, today: dt.date = TODAY) -> DueReview:
    return rows_of(params, talk, today=today)[talk.subject]


def answer(talk: Talk) -> None:
    talk.rep("self_review", perspective="Fine")


def feedback(talk: Talk) -> None:
    talk.manager("feedback", stance="strength", kpi="revenue", text="Good")


def release(talk: Talk) -> None:
    talk.manager("release", snapshot="abc")


def sign_rep(talk: Talk) -> None:
    talk.rep("signoff", side="rep", how="disagree", name="E", head="x")


def sign_manager(talk: Talk) -> None:
    talk.manager("signoff", side="manager", how="agree", name="D", head="x")


@pytest.mark.parametrize(
    ("done", "step", "waiting_for", "due", "late"),
    [
        ((), "answer", "rep", "2026-10-10", 10),
        ((answer,), "feedback", "manager", "2026-10-14", 6),
        ((feedback,), "answer", "rep", "2026-10-10", 10),
        ((answer, feedback), "release", "manager", "2026-10-21", 0),
        ((release,), "signed", "rep", "2026-10-28", 0),
        ((answer, feedback, release), "signed", "rep", "2026-10-28", 0),
        ((release, sign_rep), "signed", "manager", "2026-10-28", 0),
        ((release, sign_manager), "signed", "rep", "2026-10-28", 0),
        ((release, sign_manager, sign_rep), None, None, None, 0),
    ],
)
def test_the_next_step_and_who_is_waited_for(
    tmp_path: Path, done: tuple[Callable[[Talk], None], ...], step: str, waiting_for: str, due: str, late: int
) -> None:
    """Each step waits for whose turn it is, from the day after it is due it is overdue; release overtakes the answer."""
    talk = Talk(subject="R-1")
    for turn in done:
        turn(talk)
    row = one(talking(tmp_path), talk, today=dt.date(2026, 10, 20))
    assert (row.step, row.waiting_for, row.due and row.due.isoformat(), row.days_overdue) == (step, waiting_for, due, late)


@pytest.mark.parametrize(("day", "late"), [("2026-10-09", 0), ("2026-10-10", 0), ("2026-10-11", 1)])
def test_the_due_day_itself_is_in_time(tmp_path: Path, day: str, late: int) -> None:
    """What is due today is not overdue."""
    assert one(talking(tmp_path), Talk(subject="R-1"), today=dt.date.fromisoformat(day)).days_overdue == late


def test_a_team_waits_for_its_manager(tmp_path: Path) -> None:
    """A team has no answer of its own, and its manager sees to both signatures."""
    row = rows_of(talking(tmp_path))["North"]
    assert [step.name for step in row.steps] == ["feedback", "release", "signed", "signed"]
    assert {step.waiting_for for step in row.steps} == {"manager"}


def test_a_rep_without_a_manager_waits_for_an_analyst(tmp_path: Path) -> None:
    """Where nobody is the manager, an analyst has to see to it."""
    steps = rows_of(talking(tmp_path))["R-4"].steps
    assert [step.waiting_for for step in steps] == ["rep", "analyst", "analyst", "rep", "analyst"]


def test_dates_are_those_of_params(tmp_path: Path) -> None:
    """The days after the period's end come from params."""
    params = talking(tmp_path, cadence={"due": {"answer": 1, "feedback": 2, "release": 3, "signed": 4}})
    days = [step.due for step in one(params, Talk(subject="R-1")).steps]
    assert days == [dt.date(2026, 10, day) for day in (1, 2, 3, 4, 4)]


@pytest.mark.parametrize(
    ("cadence", "subject", "expected"),
    [
        ({}, "R-1", "quarter"),
        ({"rep": "half"}, "R-1", "half"),
        ({"teams": {"North": "half"}}, "R-1", "half"),
        ({"teams": {"North": "half"}}, "R-3", "quarter"),
        ({"teams": {"North": "half"}}, "North", "quarter"),
        ({"team": "half"}, "North", "half"),
        ({"roles": {"Senior": "half"}}, "R-1", "half"),
        ({"roles": {"Senior": "quarter"}, "teams": {"North": "half"}}, "R-1", "quarter"),
    ],
)
def test_the_rhythm_of_role_before_team_before_all(
    tmp_path: Path, cadence: dict[str, Any], subject: str, expected: str
) -> None:
    """A role's rhythm goes before a team's, a team's before everyone's; teams have their own."""
    params = talking(tmp_path, cadence=cadence)
    freeze_names(params, "2026-Q3", role="Senior")
    assert rhythm(params, next(each for each in everyone(params) if each.id == subject)) == expected


@pytest.mark.parametrize(
    ("period", "kind", "expected"),
    [
        ("2026-Q3", "quarter", ["2026-Q3"]),
        ("2026-Q3", "half", []),
        ("2026-Q4", "half", ["2026-H2"]),
        ("2026-Q2", "half", ["2026-H1"]),
        ("2026-H2", "quarter", ["2026-Q3", "2026-Q4"]),
        ("2026-H2", "half", ["2026-H2"]),
        ("FY2026", "quarter", ["2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4"]),
        ("FY2026", "half", ["2026-H1", "2026-H2"]),
    ],
)
@pytest.mark.parametrize("fiscal", [FiscalYear(), FiscalYear(4), FiscalYear(4, "start")])
def test_reviews_that_end_with_a_period(period: str, kind: Any, expected: list[str], fiscal: FiscalYear) -> None:
    """A quarter in the middle of a half has no half-yearly review, also where the year does not start in January."""
    assert [one.name for one in Period.parse(period, fiscal).ending_here(kind)] == expected


@pytest.mark.parametrize(("period", "expected"), [("2026-09", ["2026-Q3"]), ("2026-08", [])])
def test_a_month_has_the_reviews_that_end_with_it(period: str, expected: list[str]) -> None:
    """A workbook that looks at a month sees the quarter that ends with it."""
    assert [one.name for one in Period.parse(period).ending_here("quarter")] == expected


def test_who_is_reviewed_by_the_half_is_due_with_it(tmp_path: Path) -> None:
    """In a quarterly workbook the third quarter has no row for them, the fourth that of the half, with its own entries."""
    params = talking(tmp_path, periods=("2026-Q3", "2026-Q4"), cadence={"teams": {"North": "half"}})
    assert set(rows_of(params)) == {"North", "South", "R-3", "R-4"}
    half = Talk(subject="R-1", period="2026-H2")
    feedback(half)
    row = rows_of(params, half, period=Period.parse("2026-Q4"))["R-1"]
    assert (row.period, row.state, row.due) == ("2026-H2", "feedback_in", dt.date(2027, 1, 10))


@pytest.mark.parametrize(
    ("days", "reason"),
    [
        ({"started_on": "2026-07-01"}, None),
        ({"started_on": "2026-07-02"}, "started on 2026-07-02, inside the period"),
        ({"started_on": "2026-09-30"}, "started on 2026-09-30, inside the period"),
        ({"started_on": "2020-01-01", "left_on": "2026-10-01"}, None),
        ({"started_on": "2020-01-01", "left_on": "2026-09-30"}, "left on 2026-09-30"),
    ],
)
def test_a_part_of_a_period_has_no_due_dates(tmp_path: Path, days: dict[str, str], reason: str | None) -> None:
    """Who started inside the period, or left by its end, gets figures, and nobody is waited for."""
    params = talking(tmp_path)
    freeze_names(params, "2026-Q3", **days)
    row = one(params, Talk(subject="R-1"), today=dt.date(2027, 1, 1))
    assert row.no_dates == reason
    assert (row.due is None) == (row.waiting_for is None) == (row.days_overdue == 0) == (reason is not None)
    assert {step.due is None for step in row.steps} == {reason is not None}


def test_open_disputes_and_concerns_are_counted(tmp_path: Path) -> None:
    """What is resolved does not count, in any version; a concern kept from the rep is not counted here."""
    talk = Talk(subject="R-1")
    first, second = (talk.rep("dispute", kpi="revenue", reason="Twice") for _ in range(2))
    concern = talk.rep("concern", text="Load")
    talk.manager("concern", text="Quiet", visibility="manager_only")
    params = talking(tmp_path)
    assert (one(params, talk).disputes, one(params, talk).concerns) == (2, 1)
    talk.edit(first, reason="Three times")
    talk.manager("resolution", of=first.id, outcome="accepted", text="Yes")
    update = talk.manager("update", of=concern.id, status="resolved")
    assert (one(params, talk).disputes, one(params, talk).concerns) == (1, 0)
    talk.edit(update, status="open")
    talk.manager("resolution", of=second.id, outcome="accepted", text="Yes")
    assert (one(params, talk).disputes, one(params, talk).concerns) == (0, 1)


def test_the_days_of_release_and_signatures(tmp_path: Path) -> None:
    """The row tells when it was released and signed, by side."""
    talk = Talk(subject="R-1")
    release(talk)
    sign_rep(talk)
    row = one(talking(tmp_path), talk)
    assert row.released_on == talk.entries[0].at.date()
    assert row.signed_on == {"rep": talk.entries[1].at.date()}


def test_days_are_those_of_the_workbooks_timezone(tmp_path: Path) -> None:
    """Released and signed in the evening in Los Angeles, it was that day, though it is the next one in UTC."""
    talk = Talk(subject="R-1", start=dt.datetime(2026, 10, 13, 19, 0, tzinfo=dt.UTC))
    release(talk)
    sign_rep(talk)
    row = one(talking(tmp_path, timezone="America/Los_Angeles"), talk)
    assert talk.entries[0].at.isoformat() == "2026-10-14T01:00:00+00:00"
    assert row.released_on == dt.date(2026, 10, 13)
    assert row.signed_on == {"rep": dt.date(2026, 10, 14)}
    assert row.state == "signed"


def test_a_row_holds_nothing_of_what_people_wrote(tmp_path: Path) -> None:
    """``status --json`` prints rows as they are."""
    talk = Talk(subject="R-1")
    talk.rep("self_review", perspective="canary")
    talk.rep("dispute", kpi="revenue", reason="canary")
    talk.manager("note", text="canary")
    assert "canary" not in json.dumps(dataclasses.asdict(one(talking(tmp_path), talk)), default=str)


def test_a_team_and_a_rep_of_one_id_are_two(tmp_path: Path) -> None:
    """Entries of a rep do not count for a team that is called the same."""
    params = talking(tmp_path)
    freeze_names(params, "2026-Q3", reps=[("North", "Nora North", "North", "Daniel Brandt")])
    talk = Talk(subject="North")
    feedback(talk)
    rows = status(params, everyone(params), {talk.about: talk.entries}, today=TODAY, period=Q3)
    assert {row.subject.kind: row.state for row in rows} == {"team": "open", "rep": "feedback_in"}
    assert talk.about == About("rep", "North", "2026-Q3")


@pytest.mark.parametrize(
    ("today", "words"),
    [
        ("2026-11-30", None),
        ("2026-12-01", "is in 30 days"),
        ("2026-12-30", "is in 1 day:"),
        ("2026-12-31", "is today"),
        ("2027-01-01", "is over"),
    ],
)
def test_the_retention_date_is_spoken_of_in_time(tmp_path: Path, today: str, words: str | None) -> None:
    """From thirty days before on, status reminds of the retention date, and goes on when it is over."""
    params = talking(tmp_path, records={"retention_date": "2026-12-31"})
    found = retention_reminder(params, today=dt.date.fromisoformat(today))
    assert (words is None) == (found is None)
    assert words is None or words in (found or "")


def test_without_a_retention_date_there_is_nothing_to_say(tmp_path: Path) -> None:
    """Nobody is reminded of a date that was not set."""
    assert retention_reminder(talking(tmp_path), today=TODAY) is None


# --- the calendar file -------------------------------------------------------------------------------------------------

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
