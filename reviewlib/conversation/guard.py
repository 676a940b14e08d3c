"""Before anything is written: the journal still holds what the manifests remember of it."""

from __future__ import annotations

from collections.abc import Sequence

from reviewlib.conversation import copies, remembered
from reviewlib.conversation.entries import About, Entry, verify_chains
from reviewlib.errors import JournalError
from reviewlib.params.model import Params


def refuse_shortened(params: Params, about: About, entries: Sequence[Entry]) -> None:
    """Refuse to write to a review of which the journal holds less than a run saw, or something else.

    A login that sees a part of the journal cannot tell what is gone from what it may not read, so it is not asked.

    Args:
        params: The workbook.
        about: The review that is written to.
        entries: What the journal holds about its subject.

    Raises:
        JournalError: The review is shorter than it was, or its chain is broken, or the journal was emptied.
    """
    with copies.journal(params) as store:
        if store is None or not store.sees_all():
            return
        if not entries and store.is_empty():
            remembered.refuse_missing(params)
    head = remembered.heads(params.reports / about.period).get(about)
    own = [entry for entry in entries if entry.about == about]
    if problems := verify_chains(own, {about: head} if head else {}):
        raise JournalError(
            "The journal is not what it was.",
            where=f"the journal of {params.name}",
            found="; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else ""),
            do="Nothing was saved. Restore the journal from its latest backup; reviewlib verify lists everything.",
        )
