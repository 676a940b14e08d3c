"""Papermill as it is, without our runner: a review that is not named, or not for certain, is not opened in another's place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nbformat
import pytest
from papermill.cli import papermill
from papermill.exceptions import PapermillExecutionError
from workbooks import workbook

from reviewlib.errors import ReviewError
from reviewlib.params.model import Params
from reviewlib.periods import Period
from reviewlib.run import freezing

TEMPLATES = Path(__file__).parents[1] / "notebooks"
PARAMS, PERIOD = ("-p", "params", "params/book.yaml"), ("-p", "period", "2026-Q3")


def book(folder: Path, *reps: str) -> Params:
    """A frozen workbook of these reps, all in team 7."""
    deals = [{"rep_id": rep, "account_id": "A", "amount": 60, "closed_on": "2026-08-01"} for rep in reps]
    rows = [{"rep_id": rep, "rep_name": f"Name {rep}", "team": "7", "started_on": "2020-02-01"} for rep in reps]
    params = workbook(folder, deals=deals, reps=rows, as_of="2026-10-15", crm={"history_from": "2026-01-01"})
    freezing.freeze(params, [Period.parse("2026-Q3")])
    return params


@pytest.fixture(scope="module")
def zeros(tmp_path_factory: pytest.TempPathFactory) -> Params:
    """A workbook with ids that lose something where they are taken for numbers."""
    return book(tmp_path_factory.mktemp("zeros"), "0012", "014", "15", "1e5", "R-7")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Params:
    """A workbook whose numbers are written as numbers are."""
    return book(tmp_path_factory.mktemp("plain"), "14", "140", "R-7")


def opened(params: Params, given: Sequence[str], monkeypatch: pytest.MonkeyPatch, *, kind: str = "rep") -> str:
    """Let papermill prepare a template, run its cells up to the one that opens the review, and return who that is about."""
    monkeypatch.chdir(params.root)
    command = [str(TEMPLATES / f"{kind}_review.ipynb"), "out.ipynb", *given, "--prepare-only", "--no-progress-bar"]
    papermill.main(command, standalone_mode=False)
    names: dict[str, object] = {}
    for cell in nbformat.read("out.ipynb", as_version=4).cells:
        exec(cell.source, names)
        if cell.id == "open":
            break
    return str(names["review"].subject.id)  # type: ignore[attr-defined]


EMPTY = {
    "nothing": ((), "params, rep, period", 'rep = "R-014"'),
    "no params": (("-r", "rep", "R-7", *PERIOD), "params", "-r params params/demo.yaml"),
    "no rep": ((*PARAMS, *PERIOD), "rep", "-r rep R-014"),
    "a misspelt rep": ((*PARAMS, "-p", "Rep", "R-7", *PERIOD), "rep", "in these small letters"),
    "no period": ((*PARAMS, "-r", "rep", "R-7"), "period", "-r period 2026-Q3"),
    "only blanks": ((*PARAMS, "-r", "rep", "  ", *PERIOD), "rep", 'rep = "R-014"'),
}
NOT_TEXT = {
    "an id of zeros": (("-p", "rep", "0012"), "found: 12", "-r rep 0012"),
    "a zero in front": (("-p", "rep", "014"), "found: 14", "-r rep 014"),
    "a plain number among zeros": (("-p", "rep", "15"), "found: 15", "-r rep 15"),
    "a power of ten": (("-p", "rep", "1e5"), "found: 100000.0", "-r rep"),
    "a truth": (("-p", "rep", "True"), "found: True", "-r rep"),
    "none": (("-p", "rep", "None"), "found: None", "-r rep"),
    "a number of YAML": (("-y", "{rep: 7}"), "found: 7", "in quotes"),
    "an octal number of YAML": (("-y", "{rep: 0012}"), "found: 10", "in quotes"),
    "a list": (("-y", "{rep: [R-7]}"), "found: ['R-7']", "-r rep"),
    "a year": (("-r", "rep", "R-7", "-p", "period", "2026"), "found: 2026", "-r period 2026-Q3"),
    "params by number": (("-r", "rep", "R-7", "-p", "params", "7"), "found: 7", "-r params params/demo.yaml"),
}


@pytest.mark.parametrize(("given", "what", "more"), EMPTY.values(), ids=EMPTY)
def test_nobody_is_opened_where_nobody_is_named(
    zeros: Params, given: Sequence[str], what: str, more: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parameter that is left empty or misspelt ends with one message: which are empty, and what to write."""
    with pytest.raises(ReviewError) as caught:
        opened(zeros, given, monkeypatch)
    assert caught.value.what == "No review is named, so none is opened."
    assert caught.value.found == f"nothing in {what}"
    assert more in str(caught.value)


@pytest.mark.parametrize(("given", "found", "do"), NOT_TEXT.values(), ids=NOT_TEXT)
def test_what_is_no_text_is_refused(
    zeros: Params, given: Sequence[str], found: str, do: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What papermill or YAML made of a text is not turned back by guessing: the message says how it stays text."""
    with pytest.raises(ReviewError) as caught:
        opened(zeros, (*PARAMS, *PERIOD, *given), monkeypatch)
    assert "did not arrive as text" in caught.value.what
    assert found in str(caught.value)
    assert do in str(caught.value.do)


def test_text_is_taken_as_it_is(zeros: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids that look like numbers are those of their reps where they arrive as text: by -r, or in quotes in a file."""
    file = tmp_path / "given.yaml"
    file.write_text('rep: "0012"\n', encoding="utf-8")
    for given, rep in ((("-r", "rep", "014"), "014"), (("-r", "rep", "1e5"), "1e5"), (("-f", str(file)), "0012")):
        assert opened(zeros, (*PARAMS, *PERIOD, *given), monkeypatch) == rep


def test_a_text_that_is_no_id_is_refused(zeros: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    """No rep whose id looks alike is opened; the message names what was asked for."""
    for rep in ("true", "12", "r-7"):
        with pytest.raises(ReviewError, match=f"no rep '{rep}'.*"):
            opened(zeros, (*PARAMS, *PERIOD, "-r", "rep", rep), monkeypatch)


def test_a_number_is_taken_where_one_id_alone_reads_so(plain: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all ids are written as numbers are, a number is the id that is written like it, and no other."""
    assert opened(plain, (*PARAMS, *PERIOD, "-p", "rep", "14"), monkeypatch) == "14"
    assert opened(plain, (*PARAMS, *PERIOD, "-p", "team", "7"), monkeypatch, kind="team") == "7"
    for given in ("15", "1", "14.0"):
        with pytest.raises(ReviewError, match="did not arrive as text"):
            opened(plain, (*PARAMS, *PERIOD, "-p", "rep", given), monkeypatch)


@pytest.mark.default
def test_a_notebook_shows_the_message_alone(plain: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run All in a template that nobody has filled in ends with the message, in a real kernel, and with no traceback."""
    monkeypatch.chdir(plain.root)
    with pytest.raises(PapermillExecutionError) as caught:
        papermill.main([str(TEMPLATES / "rep_review.ipynb"), "out.ipynb", "--no-progress-bar"], standalone_mode=False)
    assert caught.value.traceback[0] == "No review is named, so none is opened."
    assert "reviewlib open" in caught.value.traceback[-1]
    assert "Traceback" not in "\n".join(caught.value.traceback)
