"""What stands at the head and the foot of a review."""

from __future__ import annotations

from typing import Any, Final

from reviewlib.pages import labels, signing
from reviewlib.review import Review

COPIES: Final = {"manager": "Manager’s copy", "rep": "Rep’s copy"}


def facts(review: Review) -> list[tuple[str, str]]:
    """List what stands below the name: role, manager, dates, state, copy."""
    subject, book = review.subject, review.workbook
    team = team_name(subject.team) if subject.team else None
    found = [
        (
            "Role" if subject.role else "Team",
            ", ".join(part for part in (subject.role, team) if part) if review.kind == "rep" else "",
        ),
        ("Reps", str(len(review.people)) if review.kind == "team" and review.people else ""),
        ("Manager", subject.manager or ""),
        ("Started", labels.day(subject.started_on) if _inside(review, subject.started_on) else ""),
        ("Left", labels.day(subject.left_on) if _inside(review, subject.left_on) else ""),
        ("Figures as of", labels.day(book.as_of)),
        ("Frozen", labels.day(book.frozen_on)),
        ("State", signing.dated(review)),
        ("Copy", COPIES[review.audience]),
    ]
    return [(name, text) for name, text in found if text]


def team_name(name: str) -> str:
    """Write a team's name so that it reads as one."""
    return name if name.lower().startswith("team ") else f"Team {name}"


def _inside(review: Review, day: Any) -> bool:
    return day is not None and review.period.start <= day < review.period.end


def incomplete(review: Review) -> str:
    """Say that the period reaches beyond the export; empty where it does not."""
    if not review.workbook.incomplete:
        return ""
    ends, known = labels.day(review.period.last_day), labels.day(review.workbook.as_of)
    return f"{review.period}: it ends on {ends}, and the export reaches to {known}. Targets are those of the whole period."


def foot(review: Review, kind: str) -> str:
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
    return f"{kind}, {review.period}. {COPIES[review.audience]}: {holds}. {made}{f' {head}.' if head else ''}"
