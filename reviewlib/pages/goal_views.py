"""Goals as plain values for the templates: cards with their letters, steps and progress, and the count across a team."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reviewlib.conversation.entries import Entry
from reviewlib.conversation.goals import followup
from reviewlib.conversation.goals.kpi import counted, number
from reviewlib.conversation.goals.progress import STATUSES, MilestoneProgress, Progress, Status, progress
from reviewlib.conversation.goals.smart import Backing, GoalContext, SmartCriterion, smart
from reviewlib.conversation.kinds.plans import Agreement, Development, Relevance
from reviewlib.pages import entry_views, labels, sentences
from reviewlib.pages.views import goal_review
from reviewlib.review import Review

#: How a goal’s status is marked, by the verdict whose mark it takes.
GOAL_MARKS: Final[Mapping[Status, str]] = {
    "starts": "not_enough_data",
    "on_track": "on_track",
    "behind": "watch",
    "met": "strength",
    "missed": "gap",
    "lapsed": "not_judged",
    "dropped": "not_judged",
    "open": "not_enough_data",
}
#: How a step’s status is called where that is not its own name.
_STEP_WORDS: Final = {"open": "", "done_late": "done late", "overdue": "date passed"}
#: How many coming reviews a due date may lie in before it is called far.
COMING: Final = 4


@dataclass(frozen=True)
class GoalCard:
    """A goal as a card: where it stands, its steps, its letters, its agreement, since when."""

    entry: Entry
    mark: str
    word: str
    width: float | None
    pace: float | None
    told: str
    lines: tuple[str, ...]
    steps: tuple[tuple[str, str, str, str, str], ...]
    letters: tuple[SmartCriterion, ...]
    agreement: str
    comment: str
    since: str


def goals(review: Review) -> list[GoalCard]:
    """List the goals as cards: those of this review, then those that carry over."""
    now = goal_review(review)
    new = [progress(entry, now) for entry in review.minutes.of_kind("goal")]
    old = [one.progress for one in followup.carried(now) if one.runs and one.progress]
    return [_card(review, reached) for reached in (*new, *old)]


def lead(cards: list[GoalCard]) -> str:
    """Count the goals in words: "Two new goals and one carried over."; empty where there are none."""
    carried = sum(bool(card.since) for card in cards)
    new = len(cards) - carried
    parts = [counted(new, "new goal")] if new else []
    if carried:
        parts.append(f"{number(carried) if new else counted(carried, 'goal')} carried over")
    return f"{' and '.join(parts).capitalize()}." if parts else ""


def _card(review: Review, reached: Progress) -> GoalCard:
    entry, goal = reached.entry, reached.goal
    agreement, comment = _agreement(review, entry)
    share = None if reached.share is None else min(1.0, reached.share)
    return GoalCard(
        entry=entry,
        mark=GOAL_MARKS[reached.status],
        word=STATUSES[reached.status],
        width=None if goal.kpi is None else 100 * (share or 0.0),
        pace=None if reached.pace is None else 100 * reached.pace,
        told=_told(reached, share),
        lines=(*reached.words, *((f"Who: {entry_views.side(review, goal.owner)}.",) if goal.owner == "manager" else ())),
        steps=tuple(_step(review, step) for step in reached.steps),
        letters=() if review.data.get("withheld") else _letters(review, reached),
        agreement=agreement,
        comment=comment,
        since="" if entry.about == review.about else entry.about.period,
    )


def _told(reached: Progress, share: float | None) -> str:
    if share is None:
        return "progress is not known"
    if reached.aim == "keep":
        return "kept" if share else "not kept"
    done = f"{share:.0%} of {'the limit is used' if reached.aim == 'use' else 'the way to the target'}"
    return f"{done}; an even pace would be {reached.pace:.0%}" if reached.pace is not None else done


def _step(review: Review, step: MilestoneProgress) -> tuple[str, str, str, str, str]:
    """A milestone's ISO date, its short date, its words, what became of it, and the last note on that."""
    word = _STEP_WORDS.get(step.status, step.status)
    if step.on is not None and step.status in ("done", "done_late"):
        word = f"{word} on {entry_views.day(review, step.on)}"
    owner = f" ({entry_views.side(review, step.owner)})" if step.owner == "manager" else ""
    short = " ".join(labels.short_day(step.due).split()[:2]) if step.due else "no date"
    notes = [text for _, text in entry_views.updates(review, step.entry)]
    return (step.due.isoformat() if step.due else "", short, f"{step.text}{owner}", word, notes[-1] if notes else "")


def _letters(review: Review, reached: Progress) -> tuple[SmartCriterion, ...]:
    own, steps = reached.own, [step.due for step in reached.steps]
    setting = GoalContext(
        period=own,
        as_of=own.last_day,
        coming=tuple(own.shift(ahead) for ahead in range(1, COMING + 1)),
        whose=f"{sentences.first_name(review.subject)}’s" if review.kind == "rep" else "the team’s",
    )
    return smart(reached.goal, steps, reached.track, setting=setting, backing=backing(review))


def backing(review: Review) -> Backing:
    """What a goal of this review may be linked to: what was found, the objectives, the aspirations."""
    view = entry_views.own_view(review)
    titles: dict[Relevance, Mapping[str, str]] = {
        "gap": {one.kpi: sentences.fill(review, one.title) for one in review.findings if one.kind == "improve"},
        "strength": {one.kpi: sentences.fill(review, one.title) for one in review.findings if one.kind == "strength"},
        "objective": {key: kpi.objective for key, kpi in review.kpis.items() if kpi.objective},
    }
    return Backing(titles, aspirations=getattr(view[0].payload, "aspirations", "") if view else "")


def _agreement(review: Review, entry: Entry) -> tuple[str, str]:
    """Say whether the rep agreed to a goal as it stands, with the comment."""
    name = entry_views.side(review, "rep")
    word = review.minutes.agreed(entry)
    if word is not None and isinstance(word.payload, Agreement):
        verb = "Agreed by" if word.payload.agrees else "Not agreed to by"
        return f"{verb} {name} on {entry_views.day_of(review, word.at)}{entry_views.doubted(word)}", word.payload.text
    if entry.side == "rep":
        return f"Set by {name}", ""
    if review.minutes.on(entry, "agreement"):
        return f"{name} agreed to an earlier wording; not to this one yet", ""
    return f"Not agreed by {name} yet", ""


@dataclass(frozen=True)
class Tally:
    """The goals and the development of one rep of a team, counted."""

    name: str
    goals: int
    well: int
    behind: int
    ended: int
    plans: int

    @property
    def any(self) -> bool:
        """Whether there is anything to count."""
        return bool(self.goals or self.ended or self.plans)


def tallies(review: Review) -> list[Tally]:
    """Count the goals and development items of each of a team's reps (manager's copy)."""
    return [_tally(review, rep_id) for rep_id in review.minutes.members if rep_id in review.people]


def _tally(review: Review, rep_id: str) -> Tally:
    now = goal_review(review, review.people[rep_id])
    new = [progress(entry, now) for entry in now.minutes.of_kind("goal")]
    before = followup.carried(now)
    old = [one.progress for one in before if one.progress is not None]
    found = Counter(one.status for one in (*new, *old))
    running = [one for one in before if one.runs and isinstance(one.entry.payload, Development)]
    return Tally(
        name=review.people[rep_id].name,
        goals=sum(found[status] for status in ("starts", "open", "on_track", "behind")),
        well=sum(found[status] for status in ("starts", "open", "on_track")),
        behind=found["behind"],
        ended=found["met"] + found["missed"] + found["lapsed"] + found["dropped"],
        plans=len(now.minutes.of_kind("development")) + len(running),
    )
