"""Run many notebooks side by side, each with parameters of its own, and publish only what came out whole.

Who does jobs is a pool: threads of this process here, the workers of a cluster in ``cluster``; the seam is an executor. They
stage files beside their places; moving them in is left to the one process that began the run.
"""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace

from reviewlib import files
from reviewlib.errors import ReviewError
from reviewlib.press.clean import without_folders
from reviewlib.press.jobs import Contents, Failure, Job, Outcome, Settings, check_parameters, declared_in
from reviewlib.press.work import station

_INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


def blame(error: Exception) -> Failure:
    """Make a failure of whatever went wrong outside the notebook."""
    return Failure(None, None, type(error).__name__, without_folders(str(error)))


@dataclass(frozen=True)
class Pool:
    """Who does the jobs.

    Args:
        executor: Where they are done.
        make: Does one; called through the executor.
        stop: Ends what runs; callable from any thread.
        remark: What should be known of how they were done; None where all went as asked.
        blame: Says why a job came back without a result; raises where the run cannot go on.
    """

    executor: Executor
    make: Callable[[Job], Outcome]
    stop: Callable[[], None]
    remark: Callable[[], str | None]
    blame: Callable[[Exception], Failure] = blame


@contextlib.contextmanager
def threads(settings: Settings, *, workers: int) -> Iterator[Pool]:
    """Do jobs in this process, so many at a time.

    Raises:
        ReviewError: The system does not let so many run.
    """
    with station(settings, at_once=workers) as own, ThreadPoolExecutor(workers, thread_name_prefix="press") as executor:
        try:
            yield Pool(executor, own.make, own.kernels.stop, lambda: own.kernels.cold_because)
        finally:
            own.kernels.stop()


@dataclass(frozen=True)
class Press:
    """What a run does with what the pool made.

    Args:
        problem: Makes the page about a failure.
        beside: Makes what belongs beside a page and moves in together with it, by place.
        on_moving: Told of each outcome before its files are moved in; where it raises, they are not, and the job has failed.
        on_done: Told of each outcome, in the caller's thread.
        modes: Who may read what is written.
    """

    problem: Callable[[Job, Failure], str]
    beside: Callable[[Job], Contents] = lambda job: {}
    on_moving: Callable[[Outcome], None] = lambda outcome: None
    on_done: Callable[[Outcome], None] = lambda outcome: None
    modes: files.Modes = files.PRIVATE


def run(jobs: Sequence[Job], pool: Pool, press: Press) -> tuple[Outcome, ...]:
    """Run jobs that passed ``check`` and return their outcomes in the jobs' order.

    A job that fails leaves its problem page and whatever an earlier run left; the others go on. Interrupted, what runs is
    stopped, and what was finished stays and is told.
    """
    done: dict[Future[Outcome], Outcome] = {}
    futures: dict[Future[Outcome], Job] = {}
    try:
        for job in jobs:
            futures[pool.executor.submit(pool.make, job)] = job
        for future in as_completed(futures):
            with _undisturbed():
                done[future] = _settle(_made(future, futures[future], pool), press)
                press.on_done(done[future])
    except BaseException:
        with _undisturbed():
            for future in futures:
                future.cancel()
            pool.stop()
            # What still came through is published and told; the others were cut short.
            for future, job in futures.items():
                if future not in done and not future.cancelled():
                    made = _made(future, job, pool)
                    if made.failure is None:
                        press.on_done(_settle(made, press))
        raise
    return tuple(done[future] for future in futures)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Put off an interrupt until what was begun is finished: a job is settled wholly or not at all, a run stopped once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    handlers = {number: signal.signal(number, lambda number, frame: arrived.append(number)) for number in _INTERRUPTS}
    try:
        yield
    finally:
        for which, handler in handlers.items():
            signal.signal(which, handler or signal.SIG_DFL)
    for number in arrived[:1]:
        signal.raise_signal(number)


def _made(future: Future[Outcome], job: Job, pool: Pool) -> Outcome:
    try:
        return future.result()
    except Exception as error:  # noqa: BLE001 - a worker that is lost must not stop the others
        return Outcome(job, pool.blame(error), 0.0)


def _settle(made: Outcome, press: Press) -> Outcome:
    """Move in what was made of a job, or report why there is nothing."""
    job, failure = made.job, made.failure
    if failure is None:
        try:
            return _publish(made, press)
        except Exception as error:  # noqa: BLE001 - whatever one job runs into must not stop the others
            files.discard(made.staged.values())
            failure = blame(error)
    # The outcome names the failure in any case, also where the disk is full or the page cannot be made.
    with contextlib.suppress(Exception):
        files.write(job.problem, press.problem(job, failure), modes=press.modes)
    return Outcome(job, failure, made.seconds)


def _publish(made: Outcome, press: Press) -> Outcome:
    """Move a job's files in, with what belongs beside them."""
    lost = [place.name for place, part in made.staged.items() if not part.is_file()]
    if lost:
        raise FileNotFoundError(f"the worker wrote {', '.join(lost)} where this machine cannot see it; is the folder shared?")
    beside = press.beside(made.job)
    hashes = {place: files.sha256(content) for place, content in beside.items()}
    outcome = replace(made, hashes={**made.hashes, **hashes})
    press.on_moving(outcome)
    files.move_in({**files.stage(beside, modes=press.modes), **made.staged})
    with contextlib.suppress(OSError):  # the review is in its place; that page only says what was
        made.job.problem.unlink(missing_ok=True)
    return outcome


def check(jobs: Sequence[Job]) -> None:
    """Look at everything that can be wrong with jobs before the first one runs.

    Raises:
        ReviewError: A template, a parameter or a path is wrong.
    """
    templates = {path: declared_in(path) for path in dict.fromkeys(job.template for job in jobs)}
    places: dict[str, str] = {}
    for job in jobs:
        check_parameters(job.parameters, templates[job.template], where=f"{job.key}: {job.template.name}")
        for path in (job.notebook, job.page):
            if path is not None and places.setdefault(str(path).casefold(), job.key) != job.key:
                raise ReviewError(
                    "two jobs would write one file", where=path.name, found=f"{places[str(path).casefold()]}, {job.key}"
                )
