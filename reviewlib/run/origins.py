"""What each review of a period is made from, in one hash: a review is made again where it changed, and only there."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from reviewlib import files
from reviewlib.conversation import copies
from reviewlib.conversation.answers import form
from reviewlib.conversation.entries import Entry
from reviewlib.evidence import adjustments, slicefile
from reviewlib.evidence.subjects import Subject
from reviewlib.params.model import Params
from reviewlib.press import environment
from reviewlib.run.manifest import Origin
from reviewlib.run.status import ReviewStatus
from reviewlib.workbook import starter

#: Sections of params that no page is made from itself: their part in a review is in its slice or in the words of the journal,
#: or they say how to run, who may read, and when what is due. Of ``people`` there is one address in a rep's copy.
_ELSEWHERE: Final = {"crm", "as_of", "batch", "group", "cadence", "people", "rating", "records"}


class Origins:
    """Works out what reviews are made from; what is the same for all is worked out once."""

    def __init__(self, params: Params, stands: ReviewStatus):
        """Prepare the common parts.

        Args:
            params: The workbook.
            stands: How the reviews of the period stand; the reps' minutes are laid out already.
        """
        self.params = params
        self.stands = stands
        book = params.model_dump(mode="json", by_alias=True, exclude=_ELSEWHERE)
        self._common = _hash([book, dict(environment.drawing()), environment.code()])
        self._templates = {kind: _hash_file(starter.notebook(params, kind)) for kind in starter.NOTEBOOKS}
        self._said: dict[tuple[str, str], list[Entry]] = {}
        for review, entries in stands.entries.items():
            self._said.setdefault((review.kind, review.subject), []).extend(entries)
        self._slices = cache(self._read_slices)
        self._origin = cache(self._of)

    def of(self, subject: Subject, audience: str) -> Origin:
        """Tell what one copy of a review is made from; without a fingerprint where that cannot be told."""
        return self._origin(subject, audience)

    def _of(self, subject: Subject, audience: str) -> Origin:
        state = self.stands.state(subject)
        snapshot = self.stands.snapshot(subject)
        cut = self._slices(snapshot).get(slicefile.slice_name(subject.kind, subject.id, audience))
        parts = [
            self._common,
            self._templates[subject.kind],
            [subject.kind, subject.id, self.stands.period.name, audience],
            cut,
            self._words_for(subject, audience),
            # The names on a team's board are not in its slice; where a rep's answer is sent stands in the rep's copy.
            [[one.id, one.name] for one in copies.members_of(self.stands.about(subject), self.stands.subjects)],
            # What is told of earlier periods; a team's copy for the reps tells none of it.
            _hash_file(adjustments.place(self.params, subject, self.stands.period))
            if (subject.kind, audience) != ("team", "rep")
            else None,
            form.address_of(self.params, subject.manager) if (subject.kind, audience) == ("rep", "rep") else None,
        ]
        return Origin(snapshot, state.head, state.closed, None if cut is None else _hash(parts))

    def _words_for(self, subject: Subject, audience: str) -> Any:
        """What of the journal a copy reads: the rep's its one file, the manager's whatever a manager may read."""
        if audience == "rep":
            return _hash_file(copies.rep_minutes_path(self.params, subject, self.stands.period))
        stands = self.stands
        return copies.manager_minutes(self.params, subject, stands.period, self._said, stands.subjects).as_data()

    def _read_slices(self, snapshot: str) -> Mapping[str, str]:
        path = self.params.reports / "snapshots" / snapshot / slicefile.IDENTITIES
        found: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return found


def _hash_file(path: Path) -> str | None:
    return files.sha256(path.read_bytes()) if path.is_file() else None


def _hash(parts: Any) -> str:
    return files.sha256(json.dumps(parts, sort_keys=True))
