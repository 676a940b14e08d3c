"""Runs on a real disk that is too small: what fits is whole, what does not is told, and with room the next makes the rest."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import smalldisk
from commands import Run
from faultbench import Bench, Book, Said
from lightbook import ALL

from reviewlib.evidence import facts
from reviewlib.workbook import company

pytestmark = pytest.mark.timeout(600)
soak = pytest.mark.soak
FULL = "No space left on device"
#: Pages of disk that are enough beside what lies there for a run to get on, one review after the other.
BESIDE = 40


def sizes(bench: Bench, *, of: str, count: int, chance: random.Random) -> list[int]:
    """Sizes of a disk in pages, between that of what is there and that of all; of several the first and the last too."""
    done, fresh = (smalldisk.pages_of(bench.folder / name / "reports") for name in ("done", "fresh"))
    least = {"done": done, "fresh": fresh, "bare": 1}[of]
    between = sorted(chance.sample(range(least + 1, done + BESIDE), max(1, count - 2)))
    return between if count == 1 else [least, *between, 2 * done - fresh + BESIDE]


def require_told(book: Book, said: Said) -> None:
    """Whether all was made is told, in words and by the exit code, and nothing lies about that is not in its place."""
    assert said.code in (0, 1, 2), said
    assert "Traceback" not in said.stderr, said.stderr
    assert said.code == 0 or FULL in said.stderr + " ".join(said.failed.values()), said
    assert said.code != 0 or said.keys(kept=False) == ALL, said
    assert book.parts() == []


def check_room(bench: Bench, folder: Path, pages: int, *, of: str) -> Said:
    """Run the command on a disk of so many pages; give it room, and run again."""
    book = bench.book(folder, of=of)
    with smalldisk.over(book.folder / "reports", pages=pages) as disk:
        said = book.start(real=True).wait()
        require_told(book, said)
        logged = {json.loads(line)["key"] for line in book.log()[book.logged :].splitlines()}
        disk.resize(10 * pages + 1000)
        # What found no room in the log and in the manifest either is remembered by nobody.
        book.require_healed(said, exact=said.keys(kept=False) <= logged)
    shutil.rmtree(folder)
    return said


def passed_elsewhere(request: pytest.FixtureRequest, folder: Path) -> bool:
    """Whether this test was passed in a process of its own, where small disks can be had there alone; skip it where nowhere."""
    before = smalldisk.way(folder)
    if before is None:
        pytest.skip("this account may not mount a tmpfs here, nor have a name space in which it may")
    if before:
        command = [*before, sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "-m", "soak or not soak"]
        done = subprocess.run(
            [*command, request.node.nodeid], cwd=request.config.rootpath, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-5000:]
    return bool(before)


@pytest.mark.parametrize(
    ("full", "told"), [("reports", "where: reports/book/snapshots"), ("temp", "where: the folder for temporary files")]
)
def test_a_freeze_that_finds_no_room_says_where(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run, full: str, told: str
) -> None:
    """The message says which of the two folders is full, and what to do; a table on disk that does not fit is the export's."""
    if passed_elsewhere(request, tmp_path):
        return
    company.make_sample(tmp_path, reps=4, deals=3000, name="book")
    (tmp_path / "temp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))
    monkeypatch.setattr(facts, "MANY", 0)
    command = ("freeze", "params/book.yaml", "--period", "2026-Q3")
    with smalldisk.over(tmp_path / full, pages=100_000 // smalldisk.PAGE):
        said = run(*command, cwd=tmp_path)
        assert said.returncode == 2, said
        assert [word for word in (FULL, told, "to do: Make room there") if word not in said.stderr] == [], said.stderr
    assert run(*command, cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("of", "count"),
    [
        ("done", 1),
        ("fresh", 1),
        *(pytest.param(of, 7, marks=[soak, pytest.mark.timeout(3600)]) for of in ("done", "fresh", "bare")),
    ],
)
def test_a_disk_that_is_too_small(request: pytest.FixtureRequest, tmp_path: Path, of: str, count: int) -> None:
    """Where not all finds room no file is torn, the run says so, and with room the next makes exactly what is missing.

    ``done``: reviews of another edition are there before the run; ``fresh``: evidence alone; ``bare``: nothing.
    """
    if passed_elsewhere(request, tmp_path):
        return
    with Bench(tmp_path / "bench") as bench:
        tried = sizes(bench, of=of, count=count, chance=random.Random(f"{of} {count}"))
        said = [check_room(bench, tmp_path / f"book-{pages}", pages, of=of) for pages in tried]
    print(*((pages, one.code, len(one.keys(kept=False))) for pages, one in zip(tried, said, strict=True)))
    if count > 1:
        assert said[0].keys(kept=False) == set()
        assert said[-1].code == 0
    else:
        assert said[0].code != 0
