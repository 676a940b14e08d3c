"""The handout: one folder per manager with what is theirs to read and what is theirs to give to each rep."""

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from reviewlib import files
from reviewlib.errors import ReviewError
from reviewlib.evidence.subjects import Subject
from reviewlib.params.model import Params
from reviewlib.run import locks, manifest, places, proving, sealing, status
from reviewlib.run.manifest import ManifestRow
from reviewlib.run.origins import Origins
from reviewlib.run.status import ReviewStatus

#: What tells a folder that an earlier handout made from any other, which is never touched.
_MARK: Final = "handout.json"
_NOBODY: Final = "no-manager"


@dataclass(frozen=True)
class Parcel:
    """What one manager gets: the folder, and how many reps' pages are in it."""

    manager: str
    folder: Path
    reps: int
    released: int


def hand_out(params: Params, stands: ReviewStatus, out: Path, *, managers: Sequence[str] = ()) -> list[Parcel]:
    """Copy each manager's pages into a folder of their own.

    ``OUT/<manager>/manager/`` holds the manager's copies, ``OUT/<manager>/reps/<rep>/`` what goes to one rep: the rep's copy,
    the form for the answer, and amendments, and ``OUT/<manager>/team/`` the page for the whole team. Who leads several teams
    gets a folder for each of them. What an earlier handout left there is replaced as a whole.

    Args:
        params: The workbook.
        stands: How the reviews of the period stand.
        out: The folder of folders.
        managers: Only these, by name; all where none is given.

    Raises:
        ReviewError: A manager is unknown, a file is missing, changed, or older than its figures or words, or the folder is no
            handout.
        BusyError: A run holds the period.
    """
    groups = _by_manager(stands.subjects)
    chosen = {name: groups[name] for name in _known(managers, groups)}
    folders = {name: out / (files.slug(name, name) if name else _NOBODY) for name in chosen}
    for folder in folders.values():
        if folder.exists() and not (folder / _MARK).is_file():
            raise ReviewError(
                "This folder was not made by a handout.",
                where=str(folder.name),
                do="Give another folder with --out, or move this one away; it is not touched.",
            )
    with _at_rest(params, stands):
        proving.refuse_damaged(params, stands)
        _check_pages(params, stands, [subject for group in chosen.values() for subject in group])
        return [_hand_out(params, stands, name, group, folders[name]) for name, group in chosen.items()]


@contextlib.contextmanager
def _at_rest(params: Params, stands: ReviewStatus) -> Iterator[None]:
    """Keep runs away, and lay out what the reps' copies are made from; who may only read takes what is there."""
    folder = params.reports / stands.period.name
    if not os.access(folder, os.W_OK):
        yield
        return
    with locks.held(folder, modes=params.modes):
        status.lay_out(params, stands)
        yield


def _by_manager(subjects: Sequence[Subject]) -> dict[str, list[Subject]]:
    """Whose reviews are whose; a team with several managers is everybody's of them."""
    groups: dict[str, list[Subject]] = {}
    for subject in subjects:
        for name in subject.led_by or ("",):
            groups.setdefault(name, []).append(subject)
    return {name: group for name, group in sorted(groups.items()) if any(one.kind == "rep" for one in group)}


def _known(wanted: Sequence[str], groups: Mapping[str, object]) -> list[str]:
    unknown = [name for name in wanted if name not in groups]
    if unknown:
        raise ReviewError(
            "Nobody of this name has reviews in the period.",
            where="--manager",
            found=", ".join(map(repr, unknown)),
            do=f"Write the name as in the reps table: {', '.join(filter(None, groups))}",
        )
    return list(wanted) or list(groups)


def _check_pages(params: Params, stands: ReviewStatus, subjects: Sequence[Subject]) -> None:
    """Refuse pages that do not tell what the figures and the journal say now, and forms and amendments that do not."""
    folder = params.reports / stands.period.name
    origins, entries = Origins(params, stands), sealing.sealed(manifest.read(folder), sealing.seals_of(stands.own))
    stale = [
        subject.name
        for subject in subjects
        if not all(path.is_file() for path in places.amendments(params, stands, subject, places.pages_of(subject, folder)))
        or places.problems_of_amendments(params, stands, subject, folder)
        or not all(
            _fresh(entries.get(manifest.key_of(subject, who)), origins, subject, folder)
            for who in places.pages_of(subject, folder)
        )
    ]
    if stale:
        names = ", ".join(sorted(set(stale))[:5])
        raise ReviewError(
            "Some pages are missing, failed, changed, or older than what is recorded.",
            where=f"reports/{params.name}/{stands.period}",
            found=f"{len(set(stale))}: {names}{' ...' if len(set(stale)) > 5 else ''}",
            do=f"Run: reviewlib run {params.typed} --period {stands.period}; then reviewlib verify, if it is refused again",
        )


def _fresh(entry: ManifestRow | None, origins: Origins, subject: Subject, folder: Path) -> bool:
    """Tell whether a page and its form are whole and up to date; what is sealed always is, but for its bytes."""
    if entry is None or entry.state != "made":
        return False
    # The executed notebook is not handed out, and the manager may write into it.
    given = {place: known for place, known in entry.files.items() if place != entry.notebook}
    if not manifest.intact(replace(entry, files=given), folder):
        return False
    origin = origins.of(subject, entry.audience)
    if origin.fingerprint is None:  # of older evidence that cannot be told; the journal can
        return entry.sealed or (entry.snapshot, entry.head) == (origin.snapshot, origin.head.hash if origin.head else None)
    return entry.sealed or entry.fingerprint == origin.fingerprint


def _hand_out(params: Params, stands: ReviewStatus, manager: str, group: Sequence[Subject], place: Path) -> Parcel:
    """Lay a folder out beside its place, then put it there whole."""
    modes = params.modes
    source = params.reports / stands.period.name
    apart = sum(subject.kind == "team" for subject in group) > 1
    contents = {
        target: path.read_bytes()
        for subject in group
        for target, path in _pages(params, stands, subject, source, apart=apart and subject.kind == "team")
    }
    reps = [subject for subject in group if subject.kind == "rep"]
    released = sum(stands.state(subject).released for subject in reps)
    about = {"workbook": params.name, "period": stands.period.name, "manager": manager, "reps": len(reps), "released": released}
    part = place.parent / f".part-{secrets.token_hex(6)}"
    try:
        files.write_all({part / _MARK: json.dumps(about, ensure_ascii=False)}, modes=modes)
        files.write_all({part / target: content for target, content in contents.items()}, modes=modes)
        old = place.rename(part.with_name(f"{part.name}-old")) if place.exists() else None
        part.rename(place)
        if old:
            shutil.rmtree(old)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Parcel(manager or "no manager", place, len(reps), released)


def _pages(params: Params, stands: ReviewStatus, subject: Subject, source: Path, *, apart: bool) -> Iterator[tuple[str, Path]]:
    """Every file of a subject: where it goes, and where it is; ``apart`` in a folder of its own, as the team's of several."""
    pages = places.pages_of(subject, source)
    amended = list(places.amendments(params, stands, subject, pages))
    form = places.form_path(subject, pages["rep"])
    open_form = [form] if subject.kind == "rep" and not stands.state(subject).closed else []
    own = f"/{subject.slug}" if apart else ""
    goes_to = f"reps/{subject.slug}" if subject.kind == "rep" else f"team{own}"
    for audience, where, more in (("manager", f"manager{own}", []), ("rep", goes_to, open_form)):
        page = pages[audience]
        for path in [page, *(one for one in amended if one.parent == page.parent), *more]:
            yield f"{where}/{path.name}", path
