"""Runs that are killed, hindered, doubled or asked to end: nothing is torn or lost, and the next run makes up for the rest."""

from __future__ import annotations

import json
import random
import signal
import time
from pathlib import Path

import pytest
from faultbench import PATIENCE, Bench, Book, Run, Said, kernels_of, require_unfinished, warm_process_of
from lightbook import ALL

pytestmark = pytest.mark.timeout(600)
soak = pytest.mark.soak
SLOWLY = "import time; time.sleep(0.4)"


# Killed.


def kill(run: Run, chance: random.Random) -> Said:
    """Kill a run between some review and the next, wherever it stands then."""
    run.reach(chance.randrange(10))
    time.sleep(chance.uniform(0, 0.4))
    run.signal(signal.SIGKILL)
    return run.wait()


def check_killed(bench: Bench, folder: Path, seed: int, *, real: bool = False) -> bool:
    """Kill one run and run again; tell whether the first was still at work."""
    chance = random.Random(seed)
    book = bench.book(folder, of=chance.choice(["done", "fresh"]))
    said = kill(book.start(real=real), chance)
    assert said.code in (-signal.SIGKILL, 0)
    book.require_healed(said)
    return said.code != 0


@pytest.mark.parametrize("seed", range(3))
def test_a_run_that_is_killed_is_taken_up(bench: Bench, tmp_path: Path, seed: int) -> None:
    """A run that is killed at any moment leaves whole files alone, and the next one makes exactly what was unfinished."""
    check_killed(bench, tmp_path / "book", seed)


def test_the_command_itself_is_killed_and_taken_up(bench: Bench, tmp_path: Path) -> None:
    """The same of ``python -m reviewlib``, as users start it."""
    check_killed(bench, tmp_path / "book", 99, real=True)


@soak
@pytest.mark.timeout(7200)
def test_two_hundred_runs_are_killed(bench: Bench, tmp_path: Path) -> None:
    """The same for 200 moments."""
    killed = sum(check_killed(bench, tmp_path / f"book-{seed}", seed) for seed in range(1000, 1200))
    print(f"{killed} of 200 runs were still at work when they were killed")
    assert killed > 150


def test_the_sockets_of_a_killed_run_go_with_the_next(book: Book) -> None:
    """Sockets and their keys that a killed run has left in the temporary folder are removed by the next run."""
    run = book.start()
    run.reach(2)
    run.signal(signal.SIGKILL)
    run.wait()
    book.run()
    assert run.sockets() == []


# Processes beside the run.


def kill_kernels(run: Run, chance: random.Random, *, count: int) -> int:
    """Kill so many kernels of a run, one after the other; tell how many there were to kill."""
    killed: set[int] = set()
    until = time.monotonic() + PATIENCE
    while run.code() is None and len(killed) < count and time.monotonic() < until:
        found = [pid for pid in kernels_of(run) if pid not in killed]
        if found and run.rows():
            victim = chance.choice(found)
            time.sleep(chance.uniform(0, 0.3))
            if victim in kernels_of(run):
                killed |= {victim}
                run.kill(victim)
        time.sleep(0.02)
    return len(killed)


def check_kernels_killed(bench: Bench, folder: Path, seed: int) -> int:
    book = bench.book(folder, of="done")
    book.fault(SLOWLY)
    run = book.start()
    killed = kill_kernels(run, random.Random(seed), count=3)
    said = run.wait()
    # Whoever met it twice has failed and says so; the others were begun once more and know nothing of it.
    assert said.code == int(bool(said.failed))
    assert all(error.startswith("DeadKernel") for error in said.failed.values())
    assert len(said.failed) <= killed // 2
    assert said.keys(kept=False) | said.failed.keys() == ALL
    book.fault(None)
    book.require_healed(said)
    return killed


def test_kernels_that_are_killed_are_replaced(bench: Bench, tmp_path: Path) -> None:
    """A review whose kernel was killed is begun once more."""
    assert check_kernels_killed(bench, tmp_path / "book", 1) == 3


@soak
@pytest.mark.timeout(3600)
def test_fifty_kernels_are_killed(bench: Bench, tmp_path: Path) -> None:
    """The same for 50 kernels."""
    killed = seed = 0
    while killed < 50:
        seed += 1
        killed += check_kernels_killed(bench, tmp_path / f"book-{seed}", seed)
    print(f"{killed} kernels of {seed} runs were killed")


def test_the_warm_process_is_killed(book: Book) -> None:
    """Killed in the middle with every kernel of it, the warm process is started anew, and every review is made."""
    book.fault(SLOWLY)
    run = book.start()
    run.reach(3)
    victim = warm_process_of(run)
    assert victim is not None
    run.kill(victim)
    said = run.wait()
    assert (said.code, said.keys(kept=False)) == (0, ALL), said
    book.require_clean()


HANG = ("import time; time.sleep(600)", "Timeout: not done after 6 seconds")
# Two gigabytes at most, for the sake of the machine.
HOARD = ("hoard = []\nwhile len(hoard) < 2000: hoard.append('x' * (1 << 20) + str(len(hoard)))", "MemoryError")
END = ("import os; os._exit(9)", "DeadKernel")


@pytest.mark.parametrize(
    ("who", "fault", "error"),
    [
        pytest.param("R2", *HANG, id="hangs"),
        pytest.param("R2", *HOARD, id="eats memory"),
        pytest.param("R2", *END, id="ends"),
        # From R1's the warm process learns what to import.
        pytest.param("R1", *HANG, id="the first one hangs"),
        pytest.param("R1", *HOARD, id="the first one eats memory"),
    ],
)
def test_one_kernel_misbehaves(book: Book, who: str, fault: str, error: str) -> None:
    """A review whose kernel hangs, eats memory or ends has failed; its old pages stay, the others are made."""
    book.limit_memory(0.5)
    lines = fault.replace("\n", "\n    ")
    book.fault(f"if globals().get('rep') == '{who}' and audience == 'manager':\n    {lines}")
    began = time.monotonic()
    said = book.run("--timeout", "6" if "Timeout" in error else "100")
    assert time.monotonic() - began < 90, "a time limit that does not hold"
    assert said.code == 1
    assert said.failed.keys() == {f"rep:{who}:manager"}, said.failed
    assert said.failed[f"rep:{who}:manager"].startswith(error)
    assert said.keys(kept=False) == ALL - said.failed.keys()
    book.fault(None)
    book.require_healed(said)


# Others, and the clock.


@pytest.mark.parametrize("times", [2, pytest.param(20, marks=[soak, pytest.mark.timeout(3600)])])
def test_two_runs_at_once(bench: Bench, tmp_path: Path, times: int) -> None:
    """Of two runs one makes the reviews; the other is told who is at work, or comes after it and finds nothing to do."""
    chance, told = random.Random(times), 0
    for time_ in range(times):
        book = bench.book(tmp_path / f"book-{time_}", of=chance.choice(["done", "fresh"]))
        first = book.start(replay=bool(time_ % 2))
        time.sleep(chance.uniform(0, 0.5))
        second = book.start(replay=bool(time_ % 2))
        both = [first.wait(), second.wait()]
        assert sorted(said.code for said in both) in ([0, 0], [0, 3]), both
        for said in both:
            assert "Traceback" not in said.stderr
            if said.code == 3:
                told += 1
                assert "Another run is at work on 2026-Q3" in said.stderr
                assert said.rows == []
        made = [key for said in both for key in said.keys(kept=False)]
        assert sorted(made) == sorted(ALL)
        book.require_clean()
    print(f"{told} of {times} were told to wait")


@pytest.mark.parametrize("days", [-400, 400], ids=["set back", "set forward"])
def test_the_clock_is_set(book: Book, days: int) -> None:
    """A clock that was set, back or forward and right again, makes nothing anew and hides nothing."""
    said = book.run(replay=True, faults={"clock": days * 86400.0})
    assert (said.code, said.keys(kept=False)) == (0, ALL)
    year = {row["made_at"][:4] for row in said.rows}
    book.require_healed(said, replay=True)
    again = book.run("--force", replay=True)
    assert again.keys(kept=False) == ALL
    assert {row["made_at"][:4] for row in again.rows} != year
    assert book.run(replay=True).keys(kept=True) == ALL


# Asked to end, and failing.


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_asked_to_end(book: Book, number: signal.Signals) -> None:
    """Interrupted or terminated, a run ends its kernels, keeps what is finished, and exits with 130."""
    book.fault("import time; time.sleep(0 if globals().get('rep') in (None, 'R1') else 600)")
    run = book.start("--jobs", "3")
    run.reach(2)
    asked = time.monotonic()
    run.signal(number)
    said = run.wait()
    assert time.monotonic() - asked < 60, "nobody waits for a kernel that sleeps"
    require_unfinished(said, 130)
    assert "the next run goes on" in said.stderr
    assert said.failed == {}
    assert len(said.keys(kept=False)) >= 2
    assert run.sockets() == []
    book.fault(None)
    book.require_healed(said)


def test_a_review_fails(book: Book) -> None:
    """A failed review has a problem page that tells of nobody else, a row in the index and a line in the log."""
    book.fault("if globals().get('rep') == 'R1' and audience == 'rep':\n    raise ValueError('no such month')")
    said = book.run()
    assert said.code == 1
    (row,) = [row for row in said.rows if row["state"] == "failed"]
    assert (row["key"], row["error"]) == ("rep:R1:rep", "ValueError: no such month")
    (page,) = (book.period / "problems").iterdir()
    text = page.read_text(encoding="utf-8")
    assert page == book.period / row["problem"]
    assert "ValueError" in text
    assert "no such month" in text
    assert "run params/book.yaml --period 2026-Q3 --rep R1" in text
    assert not [word for word in ("Ben", "Cem", "R2", "R3", "Max Holm", "Mia Stern", str(book.folder)) if word in text]
    assert row["problem"] in (book.period / "index.html").read_text(encoding="utf-8")
    logged = [json.loads(line) for line in (book.period / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(line["key"], line["error"]) for line in logged if line["state"] == "failed"] == [("rep:R1:rep", row["error"])]
    book.fault(None)
    book.require_healed(said)
