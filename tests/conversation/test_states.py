"""Tests of reviewlib.conversation.states: states, and who may read what when."""

from __future__ import annotations

from typing import get_args

import pytest
from talk import Talk

from reviewlib.conversation.states import StateName, state_of, visible


def test_the_states_in_their_order() -> None:
    """A review is open, has an answer, the manager's part, is released, signed by one side, closed."""
    talk = Talk()
    names = [state_of(talk.entries).name]
    talk.rep("self_review", perspective="Fine")
    names.append(state_of(talk.entries).name)
    talk.manager("feedback", stance="strength", kpi="revenue", text="Good")
    names.append(state_of(talk.entries).name)
    release = talk.manager("release", snapshot="abc")
    names.append(state_of(talk.entries).name)
    talk.manager("signoff", side="manager", how="agree", name="D", head=release.hash)
    names.append(state_of(talk.entries).name)
    talk.behalf("signoff", side="rep", how="absent", name="D", head=release.hash)
    names.append(state_of(talk.entries).name)
    assert names == list(get_args(StateName))
    assert state_of(talk.entries).snapshot == "abc"
    assert state_of(talk.entries).closed


def test_an_edit_takes_the_place_of_what_it_edits() -> None:
    """The state holds the current answer and release, and its head is the last entry of the chain."""
    talk = Talk()
    first = talk.rep("self_review", perspective="Fine")
    second = talk.edit(first, perspective="Better")
    old = talk.manager("release", snapshot="abc")
    new = talk.edit(old, snapshot="def")
    state = state_of(talk.entries)
    assert state.answer == second
    assert state.release == new
    assert state.snapshot == "def"
    assert state.head is not None
    assert (state.head.sequence, state.head.hash) == (4, new.hash)


@pytest.mark.parametrize("how", ["rep", "imported"])
def test_self_review_and_feedback_are_hidden_until_both_are_in(how: str) -> None:
    """The manager does not read the rep's own self-review before their own feedback is in."""
    talk = Talk()
    answer = getattr(talk, how)("self_review", perspective="Fine")
    assert visible([answer], audience="manager", state=state_of(talk.entries)) == []
    feedback = talk.manager("feedback", stance="strength", kpi="revenue", text="Good")
    assert visible([answer], audience="manager", state=state_of(talk.entries)) == [answer]
    assert visible([feedback], audience="rep", state=state_of(talk.entries)) == []


def test_release_shows_both_sides_everything_that_is_shared() -> None:
    """After release the manager reads the self-review without feedback of their own, the rep all shared words."""
    talk = Talk()
    answer = talk.rep("self_review", perspective="Fine")
    note = talk.manager("note", text="Mine")
    goal = talk.manager("goal", statement="More")
    talk.manager("release", snapshot="abc")
    state = state_of(talk.entries)
    assert answer in visible(talk.entries, audience="manager", state=state)
    shown = visible(talk.entries, audience="rep", state=state)
    assert goal in shown
    assert note not in shown


def test_what_the_manager_wrote_down_the_manager_may_read() -> None:
    """A self-review written in the meeting on the rep's behalf is not hidden from who wrote it."""
    talk = Talk()
    answer = talk.behalf("self_review", perspective="Fine")
    assert visible(talk.entries, audience="manager", state=state_of(talk.entries)) == [answer]
