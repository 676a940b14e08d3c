"""What proves a snapshot: ``snapshot.json`` holds the sha256 of every other file, and its own sha256 stands for them all.

Snapshots that were frozen before hashes were kept have neither, and are read as they are.
"""

import json
from pathlib import Path
from typing import Any, Final

from reviewlib import files
from reviewlib.errors import SnapshotError

INFO: Final = "snapshot.json"
#: The form of ``snapshot.json`` that is written; this one and earlier ones are read.
FORMAT: Final = 1
#: What to do about evidence that is not what was frozen.
RESTORE: Final = (
    "Restore it from a backup; evidence is never changed once it is frozen. A snapshot on which nothing is released or signed "
    "may be removed as a whole instead: the next freeze makes it anew."
)


def hashes(folder: Path) -> dict[str, str]:
    """Hash every file of a snapshot but ``snapshot.json``, by its place in the folder.

    A link, an empty folder and whatever else is there is none of its files, and has no hash.
    """
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or (path.is_dir() and any(path.iterdir()))):
            found[path.relative_to(folder).as_posix()] = "no file"
        elif path.is_file() and path != folder / INFO:
            found[path.relative_to(folder).as_posix()] = files.sha256_of(path)
    return found


def info(folder: Path) -> dict[str, Any]:
    """Read what ``snapshot.json`` says.

    Raises:
        SnapshotError: It is damaged, or was written by a newer version.
    """
    path = folder / INFO
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
        newer = found.get("format", 0) > FORMAT
    except (FileNotFoundError, ValueError, TypeError, AttributeError) as error:
        raise damaged(path) from error
    if newer:
        raise SnapshotError(
            "The evidence was frozen by a newer version of this program.",
            where=_shown(path),
            found=f"format {found['format']}; this program reads format {FORMAT}",
            do="Install the newer reviewlib.",
        )
    return found


def of(folder: Path) -> str | None:
    """The proof of a snapshot; None where it is not there."""
    path = folder / INFO
    return files.sha256_of(path) if path.is_file() else None


def check(folder: Path, known: str | None, *, by: str) -> None:
    """Refuse a snapshot whose ``snapshot.json`` is not the one whose hash is known, and say who knows it; without one, none.

    Raises:
        SnapshotError: It is another one.
    """
    if known and of(folder) != known:
        raise damaged(folder / INFO, found=f"its hash is not the one that {by} holds")


def read(path: Path, folder: Path) -> bytes:
    """Read one file of a snapshot and hold it against its hash.

    Raises:
        SnapshotError: It is gone, changed, or none of the snapshot's.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise damaged(path) from None
    hold(path, folder, files.sha256(content))
    return content


def hold(path: Path, folder: Path, now: str | None = None) -> None:
    """Hold one file of a snapshot against its hash, however large it is; ``now`` is the one that it has, where that is known.

    Raises:
        SnapshotError: It is changed, or none of the snapshot's.
    """
    known = info(folder).get("files") if (folder / INFO).is_file() else None
    if known is not None and (now or files.sha256_of(path)) != known.get(path.relative_to(folder).as_posix()):
        raise damaged(path)


def problems(folder: Path) -> list[str]:
    """Say which files of a snapshot are changed, gone or added; of one without hashes that cannot be told."""
    known = info(folder).get("files")
    if known is None:
        return []
    now = hashes(folder)
    words = {place: "was changed" if place in known else "does not belong there" for place in now}
    words |= dict.fromkeys(known.keys() - now.keys(), "is gone")
    return [f"snapshots/{folder.name}/{place} {words[place]}" for place in sorted(words) if now.get(place) != known.get(place)]


def damaged(path: Path, *, found: str = "a part of it is gone or was changed") -> SnapshotError:
    """Say that a file of a snapshot is not what was frozen."""
    return SnapshotError("The evidence of a review is damaged.", where=_shown(path), found=found, do=RESTORE)


def _shown(path: Path) -> str:
    return "/".join(path.parts[-4:])
