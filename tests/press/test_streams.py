"""Streams that are flushed less often lose nothing and keep the order."""

from __future__ import annotations

from pathlib import Path

import pytest
from running import execute, notebook, text

from reviewlib.press.kernels import Kernels
from reviewlib.press.warm import Warmth

pytestmark = pytest.mark.whole

CELLS = 60
#: Prints before a display and after it, from a thread that ends before the cell does, and on both streams.
TALK = """import sys, threading
from IPython.display import HTML, display
print("before {0}")
display(HTML("<p>{0}</p>"))
thread = threading.Thread(target=print, args=("thread {0}",))
thread.start(); thread.join()
print("error {0}", file=sys.stderr)
HTML("<i>{0}</i>")"""
#: How often the thread that sends is woken while a cell shows something.
COUNT = """import sys
thread = sys.stdout.pub_thread
woken, schedule = [], thread.schedule
thread.schedule = lambda work: (woken.append(work), schedule(work))"""


def test_whatever_is_printed_comes_in_its_cell_and_in_order(tmp_path: Path) -> None:
    """Words printed before a display come before it, those of a thread and of both streams before the cell ends."""
    with Kernels(warm=Warmth()) as kernels:
        done = execute(notebook(*(TALK.format(number) for number in range(CELLS))), kernels, folder=tmp_path)
        assert kernels.cold_because is None
    for number, cell in enumerate(done.cells):
        # How many pieces the words come in, the clock decides.
        first, last = (place for place, one in enumerate(cell.outputs) if "data" in one)
        said = {name: "".join(one.text for one in cell.outputs if one.get("name") == name) for name in ("stdout", "stderr")}
        assert said == {"stdout": f"before {number}\nthread {number}\n", "stderr": f"error {number}\n"}
        assert "".join(one.text for one in cell.outputs[:first]) == f"before {number}\n"
        assert [cell.outputs[place].data["text/html"] for place in (first, last)] == [f"<p>{number}</p>", f"<i>{number}</i>"]
        assert last == len(cell.outputs) - 1


def test_a_cell_that_prints_nothing_wakes_the_sending_thread_less(tmp_path: Path) -> None:
    """A cell that only shows something costs a third fewer turns of the thread that sends."""

    def woken(warm: Warmth | None) -> int:
        with Kernels(warm=warm) as kernels:
            done = execute(notebook(COUNT, "woken.clear()", "1", "print(len(woken))"), kernels, folder=tmp_path)
            return int(text(done, 3))

    assert woken(Warmth()) < woken(None) * 2 / 3
