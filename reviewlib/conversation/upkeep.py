"""Looking after the journal: set it up, back it up, restore it, bring it to a newer version, and verify it.

A backup is what the engine itself makes of a file (SQLite's own backup call), or lines of JSON read in one transaction from a
server (``pg_dump`` may not be installed, and only PostgreSQL reads what it writes). Either is restored into either engine: both
hold the rows as they stand in the table, hashes included, and the chains are walked before a restore is done.
"""

import datetime as dt
import errno
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from reviewlib import files
from reviewlib.conversation import database, journal, security
from reviewlib.conversation.database import Database, Transaction
from reviewlib.conversation.entries import Entry, verify_chains
from reviewlib.errors import JournalError
from reviewlib.evidence.subjects import Subject
from reviewlib.params.model import Params

_SQLITE: Final = b"SQLite format 3\0"
_FORM: Final = "reviewlib journal backup"


def prepare(params: Params, subjects: Sequence[Subject]) -> list[str]:
    """Do what ``reviewlib journal-init`` does: make the journal, or bring it to this version, and set up who may see what.

    The answer are logins that the database does not know, so that nothing could be given to them.
    """
    place = database.place_of(params)
    # A new server is set up before a backup is restored into it; a new file would hide that the old one is gone.
    if place.file is not None and not _has_tables(place):
        journal.refuse_missing(params)
    migrate(params)
    if place.file is None:
        return security.initialise(params, subjects)
    if place.file.exists():
        _make_tables(place)
    journal.open_or_make_journal(params).close()
    return []


def backup(params: Params, to: Path | None = None) -> Path:
    """Make a backup while others go on writing, in a file that is not there yet, or in a folder under a name with the time."""
    place = database.place_of(params)
    if place.file is not None and not place.file.exists():
        raise JournalError(
            "There is no journal to back up.", where=place.shown, found="no file", do="Run: reviewlib journal-init"
        )
    file = to or params.reports / "backups"
    if file.is_dir() or not file.suffix:
        file /= f"journal-{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S-%f}.{'db' if place.file else 'jsonl'}"
    refused = JournalError.of_disk("The backup cannot be written.", where=file.name, do="Name another place.")
    with refused, journal.part_of(file) as part:
        if place.file is not None:
            _copy(place, part)
        else:
            files.write(part, _dump(place))
        _check_copy(part, place)
        if not journal.move_in(part, file):
            raise FileExistsError(errno.EEXIST, "there is a file of this name already")
    return file


def _copy(place: database.Place, part: Path) -> None:
    assert place.file is not None
    with database.told(place), database.raw_file(place.file) as source, database.raw_file(part) as target:
        source.backup(target)
        # One file, with no log beside it.
        target.execute("PRAGMA journal_mode = DELETE")
        damage = [row[0] for row in target.execute("PRAGMA integrity_check") if row[0] != "ok"]
    if damage:
        raise _damaged(place, damage[0])


def _check_copy(part: Path, place: database.Place) -> None:
    """Refuse a copy that ``restore`` would refuse; of another version only the tables can be looked at."""
    try:
        version, rows = _rows(part)
    except sqlite3.Error as error:
        raise _damaged(place, str(error)) from None
    if version != database.VERSION:
        return
    if problems := verify_chains([database.entry_of(row) for row in rows], {}):
        raise _damaged(place, problems[0])


def _damaged(place: database.Place, found: str) -> JournalError:
    return JournalError(
        "The journal is damaged; no backup was made of it.",
        where=place.shown,
        found=found,
        do="Move the journal away, and restore the last backup.",
    )


def _dump(place: database.Place) -> str:
    """Every row as a line of JSON, between a line that says what it is and one that says how many there are."""
    with Database(place) as opened, opened.reading() as transaction:
        if not database.sees_all(transaction):
            raise JournalError(
                "This login does not see the whole journal, so it cannot back it up.",
                where=place.shown,
                found="the rights of a manager",
                do="Let an analyst, or who set the journal up, make the backup.",
            )
        version, rows = _rows_of(transaction)
    lines: list[dict[str, Any]] = [{"form": _FORM, "version": version}, *rows, {"entries": len(rows)}]
    return "".join(json.dumps(line, ensure_ascii=True) + "\n" for line in lines)


def restore(params: Params, backup_file: Path) -> int:
    """Put a whole backup of either engine into a journal that is empty or not there; tell how many entries there are now."""
    entries = _read(backup_file)
    if problems := verify_chains(entries, {}):
        raise _unfit(backup_file, problems[0])
    place = database.place_of(params)
    if place.file is not None and place.file.exists() and not _has_tables(place):
        _make_tables(place)
    with journal.open_or_make_journal(params) as opened, opened.writing() as transaction:
        if there := transaction.value("SELECT count(*) FROM entries"):
            raise JournalError(
                "The journal is not empty, and nothing in it is ever overwritten.",
                where=opened.place.shown,
                found=f"{there} entries",
                do="Move the journal away first, or restore into another database.",
            )
        # For this transaction the owner puts the policies aside, which refuse others' words.
        if transaction.server:
            transaction.run("ALTER TABLE entries NO FORCE ROW LEVEL SECURITY")
        for entry in entries:
            transaction.insert("entries", database.row_of(entry))
        if transaction.server:
            transaction.run("ALTER TABLE entries FORCE ROW LEVEL SECURITY")
    return len(entries)


def _read(backup_file: Path) -> list[Entry]:
    """Read a whole backup of either form and of this version; each review's entries in their order."""
    try:
        version, rows = _rows(backup_file)
        entries = [database.entry_of(row) for row in rows] if version == database.VERSION else []
    except OSError as error:
        raise _unfit(backup_file, error.strerror or "it cannot be read") from None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError, sqlite3.Error):
        raise _unfit(backup_file, "no whole backup of a journal") from None
    if version != database.VERSION:
        raise _unfit(backup_file, f"version {version}; this program reads version {database.VERSION}")
    if len({entry.id for entry in entries}) < len(entries):
        raise _unfit(backup_file, "an entry that is there twice")
    return sorted(entries, key=lambda entry: (entry.about, entry.sequence))


def _rows(backup_file: Path) -> tuple[int, list[dict[str, Any]]]:
    """Read a backup's version and its rows as they stand in it."""
    with backup_file.open("rb") as file:
        form = file.read(len(_SQLITE))
    if form == _SQLITE:
        with database.raw_file(backup_file, mode="ro") as raw:
            return _rows_of(Transaction(raw, server=False))
    first, *rows, last = [json.loads(line) for line in backup_file.read_text(encoding="utf-8").splitlines()]
    if first["form"] != _FORM or last["entries"] != len(rows):
        raise ValueError("cut off")
    return first["version"], rows


def _rows_of(transaction: Transaction) -> tuple[int, list[dict[str, Any]]]:
    version, query = _version(transaction) or 0, "SELECT * FROM entries"
    if version <= database.VERSION:  # a newer one may call its columns otherwise
        query += " ORDER BY subject_kind, subject, period, sequence"
    return version, transaction.rows(query)


def _unfit(backup_file: Path, found: str) -> JournalError:
    return JournalError(
        "This backup cannot be restored.", where=backup_file.name, found=found, do="Nothing was changed; take another."
    )


def migrate(params: Params) -> None:
    """Bring an older journal to this version: a backup first, then everything in one transaction.

    One that is newer than this program is refused; where a step fails the journal is as it was.
    """
    place = database.place_of(params)
    if place.file is not None and not place.file.exists():
        return
    with Database(place) as opened:
        with opened.reading() as transaction:
            version = _version(transaction)
        if version is None or version == database.VERSION:
            return
        if version > database.VERSION:
            raise journal.other_version(version, place)
        kept = backup(params)
        try:
            with opened.writing() as transaction:
                if _version(transaction) == 0:
                    transaction.run("ALTER TABLE entries ADD COLUMN source TEXT")
                database.create(transaction)
                transaction.run("UPDATE journal SET version = ?", database.VERSION)
        except JournalError as error:
            raise JournalError(
                error.what, where=error.where, found=error.found, do=f"{error.do} A backup is {kept.name}."
            ) from None


def _has_tables(place: database.Place) -> bool:
    """Whether a file holds a journal of any version; a missing or empty one does not."""
    if place.file is None or not place.file.exists():
        return False
    with Database(place) as opened, opened.reading() as transaction:
        return _version(transaction) is not None


def _make_tables(place: database.Place) -> None:
    with Database(place) as opened, opened.writing() as transaction:
        database.create(transaction)


def _version(transaction: Transaction) -> int | None:
    """The version of the tables that are there; 0 of the first, which had nowhere to write it; None where there are none."""
    names = database.tables_of(transaction)
    if "entries" not in names:
        return None
    return (database.version_of(transaction) if "journal" in names else None) or 0
