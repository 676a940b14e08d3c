"""What only a team's page shows, as plain values for the templates: reps side by side, distribution, achievements, skills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reviewlib.evidence.comparison import below
from reviewlib.evidence.roster import Post
from reviewlib.pages import components, labels, sentences
from reviewlib.pages.components import Bullet, Spark
from reviewlib.pages.views import FigureTable
from reviewlib.review import Review


@dataclass(frozen=True)
class Member:
    """One rep of a team, side by side with the others."""

    person: Post
    sheet: FigureTable
    note: str
    bullet: Bullet | None
    spark: Spark | None


@dataclass(frozen=True)
class Dot:
    """One rep's quota attainment on the common line; ``place`` is in percent of it."""

    first: str
    place: float
    below: bool
    words: str
    level: int


@dataclass(frozen=True)
class Skill:
    """A skill that figures of the team call for, with the reps they are figures of."""

    name: str
    count: str
    evidence: str
    offer: str
    done: tuple[str, ...]


def members(review: Review) -> list[Member]:
    """List the reps in the order of revenue; those without any come last."""
    sheets = {rep_id: FigureTable(review, rep_id=rep_id) for rep_id in review.people}
    order = sorted(sheets, key=lambda rep_id: (-(sheets[rep_id].value("revenue") or 0.0), review.people[rep_id].name))
    every = [sheet.value("revenue", period) or 0.0 for sheet in sheets.values() for period in review.trend]
    return [_member(review, review.people[rep_id], sheets[rep_id], max(every, default=0.0)) for rep_id in order]


def _member(review: Review, person: Post, sheet: FigureTable, ceiling: float) -> Member:
    revenue, kpi = sheet.figure("revenue"), review.kpis.get("revenue")
    trend = [sheet.value("revenue", period) for period in review.trend]
    return Member(
        person,
        sheet,
        note=_joined(review, person),
        bullet=components.bullet(revenue.value, revenue.target, verdict=revenue.verdict) if revenue else None,
        spark=components.spark(trend, kpi=kpi, periods=review.trend, style=sheet.style, ceiling=ceiling) if kpi else None,
    )


def _joined(review: Review, person: Post) -> str:
    if person.started_on is not None and review.period.start <= person.started_on < review.period.end:
        return f"started on {labels.day(person.started_on, near=review.period.last_day)}"
    if person.left_on is not None and person.left_on < review.period.end:
        return f"left on {labels.day(person.left_on, near=review.period.last_day)}"
    return ""


def dots(review: Review) -> tuple[list[Dot], float, list[str]]:
    """Place each rep's quota attainment on a line whose middle is 100%.

    Returns:
        The dots from low to high; how far the line reaches to either side of 100% (0.4: from 60% to 140%); and the names of
        the reps who cannot be placed, because they have no target.
    """
    style = sentences.style(review)
    known, absent = [], []
    for rep_id, person in review.people.items():
        figure = FigureTable(review, rep_id=rep_id).figure("revenue")
        if figure is None or figure.attainment is None:
            absent.append(person.name)
        else:
            known.append((person, figure.attainment))
    reach = max([0.2, *(abs(share - 1) for _, share in known)])
    reach = min(1.0, -(-reach * 10 // 1) / 10)
    found: list[Dot] = []
    last = {True: -100.0, False: -100.0}
    levels = {True: 0, False: 0}
    for person, share in sorted(known, key=lambda pair: pair[1]):
        place, short = 50 + max(-1.0, min(1.0, (share - 1) / reach)) * 46, below(share, 1)
        levels[short] = (levels[short] + 1) % 3 if place - last[short] < 9 else 0
        last[short] = place
        words = f"{person.name} {style.value(share, 'percent')}"
        found.append(Dot(sentences.first_name(person), place, short, words, levels[short]))
    return found, reach, absent


def board(review: Review) -> list[tuple[str, list[tuple[str, str]]]]:
    """Group the achievements by whose they are: name, then titles with their sentences."""
    found: dict[str, list[tuple[str, str]]] = {}
    for item in review.achievements:
        text = sentences.fill(review, item.text, item.names, subject=item.subject)
        found.setdefault(item.subject.name, []).append((item.title, text))
    return list(found.items())


def skills(review: Review, done: Mapping[str, tuple[str, ...]]) -> list[Skill]:
    """List the skills that open areas of the team call for, those of most reps first; then what else is being learned.

    Args:
        review: The team's review.
        done: By skill, what is planned or was done about it.
    """
    by_skill = {_plain(name): told for name, told in done.items()}
    sheets = {person.name: FigureTable(review, rep_id=rep_id) for rep_id, person in review.people.items()}
    called_for: dict[tuple[str, str], tuple[int, Skill]] = {}
    for finding in review.findings:
        for action in finding.actions:
            if action.skill:
                short = _short_of(sheets, finding.kpi)
                seen = ", ".join(short) or FigureTable(review).text(finding.kpi)
                skill = Skill(
                    name=action.skill,
                    count=f"{len(short)} of {len(sheets)} reps" if sheets else "",
                    evidence=f"{review.kpis[finding.kpi].label}: {seen}.",
                    offer=action.offer or "nothing offered yet",
                    done=by_skill.get(_plain(action.skill), ()),
                )
                called_for[action.skill, finding.kpi] = (len(short), skill)
    found = [skill for _, skill in sorted(called_for.values(), key=lambda pair: -pair[0])]
    listed = {_plain(skill.name) for skill in found}
    rest = [(name, told) for name, told in done.items() if told and _plain(name) not in listed]
    return found + [Skill(name, "", "No open area of the team calls for it.", "", told) for name, told in rest]


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _short_of(sheets: dict[str, FigureTable], kpi: str) -> list[str]:
    figures = {name: sheet.figure(kpi) for name, sheet in sheets.items()}
    return [
        f"{name} {sheets[name].text(kpi)}" for name, figure in figures.items() if figure and figure.verdict in ("gap", "watch")
    ]
