"""The scorecard: KPI x target x benchmark x interval to verdict, tidy, one row per scope, period and figure.

A change of revenue is explained: revenue = won deals x average won deal, and the additive log-mean (LMDI) decomposition splits
its change into these two without a remainder. Source: B. W. Ang, "The LMDI approach to decomposition analysis", Energy Policy
33 (2005).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import numpy as np
import pandas as pd

from reviewlib.evidence.availability import SCOPES, ScorecardContext, immature, with_targets, with_values
from reviewlib.evidence.benchmarks import with_peers
from reviewlib.evidence.comparison import same
from reviewlib.evidence.facts import KEY
from reviewlib.evidence.intervals import FEWEST, wilson
from reviewlib.evidence.roster import ALL, Post
from reviewlib.evidence.tables import SCORECARD
from reviewlib.params.figures import Kpi
from reviewlib.params.kpis import RESULT
from reviewlib.periods import Period


@dataclass(frozen=True)
class Split:
    """The parts of a change of revenue, in the currency's smallest unit; they add up to the change exactly.

    Attributes:
        won_deals: What the number of won deals explains.
        deal_size: What the average deal size explains.
        refunds: The change of the refunds.
        unsplit: What cannot be split.
        reason: Why something cannot be split; None where everything is.
    """

    won_deals: int
    deal_size: int
    refunds: int
    unsplit: int
    reason: str | None = None


@dataclass(frozen=True)
class Sales:
    """Won deals of one period: amount without refunds, number of deals, refunds (negative)."""

    amount: float
    deals: float
    refunds: float


def split(before: Sales, now: Sales, *, digits: int = 2) -> Split:
    """Split the change of revenue between two periods of one rep; the currency has so many decimal digits."""
    change = cents(now.amount, digits) - cents(before.amount, digits)
    # What is left of the change of revenue, so that amounts with parts of a cent close to it too.
    refunds = cents(now.amount + now.refunds, digits) - cents(before.amount + before.refunds, digits) - change
    if min(before.amount, now.amount, before.deals, now.deals) <= 0:
        reason = None if change == 0 else "one of the two periods has no won deals to compare"
        return Split(0, 0, refunds, change, reason)
    # The logarithmic mean of the two amounts; their common value where they are equal.
    level = math.isclose(now.amount, before.amount, rel_tol=1e-12)
    weight = now.amount if level else (now.amount - before.amount) / math.log(now.amount / before.amount)
    by_count = weight * math.log(now.deals / before.deals) * 10**digits
    by_size = weight * math.log((now.amount / now.deals) / (before.amount / before.deals)) * 10**digits
    # By the largest remainder, so that the units add up to the change; of two that are alike, the deals' is the first.
    won_deals, deal_size = math.floor(by_count), math.floor(by_size)
    missing, first = change - won_deals - deal_size, by_count - won_deals >= by_size - deal_size
    won_deals += int(math.copysign((abs(missing) + first) // 2, missing))
    return Split(won_deals, change - won_deals, refunds, 0)


def total(parts: Sequence[Split], change: int) -> Split:
    """Add the splits of a team's reps up; what they leave of the team's own change, in cents, is not split."""
    won_deals, deal_size = sum(part.won_deals for part in parts), sum(part.deal_size for part in parts)
    refunds = sum(part.refunds for part in parts)
    rest = change - won_deals - deal_size - refunds
    reason = "reps without won deals in one of the two periods, and moves" if rest else None
    return Split(won_deals, deal_size, refunds, rest, reason)


def cents(amount: float, digits: int = 2) -> int:
    """Turn an amount into the smallest unit of a currency with so many decimal digits."""
    return int(Decimal(repr(float(amount))).scaleb(digits).to_integral_value(ROUND_HALF_EVEN))


Row = Mapping[Hashable, Any]

_PLACES = {name: place for place, name in enumerate(SCORECARD)}


@dataclass(frozen=True)
class SubjectScorecard:
    """The scorecard of one subject: its rows by KPI and period.

    Attributes:
        subject: Whose it is.
        rows: (kpi, period name) to a row of the scorecard, its cells in order.
        kpis: The figures of the workbook.
        period: The review period.
        trend: The periods of the trend, oldest first.
    """

    subject: Post
    rows: Mapping[tuple[str, str], Sequence[Any]]
    kpis: Mapping[str, Kpi]
    period: Period
    trend: tuple[Period, ...]

    def cell(self, kpi: str, column: str = "value", period: Period | None = None) -> Any:
        """Read one cell; None where the figure or the value is missing."""
        row = self.rows.get((kpi, (period or self.period).name))
        value = row[_PLACES[column]] if row else None
        return value if value == value else None  # only missing numbers differ from themselves

    def judged(self) -> list[Kpi]:
        """The KPIs proper that the scorecard holds, in order."""
        return [kpi for key, kpi in self.kpis.items() if kpi.of is None and (key, self.period.name) in self.rows]


def scorecard(figures: pd.DataFrame, context: ScorecardContext) -> pd.DataFrame:
    """Put beside every figure what it is held against; what it tells, ``verdicts`` adds.

    The figures have scope, scope_id, period, kpi, numerator, denominator, n, matures_on, low, high, and optionally reason. What
    comes back has the columns of ``tables.SCORECARD``; units as the KPI's, percentages as fractions, missing as NaN or None.
    """
    figures = figures.assign(verdict=None)
    frame = with_values(with_targets(figures, context), context)
    frame = pd.concat([frame, *_derived(frame, context)], ignore_index=True)
    frame["better"] = frame["kpi"].map({key: kpi.better for key, kpi in context.kpis.items()})
    frame = with_peers(frame, context.roster, context.params.peers, context.sums)
    frame = _with_history(_with_intervals(frame, context), context)
    return _tidy(_with_results(frame, context), context)


def _derived(frame: pd.DataFrame, context: ScorecardContext) -> Iterator[pd.DataFrame]:
    """Work out the figures that are made of other ones."""
    result = frame[(frame["kpi"] == RESULT.key) & frame["scope"].isin(SCOPES)]
    for kpi in context.kpis.values():
        if kpi.split_by:
            yield _changes(frame, kpi, *kpi.split_by, context)
        if kpi.from_targets == "full":
            yield _of_full_targets(result, kpi, context)
        if kpi.from_targets == "of_reps":
            yield _of_reps_targets(result, kpi, context)
        if kpi.earlier:
            yield _of_earlier(frame, kpi, context)


def _changes(frame: pd.DataFrame, kpi: Kpi, won: str, refunds: str, context: ScorecardContext) -> pd.DataFrame:
    """Split the change of a KPI of every scope and period that has one before it."""
    wide = frame[frame["kpi"].isin([won, refunds])].pivot_table(
        index=KEY, columns="kpi", values=["value", "n"], aggfunc="first"
    )
    complete = wide.reindex(columns=[("value", won), ("n", won), ("value", refunds)]).dropna()
    sales = dict(zip(complete.index, itertools.starmap(Sales, complete.itertuples(index=False)), strict=True))
    splits: dict[tuple[str, str, str], Split] = {}
    digits = context.digits
    pairs = [(before, now) for before, now in itertools.pairwise(context.calendar.periods) if before.end == now.start]
    for before, now in pairs:
        for scope, scope_id in sorted({(scope, scope_id) for scope, scope_id, _ in sales}, key=lambda key: key[0] != "rep"):
            here, there = sales.get((scope, scope_id, now.name)), sales.get((scope, scope_id, before.name))
            if here is None or there is None:
                continue
            whole = cents(here.amount + here.refunds, digits) - cents(there.amount + there.refunds, digits)
            parts = [splits[rep] for rep in _reps_of(scope, scope_id, now, context) if rep in splits]
            splits[scope, scope_id, now.name] = split(there, here, digits=digits) if scope == "rep" else total(parts, whole)
    return pd.DataFrame(
        {**dict(zip(KEY, key, strict=True)), "kpi": one.key, "value": getattr(own, one.part) / 10**digits, "reason": own.reason}
        for key, own in splits.items()
        for one in context.kpis.values()
        if one.of == kpi.key and one.part
    )


def _reps_of(scope: str, scope_id: str, period: Period, context: ScorecardContext) -> list[tuple[str, str, str]]:
    posts = context.roster.posts
    return [
        ("rep", rep, period.name)
        for rep in context.roster.rep_ids
        if scope == ALL or (scope == "team" and posts[rep, period.name].team == scope_id)
    ]


def _of_full_targets(result: pd.DataFrame, kpi: Kpi, context: ScorecardContext) -> pd.DataFrame:
    """Divide the result by its full targets."""
    raw = result[KEY].assign(kpi=kpi.key, numerator=result["value"], denominator=result["target_raw"])
    raw["value"] = raw["numerator"] / raw["denominator"].where(raw["denominator"] > 0)
    missing = result["reason"].where(result["reason"].notna(), context.kpis[str(kpi.of)].empty)
    raw["reason"] = missing.where(raw["value"].isna(), None)
    return raw


def _of_reps_targets(result: pd.DataFrame, kpi: Kpi, context: ScorecardContext) -> pd.DataFrame:
    """Sum the targets of each team's reps, and of all."""
    groups = result[result["scope"] != "rep"][KEY].assign(kpi=kpi.key)
    sums = [
        context.targets.of_reps(RESULT, scope, scope_id, context.periods[name])
        for scope, scope_id, name in groups[KEY].itertuples(index=False)
    ]
    groups["value"] = [np.nan if own.value is None else float(own.value) for own in sums]
    groups["reason"] = [own.reason for own in sums]
    return groups


def _of_earlier(frame: pd.DataFrame, kpi: Kpi, context: ScorecardContext) -> pd.DataFrame:
    """Take the latest figure before each one that is not mature yet; the reason says of when it is."""
    cells = ["value", "numerator", "denominator", "n", "reason"]
    own = frame[frame["kpi"] == kpi.of].assign(kpi=kpi.key)
    own = own.sort_values("period", key=lambda names: names.map(list(context.periods).index))
    known = own.assign(reason="the cohort of " + own["period"])[cells].where(own["value"].notna())
    scopes = [own["scope"], own["scope_id"]]
    own[cells] = known.groupby(scopes).ffill().groupby(scopes).shift()
    return own[immature(own, context)]


def _with_intervals(frame: pd.DataFrame, context: ScorecardContext) -> pd.DataFrame:
    """Bound the shares that have enough observations; medians are bounded by their own."""
    fewest = frame["kpi"].map({key: FEWEST.get(kpi.interval or "", np.inf) for key, kpi in context.kpis.items()})
    shares = frame["kpi"].isin([key for key, kpi in context.kpis.items() if kpi.interval == "wilson"])
    enough = frame["value"].notna() & (frame["n"] >= fewest)
    frame[["low", "high"]] = frame[["low", "high"]].where(enough & ~shares)
    rows = frame.index[enough & shares]
    bounds = [wilson(top, n) for top, n in frame.loc[rows, ["numerator", "n"]].itertuples(index=False)]
    frame.loc[rows, ["low", "high"]] = np.array(bounds).reshape(-1, 2)
    return frame


def _with_history(frame: pd.DataFrame, context: ScorecardContext) -> pd.DataFrame:
    """Put the previous period and the year before beside each figure."""
    values = frame.set_index([*KEY, "kpi"])["value"]
    for column in ("previous", "year_ago"):
        other = frame["period"].map({name: getattr(period, column).name for name, period in context.periods.items()})
        keys = pd.MultiIndex.from_arrays([frame["scope"], frame["scope_id"], other, frame["kpi"]])
        frame[column] = values.reindex(keys).to_numpy(dtype="float64")
    frame["change"] = frame["value"] - frame["previous"]
    return frame


def _with_results(frame: pd.DataFrame, context: ScorecardContext) -> pd.DataFrame:
    """Tell attainment, and whether the target was missed, met or exceeded."""
    held = frame.index[frame["value"].notna() & frame["target"].notna()]
    pairs = [*zip(*(frame.loc[held, name].tolist() for name in ("kpi", "value", "target")), strict=True)]
    shares = [attainment(context.kpis[kpi], value, target) for kpi, value, target in pairs]
    results = [
        "met" if same(value, target) else "exceeded" if (value > target) != (context.kpis[kpi].better == "lower") else "missed"
        for kpi, value, target in pairs
    ]
    frame["attainment"] = pd.Series(shares, index=held, dtype="float64").reindex(frame.index)
    frame["result"] = pd.Series(results, index=held, dtype=object).reindex(frame.index)
    return frame


def attainment(kpi: Kpi, value: float, target: float) -> float | None:
    """Divide value by target, or target by value where lower is the aim; None where that says nothing."""
    if kpi.against == "points" or target <= 0:
        return None
    if kpi.better == "lower":
        return target / value if value > 0 else None
    return value / target


def _tidy(frame: pd.DataFrame, context: ScorecardContext) -> pd.DataFrame:
    """Add names, and put rows and columns in order."""
    posts = context.roster.posts
    scopes, ids, periods = (frame[name].tolist() for name in KEY)
    owners = [
        posts.get((scope_id, period)) if scope == "rep" else None
        for scope, scope_id, period in zip(scopes, ids, periods, strict=True)
    ]
    frame["rep_id"] = [post.id if post else None for post in owners]
    frame["rep_name"] = [post.name if post else None for post in owners]
    frame["team"] = [
        (post.team if post else scope_id if scope == "team" else None)
        for post, scope, scope_id in zip(owners, scopes, ids, strict=True)
    ]
    frame["place"] = frame["kpi"].map({key: place for place, key in enumerate(context.kpis)})
    return frame.sort_values(["scope", "scope_id", "period", "place"], kind="stable").reset_index(drop=True)[[*SCORECARD]]
