"""What pydantic finds wrong, in words that a reader of the params file understands."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Final, Union, get_args, get_origin

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
    if value is None and kind not in {"missing", "extra_forbidden"}:
        return Advice("this key has no value", "", "Fill it in, or remove the key.")
    for ends, words in _WORDS.items():
        if kind == ends or kind.startswith(f"{ends}_"):
            return words(error, loc, value)
    return _otherwise(error, loc, value)


def _unknown(_error: Mapping[str, Any], loc: Loc, _value: object) -> Advice:
    known = list(known_keys(loc[:-1]))
    near = nearest(str(loc[-1]), known)
    home = next((path for path, _ in reference() if path.endswith(f".{loc[-1]}")), None)
    if near:
        do = f"Did you mean {near}?"
    else:
        do = f"It belongs elsewhere: {home}." if home else f"The keys here are {', '.join(known)}."
    return Advice("this key is not known here", repr(loc[-1]), do)


def _missing(_error: Mapping[str, Any], loc: Loc, _value: object) -> Advice:
    field = _field(loc)
    meaning = f": {field.description}" if field and field.description else "."
    return Advice("this key is missing", "", f"Add {loc[-1]}{meaning}")


def _text(_error: Mapping[str, Any], _loc: Loc, value: object) -> Advice:
    if isinstance(value, (dict, list)):
        return Advice("a single text is expected here", _shown(value), "Write one value.")
    return Advice("this is read as something else than text", _shown(value), "Put it in quotes.")


def _empty(error: Mapping[str, Any], loc: Loc, value: object) -> Advice:
    if loc[-1] == "delimiter":
        return Advice("the delimiter is one character", _shown(value), r'Write ",", ";", "|" or "\t".')
    return Advice("this text has the wrong length", _shown(value), _sentence(error["msg"]))


def _shape(error: Mapping[str, Any], loc: Loc, value: object) -> Advice:
    return Advice("this is not in the expected form", _shown(value), _SHAPES.get(str(loc[-1]), _sentence(error["msg"])))


def _choice(_error: Mapping[str, Any], loc: Loc, value: object) -> Advice:
    choices = _choices(loc)
    near = nearest(str(value), choices, cutoff=0.7)
    listed = f"Write one of {', '.join(choice if choice.isidentifier() else repr(choice) for choice in choices)}."
    return Advice("this is none of the possible values", _shown(value), f"Did you mean {near}? {listed}" if near else listed)


def _number(error: Mapping[str, Any], _loc: Loc, value: object) -> Advice:
    whole = "whole " if error["type"].startswith("int") else ""
    return Advice(f"a {whole}number is expected here", _shown(value), "Write plain digits, with a point for decimals.")


def _bound(error: Mapping[str, Any], _loc: Loc, value: object) -> Advice:
    (side, bound), *_ = ((words, error["ctx"][key]) for key, words in _COMPARISONS.items() if key in error["ctx"])
    return Advice("this number is out of range", _shown(value), f"Write {side} {bound}.")


def _date(_error: Mapping[str, Any], _loc: Loc, value: object) -> Advice:
    return Advice("a date is expected here", _shown(value), "Write year-month-day, as in 2026-03-31.")


def _flag(_error: Mapping[str, Any], _loc: Loc, value: object) -> Advice:
    return Advice("true or false is expected here", _shown(value), "Write true or false.")


def _list(_error: Mapping[str, Any], _loc: Loc, value: object) -> Advice:
    single = isinstance(value, (str, int, float))
    do = f"Put it in brackets: [{value}]." if single else "Write one entry a line, each after a dash."
    return Advice("a list is expected here", _shown(value), do)


def _mapping(_error: Mapping[str, Any], loc: Loc, value: object) -> Advice:
    known = ", ".join(known_keys(loc))
    do = f"Indent its keys below it: {known}." if known else "Write `key: value` lines below it."
    return Advice("keys with values are expected here", _shown(value), do)


def _few(_error: Mapping[str, Any], _loc: Loc, _value: object) -> Advice:
    return Advice("this list needs an entry", "[]", "Write at least one, in brackets.")


def _own(error: Mapping[str, Any], _loc: Loc, value: object) -> Advice:
    found = "" if isinstance(value, (dict, list)) else _shown(value)
    return Advice(str(error["ctx"]["error"]), found, "Change one of them.")


def _otherwise(error: Mapping[str, Any], _loc: Loc, value: object) -> Advice:
    return Advice("this value cannot be used", _shown(value), _sentence(error["msg"]))


_WORDS: Final[Mapping[str, Callable[[Mapping[str, Any], Loc, object], Advice]]] = {
    "extra_forbidden": _unknown,
    "missing": _missing,
    "string_type": _text,
    "string_too": _empty,
    "string_pattern_mismatch": _shape,
    "literal_error": _choice,
    "int": _number,
    "float": _number,
    "decimal": _number,
    "finite_number": _number,
    "greater": _bound,
    "less": _bound,
    "date": _date,
    "bool": _flag,
    "tuple_type": _list,
    "dict_type": _mapping,
    "model": _mapping,
    "too_short": _few,
    "value_error": _own,
}


def known_keys(loc: Loc) -> Iterator[str]:
    """List the keys that may stand at a place of the params file, as they are written there."""
    model = _model(loc)
    for name, field in model.model_fields.items() if model else ():
        yield field.alias or name


def reference() -> Iterator[tuple[str, FieldInfo]]:
    """Walk over all keys of a params file, depth first, with their dotted paths.

    ``[]`` stands for an entry of a list, ``KEY`` for a name that the workbook chooses (as in ``kpis.KEY.target``).
    """
    yield from _walk(Params, "")


def places() -> dict[type[ParamsSection], tuple[str, ...]]:
    """List the sections of a params file with the paths at which each may stand, in the order of the file."""
    found: dict[type[ParamsSection], tuple[str, ...]] = {}
    for path, field in reference():
        here, kind = _entry(path, field.annotation)
        if inner := _section(kind):
            found[inner] = (*found.get(inner, ()), here)
    return found


def _entry(path: str, kind: Any) -> tuple[str, Any]:
    """The path of what a key holds: its value, or an entry of its list or mapping."""
    if get_origin(kind) in {tuple, dict}:
        return f"{path}{'[]' if get_origin(kind) is tuple else '.KEY'}", _inside(kind)
    return path, kind


def _walk(model: type[ParamsSection], path: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        here = f"{path}{field.alias or name}"
        yield here, field
        entry, kind = _entry(here, field.annotation)
        if inner := _section(kind):
            yield from _walk(inner, f"{entry}.")


def _field(loc: Loc) -> FieldInfo | None:
    model = _model(loc[:-1])
    fields = {field.alias or name: field for name, field in model.model_fields.items()} if model else {}
    return fields.get(str(loc[-1]))


def _model(loc: Loc) -> type[ParamsSection] | None:
    """Walk from the root to the section at ``loc``; None where no section stands there."""
    kind: Any = Params
    for step in loc:
        model = _section(kind)
        if model is None:
            kind = _inside(kind)
            continue
        field = {field.alias or name: field for name, field in model.model_fields.items()}.get(str(step))
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


def _choices(loc: Loc) -> list[str]:
    field = _field(loc) or _field(loc[:-1]) if loc else None
    return [str(choice) for choice in _literals(field.annotation)] if field else []


def _literals(kind: Any) -> Iterator[object]:
    for argument in get_args(kind):
        if isinstance(argument, str):
            yield argument
        elif get_origin(kind) is not Annotated or argument:
            yield from _literals(argument)


def _shown(value: object) -> str:
    text = (
        f"{len(value)} keys"
        if isinstance(value, dict)
        else f"a list of {len(value)}"
        if isinstance(value, list)
        else repr(value)
    )
    return text if len(text) <= 60 else f"{text[:57]}..."


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:].rstrip('.')}."
