"""How far a goal has come: computed from the frozen figures of each review, never typed in."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, get_args

from reviewlib.conversation.entries import Entry
from reviewlib.conversation.goals.kpi import Aim, Point, Track, aim_of, day, over_of, reaches
from reviewlib.conversation.kinds import ENDED
from reviewlib.conversation.kinds.plans import Goal, Milestone, Update
from reviewlib.conversation.visibility import VisibleEntries
from reviewlib.evidence.comparison import at_least, same
from reviewlib.periods import MONTHS, Period

Status = Literal["starts", "on_track", "behind", "met", "missed", "lapsed", "dropped", "open"]
#: The statuses in words.
STATUSES: Final[Mapping[Status, str]] = {
    **{status: status.replace("_", " ").capitalize() for status in get_args(Status)},
    "starts": "Starts now",
}
#: Reads a moment on the clock by whose days people live.
Clock = Callable[[dt.datetime], dt.datetime]
StepStatus = Literal["open", "done", "done_late", "missed", "dropped", "overdue"]


@dataclass(frozen=True)
class GoalReview:
    """The review in which goals and plans are looked at, those of earlier ones too.

    Attributes:
        minutes: What its audience may read; the rest is not in it.
        period: The review's period.
        as_of: How far the data reach.
        tracks: The figures by KPI; without those that the scorecard does not have.
        clock: The workbook's, by which entries have their days.
    """

    minutes: VisibleEntries
    period: Period
    as_of: dt.date
    tracks: Mapping[str, Track]
    clock: Clock


@dataclass(frozen=True)
class MilestoneProgress:
    """A milestone or task and what became of it; ``on`` is the day of its last update."""

    entry: Entry
    text: str
    due: dt.date | None
    owner: str
    status: StepStatus
    on: dt.date | None = None


@dataclass(frozen=True)
class Progress:
    """A goal held against the figures as they are in the review of a period: how far it has come.

    Attributes:
        entry: The goal.
        goal: What it says.
        review: Where it is looked at.
        track: The figures of its KPI; None where it names none or the scorecard does not have it.
        today: How far the figures reach.
        update: The latest update, where there is one.
        steps: The milestones and tasks, by date.
    """

    entry: Entry
    goal: Goal
    review: GoalReview
    track: Track | None
    today: dt.date
    update: Entry | None
    steps: tuple[MilestoneProgress, ...]

    @cached_property
    def own(self) -> Period:
        """The period of the review in which the goal was set."""
        return Period.parse(self.entry.about.period, self.review.period.fiscal)

    @cached_property
    def covers(self) -> Period | None:
        """The period that the target covers, where it names one."""
        return over_of(self.goal.over, self.review.period.fiscal)

    @property
    def over(self) -> Period | None:
        """The period over which the figures are added up; None where they do not add up, or the target covers none."""
        return self.covers if self.track is not None and self.track.adds else None

    @cached_property
    def due(self) -> dt.date | None:
        """The day on which the goal is decided: its due date, or the end of what its target covers, what comes first."""
        return min((date for date in (self.goal.due, self.covers and self.covers.last_day) if date), default=None)

    @cached_property
    def through(self) -> Period:
        """The last period that counts."""
        if self.due is None or self.due > self.today:
            return self.review.period
        return min(Period.containing(self.due, self.review.period.kind, self.review.period.fiscal), self.review.period)

    @cached_property
    def point(self) -> Point:
        """The figure that counts: of the review's period, of that of the due date once it has come, or the sum so far."""
        if not self.goal.kpi:
            return Point(self.through, None)
        if self.track is None:
            return Point(self.through, None, "the scorecard does not have this figure")
        return self.track.sum_of(self.over, through=self.through) if self.over else self.track.at(self.through)

    @property
    def value(self) -> float | None:
        """The figure that counts as a number."""
        return self.point.value

    @cached_property
    def baseline(self) -> float | None:
        """The figure before: the goal's own, else that of the period of its review."""
        if self.goal.baseline is None and self.track is not None:
            return self.track.at(self.own).value
        return self.goal.baseline

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
        value, target = self.value, self.goal.target
        if value is None or target is None or (self.aim == "use" and not self.passed):
            return False
        return reaches(value, target, rises=self.rises)

    @property
    def start(self) -> float | None:
        """From where the way leads to the target; a sum starts at nothing."""
        return 0.0 if self.over else self.baseline

    @property
    def share(self) -> float | None:
        """How much of the way from baseline to target is done, 0 at the least, 1 at the least where it is reached.

        Of a sum, how much of the target. A limit is kept (1) or not (0). None where it cannot be told.
        """
        value, target = self.value, self.goal.target
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
        """The share that an even pace in days would have reached; a limit is kept or not, at any time."""
        if self.aim == "keep" or self.growing or self.due is None:
            return None
        begins = self.over.start if self.over else self.own.end
        if self.over and self.track is not None and self.track.started:  # nobody is behind for the time before they were there
            begins = max(begins, self.track.started)
        days = (self.due - begins).days + 1
        return min(1.0, max(0.0, ((self.today - begins).days + 1) / days)) if days > 0 else 1.0

    @property
    def expected(self) -> float | None:
        """The value that an even pace would have reached."""
        if self.goal.target is None or self.start is None or self.pace is None:
            return None
        return self.start + (self.goal.target - self.start) * self.pace

    @property
    def on_pace(self) -> bool | None:
        """Whether the figure is where an even pace would be; None where that cannot be told."""
        if self.value is None or self.goal.target is None or self.growing:
            return None
        if self.reached:
            return True
        if self.expected is None:
            return False if self.aim == "keep" else None
        return reaches(self.value, self.expected, rises=self.rises, size=max(abs(self.start or 0.0), abs(self.goal.target)))

    @cached_property
    def status(self) -> Status:
        """A key of ``STATUSES``: what a person recorded as the end wins, else the figure says it."""
        said = status_of(self.update)
        if said in ENDED:
            return said  # type: ignore[return-value]
        if self.own.end >= self.review.period.end:
            return "starts"
        if self.passed:
            decided = self.measured and self.value is not None
            return "lapsed" if not decided else "met" if self.reached else "missed"
        if not self.measured or self.due is None or self.on_pace is None:
            return "open"
        return "on_track" if self.on_pace else "behind"

    @property
    def words(self) -> tuple[str, ...]:
        """Sentences, the first with the figure, or with the end that a person recorded."""
        return tuple(_words(self))


def on_day(update: Entry, clock: Clock) -> dt.date:
    """The day on which what an update tells happened, by the workbook's clock."""
    payload = update.payload
    return payload.on if isinstance(payload, Update) and payload.on else clock(update.at).date()


def last_update(entry: Entry, minutes: VisibleEntries) -> Entry | None:
    """The latest update of an entry."""
    return next(reversed(minutes.on(entry, "update")), None)


def status_of(update: Entry | None) -> str | None:
    """The status that an update gives; None without one."""
    return update.payload.status if update is not None and isinstance(update.payload, Update) else None


def progress(goal: Entry, review: GoalReview) -> Progress:
    """Tell how far a goal has come in a review; nothing later than its ``as_of`` counts.

    What a person recorded as the end wins. Else a KPI goal is computed: once the due date lies in the past and the period that
    holds it is complete, the figure of that period decides. Before that the figure is held against an even pace in days, from
    the day after the period of the goal's own review (or the first day of ``over``) to the due date.
    """
    payload, today = goal.payload, min(review.as_of, review.period.last_day)
    if not isinstance(payload, Goal):
        raise TypeError(f"{goal.kind} is no goal")
    steps = [_step(entry, review, today) for entry in review.minutes.on(goal, "milestone")]
    steps.sort(key=lambda step: step.due or dt.date.max)
    track = review.tracks.get(payload.kpi or "")
    return Progress(goal, payload, review, track, today, last_update(goal, review.minutes), tuple(steps))


def _step(entry: Entry, review: GoalReview, today: dt.date) -> MilestoneProgress:
    payload = entry.payload
    assert isinstance(payload, Milestone)
    update = last_update(entry, review.minutes)
    said, on = status_of(update), on_day(update, review.clock) if update else None
    late = payload.due is not None and on is not None and on > payload.due
    overdue = payload.due is not None and payload.due <= today
    computed: StepStatus = "overdue" if overdue else "open"
    known: dict[str | None, StepStatus] = {"done": "done_late" if late else "done", "missed": "missed", "dropped": "dropped"}
    return MilestoneProgress(entry, payload.text, payload.due, payload.owner, known.get(said, computed), on)


def _words(now: Progress) -> Iterator[str]:
    """Say where the goal stands, the end that a person recorded first."""
    recorded = now.update is not None and status_of(now.update) in ENDED
    if recorded and now.update is not None:
        yield f"Recorded as {STATUSES[now.status].lower()} on {day(on_day(now.update, now.review.clock))}."
    if now.status == "starts":
        yield from _at_the_start(now)
    elif now.value is not None and now.track is not None:
        yield from _with_figure(now, now.value, now.track)
    elif not recorded:
        due = f"Due on {day(now.due)}" if now.due else "No due date"
        if now.goal.kpi:
            yield f"{due}; n/a, {now.point.reason}."
        else:
            yield f"{due}; nothing was recorded." if now.passed else f"{due}."


def _at_the_start(now: Progress) -> Iterator[str]:
    wanted, track = now.goal, now.track
    until = f" by {day(now.due)}" if now.due else ""
    if track is None or not wanted.kpi or wanted.target is None:
        yield f"To be there{until}." if wanted.deliverable else f"To be done{until}." if until else "No due date yet."
        return
    target = track.say(wanted.target)
    if now.over and now.value is not None:
        of, end = ("of at most", "") if now.aim == "use" else ("of", f", to be reached{until}")
        yield f"{track.say(now.value)} {of} {target} so far{end}."
    elif now.baseline is None:
        yield f"To {target}{until}."
    elif now.aim == "keep":
        side = "above" if now.rises else "below"
        yield f"{track.say(now.baseline)} in {now.entry.about.period}, to stay at or {side} {target}{_until(now)}."
    else:
        yield f"From {track.say(now.baseline)} in {now.entry.about.period} to {target}{until}."
    yield f"Progress is first computed with the {now.review.period.next} figures."


def _until(now: Progress) -> str:
    word = "until" if now.aim == "keep" else "by"
    return f" {word} {day(now.due)}" if now.due else ""


def _with_figure(now: Progress, value: float, track: Track) -> Iterator[str]:
    target, where = now.goal.target, now.point.period
    if target is None:
        yield f"{track.say(value)} in {where}; the goal names no target."
        return
    if now.passed:
        early = now.over is not None and now.through.last_day < now.over.last_day
        when = f"by {day(now.through.last_day)}" if early else f"in {where}"
        yield f"{track.say(value)} {when}, {_beside(now, value, target, track)}."
    elif now.over:
        of = "of at most" if now.aim == "use" else "of"
        yield f"{track.say(value)} {of} {track.say(target)} by {day(now.today)}."
    else:
        yield f"{track.say(value)} in {where}; the {now.noun} is {track.say(target)}{_until(now)}."
    yield from _pace_words(now, track)
    if now.covers and not now.over and MONTHS[now.covers.kind] > MONTHS[where.kind]:
        yield f"Figures of single periods are not added up over {now.covers}; each counts for itself."
    if now.baseline is not None:
        yield f"The baseline was {track.say(now.baseline)}."


def _pace_words(now: Progress, track: Track) -> Iterator[str]:
    if now.over and now.come and now.due is not None and now.due < now.through.last_day:
        yield f"{now.through} counts as a whole, though the goal was due on {day(now.due)}."
    if now.passed:
        return
    if now.come:
        yield f"{now.through} is not complete, so nothing is decided yet."
    elif now.growing:
        yield f"{now.through} is not complete, so there is no pace yet."
    elif now.aim == "keep":
        yield f"The {now.noun} is {'kept' if now.reached else 'not kept'}."
    elif now.reached:
        yield "The target is reached already."
    elif now.expected is not None:
        yield f"An even {'use' if now.aim == 'use' else 'pace'} would be {track.say(now.expected)}."
    elif now.due is None:
        yield "No due date, so there is no pace."
    else:
        yield "No baseline, so there is no pace."


def _beside(now: Progress, value: float, target: float, track: Track) -> str:
    """Put a figure beside its target or limit: above, below or exactly it."""
    words = f"the {now.noun} of {track.say(target)}"
    if same(value, target):
        return f"exactly {words}"
    return f"{track.apart(abs(value - target))} {'above' if value > target else 'below'} {words}"
