"""What was agreed last time, and what became of it.

A review opens with every agreement of the one before it, and with older ones that were still open then.
"""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from reviewlib.conversation.entries import Entry
from reviewlib.conversation.goals.kpi import day
from reviewlib.conversation.goals.progress import Clock, GoalReview, Progress, last_update, on_day, progress, status_of
from reviewlib.conversation.kinds import ENDED, KINDS
from reviewlib.conversation.kinds.plans import Action, Agreement, Goal, Milestone
from reviewlib.conversation.kinds.talk import Concern
from reviewlib.conversation.visibility import VisibleEntries
from reviewlib.params.words import agreeing, counted, number
from reviewlib.periods import Period

Outcome = Literal[
    "met", "missed", "kept", "kept_late", "not_kept", "carried_over", "dropped", "lapsed", "resolved", "open"
]  # fmt: skip
#: The outcomes in words.
OUTCOMES: Final[Mapping[Outcome, str]] = {outcome: outcome.replace("_", " ").capitalize() for outcome in get_args(Outcome)}
#: How the lead sentence counts the outcomes: the words for one and for several.
_COUNTED: Final[Mapping[tuple[Outcome, ...], str]] = {
    ("met", "kept", "resolved"): "were kept",
    ("kept_late",): "were kept late",
    ("missed", "not_kept"): "were missed",
    ("lapsed",): "lapsed",
    ("dropped",): "were dropped",
    ("carried_over", "open"): "run on",
}
#: What became of what ended by such a status; of a deed the other ends are late or not.
_ENDS: Final[Mapping[str, Outcome]] = {"met": "met", "missed": "missed", "lapsed": "lapsed", "dropped": "dropped"}


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
        progress: A goal's progress.
    """

    entry: Entry
    what: str
    who: str
    due: dt.date | None
    outcome: Outcome
    words: tuple[str, ...]
    progress: Progress | None = None

    @property
    def since(self) -> str:
        """The name of the period in whose review it was agreed."""
        return self.entry.about.period

    @property
    def runs(self) -> bool:
        """Whether it is still open."""
        return self.outcome in ("carried_over", "open")


def carried(review: GoalReview) -> list[Agreed]:
    """List what was agreed earlier, in that order, with what became of it.

    Goals, actions (the manager's promises too), development items and concerns: those of the review before this one, and
    older ones that had not ended by then. A recommendation that was dismissed is no agreement.
    """
    before = previous_review(review.minutes, review.period)
    if before is None:
        return []
    rows = [row for entry in review.minutes.earlier if (row := _row(entry, review)) is not None]
    return [row for row in rows if _belongs(row, review, before)]


def previous_review(minutes: VisibleEntries, period: Period) -> Period | None:
    """The period of the latest earlier review that left something to look back at."""
    names = {entry.about.period for entry in minutes.earlier}
    return max((Period.parse(name, period.fiscal) for name in names), key=lambda one: one.end, default=None)


def lead(rows: Sequence[Agreed], clock: Clock) -> str:
    """Say it in one sentence: "Of five agreements made on 16 July 2026, two were kept, one was missed and two run on."."""
    if not rows:
        return "Nothing was agreed in an earlier review."
    days = {clock(row.entry.at).date() for row in rows}
    made = f"made {'on' if len(days) == 1 else 'by'} {day(max(days))}"
    found = Counter(row.outcome for row in rows)
    parts = []
    for outcomes, words in _COUNTED.items():
        if size := sum(found[outcome] for outcome in outcomes):
            parts.append((size, agreeing(words, size)))
    if len(rows) == 1:
        return f"The one agreement {made} {parts[0][1]}."
    if len(parts) == 1:
        return f"All {number(len(rows))} agreements {made} {parts[0][1]}."
    said = [f"{number(size)} {words}" for size, words in parts]
    return f"Of {number(len(rows))} agreements {made}, {', '.join(said[:-1])} and {said[-1]}."


def _belongs(row: Agreed, review: GoalReview, before: Period) -> bool:
    """Leave out what had ended by the time of the previous review and is not touched in this one."""
    if row.since == before.name or row.runs:
        return True
    updates = review.minutes.on(row.entry, "update")
    if any(update.about == review.minutes.about for update in updates):
        return True
    ended_by_hand = any(status_of(update) in ENDED for update in updates)
    return not ended_by_hand and row.due is not None and row.due > before.last_day


def _row(entry: Entry, review: GoalReview) -> Agreed | None:
    match entry.payload:
        case Goal() as goal:
            now = progress(entry, review)
            words = [*now.words, *_refused(entry, review)]
            outcome = _ENDS.get(now.status, "carried_over")
            return Agreed(entry, goal.statement, goal.owner, now.due, outcome, tuple(words), now)
        case Action(decision="dismissed") | Milestone():  # the one is no agreement, the other is told with its goal
            return None
        case Concern() as concern:
            update = last_update(entry, review.minutes)
            on = on_day(update, review.clock) if update is not None and status_of(update) == "resolved" else None
            said = f"Resolved on {day(on)}." if on else f"Open since the review of {entry.about.period}."
            return Agreed(entry, concern.text, concern.owner, None, "resolved" if on else "open", (said,))
        case other if KINDS[entry.kind].carries:
            due = getattr(other, "due", None)
            outcome, words = _deed(last_update(entry, review.minutes), due, review)
            words += _refused(entry, review)
            return Agreed(entry, getattr(other, "text", ""), getattr(other, "owner", ""), due, outcome, tuple(words))
    return None


def _refused(entry: Entry, review: GoalReview) -> list[str]:
    word = review.minutes.agreed(entry)
    refused = word is not None and isinstance(word.payload, Agreement) and not word.payload.agrees
    return ["The rep did not agree to it."] if refused else []


def _deed(update: Entry | None, due: dt.date | None, review: GoalReview) -> tuple[Outcome, list[str]]:
    """What became of an action or a development item by its latest update, and the same as sentences."""
    status = status_of(update)
    on = on_day(update, review.clock) if update is not None else None
    if on and status in ("done", "met", "resolved"):
        late = max(0, (on - due).days) if due else 0
        words = f", {counted(late, 'days')} late" if late else ""
        return "kept_late" if late else "kept", [f"{str(status).capitalize()} on {day(on)}{words}."]
    if on and (end := _ENDS.get(str(status))):
        return end, [f"{end.capitalize()} on {day(on)}."]
    since = [f"{str(status).capitalize()} since {day(on)}."] if on and status not in ENDED else []
    if due is not None and due <= min(review.as_of, review.period.last_day):
        return "not_kept", [f"Due on {day(due)}; not recorded as done.", *since]
    return "carried_over", [*since, f"Due on {day(due)}." if due else "No due date."]
