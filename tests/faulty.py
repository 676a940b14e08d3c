"""The command line with a fault built in, forked from a process that has imported it: many runs in little time.

``python faulty.py`` reads one order per line, a JSON object, forks, answers with the process id, and writes the exit code
of each run to the file ``code`` in its folder ``out`` when it ends.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faulty_disk
import nbformat

from reviewlib.cli import app, run_progress  # noqa: F401 - known to all forks
from reviewlib.conversation import journal  # noqa: F401
from reviewlib.pages import preload, printing  # noqa: F401
from reviewlib.press import batch, work  # noqa: F401
from reviewlib.press.kernels import Warmth

Order = dict[str, Any]


def main() -> None:
    """Serve until nobody orders any more."""
    running: dict[int, Path] = {}
    orders = sys.stdin.buffer.raw  # type: ignore[attr-defined]
    rest = b""
    while True:
        _bury(running)
        if not select.select([orders], [], [], 0.01)[0]:
            continue
        arrived = orders.read(1 << 16)
        if not arrived:
            return
        *lines, rest = (rest + arrived).split(b"\n")
        for line in lines:
            order = json.loads(line)
            pid = os.fork()
            if pid == 0:
                _be_run(order)
            running[pid] = Path(order["out"])
            os.write(1, f"{pid}\n".encode())


def _bury(running: dict[int, Path]) -> None:
    for pid, out in list(running.items()):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            del running[pid]
            (out / "code.new").write_text(str(os.waitstatus_to_exitcode(status)))
            (out / "code.new").rename(out / "code")


def _be_run(order: Order) -> None:
    """Be ``python -m reviewlib`` with the order's arguments, in its folder, with its faults."""
    code, last = 70, []
    try:
        out = Path(order["out"])
        for number, name in ((0, os.devnull), (1, out / "stdout"), (2, out / "stderr")):
            os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND), number)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(order["folder"])
        os.environ.update(order["env"])
        tempfile.tempdir = None  # it is remembered
        preload.WARMTH = Warmth()  # type: ignore[misc]
        for name, value in order["faults"].items():
            last.append(FAULTS[name](value, out))
        sys.argv = ["reviewlib", *order["arguments"]]
        app.main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - nothing of this process may run on in the copy
        traceback.print_exc()
    finally:
        for step in filter(None, last):
            step()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _record(folder: str, out: Path) -> None:
    """Keep every executed notebook."""
    run = work.Station._run

    def recorded(station: work.Station, job: Any, *rest: Any) -> Any:
        nb = run(station, job, *rest)
        (Path(folder) / f"{job.key}.json").write_text(json.dumps(nb))
        return nb

    work.Station._run = recorded  # type: ignore[method-assign]


def _replay(folder: str, out: Path) -> None:
    """Take executed notebooks that were kept, instead of running any; everything but the kernels is real."""

    def replayed(station: work.Station, job: Any, *rest: Any) -> Any:
        return nbformat.from_dict(json.loads((Path(folder) / f"{job.key}.json").read_text()))

    work.Station._run = replayed  # type: ignore[method-assign]


def _clock(seconds: float, out: Path) -> None:
    """Shift the clock of this process."""
    real_time, real = time.time, dt.datetime
    time.time = lambda: real_time() + seconds  # type: ignore[assignment]
    time.time_ns = lambda: int(time.time() * 1e9)  # type: ignore[assignment]

    class Meta(type(real)):  # type: ignore[misc]
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, real)

    class Shifted(real, metaclass=Meta):  # type: ignore[misc]
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
            return real.now(tz) + dt.timedelta(seconds=seconds)

    dt.datetime = Shifted  # type: ignore[misc]


#: What can go wrong; some want to do something at the very end.
FAULTS: dict[str, Callable[[Any, Path], Callable[[], None] | None]] = {
    "record": _record,
    "replay": _replay,
    "clock": _clock,
    "disk": faulty_disk.spoil,
}

if __name__ == "__main__":
    main()
