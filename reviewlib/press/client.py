"""The driver's end of a kernel's sockets: the two that a run without people needs, and no waiting for silence."""

import json
import time
from collections.abc import Sequence
from queue import Empty
from typing import Any, Final

import zmq
from jupyter_client.channels import ZMQSocketChannel
from jupyter_client.client import KernelClient
from traitlets import Type

_REPLY_SECONDS = 1.0  # after which a kernel is asked again, and looked at
_QUIET_SECONDS = 0.2  # after which no status came, because the kernel's broadcasts were not subscribed to in time
#: What a kernel may send for one notebook; all of it stays in the memory of whoever runs it.
OUTPUT_MEGABYTES: Final = 50


class OutputLimitError(Exception):
    """A notebook gave more output than it may."""


class Meter:
    """How much a kernel has sent, over all of its sockets.

    Args:
        megabytes: How much it may send.
    """

    def __init__(self, megabytes: int = OUTPUT_MEGABYTES):
        self._megabytes = megabytes
        self._left = megabytes * 1_000_000

    def add(self, parts: Sequence[bytes]) -> None:
        """Count a message.

        Raises:
            OutputLimitError: It is more than the kernel may send.
        """
        self._left -= sum(map(len, parts))
        if self._left < 0:
            raise OutputLimitError(f"the notebook gave more than {self._megabytes} MB of output")


class MeteredChannel(ZMQSocketChannel):
    """A socket that counts what comes; ``meter`` is shared by those of one kernel."""

    def __init__(self, socket: Any, session: Any, loop: Any = None):
        super().__init__(socket, session, loop)
        self.meter = Meter()

    def _recv(self, **options: Any) -> dict[str, Any]:
        parts = self.socket.recv_multipart(**options)  # type: ignore[union-attr]
        self.meter.add(parts)
        message: dict[str, Any] = self.session.deserialize(self.session.feed_identities(parts)[1])
        return message


class RunClient(KernelClient):
    """Talk to a kernel that runs cells one after another and asks nobody.

    Its thread waits at the sockets, without an event loop: it has nothing else to do, and each turn of a loop costs.
    ``language`` is what the kernel says of its language, once it is ready.
    """

    language: dict[str, Any]

    shell_channel_class = Type(MeteredChannel)  # type: ignore[assignment]
    iopub_channel_class = Type(MeteredChannel)  # type: ignore[assignment]

    def start_channels(
        self, shell: bool = True, iopub: bool = True, stdin: bool = False, hb: bool = False, control: bool = False
    ) -> None:
        """Open the sockets; those for input, heartbeat and control have no use here, and each costs something.

        Raises:
            zmq.ZMQError: One cannot be connected; then none stays open.
        """
        # Else both ends drop, without a word, what more than a thousand messages wait behind.
        self.context.sockopts[zmq.RCVHWM] = 0
        try:
            super().start_channels(shell=shell, iopub=iopub, stdin=stdin, hb=hb, control=control)
        except BaseException:
            self.stop_channels()
            raise
        self.session.unpack = _unpack
        meter = Meter()
        for channel in (self._shell_channel, self._iopub_channel):
            if channel is not None:
                channel.meter = meter

    def stop_channels(self) -> None:
        """Close the sockets that were opened; the inherited way opens the others first."""
        for channel in (self._shell_channel, self._iopub_channel, self._stdin_channel, self._hb_channel, self._control_channel):
            if channel is not None and channel.is_alive():
                channel.stop()
        if self._created_context and not self.context.closed:
            self.context.destroy(linger=100)

    async def is_alive(self) -> bool:
        """Tell whether the kernel's process runs."""
        return await self._async_is_alive()

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel has answered and said that it is idle, and no longer.

        Raises:
            RuntimeError: It died, or did not answer in so many seconds.
        """
        until = time.monotonic() + timeout if timeout is not None else float("inf")
        while True:
            if self._answers(self.kernel_info()):
                return
            if not await self.is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
            if time.monotonic() > until:
                raise RuntimeError(f"Kernel didn't respond in {timeout} seconds")

    def _answers(self, request: str) -> bool:
        try:
            reply = _reply(self.shell_channel, request, kind="kernel_info_reply", seconds=_REPLY_SECONDS)
            self._handle_kernel_info_reply(reply)
            self.language = reply["content"]["language_info"]
            while True:
                status = _reply(self.iopub_channel, request, kind="status", seconds=_QUIET_SECONDS)
                if status["content"]["execution_state"] == "idle":
                    return True
        except Empty:
            return False


def _unpack(packed: bytes) -> Any:
    """Read a part of a message; a header comes without its date, which nobody asks for and which takes long to parse."""
    part = json.loads(packed)
    if isinstance(part, dict) and "msg_id" in part:
        part.pop("date", None)
    return part


def _reply(channel: Any, request: str, *, kind: str, seconds: float) -> dict[str, Any]:
    """Wait for a message of a kind that belongs to a request; others before it are dropped.

    Raises:
        Empty: None came for so many seconds.
    """
    while True:
        message: dict[str, Any] = channel.get_msg(timeout=seconds)
        if message["msg_type"] == kind and message["parent_header"].get("msg_id") == request:
            return message
