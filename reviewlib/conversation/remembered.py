"""What the manifests of a workbook remember of its journal, so that a journal which is gone is missed."""

from __future__ import annotations

import json
from pathlib import Path

from reviewlib.conversation.entries import About, Head
from reviewlib.errors import JournalError
from reviewlib.params.model import Params


def heads(folder: Path) -> dict[About, Head]:
    """Tell how long each review's chain was when a period's manifest was last written; empty where there is none.

    Raises:
        JournalError: The manifest is damaged.
    """
    path = folder / "manifest.json"
    try:
        rows = json.loads(path.read_text(encoding="utf-8")).get("journal", []) if path.is_file() else []
        return {About(*row["review"]): Head(int(row["sequence"]), str(row["hash"])) for row in rows}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise JournalError(
            "The manifest of a period is damaged, so the journal cannot be held against it.",
            where=f"reports/{folder.parent.name}/{folder.name}/manifest.json",
            found=type(error).__name__,
            do="Restore it from a backup: it remembers which pages are signed and where the journal ended.",
        ) from None


def heads_of(params: Params) -> dict[About, Head]:
    """Tell the same of every period of a workbook; raises as ``heads`` does. A folder of another name is no period's."""
    folders = sorted(path.parent for path in params.reports.glob("*/manifest.json"))
    return {review: head for folder in folders for review, head in heads(folder).items() if review.period == folder.name}


def refuse_missing(params: Params, *, server: bool = False) -> None:
    """Refuse to take a journal that is not there for one that was never begun.

    Args:
        params: The workbook.
        server: It is a database on a server, which is set up before a backup can be put into it.

    Raises:
        JournalError: Some manifest remembers entries.
    """
    setup = "Run: reviewlib journal-init; then restore" if server else "Restore"
    if known := heads_of(params):
        entries = sum(head.sequence for head in known.values())
        raise JournalError(
            "The journal is missing.",
            where=f"the journal of {params.name}",
            found=f"nothing, where the manifests remember {entries} entries of {len(known)} reviews",
            do=f"{setup} its latest backup: reviewlib restore {params.path.name} BACKUP",
        )
