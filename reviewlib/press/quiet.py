"""The kernel that is forked: ipykernel's, but it broadcasts nothing that its only listener does not use.

Each message costs both sides; a cell that shows one thing has six, and two of them say that it was asked for and has begun.
"""

from __future__ import annotations

from typing import Any

from ipykernel.ipkernel import IPythonKernel


class QuietKernel(IPythonKernel):
    """Says what a cell shows, and when it is done."""

    def _publish_execute_input(self, code: str, parent: dict[str, Any], execution_count: int) -> None:
        """The code comes from whoever listens; the count is in the reply too."""

    def _publish_status(self, status: str, channel: str, parent: dict[str, Any] | None = None) -> None:
        if status != "busy":
            super()._publish_status(status, channel, parent)  # type: ignore[no-untyped-call]
