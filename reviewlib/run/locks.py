"""One run at a time per period: whoever comes second is told who holds it and since when."""

import contextlib
import datetime as dt
import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from reviewlib import files
from reviewlib.conversation import identity
from reviewlib.errors import BusyError
from reviewlib.files import Modes

#: The lock of the operating system, which goes with the process; and who took it, for people to read.
_LOCK: Final = ".lock"
_HOLDER: Final = ".lock.json"


@contextlib.contextmanager
def held(folder: Path, *, modes: Modes) -> Iterator[None]:
    """Hold a period's folder; no other run writes there meanwhile.

    Args:
        folder: The period's folder; made where it is missing.
        modes: Who may read what is written.

    Raises:
        BusyError: Another run holds it.
    """
    files.make_folder(folder, modes=modes)
    lock = FileLock(folder / _LOCK, mode=modes.file, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise BusyError(
            f"Another run is at work on {folder.name}.",
            where=f"reports/{folder.parent.name}/{folder.name}",
            found=_holder(folder / _HOLDER),
            do="Wait until it is done, or end it; what it has made stays, and the next run goes on from there.",
        ) from None
    try:
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        me = {"who": identity.system_login(), "machine": platform.node(), "process": os.getpid(), "since": now}
        files.write(folder / _HOLDER, json.dumps(me), modes=modes)
        yield
    finally:
        (folder / _HOLDER).unlink(missing_ok=True)
        lock.release()


def _holder(path: Path) -> str:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return f"{told['who']} on {told['machine']}, process {told['process']}, since {told['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "a run that has just begun"
