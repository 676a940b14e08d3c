"""Tests of reviewlib.conversation.records, .copies and .payloads: the one way to the journal."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from records_fixture import PEOPLE, REPS, as_login, freeze_names, talking
from workbooks import changed

from reviewlib.conversation import copies, records, upkeep
from reviewlib.conversation.entries import About, Entry, Head
from reviewlib.conversation.journal import Journal, MovedError, open_journal
from reviewlib.conversation.records import New, Records
from reviewlib.conversation.visibility import VisibleEntries
from reviewlib.errors import ConflictError, JournalError, NotAllowedError, SnapshotError, SubjectError
from reviewlib.evidence import slicefile
from reviewlib.params import reading
from reviewlib.params.model import Params
from reviewlib.periods import Period

SOURCE = "5f" * 32
PERIOD = Period.parse("2026-Q3")
GOOD = {"stance": "strength", "kpi": "win_rate", "text": "Good"}


@pytest.fixture
def params(tmp_path: Path) -> Params:
    return talking(tmp_path)


@pytest.fixture
def dan(params: Params) -> Records:
    return as_login(params, "dan")


@pytest.fixture
def ella(params: Params) -> Records:
    return as_login(params, "ella")


def journal(params: Params) -> list[Any]:
    store = open_journal(params)
    if store is None:
        return []
    with store:
        return store.entries()


def lay_out(params: Params) -> list[Path]:
    """Write what the reps may read, as a freeze does."""
    everyone = as_login(params, "ana").everyone
    store = open_journal(params)
    try:
        return copies.write_rep_minutes(params, PERIOD, everyone, store)
    finally:
        if store:
            store.close()


def test_what_is_written_is_read_back(params: Params, dan: Records) -> None:
    """An entry carries who wrote it, in which role, for which team, and is in the minutes at once."""
    entry = dan.write("feedback", **GOOD)
    assert dan.minutes().entries == (entry,)
    assert (entry.author, entry.author_name, entry.role, entry.team) == ("dan", "Daniel Brandt", "manager", "North")
    assert (entry.side, entry.on_behalf_of) == ("manager", None)


def test_the_reps_word_in_the_meeting_is_marked(dan: Records, ella: Records) -> None:
    """What a manager writes on the rep's behalf names the rep; what the rep writes carries their name."""
    entry = dan.write("concern", text="Load", on_behalf=True)
    assert (entry.side, entry.on_behalf_of, entry.role) == ("rep", "R-1", "manager")
    own = ella.write("concern", text="Load")
    assert (own.author_name, own.side, own.on_behalf_of) == ("Ella Byrne", "rep", None)


def test_before_anything_is_written_there_is_no_journal(params: Params, dan: Records) -> None:
    """Reading and asking make no file; a refused entry makes none either."""
    assert dan.minutes().entries == ()
    assert dan.may("goal") is None
    with pytest.raises(NotAllowedError):
        as_login(params, "zoe").write("note", text="x")
    with pytest.raises(JournalError):
        dan.write("goal", statement="")
    assert dan.write_all([]) == []
    assert not (params.reports / "journal.db").exists()


@pytest.mark.parametrize(
    ("kind", "fields", "problems"),
    [
        ("feedback", {"stance": "meh", "text": " ", "kpi": "x"}, {"stance", "text"}),
        ("feedback", {"stance": "strength", "text": "x"}, {""}),
        ("feedback", GOOD | {"colour": "red"}, {"colour"}),
        ("feedback", {}, {"stance", "text"}),
        ("goal", {"statement": "x" * 20_001}, {"statement"}),
        ("goal", {"statement": "x", "due": "tomorrow"}, {"due"}),
        ("goal", {"statement": "x", "target": float("nan")}, {"target"}),
        ("goal", {"statement": "x", "target": "many"}, {"target"}),
        ("goal", {"statement": 7}, {"statement"}),
        ("goal", {"statement": "bell \a"}, {"statement"}),
        ("rating", {"value": 6}, {"value"}),
        ("rating", {"value": 0}, {"value"}),
        ("rating", {}, {"value"}),
        ("rating", {"value": 2, "label": "Outstanding"}, {"label"}),
        ("rating", {"value": 2, "out_of": 7}, {"out_of"}),
        ("update", {"of": "nothing", "status": "met"}, {"of"}),
        ("self_review", {"perspective": ""}, {""}),
    ],
)
def test_a_wrong_field_is_named_with_the_reason(dan: Records, kind: str, fields: dict[str, Any], problems: set[str]) -> None:
    """Every field that is wrong has its reason, and none of the library's own words reaches the reader."""
    with pytest.raises(JournalError) as caught:
        dan.write(kind, on_behalf=kind == "self_review", **fields)
    assert set(caught.value.problems) == problems
    assert "pydantic" not in str(caught.value)
    assert "Value error" not in str(caught.value)
    assert "Input should" not in str(caught.value)


@pytest.mark.parametrize("field", ["value", "out_of"])
def test_yes_is_no_rating(dan: Records, field: str) -> None:
    """Python takes True for 1; a rating does not."""
    with pytest.raises(JournalError) as caught:
        dan.write("rating", **{"value": 2, field: True})
    assert caught.value.problems == {field: "is not a number"}


def test_an_empty_text_is_not_told_of_lists(dan: Records) -> None:
    """Which entry is meant is one text, and nothing is said of brackets."""
    with pytest.raises(JournalError) as caught:
        dan.write("update", of="", status="met")
    assert caught.value.problems == {"of": "is empty; fill it in"}


def test_too_long_a_text_is_said_in_characters(dan: Records) -> None:
    """Nothing is said of items or of validation."""
    with pytest.raises(JournalError) as caught:
        dan.write("note", text="x" * 20_001)
    assert caught.value.problems == {"text": "is too long; write at most 20000 characters"}


@pytest.mark.parametrize(
    "columns",
    [
        {"id": 5},
        {"id": None},
        {"id": ["x"]},
        {"id": "x" * 301},
        {"supersedes": 5},
        {"visibility": "secret"},
        {"visibility": []},
    ],
)
def test_ids_and_readers_of_another_kind_are_refused_in_words(dan: Records, columns: dict[str, Any]) -> None:
    """What cannot be an id, or says nothing of who may read, is an error that says what to write."""
    with pytest.raises(JournalError) as caught:
        dan.write("note", text="x", **columns)
    assert caught.value.do


@pytest.mark.parametrize("kind", [5, None, ["note"]])
def test_a_kind_is_a_name(dan: Records, kind: Any) -> None:
    """Whatever else stands there is no kind."""
    with pytest.raises(JournalError, match="no such kind"):
        dan.write(kind, text="x")


def test_only_an_import_names_a_source(params: Params, dan: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    """A manager cannot pass words of their own off as a file that the rep sent."""
    monkeypatch.setenv("JUPYTERHUB_USER", "dan")
    for write in (dan.write, partial(records.write, Opened(dan.about, params.path))):
        with pytest.raises(JournalError) as caught:
            write("self_review", on_behalf=True, perspective="Invented", source=SOURCE)
        assert set(caught.value.problems) == {"source"}
    assert journal(params) == []


def slice_of(dan: Records, snapshot: str, *keys: str) -> None:
    """Freeze the figures that a review has."""
    path = dan.params.reports / "snapshots" / snapshot / "north" / slicefile.slice_name("rep", "R-1", "manager")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"audience": "manager", "kpis": [{"key": key} for key in keys]}), encoding="utf-8")


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("feedback", {"stance": "strength", "text": "x"}),
        ("goal", {"statement": "x"}),
        ("dispute", {"reason": "x"}),
        ("action", {"decision": "added", "text": "x"}),
        ("development", {"way": "coaching", "text": "x"}),
    ],
)
def test_a_figure_is_one_that_the_review_has(dan: Records, kind: str, fields: dict[str, Any]) -> None:
    """A key that the evidence does not know is named with the nearest; what stands may still be edited."""
    behalf = kind == "dispute"
    old = dan.write(kind, on_behalf=behalf, kpi="win_rates", **fields)
    slice_of(dan, "of-2026-Q3", "win_rate", "revenue")
    with pytest.raises(JournalError) as caught:
        dan.write(kind, on_behalf=behalf, kpi="win_rat", **fields)
    assert caught.value.problems == {"kpi": "is no figure of this review; did you mean win_rate?"}
    dan.write(kind, on_behalf=behalf, kpi="revenue", **fields)
    dan.write(kind, on_behalf=behalf, kpi="win_rates", supersedes=old.id, **fields)


def test_a_figure_is_not_taken_where_damaged_evidence_cannot_tell(params: Params, dan: Records) -> None:
    """Where the evidence cannot be read, any key might be misspelt: what is wrong is said, and nothing is written."""
    dan.write("feedback", **GOOD)
    slice_of(dan, "of-2026-Q3", "win_rate")
    (path,) = params.reports.glob("snapshots/*/north/*.json")
    path.write_text(path.read_text(encoding="utf-8")[:-9], encoding="utf-8")
    with pytest.raises(SnapshotError, match="damaged") as caught:
        dan.write("feedback", **GOOD | {"kpi": "win_rat"})
    assert "Restore it from a backup" in str(caught.value)
    assert len(journal(params)) == 1


def test_a_figure_is_not_taken_where_a_released_reviews_evidence_is_gone(params: Params, dan: Records) -> None:
    """Evidence that is gone is not evidence that never was."""
    dan.write("release")
    shutil.rmtree(params.reports / "snapshots" / "of-2026-Q3")
    with pytest.raises(SnapshotError, match="is not there"):
        dan.write("feedback", **GOOD)
    assert len(journal(params)) == 1


@pytest.mark.parametrize("given", [{}, {"snapshot": None}, {"snapshot": "of-2026-Q3"}])
def test_a_release_is_on_the_evidence_of_its_period(dan: Records, given: dict[str, Any]) -> None:
    """The snapshot is filled in, or is the one that the period uses."""
    assert dan.write("release", **given).payload.snapshot == "of-2026-Q3"  # type: ignore[attr-defined]


def test_a_release_on_other_evidence_is_refused(params: Params, dan: Records) -> None:
    """A made-up snapshot and that of another period leave the review open."""
    freeze_names(params, "2026-Q2")
    for snapshot in ("nonsense", "of-2026-Q2", 7):
        with pytest.raises(JournalError) as caught:
            dan.write("release", snapshot=snapshot)
        assert "of-2026-Q3" in caught.value.problems["snapshot"]
    assert journal(params) == []


def between(monkeypatch: pytest.MonkeyPatch, *writes: Callable[[], object]) -> None:
    """Let others write after the rules were asked and before what they let pass is stored."""
    append, left = Journal.append_all, list(writes)

    def late(self: Journal, drafts: Any, **more: Any) -> list[Entry]:
        now, left[:] = left[:], []
        for write in now:
            write()
        return append(self, drafts, **more)

    monkeypatch.setattr(Journal, "append_all", late)


def test_nothing_comes_into_a_review_that_was_closed_meanwhile(dan: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    """Feedback that was checked before both signatures and stored after them is refused."""
    dan.write("release")
    sign = partial(dan.write, "signoff", how="agree", name="x")
    between(monkeypatch, partial(sign, on_behalf=True), sign)
    with pytest.raises(NotAllowedError, match="signed by both"):
        dan.write("feedback", **GOOD)
    assert [entry.kind for entry in journal(dan.params)] == ["release", "signoff", "signoff"]


def test_a_signature_is_not_for_what_came_after_it(dan: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    """Feedback that is edited while the rep signs is not signed; what the signing side wrote itself does not matter."""
    first = dan.write("feedback", **GOOD)
    read = dan.write("release").hash
    between(monkeypatch, partial(dan.write, "feedback", **GOOD | {"text": "Not read"}, supersedes=first.id))
    with pytest.raises(JournalError, match="changed something since"):
        dan.write("signoff", how="agree", name="Ella", on_behalf=True)
    read = journal(dan.params)[-1].hash
    between(monkeypatch, partial(dan.write, "concern", text="Load", on_behalf=True))
    signed = dan.write("signoff", how="agree", name="Ella", on_behalf=True)
    assert signed.payload.head == read  # type: ignore[attr-defined]
    assert signed.sequence == 5


def test_others_who_write_at_once_do_not_stop_a_save(dan: Records, ella: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the rules still let pass is stored after what came in between."""
    between(monkeypatch, partial(ella.write, "concern", text="Mine"))
    assert dan.write("feedback", **GOOD).sequence == 2


def test_a_save_that_others_always_overtake_ends(dan: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried some times, then refused; nothing is stored."""
    tried = []

    def moved(self: Journal, drafts: Any, **more: Any) -> list[Entry]:
        tried.append(drafts)
        raise MovedError("Somebody else wrote.")

    monkeypatch.setattr(Journal, "append_all", moved)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with pytest.raises(JournalError, match="Somebody else wrote"):
        dan.write("feedback", **GOOD)
    assert 1 < len(tried) < 100


def remember(params: Params, period: str, *heads: tuple[str, int]) -> None:
    """Write what a run remembers of the journal."""
    rows = [{"review": ["rep", rep, period], "sequence": count, "hash": "a" * 64} for rep, count in heads]
    (params.reports / period / "manifest.json").write_text(json.dumps({"journal": rows}), encoding="utf-8")


def test_a_missing_journal_is_not_begun_anew(params: Params, dan: Records) -> None:
    """Where a manifest remembers entries nothing is read as empty, written or laid out; a restored journal is read again."""
    entry = dan.write("feedback", **GOOD)
    lay_out(params)
    page = copies.rep_minutes_path(params, dan.subject, PERIOD)
    said = page.read_bytes()
    remember(params, "2026-Q3", ("R-1", 1))
    kept = upkeep.backup(params, params.reports / "kept.db")
    for file in params.reports.glob("journal.db*"):
        file.unlink()
    for do in (
        lambda: dan.write("feedback", **GOOD),
        dan.minutes,
        lambda: as_login(params, "dan", subject="R-2"),
        lambda: copies.read_minutes(params, dan.about, "manager"),
        lambda: copies.write_rep_minutes(params, PERIOD, [dan.subject], None),
    ):
        with pytest.raises(JournalError, match="The journal is missing") as caught:
            do()
        assert f"reviewlib restore {params.typed} " in str(caught.value.do)
    assert list(params.reports.glob("journal.db*")) == []
    assert page.read_bytes() == said
    upkeep.restore(params, kept)
    assert dan.minutes().entries == (entry,)


def remember_all(params: Params) -> None:
    """Write what a run remembers of the journal as it is."""
    rows = [
        {"review": [about.kind, about.subject, about.period], "sequence": head.sequence, "hash": head.hash}
        for about, head in heads_of(params).items()
    ]
    (params.reports / "2026-Q3" / "manifest.json").write_text(json.dumps({"journal": rows}), encoding="utf-8")


def heads_of(params: Params) -> dict[About, Head]:
    store = open_journal(params)
    assert store is not None
    with store:
        return {entry.about: Head(entry.sequence, entry.hash) for entry in store.entries()}


def spoil(params: Params, statement: str) -> None:
    """Change the journal's file past the program."""
    with closing(sqlite3.connect(params.reports / "journal.db")) as raw:
        for name in ("entries_no_update", "entries_no_delete"):
            raw.execute(f"DROP TRIGGER IF EXISTS {name}")
        raw.execute(statement)
        raw.commit()


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("DELETE FROM entries WHERE sequence > 1", "the journal ends with entry 1, and 3 are remembered"),
        ("DELETE FROM entries WHERE sequence = 2", "follows a gap"),
        ("UPDATE entries SET payload = replace(payload, 'agree', 'refused')", "does not hold the words"),
        ("DELETE FROM entries WHERE subject = 'R-1'", "has no entries of this review, and 3 are remembered"),
    ],
)
def test_nothing_is_written_onto_a_journal_that_lost_something(
    params: Params, dan: Records, statement: str, found: str
) -> None:
    """A signed review whose end was cut off is not opened again by the next word; other reviews are written on."""
    other = as_login(params, "dan", subject="R-2")
    other.write("note", text="Of another")
    dan.write("feedback", **GOOD)
    dan.write("release")
    dan.write("signoff", how="agree", name="D")
    remember_all(params)
    spoil(params, statement)
    before = heads_of(params)
    with pytest.raises(JournalError, match="not what it was") as caught:
        dan.write("concern", text="x")
    assert found in str(caught.value.found)
    assert "Restore the journal from its latest backup" in str(caught.value.do)
    assert heads_of(params) == before
    assert as_login(params, "dan", kind="team", subject="North").write("note", text="x").sequence == 1


def test_an_emptied_journal_takes_nothing_for_any_review(params: Params, dan: Records) -> None:
    """Where all rows are gone, or the file has no byte left, no review is begun, whether it was remembered or not."""
    dan.write("feedback", **GOOD)
    remember_all(params)
    spoil(params, "DELETE FROM entries")
    other = as_login(params, "dan", subject="R-2")
    with pytest.raises(JournalError, match="The journal is missing"):
        other.write("note", text="x")
    assert heads_of(params) == {}
    for file in params.reports.glob("journal.db*"):
        file.unlink()
    (params.reports / "journal.db").touch()
    for do in (partial(other.write, "note", text="x"), dan.minutes):
        with pytest.raises(JournalError, match="The journal is missing") as caught:
            do()
        assert f"reviewlib restore {params.typed} " in str(caught.value.do)
    (params.reports / "2026-Q3" / "manifest.json").unlink()
    with pytest.raises(JournalError, match="not set up"):
        other.write("note", text="x")


def test_a_journal_of_which_nothing_is_remembered_is_begun(params: Params, dan: Records) -> None:
    """A run before anything was said remembers no entries."""
    remember(params, "2026-Q3")
    assert dan.write("feedback", **GOOD).sequence == 1


MOVED = [("R-1", "Ella Byrne", "South", "Lucía Ferrer"), *REPS[1:]]


@pytest.fixture
def moved(params: Params, dan: Records) -> Params:
    """Ella's review is released; newer data have her in another team, with another manager."""
    dan.write("note", text="Between us: canary")
    dan.write("release")
    freeze_names(params, "2026-Q3", reps=MOVED, into="newer")
    return params


def test_a_released_review_stays_with_the_manager_who_released_it(moved: Params) -> None:
    """After a change of team the manager at release signs; the new one neither reads nor writes in that review."""
    assert as_login(moved, "dan").subject.team == "North"
    assert as_login(moved, "dan").write("signoff", how="agree", name="Daniel").team == "North"
    assert "not the manager" in (as_login(moved, "lucia").may("note") or "")
    with pytest.raises(NotAllowedError):
        as_login(moved, "lucia").minutes()
    freeze_names(moved, "2026-Q4", reps=MOVED)
    assert as_login(moved, "lucia", period="2026-Q4").may("note") is None


def test_the_teams_copies_hold_a_released_review_where_it_was_released(moved: Params) -> None:
    """The new team's manager does not find the former manager's notes in the copy of the team."""
    for login, team, reps in (("lucia", "South", {"R-3"}), ("dan", "North", {"R-1", "R-2"})):
        own = as_login(moved, login, kind="team", subject=team)
        for minutes in (own.minutes(), copies.read_minutes(moved, own.about, "manager")):
            assert set(minutes.members) == reps
            assert ("canary" in json.dumps(minutes.as_data())) == (team == "North")
    lay_out(moved)
    assert set(copies.read_minutes(moved, About("team", "South", "2026-Q3"), "rep").members) == {"R-3"}


def test_a_released_rep_who_is_gone_from_newer_data_is_still_reviewed(params: Params, dan: Records) -> None:
    """Both sides sign; the review is not released again on evidence that does not know the rep."""
    release = dan.write("release")
    freeze_names(params, "2026-Q3", reps=REPS[1:], into="newer")
    own = as_login(params, "dan")
    with pytest.raises(JournalError, match="cannot be stored") as caught:
        own.write("release", supersedes=release.id)
    assert "nothing of Ella Byrne" in caught.value.problems["snapshot"]
    own.write("signoff", how="absent", name="Ella", on_behalf=True)
    own.write("signoff", how="agree", name="Daniel")
    assert own.minutes().state.closed


def test_evidence_of_a_release_that_is_gone_is_an_error(moved: Params) -> None:
    """Nobody else is taken for the manager of the review."""
    shutil.rmtree(moved.reports / "snapshots" / "of-2026-Q3")
    with pytest.raises(SnapshotError, match="released review"):
        as_login(moved, "lucia")


def test_an_unknown_kind_lists_the_known_ones(dan: Records) -> None:
    """A kind that does not exist is refused, not looked up."""
    with pytest.raises(JournalError, match="no such kind") as caught:
        dan.write("praise", text="x")
    assert "recognition" in str(caught.value.do)


@pytest.mark.parametrize("source", ["answer.md", "", "5F" * 32, "/home/x"])
def test_a_source_is_a_hash(dan: Records, source: str) -> None:
    """What is no sha256 is no source, and is not repeated in the message."""
    with pytest.raises(JournalError) as caught:
        dan.write_all([New("reply", {"of": "x", "text": "x"}, on_behalf=True, source=source)])
    assert not source or source not in str(caught.value)


def test_what_a_rating_and_a_signature_need_is_filled_in(dan: Records) -> None:
    """The scale's own word and length, the side, and the head of the journal are taken from where they stand."""
    rating = dan.write("rating", value=3).payload
    assert (rating.label, rating.out_of) == ("Solid", 5)  # type: ignore[attr-defined]
    release = dan.write("release")
    signature = dan.write("signoff", how="agree", name="Daniel").payload
    assert (signature.side, signature.head) == ("manager", release.hash)  # type: ignore[attr-defined]


def test_notes_and_what_is_about_private_entries_stay_private_by_themselves(dan: Records) -> None:
    """Nobody has to remember to keep a note, or the update of a private concern, from the rep."""
    concern = dan.write("concern", text="Quiet", visibility="manager_only")
    assert dan.write("note", text="Mine").visibility == "manager_only"
    assert dan.write("update", of=concern.id, status="resolved").visibility == "manager_only"
    assert dan.write("goal", statement="More").visibility == "shared"


def test_two_people_saving_at_once_see_both_texts(dan: Records) -> None:
    """The second edit of one version is refused with the first one and itself."""
    first = dan.write("feedback", **GOOD)
    theirs = dan.write("feedback", **GOOD | {"text": "Theirs"}, supersedes=first.id)
    with pytest.raises(ConflictError) as caught:
        dan.write("feedback", **GOOD | {"text": "Mine"}, supersedes=first.id)
    assert caught.value.theirs == theirs
    assert caught.value.mine.payload.text == "Mine"  # type: ignore[attr-defined]


def test_a_conflict_does_not_show_what_is_hidden(dan: Records, ella: Records) -> None:
    """The rep's self-review, not readable yet, is not shown to a manager who writes one for the rep."""
    ella.write("self_review", perspective="canary")
    with pytest.raises(NotAllowedError) as caught:
        dan.write("self_review", perspective="Other", on_behalf=True)
    assert "canary" not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_a_newer_answer_takes_the_place_of_the_one_before(dan: Records, ella: Records) -> None:
    """An imported self-review replaces the rep's earlier one, which the importer may not be able to read."""
    old = ella.write("self_review", perspective="First")
    new = dan.write_all([New("self_review", {"perspective": "Second"}, on_behalf=True, source=SOURCE)])[0]
    assert new.supersedes == old.id
    dan.write("feedback", **GOOD)
    assert dan.minutes().of_kind("self_review") == [new]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("feedback", GOOD),
        ("rating", {"value": 3}),
        ("release", {}),
        ("signoff", {"how": "agree", "name": "D"}),
        ("note", {"text": "x"}),
    ],
)
def test_a_save_that_is_tried_again_is_one_entry(dan: Records, kind: str, fields: dict[str, Any]) -> None:
    """The same id with the same words gives the entry that is there, also when the review has moved on since."""
    if kind == "signoff":
        dan.write("release")
    first = dan.write(kind, id="save-1", **fields)
    if kind == "signoff":
        dan.write("signoff", how="absent", name="D", on_behalf=True)
    else:
        dan.write("concern", text="In between")
    assert dan.write(kind, id="save-1", **fields) == first


def test_an_import_that_is_tried_again_is_one_answer(dan: Records, ella: Records) -> None:
    """Importing the same file twice writes nothing the second time, though it replaced an earlier answer."""
    ella.write("self_review", perspective="First")
    items = [
        New("self_review", {"perspective": "Second"}, id="mail-1", on_behalf=True, source=SOURCE),
        New("concern", {"text": "Load"}, id="mail-2", on_behalf=True, source=SOURCE),
    ]
    assert dan.write_all(items) == dan.write_all(items)


def test_an_empty_id_replaces_nothing(dan: Records) -> None:
    """Who names no entry to edit writes a new one, whether the name is missing or empty."""
    assert dan.write("feedback", **GOOD, supersedes="").supersedes is None
    assert len(dan.minutes().of_kind("feedback")) == 1


def test_the_same_id_with_other_words_is_refused(dan: Records) -> None:
    """An id stands for one text."""
    dan.write("feedback", id="save-1", **GOOD)
    with pytest.raises(JournalError):
        dan.write("feedback", id="save-1", **GOOD | {"text": "Other"})


def test_a_save_that_is_tried_again_is_the_one_that_was_asked_for(dan: Records) -> None:
    """The same id and words for other readers, or in place of another entry, is another save, and refused."""
    first = dan.write("feedback", **GOOD)
    dan.write("concern", id="shown", text="Worry")
    kept = dan.write("concern", id="kept", text="Worry", visibility="manager_only")
    dan.write("feedback", id="new", **GOOD | {"text": "Two"})
    assert dan.write("concern", id="kept", text="Worry", visibility="manager_only") == kept
    for again in (
        partial(dan.write, "concern", id="shown", text="Worry", visibility="manager_only"),
        partial(dan.write, "concern", id="kept", text="Worry"),
        partial(dan.write, "feedback", id="new", **GOOD | {"text": "Two"}, supersedes=first.id),
    ):
        with pytest.raises(JournalError, match="belongs to another entry"):
            again()


def test_what_was_kept_by_itself_is_the_same_save(dan: Records) -> None:
    """A reply on a private concern was private without being asked for, and is found again, also when that has changed."""
    concern = dan.write("concern", text="Quiet", visibility="manager_only")
    private = dan.write("reply", id="on-private", of=concern.id, text="x")
    shared = dan.write("concern", text="Quiet", supersedes=concern.id)
    public = dan.write("reply", id="on-shared", of=shared.id, text="y")
    assert (private.visibility, public.visibility) == ("manager_only", "shared")
    assert dan.write("reply", id="on-private", of=concern.id, text="x") == private
    dan.write("concern", text="Quiet", visibility="manager_only", supersedes=shared.id)
    assert dan.write("reply", id="on-shared", of=shared.id, text="y") == public


def test_two_who_import_one_file_at_once_are_both_told_that_it_is_recorded(params: Params, dan: Records) -> None:
    """The second gets the entries of the first; the same words from another file, or by hand, are a conflict of ids."""
    items = [New("concern", {"text": "Load"}, id="mail-1", on_behalf=True, source=SOURCE)]
    first = dan.write_all(items)
    assert as_login(params, "ana").write_all(items) == first
    assert first[0].author == "dan"
    for other in (replace(items[0], source="6a" * 32), replace(items[0], fields={"text": "Other"})):
        with pytest.raises(JournalError, match="belongs to another entry"):
            as_login(params, "ana").write_all([other])


def test_several_entries_are_written_all_or_none(params: Params, dan: Records) -> None:
    """A goal and its milestones are one save; where one is wrong nothing is stored."""
    goal = New("goal", {"statement": "More"}, id="goal-1")
    step = New("milestone", {"of": "goal-1", "text": "First"})
    with pytest.raises(JournalError):
        dan.write_all([goal, step, replace(step, fields={"of": "goal-2", "text": "Second"})])
    assert journal(params) == []
    assert [entry.kind for entry in dan.write_all([goal, step])] == ["goal", "milestone"]


def test_a_batch_is_checked_as_if_written_one_by_one(params: Params, dan: Records) -> None:
    """Release and signature may come in one save; what a signature forbids may not follow it."""
    batch = [New("release", {}), New("goal", {"statement": "More"})]
    dan.write_all(batch)
    sign = New("signoff", {"how": "agree", "name": "D"})
    with pytest.raises(NotAllowedError, match="signed by the manager"):
        dan.write_all([sign, New("goal", {"statement": "Too late"})])
    assert len(journal(params)) == 2


def test_an_imported_answer_with_a_signature_is_taken_whole(dan: Records, ella: Records) -> None:
    """The rep's replies, agreement and signature come in one file, under the head that their page showed."""
    goal = dan.write("goal", statement="More")
    head = dan.write("release").hash
    dan.write("signoff", how="agree", name="D")
    answer = [
        New("self_review", {"perspective": "Late"}, on_behalf=True, source=SOURCE),
        New("agreement", {"of": goal.id, "agrees": True}, on_behalf=True, source=SOURCE),
        New("dispute", {"kpi": "revenue", "reason": "Twice"}, on_behalf=True, source=SOURCE),
        New("signoff", {"how": "disagree", "name": "E", "head": head}, on_behalf=True, source=SOURCE),
    ]
    as_login(dan.params, "ana").write_all(answer)
    assert dan.minutes().state.closed
    assert "amendment" in (dan.may("goal") or "")
    assert dan.may("amendment") is None


@pytest.mark.parametrize(
    ("login", "words"), [("lucia", "not the manager"), ("ella", "not for the rep"), ("dan", None), ("ana", None), ("zoe", None)]
)
def test_who_reads_the_managers_copy(params: Params, login: str, words: str | None) -> None:
    """The rep's manager, analysts and accounts without a role read it; other managers and reps do not."""
    if words is None:
        as_login(params, login).minutes()
        as_login(params, login).history("x")
    else:
        with pytest.raises(NotAllowedError, match=words):
            as_login(params, login).minutes()


def test_history_shows_every_version_that_may_be_read(dan: Records, ella: Records) -> None:
    """Whichever version is asked for, all come, oldest first; of what is hidden none does."""
    first = dan.write("feedback", **GOOD)
    second = dan.write("feedback", **GOOD | {"text": "Better"}, supersedes=first.id)
    assert dan.history(first.id) == dan.history(second.id) == [first, second]
    assert dan.history("unknown") == []
    assert ella.history(first.id) == []
    dan.write("release")
    third = dan.write("feedback", **GOOD | {"text": "Best"}, supersedes=second.id)
    assert [entry.payload for entry in ella.history(third.id)] == [second.payload, third.payload]
    assert ella.history(first.id) == []
    assert first.id not in repr(ella.history(third.id))


def test_history_holds_nothing_that_was_made_private(dan: Records) -> None:
    """A concern made private before release, and the update of it, have no version for the rep."""
    ella = as_login(dan.params, "ella")
    concern = dan.write("concern", text="canary")
    update = dan.write("update", of=concern.id, status="open", note="canary")
    dan.write("concern", text="canary", visibility="manager_only", supersedes=concern.id)
    dan.write("release")
    assert ella.history(concern.id) == ella.history(update.id) == []
    assert len(dan.history(concern.id)) == 2


def test_what_is_said_about_something_made_private_is_private(dan: Records) -> None:
    """An amendment about the first, shared wording of a concern that is private now stays with the manager."""
    concern = dan.write("concern", text="Quiet")
    dan.write("concern", text="Quiet", visibility="manager_only", supersedes=concern.id)
    assert dan.write("reply", of=concern.id, text="x").visibility == "manager_only"
    assert dan.write("reply", of=concern.id, text="x", on_behalf=True).visibility == "shared"


def test_history_of_a_hidden_self_review_is_empty(dan: Records, ella: Records) -> None:
    """An id that leaked some other way opens nothing."""
    hidden = ella.write("self_review", perspective="Mine")
    assert dan.history(hidden.id) == []
    assert ella.history(hidden.id) == [hidden]


def test_a_teams_minutes_hold_those_of_its_reps(params: Params, dan: Records) -> None:
    """The manager's copy of a team has the minutes of each of its reps, and of nobody else."""
    entry = dan.write("goal", statement="More")
    team = as_login(params, "dan", kind="team", subject="North")
    for minutes in (team.minutes(), copies.read_minutes(params, team.about, "manager")):
        assert set(minutes.members) == {"R-1", "R-2"}
        assert minutes.members["R-1"].entries == (entry,)
    assert set(dan.minutes().members) == set()


TWO = (*REPS, ("R-5", "Kim Ode", "North", "Lucía Ferrer"))


def texts(minutes: VisibleEntries) -> list[str]:
    return [getattr(entry.payload, "text", "") for entry in (*minutes.earlier, *minutes.entries) if entry.kind != "release"]


def test_a_team_of_two_managers_has_one_copy_for_both(params: Params) -> None:
    """It holds of each rep what was released and is shared; who opens it in a notebook reads more of their own reps only."""
    freeze_names(params, "2026-Q3", reps=TWO)
    kim = as_login(params, "lucia", subject="R-5")
    for who in (kim, as_login(params, "dan")):
        for kind, more in (("note", {}), ("concern", {"visibility": "manager_only"}), ("concern", {})):
            who.write(kind, text=f"{who.person.login} {kind} {more.get('visibility', 'shared')}", **more)
    as_login(params, "lucia", kind="team", subject="North").write("note", text="of the team")

    def copies_of_north() -> dict[str, dict[str, list[str]]]:
        opened = {login: as_login(params, login, kind="team", subject="North") for login in ("dan", "lucia", "ana")}
        found = {login: each.minutes() for login, each in opened.items()}
        found["page"] = copies.read_minutes(params, opened["dan"].about, "manager")
        assert {login: texts(each) for login, each in found.items()} == {key: ["of the team"] for key in found}
        return {login: {rep: texts(found[login].members[rep]) for rep in ("R-1", "R-5")} for login in found}

    whole = {
        rep: [f"{login} note shared", f"{login} concern manager_only", f"{login} concern shared"]
        for rep, login in (("R-1", "dan"), ("R-5", "lucia"))
    }
    nothing: dict[str, list[str]] = {"R-1": [], "R-5": []}
    expected = {"dan": nothing | {"R-1": whole["R-1"]}, "lucia": nothing | {"R-5": whole["R-5"]}, "ana": whole, "page": nothing}
    assert copies_of_north() == expected
    kim.write("release")
    shared = {"R-5": ["lucia concern shared"]}
    assert copies_of_north() == expected | {"dan": expected["dan"] | shared, "page": nothing | shared}


def test_a_team_of_one_manager_keeps_what_is_the_managers(params: Params, dan: Records) -> None:
    """The copy of a team that one manager leads holds that manager's notes on the reps, and nobody else's."""
    dan.write("note", text="Mine")
    freeze_names(params, "2026-Q3", reps=(*REPS[:2], ("R-3", "Ines Rey", "North", None), REPS[3]))
    as_login(params, "ana", subject="R-3").write("note", text="Of nobody's rep")
    page = copies.read_minutes(params, About("team", "North", "2026-Q3"), "manager")
    assert {rep: texts(one) for rep, one in page.members.items()} == {"R-1": ["Mine"], "R-2": [], "R-3": []}


def test_what_was_kept_from_a_rep_in_another_team_stays_there(params: Params, dan: Records) -> None:
    """Who leads a rep after a change of team finds what was shared, and none of the former manager's private words."""
    freeze_names(params, "2026-Q4")
    later = as_login(params, "dan", period="2026-Q4")
    dan.write("concern", text="old private", visibility="manager_only")
    dan.write("concern", text="old shared")
    begun = later.write("note", text="begun by Daniel")
    freeze_names(params, "2026-Q4", reps=MOVED)
    found = as_login(params, "lucia", period="2026-Q4")
    found.write("note", text="of Lucía")
    for minutes in (found.minutes(), copies.read_minutes(params, found.about, "manager")):
        assert texts(minutes) == ["old shared", "of Lucía"]
        assert "private" not in repr(minutes)
    assert found.history(begun.id) == []
    assert texts(as_login(params, "ana", period="2026-Q4").minutes()) == [
        "old private", "old shared", "begun by Daniel", "of Lucía",
    ]  # fmt: skip


def test_a_manager_who_changes_team_with_a_rep_keeps_the_own_words(params: Params, dan: Records) -> None:
    """What the same manager wrote is theirs to read in whatever team; of who has no team, only that and analysts' notes are."""
    dan.write("concern", text="mine", visibility="manager_only")
    for team, manager, seen in (("West", "Daniel Brandt", ["mine"]), (None, "Daniel Brandt", ["mine"]), (None, "Eve", [])):
        freeze_names(params, "2026-Q4", reps=(("R-1", "Ella Byrne", team, manager), *REPS[1:]))
        assert texts(copies.read_minutes(params, About("rep", "R-1", "2026-Q4"), "manager")) == seen
    as_login(params, "ana", period="2026-Q4").write("note", text="of an analyst")
    assert texts(copies.read_minutes(params, About("rep", "R-1", "2026-Q4"), "manager")) == ["of an analyst"]


def test_subjects_are_those_of_the_frozen_names(params: Params) -> None:
    """An unknown rep and a period that is not frozen say what to do; a rep is no team of the same id."""
    with pytest.raises(SubjectError, match="no rep 'R-9'"):
        as_login(params, "dan", subject="R-9")
    with pytest.raises(SubjectError):
        as_login(params, "dan", kind="team", subject="R-1")
    with pytest.raises(SnapshotError, match="Nothing is frozen for 2026-Q1"):
        as_login(params, "dan", period="2026-Q1")
    with pytest.raises(SubjectError, match="no rep 'R-9'"):
        copies.read_minutes(params, About("rep", "R-9", "2026-Q3"), "manager")


def test_a_rep_without_a_manager_is_written_to_by_nobody(params: Params) -> None:
    """The refusal says that the reps table names none."""
    refused = as_login(params, "dan", subject="R-4").may("feedback") or ""
    assert "not the manager of Noa Levi" in refused


@pytest.mark.modes
def test_the_reps_file_holds_the_minutes(params: Params, dan: Records, ella: Records) -> None:
    """What the rep may read is one file under the team's folder; without a journal it is empty, without a file an error."""
    with pytest.raises(SnapshotError, match="not prepared") as caught:
        copies.read_minutes(params, dan.about, "rep")
    assert f"reviewlib freeze {params.typed} --period 2026-Q3" in str(caught.value)
    assert len(lay_out(params)) == 6
    assert copies.read_minutes(params, dan.about, "rep").entries == ()
    own = ella.write("self_review", perspective="Mine")
    dan.write("note", text="canary")
    lay_out(params)
    assert copies.read_minutes(params, dan.about, "rep").entries == (own,)
    path = copies.rep_minutes_path(params, dan.subject, PERIOD)
    assert path.parent == params.reports / "2026-Q3" / "north" / "minutes"
    assert "canary" not in path.read_text(encoding="utf-8")
    assert path.stat().st_mode & 0o777 == 0o600


def test_only_what_changed_is_written_again(params: Params, dan: Records, ella: Records) -> None:
    """A second time nothing is touched; one rep's new word touches one file."""
    paths = lay_out(params)
    for path in paths:
        os.utime(path, (1, 1))
    assert lay_out(params) == []
    dan.write("note", text="Not for the rep")
    assert lay_out(params) == []
    ella.write("self_review", perspective="Mine")
    assert lay_out(params) == [copies.rep_minutes_path(params, dan.subject, PERIOD)]
    assert sum(path.stat().st_mtime == 1 for path in paths) == 5


def test_who_changes_team_leaves_no_file_behind(params: Params, dan: Records, ella: Records) -> None:
    """The old team's folder, which other people read, does not keep the rep's words."""
    ella.write("self_review", perspective="Mine")
    lay_out(params)
    old = copies.rep_minutes_path(params, dan.subject, PERIOD)
    freeze_names(params, "2026-Q3", reps=[("R-1", "Ella Byrne", "South", "Lucía Ferrer"), *REPS[1:]])
    lay_out(params)
    assert not old.exists()
    assert len(copies.read_minutes(params, dan.about, "rep").entries) == 1


def test_a_damaged_file_is_an_error_in_words(params: Params, dan: Records) -> None:
    """Half a file is refused with what to do, whatever is missing of it, and so is what a newer version says of an entry."""
    dan.write("goal", statement="Open 45 deals")
    dan.write("release")
    lay_out(params)
    path = copies.rep_minutes_path(params, dan.subject, PERIOD)
    whole = json.loads(path.read_bytes())
    halves = [json.dumps({name: part for name, part in whole.items() if name != gone}) for gone in whole if gone != "partial"]
    newer = json.dumps(whole | {"entries": [entry | {"only_for": "hr"} for entry in whole["entries"]]})
    for text in ("", "{", "{}", "[]", newer, *halves):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(SnapshotError, match="cannot be read"):
            copies.read_minutes(params, dan.about, "rep")


def test_the_teams_copy_for_the_reps_holds_what_they_agreed_to_show(params: Params, dan: Records) -> None:
    """The board gets released recognitions with a yes, and nothing else of a rep."""
    shown = dan.write("recognition", title="Shown", for_board=True)
    dan.write("recognition", title="canary", for_board=True)
    dan.write("goal", statement="canary")
    dan.write("agreement", of=shown.id, agrees=True, on_behalf=True)
    about = About("team", "North", "2026-Q3")
    lay_out(params)
    assert copies.read_minutes(params, about, "rep").members["R-1"].entries == ()
    dan.write("release")
    lay_out(params)
    minutes = copies.read_minutes(params, about, "rep")
    assert [entry.id for entry in minutes.members["R-1"].entries] == [shown.id]
    assert "canary" not in json.dumps(minutes.as_data())


@dataclass(frozen=True)
class Opened:
    """A review as a notebook has it."""

    about: About
    params_path: Path
    audience: str = "manager"


@dataclass
class Passed:
    """What a sentence passes on its way into the journal."""

    modules: set[str]
    openings: list[str]
    loaded: list[Path]


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Passed]:
    """The modules of the package that are entered, and each opening of the journal and reading of params."""
    found = Passed(set(), [], [])

    def opened(store: Journal, *given: Any, **named: Any) -> None:
        found.openings.append(store.__class__.__name__)
        begin(store, *given, **named)

    def read(path: Path) -> Params:
        found.loaded.append(path)
        return load(path)

    def entered(frame: FrameType, event: str, _: object) -> None:
        name = str(frame.f_globals.get("__name__"))
        if event == "call" and name.startswith("reviewlib."):
            found.modules.add(name.removeprefix("reviewlib."))

    begin, load = Journal.__init__, reading.load
    monkeypatch.setattr(Journal, "__init__", opened)
    monkeypatch.setattr(reading, "load", read)
    sys.setprofile(entered)
    yield found
    sys.setprofile(None)


def test_a_saved_sentence_opens_the_journal_once_and_passes_few_modules(params: Params, dan: Records, passed: Passed) -> None:
    """Rights, figures, the chain and what the manifests remember are asked of one journal, and params are not read again."""
    slice_of(dan, "of-2026-Q3", "win_rate")
    (params.reports / "2026-Q3" / "manifest.json").write_text("{}", encoding="utf-8")
    dan.write("note", text="There is a journal now.")
    passed.modules.clear(), passed.openings.clear()
    with dan.held_open() as held:
        entry = held.write("feedback", **GOOD)
        # Two of them hold the slice, which knows the figures, against its hash.
        assert len(passed.modules) <= 16, sorted(passed.modules)
        assert held.minutes().of_kind("feedback") == [entry]
        assert held.may("feedback", context=held.context()) is None
    assert (passed.openings, passed.loaded) == (["Journal"], [])


def test_a_sentence_saved_from_a_notebook_reads_params_and_opens_the_journal_once(
    params: Params, monkeypatch: pytest.MonkeyPatch, dan: Records, passed: Passed
) -> None:
    """``rl.records`` finds the review and writes to it in one go."""
    review = Opened(About("rep", "R-1", "2026-Q3"), params.path)
    monkeypatch.setenv("JUPYTERHUB_USER", "dan")
    dan.write("note", text="There is a journal now.")
    for call in (
        lambda: records.write(review, "feedback", **GOOD),
        lambda: records.current(review, "feedback"),
        lambda: records.history(review, "none"),
    ):
        passed.openings.clear(), passed.loaded.clear()
        call()
        assert (passed.openings, passed.loaded) == (["Journal"], [params.path])


def test_what_another_program_wrote_is_seen_in_a_journal_that_is_held_open(dan: Records, ella: Records) -> None:
    """Holding the journal open keeps nothing of it: each question is answered by what is there now."""
    dan.write("note", text="There is a journal now.")
    with dan.held_open() as held:
        ella.write("self_review", perspective="Fine")
        assert held.context().state.answer is not None
        goal = ella.write("goal", statement="More")
        assert held.write("reply", of=goal.id, text="Good").sequence == 4


def test_notebooks_write_and_read_by_their_review(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    """``rl.records`` goes by the same rights as the forms, for who is at the keyboard."""
    review = Opened(About("rep", "R-1", "2026-Q3"), params.path)
    monkeypatch.setenv("JUPYTERHUB_USER", "dan")
    entry = records.write(review, "feedback", **GOOD)
    assert records.current(review) == records.current(review, "feedback") == [entry]
    assert records.current(review, "goal") == []
    assert records.history(review, entry.id) == [entry]
    monkeypatch.setenv("JUPYTERHUB_USER", "lucia")
    with pytest.raises(NotAllowedError):
        records.write(review, "feedback", **GOOD)
    with pytest.raises(NotAllowedError):
        records.current(review)
    with pytest.raises(NotAllowedError):
        records.history(review, entry.id)


def test_the_reps_copy_reads_its_file_and_writes_nothing(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a notebook of the rep's copy the journal is not opened."""
    monkeypatch.setenv("JUPYTERHUB_USER", "dan")
    review = Opened(About("rep", "R-1", "2026-Q3"), params.path, "rep")
    lay_out(params)
    broken = changed(params, records={"database": "postgresql://nobody@localhost:1/none"})
    broken.path.write_text(
        json.dumps(json.loads(params.path.read_text()) | {"records": {"database": "postgresql://nowhere:1/x"}})
    )
    assert records.current(review) == []
    for refused in (lambda: records.write(review, "feedback", **GOOD), lambda: records.history(review, "x")):
        with pytest.raises(NotAllowedError):
            refused()


def test_acting_as_writes_for_a_single_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a hub the demo's login writes."""
    monkeypatch.delenv("JUPYTERHUB_USER", raising=False)
    params = talking(tmp_path, people=PEOPLE | {"acting_as": "dan"})
    assert records.open_records(params, About("rep", "R-1", "2026-Q3")).write("note", text="x").author == "dan"
