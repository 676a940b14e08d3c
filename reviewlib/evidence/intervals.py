"""How sure a sampled figure is, without random numbers.

Wilson for shares (E. B. Wilson, "Probable inference", JASA 22, 1927), order statistics for medians, by their binomial ranks
(H. A. David, "Order Statistics", section 7.1).
"""

import math
from typing import Final

import numpy as np

#: Two-sided 95 % and one-sided 80 % normal quantiles.
Z95: Final = 1.959963984540054
Z80: Final = 0.8416


def wilson(successes: float, n: float, *, z: float = Z95) -> tuple[float, float]:
    """Bound a share of at least one observation by the Wilson score interval; one bound of ``Z80`` is the one-sided 80 %."""
    share = successes / n
    middle = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # Of none and of all one bound is the share itself, which the root would miss by its last digit.
    return (middle - spread) / scale if successes else 0.0, (middle + spread) / scale if successes != n else 1.0


def median_bounds(n: int) -> tuple[int, int, int, int] | None:
    """Say which of n ascending observations, the first being 1, bound a median; None where they are too few, as five are.

    The first two are the ends of the 95 % interval, each of the others is the one-sided bound of 80 %.
    """
    wide, narrow = _rank(n, 0.025), _rank(n, 0.2)
    return (wide, n - wide + 1, narrow, n - narrow + 1) if wide else None


def _rank(n: int, tail: float) -> int:
    """Find the largest rank r with P(Binomial(n, 1/2) <= r - 1) <= tail; 0 where there is none."""
    if n == 0:
        return 0
    counts = np.arange(n + 1)
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    log_mass = factorials[n] - factorials[counts] - factorials[n - counts] - n * math.log(2)
    return int(np.searchsorted(np.cumsum(np.exp(log_mass)), tail + 1e-12, side="right"))
