"""Intervals of sampled figures: Wilson for shares, order statistics for medians. No random numbers.

Sources: E. B. Wilson, "Probable inference", JASA 22 (1927); for medians, the binomial ranks of order statistics (H. A. David,
"Order Statistics", section 7.1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal

import numpy as np

#: Two-sided 95 % and one-sided 80 % normal quantiles.
Z95: Final = 1.959963984540054
Z80: Final = 0.8416
#: Fewest observations for an interval that decides anything.
FEWEST: Final = {"wilson": 10, "order": 6}


def wilson(successes: float, n: float, *, z: float = Z95) -> tuple[float, float]:
    """Bound a share by the Wilson score interval.

    Args:
        successes: How many of ``n``.
        n: Observations, at least 1.
        z: Normal quantile; one bound alone with ``Z80`` is the one-sided 80 % bound.
    """
    share = successes / n
    middle = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # Of none and of all one bound is the share itself, which the root would miss by its last digit.
    return (middle - spread) / scale if successes else 0.0, (middle + spread) / scale if successes != n else 1.0


def median_interval(ordered: Sequence[float]) -> tuple[float, float] | None:
    """Bound a median at 95 % by two order statistics; None under six observations.

    Args:
        ordered: The observations, ascending.
    """
    rank = _rank(len(ordered), 0.025)
    return (ordered[rank - 1], ordered[len(ordered) - rank]) if rank else None


def median_bound(ordered: Sequence[float], side: Literal["lower", "upper"]) -> float:
    """Bound a median on one side at 80 %; at least three observations.

    Raises:
        ValueError: Too few observations for such a bound.
    """
    rank = _rank(len(ordered), 0.2)
    if not rank:
        raise ValueError("a one-sided 80 % bound needs three observations")
    return ordered[rank - 1] if side == "lower" else ordered[len(ordered) - rank]


@lru_cache(maxsize=4096)
def _rank(n: int, tail: float) -> int:
    """Find the largest rank r with P(Binomial(n, 1/2) <= r - 1) <= tail; 0 where there is none."""
    if n == 0:
        return 0
    counts = np.arange(n + 1)
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    log_mass = factorials[n] - factorials[counts] - factorials[n - counts] - n * math.log(2)
    return int(np.searchsorted(np.cumsum(np.exp(log_mass)), tail + 1e-12, side="right"))
