"""A bench for faults: prepared workbooks, runs of the command line that are disturbed, and what must hold afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from lightbook import ALL, PERIOD, lay_edition, light_workbook

#: Seconds that anything may take on a slow machine.
PATIENCE = 180.0


@dataclass(frozen=True)
class Said:
    """What a run left behind: its exit code (a signal's negative number), its JSON rows, its standard error."""

    code: int
    rows: list[dict[str, Any]]
    stderr: str

    def keys(self, *, kept: bool) -> set[str]:
        """The reviews that were made, or kept."""
        return {row["key"] for row in self.rows if row["state"] == "made" and row["kept"] is kept}

    @property
    def failed(self) -> dict[str, str]:
        """The errors of the reviews that failed, by key."""
        return {row["key"]: row["error"] for row in self.rows if row["state"] == "failed"}


@dataclass
class Run:
    """A run that goes on."""

    out: Path
    mark: str
    temp: Path
    pid: int
    process: subprocess.Popen[bytes] | None = None

    def rows(self) -> list[dict[str, Any]]:
        """The whole rows that it has printed."""
        text = (self.out / "stdout").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def code(self) -> int | None:
        """Its exit code; None while it goes on."""
        if self.process is not None:
            return self.process.poll()
        with contextlib.suppress(FileNotFoundError):
            return int((self.out / "code").read_text())
        return None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.code() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self, pid: int) -> None:
        """Kill a process that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def reach(self, rows: int) -> None:
        """Wait until it has printed so many rows of reviews that were made, or has ended."""
        until = time.monotonic() + PATIENCE
        while self.code() is None and sum(not row["kept"] for row in self.rows()) < rows:
            assert time.monotonic() < until, "the run does not get on"
            time.sleep(0.005)

    def wait(self) -> Said:
        """Wait for its end and for that of everything it started, and look at what it left behind."""
        until = time.monotonic() + PATIENCE
        while (code := self.code()) is None:
            assert time.monotonic() < until, f"the run does not end\n{(self.out / 'stderr').read_text()}"
            time.sleep(0.01)
        self.require_nothing_running()
        return Said(code, self.rows(), (self.out / "stderr").read_text())

    def require_nothing_running(self) -> None:
        """No kernel and no warm process may outlive it."""
        until = time.monotonic() + 20
        while found := marked(self.mark):
            assert time.monotonic() < until, f"still there: {found}"
            time.sleep(0.02)

    def sockets(self) -> list[str]:
        """The folders of sockets that it has left."""
        return [path.name for path in self.temp.glob(f"review-{self.pid}-*")]


def marked(mark: str) -> dict[int, str]:
    """Find the processes that were started with a mark in their environment, with their commands."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (path / "environ").read_bytes():
                found[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def warm_process_of(run: Run) -> int | None:
    """The warm process of a run; None where there is none."""
    return next((pid for pid in marked(run.mark) if _parent(pid) == run.pid), None)


def kernels_of(run: Run) -> list[int]:
    """The processes that were forked from a run's warm process."""
    warm = warm_process_of(run)
    return [] if warm is None else [pid for pid in marked(run.mark) if _parent(pid) == warm]


def _parent(pid: int) -> int | None:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return None


_SERVER = Path(__file__).with_name("faulty.py")
Contents = dict[str, bytes]


@dataclass(frozen=True)
class Clean:
    """What an undisturbed run makes: its files by place, and its executed notebooks in a folder, to be taken again."""

    files: Contents
    executed: Path


@dataclass
class Bench:
    """Prepared workbooks in a folder: ``fresh`` with frozen evidence alone, ``done`` with the reviews of edition 1."""

    folder: Path
    clean: dict[int, Clean] = field(default_factory=dict)
    orders: subprocess.Popen[bytes] | None = None
    temp: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="rf-", dir="/tmp")))  # sockets need short paths

    def __enter__(self) -> Bench:
        self.orders = subprocess.Popen([sys.executable, str(_SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._prepare()
        return self

    def __exit__(self, *args: object) -> None:
        assert self.orders is not None
        self.orders.communicate()
        shutil.rmtree(self.temp)

    def _prepare(self) -> None:
        done = self.folder / "done"
        light_workbook(done)
        lay_edition(done, 1)
        subprocess.run(  # the real one: it freezes
            [sys.executable, "-m", "reviewlib", "freeze", "params/book.yaml", "--period", PERIOD.name], cwd=done, check=True
        )
        shutil.copytree(done, self.folder / "fresh")
        shutil.rmtree(self.folder / "fresh" / "reports" / "book" / PERIOD.name)
        for edition in (2, 1):
            executed = self.folder / f"executed-{edition}"
            executed.mkdir()
            where = Book(self, self.folder / f"clean-{edition}", edition=edition)
            shutil.copytree(done, where.folder)
            lay_edition(where.folder, edition)
            said = where.run(faults={"record": str(executed)})
            assert (said.code, said.keys(kept=False)) == (0, ALL), said
            self.clean[edition] = Clean(where.reviews(), executed)
        shutil.rmtree(done)
        (self.folder / "clean-1").rename(done)

    def book(self, folder: Path, *, of: str) -> Book:
        """Copy a prepared workbook, ``done``, ``fresh`` or ``bare`` of evidence; lay the second edition of its templates."""
        shutil.copytree(self.folder / ("fresh" if of == "bare" else of), folder)
        if of == "bare":
            shutil.rmtree(folder / "reports")
        lay_edition(folder, 2)
        return Book(self, folder, edition=2, had=self.clean[1].files if of == "done" else {}, frozen=of != "bare")


@dataclass
class Book:
    """A workbook that is run.

    ``had``: the files that were there when it was copied; ``frozen``: its evidence was there; ``logged``: its log's length.
    """

    bench: Bench
    folder: Path
    edition: int
    had: Contents = field(default_factory=dict)
    frozen: bool = True
    logged: int = field(init=False)

    def __post_init__(self) -> None:
        """Look at how long the log is before any run."""
        self.logged = len(self.log())

    @property
    def period(self) -> Path:
        """Where the reviews lie."""
        return self.folder / "reports" / "book" / PERIOD.name

    def fault(self, code: str | None) -> None:
        """Let every notebook do this before it shows anything; nothing where None."""
        path = self.folder / "fault.py"
        path.unlink(missing_ok=True) if code is None else path.write_text(code, encoding="utf-8")

    def limit_memory(self, gigabytes: float) -> None:
        """Limit what one kernel may take."""
        path = self.folder / "params" / "book.yaml"
        data = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(data | {"batch": {"memory_gb": gigabytes}}), encoding="utf-8")

    def start(self, *arguments: str, faults: Mapping[str, Any] | None = None, replay: bool = False, real: bool = False) -> Run:
        """Start a run.

        Args:
            arguments: What to add to the command.
            faults: What goes wrong, for ``faulty.py``.
            replay: Take executed notebooks of an undisturbed run instead of starting kernels.
            real: Start ``python -m reviewlib`` itself, not a copy of a process that has imported it.
        """
        out = Path(tempfile.mkdtemp(dir=self.bench.folder, prefix="out-"))
        mark = f"fault-{uuid.uuid4().hex}"
        env = {"FAULT_MARK": mark, "TMPDIR": str(self.bench.temp), "NO_COLOR": "1"}
        command = ["run", "params/book.yaml", "--period", PERIOD.name, "--json", *arguments]
        if real:
            with (out / "stdout").open("wb") as stdout, (out / "stderr").open("wb") as stderr:
                process = subprocess.Popen(
                    [sys.executable, "-m", "reviewlib", *command],
                    cwd=self.folder,
                    env=os.environ | env,
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                )
            return Run(out, mark, self.bench.temp, process.pid, process)
        wrong = dict(faults or {})
        if replay:
            wrong["replay"] = str(self.bench.clean[self.edition].executed)
            command.append("--cold")  # nothing is to be kept warm
        for name in ("stdout", "stderr"):
            (out / name).touch()
        order = {"arguments": command, "folder": str(self.folder), "out": str(out), "env": env, "faults": wrong}
        orders = self.bench.orders
        assert orders is not None
        assert orders.stdin is not None
        assert orders.stdout is not None
        orders.stdin.write(json.dumps(order).encode() + b"\n")
        orders.stdin.flush()
        return Run(out, mark, self.bench.temp, int(orders.stdout.readline()))

    def run(self, *arguments: str, **how: Any) -> Said:
        """Run to the end, after which no socket may be left."""
        run = self.start(*arguments, **how)
        said = run.wait()
        assert "Traceback" not in said.stderr, said.stderr
        assert run.sockets() == []
        return said

    def reviews(self) -> Contents:
        """What was made of the reviews: pages, notebooks, forms, by place."""
        places = [path for path in self.period.rglob("*") if path.suffix in (".html", ".ipynb", ".md")]
        found = {path.relative_to(self.period).as_posix(): path for path in places if path.is_file()}
        ours = {place: path for place, path in found.items() if "/" in place and not place.startswith("problems/")}
        return {place: path.read_bytes() for place, path in ours.items()}

    def log(self) -> str:
        """The log; of its last line a writer that was killed may have left a part, which the next one cuts off."""
        path = self.period / "log.jsonl"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def evidence(self) -> Contents:
        """The snapshots, by place."""
        folder = self.folder / "reports" / "book" / "snapshots"
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def require_whole(self) -> None:
        """Every file is the old one or the new one, none was lost, and what is told of them can be read."""
        new, now = self.bench.clean[self.edition].files, self.reviews()
        torn = [place for place, content in now.items() if content not in (self.had.get(place), new.get(place))]
        assert torn == [], f"torn, or nobody's: {torn}"
        assert self.had.keys() - now.keys() == set(), "lost"
        self._require_evidence()
        for name in ("index.html", "manifest.json", "scorecard.csv", "current"):
            path = self.period / name
            if self.had or path.exists():
                _require_readable(path)
        for path in [*self.period.rglob("minutes/*"), *self.period.rglob("problems/*")]:
            if not path.name.endswith(".part"):
                _require_readable(path)
        log = self.log().splitlines(keepends=True)
        _require_rows(log[:-1] if log and not log[-1].endswith("\n") else log)

    def _require_evidence(self) -> None:
        """Evidence never changes; where there was none it is there whole, or not at all."""
        now, known = self.evidence(), Book(self.bench, self.bench.folder / "fresh", edition=1).evidence()
        moved = {place: content for place, content in now.items() if not place.startswith(".part-")}
        if self.frozen:
            assert moved == known, "other evidence"
        else:
            assert moved.keys() in (set(), known.keys()), "a part of the evidence"

    def require_healed(self, before: Said, *, exact: bool = True, replay: bool = False) -> None:
        """The next run makes exactly what was unfinished, after which all is as if nothing had been.

        Args:
            before: The disturbed run.
            exact: What it had told of as made is not made again; one review more may have been logged and not told.
            replay: Do without kernels.
        """
        self.require_whole()
        said = self.run(replay=replay)
        assert said.code == 0, f"{said.failed}\n{said.stderr}"
        kept, told = said.keys(kept=True), before.keys(kept=False) | before.keys(kept=True)
        assert len(kept - told) <= 1
        assert not exact or told <= kept
        assert kept | said.keys(kept=False) == ALL
        assert not kept & said.keys(kept=False)
        self.require_clean()

    def require_clean(self) -> None:
        """All is as an undisturbed run leaves it."""
        self.require_whole()
        assert self.reviews() == self.bench.clean[self.edition].files, "other files than those of an undisturbed run"
        manifest = json.loads((self.period / "manifest.json").read_text(encoding="utf-8"))
        assert {row["key"]: row["state"] for row in manifest["reviews"]} == dict.fromkeys(ALL, "made")
        _require_rows(self.log().splitlines())
        left = [*self.parts(), *self.period.glob("problems/*")]
        assert left == [], f"left over: {left}"

    def parts(self) -> list[Path]:
        """What a run leaves only where it is killed: files and folders that are not in their places, and who is at work."""
        reports = self.folder / "reports"
        return [*reports.rglob("*.part"), *reports.rglob(".part-*"), *self.period.glob(".lock.json")]


def require_unfinished(said: Said, code: int) -> None:
    """The run ended like this, without a traceback, before everything was made."""
    assert said.code == code, said
    assert "Traceback" not in said.stderr
    assert said.keys(kept=False) < ALL


def _require_rows(lines: list[str]) -> None:
    """Every line is one whole row."""
    for line in lines:
        assert isinstance(json.loads(line), dict), line


def _require_readable(path: Path) -> None:
    content = path.read_text(encoding="utf-8")
    if path.suffix == ".html":
        assert content.rstrip().endswith("</html>"), path
    elif path.suffix == ".json":
        json.loads(content)
    else:
        assert content.endswith("\n"), path


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """What the fault tests of one module start their runs from."""
    with Bench(tmp_path_factory.mktemp("faults")) as made:
        yield made


@pytest.fixture
def book(bench: Bench, tmp_path: Path) -> Book:
    """A workbook whose reviews were all made, and whose templates have changed since."""
    return bench.book(tmp_path / "book", of="done")
