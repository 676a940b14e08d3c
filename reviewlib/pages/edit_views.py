"""What two snapshots say differently, as texts: for the terminal, and for a page of its own."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from reviewlib.evidence.edits import SnapshotDiff
from reviewlib.pages import labels
from reviewlib.pages.labels import NumberStyle
from reviewlib.pages.rendering import workbook_page
from reviewlib.params.model import Params
from reviewlib.periods import Period

#: What is compared of a deal: how it is called, and the unit of what stands there.
_COLUMNS: Final = {
    "outcome": ("outcome", "text"),
    "amount": ("amount", "money"),
    "expected_amount": ("expected amount", "money"),
    "opened_on": ("opened", "day"),
    "closed_on": ("closed", "day"),
    "stage": ("stage", "text"),
    "account_id": ("account", "text"),
}
_HAPPENED: Final = {"added": "added", "removed": "removed", "came": "moved to another rep", "changed": "changed"}
#: The heads of the tables of deals and figures.
_DEALS: Final = ("Deal", "Rep", "What happened", "What the CRM says")
_FIGURES: Final = ("Period", "Whose", "Figure", "Before", "Now")
_SCOPES: Final = ("all", "unassigned", "team", "rep")
#: Figures that are listed at the most.
_MOST_FIGURES: Final = 100


class EditTable(NamedTuple):
    """What differs, as texts; ``more`` is how many rows there are that are not listed."""

    title: str
    heads: Sequence[str]
    rows: Sequence[tuple[str, ...]]
    more: int


def counted(diff: SnapshotDiff) -> list[str]:
    """Say how many deals differ, those that touch what was over first, and which KPIs only one of the snapshots has."""
    lines = []
    for late, when in (
        (True, f"dated in {diff.before.period} or before"),
        (False, f"dated after {diff.before.period}, or open"),
    ):
        kinds = [f"{count:,} {_HAPPENED[kind]}" for kind, of, count in diff.counts if of == late]
        if kinds:
            lines.append(f"Deals {when}: {', '.join(kinds)}.")
    only = ((diff.before, diff.only_before), (diff.after, diff.only_after))
    return lines + [f"Only snapshot {side.hash} has {', '.join(keys)}." for side, keys in only if keys]


def said(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, style: NumberStyle, period: Period) -> str:
    """Say of a deal what changed, "amount €100 → €120", with the periods where a day moved to another one of this kind.

    Where one side has nothing it is all of the other: "won 30 Jun 2026, €9,000".
    """
    if before is None or after is None:
        return _facts(before or after or {}, style)
    told = []
    for column, (name, unit) in _COLUMNS.items():
        if before[column] != after[column]:
            texts = [_text(side[column], unit, style) for side in (before, after)]
            if unit == "day" and None not in (before[column], after[column]):
                days = [dt.date.fromisoformat(side[column]) for side in (before, after)]
                names = [Period.containing(day, period.kind, period.fiscal).name for day in days]
                texts = [f"{text} in {of}" for text, of in zip(texts, names, strict=True)] if names[0] != names[1] else texts
            told.append(f"{name} {' → '.join(texts)}")
    return "; ".join(told) or _facts(after, style)


def _facts(deal: Mapping[str, Any], style: NumberStyle) -> str:
    still_open = deal["outcome"] == "open"
    day = deal["opened_on" if still_open else "closed_on"]
    amount = deal["expected_amount"] if still_open or deal["amount"] is None else deal["amount"]
    return f"{'opened' if still_open else deal['outcome']} {_text(day, 'day', style)}, {_text(amount, 'money', style)}"


def _text(value: Any, unit: str, style: NumberStyle) -> str:
    if value is None:
        return "none"
    return style.control(value) if unit == "money" else labels.short_day(value) if unit == "day" else str(value)


def tables(params: Params, diff: SnapshotDiff) -> list[EditTable]:
    """Lay out the deals and the figures that differ, those of the whole first, each where there are any."""
    style, kpis = NumberStyle(params.locale, params.currency), params.figures
    period = Period.parse(diff.after.period, params.fiscal)
    deals = [
        (
            one.deal_id,
            one.rep_id,
            f"moved from {one.other}" if one.other else one.kind,
            said(one.before, one.after, style, period),
        )
        for one in diff.deals
    ]
    figures = [
        (
            edit.period,
            edit.scope_id if edit.scope in ("rep", "team") else edit.scope,
            kpis[edit.kpi].label,
            *(style.value(value, kpis[edit.kpi].unit) for value in (edit.before, edit.after)),
        )
        for edit in sorted(diff.figures, key=lambda edit: _SCOPES.index(edit.scope))
    ]
    found = (("Deals", _DEALS, deals, diff.all_deals), ("Figures", _FIGURES, figures[:_MOST_FIGURES], len(figures)))
    return [EditTable(title, heads, rows, whole - len(rows)) for title, heads, rows, whole in found if rows]


def diff_page(params: Params, diff: SnapshotDiff) -> str:
    """Render what two snapshots say differently, for the analyst: it names every rep by id."""
    title = f"{diff.before.hash} and {diff.after.hash} compared"
    return workbook_page("diff.html.j2", params, title=title, diff=diff, counted=counted(diff), tables=tables(params, diff))
