"""Runs whose disk is full or read-only, or that end while they write: nothing is torn or lost, the next makes up for it."""

from __future__ import annotations

import json
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from faultbench import Bench, Book, Said, require_unfinished
from lightbook import ALL

from reviewlib.params import reading
from reviewlib.run import verifying

pytestmark = pytest.mark.timeout(600)
soak = pytest.mark.soak
LOGGED = "write log.jsonl"
#: What a first run logs: that each review is about to be moved in, and that it is made.
LINES = 2 * len(ALL)


def operations(bench: Bench, folder: Path, *, of: str) -> list[str]:
    """What a run does that changes something on the disk."""
    book = bench.book(folder, of=of)
    run = book.start("--jobs", "1", replay=True, faults={"disk": {"below": str(book.folder / "reports"), "at": 0}})
    assert run.wait().code == 0
    return list(json.loads((run.out / "operations").read_text()))


def chosen(bench: Bench, folder: Path, *, few: int | None, seed: int, of: str = "done") -> list[int]:
    """The operations at which something happens: all of them, or a few by chance, the first and the last among them."""
    names = operations(bench, folder, of=of)
    count = len(names)
    assert count > 80
    assert names.count(LOGGED) == (len(ALL) if of == "done" else LINES)
    return [*range(1, count + 1)] if few is None else [1, *random.Random(seed).sample(range(2, count), few), count]


def at_each(points: list[int], check: Callable[[int], None]) -> None:
    """Check at each point, and tell of all where something is wrong."""
    wrong: dict[int, str] = {}
    for at in points:
        try:
            check(at)
        except (AssertionError, ValueError) as error:
            wrong[at] = str(error)[:500]
    print(f"{len(points)} points, {len(wrong)} of them wrong", *wrong.items(), sep="\n")
    assert wrong == {}


def check_killed_writing(bench: Bench, folder: Path, at: int, *, of: str) -> None:
    """Kill a run at an operation on the disk, and run again."""
    book = bench.book(folder / f"book-{at}", of=of)
    disk = {"below": str(book.folder / "reports"), "at": at, "signal": "SIGKILL"}
    said = book.start("--jobs", "1", replay=True, faults={"disk": disk}).wait()
    assert said.code in (-signal.SIGKILL, 0)
    book.require_healed(said, replay=True)
    shutil.rmtree(book.folder)


@pytest.mark.parametrize("few", [4, pytest.param(None, marks=[soak, pytest.mark.timeout(7200)])])
def test_a_run_that_is_killed_while_it_writes_is_taken_up(bench: Bench, tmp_path: Path, few: int | None) -> None:
    """Killed at any single operation on the disk, in the middle of a write too, a run leaves no file that is torn."""
    points = chosen(bench, tmp_path / "count", few=few, seed=1)
    at_each(points, lambda at: check_killed_writing(bench, tmp_path, at, of="done" if at % 4 else "fresh"))


@pytest.mark.parametrize("few", [1, pytest.param(None, marks=[soak, pytest.mark.timeout(7200)])])
def test_a_first_run_that_is_killed_while_it_writes_is_taken_up(bench: Bench, tmp_path: Path, few: int | None) -> None:
    """The same where nothing was there, not even evidence: that is whole too, or not there, and no part of it stays."""
    points = chosen(bench, tmp_path / "count", few=few, seed=7, of="bare")
    at_each(points, lambda at: check_killed_writing(bench, tmp_path, at, of="bare"))


@pytest.mark.parametrize("step", ["rename {snapshot}", "rename manifest.json", "rename current"])
def test_evidence_that_is_made_anew_is_taken_up_where_it_was_killed(bench: Bench, tmp_path: Path, step: str) -> None:
    """Killed between a snapshot that was removed as a whole and those who remember its proof, the next run goes on."""
    book = bench.book(tmp_path / "book", of="done")
    (snapshot,) = (book.folder / "reports" / "book" / "snapshots").iterdir()
    shutil.rmtree(snapshot)
    only = step.format(snapshot=snapshot.name)
    disk = {"below": str(book.folder / "reports"), "at": 1, "only": only, "signal": "SIGKILL"}
    assert book.start("--jobs", "1", replay=True, faults={"disk": disk}).wait().code == -signal.SIGKILL
    said = book.run(replay=True)
    assert (said.code, said.keys(kept=False) | said.keys(kept=True)) == (0, ALL), said
    assert verifying.verify(reading.load(book.folder / "params" / "book.yaml")).problems == ()


# In the middle of a line of the log, which is written in its place.


def log_hit(bench: Bench, folder: Path, at: int, **fault: str | bool) -> tuple[Book, Said]:
    """Run with a fault after half of a line of the log."""
    book = bench.book(folder, of="fresh")
    disk = {"below": str(book.folder / "reports"), "at": at, "only": LOGGED, **fault}
    return book, book.start("--jobs", "1", replay=True, faults={"disk": disk}).wait()


def told_as_made(log: str) -> list[str]:
    """The reviews that a log tells of as made."""
    return [row["key"] for row in map(json.loads, log.splitlines()) if row["state"] == "made"]


@pytest.mark.parametrize("at", [1, 2, 9, LINES])
def test_a_run_that_is_killed_in_the_middle_of_a_line_of_its_log(bench: Bench, tmp_path: Path, at: int) -> None:
    """The half line is left, believed by nobody, and cut off by the next run, which makes that review and those after it."""
    book, said = log_hit(bench, tmp_path / "book", at, signal="SIGKILL")
    assert said.code == -signal.SIGKILL
    *whole, half = book.log().split("\n")
    assert len(whole) == at - 1
    assert half.startswith('{"key": ')
    assert not half.endswith("}")
    assert said.keys(kept=False) == set(told_as_made("\n".join(whole)))
    book.require_healed(said, replay=True)
    assert sorted(told_as_made(book.log())) == sorted(ALL)


@pytest.mark.parametrize("at", [1, 2, 9, LINES])
@pytest.mark.parametrize("stays", [pytest.param(True, id="stays full"), pytest.param(False, id="full for once")])
def test_a_disk_that_is_full_in_the_middle_of_a_line_of_the_log(bench: Bench, tmp_path: Path, at: int, stays: bool) -> None:
    """The half line is taken back at once; with room again what was logged is kept and nothing is torn."""
    book, said = log_hit(bench, tmp_path / "book", at, error="ENOSPC", stays=stays)
    assert said.code in (0, 1, 2), said
    assert "Traceback" not in said.stderr
    lines = book.log().splitlines(keepends=True)
    assert len(lines) == (at - 1 if stays else LINES - 1)
    assert all(line.endswith("}\n") for line in lines), lines
    book.require_healed(said, exact=not stays, replay=True)


# The disk.


def check_disk(bench: Bench, folder: Path, at: int, *, error: str, stays: bool) -> None:
    """Let an operation fail, or all from there on: what was made is whole, what was not is made by the next run."""
    book = bench.book(folder / f"book-{at}", of="done" if at % 4 else "fresh")
    disk = {"below": str(book.folder / "reports"), "at": at, "error": error, "stays": stays}
    run = book.start("--jobs", "1", replay=True, faults={"disk": disk})
    said = run.wait()
    assert said.code in (0, 1, 2), said
    assert "Traceback" not in said.stderr, said.stderr
    assert run.sockets() == []
    # With the log and the manifest on a full disk nobody remembers what was made.
    book.require_healed(said, exact=False, replay=True)
    shutil.rmtree(book.folder)


@pytest.mark.parametrize("stays", [True, False], ids=["stays full", "full for once"])
@pytest.mark.parametrize("few", [3, pytest.param(None, marks=[soak, pytest.mark.timeout(7200)])])
def test_the_disk_is_full(bench: Bench, tmp_path: Path, stays: bool, few: int | None) -> None:
    """Where the disk is full, at any write, nothing is torn or lost, the run says so, and the next one makes up for it."""
    points = chosen(bench, tmp_path / "count", few=few, seed=2 + stays)
    at_each(points, lambda at: check_disk(bench, tmp_path, at, error="ENOSPC", stays=stays))


def test_a_folder_that_may_not_be_written(book: Book) -> None:
    """On a file system that is read-only the run ends at once, names the place, and has changed nothing."""
    disk = {"below": str(book.folder / "reports"), "at": 1, "error": "EROFS", "stays": True}
    said = book.start(replay=True, faults={"disk": disk}).wait()
    require_unfinished(said, 2)
    assert "Read-only file system" in said.stderr
    assert str(book.folder / "reports") in said.stderr
    assert book.reviews() == book.had
    book.require_healed(said, replay=True)


@pytest.mark.parametrize("few", [1, pytest.param(None, marks=[soak, pytest.mark.timeout(7200)])])
def test_a_folder_that_becomes_read_only(bench: Bench, tmp_path: Path, few: int | None) -> None:
    """The same where a file system is made read-only in the middle, as after a fault of the disk."""
    points = chosen(bench, tmp_path / "count", few=few, seed=4)
    at_each(points, lambda at: check_disk(bench, tmp_path, at, error="EROFS", stays=True))


def check_interrupted(bench: Bench, folder: Path, at: int) -> None:
    """Interrupt a run at an operation on the disk, and run again."""
    book = bench.book(folder / f"book-{at}", of="done" if at % 4 else "fresh")
    disk = {"below": str(book.folder / "reports"), "at": at, "signal": "SIGINT"}
    said = book.run("--jobs", "1", replay=True, faults={"disk": disk})
    assert said.code in (0, 130), said
    assert said.failed == {}
    book.require_healed(said, replay=True)
    shutil.rmtree(book.folder)


@pytest.mark.parametrize("few", [3, pytest.param(None, marks=[soak, pytest.mark.timeout(7200)])])
def test_a_run_that_is_interrupted_while_it_writes(bench: Bench, tmp_path: Path, few: int | None) -> None:
    """Interrupted at any single operation on the disk, a run takes nothing for failed that is made."""
    points = chosen(bench, tmp_path / "count", few=few, seed=11)
    at_each(points, lambda at: check_interrupted(bench, tmp_path, at))
