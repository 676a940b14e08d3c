"""Tests of reviewlib.evidence.scorecard: from measured figures to judged ones."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scorecards import PERIOD, context_of, figure, judged, of_median, row, target

from reviewlib.evidence.facts import EPOCH
from reviewlib.evidence.intervals import wilson
from reviewlib.evidence.period import PeriodEvidence
from reviewlib.evidence.scorecard import Sales, Split, cents, split, total
from reviewlib.evidence.tables import SCORECARD

NINE = tuple("ABCDEFGHI")


def _one(figures: list[dict[str, Any]], kpi: str, **context: Any) -> dict[str, Any]:
    return row(judged(context_of(**context), figures), kpi)


def _sales(revenue: float, won: float, refunds: float = 0.0, **where: Any) -> list[dict[str, Any]]:
    """Revenue with the two figures that its split needs."""
    return [
        figure("revenue", revenue + refunds, n=won, **where),
        figure("won_revenue", revenue, n=won, **where),
        figure("refunds", refunds, n=0, **where),
    ]


def test_columns_and_order() -> None:
    """The scorecard has the columns of the tables module, and one row per scope, period and figure, in the KPIs' order."""
    frame = judged(context_of(), [figure("win_rate", 1, 2), figure("revenue", 1.0)])
    assert tuple(frame.columns) == SCORECARD
    assert not frame.duplicated(["scope", "scope_id", "period", "kpi"]).any()
    own = frame[(frame["period"] == PERIOD.name)]["kpi"].tolist()
    assert [key for key in own if key in ("revenue", "win_rate")] == ["revenue", "win_rate"]


@pytest.mark.parametrize(
    ("revenue", "verdict"), [(105.0, "strength"), (95.0, "on_track"), (94.0, "watch"), (80.0, "watch"), (79.0, "gap")]
)
def test_target_to_verdict(revenue: float, verdict: str) -> None:
    """A target of the targets table is held against the figure, attainment and verdict with it."""
    found = _one([figure("revenue", revenue)], "revenue", target_rows=[target("revenue", 100)])
    assert (found["target"], found["attainment"], found["verdict"]) == (100.0, revenue / 100, verdict)


def test_bands_of_params() -> None:
    """The bands that params give a KPI are the ones used."""
    kpis = {"revenue": {"bands": {"strength": 1.5, "on_track": 1.2, "watch": 1.1}}}
    assert _one([figure("revenue", 110)], "revenue", target_rows=[target("revenue", 100)], kpis=kpis)["verdict"] == "watch"


def test_benchmark_stands_in_for_a_target() -> None:
    """Without a target the user's benchmark judges a rep, a target comes first, and a team's sum is not held against it."""
    kpis = {"revenue": {"benchmark": 100}}
    figures = [figure("revenue", 50), figure("revenue", 50, scope="team", scope_id="T")]
    frame = judged(context_of(kpis=kpis), figures)
    own = row(frame, "revenue")
    assert (own["verdict"], own["reason"], own["target"]) == ("gap", "well below benchmark", None)
    assert row(frame, "revenue", scope_id="T")["verdict"] == "not_judged"
    assert _one(figures[:1], "revenue", kpis=kpis, target_rows=[target("revenue", 50)])["reason"] == "at target"


def test_benchmark_of_a_level_judges_a_team() -> None:
    """A benchmark of a rate means the same for a team."""
    figures = [figure("win_rate", 5, 100, scope="team", scope_id="T")]
    frame = judged(context_of(kpis={"win_rate": {"benchmark": 0.4}}), figures)
    assert row(frame, "win_rate", scope_id="T")["verdict"] == "gap"


@pytest.mark.parametrize("value", [0, -100])
def test_target_not_above_zero(value: float) -> None:
    """Against a target of zero or less nothing is judged and no attainment is given."""
    found = _one([figure("revenue", 50)], "revenue", target_rows=[target("revenue", value)])
    assert (found["verdict"], found["attainment"], found["target"]) == ("not_judged", None, value)


def test_all_of_ten_against_a_target_of_all() -> None:
    """Ten of ten deals won is no gap against a target of 100 %."""
    found = _one([figure("win_rate", 10, 10)], "win_rate", target_rows=[target("win_rate", 1)])
    assert (found["value"], found["high"], found["verdict"]) == (1.0, 1.0, "on_track")


@pytest.mark.parametrize(("after", "mature"), [(0, True), (1, False)])
def test_figure_matures(after: int, mature: bool) -> None:
    """A figure that matures after the export is n/a with the day, without interval and verdict; on that day it is given."""
    context = context_of(target_rows=[target("conversion_rate", 0.1)])
    day = (context.as_of - EPOCH).days + after
    found = row(judged(context, [figure("conversion_rate", 7, 10, matures_on=day)]), "conversion_rate")
    if mature:
        assert (found["value"], found["verdict"], found["low"] is None) == (0.7, "strength", False)
    else:
        assert (found["value"], found["verdict"], found["low"]) == (None, "not_available", None)
        assert found["reason"] == "matures on 16 October 2026"


@pytest.mark.parametrize(("n", "known"), [(9, False), (10, True)])
def test_interval_of_a_rate(n: int, known: bool) -> None:
    """A rate has its Wilson interval from ten observations on."""
    found = _one([figure("win_rate", 5, n)], "win_rate")
    assert (found["low"], found["high"]) == (wilson(5, n) if known else (None, None))


@pytest.mark.parametrize(("n", "known"), [(5, False), (6, True)])
def test_interval_of_a_median(n: int, known: bool) -> None:
    """A median has its interval from six observations on, and without a sample none."""
    sample = [float(value) for value in range(n)]
    found = _one([figure("cycle_days", 3.0, n=n, **of_median(sample))], "cycle_days")
    assert (found["low"], found["high"]) == ((0, n - 1) if known else (None, None))


def test_exact_figures_have_no_interval() -> None:
    """What is no sample has no interval."""
    assert _one([figure("revenue", 5.0, n=100)], "revenue")["low"] is None


@pytest.mark.parametrize(("reps", "verdict"), [(7, "not_judged"), (8, "strength")])
def test_exact_against_peers(reps: int, verdict: str) -> None:
    """Without a target an exact figure needs eight peers for a verdict."""
    names = NINE[:reps]
    frame = judged(context_of(names), [figure("revenue", 100 - place, scope_id=rep) for place, rep in enumerate(names)])
    assert row(frame, "revenue")["verdict"] == verdict
    assert row(frame, "revenue", scope_id=names[-1])["verdict"] == ("watch" if verdict == "strength" else "not_judged")


@pytest.mark.parametrize(("reps", "verdict"), [(4, "not_judged"), (5, "strength")])
def test_sample_against_peers(reps: int, verdict: str) -> None:
    """Without a target a sample needs five peers for a verdict, and its bad side is to watch at most."""
    names = NINE[:reps]
    won = [95, *[50] * (reps - 2), 5]
    frame = judged(context_of(names), [figure("win_rate", top, 100, scope_id=rep) for top, rep in zip(won, names, strict=True)])
    assert row(frame, "win_rate")["verdict"] == verdict
    assert row(frame, "win_rate", scope_id=names[-1])["verdict"] == ("watch" if verdict == "strength" else "not_judged")


@pytest.mark.parametrize("kpi", ["revenue", "win_rate"])
def test_all_peers_equal(kpi: str) -> None:
    """Where all peers are equal there is no verdict against them, exact or sampled."""
    bottom = {"revenue": np.nan, "win_rate": 100.0}[kpi]
    frame = judged(context_of(NINE), [figure(kpi, 50.0, bottom, scope_id=rep) for rep in NINE])
    found = row(frame, kpi)
    assert (found["verdict"], found["standing"]) == ("not_judged", None)
    assert found["peer_median"] == found["value"]


def test_a_target_is_judged_where_all_peers_are_equal() -> None:
    """Equal peers do not stand in the way of a target."""
    rows = [target("win_rate", 0.9, scope="all", scope_id="")]
    frame = judged(context_of(NINE, target_rows=rows), [figure("win_rate", 50, 100, scope_id=rep) for rep in NINE])
    assert row(frame, "win_rate")["verdict"] == "gap"


def test_not_available_carries_its_reason() -> None:
    """A zero denominator gives no figure, no interval and no verdict but the reason."""
    found = _one([figure("win_rate", 0, 0)], "win_rate", target_rows=[target("win_rate", 0.4)])
    assert (found["value"], found["low"], found["attainment"]) == (None, None, None)
    assert (found["verdict"], found["reason"]) == ("not_available", "no deal was closed in the period")


def test_previous_change_and_year_ago() -> None:
    """Change is the difference from the period before, in the figure's own unit; a missing one leaves it out."""
    figures = [
        figure("win_rate", 6, 10),
        figure("win_rate", 4, 10, period=PERIOD.previous.name),
        figure("win_rate", 1, 10, period=PERIOD.year_ago.name),
    ]
    frame = judged(context_of(), figures)
    now, before = row(frame, "win_rate"), row(frame, "win_rate", period=PERIOD.previous.name)
    assert (now["previous"], now["change"], now["year_ago"]) == (0.4, pytest.approx(0.2), 0.1)
    assert (before["previous"], before["change"]) == (None, None)


def test_split_of_the_change() -> None:
    """The split of a rep's change stands beside revenue, and closes to it."""
    frame = judged(context_of(), [*_sales(400, 2, -10), *_sales(100, 1, period=PERIOD.previous.name)])
    keys = ("change_won_deals", "change_deal_size", "change_refunds", "change_unsplit")
    assert [row(frame, key)["value"] for key in keys] == [150, 150, -10, 0]
    assert row(frame, "revenue")["change"] == 290


def test_split_undefined() -> None:
    """Without won deals in one of the periods the plain change stands with the reason."""
    frame = judged(context_of(), [*_sales(400, 2), *_sales(0, 0, period=PERIOD.previous.name)])
    unsplit = row(frame, "change_unsplit")
    assert unsplit["value"] == 400
    assert "no won deals" in unsplit["reason"]
    assert row(frame, "change_won_deals")["value"] == 0


def test_team_split() -> None:
    """A team's split is the sum of its reps' splits plus what cannot be split."""
    whole: dict[str, Any] = {"scope": "team", "scope_id": "T"}
    figures = [
        *_sales(400, 2),
        *_sales(100, 1, period=PERIOD.previous.name),
        *_sales(70, 1, scope_id="B"),
        *_sales(0, 0, scope_id="B", period=PERIOD.previous.name),
        *_sales(470, 3, **whole),
        *_sales(100, 1, period=PERIOD.previous.name, **whole),
    ]
    frame = judged(context_of(["A", "B"]), figures)
    keys = ("change_won_deals", "change_deal_size", "change_refunds", "change_unsplit")
    assert [row(frame, key, scope_id="T")["value"] for key in keys] == [150, 150, 0, 70]


def test_raw_attainment_stands_beside() -> None:
    """Attainment of the full target stands beside that of the effective one."""
    rows = [target("revenue", 100) | {"ramp": 0.5}]
    frame = judged(context_of(target_rows=rows), [figure("revenue", 60), figure("attainment", 60)])
    assert (row(frame, "attainment")["value"], row(frame, "attainment_raw")["value"]) == (1.2, 0.6)
    assert row(frame, "attainment")["verdict"] == "not_judged"


def test_no_measures_and_nothing_but_revenue() -> None:
    """KPIs switched off leave no row and break nothing."""
    kpis = {"revenue": {"off": True}}
    frame = judged(context_of(kpis=kpis), [figure("win_rate", 5, 10)])
    assert row(frame, "win_rate")["value"] == 0.5
    assert not set(frame["kpi"]) & {"revenue", "change_won_deals"}


def test_demo_intervals_match_the_deals(demo_evidence: PeriodEvidence) -> None:
    """In the demo every interval of the sales cycle comes from exactly the won deals of that rep."""
    name = demo_evidence.period.name
    deals = demo_evidence.facts.con.con.sql(f"FROM period_facts WHERE period = '{name}'").df()
    won = deals[deals["won"] & deals["opened_on"].notna()]
    days = (pd.to_datetime(won["closed_on"]) - pd.to_datetime(won["opened_on"])).dt.days
    samples = days[days >= 0].groupby(won["rep_id"]).apply(lambda own: sorted(own.astype(float)))
    frame = demo_evidence.scorecard
    rows = frame[(frame["kpi"] == "cycle_days") & (frame["period"] == name) & (frame["scope"] == "rep")]
    checked = rows[rows["low"].notna()].to_dict("records")
    assert len(checked) > 20
    for found in checked:
        sample = samples[found["scope_id"]]
        assert found["n"] == len(sample)
        bounds = of_median(sample)
        assert (found["low"], found["high"]) == (bounds["low"], bounds["high"])
        assert found["value"] == pytest.approx(float(np.median(sample)))


def test_demo_verdicts_are_explained(demo_evidence: PeriodEvidence) -> None:
    """Every row of the demo has a verdict with its reason, a figure or the reason for its absence."""
    frame = demo_evidence.scorecard
    assert (
        frame["verdict"].isin(["strength", "on_track", "watch", "gap", "not_enough_data", "not_available", "not_judged"]).all()
    )
    assert frame["reason"].notna().all()
    assert ((frame["verdict"] == "not_available") == frame["value"].isna()).all()
    assert {"strength", "on_track", "watch", "gap"} <= set(frame["verdict"])


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


def _total(parts: Split) -> int:
    return parts.won_deals + parts.deal_size + parts.refunds + parts.unsplit


@given(SALES, SALES)
@example(Sales(100.0, 1.0, 0.0), Sales(100.0, 2.0, 0.0))
@example(Sales(1e10, 3.0, 0.0), Sales(1e10 + 0.01, 4.0, -0.01))
def test_split_sums_to_the_change(before: Sales, now: Sales) -> None:
    """The parts add up to the change of revenue to the cent."""
    found = split(before, now)
    assert _total(found) == _revenue(now) - _revenue(before)
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
    assert _total(split(*sales)) == whole[1] - whole[0]


def _by_remainder(whole: int, parts: list[float]) -> list[int]:
    floors = [math.floor(part) for part in parts]
    order = sorted(range(len(parts)), key=lambda place: floors[place] - parts[place])
    missing = whole - sum(floors)
    for step in range(abs(missing)):
        floors[order[step % len(parts)]] += 1 if missing > 0 else -1
    return floors


@given(*(st.tuples(st.integers(1, 10**9), st.integers(1, 60)) for _ in range(2)))
@example((973304533, 14), (82154066, 24))
@example((10300, 2), (41200, 4))
def test_split_rounds_by_the_largest_remainder(before: tuple[int, int], now: tuple[int, int]) -> None:
    """Of two parts the one with more of a cent left gets it; amounts carry four places."""
    first, second = (Sales(amount / 10000, deals, 0.0) for amount, deals in (before, now))
    level = math.isclose(first.amount, second.amount, rel_tol=1e-12)
    weight = second.amount if level else (second.amount - first.amount) / math.log(second.amount / first.amount)
    sizes = (second.amount / second.deals) / (first.amount / first.deals)
    parts = [weight * math.log(ratio) * 100 for ratio in (second.deals / first.deals, sizes)]
    found = split(first, second)
    assert [found.won_deals, found.deal_size] == _by_remainder(cents(second.amount) - cents(first.amount), parts)


@given(ANY, ANY)
def test_undefined_where_a_factor_is_zero(before: Sales, now: Sales) -> None:
    """Where a period has no won deal or no amount, nothing is split: the plain change stands with a reason."""
    found = split(before, now)
    assert _total(found) == _revenue(now) - _revenue(before)
    if min(before.amount, before.deals, now.amount, now.deals) == 0:
        assert (found.won_deals, found.deal_size) == (0, 0)
        assert (found.reason is not None) == (found.unsplit != 0)


@given(st.lists(st.tuples(ANY, ANY), max_size=6), st.integers(-(10**6), 10**6))
def test_total_is_the_sum_and_the_rest(pairs: list[tuple[Sales, Sales]], moves: int) -> None:
    """A team's split is the sum of its reps' splits plus what cannot be split, shown as such."""
    parts = [split(*pair) for pair in pairs]
    whole = sum(_total(part) for part in parts) + moves
    found = total(parts, whole)
    assert _total(found) == whole
    assert found.won_deals == sum(part.won_deals for part in parts)
    assert found.deal_size == sum(part.deal_size for part in parts)
    assert found.refunds == sum(part.refunds for part in parts)
    assert found.unsplit == sum(part.unsplit for part in parts) + moves
    assert (found.reason is None) == (found.unsplit == 0)


@pytest.mark.parametrize(("currency", "digits"), [("JPY", 0), ("EUR", 2), ("KWD", 3)])
def test_the_split_is_in_the_smallest_unit(currency: str, digits: int) -> None:
    """A change is split to the smallest unit of the workbook's currency: yen have none, Kuwaiti dinars have thousandths."""
    context = context_of()
    context = replace(context, params=context.params.model_copy(update={"currency": currency}))
    frame = judged(context, [*_sales(300, 2), *_sales(200, 1, period=PERIOD.previous.name)])
    found = [Decimal(f"{row(frame, key)['value']:.15g}") for key in ("change_won_deals", "change_deal_size")]
    assert sum(found) == 100
    assert [max(0, -int(part.as_tuple().exponent)) for part in found] == [digits, digits]


@pytest.mark.parametrize(
    ("amount", "found"), [(0.1 + 0.2, 30), (1.005, 100), (1.015, 102), (-0.005, 0), (2.675, 268), (1e12, 10**14)]
)
def test_cents(amount: float, found: int) -> None:
    """An amount is read by its shortest decimal form and rounded half to even."""
    assert cents(amount) == found
    assert cents(amount) == int((Decimal(repr(amount)) * 100).to_integral_value())


def test_demo_splits(demo_evidence: PeriodEvidence) -> None:
    """For every rep, team and the whole of the demo the parts add up to the change of revenue, teams' parts to their reps'."""
    frame = demo_evidence.scorecard
    wide = frame.pivot_table(index=["scope", "scope_id", "period"], columns="kpi", values="value", aggfunc="first")
    parts = wide[["change_won_deals", "change_deal_size", "change_refunds", "change_unsplit"]].dropna()
    change = frame[frame["kpi"] == "revenue"].set_index(["scope", "scope_id", "period"])["change"]
    assert len(parts) > 300
    for key, cells in zip(parts.index, parts.to_numpy(), strict=True):
        assert sum(round(value * 100) for value in cells) == round(change.loc[key] * 100), key
    posts = demo_evidence.roster.posts
    for scope, team, period in [key for key in parts.index if key[0] == "team"]:
        reps = [("rep", rep, period) for rep in demo_evidence.roster.rep_ids if posts[rep, period].team == team]
        for part in ("change_won_deals", "change_deal_size", "change_refunds"):
            each = parts[part].reindex(reps).fillna(0)
            assert parts.loc[(scope, team, period), part] == pytest.approx(each.sum(), abs=0.001)
