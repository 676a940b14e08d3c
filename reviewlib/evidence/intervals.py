"""How sure a sampled figure is, without random numbers.

Wilson for shares (E. B. Wilson, "Probable inference", JASA 22, 1927), order statistics for medians, by their binomial ranks
(H. A. David, "Order Statistics", section 7.1).
"""

import math
from typing import Final

import numpy as np
from scipy import special

#: The two-sided 95 % normal quantile.
Z95: Final = 1.959963984540054
#: Fewest observations of which an interval says anything.
FEWEST: Final = {"wilson": 10, "order": 6}


def wilson(successes: float, n: float) -> tuple[float, float]:
    """Bound a share of at least one observation by the Wilson score interval."""
    z = Z95
    share = successes / n
    middle = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # Of none and of all one bound is the share itself, which the root would miss by its last digit.
    return (middle - spread) / scale if successes else 0.0, (middle + spread) / scale if successes != n else 1.0


def median_bounds(n: int) -> tuple[int, int] | None:
    """Say which of n ascending observations, the first being 1, bound a median by 95 %; None where they are too few.

    The largest rank r with P(Binomial(n, 1/2) <= r - 1) <= 2.5 %, and its counterpart.
    """
    rank = int(np.searchsorted(special.bdtr(np.arange(n // 2), n, 0.5), 0.025 + 1e-12, side="right"))
    return (rank, n - rank + 1) if rank else None
