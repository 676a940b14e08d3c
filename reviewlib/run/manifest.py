"""The manifest of a period: what was made of whom, from which evidence, and how it went.

A run writes each outcome to ``log.jsonl`` as it comes, and the manifest at its end; ``read`` adds to the manifest what a run
that was killed has left in the log. The log is never shortened: it tells who was given what, and when it was made.

No page may lie where the manifest does not know it: what is signed is never made again, and of whoever has moved nothing may
stay in the old team. So before a page is moved to a new place, or one that is signed anywhere, the log says what will be there.
Where the run ended between the two, ``read`` looks whether it is.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final, get_type_hints

from reviewlib.conversation.entries import About, Head
from reviewlib.errors import SnapshotError
from reviewlib.evidence.snapshot import Snapshot
from reviewlib.evidence.subjects import Subject
from reviewlib.files import Modes, append_line, end_of_lines
from reviewlib.press.jobs import Failure, Job, Outcome

NAME: Final = "manifest.json"
LOG: Final = "log.jsonl"
#: The state of a review that is about to be moved in; in the log alone.
MOVING: Final = "moving"
_STATES: Final = ("made", "failed", MOVING)


@dataclass(frozen=True)
class ManifestRow:
    """One review of the manifest: what was made of whom, for whom, and how it went.

    Attributes:
        key: The review and its audience.
        kind: ``rep`` or ``team``.
        subject: The rep's id or the team's name.
        audience: For whom.
        snapshot: The evidence that it was made from.
        state: ``made`` or ``failed``.
        page: The page, below the period's folder; so are ``notebook`` and ``problem``.
        notebook: The executed notebook; None where there is none.
        problem: The page about a failure.
        files: The sha256 of every file that was made, by its place below the period's folder; where it failed, those of the
            last success.
        fingerprint: The hash of everything that it was made from; None where it failed.
        seconds: How long it took.
        error: Why it failed.
        made_at: When, in UTC.
        sequence: Up to which entry of the journal it tells.
        head: The hash of that entry.
        sealed: Both sides have signed it, so that it is never made again.
        left: The sha256 of what may lie elsewhere, by place: where the review lay earlier and could not be cleared yet, or
            where a run that was cut short was about to move it.
    """

    key: str
    kind: str
    subject: str
    audience: str
    snapshot: str
    state: str
    page: str
    notebook: str | None
    problem: str
    files: Mapping[str, str]
    fingerprint: str | None
    seconds: float
    error: str | None
    made_at: str
    sequence: int = 0
    head: str | None = None
    sealed: bool = False
    left: Mapping[str, str] = field(default_factory=dict)


#: What stands in each column; a file may have been written by another program, or by hand.
_KINDS: Final = get_type_hints(ManifestRow) | {"files": dict, "left": dict, "seconds": int | float}


@dataclass(frozen=True)
class Origin:
    """What a review is made from: its snapshot, the end of its chain in the journal, everything in one hash."""

    snapshot: str
    head: Head | None
    closed: bool
    fingerprint: str | None


def entry_of(outcome: Outcome, origin: Origin, *, folder: Path) -> ManifestRow:
    """Describe what became of a job; paths are relative to the period's folder."""
    job, failure, head = outcome.job, outcome.failure, origin.head
    return ManifestRow(
        key=job.key,
        kind=job.labels["kind"],
        subject=job.labels["subject"],
        audience=job.labels["audience"],
        snapshot=origin.snapshot,
        state="made" if failure is None else "failed",
        page=_below(folder, job.page),
        notebook=_below(folder, job.notebook) if job.notebook else None,
        problem=_below(folder, job.problem),
        files={_below(folder, place): found for place, found in outcome.hashes.items()},
        fingerprint=origin.fingerprint if failure is None else None,
        seconds=round(outcome.seconds, 3),
        error=None if failure is None else f"{failure.error}: {failure.message}",
        made_at=_now(),
        sequence=head.sequence if head else 0,
        head=head.hash if head else None,
        sealed=origin.closed and failure is None,
    )


def _below(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def hashes(*found: Mapping[str, ManifestRow]) -> dict[str, str]:
    """The sha256 of every file that entries speak of, by place; where they differ, the last."""
    return {place: known for entries in found for entry in entries.values() for place, known in entry.files.items()}


def intact(entry: ManifestRow, folder: Path) -> bool:
    """Tell whether every file of a review is there as it was made."""
    return bool(entry.files) and all(_is(folder / place, known) for place, known in entry.files.items())


def _is(path: Path, sha256: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    except OSError:
        return False


_SIGNED: Final = "Signed"


def knows(entries: Mapping[str, ManifestRow], key: str) -> bool:
    """Tell whether a manifest knows how a page came about; of one that it found there it only knows that it does not."""
    return key in entries and not (not entries[key].files and str(entries[key].error).startswith(_SIGNED))


def unknown_page(job: Job, *, folder: Path) -> ManifestRow:
    """Describe a review that both sides have signed and whose page the manifest does not know: it is left as it is."""
    what = "a page is there that the manifest does not know; restore manifest.json from a backup, or move the page away"
    failure = Failure(None, None, _SIGNED, what)
    return entry_of(Outcome(job, failure, 0.0), Origin("", None, closed=True, fingerprint=None), folder=folder)


def read(folder: Path) -> dict[str, ManifestRow]:
    """Read a period's manifest, by key, with what a run that did not come to its end has logged since.

    Raises:
        SnapshotError: It is damaged, or its log.
    """
    data = _data(folder)
    entries: dict[str, ManifestRow] = data.get("reviews", {})
    return entries | _logged(folder, data.get("log", 0), entries)


def _entry(row: Any) -> ManifestRow:
    """Take a row for what it says.

    Raises:
        TypeError: It has not the columns of a review, or something else stands in one.
        ValueError: It names a place that is not below the period's folder, or a state that there is not.
    """
    entry = ManifestRow(**row)
    wrong = [name for name, kinds in _KINDS.items() if not isinstance(getattr(entry, name), kinds)]
    if wrong or not all(isinstance(text, str) for pair in (*entry.files.items(), *entry.left.items()) for text in pair):
        raise TypeError(f"{', '.join(wrong) or 'files'}: not what belongs there")
    places = [entry.page, entry.notebook or "", entry.problem, *entry.files, *entry.left]
    if outside := [place for place in places if PurePosixPath(place).is_absolute() or ".." in PurePosixPath(place).parts]:
        raise ValueError(f"{outside[0]} is not below the folder of the period")
    if entry.state not in _STATES:
        raise ValueError(f"state: {entry.state}")
    return entry


def _data(folder: Path) -> dict[str, Any]:
    path = folder / NAME
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        known = {name: data.get(name) for name in ("snapshot", "scorecard")}
        log = data.get("log", 0)
        if not isinstance(log, int) or log < 0:
            raise ValueError(f"log: {log}")
        return {"reviews": {entry.key: entry for entry in map(_entry, data["reviews"])}, "log": log, **known}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SnapshotError(
            "The manifest is damaged.",
            where=f"{folder.parent.name}/{folder.name}/{NAME}",
            found=f"{type(error).__name__}: {str(error)[:80]}",
            do="Restore it from a backup: it remembers which pages are signed and where the journal ended.",
        ) from None


def arrived(announced: ManifestRow, folder: Path) -> bool:
    """Tell whether the page that a run announced is there; of all its files it is moved in last."""
    return _is(folder / announced.page, announced.files.get(announced.page, ""))


def _announced(entry: ManifestRow, before: ManifestRow | None, folder: Path) -> ManifestRow:
    """Say what is known of a review of which the log only says that it was about to be moved in."""
    if entry.sealed and arrived(entry, folder):
        return replace(entry, state="made")
    before = before or replace(entry, state="failed", files={}, fingerprint=None, error="the run was cut short", sealed=False)
    return replace(before, left={**entry.files, **entry.left, **before.left})


def _logged(folder: Path, start: int, known: Mapping[str, ManifestRow]) -> dict[str, ManifestRow]:
    """Read the lines of the log that the manifest does not hold yet; half a line was left by a run that was killed."""
    content = (folder / LOG).read_bytes()[: logged(folder)] if (folder / LOG).is_file() else b""
    start = content.rfind(b"\n", 0, start) + 1  # an earlier version counted half lines too
    found: dict[str, ManifestRow] = {}
    # Only at line feeds: other ends of lines may stand in names and messages.
    for place, line in enumerate(content[start:].split(b"\n"), start=1):
        try:
            row = json.loads(line.decode("utf-8", "replace"))
        except ValueError:
            continue
        try:
            entry = _entry(row)
        except (TypeError, ValueError) as error:
            number = content[:start].count(b"\n") + place
            raise SnapshotError(
                "The log of a period is damaged.",
                where=f"{folder.parent.name}/{folder.name}/{LOG}, line {number}",
                found=f"{type(error).__name__}: {str(error)[:80]}",
                do="Take this line out and run again: the review that it tells of is made again, unless it is signed.",
            ) from None
        if entry.state == MOVING:
            entry = _announced(entry, found.get(entry.key, known.get(entry.key)), folder)
        found[entry.key] = entry
    return found


def logged(folder: Path) -> int:
    """How many bytes the whole lines of a period's log have; the next line is written behind them."""
    path = folder / LOG
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        return end_of_lines(file)


def scorecard(folder: Path, frozen: Snapshot) -> str | None:
    """The sha256 of the scorecard that an earlier run wrote from this snapshot; None where there is none."""
    data = _data(folder)
    return data.get("scorecard") if data.get("snapshot") == frozen.hash else None


def log(folder: Path, entry: ManifestRow, *, modes: Modes) -> None:
    """Write an outcome to the log; on disk when this returns."""
    append_line(folder / LOG, json.dumps(asdict(entry), ensure_ascii=False), modes=modes)


def merged(
    before: Mapping[str, ManifestRow], now: Mapping[str, ManifestRow], subjects: Sequence[Subject] | None
) -> list[ManifestRow]:
    """Put this run's entries in, and keep what earlier runs made of whoever still has a review (of everybody: None)."""
    known = None if subjects is None else {(subject.kind, subject.id) for subject in subjects}
    kept = {key: entry for key, entry in before.items() if known is None or (entry.kind, entry.subject) in known}
    return list({**kept, **now}.values())


def text(
    name: str,
    frozen: Snapshot,
    entries: list[ManifestRow],
    chains: Mapping[About, Head],
    *,
    log: int = 0,
    scorecard: str | None = None,
) -> str:
    """Write the manifest of a workbook's period.

    Args:
        name: The workbook.
        frozen: The evidence that the period uses.
        entries: The reviews.
        chains: Where each review's part of the journal ends.
        log: How many bytes of the log are in it.
        scorecard: The sha256 of the scorecard that was written from this snapshot.
    """
    data = {
        "workbook": name,
        "period": frozen.period.name,
        "snapshot": frozen.hash,
        "made_at": _now(),
        "versions": frozen.info["versions"],
        "log": log,
        "scorecard": scorecard,
        "journal": [
            {"review": [review.kind, review.subject, review.period], "sequence": head.sequence, "hash": head.hash}
            for review, head in sorted(chains.items())
        ],
        "reviews": [asdict(entry) for entry in entries],
    }
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
