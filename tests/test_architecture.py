"""The house keeps its floors: imports run downward as ``pyproject.toml`` says, public names are what ``__all__`` says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

import reviewlib

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def test_imports_keep_the_contracts(capsys: pytest.CaptureFixture[str]) -> None:
    """No room imports from a floor above its own, and each heavy library has its one room."""
    kept = lint_imports(config_filename=str(PROJECT), no_cache=True) == 0
    assert kept, capsys.readouterr().out


def test_public_names_are_those_of_all() -> None:
    """``__all__`` is sorted, every name loads, and nothing else is offered."""
    assert reviewlib.__all__ == sorted(reviewlib.__all__)
    assert all(getattr(reviewlib, name) is not None for name in reviewlib.__all__)
    assert dir(reviewlib) == reviewlib.__all__


@pytest.mark.default
def test_help_loads_no_heavy_library() -> None:
    """``reviewlib --help`` answers without pandas, Ibis, Jupyter or matplotlib."""
    code = "import sys; from reviewlib.cli import app; print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert not loaded & {"pandas", "ibis", "duckdb", "matplotlib", "papermill", "nbconvert", "pyarrow"}
