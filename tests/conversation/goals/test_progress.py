"""Progress of goals: decisions, pace, sums over a longer period, words."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from talk import Talks

from reviewlib.conversation.goals.kpi import Point, Track
from reviewlib.conversation.goals.progress import Progress, progress
from reviewlib.periods import FiscalYear, Period

WEST = "America/Los_Angeles"
NAMES = ("2025-Q4", "2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4")


def track(*values: float | None, names: tuple[str, ...] = NAMES, **fields: Any) -> Track:
    """A track that ends with the last of ``names``."""
    periods = [Period.parse(name) for name in names[-len(values) :]]
    points = tuple(
        Point(period, value, None if value is not None else "no deals were closed")
        for period, value in zip(periods, values, strict=True)
    )
    return Track(**({"label": "Win rate", "points": points} | fields))


def held(
    goal: dict[str, Any],
    figures: Track | None,
    *,
    agreed: str = "2026-Q2",
    review: str = "2026-Q3",
    as_of: str = "2026-10-15",
    updates: tuple[dict[str, Any], ...] = (),
) -> Progress:
    """Hold a goal against figures in one review."""
    talk = Talks()
    entry = talk.say(agreed, "goal", **({"statement": "A goal"} | goal))
    for update in updates:
        talk.say(review, "update", of=entry.id, **update)
    tracks = {str(goal.get("kpi")): figures} if figures else {}
    return progress(entry, talk.look(review, as_of=dt.date.fromisoformat(as_of), **tracks))


RATE = {"kpi": "win_rate", "baseline": 0.4, "target": 0.5}


@pytest.mark.parametrize(
    ("name", "goal", "values", "update", "status"),
    [
        ("met exactly at due", RATE | {"due": "2026-09-30"}, (0.4, 0.5), None, "met"),
        ("missed by a hair", RATE | {"due": "2026-09-30"}, (0.4, 0.4999), None, "missed"),
        ("due inside the period: its figure decides", RATE | {"due": "2026-08-15"}, (0.4, 0.6), None, "met"),
        ("due a day later is not due yet", RATE | {"due": "2026-10-01"}, (0.4, 0.45), None, "behind"),
        ("half the way at half the time", RATE | {"due": "2026-12-31"}, (0.4, 0.45), None, "on_track"),
        ("less than half the way", RATE | {"due": "2026-12-31"}, (0.4, 0.449), None, "behind"),
        ("reached before it is due", RATE | {"due": "2026-12-31"}, (0.4, 0.6), None, "on_track"),
        ("no figure at due", RATE | {"due": "2026-09-30"}, (0.4, None), None, "lapsed"),
        ("no figure, not due", RATE | {"due": "2026-12-31"}, (0.4, None), None, "open"),
        ("no due date", RATE, (0.4, 0.45), None, "open"),
        ("no target, not due", {"kpi": "win_rate", "due": "2026-12-31"}, (0.4, 0.45), None, "open"),
        ("no target, due", {"kpi": "win_rate", "due": "2026-09-30"}, (0.4, 0.45), None, "lapsed"),
        ("the scorecard's baseline", {"kpi": "win_rate", "target": 0.5, "due": "2026-12-31"}, (0.4, 0.45), None, "on_track"),
        ("no baseline anywhere", {"kpi": "win_rate", "target": 0.5, "due": "2026-12-31"}, (None, 0.45), None, "open"),
        ("no baseline, reached", {"kpi": "win_rate", "target": 0.5, "due": "2026-12-31"}, (None, 0.5), None, "on_track"),
        ("deliverable, not due", {"deliverable": "A guide", "due": "2026-12-31"}, (), None, "open"),
        ("deliverable, due", {"deliverable": "A guide", "due": "2026-09-30"}, (), None, "lapsed"),
        ("deliverable, done", {"deliverable": "A guide", "due": "2026-09-30"}, (), "met", "met"),
        ("a person's end wins", RATE | {"due": "2026-09-30"}, (0.4, 0.6), "missed", "missed"),
        ("dropped", RATE | {"due": "2026-12-31"}, (0.4, 0.45), "dropped", "dropped"),
        ("an update that is no end leaves it to the figure", RATE | {"due": "2026-09-30"}, (0.4, 0.6), "open", "met"),
        ("kept above", RATE | {"baseline": 0.5, "target": 0.4, "due": "2026-09-30"}, (0.5, 0.41), None, "met"),
        ("not kept above", RATE | {"baseline": 0.5, "target": 0.4, "due": "2026-09-30"}, (0.5, 0.39), None, "missed"),
        ("hold what is there", RATE | {"target": 0.4, "due": "2026-12-31"}, (0.4, 0.41), None, "on_track"),
        ("hold, and it fell", RATE | {"target": 0.4, "due": "2026-12-31"}, (0.4, 0.39), None, "behind"),
    ],
)
def test_status_follows_the_table(
    name: str, goal: dict[str, Any], values: tuple[float | None, ...], update: str | None, status: str
) -> None:
    """Each row of the decision table gives its status."""
    figures = track(*values, names=("2026-Q2", "2026-Q3")) if values else None
    updates = ({"status": update},) if update else ()
    assert held(goal, figures, updates=updates).status == status, name


CYCLE = {"kpi": "cycle_days", "baseline": 45, "target": 50}


def days(*values: float | None, names: tuple[str, ...] = ("2026-Q2", "2026-Q3")) -> Track:
    """The sales cycle; lower is better."""
    return track(*values, names=names, better="lower", say=lambda value: f"{value:g} days")


@pytest.mark.parametrize(
    ("goal", "figures", "status", "share", "first"),
    [
        ({"due": "2026-09-30"}, days(45, 48), "met", 1, "48 days in 2026-Q3, 2 below the limit of 50 days."),
        ({"due": "2026-09-30"}, days(45, 55), "missed", 0, "55 days in 2026-Q3, 5 above the limit of 50 days."),
        ({"due": "2026-12-31"}, days(45, 48), "on_track", 1,
         "48 days in 2026-Q3; the limit is 50 days until 31 December 2026."),
        ({"due": "2026-12-31"}, days(45, 55), "behind", 0,
         "55 days in 2026-Q3; the limit is 50 days until 31 December 2026."),
        ({"due": "2026-12-31", "baseline": None}, days(45, 48), "on_track", 1,
         "48 days in 2026-Q3; the limit is 50 days until 31 December 2026."),
        ({"due": "2026-09-30", "baseline": 60}, days(60, 48), "met", 1.2, "48 days in 2026-Q3, 2 below the target of 50 days."),
        ({"due": "2026-09-30", "baseline": 100, "target": 90}, track(100, 120, names=NAMES[2:4]), "met", 1,
         "120 in 2026-Q3, 30 above the minimum of 90."),
        ({"due": "2026-09-30", "baseline": 100, "target": 90}, track(100, 85, names=NAMES[2:4]), "missed", 0,
         "85 in 2026-Q3, 5 below the minimum of 90."),
    ],
)  # fmt: skip
def test_a_target_that_the_baseline_has_reached_is_a_limit_to_keep(
    goal: dict[str, Any], figures: Track, status: str, share: float, first: str
) -> None:
    """The good direction is the figure's own: on its side of the limit the goal is kept, on the other it is not."""
    found = held(CYCLE | goal, figures)
    assert (found.status, found.words[0]) == (status, first)
    assert found.share == pytest.approx(share)


def test_a_limit_has_no_pace() -> None:
    """It is kept or not, at any time, and the words say which."""
    for value, word in ((48, "kept"), (55, "not kept")):
        found = held(CYCLE | {"due": "2026-12-31"}, days(45, value))
        assert (found.pace, found.expected, found.words[1]) == (None, None, f"The limit is {word}.")
    start = held(CYCLE | {"due": "2026-12-31"}, days(45, names=("2026-Q2",)), review="2026-Q2")
    assert start.words[0] == "45 days in 2026-Q2, to stay at or below 50 days until 31 December 2026."


def test_what_is_reached_is_never_behind() -> None:
    """Whoever has come to the target is on pace, whatever the figure was before."""
    found = held({"kpi": "win_rate", "target": 0.5, "due": "2026-12-31"}, track(None, 0.6, names=NAMES[2:4]))
    assert (found.status, found.share) == ("on_track", 1)
    assert "The target is reached already." in found.words


@pytest.mark.parametrize(
    ("as_of", "value", "status", "words"),
    [
        ("2026-11-20", 0.45, "behind", "2026-Q4 is not complete, so nothing is decided yet."),
        ("2026-11-20", 0.5, "on_track", "2026-Q4 is not complete, so nothing is decided yet."),
        ("2026-11-20", None, "open", None),
        ("2026-11-15", 0.45, "behind", "2026-Q4 is not complete, so nothing is decided yet."),
        ("2026-11-15", 0.5, "on_track", "2026-Q4 is not complete, so nothing is decided yet."),
        ("2026-12-30", 0.45, "behind", "2026-Q4 is not complete, so nothing is decided yet."),
        ("2026-12-31", 0.45, "missed", None),
        ("2026-12-31", None, "lapsed", None),
    ],
)
def test_a_figure_decides_once_its_period_is_complete(as_of: str, value: float | None, status: str, words: str | None) -> None:
    """Due in mid-quarter, a goal waits for the quarter's end, also on the due date itself: what is decided does not change."""
    figures = track(0.4, value, names=("2026-Q3", "2026-Q4"))
    found = held(RATE | {"due": "2026-11-15"}, figures, agreed="2026-Q3", review="2026-Q4", as_of=as_of)
    assert found.status == status
    assert words is None or found.words[1] == words


@pytest.mark.parametrize("digits", [1 - 3e-16, 1 + 3e-16, 1 - 1e-12, 1 + 1e-12])
@pytest.mark.parametrize("better", ["higher", "lower"])
def test_rounding_decides_no_goal(better: Any, digits: float) -> None:
    """A figure that equals the target, the pace or the baseline but for its last digits is as good as one that equals it."""
    for ends in ((0.4, 0.5), (-0.4, 1e-12), (4e9, 5e9)):
        start, end = ends if better == "higher" else ends[::-1]
        goal = {"kpi": "win_rate", "baseline": start, "target": end, "due": "2026-09-30"}
        found = held(goal, track(start, end * digits, better=better, names=NAMES[2:4]))
        assert (found.status, "exactly the target" in found.words[0]) == ("met", True)
        middle = (start + end) / 2
        paced = held(goal | {"due": "2026-12-31"}, track(start, middle * digits, better=better, names=NAMES[2:4]))
        assert (paced.status, paced.aim) == ("on_track", "reach")
        kept = held(goal | {"baseline": end * digits, "due": "2026-12-31"}, track(end, end, better=better, names=NAMES[2:4]))
        assert kept.aim == "keep"


def test_a_pace_through_zero_is_reached_at_zero() -> None:
    """Half the way from below zero to above it is zero, whatever the arithmetic leaves of the pace."""
    goal = {"kpi": "win_rate", "baseline": -0.3, "target": 0.1 + 0.2, "due": "2026-12-31"}
    assert held(goal, track(-0.3, 0.0, names=NAMES[2:4])).status == "on_track"


def test_a_new_goal_starts() -> None:
    """In its own review a goal has no progress yet, and the words say from where to where and when it is first computed."""
    found = held(RATE | {"due": "2026-12-31"}, track(0.4, names=("2026-Q2",)), agreed="2026-Q2", review="2026-Q2")
    assert found.status == "starts"
    assert found.words == (
        "From 0.4 in 2026-Q2 to 0.5 by 31 December 2026.",
        "Progress is first computed with the 2026-Q3 figures.",
    )


def test_the_scorecard_without_the_figure_says_so() -> None:
    """A KPI that was switched off since leaves no figure; the reason is in the words."""
    found = held(RATE | {"due": "2026-09-30"}, None)
    assert (found.status, found.value) == ("lapsed", None)
    assert found.words == ("Due on 30 September 2026; n/a, the scorecard does not have this figure.",)


def test_a_missing_figure_brings_its_reason() -> None:
    """What is n/a says why."""
    found = held(RATE | {"due": "2026-12-31"}, track(0.4, None, names=("2026-Q2", "2026-Q3")))
    assert found.words == ("Due on 31 December 2026; n/a, no deals were closed.",)


def test_the_figure_of_the_period_that_holds_the_due_date_decides() -> None:
    """A later review does not decide anew with its own figure."""
    figures = track(0.4, 0.5, 0.3, names=("2026-Q2", "2026-Q3", "2026-Q4"))
    found = held(RATE | {"due": "2026-09-30"}, figures, review="2026-Q4", as_of="2027-01-15")
    assert (found.status, found.value) == ("met", 0.5)


def test_an_incomplete_period_decides_nothing_that_is_due_later() -> None:
    """What the data do not reach is not over."""
    found = held(RATE | {"due": "2026-09-30"}, track(0.4, 0.6, names=("2026-Q2", "2026-Q3")), as_of="2026-08-15")
    assert found.status == "on_track"
    assert found.pace == pytest.approx(46 / 92)


def customers(*values: float | None, names: tuple[str, ...] = NAMES[1:4]) -> Track:
    """New customers, which add up."""
    return track(*values, names=names, label="Customers acquired", adds=True)


YEAR = {"kpi": "new_customers", "baseline": 39, "target": 44, "over": "FY2026", "due": "2026-12-31"}


def test_a_sum_over_a_year_adds_the_periods_so_far() -> None:
    """31 of 44 after three quarters; an even pace in days would be 33."""
    found = held(YEAR, customers(8, 11, 12), agreed="2026-Q1")
    assert (found.status, found.value) == ("behind", 31)
    assert found.share == pytest.approx(31 / 44)
    assert found.pace == pytest.approx(273 / 365)
    assert found.expected == pytest.approx(44 * 273 / 365)
    assert found.words[0] == "31 of 44 by 30 September 2026."
    assert found.words[1].startswith("An even pace would be 32.9")
    assert found.words[2] == "The baseline was 39."


@pytest.mark.parametrize(
    ("values", "target", "status"),
    [
        ((8, 11, 12, 13), 44, "met"),
        ((8, 11, 12, 12), 44, "missed"),
        ((None, 11, 12, 21), 44, "lapsed"),
        ((8, None, 30, 30), 44, "lapsed"),
    ],
)
def test_a_sum_is_decided_at_the_end_of_its_period(values: tuple[float | None, ...], target: float, status: str) -> None:
    """All periods of the year count; a gap leaves no sum."""
    figures = customers(*values, names=NAMES[1:5])
    found = held(YEAR | {"target": target}, figures, agreed="2026-Q1", review="2026-Q4", as_of="2027-01-10")
    assert found.status == status


def test_who_started_later_is_counted_from_then_on() -> None:
    """Before the first day nothing is missing."""
    figures = track(None, 11, 12, 21, names=NAMES[1:5], adds=True, started=dt.date(2026, 4, 1))
    found = held(YEAR, figures, agreed="2026-Q1", review="2026-Q4", as_of="2027-01-10")
    assert (found.status, found.value) == ("met", 44)


def test_the_pace_of_a_sum_begins_with_the_rep() -> None:
    """Who came on the first of July has half of the year for the year's target, and is not behind for the other half."""
    figures = track(None, None, 23, names=NAMES[1:4], adds=True, started=dt.date(2026, 7, 1))
    found = held(YEAR, figures)
    assert found.pace == pytest.approx(92 / 184)
    assert (found.status, found.value) == ("on_track", 23)
    long_ago = replace(figures, points=customers(8, 11, 4).points, started=dt.date(2020, 1, 1))
    assert held(YEAR, long_ago).pace == pytest.approx(273 / 365)


@pytest.mark.parametrize(
    ("due", "words"),
    [
        ("2026-09-30", ("45 by 30 September 2026, 5 above the target of 40.",)),
        (
            "2026-07-15",
            (
                "45 by 30 September 2026, 5 above the target of 40.",
                "2026-Q3 counts as a whole, though the goal was due on 15 July 2026.",
            ),
        ),
    ],
)
def test_a_sum_that_is_due_before_its_period_ends_says_until_when_it_counts(due: str, words: tuple[str, ...]) -> None:
    """It is not the sum of the whole year, and the quarter that holds the due date counts to its end."""
    goal = YEAR | {"target": 40, "due": due, "baseline": None}
    found = held(goal, customers(10, 10, 25))
    assert (found.status, found.words[: len(words)]) == ("met", words)
    later = held(goal, customers(10, 10, 25, 30, names=NAMES[1:5]), review="2026-Q4", as_of="2027-01-10")
    assert (later.status, later.value, later.words[: len(words)]) == ("met", 45, words)
    whole = held(YEAR, customers(8, 11, 12, 13, names=NAMES[1:5]), review="2026-Q4", as_of="2027-01-10")
    assert whole.words[0] == "44 in FY2026, exactly the target of 44."


@pytest.mark.parametrize(
    ("target", "value", "better", "status"),
    [
        (120, 40, "higher", "open"),
        (120, 125, "higher", "on_track"),
        (90, 40, "higher", "open"),
        (90, 95, "higher", "on_track"),
        (120, 40, "lower", "open"),
        (120, 130, "lower", "open"),
    ],
)
def test_what_adds_up_has_no_pace_in_a_part_of_its_period(target: float, value: float, better: Any, status: str) -> None:
    """Five weeks of a quarter are no quarter: no verdict, no share and no pace but where the target is reached for good."""
    goal = {"kpi": "new_customers", "baseline": 100, "target": target, "due": "2026-12-31"}
    figures = track(100, value, names=("2026-Q2", "2026-Q3"), adds=True, better=better)
    part = held(goal, figures, as_of="2026-08-05")
    assert part.status == status
    if status == "open":
        assert (part.share, part.pace, part.expected) == (None, None, None)
        assert part.words[1] == "2026-Q3 is not complete, so there is no pace yet."
    assert held(goal, figures, as_of="2026-09-30").status in ("on_track", "behind")


@pytest.mark.parametrize(("started", "status", "value"), [(None, "lapsed", None), (dt.date(2026, 5, 4), "missed", 800)])
def test_a_part_of_a_sum_is_not_judged_as_the_whole(started: dt.date | None, status: str, value: float | None) -> None:
    """Monthly figures that begin within the year give no sum of it, and the words say why; a later start is no gap."""
    months = tuple(Point(period, 100.0) for period in Period.parse("2026-12").trend())
    figures = Track("Customers acquired", points=months, adds=True, started=started)
    found = held(YEAR | {"target": 1200}, figures, agreed="2026-01", review="2026-12", as_of="2027-01-15")
    assert (found.status, found.value) == (status, value)
    if value is None:
        assert found.words == ("Due on 31 December 2026; n/a, the figures begin with 2026-05, after FY2026 began.",)


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ("2025-H2", "the figures begin with 2026-H1, after 2025-H2 ended"),
        ("2026-Q3", "2026-Q3 is shorter than a half, and the figures are those of whole halves"),
        ("FY2027", "no period of FY2027 has a figure yet"),
        ("FY2026", "2026-H1 has no figure: the history begins on 1 March 2026"),
    ],
)
def test_why_there_is_no_sum(over: str, reason: str) -> None:
    """Whatever keeps a sum from being whole is said."""
    halves = Period.parse("2026-H1"), Period.parse("2026-H2")
    points = Point(halves[0], None, "the history begins on 1 March 2026"), Point(halves[1], 5.0)
    found = Track("Customers acquired", points=points, adds=True).sum_of(Period.parse(over), through=halves[1])
    assert (found.value, found.reason) == (None, reason)


def test_what_a_day_is_depends_on_the_clock() -> None:
    """Done on the evening of the due date in Los Angeles is in time, though it is the next day in UTC."""
    talk = Talks()
    goal = talk.say("2026-Q2", "goal", statement="A goal")
    step = talk.say("2026-Q2", "milestone", of=goal.id, text="A step", due="2026-09-15")
    update = talk.say("2026-Q3", "update", of=step.id, status="done")
    talk.entries[-1] = replace(update, at=dt.datetime(2026, 9, 16, 0, 30, tzinfo=dt.UTC))
    there = progress(goal, talk.look("2026-Q3", zone=WEST)).steps
    assert [(one.status, one.on) for one in there] == [("done", dt.date(2026, 9, 15))]
    assert progress(goal, talk.look("2026-Q3")).steps[0].status == "done_late"


def test_a_sum_takes_its_direction_from_the_figure() -> None:
    """Last year's higher total does not turn a target around: fewer is not reached."""
    found = held(
        YEAR | {"baseline": 60},
        customers(8, 11, 12, 12, names=NAMES[1:5]),
        agreed="2026-Q1",
        review="2026-Q4",
        as_of="2027-01-10",
    )
    assert found.status == "missed"


def test_a_sum_stops_at_the_reviews_own_period() -> None:
    """Figures of later periods do not count in an earlier review."""
    assert held(YEAR, customers(8, 11, 12, 13, names=NAMES[1:5]), agreed="2026-Q1").value == 31


def test_a_due_date_before_the_goal_was_set_leaves_no_time() -> None:
    """Nothing divides by no days or fewer: the even pace is at its end."""
    for due in ("2026-05-01", "2026-06-30"):
        assert held(RATE | {"due": due}, track(0.4, 0.45, names=("2026-Q2", "2026-Q3"))).pace == 1


def test_a_sum_ends_with_the_period_it_covers() -> None:
    """A due date after the period, or none, does not let later periods in."""
    figures = customers(8, 11, 12, 13, 20, names=(*NAMES[1:5], "2027-Q1"))
    for due in ("2027-03-31", None):
        found = held(YEAR | {"due": due}, figures, agreed="2026-Q1", review="2027-Q1", as_of="2027-04-10")
        assert (found.status, found.value, found.due) == ("met", 44, dt.date(2026, 12, 31))


def test_what_may_not_be_exceeded_is_held_against_an_even_use() -> None:
    """Where lower is better, a sum below the even pace is on track, above it behind."""
    for values, status in (((2, 2, 3), "on_track"), ((3, 3, 3), "behind")):
        figures = track(*values, names=NAMES[1:4], adds=True, better="lower")
        found = held(YEAR | {"target": 10}, figures, agreed="2026-Q1")
        assert found.status == status
        assert found.words[0] == f"{sum(values)} of at most 10 by 30 September 2026."
        assert found.words[1].startswith("An even use would be 7.4")


def test_figures_that_do_not_add_up_are_not_added() -> None:
    """A rate over a year stays each review's own figure."""
    found = held(RATE | {"over": "FY2026"}, track(0.4, 0.45, names=("2026-Q2", "2026-Q3")))
    assert (found.value, found.due) == (0.45, dt.date(2026, 12, 31))
    assert "Figures of single periods are not added up over FY2026; each counts for itself." in found.words


def test_a_period_that_is_none_is_left_aside() -> None:
    """A mistyped period does not stop a review."""
    assert held(YEAR | {"over": "2026"}, customers(8, 11, 12), agreed="2026-Q1").value == 12


@pytest.mark.parametrize(
    ("values", "goal", "first"),
    [
        ((0.444, 0.533), {"baseline": 0.444, "target": 0.45}, "53.3% in 2026-Q3, 8.3 points above the target of 45.0%."),
        ((0.444, 0.44), {"baseline": 0.444, "target": 0.45}, "44.0% in 2026-Q3, 1.0 points below the target of 45.0%."),
        ((0.444, 0.45), {"baseline": 0.444, "target": 0.45}, "45.0% in 2026-Q3, exactly the target of 45.0%."),
    ],
)
def test_an_end_is_told_with_its_figure(values: tuple[float, ...], goal: dict[str, Any], first: str) -> None:
    """The figure, the period and the distance from the target stand in one sentence, in the figure's unit."""
    figures = track(
        *values, names=("2026-Q2", "2026-Q3"), say=lambda value: f"{value:.1%}", apart=lambda value: f"{value * 100:.1f} points"
    )
    found = held({"kpi": "win_rate", "due": "2026-09-30"} | goal, figures)
    assert found.words == (first, "The baseline was 44.4%.")


def test_a_persons_end_is_told_beside_the_figure() -> None:
    """Who recorded an end that the figure does not show finds both on the page."""
    found = held(
        RATE | {"due": "2026-09-30"},
        track(0.4, 0.45, names=("2026-Q2", "2026-Q3")),
        updates=({"status": "met", "on": "2026-09-01"},),
    )
    assert found.words[:2] == ("Recorded as met on 1 September 2026.", "0.45 in 2026-Q3, 0.05 below the target of 0.5.")


def test_milestones_stand_by_date_with_what_became_of_them() -> None:
    """Done, done late, overdue, open and dropped are told apart, those without a date last."""
    talk = Talks()
    goal = talk.say("2026-Q2", "goal", statement="A goal")
    dues = {"undated": None, "open": "2026-11-30", "late": "2026-08-01", "done": "2026-08-15", "overdue": "2026-09-30"}
    found = {name: talk.say("2026-Q2", "milestone", of=goal.id, text=name, due=due) for name, due in dues.items()}
    talk.say("2026-Q3", "update", of=found["late"].id, status="done", on="2026-08-24")
    talk.say("2026-Q3", "update", of=found["done"].id, status="done", on="2026-08-15")
    talk.say("2026-Q3", "update", of=found["undated"].id, status="dropped")
    steps = progress(goal, talk.look("2026-Q3")).steps
    assert [(step.text, step.status) for step in steps] == [
        ("late", "done_late"), ("done", "done"), ("overdue", "overdue"), ("open", "open"), ("undated", "dropped"),
    ]  # fmt: skip


def test_an_edited_goal_keeps_its_updates() -> None:
    """An update that names the first wording ends the goal in its new wording too."""
    talk = Talks()
    first = talk.say("2026-Q2", "goal", statement="A goal")
    second = talk.say("2026-Q2", "goal", statement="The goal", supersedes=first)
    talk.say("2026-Q3", "update", of=first.id, status="dropped")
    assert progress(second, talk.look("2026-Q3")).status == "dropped"


values = st.floats(-1e9, 1e9, allow_nan=False)
maybe = st.none() | values
dates = st.none() | st.dates(dt.date(2025, 1, 1), dt.date(2028, 1, 1))


@given(
    baseline=maybe, target=maybe, figure=maybe, before=maybe, due=dates,
    over=st.sampled_from([None, "FY2026", "2026-Q3", "rubbish"]),
    better=st.sampled_from(["higher", "lower"]), adds=st.booleans(), as_of=st.dates(dt.date(2026, 7, 1), dt.date(2027, 1, 1)),
)  # fmt: skip
def test_anything_gives_a_status(**given_values: Any) -> None:
    """Whatever stands in a goal, nothing divides by zero and every number is finite."""
    goal = {name: given_values[name] for name in ("baseline", "target", "due", "over")} | {"kpi": "win_rate"}
    figures = track(
        given_values["before"], given_values["figure"], names=("2026-Q2", "2026-Q3"),
        better=given_values["better"], adds=given_values["adds"],
    )  # fmt: skip
    found = held(goal, figures, as_of=given_values["as_of"].isoformat())
    numbers = [number for number in (found.share, found.pace, found.expected) if number is not None]
    assert all(math.isfinite(number) for number in numbers)
    assert found.share is None or found.share >= 0
    assert found.pace is None or 0 <= found.pace <= 1
    assert found.words


@given(
    baseline=st.integers(-50, 50),
    target=st.integers(-50, 50),
    figure=st.integers(-99, 99),
    better=st.sampled_from(["higher", "lower"]),
)
def test_met_is_reached_at_due(baseline: int, target: int, figure: int, better: Any) -> None:
    """A goal is met exactly where the figure at its due date lies on the good side of the target."""
    reached = figure >= target if better == "higher" else figure <= target
    goal = {"kpi": "win_rate", "baseline": baseline, "target": target, "due": "2026-09-30"}
    found = held(goal, track(baseline, figure, names=("2026-Q2", "2026-Q3"), better=better))
    assert found.status == ("met" if reached else "missed")


@given(
    ends=st.tuples(values, values).filter(lambda pair: abs(pair[0] - pair[1]) > 1e-3),
    pair=st.tuples(values, values),
    better=st.sampled_from(["higher", "lower"]),
)
def test_nearer_to_the_target_is_never_less(ends: tuple[float, float], pair: tuple[float, float], better: Any) -> None:
    """A figure further in the good direction has at least the share of one behind it, and is at least as much on track."""
    baseline, target = ends
    behind, ahead = sorted(pair, reverse=better == "lower")
    goal = {"kpi": "win_rate", "baseline": baseline, "target": target, "due": "2026-12-31"}
    names = ("2026-Q2", "2026-Q3")
    first, second = (held(goal, track(baseline, figure, names=names, better=better)) for figure in (behind, ahead))
    assert first.share is not None
    assert second.share is not None
    assert first.share <= second.share
    assert (first.status, second.status) != ("on_track", "behind")


def naive(goal: dict[str, Any], figures: dict[str, float], *, agreed: str, review: str, up: bool) -> str:
    """Tell a quarterly goal's status by counting days one by one; what was reached from the start is to be kept."""
    end = Period.parse(review).last_day
    start, due = Period.parse(agreed).end, goal["due"]
    if due <= end:
        quarter = Period.containing(due, "quarter").name
        if quarter not in figures:
            return "lapsed"
        value = figures[quarter]
        return "met" if (value >= goal["target"] if up else value <= goal["target"]) else "missed"
    all_days = gone = 0
    day = start
    while day <= due:
        all_days += 1
        gone += day <= end
        day += dt.timedelta(days=1)
    even = goal["baseline"] + (goal["target"] - goal["baseline"]) * gone / all_days
    if up == (goal["target"] <= goal["baseline"]):
        even = goal["target"]
    value = figures[review]
    ahead = value >= even - 1e-6 if up else value <= even + 1e-6
    return "on_track" if ahead else "behind"


@given(
    baseline=st.integers(0, 100), way=st.integers(-60, 60).filter(bool),
    figures=st.lists(st.integers(0, 160), min_size=5, max_size=5),
    due=st.dates(dt.date(2026, 1, 1), dt.date(2027, 12, 31)), review=st.integers(1, 4),
    better=st.sampled_from(["higher", "lower"]),
)  # fmt: skip
def test_the_status_is_that_of_a_naive_count(
    baseline: int, way: int, figures: list[int], due: dt.date, review: int, better: Any
) -> None:
    """A loop over the days gives the same status for every due date, figure and review."""
    goal = {"kpi": "win_rate", "baseline": baseline, "target": baseline + way, "due": due}
    known = dict(zip(NAMES, figures, strict=True))
    found = held(goal, track(*figures, better=better), agreed="2025-Q4", review=NAMES[review], as_of="2027-02-01")
    assert found.status == naive(goal, known, agreed="2025-Q4", review=NAMES[review], up=better == "higher")


def test_periods_follow_the_fiscal_year() -> None:
    """A sum over a fiscal year that starts in April adds April to March."""
    april = FiscalYear(4)
    names = ("2026-Q4", "2027-Q1", "2027-Q2")
    talk = Talks(fiscal=april)
    entry = talk.say("2026-Q4", "goal", statement="A goal", **(YEAR | {"over": "FY2027", "due": "2027-03-31"}))
    points = tuple(Point(Period.parse(name, april), 10) for name in names)
    figures = Track("Customers acquired", points=points, adds=True)
    found = progress(entry, talk.look("2027-Q2", new_customers=figures))
    assert found.value == 20
    assert found.pace == pytest.approx(183 / 365)
