"""Between an entry and a form: its payload as the fields hold it, and in words as the journal returned it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from reviewlib.conversation.entries import Entry
from reviewlib.conversation.kinds import KINDS
from reviewlib.pages import labels
from reviewlib.pages.forms.fields import WORDS, Values
from reviewlib.pages.forms.reading import UnreadableError, number_text
from reviewlib.pages.forms.spec import PRIVATE, SIDE, ProblemsError, Spec

if TYPE_CHECKING:
    from reviewlib.pages.forms.context import FormContext
    from reviewlib.pages.forms.controls import Control


def of_entry(desk: FormContext, spec: Spec, entry: Entry) -> Values:
    """What the fields hold when an entry is edited."""
    said = entry.payload.model_dump()
    unit = _unit(desk, said)
    found = {field.name: _raw(said.get(field.name), unit) for field in spec.fields}
    if found.get("of"):
        found["of"] = desk.minutes.roots.get(found["of"], found["of"])
    found |= spec.more(desk, entry) if spec.more is not None else {}
    offered = {field.name for field in spec.all_fields}
    common = {SIDE: entry.side, PRIVATE: entry.visibility == "manager_only"}
    return found | {name: value for name, value in common.items() if name in offered}


def of_fields(desk: FormContext, spec: Spec, controls: Mapping[str, Control]) -> Values:
    """The payload that the fields hold.

    Raises:
        ProblemsError: A field cannot be read, or something is not chosen; by field.
    """
    read: Values = {}
    problems: dict[str, str] = {}
    for field in spec.fields:
        try:
            value = controls[field.name].read(locale=desk.style.locale)
        except UnreadableError as error:
            problems[field.name] = str(error)
            continue
        read[field.name] = None if value == "" and spec.may_be_none(field.name) else value
    if problems:
        raise ProblemsError(problems)
    said = spec.payload(desk, read)
    chosen = [field.name for field in spec.fields if field.form == "choice" and spec.required(field.name)]
    missing = {name: "choose one" for name in chosen if said.get(name) in ("", None)}
    if missing:
        raise ProblemsError(missing)
    return said


def in_words(desk: FormContext, entry: Entry) -> list[tuple[str, str]]:
    """Label and text of everything that an entry says, exactly as it was stored."""
    said = entry.payload.model_dump()
    unit = _unit(desk, said)
    rows = [(KINDS[entry.kind].model.model_fields[name], name, value) for name, value in said.items()]
    return [(info.title or name, _shown(desk, name, value, unit)) for info, name, value in rows if value not in (None, "")]


def _unit(desk: FormContext, said: dict[str, Any]) -> str | None:
    kpi = desk.review.kpis.get(str(said.get("kpi")))
    return kpi.unit if kpi is not None else None


def _raw(value: Any, unit: str | None) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        return number_text(value, unit)
    return value.isoformat() if isinstance(value, dt.date) else "" if value is None else value


def _shown(desk: FormContext, name: str, value: Any, unit: str | None) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, dt.date):
        return labels.day(value)
    if isinstance(value, float):
        return number_text(value, unit)
    if name == "of":
        about = desk.minutes.find(value)
        return desk.words(about) if about is not None else value
    if name == "kpi" and value in desk.review.kpis:
        return desk.review.kpis[value].label
    if name in ("owner", "side") and value in ("rep", "manager"):
        return desk.rep_name if value == "rep" else desk.manager_name
    return WORDS.get(name, {}).get(str(value), str(value))
