"""Feedback and what belongs to it: replies, concerns, disputed figures, the rating, the manager's own note."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from reviewlib.conversation.entries import Entry
from reviewlib.conversation.kinds import KINDS
from reviewlib.pages.forms.fields import CHOOSE, Options, Values, of_kind
from reviewlib.pages.forms.spec import ProblemsError, Spec, latest, written_here

if TYPE_CHECKING:
    from reviewlib.pages.forms.context import FormContext


def about(kind: str, *, first: str = CHOOSE, wanted: Callable[[FormContext], list[Entry]] | None = None) -> dict[str, Any]:
    """The field that says what an entry is about: one of this review's entries, or of earlier ones that are looked back at."""

    def options(desk: FormContext, _: Values) -> Options:
        if wanted is not None:
            return desk.named(wanted(desk), first=first)
        known = (*desk.minutes.earlier, *desk.minutes.entries)
        return desk.named([entry for entry in known if entry.kind in KINDS[kind].about], first=first)

    return {"form": "choice", "options": options, "default": ""}


def _disputes(desk: FormContext) -> list[Entry]:
    return desk.minutes.of_kind("dispute")


def _scale(desk: FormContext, _: Values) -> Options:
    words = desk.records.params.rating.scale
    places = [(f"{place} of {len(words)}: {word}", str(place)) for place, word in enumerate(words, start=1)]
    return [(CHOOSE, ""), *places]


def _rated(desk: FormContext, values: Values) -> Values:
    if not values["value"]:
        raise ProblemsError({"value": "choose one"})
    return values | {"value": int(values["value"])}


def _resolved(desk: FormContext, values: Values) -> Values:
    """Which figures were disputed: those that the review was made with."""
    return values | {"snapshot_before": desk.review.workbook.snapshot}


FEEDBACK: Final = Spec(
    "feedback",
    "Write feedback",
    "feedback",
    of_kind("feedback"),
    lead="One point at a time: a strength or an area to improve, linked to a figure or a behaviour.",
    save="Save feedback",
    existing=written_here("feedback"),
)
REPLY: Final = Spec(
    "reply",
    "Reply",
    "reply",
    of_kind("reply", of=about("reply")),
    save="Save reply",
    existing=written_here("reply"),
    behalf="choose",
)
CONCERN: Final = Spec(
    "concern",
    "Note a concern",
    "concern",
    of_kind("concern"),
    lead="An open concern is shown in the next reviews until it is resolved.",
    save="Save concern",
    existing=written_here("concern"),
    behalf="choose",
)
RESOLUTION: Final = Spec(
    "resolution",
    "Resolve a disputed figure",
    "resolution",
    of_kind("resolution", "of", "outcome", "text", of=about("resolution", wanted=_disputes)),
    save="Save resolution",
    payload=_resolved,
    existing=written_here("resolution"),
)
RATING: Final = Spec(
    "rating",
    "Rate overall",
    "rating",
    of_kind("rating", "value", "comment", value={"form": "choice", "options": _scale, "default": ""}),
    save="Save rating",
    payload=_rated,
    one=latest("rating"),
)
NOTE: Final = Spec(
    "note",
    "Write a note for managers only",
    "note",
    of_kind("note"),
    lead="A note stays on the manager’s copy and never reaches the rep’s page.",
    save="Save note",
    existing=written_here("note"),
)
SELF_REVIEW: Final = Spec(
    "self_review",
    "Write down the rep’s own view",
    "self_review",
    of_kind("self_review"),
    lead="The rep’s words, written down in the meeting and marked so.",
    save="Save the rep’s view",
    one=latest("self_review"),
    behalf="always",
)
TO_MANAGER: Final = Spec(
    "feedback_to_manager",
    "Write down the rep’s feedback to the manager",
    "feedback_to_manager",
    of_kind("feedback_to_manager"),
    save="Save the rep’s feedback",
    existing=written_here("feedback_to_manager"),
    behalf="always",
)
DISPUTE: Final = Spec(
    "dispute",
    "Write down a figure that the rep disputes",
    "dispute",
    of_kind("dispute", "kpi", "deal", "reason", kpi={"hint": "As it stands in the figures of this review."}),
    save="Save dispute",
    existing=written_here("dispute"),
    behalf="always",
)
