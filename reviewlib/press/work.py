"""One job, from template to files that are whole and wait to be moved in: what a worker does, here or on another machine."""

import contextlib
import copy
import functools
import gc
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from reviewlib import files
from reviewlib.press.clean import clean, without_folders
from reviewlib.press.client import OutputLimitError
from reviewlib.press.execution import InvalidOutputError, TimeLimitError, execute
from reviewlib.press.export import DEEPEST, too_deep
from reviewlib.press.imports import without_grammar
from reviewlib.press.inspection import inspect_page
from reviewlib.press.jobs import Failure, Job, Outcome, Settings
from reviewlib.press.kernels import Kernels

with without_grammar():
    import nbformat
    import papermill
    from nbclient.exceptions import DeadKernelError
    from nbformat import NotebookNode
    from papermill.exceptions import PapermillExecutionError
    from papermill.parameterize import parameterize_notebook

_LOGGERS = ("papermill", "papermill.translators", "traitlets", "asyncio")
#: How what went wrong in a cell is called, where it is not what the cell raised.
_CALLED: Final = {TimeLimitError: "Timeout", InvalidOutputError: "InvalidOutput", OutputLimitError: "OutputLimit"}
#: How the client's messages begin where a kernel died while it started, for which it has no error of its own.
_NOT_STARTED: Final = ("Kernel died", "Kernel didn't respond")


class NotAcceptedError(Exception):
    """A notebook did not come out whole."""

    def __init__(self, failure: Failure):
        """Keep what is wrong with it."""
        self.failure = failure
        super().__init__(failure.message)


class Station:
    """Where jobs are done: the parsed templates and the kernels of one process."""

    def __init__(self, settings: Settings, kernels: Kernels):
        self.settings = settings
        self.kernels = kernels
        self._template = functools.cache(papermill.iorw.load_notebook_node)

    def make(self, job: Job) -> Outcome:
        """Do one job; whatever goes wrong is in what comes back. Callable from several threads at a time."""
        began = time.monotonic()
        try:
            contents = self._produce(job)
            staged = files.stage(contents, modes=self.settings.modes)
            hashes = {path: files.sha256(content) for path, content in contents.items()}
            return Outcome(job, None, time.monotonic() - began, hashes, staged)
        except NotAcceptedError as error:
            failure = replace(error.failure, cell=_number(error.failure.cell, job, self._template(str(job.template))))
        except Exception as error:  # noqa: BLE001 - whatever one job runs into must not stop the others
            failure = _failure(None, None, type(error).__name__, str(error), folder=_folder(job))
        return Outcome(job, failure, time.monotonic() - began)

    def _produce(self, job: Job) -> dict[Path, str]:
        nb = self._run(job)
        accept(nb)
        page = self.settings.render(nb)
        violations = inspect_page(page, folder=_folder(job))
        if violations:
            message = "the page may not be shared: " + "; ".join(violations)
            raise NotAcceptedError(_failure(None, None, "PageError", message, folder=_folder(job)))
        if job.notebook is None:
            return {job.page: page}
        return {job.notebook: str(nbformat.writes(nb)), job.page: page}  # type: ignore[no-untyped-call]

    def _run(self, job: Job) -> NotebookNode:
        """Run the notebook; once more where its process died, which may have been none of its doing."""
        try:
            return self._execute(job)
        except NotAcceptedError as error:
            if error.failure.error != "DeadKernel" or self.kernels.stopped:
                raise
        return self._execute(job)

    def _execute(self, job: Job) -> NotebookNode:
        """Run a copy of the template; the cell that runs is remembered, because a kernel that dies does not say where."""
        last: list[tuple[int | None, str | None]] = [(None, None)]

        def began(cell: NotebookNode, index: int) -> None:
            last.append((index, cell.source))

        nb = copy.deepcopy(self._template(str(job.template)))
        if job.parameters:
            nb = parameterize_notebook(nb, dict(job.parameters), kernel_name="python3", language="python")
        try:
            nb = execute(
                nb, manager_class=self.kernels.manager_class, folder=_folder(job), seconds=self.settings.timeout, began=began
            )
        except PapermillExecutionError as error:
            failure = _failure(error.cell_index, error.source, error.ename, error.evalue, folder=_folder(job))
            raise NotAcceptedError(failure) from error
        except tuple(_CALLED) as error:
            raise NotAcceptedError(_failure(*last[-1], _CALLED[type(error)], str(error))) from error
        except DeadKernelError as error:
            message = "the Python process of the notebook ended while the cell ran; was there enough memory?"
            raise NotAcceptedError(_failure(*last[-1], "DeadKernel", message)) from error
        except RuntimeError as error:
            if not str(error).startswith(_NOT_STARTED):
                raise
            message = "the Python process of the notebook ended before the first cell"
            raise NotAcceptedError(_failure(None, None, "DeadKernel", message)) from error
        return clean(nb, _folder(job))


@contextlib.contextmanager
def station(settings: Settings, *, at_once: int = 1) -> Iterator[Station]:
    """Have a station with kernels of its own, so many at a time, which end with the block.

    Meanwhile papermill and nbclient do not log what the outcomes say, and what is there already is kept out of the garbage
    collector's rounds, each of which would walk through all of it.

    Raises:
        ReviewError: The system does not let so many run.
    """
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    with Kernels(warm=settings.warm, memory=settings.memory, at_once=at_once) as kernels:
        before = [logger.level for logger in loggers]
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        gc.freeze()
        try:
            yield Station(settings, kernels)
        finally:
            gc.unfreeze()
            gc.collect()  # what nbclient leaves pending when a kernel does not start complains when it is collected
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)


def accept(nb: NotebookNode) -> None:
    """Refuse a run that only looks complete: papermill marks cells as completed whose kernel was gone.

    Raises:
        NotAcceptedError: A cell raised, did not run, showed what no page can be made of, or the last one left no output.
    """
    code = [(index, cell) for index, cell in enumerate(nb.cells) if cell.cell_type == "code" and cell.source.strip()]
    for index, cell in code:
        for output in cell.outputs:
            if output.output_type == "error":
                raise NotAcceptedError(_failure(index, cell.source, output.ename, output.evalue))
            if too_deep(output):
                message = f"the cell showed HTML in which more than {DEEPEST:,} tags stand in each other"
                raise NotAcceptedError(_failure(index, cell.source, "NestedTooDeep", message))
        if cell.execution_count is None:
            raise NotAcceptedError(_failure(index, cell.source, "NotRun", "the cell did not run"))
    if not code or not code[-1][1].outputs:
        raise NotAcceptedError(Failure(None, None, "Incomplete", "the last cell left no output, so the run was cut short"))


def _folder(job: Job) -> Path:
    """The folder that a job's kernel works in."""
    return (job.folder or job.template.parent).resolve()


def _failure(index: int | None, source: str | None, error: str, message: str, *, folder: Path | None = None) -> Failure:
    told = [text and without_folders(text, folder) for text in (source, message)]
    return Failure(cell=index, source=told[0], error=error, message=told[1] or "")


def _number(index: int | None, job: Job, template: NotebookNode) -> int | None:
    """Count a cell of the executed notebook as the template has it: from 1, without the parameters that were injected."""
    if index is None or not job.parameters:
        return None if index is None else index + 1
    declared = next(place for place, cell in enumerate(template.cells) if "parameters" in cell.metadata.get("tags", []))
    return index + 1 if index <= declared else index
