"""What was typed into fields: checked against a kind's model, and what is wrong said field by field."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, get_args

from pydantic import ValidationError

from reviewlib.conversation.answers import senders
from reviewlib.conversation.kinds import Kind, Payload, Rating, Visibility
from reviewlib.errors import JournalError

#: Longest id of an entry, in characters.
LONGEST_ID: Final = 300
#: What pydantic's mistakes are called; of the others only what the models say themselves is shown.
_WORDS: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "extra_forbidden": "is no field of this kind",
    "string_type": "is not text",
    "string_too_long": "is too long: at most {max_length} characters",
    "too_long": "is too long: at most {max_length} characters",
    "string_too_short": "is empty",
    "too_short": "is empty",
    "string_unicode": "holds characters that cannot be stored",
    "literal_error": "is not one of {expected}",
    "bool_type": "is neither yes nor no",
    "bool_parsing": "is neither yes nor no",
    "float_type": "is not a number",
    "float_parsing": "is not a number",
    "finite_number": "is not a number",
    "int_type": "is not a whole number",
    "int_parsing": "is not a whole number",
    "int_from_float": "is not a whole number",
    "int_parsing_size": "is too large a number",
    "date_type": "is not a date; write it as 2026-12-31",
    "date_parsing": "is not a date; write it as 2026-12-31",
    "date_from_datetime_parsing": "is not a date; write it as 2026-12-31",
    "date_from_datetime_inexact": "is not a date; write it as 2026-12-31",
    "greater_than_equal": "must be at least {ge}",
}


def validated(kind: Kind, fields: Mapping[str, Any], *, where: str) -> Payload:
    """Turn fields into what an entry says.

    Raises:
        JournalError: Something is wrong; ``problems`` says of each field what, under "" what concerns the whole.
    """
    # A yes is the number 1 to the library.
    wrong = {name: "is not a number" for name, value in fields.items() if isinstance(value, bool) and _is_number(kind, name)}
    if wrong:
        raise refused(kind, wrong, where=where)
    try:
        return kind.model.model_validate(dict(fields))
    except ValidationError as error:
        raise refused(kind, _problems(error), where=where) from None


def _is_number(kind: Kind, name: str) -> bool:
    field = kind.model.model_fields.get(name)
    return field is not None and field.annotation in (int, float, float | None)


def check_columns(entry_id: object, supersedes: object, visibility: object, *, where: str) -> None:
    """Let only texts that can be ids stand where an id does, and only what is known say who may read.

    Raises:
        JournalError: It is something else.
    """
    for name, value in (("id", entry_id), ("supersedes", supersedes)):
        if not (value is None and name == "supersedes") and not (isinstance(value, str) and len(value) <= LONGEST_ID):
            found = f"{len(value)} characters" if isinstance(value, str) else type(value).__name__
            do = f"Give the id of an entry: a text of at most {LONGEST_ID} characters."
            raise JournalError(f"This is no id of an entry: {name}.", where=where, found=found, do=do)
    if visibility not in get_args(Visibility):
        known = " or ".join(get_args(Visibility))
        raise JournalError("Who may read this is not said.", where=where, found=repr(visibility)[:80], do=f"Write {known}.")


def check_figure(kind: Kind, key: str, known: Collection[str], *, where: str) -> None:
    """Hold the key of a figure against those that the review has; where none are known every key passes.

    Raises:
        JournalError: The review has no such figure.
    """
    if known and key not in known:
        near = get_close_matches(key, known) or sorted(known)[:5]
        raise refused(kind, {"kpi": f"is no figure of this review; such are {', '.join(near)}"}, where=where)


def check_scale(payload: Payload, scale: Sequence[str], *, where: str) -> None:
    """Hold a rating against the scale of params.

    Raises:
        JournalError: It is not on the scale, or the word is another one's.
    """
    if not isinstance(payload, Rating):
        return
    problems: dict[str, str] = {}
    if payload.value > len(scale):
        problems["value"] = f"is not on the scale, 1 to {len(scale)}"
    elif payload.label != scale[payload.value - 1]:
        problems["label"] = f"is not the word of the scale for {payload.value}: {scale[payload.value - 1]}"
    if payload.out_of != len(scale):
        problems["out_of"] = f"the scale has {len(scale)} places"
    if problems:
        raise _error("Rating", {name: (Rating.model_fields[name].title or name) for name in problems}, problems, where)


def check_source(source: str | None, *, where: str) -> None:
    """Let only the sha256 of a file, and what was found about its sender, stand as the source of an entry.

    Raises:
        JournalError: It is something else.
    """
    if source is not None and not senders.SOURCE.fullmatch(source):
        raise JournalError(
            "The source of an entry is the sha256 of the file that it was read from.",
            where=where,
            found=f"{len(source)} characters that are none",
            do="Import the file with reviewlib import-response, or leave source out.",
        )


def refused(kind: Kind, problems: Mapping[str, str], *, where: str) -> JournalError:
    """Make the error that names each field and what is wrong with it."""
    titles = {name: field.title or name for name, field in kind.model.model_fields.items()}
    return _error(kind.label, titles, problems, where)


def _error(label: str, titles: Mapping[str, str], problems: Mapping[str, str], where: str) -> JournalError:
    found = "; ".join(f"{titles.get(name, name)}: {reason}" if name else reason for name, reason in problems.items())
    error = JournalError(f"{label}: this cannot be stored yet.", where=where, found=found, do="Correct it and save again.")
    error.problems = dict(problems)
    return error


def _problems(error: ValidationError) -> dict[str, str]:
    found: dict[str, str] = {}
    for mistake in error.errors(include_url=False, include_input=False):
        name = str(mistake["loc"][0]) if mistake["loc"] else ""
        found.setdefault(name, _reason(mistake["type"], mistake["msg"], mistake.get("ctx", {})))
    return found


def _reason(kind: str, message: str, context: Mapping[str, Any]) -> str:
    if kind in _WORDS:
        return _WORDS[kind].format_map(context)
    if kind != "value_error":
        return "cannot be read"
    plain = message.removeprefix("Value error, ")
    return plain[:1].lower() + plain[1:]
