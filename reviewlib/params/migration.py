"""Params of an earlier version as this one writes them: its retired keys are rewritten, and every other letter stays."""

import contextlib
import difflib
import re
import stat
from itertools import count
from pathlib import Path
from typing import Any

from reviewlib import files
from reviewlib.errors import ParamsError
from reviewlib.params import reading, retired
from reviewlib.params.model import Params
from reviewlib.params.rules import Key
from reviewlib.params.written import compose, read_yaml


def migrate(path: Path) -> list[str]:
    """Rewrite the retired keys of a params file, and keep the file as it was beside it.

    Returns:
        What to tell: the difference, line by line, a sentence for each key, and what comes next.

    Raises:
        ParamsError: The file has mistakes, these keys cannot be rewritten alone, or the folder cannot be written to.
    """
    params, place, new = reading.load(path), path.expanduser().resolve(), None
    if not params.retired:
        return [f"{path}: no key is of an earlier version; nothing was changed."]
    raw = place.read_bytes()
    with contextlib.suppress(ParamsError):
        new = _rewritten(text := raw.decode("utf-8-sig"), params)
    if new is None:
        what, found = "These keys cannot be rewritten without others.", ", ".join(".".join(key) for _, key in params.retired)
        do = "Write them by hand: docs/params.md says how. What stands there may be shared by an anchor (&)."
        raise ParamsError(what, where=path.name, found=found, do=do)
    names = (place.with_name(f"{place.name}.bak{number if number > 1 else ''}") for number in count(1))
    backup, modes = next(name for name in names if not name.exists()), stat.S_IMODE(place.stat().st_mode)
    do = "Nothing was changed. See that its folder can be written to and has room, then run it again."
    with ParamsError.of_disk("The params file cannot be rewritten.", where=path.name, do=do):
        files.write_all({backup: raw, place: new}, modes=files.Modes(modes, gid=place.stat().st_gid))
    diff = difflib.unified_diff(text.splitlines(), new.splitlines(), backup.name, place.name, lineterm="")
    said = (f"{retired.told(key)}." for _, key in params.retired)
    return [*diff, *said, f"The file as it was: {files.shown(backup)}", f"Next: reviewlib check {params.typed}"]


def _rewritten(text: str, params: Params) -> str | None:
    """Give each key its new name and value, or take it out; None where the text then holds something else as well."""
    new, expected = text, _plain(text)
    for _, key in params.retired:
        section, record = retired.section(expected, key), retired.of(key)
        value = record.value(section.pop(key[-1], None), params.figures.get(key[1]))
        said = f"{record.now}: {value}" if value and record.now not in section else ""
        section |= _plain(said) or {}
        new = _edited(new, key, said)
    return new if _filled(_plain(new)) == _filled(expected) else None


def _edited(text: str, key: Key, new: str) -> str:
    """Write ``new`` for a key and its value; where nothing is written, the section goes with the last that stood there."""
    node, above = compose(text, "", ParamsError), list[Any]()
    for step in key:
        pairs = [pair for pair in node.value if pair[0].value == step] if node else []
        if not pairs:  # it came with a merge, and goes with it
            return text
        above.append((node, *pairs[0]))
        node = pairs[0][1]
    while not new and len(above) > 1 and len(above[-1][0].value) == 1:
        above.pop()
    inside, first, last = above[-1]
    while isinstance(last.value, list) and not last.flow_style:
        last = last.value[-1][1]
    start, end = first.start_mark.index, last.end_mark.index
    before, after = text[:start], text[end:]
    if inside.flow_style and not new:
        rest = re.sub(r"^\s*,[ \t]*", "", after)
        before, after = (before, rest) if rest != after else (re.sub(r",\s*$", "", before), after)
    at = before.rfind("\n") + 1
    lines, line = before[:at], before[at:]
    if not line.strip():
        lines += "".join(f"{line}{comment}\n" for comment in re.findall(r"(?<=\s)#.*", text[start:end]))
        after = after if new else re.sub(r"^[ \t]+(?=#)", "", after)
        line, after = (line, after) if new or after.strip(" \t")[:1] not in ("\r", "\n", "") else ("", after.partition("\n")[2])
    return lines + line + new + after


def _plain(text: str) -> Any:
    written = read_yaml(text, "", ParamsError)
    return written.value if written else None


def _filled(held: Any) -> Any:
    """Leave out sections in which nothing stands."""
    return {key: own for key, value in held.items() if (own := _filled(value)) != {}} if isinstance(held, dict) else held
