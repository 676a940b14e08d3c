"""The store's folder goes with the process, however that ends."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from reviewlib.evidence.store import TableStore

HOLDS = """
import os, signal, sys
from reviewlib.evidence.store import TableStore
store = TableStore()
store.con.execute("CREATE TABLE disk.deals AS SELECT range AS amount FROM range(300_000); CHECKPOINT disk")
print("held", flush=True)
sys.stdin.read()
os.kill(os.getpid(), signal.SIGKILL)
"""


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
