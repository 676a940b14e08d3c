"""The end of a review: released to the rep, signed by both sides, amended afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from reviewlib.conversation.entries import Entry
from reviewlib.conversation.kinds import Side
from reviewlib.evidence import slicefile
from reviewlib.pages.forms.fields import Field, Options, Values, of_kind
from reviewlib.pages.forms.spec import ProblemsError, Spec, latest
from reviewlib.pages.forms.specs.feedback import about
from reviewlib.pages.rendering import render

if TYPE_CHECKING:
    from reviewlib.pages.forms.context import FormContext


def _snapshots(desk: FormContext, _: Values) -> Options:
    """The figures that the period uses now: those shown here, or newer ones where it has been frozen again."""
    shown = desk.review.workbook.snapshot
    folder = slicefile.current_folder(desk.records.params, desk.review.period)
    current = folder.name if folder is not None else shown
    words = "As shown here" if current == shown else "Newer ones, frozen since"
    return [("Choose …", ""), (f"{words} (snapshot {current})", current)]


def missing(desk: FormContext) -> list[str]:
    """What is not there yet; the manager may release all the same."""
    minutes = desk.minutes
    resolved = {minutes.roots.get(str(entry.of), entry.of) for entry in minutes.of_kind("resolution")}
    disputes = [entry for entry in minutes.of_kind("dispute") if desk.root(entry) not in resolved]
    lines = (
        (not minutes.of_kind("feedback"), "There is no feedback yet."),
        (minutes.state.answer is None, f"{desk.rep_name}’s own view is not in yet."),
        (bool(disputes), "A disputed figure is not resolved yet."),
        ("goal" not in desk.forms or not minutes.of_kind("goal"), "There is no goal yet."),
        (any(form.draft.unsaved for form in desk.forms.values()), "Something in the forms is not saved yet."),
    )
    return [text for holds, text in lines if holds]


def _release_advice(desk: FormContext, _: Values) -> str:
    released = desk.minutes.state.release
    when = desk.when(released) if released is not None else ""
    return render("forms/release.html.j2", missing=missing(desk), when=when, rep=desk.rep_name, team=desk.review.kind == "team")


def _released(desk: FormContext, values: Values) -> Values:
    if not values["snapshot"]:
        raise ProblemsError({"snapshot": "choose the figures"})
    return values


RELEASE: Final = Spec(
    "release",
    "Release the review",
    "release",
    (Field("snapshot", "Figures", form="choice", options=_snapshots),),
    save="Release to the rep",
    payload=_released,
    one=latest("release"),
    advice=_release_advice,
)


def _signature(side: Side) -> Callable[[FormContext], Entry | None]:
    return lambda desk: desk.minutes.state.signatures.get(side)


def _signed(desk: FormContext, values: Values) -> Values:
    """A signature is on what was shown when it was given."""
    head = desk.minutes.state.head
    if values["how"] == "disagree" and not str(values["comment"]).strip():
        raise ProblemsError({"comment": "say what is not agreed with"})
    return values | ({"head": head.hash} if head is not None else {})


_SIGNED = of_kind(
    "signoff", "how", "name", "comment", how={"hint": "A signature says that the review was read and talked about."}
)
SIGN_MANAGER: Final = Spec(
    "sign_manager",
    "Sign for the manager",
    "signoff",
    _SIGNED,
    save="Sign as manager",
    payload=_signed,
    one=_signature("manager"),
)
SIGN_REP: Final = Spec(
    "sign_rep",
    "Sign for the rep, in the meeting",
    "signoff",
    _SIGNED,
    lead="The rep types the name. Where the rep refuses or is absent, write down which.",
    save="Sign for the rep",
    payload=_signed,
    one=_signature("rep"),
    behalf="always",
)
AMENDMENT: Final = Spec(
    "amendment",
    "Write an amendment",
    "amendment",
    of_kind("amendment", of=about("amendment", first="The review as a whole")),
    lead="For after both sides have signed: it stands beside the signed page and changes nothing on it.",
    save="Save amendment",
    behalf="choose",
)
