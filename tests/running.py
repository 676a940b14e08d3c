"""Notebooks made of a few cells, and run as the batch runs them."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import textwrap
from pathlib import Path

from reviewlib.press.imports import without_grammar

with without_grammar():  # each process that is driven would take two seconds longer to start
    from nbformat import NotebookNode
    from nbformat.v4 import new_code_cell, new_notebook
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

from reviewlib.press import execution
from reviewlib.press.kernels import Kernels

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def notebook(*cells: str) -> NotebookNode:
    return new_notebook(cells=[new_code_cell(cell) for cell in cells], metadata=KERNEL)


def execute(nb: NotebookNode, kernels: Kernels, *, folder: Path, seconds: float = 60, **parameters: str) -> NotebookNode:
    """Run a notebook in a kernel of these, all cells together so many seconds at most, and return it as it came from there."""
    nb = load_notebook_node(nb)
    if parameters:
        nb = parameterize_notebook(nb, parameters, kernel_name="python3", language="python")
    return execution.execute(nb, manager_class=kernels.manager_class, folder=folder, seconds=seconds)


def driven(code: str, *, folder: Path, limits: dict[int, tuple[int, int]] | None = None, **env: str) -> str:
    """Run Python code in a process of its own, under limits and with more in its environment; return what it printed.

    The code finds what this module has. Raises where it fails or takes minutes.
    """

    def limit() -> None:
        for kind, values in (limits or {}).items():
            resource.setrlimit(kind, values)

    return subprocess.run(
        [sys.executable, "-c", f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n{textwrap.dedent(code)}"],
        cwd=folder,
        env=os.environ | env,
        preexec_fn=limit,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
        check=True,
    ).stdout


def text(nb: NotebookNode, cell: int = 0) -> str:
    """What a cell printed."""
    return "".join(output.get("text", "") for output in nb.cells[cell].outputs)
