"""What was agreed, as plain values for the templates: decisions, development, recognition, the concerns of a team."""

from collections.abc import Mapping

from reviewlib.conversation.entries import Entry, said
from reviewlib.conversation.goals import plans
from reviewlib.conversation.goals.kpi import folded
from reviewlib.conversation.goals.progress import last_update, status_of
from reviewlib.conversation.kinds.plans import Action, Development, Recognition
from reviewlib.conversation.kinds.talk import Concern
from reviewlib.evidence.slicefile import Finding, RecommendedAction
from reviewlib.pages import entry_views, sentences
from reviewlib.pages.views import goal_review
from reviewlib.review import Review

#: What was decided on a recommendation, or added beside it.
Decision = tuple[Entry, Action]
#: A finding, its recommended actions with what was decided on each, and what was decided beside them.
Advice = tuple[Finding, list[tuple[RecommendedAction, list[Decision]]], list[Decision]]


def findings(review: Review, kind: str) -> tuple[list[Advice], list[Decision]]:
    """List the strengths or the areas to improve; then what was decided on them that the figures no longer give."""
    decided = [*said(review.minutes.of_kind("action"), Action)]
    found: list[Advice] = []
    for finding in (one for one in review.findings if one.kind == kind):
        own = [one for one in decided if one[1].kpi in (None, finding.kpi)]
        actions = [(act, [one for one in own if _same(review, act.text, one)]) for act in finding.actions]
        found.append((finding, actions, [one for one in own if one[1].kpi and not one[1].recommended]))
    shown = [decision for _, actions, added in found for decision in (*added, *(one for _, on_it in actions for one in on_it))]
    # What was decided on a recommendation that the figures no longer give is still agreed.
    rest = [one for one in decided if one not in shown and _on_strength(review, one) == (kind == "strength")]
    return found, rest


def _on_strength(review: Review, decision: Decision) -> bool:
    """Whether a decision is on a strength; all others stand with the areas to improve."""
    _, action = decision
    for finding in review.findings:
        about = action.kpi == finding.kpi and not action.recommended
        if finding.kind == "strength" and (about or any(_same(review, act.text, decision) for act in finding.actions)):
            return True
    return False


def _same(review: Review, text: str, decision: Decision) -> bool:
    """Whether a recommendation is the one decided on, written with its figures or before they were filled in."""
    return folded(decision[1].recommended) in (folded(text), folded(sentences.fill(review, text)))


def moved(review: Review) -> list[tuple[str, str]]:
    """Put the figure of each earlier item before and after it: what and since when, and the comparison."""
    now, found = goal_review(review), []
    for entry, item in said(review.minutes.earlier, Development):
        seen = plans.moved(entry, now)
        if seen:
            found.append((f"{item.way.capitalize()}: {item.text}, from {entry.about.period}.", " ".join(seen)))
    return found


def partial(review: Review) -> bool:
    """Whether a team's copy is read by managers who do not lead every rep, so that it holds less of some of them."""
    return any(one.partial for one in review.minutes.members.values())


def untold(review: Review) -> set[str]:
    """The names of the reps of whose review nothing is told yet to the managers who read the team's copy together."""
    found = (rep_id for rep_id, one in review.minutes.members.items() if one.partial and not one.state.released)
    return {review.people[rep_id].name for rep_id in found if rep_id in review.people}


def open_concerns(review: Review) -> list[tuple[str, str, str, bool]]:
    """List the open concerns of the team and its reps: whose, the words, who looks after it, whether it is private."""
    whose = [("The team", "The team", review.minutes)]
    for rep_id, minutes in review.minutes.members.items():
        person = review.people.get(rep_id)
        if person is not None:
            whose.append((person.name, sentences.first_name(person), minutes))
    found = []
    for name, first, minutes in whose:
        for entry, concern in said((*minutes.earlier, *minutes.entries), Concern):
            if status_of(last_update(entry, minutes)) != "resolved":
                who = first if concern.owner == "rep" else entry_views.side(review, "manager")
                found.append((name, concern.text, who, entry.visibility == "manager_only"))
    return found


def board(review: Review) -> list[tuple[str, str, str]]:
    """What the team's board shows: whose, for what, in words; only what the manager confirmed and the rep agreed to.

    The copy for the reps holds nothing else of its members, and no list of them: ``data["names"]`` names those on the board.
    """
    members = review.minutes.members
    if review.audience == "manager":
        shown = plans.board(members)
    else:
        confirmed = {rep_id: said(one.of_kind("recognition"), Recognition) for rep_id, one in members.items()}
        shown = [(rep_id, given.title, given.text) for rep_id, found in confirmed.items() for _, given in found]
    names = dict(review.data.get("names") or {}) | {rep_id: person.name for rep_id, person in review.people.items()}
    return [(names.get(rep_id, "A colleague"), title, text) for rep_id, title, text in shown]


def done_about(review: Review) -> Mapping[str, tuple[str, ...]]:
    """What is planned or was done about each skill in the team: by the skill's plain name, whose, what and how it stands."""
    people = review.people
    return {
        skill: tuple(f"{people[one.rep_id].name}: {one.plan.way}, {one.status}" for one in items if one.rep_id in people)
        for skill, items in plans.skills(review.minutes.members).items()
    }
