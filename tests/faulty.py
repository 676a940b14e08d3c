"""The command line with a fault built in, forked from a process that has imported it: many runs in little time.

``python faulty.py`` reads one order per line, a JSON object, forks, answers with the process id, and writes the exit code
of each run to the file ``code`` in its folder ``out`` when it ends.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import io
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat

from reviewlib.cli import app, run_progress  # noqa: F401 - known to all forks
from reviewlib.conversation import journal  # noqa: F401
from reviewlib.pages import preload, printing  # noqa: F401
from reviewlib.press import batch, work  # noqa: F401
from reviewlib.press.warm import Warmth


@dataclass
class Trouble:
    """What goes wrong below a folder, and when.

    Attributes:
        below: The folder.
        at: At which operation, counted from 1; 0 never. Operations are: opening for writing, writing, bringing to the disk,
            renaming, making a folder.
        only: Count these alone, such as ``write log.jsonl``.
        signal: The process gets it there.
        error: Or this is raised.
        stays: From there on it is raised at every operation; else once.
        seen: The operations so far.
    """

    below: str
    at: int
    only: str | None = None
    signal: str | None = None
    error: str = "EIO"
    stays: bool = False
    seen: list[str] = field(default_factory=list)
    struck: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def concerns(self, path: object) -> bool:
        """Tell whether a path lies below the folder."""
        return isinstance(path, str | bytes | os.PathLike) and os.path.abspath(os.fsdecode(path)).startswith(self.below)  # noqa: PTH100

    def due(self, what: str, path: object) -> bool:
        """Count an operation; tell whether it is the one."""
        if not self.concerns(path):
            return False
        name = f"{what} {Path(os.fsdecode(path)).name}"  # type: ignore[arg-type]
        with self.lock:
            if self.struck and self.stays:
                return True
            if self.only not in (None, name):
                return False
            self.seen.append(name)
            self.struck |= len(self.seen) == self.at
            return len(self.seen) == self.at

    def strike(self, path: object) -> None:
        """Send the signal, or raise the error."""
        if self.signal is not None:
            os.kill(os.getpid(), signal.Signals[self.signal])
            return
        number = getattr(errno, self.error)
        raise OSError(number, os.strerror(number), str(path))


class Half(io.FileIO):
    """A file below the buffer, of which a write may do half: as a full disk does, it says how much, and fails with the rest."""

    def __init__(self, number: int, mode: str, trouble: Trouble) -> None:
        super().__init__(number, mode)
        self.trouble = trouble
        self.full = False

    def write(self, content: Any) -> int:
        """Write all of it, or half."""
        place = _place(self.fileno())
        if self.full or (self.trouble.struck and self.trouble.stays and self.trouble.concerns(place)):
            self.full = False
            self.trouble.strike(place)
        if not self.trouble.due("write", place):
            return super().write(content)
        written = super().write(bytes(content)[: len(content) // 2])
        if self.trouble.signal is not None:
            self.trouble.strike(place)
        self.full = self.trouble.signal is None
        return written


def spoil(given: dict[str, Any], out: Path) -> Callable[[], None]:
    """Let what changes files of this process run into trouble; returns what writes the operations down at its end."""
    trouble = Trouble(**given | {"below": str(Path(given["below"]).resolve())})
    os.fdopen = _opening(trouble)  # type: ignore[assignment]
    os.open = _guarded(trouble, "open", os.open, _opened)
    os.fsync = _guarded(trouble, "sync", os.fsync, _place)
    os.replace = _guarded(trouble, "rename", os.replace, lambda old, new: new)
    os.rename = _guarded(trouble, "rename", os.rename, lambda old, new: new)
    os.mkdir = _guarded(trouble, "folder", os.mkdir, lambda path, *rest: path)
    return lambda: (out / "operations").write_text(json.dumps(trouble.seen)) and None


def _guarded(trouble: Trouble, what: str, function: Callable[..., Any], place: Callable[..., object]) -> Callable[..., Any]:
    def guarded(*args: Any, **options: Any) -> Any:
        path = place(*args)
        if trouble.due(what, path):
            trouble.strike(path)
        return function(*args, **options)

    return guarded


def _opening(trouble: Trouble) -> Callable[..., Any]:
    """What stands for ``os.fdopen``: binary files below the folder that are written to, in any mode, are talk."""
    fdopen = os.fdopen

    def opening(number: int, mode: str = "r", buffering: int = -1, **options: Any) -> Any:
        if not set(mode) & set("wax+") or not trouble.concerns(_place(number)):
            return fdopen(number, mode, buffering, **options)
        assert "b" in mode, "text is not written through here"
        raw = Half(number, mode, trouble)
        if buffering == 0:
            return raw
        return io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)

    return opening


def _opened(path: Any, flags: int, *_rest: Any) -> Any:
    return path if flags & (os.O_WRONLY | os.O_RDWR) else None


def _place(number: int) -> str | None:
    """Where an open file lies."""
    with contextlib.suppress(OSError):
        return str(Path(f"/proc/self/fd/{number}").readlink())
    return None


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
    "disk": spoil,
}

if __name__ == "__main__":
    main()
