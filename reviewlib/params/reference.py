"""The reference of every params key, written from the models: ``docs/params.md``.

A test holds the file equal to ``markdown()``; ``python -m reviewlib.params.reference > docs/params.md`` writes it anew.
"""

from __future__ import annotations

import datetime as dt
import types
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from reviewlib.params.crm import ParamsSection
from reviewlib.params.mistakes import places
from reviewlib.params.model import Params
from reviewlib.params.rules import BUILT_IN_KPIS

_INTRODUCTION: Final = """\
# The params file

One YAML file describes one workbook: where the CRM's figures come from, what the company calls things, and what it aims at.
`reviewlib init EXPORT` writes a first one from an export and marks what it guessed; `reviewlib check PARAMS` says what is wrong
with it, by line and key. An editor with YAML support completes the keys by the schema that the first line names.

This is a whole params file:

```yaml
# yaml-language-server: $schema=.reviewlib.schema.json
name: acme
currency: EUR
crm:
  deals:
    file: acme/deals.csv
    columns:
      deal_id: Opportunity ID
      rep_id: Opportunity Owner
      stage: Stage
      amount: Amount
      opened_on: Created Date
      closed_on: Close Date
    stages:
      won: [Closed Won]
      lost: [Closed Lost, No decision]
      open: [Qualification, Proposal, Negotiation]
```

Good to know:

- Paths are relative to the params file. Reports go to `reports/<name>/` beside the folder `params/`.
- The left side of `columns` is ours, the right side is what the export calls it. A column that is not mapped is not used; the
  KPIs that need it then say so on the page.
- Texts that look like something else want quotes: `"00123"`, `"2026"`, `"true"`. Dates are written year-month-day.
- A key that is not known, or that stands twice, is refused with its line and the nearest known key.
- A percentage is a fraction: 0.4 is 40 %.
- More than 1 MB, 50 levels or 1,000,000 values, each alias (`*`) counted as what it names, is no params file and is refused.
- A CSV export may be of any size, a field of it up to 131,072 characters. A table has at most 16,384 columns, a sheet of an
  Excel file at most 20,000,000 cells from its first to its last one, and the file 2 GB when it is unpacked.

In the tables below, *needed* says that the key has no default.
"""

#: One snippet per section: added to the file above, it loads.
_EXAMPLES: Final = {
    "fiscal_year": "fiscal_year: {starts: 4, named_by: start}   # FY2026 is April 2026 to March 2027",
    "cadence": "cadence: {rep: quarter, team: half}",
    "crm.deals.format": """\
crm:
  deals:
    format: {delimiter: ";", encoding: cp1252, decimal: ",", dates: dmy}""",
    "crm.deals.exclude[]": """\
crm:
  deals:
    exclude:
      - {column: Opportunity Owner, equals: [Integration User, Test], reason: deals of test users}""",
    "crm.reps": """\
crm:
  reps:
    file: acme/reps.csv
    columns: {rep_id: Owner, rep_name: Full Name, team: Team, manager: Manager, from: Valid From, to: Valid To}""",
    "crm.targets": """\
crm:
  targets: {file: acme/targets.csv, columns: {ramp: ramp}}   # with columns scope, scope_id, kpi, period, value""",
    "crm.measures": """\
crm:
  measures: {file: acme/calls.csv}   # with columns rep_id, kpi, period, value""",
    "crm.products": """\
crm:
  products: {file: acme/prices.csv, columns: {product: Name, list_price: List Price}}
  aliases:
    product: {GTXPro: GTX Pro}""",
    "crm.quarantine": """\
crm:
  quarantine: {rows: 0.02, amount: 0.005}""",
    "kpis.KEY": """\
kpis:
  win_rate: {target: 0.4, objective: Sell to the right customers, weight: 2}
  retention_rate: {window_months: 12}
  conversion_rate: {off: true}
  calls:                       # a measure of your own, from crm.measures
    label: Calls
    definition: calls logged in the period
    unit: count
    better: higher
    combine: sum
    benchmark: 400             # usual for one rep; a sum's target stands in the targets table""",
    "kpis.KEY.bands": """\
kpis:
  revenue: {bands: {strength: 1.1, on_track: 1.0, watch: 0.85}}
  pipeline_growth: {bands: {strength: 0.05, on_track: -0.05, watch: -0.15}}   # points from the target""",
    "peers": "peers: {group: role, median_from: 6}",
    "people": """\
people:
  roles: {ann: manager, bo: rep}
  logins: {ann: Daniel Brandt, bo: R-014}
  addresses: {ann: ann@acme.example}
  acting_as: ann""",
    "playbook[]": """\
playbook:
  - kpi: win_rate
    when: [gap]
    action: Go through the lost deals of the period together; {win_rate} against {win_rate.target}.
    who: manager
    skill: qualification
    offer: Role-play on discovery calls""",
    "recognition[]": """\
recognition:
  - {rule: target_exceeded, kpi: revenue, at_least: 1.1}
  - {rule: streak, kpi: win_rate, at_least: 4}
  - {rule: personal_best, kpi: revenue}""",
    "rating": "rating: {scale: [Not yet, Good, Excellent]}",
    "theme": 'theme: {accent: "#7a1f5c", accent_dark: "#e6a5cf"}',
}


def markdown() -> str:
    """Write the whole reference."""
    parts = [_INTRODUCTION, "## The file\n", _table(Params)]
    for model, paths in places().items():
        parts += list(_section(model, paths))
    return "\n".join(parts)


def _section(model: type[ParamsSection], paths: tuple[str, ...]) -> Iterator[str]:
    first, *others = paths
    yield f"## `{first}`\n"
    same = f" The same under {', '.join(f'`{path}`' for path in others)}." if others else ""
    yield f"{(model.__doc__ or '').strip()}{same}\n"
    if first == "kpis.KEY":
        yield f"`KEY` is a built-in KPI ({', '.join(f'`{key}`' for key in BUILT_IN_KPIS)}) or the key of a measure.\n"
    yield _table(model)
    if first in _EXAMPLES:
        yield f"```yaml\n{_EXAMPLES[first]}\n```\n"


def _table(model: type[ParamsSection]) -> str:
    rows = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        cells = (f"`{field.alias or name}`", _value(field), _default(field), field.description or "")
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


def _value(field: FieldInfo) -> str:
    return _kind(field.annotation) + _range(field)


def _range(field: FieldInfo) -> str:
    bounds = {key: getattr(item, key) for item in field.metadata for key in ("ge", "gt", "le") if hasattr(item, key)}
    if "ge" in bounds and "le" in bounds:
        return f", {bounds['ge']} to {bounds['le']}"
    words = {"ge": "at least", "gt": "more than", "le": "at most"}
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


if __name__ == "__main__":
    import sys

    sys.stdout.write(markdown())
