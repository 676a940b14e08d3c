"""What a form is: data, and the few functions in which one differs from another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from reviewlib.conversation.entries import Entry
from reviewlib.conversation.kinds import KINDS
from reviewlib.pages.forms.fields import Field, Options, Values

if TYPE_CHECKING:
    from reviewlib.pages.forms.context import FormContext

#: Fields that are no part of the payload: whose word it is, and who may read it.
SIDE: Final = "_side"
PRIVATE: Final = "_private"


class ProblemsError(ValueError):
    """What is wrong, by field; the key is empty for the form as a whole."""

    def __init__(self, problems: Mapping[str, str]):
        self.problems = dict(problems)
        super().__init__("; ".join(problems.values()))


def as_they_are(desk: FormContext, values: Values) -> Values:
    """The payload is what stands in the fields."""
    return values


def nothing(desk: FormContext) -> list[Entry]:
    """No entries."""
    return []


@dataclass(frozen=True)
class Spec:
    """One form.

    Attributes:
        name: Its name among the forms of a review.
        title: What opens it.
        kind: The kind of entry it writes.
        fields: What is filled in.
        lead: A sentence above the fields.
        save: What the button says.
        payload: The fields' values to the payload's; raises ``ProblemsError``.
        more: What the fields hold when an entry is edited that stands under no name of their own in it.
        existing: The entries that it can edit, to choose from.
        one: Where there is but one current entry of it: that entry, which every save edits.
        behalf: Whether it writes the rep's word: always, as chosen, or never.
        advice: HTML below the fields, as they are now; empty where there is nothing to say.
        hints: What to say below single fields, as they are now.
    """

    name: str
    title: str
    kind: str
    fields: tuple[Field, ...]
    lead: str = ""
    save: str = "Save"
    payload: Callable[[FormContext, Values], Values] = as_they_are
    more: Callable[[FormContext, Entry], Values] | None = None
    existing: Callable[[FormContext], list[Entry]] = nothing
    one: Callable[[FormContext], Entry | None] | None = None
    behalf: Literal["never", "always", "choose"] = "never"
    advice: Callable[[FormContext, Values], str] | None = None
    hints: Callable[[FormContext, Values], Mapping[str, str]] | None = None

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

    def required(self, name: str) -> bool:
        """Whether the kind cannot do without a field."""
        info = KINDS[self.kind].model.model_fields.get(name)
        return info is not None and info.is_required()

    def may_be_none(self, name: str) -> bool:
        """Whether an empty field is none at all, not an empty text."""
        info = KINDS[self.kind].model.model_fields.get(name)
        return info is not None and not info.is_required() and info.default is None


def written_here(kind: str) -> Callable[[FormContext], list[Entry]]:
    """The current entries of a kind but those that came from the rep: nobody else edits their words."""
    return lambda desk: [entry for entry in desk.minutes.of_kind(kind) if not by_rep(entry)]


def latest(kind: str) -> Callable[[FormContext], Entry | None]:
    """The one current entry of a kind."""
    return lambda desk: next(iter(desk.minutes.of_kind(kind)), None)


def by_rep(entry: Entry) -> bool:
    """Whether the words came from the rep, not from a manager who wrote them down."""
    return entry.side == "rep" and (entry.role == "rep" or entry.source is not None)


def _speakers(desk: FormContext, _: Values) -> Options:
    return [("The manager’s", "manager"), (f"{desk.rep_name}’s, written down in the meeting", "rep")]
