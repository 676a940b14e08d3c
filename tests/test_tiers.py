"""Each test belongs to one tier, by what it needs, and a unit test starts no process."""

from __future__ import annotations

import pytest

pytest_plugins = ("pytester",)

TESTS = """
import subprocess
import sys

import pytest

@pytest.fixture
def chromium(): ...

@pytest.fixture
def frozen(): ...

@pytest.fixture(params=["sqlite", "postgres"])
def desk(request): return request.param

def test_figure(): ...
def test_slice(frozen): ...
def test_page(chromium): ...
def test_journal(desk): ...
def test_started(): subprocess.run([sys.executable, "-c", ""])
@pytest.mark.default
def test_command(): subprocess.run([sys.executable, "-c", ""])
@pytest.mark.soak
def test_page_for_long(chromium): ...
"""


@pytest.mark.parametrize(
    ("tier", "found"),
    [
        ("unit", ["test_figure", "test_journal[sqlite]", "test_started"]),
        ("default", ["test_slice", "test_command"]),
        ("whole", ["test_page", "test_journal[postgres]"]),
        ("faults", ["test_killed"]),
        ("soak", ["test_page_for_long"]),
    ],
)
def test_what_a_test_needs_decides(pytester: pytest.Pytester, tier: str, found: list[str]) -> None:
    """Fixtures, the engine and the module's name place a test; a mark of its own goes before them."""
    pytester.makepyfile(test_one=TESTS, test_faults_two="def test_killed(): ...")
    result = pytester.runpytest_inprocess("-p", "tiers", "-m", tier, "--collect-only", "-q")
    names = [line.partition("::")[2] for line in result.outlines if "::" in line]
    assert names == found


@pytest.mark.default
def test_a_unit_test_that_starts_a_process_fails(pytester: pytest.Pytester) -> None:
    """A process is found wherever it was started; a test of another tier may start one."""
    pytester.makepyfile(test_one=TESTS)
    result = pytester.runpytest_inprocess("-p", "tiers", "-k", "started or command or figure")
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_started*", "*a unit test started a process*"])


def test_two_tiers_are_refused(pytester: pytest.Pytester) -> None:
    """A test that is marked with two tiers ends the collection with its name."""
    pytester.makepyfile("import pytest\n@pytest.mark.whole\n@pytest.mark.soak\ndef test_both(): ...")
    result = pytester.runpytest_inprocess("-p", "tiers")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*test_both is marked soak and whole; a test has one tier*"])
