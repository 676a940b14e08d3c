"""A company of equals: reps who are all exactly as good as their targets, or all at a chosen share of them.

Whatever tells them apart is luck, so that every shortfall found in it is a false one. The figures go through files, as those of
any other workbook. All that is drawn of one quarter is drawn anew: customers who buy again do so from the house, so that the
quarters of a rep are independent, numbers of sales follow Poisson, and every target is the true expectation, worked out and not
estimated.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import pandas as pd
from workbooks import STAGES, params_of

from reviewlib.evidence import sources
from reviewlib.evidence.period import PeriodEvidence, card_of, compile_evidence
from reviewlib.params.model import Params
from reviewlib.periods import Period

#: The nine questions that are judged.
QUESTIONS: Final = (
    "revenue", "new_customers", "win_rate", "deal_size", "cycle_days", "pipeline_coverage", "retention_rate", "calls",
    "satisfaction",
)  # fmt: skip
#: From which number of observations on a figure is to be judged.
ENOUGH: Final = {"win_rate": 10, "retention_rate": 10, "deal_size": 6, "cycle_days": 6}
#: Verdicts that say nothing about the rep.
SILENT: Final = ("too_few", "not_judged", "not_available")

FIRST: Final = Period.parse("2023-Q1")
#: Quarters of sales; the one after the last that is judged is there for the pipeline.
QUARTERS: Final = 13
#: The last quarters, which are judged, a trend of eight behind each.
JUDGED: Final = (8, 9, 10, 11)
PERIODS: Final = tuple(FIRST.shift(number) for number in range(QUARTERS))
_STARTS: Final = np.array([period.start for period in PERIODS] + [PERIODS[-1].end], dtype="datetime64[D]")
#: Median days of a sale, and the standard deviation of their logarithm.
CYCLE, CYCLE_SPREAD = 45.0, 0.8
CALLS, CALLS_CV = 300.0, 0.2
SATISFACTION, SATISFACTION_SPREAD = 4.2, 0.6
#: How many deals an account that buys in bunches signs at once, each as often as the others.
BUNCHES: Final = (1, 1, 1, 2, 2, 3, 4)
#: Who sells to customers that come back.
HOUSE: Final = "HOUSE"
#: How peers are said in params.
PEERS: Final[Mapping[str, Any]] = {"by": ["role"]}
_MEASURES: Final = {
    "calls": {"label": "Calls", "definition": "Calls made", "unit": "count", "better": "higher", "combine": "sum"},
    "satisfaction": {
        "label": "Satisfaction", "definition": "Mean answer, 1 to 5", "unit": "score", "better": "higher", "combine": "mean",
    },
}  # fmt: skip


@dataclass(frozen=True)
class Sellers:
    """Reps of one kind, who share a role and so are peers; ``sizes`` and the like are what their targets say.

    Attributes:
        name: Their role.
        count: How many they are.
        won: Won deals a quarter.
        rate: Win rate.
        acquired: New customers a quarter.
        kept: The share of customers who buy again in the next quarter.
        spread: The standard deviation of the logarithm of a deal's amount; .7 makes a squared coefficient of variation of .63.
        sizes: The mean amount of a deal, from rep to rep.
        at_once: How many deals an account signs at once, each as often: all won or all lost, alike in size and age.
        moods: Each quarter multiplies what all do, what a region does and what each rep does by moods of mean 1.
        targets: Whether they have targets.
    """

    name: str
    count: int = 60
    won: float = 20.0
    rate: float = 0.4
    acquired: float = 6.0
    kept: float = 0.6
    spread: float = 0.75
    sizes: tuple[float, ...] = (12_000.0,)
    at_once: tuple[int, ...] = (1,)
    moods: bool = False
    targets: bool = True

    @property
    def bunch(self) -> float:
        """Deals that an account signs at once, on average."""
        return float(np.mean(self.at_once))

    def kind(self, size: float) -> str:
        """The role, and that the rep sells large deals where most peers do not."""
        return f"{self.name}, large" if size > 2 * float(np.median(self.size)) else self.name

    @property
    def size(self) -> np.ndarray:
        """The mean amount of a deal of each of them."""
        return np.resize(np.array(self.sizes), self.count)


#: From the smallest to eight times as much, beside one another.
MIXED: Final = (5_000.0, 7_000.0, 9_000.0, 12_000.0, 17_000.0, 22_000.0, 30_000.0, 40_000.0)
#: The four worlds, each of two kinds of sellers, who differ in how many new customers they are to win and how large deals vary.
WORLDS: Final[Mapping[str, tuple[Sellers, ...]]] = {
    "independent": (Sellers("Seller", 30), Sellers("Hunter", 30, acquired=15, spread=0.83)),
    "bunches": (Sellers("Seller", 30, at_once=BUNCHES), Sellers("Trader", 30, won=28, at_once=BUNCHES, acquired=6, spread=0.6)),
    "moods": (Sellers("Seller", 30, moods=True), Sellers("Hunter", 30, acquired=15, spread=0.83, moods=True)),
    "mixed": (Sellers("Seller", 30, sizes=MIXED), Sellers("Hunter", 30, acquired=15, spread=0.83, sizes=MIXED)),
}


@dataclass(frozen=True)
class Company:
    """A company of equals.

    Attributes:
        sellers: Its reps by kind.
        seed: What its luck begins from.
        level: By KPI, the share of the target that everybody's true level is: ``win_rate`` (with it revenue and customers won,
            the number of closed deals stays), ``deal_size``, ``cycle_days``, ``retention_rate``, ``calls``, ``satisfaction``.
        since: The first quarter of which that is true; before it, everybody is on target.
    """

    sellers: tuple[Sellers, ...]
    seed: int
    level: Mapping[str, float] = field(default_factory=dict)
    since: int = 0

    def at(self, kpi: str) -> np.ndarray:
        """The level of each quarter."""
        return np.where(np.arange(QUARTERS) < self.since, 1.0, self.level.get(kpi, 1.0))

    @cached_property
    def reps(self) -> pd.DataFrame:
        """One row per rep: rep_id, kind (the role, and whether deals are large for it) and what is expected of each."""
        rows = [
            {
                "role": own.name,
                "kind": own.kind(size),
                "size": size,
                **{name: getattr(own, name) for name in (*_OF_KIND, "bunch")},
            }
            for own in self.sellers
            for size in own.size
        ]
        ids = [f"R{number:03}" for number in range(len(rows))]
        return pd.DataFrame(rows).assign(rep_id=ids, region=[f"Region {number % 8}" for number in range(len(rows))])

    @cached_property
    def deals(self) -> pd.DataFrame:
        """Every deal that will ever be, with the day on which it closes."""
        luck = np.random.default_rng(self.seed)
        events = _events(self, luck)
        own = _deals(events, self, luck)
        return pd.concat([own, _of_the_house(events, luck)], ignore_index=True)

    @cached_property
    def measures(self) -> pd.DataFrame:
        """What other tools count of each rep and quarter."""
        luck, reps = np.random.default_rng([self.seed, 1]), len(self.reps)
        calls = CALLS * self.at("calls") * luck.gamma(CALLS_CV**-2, CALLS_CV**2, (reps, QUARTERS))
        n = 5 + luck.poisson(15, (reps, QUARTERS))
        mean = SATISFACTION * self.at("satisfaction")
        answers = mean + luck.normal(0, SATISFACTION_SPREAD, (reps, QUARTERS)) / np.sqrt(n)
        both = {"calls": (np.round(calls), np.full_like(n, 1)), "satisfaction": (np.round(answers, 3), n)}
        return pd.concat(_by_quarter(self.reps["rep_id"], kpi, value, n=count) for kpi, (value, count) in both.items())

    @cached_property
    def targets(self) -> pd.DataFrame:
        """The true expectation of every figure: numbers by the quarter, rates and sizes by the year."""
        reps = self.reps[self.reps["targets"]]
        held = {
            "revenue": reps["won"] * reps["size"],
            "new_customers": reps["acquired"],
            "calls": pd.Series(CALLS, index=reps.index),
            "win_rate": reps["rate"],
            "deal_size": reps["size"],
            "cycle_days": pd.Series(CYCLE, index=reps.index),
            "pipeline_coverage": (still_open() / reps["rate"]).round(6),
            "retention_rate": reps["kept"],
            "satisfaction": pd.Series(SATISFACTION, index=reps.index),
        }
        years = sorted({period.start.year for period in PERIODS})
        frames = []
        for kpi, value in held.items():
            spans = [period.name for period in PERIODS] if kpi in _BY_QUARTER else [f"FY{year}" for year in years]
            frames.append(_long(reps["rep_id"], kpi, spans, np.repeat(value.to_numpy()[:, None], len(spans), axis=1)))
        return pd.concat(frames).rename(columns={"rep_id": "scope_id"}).assign(scope="rep")

    def workbook(self, folder: Path, number: int) -> Params:
        """Write what the CRM holds nine days after a quarter, and the params that go with it."""
        period, path = PERIODS[number], folder / f"{PERIODS[number].name}.yaml"
        folder.mkdir(parents=True, exist_ok=True)
        as_of = period.end + dt.timedelta(days=9)
        people = self.reps[["rep_id", "role", "region"]]
        tables = {
            "deals": _as_of(self.deals, as_of),
            "reps": pd.concat([people, pd.DataFrame([{"rep_id": HOUSE, "role": "House"}])]),
            "targets": self.targets,
            "measures": self.measures[self.measures["period"] <= period.name],
        }
        crm: dict[str, Any] = {"history_from": dt.date(2022, 10, 1)}
        for name, table in tables.items():
            file = f"{path.stem}-{name}.csv"
            table.to_csv(folder / file, index=False)
            crm[name] = {"file": file, "columns": {column: column for column in table}}
        crm["deals"]["stages"] = STAGES
        return params_of(
            {"name": "equals", "currency": "EUR", "as_of": as_of, "crm": crm, "kpis": _MEASURES, "peers": PEERS}, path
        )

    def compiled(self, folder: Path, judged: Iterable[int] = JUDGED) -> list[PeriodEvidence]:
        """Read and measure these quarters, each as a period of its own."""
        params = [(self.workbook(folder, number), PERIODS[number]) for number in judged]
        return [compile_evidence(own, sources.read(own), period) for own, period in params]

    def cards(self, evidence: Iterable[PeriodEvidence]) -> pd.DataFrame:
        """Judge what was measured; the answers to the nine questions, by rep and period, with the kind."""
        found = []
        for own in evidence:
            figures = pd.concat([own.measured.figures, own.from_elsewhere], ignore_index=True)
            card = card_of(figures, own.context, own.measured)
            wanted = (card["scope"] == "rep") & (card["scope_id"] != HOUSE) & (card["period"] == own.period.name)
            found.append(card[wanted & card["kpi"].isin(QUESTIONS)])
        return pd.concat(found).merge(self.reps[["rep_id", "kind"]], on="rep_id")


def by_year(cards: pd.DataFrame, *verdicts: str) -> float:
    """How often a rep hears one of these verdicts in a year of four quarters."""
    reviews = len(cards[["rep_id", "period"]].drop_duplicates())
    return float(cards["verdict"].isin(verdicts).sum() / reviews * 4)


def within_the_year(cards: pd.DataFrame, *verdicts: str) -> pd.Series:
    """By KPI and kind, the share of reps who hear one of these verdicts at least once."""
    heard = cards["verdict"].isin(verdicts).groupby([cards["kpi"], cards["kind"], cards["rep_id"]]).any()
    return heard.groupby(["kpi", "kind"]).mean()


def by_kind(cards: pd.DataFrame, *verdicts: str) -> pd.Series:
    """The share of figures with one of these verdicts, by KPI and kind."""
    return cards["verdict"].isin(verdicts).groupby([cards["kpi"], cards["kind"]]).mean()


def judged_share(cards: pd.DataFrame) -> float:
    """Of the figures that rest on enough, the share that is judged."""
    enough = cards["value"].notna() & (cards["n"] >= cards["kpi"].map(ENOUGH).fillna(0))
    return float((~cards.loc[enough, "verdict"].isin(SILENT)).mean())


def ups_and_downs(cards: pd.DataFrame) -> float:
    """How far figures lie from what is expected, squared, in standard deviations of their model: about 1 where it holds."""
    known = cards.dropna(subset=["p_low", "p_high"])
    middle = ((known["p_low"] + 1 - known["p_high"]) / 2).clip(1e-12, 1 - 1e-12)
    return float(np.mean([NormalDist().inv_cdf(p) ** 2 for p in middle]))


#: What the kind of a rep says of each of them.
_OF_KIND: Final = ("won", "rate", "acquired", "kept", "spread", "at_once", "moods", "targets")
_BY_QUARTER: Final = ("revenue", "new_customers", "calls")


def still_open() -> float:
    """Work out which share of what closes in a quarter was opened before it."""
    days, last = np.arange(1, 1_500), np.diff(_STARTS).astype(int)
    edges = np.log(np.array([0.5, *(days + 0.5)]) / CYCLE) / CYCLE_SPREAD
    normal = np.array([NormalDist().cdf(edge) for edge in edges])
    # A deal that closes on the day with this number was open where it took longer than that.
    return float(np.mean([np.mean(1 - normal[:length]) for length in last]))


def _moods(reps: pd.DataFrame, spread: float, luck: np.random.Generator) -> np.ndarray:
    """Draw moods of mean 1 for each rep and quarter: some of it everybody's, some the region's, most the rep's own."""
    places = [np.zeros(len(reps), int), reps["region"].astype("category").cat.codes.to_numpy(), np.arange(len(reps))]
    shared = (0.15, 0.35, 0.5)
    drawn = [
        math.sqrt(share) * luck.normal(size=(place.max() + 1, QUARTERS))[place]
        for place, share in zip(places, shared, strict=True)
    ]
    spreads = spread * reps["moods"].to_numpy(float)[:, None]
    return np.exp(spreads * sum(drawn) - spreads**2 / 2)


def _events(company: Company, luck: np.random.Generator) -> pd.DataFrame:
    """Draw the decisions of accounts, won and lost, of each rep and quarter; one decides on all that it is offered at once."""
    reps = company.reps
    column = {name: reps[name].to_numpy(float)[:, None] for name in ("won", "rate", "bunch", "acquired", "kept")}
    decisions = luck.poisson(column["won"] / column["rate"] / column["bunch"] * _moods(reps, 0.2, luck))
    chance = column["rate"] * company.at("win_rate") * _moods(reps, 0.12, luck)
    kept = np.minimum(column["kept"] * company.at("retention_rate") * _moods(reps, 0.08, luck), 1)
    rep, quarter = (np.repeat(place.ravel(), decisions.ravel()) for place in np.indices(decisions.shape))
    won = luck.random(len(rep)) < chance[rep, quarter]
    first = luck.random(len(rep)) < (column["acquired"] * column["bunch"] / column["won"])[rep, 0]
    again = luck.random(len(rep)) < kept[rep, np.minimum(quarter + 1, QUARTERS - 1)]
    sizes = luck.random(len(rep))
    at_once = [own[int(share * len(own))] for own, share in zip(reps["at_once"].to_numpy()[rep], sizes, strict=True)]
    return pd.DataFrame(
        {
            "rep": rep,
            "quarter": quarter,
            "won": won,
            "known": won & ~first,
            "again": won & again,
            "deals": at_once,
            "closed": _day_in(quarter, luck),
            "size": luck.normal(size=len(rep)),
            "age": luck.normal(size=len(rep)),
        }
    )


def _deals(events: pd.DataFrame, company: Company, luck: np.random.Generator) -> pd.DataFrame:
    """Draw the deals of each decision: those of one are of one age, and half as different in size as others are."""
    reps = company.reps
    account = np.repeat(events.index.to_numpy(), events["deals"])
    own = events.loc[account].reset_index(drop=True)
    rep, quarter = own["rep"].to_numpy(), own["quarter"].to_numpy()
    mean = (reps["size"].to_numpy()[:, None] * company.at("deal_size") * _moods(reps, 0.1, luck))[rep, quarter]
    spread = reps["spread"].to_numpy()[rep]
    z = math.sqrt(0.5) * (own["size"] + luck.normal(size=len(own)))
    amount = np.round(mean * np.exp(spread * z - spread**2 / 2), 2)
    slow = np.log(_moods(reps, 0.1, luck))[rep, quarter] + CYCLE_SPREAD * own["age"]
    days = np.round(CYCLE / company.at("cycle_days")[quarter] * np.exp(slow)).astype(int)
    return pd.DataFrame(
        {
            "rep_id": reps["rep_id"].to_numpy()[rep],
            "account_id": "A" + pd.Series(account).astype(str),
            "deal_id": "D" + pd.Series(np.arange(len(own))).astype(str),
            "stage": np.where(own["won"], "Won", "Lost"),
            "amount": np.where(own["won"], amount, np.nan),
            "expected_amount": amount,
            "opened_on": own["closed"] - pd.to_timedelta(days, unit="D"),
            "closed_on": own["closed"],
        }
    )


def _of_the_house(events: pd.DataFrame, luck: np.random.Generator) -> pd.DataFrame:
    """Sell what accounts bought before all this, where they are no new customers, and what they buy in the quarter after."""
    known, again = events[events["known"]], events[events["again"] & (events["quarter"] < QUARTERS - 1)]
    before = np.full(len(known), np.datetime64("2022-11-15"))
    closed = pd.Series(np.concatenate([before, _day_in(again["quarter"].to_numpy() + 1, luck)]))
    account = pd.Series(np.concatenate([known.index, again.index])).astype(str)
    sold = {"rep_id": HOUSE, "stage": "Won", "amount": 1_000.0, "expected_amount": 1_000.0}
    frame = pd.DataFrame({"account_id": "A" + account, "deal_id": "H" + pd.Series(np.arange(len(closed))).astype(str), **sold})
    return frame.assign(opened_on=closed - pd.Timedelta(30, unit="D"), closed_on=closed)


def _day_in(quarter: np.ndarray, luck: np.random.Generator) -> np.ndarray:
    return _STARTS[quarter] + np.floor(luck.random(len(quarter)) * np.diff(_STARTS).astype(int)[quarter]).astype(
        "timedelta64[D]"
    )


def _as_of(deals: pd.DataFrame, day: dt.date) -> pd.DataFrame:
    """The deals as they stand on a day: what closes later is open, and expected to close when it will."""
    known = deals[deals["opened_on"] <= np.datetime64(day)]
    still = known["closed_on"] > np.datetime64(day)
    return known.assign(
        stage=known["stage"].mask(still, "Open"),
        amount=known["amount"].mask(still),
        closed_on=known["closed_on"].mask(still),
        expected_close_on=known["closed_on"],
    )


def _by_quarter(ids: pd.Series, kpi: str, value: np.ndarray, **more: np.ndarray) -> pd.DataFrame:
    frame = _long(ids, kpi, [period.name for period in PERIODS], value)
    return frame.assign(**{name: array.ravel() for name, array in more.items()})


def _long(ids: pd.Series, kpi: str, spans: Sequence[str], value: np.ndarray) -> pd.DataFrame:
    rows = {"rep_id": np.repeat(ids.to_numpy(), len(spans)), "period": np.tile(spans, len(ids)), "value": value.ravel()}
    return pd.DataFrame(rows).assign(kpi=kpi)
