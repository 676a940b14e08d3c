"""Run many notebooks side by side with papermill, each with parameters of its own, and keep only what came out whole."""

from __future__ import annotations

import contextlib
import copy
import gc
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path

import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

from reviewlib import files
from reviewlib.errors import ReviewError
from reviewlib.press.clean import clean, without_folders
from reviewlib.press.inspection import inspect_page
from reviewlib.press.kernels import Kernels

_LOGGERS = ("papermill", "papermill.translators", "traitlets", "asyncio")


@dataclass(frozen=True)
class Job:
    """One notebook to run.

    Args:
        key: What the caller knows the job by.
        template: The notebook to run.
        parameters: Values for the cell tagged ``parameters``, text only.
        notebook: Where the executed notebook goes; None where nobody needs it.
        page: Where the page goes.
        problem: Where the page about a failure goes.
        labels: Whatever the caller wants to find again in the outcome.
        folder: The folder the kernel works in; the template's own where None, as in JupyterLab.
    """

    key: str
    template: Path
    parameters: Mapping[str, str]
    notebook: Path | None
    page: Path
    problem: Path
    labels: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None


@dataclass(frozen=True)
class Failure:
    """Why a job failed; ``cell`` counts the cells of the template from 1, and is None where no cell is to blame."""

    cell: int | None
    source: str | None
    error: str
    message: str


@dataclass(frozen=True)
class Outcome:
    """What became of a job; nothing was moved in where it failed."""

    job: Job
    failure: Failure | None
    seconds: float


Render = Callable[[NotebookNode, Job], str]
Problem = Callable[[Job, Failure], str]


@dataclass(frozen=True)
class _Run:
    templates: Mapping[Path, NotebookNode]
    kernels: Kernels
    timeout: float
    render: Render
    problem: Problem
    modes: files.Modes


class _NotAcceptedError(Exception):
    def __init__(self, failure: Failure):
        self.failure = failure
        super().__init__(failure.message)


def run(
    jobs: Sequence[Job],
    *,
    workers: int,
    timeout: float,
    render: Render,
    on_done: Callable[[Outcome], None],
    problem: Problem,
    modes: files.Modes = files.PRIVATE,
) -> tuple[Outcome, ...]:
    """Run the jobs and return their outcomes in the jobs' order.

    A job that fails leaves its problem page and whatever an earlier run left; the others go on. ``on_done`` is called in the
    caller's thread, as jobs end. Interrupted, kernels are stopped, and what was finished stays.

    Args:
        jobs: Their pages and notebooks must not share a path.
        workers: How many kernels run at a time.
        timeout: Seconds that one cell may take.
        render: Makes the page of an executed, cleaned notebook; called in a worker's thread.
        on_done: Told of each outcome.
        problem: Makes the page about a failure.
        modes: Who may read what is written.

    Raises:
        ReviewError: A template, a parameter or a path is wrong; nothing ran.
    """
    templates = {path: load_template(path) for path in dict.fromkeys(job.template for job in jobs)}
    _check(jobs, templates)
    with _quiet(), Kernels() as kernels:
        work = _Run(templates, kernels, timeout, render, problem, modes)
        pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="review")
        told: set[Future[Outcome]] = set()
        try:
            futures = [pool.submit(_do, job, work) for job in jobs]
            for future in as_completed(futures):
                told.add(future)
                on_done(future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            kernels.stop()
            pool.shutdown(wait=True)
            _tell_finished(futures, told, on_done)
            raise
        finally:
            pool.shutdown(wait=True)
        return _results(futures)


def _tell_finished(futures: Sequence[Future[Outcome]], told: set[Future[Outcome]], on_done: Callable[[Outcome], None]) -> None:
    """Tell of the jobs that still came through while the run was being stopped."""
    for future in futures:
        if future not in told and future.done() and not future.cancelled() and future.exception() is None:
            on_done(future.result())


def _results(futures: Sequence[Future[Outcome]]) -> tuple[Outcome, ...]:
    return tuple(future.result() for future in futures)


def _do(job: Job, work: _Run) -> Outcome:
    began = time.monotonic()
    failure: Failure | None = None
    try:
        _produce(job, work)
    except _NotAcceptedError as error:
        failure = replace(error.failure, cell=_number(error.failure.cell, job, work.templates[job.template]))
    except Exception as error:  # noqa: BLE001 - whatever one job runs into must not stop the others
        failure = Failure(cell=None, source=None, error=type(error).__name__, message=without_folders(str(error)))
    if failure is not None:
        if work.kernels.stopped:
            raise CancelledError(job.key)
        _report(job, failure, work)
    return Outcome(job=job, failure=failure, seconds=time.monotonic() - began)


def _produce(job: Job, work: _Run) -> None:
    nb = _execute(job, work)
    _accept(nb)
    page = work.render(nb, job)
    violations = inspect_page(page)
    if violations:
        raise _NotAcceptedError(Failure(None, None, "PageError", "the page may not be shared: " + "; ".join(violations)))
    contents: dict[Path, str | bytes] = {} if job.notebook is None else {job.notebook: _text(nb)}
    files.write_all({**contents, job.page: page}, modes=work.modes)
    job.problem.unlink(missing_ok=True)


def _execute(job: Job, work: _Run) -> NotebookNode:
    """Run a copy of the template; the cell that runs is remembered, because a kernel that dies does not say where."""
    last: list[tuple[int | None, str | None]] = [(None, None)]
    try:
        nb = papermill.execute_notebook(
            copy.deepcopy(work.templates[job.template]),
            None,
            parameters=dict(job.parameters),
            kernel_name="python3",
            language="python",
            progress_bar=False,
            request_save_on_cell_execute=False,
            autosave_cell_every=0,
            execution_timeout=max(1, math.ceil(work.timeout)),
            store_widget_state=False,
            shutdown_kernel="immediate",  # it has nothing to save
            kernel_manager_class=work.kernels.manager_class,
            # Not papermill's cwd, which changes the folder of the whole process and so of every thread.
            resources={"metadata": {"path": str((job.folder or job.template.parent).resolve())}},
            on_cell_execute=lambda cell, cell_index: last.append((cell_index, cell.source)),
        )
    except PapermillExecutionError as error:
        raise _NotAcceptedError(_failure(error.cell_index, error.source, error.ename, error.evalue)) from error
    except CellTimeoutError as error:
        message = f"the cell was not done after {work.timeout:g} seconds"
        raise _NotAcceptedError(_failure(*last[-1], "Timeout", message)) from error
    except DeadKernelError as error:
        message = "the Python process of the notebook ended while the cell ran; was there enough memory?"
        raise _NotAcceptedError(_failure(*last[-1], "DeadKernel", message)) from error
    return clean(nb)


def _accept(nb: NotebookNode) -> None:
    """Refuse a run that only looks complete: papermill marks cells as completed whose kernel was gone."""
    code = [(index, cell) for index, cell in enumerate(nb.cells) if cell.cell_type == "code" and cell.source.strip()]
    for index, cell in code:
        for output in cell.outputs:
            if output.output_type == "error":
                raise _NotAcceptedError(_failure(index, cell.source, output.ename, output.evalue))
        if cell.execution_count is None:
            raise _NotAcceptedError(_failure(index, cell.source, "NotRun", "the cell did not run"))
    if not code or not code[-1][1].outputs:
        raise _NotAcceptedError(Failure(None, None, "Incomplete", "the last cell left no output, so the run was cut short"))


def _failure(index: int | None, source: str | None, error: str, message: str) -> Failure:
    return Failure(cell=index, source=source and without_folders(source), error=error, message=without_folders(message))


def _number(index: int | None, job: Job, template: NotebookNode) -> int | None:
    """Count a cell of the executed notebook as the template has it: from 1, without the parameters that were injected."""
    if index is None or not job.parameters:
        return None if index is None else index + 1
    declared = next(place for place, cell in enumerate(template.cells) if "parameters" in cell.metadata.get("tags", []))
    return index + 1 if index <= declared else index


def _text(nb: NotebookNode) -> str:
    return str(nbformat.writes(nb))  # type: ignore[no-untyped-call]


def _report(job: Job, failure: Failure, work: _Run) -> None:
    # The outcome names the failure in any case, also where the disk is full.
    with contextlib.suppress(OSError):
        files.write(job.problem, work.problem(job, failure), modes=work.modes)


def load_template(path: Path) -> NotebookNode:
    """Read a notebook.

    Raises:
        ReviewError: It is not there, or is no notebook.
    """
    try:
        nb: NotebookNode = papermill.iorw.load_notebook_node(str(path))
    except FileNotFoundError:
        raise ReviewError(
            "the notebook is not there", where=str(path), do="correct the path, or restore the notebook"
        ) from None
    except (ValueError, nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise ReviewError(
            "this is not a notebook", where=str(path), found=str(error)[:200], do="restore the notebook"
        ) from error
    return nb


def _check(jobs: Sequence[Job], templates: Mapping[Path, NotebookNode]) -> None:
    places: dict[str, str] = {}
    for job in jobs:
        known = _parameters(templates[job.template])
        for name, value in job.parameters.items():
            # Anything but text would have to be written as code, and some of it would then run.
            if name not in known or not isinstance(value, str):
                raise ReviewError(
                    "this parameter cannot be passed to the notebook",
                    where=f"{job.key}: {job.template.name}",
                    found=f"{name} ({type(value).__name__})",
                    do=f"pass text for {', '.join(sorted(known)) or 'nothing: no cell is tagged parameters'}",
                )
        for path in (job.notebook, job.page):
            if path is not None and places.setdefault(str(path).casefold(), job.key) != job.key:
                raise ReviewError(
                    "two jobs would write one file", where=path.name, found=f"{places[str(path).casefold()]}, {job.key}"
                )


def _parameters(nb: NotebookNode) -> set[str]:
    cells = [cell for cell in nb.cells if "parameters" in cell.metadata.get("tags", [])]
    lines = [line.split("=")[0].strip() for cell in cells for line in cell.source.splitlines() if "=" in line]
    return {name for name in lines if name.isidentifier()}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep papermill and nbclient from logging what the outcomes say."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        yield
    finally:
        gc.collect()  # what nbclient leaves pending when a kernel dies complains when it is collected
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
