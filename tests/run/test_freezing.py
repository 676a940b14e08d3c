"""Two freezes of one workbook at once: each tells how it ended, and between them they leave one whole snapshot."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lightbook import DEALS, PEOPLE, PERIOD, REPS
from workbooks import workbook

from reviewlib.errors import BusyError
from reviewlib.evidence import proof, snapshot
from reviewlib.params.model import Params
from reviewlib.run import freezing

pytestmark = pytest.mark.whole  # the command, in processes


@pytest.fixture
def temp(tmp_path: Path) -> Path:
    folder = tmp_path / "temp"
    folder.mkdir()
    return folder


def book(folder: Path) -> Params:
    """A workbook with deals enough for the writing of its evidence to take a while."""
    crm = {"history_from": "2026-01-01"}
    return workbook(folder, deals=DEALS * 2000, reps=REPS, as_of="2026-10-15", people=PEOPLE, crm=crm)


def begun(folder: Path, temp: Path) -> subprocess.Popen[str]:
    """Begin ``reviewlib freeze`` as a user does."""
    return subprocess.Popen(
        [sys.executable, "-m", "reviewlib", "freeze", "params/book.yaml", "--period", PERIOD.name],
        cwd=folder, env=os.environ | {"TMPDIR": str(temp)}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def places(params: Params) -> set[str]:
    """Every file and folder of the reports, but for the locks, which may stay."""
    found = {path.relative_to(params.reports).as_posix() for path in params.reports.rglob("*")}
    return {place for place in found if not place.endswith(".lock")}


@pytest.mark.parametrize("later", [0, 0.05, 0.3, 1])
def test_two_freezes_at_once_leave_one_whole_snapshot(tmp_path: Path, temp: Path, later: float) -> None:
    """Both are done, or one is told that the other holds the period; what they leave is what one alone leaves."""
    lone = book(tmp_path / "alone")
    (alone,) = freezing.freeze(lone, [PERIOD])
    params = book(tmp_path / "both")
    first = begun(params.root, temp)
    time.sleep(later)
    both = [first, begun(params.root, temp)]
    ends = [(*each.communicate(timeout=120), each.returncode) for each in both]
    told = f"{PERIOD}: snapshot {alone.hash}, {len(alone.subjects)} reviews\n"
    for said, wrong, code in ends:
        assert (code, said) in [(0, told), (BusyError.exit_code, "")], wrong
        assert wrong == "" if code == 0 else "Another run is at work" in wrong
    assert 0 in [code for _, _, code in ends]
    found = snapshot.current(params, PERIOD)
    assert found is not None
    assert found.hash == alone.hash
    assert (proof.problems(found.folder), proof.of(found.folder)) == ([], found.proof)
    assert (params.reports / PERIOD.name / "current").read_text() == f"{found.hash} {found.proof}\n"
    assert places(params) == places(lone)
    assert list(temp.iterdir()) == []
    assert freezing.freeze(params, [PERIOD]) == [found]
