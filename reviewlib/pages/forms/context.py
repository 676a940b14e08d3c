"""What the forms of one review share: the records they write to, the drafts, and the sections that show what was saved."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Protocol

from reviewlib.conversation.entries import About, Entry
from reviewlib.conversation.records import Records, open_records
from reviewlib.conversation.rights import WritingContext
from reviewlib.conversation.visibility import VisibleEntries
from reviewlib.errors import JournalError
from reviewlib.pages import labels, sentences
from reviewlib.pages.forms.drafts import Drafts, FormDraft
from reviewlib.pages.rendering import render
from reviewlib.params import reading
from reviewlib.review import Review

if TYPE_CHECKING:
    from reviewlib.pages.forms.typing_fence import Fence

P = ParamSpec("P")
#: The name in the notebook's namespace under which everything that outlives a run of the cells is kept.
KEPT_AS: Final = "_reviewlib_forms"
#: Where JupyterLab writes the notebook's name; papermill does not.
SESSION: Final = "JPY_SESSION_NAME"


class OpenForm(Protocol):
    """A form as the others of its review know it: which entry it edits (empty for a new one), and what stands in it."""

    key: str
    draft: FormDraft

    def refresh(self, now: WritingContext) -> None:
        """Show what is recorded now; nothing that is typed is touched."""


@dataclass
class FormContext:
    """Where the forms of one review are filled in.

    Attributes:
        review: The review, with the minutes as they are now.
        records: Writes to the journal, with the rights of who is at the keyboard.
        fence: Says when everything that was typed has arrived.
        opened: The review as the notebook opened it; another one means that the cells ran again.
        sections: Shows a section's record again, by section.
        forms: The newest form of each name.
        drafts: What is not saved yet; outlives the cells.
        lock: Held by whoever changes any of it: JupyterLab lets clicks run in a thread beside the cells.
    """

    review: Review
    records: Records
    fence: Fence
    opened: Review
    sections: dict[str, Callable[[], None]] = field(default_factory=dict)
    forms: dict[str, OpenForm] = field(default_factory=dict)
    lock: RLock = field(default_factory=RLock, repr=False)
    drafts: Drafts = field(init=False)

    def __post_init__(self) -> None:
        self.drafts = Drafts(self.records)

    @property
    def minutes(self) -> VisibleEntries:
        """What is recorded, as it is now."""
        return self.review.minutes

    @property
    def rep_name(self) -> str:
        """How the rep's side is called."""
        return sentences.sides(self.review)["rep"]

    def alone(self, call: Callable[P, None]) -> Callable[P, None]:
        """Let a handler run while nothing else changes what the forms share."""

        def guarded(*given: P.args, **named: P.kwargs) -> None:
            with self.lock:
                call(*given, **named)

        return guarded

    def refresh(self, records: Records | None = None) -> None:
        """Read the journal again and show what is in it; nothing that is typed is touched."""
        with (records or self.records).held_open() as held:
            minutes, now = held.minutes(), held.context()
        self.review = replace(self.review, minutes=minutes)
        for show in self.sections.values():
            show()
        for form in self.forms.values():
            form.refresh(now)

    def root(self, entry: Entry) -> str:
        """The id that stays when an entry is edited."""
        return self.minutes.roots.get(entry.id, entry.id)

    def when(self, entry: Entry) -> str:
        """Say when an entry was written, in the workbook's time."""
        local = self.records.params.local(entry.at)
        return f"{labels.day(local.date())}, {local:%H:%M:%S}{self._clock}"

    def kept(self, draft: FormDraft, *, overtaken: bool = False) -> str:
        """Say that a draft was taken up again and when it was typed, or that it could not be read; empty for any other."""
        if draft.damaged:
            return render("forms/damaged.html.j2", file=draft.damaged)
        if not draft.unsaved:
            return ""
        typed = ""
        if draft.typed is not None:
            local, now = (self.records.params.local(moment) for moment in (draft.typed, dt.datetime.now(dt.UTC)))
            typed = f"{labels.day(local.date(), near=now.date())} at {local:%H:%M}{self._clock}"
        return render("forms/kept.html.j2", typed=typed, overtaken=overtaken)

    @property
    def _clock(self) -> str:
        return "" if self.records.params.timezone else " UTC"


def numbered(options: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Tell options of equal words apart by a number."""
    listed: dict[str, str] = {}
    for plain, value in options:
        words, again = plain, 2
        while words in listed:
            words, again = f"{plain} ({again})", again + 1
        listed[words] = value
    return list(listed.items())


def alive() -> bool:
    """Whether somebody sits at JupyterLab: it names its session in the kernel's environment, papermill does not."""
    return bool(os.environ.get(SESSION)) and _shell() is not None


def context_of(review: Review) -> FormContext:
    """What the forms of a review share: as the notebook has it already, with the review as it was opened last.

    Raises:
        ReviewError: The journal cannot be read.
    """
    from reviewlib.pages.forms.typing_fence import Fence

    known: dict[About, FormContext] = _shell().user_ns.setdefault(KEPT_AS, {})
    if review.params_path is None:
        raise JournalError("This review was not opened from a params file.", do="Open it with rl.open_review.")
    found = known.get(review.about)
    if found is not None and found.opened is review:
        return found
    records = open_records(reading.load(review.params_path), review.about)
    if found is None:
        found = known[review.about] = FormContext(replace(review, minutes=records.minutes()), records, Fence(), review)
        return found
    with found.lock:  # no save falls between reading the journal and showing it
        found.review, found.opened = replace(review, minutes=records.minutes()), review
        found.records = found.drafts.records = records
    return found


def _shell() -> Any:
    from IPython.core.getipython import get_ipython

    return get_ipython()
