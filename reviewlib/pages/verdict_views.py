"""What pages say of a verdict: whether the target was met, what the figure tells, and what would have changed that.

Two statements that are never mixed: the result is a fact; what it tells is whether it is more than a normal period's ups and
downs, said in numbers that a reader can follow.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from reviewlib.evidence.comparison import same, two_digits
from reviewlib.pages.labels import NumberStyle
from reviewlib.periods import MONTHS
from reviewlib.review import Figure, Judged, Review

#: The verdicts in words.
WORDS: Final[Mapping[str, str]] = {
    "strength": "Clear strength",
    "above": "Above, not yet clear",
    "no_signal": "No clear signal",
    "watch": "Worth a talk",
    "gap": "Clear shortfall",
    "too_few": "Too few to tell",
    "not_judged": "Not judged",
    "not_available": "n/a",
}
#: What evidence of an older version says, also of the verdicts above.
_OLDER: Final[Mapping[str, str]] = {
    "strength": "Strength", "on_track": "On track", "watch": "Watch", "gap": "Gap", "not_enough_data": "Not enough data",
    "not_judged": "Not judged", "not_available": "Not available",
}  # fmt: skip
#: How many decimals of a figure a change is told in, by unit; beyond the change, so that what is said does change it.
_GRAIN: Final = {"money": 0, "percent": 3, "ratio": 2, "days": 1, "count": 0, "score": 1}
#: Counting models: how what is reached is told.
_WHOLE: Final = ("binomial", "poisson", "median")
#: Models that need a number of deals or accounts; all else needs a level.
_COUNTED: Final = ("binomial", "median", "sizes")
#: How much more than its model says a figure may vary, before that model says little.
_MOST: Final = 10.0
_RESULTS: Final = {"missed": "Missed by", "exceeded": "Exceeded by"}


def word(review: Review, verdict: str) -> str:
    """A verdict in words, those of the review's own version."""
    return (_OLDER if review.judged is None else WORDS).get(verdict, verdict)


def result(figure: Figure, style: NumberStyle) -> str:
    """Say whether the target was met, and by how much not; empty without a target."""
    if figure.result is None or figure.value is None or figure.target is None:
        return ""
    if figure.result == "met":
        return "Met"
    away = style.change(abs(figure.value - figure.target), figure.kpi.unit)
    if not re.search("[1-9]", away):
        return f"Just {figure.result}"
    share = ""
    if figure.kpi.better == "higher" and figure.kpi.unit in ("money", "count") and figure.attainment is not None:
        share = f" ({style.value(figure.attainment, 'percent')})"
    result = "Better by" if figure.result == "exceeded" and figure.kpi.better == "lower" else _RESULTS[figure.result]
    return f"{result} {away}{share}"


def told(review: Review, figure: Figure, style: NumberStyle) -> str:
    """Say in a sentence what a verdict rests on."""
    judged = figure.judged
    if judged is None or figure.verdict not in _SENTENCES:
        return figure.reason or ""
    said = [_SENTENCES[figure.verdict](review, figure, judged, style)]
    if judged.of_group is not None:
        said.append(f"The whole group was at {style.rounded(judged.of_group, 'percent')} of target.")
    if (judged.phi or 0.0) > _MOST:
        said.append("Such figures vary so much that the model explains little.")
    return " ".join(said)


def _needs(_: Review, figure: Figure, judged: Judged, style: NumberStyle) -> str:
    """Say what it takes to tell: so many deals or accounts, or a larger level."""
    kpi = figure.kpi
    if judged.needs is None:
        return f"{(figure.reason or '').capitalize()}."
    if judged.model in _COUNTED:
        apart = " that differ from the target" if judged.model == "median" else ""
        return f"Needs {style.things(judged.needs, kpi.n_label)}{apart}."
    enough = f"{style.rounded(judged.needs, kpi.unit)} {kpi.more[1]}".rstrip()
    held = f"{'target' if figure.target is not None else 'level'} of {enough}"
    return f"Needs a {held}: at {_level(figure, judged, style)} even {style.value(0.0, kpi.unit)} is nothing unusual."


def _band(review: Review, figure: Figure, judged: Judged, style: NumberStyle) -> str:
    """Where somebody exactly at the level lands in most periods."""
    scale = judged.trials if judged.model == "binomial" else 1.0
    low, high = (None if end is None else end * scale for end in (judged.band_low, judged.band_high))
    share = 1 - 2 * review.workbook.watch
    often = (
        f"nine {review.period.kind}s of ten"
        if same(share, 0.9)
        else f"{style.value(share, 'percent')} of {review.period.kind}s"
    )
    told_low, told_high = (None if end is None else _reached(figure, judged, end, style) for end in (low, high))
    if low is None or low <= 0:
        where = f"at {told_high} or less" if told_high else "anywhere"
    else:
        where = f"between {told_low} and {told_high}" if told_high else f"at {told_low} or more"
    return f"{_somebody(figure, judged, style)} lands {where}{_of(figure, judged, style)} in {often}."


def _rare(review: Review, figure: Figure, judged: Judged, style: NumberStyle) -> str:
    """How seldom somebody exactly at the level does as badly, or as well."""
    low, alone, together = _tail(review, figure, judged)
    side, kind = ("fewer" if judged.model in _WHOLE else "less") if low else "more", review.period.kind
    if together is None:
        what = f"{_reached(figure, judged, _in_unit(judged), style)} or {side}{_of(figure, judged, style)}"
        return f"{_somebody(figure, judged, style)} has {what} {_once(alone, kind)}."
    periods = _NUMBERS.get(int(judged.periods or 0), str(int(judged.periods or 0)))
    # A rep's copy does not hold what the peers reached before.
    what = "This far from what the peers reach" if judged.expected4 is None else _four(figure, judged, style)
    return f"{what} over {periods} {kind}s; by luck {_once(together, kind)}."


def _tail(review: Review, figure: Figure, judged: Judged) -> tuple[bool, float, float | None]:
    """Whether a verdict is of so little or so much, how seldom that is, and over several periods where only they decide."""
    low = (figure.verdict in ("gap", "watch")) == (figure.kpi.better == "higher")
    alone, together = (judged.p_low, judged.p4_low) if low else (judged.p_high, judged.p4_high)
    limit = review.workbook.watch if figure.verdict in ("watch", "above") else review.workbook.gap
    return low, alone, None if alone <= limit else together


_NUMBERS: Final = {2: "two", 3: "three", 4: "four"}
#: The verdicts of figures that are judged, and how what they rest on is said.
_TELLING: Final = {"gap": _rare, "watch": _rare, "above": _rare, "strength": _rare, "no_signal": _band}
_SENTENCES: Final = {**_TELLING, "too_few": _needs}


def _four(figure: Figure, judged: Judged, style: NumberStyle) -> str:
    """What was reached over several periods, beside what somebody exactly at the level reaches."""
    reached, expected, trials = (
        (now or 0.0) + (before or 0.0)
        for now, before in (
            (judged.reached, judged.reached4), (judged.expected, judged.expected4), (judged.trials, judged.trials4),
        )
    )  # fmt: skip
    if judged.model in ("binomial", "median"):
        what = f" {figure.kpi.more[1]}" if judged.model == "median" else ""
        return f"{reached:.0f} of {trials:.0f}{what}, where {_count(expected)} are to be expected,"
    if judged.model == "poisson":
        return f"{reached:.0f} where {_count(expected)} are to be expected,"
    if judged.model in ("sizes", "mean"):
        reached, expected = reached / trials, expected / trials
    elif figure.kpi.unit == "ratio":
        return f"{style.value(reached, figure.kpi.top)} of {style.value(expected, figure.kpi.top)}"
    return f"{style.value(reached, figure.kpi.unit)} against {style.value(expected, figure.kpi.unit)}"


def _somebody(figure: Figure, judged: Judged, style: NumberStyle) -> str:
    level = _level(figure, judged, style)
    return f"Somebody at {level}" if judged.share is None else f"Somebody like the peers together, {level},"


def _level(figure: Figure, judged: Judged, style: NumberStyle) -> str:
    """What a figure is held against; what the peers reach together as benchmarks are written."""
    number, write = (judged.level, style.value) if judged.share is None else (two_digits(judged.level), style.rounded)
    return write(number, figure.kpi.unit)


def _of(figure: Figure, judged: Judged, style: NumberStyle) -> str:
    if judged.model == "binomial":
        return f" of {style.things(judged.trials, figure.kpi.n_label)}"
    if judged.model == "median":
        return f" of {style.value(judged.trials, 'count')} {figure.kpi.more[1]}"
    return ""


def _in_unit(judged: Judged) -> float:
    """What was reached, of whole things as counted, else in the figure's unit."""
    reached, trials = judged.reached or 0.0, judged.trials or 1.0
    if judged.model == "purchases":  # refunds alone count as nothing sold
        reached = max(reached, 0.0)
    if judged.model in ("sizes", "mean"):
        return reached / trials
    return reached if judged.model in _WHOLE else reached / ((judged.expected or 1.0) / (judged.level or 1.0))


def _reached(figure: Figure, judged: Judged, amount: float, style: NumberStyle) -> str:
    return _count(amount) if judged.model in _WHOLE else style.value(amount, figure.kpi.unit)


def _count(number: float) -> str:
    return f"{number:,.0f}" if same(number, round(number)) else f"{number:,.1f}"


def _once(p: float, kind: str) -> str:
    """Turn a probability into "once in so many", with two significant digits."""
    if p < 1e-4:
        return f"in fewer than one {kind} of 10,000"
    number = 1 / p
    digits = 1 - math.floor(math.log10(number))
    return f"about once in {round(number, min(digits, 0)) if number >= 100 else round(number):,.0f} {kind}s"


def changes(figure: Figure, style: NumberStyle) -> list[str]:
    """Say what would have changed a verdict, to a worse and to a better one."""
    judged = figure.judged
    if judged is None or figure.verdict not in _SENTENCES:
        return []
    if figure.verdict == "too_few":
        more = (judged.needs or 0.0) - (judged.trials or 0.0)
        return [style.things(more, f"more {figure.kpi.n_label}")] if judged.model in _COUNTED and more > 0 else []
    ways = ((judged.worse_from, judged.worse_to, False), (judged.better_from, judged.better_to, True))
    found = [
        f"{_change(figure, judged, place, better=better, style=style)}: {WORDS[to].lower()}"
        for place, to, better in ways
        if place is not None and to is not None
    ]
    return found or ["nothing at this number" if judged.model in _WHOLE else "nothing here"]


def _change(figure: Figure, judged: Judged, place: float, *, better: bool, style: NumberStyle) -> str:
    """How far it would have been: so many more or fewer, or the figure itself."""
    kpi, up = figure.kpi, better == (figure.kpi.better == "higher")
    if judged.model in _WHOLE:
        away = round(place - (judged.reached or 0.0))
        if away:
            return f"{abs(away):,} {'more' if away > 0 else 'fewer'} {kpi.more[abs(away) != 1]}".rstrip()
        # As many as it takes are beyond the level already; the median is too close to it.
        place = (judged.level + (judged.material if up else -judged.material)) * (1 + (1e-6 if up else -1e-6))
    grain = 10.0 ** _GRAIN[kpi.unit]
    rounded = (math.ceil if up else math.floor)(round(place * grain, 6)) / grain
    return f"{style.value(rounded, kpi.unit)} or {'more' if up else 'less'}"


def sure(review: Review, figures: list[Figure], style: NumberStyle) -> dict[str, Any]:
    """Say how sure a page is: how much was judged, how often chance alone speaks, what can be seen, what it rests on."""
    judged = [(figure, figure.judged) for figure in figures if figure.judged and figure.verdict in _TELLING]
    seen = {figure.kpi.label.lower(): _smallest(figure, own, style) for figure, own in judged if own.model != "median"}
    known = sum(period.start >= review.workbook.history_from for period in review.trend)
    return {
        "judged": len(judged),
        "once_in": 1 / (_FALSE * max(len(judged), 1) * review.workbook.watch / 0.05),
        "seen": [f"{name} {size}" for name, size in seen.items() if size],
        "hidden": [name for name, size in seen.items() if not size],
        "assumed": [figure.kpi.label.lower() for figure, own in judged if own.phi_from == "assumed"],
        "together": any(figure.verdict != "no_signal" and _tail(review, figure, own)[2] for figure, own in judged),
        "broken_years": known if known * MONTHS[review.period.kind] % 12 else 0,
    }


#: How many false flags a figure gives in a period, by simulation of companies whose reps are exactly on target.
_FALSE: Final = 0.06


def _smallest(figure: Figure, judged: Judged, style: NumberStyle) -> str:
    """The smallest shortfall that is worth a talk; empty where none is."""
    higher, whole = figure.kpi.better == "higher", judged.model in _WHOLE
    end = judged.band_low if higher else judged.band_high
    if end is not None and whole:  # it still lies within the band
        end += (-1 if higher else 1) / (judged.trials if judged.model == "binomial" else 1)
    if end is None or end < 0 or (end == 0 and not whole) or (end > 1 and judged.model == "binomial"):
        return ""
    short = abs(judged.level - end)
    return style.change(short, "percent") if figure.kpi.unit == "percent" else style.value(short / judged.level, "percent")


def inputs(figure: Figure, style: NumberStyle) -> str:
    """List everything that a verdict is worked out from, for whoever recomputes it."""
    judged = figure.judged
    if judged is None or judged.p_low is None:
        return ""
    numbers = {
        "level": judged.level, "material": judged.material, "reached": judged.reached, "expected": judged.expected,
        "trials": judged.trials, "over periods": judged.periods, "reached before": judged.reached4,
        "expected before": judged.expected4, "trials before": judged.trials4, "mean purchase": judged.size,
        "spread": judged.spread, "degrees of freedom": judged.df, "phi": judged.phi, "share of the group": judged.share,
        "p low": judged.p_low, "p high": judged.p_high, "p low together": judged.p4_low, "p high together": judged.p4_high,
    }  # fmt: skip
    known = [f"{name} {number:.6g}" for name, number in numbers.items() if number is not None]
    hidden = (
        "; how much the figures of fewer than six people scatter stands on the manager’s copy" if judged.phi is None else ""
    )
    return f"{judged.model} model: {', '.join(known)}; phi of {_PHI_FROM[str(judged.phi_from)]}{hidden}."


_PHI_FROM: Final = {
    "group": "the peer group", "all": "all reps", "past": "no use here: the spread is its own past", "assumed":
    "none known: independent deals are assumed",
}  # fmt: skip
