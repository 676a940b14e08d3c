"""Where the journal is kept, and what is said when its database cannot be used."""

from __future__ import annotations

import builtins
import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import psutil
import pytest
import workbooks
from journals import Desk, Server, append, desk_of, draft

from reviewlib.conversation import database
from reviewlib.conversation.database import filesystem_of, place_of
from reviewlib.conversation.journal import open_journal, open_or_make_journal
from reviewlib.errors import ConflictError, JournalError
from reviewlib.params.model import Params


def params_with(folder: Path, url: str) -> Params:
    return workbooks.changed(desk_of("sqlite", folder, None).params, records={"database": url})


def mount(monkeypatch: pytest.MonkeyPatch, *mounted: tuple[Path | str, str]) -> None:
    """Let the system say what is mounted where, in this order."""
    found = [SimpleNamespace(mountpoint=str(place), fstype=kind) for place, kind in mounted]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: found if all else [])


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p"])
def test_a_journal_on_a_network_filesystem_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Where the reports lie on a network filesystem, the journal is neither made nor opened, and nothing is left there."""
    desk = desk_of("sqlite", tmp_path, None)
    with monkeypatch.context() as system:
        mount(system, ("/", "ext4"), (tmp_path, kind), ("/proc", "proc"))
        with pytest.raises(JournalError) as caught:
            open_or_make_journal(desk.params)
    assert "local disk, or use PostgreSQL" in str(caught.value)
    assert not desk.params.reports.exists()
    desk.open().close()
    mount(monkeypatch, ("/", "ext4"), (tmp_path, kind), ("/proc", "proc"))
    with pytest.raises(JournalError, match="network filesystem"):
        open_journal(desk.params)


def test_the_innermost_and_topmost_mount_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest mount above a path decides, not a name that only begins alike; the last of two on one place; blanks count."""
    (tmp_path / "a b" / "local").mkdir(parents=True)
    inner = tmp_path / "a b" / "local"
    mount(monkeypatch, (inner, "nfs4"), ("/", "ext4"), (inner.parent, "nfs4"), (inner, "xfs"))
    assert filesystem_of(tmp_path / "a b" / "file") == "nfs4"
    assert filesystem_of(tmp_path / "a b" / "local" / "file") == "xfs"
    assert filesystem_of(tmp_path / "a bc") == "ext4"


def test_where_the_system_does_not_tell_the_journal_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing mounted, or no list of what is, refuses nobody; this system's own list is read."""
    assert filesystem_of(tmp_path)

    def unknown(all: bool) -> NoReturn:
        raise FileNotFoundError(2, "No such file or directory", "/proc/mounts")

    for told in (lambda all: [], unknown):
        monkeypatch.setattr(psutil, "disk_partitions", told)
        assert filesystem_of(tmp_path) is None
    desk_of("sqlite", tmp_path, None).open().close()


def test_a_sqlite_url_names_a_file_beside_the_params_file(tmp_path: Path) -> None:
    """A relative SQLite URL is read from the params file, as sources are; odd letters in a path are letters."""
    params = params_with(tmp_path, "sqlite:///a%20#1?/own.db".replace("?", "%3F"))
    assert place_of(params_with(tmp_path, "sqlite:///own.db")).file == tmp_path / "params" / "own.db"
    with open_or_make_journal(params) as store:
        append(store, draft("one"))
    assert list(tmp_path.glob("params/*/own.db"))


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "postgresql://host:port/x"])
def test_a_url_that_is_no_place_is_refused(tmp_path: Path, url: str) -> None:
    """A database in memory and a URL that cannot be read are refused with what to write instead."""
    with pytest.raises(JournalError) as caught:
        open_or_make_journal(params_with(tmp_path, url))
    assert "postgresql://HOST/DATABASE" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not a database at all, but long enough to be looked at" * 40])
def test_a_file_that_is_no_journal_is_named_and_left_alone(tmp_path: Path, content: bytes) -> None:
    """An empty or foreign file in the journal's place is reported in words and stays as it is."""
    desk = desk_of("sqlite", tmp_path, None)
    file = desk.params.reports / "journal.db"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    for opened in (open_or_make_journal, open_journal):
        with pytest.raises(JournalError) as caught:
            opened(desk.params)
        assert str(tmp_path) not in str(caught.value)
    assert file.read_bytes() == content


def test_a_damaged_journal_is_named(tmp_path: Path) -> None:
    """A journal with overwritten pages is reported as damaged, with no traceback of the database."""
    desk = desk_of("sqlite", tmp_path, None)
    with desk.open() as store:
        store.append_all([draft("x" * 3000) for _ in range(20)])
    file = desk.params.reports / "journal.db"
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    file.write_bytes(content)
    with pytest.raises(JournalError, match="damaged"):
        open_journal(desk.params)


def test_a_journal_that_somebody_holds_is_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another program keeps the journal locked for too long, the message says so, and reading goes on."""
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    desk = desk_of("sqlite", tmp_path, None)
    with desk.open() as store:
        append(store, draft("one"))
        holder = sqlite3.connect(desk.params.reports / "journal.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="Somebody else is writing"):
            append(store, draft("two"))
        assert len(store.entries()) == 1
        holder.close()
        append(store, draft("two"))


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no more room, nothing is stored and the message says so."""
    real = database.raw_file

    def small(file: Path) -> closing[sqlite3.Connection]:
        opened = real(file)
        opened.thing.execute("PRAGMA max_page_count = 8")
        return opened

    desk = desk_of("sqlite", tmp_path, None)
    with desk.open() as store:
        monkeypatch.setattr(database, "raw_file", small)
        with pytest.raises(JournalError, match="no room"):
            store.append_all([draft("x" * 5000) for _ in range(20)])
        assert store.entries() == []


def test_a_password_is_in_no_message(tmp_path: Path) -> None:
    """A server that does not answer is named without password, and so is one that does not know the login."""
    params = params_with(tmp_path, "postgresql://anna:s3cret-word@127.0.0.1:1/journal?connect_timeout=2")
    with pytest.raises(JournalError) as caught:
        open_journal(params)
    assert "does not answer" in str(caught.value)
    assert "the database journal on 127.0.0.1:1" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_missing_database_or_table_is_named(tmp_path: Path, postgres_server: Server) -> None:
    """A database that is not there, a login that is not there and tables that are not there are three messages."""
    messages = {
        postgres_server.url("nowhere"): "does not answer",
        postgres_server.url("postgres", user="nobody"): "does not answer",
        postgres_server.url(postgres_server.new_database()): "not set up",
    }
    for url, words in messages.items():
        with pytest.raises(JournalError) as caught:
            open_or_make_journal(params_with(tmp_path, url))
        assert words in caught.value.what


def test_a_server_that_goes_away_loses_only_what_was_not_acknowledged(tmp_path: Path, postgres_server: Server) -> None:
    """After the server cut every connection the store goes on by itself."""
    desk = desk_of("postgres", tmp_path, postgres_server)
    with desk.open() as store:
        kept = append(store, draft("one"))
        with postgres_server.connect() as connection:
            query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            connection.execute(query, [desk.database])
        append(store, draft("two"))
        assert store.entries()[0] == kept


def test_without_the_driver_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without psycopg the message names what to install; plain postgresql:// means psycopg 3."""
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "psycopg":
            raise ModuleNotFoundError("No module named 'psycopg'")
        return real(name, *rest)

    monkeypatch.delitem(sys.modules, "psycopg")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(JournalError) as caught:
        open_journal(params_with(tmp_path, "postgresql://host/x"))
    assert 'pip install "reviewlib[postgres]"' in str(caught.value)


def test_what_was_to_be_written_is_in_no_message(desk: Desk) -> None:
    """An entry that the database refuses is reported without its text."""
    secret = "between you and me"
    with desk.open() as store, pytest.raises(JournalError) as caught:
        append(store, replace(draft(secret), visibility="everybody"))  # type: ignore[arg-type]
    assert not isinstance(caught.value, ConflictError)
    assert secret not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "server", "shown"),
    [
        ("postgresql://", {}, "(of your login) on this computer"),
        ("postgresql+psycopg://host/x", {"host": "host", "dbname": "x"}, "x on host"),
        ("postgresql://anna@/x?host=/run/db", {"user": "anna", "dbname": "x", "host": "/run/db"}, "x on this computer"),
        (
            "postgresql://an%40na:a%2Fb:?c%25@db.example:6543/x%20y?sslmode=require&connect_timeout=3",
            {
                "user": "an@na",
                "password": "a/b:?c%",
                "host": "db.example",
                "port": "6543",
                "dbname": "x y",
                "sslmode": "require",
                "connect_timeout": "3",
            },
            "x y on db.example:6543",
        ),
        ("postgresql://[::1]:6543/x", {"host": "::1", "port": "6543", "dbname": "x"}, "x on ::1:6543"),
        ("postgresql://anna@firm.example@db/x", {"user": "anna@firm.example", "host": "db", "dbname": "x"}, "x on db"),
        (
            "postgresql:///x?host=one:5432&host=two:5433",
            {"dbname": "x", "host": "one,two", "port": "5432,5433"},
            "x on this computer",
        ),
    ],
)
def test_a_url_tells_the_driver_how_to_connect(tmp_path: Path, url: str, server: dict[str, str], shown: str) -> None:
    """Every part of a URL reaches the driver as it is meant, and a message names database and host alone."""
    place = place_of(params_with(tmp_path, url))
    assert place.server == {"connect_timeout": "10"} | server
    assert place.shown == f"the database {shown}"
    assert server.get("password", "-----") not in repr(place)
