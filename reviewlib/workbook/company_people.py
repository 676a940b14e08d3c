"""The sample company's reps, targets and activities; ``company_cast.yaml`` holds the names and the stories."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import BaseModel, ConfigDict
from ruamel.yaml import YAML

from reviewlib.periods import Period

#: What all random numbers start from.
SEED: Final = 7
AS_OF: Final = dt.date(2026, 10, 15)
HISTORY_FROM: Final = dt.date(2024, 10, 1)
#: The eight quarters of history and the one after them, which has targets already.
QUARTERS: Final = tuple(Period.parse("2024-Q4").shift(step) for step in range(9))
MONTHS: Final = tuple(month for quarter in QUARTERS for month in quarter.months())
#: Share of the full target that a starter owes in the first six months.
RAMP: Final = (0.0, 0.25, 0.4, 0.6, 0.75, 0.9)
#: How busy the months of a year are, and how much the company grows in a year.
SEASON: Final = (0.93, 0.96, 1.06, 0.98, 0.98, 1.05, 0.95, 0.9, 1.06, 1.03, 1.06, 1.04)
GROWTH: Final = 0.13


class Team(BaseModel):
    """One team and how many of the first 48 reps it has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    manager: str
    region: str
    size: int
    role: str | None = None


class Story(BaseModel):
    """What sets a rep apart: dates of the career, lasting traits, and single quarters.

    ``attainment``, ``win_rates`` and ``opening`` map a quarter to the attainment, the win rate and the share of the usual
    number of opened deals in it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    started_on: dt.date | None = None
    left_on: dt.date | None = None
    moved_from: str | None = None
    moved_on: dt.date | None = None
    weight: float | None = None
    size: float | None = None
    cycle: float | None = None
    spread: float | None = None
    win_rate: float | None = None
    keep: float | None = None
    level: float | None = None
    target: bool = True
    attainment: dict[str, float] = {}
    win_rates: dict[str, float] = {}
    opening: dict[str, float] = {}


class CompanyCast(BaseModel):
    """Who and what the company consists of, as ``company_cast.yaml`` lists it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    teams: tuple[Team, ...]
    managers: tuple[str, ...]
    reps: tuple[str, ...]
    stories: dict[str, Story]
    former: str
    former_story: Story
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    products: tuple[str, ...]
    account_places: tuple[str, ...]
    account_trades: tuple[str, ...]
    targets: tuple[tuple[Any, ...], ...]
    columns: tuple[str, ...]
    flaws: tuple[dict[str, str], ...]


@cache
def cast() -> CompanyCast:
    """Read the cast."""
    file = Path(__file__).with_name("company_cast.yaml")
    return CompanyCast.model_validate(YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Rep:
    """One rep of the sample: who they are and how they sell.

    ``weight`` is the share of deals against an ordinary rep, ``size`` the usual deal in euros, ``cycle`` the median days to
    close and ``spread`` how far the days scatter, ``keep`` the share of customers who buy again in the next quarter, ``level``
    the usual attainment.
    """

    index: int
    rep_id: str
    name: str
    team: Team
    role: str
    started_on: dt.date
    weight: float
    size: float
    win_rate: float
    cycle: float
    spread: float
    keep: float
    level: float
    story: Story

    @property
    def left_on(self) -> dt.date | None:
        """The last day in the company."""
        return self.story.left_on

    def active(self, period: Period) -> bool:
        """Tell whether the rep was there on at least one day of the period."""
        return self.started_on < period.end and (self.left_on is None or self.left_on >= period.start)

    def ramp(self, month: Period) -> float:
        """Share of the full target owed in this month."""
        since = (month.start.year - self.started_on.year) * 12 + month.start.month - self.started_on.month
        return RAMP[since] if 0 <= since < len(RAMP) and self.started_on > HISTORY_FROM else 1.0


def generator(*keys: int) -> np.random.Generator:
    """Make the random numbers of one subject, independent of how many others there are.

    Only ``random()`` is drawn from it: numpy may change how it makes normal or other variates, and the sample should not.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((SEED, *keys))))


def season(month: Period) -> float:
    """How much the company sells in this month, against an average month of the first year."""
    years = (month.start.year - HISTORY_FROM.year) + (month.start.month - HISTORY_FROM.month) / 12
    return float(SEASON[month.start.month - 1] * (1 + GROWTH) ** years)


def make_reps(count: int) -> tuple[Rep, ...]:
    """Make the reps; the cast and its stories come in when there is room for all of them."""
    known = cast()
    stories = known.stories if count >= len(known.reps) else {}
    teams = [team for team in known.teams for _ in range(team.size)]
    for number in range(math.ceil(max(0, count - len(teams)) / 12)):
        manager = known.managers[number % len(known.managers)]
        teams += [Team(name=f"Field {number + 1:02d}", manager=manager, region="Field", size=12)] * 12
    ids = [f"R-{number:03d}" for number in range(1, count + 1)]
    return tuple(_rep(index, ids[index], teams[index], stories.get(ids[index], Story())) for index in range(count))


def former_rep(count: int) -> Rep | None:
    """Make the owner of deals who is not in the reps table."""
    known = cast()
    return _rep(count, known.former, known.teams[0], known.former_story) if count >= len(known.reps) else None


def _rep(index: int, rep_id: str, team: Team, story: Story) -> Rep:
    draw = generator(1, index).random(8)
    role = team.role or ("Senior account executive" if draw[0] < 0.22 and rep_id not in cast().stories else "Account executive")
    size, pace = {"Key account executive": (2.6, 0.75), "Senior account executive": (1.35, 1.0)}.get(role, (1.0, 1.0))
    usual = {
        "started_on": dt.date(2018, 1, 1) + dt.timedelta(days=int(draw[1] * 2100)),
        "weight": pace * (0.8 + 0.4 * draw[2]),
        "size": 8300 * size * (0.88 + 0.3 * draw[3]),
        "win_rate": 0.38 + 0.15 * draw[4],
        "cycle": (27 + 29 * draw[5]) * (1.25 if team.role else 1.0),
        "spread": 0.42,
        "keep": 0.38 + 0.3 * draw[6],
        "level": 0.88 + 0.24 * draw[7],
    }
    own: dict[str, Any] = usual | story.model_dump(include=set(usual), exclude_none=True)
    return Rep(index=index, rep_id=rep_id, name=_name(index), team=team, role=role, story=story, **own)


def _name(index: int) -> str:
    known = cast()
    if index < len(known.reps):
        return known.reps[index]
    # 37 and 65 first names have no common factor, so names repeat late.
    first, last = known.first_names, known.last_names
    return f"{first[index * 37 % len(first)]} {last[index % len(last)]}"


def rep_rows(reps: tuple[Rep, ...]) -> Iterator[tuple[object, ...]]:
    """List the rows of the reps table; who changed team has two."""
    yield ("Employee", "Name", "Team", "Manager", "Role", "Region", "Email", "Started", "Left", "From", "To")
    teams = {team.name: team for team in cast().teams}
    for rep in reps:
        email = f"{rep.rep_id.lower()}@lindhaven.example"
        start, left = rep.started_on, rep.left_on or ""
        spells: list[tuple[Team, object, object]] = [(rep.team, "", "")]
        if rep.story.moved_from and (day := rep.story.moved_on):
            spells = [(teams[rep.story.moved_from], "", day - dt.timedelta(days=1)), (rep.team, day, "")]
        for team, begin, end in spells:
            yield (rep.rep_id, rep.name, team.name, team.manager, rep.role, team.region, email, start, left, begin, end)


def target_rows(reps: tuple[Rep, ...], *, rate: float) -> Iterator[tuple[object, ...]]:
    """List the rows of the targets table.

    Args:
        reps: The reps; whose story says so gets no revenue target.
        rate: Deals that an ordinary rep closes in an average month.
    """
    yield ("scope", "scope_id", "kpi", "period", "value", "ramp")
    teams = {rep.team.name for rep in reps}
    yield from ((*row, "") for row in cast().targets if row[0] == "all" or row[1] in teams)
    for rep in reps:
        if rep.story.target:
            for month in filter(rep.active, MONTHS):
                ramp = rep.ramp(month)
                yield ("rep", rep.rep_id, "revenue", month, full_target(rep, month, rate=rate), "" if ramp == 1 else ramp)
        for quarter in filter(rep.active, QUARTERS):
            won = sum(rate * (rep.weight or 1.0) * rep.win_rate * season(month) * rep.ramp(month) for month in quarter.months())
            yield ("rep", rep.rep_id, "new_customers", quarter, max(1, round(won * 0.28)), "")
    # One team has a target of its own, a little above the sum of its reps'.
    east = [rep for rep in reps if rep.team.name == "East"]
    for month in MONTHS if east else ():
        total = sum(full_target(rep, month, rate=rate) * rep.ramp(month) for rep in east if rep.active(month))
        yield ("team", "East", "revenue", month, math.ceil(total * 1.03 / 1000) * 1000, "")


def full_target(rep: Rep, month: Period, *, rate: float) -> int:
    """The revenue target of a month in euros, before ramp and proration; the rep's usual result is ``level`` times it."""
    # Targets forgive nobody's win rate: they assume an ordinary one.
    win_rate = min(0.5, max(0.4, rep.win_rate))
    return max(100, round(rate * (rep.weight or 1.0) * win_rate * rep.size * season(month) / 100) * 100)


def activity_rows(reps: tuple[Rep, ...]) -> Iterator[tuple[object, ...]]:
    """List the rows of the activities table: calls by month, satisfaction by quarter with the number of answers."""
    yield ("Rep ID", "Measure", "Period", "Figure", "Answers")
    for rep in reps:
        draw = generator(3, rep.index).random((len(MONTHS), 3))
        usual, liked = 105 + 60 * draw[0, 2], 3.7 + 0.8 * draw[1, 2]
        past = [month for month in MONTHS if month.last_day <= AS_OF and rep.active(month)]
        for month, row in zip(past, draw, strict=False):
            yield (rep.rep_id, "calls", month, round(usual * season(month) * (0.85 + 0.3 * row[0])), "")
        quarters = [quarter for quarter in QUARTERS if quarter.last_day <= AS_OF and rep.active(quarter) and rep.weight]
        for quarter, row in zip(quarters, draw, strict=False):
            yield (rep.rep_id, "satisfaction", quarter, f"{min(5.0, liked + 0.5 * (row[1] - 0.5)):.2f}", 4 + int(12 * row[0]))
