"""Notebooks made of a few cells, and run as the batch runs them."""

from __future__ import annotations

import copy
from pathlib import Path

import papermill
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from reviewlib.press.kernels import Kernels

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def notebook(*cells: str) -> NotebookNode:
    return new_notebook(cells=[new_code_cell(cell) for cell in cells], metadata=KERNEL)


def execute(nb: NotebookNode, kernels: Kernels, *, folder: Path, **parameters: str) -> NotebookNode:
    """Run a notebook in a kernel of these, and return it as it came from there."""
    return papermill.execute_notebook(
        copy.deepcopy(nb),
        None,
        parameters=parameters,
        kernel_name="python3",
        language="python",
        progress_bar=False,
        request_save_on_cell_execute=False,
        autosave_cell_every=0,
        execution_timeout=60,
        store_widget_state=False,
        shutdown_kernel="immediate",
        kernel_manager_class=kernels.manager_class,
        resources={"metadata": {"path": str(folder)}},
    )


def text(nb: NotebookNode, cell: int = 0) -> str:
    """What a cell printed."""
    return "".join(output.get("text", "") for output in nb.cells[cell].outputs)
