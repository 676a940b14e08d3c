"""Forms of the talk itself: feedback and what belongs to it, and the end of a review, released, signed and amended."""

from __future__ import annotations

from typing import Final

from reviewlib.evidence import slicefile
from reviewlib.pages.forms.context import FormContext
from reviewlib.pages.forms.fields import CHOOSE, Field, Options, ProblemsError, Spec, Values, about, latest, nothing, of_kind
from reviewlib.pages.rendering import render


def _scale(context: FormContext, _: Values) -> Options:
    words = context.records.params.rating.scale
    places = [(f"{place} of {len(words)}: {word}", str(place)) for place, word in enumerate(words, start=1)]
    return [(CHOOSE, ""), *places]


def _rated(context: FormContext, values: Values) -> Values:
    return values | {"value": int(values["value"]) if values["value"] else None}


def _resolved(context: FormContext, values: Values) -> Values:
    """Which figures were disputed: those that the review was made with."""
    return values | {"snapshot_before": context.review.workbook.snapshot}


FEEDBACK: Final = Spec(
    "feedback",
    "Write feedback",
    of_kind("feedback"),
    lead="One point at a time: a strength or an area to improve, linked to a figure or a behaviour.",
    save="Save feedback",
)
REPLY: Final = Spec("reply", "Reply", of_kind("reply", of=about("reply")), save="Save reply", behalf="choose")
CONCERN: Final = Spec(
    "concern",
    "Note a concern",
    of_kind("concern"),
    lead="An open concern is shown in the next reviews until it is resolved.",
    save="Save concern",
    behalf="choose",
)
RESOLUTION: Final = Spec(
    "resolution",
    "Resolve a disputed figure",
    of_kind("resolution", "of", "outcome", "text", of=about("resolution")),
    save="Save resolution",
    payload=_resolved,
)
RATING: Final = Spec(
    "rating",
    "Rate overall",
    of_kind("rating", "value", "comment", value={"form": "choice", "options": _scale, "default": ""}),
    save="Save rating",
    payload=_rated,
    one=latest("rating"),
)
NOTE: Final = Spec(
    "note",
    "Write a note for managers only",
    of_kind("note"),
    lead="A note stays on the manager’s copy and never reaches the rep’s page.",
    save="Save note",
)
SELF_REVIEW: Final = Spec(
    "self_review",
    "Write down the rep’s own view",
    of_kind("self_review"),
    lead="The rep’s words, written down in the meeting and marked so.",
    save="Save the rep’s view",
    one=latest("self_review"),
    behalf="always",
)
TO_MANAGER: Final = Spec(
    "feedback_to_manager",
    "Write down the rep’s feedback to the manager",
    of_kind("feedback_to_manager"),
    save="Save the rep’s feedback",
    behalf="always",
)
DISPUTE: Final = Spec(
    "dispute",
    "Write down a figure that the rep disputes",
    of_kind("dispute", "kpi", "deal", "reason", kpi={"hint": "As it stands in the figures of this review."}),
    save="Save dispute",
    behalf="always",
)


def _snapshots(context: FormContext, _: Values) -> Options:
    """The figures that the period uses now: those shown here, or newer ones where it has been frozen again."""
    shown = context.review.workbook.snapshot
    folder = slicefile.current_folder(context.records.params, context.review.period)
    current = folder.name if folder is not None else shown
    words = "As shown here" if current == shown else "Newer ones, frozen since"
    return [(CHOOSE, ""), (f"{words} (snapshot {current})", current)]


def missing(context: FormContext) -> list[str]:
    """What is not there yet; the manager may release all the same."""
    minutes = context.minutes
    resolved = {minutes.roots.get(str(entry.of), entry.of) for entry in minutes.of_kind("resolution")}
    disputes = [entry for entry in minutes.of_kind("dispute") if context.root(entry) not in resolved]
    lines = (
        (not minutes.of_kind("feedback"), "There is no feedback yet."),
        (minutes.state.answer is None, f"{context.rep_name}’s own view is not in yet."),
        (bool(disputes), "A disputed figure is not resolved yet."),
        ("goal" not in context.forms or not minutes.of_kind("goal"), "There is no goal yet."),
        (any(form.draft.unsaved for form in context.forms.values()), "Something in the forms is not saved yet."),
    )
    return [text for holds, text in lines if holds]


def _release_advice(context: FormContext, _: Values) -> str:
    released = context.minutes.state.release
    return render(
        "forms/release.html.j2",
        missing=missing(context),
        when=context.when(released) if released is not None else "",
        rep=context.rep_name,
        team=context.review.kind == "team",
    )


def _released(context: FormContext, values: Values) -> Values:
    if not values["snapshot"]:
        raise ProblemsError({"snapshot": "choose the figures"})
    return values


def _signed(context: FormContext, values: Values) -> Values:
    """A signature is on what was shown when it was given."""
    head = context.minutes.state.head
    if values["how"] == "disagree" and not str(values["comment"]).strip():
        raise ProblemsError({"comment": "say what is not agreed with"})
    return values | ({"head": head.hash} if head is not None else {})


RELEASE: Final = Spec(
    "release",
    "Release the review",
    (Field("snapshot", "Figures", form="choice", options=_snapshots),),
    save="Release to the rep",
    payload=_released,
    one=latest("release"),
    advice=_release_advice,
)
_SIGNED: Final = of_kind(
    "signoff", "how", "name", "comment", how={"hint": "A signature says that the review was read and talked about."}
)
SIGN_MANAGER: Final = Spec(
    "signoff",
    "Sign for the manager",
    _SIGNED,
    own_name="sign_manager",
    save="Sign as manager",
    payload=_signed,
    one=lambda context: context.minutes.state.signatures.get("manager"),
)
SIGN_REP: Final = Spec(
    "signoff",
    "Sign for the rep, in the meeting",
    _SIGNED,
    own_name="sign_rep",
    lead="The rep types the name. Where the rep refuses or is absent, write down which.",
    save="Sign for the rep",
    payload=_signed,
    one=lambda context: context.minutes.state.signatures.get("rep"),
    behalf="always",
)
AMENDMENT: Final = Spec(
    "amendment",
    "Write an amendment",
    of_kind("amendment", of=about("amendment", first="The review as a whole")),
    lead="For after both sides have signed: it stands beside the signed page and changes nothing on it.",
    save="Save amendment",
    existing=nothing,
    behalf="choose",
)
FEEDBACK_FORMS: Final = (
    FEEDBACK, REPLY, CONCERN, RESOLUTION, RATING, NOTE, SELF_REVIEW, TO_MANAGER, DISPUTE,
    RELEASE, SIGN_MANAGER, SIGN_REP, AMENDMENT,
)  # fmt: skip
