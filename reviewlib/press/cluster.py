"""Send jobs to a Dask cluster; what comes back is published here, by the same code as what threads make.

Dask makes a job again whose worker was lost. Only the result that reaches this process is moved in, so that nothing is
published twice; what a lost worker had staged is swept.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reviewlib import files
from reviewlib.errors import ReviewError
from reviewlib.press import worker
from reviewlib.press.batch import Pool, blame
from reviewlib.press.environment import versions
from reviewlib.press.jobs import Failure, Job, Settings

if TYPE_CHECKING:
    from distributed import Client

#: Seconds that a scheduler has to answer, and a first worker to come.
PATIENCE: Final = 15.0
#: Seconds without any worker after which a run is given up; a cluster that grows on demand may take a while.
ALONE: Final = 300.0
#: Seconds that a cluster has to answer a question; one that hangs with its connection open never does.
ANSWER: Final = 60.0
#: Seconds that it has to end what runs; its workers wait a while for jobs whose kernels they have killed.
_LEAVE: Final = 15.0
_LOOK: Final = 2.0


@contextlib.contextmanager
def workers(
    settings: Settings, *, jobs: Sequence[Job], address: str, patience: float = PATIENCE, alone: float = ALONE
) -> Iterator[Pool]:
    """Do jobs on the workers of a cluster.

    Args:
        settings: How they are done.
        jobs: The jobs; what they read and write is looked for on every worker.
        address: The scheduler, as ``tcp://HOST:PORT`` or ``tls://HOST:PORT``.
        patience: Seconds that the scheduler has to answer, and the first worker to come.
        alone: Seconds without any worker after which the run is given up.

    Raises:
        ReviewError: No scheduler, no worker, another environment there, or no shared folder; no job was begun.
    """
    order = worker.Order(secrets.token_hex(8), settings, versions())
    folder = Path(os.path.commonpath([job.page.parent for job in jobs]))
    with _client(address, patience) as client:

        def remark() -> str | None:
            said = _everywhere(client, worker.cold_because, order.run).values()
            return "; ".join(sorted({why for why in said if isinstance(why, str)})) or None

        def stop() -> None:
            _everywhere(client, worker.end, order.run, patience=_LEAVE)

        first = _first_workers(client, address, patience)
        _check(client, order, jobs, folder, address)
        make = functools.partial(worker.make, order)
        pool = Pool(client.get_executor(pure=False), make, stop, remark, functools.partial(_blame, address))
        whole = False
        with _watched(client, alone):
            try:
                yield pool
                whole = True
            finally:
                stop()
                if not whole or first - _known(client):
                    files.sweep(folder)


def _blame(address: str, error: Exception) -> Failure:
    """Say why no result came back.

    Raises:
        ReviewError: None will come any more.
    """
    if isinstance(error, CancelledError):
        raise _lost(address) from error
    if type(error).__name__ == "KilledWorker":
        return Failure(None, None, "WorkerEnded", "the worker ended, and so did every other one that tried")
    return blame(error)


def _lost(address: str) -> ReviewError:
    return ReviewError(
        "The cluster was lost in the middle of the run.",
        where=address,
        found="no scheduler, or no worker left",
        do="Start the cluster and run again: what was finished stays, and the run goes on from there.",
    )


@contextlib.contextmanager
def _client(address: str, patience: float) -> Iterator[Client]:
    try:
        from distributed import Client
    except ImportError:
        raise ReviewError(
            "What speaks to a cluster is not installed.", where="--scheduler", do='Run: pip install "reviewlib[cluster]"'
        ) from None
    try:
        client = Client(address, timeout=patience, set_as_default=False)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise ReviewError(
            "No scheduler answers there.",
            where=address,
            found=f"{type(error).__name__}: {str(error)[:200]}",
            do="Start one with `dask scheduler`, or correct --scheduler.",
        ) from error
    with client:
        yield client


def _first_workers(client: Client, address: str, patience: float) -> set[str]:
    """Wait for the first worker and return all that are there."""
    with contextlib.suppress(TimeoutError):
        client.wait_for_workers(1, timeout=patience)
    found = _known(client)
    if not found:
        raise ReviewError(
            "The cluster has no worker.",
            where=address,
            found=f"none came in {patience:g} seconds",
            do=f"Start some with `dask worker {address}`.",
        )
    return found


def _known(client: Client) -> set[str]:
    """The addresses of the workers that the scheduler has now."""
    with contextlib.suppress(Exception):  # a scheduler that is gone has none
        if client.status != "running" or client.scheduler is None:
            return set()
        return set(client.sync(client.scheduler.identity, n_workers=-1, callback_timeout=ANSWER)["workers"])
    return set()


def _check(client: Client, order: worker.Order, jobs: Sequence[Job], folder: Path, address: str) -> None:
    """Have every worker show that it is fit for the jobs.

    Raises:
        ReviewError: One is not.
    """
    files.make_folder(folder, modes=order.settings.modes)
    text = secrets.token_hex(16)
    (letter,) = files.stage({folder / "letter": text}, modes=order.settings.modes).values()
    try:
        templates = {path: files.sha256(path.read_bytes()) for path in {job.template for job in jobs}}
        folders = {(job.folder or job.template.parent).resolve() for job in jobs}
        found = _everywhere(client, worker.look, order, templates, sorted(folders), letter, text)
        lacks = {name: _lacking(look, text) for name, look in found.items()}
        files.discard(look for look in found.values() if isinstance(look, Path))
    finally:
        files.discard([letter])
    if not lacks:
        raise _lost(address)
    unfit = {name: what for name, what in lacks.items() if what}
    for name, (what, do) in unfit.items():
        count = f"{len(unfit)} of {len(lacks)} workers; {name}"
        raise ReviewError("The cluster cannot do this run.", where=count, found=what, do=do)


def _lacking(look: Any, text: str) -> tuple[str, str | None] | None:
    """Say what a worker lacks and what to do; None where it is fit."""
    if isinstance(look, ReviewError):
        return look.what, look.do
    if not isinstance(look, Path):
        said = f"{type(look).__name__}: {str(look)[:200]}"
        return said, "Install this version of reviewlib there, and start the worker again."
    try:
        if look.read_text(encoding="utf-8") == text:
            return None
        said = "nothing"
    except OSError as error:
        said = error.strerror or str(error)
    return f"what it writes cannot be read here: {said}", worker.SHARED


def _everywhere(client: Client, function: Any, *given: Any, patience: float | None = None) -> Mapping[str, Any]:
    """Call a function in every worker, beside its jobs; by address, what it returned or raised; nothing from a lost cluster.

    In a thread there, because a worker's loop has to go on telling that it lives.
    """

    async def ask() -> Any:
        return await client.run(asyncio.to_thread, function, *given, on_error="return")

    if client.status != "running":
        return {}  # it would try for long to reach whoever is gone
    try:
        return dict(client.sync(ask, callback_timeout=patience or ANSWER))
    except Exception:  # noqa: BLE001 - the cluster may be gone, or the client closed
        return {}


@contextlib.contextmanager
def _watched(client: Client, alone: float) -> Iterator[None]:
    """Give up, so that all waiting ends, where there has been no worker for so many seconds."""
    over = threading.Event()

    def watch() -> None:
        seen = time.monotonic()
        while not over.wait(_LOOK):
            if _known(client):
                seen = time.monotonic()
            elif time.monotonic() - seen >= alone:
                with contextlib.suppress(Exception):  # a scheduler that hangs takes no leave either
                    client.close()
                return

    thread = threading.Thread(target=watch, name="cluster", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(_LOOK)  # it may be asking a scheduler that has just gone
