"""The command line as the tests call it: in this process, or in one of its own that is forked from one which knows it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from reviewlib.cli.app import main

#: Imports what a run needs, but for the database that freezes; then forks for each packet, and tells how that process ended.
_FORKING = """
import json, os, signal, socket, sys
import babel.dates, babel.numbers, pyarrow.pandas_compat, pyarrow.parquet
from reviewlib.cli import run_progress
from reviewlib.cli.app import main
from reviewlib.evidence import sources
from reviewlib.pages import preload
from reviewlib.press import batch
from reviewlib.press.warm import Warmth
from reviewlib.run import freezing, runs

preload.WARMTH = Warmth()
line = socket.socket(fileno=int(sys.argv[1]))
while True:
    packet, streams, *_ = socket.recv_fds(line, 1 << 16, 3)
    if not packet:
        break
    child = os.fork()
    if child == 0:
        line.close()
        asked = json.loads(packet)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.chdir(asked["folder"])
        os.environ.clear()
        os.environ.update(asked["env"])
        sys.argv[1:] = asked["args"]
        exec(asked["first"])
        sys.exit(main())
    for stream in streams:
        os.close(stream)
    line.send(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())
"""


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Said]


class Forking:
    """Processes of the command line, one at a time; notebooks that they run start from a kernel that has imported nothing."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._line.settimeout(240)
        with theirs:
            given = str(theirs.fileno())
            command = [sys.executable, "-c", _FORKING, given]
            # What is printed is held back, as it is for most, and may be left over at the end.
            env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
            self._process = subprocess.Popen(command, env=env, pass_fds=[theirs.fileno()], start_new_session=True)

    def begin(
        self, *args: str, folder: Path, streams: tuple[int, int, int], env: Mapping[str, str] | None = None, first: str = ""
    ) -> None:
        """Begin one: with these descriptors as its standard streams, and with code that it runs before anything else."""
        asked = {"args": args, "folder": str(folder), "env": dict(os.environ if env is None else env), "first": first}
        socket.send_fds(self._line, [json.dumps(asked).encode()], streams)

    def end(self) -> int:
        """Wait for its end and return the exit code; after one that hangs nobody else may get its answer."""
        try:
            said = self._line.recv(16)
        except BaseException:
            self.close()
            raise
        assert said, "the process that forks has ended"
        return int(said)

    def run(self, *args: str, folder: Path, stdout: Path | None, stderr: Path | None, first: str = "") -> int:
        """Run one that writes to these files, to a pipe that nobody reads where None; return the exit code."""
        reader, nobody = os.pipe()
        os.close(reader)
        null = os.open(os.devnull, os.O_RDONLY)
        files = [nobody if path is None else os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) for path in (stdout, stderr)]
        try:
            self.begin(*args, folder=folder, streams=(null, files[0], files[1]), first=first)
            return self.end()
        finally:
            for each in {null, nobody, *files}:
                os.close(each)

    def close(self) -> None:
        """End the process that forks, and the one that it waits for."""
        self._line.close()
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@pytest.fixture(scope="module")
def forking() -> Iterator[Forking]:
    """The command line in processes of its own, for the tests of a module."""
    processes = Forking()
    yield processes
    processes.close()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the command line as a user does, in this process."""

    def call(*args: str, cwd: Path | None = None) -> Said:
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setattr(sys, "argv", ["reviewlib", *args])
        if cwd is not None:
            monkeypatch.chdir(cwd)
        capfd.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        captured = capfd.readouterr()
        return Said(code, captured.out, captured.err)

    return call
