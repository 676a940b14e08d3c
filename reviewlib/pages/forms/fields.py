"""Forms and their fields as data: fields come from the kind's model, with the words that people choose from.

What is typed in them is read, numbers as the workbook writes them and days as ISO dates; what is stored is filled in, or said
in words.
"""

import dataclasses
import datetime as dt
import math
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final, Literal

from reviewlib.conversation.entries import Entry
from reviewlib.conversation.kinds import KINDS
from reviewlib.conversation.kinds.record import FormText, Kind, Side, Visibility, words_of
from reviewlib.pages import labels, sentences, wording
from reviewlib.pages.forms.context import FormContext, numbered

FieldForm = Literal["line", "text", "choice", "check", "day", "number"]
Options = list[tuple[str, str]]
Values = dict[str, Any]
#: The first option of a list that has to be chosen from.
CHOOSE: Final = "Choose …"
#: Fields that are no part of the payload: whose word it is, and who may read it.
SIDE: Final = "_side"
PRIVATE: Final = "_private"
#: How what is no text is filled in, by its type.
_FORMS: Final[Mapping[type, FieldForm]] = {bool: "check", dt.date: "day", float: "number"}
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
    return [(words, side) for side, words in sentences.sides(context.review).items()]


def _field(kind: Kind, name: str) -> Field:
    """Make a field of a kind as its payload describes it."""
    info = kind.model.model_fields[name]
    label, hint = info.title or name, info.description or ""
    given = "" if info.is_required() or info.default is None else info.default
    if name == "of":
        first = CHOOSE if info.is_required() else "The review as a whole"
        return Field(name, label, "choice", hint, partial(_about, kind, first=first))
    if name == "kpi":
        return Field(name, label, "choice", hint, figures)
    if typing.get_args(info.annotation) == typing.get_args(Side):
        return Field(name, label, "choice", hint, sides, given)
    if words := words_of(kind.model, name):
        listed = [*([] if given else [(CHOOSE, "")]), *((words, value) for value, words in words.items())]
        return Field(name, label, "choice", hint, lambda _, __: listed, given)
    allowed = {info.annotation, *typing.get_args(info.annotation)}
    form = next((form for type_, form in _FORMS.items() if type_ in allowed), "line" if name in _LINES else "text")
    return Field(name, label, form, hint, default=bool(given) if form == "check" else "")


def written_here(context: FormContext, kind: str) -> list[Entry]:
    """The current entries of a kind but those that came from the rep: nobody else edits their words."""
    return [entry for entry in context.minutes.of_kind(kind) if not entry.came_from_rep]


def named(context: FormContext, entries: Iterable[Entry], *, first: str = CHOOSE) -> Options:
    """List entries to choose from, newest last, by the id that stays; equal words are told apart by a number."""
    return [(first, ""), *numbered((wording.named(context.review, entry), context.root(entry)) for entry in entries)]


def _about(kind: Kind, context: FormContext, _: Values, *, first: str) -> Options:
    """What an entry can be about: one of this review's entries, or of earlier ones that are looked back at."""
    known = (*context.minutes.earlier, *context.minutes.entries)
    return named(context, [entry for entry in known if kind.may_be_about(KINDS[entry.kind])], first=first)


@dataclass(frozen=True)
class Spec:
    """One form: what the kind's record says of it, and what a record of data cannot say.

    Attributes:
        kind: The kind of entry it writes.
        text: Its words and fields.
        before: Fields before those of the payload, which are none of it.
        options: By field, what there is to choose from, where it depends on the review.
        payload: The fields' values to the payload's, where these differ; raises ``ProblemsError``.
        more: What the fields hold when an entry is edited that stands under no name of their own in it.
        existing: The entries of the kind that it can edit, to choose from.
        signature: Where there is but one entry of it for each side: that of its own, which every save edits.
        advice: HTML below the fields, as they are now; empty where there is nothing to say.
        hints: What to say below single fields, as they are now.
    """

    kind: Kind
    text: FormText
    before: tuple[Field, ...] = ()
    options: Mapping[str, Callable[[FormContext, Values], Options]] = dataclasses.field(default_factory=dict)
    payload: Callable[[FormContext, Values], Values] | None = None
    more: Callable[[FormContext, Entry], Values] | None = None
    existing: Callable[[FormContext, str], list[Entry]] = written_here
    signature: Side | None = None
    advice: Callable[[FormContext, Values], str] | None = None
    hints: Callable[[FormContext, Values], Mapping[str, str]] | None = None

    @property
    def name(self) -> str:
        """Its name among the forms of a review."""
        return self.text.name

    @property
    def alone(self) -> bool:
        """Whether there is but one current entry of it."""
        return self.kind.single or self.signature is not None

    def one(self, context: FormContext) -> Entry | None:
        """The one current entry of it, which every save edits."""
        if self.signature is not None:
            return context.minutes.state.signatures.get(self.signature)
        return next(iter(context.minutes.of_kind(self.kind.name)), None) if self.kind.single else None

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """What is filled in."""
        chosen = {name: {"options": options, "form": "choice", "default": ""} for name, options in self.options.items()}
        names = self.text.fields or self.kind.model.model_fields
        changes = {name: {**chosen.get(name, {}), **self.text.changes.get(name, {})} for name in names}
        return (*self.before, *(dataclasses.replace(_field(self.kind, name), **changes[name]) for name in names))

    @cached_property
    def all_fields(self) -> tuple[Field, ...]:
        """The fields, with those that every form of the kind has."""
        more: list[Field] = []
        if self.text.behalf == "choose":
            more.append(Field(SIDE, "Whose words", form="choice", options=_speakers, default="manager"))
        if self.kind.private == "may":
            hint = "Stays on the manager’s copy and never reaches the rep’s page."
            more.append(Field(PRIVATE, "Only for managers", form="check", hint=hint, default=False))
        return (*self.fields, *more)

    def on_behalf(self, values: Values) -> bool:
        """Whether it is the rep's word."""
        return self.text.behalf == "always" or (self.text.behalf == "choose" and values.get(SIDE) == "rep")

    def visibility(self, values: Values) -> Visibility:
        """Who may read it."""
        return "manager_only" if values.get(PRIVATE) or self.kind.private == "always" else "shared"

    def defaults(self) -> Values:
        """What a new form holds."""
        return {field.name: field.default for field in self.all_fields}


def spec(name: str, **own: Any) -> Spec:
    """Make the form of this name, with what its record cannot say (see ``Spec``)."""
    named = {text.name: (kind, text) for kind in KINDS.values() for text in kind.forms}
    return Spec(*named[name], **own)


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


def of_entry(context: FormContext, spec: Spec, entry: Entry) -> Values:
    """What the fields hold when an entry is edited."""
    said = entry.payload.model_dump()
    kpi = context.review.kpis.get(str(said.get("kpi")))
    found = {field.name: _raw(said.get(field.name), kpi.unit if kpi else None) for field in spec.fields}
    if found.get("of"):
        found["of"] = context.minutes.roots.get(found["of"], found["of"])
    found |= spec.more(context, entry) if spec.more is not None else {}
    offered = {field.name for field in spec.all_fields}
    common = {SIDE: entry.side, PRIVATE: entry.visibility == "manager_only"}
    return found | {name: value for name, value in common.items() if name in offered}


def read(context: FormContext, spec: Spec, raw: Values) -> tuple[Values, dict[str, str]]:
    """What an entry would hold of what stands in the fields, None where that cannot be read; and why it cannot, by field."""
    # Where one of these is empty it is none at all, not an empty text.
    may_be_none = {name for name, info in spec.kind.model.model_fields.items() if info.default is None}
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
    required = [name for name, info in spec.kind.model.model_fields.items() if info.is_required()]
    chosen = [field.name for field in spec.fields if field.form == "choice" and field.name in required]
    missing = {name: "choose one" for name in chosen if said.get(name) in ("", None)}
    if missing:
        raise ProblemsError(missing)
    return said


def _raw(value: Any, unit: str | None) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        return labels.number_text(value, unit)
    return value.isoformat() if isinstance(value, dt.date) else "" if value is None else value
