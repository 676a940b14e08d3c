"""A tier that outgrows what was recorded for it fails, on any machine and with any number of workers."""

from __future__ import annotations

import json
import subprocess
import sys

import budget
import pytest

pytest_plugins = ("pytester",)
pytestmark = pytest.mark.whole  # runs pytest in processes

TESTS = """
import budget
import pytest

@pytest.mark.parametrize("number", range(2))
def test_work(number):
    budget.CLOCK += {seconds}
"""
#: In place of the processor: what a test takes is what it says, and a loop takes a hundredth of a second.
CLOCK = """
import budget, pathlib

budget.RECORDED = pathlib.Path({recorded!r})
budget.CLOCK = 1.0
budget._used = lambda: budget.CLOCK
budget.Meter.loop = lambda meter: meter.loops.append(0.01)
pytest_plugins = ("budget", "tiers")
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> object:
    """Run tests that take so many seconds each, with a record of their own."""
    pytester.makeini("[pytest]\ntestpaths = .\nmarkers =\n    unit\n")
    pytester.makeconftest(CLOCK.format(recorded=str(pytester.path / "budget.json")))
    (pytester.path / "budget.json").write_text("{}")
    monkeypatch.setenv("PYTHONPATH", str(budget.RECORDED.parent))

    def call(seconds: float, *options: str) -> pytest.RunResult:
        pytester.makepyfile(TESTS.format(seconds=seconds))
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-m", "unit", *options)

    return call


def test_what_grows_by_more_than_half_fails(run, pytester: pytest.Pytester) -> None:  # type: ignore[no-untyped-def]
    """The same work passes, in one process and in two; sixty percent more fails, but not where a part was asked for."""
    recorded = pytester.path / "budget.json"
    assert run(0.5, "--record-budget").ret == 0
    assert json.loads(recorded.read_text()) == {"unit": 200}  # a second until the first test, and half a second for each of two
    same = run(0.5, "-n", "2")
    assert same.ret == 0
    same.stdout.fnmatch_lines(["the tier unit took 2 s of CPU, 200 loops; recorded are 200"])
    for options in ((), ("-n", "2")):
        more = run(1.1, *options)
        assert more.ret == pytest.ExitCode.TESTS_FAILED
        more.assert_outcomes(passed=2)
        more.stdout.fnmatch_lines(["*150% of them are allowed*"])
    recorded.write_text(json.dumps({"unit": 5}))
    for part in (("-k", "work"), ("test_what_grows_by_more_than_half_fails.py",)):
        assert run(0.05, *part).ret == 0


def test_the_processor_is_read_with_that_of_children() -> None:
    """What a loop takes, and what a child takes, is what the meter reads."""
    meter, before = budget.Meter(), budget._used()
    for _ in range(20):
        meter.loop()
    own = budget._used() - before
    assert own >= 0.9 * sum(meter.loops) > 0
    subprocess.run([sys.executable, "-c", "sum(number * number for number in range(3_000_000))"], check=True)
    assert budget._used() - before > own


def test_the_default_tier_is_known(pytestconfig: pytest.Config) -> None:
    """What runs where nobody says which tests is a tier with a budget."""
    options = pytestconfig.getini("addopts")
    assert budget._WHOLE[options[options.index("-m") + 1]] == "default"
