"""Verify: the journal, the manifests, the pages and the amendments of all periods, each held against the others."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from reviewlib.conversation import journal
from reviewlib.conversation.entries import Entry, verify_chains
from reviewlib.conversation.kinds.talk import Seal
from reviewlib.conversation.visibility import State, state_of
from reviewlib.errors import NotAllowedError, ReviewError
from reviewlib.evidence import adjustments, snapshot
from reviewlib.params.model import Params
from reviewlib.periods import Period
from reviewlib.run import manifest, places, proving, sealing, status
from reviewlib.run.adjusting import Adjuster
from reviewlib.run.manifest import ManifestRow
from reviewlib.run.places import PAGES

#: The end of the journal that a page names.
End = tuple[int, str]
#: How it does, in the last words of its foot, where nobody's own words stand.
_PRINTED: Final = re.compile(r"Journal entry (\d+), ([0-9a-f]{8})\.</p></footer>")
_AMENDMENT: Final = "-amendment-"


@dataclass(frozen=True)
class Verified:
    """What ``verify`` looked at, and what it found wrong.

    Attributes:
        entries: The entries of the journal.
        reviews: The reviews that they are of.
        pages: The signed pages.
        unproven: Those of them that were signed before the journal kept hashes, so that only the manifest knows them.
        erased: What was erased, when and by whom.
        problems: What is wrong.
    """

    entries: int
    reviews: int
    pages: int
    unproven: int
    erased: tuple[str, ...]
    problems: tuple[str, ...]


def verify(params: Params) -> Verified:
    """Walk every chain of the journal, and hold evidence, manifests, pages and amendments of all periods against it.

    Raises:
        NotAllowedError: This login sees a part of the journal only.
        ReviewError: A manifest is damaged.
    """
    with journal.open_journal(params) or nullcontext() as opened:
        if opened and not opened.sees_all():
            raise NotAllowedError(
                "This login sees a part of the journal only, so it cannot verify it.",
                where=params.path.name,
                do="Let an analyst, or who set the journal up, run reviewlib verify.",
            )
        entries = opened.entries() if opened else []
    broken = verify_chains(entries, journal.all_remembered_heads(params))
    of_seals = dict.fromkeys(entry.about.period for entry in entries if isinstance(entry.payload, Seal))
    # With those that are gone as a whole: their pages are missed.
    folders = snapshot.period_folders(params) | {params.reports / name: Period.parse(name, params.fiscal) for name in of_seals}
    problems = [*broken, *(problem for folder in folders for problem in _of_period(folder, entries))]
    remembered = [one for period in folders.values() for one in proving.used(params, period)]
    problems += proving.problems(params, [*remembered, *proving.pinned(entries)])
    problems += [problem for period in folders.values() for problem in _of_evidence(params, period)]
    if not broken:  # else the amendments would be held against words that are not to be trusted
        problems += [problem for period in folders.values() for problem in _of_amendments(params, period, entries)]
    seals = {folder: sealing.seals_of(entry for entry in entries if entry.about.period == folder.name) for folder in folders}
    signed = {folder: [row.key for row in manifest.read(folder).values() if row.sealed] for folder in folders}
    unproven = sum(key not in seals[folder] for folder, keys in signed.items() for key in keys)
    return Verified(
        entries=len(entries),
        reviews=len({entry.about for entry in entries}),
        pages=sum(len({*signed[folder], *seals[folder]}) for folder in folders),
        unproven=unproven,
        erased=tuple(f"{entry.about}: {_erased(entry)}" for entry in entries if entry.kind == "erasure"),
        problems=tuple(problems),
    )


def _erased(entry: Entry) -> str:
    return f"erased on {entry.at:%Y-%m-%d} by {entry.author_name}"


@dataclass(frozen=True)
class _Chains:
    """What the journal says of the reviews of a period, each by its kind and subject."""

    entries: Sequence[Entry]
    states: Mapping[tuple[str, str], State]
    erased: Mapping[tuple[str, str], str]
    seals: Mapping[str, tuple[Entry, Seal]]

    @classmethod
    def of(cls, folder: Path, entries: Iterable[Entry]) -> _Chains:
        """Take them from everything in the journal."""
        own = [entry for entry in entries if entry.about.period == folder.name]
        return cls(
            entries=own,
            states={review: state_of(list(each)) for review, each in groupby(own, key=_review)},
            erased={_review(entry): _erased(entry) for entry in own if entry.kind == "erasure"},
            seals=sealing.seals_of(own),
        )


def _review(entry: Entry) -> tuple[str, str]:
    return entry.about.kind, entry.about.subject


def _of_period(folder: Path, entries: Sequence[Entry]) -> Iterator[str]:
    """What is wrong with a period's manifest and pages."""
    chains, known = _Chains.of(folder, entries), manifest.read(folder)
    made = {key: row for key, row in known.items() if (row.kind, row.subject) not in chains.erased}
    pages = _pages(folder)
    if pages and not (folder / manifest.NAME).is_file():
        do = "restore it from a backup, or run reviewlib run for the period"
        yield f"{folder.name}: there are {len(pages)} pages and no manifest.json; {do}"
    if pages and not (folder / "current").is_file():
        yield f"{folder.name}/current is gone; reviewlib freeze writes it anew"
    last = manifest.whole(folder)
    if last.logged and manifest.log_hash(folder, last.log) != last.logged:
        yield f"{folder.name}/{manifest.LOG}: what the last run knew of it was changed, or is gone"
    yield from _of_signed(folder, known, chains)
    yield from _of_ends(folder, pages, made, chains)


def _of_signed(folder: Path, known: Mapping[str, ManifestRow], chains: _Chains) -> Iterator[str]:
    """What is wrong with signed pages, by what the journal has sealed, whatever became of the manifest, and by the manifest."""
    manifest_of = f"{folder.name}/{manifest.NAME}"
    firsts = {entry.id for entry, _ in chains.seals.values()}
    for entry in chains.entries:
        if entry.kind == "seal" and entry.id not in firsts:
            yield f"{entry.about}: entry {entry.sequence} seals a page for the second time; the first seal counts"
    rows = sealing.sealed(known, chains.seals)
    for key, row in rows.items():
        review = (row.kind, row.subject)
        if review in chains.erased:
            if (folder / row.page).is_file():
                yield f"{folder.name}/{row.page}: {chains.erased[review]}, and still there"
            continue
        if row != known.get(key):
            entry, _ = chains.seals[key]
            yield f"{manifest_of} does not say of {row.page} what entry {entry.sequence} of the journal says"
        if row.sealed and (problem := places.problem_of_signed(row, folder)):
            yield f"{folder.name}/{row.page}: {problem}"
        if not manifest.knows(rows, key):
            yield f"{folder.name}/{row.page}: {row.error}"
        state = chains.states.get(review)
        last = max(one.sequence for one in state.signatures.values()) if state and state.closed else None
        if last and row.state == "made" and not row.sealed and row.sequence >= last:
            yield f"{manifest_of} says of {row.page} that it is not signed, and both sides have signed it"


def _of_ends(folder: Path, pages: Sequence[str], made: Mapping[str, ManifestRow], chains: _Chains) -> Iterator[str]:
    """What is wrong with the ends of the journal that a manifest and the pages name."""
    hashes = {entry.hash for entry in chains.entries}
    printed: dict[str, End] = {}
    for page in pages:
        found = _PRINTED.findall((folder / page).read_text(encoding="utf-8", errors="replace"))
        if found:
            printed[page] = (int(found[-1][0]), found[-1][1])
    for row in made.values():
        if row.head and row.head not in hashes:
            yield f"{folder.name}/{row.page}: the journal does not hold its last entry {row.sequence}, {row.head[:8]}"
        if row.sealed and row.head and printed.get(row.page, (0, "")) != (row.sequence, row.head[:8]):
            yield f"{folder.name}/{row.page}: does not print “Journal entry {row.sequence}, {row.head[:8]}”"
    ends = {(entry.sequence, entry.hash[:8]): _review(entry) for entry in chains.entries}
    named = {(row.sequence, row.head[:8]) for row in made.values() if row.head}
    rows = {row.page for row in made.values()}
    for page, end in printed.items():
        review = ends.get(end)
        if review is None and end not in named:  # a row of the manifest was named above
            yield f"{folder.name}/{page}: the journal does not hold the entry {end[0]}, {end[1]} that it prints"
        lost = page not in rows and _AMENDMENT not in page and review not in chains.erased
        if review and lost and chains.states[review].closed:
            yield f"{folder.name}/{page}: both sides have signed this review, and {manifest.NAME} does not know the page"


def _pages(folder: Path) -> list[str]:
    """The pages of a period, amendments too, by their places below its folder."""
    places = {page.format(slug="*") for page in PAGES.values()}
    return sorted({path.relative_to(folder).as_posix() for place in places for path in folder.glob(f"*/{place}")})


def _of_evidence(params: Params, period: Period) -> Iterator[str]:
    """What is wrong with the evidence that a period uses, and with what its reviews tell of earlier ones by theirs."""
    try:
        frozen = snapshot.current(params, period)
        if not frozen or not [*frozen.folder.parents[1].glob(f"{period}/*/adjustments/*.json")]:
            return
        stands, adjuster = status.of(params, frozen), Adjuster(params)
        for subject in stands.subjects:
            path = adjustments.place(params, subject, period)
            if path.is_file() and not adjuster.holds(path, subject, stands.snapshot(subject), stands.pins(subject)):
                place = path.relative_to(params.reports).as_posix()
                yield f"{place}, of {subject.name}, does not tell what the snapshots do; remove it, then freeze or run again"
    except ReviewError as error:
        yield f"{period}: {error.what} {error.found or ''}".strip()


def _of_amendments(params: Params, period: Period, entries: Collection[Entry]) -> list[str]:
    """What is wrong with the amendments of a period."""
    folder = params.reports / period.name
    added = any(entry.kind == "amendment" and entry.about.period == period.name for entry in entries)
    if not (added and _pages(folder)) and not any(_AMENDMENT in page for page in _pages(folder)):
        return []
    try:
        frozen = snapshot.current(params, period)
        if frozen is None:
            return [f"{period}: its evidence is not there, so its amendments cannot be held against the journal"]
        stands = status.of(params, frozen)
    except ReviewError as error:
        return [f"{period}: {error.what} {error.found or ''}".strip()]
    return [
        f"{period}/{problem}"
        for subject in stands.subjects
        for problem in places.problems_of_amendments(params, stands, subject, folder)
    ]
