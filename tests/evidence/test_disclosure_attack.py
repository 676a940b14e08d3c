"""Tests of what leaves the machine: an attacker with all that one reader may hold learns no colleague's figure."""

from __future__ import annotations

import datetime as dt
import math
import random
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from attacker import Attack, Claim, Frozen, Truth, redrawn, standing
from companies import Q2, Q3, Company, companies, frozen

from reviewlib.evidence import disclosure
from reviewlib.evidence.period import PeriodEvidence
from reviewlib.evidence.slices import Slicer

FROZEN_AT = dt.datetime(2026, 10, 15, tzinfo=dt.UTC)
SECTIONS = (
    "header", "summary", "scorecard", "change", "pipeline", "customers", "strengths", "improve", "achievements",
    "next_period", "figures",
)  # fmt: skip
Slice = dict[str, Any]


@dataclass(frozen=True)
class Reader:
    """Somebody who reads: as what, under which name, whose figures are theirs to read, and their slices by freeze."""

    kind: str
    name: str
    known: frozenset[str]
    haul: list[list[Slice]]


@dataclass(frozen=True)
class Found:
    """What a reader claims, whether it is true, and whether it would be of figures drawn anew."""

    reader: Reader
    claim: Claim
    true: bool
    by_chance: bool


class Freezes:
    """What was frozen, in this order, with what the attacker knows of it."""

    def __init__(self, evidence: Sequence[PeriodEvidence]):
        self.evidence = evidence
        measured = frozenset({*evidence[0].from_elsewhere["kpi"]})
        self.known = [Frozen(each, measured) for each in evidence]
        draw = random.Random(7)
        self.redrawn: list[Truth] = [redrawn(each.truth, draw) for each in self.known]

    def cut(self, *, remember: bool = True) -> list[Slicer]:
        """Cut slices of each freeze; each knows who was behind the totals of those before."""
        behind = [disclosure.behind(each.scorecard) for each in self.evidence]
        return [
            Slicer(each, snapshot="f00", frozen_at=FROZEN_AT, earlier=behind[:place] if remember else ())
            for place, each in enumerate(self.evidence)
        ]

    def readers(self, slicers: Sequence[Slicer], companies: Collection[str] = ()) -> Iterator[Reader]:
        """Everybody who reads something, of some companies: reps, managers, and managers who are in a team."""
        own, led = (defaultdict[str, set[tuple[int, str]]](set) for _ in range(2))
        posts = [{rep: one.roster.posts[rep, one.period.name] for rep in one.reviewed} for one in self.evidence]
        for place, found in enumerate(posts):
            for rep, post in found.items():
                own[post.name].add((place, rep))
                led[post.manager or ""].add((place, rep))
        led.pop("", None)
        for name in sorted({*own, *led}):
            if companies and not any(company in name for company in companies):
                continue
            haul: list[list[Slice]] = [[] for _ in self.evidence]
            known = {rep for _, rep in own.get(name, ())}
            for place, slicer in enumerate(slicers):
                mine, theirs = ([rep for at, rep in side.get(name, ()) if at == place] for side in (own, led))
                haul[place] += [slicer.rep(rep, "rep") for rep in (*mine, *theirs)]
                haul[place] += [slicer.rep(rep, "manager") for rep in theirs]
                teams = {"rep": {posts[place][rep].team for rep in mine}, "manager": {posts[place][rep].team for rep in theirs}}
                for team in filter(None, teams["rep"] | teams["manager"]):
                    haul[place].append(slicer.team(team, "rep"))
                for team in filter(None, teams["manager"]):
                    haul[place].append(slicer.team(team, "manager"))
                    everywhere = self.evidence[place].roster.posts.items()
                    known |= {rep for (rep, _), post in everywhere if post.team == team}
            kind = "manager in a team" if name in own and name in led else "manager" if name in led else "rep"
            yield Reader(kind, name, frozenset(known), haul)

    def attack(self, slicers: Sequence[Slicer], companies: Collection[str] = ()) -> list[Found]:
        """What every reader claims."""
        sides = [each.truth for each in self.known], self.redrawn
        return [
            Found(reader, claim, *(any(claim.holds(truth) for truth in side) for side in sides))
            for reader in self.readers(slicers, companies)
            for claim in Attack(self.known, reader.haul, reader.known).claims()
        ]


def more_than_chance(found: Sequence[Found]) -> bool:
    """Tell whether more is true than of figures that were drawn anew, and one or two."""
    true, by_chance = sum(one.true for one in found), sum(one.by_chance for one in found)
    return true > by_chance + 2 + 3 * math.sqrt(by_chance)


@pytest.fixture(scope="module")
def drawn() -> list[Company]:
    """Fifteen companies, of every kind one at least."""
    return companies(15, seed=1)


@pytest.fixture(scope="module")
def small(drawn: list[Company], tmp_path_factory: pytest.TempPathFactory) -> Freezes:
    """Them, frozen for two periods, and for the second again after some have gone or moved."""
    return freezes(drawn, tmp_path_factory.mktemp("companies"))


def freezes(drawn: Sequence[Company], folder: Path, *, seed: int = 1) -> Freezes:
    ways = ((Q2, False), (Q3, False), (Q3, True))
    return Freezes([frozen(folder / str(second), drawn, when, second=second, seed=seed) for when, second in ways])


def test_no_reader_learns_a_colleagues_figure(small: Freezes) -> None:
    """No more of what reps, managers, and managers in a team work out is so than of figures that were drawn anew."""
    slicers = small.cut()
    found = small.attack(slicers)
    for kind in ("rep", "manager", "manager in a team"):
        assert not more_than_chance([one for one in found if one.reader.kind == kind]), kind


def test_no_amount_of_a_colleague_stands_there(small: Freezes, drawn: list[Company]) -> None:
    """Amounts of colleagues, to the cent, stand on a reader's pages no more often than those of strangers do by chance."""
    own = strangers = 0
    for reader in small.readers(small.cut()):
        (company,) = {name[:4] for name in reader.known}
        for slices, known in zip(reader.haul, small.known, strict=True):
            found = standing(slices, known.truth, reader.known)
            own += sum(rep.startswith(company) for rep, _ in found)
            strangers += sum(not rep.startswith(company) for rep, _ in found)
    by_chance = strangers / (len(drawn) - 1)
    assert own <= by_chance + 2 + 3 * math.sqrt(by_chance), (own, strangers)


def _alone(*_: object) -> list[Any]:
    return []


#: What is broken, in which kind of company, and the formulas by which the attacker finds it.
MUTANTS: Mapping[str, tuple[str, Any, str, str]] = {
    "a team of two": ("FEWEST", 0, "one team", "less known"),
    "quartiles of few": ("FEWEST", 0, "rest of the company", "quartiles"),
    "purchases of few": ("FEWEST", 0, "single role", "mean purchase"),
    "managers are no readers": ("Readers.leading", _alone, "rest of the company", "quartiles"),
    "all digits of what peers reach": ("two_digits", lambda value, **_: value, "leaver between freezes", "difference"),
    "measures of few": ("", None, "measured few", "less known"),
    "earlier freezes are forgotten": ("", None, "mover between freezes", "difference"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_attacker_finds(name: str, small: Freezes, drawn: list[Company], monkeypatch: pytest.MonkeyPatch) -> None:
    """What the rule leaves out is found where the rule is broken."""
    broken, instead, kind, formula = MUTANTS[name]
    if broken:
        monkeypatch.setattr(f"reviewlib.evidence.disclosure.{broken}", instead)
    slicers = small.cut(remember=name != "earlier freezes are forgotten")
    if name == "measures of few":
        for slicer in slicers:
            slicer.measures = {}
    found = small.attack(slicers, [company.name for company in drawn if company.kind == kind])
    assert more_than_chance([one for one in found if one.claim.formula.endswith(formula)])
