"""What pages say of a verdict: whether the target was met, what the figure tells, and what would have changed that.

Two statements that are never mixed: the result is a fact; what it tells is whether it is more than a normal period's ups and
downs, said in numbers that a reader can follow.
"""

import math
import re
from collections.abc import Mapping
from typing import Final

from reviewlib.evidence.comparison import same, two_digits
from reviewlib.pages.labels import NumberStyle
from reviewlib.params import words
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
_GRAIN: Final = {"money": 0, "percent": 3, "ratio": 2, "days": 0, "count": 0, "score": 1}
#: Counting models: how what is reached is told.
_WHOLE: Final = ("binomial", "poisson", "median")
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
    if figure.verdict == "no_signal":
        return _band(review, figure, judged, style)
    return _SENTENCES[figure.verdict](review, figure, judged, style)


def _band(review: Review, figure: Figure, judged: Judged, style: NumberStyle) -> str:
    """Where somebody exactly at the level lands in most periods."""
    scale = judged.trials if judged.model == "binomial" else 1.0
    low, high = (None if end is None else end * scale for end in (judged.band_low, judged.band_high))
    share = 1 - 2 * review.workbook.watch
    often = (
        f"nine {words.plural(review.period.kind)} of ten"
        if same(share, 0.9)
        else f"{style.value(share, 'percent')} of {words.plural(review.period.kind)}"
    )
    told_low, told_high = (None if end is None else _reached(figure, judged, end, style) for end in (low, high))
    if low is None or low <= 0:
        where = f"at {told_high} or less" if told_high else "anywhere"
    else:
        where = f"between {told_low} and {told_high}" if told_high else f"at {told_low} or more"
    return f"{_somebody(figure, judged, style)} lands {where}{_of(figure, judged, style)} in {often}."


def _rare(review: Review, figure: Figure, judged: Judged, style: NumberStyle) -> str:
    """How seldom somebody exactly at the level does as badly, or as well."""
    low = (figure.verdict in ("gap", "watch")) == (figure.kpi.better == "higher")
    alone, together = (judged.p_low, judged.p4_low) if low else (judged.p_high, judged.p4_high)
    assert alone is not None
    side, kind = "or fewer" if low else "or more", review.period.kind
    if judged.model not in _WHOLE:
        side = "or less" if low else "or more"
    limit = review.workbook.watch if figure.verdict in ("watch", "above") else review.workbook.gap
    if together is None or alone <= limit:
        reached = _reached(figure, judged, _in_unit(judged), style)
        what = "none" if (reached, low) == ("0", True) else f"{reached} {side}"
        return f"{_somebody(figure, judged, style)} has {what}{_of(figure, judged, style)} {_once(alone, kind)}."
    periods = words.number(int(judged.periods or 0))
    # A rep's copy does not hold what the peers reached before.
    what = "This far from what the peers reach" if judged.expected4 is None else _four(figure, judged, style)
    return f"{what} over {periods} {words.plural(kind)}; by luck {_once(together, kind)}."


_SENTENCES: Final = {"gap": _rare, "watch": _rare, "above": _rare, "strength": _rare, "no_signal": _band}


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
        return f"{_count(reached)} of {_count(trials)}{what}, where {_expected(expected)},"
    if judged.model == "poisson":
        return f"{_count(reached)} where {_expected(expected)},"
    if judged.model in ("sizes", "mean"):
        reached, expected = reached / trials, expected / trials
    elif figure.kpi.unit == "ratio":
        return f"{style.value(reached, figure.kpi.top)} of {style.value(expected, figure.kpi.top)}"
    return f"{style.value(reached, figure.kpi.unit)} against {style.value(expected, figure.kpi.unit)}"


def _somebody(figure: Figure, judged: Judged, style: NumberStyle) -> str:
    if judged.share is not None:
        return f"Somebody like the peers together, {style.rounded(two_digits(judged.level), figure.kpi.unit)},"
    return f"Somebody at {style.value(judged.level, figure.kpi.unit)}"


def _of(figure: Figure, judged: Judged, style: NumberStyle) -> str:
    if judged.model == "binomial":
        return f" of {style.things(judged.trials, figure.kpi.n_label)}"
    if judged.model == "median":
        return f" of {style.value(judged.trials, 'count')} {figure.kpi.more[1]}"
    return ""


def _in_unit(judged: Judged) -> float:
    """What was reached, of whole things as counted, else in the figure's unit."""
    reached, trials = judged.reached or 0.0, judged.trials or 1.0
    if judged.model in ("sizes", "mean"):
        return reached / trials
    return reached if judged.model in _WHOLE else reached / ((judged.expected or 1.0) / (judged.level or 1.0))


def _reached(figure: Figure, judged: Judged, amount: float, style: NumberStyle) -> str:
    return _count(amount) if judged.model in _WHOLE else style.value(amount, figure.kpi.unit)


def _count(number: float) -> str:
    return f"{number:,.0f}" if same(number, round(number)) else f"{number:,.1f}"


def _expected(number: float) -> str:
    return f"{_count(number)} {words.agreeing('are', number)} to be expected"


def _once(p: float, kind: str) -> str:
    """Turn a probability into "once in so many", with two significant digits."""
    if p < 1e-4:
        return f"in fewer than one {kind} of 10,000"
    number = 1 / p
    digits = 1 - math.floor(math.log10(number))
    return f"about once in {round(number, min(digits, 0)) if number >= 100 else round(number):,.0f} {words.plural(kind)}"


def changes(figure: Figure, style: NumberStyle) -> list[str]:
    """Say what would have changed a verdict, to a worse and to a better one."""
    judged = figure.judged
    if judged is None or figure.verdict not in _SENTENCES:
        return []
    ways = ((judged.worse_from, judged.worse_to, False), (judged.better_from, judged.better_to, True))
    found = [
        f"{_change(figure, judged, place, better=better, style=style)}: {WORDS[to].lower()}"
        for place, to, better in ways
        if place is not None and to is not None
    ]
    return found or ["nothing at this number" if judged.model in _WHOLE else "nothing here"]


def _change(figure: Figure, judged: Judged, place: float, *, better: bool, style: NumberStyle) -> str:
    """How far it would have been: so many more or fewer, or the figure itself."""
    kpi = figure.kpi
    if judged.model in _WHOLE:
        away = round(place - (judged.reached or 0.0))
        what = kpi.more[abs(away) != 1]
        return f"{abs(away):,} {'more' if away > 0 else 'fewer'} {what}".rstrip()
    up = better == (kpi.better == "higher")
    grain = 10.0 ** _GRAIN[kpi.unit]
    rounded = (math.ceil if up else math.floor)(round(place * grain, 6)) / grain
    return f"{style.value(rounded, kpi.unit)} or {'more' if up else 'less'}"


def sure(review: Review, figures: list[Figure], style: NumberStyle) -> list[str]:
    """Say how sure a page is: how much was judged, how often chance alone speaks, what it takes to be seen."""
    judged = [figure for figure in figures if figure.judged is not None and figure.verdict in _SENTENCES]
    if not judged:
        return []
    kind, kinds, number = review.period.kind, words.plural(review.period.kind), len(judged)
    false = 1 / (_FALSE * number * review.workbook.watch / 0.05)
    often = (
        f"about once in {false:.0f} {kinds}"
        if false >= 1.5
        else f"in most {kinds}"
        if false < 1
        else f"in two {kinds} of three"
    )
    lines = [
        f"{words.part_of(number, len(figures), 'figures are judged here')}. Somebody exactly on target in all of them is told "
        f"of one that is worth a talk {often}, by chance alone."
    ]
    seen = [(figure.kpi.label.lower(), smallest) for figure in judged if (smallest := _smallest(figure, style))]
    if seen:
        lines.append(f"The smallest shortfall of one {kind} that shows: {', '.join(f'{name} {size}' for name, size in seen)}.")
    lines.append(f"A verdict speaks of the level in these {kinds}, not of its cause.")
    return lines


#: How many false flags a figure gives in a period, by simulation of companies whose reps are exactly on target.
_FALSE: Final = 0.06


def _smallest(figure: Figure, style: NumberStyle) -> str:
    judged = figure.judged
    assert judged is not None
    end = judged.band_low if figure.kpi.better == "higher" else judged.band_high
    if end is None or not judged.level or judged.model == "median":
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
