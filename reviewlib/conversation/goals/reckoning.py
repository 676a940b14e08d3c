"""A goal held against the figures: what its target asks for, the figure that decides, and how far it has come."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from reviewlib.conversation.entries import Entry
from reviewlib.conversation.goals.kpi import Aim, Point, Track, aim_of, reaches
from reviewlib.conversation.kinds import Goal
from reviewlib.errors import PeriodError
from reviewlib.evidence.comparison import at_least
from reviewlib.periods import FiscalYear, Period


@dataclass(frozen=True)
class GoalReading:
    """The goal held against the figures, before a status is made of it.

    Attributes:
        goal: The goal.
        track: The figures of its KPI; None where the scorecard does not have it.
        point: The figure that counts.
        covers: The period that the target covers, where it names one.
        due: The day on which the goal is decided.
        baseline: The figure before: the goal's own, else that of the period of its review.
        days: The share of the days to the due date that are over.
        today: How far the figures reach.
        through: The last period that counts.
    """

    goal: Goal
    track: Track | None
    point: Point
    covers: Period | None
    due: dt.date | None
    baseline: float | None
    days: float | None
    today: dt.date
    through: Period

    @property
    def over(self) -> Period | None:
        """The period over which the figures are added up; None where they do not add up, or the target covers none."""
        return self.covers if self.track is not None and self.track.adds else None

    @property
    def measured(self) -> bool:
        """Whether a figure decides."""
        return bool(self.goal.kpi) and self.goal.target is not None

    @property
    def settled(self) -> bool:
        """Whether the figure stays as it is: its period is over."""
        return self.through.last_day <= self.today

    @property
    def growing(self) -> bool:
        """Whether the figure is the sum of a part of its period, and so says nothing yet; what it has reached it keeps."""
        part = self.track is not None and self.track.adds and self.over is None and not self.settled
        return part and not (self.rises and self.reached)

    @property
    def come(self) -> bool:
        """Whether the day has come."""
        return self.due is not None and self.due <= self.today

    @property
    def passed(self) -> bool:
        """Whether the goal is decided: its day has come, and the figure that decides stays as it is."""
        return self.come and (self.settled or not self.measured)

    @property
    def rises(self) -> bool:
        """Whether higher is the good direction: the figure says it, else the way from baseline to target."""
        if self.track is not None:
            return self.track.rises
        start, target = self.goal.baseline, self.goal.target
        return start is None or target is None or at_least(target, start)

    @property
    def aim(self) -> Aim:
        """What the target asks for."""
        return aim_of(self.baseline, self.goal.target, rises=self.rises, summed=self.over is not None)

    @property
    def noun(self) -> str:
        """What the target is called: a target, or a limit where it is one."""
        return "target" if self.aim == "reach" else "minimum" if self.rises else "limit"

    @property
    def reached(self) -> bool:
        """Whether the figure has come to its target; that a sum stays within its limit is known at the end only."""
        value, target = self.point.value, self.goal.target
        if value is None or target is None or (self.aim == "use" and not self.passed):
            return False
        return reaches(value, target, rises=self.rises)

    @property
    def start(self) -> float | None:
        """From where the way leads to the target; a sum starts at nothing."""
        return 0.0 if self.over else self.baseline

    @property
    def share(self) -> float | None:
        """How much of the way is done; see ``Progress``."""
        value, target = self.point.value, self.goal.target
        if value is None or target is None or self.growing:
            return None
        if self.aim == "keep":
            return float(self.reached)
        floor = 1.0 if self.reached and self.aim == "reach" else 0.0
        if self.start is None:
            return floor or None
        way = target - self.start
        # The way itself may be nothing, or so little that dividing by it overflows.
        done = (value - self.start) / way if abs(way) > 1e-12 and not (self.over and way < 0) else float(self.reached)
        return max(floor, done)

    @property
    def pace(self) -> float | None:
        """The share that an even pace would have reached; a limit is kept or not, at any time."""
        return None if self.aim == "keep" or self.growing else self.days

    @property
    def expected(self) -> float | None:
        """The value that an even pace would have reached."""
        if self.goal.target is None or self.start is None or self.pace is None:
            return None
        return self.start + (self.goal.target - self.start) * self.pace

    @property
    def on_pace(self) -> bool | None:
        """Whether the figure is where an even pace would be; None where that cannot be told."""
        if self.point.value is None or self.goal.target is None or self.growing:
            return None
        if self.reached:
            return True
        if self.expected is None:
            return False if self.aim == "keep" else None
        return reaches(
            self.point.value, self.expected, rises=self.rises, size=max(abs(self.start or 0.0), abs(self.goal.target))
        )


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


def read(goal: Entry, payload: Goal, track: Track | None, *, period: Period, today: dt.date) -> GoalReading:
    """Hold a goal against the figures as they are in the review of a period."""
    fiscal = period.fiscal
    covers = over_of(payload.over, fiscal)
    over = covers if track is not None and track.adds else None
    due = due_of(payload, fiscal)
    own = Period.parse(goal.about.period, fiscal)
    passed = due is not None and due <= today
    begins = over.start if over else own.end
    if over and track is not None and track.started:  # nobody is behind for the time before they were there
        begins = max(begins, track.started)
    through = min(Period.containing(due, period.kind, fiscal), period) if due and passed else period
    baseline = payload.baseline
    if baseline is None and track is not None and payload.kpi:
        baseline = track.at(own).value
    return GoalReading(
        goal=payload,
        track=track,
        point=_point(payload, track, over, through),
        covers=covers,
        due=due,
        baseline=baseline,
        days=_pace(begins, due, today),
        today=today,
        through=through,
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
