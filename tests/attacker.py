"""An attacker on what leaves the machine: all that one reader may hold, and formulas fixed in advance.

The attacker knows who works there, in which team and role, from when to when, and who owned deals, as colleagues do; and every
figure of those whose pages are the reader's own to read. From totals, means and rates on these pages follow *claims*: a named
colleague's figure, and what it would be. The formulas:

- a total less the known people in it, where one is left; a mean likewise, by its number;
- the difference of two totals of one figure and period, whichever copies, periods or freezes they stand in: team, peer group;
- what the peers reach together, from the level of a verdict and the reader's share, or from the probabilities that follow;
- the peers' mean purchase, from the steadied mean of a verdict;
- quartiles of a peer group in which one is unknown: the mean of three of which two are known, or of all;
- amounts and rows of the export less one's own; what belongs to nobody in the reps table, where that is one owner.

A claim is true where it is the colleague's figure within what is printed. Some are true by chance: so the same claims are held
against figures that were drawn anew.
"""

from __future__ import annotations

import itertools
import math
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scipy import optimize, special, stats

from reviewlib.evidence.period import PeriodEvidence

#: Columns of the scorecard that add up over people.
COLUMNS = ("value", "numerator", "denominator", "n", "target")
#: What is further off is no longer a figure that was learned.
THREE_DIGITS = 0.005
Cell = tuple[str, str, str]  # figure, period, column
Truth = Mapping[tuple[str, Cell], float]


@dataclass(frozen=True)
class Claim:
    """What the attacker says of somebody: the figure, and how far off it may be as printed."""

    formula: str
    whose: str
    cell: Cell
    value: float
    within: float = 1e-6

    def holds(self, truth: Truth) -> bool:
        """Tell whether it is so, and no trifle: nobody learns anything from a nought."""
        known = truth.get((self.whose, self.cell))
        return bool(known) and abs(self.value - known) <= self.within * abs(known)


@dataclass(frozen=True)
class Frozen:
    """One freeze: what the pages are made from, and what colleagues know of each other without any page.

    Attributes:
        evidence: The evidence, of which the attacker sees no figure.
        teams: By team and period who is behind its totals: who was there, and whose deals or measures count.
        groups: By figure, role and period who is compared.
    """

    evidence: PeriodEvidence
    measured: frozenset[str] = frozenset()
    teams: Mapping[tuple[str, str, str], frozenset[str]] = field(init=False)
    groups: Mapping[tuple[str, str, str], frozenset[str]] = field(init=False)
    truth: dict[tuple[str, Cell], float] = field(init=False)

    def __post_init__(self) -> None:
        roster, card = self.evidence.roster, self.evidence.scorecard
        spans = {period.name: period for period in roster.periods}
        rows = card[card["scope"] == "rep"]
        teams, groups = defaultdict[tuple[str, str, str], set[str]](set), defaultdict[tuple[str, str, str], set[str]](set)
        truth: dict[tuple[str, Cell], float] = {}
        names = ["kpi", "period", "scope_id", *COLUMNS]
        for kpi, name, rep, *cells in rows[names].itertuples(index=False):
            post = roster.posts[rep, name]
            there = post.active_days(spans[name])
            has = any(not math.isnan(cell) for cell in cells[:1]) or any(cell and not math.isnan(cell) for cell in cells[1:4])
            if has or (there and kpi not in self.measured):
                teams[kpi, name, post.team or ""].add(rep)
            if not math.isnan(cells[0]) and 3 * there >= spans[name].days:
                groups[kpi, name, post.role or ""].add(rep)
            truth |= {
                (rep, (kpi, name, column)): cell for column, cell in zip(COLUMNS, cells, strict=True) if not math.isnan(cell)
            }
        object.__setattr__(self, "teams", {key: frozenset(value) for key, value in teams.items()})
        object.__setattr__(self, "groups", {key: frozenset(value) for key, value in groups.items()})
        object.__setattr__(self, "truth", truth | self._derived(truth))

    def _derived(self, truth: Truth) -> dict[tuple[str, Cell], float]:
        """What else is a colleague's own: the mean purchase before the period, all amounts, what nobody in the table sold."""
        found: dict[tuple[str, Cell], float] = {}
        trend = [period.name for period in self.evidence.trend]
        for rep in self.evidence.roster.rep_ids:
            sums = {
                column: [truth.get((rep, (kpi, name, column)), 0.0) for name in trend]
                for kpi, column in (("revenue", "value"), ("win_rate", "numerator"))
            }
            count = sum(sums["numerator"][:-1])
            found[rep, ("purchase", trend[-1], "mean")] = sum(sums["value"][:-1]) / count if count else 0.0
            found[rep, ("amounts", "", "sum")] = sum(sums["value"])
        owners = self.evidence.roster.owners
        card = self.evidence.scorecard
        rows = card[(card["scope"] == "unassigned") & (card["kpi"] == "revenue")]
        if len(owners) == 1:
            (owner,) = owners
            found |= {(owner, ("revenue", row.period, "value")): row.value for row in rows.itertuples()}
        return found


@dataclass(frozen=True)
class Total:
    """A printed total and who is behind it; ``freeze`` is the place of the freeze it is from."""

    freeze: int
    cell: Cell
    people: frozenset[str]
    value: float
    within: float = 1e-6


def rows_of(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A table of a slice as rows."""
    return [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]


class Attack:
    """The attack of one reader: ``haul`` holds the slices of each freeze, ``known`` whose figures the reader may read."""

    def __init__(self, freezes: Sequence[Frozen], haul: Sequence[Sequence[Mapping[str, Any]]], known: Iterable[str]):
        self.freezes, self.haul, self.known = freezes, haul, frozenset(known)
        self.own: dict[tuple[int, str, Cell], float] = {}
        for place, slices in enumerate(haul):
            for data in slices:
                for row in (*rows_of(data["history"]), *rows_of(data["members"])):
                    if row["scope"] == "rep":
                        self._note(place, row)

    def _note(self, place: int, row: Mapping[str, Any]) -> None:
        for column in COLUMNS:
            if row[column] is not None:
                self.own[place, row["scope_id"], (row["kpi"], row["period"], column)] = row[column]

    def claims(self) -> list[Claim]:
        """Everything that can be said of a colleague."""
        totals = list(dict.fromkeys(itertools.chain(*(self._totals(place) for place in range(len(self.haul))))))
        found = [*self._less_known(totals), *self._differences(totals)]
        for place in range(len(self.haul)):
            found += [*self._quartiles(place), *self._purchases(place), *self._export(place)]
        return list({(claim.whose, claim.cell, round(claim.value, 4)): claim for claim in found}.values())

    def _totals(self, place: int) -> Iterator[Total]:
        """Every printed total: of teams, by all columns; of peer groups, as verdicts tell it."""
        frozen = self.freezes[place]
        trend = frozen.evidence.trend
        ago = {period.name: period.year_ago.name for period in trend}
        before = {period.name: period.previous.name for period in trend}
        for data in self.haul[place]:
            for row in rows_of(data["history"]) if data["kind"] == "team" else ():
                cells = {(row["period"], column): row[column] for column in COLUMNS}
                cells |= {(ago[row["period"]], "value"): row["year_ago"], (before[row["period"]], "value"): row["previous"]}
                for (period, column), value in cells.items():
                    people = frozen.teams.get((row["kpi"], period, row["scope_id"]))
                    if value is not None and people:
                        yield Total(place, (row["kpi"], period, column), people, value)
            if data["kind"] == "rep":
                yield from self._of_peers(place, data)

    def _of_peers(self, place: int, data: Mapping[str, Any]) -> Iterator[Total]:
        """What the peers of a rep reach together."""
        frozen, name, rep = self.freezes[place], data["period"], data["subject"]["id"]
        figures = {row["kpi"]: row for row in rows_of(data["history"]) if row["period"] == name}
        for row in rows_of(data["judged"]):
            figure, people = figures.get(row["kpi"]), frozen.groups.get((row["kpi"], name, data["subject"]["role"] or ""))
            if figure is None or not people or rep not in people or figure["target"] is not None:
                continue
            alone = row["model"] in ("poisson", "purchases", "total") and figure["denominator"] is None
            weight = 1.0 if alone else row["trials"]
            share = row["share"] or (1 / len(people) if alone else None)
            column = "value" if alone else "numerator"
            levels = {row["level"]: _grain(row["level"]), _inverted(row, share): 1e-4}
            for level, within in levels.items():
                if level and share and weight:
                    yield Total(place, (row["kpi"], name, column), people, level * weight / share, within)
            if share and not alone and weight:
                yield Total(place, (row["kpi"], name, "denominator"), people, weight / share, _grain(share))

    def _less_known(self, totals: Iterable[Total]) -> Iterator[Claim]:
        """A total less the known people in it, where one is left; of a mean by the number behind it."""
        by = {(total.freeze, total.cell, total.people): total for total in totals}
        for total in totals:
            left = total.people - self.known
            if len(left) != 1:
                continue
            (whose,) = left
            yield self._claim("less known", total, whose, total.value - self._sum(total, total.people - left))
            kpi, period, column = total.cell
            count = by.get((total.freeze, (kpi, period, "n"), total.people))
            if column == "value" and count:
                cells = [
                    (self.own.get((total.freeze, rep, total.cell), 0.0), self.own.get((total.freeze, rep, count.cell), 0.0))
                    for rep in total.people - left
                ]
                rest = count.value - sum(n for _, n in cells)
                if rest > 0:
                    mean = (total.value * count.value - sum(value * n for value, n in cells)) / rest
                    yield self._claim("mean less known", total, whose, mean)

    def _differences(self, totals: Iterable[Total]) -> Iterator[Claim]:
        """The difference of two totals of one figure and period."""
        cells = defaultdict[Cell, list[Total]](list)
        for total in totals:
            cells[total.cell].append(total)
        for one, other in itertools.chain.from_iterable(itertools.permutations(same, 2) for same in cells.values()):
            more, fewer = one.people - other.people, other.people - one.people
            left = (more | fewer) - self.known
            if len(left) != 1 or not left <= more:
                continue
            (whose,) = left
            value = one.value - other.value - self._sum(one, more - left) + self._sum(other, fewer)
            yield self._claim("difference", one, whose, value)

    def _sum(self, total: Total, people: Iterable[str]) -> float:
        return sum(self.own.get((total.freeze, rep, total.cell), 0.0) for rep in people)

    @staticmethod
    def _claim(formula: str, total: Total, whose: str, value: float) -> Claim:
        within = max(total.within * abs(total.value) / abs(value), 1e-6) if value else 1e-6
        return Claim(formula, whose, total.cell, value, min(within, THREE_DIGITS))

    def _quartiles(self, place: int) -> Iterator[Claim]:
        """What follows from the peers' quartiles where one of the group is unknown."""
        frozen = self.freezes[place]
        for data in self.haul[place]:
            for row in (*rows_of(data["history"]), *rows_of(data["members"])):
                if row["scope"] != "rep" or row["peer_median"] is None:
                    continue
                post = frozen.evidence.roster.posts[row["scope_id"], row["period"]]
                people = frozen.groups.get((row["kpi"], row["period"], post.role or ""), frozenset())
                left, cell = people - self.known, (row["kpi"], row["period"], "value")
                if len(left) != 1 or row["scope_id"] not in people:
                    continue
                (whose,) = left
                known = sorted(self.own.get((place, rep, cell), 0.0) for rep in people - left)
                for name, share in (("peer_q1", 0.25), ("peer_median", 0.5), ("peer_q3", 0.75)):
                    for value in _solved(row[name], share, known):
                        within = 3 * _grain(row[name]) * abs(row[name]) / abs(value) if value else 0.0
                        yield Claim("quartiles", whose, cell, value, min(within, 0.05))

    def _purchases(self, place: int) -> Iterator[Claim]:
        """The mean purchase of the one unknown of a group, for each number of purchases that it may be."""
        frozen = self.freezes[place]
        trend = [period.name for period in frozen.evidence.trend]
        for data in self.haul[place]:
            size = next((row["size"] for row in rows_of(data["judged"]) if row["kpi"] == "revenue"), None)
            if data["kind"] != "rep" or size is None:
                continue
            rep, role = data["subject"]["id"], data["subject"]["role"] or ""
            people = frozenset().union(*(frozen.groups.get(("revenue", name, role), frozenset()) for name in trend))
            left = people - self.known
            if len(left) != 1:
                continue
            (whose,) = left
            sold = {each: [self._before(place, each, *what, trend) for what in _SOLD] for each in people - left}
            if rep not in sold or not sold[rep][1]:
                continue
            total, count = sold[rep]
            mean = ((count + 10) * size - total) / 10
            amounts, deals = (sum(each[which] for each in sold.values()) for which in (0, 1))
            for often in range(10, 50):
                value = (mean * (often + deals) - amounts) / often
                yield Claim("mean purchase", whose, ("purchase", trend[-1], "mean"), value)

    def _before(self, place: int, rep: str, kpi: str, column: str, trend: Sequence[str]) -> float:
        return sum(self.own.get((place, rep, (kpi, name, column)), 0.0) for name in trend[:-1])

    def _export(self, place: int) -> Iterator[Claim]:
        """The amounts of the export less those of known people; what belongs to nobody who is listed."""
        frozen = self.freezes[place]
        roster, trend = frozen.evidence.roster, frozen.evidence.trend
        left = (roster.sellers | roster.owners) - self.known
        for data in self.haul[place]:
            revenue = data["data"]["unassigned"].get("revenue")
            if revenue and len(roster.owners) == 1:
                yield Claim("unassigned", next(iter(roster.owners)), ("revenue", data["period"], "value"), revenue)
            if len(left) == 1:
                own = sum(
                    self.own.get((place, rep, ("revenue", period.name, "value")), 0.0) for rep in self.known for period in trend
                )
                for each in data["data"]["tables"]:
                    if each["used_amount"]:
                        yield Claim("export", next(iter(left)), ("amounts", "", "sum"), each["used_amount"] - own)


_SOLD = (("revenue", "value"), ("win_rate", "numerator"))


def _grain(value: float | None) -> float:
    """How far off a figure may be, relatively: of one with two digits by half of the second, else by nothing."""
    if not value or float(f"{value:.1e}") != value:
        return 1e-6
    return 0.5 * 10.0 ** (math.floor(math.log10(abs(value))) - 1) / abs(value)


def _inverted(row: Mapping[str, Any], share: float | None) -> float | None:
    """The level of customers won that gives the probability on the page."""
    if row["model"] != "poisson" or not row["p_low"] or not row["phi"] or not share or row["p_low"] > 1 - 1e-9:
        return None
    z = special.ndtri(row["p_low"]) * math.sqrt(row["phi"] * (1 - share))
    wanted = float(special.ndtr(z))
    return float(optimize.brentq(lambda mean: stats.poisson.cdf(row["reached"], mean) - wanted, 1e-6, 1e4))


def _solved(shown: float, share: float, known: Sequence[float]) -> Iterator[float]:
    """Each figure of one more that gives the quartile beside known ones: as the mean of three, of all, or by itself."""
    count = len(known) + 1
    if count <= 3:
        yield count * shown - sum(known)
        return
    at = round((count - 1) * share)
    for place in range(at - 1, at + 2):
        others = [*known[at - 1 : place], *known[place : at + 1]]
        value = 3 * shown - sum(others)
        ordered = sorted([*known, value])
        if ordered.index(value) == place:
            yield value


def standing(haul: Iterable[Mapping[str, Any]], truth: Truth, known: frozenset[str]) -> set[tuple[str, Cell]]:
    """Find amounts of others, to the cent, that stand among the numbers of a haul and are nobody's who is known."""
    amounts = {key: round(value, 2) for key, value in truth.items() if abs(value) > 1000 and value != round(value)}
    said = {round(number, 2) for number in numbers([*haul])} - {value for (rep, _), value in amounts.items() if rep in known}
    return {key for key, value in amounts.items() if key[0] not in known and value in said}


def numbers(value: Any) -> Iterator[float]:
    """Every number of plain data, those inside texts too."""
    if isinstance(value, str):
        yield from (float(found.replace(",", "")) for found in re.findall(r"-?\d[\d,]*\.?\d*", value))
    elif isinstance(value, Mapping | list | tuple):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from numbers(inner)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


def redrawn(truth: Truth, draw: random.Random) -> Truth:
    """Give everybody the figures that somebody else drew, of the same kind."""
    cells = defaultdict[Cell, list[str]](list)
    for rep, cell in truth:
        cells[cell].append(rep)
    found: dict[tuple[str, Cell], float] = {}
    for cell, reps in cells.items():
        others = reps[:]
        draw.shuffle(others)
        step = draw.randrange(1, len(others)) if len(others) > 1 else 0
        found |= {(rep, cell): truth[others[(place + step) % len(others)], cell] for place, rep in enumerate(others) if step}
    return found
