"""What pydantic finds wrong, in words that people understand: of params, of goals, of what is typed into a form."""

import re
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from reviewlib.params.crm import keys_of
from reviewlib.params.model import Params
from reviewlib.params.rules import Advice, nearest

Loc = tuple[int | str, ...]

#: What a value must look like, by key: the words behind the patterns of the models.
_SHAPES: Final = {
    "name": "Use small letters, digits, - and _, at most 41, beginning with a letter or digit, as in acme-emea.",
    "currency": "Write the ISO code in three capital letters, as in EUR.",
    "accent": 'Write a colour in quotes, as in "#174f96".',
    "accent_dark": 'Write a colour in quotes, as in "#8fb9f2".',
}
#: What is said of a key that must stand there.
MISSING: Final = "this key is missing"


def advise(error: Mapping[str, Any], root: type[BaseModel] = Params) -> Advice:
    """Put one entry of ``ValidationError.errors()`` about a file into words; ``root`` is the model of the file."""
    kind, loc, value = error["type"], error["loc"], error["input"]
    many = isinstance(value, (dict, list))
    if value is None and kind not in {"missing", "extra_forbidden"}:
        return Advice("this key has no value", "", "Fill it in, or remove the key.")
    if kind == "value_error":
        return Advice(f"this {error['ctx']['error']}", _shown(value), "Change that.")
    if kind == "string_type" and many:
        return Advice("a single text is expected here", _shown(value), "Write one value.")
    if kind.startswith("string_too") and loc[-1] == "delimiter":
        return Advice("the delimiter is one character", _shown(value), r'Write ",", ";", "|" or "\t".')
    if kind == "missing":
        model = _model(loc[:-1], root)
        meaning = keys_of(model)[str(loc[-1])].description if model else None
        return Advice(MISSING, "", f"Add {loc[-1]}" + (f": {meaning}" if meaning else "."))
    if kind == "extra_forbidden":
        return Advice("this key is not known here", repr(loc[-1]), _elsewhere(loc, root))
    what, do = _words(error)
    counted = many and kind == "too_short"  # which counts the entries that are right
    found = f"a list of {error['ctx']['actual_length']}" if counted else _shown(value)
    return Advice(f"this {what}", found, do)


def reason(error: Mapping[str, Any]) -> str:
    """Put one entry of ``ValidationError.errors()`` about a field of a form into words that follow the field's name."""
    if error["type"] == "value_error":
        said = str(error["ctx"]["error"])
        return said[:1].lower() + said[1:]
    if plain := {"missing": "is missing", "extra_forbidden": "is no field of this kind"}.get(error["type"]):
        return plain
    what, do = _words(error)
    return f"{what}; {do[0].lower()}{do[1:].rstrip('.')}"


def _words(error: Mapping[str, Any]) -> tuple[str, str]:
    """What is wrong with a value, as words that follow its name, and what to do."""
    kind = "string_too_short" if error["type"] == "too_short" and isinstance(error["input"], str) else error["type"]
    what, do = next((words for ends, words in _WORDS.items() if kind == ends or kind.startswith(f"{ends}_")), _OTHERWISE)
    return what, do.format_map(error.get("ctx", {})) if isinstance(do, str) else do(error)


def _elsewhere(loc: Loc, root: type[BaseModel]) -> str:
    known = known_keys(loc[:-1], root)
    if near := nearest(str(loc[-1]), known):
        return f"Did you mean {near}?"
    homes = [path for path, _ in reference(root) if path.endswith(f".{loc[-1]}")]
    home = min(homes, key=lambda path: path.count("."), default=None)
    return f"It belongs elsewhere: {home}." if home else f"The keys here are {', '.join(known)}."


def _said(error: Mapping[str, Any]) -> str:
    text: str = error["msg"]
    return f"{text[0].upper()}{text[1:].rstrip('.')}."


def _shape(error: Mapping[str, Any]) -> str:
    return _SHAPES.get(str(error["loc"][-1]), _said(error))


def _choice(error: Mapping[str, Any]) -> str:
    choices = re.findall("'(.+?)'", error["ctx"]["expected"])
    near = nearest(str(error["input"]), choices, cutoff=0.7)
    listed = f"Write one of {', '.join(choice if choice.isidentifier() else repr(choice) for choice in choices)}."
    return f"Did you mean {near}? {listed}" if near else listed


def _entries(error: Mapping[str, Any]) -> str:
    value = error["input"]
    single = isinstance(value, (str, int, float))
    return f"Put it in brackets: [{value}]." if single else "Write one entry a line, each after a dash."


def _keys_below(error: Mapping[str, Any]) -> str:
    known = ", ".join(known_keys(error["loc"]))
    return f"Indent its keys below it: {known}." if known else "Write `key: value` lines below it."


_DIGITS: Final = "Write plain digits, with a point for decimals."
_OTHERWISE: Final = ("cannot be used", _said)
#: What is wrong, as words that follow the name, and what to do, by the type of pydantic's error or how it begins.
_WORDS: Final[Mapping[str, tuple[str, str | Callable[[Mapping[str, Any]], str]]]] = {
    "invalid_key": ("key is not text", "Put it in quotes."),
    "string_type": ("is not text", "Put it in quotes."),
    "string_too_short": ("is empty", "Fill it in."),
    "string_too_long": ("is too long", "Write at most {max_length} characters."),
    "string_unicode": ("holds characters that cannot be stored", "Take them out."),
    "string_pattern_mismatch": ("is not in the expected form", _shape),
    "literal_error": ("is none of the possible values", _choice),
    "int_parsing_size": ("is too large a number", "Write a smaller one."),
    "int": ("is not a whole number", _DIGITS),
    "float": ("is not a number", _DIGITS),
    "decimal": ("is not a number", _DIGITS),
    "finite_number": ("is not a number", _DIGITS),
    "greater_than_equal": ("is out of range", "Write at least {ge}."),
    "greater_than": ("is out of range", "Write more than {gt}."),
    "less_than_equal": ("is out of range", "Write at most {le}."),
    "less_than": ("is out of range", "Write less than {lt}."),
    "date": ("is not a date", "Write year-month-day, as in 2026-12-31."),
    "bool": ("is neither true nor false", "Write true or false."),
    "tuple_type": ("is not a list", _entries),
    "dict_type": ("needs keys with values", _keys_below),
    "model": ("needs keys with values", _keys_below),
    "too_long": ("is too long", "Write at most {max_length} characters."),
    "too_short": ("list has too few entries", "Write at least {min_length}, in brackets."),
}


def known_keys(loc: Loc, root: type[BaseModel] = Params) -> list[str]:
    """List the keys that may stand at a place of a file, as they are written there."""
    model = _model(loc, root)
    return list(keys_of(model)) if model else []


def reference(model: type[BaseModel] = Params, path: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Walk over all keys of a params file, depth first, with their dotted paths.

    ``[]`` stands for an entry of a list, ``KEY`` for a name that the workbook chooses (as in ``kpis.KEY.target``).
    """
    for key, field in keys_of(model).items():
        here = f"{path}{key}"
        yield here, field
        kind: Any = field.annotation
        if get_origin(kind) in {tuple, dict}:
            here += "[]" if get_origin(kind) is tuple else ".KEY"
            kind = _inside(kind)
        if inner := _section(kind):
            yield from reference(inner, f"{here}.")


def _model(loc: Loc, root: type[BaseModel]) -> type[BaseModel] | None:
    """Walk from the root to the section at ``loc``; None where no section stands there."""
    kind: Any = root
    for step in loc:
        model = _section(kind)
        if model is None:
            kind = _inside(kind)
            continue
        field = keys_of(model).get(str(step))
        if field is None:
            return None
        kind = field.annotation
    return _section(kind)


def _section(kind: Any) -> type[BaseModel] | None:
    options = get_args(kind) if get_origin(kind) in {Union, types.UnionType} else (kind,)
    return next((option for option in options if isinstance(option, type) and issubclass(option, BaseModel)), None)


def _inside(kind: Any) -> Any:
    """What a list or mapping holds."""
    arguments = [argument for argument in get_args(kind) if argument is not Ellipsis and argument is not types.NoneType]
    return arguments[-1] if arguments else None


def _shown(value: object) -> str:
    text = repr(value)
    before, mark, url = text.partition("://")
    if mark and "@" in url:  # a login may stand before the @, wherever somebody put the URL
        text = f"{before}://...@{url.rpartition('@')[2]}"
    if isinstance(value, (dict, list)):
        text = f"{len(value)} keys" if isinstance(value, dict) else f"a list of {len(value)}"
    return text if len(text) <= 60 else f"{text[:57]}..."
