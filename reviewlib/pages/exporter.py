"""The exporter for nbconvert and JupyterLab: an executed review as one HTML file without script, code or network.

A manager who saves in a form need not run the notebook again before it is exported, and an executed notebook that is exported
later says what is recorded then: the sections that people write are rendered anew from the journal. Figures and charts stay
those of the notebook.

Imports are light: an exporter that cannot be loaded breaks every ``jupyter nbconvert`` on the machine.
"""

import ast
import contextlib
from pathlib import Path
from typing import Any, Final

from nbconvert import HTMLExporter
from nbformat import NotebookNode

from reviewlib.errors import ParamsError
from reviewlib.pages.printing import page

_HERE = Path(__file__).parent
_OPEN: Final = {"rep": "open_review", "team": "open_team_review"}


class ReviewExporter(HTMLExporter):
    """Turn an executed review notebook into the page that is shared."""

    export_from_notebook = "Review page"

    def __init__(self, **options: Any):
        options.setdefault("template_name", "review")
        options.setdefault("extra_template_basedirs", [str(_HERE / "templates")])
        super().__init__(**options)  # type: ignore[no-untyped-call]

    def from_notebook_node(self, nb: Any, resources: Any = None, **_: Any) -> tuple[Any, dict[str, Any]]:
        """Render the page; code, widget state and whatever is no display of a review stay out.

        What people wrote is taken from the journal as it is now, not from the notebook.

        Args:
            nb: The executed notebook.
            resources: nbconvert's own; the output's extension is put into it.
        """
        resources = self._init_resources(resources)  # type: ignore[no-untyped-call]
        resources["output_extension"] = self.file_extension
        folder = Path(resources["metadata"].get("path") or ".")
        return page(nb, anew=anew(nb, folder)), resources


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

    given = _parameters(nb)
    kind = next((name for name in _OPEN if name in given), None)
    if kind is None or not {"params", "period"} <= set(given):
        return {}
    try:
        path = reading.find(str(given["params"]), folder)
    except ParamsError:
        return {}
    opened = getattr(review, _OPEN[kind])(path, **{name: given[name] for name in (kind, "period", "audience") if name in given})
    outputs = [output for cell in nb.cells for output in cell.get("outputs", [])]
    displayed = {output.get("metadata", {}).get("reviewlib", {}).get("section") for output in outputs}
    return {name: getattr(blocks, name)(opened).html for name in blocks.WRITTEN if name in displayed}


def _parameters(nb: NotebookNode) -> dict[str, Any]:
    """Read what a notebook's parameter cells assign; the injected cell comes last and holds, also where it assigns no text."""
    found: dict[str, Any] = {}
    cells = [cell for cell in nb.cells if set(cell.metadata.get("tags", [])) & {"parameters", "injected-parameters"}]
    for cell in cells:
        with contextlib.suppress(SyntaxError):
            for line in ast.parse(cell.source).body:
                if isinstance(line, ast.Assign):
                    value = line.value.value if isinstance(line.value, ast.Constant) else None
                    found |= {target.id: value for target in line.targets if isinstance(target, ast.Name)}
    return found
