"""What several test modules share: the demo workbook, compiled once per session."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from reviewlib.press.imports import without_grammar

with without_grammar():  # each process that runs tests would take two seconds longer to start
    import nbformat  # noqa: F401

from reviewlib.evidence import sources
from reviewlib.evidence.period import PeriodEvidence, compile_evidence
from reviewlib.evidence.slicefile import NO_ROWS
from reviewlib.evidence.slices import Slicer
from reviewlib.params import reading
from reviewlib.params.model import Params
from reviewlib.periods import Period

#: The command line, PostgreSQL servers, journals on either engine, deals in a database, runs that get warm quickly or are
#: hindered, forms without a browser, for who asks.
pytest_plugins = (
    "tiers",
    "budget",
    "browser",
    "commands",
    "journals",
    "crms",
    "lightbook",
    "handmade",
    "faultbench",
    "forms_fixture",
)

# The same examples on every run, and no deadline: how long one takes says more of the machine than of the code.
settings.register_profile("review", deadline=None, derandomize=True)
settings.load_profile("review")

DEMO = Path(__file__).parents[1] / "params"
#: The longest modules begin first, so that no core waits for one of them at the end.
LONGEST = (
    "test_lab_forms",
    "test_real_export_pages",
    "test_conversation_run",
    "test_faults",
    "test_faults_disk",
    "test_faults_room",
    "test_cluster",
    "test_starter",
    "test_again",
    "test_warm",
    "test_batch",
    "test_kernels",
    "test_client",
    "test_lab",
    "test_canaries",
    "test_kpis",
    "test_snapshot",
    "test_docs",
    "test_app",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """A worker for each core; two where half of the time goes by in waiting for a browser, a kernel or the disk."""
    waiting = config.getoption("markexpr") in ("whole", "faults", "soak")
    return (1 + waiting) * (os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest modules first; the order within a module stays."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONGEST)))


@pytest.fixture(scope="session")
def demo_params(tmp_path_factory: pytest.TempPathFactory) -> Params:
    """The demo workbook, in a folder of its own."""
    root = tmp_path_factory.mktemp("demo")
    shutil.copytree(DEMO, root / "params")
    return reading.load(root / "params" / "demo.yaml")


@pytest.fixture(scope="session")
def demo_evidence(demo_params: Params) -> PeriodEvidence:
    """The evidence of the demo's third quarter of 2026, in memory; tests change nothing in it."""
    return compile_evidence(demo_params, sources.read(demo_params), Period.parse("2026-Q3"))


@pytest.fixture(scope="session")
def demo_slices(demo_evidence: PeriodEvidence) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Every slice of the demo by kind, subject and audience: reps for themselves, teams for both."""
    slicer = Slicer(demo_evidence, snapshot="0" * 12, frozen_at=dt.datetime(2026, 10, 15, tzinfo=dt.UTC))
    rows = slicer.listing.rows(demo_evidence.reviewed)
    reps = {("rep", rep_id, "rep"): slicer.rep(rep_id, "rep") | json.loads(rows[rep_id]) for rep_id in demo_evidence.reviewed}
    teams = [(name, who) for name in demo_evidence.teams() for who in ("manager", "rep")]
    return reps | {("team", name, who): slicer.team(name, who) | json.loads(NO_ROWS) for name, who in teams}
