"""The one way to the journal for forms, imported answers, the command line and notebooks: checked, and with rights.

In a notebook::

    rl.records.write(review, "feedback", stance="strength", kpi="win_rate", text="...")
    rl.records.current(review, "feedback")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from reviewlib.conversation import copies, identity, payloads, rights
from reviewlib.conversation.entries import About, Draft, Entry, Head, Person, side_of
from reviewlib.conversation.entries import history as versions_of
from reviewlib.conversation.journal import (
    Journal,
    MovedError,
    open_journal_to_read,
    open_or_make_journal,
    refuse_shortened,
    tries,
)
from reviewlib.conversation.kinds import KINDS
from reviewlib.conversation.kinds.record import Kind, Payload, Visibility
from reviewlib.conversation.rights import WritingContext, audience_of
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
        journal: The journal, where it is held open; else it is opened each time.
    """

    about: About
    person: Person
    subject: Subject
    params: Params
    everyone: tuple[Subject, ...] = field(default=(), repr=False)
    journal: Journal | None = field(default=None, repr=False, compare=False)

    @contextmanager
    def held_open(self) -> Iterator[Records]:
        """The same records with the journal held open, for several things that are asked of it one after the other."""
        with self._journal() as journal:
            yield replace(self, journal=journal)

    def minutes(self) -> VisibleEntries:
        """Read the manager's copy as the journal has it now; a team's with those of its reps.

        Raises:
            NotAllowedError: The person is a rep, or a manager of other people.
        """
        rights.check_read(self.person, self.subject, where=str(self.about))
        with self._journal() as journal:
            said = copies.said_of(self.about, self.everyone, journal)
        period = Period.parse(self.about.period, self.params.fiscal)
        return copies.manager_minutes(self.params, self.subject, period, said, self.everyone, readers=self._readers())

    def context(self) -> WritingContext:
        """Read the review as the journal has it now."""
        with self._journal() as journal:
            return self._context(journal)

    def may(self, kind: str, *, on_behalf: bool = False, context: WritingContext | None = None) -> str | None:
        """Say why the person may not write a kind as the review stands, now or in a context; None where they may."""
        asked = New(kind, {}, on_behalf=on_behalf)
        draft = self._draft(asked, Payload(), _visibility(_kind(kind), "shared", None), None)
        refused = rights.refusal(context or self.context(), draft)
        return f"{refused.what} {refused.do}" if refused else None

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
        found = worded(self.context().entries, self.about, audience=audience, fiscal=self.params.fiscal, reach=reach)
        return versions_of([entry for entry in found if entry.about == self.about], entry_id)

    def _readers(self) -> list[str]:
        """Whose right to read counts: a manager's; who else reads the manager's copy reads all of it."""
        return [self.person.name] if self.person.role == "manager" else []

    def _journal(self) -> AbstractContextManager[Journal | None]:
        return nullcontext(self.journal) if self.journal is not None else open_journal_to_read(self.params)

    def _context(self, journal: Journal | None) -> WritingContext:
        entries = journal.entries(subject=(self.about.kind, self.about.subject)) if journal else []
        return WritingContext(self.about, self.subject, entries, self.params.fiscal, self.params.path.name)

    def _checked(self, items: Sequence[New], context: WritingContext, read: str) -> list[Draft]:
        """Check every item as if those before it were written already; ``read`` is the head that a signature is for."""
        drafts: list[Draft] = []
        for item in items:
            payloads.check_columns(item.id, item.supersedes, item.visibility, where=str(self.about))
            before = context.by_id.get(item.id) if item.id else None
            # Saved by the same person before, or from the same file, whoever imported it.
            from_same_file = before is not None and item.source is not None and before.source == item.source
            if before and before.about == self.about and (before.author == self.person.login or from_same_file):
                drafts.append(self._again(item, before, context))
                continue
            draft = self._drafted(item, context, read)
            if refused := rights.refusal(context, draft):
                raise refused
            drafts.append(draft)
            context = context.with_draft(draft)
        return drafts

    def _again(self, item: New, before: Entry, context: WritingContext) -> Draft:
        """The same save tried again: what was filled in by itself is filled in again, and the journal compares the rest."""
        own = [name for name in payloads.FILLED if hasattr(before.payload, name)]
        fields = dict(item.fields) | {name: item.fields.get(name) or getattr(before.payload, name) for name in own}
        payload = payloads.validated(_kind(item.kind), fields, where=str(self.about))
        visibility, supersedes = item.visibility, item.supersedes
        # What is kept from the rep by itself need not be asked for.
        target = context.by_id.get(before.of or "")
        versions = [one for one in context.entries if target and context.roots[one.id] == context.roots[target.id]]
        private = KINDS[before.kind].private == "always" or any(one.visibility == "manager_only" for one in versions)
        if visibility == "shared" and private:
            visibility = before.visibility
        # A newer answer from a file takes the place of the one before it by itself.
        if supersedes is None and before.kind == "self_review" and item.source is not None:
            supersedes = before.supersedes
        return self._draft(item, payload, visibility, supersedes)

    def _drafted(self, item: New, context: WritingContext, read: str) -> Draft:
        kind, person, params, where = _kind(item.kind), self.person, self.params, str(self.about)
        side = side_of(person.role, on_behalf=item.on_behalf)
        filled = payloads.filled(item.kind, item.fields, context, params=params, side=side, head=read)
        payload = payloads.validated(kind, filled, where=where)
        payloads.check_scale(payload, params.rating.scale, where=where)
        payloads.check_source(item.source, where=where)
        payloads.check_figure(kind, payload, item.supersedes, context, params)
        target = context.by_id.get(str(getattr(payload, "of", None)))
        # What is said about something that was made private since is private too; the rep's own word never is.
        target = context.latest(target) if target and side == "manager" else target
        visibility, supersedes = _visibility(kind, item.visibility, target), item.supersedes
        # A newer answer from the rep takes the place of the one before it, which the importer may not be able to name.
        if not supersedes and item.kind == "self_review" and item.source and context.state.answer:
            supersedes = context.state.answer.id
        return self._draft(item, payload, visibility, supersedes)

    def _draft(self, item: New, payload: Payload, visibility: Visibility, supersedes: str | None) -> Draft:
        return Draft(
            about=self.about,
            team=self.subject.team,
            kind=item.kind,
            payload=payload,
            author=self.person,
            on_behalf_of=self.about.subject if item.on_behalf else None,
            visibility=visibility,
            supersedes=supersedes or None,
            source=item.source,
            id=item.id,
        )

    def _hide_what_is_hidden(self, conflict: ConflictError, journal: Journal) -> None:
        """A conflict shows both texts; one that the person may not read yet is not shown that way either."""
        theirs = conflict.theirs
        if not isinstance(theirs, Entry) or theirs.about != self.about:
            return
        if not self._context(journal).readable(theirs, audience_of(self.person)):
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
    with _held_records(params, about, person=person) as own:
        return replace(own, journal=None)


@contextmanager
def _held_records(params: Params, about: About, *, person: Person | None = None) -> Iterator[Records]:
    """Open the records of a review, with the journal held open; see ``open_records``."""
    period = Period.parse(about.period, params.fiscal)
    with open_journal_to_read(params) as journal:
        everyone = copies.reviewed_in(params, period, journal)
        subject = copies.subject_in(params, about, everyone)
        writer = identity.known_as(person or identity.at_keyboard(params), subject)
        yield Records(replace(about, period=period.name), writer, subject, params, everyone, journal)


def write_together(groups: Sequence[tuple[Records, Sequence[New]]]) -> list[Entry]:
    """Write to several reviews of one workbook, all or none; raises as ``Records.write`` does.

    Where somebody else writes to one of them after the rules were asked, they are asked again about the review as it is then.
    """
    read: dict[About, str] = {}
    for _ in tries():
        with suppress(MovedError):
            return _written(groups, read)
    return _written(groups, read)


def _written(groups: Sequence[tuple[Records, Sequence[New]]], read: dict[About, str]) -> list[Entry]:
    """Ask the rules about the reviews as they are, and write; a signature is for what was ``read`` there at first."""
    if not groups:
        return []
    drafts: list[Draft] = []
    ends: dict[About, Head | None] = {}
    params = groups[0][0].params
    with groups[0][0]._journal() as journal:
        for own, items in groups:
            context = own._context(journal)
            refuse_shortened(params, own.about, context.entries, journal)
            read.setdefault(own.about, context.state.head.hash if context.state.head else "-")
            ends |= {own.about: None} | {entry.about: Head(entry.sequence, entry.hash) for entry in context.entries}
            drafts += own._checked(items, context, read[own.about])
        if not drafts:
            return []
        with nullcontext(journal) if journal is not None else open_or_make_journal(params) as opened:
            try:
                return opened.append_all(drafts, expecting=ends)
            except ConflictError as conflict:
                for own, _ in groups:
                    own._hide_what_is_hidden(conflict, opened)
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
    with _held(review) as own:
        return own.write(kind, **fields)


def current(review: Reviewed, *kinds: str) -> list[Entry]:
    """List the current entries of a review as the journal has them now, of these kinds or of all."""
    if review.audience != "manager":
        found = copies.read_minutes(reading.load(review.params_path), review.about, "rep")
    else:
        with _held(review) as own:
            found = own.minutes()
    return found.of_kind(*(kinds or KINDS))


def history(review: Reviewed, entry_id: str) -> list[Entry]:
    """List every version of an entry, oldest first."""
    if review.audience != "manager":
        raise NotAllowedError("The rep’s copy has no earlier versions.", where=str(review.about), do="Ask the manager.")
    with _held(review) as own:
        return own.history(entry_id)


def _held(review: Reviewed) -> AbstractContextManager[Records]:
    return _held_records(reading.load(review.params_path), review.about)


def _kind(name: str) -> Kind:
    if not isinstance(name, str) or name not in KINDS:
        raise JournalError("There is no such kind of entry.", found=repr(name), do=f"Write one of: {', '.join(KINDS)}")
    return KINDS[name]


def _visibility(kind: Kind, asked: Visibility, target: Entry | None) -> Visibility:
    """What must stay with the manager stays there, also where nobody said so."""
    about_private = target is not None and target.visibility == "manager_only"
    return "manager_only" if kind.private == "always" or about_private else asked
