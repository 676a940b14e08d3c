"""The kinds of journal entries: what each must say, and the rules that are data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import walks
from pydantic import Field, ValidationError
from talk import LEAST

from reviewlib.conversation.answers import marks
from reviewlib.conversation.kinds import ENDED, KINDS
from reviewlib.conversation.kinds.plans import PLANS
from reviewlib.conversation.kinds.record import (
    ANYTHING,
    LONGEST,
    WHAT_IS_ASKED,
    WHAT_RUNS,
    FormText,
    Kind,
    Payload,
    Section,
    Side,
    words_of,
)  # fmt: skip
from reviewlib.conversation.kinds.talk import TALK, Feedback, FeedbackToManager, Reply


def make(kind: str, **changes: Any) -> Payload:
    return KINDS[kind].model.model_validate({**LEAST[kind], **changes})


def test_every_kind_has_its_least() -> None:
    """Each kind can be said with the least, and survives the way through JSON."""
    assert set(LEAST) == set(KINDS)
    for name, kind in KINDS.items():
        said = make(name)
        assert kind.model.model_validate_json(said.model_dump_json()) == said


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_nothing_unknown_and_no_change(kind: str) -> None:
    """Unknown fields are refused, and what was said does not change."""
    with pytest.raises(ValidationError):
        make(kind, mood="good")
    said = make(kind)
    with pytest.raises(ValidationError):
        setattr(said, next(iter(type(said).model_fields)), None)


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("self_review", {"perspective": " \n "}, "every part is empty"),
        ("feedback", {"kpi": None}, "link it to a figure"),
        ("feedback", {"text": "   "}, "is empty"),
        ("action", {"text": ""}, "what is to be done"),
        ("action", {"decision": "dismissed", "recommended": "Call more."}, "why the recommendation is dismissed"),
        ("action", {"decision": "accepted", "text": "Call more."}, "name the recommendation"),
        ("reply", {"text": "x" * (LONGEST + 1)}, str(LONGEST)),
        ("reply", {"text": "a\x00b"}, "U+0000"),
        ("reply", {"text": "a\ud800b"}, ""),
        ("goal", {"target": float("inf")}, "finite"),
        ("rating", {"value": 0}, "greater than or equal to 1"),
    ],
)
def test_what_says_nothing_is_refused(kind: str, changes: dict[str, Any], said: str) -> None:
    """An empty word, one that cannot be stored and a contradiction are refused with the reason."""
    with pytest.raises(ValidationError) as caught:
        make(kind, **changes)
    assert said in str(caught.value)


def test_text_is_kept_as_it_was_written() -> None:
    """Line ends become one kind and blanks around a text go; nothing inside it changes."""
    said = Reply(of="e1", text="  First\r\nsecond\rthird \u202e\U0001f600 <b>\n\n")
    assert said.text == "First\nsecond\nthird \u202e\U0001f600 <b>"
    assert Feedback(stance="improve", behaviour="late", text="x" * LONGEST).text == "x" * LONGEST


# Records that contradict themselves ------------------------------------------------------------------------------------------


def contradictions(kind: Kind) -> Iterator[str]:
    """Say what in a record does not go together; whoever adds a kind reads it."""
    fields, required = kind.model.model_fields, {name for name, field in kind.model.model_fields.items() if field.is_required()}
    if not kind.by or not set(kind.by) <= set(get_args(Side)):
        yield "by: name whose word it is, rep or manager or both"
    if not set(kind.about) <= {*KINDS, ANYTHING, WHAT_RUNS, WHAT_IS_ASKED}:
        yield "about: there is no such kind"
    if bool(kind.about) != ("of" in fields):
        yield "about: an entry refers to another one by its field of, and by that alone"
    if kind.letter and not re.fullmatch("[A-Z]", kind.letter):
        yield "letter: one capital letter"
    if kind.letter and not kind.answered:
        yield "letter: what cannot be replied to is not asked for a reply"
    if kind.yes_or_no and not kind.letter:
        yield "yes_or_no: it needs a letter to be referred to"
    if kind.yes_or_no and kind.private != "never":
        yield "yes_or_no: the rep reads what is asked"
    if kind.question and ("rep" not in kind.by or kind.private == "always" or kind.single or kind.when != "to_the_end"):
        yield "question: the answer form takes the rep's word, several of them, to the end, and for the rep to read"
    if kind.question and ("text" not in fields or required - {"text"}):
        yield "question: what is typed below it is the field text, and all that must be said"
    if marks.opened([f"[[{kind.label} 1]]"]) != (f"{kind.label} 1", "", 1):
        yield "label: a mark of the answer form cannot hold it"
    if kind.statuses and (kind.statuses[0] in ENDED or not set(kind.statuses[1:]) & ENDED):
        yield f"statuses: the first is no end, and one of the others is ({', '.join(sorted(ENDED))})"
    if kind.carries and not kind.statuses:
        yield "carries: without statuses it never ends"
    if kind.heading and not kind.forms:
        yield "heading: the section is that of its first form, and it has none"
    if not {form.section for form in kind.forms} <= set(get_args(Section)):
        yield "forms: there is no such section"
    if not {name for form in kind.forms for name in (*form.fields, *form.changes)} <= set(fields):
        yield "forms: there is no such field"
    for name, field in fields.items():
        literal = next((one for one in (field.annotation, *get_args(field.annotation)) if get_origin(one) is Literal), None)
        if not field.title:
            yield f"{name}: a field has a title"
        if literal and literal != Side and {*words_of(kind.model, name)} != {*get_args(literal)}:
            yield f"{name}: what people choose from has its words (``choice``)"


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_record_does_not_contradict_itself(name: str) -> None:
    """What a record asks for can be typed, imported, shown and ended."""
    assert not [*contradictions(KINDS[name])]


def test_names_are_told_apart() -> None:
    """No kind, form or label stands twice, and no form has the name of what is imported or exported there."""
    forms = [form.name for kind in KINDS.values() for form in kind.forms]
    assert len(KINDS) == len(TALK) + len(PLANS)
    assert len({*forms, "import", "export"}) == len(forms) + 2
    assert len({kind.label.casefold() for kind in KINDS.values()}) == len(KINDS)
    marked = [(kind.name, f"{kind.label} 1") for kind in KINDS.values() if kind.question]
    marked += [("agreement", f"{kind.label} K1") for kind in KINDS.values() if kind.yes_or_no]
    assert [getattr(marks.read(words), "field", None) for _, words in marked] == [name for name, _ in marked]


class Odd(Payload):
    """Fields that do not go with a record."""

    mood: Literal["good", "bad"] = Field(title="Mood")
    untitled: str = ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"by": ()}, "by"),
        ({"about": ("gaol",)}, "about"),
        ({"about": ("goal",)}, "about"),
        ({"letter": "KN"}, "letter"),
        ({"letter": "K", "answered": False}, "letter"),
        ({"yes_or_no": "Yes or no?"}, "yes_or_no"),
        ({"yes_or_no": "Yes or no?", "letter": "K", "private": "may"}, "yes_or_no"),
        ({"question": "What?", "by": ("manager",)}, "question"),
        ({"question": "What?", "when": "before_signing"}, "question"),
        ({"question": "What?", "single": True}, "question"),
        ({"question": "What?", "model": Odd}, "question"),
        ({"question": "What?", "label": "C# note"}, "label"),
        ({"yes_or_no": "Yes or no?", "letter": "K", "label": "½ year"}, "label"),
        ({"statuses": ("open", "finished")}, "statuses"),
        ({"carries": True}, "carries"),
        ({"heading": "Coaching", "forms": ()}, "heading"),
        ({"forms": (FormText("scorecard", "Write"),)}, "forms"),  # type: ignore[arg-type]
        ({"forms": (FormText("feedback", "Write", fields=("txet",)),)}, "forms"),
        ({"model": Odd}, "mood"),
        ({"model": Odd}, "untitled"),
    ],
)
def test_a_contradiction_is_told(changes: dict[str, Any], said: str) -> None:
    """Each of them, put into a record that has none, is named with the part of the record that is to be mended."""
    sound = Kind("odd", FeedbackToManager, by=("rep", "manager"), when="to_the_end")
    assert not [*contradictions(sound)]
    found = [*contradictions(replace(sound, **changes))]
    assert said in {one.split(":")[0] for one in found}


#: Beside CONTRIBUTING's kind, one that the rep is asked to agree to, that runs and ends.
_PROMISE = """
SMALL_PROMISE = Kind(
    "small_promise",
    CoachingNote,
    by=("manager",),
    letter="P",
    yes_or_no="Will you do it? Write yes or no:",
    statuses=("open", "done", "missed"),
    carries=True,
    forms=(FormText("goals", "Write a small promise"),),
    heading="Promises",
)
"""


def _walked(folder: Path, *tests: str) -> None:
    """Add CONTRIBUTING's kind, and another one, to a copy, in one file, and run tests there."""
    text = (walks.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (record,) = re.findall(r"```python\n((?:(?!```).)*class CoachingNote.*?)```", text, re.DOTALL)
    root, home = walks.copied(folder), "reviewlib/conversation/kinds/plans.py"
    walks.added(root, home, "_TAKES: Final", f"\n\n{record}\n{_PROMISE}\n")
    walks.added(root, home, "PLANS: Final = (", "    COACHING_NOTE,\n    SMALL_PROMISE,\n")
    walks.python(root, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", *tests)


@pytest.mark.default
def test_adding_a_kind_is_one_record(tmp_path: Path) -> None:
    """One file changes in a copy; form, section, pages, marks, replies, rights and the data export are there."""
    _walked(
        tmp_path,
        "tests/coaching_note.py",
        "tests/conversation/answers/test_form.py",
        "tests/conversation/test_kinds.py",
        "-k",
        "not adding",
    )


@pytest.mark.whole
def test_a_kind_that_was_added_leaks_nothing(tmp_path: Path) -> None:
    """Its words are among the canaries of a copy: shown to whom they are for, and to nobody else."""
    _walked(tmp_path, "-m", "whole or not whole", "tests/test_canaries.py")
