"""Kernels forked from a warm process: equal to ordinary ones in everything but their start."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pytest
from nbformat import NotebookNode
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook
from running import execute, notebook, text

from reviewlib.pages import preload
from reviewlib.params.model import Params
from reviewlib.periods import Period
from reviewlib.press.kernels import Kernels
from reviewlib.press.warm import Warmth
from reviewlib.run import freezing

pytestmark = pytest.mark.whole

TEMPLATES = Path(__file__).parents[2] / "notebooks"
#: One cell each: what a cell can see of its process, as text that must be the same in every kernel.
CANARY = {
    "imports": "import importlib; [importlib.import_module(name) for name in PRELOAD][:0]",
    "names of them": "import numpy as np, pandas as pd, matplotlib, os, random, sys, warnings",
    "seeded": "random.seed(1); np.random.seed(2); print(random.random(), np.random.rand(), np.random.default_rng(3).random())",
    "environment": "print(sorted(os.environ.items()))",
    "folder": "print(os.getcwd(), os.path.realpath('.'))",
    "python": "print(sys.argv, sys.orig_argv, sys.flags, sys._xoptions, sys.executable, sys.getrecursionlimit())",
    "path": "print(sys.path, sys.meta_path, sys.path_hooks)",
    "settings": "print(dict(matplotlib.rcParams), matplotlib.get_backend())",
    "filters": "print(*warnings.filters, sep='\\n')",
    "warning": "def old():\n    warnings.warn('careful')\n    warnings.warn('old', DeprecationWarning)\nold(); old()",
    "deprecated": "pd.DataFrame({'a': ['x']}).astype('category'); np.bool_(True) + 1; print(np.array([1]) / 0)",
    "names": "import __main__; print(sorted(vars(__main__))); print(__name__, sorted(globals()) == sorted(vars(__main__)))",
    "locale": "import locale; print(locale.setlocale(locale.LC_ALL), locale.getlocale(), sys.stdout.encoding, f'{1.5:n}')",
    "signals": "import signal as s; print([str(s.getsignal(n)) for n in s.valid_signals()], s.pthread_sigmask(0, ()))",
    "process": "print(os.umask(0o77), os.getpid() == os.getsid(0) == os.getpgid(0), os.nice(0), os.sched_getaffinity(0))",
    "limits": "import resource as r; print([(n, r.getrlimit(getattr(r, n))) for n in dir(r) if n.startswith('RLIMIT_')])",
    "descriptors": (
        "def kind(number):\n"
        "    try:\n"
        "        return re.sub(r'\\d+', '#', os.readlink(f'/proc/self/fd/{number}'))\n"
        "    except OSError:\n"
        "        return ''\n"
        "import re; print([kind(n) for n in range(3)], sorted(map(kind, os.listdir('/proc/self/fd'))))"
    ),
    "logging": (
        "import logging; log = logging.getLogger()\n"
        "known = {n: x for n, x in log.manager.loggerDict.items() if getattr(x, 'handlers', 0) or getattr(x, 'level', 0)}\n"
        "print(log, log.handlers, sorted(f'{n} {x} {x.handlers}' for n, x in known.items()), logging.lastResort)"
    ),
    "logged": "logging.warning('careful'); logging.getLogger('x').error('wrong')",
    "numbers": "import decimal; print(decimal.getcontext(), np.geterr(), np.get_printoptions())",
    "options": "print(pd._config.config._global_config)",
    "collector": "import gc; print(gc.isenabled(), gc.get_threshold(), sys.getswitchinterval())",
    "hooks": "print(sys.excepthook, sys.displayhook, type(sys.stdout), sys.stdin, sys.breakpointhook)",
    "threads": "import threading as t; print([x.name for x in t.enumerate()], t.main_thread().native_id == os.getpid())",
    "shell": (
        "ip = get_ipython(); print(type(ip), ip.config, sorted(ip.kernel.comm_manager.targets), ip.history_manager.enabled)\n"
        "print(sorted(e for e, c in ip.events.callbacks.items() if c), sorted(ip.magics_manager.lsmagic()['line']))"
    ),
    "streams": "_ = os.system('echo from a shell'), os.write(1, b'low level')",
    "chart": "import matplotlib.pyplot as plt; plt.plot([1, 3, 2]); plt.title('A chart')",
    "drawing": "print(dict(matplotlib.rcParams), matplotlib.get_backend(), plt.get_fignums())",
    "frame": "pd.DataFrame({'a': [1.23456789, None], 'b': ['x', 'é']})",
    "error": "import traceback\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    traceback.print_exc()",
    "kernel": "from ipykernel import ipkernel; from IPython.core import shellapp; print(ipkernel.sys is shellapp.sys is sys)",
    "waiting": "import asyncio; print(await asyncio.gather(asyncio.sleep(0.01, 'slept'), asyncio.sleep(0, 'and not')))",
    "parallel": "import multiprocessing as m; print(m.get_start_method(), m.current_process(), m.parent_process())",
}
#: What no two kernels may draw alike.
UNSEEDED = """import random, numpy as np, uuid, secrets, tempfile, os
from multiprocessing import current_process
print(random.random(), np.random.rand(), np.random.default_rng().random(), uuid.uuid4(), secrets.token_hex(4))
print(next(tempfile._get_candidate_names()), uuid.uuid1(), hash(bytes(current_process().authkey)))"""
#: Our templates for each audience. An ordinary kernel runs both of a template, as importing takes so long there.
REVIEWS = ("rep manager", "rep rep", "team manager", "team rep")
REVIEWED = {"rep": "R-014", "team": "North"}
BEFORE, AFTER = "import sys; known = set(sys.modules)", "print(sorted(set(sys.modules) - known))"
PRELOAD = ("matplotlib.pyplot", "ipywidgets", "multiprocessing.process", *preload.WARMTH.preload)


def shown(nb: NotebookNode) -> list[str]:
    """What the cells displayed, with the ids of processes, kernels and memory, and which cell of its kernel it was, masked."""
    return [
        _masked(json.dumps([_streams(cell.outputs), [one for one in cell.outputs if "text" not in one]])) for cell in nb.cells
    ]


def _streams(outputs: list[NotebookNode]) -> dict[str, str]:
    """What went to each stream: how many pieces it came in, the clock decides."""
    names = sorted({one.name for one in outputs if "text" in one})
    return {name: "".join(one.text for one in outputs if one.get("name") == name) for name in names}


def _masked(text: str) -> str:
    text = re.sub(r"review-\d+-\w+/[0-9a-f]{32}", "CONNECTION", text)
    text = re.sub(r"('JPY_PARENT_PID', '|\"execution_count\": )\d+", r"\1NUMBER", text)
    text = re.sub(r"ipykernel_\d+", "ipykernel_PID", text)
    text = re.sub(r"Thread-\d+|<StreamHandler \d+", "NUMBERED", text)
    return re.sub(r"0x[0-9a-f]{6,}", "ADDRESS", text)


def printed(cell: str, warm: Warmth | None, *, folder: Path) -> str:
    """What a cell prints in a kernel of its own, masked."""
    with Kernels(warm=warm) as kernels:
        made = execute(notebook(cell), kernels, folder=folder)
        assert kernels.cold_because is None
        return _masked(text(made))


@dataclass(frozen=True)
class Both:
    """Each notebook's outputs from an ordinary kernel and from a warm one.

    Args:
        imported: What each of our templates imported in its warm kernel that the warm process had not.
    """

    cold: dict[str, list[str]]
    warm: dict[str, list[str]]
    imported: dict[str, str]


@pytest.fixture(scope="module")
def as_in_runs() -> Iterator[Kernels]:
    """Kernels as runs of our notebooks have them."""
    with Kernels(warm=preload.WARMTH) as kernels:
        yield kernels


@pytest.fixture(scope="module")
def both(demo_params: Params, as_in_runs: Kernels) -> Both:
    freezing.freeze(demo_params, [Period.parse("2026-Q3")])
    codes = {name: _codes(name) for name in REVIEWS}
    asked = {"canary": notebook(f"PRELOAD = {PRELOAD}", *CANARY.values()), "unseeded": notebook(UNSEEDED)}
    asked["again"] = asked["unseeded"]

    def all_of(kernels: Kernels, asked: dict[str, NotebookNode]) -> dict[str, list[str]]:
        with ThreadPoolExecutor(4) as pool:
            made = pool.map(lambda one: shown(execute(one, kernels, folder=demo_params.root)), asked.values())
            done = dict(zip(asked, made, strict=True))
            assert kernels.cold_because is None
            return done

    of_kind = {kind: chain(*(cells for name, cells in codes.items() if name.startswith(kind))) for kind in REVIEWED}
    with Kernels() as kernels:
        cold = all_of(kernels, {kind: notebook(*cells) for kind, cells in of_kind.items()} | asked)
    with Kernels(warm=Warmth(preload=PRELOAD, prepare=preload.WARMTH.prepare)) as kernels:
        warm = all_of(kernels, asked)
    ours = all_of(as_in_runs, {name: notebook(BEFORE, *cells, AFTER) for name, cells in codes.items()})
    each = {kind: iter(cold[kind]) for kind in REVIEWED}
    return Both(
        cold | {name: [next(each[name.split()[0]]) for _ in cells] for name, cells in codes.items()},
        warm | {name: cells[1:-1] for name, cells in ours.items()},
        {name: json.loads(cells[-1])[0]["stdout"] for name, cells in ours.items()},
    )


def _codes(name: str) -> list[str]:
    """The cells of one of our templates, for one subject and one audience."""
    kind, who = name.split()
    given = {"params": "params/demo.yaml", "period": "2026-Q3", kind: REVIEWED[kind], "audience": who}
    nb = load_notebook_node(str(TEMPLATES / f"{kind}_review.ipynb"))
    nb = parameterize_notebook(nb, given, kernel_name="python3", language="python")
    return [cell.source for cell in nb.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("name", REVIEWS)
def test_a_warm_kernel_shows_what_an_ordinary_one_shows(both: Both, name: str) -> None:
    """Every output of our templates is the same, byte by byte, before anything is cleaned."""
    assert sum('"data"' in shown for shown in both.cold[name]) > 10
    assert both.warm[name] == both.cold[name]


@pytest.mark.parametrize("cell", CANARY)
def test_a_cell_finds_its_process_as_in_an_ordinary_kernel(both: Both, cell: str) -> None:
    """What a cell can see of its process, settings and surroundings is the same."""
    place = 1 + list(CANARY).index(cell)
    assert both.warm["canary"][place] == both.cold["canary"][place]


def test_no_two_kernels_draw_alike(both: Both) -> None:
    """Random numbers that nobody seeded, ids, secrets and temporary names are each kernel's own."""
    texts = [made[name][0] for made in (both.cold, both.warm) for name in ("unseeded", "again")]
    drawn = [json.loads(text)[0]["stdout"].split() for text in texts]
    assert len(drawn[0]) == 8
    assert all(len(set(values)) == 4 for values in zip(*drawn, strict=True))


def test_our_notebooks_import_nothing_more(both: Both) -> None:
    """All that our templates import, the warm process has imported already: each review would pay for what is missing."""
    assert both.imported == dict.fromkeys(REVIEWS, "[]\n")


def test_reset_leaves_what_was_imported_before(as_in_runs: Kernels, tmp_path: Path) -> None:
    """The modules that IPython knows as there from the start are all that a warm kernel has before its first cell."""
    known = "import sys; print(sorted(set(sys.modules) ^ get_ipython()._sys_modules_keys), len(sys.modules) > 500)"
    assert execute(notebook(known), as_in_runs, folder=tmp_path).cells[0].outputs[0].text == "[] True\n"
    assert as_in_runs.cold_because is None


SETTING = "import matplotlib; print(matplotlib.rcParams['lines.linewidth'])"
PLACES = "import sys; print(sys.path)"


@pytest.mark.parametrize("told", [True, False], ids=["starts there", "starts elsewhere"])
def test_settings_in_the_folder_hold_for_warm_kernels(tmp_path: Path, told: bool) -> None:
    """A matplotlibrc where the notebooks work holds in every kernel; one that cannot be warm for it is told of."""
    (tmp_path / "matplotlibrc").write_text("lines.linewidth: 7.5\n")
    with Kernels(warm=Warmth(preload=("matplotlib",), folder=str(tmp_path) if told else "")) as kernels:
        assert execute(notebook(SETTING), kernels, folder=tmp_path).cells[0].outputs[0].text == "7.5\n"
        assert (kernels.cold_because is None) == told
        assert told or "matplotlibrc" in str(kernels.cold_because)


SHELL = """import builtins, os, sys
ip = get_ipython()
print(ip.config, ip.ast_node_interactivity, begun, ip.kernel.parent.argv, type(ip.kernel.parent), sys.argv)
print(os.getcwd(), os.environ.get("SET"), os.environ["MPLBACKEND"], hasattr(builtins, "kept") and kept.readline())"""
#: A file of settings that does more than to set something.
BUSY = """import asyncio, builtins, os
asyncio.set_event_loop(asyncio.new_event_loop())
builtins.kept = open(__file__)
os.environ["SET"], os.environ["MPLBACKEND"] = os.environ["JPY_PARENT_PID"] and "set", "agg"
os.chdir("/")"""


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        (
            "c.InteractiveShell.ast_node_interactivity = 'all'; c.InteractiveShellApp.exec_lines = ['begun += (1,)']",
            " all (1, 'first', 1) ",
        ),
        ("c.InteractiveShellApp.exec_lines = ['begun += (2,)']; raise OSError", " last_expr (1, 'first') "),
        (BUSY, "/ set agg c = get_config()"),
    ],
    ids=["settings", "wrong", "busy"],
)
def test_settings_of_ipython_hold_for_warm_kernels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str, found: str
) -> None:
    """What somebody set for IPython and what they let it run first is the same in every kernel, also after a mistake in it."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    profile = tmp_path / "ipython" / "profile_default"
    (profile / "startup").mkdir(parents=True)
    (profile / "ipython_kernel_config.py").write_text(f"c = get_config()\n{settings}\n")
    (profile / "startup" / "first.py").write_text("import sys\nbegun = (len(sys.argv), 'first')\n")
    shown = printed(SHELL, Warmth(), folder=tmp_path)
    assert shown == printed(SHELL, None, folder=tmp_path)
    assert found in shown


@pytest.mark.parametrize("safe", ["1", ""], ids=["safe path", "usual path"])
def test_modules_are_looked_for_in_the_same_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, safe: str) -> None:
    """The places of modules are an ordinary kernel's, also where Python leaves the folder it starts in out of them."""
    monkeypatch.setenv("PYTHONSAFEPATH", safe)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    assert printed(PLACES, Warmth(), folder=tmp_path) == printed(PLACES, None, folder=tmp_path)


def test_folders_on_the_path_that_depend_on_the_start_are_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel starts the ordinary way where the warm process would look for modules in another folder."""
    monkeypatch.setenv("PYTHONPATH", "modules")
    with Kernels(warm=Warmth()) as kernels:
        shown = execute(notebook(PLACES), kernels, folder=tmp_path).cells[0].outputs[0].text
        assert str(tmp_path.resolve() / "modules") in shown
        assert "PYTHONPATH" in str(kernels.cold_because)
