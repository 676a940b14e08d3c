"""The exporter for nbconvert and JupyterLab: an executed review as one HTML file without script, code or network.

Imports are light: an exporter that cannot be loaded breaks every ``jupyter nbconvert`` on the machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbconvert import HTMLExporter

from reviewlib.pages.printing import page

_HERE = Path(__file__).parent


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
        from reviewlib.pages import refresh

        resources = self._init_resources(resources)  # type: ignore[no-untyped-call]
        resources["output_extension"] = self.file_extension
        folder = Path(resources["metadata"].get("path") or ".")
        return page(nb, anew=refresh.anew(nb, folder)), resources
