"""The grammar sheet is what somebody has read."""

from __future__ import annotations

import difflib

import grammar
import pytest


@pytest.mark.default
def test_the_grammar_sheet_is_the_one_that_was_read() -> None:
    """Each sentence with 0, 1, 2, 5 and 1,000 is as it was read; `python tests/grammar.py` writes it anew."""
    read = grammar.SHEET.read_text(encoding="utf-8").splitlines()
    assert "\n".join(difflib.unified_diff(read, grammar.sheet().splitlines(), "read", "now", lineterm="", n=0)) == ""
