"""The five letters: every reason in words, on half-filled forms too."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewlib.conversation.goals.kpi import Point, Track
from reviewlib.conversation.goals.smart import Backing, GoalContext, SmartCriterion, smart
from reviewlib.conversation.kinds.plans import Goal
from reviewlib.periods import Period

PERIOD = Period.parse("2026-Q3")
SETTING = GoalContext(PERIOD, dt.date(2026, 10, 15), tuple(PERIOD.shift(step) for step in range(1, 5)))


def days(number: float) -> str:
    return f"{number:g} days"


def percent(number: float) -> str:
    return f"{number:.1%}"


def cycle(*values: float | None, **fields: Any) -> Track:
    """The sales cycle of the quarters that end with the third of 2026; lower is better."""
    points = tuple(
        Point(period, value, None if value is not None else "no won deals")
        for period, value in zip(PERIOD.trend(len(values)), values, strict=True)
    )
    return Track(**({"label": "Sales cycle", "better": "lower", "points": points, "say": days} | fields))


EIGHT = (43.5, 50, 54, 48, 47, 49, 51, 52)
FIELDS = {
    "kpi": "cycle_days", "scope": "won deals", "baseline": 52, "target": 47, "due": dt.date(2027, 3, 31), "relevance": "gap",
    "steps": (dt.date(2026, 11, 30), dt.date(2026, 12, 31), dt.date(2027, 3, 31)),
}  # fmt: skip
BACKING = Backing(
    {"gap": {"cycle_days": "deals take longer"}, "objective": {"revenue": "Grow revenue by 12 % in 2026"}},
    aspirations="Key accounts.",
)


@dataclass(frozen=True)
class Plan:
    """A goal as far as its form is filled in, and the dates of its milestones."""

    goal: Goal
    steps: tuple[dt.date | None, ...]


def planned(*, steps: tuple[dt.date | None, ...] = (), **fields: Any) -> Plan:
    return Plan(Goal.model_construct(**fields), steps)


def changed(changes: dict[str, Any]) -> Plan:
    return planned(**(FIELDS | changes))


def letters(plan: Plan, track: Track | None = None, setting: GoalContext = SETTING) -> dict[str, SmartCriterion]:
    return {found.letter: found for found in smart(plan.goal, plan.steps, track, setting=setting, backing=BACKING)}


def test_a_whole_goal_holds_in_every_letter() -> None:
    """The mock's goal: five letters, five reasons."""
    found = letters(changed({}), cycle(*EIGHT)).values()
    assert [(letter.letter, letter.name, letter.ok, letter.reason) for letter in found] == [
        ("S", "Specific", True, "sales cycle, won deals"),
        ("M", "Measurable", True, "52 to 47 days"),
        ("A", "Achievable", True, "within your range: 43.5 to 54 days in eight quarters"),
        ("R", "Relevant", True, "the area “deals take longer”"),
        ("T", "Time-bound", True, "31 March 2027, three milestones before it"),
    ]


def test_an_empty_form_gets_five_letters_too() -> None:
    """Before anything is typed each letter says what it waits for."""
    assert {letter: (found.ok, found.reason) for letter, found in letters(planned()).items()} == {
        "S": (False, "name a figure or a deliverable"),
        "M": (False, "neither figure nor deliverable, so nothing can be measured"),
        "A": (False, "no target to compare"),
        "R": (False, "say which gap, strength, aspiration or objective it serves"),
        "T": (False, "no due date"),
    }


@pytest.mark.parametrize(
    ("changes", "ok", "reason"),
    [
        ({}, True, "sales cycle, won deals"),
        ({"scope": ""}, False, "sales cycle; say whose deals, which customers or which product"),
        ({"kpi": None, "deliverable": "a guide", "scope": "new colleagues"}, True, "a guide, new colleagues"),
        ({"deliverable": "a guide"}, True, "sales cycle, a guide, won deals"),
    ],
)
def test_specific(changes: dict[str, Any], ok: bool, reason: str) -> None:
    """A figure or a deliverable, and a scope."""
    plan = changed(changes)
    found = letters(plan, cycle(*EIGHT) if plan.goal.kpi else None)["S"]
    assert (found.ok, found.reason) == (ok, reason)


@pytest.mark.parametrize(
    ("changes", "ok", "reason"),
    [
        ({"baseline": None}, True, "52 to 47 days"),
        ({"target": None}, False, "no target yet; the baseline is 52 days"),
        ({"target": 52}, True, "to keep at most 52 days, from 52 days"),
        ({"target": 60}, True, "to keep at most 60 days, from 52 days"),
        ({"over": "2026"}, False, "52 to 47 days, but “2026” is no period; write FY2026, 2026-H2 or 2026-Q4"),
        (
            {"over": "FY2026"},
            True,
            "52 to 47 days; the figures of single periods cannot be added up, so each review’s own counts until FY2026 ends",
        ),
    ],
)
def test_measurable(changes: dict[str, Any], ok: bool, reason: str) -> None:
    """Baseline and target in the figure's unit; a target that is none is said."""
    found = letters(changed(changes), cycle(*EIGHT))["M"]
    assert (found.ok, found.reason) == (ok, reason)


@pytest.mark.parametrize(
    ("plan", "track", "ok", "reason"),
    [
        (changed({"baseline": None}), None, False, "to 47; no baseline, and the scorecard does not have this figure"),
        (changed({"baseline": None}), cycle(50, None), False, "to 47 days; no baseline, and 2026-Q3 is n/a: no won deals"),
        (changed({"target": 52}), None, False, "the target equals the baseline, 52"),
        (planned(deliverable="a guide"), None, True, "the deliverable is there on the day or not"),
        (planned(deliverable="calls", target=60), None, False, "60 has no unit; name the figure"),
    ],
)
def test_measurable_without_figures(plan: Plan, track: Track | None, ok: bool, reason: str) -> None:
    """What the scorecard cannot give is said, and a deliverable needs no figure."""
    found = letters(plan, track)["M"]
    assert (found.ok, found.reason) == (ok, reason)


@pytest.mark.parametrize(
    ("target", "values", "peers", "ok", "reason"),
    [
        (47, EIGHT, {}, True, "within your range: 43.5 to 54 days in eight quarters"),
        (43.5, EIGHT, {}, True, "would equal your best quarter, 43.5 days in 2024-Q4"),
        (40, EIGHT, {}, False, "8% below your best quarter, 43.5 days"),
        (43.4, EIGHT, {}, False, "less than 1% below your best quarter, 43.5 days"),
        (55, EIGHT, {}, True, "each of eight quarters reached it: 43.5 to 54 days in eight quarters"),
        (47, (50, 52), {}, False, "6% below your best quarter, 50 days (only two quarters to compare)"),
        (47, (None, None), {}, False, "no history to compare"),
        (47, (), {"peer_q1": 45, "peer_median": 50, "peers": 12}, True,
         "no history to compare; between the median and the lower quartile of 12 peers"),
        (44, (), {"peer_q1": 45, "peer_median": 50, "peers": 12}, False,
         "no history to compare; below the lower quartile of 12 peers"),
        (51, (), {"peer_q1": 45, "peer_median": 50, "peers": 12}, True,
         "no history to compare; not below the median of 12 peers"),
        (47, (), {"peer_median": 50, "peers": 6}, False, "no history to compare; below the median of 6 peers"),
        (40, EIGHT, {"peer_q1": 42, "peer_median": 50, "peers": 12}, False,
         "8% below your best quarter, 43.5 days; below the lower quartile of 12 peers"),
        (42, EIGHT, {"peer_q1": 42, "peer_median": 50, "peers": 12}, True,
         "3% below your best quarter, 43.5 days; between the median and the lower quartile of 12 peers"),
        (0, (0, 4), {}, True, "would equal your best quarter, 0 days in 2026-Q2 (only two quarters to compare)"),
        (-1, (0, 4), {}, False, "below your best quarter, 0 days (only two quarters to compare)"),
    ],
)  # fmt: skip
def test_achievable_where_lower_is_better(
    target: float, values: tuple[float | None, ...], peers: dict[str, Any], ok: bool, reason: str
) -> None:
    """A target lies within the range, beyond the best, or beyond the peers, seen from the good direction."""
    found = letters(changed({"target": target}), cycle(*values, **peers))["A"]
    assert (found.ok, found.reason) == (ok, reason)


@pytest.mark.parametrize(
    ("target", "peers", "ok", "reason"),
    [
        (0.56, {}, False, "12% above your best quarter, 50.0%"),
        (0.45, {}, True, "within your range: 40.0% to 50.0% in four quarters"),
        (0.56, {"peer_q3": 0.55, "peers": 12}, False,
         "12% above your best quarter, 50.0%; above the upper quartile of 12 peers"),
        (0.5, {"peer_q3": 0.55, "peers": 12}, True,
         "would equal your best quarter, 50.0% in 2026-Q3; not above the upper quartile of 12 peers"),
    ],
)  # fmt: skip
def test_achievable_where_higher_is_better(target: float, peers: dict[str, Any], ok: bool, reason: str) -> None:
    """The same from below."""
    track = cycle(0.4, 0.42, 0.45, 0.5, label="Win rate", better="higher", say=percent, **peers)
    found = letters(changed({"kpi": "win_rate", "baseline": 0.45 if target != 0.45 else 0.4, "target": target}), track)["A"]
    assert (found.ok, found.reason) == (ok, reason)


@pytest.mark.parametrize(
    ("target", "over", "ok", "reason"),
    [
        (44, "FY2026", True, "13 in the one quarter left; would equal your best quarter, 13 in 2025-Q3"),
        (45, "FY2026", False, "14 in the one quarter left; 8% above your best quarter, 13"),
        (40, "FY2027", True, "10 in each of the four quarters left; within your range: 7 to 13 in eight quarters"),
        (31, "FY2026", True, "31 of 31 are reached already"),
        (31, "FY2025", False, "FY2025 is over; 41 of 31 were reached"),
    ],
)
def test_achievable_over_a_year_looks_at_what_is_left(target: float, over: str, ok: bool, reason: str) -> None:
    """A sum is held against the quarters by what each of those left must bring."""
    values = (7, 9, 9, 13, 10, 8, 11, 12)
    track = cycle(*values, label="Customers acquired", better="higher", adds=True, say=lambda value: f"{value:g}")
    found = letters(changed({"kpi": "new_customers", "baseline": 39, "target": target, "over": over}), track)["A"]
    assert (found.ok, found.reason) == (ok, reason)


@pytest.mark.parametrize(
    ("target", "over", "ok", "reason"),
    [
        (40, "FY2026", True, "9 in the one quarter left; within your range: 7 to 13 in eight quarters"),
        (31, "FY2026", False, "31 of at most 31 are used already"),
        (40, "FY2024", False, "nothing to compare: the figures begin with 2024-Q4, after FY2024 began"),
    ],
)
def test_achievable_within_a_limit_of_a_sum(target: float, over: str, ok: bool, reason: str) -> None:
    """What may not be exceeded is used up, not reached; a sum that the figures do not cover is no ground for a comparison."""
    track = cycle(7, 9, 9, 13, 10, 8, 11, 12, label="Refunds", adds=True, say=lambda value: f"{value:g}")
    found = letters(changed({"kpi": "refunds", "baseline": 39, "target": target, "over": over}), track)["A"]
    assert (found.ok, found.reason) == (ok, reason)


def test_a_minimum_to_keep_is_measurable() -> None:
    """Where higher is the good direction, a target below the baseline is a level to keep."""
    track = cycle(*EIGHT, label="Win rate", better="higher", say=percent)
    found = letters(changed({"kpi": "win_rate", "baseline": 0.5, "target": 0.45}), track)["M"]
    assert (found.ok, found.reason) == (True, "to keep at least 45.0%, from 50.0%")


@pytest.mark.parametrize(
    ("plan", "ok", "reason"),
    [
        (planned(deliverable="a guide"), False, "no figure to compare; steps would lead there"),
        (planned(deliverable="a guide", steps=(None,)), True, "no figure to compare; its steps lead there"),
        (changed({"target": None}), False, "no target to compare"),
        (changed({}), False, "no history to compare"),
    ],
)
def test_achievable_without_figures(plan: Plan, ok: bool, reason: str) -> None:
    """Without a figure, a target or a scorecard that has it, that is the reason."""
    found = letters(plan)["A"]
    assert (found.ok, found.reason) == (ok, reason)


@pytest.mark.parametrize(
    ("changes", "ok", "reason"),
    [
        ({}, True, "the area “deals take longer”"),
        ({"because": "waiting for legal"}, True, "the area “waiting for legal”"),
        ({"relevance": None}, False,
         "say which gap, strength, aspiration or objective it serves; at hand: the area “deals take longer”"),
        ({"relevance": "strength"}, False, "say which; no strength was found in sales cycle"),
        ({"relevance": "objective"}, False, "say which; no objective stands beside sales cycle"),
        ({"relevance": "objective", "kpi": "revenue"}, True, "the objective “Grow revenue by 12 % in 2026”"),
        ({"relevance": "aspiration"}, False, "say which aspiration it serves; the self-review names some"),
        ({"relevance": "aspiration", "because": "key accounts"}, True, "the aspiration “key accounts”"),
        ({"relevance": "gap", "kpi": None}, False, "say which; no area to improve was found in what it names"),
    ],
)  # fmt: skip
def test_relevant(changes: dict[str, Any], ok: bool, reason: str) -> None:
    """The link is told in its own words; a link to nothing is no link."""
    plan = changed(changes)
    found = letters(plan, cycle(*EIGHT) if plan.goal.kpi == "cycle_days" else None)["R"]
    assert (found.ok, found.reason) == (ok, reason)


D = dt.date.fromisoformat


@pytest.mark.parametrize(
    ("due", "steps", "ok", "reason"),
    [
        ("2027-03-31", ("2026-11-30",), True, "31 March 2027, one milestone before it"),
        ("2027-03-31", (), False, "31 March 2027, no milestones before it"),
        ("2026-10-15", (), False, "15 October 2026 has passed"),
        ("2026-10-16", ("2026-10-16",), True, "16 October 2026, one milestone before it"),
        ("2027-09-30", ("2026-11-30",), True, "30 September 2027, one milestone before it"),
        ("2027-10-01", (), False, "1 October 2027 lies after the coming reviews, the last of which is 2027-Q3"),
        ("2027-03-31", ("2027-04-01",), False, "31 March 2027, one milestone after it"),
        ("2027-03-31", ("2026-10-15", "2026-11-30"), False,
         "31 March 2027, two milestones before it, one milestone in the past"),
        ("2027-03-31", ("2026-12-31", "2026-11-30"), False,
         "31 March 2027, two milestones before it, milestones not in the order of their dates"),
        ("2027-03-31", (None,), False, "31 March 2027, one milestone without a date"),
    ],
)  # fmt: skip
def test_time_bound(due: str, steps: tuple[str | None, ...], ok: bool, reason: str) -> None:
    """Due within the coming reviews, milestones before it and in order; past dates are said."""
    plan = changed({"due": D(due), "steps": tuple(D(step) if step else None for step in steps)})
    found = letters(plan)["T"]
    assert (found.ok, found.reason) == (ok, reason)


def test_no_due_date_says_when_the_period_ends_it() -> None:
    """A target over a year is at least ended by it."""
    assert letters(changed({"due": None, "over": "FY2026"}))["T"].reason == "no due date; FY2026 ends it"


def test_a_goal_of_an_earlier_review_is_seen_from_there() -> None:
    """Its milestones may lie behind by now, and its baseline is the figure of its own review."""
    own = Period.parse("2026-Q1")
    setting = GoalContext(own, own.last_day, tuple(own.shift(step) for step in range(1, 5)))
    plan = changed({"baseline": None, "steps": (D("2026-06-30"), D("2026-12-31"))})
    found = letters(plan, cycle(*EIGHT), setting)
    assert found["M"].reason == "49 to 47 days"
    assert found["T"].ok


def test_rounding_is_no_difference() -> None:
    """A best, a range, a baseline and a sum that differ from a target in the last digits only are the target."""
    tenths = {"better": "higher", "say": percent}
    found = letters(changed({"target": 0.3}), cycle(0.2, 0.3, 0.1 + 0.2, 0.2, **tenths))["A"]
    assert found.reason == "would equal your best quarter, 30.0% in 2026-Q2"
    found = letters(changed({"target": 0.2}), cycle(0.3, 0.1 + 0.2, 0.3, 0.3, **tenths))["A"]
    assert found.reason == "each of four quarters reached it: 30.0% in four quarters"
    assert letters(changed({"kpi": "calls", "baseline": 0.1 + 0.2, "target": 0.3}))["M"].reason.startswith("the target equals")
    summed = cycle(*[0.1] * 8, adds=True, **tenths)
    assert letters(changed({"target": 0.3, "over": "FY2026"}), summed)["A"].reason == "30.0% of 30.0% are reached already"
    assert letters(changed({"target": 0.1 + 0.2, "over": "FY2026"}), summed)["A"].ok


def test_the_range_is_that_of_the_last_eight_periods() -> None:
    """An older best does not count, and whose range it is can be said."""
    setting = GoalContext(PERIOD, SETTING.as_of, SETTING.coming, whose="Amara’s")
    found = letters(changed({"target": 40}), cycle(30, *EIGHT), setting)
    assert found["A"].reason == "8% below Amara’s best quarter, 43.5 days"


def test_later_figures_are_not_known_yet() -> None:
    """A goal of an earlier review is held against what was known then."""
    setting = GoalContext(Period.parse("2026-Q1"), dt.date(2026, 3, 31), SETTING.coming)
    found = letters(changed({"target": 46.5}), cycle(*EIGHT[:5], 47, 40, 41), setting)
    assert found["A"].reason == "within your range: 43.5 to 54 days in six quarters"


def test_a_stored_goal_is_checked_as_it_is() -> None:
    """A goal that was saved says the same as its form did."""
    given = {name: value for name, value in FIELDS.items() if name != "steps"}
    saved = replace(changed({}), goal=Goal(statement="A goal", **given))
    assert letters(saved, cycle(*EIGHT)) == letters(changed({}), cycle(*EIGHT))


numbers = st.none() | st.floats(-1e12, 1e12, allow_nan=False)
dates = st.none() | st.dates()


@given(
    plan=st.builds(
        planned,
        kpi=st.sampled_from([None, "cycle_days"]), deliverable=st.sampled_from(["", "a guide"]),
        scope=st.sampled_from(["", "all"]),
        baseline=numbers, target=numbers, over=st.sampled_from([None, "FY2026", "2026-Q4", "FY1900", "FY9990", "x"]), due=dates,
        relevance=st.sampled_from([None, "gap", "strength", "aspiration", "objective"]), because=st.sampled_from(["", "why"]),
        steps=st.lists(dates, max_size=4).map(tuple),
    ),
    values=st.lists(numbers, max_size=9), adds=st.booleans(), better=st.sampled_from(["higher", "lower"]), known=st.booleans(),
    quartiles=st.tuples(numbers, numbers, numbers),
)  # fmt: skip
def test_any_half_filled_form_gets_five_reasons(
    plan: Plan, values: list[float | None], adds: bool, better: str, known: bool, quartiles: tuple[float | None, ...]
) -> None:
    """While somebody types, every letter has a reason, in words and without a cause or a judgement."""
    q1, median, q3 = quartiles
    track = cycle(*values, adds=adds, better=better, peer_q1=q1, peer_median=median, peer_q3=q3) if known else None
    found = letters(plan, track)
    assert "".join(found) == "SMART"
    for letter in found.values():
        assert letter.reason
        assert not {"better", "worse", "None", "nan"} & set(letter.reason.replace(",", " ").split())
