"""The warm process: it has imported what notebooks need, and forks a kernel for each request. Linux only.

``python -m reviewlib.press.zygote DESCRIPTOR`` reads its orders as JSON from its standard input, warms up, and then answers
the requests that come over the socket of that number: one packet each way. It has one thread, so that a fork copies all of
it. Whoever asked hands over the descriptors of the kernel's standard streams and of a pipe, to which the kernel's exit code
is written. When the other end of the socket is closed or its process is gone, this process ends, and every kernel with it.
"""

import atexit
import contextlib
import ctypes
import importlib.util
import json
import os
import random
import select
import signal
import socket
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, cast

from reviewlib.press import early
from reviewlib.press.habits import Habits
from reviewlib.press.warmup import Warm, warm_up

#: Bytes of one packet, and descriptors that come with a request: standard input, output, error and the pipe for the exit code.
PACKET = 1 << 18
DESCRIPTORS = 4
_LONGEST = 300  # characters of an error that are told
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
_C = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Request:
    """A kernel to start: the command of an ordinary one, its arguments after ``python``'s own, environment and folder."""

    command: Sequence[str]
    arguments: Sequence[str]
    env: dict[str, str]
    folder: str


def main() -> None:
    """Warm up as ordered, say so, and serve until nobody listens."""
    # What `python -m` put in front, unless it was told not to; ipykernel's launcher does the same.
    if sys.path[0] == "" or Path(sys.path[0]) == Path.cwd():
        del sys.path[0]
    line = socket.socket(fileno=int(sys.argv[1]))
    line.set_inheritable(False)
    try:
        warm = warm_up(json.load(sys.stdin))
        if threading.active_count() > 1:
            raise RuntimeError(f"{threading.active_count() - 1} threads were left running by what was imported")
    except BaseException as error:
        # In one line that fits a packet and a terminal.
        said = " ".join(str(error)[:_LONGEST].split())
        said = "".join(char if char.isprintable() else "?" for char in said)
        _send(line, {"failed": f"{type(error).__name__}: {said}"})
        raise SystemExit(1) from error
    _send(line, {"ready": os.getpid()})
    _serve(line, warm)


def _serve(line: socket.socket, warm: Warm) -> None:
    """Fork on request and pass exit codes on, until the other side is gone."""
    parent = os.pidfd_open(os.getppid())
    children: dict[int, tuple[int, int]] = {}
    habits = Habits()
    poll = select.poll()
    for descriptor in (line.fileno(), parent):
        poll.register(descriptor, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor in children:
                poll.unregister(descriptor)
                _bury(descriptor, *children.pop(descriptor))
            elif descriptor == parent:
                return
            else:
                packet, descriptors, _, _ = socket.recv_fds(line, PACKET, DESCRIPTORS)
                if not packet:
                    return
                habits.look([pid for pid, _ in children.values()])
                pid = _answer(line, Request(**json.loads(packet)), descriptors, warm, habits)
                if pid is not None:
                    ended = os.pidfd_open(pid)
                    children[ended] = (pid, descriptors[-1])
                    poll.register(ended, select.POLLIN)


def _answer(line: socket.socket, request: Request, descriptors: list[int], warm: Warm, habits: Habits) -> int | None:
    """Fork a kernel and say so; return its process id, None where it could not be forked."""

    def kernel() -> None:
        habits.copy()
        _be_kernel(request, descriptors, warm)

    try:
        pid = in_child(kernel)
    except OSError as error:
        _send(line, {"failed": f"no process could be forked: {error.strerror}"})
        _close(descriptors)
        return None
    _close(descriptors[:-1])
    _send(line, {"pid": pid})
    return pid


def _bury(ended: int, pid: int, told: int) -> None:
    """Collect a kernel that has ended, and tell its exit code."""
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(OSError):  # nobody reads any more
        os.write(told, str(os.waitstatus_to_exitcode(status)).encode())
    _close([ended, told])


def _send(line: socket.socket, message: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # the other side is gone, and the next read will say so
        line.send(json.dumps(message).encode())


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def in_child(work: Callable[[], None]) -> int:
    """Fork a process that dies with this one, does the work and exits; return its id.

    Raises:
        OSError: No process can be forked.
    """
    parent = os.getpid()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of threads, and those of the linear algebra libraries survive forks
        pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _C.prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() == parent:
            work()
            code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001 - nothing of this process may run on in the copy
        traceback.print_exc(file=sys.__stderr__)
    finally:
        os._exit(code)


def _be_kernel(request: Request, descriptors: Sequence[int], warm: Warm) -> None:
    """Become the kernel that the command would have started, with nothing of this process but what it imported."""
    os.setsid()
    for number, descriptor in enumerate(descriptors[:-1]):
        os.dup2(descriptor, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.environ.clear()
    os.environ.update(request.env | dict(warm.env), JPY_PARENT_PID=str(os.getppid()))
    os.chdir(request.folder)
    cast(Any, threading.main_thread())._set_native_id()  # Python leaves it the warm process's
    _draw_anew()
    spec = importlib.util.find_spec("ipykernel_launcher")
    sys.argv = [str(spec.origin if spec else "ipykernel_launcher"), *request.arguments]
    sys.orig_argv = list(request.command)
    _run_kernel(request.arguments[early.FILE], warm)


def _draw_anew() -> None:
    """Let no two kernels draw the same random numbers."""
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
    process = sys.modules.get("multiprocessing.process")
    if process is not None:
        process.current_process().authkey = os.urandom(32)


def _run_kernel(connection_file: str, warm: Warm) -> None:
    from reviewlib.press.streams import flush_once

    flush_once()
    app: Any = warm.app
    with _no_list_of_modules():
        early.begin(app, connection_file)
    # What `%reset` leaves alone; listed anew only where there is something new.
    app.shell._sys_modules_keys = warm.modules if len(warm.modules) == len(sys.modules) else set(sys.modules)
    warm.meet_shell()
    app.start()
    atexit._run_exitfuncs()
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            stream.flush()


@contextlib.contextmanager
def _no_list_of_modules() -> Iterator[None]:
    """Keep ipykernel and IPython from listing all modules: looking at one, or at its name, copies its page."""
    from ipykernel import ipkernel
    from IPython.core import shellapp

    theirs: tuple[Any, ...] = (ipkernel, shellapp)
    for module in theirs:
        module.sys = _NoModules()
    try:
        yield
    finally:
        for module in theirs:
            module.sys = sys


class _NoModules:
    """The module ``sys``, but for its list of modules."""

    modules: ClassVar[dict[str, ModuleType]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(sys, name, value)


if __name__ == "__main__":
    main()
