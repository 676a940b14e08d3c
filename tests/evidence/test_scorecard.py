"""Tests of reviewlib.evidence.scorecard: from measured figures to judged ones."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scorecards import PERIOD, NoDeals, amounts, context_of, figure, judged, of_median, row, target

from reviewlib.evidence.facts import EPOCH
from reviewlib.evidence.intervals import wilson
from reviewlib.evidence.judgement import SCALE
from reviewlib.evidence.period import PeriodEvidence
from reviewlib.evidence.scorecard import Sales, Split, cents, split, total
from reviewlib.evidence.tables import JUDGED, SCORECARD

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
    assert tuple(frame.columns) == (*SCORECARD, *JUDGED)
    assert not frame.duplicated(["scope", "scope_id", "period", "kpi"]).any()
    own = frame[(frame["period"] == PERIOD.name)]["kpi"].tolist()
    assert [key for key in own if key in ("revenue", "win_rate")] == ["revenue", "win_rate"]


#: Purchases of 12 on average, by which somebody on a target of 100 lands between 40.14 and 181.65 in nine periods of ten.
PURCHASES = [5.0, 5.0, 10.0, 30.0, 10.0]


def _deals(reps: Sequence[str] = ("A",)) -> NoDeals:
    return NoDeals(amounts("purchases", PURCHASES, reps=reps))


@pytest.mark.parametrize(
    ("revenue", "result", "verdict"),
    [
        (300.0, "exceeded", "strength"),
        (181.66, "exceeded", "above"),
        (181.65, "exceeded", "no_signal"),
        (105.0, "exceeded", "no_signal"),
        (100.0, "met", "no_signal"),
        (79.0, "missed", "no_signal"),
        (40.14, "missed", "no_signal"),
        (40.13, "missed", "watch"),
        (10.0, "missed", "gap"),
    ],
)
def test_target_to_verdict(revenue: float, result: str, verdict: str) -> None:
    """A target of the targets table is held against the figure; whether it was met and what that tells are two statements."""
    frame = judged(context_of(target_rows=[target("revenue", 100)]), [figure("revenue", revenue)], _deals())
    found = row(frame, "revenue")
    assert (found["target"], found["attainment"], found["result"]) == (100.0, revenue / 100, result)
    assert found["verdict"] == verdict


@pytest.mark.parametrize(("days", "result"), [(39.9, "exceeded"), (40.0, "met"), (40 + 1e-12, "met"), (40.1, "missed")])
def test_result_where_lower_is_better(days: float, result: str) -> None:
    """A shorter cycle than the target exceeds it; what differs in the last digits only meets it."""
    found = _one([figure("cycle_days", days, n=3)], "cycle_days", target_rows=[target("cycle_days", 40)])
    assert (found["result"], found["verdict"]) == (result, "too_few")


def test_a_result_needs_no_model() -> None:
    """Stocks and what is worked out from them keep target and result, without a verdict, and say why."""
    for kpi, reason in (
        ("pipeline_value", "it moves with where it began"),
        ("revenue_retention", "one large account moves it"),
    ):
        found = _one([figure(kpi, 90, 1)], kpi, target_rows=[target(kpi, 100)])
        assert (found["result"], found["verdict"], found["reason"]) == ("missed", "not_judged", reason)


def test_only_the_review_period_is_judged() -> None:
    """Earlier periods keep their results, and have no verdict of today."""
    rows = [target("win_rate", 0.4)]
    rows += [target("win_rate", 0.4, period=PERIOD.previous.name)]
    figures = [figure("win_rate", 5, 35), figure("win_rate", 5, 35, period=PERIOD.previous.name)]
    frame = judged(context_of(target_rows=rows), figures)
    now, before = row(frame, "win_rate"), row(frame, "win_rate", period=PERIOD.previous.name)
    assert (now["verdict"], now["result"]) == ("gap", "missed")
    assert (before["verdict"], before["result"]) == ("not_judged", "missed")
    assert before["reason"] == "judged in the review of its own period"
    assert before["p_low"] is None


@pytest.mark.parametrize(("benchmark", "verdict"), [(300.0, "watch"), (100.0, "no_signal"), (10.0, "above")])
def test_benchmark_stands_in_for_a_target(benchmark: float, verdict: str) -> None:
    """Without a target the user's benchmark judges a rep, to watch or above at most, and gives no result."""
    frame = judged(context_of(kpis={"revenue": {"benchmark": benchmark}}), [figure("revenue", 100)], _deals())
    found = row(frame, "revenue")
    assert (found["verdict"], found["result"], found["target"], found["attainment"]) == (verdict, None, None, None)
    assert found["level"] == benchmark
    assert (min(found["p_low"], found["p_high"]) < 0.005) == (verdict != "no_signal")


def test_a_target_comes_before_a_benchmark() -> None:
    """Where there are both, the target judges, up to a clear verdict."""
    kpis = {"revenue": {"benchmark": 10}}
    found = row(
        judged(context_of(kpis=kpis, target_rows=[target("revenue", 100)]), [figure("revenue", 9)], _deals()), "revenue"
    )
    assert (found["verdict"], found["level"], found["result"]) == ("gap", 100.0, "missed")


@pytest.mark.parametrize(("kpi", "benchmark", "top", "bottom"), [("revenue", 100, 5, np.nan), ("win_rate", 0.4, 5, 100)])
def test_a_benchmark_judges_no_team(kpi: str, benchmark: float, top: float, bottom: float) -> None:
    """What a user expects of a rep is no target of a team."""
    team = figure(kpi, top, bottom, scope="team", scope_id="T")
    found = row(judged(context_of(kpis={kpi: {"benchmark": benchmark}}), [team], _deals()), kpi, scope_id="T")
    assert (found["verdict"], found["reason"]) == ("not_judged", "no target is set")


def test_a_team_is_judged_from_24_periods_of_teams() -> None:
    """A team's result is told; a verdict needs 24 periods of teams, from which it is known how much they vary."""
    found = {}
    for count in (24, 25):
        trend = PERIOD.trend(count)
        rows = [target("win_rate", 0.4, scope="team", scope_id="T", period=period.name) for period in trend]
        figures = [figure("win_rate", 20, 100, period=period.name, scope="team", scope_id="T") for period in trend]
        found[count] = row(judged(context_of(target_rows=rows, count=count), figures), "win_rate", scope_id="T")
    assert (found[24]["verdict"], found[24]["result"]) == ("not_judged", "missed")
    assert found[24]["reason"] == "too few periods of teams to know how much they vary"
    assert (found[25]["verdict"], found[25]["phi_from"]) == ("gap", "group")


def test_the_whole_is_not_judged() -> None:
    """What all reps reach together is nobody's own."""
    rows = [target("win_rate", 0.4, scope="all", scope_id="")]
    frame = judged(context_of(target_rows=rows), [figure("win_rate", 5, 100, scope="all", scope_id="all")])
    found = row(frame, "win_rate", scope_id="all")
    assert (found["verdict"], found["reason"], found["result"]) == ("not_judged", "it is nobody’s own", "missed")


@pytest.mark.parametrize("value", [0, -100])
def test_target_not_above_zero(value: float) -> None:
    """Against a target of zero or less nothing is judged and no attainment is given."""
    frame = judged(context_of(target_rows=[target("revenue", value)]), [figure("revenue", 50)], _deals())
    found = row(frame, "revenue")
    assert (found["verdict"], found["attainment"], found["target"]) == ("not_judged", None, value)
    assert found["reason"] == "a target of zero or less tells nothing"


@pytest.mark.parametrize(("won", "level", "result"), [(10, 1, "met"), (9, 1, "missed"), (1, 0, "exceeded")])
def test_a_target_of_none_or_all(won: int, level: float, result: str) -> None:
    """Against 0 % or 100 % a rate has a result, and tells nothing: one deal decides it."""
    found = _one([figure("win_rate", won, 10)], "win_rate", target_rows=[target("win_rate", level)])
    assert (found["verdict"], found["result"]) == ("not_judged", result)
    assert found["reason"] == "a target of none or all tells nothing"


@pytest.mark.parametrize(("after", "mature"), [(0, True), (1, False)])
def test_figure_matures(after: int, mature: bool) -> None:
    """A figure that matures after the export is n/a with the day, without interval and verdict; on that day it is given."""
    context = context_of(target_rows=[target("conversion_rate", 0.1)])
    day = (context.as_of - EPOCH).days + after
    found = row(judged(context, [figure("conversion_rate", 7, 10, matures_on=day)]), "conversion_rate")
    if mature:
        assert (found["value"], found["result"], found["low"] is None) == (0.7, "exceeded", False)
        assert (found["verdict"], found["model"]) == ("not_judged", None)
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


def test_interval_of_what_is_not_counted() -> None:
    """A figure that is not judged has no interval; of a judged sum it is as wide as purchases vary at its own level."""
    assert _one([figure("revenue", 5.0, n=100)], "revenue")["low"] is None
    assert _one([figure("pipeline_value", 5.0)], "pipeline_value", target_rows=[target("pipeline_value", 9)])["low"] is None
    frame = judged(context_of(target_rows=[target("revenue", 100)]), [figure("revenue", 150)], _deals())
    found = row(frame, "revenue")
    half = 1.959963984540054 * math.sqrt(150 * found["spread"])
    assert (found["low"], found["high"]) == (pytest.approx(150 - half), pytest.approx(150 + half))


@pytest.mark.parametrize("reps", [7, 8])
@pytest.mark.parametrize("kpi", ["revenue", "win_rate"])
def test_against_peers(kpi: str, reps: int) -> None:
    """Without a target eight peers are needed; the level is what all reach together, the rep included, and no verdict clear."""
    names = NINE[:reps]
    reached = [95.0, *[50.0] * (reps - 2), 5.0] if kpi == "win_rate" else [400.0, *[100.0] * (reps - 2), 5.0]
    bottom = 100.0 if kpi == "win_rate" else np.nan
    figures = [figure(kpi, top, bottom, scope_id=rep) for top, rep in zip(reached, names, strict=True)]
    frame = judged(context_of(names), figures, _deals(names))
    found = [row(frame, kpi, scope_id=rep) for rep in names]
    if reps < 8:
        assert {(one["verdict"], one["level"]) for one in found} == {("not_judged", None)}
        assert found[0]["reason"] == "no target, and no group of eight peers to compare with"
        return
    assert [one["verdict"] for one in found] == ["above", *["no_signal"] * 6, "watch"]
    together = sum(reached) / 8 / (100 if kpi == "win_rate" else 1)
    assert {round(one["level"], 9) for one in found} == {round(together, 9)}
    assert {one["share"] for one in found} == {1 / 8}
    assert {one["result"] for one in found} == {None}


def test_a_part_of_the_level_moves_with_it() -> None:
    """Who is an eighth of their own yardstick deviates from it by less: the variance is seven eighths of the model's."""
    reached = [60.0, *[50.0] * 7]
    frame = judged(
        context_of(NINE[:8]), [figure("win_rate", k, 100, scope_id=rep) for k, rep in zip(reached, NINE, strict=False)]
    )
    found = row(frame, "win_rate")
    level = sum(reached) / 800
    plain = math.fsum(math.comb(100, i) * level**i * (1 - level) ** (100 - i) for i in range(60, 101))
    normal = NormalDist()
    assert found["p_high"] == pytest.approx(normal.cdf(normal.inv_cdf(plain) / math.sqrt(7 / 8)))


@pytest.mark.parametrize("kpi", ["revenue", "win_rate"])
def test_all_peers_equal(kpi: str) -> None:
    """Where all peers are equal nobody is told of anything, and nobody stands anywhere."""
    bottom = {"revenue": np.nan, "win_rate": 100.0}[kpi]
    frame = judged(context_of(NINE), [figure(kpi, 50.0, bottom, scope_id=rep) for rep in NINE], _deals(NINE))
    found = row(frame, kpi)
    assert (found["verdict"], found["standing"]) == ("no_signal", None)
    assert found["peer_median"] == found["value"] == found["level"]


def test_a_target_is_judged_where_all_peers_are_equal() -> None:
    """Equal peers do not stand in the way of a target."""
    rows = [target("win_rate", 0.9, scope="all", scope_id="")]
    frame = judged(context_of(NINE, target_rows=rows), [figure("win_rate", 50, 100, scope_id=rep) for rep in NINE])
    assert (row(frame, "win_rate")["verdict"], row(frame, "win_rate")["share"]) == ("gap", None)


@pytest.mark.parametrize(
    ("post", "verdict", "reason"),
    [
        ({"started_on": dt.date(2026, 8, 31)}, "gap", None),
        ({"started_on": dt.date(2026, 9, 1)}, "not_judged", "here for less than a third of the period"),
        ({"left_on": dt.date(2026, 10, 15)}, "not_judged", "has left"),
        ({"left_on": dt.date(2026, 10, 16)}, "gap", None),
    ],
)
def test_who_was_hardly_there(post: dict[str, Any], verdict: str, reason: str | None) -> None:
    """Who was there for less than a third of the period, or has left by the export, keeps the figures and gets no verdict."""
    context = context_of(target_rows=[target("win_rate", 0.4)])
    posts = {key: replace(own, **post) for key, own in context.roster.posts.items()}
    found = row(judged(replace(context, roster=replace(context.roster, posts=posts)), [figure("win_rate", 5, 35)]), "win_rate")
    assert (found["verdict"], found["reason"], found["result"]) == (verdict, reason, "missed")


@pytest.mark.parametrize(("judgement", "verdict"), [({}, "watch"), ({"watch": 0.02}, "no_signal"), ({"gap": 0.03}, "gap")])
def test_thresholds_of_params(judgement: dict[str, float], verdict: str) -> None:
    """A workbook says how seldom chance must do as badly: 8 of 35 at 40 % comes once in 39 periods."""
    found = _one([figure("win_rate", 8, 35)], "win_rate", target_rows=[target("win_rate", 0.4)], judgement=judgement)
    assert found["verdict"] == verdict


@pytest.mark.parametrize(("material", "verdict"), [(None, "watch"), (0.17, "watch"), (0.18, "no_signal")])
def test_material_of_params(material: float | None, verdict: str) -> None:
    """What params call immaterial is no verdict: 8 of 35 are 17.1 points below 40 %."""
    kpis = {"win_rate": {"material": material}} if material else {}
    found = _one([figure("win_rate", 8, 35)], "win_rate", target_rows=[target("win_rate", 0.4)], kpis=kpis)
    assert found["verdict"] == verdict


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
    """Every row of the demo has a verdict; one that no model gave has its reason, one that it gave what it follows from."""
    frame = demo_evidence.scorecard
    assert frame["verdict"].isin([*SCALE, "too_few", "not_available", "not_judged"]).all()
    given = frame["verdict"].isin(SCALE)
    assert frame.loc[~given, "reason"].notna().all()
    assert ((frame["verdict"] == "not_available") == frame["value"].isna()).all()
    assert frame.loc[given, ["model", "level", "p_low", "p_high", "phi"]].notna().all(axis=None)
    assert set(frame.loc[given, "period"]) == {demo_evidence.period.name}
    assert set(frame["verdict"]) >= {*SCALE}


def test_demo_verdicts_follow_from_their_row(demo_evidence: PeriodEvidence) -> None:
    """In the demo every verdict is what the probabilities and distances beside it say, by the thresholds of its params."""
    frame, limits = demo_evidence.scorecard, demo_evidence.params.judgement
    judged_rows = frame[frame["verdict"].isin(SCALE)].to_dict("records")
    assert len(judged_rows) > 200
    for found in judged_rows:
        degrees = []
        for side in ("low", "high"):
            p, together = found[f"p_{side}"], found[f"p4_{side}"]
            away = (found["level"] - found["value"]) * (1 if side == "low" else -1)
            joint = together <= 0.4 * limits.watch and p <= 0.3
            clear = p <= limits.gap or (together <= limits.gap and p <= 0.3)
            degrees.append((2 if clear else int(p <= limits.watch or joint)) if away > found["material"] * (1 + 1e-9) else 0)
        low, high = (min(degree, 1 if found["capped"] else 2) for degree in degrees)
        better = demo_evidence.context.kpis[found["kpi"]].better == "higher"
        assert found["verdict"] == SCALE[2 + (high - low if better else low - high)], found


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
