"""Kernels forked from a warm process: how it is started, asked, started anew, and done without.

``Warmth`` says what the process imports, ``Forge`` keeps it, ``WarmProvisioner`` starts jupyter_client's kernels with it.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import IO, Any, cast

from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Instance

PROVISIONER = "reviewlib-warm"
LIVES = 4  # of the warm process in one run
_START_SECONDS = 300.0
_ANSWER_SECONDS = 30.0
_PACKET = 1 << 18
_SETTINGS = ("matplotlibrc",)  # files that modules read where they are imported


@dataclass(frozen=True)
class Warmth:
    """What the warm process does before it forks.

    Args:
        preload: Modules that it imports.
        prepare: ``module:function``, called once after the imports; what it leaves in matplotlib's settings, in the
            environment and among the warnings is put back, anything else must be as before.
        given: The texts that it is called with.
        folder: Where it starts: the folder the kernels are to work in, because modules look there for settings when they
            are imported. The folder of whoever starts it where empty.
    """

    preload: tuple[str, ...] = ()
    prepare: str = ""
    given: tuple[str, ...] = ()
    folder: str = ""


class ForgeError(Exception):
    """No kernel can be had from the warm process; the message says why."""


class WarmProcess:
    """A forked kernel, as far as jupyter_client knows one: what it uses of ``subprocess.Popen``."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, told: int):
        self.pid = pid
        self.returncode: int | None = None
        self._told = told
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Return the exit code, the signal's negative number where one ended it, or None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code.

        Raises:
            subprocess.TimeoutExpired: It did not end in so many seconds.
        """
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"kernel {self.pid}", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout: float | None) -> int | None:
        with self._lock:
            if self.returncode is None and _readable(self._told, timeout):
                said = os.read(self._told, 16)
                os.close(self._told)
                # The warm process has ended without a word, and so has every kernel of it.
                self.returncode = int(said) if said else -signal.SIGKILL
            return self.returncode


class Forge:
    """Keeps a warm process for one run and starts kernels with it; for several threads.

    ``cold_because`` says why it no longer can, in a sentence; ``remark`` why it could not for some kernel.

    Args:
        warmth: What the process does before it forks.
        command: What starts a kernel, up to the file of its connection.
        arguments: What follows that file, the same for all.
        env: The environment of all.
    """

    def __init__(self, warmth: Warmth, *, command: Sequence[str], arguments: Sequence[str], env: Mapping[str, str]):
        self.cold_because: str | None = None
        self.remark: str | None = None
        self._warmth = warmth
        self._folder = warmth.folder or str(Path.cwd())
        self._command = tuple(command)
        self._arguments = tuple(arguments)
        self._env = dict(env)
        self._lock = threading.Lock()
        self._zygote: _Zygote | None = None
        self._lives = LIVES

    def begin(self) -> None:
        """Start the warm process; it warms up by itself while the caller goes on."""
        with self._lock:
            self._revive()

    def give_up(self) -> None:
        """Start nothing more, and let nobody wait for a warm process that is not ready yet; callable from any thread."""
        self.cold_because = self.cold_because or "the run was stopped"
        zygote = self._zygote
        if zygote is not None:
            zygote.kill()

    def close(self) -> None:
        """End the warm process and every kernel of it."""
        with self._lock:
            self._lives = 0
            self._drop()

    def start(self, command: Sequence[str], *, env: Mapping[str, str], folder: str, streams: Sequence[Any]) -> WarmProcess:
        """Start a kernel.

        Args:
            command: What would start an ordinary one.
            env: Its environment, which must be the one that the warm process was started with.
            folder: Where it works.
            streams: Its standard input, output and error, as ``subprocess.Popen`` takes them.

        Raises:
            ForgeError: It has to be started the ordinary way.
        """
        if dict(env) != self._env:
            raise ForgeError("its environment is another one than the warm process has")
        arguments = list(command[len(self._command) :])
        # All but the file of the connection, which is the second, is what kernels have in common.
        if list(command) != [*self._command, "-f", *arguments[1:2], *self._arguments]:
            raise ForgeError("its command is another one than the warm process stands for")
        if other := _difference(folder, self._folder, env=self._env):
            raise ForgeError(other)
        request = {"command": command, "arguments": arguments, "env": dict(env), "folder": folder}
        with self._lock:
            while self.cold_because is None:
                self._revive()
                if self._zygote is not None:
                    try:
                        return self._zygote.fork(request, streams)
                    except _GoneError as error:
                        self._drop()
                        if self._lives <= 0:
                            self.cold_because = f"the warm process ended {LIVES} times ({error})"
                    except _UnfitError as error:
                        self._drop()
                        self.cold_because = f"the warm process could not get ready ({error})"
            raise ForgeError(self.cold_because)

    def _revive(self) -> None:
        if self._zygote is not None or self.cold_because is not None:
            return
        self._lives -= 1
        try:
            orders = {**asdict(self._warmth), "arguments": self._arguments}
            self._zygote = _Zygote(orders, python=self._command, env=self._env, folder=self._folder)
        except OSError as error:
            self.cold_because = f"the warm process could not be started ({error})"

    def _drop(self) -> None:
        if self._zygote is not None:
            self._zygote.close()
            self._zygote = None


class _GoneError(Exception):
    """The warm process no longer answers."""


class _UnfitError(Exception):
    """The warm process could not get ready, and never will."""


class _Zygote:
    """One warm process, from the other end of its socket."""

    def __init__(self, orders: Mapping[str, Any], *, python: Sequence[str], env: Mapping[str, str], folder: str):
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ready = False
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - this Python
                [*python[: python.index("-m")], "-m", "reviewlib.press.zygote", str(theirs.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=dict(env),
                cwd=folder,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        told = cast(IO[bytes], self._process.stdin)
        with contextlib.suppress(OSError):  # it has ended already, which the first question will tell
            told.write(json.dumps(orders).encode())
            told.close()

    def fork(self, request: Mapping[str, Any], streams: Sequence[Any]) -> WarmProcess:
        """Ask for a kernel."""
        if not self._ready:
            try:
                said = self._answer(_START_SECONDS)
            except _GoneError:
                said = {"failed": "it ended meanwhile"}
            if "failed" in said:
                raise _UnfitError(said["failed"])
            self._ready = True
        told, tell = os.pipe()
        try:
            with contextlib.ExitStack() as stack:
                given = [*(_descriptor(stream, number, stack) for number, stream in enumerate(streams)), tell]
                stack.callback(os.close, tell)
                socket.send_fds(self._line, [json.dumps(request).encode()], given)
            said = self._answer(_ANSWER_SECONDS)
            if "failed" in said:
                raise ForgeError(str(said["failed"]))
            return WarmProcess(int(said["pid"]), told)
        except OSError as error:
            os.close(told)
            raise _GoneError(str(error)) from error
        except BaseException:
            os.close(told)
            raise

    def _answer(self, seconds: float) -> dict[str, Any]:
        try:
            packet = self._line.recv(_PACKET) if _readable(self._line.fileno(), seconds) else b""
        except OSError as error:
            raise _GoneError(str(error)) from error
        if not packet:
            raise _GoneError("it does not answer")
        return dict(json.loads(packet))

    def kill(self) -> None:
        """End it at once, with every kernel of it; whoever waits for its answer is told."""
        self._process.kill()

    def close(self) -> None:
        self._line.close()
        self._process.kill()
        self._process.wait()


class WarmProvisioner(LocalProvisioner):
    """Start a kernel from the warm process that the kernel's specification hands over; the ordinary way where there is none."""

    forge = Instance(Forge, allow_none=True)

    async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
        """Start the kernel; the arguments are those of ``LocalProvisioner``."""
        try:
            if self.forge is None:
                raise ForgeError("there is no warm process")
            streams = [options.get(name) for name in ("stdin", "stdout", "stderr")]
            folder = str(options.get("cwd") or Path.cwd())
            process = self.forge.start(cmd, env=options["env"], folder=folder, streams=streams)
        except ForgeError as error:
            if self.forge is not None:
                self.forge.remark = self.forge.remark or str(error)
            return await super().launch_kernel(cmd, **options)
        self.process = cast(Any, process)
        self.pid = self.pgid = process.pid  # it leads a session of its own
        self.cwd = cast(Any, folder)
        return self.connection_info


def _difference(folder: str, other: str, *, env: Mapping[str, str]) -> str | None:
    """Say why imports in one folder come out otherwise than in another, as far as is known; None where they do not.

    Args:
        folder: Where a process works.
        other: Where another one started.
        env: The environment of both.
    """
    if folder == other or os.path.realpath(folder) == os.path.realpath(other):
        return None
    for place in (folder, other):
        for name in _SETTINGS:
            if (Path(place) / name).exists():
                return f"{name} in {place} holds only for what starts there"
    entries = env.get("PYTHONPATH", "")
    if entries and not all(map(os.path.isabs, entries.split(os.pathsep))):
        return "PYTHONPATH names folders that depend on where a process starts"
    return None


def _descriptor(stream: Any, number: int, stack: contextlib.ExitStack) -> int:
    """Turn what ``Popen`` takes as a stream into a descriptor; as in jupyter_client, input that is None has ended."""
    if stream is None and number == 0:
        reader, writer = os.pipe()
        os.close(writer)
        stack.callback(os.close, reader)
        return reader
    if stream == subprocess.DEVNULL:
        null = os.open(os.devnull, os.O_RDWR)
        stack.callback(os.close, null)
        return null
    if stream is None:
        return number
    return stream if isinstance(stream, int) else int(stream.fileno())


def _readable(descriptor: int, timeout: float | None) -> bool:
    """Wait so many seconds, for ever where None, until something can be read."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(None if timeout is None else timeout * 1000))


def unsupported() -> str | None:
    """Say what this platform lacks for a warm process; None where it has everything."""
    if not sys.platform.startswith("linux"):
        return f"this platform ({sys.platform}) has no warm kernels"
    lacks = [name for name, home in (("pidfd_open", os), ("SOCK_SEQPACKET", socket), ("fork", os)) if not hasattr(home, name)]
    if lacks:
        return f"this platform has no {lacks[0]}"
    if not entry_points(group="jupyter_client.kernel_provisioners", name=PROVISIONER):
        return "the package was installed before it had warm kernels; install it again"
    return None
