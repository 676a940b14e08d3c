"""Who does jobs: threads of this process here, the workers of a cluster in ``cluster``; the seam is an executor."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

from reviewlib.press.clean import without_folders
from reviewlib.press.jobs import Failure, Job, Made, Settings
from reviewlib.press.kernels import Kernels


def blame(error: Exception) -> Failure:
    """Make a failure of what a worker was lost with."""
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
    make: Callable[[Job], Made]
    stop: Callable[[], None]
    remark: Callable[[], str | None]
    blame: Callable[[Exception], Failure] = blame


@contextlib.contextmanager
def threads(settings: Settings, *, workers: int) -> Iterator[Pool]:
    """Do jobs in this process, so many at a time.

    Raises:
        ReviewError: The system does not let so many run.
    """
    with Kernels(warm=settings.warm, memory=settings.memory, at_once=workers) as kernels:
        from reviewlib.press.work import Station  # takes long, and the warm process gets ready meanwhile

        with Station(settings, kernels) as station, ThreadPoolExecutor(workers, thread_name_prefix="press") as pool:
            try:
                yield Pool(pool, station.make, station.stop, lambda: kernels.cold_because)
            finally:
                station.stop()
