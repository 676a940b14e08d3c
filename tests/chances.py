"""The probabilities that verdicts rest on, by enumeration, series and continued fractions: nothing but ``math``.

``low`` is the probability of what was seen or less, ``high`` that of what was seen or more: both include it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from statistics import NormalDist

#: Low and high.
Chance = tuple[float, float]
_SMALL = 1e-17


def binomial(k: int, n: int, share: float) -> Chance:
    """``k`` of ``n`` where each comes with this share, between 0 and 1."""
    ways = [math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) for i in range(n + 1)]
    each = [math.exp(ways[i] + i * math.log(share) + (n - i) * math.log1p(-share)) for i in range(n + 1)]
    return _capped(math.fsum(each[: k + 1]), math.fsum(each[k:]))


def poisson(k: int, mean: float) -> Chance:
    """``k`` where so many are expected."""

    def exactly(i: int) -> float:
        return math.exp(i * math.log(mean) - mean - math.lgamma(i + 1))

    below = math.fsum(exactly(i) for i in range(k))
    if k <= mean:
        return _capped(below + exactly(k), 1 - below)
    above = [exactly(k)]
    for i in itertools.count(k + 1):
        above.append(exactly(i))
        if above[-1] <= _SMALL * above[0]:
            break
    return _capped(below + exactly(k), math.fsum(above))


def gamma(x: float, shape: float, scale: float) -> Chance:
    """A gamma distribution: the series below its hump, the continued fraction above it."""
    x = x / scale
    if x <= 0:
        return 0.0, 1.0
    weight = math.exp(shape * math.log(x) - x - math.lgamma(shape))
    if weight == 0:
        return (0.0, 1.0) if x < shape else (1.0, 0.0)
    if x < shape + 1:
        term = total = 1 / shape
        for i in itertools.count(1):
            term *= x / (shape + i)
            total += term
            if term <= _SMALL * total:
                break
        low = weight * total
        return _capped(low, 1 - low)
    high = weight / _fraction(lambda i: -i * (i - shape), lambda i: x + 2 * i + 1 - shape)
    return _capped(1 - high, high)


def student(t: float, df: float) -> Chance:
    """Student's t, by the incomplete beta function."""
    tail = 0.5 * _beta(df / (df + t * t), df / 2, 0.5)
    return (tail, 1 - tail) if t < 0 else (1 - tail, tail)


def widened(p: float, phi: float) -> float:
    """A probability where the deviations are ``sqrt(phi)`` times as large as those that it was worked out for."""
    if p <= 0 or p >= 1:
        return min(max(p, 0.0), 1.0)
    return 0.5 * math.erfc(-NormalDist().inv_cdf(p) / math.sqrt(2 * phi))


def _capped(low: float, high: float) -> Chance:
    return min(low, 1.0), min(high, 1.0)


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(1 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a

    def numerator(i: int) -> float:
        half, odd = divmod(i, 2)
        if odd:
            return -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        return half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))

    return front / _fraction(numerator, lambda i: 1.0)


def _fraction(numerator: Callable[[int], float], denominator: Callable[[int], float]) -> float:
    """The continued fraction d0 + n1 / (d1 + n2 / (d2 + ...)), by Lentz's way."""
    tiny = 1e-300
    value = c = denominator(0) or tiny
    d = 0.0
    for i in itertools.count(1):
        top, bottom = numerator(i), denominator(i)
        d = 1 / ((bottom + top * d) or tiny)
        c = (bottom + top / c) or tiny
        value *= c * d
        if abs(c * d - 1) < 1e-16 or i > 100_000:
            return value
    raise AssertionError
