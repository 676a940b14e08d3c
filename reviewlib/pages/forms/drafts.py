"""What is written and not saved yet: kept in the kernel and on disk, so that it survives Run All and a kernel's end."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: The name in the notebook's namespace under which everything that outlives a run of the cells is kept.
KEPT_AS = "_reviewlib_desks"


def fresh_id() -> str:
    """Make the id under which a draft is saved: the same draft saved twice is one entry."""
    return uuid.uuid4().hex


@dataclass
class Draft:
    """One form's text before it is an entry; forms come and go with the cells, this stays.

    Attributes:
        values: What stands in the fields, as the widgets hold it, by field.
        saved: What stood in them when they were last saved, or when the form was filled; it is not lost by leaving.
        id: The id the entry will have.
        supersedes: The entry that is edited.
        busy: A save is under way.
        key: The entry that is edited, by the id that stays; empty for a new one.
        typed: When it was typed, where an earlier kernel kept it and nothing was typed since.
        damaged: The file of a draft that an earlier kernel kept and nobody can read.
        watcher: Called with a field's name when another form than the newest has changed it.
    """

    values: dict[str, Any] = field(default_factory=dict)
    saved: dict[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=fresh_id)
    supersedes: str | None = None
    busy: bool = False
    key: str = ""
    typed: dt.datetime | None = None
    damaged: str = ""
    watcher: Callable[[str], None] | None = None

    @property
    def unsaved(self) -> bool:
        """Whether something stands in the fields that the journal does not have."""
        return self.values != self.saved

    def put(self, name: str, value: object) -> None:
        """Note what a field holds now."""
        self.values[name], self.typed, self.damaged = value, None, ""
        if self.watcher is not None:
            self.watcher(name)

    def start(self, values: Mapping[str, Any], *, supersedes: str | None = None) -> None:
        """Begin anew from values that need no saving: defaults, or those of the entry that is edited."""
        self.values, self.saved = dict(values), dict(values)
        self.id, self.supersedes = fresh_id(), supersedes

    def done(self, sent: Mapping[str, Any], entry_id: str) -> None:
        """Remember that ``sent`` is in the journal; what is written from now on is an edit of it."""
        self.saved = dict(sent)
        self.id, self.supersedes = fresh_id(), entry_id


@dataclass
class Drafts:
    """Every draft of one review, by form and by the entry that it edits."""

    kept: dict[tuple[str, str], Draft] = field(default_factory=dict)
    recalled: set[tuple[str, str]] = field(default_factory=set)

    def of(self, form: str, entry_id: str = "") -> Draft:
        """The draft of a form; a new one where nothing was begun."""
        return self.kept.setdefault((form, entry_id), Draft(key=entry_id))

    def first(self, form: str, entry_id: str = "") -> bool:
        """Whether this kernel asks for the first time what an earlier one kept of a draft."""
        new = (form, entry_id) not in self.recalled
        self.recalled.add((form, entry_id))
        return new

    def drop(self, form: str, entry_id: str = "") -> None:
        """Forget a draft."""
        self.kept.pop((form, entry_id), None)
