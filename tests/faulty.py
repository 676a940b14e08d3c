"""The command line with a fault built in, forked from a process that has imported it: many runs in little time.

``python faulty.py`` reads one order per line, a JSON object, forks, answers with the process id, and writes the exit code
of each run to the file ``code`` in its folder ``out`` when it ends.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import itertools
import json
import os
import select
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat

from reviewlib import cli, freezing, overview, params_file, press, runs, showing  # noqa: F401 - known to all forks
from reviewlib.conversation import store  # noqa: F401
from reviewlib.pages import printing, warming  # noqa: F401
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
    code = 70
    try:
        out = Path(order["out"])
        for number, name in ((0, os.devnull), (1, out / "stdout"), (2, out / "stderr")):
            os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND), number)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(order["folder"])
        os.environ.update(order["env"])
        tempfile.tempdir = None  # it is remembered
        warming.WARMTH = Warmth()  # type: ignore[misc]
        for name, value in order["faults"].items():
            FAULTS[name](value, out)
        sys.argv = ["reviewlib", *order["arguments"]]
        cli.main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - nothing of this process may run on in the copy
        traceback.print_exc()
    finally:
        for step in LAST:
            step()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


#: What a run does at its very end.
LAST: list[Callable[[], None]] = []


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


def _disk(given: dict[str, Any], out: Path) -> None:
    """Let what changes files below a folder fail, or the process be sent a signal, from the given operation on.

    Operations are counted from 1: opening for writing, writing, bringing to the disk, renaming, making a folder. ``signal``:
    the process gets it there; else ``error`` is raised, once or, with ``stays``, from then on. A write does half its work.
    """
    counter = itertools.count(1)
    lock = threading.Lock()
    below = str(Path(given["below"]).resolve())
    count = [0]

    def due() -> bool:
        with lock:
            count[0] = next(counter)
        return count[0] == given["at"] or (bool(given.get("stays")) and count[0] > given["at"] > 0)

    def fail(path: object) -> None:
        if "signal" in given:
            os.kill(os.getpid(), signal.Signals[given["signal"]])
            return
        number = getattr(errno, given["error"])
        raise OSError(number, os.strerror(number), str(path))

    def wrap(function: Callable[..., Any], concerns: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **options: Any) -> Any:
            path = concerns(*args)
            if path is not None and os.path.abspath(os.fsdecode(path)).startswith(below) and due():  # noqa: PTH100
                fail(path)
            return function(*args, **options)

        return wrapped

    def opened(path: Any, flags: int, *_rest: Any) -> Any:
        return path if flags & (os.O_WRONLY | os.O_RDWR) else None

    def descriptor(number: int) -> str | None:
        with contextlib.suppress(OSError):
            return str(Path(f"/proc/self/fd/{number}").readlink())
        return None

    class Half:
        """A file whose write may do half its work."""

        def __init__(self, file: Any):
            self.file = file

        def __enter__(self) -> Half:
            self.file.__enter__()
            return self

        def __exit__(self, *args: Any) -> Any:
            return self.file.__exit__(*args)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

        def write(self, content: bytes) -> int:
            if due():
                self.file.write(content[: len(content) // 2])
                self.file.flush()
                fail(descriptor(self.file.fileno()))
                content = content[len(content) // 2 :]
            return int(self.file.write(content))

    fdopen = os.fdopen

    def half(number: int, mode: str = "r", *args: Any, **options: Any) -> Any:
        file = fdopen(number, mode, *args, **options)
        return Half(file) if mode in ("wb", "ab") and (descriptor(number) or "").startswith(below) else file

    os.fdopen = half  # type: ignore[assignment]
    os.open = wrap(os.open, opened)
    os.fsync = wrap(os.fsync, descriptor)
    for name in ("replace", "rename"):
        setattr(os, name, wrap(getattr(os, name), lambda old, new: new))
    os.mkdir = wrap(os.mkdir, lambda path, *rest: path)
    LAST.append(lambda: (out / "operations").write_text(str(count[0])) and None)


FAULTS: dict[str, Callable[[Any, Path], None]] = {"record": _record, "replay": _replay, "clock": _clock, "disk": _disk}

if __name__ == "__main__":
    main()
