"""Talks written entry by entry over several periods, for tests of goals and plans; no journal is opened."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, field
from typing import Any

from reviewlib.conversation.entries import About, Entry
from reviewlib.conversation.kinds import KINDS, Role, Visibility
from reviewlib.conversation.minutes import Minutes, take
from reviewlib.conversation.process import Audience
from reviewlib.periods import FiscalYear, Period


@dataclass
class Talk:
    """Everything said about one rep; each entry comes an hour after the one before."""

    subject: str = "R-1"
    fiscal: FiscalYear = field(default_factory=FiscalYear)
    entries: list[Entry] = field(default_factory=list)

    def say(
        self,
        period: str,
        kind: str,
        /,
        *,
        role: Role = "manager",
        on_behalf_of: str | None = None,
        visibility: Visibility = "shared",
        supersedes: Entry | None = None,
        at: dt.datetime | None = None,
        **fields: Any,
    ) -> Entry:
        """Write one entry to the review of a period."""
        number = len(self.entries) + 1
        chain = [entry for entry in self.entries if entry.about.period == period]
        last_day = Period.parse(period, self.fiscal).last_day
        mark = hashlib.sha256(f"{self.subject}{number}".encode()).hexdigest()
        entry = Entry(
            id=f"{kind}-{number}",
            about=About("rep", self.subject, period),
            team="North",
            sequence=len(chain) + 1,
            kind=kind,
            author=role,
            author_name=role,
            role=role,
            on_behalf_of=on_behalf_of,
            visibility=visibility,
            at=at
            or dt.datetime(last_day.year, last_day.month, last_day.day, tzinfo=dt.UTC) + dt.timedelta(days=10, hours=number),
            supersedes=supersedes.id if supersedes else None,
            source=None,
            payload=KINDS[kind].model(**fields),
            salt=mark[:16],
            digest=mark,
            previous=chain[-1].hash if chain else "",
            hash=mark,
        )
        self.entries.append(entry)
        return entry

    def minutes(self, period: str, *, audience: Audience = "manager") -> Minutes:
        """Take the minutes of the review of a period."""
        return take(self.entries, About("rep", self.subject, period), audience=audience, fiscal=self.fiscal)
