"""Where the journal is kept, how its database is opened, and what the database's errors mean."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from reviewlib.errors import JournalError
from reviewlib.params.model import Params

#: Seconds that a writer waits for another one, and for a server to answer.
PATIENCE: Final = 10
MOUNTS: Final = Path("/proc/mounts")
#: Where SQLite's write-ahead log, which needs memory shared between programs, does not work.
NETWORK: Final = re.compile(
    r"nfs\d*|cifs|smb\w*|9p|afs|ceph|glusterfs|lustre|davfs2?|fuse\.(sshfs|ceph|glusterfs|rclone|davfs2?|s3fs)"
)


@dataclass(frozen=True)
class Place:
    """Where the journal is kept.

    Attributes:
        url: For SQLAlchemy.
        file: The file of a SQLite journal; None for a server.
        shown: How it is named in messages: no folder of this machine, no password.
    """

    url: sa.URL
    file: Path | None
    shown: str


class NotSetUpError(JournalError):
    """The database is there, and holds no tables of a journal."""


def place_of(params: Params) -> Place:
    """Tell where the workbook's journal is kept.

    Raises:
        JournalError: ``records.database`` is no database URL.
    """
    given = params.records.database
    if given is None:
        return _file_place(params.reports / "journal.db", f"reports/{params.name}/journal.db")
    try:
        url = sa.make_url(given)
    except (ArgumentError, ValueError):
        raise _no_url("something that is not of the form postgresql://USER@HOST/DATABASE", params) from None
    if url.get_backend_name() == "sqlite":
        if url.database in (None, "", ":memory:"):
            raise _no_url("a database in memory, which is lost with the program", params)
        file = (params.path.parent / str(url.database)).resolve()
        return _file_place(file, file.name)
    host = f"{url.host or 'this computer'}{f':{url.port}' if url.port else ''}"
    return Place(url.set(drivername="postgresql+psycopg"), None, f"the database {url.database or '(of your login)'} on {host}")


def _file_place(file: Path, shown: str) -> Place:
    return Place(file_url(file), file, shown)


def file_url(file: Path) -> sa.URL:
    """Name a SQLite file that is there; opening it never makes one: a reading kernel must leave no empty journal behind."""
    return sa.URL.create("sqlite", database=file.absolute().as_uri(), query={"mode": "rw", "uri": "true"})


def _no_url(found: str, params: Params) -> JournalError:
    return JournalError(
        "The journal's database cannot be used.",
        where=f"records.database in {params.path.name}",
        found=found,
        do="Write postgresql://HOST/DATABASE, or leave it out for a file under reports/.",
    )


def engine_of(place: Place) -> sa.Engine:
    """Make the engine; nothing is opened yet.

    Raises:
        JournalError: The driver for PostgreSQL is not installed.
    """
    if place.file is not None:
        # No pool: nobody keeps a file open that a restore may have replaced, or across a fork.
        engine = sa.create_engine(place.url, poolclass=NullPool, hide_parameters=True)
        sa.event.listen(engine, "connect", _prepare_file)
        sa.event.listen(engine, "begin", _begin_file)
        return engine
    waits = {} if "connect_timeout" in place.url.query else {"connect_timeout": PATIENCE}
    options = {"pool_size": 1, "pool_pre_ping": True, "isolation_level": "REPEATABLE READ", "connect_args": waits}
    try:
        engine = sa.create_engine(place.url, hide_parameters=True, **options)
    except ModuleNotFoundError:
        raise JournalError(
            "PostgreSQL cannot be used yet.",
            where=place.shown,
            found="the driver psycopg is not installed",
            do='Run: pip install "reviewlib[postgres]"',
        ) from None
    sa.event.listen(engine, "connect", _prepare_server)
    return engine


def _prepare_file(connection: sqlite3.Connection, _record: object) -> None:
    # Transactions are begun below: Python's own way would begin them only at the first write, after the head was read.
    connection.isolation_level = None
    for pragma in ("foreign_keys = ON", "synchronous = FULL", f"busy_timeout = {PATIENCE * 1000}"):
        connection.execute(f"PRAGMA {pragma}")


def _prepare_server(connection: Any, _record: object) -> None:
    # A server may be set up to acknowledge what is not on its disk yet.
    off = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    connection.execute(off)
    connection.commit()


def _begin_file(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def reading(engine: sa.Engine, place: Place) -> Iterator[sa.Connection]:
    """Open one transaction that sees one state of the journal.

    Raises:
        JournalError: What the database says, in words.
    """
    with told(place), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: sa.Engine, place: Place) -> Iterator[sa.Connection]:
    """Open one transaction that is on disk when the block ends, or leaves nothing.

    Raises:
        JournalError: What the database says, in words; what two writers do to each other passes as it is (see ``lost_race``).
    """
    with told(place), engine.connect() as connection:
        connection = connection.execution_options(writes=True)
        with connection.begin():
            yield connection


def lost_race(error: DBAPIError) -> bool:
    """Whether another writer was first, so that the whole transaction may be tried again."""
    name = getattr(error.orig, "sqlite_errorname", "")
    taken = ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")
    return name in taken or _sqlstate(error.orig) in ("23505", "40001", "40P01")


def _sqlstate(error: BaseException | None) -> str:
    return getattr(error, "sqlstate", None) or ""


@contextmanager
def told(place: Place) -> Iterator[None]:
    """Say in words what a database reports; never with what was to be written, or a password."""
    try:
        yield
    except DBAPIError as error:
        if lost_race(error):
            raise
        raise _said(error.orig or error, place) from None
    except sqlite3.Error as error:
        raise _said(error, place) from None
    except SQLAlchemyError as error:
        raise _worded("The journal cannot be used.", place, str(error), "Ask whoever looks after the database.") from None


#: What errors mean, by the driver's name or code: what is wrong, and what to do.
_BUSY: Final = ("Somebody else is writing to the journal.", "Nothing was saved; try again in a moment.")
_FULL: Final = ("There is no room left for the journal.", "Nothing was saved; make room on its disk and save again.")
_READ_ONLY: Final = ("The journal cannot be written.", "Nothing was saved; ask for the right to write to it.")
_DAMAGED: Final = ("The journal is damaged.", "Leave it as it is and restore the last backup beside it.")
_NOT_MADE: Final = ("The journal is not set up.", "Run: reviewlib journal-init")
_NO_RIGHT: Final = (
    "This login has no right to that.",
    "Ask for the login to be put under people.roles and people.logins in params; then run: reviewlib journal-init",
)
_NO_LOGIN: Final = ("The database does not let this login in.", "Check user and password of records.database.")
_AWAY: Final = ("The journal's database does not answer.", "Check that it runs and that records.database in params is right.")
_MEANINGS: Final[Mapping[str, tuple[str, str]]] = {
    "SQLITE_BUSY": _BUSY,
    "SQLITE_LOCKED": _BUSY,
    "SQLITE_FULL": _FULL,
    "SQLITE_IOERR": ("The journal's disk reports an error.", "Nothing was saved; check the disk and save again."),
    "SQLITE_READONLY": _READ_ONLY,
    "SQLITE_PERM": _READ_ONLY,
    "SQLITE_CANTOPEN": ("The journal cannot be opened.", "Check that it is there, and that you may read and write it."),
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_NOTADB": _DAMAGED,
    "53100": _FULL,
    "25006": _READ_ONLY,
    "42P01": _NOT_MADE,
    "42501": _NO_RIGHT,
    "28000": _NO_LOGIN,
    "28P01": _NO_LOGIN,
    "55P03": _BUSY,
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}


def _said(error: BaseException, place: Place) -> JournalError:
    words = str(error).strip()
    found = words.splitlines()[0] if words else type(error).__name__
    name, state = getattr(error, "sqlite_errorname", ""), _sqlstate(error)
    for code in (state, name, "_".join(name.split("_")[:2])):
        if code in _MEANINGS:
            kind = NotSetUpError if _MEANINGS[code] is _NOT_MADE else JournalError
            return _worded(_MEANINGS[code][0], place, found, _MEANINGS[code][1], kind=kind)
    if "no such table" in found:
        return _worded(_NOT_MADE[0], place, found, _NOT_MADE[1], kind=NotSetUpError)
    if place.file is None and (not state or state[:2] in ("08", "57", "3D")):
        return _worded(_AWAY[0], place, found, _AWAY[1])
    return _worded(
        "The journal's database refused this.", place, found, "Nothing was saved; ask whoever looks after the database."
    )


def _worded(what: str, place: Place, found: str, do: str, *, kind: type[JournalError] = JournalError) -> JournalError:
    secret = str(place.url.password or "")
    shown = found.replace(secret, "***") if secret else found
    if place.file is not None:
        shown = shown.replace(str(place.file.parent), "...")
    return kind(what, where=place.shown, found=shown, do=do)


def refuse_network(file: Path, *, shown: str, mounts: Path = MOUNTS) -> None:
    """Refuse a SQLite journal where its write-ahead log does not work.

    Raises:
        JournalError: The file lies, or would lie, on a network filesystem.
    """
    kind = filesystem_of(file, mounts=mounts)
    if kind and NETWORK.fullmatch(kind):
        raise JournalError(
            "The journal cannot lie on a network filesystem: what is saved there may be lost.",
            where=shown,
            found=f"a filesystem of the kind {kind}",
            do="Put reports/ on a local disk, or use PostgreSQL (records.database in params).",
        )


def filesystem_of(path: Path, *, mounts: Path = MOUNTS) -> str | None:
    """Tell the kind of filesystem that a path lies on; None where this system does not tell."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    target = path.resolve()
    rows = [line.split(" ") for line in lines if line.count(" ") >= 2]
    found = [(place, row[2]) for row in rows if target.is_relative_to(place := Path(_unescaped(row[1])))]
    # The last of several on one place is the one on top.
    return max(enumerate(found), key=lambda each: (len(each[1][0].parts), each[0]))[1][1] if found else None


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def raw_file(file: Path, *, mode: str = "rw") -> closing[sqlite3.Connection]:
    """Open a SQLite file without SQLAlchemy, for what only SQLite knows: its own backup and its log."""
    return closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=PATIENCE))
