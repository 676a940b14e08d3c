"""Reviews made by a real Dask cluster: a scheduler and two workers, processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import nbformat
import pytest
from commands import Run
from nbformat.v4 import new_code_cell, new_notebook
from running import KERNEL
from workbooks import workbook

from reviewlib import files
from reviewlib.errors import ReviewError
from reviewlib.pages import preload, printing
from reviewlib.params import reading
from reviewlib.params.model import Params
from reviewlib.periods import Period
from reviewlib.press import batch, cluster, environment, worker
from reviewlib.press.jobs import Failure, Job, Outcome, Settings
from reviewlib.press.warm import Warmth
from reviewlib.run import freezing, manifest, runs
from reviewlib.run.manifest import ManifestRow

pytestmark = pytest.mark.whole

PERIOD = Period.parse("2026-Q3")
REPS = [{"rep_id": f"R{n}", "rep_name": f"Rep {n}", "team": "North", "manager": "Max Holm"} for n in range(5)]
DEALS = [{"rep_id": f"R{n}", "amount": "100", "opened_on": "2026-07-02", "closed_on": "2026-08-03"} for n in range(5)]
ALL = {f"rep:R{n}:{who}" for n in range(5) for who in ("manager", "rep")} | {f"team:North:{who}" for who in ("manager", "rep")}
#: Each kernel notes that it ran, which the warm process does not when it looks what is imported; the pages need nothing of
#: the package, so that runs are short.
NOTE = """import os
if get_ipython().kernel is not None:
    with open('ran.txt', 'a') as file:
        file.write(f'{rep}{team} {audience} {os.getpid()}\\n')"""
SHOW = "from IPython.display import HTML\nHTML(f'<p>{rep}{team} {audience}</p>')"
WAIT = "import time\ntime.sleep(1)"
HANG = "import time\ntime.sleep(600)"
#: Kills the worker of an ordinary kernel.
KILL = "import signal\nif rep == 'R3':\n    os.kill(os.getppid(), signal.SIGKILL)"


#: What an idle process of Dask looks at less often; and a review may end one worker, but not a second one.
QUIET = {
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "500ms",
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
}


class Cluster:
    """A scheduler and its workers, which end with the module; nothing listens elsewhere than on 127.0.0.1.

    Processes that take seconds to start are there for one test after the other; ``have`` brings them to what a test needs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.address = ""
        self._begun = 0

    def have(self, workers: int) -> str:
        """Have a scheduler with exactly so many workers, all of them registered, and return its address."""
        if self.scheduler is None or self.scheduler.poll() is not None:
            self.close()
            self._start_scheduler()
        self.workers = [process for process in self.workers if process.poll() is None]
        _end(self.workers[workers:])
        del self.workers[workers:]
        while len(self.workers) < workers:
            self.add()
        until(lambda: self._known() == workers)
        return self.address

    def add(self, *flags: str) -> subprocess.Popen[bytes]:
        """Start a worker more."""
        self._begun += 1
        place = self.folder / f"worker-{self._begun}"
        command = ("worker", self.address, "--nthreads", "2", "--local-directory", str(place))
        self.workers.append(self._start(*command, *(flags or ("--no-nanny",))))
        return self.workers[-1]

    def _start_scheduler(self) -> None:
        told = self.folder / "scheduler.json"
        told.unlink(missing_ok=True)
        self._log().unlink(missing_ok=True)
        self.scheduler = self._start("scheduler", "--port", "0", "--scheduler-file", str(told))
        until(lambda: told.exists() and told.stat().st_size)  # it is there before anything stands in it
        self.address = json.loads(told.read_text())["address"]

    def _known(self) -> int:
        """How many workers the scheduler has greeted and not missed since."""
        said = self._log().read_text()
        return said.count("Register worker addr") - said.count("Remove worker addr")

    def _log(self) -> Path:
        return self.folder / "cluster.log"

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        local = ("--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0", "--no-dashboard")
        with self._log().open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *command, *local], stdout=log, stderr=log, env=os.environ | QUIET
            )

    def close(self) -> None:
        """End all that runs."""
        _end([*self.workers, *([self.scheduler] if self.scheduler else [])])
        self.workers, self.scheduler = [], None


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(true: Callable[[], Any], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The one cluster; nothing is started yet."""
    with contextlib.closing(Cluster(tmp_path_factory.mktemp("cluster"))) as found:
        yield found


@pytest.fixture
def pair(shared: Cluster) -> Cluster:
    """Two workers, for the tests that leave them alive."""
    shared.have(2)
    return shared


@pytest.fixture
def own(shared: Cluster) -> Iterator[Cluster]:
    """A cluster that the test may harm; no worker of it is there for the next one."""
    yield shared
    _end(shared.workers)


@pytest.fixture
def lukewarm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs get warm in little time: the pages need nothing of the package."""
    monkeypatch.setattr(preload, "WARMTH", Warmth())


def lay(folder: Path, *cells: str) -> None:
    """Write the templates, made of these cells."""
    (folder / "notebooks").mkdir(exist_ok=True)
    parameters = 'params = ""\nrep = ""\nteam = ""\nperiod = ""\naudience = ""'
    for kind in ("rep", "team"):
        first = new_code_cell(parameters, metadata={"tags": ["parameters"]})
        nb = new_notebook(cells=[first, *map(new_code_cell, (NOTE, *cells, SHOW))], metadata=KERNEL)
        nbformat.write(nb, folder / "notebooks" / f"{kind}_review.ipynb")


@pytest.fixture(scope="module")
def frozen_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workbook with its evidence, which takes seconds to freeze."""
    folder = tmp_path_factory.mktemp("frozen") / "book"
    folder.mkdir()
    lay(folder)
    freezing.freeze(workbook(folder, deals=DEALS, reps=REPS, as_of="2026-10-05"), [PERIOD])
    return folder


@pytest.fixture
def book(frozen_book: Path, tmp_path: Path) -> Params:
    shutil.copytree(frozen_book, tmp_path / "book")
    return reading.load(tmp_path / "book" / "params" / "book.yaml")


class Seen(runs.Watch):
    """Remember what was told, and act on the first review that is done."""

    def __init__(self, act: Callable[[], None] = lambda: None) -> None:
        self.entries: list[ManifestRow] = []
        self._act = act

    def done(self, entry: ManifestRow) -> None:
        self.entries.append(entry)
        if len(self.entries) == 1:
            self._act()


def run(book: Params, address: str, *, watch: Seen | None = None, **options: Any) -> runs.Result:
    (frozen,) = freezing.freeze(book, [PERIOD])
    return runs.run(book, frozen, options=runs.Options(scheduler=address, **options), watch=watch or Seen())


def ran(book: Params) -> list[str]:
    """Whose notebooks were run, once for each time."""
    return [line.rsplit(" ", 1)[0] for line in (book.root / "ran.txt").read_text().splitlines()]


def kernels(book: Params) -> set[int]:
    """The processes in which notebooks were run."""
    path = book.root / "ran.txt"
    return {int(line.rsplit(" ", 1)[1]) for line in path.read_text().splitlines()} if path.exists() else set()


def children(pid: int) -> set[int]:
    """The processes below one, and theirs."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = path.read_text().rsplit(")", 1)[1].split()[:2]
            if int(parent) == pid and state != "Z":
                found.add(int(path.parent.name))
    return found.union(*map(children, found))


def settings(**others: Any) -> Settings:
    return Settings(20, printing.page, **others)


def a_job(folder: Path, rep: str = "R1") -> Job:
    page, problem = (folder / "out" / f"{rep}-{name}.html" for name in ("page", "problem"))
    return Job(rep, folder / "notebooks" / "rep_review.ipynb", {"rep": rep}, None, page, problem, folder=folder)


def test_a_cluster_makes_what_threads_make(pair: Cluster, book: Params) -> None:
    """Pages and notebooks are those of a run in this process, byte for byte; nothing of the run stays in the workers."""
    result = run(book, pair.address)
    assert {entry.key for entry in result.made} == ALL
    folder = book.reports / PERIOD.name
    made = {path: path.read_bytes() for path in folder.rglob("*") if path.suffix in (".html", ".ipynb", ".md")}
    made.pop(folder / "index.html")
    (frozen,) = freezing.freeze(book, [PERIOD])
    runs.run(book, frozen, options=runs.Options(force=True, workers=4))
    assert {path.name for path, content in made.items() if path.read_bytes() != content} == set()
    assert not list(folder.rglob("*.part"))
    assert [children(process.pid) for process in pair.workers] == [set(), set()]
    assert len(run(book, "tcp://127.0.0.1:1").kept) == len(ALL)  # nothing to make needs no cluster


def test_an_unfit_worker_ends_the_run_before_it_begins(pair: Cluster, book: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the worker and the difference, no notebook runs, and the letter is gone."""
    monkeypatch.setattr(cluster, "versions", lambda: {**environment.versions(), "pandas": "0.1"})
    with pytest.raises(ReviewError, match="cannot do this run") as caught:
        run(book, pair.address)
    assert "2 of 2 workers; tcp://127.0.0.1:" in str(caught.value.where)
    assert "here 0.1" in str(caught.value.found)
    assert not (book.root / "ran.txt").exists()
    assert not list(book.reports.rglob("*.part"))


def test_an_interrupt_leaves_nothing_running(pair: Cluster, book: Params, lukewarm: None) -> None:
    """Interrupted, kernels and warm processes of all workers end at once, finished reviews stay, the workers live."""
    lay(book.root, "if rep > 'R0':\n    import time\n    time.sleep(600)")  # those of R0 and the team are done at once

    def interrupt() -> None:
        until(lambda: len([line for line in ran(book) if line.startswith("R") and line > "R1"]) >= 3)
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(book, pair.address, watch=Seen(interrupt), timeout=600)
    assert time.monotonic() - began < 60
    until(lambda: not any(children(process.pid) for process in pair.workers), seconds=10)
    assert all(process.poll() is None for process in pair.workers)
    folder = book.reports / PERIOD.name
    assert manifest.read(folder).keys() <= {key for key in ALL if key.startswith(("team", "rep:R0"))}
    assert manifest.read(folder)
    assert not list(folder.rglob("*.part"))


def test_a_worker_that_is_killed_loses_nothing(own: Cluster, book: Params, lukewarm: None) -> None:
    """With one of two workers killed in the middle, every review is made, published and told once; none is lost."""
    lay(book.root, WAIT)
    address, victim = own.have(2), own.workers[0]
    below: set[int] = set()

    def kill() -> None:
        """Kill the worker as soon as one of its kernels is at a cell that takes a second."""
        before = kernels(book)
        until(lambda: (kernels(book) - before) & children(victim.pid))
        below.update(children(victim.pid))
        victim.kill()

    seen = Seen(kill)
    result = run(book, address, watch=seen)
    assert victim.poll() == -signal.SIGKILL
    assert {entry.key for entry in result.made} == ALL
    assert sorted(entry.key for entry in seen.entries) == sorted(ALL)
    folder = book.reports / PERIOD.name
    logged = [json.loads(line) for line in (folder / manifest.LOG).read_text().splitlines()]
    assert sorted(row["key"] for row in logged if row["state"] == "made") == sorted(ALL)
    rows = json.loads((folder / manifest.NAME).read_text())["reviews"]
    assert sorted(row["key"] for row in rows) == sorted(ALL)
    assert all(manifest.intact(ManifestRow(**row), folder) for row in rows)
    assert not list(folder.rglob("*.part"))
    assert not any(Path(f"/proc/{pid}").exists() for pid in below)
    assert len(ran(book)) > len(ALL)  # what the worker was at was made again


def test_without_any_worker_left_a_run_ends(own: Cluster, book: Params) -> None:
    """A run whose last worker went is given up with a message instead of waiting for ever."""
    lay(book.root, HANG)
    address, only = own.have(1), own.workers[0]
    job = a_job(book.root)
    with cluster.workers(settings(), jobs=[job], address=address, alone=0.1) as crew:
        future = crew.executor.submit(crew.make, job)
        until((book.root / "ran.txt").exists)
        only.kill()
        with pytest.raises(CancelledError) as caught:
            future.result(60)
        with pytest.raises(ReviewError, match="The cluster was lost"):
            crew.blame(caught.value)


def test_a_cluster_without_workers_is_refused(own: Cluster, book: Params) -> None:
    """The message says how to start one."""
    address = own.have(0)
    with (
        pytest.raises(ReviewError, match="no worker") as caught,
        cluster.workers(settings(), jobs=[a_job(book.root)], address=address, patience=0.5),
    ):
        pytest.fail("there is no worker")
    assert f"dask worker {address}" in str(caught.value)


def test_a_review_that_kills_its_workers_fails_alone(own: Cluster, book: Params) -> None:
    """A review that ends whichever worker it comes to is given up and said so; those before and after it are made."""
    lay(book.root, KILL)
    address = own.have(0)
    own.add("--nanny", "--nthreads", "1")
    jobs = [a_job(book.root, rep) for rep in ("R1", "R3", "R2")]
    press = batch.Press(lambda job, failure: failure.message)
    failures = []
    with cluster.workers(settings(), jobs=jobs, address=address) as crew:
        for job in jobs:
            failures += [outcome.failure for outcome in batch.run([job], crew, press)]
    told = Failure(None, None, "WorkerEnded", "the worker ended, and so did every other one that tried")
    assert failures == [None, told, None]
    assert [rep[:2] for rep in ran(book)] == ["R1", "R3", "R3", "R2"]


def test_a_scheduler_that_hangs_ends_the_run(own: Cluster, book: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that keeps its connections and answers no more is given up like one that is gone."""
    lay(book.root, HANG)
    address, job = own.have(1), a_job(book.root)
    assert own.scheduler
    with cluster.workers(settings(), jobs=[job], address=address, alone=2) as crew:
        monkeypatch.setattr(cluster, "ANSWER", 1.0)
        future = crew.executor.submit(crew.make, job)
        until((book.root / "ran.txt").exists)
        own.scheduler.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        try:
            with pytest.raises(CancelledError) as caught:
                future.result(60)
            with pytest.raises(ReviewError, match="The cluster was lost"):
                crew.blame(caught.value)
            crew.stop()
        finally:
            own.scheduler.send_signal(signal.SIGCONT)
    assert time.monotonic() - began < 60


def test_a_scheduler_that_goes_ends_the_run(own: Cluster, book: Params) -> None:
    """What was finished stays and is known to the next run; the rest is no failure of any review."""
    address = own.have(1)
    assert own.scheduler
    with pytest.raises(ReviewError, match="The cluster was lost"):
        run(book, address, watch=Seen(own.scheduler.kill), cold=True)
    folder = book.reports / PERIOD.name
    known = manifest.read(folder)
    assert known
    assert {entry.state for entry in known.values()} == {"made"}
    assert not (folder / "problems").exists()


@pytest.mark.parametrize("address", ["127.0.0.1:8786", "tcp://127.0.0.1", "inproc://x:1", ""])
def test_what_is_no_address_is_refused(address: str) -> None:
    """An address that Dask would take for something else is refused: no run can be ordered with it."""
    with pytest.raises(ReviewError, match="no scheduler's address"):
        runs.Options(scheduler=address)


def test_where_no_scheduler_listens_nothing_begins(book: Params) -> None:
    """The message names the address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with (
            pytest.raises(ReviewError, match="No scheduler answers") as caught,
            cluster.workers(settings(), jobs=[a_job(book.root)], address=address, patience=1),
        ):
            pytest.fail("there is no cluster")
    assert caught.value.where == address


def test_jobs_and_scheduler_do_not_go_together(run: Run, book: Params) -> None:
    """The command line says that the cluster's workers decide how many run at a time."""
    said = run("run", str(book.path), "--scheduler", "tcp://127.0.0.1:1", "--jobs", "2")
    assert said.returncode == 2
    assert "--nthreads" in said.stderr


def test_what_the_build_writes_is_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hash of the code is the same before and after a build, and another one where a module changed."""
    monkeypatch.setattr(environment, "_PACKAGE", tmp_path)
    hashes = []
    for name in ("errors.py", "params.schema.json", "__pycache__/errors.pyc", "pages/page.css"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
        hashes.append(environment.code.__wrapped__())
    first, built, compiled, styled = hashes
    assert first == built == compiled != styled


def test_unlike_environments_are_told() -> None:
    """What differs is named with both versions; the same environment has nothing to tell."""
    mine = environment.versions()
    assert {"python", "code", "reviewlib", "papermill", "nbconvert", "matplotlib", "distributed"} <= mine.keys()
    assert environment.differences(mine, mine) == []
    assert environment.differences({"pandas": "3.0", "python": "3.11"}, {"pandas": "2.9"}) == [
        "pandas 2.9, here 3.0",
        "python missing, here 3.11",
    ]


def unfit(book: Params, **changes: Any) -> Path | ReviewError:
    """What a worker says that finds one thing not as it should be."""
    order = worker.Order("run", settings(), {**environment.versions(), **changes.pop("versions", {})})
    letter = book.root / "letter"
    letter.write_text("hello")
    path = book.root / "notebooks" / "rep_review.ipynb"
    needs = {"templates": {path: files.sha256(path.read_bytes())}, "folders": [book.root], "letter": letter, "text": "hello"}
    return worker.look(order, **{**needs, **changes})


def test_a_worker_shows_what_it_lacks(book: Params, tmp_path: Path) -> None:
    """Other versions, a template or folder that is not there or another one, a letter that it cannot read: each is named."""
    template = book.root / "notebooks" / "rep_review.ipynb"
    fit = unfit(book)
    assert isinstance(fit, Path)
    assert fit.read_text() == "hello"
    assert "pandas" in str(unfit(book, versions={"pandas": "0.1"}))
    assert f"does not see {tmp_path / 'no.ipynb'}" in str(unfit(book, templates={tmp_path / "no.ipynb": "0"}))
    assert "sees another" in str(unfit(book, templates={template: "0"}))
    assert "does not see" in str(unfit(book, folders=[tmp_path / "gone"]))
    assert "cannot use" in str(unfit(book, letter=tmp_path / "gone" / "letter"))
    assert "sees another" in str(unfit(book, text="other"))


def test_a_worker_that_joined_later_with_other_code_makes_nothing(book: Params) -> None:
    """Its jobs fail and say why, so that no page is made by other code than the manifest says."""
    order = worker.Order("late", settings(), {"python": "2.7"})
    made = worker.make(order, a_job(book.root))
    assert made.failure
    assert made.failure.error == "Worker"
    assert "here 2.7" in made.failure.message
    assert not (book.root / "ran.txt").exists()


def test_stations_do_not_pile_up(book: Params) -> None:
    """A new run closes the stations of those that left, never one that is at work; a run that is over opens none."""
    stations = worker.Stations()
    orders = [worker.Order(name, settings(), environment.versions()) for name in ("one", "two", "three")]
    with stations.at(orders[0]) as first:
        with stations.at(orders[1]) as second:
            assert not first.kernels.stopped
        with stations.at(orders[2]) as third:
            assert (first.kernels.stopped, second.kernels.stopped) == (False, True)
        with stations.at(orders[0]) as again:
            assert again is first
    stations.end("three")
    stations.end("one")
    assert (first.kernels.stopped, third.kernels.stopped) == (True, True)
    with pytest.raises(ReviewError, match="the run is over"), stations.at(orders[0]):
        pytest.fail("it is over")


def test_all_that_travels_can_be_pickled(tmp_path: Path) -> None:
    """Orders, jobs and what comes back are the same after the way to a worker."""
    order = worker.Order("run", settings(warm=Warmth(("json",))), environment.versions())
    job = a_job(tmp_path)
    failure = Failure(1, "x", "E", "m")
    for sent in (order, job, Outcome(job, failure, 1.0), worker.make):
        assert pickle.loads(pickle.dumps(sent)) == sent
