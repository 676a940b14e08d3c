"""papermill's execution of one notebook: its cells one after another, in a kernel of its own, within a time limit for all."""

import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, cast

import zmq
from jupyter_client.manager import AsyncKernelManager

from reviewlib.press.imports import without_grammar

with without_grammar():
    import nbformat
    from nbclient.exceptions import CellExecutionComplete, CellExecutionError, DeadKernelError
    from nbclient.util import run_sync
    from nbformat import NotebookNode
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import Engine, NotebookExecutionManager
    from papermill.execute import raise_for_execution_errors

#: Called with each cell that begins and its place.
Began = Callable[[NotebookNode, int], None]
#: Seconds after a cell's end, or after an output that came later, in which the next must have come.
LATE: Final = 30
#: Seconds of silence after which it is looked whether the kernel is still there.
_SILENCE: Final = 1.0
_SHOWN: Final = ("display_data", "execute_result")


class InvalidOutputError(Exception):
    """A cell showed what no notebook can hold."""


class TimeLimitError(Exception):
    """A notebook was not done in time; the message says what was awaited."""


def execute(
    nb: NotebookNode, *, manager_class: type[AsyncKernelManager], folder: Path, seconds: float, began: Began | None = None
) -> NotebookNode:
    """Run a notebook in place and return it.

    What ``papermill.execute_notebook`` does beside this is to read, check and write the notebook once more.

    Args:
        nb: The notebook; its parameters are in it.
        manager_class: What starts and ends the kernel.
        folder: Where the kernel works.
        seconds: How long the cells may take together; nobody is charged for waiting until a process could be had.
        began: Told of each cell that begins.

    Raises:
        PapermillExecutionError: A cell raised.
        TimeLimitError: It took too long.
        InvalidOutputError: A cell showed what no notebook can hold.
        OutputLimitError: It gave too much.
        DeadKernelError: The kernel ended while a cell ran.
        RuntimeError: The kernel did not start.
    """
    done: NotebookNode = _Engine.execute_notebook(
        nb,
        "python3",
        progress_bar=False,
        autosave_cell_every=0,
        store_widget_state=True,  # where a cell fills an Output widget, nbclient looks for its state; none is written
        record_timing=False,
        shutdown_kernel="immediate",  # it has nothing to save
        kernel_manager_class=manager_class,
        # Not papermill's cwd, which changes the folder of the whole process and so of every thread.
        resources={"metadata": {"path": str(folder)}},
        seconds=seconds,
        began=began,
    )
    raise_for_execution_errors(done, None)
    return done


class _Engine(Engine):  # type: ignore[misc]
    """papermill's own engine, but for the client."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: NotebookExecutionManager, kernel_name: str, *, seconds: float, began: Began | None, **traits: Any
    ) -> None:
        traits.pop("log_output", None)
        log = logging.getLogger("papermill")
        _Execution(nb_man, kernel_name=kernel_name, log=log, seconds=seconds, began=began, **traits).execute()


class _Execution(PapermillNotebookClient):  # type: ignore[misc]
    """papermill's client, but that its thread itself waits at the sockets; nbclient's loop takes more than twice the time."""

    def __init__(self, nb_man: NotebookExecutionManager, *, seconds: float, began: Began | None, **traits: Any):
        super().__init__(nb_man, **traits)
        self._seconds = seconds
        self._began = began
        self._until = float("inf")

    def execute(self, **options: Any) -> NotebookNode:
        """Run the cells; papermill then asks the kernel once more what it is, which it has said when it was started."""
        self.reset_execution_trackers()
        with self.setup_kernel(**options):
            self.papermill_execute_cells()
            self.nb.metadata["language_info"] = self.kc.language
        return cast(NotebookNode, self.nb)

    def execute_cell(self, cell: NotebookNode, cell_index: int, *_: Any, **__: Any) -> NotebookNode:
        """Run one cell.

        Raises:
            CellExecutionError: It raised.
            InvalidOutputError: It showed what no notebook can hold.
        """
        skipped = self.skip_cells_with_tag in cell.metadata.get("tags", [])
        if skipped or cell.cell_type != "code" or not cell.source.strip():
            return cell
        cell.metadata.papermill["start_time"] = None  # papermill would parse it to tell how long the cell took
        if self._began:
            self._began(cell, cell_index)
        self._until = min(self._until, time.monotonic() + self._seconds)
        cell.outputs = []
        self.clear_before_next_output = False
        answer = self._answer(self.kc.execute(cell.source), cell, cell_index)
        cell.execution_count = answer.get("execution_count")
        if answer["status"] == "error":
            raise CellExecutionError.from_cell_and_msg(cell, answer)
        _check(cell.outputs)
        return cell

    def _answer(self, request: str, cell: NotebookNode, index: int) -> dict[str, Any]:
        """Take everything that a cell gives; return what the kernel says at its end, which may come before the last output."""
        answer: dict[str, Any] | None = None
        idle, until = False, self._until
        while answer is None or not idle:
            for message in self._arrived(until, done=answer is not None):
                if message["parent_header"].get("msg_id") != request:
                    continue
                if message["msg_type"] == "execute_reply":
                    answer = message["content"]
                elif not idle:
                    idle = self._take(message, cell, index)
                if answer is not None:
                    until = time.monotonic() + min(LATE, self._seconds)
        return answer

    def _arrived(self, until: float, *, done: bool) -> Iterable[dict[str, Any]]:
        """Wait for messages, and return what has come; nothing after a moment of silence.

        Raises:
            TimeLimitError: Nothing came in time.
            DeadKernelError: Nothing came, and nothing will.
        """
        left = until - time.monotonic()
        if left <= 0:
            raise TimeLimitError(
                "the output of the cell did not arrive" if done else f"not done after {self._seconds:g} seconds"
            )
        channels = {channel.socket: channel for channel in (self.kc.iopub_channel, self.kc.shell_channel)}
        ready = zmq.select(list(channels), [], [], min(left, _SILENCE))[0]
        if not ready and not run_sync(self.kc.is_alive)():
            raise DeadKernelError("Kernel died")
        return (channels[socket].get_msg() for socket in ready)

    def _take(self, message: dict[str, Any], cell: NotebookNode, index: int) -> bool:
        """Do with a message what nbclient does; tell whether it was the last."""
        try:
            self.process_message(message, cell, index)
        except CellExecutionComplete:
            return True
        return False

    def output(self, outs: list[NotebookNode], msg: dict[str, Any], display_id: str | None, cell_index: int) -> Any:
        """Keep an output; one that is only shown is checked later, with the others of its cell, in a fraction of the time."""
        hooked = self.output_hook_stack[msg["parent_header"]["msg_id"]]
        if hooked or display_id or self.clear_before_next_output or msg["msg_type"] not in _SHOWN:
            return super().output(outs, msg, display_id, cell_index)
        content = msg["content"]
        fields = {name: content[name] for name in ("data", "metadata", "execution_count") if name in content}
        outs.append(nbformat.from_dict({"output_type": msg["msg_type"], **fields}))  # type: ignore[no-untyped-call]
        return outs[-1]


def _check(outputs: list[NotebookNode]) -> None:
    """Look whether a notebook can hold the outputs.

    Raises:
        InvalidOutputError: It cannot; what was shown is not in the message, because others read that.
    """
    cell: dict[str, Any] = {"id": "any", "cell_type": "code", "metadata": {}, "source": "", "execution_count": None}
    try:
        nbformat.validate({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell | {"outputs": outputs}]})
    except nbformat.ValidationError:
        raise InvalidOutputError("what the cell showed is no output that a notebook can hold") from None
