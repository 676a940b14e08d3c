"""Keys that are pressed in a section: they are its own, not commands of the notebook, one of which deletes a cell."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import anywidget

_SCRIPT: Final = Path(__file__).parents[1] / "templates" / "forms" / "keys.js"


class Keys(anywidget.AnyWidget):
    """Nothing to see; it lets JupyterLab leave keys alone in the cells of its notebook that hold forms or collapsed code."""

    _esm = _SCRIPT
