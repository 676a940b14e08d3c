"""The sections that people write: data to escaped HTML through the templates, one function a section."""

from __future__ import annotations

from typing import Any, Final

from reviewlib.conversation.goals import followup, kpi
from reviewlib.conversation.visibility import VisibleEntries
from reviewlib.pages import entry_views, goal_views, plan_views, sentences, signing
from reviewlib.pages.rendering import Display, render
from reviewlib.review import Review

#: The sections that hold nothing but a subject's totals; where these are withheld, only the lead is left.
_TOTALS: Final = {"scorecard", "change", "pipeline", "customers", "skills", "next_period"}


def section(review: Review, name: str, title: str, **values: Any) -> Display:
    """Fill a section's template; the lead is the evidence's own where none is given."""
    lead = review.leads.get(name)
    filled = sentences.pieces(review, lead) if lead else []
    given: dict[str, Any] = {"id": name, "title": title, "lead": filled, "review": review, **values}
    html = render("section.html.j2" if review.data.get("withheld") and name in _TOTALS else f"blocks/{name}.html.j2", **given)
    return Display(html, f"{title}: {review.subject.name}, {review.period}", {"section": name, "title": title})


def agreed(review: Review) -> Display:
    """What was agreed in earlier reviews and what became of it."""
    found = goal_views.agreed(review)
    rows = plan_views.agreed_rows(review, found)
    said = followup.lead(found, review.workbook.local) if found else ""
    return section(review, "agreed", "What we agreed last time", rows=rows, told=said)


def own_view(review: Review) -> Display:
    """The rep's own view."""
    first = entry_views.side(review, "rep")
    entry, parts = entry_views.own_view(review) or (None, [])
    return section(
        review,
        "own_view",
        f"{first}’s view",
        by=entry_views.by(review, entry) if entry else None,
        unread=entry is not None and entry_views.unread(review, entry),
        parts=parts,
        answers=entry_views.answers(review, entry) if entry else (),
        withheld="self_review" in review.minutes.withheld,
        first=first,
        manager=entry_views.side(review, "manager"),
    )


def feedback(review: Review) -> Display:
    """Feedback in both directions, replies, disputed figures and concerns."""
    rep, manager = entry_views.side(review, "rep"), entry_views.side(review, "manager")
    threads = entry_views.feedback(review)
    return section(review, "feedback", "Feedback and replies", threads=threads, rep=rep, manager=manager)


def goals(review: Review) -> Display:
    """The goals, with their letters, their progress and their steps."""
    cards = goal_views.goals(review)
    return section(review, "goals", "Goals", cards=cards, told=_goals_lead(cards))


def _goals_lead(cards: list[goal_views.GoalCard]) -> str:
    carried = sum(bool(card.since) for card in cards)
    new = len(cards) - carried
    parts = [kpi.counted(new, "new goal")] if new else []
    if carried:
        parts.append(f"{kpi.number(carried) if new else kpi.counted(carried, 'goal')} carried over")
    return f"{' and '.join(parts).capitalize()}." if parts else ""


def development(review: Review) -> Display:
    """Coaching, training and mentoring."""
    rows = plan_views.development(review)
    return section(review, "development", "Development", rows=rows, notes=plan_views.moved(review))


def recognition(review: Review) -> Display:
    """Recognition confirmed by the manager."""
    return section(review, "recognition", "Recognition", found=plan_views.recognition(review))


def signoff(review: Review) -> Display:
    """The rating, the signatures, the head of the journal, how to answer, and what was amended after it."""
    state = review.minutes.state
    return section(
        review,
        "signoff",
        "Sign-off",
        rating=signing.rating(review),
        signatures=signing.signatures(review),
        released=state.released,
        head=signing.head(review.minutes),
        answer=review.answer if review.audience == "rep" and not state.closed else None,
        amendments=signing.amendments(review),
        manager=review.subject.manager or "the manager",
    )


def team_goals(review: Review) -> Display:
    """The goals across the team, and its open concerns."""
    tallies, untold = goal_views.tallies(review), plan_views.untold(review)
    running, behind = sum(one.goals for one in tallies), sum(one.behind for one in tallies)
    said = (
        f"{running} goal{'s run' if running != 1 else ' runs'}: {running - behind} on track or just started, {behind} behind."
    )
    return section(
        review,
        "team_goals",
        "Goals, development and concerns",
        tallies=[one for one in tallies if one.goals or one.ended or one.plans],
        quiet=[one.name for one in tallies if not (one.goals or one.ended or one.plans or one.name in untold)],
        partial=plan_views.partial(review),
        told=said if running else "",
        concerns=plan_views.open_concerns(review),
    )


def reviews(review: Review) -> Display:
    """The state of each rep's review (manager's copy)."""
    members = review.minutes.members
    manager = entry_views.side(review, "manager")
    rows = [
        (person.name, *_review_state(review, members[rep_id], sentences.first_name(person), manager))
        if rep_id in members
        else (
            person.name,
            "not_enough_data",
            "Open",
            f"waits for {sentences.first_name(person)}’s self-review and {manager}’s part",
        )
        for rep_id, person in review.people.items()
    ]
    return section(review, "reviews", "State of the reviews", rows=rows)


def _review_state(review: Review, minutes: VisibleEntries, rep: str, manager: str) -> tuple[str, str, str]:
    moment = signing.state_moment(minutes.state)
    waits = signing.waits_for(minutes, rep=rep, manager=manager)
    since = entry_views.day_of(review, moment) if moment and not waits else ""
    return signing.MARKS[minutes.state.name], signing.state_words(minutes.state), waits or since
