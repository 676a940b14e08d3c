"""Tests of reviewlib.evidence.change."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from reviewlib.evidence.change import Sales, Split, cents, share_out, split, total
from reviewlib.evidence.period import PeriodEvidence

AMOUNTS = st.integers(1, 10**12).map(lambda value: value / 100)
SALES = st.builds(
    Sales, amount=AMOUNTS, deals=st.integers(1, 500).map(float), refunds=st.integers(-(10**9), 0).map(lambda value: value / 100)
)
ANY = st.builds(
    Sales,
    amount=st.integers(0, 10**9).map(lambda value: value / 100),
    deals=st.integers(0, 9).map(float),
    refunds=st.integers(-(10**6), 0).map(lambda value: value / 100),
)


def _revenue(sales: Sales) -> int:
    return round(sales.amount * 100) + round(sales.refunds * 100)


@given(SALES, SALES)
@example(Sales(100.0, 1.0, 0.0), Sales(100.0, 2.0, 0.0))
@example(Sales(1e10, 3.0, 0.0), Sales(1e10 + 0.01, 4.0, -0.01))
def test_split_sums_to_the_change(before: Sales, now: Sales) -> None:
    """The parts add up to the change of revenue to the cent."""
    found = split(before, now)
    assert found.total == _revenue(now) - _revenue(before)
    assert found.won_deals + found.deal_size == round(now.amount * 100) - round(before.amount * 100)
    assert (found.unsplit, found.reason) == (0, None)


@given(SALES, SALES)
def test_split_is_the_log_mean_one(before: Sales, now: Sales) -> None:
    """Each part is the logarithmic mean of the amounts times the log of its factor's ratio, to the cent."""
    change = now.amount - before.amount
    assume(abs(change) > before.amount * 1e-6)
    weight = change / (math.log(now.amount) - math.log(before.amount))
    expected = weight * math.log(now.deals / before.deals)
    assert split(before, now).won_deals / 100 == pytest.approx(expected, rel=1e-6, abs=0.011)


def test_split_by_hand() -> None:
    """Twice the deals of the same size: the number explains it all; the same number of twice the size: the size does."""
    assert split(Sales(100, 1, 0), Sales(200, 2, 0)) == Split(10000, 0, 0, 0)
    assert split(Sales(100, 2, 0), Sales(200, 2, 0)) == Split(0, 10000, 0, 0)
    both = split(Sales(100, 1, 0), Sales(400, 2, 0))
    assert (both.won_deals, both.deal_size) == (15000, 15000)


@given(SALES, SALES)
def test_split_backwards_is_the_negative(before: Sales, now: Sales) -> None:
    """Going back splits the same, with the sign turned, up to a cent of rounding."""
    there, back = split(before, now), split(now, before)
    assert abs(there.won_deals + back.won_deals) <= 1
    assert there.refunds == -back.refunds


def test_refunds_close_to_revenue() -> None:
    """Refunds are a line of their own: they change neither factor and close the split to revenue."""
    found = split(Sales(1000, 4, -50), Sales(1000, 4, -80.25))
    assert found == Split(0, 0, -3025, 0)


@given(*[st.integers(1, 10**9)] * 2, *[st.integers(-(10**6), 0)] * 2)
def test_refunds_close_where_amounts_have_parts_of_a_cent(before: int, now: int, refund_before: int, refund_now: int) -> None:
    """Amounts carry four places: the line refunds takes what rounding leaves, so that the sum is still the change."""
    sales = [Sales(amount / 10000, 3, refund / 10000) for amount, refund in ((before, refund_before), (now, refund_now))]
    whole = [cents(one.amount + one.refunds) for one in sales]
    assert split(*sales).total == whole[1] - whole[0]


@given(ANY, ANY)
def test_undefined_where_a_factor_is_zero(before: Sales, now: Sales) -> None:
    """Where a period has no won deal or no amount, nothing is split: the plain change stands with a reason."""
    found = split(before, now)
    assert found.total == _revenue(now) - _revenue(before)
    if min(before.amount, before.deals, now.amount, now.deals) == 0:
        assert (found.won_deals, found.deal_size) == (0, 0)
        assert (found.reason is not None) == (found.unsplit != 0)


@given(st.lists(st.tuples(ANY, ANY), max_size=6), st.integers(-(10**6), 10**6))
def test_total_is_the_sum_and_the_rest(pairs: list[tuple[Sales, Sales]], moves: int) -> None:
    """A team's split is the sum of its reps' splits plus what cannot be split, shown as such."""
    parts = [split(*pair) for pair in pairs]
    whole = sum(part.total for part in parts) + moves
    found = total(parts, whole)
    assert found.total == whole
    assert found.won_deals == sum(part.won_deals for part in parts)
    assert found.deal_size == sum(part.deal_size for part in parts)
    assert found.refunds == sum(part.refunds for part in parts)
    assert found.unsplit == sum(part.unsplit for part in parts) + moves
    assert (found.reason is None) == (found.unsplit == 0)


@given(st.lists(st.integers(-(10**7), 10**7).map(lambda value: value / 37), min_size=1, max_size=9))
def test_share_out(parts: list[float]) -> None:
    """Every part is rounded to a neighbour, and the sum is the whole."""
    whole = round(sum(parts))
    shared = share_out(whole, parts)
    assert sum(shared) == whole
    assert all(abs(given - part) <= 1 + 1e-6 for given, part in zip(shared, parts, strict=True))


@pytest.mark.parametrize(
    ("whole", "parts", "shared"),
    [
        (10, [3.3, 3.3, 3.4], [3, 3, 4]),
        (10, [2.5, 2.5, 5.0], [3, 2, 5]),
        (-3, [-1.5, -1.5], [-1, -2]),
        (0, [0.4, -0.4], [0, 0]),
        (1, [0.6, 0.4], [1, 0]),
    ],
)
def test_share_out_by_the_largest_remainder(whole: int, parts: list[float], shared: list[int]) -> None:
    """What is missing goes to the largest remainders, to the first of equal ones."""
    assert share_out(whole, parts) == shared


@pytest.mark.parametrize(
    ("amount", "found"), [(0.1 + 0.2, 30), (1.005, 100), (1.015, 102), (-0.005, 0), (2.675, 268), (1e12, 10**14)]
)
def test_cents(amount: float, found: int) -> None:
    """An amount is read by its shortest decimal form and rounded half to even."""
    assert cents(amount) == found
    assert cents(amount) == int((Decimal(repr(amount)) * 100).to_integral_value())


def test_demo_splits(demo_dossier: PeriodEvidence) -> None:
    """For every rep, team and the whole of the demo the parts add up to the change of revenue, teams' parts to their reps'."""
    frame = demo_dossier.scorecard
    wide = frame.pivot_table(index=["scope", "scope_id", "period"], columns="kpi", values="value", aggfunc="first")
    parts = wide[["change_won_deals", "change_deal_size", "change_refunds", "change_unsplit"]].dropna()
    change = frame[frame["kpi"] == "revenue"].set_index(["scope", "scope_id", "period"])["change"]
    assert len(parts) > 300
    for key, row in zip(parts.index, parts.to_numpy(), strict=True):
        assert sum(round(value * 100) for value in row) == round(change.loc[key] * 100), key
    posts = demo_dossier.roster.posts
    for scope, team, period in [key for key in parts.index if key[0] == "team"]:
        reps = [("rep", rep, period) for rep in demo_dossier.roster.rep_ids if posts[rep, period].team == team]
        for part in ("change_won_deals", "change_deal_size", "change_refunds"):
            each = parts[part].reindex(reps).fillna(0)
            assert parts.loc[(scope, team, period), part] == pytest.approx(each.sum(), abs=0.001)
