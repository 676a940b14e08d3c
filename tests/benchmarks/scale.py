"""What grows with the company and what must not: time per review, memory of the driver, size of pages, a run of nothing.

    python tests/benchmarks/scale.py --reps 1000 --deals 10000000

Two companies of as many reps are made, one with many deals and one with few. Reviews of the same reps of both are made in
turn, and what one more costs is told beside the start-up; then all reviews of the small one, while the memory of the process
that drives is looked at; then that run again, with nothing to do.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from bench import ENV, PERIOD, Company, Measured, company, marginal, ours, table


@dataclass(frozen=True)
class Pace:
    """Wall seconds: what one execution more costs, and what a run costs before its first."""

    each: float
    start: float


def per_review(small: Company, large: Company, *, reps: int, rounds: int) -> tuple[Pace, Pace]:
    """Make reviews of the same reps of both in turn; medians, the small company first."""
    found: tuple[list[Measured], list[Measured]] = ([], [])
    for _ in range(rounds):
        for made, runs in zip((small, large), found, strict=True):
            runs.append(marginal(lambda reps, made=made: ours(made, reps, "--force"), made.reps[:reps], few=4))
    few, many = (
        Pace(statistics.median(one.each.wall for one in runs), statistics.median(one.start for one in runs)) for runs in found
    )
    return few, many


def whole(made: Company) -> tuple[float, list[float]]:
    """Make everything; return the wall seconds and the driver's megabytes at every tenth of them."""
    command = [sys.executable, "-m", "reviewlib", "run", "params/sample.yaml", "--period", PERIOD, "--force"]
    seen: list[tuple[float, float]] = []
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=made.folder, env=ENV, stdout=subprocess.DEVNULL)
    watcher = threading.Thread(target=_watch, args=(process, began, seen))
    watcher.start()
    if process.wait() != 0:
        sys.exit(f"the run ended with {process.returncode}")
    wall = time.monotonic() - began
    watcher.join()
    return wall, [next(size for at, size in seen if at >= wall * tenth / 10 - 1) for tenth in range(1, 11)]


def _watch(process: subprocess.Popen[bytes], began: float, seen: list[tuple[float, float]]) -> None:
    while process.poll() is None:
        size = _resident(process.pid)
        if size:
            seen.append((time.monotonic() - began, size))
        time.sleep(0.5)


def _resident(pid: int) -> float:
    """Megabytes that a process holds; 0 once it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS")), 0.0)


def largest(made: Company) -> tuple[str, float]:
    """The largest page, and its kilobytes."""
    pages = (made.folder / "reports").rglob("*.html")
    page = max((page for page in pages if page.name != "index.html"), key=lambda page: page.stat().st_size)
    return page.name, page.stat().st_size / 1024


def main() -> None:
    """Make both companies, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=1_000)
    parser.add_argument("--deals", type=int, default=10_000_000)
    parser.add_argument("--few", type=int, default=10_000, help="deals of the small company")
    parser.add_argument("--sample", type=int, default=50, help="reps whose reviews are made of both companies in turn")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        small = company(Path(folder) / "small", reps=given.reps, deals=given.few)
        middle = time.monotonic()
        large = company(Path(folder) / "large", reps=given.reps, deals=given.deals)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(
            f"made and frozen: {middle - began:.0f} s and {time.monotonic() - middle:.0f} s, {peak:,.0f} MB at most\n",
            flush=True,
        )
        few, many = per_review(small, large, reps=given.sample, rounds=given.rounds)
        wall, memory = whole(small)
        again = ours(small, ()).wall
        rows = [
            ["measure", "value"],
            [f"wall s per execution, {given.few:,} deals", f"{few.each:.3f}"],
            [f"wall s per execution, {given.deals:,} deals", f"{many.each:.3f} ({many.each / few.each - 1:+.0%})"],
            ["start-up of a run, s", f"{few.start:.1f} and {many.start:.1f}"],
            [f"all {2 * len(small.reps):,} executions and the teams', s", f"{wall:.0f}"],
            ["the same run again, nothing changed, s", f"{again:.1f} ({again / wall:.1%})"],
            ["driver's memory at each tenth, MB", ", ".join(f"{size:.0f}" for size in memory)],
            *(
                [f"largest page, {deals:,} deals, KB", "{1:.0f} ({0})".format(*largest(made))]
                for deals, made in ((given.few, small), (given.deals, large))
            ),
        ]
        print(table(rows))


if __name__ == "__main__":
    main()
