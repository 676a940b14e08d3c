"""What must hold of verdicts whatever the data, on generated companies; and the loops against sums done by hand.

``told`` is what is tested: a company, through CSV files and the pipeline, to what is said of each rep's KPIs.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import judged
import oracle
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from judged import Flip, Own, Record, Ruling, Term, World, Yard
from workbooks import workbook

from reviewlib.evidence import sources
from reviewlib.evidence.period import compile_evidence
from reviewlib.periods import Period

Row = dict[str, Any]

#: What the words of a reason say.
REASONS = {
    "has left": "left", "here for less than a third": "exposure", "no target, and no group": "no_level", "a target of": "level",
    "fewer than 30 amounts": "amounts", "fewer than": "n", "too few periods": "periods", "so few that": "out_of_reach",
}  # fmt: skip
SETTINGS = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
AS_OF = dt.date(2026, 10, 15)
OWN = {"calls": Own("sum"), "praise": Own("mean")}
DEFAULTS = {
    "win_rate": Fraction(2, 5),
    "deal_size": Fraction(6_000),
    "cycle_days": Fraction(45),
    "pipeline_coverage": Fraction(2),
    "retention_rate": Fraction(3, 10),
    "praise": Fraction(4),
}
#: Places on the ladder; whoever is not judged has none.
PLACES = {"gap": 0, "watch": 1, "no_signal": 2, "too_few": 2, "above": 3, "strength": 4}


def spans(count: int) -> tuple[list[oracle.Span], oracle.Span]:
    """So many quarters up to the third one of 2026, and the one after it."""
    return [oracle.quarter(2026, 3 - back) for back in reversed(range(count))], oracle.quarter(2026, 4)


def company(
    seed: int, *, reps: int = 4, quarters: int = 7, targets: bool = True, level: float = 1.0, deals: float = 9.0, roles: int = 1
) -> World:
    """A company in which everybody sells at a ``level`` of the targets, of which the last rep is at half or double of it."""
    chance, (trend, following) = random.Random(seed), spans(quarters)
    world = World(oracle.Book([], [], dt.date(2020, 1, 1), AS_OF), trend, following, own=OWN)
    people = [{"rep_id": f"R{at}", "team": "T", "role": f"S{at % roles}"} for at in range(reps)]
    rows: list[Row] = []
    aims: list[Row] = []
    measures: list[Row] = []
    for person in people:
        rep = person["rep_id"]
        own = level * (chance.choice([0.5, 1.0, 2.0]) if person is people[-1] else 1.0)
        before = oracle.quarter(2026, 3 - quarters)
        for span in [before, *trend]:
            rows += _deals(chance, rep, span, deals=deals, level=own, known=[row for row in rows if row["rep_id"] == rep])
            measures.append({"rep_id": rep, "kpi": "calls", "period": span.name, "n": None})
            measures[-1]["value"] = Decimal(max(0, round(chance.gauss(300 * own, 40))))
            measures.append({"rep_id": rep, "kpi": "praise", "period": span.name, "n": chance.randint(5, 20)})
            measures[-1]["value"] = round(Decimal(chance.gauss(4 * own**0.3, 0.2)), 2)
        for span in [*trend, following]:
            for kpi, value in (("revenue", 50_000), ("new_customers", 5), ("calls", 300)):
                aims.append({"scope": "rep", "scope_id": rep, "kpi": kpi, "period": span.name, "ramp": None})
                aims[-1]["value"] = Decimal(value)
    numbered = [{"deal_id": f"D{at:05}", **row} for at, row in enumerate(rows)]
    # Coverage needs a target of revenue to be a figure at all.
    aims = [row for row in aims if targets or (row["kpi"] == "revenue" and row["period"] == following.name)]
    book = oracle.Book(numbered, people, dt.date(2020, 1, 1), AS_OF, oracle.ALL_COLUMNS - {"product"})
    return replace(world, book=book, targets=aims, measures=measures, defaults=DEFAULTS if targets else {}, kept={})


def _deals(chance: random.Random, rep: str, span: oracle.Span, *, deals: float, level: float, known: list[Row]) -> list[Row]:
    rows = []
    recent = [row for row in known if row["outcome"] == "won" and row["closed_on"] >= span.window_start]
    accounts = sorted({row["account_id"] for row in recent if row["account_id"]})
    kinds = [("won", deals * level), ("lost", deals * 1.3), ("open", 5 * level)]
    for outcome, number in kinds:
        for place in range(max(0, round(chance.gauss(number, math.sqrt(number))))):
            day = span.start + dt.timedelta(days=chance.randrange((span.end - span.start).days))
            amount = Decimal(max(1, round(chance.lognormvariate(8.5, 0.7) * 100))) / 100
            old = accounts and chance.random() < 0.5
            account = chance.choice(accounts) if old else f"{rep}-{span.name}-{outcome}{place}"
            rows.append(
                {
                    "rep_id": rep,
                    "outcome": outcome,
                    "account_id": None if chance.random() < 0.05 else account,
                    "amount": amount if outcome == "won" else None,
                    "expected_amount": amount,
                    "opened_on": day if outcome == "open" else day - dt.timedelta(days=round(chance.lognormvariate(3.8, 0.5))),
                    "closed_on": None if outcome == "open" else day,
                    "expected_close_on": dt.date(2026, 11, 1) if outcome == "open" else day,
                }
            )
    return rows


def with_deals(world: World, deals: Sequence[Mapping[str, Any]]) -> World:
    return replace(world, book=replace(world.book, deals=list(deals)), kept={})


def with_measures(world: World, change: Callable[[Row], Any]) -> World:
    """The measures of the judged period otherwise."""
    rows = [{**row, "value": change(dict(row))} if row["period"] == world.span.name else row for row in world.measures]
    return replace(world, measures=rows, kept={})


def through_files(world: World) -> dict[tuple[str, str], dict[str, Any]]:
    """The same company as files and params: the rows of the scorecard of the judged period, by rep and KPI."""
    described = {"label": "Own", "definition": "Measured elsewhere", "unit": "score"}
    kpis: dict[str, dict[str, Any]] = {
        kpi: {**described, "combine": own.combine, "better": own.better} for kpi, own in world.own.items()
    }
    for name, values in (("target", world.defaults), ("benchmark", world.benchmarks), ("material", world.material)):
        for kpi, value in values.items():
            kpis.setdefault(kpi, {})[name] = float(value)
    deals = [
        {**{name: value for name, value in row.items() if name != "outcome"}, "stage": row["outcome"].title()}
        for row in world.book.deals
    ]
    tables = {"reps": world.book.reps, "targets": world.targets or None, "measures": world.measures or None}
    crm = {"history_from": world.book.history_from, "quarantine": {"rows": 1, "amount": 1}}
    with tempfile.TemporaryDirectory() as folder:
        params = workbook(Path(folder), deals=deals, **tables, kpis=kpis, as_of=world.book.as_of, crm=crm)
        found = compile_evidence(params, sources.read(params), Period.parse(world.span.name))
    rows = found.scorecard[(found.scorecard["scope"] == "rep") & (found.scorecard["period"] == world.span.name)]
    return {(row["scope_id"], row["kpi"]): row for row in rows.to_dict("records")}  # type: ignore[misc]


@dataclass(frozen=True)
class Told:
    """What the scorecard says of one figure, by the names of a ``Record``."""

    row: Mapping[str, Any]
    model: str

    def __getattr__(self, name: str) -> Any:
        """A column of the scorecard; None where missing."""
        cell = self.row[name]
        return None if cell != cell else cell

    @property
    def by(self) -> str | None:
        """What the figure is held against."""
        if self.level is None:
            return None
        return "peers" if self.share is not None else "benchmark" if self.capped else "target"

    @property
    def reason(self) -> str:
        """The reason by its code; of what is judged, whether it is material."""
        if self.row["verdict"] in PLACES and self.row["verdict"] != "too_few":
            return "immaterial" if abs(self.value - self.level) <= self.material * (1 + 1e-9) else "judged"
        words = str(self.row["reason"])
        return next((code for begin, code in REASONS.items() if words.startswith(begin)), "no_figure")

    @property
    def flips(self) -> dict[str, Flip | None]:
        """So many of the smallest units better and worse, and the verdict then."""
        found = {}
        for side in ("better", "worse"):
            place, to = self.row[f"{side}_from"], self.row[f"{side}_to"]
            now = self.reached if self.model in ("rate", "count", "sign") else self.value
            unit = 1 if self.model in ("rate", "count", "sign") else 0.01
            found[side] = None if place != place or to is None else Flip(round(abs(place - now) / unit), to)
        return found


def told(world: World) -> dict[tuple[str, str], Any]:
    """What the pipeline says of every rep's judged KPIs."""
    rows = through_files(world)
    wanted = [kpi for kpi in world.judged if kpi in (world.only or {kpi})]
    return {(rep, kpi): Told(rows[rep, kpi], world.judged[kpi]) for rep in world.reps for kpi in wanted}


COMPANIES = st.builds(
    company,
    st.integers(0, 10**6),
    reps=st.integers(2, 5),
    quarters=st.just(8),
    level=st.sampled_from([0.4, 0.7, 1.0, 1.0, 1.4]),
    deals=st.sampled_from([3.0, 9.0, 20.0]),
    roles=st.integers(1, 2),
)


# By hand --------------------------------------------------------------------------------------------------------------------


def ruling(kpi: str, terms: Sequence[Term], measured: Yard = judged.Yard(), **more: Any) -> Ruling:
    world = company(0, reps=1, quarters=4)
    return Ruling(world, kpi, world.judged[kpi], terms, measured, None, more.pop("by", "target"), **more)


def test_eight_of_thirty_five() -> None:
    """Somebody at 40 % has 8 or fewer of 35 about once in 39 quarters; one more won instead of lost is no signal."""
    found = ruling("win_rate", [Term(8, 35, 0.4)])
    by_hand = sum(math.comb(35, k) * 0.4**k * 0.6 ** (35 - k) for k in range(9))
    assert found.chances(8)[0] == pytest.approx(by_hand)
    assert 38 < 1 / by_hand < 40
    assert found.verdict(8) == ("watch", "period")
    assert found.flips["better"] == Flip(1, "no_signal")
    assert (found.bands["watch"], found.bands["gap"]) == (8, 6)


def test_two_customers_of_six() -> None:
    """Two of six are a clear shortfall through 11 of 24 over four quarters; with one more they are worth a talk."""
    found = ruling("new_customers", [Term(3, 0, 6), Term(3, 0, 6), Term(3, 0, 6), Term(2, 0, 6)])
    assert found.verdict(2) == ("gap", "together")
    assert 350 < 1 / found.chances(2)[2] < 450
    assert found.flips["better"] == Flip(1, "watch")
    assert ruling("new_customers", [Term(2, 0, 6)]).verdict(2) == ("no_signal", "chance")


def test_out_of_reach() -> None:
    """Of two expected customers nobody can be told to have too few: below is too few to tell, above there is a verdict."""
    found = ruling("new_customers", [Term(1, 0, 2)])
    assert found.reaches == (False, True)
    assert [found.verdict(k)[0] for k in (0, 1, 2, 3, 6, 9)] == [
        "too_few",
        "too_few",
        "no_signal",
        "no_signal",
        "above",
        "strength",
    ]
    assert found.bands["watch"] is None


def test_dispersion_widens() -> None:
    """What moves four times as much as the model has it is told by deviations twice as large."""
    assert ruling("win_rate", [Term(4, 35, 0.4)]).verdict(4)[0] == "gap"
    assert ruling("win_rate", [Term(4, 35, 0.4)], Yard(phi=4.0)).verdict(4)[0] == "watch"
    assert ruling("win_rate", [Term(4, 35, 0.4)], Yard(phi=5.0)).verdict(4)[0] == "no_signal"


def test_nobody_bought() -> None:
    """That nobody buys at all is as probable as of so many purchases none; a gamma alone would never say so."""
    found = ruling("revenue", [Term(0, 0, 10_000)], Yard(size=5_000, spread=5_000 * 2.0))
    assert found.chances(0)[0] == pytest.approx(math.exp(-2))
    assert found.chances(-400)[:2] == (pytest.approx(math.exp(-2)), 1)


def test_benchmark_makes_no_gap() -> None:
    """Against peers and benchmarks nothing is worse than worth a talk, or better than above."""
    found = ruling("win_rate", [Term(0, 35, 0.4)], by="benchmark")
    assert [found.verdict(k)[0] for k in (0, 35)] == ["watch", "above"]
    assert (found.bands["gap"], found.bands["strength"]) == (None, None)


def test_immaterial() -> None:
    """What is more than chance and less than material is no signal."""
    assert ruling("win_rate", [Term(3_900, 10_000, 0.4)]).verdict(3_900) == ("no_signal", "immaterial")
    assert ruling("win_rate", [Term(3_800, 10_000, 0.4)]).verdict(3_799)[0] == "gap"
    assert ruling("win_rate", [Term(3_800, 10_000, 0.4)]).verdict(3_800)[0] == "no_signal"


def test_sales_cycle() -> None:
    """As many or more slower deals are the bad side; without a materially slower median they are nothing."""
    slow = ruling("cycle_days", [Term(17, 21, 45)], median=(False, True))
    by_hand = sum(math.comb(21, k) for k in range(17, 22)) / 2**21
    assert slow.chances(17)[1] == pytest.approx(by_hand)
    assert slow.verdict(17) == ("gap", "period")
    assert slow.flips["better"] == Flip(1, "watch")
    assert ruling("cycle_days", [Term(17, 21, 45)]).verdict(17) == ("no_signal", "immaterial")
    assert ruling("cycle_days", [Term(4, 21, 45)], median=(True, False)).verdict(4)[0] == "strength"


def with_reps(values: Sequence[Sequence[int]], kpi: str) -> World:
    """Reps of whom a measure has these values in the last periods, the judged one last."""
    trend, following = spans(len(values[0]))
    reps = [{"rep_id": f"R{at}", "team": "T", "role": "S"} for at in range(len(values))]
    rows = [
        {"rep_id": f"R{at}", "kpi": kpi, "period": span.name, "value": Decimal(value), "n": 4 if kpi == "praise" else None}
        for at, own in enumerate(values)
        for span, value in zip(trend, own, strict=True)
    ]
    return World(oracle.Book([], reps, dt.date(2020, 1, 1), AS_OF), trend, following, measures=rows, own=OWN)


def test_spread_of_measures() -> None:
    """Four reps at 9, 11 and 10 with four observations each: 4 x 2 for each rep, by two degrees of freedom a rep."""
    world = replace(with_reps([[9, 11, 10, 12]] * 4, "praise"), defaults={"praise": Fraction(10)})
    found = judged.record(world, "praise", "R0")
    assert (found.spread, found.df, found.phi) == (pytest.approx(4 * 2 / 2), 8, 1)
    # The mean of four observations of variance 4 has a deviation of 1; over four periods that of 16 has one of a half.
    assert found.p_high == pytest.approx(judged.chances.student(2.0, 8)[1])
    assert found.p4_high == pytest.approx(judged.chances.student(0.5 / 0.5, 8)[1])
    assert judged.record(replace(world, measures=world.measures[4:], kept={}), "praise", "R1").reason == "periods"


def test_spread_of_sums() -> None:
    """Six reps at 90, 110 and 100 % of their targets: 0.02 for each rep, by two degrees of freedom a rep."""
    aims = [
        {"scope": "rep", "scope_id": f"R{at}", "kpi": "calls", "period": span.name, "value": 100, "ramp": None}
        for at in range(6)
        for span in spans(4)[0]
    ]
    found = judged.record(replace(with_reps([[90, 110, 100, 80]] * 6, "calls"), targets=aims), "calls", "R0")
    assert (found.spread, found.df) == (pytest.approx(0.01), 12)
    assert found.p_low == pytest.approx(judged.chances.student(-2.0, 12)[0])
    assert found.p4_low == pytest.approx(judged.chances.student(-20 / 20, 12)[0])


def test_spread_of_peers() -> None:
    """About the level of eight peers in each period: what they have in common is out of it, and each period stands alone."""
    alike = judged.record(with_reps([[90, 110, 100, 80]] * 8, "calls"), "calls", "R0")
    assert (alike.by, alike.spread, alike.reason) == ("peers", None, "periods")
    peers = judged.record(with_reps([[90, 110, 100, 80]] * 7 + [[110, 90, 100, 160]], "calls"), "calls", "R7")
    assert (peers.by, peers.share, peers.phi, peers.df) == ("peers", pytest.approx(1 / 8), 1, 24)
    # Seven are 2.5 off a level of 92.5, then of 107.5, and the eighth 17.5; in the third period nobody is.
    squares = (7 * 2.5**2 + 17.5**2) * (1 / 92.5**2 + 1 / 107.5**2) / (7 / 8)
    assert peers.spread == pytest.approx(squares / 24)
    assert peers.spread is not None
    far = judged.chances.student(70 / (90 * math.sqrt(peers.spread)), 24)[1]
    assert peers.p4_high == peers.p_high == pytest.approx(judged.chances.widened(far, 7 / 8))


def test_dispersion() -> None:
    """Twelve reps with 0 and 8 won of 16 at 25 % move by 16 / 3 of what the model has, by one degree of freedom a rep."""
    trend, following = spans(3)
    deals = [
        {"deal_id": f"{rep}{span.name}{at}", "rep_id": f"R{rep}", "outcome": "won" if at < won else "lost", "account_id": None,
         "amount": None, "expected_amount": None, "opened_on": None, "closed_on": span.start, "expected_close_on": None}
        for rep in range(12)
        for span, won in zip(trend, (0, 8, 4), strict=True)
        for at in range(16)
    ]  # fmt: skip
    reps = [{"rep_id": f"R{rep}", "team": "T", "role": "S"} for rep in range(12)]
    book = oracle.Book(deals, reps, dt.date(2020, 1, 1), AS_OF)
    world = World(book, trend, following, defaults={"win_rate": Fraction(1, 4)})
    # (0 - 4)^2 / 3 + (8 - 4)^2 / 3 for each rep, whose own level is that of the target.
    assert judged.record(world, "win_rate", "R0").phi == pytest.approx(32 / 3)
    fewer = replace(world, book=replace(book, reps=reps[:11]), kept={})
    assert judged.record(fewer, "win_rate", "R0").phi == 1


def test_sizes_of_purchases() -> None:
    """What an account bought in a period is one purchase; a rep's own are steadied by ten of the group's mean."""
    trend, following = spans(2)
    bought = [("X", 100), ("X", 200), (None, 100), ("Y", -50), *((f"Z{at}", 200) for at in range(8))]
    deals = [
        {"deal_id": f"{rep}-{at}", "rep_id": rep, "outcome": "won", "account_id": account and f"{rep}{account}",
         "amount": Decimal(amount), "expected_amount": Decimal(amount), "opened_on": trend[0].start,
         "closed_on": trend[0].start, "expected_close_on": None}
        for rep in ("R0", "R1", "R2")
        for at, (account, amount) in enumerate(bought)
    ]  # fmt: skip
    reps = [{"rep_id": f"R{rep}", "team": "T", "role": "S"} for rep in range(3)]
    world = World(oracle.Book(deals, reps, dt.date(2020, 1, 1), AS_OF), trend, following)
    # Ten of each rep: 300, 100 and eight of 200; their mean is 200.
    found = judged.yard(world, "revenue", "R0")
    assert found is not None
    assert found.size == pytest.approx(200)
    assert found.kappa == pytest.approx(200 * (1 + (0.25 + 0.25) / 9))
    sizes = judged.yard(world, "deal_size", "R0")
    assert sizes is not None
    mean = 2000 / 11
    squares = [2 * (100 / mean - 1) ** 2, 9 * (200 / mean - 1) ** 2]
    assert sizes.kappa == pytest.approx(math.fsum(squares) / 10)
    deals[0]["amount"], deals[1]["amount"] = Decimal(1_000), Decimal(1_300)
    other = judged.yard(replace(world, kept={}), "revenue", "R0")
    assert other is not None
    assert other.size == pytest.approx((4_000 + 10 * 8_000 / 30) / 20)


@pytest.mark.whole
def test_figures_and_targets_are_those_of_the_scorecard() -> None:
    """The loops judge the figures and the targets that the scorecard holds, of who was there in part too."""
    world = company(7, reps=3, deals=14.0)
    reps = [{"started_on": None, "left_on": None, **row} for row in world.book.reps]
    reps[0]["started_on"], reps[1]["left_on"] = dt.date(2026, 8, 11), dt.date(2026, 8, 31)
    aims = [{**row, "ramp": Decimal("0.5") if row["scope_id"] == "R2" else None} for row in world.targets]
    world = replace(world, book=replace(world.book, reps=reps), targets=aims, kept={})
    rows, compared = through_files(world), 0
    for (rep, kpi), found in judged.verdicts(world).items():
        row, wanted = rows[rep, kpi], judged.target(world, kpi, rep, world.span)
        assert row["value"] == (
            pytest.approx(float(found.value)) if found.value is not None else pytest.approx(math.nan, nan_ok=True)
        )
        assert row["target"] == pytest.approx(math.nan if wanted is None else float(wanted), nan_ok=True), (rep, kpi)
        compared += found.value is not None
    assert compared > 20


# Any company ----------------------------------------------------------------------------------------------------------------


@pytest.mark.whole
def test_companies_have_verdicts_of_all_kinds() -> None:
    """What is generated comes to every verdict, of every KPI: the properties below are asked of something."""
    found = [
        each
        for seed in range(6)
        for level in (0.5, 1.0, 1.6)
        for each in judged.verdicts(company(seed, reps=3, level=level)).values()
    ]
    assert {each.verdict for each in found} >= {"gap", "watch", "no_signal", "above", "strength", "too_few"}
    for kpi in (*judged.MODELS, *OWN):
        assert len({each.verdict for each in found if each.kpi == kpi} & PLACES.keys()) >= 3, kpi


@pytest.mark.whole
@given(world=COMPANIES, seed=st.integers(0, 99))
@SETTINGS
def test_order_decides_nothing(world: World, seed: int) -> None:
    """Rows in another order give the same verdicts, with the same probabilities."""
    shuffled = {name: list(getattr(world, name)) for name in ("targets", "measures")}
    deals, reps = list(world.book.deals), list(world.book.reps)
    for rows in (*shuffled.values(), deals, reps):
        random.Random(seed).shuffle(rows)
    other = replace(world, book=replace(world.book, deals=deals, reps=reps), **shuffled, kept={})  # type: ignore[arg-type]
    same(told(world), told(other))


@pytest.mark.whole
@given(world=COMPANIES)
@SETTINGS
def test_money_has_no_scale(world: World) -> None:
    """All money a hundred times gives the same verdicts."""
    money = ("amount", "expected_amount")
    deals = [{**row, **{name: row[name] and row[name] * 100 for name in money}} for row in world.book.deals]
    aims = [{**row, "value": row["value"] * (100 if row["kpi"] == "revenue" else 1)} for row in world.targets]
    defaults = {kpi: value * (100 if kpi == "deal_size" else 1) for kpi, value in world.defaults.items()}
    same(told(world), told(replace(with_deals(world, deals), targets=aims, defaults=defaults)), money=100)


def same(left: Mapping[tuple[str, str], Record], right: Mapping[tuple[str, str], Record], *, money: int = 1) -> None:
    assert left.keys() == right.keys()
    for key, one in left.items():
        other = right[key]
        assert (one.verdict, one.reason, one.result) == (other.verdict, other.reason, other.result), key
        for name in ("p_low", "p_high", "p4_low", "p4_high", "df", "phi", "share"):
            assert getattr(one, name) == _near(getattr(other, name)), (key, name)
        if one.size is not None:
            assert one.size * money == _near(other.size), key


def _near(value: float | None) -> Any:
    return None if value is None else pytest.approx(value, rel=1e-7, abs=1e-12)


@pytest.mark.whole
@given(world=COMPANIES)
@SETTINGS
def test_equal_figures_equal_verdicts(world: World) -> None:
    """Two reps who sold the same to as many accounts at the same targets are told the same."""
    twin = {"R0": "twin"}

    def like(rows: Sequence[Mapping[str, Any]], name: str) -> list[Row]:
        copied = [{**row, name: twin[row[name]]} for row in rows if row[name] in twin]
        ids = [name for name in ("deal_id", "account_id") if copied and name in copied[0]]
        return [*map(dict, rows), *({**row, **{name: row[name] and f"{row[name]}-2" for name in ids}} for row in copied)]

    book = replace(world.book, deals=like(world.book.deals, "rep_id"), reps=like(world.book.reps, "rep_id"))
    more = {"targets": like(world.targets, "scope_id"), "measures": like(world.measures, "rep_id")}
    # An account that one of them won from nobody else: accounts are copied with the rep.
    found = told(replace(world, book=book, **more, kept={}))  # type: ignore[arg-type]
    for kpi in world.judged:
        one, other = found["R0", kpi], found["twin", kpi]
        assert (one.verdict, one.reason, one.p_low, one.phi) == (other.verdict, other.reason, other.p_low, other.phi), kpi


@pytest.mark.whole
@given(world=COMPANIES, rep=st.sampled_from(["R0", "R1"]))
@SETTINGS
def test_no_period_is_its_own_yardstick(world: World, rep: str) -> None:
    """Whatever somebody sells in the judged period, nobody's yardstick is another."""

    def inside(deal: Mapping[str, Any], name: str) -> bool:
        return deal["rep_id"] == rep and deal[name] is not None and world.span.start <= deal[name] < world.span.end

    deals = []
    for deal in world.book.deals:
        if inside(deal, "closed_on"):
            won = deal["outcome"] == "lost"
            more = {"outcome": "won" if won else "lost", "amount": Decimal(77_777) if won else None}
            deals.append({**deal, **more})
        elif deal["outcome"] == "open" and inside(deal, "opened_on"):
            deals.append({**deal, "expected_amount": deal["expected_amount"] * 9})
        else:
            deals.append(dict(deal))
    other = with_measures(with_deals(world, deals), lambda row: row["value"] * (3 if row["rep_id"] == rep else 1))
    before, after = told(world), told(other)
    compared = changed = 0
    for key, one in before.items():
        for name in ("size", "spread", "df", "phi"):
            left, right = getattr(one, name), getattr(after[key], name)
            if left is not None and right is not None:
                assert left == pytest.approx(right, rel=1e-12), (key, name)
                compared += 1
        changed += one.value != after[key].value
    assert compared > 10
    assert changed > 3


COLUMNS = ("p_low", "p_high", "p4_low", "p4_high", "size", "spread", "df", "phi", "share")


def agree(world: World) -> int:
    """Hold what the pipeline says against the loops, to the last digits; how many figures were judged."""
    found, count = told(world), 0
    for key, wanted in judged.verdicts(world).items():
        own = found[key]
        assert (own.verdict, own.result) == (wanted.verdict, wanted.result), (key, wanted)
        if wanted.verdict not in judged.LADDER:
            continue
        count += 1
        for name in COLUMNS:
            value, other = getattr(own, name), getattr(wanted, name)
            alone = name.startswith("p4") and value is None and other == getattr(wanted, name.replace("4", ""))
            of_deals = name == "size" and key[1] == "deal_size"  # of which the loops keep none
            assert alone or of_deals or value == _near(other), (key, name)
        for side, flip in own.flips.items():
            other = wanted.flips[side]
            assert (flip is None) == (other is None), (key, side, flip, other)
            if flip is not None and other is not None:
                assert PLACES[flip.verdict] == PLACES[other.verdict], (key, side)
                # The loops count coverage in what is due, the page in hundredths of the target.
                near = key[1] == "pipeline_coverage" or flip.units == other.units
                assert near, (key, side, flip, other)
    return count


@pytest.mark.parametrize("seed", range(2))
def test_the_pipeline_says_what_the_loops_say(seed: int) -> None:
    """Verdicts, probabilities, yardsticks and what would change a verdict are those of plain loops."""
    assert agree(_any(seed)) > 5


@pytest.mark.whole
@pytest.mark.parametrize("seed", range(2, 42))
def test_the_pipeline_says_what_the_loops_say_of_any_company(seed: int) -> None:
    """The same of sixty more companies: with and without targets, of a few deals and many, of two to ten reps."""
    agree(_any(seed))


def _any(seed: int) -> World:
    return company(
        seed, reps=(3, 9, 5, 10)[seed % 4], quarters=8, targets=seed % 2 == 0, level=(1.0, 0.6, 1.4)[seed % 3],
        deals=(9.0, 20.0, 3.0)[seed // 2 % 3], roles=1 + (seed % 5 == 4),
    )  # fmt: skip


# Better and worse -----------------------------------------------------------------------------------------------------------


def moved(world: World, kpi: str, rep: str, units: int) -> World | None:
    """The rep's figure of the judged period so many of its smallest units better or worse; None where rows do not allow it."""
    deals = [dict(row) for row in world.book.deals]
    case = oracle.Case(replace(world.book, deals=deals), frozenset({rep}), world.span)
    inside = [deal for deal in case.own if case.inside(deal["closed_on"])]
    won, lost = [deal for deal in inside if oracle.sale(deal)], [deal for deal in inside if deal["outcome"] == "lost"]
    if kpi in OWN:
        step = Decimal(units) / 100
        return with_measures(world, lambda row: row["value"] + (step if (row["rep_id"], row["kpi"]) == (rep, kpi) else 0))
    if kpi in ("revenue", "deal_size", "pipeline_coverage"):
        name = "expected_amount" if kpi == "pipeline_coverage" else "amount"
        fresh = [deal for deal in case.own if deal["outcome"] == "open" and case.inside(deal["opened_on"])]
        left = Decimal(units) / 100 * (len(won) if kpi == "deal_size" else 1)
        for deal in fresh if name == "expected_amount" else won:
            step = max(left, -deal[name])
            deal[name], left = deal[name] + step, left - step
        return None if left else with_deals(world, deals)
    if kpi == "win_rate":
        return _turned(world, deals, lost if units > 0 else won, units)
    if kpi == "new_customers":
        known = {deal["account_id"] for deal in deals if oracle.sale(deal) and deal["closed_on"] < world.span.start}
        firsts = {deal["account_id"] for deal in won if deal["account_id"]} - known
        if units > 0:
            like = {"rep_id": rep, "outcome": "won", "amount": Decimal(1), "expected_amount": None, "opened_on": None}
            like |= {"closed_on": world.span.start, "expected_close_on": None}
            return with_deals(world, [*deals, *({**like, "deal_id": f"N{i}", "account_id": f"N{i}"} for i in range(units))])
        return _without(world, deals, sorted(firsts), units)
    if kpi == "retention_rate":
        base = {deal["account_id"] for deal in case.own if oracle.sale(deal) and case.in_window(deal["closed_on"])} - {None}
        kept = {deal["account_id"] for deal in deals if oracle.sale(deal) and case.inside(deal["closed_on"])}
        if units < 0:
            return _without(world, deals, sorted(base & kept), units)
        back = sorted(base - kept)[:units]
        like = {"rep_id": rep, "outcome": "won", "amount": Decimal(1), "expected_amount": None, "opened_on": None}
        more = [{**like, "deal_id": f"N{i}", "account_id": each} for i, each in enumerate(back)]
        more = [{**row, "closed_on": world.span.start, "expected_close_on": None} for row in more]
        return with_deals(world, [*deals, *more]) if len(back) == units else None
    timed = [deal for deal in inside if oracle.cycle(deal) is not None]
    wanted = int(world.defaults["cycle_days"])
    slow = [deal for deal in timed if (oracle.cycle(deal) or 0) > wanted]
    fast = [deal for deal in timed if (oracle.cycle(deal) or 0) < wanted]
    chosen = sorted(slow, key=lambda deal: oracle.cycle(deal) or 0) if units > 0 else fast
    days = 1 if units > 0 else wanted * 9
    for deal in chosen[: abs(units)]:
        deal["opened_on"] = deal["closed_on"] - dt.timedelta(days=days)
    return with_deals(world, deals) if len(chosen) >= abs(units) else None


def _turned(world: World, deals: list[Row], chosen: list[Row], units: int) -> World | None:
    for deal in chosen[: abs(units)]:
        deal["outcome"], deal["amount"] = ("won", None) if units > 0 else ("lost", None)
    return with_deals(world, deals) if len(chosen) >= abs(units) else None


def _without(world: World, deals: list[Row], accounts: list[str], units: int) -> World | None:
    """Nothing was bought by the first of these accounts in the judged period."""
    out = set(accounts[:-units])
    left = [
        deal
        for deal in deals
        if not (deal["account_id"] in out and deal["closed_on"] and world.span.start <= deal["closed_on"] < world.span.end)
    ]
    return with_deals(world, left) if len(accounts) >= -units else None


MONEY = ("revenue", "deal_size", "pipeline_coverage")


@pytest.mark.whole
@pytest.mark.parametrize("kpi", [*judged.MODELS, *OWN])
@given(world=COMPANIES, steps=st.lists(st.integers(1, 9), min_size=1, max_size=3))
@settings(SETTINGS, max_examples=6)
def test_better_is_never_judged_worse(kpi: str, world: World, steps: list[int]) -> None:
    """Where nothing but the figure of the judged period gets better, the verdict gets no worse."""
    world, rep = replace(world, only=frozenset({kpi}), kept={}), world.reps[-1]
    size = {**dict.fromkeys(MONEY, 150_000), "calls": 3_000, "praise": 8}.get(kpi, 1)
    places = [judged.verdicts(world)[rep, kpi]]
    for total in itertools.accumulate(step * size for step in steps):
        other = moved(world, kpi, rep, total)
        if other is not None:
            places.append(judged.verdicts(other)[rep, kpi])
    for worse, better in itertools.pairwise(places):
        if worse.verdict in PLACES and better.verdict in PLACES:
            assert PLACES[worse.verdict] <= PLACES[better.verdict], (worse, better)


@pytest.mark.whole
@pytest.mark.parametrize("kpi", [*judged.MODELS, *OWN])
def test_the_stated_change_flips(kpi: str) -> None:
    """So many units better, or worse, make the verdict that is stated; one less leaves it as it is."""
    flipped = set()
    for seed, level in ((0, 0.5), (1, 1.0), (2, 1.5), (3, 0.8), (4, 1.2)):
        world = replace(company(seed, reps=3, level=level, deals=14.0), only=frozenset({kpi}), kept={})
        for (rep, _), found in judged.verdicts(world).items():
            for side, flip in found.flips.items():
                sign = 1 if side == "better" else -1
                there, short = (moved(world, kpi, rep, sign * (flip.units - less)) if flip else None for less in (0, 1))
                if flip is None or there is None or short is None:
                    continue
                after, before = judged.verdicts(there)[rep, kpi], judged.verdicts(short)[rep, kpi]
                # Which deals would be faster is not said, and so not what their median would be.
                if kpi == "cycle_days" and "immaterial" in (after.reason, before.reason, found.reason):
                    continue
                assert after.verdict == flip.verdict, (seed, rep, side, flip)
                assert PLACES[before.verdict] == PLACES[found.verdict], (seed, rep, side, flip)
                flipped.add((seed, rep, side))
    assert len(flipped) >= 2


# Peers, benchmarks, people --------------------------------------------------------------------------------------------------


@pytest.mark.whole
def test_peers_from_eight() -> None:
    """Without a target eight peers make a level, seven do not; nobody is told more than above or worth a talk."""
    nine = told(company(3, reps=9, targets=False, deals=14.0))
    assert {each.by for each in nine.values()} == {"peers"}
    assert {each.verdict for each in nine.values()} <= {"watch", "no_signal", "above", "too_few", "not_judged"}
    assert all(each.result is None for each in nine.values())
    for kpi in ("revenue", "new_customers", "win_rate", "deal_size", "cycle_days", "calls", "praise"):
        shares = [nine[rep, kpi].share for rep in (f"R{at}" for at in range(9))]
        assert math.fsum(share for share in shares if share is not None) == pytest.approx(1), kpi
    seven = told(company(3, reps=7, targets=False))
    assert {(each.verdict, each.reason) for each in seven.values()} == {("not_judged", "no_level")}


@pytest.mark.whole
def test_own_benchmark_counts_as_a_target_without_gaps() -> None:
    """A benchmark of the user's own judges where there is no target, by the share of days, and has no result."""
    world = replace(company(1, reps=3, targets=False), benchmarks={"revenue": Fraction(500_000), "win_rate": Fraction(9, 10)})
    found = told(world)
    assert {found[rep, kpi].verdict for rep in world.reps for kpi in ("revenue", "win_rate")} == {"watch"}
    assert {found[rep, "revenue"].result for rep in world.reps} == {None}


@pytest.mark.whole
@pytest.mark.parametrize(
    ("person", "verdict", "reason"),
    [
        ({"started_on": dt.date(2026, 9, 1)}, "not_judged", "exposure"),
        ({"started_on": dt.date(2026, 8, 31)}, None, None),
        ({"left_on": dt.date(2026, 9, 20)}, "not_judged", "left"),
        ({"left_on": dt.date(2026, 12, 31)}, None, None),
    ],
)
def test_who_was_hardly_there(person: Row, verdict: str | None, reason: str | None) -> None:
    """Whoever was there for less than a third of the period, or has left, is not judged and keeps figure and result."""
    world = company(5, reps=3)
    reps = [{**row, **(person if row["rep_id"] == "R0" else {})} for row in world.book.reps]
    found = told(replace(world, book=replace(world.book, reps=reps), kept={}))
    assert found["R0", "revenue"].value is not None
    assert found["R0", "revenue"].result is not None
    for kpi in ("revenue", "win_rate", "calls"):
        assert ((found["R0", kpi].verdict, found["R0", kpi].reason) == (verdict, reason)) == (verdict is not None)


@pytest.mark.whole
def test_without_amounts_before() -> None:
    """Of a company that begins in the judged period nothing is known of the sizes of purchases."""
    world = company(2, reps=3)
    deals = [deal for deal in world.book.deals if deal["opened_on"] >= world.span.start]
    found = told(with_deals(world, deals))
    assert {(found[rep, kpi].verdict, found[rep, kpi].reason) for rep in world.reps for kpi in MONEY} <= {
        ("too_few", "amounts"),
        ("too_few", "n"),
        ("not_available", "no_figure"),
    }
    assert {found[rep, "win_rate"].phi for rep in world.reps} <= {1.0, None}
