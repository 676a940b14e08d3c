"""What a worker of a cluster does: it shows what it has, and does jobs at one warm station per run.

A worker outlives runs and serves several at a time, so whoever comes with a new run closes the stations of those that left
without a word.
"""

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reviewlib import files
from reviewlib.errors import ReviewError
from reviewlib.press.environment import differences, versions
from reviewlib.press.jobs import Failure, Job, Outcome, Settings
from reviewlib.press.work import Station, station

#: Seconds in which a job whose kernel was killed comes to its end.
_END_SECONDS: Final = 10.0
#: What to do about a worker that is not fit.
SAME: Final = "Install the same environment everywhere, and start the workers again."
SHARED: Final = "Share the workbook's folder with every worker, at the same path and under the same account."


@dataclass(frozen=True)
class Order:
    """One run, as its workers know it: how jobs are done, and by which code."""

    run: str
    settings: Settings
    versions: Mapping[str, str]


def make(order: Order, job: Job) -> Outcome:
    """Do a job at this worker's station."""
    began = time.monotonic()
    try:
        with _STATIONS.at(order) as own:
            return own.make(job)
    except ReviewError as error:
        failure = Failure(None, None, "Worker", f"{error.what} {error.found or ''}".strip())
        return Outcome(job, failure, time.monotonic() - began)


def look(order: Order, templates: Mapping[Path, str], folders: Sequence[Path], letter: Path, text: str) -> Path | ReviewError:
    """Compare this worker with what the run needs.

    Args:
        order: The run.
        templates: The sha256 of each template that it must see.
        folders: Folders that it must see.
        letter: A letter of the driver's, which it answers.
        text: What stands in it.

    Returns:
        Where its answer lies; or what it lacks and what to do about it.
    """
    others = differences(order.versions, versions())
    if others:
        return ReviewError("; ".join(others), do=SAME)
    for path, digest in templates.items():
        if not path.is_file():
            return ReviewError(f"it does not see {path}", do=SHARED)
        if files.sha256(path.read_bytes()) != digest:
            return ReviewError(f"it sees another {path}", do=SHARED)
    for folder in folders:
        if not folder.is_dir():
            return ReviewError(f"it does not see {folder}", do=SHARED)
    try:
        if letter.read_text(encoding="utf-8") != text:
            return ReviewError(f"it sees another {letter.parent}", do=SHARED)
        place = letter.parent / "answer"
        return files.stage({place: text}, modes=order.settings.modes)[place]
    except OSError as error:
        return ReviewError(f"it cannot use {letter.parent}: {error.strerror or error}", do=SHARED)


def cold_because(run: str) -> str | None:
    """Say why the kernels of a run start the ordinary way here although warm ones were asked for; None where they do not."""
    return _STATIONS.cold_because(run)


def end(run: str) -> None:
    """Kill what runs for a run, and do nothing more for it."""
    _STATIONS.end(run)


@dataclass
class _Bench:
    """A station, and how many are at it."""

    station: Station
    closing: contextlib.ExitStack
    users: int = 0


class Stations:
    """The stations of one worker process, by run; for several threads."""

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._benches: dict[str, _Bench] = {}
        self._ended: set[str] = set()

    @contextlib.contextmanager
    def at(self, order: Order) -> Iterator[Station]:
        """Use the station of a run, which is opened where there is none.

        Raises:
            ReviewError: The run is over, or this worker came later and has other code than the run.
        """
        with self._change:
            bench = self._benches.get(order.run) or self._open(order)
            bench.users += 1
        try:
            yield bench.station
        finally:
            with self._change:
                bench.users -= 1
                self._change.notify_all()

    def cold_because(self, run: str) -> str | None:
        """Say why a run's kernels are ordinary ones, where they should not be."""
        bench = self._benches.get(run)
        return bench.station.kernels.cold_because if bench else None

    def end(self, run: str) -> None:
        """Close the station of a run for good; its jobs end first, because their kernels do."""
        with self._change:
            self._ended.add(run)
            bench = self._benches.pop(run, None)
            if bench is None:
                return
            bench.station.kernels.stop()
            self._change.wait_for(lambda: not bench.users, timeout=_END_SECONDS)
        bench.closing.close()

    def _open(self, order: Order) -> _Bench:
        if order.run in self._ended:
            raise ReviewError("the run is over")
        others = differences(order.versions, versions())
        if others:
            raise ReviewError("the worker has another environment than the run:", found="; ".join(others), do=SAME)
        for run in [run for run, bench in self._benches.items() if not bench.users]:
            self._benches.pop(run).closing.close()
        closing = contextlib.ExitStack()
        bench = _Bench(closing.enter_context(station(order.settings)), closing)
        self._benches[order.run] = bench
        return bench


#: The stations of this process, made while it imports, because the first two to ask may come at once.
_STATIONS: Final = Stations()
