"""Verdicts of past periods, and how far they can be relied on: against freezes, loops and what was put into a company."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

import chances
import pandas as pd
import pytest
from evidence.equals import BUNCHES, PERIODS, QUESTIONS, Company, Sellers

from reviewlib.evidence import sources
from reviewlib.evidence.period import compile_evidence, past_verdicts
from reviewlib.evidence.reliability import ENOUGH, of_kpis
from reviewlib.evidence.tables import JUDGED, SCORECARD
from reviewlib.params.kpis import KPIS

pytestmark = pytest.mark.default
LAST: Final = 11
#: Two roles, one that sells in bunches, and reps without targets, who are held against one another.
SELLERS: Final = (Sellers("Seller", 10), Sellers("Trader", 8, at_once=BUNCHES), Sellers("Newcomer", 8, targets=False))
SIDES: Final = {"gap": -1, "watch": -1, "above": 1, "strength": 1}


def past(company: Company, folder: Path) -> pd.DataFrame:
    params = company.workbook(folder, LAST)
    (found,) = past_verdicts([(params, sources.read(params))], PERIODS[LAST])
    return found[found["rep_id"] != "HOUSE"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("equals")


@pytest.fixture(scope="module")
def card(folder: Path) -> pd.DataFrame:
    return past(Company(SELLERS, seed=5), folder)


@pytest.fixture(scope="module")
def told(card: pd.DataFrame) -> pd.DataFrame:
    own = {key: KPIS.get(key, KPIS["revenue"]) for key in QUESTIONS}
    return of_kpis(card, own).set_index("kpi")


@pytest.mark.parametrize("back", [0, 5])
def test_past_periods_are_judged_as_their_own_reviews(card: pd.DataFrame, folder: Path, back: int) -> None:
    """Every cell of a judged figure is the one that freezing that period today gives."""
    params, period = Company(SELLERS, seed=5).workbook(folder, LAST), PERIODS[LAST - back]
    frozen = compile_evidence(params, sources.read(params), period).scorecard
    frozen = frozen[(frozen["scope"] == "rep") & (frozen["rep_id"] != "HOUSE") & (frozen["period"] == period.name)]
    frozen = frozen[frozen["kpi"].isin(QUESTIONS)].reset_index(drop=True)
    mine = card[card["period"] == period.name].reset_index(drop=True)
    assert len(mine) == 26 * 9
    columns = [name for name in (*SCORECARD, *JUDGED) if name not in ("low", "high")]  # of deal sizes: a supporting figure's
    pd.testing.assert_frame_equal(mine[columns], frozen[columns], check_dtype=False, check_exact=False, rtol=1e-12)


def variance(row: pd.Series, expected: float) -> float:
    """The variance of what is reached, by hand."""
    if row["model"] in ("binomial", "median"):
        share = expected / row["trials"]
        return row["trials"] * share * (1 - share)
    return {
        "poisson": expected,
        "purchases": expected * (row["spread"] or 0),
        "sizes": expected**2 * row["spread"] / row["trials"],
        "mean": row["spread"] * row["trials"],
        "total": row["spread"] * row["trials"],
    }[row["model"]]


def test_share_of_chance_is_that_of_loops(card: pd.DataFrame, told: pd.DataFrame) -> None:
    """Cochran's Q group by group and period by period, each figure by its model's variance at the level of its group."""
    for kpi, own in card[card["p_low"].notna()].groupby("kpi"):
        q, df = 0.0, 0
        for _, group in own.groupby(["period", "group"]):
            level = group["reached"].sum() / group["expected"].sum()
            x = [row["reached"] / row["expected"] for _, row in group.iterrows()]
            v = [row["phi"] * variance(row, row["expected"] * level) / row["expected"] ** 2 for _, row in group.iterrows()]
            mean = sum(a / b for a, b in zip(x, v, strict=True)) / sum(1 / b for b in v)
            q, df = q + sum((a - mean) ** 2 / b for a, b in zip(x, v, strict=True)), df + len(x) - 1
        known = min(1, df / q) if df >= ENOUGH else math.nan  # coverage is known of the last period alone
        assert told.loc[kpi, "chance"] == pytest.approx(known, nan_ok=True), kpi


def test_the_spread_of_equals_is_chance(told: pd.DataFrame) -> None:
    """Where all are exactly as good as their targets, some also in bunches, luck explains it."""
    assert told["chance"].min() > 0.85, told["chance"]
    assert told["chance"].mean() > 0.93, told["chance"]


def test_real_spread_is_found(tmp_path: Path) -> None:
    """Of three equal groups at 75, 100 and 125 % of one target, chance makes the share that follows from what was put in."""
    rates = (0.3, 0.4, 0.5)
    company = Company(tuple(Sellers("Seller", 10, rate=rate) for rate in rates), seed=4)
    targets = company.targets
    same = targets.assign(value=targets["value"].mask(targets["kpi"] == "win_rate", 0.4))
    company.__dict__["targets"] = same
    found = of_kpis(past(company, tmp_path), {key: KPIS.get(key, KPIS["revenue"]) for key in QUESTIONS}).set_index("kpi")
    # Of Q's expectation, what chance makes is df: the rest is how far the groups lie from what all reach together.
    numbers = [20 / rate for rate in rates]  # 20 won deals each
    together = 60 / sum(numbers)
    apart = 10 * sum(n * (rate - together) ** 2 for n, rate in zip(numbers, rates, strict=True)) / (together * (1 - together))
    assert found.loc["win_rate", "chance"] == pytest.approx(29 / (29 + apart), abs=0.08)
    assert found.loc["cycle_days", "chance"] > 0.85


def test_flags_and_how_often_they_come_again(card: pd.DataFrame, told: pd.DataFrame) -> None:
    """Counted one by one: a flag, a verdict in the period after, one on the same side."""
    names = [period.name for period in PERIODS]
    judged = card[card["p_low"].notna()]
    side = {(row.kpi, row.rep_id, row.period): SIDES.get(row.verdict, 0) for row in judged.itertuples()}
    for kpi in QUESTIONS:
        flagged = {key: sign for key, sign in side.items() if key[0] == kpi and sign}
        after = {(key, names[names.index(key[2]) + 1]): sign for key, sign in flagged.items()}
        followed = [(sign, side[kpi, key[1], name]) for (key, name), sign in after.items() if (kpi, key[1], name) in side]
        counted = [sum(key[0] == kpi for key in side), len(flagged), len(followed), sum(a == b for a, b in followed)]
        assert told.loc[kpi, ["judged", "flagged", "followed", "again"]].tolist() == counted
    assert told["again"].sum() > 0


def test_what_is_too_small_to_be_seen(card: pd.DataFrame, told: pd.DataFrame) -> None:
    """Half of the reps need a larger shortfall of their level; at the middle one's deals, one won deal fewer is a signal."""
    now = card[(card["kpi"] == "win_rate") & (card["period"] == PERIODS[LAST].name) & card["p_low"].notna()]
    away = ((now["level"] - now["band_low"]) / now["level"]).sort_values(kind="stable")
    row, found = now.loc[away.index[(len(away) - 1) // 2]], told.loc["win_rate"]
    assert (found["level"], found["n"]) == (row["level"], row["n"])
    k = round(row["n"] * (row["level"] - found["beyond"]))
    p = [chances.widened(chances.binomial(won, int(row["n"]), row["level"])[0], row["phi"]) for won in (k, k - 1)]
    assert p[1] <= 0.05 < p[0]


def test_what_is_not_known_is_missing(card: pd.DataFrame) -> None:
    """One rep's periods tell of no spread; who is judged in no last period has nothing that is too small to be seen."""
    alone = card[(card["rep_id"] == "R000") & (card["period"] != PERIODS[LAST].name)]
    last = card[(card["rep_id"] == "R000") & (card["period"] == PERIODS[LAST].name)].assign(p_low=math.nan)
    (found,) = of_kpis(pd.concat([alone, last])[lambda rows: rows["kpi"] == "win_rate"], dict(KPIS)).to_dict("records")
    assert found["judged"] > 0
    assert [math.isnan(found[name]) for name in ("chance", "phi", "level", "beyond")] == [True] * 4
