"""How the figures were made, as plain values for the templates: what was read, and the evidence of each KPI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from reviewlib.pages import labels, sentences
from reviewlib.pages.components import things
from reviewlib.pages.labels import Style
from reviewlib.pages.views import Sheet, target_words
from reviewlib.review import Figure, Review

#: Deals listed below one KPI at the most: with more, the page of a busy rep would have over 200 KB.
MOST_DEALS: Final = 150
_TIMES: Final = "\N{DIVISION SIGN}"
_METHODS: Final = {"wilson": "Wilson", "order": "order statistics of the median"}
_CAPTIONS: Final = {
    "earned": "Deals won in the period, refunds included",
    "sale": "Deals won in the period",
    "won": "Deals won in the period",
    "closed": "Deals won or lost in the period",
    "opened": "Deals opened in the period",
    "open_end": "Deals open at the end of the period",
    "due": "Open deals expected to close in the next period",
    "first_win": "First purchases of new customers",
}


@dataclass(frozen=True)
class Row:
    """One line of the reconciliation."""

    label: str
    rows: str
    amount: str
    total: bool = False


@dataclass(frozen=True)
class Reconciliation:
    """What became of every row of one file: used, quarantined and excluded add up to read."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Deal:
    """One deal of a list."""

    id: str
    account: str
    dates: str
    stage: str
    amount: str


@dataclass(frozen=True)
class Account:
    """One account of the retention base."""

    id: str
    before: str
    now: str
    words: str


@dataclass(frozen=True)
class Evidence:
    """Everything behind one figure."""

    key: str
    label: str
    value: str
    facts: tuple[tuple[str, str], ...]
    caption: str
    deals: tuple[Deal, ...]
    accounts: tuple[Account, ...]
    more: str


def reconciliations(data: Mapping[str, Any], *, style: Style) -> list[Reconciliation]:
    """List what became of the rows of every file, for reviews and the index alike."""
    return [_reconciliation(table, style) for table in data.get("tables", ())]


def _reconciliation(table: Mapping[str, Any], style: Style) -> Reconciliation:
    kinds = (
        ("used", "Used"),
        ("quarantined", "Quarantined, with reason"),
        ("excluded", "Excluded on purpose"),
        ("read", "Read"),
    )
    rows = tuple(
        Row(
            label,
            labels.value(table[kind], "count", style=style),
            labels.control(table.get(f"{kind}_amount"), style=style) if table.get("read_amount") is not None else "",
            total=kind == "read",
        )
        for kind, label in kinds
    )
    return Reconciliation(f"{table['table'].capitalize()}: {table['file']}", rows)


def reasons(data: Mapping[str, Any], kind: str, *, style: Style) -> list[Row]:
    """List why rows were quarantined or excluded."""
    return [
        Row(
            str(entry["reason"]),
            labels.value(entry["rows"], "count", style=style),
            labels.control(entry["amount"], style=style) if entry.get("amount") is not None else "",
        )
        for entry in data.get(kind, ())
    ]


def notes(review: Review) -> list[str]:
    """Say in sentences what holds for all figures of the page."""
    book, data = review.workbook, review.data
    declared = "" if book.as_of_declared else ", the latest opened or closed date in it"
    said = [
        f"From the CRM export as of {labels.day(book.as_of)}{declared}, "
        f"frozen on {labels.day(book.frozen_at.date())} as snapshot {book.snapshot}.",
        f"A won deal counts on its close date, the column “{data.get('closed_column')}” of the export.",
        f"The history begins on {labels.day(book.history_from)}.",
        *map(str, data.get("notes", ())),
        {
            "all": "Peers are the reps of the whole workbook",
            "team": "Peers are the reps of the team",
            "role": "Peers are the reps of the same role",
        }[book.peer_group]
        + ", this one included; fewer than five give no benchmark. Benchmarks are shown to two significant digits.",
        _mine(review),
        "Intervals are 95%: Wilson for shares, order statistics for medians. The change of revenue is split into the number of "
        "won deals and their average size by logarithmic means, which add up exactly.",
    ]
    return [sentence for sentence in said if sentence]


def _mine(review: Review) -> str:
    if review.kind != "rep":
        return ""
    own = review.data.get("mine", {}).get("quarantined", 0)
    name = sentences.first_name(review.subject)
    if not own:
        return f"None of the quarantined rows names {name}."
    rows = "1 row" if own == 1 else things(own, "rows", style=sentences.style(review))
    return f"{rows} of the quarantine {'names' if own == 1 else 'name'} {name}."


def evidence(review: Review) -> list[Evidence]:
    """Collect what is behind each KPI; a deal list that another one holds already is named, not repeated."""
    sheet, listed, found = Sheet(review), dict[str, frozenset[str]](), []
    chosen = {figure.kpi.key: _chosen(review, figure) for figure in sheet.main()}
    owners: dict[str, str] = {}
    for figure in sorted(sheet.main(), key=lambda figure: -len(chosen[figure.kpi.key])):
        deals = chosen[figure.kpi.key]
        ids = frozenset(deals["deal_id"]) if len(deals) else frozenset()
        owner = next((label for label, other in listed.items() if ids <= other), None)
        if ids and owner:
            owners[figure.kpi.key] = owner
        elif ids:
            listed[figure.kpi.label] = ids
    for figure in sheet.main():
        found.append(_evidence(sheet, figure, chosen[figure.kpi.key], owners.get(figure.kpi.key)))
    return found


def _chosen(review: Review, figure: Figure) -> pd.DataFrame:
    flag = figure.kpi.evidence
    if flag is None or flag not in review.deals.columns or review.kind != "rep":
        return review.deals.iloc[:0]
    return review.deals[review.deals[flag].astype(bool)]


def _evidence(sheet: Sheet, figure: Figure, chosen: pd.DataFrame, owner: str | None) -> Evidence:
    kpi = figure.kpi
    caption = _CAPTIONS.get(kpi.evidence or "", "Deals") if len(chosen) else ""
    accounts = _accounts(sheet) if kpi.evidence == "accounts" and kpi.unit == "percent" and kpi.top == "count" else ()
    rows = () if owner else tuple(_deal(sheet, row) for row in _sorted(chosen).head(MOST_DEALS).to_dict("records"))
    more = f"{things(len(chosen), 'deals', style=sheet.style)}, listed under {owner}." if owner else ""
    if len(chosen) > MOST_DEALS and not owner:
        more = f"The {MOST_DEALS} largest of {len(chosen)} deals are listed."
    return Evidence(
        key=kpi.key,
        label=kpi.label,
        value=labels.value(figure.value, kpi.unit, style=sheet.style),
        facts=tuple((name, text) for name, text in _facts(sheet, figure) if text),
        caption=caption,
        deals=rows,
        accounts=accounts,
        more=more,
    )


def _facts(sheet: Sheet, figure: Figure) -> list[tuple[str, str]]:
    review, kpi, style = sheet.review, figure.kpi, sheet.style
    interval = labels.interval(figure.low, figure.high, kpi.unit, style=style) if figure.low is not None else ""
    beside = [other for other in review.kpis.values() if other.of == kpi.key and sheet.value(other.key) is not None]
    method = _METHODS.get(kpi.judged_by, "")
    peers = figure.peer_median
    return [
        ("Definition", kpi.definition),
        ("Calculation", _calculation(sheet, figure)),
        ("Interval", f"{interval}, {method}" if interval else ""),
        ("Dates", labels.span(review.period)),
        ("Target", _target(figure, style)),
        (
            "Peers",
            f"median {labels.rounded(peers, kpi.unit, style=style)} of {figure.peers or 0:.0f} peers"
            if peers is not None
            else "",
        ),
        ("Verdict", f"{_word(figure)}: {figure.reason}" if figure.reason else _word(figure)),
        ("Beside it", "; ".join(f"{other.label}: {sheet.text(other.key)}" for other in beside)),
        ("Serves", kpi.objective or ""),
    ]


def _word(figure: Figure) -> str:
    from reviewlib.pages.components import VERDICTS

    return VERDICTS[figure.verdict]


def _target(figure: Figure, style: Style) -> str:
    words = target_words(figure, style)
    return words.removeprefix("target ") if words else "none set"


def _calculation(sheet: Sheet, figure: Figure) -> str:
    kpi, style = figure.kpi, sheet.style
    value = labels.value(figure.value, kpi.unit, style=style)
    if figure.value is None:
        return f"n/a: {figure.reason}" if figure.reason else value
    sample = things(figure.n, kpi.n_label, style=style) if figure.n is not None else ""
    if figure.denominator is None:
        return f"{value}, from {sample}" if sample else value
    top = labels.value(figure.numerator, kpi.top, style=style)
    under = labels.value(figure.denominator, kpi.bottom, style=style)
    return f"{top} {_TIMES} {under} = {value}" + (f" ({sample})" if sample and kpi.bottom == "money" else f", {kpi.n_label}")


def _sorted(deals: pd.DataFrame) -> pd.DataFrame:
    if deals.empty:
        return deals
    size = deals["amount"].where(deals["amount"].notna(), deals["expected_amount"]).astype(float)
    return deals.assign(_size=-size).sort_values(["_size", "deal_id"], kind="stable")


def _deal(sheet: Sheet, row: Mapping[Any, Any]) -> Deal:
    still_open = row["outcome"] == "open"  # today: what was open at the end of the period may have closed since
    opened, last = _day(row["opened_on"]), _day(row["expected_close_on" if still_open else "closed_on"])
    amount = row["amount"] if not still_open and not _none(row["amount"]) and not row["lost"] else row["expected_amount"]
    return Deal(
        id=str(row["deal_id"]),
        account="no account" if _none(row["account_id"]) else str(row["account_id"]),
        dates=f"{opened} – {last}",
        stage="refund"
        if row["refund"]
        else "won"
        if row["won"]
        else "lost"
        if row["lost"]
        else str(row["stage"] or row["outcome"]),
        amount="no amount" if _none(amount) else labels.value(float(amount), "money", style=sheet.style),
    )


def _accounts(sheet: Sheet) -> tuple[Account, ...]:
    frame = sheet.review.accounts
    if frame.empty:
        return ()
    ordered = frame.sort_values(["base_revenue", "account_id"], ascending=[False, True], kind="stable").head(MOST_DEALS)
    return tuple(
        Account(
            str(row["account_id"]),
            labels.value(row["base_revenue"], "money", style=sheet.style),
            labels.value(row["revenue"], "money", style=sheet.style),
            "bought again" if row["kept"] else "not in this period, open deal" if row["open_deal"] else "not in this period",
        )
        for row in ordered.to_dict("records")
    )


def _day(date: Any) -> str:
    return "no date" if _none(date) else labels.short_day(date)


def _none(value: Any) -> bool:
    return value is None or bool(pd.isna(value))
