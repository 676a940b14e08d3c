"""How the figures were made, as plain values for the templates: what was read, and the evidence of each KPI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reviewlib.evidence.slicefile import Listed
from reviewlib.pages import labels
from reviewlib.pages.labels import NumberStyle
from reviewlib.pages.views import FigureTable
from reviewlib.review import Figure, Review

_TIMES: Final = "\N{DIVISION SIGN}"
_BECAME: Final = {"used": "Used", "quarantined": "Quarantined, with reason", "excluded": "Excluded on purpose", "read": "Read"}
_NO_DEALS: Final = Listed(0, (), frozenset())
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
class Evidence:
    """Everything behind one figure; ``lists`` says which of its deals and accounts are listed, and where.

    Deals are texts: id, account, dates, stage, amount. So are accounts: id, revenue before and now, what became of it.
    """

    figure: Figure
    lists: tuple[tuple[str, str], ...]
    caption: str
    deals: tuple[tuple[str, ...], ...]
    accounts_caption: str
    accounts: tuple[tuple[str, ...], ...]


def reconciliations(data: Mapping[str, Any], *, style: NumberStyle) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """List what became of the rows of every file by its title, as what, rows and amount; the last is all that were read."""
    found = []
    for table in data.get("tables", ()):
        valued = table.get("read_amount") is not None
        rows = [
            (label, style.value(table[kind], "count"), style.control(table.get(f"{kind}_amount")) if valued else "")
            for kind, label in _BECAME.items()
        ]
        found.append((f"{table['table'].capitalize()}: {table['file']}", rows))
    return found


def reasons(data: Mapping[str, Any], *, style: NumberStyle) -> dict[str, list[tuple[str, str, str]]]:
    """List why rows were quarantined or excluded, where any were, as the reason, rows and amount."""

    def told(entry: Mapping[str, Any]) -> tuple[str, str, str]:
        """A reason with what it holds for."""
        amount = style.control(entry["amount"]) if entry.get("amount") is not None else ""
        return str(entry["reason"]), style.value(entry["rows"], "count"), amount

    return {kind: [*map(told, data[kind])] for kind in ("quarantine", "exclusions") if data.get(kind)}


def evidence(review: Review) -> list[Evidence]:
    """Collect what is behind each KPI; a deal list that another one holds already is named, not repeated."""
    sheet = FigureTable(review)
    figures, owners = list(sheet.main()), {}
    listed: list[Figure] = []
    some = (figure for figure in figures if _deals(review, figure).count)
    for figure in sorted(some, key=lambda figure: -_deals(review, figure).count):
        # All its deals are among those of the other.
        above = {figure.kpi.evidence, *_deals(review, figure).within}
        if owner := next((other for other in listed if other.kpi.evidence in above), None):
            owners[figure.kpi.key] = owner
        else:
            listed.append(figure)
    shown = {row for figure in listed for row in _deals(review, figure).rows}
    made = {row: _deal(sheet, review.lists.deals[row]) for row in shown}
    return [_evidence(sheet, figure, owner=owners.get(figure.kpi.key), made=made) for figure in figures]


def _deals(review: Review, figure: Figure) -> Listed:
    """The deals that a figure is made of."""
    return review.lists.flags.get(figure.kpi.evidence or "", _NO_DEALS)


def _evidence(sheet: FigureTable, figure: Figure, *, owner: Figure | None, made: Mapping[int, tuple[str, ...]]) -> Evidence:
    review, kpi, style = sheet.review, figure.kpi, sheet.style
    chosen, all_accounts = _deals(review, figure), review.lists.all_accounts
    of_accounts = kpi.evidence == "accounts" and kpi.unit == "percent" and kpi.top == "count"
    accounts = _accounts(sheet) if of_accounts else ()
    rows = () if owner else tuple(made[row] for row in chosen.rows)
    lists = []
    if owner:
        # Where the other's list was cut, not all of them are in it.
        whole = _deals(review, owner)
        how = "listed under" if len(whole.rows) == whole.count else "among those of"
        lists.append(("Deals", f"{style.things(chosen.count, 'deals')}, {how} {owner.kpi.label}."))
    lists.append(("Deals", _cut(len(rows), chosen.count, "deals", style)))
    lists.append(("Accounts", _cut(len(accounts), all_accounts, "accounts", style)))
    return Evidence(
        figure=figure,
        lists=tuple((name, text) for name, text in lists if text),
        caption=f"{_CAPTIONS.get(kpi.evidence or '', 'Deals')}: {_count(len(rows), chosen.count, style)}",
        deals=rows,
        accounts_caption=f"Accounts of the window: {_count(len(accounts), all_accounts, style)}",
        accounts=accounts,
    )


def _count(shown: int, all_: int, style: NumberStyle) -> str:
    """How many a list holds, and of how many where it was cut."""
    whole = style.value(all_, "count")
    return whole if shown == all_ else f"{shown} of {whole}"


def _cut(shown: int, all_: int, what: str, style: NumberStyle) -> str:
    """Say that a list was cut; empty where it was not, or where there is none."""
    return f"The {shown} largest of {style.things(all_, what)} are listed." if 0 < shown < all_ else ""


def calculation(sheet: FigureTable, figure: Figure) -> str:
    """Say how a figure comes about, or why it does not."""
    kpi, style = figure.kpi, sheet.style
    value = style.value(figure.value, kpi.unit)
    if figure.value is None:
        return f"n/a: {figure.reason}" if figure.reason else value
    sample = style.things(figure.n, kpi.n_label) if figure.n is not None else ""
    if figure.denominator is None:
        return f"{value}, from {sample}" if sample else value
    top = style.value(figure.numerator, kpi.top)
    under = style.value(figure.denominator, kpi.bottom)
    return f"{top} {_TIMES} {under} = {value}" + (f" ({sample})" if sample and kpi.bottom == "money" else f", {kpi.n_label}")


def _deal(sheet: FigureTable, row: Mapping[str, Any]) -> tuple[str, ...]:
    still_open = row["outcome"] == "open"  # today: what was open at the end of the period may have closed since
    opened, last = _day(row["opened_on"]), _day(row["expected_close_on" if still_open else "closed_on"])
    amount = row["amount"] if not still_open and row["amount"] is not None and not row["lost"] else row["expected_amount"]
    became = next((outcome for outcome in ("refund", "won", "lost") if row[outcome]), None)
    return (
        row["deal_id"],
        "no account" if row["account_id"] is None else row["account_id"],
        f"{opened} – {last}",
        became or str(row["stage"] or row["outcome"]),
        "no amount" if amount is None else sheet.style.value(amount, "money"),
    )


def _accounts(sheet: FigureTable) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            row["account_id"],
            sheet.style.value(row["base_revenue"], "money"),
            sheet.style.value(row["revenue"], "money"),
            "bought again" if row["kept"] else "not in this period, open deal" if row["open_deal"] else "not in this period",
        )
        for row in sheet.review.lists.accounts
    )


def _day(date: str | None) -> str:
    return "no date" if date is None else labels.short_day(date)
