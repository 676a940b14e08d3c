"""What somebody new to the code asks, in ``newcomer.md``, has its answers where the list says."""

from __future__ import annotations

import re
from pathlib import Path

import reviewlib

PACKAGE = Path(reviewlib.__file__).parent
LIST = Path(__file__).with_name("newcomer.md")


def test_every_question_leads_to_a_file() -> None:
    """Twenty questions, each answered by one file of the package or by two; a file that moves takes its line along."""
    rows = re.findall(r"^\| (\d+) \|.+\? .*\| (.+) \|$", LIST.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert [int(number) for number, _ in rows] == [*range(1, 21)]
    places = {number: re.findall(r"`([^`]+)`", where) for number, where in rows}
    assert {number for number, files in places.items() if not 1 <= len(files) <= 2} == set()
    assert [(number, file) for number, files in places.items() for file in files if not (PACKAGE / file).is_file()] == []
