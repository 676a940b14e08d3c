"""One section of a page: title, lead and what a template makes of it."""

from __future__ import annotations

from typing import Any, Final

from reviewlib.pages import sentences
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
