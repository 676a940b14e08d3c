"""Every verdict as plain loops, written from the rules of judgement and not from the code that is tested.

A figure of one rep in one period is a ``Term``: what was seen (``s``), of how many (``n``), and what somebody on target would
have (``t``). What ``s`` and ``t`` are, by the model of its KPI:

- ``rate``: successes of ``n``; ``t`` is the share. ``count``: customers; ``t`` how many are expected.
- ``purchases``: money; for coverage the amount due, and ``t`` the coverage wanted times the next target.
- ``size``: the mean of ``n`` deals. ``sign``: deals slower than ``t`` of the ``n`` that are not equal to it.
- ``mean``: the mean of ``n`` observations. ``share``: a sum or a last value, judged by its share of ``t``.

``low`` always means a low *figure*: for the sales cycle few slow deals. Which side is the good one, ``Own.better`` and
``LOWER`` say.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, TypeVar

import chances
import oracle
from oracle import Book, Case, Row, Span

T = TypeVar("T")

#: The KPIs that are judged, beside the first two measures, by their model.
MODELS = {
    "revenue": "purchases",
    "new_customers": "count",
    "win_rate": "rate",
    "deal_size": "size",
    "cycle_days": "sign",
    "pipeline_coverage": "purchases",
    "retention_rate": "rate",
}
LOWER = {"cycle_days"}
#: Whose targets are sums over time, scaled by ramp and active days.
SUMS = {"revenue", "new_customers"}
#: From the worst to the best; what is neither stands in the middle.
LADDER = ("gap", "watch", "no_signal", "above", "strength")
BACK = 4  # periods that are judged together
AMOUNTS, REP_PERIODS, MEMBERS = 30, 24, 8
FEWEST = {"rate": 10, "size": 6, "sign": 6}
FEWEST_DF = {"mean": 8, "share": 12}
#: With the figure of a typical colleague, so many times, the mean of a rep's own amounts is steadied.
STEADY = 10


@dataclass(frozen=True)
class Own:
    """A measure from elsewhere: how its rows combine, and which side is the good one."""

    combine: str
    better: str = "higher"


@dataclass(frozen=True, eq=False)
class World:
    """All that is known.

    Attributes:
        book: Deals and people; its targets are not read.
        trend: The periods, oldest first; the last one is judged.
        following: The period after it.
        targets: Rows of the targets table: scope, scope_id, kpi, period, value, ramp.
        measures: Rows of the measures table: rep_id, kpi, period, value, n.
        own: The measures in the order of params.
        defaults: Targets of params, by KPI.
        benchmarks: The user's own figures, by KPI.
        material: What is material, by KPI, where params say so.
        gap, watch: The thresholds.
        by: The column of the reps table whose value peers share.
        digits: Decimals of the currency.
        only: The KPIs that are asked for; all where there are none.
    """

    book: Book
    trend: Sequence[Span]
    following: Span
    targets: Sequence[Row] = ()
    measures: Sequence[Row] = ()
    own: Mapping[str, Own] = field(default_factory=dict)
    defaults: Mapping[str, Fraction] = field(default_factory=dict)
    benchmarks: Mapping[str, Fraction] = field(default_factory=dict)
    material: Mapping[str, float] = field(default_factory=dict)
    gap: float = 0.005
    watch: float = 0.05
    by: str = "role"
    digits: int = 2
    only: frozenset[str] = frozenset()
    kept: dict[Hashable, Any] = field(default_factory=dict)

    @property
    def span(self) -> Span:
        return self.trend[-1]

    @property
    def earlier(self) -> Sequence[Span]:
        return self.trend[:-1]

    @cached_property
    def reps(self) -> list[str]:
        return sorted({row["rep_id"] for row in self.book.reps})

    @cached_property
    def judged(self) -> dict[str, str]:
        """KPI to model."""
        first = list(self.own.items())[:2]
        return MODELS | {key: "mean" if own.combine == "mean" else "share" for key, own in first}

    def lower(self, kpi: str) -> bool:
        return kpi in LOWER or (kpi in self.own and self.own[kpi].better == "lower")

    def after(self, span: Span) -> Span:
        spans = [*self.trend, self.following]
        return spans[spans.index(span) + 1]

    def once(self, key: Hashable, work: Callable[[], T]) -> T:
        """What was worked out already is not worked out again."""
        if key not in self.kept:
            self.kept[key] = work()
        kept: T = self.kept[key]
        return kept


@dataclass(frozen=True)
class Seen:
    """A figure as it is, before it is held against anything."""

    x: Fraction
    s: Fraction
    n: Fraction
    days: Sequence[int] = ()


@dataclass(frozen=True)
class Level:
    """What a figure is held against, and of peers how much of their level is the rep's own: ``part`` of ``whole``."""

    t: Fraction
    by: str
    part: Fraction = Fraction(0)
    whole: Fraction = Fraction(1)

    @property
    def share(self) -> float:
        return float(self.part / self.whole)


@dataclass(frozen=True)
class Term:
    s: float
    n: float
    t: float


@dataclass(frozen=True)
class Yard:
    """What the ups and downs are measured with, from the periods before the judged one."""

    size: float | None = None
    spread: float | None = None
    df: int | None = None
    phi: float = 1.0

    @property
    def kappa(self) -> float:
        assert self.spread is not None
        return self.spread


@dataclass(frozen=True)
class Flip:
    """What changes a verdict: so many of the smallest units, and what it is then."""

    units: int
    verdict: str


# Dates, days and people -----------------------------------------------------------------------------------------------------


def span_of(name: str) -> tuple[dt.date, dt.date]:
    """The days of a period by its name, of a fiscal year that is the calendar's."""
    if name.startswith("FY"):
        found = oracle.tile("year", int(name[2:]), 1)
    else:
        year, rest = name.split("-")
        kind = {"Q": "quarter", "H": "half"}.get(rest[0], "month")
        found = oracle.tile(kind, int(year), int(rest.lstrip("QH")))
    return found.start, found.end


def months_of(span: Span) -> Iterator[tuple[dt.date, dt.date]]:
    day = span.start
    while day < span.end:
        after = dt.date(day.year + day.month // 12, day.month % 12 + 1, 1)
        yield day, after
        day = after


def active_days(world: World, rep: str, start: dt.date, end: dt.date) -> int:
    number, rows = 0, [row for row in world.book.reps if row["rep_id"] == rep]
    started = min((row["started_on"] for row in rows if row.get("started_on")), default=dt.date.min)
    left = max((row["left_on"] for row in rows if row.get("left_on")), default=dt.date.max)
    day = start
    while day < end:
        number += started <= day <= left
        day += dt.timedelta(days=1)
    return number


def days_there(world: World, rep: str, span: Span) -> int:
    return world.once(("days", rep, span), lambda: active_days(world, rep, span.start, span.end))


def exposed(world: World, rep: str, span: Span) -> bool:
    """There for at least a third of the period."""
    return days_there(world, rep, span) * 3 >= (span.end - span.start).days


def gone(world: World, rep: str) -> bool:
    """Whose last day was before the export's, or on it."""
    left = [row["left_on"] for row in world.book.reps if row["rep_id"] == rep and row.get("left_on")]
    return bool(left) and max(left) <= world.book.as_of


def group(world: World, rep: str, span: Span) -> Any:
    return oracle.post(world.book, rep, span).get(world.by)


def colleagues(world: World, rep: str, span: Span) -> list[str]:
    """Everybody of the same group in a period, the rep included."""
    own = group(world, rep, span)
    return [each for each in world.reps if group(world, each, span) == own]


# Targets --------------------------------------------------------------------------------------------------------------------


def target(world: World, kpi: str, rep: str, span: Span) -> Fraction | None:
    """The effective target: ramp and active days are in it."""
    combine = world.own[kpi].combine if kpi in world.own else None
    how = _summed if kpi in SUMS or combine == "sum" else _stock if combine == "last" else _narrowest
    return world.once(("target", kpi, rep, span), lambda: how(world, kpi, rep, span))


def _rows(world: World, kpi: str, scope: str, scope_id: str | None) -> list[tuple[dt.date, dt.date, Row]]:
    rows = []
    for row in world.targets:
        if row["kpi"] == kpi and row["scope"] == scope and (scope == "all" or row["scope_id"] == scope_id):
            rows.append((*span_of(row["period"]), row))
    return sorted(rows, key=lambda each: each[0])


def _tiles(world: World, kpi: str, rep: str, span: Span) -> list[tuple[dt.date, dt.date, Row]]:
    """The rep's rows inside the period; none where a month in which the rep was there has none."""
    inside = [each for each in _rows(world, kpi, "rep", rep) if span.start <= each[0] and each[1] <= span.end]
    for start, end in months_of(span):
        if active_days(world, rep, start, end) and not any(own[0] <= start and end <= own[1] for own in inside):
            return []
    return inside


def _summed(world: World, kpi: str, rep: str, span: Span) -> Fraction | None:
    inside, total = _tiles(world, kpi, rep, span), Fraction(0)
    for start, end, row in inside:
        ramp = 1 if row.get("ramp") is None else Fraction(row["ramp"])
        total += Fraction(row["value"]) * ramp * Fraction(active_days(world, rep, start, end), (end - start).days)
    return total if inside else None


def _stock(world: World, kpi: str, rep: str, span: Span) -> Fraction | None:
    inside = _tiles(world, kpi, rep, span)
    if not inside:
        return None
    row = inside[-1][2]
    return Fraction(row["value"]) * (1 if row.get("ramp") is None else Fraction(row["ramp"]))


def _narrowest(world: World, kpi: str, rep: str, span: Span) -> Fraction | None:
    for scope, scope_id in (("rep", rep), ("team", oracle.post(world.book, rep, span).get("team")), ("all", "all")):
        holding = [each for each in _rows(world, kpi, scope, scope_id) if each[0] <= span.start and span.end <= each[1]]
        if holding and scope_id is not None:
            return Fraction(min(holding, key=lambda each: each[1] - each[0])[2]["value"])
    return world.defaults.get(kpi)


# Figures --------------------------------------------------------------------------------------------------------------------


def seen(world: World, kpi: str, rep: str, span: Span) -> Seen | None:
    """The figure of a rep in a period; None where there is none."""
    look = _measure if kpi in world.own else _figure
    return world.once(("seen", kpi, rep, span), lambda: look(world, kpi, rep, span))


def _figure(world: World, kpi: str, rep: str, span: Span) -> Seen | None:
    case = _case(world, rep, span)
    if case is None or (kpi == "pipeline_coverage" and _forgotten(world, span)):
        return None
    value, n = oracle.reading(kpi, case)
    if value is None:
        return None
    n = n or 0
    if kpi in ("win_rate", "retention_rate"):
        return Seen(value, value * n, Fraction(n))
    if kpi == "cycle_days":
        days = [days for deal in case.own if case.inside(deal["closed_on"]) and (days := oracle.cycle(deal)) is not None]
        return Seen(value, Fraction(0), Fraction(n), days)
    if kpi == "pipeline_coverage":
        due, _ = oracle.reading("due_value", case)
        assert due is not None
        return Seen(value, due, Fraction(n))
    return Seen(value, value, Fraction(n))


def _case(world: World, rep: str, span: Span) -> Case | None:
    """What a rep's figures are taken of; None where the rep was neither there nor closed anything."""
    own = [deal for deal in world.book.deals if deal["rep_id"] == rep]
    closed = any(deal["outcome"] != "open" and span.start <= deal["closed_on"] < span.end for deal in own if deal["closed_on"])
    if not own or not (days_there(world, rep, span) or closed):
        return None
    targets = (target(world, "revenue", rep, span), target(world, "revenue", rep, world.after(span)))
    return Case(world.book, frozenset({rep}), span, *targets)


def _forgotten(world: World, span: Span) -> bool:
    """Today's expected dates say nothing of what was expected long ago."""
    return "expected_close_on" in world.book.mapped and world.book.as_of >= world.after(span).end


def _measure(world: World, kpi: str, rep: str, span: Span) -> Seen | None:
    inside = []
    for row in world.measures:
        start, end = span_of(row["period"])
        if row["rep_id"] == rep and row["kpi"] == kpi and span.start <= start and end <= span.end:
            inside.append((start, end, Fraction(row["value"]), None if row.get("n") is None else Fraction(row["n"])))
    inside.sort(key=lambda each: each[0])
    combine = world.own[kpi].combine
    if combine == "sum":
        for start, end in months_of(span):
            if active_days(world, rep, start, end) and not any(each[0] <= start and end <= each[1] for each in inside):
                return None
    if not inside:
        return None
    weights = [Fraction(1) if n is None else n for *_, n in inside]
    values = [value for _, _, value, _ in inside]
    if combine == "last":
        return Seen(values[-1], values[-1], Fraction(1))
    if combine == "sum":
        return Seen(sum(values, Fraction(0)), sum(values, Fraction(0)), Fraction(1))
    if sum(weights) <= 0:
        return None
    mean = sum((value * n for value, n in zip(values, weights, strict=True)), Fraction(0)) / sum(weights)
    return Seen(mean, mean, sum(weights, Fraction(0)))


# What a figure is held against ----------------------------------------------------------------------------------------------


def level(world: World, kpi: str, rep: str, span: Span) -> Level | None:
    """The target, else the user's benchmark, else the level of at least eight peers."""
    return world.once(("level", kpi, rep, span), lambda: _level(world, kpi, rep, span))


def _level(world: World, kpi: str, rep: str, span: Span) -> Level | None:
    wanted = target(world, kpi, rep, span)
    by = "target"
    if wanted is None and kpi in world.benchmarks:
        wanted, by = world.benchmarks[kpi], "benchmark"
        if _per_day(world, kpi):
            wanted = wanted * days_there(world, rep, span) / (span.end - span.start).days
    if wanted is None:
        return _of_peers(world, kpi, rep, span)
    if kpi == "pipeline_coverage":
        following = target(world, "revenue", rep, world.after(span))
        return None if following is None else Level(wanted * following, by)
    return Level(wanted, by)


def _per_day(world: World, kpi: str) -> bool:
    return kpi in SUMS or (kpi in world.own and world.own[kpi].combine == "sum")


def _of_peers(world: World, kpi: str, rep: str, span: Span) -> Level | None:
    """The level of the group, the rep included: what it has together, by what it has it of."""
    members = {}
    for each in colleagues(world, rep, span):
        found = seen(world, kpi, each, span)
        if found is not None and exposed(world, each, span):
            members[each] = found
    if rep not in members or len(members) < MEMBERS:
        return None
    if kpi == "cycle_days":
        middle = oracle.quantile([days for found in members.values() for days in found.days], Fraction(1, 2))
        assert middle is not None
        return Level(middle, "peers", members[rep].n, sum((found.n for found in members.values()), Fraction(0)))
    of = {}
    for each, found in members.items():
        if _per_day(world, kpi):
            of[each] = Fraction(days_there(world, each, span))
        elif kpi == "pipeline_coverage":
            following = target(world, "revenue", each, world.after(span))
            assert following is not None
            of[each] = following
        else:
            of[each] = found.n
    whole = sum(of.values(), Fraction(0))
    if whole <= 0:
        return None
    adds = _per_day(world, kpi) or world.judged[kpi] in ("rate", "purchases")
    total = sum((found.s if adds else found.s * of[each] for each, found in members.items()), Fraction(0))
    if _per_day(world, kpi) or kpi == "pipeline_coverage":
        own = total / whole * of[rep]
        return Level(own, "peers", own, total)
    return Level(total / whole, "peers", of[rep], whole)


def possible(model: str, t: Fraction) -> bool:
    """Whether somebody can be exactly on this level and still have ups and downs."""
    return 0 < t < 1 if model == "rate" else t > 0


def term(world: World, kpi: str, rep: str, span: Span, *, by: str | None = None) -> tuple[Seen, Level, Term] | None:
    """A figure beside its level; None where either is missing. ``by``: only where this kind of level judges."""
    found, wanted = seen(world, kpi, rep, span), level(world, kpi, rep, span)
    model = world.judged[kpi]
    if found is None or wanted is None or not possible(model, wanted.t) or by not in (None, wanted.by):
        return None
    if model == "sign":
        slower = sum(days > wanted.t for days in found.days)
        unlike = sum(days != wanted.t for days in found.days)
        return found, wanted, Term(slower, unlike, float(wanted.t))
    return found, wanted, Term(float(found.s), float(found.n), float(wanted.t))


# Yardsticks -----------------------------------------------------------------------------------------------------------------


def amounts(world: World, kpi: str, rep: str) -> list[float]:
    """What one purchase came to, before the judged period: an account's within a period; of deal size each deal's."""
    return world.once(("amounts", kpi, rep), lambda: [a for span in world.earlier for a in _amounts(world, kpi, rep, span)])


def _amounts(world: World, kpi: str, rep: str, span: Span) -> list[float]:
    found: dict[tuple[str, str], Decimal] = {}
    if span.start < world.book.history_from:
        return []
    for deal in world.book.deals:
        if deal["rep_id"] != rep:
            continue
        if kpi == "pipeline_coverage":
            there = oracle.open_at(deal, span.end) and not oracle.backwards(deal)
            amount = deal["expected_amount"] if there else None
        else:
            inside = deal["closed_on"] is not None and span.start <= deal["closed_on"] < span.end
            amount = deal["amount"] if oracle.sale(deal) and inside else None
        if amount is not None:
            alone = kpi == "deal_size" or deal["account_id"] is None
            key = ("deal", deal["deal_id"]) if alone else ("account", deal["account_id"])
            found[key] = found.get(key, Decimal(0)) + amount
    return [float(amount) for amount in found.values()]


def squared_cv(samples: Sequence[Sequence[float]]) -> float | None:
    """The squared deviations of each from its own mean, as shares of it, pooled; None where nobody has two."""
    deviations, df = [], 0
    for sample in samples:
        mean = math.fsum(sample) / len(sample) if sample else 0.0
        if mean > 0:
            deviations += [(each / mean - 1) ** 2 for each in sample]
            df += len(sample) - 1
    return math.fsum(deviations) / df if df else None


def _of_amounts(world: World, kpi: str, rep: str) -> Yard | None:
    """Size and spread of purchases: the group's where it has thirty, else the workbook's."""
    samples = []
    for people in (colleagues(world, rep, world.span), world.reps):
        samples = [amounts(world, kpi, each) for each in people]
        if sum(map(len, samples)) >= AMOUNTS:
            break
    else:
        return None
    number, c2 = sum(map(len, samples)), squared_cv(samples)
    if c2 is None:
        return None
    if kpi == "deal_size":
        return Yard(None, c2) if c2 > 0 else None
    mean = math.fsum(each for sample in samples for each in sample) / number
    own = amounts(world, kpi, rep)
    size = (math.fsum(own) + STEADY * mean) / (len(own) + STEADY)
    return Yard(size, size * (1 + c2)) if size > 0 else None


def of_peers(world: World, kpi: str, rep: str) -> bool:
    """Whether the judged figure is held against what the peers reach together."""
    wanted = level(world, kpi, rep, world.span)
    return wanted is not None and wanted.by == "peers"


def _alike(world: World, kpi: str, rep: str) -> Iterator[list[str]]:
    """The group, then everybody: of each those whose figure is held against the same kind of level."""
    for people in (colleagues(world, rep, world.span), world.reps):
        yield [each for each in people if of_peers(world, kpi, each) == of_peers(world, kpi, rep)]


def _held(world: World, kpi: str, rep: str) -> Iterator[tuple[Seen, Level, Term]]:
    """The figures of the periods before that were held against the same kind of level as the judged one."""
    for span in world.earlier:
        beside = term(world, kpi, rep, span)
        if beside is not None and (beside[1].by == "peers") == of_peers(world, kpi, rep) and exposed(world, rep, span):
            yield beside


def _of_periods(world: World, kpi: str, rep: str) -> Yard | None:
    """The spread of a measure around each rep's own level, or that of the peers: the group's, else the workbook's."""
    model, peers = world.judged[kpi], of_peers(world, kpi, rep)
    for people in _alike(world, kpi, rep):
        squares, df = [], 0
        for each in people:
            rows = [
                (float(found.n), float(found.s), each.t, wanted.share)
                if model == "mean"
                else (1.0, each.s / each.t, 1.0, wanted.share)
                for found, wanted, each in _held(world, kpi, each)
            ]
            weight = math.fsum(n for n, *_ in rows)
            if weight > 0:
                own = math.fsum(n * x for n, x, *_ in rows) / weight
                squares += [n * (x - (t if peers else own)) ** 2 / (1 - share) for n, x, t, share in rows]
                df += len(rows) - (not peers)
        if df >= FEWEST_DF[model]:
            spread = math.fsum(squares) / df
            return Yard(None, spread, df) if spread > 0 else None
    return None


def yard(world: World, kpi: str, rep: str) -> Yard | None:
    """What a rep's figure is measured with; None where there is too little before the judged period."""
    return world.once(("yard", kpi, rep), lambda: _yard(world, kpi, rep))


def _yard(world: World, kpi: str, rep: str) -> Yard | None:
    plain = _plain(world, kpi, rep)
    if plain is None or world.judged[kpi] in FEWEST_DF:
        return plain
    # The CRM forgets what was expected: coverage has the dispersion of revenue.
    return replace(plain, phi=_phi(world, "revenue" if kpi == "pipeline_coverage" else kpi, rep))


def _plain(world: World, kpi: str, rep: str) -> Yard | None:
    model = world.judged[kpi]
    if model in ("purchases", "size"):
        return world.once(("plain", kpi, rep), lambda: _of_amounts(world, kpi, rep))
    if model in FEWEST_DF:
        return world.once(("plain", kpi, rep), lambda: _of_periods(world, kpi, rep))
    return Yard()


def _phi(world: World, kpi: str, rep: str) -> float:
    """How much more figures move than the model has it: of the group, else of the workbook, else not at all."""
    for people in _alike(world, kpi, rep):
        squares, df, number = [], 0, 0
        for each in people:
            own = world.once(("scatter", kpi, each), lambda each=each: _scatter(world, kpi, each))
            if len(own) >= 2:
                squares += own
                number += len(own)
                df += len(own) - (not of_peers(world, kpi, rep))
        if number >= REP_PERIODS:
            return max(1.0, math.fsum(squares) / df)
    return 1.0


def _scatter(world: World, kpi: str, rep: str) -> list[float]:
    """Each earlier period's squared deviation from the rep's own level, or the peers', by the variance of the model."""
    model, plain = world.judged[kpi], _plain(world, kpi, rep)
    triples = []
    for _, wanted, each in _held(world, kpi, rep):
        if plain is None or (model in ("rate", "size", "sign") and each.n == 0):
            continue
        if model == "rate":
            triples.append((each.s, each.n * each.t, each.n, wanted.share))
        elif model == "size":
            triples.append((each.s * each.n, each.t * each.n, each.n, wanted.share))
        elif model == "sign":
            triples.append((each.s, each.n / 2, each.n, wanted.share))
        else:
            triples.append((each.s, each.t, 1, wanted.share))
    if not triples:
        return []
    own = math.fsum(s for s, *_ in triples) / math.fsum(t for _, t, *_ in triples)
    own = 1.0 if of_peers(world, kpi, rep) else min(max(own, 0.25), 4.0)
    found = []
    for s, t, n, part in triples:
        if model in ("rate", "sign"):
            share = min(max(own * t / n, 0.02), 0.98)
            variance = n * share * (1 - share)
        elif model == "size":
            variance = (own * t) ** 2 * plain.kappa / n
        else:
            variance = own * t * (plain.kappa if model == "purchases" else 1)
        found.append((s - own * t) ** 2 / variance / (1 - part))
    return found


# Probabilities --------------------------------------------------------------------------------------------------------------


def chance(model: str, terms: Sequence[Term], yard: Yard) -> chances.Chance:
    """How probable figures this low and this high are together, for somebody on target in each of them."""
    s, n, t = (math.fsum(getattr(each, name) for each in terms) for name in ("s", "n", "t"))
    of = math.fsum(each.n * each.t for each in terms)
    if model == "rate":
        return chances.binomial(round(s), round(n), of / n)
    if model == "count":
        return chances.poisson(round(s), t)
    if model == "purchases":
        assert yard.size is not None
        low, high = chances.gamma(max(s, 0.0), t / yard.kappa, yard.kappa)
        return max(low, math.exp(-t / yard.size)), high
    if model == "size":
        mean, wanted = math.fsum(each.n * each.s for each in terms) / n, of / n
        return chances.gamma(mean, n / yard.kappa, wanted * yard.kappa / n)
    if model == "sign":
        return chances.binomial(round(s), round(n), 0.5)
    assert yard.df is not None
    if model == "mean":
        apart = math.fsum(each.n * each.s for each in terms) / n - of / n
        return chances.student(apart / math.sqrt(yard.kappa / n), yard.df)
    apart = s - t
    return chances.student(apart / math.sqrt(yard.kappa * math.fsum(each.t**2 for each in terms)), yard.df)


def less(left: float, right: float) -> bool:
    """Smaller, beyond rounding."""
    return left < right and not math.isclose(left, right, rel_tol=1e-9)


# Verdicts -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Ruling:
    """One figure on its way to a verdict: its periods with the judged one last, what was seen and what it is held against."""

    world: World
    kpi: str
    model: str
    terms: Sequence[Term]
    yard: Yard
    share: float | None
    by: str
    #: Of the sales cycle, whether the median is materially faster and slower.
    median: tuple[bool, bool] = (False, False)

    @property
    def now(self) -> Term:
        return self.terms[-1]

    @property
    def lower(self) -> bool:
        return self.world.lower(self.kpi)

    def chances(self, s: float) -> tuple[float, float, float, float]:
        """p_low, p_high, p4_low and p4_high, had this been seen in the judged period."""
        now = replace(self.now, s=s)
        one = chance(self.model, [now], self.yard)
        four = one if len(self.terms) == 1 else chance(self.model, [*self.terms[:-1], now], self.yard)
        return (
            *(chances.widened(p, self.yard.phi * (1 - (self.share or 0.0))) for p in one),
            *(chances.widened(p, self.yard.phi * (1 - (self.share or 0.0))) for p in four),
        )  # type: ignore[return-value]

    def material(self, s: float) -> tuple[bool, bool]:
        """Whether this is materially below, and above, what it is held against."""
        if self.model == "sign":
            return self._fast_or_slow(s)
        x, t = (s / self.now.n, self.now.t) if self.model == "rate" else (s, self.now.t)
        bound = self.world.material.get(self.kpi, 0.02 if self.model == "rate" else 0.05) * (1 if self.model == "rate" else t)
        slack = 1e-9 * max(abs(x), t)
        return t - x - bound > slack, x - t - bound > slack

    def _fast_or_slow(self, s: float) -> tuple[bool, bool]:
        """The median that other deals would have is not known: it is held, and beyond it or on the other side it counts."""
        fast, slow = self.median
        at, half = self.now.s, self.now.n / 2
        held_slow = at > half and s <= at
        held_fast = at < half and s >= at
        return (s < half and (fast or not held_fast)), (s > half and (slow or not held_slow))

    def rank(self, s: float) -> tuple[int, str]:
        """The place on the ladder, had this been seen, and by which of the two statements."""
        p_low, p_high, p4_low, p4_high = self.chances(s)
        low, high = self.material(s)
        bad, good = (p_low, p4_low, low), (p_high, p4_high, high)
        if self.lower:
            bad, good = good, bad
        for (p, p4, material), outer, inner in ((bad, 0, 1), (good, 4, 3)):
            gap, watch = self.world.gap, self.world.watch
            allowed = not less(0.3, p)
            found = None
            if material and not less(gap, p):
                found = outer, "period"
            elif material and not less(gap, p4) and allowed:
                found = outer, "together"
            elif material and not less(watch, p):
                found = inner, "period"
            elif material and not less(max(0.4 * watch, gap), p4) and allowed:
                found = inner, "together"
            if found is not None:
                return (found[0] if self.by == "target" else inner), found[1]
        return 2, "immaterial" if not (low or high) else "chance"

    @property
    def limits(self) -> tuple[float, float]:
        """The lowest and the highest that could have been seen."""
        return 0.0, self.now.n if self.model in ("rate", "sign") else math.inf

    @cached_property
    def reaches(self) -> tuple[bool, bool]:
        """Whether the worst and the best possible figure could be told from the ups and downs."""
        low, high = self.limits
        worst, best = (high, low) if self.lower else (low, high)
        free = replace(self, median=(True, True))
        return math.isinf(worst) or free.rank(worst)[0] <= 1, math.isinf(best) or free.rank(best)[0] >= 3

    def side(self, s: float) -> int:
        """-1 on the bad side of what it is held against, 1 on the good one, 0 level with it."""
        x, t = (s / self.now.n if self.model == "rate" else s), (self.now.n / 2 if self.model == "sign" else self.now.t)
        if math.isclose(x, t, rel_tol=1e-9):
            return 0
        return 1 if (x > t) != self.lower else -1

    def verdict(self, s: float) -> tuple[str, str]:
        """The verdict and its reason, had this been seen."""
        place, reason = self.rank(s)
        bad, good = self.reaches if place == 2 else (True, True)
        if {-1: not bad, 1: not good, 0: not (bad or good)}[self.side(s)]:
            return "too_few", "out_of_reach"
        return LADDER[place], reason

    # What would change it ---------------------------------------------------------------------------------------------------

    @property
    def unit(self) -> float:
        """The smallest step: one deal or customer, the currency's smallest unit, a hundredth of a measure."""
        if self.model in ("purchases", "size"):
            return 10.0**-self.world.digits
        return 0.01 if self.model in ("mean", "share") else 1.0

    @cached_property
    def bands(self) -> dict[str, float | None]:
        """Where each verdict begins, in whole units: the best ``gap`` and ``watch``, the worst ``above`` and ``strength``."""
        ends: dict[str, float | None] = {}
        for name, place in (("gap", 0), ("watch", 1), ("above", 3), ("strength", 4)):
            at_top = (place > 2) != self.lower  # whether it holds from its end upward

            def holds(i: int, place: int = place) -> bool:
                rank = self.rank(i * self.unit)[0]
                return rank <= place if place < 2 else rank >= place

            if self.by != "target" and place in (0, 4):
                ends[name] = None
                continue
            high = self.limits[1]
            most = round(high / self.unit) if math.isfinite(high) else None
            found = _first(holds, 0, most) if at_top else _first(lambda i, holds=holds: not holds(i), 0, most)
            if at_top:
                ends[name] = None if found is None else found * self.unit
            elif found is None:
                ends[name] = None if most is None else most * self.unit
            else:
                ends[name] = None if found == 0 else (found - 1) * self.unit
        return ends

    @cached_property
    def flips(self) -> dict[str, Flip | None]:
        """How many units better, and how many worse, make another verdict; None where no number of them does."""
        here, found = self.rank(self.now.s)[0], dict[str, Flip | None]()
        low, high = self.limits
        for name, sign in (("better", -1 if self.lower else 1), ("worse", 1 if self.lower else -1)):
            room = (self.now.s - low if sign < 0 else high - self.now.s) / self.unit
            most = None if math.isinf(room) else math.floor(room + 1e-6)
            start = self.now.s

            def other(i: int, sign: int = sign, start: float = start) -> bool:
                return self.rank(start + sign * i * self.unit)[0] != here

            # Without end, the last place of the ladder is there somewhere.
            last = (0 if name == "worse" else 4) if self.by == "target" else (1 if name == "worse" else 3)
            open_end = most is None and here != last
            units = _first(other, 1, most) if open_end or (most is not None and most >= 1) else None
            found[name] = None if units is None else Flip(units, self.verdict(start + sign * units * self.unit)[0])
        return found


def _first(holds: Callable[[int], bool], start: int, most: int | None) -> int | None:
    """The first number from ``start`` on from which on it holds; None where it does not hold at ``most`` or ever."""
    if holds(start):
        return start
    below, above = start, start + 1
    while most is None or above < most:
        if holds(above):
            break
        below, above = above, above * 2
        if above > 10**15:
            return None
    if most is not None and above >= most:
        above = most
        if above <= below or not holds(above):
            return None
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if holds(middle) else (middle, above)
    return above


@dataclass(frozen=True)
class Record:
    """What is said of one KPI of one rep in the judged period; ``ruling`` knows what would change it."""

    rep: str
    kpi: str
    verdict: str
    reason: str
    result: str | None = None
    value: Fraction | None = None
    by: str | None = None
    p_low: float | None = None
    p_high: float | None = None
    p4_low: float | None = None
    p4_high: float | None = None
    size: float | None = None
    spread: float | None = None
    df: int | None = None
    phi: float | None = None
    share: float | None = None
    ruling: Ruling | None = None

    @property
    def bands(self) -> dict[str, float | None]:
        return self.ruling.bands if self.ruling else dict.fromkeys(("gap", "watch", "above", "strength"))

    @property
    def flips(self) -> dict[str, Flip | None]:
        return self.ruling.flips if self.ruling else dict.fromkeys(("better", "worse"))


def verdicts(world: World) -> dict[tuple[str, str], Record]:
    """Every rep's judged KPIs, by rep and KPI."""
    return {(rep, kpi): record(world, kpi, rep) for rep in world.reps for kpi in world.judged if kpi in (world.only or {kpi})}


def result(world: World, kpi: str, rep: str) -> str | None:
    """Met, missed or exceeded, exactly; None without a figure or a target."""
    found, wanted = seen(world, kpi, rep, world.span), target(world, kpi, rep, world.span)
    if found is None or wanted is None:
        return None
    if math.isclose(found.x, wanted, rel_tol=1e-9):
        return "met"
    return "exceeded" if (found.x > wanted) != world.lower(kpi) else "missed"


def record(world: World, kpi: str, rep: str) -> Record:
    """Judge one figure of the judged period."""
    span, model = world.span, world.judged[kpi]
    found, wanted = seen(world, kpi, rep, span), level(world, kpi, rep, span)

    def without(verdict: str, reason: str, measured: Yard | None = None) -> Record:
        value, by = (found and found.x), (wanted and wanted.by)
        more = {"size": measured.size, "spread": _spread(model, measured), "phi": measured.phi} if measured else {}
        return Record(rep, kpi, verdict, reason, result(world, kpi, rep), value, by, **more)  # type: ignore[arg-type]

    if found is None:
        return without("not_available", "no_figure")
    if gone(world, rep):
        return without("not_judged", "left")
    if not exposed(world, rep, span):
        return without("not_judged", "exposure")
    if wanted is None:
        return without("not_judged", "no_level")
    beside = term(world, kpi, rep, span)
    if beside is None:
        return without("not_judged", "level")
    measured = yard(world, kpi, rep)
    if beside[2].n < FEWEST.get(model, 0):
        return without("too_few", "n", measured)
    if measured is None:
        return without("too_few", "amounts" if model in ("purchases", "size") else "periods")
    return _ruled(world, kpi, rep, beside, measured)


def _ruled(world: World, kpi: str, rep: str, beside: tuple[Seen, Level, Term], measured: Yard) -> Record:
    found, wanted, _ = beside
    together = [beside]
    if kpi != "pipeline_coverage" and wanted.by != "peers":
        together = []
        for span in world.trend[-BACK:]:
            each = term(world, kpi, rep, span, by=wanted.by)
            if each is not None and exposed(world, rep, span):
                together.append(each)
    share = wanted.share if wanted.by == "peers" else None
    apart, bound = float(found.x - wanted.t), world.material.get(kpi, 0.05) * float(wanted.t)
    slack = 1e-9 * max(float(found.x), float(wanted.t))
    median = (-apart - bound > slack, apart - bound > slack)
    model, terms = world.judged[kpi], [each for _, _, each in together]
    ruling = Ruling(world, kpi, model, terms, measured, share, wanted.by, median)
    verdict, reason = ruling.verdict(ruling.now.s)
    return Record(
        rep,
        kpi,
        verdict,
        reason,
        result(world, kpi, rep),
        found.x,
        wanted.by,
        *ruling.chances(ruling.now.s),
        measured.size,
        _spread(model, measured),
        measured.df,
        measured.phi,
        share,
        ruling,
    )


def _spread(model: str, measured: Yard) -> float | None:
    return None if model in ("rate", "count", "sign") else measured.spread
