"""What a tier of tests takes: its CPU over that of a loop timed beside it, so that busy and slow machines judge alike."""

from __future__ import annotations

import json
import resource
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

#: How often the CPU of the loop each tier took when it was recorded, with ``pytest -m TIER --record-budget``.
RECORDED = Path(__file__).with_name("budget.json")
#: A tier that takes more than so much of what is recorded fails.
ALLOWED = 1.5
#: What ``-m`` says where a whole tier is run.
_WHOLE = {
    "unit": "unit",
    "not whole and not spark and not faults and not soak": "default",
    "whole": "whole",
    "faults": "faults",
}


@dataclass
class Meter:
    """Seconds of CPU of a process that runs tests, with its children: until the first test, since then, and of each loop."""

    start: float = 0.0
    loops: list[float] = field(default_factory=list)
    workers: list[dict[str, Any]] = field(default_factory=list)
    said: str = ""

    def loop(self) -> None:
        """Time the loop once."""
        before = time.process_time()
        words = [f"{number * 7919 % 10007:05}" for number in range(20_000)]
        places = {word: place for place, word in enumerate(sorted(words))}
        assert sum(places[word] for word in words) > 0
        self.loops.append(time.process_time() - before)

    def read(self) -> dict[str, Any]:
        """Sum up, for the process that gathers."""
        return {"start": self.start, "tests": _used() - self.start, "loop": statistics.fmean(self.loops or [0.0])}

    def taken(self, *, alone: bool) -> tuple[float, float]:
        """Seconds of the whole run, and as many loops; what begins in every worker counts once."""
        read = [self.read()] if alone else self.workers
        seconds = max(each["start"] for each in read) + sum(each["tests"] for each in read)
        return seconds, seconds / statistics.fmean(each["loop"] for each in read)


METER = pytest.StashKey[Meter]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let somebody record what a tier takes."""
    parser.addoption("--record-budget", action="store_true", help="record what this tier takes in tests/budget.json")


def pytest_configure(config: pytest.Config) -> None:
    """Lay the meter."""
    config.stash[METER] = Meter()


def pytest_collection_finish(session: pytest.Session) -> None:
    """From here on the tests count."""
    session.config.stash[METER].start = _used()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Time the loop beside each module."""
    result = yield
    if nextitem is None or nextitem.path != item.path:
        item.config.stash[METER].loop()
    return result


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker reports."""
    node.config.stash[METER].workers.append(node.workeroutput["budget"])


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Report in a worker; judge where all ends, and only what ran whole and well."""
    config, meter = session.config, session.config.stash[METER]
    if hasattr(config, "workeroutput"):
        config.workeroutput["budget"] = meter.read()
        return
    tier = _tier(config)
    if tier is None or session.exitstatus != pytest.ExitCode.OK:
        return
    seconds, ratio = meter.taken(alone=not meter.workers)
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    if config.getoption("record_budget"):
        recorded[tier] = round(ratio)
        RECORDED.write_text(json.dumps(recorded, indent=2) + "\n", encoding="utf-8")
    known = recorded.get(tier)
    meter.said = f"the tier {tier} took {seconds:.0f} s of CPU, {ratio:,.0f} loops; recorded are {known or 'none yet'}"
    if known and ratio > ALLOWED * known:
        meter.said += f", and {ALLOWED:.0%} of them are allowed: find what grew (--durations=20), or record anew"
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what the tier took."""
    if said := config.stash[METER].said:
        terminalreporter.write_line(said)


def _used() -> float:
    """Seconds of CPU that this process and its children, as far as they have ended, have taken."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in both)


def _tier(config: pytest.Config) -> str | None:
    """Which tier is run, if it is run whole: no file, no name, nothing left out."""
    options = ("keyword", "collectonly", "lf", "failedfirst", "stepwise", "deselect", "ignore", "ignore_glob")
    narrowed = config.args_source is not pytest.Config.ArgsSource.TESTPATHS or any(
        config.getoption(name, None) for name in options
    )
    return None if narrowed else _WHOLE.get(config.getoption("markexpr"))
