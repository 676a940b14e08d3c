"""An entry in words: how a list names it, and everything that it says."""

import datetime as dt
from typing import Any, Final

from reviewlib.conversation.entries import Entry
from reviewlib.conversation.kinds import KINDS
from reviewlib.conversation.kinds.record import Payload, words_of
from reviewlib.pages import labels, paragraphs, sentences
from reviewlib.params.figures import Kpi
from reviewlib.review import Review

#: What quotes an entry best: the first of these fields that it has.
_TELLING: Final = ("statement", "title", "text", "reason", "perspective", "label", "comment", "note")
_SHORT: Final = 70


def telling(entry: Entry) -> str:
    """The words that an entry is told apart by."""
    return next((text for name in _TELLING if (text := getattr(entry.payload, name, ""))), "")


def named(review: Review, entry: Entry) -> str:
    """Name an entry in a list: its kind, its figure and the beginning of its text."""
    kpi = review.kpis.get(getattr(entry.payload, "kpi", None) or "")
    parts = (KINDS[entry.kind].label, kpi.label if kpi else "", " ".join(telling(entry).split()))
    return paragraphs.short(": ".join(part for part in parts if part), _SHORT)


def chosen(payload: Payload, name: str) -> str:
    """Say a field that people choose from in their words."""
    return words_of(type(payload), name)[getattr(payload, name)]


def in_words(review: Review, payload: Payload, *, without: str = "") -> list[tuple[str, str]]:
    """Label and text of everything that an entry says, exactly as it was stored; ``without`` one of its fields."""
    model, told = type(payload), payload.model_dump()
    kpi = review.kpis.get(str(told.get("kpi")))
    return [
        (model.model_fields[name].title or name, words_of(model, name).get(str(value)) or _shown(review, name, value, kpi))
        for name, value in told.items()
        if value not in (None, "") and name != without
    ]


def _shown(review: Review, name: str, value: Any, kpi: Kpi | None) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, dt.date):
        return labels.day(value)
    if isinstance(value, float):
        return labels.number_text(value, kpi.unit if kpi else None)
    if name == "of":
        about = review.minutes.find(value)
        return named(review, about) if about is not None else str(value)
    if name == "kpi" and kpi is not None:
        return kpi.label
    if name in ("owner", "side"):
        return sentences.sides(review).get(value, str(value))
    return str(value).capitalize() if name == "status" else str(value)
