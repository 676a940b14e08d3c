"""Files that are either whole or not there: written beside their place and moved in with one rename."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import sys
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reviewlib.errors import ReviewError

SLUG_BYTES = 80


@dataclass(frozen=True)
class Modes:
    """Who may read what is written: nobody but the owner, or one group of accounts too."""

    file: int = 0o600
    folder: int = 0o700
    gid: int | None = None

    @classmethod
    def shared(cls, group: str) -> Modes:
        """Let one group of operating-system accounts read.

        Raises:
            ReviewError: This system does not know the group.
        """
        return cls(file=0o640, folder=0o750, gid=_gid(group))


PRIVATE = Modes()


def slug(name: str, id: str) -> str:
    """Make a file name stem of a name and an id: lower case ASCII, at most ``SLUG_BYTES`` bytes.

    The hash of the id keeps two people of one name apart, also where case does not count; with it no stem is a reserved name.
    Scripts without a Latin decomposition leave the hash alone.
    """
    mark = hashlib.sha256(id.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain)[: SLUG_BYTES - len(mark) - 1].strip("-")
    return f"{words}-{mark}" if words else mark


def write(path: Path, content: str | bytes, *, modes: Modes = PRIVATE) -> None:
    """Write one file; whoever looks sees the old one or the new one, never a part.

    Raises:
        OSError: No room, no permission; the old file is untouched.
    """
    write_all({path: content}, modes=modes)


def write_all(contents: Mapping[Path, str | bytes], *, modes: Modes = PRIVATE) -> None:
    """Write files that belong together: all are whole on disk before the first one is moved in.

    Raises:
        OSError: No room, no permission; no old file was touched unless a rename itself failed.
    """
    staged: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            make_folder(path.parent, modes=modes)
            staged[path] = path.parent / f".{secrets.token_hex(6)}.part"
            _write_through(staged[path], content.encode() if isinstance(content, str) else content, modes)
        for path, part in staged.items():
            part.replace(path)
    finally:
        for part in staged.values():
            part.unlink(missing_ok=True)
    for folder in {path.parent for path in staged}:
        _sync_folder(folder)


def make_folder(path: Path, *, modes: Modes = PRIVATE) -> None:
    """Create a folder and its missing parents with the modes; what exists keeps its own."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=modes.folder)
            _open_to(folder, modes.folder, modes.gid)


def _write_through(path: Path, content: bytes, modes: Modes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    _open_to(path, modes.file, modes.gid)


def _open_to(path: Path, mode: int, gid: int | None) -> None:
    if sys.platform != "win32" and gid is not None:
        os.chown(path, -1, gid)
    path.chmod(mode)


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":  # folders cannot be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _gid(group: str) -> int:
    if sys.platform == "win32":
        raise ReviewError("groups of accounts are not supported on Windows", where="group", found=group, do="leave group: out")
    import grp

    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise ReviewError(
            "this system has no such group of accounts", where="group", found=group, do="create the group, or correct its name"
        ) from None
