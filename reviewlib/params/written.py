"""Files that somebody wrote: YAML as plain values with the line of each, and every mistake by line and key.

Params and goals are read by this one reader, and what is wrong with either is said in one way.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.tag import Tag

from reviewlib import files
from reviewlib.errors import ReviewError
from reviewlib.params.mistakes import advise, known_keys
from reviewlib.params.rules import Advice, Key, nearest

#: At most so many mistakes are listed; the rest is counted.
SHOWN: Final = 20
#: What to do about YAML that cannot be read, by words of what its reader says.
_YAML_HINTS: Final = {
    "\\t": "Indent with spaces; YAML takes no tabs.",
    "mapping values": "Put a text that contains a colon in quotes, and check the indentation.",
    "quoted scalar": "Close the quotes.",
}
_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"
_NULL: Final = "tag:yaml.org,2002:null"


@dataclass(frozen=True, order=True)
class FileMistake:
    """One mistake in a file that somebody wrote: its line, how a reader looks up where it stands, and what to do about it."""

    line: int
    place: str
    advice: Advice

    @classmethod
    def at(cls, line: int, key: Iterable[str], advice: Advice) -> FileMistake:
        """A mistake at a key, by its dotted path."""
        dotted = "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in key).removeprefix(".")
        return cls(line, f"line {line}, {dotted}" if dotted else f"line {line}", advice)


@dataclass(frozen=True)
class Written:
    """What a file of YAML holds.

    Attributes:
        value: Plain values, or texts alone where that was asked for.
        lines: The line of each key and of each entry of a list, by its path.
        twice: The keys that stand twice.
    """

    value: Any
    lines: Mapping[Key, int]
    twice: tuple[FileMistake, ...]

    def line(self, key: Key) -> int:
        """The line of a key, or of the nearest key above it that is written down."""
        return next((self.lines[key[:size]] for size in range(len(key), -1, -1) if key[:size] in self.lines), 1)


class _TooMuchError(MarkedYAMLError):
    """YAML that is well written and holds more than is read."""


def text_of(path: Path, name: str, limit: int, refused: type[ReviewError], *, noun: str, do: str) -> str:
    """Read a file of text in UTF-8; a byte order mark does no harm.

    Raises:
        ReviewError: It is no such file, or larger than such files are; the error is of the type given.
        FileNotFoundError: It is not there.
        IsADirectoryError: It is a folder.
    """
    try:
        raw = files.read(path, limit, refused, do=do)
    except (FileNotFoundError, IsADirectoryError):
        raise
    except OSError as error:
        what, do = f"This {noun} cannot be read.", "Check its permissions."
        raise refused(what, where=name, found=error.strerror, do=do) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        text = "\x00"  # no text, unless it is one in another encoding
        if all(char >= " " or char in "\t\n\r" for char in raw.decode("latin-1")):
            line, found = raw[: error.start].count(b"\n") + 1, f"the byte 0x{raw[error.start]:02x}"
            where = f"{name}, line {line}"
            raise refused(f"This {noun} is not in UTF-8.", where=where, found=found, do="Save the file as UTF-8.") from None
    if "\0" in text:
        utf16 = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
        found = "UTF-16 text" if utf16 else "bytes that no text has"
        do = "Save it as UTF-8." if utf16 else do
        raise refused(f"This {noun} is not text in UTF-8.", where=name, found=found, do=do)
    return text


def read_yaml(text: str, name: str, refused: type[ReviewError], *, as_text: bool = False) -> Written | None:
    """Read YAML 1.2; None where there is nothing.

    Args:
        text: The file's text.
        name: Its name, for messages.
        refused: The type of the error.
        as_text: Whether every value is its own text, as it is written, an empty one where there is none.

    Raises:
        ReviewError: It is no YAML, or holds more than is read.
    """
    node = compose(text, name, refused)
    if node is None:
        return None
    lines, twice = _outline(node, as_text=as_text)
    yaml = YAML(typ="base" if as_text else "safe", pure=True)
    # Duplicate keys are refused by the outline, which names both lines.
    yaml.allow_duplicate_keys = True
    with _told(text, name, refused):
        return Written(yaml.constructor.construct_document(node), lines, tuple(twice))


def compose(text: str, name: str, refused: type[ReviewError]) -> Node | None:
    """Read YAML 1.2 into nodes, without making values of them; None where there is nothing.

    Raises:
        ReviewError: It is no YAML, or holds more than is read; the error is of the type given.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = files.YAML_DEPTH
    with _told(text, name, refused):
        node: Node | None = yaml.compose(text)
        if node is not None:
            _count(node, {})
    return node


def _count(node: Node, known: dict[int, float]) -> float:
    """Count the values that a node stands for, where each alias is what it names; what is inside itself has no end."""
    if id(node) not in known:
        known[id(node)] = math.inf
        inside = [one for pair in node.value for one in pair] if isinstance(node, MappingNode) else node.value
        count = 1 + sum(_count(one, known) for one in inside if isinstance(one, Node))
        if count > files.YAML_VALUES:
            found = f"{count:,} values, each alias (*) being what it names; at most {files.YAML_VALUES:,} are read"
            problem = found if math.isfinite(count) else "an anchor (&) that holds itself"
            raise _TooMuchError(problem=problem, problem_mark=node.start_mark)
        known[id(node)] = count
    return known[id(node)]


@contextmanager
def _told(text: str, name: str, refused: type[ReviewError]) -> Iterator[None]:
    """Say what is wrong with YAML, where, and what to do."""
    try:
        yield
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f"{name}, line {mark.line + 1}, column {mark.column + 1}" if mark else name
        if isinstance(error, MaxDepthExceededError):
            error = _TooMuchError(problem=f"lists and keys more than {files.YAML_DEPTH} deep in each other")
        what = "This YAML holds more than is read." if isinstance(error, _TooMuchError) else "This is not valid YAML."
        raise refused(what, where=at, found=error.problem or error.context, do=_yaml_hint(error)) from None
    except (YAMLError, TypeError, ValueError) as error:
        at = f"{name}, line {text.count(chr(10), 0, error.position) + 1}" if isinstance(error, ReaderError) else name
        found = str(error).splitlines()[0]
        raise refused("This is not valid YAML.", where=at, found=found, do="Remove that.") from None


def _yaml_hint(error: MarkedYAMLError) -> str:
    if isinstance(error, _TooMuchError):
        return "Write it out plainly, with fewer aliases and fewer brackets."
    said = f"{error.problem} {error.context}"
    usual = "Check the indentation, the quotes and the brackets on this line and the one before."
    return next((hint for words, hint in _YAML_HINTS.items() if words in said), usual)


def _outline(root: Node, *, as_text: bool) -> tuple[dict[Key, int], list[FileMistake]]:
    """Find the line of each key, and the keys that stand twice."""
    lines: dict[Key, int] = {}
    twice: list[FileMistake] = []
    seen: set[int] = set()
    todo: list[tuple[Key, Node, int]] = [((), root, root.start_mark.line + 1)]
    while todo:
        key, node, line = todo.pop()
        lines.setdefault(key, line)
        # An anchor's node is met once per alias; its lines are those of the first place.
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, MappingNode):
            twice += _twice(key, node)
            todo += [((*key, str(child.value)), value, child.start_mark.line + 1) for child, value in node.value]
        elif isinstance(node, SequenceNode):
            todo += [((*key, str(at)), value, value.start_mark.line + 1) for at, value in enumerate(node.value)]
        elif as_text:
            node.value = "" if node.tag == _NULL else node.value
        elif node.tag == _TIMESTAMP:
            # A date that no calendar has (2026-02-30) stays text: it is refused with its key instead of stopping the reader.
            try:
                dt.date.fromisoformat(node.value[:10])
            except ValueError:
                node.ctag = Tag(suffix="tag:yaml.org,2002:str")
    return lines, twice


def _twice(key: Key, node: MappingNode) -> Iterator[FileMistake]:
    first: dict[str, int] = {}
    for child, _ in node.value:
        if not isinstance(child, ScalarNode):
            continue
        line = child.start_mark.line + 1
        if child.value in first:
            advice = Advice("this key stands twice", f"it stands on line {first[child.value]} too", "Keep one of the two.")
            yield FileMistake.at(line, (*key, child.value), advice)
        first.setdefault(child.value, line)


def findings(error: ValidationError, root: type[BaseModel]) -> Iterator[tuple[Key, Advice]]:
    """Put what the model of a file found into words, each with the path of its key.

    A key that is missing because it is mistyped is one mistake.
    """
    items = error.errors(include_url=False)
    mistyped = [item["loc"] for item in items if item["type"] == "extra_forbidden"]
    meant = {(*loc[:-1], nearest(str(loc[-1]), known_keys(loc[:-1], root))) for loc in mistyped}
    for item in items:
        if item["type"] == "missing" and item["loc"] in meant:
            continue
        loc = tuple(str(part) for part in item["loc"] if part != "[key]")
        # A rule over several keys reports each contradiction at its own key.
        inner = item.get("ctx", {}).get("problems")
        for path, advice in inner if inner else (((), advise(item, root)),):
            yield (*loc, *path), advice


def complaint(
    refused: type[ReviewError], name: str, mistakes: Iterable[FileMistake], *, noun: str = "params file", undone: str = "run"
) -> ReviewError:
    """Make the error that names every mistake of a file, or ``SHOWN`` of them."""
    found = sorted(set(mistakes))
    if len(found) == 1:
        only = found[0].advice
        what = f"{only.what[0].upper()}{only.what[1:]}."
        return refused(what, where=f"{name}, {found[0].place}", found=only.found or None, do=only.do)
    said = [f"{len(found)} things are wrong in the {noun}."]
    for one in found[:SHOWN]:
        there = f" (found {one.advice.found})" if one.advice.found else ""
        said.append(f"  {one.place}: {one.advice.what}{there}. {one.advice.do}")
    if rest := found[SHOWN:]:
        said.append(f"  and {len(rest)} more")
    return refused("\n".join(said), where=name, do=f"Mend these; nothing was {undone}.")
