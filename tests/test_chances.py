"""The probabilities of the loops, held against SciPy's."""

from __future__ import annotations

import math

import chances
import pytest
from scipy import special

CLOSE = {"rel": 1e-9, "abs": 1e-200}


@pytest.mark.parametrize("n", [1, 6, 10, 35, 400])
@pytest.mark.parametrize("share", [0.001, 0.22, 0.5, 0.97])
def test_binomial(n: int, share: float) -> None:
    """So many or fewer, so many or more."""
    for k in {0, 1, n // 5, n // 2, n - 1, n}:
        low, high = chances.binomial(k, n, share)
        assert low == pytest.approx(special.bdtr(k, n, share), **CLOSE)
        assert high == pytest.approx(special.bdtrc(k - 1, n, share) if k else 1, **CLOSE)


@pytest.mark.parametrize("mean", [0.01, 1, 6.5, 60, 900])
def test_poisson(mean: float) -> None:
    """So many or fewer, so many or more."""
    for k in {0, 1, 2, int(mean / 2), int(mean), int(2 * mean) + 5}:
        low, high = chances.poisson(k, mean)
        assert low == pytest.approx(special.pdtr(k, mean), **CLOSE)
        assert high == pytest.approx(special.pdtrc(k - 1, mean) if k else 1, **CLOSE)


@pytest.mark.parametrize("shape", [0.01, 0.4, 1, 7.3, 90, 4_000])
def test_gamma(shape: float) -> None:
    """So much or less, so much or more, in any unit."""
    for x in (0.0, shape / 50, shape / 2, shape * 0.99, shape, shape * 1.01, shape + 1, shape * 2 + 3):
        low, high = chances.gamma(x * 700, shape, 700)
        assert low == pytest.approx(special.gammainc(shape, x), **CLOSE)
        assert high == pytest.approx(special.gammaincc(shape, x), **CLOSE)


@pytest.mark.parametrize("df", [1, 8, 12, 31, 500])
def test_student(df: int) -> None:
    """So far below or above."""
    for t in (-60.0, -3.1, -1.0, -0.01, 0.0, 0.4, 2.5, 9.0):
        low, high = chances.student(t, df)
        assert low == pytest.approx(special.stdtr(df, t), **CLOSE)
        assert high == pytest.approx(special.stdtr(df, -t), **CLOSE)


def test_widened() -> None:
    """Deviations twice as large make a fourth of the variance of what was seen; nothing stays nothing."""
    for p in (1e-250, 1e-9, 0.005, 0.3, 0.5, 0.9, 1 - 1e-9):
        for phi in (0.9, 1, 2, 14):
            assert chances.widened(p, phi) == pytest.approx(special.ndtr(special.ndtri(p) / math.sqrt(phi)), **CLOSE)
    assert (chances.widened(0, 2), chances.widened(1, 2)) == (0, 1)
