"""Tests of what leaves the machine: an attacker with all that one reader may hold learns no colleague's figure."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from attacker import Attack, Frozen, redrawn
from companies import Q2, Q3, companies, frozen

from reviewlib.evidence import disclosure
from reviewlib.evidence.period import PeriodEvidence
from reviewlib.evidence.slices import Slicer

FROZEN_AT = dt.datetime(2026, 10, 15, tzinfo=dt.UTC)


def slicers(evidence: Sequence[PeriodEvidence]) -> list[Slicer]:
    found: list[Slicer] = []
    for each in evidence:
        before = [disclosure.behind(one.scorecard) for one in evidence[: len(found)]]
        found.append(Slicer(each, snapshot="f00", frozen_at=FROZEN_AT, earlier=before))
    return found


def readers(cut: Sequence[Slicer]) -> Iterator[tuple[str, str, frozenset[str], list[list[dict[str, Any]]]]]:
    """Everybody who reads something: the kind of reader, who, whose figures are theirs to read, and slices by freeze."""
    people: dict[str, list[tuple[int, str]]] = {}
    led: dict[str, set[tuple[int, str]]] = {}
    for place, slicer in enumerate(cut):
        posts, name = slicer.evidence.roster.posts, slicer.evidence.period.name
        for rep in slicer.evidence.reviewed:
            post = posts[rep, name]
            people.setdefault(post.name, []).append((place, rep))
            if post.manager:
                led.setdefault(post.manager, set()).add((place, rep))
    for name in sorted({*people, *led}):
        haul: list[list[dict[str, Any]]] = [[] for _ in cut]
        known: set[str] = set()
        for place, rep in people.get(name, ()):
            slicer = cut[place]
            known.add(rep)
            haul[place].append(slicer.rep(rep, "rep"))
            if team := slicer.evidence.roster.posts[rep, slicer.evidence.period.name].team:
                haul[place].append(slicer.team(team, "rep"))
        for place, rep in led.get(name, ()):
            slicer, who = cut[place], ("manager", "rep")
            haul[place] += [slicer.rep(rep, audience) for audience in who]
            known.add(rep)
        for place, team in {
            (place, cut[place].evidence.roster.posts[rep, cut[place].evidence.period.name].team)
            for place, rep in led.get(name, ())
        }:
            haul[place] += [cut[place].team(team, audience) for audience in ("manager", "rep")]
            known |= {rep for (rep, _), post in cut[place].evidence.roster.posts.items() if post.team == team}
        kind = "manager in a team" if name in people and name in led else "manager" if name in led else "rep"
        yield kind, name, frozenset(known), haul


def attacked(cut: Sequence[Slicer], *, measured: Sequence[str] = ("calls",)) -> list[tuple[str, str, Any, bool, bool]]:
    """Attack every reader: kind of reader, name, claim, whether it is true, and true of figures drawn anew."""
    draw = random.Random(7)
    known = [Frozen(slicer.evidence, frozenset(measured)) for slicer in cut]
    others = [redrawn(each.truth, draw) for each in known]
    found = []
    for kind, name, own, haul in readers(cut):
        for claim in Attack(known, haul, own).claims():
            held = [any(claim.holds(truth) for truth in side) for side in ([each.truth for each in known], others)]
            found.append((kind, name, claim, *held))
    return found
