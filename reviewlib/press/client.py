"""The driver's end of a kernel's sockets: the two that a run without people needs, and no waiting for silence."""

from __future__ import annotations

import time
from queue import Empty
from typing import Any

import zmq
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from traitlets import Type

_REPLY_SECONDS = 1.0  # after which a kernel is asked again, and looked at
_QUIET_SECONDS = 0.2  # after which no status came, because the kernel's broadcasts were not subscribed to in time


class ReadyFirst(AsyncZMQSocketChannel):
    """A socket whose messages are taken at once where they have arrived: each wait is several turns of the event loop."""

    async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:  # type: ignore[override]
        """Return the next message.

        Raises:
            Empty: None came in so many seconds.
        """
        try:
            return await self._recv(flags=zmq.DONTWAIT)
        except zmq.Again:
            return await super().get_msg(timeout)


class RunClient(AsyncKernelClient):
    """Talk to a kernel that runs cells one after another and asks nobody."""

    shell_channel_class = Type(ReadyFirst)
    iopub_channel_class = Type(ReadyFirst)

    def start_channels(
        self, shell: bool = True, iopub: bool = True, stdin: bool = False, hb: bool = False, control: bool = False
    ) -> None:
        """Open the sockets; those for input, heartbeat and control have no use here, and each costs something."""
        super().start_channels(shell=shell, iopub=iopub, stdin=stdin, hb=hb, control=control)

    def stop_channels(self) -> None:
        """Close the sockets that were opened; the inherited way opens the others first."""
        for channel in (self._shell_channel, self._iopub_channel, self._stdin_channel, self._hb_channel, self._control_channel):
            if channel is not None and channel.is_alive():
                channel.stop()
        if self._created_context and not self.context.closed:
            self.context.destroy(linger=100)

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel has answered and said that it is idle, and no longer.

        Raises:
            RuntimeError: It died, or did not answer in so many seconds.
        """
        until = time.monotonic() + timeout if timeout is not None else float("inf")
        while True:
            if await self._answers(self.kernel_info()):
                return
            if not await self.is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
            if time.monotonic() > until:
                raise RuntimeError(f"Kernel didn't respond in {timeout} seconds")

    async def _answers(self, request: str) -> bool:
        try:
            reply = await _reply(self.shell_channel, request, kind="kernel_info_reply", seconds=_REPLY_SECONDS)
            self._handle_kernel_info_reply(reply)
            while True:
                status = await _reply(self.iopub_channel, request, kind="status", seconds=_QUIET_SECONDS)
                if status["content"]["execution_state"] == "idle":
                    return True
        except Empty:
            return False


async def _reply(channel: Any, request: str, *, kind: str, seconds: float) -> dict[str, Any]:
    """Wait for a message of a kind that belongs to a request; others before it are dropped.

    Raises:
        Empty: None came for so many seconds.
    """
    while True:
        message: dict[str, Any] = await channel.get_msg(timeout=seconds)
        if message["msg_type"] == kind and message["parent_header"].get("msg_id") == request:
            return message
