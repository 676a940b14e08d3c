"""What the folder a process starts in changes in the modules that it imports there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_SETTINGS = ("matplotlibrc",)  # files that modules read where they are imported


def difference(folder: str, other: str, *, env: Mapping[str, str]) -> str | None:
    """Say why imports in one folder come out otherwise than in another, as far as is known; None where they do not.

    Args:
        folder: Where a process works.
        other: Where another one started.
        env: The environment of both.
    """
    if folder == other or os.path.realpath(folder) == os.path.realpath(other):
        return None
    for place in (folder, other):
        for name in _SETTINGS:
            if (Path(place) / name).exists():
                return f"{name} in {place} holds only for what starts there"
    entries = env.get("PYTHONPATH", "")
    if entries and not all(map(os.path.isabs, entries.split(os.pathsep))):
        return "PYTHONPATH names folders that depend on where a process starts"
    return None
