"""The invented review that a warm process shows before it forks kernels."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import nbformat
import pytest

from reviewlib.pages import preload
from reviewlib.params import reading

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "rep_review.ipynb"


def test_every_section_of_the_notebook_is_rehearsed() -> None:
    """What the rep's notebook calls is rehearsed, so no section is slow for being the first of its kind."""
    calls = [ast.parse(cell.source).body[-1] for cell in nbformat.read(NOTEBOOK, as_version=4).cells[2:]]
    called = [ast.unparse(call.value.func).split(".")[-1] for call in calls if isinstance(call, ast.Expr)]  # type: ignore[attr-defined]
    shown = [show.func.__name__ for show in preload.sections(preload.review())]  # type: ignore[attr-defined]
    assert sorted(shown) == sorted(called)


def test_every_section_has_something_to_show() -> None:
    """The invented review has all figures: charts are drawn, deals are listed, and nothing is missing in the scorecard."""
    shown = {show.func.__name__: show() for show in preload.sections(preload.review())}  # type: ignore[attr-defined]
    assert shown["trends"].html.count("<img") == 4
    assert "D-0" in shown["figures"].html
    assert "n/a" not in shown["scorecard"].text + shown["change"].text + shown["pipeline"].text
    assert "Nobody Here closed" in shown["summary"].html


def test_a_rehearsal_leaves_nothing_behind() -> None:
    """Rehearsing keeps folder and environment, and needs no workbook."""
    before = (Path.cwd(), dict(os.environ))
    preload.prepare()
    assert (Path.cwd(), dict(os.environ)) == before


def test_the_params_of_a_run_are_read_beforehand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What every notebook opens is read once, as notebooks open it; a file that cannot be read is left to them."""
    path = tmp_path / "params" / "book.yaml"
    path.parent.mkdir()
    invented = Path(preload.__file__).parent / "rehearsal" / "params.yaml"
    path.write_text(invented.read_text(encoding="utf-8").replace("rehearsal", "beforehand"), encoding="utf-8")
    monkeypatch.setattr(preload, "rehearse", lambda: None)
    preload.prepare(str(path))
    monkeypatch.setattr(reading, "read_yaml", lambda *_: pytest.fail("it was not read beforehand"))
    assert reading.load(reading.find("params/book.yaml", tmp_path)).name == "beforehand"
    monkeypatch.undo()
    preload.prepare(str(tmp_path / "gone.yaml"))
