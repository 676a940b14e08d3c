"""What became of what was agreed: goals, their steps, actions, development, concerns, of this review and earlier ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reviewlib.conversation.entries import Entry
from reviewlib.conversation.kinds import ENDED, STATUSES
from reviewlib.pages.forms.fields import CHOOSE, WORDS, Options, Values, of_kind
from reviewlib.pages.forms.spec import Spec, written_here
from reviewlib.pages.forms.specs.feedback import about

if TYPE_CHECKING:
    from reviewlib.pages.forms.context import FormContext


def followed_up(desk: FormContext) -> list[Entry]:
    """What runs: everything that may be updated and has not ended."""
    known = (*desk.minutes.earlier, *desk.minutes.entries)
    return [entry for entry in known if entry.kind in STATUSES and not _over(desk, entry)]


def _over(desk: FormContext, entry: Entry) -> bool:
    if getattr(entry.payload, "decision", None) == "dismissed":
        return True
    return any(getattr(update.payload, "status", None) in ENDED for update in desk.minutes.on(entry, "update"))


def _reachable(desk: FormContext) -> list[Entry]:
    """What runs, and what the updates of this review are about: those can be edited."""
    running = followed_up(desk)
    edited = [desk.minutes.find(update.of) for update in desk.minutes.of_kind("update") if update.of]
    return [*running, *(entry for entry in edited if entry is not None and entry not in running)]


def _statuses(desk: FormContext, values: Values) -> Options:
    entry = desk.minutes.find(str(values.get("of") or ""))
    known = STATUSES.get(entry.kind, ()) if entry is not None else ()
    return [(CHOOSE, ""), *((WORDS["status"][status], status) for status in known)]


UPDATE: Final = Spec(
    "update",
    "Say what became of it",
    "update",
    of_kind(
        "update",
        of=about("update", wanted=_reachable),
        status={"form": "choice", "options": _statuses, "default": ""},
        on={"hint": "The day it happened; today where it is empty."},
    ),
    lead="What is over is not shown again in later reviews; what runs is.",
    save="Save update",
    existing=written_here("update"),
    behalf="choose",
)
