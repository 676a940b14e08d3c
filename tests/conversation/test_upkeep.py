"""Looking after the journal: backups restore on either engine, migrations leave all or nothing, verify finds what is lost."""

from __future__ import annotations

import json
import shutil
import sqlite3
import stat
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import workbooks
from journals import BEN, REFUSED, REVIEW, SUBJECTS, Desk, Server, append, desk_of, draft

from reviewlib.conversation import database, security, upkeep
from reviewlib.conversation.database import Database, Transaction
from reviewlib.conversation.entries import About, Entry, Head, verify_chains
from reviewlib.conversation.journal import open_journal
from reviewlib.errors import JournalError

TEAM = About("team", "North", "2026-Q3")


def fill(desk: Desk) -> list[Entry]:
    with desk.open() as store:
        first = append(store, draft("one — Zoë"))
        append(store, draft("of Ben", author=BEN))
        append(store, draft("two", supersedes=first.id))
        append(store, draft("team", about=TEAM))
        return store.entries()


def kept_in(desk: Desk) -> list[Entry]:
    with desk.open() as store:
        return store.entries()


@pytest.mark.modes
@pytest.mark.parametrize("other", ["sqlite", "postgres"])
def test_a_backup_is_restored_on_either_engine(desk: Desk, other: str, tmp_path: Path, postgres_server: Server) -> None:
    """A backup of one engine is restored into an empty journal of the same or the other one; every column is the same."""
    entries = fill(desk)
    file = upkeep.backup(desk.params, tmp_path / "kept" / "journal.bak")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    target = desk_of(other, tmp_path / "other", postgres_server)
    assert upkeep.restore(target.params, file) == len(entries)
    assert kept_in(target) == entries
    assert verify_chains(kept_in(target), {REVIEW: Head(3, entries[2].hash)}) == []
    with target.open() as store:
        assert append(store, draft("goes on")).sequence == 4
        assert store.entries()[0] == entries[0]


def test_a_backup_has_what_is_still_in_the_log(tmp_path: Path) -> None:
    """A backup of a journal that is open and written holds every acknowledged entry, in one file that needs no log."""
    desk = desk_of("sqlite", tmp_path, None)
    with desk.open() as store, store.reading() as transaction:
        transaction.rows("SELECT * FROM entries")
        for place in range(20):
            append(store, draft(str(place)))
        file = upkeep.backup(desk.params, tmp_path / "kept.db")
    moved = shutil.copy(file, tmp_path / "alone.db")
    assert sqlite3.connect(moved).execute("SELECT count(*) FROM entries").fetchone() == (20,)
    assert not list(tmp_path.glob("kept.db-*"))


def test_a_backup_goes_on_beside_writers(desk: Desk) -> None:
    """Backups made while somebody writes hold whole chains."""
    stop = threading.Event()

    def write() -> None:
        with desk.open() as store:
            while not stop.is_set():
                append(store, draft("more"))

    fill(desk)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = [upkeep.backup(desk.params) for _ in range(4)]
    finally:
        stop.set()
        writer.join()
    assert len(set(made)) == 4
    assert all(verify_chains(upkeep._read(file), {}) == [] for file in made)
    assert not [path for path in made[0].parent.iterdir() if path not in made]


def test_a_backup_overwrites_nothing(desk: Desk, tmp_path: Path) -> None:
    """A file that is there is not overwritten; a workbook without a journal has no backup."""
    fill(desk)
    there = tmp_path / "there.db"
    there.write_text("mine", encoding="utf-8")
    with pytest.raises(JournalError, match="cannot be written"):
        upkeep.backup(desk.params, there)
    assert there.read_text(encoding="utf-8") == "mine"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_a_workbook_without_a_journal_has_no_backup(tmp_path: Path) -> None:
    """Where there is no journal the message says so, and none is made."""
    desk = desk_of("sqlite", tmp_path, None)
    with pytest.raises(JournalError, match="no journal to back up"):
        upkeep.backup(desk.params)
    assert not desk.params.reports.exists()


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "nothing in it": lambda content: b"",
    "no database": lambda content: b"hello" * 1000,
    "cut in half": lambda content: content[: len(content) // 2],
    "cut at its end": lambda content: content[:-100],
    "a page gone": lambda content: content[:8192] + bytes(4096) + content[12288:],
    "a word changed": lambda content: content.replace(b"entry 17", b"entry 71"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_journal_has_no_backup(tmp_path: Path, damage: str) -> None:
    """What could not be restored is not called a backup, whatever is wrong with the file; nothing of it is left."""
    desk = desk_of("sqlite", tmp_path, None)
    with desk.open() as store:
        store.append_all([draft(f"{'-' * 400}entry {number}") for number in range(30)])
    file = desk.params.reports / "journal.db"
    file.write_bytes(DAMAGE[damage](file.read_bytes()))
    with pytest.raises(JournalError, match="The journal is damaged") as caught:
        upkeep.backup(desk.params)
    assert caught.value.where == "reports/book/journal.db"
    assert list((desk.params.reports / "backups").iterdir()) == []


def test_a_backup_goes_back_where_the_journal_s_file_is_empty(tmp_path: Path) -> None:
    """A file of no bytes is no journal: the backup is restored into it."""
    desk = desk_of("sqlite", tmp_path, None)
    entries = fill(desk)
    file = upkeep.backup(desk.params)
    (desk.params.reports / "journal.db").write_bytes(b"")
    assert upkeep.restore(desk.params, file) == len(entries)
    assert kept_in(desk) == entries


@pytest.mark.parametrize("gone", ["missing", "empty"])
def test_setting_up_does_not_hide_that_the_journal_is_gone(tmp_path: Path, gone: str) -> None:
    """Where a manifest remembers entries no empty journal takes their place, until the backup is back."""
    desk = desk_of("sqlite", tmp_path, None)
    entries = fill(desk)
    file = upkeep.backup(desk.params, tmp_path / "kept.db")
    folder = desk.params.reports / REVIEW.period
    folder.mkdir()
    row = {"review": ["rep", "R1", REVIEW.period], "sequence": 3, "hash": entries[2].hash}
    (folder / "manifest.json").write_text(json.dumps({"journal": [row]}), encoding="utf-8")
    journal = desk.params.reports / "journal.db"
    journal.unlink()
    if gone == "empty":
        journal.touch()
    with pytest.raises(JournalError, match="The journal is missing"):
        upkeep.prepare(desk.params, SUBJECTS)
    assert journal.exists() == (gone == "empty")
    upkeep.restore(desk.params, file)
    upkeep.prepare(desk.params, SUBJECTS)
    assert kept_in(desk) == entries


def test_a_journal_with_entries_is_not_restored_into(desk: Desk) -> None:
    """Restoring never overwrites or mixes."""
    entries = fill(desk)
    file = upkeep.backup(desk.params)
    with pytest.raises(JournalError, match="not empty"):
        upkeep.restore(desk.params, file)
    assert kept_in(desk) == entries


def test_what_is_no_whole_backup_is_refused(desk: Desk, tmp_path: Path) -> None:
    """A backup that was cut off or changed is refused, and the journal stays empty."""
    fill(desk)
    file = upkeep.backup(desk.params, tmp_path / "kept.bak")
    content = file.read_bytes()
    target = desk_of("sqlite", tmp_path / "other", None)
    half = content[: len(content) // 2]
    for wrong in (
        b"",
        b"{}",
        half,
        content.replace(b"of Ben", b"of Bob"),
        content[:-30],
        b"[1]\n[2]\n",
        b"\xff\xfe",
        b"[" * 100_000,
    ):
        (tmp_path / "wrong.bak").write_bytes(wrong)
        with pytest.raises(JournalError, match="cannot be restored"):
            upkeep.restore(target.params, tmp_path / "wrong.bak")
    assert open_journal(target.params) is None


def test_a_manager_cannot_back_up_or_restore(tmp_path: Path, postgres_server: Server) -> None:
    """A login that sees a part is told so instead of getting a part; an analyst's backup is whole."""
    for login in ("anna", "ada"):
        postgres_server.new_role(login)
    desk = desk_of("postgres", tmp_path, postgres_server)
    entries = fill(desk)
    of = {
        login: workbooks.changed(desk.params, records={"database": postgres_server.url(desk.database, user=login)})
        for login in ("anna", "ada")
    }
    with pytest.raises(JournalError, match="does not see the whole journal"):
        upkeep.backup(of["anna"])
    file = upkeep.backup(of["ada"])
    assert len(file.read_text(encoding="utf-8").splitlines()) == len(entries) + 2


def older(desk: Desk) -> None:
    """Make the journal one of version 0, which had no column for the source."""
    guards = {"sqlite": ["DROP TRIGGER entries_no_update", "DROP TRIGGER entries_no_delete"], "postgres": []}
    with desk.connect() as connection:
        for statement in [*guards[desk.engine], "ALTER TABLE entries DROP COLUMN source", "UPDATE journal SET version = 0"]:
            connection.execute(statement)


def test_an_older_journal_is_brought_up_with_a_backup_first(desk: Desk) -> None:
    """Opening an older journal names the command; it makes a backup, keeps every entry and hash, and guards the table."""
    entries = fill(desk)
    older(desk)
    with pytest.raises(JournalError, match="older version") as caught:
        open_journal(desk.params)
    assert "reviewlib journal-init" in (caught.value.do or "")
    assert set(upkeep.prepare(desk.params, SUBJECTS)) <= {"ada", "anna", "ben"}
    assert kept_in(desk) == entries
    assert verify_chains(kept_in(desk), {}) == []
    backups = list((desk.params.reports / "backups").iterdir())
    assert len(backups) == 1
    assert b"source" not in backups[0].read_bytes()
    assert b"of Ben" in backups[0].read_bytes()
    with desk.connect() as connection, pytest.raises(REFUSED, match="append-only"):
        connection.execute("DELETE FROM entries")
    upkeep.migrate(desk.params)
    assert len(list((desk.params.reports / "backups").iterdir())) == 1


def test_a_migration_that_fails_leaves_the_older_journal(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a step fails in the middle nothing of it stays, the message names the backup, and a second run succeeds."""
    entries = fill(desk)
    older(desk)

    def half(transaction: Transaction) -> None:
        transaction.run("CREATE TABLE remains (id TEXT)")
        transaction.run("SELECT * FROM nowhere")

    with monkeypatch.context() as patched:
        patched.setattr(database, "create", half)
        with pytest.raises(JournalError) as caught:
            upkeep.migrate(desk.params)
    assert "A backup is journal-" in (caught.value.do or "")
    with Database(database.place_of(desk.params)) as opened, opened.reading() as transaction:
        assert sorted({"entries", "journal", "remains"} & {*database.tables_of(transaction)}) == ["entries", "journal"]
        assert "source" not in transaction.rows("SELECT * FROM entries")[0]
        assert database.version_of(transaction) == 0
    upkeep.migrate(desk.params)
    assert kept_in(desk) == entries


@pytest.mark.parametrize("schema", ["test", "Reviews", "anna.berg"])
def test_a_journal_in_another_schema_than_the_logins_own_is_found(tmp_path: Path, postgres_server: Server, schema: str) -> None:
    """Where a login has a schema of its own, of whatever name, there is still one journal, and no empty one before it."""
    desk = desk_of("postgres", tmp_path, postgres_server)
    entries = fill(desk)
    with desk.connect() as connection:
        connection.execute(f'CREATE SCHEMA "{schema}"')
        connection.execute(f'ALTER DATABASE {desk.database} SET search_path = "{schema}", public')
    assert upkeep.prepare(desk.params, SUBJECTS) == sorted({"ada", "anna", "ben"} - logins(desk))
    assert kept_in(desk) == entries
    file = upkeep.backup(desk.params, tmp_path / "kept.jsonl")
    assert json.loads(file.read_text(encoding="utf-8").splitlines()[0])["version"] == database.VERSION
    with desk.connect() as connection:
        connection.execute(f'ALTER DATABASE {desk.database} SET search_path = "{schema}"')
    upkeep.prepare(desk.params, SUBJECTS)
    assert kept_in(desk) == []


def logins(desk: Desk) -> set[str]:
    with desk.connect() as connection:
        return {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}


def test_a_column_that_somebody_added_is_theirs(desk: Desk, tmp_path: Path) -> None:
    """A journal with one column more is read and backed up."""
    entries = fill(desk)
    with desk.connect() as connection:
        connection.execute("ALTER TABLE entries ADD COLUMN remark TEXT")
    assert kept_in(desk) == entries
    assert upkeep.backup(desk.params, tmp_path / "kept.bak").is_file()


def test_a_newer_journal_is_refused(desk: Desk) -> None:
    """A journal of a version that this program does not know is neither opened nor changed."""
    fill(desk)
    with desk.connect() as connection:
        connection.execute("UPDATE journal SET version = 2")
    for attempt in (lambda: open_journal(desk.params), lambda: upkeep.prepare(desk.params, SUBJECTS)):
        with pytest.raises(JournalError, match="newer version"):
            attempt()


def test_setting_up_makes_what_is_missing(tmp_path: Path, postgres_server: Server) -> None:
    """Journal-init makes the journal on either engine, fills a file that was left empty, and may run again."""
    desk = desk_of("sqlite", tmp_path, None)
    desk.params.reports.mkdir(parents=True)
    (desk.params.reports / "journal.db").touch()
    empty = workbooks.changed(desk.params, records={"database": postgres_server.url(postgres_server.new_database())})
    for params in (desk.params, empty):
        for _ in range(2):
            upkeep.prepare(params, SUBJECTS)
            store = open_journal(params)
            assert store is not None
            store.close()


def test_verify_holds_chains_against_remembered_heads(desk: Desk) -> None:
    """A chain that is gone, cut short or another one is named, also where it is whole in itself."""
    entries = fill(desk)
    heads = {REVIEW: Head(3, entries[2].hash), TEAM: Head(1, entries[3].hash)}
    assert verify_chains(entries, heads) == []
    assert verify_chains(entries[:3], heads) == [f"{TEAM}: the journal has no entries of this review, and 1 are remembered"]
    assert verify_chains(entries[:1] + entries[3:], heads) == [f"{REVIEW}: the journal ends with entry 1, and 3 are remembered"]
    other = heads | {REVIEW: Head(2, "0" * 64)}
    assert verify_chains(entries, other) == [f"{REVIEW}: entry 2 is not the one that is remembered"]
    changed = [replace(entries[0], author="ben"), *entries[1:]]
    assert len(verify_chains(changed, heads)) == 1


def test_a_longer_journal_than_remembered_holds(desk: Desk) -> None:
    """What was added since the head was remembered is no problem."""
    entries = fill(desk)
    assert verify_chains(entries, {REVIEW: Head(1, entries[0].hash)}) == []


def test_a_dump_says_how_many_entries_it_holds(tmp_path: Path, postgres_server: Server) -> None:
    """The dump of a server is lines of JSON between a line that says what it is and one with the number of entries."""
    desk = desk_of("postgres", tmp_path, postgres_server)
    fill(desk)
    lines = [json.loads(line) for line in upkeep.backup(desk.params).read_text(encoding="utf-8").splitlines()]
    assert (lines[0]["version"], lines[-1]["entries"], len(lines)) == (database.VERSION, 4, 6)
    assert security.Right("ada", "all") in security.rights_of(desk.params, SUBJECTS)
