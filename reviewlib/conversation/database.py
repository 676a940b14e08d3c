"""Where the journal is kept, its table, how its database is opened, and what the database's errors mean.

The table has one row per entry, which neither SQLite nor PostgreSQL lets anybody change or delete.
"""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from reviewlib.conversation.entries import About, Entry, moment, payload_bytes
from reviewlib.conversation.kinds import KINDS
from reviewlib.errors import JournalError
from reviewlib.params.model import Params

#: Seconds that a writer waits for another one, and for a server to answer.
PATIENCE: Final = 10
MOUNTS: Final = Path("/proc/mounts")
#: Where SQLite's write-ahead log, which needs memory shared between programs, does not work.
NETWORK: Final = re.compile(
    r"nfs\d*|cifs|smb\w*|9p|afs|ceph|glusterfs|lustre|davfs2?|fuse\.(sshfs|ceph|glusterfs|rclone|davfs2?|s3fs)"
)

#: The version of the tables that this code reads and writes.
VERSION: Final = 1

metadata = sa.MetaData()

entries = sa.Table(
    "entries",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("subject_kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("period", sa.Text, nullable=False),
    sa.Column("team", sa.Text),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("author_name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("on_behalf_of", sa.Text),
    sa.Column("visibility", sa.Text, nullable=False),
    # Text, so that microseconds and UTC come back from both engines as they were hashed.
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("supersedes", sa.Text, sa.ForeignKey("entries.id")),
    sa.Column("source", sa.Text),
    # The canonical JSON itself: a JSON column type would write numbers and keys its own way.
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("salt", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("previous", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    # These two decide who was first when two people save at once.
    sa.UniqueConstraint("subject_kind", "subject", "period", "sequence", name="entries_in_order"),
    sa.UniqueConstraint("supersedes", name="entries_superseded_once"),
    sa.CheckConstraint("sequence >= 1", name="entries_counted"),
    sa.CheckConstraint("subject_kind IN ('rep', 'team')", name="entries_subject_kinds"),
    sa.CheckConstraint("role IN ('manager', 'analyst', 'rep')", name="entries_roles"),
    sa.CheckConstraint("visibility IN ('shared', 'manager_only')", name="entries_visibilities"),
)

#: One row: the version of the tables.
journal = sa.Table("journal", metadata, sa.Column("version", sa.Integer, nullable=False))

#: What a login may see in PostgreSQL: everything, a team, or what is shared of a rep. See ``security``.
access = sa.Table(
    "access",
    sa.MetaData(),
    sa.Column("login", sa.Text, primary_key=True),
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.CheckConstraint("scope IN ('all', 'team', 'subject')", name="access_scopes"),
)

#: Whether a login sees everything, in SQL.
SEES_ALL: Final = "EXISTS (SELECT 1 FROM access WHERE login = current_user AND scope = 'all')"
_REFUSAL: Final = "the journal is append-only"
#: What refuses every change, by engine; each may run again.
GUARDS: Final[Mapping[str, tuple[str, ...]]] = {
    "sqlite": tuple(
        f"CREATE TRIGGER IF NOT EXISTS entries_no_{verb.lower()} BEFORE {verb} ON entries "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        for verb in ("UPDATE", "DELETE")
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION entries_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$",
        "CREATE OR REPLACE TRIGGER entries_no_change BEFORE UPDATE OR DELETE ON entries "
        "FOR EACH ROW EXECUTE FUNCTION entries_refuse()",
        "CREATE OR REPLACE TRIGGER entries_no_truncate BEFORE TRUNCATE ON entries "
        "FOR EACH STATEMENT EXECUTE FUNCTION entries_refuse()",
    ),
}


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
    """Tell where the workbook's journal is kept."""
    given = params.records.database
    if given is None:
        file = params.reports / "journal.db"
        return Place(file_url(file), file, f"reports/{params.name}/journal.db")
    try:
        url = sa.make_url(given)
    except (ArgumentError, ValueError):
        raise _no_url("something that is not of the form postgresql://USER@HOST/DATABASE", params) from None
    if url.get_backend_name() == "sqlite":
        if url.database in (None, "", ":memory:"):
            raise _no_url("a database in memory, which is lost with the program", params)
        file = (params.path.parent / str(url.database)).resolve()
        return Place(file_url(file), file, file.name)
    host = f"{url.host or 'this computer'}{f':{url.port}' if url.port else ''}"
    return Place(url.set(drivername="postgresql+psycopg"), None, f"the database {url.database or '(of your login)'} on {host}")


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
    """Make the engine; nothing is opened yet."""
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


class Database:
    """A journal's database, which gives back every connection when it is left."""

    def __init__(self, place: Place):
        self.place = place
        self.engine = engine_of(place)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open one transaction that sees one state of the journal; what the database refuses is told in words."""
        with told(self.place), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Open one transaction that is on disk when the block ends, or leaves nothing.

        What two writers do to each other passes as it is (see ``lost_race``).
        """
        with told(self.place), self.engine.connect() as connection:
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
        raise _worded(("The journal cannot be used.", "Ask whoever looks after the database."), place, str(error)) from None


#: What errors mean: the names and codes that the drivers give them, what is wrong, and what to do.
_KNOWN: Final = (
    (
        "SQLITE_BUSY SQLITE_LOCKED 55P03",
        "Somebody else is writing to the journal.",
        "Nothing was saved; try again in a moment.",
    ),
    ("SQLITE_FULL 53100", "There is no room left for the journal.", "Nothing was saved; make room on its disk and save again."),
    ("SQLITE_IOERR", "The journal's disk reports an error.", "Nothing was saved; check the disk and save again."),
    (
        "SQLITE_READONLY SQLITE_PERM 25006",
        "The journal cannot be written.",
        "Nothing was saved; ask for the right to write to it.",
    ),
    ("SQLITE_CANTOPEN", "The journal cannot be opened.", "Check that it is there, and that you may read and write it."),
    (
        "SQLITE_CORRUPT SQLITE_NOTADB XX001 XX002",
        "The journal is damaged.",
        "Leave it as it is and restore the last backup beside it.",
    ),
    ("42P01", "The journal is not set up.", "Run: reviewlib journal-init"),
    (
        "42501",
        "This login has no right to that.",
        "Ask for the login to be put under people.roles and people.logins in params; then run: reviewlib journal-init",
    ),
    ("28000 28P01", "The database does not let this login in.", "Check user and password of records.database."),
)
_MEANINGS: Final = {code: (what, do) for codes, what, do in _KNOWN for code in codes.split()}
_NOT_MADE: Final = _MEANINGS["42P01"]
_AWAY: Final = ("The journal's database does not answer.", "Check that it runs and that records.database in params is right.")
_REFUSED: Final = ("The journal's database refused this.", "Nothing was saved; ask whoever looks after the database.")


def _said(error: BaseException, place: Place) -> JournalError:
    words = str(error).strip()
    found = words.splitlines()[0] if words else type(error).__name__
    name, state = getattr(error, "sqlite_errorname", ""), _sqlstate(error)
    meaning = next((_MEANINGS[code] for code in (state, name, "_".join(name.split("_")[:2])) if code in _MEANINGS), None)
    if meaning is None and "no such table" in found:
        meaning = _NOT_MADE
    if meaning is None:
        away = place.file is None and (not state or state[:2] in ("08", "57", "3D"))
        meaning = _AWAY if away else _REFUSED
    return _worded(meaning, place, found)


def _worded(meaning: tuple[str, str], place: Place, found: str) -> JournalError:
    secret = str(place.url.password or "")
    shown = found.replace(secret, "***") if secret else found
    if place.file is not None:
        shown = shown.replace(str(place.file.parent), "...")
    kind = NotSetUpError if meaning is _NOT_MADE else JournalError
    return kind(meaning[0], where=place.shown, found=shown, do=meaning[1])


def refuse_network(file: Path, *, shown: str, mounts: Path = MOUNTS) -> None:
    """Refuse a SQLite journal on a network filesystem, where its write-ahead log does not work."""
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
    # Blanks in a path stand as octal numbers.
    places = [Path(re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), row[1])) for row in rows]
    found = [(len(place.parts), at) for at, place in enumerate(places) if target.is_relative_to(place)]
    # The last of several on one place is the one on top.
    return rows[max(found)[1]][2] if found else None


def raw_file(file: Path, *, mode: str = "rw") -> closing[sqlite3.Connection]:
    """Open a SQLite file without SQLAlchemy, for what only SQLite knows: its own backup and its log."""
    return closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=PATIENCE))


def create(connection: sa.Connection) -> None:
    """Make what is missing of the tables and of what guards them; what is there stays."""
    metadata.create_all(connection)
    for statement in GUARDS[connection.dialect.name]:
        connection.execute(sa.text(statement))
    if version_of(connection) is None:
        connection.execute(journal.insert().values(version=VERSION))


def version_of(connection: sa.Connection) -> int | None:
    """Read the version of the tables; None where none is written down."""
    found: int | None = connection.execute(sa.select(sa.func.max(journal.c.version))).scalar()
    return found


def sees_all(connection: sa.Connection) -> bool:
    """Whether this login sees every entry; what it does not see, it cannot back up or verify."""
    if connection.dialect.name != "postgresql":
        return True
    if not connection.execute(sa.text("SELECT row_security_active('entries')")).scalar():
        return True
    return bool(connection.execute(sa.text(f"SELECT {SEES_ALL}")).scalar())


def row_of(entry: Entry) -> dict[str, Any]:
    """Turn an entry into a row."""
    plain = {name: getattr(entry, name) for name in entries.c.keys() if hasattr(entry, name)}  # noqa: SIM118
    return plain | {
        "subject_kind": entry.about.kind,
        "subject": entry.about.subject,
        "period": entry.about.period,
        "at": moment(entry.at),
        "payload": payload_bytes(entry.payload).decode("ascii"),
    }


def entry_of(row: Mapping[str, Any]) -> Entry:
    """Turn a row into an entry; a row that no version of this program wrote is refused."""
    plain = dict(row)
    about = About(plain.pop("subject_kind"), plain.pop("subject"), plain.pop("period"))
    try:
        payload = KINDS[plain["kind"]].model.model_validate_json(plain["payload"])
        at = dt.datetime.fromisoformat(plain["at"])
    except (KeyError, ValidationError, ValueError) as error:
        raise JournalError(
            "An entry of the journal cannot be read.",
            where=f"{about}: entry {plain['sequence']}",
            found=f"{plain['kind']!r}, which holds what this version does not know ({type(error).__name__})",
            do="Install the version of reviewlib that wrote it, or restore the last backup.",
        ) from None
    return Entry(**{**plain, "about": about, "payload": payload, "at": at})
