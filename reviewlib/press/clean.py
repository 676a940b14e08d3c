"""An executed notebook without what only the run needed: paths of this machine, times, widget state, warnings."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
_KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# The folders of an absolute path; the last part stays, because a file's name helps.
_FOLDERS = re.compile(r"(?<![\w:/.<~])(?:~?/|[A-Za-z]:[\\/]|\\\\)(?:[^\s/\\:*?\"'<>|]+[\\/])+")


def without_folders(text: str) -> str:
    """Drop terminal colours and the folders of every absolute path from a text."""
    return _FOLDERS.sub("", _COLOUR.sub("", text))


def clean(nb: NotebookNode) -> NotebookNode:
    """Return a copy of an executed notebook that opens anywhere and tells nothing of the machine it ran on.

    Code is collapsed, as far as JupyterLab can.
    """
    done = copy.deepcopy(nb)
    for name in set(done.metadata) - {"language_info"}:
        del done.metadata[name]
    done.metadata["kernelspec"] = dict(_KERNEL)
    for cell in done.cells:
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "injected-parameters"  # papermill draws a random one
        if cell.cell_type == "code":
            cell.metadata["jupyter"] = {**cell.metadata.get("jupyter", {}), "source_hidden": True}
            cell.outputs = [output for output in map(_clean_output, cell.outputs) if output is not None]
    return done


def _clean_output(output: NotebookNode) -> NotebookNode | None:
    if output.output_type == "stream":
        output.text = without_folders(output.text)
        return None if output.name == "stderr" else output
    if output.output_type == "error":
        output.evalue = without_folders(output.evalue)
        output.traceback = [without_folders(line) for line in output.traceback]
        return output
    was_widget = output.data.pop(WIDGET_VIEW, None) is not None
    if "text/plain" in output.data:
        output.data["text/plain"] = without_folders(output.data["text/plain"])
    # A widget's plain text is its Python representation, of no use to a reader.
    return None if was_widget and not set(output.data) - {"text/plain"} else output
