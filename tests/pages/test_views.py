"""The scorecard's figures as the conversation takes them."""

from __future__ import annotations

import copy
import datetime as dt
from typing import Any

import pages_fixture as made
import pytest

from reviewlib.pages.views import tracks
from reviewlib.review import Review


@pytest.fixture
def review() -> Review:
    return made.opened(made.rep_slice("manager"))


def test_built_in_figures_add_up_by_their_definition(review: Review) -> None:
    """Revenue and new customers are sums; the pipeline of an end of period, a median of money and a share are not."""
    assert {key for key, one in tracks(review).items() if one.adds} == {"revenue", "new_customers"}


def test_a_measure_adds_up_where_params_say_so(demo_slices: dict[tuple[str, str, str], dict[str, Any]]) -> None:
    """Calls are counted, so they add up; satisfaction is a mean, so it does not."""
    found = tracks(made.opened(demo_slices["rep", "R-014", "rep"]))
    assert (found["calls"].adds, found["satisfaction"].adds) == (True, False)


def test_a_measure_of_which_nothing_is_known_is_not_added_up(review: Review) -> None:
    """Where a slice does not say how a measure combines there is no sum rather than a wrong one."""
    found = tracks(review).get("calls")
    assert found is not None
    assert not found.adds


def test_a_track_covers_the_whole_trend() -> None:
    """A period without a row has no figure and a reason, so that no sum passes over it."""
    data = copy.deepcopy(made.rep_slice("manager"))
    place = data["history"]["columns"].index("period")
    first = data["trend"][0]
    data["history"]["data"] = [row for row in data["history"]["data"] if row[place] != first]
    found = tracks(made.opened(data)).get("revenue")
    assert found is not None
    assert (found.points[0].value, found.points[0].reason) == (None, f"the scorecard has none for {first}")


def test_a_track_knows_since_when_its_subject_is_there() -> None:
    """What a newcomer's sum lacks before the first day is not missing."""
    data = copy.deepcopy(made.rep_slice("manager"))
    data["subject"]["started_on"] = "2026-05-04"
    found = tracks(made.opened(data)).get("revenue")
    assert found is not None
    assert found.started == dt.date(2026, 5, 4)


def test_what_the_scorecard_lacks_has_no_track(review: Review) -> None:
    """A figure that was switched off is none."""
    assert tracks(review).get("rubbish") is None
