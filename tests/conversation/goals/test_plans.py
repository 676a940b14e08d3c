"""Development plans, what moved since, the team's skills, recognition and the board."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from talk import Talks

from reviewlib.conversation.goals.kpi import Point, Track
from reviewlib.conversation.goals.plans import Need, board, moved, proposed, skills, way_of
from reviewlib.periods import Period

Q1, Q3 = Period.parse("2026-Q1"), Period.parse("2026-Q3")
CYCLE = Need("cycle_days", "Leading the decision", "Coaching on live deals")
RATE = Need("conversion_rate", "Leading the decision", "Coaching on live deals")
CALLS = Need("calls", "Time management", "Time management, an online course of two hours")


@pytest.mark.parametrize(
    ("offer", "way"),
    [
        ("Account planning workshop, half a day", "training"),
        ("Two joint calls and a role-play on qualification", "role-play"),
        ("Coaching on live deals", "coaching"),
        ("Two joint calls", "coaching"),
        ("Mentoring by a key account executive", "mentoring"),
        ("A MENTOR for half a year", "mentoring"),
        ("Time management, an online course of two hours", "training"),
        ("", "training"),
    ],
)
def test_the_way_is_guessed_from_the_offer(offer: str, way: str) -> None:
    """The offer's own words tell the way; what names none is training."""
    assert way_of(offer) == way


def test_a_skill_is_proposed_once_with_every_figure_that_calls_for_it() -> None:
    """Two KPIs that call for the same offer make one proposal; a need without skill or offer makes none."""
    found = proposed([CYCLE, CALLS, RATE, Need("revenue", "", "x"), Need("revenue", "x", "")], Talks().minutes("2026-Q3"))
    assert [(one.skill, one.way, one.kpis) for one in found] == [
        ("Leading the decision", "coaching", ("cycle_days", "conversion_rate")),
        ("Time management", "training", ("calls",)),
    ]


@pytest.mark.parametrize(("status", "left"), [(None, ["Time management"]), ("running", ["Time management"]), ("done", None)])
def test_what_is_planned_is_not_proposed_again(status: str | None, left: list[str] | None) -> None:
    """An open item of this or an earlier review stands for its skill; one that ended does not."""
    talk = Talks()
    item = talk.say("2026-Q2", "development", way="coaching", skill="leading the  Decision", text="Four sessions")
    if status:
        talk.say("2026-Q3", "update", of=item.id, status=status)
    found = [one.skill for one in proposed([CYCLE, CALLS], talk.minutes("2026-Q3"))]
    assert found == (left or ["Leading the decision", "Time management"])


def rate(before: tuple[float | None, ...], now: tuple[float | None, ...]) -> Track:
    points = tuple(
        Point(period, value, None if value is not None else "no closed deals", *bounds)
        for period, (value, *bounds) in ((Q1, before), (Q3, now))
    )
    return Track("Win rate", points=points, say=lambda value: f"{value:.1%}")


OVERLAP = "The intervals overlap, so this does not show that the coaching was the cause."


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ((0.451, 0.34, 0.566), (0.533, 0.431, 0.631), OVERLAP),
        ((0.451, 0.34, 0.5), (0.533, 0.5, 0.631), OVERLAP),
        ((0.451, 0.2, 0.3), (0.533, 0.1 + 0.2, 0.631), OVERLAP),
        ((0.451, 0.1 + 0.2, 0.5), (0.2, 0.1, 0.3), OVERLAP),
        ((0.451, 0.34, 0.49), (0.6, 0.5, 0.7), "The interval lies above the one before; other things changed too."),
        ((0.6, 0.5, 0.7), (0.4, 0.3, 0.49), "The interval lies below the one before; other things changed too."),
        ((0.4,), (0.6,), "Other things changed too, so this does not show that the coaching was the cause."),
        ((0.4, 0.3, 0.5), (0.6,), "Other things changed too, so this does not show that the coaching was the cause."),
        ((0.4,), (None,), "Win rate is n/a in 2026-Q3: no closed deals. There is nothing to compare."),
    ],
)
def test_before_and_after_claim_no_cause(before: tuple[Any, ...], now: tuple[Any, ...], words: str) -> None:
    """The figures stand side by side with their intervals; no sentence says that the one made the other."""
    talk = Talks()
    item = talk.say("2026-Q1", "development", way="coaching", text="Discovery calls", kpi="win_rate")
    talk.say("2026-Q2", "update", of=item.id, status="done", on="2026-06-30")
    found = moved(item, talk.look("2026-Q3", win_rate=rate(before, now)))
    assert found[0] == "Done on 30 June 2026."
    assert found[-1] == words
    said = " ".join(found).lower()
    assert not any(word in said for word in ("better", "worse", "thanks to", "because", "led to"))


def test_the_day_is_that_of_the_workbooks_clock() -> None:
    """Done in the evening in Los Angeles was done that day."""
    talk = Talks()
    item = talk.say("2026-Q1", "development", way="coaching", text="Discovery calls", kpi="win_rate")
    update = talk.say("2026-Q2", "update", of=item.id, status="done")
    talk.entries[-1] = replace(update, at=dt.datetime(2026, 7, 1, 0, 30, tzinfo=dt.UTC))
    found = moved(item, talk.look("2026-Q3", zone="America/Los_Angeles", win_rate=rate((0.4,), (0.6,))))
    assert found[0] == "Done on 30 June 2026."


def test_both_figures_are_told_with_their_intervals() -> None:
    """Figure, period and interval, then and now."""
    talk = Talks()
    item = talk.say("2026-Q1", "development", way="coaching", text="Discovery calls", kpi="win_rate")
    talk.say("2026-Q3", "update", of=item.id, status="running")
    found = moved(item, talk.look("2026-Q3", win_rate=rate((0.451, 0.34, 0.566), (0.533, 0.431, 0.631))))
    assert found[:2] == (
        "Running.",
        "Win rate was 45.1% in 2026-Q1, interval 34.0% to 56.6%, and is 53.3% in 2026-Q3, interval 43.1% to 63.1%.",
    )


@pytest.mark.parametrize(
    ("period", "fields", "status"),
    [
        ("2026-Q3", {"kpi": "win_rate"}, "done"),
        ("2026-Q1", {}, "done"),
        ("2026-Q1", {"kpi": "win_rate"}, "planned"),
        ("2026-Q1", {"kpi": "win_rate"}, "dropped"),
    ],
)
def test_nothing_is_compared_where_nothing_was_done(period: str, fields: dict[str, Any], status: str) -> None:
    """An item of this review, without a figure, only planned or dropped shows no before and after."""
    talk = Talks()
    item = talk.say(period, "development", way="coaching", text="Discovery calls", **fields)
    talk.say("2026-Q3", "update", of=item.id, status=status)
    assert moved(item, talk.look("2026-Q3", win_rate=rate((0.4,), (0.6,)))) == ()


def test_the_team_sum_holds_what_was_done_for_a_skill() -> None:
    """Each skill stands once, however it is spelt, that with most items first; ended ones of old reviews are gone."""
    amara, ben = Talks("R-1"), Talks("R-2")
    gone = amara.say("2026-Q1", "development", way="training", skill="Negotiation", text="Old course")
    amara.say("2026-Q2", "update", of=gone.id, status="done")
    done = amara.say("2026-Q2", "development", way="coaching", skill="Leading the decision", text="Four sessions")
    amara.say("2026-Q3", "update", of=done.id, status="done")
    ben.say("2026-Q3", "development", way="coaching", skill="leading  the decision", text="Two sessions")
    ben.say("2026-Q3", "development", way="mentoring", skill="Key accounts", text="A mentor")
    ben.say("2026-Q3", "development", way="training", skill="Account plans", text="A workshop")
    ben.say("2026-Q3", "development", way="mentoring", text="No skill is named")
    found = skills({"R-1": amara.minutes("2026-Q3"), "R-2": ben.minutes("2026-Q3")})
    assert [(skill, [(one.rep_id, one.status) for one in items]) for skill, items in found.items()] == [
        ("Leading the decision", [("R-1", "done"), ("R-2", "planned")]),
        ("Account plans", [("R-2", "planned")]),
        ("Key accounts", [("R-2", "planned")]),
    ]


@pytest.mark.parametrize(
    ("for_board", "words", "shown"),
    [
        (True, (True,), True),
        (True, (), False),
        (True, (False,), False),
        (True, (True, False), False),
        (True, (False, True), True),
        (False, (True,), False),
    ],
)
def test_the_board_shows_what_both_sides_agreed_to(for_board: bool, words: tuple[bool, ...], shown: bool) -> None:
    """Proposed for the board by the manager, agreed to by the rep, the latest word counting."""
    talk = Talks("R-1")
    entry = talk.say(
        "2026-Q3", "recognition", title="Best quarter", text="Signed at list price", reward="bonus",
        reward_text="€2,400 in November", for_board=for_board,
    )  # fmt: skip
    for agrees in words:
        talk.say("2026-Q3", "agreement", role="rep", of=entry.id, agrees=agrees)
    found = board({"R-1": talk.minutes("2026-Q3")})
    assert found == ([("R-1", "Best quarter", "Signed at list price")] if shown else [])
    assert "2,400" not in repr(found)


def test_a_word_on_an_earlier_wording_does_not_count() -> None:
    """After an edit the rep is asked again."""
    talk = Talks("R-1")
    first = talk.say("2026-Q3", "recognition", title="Best quarter", for_board=True)
    talk.say("2026-Q3", "agreement", role="rep", of=first.id, agrees=True)
    talk.say("2026-Q3", "recognition", title="Best quarter ever", for_board=True, supersedes=first)
    assert board({"R-1": talk.minutes("2026-Q3")}) == []
