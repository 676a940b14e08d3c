"""How far a goal has come: computed from the frozen figures of each review, never typed in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from reviewlib.conversation.entries import Entry
from reviewlib.conversation.kinds import ENDED, Goal, Milestone, Update
from reviewlib.conversation.minutes import Minutes
from reviewlib.conversation.track import Point, Track, day
from reviewlib.errors import PeriodError
from reviewlib.periods import FiscalYear, Period

Status = Literal["starts", "on_track", "behind", "met", "missed", "lapsed", "dropped", "open"]
#: The statuses in words.
STATUSES: Final = MappingProxyType(
    {
        "starts": "Starts now",
        "on_track": "On track",
        "behind": "Behind",
        "met": "Met",
        "missed": "Missed",
        "lapsed": "Lapsed",
        "dropped": "Dropped",
        "open": "Open",
    }
)
StepStatus = Literal["open", "done", "done_late", "missed", "dropped", "overdue"]


@dataclass(frozen=True)
class Step:
    """A milestone or task and what became of it; ``on`` is the day of its last update."""

    entry: Entry
    text: str
    due: dt.date | None
    owner: str
    status: StepStatus
    on: dt.date | None = None


@dataclass(frozen=True)
class Progress:
    """How far a goal has come.

    Attributes:
        status: A key of ``STATUSES``.
        value: The figure that counts: of the review's period, of the period of the due date once that has come, or the sum so
            far; None where there is none.
        share: How much of the way from baseline to target is done, 0 at the least; of a sum, how much of the target. None where
            it cannot be told.
        pace: The share that an even pace would have reached.
        expected: The value that an even pace would have reached.
        due: The due date; the end of ``over`` where that comes first.
        words: Sentences, the first with the figure.
        steps: The milestones and tasks, by date.
        update: The latest update, where there is one.
    """

    status: Status
    value: float | None = None
    share: float | None = None
    pace: float | None = None
    expected: float | None = None
    due: dt.date | None = None
    words: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    update: Entry | None = None


@dataclass(frozen=True)
class _Reading:
    """The goal held against the figures, before a status is made of it."""

    goal: Goal
    track: Track | None
    point: Point
    over: Period | None
    due: dt.date | None
    baseline: float | None
    pace: float | None
    today: dt.date

    @property
    def passed(self) -> bool:
        return self.due is not None and self.due <= self.today

    @property
    def rises(self) -> bool:
        """Whether the target is reached from below; a sum starts at nothing, so only the good direction tells."""
        start, target = self.goal.baseline, self.goal.target
        if self.over is None and start is not None and target is not None and start != target:
            return target > start
        return self.track is None or self.track.better == "higher"

    @property
    def reached(self) -> bool:
        value, target = self.point.value, self.goal.target
        return value is not None and target is not None and at_least(value, target, rises=self.rises)

    @property
    def share(self) -> float | None:
        value, target = self.point.value, self.goal.target
        start = 0.0 if self.over else self.baseline
        if value is None or target is None or start is None:
            return None
        way = target - start
        # The way itself may be nothing, or so little that dividing by it overflows.
        done = (value - start) / way if abs(way) > 1e-12 and not (self.over and way < 0) else float(self.reached)
        return max(0.0, done)

    @property
    def expected(self) -> float | None:
        start = 0.0 if self.over else self.baseline
        if self.goal.target is None or start is None or self.pace is None:
            return None
        return start + (self.goal.target - start) * self.pace

    @property
    def on_pace(self) -> bool | None:
        """Whether the figure is where an even pace would be; None where that cannot be told."""
        if self.point.value is None or self.goal.target is None:
            return None
        if self.expected is None:
            return True if self.reached else None
        return at_least(self.point.value, self.expected, rises=self.rises)


def at_least(value: float, mark: float, *, rises: bool) -> bool:
    """Tell whether a figure has come to a mark, from below or from above; the last digits of a float do not count."""
    slack = 1e-9 * max(1.0, abs(mark))
    return value >= mark - slack if rises else value <= mark + slack


def over_of(name: str | None, fiscal: FiscalYear) -> Period | None:
    """Read the period that a target covers; None where it is none."""
    try:
        return Period.parse(name, fiscal) if name else None
    except PeriodError:
        return None


def due_of(goal: Goal, fiscal: FiscalYear) -> dt.date | None:
    """The day on which a goal is decided: its due date, or the end of the period that its target covers, what comes first."""
    over = over_of(goal.over, fiscal)
    return min((date for date in (goal.due, over.last_day if over else None) if date), default=None)


def on_day(update: Entry) -> dt.date:
    """The day on which what an update tells happened."""
    payload = update.payload
    return payload.on if isinstance(payload, Update) and payload.on else update.at.date()


def last_update(entry: Entry, minutes: Minutes) -> Entry | None:
    """The latest update of an entry."""
    return next(reversed(minutes.on(entry, "update")), None)


def status_of(update: Entry | None) -> str | None:
    """The status that an update gives; None without one."""
    return update.payload.status if update is not None and isinstance(update.payload, Update) else None


def progress(goal: Entry, minutes: Minutes, track: Track | None, *, period: Period, as_of: dt.date) -> Progress:
    """Tell how far a goal has come.

    What a person recorded as the end wins. Else a KPI goal is computed: once the due date lies in the past, the figure of the
    period that holds it decides; before that the figure is held against an even pace in days, from the day after the period of
    the goal's own review (or the first day of ``over``) to the due date.

    Args:
        goal: The goal.
        minutes: Where its milestones and updates are.
        track: The figures of its KPI; None where the scorecard does not have it.
        period: The review's period.
        as_of: How far the data reach; nothing later counts.
    """
    payload = goal.payload
    if not isinstance(payload, Goal):
        raise TypeError(f"{goal.kind} is no goal")
    update = last_update(goal, minutes)
    reading = _read(goal, payload, track, period=period, today=min(as_of, period.last_day))
    said = status_of(update)
    starts = Period.parse(goal.about.period, period.fiscal).end >= period.end
    status: Status = said if said in ENDED else "starts" if starts else _status(reading)  # type: ignore[assignment]
    return Progress(
        status=status,
        value=reading.point.value,
        share=reading.share,
        pace=reading.pace,
        expected=reading.expected,
        due=reading.due,
        words=tuple(_words(reading, status, goal, period=period, ended=update if said in ENDED else None)),
        steps=steps(goal, minutes, today=reading.today),
        update=update,
    )


def steps(goal: Entry, minutes: Minutes, *, today: dt.date) -> tuple[Step, ...]:
    """List a goal's milestones and tasks by date, those without one last, with what became of them."""
    found = [_step(entry, minutes, today) for entry in minutes.on(goal, "milestone")]
    return tuple(sorted(found, key=lambda step: step.due or dt.date.max))


def _step(entry: Entry, minutes: Minutes, today: dt.date) -> Step:
    payload = entry.payload
    assert isinstance(payload, Milestone)
    update = last_update(entry, minutes)
    said, on = status_of(update), on_day(update) if update else None
    late = payload.due is not None and on is not None and on > payload.due
    overdue = payload.due is not None and payload.due <= today
    computed: StepStatus = "overdue" if overdue else "open"
    known: dict[str | None, StepStatus] = {"done": "done_late" if late else "done", "missed": "missed", "dropped": "dropped"}
    return Step(entry, payload.text, payload.due, payload.owner, known.get(said, computed), on)


def _read(goal: Entry, payload: Goal, track: Track | None, *, period: Period, today: dt.date) -> _Reading:
    fiscal = period.fiscal
    over = over_of(payload.over, fiscal) if track is not None and track.adds else None
    due = due_of(payload, fiscal)
    own = Period.parse(goal.about.period, fiscal)
    passed = due is not None and due <= today
    through = min(Period.containing(due, period.kind, fiscal), period) if due and passed else period
    baseline = payload.baseline
    if baseline is None and track is not None and payload.kpi:
        baseline = track.at(own).value
    return _Reading(
        goal=payload,
        track=track,
        point=_point(payload, track, over, through),
        over=over,
        due=due,
        baseline=baseline,
        pace=_pace(over.start if over else own.end, due, today),
        today=today,
    )


def _point(goal: Goal, track: Track | None, over: Period | None, through: Period) -> Point:
    if not goal.kpi:
        return Point(through, None)
    if track is None:
        return Point(through, None, "the scorecard does not have this figure")
    return track.sum_of(over, through=through) if over else track.at(through)


def _pace(start: dt.date, due: dt.date | None, today: dt.date) -> float | None:
    """The share of the days from ``start`` to ``due`` that are over, both days counted."""
    if due is None:
        return None
    days = (due - start).days + 1
    return min(1.0, max(0.0, ((today - start).days + 1) / days)) if days > 0 else 1.0


def _status(reading: _Reading) -> Status:
    measured = bool(reading.goal.kpi) and reading.goal.target is not None
    if reading.passed:
        decided = measured and reading.point.value is not None
        return "lapsed" if not decided else "met" if reading.reached else "missed"
    if not measured or reading.due is None or reading.on_pace is None:
        return "open"
    return "on_track" if reading.on_pace else "behind"


def _words(reading: _Reading, status: Status, goal: Entry, *, period: Period, ended: Entry | None) -> Iterator[str]:
    """Say where the goal stands, the end that a person recorded first."""
    if ended is not None:
        yield f"Recorded as {STATUSES[status].lower()} on {day(on_day(ended))}."
    if status == "starts":
        yield from _at_the_start(reading, goal, period)
    elif reading.point.value is not None and reading.track is not None:
        yield from _with_figure(reading, reading.point.value, reading.track)
    elif ended is None:
        yield _without_figure(reading)


def _at_the_start(reading: _Reading, goal: Entry, period: Period) -> Iterator[str]:
    wanted, track = reading.goal, reading.track
    until = f" by {day(reading.due)}" if reading.due else ""
    if track is None or not wanted.kpi or wanted.target is None:
        yield f"To be there{until}." if wanted.deliverable else f"To be done{until}." if until else "No due date yet."
        return
    if reading.over and reading.point.value is not None:
        yield f"{track.say(reading.point.value)} of {track.say(wanted.target)} so far, to be reached{until}."
    elif reading.baseline is not None:
        yield f"From {track.say(reading.baseline)} in {goal.about.period} to {track.say(wanted.target)}{until}."
    else:
        yield f"To {track.say(wanted.target)}{until}."
    yield f"Progress is first computed with the {period.next} figures."


def _with_figure(reading: _Reading, value: float, track: Track) -> Iterator[str]:
    target, where = reading.goal.target, reading.point.period
    if target is None:
        yield f"{track.say(value)} in {where}; the goal names no target."
        return
    if reading.passed:
        yield f"{track.say(value)} in {where}, {_beside(value, target, track)}."
    elif reading.over:
        yield f"{track.say(value)} of {track.say(target)} by {day(reading.today)}."
    else:
        until = f" by {day(reading.due)}" if reading.due else ""
        yield f"{track.say(value)} in {where}; the target is {track.say(target)}{until}."
    yield from _pace_words(reading, track)
    if reading.baseline is not None:
        yield f"The baseline was {track.say(reading.baseline)}."


def _pace_words(reading: _Reading, track: Track) -> Iterator[str]:
    if reading.passed:
        return
    if reading.reached:
        yield "The target is reached already."
    elif reading.expected is not None:
        yield f"An even pace would be {track.say(reading.expected)}."
    elif reading.due is None:
        yield "No due date, so there is no pace."
    else:
        yield "No baseline, so there is no pace."


def _beside(value: float, target: float, track: Track) -> str:
    """Put a figure beside its target: above, below or exactly it."""
    if at_least(value, target, rises=True) and at_least(value, target, rises=False):
        return f"exactly the target of {track.say(target)}"
    return f"{track.apart(abs(value - target))} {'above' if value > target else 'below'} the target of {track.say(target)}"


def _without_figure(reading: _Reading) -> str:
    due = f"Due on {day(reading.due)}" if reading.due else "No due date"
    if reading.goal.kpi:
        return f"{due}; n/a, {reading.point.reason}."
    return f"{due}; nothing was recorded." if reading.passed else f"{due}."
