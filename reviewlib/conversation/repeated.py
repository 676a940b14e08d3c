"""A save that is tried again: it is the same one where the same was asked, whatever was filled in since by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reviewlib.conversation import filling
from reviewlib.conversation.entries import About, Entry
from reviewlib.conversation.kinds import KINDS, Visibility
from reviewlib.conversation.rights import WritingContext


def is_same_save(before: Entry, about: About, *, author: str, source: str | None) -> bool:
    """Whether an entry of a review was saved by the same person, or comes from the same file, whoever imported it."""
    return before.about == about and (before.author == author or (source is not None and before.source == source))


def fields(asked: Mapping[str, Any], before: Entry) -> dict[str, Any]:
    """Give what is saved again what was filled in the first time, where nothing else is said."""
    own = [name for name in filling.FIELDS if hasattr(before.payload, name)]
    return dict(asked) | {name: asked.get(name) or getattr(before.payload, name) for name in own}


def visibility(asked: Visibility, before: Entry, context: WritingContext) -> Visibility:
    """What was asked, or what was made of it the first time: what is kept from the rep by itself need not be asked for."""
    target = context.by_id.get(before.of or "")
    versions = [one for one in context.entries if target and context.roots[one.id] == context.roots[target.id]]
    by_itself = KINDS[before.kind].private == "always" or any(one.visibility == "manager_only" for one in versions)
    return before.visibility if asked == "shared" and by_itself else asked


def supersedes(asked: str | None, before: Entry, *, source: str | None) -> str | None:
    """What was asked; a newer answer from a file takes the place of the one before it by itself."""
    by_itself = before.kind == "self_review" and source is not None
    return before.supersedes if asked is None and by_itself else asked
