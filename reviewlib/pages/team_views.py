"""What only a team's page shows, as plain values for the templates: reps side by side, distribution, achievements, skills."""

from collections.abc import Mapping
from dataclasses import dataclass

from reviewlib.conversation.goals.kpi import folded
from reviewlib.evidence.comparison import below
from reviewlib.pages import sentences
from reviewlib.pages.views import FigureTable
from reviewlib.params.kpis import RESULT
from reviewlib.review import Review


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


def members(review: Review) -> list[FigureTable]:
    """List the reps by name: the order of their figures would be a rank."""
    return [FigureTable(review, person) for person in sorted(review.people.values(), key=lambda person: person.name)]


def older(review: Review, rep_id: str) -> str:
    """Say that a rep's released review stays on other evidence than the team's page; empty where it has the same."""
    minutes = review.minutes.members.get(rep_id)
    pinned = minutes.state.snapshot if minutes else None
    return f"released on snapshot {pinned}, not on this page’s" if pinned not in (None, review.workbook.snapshot) else ""


def ceiling(review: Review) -> float:
    """The most that a rep brought in a period of the trend."""
    return max((sheet.value(RESULT.key, period) or 0.0 for sheet in members(review) for period in review.trend), default=0.0)


def dots(review: Review) -> tuple[list[Dot], float, list[str]]:
    """Place each rep's quota attainment on a line whose middle is 100%.

    Returns:
        The dots from low to high; how far the line reaches to either side of 100% (0.4: from 60% to 140%); and the names of
        the reps who cannot be placed, because they have no target.
    """
    style = sentences.style(review)
    known, absent = [], []
    for person in review.people.values():
        figure = FigureTable(review, person).figure(RESULT.key)
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
    by_skill = {folded(name): told for name, told in done.items()}
    sheets = [FigureTable(review, person) for person in review.people.values()]
    called_for: dict[tuple[str, str], tuple[int, Skill]] = {}
    for finding in review.findings:
        key = finding.kpi
        figures = [(sheet, sheet.figure(key)) for sheet in sheets]
        short = [sheet for sheet, figure in figures if figure and figure.verdict in ("gap", "watch")]
        seen = ", ".join(f"{sheet.subject.name} {sheet.text(key)}" for sheet in short) or FigureTable(review).text(key)
        for action in finding.actions:
            if action.skill:
                skill = Skill(
                    name=action.skill,
                    count=f"{len(short)} of {len(sheets)} reps" if sheets else "",
                    evidence=f"{review.kpis[key].label}: {seen}.",
                    offer=action.offer or "nothing offered yet",
                    done=by_skill.get(folded(action.skill), ()),
                )
                called_for[action.skill, key] = (len(short), skill)
    found = [skill for _, skill in sorted(called_for.values(), key=lambda pair: -pair[0])]
    listed = {folded(skill.name) for skill in found}
    rest = [(name, told) for name, told in done.items() if told and folded(name) not in listed]
    return found + [Skill(name, "", "No open area of the team calls for it.", "", told) for name, told in rest]
