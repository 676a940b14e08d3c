"""Tests of reviewlib.evidence.judgement: every model against counting, verdicts and their ends by hand and by walking along."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scorecards import PERIOD, NoDeals, amounts, context_of, figure, judged, row, target

from reviewlib.evidence.judgement import MODELS, SCALE, Cases, Thresholds, Trials
from reviewlib.evidence.tables import JUDGED

FOUR = PERIOD.trend(4)
NINE = tuple("ABCDEFGHI")


def _trials(reached: Any, expected: Any, *, n: Any = 1.0, spread: Any = np.nan, size: Any = np.nan, df: Any = np.nan) -> Trials:
    cells = np.broadcast_arrays(*(np.asarray(cell, dtype="float64") for cell in (reached, expected, n, spread, size, df)))
    return Trials(*(np.atleast_1d(cell) for cell in cells))


def _binomial(k: int, n: int, p: float) -> tuple[float, float]:
    """P(k or fewer) and P(k or more) of n, added up."""
    each = [math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(n + 1)]
    return math.fsum(each[: k + 1]), math.fsum(each[k:])


def _poisson(k: int, mean: float) -> tuple[float, float]:
    each = [math.exp(i * math.log(mean) - mean - math.lgamma(i + 1)) for i in range(400)]
    return math.fsum(each[: k + 1]), math.fsum(each[k:])


def _erlang(shape: int, x: float) -> float:
    """P(X <= x) of the sum of so many exponential waits of mean 1: as many events at least have come by x."""
    return 1 - math.fsum(math.exp(-x) * x**i / math.factorial(i) for i in range(shape))


def _student(t: float, df: int) -> float:
    """P(X <= t), by Simpson's rule on the density."""
    scale = math.gamma((df + 1) / 2) / math.sqrt(df * math.pi) / math.gamma(df / 2)
    steps, width = 2000, t / 2000
    heights = [scale * (1 + (i * width) ** 2 / df) ** (-(df + 1) / 2) for i in range(steps + 1)]
    inner = 4 * math.fsum(heights[1:-1:2]) + 2 * math.fsum(heights[2:-1:2])
    return 0.5 + (heights[0] + heights[-1] + inner) * width / 3


@pytest.mark.parametrize("p", [0.03, 0.4, 0.5, 0.9])
@pytest.mark.parametrize("n", [1, 10, 35])
def test_binomial_is_counted(n: int, p: float) -> None:
    """Of n deals k or fewer, and k or more, both with k, for every k."""
    t = _trials(range(n + 1), n * p, n=n)
    expected = [_binomial(k, n, p) for k in range(n + 1)]
    assert MODELS["binomial"].low(t) == pytest.approx([low for low, _ in expected], abs=1e-13)
    assert MODELS["binomial"].high(t) == pytest.approx([high for _, high in expected], abs=1e-13)
    assert MODELS["binomial"].variance(t) == pytest.approx(n * p * (1 - p))


@pytest.mark.parametrize("n", [6, 7, 18])
def test_sign_test_is_counted(n: int) -> None:
    """Of n deals that differ from the median each is as likely above it as below."""
    t = _trials(range(n + 1), n / 2, n=n)
    whole = [sum(math.comb(n, i) for i in range(k + 1)) for k in range(n + 1)]
    assert MODELS["median"].low(t) == pytest.approx([part / 2**n for part in whole], rel=1e-12)
    assert MODELS["median"].high(t) == pytest.approx([part / 2**n for part in reversed(whole)], rel=1e-12)
    assert MODELS["median"].variance(t) == pytest.approx(n / 4)


@pytest.mark.parametrize("mean", [0.3, 6.0, 24.0])
def test_poisson_is_added_up(mean: float) -> None:
    """K customers or fewer, and k or more, both with k."""
    t = _trials(range(40), mean)
    assert MODELS["poisson"].low(t) == pytest.approx([_poisson(k, mean)[0] for k in range(40)], abs=1e-13)
    assert MODELS["poisson"].high(t) == pytest.approx([_poisson(k, mean)[1] for k in range(40)], abs=1e-13)
    assert MODELS["poisson"].variance(t).tolist() == [mean] * 40


@pytest.mark.parametrize(("shape", "reached"), itertools.product([1, 4, 12], [1.0, 500.0, 1000.0, 4000.0]))
def test_purchases_are_a_gamma_distribution(shape: int, reached: float) -> None:
    """Revenue follows the gamma distribution of mean T and variance T kappa; that nobody buys at all is never less likely."""
    t = _trials(reached, 1000.0, spread=1000 / shape, size=600 / shape)
    nobody = math.exp(-1000 / (600 / shape))
    assert MODELS["purchases"].low(t) == pytest.approx(max(_erlang(shape, reached * shape / 1000), nobody))
    assert MODELS["purchases"].high(t) == pytest.approx(1 - _erlang(shape, reached * shape / 1000), abs=1e-12)


def test_nobody_bought() -> None:
    """Where nothing came in, or less than nothing, that is as likely as that nobody bought."""
    t = _trials([0.0, -500.0], 1000.0, spread=500.0, size=400.0)
    assert MODELS["purchases"].low(t) == pytest.approx([math.exp(-2.5)] * 2)
    assert MODELS["purchases"].high(t) == pytest.approx([1.0, 1.0])


def test_variance_of_purchases() -> None:
    """A random number of purchases of two sizes: summed over every number of each, the variance is T times kappa."""
    sizes, means = (100.0, 400.0), (3.0, 1.0)  # so many of each size on average
    whole = {
        counts: math.prod(math.exp(-m) * m**k / math.factorial(k) for k, m in zip(counts, means, strict=True))
        for counts in itertools.product(range(40), range(40))
    }
    mean = math.fsum(p * (i * sizes[0] + j * sizes[1]) for (i, j), p in whole.items())
    variance = math.fsum(p * (i * sizes[0] + j * sizes[1] - mean) ** 2 for (i, j), p in whole.items())
    each = [100.0] * 3 + [400.0]
    size = sum(each) / 4
    c2 = sum((one - size) ** 2 for one in each) / 4 / size**2
    t = _trials(0.0, mean, spread=size * (1 + c2), size=size)
    assert MODELS["purchases"].variance(t) == pytest.approx(variance)


@pytest.mark.parametrize(("n", "c2"), [(6, 0.5), (20, 2.0), (9, 1.0)])
def test_sizes_are_a_gamma_distribution(n: int, c2: float) -> None:
    """The sum of n deals of mean T has the shape n / c2, and with it the mean of the deals."""
    for each in (20.0, 80.0, 100.0, 130.0, 300.0):
        t, shape = _trials(each * n, 100.0 * n, n=n, spread=c2), round(n / c2)
        assert MODELS["sizes"].low(t) == pytest.approx(_erlang(shape, each / 100 * shape), abs=1e-12)
        assert MODELS["sizes"].high(t) == pytest.approx(1 - _erlang(shape, each / 100 * shape), abs=1e-12)
        assert MODELS["sizes"].variance(t) == pytest.approx(n * c2 * 100.0**2)


def test_equal_sizes() -> None:
    """Deals of one size leave no doubt on either side, and no division by zero at it."""
    t = _trials([990.0, 1010.0], 1000.0, n=10, spread=1e-9)
    assert MODELS["sizes"].low(t) == pytest.approx([0, 1], abs=1e-12)
    assert MODELS["sizes"].high(t) == pytest.approx([1, 0], abs=1e-12)


@pytest.mark.parametrize("df", [8, 12, 33])
def test_student_for_means_and_totals(df: int) -> None:
    """What is known from its own past only has the wider tails of Student's t, not those of the normal distribution."""
    for t_value in (-4.0, -2.0, -0.5, 0.7, 3.0):
        # Of 25 answers of variance 4 the sum has a standard deviation of 10; of a total of 50 with a CV of a fifth it is 10.
        mean = _trials(100 + 10 * t_value, 100.0, n=25, spread=4.0, df=df)
        total = _trials(50 + 10 * t_value, 50.0, n=50.0**2, spread=0.04, df=df)
        for name, t in (("mean", mean), ("total", total)):
            assert MODELS[name].low(t) == pytest.approx(_student(t_value, df), abs=1e-9)
            assert MODELS[name].high(t) == pytest.approx(1 - _student(t_value, df), abs=1e-9)
            assert MODELS[name].variance(t) == pytest.approx(100.0)


def test_how_much_each_model_needs() -> None:
    """A rate needs ten deals, a mean of sizes and a median six, a measure its own past."""
    assert {name: model.fewest for name, model in MODELS.items()} == {
        "binomial": 10, "median": 6, "poisson": 0, "purchases": 0, "sizes": 6, "mean": 8, "total": 12
    }  # fmt: skip
    assert {name for name, model in MODELS.items() if model.of_df} == {"mean", "total"}


def test_periods_together() -> None:
    """What was reached and expected is summed, and n; how much it scatters is as of the last."""
    now = _trials([2.0, 5.0], [6.0, 7.0], n=[10, 20], spread=3.0, size=2.0, df=9)
    before = _trials([9.0, 1.0], [18.0, 3.0], n=[30, 5], spread=99.0, size=99.0, df=99)
    both = now + before
    assert (both.reached.tolist(), both.expected.tolist(), both.n.tolist()) == ([11, 6], [24, 10], [40, 25])
    assert (both.spread.tolist(), both.size.tolist(), both.df.tolist()) == ([3, 3], [2, 2], [9, 9])


def _case(
    model: str, now: Trials, earlier: Trials | None = None, *, phi: float = 1, good: int = 1, per: float = 1, **more: Any
) -> Cases:
    """One figure; what is not said is as of a figure whose distance from its level is large enough from one step on."""
    array = lambda value, type="float64": np.atleast_1d(np.asarray(value, dtype=type))  # noqa: E731
    none = _trials(0.0, 0.0, n=0.0)
    return Cases(
        model=MODELS[model],
        now=now,
        earlier=earlier or none,
        joint=array(earlier is not None, bool),
        phi=array(phi),
        phi4=array(phi),
        good=array(good),
        per=array(per),
        value=array(more.get("value", np.nan)),
        level=array(more.get("level", now.expected * per)),
        material=array(more.get("material", 0.0)),
        step=array(more.get("step", 1.0)),
        capped=array(more.get("capped", False), bool),
    )


def _verdict(case: Cases, reached: float | None = None, limits: Thresholds | None = None) -> str:
    (place,) = case.places(limits or Thresholds(), None if reached is None else np.array([reached]))
    return SCALE[place]


def _rate(k: int, n: int, level: float, earlier: tuple[int, int] | None = None, **more: Any) -> Cases:
    before = _trials(earlier[0], earlier[1] * level, n=earlier[1]) if earlier else None
    return _case("binomial", _trials(k, n * level, n=n), before, per=1 / n, **{"material": 0.02, **more})


def _expected(
    p: float, together: float | None, away: float, material: float, *, gap: float = 0.005, watch: float = 0.05
) -> int:
    """How much a figure says on one side, as JUDGEMENT has it: 2 clear, 1 not, 0 nothing."""
    joint = max(0.4 * watch, gap)
    if away <= material * (1 + 1e-9):
        return 0
    if p <= gap or (together is not None and together <= gap and p <= 0.3):
        return 2
    return int(p <= watch or (together is not None and together <= joint and p <= 0.3))


@given(
    st.integers(10, 60),
    st.sampled_from([0.2, 0.4, 0.65]),
    st.none() | st.integers(0, 90),
    st.booleans(),
    st.booleans(),
    st.data(),
)
def test_verdicts_follow_the_rules(
    n: int, level: float, before: int | None, higher: bool, capped: bool, data: st.DataObject
) -> None:
    """For any rate, with three periods before or none, the verdict is what the rules say of counted probabilities."""
    k = data.draw(st.integers(0, n))
    case = _rate(k, n, level, None if before is None else (before, 90), good=1 if higher else -1, capped=capped)
    ways = _binomial(k, n, level)
    joint = (None, None) if before is None else _binomial(k + before, n + 90, level)
    low, high = (_expected(p, p4, away, 0.02) for p, p4, away in zip(ways, joint, (level - k / n, k / n - level), strict=True))
    most = 1 if capped else 2
    place = 2 + (min(high, most) - min(low, most)) * (1 if higher else -1)
    assert _verdict(case) == SCALE[place]


@pytest.mark.parametrize(
    ("k", "verdict"),
    [
        (6, "gap"),
        (7, "watch"),
        (8, "watch"),
        (9, "no_signal"),
        (19, "no_signal"),
        (20, "above"),
        (22, "above"),
        (23, "strength"),
    ],
)
def test_thresholds_of_one_period(k: int, verdict: str) -> None:
    """Of 35 deals at 40 %: 8 or fewer come once in 39 quarters, 6 or fewer once in 230; as many more on the good side."""
    assert _verdict(_rate(k, 35, 0.4)) == verdict


def test_thresholds_are_the_workbooks() -> None:
    """A workbook that wants to be surer, or less sure, is; four periods together need two fifths of the watch threshold."""
    assert _verdict(_rate(8, 35, 0.4), limits=Thresholds(gap=0.001, watch=0.02)) == "no_signal"
    assert _verdict(_rate(8, 35, 0.4), limits=Thresholds(gap=0.03, watch=0.1)) == "gap"
    assert Thresholds().together == pytest.approx(0.02)
    assert Thresholds(gap=0.03, watch=0.05).together == 0.03


@pytest.mark.parametrize("digits", [1 - 1e-12, 1 + 1e-12])
def test_rounding_makes_no_verdict(digits: float) -> None:
    """A probability that differs from a threshold in its last digits only has come to it; so has a distance."""
    p = _binomial(8, 35, 0.4)[0]
    assert _verdict(_rate(8, 35, 0.4), limits=Thresholds(watch=p * digits)) == "watch"
    assert _verdict(_rate(8, 35, 0.4), limits=Thresholds(watch=p * (1 - 1e-6))) == "no_signal"
    assert _verdict(_rate(120, 400, 0.4, material=0.1 * digits)) == "no_signal"
    assert _verdict(_rate(119, 400, 0.4, material=0.1)) == "gap"


@pytest.mark.parametrize(("k", "verdict"), [(1940, "no_signal"), (1900, "no_signal"), (1899, "gap"), (2100, "no_signal")])
def test_what_is_immaterial_is_no_verdict(k: int, verdict: str) -> None:
    """Of very many deals even what chance seldom does is only told where it is far enough from the level."""
    assert _verdict(_rate(k, 5000, 0.4)) == verdict


def test_dispersion_widens_the_limits() -> None:
    """With phi the normal quantile of a probability is divided by its root; a half stays a half."""
    assert _verdict(_rate(6, 35, 0.4, phi=2.0)) == "watch"
    p = _rate(6, 35, 0.4, phi=4.0).tails()[0][0]
    quantile = _normal(_binomial(6, 35, 0.4)[0]) / 2
    assert p == pytest.approx((1 + math.erf(quantile / math.sqrt(2))) / 2)


def _normal(p: float) -> float:
    """The normal quantile, by halving."""
    low, high = -10.0, 10.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 + math.erf(middle / math.sqrt(2))) / 2 < p else (low, middle)
    return low


@pytest.mark.parametrize(("now", "verdict"), [(27, "no_signal"), (26, "gap")])
def test_four_periods_need_this_one_too(now: int, verdict: str) -> None:
    """A bad year alone is no gap of this period: its own probability must be .3 or less."""
    case = _case("poisson", _trials(now, 30.0), _trials(40, 90), material=1.5)
    assert (_poisson(now, 30)[0] <= 0.3) == (verdict == "gap")
    assert _poisson(now + 40, 120)[0] < 1e-5
    assert _verdict(case) == verdict


@pytest.mark.parametrize(("before", "verdict"), [(11, "no_signal"), (10, "watch"), (8, "watch"), (7, "gap")])
def test_thresholds_of_four_periods(before: int, verdict: str) -> None:
    """4 of 6 comes once in four quarters; together with the year it is worth a talk at 2 %, a shortfall at half a percent."""
    together = _poisson(4 + before, 24)[0]
    assert (together <= 0.005, together <= 0.02) == (verdict == "gap", verdict != "no_signal")
    assert _verdict(_case("poisson", _trials(4, 6.0), _trials(before, 18.0), material=0.3)) == verdict


@given(st.integers(10, 60), st.sampled_from([0.1, 0.4, 0.9]), st.sampled_from([1.0, 1.8]), st.sampled_from([1, -1]), st.data())
def test_flips_are_the_first_change(n: int, level: float, phi: float, good: int, data: st.DataObject) -> None:
    """The verdict changes where it is said to, and not one deal before; where nothing is said nothing changes it."""
    k = data.draw(st.integers(0, n))
    earlier = data.draw(st.none() | st.tuples(st.integers(0, 80), st.just(80)))
    case = _rate(k, n, level, earlier, phi=phi, good=good)
    own = _verdict(case)
    ways = {1: range(k + 1, n + 1), -1: range(k - 1, -1, -1)}
    for found, way in zip(case.flips(Thresholds()), (good, -good), strict=True):
        first = next((other for other in ways[way] if _verdict(case, other) != own), np.nan)
        assert found[0] == pytest.approx(first, nan_ok=True)


@given(st.integers(10, 60), st.sampled_from([0.1, 0.4, 0.9]), st.sampled_from([1.0, 1.8]))
def test_ends_of_the_band(n: int, level: float, phi: float) -> None:
    """The band is what somebody at the level reaches in all but the unlikely periods, counted deal by deal."""
    case = _rate(0, n, level, phi=phi)
    every = [_case("binomial", _trials(k, n * level, n=n), phi=phi).tails() for k in range(n + 1)]
    low, high = case.ends(Thresholds())
    assert low[0] == min(k for k, tails in enumerate(every) if tails[0][0] > 0.05)
    assert high[0] == max(k for k, tails in enumerate(every) if tails[1][0] > 0.05)


@pytest.mark.parametrize("step", [1.0, 0.01])
@pytest.mark.parametrize("reached", [60000.0, 119800.0, 225000.0, 420000.0])
def test_flips_of_money(reached: float, step: float) -> None:
    """Of money the verdict changes at the stated amount, and not by its smallest unit before."""
    now = _trials(reached, 225000.0, spread=23700.0, size=12000.0)
    case = _case("purchases", now, material=11250.0, step=step)
    changes = case.flips(Thresholds())
    assert not np.isnan(changes).all()
    for found, way in zip(changes, (1, -1), strict=True):
        if not np.isnan(found[0]):
            assert _verdict(case, found[0]) != _verdict(case)
            assert _verdict(case, found[0] - way * step) == _verdict(case)


def test_band_of_money() -> None:
    """With deals as large as in the example somebody on target lands between 119,800 and 357,000 in nine quarters of ten."""
    case = _case("purchases", _trials(212600.0, 225000.0, spread=23700.0, size=12000.0), material=11250.0)
    (low,), (high,) = case.ends(Thresholds())
    assert (round(low, -2), round(high, -2)) == (119800, 357000)
    (low_p,), _, *_ = case.tails(np.array([low - 1]))
    assert low_p <= 0.05 < case.tails(np.array([low]))[0][0]
    assert _verdict(case) == "no_signal"
    assert (_verdict(case, low - 1), _verdict(case, low)) == ("watch", "no_signal")


@pytest.mark.parametrize(
    ("model", "now", "value", "hidden"),
    [
        ("binomial", _trials(0, 1.0, n=10), np.nan, True),  # none of ten at 10 % comes once in three periods
        ("binomial", _trials(2, 1.0, n=10), np.nan, False),
        ("binomial", _trials(0, 4.0, n=10), np.nan, False),
        ("poisson", _trials(0, 2.9), np.nan, True),  # exp(-2.9) is more than 5 %, exp(-3) is not
        ("poisson", _trials(1, 3.0), np.nan, False),
        ("poisson", _trials(4, 2.9), np.nan, False),
        ("purchases", _trials(100.0, 290.0, spread=200.0, size=100.0), np.nan, True),  # nobody bought: exp(-2.9)
        ("purchases", _trials(100.0, 300.0, spread=150.0, size=100.0), np.nan, False),
    ],
)
def test_out_of_reach(model: str, now: Trials, value: float, hidden: bool) -> None:
    """Where even nothing at all would be no sign, a figure below its level cannot tell; above it may."""
    per = 1 / now.n[0] if model == "binomial" else 1.0
    assert _case(model, now, per=per, value=value).out_of_reach(Thresholds()).tolist() == [hidden]


def test_too_few_on_one_side_only() -> None:
    """All of ten at 80 % is no sign; none of ten would be one."""
    assert _rate(9, 10, 0.8).out_of_reach(Thresholds()).tolist() == [True]
    assert _rate(7, 10, 0.8).out_of_reach(Thresholds()).tolist() == [False]


@given(st.integers(1, 9), st.sampled_from([0.05, 0.1, 0.4, 0.9]), st.sampled_from([1.0, 1.8]), st.data())
def test_fewest_deals_that_tell(n: int, level: float, phi: float, data: st.DataObject) -> None:
    """With so many deals all or none of them, on the figure's side of its level, is a sign, and with one less it is not."""
    k = data.draw(st.integers(0, n))
    assume(not math.isclose(k, n * level))
    above = k > n * level
    (times,) = _rate(k, n, level, phi=phi).fewest(Thresholds())
    needed = math.ceil(round(times * n, 6))
    hidden = [bool(_rate(i if above else 0, i, level, phi=phi).out_of_reach(Thresholds())[0]) for i in range(n, needed + 1)]
    assert hidden == [True] * (needed - n) + [False]


def test_least_level_that_tells() -> None:
    """That nobody buys is worth a talk from three expected on; a rate that all but everybody reaches never tells."""
    (customers,) = _case("poisson", _trials(0, 1.5)).fewest(Thresholds())
    (sales,) = _case("purchases", _trials(0.0, 100.0, spread=60.0, size=100.0)).fewest(Thresholds())
    assert (1.5 * customers, sales) == pytest.approx((-math.log(0.05), -math.log(0.05)))
    assert np.isnan(_rate(5, 5, 0.99).fewest(Thresholds())).all()


# The verdicts of a workbook.


def _of(kpi: str, level: float, figures: Sequence[dict[str, Any]], deals: NoDeals | None = None, **more: Any) -> dict[str, Any]:
    """Judge a rep's figures of these periods, each against this target."""
    rows = [target(kpi, level, period=period.name) for period in PERIOD.trend(8)]
    return row(judged(context_of(target_rows=rows, **more), figures, deals), kpi)


def _customers(*counts: float, level: float = 6) -> dict[str, Any]:
    periods = PERIOD.trend(len(counts))
    each = [figure("new_customers", count, period=period.name) for count, period in zip(counts, periods, strict=True)]
    return _of("new_customers", level, each)


def test_win_rate_worth_a_talk() -> None:
    """8 of 35 at 40 %: once in 39 quarters; one more won instead of lost is no signal, two fewer a clear shortfall."""
    found = _of("win_rate", 0.4, [figure("win_rate", 8, 35)])
    assert (found["verdict"], found["result"], found["reason"]) == ("watch", "missed", None)
    assert round(1 / found["p_low"]) == 39
    assert found["p_low"] == pytest.approx(_binomial(8, 35, 0.4)[0])
    assert found["p_high"] == pytest.approx(_binomial(8, 35, 0.4)[1])
    assert (found["better_from"], found["better_to"]) == (9, "no_signal")
    assert (found["worse_from"], found["worse_to"]) == (6, "gap")
    assert (found["band_low"] * 35, found["band_high"] * 35) == (pytest.approx(9), pytest.approx(19))


def test_new_customers_over_four_quarters() -> None:
    """2 against 6 after 9 of 18: 11 of 24, by luck once in 400, is a clear shortfall; one more is worth a talk."""
    found = _customers(3, 3, 3, 2)
    assert (found["verdict"], found["periods"]) == ("gap", 4)
    assert found["p_low"] == pytest.approx(_poisson(2, 6)[0])
    assert found["p4_low"] == pytest.approx(_poisson(11, 24)[0])
    assert round(1 / found["p4_low"], -2) == 400
    assert (found["better_from"], found["better_to"], found["worse_from"]) == (3, "watch", None)
    assert _customers(3, 3, 3, 3)["verdict"] == "watch"
    assert _customers(2)["verdict"] == "no_signal"


def test_only_three_periods_before_count() -> None:
    """What lies further back than three periods adds nothing, whatever it was."""
    assert _customers(90, 3, 3, 3, 2)["p4_low"] == pytest.approx(_poisson(11, 24)[0])
    assert _customers(2)["p4_low"] is None


def test_deal_size_is_a_clear_strength() -> None:
    """22 deals of 20,400 at 12,500 are passed by nobody at 12,500 who is not very lucky; the strength ends where it is said."""
    deals = NoDeals(amounts("sales", [5000, 5000, 10000, 30000, 10000]))
    found = _of("deal_size", 12500, [figure("deal_size", 20400 * 22, 22)], deals)
    each = [5000, 5000, 10000, 30000, 10000]
    c2 = sum((one - 12000) ** 2 for one in each) * 7 / (35 - 1) / 12000**2
    assert (found["verdict"], found["result"]) == ("strength", "exceeded")
    assert found["spread"] == pytest.approx(c2)
    assert (found["worse_to"], found["better_from"]) == ("above", None)
    at = found["worse_from"]
    assert _of("deal_size", 12500, [figure("deal_size", at * 22, 22)], deals)["verdict"] == "above"
    assert _of("deal_size", 12500, [figure("deal_size", (at + 0.01) * 22, 22)], deals)["verdict"] == "strength"


def test_retention_of_seven_is_too_few() -> None:
    """4 of 7 customers kept is a missed target and no conclusion."""
    found = _of("retention_rate", 0.65, [figure("retention_rate", 4, 7)])
    assert (found["verdict"], found["result"]) == ("too_few", "missed")
    assert found["reason"] == "fewer than 10 base accounts"
    assert found["p_low"] is None


def test_revenue_of_a_normal_quarter() -> None:
    """A target missed by 5.5 % is missed, and with deals of this size no signal; kappa is the mean purchase times 1 + c²."""
    each = [5000, 5000, 10000, 30000, 10000]
    deals = NoDeals(amounts("purchases", each))
    found = _of("revenue", 225000, [figure("revenue", 212600, n=18)], deals)
    c2 = sum((one - 12000) ** 2 for one in each) * 7 / (35 - 1) / 12000**2
    assert (found["verdict"], found["result"]) == ("no_signal", "missed")
    assert (found["size"], found["spread"]) == (12000, pytest.approx(12000 * (1 + c2)))
    assert (found["worse_to"], found["better_to"]) == ("watch", "above")
    for amount, verdict in ((found["worse_from"], "watch"), (found["worse_from"] + 0.01, "no_signal")):
        assert _of("revenue", 225000, [figure("revenue", amount, n=18)], deals)["verdict"] == verdict


@pytest.mark.parametrize(("slower", "verdict"), [(12, "no_signal"), (13, "watch"), (14, "watch"), (15, "gap")])
def test_sales_cycle_is_a_sign_test(slower: int, verdict: str) -> None:
    """Deals that took exactly the target decide nothing; of 18 others 13 or more are slower once in 20 periods."""
    sample = [30.0] * (18 - slower) + [40.0] * 3 + [45.0] * slower
    own = figure("cycle_days", 45, n=21, low=30.0, high=45.0)
    found = _of("cycle_days", 40, [own], NoDeals(samples={("A", PERIOD.name, "cycle_days"): sample}))
    assert (found["verdict"], found["reached"], found["trials"]) == (verdict, slower, 18)
    assert found["p_high"] == pytest.approx(sum(math.comb(18, i) for i in range(slower, 19)) / 2**18)


def test_each_periods_deals_beside_their_own_target() -> None:
    """Put together, deals count as slower than what their own period aimed at."""
    periods = PERIOD.trend(2)
    rows = [target("cycle_days", level, period=period.name) for level, period in zip((60, 40), periods, strict=True)]
    samples = {("A", period.name, "cycle_days"): [50.0] * 10 for period in periods}
    each = [figure("cycle_days", 50, n=10, low=50.0, high=50.0, period=period.name) for period in periods]
    found = row(judged(context_of(target_rows=rows), each, NoDeals(samples=samples)), "cycle_days")
    assert (found["reached"], found["trials"]) == (10, 10)
    assert (found["reached4"], found["trials4"]) == (0, 10)


def test_same_figure_same_verdict() -> None:
    """What decides is what is given: same count, n, target and phi, same verdict for everybody."""
    rows = [target("win_rate", 0.4, scope="all", scope_id="")]
    frame = judged(context_of(NINE, target_rows=rows), [figure("win_rate", 8, 35, scope_id=rep) for rep in NINE])
    own = frame[(frame["kpi"] == "win_rate") & (frame["period"] == PERIOD.name)]
    assert own["verdict"].tolist() == ["watch"] * 9
    assert own[[name for name in JUDGED if name != "share"]].drop_duplicates().shape[0] == 1


def test_replaced_reach_holds_all_else() -> None:
    """Had something else been reached, the earlier periods are what they were."""
    case = _rate(8, 35, 0.4, (30, 90))
    assert case.tails(np.array([12.0]))[2] == pytest.approx(_binomial(42, 125, 0.4)[0])
    assert replace(case, joint=np.array([False])).tails()[2].tolist() == pytest.approx([np.nan], nan_ok=True)
