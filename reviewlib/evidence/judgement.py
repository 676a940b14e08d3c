"""Judgement: whether a figure is more than the ups and downs of a normal period.

A target met or missed is a fact; that a person is strong or weak is a conclusion, and needs more. For each figure stands one
question: how often would somebody whose true level is exactly the target end as low, or as high? Limits around a target that
widen as the evidence thins are those of funnel plots (D. J. Spiegelhalter, "Funnel plots for comparing institutional
performance", Statistics in Medicine 24, 2005), dispersion included.

Everything here is counted in sums: what was reached, and what somebody exactly at the level reaches on average.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from reviewlib.evidence.comparison import ROUNDING

Numbers = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Trials:
    """What chance had to work with: arrays of one length, a row for each figure, over one period or the sum of several.

    Attributes:
        reached: What was reached: won deals, customers, amounts; of a mean its sum; of a median the values above the level.
        expected: What somebody exactly at the level reaches on average.
        n: On how many deals, accounts or answers that rests; of totals from other tools, the sum of squared levels.
        spread: How much they scatter: ``kappa`` of purchases, the squared coefficient of variation of deal sizes and totals,
            the variance of one answer of a mean.
        size: The mean purchase.
        df: The degrees of freedom of ``spread``, where that is estimated from the figure's own past.
    """

    reached: Numbers
    expected: Numbers
    n: Numbers
    spread: Numbers
    size: Numbers
    df: Numbers

    @classmethod
    def of(cls, rows: pd.DataFrame, suffix: str = "") -> Self:
        """Read them from rows of figures: of the judged period, or with a suffix of those before it."""
        own = [rows[f"{name}{suffix}"] for name in ("reached", "expected", "trials")]
        return cls(*(column.to_numpy("float64") for column in (*own, rows["spread"], rows["size"], rows["df"])))

    def __add__(self, earlier: Trials) -> Self:
        """Put several periods together; how much they scatter is as of the last."""
        sums = {name: getattr(self, name) + getattr(earlier, name) for name in ("reached", "expected", "n")}
        return replace(self, **sums)


@dataclass(frozen=True)
class Model:
    """How chance moves a figure.

    Attributes:
        low: P(this low or lower), for each row.
        high: P(this high or higher).
        variance: The variance of what is reached.
        fewest: How many trials it needs; of ``df``, where ``of_df``.
        of_df: Whether its spread is estimated from the figure's own past, which holds its dispersion too.
        whole: Whether it counts whole things.
        spreads: Whether how much its figures scatter is estimated.
        bounded: Whether no more than the number of trials can be reached.
    """

    low: Callable[[Trials], Numbers]
    high: Callable[[Trials], Numbers]
    variance: Callable[[Trials], Numbers]
    fewest: int = 0
    of_df: bool = False
    whole: bool = False
    spreads: bool = False
    bounded: bool = False


def _binomial_low(t: Trials) -> Numbers:
    return np.asarray(special.bdtr(t.reached, t.n.astype(int), t.expected / t.n))


def _binomial_high(t: Trials) -> Numbers:
    return np.where(t.reached <= 0, 1.0, special.bdtrc(t.reached - 1, t.n.astype(int), t.expected / t.n))


def _binomial_variance(t: Trials) -> Numbers:
    # Who always or never succeeds would not vary at all.
    share = np.clip(t.expected / t.n, 0.02, 0.98)
    return np.asarray(t.n * share * (1 - share))


def _purchases_low(t: Trials) -> Numbers:
    # At the least the probability that nobody bought at all, which the gamma distribution does not know.
    nobody = np.exp(-t.expected / t.size)
    return np.asarray(np.maximum(special.gammainc(t.expected / t.spread, np.maximum(t.reached, 0) / t.spread), nobody))


def _sizes_at(t: Trials) -> tuple[Numbers, Numbers]:
    shape = t.n / t.spread
    return shape, np.maximum(t.reached, 0) / t.expected * shape


def _t(t: Trials) -> Numbers:
    return (t.reached - t.expected) / np.sqrt(t.spread * t.n)


#: The binomial and Poisson distributions; for revenue a random number of purchases of random size, as a gamma distribution of
#: the same mean and variance (N. L. Johnson, S. Kotz, "Continuous univariate distributions", chapter 17); for a mean of sizes
#: the gamma distribution of their sum; Student's t for what is only known from its own past.
MODELS: Final[Mapping[str, Model]] = {
    "binomial": Model(_binomial_low, _binomial_high, _binomial_variance, fewest=10, whole=True, bounded=True),
    # The sign test: how many of those that differ from the level lie above it.
    "median": Model(_binomial_low, _binomial_high, _binomial_variance, fewest=6, whole=True, bounded=True),
    "poisson": Model(
        lambda t: np.asarray(special.pdtr(t.reached, t.expected)),
        lambda t: np.where(t.reached <= 0, 1.0, special.pdtrc(t.reached - 1, t.expected)),
        lambda t: t.expected,
        whole=True,
    ),
    "purchases": Model(
        _purchases_low,
        lambda t: np.asarray(special.gammaincc(t.expected / t.spread, np.maximum(t.reached, 0) / t.spread)),
        lambda t: t.expected * t.spread,
        spreads=True,
    ),
    "sizes": Model(
        lambda t: np.asarray(special.gammainc(*_sizes_at(t))),
        lambda t: np.asarray(special.gammaincc(*_sizes_at(t))),
        lambda t: t.expected**2 * t.spread / t.n,
        fewest=6,
        spreads=True,
    ),
    "mean": Model(
        lambda t: np.asarray(special.stdtr(t.df, _t(t))),
        lambda t: np.asarray(special.stdtr(t.df, -_t(t))),
        lambda t: t.spread * t.n,
        fewest=8, of_df=True, spreads=True,
    ),
    "total": Model(
        lambda t: np.asarray(special.stdtr(t.df, _t(t))),
        lambda t: np.asarray(special.stdtr(t.df, -_t(t))),
        lambda t: t.spread * t.n,
        fewest=12, of_df=True, spreads=True,
    ),
}  # fmt: skip
#: Fewest amounts from which it is known how much purchases and deals scatter.
AMOUNTS: Final = 30
#: The verdicts of a figure that is judged, from bad to good.
SCALE: Final = ("gap", "watch", "no_signal", "above", "strength")
_NONE: Final = SCALE.index("no_signal")
#: How unlikely the judged period itself must be at the most, where four periods together decide.
_ALONE: Final = 0.3
#: How much less likely four periods together must be than one.
_TOGETHER: Final = 0.4
#: Up to how many times as many deals are looked for that would be enough.
_TIMES: Final = 1000.0


@dataclass(frozen=True)
class Thresholds:
    """How seldom somebody exactly on target must do as badly, or as well: for a clear verdict, and for one that is not."""

    gap: float = 0.005
    watch: float = 0.05

    @property
    def together(self) -> float:
        """The one for a watch from four periods together."""
        return max(_TOGETHER * self.watch, self.gap)


@dataclass(frozen=True)
class Cases:
    """Figures to be judged by one model, a row each.

    Attributes:
        model: The model.
        now: The judged period.
        earlier: The periods before it that are put together with it, zero where there is none.
        joint: Where there is one.
        phi, phi4: By how much more than the model says they vary, in the judged period and over all of them.
        good: 1 where higher is better, -1 where lower is.
        per: What one more of what is reached adds to the figure.
        value: The figure, where that does not follow from what is reached; else missing.
        level: What it is held against.
        material: How far from it the figure must be.
        step: The smallest change of what is reached.
        capped: Where the verdict is no clear one, whatever the figure.
    """

    model: Model
    now: Trials
    earlier: Trials
    joint: Truths
    phi: Numbers
    phi4: Numbers
    good: Numbers
    per: Numbers
    value: Numbers
    level: Numbers
    material: Numbers
    step: Numbers
    capped: Truths

    def tails(self, reached: Numbers | None = None) -> tuple[Numbers, Numbers, Numbers, Numbers]:
        """P(this low or lower), P(this high or higher), and the same of the periods together, had this been reached."""
        now = self.now if reached is None else replace(self.now, reached=reached)
        whole = now + self.earlier
        alone = (dispersed(tail(now), self.phi) for tail in (self.model.low, self.model.high))
        joint = (dispersed(tail(whole), self.phi4) for tail in (self.model.low, self.model.high))
        return (*alone, *(np.where(self.joint, p, np.nan) for p in joint))  # type: ignore[return-value]

    def places(self, thresholds: Thresholds, reached: Numbers | None = None) -> npt.NDArray[np.intp]:
        """The place of the verdict in ``SCALE``, had this been reached."""
        low, high, low4, high4 = self.tails(reached)
        better = self.good > 0
        bad, good = (np.where(better, *pair) for pair in ((low, high), (high, low)))
        bad4, good4 = (np.where(better, *pair) for pair in ((low4, high4), (high4, low4)))
        value = (self.now.reached if reached is None else reached) * self.per
        if reached is None:
            value = np.where(np.isnan(self.value), value, self.value)
        away = (value - self.level) * self.good
        enough = self.material * (1 + ROUNDING)
        # How far a median lies away does not follow from how many values lie above the level.
        loose = ~np.isnan(self.value) & (reached is not None)
        down = _degree(bad, bad4, thresholds) * ((away < -enough) | loose)
        up = _degree(good, good4, thresholds) * ((away > enough) | loose)
        most = np.where(self.capped, 1, 2)
        return _NONE - np.minimum(down, most) + np.minimum(up, most)

    def ends(self, thresholds: Thresholds) -> tuple[Numbers, Numbers]:
        """The least and the most that are reached in all but the unlikely periods of somebody exactly at the level."""
        at_least = self._first(lambda reached: self.tails(reached)[0] > thresholds.watch * (1 + ROUNDING), up=True)
        at_most = self._first(lambda reached: self.tails(reached)[1] > thresholds.watch * (1 + ROUNDING), up=False)
        return at_least, at_most

    def flips(self, thresholds: Thresholds) -> tuple[Numbers, Numbers]:
        """From where on the verdict is a better one, and from where on a worse one; missing where nothing changes it."""
        now, start = self.places(thresholds), self.now.reached
        # Of a median that is not far enough away what it has already may be enough, were it further.
        upward = self._first(lambda reached: (self.places(thresholds, reached) - now) * self.good > 0, up=True, start=start)
        downward = self._first(lambda reached: (self.places(thresholds, reached) - now) * self.good < 0, up=False, start=start)
        better = np.where(self.good > 0, upward, downward)
        return better, np.where(self.good > 0, downward, upward)

    def fewest(self, thresholds: Thresholds) -> Numbers:
        """How many times n, or of what has none the level, it takes for a figure on this side to tell; none beyond 1,000."""
        low, high = np.ones_like(self.level), np.full_like(self.level, _TIMES)
        for _ in range(40):
            times = (low + high) / 2
            now = replace(self.now, **{name: getattr(self.now, name) * times for name in ("reached", "expected", "n")})
            per, level = (self.per / times, self.level) if self.model.bounded else (self.per, self.level * times)
            hidden = replace(self, now=now, per=per, level=level).out_of_reach(thresholds)
            low, high = np.where(hidden, times, low), np.where(hidden, high, times)
        return np.where(high < _TIMES, high, np.nan)

    def out_of_reach(self, thresholds: Thresholds) -> Truths:
        """Where no figure on this side of the level could have been told from it."""
        value = np.where(np.isnan(self.value), self.now.reached * self.per, self.value)
        ends = (self._least, self.now.n if self.model.bounded else self._far)
        low, high = (self.places(thresholds, end) == _NONE for end in ends)
        level = np.isclose(value, self.level, rtol=ROUNDING, atol=0)
        return np.asarray(np.where(level, low & high, np.where(value > self.level, high, low)))

    @property
    def _least(self) -> Numbers:
        return np.zeros_like(self.now.reached) if not self.model.of_df else -self._far

    @property
    def _far(self) -> Numbers:
        reach = np.abs(self.now.expected) + np.abs(self.now.reached) + np.sqrt(self.model.variance(self.now) * self.phi)
        return np.asarray(50 * reach)

    def _first(self, holds: Callable[[Numbers], Truths], *, up: bool, start: Numbers | None = None) -> Numbers:
        """The first amount, step by step up or down, of which something holds that holds of all beyond it; by halving."""
        top = self.now.n if self.model.bounded else self._far
        begin = (self._least if up else top) if start is None else start
        stop = np.maximum(top, begin) if up else np.minimum(self._least, begin)
        sign = 1 if up else -1
        begin = begin if start is not None else (np.floor if up else np.ceil)(begin / self.step) * self.step
        steps = np.floor(np.abs(stop - begin) / self.step * (1 + ROUNDING))
        low, high = np.zeros_like(steps), steps  # what holds first lies between them, if anywhere
        found = holds(begin + sign * high * self.step)
        while (low < high).any():
            middle = np.floor((low + high) / 2)
            true = holds(begin + sign * middle * self.step)
            low, high = np.where(true, low, np.minimum(middle + 1, high)), np.where(true, middle, high)
        return np.where(found, begin + sign * high * self.step, np.nan)


def dispersed(p: Numbers, phi: Numbers) -> Numbers:
    """Allow for figures that vary more than the model says (Spiegelhalter 2005, section 3.2)."""
    return np.asarray(special.ndtr(special.ndtri(np.clip(p, 0, 1)) / np.sqrt(phi)))


def _degree(p: Numbers, together: Numbers, thresholds: Thresholds) -> npt.NDArray[np.intp]:
    """How much a probability says: 2 a clear verdict, 1 one that is not, 0 nothing."""
    slack = 1 + ROUNDING
    alone = p <= _ALONE * slack
    clear = (p <= thresholds.gap * slack) | ((together <= thresholds.gap * slack) & alone)
    some = (p <= thresholds.watch * slack) | ((together <= thresholds.together * slack) & alone)
    return clear.astype(np.intp) + (clear | some)
