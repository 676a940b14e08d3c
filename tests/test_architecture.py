"""The house keeps its floors: imports run downward as ``pyproject.toml`` says, public names are what ``__all__`` says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import reviewlib

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


@pytest.mark.default
def test_imports_keep_the_contracts() -> None:
    """No room imports from a floor above its own, and each heavy library has its one room."""
    code = f"from importlinter.cli import lint_imports; raise SystemExit(lint_imports({str(PROJECT)!r}, no_cache=True))"
    checked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


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
