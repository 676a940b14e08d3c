"""The evidence of periods, held against everything that remembers its proof: ``current``, manifest, releases, signatures."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from reviewlib.conversation.entries import Entry, current, said
from reviewlib.conversation.journal import Journal
from reviewlib.conversation.kinds.talk import Proven, Release
from reviewlib.errors import NotAllowedError, SnapshotError
from reviewlib.evidence import proof, slicefile
from reviewlib.params.model import Params
from reviewlib.periods import Period
from reviewlib.run import manifest
from reviewlib.run.status import ReviewStatus

#: What this version always writes is not there: only beside snapshots without hashes, which earlier ones froze.
_NONE: Final = "no proof"


class Remembered(NamedTuple):
    """That somebody used a snapshot: its name, its proof where that was kept, and which file or entry says so."""

    snapshot: str
    proof: str | None
    by: str


def everything(params: Params, journal: Journal | None, *, command: str) -> list[Entry]:
    """List every entry, for a command that must know them all; none where there is no journal yet.

    Raises:
        NotAllowedError: This login sees a part of the journal only.
    """
    if journal and not journal.sees_all():
        raise NotAllowedError(
            f"This login sees a part of the journal only, which is not enough to {command}.",
            where=params.path.name,
            do=f"Let an analyst, or who set the journal up, run reviewlib {command}.",
        )
    return journal.entries() if journal else []


def refuse_damaged(params: Params, stands: ReviewStatus) -> None:
    """Refuse to go on with evidence that is not what was frozen: the period's, and that of its released reviews.

    Raises:
        SnapshotError: A file is changed, gone or added; it is named.
    """
    known = [one for one in used(params, stands.period) if one.snapshot == stands.current]
    known += [Remembered(stands.current, None, str(stands.period))]  # which may point to none yet
    known += pinned(stands.own)
    if found := list(problems(params, known)):
        more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
        raise SnapshotError(
            "The evidence is not what was frozen.",
            where=f"reports/{params.name}",
            found="; ".join(found[:5]) + more,
            do=proof.RESTORE,
        )


def used(params: Params, period: Period) -> Iterator[Remembered]:
    """What a period says of the snapshot that it uses, and its manifest of the one that the last run used.

    A period that points to none is to be frozen: what its manifest holds may be of a snapshot that was removed.
    """
    name, known = slicefile.current_name(params, period)
    if not name:
        return
    yield Remembered(name, known or _NONE, f"{period}/current")
    last = manifest.whole(params.reports / period.name)
    if last.snapshot and (last.snapshot == name or slicefile.exists(params, last.snapshot)):
        yield Remembered(last.snapshot, last.proof or _NONE, f"{period}/{manifest.NAME}")


def pinned(entries: Iterable[Entry]) -> Iterator[Remembered]:
    """What current releases and signatures say of the snapshot that their review stays on."""
    standing = current(entries)
    snapshots = {entry.about: release.snapshot for entry, release in said(standing, Release)}
    for entry, proven in said(standing, Proven):
        if entry.about in snapshots:
            yield Remembered(snapshots[entry.about], proven.proof, f"{entry.about}: entry {entry.sequence}")


def problems(params: Params, known: Iterable[Remembered]) -> Iterator[str]:
    """Say what is wrong with snapshots: one that is not there or is another one, and files that are not as they were frozen."""
    remembered: dict[str, dict[str | None, str]] = {}
    for one in known:
        remembered.setdefault(one.snapshot, {})[one.proof] = one.by
    for name, by in remembered.items():
        folder, place = params.reports / "snapshots" / name, f"snapshots/{name}/{proof.INFO}"
        if not slicefile.exists(params, name):
            yield f"{place} is gone, and {next(iter(by.values()))} names it"
            continue
        try:
            hashed, changed = "files" in proof.info(folder), proof.problems(folder)
        except SnapshotError as error:
            yield f"{place}: {error.what}"
            continue
        now = proof.of(folder)
        for known_as, who in by.items():
            if known_as == _NONE and hashed:
                yield f"{who} does not hold the proof of snapshot {name} any more"
            elif known_as not in (None, _NONE, now):
                yield f"{place} is not the one that {who} names"
        yield from changed
