"""Verify: the journal, the manifests, the pages and the amendments of all periods, each held against the others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from reviewlib.conversation import journal
from reviewlib.conversation.entries import About, Entry, Head, verify_chains
from reviewlib.conversation.kinds.talk import Seal
from reviewlib.conversation.visibility import State, state_of
from reviewlib.errors import ReviewError
from reviewlib.evidence import adjustments, slicefile, snapshot
from reviewlib.params.model import Params
from reviewlib.params.words import counted
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
    """
    with journal.open_journal(params) or nullcontext() as opened:
        entries = proving.everything(params, opened, command="verify")
    of_seals = {entry.about.period for entry in entries if isinstance(entry.payload, Seal)}
    # With those that are gone as a whole: their pages are missed.
    named = {params.reports / name: Period.parse(name, params.fiscal) for name in sorted(of_seals)}
    periods = [_PeriodCheck.of(folder, period, entries) for folder, period in (snapshot.period_folders(params) | named).items()]
    remembered = [one for each in periods if not each.damaged for one in proving.used(params, each.period)]
    problems = [
        *verify_chains(entries, {about: head for each in periods for about, head in each.heads.items()}),
        *(problem for each in periods for problem in (*each.of_files(params), *each.of_signed(), *each.of_ends())),
        *proving.problems(params, [*remembered, *proving.pinned(entries)]),
        *(problem for each in periods for problem in each.of_reviews(params)),
    ]
    signed = [(key, each) for each in periods for key, row in each.rows.items() if row.sealed]
    return Verified(
        entries=len(entries),
        reviews=len({entry.about for entry in entries}),
        pages=len(signed),
        unproven=sum(key not in each.seals for key, each in signed),
        erased=tuple(f"{entry.about}: {_erased(entry)}" for entry in entries if entry.kind == "erasure"),
        problems=tuple(problems),
    )


def _erased(entry: Entry) -> str:
    return f"erased on {entry.at:%Y-%m-%d} by {entry.author_name}"


def _review(entry: Entry) -> tuple[str, str]:
    return entry.about.kind, entry.about.subject


@dataclass(frozen=True)
class _PeriodCheck:
    """The files of a period, its manifest, and what the journal says of its reviews, each by kind and subject.

    ``rows`` are those of the manifest (``known``), with what the journal has sealed put over them; ``heads`` are the ends of
    the journal that it remembers. Where it is ``damaged``, the journal and the pages are held against each other.
    """

    folder: Path
    period: Period
    pages: Sequence[str]
    damaged: str
    known: Mapping[str, ManifestRow]
    heads: Mapping[About, Head]
    rows: Mapping[str, ManifestRow]
    entries: Sequence[Entry]
    states: Mapping[tuple[str, str], State]
    erased: Mapping[tuple[str, str], str]
    seals: Mapping[str, tuple[Entry, Seal]]

    @classmethod
    def of(cls, folder: Path, period: Period, entries: Iterable[Entry]) -> _PeriodCheck:
        """Take what is of the period from everything in the journal."""
        own = [entry for entry in entries if entry.about.period == period.name]
        seals, known, heads, damaged = sealing.seals_of(own), dict[str, ManifestRow](), dict[About, Head](), ""
        try:
            heads = {about: head for about, head in journal.remembered_heads(folder).items() if about.period == period.name}
            known = manifest.read(folder)
        except ReviewError as error:
            damaged = " ".join(filter(None, (error.what, error.found, error.do)))
        pages = {path.relative_to(folder) for page in PAGES.values() for path in folder.glob(f"*/{page.format(slug='*')}")}
        return cls(
            folder=folder,
            period=period,
            pages=sorted(page.as_posix() for page in pages),
            damaged=damaged,
            known=known,
            heads=heads,
            rows=sealing.sealed(known, seals),
            entries=own,
            states={review: state_of(list(each)) for review, each in groupby(own, key=_review)},
            erased={_review(entry): _erased(entry) for entry in own if entry.kind == "erasure"},
            seals=seals,
        )

    def of_files(self, params: Params) -> Iterator[str]:
        """What is wrong with the manifest as a whole, and with what lies beside it."""
        place, do = f"{self.period}/{manifest.NAME}", "restore it from a backup, or run reviewlib run for the period"
        if self.damaged:
            yield f"{place}: {self.damaged}"
            return
        last = manifest.whole(self.folder)
        if self.pages and not (self.folder / manifest.NAME).is_file():
            yield f"{self.period}: {counted(len(self.pages), 'pages')} and no manifest.json; {do}"
        if problem := manifest.problem_of(self.folder):
            yield f"{place} {problem}; {do}"
        if not slicefile.current_name(params, self.period)[0] and (self.pages or (self.folder / "current").exists()):
            yield f"{self.period}/current is gone or empty; reviewlib freeze writes it anew"
        if last.logged and manifest.log_hash(self.folder, last.log) != last.logged:
            yield f"{self.period}/{manifest.LOG}: what the last run knew of it was changed, or is gone"
        made = {place for row in self.rows.values() for place in (row.page, *row.left)}
        strange = [page for page in self.pages if made and page not in made and _AMENDMENT not in page]
        if strange:
            yield f"{self.period}: of no review that {manifest.NAME} knows is {' and '.join(strange[:3])}; {do}"
        yield from self._changed({manifest.SCORECARD: last.scorecard, manifest.INDEX: last.index})

    def _changed(self, known: Mapping[str, str | None]) -> Iterator[str]:
        """Which files are not as a run left them that it makes anew; one that was killed or is at work may not have told."""
        for place, made in known.items():
            if made and not manifest.holds(self.folder / place, made):
                yield f"{self.period}/{place} is not as a run left it: it was changed or is gone; the next run makes it anew"

    def of_signed(self) -> Iterator[str]:
        """What is wrong with pages, by what the journal has sealed, whatever became of the manifest, and by the manifest."""
        manifest_of = f"{self.period}/{manifest.NAME}"
        firsts = {entry.id for entry, _ in self.seals.values()}
        for entry in self.entries:
            if entry.kind == "seal" and entry.id not in firsts:
                yield f"{entry.about}: entry {entry.sequence} seals a page for the second time; the first seal counts"
        for key, row in self.rows.items():
            review = (row.kind, row.subject)
            if review in self.erased:
                if (self.folder / row.page).is_file():
                    yield f"{self.period}/{row.page}: {self.erased[review]}, and still there"
                continue
            if row != self.known.get(key):
                entry, _ = self.seals[key]
                yield f"{manifest_of} does not say of {row.page} what entry {entry.sequence} of the journal says"
            if row.sealed and (problem := places.problem_of_signed(row, self.folder)):
                yield f"{self.period}/{row.page}: {problem}"
            if not row.sealed:  # people write into the other files
                yield from self._changed({place: made for place, made in row.files.items() if place.endswith(".html")})
            if not manifest.knows(self.rows, key):
                yield f"{self.period}/{row.page}: {row.error}"
            state = self.states.get(review)
            last = max(one.sequence for one in state.signatures.values()) if state and state.closed else None
            if last and row.state == "made" and not row.sealed and row.sequence >= last:
                yield f"{manifest_of} says of {row.page} that it is not signed, and both sides have signed it"

    def of_ends(self) -> Iterator[str]:
        """What is wrong with the ends of the journal that the manifest and the pages name."""
        made = [row for row in self.known.values() if (row.kind, row.subject) not in self.erased]
        hashes = {entry.hash for entry in self.entries}
        printed: dict[str, End] = {}
        for page in self.pages:
            found = _PRINTED.findall((self.folder / page).read_text(encoding="utf-8", errors="replace"))
            if found:
                printed[page] = (int(found[-1][0]), found[-1][1])
        for row in made:
            if row.head and row.head not in hashes:
                yield f"{self.period}/{row.page}: the journal does not hold its last entry {row.sequence}, {row.head[:8]}"
            if row.sealed and row.head and printed.get(row.page, (0, "")) != (row.sequence, row.head[:8]):
                yield f"{self.period}/{row.page}: does not print “Journal entry {row.sequence}, {row.head[:8]}”"
        ends = {(entry.sequence, entry.hash[:8]): _review(entry) for entry in self.entries}
        named = {(row.sequence, row.head[:8]) for row in made if row.head}
        rows = {row.page for row in made}
        for page, end in printed.items():
            review = ends.get(end)
            if review is None and end not in named:  # a row of the manifest was named above
                yield f"{self.period}/{page}: the journal does not hold the entry {end[0]}, {end[1]} that it prints"
            lost = page not in rows and _AMENDMENT not in page and review not in self.erased
            if review and lost and self.states[review].closed:
                yield f"{self.period}/{page}: both sides have signed this review, and {manifest.NAME} does not know the page"

    def of_reviews(self, params: Params) -> Iterator[str]:
        """What is wrong with the evidence that the period uses, with adjustments and with amendments."""
        written = any(entry.kind == "amendment" for entry in self.entries)
        amended = any(written or _AMENDMENT in page for page in self.pages)
        try:
            frozen = snapshot.current(params, self.period)
            if frozen is None and amended:
                yield f"{self.period}: its evidence is not there, so its amendments cannot be held against the journal"
            if frozen is None or not (amended or any(self.folder.glob("*/adjustments/*.json"))):
                return
            stands, adjuster = status.of(params, frozen), Adjuster(params)
            for subject in stands.subjects:
                path = adjustments.place(params, subject, self.period)
                if not adjuster.holds(path, subject, stands.snapshot(subject), stands.pins(subject)):
                    place, do = path.relative_to(params.reports).as_posix(), "remove it, then freeze or run again"
                    yield f"{place}, of {subject.name}, does not tell what the snapshots do; {do}"
                for problem in places.problems_of_amendments(params, stands, subject, self.folder):
                    yield f"{self.period}/{problem}"
        except ReviewError as error:
            yield f"{self.period}: {error.what} {error.found or ''}".strip()
