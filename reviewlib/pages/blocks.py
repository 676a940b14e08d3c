"""The sections of a review: data to escaped HTML, one function a section; its template asks for what it shows.

The same names serve reps and teams; the templates decide by ``review.kind``.
"""

from typing import Final, get_args

from reviewlib.conversation.goals import followup, plans, progress
from reviewlib.conversation.kinds.record import Section
from reviewlib.pages import (
    adjustment_views,
    components,
    entry_views,
    goal_views,
    labels,
    plan_views,
    provenance,
    sentences,
    signing,
    team_views,
    verdict_views,
    views,
    wording,
)
from reviewlib.pages.rendering import Display, lab_style, render
from reviewlib.review import Review

__all__ = [
    "achievements", "agreed", "change", "customers", "development", "distribution", "feedback", "figures", "goals", "header",
    "improve", "next_period", "own_view", "pipeline", "recognition", "reps", "reviews", "scorecard", "signoff", "skills",
    "strengths", "summary", "team_goals",
]  # fmt: skip

#: The sections that hold people's words or depend on them.
WRITTEN: Final = ("header", *get_args(Section), "team_goals", "skills", "reviews")
_COPIES: Final = {"manager": "Manager’s copy", "rep": "Rep’s copy"}
#: The sections that hold nothing but a subject's totals; where these are withheld, only the lead is left.
_TOTALS: Final = {"scorecard", "change", "pipeline", "customers", "skills", "next_period"}
#: The modules that templates ask, by their names.
_ASKED: Final = {
    module.__name__.rpartition(".")[2]: module
    for module in (
        adjustment_views, components, entry_views, followup, goal_views, labels, plan_views, plans, progress, provenance,
        sentences, signing, team_views, verdict_views, views, wording,
    )
}  # fmt: skip


def section(review: Review, name: str, title: str) -> Display:
    """Fill a section's template, which asks for what it shows; the lead is the evidence's own."""
    withheld = review.data.get("withheld") and name in _TOTALS
    template = "section.html.j2" if withheld else f"blocks/{name}.html.j2"
    html = render(template, id=name, title=title, review=review, sheet=views.FigureTable(review), **_ASKED)
    return Display(html, f"{title}: {review.subject.name}, {review.period}", {"section": name, "title": title})


def header(review: Review) -> Display:
    """Whose review this is, of when, and from which figures; carries the style for JupyterLab."""
    colours = {"accent": review.workbook.accent, "accent_dark": review.workbook.accent_dark}
    kind = "Sales performance review" if review.kind == "rep" else "Team performance review"
    copy = _COPIES[review.audience]
    html = render("blocks/header.html.j2", css=lab_style(**colours), kind=kind, copy=copy, review=review, **_ASKED)
    title = f"{review.subject.name}, {review.period}: {kind.lower()}"
    return Display(html, title, {"section": "header", "title": title, "foot": _foot(review, kind), **colours})


def _foot(review: Review, kind: str) -> str:
    """Say at the foot of the page whose figures it holds and from which snapshot."""
    name = review.subject.name
    holds = {
        ("rep", "rep"): f"holds {name}’s figures and no other rep’s",
        ("rep", "manager"): f"holds {name}’s figures, for the manager’s use",
        ("team", "manager"): "holds the figures of named reps; not for passing on",
        ("team", "rep"): "names reps only on the board, where they agreed to it" if review.minutes.members else "names no rep",
    }[review.kind, review.audience]
    made = f"Made from snapshot {review.workbook.snapshot}, figures as of {labels.day(review.workbook.as_of)}."
    head = signing.head(review.minutes)
    return f"{kind}, {review.period}. {_COPIES[review.audience]}: {holds}. {made}{f' {head}.' if head else ''}"


def summary(review: Review) -> Display:
    """The period in a few sentences."""
    return section(review, "summary", "Summary")


def scorecard(review: Review) -> Display:
    """Every figure with target, trend, change, peers and verdict; below them why others are not there at all."""
    return section(review, "scorecard", "Scorecard" if review.kind == "rep" else "Team scorecard")


def change(review: Review) -> Display:
    """What changed since the previous period, and what explains it."""
    return section(review, "change", "What changed and why")


def pipeline(review: Review) -> Display:
    """The open pipeline: how it moved, and at which stages it stands."""
    return section(review, "pipeline", "Pipeline")


def customers(review: Review) -> Display:
    """Customers won and kept."""
    return section(review, "customers", "Customers won and kept")


def strengths(review: Review) -> Display:
    """What the figures show to be strong, with the evidence."""
    return section(review, "strengths", "Strengths")


def improve(review: Review) -> Display:
    """What the figures show to be short, with the evidence and what is recommended."""
    return section(review, "improve", "Areas to improve")


def achievements(review: Review) -> Display:
    """What the recognition rules found; on a team's page also its board, with what was confirmed and may be shown."""
    return section(review, "achievements", "Achievements")


def next_period(review: Review) -> Display:
    """What counts in the next period: its target, what covers it, the objectives."""
    return section(review, "next_period", f"What counts in {review.period.next}")


def figures(review: Review) -> Display:
    """How the figures were made: what was read, and the evidence of each."""
    return section(review, "figures", "How the figures were made")


def reps(review: Review) -> Display:
    """The reps of a team side by side (manager's copy)."""
    return section(review, "reps", "Reps side by side")


def distribution(review: Review) -> Display:
    """Each rep's quota attainment on one line (manager's copy)."""
    return section(review, "distribution", "Against targets")


def skills(review: Review) -> Display:
    """Skills that open areas of the team call for."""
    return section(review, "skills", "Skills to build")


def agreed(review: Review) -> Display:
    """What was agreed in earlier reviews and what became of it."""
    return section(review, "agreed", "What we agreed last time")


def own_view(review: Review) -> Display:
    """The rep's own view."""
    return section(review, "own_view", f"{entry_views.side(review, 'rep')}’s view")


def feedback(review: Review) -> Display:
    """Feedback in both directions, replies, disputed figures and concerns."""
    return section(review, "feedback", "Feedback and replies")


def goals(review: Review) -> Display:
    """The goals, with their letters, their progress and their steps."""
    return section(review, "goals", "Goals")


def development(review: Review) -> Display:
    """Coaching, training and mentoring."""
    return section(review, "development", "Development")


def recognition(review: Review) -> Display:
    """Recognition confirmed by the manager."""
    return section(review, "recognition", "Recognition")


def signoff(review: Review) -> Display:
    """The rating, the signatures, the head of the journal, how to answer, and what was amended after it."""
    return section(review, "signoff", "Sign-off")


def team_goals(review: Review) -> Display:
    """The goals across the team, and its open concerns."""
    return section(review, "team_goals", "Goals, development and concerns")


def reviews(review: Review) -> Display:
    """The state of each rep's review (manager's copy)."""
    return section(review, "reviews", "State of the reviews")
