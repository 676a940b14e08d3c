"""Where the files of a review lie, below the folder of a period: pages, and what lies beside them.

Beside a page lie the form for the rep's answer, and amendments to what both sides have signed. A signed page stays as it is.
"""

import glob
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from reviewlib import files, review
from reviewlib.conversation.entries import current, said
from reviewlib.conversation.kinds import KINDS
from reviewlib.conversation.kinds.talk import Amendment
from reviewlib.evidence.subjects import Subject
from reviewlib.pages import signing
from reviewlib.params.model import Params
from reviewlib.run import leftovers, manifest
from reviewlib.run.manifest import ManifestRow
from reviewlib.run.status import ReviewStatus

#: Where each audience's copy lies below the team's folder.
PAGES: Final[Mapping[tuple[str, str], str]] = {
    ("rep", "manager"): "manager/{slug}.html",
    ("rep", "rep"): "rep/{slug}.html",
    ("team", "manager"): "team.html",
    ("team", "rep"): "rep/team.html",
}


def pages_of(subject: Subject, folder: Path) -> dict[str, Path]:
    """The page of each audience of a subject's review."""
    own = folder / subject.folder
    return {who: own / page.format(slug=subject.slug) for (kind, who), page in PAGES.items() if kind == subject.kind}


def notebook_of(subject: Subject, folder: Path) -> Path:
    """The executed notebook of a subject's review, which is the manager's."""
    stem = subject.slug if subject.kind == "rep" else f"team-{subject.slug}"
    return folder / subject.folder / "notebooks" / f"{stem}.ipynb"


def form(params: Params, stands: ReviewStatus, rep: str, *, page: Path) -> dict[Path, str | bytes]:
    """Write the form for a rep's answer, by its place beside the rep's copy; none once both sides have signed."""
    subject = next(one for one in stands.subjects if (one.kind, one.id) == ("rep", rep))
    if stands.state(subject).closed:
        return {}
    return {form_path(subject, page): review.form_of(params, stands.about(subject))}


def form_path(subject: Subject, page: Path) -> Path:
    """Where the form lies, beside the rep's copy."""
    return page.with_name(review.form_name(subject.name, subject.id))


def amend(params: Params, stands: ReviewStatus, subjects: Sequence[Subject], folder: Path, *, known: Mapping[str, str]) -> None:
    """Lay amendments beside signed pages, each written once as ``<stem>-amendment-N.html``, and take their forms away.

    A form that somebody filled in is put aside.

    Args:
        params: The workbook.
        stands: How the reviews of the period stand.
        subjects: Whose reviews.
        folder: The period's folder.
        known: The sha256 of what runs have made, by place in the folder.

    Raises:
        OSError: Some could not be written; the others are.
    """
    modes = params.modes
    failed: list[OSError] = []
    for subject in subjects:
        if not stands.state(subject).closed:
            continue
        try:
            pages = pages_of(subject, folder)
            added = amendments(params, stands, subject, pages)
            files.write_all({path: page for path, page in added.items() if not path.exists()}, modes=modes)
            if subject.kind == "rep":
                form = form_path(subject, pages["rep"])
                leftovers.keep_answer(form, known=known.get(form.relative_to(folder).as_posix()), modes=modes, to=form)
                form.unlink(missing_ok=True)
        except OSError as error:
            failed.append(error)
    if failed:
        raise failed[0]


def problems_of_amendments(params: Params, stands: ReviewStatus, subject: Subject, folder: Path) -> list[str]:
    """Say which amendments that lie beside a subject's pages are not as the journal has them: changed, or not from there.

    Only what an amendment says is compared, not how it looks: a new design changes no amendment that was laid before.
    """
    pages = pages_of(subject, folder)
    known = amendments(params, stands, subject, pages)
    found = {path for page in pages.values() for path in page.parent.glob(f"{glob.escape(page.stem)}-amendment-*.html")}
    wrong = dict.fromkeys(
        found - known.keys(), "the journal has no such amendment; restore the journal, or move this page away"
    )
    for path in found & known.keys():
        if _words(path.read_text(encoding="utf-8", errors="replace")) != _words(known[path]):
            wrong[path] = "the amendment was changed since; move it away, and the next run lays it as the journal has it"
    return [f"{path.relative_to(folder).as_posix()}: {problem}" for path, problem in sorted(wrong.items())]


def _words(page: str) -> str:
    """What a page of an amendment says, from the name on: the company's name above it and the style may change later."""
    return " ".join(page[page.find("<h1>") :].split())


def amendments(params: Params, stands: ReviewStatus, subject: Subject, pages: Mapping[str, Path]) -> dict[Path, str]:
    """Render the amendments that lie beside each page.

    What stays with the manager is not beside the rep's copy, and not counted there: a gap would say that there is something.
    """
    entries = stands.entries.get(stands.about(subject), ())
    added = [*said(current(entries), Amendment)]
    found: dict[Path, str] = {}
    for audience, page in pages.items():
        read = [one for one in added if audience == "manager" or one[0].visibility == "shared"]
        for number, (entry, amendment) in enumerate(read, 1):
            to = next((one for one in entries if one.id == amendment.of), None)
            found[page.with_name(f"{page.stem}-amendment-{number}.html")] = signing.amendment_page(
                params,
                entry,
                name=subject.name,
                period=stands.period,
                number=number,
                about=f"the {KINDS[to.kind].label.lower()} of entry {to.sequence}" if to else "",
                signed=page.name,
            )
    return found


def signed(entries: Iterable[ManifestRow], folder: Path) -> dict[str, ManifestRow]:
    """Find the signed reviews, by key, which are never made again; one whose page is gone or was changed counts as failed."""
    found = {}
    for entry in entries:
        if entry.sealed:
            wrong = problem_of_signed(entry, folder)
            found[entry.key] = replace(entry, state="failed" if wrong else "made", error=wrong)
    return found


def problem_of_signed(entry: ManifestRow, folder: Path) -> str | None:
    """Say what is wrong with a signed page; None where it is as it was signed."""
    path = folder / entry.page
    if manifest.holds(path, entry.files.get(entry.page, "")):
        return None
    what = "was changed since" if path.is_file() else "is gone"
    return f"Signed: the signed page {what}; restore it from a backup, it is never made again"
