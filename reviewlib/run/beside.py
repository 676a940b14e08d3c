"""What lies beside a page: the form for the rep's answer, and amendments to what both sides have signed."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from reviewlib import files, review
from reviewlib.conversation.entries import current
from reviewlib.conversation.kinds import KINDS, Amendment
from reviewlib.evidence import snapshot
from reviewlib.evidence.subjects import Subject
from reviewlib.pages import signing
from reviewlib.params.model import Params
from reviewlib.run import annotated
from reviewlib.run.places import pages_of
from reviewlib.run.status import ReviewStatus

#: How the name of a form ends.
FORM: Final = ".md"


def form(params: Params, stands: ReviewStatus, rep: str, *, page: Path) -> dict[Path, str | bytes]:
    """Write the form for a rep's answer, by its place beside the rep's copy; none once both sides have signed.

    Args:
        params: The workbook.
        stands: How the reviews of the period stand.
        rep: The rep's id.
        page: The rep's copy.
    """
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
    failed: list[OSError] = []
    for subject in subjects:
        if stands.state(subject).closed:
            try:
                pages = pages_of(subject, folder)
                _amend(params, stands, subject, pages)
                if subject.kind == "rep":
                    form = form_path(subject, pages["rep"])
                    made = known.get(form.relative_to(folder).as_posix())
                    annotated.keep_answer(form, known=made, modes=snapshot.modes_of(params))
                    form.unlink(missing_ok=True)
            except OSError as error:
                failed.append(error)
    if failed:
        raise failed[0]


def _amend(params: Params, stands: ReviewStatus, subject: Subject, pages: Mapping[str, Path]) -> None:
    contents: dict[Path, str | bytes] = {
        path: page for path, page in amendments(params, stands, subject, pages).items() if not path.exists()
    }
    files.write_all(contents, modes=snapshot.modes_of(params))


def problems(params: Params, stands: ReviewStatus, subject: Subject, folder: Path) -> list[str]:
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
    added = [entry for entry in current(entries) if entry.kind == "amendment"]
    found: dict[Path, str] = {}
    for audience, page in pages.items():
        read = [entry for entry in added if audience == "manager" or entry.visibility == "shared"]
        for number, entry in enumerate(read, 1):
            assert isinstance(entry.payload, Amendment)
            to = next((one for one in entries if one.id == entry.payload.of), None)
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
