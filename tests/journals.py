"""Journals for tests: an empty one on each engine, drafts to put into it, and a private PostgreSQL server.

Nobody else's port, user or data; each process that runs tests starts its own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal

import psycopg
import pytest
import workbooks
from psycopg import sql

from reviewlib.conversation import database, security
from reviewlib.conversation.entries import About, Draft, Entry, Person
from reviewlib.conversation.journal import Journal, open_or_make_journal
from reviewlib.conversation.kinds import KINDS
from reviewlib.evidence.subjects import Subject
from reviewlib.params.model import Params

#: What the drivers raise where a database refuses something.
REFUSED = (sqlite3.DatabaseError, psycopg.DatabaseError)
_NUMBERS = count(1)
_OPTIONS = ("-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=50", "-c", "shared_buffers=16MB")


@dataclass(frozen=True)
class Server:
    """A running server; it listens on a socket in its own folder and trusts whoever reaches it."""

    folder: Path

    def url(self, database: str, *, user: str = "test") -> str:
        """Name a database as ``records.database`` does."""
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def connect(self, database: str = "postgres", *, user: str = "test") -> psycopg.Connection[Any]:
        """Connect as a login, past the journal; every statement stands by itself."""
        return psycopg.connect(host=str(self.folder), dbname=database, user=user, autocommit=True)

    def new_database(self) -> str:
        """Make an empty database of its own."""
        name = f"journal_{next(_NUMBERS)}"
        with self.connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return name

    def new_role(self, name: str, *, options: str = "") -> str:
        """Make a login, where there is none yet."""
        with self.connect() as connection, contextlib.suppress(psycopg.errors.DuplicateObject):
            connection.execute(sql.SQL(f"CREATE ROLE {{}} LOGIN {options}").format(sql.Identifier(name)))
        return name


def _binaries() -> Path:
    """Find the server's programs; a machine without them fails the tests, it does not skip them."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    initdb = found[-1] if found else shutil.which("initdb")
    assert initdb, "PostgreSQL is needed for these tests: install the Debian package postgresql, or put initdb on the PATH"
    return Path(initdb).parent


def _as_server() -> list[str]:
    """PostgreSQL refuses to run as root; elsewhere it runs as whoever runs the tests."""
    return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


@contextlib.contextmanager
def launch() -> Iterator[Server]:
    """Start a server; nothing is left of it afterwards."""
    programs, prefix = _binaries(), _as_server()
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    if prefix:
        shutil.chown(folder, "postgres")
    initdb = [
        programs / "initdb",
        "-D",
        folder / "data",
        "-A",
        "trust",
        "-U",
        "test",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
    ]
    subprocess.run([*prefix, *initdb], check=True, capture_output=True, cwd="/")
    with (folder / "log").open("wb") as log:
        command = [*prefix, programs / "postgres", "-D", folder / "data", "-k", folder, *_OPTIONS]
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")
    try:
        server = Server(folder)
        _wait(server, process)
        yield server
    finally:
        stop = [programs / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop"]
        subprocess.run([*prefix, *stop], check=False, capture_output=True, cwd="/")
        process.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: Server, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        with contextlib.suppress(psycopg.OperationalError):
            server.connect().close()
            return
        assert process.poll() is None, (server.folder / "log").read_text(encoding="utf-8")
        time.sleep(0.1)
    raise AssertionError("the PostgreSQL server did not start within 30 seconds")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One server for each process that runs tests."""
    with launch() as server:
        yield server


ANNA = Person("anna", "manager", "Anna Berg")
BEN = Person("ben", "manager", "Ben Cole")
#: Logins as params know them: two managers, an analyst and a rep.
PEOPLE = {
    "roles": {"anna": "manager", "ben": "manager", "ada": "analyst", "rita": "rep"},
    "logins": {"anna": ANNA.name, "ben": BEN.name, "rita": "R1"},
}
REVIEW = About("rep", "R1", "2026-Q3")


def subject(kind: str, id: str, *, team: str | None, manager: str | None) -> Subject:
    """Name somebody who has a review; figures do not matter here."""
    return Subject(kind, id, id, team, manager, "folder", id.lower(), None, None, "not_available", None)


SUBJECTS = (
    subject("team", "North", team="North", manager=ANNA.name),
    subject("team", "South", team="South", manager=BEN.name),
    subject("rep", "R1", team="North", manager=ANNA.name),
    subject("rep", "R2", team="South", manager=BEN.name),
)


def draft(
    text: str = "Well done.", *, about: About = REVIEW, kind: str = "concern", author: Person = ANNA, **rest: Any
) -> Draft:
    """Write a draft; ``fields`` are the payload's where the kind says more than a text."""
    fields = rest.pop("fields", {"text": text})
    return Draft(about, rest.pop("team", "North"), kind, KINDS[kind].model(**fields), author, **rest)


def append(store: Journal, one: Draft) -> Entry:
    """Write one entry."""
    return store.append_all([one])[0]


@dataclass(frozen=True)
class Desk:
    """A workbook whose journal is kept by one engine."""

    engine: Literal["sqlite", "postgres"]
    params: Params
    server: Server | None = None
    database: str = ""

    def open(self, **options: Any) -> Journal:
        """Open the journal; it is there afterwards."""
        return open_or_make_journal(self.params, **options)

    @contextlib.contextmanager
    def connect(self) -> Iterator[Any]:
        """Connect as the owner, past the journal; every statement stands by itself."""
        place = database.place_of(self.params)
        if place.file is not None:
            opened: Any = sqlite3.connect(place.file, isolation_level=None)
        else:
            opened = psycopg.connect(autocommit=True, **dict[str, Any](place.server))
        with contextlib.closing(opened) as connection:
            yield connection


def desk_of(kind: str, folder: Path, server: Server | None, *, subjects: Sequence[Subject] = SUBJECTS) -> Desk:
    """Set a workbook and its journal up."""
    rows = [{"rep_id": "R1", "amount": "5", "opened": "2026-07-01"}]
    if kind == "sqlite" or server is None:
        return Desk("sqlite", workbooks.workbook(folder, deals=rows, people=PEOPLE))
    name = server.new_database()
    params = workbooks.workbook(folder, deals=rows, people=PEOPLE, records={"database": server.url(name)})
    security.initialise(params, subjects)
    return Desk("postgres", params, server, name)


@pytest.fixture(params=["sqlite", "postgres"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Desk:
    """A workbook with an empty journal, once for each engine."""
    server = request.getfixturevalue("postgres_server") if request.param == "postgres" else None
    return desk_of(request.param, tmp_path, server)
