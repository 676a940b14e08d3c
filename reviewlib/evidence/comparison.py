"""Figures compared: what a division leaves in the last digits of a float decides nothing. Amounts that are decimals are exact.

Where one side is missing (NaN), nothing holds.
"""

import math
from decimal import Decimal
from typing import Final

Number = float | Decimal

#: Floats that differ by no more than this share of the larger one are the same figure.
ROUNDING: Final = 1e-9


def same(left: Number, right: Number, *, size: float = 0.0) -> bool:
    """Tell whether two figures are the same.

    Args:
        left: A figure.
        right: What it is held against.
        size: The largest figure that one of them was subtracted from: a difference is only as fine as that.
    """
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return left == right
    return math.isclose(left, right, rel_tol=ROUNDING, abs_tol=ROUNDING * abs(size))


def above(left: Number, right: Number, *, size: float = 0.0) -> bool:
    """Tell whether a figure is larger than another, beyond rounding."""
    return bool(left > right) and not same(left, right, size=size)


def below(left: Number, right: Number, *, size: float = 0.0) -> bool:
    """Tell whether a figure is smaller than another, beyond rounding."""
    return above(right, left, size=size)


def at_least(left: Number, right: Number, *, size: float = 0.0) -> bool:
    """Tell whether a figure has come to another from below, rounding allowed for."""
    return bool(left >= right) or same(left, right, size=size)


def at_most(left: Number, right: Number, *, size: float = 0.0) -> bool:
    """Tell whether a figure stays within another, rounding allowed for."""
    return at_least(right, left, size=size)


def two_digits(value: float | None, *, beyond: float | None = None) -> float | None:
    """Round to two significant digits, as benchmarks are shown; away from ``beyond``, so that what is past it stays true."""
    if not value or not math.isfinite(value):
        return value
    near = float(f"{value:.1e}")
    if beyond is None or above(near, value) == above(value, beyond) or same(near, value):
        return near
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    return float(f"{near + math.copysign(step, value - beyond):.1e}")
