"""What forms of the talk itself do beyond their records: the rating's scale, disputed figures, release and signatures."""

from typing import Final

from reviewlib.evidence import slicefile
from reviewlib.pages.forms.context import FormContext
from reviewlib.pages.forms.fields import CHOOSE, Options, ProblemsError, Values, spec
from reviewlib.pages.rendering import render


def _scale(context: FormContext, _: Values) -> Options:
    words = context.records.params.rating.scale
    places = [(f"{place} of {len(words)}: {word}", str(place)) for place, word in enumerate(words, start=1)]
    return [(CHOOSE, ""), *places]


def _rated(context: FormContext, values: Values) -> Values:
    return values | {"value": int(values["value"]) if values["value"] else None}


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
    return render("forms/release.html.j2", context=context, missing=missing(context))


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


FEEDBACK_FORMS: Final = (
    # The figures that were disputed are those that the review was made with.
    spec("resolution", payload=lambda context, values: values | {"snapshot_before": context.review.workbook.snapshot}),
    spec("rating", options={"value": _scale}, payload=_rated),
    spec("release", options={"snapshot": _snapshots}, payload=_released, advice=_release_advice),
    spec("sign_manager", payload=_signed, signature="manager"),
    spec("sign_rep", payload=_signed, signature="rep"),
)
