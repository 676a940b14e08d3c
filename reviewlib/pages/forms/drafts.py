"""What is written and not saved yet: kept in the kernel, so that it survives Run All and is offered again."""

from __future__ import annotations

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
        watcher: Called with a field's name when another form than the newest has changed it.
    """

    values: dict[str, Any] = field(default_factory=dict)
    saved: dict[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=fresh_id)
    supersedes: str | None = None
    busy: bool = False
    watcher: Callable[[str], None] | None = None

    @property
    def unsaved(self) -> bool:
        """Whether something stands in the fields that the journal does not have."""
        return self.values != self.saved

    def put(self, name: str, value: object) -> None:
        """Note what a field holds now."""
        self.values[name] = value
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

    def of(self, form: str, entry_id: str = "") -> Draft:
        """The draft of a form; a new one where nothing was begun."""
        return self.kept.setdefault((form, entry_id), Draft())

    def begun(self, form: str, entry_id: str = "") -> bool:
        """Whether a form was begun and not saved."""
        found = self.kept.get((form, entry_id))
        return found is not None and found.unsaved

    def drop(self, form: str, entry_id: str = "") -> None:
        """Forget a draft."""
        self.kept.pop((form, entry_id), None)
