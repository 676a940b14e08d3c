"""Tests of reviewlib.conversation.visibility: states, what an audience may read and when, and that nothing else is in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from talk import Talk

from reviewlib.conversation.entries import About, Entry
from reviewlib.conversation.visibility import (
    LOOKED_BACK_AT,
    Reach,
    StateName,
    VisibleEntries,
    for_board,
    state_of,
    take,
    visible,
)
from reviewlib.periods import FiscalYear

PERIODS: Final = ("2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4")


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


def test_an_update_may_name_any_version_of_an_earlier_goal() -> None:
    """An update in the next review that names the first wording belongs to the goal as it is worded now."""
    before, now = Talk(period="2026-Q2"), Talk()
    first = before.manager("goal", statement="One")
    second = before.edit(first, statement="Two")
    update = now.manager("update", of=first.id, status="met")
    minutes = now.minutes("manager", before)
    assert minutes.earlier == (second,)
    assert minutes.on(second, "update") == [update]
    assert minutes.find(first.id) == second
    assert minutes.versions == {second.id: 1}


def test_the_hidden_self_review_is_not_in_the_managers_state_either() -> None:
    """Before it is revealed the manager's minutes tell that an answer is in, and nothing of it."""
    talk = Talk()
    talk.rep("self_review", perspective="canary")
    minutes = talk.minutes()
    assert minutes.state.name == "answer_in"
    assert minutes.withheld == ("self_review",)
    assert minutes.state.answer is None
    assert "canary" not in repr(minutes)


def test_before_release_the_rep_is_not_told_that_the_manager_has_written() -> None:
    """The rep's state before release is that of the rep's own words, without the head of the journal."""
    talk = Talk()
    talk.rep("self_review", perspective="Fine")
    before = talk.minutes("rep")
    talk.manager("feedback", stance="strength", kpi="revenue", text="canary")
    assert talk.minutes("rep") == before
    assert before.state.head is None


def test_what_is_about_something_hidden_is_hidden_over_several_steps() -> None:
    """An update of a private concern, wrongly shared, and the reply to that update stay with the manager."""
    talk = Talk()
    concern = talk.manager("concern", text="one", visibility="manager_only")
    update = talk.manager("update", of=concern.id, status="resolved", note="two")
    talk.manager("reply", of=update.id, text="three")
    talk.manager("release", snapshot="abc")
    assert [entry.kind for entry in talk.minutes("rep").entries] == ["release"]
    assert len(talk.minutes().entries) == 4


def test_what_was_private_first_leaves_no_trace_when_it_is_shared() -> None:
    """A concern shared in its second version comes without the first one's id and without a count of edits."""
    talk = Talk()
    first = talk.manager("concern", text="harsh", visibility="manager_only")
    second = talk.manager("concern", text="mild", supersedes=first.id)
    talk.manager("release", snapshot="abc")
    minutes = talk.minutes("rep")
    assert minutes.entries[0].id == second.id
    assert first.id not in json.dumps(minutes.as_data())
    assert minutes.versions == {}


def test_what_was_shared_first_does_not_come_back_when_it_is_private() -> None:
    """A rating that was made private in its second version is in no version in the rep's copy."""
    talk = Talk()
    first = talk.manager("rating", value=1, label="Low", out_of=5, comment="canary")
    talk.manager("rating", value=2, label="Mid", out_of=5, visibility="manager_only", supersedes=first.id)
    talk.manager("release", snapshot="abc")
    assert "canary" not in json.dumps(talk.minutes("rep").as_data())


@pytest.mark.parametrize(
    ("kind", "fields"), [("concern", {"text": "canary-0"}), ("rating", {"value": 1, "label": "canary-0", "out_of": 5})]
)
@pytest.mark.parametrize("shared_between", [False, True])
def test_what_is_made_private_takes_what_is_about_it_with_it(kind: str, fields: dict[str, Any], shared_between: bool) -> None:
    """Updates, replies and replies to replies on any shared version go when what they are about is made private."""
    before, talk = Talk(period="2026-Q2"), Talk()
    first = before.manager(kind, **fields)
    about = before.edit(first, **fields) if shared_between else first
    said = [talk.behalf("reply", of=first.id, text="canary-1"), talk.manager("reply", of=about.id, text="canary-2")]
    said += [talk.rep("reply", of=one.id, text="canary-3") for one in said]
    if kind == "concern":
        said.append(before.manager("update", of=about.id, status="open", note="canary-4"))
        said.append(talk.manager("reply", of=said[-1].id, text="canary-5"))
    for one in (before, talk):
        one.manager("release", snapshot="abc")
    assert "canary-2" in json.dumps(talk.minutes("rep", before).as_data())
    before.manager(kind, **fields, visibility="manager_only", supersedes=about.id)
    for minutes in (talk.minutes("rep", before), before.minutes("rep")):
        assert "canary" not in json.dumps(minutes.as_data())
        assert not any(entry.id in json.dumps(minutes.as_data()) for entry in (first, about, *said))
    assert "canary-3" in json.dumps(talk.minutes("manager", before).as_data())


def test_entries_that_are_about_each_other_are_read() -> None:
    """A reply that was edited to answer the answer to it does not hang the minutes."""
    talk = Talk()
    concern = talk.manager("concern", text="one")
    first = talk.manager("reply", of=concern.id, text="two")
    other = talk.manager("reply", of=first.id, text="three")
    talk.edit(first, of=other.id)
    talk.manager("release", snapshot="abc")
    assert [entry.kind for entry in talk.minutes("rep").entries] == ["concern", "reply", "reply", "release"]


def test_minutes_survive_json() -> None:
    """What is written as JSON is read back the same, members included."""
    before, talk = Talk(period="2026-Q2"), Talk()
    goal = before.manager("goal", statement="One")
    before.manager("release", snapshot="abc")
    talk.rep("self_review", perspective="Fine")
    talk.manager("update", of=goal.id, status="met")
    release = talk.manager("release", snapshot="abc")
    talk.manager("signoff", side="manager", how="agree", name="D", head=release.hash)
    for audience in ("manager", "rep"):
        minutes = talk.minutes(audience, before, members={"R-9": talk.minutes(audience)})
        assert VisibleEntries.from_data(json.loads(json.dumps(minutes.as_data()))) == minutes


def test_only_ids_of_what_is_shown_are_kept() -> None:
    """Feedback of an earlier review is not looked back at, and its id is not in the minutes."""
    before, now = Talk(period="2026-Q2"), Talk()
    old = before.manager("feedback", stance="strength", kpi="revenue", text="Good")
    goal = before.manager("goal", statement="More")
    assert now.minutes("manager", before).roots == {goal.id: goal.id}
    assert old.id not in json.dumps(now.minutes("manager", before).as_data())


def reading(talk: Talk, reach: Reach | None, *earlier: Talk) -> VisibleEntries:
    """The manager's minutes, as far as who reads them may read."""
    entries = [entry for one in (*earlier, talk) for entry in one.entries]
    return take(entries, talk.about, audience="manager", fiscal=FiscalYear(), reach=reach)


def test_managers_who_do_not_lead_a_rep_read_what_is_released_and_shared() -> None:
    """Before release they are told which parts are in, and after it what the rep reads; nothing else leaves a trace."""
    talk, others = Talk(), Reach(frozenset({"Daniel Brandt", "Lucía Ferrer"}), "North", leading=False)
    talk.rep("self_review", perspective="canary")
    concern = talk.manager("concern", text="canary", visibility="manager_only")
    talk.manager("feedback", stance="strength", kpi="revenue", text="Good")
    talk.manager("reply", of=concern.id, text="canary")
    before = reading(talk, others)
    assert (before.entries, before.state.name, before.withheld) == ((), "feedback_in", ("self_review", "feedback"))
    assert before.state.head is before.state.answer is before.state.feedback is None
    assert "Good" not in json.dumps(before.as_data())
    assert "canary" not in json.dumps(before.as_data())
    talk.manager("release", snapshot="abc")
    after = reading(talk, others)
    assert after.entries == talk.minutes("rep").entries
    assert not any(entry.id in json.dumps(after.as_data()) for entry in talk.entries if entry.visibility == "manager_only")
    assert after.partial
    assert VisibleEntries.from_data(json.loads(json.dumps(after.as_data()))) == after


def test_what_was_kept_from_a_rep_in_another_team_is_not_read_in_the_next() -> None:
    """Neither a private concern of the former team nor what is about it; what was shared there comes along."""
    before, now = Talk(period="2026-Q2"), Talk()
    private = before.manager("concern", text="canary", visibility="manager_only")
    before.manager("update", of=private.id, status="open", note="canary", visibility="manager_only")
    shared = before.manager("concern", text="Load")
    for reach, seen in (
        (None, 3),
        (Reach(frozenset({"Eve"}), "North"), 3),
        (Reach(frozenset({"Eve"}), "South"), 1),
        (Reach(frozenset({"Eve"}), None), 1),
        (Reach(frozenset({"Daniel Brandt"}), "South"), 3),
    ):
        minutes = reading(now, reach, before)
        assert len(minutes.earlier) == seen
        assert shared in minutes.earlier
        assert ("canary" in json.dumps(minutes.as_data())) == (seen == 3)


def board(talk: Talk) -> list[str]:
    return [entry.payload.title for entry in for_board(talk.minutes("rep")).entries]  # type: ignore[attr-defined]


def test_the_board_shows_what_the_rep_agreed_to_show() -> None:
    """A recognition is on the board once it is released, meant for the board and agreed to, and not after an edit."""
    talk = Talk()
    meant = talk.manager("recognition", title="Shown", for_board=True, reward="bonus", reward_text="500 EUR")
    kept = talk.manager("recognition", title="Kept", for_board=False)
    talk.manager("recognition", title="Not answered", for_board=True)
    for entry in (meant, kept):
        talk.behalf("agreement", of=entry.id, agrees=True)
    assert board(talk) == []
    talk.manager("feedback", stance="strength", kpi="revenue", text="canary")
    talk.manager("release", snapshot="abc")
    assert board(talk) == ["Shown"]
    data = json.dumps(for_board(talk.minutes("rep")).as_data())
    assert "500 EUR" not in data
    assert "canary" not in data
    edited = talk.edit(meant, title="Other words")
    assert board(talk) == []
    talk.behalf("agreement", of=edited.id, agrees=True)
    assert board(talk) == ["Other words"]
    talk.behalf("agreement", of=edited.id, agrees=False)
    assert board(talk) == []


def test_taking_minutes_of_long_chains_is_quick() -> None:
    """A thousand entries do not take the square of their number."""
    import time

    talk = Talk()
    for number in range(1500):
        talk.manager("feedback", stance="strength", kpi="revenue", text=str(number))
    started = time.perf_counter()
    assert len(talk.minutes().entries) == 1500
    assert time.perf_counter() - started < 1


#: Fields of each kind that the generated journals use; {} stands for the canary.
SAID: Final[Mapping[str, Mapping[str, Any]]] = {
    "self_review": {"perspective": "{}"},
    "feedback": {"stance": "improve", "behaviour": "b {}", "text": "{}"},
    "feedback_to_manager": {"text": "{}"},
    "concern": {"text": "{}"},
    "dispute": {"kpi": "revenue", "reason": "{}"},
    "action": {"decision": "added", "text": "{}"},
    "goal": {"statement": "{}"},
    "development": {"way": "coaching", "text": "{}"},
    "recognition": {"title": "{}", "for_board": True},
    "rating": {"value": 1, "label": "Low", "out_of": 5, "comment": "{}"},
    "note": {"text": "{}"},
    "release": {"snapshot": "{}"},
    "reply": {"text": "{}"},
    "update": {"status": "open", "note": "{}"},
    "agreement": {"agrees": True, "text": "{}"},
    "resolution": {"outcome": "partly", "text": "{}"},
}
ABOUT_OTHERS: Final = frozenset({"reply", "update", "agreement", "resolution"})
Move = tuple[str, str, str, bool, int, bool]
moves = st.lists(
    st.tuples(
        st.sampled_from(PERIODS),
        st.sampled_from(["rep", "manager", "behalf", "imported"]),
        st.sampled_from(sorted(SAID)),
        st.booleans(),  # kept from the rep
        st.integers(0, 30),  # which earlier entry it is about or edits
        st.booleans(),  # an edit
    ),
    max_size=25,
)


def journal(script: Sequence[Move]) -> list[Entry]:
    """Play a script without asking for rights: whatever stands in a journal, the rep's copy is safe."""
    talks = {period: Talk(period=period) for period in PERIODS}
    written: list[Entry] = []
    for number, (period, who, kind, private, other, edit) in enumerate(script):
        canary = f"canary{number:03}z"
        fields = {name: value.format(canary) if isinstance(value, str) else value for name, value in SAID[kind].items()}
        target = written[other % len(written)] if written else None
        own = [entry for entry in written if entry.kind == kind and entry.about.period == period]
        if kind in ABOUT_OTHERS:
            if target is None or target.about.period > period:
                continue
            fields["of"] = target.id
        visibility = {"visibility": "manager_only"} if private else {}
        supersedes = {"supersedes": own[other % len(own)].id} if edit and own else {}
        written.append(getattr(talks[period], who)(kind, **fields, **visibility, **supersedes))
    return [entry for talk in talks.values() for entry in talk.entries]


def canary(entry: Entry) -> str:
    text = entry.payload.model_dump_json()
    return text[text.index("canary") : text.index("canary") + 10]


def readable(entries: Sequence[Entry]) -> set[str]:
    """The ids that the rep may ever see, told slowly: shared, the rep's own or released, and so is what it is about.

    What something is about counts as it stands now: one version of it that is kept back now keeps back everything on it.
    """
    gone = {entry.supersedes for entry in entries}
    released = {entry.about for entry in entries if entry.kind == "release" and entry.id not in gone}
    first: dict[str, str] = {}
    for entry in entries:
        first[entry.id] = first[entry.supersedes] if entry.supersedes else entry.id
    now: dict[str, set[str]] = {}
    for entry in entries:
        if entry.id not in gone:
            now.setdefault(first[entry.id], set()).add(entry.id)

    def here(entry: Entry) -> bool:
        own = entry.role == "rep" or entry.on_behalf_of is not None
        return entry.visibility == "shared" and (own or entry.about in released)

    may = {entry.id for entry in entries if here(entry)}
    for _ in range(3 * len(entries)):
        may -= {entry.id for entry in entries if not now[first[entry.id]] <= may}
        may -= {entry.id for entry in entries if entry.of and not now[first[entry.of]] | {entry.of} <= may}
    return may


@pytest.mark.default
@settings(max_examples=300)
@given(moves)
def test_the_reps_copy_holds_nothing_that_the_rep_may_not_read(script: list[Move]) -> None:
    """No text, id or trace of what is private, unreleased or superseded is in the rep's minutes; what may be read is."""
    entries = journal(script)
    allowed = readable(entries)
    gone = {entry.supersedes for entry in entries}
    about = About("rep", "R-014", "2026-Q3")
    text = json.dumps(take(entries, about, audience="rep", fiscal=FiscalYear()).as_data(), ensure_ascii=False)
    for entry in entries:
        now = entry.about == about
        earlier = entry.about.period < about.period
        shown = entry.id in allowed and entry.id not in gone and (now or (earlier and entry.kind in LOOKED_BACK_AT))
        assert (canary(entry) in text) == shown, entry
        if entry.id not in allowed or not (now or earlier):
            assert f'"{entry.id}"' not in text, entry


@given(moves)
def test_the_board_holds_nothing_but_recognitions_that_were_agreed_to(script: list[Move]) -> None:
    """Whatever stands in a rep's journal, the team's board shows released recognitions with the rep's yes."""
    entries = journal(script)
    about = About("rep", "R-014", "2026-Q3")
    own = take(entries, about, audience="rep", fiscal=FiscalYear())
    text = json.dumps(for_board(own).as_data())
    agreed = {entry.of for entry in entries if entry.kind == "agreement"}
    for entry in entries:
        if entry.kind != "recognition" or entry.id not in agreed or entry.visibility == "manager_only":
            assert canary(entry) not in text


@pytest.mark.parametrize("later", ["2026-Q4", "2026-H2"])
def test_later_reviews_are_not_looked_at(later: str) -> None:
    """A review that ends after this one starts is no earlier one."""
    talk, after = Talk(), Talk(period=later)
    after.manager("goal", statement="canary")
    after.manager("release", snapshot="abc")
    entries = [*talk.entries, *after.entries]
    for audience in ("manager", "rep"):
        minutes = take(entries, talk.about, audience=audience, fiscal=FiscalYear())  # type: ignore[arg-type]
        assert "canary" not in json.dumps(minutes.as_data())
