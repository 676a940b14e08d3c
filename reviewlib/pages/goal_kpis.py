"""The scorecard's figures as the conversation takes them: one track a KPI."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from reviewlib.conversation.goals.kpi import Point, Track
from reviewlib.pages import labels
from reviewlib.pages.views import FigureTable
from reviewlib.review import Review


def track(review: Review, key: str, *, rep_id: str | None = None) -> Track | None:
    """Take a KPI's figures over the trend; None where the scorecard does not have it."""
    return _tracks(review, (key,), rep_id).get(key)


def tracks(review: Review, *, rep_id: str | None = None) -> Mapping[str, Track]:
    """Take the figures of every KPI; of one of a team's reps where ``rep_id`` is given."""
    return _tracks(review, review.kpis, rep_id)


def _tracks(review: Review, keys: Iterable[str], rep_id: str | None) -> Mapping[str, Track]:
    sheet = FigureTable(review, rep_id=rep_id)
    person = review.subject if rep_id is None else review.people.get(rep_id)
    started = person.started_on if person else None
    known = [key for key in keys if key in review.kpis]
    return {key: found for key in known if (found := _track(sheet, key, started=started)) is not None}


def _track(sheet: FigureTable, key: str, *, started: dt.date | None) -> Track | None:
    kpi, now = sheet.review.kpis[key], sheet.figure(key)
    if all(sheet.figure(key, period) is None for period in sheet.review.trend):
        return None
    return Track(
        kpi=key,
        label=kpi.label,
        unit=kpi.unit,
        better="lower" if kpi.better == "lower" else "higher",
        points=tuple(_points(sheet, key)),
        adds=kpi.adds,
        peer_q1=now.peer_q1 if now else None,
        peer_median=now.peer_median if now else None,
        peer_q3=now.peer_q3 if now else None,
        peers=int(now.peers) if now and now.peers else None,
        started=started,
        say=partial(labels.value, unit=kpi.unit, style=sheet.style),
        apart=partial(labels.change, unit=kpi.unit, style=sheet.style),
    )


def _points(sheet: FigureTable, key: str) -> Iterator[Point]:
    for period in sheet.review.trend:
        figure = sheet.figure(key, period)
        if figure is None:
            yield Point(period, None, f"the scorecard has none for {period}")
        else:
            yield Point(period, figure.value, figure.reason if figure.value is None else None, figure.low, figure.high)
