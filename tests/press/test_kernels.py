"""Kernels as processes: how they end, what they may take, and what happens when the warm process fails."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError
from running import execute, notebook, text

from reviewlib.press import warm
from reviewlib.press.kernels import Kernels
from reviewlib.press.warm import Warmth

pytestmark = pytest.mark.whole

MEBIBYTE = 1 << 20
WAIT = """import time
try:
    print('begun', flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print('told')"""
SLEEP = """import os, pathlib, time
new = pathlib.Path({marker!r} + '.new')
new.write_text(f'{{os.getpid()}} {{os.getppid()}}')
new.rename({marker!r})
time.sleep(600)"""
PID = "import os; print(os.getpid(), os.getppid())"
LEAVE = """import atexit, pathlib
_ = atexit.register(pathlib.Path('done').touch)
loop = get_ipython().kernel.io_loop
_ = loop.call_later(0.5, loop.stop)"""
#: How a cell ends its kernel, and whether it is stopped from outside.
ENDS = (("os._exit(3)", False), ("time.sleep(600)", True), ("1 / 0", False))
CHILD = """import os, pathlib, subprocess, time
child = subprocess.Popen(['sleep', '600'])
new = pathlib.Path('child.new')
_ = new.write_text(str(child.pid))
_ = new.rename('child')
"""


@pytest.fixture(scope="module")
def kernels() -> Iterator[Kernels]:
    """Warm kernels that share one warm process."""
    with Kernels(warm=Warmth()) as made:
        yield made


@contextlib.asynccontextmanager
async def started(kernels: Kernels, folder: Path) -> AsyncIterator[tuple[AsyncKernelManager, Any]]:
    """One kernel with a client, which is killed in the end."""
    manager = kernels.manager_class()
    await manager.start_kernel(cwd=str(folder))
    client = manager.client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=30)
        yield manager, client
    finally:
        client.stop_channels()
        await manager.shutdown_kernel(now=True)


def ended(pid: int, *, within: float = 20) -> bool:
    """Wait until a process is gone altogether; a zombie is not."""
    until = time.monotonic() + within
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.02)
    return not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(
    ("code", "expected"),
    [("import os; os._exit(3)", 3), ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", -signal.SIGSEGV)],
)
def test_an_exit_code_comes_back(kernels: Kernels, tmp_path: Path, code: str, expected: int) -> None:
    """How a kernel ended is known as of a child: its code, or the signal's negative number; and no zombie stays."""

    async def run() -> tuple[int, int | None]:
        async with started(kernels, tmp_path) as (manager, client):
            process = manager.provisioner.process  # type: ignore[union-attr]
            assert process.poll() is None
            client.execute(code)
            return process.pid, process.wait(timeout=20)

    pid, returned = asyncio.run(run())
    assert returned == expected
    assert ended(pid)


def test_an_interrupt_reaches_the_cell(kernels: Kernels, tmp_path: Path) -> None:
    """A cell that is interrupted raises, and the kernel goes on."""

    async def run() -> list[str]:
        async with started(kernels, tmp_path) as (manager, client):
            client.execute(WAIT)
            said: list[str] = []
            while "told" not in "".join(said):
                message = client.iopub_channel.get_msg(timeout=20)
                if message["msg_type"] == "stream":
                    said.append(message["content"]["text"])
                    if "begun" in said[-1]:
                        await manager.interrupt_kernel()
            assert await manager.is_alive()
            return said

    assert "told" in "".join(asyncio.run(run()))


@pytest.mark.parametrize("warm", [Warmth(), None], ids=["warm", "ordinary"])
def test_a_kernel_says_what_is_listened_to(tmp_path: Path, warm: Warmth | None) -> None:
    """A kernel broadcasts what a cell shows and its end, not what its driver knows."""

    async def run(kernels: Kernels) -> list[str]:
        async with started(kernels, tmp_path) as (_, client):
            request = client.execute("1")
            said: list[str] = []
            while "idle" not in said:
                message = client.iopub_channel.get_msg(timeout=20)
                if message["parent_header"].get("msg_id") == request:
                    said.append(message["content"].get("execution_state", message["msg_type"]))
            return said

    with Kernels(warm=warm) as made:
        assert asyncio.run(run(made)) == ["execute_result", "idle"]


def test_cells_are_counted(kernels: Kernels, tmp_path: Path) -> None:
    """Each cell that ran has its number, whether it showed something or not."""
    made = execute(notebook("1", "a = 2", "", "print(a)"), kernels, folder=tmp_path)
    assert [cell.execution_count for cell in made.cells] == [1, 2, None, 3]


def test_a_kernel_that_ends_by_itself_runs_what_was_registered(kernels: Kernels, tmp_path: Path) -> None:
    """A kernel whose loop ends exits with nought, and runs what a cell left for the end.

    Not by a request to shut down: ipykernel's control thread then waits for its output thread, which may be gone.
    """

    async def run() -> int:
        async with started(kernels, tmp_path) as (manager, client):
            client.execute(LEAVE)
            return int(manager.provisioner.process.wait(timeout=20))  # type: ignore[union-attr]

    assert asyncio.run(run()) == 0
    assert (tmp_path / "done").exists()


def test_kernels_share_nothing(kernels: Kernels, tmp_path: Path) -> None:
    """What a notebook leaves behind in its process no later notebook finds; each has a process of its own."""
    leave = notebook(PID, "import sys, os, warnings; sys.left = 1; os.environ['LEFT'] = '1'; os.chdir('/')")
    look = notebook(PID, "import sys, os; print(hasattr(sys, 'left'), 'LEFT' in os.environ, os.getcwd())")
    made = [execute(nb, kernels, folder=tmp_path) for nb in (leave, look)]
    (first, zygote), (second, same) = (text(nb).split() for nb in made)
    assert first != second
    assert zygote == same
    assert text(made[1], 1) == f"False False {tmp_path.resolve()}\n"


def test_a_kernel_that_dies_leaves_its_neighbours_alone(kernels: Kernels, tmp_path: Path) -> None:
    """Of several notebooks in several threads exactly those fail whose kernel died."""

    def run(number: int) -> str:
        code = "import os; os._exit(1)" if number % 3 == 0 else f"print({number})"
        try:
            return text(execute(notebook("import time; time.sleep(0.2)", code), kernels, folder=tmp_path), 1)
        except DeadKernelError:
            return "dead"

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, range(7))) == ["dead", "1\n", "2\n", "dead", "4\n", "5\n", "dead"]


@pytest.mark.parametrize("made", [Warmth(), None], ids=["warm", "ordinary"])
def test_a_cell_gets_no_more_memory_than_allowed(tmp_path: Path, made: Warmth | None) -> None:
    """A cell that wants more than the limit fails, and one of a neighbour that does not goes on."""
    eats = notebook("x = []\nwhile True: x.append(bytearray(50 << 20))")
    fine = notebook("x = bytearray(100 << 20); print(len(x) >> 20)")
    with Kernels(warm=made, memory=700 * MEBIBYTE) as kernels, ThreadPoolExecutor(2) as pool:
        hungry = pool.submit(execute, eats, kernels, folder=tmp_path)
        modest = pool.submit(execute, fine, kernels, folder=tmp_path)
        assert text(modest.result()) == "100\n"
        with pytest.raises((PapermillExecutionError, DeadKernelError), match=r"MemoryError|died"):
            hungry.result()
        assert text(execute(fine, kernels, folder=tmp_path)) == "100\n"


@pytest.mark.parametrize(
    ("made", "then", "stop"),
    [
        *((made, then, stop) for made in (Warmth(), None) for then, stop in ENDS),
        (Warmth(), "os.kill(os.getppid(), 9); time.sleep(600)", False),  # the warm process is its parent
    ],
)
def test_what_a_cell_started_ends_with_its_kernel(tmp_path: Path, made: Warmth | None, then: str, stop: bool) -> None:
    """No process of a notebook runs on when its kernel has ended, however that came."""
    with Kernels(warm=made) as kernels, ThreadPoolExecutor(1) as pool:
        running = pool.submit(execute, notebook(CHILD + then), kernels, folder=tmp_path)
        while stop and not (tmp_path / "child").exists():
            time.sleep(0.02)
        if stop:
            kernels.stop()
        assert isinstance(running.exception(timeout=60), DeadKernelError | PapermillExecutionError)
        assert ended(int((tmp_path / "child").read_text()))


def test_a_kernel_that_is_not_forked_is_told_of(tmp_path: Path) -> None:
    """Where one kernel has to start the ordinary way, that is said, and the others are warm as before."""

    async def run(kernels: Kernels) -> int:
        manager = kernels.manager_class()
        await manager.start_kernel(cwd=str(tmp_path), env=os.environ | {"OTHER": "1"})
        await manager.shutdown_kernel(now=True)
        return manager.provisioner.pid or 0  # type: ignore[union-attr]

    with Kernels(warm=Warmth()) as kernels:
        _, zygote = text(execute(notebook(PID), kernels, folder=tmp_path)).split()
        assert kernels.cold_because is None
        assert asyncio.run(run(kernels))
        assert kernels.cold_because == "its environment is another one than the warm process has"
        assert text(execute(notebook(PID), kernels, folder=tmp_path)).split()[1] == zygote


@pytest.mark.parametrize("more", [["--IPKernelApp.quiet=False"], []], ids=["more", "less"])
def test_a_kernel_with_other_arguments_starts_the_ordinary_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str]
) -> None:
    """The warm process has read the arguments of its kernels, so one with others is an ordinary one, and that is said."""
    with Kernels(warm=Warmth()) as kernels:
        command = kernels.manager_class.format_kernel_cmd

        def other(*args: Any, **options: Any) -> list[str]:
            made = command(*args, **options)
            return [*made, *more] if more else made[:-1]

        monkeypatch.setattr(kernels.manager_class, "format_kernel_cmd", other)
        assert int(text(execute(notebook(PID), kernels, folder=tmp_path)).split()[1]) == os.getpid()
        assert kernels.cold_because == "its command is another one than the warm process stands for"


def test_a_kernel_that_cannot_be_forked_starts_the_ordinary_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives the warm process no other process, the notebook runs all the same, and that is said."""
    (tmp_path / "forks_twice.py").write_text(
        "import os\nfork, results = os.fork, [True, False, True]\n"
        "def few():\n    if results.pop(0):\n        return fork()\n    raise BlockingIOError(11, 'Try again')\n"
        "os.fork = few\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Kernels(warm=Warmth(preload=("forks_twice",))) as kernels:
        first, second, third = (int(text(execute(notebook(PID), kernels, folder=tmp_path)).split()[1]) for _ in range(3))
        assert first == third != os.getpid()
        assert second == os.getpid()
        assert kernels.cold_because == "no process could be forked: Try again"


def test_a_warm_process_that_is_killed_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its kernels end with it, notebooks after that run warm again, and after so many times the ordinary way."""
    monkeypatch.setattr(warm, "LIVES", 2)
    with Kernels(warm=Warmth()) as kernels, ThreadPoolExecutor(1) as pool:
        zygotes = set()
        for _ in range(warm.LIVES):
            assert kernels.cold_because is None
            marker = tmp_path / "pid"
            sleep = SLEEP.format(marker=str(marker))
            running = pool.submit(execute, notebook(sleep), kernels, folder=tmp_path)
            while not marker.exists():
                time.sleep(0.02)
            pid, zygote = map(int, marker.read_text().split())
            marker.unlink()
            os.kill(zygote, signal.SIGKILL)
            with pytest.raises(DeadKernelError):
                running.result()
            assert ended(pid)
            zygotes.add(zygote)
        assert len(zygotes) == warm.LIVES
        _, parent = text(execute(notebook(PID), kernels, folder=tmp_path)).split()
        assert int(parent) == os.getpid()
        assert "ended 2 times" in (kernels.cold_because or "")


@pytest.mark.parametrize(
    ("warmth", "reason"),
    [
        (Warmth(preload=("no_such_module",)), "No module named 'no_such_module'"),
        (Warmth(prepare="os:abort"), "it ended meanwhile"),
        (Warmth(prepare="says_much:ready"), "(ValueError: a?[31mb " + "c" * 292 + ")"),
        (Warmth(preload=("looks_for_shell",)), "look for the notebook's shell while they are imported: looks_for_shell"),
        (Warmth(preload=("starts_thread",)), "1 threads were left running"),
    ],
    ids=["missing", "crashes", "says much", "looks", "threads"],
)
def test_what_cannot_be_warmed_runs_the_ordinary_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warmth: Warmth, reason: str
) -> None:
    """Where warming fails, or would make a difference, kernels start the ordinary way, and the reason is said in a sentence."""
    (tmp_path / "looks_for_shell.py").write_text("from IPython import get_ipython\nget_ipython()\n")
    (tmp_path / "starts_thread.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
    )
    (tmp_path / "says_much.py").write_text("def ready():\n    raise ValueError('a\\x1b[31mb\\n' + 'c' * 400_000)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Kernels(warm=warmth) as kernels:
        _, parent = text(execute(notebook(PID), kernels, folder=tmp_path)).split()
        assert int(parent) == os.getpid()
        assert reason in (kernels.cold_because or "")


def test_a_platform_without_the_means_runs_the_ordinary_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere than on Linux no warm process is tried."""
    monkeypatch.setattr(warm.sys, "platform", "darwin")
    with Kernels(warm=Warmth()) as kernels:
        assert kernels.cold_because == "this platform (darwin) has no warm kernels"
        _, parent = text(execute(notebook(PID), kernels, folder=tmp_path)).split()
    assert int(parent) == os.getpid()


def test_the_provisioner_alone_is_the_ordinary_one(tmp_path: Path) -> None:
    """A kernel specification that only names the provisioner starts an ordinary kernel."""
    spec = get_kernel_dict()
    spec["metadata"]["kernel_provisioner"] = {"provisioner_name": "reviewlib-warm"}

    class Plain(AsyncKernelManager):
        kernel_spec = KernelSpec(resource_dir="", **spec)

    async def run() -> tuple[int, type]:
        manager = Plain(transport="ipc", ip=str(tmp_path / "s"), connection_file=str(tmp_path / "c.json"))
        await manager.start_kernel()
        try:
            assert isinstance(manager.provisioner, warm.WarmProvisioner)
            return manager.provisioner.pid or 0, type(manager.provisioner.process)
        finally:
            await manager.shutdown_kernel(now=True)

    pid, kind = asyncio.run(run())
    assert kind is subprocess.Popen
    assert ended(pid)


DRIVER = """
import multiprocessing, os, pathlib, sys, threading
sys.path[:0] = {path!r}
from running import execute, notebook
from reviewlib.press.kernels import Kernels
from reviewlib.press.warm import Warmth

def drive():
    with Kernels(warm=Warmth()) as kernels:
        cell = "import os, time\\n_ = open('pids', 'a').write(f'{{os.getpid()}} {{os.getppid()}} ')\\ntime.sleep({sleep})"
        given = {{"args": (notebook(cell), kernels), "kwargs": {{"folder": pathlib.Path.cwd()}}}}
        threads = [threading.Thread(target=execute, **given) for _ in range(2)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        assert kernels.cold_because is None

if {daemon}:
    process = multiprocessing.get_context("fork").Process(target=drive, daemon=True)
    process.start(); process.join(); sys.exit(process.exitcode)
drive()
"""


def driver(folder: Path, *, sleep: int, daemon: bool) -> subprocess.Popen[bytes]:
    code = textwrap.dedent(DRIVER).format(path=[str(Path(__file__).parents[1])], sleep=sleep, daemon=daemon)
    return subprocess.Popen([sys.executable, "-c", code], cwd=folder)


def test_everything_dies_with_the_driver(tmp_path: Path) -> None:
    """When the driver is killed, the warm process and every kernel end too."""
    process = driver(tmp_path, sleep=600, daemon=False)
    pids: set[int] = set()
    until = time.monotonic() + 60
    while len(pids) < 3 and time.monotonic() < until:
        time.sleep(0.05)
        with contextlib.suppress(FileNotFoundError):
            pids = set(map(int, (tmp_path / "pids").read_text().split()))
    process.kill()
    process.wait()
    assert len(pids) == 3
    assert all(ended(pid) for pid in pids)


def test_a_daemonic_process_may_drive(tmp_path: Path) -> None:
    """Warm kernels start from a process that may have no children through multiprocessing, as a Dask worker."""
    assert driver(tmp_path, sleep=0, daemon=True).wait(timeout=60) == 0
    assert len(set((tmp_path / "pids").read_text().split())) == 3


def test_stopping_waits_for_no_warm_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is stopped while its warm process gets ready ends at once, and so do those who wait for a kernel."""
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Kernels(warm=Warmth(preload=("slow_to_import",))) as kernels, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(execute, notebook(PID), kernels, folder=tmp_path)
        with pytest.raises(TimeoutError):
            waiting.result(timeout=1)
        kernels.stop()
        assert isinstance(waiting.exception(timeout=60), Exception)
