"""The change of revenue, explained: how much came from the number of won deals, how much from their size.

Revenue = won deals x average won deal. The additive log-mean (LMDI) decomposition splits a change into these two without a
remainder. Source: B. W. Ang, "The LMDI approach to decomposition analysis", Energy Policy 33 (2005).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal


@dataclass(frozen=True)
class Split:
    """The parts of a change of revenue, in cents; they add up to the change exactly.

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

    @property
    def total(self) -> int:
        """The whole change."""
        return self.won_deals + self.deal_size + self.refunds + self.unsplit


@dataclass(frozen=True)
class Sales:
    """Won deals of one period: amount without refunds, number of deals, refunds (negative)."""

    amount: float
    deals: float
    refunds: float


def split(before: Sales, now: Sales) -> Split:
    """Split the change of revenue between two periods of one rep."""
    change = cents(now.amount) - cents(before.amount)
    # What is left of the change of revenue, so that amounts with parts of a cent close to it too.
    refunds = cents(now.amount + now.refunds) - cents(before.amount + before.refunds) - change
    if min(before.amount, now.amount, before.deals, now.deals) <= 0:
        reason = None if change == 0 else "one of the two periods has no won deals to compare"
        return Split(0, 0, refunds, change, reason)
    weight = _log_mean(now.amount, before.amount)
    by_count = weight * math.log(now.deals / before.deals)
    by_size = weight * math.log((now.amount / now.deals) / (before.amount / before.deals))
    won_deals, deal_size = share_out(change, [by_count * 100, by_size * 100])
    return Split(won_deals, deal_size, refunds, 0)


def total(parts: Sequence[Split], change: int) -> Split:
    """Add the splits of a team's reps up; what they leave of the team's own change is not split.

    Args:
        parts: The reps' splits.
        change: The team's change of revenue in cents.
    """
    won_deals, deal_size, refunds = (
        sum(getattr(part, name) for part in parts) for name in ("won_deals", "deal_size", "refunds")
    )
    rest = change - won_deals - deal_size - refunds
    return Split(
        won_deals, deal_size, refunds, rest, "reps without won deals in one of the two periods, and moves" if rest else None
    )


def share_out(whole: int, parts: Sequence[float]) -> list[int]:
    """Round parts to integers that add up to ``whole``, by the largest remainder; ties go to the first."""
    floors = [math.floor(part) for part in parts]
    remainders = [part - floor for part, floor in zip(parts, floors, strict=True)]
    order = sorted(range(len(parts)), key=lambda index: -remainders[index])
    missing = whole - sum(floors)
    for step in range(abs(missing)):
        floors[order[step % len(order)]] += 1 if missing > 0 else -1
    return floors


def cents(amount: float) -> int:
    """Turn an amount into cents."""
    return int((Decimal(repr(float(amount))) * 100).to_integral_value(ROUND_HALF_EVEN))


def _log_mean(left: float, right: float) -> float:
    """The logarithmic mean of two positive numbers; their common value where they are equal."""
    if math.isclose(left, right, rel_tol=1e-12):
        return left
    return (left - right) / math.log(left / right)
