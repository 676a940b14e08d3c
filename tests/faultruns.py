"""Runs of the command line that go on, what they say, and the processes that they start."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Seconds that anything may take on a slow machine.
PATIENCE = 180.0


@dataclass(frozen=True)
class Said:
    """What a run left behind: its exit code (a signal's negative number), its JSON rows, its standard error."""

    code: int
    rows: list[dict[str, Any]]
    stderr: str

    def keys(self, *, kept: bool) -> set[str]:
        """The reviews that were made, or kept."""
        return {row["key"] for row in self.rows if row["state"] == "made" and row["kept"] is kept}

    @property
    def failed(self) -> dict[str, str]:
        """The errors of the reviews that failed, by key."""
        return {row["key"]: row["error"] for row in self.rows if row["state"] == "failed"}


@dataclass
class Run:
    """A run that goes on."""

    out: Path
    mark: str
    temp: Path
    pid: int
    process: subprocess.Popen[bytes] | None = None

    def rows(self) -> list[dict[str, Any]]:
        """The whole rows that it has printed."""
        text = (self.out / "stdout").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def code(self) -> int | None:
        """Its exit code; None while it goes on."""
        if self.process is not None:
            return self.process.poll()
        with contextlib.suppress(FileNotFoundError):
            return int((self.out / "code").read_text())
        return None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.code() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self, pid: int) -> None:
        """Kill a process that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def reach(self, rows: int) -> None:
        """Wait until it has printed so many rows of reviews that were made, or has ended."""
        until = time.monotonic() + PATIENCE
        while self.code() is None and sum(not row["kept"] for row in self.rows()) < rows:
            assert time.monotonic() < until, "the run does not get on"
            time.sleep(0.005)

    def wait(self) -> Said:
        """Wait for its end and for that of everything it started, and look at what it left behind."""
        until = time.monotonic() + PATIENCE
        while (code := self.code()) is None:
            assert time.monotonic() < until, f"the run does not end\n{(self.out / 'stderr').read_text()}"
            time.sleep(0.01)
        self.require_nothing_running()
        return Said(code, self.rows(), (self.out / "stderr").read_text())

    def require_nothing_running(self) -> None:
        """No kernel and no warm process may outlive it."""
        until = time.monotonic() + 20
        while found := marked(self.mark):
            assert time.monotonic() < until, f"still there: {found}"
            time.sleep(0.02)

    def sockets(self) -> list[str]:
        """The folders of sockets that it has left."""
        return [path.name for path in self.temp.glob(f"review-{self.pid}-*")]


def marked(mark: str) -> dict[int, str]:
    """Find the processes that were started with a mark in their environment, with their commands."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (path / "environ").read_bytes():
                found[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def warm_process_of(run: Run) -> int | None:
    """The warm process of a run; None where there is none."""
    return next((pid for pid in marked(run.mark) if _parent(pid) == run.pid), None)


def kernels_of(run: Run) -> list[int]:
    """The processes that were forked from a run's warm process."""
    warm = warm_process_of(run)
    return [] if warm is None else [pid for pid in marked(run.mark) if _parent(pid) == warm]


def _parent(pid: int) -> int | None:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return None
