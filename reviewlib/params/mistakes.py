"""What pydantic finds wrong, in words that a reader of the params file understands."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from reviewlib.params.crm import ParamsSection
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
_COMPARISONS: Final = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def advise(error: Mapping[str, Any]) -> Advice:
    """Put one entry of ``ValidationError.errors()`` into words."""
    kind, loc, value = error["type"], error["loc"], error["input"]
    many = isinstance(value, (dict, list))
    if value is None and kind not in {"missing", "extra_forbidden"}:
        return Advice("this key has no value", "", "Fill it in, or remove the key.")
    if kind == "value_error":
        return Advice(str(error["ctx"]["error"]), "" if many else _shown(value), "Change one of them.")
    if kind == "string_type" and many:
        return Advice("a single text is expected here", _shown(value), "Write one value.")
    if kind.startswith("string_too") and loc[-1] == "delimiter":
        return Advice("the delimiter is one character", _shown(value), r'Write ",", ";", "|" or "\t".')
    what, do = next((words for ends, words in _WORDS.items() if kind == ends or kind.startswith(f"{ends}_")), _OTHERWISE)
    found = {"missing": "", "extra_forbidden": repr(loc[-1] if loc else "")}.get(kind, _shown(value))
    if kind == "too_short":  # which counts the entries that are right
        found = f"a list of {error['ctx']['actual_length']}"
    return Advice(what, found, do if isinstance(do, str) else do(error))


def _elsewhere(error: Mapping[str, Any]) -> str:
    *section, key = error["loc"]
    known = known_keys(tuple(section))
    if near := nearest(str(key), known):
        return f"Did you mean {near}?"
    home = next((path for path, _ in reference() if path.endswith(f".{key}")), None)
    return f"It belongs elsewhere: {home}." if home else f"The keys here are {', '.join(known)}."


def _meaning(error: Mapping[str, Any]) -> str:
    *section, key = error["loc"]
    model = _model(tuple(section))
    field = model.written().get(str(key)) if model else None
    return f"Add {key}" + (f": {field.description}" if field and field.description else ".")


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


def _bound(error: Mapping[str, Any]) -> str:
    (side, bound), *_ = ((words, error["ctx"][key]) for key, words in _COMPARISONS.items() if key in error["ctx"])
    return f"Write {side} {bound}."


def _entries(error: Mapping[str, Any]) -> str:
    value = error["input"]
    single = isinstance(value, (str, int, float))
    return f"Put it in brackets: [{value}]." if single else "Write one entry a line, each after a dash."


def _more_entries(error: Mapping[str, Any]) -> str:
    fewest = error["ctx"]["min_length"]
    return f"Write at least {'one' if fewest == 1 else fewest}, in brackets."


def _keys_below(error: Mapping[str, Any]) -> str:
    known = ", ".join(known_keys(error["loc"]))
    return f"Indent its keys below it: {known}." if known else "Write `key: value` lines below it."


_DIGITS: Final = "Write plain digits, with a point for decimals."
_OTHERWISE: Final = ("this value cannot be used", _said)
#: What is wrong and what to do, by the type of pydantic's error or how it begins.
_WORDS: Final[Mapping[str, tuple[str, str | Callable[[Mapping[str, Any]], str]]]] = {
    "extra_forbidden": ("this key is not known here", _elsewhere),
    "missing": ("this key is missing", _meaning),
    "string_type": ("this is read as something else than text", "Put it in quotes."),
    "string_too": ("this text has the wrong length", _said),
    "string_pattern_mismatch": ("this is not in the expected form", _shape),
    "literal_error": ("this is none of the possible values", _choice),
    "int": ("a whole number is expected here", _DIGITS),
    "float": ("a number is expected here", _DIGITS),
    "decimal": ("a number is expected here", _DIGITS),
    "finite_number": ("a number is expected here", _DIGITS),
    "greater": ("this number is out of range", _bound),
    "less": ("this number is out of range", _bound),
    "date": ("a date is expected here", "Write year-month-day, as in 2026-03-31."),
    "bool": ("true or false is expected here", "Write true or false."),
    "tuple_type": ("a list is expected here", _entries),
    "dict_type": ("keys with values are expected here", _keys_below),
    "model": ("keys with values are expected here", _keys_below),
    "too_short": ("this list has too few entries", _more_entries),
}


def known_keys(loc: Loc) -> list[str]:
    """List the keys that may stand at a place of the params file, as they are written there."""
    model = _model(loc)
    return list(model.written()) if model else []


def reference(model: type[ParamsSection] = Params, path: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Walk over all keys of a params file, depth first, with their dotted paths.

    ``[]`` stands for an entry of a list, ``KEY`` for a name that the workbook chooses (as in ``kpis.KEY.target``).
    """
    for key, field in model.written().items():
        here = f"{path}{key}"
        yield here, field
        kind: Any = field.annotation
        if get_origin(kind) in {tuple, dict}:
            here += "[]" if get_origin(kind) is tuple else ".KEY"
            kind = _inside(kind)
        if inner := _section(kind):
            yield from reference(inner, f"{here}.")


def _model(loc: Loc) -> type[ParamsSection] | None:
    """Walk from the root to the section at ``loc``; None where no section stands there."""
    kind: Any = Params
    for step in loc:
        model = _section(kind)
        if model is None:
            kind = _inside(kind)
            continue
        field = model.written().get(str(step))
        if field is None:
            return None
        kind = field.annotation
    return _section(kind)


def _section(kind: Any) -> type[ParamsSection] | None:
    options = get_args(kind) if get_origin(kind) in {Union, types.UnionType} else (kind,)
    return next((option for option in options if isinstance(option, type) and issubclass(option, ParamsSection)), None)


def _inside(kind: Any) -> Any:
    """What a list or mapping holds."""
    arguments = [argument for argument in get_args(kind) if argument is not Ellipsis and argument is not types.NoneType]
    return arguments[-1] if arguments else None


def _shown(value: object) -> str:
    text = repr(value)
    if isinstance(value, (dict, list)):
        text = f"{len(value)} keys" if isinstance(value, dict) else f"a list of {len(value)}"
    return text if len(text) <= 60 else f"{text[:57]}..."
