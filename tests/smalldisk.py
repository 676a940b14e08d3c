"""A real disk of a few hundred kilobytes over a folder: a tmpfs, which whoever may mount has at hand."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: Bytes that such a disk gives out at a time.
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
#: How an account that may not mount gets a name space of its own, in which it may.
_ALONE = ("unshare", "--map-root-user", "--mount")


def way(folder: Path) -> tuple[str, ...] | None:
    """What to put before a command so that it may mount over a folder; None where nothing helps."""
    return next((prefix for prefix in ((), _ALONE) if _mounts(prefix, folder)), None)


def _mounts(prefix: tuple[str, ...], folder: Path) -> bool:
    if not sys.platform.startswith("linux") or not all(map(shutil.which, ("mount", "umount", *prefix[:1]))):
        return False
    try_out = 'mount -t tmpfs -o size=1m tmpfs "$1" && umount "$1"'
    return subprocess.run([*prefix, "sh", "-c", try_out, "sh", str(folder)], capture_output=True, check=False).returncode == 0


@dataclass(frozen=True)
class Disk:
    """A disk that is mounted over a folder."""

    folder: Path

    def resize(self, pages: int) -> None:
        """Give it another size, not below what it holds."""
        subprocess.run(["mount", "-o", f"remount,size={pages * PAGE}", str(self.folder)], check=True)


@contextlib.contextmanager
def over(folder: Path, *, pages: int) -> Iterator[Disk]:
    """Let a folder, which may be missing, lie on a disk of so many pages with all that is in it."""
    beside = folder.with_name(f"{folder.name}-before")
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.rename(beside)
    folder.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={pages * PAGE},mode=0700", "tmpfs", str(folder)], check=True)
    try:
        shutil.copytree(beside, folder, dirs_exist_ok=True)
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def pages_of(folder: Path) -> int:
    """How many pages the files of a folder take."""
    return sum(-(-path.stat().st_size // PAGE) for path in folder.rglob("*") if path.is_file())
