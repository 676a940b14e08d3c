"""Recommended actions: accepted, put in other words, dismissed with the reason; or one's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reviewlib.pages import sentences
from reviewlib.pages.forms.fields import Options, Values, of_kind
from reviewlib.pages.forms.spec import ProblemsError, Spec, written_here
from reviewlib.pages.rendering import render

if TYPE_CHECKING:
    from reviewlib.pages.forms.context import FormContext

_OWN: Final = "None: my own action"


@dataclass(frozen=True)
class Recommendation:
    """One recommended action as it is read on the page."""

    text: str
    kpi: str
    who: str


def recommendations(desk: FormContext) -> list[Recommendation]:
    """The actions that the playbook recommends for this review's areas to improve, without doubles."""
    found: dict[str, Recommendation] = {}
    for finding in desk.review.findings:
        for action in finding.actions:
            text = sentences.fill(desk.review, action.text)
            found.setdefault(text, Recommendation(text, finding.kpi, action.who))
    return list(found.values())


def _recommended(desk: FormContext, _: Values) -> Options:
    decided = {getattr(entry.payload, "recommended", "") for entry in desk.minutes.of_kind("action")}
    listed = [(f"{one.text} (decided)" if one.text in decided else one.text, one.text) for one in recommendations(desk)]
    gone = [(f"{text} (decided)", text) for text in decided if text and text not in {value for _, value in listed}]
    return [(_OWN, ""), *listed, *gone]


def _decisions(desk: FormContext, values: Values) -> Options:
    if not values.get("recommended"):
        return [("Add", "added")]
    return [("Accept as it is", "accepted"), ("Accept in other words", "edited"), ("Dismiss", "dismissed")]


def _payload(desk: FormContext, values: Values) -> Values:
    text, decision = str(values["text"]).strip(), values["decision"]
    found = next((one for one in recommendations(desk) if one.text == values["recommended"]), None)
    if decision == "accepted":
        if text and text != values["recommended"]:
            raise ProblemsError({"decision": "choose “Accept in other words”, or leave the words empty"})
        values = values | {"text": values["recommended"]}
    if decision == "edited" and not text:
        raise ProblemsError({"text": "say it in other words"})
    if decision == "dismissed":
        values = values | {"text": "", "due": None}
        if not str(values["reason"]).strip():
            raise ProblemsError({"reason": "say why"})
    if decision == "added" and not text:
        raise ProblemsError({"text": "say what is to be done"})
    return values | {"kpi": found.kpi} if found is not None else values


def _advice(desk: FormContext, values: Values) -> str:
    found = next((one for one in recommendations(desk) if one.text == values["recommended"]), None)
    if found is None:
        return ""
    kpi = desk.review.kpis[found.kpi].label
    who = desk.rep_name if found.who == "rep" else desk.manager_name
    return render("forms/recommended.html.j2", text=found.text, kpi=kpi, who=who)


ACTION: Final = Spec(
    "action",
    "Decide on recommended actions, or add your own",
    "action",
    of_kind(
        "action",
        "recommended",
        "decision",
        "text",
        "reason",
        "kpi",
        "owner",
        "due",
        recommended={"form": "choice", "options": _recommended, "default": "", "hint": "What the playbook recommends here."},
        decision={"form": "choice", "options": _decisions, "default": "added"},
        text={"label": "In your words", "hint": "Empty where the recommendation is accepted as it is."},
        reason={"hint": "Why it is dismissed."},
        kpi={"hint": "For your own action; a recommendation knows its figure."},
    ),
    save="Save decision",
    payload=_payload,
    existing=written_here("action"),
    advice=_advice,
)
