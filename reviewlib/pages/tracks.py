"""The scorecard's figures as the conversation takes them: one track a KPI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

from reviewlib.conversation.track import Point, Track
from reviewlib.pages import labels
from reviewlib.pages.views import Sheet
from reviewlib.review import Review

#: Sums: the figures of single periods add up to that of a longer one.
_ADDING: Final = frozenset({"money", "count"})


def track(review: Review, key: str, *, rep_id: str | None = None) -> Track | None:
    """Take a KPI's figures over the trend; None where the scorecard does not have it."""
    return _track(Sheet(review, rep_id=rep_id), key)


def tracks(review: Review, *, rep_id: str | None = None) -> Mapping[str, Track]:
    """Take the figures of every KPI; of one of a team's reps where ``rep_id`` is given."""
    sheet = Sheet(review, rep_id=rep_id)
    return {key: found for key in review.kpis if (found := _track(sheet, key)) is not None}


def _track(sheet: Sheet, key: str) -> Track | None:
    kpi, now = sheet.review.kpis.get(key), sheet.figure(key)
    points = tuple(_points(sheet, key))
    if kpi is None or not points:
        return None
    return Track(
        kpi=key,
        label=kpi.label,
        unit=kpi.unit,
        better="lower" if kpi.better == "lower" else "higher",
        points=points,
        adds=kpi.judged_by == "exact" and kpi.unit in _ADDING and kpi.group != "Pipeline",
        peer_q1=now.peer_q1 if now else None,
        peer_median=now.peer_median if now else None,
        peer_q3=now.peer_q3 if now else None,
        peers=int(now.peers) if now and now.peers else None,
        say=partial(labels.value, unit=kpi.unit, style=sheet.style),
        apart=partial(labels.change, unit=kpi.unit, style=sheet.style),
    )


def _points(sheet: Sheet, key: str) -> Iterator[Point]:
    for period in sheet.review.trend:
        figure = sheet.figure(key, period)
        if figure is not None:
            yield Point(period, figure.value, figure.reason if figure.value is None else None, figure.low, figure.high)
