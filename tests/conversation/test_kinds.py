"""The kinds of journal entries: what each must say, and the rules that are data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import walks
from pydantic import ValidationError
from talk import LEAST

from reviewlib.conversation.kinds import ENDED, KINDS, STATUSES
from reviewlib.conversation.kinds.record import ANYTHING, LONGEST, WHAT_RUNS, Payload, Side
from reviewlib.conversation.kinds.talk import Feedback, Reply


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


def test_rules_refer_to_kinds_and_sides() -> None:
    """What a kind may be about is a kind, whose word it is a side, and whatever is followed up starts and ends."""
    for kind in KINDS.values():
        assert set(kind.about) <= {*KINDS, ANYTHING, WHAT_RUNS}
        assert set(kind.by) <= set(get_args(Side))
        assert bool(kind.about) == ("of" in kind.model.model_fields)
    for statuses in STATUSES.values():
        assert statuses[0] not in ENDED
        assert set(statuses[1:]) & ENDED


def _walked(folder: Path, *tests: str) -> None:
    """Add CONTRIBUTING's kind to a copy, in one file, and run tests there."""
    text = (walks.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (record,) = re.findall(r"```python\n((?:(?!```).)*class CoachingNote.*?)```", text, re.DOTALL)
    root, home = walks.copied(folder), "reviewlib/conversation/kinds/plans.py"
    walks.added(root, home, "_TAKES: Final", f"\n\n{record}\n\n")
    walks.added(root, home, "PLANS: Final = (", "    COACHING_NOTE,\n")
    walks.python(root, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", *tests)


@pytest.mark.default
def test_adding_a_kind_is_one_record(tmp_path: Path) -> None:
    """One file changes in a copy; form, section, pages, marks, replies, rights and the data export are there."""
    _walked(tmp_path, "tests/coaching_note.py", "tests/conversation/answers/test_form.py")


@pytest.mark.whole
def test_a_kind_that_was_added_leaks_nothing(tmp_path: Path) -> None:
    """Its words are among the canaries of a copy: shown to whom they are for, and to nobody else."""
    _walked(tmp_path, "-m", "whole or not whole", "tests/test_canaries.py")
