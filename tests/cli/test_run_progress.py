"""A run on a terminal: a bar with what is done, failed and skipped, how fast it goes, and how long it will still take."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import termios
from pathlib import Path

import pytest
from commands import Forking
from lightbook import PERIOD, lay_edition, light_workbook

from reviewlib.run import freezing

pytestmark = pytest.mark.whole

#: What a terminal is told besides letters: colours, where the cursor goes.
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
#: Ten reviews to make and three unchanged, of which half are made, one of them in vain.
HALF = """
import time
from types import SimpleNamespace
from reviewlib.cli.run_progress import progress
def entry(state):
    return SimpleNamespace(state=state, kind="rep", subject="R1", audience="rep")
with progress("2026-Q3", as_json=False) as shown:
    for _ in range(3):
        shown.kept(entry("made"))
    shown.plan(10)
    for number in range(5):
        time.sleep(0.2)
        shown.done(entry("failed" if number == 1 else "made"))
    shown.note("a remark")
sys.exit()
"""
BAR = re.compile(r"2026-Q3 [━╸╺ ]+(\d+)/(?:10|4) (\d+) failed, (\d+) unchanged (?:(\d+\.\d)/s)? *(\d+:\d\d:\d\d|-:--:--)")


def seen(forking: Forking, *args: str, folder: Path, columns: int = 80, first: str = "") -> tuple[int, list[str]]:
    """Run a command whose standard error is a terminal; its exit code and every line that was seen there, drawn over or not."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")} | {
        "TERM": "xterm-256color"
    }
    null = os.open(os.devnull, os.O_WRONLY)
    forking.begin(*args, folder=folder, streams=(theirs, null, theirs), env=env, first=first)
    os.close(theirs)
    os.close(null)
    arrived = b""
    try:
        while part := os.read(ours, 1 << 16):
            arrived += part
    except OSError:  # that is how the end of a terminal shows
        pass
    finally:
        os.close(ours)
    return forking.end(), [line.rstrip() for line in re.split(r"[\r\n]+", _CONTROL.sub("", arrived.decode()))]


def bars(lines: list[str]) -> list[tuple[str, ...]]:
    """What the bar said: done, failed, unchanged, per second, remaining."""
    return [found.groups("") for line in lines if (found := BAR.search(line))]


@pytest.mark.parametrize("columns", [72, 80, 200])
def test_the_bar_on_a_terminal(forking: Forking, tmp_path: Path, columns: int) -> None:
    """In the middle of a run a terminal, a narrow one too, shows all five, and a remark above the bar."""
    code, lines = seen(forking, folder=tmp_path, columns=columns, first=HALF)
    assert code == 0, lines
    told = bars(lines)
    assert told[0][:3] == ("0", "0", "3")
    assert told[-1][:3] == ("5", "1", "3")
    assert [int(done) for done, *_ in told] == sorted(int(done) for done, *_ in told)
    rate, remaining = told[-1][3:]
    assert 0 < float(rate) <= 5
    hours, minutes, seconds = map(int, remaining.split(":"))
    assert hours * 3600 + minutes * 60 + seconds >= 1
    assert any("2026-Q3: a remark" in line for line in lines)


@pytest.mark.timeout(600)
def test_a_run_on_a_terminal(forking: Forking, tmp_path: Path) -> None:
    """The command shows the bar and no line per review; a failed one is counted, and the next run tells what is unchanged."""
    freezing.freeze(light_workbook(tmp_path), [PERIOD])
    lay_edition(tmp_path, 1)
    (tmp_path / "fault.py").write_text("if globals().get('rep') == 'R3' and audience == 'rep':\n    raise ValueError('no')")
    command = ("run", "params/book.yaml", "--team", "South")
    code, lines = seen(forking, *command, folder=tmp_path)
    told = bars(lines)
    assert code == 1, lines
    assert told[-1][:3] == ("4", "1", "0")
    assert float(told[-1][3]) > 0
    assert told[-1][4] == "0:00:00"
    assert not [line for line in lines if "made:" in line]
    (tmp_path / "fault.py").unlink()
    code, lines = seen(forking, *command, folder=tmp_path)
    assert code == 0, lines
    assert any(re.search(r" 1/1 +0 failed, 3 unchanged", line) for line in lines), lines
