"""Drafts on disk: what is typed and not saved outlives the kernel, in Jupyter's data folder, for nobody else to read."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyter_core.paths import jupyter_data_dir
from pydantic import AwareDatetime, BaseModel, ConfigDict, StrictBool, StrictStr

from reviewlib import files

if TYPE_CHECKING:
    from reviewlib.conversation.records import Records
    from reviewlib.pages.forms.drafts import Draft

#: Seconds after which what a writer that was killed left staged is removed.
_STALE: Final = 3600


class Kept(BaseModel):
    """A draft as its file holds it; the attributes are those of ``Draft``."""

    model_config = ConfigDict(frozen=True)

    values: dict[str, StrictStr | StrictBool]
    id: str
    supersedes: str | None
    typed: AwareDatetime


@dataclass(frozen=True)
class DraftFiles:
    """The drafts of one login and one review, a file for each; their names say nothing of either.

    Attributes:
        folder: Where they lie.
        whose: The login, the workbook and the review.
    """

    folder: Path
    whose: tuple[str, ...]

    @classmethod
    def of(cls, records: Records) -> DraftFiles:
        """The drafts of who is at the keyboard."""
        about, workbook = records.about, str(records.params.path.resolve())
        whose = (records.person.login, workbook, about.kind, about.subject, about.period)
        return cls(Path(jupyter_data_dir()) / "reviewlib" / "drafts", whose)

    def place(self, form: str, key: str) -> Path:
        """Where the draft of a form lies, for a new entry or the one that it edits."""
        name = hashlib.sha256(json.dumps([*self.whose, form, key]).encode()).hexdigest()
        return self.folder / f"{name[:32]}.json"

    def keep(self, form: str, draft: Draft) -> None:
        """Write a draft, or remove the file of one of which everything is saved.

        Raises:
            OSError: No room, no permission; an older file is as it was.
        """
        place = self.place(form, draft.key)
        if not draft.unsaved:
            place.unlink(missing_ok=True)
            return
        values = {name: value for name, value in draft.values.items() if value is not None}
        kept = Kept(values=values, id=draft.id, supersedes=draft.supersedes, typed=dt.datetime.now(dt.UTC))
        files.write(place, json.dumps(kept.model_dump(mode="json")))  # as ASCII, because people can paste what is no Unicode

    def drop(self, form: str, key: str) -> None:
        """Remove a draft."""
        with contextlib.suppress(OSError):
            self.place(form, key).unlink(missing_ok=True)

    def find(self, form: str, draft: Draft) -> Kept | None:
        """Read what an earlier kernel kept of a draft; None where that is nothing.

        Raises:
            OSError: It cannot be read.
            ValueError: It is damaged, or of a form with other fields.
        """
        self._sweep()
        try:
            kept = Kept.model_validate_json(self.place(form, draft.key).read_bytes())
        except FileNotFoundError:
            return None
        checks = [isinstance(draft.saved[name], bool) if name in draft.saved else None for name in kept.values]
        if checks != [isinstance(value, bool) for value in kept.values.values()]:
            raise ValueError("a draft of other fields")
        return kept

    def _sweep(self) -> None:
        for part in self.folder.glob(f".*{files.PART}"):
            with contextlib.suppress(OSError):
                if time.time() - part.stat().st_mtime > _STALE:
                    part.unlink()
