"""What lies beside a page: the form for the rep's answer, and amendments to what both sides have signed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from reviewlib import files, review
from reviewlib.conversation.entries import Entry, current
from reviewlib.conversation.kinds import KINDS, Amendment
from reviewlib.evidence import snapshot
from reviewlib.evidence.subjects import Subject
from reviewlib.pages import amendment
from reviewlib.params import Params
from reviewlib.standing import Standing


def lay(params: Params, stands: Standing, subject: Subject, *, pages: Mapping[str, Path]) -> None:
    """Write what lies beside a review's pages.

    The form lies beside the rep's copy until both sides have signed. Amendments are written once, as
    ``<stem>-amendment-N.html`` beside each copy.

    Args:
        params: The workbook.
        stands: How the reviews of the period stand.
        subject: Whose review.
        pages: The page of each audience.
    """
    contents: dict[Path, str | bytes] = {
        path: amendment.amendment_page(page)
        for path, page in amendments(params, stands, subject, pages).items()
        if not path.exists()
    }
    if subject.kind == "rep":
        form = pages["rep"].with_name(review.form_name(subject.name, subject.id))
        if stands.state(subject).closed:
            form.unlink(missing_ok=True)
        else:
            contents[form] = review.form_of(params, stands.about(subject))
    files.write_all(contents, modes=snapshot.modes_of(params))


def amendments(
    params: Params, stands: Standing, subject: Subject, pages: Mapping[str, Path]
) -> dict[Path, amendment.Amendment]:
    """List the amendments that lie beside each page; what stays with the manager is not beside the rep's copy."""
    entries = stands.entries.get(stands.about(subject), ())
    added = [entry for entry in current(entries) if entry.kind == "amendment"]
    return {
        page.with_name(f"{page.stem}-amendment-{number}.html"): _amendment(
            params, stands, subject, entry, number=number, signed=page.name
        )
        for audience, page in pages.items()
        for number, entry in enumerate(added, 1)
        if audience == "manager" or entry.visibility == "shared"
    }


def _amendment(
    params: Params, stands: Standing, subject: Subject, entry: Entry, *, number: int, signed: str
) -> amendment.Amendment:
    said = entry.payload
    assert isinstance(said, Amendment)
    to = next((one for one in stands.entries[entry.about] if one.id == said.of), None)
    return amendment.Amendment(
        title=params.title or params.name,
        name=subject.name,
        period=stands.period,
        number=number,
        text=said.text,
        by=entry.author_name,
        at=entry.at.astimezone(ZoneInfo(params.timezone or "UTC")),
        about=f"the {KINDS[to.kind].label.lower()} of entry {to.sequence}" if to else "",
        signed=signed,
        entry=entry.sequence,
        head=entry.hash,
        accent=params.theme.accent,
        accent_dark=params.theme.accent_dark,
    )
