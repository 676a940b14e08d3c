"""The journal, open: it takes drafts, gives back entries, and lets nobody overwrite what somebody else saved first.

The manifests of a workbook remember where its reviews ended, so that a journal which is gone or shortened is missed.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import secrets
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from reviewlib import files
from reviewlib.conversation import database
from reviewlib.conversation.database import Database, Place, Transaction
from reviewlib.conversation.entries import SHARED, About, Draft, Entry, Head, SubjectKind, current, sealed, verify_chains
from reviewlib.conversation.kinds import KINDS
from reviewlib.conversation.kinds.talk import Signoff
from reviewlib.errors import ConflictError, JournalError
from reviewlib.params.model import Params

#: How often a save is tried when others save to the same review at the same moment.
TRIES: Final = 25
#: Seconds of the longest first pause between tries; later ones grow to four times that.
PAUSE: Final = 0.02
Clock = Callable[[], dt.datetime]
#: The form in which manifests are written; this one and earlier ones are read.
MANIFEST_FORMAT: Final = 1
NEWER_MANIFEST: Final = "The manifest was written by a newer version of this program."
_NOTHING: Final[Mapping[About, Head | None]] = MappingProxyType({})


class MovedError(JournalError):
    """A review does not end any more where the rules of writing saw its end; nothing was written."""


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def tries() -> Iterator[int]:
    """Count the tries of a save, with a pause after each, because others save to the same review at the same moment."""
    for turn in range(TRIES):
        yield turn
        time.sleep(random.uniform(0, PAUSE * min(turn + 1, 4)))  # noqa: S311


def open_journal(params: Params) -> Journal | None:
    """Open the workbook's journal; None where there is none yet."""
    place = database.place_of(params)
    if place.file is not None:
        if not place.file.exists():
            return None
        database.refuse_network(place.file, shown=place.shown)
    return _opened(params, place, _now)


def open_journal_to_read(params: Params) -> Journal | nullcontext[None]:
    """Open the journal for reading; None where there is none yet. One that the manifests remember must be there."""
    opened = open_journal(params)
    if opened is None:
        refuse_missing(params)
    return opened or nullcontext()


def open_or_make_journal(params: Params, *, clock: Clock = _now) -> Journal:
    """Open the workbook's journal, and make the file where there is none; one on a server is made by ``journal-init`` alone.

    Args:
        params: The workbook.
        clock: What tells the time of new entries.
    """
    place = database.place_of(params)
    if place.file is not None:
        database.refuse_network(place.file, shown=place.shown)
        if not place.file.exists():
            make_file(params, place)
    return _opened(params, place, clock)


def _opened(params: Params, place: Place, clock: Clock) -> Journal:
    """Open a journal of this version; one without tables is refused as missing where the manifests remember entries."""
    journal = Journal(place, clock=clock)
    try:
        with journal.reading() as transaction:
            found = database.version_of(transaction) or 0
        if found != database.VERSION:
            raise other_version(found, place)
    except BaseException as error:
        journal.close()
        if isinstance(error, database.NotSetUpError):
            # What is set up anew hides that what was there is gone.
            refuse_missing(params, server=place.file is None)
        raise
    return journal


def make_file(params: Params, place: Place) -> None:
    """Make an empty SQLite journal beside its place and move it in whole; who was faster wins, nothing is overwritten."""
    assert place.file is not None
    do = "Check the room and rights of its folder."
    refused = JournalError.of_disk("The journal cannot be made.", where=place.shown, do=do)
    with refused, part_of(place.file, modes=params.modes) as part:
        beside = replace(place, file=part)
        with Database(beside) as opened, opened.writing() as transaction:
            database.create(transaction)
        with database.told(beside), database.raw_file(part) as raw:
            raw.execute("PRAGMA journal_mode = WAL")
        move_in(part, place.file)


@contextmanager
def part_of(file: Path, *, modes: files.Modes = files.PRIVATE) -> Iterator[Path]:
    """Make an empty file beside a place, for one account to read, and leave nothing of it that was not moved in."""
    part = file.with_name(f".{secrets.token_hex(6)}.part")
    files.make_folder(file.parent, modes=modes)
    try:
        # SQLite gives its log the mode of the file.
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, files.PRIVATE.file))
        yield part
    finally:
        for end in ("", "-wal", "-shm"):
            part.with_name(part.name + end).unlink(missing_ok=True)


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


def other_version(found: int, place: Place) -> JournalError:
    """Say what to do with a journal of another version."""
    newer = found > database.VERSION
    return JournalError(
        "The journal is of a newer version than this program." if newer else "The journal is of an older version.",
        where=place.shown,
        found=f"version {found}; this program reads version {database.VERSION}",
        do="Install the newer reviewlib." if newer else "Run: reviewlib journal-init (it makes a backup first)",
    )


class Journal(Database):
    """The journal, open."""

    def __init__(self, place: Place, *, clock: Clock = _now):
        super().__init__(place)
        self._clock = clock

    def append_all(self, drafts: Sequence[Draft], *, expecting: Mapping[About, Head | None] = _NOTHING) -> list[Entry]:
        """Write entries in one transaction: all of them, or none; they are on disk when this returns.

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
        drafts = [_ready(draft) for draft in drafts]
        for _ in tries():
            # Where somebody took the next number, what they wrote decides what becomes of ours.
            with suppress(database.LostRaceError), self.writing() as transaction:
                ends = _ends(transaction, expecting)
                return [self._append(transaction, draft, ends) for draft in drafts]
        raise JournalError(
            "The entry could not be put into the review.",
            where=str(drafts[0].about),
            found=f"the next place was taken {TRIES} times: by others who save, or by entries that this login may not read",
            do="Nothing was saved; try again, and if it stays so ask an analyst.",
        )

    def entries(
        self, *, subject: tuple[SubjectKind, str] | None = None, period: str | None = None, kind: str | None = None
    ) -> list[Entry]:
        """List entries, of one rep or team, one period or one kind where asked; each review's in the order of its chain."""
        subject_kind, name = subject or (None, None)
        wanted = {"subject_kind": subject_kind, "subject": name, "period": period, "kind": kind}
        with self.reading() as transaction:
            found = _select(transaction, {column: value for column, value in wanted.items() if value is not None})
        return sorted(found, key=lambda entry: (entry.about, entry.sequence))

    def is_empty(self) -> bool:
        """Whether nothing is recorded at all; a login that sees a part only is told of no more than that."""
        with self.reading() as transaction:
            return transaction.value("SELECT id FROM entries LIMIT 1") is None

    def sees_all(self) -> bool:
        """Whether this login sees every entry."""
        with self.reading() as transaction:
            return database.sees_all(transaction)

    def _append(self, transaction: Transaction, draft: Draft, ends: dict[About, Head | None]) -> Entry:
        if same := _find(transaction, draft.id):
            return _once(same, draft)
        _refuse_contradiction(transaction, draft)
        # The next number after the end that was checked: whoever takes it in between makes this transaction fail.
        last = ends[draft.about] if draft.about in ends else _last(transaction, draft.about)
        entry = sealed(
            draft.entry(
                sequence=last.sequence + 1 if last else 1,
                at=self._clock(),
                salt=secrets.token_hex(16),
                previous=last.hash if last else "",
            )
        )
        transaction.insert("entries", database.row_of(entry))
        ends[draft.about] = Head(entry.sequence, entry.hash)
        return entry


def _ready(draft: Draft) -> Draft:
    """Give a draft its id, and its payload the form in which it comes back; refuse what the journal cannot hold."""
    kind = KINDS.get(draft.kind)
    if kind is None or type(draft.payload) is not kind.model:
        raise JournalError(
            "There is no such entry.",
            where=str(draft.about),
            found=f"{draft.kind!r} with {type(draft.payload).__name__}",
            do=f"Use one of {', '.join(KINDS)}, each with its own fields.",
        )
    texts = (draft.about.subject, draft.about.period, draft.team, draft.author.login, draft.author.name, draft.id)
    # No database holds lone surrogates; PostgreSQL holds no NUL either.
    wrong = [text for text in texts if any(char == "\0" or unicodedata.category(char) == "Cs" for char in text or "")]
    if wrong:
        raise JournalError(
            "A name holds characters that cannot be stored.",
            where=str(draft.about),
            found=ascii(wrong[0]),
            do="Mend it in the reps table or in params.",
        )
    payload = kind.model.model_validate(draft.payload.model_dump(mode="json"))
    return replace(draft, id=draft.id or secrets.token_hex(16), payload=payload)


def _ends(transaction: Transaction, expecting: Mapping[About, Head | None]) -> dict[About, Head | None]:
    """Read where reviews end, and hold it against what is expected."""
    found = {about: _last(transaction, about) for about in expecting}
    if moved := [about for about, head in expecting.items() if found[about] != head]:
        raise MovedError(
            "Somebody else wrote to this review at the same moment.",
            where=str(moved[0]),
            do="Nothing was saved; read the review as it is now, and save again.",
        )
    return found


def _select(transaction: Transaction, wanted: Mapping[str, str]) -> list[Entry]:
    """Read the entries that have the wanted values in the named columns, by their sequence."""
    where = " AND ".join(f"{column} = ?" for column in wanted) or "1 = 1"
    found = transaction.rows(f"SELECT * FROM entries WHERE {where} ORDER BY sequence", *wanted.values())  # noqa: S608
    return [database.entry_of(row) for row in found]


def _find(transaction: Transaction, entry_id: str) -> Entry | None:
    return next(iter(_select(transaction, {"id": entry_id})), None)


def _of(about: About) -> dict[str, str]:
    return {"subject_kind": about.kind, "subject": about.subject, "period": about.period}


def _last(transaction: Transaction, about: About) -> Head | None:
    """Read the end of a review's chain; None where nothing is recorded."""
    query = "SELECT sequence, hash FROM entries WHERE subject_kind = ? AND subject = ? AND period = ?"
    rows = transaction.rows(f"{query} ORDER BY sequence DESC LIMIT 1", *_of(about).values())
    return Head(rows[0]["sequence"], rows[0]["hash"]) if rows else None


def _once(there: Entry, draft: Draft) -> Entry:
    """Take an entry that was saved before for the draft that is saved again; under its id nothing else may stand."""
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


def _refuse_contradiction(transaction: Transaction, draft: Draft) -> None:
    """Refuse a draft that replaces what is not there or is replaced already, or stands where there is room for one only."""
    if draft.supersedes is None:
        # One of its kind for each side, or for both together.
        alone = KINDS[draft.kind].single or draft.kind == "signoff"
        same_kind = _select(transaction, {**_of(draft.about), "kind": draft.kind}) if alone else []
        if rivals := [entry for entry in current(same_kind) if _rivals(entry, draft)]:
            raise _conflict(rivals[-1], draft, "There is one already.")
        return
    replaced = _find(transaction, draft.supersedes)
    if replaced is None or (replaced.about, replaced.kind) != (draft.about, draft.kind) or not _rivals(replaced, draft):
        raise JournalError(
            "The entry to replace is not there.",
            where=str(draft.about),
            found=f"a {replaced.kind} of {replaced.about}" if replaced else "no entry with this id",
            do="Nothing was saved; open the review again and edit what it shows.",
        )
    latest = replaced
    while later := _select(transaction, {"supersedes": latest.id}):
        latest = later[0]
    if latest is not replaced:
        raise _conflict(latest, draft, "Somebody saved another text first.")


def _rivals(entry: Entry, draft: Draft) -> bool:
    """Whether a current entry and a new one of the same kind cannot both stand."""
    mine, theirs = draft.payload, entry.payload
    return not (isinstance(mine, Signoff) and isinstance(theirs, Signoff) and mine.side != theirs.side)


def _conflict(theirs: Entry, draft: Draft, what: str) -> ConflictError:
    conflict = ConflictError(
        what,
        where=f"{draft.about}: {KINDS[draft.kind].label}",
        found=f"a text by {theirs.author_name}, saved {theirs.at:%Y-%m-%d %H:%M} UTC",
        do="Nothing was saved; read theirs beside yours and choose, or put both together.",
    )
    conflict.theirs, conflict.mine = theirs, draft
    return conflict


def remembered_heads(folder: Path) -> dict[About, Head]:
    """Tell how long each review's chain was when a period's manifest was last written; empty where there is none."""
    with _manifest(folder) as known:
        return {About(*row["review"]): Head(int(row["sequence"]), str(row["hash"])) for row in known.get("journal", ())}


def made_page(folder: Path, about: About, audience: str) -> str | None:
    """Tell the sha256 of the page that the last run made for an audience, by a period's manifest; None where there is none."""
    key = f"{about.kind}:{about.subject}:{audience}"
    with _manifest(folder) as known:
        row = next((row for row in known.get("reviews", ()) if row["key"] == key), None)
        return row["files"].get(row["page"]) if row else None


@contextmanager
def _manifest(folder: Path) -> Iterator[dict[str, Any]]:
    """Read a period's manifest; what cannot be read in it is told."""
    path, where = folder / "manifest.json", f"reports/{folder.parent.name}/{folder.name}/manifest.json"
    try:
        known = json.loads(path.read_bytes()) if path.is_file() else {}
        if known.get("format", 0) > MANIFEST_FORMAT:
            raise JournalError(NEWER_MANIFEST, where=where, do="Install the newer reviewlib.")
        yield known
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise JournalError(
            "The manifest of a period is damaged, so the journal cannot be held against it.",
            where=where,
            found=type(error).__name__,
            do="Restore it from a backup: it remembers which pages are signed and where the journal ended.",
        ) from None


def all_remembered_heads(params: Params) -> dict[About, Head]:
    """Tell the same of every period of a workbook. A folder of another name is no period's."""
    folders = sorted(path.parent for path in params.reports.glob("*/manifest.json"))
    known = [(folder, review, head) for folder in folders for review, head in remembered_heads(folder).items()]
    return {review: head for folder, review, head in known if review.period == folder.name}


def refuse_missing(params: Params, *, server: bool = False) -> None:
    """Refuse to take a journal that is not there for one that was never begun.

    Args:
        params: The workbook.
        server: It is a database on a server, which is set up before a backup can be put into it.

    Raises:
        JournalError: Some manifest remembers entries.
    """
    setup = "Run: reviewlib journal-init; then restore" if server else "Restore"
    if known := all_remembered_heads(params):
        entries = sum(head.sequence for head in known.values())
        raise JournalError(
            "The journal is missing.",
            where=f"the journal of {params.name}",
            found=f"nothing, where the manifests remember {entries} entries of {len(known)} reviews",
            do=f"{setup} its latest backup: reviewlib restore {params.typed} BACKUP",
        )


def refuse_shortened(params: Params, about: About, entries: Sequence[Entry], journal: Journal | None) -> None:
    """Refuse to write to a review of which the journal holds less than a run saw, or something else.

    A login that sees a part of the journal cannot tell what is gone from what it may not read, so it is not asked.

    Args:
        params: The workbook.
        about: The review that is written to.
        entries: What the journal holds about its subject.
        journal: The journal, where there is one.

    Raises:
        JournalError: The review is shorter than it was, or its chain is broken, or the journal was emptied.
    """
    if journal is None or not journal.sees_all():
        return
    if not entries and journal.is_empty():
        refuse_missing(params)
    head = remembered_heads(params.reports / about.period).get(about)
    own = [entry for entry in entries if entry.about == about]
    do = "Nothing was saved. Restore the journal from its latest backup; reviewlib verify lists everything."
    refuse_broken(own, {about: head} if head else {}, where=f"the journal of {params.name}", do=do)


def refuse_broken(entries: Sequence[Entry], remembered: Mapping[About, Head], *, where: str, do: str) -> None:
    """Refuse to go on with chains that are broken, missing or shorter than remembered; the first problems are told.

    Raises:
        JournalError: Some chain is.
    """
    if problems := verify_chains(entries, remembered):
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise JournalError("The journal is not what it was.", where=where, found="; ".join(problems[:5]) + more, do=do)
