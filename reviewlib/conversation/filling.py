"""What nobody types into an entry: it is filled in from where the review stands, and what was typed is held against it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from reviewlib.conversation import copies, wording
from reviewlib.conversation.entries import Person
from reviewlib.conversation.kinds import KINDS, Kind, Payload
from reviewlib.conversation.rights import WritingContext, side_of
from reviewlib.errors import SnapshotError
from reviewlib.evidence import slicefile
from reviewlib.params.model import Params
from reviewlib.periods import Period

#: Fields that are filled in where nobody gives them.
FIELDS: Final = ("side", "head", "label", "out_of", "snapshot", "snapshot_before")
Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Filler:
    """Fills in what an entry of one review says without being asked.

    Attributes:
        params: The workbook.
        person: Who writes.
        head: The hash of the last entry that was there when the person wrote.
    """

    params: Params
    person: Person
    head: str

    def fill(self, kind: str, fields: Fields, context: WritingContext, *, on_behalf: bool) -> dict[str, Any]:
        """Give an entry its fields.

        Raises:
            JournalError: Something was given that cannot be but what is filled in.
        """
        if kind == "signoff":
            return {"side": side_of(self.person, on_behalf=on_behalf), "head": self.head} | dict(fields)
        filler = _FILLERS.get(kind)
        return filler(self.params, fields, context) if filler else dict(fields)


def check_figure(params: Params, kind: Kind, payload: Payload, context: WritingContext, supersedes: str | None) -> None:
    """Let pass a figure that the review's evidence knows, or that what is edited names already.

    Raises:
        JournalError: The review has no such figure.
    """
    key, before = getattr(payload, "kpi", None), context.by_id.get(supersedes or "")
    if key is not None and (before is None or getattr(before.payload, "kpi", None) != key):
        wording.check_figure(kind, key, _figures(params, context), where=str(context.about))


def _figures(params: Params, context: WritingContext) -> frozenset[str]:
    """The keys of the figures that a review's evidence has; empty where there is none of it to look at."""
    about, pinned = context.about, context.state.snapshot
    asked: dict[str, Any] = {"kind": about.kind, "subject": about.subject, "audience": "manager"}
    try:
        data = slicefile.read_slice(slicefile.find_slice(params, **asked, period=_period(params, context), pinned=pinned))
    except SnapshotError:
        return frozenset()
    return frozenset(kpi["key"] for kpi in data["kpis"])


def _rating(params: Params, fields: Fields, context: WritingContext) -> dict[str, Any]:
    scale, value = params.rating.scale, fields.get("value")
    known = isinstance(value, int) and 1 <= value <= len(scale)
    return {"label": scale[value - 1] if known and value else "?", "out_of": len(scale)} | dict(fields)


def _dispute(params: Params, fields: Fields, context: WritingContext) -> dict[str, Any]:
    """The snapshot that the review's figures stand in."""
    folder = _current(params, context)
    stands = context.state.snapshot or (folder.name if folder else None)
    return dict(fields) | {"snapshot": fields.get("snapshot") or stands}


def _resolution(params: Params, fields: Fields, context: WritingContext) -> dict[str, Any]:
    disputed = context.by_id.get(str(fields.get("of")))
    then = getattr(disputed.payload, "snapshot", None) if disputed else None
    return dict(fields) | {"snapshot_before": fields.get("snapshot_before") or then}


def _release(params: Params, fields: Fields, context: WritingContext) -> dict[str, Any]:
    """A review is released on the evidence that its period uses now, and on no other."""
    folder = _current(params, context)
    now = folder.name if folder else None
    given = fields.get("snapshot") or now
    problems = {"snapshot": f"is not the one that {context.about.period} uses now, which is {now or 'none'}"}
    if given == now and folder is not None:
        if _is_in(params, context):
            return dict(fields) | {"snapshot": now}
        problems = {"snapshot": f"the evidence that {context.about.period} uses now knows nothing of {context.subject.name}"}
    raise wording.refused(KINDS["release"], problems, where=str(context.about))


def _is_in(params: Params, context: WritingContext) -> bool:
    everyone = copies.everyone_in(params, _period(params, context))
    return any((one.kind, one.id) == (context.about.kind, context.about.subject) for one in everyone)


def _current(params: Params, context: WritingContext) -> Path | None:
    return slicefile.current_folder(params, _period(params, context))


def _period(params: Params, context: WritingContext) -> Period:
    return Period.parse(context.about.period, params.fiscal)


_FILLERS: Final[Mapping[str, Callable[[Params, Fields, WritingContext], dict[str, Any]]]] = MappingProxyType(
    {"rating": _rating, "dispute": _dispute, "resolution": _resolution, "release": _release}
)
