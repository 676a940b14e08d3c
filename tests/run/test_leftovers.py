"""What somebody wrote into files that earlier runs made is kept, where nobody reads it who may not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from handmade import Handmade

from reviewlib.files import PRIVATE
from reviewlib.press.jobs import Job
from reviewlib.run import manifest
from reviewlib.run.leftovers import Leftovers


@pytest.mark.parametrize(("team", "kept"), [("north", "{own}/rep"), ("elsewhere", "moved")])
def test_a_form_that_was_filled_in_is_kept_where_the_team_may_read_it(
    handmade: Handmade, tmp_path: Path, team: str, kept: str
) -> None:
    """Within the team it lies beside the new one; of a team that the rep has left it is handed to nobody."""
    handmade.run()
    entry = manifest.read(handmade.folder)["rep:R1:rep"]
    (form,) = handmade.folder.glob("*/rep/ada*-answer.md")
    form.write_text(form.read_text(encoding="utf-8") + "What I think.", encoding="utf-8")
    own, notes = form.parents[1].name, list[str]()
    page = handmade.folder / (own if team == "north" else team) / "rep" / "renamed.html"
    job = Job("rep:R1:rep", tmp_path / "none.ipynb", {}, None, page, tmp_path / "problem.html")
    left = Leftovers(handmade.folder, PRIVATE, notes.append).cleared(entry, replace(entry, files={}), job).left
    assert not left
    assert not form.exists()
    (found,) = handmade.folder.rglob("*-written-1.md")
    assert found.parent == handmade.folder / kept.format(own=own)
    assert "What I think." in found.read_text(encoding="utf-8")
    assert found.relative_to(handmade.folder).as_posix() in notes[0]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('# Which review\nparams = "params/demo.yaml"\nrep = "R-014"\nperiod = "2026-Q3"\naudience = "manager"', False),
        ('# Which review\nparams = ""\nrep = ""\nperiod = ""\naudience = "manager"\n# Ask about the bonus.', True),
        ('# Ask Ada\nparams = ""\nrep = ""\nperiod = ""\naudience = "manager"', True),
        ('# Which review\nparams = ""\nrep = ""\nperiod = ""\nnote = "Ask Ada."', True),
    ],
)
def test_parameters_of_an_older_template_are_nobody_s_words(tmp_path: Path, text: str, kept: bool) -> None:
    """A notebook whose first cell names a review, as earlier templates did, is not put aside for that; one with a remark is."""
    template = Path(__file__).parents[2] / "notebooks" / "rep_review.ipynb"
    nb = nbformat.read(template, as_version=4)
    nb.cells[0].source = text
    notebook = tmp_path / "notebooks" / "ada.ipynb"
    notebook.parent.mkdir()
    nbformat.write(nb, notebook)
    job = Job("rep:R1:manager", template, {}, notebook, tmp_path / "ada.html", tmp_path / "problem.html")
    Leftovers(tmp_path, PRIVATE, lambda _: None).make_way(job, {}, {})
    assert len(list(tmp_path.glob("notebooks/ada-annotated-1.ipynb"))) == kept
