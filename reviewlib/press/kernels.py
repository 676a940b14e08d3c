"""Kernels of one run: each behind sockets of its own in a private folder, and all of them to be stopped at once.

TCP ports collide when several kernels start together, and kernels that share a socket name talk to each other's clients.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.client import KernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from traitlets import DottedObjectName, Type, default

from reviewlib import files
from reviewlib.press.client import RunClient
from reviewlib.press.limits import allow_files, limit_memory
from reviewlib.press.warm import PROVISIONER, Forge, Warmth, unsupported

_SOCKET_PATH_BYTES = 100  # the kernel of Linux allows 107, of macOS 103
_SOCKET_NAME_BYTES = 68
_PREFIX = "review-"
#: Nothing is ever typed in, so nothing is to be remembered; the kernel drops no output.
_ARGUMENTS = ("--HistoryManager.enabled=False", "--IPKernelApp.kernel_class=reviewlib.press.quiet.QuietKernel")
_END_SECONDS = 5.0  # in which a kernel that was killed is gone


class Kernels:
    """The kernels of one run; leaving the ``with`` block stops them and removes their sockets.

    ``manager_class`` is what nbclient starts kernels with.

    Args:
        warm: What a warm process imports and prepares, from which the kernels are forked; ordinary kernels where None.
        memory: Bytes of data that one kernel may have, what it imports included; where the platform can limit that.
        at_once: How many run at a time.

    Raises:
        ReviewError: On entering the block: the system allows too few open files for so many.
    """

    def __init__(self, *, warm: Warmth | None = None, memory: int | None = None, at_once: int = 1) -> None:
        self.stopped = False
        self._warm = warm
        self._memory = memory
        self._at_once = at_once
        self._held = contextlib.ExitStack()
        self._running: set[AsyncKernelManager] = set()
        self._lock = threading.Lock()
        self._forge: Forge | None = None
        self._cold_because: str | None = None

    @property
    def cold_because(self) -> str | None:
        """Why kernels, or some of them, start the ordinary way although warm ones were asked for; None where none does."""
        return self._cold_because or (self._forge.cold_because or self._forge.remark if self._forge is not None else None)

    def __enter__(self) -> Kernels:
        allow_files(self._at_once)
        place = tempfile.gettempdir()
        if sys.platform != "win32" and len(os.fsencode(place)) + _SOCKET_NAME_BYTES > _SOCKET_PATH_BYTES:
            place = "/tmp"  # noqa: S108 - paths of sockets fit there, and the folder made in it is private
        files.sweep_unclaimed(Path(place).glob(f"{_PREFIX}*"))
        own = tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-", dir=place, ignore_cleanup_errors=True)
        folder = Path(self._held.enter_context(own))
        self._held.enter_context(files.claimed(folder))
        # Nobody looks on: a run that is started in a notebook must not pass on that it is one.
        env = {name: value for name, value in os.environ.items() if name != "JPY_SESSION_NAME"}
        spec = get_kernel_dict()
        if self._warm is not None:
            self._cold_because = unsupported()
            if self._cold_because is None:
                command = spec["argv"][: spec["argv"].index("-f")]
                self._forge = Forge(self._warm, command=command, arguments=_ARGUMENTS, env=env)
                self._held.callback(self._forge.close)
                self._forge.begin()
                spec["metadata"]["kernel_provisioner"] = {"provisioner_name": PROVISIONER, "config": {"forge": self._forge}}
        self.manager_class = _manager_class(folder, self, spec=spec, env=env, memory=self._memory)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        self._held.close()

    def stop(self) -> None:
        """Kill every kernel that runs and let none start any more; callable from any thread."""
        if self._forge is not None:
            self._forge.give_up()
        with self._lock:
            self.stopped = True
            for manager in self._running:
                _kill(manager)

    def started(self, manager: AsyncKernelManager) -> None:
        """Remember a kernel that runs; one that started while the run was being stopped is killed."""
        with self._lock:
            self._running.add(manager)
            if self.stopped:
                _kill(manager)

    def ended(self, manager: AsyncKernelManager) -> None:
        """Forget a kernel that was shut down."""
        with self._lock:
            self._running.discard(manager)


def _manager_class(
    folder: Path, kernels: Kernels, *, spec: Mapping[str, Any], env: Mapping[str, str], memory: int | None
) -> type[AsyncKernelManager]:
    class PrivateKernelManager(AsyncKernelManager):
        """Start this Python's kernel behind sockets that no other kernel can have."""

        client_class = DottedObjectName(f"{RunClient.__module__}.{RunClient.__qualname__}")
        client_factory = Type(klass=KernelClient, default_value=RunClient)

        @default("transport")
        def _private_transport(self) -> str:
            return "tcp" if sys.platform == "win32" else "ipc"

        @default("connection_file")
        def _private_connection_file(self) -> str:
            # The names of the IPC sockets follow from it, so they are unique too.
            return str(folder / f"{uuid.uuid4().hex}.json")

        @property
        def kernel_spec(self) -> KernelSpec:
            # A kernel named python3 of somebody's home folder may be another Python without our packages.
            return KernelSpec(resource_dir="", **spec)

        async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]
            options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": dict(env), **options}
            # Not nbclient's arguments, which would have the history elsewhere; warm kernels take only what all have in common.
            options["extra_arguments"] = list(_ARGUMENTS)
            try:
                await cast(Any, super().start_kernel)(**options)
                process = getattr(self.provisioner, "process", None)
                if memory is not None and process is not None:
                    limit_memory(process.pid, memory)
            except BaseException:
                # Nobody cleans up after a kernel that did not start, and a socket that stays open is waited for without end.
                await self.cleanup_resources()
                raise
            kernels.started(self)

        async def shutdown_kernel(self, now: bool = False, restart: bool = False) -> None:  # type: ignore[override]
            if now:
                # The inherited way interrupts it first, and looks ten times a second whether it has ended.
                _kill(self)
                process = getattr(self.provisioner, "process", None)
                if process is not None:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(timeout=_END_SECONDS)
            await cast(Any, super().shutdown_kernel)(now=now, restart=restart)

        async def cleanup_resources(self, restart: bool = False) -> None:  # type: ignore[override]
            _kill(self)  # the kernel itself has ended, unless it did not start properly
            await cast(Any, super().cleanup_resources)(restart=restart)
            if not restart:
                kernels.ended(self)

    return PrivateKernelManager


def _kill(manager: AsyncKernelManager) -> None:
    """Kill a kernel, which may have ended, and what it started and left running."""
    process = getattr(manager.provisioner, "process", None)
    group = getattr(manager.provisioner, "pgid", None)
    if group is not None and group == getattr(manager.provisioner, "pid", None):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    if process is not None and process.poll() is None:
        process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
