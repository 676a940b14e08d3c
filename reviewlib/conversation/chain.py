"""What makes the journal tamper-evident: every entry holds a hash of itself and of the entry before it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, Final

from reviewlib.conversation.entries import About, Entry, Head
from reviewlib.conversation.kinds import Payload

#: What the hash of an entry begins with, so that another form of entry can never have the same bytes.
FORM: Final = "reviewlib entry 1"


def canonical(value: Any) -> bytes:
    """Write plain data as JSON in the one way that digests and hashes are made from."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


def payload_bytes(payload: Payload) -> bytes:
    """Write a payload in the one way that its digest is made from.

    Only the fields that were given count: a field that a later version of a kind adds does not change what was said before.
    """
    return canonical(payload.model_dump(mode="json", exclude_unset=True))


def digest(payload: Payload, *, salt: str) -> str:
    """Make the salted digest of a payload; without the salt it does not even confirm a guess of a short text."""
    return hashlib.sha256(bytes.fromhex(salt) + payload_bytes(payload)).hexdigest()


def moment(at: dt.datetime) -> str:
    """Write a time as it is stored and hashed: UTC, always with microseconds."""
    return at.astimezone(dt.UTC).isoformat(timespec="microseconds")


def link(entry: Entry) -> str:
    """Make the hash of an entry from every column and the hash before it.

    The digest stands for salt and payload. A JSON list keeps the columns apart: no text can run over into the next one, and
    nothing is not the same as empty.
    """
    about = entry.about
    return hashlib.sha256(
        canonical(
            [
                FORM,
                entry.id,
                [about.kind, about.subject, about.period],
                entry.team,
                entry.sequence,
                entry.kind,
                [entry.author, entry.author_name, entry.role, entry.on_behalf_of],
                entry.visibility,
                moment(entry.at),
                entry.supersedes,
                entry.source,
                entry.digest,
                entry.previous,
            ]
        )
    ).hexdigest()


def sealed(entry: Entry) -> Entry:
    """Give an entry the digest and the hash that its columns make."""
    with_digest = replace(entry, digest=digest(entry.payload, salt=entry.salt))
    return replace(with_digest, hash=link(with_digest))


def broken(entries: Sequence[Entry]) -> list[str]:
    """Walk the chain of one review.

    Args:
        entries: Every entry of the review, in the order of their sequence.

    Returns:
        What is wrong, in words, each with the number of the entry; empty where the chain holds.
    """
    found: list[str] = []
    last: Entry | None = None
    for entry in entries:
        found += [f"{entry.about}: entry {entry.sequence} {words}" for words in _wrong_with(entry, last)]
        last = entry
    return found


def verify(entries: Sequence[Entry], remembered: Mapping[About, Head]) -> list[str]:
    """Walk every chain, and hold the chains against heads that were remembered elsewhere.

    Args:
        entries: All of them, as a login sees them that sees everything.
        remembered: Heads of a manifest or a signed page.

    Returns:
        What is wrong, in words; empty where all holds.
    """
    ordered = sorted(entries, key=lambda entry: (entry.about, entry.sequence))
    chains = {about: list(own) for about, own in groupby(ordered, key=lambda entry: entry.about)}
    found = [words for own in chains.values() for words in broken(own)]
    for about, head in sorted(remembered.items()):
        found += _against(chains.get(about, []), about, head)
    return found


def _against(own: Sequence[Entry], about: About, head: Head) -> list[str]:
    if not own:
        return [f"{about}: the journal has no entries of this review, and {head.sequence} are remembered"]
    if own[-1].sequence < head.sequence:
        return [f"{about}: the journal ends with entry {own[-1].sequence}, and {head.sequence} are remembered"]
    if not any(entry.sequence == head.sequence and entry.hash == head.hash for entry in own):
        return [f"{about}: entry {head.sequence} is not the one that is remembered"]
    return []


def _wrong_with(entry: Entry, last: Entry | None) -> list[str]:
    expected = last.sequence + 1 if last else 1
    found: list[str] = []
    if last and entry.about != last.about:
        found.append(f"stands among the entries of {last.about}")
    elif entry.sequence > expected:
        missing = str(expected) if entry.sequence == expected + 1 else f"{expected} to {entry.sequence - 1}"
        found.append(f"follows a gap: {missing} is missing")
    elif entry.sequence < expected:
        found.append(f"comes a second time or out of order: {expected} was expected")
    elif entry.previous != (last.hash if last else ""):
        found.append("does not follow from the entry before it" if last else "is the first, yet names an entry before it")
    if _digest(entry) != entry.digest:
        found.append("does not hold the words that it was written with")
    if link(entry) != entry.hash:
        found.append("was changed after it was written: its hash is another")
    return found


def _digest(entry: Entry) -> str | None:
    try:
        return digest(entry.payload, salt=entry.salt)
    except ValueError:  # the salt is no hex any more
        return None
