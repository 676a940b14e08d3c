"""Tests of reviewlib.conversation.rights: who may write what, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, get_args

import pytest
from talk import ADDED, Talk

from reviewlib.conversation.entries import Draft, Entry, Person
from reviewlib.conversation.kinds import KINDS
from reviewlib.conversation.kinds.record import Payload
from reviewlib.conversation.rights import WritingContext, refusal
from reviewlib.conversation.visibility import StateName
from reviewlib.errors import JournalError, NotAllowedError
from reviewlib.evidence.subjects import Subject
from reviewlib.periods import FiscalYear

STATES: Final = get_args(StateName)
REP: Final = Subject(
    "rep", "R-014", "Amara Okafor", "North", "Daniel Brandt", "north", "amara", None, None, "not_available", None
)
TEAM: Final = replace(
    REP,
    kind="team",
    id="North",
    name="North",
    manager="Daniel Brandt, Lucía Ferrer",
    managers=("Daniel Brandt", "Lucía Ferrer"),
)
DAN: Final = Person("dbrandt", "manager", "Daniel Brandt")
LUCIA: Final = Person("lucia", "manager", "Lucía Ferrer")
ANA: Final = Person("ana", "analyst", "ana")
AMARA: Final = Person("aokafor", "rep", "Amara Okafor", "R-014")
OTHER: Final = Person("ella", "rep", "R-001", "R-001")
ZOE: Final = Person("zoe", None, "zoe")
SOURCE: Final = "5f" * 32
#: Who writes: the person, on the rep's behalf or not, from a file or not.
WAYS: Final[Mapping[str, tuple[Person, bool, str | None]]] = {
    "manager": (DAN, False, None),
    "behalf": (DAN, True, None),
    "manager imports": (DAN, True, SOURCE),
    "analyst": (ANA, False, None),
    "analyst behalf": (ANA, True, None),
    "analyst imports": (ANA, True, SOURCE),
    "rep": (AMARA, False, None),
    "rep behalf": (AMARA, True, None),
    "other manager": (LUCIA, False, None),
    "other manager imports": (LUCIA, True, SOURCE),
    "other rep": (OTHER, False, None),
    "nobody": (ZOE, False, None),
    "nobody imports": (ZOE, True, SOURCE),
}
_REPS: Final = {"behalf", "manager imports", "analyst imports", "rep"}
_BOTH: Final = _REPS | {"manager"}
#: Whose word each kind may be, written out.
WORD: Final[Mapping[str, set[str]]] = {
    "self_review": _REPS,
    "feedback": {"manager"},
    "feedback_to_manager": _REPS,
    "reply": _BOTH,
    "concern": _BOTH,
    "dispute": _REPS,
    "resolution": {"manager", "analyst"},
    "action": {"manager"},
    "goal": _BOTH,
    "milestone": _BOTH,
    "development": _BOTH,
    "update": _BOTH,
    "recognition": {"manager"},
    "agreement": _REPS,
    "rating": {"manager"},
    "note": {"manager", "analyst"},
    "release": {"manager"},
    "signoff": _BOTH,
    "amendment": _BOTH,
    "seal": set(),
    "erasure": {"manager", "analyst"},
}
#: What each state takes, written out: f before release, r after, s after one signature, c after both.
WHEN: Final[Mapping[str, str]] = {
    "self_review": "frs",
    "feedback": "fr",
    "feedback_to_manager": "frs",
    "reply": "frs",
    "concern": "frs",
    "dispute": "frs",
    "resolution": "frs",
    "action": "fr",
    "goal": "fr",
    "milestone": "fr",
    "development": "fr",
    "update": "fr",
    "recognition": "fr",
    "agreement": "frs",
    "rating": "fr",
    "note": "frs",
    "release": "fr",
    "signoff": "rs",
    "amendment": "c",
    "seal": "",
    "erasure": "frsc",
}
LETTER: Final = {"open": "f", "answer_in": "f", "feedback_in": "f", "released": "r", "signed": "s", "closed": "c"}


def talk_in(state: str) -> Talk:
    """A review that has come to a state."""
    talk, steps = Talk(), list(STATES).index(state)
    turns = (
        lambda: talk.rep("self_review", perspective="Fine"),
        lambda: talk.manager("feedback", stance="strength", kpi="revenue", text="Good"),
        lambda: talk.manager("release", snapshot="abc"),
        lambda: talk.manager("signoff", side="manager", how="agree", name="D", head=talk.entries[-1].hash),
        lambda: talk.behalf("signoff", side="rep", how="agree", name="A", head=talk.entries[-1].hash),
    )
    for turn in turns[:steps]:
        turn()
    return talk


def context_of(*talks: Talk, subject: Subject = REP) -> WritingContext:
    """The context of the last talk; those before are of earlier reviews."""
    entries = [entry for talk in talks for entry in talk.entries]
    return WritingContext(talks[-1].about, subject, entries, FiscalYear(), "book.yaml")


def attempt(
    person: Person, kind: str, fields: Mapping[str, Any] | None = None, *, on_behalf: bool = False, **more: Any
) -> Draft:
    """What somebody wants to write; without fields the question is whether they may at all."""
    payload = KINDS[kind].model(**fields) if fields is not None else Payload()
    private = {"visibility": "manager_only"} if KINDS[kind].private == "always" else {}
    return Draft(Talk().about, REP.team, kind, payload, person, REP.id if on_behalf else None, **(private | more))


def said(
    person: Person, context: WritingContext, kind: str, fields: Mapping[str, Any] | None = None, **more: Any
) -> str | None:
    """The refusal in words."""
    found = refusal(context, attempt(person, kind, fields, **more))
    return f"{found.what} {found.do}" if found else None


def check_write(context: WritingContext, draft: Draft) -> None:
    """Raise what is refused."""
    if found := refusal(context, draft):
        raise found


def test_the_tables_of_this_test_are_complete() -> None:
    """Every kind and state stands in the tables."""
    assert set(WORD) == set(WHEN) == set(KINDS) - set(ADDED)
    assert set(LETTER) == set(STATES)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("kind", WORD)
def test_who_may_write_what_when(kind: str, state: str) -> None:
    """Each kind is taken from those whose word it may be, in the states that take it, and from nobody else."""
    context = context_of(talk_in(state))
    for way, (person, on_behalf, source) in WAYS.items():
        allowed = way in WORD[kind] and LETTER[state] in WHEN[kind]
        found = said(person, context, kind, on_behalf=on_behalf, source=source)
        assert (found is None) == allowed, (way, found)


@pytest.mark.parametrize("way", WAYS)
def test_rights_for_a_team(way: str) -> None:
    """Any manager of a team's reps writes for the team; a rep does not."""
    person, on_behalf, source = WAYS[way]
    context = context_of(Talk(subject="North", kind="team"), subject=TEAM)
    expected = way in {"manager", "behalf", "manager imports", "analyst imports", "other manager", "other manager imports"}
    kind = "reply"
    assert (said(person, context, kind, on_behalf=on_behalf, source=source) is None) == expected


@pytest.mark.parametrize(
    ("person", "kind", "more", "words"),
    [
        (ZOE, "note", {}, ["zoe has no role in book.yaml", "people:", "roles: {zoe: manager}"]),
        (LUCIA, "feedback", {}, ["Lucía Ferrer is not the manager of Amara Okafor", "Ask Daniel Brandt"]),
        (DAN, "self_review", {}, ["the word of Amara Okafor", "on_behalf=True"]),
        (DAN, "feedback", {"on_behalf": True}, ["the manager’s word", "without on_behalf"]),
        (ANA, "feedback", {}, ["an analyst resolves disputes", "Ask Daniel Brandt"]),
        (ANA, "self_review", {"on_behalf": True}, ["An analyst imports", "import-response"]),
        (AMARA, "rating", {}, ["the manager’s word", "reply or a concern"]),
        (OTHER, "self_review", {}, ["in their own review only"]),
        (DAN, "signoff", {}, ["not released yet", "Release it first"]),
        (DAN, "amendment", {}, ["both sides have signed"]),
        (DAN, "feedback", {"visibility": "manager_only"}, ["cannot be kept from the rep", "write a note"]),
        (DAN, "concern", {"visibility": "manager_only", "on_behalf": True}, ["never kept from the rep"]),
    ],
)
def test_refusals_say_why_and_what_to_do(person: Person, kind: str, more: dict[str, Any], words: list[str]) -> None:
    """A refusal names the reason and the next step."""
    found = said(person, context_of(Talk()), kind, **more) or ""
    assert [word for word in words if word not in found] == []


def test_a_closed_review_says_when_it_was_signed() -> None:
    """After both signatures the reason is their date, and the way on is an amendment."""
    found = said(DAN, context_of(talk_in("closed")), "goal") or ""
    assert found.startswith("This review is signed by both on 2026-10-1")
    assert "amendment" in found


@pytest.mark.parametrize(
    ("kind", "private", "allowed"),
    [("concern", True, True), ("rating", True, True), ("goal", True, False), ("reply", True, False), ("note", False, False)],
)
def test_what_may_be_kept_from_the_rep(kind: str, private: bool, allowed: bool) -> None:
    """Only concerns, ratings and notes may be, and a note always is."""
    visibility = "manager_only" if private else "shared"
    assert (said(DAN, context_of(Talk()), kind, visibility=visibility) is None) == allowed


@pytest.mark.parametrize(("visibility", "allowed"), [("shared", False), ("manager_only", True)])
def test_what_is_about_a_private_entry_is_private(visibility: str, allowed: bool) -> None:
    """An update of a concern that is kept from the rep is kept from the rep."""
    talk = Talk()
    concern = talk.manager("concern", text="Quiet", visibility="manager_only")
    fields = {"of": concern.id, "status": "resolved"}
    assert (said(DAN, context_of(talk), "update", fields, visibility=visibility) is None) == allowed
    assert said(DAN, context_of(talk), "reply", {"of": concern.id, "text": "x"}, on_behalf=True) is not None


PRIVATE_LATER: Final = [("concern", {"text": "I promise a hire"}), ("rating", {"value": 4, "label": "Strong", "out_of": 5})]


@pytest.mark.parametrize(("kind", "fields"), PRIVATE_LATER)
def test_what_the_rep_has_read_is_not_made_private(kind: str, fields: dict[str, Any]) -> None:
    """Until release a shared entry may be kept from the rep; since then only what was kept from them before."""
    talk = Talk()
    shared = talk.manager(kind, **fields)
    kept = talk.manager("concern", text="Quiet", visibility="manager_only")
    hide = {"visibility": "manager_only"}
    assert said(DAN, context_of(talk), kind, fields, supersedes=shared.id, **hide) is None
    talk.manager("release", snapshot="abc")
    assert "reads this since the review was released" in (
        said(DAN, context_of(talk), kind, fields, supersedes=shared.id, **hide) or ""
    )
    assert said(DAN, context_of(talk), kind, fields, supersedes=shared.id) is None
    assert said(DAN, context_of(talk), "concern", {"text": "Still"}, supersedes=kept.id, **hide) is None


def test_what_the_rep_reads_does_not_vanish_behind_something_private() -> None:
    """An update that the rep reads is not moved to a private concern; one that stands on such a concern is edited there."""
    talk = Talk()
    private = talk.manager("concern", text="Quiet", visibility="manager_only")
    shared = talk.manager("concern", text="Load")
    was_shared = talk.manager("concern", text="Was shared")
    open_update = talk.manager("update", of=shared.id, status="open")
    hidden_update = talk.manager("update", of=was_shared.id, status="open")
    talk.manager("concern", text="Kept now", visibility="manager_only", supersedes=was_shared.id)
    talk.manager("release", snapshot="abc")
    cases = ((open_update, private, False), (hidden_update, was_shared, True))
    for old, target, allowed in cases:
        fields = {"of": target.id, "status": "open", "note": "x"}
        found = said(DAN, context_of(talk), "update", fields, supersedes=old.id, visibility="manager_only")
        assert (found is None) == allowed, found


def two_reviews() -> tuple[Talk, Talk, dict[str, Entry]]:
    """An earlier review and this one, with something of each kind that is followed up."""
    before, now = Talk(period="2026-Q2"), Talk()
    goal = before.manager("goal", statement="More")
    found = {
        "goal": goal,
        "milestone": before.manager("milestone", of=goal.id, text="First"),
        "action": now.manager("action", decision="added", text="Call"),
        "dismissed": now.manager("action", decision="dismissed", recommended="Call", reason="No"),
        "development": now.manager("development", way="coaching", text="Listen"),
        "concern": now.rep("concern", text="Load"),
        "feedback": now.manager("feedback", stance="strength", kpi="revenue", text="Good"),
        "dispute": now.rep("dispute", kpi="revenue", reason="Twice"),
    }
    return before, now, found


@pytest.mark.parametrize(
    ("target", "status", "field"),
    [
        ("goal", "met", None),
        ("goal", "open", None),
        ("goal", "done", "status"),
        ("milestone", "done", None),
        ("action", "dropped", None),
        ("action", "met", "status"),
        ("dismissed", "done", "of"),
        ("development", "booked", None),
        ("development", "open", "status"),
        ("concern", "resolved", None),
        ("feedback", "done", "of"),
        ("dispute", "done", "of"),
    ],
)
def test_an_update_says_what_can_become_of_its_kind(target: str, status: str, field: str | None) -> None:
    """Statuses are those of the kind; what is not followed up takes no update; the error names the field."""
    before, now, found = two_reviews()
    wanted = attempt(DAN, "update", {"of": found[target].id, "status": status})
    if field is None:
        check_write(context_of(before, now), wanted)
    else:
        with pytest.raises(JournalError) as caught:
            check_write(context_of(before, now), wanted)
        assert list(caught.value.problems) == [field]


def test_after_an_end_comes_nothing_but_taking_it_back() -> None:
    """A goal that was met takes no other update, in any version of it; the update itself can be edited."""
    before, now, found = two_reviews()
    edited = before.edit(found["goal"], statement="Even more")
    end = now.manager("update", of=edited.id, status="met")
    again = {"of": found["goal"].id, "status": "open"}
    assert "ended on 2026-10-" in (said(DAN, context_of(before, now), "update", again) or "")
    assert said(DAN, context_of(before, now), "update", again, supersedes=end.id) is None
    now.edit(end, status="open")
    assert said(DAN, context_of(before, now), "update", again) is None


def test_a_dispute_is_resolved_once() -> None:
    """A second resolution must be an edit of the first."""
    before, now, found = two_reviews()
    fields = {"of": found["dispute"].id, "outcome": "partly", "text": "Half"}
    assert said(ANA, context_of(before, now), "resolution", fields) is None
    first = now.manager("resolution", **fields)
    assert said(DAN, context_of(before, now), "resolution", fields) is not None
    assert said(DAN, context_of(before, now), "resolution", fields, supersedes=first.id) is None


def test_nobody_writes_about_what_is_not_there_for_them() -> None:
    """An id that does not exist, one of a later review and one that may not be read are refused with the same words."""
    later, now = Talk(period="2026-Q4"), Talk()
    tomorrow = later.manager("goal", statement="Later")
    hidden = now.rep("self_review", perspective="Mine")
    unreleased = now.manager("goal", statement="More")
    note = now.manager("concern", text="Quiet", visibility="manager_only")
    context = context_of(later, now)
    cases = ((DAN, "no-such-id"), (DAN, tomorrow.id), (DAN, hidden.id), (AMARA, unreleased.id), (AMARA, note.id))
    found = {said(person, context, "reply", {"of": of, "text": "x"}) for person, of in cases}
    assert found == {"There is no such entry to write about. Choose one of this review or an earlier one."}


def test_the_rep_says_in_the_meeting_what_the_manager_writes_down() -> None:
    """On the rep's behalf the manager records agreement to a goal that is not released yet."""
    talk = Talk()
    goal = talk.manager("goal", statement="More")
    assert said(DAN, context_of(talk), "agreement", {"of": goal.id, "agrees": True}, on_behalf=True) is None


@pytest.mark.parametrize(
    ("written", "kind", "person", "more", "allowed"),
    [
        ("manager", "goal", DAN, {}, True),
        ("manager", "goal", DAN, {"on_behalf": True}, False),
        ("manager", "goal", AMARA, {}, False),
        ("behalf", "goal", DAN, {"on_behalf": True}, True),
        ("behalf", "goal", DAN, {}, False),
        ("behalf", "goal", AMARA, {}, True),
        ("rep", "goal", AMARA, {}, True),
        ("rep", "goal", DAN, {"on_behalf": True}, False),
        ("rep", "goal", DAN, {"on_behalf": True, "source": SOURCE}, True),
        ("imported", "goal", DAN, {"on_behalf": True}, False),
        ("imported", "goal", ANA, {"on_behalf": True, "source": SOURCE}, True),
        ("manager", "concern", DAN, {}, False),
    ],
)
def test_whose_words_somebody_may_edit(written: str, kind: str, person: Person, more: dict[str, Any], allowed: bool) -> None:
    """An edit keeps kind and side, and what the rep said themselves is edited by the rep or by their next answer."""
    talk = Talk()
    old = getattr(talk, written)("goal", statement="More")
    talk.manager("release", snapshot="abc")
    assert (said(person, context_of(talk), kind, supersedes=old.id, **more) is None) == allowed


def test_an_entry_of_another_review_is_not_edited_here() -> None:
    """What becomes of an earlier goal is an update, not an edit."""
    before, now, found = two_reviews()
    assert "no such entry to edit" in (said(DAN, context_of(before, now), "goal", supersedes=found["goal"].id) or "")


def test_what_was_signed_is_not_edited_and_what_came_after_is() -> None:
    """After the first signature a reply from before stands; one from after can be corrected, and so can the signature."""
    talk = talk_in("released")
    old = talk.manager("reply", of=talk.entries[1].id, text="Before")
    mine = talk.manager("signoff", side="manager", how="agree", name="D", head=old.hash)
    new = talk.manager("reply", of=talk.entries[1].id, text="After")
    context = context_of(talk)
    assert "signed by the manager" in (said(DAN, context, "reply", supersedes=old.id) or "")
    assert said(DAN, context, "reply", supersedes=new.id) is None
    assert said(DAN, context, "signoff", supersedes=mine.id) is None


def signing(person: Person, talk: Talk, head: str, side: str, **more: Any) -> str | None:
    return said(person, context_of(talk), "signoff", {"side": side, "how": "agree", "name": "N", "head": head}, **more)


@pytest.mark.parametrize(
    ("person", "side", "on_behalf", "allowed"),
    [
        (DAN, "manager", False, True),
        (DAN, "rep", False, False),
        (DAN, "rep", True, True),
        (DAN, "manager", True, False),
        (AMARA, "rep", False, True),
        (AMARA, "manager", False, False),
    ],
)
def test_a_signature_is_that_of_who_signs(person: Person, side: str, on_behalf: bool, allowed: bool) -> None:
    """The rep never signs as the manager, and the manager as the rep only marked so."""
    talk = talk_in("released")
    assert (signing(person, talk, talk.entries[-1].hash, side, on_behalf=on_behalf) is None) == allowed


def test_a_signature_is_under_what_was_read() -> None:
    """A head from before the release, an unknown one, and one before the other side's changes are refused."""
    talk = talk_in("released")
    read = talk.entries[-1].hash
    assert signing(AMARA, talk, talk.entries[0].hash, "rep") is not None
    assert signing(AMARA, talk, "made up", "rep") is not None
    talk.rep("reply", of=talk.entries[1].id, text="My own words change nothing")
    talk.manager("note", text="What I do not read changes nothing")
    talk.manager("signoff", side="manager", how="agree", name="D", head=read)
    assert signing(AMARA, talk, read, "rep") is None
    talk.manager("goal", statement="Slipped in")
    assert "has changed something" in (signing(AMARA, talk, read, "rep") or "")
    assert signing(AMARA, talk, talk.entries[-1].hash, "rep") is None


@pytest.mark.parametrize(("kind", "fields"), PRIVATE_LATER)
def test_a_signature_is_not_for_what_was_taken_away(kind: str, fields: dict[str, Any]) -> None:
    """Where a shared entry was made private since it was read, the rep’s signature is refused; private to private is none."""
    talk = Talk()
    shared = talk.manager(kind, **fields)
    kept = talk.manager("concern", text="Quiet", visibility="manager_only")
    read = talk.manager("release", snapshot="abc").hash
    talk.manager("concern", text="Quieter", visibility="manager_only", supersedes=kept.id)
    assert signing(AMARA, talk, read, "rep") is None
    talk.manager(kind, **fields, visibility="manager_only", supersedes=shared.id)
    assert "has changed something" in (signing(AMARA, talk, read, "rep") or "")
    assert signing(DAN, talk, read, "manager") is None
    assert signing(AMARA, talk, talk.entries[-1].hash, "rep") is None


def test_the_errors_tell_rights_from_wrong_references() -> None:
    """Who may not write gets NotAllowedError with where; a wrong field gets JournalError with the field."""
    with pytest.raises(NotAllowedError, match="no role") as caught:
        check_write(context_of(Talk()), attempt(ZOE, "note"))
    assert caught.value.where == "rep R-014, 2026-Q3"
    with pytest.raises(JournalError) as wrong:
        check_write(context_of(Talk()), attempt(DAN, "reply", {"of": "nothing", "text": "x"}))
    assert list(wrong.value.problems) == ["of"]
