"""Where the journal is kept, its table, how its database is opened, and what the database's errors mean.

The table has one row per entry, which neither SQLite nor PostgreSQL lets anybody change or delete.
"""

import datetime as dt
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import parse_qsl, unquote

from pydantic import ValidationError

from reviewlib import files
from reviewlib.conversation.entries import About, Entry, moment, payload_bytes
from reviewlib.conversation.kinds import KINDS
from reviewlib.errors import JournalError
from reviewlib.params.model import Params

#: Seconds that a writer waits for another one, and for a server to answer.
PATIENCE: Final = 10
#: Where SQLite's write-ahead log, which needs memory shared between programs, does not work.
NETWORK: Final = re.compile(
    r"nfs\d*|cifs|smb\w*|9p|afs|ceph|glusterfs|lustre|davfs2?|fuse\.(sshfs|ceph|glusterfs|rclone|davfs2?|s3fs)"
)

_URL: Final = re.compile(
    r"(?P<engine>sqlite|postgres(?:ql)?)(?:\+\w+)?://(?:(?P<user>[^:/]*)(?::(?P<password>[^@]*))?@)?"
    r"(?P<host>\[[^]]*]|[^:/?]*)(?::(?P<port>\d*))?(?:/(?P<dbname>[^?]*))?(?:\?(?P<query>.*))?"
)

#: The version of the tables that this code reads and writes.
VERSION: Final = 1

#: What is run of ``journal.sql``, by its names.
SQL: Final = files.statements(Path(__file__).with_name("journal.sql").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Place:
    """Where the journal is kept.

    Attributes:
        shown: How it is named in messages: no folder of this machine, no password.
        file: The file of a SQLite journal; None for a server.
        server: How to connect to a server of PostgreSQL, in the words of its driver.
    """

    shown: str
    file: Path | None = None
    server: Mapping[str, Any] = field(default_factory=dict, repr=False)


class NotSetUpError(JournalError):
    """The database is there, and holds no tables of a journal."""


class LostRaceError(JournalError):
    """Another writer was first, so that the whole transaction may be tried again."""


def place_of(params: Params) -> Place:
    """Tell where the workbook's journal is kept."""
    given = params.records.database
    if given is None:
        return Place(f"reports/{params.name}/journal.db", params.reports / "journal.db")
    parts = _URL.fullmatch(given)
    if parts is None:
        raise _no_url("something that is not of the form postgresql://USER@HOST/DATABASE", params)
    name, host, port = unquote(parts["dbname"] or ""), parts["host"].strip("[]"), parts["port"]
    if parts["engine"] == "sqlite":
        if name in ("", ":memory:"):
            raise _no_url("a database in memory, which is lost with the program", params)
        file = (params.path.parent / name).resolve()
        return Place(file.name, file)
    login = {key: unquote(parts[key] or "") for key in ("user", "password")}
    named = {key: value for key, value in {**login, "host": host, "port": port, "dbname": name}.items() if value}
    asked = parse_qsl(parts["query"] or "")
    options, hosts = dict(asked), [value for key, value in asked if key == "host" and not value.startswith("/")]
    if hosts:  # each with its port or without; the driver wants two lists
        options["host"], ports = (",".join(each) for each in zip(*(one.partition(":")[::2] for one in hosts), strict=True))
        options |= {"port": ports} if ports.strip(",") else {}
    shown = f"the database {name or '(of your login)'} on {host or 'this computer'}{f':{port}' if port else ''}"
    return Place(shown, server={"connect_timeout": str(PATIENCE), **named, **options})


def _no_url(found: str, params: Params) -> JournalError:
    return JournalError(
        "The journal's database cannot be used.",
        where=f"records.database in {params.path.name}",
        found=found,
        do="Write postgresql://HOST/DATABASE, or leave it out for a file under reports/.",
    )


def _driver_errors(place: Place) -> type[Exception]:
    """What the engine's driver raises."""
    if place.file is not None:
        return sqlite3.Error
    try:
        import psycopg
    except ModuleNotFoundError:
        raise JournalError(
            "PostgreSQL cannot be used yet.",
            where=place.shown,
            found="the driver psycopg is not installed",
            do='Run: pip install "reviewlib[postgres]"',
        ) from None
    return psycopg.Error


class Transaction:
    """One transaction on either engine, which sees one state of the journal; ``?`` stands for a value in its statements."""

    def __init__(self, connection: Any, *, server: bool):
        self._connection = connection
        self.server = server

    def run(self, statement: str, *values: object) -> Any:
        """Run one statement; what comes back is the driver's own cursor. Without values nothing in it is a placeholder."""
        if not values:
            return self._connection.execute(statement)
        return self._connection.execute(statement.replace("?", "%s") if self.server else statement, values)

    def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """Read every row, by the names of its columns."""
        cursor = self.run(statement, *values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def column(self, statement: str, *values: object) -> list[Any]:
        """Read the first column."""
        return [row[0] for row in self.run(statement, *values)]

    def value(self, statement: str, *values: object) -> Any:
        """Read the first column of the first row; None where there is none."""
        return next(iter(self.column(statement, *values)), None)

    def insert(self, table: str, row: Mapping[str, object]) -> None:
        """Insert a row, by the names of its columns."""
        places = ", ".join("?" * len(row))
        self.run(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", *row.values())  # noqa: S608


class Database:
    """A journal's database, which gives back every connection when it is left."""

    def __init__(self, place: Place):
        self.place = place
        #: Connections to a server that nobody uses now.
        self._idle: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back every connection."""
        while self._idle:
            self._idle.pop().close()

    def reading(self) -> AbstractContextManager[Transaction]:
        """Open one transaction that sees one state of the journal; what the database refuses is told in words."""
        return self._transaction("BEGIN")

    def writing(self) -> AbstractContextManager[Transaction]:
        """Open one transaction that is on disk when the block ends, or leaves nothing; ``LostRaceError`` says to try again."""
        return self._transaction("BEGIN IMMEDIATE")

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Transaction]:
        with told(self.place):
            if self.place.file is not None:
                # Nobody keeps a file open that a restore may have replaced, or across a fork.
                with raw_file(self.place.file) as connection:
                    connection.execute("PRAGMA foreign_keys = ON")
                    connection.execute("PRAGMA synchronous = FULL")
                    connection.execute(begin)
                    with connection:
                        yield Transaction(connection, server=False)
                return
            connection = self._connect()
            try:
                with connection.transaction():
                    yield Transaction(connection, server=True)
            finally:
                self._idle.append(connection)

    def _connect(self) -> Any:
        """Take a connection to the server that is still there, or make one."""
        import psycopg

        while self._idle:
            connection = self._idle.pop()
            try:
                connection.execute("SELECT 1")
            except psycopg.Error:
                connection.close()
            else:
                return connection
        connection = psycopg.connect(autocommit=True, **self.place.server)
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        # A server may be set up to acknowledge what is not on its disk yet.
        off = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        connection.execute(off)
        return connection


#: What the drivers call it when another writer was first.
_LOST: Final = {"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "23505", "40001", "40P01"}


@contextmanager
def told(place: Place) -> Iterator[None]:
    """Say in words what a database reports; never with what was to be written, or a password."""
    errors = _driver_errors(place)
    try:
        yield
    except errors as error:
        code = getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None) or ""
        if code in _LOST:
            what, do = "Somebody else wrote to the journal at the same moment.", "Nothing was saved; try again."
            raise LostRaceError(what, where=place.shown, do=do) from None
        raise _said(error, code, place) from None


#: What errors mean: the names and codes that the drivers give them, what is wrong, and what to do.
_KNOWN: Final = (
    ("SQLITE_BUSY SQLITE_LOCKED 55P03", "Somebody else is writing to the journal.",
     "Nothing was saved; try again in a moment."),
    ("SQLITE_FULL 53100", "There is no room left for the journal.", "Nothing was saved; make room on its disk and save again."),
    ("SQLITE_IOERR", "The journal's disk reports an error.", "Nothing was saved; check the disk and save again."),
    ("SQLITE_READONLY SQLITE_PERM 25006", "The journal cannot be written.",
     "Nothing was saved; ask for the right to write to it."),
    ("SQLITE_CANTOPEN", "The journal cannot be opened.", "Check that it is there, and that you may read and write it."),
    ("SQLITE_CORRUPT SQLITE_NOTADB XX001 XX002", "The journal is damaged.",
     "Leave it as it is and restore the last backup beside it."),
    ("42P01", "The journal is not set up.", "Run: reviewlib journal-init"),
    ("42501", "This login has no right to that.",
     "Ask for the login to be put under people.roles and people.logins in params; then run: reviewlib journal-init"),
    ("28000 28P01", "The database does not let this login in.", "Check user and password of records.database."),
)  # fmt: skip
_MEANINGS: Final = {code: (what, do) for codes, what, do in _KNOWN for code in codes.split()}
_NOT_MADE: Final = _MEANINGS["42P01"]
_AWAY: Final = ("The journal's database does not answer.", "Check that it runs and that records.database in params is right.")
_REFUSED: Final = ("The journal's database refused this.", "Nothing was saved; ask whoever looks after the database.")


def _said(error: Exception, code: str, place: Place) -> JournalError:
    words = str(error).strip()
    found = words.splitlines()[0] if words else type(error).__name__
    # SQLite's names have a second and a third word: SQLITE_IOERR_WRITE is an SQLITE_IOERR.
    meaning = _MEANINGS.get(code) or _MEANINGS.get("_".join(code.split("_")[:2]))
    if meaning is None and "no such table" in found:
        meaning = _NOT_MADE
    if meaning is None:
        away = place.file is None and (not code or code[:2] in ("08", "57", "3D"))
        meaning = _AWAY if away else _REFUSED
    secret = place.server.get("password")
    shown = found.replace(secret, "***") if secret else found
    if place.file is not None:
        shown = shown.replace(str(place.file.parent), "...")
    kind = NotSetUpError if meaning is _NOT_MADE else JournalError
    return kind(meaning[0], where=place.shown, found=shown, do=meaning[1])


def refuse_network(file: Path, *, shown: str) -> None:
    """Refuse a SQLite journal on a network filesystem, where its write-ahead log does not work."""
    kind = filesystem_of(file)
    if kind and NETWORK.fullmatch(kind):
        raise JournalError(
            "The journal cannot lie on a network filesystem: what is saved there may be lost.",
            where=shown,
            found=f"a filesystem of the kind {kind}",
            do="Put reports/ on a local disk, or use PostgreSQL (records.database in params).",
        )


def filesystem_of(path: Path) -> str | None:
    """Tell the kind of filesystem that a path lies on; None where this system does not tell."""
    import psutil

    target = path.resolve()
    try:
        above = [one for one in psutil.disk_partitions(all=True) if target.is_relative_to(one.mountpoint)]
    except OSError:
        return None
    # The innermost; of several on one place the last, which is the one on top.
    kinds: list[str] = [one.fstype for one in sorted(above, key=lambda one: len(Path(one.mountpoint).parts))]
    return kinds[-1] if kinds else None


def raw_file(file: Path, *, mode: str = "rw") -> closing[sqlite3.Connection]:
    """Open a SQLite file that is there, never making one: a reading kernel must leave no empty journal behind.

    Transactions are begun by who opens it: Python's own way would begin them only at the first write, after the head was read.
    """
    return closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=PATIENCE))


def create(transaction: Transaction) -> None:
    """Make what is missing of the tables and of what guards them; what is there stays."""
    there, engine = tables_of(transaction), "postgresql: " if transaction.server else "sqlite: "
    missing = [SQL[name] for name in ("entries", "journal") if name not in there]
    for statement in (*missing, *(statement for name, statement in SQL.items() if name.startswith(engine))):
        transaction.run(statement)
    if version_of(transaction) is None:
        transaction.insert("journal", {"version": VERSION})


def tables_of(transaction: Transaction) -> list[str]:
    """Name the tables that a statement would find, of a journal or not, in whichever schema of a server they are."""
    query = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND pg_table_is_visible(oid)"
    return transaction.column(query if transaction.server else "SELECT name FROM sqlite_master WHERE type = 'table'")


def version_of(transaction: Transaction) -> int | None:
    """Read the version of the tables; None where none is written down."""
    found: int | None = transaction.value("SELECT max(version) FROM journal")
    return found


def sees_all(transaction: Transaction) -> bool:
    """Whether this login sees every entry; what it does not see, it cannot back up or verify."""
    guarded = transaction.server and transaction.value("SELECT row_security_active('entries')")
    return not guarded or bool(transaction.value(SQL["sees_all"]))


def row_of(entry: Entry) -> dict[str, Any]:
    """Turn an entry into a row."""
    plain = {name: value for name, value in vars(entry).items() if name != "about"}
    return plain | {
        "subject_kind": entry.about.kind,
        "subject": entry.about.subject,
        "period": entry.about.period,
        "at": moment(entry.at),
        "payload": payload_bytes(entry.payload).decode("ascii"),
    }


def entry_of(row: Mapping[str, Any]) -> Entry:
    """Turn a row into an entry; a row that no version of this program wrote is refused."""
    # A column that somebody added for themselves is theirs.
    plain = {each.name: row[each.name] for each in fields(Entry) if each.name != "about"}
    about = About(row["subject_kind"], row["subject"], row["period"])
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
