"""Tests of reviewlib.evidence.intervals: shares and medians bounded as published, and as counting says."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewlib.evidence.intervals import FEWEST, Z95, median_bounds, wilson


def _roots(successes: int, n: int) -> tuple[float, float]:
    """Solve (p - share)² = z² p (1 - p) / n on either side of the share by halving."""
    share = successes / n

    def outside(p: float) -> bool:
        return (p - share) ** 2 > Z95 * Z95 * p * (1 - p) / n

    def edge(near: float, far: float) -> float:
        for _ in range(200):
            middle = (near + far) / 2
            near, far = (near, middle) if outside(middle) else (middle, far)
        return near

    return edge(share, 0.0), edge(share, 1.0)


def _ranks(n: int, tail: tuple[int, int]) -> int:
    """The largest r with P(Binomial(n, 1/2) <= r - 1) <= tail, in whole numbers."""
    top, bottom = tail
    rank, below = 0, 1
    while rank < n and below * bottom <= top * 2**n:
        rank += 1
        below += math.comb(n, rank)
    return rank


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_published(successes: int, n: int, low: float, high: float) -> None:
    """The interval is the one that Newcombe (1998, table I, method 3) prints."""
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_solves_its_equation(pair: tuple[int, int]) -> None:
    """The bounds are where the score test turns, and never outside 0 and 1."""
    low, high = wilson(*pair)
    assert (low, high) == pytest.approx(_roots(*pair), abs=1e-9)
    assert 0 <= low <= pair[0] / pair[1] + 1e-12
    assert pair[0] / pair[1] - 1e-12 <= high <= 1


def test_wilson_of_none_and_of_all() -> None:
    """The interval of none begins at 0 and that of all ends at 1, exactly, and neither is a point."""
    for n in range(1, 1000):
        assert wilson(0, n)[0] == 0.0 < wilson(0, n)[1]
        assert wilson(n, n)[1] == 1.0 > wilson(n, n)[0]


def test_normal_quantile() -> None:
    """The quantile is that of 95 % on two sides."""
    assert math.erf(Z95 / math.sqrt(2)) == pytest.approx(0.95, abs=1e-12)


@pytest.mark.parametrize(
    ("n", "low", "high"),
    [(6, 1, 6), (8, 1, 8), (9, 2, 8), (10, 2, 9), (15, 4, 12), (20, 6, 15), (30, 10, 21), (50, 18, 33), (100, 40, 61)],
)
def test_median_interval_published(n: int, low: int, high: int) -> None:
    """The ranks are those of the published tables for 95 %."""
    assert median_bounds(n) == (low, high)


@pytest.mark.default
@pytest.mark.parametrize("n", [*range(1, 130), 999, 1000, 4001])
def test_median_ranks_are_exact(n: int) -> None:
    """The ranks equal those of binomial sums in whole numbers, also where n is large."""
    rank = _ranks(n, (1, 40))
    assert median_bounds(n) == ((rank, n - rank + 1) if rank else None)


def test_fewest_observations() -> None:
    """Five observations bound no median at 95 %, six do, and no bound is asked for below the thresholds."""
    assert median_bounds(0) is median_bounds(5) is None
    assert median_bounds(6) == (1, 6)
    assert FEWEST == {"wilson": 10, "order": 6}
