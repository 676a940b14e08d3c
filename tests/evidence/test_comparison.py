"""Tests of reviewlib.evidence.comparison."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewlib.evidence.comparison import above, at_least, at_most, below, same, two_digits

#: What is the same but for the last digits of a float, at any size and on either side of zero.
ALIKE = [(0.1 + 0.2, 0.3), (1.0, 0.9999999999999999), (-0.1 - 0.2, -0.3), (1e15 + 0.25, 1e15), (1e-12 * 3, 3e-12), (0.0, -0.0)]


@pytest.mark.parametrize(("left", "right"), [*ALIKE, *((right, left) for left, right in ALIKE)])
def test_rounding_decides_nothing(left: float, right: float) -> None:
    """Two figures that differ in their last digits only are the same, and neither is above the other."""
    assert same(left, right)
    assert at_least(left, right)
    assert at_most(left, right)
    assert not above(left, right)
    assert not below(left, right)


@pytest.mark.parametrize(("high", "low"), [(1.0, 0.99999), (1e-12, 0.0), (0.0, -1e-12), (1e15, 1e15 - 1e7), (math.inf, 1e300)])
def test_what_differs_differs(high: float, low: float) -> None:
    """Beyond rounding the larger figure is above; beside zero nothing is rounding."""
    assert above(high, low)
    assert below(low, high)
    assert at_least(high, low)
    assert at_most(low, high)
    assert not same(high, low)
    assert not at_least(low, high)
    assert not at_most(high, low)


def test_a_difference_is_as_fine_as_its_figures() -> None:
    """What is left of a subtraction is held against the size of what it was taken from."""
    left = 0.3 - (0.1 + 0.2)
    assert not at_least(left, 0.0)
    assert at_least(left, 0.0, size=0.3)
    assert same(left, 0.0, size=-0.3)
    assert below(left - 1e-6, 0.0, size=0.3)


def test_money_is_exact() -> None:
    """A cent is a cent where amounts are decimals, however large they are."""
    assert below(Decimal("99999999999.99"), Decimal("100000000000.00"))
    assert not same(Decimal("99999999999.99"), Decimal("100000000000.00"))
    assert same(Decimal("1.10"), Decimal("1.1"))


@given(st.floats(allow_nan=False))
def test_what_is_missing_is_nothing(value: float) -> None:
    """Nothing holds of a figure that is missing."""
    for left, right in ((math.nan, value), (value, math.nan), (math.nan, math.nan)):
        assert not any(compare(left, right) for compare in (same, above, below, at_least, at_most))


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_one_of_three_holds(left: float, right: float) -> None:
    """A figure is above, below or the same."""
    assert above(left, right) + below(left, right) + same(left, right) == 1
    assert at_least(left, right) == (not below(left, right))
    assert at_most(left, right) == (not above(left, right))


@pytest.mark.parametrize(
    ("value", "shown"),
    [(123456.0, 120000.0), (0.4567, 0.46), (-98.7, -99.0), (9.96, 10.0), (0.0, 0.0), (None, None), (0.00123, 0.0012)],
)
def test_two_digits(value: float | None, shown: float | None) -> None:
    """Benchmarks are shown to two significant digits."""
    assert two_digits(value) == shown


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_two_digits_of_what_has_none(value: float) -> None:
    """What is no number on paper stays what it is."""
    assert two_digits(value) == value
