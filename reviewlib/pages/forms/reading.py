"""Between the fields of a form and an entry: what is typed is read, and what is stored is filled in or said in words.

Numbers are read as the workbook writes them, days as ISO dates.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

from reviewlib.conversation.entries import Entry
from reviewlib.conversation.kinds import KINDS
from reviewlib.pages import labels
from reviewlib.pages.forms.fields import PRIVATE, SIDE, WORDS, FieldForm, ProblemsError, Spec, Values

if TYPE_CHECKING:
    from reviewlib.pages.forms.context import FormContext


class UnreadableError(ValueError):
    """What stands in a field cannot be read; the text says what to write."""


def day(text: str) -> dt.date | None:
    """Read a day.

    Raises:
        UnreadableError: It is no day of the calendar.
    """
    if not text.strip():
        return None
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        raise UnreadableError(f"“{text.strip()}” is not a day; write it like 2026-12-31") from None


def number(text: str, *, locale: str) -> float | None:
    """Read a number; with a percent sign as a fraction.

    Raises:
        UnreadableError: It is no number in the workbook's way of writing.
    """
    from babel.numbers import NumberFormatError, parse_decimal

    plain = "".join(text.split()).replace(labels.MINUS, "-")
    if not plain:
        return None
    share = plain.endswith("%")
    try:
        found = float(parse_decimal(plain.rstrip("%"), locale=locale.replace("-", "_"), strict=True))
    except (NumberFormatError, ValueError):
        raise UnreadableError(f"“{text.strip()}” is not a number; write 12.5, 12,500 or 45%") from None
    if not math.isfinite(found):
        raise UnreadableError("write a number")
    return found / 100 if share else found


def number_text(value: float | None, unit: str | None) -> str:
    """Write a number into a field, so that reading it gives the same one: 0.45 of a percentage is 45%."""
    if value is None:
        return ""
    if unit == "percent":
        return f"{value * 100:.10g}%"
    return f"{value:.12g}"


def typed(form: FieldForm, raw: Any, *, locale: str) -> Any:
    """What an entry would hold of what stands in a field; None where a day or a number is empty.

    Raises:
        UnreadableError: It is no day, or no number.
    """
    return day(raw) if form == "day" else number(raw, locale=locale) if form == "number" else raw


def of_entry(context: FormContext, spec: Spec, entry: Entry) -> Values:
    """What the fields hold when an entry is edited."""
    said = entry.payload.model_dump()
    unit = _unit(context, said)
    found = {field.name: _raw(said.get(field.name), unit) for field in spec.fields}
    if found.get("of"):
        found["of"] = context.minutes.roots.get(found["of"], found["of"])
    found |= spec.more(context, entry) if spec.more is not None else {}
    offered = {field.name for field in spec.all_fields}
    common = {SIDE: entry.side, PRIVATE: entry.visibility == "manager_only"}
    return found | {name: value for name, value in common.items() if name in offered}


def of_fields(context: FormContext, spec: Spec, raw: Values) -> Values:
    """The payload that the fields hold; ``raw`` is what stands in them.

    Raises:
        ProblemsError: A field cannot be read, or something is not chosen; by field.
    """
    read: Values = {}
    problems: dict[str, str] = {}
    for field in spec.fields:
        try:
            value = typed(field.form, raw[field.name], locale=context.style.locale)
        except UnreadableError as error:
            problems[field.name] = str(error)
            continue
        read[field.name] = None if value == "" and spec.may_be_none(field.name) else value
    if problems:
        raise ProblemsError(problems)
    said = spec.payload(context, read)
    chosen = [field.name for field in spec.fields if field.form == "choice" and spec.required(field.name)]
    missing = {name: "choose one" for name in chosen if said.get(name) in ("", None)}
    if missing:
        raise ProblemsError(missing)
    return said


def in_words(context: FormContext, entry: Entry) -> list[tuple[str, str]]:
    """Label and text of everything that an entry says, exactly as it was stored."""
    said = entry.payload.model_dump()
    unit = _unit(context, said)
    rows = [(KINDS[entry.kind].model.model_fields[name], name, value) for name, value in said.items()]
    return [(info.title or name, _shown(context, name, value, unit)) for info, name, value in rows if value not in (None, "")]


def _unit(context: FormContext, said: dict[str, Any]) -> str | None:
    kpi = context.review.kpis.get(str(said.get("kpi")))
    return kpi.unit if kpi is not None else None


def _raw(value: Any, unit: str | None) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        return number_text(value, unit)
    return value.isoformat() if isinstance(value, dt.date) else "" if value is None else value


def _shown(context: FormContext, name: str, value: Any, unit: str | None) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, dt.date):
        return labels.day(value)
    if isinstance(value, float):
        return number_text(value, unit)
    if name == "of":
        about = context.minutes.find(value)
        return context.words(about) if about is not None else value
    if name == "kpi" and value in context.review.kpis:
        return context.review.kpis[value].label
    if name in ("owner", "side") and value in ("rep", "manager"):
        return context.rep_name if value == "rep" else context.manager_name
    return WORDS.get(name, {}).get(str(value), str(value))
