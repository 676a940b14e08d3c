"""How the figures were made, as plain values for the templates: what was read, and the evidence of each KPI."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from reviewlib.pages import labels
from reviewlib.pages.labels import NumberStyle
from reviewlib.pages.views import FigureTable
from reviewlib.params import words
from reviewlib.review import Figure, Review

_TIMES: Final = "\N{DIVISION SIGN}"
_BECAME: Final = {"used": "Used", "quarantined": "Quarantined, with reason", "excluded": "Excluded on purpose", "read": "Read"}


@dataclass(frozen=True)
class _Shown:
    """How pages show a list of deals: its caption, the evidence of the KPI below which it stands, and its groups."""

    caption: str
    evidence: str
    groups: Mapping[str, str]


_SHOWN: Final = {
    "sales": _Shown("Deals won in the period, refunds included", "earned", {
        "sold": "Won",
        "refund": "Refunds",
        "no_amount": "Won, without an amount",
    }),
    "closed": _Shown("Deals won or lost in the period, by expected amount", "closed", {
        "won_start": "Won, open at the start of the period",
        "won_created": "Won, created in the period",
        "won_opened": "Won, created in the period, outside the pipeline’s value",
        "won_outside": "Won, outside the pipeline’s value",
        "lost_start": "Lost, open at the start of the period",
        "lost_created": "Lost, created in the period",
        "lost_opened": "Lost, created in the period, outside the pipeline’s value",
        "lost_outside": "Lost, outside the pipeline’s value",
        "before": "Created in the period, closed before that",
    }),
    "open": _Shown("Deals open at the end of the period, by expected amount", "open_end", {
        "kept": "Open at the start of the period too",
        "created": "Created in the period",
        "created_outside": "Created in the period, outside the pipeline’s value",
        "outside": "Without opening date or expected amount, outside the pipeline’s value",
    }),
}  # fmt: skip
_WON: Final = ("won_start", "won_created", "won_opened", "won_outside")
_LOST: Final = ("lost_start", "lost_created", "lost_opened", "lost_outside")
_SALES: Final = ("sold", "refund", "no_amount")
_OPEN: Final = ("kept", "created")
#: The lists that the deals or accounts of a figure are in, with their groups there, by the KPI's evidence.
_MADE_OF: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "earned": {"sales": _SALES},
    "sale": {"sales": ("sold",)},
    "won": {"sales": ("sold", "no_amount")},
    "first_win": {"sales": ("sold",)},
    "closed": {"closed": (*_WON, *_LOST)},
    "lost": {"closed": _LOST},
    "opened": {
        "closed": ("won_created", "won_opened", "lost_created", "lost_opened", "before"),
        "open": ("created", "created_outside"),
    },
    "open_end": {"open": _OPEN},
    "due": {"open": _OPEN},
    "accounts": {"accounts": ()},
}
#: What marks a deal among those that are listed with it.
_MARKS: Final = {"first_win": "first purchase", "due": "due next"}
#: The rows of targets, by what they are to the figure: how their table is called.
_TARGETS: Final = {"target": "Target, row by row", "divided_by": "Revenue target, row by row"}
_FROM_PARAMS: Final = "the params file"
#: How the rows of a measure come to its figure, by how its targets combine.
_COMBINED: Final = {"sum": "added up", "stock": "the last one counts", "level": "their average, weighted by n"}
#: What became of the deals that were open at the start of the period, and of those created in it: list and group of each.
_BECAME_OF: Final = {
    "Won": (("closed", "won_start"), ("closed", "won_created")),
    "Lost": (("closed", "lost_start"), ("closed", "lost_created")),
    "Open at the end": (("open", "kept"), ("open", "created")),
}


@dataclass(frozen=True)
class EvidenceTable:
    """Rows behind a figure: the columns' names, from which on they are numbers, and by group its total and its rows."""

    caption: str
    columns: tuple[str, ...]
    numbers: int
    groups: tuple[tuple[tuple[str, ...], tuple[tuple[str, ...], ...]], ...]


@dataclass(frozen=True)
class Evidence:
    """Everything behind one figure: what is told of its deals and accounts, and the tables that stand below it."""

    figure: Figure
    told: tuple[tuple[str, str], ...]
    tables: tuple[EvidenceTable, ...]


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
    """Collect what is behind each KPI; a list stands below one figure, and the others that rest on it name that one."""
    sheet = FigureTable(review)
    figures = list(sheet.main())
    below: dict[str, Figure] = {}
    for name, listed in review.lists.items():
        users = [figure for figure in figures if name in _MADE_OF.get(figure.kpi.evidence or "", ())]
        if users and listed.totals:
            home = _SHOWN[name].evidence if name in _SHOWN else ""
            below[name] = next((figure for figure in users if figure.kpi.evidence == home), users[0])
    return [_evidence(sheet, figure, below) for figure in figures]


def _evidence(sheet: FigureTable, figure: Figure, below: Mapping[str, Figure]) -> Evidence:
    told, tables = [], []
    for name, groups in _MADE_OF.get(figure.kpi.evidence or "", {}).items():
        owner = below.get(name)
        if owner == figure:
            tables.append(_accounts(sheet) if name == "accounts" else _deals(sheet, name))
        if owner and (owner != figure or figure.kpi.evidence in _MARKS):
            told.append(("Accounts" if name == "accounts" else "Deals", _elsewhere(sheet, figure, name, groups, owner)))
    terms = {name: every.get(figure.kpi.key, ()) for name, every in sheet.review.terms.items()}
    for name, title in _TARGETS.items():
        rows = terms.get(name, ())
        if any(ramp != 1 or days > 1 for _, _, ramp, _, days in rows):
            tables.append(_target_rows(sheet, title, rows, unit="money" if name == "divided_by" else figure.kpi.unit))
        else:
            told += [
                (title, f"{period or _FROM_PARAMS}: {sheet.style.value(value, figure.kpi.unit)}") for period, value, *_ in rows
            ]
    if rows := terms.get("measure", ()):
        values = tuple(
            (period, sheet.style.value(value, figure.kpi.unit), sheet.style.value(n, "count")) for period, value, n in rows
        )
        tables.append(
            EvidenceTable(f"Rows of the figure: {_COMBINED[figure.kpi.targets]}", ("Period", "Value", "n"), 1, (((), values),))
        )
    if figure.kpi.evidence == "bridge" and {"closed", "open"} & below.keys():
        tables.append(_bridge(sheet))
    return Evidence(figure, tuple((name, text) for name, text in told if text), tuple(tables))


def _elsewhere(sheet: FigureTable, figure: Figure, name: str, groups: Sequence[str], owner: Figure) -> str:
    """Say where the deals or accounts of a figure are listed, how many they are and what they add up to."""
    if name == "accounts":
        return f"Listed under {owner.kpi.label}."
    listed, flag = sheet.review.lists[name], figure.kpi.evidence or ""
    if flag in _MARKS:
        told, beyond = _joined(_of_all(sheet, name, [flag])), _sum(sheet.review, [(name, flag)])[0] - (figure.n or 0)
        outside = f"; {words.counted(int(beyond), 'are')} outside its value" if flag == "due" and beyond > 0 else ""
        known = flag in listed.totals and figure.value is not None
        return f"{told}, marked “{_MARKS[flag]}” under {owner.kpi.label}{outside}." if known else ""
    some = [_SHOWN[name].groups[group] for group in groups if group in listed.totals]
    total = _joined(_told(sheet, *_sum(sheet.review, [(name, group) for group in groups])))
    return f"{total}, listed under {owner.kpi.label}: {'; '.join(some).lower()}." if some else ""


def _sum(review: Review, groups: Iterable[tuple[str, str]]) -> tuple[int, float | None]:
    """Add up groups or marks, each with its list: how many deals, and their amount; None where none is known."""
    totals = [review.lists[name].totals[group] for name, group in groups if group in review.lists[name].totals]
    known = [amount for _, amount in totals if amount is not None]
    return int(sum(count or 0 for count, _ in totals)), math.fsum(known) if known else None


def _told(sheet: FigureTable, count: int, amount: float | None) -> tuple[str, str]:
    return sheet.style.things(count, "deals"), "" if amount is None else sheet.style.exactly([amount])(amount)


def _of(part: str, whole: str) -> str:
    """Write how much of a whole is listed, where it is not all."""
    size = part.removesuffix(" deals").removesuffix(" deal")
    return whole if part == whole else f"{'none' if size == 'no' else size} of {whole}"


def _rest(number: str) -> str:
    return "; the rest in the manager’s notebook" if " of " in number else ""


def _joined(total: tuple[str, str]) -> str:
    return ", ".join(filter(None, total))


def _of_all(sheet: FigureTable, name: str, groups: Sequence[str]) -> tuple[str, str]:
    """Write how many deals some groups or a mark have and their amount, and how much of that is listed where it is not all."""
    count, amount = _sum(sheet.review, [(name, group) for group in groups])
    rows = [row for row in sheet.review.lists[name].rows if row["group"] in groups or any(row.get(mark) for mark in groups)]
    part = _told(sheet, len(rows), None if amount is None else math.fsum(row["amount"] or 0 for row in rows))
    number, money = map(_of, part, _told(sheet, count, amount))
    return number, money


def _deals(sheet: FigureTable, name: str) -> EvidenceTable:
    """List the largest deals, below the name and total of their group."""
    listed, shown, groups = sheet.review.lists[name], _SHOWN[name], []
    write = sheet.style.exactly(row["amount"] for row in listed.rows)
    for group, title in shown.groups.items():
        if group in listed.totals:
            number, money = _of_all(sheet, name, [group])
            rows = tuple(_deal(name, row, write) for row in listed.rows if row["group"] == group)
            groups.append(((f"{title}: {number}", money), rows))
    whole = _of_all(sheet, name, _MADE_OF[shown.evidence][name])
    columns = ("Deal", "Account", "Opened – closed or due", "Stage", "Amount")
    return EvidenceTable(f"{shown.caption}: {_joined(whole)}{_rest(whole[0])}", columns, 4, tuple(groups))


def _bridge(sheet: FigureTable) -> EvidenceTable:
    """Lay out what the pipeline was at the start and what it gained, by what became of it: rows and columns add up."""
    starts, created = zip(*_BECAME_OF.values(), strict=True)
    steps = {word: ([before], [new]) for word, (before, new) in _BECAME_OF.items()} | {"Together": (starts, created)}
    rows = tuple(
        (word, *(_joined(_told(sheet, *_sum(sheet.review, part))) for part in (before, new, (*before, *new))))
        for word, (before, new) in steps.items()
    )
    columns = ("What became of them", "Open at the start", "Created in the period", "Together")
    return EvidenceTable("The deals of the pipeline, listed where they are won, lost or open", columns, 1, (((), rows),))


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
    if kpi.bottom == "count":
        return f"{top} {_TIMES} {style.things(figure.denominator, kpi.n_label)} = {value}"
    under = style.value(figure.denominator, kpi.bottom)
    return f"{top} {_TIMES} {under} = {value}" + (f" ({sample})" if sample else "")


def _deal(name: str, row: Mapping[str, Any], write: Callable[[float], str]) -> tuple[str, ...]:
    since = name == "open" and row["outcome"] != "open"  # what was open at the end of the period may have closed by today
    marks = [word for flag, word in _MARKS.items() if row[flag] and name in _MADE_OF[flag]]
    return (
        row["deal_id"],
        "no account" if row["account_id"] is None else row["account_id"],
        f"{_day(row['opened_on'])} – {_day(row['last_on'])}",
        " · ".join(["closed since" if since else row["stage"] or row["outcome"], *marks]),
        "no amount" if row["amount"] is None else write(row["amount"]),
    )


def _target_rows(sheet: FigureTable, title: str, terms: Sequence[Sequence[Any]], *, unit: str) -> EvidenceTable:
    """List the rows of a target, with what ramp and days leave of each, and what they add up to."""
    style, effective = sheet.style, [value * ramp * active / days for _, value, ramp, active, days in terms]

    counts: list[float] = effective
    write: Callable[[float], str] = partial(style.value, unit=unit)
    if unit == "money":
        counts = style.adding_up(effective)
        write = style.exactly([*counts, *(value for _, value, *_ in terms)])
    rows = tuple(
        (
            period or _FROM_PARAMS,
            write(value),
            style.value(ramp, "percent"),
            f"{active} of {days}" if days > 1 else "",
            write(part),
        )
        for (period, value, ramp, active, days), part in zip(terms, counts, strict=True)
    )
    return EvidenceTable(
        f"{title}: {write(math.fsum(counts))}", ("Period", "Full target", "Ramp", "Days", "Counts"), 1, (((), rows),)
    )


def _accounts(sheet: FigureTable) -> EvidenceTable:
    """List the accounts of the retention window, the largest first."""
    listed, style = sheet.review.lists["accounts"], sheet.style
    count, *sums = listed.totals["base"]
    shown = [math.fsum(row[name] for row in listed.rows) for name in ("base_revenue", "revenue")]
    number = _of(style.value(len(listed.rows), "count"), style.value(count, "count"))
    write = style.exactly(row[name] for row in listed.rows for name in ("base_revenue", "revenue"))
    before, now = (_of(write(part), write(whole)) for part, whole in zip(shown, sums, strict=True))
    caption = f"Accounts of {sheet.review.workbook.retention_window}: {number}, {before} then, {now} now{_rest(number)}"
    rows = tuple(
        (
            row["account_id"],
            "bought again" if row["kept"] else "not in this period, open deal" if row["open_deal"] else "not in this period",
            write(row["base_revenue"]),
            write(row["revenue"]),
        )
        for row in listed.rows
    )
    return EvidenceTable(caption, ("Account", "What became of it", "Before", "Now"), 2, (((), rows),))


def _day(date: str | None) -> str:
    return "no date" if date is None else labels.short_day(date)
