"""The driver's end of a kernel's sockets: no output is so much, and no socket so deaf, that a run does not end."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from running import driven, execute, notebook, text

from reviewlib.press.client import OUTPUT_MEGABYTES, OutputLimitError
from reviewlib.press.execution import TimeLimitError
from reviewlib.press.kernels import Kernels
from reviewlib.press.warm import Warmth

pytestmark = pytest.mark.whole

#: More messages than libzmq holds by itself, at both ends together.
MANY = 4000
#: A driver whose kernels' sockets, warm ones and ordinary ones, have names that are too long; it says what is left of each.
DEAF = """
import gc, os, pathlib
from running import execute, notebook
from reviewlib.press import kernels
from reviewlib.press.kernels import Kernels
from reviewlib.press.warm import Warmth

kernels._SOCKET_PATH_BYTES = 1000
for warm in (Warmth(), None):
    with Kernels(warm=warm) as made:
        try:
            execute(notebook("1"), made, folder=pathlib.Path.cwd())
        except Exception as error:
            print(error)
        gc.collect()
        print("went on")
"""
#: A driver that says what a cell printed.
PRINTS = """
import pathlib
from running import execute, notebook, text
from reviewlib.press.kernels import Kernels

with Kernels() as made:
    print(text(execute(notebook("print('fine')"), made, folder=pathlib.Path.cwd())))
"""


@pytest.fixture(scope="module")
def kernels() -> Iterator[Kernels]:
    """Warm kernels that share one warm process."""
    with Kernels(warm=Warmth()) as made:
        yield made


def outcome(kernels: Kernels, folder: Path, code: str, *, seconds: float = 60) -> BaseException | None:
    """How a notebook of one cell ended; what does not end is killed."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(execute, notebook(code), kernels, folder=folder, seconds=seconds)
        try:
            return running.exception(timeout=90)
        finally:
            if not running.done():
                kernels.stop()


def test_a_time_limit_holds_while_messages_pour_in(kernels: Kernels, tmp_path: Path) -> None:
    """A cell that prints all the time is stopped as one that is silent."""
    code = "import time\nwhile True:\n    print('.', flush=True)\n    time.sleep(0.01)"
    assert isinstance(outcome(kernels, tmp_path, code, seconds=2), TimeLimitError)


@pytest.mark.parametrize(
    "code", ["while True: print('z' * 20_000)", f"print('z' * {OUTPUT_MEGABYTES + 1}_000_000)"], ids=["without end", "at once"]
)
def test_output_has_a_limit(kernels: Kernels, tmp_path: Path, code: str) -> None:
    """A notebook that gives more than is allowed ends at once, and the error says what was wrong."""
    error = outcome(kernels, tmp_path, code)
    assert isinstance(error, OutputLimitError)
    assert str(error) == f"the notebook gave more than {OUTPUT_MEGABYTES} MB of output"


def test_much_output_is_whole(kernels: Kernels, tmp_path: Path) -> None:
    """What a notebook gives below the limit arrives, also where it comes faster than it is read."""
    made = execute(notebook("for number in range(300): print(f'{number} ' + 'z' * 20_000)"), kernels, folder=tmp_path)
    assert [line.split()[0] for line in text(made).splitlines()] == [str(number) for number in range(300)]


CAPTURES = """
import ipywidgets
from IPython.display import display
held = ipywidgets.Output()
display(held)
with held:
    print("held back")
print("told")
"""


def test_a_cell_may_capture_what_it_prints(kernels: Kernels, tmp_path: Path) -> None:
    """A widget that holds outputs is filled as in JupyterLab, and what is printed beside it is in the notebook."""
    made = execute(notebook(CAPTURES, "print('after')"), kernels, folder=tmp_path)
    assert text(made) == "told\n"
    assert text(made, 1) == "after\n"
    assert "widgets" not in made.metadata


@pytest.mark.parametrize("warm", [Warmth(), None], ids=["warm", "ordinary"])
def test_many_small_outputs_are_whole(tmp_path: Path, warm: Warmth | None) -> None:
    """Nothing is dropped where thousands come faster than they are read, by a driver that has more to do."""
    code = f"for number in range({MANY}): display({{'text/plain': str(number)}}, raw=True)\nprint('last')"
    busy = threading.Event()

    hold = ctypes.PyDLL(None).usleep  # called with Python's lock held, as by one who works, but without working

    def work() -> None:
        while not busy.is_set():
            hold(10_000)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        with Kernels(warm=warm) as made:
            cell = execute(notebook(code), made, folder=tmp_path, seconds=240).cells[0]
    finally:
        busy.set()
        thread.join()
    said = [output.data["text/plain"] for output in cell.outputs if "data" in output]
    assert said == [str(number) for number in range(MANY)]
    assert cell.outputs[-1].text == "last\n"


def test_what_a_cell_says_of_dates_is_whole(kernels: Kernels, tmp_path: Path) -> None:
    """The dates of messages are not read, but those in them stay as they are."""
    said = {"msg_id": "mine", "date": "2026-11-23T10:00:00Z"}
    nb = execute(notebook(f"display({{'application/json': {said}}}, metadata={said}, raw=True)"), kernels, folder=tmp_path)
    assert nb.cells[0].outputs[0].data["application/json"] == said
    assert nb.cells[0].outputs[0].metadata == said


def test_sockets_that_cannot_be_connected_are_an_error(tmp_path: Path) -> None:
    """A kernel that cannot be reached, warm or ordinary, fails its notebook, and nothing waits for it."""
    (folder := tmp_path / ("x" * 100)).mkdir()
    said = driven(DEAF, folder=tmp_path, TMPDIR=str(folder)).split("went on\n")
    assert ["too long" in each for each in said] == [True, True, False]
    assert said[-1] == ""


def test_a_temporary_folder_may_have_any_name(tmp_path: Path) -> None:
    """Sockets are put elsewhere where their names would be too long in bytes, which are more than the letters."""
    room = 30 - len("/tmp/")
    folder = Path("/tmp") / ("ü" * room + str(os.getpid()))[-room:]
    folder.mkdir()
    try:
        assert driven(PRINTS, folder=tmp_path, TMPDIR=str(folder)) == "fine\n\n"
    finally:
        folder.rmdir()
