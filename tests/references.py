"""What is generated: the reference of params, the table of KPIs, the schema. ``python tests/references.py`` writes all anew.

The tables of ``docs/params.md`` come from the models; what stands before its first heading stays, and so does the example at
the end of a section. The tables of KPIs and facts in ``docs/figures.md`` come from the records. Tests hold both to what is
written here; the schema is no file of the repository, but the one that editors look at in an installed checkout.
"""

from __future__ import annotations

import datetime as dt
import re
import textwrap
import types
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from reviewlib.params import sql
from reviewlib.params.crm import ParamsSection, keys_of
from reviewlib.params.kpis import KPIS, MAIN
from reviewlib.params.mistakes import reference
from reviewlib.params.model import Params
from reviewlib.params.reading import schema_text

ROOT = Path(__file__).parents[1]
FILE, FIGURES, SCHEMA = ROOT / "docs" / "params.md", ROOT / "docs" / "figures.md", ROOT / "reviewlib" / "params.schema.json"
#: How a verdict comes about, in the words of the table.
_JUDGED_BY = {
    "binomial": "binomial", "poisson": "Poisson", "purchases": "purchases (gamma)", "sizes": "mean of deals (gamma)",
    "median": "sign test", "total": "Student's t", None: "not judged",
}  # fmt: skip


def renewed(text: str) -> str:
    """Write the whole reference anew, with the introduction and the examples that it has."""
    introduction, *sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    examples = {
        section.split("\n", 1)[0]: re.search(r"^```yaml\n.*?^```\n", section, re.MULTILINE | re.DOTALL) for section in sections
    }
    parts = [introduction + "## The file\n", _table(Params)]
    for model, (first, *others) in places().items():
        title = f"## `{first}`"
        same = f" The same under {', '.join(f'`{path}`' for path in others)}." if others else ""
        parts += [f"{title}\n", f"{(model.__doc__ or '').strip()}{same}\n"]
        if first == "kpis.KEY":
            parts.append(f"`KEY` is a built-in KPI ({', '.join(f'`{key}`' for key in MAIN)}) or a key of your own.\n")
        parts.append(_table(model))
        if example := examples.get(title):
            parts.append(f"{example[0]}")
    return "\n".join(parts)


def places() -> dict[type[ParamsSection], tuple[str, ...]]:
    """List the sections of a params file with the paths at which each may stand, in the order of the file."""
    found: dict[type[ParamsSection], tuple[str, ...]] = {}
    for path, field in reference():
        here, kind = path, field.annotation
        while arguments := [argument for argument in get_args(kind) if argument not in (Ellipsis, types.NoneType)]:
            here += {tuple: "[]", dict: ".KEY"}.get(get_origin(kind), "")
            kind = arguments[-1] if get_origin(kind) is dict else arguments[0]
        if isinstance(kind, type) and issubclass(kind, ParamsSection):
            found[kind] = (*found.get(kind, ()), here)
    return found


def _table(model: type[ParamsSection]) -> str:
    rows = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for key, field in keys_of(model).items():
        cells = (f"`{key}`", _kind(field.annotation) + _range(field), _default(field), field.description or "")
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "*needed*"
    value = field.default
    if value is None or value in ((), {}):
        return ""
    if isinstance(value, ParamsSection):
        return "see below"
    if isinstance(value, tuple):
        return "all rules but target_met" if isinstance(value[0], ParamsSection) else ", ".join(f"`{entry}`" for entry in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _range(field: FieldInfo) -> str:
    bounds = {key: getattr(item, key) for item in field.metadata for key in ("ge", "gt", "le", "lt") if hasattr(item, key)}
    if "ge" in bounds and "le" in bounds:
        return f", {bounds['ge']} to {bounds['le']}"
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    return "".join(f", {words[key]} {bound}" for key, bound in bounds.items())


def _kind(kind: Any) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _kind(arguments[0])
    if origin in {Union, types.UnionType}:
        return _kind(next(argument for argument in arguments if argument is not types.NoneType))
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if origin is tuple:
        return f"list of {_plural(arguments[0])}"
    if origin is dict:
        return f"name to {_kind(arguments[1])}"
    words = {str: "text", int: "whole number", float: "number", Decimal: "number", bool: "`true`, `false`", dt.date: "date"}
    return words.get(kind, "keys")


def _plural(kind: Any) -> str:
    one = _kind(kind)
    return {"text": "texts", "keys": "entries"}.get(one, one)


def with_kpis(text: str) -> str:
    """Write the table of KPIs anew, in the order of pages, and what may stand in SQL; the page around them stays."""
    kpis = [
        f"| {kpi.label} | `{key}` | {kpi.definition} | {_JUDGED_BY[kpi.judged_by]} |\n"
        for key, kpi in KPIS.items()
        if kpi.of is None
    ]
    facts = [f"| {grain} | `{name}` | {one.meaning} |\n" for grain, known in sql.FACTS.items() for name, one in known.items()]
    functions = textwrap.fill(f"- Functions: {', '.join(f'`{name}`' for name in sql.FUNCTIONS)}.", 130, subsequent_indent="  ")
    generated = {
        r"(?<=^\|---\|---\|---\|---\|\n)(\|.*\n)+": "".join(kpis),
        r"(?<=^\| facts \| column \| what it holds \|\n\|---\|---\|---\|\n)(\|.*\n)*": "".join(facts),
        r"^- Functions:.*\n(?:  .*\n)*": f"{functions}\n",
    }
    for place, written in generated.items():
        text = re.sub(place, lambda _, written=written: written, text, count=1, flags=re.MULTILINE)
    return text


if __name__ == "__main__":
    for file, text in (
        (FILE, renewed(FILE.read_text(encoding="utf-8"))),
        (FIGURES, with_kpis(FIGURES.read_text(encoding="utf-8"))),
        (SCHEMA, schema_text()),
    ):
        file.write_text(text, encoding="utf-8", newline="\n")
