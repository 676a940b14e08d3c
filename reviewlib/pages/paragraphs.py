"""People's plain text as paragraphs and lists. Everything else in it stays the text it is; the templates escape it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

Shape = Literal["p", "ul", "ol"]
_MARKS: Final = (("ul", re.compile(r"[ \t]*[-*•][ \t]+(?=\S)")), ("ol", re.compile(r"[ \t]*(\d{1,3})[.)][ \t]+(?=\S)")))


@dataclass(frozen=True)
class TextBlock:
    """A paragraph with its lines, or a list with its items; a numbered list begins with ``start``."""

    shape: Shape
    lines: tuple[str, ...]
    start: int = 1


def blocks(text: str) -> list[TextBlock]:
    """Cut a text at its empty lines, and where a list begins or ends; no word of it is lost.

    A line that begins with ``-``, ``*`` or ``•`` is an item, one that begins with a number and a point or bracket is an item of
    a numbered list as long as the numbers follow each other.
    """
    found: list[tuple[TextBlock, list[str]]] = []
    joins = False
    for line in text.split("\n"):
        if not line.strip():
            joins = False
            continue
        block = _block(line)
        if found and _continues(*found[-1], block, joins=joins):
            found[-1][1].extend(block.lines)
        else:
            found.append((block, list(block.lines)))
        joins = True
    return [replace(first, lines=tuple(lines)) for first, lines in found]


def short(text: str, most: int = 60) -> str:
    """Quote the beginning of a text on one line."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def _block(line: str) -> TextBlock:
    for shape, pattern in _MARKS:
        mark = pattern.match(line)
        if mark:
            number = int(mark[1]) if shape == "ol" else 1
            return TextBlock(shape, (line[mark.end() :].rstrip(),), number)  # type: ignore[arg-type]
    return TextBlock("p", (line.rstrip(),))


def _continues(before: TextBlock, lines: Sequence[str], block: TextBlock, *, joins: bool) -> bool:
    """Whether a line goes on with the block before it; list items do so across an empty line too."""
    if before.shape != block.shape:
        return False
    if block.shape == "ol":
        return block.start == before.start + len(lines)
    return joins or block.shape == "ul"
