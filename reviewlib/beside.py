"""What lies beside a page: the form for the rep's answer, and amendments to what both sides have signed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    contents = _amendments(params, stands, subject, pages.values())
    if "rep" in pages and not stands.state(subject).closed:
        form = pages["rep"].with_name(review.form_name(subject.name, subject.id))
        contents[form] = review.form_of(params, stands.about(subject))
    files.write_all(contents, modes=snapshot.modes_of(params))


def _amendments(params: Params, stands: Standing, subject: Subject, pages: Iterable[Path]) -> dict[Path, str | bytes]:
    """The amendments that are not beside their pages yet."""
    entries = stands.entries.get(stands.about(subject), ())
    added = [entry for entry in current(entries) if entry.kind == "amendment"]
    missing = [
        (page.with_name(f"{page.stem}-amendment-{number}.html"), entry, number, page.name)
        for page in pages
        for number, entry in enumerate(added, 1)
    ]
    return {
        path: amendment.amendment_page(_amendment(params, stands, subject, entry, number=number, signed=signed))
        for path, entry, number, signed in missing
        if not path.exists()
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
