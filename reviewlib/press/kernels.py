"""Kernels of one run: each behind sockets of its own in a private folder, and all of them to be stopped at once.

TCP ports collide when several kernels start together, and kernels that share a socket name talk to each other's clients.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from traitlets import default

_SOCKET_PATH_BYTES = 100  # the kernel of Linux allows 107, of macOS 103
_SOCKET_NAME_BYTES = 68


class Kernels:
    """The kernels of one run; leaving the ``with`` block stops them and removes their sockets.

    ``manager_class`` is what nbclient starts kernels with.
    """

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._running: set[AsyncKernelManager] = set()
        self._lock = threading.Lock()
        self.stopped = False

    def __enter__(self) -> Kernels:
        self._folder = tempfile.TemporaryDirectory(
            prefix=f"review-{os.getpid()}-", dir=_short_folder(), ignore_cleanup_errors=True
        )
        self.manager_class = _manager_class(Path(self._folder.name), self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        if self._folder is not None:
            self._folder.cleanup()

    def stop(self) -> None:
        """Kill every kernel that runs and let none start any more; callable from any thread."""
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


def _manager_class(folder: Path, kernels: Kernels) -> type[AsyncKernelManager]:
    class PrivateKernelManager(AsyncKernelManager):
        """Start this Python's kernel behind sockets that no other kernel can have."""

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
            return KernelSpec(resource_dir="", **get_kernel_dict())

        async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]
            # Nobody looks on: a run that is started in a notebook must not pass on that it is one.
            env = {
                name: value for name, value in (options.pop("env", None) or os.environ).items() if name != "JPY_SESSION_NAME"
            }
            await cast(Any, super().start_kernel)(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env, **options)
            kernels.started(self)

        async def cleanup_resources(self, restart: bool = False) -> None:  # type: ignore[override]
            await cast(Any, super().cleanup_resources)(restart=restart)
            if not restart:
                kernels.ended(self)

    return PrivateKernelManager


def _kill(manager: AsyncKernelManager) -> None:
    process = getattr(manager.provisioner, "process", None)
    if process is not None and process.poll() is None:
        process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))


def _short_folder() -> str | None:
    """Name a folder where socket paths fit; None is the system's temporary folder."""
    if len(tempfile.gettempdir()) + _SOCKET_NAME_BYTES <= _SOCKET_PATH_BYTES or sys.platform == "win32":
        return None
    return "/tmp"  # noqa: S108 - the folder made in it is private
