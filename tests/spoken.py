"""Conversations of one subject for tests of goals and plans: entries written by hand, without a journal."""

from __future__ import annotations

import datetime as dt
from typing import Any

from reviewlib.conversation.entries import About, Entry, SubjectKind
from reviewlib.conversation.kinds import KINDS
from reviewlib.conversation.states import Audience
from reviewlib.conversation.visibility import Minutes, take
from reviewlib.periods import FiscalYear


class Talk:
    """Collects entries of one subject over any number of reviews."""

    def __init__(self, subject: str = "R-014", *, kind: SubjectKind = "rep", fiscal: FiscalYear = FiscalYear()) -> None:
        self.subject, self.kind, self.fiscal = subject, kind, fiscal
        self.entries: list[Entry] = []

    def say(
        self,
        period: str,
        kind: str,
        *,
        on_day: str = "2026-07-16",
        role: str = "manager",
        visibility: str = "shared",
        supersedes: Entry | None = None,
        **fields: Any,
    ) -> Entry:
        """Write one entry into the review of a period."""
        about = About(self.kind, self.subject, period)
        sequence = 1 + sum(entry.about == about for entry in self.entries)
        entry = Entry(
            id=f"{self.subject}-{period}-{sequence}",
            about=about,
            team="North",
            sequence=sequence,
            kind=kind,
            author=role,
            author_name=role.capitalize(),
            role=role,  # type: ignore[arg-type]
            on_behalf_of=None,
            visibility=visibility,  # type: ignore[arg-type]
            at=dt.datetime.fromisoformat(f"{on_day}T09:00:00+00:00"),
            supersedes=supersedes.id if supersedes else None,
            source=None,
            payload=KINDS[kind].model.model_validate(fields),
            salt="",
            digest="",
            previous="",
            hash=f"{period}-{sequence}",
        )
        self.entries.append(entry)
        return entry

    def minutes(self, period: str, audience: Audience = "manager") -> Minutes:
        """Take the minutes of one of its reviews."""
        return take(self.entries, About(self.kind, self.subject, period), audience=audience, fiscal=self.fiscal)
