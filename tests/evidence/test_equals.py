"""What pages say of reps who are all exactly as good as their targets, and of those who are not.

The short tests judge two quarters of a small company in which every world is a kind of rep, and hold them against bars that
each wrong rule misses. The long ones (``pytest -m soak``) judge a year of companies of sixty.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest
from evidence import equals
from evidence.equals import BUNCHES, JUDGED, PERIODS, QUESTIONS, WORLDS, Company, Sellers

from reviewlib.evidence import judgement, verdicts, yardsticks
from reviewlib.evidence.availability import ScorecardContext
from reviewlib.evidence.period import PeriodEvidence

#: Of each kind as few as show what its rule is for.
SMALL: Final = (
    Sellers("Seller", 8),
    Sellers("Trader", 10, at_once=BUNCHES),  # phi
    Sellers("Moody", 8, moods=True),
    Sellers("Specialist", 20, sizes=(4_000.0, 4_000.0, 4_000.0, 32_000.0)),  # sizes of a rep's own
    Sellers("Outfitter", 4, won=180, rate=0.5, acquired=2, at_once=(60,)),  # phi far above 25
    Sellers("Newcomer", 8, targets=False),  # held against its peers
    *(Sellers(f"Pair {letter}", 2, won=10, acquired=4) for letter in "ABC"),  # few degrees of freedom
)
TWO: Final = (10, 11)


@dataclass(frozen=True)
class Judgement:
    """The small company, as the rules in force judge it."""

    company: Company
    evidence: list[PeriodEvidence]
    shock: Company
    shocked: list[PeriodEvidence]

    @cached_property
    def cards(self) -> pd.DataFrame:
        """What the pages of two quarters say."""
        return self.company.cards(self.evidence)

    @cached_property
    def after(self) -> pd.DataFrame:
        """What those of the last one say where only that one went badly."""
        return self.shock.cards(self.shocked)

    def of(self, kind: str, *kpis: str) -> pd.DataFrame:
        """The rows of one kind of rep."""
        return self.cards[self.cards["kind"].str.startswith(kind) & self.cards["kpi"].isin(kpis or QUESTIONS)]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Judgement:
    """Measure the small company once; each test judges it anew."""
    company = Company(SMALL, seed=12)
    fell = {"win_rate": 0.5, "retention_rate": 0.5, "calls": 0.5, "satisfaction": 0.9}
    shock = Company(SMALL[:3], seed=12, level=fell, since=TWO[-1])
    before = Company(SMALL[:3], seed=12)
    folders = [tmp_path_factory.mktemp(name) for name in ("small", "shock", "before")]
    both = [*before.compiled(folders[2], TWO[-1:]), *shock.compiled(folders[1], TWO[-1:])]
    return Judgement(company, company.compiled(folders[0], TWO), shock, both)


# What the rules must do ------------------------------------------------------------------------------------------------------


def few_false_flags(found: Judgement) -> None:
    """Nobody who is on target hears of more than 0.4 gaps, 0.4 strengths and 2 talks a year."""
    cards = found.cards[found.cards["kind"] != "Outfitter"]  # four reps, for phi alone
    assert equals.by_year(cards, "gap") <= 0.4
    assert equals.by_year(cards, "strength") <= 0.4
    assert equals.by_year(cards, "watch") <= 2.0


def figures_are_judged(found: Judgement) -> None:
    """Silence is no way to be right: nine of ten figures that rest on enough are judged."""
    assert equals.judged_share(found.cards) >= 0.9


def bunches_are_allowed_for(found: Judgement) -> None:
    """What comes in bunches goes up and down as its model says, once phi is in it."""
    traders = found.of("Trader", "win_rate", "cycle_days", "deal_size")
    assert equals.ups_and_downs(traders) < 1.5


def sizes_are_a_reps_own(found: Judgement) -> None:
    """Who sells deals eight times as large as the peers' is not judged by theirs."""
    large = found.of("Specialist, large", "revenue", "pipeline_coverage")
    assert equals.ups_and_downs(large) < 2.0


def phi_has_no_ceiling(found: Judgement) -> None:
    """Customers who decide on sixty deals at once make phi some sixty, and the page allows for all of it."""
    assert found.of("Outfitter", "win_rate")["phi"].max() > 30


def the_judged_period_does_not_judge_itself(found: Judgement) -> None:
    """How a quarter went changes nothing in how much a normal one goes up and down."""
    cards = found.after
    measured = ["size", "spread", "df", "phi"]
    columns = cards.set_index(["rep_id", "kpi"])[measured].astype("float64")
    first, second = columns[~columns.index.duplicated()], columns[columns.index.duplicated()]
    pd.testing.assert_frame_equal(first.sort_index(), second.sort_index())


def peers_include_the_rep(found: Judgement) -> None:
    """Without a target, a win rate is held against that of the whole group, the rep's own deals among them."""
    for _, group in found.of("Newcomer", "win_rate").groupby("period"):
        pooled = group["numerator"].sum() / group["n"].sum()
        for row in group.itertuples():
            low = sum(_binomial(k, int(row.n), pooled) for k in range(int(row.numerator) + 1))
            spread = math.sqrt(row.phi * (1 - row.n / group["n"].sum()))
            assert row.p_low == pytest.approx(NormalDist().cdf(NormalDist().inv_cdf(low) / spread), rel=1e-6)


def few_degrees_make_wide_limits(found: Judgement) -> None:
    """The answers to a survey of two reps are judged by Student's t with twelve degrees of freedom."""
    answers = found.company.measures.query("kpi == 'satisfaction'")
    for role in ("Pair A", "Pair B", "Pair C"):
        for row in found.of(role, "satisfaction").itertuples():
            ids = found.company.reps.query("role == @role")["rep_id"]
            period = [own.name for own in PERIODS].index(row.period)
            trend = answers[
                answers["rep_id"].isin(ids) & answers["period"].isin([own.name for own in PERIODS[period - 7 : period]])
            ]
            s2 = sum(_about_the_mean(own) for _, own in trend.groupby("rep_id")) / 12
            assert row.df == 12
            assert row.p_low == pytest.approx(_student((row.value - row.target) / math.sqrt(s2 / row.n), 12), rel=1e-6)


CHECKS: Final = (
    few_false_flags,
    figures_are_judged,
    bunches_are_allowed_for,
    sizes_are_a_reps_own,
    phi_has_no_ceiling,
    the_judged_period_does_not_judge_itself,
    peers_include_the_rep,
    few_degrees_make_wide_limits,
)


@pytest.mark.whole
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_equals_are_judged_alike(small: Judgement, check: Callable[[Judgement], None]) -> None:
    """The rules in force pass every check."""
    check(small)


@dataclass(frozen=True)
class Mutant:
    """A wrong rule, the check that must find it, and what puts the rule into force."""

    effect: str
    found_by: Callable[[Judgement], None]
    patch: Callable[[pytest.MonkeyPatch], None]


def _phi_otherwise(wrong: Callable[[pd.Series[float]], pd.Series[float]]) -> Callable[[pytest.MonkeyPatch], None]:
    """Change what comes out as phi."""
    right = yardsticks._with_phi

    def with_phi(*given: Any) -> pd.DataFrame:
        found = right(*given)
        return found.assign(phi=wrong(found["phi"]))

    return lambda patch: patch.setattr(yardsticks, "_with_phi", with_phi)


def _verdicts_otherwise(wrong: Callable[[pd.DataFrame], Any]) -> Callable[[pytest.MonkeyPatch], None]:
    """Change what comes out as verdicts."""
    right = verdicts._of_model

    def of_model(name: str, rows: pd.DataFrame, context: ScorecardContext) -> pd.DataFrame:
        found = right(name, rows, context)
        return found.assign(verdict=wrong(found))

    return lambda patch: patch.setattr(verdicts, "_of_model", of_model)


def _by_bands(rows: pd.DataFrame) -> list[str]:
    """The first rules: so much of the target makes so much of a verdict."""
    share = rows["value"] / rows["level"]
    share = share.where(rows["kpi"] != "cycle_days", 1 / share)
    return ["strength" if one >= 1.05 else "no_signal" if one >= 0.95 else "watch" if one >= 0.8 else "gap" for one in share]


def _judged_period_in_sizes(patch: pytest.MonkeyPatch) -> None:
    right = yardsticks._by_subject
    longer = lambda context: replace(context, trend=(*context.trend, context.trend[-1].next))  # noqa: E731
    patch.setattr(yardsticks, "_by_subject", lambda sizes, context: right(sizes, longer(context)))


def _judged_period_in_phi(patch: pytest.MonkeyPatch) -> None:
    right = yardsticks._with_phi
    patch.setattr(
        yardsticks, "_with_phi", lambda now, before, forgotten: right(now, pd.concat([before, now[now["usable"]]]), forgotten)
    )


def _without_the_rep(patch: pytest.MonkeyPatch) -> None:
    right = yardsticks._with_peers

    def with_peers(*given: Any) -> pd.DataFrame:
        found = right(*given)
        others = (found["reached_of_group"] - found["reached"]) / (found["weight_of_group"] - found["weight"])
        return found.assign(level=found["level"].where(found["share"].isna() | (found["model"] != "binomial"), others))

    patch.setattr(yardsticks, "_with_peers", with_peers)


MUTANTS: Final[Mapping[str, Mutant]] = {
    "phi by periods": Mutant(
        "phi divided by the number of periods once more",
        bunches_are_allowed_for,
        _phi_otherwise(lambda phi: (phi / 7).clip(lower=1)),
    ),
    "kappa of the group": Mutant(
        "m is the group's mean amount, the rep's own left out",
        sizes_are_a_reps_own,
        lambda patch: patch.setattr(yardsticks, "_PRIOR", 1e9),
    ),
    "judged period in kappa": Mutant(
        "amounts of the judged period are among the sizes", the_judged_period_does_not_judge_itself, _judged_period_in_sizes
    ),
    "judged period in phi": Mutant(
        "the judged period is among those of phi", the_judged_period_does_not_judge_itself, _judged_period_in_phi
    ),
    "peers without the rep": Mutant(
        "T of a rep without a target is the level of the others", peers_include_the_rep, _without_the_rep
    ),
    "a ceiling on phi": Mutant("phi is at most 25", phi_has_no_ceiling, _phi_otherwise(lambda phi: phi.clip(upper=25))),
    "normal for t": Mutant(
        "measures are judged by the normal distribution",
        few_degrees_make_wide_limits,
        lambda patch: patch.setattr(judgement.special, "stdtr", lambda df, t: judgement.special.ndtr(t)),
    ),
    "everything too few": Mutant("every verdict is too_few", figures_are_judged, _verdicts_otherwise(lambda rows: "too_few")),
    "the first rules": Mutant("bands of attainment: about five gaps a year", few_false_flags, _verdicts_otherwise(_by_bands)),
}


@pytest.mark.whole
@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_rule_is_found(small: Judgement, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each wrong rule fails the check that is there for it."""
    mutant = MUTANTS[name]
    mutant.patch(monkeypatch)
    with pytest.raises(AssertionError):
        mutant.found_by(Judgement(small.company, small.evidence, small.shock, small.shocked))


# The company itself ----------------------------------------------------------------------------------------------------------


@pytest.mark.whole
def test_everybody_is_on_target(small: Judgement) -> None:
    """Figures of equals scatter around their targets; how far on average says that the targets are true expectations."""
    cards = small.cards[small.cards["target"].notna() & small.cards["value"].notna()]
    cards = cards[~cards["kind"].isin(["Outfitter", "Moody"])]
    for kpi, own in cards.groupby("kpi"):
        # A rate of many deals tells more than one of few; the mean of medians is a little beside the median.
        weight = own["n"] if kpi in ("win_rate", "retention_rate", "deal_size", "satisfaction") else own["target"] * 0 + 1
        off = (own["value"] / own["target"] - 1) * weight / weight.mean()
        slack = 0.03 if kpi == "cycle_days" else 0.0
        assert abs(off.mean()) < 4 * off.std() / math.sqrt(len(own)) + slack, kpi


# A year of companies of sixty ------------------------------------------------------------------------------------------------


#: Companies of each world: of one alone the rarer kinds of rep are so few that a single unlucky one is 4 %.
SEEDS: Final = range(40, 45)


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, pd.DataFrame]:
    """What the pages of companies say in a year, by world and seed."""
    found = {}
    for (world, sellers), seed in itertools.product(WORLDS.items(), SEEDS):
        company = Company(sellers, seed)
        found[f"{world} {seed}"] = company.cards(company.compiled(tmp_path_factory.mktemp(world)))
    return found


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("verdict", "most"), [("gap", 0.4), ("strength", 0.4), ("watch", 2.0)])
def test_a_year_of_equals(year: Mapping[str, pd.DataFrame], verdict: str, most: float) -> None:
    """The mean of all companies stays below the bar."""
    assert np.mean([equals.by_year(cards, verdict) for cards in year.values()]) <= most


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_no_question_is_unfair_to_a_kind_of_rep(year: Mapping[str, pd.DataFrame]) -> None:
    """No more than 4 % of the figures of one question and kind of rep are gaps, and nine of ten that can be judged are."""
    found = equals.by_kind(pd.concat(year.values()), "gap")
    assert found.max() <= 0.04, found.nlargest(5)
    for world, cards in year.items():
        assert equals.judged_share(cards) >= 0.9, world


#: The share of reps who hear of a gap within a year, by their true level; customers acquired by target, 6 and 15.
POWER: Final[Mapping[tuple[str, str], tuple[float, ...]]] = {
    ("revenue", "Seller"): (0.99, 0.91, 0.67, 0.34),
    ("win_rate", "Seller"): (1.00, 0.99, 0.85, 0.47),
    ("new_customers", "Seller"): (0.74, 0.48, 0.25, 0.11),
    ("new_customers", "Hunter"): (1.00, 0.94, 0.70, 0.32),
    ("deal_size", "Seller"): (1.00, 1.00, 0.93, 0.52),
    ("cycle_days", "Seller"): (1.00, 1.00, 0.89, 0.48),
}
LEVELS: Final = (0.5, 0.6, 0.7, 0.8)
#: Two companies, so that a fall in how many deals are won does not make the samples of the others small.
FALLS: Final = (("revenue", "win_rate", "new_customers"), ("deal_size", "cycle_days"))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("falls", FALLS, ids=lambda falls: falls[0])
@pytest.mark.parametrize("level", LEVELS)
def test_who_falls_short_hears_of_it(tmp_path_factory: pytest.TempPathFactory, level: float, falls: tuple[str, ...]) -> None:
    """Of those truly below target, so many hear of a gap within a year, less five points."""
    by = dict.fromkeys(("win_rate",) if "win_rate" in falls else falls, level)
    company = Company((Sellers("Seller", 360), Sellers("Hunter", 160, acquired=15)), seed=90, level=by)
    found = equals.within_the_year(company.cards(company.compiled(tmp_path_factory.mktemp("falls"), JUDGED)), "gap")
    for (kpi, kind), powers in POWER.items():
        if kpi in falls:
            assert found[kpi, kind] >= powers[LEVELS.index(level)] - 0.05, (kpi, kind, level)


def _binomial(k: int, n: int, p: float) -> float:
    return math.comb(n, k) * p**k * (1 - p) ** (n - k)


def _about_the_mean(rows: pd.DataFrame) -> float:
    mean = (rows["value"] * rows["n"]).sum() / rows["n"].sum()
    return float((rows["n"] * (rows["value"] - mean) ** 2).sum())


def _student(t: float, df: int) -> float:
    """Student's distribution for an even number of degrees of freedom, in closed form."""
    angle = math.atan(t / math.sqrt(df))
    terms = [1.0]
    for place in range(1, df // 2):
        terms.append(terms[-1] * (2 * place - 1) / (2 * place) * math.cos(angle) ** 2)
    return 0.5 + math.sin(angle) * sum(terms) / 2
