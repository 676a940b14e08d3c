"""A disk on which something goes wrong at a chosen operation, built into the process that asks for it."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Trouble:
    """What goes wrong below a folder, and when.

    Attributes:
        below: The folder.
        at: At which operation, counted from 1; 0 never. Operations are: opening for writing, writing, bringing to the disk,
            renaming, making a folder.
        only: Count these alone, such as ``write log.jsonl``.
        signal: The process gets it there.
        error: Or this is raised.
        stays: From there on it is raised at every operation; else once.
        seen: The operations so far.
    """

    below: str
    at: int
    only: str | None = None
    signal: str | None = None
    error: str = "EIO"
    stays: bool = False
    seen: list[str] = field(default_factory=list)
    struck: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def concerns(self, path: object) -> bool:
        """Tell whether a path lies below the folder."""
        return isinstance(path, str | bytes | os.PathLike) and os.path.abspath(os.fsdecode(path)).startswith(self.below)  # noqa: PTH100

    def due(self, what: str, path: object) -> bool:
        """Count an operation; tell whether it is the one."""
        if not self.concerns(path):
            return False
        name = f"{what} {Path(os.fsdecode(path)).name}"  # type: ignore[arg-type]
        with self.lock:
            if self.struck and self.stays:
                return True
            if self.only not in (None, name):
                return False
            self.seen.append(name)
            self.struck |= len(self.seen) == self.at
            return len(self.seen) == self.at

    def strike(self, path: object) -> None:
        """Send the signal, or raise the error."""
        if self.signal is not None:
            os.kill(os.getpid(), signal.Signals[self.signal])
            return
        number = getattr(errno, self.error)
        raise OSError(number, os.strerror(number), str(path))


class Half(io.FileIO):
    """A file below the buffer, of which a write may do half: as a full disk does, it says how much, and fails with the rest."""

    def __init__(self, number: int, mode: str, trouble: Trouble) -> None:
        super().__init__(number, mode)
        self.trouble = trouble
        self.full = False

    def write(self, content: Any) -> int:
        """Write all of it, or half."""
        place = _place(self.fileno())
        if self.full or (self.trouble.struck and self.trouble.stays and self.trouble.concerns(place)):
            self.full = False
            self.trouble.strike(place)
        if not self.trouble.due("write", place):
            return super().write(content)
        written = super().write(bytes(content)[: len(content) // 2])
        if self.trouble.signal is not None:
            self.trouble.strike(place)
        self.full = self.trouble.signal is None
        return written


def spoil(given: dict[str, Any], out: Path) -> Callable[[], None]:
    """Let what changes files of this process run into trouble; returns what writes the operations down at its end."""
    trouble = Trouble(**given | {"below": str(Path(given["below"]).resolve())})
    os.fdopen = _opening(trouble)  # type: ignore[assignment]
    os.open = _guarded(trouble, "open", os.open, _opened)
    os.fsync = _guarded(trouble, "sync", os.fsync, _place)
    os.replace = _guarded(trouble, "rename", os.replace, lambda old, new: new)
    os.rename = _guarded(trouble, "rename", os.rename, lambda old, new: new)
    os.mkdir = _guarded(trouble, "folder", os.mkdir, lambda path, *rest: path)
    return lambda: (out / "operations").write_text(json.dumps(trouble.seen)) and None


def _guarded(trouble: Trouble, what: str, function: Callable[..., Any], place: Callable[..., object]) -> Callable[..., Any]:
    def guarded(*args: Any, **options: Any) -> Any:
        path = place(*args)
        if trouble.due(what, path):
            trouble.strike(path)
        return function(*args, **options)

    return guarded


def _opening(trouble: Trouble) -> Callable[..., Any]:
    """What stands for ``os.fdopen``: binary files below the folder that are written to, in any mode, are spoilt."""
    fdopen = os.fdopen

    def opening(number: int, mode: str = "r", buffering: int = -1, **options: Any) -> Any:
        if not set(mode) & set("wax+") or not trouble.concerns(_place(number)):
            return fdopen(number, mode, buffering, **options)
        assert "b" in mode, "text is not written through here"
        raw = Half(number, mode, trouble)
        if buffering == 0:
            return raw
        return io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)

    return opening


def _opened(path: Any, flags: int, *_rest: Any) -> Any:
    return path if flags & (os.O_WRONLY | os.O_RDWR) else None


def _place(number: int) -> str | None:
    """Where an open file lies."""
    with contextlib.suppress(OSError):
        return str(Path(f"/proc/self/fd/{number}").readlink())
    return None
