"""What a review tells of earlier ones whose figures the CRM says differently by now: sentences, and the deals."""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, Final

from reviewlib.pages import edit_views, labels, sentences
from reviewlib.params.kpis import RESULT
from reviewlib.periods import Period
from reviewlib.review import Review

_HAPPENED: Final = {
    "added": "arrived",
    "removed": "went out of the CRM",
    "changed": "was changed",
    "came": "came from another rep",
    "left": "went to another rep",
}


def told(review: Review) -> Mapping[str, Any]:
    """What was found, as ``Adjuster.of`` tells it; empty where no earlier review was released."""
    return {"figures": (), "deals": (), "elsewhere": 0, "gone": (), **review.data.get("adjustments", {})}


def periods(review: Review) -> Iterator[tuple[str, str]]:
    """Tell of each earlier period whose figures differ, the latest first: the result in a sentence, then all others."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    style = sentences.style(review)
    for row in told(review)["figures"]:
        found.setdefault(row["period"], []).append(row)
    for period, rows in reversed(found.items()):
        signed = "signed" if rows[0]["signed"] else "released"
        result = [f"{_figure(review, row)}{_why(review, row)}" for row in rows if row["kpi"] == RESULT.key]
        others = [
            f"{kpi.label} {' → '.join(style.value(row[name], kpi.unit) for name in ('before', 'now'))}"
            for row in rows
            if (kpi := review.kpis[row["kpi"]]).key != RESULT.key
        ]
        yield (
            f"{period} was {signed} at {result[0]}." if result else "",
            f"Other figures of {period}, as {signed} and as the CRM has them now: {'; '.join(others)}." if others else "",
        )


def _figure(review: Review, row: Mapping[str, Any]) -> str:
    """Say how a figure was signed, how the latest review told it where that is another one, and what it is now."""
    unit, style = review.kpis[row["kpi"]].unit, sentences.style(review)
    before, between, now = (style.value(row[name], unit) for name in ("before", "told", "now"))
    since = told(review)["since"]["period"]
    if between == now:
        return f"{before}; the CRM now says {now}, as the review of {since} told"
    return f"{before}; {'' if between == before else f'{between} in the review of {since}; '}the CRM now says {now}"


def _why(review: Review, row: Mapping[str, Any]) -> str:
    """Name the deal by which revenue differs, or say that there are several; what was told already is not told again."""
    period, found = Period.parse(row["period"], review.period.fiscal), told(review)
    if row["told"] == row["now"]:
        return ""
    closed = [[side["closed_on"] for side in (deal["before"], deal["after"]) if side] for deal in found["deals"]]
    inside = [any(day and period.start <= dt.date.fromisoformat(day) < period.end for day in days) for days in closed]
    own = [deal for deal, counts in zip(found["deals"], inside, strict=True) if counts]
    if len(own) == found["count"] == 1:
        return f": one deal ({_said(review, own[0])}) {happened(review, own[0])}"
    return ": its deals are below" if own else "; no deal below explains it: a target, a team or a rule may have changed"


def deals(review: Review) -> list[tuple[str, ...]]:
    """List the deals: which, whose on a team's page, what happened, and what the CRM says."""
    return [
        (deal["deal_id"], *([deal["rep"]] if review.kind == "team" else []), happened(review, deal), _said(review, deal))
        for deal in told(review)["deals"]
    ]


def _said(review: Review, deal: Mapping[str, Any]) -> str:
    return edit_views.said(deal["before"], deal["after"], sentences.style(review), review.period)


def happened(review: Review, deal: Mapping[str, Any]) -> str:
    """Say what happened to a deal, and between which exports: "arrived between 10 July and 12 October 2026"."""
    first, last = dt.date.fromisoformat(told(review)["since"]["as_of"]), review.workbook.as_of
    between = f"between {labels.day(first, near=last)} and {labels.day(last)}"
    return f"{_HAPPENED[deal['kind']]} {between if first < last else f'in another export of {labels.day(last)}'}"
