"""Development and recognition: what is proposed, what moved since, what a team lacks, what its board may show."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reviewlib.conversation.entries import Entry, said
from reviewlib.conversation.goals.kpi import Point, Track, day, folded, pair
from reviewlib.conversation.goals.progress import GoalReview, last_update, on_day, status_of
from reviewlib.conversation.kinds import ENDED
from reviewlib.conversation.kinds.plans import Development, Recognition, Way
from reviewlib.conversation.visibility import VisibleEntries, for_board
from reviewlib.evidence.comparison import above, at_most
from reviewlib.periods import Period

#: Words of an offer that tell the way; the first that is found counts, anything else is training.
_WAYS: Final[Mapping[Way, tuple[str, ...]]] = {
    "role-play": ("role-play", "role play", "roleplay", "rehears"),
    "mentoring": ("mentor", "buddy"),
    "coaching": ("coach", "joint call", "joint visit", "shadow", "sit in", "ride along"),
}


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
class DevelopmentItem:
    """A development item of one rep and where it stands."""

    rep_id: str
    plan: Development
    status: str


def way_of(offer: str) -> Way:
    """Guess the way from an offer's words: training, coaching, mentoring or role-play."""
    plain = offer.casefold()
    return next((way for way, words in _WAYS.items() if any(word in plain for word in words)), "training")


def proposed(needs: Sequence[Need], minutes: VisibleEntries) -> list[ProposedItem]:
    """Propose development items: one per skill and offer, in the order of the needs, without what is planned already.

    An item that ended does not stand in the way of a new one.
    """
    running = [entry for entry in development(minutes) if _status(entry, minutes) not in ENDED]
    planned = {folded(item.skill) for _, item in said(running, Development)} - {""}
    found: dict[tuple[str, str], list[Need]] = {}
    for need in needs:
        if need.skill and need.offer and folded(need.skill) not in planned:
            found.setdefault((folded(need.skill), folded(need.offer)), []).append(need)
    return [
        ProposedItem(same[0].skill, same[0].offer, way_of(same[0].offer), tuple(dict.fromkeys(need.kpi for need in same)))
        for same in found.values()
    ]


def development(minutes: VisibleEntries) -> list[Entry]:
    """List the development items that matter in a review: its own, older ones that run or that it tells something about."""
    older = [
        entry
        for entry in minutes.earlier
        if entry.kind == "development"
        and (_status(entry, minutes) not in ENDED or any(one.about == minutes.about for one in minutes.on(entry, "update")))
    ]
    return older + minutes.of_kind("development")


def _status(entry: Entry, minutes: VisibleEntries) -> str:
    return status_of(last_update(entry, minutes)) or "planned"


def moved(entry: Entry, review: GoalReview) -> tuple[str, ...]:
    """Show the KPI of an earlier review's development item, before it and now, in sentences that claim no cause.

    There are none for an item of this review, one without a figure, and one that neither runs nor is done.
    """
    payload, update, now = entry.payload, last_update(entry, review.minutes), review.period
    status, then = status_of(update), Period.parse(entry.about.period, now.fiscal)
    track = review.tracks.get(payload.kpi or "") if isinstance(payload, Development) else None
    if not isinstance(payload, Development) or track is None:
        return ()
    if status not in ("running", "done") or then.end >= now.end:
        return ()
    when = f" on {day(on_day(update, review.clock))}" if update and status == "done" else ""
    return (f"{status.capitalize()}{when}.", *_comparison(track.at(then), track.at(now), track, payload.way))


def _comparison(before: Point, now: Point, track: Track, way: Way) -> Iterator[str]:
    """Put two figures side by side; that one follows the other shows no cause."""
    missing = next((point for point in (before, now) if point.value is None), None)
    if missing is not None:
        yield f"{track.label} is n/a in {missing.period}: {missing.reason}. There is nothing to compare."
        return
    yield f"{track.label} was {_figure(before, track)}, and is {_figure(now, track)}."
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


def skills(members: Mapping[str, VisibleEntries]) -> dict[str, list[DevelopmentItem]]:
    """Collect what is planned, runs or was done for each skill of a team, the one with most of it first.

    ``members`` are the reps' minutes, those of the team's manager copy.
    """
    found: dict[str, list[DevelopmentItem]] = {}
    for rep_id, minutes in members.items():
        for entry, plan in said(development(minutes), Development):
            if skill := folded(plan.skill):
                found.setdefault(skill, []).append(DevelopmentItem(rep_id, plan, _status(entry, minutes)))
    named = {items[0].plan.skill: items for items in found.values()}
    return dict(sorted(named.items(), key=lambda one: (-len(one[1]), one[0].casefold())))


def board(members: Mapping[str, VisibleEntries]) -> list[tuple[str, str, str]]:
    """List what a team's board may show: the rep's id, for what, in words.

    It is what the manager proposed for it and the rep agreed to, as it stands now. The reward stays off the board: a bonus is
    between two people.
    """
    given = ((rep_id, one) for rep_id, minutes in members.items() for _, one in said(for_board(minutes).entries, Recognition))
    return [(rep_id, one.title, one.text) for rep_id, one in given]
