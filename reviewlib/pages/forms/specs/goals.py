"""Goals with the five letters checked while the form is filled, their milestones and tasks, the rep's word on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reviewlib.conversation.entries import Entry
from reviewlib.conversation.goals.smart import GoalContext, PlannedGoal, smart
from reviewlib.conversation.kinds import Milestone
from reviewlib.conversation.schedule import rhythm
from reviewlib.pages import goal_kpis, goal_views
from reviewlib.pages.forms import reading
from reviewlib.pages.forms.fields import CHOOSE, Options, Values, of_kind
from reviewlib.pages.forms.spec import Spec, written_here
from reviewlib.pages.forms.specs.feedback import about
from reviewlib.pages.forms.specs.recognition import agreement
from reviewlib.pages.rendering import render
from reviewlib.periods import Period
from reviewlib.review import Figure

if TYPE_CHECKING:
    from reviewlib.pages.forms.context import FormContext

#: How many reviews ahead a goal may be due.
_AHEAD: Final = 4


def _figure(desk: FormContext, key: object) -> Figure | None:
    try:
        return desk.review.figure(str(key)) if key else None
    except KeyError:
        return None


def _read(desk: FormContext, values: Values) -> Values:
    """What stands in the fields as far as it can be read; what cannot counts as empty."""
    found = dict(values)
    for name, read in (("baseline", _number), ("target", _number), ("due", _day)):
        found[name] = read(desk, str(values.get(name) or ""))
    return _with_baseline(desk, found)


def _number(desk: FormContext, text: str) -> float | None:
    try:
        return reading.number(text, locale=desk.style.locale)
    except reading.UnreadableError:
        return None


def _day(desk: FormContext, text: str) -> Any:
    try:
        return reading.day(text)
    except reading.UnreadableError:
        return None


def _with_baseline(desk: FormContext, values: Values) -> Values:
    """An empty baseline is the figure of this period."""
    figure = _figure(desk, values.get("kpi"))
    if values.get("baseline") is None and figure is not None:
        return values | {"baseline": figure.value}
    return values


def _advice(desk: FormContext, values: Values) -> str:
    read = _read(desk, values)
    names = ("kpi", "deliverable", "scope", "baseline", "target", "over", "due", "relevance", "because")
    given: dict[str, Any] = {name: read.get(name) if read.get(name) != "" or name in _TEXTS else None for name in names}
    plan = PlannedGoal(**given, steps=_steps(desk, desk.forms["goal"].key if "goal" in desk.forms else ""))
    track = goal_kpis.track(desk.review, plan.kpi) if plan.kpi else None
    letters = smart(plan, track, setting=_setting(desk), backing=goal_views.backing(desk.review))
    return render("forms/smart.html.j2", letters=letters)


_TEXTS: Final = frozenset({"deliverable", "scope", "because"})


def _setting(desk: FormContext) -> GoalContext:
    period, kind = desk.review.period, rhythm(desk.records.params, desk.records.subject)
    first = Period.containing(period.end, kind, period.fiscal)
    return GoalContext(period, desk.review.workbook.as_of, tuple(first.shift(step) for step in range(_AHEAD)))


def _steps(desk: FormContext, goal: str) -> tuple[Any, ...]:
    """The days of a goal's milestones, in the order they were written."""
    entry = desk.minutes.find(goal) if goal else None
    steps = desk.minutes.on(entry, "milestone") if entry is not None else []
    return tuple(step.payload.due for step in steps if isinstance(step.payload, Milestone))


def _hints(desk: FormContext, values: Values) -> dict[str, str]:
    figure = _figure(desk, values.get("kpi"))
    if figure is None:
        return {"baseline": "In the figure’s unit, such as 12, 12,500 or 45%."}
    if figure.value is None:
        return {"baseline": f"The scorecard has none for {desk.review.period}: {figure.reason or 'no figure'}."}
    text = reading.number_text(float(f"{figure.value:.6g}"), figure.kpi.unit)
    return {"baseline": f"Left empty: {text}, the figure of {desk.review.period}."}


def _periods(desk: FormContext, _: Values) -> Options:
    coming = _setting(desk).coming
    years = dict.fromkeys(Period.containing(period.last_day, "year", period.fiscal).name for period in coming)
    return [("Each review’s own period", ""), *((name, name) for name in [*(period.name for period in coming), *years])]


def known_goals(desk: FormContext) -> list[Entry]:
    """The goals of this review and those that earlier ones carry over."""
    return [entry for entry in (*desk.minutes.earlier, *desk.minutes.entries) if entry.kind == "goal"]


GOAL: Final = Spec(
    "goal",
    "Set a goal",
    "goal",
    of_kind(
        "goal",
        over={"form": "choice", "options": _periods, "hint": "The period that the target covers."},
        relevance={"default": ""},
        baseline={"hint": "In the figure’s unit, such as 12, 12,500 or 45%."},
        target={"hint": "In the figure’s unit, such as 12, 12,500 or 45%."},
    ),
    lead="The five letters below are checked as you write. Nothing is forbidden, everything is said.",
    save="Save goal",
    payload=_with_baseline,
    existing=written_here("goal"),
    behalf="choose",
    advice=_advice,
    hints=_hints,
)
MILESTONE: Final = Spec(
    "milestone",
    "Add a milestone or task to a goal",
    "milestone",
    of_kind("milestone", of=about("milestone", first=CHOOSE, wanted=known_goals)),
    save="Save step",
    existing=written_here("milestone"),
    behalf="choose",
)
AGREEMENT: Final = agreement(
    "agreement", "Write down whether the rep agrees to a goal", "goal", hint="What the rep said to it."
)
