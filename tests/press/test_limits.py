"""What the system lets kernels and their driver have."""

from __future__ import annotations

import ast
import resource
from pathlib import Path

import pytest
from running import driven

pytestmark = pytest.mark.whole

#: A driver that runs so many notebooks at a time, and says what each printed or why none ran.
DRIVER = """
import pathlib
from concurrent.futures import ThreadPoolExecutor
from running import execute, notebook, text
from reviewlib.errors import ReviewError
from reviewlib.press.kernels import Kernels
from reviewlib.press.warm import Warmth

def run(number):
    return text(execute(notebook({cell!r}), kernels, folder=pathlib.Path.cwd()))

try:
    with Kernels(warm={warm}, memory=4 << 30, at_once={at_once}) as kernels, ThreadPoolExecutor({at_once}) as pool:
        print(*pool.map(run, range({at_once})), sep="", end="")
except ReviewError as error:
    print(error)
"""
WARM_OR_NOT = pytest.mark.parametrize("warm", ["Warmth()", None], ids=["warm", "ordinary"])


@WARM_OR_NOT
@pytest.mark.parametrize("most", [3 << 30, resource.RLIM_INFINITY], ids=["stricter", "none"])
def test_a_stricter_limit_of_memory_stays(tmp_path: Path, warm: str | None, most: int) -> None:
    """A kernel gets the memory that a run allows, and no more than the system allows already."""
    cell = "import resource; print(resource.getrlimit(resource.RLIMIT_DATA))"
    said = driven(DRIVER.format(cell=cell, warm=warm, at_once=1), folder=tmp_path, limits={resource.RLIMIT_DATA: (most, most)})
    allowed = 4 << 30 if most == resource.RLIM_INFINITY else most
    assert ast.literal_eval(said) == (allowed, allowed)


@WARM_OR_NOT
def test_open_files_are_asked_for(tmp_path: Path, warm: str | None) -> None:
    """Where few files may be open unless more are asked for, kernels run all the same."""
    code = DRIVER.format(cell="print('fine')", warm=warm, at_once=4)
    assert driven(code, folder=tmp_path, limits={resource.RLIMIT_NOFILE: (70, 4096)}) == 4 * "fine\n"


def test_too_few_open_files_are_said(tmp_path: Path) -> None:
    """Where the system allows too few open files for so many notebooks, that is said before the first one."""
    few = {resource.RLIMIT_NOFILE: (70, 70)}
    said = driven(DRIVER.format(cell="print('fine')", warm=None, at_once=4), folder=tmp_path, limits=few)
    assert said.splitlines()[0] == "too few files may be open at a time for 4 notebooks at a time"
    assert "found: 70, and " in said
    assert driven(DRIVER.format(cell="print('fine')", warm=None, at_once=1), folder=tmp_path, limits=few) == "fine\n"
