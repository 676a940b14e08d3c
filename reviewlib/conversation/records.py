"""The one way to the journal for forms, imported answers, the command line and notebooks: checked, and with rights.

In a notebook::

    rl.records.write(review, "feedback", stance="strength", kpi="win_rate", text="...")
    rl.records.current(review, "feedback")
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from reviewlib.conversation import copies, filling, identity, repeated, rights, wording
from reviewlib.conversation.copies import read_minutes as read_minutes
from reviewlib.conversation.copies import rep_minutes_path as rep_minutes_path
from reviewlib.conversation.copies import write_rep_minutes as write_rep_minutes
from reviewlib.conversation.entries import About, Draft, Entry, Head, Person
from reviewlib.conversation.entries import history as versions_of
from reviewlib.conversation.filling import Filler
from reviewlib.conversation.kinds import KINDS, Kind, Payload, Visibility
from reviewlib.conversation.rights import Attempt, WritingContext, audience_of
from reviewlib.conversation.visibility import VisibleEntries, worded
from reviewlib.errors import ConflictError, JournalError, NotAllowedError
from reviewlib.evidence.subjects import Subject
from reviewlib.params import reading
from reviewlib.params.model import Params
from reviewlib.periods import Period


@dataclass(frozen=True)
class New:
    """Something to be written; the fields are those of the kind's model.

    Attributes:
        kind: A key of ``KINDS``.
        fields: What is said. Left out, these are filled in: a signature's side and head, a rating's word and scale, the
            snapshot of a release and of a disputed figure.
        id: The same id twice is one entry, so that a save can be tried again.
        supersedes: The id of the entry that this is an edit of.
        visibility: ``manager_only`` is set by itself on notes, and on what is about an entry that is kept from the rep.
        on_behalf: The rep's word, written by somebody else.
        source: Which file it comes from, and from whom (see ``senders``); what imports a file says so, and nobody else.
    """

    kind: str
    fields: Mapping[str, Any]
    id: str = ""
    supersedes: str | None = None
    visibility: Visibility = "shared"
    on_behalf: bool = False
    source: str | None = None


@dataclass(frozen=True)
class Records:
    """The entries of one review, for one person.

    Attributes:
        about: The review.
        person: Who reads and writes.
        subject: Whom the review is about; as they were when it was released, where it is.
        params: The workbook.
        everyone: Who else has a review in the period: a team's reps are among them.
    """

    about: About
    person: Person
    subject: Subject
    params: Params
    everyone: tuple[Subject, ...] = field(default=(), repr=False)

    def minutes(self) -> VisibleEntries:
        """Read the manager's copy as the journal has it now; a team's with those of its reps.

        Raises:
            NotAllowedError: The person is a rep, or a manager of other people.
        """
        rights.check_read(self.person, self.subject, where=str(self.about))
        with copies.journal(self.params) as store:
            said = copies.said_of(self.about, self.everyone, store)
        period = Period.parse(self.about.period, self.params.fiscal)
        return copies.manager_minutes(self.params, self.subject, period, said, self.everyone, readers=self._readers())

    def may(self, kind: str, *, on_behalf: bool = False, visibility: Visibility = "shared") -> str | None:
        """Say why the person may not write a kind as the review stands; None where they may."""
        rules = _kind(kind)
        attempt = Attempt(self.person, rules, on_behalf=on_behalf, visibility=_visibility(rules, visibility, None))
        refused = rights.refusal(self._context(self._entries()), attempt)
        return str(refused) if refused else None

    def write(
        self,
        kind: str,
        /,
        *,
        id: str = "",
        supersedes: str | None = None,
        visibility: Visibility = "shared",
        on_behalf: bool = False,
        **fields: Any,
    ) -> Entry:
        """Write one entry; the arguments are those of ``New``, without ``source``: what is written here comes from no file.

        Raises:
            JournalError: A field is wrong; ``problems`` says which, and why.
            NotAllowedError: The person may not write this, or not any more.
            ConflictError: Somebody else saved first; it holds both texts.
        """
        return self.write_all([New(kind, fields, id, supersedes, visibility, on_behalf)])[0]

    def write_all(self, items: Sequence[New]) -> list[Entry]:
        """Write several entries, all or none; a later one may name an earlier one by its id. Raises as ``write`` does."""
        return write_together([(self, items)])

    def history(self, entry_id: str) -> list[Entry]:
        """List every version of an entry, oldest first; empty where there is none that the person may read.

        A rep reads no wording of the manager's that was edited before release.
        """
        audience = audience_of(self.person)
        if audience == "manager":
            rights.check_read(self.person, self.subject, where=str(self.about))
        reach = copies.reach_of(self.subject, self._readers()) if audience == "manager" else None
        found = worded(self._entries(), self.about, audience=audience, fiscal=self.params.fiscal, reach=reach)
        return versions_of([entry for entry in found if entry.about == self.about], entry_id)

    def _readers(self) -> list[str]:
        """Whose right to read counts: a manager's; who else reads the manager's copy reads all of it."""
        return [self.person.name] if self.person.role == "manager" else []

    def _entries(self) -> list[Entry]:
        with copies.journal(self.params) as store:
            return store.entries(subject=(self.about.kind, self.about.subject)) if store else []

    def _context(self, entries: Sequence[Entry]) -> WritingContext:
        return WritingContext(self.about, self.subject, entries, self.params.fiscal, self.params.path.name)

    def _checked(self, items: Sequence[New], entries: Sequence[Entry], read: str) -> list[Draft]:
        """Check every item as if those before it were written already; ``read`` is the head that a signature is for."""
        filler = Filler(self.params, self.person, read)
        drafts: list[Draft] = []
        context = self._context(entries)
        for item in items:
            wording.check_columns(item.id, item.supersedes, item.visibility, where=str(self.about))
            before = context.by_id.get(item.id) if item.id else None
            if before and repeated.is_same_save(before, self.about, author=self.person.login, source=item.source):
                drafts.append(self._again(item, before, context))
                continue
            attempt, draft = self._drafted(item, context, filler)
            rights.check_write(context, attempt)
            drafts.append(draft)
            context = context.with_draft(draft)
        return drafts

    def _again(self, item: New, before: Entry, context: WritingContext) -> Draft:
        """The same save tried again: what was filled in then is filled in again, and the store compares the rest."""
        payload = wording.validated(_kind(item.kind), repeated.fields(item.fields, before), where=str(self.about))
        seen = repeated.visibility(item.visibility, before, context)
        return self._draft(item, payload, seen, repeated.supersedes(item.supersedes, before, source=item.source))

    def _drafted(self, item: New, context: WritingContext, filler: Filler) -> tuple[Attempt, Draft]:
        kind = _kind(item.kind)
        filled = filler.fill(item.kind, item.fields, context, on_behalf=item.on_behalf)
        payload = wording.validated(kind, filled, where=str(self.about))
        wording.check_scale(payload, self.params.rating.scale, where=str(self.about))
        wording.check_source(item.source, where=str(self.about))
        filling.check_figure(self.params, kind, payload, context, item.supersedes)
        target = context.by_id.get(str(getattr(payload, "of", None)))
        # What is said about something that was made private since is private too; the rep's own word never is.
        target = context.latest(target) if target and not item.on_behalf and self.person.role != "rep" else target
        visibility = _visibility(kind, item.visibility, target)
        supersedes = item.supersedes or self._replaced_answer(item, context)
        attempt = Attempt(self.person, kind, item.on_behalf, visibility, item.source, supersedes, payload)
        return attempt, self._draft(item, payload, visibility, supersedes)

    def _replaced_answer(self, item: New, context: WritingContext) -> str | None:
        """A newer answer from the rep takes the place of the one before it, which the importer may not be able to name."""
        answer = context.state.answer
        return answer.id if item.kind == "self_review" and item.source and answer else None

    def _draft(self, item: New, payload: Payload, visibility: Visibility, supersedes: str | None) -> Draft:
        return Draft(
            about=self.about,
            team=self.subject.team,
            kind=item.kind,
            payload=payload,
            author=self.person,
            on_behalf_of=self.about.subject if item.on_behalf else None,
            visibility=visibility,
            supersedes=supersedes,
            source=item.source,
            id=item.id,
        )

    def _hide_what_is_hidden(self, conflict: ConflictError) -> None:
        """A conflict shows both texts; one that the person may not read yet is not shown that way either."""
        theirs = conflict.theirs
        if (
            not isinstance(theirs, Entry)
            or theirs.about != self.about
            or self._context(self._entries()).readable(theirs, audience_of(self.person))
        ):
            return
        raise NotAllowedError(
            f"{KINDS[theirs.kind].label}: there is one already, which you cannot read yet.",
            where=str(self.about),
            do=f"Write your own part first; then you read what {self.subject.name} wrote.",
        ) from None


def open_records(params: Params, about: About, *, person: Person | None = None) -> Records:
    """Open the records of a review.

    Args:
        params: The workbook.
        about: The review.
        person: Who reads and writes; whoever is at the keyboard where not given.

    Raises:
        SnapshotError: Nothing is frozen for the period.
        JournalError: The journal cannot be opened, or is missing.
        SubjectError: Nobody of that id has a review in the period.
    """
    period = Period.parse(about.period, params.fiscal)
    with copies.journal(params) as store:
        everyone = copies.reviewed_in(params, period, store)
    subject = copies.subject_in(params, about, everyone)
    writer = identity.known_as(person or identity.at_keyboard(params), subject)
    return Records(replace(about, period=period.name), writer, subject, params, everyone)


def entries_head(entries: Sequence[Entry], about: About) -> str:
    """The hash of the last entry of a review; ``-`` where there is none."""
    return next((entry.hash for entry in reversed(entries) if entry.about == about), "-")


def write_together(groups: Sequence[tuple[Records, Sequence[New]]]) -> list[Entry]:
    """Write to several reviews of one workbook, all or none; raises as ``Records.write`` does.

    Where somebody else writes to one of them after the rules were asked, they are asked again about the review as it is then.
    """
    from reviewlib.conversation.journal import PAUSE, TRIES, MovedError

    read: dict[About, str] = {}
    for turn in range(TRIES):
        drafts, ends = _asked(groups, read)
        try:
            return _stored(groups, drafts, ends) if drafts else []
        except MovedError:
            if turn == TRIES - 1:
                raise
            time.sleep(random.uniform(0, PAUSE * min(turn + 1, 4)))  # noqa: S311
    return []


def _asked(
    groups: Sequence[tuple[Records, Sequence[New]]], read: dict[About, str]
) -> tuple[list[Draft], dict[About, Head | None]]:
    """Ask the rules; ``read`` keeps what was there at first, since a signature is for that and not for what came after."""
    from reviewlib.conversation.journal import refuse_shortened

    drafts: list[Draft] = []
    ends: dict[About, Head | None] = {}
    for own, items in groups:
        with copies.journal(own.params) as store:
            entries = store.entries(subject=(own.about.kind, own.about.subject)) if store else []
            refuse_shortened(own.params, own.about, entries, store)
        read.setdefault(own.about, entries_head(entries, own.about))
        ends |= {own.about: None} | {entry.about: Head(entry.sequence, entry.hash) for entry in entries}
        drafts += own._checked(items, entries, read[own.about])
    return drafts, ends


def _stored(
    groups: Sequence[tuple[Records, Sequence[New]]], drafts: Sequence[Draft], ends: Mapping[About, Head | None]
) -> list[Entry]:
    from reviewlib.conversation.journal import open_store

    store = open_store(groups[0][0].params, create=True)
    assert store is not None
    with store:
        try:
            return store.append_all(drafts, expecting=ends)
        except ConflictError as conflict:
            for own, _ in groups:
                own._hide_what_is_hidden(conflict)
            raise


class Reviewed(Protocol):
    """What is needed of a review to reach its records."""

    @property
    def about(self) -> About:
        """Which review."""

    @property
    def params_path(self) -> Path:
        """The workbook's params file."""

    @property
    def audience(self) -> str:
        """Whose copy is open."""


def write(review: Reviewed, kind: str, /, **fields: Any) -> Entry:
    """Write one entry to a review; the arguments are those of ``Records.write``."""
    if review.audience != "manager":
        raise NotAllowedError(
            "The rep’s copy is only read.", where=str(review.about), do='Open the review with audience="manager".'
        )
    return _opened(review).write(kind, **fields)


def current(review: Reviewed, *kinds: str) -> list[Entry]:
    """List the current entries of a review as the journal has them now, of these kinds or of all."""
    if review.audience != "manager":
        found = read_minutes(reading.load(review.params_path), review.about, "rep")
    else:
        found = _opened(review).minutes()
    return found.of_kind(*(kinds or KINDS))


def history(review: Reviewed, entry_id: str) -> list[Entry]:
    """List every version of an entry, oldest first."""
    if review.audience != "manager":
        raise NotAllowedError("The rep’s copy has no earlier versions.", where=str(review.about), do="Ask the manager.")
    return _opened(review).history(entry_id)


def _opened(review: Reviewed) -> Records:
    return open_records(reading.load(review.params_path), review.about)


def _kind(name: str) -> Kind:
    if not isinstance(name, str) or name not in KINDS:
        raise JournalError("There is no such kind of entry.", found=repr(name), do=f"Write one of: {', '.join(KINDS)}")
    return KINDS[name]


def _visibility(kind: Kind, asked: Visibility, target: Entry | None) -> Visibility:
    """What must stay with the manager stays there, also where nobody said so."""
    about_private = target is not None and target.visibility == "manager_only"
    return "manager_only" if kind.private == "always" or about_private else asked
