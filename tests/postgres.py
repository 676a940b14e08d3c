"""A private PostgreSQL server for tests: nobody else's port, user or data; each process that runs tests starts its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

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
        """Connect as a login, without SQLAlchemy; every statement stands by itself."""
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
