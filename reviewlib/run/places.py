"""Where the files of a review lie, below the folder of a period."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from reviewlib.evidence.subjects import Subject

#: Where each audience's copy lies below the team's folder.
PAGES: Final[Mapping[tuple[str, str], str]] = {
    ("rep", "manager"): "manager/{slug}.html",
    ("rep", "rep"): "rep/{slug}.html",
    ("team", "manager"): "team.html",
    ("team", "rep"): "rep/team.html",
}


def pages_of(subject: Subject, folder: Path) -> dict[str, Path]:
    """The page of each audience of a subject's review."""
    own = folder / subject.folder
    return {who: own / page.format(slug=subject.slug) for (kind, who), page in PAGES.items() if kind == subject.kind}
