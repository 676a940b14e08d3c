"""What was agreed last time and what became of it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from talk import Talks

from reviewlib.conversation.goals.followup import Agreed, carried, lead
from reviewlib.conversation.goals.kpi import Point, Track
from reviewlib.periods import Period

AS_OF = dt.date(2026, 10, 15)


def rows(
    talk: Talks, review: str = "2026-Q3", *, audience: Any = "manager", as_of: dt.date = AS_OF, **tracks: Track
) -> list[Agreed]:
    return carried(talk.look(review, audience, as_of=as_of, **tracks))


def utc(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC)


def deed(**fields: Any) -> dict[str, Any]:
    return {"decision": "added", "text": "Move inbound triage", "owner": "manager", "due": "2026-08-01"} | fields


@pytest.mark.parametrize(
    ("kind", "fields", "update", "outcome", "words"),
    [
        ("action", deed(), {"status": "done", "on": "2026-08-01"}, "kept", ("Done on 1 August 2026.",)),
        ("action", deed(), {"status": "done", "on": "2026-08-24"}, "kept_late", ("Done on 24 August 2026, 23 days late.",)),
        ("action", deed(), {"status": "done", "on": "2026-08-02"}, "kept_late", ("Done on 2 August 2026, 1 day late.",)),
        ("action", deed(due=None), {"status": "done", "on": "2026-08-24"}, "kept", ("Done on 24 August 2026.",)),
        ("action", deed(), {"status": "done"}, "kept_late", ("Done on 20 October 2026, 80 days late.",)),
        ("action", deed(), None, "not_kept", ("Due on 1 August 2026; not recorded as done.",)),
        ("action", deed(due="2026-09-30"), None, "not_kept", ("Due on 30 September 2026; not recorded as done.",)),
        ("action", deed(due="2026-10-01"), None, "carried_over", ("Due on 1 October 2026.",)),
        ("action", deed(due=None), None, "carried_over", ("No due date.",)),
        ("action", deed(), {"status": "dropped", "on": "2026-07-20"}, "dropped", ("Dropped on 20 July 2026.",)),
        ("development", {"way": "training", "text": "A course", "due": "2026-09-30"}, {"status": "done", "on": "2026-08-28"},
         "kept", ("Done on 28 August 2026.",)),
        ("development", {"way": "coaching", "text": "Sessions", "due": "2026-12-30"}, {"status": "running", "on": "2026-09-01"},
         "carried_over", ("Running since 1 September 2026.", "Due on 30 December 2026.")),
        ("development", {"way": "coaching", "text": "Sessions", "due": "2026-09-30"}, {"status": "booked", "on": "2026-09-01"},
         "not_kept", ("Due on 30 September 2026; not recorded as done.", "Booked since 1 September 2026.")),
        ("concern", {"text": "Legal takes weeks"}, None, "open", ("Open since the review of 2026-Q2.",)),
        ("concern", {"text": "Legal takes weeks"}, {"status": "resolved", "on": "2026-09-03"}, "resolved",
         ("Resolved on 3 September 2026.",)),
        ("concern", {"text": "Legal takes weeks"}, {"status": "open"}, "open", ("Open since the review of 2026-Q2.",)),
        ("goal", {"statement": "A guide", "deliverable": "A guide", "due": "2026-09-30"}, None, "lapsed",
         ("Due on 30 September 2026; nothing was recorded.",)),
        ("goal", {"statement": "A guide", "deliverable": "A guide", "due": "2026-12-31"}, None, "carried_over",
         ("Due on 31 December 2026.",)),
        ("goal", {"statement": "A guide", "due": "2026-12-31"}, {"status": "dropped", "on": "2026-09-03"}, "dropped",
         ("Recorded as dropped on 3 September 2026.",)),
    ],
)  # fmt: skip
def test_what_became_of_it(
    kind: str, fields: dict[str, Any], update: dict[str, Any] | None, outcome: str, words: tuple[str, ...]
) -> None:
    """Each row of the decision table gives its outcome and words."""
    talk = Talks()
    entry = talk.say("2026-Q2", kind, **fields)
    if update:
        talk.say("2026-Q3", "update", on_day="2026-10-20", of=entry.id, **update)
    [row] = rows(talk)
    assert (row.outcome, row.words) == (outcome, words)
    assert row.since == "2026-Q2"


@pytest.mark.parametrize(("value", "outcome"), [(0.533, "met"), (0.44, "missed")])
def test_a_goal_is_decided_by_its_figure(value: float, outcome: str) -> None:
    """Met or missed comes from the scorecard of the period that holds the due date."""
    talk = Talks()
    talk.say("2026-Q2", "goal", statement="Win 45%", kpi="win_rate", baseline=0.444, target=0.45, due="2026-09-30")
    track = Track("Win rate", points=(Point(Period.parse("2026-Q3"), value),))
    [row] = rows(talk, win_rate=track)
    assert row.outcome == outcome
    assert row.progress is not None


def test_a_dismissed_recommendation_is_no_agreement() -> None:
    """What was turned down was not agreed; what was accepted or edited was."""
    talk = Talks()
    talk.say("2026-Q2", "action", decision="dismissed", recommended="Call more", reason="No time")
    talk.say("2026-Q2", "action", decision="accepted", recommended="Call more", text="Call more")
    talk.say("2026-Q2", "action", decision="edited", recommended="Call more", text="Call on Mondays")
    assert [row.what for row in rows(talk)] == ["Call more", "Call on Mondays"]


def test_other_kinds_are_no_agreements() -> None:
    """Milestones stand with their goal; feedback, notes and recognition are not looked back at here."""
    talk = Talks()
    goal = talk.say("2026-Q2", "goal", statement="A goal")
    talk.say("2026-Q2", "milestone", of=goal.id, text="A step")
    talk.say("2026-Q2", "feedback", stance="strength", behaviour="Listening", text="Good")
    talk.say("2026-Q2", "recognition", title="Best quarter")
    [row] = rows(talk)
    assert row.progress is not None
    assert [step.text for step in row.progress.steps] == ["A step"]


def test_what_was_agreed_in_this_review_is_not_looked_back_at() -> None:
    """This review's own goals belong to the next one's look back."""
    talk = Talks()
    talk.say("2026-Q3", "goal", statement="New")
    assert rows(talk) == []


def old(talk: Talks, text: str, **fields: Any) -> Any:
    return talk.say("2026-Q1", "action", **deed(text=text, **fields))


def test_what_had_ended_before_the_previous_review_does_not_come_back() -> None:
    """Older agreements appear while they run, when they ended since the previous review, or when one is updated now."""
    talk = Talks()
    done_then, done_now = old(talk, "done then", due=None), old(talk, "done now", due=None)
    old(talk, "due then", due="2026-06-30")
    old(talk, "due since", due="2026-07-01")
    old(talk, "runs", due="2026-12-31")
    late = old(talk, "due then, done now", due="2026-06-30")
    again = old(talk, "done then, open again", due="2026-12-31")
    talk.say("2026-Q2", "update", of=done_then.id, status="done")
    talk.say("2026-Q2", "update", of=again.id, status="done", on="2026-07-01")
    talk.say("2026-Q3", "update", of=again.id, status="open", on="2026-09-01")
    talk.say("2026-Q3", "update", of=done_now.id, status="done")
    talk.say("2026-Q3", "update", of=late.id, status="done", on="2026-08-01")
    found = {row.what: row.outcome for row in rows(talk)}
    assert found == {
        "done now": "kept",
        "due since": "not_kept",
        "runs": "carried_over",
        "due then, done now": "kept_late",
        "done then, open again": "carried_over",
    }


def test_an_agreement_of_the_previous_review_appears_however_it_ended() -> None:
    """What was agreed and done in the previous review itself is still told."""
    talk = Talks()
    entry = talk.say("2026-Q2", "action", **deed(due="2026-06-30"))
    talk.say("2026-Q2", "update", of=entry.id, status="done", on="2026-06-30")
    assert [row.outcome for row in rows(talk)] == ["kept"]


def test_a_skipped_review_does_not_hide_what_was_agreed() -> None:
    """The previous review is the latest there was, not the previous quarter."""
    talk = Talks()
    talk.say("2026-Q1", "action", **deed(due="2026-06-30"))
    assert [row.outcome for row in rows(talk)] == ["not_kept"]


def test_the_latest_wording_counts() -> None:
    """An edited agreement appears once, as it was last written, with what was told of any wording."""
    talk = Talks()
    first = talk.say("2026-Q2", "action", **deed(text="first"))
    talk.say("2026-Q2", "action", supersedes=first, **deed(text="second"))
    talk.say("2026-Q3", "update", of=first.id, status="done", on="2026-08-01", note="Moved.")
    [row] = rows(talk)
    assert (row.what, row.outcome, row.words) == ("second", "kept", ("Done on 1 August 2026.",))


def test_a_refused_goal_says_so() -> None:
    """The rep's word on a goal stands with it."""
    talk = Talks()
    goal = talk.say("2026-Q2", "goal", statement="A goal", due="2026-12-31")
    talk.say("2026-Q2", "agreement", role="rep", of=goal.id, agrees=False)
    [row] = rows(talk)
    assert row.words[-1] == "The rep did not agree to it."


def test_the_reps_copy_holds_nothing_private() -> None:
    """A concern of the manager's own, and its update, stay out of the rep's copy; the other concern is there after release."""
    talk = Talks()
    private = talk.say("2026-Q2", "concern", text="Secret", visibility="manager_only")
    talk.say("2026-Q2", "concern", text="Legal")
    talk.say("2026-Q2", "release", snapshot="x")
    talk.say("2026-Q3", "update", of=private.id, status="resolved", visibility="manager_only")
    assert [row.what for row in rows(talk)] == ["Secret", "Legal"]
    assert [row.what for row in rows(talk, audience="rep")] == ["Legal"]


def mock() -> Talks:
    """The five agreements of the mock."""
    talk = Talks()
    goal = {"kpi": "win_rate", "baseline": 0.444, "due": "2026-09-30"}
    talk.say("2026-Q2", "goal", statement="Win at least 45%", target=0.45, **goal)
    talk.say("2026-Q2", "goal", statement="Win at least 60%", target=0.6, **goal)
    course = talk.say("2026-Q2", "development", way="training", text="Finish the negotiation course", due="2026-09-30")
    triage = talk.say("2026-Q2", "action", **deed())
    talk.say("2026-Q2", "goal", statement="Acquire 44 customers", kpi="new_customers", target=44, over="FY2026")
    talk.say("2026-Q3", "update", of=course.id, status="done", on="2026-08-28")
    talk.say("2026-Q3", "update", of=triage.id, status="done", on="2026-08-24")
    return talk


def test_the_lead_counts() -> None:
    """One sentence says how many agreements there were and what became of them."""
    track = Track("Win rate", points=(Point(Period.parse("2026-Q3"), 0.533),))
    found = rows(mock(), win_rate=track)
    assert lead(found, utc) == (
        "Of five agreements made on 16 July 2026, two were kept, one was kept late, one was missed and one runs on."
    )
    assert Counter(row.outcome for row in found) == {"met": 1, "kept": 1, "kept_late": 1, "missed": 1, "carried_over": 1}


def test_the_lead_of_none_of_one_and_of_one_kind() -> None:
    """The sentence stays one where there is little to count."""
    talk = Talks()
    assert lead(rows(talk), utc) == "Nothing was agreed in an earlier review."
    talk.say("2026-Q2", "action", **deed())
    assert lead(rows(talk), utc) == "The one agreement made on 16 July 2026 was missed."
    talk.say("2026-Q2", "action", on_day="2026-07-17", **deed())
    assert lead(rows(talk), utc) == "All two agreements made by 17 July 2026 were missed."


def test_days_are_those_of_the_workbooks_clock() -> None:
    """Done at half past five on the due date in Los Angeles is kept, though it is the next day in UTC."""
    talk = Talks()
    call = talk.say("2026-Q2", "action", **deed(due="2026-09-15"))
    talk.entries[0] = replace(call, at=dt.datetime(2026, 7, 16, 1, 0, tzinfo=dt.UTC))
    update = talk.say("2026-Q3", "update", of=call.id, status="done")
    talk.entries[1] = replace(update, at=dt.datetime(2026, 9, 16, 0, 30, tzinfo=dt.UTC))
    west = talk.look("2026-Q3", zone="America/Los_Angeles")
    [row] = found = carried(west)
    assert (row.outcome, row.words) == ("kept", ("Done on 15 September 2026.",))
    assert lead(found, west.clock) == "The one agreement made on 15 July 2026 was kept."
    assert carried(talk.look("2026-Q3"))[0].outcome == "kept_late"
