"""What may be put into the journal: a draft is held against the entries that are there."""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import replace

import sqlalchemy as sa

from reviewlib.conversation import table
from reviewlib.conversation.entries import SHARED, About, Draft, Entry, Head, current
from reviewlib.conversation.kinds import KINDS, Signoff
from reviewlib.errors import ConflictError, JournalError


def select(connection: sa.Connection, *wanted: sa.ColumnElement[bool]) -> list[Entry]:
    """Read the entries that meet every condition, by their sequence."""
    query = table.entries.select().where(*wanted).order_by(table.entries.c.sequence)
    return [table.entry_of({**row}) for row in connection.execute(query).mappings()]


def find(connection: sa.Connection, entry_id: str) -> Entry | None:
    """Read one entry by its id."""
    return next(iter(select(connection, table.entries.c.id == entry_id)), None)


def _of(about: About) -> tuple[sa.ColumnElement[bool], ...]:
    columns = table.entries.c
    return columns.subject_kind == about.kind, columns.subject == about.subject, columns.period == about.period


def ready(draft: Draft) -> Draft:
    """Give a draft its id, and its payload the form in which it comes back.

    Raises:
        JournalError: It is no entry that the journal can hold.
    """
    kind = KINDS.get(draft.kind)
    if kind is None or type(draft.payload) is not kind.model:
        raise JournalError(
            "There is no such entry.",
            where=str(draft.about),
            found=f"{draft.kind!r} with {type(draft.payload).__name__}",
            do=f"Use one of {', '.join(KINDS)}, each with its own fields.",
        )
    texts = (*(draft.about.subject, draft.about.period, draft.team), draft.author.login, draft.author.name, draft.id)
    if wrong := [text for text in texts if text and not _storable(text)]:
        raise JournalError(
            "A name holds characters that cannot be stored.",
            where=str(draft.about),
            found=ascii(wrong[0]),
            do="Mend it in the reps table or in params.",
        )
    payload = kind.model.model_validate(draft.payload.model_dump(mode="json"))
    return replace(draft, id=draft.id or secrets.token_hex(16), payload=payload)


def _storable(text: str) -> bool:
    """No database holds lone surrogates; PostgreSQL holds no NUL either."""
    return not any(char == "\0" or unicodedata.category(char) == "Cs" for char in text)


def once(there: Entry, draft: Draft) -> Entry:
    """Take an entry that was saved before for the draft that is saved again.

    Raises:
        JournalError: Under this id something else was saved.
    """
    by_same = (there.author, there.role) == (draft.author.login, draft.author.role)
    # Two people may import the same file; who was first is named in the entry.
    from_same_file = there.source is not None and there.source == draft.source
    if (by_same or from_same_file) and all(getattr(there, name) == getattr(draft, name) for name in SHARED):
        return there
    raise JournalError(
        "This id belongs to another entry.",
        where=str(draft.about),
        found=f"entry {there.sequence} of {there.about} with other content",
        do="Nothing was saved; leave the id out, or name the entry in supersedes to change it.",
    )


def last(connection: sa.Connection, about: About) -> Head | None:
    """Read the end of a review's chain; None where nothing is recorded."""
    columns = table.entries.c
    query = sa.select(columns.sequence, columns.hash).where(*_of(about)).order_by(columns.sequence.desc()).limit(1)
    row = connection.execute(query).first()
    return Head(row[0], row[1]) if row else None


def refuse(connection: sa.Connection, draft: Draft) -> None:
    """Refuse a draft that contradicts the entries of its review.

    Raises:
        ConflictError: Somebody saved another text first.
        JournalError: It replaces what is not there, or an entry of another kind.
    """
    if draft.supersedes is None:
        same_kind = select(connection, *_of(draft.about), table.entries.c.kind == draft.kind) if _alone(draft) else []
        if rivals := [entry for entry in current(same_kind) if _rivals(entry, draft)]:
            raise _conflict(rivals[-1], draft, "There is one already.")
        return
    replaced = find(connection, draft.supersedes)
    if replaced is None or (replaced.about, replaced.kind) != (draft.about, draft.kind) or not _rivals(replaced, draft):
        raise JournalError(
            "The entry to replace is not there.",
            where=str(draft.about),
            found=f"a {replaced.kind} of {replaced.about}" if replaced else "no entry with this id",
            do="Nothing was saved; open the review again and edit what it shows.",
        )
    if after := _after(connection, replaced):
        raise _conflict(after, draft, "Somebody saved another text first.")


def _after(connection: sa.Connection, entry: Entry) -> Entry | None:
    """The latest version of an entry; None where it is that itself."""
    latest = None
    while later := select(connection, table.entries.c.supersedes == (latest or entry).id):
        latest = later[0]
    return latest


def _alone(draft: Draft) -> bool:
    """Whether a review has room for one such entry only, of each side or of both together."""
    return KINDS[draft.kind].single or draft.kind == "signoff"


def _rivals(entry: Entry, draft: Draft) -> bool:
    """Whether a current entry and a new one of the same kind cannot both stand."""
    mine, theirs = draft.payload, entry.payload
    return not (isinstance(mine, Signoff) and isinstance(theirs, Signoff) and mine.side != theirs.side)


def _conflict(theirs: Entry, draft: Draft, what: str) -> ConflictError:
    return ConflictError(
        what,
        where=f"{draft.about}: {KINDS[draft.kind].label}",
        found=f"a text by {theirs.author_name}, saved {theirs.at:%Y-%m-%d %H:%M} UTC",
        do="Nothing was saved; read theirs beside yours and choose, or put both together.",
        theirs=theirs,
        mine=draft,
    )
