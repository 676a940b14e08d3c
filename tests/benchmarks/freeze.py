"""What freezing costs as the export grows: processor and wall seconds, and the memory of the process; prints one table.

    python tests/benchmarks/freeze.py --deals 100000 1000000 10000000

Each company's evidence is frozen from its CSV export and from the same export as Parquet, in a process of its own. With
``--beside SCRIPT`` that script runs in turn with them, as ``python SCRIPT EXPORT FOLDER``, and each cost is told in times its
processor time.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import duckdb
from bench import ENV, PERIOD, reviewlib, table

#: How many deals a rep of the largest company has; smaller ones have as many reps as that leaves, but for 20 at the least.
_PER_REP, _FEWEST = 5_000, 20
_MOST = 1_000


def measured(command: Sequence[str], *, cwd: Path) -> tuple[float, float, float]:
    """Run a command: processor seconds, wall seconds, gibibytes at most, of it and what it started."""
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=cwd, env=ENV, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - began, usage.ru_maxrss / 2**20


def made(folder: Path, *, reps: int, deals: int) -> tuple[Path, Path]:
    """Make a company, and again with its deals as Parquet."""
    as_csv, as_parquet = folder / "csv", folder / "parquet"
    reviewlib("sample", "--reps", str(reps), "--deals", str(deals), "--out", str(as_csv), cwd=folder)
    shutil.copytree(as_csv, as_parquet)
    source = as_parquet / "params" / "sample" / "deals.csv"
    with duckdb.connect(config={"memory_limit": "2GB"}) as con:
        rows = f"read_csv('{source}', all_varchar = true, header = true, delim = ',', quote = '\"', auto_detect = false, "
        header = source.open(encoding="utf-8").readline().strip().split(",")
        rows += f"columns = {dict.fromkeys(header, 'VARCHAR')}, ignore_errors = true)"
        days = ", ".join(f'try_cast("{name}" AS DATE) AS "{name}"' for name in ("Created", "Close Date", "Expected Close"))
        money = ", ".join(f'try_cast("{name}" AS DECIMAL(18, 2)) AS "{name}"' for name in ("Amount", "Expected Amount"))
        con.execute(f"COPY (SELECT * REPLACE ({days}, {money}) FROM {rows}) TO '{source.with_suffix('.parquet')}'")
    source.unlink()
    params = as_parquet / "params" / "sample.yaml"
    params.write_text(params.read_text(encoding="utf-8").replace("deals.csv", "deals.parquet"), encoding="utf-8")
    return as_csv, as_parquet


def main() -> None:
    """Make the companies, freeze them in turn, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deals", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--beside", type=Path, help="a script to compare with")
    given = parser.parse_args()
    rows = [["deals", "reps", "export", "CPU s", "wall s", "GiB", "times the script"]]
    for deals in given.deals:
        reps = max(_FEWEST, min(_MOST, deals // _PER_REP))
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            companies = dict(zip(("CSV", "Parquet"), made(folder, reps=reps, deals=deals), strict=True))
            export = companies["CSV"] / "params" / "sample" / "deals.csv"
            for _ in range(given.rounds):
                beside = given.beside and measured(
                    [sys.executable, str(given.beside.resolve()), str(export), str(folder / "beside")], cwd=folder
                )
                for kind, company in companies.items():
                    shutil.rmtree(company / "reports", ignore_errors=True)
                    command = [sys.executable, "-m", "reviewlib", "freeze", "params/sample.yaml", "--period", PERIOD]
                    cpu, wall, memory = measured(command, cwd=company)
                    times = f"{cpu / beside[0]:.2f}" if beside else ""
                    rows.append([f"{deals:,}", f"{reps:,}", kind, f"{cpu:.1f}", f"{wall:.1f}", f"{memory:.2f}", times])
                    print(" ".join(rows[-1]), file=sys.stderr, flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
