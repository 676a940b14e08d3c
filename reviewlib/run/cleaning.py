"""Snapshots that nothing uses any more: which they are, how much room they take, and how they go."""

import contextlib
import re
import secrets
import shutil
from pathlib import Path
from typing import Final

from reviewlib.conversation import journal
from reviewlib.conversation.entries import current
from reviewlib.evidence import proof, slicefile, snapshot
from reviewlib.params.model import Params
from reviewlib.run import locks, proving

_NAME: Final = re.compile("[0-9a-f]{12}")
#: What entries name a snapshot in: releases, and disputed figures, which later pages show beside those that were taken again.
_NAMED_IN: Final = ("snapshot", "snapshot_before")


def unused(params: Params) -> dict[Path, int]:
    """Find the snapshots that no period, release, signature or disputed figure uses, and how many bytes each takes.

    Of a period that does not say which one it uses, all stay.

    Raises:
        NotAllowedError: This login sees a part of the journal only.
        ReviewError: The journal, a manifest or a snapshot is damaged or missing.
    """
    with journal.open_journal_to_read(params) as opened:
        entries = current(proving.everything(params, opened, command="clean"))
    kept = {getattr(entry.payload, name, None) for entry in entries for name in _NAMED_IN}
    periods = snapshot.period_folders(params).values()
    kept |= {one.snapshot for period in periods for one in proving.used(params, period)}
    found = sorted(path for path in (params.reports / "snapshots").glob("*") if _NAME.fullmatch(path.name))
    of = {folder.name: proof.info(folder).get("period") for folder in found}
    settled = {period.name for period in periods if of.get(slicefile.current_name(params, period)[0]) == period.name}
    return {
        folder: sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        for folder in found
        if folder.name not in kept and of[folder.name] in settled
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
            shutil.rmtree(folder.rename(folder.with_name(f".part-{secrets.token_hex(6)}")))
    return found
