"""The sections of a review: data to escaped HTML through the templates, one function a section.

The same names serve reps and teams; the templates decide by ``review.kind``.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from reviewlib.conversation.goals import followup
from reviewlib.conversation.goals.kpi import folded, plural
from reviewlib.conversation.visibility import empty
from reviewlib.evidence.slicefile import Finding
from reviewlib.pages import entry_views, goal_views, labels, plan_views, provenance, sentences, signing, team_views, views
from reviewlib.pages.components import VERDICTS, bullet
from reviewlib.pages.rendering import Display, lab_style, render
from reviewlib.params.kpis import RESULT
from reviewlib.review import Review

__all__ = [
    "achievements", "agreed", "change", "customers", "development", "distribution", "feedback", "figures", "goals", "header",
    "improve", "next_period", "own_view", "pipeline", "recognition", "reps", "reviews", "scorecard", "signoff", "skills",
    "strengths", "summary", "team_goals",
]  # fmt: skip

_COPIES: Final = {"manager": "Manager’s copy", "rep": "Rep’s copy"}
#: The sections that hold nothing but a subject's totals; where these are withheld, only the lead is left.
_TOTALS: Final = {"scorecard", "change", "pipeline", "customers", "skills", "next_period"}


def section(review: Review, name: str, title: str, **values: Any) -> Display:
    """Fill a section's template with its values and what every section may ask for; the lead is the evidence's own."""
    lead = review.leads.get(name)
    html = render(
        "section.html.j2" if review.data.get("withheld") and name in _TOTALS else f"blocks/{name}.html.j2",
        id=name,
        title=title,
        lead=sentences.pieces(review, lead) if lead else [],
        review=review,
        sheet=views.FigureTable(review),
        headed=entry_views.headed(review, name),
        reason=partial(_reason, review),
        side=partial(entry_views.side, review),
        byline=partial(entry_views.by, review),
        updates=partial(entry_views.updates, review),
        near_day=partial(entry_views.day, review),
        figure_words=partial(entry_views.figure, review),
        **values,
    )
    return Display(html, f"{title}: {review.subject.name}, {review.period}", {"section": name, "title": title})


def header(review: Review) -> Display:
    """Whose review this is, of when, and from which figures; carries the style for JupyterLab."""
    book, subject = review.workbook, review.subject
    colours = {"accent": book.accent, "accent_dark": book.accent_dark}
    kind = "Sales performance review" if review.kind == "rep" else "Team performance review"
    html = render(
        "blocks/header.html.j2",
        css=lab_style(**colours),
        kind=kind,
        review=review,
        name=subject.name if review.kind == "rep" else _team_name(subject.name),
        when=f"{review.period.title()}, {labels.span(review.period)}",
        facts=_facts(review),
        draft=review.audience == "rep" and not review.minutes.state.released,
    )
    title = f"{subject.name}, {review.period}: {kind.lower()}"
    return Display(html, title, {"section": "header", "title": title, "foot": _foot(review, kind), **colours})


def _facts(review: Review) -> list[tuple[str, str]]:
    """List what stands below the name: role, manager, dates, state, copy."""
    subject, book = review.subject, review.workbook
    team = _team_name(subject.team) if subject.team else None
    role = ", ".join(part for part in (subject.role, team) if part) if review.kind == "rep" else ""
    within = [day for day in (subject.started_on, subject.left_on) if day and review.period.start <= day < review.period.end]
    found = [
        ("Role" if subject.role else "Team", role),
        ("Reps", str(len(review.people)) if review.kind == "team" and review.people else ""),
        ("Manager", subject.manager or ""),
        ("Started", labels.day(subject.started_on) if subject.started_on in within else ""),
        ("Left", labels.day(subject.left_on) if subject.left_on in within else ""),
        ("Figures as of", labels.day(book.as_of)),
        ("Frozen", labels.day(book.frozen_on)),
        ("State", signing.dated(review)),
        ("Copy", _COPIES[review.audience]),
    ]
    return [(name, text) for name, text in found if text]


def _team_name(name: str) -> str:
    """Write a team's name so that it reads as one."""
    return name if name.lower().startswith("team ") else f"Team {name}"


def _foot(review: Review, kind: str) -> str:
    """Say at the foot of the page whose figures it holds and from which snapshot."""
    name = review.subject.name
    holds = {
        ("rep", "rep"): f"holds {name}’s figures and no other rep’s",
        ("rep", "manager"): f"holds {name}’s figures, for the manager’s use",
        ("team", "manager"): "holds the figures of named reps; not for passing on",
        ("team", "rep"): "names reps only on the board, where they agreed to it" if review.minutes.members else "names no rep",
    }[review.kind, review.audience]
    made = f"Made from snapshot {review.workbook.snapshot}, figures as of {labels.day(review.workbook.as_of)}."
    head = signing.head(review.minutes)
    return f"{kind}, {review.period}. {_COPIES[review.audience]}: {holds}. {made}{f' {head}.' if head else ''}"


def summary(review: Review) -> Display:
    """The period in a few sentences."""
    told = [sentences.pieces(review, template) for template in review.summary]
    return section(review, "summary", "Summary", told=told, css_class="sum")


def scorecard(review: Review) -> Display:
    """Every figure with target, trend, change, peers and verdict; below them why others are not there at all."""
    shown = set(review.scorecard["kpi"])
    return section(
        review,
        "scorecard",
        "Scorecard" if review.kind == "rep" else "Team scorecard",
        missing=[(views.label(review, key), reason) for key, reason in review.off.items() if key not in shown],
        peers=max(map(int, review.scorecard["peers"].dropna()), default=0),
        verdicts=VERDICTS,
        trend=f"{len(review.trend)} {plural(review.period.kind)}",
        first_name=sentences.first_name(review.subject),
    )


def change(review: Review) -> Display:
    """What changed since the previous period, and what explains it."""
    return section(
        review,
        "change",
        "What changed and why",
        bridge=views.revenue_bridge(review),
        beside=views.beside_change(review),
        by_rep=views.change_by_rep(review),
        total=sentences.fill(review, f"{{{RESULT.key}.change}}"),
        why_not=_no_change(review),
    )


def pipeline(review: Review) -> Display:
    """The open pipeline: how it moved, and at which stages it stands."""
    bridge, stages = views.pipeline_bridge(review), views.stages(review)
    return section(review, "pipeline", "Pipeline", bridge=bridge, stages=stages, notes=views.pipeline_notes(review))


def customers(review: Review) -> Display:
    """Customers won and kept."""
    return section(review, "customers", "Customers won and kept")


def strengths(review: Review) -> Display:
    """What the figures show to be strong, with the evidence."""
    return _findings(review, "strengths", "Strengths", "strength")


def improve(review: Review) -> Display:
    """What the figures show to be short, with the evidence and what is recommended."""
    return _findings(review, "improve", "Areas to improve", "improve")


def achievements(review: Review) -> Display:
    """What the recognition rules found; on a team's page also its board, with what was confirmed and may be shown."""
    shown = plan_views.board(review) if review.kind == "team" else []
    return section(review, "achievements", "Achievements", board=team_views.board(review), shown=shown)


def next_period(review: Review) -> Display:
    """What counts in the next period: its target, what covers it, the objectives."""
    shown = [figure for figure in views.FigureTable(review).main() if figure.kpi.has_row]
    rows = [figure for figure in shown if figure.kpi.objective or figure.target is not None]
    objectives = any(figure.kpi.objective for figure in rows)
    return section(review, "next_period", f"What counts in {review.period.next}", rows=rows, objectives=objectives)


def figures(review: Review) -> Display:
    """How the figures were made: what was read, and the evidence of each."""
    style = sentences.style(review)
    return section(
        review,
        "figures",
        "How the figures were made",
        tables=provenance.reconciliations(review.data, style=style),
        quarantine=provenance.reasons(review.data, "quarantine", style=style),
        exclusions=provenance.reasons(review.data, "exclusions", style=style),
        notes=provenance.notes(review),
        evidence=provenance.evidence(review),
    )


def reps(review: Review) -> Display:
    """The reps of a team side by side (manager's copy)."""
    members = team_views.members(review)
    return section(
        review,
        "reps",
        "Reps side by side",
        members=members,
        ceiling=max((one.value(RESULT.key, period) or 0.0 for one in members for period in review.trend), default=0.0),
        joined=team_views.joined,
        bullet=bullet,
    )


def distribution(review: Review) -> Display:
    """Each rep's quota attainment on one line (manager's copy)."""
    dots, reach, absent = team_views.dots(review)
    return section(
        review,
        "distribution",
        "Against targets",
        dots=dots,
        low=f"{100 - reach * 100:.0f}%",
        high=f"{100 + reach * 100:.0f}%",
        absent=absent,
    )


def skills(review: Review) -> Display:
    """Skills that open areas of the team call for."""
    return section(review, "skills", "Skills to build", skills=team_views.skills(review, plan_views.done_about(review)))


def agreed(review: Review) -> Display:
    """What was agreed in earlier reviews and what became of it."""
    found = followup.carried(views.goal_review(review))
    return section(
        review,
        "agreed",
        "What we agreed last time",
        rows=found,
        before=followup.previous_review(review.minutes, review.period),
        told=followup.lead(found, review.workbook.local) if found else "",
        outcomes=followup.OUTCOMES,
        marks=plan_views.OUTCOME_MARKS,
    )


def own_view(review: Review) -> Display:
    """The rep's own view."""
    entry, parts = entry_views.own_view(review) or (None, [])
    unread = entry is not None and entry_views.unread(review, entry)
    answers = entry_views.answers(review, entry) if entry else ()
    title = f"{entry_views.side(review, 'rep')}’s view"
    return section(review, "own_view", title, entry=entry, parts=parts, unread=unread, answers=answers)


def feedback(review: Review) -> Display:
    """Feedback in both directions, replies, disputed figures and concerns."""
    return section(review, "feedback", "Feedback and replies", threads=entry_views.feedback(review))


def goals(review: Review) -> Display:
    """The goals, with their letters, their progress and their steps."""
    cards = goal_views.goals(review)
    return section(review, "goals", "Goals", cards=cards, told=goal_views.lead(cards))


def development(review: Review) -> Display:
    """Coaching, training and mentoring."""
    rows, notes = plan_views.development(review), plan_views.moved(review)
    return section(review, "development", "Development", rows=rows, notes=notes)


def recognition(review: Review) -> Display:
    """Recognition confirmed by the manager."""
    return section(review, "recognition", "Recognition", found=plan_views.recognition(review))


def signoff(review: Review) -> Display:
    """The rating, the signatures, the head of the journal, how to answer, and what was amended after it."""
    state = review.minutes.state
    return section(
        review,
        "signoff",
        "Sign-off",
        rating=signing.rating(review),
        signatures=signing.signatures(review),
        head=signing.head(review.minutes),
        answer=review.answer if review.audience == "rep" and not state.closed else None,
        amendments=signing.amendments(review),
    )


def team_goals(review: Review) -> Display:
    """The goals across the team, and its open concerns."""
    tallies, untold = goal_views.tallies(review), plan_views.untold(review)
    running, behind = sum(one.goals for one in tallies), sum(one.behind for one in tallies)
    said = (
        f"{running} goal{'s run' if running != 1 else ' runs'}: {running - behind} on track or just started, {behind} behind."
    )
    return section(
        review,
        "team_goals",
        "Goals, development and concerns",
        tallies=[one for one in tallies if one.goals or one.ended or one.plans],
        quiet=[one.name for one in tallies if not (one.goals or one.ended or one.plans or one.name in untold)],
        partial=plan_views.partial(review),
        told=said if running else "",
        concerns=plan_views.open_concerns(review),
    )


def reviews(review: Review) -> Display:
    """The state of each rep's review (manager's copy)."""
    manager, rows = entry_views.side(review, "manager"), []
    for rep_id, person in review.people.items():
        minutes = review.minutes.members.get(rep_id, empty(review.about, "manager"))
        state, moment = minutes.state, signing.state_moment(minutes.state)
        waits = signing.waits_for(minutes, rep=sentences.first_name(person), manager=manager)
        since = entry_views.day_of(review, moment) if moment and not waits else ""
        rows.append((person.name, signing.MARKS[state.name], signing.state_words(state), waits or since))
    return section(review, "reviews", "State of the reviews", rows=rows)


def _findings(review: Review, name: str, title: str, kind: str) -> Display:
    decided = plan_views.decisions(review)
    findings = [finding for finding in review.findings if finding.kind == kind]
    items = [_item(review, finding, decided) for finding in findings]
    shown = [decision for item in items for decision in item["shown"]]
    # What was decided on a recommendation that the figures no longer give is still agreed.
    rest = [one for one in decided if one not in shown and _on_strength(review, one) == (kind == "strength")]
    return section(review, name, title, items=items, rest=rest)


def _on_strength(review: Review, decision: plan_views.Decision) -> bool:
    """Whether a decision is on a strength; all others stand with the areas to improve."""
    for finding in review.findings:
        about = decision.action.kpi == finding.kpi and not decision.action.recommended
        if finding.kind == "strength" and (about or any(_same(review, act.text, decision) for act in finding.actions)):
            return True
    return False


def _same(review: Review, text: str, decision: plan_views.Decision) -> bool:
    """Whether a recommendation is the one decided on, written with its figures or before they were filled in."""
    return folded(decision.action.recommended) in (folded(text), folded(sentences.fill(review, text)))


def _item(review: Review, finding: Finding, decided: list[plan_views.Decision]) -> dict[str, Any]:
    first = sentences.first_name(review.subject)
    who = {"rep": first if review.kind == "rep" else "the rep", "manager": review.subject.manager or "the manager"}
    own = [one for one in decided if one.action.kpi in (None, finding.kpi)]
    actions = []
    for act in finding.actions:
        on_it = [one for one in own if _same(review, act.text, one)]
        actions.append((sentences.fill(review, act.text), who.get(act.who, act.who), act.offer, on_it))
    added = [one for one in own if one.action.kpi and not one.action.recommended]
    return {
        "title": sentences.fill(review, finding.title),
        "text": sentences.pieces(review, finding.text),
        "evidence": " ".join(sentences.fill(review, line) for line in finding.evidence),
        "actions": actions,
        "added": added,
        "shown": [*added, *(one for _, _, _, decisions in actions for one in decisions)],
    }


def _reason(review: Review, key: str) -> str:
    figure = views.FigureTable(review).figure(key)
    return (figure.reason if figure is not None else review.off.get(key)) or "nothing is known of it"


def _no_change(review: Review) -> str:
    sheet = views.FigureTable(review)
    if sheet.value(RESULT.key) is None:
        return _reason(review, RESULT.key)
    before = sheet.figure(RESULT.key, review.period.previous)
    if before is not None and before.value == 0:
        return f"there was no revenue in {review.period.previous} or {review.period}"
    return (before.reason if before is not None else None) or f"there is no figure for {review.period.previous}"
