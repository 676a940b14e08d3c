"""The notebooks that are run for every review hold calls and nothing else."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest

import reviewlib

FOLDER = Path(__file__).parents[1] / "notebooks"
PARAMETERS = {
    "rep_review.ipynb": {"params": "", "rep": "", "period": "", "audience": "manager"},
    "team_review.ipynb": {"params": "", "team": "", "period": "", "audience": "manager"},
}
SECTIONS = {
    "rep_review.ipynb": [
        *[
            "header",
            "summary",
            "scorecard",
            "change",
            "pipeline",
            "customers",
            "strengths",
            "improve",
            "achievements",
            "agreed",
        ],
        *["own_view", "feedback", "goals", "development", "recognition", "next_period", "signoff", "figures"],
    ],
    "team_review.ipynb": [
        *[
            "header",
            "summary",
            "scorecard",
            "change",
            "reps",
            "distribution",
            "achievements",
            "agreed",
            "feedback",
            "goals",
            "team_goals",
        ],
        *["skills", "development", "recognition", "reviews", "signoff", "figures"],
    ],
}


@pytest.fixture(params=sorted(PARAMETERS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def notebook(name: str) -> nbformat.NotebookNode:
    return nbformat.read(FOLDER / name, as_version=4)


def _call(source: str) -> ast.Call:
    (statement,) = ast.parse(source).body
    assert isinstance(statement, ast.Expr), source
    assert isinstance(statement.value, ast.Call), source
    return statement.value


def test_there_are_no_other_notebooks() -> None:
    """Every notebook in the folder is one of those looked at here."""
    assert {path.name for path in FOLDER.glob("*.ipynb")} == set(PARAMETERS)


def test_notebooks_are_valid_and_empty(notebook: nbformat.NotebookNode) -> None:
    """Notebooks are committed without outputs and counts, name the kernel python3, hide their code and can be rearranged."""
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    for cell in notebook.cells:
        assert (cell.cell_type, cell.outputs, cell.execution_count) == ("code", [], None)
        assert cell.metadata.jupyter.source_hidden is True
        assert not {"deletable", "editable"} & set(cell.metadata)  # it is for whoever arranges them


def test_a_collapsed_cell_shows_words(notebook: nbformat.NotebookNode) -> None:
    """JupyterLab shows the first line of a collapsed cell, so that line says in words what the cell displays."""
    lines = [cell.source.splitlines()[0] for cell in notebook.cells]
    assert all(re.fullmatch(r"# [A-Z][\w' -]+", line) for line in lines)
    assert len(set(lines)) == len(lines)


def test_the_parameters_are_plain_text(notebook: nbformat.NotebookNode, name: str) -> None:
    """The first cell alone is tagged and assigns one text to each parameter, one per line; it names nobody."""
    assert [cell.metadata.get("tags", []) for cell in notebook.cells] == [["parameters"]] + [[]] * (len(notebook.cells) - 1)
    lines = [line.split(" = ") for line in notebook.cells[0].source.splitlines()[1:]]
    assert [name for name, _ in lines] == list(PARAMETERS[name])
    assert {name: ast.literal_eval(value) for name, value in lines} == PARAMETERS[name]


def test_the_second_cell_opens_the_review(notebook: nbformat.NotebookNode, name: str) -> None:
    """The second cell imports the library and opens the review with the parameters, each by its name."""
    imported, assigned = ast.parse(notebook.cells[1].source).body
    assert ast.unparse(imported) == "import reviewlib as rl"
    subject = "rep" if "rep" in PARAMETERS[name] else "team"
    opened = {"rep": "open_review", "team": "open_team_review"}[subject]
    assert ast.unparse(assigned) == f"review = rl.{opened}(params, {subject}={subject}, period=period, audience=audience)"


def test_every_other_cell_is_one_call(notebook: nbformat.NotebookNode) -> None:
    """A cell is one call of a block, chart or form: the review first, then literals by name; no loop, no assignment."""
    for cell in notebook.cells[2:]:
        call = _call(cell.source)
        assert ast.unparse(call.func).startswith(("rl.blocks.", "rl.charts.", "rl.forms."))
        assert [ast.unparse(argument) for argument in call.args] == ["review"]
        assert all(keyword.arg and ast.literal_eval(keyword.value) for keyword in call.keywords)


def test_every_name_that_is_called_exists(notebook: nbformat.NotebookNode) -> None:
    """Blocks and charts that a notebook calls are functions of the library, and the figures it names are defined."""
    for cell in notebook.cells[2:]:
        call = _call(cell.source)
        _, module, function = ast.unparse(call.func).split(".")
        assert callable(getattr(getattr(reviewlib, module), function))
        named = [kpi for keyword in call.keywords if keyword.arg == "kpis" for kpi in ast.literal_eval(keyword.value)]
        assert set(named) <= set(reviewlib.KPIS)


def test_the_sections_stand_in_the_order_of_the_meeting(notebook: nbformat.NotebookNode, name: str) -> None:
    """The blocks come in the order in which a review is talked through, figures last."""
    calls = [ast.unparse(_call(cell.source).func) for cell in notebook.cells[2:]]
    assert [call.rpartition(".")[2] for call in calls if call.startswith(("rl.blocks.", "rl.forms."))] == SECTIONS[name]
