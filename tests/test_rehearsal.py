"""The invented review that a warm process shows before it forks kernels."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import nbformat

from reviewlib.pages import rehearsal, warming

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "rep_review.ipynb"


def test_every_section_of_the_notebook_is_rehearsed() -> None:
    """What the rep's notebook calls is rehearsed, so no section is slow for being the first of its kind."""
    calls = [ast.parse(cell.source).body[-1] for cell in nbformat.read(NOTEBOOK, as_version=4).cells[2:]]
    called = [ast.unparse(call.value.func).split(".")[-1] for call in calls if isinstance(call, ast.Expr)]  # type: ignore[attr-defined]
    shown = [show.func.__name__ for show in rehearsal.sections(rehearsal.review())]  # type: ignore[attr-defined]
    assert sorted(shown) == sorted(called)


def test_every_section_has_something_to_show() -> None:
    """The invented review has all figures: charts are drawn, deals are listed, and nothing is missing in the scorecard."""
    shown = {show.func.__name__: show() for show in rehearsal.sections(rehearsal.review())}  # type: ignore[attr-defined]
    assert "<img" in shown["revenue"].html
    assert "<img" in shown["trend"].html
    assert "D-0" in shown["figures"].html
    assert "n/a" not in shown["scorecard"].text + shown["change"].text + shown["pipeline"].text
    assert "Nobody Here closed" in shown["summary"].html


def test_a_rehearsal_leaves_nothing_behind() -> None:
    """Rehearsing keeps folder and environment, and needs no workbook."""
    before = (Path.cwd(), dict(os.environ))
    warming.prepare()
    assert (Path.cwd(), dict(os.environ)) == before
