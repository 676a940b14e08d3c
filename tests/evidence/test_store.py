"""The store's own folder, which holds everybody's deals: it goes with the freeze, however that ends."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from workbooks import workbook

from reviewlib.errors import SubjectError
from reviewlib.evidence import facts, snapshot, snapshot_files
from reviewlib.evidence.period import PeriodEvidence
from reviewlib.evidence.store import TableStore
from reviewlib.params.model import Params
from reviewlib.periods import Period

PERIOD = Period.parse("2026-Q3")
DEALS = [
    {"rep_id": "R1", "account_id": "Acme", "amount": 60, "opened_on": "2026-05-01", "closed_on": closed}
    for closed in ("2026-05-20", "2026-08-01")
]
#: A product of so many amounts is more than the engine can hold, which it finds when the deals lie on disk.
LARGE = {
    "label": "Large", "definition": "Large", "unit": "ratio", "better": "higher", "n_label": "won deals",
    "value": f"sum({' * '.join(['amount'] * 6)}) filter (where won)", "n": "count(*) filter (where won)",
}  # fmt: skip
ON_DISK = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'disk' ORDER BY ALL"
#: Freezes with every table on disk, and prints which lie there.
FREEZE = """
import pathlib, sys, tempfile
from reviewlib.cli.app import main
from reviewlib.evidence import evaluation, facts

def evaluate(*given):
    (path,) = pathlib.Path(tempfile.gettempdir()).glob("reviewlib-*/tables.duckdb")
    print(*given[0].con.con.sql("{ON_DISK}").fetchall(), file=sys.stderr)
    {then}
    return whole(*given)

facts.MANY, whole, evaluation.evaluate = 1, evaluation.evaluate, evaluate
sys.argv = ["reviewlib", "freeze", "params/book.yaml", "--period", "2026-Q3"]
main()
"""

HOLDS = """
import os, signal, sys
from reviewlib.evidence.store import TableStore
store = TableStore()
store.con.execute("CREATE TABLE disk.deals AS SELECT range AS amount FROM range(300_000); CHECKPOINT disk")
print("held", flush=True)
sys.stdin.read()
os.kill(os.getpid(), signal.SIGKILL)
"""


def book(folder: Path, **given: Any) -> Params:
    return workbook(folder, deals=DEALS, as_of="2026-10-15", crm={"history_from": "2026-01-01"}, **given)


@pytest.fixture
def temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of the test's own, in which nothing else lies."""
    folder = tmp_path / "temp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.default
@pytest.mark.parametrize("reps", [(), ("nobody",)], ids=["a snapshot", "an error"])
def test_what_lies_on_disk_goes_with_the_freeze(
    tmp_path: Path, temp: Path, monkeypatch: pytest.MonkeyPatch, reps: tuple[str, ...]
) -> None:
    """Whether a freeze ends with a snapshot or with an error, nothing of the deals stays in the temporary folder."""
    on_disk: list[tuple[str, ...]] = []
    subjects_in = snapshot_files.subjects_in

    def seen(evidence: PeriodEvidence) -> Any:
        on_disk.extend(evidence.facts.con.con.sql(ON_DISK).fetchall())
        assert len(list(temp.glob("reviewlib-*/tables.duckdb"))) == 1
        return subjects_in(evidence)

    monkeypatch.setattr(facts, "MANY", 1)
    monkeypatch.setattr(snapshot_files, "subjects_in", seen)
    if reps:
        with pytest.raises(SubjectError):
            snapshot.freeze(book(tmp_path), PERIOD, reps=reps)
    else:
        snapshot.freeze(book(tmp_path), PERIOD)
    assert on_disk == [("deal_ages",), ("deal_kinds",)]
    gc.collect()  # an error is held by who catches it, and with it all that was at hand
    assert list(temp.iterdir()) == []


@pytest.mark.whole
@pytest.mark.parametrize(
    ("given", "then", "code"),
    [
        ({}, "pass", 0),
        ({"kpis": {"large": LARGE}}, "pass", 2),
        ({}, "import os, signal; os.kill(os.getpid(), signal.SIGTERM)", 130),
        ({}, "raise ZeroDivisionError", 1),
    ],
    ids=["done", "refused", "ended", "a fault of its own"],
)
def test_what_lies_on_disk_goes_with_the_command(tmp_path: Path, given: dict[str, Any], then: str, code: int) -> None:
    """The same of the command, which may also be asked to end, or meet a fault of the program's own."""
    params, temp = book(tmp_path, **given), tmp_path / "temp"
    temp.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", FREEZE.format(ON_DISK=ON_DISK, then=then)],
        cwd=params.root, env={**os.environ, "TMPDIR": str(temp)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("('deal_ages',) ('deal_kinds',)\n")
    assert list(temp.iterdir()) == []


@pytest.mark.default
def test_what_a_killed_process_left_goes_and_what_one_at_work_holds_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deals of a freeze that was killed lie about until the next one, whoever's that is; nobody's are taken away."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", HOLDS], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        (theirs,) = tmp_path.glob("reviewlib-tables-*")
        store = TableStore()
        assert len([*tmp_path.glob("reviewlib-tables-*")]) == 2
        assert (theirs / "tables.duckdb").stat().st_size > 100_000
        process.communicate(b"")
    assert process.returncode == -signal.SIGKILL
    assert theirs.is_dir()
    del store
    gc.collect()
    assert [*tmp_path.iterdir()] == [theirs]
    last = TableStore()
    (ours,) = tmp_path.iterdir()
    assert ours != theirs
    del last
