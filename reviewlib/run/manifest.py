"""The manifest of a period: what was made of whom, from which evidence, and how it went.

A run writes each outcome to ``log.jsonl`` as it comes, and the manifest at its end; ``read`` adds to the manifest what a run
that was killed has left in the log. The log is never shortened: it tells who was given what, and when it was made.

No page may lie where the manifest does not know it: what is signed is never made again, and of whoever has moved nothing may
stay in the old team. So before a page is moved to a new place, or one that is signed anywhere, the log says what will be there.
Where the run ended between the two, ``read`` looks whether it is.
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, field, replace
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import AfterValidator, ConfigDict, Field, NonNegativeInt, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from reviewlib import files
from reviewlib.conversation.entries import About, Head
from reviewlib.conversation.journal import MANIFEST_FORMAT, NEWER_MANIFEST
from reviewlib.errors import SnapshotError
from reviewlib.evidence.snapshot import Snapshot
from reviewlib.evidence.subjects import Subject
from reviewlib.press.jobs import Failure, Job, Outcome

NAME: Final = "manifest.json"
#: What a run writes beside it over all reviews.
SCORECARD: Final = "scorecard.csv"
INDEX: Final = "index.html"
LOG: Final = "log.jsonl"
#: The state of a review that is about to be moved in; in the log alone.
MOVING: Final = "moving"
#: Where a manifest holds the sha256 of everything else in it.
_ITSELF: Final = "sha256"


def _below_period(place: str) -> str:
    if PurePosixPath(place).is_absolute() or ".." in PurePosixPath(place).parts:
        raise ValueError(f"{place} is not below the folder of the period")
    return place


#: Where a file is, below the period's folder.
Place = Annotated[str, AfterValidator(_below_period)]


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class ManifestRow:
    """One review of the manifest: what was made of whom, for whom, and how it went.

    Attributes:
        key: The review and its audience, see ``key_of``.
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
    state: Literal["made", "failed", "moving"]
    page: Place
    notebook: Place | None
    problem: Place
    files: Mapping[Place, str]
    fingerprint: str | None
    seconds: float
    error: str | None
    made_at: str
    sequence: int = 0
    head: str | None = None
    sealed: bool = False
    left: Mapping[Place, str] = field(default_factory=dict)


@dataclass(frozen=True, config=ConfigDict(strict=True))
class Manifest:
    """What of a manifest is read again; the whole of it, ``text`` writes.

    Attributes:
        reviews: The reviews.
        log: How many bytes of the log are in it.
        logged: The sha256 of these bytes.
        snapshot: The evidence that the period used.
        proof: The sha256 of its ``snapshot.json``; earlier versions kept none.
        scorecard: The sha256 of the scorecard that was written from that.
        index: The sha256 of the index.
        format: In which form it is written.
    """

    reviews: tuple[ManifestRow, ...]
    log: NonNegativeInt = 0
    logged: str | None = None
    snapshot: str | None = None
    proof: str | None = None
    scorecard: str | None = None
    index: str | None = None
    format: Annotated[int, Field(le=MANIFEST_FORMAT)] = 0


#: Both files may have been written by another program, or by hand.
_ROW: Final = TypeAdapter(ManifestRow)
_MANIFEST: Final = TypeAdapter(Manifest)


class Origin(NamedTuple):
    """What a review is made from: its snapshot, the end of its chain in the journal, everything in one hash."""

    snapshot: str
    head: Head | None
    closed: bool
    fingerprint: str | None


def key_of(subject: Subject, audience: str) -> str:
    """The key of one copy of a subject's review."""
    return f"{subject.kind}:{subject.id}:{audience}"


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
    return bool(entry.files) and all(holds(folder / place, known) for place, known in entry.files.items())


def holds(path: Path, sha256: str) -> bool:
    """Tell whether a file is there with this hash."""
    try:
        return files.sha256(path.read_bytes()) == sha256
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
    known = whole(folder)
    entries = {entry.key: entry for entry in known.reviews}
    return entries | _logged(folder, known.log, entries)


def whole(folder: Path) -> Manifest:
    """Read what stands in a period's manifest over all reviews too; an empty one where there is none.

    Raises:
        SnapshotError: It is damaged, or was written by a newer version.
    """
    path, where = folder / NAME, f"{folder.parent.name}/{folder.name}/{NAME}"
    try:
        return _MANIFEST.validate_json(path.read_bytes()) if path.is_file() else Manifest(())
    except ValidationError as error:
        if any(each["loc"] == ("format",) and each["type"] == "less_than_equal" for each in error.errors()):
            raise SnapshotError(NEWER_MANIFEST, where=where, do="Install the newer reviewlib.") from None
        raise SnapshotError(
            "The manifest is damaged.",
            where=where,
            found=_first(error),
            do="Restore it from a backup: it remembers which pages are signed and where the journal ended.",
        ) from None


def _first(error: ValidationError) -> str:
    """The first thing that is wrong: where in the file, and what."""
    first = error.errors(include_url=False)[0]
    place, what = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
    return (f"{place}: {what}" if place else what)[:200]


def arrived(announced: ManifestRow, folder: Path) -> bool:
    """Tell whether the page that a run announced is there; of all its files it is moved in last."""
    return holds(folder / announced.page, announced.files.get(announced.page, ""))


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
            entry = _ROW.validate_json(line.decode("utf-8", "replace"))
        except ValidationError as error:
            if error.errors()[0]["type"] == "json_invalid":
                continue
            number = content[:start].count(b"\n") + place
            raise SnapshotError(
                "The log of a period is damaged.",
                where=f"{folder.parent.name}/{folder.name}/{LOG}, line {number}",
                found=_first(error),
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
        return files.end_of_lines(file)


def log_hash(folder: Path, size: int) -> str | None:
    """The sha256 of the first bytes of a period's log; None where it has not so many."""
    content = (folder / LOG).read_bytes()[:size] if (folder / LOG).is_file() else b""
    return files.sha256(content) if len(content) == size else None


def renew(folder: Path, frozen: Snapshot, *, modes: files.Modes) -> None:
    """Give a manifest the proof of its snapshot, which was removed as a whole and frozen anew."""
    if whole(folder).snapshot == frozen.hash:
        data = json.loads((folder / NAME).read_bytes())
        files.write(folder / NAME, _with_its_hash(data | {"proof": frozen.proof}), modes=modes)


def problem_of(folder: Path) -> str | None:
    """Say what is wrong with a manifest as a whole, by its sha256 of itself; None where nothing is, or it holds none."""
    data = json.loads((folder / NAME).read_bytes()) if (folder / NAME).is_file() else {}
    if data.get("period", folder.name) != folder.name:
        return f"is the one of {data['period']}"
    ours = "proof" in data or _ITSELF in data  # 0.1.0 wrote neither
    return "was changed since a run wrote it" if ours and json.loads(_with_its_hash(data)) != data else None


def _with_its_hash(data: Mapping[str, Any]) -> str:
    rest = {name: value for name, value in data.items() if name != _ITSELF}
    itself = files.sha256(json.dumps(rest, sort_keys=True))
    return json.dumps(rest | {_ITSELF: itself}, indent=1, ensure_ascii=False) + "\n"


def log(folder: Path, entry: ManifestRow, *, modes: files.Modes) -> None:
    """Write an outcome to the log; on disk when this returns."""
    files.append_line(folder / LOG, json.dumps(asdict(entry), ensure_ascii=False), modes=modes)


def merged(
    before: Mapping[str, ManifestRow], now: Mapping[str, ManifestRow], subjects: Sequence[Subject] | None
) -> list[ManifestRow]:
    """Put this run's entries in, and keep what earlier runs made of whoever still has a review (of everybody: None)."""
    known = None if subjects is None else {(subject.kind, subject.id) for subject in subjects}
    kept = {key: entry for key, entry in before.items() if known is None or (entry.kind, entry.subject) in known}
    return list({**kept, **now}.values())


def text(
    folder: Path,
    frozen: Snapshot,
    entries: list[ManifestRow],
    chains: Mapping[About, Head],
    *,
    log: int = 0,
    scorecard: str | None = None,
    index: str | None = None,
) -> str:
    """Write the manifest of a workbook's period.

    Args:
        folder: The period's folder.
        frozen: The evidence that the period uses.
        entries: The reviews.
        chains: Where each review's part of the journal ends.
        log: How many bytes of the log are in it.
        scorecard: The sha256 of the scorecard that was written from this snapshot.
        index: The sha256 of the index.
    """
    data = {
        "format": MANIFEST_FORMAT,
        "workbook": folder.parent.name,
        "period": frozen.period.name,
        "snapshot": frozen.hash,
        "proof": frozen.proof,
        "made_at": _now(),
        "versions": frozen.info["versions"],
        "log": log,
        "logged": log_hash(folder, log),
        "scorecard": scorecard,
        "index": index,
        "journal": [
            {"review": [review.kind, review.subject, review.period], "sequence": head.sequence, "hash": head.hash}
            for review, head in sorted(chains.items())
        ],
        "reviews": [asdict(entry) for entry in entries],
    }
    return _with_its_hash(data)


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
