"""The fields of a form: taken from the kind's model, with the words that people choose from."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from reviewlib.conversation.kinds import KINDS

if TYPE_CHECKING:
    from reviewlib.pages.forms.context import FormContext

Form = Literal["line", "text", "choice", "check", "day", "number"]
Options = list[tuple[str, str]]
Values = dict[str, Any]
#: The first option of a list that has to be chosen from.
CHOOSE: Final = "Choose …"
NONE: Final = "None"
#: Values that people choose from, in their words.
WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "stance": {"strength": "Strength", "improve": "Area to improve"},
    "outcome": {"accepted": "Accepted", "partly": "Accepted in part", "rejected": "Not accepted"},
    "decision": {
        "accepted": "Accept as it is",
        "edited": "Accept in other words",
        "dismissed": "Dismiss",
        "added": "Your own action",
    },
    "relevance": {
        "gap": "Closes a gap",
        "strength": "Builds on a strength",
        "aspiration": "Serves an aspiration",
        "objective": "Serves a business objective",
    },
    "form": {"milestone": "Milestone", "task": "Task"},
    "way": {"training": "Training", "coaching": "Coaching", "mentoring": "Mentoring", "role-play": "Role-play"},
    "reward": {"none": "None", "bonus": "Bonus", "incentive": "Incentive", "mention": "Public mention"},
    "how": {
        "agree": "Read and agreed",
        "disagree": "Read, not agreed",
        "refused": "Refused to sign",
        "absent": "Absent",
    },
    "agrees": {"yes": "Agrees", "no": "Does not agree"},
    "status": {
        "open": "Open",
        "met": "Met",
        "missed": "Missed",
        "lapsed": "Lapsed",
        "dropped": "Dropped",
        "done": "Done",
        "planned": "Planned",
        "booked": "Booked",
        "running": "Running",
        "resolved": "Resolved",
    },
}
#: Texts of one line.
_LINES: Final = frozenset({"skill", "title", "name", "reward_text", "deal", "scope"})


@dataclass(frozen=True)
class Field:
    """One field.

    Attributes:
        name: Its name in the payload.
        label: What stands above it.
        form: How it is filled in.
        hint: What stands below it.
        options: What there is to choose from, as (words, value), given what stands in the other fields.
        default: What it holds in a new form.
    """

    name: str
    label: str
    form: Form = "text"
    hint: str = ""
    options: Callable[[FormContext, Values], Options] | None = None
    default: Any = ""


def choices(name: str, *, choose: str | None = None) -> Callable[[FormContext, Values], Options]:
    """Options from ``WORDS``; with ``choose`` nothing is chosen at first."""
    listed = [(words, value) for value, words in WORDS[name].items()]
    return lambda _, __: [(choose, ""), *listed] if choose else listed


def figures(desk: FormContext, _: Values) -> Options:
    """The KPIs of the review, by their labels."""
    return [(NONE, ""), *((kpi.label, key) for key, kpi in desk.review.kpis.items())]


def sides(desk: FormContext, _: Values) -> Options:
    """The rep and the manager, by name."""
    return [(desk.rep_name, "rep"), (desk.manager_name, "manager")]


def of_kind(kind: str, *names: str, **changes: Mapping[str, Any]) -> tuple[Field, ...]:
    """Make the fields of a kind from its model, in the order of ``names`` (all of them where none is given).

    Args:
        kind: A key of ``KINDS``.
        names: Which fields.
        changes: By field, what is to be other than the model says.
    """
    model = KINDS[kind].model
    return tuple(dataclasses.replace(_field(kind, name), **changes.get(name, {})) for name in names or model.model_fields)


def _field(kind: str, name: str) -> Field:
    info = KINDS[kind].model.model_fields[name]
    label, hint = info.title or name, info.description or ""
    made = Field(name, label, hint=hint)
    types_in = _types(info.annotation)
    given = "" if info.is_required() or info.default is None else info.default
    if name == "kpi":
        return dataclasses.replace(made, form="choice", options=figures)
    if kind != "development" and name == "owner":
        return dataclasses.replace(made, form="choice", options=sides, default=given)
    if name in WORDS:
        needed = None if given else CHOOSE
        return dataclasses.replace(made, form="choice", options=choices(name, choose=needed), default=given)
    if bool in types_in:
        return dataclasses.replace(made, form="check", default=bool(given))
    plain: Form = "day" if "date" in {kind_.__name__ for kind_ in types_in} else "number" if float in types_in else "text"
    return dataclasses.replace(made, form="line" if name in _LINES else plain)


def _types(annotation: Any) -> set[type]:
    """The plain types that an annotation allows."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return set().union(*map(_types, typing.get_args(annotation)))
    if typing.get_origin(annotation) is typing.Annotated:
        return _types(typing.get_args(annotation)[0])
    return {annotation} if isinstance(annotation, type) else set()
