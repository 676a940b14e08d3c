"""Development and recognition: what is proposed, what moved since, what a team lacks, what its board may show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from reviewlib.conversation.entries import Entry
from reviewlib.conversation.goals.kpi import Point, Track, counted, day, number, pair
from reviewlib.conversation.goals.progress import Clock, in_utc, last_update, on_day, status_of
from reviewlib.conversation.kinds import ENDED, Agreement, Development, Recognition, Way
from reviewlib.conversation.visibility import VisibleEntries
from reviewlib.evidence.comparison import above, at_most
from reviewlib.periods import Period

#: Words of an offer that tell the way; the first that is found counts, anything else is training.
_WAYS: Final[Mapping[Way, tuple[str, ...]]] = MappingProxyType(
    {
        "role-play": ("role-play", "role play", "roleplay", "rehears"),
        "mentoring": ("mentor", "buddy"),
        "coaching": ("coach", "joint call", "joint visit", "shadow", "sit in", "ride along"),
    }
)


@dataclass(frozen=True)
class Need:
    """A KPI that calls for a skill, and the offer that builds it; as the playbook says."""

    kpi: str
    skill: str
    offer: str


@dataclass(frozen=True)
class ProposedItem:
    """A proposed item of the development plan, and the KPIs that call for it."""

    skill: str
    offer: str
    way: Way
    kpis: tuple[str, ...]


@dataclass(frozen=True)
class Moved:
    """The KPI of a development item before it and now, in words that claim no cause."""

    entry: Entry
    status: str
    before: Point
    now: Point
    words: tuple[str, ...]


@dataclass(frozen=True)
class DevelopmentItem:
    """A development item of one rep and where it stands."""

    rep_id: str
    entry: Entry
    status: str


@dataclass(frozen=True)
class SkillSum:
    """A skill across a team: the reps whose figures call for it, and what is planned, runs or was done."""

    skill: str
    lacking: tuple[str, ...]
    items: tuple[DevelopmentItem, ...]

    @property
    def words(self) -> str:
        """Say it: "called for by the figures of three reps; one running, two done"."""
        size = len(self.lacking)
        called = f"called for by the figures of {counted(size, 'rep')}" if size else "called for by no figure now"
        states = [item.status for item in self.items]
        said = ", ".join(f"{number(states.count(state))} {state}" for state in dict.fromkeys(states))
        return f"{called}; {said or 'nothing is planned'}"


@dataclass(frozen=True)
class BoardItem:
    """What a team's board shows: for what, in words; never the reward."""

    rep_id: str
    entry_id: str
    title: str
    text: str


def way_of(offer: str) -> Way:
    """Guess the way from an offer's words: training, coaching, mentoring or role-play."""
    said = offer.casefold()
    return next((way for way, words in _WAYS.items() if any(word in said for word in words)), "training")


def proposed(needs: Sequence[Need], minutes: VisibleEntries) -> list[ProposedItem]:
    """Propose development items: one per skill and offer, in the order of the needs, without what is planned already.

    An item that ended does not stand in the way of a new one.
    """
    running = [entry.payload for entry in development(minutes) if _status(entry, minutes) not in ENDED]
    planned = {_plain(item.skill) for item in running if isinstance(item, Development)} - {""}
    found: dict[tuple[str, str], list[Need]] = {}
    for need in needs:
        if need.skill and need.offer and _plain(need.skill) not in planned:
            found.setdefault((_plain(need.skill), _plain(need.offer)), []).append(need)
    return [
        ProposedItem(same[0].skill, same[0].offer, way_of(same[0].offer), tuple(dict.fromkeys(need.kpi for need in same)))
        for same in found.values()
    ]


def development(minutes: VisibleEntries) -> list[Entry]:
    """List the development items that matter in a review: its own, older ones that run or that it tells something about."""
    own = minutes.of_kind("development")
    older = [entry for entry in minutes.earlier if entry.kind == "development"]
    return [entry for entry in older if _status(entry, minutes) not in ENDED or _touched(entry, minutes)] + own


def _touched(entry: Entry, minutes: VisibleEntries) -> bool:
    return any(update.about == minutes.about for update in minutes.on(entry, "update"))


def _status(entry: Entry, minutes: VisibleEntries) -> str:
    return status_of(last_update(entry, minutes)) or "planned"


def moved(entry: Entry, minutes: VisibleEntries, track: Track | None, *, period: Period, clock: Clock = in_utc) -> Moved | None:
    """Show the KPI of an earlier review's development item, before it and now.

    Args:
        entry: The development item.
        minutes: Where its updates are.
        track: The figures of its KPI.
        period: The review's period.
        clock: The workbook's, by which entries have their days.

    Returns:
        None for an item of this review, one without a figure, and one that neither runs nor is done.
    """
    payload, status = entry.payload, _status(entry, minutes)
    then = Period.parse(entry.about.period, period.fiscal)
    if not isinstance(payload, Development) or track is None or payload.kpi is None:
        return None
    if status not in ("running", "done") or then.end >= period.end:
        return None
    before, now = track.at(then), track.at(period)
    update = last_update(entry, minutes)
    when = f" on {day(on_day(update, clock))}" if update and status == "done" else ""
    return Moved(entry, status, before, now, (f"{status.capitalize()}{when}.", *_comparison(before, now, track, payload.way)))


def _comparison(before: Point, now: Point, track: Track, way: Way) -> Iterator[str]:
    """Put two figures side by side; that one follows the other shows no cause."""
    missing = next((point for point in (before, now) if point.value is None), None)
    if missing is not None:
        yield f"{track.label} is n/a in {missing.period}: {missing.reason}. There is nothing to compare."
        return
    yield f"{track.label} was {_figure(before, track)} and is {_figure(now, track)}."
    if before.low is None or before.high is None or now.low is None or now.high is None:
        yield f"Other things changed too, so this does not show that the {way} was the cause."
    elif at_most(now.low, before.high) and at_most(before.low, now.high):
        yield f"The intervals overlap, so this does not show that the {way} was the cause."
    else:
        side = "above" if above(now.low, before.high) else "below"
        yield f"The interval lies {side} the one before; other things changed too."


def _figure(point: Point, track: Track) -> str:
    assert point.value is not None
    known = point.low is not None and point.high is not None
    interval = f", interval {pair(point.low, point.high, track.say)}" if known else ""  # type: ignore[arg-type]
    return f"{track.say(point.value)} in {point.period}{interval}"


def skills(needs: Mapping[str, Sequence[Need]], members: Mapping[str, VisibleEntries]) -> list[SkillSum]:
    """Sum up which skills a team's figures call for and what was done, most called for first.

    Args:
        needs: By rep.
        members: The reps' minutes; those of the team's manager copy.
    """
    names: dict[str, str] = {}
    lacking: dict[str, list[str]] = {}
    for rep_id, own in needs.items():
        for need in own:
            names.setdefault(_plain(need.skill), need.skill)
            if rep_id not in lacking.setdefault(_plain(need.skill), []):
                lacking[_plain(need.skill)].append(rep_id)
    items: dict[str, list[DevelopmentItem]] = {}
    for item in _items(members):
        skill = item.entry.payload.skill if isinstance(item.entry.payload, Development) else ""
        names.setdefault(_plain(skill), skill)
        items.setdefault(_plain(skill), []).append(item)
    found = [SkillSum(names[key], tuple(lacking.get(key, ())), tuple(items.get(key, ()))) for key in names if key]
    return sorted(found, key=lambda one: (-len(one.lacking), -len(one.items), one.skill.casefold()))


def _items(members: Mapping[str, VisibleEntries]) -> Iterator[DevelopmentItem]:
    for rep_id, minutes in members.items():
        yield from (DevelopmentItem(rep_id, entry, _status(entry, minutes)) for entry in development(minutes))


def board(members: Mapping[str, VisibleEntries]) -> list[BoardItem]:
    """List what a team's board may show: what the manager proposed for it and the rep agreed to, as it stands now.

    The reward stays off the board: a bonus is between two people.
    """
    return [
        BoardItem(rep_id, entry.id, entry.payload.title, entry.payload.text)
        for rep_id, minutes in members.items()
        for entry in minutes.of_kind("recognition")
        if isinstance(entry.payload, Recognition) and entry.payload.for_board and entry.visibility == "shared"
        if _agrees(entry, minutes)
    ]


def _agrees(entry: Entry, minutes: VisibleEntries) -> bool:
    word = minutes.agreed(entry)
    return word is not None and isinstance(word.payload, Agreement) and word.payload.agrees


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
