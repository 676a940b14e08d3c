"""Sealed pages: what both sides have signed is kept as it is and never made again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from reviewlib.run.manifest import ManifestRow


def kept(entries: Iterable[ManifestRow], folder: Path) -> dict[str, ManifestRow]:
    """Find the reviews that are not made again, by key; one whose page is gone or was changed since counts as failed.

    Args:
        entries: What the period's manifest says of the reviews.
        folder: The period's folder.
    """
    return {entry.key: _looked_at(entry, folder) for entry in entries if entry.sealed}


def _looked_at(entry: ManifestRow, folder: Path) -> ManifestRow:
    wrong = problem(entry, folder)
    return replace(entry, state="failed" if wrong else "made", error=wrong)


def problem(entry: ManifestRow, folder: Path) -> str | None:
    """Say what is wrong with a signed page; None where it is as it was signed."""
    path = folder / entry.page
    if not path.is_file():
        return "Signed: the signed page is gone; restore it from a backup, it is never made again"
    if hashlib.sha256(path.read_bytes()).hexdigest() != entry.files.get(entry.page):
        return "Signed: the signed page was changed since; restore it from a backup, it is never made again"
    return None
