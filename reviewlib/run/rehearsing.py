"""Before anybody is judged: how far verdicts can be relied on, and which of them other params would have changed."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from reviewlib import files
from reviewlib.conversation import identity
from reviewlib.errors import ParamsError
from reviewlib.evidence import comparison, reliability, safe_csv, snapshot, sources
from reviewlib.evidence.period import past_verdicts
from reviewlib.pages import edit_views, labels, verdict_views
from reviewlib.params import reading, retired
from reviewlib.params.figures import Kpi
from reviewlib.params.model import Params
from reviewlib.periods import Period

#: What figures are held against: the keys of params that may be tried.
_HELD: Final = r"(judgement|peers)\.|crm\.targets\b|kpis\.\w+\.(target|benchmark|material)$"
#: Why a verdict is another: the last column that differs; where none does, the thresholds do.
_WHY: Final = {
    "spread": "peers", "phi": "peers", "expected4": "level before", "material": "material", "level": "level", "value": "figure"
}  # fmt: skip
_KEY: Final = ["period", "scope_id", "kpi"]
_FEW: Final = "too few periods"


def relied_on(params: Params, when: Period | None) -> tuple[edit_views.EditTable, list[str]]:
    """Tell per KPI how far the verdicts of the past periods can be relied on, and in words what to make of it.

    Raises:
        ReviewError: Params, sources or targets cannot be used.
    """
    (card,) = _past(params, when)
    found, style = reliability.of_kpis(card, params.figures), labels.NumberStyle(params.locale, params.currency)
    told = pd.DataFrame([_relied(params.figures[row["kpi"]], row, style) for row in found.to_dict("records")])
    return _table(f"{_when(card)}, {card['scope_id'].nunique():,} reps", told), [
        "By chance: so much of the spread between reps is luck in one period; where it is nearly all, one period ranks nobody.",
        "Flags that come again far more often than they are given tell of what stays: a rep, or a target that is off for all.",
    ]


def _relied(kpi: Kpi, row: Mapping[Any, Any], style: labels.NumberStyle) -> dict[str, str]:
    """What is told of one KPI; of the rep in the middle, how short a figure may fall before anybody is told."""
    level, beyond, few = style.value(row["level"], kpi.unit), row["beyond"], row["phi"] != row["phi"]
    short = f"{style.change(beyond, kpi.unit)} ({style.value(beyond / row['level'], 'percent')}) of {level}"
    unseen = f"{beyond:.0f} of {row['n']:.0f} above {level}" if kpi.judged_by == "median" else short
    return {
        "KPI": kpi.label,
        "by chance": _FEW if row["chance"] != row["chance"] else style.value(row["chance"], "percent"),
        "flagged": f"{row['flagged']:,} of {row['judged']:,}",
        "flagged again": f"{row['again']:,} of {row['followed']:,}" if row["followed"] else _FEW,
        "phi": _FEW if few else f"{row['phi']:.1f} ({row['phi_from']})",
        "not seen up to": _FEW if few else "any" if beyond != beyond else unseen,
    }


def rehearse(params: Params, file: Path, when: Period | None, out: Path | None) -> tuple[list[str], list[edit_views.EditTable]]:
    """Tell which verdicts of the past periods a file laid over params would have changed; write nothing but ``out``.

    Raises:
        NotAllowedError: Params give who is at the keyboard a role in which not everybody's verdicts are theirs to read.
        ReviewError: Params, the file, sources or targets cannot be used; the file changes figures themselves.
    """
    if (person := identity.at_keyboard(params)).role not in (None, "analyst"):
        raise identity.may_not(person, "read everybody's verdicts", params=params, do="Let an analyst rehearse.")
    retired.refuse(params)
    other = reading.laid_over(params, file)
    one, two = (_flat(each.model_dump(exclude_defaults=True)) for each in (params, other))
    changed = sorted(key for key in {**one, **two} if one.get(key) != two.get(key))
    if wrong := ", ".join(key for key in changed if not re.match(_HELD, key)):
        what = "This file changes more than what figures are held against."
        do = "Leave these keys out; take judgement, peers, crm.targets, and of kpis target, benchmark and material."
        raise ParamsError(what, where=file.name, found=wrong, do=do)
    if not changed:
        return [f"{file} changes nothing that judges: no threshold, no target, no peers."], []
    both = _beside(*_past(params, when, other))
    moved = both[both["verdict"] != both["verdict_then"]]
    if out is not None:
        kept = moved[[*_KEY, "rep_name", "value", "level", "level_then", "verdict", "verdict_then", "why"]]
        files.write(out, safe_csv.csv_text(kept), modes=params.modes)
    return [
        f"With {file} ({', '.join(changed)}), {len(moved):,} of {len(both):,} verdicts of {_when(both)} would be others.",
        f"{files.shown(out) if out else 'Nothing'} was written; what is released or signed stays as it is.",
    ], _tables(moved, params)


def _flat(told: Any, at: str = "") -> dict[str, Any]:
    """What a section holds, by dotted paths."""
    if not isinstance(told, dict):
        return {at: told}
    return {path: one for key, own in told.items() for path, one in _flat(own, f"{at}.{key}".lstrip(".")).items()}


def _past(params: Params, when: Period | None, *others: Params) -> list[pd.DataFrame]:
    """The verdicts of the past periods by these params, and by others, from one reading of the export."""
    retired.refuse(params)
    read = sources.read(params)
    given = [(own, read if own.crm.targets == params.crm.targets else sources.with_targets(own, read)) for own in others]
    return past_verdicts([(params, read), *given], when or snapshot.default_period(params, read))


def _beside(one: pd.DataFrame, two: pd.DataFrame) -> pd.DataFrame:
    """Put two verdicts of each figure side by side, with why they may differ; what neither judges is left out."""
    # Whether the distance that counts makes the difference, and not whether it is another.
    one, two = (each.assign(material=(each["value"] - each["level"]).abs() > each["material"]) for each in (one, two))
    both = one.merge(two, on=_KEY, suffixes=("", "_then"))
    both["why"] = "thresholds"
    for name, why in _WHY.items():
        now, then = both[name].astype("float64"), both[f"{name}_then"].astype("float64")
        both["why"] = both["why"].where(np.isclose(now, then, rtol=comparison.ROUNDING, atol=0, equal_nan=True), why)
    return both[~both[["verdict", "verdict_then"]].isin(("not_judged", "not_available")).all(axis=1)]


def _tables(moved: pd.DataFrame, params: Params) -> list[edit_views.EditTable]:
    """Lay out how many verdicts would be others, from what to what, and each of them."""
    style, kpis = labels.NumberStyle(params.locale, params.currency), params.figures
    told = pd.DataFrame({"period": moved["period"], "rep": moved["rep_name"] + " (" + moved["scope_id"] + ")"})
    told["KPI"] = moved["kpi"].map({key: kpi.label for key, kpi in kpis.items()})
    for head, name in (("figure", "value"), ("held against", "level")):
        rows = moved[["kpi", name, f"{name}_then"]].itertuples(index=False)
        told[head] = [" → ".join(dict.fromkeys(style.value(one, kpis[key].unit) for one in pair)) for key, *pair in rows]
    for head, name in (("is", "verdict"), ("would be", "verdict_then")):
        told[head] = moved[name].map(verdict_views.WORDS)
    told["why"] = moved["why"]
    counts = told.groupby(["KPI", "is", "would be"]).size().reset_index(name="verdicts").astype(str)
    return [_table("How many", counts), _table("Which", told)] if len(told) else []


def _table(title: str, told: pd.DataFrame, most: int = 100) -> edit_views.EditTable:
    return edit_views.EditTable(title, [*told], [*told[:most].itertuples(index=False, name=None)], max(0, len(told) - most))


def _when(card: pd.DataFrame) -> str:
    return f"{card['period'].iloc[0]} to {card['period'].iloc[-1]}"
