"""What is written and not saved yet: kept in the kernel and on disk, so that it survives Run All and a kernel's end.

On disk it lies in Jupyter's data folder, for nobody else to read.
"""

import contextlib
import datetime as dt
import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from jupyter_core.paths import jupyter_data_dir
from pydantic import AwareDatetime, BaseModel, ConfigDict, StrictBool, StrictStr

from reviewlib import files
from reviewlib.conversation.records import Records

#: Seconds after which what a writer that was killed left staged is removed.
_STALE: Final = 3600


def fresh_id() -> str:
    """Make the id under which a draft is saved: the same draft saved twice is one entry."""
    return uuid.uuid4().hex


@dataclass
class FormDraft:
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
        self.values = dict(values)
        self.done(values, supersedes)

    def done(self, sent: Mapping[str, Any], entry_id: str | None) -> None:
        """Remember that ``sent`` is in the journal; what is written from now on is an edit of it."""
        self.saved = dict(sent)
        self.id, self.supersedes = fresh_id(), entry_id


class KeptDraft(BaseModel):
    """A draft as its file holds it; the attributes are those of ``FormDraft``."""

    model_config = ConfigDict(frozen=True)

    values: dict[str, StrictStr | StrictBool]
    id: str
    supersedes: str | None
    typed: AwareDatetime


@dataclass
class Drafts:
    """Every draft of one review, by form and by the entry that it edits; on disk a file for each, by login.

    Attributes:
        records: Says who is at the keyboard, and in which workbook and review.
        open: The drafts of this kernel.
        recalled: Those of which an earlier kernel's was asked for.
        unkept: Why what is typed is not kept on disk; empty where it is.
    """

    records: Records
    open: dict[tuple[str, str], FormDraft] = field(default_factory=dict)
    recalled: set[tuple[str, str]] = field(default_factory=set)
    unkept: str = ""

    def of(self, form: str, key: str = "") -> FormDraft:
        """The draft of a form; a new one where nothing was begun."""
        return self.open.setdefault((form, key), FormDraft(key=key))

    def keep(self, form: str, draft: FormDraft) -> None:
        """Bring to disk what a draft holds that is not saved, or remove its file; the form works without it."""
        if self.open.get((form, draft.key)) is not draft:
            return  # it was dropped, and its last words come late
        try:
            place = self._place(form, draft.key)
            if draft.unsaved:
                values = {name: value for name, value in draft.values.items() if value is not None}
                kept = KeptDraft(values=values, id=draft.id, supersedes=draft.supersedes, typed=dt.datetime.now(dt.UTC))
                # As ASCII, because people can paste what is no Unicode.
                files.write(place, json.dumps(kept.model_dump(mode="json")))
            else:
                place.unlink(missing_ok=True)
            self.unkept = ""
        except OSError as error:
            self.unkept = error.strerror or type(error).__name__

    def recall(self, form: str, draft: FormDraft) -> KeptDraft | None:
        """Let a draft that holds nothing of its own go on with what an earlier kernel kept of it; this is asked once."""
        if (form, draft.key) in self.recalled:
            return None
        self.recalled.add((form, draft.key))
        try:
            kept = self._read(form, draft)
        except (OSError, ValueError):
            draft.damaged = str(self._place(form, draft.key))
            return None
        if kept is not None:
            draft.values = draft.values | kept.values
            draft.id, draft.supersedes, draft.typed = kept.id, kept.supersedes, kept.typed
        return kept

    def drop(self, form: str, key: str = "") -> None:
        """Forget a draft, here and on disk."""
        self.open.pop((form, key), None)
        with contextlib.suppress(OSError):
            self._place(form, key).unlink(missing_ok=True)

    @property
    def _folder(self) -> Path:
        return Path(jupyter_data_dir()) / "reviewlib" / "drafts"

    def _place(self, form: str, key: str) -> Path:
        """Where the draft of a form lies, for a new entry or the one that it edits; the name says nothing of either."""
        about, workbook = self.records.about, str(self.records.params.path.resolve())
        whose = (self.records.person.login, workbook, about.kind, about.subject, about.period)
        name = files.sha256(json.dumps([*whose, form, key]))
        return self._folder / f"{name[:32]}.json"

    def _read(self, form: str, draft: FormDraft) -> KeptDraft | None:
        """Read what an earlier kernel kept of a draft; None where that is nothing.

        Raises:
            OSError: It cannot be read.
            ValueError: It is damaged, or of a form with other fields.
        """
        self._sweep()
        try:
            kept = KeptDraft.model_validate_json(self._place(form, draft.key).read_bytes())
        except FileNotFoundError:
            return None
        checks = [isinstance(draft.saved[name], bool) if name in draft.saved else None for name in kept.values]
        if checks != [isinstance(value, bool) for value in kept.values.values()]:
            raise ValueError("a draft of other fields")
        return kept

    def _sweep(self) -> None:
        for part in self._folder.glob(f".*{files.PART}"):
            with contextlib.suppress(OSError):
                if time.time() - part.stat().st_mtime > _STALE:
                    part.unlink()
