"""What the system lets kernels and their driver have."""

from __future__ import annotations

import ast
import resource
from collections.abc import Sequence
from pathlib import Path

import pytest
from running import driven

pytestmark = pytest.mark.whole

#: A driver that runs so many notebooks at a time in each case, and says what each printed or why none ran. The second limit of
#: a case is not above that of the case before: nobody is given it back.
DRIVER = """
import pathlib, resource
from concurrent.futures import ThreadPoolExecutor
from running import execute, notebook, text
from reviewlib.errors import ReviewError
from reviewlib.press.kernels import Kernels
from reviewlib.press.warm import Warmth

def run(number):
    return text(execute(notebook({cell!r}), kernels, folder=pathlib.Path.cwd()))

for limits, warm, at_once in {cases}:
    resource.setrlimit({kind}, limits)
    try:
        with Kernels(warm=Warmth() if warm else None, memory=4 << 30, at_once=at_once) as kernels:
            with ThreadPoolExecutor(at_once) as pool:
                print(*pool.map(run, range(at_once)), sep="", end="")
            assert kernels.cold_because is None
    except ReviewError as error:
        print(error)
"""
Case = tuple[tuple[int, int], bool, int]


def said(cell: str, kind: int, cases: Sequence[Case], *, folder: Path) -> str:
    """What a driver says that goes through cases: the limits, whether kernels are warm, and how many run at a time."""
    return driven(DRIVER.format(cell=cell, kind=kind, cases=cases), folder=folder)


def test_a_stricter_limit_of_memory_stays(tmp_path: Path) -> None:
    """A kernel, warm or ordinary, gets the memory that a run allows, and no more than the system allows already."""
    cell = "import resource; print(resource.getrlimit(resource.RLIMIT_DATA))"
    cases: list[Case] = [((most, most), warm, 1) for most in (resource.RLIM_INFINITY, 3 << 30) for warm in (True, False)]
    lines = said(cell, resource.RLIMIT_DATA, cases, folder=tmp_path).splitlines()
    assert [ast.literal_eval(line) for line in lines] == 2 * [(4 << 30, 4 << 30)] + 2 * [(3 << 30, 3 << 30)]


def test_open_files_are_asked_for(tmp_path: Path) -> None:
    """Where few files may be open unless more are asked for, kernels run all the same, warm or ordinary."""
    cases: list[Case] = [((70, 4096), warm, 4) for warm in (True, False)]
    assert said("print('fine')", resource.RLIMIT_NOFILE, cases, folder=tmp_path) == 8 * "fine\n"


def test_too_few_open_files_are_said(tmp_path: Path) -> None:
    """Where the system allows too few open files for so many notebooks, that is said before the first one."""
    cases: list[Case] = [((70, 70), False, 4), ((70, 70), False, 1)]
    lines = said("print('fine')", resource.RLIMIT_NOFILE, cases, folder=tmp_path).splitlines()
    assert lines[0] == "too few files may be open at a time for 4 notebooks at a time"
    assert any("found: 70, and " in line for line in lines)
    assert [place for place, line in enumerate(lines, start=1) if line == "fine"] == [len(lines)]
