"""Tiers of tests: what a test needs decides where it belongs, and a unit test that starts a process fails."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

#: From the lightest to the heaviest; each test has exactly one. A plain ``pytest`` runs the first two.
TIERS = ("unit", "default", "whole", "spark", "faults", "soak")
#: Fixtures that bring in more than Python and this package: a browser, JupyterLab, PostgreSQL, a wheel, runs of notebooks.
TOOLS = frozenset({"chromium", "kept_runs", "lab", "light_runs", "postgres_server", "wheel"})
#: Fixtures that freeze a workbook, compile the demo, or run the command line.
TOGETHER = frozenset({"demo", "demo_evidence", "demo_params", "demo_slices", "evidence", "frozen", "kept", "run"})
#: Modules whose tests freeze or compile a workbook each, draw charts, or measure for seconds. Single tests that take longer
#: than half a second carry the mark themselves.
LONG = frozenset(
    {
        "test_charts",
        "test_company",
        "test_company_talk",
        "test_custom",
        "test_disclosure",
        "test_disclosure_attack",
        "test_facts",
        "test_house",
        "test_kpis",
        "test_linear",
        "test_slicefile",
        "test_properties",
        "test_review",
        "test_safe_csv",
        "test_slices",
        "test_snapshot",
        "test_whole_pages",
    }
)
_TIER = pytest.StashKey[str]()
_PROCESSES = frozenset({"subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"})
_started: list[str] = []


def _note(event: str, args: tuple[object, ...], processes: frozenset[str] = _PROCESSES, started: list[str] = _started) -> None:
    if event in processes:  # both are at hand until the very end, when a module's names are gone already
        started.append(f"{event}{args[:2]}"[:200])


sys.addaudithook(_note)


def tier_of(item: pytest.Item) -> str:
    """Tell a test's tier: the one it is marked with, or what its module, its fixtures and its engine ask for."""
    marked = {mark.name for mark in item.iter_markers()} & set(TIERS)
    if len(marked) > 1:
        raise pytest.UsageError(f"{item.nodeid} is marked {' and '.join(sorted(marked))}; a test has one tier")
    if marked:
        return marked.pop()
    if item.path.stem.startswith("test_faults"):
        return "faults"
    fixtures = set(getattr(item, "fixturenames", ()))
    engine = getattr(item, "callspec", None) and item.callspec.params.get("desk")  # type: ignore[attr-defined]
    if fixtures & TOOLS or engine == "postgres":
        return "whole"
    return "default" if fixtures & TOGETHER or item.path.stem in LONG else "unit"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its tier, before ``-m`` chooses among them."""
    for item in items:
        tier = item.stash[_TIER] = tier_of(item)
        if item.get_closest_marker(tier) is None:
            item.add_marker(tier)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Forget what was started by the tests before."""
    _started.clear()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Fail a unit test that has started a process, in its fixtures too: a bare machine runs those in seconds."""
    result = yield
    if _started and item.stash[_TIER] == "unit":
        pytest.fail(f"a unit test started a process ({_started[0]}); mark it default, or whole where it needs a tool or a run")
    return result
