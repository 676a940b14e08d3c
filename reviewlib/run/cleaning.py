"""Snapshots that nothing uses any more: which they are, how much room they take, and how they go."""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
from pathlib import Path
from typing import Final

from reviewlib.conversation.entries import current
from reviewlib.conversation.journal import open_journal_to_read
from reviewlib.errors import NotAllowedError
from reviewlib.evidence import snapshot
from reviewlib.params.model import Params
from reviewlib.run import locks, proving

_NAME: Final = re.compile("[0-9a-f]{12}")
#: What entries name a snapshot in: releases, and disputed figures, which later pages show beside those that were taken again.
_NAMED_IN: Final = ("snapshot", "snapshot_before")


def unused(params: Params) -> dict[Path, int]:
    """Find the snapshots that no period, release, signature or disputed figure uses, and how many bytes each takes.

    Raises:
        NotAllowedError: This login sees a part of the journal only.
        ReviewError: The journal or a manifest is damaged or missing.
    """
    with open_journal_to_read(params) as opened:
        if opened and not opened.sees_all():
            raise NotAllowedError(
                "This login sees a part of the journal only, so it cannot tell what is still used.",
                where=params.path.name,
                do="Let an analyst, or who set the journal up, run reviewlib clean.",
            )
        entries = current(opened.entries()) if opened else []
    kept = {getattr(entry.payload, name, None) for entry in entries for name in _NAMED_IN}
    kept |= {one.snapshot for period in snapshot.period_folders(params).values() for one in proving.used(params, period)}
    folders = sorted(path for path in (params.reports / "snapshots").glob("*") if _NAME.fullmatch(path.name))
    return {
        folder: sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        for folder in folders
        if folder.name not in kept
    }


def remove(params: Params) -> dict[Path, int]:
    """Remove the snapshots that nothing uses; the answer is what went.

    Raises:
        BusyError: A run holds a period.
        ReviewError: As in ``unused``; nothing was removed.
    """
    with contextlib.ExitStack() as stack:
        for folder in snapshot.period_folders(params):
            stack.enter_context(locks.held(folder, modes=params.modes))
        found = unused(params)
        for folder in found:
            # Whole or not there: what a process that is killed leaves goes with the next freeze.
            part = folder.rename(folder.with_name(f".part-{secrets.token_hex(6)}"))
            shutil.rmtree(part)
    return found
