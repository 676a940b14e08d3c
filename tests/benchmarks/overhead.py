"""What a cluster on this machine costs beside threads at the same cores: wall time per execution, in turn; prints one table.

    python tests/benchmarks/overhead.py --reps 40 --rounds 5

A scheduler and two workers are started, which do as many notebooks at a time as the threads of `reviewlib run`. Time per
execution is marginal, as in `bench.py`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench import ENV, Measured, company, marginal, ours, table

WORKERS = 2


@contextlib.contextmanager
def cluster(folder: Path, *, threads: int) -> Iterator[str]:
    """Start a scheduler and the workers, so many notebooks at a time for each; yield the scheduler's address."""
    local = ("--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0")
    told = folder / "scheduler.json"
    workers = ("--nworkers", str(WORKERS), "--nthreads", str(threads), "--local-directory", str(folder))
    commands = (
        ("scheduler", "--port", "0", "--scheduler-file", str(told)),
        ("worker", "--scheduler-file", str(told), *workers),
    )
    env = ENV | {"DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False"}
    running: list[subprocess.Popen[bytes]] = []
    with (folder / "log").open("wb") as log:
        try:
            for command in commands:
                running.append(
                    subprocess.Popen([sys.executable, "-m", "dask", *command, *local], env=env, stdout=log, stderr=log)
                )
                while not told.exists():
                    if running[-1].poll() is not None:
                        sys.exit((folder / "log").read_text(encoding="utf-8")[-3000:])
                    time.sleep(0.1)
            yield str(json.loads(told.read_text(encoding="utf-8"))["address"])
        finally:
            for process in reversed(running):
                process.terminate()
                process.wait()


def main() -> None:
    """Make a company, start a cluster, measure in turn, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    cores = os.cpu_count() or 1
    at_once = 2 * cores
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        made = company(Path(folder) / "company", reps=given.reps, deals=100 * given.reps)
        (Path(folder) / "dask").mkdir()
        address = stack.enter_context(cluster(Path(folder) / "dask", threads=at_once // WORKERS))
        ways = {"threads": ("--jobs", str(at_once)), "cluster": ("--scheduler", address)}
        found: dict[str, list[Measured]] = {name: [] for name in ways}
        for _ in range(given.rounds):
            for name, words in ways.items():
                found[name].append(marginal(lambda reps, more=words: ours(made, reps, "--force", *more), made.reps, few=4))
    walls = {name: statistics.median(one.each.wall for one in every) for name, every in found.items()}
    starts = {name: statistics.median(one.start for one in every) for name, every in found.items()}
    print(f"{cores} cores, {at_once} notebooks at a time, {len(made.reps)} reps\n")
    rows = [["way", "wall s per execution", "start-up s"]]
    print(table([*rows, *([name, f"{walls[name]:.3f}", f"{starts[name]:.1f}"] for name in ways)]))
    print(f"\n- overhead of the cluster: {walls['cluster'] / walls['threads'] - 1:+.1%}")


if __name__ == "__main__":
    main()
