"""Forms of what is planned: actions, goals, development and recognition, the rep's word on them, and what became of them."""

from collections.abc import Callable
from typing import Any, Final

from reviewlib.conversation.entries import Entry
from reviewlib.conversation.goals import plans
from reviewlib.conversation.goals.plans import Need, ProposedItem
from reviewlib.conversation.goals.smart import GoalContext, smart
from reviewlib.conversation.kinds import ENDED, KINDS, STATUSES
from reviewlib.conversation.kinds.plans import UNIT_HINT, Action, Development, Goal, Milestone
from reviewlib.conversation.kinds.record import words_of
from reviewlib.conversation.schedule import rhythm
from reviewlib.conversation.visibility import VisibleEntries, empty
from reviewlib.evidence.slicefile import Achievement
from reviewlib.pages import goal_views, labels, sentences, views
from reviewlib.pages.forms.context import FormContext, numbered
from reviewlib.pages.forms.fields import CHOOSE, Field, Options, ProblemsError, Spec, Values, named, read, spec, written_here
from reviewlib.pages.rendering import render
from reviewlib.periods import Period
from reviewlib.review import Figure

#: Fields that are no part of the payload: the achievement and the proposal that were chosen.
_FOUND: Final = "_found"
_PROPOSAL: Final = "_proposal"


# --- recommended actions: accepted, put in other words, dismissed with the reason; or one's own ------------------------------


def recommendations(context: FormContext) -> dict[str, tuple[str, str]]:
    """What the playbook recommends for this review's areas to improve: by the text, each once, the figure and who is to act."""
    found: dict[str, tuple[str, str]] = {}
    for finding in context.review.findings:
        for action in finding.actions:
            found.setdefault(sentences.fill(context.review, action.text), (finding.kpi, action.who))
    return found


def _recommended(context: FormContext, _: Values) -> Options:
    decided = dict.fromkeys(getattr(entry.payload, "recommended", "") for entry in context.minutes.of_kind("action"))
    known = recommendations(context)
    listed = [(f"{text} (decided)" if text in decided else text, text) for text in known]
    gone = [(f"{text} (decided)", text) for text in decided if text and text not in known]
    return [("None: my own action", ""), *listed, *gone]


def _decisions(context: FormContext, values: Values) -> Options:
    words = words_of(Action, "decision")
    return [(words[one], one) for one in words if (one == "added") != bool(values.get("recommended"))]


def _decided(context: FormContext, values: Values) -> Values:
    text, decision = str(values["text"]).strip(), values["decision"]
    found = recommendations(context).get(values["recommended"])
    if decision == "accepted":
        if text and text != values["recommended"]:
            raise ProblemsError({"decision": "choose “Accept in other words”, or leave the words empty"})
        values = values | {"text": values["recommended"]}
    if decision == "edited" and not text:
        raise ProblemsError({"text": "say it in other words"})
    if decision == "dismissed":
        values = values | {"text": "", "due": None}
        if not str(values["reason"]).strip():
            raise ProblemsError({"reason": "say why"})
    if decision == "added" and not text:
        raise ProblemsError({"text": "say what is to be done"})
    return values | {"kpi": found[0]} if found is not None else values


def _recommendation(context: FormContext, values: Values) -> str:
    found = recommendations(context).get(values["recommended"])
    if found is None:
        return ""
    kpi, who = found
    name, label = sentences.sides(context.review).get(who, who), context.review.kpis[kpi].label
    return render("forms/recommended.html.j2", text=values["recommended"], kpi=label, who=name)


ACTION: Final = spec(
    "action", options={"recommended": _recommended, "decision": _decisions}, payload=_decided, advice=_recommendation
)


# --- goals, with the five letters checked while the form is filled; their milestones and tasks -------------------------------


def _figure(context: FormContext, values: Values) -> Figure | None:
    return views.FigureTable(context.review).figure(str(values.get("kpi") or ""))


def _with_baseline(context: FormContext, values: Values) -> Values:
    """An empty baseline is the figure of this period."""
    figure = _figure(context, values)
    if values.get("baseline") is None and figure is not None:
        return values | {"baseline": figure.value}
    return values


def _letters(context: FormContext, values: Values) -> str:
    edited = context.minutes.find(context.forms["goal"].key) if "goal" in context.forms else None
    steps = context.minutes.on(edited, "milestone") if edited is not None else []
    due = [step.payload.due for step in steps if isinstance(step.payload, Milestone)]
    plan = Goal.model_construct(**read(context, GOAL, values)[0])  # as far as the form is filled in
    track = views.tracks(context.review).get(plan.kpi or "")
    letters = smart(plan, due, track, setting=_setting(context), backing=goal_views.backing(context.review))
    return render("forms/smart.html.j2", letters=letters)


def _setting(context: FormContext) -> GoalContext:
    period, kind = context.review.period, rhythm(context.records.params, context.records.subject)
    first = Period.containing(period.end, kind, period.fiscal)
    return GoalContext(period, context.review.workbook.as_of, tuple(first.shift(step) for step in range(goal_views.COMING)))


def _baseline_hint(context: FormContext, values: Values) -> dict[str, str]:
    figure = _figure(context, values)
    if figure is None:
        return {"baseline": UNIT_HINT}
    if figure.value is None:
        return {"baseline": f"The scorecard has none for {context.review.period}: {figure.reason or 'no figure'}."}
    text = labels.number_text(float(f"{figure.value:.6g}"), figure.kpi.unit)
    return {"baseline": f"Left empty: {text}, the figure of {context.review.period}."}


def _periods(context: FormContext, _: Values) -> Options:
    coming = _setting(context).coming
    years = dict.fromkeys(Period.containing(period.last_day, "year", period.fiscal).name for period in coming)
    return [("Each review’s own period", ""), *((name, name) for name in [*(period.name for period in coming), *years])]


GOAL: Final = spec("goal", options={"over": _periods}, payload=_with_baseline, advice=_letters, hints=_baseline_hint)


# --- the development plan: items proposed from the gaps, or one's own --------------------------------------------------------


def _proposals(context: FormContext, minutes: VisibleEntries) -> dict[str, ProposedItem]:
    """What the playbook proposes for the gaps, by the words that it is chosen by."""
    review = context.review
    actions = [(finding.kpi, action) for finding in review.findings for action in finding.actions]
    needs = [Need(kpi, action.skill or "", sentences.fill(review, action.offer or "")) for kpi, action in actions]
    return {f"{one.skill}: {one.offer}": one for one in plans.proposed(needs, minutes)}


def _proposal(context: FormContext, values: Values) -> ProposedItem | None:
    """The proposal that was chosen; it may be planned by now, by this very form."""
    return _proposals(context, empty(context.review.about, "manager")).get(str(values.get(_PROPOSAL) or ""))


def _proposed(context: FormContext, values: Values) -> Options:
    listed = list(_proposals(context, context.minutes))
    chosen = str(values.get(_PROPOSAL) or "")
    # What is planned is not proposed any more, and still stands in the form that planned it.
    gone = [chosen] if chosen and chosen not in listed else []
    return [("None: my own item", ""), *((words, words) for words in [*listed, *gone])]


def _ways(context: FormContext, values: Values) -> Options:
    found = _proposal(context, values)
    known = words_of(Development, "way")
    first = f"As proposed: {known[found.way].lower()}" if found is not None else CHOOSE
    return [(first, ""), *((words, way) for way, words in known.items())]


def _planned(context: FormContext, values: Values) -> Values:
    found = _proposal(context, values)
    values = {name: value for name, value in values.items() if name != _PROPOSAL}
    if found is not None:
        given = {"way": found.way, "skill": found.skill, "text": found.offer, "kpi": next(iter(found.kpis), None)}
        values = values | {name: values[name] or own for name, own in given.items()}
    if not str(values["text"]).strip():
        raise ProblemsError({"text": "say what is planned"})
    return values


DEVELOPMENT: Final = spec(
    "development", options={"way": _ways}, payload=_planned,
    before=(Field(_PROPOSAL, "Proposed for the gaps", form="choice", options=_proposed),),
)  # fmt: skip


# --- recognition: achievements confirmed or added, with the reward -----------------------------------------------------------


def _achievement_key(said: Any) -> str:
    """Under which key an achievement or a recognition stands, by the rule that found it; empty where none did."""
    rule = getattr(said, "rule", None)
    return f"{rule}/{getattr(said, 'kpi', None) or ''}" if rule else ""


def _found(context: FormContext) -> dict[str, Achievement]:
    """What the rules found of the review's own subject, by a key that stays."""
    own = [item for item in context.review.achievements if item.subject.id == context.review.subject.id]
    return {_achievement_key(item): item for item in own}


def _achievements(context: FormContext, _: Values) -> Options:
    confirmed = {_achievement_key(entry.payload) for entry in context.minutes.of_kind("recognition")}
    found = _found(context)
    listed = [(f"{item.title} (confirmed)" if key in confirmed else item.title, key) for key, item in found.items()]
    gone = [(key, key) for key in sorted(confirmed) if key and key not in found]
    return [("None: in my own words", ""), *numbered(listed), *gone]


def _recognition(context: FormContext, values: Values) -> Values:
    item = _found(context).get(values[_FOUND])
    values = {name: value for name, value in values.items() if name != _FOUND}
    if item is None:
        if not str(values["title"]).strip():
            raise ProblemsError({"title": "say what it is for"})
        return values
    text = sentences.fill(context.review, item.text, item.names, subject=item.subject)
    title, words = str(values["title"]).strip(), str(values["text"]).strip()
    return values | {"title": title or item.title, "text": words or text, "rule": item.rule, "kpi": item.kpi or None}


RECOGNITION: Final = spec(
    "recognition", payload=_recognition, more=lambda _, entry: {_FOUND: _achievement_key(entry.payload)},
    before=(Field(_FOUND, "Achievement found in the figures", form="choice", options=_achievements),),
)  # fmt: skip


# --- the rep's word on a goal or on the board, written down in the meeting ---------------------------------------------------


def _goals(context: FormContext) -> list[Entry]:
    """The goals of this review and those that earlier ones carry over, and what else the rep is asked to agree to."""
    known = (*context.minutes.earlier, *context.minutes.entries)
    return [entry for entry in known if KINDS[entry.kind].yes_or_no and entry.kind != "recognition"]


def _for_board(context: FormContext) -> list[Entry]:
    """Recognitions that are proposed for the board."""
    return [entry for entry in context.minutes.of_kind("recognition") if getattr(entry.payload, "for_board", False)]


def _agreed(context: FormContext, values: Values) -> Values:
    target = context.minutes.find(str(values["of"]))
    # A word holds for the wording that it was given on, so it names the version and not the first one.
    agrees = {"yes": True, "no": False}.get(values["agrees"])
    return values | {"agrees": agrees, "of": target.id if target is not None else values["of"]}


def _agreement(name: str, wanted: Callable[[FormContext], list[Entry]]) -> Spec:
    def offered(context: FormContext, _: Values) -> Options:
        return named(context, wanted(context))

    def existing(context: FormContext, kind: str) -> list[Entry]:
        targets = {context.root(entry) for entry in wanted(context)}
        said = written_here(context, kind)
        return [entry for entry in said if entry.of and context.minutes.roots.get(entry.of, entry.of) in targets]

    return spec(name, options={"of": offered}, payload=_agreed, existing=existing)


AGREEMENT: Final = _agreement("agreement", _goals)
BOARD: Final = _agreement("board", _for_board)


# --- what became of what was agreed, in this review and earlier ones ---------------------------------------------------------


def followed_up(context: FormContext) -> list[Entry]:
    """What runs: everything that may be updated and has not ended."""
    running = []
    for entry in (*context.minutes.earlier, *context.minutes.entries):
        dismissed = getattr(entry.payload, "decision", None) == "dismissed"
        ended = any(getattr(update.payload, "status", None) in ENDED for update in context.minutes.on(entry, "update"))
        if entry.kind in STATUSES and not dismissed and not ended:
            running.append(entry)
    return running


def _running(context: FormContext, _: Values) -> Options:
    """What runs, and what the updates of this review are about: those can be edited."""
    running = followed_up(context)
    edited = [context.minutes.find(update.of) for update in context.minutes.of_kind("update") if update.of]
    return named(context, [*running, *(one for one in edited if one is not None and one not in running)])


def _statuses(context: FormContext, values: Values) -> Options:
    entry = context.minutes.find(str(values.get("of") or ""))
    known = STATUSES.get(entry.kind, ()) if entry is not None else ()
    return [(CHOOSE, ""), *((status.capitalize(), status) for status in known)]


UPDATE: Final = spec("update", options={"of": _running, "status": _statuses})
PLAN_FORMS: Final = (ACTION, GOAL, DEVELOPMENT, RECOGNITION, AGREEMENT, BOARD, UPDATE)
