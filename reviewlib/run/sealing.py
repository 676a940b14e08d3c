"""Seals: the journal keeps the hash of every page that was made after both sides had signed, whatever becomes of a manifest.

A page that says who signed cannot stand with its own hash in a signature, so the run that makes it writes an entry of its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from reviewlib.conversation import identity
from reviewlib.conversation.entries import About, Draft, Entry, said
from reviewlib.conversation.journal import open_or_make_journal
from reviewlib.conversation.kinds.talk import Seal
from reviewlib.params.model import Params
from reviewlib.run.manifest import ManifestRow
from reviewlib.run.status import ReviewStatus


def seals_of(entries: Iterable[Entry]) -> dict[str, tuple[Entry, Seal]]:
    """The seal of each page, by the key of its row in the manifest; what was written first counts."""
    found: dict[str, tuple[Entry, Seal]] = {}
    for entry, seal in said(entries, Seal):
        found.setdefault(f"{entry.about.kind}:{entry.about.subject}:{seal.audience}", (entry, seal))
    return found


def sealed(rows: Mapping[str, ManifestRow], seals: Mapping[str, tuple[Entry, Seal]]) -> dict[str, ManifestRow]:
    """Put what the journal has sealed over what a manifest says, or does not say any more."""
    return {**rows, **{key: _row(key, entry.about, seal, rows.get(key)) for key, (entry, seal) in seals.items()}}


def _row(key: str, about: About, seal: Seal, row: ManifestRow | None) -> ManifestRow:
    if row and row.sealed and row.state == "made" and (row.page, row.files.get(row.page)) == (seal.place, seal.page):
        return row
    return ManifestRow(
        key=key,
        kind=about.kind,
        subject=about.subject,
        audience=seal.audience,
        snapshot=row.snapshot if row else "",
        state="made",
        page=seal.place,
        notebook=None,
        problem=f"problems/{PurePosixPath(seal.place).stem}-{seal.audience}.html",
        files={seal.place: seal.page},
        fingerprint=None,
        seconds=0.0,
        error=None,
        made_at="",
        sealed=True,
    )


def seal(params: Params, stands: ReviewStatus, rows: Iterable[ManifestRow]) -> tuple[ReviewStatus, int]:
    """Write the seals that are missing into the journal, in one transaction.

    Returns:
        How the reviews stand then, and how many pages could not be sealed, because who runs may not write.
    """
    subjects = {(subject.kind, subject.id): subject for subject in stands.subjects}
    author = identity.at_keyboard(params)
    seals, drafts = seals_of(stands.own), list[Draft]()
    for row in rows:
        subject = subjects[row.kind, row.subject]
        # Signatures of earlier versions do not say what was before who signed, and their pages stay as they are.
        proven = any(getattr(entry.payload, "proof", None) for entry in stands.state(subject).signatures.values())
        if row.sealed and row.state == "made" and proven and row.key not in seals:
            payload = Seal(audience=row.audience, place=row.page, page=row.files[row.page])
            drafts.append(Draft(stands.about(subject), subject.team, "seal", payload, author))
    if not drafts:
        return stands, 0
    if author.role not in ("manager", "analyst"):
        return stands, len(drafts)
    with open_or_make_journal(params) as journal:
        written = journal.append_all(drafts)
    entries = {about: tuple(each) for about, each in stands.entries.items()}
    for entry in written:
        entries[entry.about] = (*entries[entry.about], entry)
    return replace(stands, entries=entries), 0
