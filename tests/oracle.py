"""Every figure as a plain loop over rows, written from the definitions and not from the code that is tested.

A deal is a dict with the canonical columns: dates as dates, amounts as decimals, missing as None. Loops are slow and plain on
purpose: whoever doubts a figure can follow one with a finger.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

Row = Mapping[str, Any]
#: A figure and its sample size; the figure is None where it cannot be given.
Reading = tuple[Fraction | None, int | None]
ALL_COLUMNS = frozenset({"account_id", "amount", "expected_amount", "opened_on", "closed_on", "expected_close_on", "product"})


@dataclass(frozen=True)
class Span:
    """A half-open period with the retention window before it and the end of the period after it."""

    name: str
    start: dt.date
    end: dt.date
    window_start: dt.date
    next_end: dt.date


@dataclass(frozen=True)
class Book:
    """All that is known: ``targets`` maps (rep, period name) to the rep's effective revenue target."""

    deals: Sequence[Row]
    reps: Sequence[Row]
    history_from: dt.date
    as_of: dt.date = dt.date(2026, 10, 15)
    mapped: frozenset[str] = ALL_COLUMNS
    targets: Mapping[tuple[str, str], Fraction] | None = None


@dataclass(frozen=True)
class Case:
    """What one figure is taken of: the deals of some owners in one period of a book."""

    book: Book
    owners: frozenset[str]
    span: Span
    target: Fraction | None = None
    next_target: Fraction | None = None

    @property
    def own(self) -> Iterator[Row]:
        for deal in self.book.deals:
            if deal["rep_id"] in self.owners:
                yield deal

    def inside(self, day: dt.date | None) -> bool:
        return day is not None and self.span.start <= day < self.span.end

    def in_window(self, day: dt.date | None) -> bool:
        return day is not None and self.span.window_start <= day < self.span.start


#: The months of a tile of the calendar, and what it is called by its year and number.
TILES = {"month": (1, "{}-{:02}"), "quarter": (3, "{}-Q{}"), "half": (6, "{}-H{}"), "year": (12, "FY{}")}


def quarter(year: int, number: int) -> Span:
    """A calendar quarter; the retention window is the quarter before it."""
    return tile("quarter", year, number)


def tile(kind: str, year: int, number: int) -> Span:
    """A month, quarter, half or year of the calendar, counted on over a year's end; its window is the one before it."""
    months, name = TILES[kind]
    years, place = divmod((number - 1) * months, 12)
    edges = [_first_day(year * 12 + (number - 1 + step) * months) for step in (-1, 0, 1, 2)]
    return Span(name.format(year + years, place // months + 1), edges[1], edges[2], edges[0], edges[3])


def _first_day(month: int) -> dt.date:
    return dt.date(month // 12, month % 12 + 1, 1)


# What a deal is -------------------------------------------------------------------------------------------------------------


def refund(deal: Row) -> bool:
    return bool(deal["outcome"] == "won" and deal["amount"] is not None and deal["amount"] < 0)


def win(deal: Row) -> bool:
    return bool(deal["outcome"] == "won" and not refund(deal))


def sale(deal: Row) -> bool:
    return bool(win(deal) and deal["amount"] is not None)


def backwards(deal: Row) -> bool:
    """Closed before it was opened."""
    return bool(deal["opened_on"] and deal["closed_on"] and deal["closed_on"] < deal["opened_on"])


def open_at(deal: Row, moment: dt.date) -> bool:
    if refund(deal) or deal["opened_on"] is None or deal["opened_on"] >= moment:
        return False
    return bool(deal["outcome"] == "open" or deal["closed_on"] >= moment)


def expected(case: Case, deal: Row) -> Decimal | None:
    """What a deal adds to pipeline value and bridge; None where it stays outside. Unmapped: deals are counted."""
    if deal["opened_on"] is None or backwards(deal):
        return None
    if not carried(case.book, "expected_amount"):
        return Decimal(1)
    amount: Decimal | None = deal["expected_amount"]
    return amount


def cycle(deal: Row) -> int | None:
    if not win(deal) or not deal["opened_on"] or not deal["closed_on"] or backwards(deal):
        return None
    days: int = (deal["closed_on"] - deal["opened_on"]).days
    return days


def quantile(values: Sequence[Any], share: Fraction) -> Fraction | None:
    """The linear kind (type 7)."""
    ordered = sorted(values)
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    low, high = Fraction(ordered[below]), Fraction(ordered[above])
    return low + (high - low) * (place - below)


def divide(top: Decimal | int, bottom: Decimal | int | Fraction | None) -> Fraction | None:
    """Never 0 and never 100 % where there is nothing to divide by."""
    if bottom is None or bottom <= 0:
        return None
    return Fraction(top) / Fraction(bottom)


# Result ---------------------------------------------------------------------------------------------------------------------


def _count(case: Case, what: Callable[[Row], bool], date: str = "closed_on") -> int:
    number = 0
    for deal in case.own:
        if what(deal) and case.inside(deal[date]):
            number += 1
    return number


def _sum(case: Case, what: Callable[[Row], bool]) -> Decimal:
    total = Decimal(0)
    for deal in case.own:
        if what(deal) and case.inside(deal["closed_on"]) and deal["amount"] is not None:
            total += deal["amount"]
    return total


def _is(outcome: str) -> Callable[[Row], bool]:
    return lambda deal: bool(deal["outcome"] == outcome)


def revenue(case: Case) -> Reading:
    return Fraction(_sum(case, _is("won"))), _count(case, sale)


def attainment(case: Case) -> Reading:
    return divide(_sum(case, _is("won")), case.target), _count(case, sale)


def largest_deal(case: Case) -> Reading:
    largest = None
    for deal in case.own:
        if sale(deal) and case.inside(deal["closed_on"]) and (largest is None or deal["amount"] > largest):
            largest = deal["amount"]
    return None if largest is None else Fraction(largest), None


def _purchases(case: Case) -> dict[str, list[Row]]:
    """Each account's purchases from anyone, first to last; of several on one day the smallest deal id first."""
    purchases: dict[str, list[Row]] = {}
    for deal in case.book.deals:
        if sale(deal) and deal["account_id"] is not None:
            purchases.setdefault(deal["account_id"], []).append(deal)
    for deals in purchases.values():
        deals.sort(key=lambda deal: (deal["closed_on"], deal["deal_id"]))
    return purchases


def _firsts(case: Case) -> list[Row]:
    first = [deals[0] for deals in _purchases(case).values()]
    return [deal for deal in first if case.inside(deal["closed_on"]) and deal["rep_id"] in case.owners]


def new_customers(case: Case) -> Reading:
    return Fraction(len(_firsts(case))), _count(case, sale)


def new_customer_revenue(case: Case) -> Reading:
    return Fraction(sum((deal["amount"] for deal in _firsts(case)), Decimal(0))), None


def won_back(case: Case) -> Reading:
    number = 0
    for deals in _purchases(case).values():
        before = [deal for deal in deals if deal["closed_on"] < case.span.start]
        recent = [deal for deal in before if case.in_window(deal["closed_on"])]
        now = [deal for deal in deals if case.inside(deal["closed_on"])]
        if before and not recent and now and now[0]["rep_id"] in case.owners:
            number += 1
    return Fraction(number), None


# Conversion -----------------------------------------------------------------------------------------------------------------


def win_rate(case: Case) -> Reading:
    won, lost = _count(case, win), _count(case, _is("lost"))
    return divide(won, won + lost), won + lost


def win_rate_value(case: Case) -> Reading:
    won = lost = Decimal(0)
    for deal in case.own:
        if case.inside(deal["closed_on"]) and deal["expected_amount"] is not None:
            won += deal["expected_amount"] if win(deal) else 0
            lost += deal["expected_amount"] if deal["outcome"] == "lost" else 0
    return divide(won, won + lost), None


def _opened(case: Case) -> list[Row]:
    return [deal for deal in case.own if not refund(deal) and case.inside(deal["opened_on"])]


def _age(case: Case) -> int | None:
    """Days after which a cohort is judged: in so many full weeks nine of ten won deals of all are closed."""
    limit = _stale_after(case)
    return None if limit is None else math.ceil(limit / 7) * 7


def _opened_won(case: Case) -> int:
    age, number = _age(case), 0
    for deal in _opened(case):
        if age is not None and win(deal) and deal["closed_on"] and (deal["closed_on"] - deal["opened_on"]).days <= age:
            number += 1
    return number


def conversion_rate(case: Case) -> Reading:
    cohort, age = _opened(case), _age(case)
    if age is None or any(deal["opened_on"] + dt.timedelta(days=age) > case.book.as_of for deal in cohort):
        return None, len(cohort)
    return divide(_opened_won(case), len(cohort)), len(cohort)


def _amounts(case: Case) -> list[Decimal]:
    return [deal["amount"] for deal in case.own if sale(deal) and case.inside(deal["closed_on"])]


def deal_size(case: Case) -> Reading:
    amounts = _amounts(case)
    return divide(sum(amounts, Decimal(0)), len(amounts)), len(amounts)


def _cycles(case: Case) -> list[int]:
    return [days for deal in case.own if case.inside(deal["closed_on"]) and (days := cycle(deal)) is not None]


def cycle_days(case: Case) -> Reading:
    return quantile(_cycles(case), Fraction(1, 2)), len(_cycles(case))


# Pipeline -------------------------------------------------------------------------------------------------------------------


def _value(case: Case, what: Callable[[Row], bool]) -> tuple[Decimal, int]:
    total, number = Decimal(0), 0
    for deal in case.own:
        amount = expected(case, deal)
        if what(deal) and amount is not None:
            total, number = total + amount, number + 1
    return total, number


def _open_at_end(case: Case) -> Callable[[Row], bool]:
    return lambda deal: open_at(deal, case.span.end)


def _open_at_start(case: Case) -> Callable[[Row], bool]:
    return lambda deal: open_at(deal, case.span.start)


def pipeline_value(case: Case) -> Reading:
    total, number = _value(case, _open_at_end(case))
    return Fraction(total), number


def pipeline_growth(case: Case) -> Reading:
    end, (start, number) = _value(case, _open_at_end(case))[0], _value(case, _open_at_start(case))
    return divide(end - start, start), number


def _bridge(what: Callable[[Case], Callable[[Row], bool]]) -> Callable[[Case], Reading]:
    return lambda case: (Fraction(_value(case, what(case))[0]), None)


def unvalued_deals(case: Case) -> Reading:
    number = 0
    for deal in case.own:
        unplaced = deal["outcome"] == "open" and deal["opened_on"] is None
        if unplaced or (open_at(deal, case.span.end) and expected(case, deal) is None):
            number += 1
    return Fraction(number), None


def _stale_after(case: Case) -> Fraction | None:
    days = [days for deal in case.book.deals if (days := cycle(deal)) is not None]
    return quantile(days, Fraction(9, 10))


def stale_deals(case: Case) -> Reading:
    limit, number = _stale_after(case), 0
    for deal in case.own:
        if limit is not None and open_at(deal, case.span.end) and (case.span.end - deal["opened_on"]).days > limit:
            number += 1
    return Fraction(number), None


def _due(case: Case) -> tuple[Decimal, int]:
    def due(deal: Row) -> bool:
        if not open_at(deal, case.span.end):
            return False
        day = deal["expected_close_on"]
        return "expected_close_on" not in case.book.mapped or (day is not None and case.span.end <= day < case.span.next_end)

    return _value(case, due)


def pipeline_coverage(case: Case) -> Reading:
    total, number = _due(case)
    return divide(total, case.next_target), number


# Customers ------------------------------------------------------------------------------------------------------------------


def _base(case: Case) -> set[str]:
    return {deal["account_id"] for deal in case.own if sale(deal) and deal["account_id"] and case.in_window(deal["closed_on"])}


def _kept(case: Case) -> set[str]:
    buyers = {deal["account_id"] for deal in case.book.deals if sale(deal) and case.inside(deal["closed_on"])}
    return _base(case) & buyers


def retention_rate(case: Case) -> Reading:
    return divide(len(_kept(case)), len(_base(case))), len(_base(case))


def lapsed_open(case: Case) -> Reading:
    waiting = {deal["account_id"] for deal in case.own if open_at(deal, case.span.end)}
    return Fraction(len((_base(case) - _kept(case)) & waiting)), None


def _brought(case: Case, account: str, when: Callable[[dt.date | None], bool]) -> Decimal:
    total = Decimal(0)
    for deal in case.own:
        if deal["account_id"] == account and deal["outcome"] == "won" and when(deal["closed_on"]):
            total += deal["amount"] or 0
    return total


def _revenues(case: Case) -> list[tuple[Decimal, Decimal]]:
    """Each base account's revenue before and now, refunds taken off."""
    return [(_brought(case, account, case.in_window), _brought(case, account, case.inside)) for account in sorted(_base(case))]


def revenue_retention(case: Case) -> Reading:
    pairs = _revenues(case)
    return divide(sum((now for _, now in pairs), Decimal(0)), sum((before for before, _ in pairs), Decimal(0))), len(pairs)


def gross_retention(case: Case) -> Reading:
    pairs = _revenues(case)
    capped = sum((min(now, before) for before, now in pairs), Decimal(0))
    return divide(capped, sum((before for before, _ in pairs), Decimal(0))), None


# All of them ----------------------------------------------------------------------------------------------------------------

CLOSED, SALES, CYCLE = {"closed_on"}, {"closed_on", "amount"}, {"opened_on", "closed_on"}
CUSTOMERS = {"closed_on", "amount", "account_id"}
EXPECTED = {"opened_on", "closed_on", "expected_amount"}

#: The open pipeline at the start, what changes it, and at the end.
BRIDGE = ("pipeline_start", "pipeline_created", "pipeline_won", "pipeline_lost", "pipeline_end")
#: Figure, the columns it needs, and whether the history must cover the retention window too.
FIGURES: dict[str, tuple[Callable[[Case], Reading], set[str], bool]] = {
    "revenue": (revenue, SALES, False),
    "won_revenue": (lambda c: (Fraction(_sum(c, sale)), None), SALES, False),
    "refunds": (lambda c: (Fraction(_sum(c, refund)), None), SALES, False),
    "refund_deals": (lambda c: (Fraction(_count(c, refund)), None), SALES, False),
    "won_without_amount": (lambda c: (Fraction(_count(c, lambda d: win(d) and not sale(d))), None), CLOSED, False),
    "largest_deal": (largest_deal, SALES, False),
    "attainment": (attainment, SALES, False),
    "new_customers": (new_customers, CUSTOMERS, True),
    "new_customer_revenue": (new_customer_revenue, CUSTOMERS, True),
    "won_back": (won_back, CUSTOMERS, True),
    "win_rate": (win_rate, CLOSED, False),
    "won_deals": (lambda c: (Fraction(_count(c, win)), None), CLOSED, False),
    "lost_deals": (lambda c: (Fraction(_count(c, _is("lost"))), None), CLOSED, False),
    "closed_deals": (lambda c: (Fraction(_count(c, win) + _count(c, _is("lost"))), None), CLOSED, False),
    "win_rate_value": (win_rate_value, {"closed_on", "expected_amount"}, False),
    "conversion_rate": (conversion_rate, CYCLE, False),
    "opened_deals": (lambda c: (Fraction(len(_opened(c))), None), {"opened_on"}, False),
    "opened_won": (lambda c: (Fraction(_opened_won(c)), None), CYCLE, False),
    "opened_closed": (lambda c: (Fraction(sum(d["outcome"] != "open" for d in _opened(c))), None), {"opened_on"}, False),
    "deal_size": (deal_size, SALES, False),
    "deal_size_median": (lambda c: (quantile(_amounts(c), Fraction(1, 2)), None), SALES, False),
    "cycle_days": (cycle_days, CYCLE, False),
    "cycle_q1": (lambda c: (quantile(_cycles(c), Fraction(1, 4)), None), CYCLE, False),
    "cycle_q3": (lambda c: (quantile(_cycles(c), Fraction(3, 4)), None), CYCLE, False),
    "pipeline_value": (pipeline_value, EXPECTED, False),
    "open_deals": (lambda c: (Fraction(sum(map(_open_at_end(c), c.own))), None), CYCLE, False),
    "still_open": (lambda c: (Fraction(sum(_open_at_end(c)(d) and d["outcome"] == "open" for d in c.own)), None), CYCLE, False),
    "open_deals_start": (lambda c: (Fraction(sum(map(_open_at_start(c), c.own))), None), CYCLE, False),
    "unvalued_deals": (unvalued_deals, CLOSED, False),
    "stale_deals": (stale_deals, CYCLE, False),
    "pipeline_growth": (pipeline_growth, CYCLE, False),
    "pipeline_start": (_bridge(_open_at_start), CYCLE, False),
    "pipeline_created": (_bridge(lambda c: lambda d: not refund(d) and c.inside(d["opened_on"])), CYCLE, False),
    "pipeline_won": (_bridge(lambda c: lambda d: win(d) and c.inside(d["closed_on"])), CYCLE, False),
    "pipeline_lost": (_bridge(lambda c: lambda d: d["outcome"] == "lost" and c.inside(d["closed_on"])), CYCLE, False),
    "pipeline_end": (_bridge(_open_at_end), CYCLE, False),
    "pipeline_coverage": (pipeline_coverage, EXPECTED, False),
    "due_value": (lambda c: (Fraction(_due(c)[0]), None), EXPECTED, False),
    "undated_deals": (
        lambda c: (Fraction(sum(open_at(d, c.span.end) and d["expected_close_on"] is None for d in c.own)), None),
        CYCLE | {"expected_close_on"},
        False,
    ),
    "retention_rate": (retention_rate, CUSTOMERS, True),
    "base_accounts": (lambda c: (Fraction(len(_base(c))), None), CUSTOMERS, True),
    "kept_accounts": (lambda c: (Fraction(len(_kept(c))), None), CUSTOMERS, True),
    "lapsed_open": (lapsed_open, CUSTOMERS, True),
    "revenue_retention": (revenue_retention, CUSTOMERS, True),
    "base_revenue": (lambda c: (Fraction(sum((b for b, _ in _revenues(c)), Decimal(0))), None), CUSTOMERS, True),
    "kept_revenue": (lambda c: (Fraction(sum((now for _, now in _revenues(c)), Decimal(0))), None), CUSTOMERS, True),
    "gross_retention": (gross_retention, CUSTOMERS, True),
}


#: What rests on lost deals, and what on open ones: an export without any of them cannot carry it.
OF_LOST = {
    "win_rate", "win_rate_value", "lost_deals", "closed_deals", "conversion_rate", "opened_deals", "opened_closed",
}  # fmt: skip
OF_OPEN = {
    "conversion_rate", "opened_deals", "pipeline_value", "open_deals", "still_open", "open_deals_start",
    "unvalued_deals", "stale_deals",
    "pipeline_growth", *BRIDGE, "pipeline_coverage", "due_value", "undated_deals", "lapsed_open",
}  # fmt: skip


def carried(book: Book, column: str) -> bool:
    """Whether the export has a column in which a deal that should carry something does."""
    deals = [deal for deal in book.deals if column not in ("amount", "account_id") or deal["outcome"] == "won"]
    empty = bool(deals) and all(deal[column] is None for deal in deals)
    return column in book.mapped and (column == "expected_close_on" or not empty)


def reading(key: str, case: Case) -> Reading:
    """Read one figure; nothing where columns, outcomes or history are missing."""
    loop, columns, window = FIGURES[key]
    begins = case.span.window_start if window else case.span.start
    outcomes = {deal["outcome"] for deal in case.book.deals}
    if (key in OF_LOST and "lost" not in outcomes) or (key in OF_OPEN and "open" not in outcomes):
        return None, None
    if not all(carried(case.book, column) for column in columns) or begins < case.book.history_from:
        return None, None
    return loop(case)


# Who counts for whom --------------------------------------------------------------------------------------------------------


def post(book: Book, rep: str, span: Span) -> Row:
    """The rep's row on the last day of the period; the rows of these books begin one where the other ends."""
    last = span.end - dt.timedelta(days=1)
    rows = sorted((row for row in book.reps if row["rep_id"] == rep), key=lambda row: row.get("from") or dt.date.min)
    begun = [row for row in rows if (row.get("from") or dt.date.min) <= last]
    return begun[-1] if begun else rows[0]


def active(book: Book, rep: str, span: Span) -> bool:
    row = post(book, rep, span)
    return (row.get("started_on") or dt.date.min) < span.end and (row.get("left_on") or dt.date.max) >= span.start


def cases(book: Book, span: Span, following: Span) -> dict[tuple[str, str], Case | None]:
    """Every scope of a period; None for reps of whom there is nothing to say."""
    reps = sorted({row["rep_id"] for row in book.reps})
    owners = {deal["rep_id"] for deal in book.deals}
    teams = sorted({str(team) for rep in reps if (team := post(book, rep, span).get("team"))})
    found: dict[tuple[str, str], Case | None] = {}
    for rep in reps:
        closed = [d for d in book.deals if d["rep_id"] == rep and d["outcome"] != "open" and _within(d["closed_on"], span)]
        there = rep in owners and (active(book, rep, span) or bool(closed))
        own = Case(book, frozenset({rep}), span, _target(book, rep, span), _target(book, rep, following))
        found["rep", rep] = own if there else None
    for team in teams:
        members, later = (_members(book, reps, team, each) for each in (span, following))
        owners_of = frozenset(rep for rep in reps if post(book, rep, span).get("team") == team)
        found["team", team] = Case(book, owners_of, span, _total(book, members, span), _total(book, later, following))
    everyone, later = ([rep for rep in reps if active(book, rep, each)] for each in (span, following))
    whole = frozenset(owners | set(reps))
    found["all", "all"] = Case(book, whole, span, _total(book, everyone, span), _total(book, later, following))
    found["unassigned", "unassigned"] = Case(book, frozenset(owners - set(reps)), span)
    return found


def _within(day: dt.date | None, span: Span) -> bool:
    return day is not None and span.start <= day < span.end


def _members(book: Book, reps: Sequence[str], team: str, span: Span) -> list[str]:
    return [rep for rep in reps if post(book, rep, span).get("team") == team and active(book, rep, span)]


def _target(book: Book, rep: str, span: Span) -> Fraction | None:
    return (book.targets or {}).get((rep, span.name))


def _total(book: Book, reps: Sequence[str], span: Span) -> Fraction | None:
    """A team's target is the sum over its active reps; none where one of them lacks his."""
    each = [_target(book, rep, span) for rep in reps]
    known = [target for target in each if target is not None]
    return sum(known, Fraction(0)) if each and len(known) == len(each) else None
