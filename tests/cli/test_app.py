"""The command line: what it prints, its exit codes, and that bad input ends before anything is touched."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import duckdb
import pytest
from commands import Forking, Run
from lightbook import ALL, PERIOD, lay_edition, lay_templates, light_workbook
from workbooks import workbook

from reviewlib.cli.app import app
from reviewlib.params import reading
from reviewlib.params.kpis import MAIN, RESULT
from reviewlib.run import freezing

GOOD = {
    "deals": [
        {"deal_id": "1", "rep_id": "R1", "amount": "100", "opened_on": "2026-07-02", "closed_on": "2026-08-03"},
        {"deal_id": "2", "rep_id": "R2", "amount": "50", "opened_on": "2026-04-02", "closed_on": "2026-05-03"},
        {"deal_id": "3", "rep_id": "R2", "amount": None, "opened_on": "2026-05-02", "closed_on": "2026-09-30", "stage": "Lost"},
    ],
    "reps": [{"rep_id": "R1", "rep_name": "Ada", "team": "North"}, {"rep_id": "R2", "rep_name": "Ben", "team": "North"}],
    "targets": [
        {"scope": "rep", "scope_id": "R1", "kpi": "revenue", "period": "2026-Q3", "value": "90"},
        {"scope": "rep", "scope_id": "R2", "kpi": "revenue", "period": "2026-Q3", "value": "90"},
    ],
}


def made(folder: Path) -> Path:
    workbook(folder, as_of="2026-10-05", **GOOD)
    return folder / "params" / "book.yaml"


def edit(folder: Path, old: str, new: str, *, file: str = "params/book.yaml") -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def empty_export(folder: Path) -> None:
    path = folder / "params/book/deals.csv"
    path.write_text(path.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")


def two_of_one_name(folder: Path) -> None:
    path = folder / "params/book/reps.csv"
    path.write_text(path.read_text(encoding="utf-8") + "R1,Another Ada,South\n", encoding="utf-8")


def overlapping_targets(folder: Path) -> None:
    path = folder / "params/book/targets.csv"
    path.write_text(path.read_text(encoding="utf-8") + "rep,R1,revenue,2026-08,30\n", encoding="utf-8")


def semicolons(folder: Path) -> None:
    edit(folder, ",", ";", file="params/book/deals.csv")


def latin(folder: Path) -> None:
    path = folder / "params/book/reps.csv"
    path.write_bytes(path.read_text(encoding="utf-8").replace("Ada", "Adé").encode("cp1252"))


def untagged(folder: Path) -> None:
    """Lay the notebooks, one of them without its tag."""
    (folder / "notebooks").mkdir()
    for name in ("rep_review.ipynb", "team_review.ipynb"):
        text = (Path(__file__).parents[2] / "notebooks" / name).read_text(encoding="utf-8")
        (folder / "notebooks" / name).write_text(text.replace('"parameters"', '"other"') if "team" in name else text)


def notebook(folder: Path, text: str) -> None:
    """Lay a notebook of reps that holds this text."""
    (folder / "notebooks").mkdir()
    (folder / "notebooks" / "rep_review.ipynb").write_text(text, encoding="utf-8")


NOTEBOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def with_cell(**fields: Any) -> str:
    """A notebook with one cell, of which some fields are other than they should be."""
    cell = {"cell_type": "code", "metadata": {}, "source": "1", "outputs": [], "execution_count": None} | fields
    return json.dumps(NOTEBOOK | {"cells": [cell]})


ALL_OFF = {key: {"off": True} for key in MAIN}
#: What is wrong, how it comes about, further arguments, and words that the message must hold.
BAD: dict[str, tuple[Callable[[Path], None], tuple[str, ...], tuple[str, ...]]] = {
    "a missing file": (lambda d: (d / "params/book/deals.csv").unlink(), (), ("deals.csv",)),
    "a mapped column that is not there": (
        lambda d: edit(d, '"amount": "amount"', '"amount": "Amuont"'), (), ("Amuont", "amount")),
    "an unmapped stage": (lambda d: edit(d, "Lost", "Dead", file="params/book/deals.csv"), (), ("Dead", "1 deal", "stages")),
    "an unknown rep": (lambda d: None, ("--rep", "R9"), ("R9", "R1")),
    "an unknown team": (lambda d: None, ("--team", "Nroth"), ("Nroth", "North")),
    "an unreadable period": (lambda d: None, ("--period", "2026-Q5"), ("2026-Q5", "2026-Q3")),
    "a period in the future": (lambda d: None, ("--period", "2027-Q1"), ("2027-Q1", "2026-10-05")),
    "a typo in params": (lambda d: edit(d, '"currency"', '"curency"'), (), ("curency", "currency", "line")),
    "an empty export": (empty_export, (), ("deals.csv",)),
    "two reps of one name": (two_of_one_name, (), ("R1", "lines")),
    "targets that overlap": (overlapping_targets, (), ("2026-Q3", "2026-08", "lines")),
    "another delimiter": (semicolons, (), ("deals.csv", "delimiter")),
    "another encoding": (latin, (), ("reps.csv", "cp1252")),
    "an empty params file": (lambda d: (d / "params/book.yaml").write_text("") and None, (), ("book.yaml", "empty")),
    "a binary params file": (
        lambda d: (d / "params/book.yaml").write_bytes(bytes(range(256))) and None, (), ("book.yaml",)),
    "a missing params file": (lambda d: (d / "params/book.yaml").unlink(), (), ("book.yaml",)),
    "a notebook that is none": (lambda d: notebook(d, "{broken"), (), ("not a notebook", "rep_review.ipynb")),
    "a notebook without parameters": (untagged, (), ("parameters", "team_review.ipynb")),
    "a notebook of odd cells": (lambda d: notebook(d, '{"cells": [1]}'), (), ("not a notebook", "rep_review.ipynb")),
    "a notebook with odd metadata": (
        lambda d: notebook(d, '{"cells": [], "metadata": []}'), (), ("not a notebook", "metadata", "rep_review.ipynb")),
    "a notebook of an odd version": (
        lambda d: notebook(d, json.dumps(NOTEBOOK | {"nbformat": 99})), (), ("not a notebook", "nbformat", "rep_review.ipynb")),
    "a notebook of an odd edition": (
        lambda d: notebook(d, json.dumps(NOTEBOOK | {"nbformat_minor": "x"})), (), ("not a notebook", "nbformat_minor")),
    "a notebook with a cell of no kind": (lambda d: notebook(d, with_cell(cell_type=None)), (), ("not a notebook", "cell 1")),
    "a notebook with odd tags": (lambda d: notebook(d, with_cell(metadata={"tags": None})), (), ("not a notebook", "cell 1")),
    "a notebook with odd code": (lambda d: notebook(d, with_cell(source=5)), (), ("not a notebook", "cell 1")),
    "a notebook without end": (lambda d: notebook(d, "[" * 100_000), (), ("not a notebook", "rep_review.ipynb")),
    "no scheduler's address": (lambda d: None, ("--scheduler", "nonsense"), ("nonsense", "tcp://HOST:PORT")),
    "time without end": (lambda d: None, ("--timeout", "inf"), ("inf seconds", "--timeout", "86400")),
    "more than a day": (lambda d: None, ("--timeout", "1e300"), ("--timeout", "86400")),
    "every KPI off": (
        lambda d: edit(d, '"currency": "EUR",', f'"currency": "EUR", "kpis": {json.dumps(ALL_OFF)},'),
        (), ("Every KPI is switched off", "kpis")),
    "a target for an unknown rep": (
        lambda d: edit(d, "rep,R2,", "rep,R7,", file="params/book/targets.csv"), (), ("R7", "line 3")),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_before_anything_is_touched(case: str, tmp_path: Path, run: Run) -> None:
    """Bad input: exit code 2, one message that names it, no traceback, and ``reports/`` is as it was."""
    spoil, arguments, words = BAD[case]
    path = made(tmp_path)
    spoil(tmp_path)
    (tmp_path / "reports").mkdir()
    result = run("run", str(path), *arguments)
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    assert all(word in result.stderr for word in words), result.stderr
    assert list((tmp_path / "reports").iterdir()) == []


@pytest.mark.whole
def test_a_cluster_that_is_not_there_leaves_the_period_as_it_was(tmp_path: Path, run: Run) -> None:
    """Where no review can be begun, neither index nor manifest nor scorecard is written."""
    path = made(tmp_path)
    result = run("run", str(path), "--scheduler", "tcp://127.0.0.1:1")
    assert result.returncode == 2, result.stderr
    assert "No scheduler answers there." in result.stderr
    names = {path.name for path in (tmp_path / "reports" / "book" / "2026-Q3").iterdir()}
    assert not names & {"index.html", "manifest.json", "scorecard.csv"}


@pytest.fixture(scope="module")
def frozen_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small workbook whose period is frozen, with notebooks that are done in little time."""
    folder = tmp_path_factory.mktemp("frozen") / "book"
    freezing.freeze(light_workbook(folder), [PERIOD])
    lay_edition(folder, 1)
    return folder


@pytest.fixture
def small(frozen_book: Path, tmp_path: Path) -> Path:
    """A copy of it, to be run."""
    return shutil.copytree(frozen_book, tmp_path / "book")


#: The command line, whose kernels start from one that has imported nothing.
LIGHT = """
from reviewlib.cli.app import main
from reviewlib.pages import preload
from reviewlib.press.warm import Warmth

preload.WARMTH = Warmth()
main()
"""
#: Runs the reviews of one team, and which these are.
SOUTH = ("run", "params/book.yaml", "--team", "South", "--json")
OF_SOUTH = {key for key in ALL if key.startswith(("rep:R3:", "team:South:"))}


@pytest.mark.whole
def test_rows_that_nobody_reads_end_the_run(small: Path, tmp_path: Path, forking: Forking) -> None:
    """Who closes the pipe of ``--json`` is told on standard error, with exit code 130, and the next run goes on from there."""
    rows, errors = tmp_path / "rows", tmp_path / "errors"
    code = forking.run(*SOUTH, "--jobs", "2", folder=small, stdout=None, stderr=errors)
    said = errors.read_text(encoding="utf-8")
    assert code == 130, said
    assert "nobody reads the output any more" in said
    assert "Traceback" not in said
    assert "Exception" not in said
    assert forking.run(*SOUTH, folder=small, stdout=rows, stderr=errors) == 0
    kept = [json.loads(line)["kept"] for line in rows.read_text(encoding="utf-8").splitlines()]
    assert len(kept) == len(OF_SOUTH)
    assert any(kept)


def test_reports_that_cannot_be_written_is_a_message(tmp_path: Path, run: Run) -> None:
    """A file where the reports' folder should be ends with exit code 2 and the place, not with a traceback."""
    path = made(tmp_path)
    (tmp_path / "reports").write_text("in the way", encoding="utf-8")
    result = run("run", str(path))
    assert result.returncode == 2
    assert "reports" in result.stderr
    assert "Traceback" not in result.stderr


def test_revenue_can_be_switched_off(tmp_path: Path, run: Run) -> None:
    """A workbook without revenue, from which much is worked out, checks."""
    path = made(tmp_path)
    edit(tmp_path, '"currency": "EUR",', '"currency": "EUR", "kpis": {"revenue": {"off": true}},')
    (tmp_path / "params/book/targets.csv").write_text("scope,scope_id,kpi,period,value\nall,,win_rate,FY2026,0.4\n")
    result = run("check", str(path))
    assert result.returncode == 0, result.stderr


@pytest.mark.usefixtures("light_runs")
def test_run_makes_everything_that_a_period_needs(tmp_path: Path, run: Run) -> None:
    """A run leaves pages for both audiences, the team's page, notebooks, index, scorecard and manifest; it can be repeated."""
    path = made(tmp_path)
    lay_templates(tmp_path)
    for again in (False, True):
        result = run("run", str(path), "--period", "2026-Q3", "--json", cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        rows = [json.loads(line) for line in result.stdout.splitlines()]
        assert {(row["state"], row["period"], row["kept"]) for row in rows} == {("made", "2026-Q3", again)}
        assert ("0 to make, 6 unchanged" if again else "6 to make, 0 unchanged") in result.stderr
    folder = tmp_path / "reports" / "book" / "2026-Q3"
    made_files = {path.relative_to(folder).parts[-2:] for path in folder.rglob("*") if path.is_file()}
    suffixes = sorted((parts[0] if len(parts) > 1 else "", Path(parts[-1]).suffix) for parts in made_files)
    assert suffixes.count(("manager", ".html")) == 2
    assert suffixes.count(("rep", ".html")) == 3  # the team has a page for itself too
    assert suffixes.count(("notebooks", ".ipynb")) == 3
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert len(manifest["reviews"]) == len(rows) == 6
    assert (folder / "index.html").is_file()
    assert (folder / "scorecard.csv").read_text(encoding="utf-8").startswith("scope,scope_id,rep_id,rep_name,team,period,kpi,")


@pytest.mark.usefixtures("light_runs")
def test_a_failed_review_does_not_stop_the_others(tmp_path: Path, run: Run) -> None:
    """A review whose notebook fails gets a problem page and a line in the index; the others complete; exit code 1."""
    path = made(tmp_path)
    lay_templates(tmp_path, "assert rep != 'R2', 'no luck'")
    result = run("run", str(path), "--period", "2026-Q3", "--rep", "R1", "--rep", "R2", cwd=tmp_path)
    assert result.returncode == 1, result.stderr
    folder = tmp_path / "reports" / "book" / "2026-Q3"
    problems = sorted(page.read_text(encoding="utf-8") for page in (folder / "problems").iterdir())
    assert len(problems) == 2
    assert all("no luck" in page and "--rep R2" in page and "Ada" not in page for page in problems)
    index = (folder / "index.html").read_text(encoding="utf-8")
    assert "problems/" in index
    assert len(list(folder.glob("*/rep/*.html"))) == 1


def test_check_prints_the_account_of_every_row(tmp_path: Path, run: Run) -> None:
    """``check`` prints what was read, used, quarantined and excluded, and touches nothing."""
    path = made(tmp_path)
    result = run("check", str(path))
    assert result.returncode == 0, result.stderr
    assert "Read = used + quarantined + excluded" in result.stdout
    assert "deals.csv" in result.stdout
    assert not (tmp_path / "reports").exists()
    assert json.loads(run("check", str(path), "--json").stdout)["reconciliation"][0]["read"] == 3


def test_check_finds_targets_that_overlap(tmp_path: Path, run: Run) -> None:
    """``check`` tries the figures too, so that an error in targets shows before the evening of the run."""
    path = made(tmp_path)
    overlapping_targets(tmp_path)
    result = run("check", str(path))
    assert result.returncode == 2
    assert "overlap" in result.stderr


@pytest.mark.parametrize("command", ["freeze", "explain", "open", "release", "handout", "import-goals", "status"])
def test_a_command_of_one_period_takes_no_second_one(tmp_path: Path, run: Run, command: str) -> None:
    """Two are refused by name, where the last one was taken without a word."""
    more = {"explain": ["--rep", "R1", "--kpi", "revenue"], "open": ["--rep", "R1"], "import-goals": ["goals.csv"]}
    two = ["--period", "2026-Q2", "--period", "2026-Q3"]
    result = run(command, str(made(tmp_path)), *more.get(command, []), *two)
    assert result.returncode == 2
    assert all(words in result.stderr for words in ("takes one period", "--period", "2026-Q2, 2026-Q3"))


def test_freeze_says_what_moved(tmp_path: Path, run: Run) -> None:
    """A second freeze of a changed export makes a second snapshot and names the figures that changed."""
    path = made(tmp_path)
    assert run("freeze", str(path), "--period", "2026-Q3").returncode == 0
    edit(tmp_path, "100", "120", file="params/book/deals.csv")
    result = run("freeze", str(path), "--period", "2026-Q3")
    assert "Deals dated in 2026-Q3 or before: 1 changed." in result.stdout
    assert "Sales revenue: changed for 1 rep" in result.stdout
    assert len(list((tmp_path / "reports/book/snapshots").iterdir())) == 2


def test_diff_compares_two_snapshots(tmp_path: Path, run: Run) -> None:
    """``diff`` tells deals and figures as text, as JSON with all figures, and as a page."""
    path = made(tmp_path)
    before = freezing.freeze(reading.load(path), [PERIOD])[0]
    edit(tmp_path, "100", "120", file="params/book/deals.csv")
    freezing.freeze(reading.load(path), [PERIOD])
    told = run("diff", str(path), before.hash[:6], "2026-Q3")
    assert told.returncode == 0, told.stderr
    assert "amount €100.00 → €120.00" in told.stdout
    found = json.loads(run("diff", str(path), before.hash, "2026-Q3", "--json").stdout)
    assert [(one["deal_id"], one["before"]["amount"], one["after"]["amount"]) for one in found["deals"]] == [
        ("1", "100.0000", "120.0000")
    ]
    assert ["R1", 100.0, 120.0] in [
        [one["scope_id"], one["before"], one["after"]] for one in found["figures"] if one["kpi"] == RESULT.key
    ]
    page = run("diff", str(path), before.hash, "2026-Q3", "--html", str(tmp_path / "diff.html"))
    assert page.returncode == 0, page.stderr
    assert "€100.00 → €120.00" in (tmp_path / "diff.html").read_text(encoding="utf-8")
    assert run("diff", str(path), "2026-Q3", "2026-Q3").stdout == "Nothing differs.\n"
    assert run("diff", str(path), "2026-Q3", "2026-Q1").returncode == 2


def test_keys_of_an_earlier_version_are_written_anew(tmp_path: Path, run: Run) -> None:
    """``check``, ``freeze`` and ``run`` stop at them and offer the command that does it; what it says comes as JSON too."""
    path = made(tmp_path)
    edit(tmp_path, '"as_of"', '"peers": {"group": "team"}, "as_of"')
    for command in ("check", "freeze", "run"):
        said = run(command, "params/book.yaml", cwd=tmp_path)
        assert (said.returncode, said.stdout) == (2, "")
        assert "peers.group is now peers.by" in said.stderr
        assert "reviewlib check params/book.yaml --migrate" in said.stderr
    assert not (tmp_path / "reports").exists()
    lines = json.loads(run("check", "params/book.yaml", "--migrate", "--json", cwd=tmp_path).stdout)
    assert lines[-2:] == ["The file as it was: params/book.yaml.bak", "Next: reviewlib check params/book.yaml"]
    assert reading.load(path).peers.by == ("team",)
    again = run("check", "params/book.yaml", "--migrate", cwd=tmp_path)
    assert again.stdout == "params/book.yaml: no key is of an earlier version; nothing was changed.\n"
    assert run("check", "params/book.yaml", cwd=tmp_path).returncode == 0


def test_init_writes_params_that_load(tmp_path: Path, run: Run) -> None:
    """``init`` proposes a params file beside what to check, and does not overwrite one."""
    made(tmp_path)
    export = tmp_path / "params/book/deals.csv"
    first = run("init", str(export), "--out", "params/mine.yaml", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "Please check" in first.stdout
    assert run("check", "params/mine.yaml", cwd=tmp_path).returncode == 0
    again = run("init", str(export), "--out", "params/mine.yaml", cwd=tmp_path)
    assert again.returncode == 2
    assert "already" in again.stderr


def test_sample_makes_a_workbook_that_checks(tmp_path: Path, run: Run) -> None:
    """``sample`` makes params, files and notebooks of a company of the size asked for."""
    result = run("sample", "--reps", "6", "--deals", "200", "--out", str(tmp_path / "big"))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "big/notebooks/rep_review.ipynb").is_file()
    assert run("check", str(tmp_path / "big/params/sample.yaml")).returncode == 0


@pytest.mark.parametrize(
    ("typed", "where"),
    [("params/book.yaml", "."), ("book.yaml", "params"), ("../params/book.yaml", "reports"), ("{path}", "reports")],
)
@pytest.mark.parametrize("command", ["open --rep R1", "explain --rep R1 --kpi revenue", "handout", "status"])
def test_without_a_run_it_is_said_what_to_run(tmp_path: Path, run: Run, command: str, typed: str, where: str) -> None:
    """What needs a run that was not made prints one that works as printed: params are found from where it was typed."""
    path = made(tmp_path / "our books")
    (path.parents[1] / "reports").mkdir()
    name, *options = command.split()
    result = run(name, typed.format(path=path), *options, "--period", "2026-Q3", cwd=path.parents[1] / where)
    assert result.returncode == 2
    program, verb, params, *_ = shlex.split(result.stderr.partition("Run: ")[2])
    assert (program, verb, path.samefile(params)) == ("reviewlib", "run", True)
    assert (params == str(path)) == (typed == "{path}")


def test_no_room_for_tables_is_told_and_other_errors_of_duckdb_are_not(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What DuckDB says where its folder is full ends with one message; whatever else it says is a mistake of this program."""
    path = str(made(tmp_path))
    for error in (duckdb.OutOfMemoryException("failed to offload data block of size 256.0 KiB"), duckdb.InternalException("x")):
        monkeypatch.setattr(freezing, "freeze", Mock(side_effect=error))
        with nullcontext() if "offload" in str(error) else pytest.raises(duckdb.InternalException):
            result = run("freeze", path)
            assert (result.returncode, "TMPDIR=FOLDER" in result.stderr, "failed to offload" in result.stderr) == (
                2,
                True,
                True,
            )


@pytest.mark.parametrize("command", [command.name or command.callback.__name__ for command in app.registered_commands])
def test_every_help_has_an_example(command: str, run: Run) -> None:
    """Each command's help ends with an example."""
    result = run(command, "--help")
    assert result.returncode == 0
    assert f"Example: reviewlib {command}" in result.stdout


@pytest.mark.default
def test_a_mistake_ends_a_process_without_a_traceback(tmp_path: Path) -> None:
    """The installed command itself returns 2 and says what is wrong."""
    command = [sys.executable, "-c", "from reviewlib.cli.app import main; main()", "check", str(tmp_path / "none.yaml")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("reviewlib: ")
    assert "Traceback" not in result.stderr


#: Asked to end at a moment when something makes another error of it, as DuckDB does while it is at work.
ASKED_TO_END = """
def read(params):
    try:
        signal.raise_signal(NUMBER)
    except KeyboardInterrupt:
        raise RuntimeError("Query interrupted")

signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests themselves run in the background
sources.read = read
"""


@pytest.mark.whole
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", ["check", "freeze", "run"])
def test_an_interrupt_while_the_evidence_is_computed(
    tmp_path: Path, forking: Forking, command: str, number: signal.Signals
) -> None:
    """The database makes another error of an interrupt; whoever interrupts reads one line all the same."""
    light_workbook(tmp_path)
    first, errors = ASKED_TO_END.replace("NUMBER", str(int(number))), tmp_path / "errors"
    code = forking.run(command, "params/book.yaml", folder=tmp_path, stdout=tmp_path / "out", stderr=errors, first=first)
    said = errors.read_text(encoding="utf-8")
    assert code == 130, said
    assert said == "reviewlib: interrupted; what was finished stays, and the next run goes on from there\n"


#: As a job in the background, which ignores interrupts.
IN_THE_BACKGROUND = """
from reviewlib.errors import SourceError

def read(params):
    signal.raise_signal(signal.SIGINT)
    raise SourceError("It went on.", where="here", do="nothing")

signal.signal(signal.SIGINT, signal.SIG_IGN)
sources.read = read
"""


@pytest.mark.whole
def test_an_interrupt_that_is_ignored_stays_ignored(tmp_path: Path, forking: Forking) -> None:
    """A run that a shell put into the background is not ended by an interrupt of what runs in front."""
    light_workbook(tmp_path)
    out, errors = tmp_path / "out", tmp_path / "errors"
    code = forking.run("run", "params/book.yaml", folder=tmp_path, stdout=out, stderr=errors, first=IN_THE_BACKGROUND)
    said = errors.read_text(encoding="utf-8")
    assert code == 2, said
    assert said.startswith("reviewlib: It went on.")


def keys(rows: Path) -> set[str]:
    """The reviews that were made, by what the rows say."""
    told = [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines()]
    return {row["key"] for row in told if row["state"] == "made"}


@pytest.mark.whole
def test_progress_that_nobody_reads_ends_nothing(small: Path, tmp_path: Path, forking: Forking) -> None:
    """Where standard error was closed, every review is made and every row is printed."""
    rows = tmp_path / "rows"
    assert forking.run(*SOUTH, folder=small, stdout=rows, stderr=None) == 0
    assert keys(rows) == OF_SOUTH


@pytest.mark.whole
def test_whoever_reads_nothing_is_told_by_the_exit_code(small: Path, forking: Forking) -> None:
    """With both outputs closed a run that cannot print its rows still ends like an interrupted one, and bad input as such."""
    assert forking.run(*SOUTH, folder=small, stdout=None, stderr=None) == 130
    for wrong in (("run", "params/book.yaml", "--rep", "R9"), ("check", "nothing.yaml"), ("check", "--nothing")):
        assert forking.run(*wrong, folder=small, stdout=None, stderr=None) == 2


@pytest.mark.whole
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_progress_that_cannot_be_written_ends_nothing(small: Path, tmp_path: Path, forking: Forking) -> None:
    """Where standard error goes to a disk that is full, every review is made and every row is printed."""
    rows = tmp_path / "rows"
    assert forking.run(*SOUTH, folder=small, stdout=rows, stderr=Path("/dev/full")) == 0
    assert keys(rows) == OF_SOUTH


@pytest.mark.whole
def test_where_standard_error_is_closed_a_run_goes_on(small: Path, tmp_path: Path) -> None:
    """A job that is started without standard error makes every review."""
    rows = tmp_path / "rows"
    command = f"exec {shlex.quote(sys.executable)} -c {shlex.quote(LIGHT)} {shlex.join(SOUTH)} 2>&-"
    with rows.open("wb") as file:
        done = subprocess.run(command, shell=True, cwd=small, stdout=file, timeout=240, check=False)
    assert done.returncode == 0
    assert keys(rows) == OF_SOUTH
