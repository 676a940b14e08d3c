"""A word of its own in every free-text field of every kind, and the many ways in which a file may hide a word."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from talk import LEAST

from reviewlib.conversation.kinds import KINDS, LONGEST

#: Kinds whose words nobody reads on a page: a release and the hashes of a signature say nothing in words.
WORDLESS = frozenset({"release"})


def free_text(kind: str) -> list[str]:
    """The fields of a kind into which people write what they like, found in its model."""
    fields = KINDS[kind].model.model_fields
    return [name for name, field in fields.items() if any(getattr(rule, "max_length", 0) == LONGEST for rule in field.metadata)]


def canary(mark: str, kind: str, field: str) -> str:
    """The word of one field: letters and digits only, so that nothing wraps or escapes it."""
    return f"Canary{mark}{kind.replace('_', '')}{field.replace('_', '')}"


def filled(kind: str, mark: str, **changes: Any) -> dict[str, Any]:
    """The least of a kind with a word in every free-text field."""
    return LEAST[kind] | {field: canary(mark, kind, field) for field in free_text(kind)} | changes


def readings(text: str) -> Iterator[str]:
    """A text as it stands, and everything it may hold encoded: entities, JSON escapes, per cent, base64."""
    yield text
    yield html.unescape(text)
    yield unquote(html.unescape(text))
    yield re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    for packed in re.findall(r"[A-Za-z0-9+/]{24,}={0,2}", text):
        try:
            yield base64.b64decode(packed + "=" * (-len(packed) % 4)).decode("utf-8", "replace")
        except ValueError:
            continue


def holds(text: str, word: str) -> bool:
    """Whether a word is in a text in any reading."""
    return any(word in reading for reading in readings(text))
