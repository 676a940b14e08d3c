"""What people said since a notebook ran: at export, the sections that they write are rendered anew from the journal.

A manager who saves in a form need not run the notebook again before it is exported, and an executed notebook that is exported
later says what is recorded then. Figures and charts stay those of the notebook.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from nbformat import NotebookNode

from reviewlib.errors import ParamsError

#: The sections that hold people's words or depend on them, by the name of their block.
WRITTEN: Final = (
    "header", "improve", "agreed", "own_view", "feedback", "goals", "development", "recognition", "signoff", "team_goals",
    "skills", "reviews",
)  # fmt: skip
_OPEN: Final = {"rep": "open_review", "team": "open_team_review"}


def anew(nb: NotebookNode, folder: Path) -> dict[str, str]:
    """Render the written sections of a notebook's review as the journal has them now.

    Args:
        nb: An executed review notebook; its parameters say which review it is.
        folder: Where it lies; the params file is looked for from here upwards.

    Returns:
        HTML by the section's name; empty where the notebook is no review, or its params file is not found from here.

    Raises:
        ReviewError: The review cannot be opened: what the notebook holds may be old, and is not passed off as what is said now.
    """
    from reviewlib import review
    from reviewlib.pages import blocks
    from reviewlib.params import reading

    given = parameters(nb)
    kind = next((name for name in _OPEN if name in given), None)
    if kind is None or not {"params", "period"} <= set(given):
        return {}
    try:
        path = reading.find(given["params"], folder)
    except ParamsError:
        return {}
    opened = getattr(review, _OPEN[kind])(path, **{name: given[name] for name in given if name != "params"})
    outputs = [output for cell in nb.cells for output in cell.get("outputs", [])]
    displayed = {output.get("metadata", {}).get("reviewlib", {}).get("section") for output in outputs}
    return {name: getattr(blocks, name)(opened).html for name in WRITTEN if name in displayed}


def parameters(nb: NotebookNode) -> dict[str, str]:
    """Read the texts that a notebook's parameter cells assign; the injected cell comes last and holds."""
    found: dict[str, str] = {}
    for cell in nb.cells:
        if set(cell.metadata.get("tags", [])) & {"parameters", "injected-parameters"}:
            with contextlib.suppress(SyntaxError):
                found.update(_assigned(cell.source))
    return found


def _assigned(source: str) -> Iterator[tuple[str, str]]:
    for line in ast.parse(source).body:
        if isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str):
            yield from ((target.id, line.value.value) for target in line.targets if isinstance(target, ast.Name))
