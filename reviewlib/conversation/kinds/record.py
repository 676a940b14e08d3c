"""What a kind of entry is: one record says what is said, by whom, when, who reads it, and how it is asked for and shown.

To add a kind, write its payload and its record into the module of this package that it belongs to; nothing about it stands
anywhere else.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Role = Literal["manager", "analyst", "rep"]
Visibility = Literal["shared", "manager_only"]
Side = Literal["rep", "manager"]
Behalf = Literal["never", "always", "choose"]
#: Longest text of one field, in characters.
LONGEST: Final = 20_000
#: In ``about``: every kind that can be replied to; of which something becomes; that is asked to be agreed to.
ANYTHING: Final = "anything"
WHAT_RUNS: Final = "what runs"
WHAT_IS_ASKED: Final = "what is asked"
#: The sections of a review that forms stand below.
Section = Literal["agreed", "own_view", "feedback", "improve", "goals", "development", "recognition", "signoff"]


def _storable(text: str) -> str:
    """Refuse what a database or a page cannot hold: control characters and lone surrogates."""
    wrong = sorted({char for char in text if unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\t"})
    if wrong:
        raise ValueError(f"holds characters that cannot be stored: {', '.join(f'U+{ord(char):04X}' for char in wrong)}")
    return text


def _plain_lines(text: str) -> str:
    return _storable(text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _said(text: str) -> str:
    if not text:
        raise ValueError("is empty")
    return text


#: Free text, which may be empty; line ends are made one kind, blanks around it go.
Words = Annotated[str, AfterValidator(_plain_lines), Field(max_length=LONGEST)]
#: Free text that must say something.
Said = Annotated[str, AfterValidator(_plain_lines), AfterValidator(_said), Field(max_length=LONGEST)]
#: An id or a key, as it stands.
Key = Annotated[str, AfterValidator(_storable), Field(min_length=1, max_length=300)]


class Payload(BaseModel):
    """What an entry says; the titles and descriptions of its fields stand in forms, messages and exports."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


@dataclass(frozen=True)
class FormText:
    """How a manager writes a kind in JupyterLab; the fields are those of its payload.

    Attributes:
        section: The section of the review that it stands below.
        title: What opens it.
        save: What the button says, where that is not "Save" and the kind's label.
        lead: A sentence above the fields.
        name: Its name among the forms of a review, where that is not the kind.
        fields: Which of the payload's fields are filled in, in this order; all of them where none is named.
        changes: By field, what is other than the payload says: ``label``, ``hint``, ``form`` or ``default``.
        behalf: Whether it writes the rep's word: always, as chosen, or never.
    """

    section: Section
    title: str
    _: KW_ONLY
    save: str = ""
    lead: str = ""
    name: str = ""
    fields: tuple[str, ...] = ()
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    behalf: Behalf = "never"


@dataclass(frozen=True)
class Kind:
    """All that is to be known of a kind of entry.

    Attributes:
        name: The key in the journal; it never changes.
        model: What an entry of it says.
        label: In words, where they are not the name: on pages, in messages and in ``export-data``.
        by: Whose word it is. A manager may write ``rep`` kinds on the rep's behalf, marked so.
        analysts: Whether an analyst writes it in their own word.
        when: Until the first signature (``before_signing``), until both have signed (``to_the_end``), from the release until
            then (``signing``), after both have signed (``afterwards``), or ``always``; what a run writes (``by_a_run``), never.
        single: One current entry per review; another one must supersede it.
        edits: Whether an entry may be edited.
        private: Whether it may be, or always is, ``manager_only``; the rep never reads that.
        about: The kinds it may refer to in ``of``, ``ANYTHING``, ``WHAT_RUNS`` or ``WHAT_IS_ASKED``; empty for none.
        answered: Whether a reply or an amendment may be about it.
        letter: What its reference in the answer form begins with; a kind without one cannot be replied to there.
        question: What the answer form asks for it: as many texts as the rep likes, each an entry's ``text``.
        yes_or_no: What the answer form asks about it, to be agreed to.
        statuses: What may become of it, by updates; the first is where it starts, ``ENDED`` are ends.
        carries: While it is open, later reviews show it; what becomes of it after the review is closed is an update there.
        looked_back_at: Later reviews read it beside what carries over.
        of_files: It says what became of a review's files: no page shows it, and none is made again for it.
        forms: How a manager writes it; it is shown in the section of the first of them.
        heading: What stands above entries of it where its section lists them, each with its texts and the replies to it; empty
            where pages have a way of their own to show them.
    """

    name: str
    model: type[Payload]
    label: str = ""
    _: KW_ONLY
    by: tuple[Side, ...]
    analysts: bool = False
    when: Literal["before_signing", "to_the_end", "signing", "afterwards", "always", "by_a_run"] = "before_signing"
    single: bool = False
    edits: bool = True
    private: Literal["never", "may", "always"] = "never"
    about: tuple[str, ...] = ()
    answered: bool = True
    letter: str = ""
    question: str = ""
    yes_or_no: str = ""
    statuses: tuple[str, ...] = ()
    carries: bool = False
    looked_back_at: bool = False
    of_files: bool = False
    forms: tuple[FormText, ...] = ()
    heading: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", self.label or self.name.replace("_", " ").capitalize())
        save = f"Save {self.label.lower()}"
        whole = (replace(text, name=text.name or self.name, save=text.save or save) for text in self.forms)
        object.__setattr__(self, "forms", tuple(whole))

    def may_be_about(self, other: Kind) -> bool:
        """Whether an entry of it can be about one of the other kind."""
        return (
            other.name in self.about
            or (ANYTHING in self.about and other.answered)
            or (WHAT_RUNS in self.about and bool(other.statuses))
            or (WHAT_IS_ASKED in self.about and bool(other.yes_or_no))
        )


def choice(title: str, words: dict[str, str], *, default: Any = ...) -> Any:
    """Make a payload's field whose values people choose from in these words."""
    return Field(default, title=title, json_schema_extra={"words": {**words}})


def words_of(model: type[Payload], name: str) -> Mapping[str, str]:
    """The values of a field that people choose from, in their words; empty where anything may stand."""
    extra: Any = model.model_fields[name].json_schema_extra or {}
    words: Mapping[str, str] = extra.get("words", {})
    return words
