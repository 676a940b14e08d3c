"""An executed notebook without what only the run needed: paths of this machine, times, widget state, warnings."""

from __future__ import annotations

import copy
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
_KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# The folders of an absolute path; the last part stays, because a file's name helps. Only between quotes may blanks be in it.
_ROOT = r"(?:~?/|[A-Za-z]:[\\/]|\\\\)"
_PARTS = r"(?:[^\s/\\:*?\"'<>|]++[\\/])"
_BEFORE = r"(?<![\w:/.<~])"
_QUOTED = re.compile(rf"(?<=['\"]){_ROOT}(?:[^/\\:*?\"'<>|\n]++[\\/])++(?=[^/\\'\"\n]*['\"])")
_FOLDERS = re.compile(rf"{_BEFORE}{_ROOT}{_PARTS}++")


def without_folders(text: str, folder: Path | None = None) -> str:
    """Drop terminal colours and the folders of every absolute path from a text.

    Args:
        text: The text.
        folder: A folder that is known; like the home folder and others it is found also where blanks are in its name.
    """
    text = _COLOUR.sub("", text)
    if not any(sign in text for sign in "/\\"):
        return text
    known = "|".join(re.escape(name) for name in sorted(folders(folder), key=len, reverse=True))
    text = re.sub(rf"{_BEFORE}(?:{known})[/\\]{_PARTS}*+", "", _QUOTED.sub("", text))
    return _FOLDERS.sub("", text)


def folders(*more: Path | None) -> set[str]:
    """The folders of this machine that this process knows by name: home, where it works, its Python, this package, and more."""
    known = (Path.home(), Path.cwd(), Path(sys.prefix), Path(__file__).parents[2], *more)
    common = (None, Path(tempfile.gettempdir()))  # anybody may write of those
    return {str(folder) for folder in known if folder not in common and folder != Path(folder.anchor)}


def clean(nb: NotebookNode, folder: Path | None = None) -> NotebookNode:
    """Return a copy of an executed notebook that opens anywhere and tells nothing of the machine it ran on.

    Code is collapsed, as far as JupyterLab can, and cells stay where they are. ``folder`` is where it ran.
    """
    done = copy.deepcopy(nb)
    for name in set(done.metadata) - {"language_info"}:
        del done.metadata[name]
    done.metadata["kernelspec"] = dict(_KERNEL)
    for cell in done.cells:
        fasten(cell)
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "injected-parameters"  # papermill draws a random one
        if cell.cell_type == "code":
            cell.metadata["jupyter"] = {**cell.metadata.get("jupyter", {}), "source_hidden": True}
            cell.outputs = [output for one in cell.outputs if (output := _clean_output(one, folder)) is not None]
    return done


def fasten(cell: NotebookNode) -> None:
    """Let JupyterLab neither delete a cell nor change its code; a text may still be written in."""
    cell.metadata["deletable"] = False
    if cell.cell_type == "code":
        cell.metadata["editable"] = False


def _clean_output(output: NotebookNode, folder: Path | None) -> NotebookNode | None:
    if output.output_type == "stream":
        output.text = without_folders(output.text, folder)
        return None if output.name == "stderr" else output
    if output.output_type == "error":
        output.evalue = without_folders(output.evalue, folder)
        output.traceback = [without_folders(line, folder) for line in output.traceback]
        return output
    was_widget = output.data.pop(WIDGET_VIEW, None) is not None
    if "text/plain" in output.data:
        output.data["text/plain"] = without_folders(output.data["text/plain"], folder)
    # A widget's plain text is its Python representation, of no use to a reader.
    return None if was_widget and not set(output.data) - {"text/plain"} else output
