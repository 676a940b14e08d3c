"""The journal's store: it takes drafts, gives back entries, and lets nobody overwrite what somebody else saved first."""

from __future__ import annotations

import datetime as dt
import os
import random
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from reviewlib import files
from reviewlib.conversation import admission, database, remembered, security, table
from reviewlib.conversation.entries import About, Draft, Entry, Head, SubjectKind, sealed
from reviewlib.errors import JournalError
from reviewlib.params.model import Params

#: How often a save is tried when others save to the same review at the same moment.
TRIES: Final = 25
#: Seconds of the longest first pause between tries; later ones grow to four times that.
PAUSE: Final = 0.02
Clock = Callable[[], dt.datetime]
_NOTHING: Final[Mapping[About, Head | None]] = MappingProxyType({})


class MovedError(JournalError):
    """A review does not end any more where the rules of writing saw its end; nothing was written."""


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def open_store(params: Params, *, create: bool = False, clock: Clock = _now, mounts: Path = database.MOUNTS) -> Store | None:
    """Open the workbook's journal.

    Args:
        params: The workbook.
        create: Make the SQLite file where there is none. A database on a server is made by ``reviewlib journal-init`` alone.
        clock: What tells the time of new entries.
        mounts: Where the system lists its filesystems.

    Returns:
        The store; None where no journal exists yet and it should not be made.

    Raises:
        JournalError: It cannot be opened, lies where it is not safe, is of another version, or holds nothing at all, not even
            tables, where the manifests remember entries.
    """
    place = database.place_of(params)
    if place.file is not None:
        if not create and not place.file.exists():
            return None
        database.refuse_network(place.file, shown=place.shown, mounts=mounts)
        if not place.file.exists():
            make_file(params, place)
    store = Store(database.engine_of(place), place, clock=clock)
    try:
        _check_version(store)
    except BaseException as error:
        store.close()
        if isinstance(error, database.NotSetUpError):
            # What is set up anew hides that what was there is gone.
            remembered.refuse_missing(params, server=place.file is None)
        raise
    return store


def make_file(params: Params, place: database.Place) -> None:
    """Make an empty SQLite journal beside its place and move it in whole; who was faster wins, nothing is overwritten.

    Raises:
        JournalError: No room, no permission.
    """
    assert place.file is not None
    modes = files.Modes.shared(params.group) if params.group else files.PRIVATE
    part = place.file.with_name(f".{secrets.token_hex(6)}.part")
    try:
        files.make_folder(place.file.parent, modes=modes)
        # SQLite gives its log the mode of the file.
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, files.PRIVATE.file))
        _fill_file(replace(place, url=database.file_url(part), file=part))
        move_in(part, place.file)
    except OSError as error:
        raise JournalError(
            "The journal cannot be made.",
            where=place.shown,
            found=error.strerror,
            do="Check the room and rights of its folder.",
        ) from None
    finally:
        for end in ("", "-wal", "-shm"):
            part.with_name(part.name + end).unlink(missing_ok=True)


def _fill_file(place: database.Place) -> None:
    assert place.file is not None
    engine = database.engine_of(place)
    with database.writing(engine, place) as connection:
        table.create(connection)
    with database.told(place), database.raw_file(place.file) as raw:
        raw.execute("PRAGMA journal_mode = WAL")


def move_in(part: Path, file: Path) -> bool:
    """Give a whole file its name; what has that name already stays, and the answer is False."""
    try:
        os.link(part, file)
    except FileExistsError:
        return False
    except OSError:  # a filesystem without links
        if file.exists():
            return False
        part.rename(file)
    return True


def _check_version(store: Store) -> None:
    with database.reading(store.engine, store.place) as connection:
        found = table.version_of(connection) or 0
    if found != table.VERSION:
        raise other_version(found, store.place)


def other_version(found: int, place: database.Place) -> JournalError:
    """Say what to do with a journal of another version."""
    newer = found > table.VERSION
    return JournalError(
        "The journal is of a newer version than this program." if newer else "The journal is of an older version.",
        where=place.shown,
        found=f"version {found}; this program reads version {table.VERSION}",
        do="Install the newer reviewlib." if newer else "Run: reviewlib journal-init (it makes a backup first)",
    )


class Store:
    """The journal, open.

    Attributes:
        engine: Of SQLAlchemy.
        place: Where the journal is kept.
    """

    def __init__(self, engine: sa.Engine, place: database.Place, *, clock: Clock = _now):
        self.engine = engine
        self.place = place
        self._clock = clock

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()

    def append(self, draft: Draft) -> Entry:
        """Write one entry; it is on disk when this returns. See ``append_all``."""
        return self.append_all([draft])[0]

    def append_all(self, drafts: Sequence[Draft], *, expecting: Mapping[About, Head | None] = _NOTHING) -> list[Entry]:
        """Write entries in one transaction: all of them, or none.

        Args:
            drafts: What to write.
            expecting: Where reviews end by what the drafts were checked against; None where nothing is recorded yet.

        Returns:
            The entries, in the order of the drafts; for a draft whose id and content are there already, that entry.

        Raises:
            ConflictError: Somebody saved another text first; it holds both.
            MovedError: Somebody else wrote to one of the reviews since the drafts were checked.
            JournalError: A draft contradicts the journal, or the database does not take it.
        """
        drafts = [admission.ready(draft) for draft in drafts]
        for turn in range(TRIES):
            try:
                with database.writing(self.engine, self.place) as connection:
                    ends = _ends(connection, expecting)
                    return [self._append(connection, draft, ends) for draft in drafts]
            except DBAPIError:
                # Only a lost race comes here: somebody took the next number. What they wrote decides what becomes of ours.
                time.sleep(random.uniform(0, PAUSE * min(turn + 1, 4)))  # noqa: S311
        raise JournalError(
            "The entry could not be put into the review.",
            where=str(drafts[0].about),
            found=f"the next place was taken {TRIES} times: by others who save, or by entries that this login may not read",
            do="Nothing was saved; try again, and if it stays so ask an analyst.",
        )

    def entries(
        self, *, subject: tuple[SubjectKind, str] | None = None, period: str | None = None, kind: str | None = None
    ) -> list[Entry]:
        """List entries, each review's in the order of its chain.

        Args:
            subject: Only of this rep or team.
            period: Only of this period.
            kind: Only of this kind.
        """
        columns = table.entries.c
        wanted: list[sa.ColumnElement[bool]] = []
        if subject is not None:
            wanted += [columns.subject_kind == subject[0], columns.subject == subject[1]]
        if period is not None:
            wanted.append(columns.period == period)
        if kind is not None:
            wanted.append(columns.kind == kind)
        with database.reading(self.engine, self.place) as connection:
            found = admission.select(connection, *wanted)
        return sorted(found, key=lambda entry: (entry.about, entry.sequence))

    def entry(self, entry_id: str) -> Entry | None:
        """Find one entry by its id."""
        with database.reading(self.engine, self.place) as connection:
            return admission.find(connection, entry_id)

    def is_empty(self) -> bool:
        """Whether nothing is recorded at all; a login that sees a part only is told of no more than that."""
        with database.reading(self.engine, self.place) as connection:
            return connection.execute(sa.select(table.entries.c.id).limit(1)).first() is None

    def sees_all(self) -> bool:
        """Whether this login sees every entry."""
        with database.told(self.place), self.engine.connect() as connection:
            return security.sees_all(connection)

    def heads(self, *, period: str | None = None) -> dict[About, Head]:
        """Tell the last entry of each review."""
        rows, last = table.entries.c, table.entries.alias().c
        chain = (last.subject_kind == rows.subject_kind, last.subject == rows.subject, last.period == rows.period)
        query = sa.select(rows.subject_kind, rows.subject, rows.period, rows.sequence, rows.hash).where(
            rows.sequence == sa.select(sa.func.max(last.sequence)).where(*chain).scalar_subquery()
        )
        if period is not None:
            query = query.where(rows.period == period)
        with database.reading(self.engine, self.place) as connection:
            found = connection.execute(query).all()
        return {About(row[0], row[1], row[2]): Head(row[3], row[4]) for row in sorted(tuple(row) for row in found)}

    def _append(self, connection: sa.Connection, draft: Draft, ends: dict[About, Head | None]) -> Entry:
        if same := admission.find(connection, draft.id):
            return admission.once(same, draft)
        admission.refuse(connection, draft)
        # The next number after the end that was checked: whoever takes it in between makes this transaction fail.
        last = ends[draft.about] if draft.about in ends else admission.last(connection, draft.about)
        entry = sealed(
            draft.entry(
                sequence=last.sequence + 1 if last else 1,
                at=self._clock(),
                salt=secrets.token_hex(16),
                previous=last.hash if last else "",
            )
        )
        connection.execute(table.entries.insert().values(table.row_of(entry)))
        ends[draft.about] = Head(entry.sequence, entry.hash)
        return entry


def _ends(connection: sa.Connection, expecting: Mapping[About, Head | None]) -> dict[About, Head | None]:
    """Read where reviews end, and hold it against what is expected."""
    found = {about: admission.last(connection, about) for about in expecting}
    if moved := [about for about, head in expecting.items() if found[about] != head]:
        raise MovedError(
            "Somebody else wrote to this review at the same moment.",
            where=str(moved[0]),
            do="Nothing was saved; read the review as it is now, and save again.",
        )
    return found
