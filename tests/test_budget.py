"""A tier that outgrows what was recorded for it fails, on any machine and with any number of workers."""

from __future__ import annotations

import json

import budget
import pytest

pytest_plugins = ("pytester",)
pytestmark = pytest.mark.whole  # runs pytest in processes

TESTS = """
import time

import pytest

@pytest.mark.parametrize("number", range(2))
def test_work(number):
    end = time.process_time() + {seconds}
    while time.process_time() < end:
        pass
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> object:
    """Run tests that take so many seconds each, with a record of their own."""
    pytester.makeini("[pytest]\ntestpaths = .\nmarkers =\n    unit\n")
    recorded = f"import budget, pathlib\nbudget.RECORDED = pathlib.Path({str(pytester.path / 'budget.json')!r})"
    pytester.makeconftest(f"{recorded}\npytest_plugins = ('budget', 'tiers')")
    (pytester.path / "budget.json").write_text("{}")
    monkeypatch.setenv("PYTHONPATH", str(budget.RECORDED.parent))

    def call(seconds: float, *options: str) -> pytest.RunResult:
        pytester.makepyfile(TESTS.format(seconds=seconds))
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-m", "unit", *options)

    return call


def test_what_grows_by_more_than_half_fails(run, pytester: pytest.Pytester) -> None:  # type: ignore[no-untyped-def]
    """The same work passes, in one process and in two; four times as much fails, but not where a part was asked for."""
    recorded = pytester.path / "budget.json"
    assert run(0.5, "--record-budget").ret == 0
    loops = json.loads(recorded.read_text())["unit"]
    assert json.loads(recorded.read_text()) == {"unit": loops}
    same = run(0.5, "-n", "2")
    assert same.ret == 0
    same.stdout.fnmatch_lines(["the tier unit took * loops; recorded are *"])
    for options in ((), ("-n", "2")):
        more = run(2.0, *options)
        assert more.ret == pytest.ExitCode.TESTS_FAILED
        more.assert_outcomes(passed=2)
        more.stdout.fnmatch_lines(["*150% of them are allowed*"])
    recorded.write_text(json.dumps({"unit": max(1, loops // 40)}))
    for part in (("-k", "work"), ("test_what_grows_by_more_than_half_fails.py",)):
        assert run(0.05, *part).ret == 0
