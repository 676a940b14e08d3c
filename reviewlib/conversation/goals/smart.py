"""The five letters of a goal, each with its reason in words. Nothing is forbidden, everything is said.

``smart`` works on a form while it is being filled: every field may be missing.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from reviewlib.conversation.goals.kpi import Point, Track, aim_of, day, over_of, pair, plain, reaches
from reviewlib.conversation.kinds.plans import Goal, Relevance
from reviewlib.evidence.comparison import at_least, same
from reviewlib.params.words import spelled
from reviewlib.periods import Period

LetterName = Literal["S", "M", "A", "R", "T"]
NAMES: Final[Mapping[LetterName, str]] = {
    "S": "Specific", "M": "Measurable", "A": "Achievable", "R": "Relevant", "T": "Time-bound",
}  # fmt: skip
#: Fewer figures than this make no range worth the name; that is said.
FEW: Final = 4


@dataclass(frozen=True)
class SmartCriterion:
    """One of the five letters: whether it holds, and why, in words."""

    letter: LetterName
    ok: bool
    reason: str

    @property
    def name(self) -> str:
        """The letter's word."""
        return NAMES[self.letter]


@dataclass(frozen=True)
class Backing:
    """What a goal may be linked to.

    Attributes:
        titles: By what a goal may serve, KPI to its title: the area to improve that was found in it, the strength, the
            business objective.
        aspirations: The rep's own words, where they may be read.
    """

    titles: Mapping[Relevance, Mapping[str, str]] = field(default_factory=dict)
    aspirations: str = ""


@dataclass(frozen=True)
class GoalContext:
    """The review in which a goal is set; one of an earlier review is seen from there.

    Attributes:
        period: The review's period.
        as_of: How far the data reach; what lies after it is ahead.
        coming: The periods of the coming reviews, the next one first.
        whose: What goes before "range" and "best quarter": "your" in the form, the subject's own word on a page.
    """

    period: Period
    as_of: dt.date
    coming: tuple[Period, ...]
    whose: str = "your"


def smart(
    plan: Goal, steps: Sequence[dt.date | None], track: Track | None, *, setting: GoalContext, backing: Backing
) -> tuple[SmartCriterion, ...]:
    """Check the five letters of a goal, in their order.

    Of a plan that is not saved yet any field but the statement is looked at; ``steps`` are the dates of its milestones in the
    order they stand in, ``track`` the figures of its KPI, None where it names none or the scorecard does not have it.
    """
    if plan.baseline is None and track is not None and plan.kpi:  # the scorecard's, where the form leaves it out
        plan = plan.model_copy(update={"baseline": track.at(setting.period).value})
    found: dict[LetterName, tuple[bool, str]] = {
        "S": _specific(plan, track),
        "M": _measurable(plan, track, setting),
        "A": _achievable(plan, steps, track, setting),
        "R": _relevant(plan, track, backing),
        "T": _time_bound(plan, steps, setting),
    }
    return tuple(SmartCriterion(letter, ok, reason) for letter, (ok, reason) in found.items())


def _named(plan: Goal, track: Track | None) -> str:
    """The figure's label inside a sentence: its first letter small, unless it is an abbreviation."""
    if track is None:
        return plan.kpi or ""
    return track.label if track.label[1:2].isupper() else track.label[:1].lower() + track.label[1:]


def _specific(plan: Goal, track: Track | None) -> tuple[bool, str]:
    what = ", ".join(name for name in (_named(plan, track), plan.deliverable) if name)
    if not what:
        return False, "name a figure or a deliverable"
    if not plan.scope:
        return False, f"{what}; say whose deals, which customers or which product"
    return True, f"{what}, {plan.scope}"


def _measurable(plan: Goal, track: Track | None, setting: GoalContext) -> tuple[bool, str]:
    if not plan.kpi:
        return _deliverable_measured(plan)
    say = track.say if track else plain
    if plan.target is None:
        return False, "no target yet" + (f"; the baseline is {say(plan.baseline)}" if plan.baseline is not None else "")
    if plan.baseline is None:
        period = setting.period
        missing = f"{period} is n/a: {track.at(period).reason}" if track else "the scorecard does not have this figure"
        return False, f"to {say(plan.target)}; no baseline, and {missing}"
    words = pair(plan.baseline, plan.target, say)
    if plan.over and over_of(plan.over, setting.period.fiscal) is None:
        return False, f"{words}, but “{plan.over}” is no period; write FY2026, 2026-H2 or 2026-Q4"
    if track is None and same(plan.baseline, plan.target):
        return False, f"the target equals the baseline, {say(plan.target)}"
    if track and aim_of(plan.baseline, plan.target, rises=track.rises, summed=False) == "keep":
        side = "least" if track.rises else "most"
        words = f"to keep at {side} {say(plan.target)}, from {say(plan.baseline)}"
    return True, words + _over_words(plan, track)


def _deliverable_measured(plan: Goal) -> tuple[bool, str]:
    numbers = [plain(number) for number in (plan.baseline, plan.target) if number is not None]
    if numbers:
        return False, f"{' to '.join(numbers)} has no unit; name the figure"
    if plan.deliverable:
        return True, "the deliverable is there on the day or not"
    return False, "neither figure nor deliverable, so nothing can be measured"


def _over_words(plan: Goal, track: Track | None) -> str:
    if not plan.over:
        return ""
    if track and not track.adds:
        return f"; the figures of single periods cannot be added up, so each review’s own counts until {plan.over} ends"
    return f" in {plan.over}"


def _achievable(plan: Goal, steps: Sequence[dt.date | None], track: Track | None, setting: GoalContext) -> tuple[bool, str]:
    if not plan.kpi:
        if not plan.deliverable:
            return False, "no target to compare"
        return bool(steps), "no figure to compare; " + ("its steps lead there" if steps else "steps would lead there")
    if plan.target is None:
        return False, "no target to compare"
    if track is None:
        return False, "no history to compare"
    over = over_of(plan.over, setting.period.fiscal) if track.adds else None
    wanted, before, held = _wanted(plan.target, over, track, setting)
    if wanted is None:
        return held, before
    near, own = _against_own(wanted, track, setting)
    reachable, peers = _against_peers(wanted, track)
    return bool(near) or reachable, "; ".join(words for words in (before, own, peers) if words)


def _wanted(target: float, over: Period | None, track: Track, setting: GoalContext) -> tuple[float | None, str, bool]:
    """What a single period must bring: the target itself; of a sum over a longer period, an even part of what is left.

    With it the words before the comparison. The figure is None where nothing is to be compared; then the last says whether the
    target holds all the same.
    """
    if over is None:
        return target, "", False
    kind = setting.period.kind
    so_far = Point(over, 0.0) if over.start >= setting.period.end else track.sum_of(over, through=setting.period)
    if so_far.value is None:
        return None, f"nothing to compare: {so_far.reason}", False
    of = f"{track.say(so_far.value)} of {'' if track.rises else 'at most '}{track.say(target)}"
    left = [one for one in over.ending_here(kind) if over.contains(one) and one.start >= setting.period.end]
    if not left:
        return None, f"{over} is over; {of} were reached", False
    more = target - so_far.value
    if at_least(so_far.value, target):
        return None, f"{of} are {'reached' if track.rises else 'used'} already", track.rises
    rest = f"{'each of ' if len(left) > 1 else ''}the {spelled(len(left), kind)} left"
    return more / len(left), f"{track.say(more / len(left))} in {rest}", False


def _against_own(wanted: float, track: Track, setting: GoalContext) -> tuple[bool | None, str]:
    """Where a target lies against the subject's last eight periods; None where there are none."""
    known = [point for point in track.points if point.value is not None and point.period.end <= setting.period.end][-8:]
    values = [point.value for point in known if point.value is not None]
    if not values:
        return None, "no history to compare"
    kind, size = setting.period.kind, spelled(len(values), setting.period.kind)
    low, high = min(values), max(values)
    best, worst = (high, low) if track.rises else (low, high)
    span = f"{pair(low, high, track.say) if not same(low, high) else track.say(low)} in {size}"
    few = f" (only {size} to compare)" if len(values) < FEW else ""
    if same(best, wanted):
        when = next(point.period for point in reversed(known) if point.value is not None and same(point.value, best))
        return True, f"would equal {setting.whose} best {kind}, {track.say(best)} in {when}{few}"
    if not reaches(best, wanted, rises=track.rises):
        return False, f"{_beyond(wanted, best, rises=track.rises)} {setting.whose} best {kind}, {track.say(best)}{few}"
    if reaches(worst, wanted, rises=track.rises):
        return True, f"each of {size} reached it: {span}{few}"
    return True, f"within {setting.whose} range: {span}{few}"


def _beyond(wanted: float, best: float, *, rises: bool) -> str:
    """Say by how much a target lies beyond the best: a share where the best is a positive number."""
    side = "above" if rises else "below"
    if best <= 0:
        return side
    share = round(abs(wanted - best) / best * 100)
    return f"{share:,}% {side}" if share else f"less than 1% {side}"


def _against_peers(wanted: float, track: Track) -> tuple[bool, str]:
    """Where a target lies against the peers, and whether it stays inside their better quarter's edge."""
    group = f"of {track.peers} peers" if track.peers else "of the peers"
    edge, name = (track.peer_q3, "upper quartile") if track.rises else (track.peer_q1, "lower quartile")
    beyond = "above" if track.rises else "below"
    if edge is not None and not reaches(edge, wanted, rises=track.rises):
        return False, f"{beyond} the {name} {group}"
    if track.peer_median is None:
        return edge is not None, f"not {beyond} the {name} {group}" if edge is not None else ""
    if reaches(track.peer_median, wanted, rises=track.rises):
        return True, f"not {beyond} the median {group}"
    if edge is not None:
        return True, f"between the median and the {name} {group}"
    return False, f"{beyond} the median {group}"


#: What a goal may serve: as a sentence names it, and what the review lacks where the KPI has none.
_SERVES: Final[Mapping[Relevance, tuple[str, str]]] = {
    "gap": ("area", "area to improve was found in"),
    "strength": ("strength", "strength was found in"),
    "objective": ("objective", "objective stands beside"),
    "aspiration": ("aspiration", ""),
}


def _relevant(plan: Goal, track: Track | None, backing: Backing) -> tuple[bool, str]:
    titles = {name: found[plan.kpi] for name, found in backing.titles.items() if plan.kpi and plan.kpi in found}
    if plan.relevance is None:
        if plan.because:
            return False, f"“{plan.because}”: say whether it is a gap, a strength, an aspiration or an objective"
        at_hand = ", ".join(f"the {_SERVES[name][0]} “{title}”" for name, title in titles.items())
        hint = f"; at hand: {at_hand}" if at_hand else ""
        return False, f"say which gap, strength, aspiration or objective it serves{hint}"
    called, missing = _SERVES[plan.relevance]
    if words := plan.because or titles.get(plan.relevance):
        return True, f"the {called} “{words}”"
    if plan.relevance == "aspiration":
        own = "; the self-review names some" if backing.aspirations else ""
        return False, f"say which aspiration it serves{own}"
    return False, f"say which; no {missing} {_named(plan, track) or 'what it names'}"


def _time_bound(plan: Goal, steps: Sequence[dt.date | None], setting: GoalContext) -> tuple[bool, str]:
    if plan.due is None:
        return False, "no due date" + (f"; {plan.over} ends it" if over_of(plan.over, setting.period.fiscal) else "")
    if plan.due <= setting.as_of:
        return False, f"{day(plan.due)} has passed"
    last = setting.coming[-1] if setting.coming else None
    if last is not None and plan.due >= last.end:
        return False, f"{day(plan.due)} lies after the coming reviews, the last of which is {last}"
    ok, words = _steps(steps, plan.due, setting)
    return ok, f"{day(plan.due)}, {words}"


def _steps(steps: Sequence[dt.date | None], due: dt.date, setting: GoalContext) -> tuple[bool, str]:
    """Say how the milestones lie: how many, which dates are missing, past, late or out of order."""
    dates = [step for step in steps if step is not None]
    if not steps:
        return False, "no milestones before it"
    complaints = (
        (len(steps) - len(dates), "without a date"),
        (sum(step <= setting.as_of for step in dates), "in the past"),
        (sum(step > due for step in dates), "after it"),
    )
    said = [f"{spelled(number, 'milestone')} {words}" for number, words in complaints if number]
    if dates != sorted(dates):
        said.append("milestones not in the order of their dates")
    before = sum(step <= due for step in dates)
    return not said, ", ".join([f"{spelled(before, 'milestone')} before it", *said] if before else said)
