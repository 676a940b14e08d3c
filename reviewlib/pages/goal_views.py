"""Goals as the templates show them: how far each has come, its letters and the rep's word on it, the count across a team."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reviewlib.conversation.goals import followup
from reviewlib.conversation.goals.progress import Progress, progress
from reviewlib.conversation.goals.smart import Backing, GoalContext, SmartCriterion, smart
from reviewlib.conversation.kinds.plans import Development, Relevance
from reviewlib.pages import sentences
from reviewlib.pages.views import goal_review
from reviewlib.params.words import number, spelled
from reviewlib.review import Review

#: How many coming reviews a due date may lie in before it is called far.
COMING: Final = 4


def goals(review: Review) -> list[Progress]:
    """List the goals with how far they have come: those of this review, then those that carry over."""
    now = goal_review(review)
    new = [progress(entry, now) for entry in review.minutes.of_kind("goal")]
    old = [one.progress for one in followup.carried(now) if one.runs and one.progress]
    return [*new, *old]


def lead(review: Review, shown: list[Progress]) -> str:
    """Count the goals in words: "Two new goals and one carried over."; empty where there are none."""
    carried = sum(one.entry.about != review.about for one in shown)
    new = len(shown) - carried
    parts = [spelled(new, "new goal")] if new else []
    if carried:
        parts.append(f"{number(carried) if new else spelled(carried, 'goal')} carried over")
    return f"{' and '.join(parts).capitalize()}." if parts else ""


def told(reached: Progress) -> str:
    """Say how far a goal has come, and how far it would be at an even pace."""
    if reached.share is None:
        return "progress is not known"
    share = min(1.0, reached.share)
    if reached.aim == "keep":
        return "kept" if share else "not kept"
    done = f"{share:.0%} of {'the limit is used' if reached.aim == 'use' else 'the way to the target'}"
    return f"{done}; an even pace would be {reached.pace:.0%}" if reached.pace is not None else done


def letters(review: Review, reached: Progress) -> tuple[SmartCriterion, ...]:
    """The letters of a goal; none where the figures that they are held against are withheld."""
    if review.data.get("withheld"):
        return ()
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
    view = review.minutes.state.answer
    titles: dict[Relevance, Mapping[str, str]] = {
        "gap": {one.kpi: sentences.fill(review, one.title) for one in review.findings if one.kind == "improve"},
        "strength": {one.kpi: sentences.fill(review, one.title) for one in review.findings if one.kind == "strength"},
        "objective": {key: kpi.objective for key, kpi in review.kpis.items() if kpi.objective},
    }
    return Backing(titles, aspirations=getattr(view.payload, "aspirations", "") if view else "")


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
