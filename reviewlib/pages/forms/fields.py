"""Forms and their fields as data: fields come from the kind's model, with the words that people choose from.

What is typed in them is read, numbers as the workbook writes them and days as ISO dates; what is stored is filled in, or said
in words.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from reviewlib.conversation.entries import Entry
from reviewlib.conversation.kinds import KINDS, STATUSES
from reviewlib.pages import labels
from reviewlib.pages.forms.context import FormContext

FieldForm = Literal["line", "text", "choice", "check", "day", "number"]
Options = list[tuple[str, str]]
Values = dict[str, Any]
#: The first option of a list that has to be chosen from.
CHOOSE: Final = "Choose …"
#: Fields that are no part of the payload: whose word it is, and who may read it.
SIDE: Final = "_side"
PRIVATE: Final = "_private"
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
    "status": {status: status.capitalize() for known in STATUSES.values() for status in known},
}
#: Texts of one line.
_LINES: Final = frozenset({"skill", "title", "name", "reward_text", "deal", "scope"})


class ProblemsError(ValueError):
    """What is wrong, by field; the key is empty for the form as a whole."""

    def __init__(self, problems: Mapping[str, str]):
        self.problems = dict(problems)
        super().__init__("; ".join(problems.values()))


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
    form: FieldForm = "text"
    hint: str = ""
    options: Callable[[FormContext, Values], Options] | None = None
    default: Any = ""


def figures(context: FormContext, _: Values) -> Options:
    """The KPIs of the review, by their labels."""
    return [("None", ""), *((kpi.label, key) for key, kpi in context.review.kpis.items())]


def sides(context: FormContext, _: Values) -> Options:
    """The rep and the manager, by name."""
    return [(context.rep_name, "rep"), (context.manager_name, "manager")]


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
    given = "" if info.is_required() or info.default is None else info.default
    if name == "kpi":
        return Field(name, label, "choice", hint, figures)
    if name == "owner" and kind != "development":
        return Field(name, label, "choice", hint, sides, given)
    if name in WORDS:
        listed = [*([] if given else [(CHOOSE, "")]), *((words, value) for value, words in WORDS[name].items())]
        return Field(name, label, "choice", hint, lambda _, __: listed, given)
    allowed = _types(info.annotation)
    if bool in allowed:
        return Field(name, label, "check", hint, default=bool(given))
    if name in _LINES:
        return Field(name, label, "line", hint)
    return Field(name, label, "day" if dt.date in allowed else "number" if float in allowed else "text", hint)


def _types(annotation: Any) -> set[type]:
    """The plain types that an annotation allows."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return set().union(*map(_types, typing.get_args(annotation)))
    if typing.get_origin(annotation) is typing.Annotated:
        return _types(typing.get_args(annotation)[0])
    return {annotation} if isinstance(annotation, type) else set()


def nothing(context: FormContext, kind: str) -> list[Entry]:
    """No entries."""
    return []


def written_here(context: FormContext, kind: str) -> list[Entry]:
    """The current entries of a kind but those that came from the rep: nobody else edits their words."""
    return [entry for entry in context.minutes.of_kind(kind) if not entry.came_from_rep]


def latest(kind: str) -> Callable[[FormContext], Entry | None]:
    """The one current entry of a kind."""
    return lambda context: next(iter(context.minutes.of_kind(kind)), None)


def about(kind: str, *, first: str = CHOOSE, wanted: Callable[[FormContext], list[Entry]] | None = None) -> dict[str, Any]:
    """The field that says what an entry is about: one of this review's entries, or of earlier ones that are looked back at."""

    def options(context: FormContext, _: Values) -> Options:
        if wanted is not None:
            return context.named(wanted(context), first=first)
        known = (*context.minutes.earlier, *context.minutes.entries)
        return context.named([entry for entry in known if entry.kind in KINDS[kind].about], first=first)

    return {"form": "choice", "options": options, "default": ""}


@dataclass(frozen=True)
class Spec:
    """One form.

    Attributes:
        kind: The kind of entry it writes.
        title: What opens it.
        fields: What is filled in.
        own_name: Its name among the forms of a review, where that is not the kind.
        lead: A sentence above the fields.
        save: What the button says.
        payload: The fields' values to the payload's, where these differ; raises ``ProblemsError``.
        more: What the fields hold when an entry is edited that stands under no name of their own in it.
        existing: The entries of the kind that it can edit, to choose from.
        one: Where there is but one current entry of it: that entry, which every save edits.
        behalf: Whether it writes the rep's word: always, as chosen, or never.
        advice: HTML below the fields, as they are now; empty where there is nothing to say.
        hints: What to say below single fields, as they are now.
    """

    kind: str
    title: str
    fields: tuple[Field, ...]
    own_name: str = ""
    lead: str = ""
    save: str = "Save"
    payload: Callable[[FormContext, Values], Values] | None = None
    more: Callable[[FormContext, Entry], Values] | None = None
    existing: Callable[[FormContext, str], list[Entry]] = written_here
    one: Callable[[FormContext], Entry | None] | None = None
    behalf: Literal["never", "always", "choose"] = "never"
    advice: Callable[[FormContext, Values], str] | None = None
    hints: Callable[[FormContext, Values], Mapping[str, str]] | None = None

    @property
    def name(self) -> str:
        """Its name among the forms of a review."""
        return self.own_name or self.kind

    @property
    def all_fields(self) -> tuple[Field, ...]:
        """The fields, with those that every form of the kind has."""
        more: list[Field] = []
        if self.behalf == "choose":
            more.append(Field(SIDE, "Whose words", form="choice", options=_speakers, default="manager"))
        if KINDS[self.kind].private == "may":
            hint = "Stays on the manager’s copy and never reaches the rep’s page."
            more.append(Field(PRIVATE, "Only for managers", form="check", hint=hint, default=False))
        return (*self.fields, *more)

    def on_behalf(self, values: Values) -> bool:
        """Whether it is the rep's word."""
        return self.behalf == "always" or (self.behalf == "choose" and values.get(SIDE) == "rep")

    def visibility(self, values: Values) -> Literal["shared", "manager_only"]:
        """Who may read it."""
        return "manager_only" if values.get(PRIVATE) or KINDS[self.kind].private == "always" else "shared"

    def defaults(self) -> Values:
        """What a new form holds."""
        return {field.name: field.default for field in self.all_fields}


def _speakers(context: FormContext, _: Values) -> Options:
    return [("The manager’s", "manager"), (f"{context.rep_name}’s, written down in the meeting", "rep")]


# --- between the fields and an entry ----------------------------------------------------------------------------------------


class UnreadableError(ValueError):
    """What stands in a field cannot be read; the text says what to write."""


def day(text: str) -> dt.date | None:
    """Read a day.

    Raises:
        UnreadableError: It is no day of the calendar.
    """
    if not text.strip():
        return None
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        raise UnreadableError(f"“{text.strip()}” is not a day; write it like 2026-12-31") from None


def number(text: str, *, locale: str) -> float | None:
    """Read a number; with a percent sign as a fraction.

    Raises:
        UnreadableError: It is no number in the workbook's way of writing.
    """
    from babel.numbers import NumberFormatError, parse_decimal

    plain = "".join(text.split()).replace(labels.MINUS, "-")
    if not plain:
        return None
    share = plain.endswith("%")
    try:
        found = float(parse_decimal(plain.rstrip("%"), locale=locale.replace("-", "_"), strict=True))
    except (NumberFormatError, ValueError):
        raise UnreadableError(f"“{text.strip()}” is not a number; write 12.5, 12,500 or 45%") from None
    if not math.isfinite(found):
        raise UnreadableError("write a number")
    return found / 100 if share else found


def number_text(value: float | None, unit: str | None) -> str:
    """Write a number into a field, so that reading it gives the same one: 0.45 of a percentage is 45%."""
    if value is None:
        return ""
    if unit == "percent":
        return f"{value * 100:.10g}%"
    return f"{value:.12g}"


def of_entry(context: FormContext, spec: Spec, entry: Entry) -> Values:
    """What the fields hold when an entry is edited."""
    said = entry.payload.model_dump()
    unit = _unit(context, said)
    found = {field.name: _raw(said.get(field.name), unit) for field in spec.fields}
    if found.get("of"):
        found["of"] = context.minutes.roots.get(found["of"], found["of"])
    found |= spec.more(context, entry) if spec.more is not None else {}
    offered = {field.name for field in spec.all_fields}
    common = {SIDE: entry.side, PRIVATE: entry.visibility == "manager_only"}
    return found | {name: value for name, value in common.items() if name in offered}


def read(context: FormContext, spec: Spec, raw: Values) -> tuple[Values, dict[str, str]]:
    """What an entry would hold of what stands in the fields, None where that cannot be read; and why it cannot, by field."""
    # Where one of these is empty it is none at all, not an empty text.
    may_be_none = {name for name, info in KINDS[spec.kind].model.model_fields.items() if info.default is None}
    found: Values = {}
    problems: dict[str, str] = {}
    for field in spec.fields:
        value = raw[field.name]
        try:
            if field.form == "day":
                value = day(value)
            elif field.form == "number":
                value = number(value, locale=context.review.workbook.locale)
        except UnreadableError as error:
            value, problems[field.name] = None, str(error)
        found[field.name] = None if value == "" and field.name in may_be_none else value
    return found, problems


def of_fields(context: FormContext, spec: Spec, raw: Values) -> Values:
    """The payload that the fields hold; ``raw`` is what stands in them.

    Raises:
        ProblemsError: A field cannot be read, or something is not chosen; by field.
    """
    found, problems = read(context, spec, raw)
    if problems:
        raise ProblemsError(problems)
    said = spec.payload(context, found) if spec.payload is not None else found
    required = [name for name, info in KINDS[spec.kind].model.model_fields.items() if info.is_required()]
    chosen = [field.name for field in spec.fields if field.form == "choice" and field.name in required]
    missing = {name: "choose one" for name in chosen if said.get(name) in ("", None)}
    if missing:
        raise ProblemsError(missing)
    return said


def in_words(context: FormContext, entry: Entry) -> list[tuple[str, str]]:
    """Label and text of everything that an entry says, exactly as it was stored."""
    said = entry.payload.model_dump()
    unit = _unit(context, said)
    rows = [(KINDS[entry.kind].model.model_fields[name], name, value) for name, value in said.items()]
    return [(info.title or name, _shown(context, name, value, unit)) for info, name, value in rows if value not in (None, "")]


def _unit(context: FormContext, said: dict[str, Any]) -> str | None:
    kpi = context.review.kpis.get(str(said.get("kpi")))
    return kpi.unit if kpi is not None else None


def _raw(value: Any, unit: str | None) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        return number_text(value, unit)
    return value.isoformat() if isinstance(value, dt.date) else "" if value is None else value


def _shown(context: FormContext, name: str, value: Any, unit: str | None) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, dt.date):
        return labels.day(value)
    if isinstance(value, float):
        return number_text(value, unit)
    if name == "of":
        about = context.minutes.find(value)
        return context.words(about) if about is not None else value
    if name == "kpi" and value in context.review.kpis:
        return context.review.kpis[value].label
    if name in ("owner", "side") and value in ("rep", "manager"):
        return context.rep_name if value == "rep" else context.manager_name
    return WORDS.get(name, {}).get(str(value), str(value))
