"""The workbook in a real JupyterLab: Run All, as a manager would, in the system's Chromium."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from browser import ROOT, Lab, Window, assert_ran, fill_in, run_all, serving
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Locator, Page, expect

from reviewlib.pages.exporter import ReviewExporter
from reviewlib.press import clean


@pytest.fixture(scope="module")
def workbook(tmp_path_factory: pytest.TempPathFactory, made_demo: Path) -> Path:
    return Path(shutil.copytree(made_demo, tmp_path_factory.mktemp("lab") / "workbook"))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, workbook: Path) -> Iterator[Lab]:
    with serving(workbook, tmp_path_factory.mktemp("jupyter")) as running:
        yield running


def assert_no_code(page: Page) -> None:
    """Check that no editor is to be seen, though the cells are there, and that what stands for a cell is a comment."""
    assert page.locator(".jp-Notebook .jp-CodeCell").count() > 0
    assert page.locator(".jp-Notebook .jp-InputArea-editor:visible, .jp-Notebook .cm-content:visible").count() == 0
    lines = page.locator(".jp-Notebook .jp-InputPlaceholder:visible").all_inner_texts()
    assert [line for line in lines if not line.startswith("#")] == []


def visible_headings(page: Page) -> list[str]:
    """List the section headings a reader sees in the notebook's outputs."""
    headings = page.locator(".jp-Notebook .jp-OutputArea-output h2")
    return [heading.inner_text() for heading in headings.all() if heading.is_visible()]


def _stand_in(path: Path, *, hidden: bool = True, comment: str = "# Words\n") -> Path:
    sources = [
        f"{comment}from pathlib import Path\nfrom IPython.display import HTML",
        comment + "HTML(f'<h2>{Path.cwd().name}</h2>')",
    ]
    cells = [new_code_cell(source, metadata={"jupyter": {"source_hidden": hidden}}) for source in sources]
    path.parent.mkdir(parents=True, exist_ok=True)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path


def test_run_all_shows_outputs_and_no_code(window: Window) -> None:
    """Run All executes every cell in the notebook's own folder; a notebook whose code is collapsed shows only what it says."""
    notebook = _stand_in(window.folder / "stand-in" / "one.ipynb")
    with window.at(notebook) as seen:
        assert_ran(run_all(seen.page))
        seen.page.get_by_role("heading", name="stand-in").wait_for()
        assert_no_code(seen.page)
        assert visible_headings(seen.page) == ["stand-in"]
        assert seen.requests == []


@pytest.mark.parametrize("open_cell", [{"hidden": False}, {"comment": ""}])
def test_visible_code_is_noticed(window: Window, open_cell: dict[str, Any]) -> None:
    """The same check fails for a notebook whose code is open, or collapsed to a first line that is code."""
    notebook = _stand_in(window.folder / "stand-in" / "open.ipynb", **open_cell)
    with window.at(notebook) as seen:
        run_all(seen.page)
        with pytest.raises(AssertionError):
            assert_no_code(seen.page)


def test_a_cleaned_notebook_is_collapsed(window: Window) -> None:
    """Cleaning an executed notebook collapses its code."""
    notebook = _stand_in(window.folder / "stand-in" / "cleaned.ipynb", hidden=False)
    nbformat.write(clean.clean(nbformat.read(notebook, as_version=4)), notebook)
    with window.at(notebook) as seen:
        run_all(seen.page)
        assert_no_code(seen.page)


def _sections(name: str) -> int:
    notebook = nbformat.read(ROOT / "notebooks" / name, as_version=4)
    calls = [cell.source for cell in notebook.cells if "\nrl.blocks." in cell.source or "\nrl.forms." in cell.source]
    return len(calls) - 1  # the header is no section


def _look(window: Window, notebook: Path, sections: int) -> None:
    with window.at(notebook) as seen:
        assert_ran(run_all(seen.page))
        seen.page.get_by_role("heading", name="How the figures were made").wait_for()
        assert_no_code(seen.page)
        assert len(visible_headings(seen.page)) >= sections
        # JupyterLab's own rules for lists and tables do not reach into a section.
        assert seen.page.locator(".rl dt").first.evaluate("it => getComputedStyle(it).float") == "none"
        assert seen.page.locator(".rl .sub").first.evaluate("it => getComputedStyle(it).textAlign") in ("left", "start")
        assert seen.requests == []


@pytest.mark.parametrize("given", [{"rep": "R-014"}, {"team": "North"}])
def test_templates_run_from_their_folder(window: Window, given: dict[str, str]) -> None:
    """Run All in notebooks/ opens the review that is filled in: no error, no code visible, every section there."""
    name = f"{next(iter(given))}_review.ipynb"
    notebook = fill_in(ROOT / "notebooks" / name, window.folder / "notebooks" / f"filled-in-{name}", **given)
    _look(window, notebook, _sections(name))


def test_a_template_that_nobody_filled_in_says_so(window: Window) -> None:
    """Run All in a template as it is opens nobody's review: the message says what to fill in, without a traceback."""
    with window.at(window.folder / "notebooks" / "rep_review.ipynb") as seen:
        run_all(seen.page)
        said = seen.page.locator(".jp-Notebook .jp-OutputArea-output").first
        expect(said).to_contain_text("No review is named, so none is opened.")
        expect(said).to_contain_text("reviewlib open")
        expect(said).not_to_contain_text("Traceback")


def test_an_executed_copy_runs_where_it_lies(window: Window) -> None:
    """The manager's executed notebook runs again from its folder under reports/."""
    (notebook,) = (window.folder / "reports").glob("*/2026-Q3/*/notebooks/*.ipynb")
    _look(window, notebook, _sections("rep_review.ipynb"))


SENTENCE = "Oddly enough, added bad dd"
#: What of a notebook typing could change; and whether anything asks.
STATE = """
() => {
  const {content, context} = window.jupyterapp.shell.currentWidget;
  const cells = content.model.toJSON().cells.map(cell => [cell.id, cell.cell_type, cell.source]);
  return {cells, dirty: context.model.dirty, dialogs: document.querySelectorAll('.jp-Dialog').length};
}
"""


def _type_in(page: Page, place: Locator) -> None:
    """Click where no field is, type, and see that the notebook is as it was."""
    place.scroll_into_view_if_needed()
    place.click(position={"x": 4, "y": 4})
    before = _saved(page)
    assert page.evaluate("() => document.activeElement.closest('.jp-Cell') !== null")
    page.keyboard.type(SENTENCE, delay=10)
    page.keyboard.press("Shift+Enter")
    page.wait_for_timeout(300)
    assert page.evaluate(STATE) == before, str(place)


def _saved(page: Page) -> dict[str, Any]:
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    state: dict[str, Any] = page.evaluate(STATE)
    return state


def test_typing_beside_a_field_leaves_the_notebook_alone(window: Window) -> None:
    """Keys pressed in a section delete, add and change no cell and ask nothing; in a manager’s own cell they work."""
    (notebook,) = (window.folder / "reports").glob("*/2026-Q3/*/notebooks/*.ipynb")
    with window.at(notebook) as seen:
        page = seen.page
        assert_ran(run_all(page))
        page.get_by_role("button", name="Write feedback", exact=True).click()
        form = page.locator(".rl-form-body").filter(has=page.get_by_role("button", name="Save feedback", exact=True))
        printed = [page.locator(f"section#{name} h2").first for name in ("scorecard", "feedback", "figures")]
        collapsed = page.locator(".jp-Notebook .jp-CodeCell").first.locator(".jp-InputPlaceholder")  # a click opens it
        for place in (form, form.locator(".rl-field .hint:visible").first, *printed, collapsed):
            _type_in(page, place)
        before = _saved(page)
        for field in (form.get_by_label("Figure", exact=True), form.get_by_role("button", name="Save feedback", exact=True)):
            field.focus()
            page.keyboard.type("abmydd", delay=10)
        form.get_by_label("Feedback", exact=True).focus()
        page.keyboard.type(SENTENCE, delay=10)
        page.keyboard.press("Shift+Enter")
        expect(form.get_by_label("Feedback", exact=True)).to_have_value(f"{SENTENCE}\n")
        assert page.evaluate(STATE) == before
        _own_cell(page, printed[0], len(before["cells"]))
        assert seen.requests == []
    _check_kept(notebook)


def _own_cell(page: Page, beside: Locator, cells: int) -> None:
    """Add a cell with the mouse, write and run code in it, save and delete it, all by keys, and delete no section that way."""
    beside.click()
    page.get_by_role("button", name="Insert a cell below").first.click()
    page.keyboard.press("Enter")
    page.keyboard.type("12345 + 1")
    page.keyboard.press("Control+Enter")
    page.get_by_text("12346", exact=True).wait_for()
    beside.click()
    page.keyboard.press("Control+s")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    page.get_by_text("12346", exact=True).click()
    page.keyboard.press("d")
    page.keyboard.press("d")
    page.wait_for_function(f"() => window.jupyterapp.shell.currentWidget.content.model.cells.length === {cells}")
    page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 3; }")
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:delete-cell')")
    _saved(page)
    assert len(page.evaluate(STATE)["cells"]) == cells


def _check_kept(notebook: Path) -> None:
    """Nothing of the script that holds the keys is in the saved notebook or in a page made of it."""
    text = notebook.read_text(encoding="utf-8")
    nb = nbformat.reads(text, as_version=4)
    assert all(cell.metadata.deletable is cell.metadata.editable is False for cell in nb.cells)
    page, _ = ReviewExporter().from_filename(str(notebook))
    for made in (text, page):
        assert "lm-suppress" not in made
        assert not re.search(r"anywidget|<script|application/vnd.jupyter.widget-state", made)
    assert SENTENCE not in text + page
