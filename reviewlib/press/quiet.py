"""The kernel of a run: ipykernel's, but it broadcasts nothing that its only listener has no use for, and drops nothing.

Each message costs both sides; a cell that shows one thing has six, and two of them say that it was asked for and has begun.
Where output comes faster than it is read, a socket that broadcasts drops what is too much, without a word; this one waits.
"""

from typing import Any

import zmq
from ipykernel.ipkernel import IPythonKernel


class QuietKernel(IPythonKernel):
    """Says what a cell shows, all of it, and when it is done."""

    def start(self) -> None:
        """Begin to serve."""
        thread: Any = self.iopub_thread
        thread.schedule(lambda: thread.socket.setsockopt(zmq.XPUB_NODROP, 1))
        super().start()  # type: ignore[no-untyped-call]

    def _publish_execute_input(self, code: str, parent: dict[str, Any], execution_count: int) -> None:
        """The code comes from whoever listens; the count is in the reply too."""

    def _publish_status(self, status: str, channel: str, parent: dict[str, Any] | None = None) -> None:
        if status != "busy":
            super()._publish_status(status, channel, parent)  # type: ignore[no-untyped-call]
