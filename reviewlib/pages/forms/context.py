"""What the forms of one review share: the records they write to, the drafts, and the sections that show what was saved."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Protocol

from reviewlib.conversation.entries import About, Entry
from reviewlib.conversation.visibility import VisibleEntries
from reviewlib.errors import JournalError
from reviewlib.pages import labels, sentences
from reviewlib.pages.forms.draft_files import DraftFiles, Kept
from reviewlib.pages.forms.drafts import KEPT_AS, Draft, Drafts
from reviewlib.review import Review

if TYPE_CHECKING:
    from reviewlib.conversation.records import Records
    from reviewlib.pages.forms.saving import Fence

P = ParamSpec("P")
#: Where JupyterLab writes the notebook's name; papermill does not.
SESSION: Final = "JPY_SESSION_NAME"
#: What stands for an entry in a list, by the first of these fields that it has.
_TELLING = ("text", "statement", "title", "reason", "perspective", "recommended", "comment", "note", "label")
_SHORT = 70


class OpenForm(Protocol):
    """A form as the others of its review know it."""

    @property
    def key(self) -> str:
        """Which entry it edits; empty for a new one."""

    @property
    def draft(self) -> Draft:
        """What stands in it."""

    def refresh(self) -> None:
        """Show what is recorded now; nothing that is typed is touched."""


@dataclass
class FormContext:
    """Where the forms of one review are filled in.

    Attributes:
        review: The review, with the minutes as they are now.
        records: Writes to the journal, with the rights of who is at the keyboard.
        fence: Says when everything that was typed has arrived.
        opened: The review as the notebook opened it; another one means that the cells ran again.
        drafts: What is not saved yet; outlives the cells.
        sections: Shows a section's record again, by section.
        forms: The newest form of each name.
        unkept: Why what is typed is not kept on disk; empty where it is.
        lock: Held by whoever changes any of it: JupyterLab lets clicks run in a thread beside the cells.
    """

    review: Review
    records: Records
    fence: Fence
    opened: Review
    drafts: Drafts = field(default_factory=Drafts)
    sections: dict[str, Callable[[], None]] = field(default_factory=dict)
    forms: dict[str, OpenForm] = field(default_factory=dict)
    unkept: str = ""
    lock: RLock = field(default_factory=RLock, repr=False)

    @property
    def minutes(self) -> VisibleEntries:
        """What is recorded, as it is now."""
        return self.review.minutes

    @property
    def rep_name(self) -> str:
        """How the rep's side is called."""
        return sentences.first_name(self.review.subject) if self.review.kind == "rep" else "The team"

    @property
    def manager_name(self) -> str:
        """How the manager's side is called."""
        return self.review.subject.manager or "The manager"

    @property
    def style(self) -> labels.NumberStyle:
        """How the workbook writes numbers."""
        return sentences.style(self.review)

    def alone(self, call: Callable[P, None]) -> Callable[P, None]:
        """Let a handler run while nothing else changes the desk."""

        def guarded(*given: P.args, **named: P.kwargs) -> None:
            with self.lock:
                call(*given, **named)

        return guarded

    def reopen(self, review: Review, records: Records) -> None:
        """Go on with the review as the notebook opened it anew; no save falls between reading it and showing it."""
        with self.lock:
            self.review, self.records, self.opened = replace(review, minutes=records.minutes()), records, review

    def refresh(self) -> None:
        """Read the journal again and show what is in it; nothing that is typed is touched."""
        self.review = replace(self.review, minutes=self.records.minutes())
        for show in self.sections.values():
            show()
        for form in self.forms.values():
            form.refresh()

    @property
    def draft_files(self) -> DraftFiles:
        """What is kept on disk of the drafts."""
        return DraftFiles.of(self.records)

    def keep(self, form: str, draft: Draft) -> None:
        """Bring to disk what a draft holds that is not saved; the form works without it."""
        if self.drafts.kept.get((form, draft.key)) is not draft:
            return  # it was dropped, and its last words come late
        try:
            self.draft_files.keep(form, draft)
            self.unkept = ""
        except OSError as error:
            self.unkept = error.strerror or type(error).__name__

    def recall(self, form: str, draft: Draft) -> Kept | None:
        """Let a draft that holds nothing of its own go on with what an earlier kernel kept of it."""
        if not self.drafts.first(form, draft.key):
            return None
        try:
            kept = self.draft_files.find(form, draft)
        except (OSError, ValueError):
            draft.damaged = str(self.draft_files.place(form, draft.key))
            return None
        if kept is not None:
            draft.values = draft.values | kept.values
            draft.id, draft.supersedes, draft.typed = kept.id, kept.supersedes, kept.typed
        return kept

    def drop(self, form: str, key: str = "") -> None:
        """Forget a draft, here and on disk."""
        self.drafts.drop(form, key)
        self.draft_files.drop(form, key)

    def root(self, entry: Entry) -> str:
        """The id that stays when an entry is edited."""
        return self.minutes.roots.get(entry.id, entry.id)

    def when(self, entry: Entry) -> str:
        """Say when an entry was written, in the workbook's time."""
        local = self.records.params.local(entry.at)
        return f"{labels.day(local.date())}, {local:%H:%M:%S}{self._clock}"

    def when_typed(self, at: dt.datetime) -> str:
        """Say when something was typed, in the workbook's time."""
        local, now = (self.records.params.local(moment) for moment in (at, dt.datetime.now(dt.UTC)))
        return f"{labels.day(local.date(), near=now.date())} at {local:%H:%M}{self._clock}"

    @property
    def _clock(self) -> str:
        return "" if self.records.params.timezone else " UTC"

    def named(self, entries: Iterable[Entry], *, first: str) -> list[tuple[str, str]]:
        """List entries to choose from, newest last, by the id that stays; equal words are told apart by a number."""
        listed: dict[str, str] = {}
        for entry in entries:
            words, again = self.words(entry), 2
            while words in listed:
                words, again = f"{self.words(entry)} ({again})", again + 1
            listed[words] = self.root(entry)
        return [(first, ""), *listed.items()]

    def words(self, entry: Entry) -> str:
        """Name an entry in a list: its figure and the beginning of its text."""
        from reviewlib.conversation.kinds import KINDS

        said: dict[str, Any] = entry.payload.model_dump()
        text = next((str(said[name]) for name in _TELLING if said.get(name)), "")
        kpi = self.review.kpis.get(str(said.get("kpi")))
        parts = (KINDS[entry.kind].label, kpi.label if kpi else "", " ".join(text.split()))
        whole = ": ".join(part for part in parts if part)
        return whole if len(whole) <= _SHORT else f"{whole[: _SHORT - 1].rstrip()}…"


def alive() -> bool:
    """Whether somebody sits at JupyterLab: it names its session in the kernel's environment, papermill does not."""
    return bool(os.environ.get(SESSION)) and _shell() is not None


def desk_of(review: Review) -> FormContext:
    """The desk of a review: the one the notebook has already, with the review as it was opened last.

    Raises:
        ReviewError: The journal cannot be read.
    """
    from reviewlib.conversation.records import open_records
    from reviewlib.pages.forms.saving import Fence
    from reviewlib.params import reading

    desks: dict[About, FormContext] = _shell().user_ns.setdefault(KEPT_AS, {})
    if review.params_path is None:
        raise JournalError("This review was not opened from a params file.", do="Open it with rl.open_review.")
    found = desks.get(review.about)
    if found is not None and found.opened is review:
        return found
    records = open_records(reading.load(review.params_path), review.about)
    if found is None:
        desks[review.about] = FormContext(replace(review, minutes=records.minutes()), records, Fence(), review)
    else:
        found.reopen(review, records)
    return desks[review.about]


def _shell() -> Any:
    from IPython.core.getipython import get_ipython

    return get_ipython()
