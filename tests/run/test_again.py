"""What a second run makes again, and what it leaves alone."""

from __future__ import annotations

import errno
import grp
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
import typer
from lightbook import ALL, PERIOD, lay_templates, light_workbook, small_template
from nbformat.v4 import new_code_cell, new_markdown_cell
from workbooks import changed

from reviewlib import files
from reviewlib.cli import app
from reviewlib.conversation import records
from reviewlib.conversation.answers import responses
from reviewlib.conversation.entries import About
from reviewlib.errors import BusyError
from reviewlib.files import PRIVATE
from reviewlib.params import reading
from reviewlib.params.model import Params
from reviewlib.press import environment
from reviewlib.run import freezing, locks, manifest, runs, status
from reviewlib.run.leftovers import Leftovers
from reviewlib.run.origins import Origins
from reviewlib.run.runs import Options, Result


def run(params: Params, *, reps: tuple[str, ...] = (), **options: Any) -> Result:
    (frozen,) = freezing.freeze(params, [PERIOD])
    return runs.run(params, frozen, reps=reps, options=Options(**options))


def made(result: Result) -> set[str]:
    assert not result.failed
    return {entry.key for entry in result.made}


pytestmark = pytest.mark.usefixtures("light_runs")


@pytest.fixture(scope="module")
def first(light_runs: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workbook whose period was run once."""
    folder = tmp_path_factory.mktemp("again")
    params = light_workbook(folder)
    lay_templates(folder)
    assert made(run(params)) == ALL
    return folder


@pytest.fixture
def book(first: Path, tmp_path: Path) -> Params:
    """The same workbook in a folder of its own."""
    shutil.copytree(first, tmp_path / "book")
    return reading.load(tmp_path / "book" / "params" / "book.yaml")


@pytest.fixture
def folder(book: Params) -> Path:
    return book.reports / PERIOD.name


def stamps(folder: Path) -> dict[str, int]:
    """When each page and notebook was last written."""
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*") if path.suffix in (".html", ".ipynb", ".md")}


def test_nothing_changed_nothing_is_made(book: Params, folder: Path) -> None:
    """A second run starts no kernel, writes no page, and reports what it left."""
    before = stamps(folder)
    result = run(book)
    assert made(result) == set()
    assert result.kept == ALL
    after = stamps(folder)
    assert {name for name in before if before[name] != after[name]} == {"index.html"}


@pytest.mark.parametrize(
    ("options", "heavy", "told"),
    [
        ((), "ibis duckdb lark papermill matplotlib nbconvert", f"{len(ALL)} unchanged"),
        (("--force", "--rep", "R3"), "ibis duckdb lark matplotlib", "2 pages made"),
    ],
    ids=["nothing changed", "nothing frozen"],
)
def test_what_is_not_needed_is_not_loaded(book: Params, options: tuple[str, ...], heavy: str, told: str) -> None:
    """What computes figures, runs notebooks and draws is loaded where there is something to do, and nothing for nothing."""
    said = f"atexit.register(lambda: print('loaded', {set(heavy.split())} & {{*sys.modules}}))"
    code = f"import atexit, sys; from reviewlib.cli.app import main; {said}; main()"
    command = [sys.executable, "-c", code, "run", str(book.path), "--period", PERIOD.name, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert told in done.stdout
    assert done.stdout.splitlines()[-1] == "loaded set()"


def test_what_changed_in_the_crm_is_made_again(book: Params) -> None:
    """Of one rep's figures that changed, the rep's copies and the manager's of the team are made again, and nobody else's.

    The reps' copy of so small a team holds no totals, so that nothing changed in it.
    """
    path = book.file(book.crm.deals)
    path.write_text(path.read_text(encoding="utf-8").replace(",100,", ",130,"), encoding="utf-8")
    assert made(run(book)) == {"rep:R1:manager", "rep:R1:rep", "team:North:manager"}


def test_what_was_said_is_printed_by_those_who_may_read_it(book: Params) -> None:
    """An entry of the manager's remakes the manager's copies; after release the rep's copy too."""
    own = records.open_records(book, About("rep", "R1", PERIOD.name))
    own.write("feedback", stance="strength", behaviour="Listens.", text="Keeps promises.", example="The Tor deal.")
    assert made(run(book)) == {"rep:R1:manager", "team:North:manager"}
    (frozen,) = freezing.freeze(book, [PERIOD])
    own.write("release", snapshot=frozen.hash)
    assert made(run(book)) == {"rep:R1:manager", "rep:R1:rep", "team:North:manager"}
    assert made(run(book)) == set()


@pytest.mark.parametrize(
    ("change", "again"),
    [
        (lambda folder: next(folder.glob("*/rep/ada*.html")).write_text("torn"), {"rep:R1:rep"}),
        (lambda folder: next(folder.glob("*/manager/ada*.html")).unlink(), {"rep:R1:manager"}),
        (lambda folder: next(folder.glob("*/notebooks/ben*.ipynb")).write_text(""), {"rep:R2:manager"}),
        (lambda folder: next(folder.glob("*/rep/cem*-answer.md")).unlink(), {"rep:R3:rep"}),
        (lambda folder: next(folder.glob("north*/team.html")).unlink(), {"team:North:manager"}),
    ],
    ids=["torn page", "lost page", "empty notebook", "lost form", "lost team page"],
)
def test_what_is_not_whole_is_made_again(book: Params, folder: Path, change: Callable[[Path], None], again: set[str]) -> None:
    """A file that is gone or not as it was made brings its review back, and no other."""
    change(folder)
    assert made(run(book)) == again
    assert made(run(book)) == set()


def test_templates_and_params_count(book: Params) -> None:
    """Another template makes its reviews again, another title all of them, and so does ``force``."""
    nbformat.write(small_template("team", "1 + 1"), book.root / "notebooks" / "team_review.ipynb")
    assert made(run(book)) == {key for key in ALL if key.startswith("team")}
    assert made(run(changed(book, title="Another title"))) == ALL
    assert made(run(changed(book, title="Another title"), force=True)) == ALL
    assert made(run(changed(book, title="Another title", batch={"memory_gb": 3}))) == set()


def origins(params: Params) -> dict[str, str | None]:
    """The fingerprint of each copy, as a run would find it."""
    (frozen,) = freezing.freeze(params, [PERIOD])
    found = Origins(params, status.of(params, frozen))
    return {
        f"{one.kind}:{one.id}:{who}": found.of(one, who).fingerprint
        for one in found.stands.subjects
        for who in ("manager", "rep")
    }


@pytest.mark.parametrize(
    "change",
    [
        {"people": {"roles": {"eve": "analyst"}}},
        {"people": {"acting_as": "mia"}},
        {"group": grp.getgrgid(os.getgid()).gr_name},
        {"records": {"retention_date": "2030-01-01"}},
        {"cadence": {"due": {"answer": 9}, "remind": 5}},
        {"rating": {"scale": ["low", "high"]}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_params_that_no_page_is_made_from_do_not_count(book: Params, change: dict[str, Any]) -> None:
    """Who may do what, who may read, where the journal lies and when reviews are due makes no page again."""
    assert origins(changed(book, **change)) == origins(book)


def test_an_address_counts_where_it_is_printed(book: Params) -> None:
    """Another address of a manager makes the copies of that manager's reps again, which start a mail to it."""
    now = origins(changed(book, people={"addresses": {"max": "max@example.com"}}))
    before = origins(book)
    assert {key for key in ALL if now[key] != before[key]} == {"rep:R1:rep", "rep:R2:rep"}


@pytest.mark.parametrize(("package", "counts"), [("dask", False), ("typer", False), ("pandas", True), ("nbconvert", True)])
def test_what_draws_and_exports_counts(book: Params, monkeypatch: pytest.MonkeyPatch, package: str, counts: bool) -> None:
    """Another version of what draws or exports makes every page again, that of another package none."""
    before = origins(book)
    known = environment._version
    monkeypatch.setattr(environment, "_version", lambda name: "another" if name == package else known(name))
    for cached in (environment.drawing, environment.versions):
        cached.cache_clear()
    try:
        now = origins(book)
    finally:
        for cached in (environment.drawing, environment.versions):
            cached.cache_clear()
    assert {key for key in ALL if now[key] != before[key]} == (ALL if counts else set())


def test_a_failure_is_tried_again(book: Params, folder: Path) -> None:
    """What failed is never taken for made, its problem page goes with success, and the good page stays meanwhile."""
    page = next(folder.glob("*/rep/ada*.html"))
    good = page.read_bytes()
    lay_templates(book.root, "assert rep != 'R1' or audience != 'rep'")
    nbformat.write(small_template("team"), book.root / "notebooks" / "team_review.ipynb")
    for _ in range(2):
        result = run(book)
        assert [entry.key for entry in result.failed] == ["rep:R1:rep"]
        assert page.read_bytes() == good
    assert result.made == ()
    assert len(list((folder / "problems").iterdir())) == 1
    lay_templates(book.root)
    assert "rep:R1:rep" in made(run(book))
    assert not list((folder / "problems").iterdir())


def test_a_run_that_was_killed_is_taken_up(book: Params, folder: Path) -> None:
    """What the log holds counts as made although the manifest was never written; half a line at its end is passed over."""
    path = folder / manifest.LOG
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2 * len(ALL)  # announced and made
    (folder / manifest.NAME).unlink()
    lost = json.loads(lines[-1])["key"]
    path.write_text("\n".join([*lines[:-1], lines[-1][: len(lines[-1]) // 2]]), encoding="utf-8")
    (folder / f".0123{'ab' * 4}.part").write_text("half a page")
    assert made(run(book)) == {lost}
    assert not list(folder.rglob("*.part"))
    assert manifest.read(folder).keys() == ALL
    assert json.loads(path.read_text(encoding="utf-8").splitlines()[-1])["key"] == lost


def test_only_what_is_asked_for_is_made(book: Params) -> None:
    """A run of one rep leaves the others, and says of them that they are outdated."""
    other = changed(book, title="Another title")
    assert made(run(other, reps=("R1",))) == {"rep:R1:manager", "rep:R1:rep"}
    index = (other.reports / PERIOD.name / "index.html").read_text(encoding="utf-8")
    assert "2 made from older figures" in index


def test_whoever_changes_team_is_not_read_about_in_the_old_one(book: Params, folder: Path) -> None:
    """Pages, form and notebook of a rep who moved lie in the new team's folder, and nowhere else."""
    path = book.root / "params" / "book" / "reps.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("Ben,North,Max Holm", "Ben,South,Mia Stern"), encoding="utf-8")
    assert {"rep:R2:manager", "rep:R2:rep"} <= made(run(book))
    found = {path.relative_to(folder).parts[0].split("-")[0] for path in folder.rglob("ben*") if "snapshots" not in path.parts}
    assert found == {"south"}


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("back", [False, True], ids=["stays", "moves back"])
def test_a_run_killed_while_somebody_moves_leaves_nothing_in_the_other_team(
    book: Params, folder: Path, monkeypatch: pytest.MonkeyPatch, at: int, back: bool
) -> None:
    """Killed before a line of the log or the removal of the old pages, the next run leaves pages in the rep's team alone."""

    class KilledError(BaseException):
        """Nobody catches it."""

    calls: list[str] = []

    def second(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*given: Any, **named: Any) -> Any:
            entry = [one for one in given if isinstance(one, manifest.ManifestRow)][-1]
            if entry.subject != "R2" or entry.audience != "manager":
                return call(*given, **named)
            calls.append(name)
            if len(calls) >= at:
                raise KilledError
            return call(*given, **named)

        return called

    path = book.root / "params" / "book" / "reps.csv"
    before = path.read_text(encoding="utf-8")
    path.write_text(before.replace("Ben,North,Max Holm", "Ben,South,Mia Stern"), encoding="utf-8")
    with monkeypatch.context() as patched:
        patched.setattr(Leftovers, "cleared", second("remove", Leftovers.cleared))
        patched.setattr(manifest, "log", second("log", manifest.log))
        with pytest.raises(KilledError):
            run(book)
    assert calls[:at] == ["log", "remove", "log"][:at]
    if back:
        path.write_text(before, encoding="utf-8")
    assert not run(book).failed
    found = {path.relative_to(folder).parts[0].split("-")[0] for path in folder.rglob("ben*") if "snapshots" not in path.parts}
    assert found == {"north" if back else "south"}


class Noted(runs.Watch):
    """Remember the remarks."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_what_cannot_be_removed_is_removed_by_a_later_run(book: Params, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an old page cannot be removed the run says so, and every later one tries again, though it makes nothing."""
    path = book.root / "params" / "book" / "reps.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("Ben,North,Max Holm", "Ben,South,Mia Stern"), encoding="utf-8")
    unlink = Path.unlink

    def refused(path: Path, missing_ok: bool = False) -> None:
        if path.name.startswith("ben") and "north" in str(path):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        unlink(path, missing_ok=missing_ok)

    (frozen,) = freezing.freeze(book, [PERIOD])
    old = sorted(path.relative_to(folder).as_posix() for path in folder.glob("north*/**/ben*"))
    for again in (False, True):
        with monkeypatch.context() as patched:
            patched.setattr(Path, "unlink", refused)
            watch = Noted()
            result = runs.run(book, frozen, watch=watch)
            assert bool(result.made) is not again
            assert sorted(note.split()[0] for note in watch.notes) == old
            assert "Permission denied" in watch.notes[0]
    assert run(book).kept == ALL
    assert not list(folder.glob("north*/**/ben*"))
    assert not any(entry.left for entry in manifest.read(folder).values())


def write_in(notebook: Path, words: str, *, id: str = "mine") -> None:
    """Add a cell, as a manager does."""
    nb = nbformat.read(notebook, as_version=4)
    nb.cells.append(new_code_cell(words, id=id))
    nbformat.write(nb, notebook)


@pytest.mark.parametrize(
    ("now", "kept"),
    [
        ("Benno,North,Max Holm", "north-*/notebooks/benno-*-annotated-1.ipynb"),
        ("Ben,South,Mia Stern", "moved/ben-*-annotated-1.ipynb"),
    ],
    ids=["renamed", "another team"],
)
@pytest.mark.parametrize("failing", [False, True], ids=["at once", "after a failure"])
def test_what_was_written_in_is_kept_when_its_place_changes(
    book: Params, folder: Path, now: str, kept: str, failing: bool
) -> None:
    """A manager’s own cells outlive another name of the rep beside the new notebook, and another team where neither reads."""
    write_in(next(folder.glob("*/notebooks/ben*.ipynb")), "# Ask about the Tor deal.")
    path = book.root / "params" / "book" / "reps.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("Ben,North,Max Holm", now), encoding="utf-8")
    if failing:
        nbformat.write(small_template("rep", "assert rep != 'R2'"), book.root / "notebooks" / "rep_review.ipynb")
        assert {entry.key for entry in run(book).failed} == {"rep:R2:manager", "rep:R2:rep"}
        lay_templates(book.root)
    assert "rep:R2:manager" in made(run(book))
    (aside,) = folder.glob(kept)
    assert "Ask about the Tor deal." in aside.read_text(encoding="utf-8")
    assert [path for path in folder.rglob("*.ipynb") if "Tor deal" in path.read_text(encoding="utf-8")] == [aside]
    assert aside.stat().st_mode & 0o077 == 0
    assert made(run(book)) == set()


def test_a_notebook_that_somebody_wrote_in_is_put_aside(book: Params, folder: Path) -> None:
    """A manager’s own cells survive the next run beside the new notebook; what was only run and saved does not pile up."""
    notebook = next(folder.glob("*/notebooks/ada*.ipynb"))
    nb = nbformat.read(notebook, as_version=4)
    nb.cells[-1].outputs = []
    nbformat.write(nb, notebook)
    assert made(run(book)) == {"rep:R1:manager"}
    assert not list(notebook.parent.glob("*-annotated-*"))
    nb.cells.append(new_code_cell("# Ask about the Tor deal.", id="mine"))
    nbformat.write(nb, notebook)
    assert made(run(book)) == {"rep:R1:manager"}
    (aside,) = notebook.parent.glob("*-annotated-1.ipynb")
    assert "Ask about the Tor deal." in aside.read_text(encoding="utf-8")
    assert "Tor deal" not in notebook.read_text(encoding="utf-8")
    assert made(run(book, force=True)) == ALL
    assert aside.is_file()


def test_opening_fastens_the_cells_of_an_older_notebook(book: Params, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The template’s cells of a notebook that an older version made are fast once it is opened; a manager’s own stay theirs."""
    opened: list[str] = []
    monkeypatch.setattr(subprocess, "call", lambda command: opened.append(command[-1]) or 0)
    notebook = next(folder.glob("*/notebooks/ada*.ipynb"))
    fast = notebook.read_bytes()
    nb = nbformat.reads(fast.decode(), as_version=4)
    for cell in nb.cells:
        del cell.metadata["deletable"], cell.metadata["editable"]
    nb.cells.insert(2, new_code_cell("review.deals.head()", id="mine"))
    nb.cells.append(new_markdown_cell("Ask about the Tor deal.", id="words"))
    nbformat.write(nb, notebook)
    _open(book, "R1")
    assert opened == [str(notebook)]
    now = nbformat.read(notebook, as_version=4)
    free = [cell for cell in now.cells if "deletable" not in cell.metadata]
    assert [cell.id for cell in free] == ["mine", "words"]
    assert free == [nb.cells[2], nb.cells[-1]]
    now.cells = [cell for cell in now.cells if cell not in free]
    assert now == nbformat.reads(fast.decode(), as_version=4)
    assert notebook.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"{", b"\xff", b'{"cells": 3, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'])
def test_opening_leaves_what_it_need_not_or_cannot_change(
    book: Params, folder: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notebook of this version is not written again; a damaged one, or one of a run at work, is opened as it is."""
    monkeypatch.setattr(subprocess, "call", lambda _: 0)
    notebook = next(folder.glob("*/notebooks/ada*.ipynb"))
    before = notebook.stat().st_mtime_ns
    _open(book, "R1")
    assert notebook.stat().st_mtime_ns == before
    old = notebook.read_bytes().replace(b'"deletable": false,', b"")
    with locks.held(folder, modes=PRIVATE):
        notebook.write_bytes(old)
        _open(book, "R1")
    assert notebook.read_bytes() == old
    notebook.write_bytes(content)
    _open(book, "R1")
    assert notebook.read_bytes() == content


def _open(params: Params, rep: str) -> None:
    with pytest.raises(typer.Exit) as left:
        app.open_notebook(params.path, rep, [PERIOD.name])
    assert left.value.exit_code == 0


MINE = "I won the Tor deal in June."


def fill_in(form: Path) -> None:
    """Write the own view into a form, as a rep does."""
    text = form.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith(":: How the period looks from here"))
    form.write_text(text.replace(line, f"{line}\n{MINE}", 1), encoding="utf-8")


@pytest.mark.parametrize("changed", [False, True], ids=["nothing else changed", "all is made again"])
def test_a_form_that_somebody_filled_in_is_put_aside(book: Params, folder: Path, changed: bool) -> None:
    """What a rep wrote where the form lay survives the next run, which says where; what nobody touched is not kept."""
    form = next(folder.glob("*/rep/ada*-answer.md"))
    blank = form.read_bytes()
    fill_in(form)
    (frozen,) = freezing.freeze(book, [PERIOD])
    watch = Noted()
    assert made(runs.run(book, frozen, options=Options(force=changed), watch=watch)) == (ALL if changed else {"rep:R1:rep"})
    (aside,) = form.parent.glob("*-written-*.md")
    assert [said.text for said in responses.parse(aside.read_text(encoding="utf-8")).said if said.text] == [MINE]
    assert watch.notes == [
        f"what somebody wrote into a form is in {aside.relative_to(folder)}; `reviewlib import-response` records it"
    ]
    assert aside.name == f"{form.stem}-written-1.md"
    assert aside.stat().st_mode & 0o077 == 0
    assert form.read_bytes() == blank
    assert made(run(book, force=True)) == ALL
    assert list(folder.rglob("*-written-*")) == [aside]


@pytest.mark.parametrize(
    ("now", "kept"),
    [
        ("Benno,North,Max Holm", "north-*/rep/ben-*-answer-written-1.md"),
        ("Ben,South,Mia Stern", "moved/ben-*-answer-written-1.md"),
    ],
    ids=["renamed", "another team"],
)
def test_a_form_that_was_filled_in_is_kept_when_its_place_changes(book: Params, folder: Path, now: str, kept: str) -> None:
    """What a rep wrote outlives another name, and another team, whose manager it was not written for."""
    fill_in(next(folder.glob("*/rep/ben*-answer.md")))
    path = book.root / "params" / "book" / "reps.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("Ben,North,Max Holm", now), encoding="utf-8")
    assert "rep:R2:rep" in made(run(book))
    (aside,) = folder.glob(kept)
    assert [path for path in folder.rglob("*.md") if MINE in path.read_text(encoding="utf-8")] == [aside]


@pytest.mark.parametrize("content", ["5", "[]", "null", '{"cells": [], "metadata": [], "nbformat": 4, "nbformat_minor": 5}'])
def test_a_notebook_that_somebody_damaged_is_put_aside(book: Params, folder: Path, content: str) -> None:
    """What cannot be read as a notebook may hold somebody's words: it is kept, and the review is made."""
    notebook = next(folder.glob("*/notebooks/ada*.ipynb"))
    notebook.write_text(content, encoding="utf-8")
    assert made(run(book)) == {"rep:R1:manager"}
    (aside,) = notebook.parent.glob("*-annotated-1.ipynb")
    assert aside.read_text(encoding="utf-8") == content


def test_what_is_put_aside_already_is_not_put_aside_again(book: Params, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook that was put aside before its review failed to be moved in is there once, also after several failures."""
    notebook = next(folder.glob("*/notebooks/ada*.ipynb"))
    write_in(notebook, "# Ask about the Tor deal.")
    move_in = files.move_in

    def refused(staged: dict[Path, Path]) -> None:
        if notebook in staged:
            raise PermissionError(errno.EACCES, "Permission denied", str(notebook))
        move_in(staged)

    with monkeypatch.context() as patched:
        patched.setattr(files, "move_in", refused)
        for _ in range(2):
            assert {entry.key for entry in run(book, reps=("R1",)).failed} == {"rep:R1:manager"}
    assert [path.name.rsplit("-", 1)[1] for path in notebook.parent.glob("ada*-annotated-*")] == ["1.ipynb"]
    write_in(notebook, "# And about the other one.", id="other")
    assert made(run(book)) == {"rep:R1:manager"}
    found = {path.name.rsplit("-", 1)[1]: path.read_text(encoding="utf-8") for path in notebook.parent.glob("ada*-annotated-*")}
    assert {name: "the other one" in text for name, text in found.items()} == {"1.ipynb": False, "2.ipynb": True}


def test_a_period_is_held_by_one_run(book: Params, folder: Path) -> None:
    """Who comes second is told who holds the period and since when, and nothing is touched."""
    before = stamps(folder)
    with locks.held(folder, modes=PRIVATE), pytest.raises(BusyError) as caught:
        run(changed(book, title="Another title"))
    assert caught.value.exit_code == 3
    assert f"process {os.getpid()}, since 20" in str(caught.value.found)
    assert stamps(folder) == before
    assert made(run(book)) == set()
