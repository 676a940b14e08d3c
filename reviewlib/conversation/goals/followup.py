"""What was agreed last time, and what became of it.

A review opens with every agreement of the one before it, and with older ones that were still open then.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from reviewlib.conversation.entries import Entry
from reviewlib.conversation.goals.kpi import Track, day, number
from reviewlib.conversation.goals.progress import Clock, Progress, in_utc, last_update, on_day, progress, status_of
from reviewlib.conversation.kinds import ENDED, Action, Agreement, Concern, Development, Goal
from reviewlib.conversation.visibility import VisibleEntries
from reviewlib.periods import Period

Outcome = Literal[
    "met", "missed", "kept", "kept_late", "not_kept", "carried_over", "dropped", "lapsed", "resolved", "open"
]  # fmt: skip
#: The outcomes in words.
OUTCOMES: Final[Mapping[Outcome, str]] = MappingProxyType(
    {
        "met": "Met",
        "missed": "Missed",
        "kept": "Kept",
        "kept_late": "Kept late",
        "not_kept": "Not kept",
        "carried_over": "Carried over",
        "dropped": "Dropped",
        "lapsed": "Lapsed",
        "resolved": "Resolved",
        "open": "Open",
    }
)
#: How the lead sentence counts the outcomes: the words for one and for several.
_COUNTED: Final[Mapping[tuple[Outcome, ...], tuple[str, str]]] = MappingProxyType(
    {
        ("met", "kept", "resolved"): ("was kept", "were kept"),
        ("kept_late",): ("was kept late", "were kept late"),
        ("missed", "not_kept"): ("was missed", "were missed"),
        ("lapsed",): ("lapsed", "lapsed"),
        ("dropped",): ("was dropped", "were dropped"),
        ("carried_over", "open"): ("runs on", "run on"),
    }
)
_RUNNING: Final = frozenset({"carried_over", "open"})


@dataclass(frozen=True)
class Agreed:
    """One agreement of an earlier review and what became of it.

    Attributes:
        entry: The goal, action, development item or concern.
        what: Its words.
        who: Who was to do it: a side; of a development item whoever was written down, or nobody.
        due: Until when.
        outcome: A key of ``OUTCOMES``.
        words: What became of it, as sentences.
        since: The name of the period in whose review it was agreed.
        updates: Its updates, oldest first; their notes are people's own words.
        progress: A goal's progress.
        agrees: A goal: whether the rep agreed to it; None without a word.
    """

    entry: Entry
    what: str
    who: str
    due: dt.date | None
    outcome: Outcome
    words: tuple[str, ...]
    since: str
    updates: tuple[Entry, ...]
    progress: Progress | None = None
    agrees: bool | None = None

    @property
    def runs(self) -> bool:
        """Whether it is still open."""
        return self.outcome in _RUNNING


def carried(
    minutes: VisibleEntries,
    *,
    period: Period,
    as_of: dt.date,
    tracks: Mapping[str, Track] = MappingProxyType({}),
    clock: Clock = in_utc,
) -> list[Agreed]:
    """List what was agreed earlier, with what became of it.

    Goals, actions (the manager's promises too), development items and concerns: those of the review before this one, and
    older ones that had not ended by then. A recommendation that was dismissed is no agreement.

    Args:
        minutes: The review's; what its audience may not read is not in them.
        period: The review's period.
        as_of: How far the data reach.
        tracks: The figures by KPI.
        clock: The workbook's, by which entries have their days.

    Returns:
        In the order in which they were agreed.
    """
    before = previous_review(minutes, period)
    if before is None:
        return []
    asked = _Asked(minutes, period, before, as_of, tracks, clock)
    return [row for entry in minutes.earlier if (row := _row(entry, asked)) is not None and _belongs(row, asked)]


def previous_review(minutes: VisibleEntries, period: Period) -> Period | None:
    """The period of the latest earlier review that left something to look back at."""
    names = {entry.about.period for entry in minutes.earlier}
    return max((Period.parse(name, period.fiscal) for name in names), key=lambda one: one.end, default=None)


def counts(rows: Sequence[Agreed]) -> Counter[Outcome]:
    """Count the outcomes."""
    return Counter(row.outcome for row in rows)


def lead(rows: Sequence[Agreed], clock: Clock = in_utc) -> str:
    """Say it in one sentence: "Of five agreements made on 16 July 2026, two were kept, one was missed and two run on."."""
    if not rows:
        return "Nothing was agreed in an earlier review."
    days = {clock(row.entry.at).date() for row in rows}
    made = f"made {'on' if len(days) == 1 else 'by'} {day(max(days))}"
    found = counts(rows)
    parts = []
    for outcomes, (one, several) in _COUNTED.items():
        if size := sum(found[outcome] for outcome in outcomes):
            parts.append((size, one if size == 1 else several))
    if len(rows) == 1:
        return f"The one agreement {made} {parts[0][1]}."
    if len(parts) == 1:
        return f"All {number(len(rows))} agreements {made} {parts[0][1]}."
    said = [f"{number(size)} {words}" for size, words in parts]
    return f"Of {number(len(rows))} agreements {made}, {', '.join(said[:-1])} and {said[-1]}."


@dataclass(frozen=True)
class _Asked:
    """What every row is made from."""

    minutes: VisibleEntries
    period: Period
    before: Period
    as_of: dt.date
    tracks: Mapping[str, Track]
    clock: Clock

    @property
    def today(self) -> dt.date:
        return min(self.as_of, self.period.last_day)

    def day(self, update: Entry) -> dt.date:
        """The day on which what an update tells happened."""
        return on_day(update, self.clock)


def _belongs(row: Agreed, asked: _Asked) -> bool:
    """Leave out what had ended by the time of the previous review and is not touched in this one."""
    if row.since == asked.before.name or row.runs:
        return True
    if any(update.about == asked.minutes.about for update in row.updates):
        return True
    ended_by_hand = any(status_of(update) in ENDED for update in row.updates)
    return not ended_by_hand and row.due is not None and row.due > asked.before.last_day


def _row(entry: Entry, asked: _Asked) -> Agreed | None:
    payload = entry.payload
    if isinstance(payload, Goal):
        return _goal(entry, payload, asked)
    if isinstance(payload, Action) and payload.decision != "dismissed":
        return _deed(entry, asked, what=payload.text, who=payload.owner, due=payload.due)
    if isinstance(payload, Development):
        return _deed(entry, asked, what=payload.text, who=payload.owner, due=payload.due)
    if isinstance(payload, Concern):
        return _concern(entry, payload, asked)
    return None


def _goal(entry: Entry, goal: Goal, asked: _Asked) -> Agreed:
    track = asked.tracks.get(goal.kpi) if goal.kpi else None
    now = progress(entry, asked.minutes, track, period=asked.period, as_of=asked.as_of, clock=asked.clock)
    ends: dict[str, Outcome] = {"met": "met", "missed": "missed", "lapsed": "lapsed", "dropped": "dropped"}
    word = asked.minutes.agreed(entry)
    agrees = word.payload.agrees if word is not None and isinstance(word.payload, Agreement) else None
    return Agreed(
        entry=entry,
        what=goal.statement,
        who=goal.owner,
        due=now.due,
        outcome=ends.get(now.status, "carried_over"),
        words=now.words + (("The rep did not agree to it.",) if agrees is False else ()),
        since=entry.about.period,
        updates=tuple(asked.minutes.on(entry, "update")),
        progress=now,
        agrees=agrees,
    )


def _deed(entry: Entry, asked: _Asked, *, what: str, who: str, due: dt.date | None) -> Agreed:
    """An action or a development item: kept, kept late, not kept, dropped, or still running."""
    update = last_update(entry, asked.minutes)
    outcome = _deed_outcome(update, due, asked)
    return Agreed(
        entry=entry,
        what=what,
        who=who,
        due=due,
        outcome=outcome,
        words=tuple(_deed_words(outcome, update, due, asked)),
        since=entry.about.period,
        updates=tuple(asked.minutes.on(entry, "update")),
    )


def _deed_outcome(update: Entry | None, due: dt.date | None, asked: _Asked) -> Outcome:
    status = status_of(update)
    if update is not None and status == "done":
        return "kept_late" if due is not None and asked.day(update) > due else "kept"
    if status == "dropped":
        return "dropped"
    return "not_kept" if due is not None and due <= asked.today else "carried_over"


def _deed_words(outcome: Outcome, update: Entry | None, due: dt.date | None, asked: _Asked) -> Iterator[str]:
    status = status_of(update)
    if update is not None and outcome in ("kept", "kept_late"):
        late = (asked.day(update) - due).days if outcome == "kept_late" and due else 0
        words = f", {late} day{'' if late == 1 else 's'} late" if late else ""
        yield f"Done on {day(asked.day(update))}{words}."
    elif update is not None and outcome == "dropped":
        yield f"Dropped on {day(asked.day(update))}."
    elif outcome == "not_kept" and due is not None:
        yield f"Due on {day(due)}; not recorded as done."
    if update is not None and outcome in ("not_kept", "carried_over") and status not in ENDED:
        yield f"{str(status).capitalize()} since {day(asked.day(update))}."
    if outcome == "carried_over":
        yield f"Due on {day(due)}." if due else "No due date."


def _concern(entry: Entry, concern: Concern, asked: _Asked) -> Agreed:
    update = last_update(entry, asked.minutes)
    resolved = update is not None and status_of(update) == "resolved"
    said = (
        f"Resolved on {day(asked.day(update))}." if resolved and update else f"Open since the review of {entry.about.period}."
    )
    return Agreed(
        entry=entry,
        what=concern.text,
        who=concern.owner,
        due=None,
        outcome="resolved" if resolved else "open",
        words=(said,),
        since=entry.about.period,
        updates=tuple(asked.minutes.on(entry, "update")),
    )
