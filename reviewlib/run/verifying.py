"""Verify: the journal, the manifests, the pages and the amendments of all periods, each held against the others."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reviewlib.conversation import journal
from reviewlib.conversation.entries import Entry, verify_chains
from reviewlib.errors import NotAllowedError, ReviewError
from reviewlib.evidence import snapshot
from reviewlib.params.model import Params
from reviewlib.periods import Period
from reviewlib.run import manifest, places, status
from reviewlib.run.places import PAGES

#: The end of the journal that a page names.
End = tuple[int, str]
#: How it does, in the last words of its foot, where nobody's own words stand.
_PRINTED: Final = re.compile(r"Journal entry (\d+), ([0-9a-f]{8})\.</p></footer>")
_AMENDMENT: Final = "-amendment-"


@dataclass(frozen=True)
class Verified:
    """What ``verify`` looked at, and what it found wrong."""

    entries: int
    reviews: int
    pages: int
    problems: tuple[str, ...]


def verify(params: Params) -> Verified:
    """Walk every chain of the journal, and hold it against the manifests, the pages and the amendments of all periods.

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
    folders = snapshot.period_folders(params)
    problems = [*broken, *(problem for folder in folders for problem in _of_period(folder, entries))]
    if not broken:  # else the amendments would be held against words that are not to be trusted
        problems += [problem for period in folders.values() for problem in _of_amendments(params, period, entries)]
    signed = sum(entry.sealed for folder in folders for entry in manifest.read(folder).values())
    return Verified(len(entries), len({entry.about for entry in entries}), signed, tuple(problems))


def _of_period(folder: Path, entries: Sequence[Entry]) -> Iterator[str]:
    """What is wrong with a period's manifest and pages."""
    made = manifest.read(folder)
    pages = _pages(folder)
    if pages and not (folder / manifest.NAME).is_file():
        do = "restore it from a backup, or run reviewlib run for the period"
        yield f"{folder.name}: there are {len(pages)} pages and no manifest.json; {do}"
    hashes = {entry.hash for entry in entries}
    for entry in made.values():
        if entry.head and entry.head not in hashes:
            yield f"{folder.name}/{entry.page}: the journal does not hold its last entry {entry.sequence}, {entry.head[:8]}"
        if entry.sealed and (problem := places.problem_of_signed(entry, folder)):
            yield f"{folder.name}/{entry.page}: {problem}"
    printed: dict[str, End] = {}
    for page in pages:
        found = _PRINTED.findall((folder / page).read_text(encoding="utf-8", errors="replace"))
        if found:
            printed[page] = (int(found[-1][0]), found[-1][1])
    for entry in made.values():
        if entry.sealed and entry.head and printed.get(entry.page, (0, "")) != (entry.sequence, entry.head[:8]):
            yield f"{folder.name}/{entry.page}: does not print “Journal entry {entry.sequence}, {entry.head[:8]}”"
    ends = {(entry.sequence, entry.hash[:8]) for entry in entries if entry.about.period == folder.name}
    known = {(entry.sequence, entry.head[:8]) for entry in made.values() if entry.head}
    for page, end in printed.items():
        if end not in ends and end not in known:  # a row of the manifest was named above
            yield f"{folder.name}/{page}: the journal does not hold the entry {end[0]}, {end[1]} that it prints"


def _pages(folder: Path) -> list[str]:
    """The pages of a period, amendments too, by their places below its folder."""
    places = {page.format(slug="*") for page in PAGES.values()}
    return sorted({path.relative_to(folder).as_posix() for place in places for path in folder.glob(f"*/{place}")})


def _of_amendments(params: Params, period: Period, entries: Collection[Entry]) -> list[str]:
    """What is wrong with the amendments of a period."""
    folder = params.reports / period.name
    added = any(entry.kind == "amendment" and entry.about.period == period.name for entry in entries)
    if not (added and _pages(folder)) and not any(_AMENDMENT in page for page in _pages(folder)):
        return []
    frozen = snapshot.current(params, period)
    if frozen is None:
        return [f"{period}: its evidence is not there, so its amendments cannot be held against the journal"]
    try:
        stands = status.of(params, frozen)
    except ReviewError as error:
        return [f"{period}: {error.what} {error.found or ''}".strip()]
    return [
        f"{period}/{problem}"
        for subject in stands.subjects
        for problem in places.problems_of_amendments(params, stands, subject, folder)
    ]
