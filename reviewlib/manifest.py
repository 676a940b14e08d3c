"""The manifest of a period: what was made of whom, from which evidence, and how it went."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from reviewlib.conversation.entries import About, Head
from reviewlib.errors import SnapshotError
from reviewlib.evidence.snapshot import Snapshot
from reviewlib.evidence.subjects import Subject
from reviewlib.press.batch import Failure, Job, Outcome


@dataclass(frozen=True)
class Entry:
    """One review of the manifest: what was made of whom, for whom, and how it went.

    ``sequence`` and ``head`` say up to which entry of the journal the page tells; ``sealed`` that both sides have signed it, so
    that it is never made again.
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
    sha256: str | None
    seconds: float
    error: str | None
    made_at: str
    sequence: int = 0
    head: str | None = None
    sealed: bool = False


def entry_of(outcome: Outcome, *, folder: Path, snapshot: str, head: Head | None, closed: bool) -> Entry:
    """Describe what became of a job; paths are relative to the period's folder."""
    job, failure = outcome.job, outcome.failure
    relative = {
        name: None if path is None else path.relative_to(folder).as_posix()
        for name, path in (("page", job.page), ("notebook", job.notebook), ("problem", job.problem))
    }
    return Entry(
        key=job.key,
        kind=job.labels["kind"],
        subject=job.labels["subject"],
        audience=job.labels["audience"],
        snapshot=snapshot,
        state="made" if failure is None else "failed",
        page=relative["page"] or "",
        notebook=relative["notebook"],
        problem=relative["problem"] or "",
        sha256=hashlib.sha256(job.page.read_bytes()).hexdigest() if failure is None else None,
        seconds=round(outcome.seconds, 3),
        error=None if failure is None else f"{failure.error}: {failure.message}",
        made_at=_now(),
        sequence=head.sequence if head else 0,
        head=head.hash if head else None,
        sealed=closed and failure is None,
    )


_SIGNED: Final = "Signed"


def knows(entries: Mapping[str, Entry], key: str) -> bool:
    """Tell whether a manifest knows how a page came about; of one that it found there it only knows that it does not."""
    return key in entries and not (entries[key].sha256 is None and str(entries[key].error).startswith(_SIGNED))


def unknown_page(job: Job, *, folder: Path) -> Entry:
    """Describe a review that both sides have signed and whose page the manifest does not know: it is left as it is."""
    what = "a page is there that the manifest does not know; restore manifest.json from a backup, or move the page away"
    failure = Failure(None, None, _SIGNED, what)
    return entry_of(Outcome(job, failure, 0.0), folder=folder, snapshot="", head=None, closed=True)


def read(folder: Path) -> dict[str, Entry]:
    """Read a period's manifest, by key; empty where nothing was made yet."""
    return {row["key"]: Entry(**row) for row in _rows(folder, "reviews")}


def _rows(folder: Path, name: str) -> list[dict[str, Any]]:
    """Read one list of a manifest.

    Raises:
        SnapshotError: It is damaged.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        return []
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return list(data[name])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SnapshotError(
            "The manifest is damaged.",
            where=f"{folder.parent.name}/{folder.name}/manifest.json",
            found=f"{type(error).__name__}: {str(error)[:80]}",
            do="Restore it from a backup: it remembers which pages are signed and where the journal ended.",
        ) from None


def merged(before: Mapping[str, Entry], now: Mapping[str, Entry], subjects: Sequence[Subject] | None) -> list[Entry]:
    """Put this run's entries in, and keep what earlier runs made of whoever still has a review (of everybody: None)."""
    known = None if subjects is None else {(subject.kind, subject.id) for subject in subjects}
    kept = {key: entry for key, entry in before.items() if known is None or (entry.kind, entry.subject) in known}
    return list({**kept, **now}.values())


def text(name: str, frozen: Snapshot, entries: list[Entry], chains: Mapping[About, Head]) -> str:
    """Write the manifest of a workbook's period; ``chains`` is where each review's part of the journal ends."""
    data = {
        "workbook": name,
        "period": frozen.period.name,
        "snapshot": frozen.hash,
        "made_at": _now(),
        "versions": frozen.info["versions"],
        "journal": [
            {"review": [review.kind, review.subject, review.period], "sequence": head.sequence, "hash": head.hash}
            for review, head in sorted(chains.items())
        ],
        "reviews": [asdict(entry) for entry in entries],
    }
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
