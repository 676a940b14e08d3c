"""How fast a run is, beside the public tools on the same notebook and the same data; prints one table.

    python tests/benchmarks/bench.py --reps 200 --rounds 3

The ways take turns, so that all see the same machine; medians are printed. Wall time per execution is marginal: what an
execution more costs (a long run less a short one); what is left is the start-up. CPU is that of the whole process tree.
An execution is one notebook for one audience with its page; every one has a process of its own, and nothing is taken from an
earlier run. It is no test: a slow machine fails nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PERIOD = "2026-Q3"
OURS = "reviewlib run"
PEER = "papermill and nbconvert, one process, 3 threads"
LOOP = "papermill and jupyter nbconvert, a loop of commands"
#: How many reps the floor is measured with; it swings by a tenth with a dozen.
FLOOR_REPS = 24
#: Environment of every command: the same for all, and no progress bars.
ENV = {**os.environ, "PYTHONWARNINGS": "ignore", "TQDM_DISABLE": "1"}


@dataclass(frozen=True)
class Cost:
    """Wall and CPU seconds, the latter of the process tree."""

    wall: float
    cpu: float

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.wall - other.wall, self.cpu - other.cpu)

    def over(self, count: int) -> Cost:
        """The cost of one of so many."""
        return Cost(self.wall / count, self.cpu / count)


@dataclass(frozen=True)
class Company:
    """A generated company whose evidence is frozen."""

    folder: Path
    reps: tuple[str, ...]

    def jobs(self, reps: Sequence[str]) -> list[dict[str, str]]:
        """The parameters of both copies of each rep's review."""
        return [
            {"params": "params/sample.yaml", "rep": rep, "period": PERIOD, "audience": audience}
            for rep in reps
            for audience in ("manager", "rep")
        ]


def company(folder: Path, *, reps: int, deals: int) -> Company:
    """Make a company and freeze its evidence."""
    reviewlib("sample", "--reps", str(reps), "--deals", str(deals), "--out", str(folder), cwd=folder.parent)
    reviewlib("freeze", "params/sample.yaml", "--period", PERIOD, cwd=folder)
    people = next((folder / "reports" / "sample" / "snapshots").glob("*/people.json"))
    subjects = json.loads(people.read_text(encoding="utf-8"))["subjects"]
    return Company(folder, tuple(one["id"] for one in subjects if one["kind"] == "rep"))


def spend(command: Sequence[str], *, cwd: Path, given: str = "") -> Cost:
    """Run a command to its end and tell what it cost, with all processes that it started."""
    with tempfile.TemporaryFile("w+") as said:
        began = time.monotonic()
        process = subprocess.Popen(command, cwd=cwd, env=ENV, stdin=subprocess.PIPE, stdout=said, stderr=said, text=True)
        assert process.stdin
        process.stdin.write(given)
        process.stdin.close()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            said.seek(0)
            sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{said.read()[-3000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime)


def reviewlib(*arguments: str, cwd: Path) -> Cost:
    """Run our command line."""
    return spend([sys.executable, "-m", "reviewlib", *arguments], cwd=cwd)


def ours(made: Company, reps: Sequence[str], *more: str) -> Cost:
    """Both copies of each rep's review by ``reviewlib run``."""
    chosen = [word for rep in reps for word in ("--rep", rep)]
    return reviewlib("run", "params/sample.yaml", "--period", PERIOD, *chosen, *more, cwd=made.folder)


def peer(made: Company, reps: Sequence[str]) -> Cost:
    """The same by papermill and nbconvert in one process with three threads."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, str(HERE / "peer.py"), "notebooks/rep_review.ipynb", out, "3"]
        return spend(command, cwd=made.folder, given=json.dumps(made.jobs(reps)))


def commands(made: Company, reps: Sequence[str]) -> Cost:
    """The same by a loop over the commands papermill and jupyter nbconvert."""
    total = Cost(0, 0)
    with tempfile.TemporaryDirectory() as out:
        for job in made.jobs(reps):
            notebook = f"{out}/out.ipynb"
            given = [word for name, value in job.items() for word in ("-p", name, value)]
            run = [sys.executable, "-m", "papermill", "--no-progress-bar", "notebooks/rep_review.ipynb", notebook, *given]
            export = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "html", "--no-input", notebook]
            for command in (run, export):
                cost = spend(command, cwd=made.folder)
                total = Cost(total.wall + cost.wall, total.cpu + cost.cpu)
    return total


def floor(made: Company, reps: Sequence[str]) -> float:
    """CPU seconds of the notebook's code and one export in a warm process, while every core does the same."""
    command = [sys.executable, str(HERE / "floor.py"), "notebooks/rep_review.ipynb"]

    def one(_: int) -> float:
        given = json.dumps(made.jobs(reps))
        done = subprocess.run(command, cwd=made.folder, env=ENV, input=given, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(done.stderr[-3000:])
        return float(done.stdout)

    cores = os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as pool:
        return statistics.mean(pool.map(one, range(cores)))


@dataclass(frozen=True)
class Measured:
    """What one execution more costs, the wall seconds of the start-up, and a whole run."""

    each: Cost
    start: float
    whole: Cost


def marginal(way: Callable[[Sequence[str]], Cost], reps: Sequence[str], *, few: int) -> Measured:
    """Measure a way by a short run and a long one."""
    short, long = way(reps[:few]), way(reps)
    each = (long - short).over(2 * (len(reps) - few))
    return Measured(each, short.wall - 2 * few * each.wall, long)


def middle(costs: Sequence[Cost]) -> Cost:
    """The median of wall and of CPU."""
    return Cost(statistics.median(cost.wall for cost in costs), statistics.median(cost.cpu for cost in costs))


def table(rows: Sequence[Sequence[str]]) -> str:
    """Write rows as a Markdown table."""
    head, *body = rows
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *body))


def speed(made: Company, *, rounds: int, peers: int) -> str:
    """Measure the ways in turn."""
    found: dict[str, list[Measured]] = {}
    looped: list[Cost] = []
    floors: list[float] = []
    above: list[float] = []
    alone: list[float] = []
    unchanged: list[float] = []
    # From the whole company, as ours makes them: some reps have more to show than others.
    some = made.reps[:: math.ceil(len(made.reps) / FLOOR_REPS)]
    for _ in range(rounds):
        ways: list[tuple[str, Callable[[Sequence[str]], Cost], int, int]] = [
            ("reviewlib run --cold", lambda reps: ours(made, reps, "--force", "--cold"), peers, 2),
            (PEER, lambda reps: peer(made, reps), peers, 2),
        ]
        for name, way, count, few in ways:
            found.setdefault(name, []).append(marginal(way, made.reps[:count], few=few))
        # The floor before ours and after it: a machine that is slow for some minutes is so for both.
        before = floor(made, some)
        found.setdefault(OURS, []).append(marginal(lambda reps: ours(made, reps, "--force"), made.reps, few=4))
        floors.append(statistics.mean((before, floor(made, some))))
        above.append(found[OURS][-1].each.cpu / floors[-1])
        unchanged.append(ours(made, made.reps).wall / found[OURS][-1].whole.wall)
        looped.append(commands(made, made.reps[:1]))
        # Both copies of ours beside one of theirs: a run makes both.
        alone.append(ours(made, made.reps[:1], "--force").wall / looped[-1].over(2).wall)
    each = {name: middle([one.each for one in every]) for name, every in found.items()} | {LOOP: middle(looped).over(2)}
    start = {name: f"{statistics.median(one.start for one in every):.1f}" for name, every in found.items()}
    best, ground = each[OURS], statistics.median(floors)
    rows = [["way", "wall s per execution", "times ours", "CPU s per execution", "start-up s"]]
    for name in (OURS, "reviewlib run --cold", PEER, LOOP):
        cost = each[name]
        rows.append([name, f"{cost.wall:.3f}", f"{cost.wall / best.wall:.1f}", f"{cost.cpu:.3f}", start.get(name, "")])
    rows.append(["the notebook's code and one export, warm", "", "", f"{ground:.3f}", ""])
    whole = statistics.median(one.whole.wall for one in found[OURS])
    return "\n".join(
        [
            table(rows),
            "",
            f"- CPU per execution against code and export in a warm process: {statistics.median(above):.2f}",
            f"- one rep from a cold start, both copies, against papermill and jupyter nbconvert for one: "
            f"{statistics.median(alone):.2f}",
            f"- a run in which nothing changed, against the full one of {2 * len(made.reps)} executions "
            f"({whole:.0f} s): {statistics.median(unchanged):.1%}",
        ]
    )


def main() -> None:
    """Make a company, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=200, help="reps of the company; each has two executions")
    parser.add_argument("--deals", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3, help="how often the ways take turns; the median counts")
    parser.add_argument("--peers", type=int, default=12, help="reps of the slower ways, whose cost per execution is constant")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = company(Path(folder) / "company", reps=given.reps, deals=given.deals)
        print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, {len(made.reps)} reps, {given.deals:,} deals\n")
        print(speed(made, rounds=given.rounds, peers=given.peers))


if __name__ == "__main__":
    main()
