"""How far a goal has come: computed from the frozen figures of each review, never typed in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from reviewlib.conversation.entries import Entry
from reviewlib.conversation.goals.kpi import Aim, Track, day
from reviewlib.conversation.goals.reckoning import GoalReading, read
from reviewlib.conversation.kinds import ENDED, Goal, Milestone, Update
from reviewlib.conversation.visibility import VisibleEntries
from reviewlib.evidence.comparison import same
from reviewlib.periods import MONTHS, Period

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
#: Reads a moment on the clock by whose days people live.
Clock = Callable[[dt.datetime], dt.datetime]
StepStatus = Literal["open", "done", "done_late", "missed", "dropped", "overdue"]


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
    """How far a goal has come.

    Attributes:
        status: A key of ``STATUSES``.
        value: The figure that counts: of the review's period, of the period of the due date once that has come, or the sum so
            far; None where there is none.
        aim: What the target asks for.
        share: How much of the way from baseline to target is done, 0 at the least, 1 at the least where it is reached; of a
            sum, how much of the target. A limit is kept (1) or not (0). None where it cannot be told.
        pace: The share that an even pace would have reached; a limit has none.
        expected: The value that an even pace would have reached.
        due: The due date; the end of ``over`` where that comes first.
        words: Sentences, the first with the figure.
        steps: The milestones and tasks, by date.
        update: The latest update, where there is one.
    """

    status: Status
    value: float | None = None
    aim: Aim = "reach"
    share: float | None = None
    pace: float | None = None
    expected: float | None = None
    due: dt.date | None = None
    words: tuple[str, ...] = ()
    steps: tuple[MilestoneProgress, ...] = ()
    update: Entry | None = None


def in_utc(moment: dt.datetime) -> dt.datetime:
    """Read a moment on the clock of UTC."""
    return moment.astimezone(dt.UTC)


def on_day(update: Entry, clock: Clock = in_utc) -> dt.date:
    """The day on which what an update tells happened, by the workbook's clock."""
    payload = update.payload
    return payload.on if isinstance(payload, Update) and payload.on else clock(update.at).date()


def last_update(entry: Entry, minutes: VisibleEntries) -> Entry | None:
    """The latest update of an entry."""
    return next(reversed(minutes.on(entry, "update")), None)


def status_of(update: Entry | None) -> str | None:
    """The status that an update gives; None without one."""
    return update.payload.status if update is not None and isinstance(update.payload, Update) else None


def progress(
    goal: Entry, minutes: VisibleEntries, track: Track | None, *, period: Period, as_of: dt.date, clock: Clock = in_utc
) -> Progress:
    """Tell how far a goal has come.

    What a person recorded as the end wins. Else a KPI goal is computed: once the due date lies in the past and the period that
    holds it is complete, the figure of that period decides. Before that the figure is held against an even pace in days, from
    the day after the period of the goal's own review (or the first day of ``over``) to the due date.

    Args:
        goal: The goal.
        minutes: Where its milestones and updates are.
        track: The figures of its KPI; None where the scorecard does not have it.
        period: The review's period.
        as_of: How far the data reach; nothing later counts.
        clock: The workbook's, by which entries have their days.
    """
    payload = goal.payload
    if not isinstance(payload, Goal):
        raise TypeError(f"{goal.kind} is no goal")
    update = last_update(goal, minutes)
    reading = read(goal, payload, track, period=period, today=min(as_of, period.last_day))
    said = status_of(update)
    starts = Period.parse(goal.about.period, period.fiscal).end >= period.end
    status: Status = said if said in ENDED else "starts" if starts else _status(reading)  # type: ignore[assignment]
    recorded = f"Recorded as {STATUSES[status].lower()} on {day(on_day(update, clock))}." if update and said in ENDED else ""
    return Progress(
        status=status,
        value=reading.point.value,
        aim=reading.aim,
        share=reading.share,
        pace=reading.pace,
        expected=reading.expected,
        due=reading.due,
        words=tuple(_words(reading, status, goal, period=period, recorded=recorded)),
        steps=steps(goal, minutes, today=reading.today, clock=clock),
        update=update,
    )


def steps(goal: Entry, minutes: VisibleEntries, *, today: dt.date, clock: Clock = in_utc) -> tuple[MilestoneProgress, ...]:
    """List a goal's milestones and tasks by date, those without one last, with what became of them."""
    found = [_step(entry, minutes, today, clock) for entry in minutes.on(goal, "milestone")]
    return tuple(sorted(found, key=lambda step: step.due or dt.date.max))


def _step(entry: Entry, minutes: VisibleEntries, today: dt.date, clock: Clock) -> MilestoneProgress:
    payload = entry.payload
    assert isinstance(payload, Milestone)
    update = last_update(entry, minutes)
    said, on = status_of(update), on_day(update, clock) if update else None
    late = payload.due is not None and on is not None and on > payload.due
    overdue = payload.due is not None and payload.due <= today
    computed: StepStatus = "overdue" if overdue else "open"
    known: dict[str | None, StepStatus] = {"done": "done_late" if late else "done", "missed": "missed", "dropped": "dropped"}
    return MilestoneProgress(entry, payload.text, payload.due, payload.owner, known.get(said, computed), on)


def _status(reading: GoalReading) -> Status:
    if reading.passed:
        decided = reading.measured and reading.point.value is not None
        return "lapsed" if not decided else "met" if reading.reached else "missed"
    if not reading.measured or reading.due is None or reading.on_pace is None:
        return "open"
    return "on_track" if reading.on_pace else "behind"


def _words(reading: GoalReading, status: Status, goal: Entry, *, period: Period, recorded: str) -> Iterator[str]:
    """Say where the goal stands, the end that a person recorded first."""
    if recorded:
        yield recorded
    if status == "starts":
        yield from _at_the_start(reading, goal, period)
    elif reading.point.value is not None and reading.track is not None:
        yield from _with_figure(reading, reading.point.value, reading.track)
    elif not recorded:
        yield _without_figure(reading)


def _at_the_start(reading: GoalReading, goal: Entry, period: Period) -> Iterator[str]:
    wanted, track = reading.goal, reading.track
    until = f" by {day(reading.due)}" if reading.due else ""
    if track is None or not wanted.kpi or wanted.target is None:
        yield f"To be there{until}." if wanted.deliverable else f"To be done{until}." if until else "No due date yet."
        return
    target = track.say(wanted.target)
    if reading.over and reading.point.value is not None:
        of, end = ("of at most", "") if reading.aim == "use" else ("of", f", to be reached{until}")
        yield f"{track.say(reading.point.value)} {of} {target} so far{end}."
    elif reading.baseline is None:
        yield f"To {target}{until}."
    elif reading.aim == "keep":
        side = "above" if reading.rises else "below"
        yield f"{track.say(reading.baseline)} in {goal.about.period}, to stay at or {side} {target}{_until(reading)}."
    else:
        yield f"From {track.say(reading.baseline)} in {goal.about.period} to {target}{until}."
    yield f"Progress is first computed with the {period.next} figures."


def _until(reading: GoalReading) -> str:
    word = "until" if reading.aim == "keep" else "by"
    return f" {word} {day(reading.due)}" if reading.due else ""


def _with_figure(reading: GoalReading, value: float, track: Track) -> Iterator[str]:
    target, where = reading.goal.target, reading.point.period
    if target is None:
        yield f"{track.say(value)} in {where}; the goal names no target."
        return
    if reading.passed:
        when = f"by {day(reading.through.last_day)}" if _ends_early(reading) else f"in {where}"
        yield f"{track.say(value)} {when}, {_beside(reading, value, target, track)}."
    elif reading.over:
        of = "of at most" if reading.aim == "use" else "of"
        yield f"{track.say(value)} {of} {track.say(target)} by {day(reading.today)}."
    else:
        yield f"{track.say(value)} in {where}; the {reading.noun} is {track.say(target)}{_until(reading)}."
    yield from _pace_words(reading, track)
    if reading.covers and not reading.over and MONTHS[reading.covers.kind] > MONTHS[where.kind]:
        yield f"Figures of single periods are not added up over {reading.covers}; each counts for itself."
    if reading.baseline is not None:
        yield f"The baseline was {track.say(reading.baseline)}."


def _ends_early(reading: GoalReading) -> bool:
    """Whether a sum is decided before the period that its target covers is over."""
    return reading.over is not None and reading.through.last_day < reading.over.last_day


def _pace_words(reading: GoalReading, track: Track) -> Iterator[str]:
    if reading.over and reading.come and reading.due is not None and reading.due < reading.through.last_day:
        yield f"{reading.through} counts as a whole, though the goal was due on {day(reading.due)}."
    if reading.passed:
        return
    if reading.come:
        yield f"{reading.through} is not complete, so nothing is decided yet."
    elif reading.growing:
        yield f"{reading.through} is not complete, so there is no pace yet."
    elif reading.aim == "keep":
        yield f"The {reading.noun} is {'kept' if reading.reached else 'not kept'}."
    elif reading.reached:
        yield "The target is reached already."
    elif reading.expected is not None:
        yield f"An even {'use' if reading.aim == 'use' else 'pace'} would be {track.say(reading.expected)}."
    elif reading.due is None:
        yield "No due date, so there is no pace."
    else:
        yield "No baseline, so there is no pace."


def _beside(reading: GoalReading, value: float, target: float, track: Track) -> str:
    """Put a figure beside its target or limit: above, below or exactly it."""
    words = f"the {reading.noun} of {track.say(target)}"
    if same(value, target):
        return f"exactly {words}"
    return f"{track.apart(abs(value - target))} {'above' if value > target else 'below'} {words}"


def _without_figure(reading: GoalReading) -> str:
    due = f"Due on {day(reading.due)}" if reading.due else "No due date"
    if reading.goal.kpi:
        return f"{due}; n/a, {reading.point.reason}."
    return f"{due}; nothing was recorded." if reading.passed else f"{due}."
