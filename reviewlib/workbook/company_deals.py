"""The sample company's deals: one rep's at a time, as columns of numbers.

A rep's deals are drawn in strata rather than one by one, so that a company of a few thousand deals shows its reps' habits and
not only noise. Amounts are whole cents, dates days since 1970, and ``owner`` is the rep's index. ``account`` counts the rep's
own accounts from 0, and is below -1 another rep's; ``company`` numbers them anew, for all reps together.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from reviewlib.periods import Period
from reviewlib.workbook.company_people import AS_OF, HISTORY_FROM, QUARTERS, Rep, full_target, generator, season

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

STAGES: Final = ("Closed Won", "Closed Lost", "No Decision", "Discovery", "Evaluation", "Proposal", "Negotiation")
WON, LOST, NO_DECISION, DISCOVERY = 0, 1, 2, 3
MISSING: Final = -1
#: Refunds are negative, so a missing amount is none of the amounts there can be.
NO_AMOUNT: Final = -(2**62)
#: Shares of new customers, and of former ones who come back, among the sales that are no repeat purchase.
FRESH: Final = 0.58
BACK: Final = 0.34
#: Deals opened this long before the history still close in it.
LEAD_DAYS: Final = 130


def day(date: dt.date) -> int:
    """Count days since 1970."""
    return (date - dt.date(1970, 1, 1)).days


END: Final = day(AS_OF)
HISTORY: Final = day(HISTORY_FROM)
QUARTER_STARTS: Final = np.array([day(quarter.start) for quarter in QUARTERS])
_FIRST: Final = HISTORY - LEAD_DAYS


def openings(rep: Rep) -> Floats:
    """Weigh each day from the lead-in to the as-of date by how many deals the rep opens on it."""
    days = np.arange(_FIRST, END + 1)
    weights = np.where((days + 3) % 7 < 5, 1.0, 0.0)
    month = Period.containing(dt.date(1970, 1, 1) + dt.timedelta(days=_FIRST), "month")
    while day(month.start) <= END:
        inside = (days >= day(month.start)) & (days < day(month.end))
        share = rep.story.opening.get(Period.containing(month.start, "quarter").name, 1.0)
        # What closes in a month was mostly opened the month before; starters need time to build a pipeline.
        weights[inside] *= season(month.next) * share * (0.4 + 0.6 * rep.ramp(month))
        month = month.next
    weights[days < day(rep.started_on)] = 0.0
    if rep.left_on:
        weights[days > day(rep.left_on)] = 0.0
    return weights * rep.weight


def make_deals(rep: Rep, *, count: int, rate: float) -> pd.DataFrame:
    """Draw ``count`` deals of one rep, refunds included.

    ``rate`` is how many deals an ordinary rep closes in an average month; it sets the targets that results aim at.
    """
    rng = generator(2, rep.index)
    refunds = int(count / 110 + rng.random()) if count >= 20 else 0
    opened, closed, due, doomed = _dates(rep, count - refunds, rng)
    stage = _outcomes(rep, opened, closed, due, doomed=doomed, rng=rng)
    account = _accounts(rep, stage, closed, rng)
    expected, amount = _amounts(rep, stage, closed, rate, rng)
    product = (rng.random(len(stage)) ** 1.4 * 6).astype(np.int64)
    dates = {"opened": opened, "closed": np.where(closed > END, MISSING, closed), "expected_close": due}
    sold = {"account": account, "expected": expected, "amount": amount, "product": product}
    deals = pd.DataFrame({"owner": np.full(len(stage), rep.index), "stage": stage, **dates, **sold})
    return _gaps(_with_refunds(deals, refunds, rng), rng)


def _strata(rng: np.random.Generator, count: int) -> Floats:
    """Draw ``count`` numbers between 0 and 1, one from each of ``count`` equal parts, in random order."""
    return (np.argsort(rng.random(count)) + rng.random(count)) / max(count, 1)


def _scatter(rng: np.random.Generator, count: int, spread: float) -> Floats:
    """Draw factors around 1 whose logarithms follow a logistic distribution, cut at the outer two per cent."""
    part = 0.02 + 0.96 * _strata(rng, count)
    return np.asarray((part / (1 - part)) ** (spread / 1.7))


def _dates(rep: Rep, count: int, rng: np.random.Generator) -> tuple[Ints, Ints, Ints, Bools]:
    """Draw opening, closing and expected dates, and who is doomed: these take longer. After the as-of date is open still."""
    curve = np.cumsum(openings(rep))
    if count == 0 or curve[-1] == 0:
        return *(np.empty(0, np.int64),) * 3, np.empty(0, np.bool_)
    last = min(END, day(rep.left_on)) if rep.left_on else END + 400
    draws = int(count * 1.12) + 3
    while True:
        doomed = rng.random(draws) > rep.win_rate
        opened = _FIRST + np.searchsorted(curve, _strata(rng, draws) * curve[-1], side="right").astype(np.int64)
        slow = np.where(doomed, 1.35, 0.95) * np.where(rng.random(draws) < 0.03, 3.5, 1.0)
        closed = opened + np.maximum(2, np.round(rep.cycle * slow * _scatter(rng, draws, rep.spread))).astype(np.int64)
        closed += np.array([0, 0, 0, 0, 0, 2, 1])[(closed + 3) % 7]
        # What was closed before the history is not in the export; what a leaver left open has another owner by now.
        kept = np.flatnonzero((closed >= HISTORY) & (closed <= last))
        if len(kept) >= count:
            break
        draws = int(draws * 1.3) + 3
    kept = kept[np.argsort(opened[kept], kind="stable")]
    chosen = kept[((np.arange(count) + rng.random()) * (len(kept) / count)).astype(np.int64)]
    opened, closed = opened[chosen], closed[chosen]
    due = closed + np.round((rng.random(count) - 0.5) * 24).astype(np.int64)
    return opened, closed, np.maximum(due, np.where(closed > END, END - 12, opened)), doomed[chosen]


def _outcomes(rep: Rep, opened: Ints, closed: Ints, due: Ints, *, doomed: Bools, rng: np.random.Generator) -> Ints:
    """Give each deal its stage; each quarter wins the share that the rep wins, to one deal."""
    lost = np.where(rng.random(len(closed)) < 0.25, NO_DECISION, LOST)
    progress = (END - opened) / np.maximum(due - opened, 1)
    stage = np.where(closed > END, DISCOVERY + np.clip((progress * 4).astype(np.int64), 0, 3), lost)
    for number, quarter in enumerate(QUARTERS):
        rows = _in_quarter(closed, number)
        share = rep.story.win_rates.get(quarter.name, rep.win_rate + 0.08 * (rng.random() - 0.5))
        winners = int(len(rows) * share + rng.random())
        stage[rows[np.argsort(rng.random(len(rows)) + 0.6 * doomed[rows])[:winners]]] = WON
    return stage


def _in_quarter(closed: Ints, number: int) -> Ints:
    end = QUARTER_STARTS[number + 1] if number + 1 < len(QUARTER_STARTS) else END + 1
    return np.flatnonzero((closed >= QUARTER_STARTS[number]) & (closed < end))


def _accounts(rep: Rep, stage: Ints, closed: Ints, rng: np.random.Generator) -> Ints:
    """Give each deal an account, so that some customers buy again, some come back and some are new in every quarter."""
    account = np.full(len(stage), MISSING, np.int64)
    known, bought = 0, np.empty(0, np.int64)
    for number in range(len(QUARTERS)):
        rows = _in_quarter(closed, number)
        rows = rows[stage[rows] == WON]
        rows = rows[np.argsort(rng.random(len(rows)))]
        account[rows] = _buyers(rep, len(rows), known=known, bought=bought, rng=rng)
        known = max(known, int(account[rows].max(initial=-1)) + 1)
        bought = np.unique(account[rows])
    return _prospects(account, stage, known, rng)


def _buyers(rep: Rep, sales: int, *, known: int, bought: Ints, rng: np.random.Generator) -> Ints:
    """Choose who buys in a quarter: customers of the quarter before, new ones, former ones, and a few of them twice."""
    again = bought[np.argsort(rng.random(len(bought)))][: round(rep.keep * len(bought))][:sales]
    rest = sales - len(again)
    # Where nobody buys again, somebody new has to.
    new = int(rest * FRESH + rng.random()) or int(len(again) == 0)
    away = np.setdiff1d(np.arange(known), bought)
    back = away[np.argsort(rng.random(len(away)))][: int(rest * BACK + rng.random())]
    once = np.concatenate([again, np.arange(known, known + new), back])[:sales]
    twice = once[(rng.random(sales - len(once)) * len(once)).astype(np.int64)]
    return np.concatenate([once, twice])


def _prospects(account: Ints, stage: Ints, known: int, rng: np.random.Generator) -> Ints:
    """Spread lost and open deals over customers and prospects; a few customers buy from the neighbour too."""
    rest = np.flatnonzero(stage != WON)
    prospects = max(1, len(rest) // 4)
    pick = rng.random(len(rest))
    customer = rng.random(len(rest)) < (0.5 if known else 0.0)
    account[rest] = np.where(customer, pick * known, known + pick * prospects).astype(np.int64)
    neighbour = (stage == WON) & (rng.random(len(stage)) < 0.025)
    account[neighbour] = -2 - account[neighbour] % 8
    return account


def _amounts(rep: Rep, stage: Ints, closed: Ints, rate: float, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Draw expected and closing amounts in cents; a quarter's won deals come near what the rep's level asks for."""
    count = len(stage)
    expected = rep.size * _scatter(rng, count, 0.42) * np.where(rng.random(count) < 0.015, 2.7, 1.0)
    agreed = 0.9 + 0.12 * rng.random(count)
    for number, quarter in enumerate(QUARTERS):
        rows = _in_quarter(closed, number)
        rows = rows[stage[rows] == WON]
        level = rep.story.attainment.get(quarter.name, rep.level + 0.2 * (rng.random() - 0.5))
        revenue = float((expected[rows] * agreed[rows]).sum())
        if number < len(QUARTERS) - 1 and revenue > 0:
            factor = min(1.6, max(0.5, level * _owed(rep, quarter, rate) / revenue))
            expected[rows] *= factor**0.5
            agreed[rows] *= factor**0.5
    expected_cents = np.round(expected / 50).astype(np.int64) * 5000
    odd = rng.random(count)
    step = np.where(odd < 0.1, 1, np.where(odd < 0.4, 500, 1000))
    amount = np.round(expected * agreed * 100 / step).astype(np.int64) * step
    return np.maximum(expected_cents, 5000), np.where(stage == WON, np.maximum(amount, 1000), 0)


def _owed(rep: Rep, quarter: Period, rate: float) -> float:
    """The revenue target of a quarter in euros, after ramp and proration."""
    total = 0.0
    for month in filter(rep.active, quarter.months()):
        end = min(month.last_day, rep.left_on) if rep.left_on else month.last_day
        share = max(0, (end - max(month.start, rep.started_on)).days + 1) / month.days
        total += full_target(rep, month, rate=rate) * rep.ramp(month) * share
    return total


def _with_refunds(deals: pd.DataFrame, count: int, rng: np.random.Generator) -> pd.DataFrame:
    """Append refunds: won deals of negative amount, opened and closed on one day, for part of an earlier sale."""
    sales = deals[(deals["stage"] == WON) & (deals["closed"] < END - 30)]
    if sales.empty or not count:
        return deals
    sold = sales.iloc[(rng.random(count) * len(sales)).astype(np.int64)]
    booked = sold["closed"] + 7 + (rng.random(count) * 20).astype(np.int64)
    part = np.round(sold["amount"] * (0.1 + 0.4 * rng.random(count)) / 1000).astype(np.int64) * 1000
    nothing = {"expected_close": MISSING, "expected": MISSING}
    refunds = sold.assign(opened=booked, closed=booked, amount=-np.maximum(part, 1000), **nothing)
    return pd.concat([deals, refunds], ignore_index=True)


def _gaps(deals: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Leave out what people leave out: accounts, expected dates and amounts, opening dates, the amount of a won deal."""
    draw = rng.random((5, len(deals)))
    won, sale, open_deal = deals["stage"] == WON, deals["amount"] >= 0, deals["stage"] >= DISCOVERY
    return deals.assign(
        opened=deals["opened"].mask((draw[0] < 0.002) & sale, MISSING),
        expected_close=deals["expected_close"].mask((draw[1] < 0.07) & open_deal, MISSING),
        account=deals["account"].mask(draw[2] < 0.012, MISSING),
        expected=deals["expected"].mask(draw[3] < 0.006, MISSING),
        amount=deals["amount"].mask(open_deal | ((draw[4] < 0.0012) & won & sale), NO_AMOUNT),
    )
