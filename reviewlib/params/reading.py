"""The params file: YAML text to ``Params``, every mistake with its line and key.

``load`` collects all mistakes of a file before it complains, so that one round of editing mends them all.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.tag import Tag

from reviewlib import files
from reviewlib.errors import ParamsError, ReviewError
from reviewlib.params.kpis import MAIN
from reviewlib.params.mistakes import advise
from reviewlib.params.model import Params
from reviewlib.params.rules import Advice, nearest

Key = tuple[str, ...]

#: At most so many mistakes are listed; the rest is counted.
SHOWN: Final = 10
#: A workbook gets the schema beside its params file, so that editors complete keys offline.
SCHEMA_FILE: Final = ".reviewlib.schema.json"
SCHEMA_LINE: Final = f"# yaml-language-server: $schema={SCHEMA_FILE}"
#: What to do about YAML that cannot be read, by words of what its reader says.
_YAML_HINTS: Final = {
    "\\t": "Indent with spaces; YAML takes no tabs.",
    "mapping values": "Put a text that contains a colon in quotes, and check the indentation.",
    "quoted scalar": "Close the quotes.",
}
_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"


@dataclass(frozen=True, order=True)
class FileMistake:
    """One mistake in a file that somebody wrote: its line, how a reader looks up where it stands, and what to do about it."""

    line: int
    place: str
    advice: Advice


def load(path: Path | str) -> Params:
    """Read and check a params file.

    Returns:
        The params; they remember where their file lies.

    Raises:
        ParamsError: The file is missing or no YAML mapping, or some keys or values are wrong; all of them are named.
    """
    path = Path(path).expanduser()
    name = path.name if path.is_absolute() else path.as_posix()
    params = _read(_text(path, name), name).model_copy()
    params._path = path.absolute()
    return params


@functools.lru_cache(maxsize=4)
def _read(text: str, name: str) -> Params:
    """Read and check the text of a params file, once: reading YAML takes longer than all else that opens a review."""
    data, lines, problems = _parse(text, name)
    try:
        params = Params.model_validate(data)
    except ValidationError as error:
        raise complaint(ParamsError, name, [*problems, *_problems(error, lines)]) from None
    if problems:
        raise complaint(ParamsError, name, problems)
    return params


def find(path_text: str, start: Path) -> Path:
    """Find a params file by its relative path, in ``start`` or the nearest folder above that has it.

    A notebook runs in ``notebooks/`` or deep under ``reports/``, while params paths begin at the workbook's folder.

    Raises:
        ParamsError: No folder has it; the message says which were tried and which params files lie nearby.
    """
    wanted = Path(path_text).expanduser()
    folders = [start.absolute(), *start.absolute().parents]
    if wanted.is_absolute():
        folders = folders[:1]
    for folder in folders:
        if path_text and (folder / wanted).is_file():
            return folder / wanted
    near = [near for folder in folders for near in _near(folder / wanted)]
    shown = [folder.name or folder.anchor for folder in folders]
    raise ParamsError(
        "This params file does not exist.",
        where=None if wanted.is_absolute() else f"looked in {shown[0]} and in the folders above it ({', '.join(shown[1:])})",
        found=repr(wanted.name if wanted.is_absolute() else path_text),
        do=_offer(near) or "Give the path from the workbook's folder, such as params/demo.yaml.",
    )


def schema() -> dict[str, Any]:
    """Make the JSON Schema of a params file, for editors.

    Returns:
        Draft 2020-12; the built-in KPIs are listed under ``kpis``, so that an editor completes their names too.
    """
    from pydantic.json_schema import GenerateJsonSchema

    made = Params.model_json_schema()
    made["$schema"] = GenerateJsonSchema.schema_dialect
    made["title"] = "reviewlib params"
    kpis = made["properties"]["kpis"]
    kpis["properties"] = {key: {"$ref": "#/$defs/KpiParams"} for key in MAIN}
    return made


def schema_text() -> str:
    """Write the schema as text, for the build and for workbooks."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def place_schema(folder: Path) -> Path:
    """Lay the schema beside the params files of ``folder``, where their first line refers to it."""
    target = folder / SCHEMA_FILE
    beside = target.with_name(f"{SCHEMA_FILE}.{os.getpid()}.tmp")
    beside.write_text(schema_text(), encoding="utf-8", newline="\n")
    beside.replace(target)
    return target


def _text(path: Path, name: str) -> str:
    try:
        raw = files.read(path, files.PARAMS_BYTES, ParamsError, do="Name the YAML file, not the CRM export.")
    except FileNotFoundError:
        do = _offer(_near(path)) or "Check the path; `reviewlib init EXPORT` makes a params file from a CRM export."
        raise ParamsError("This params file does not exist.", where=name, do=do) from None
    except IsADirectoryError:
        raise ParamsError("This is a folder, not a params file.", where=name, do=_offer(_near(path / "x.yaml"))) from None
    except OSError as error:
        raise ParamsError(
            "This params file cannot be read.", where=name, found=error.strerror, do="Check its permissions."
        ) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        text = "\x00"  # no text, unless it is one in another encoding
        line = raw[: error.start].count(b"\n") + 1
        if _printable(raw.decode("latin-1")):
            raise ParamsError(
                "This params file is not in UTF-8.",
                where=f"{name}, line {line}",
                found=f"the byte 0x{raw[error.start]:02x}",
                do="Save the file as UTF-8.",
            ) from None
    if not _printable(text):
        utf16 = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
        raise ParamsError(
            "This params file is not text in UTF-8.",
            where=name,
            found="UTF-16 text" if utf16 else "bytes that no text has",
            do="Save it as UTF-8." if utf16 else "Name the YAML file, not the CRM export.",
        )
    return text


def _printable(text: str) -> bool:
    return all(char >= " " or char in "\t\n\r" for char in text)


def _parse(text: str, name: str) -> tuple[object, Mapping[Key, int], list[FileMistake]]:
    """Read YAML 1.2 into plain values, the lines that their keys stand on, and the keys that stand twice."""
    node = compose(text, name, ParamsError)
    if node is None:
        raise ParamsError("This params file is empty.", where=name, do="Run `reviewlib init EXPORT` to begin with a proposal.")
    lines, problems = _outline(node)
    yaml = YAML(typ="safe", pure=True)
    # Duplicate keys are refused here, by the outline, which names both lines.
    yaml.allow_duplicate_keys = True
    with _told(text, name, ParamsError):
        data = yaml.constructor.construct_document(node)
    if not isinstance(data, dict):
        raise ParamsError(
            "A params file is a list of keys with values.",
            where=f"{name}, line {node.start_mark.line + 1}",
            found=f"a {'list' if isinstance(data, list) else 'single value'}",
            do="Begin with `name:`, `currency:` and `crm:`.",
        )
    return data, lines, problems


class _TooMuchError(MarkedYAMLError):
    """YAML that is well written and holds more than is read."""


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


def _outline(root: Node) -> tuple[dict[Key, int], list[FileMistake]]:
    """Find the line of each key, and the keys that stand twice."""
    lines: dict[Key, int] = {}
    problems: list[FileMistake] = []
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
            problems += _twice(key, node)
            todo += [((*key, str(child.value)), value, child.start_mark.line + 1) for child, value in node.value]
        elif isinstance(node, SequenceNode):
            todo += [((*key, str(at)), value, value.start_mark.line + 1) for at, value in enumerate(node.value)]
        elif node.tag == _TIMESTAMP:
            # A date that no calendar has (2026-02-30) stays text: it is refused with its key instead of stopping the reader.
            try:
                dt.date.fromisoformat(node.value[:10])
            except ValueError:
                node.ctag = Tag(suffix="tag:yaml.org,2002:str")
    return lines, problems


def _twice(key: Key, node: MappingNode) -> Iterator[FileMistake]:
    first: dict[str, int] = {}
    for child, _ in node.value:
        if not isinstance(child, ScalarNode):
            continue
        line = child.start_mark.line + 1
        if child.value in first:
            advice = Advice("this key stands twice", f"it stands on line {first[child.value]} too", "Keep one of the two.")
            yield _mistake(line, (*key, child.value), advice)
        first.setdefault(child.value, line)


def _problems(error: ValidationError, lines: Mapping[Key, int]) -> Iterator[FileMistake]:
    for item in error.errors(include_url=False):
        loc = tuple(str(part) for part in item["loc"] if part != "[key]")
        # A rule over several keys reports each contradiction at its own key.
        inner = item.get("ctx", {}).get("problems")
        for path, advice in inner if inner else (((), advise(item)),):
            key = (*loc, *path)
            # The line of the key, or of the nearest key above it that is written down.
            line = next((lines[key[:size]] for size in range(len(key), -1, -1) if key[:size] in lines), 1)
            yield _mistake(line, key, advice)


def _mistake(line: int, key: Key, advice: Advice) -> FileMistake:
    dotted = "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in key).removeprefix(".")
    return FileMistake(line, f"line {line}, {dotted}" if dotted else f"line {line}", advice)


def complaint(
    refused: type[ReviewError],
    name: str,
    mistakes: Iterable[FileMistake],
    *,
    file: str = "params file",
    undone: str = "run",
    most: int = SHOWN,
    quote: Callable[[str], str] = str,
) -> ReviewError:
    """Make the error that names every mistake of a file, or ``most`` of them; in a list ``quote`` writes what was found."""
    found = sorted(set(mistakes))
    if len(found) == 1:
        only = found[0].advice
        what = f"{only.what[0].upper()}{only.what[1:]}."
        return refused(what, where=f"{name}, {found[0].place}", found=only.found or None, do=only.do)
    said = [f"{len(found)} things are wrong in the {file}."]
    for one in found[:most]:
        there = f" (found {quote(one.advice.found)})" if one.advice.found else ""
        said.append(f"  {one.place}: {one.advice.what}{there}. {one.advice.do}")
    if rest := found[most:]:
        said.append(f"  and {len(rest)} more")
    return refused("\n".join(said), where=name, do=f"Mend these; nothing was {undone}.")


def _near(path: Path) -> list[str]:
    """List the params files beside a path that does not exist, likely ones first."""
    folder = path.parent
    try:
        there = sorted(item.name for item in folder.iterdir() if item.suffix in {".yaml", ".yml"})
    except OSError:
        return []
    likely = nearest(path.name, there)
    names = [*([likely] if likely else []), *(name for name in there if name != likely)]
    return [f"{folder.name}/{name}" for name in names]


def _offer(names: list[str]) -> str | None:
    unique = list(dict.fromkeys(names))[:5]
    return f"These params files are nearby: {', '.join(unique)}." if unique else None
