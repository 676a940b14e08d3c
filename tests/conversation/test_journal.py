"""The journal keeps what was saved, on either engine: nothing is overwritten, changed or acknowledged before it is there."""

from __future__ import annotations

import datetime as dt
import json
import os
import secrets
import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from journals import BEN, REFUSED, REVIEW, Desk, append, desk_of, draft
from records_fixture import talking

from reviewlib.conversation.database import LostRaceError, row_of
from reviewlib.conversation.entries import About, Draft, Entry, Head, Person, current, history, verify_chains
from reviewlib.conversation.journal import (
    Journal,
    MovedError,
    all_remembered_heads,
    open_journal,
    refuse_missing,
    remembered_heads,
)
from reviewlib.conversation.kinds.talk import Concern, Note
from reviewlib.errors import ConflictError, JournalError
from reviewlib.params.model import Params

ROW: dict[str, Any] = {"review": ["rep", "R-1", "2026-Q3"], "sequence": 2, "hash": "ab"}
SIGN = {"side": "rep", "how": "agree", "name": "Rita", "head": "0"}


def text(entry: Entry) -> str:
    assert isinstance(entry.payload, Concern | Note)
    return entry.payload.text


def test_an_entry_comes_back_as_it_was_written(desk: Desk) -> None:
    """Every column comes back from the database as append returned it, microseconds and odd letters included."""
    words = "Zoë said: “fine”\u2028\n\t— 漢字 🎉 '; DROP TABLE entries; --"
    at = dt.datetime(2026, 10, 1, 23, 59, 59, 999999, tzinfo=dt.timezone(dt.timedelta(hours=-5)))
    with desk.open(clock=lambda: at) as store:
        kept = append(store, draft(words, team=None, on_behalf_of="R1", visibility="manager_only", source="f" * 64))
        goal = append(
            store, draft(kind="goal", fields={"statement": "Win", "baseline": 0.1 + 0.2, "due": dt.date(2026, 12, 31)})
        )
    with desk.open() as store:
        assert store.entries() == [kept, goal]
    assert kept.at == at
    assert text(kept) == words.strip()
    assert (kept.sequence, goal.sequence, kept.previous, goal.previous) == (1, 2, "", kept.hash)


def test_each_review_has_a_chain_of_its_own(desk: Desk) -> None:
    """Entries are numbered within their review; they are found by subject and by period; each chain has its head."""
    abouts = [About("rep", "R1", "2026-Q3"), About("team", "R1", "2026-Q3"), About("rep", "R1", "2026-Q4")]
    with desk.open() as store:
        kept = [append(store, draft(f"{about} {place}", about=about)) for place in (1, 2) for about in abouts]
        assert store.entries() == sorted(kept, key=lambda entry: (entry.about, entry.sequence))
        assert {entry.about for entry in store.entries(subject=("rep", "R1"))} == {abouts[0], abouts[2]}
        assert [entry.about for entry in store.entries(subject=("rep", "R1"), period="2026-Q4")] == [abouts[2]] * 2
        assert {entry.about: entry for entry in store.entries()} == {entry.about: entry for entry in kept[3:]}
        assert all(verify_chains(store.entries(subject=(a.kind, a.subject), period=a.period), {}) == [] for a in abouts)


def test_an_edit_is_a_new_entry(desk: Desk) -> None:
    """The text before an edit stays; what is current is the edit; the history shows both."""
    with desk.open() as store:
        first = append(store, draft("one"))
        second = append(store, draft("two", supersedes=first.id))
        assert current(store.entries()) == [second]
        assert history(store.entries(), first.id) == [first, second]


def test_the_second_of_two_people_is_shown_both_texts(desk: Desk) -> None:
    """Two people edit the same text: the second save is refused and holds both, and nothing of it is stored."""
    with desk.open() as one, desk.open() as two:
        shared = append(one, draft("As it was"))
        theirs = append(one, draft("Anna's", supersedes=shared.id))
        latest = append(one, draft("Anna's, again", supersedes=theirs.id))
        mine = draft("Ben's", supersedes=shared.id, author=BEN)
        with pytest.raises(ConflictError) as caught:
            append(two, mine)
        assert caught.value.theirs == latest
        assert isinstance(caught.value.mine, Draft)
        assert caught.value.mine.payload == mine.payload
        assert "Anna Berg" in (caught.value.found or "")
        assert len(two.entries()) == 3


def test_two_people_saving_at_the_same_moment(desk: Desk) -> None:
    """Of eight simultaneous edits of one text one is taken; of eight simultaneous new texts all are, in one chain."""
    gate = threading.Barrier(8)

    def save(place: int, supersedes: str | None) -> str:
        with desk.open() as store:
            gate.wait()
            try:
                return append(store, draft(f"by {place}", supersedes=supersedes)).id
            except ConflictError as conflict:
                return f"conflict {getattr(conflict.theirs, 'id', None)}"

    with desk.open() as store, ThreadPoolExecutor(8) as pool:
        first = append(store, draft("As it was"))
        results = list(pool.map(save, range(8), [first.id] * 8))
        winner = next(result for result in results if not result.startswith("conflict"))
        assert sorted(results) == sorted([winner, *[f"conflict {winner}"] * 7])
        assert len(set(pool.map(save, range(8), [None] * 8))) == 8
        assert len(store.entries()) == 10
        assert verify_chains(store.entries(), {}) == []


@pytest.mark.parametrize(
    ("kind", "fields"), [("self_review", {"insights": "Much."}), ("release", {"snapshot": "abc"}), ("signoff", SIGN)]
)
def test_what_there_is_one_of_stays_one(desk: Desk, kind: str, fields: dict[str, Any]) -> None:
    """A second self-review, release or signature of a side must replace the first; another review has its own."""
    with desk.open() as store:
        first = append(store, draft(kind=kind, fields=fields))
        with pytest.raises(ConflictError) as caught:
            append(store, draft(kind=kind, fields=fields))
        assert caught.value.theirs == first
        append(store, draft(kind=kind, fields=fields, about=replace(REVIEW, period="2026-Q4")))
        second = append(store, draft(kind=kind, fields=fields, supersedes=first.id))
        with pytest.raises(ConflictError) as caught:
            append(store, draft(kind=kind, fields=fields))
        assert caught.value.theirs == second


def test_each_side_signs_once(desk: Desk) -> None:
    """Both sides' signatures stand beside each other, and one side's cannot replace the other's."""
    with desk.open() as store:
        rep = append(store, draft(kind="signoff", fields=SIGN))
        append(store, draft(kind="signoff", fields=SIGN | {"side": "manager"}))
        with pytest.raises(JournalError, match="not there"):
            append(store, draft(kind="signoff", fields=SIGN | {"side": "manager"}, supersedes=rep.id))


def test_only_one_of_two_simultaneous_self_reviews_is_taken(desk: Desk) -> None:
    """What there is one of stays one also when eight people save at the same moment."""
    gate = threading.Barrier(8)

    def save(_place: int) -> bool:
        with desk.open() as store:
            gate.wait()
            try:
                append(store, draft(kind="self_review", fields={"insights": "Much."}))
            except ConflictError:
                return False
            return True

    desk.open().close()
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(save, range(8))) == 1


def test_a_save_that_is_tried_again_is_one_entry(desk: Desk) -> None:
    """The same id with the same content gives the entry that is there; with other content it is refused."""
    with desk.open() as store:
        once = append(store, draft("one", id="id-1"))
        assert append(store, draft("one", id="id-1")) == once
        edited = append(store, draft("two", id="id-2", supersedes="id-1"))
        assert append(store, draft("two", id="id-2", supersedes="id-1")) == edited
        for other in (draft("other", id="id-1"), draft("one", id="id-1", author=BEN), draft("one", id="id-1", team="South")):
            with pytest.raises(JournalError, match="belongs to another entry"):
                append(store, other)
        assert store.entries() == [once, edited]


def test_all_or_none(desk: Desk) -> None:
    """Where one of several drafts is refused, none is stored; drafts may build on each other."""
    with desk.open() as store:
        with pytest.raises(JournalError):
            store.append_all([draft("one"), draft("two", supersedes="nowhere")])
        assert store.entries() == []
        kept = store.append_all(
            [draft("one", id="a"), draft("two", supersedes="a"), draft("other", about=About("team", "N", "X"))]
        )
        assert [entry.sequence for entry in kept] == [1, 2, 1]
        assert store.append_all([]) == []


def test_an_edit_stays_in_its_review_and_kind(desk: Desk) -> None:
    """An entry of another review or of another kind cannot be replaced."""
    with desk.open() as store:
        first = append(store, draft("one"))
        for wrong in (
            draft("two", supersedes=first.id, about=replace(REVIEW, period="2026-Q4")),
            draft("two", supersedes=first.id, kind="note", visibility="manager_only"),
            draft("two", supersedes="nowhere"),
        ):
            with pytest.raises(JournalError, match="to replace is not there"):
                append(store, wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(draft(), kind="gossip"),
        replace(draft(), kind="note"),
        draft(about=About("rep", "R\0", "2026-Q3")),
        draft(about=About("rep", "R\ud800", "2026-Q3")),
        draft(author=Person("anna", "manager", "\ud800")),
    ],
)
def test_what_cannot_be_stored_is_refused_in_words(desk: Desk, wrong: Draft) -> None:
    """Unknown kinds, a payload of another kind and characters no database holds are refused before anything is written."""
    with desk.open() as store:
        with pytest.raises(JournalError):
            append(store, wrong)
        assert store.entries() == []


@pytest.mark.parametrize("statement", ["UPDATE entries SET payload = '{}'", "DELETE FROM entries"])
def test_the_table_is_append_only(desk: Desk, statement: str) -> None:
    """The database itself refuses to change or delete an entry, even for the owner."""
    with desk.open() as store:
        kept = append(store, draft("one"))
        with desk.connect() as connection, pytest.raises(REFUSED, match="append-only"):
            connection.execute(statement)
        assert store.entries() == [kept]


def test_the_database_refuses_doubles(desk: Desk) -> None:
    """Without the store, the database refuses a second entry of a number and a second edit of an entry."""
    with desk.open() as store:
        first = append(store, draft("one"))
        append(store, draft("two", supersedes=first.id))
    copies = {"number": "sequence, NULL", "edit": "sequence + 5, supersedes"}
    for what, columns in copies.items():
        names = "subject_kind, subject, period, kind, author, author_name, role, visibility, at, payload, salt, digest"
        names += ", previous, hash"
        query = f"INSERT INTO entries (id, sequence, supersedes, {names}) SELECT '{what}', {columns}, {names} FROM entries"
        with desk.connect() as connection, pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)):
            connection.execute(f"{query} WHERE sequence = 2")


def test_who_comes_second_is_told_to_try_again(desk: Desk) -> None:
    """A number that somebody else took ends the transaction in words; nothing of it stays."""
    with desk.open() as store:
        kept = append(store, draft("one"))
        with pytest.raises(LostRaceError, match="at the same moment"), store.writing() as transaction:
            transaction.insert("entries", row_of(replace(kept, id="other")))
        assert store.entries() == [kept]


def test_a_clock_that_is_set_back_breaks_nothing(desk: Desk) -> None:
    """Entries keep the time of the clock, and their order is that of their numbers."""
    times = iter([dt.datetime(2026, 10, 2, tzinfo=dt.UTC), dt.datetime(2026, 10, 1, tzinfo=dt.UTC)])
    with desk.open(clock=lambda: next(times)) as store:
        store.append_all([draft("one"), draft("two")])
        assert [text(entry) for entry in store.entries()] == ["one", "two"]
        assert verify_chains(store.entries(), {}) == []


def test_a_review_that_is_never_free_is_said(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the next place is always taken, the save ends with a message after some tries and stores nothing."""
    monkeypatch.setattr("reviewlib.conversation.journal.PAUSE", 0.0)
    monkeypatch.setattr("reviewlib.conversation.journal._last", lambda *_: None)
    with desk.open() as store:
        append(store, draft("one"))
        with pytest.raises(JournalError, match="could not be put"):
            append(store, draft("two"))
        assert len(store.entries()) == 1


def test_reading_makes_no_file(tmp_path: Path) -> None:
    """Where there is no journal, a reader gets None, and no file or folder appears."""
    params = desk_of("sqlite", tmp_path, None).params
    assert open_journal(params) is None
    assert not (tmp_path / "reports").exists()


def test_a_journal_whose_file_vanishes_is_not_made_anew(tmp_path: Path) -> None:
    """A store that is open does not write into a new, empty file when its own is gone."""
    desk = desk_of("sqlite", tmp_path, None)
    with desk.open() as store:
        (desk.params.reports / "journal.db").unlink()
        with pytest.raises(JournalError, match="cannot be opened"):
            append(store, draft("one"))
    assert not (desk.params.reports / "journal.db").exists()


@pytest.mark.modes
def test_the_file_and_its_log_are_private(tmp_path: Path) -> None:
    """The journal, its log and its index of the log can be read by their owner alone, whatever the umask is."""
    desk = desk_of("sqlite", tmp_path, None)
    before = os.umask(0)
    try:
        with desk.open() as store, store.reading() as transaction:
            transaction.rows("SELECT * FROM entries")
            append(store, draft("one"))
            names = {path.name: stat.S_IMODE(path.stat().st_mode) for path in desk.params.reports.iterdir()}
    finally:
        os.umask(before)
    assert names == dict.fromkeys(["journal.db", "journal.db-wal", "journal.db-shm"], 0o600)
    assert stat.S_IMODE(desk.params.reports.stat().st_mode) == 0o700


def test_sqlite_is_set_up_to_keep_what_it_acknowledges(tmp_path: Path) -> None:
    """Every connection has foreign keys, the log is written through, and a writer waits for another one."""
    with desk_of("sqlite", tmp_path, None).open() as store, store.reading() as transaction:
        names = ("foreign_keys", "synchronous", "journal_mode", "busy_timeout")
        found = {name: transaction.value(f"PRAGMA {name}") for name in names}
    assert found == {"foreign_keys": 1, "synchronous": 2, "journal_mode": "wal", "busy_timeout": 10_000}


def test_many_who_make_the_journal_make_one(tmp_path: Path) -> None:
    """Eight that make and write a journal at the same moment write the same one; nothing else is left in the folder."""
    desk, gate = desk_of("sqlite", tmp_path, None), threading.Barrier(8)

    def save(place: int) -> str:
        gate.wait()
        with desk.open() as store:
            return append(store, draft(str(place))).id

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(save, range(8)))
    with desk.open() as store:
        assert {entry.id for entry in store.entries()} == ids
    assert {path.name for path in desk.params.reports.iterdir()} <= {"journal.db", "journal.db-wal", "journal.db-shm"}


@pytest.mark.whole
def test_a_server_that_acknowledges_early_is_told_not_to(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Where a server is set up to acknowledge before it is on disk, the journal's sessions are not."""
    desk = desk_of("postgres", tmp_path, request.getfixturevalue("postgres_server"))
    assert desk.server is not None
    with desk.server.connect() as connection:
        connection.execute(f"ALTER DATABASE {desk.database} SET synchronous_commit = off")
    with desk.open() as store, store.reading() as transaction:
        assert transaction.value("SHOW synchronous_commit") == "on"


class JournalModel(RuleBasedStateMachine):
    """The journal against a plain dictionary: id to (review, text, id that it replaces)."""

    desk: Desk
    store: Journal

    @initialize()
    def begin(self) -> None:
        self.kept: dict[str, tuple[About, str, str | None]] = {}
        self.run = secrets.token_hex(8)

    def review(self, number: int) -> About:
        return About("rep", f"{self.run}-{number}", "2026-Q3")

    @rule(
        number=st.integers(0, 1),
        words=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8),
    )
    def append(self, number: int, words: str) -> None:
        words = words.strip() or "nothing"
        entry = append(self.store, draft(words, about=self.review(number)))
        assert entry.id not in self.kept
        self.kept[entry.id] = (self.review(number), words, None)

    @rule(data=st.data(), words=st.sampled_from(["a", "b"]))
    def edit(self, data: st.DataObject, words: str) -> None:
        if not self.kept:
            return
        target = data.draw(st.sampled_from(list(self.kept)))
        about = self.kept[target][0]
        edited = draft(words, about=about, supersedes=target)
        if target in {replaced for _, _, replaced in self.kept.values()}:
            with pytest.raises(ConflictError) as caught:
                append(self.store, edited)
            assert getattr(caught.value.theirs, "id", None) == self.versions(target)[-1]
        else:
            self.kept[append(self.store, edited).id] = (about, words, target)

    def versions(self, entry_id: str) -> list[str]:
        found = [entry_id]
        while (before := self.kept[found[0]][2]) is not None:
            found.insert(0, before)
        while after := [key for key, kept in self.kept.items() if kept[2] == found[-1]]:
            found += after
        return found

    @invariant()
    def same(self) -> None:
        for number in (0, 1):
            about = self.review(number)
            entries = self.store.entries(subject=(about.kind, about.subject), period=about.period)
            mine = {key: kept for key, kept in self.kept.items() if kept[0] == about}
            assert [(entry.id, text(entry), entry.supersedes) for entry in entries] == [
                (key, *kept[1:]) for key, kept in mine.items()
            ]
            replaced = {kept[2] for kept in mine.values()}
            assert [entry.id for entry in current(entries)] == [key for key in mine if key not in replaced]
            assert all([entry.id for entry in history(entries, key)] == self.versions(key) for key in mine)
            assert verify_chains(entries, {}) == []


@pytest.mark.default
def test_the_journal_does_what_a_dictionary_does(tmp_path: Path) -> None:
    """Whatever is appended and edited in whatever order, entries, current ones and histories are those of a dictionary."""
    desk = desk_of("sqlite", tmp_path, None)
    with desk.open() as store:

        class Model(JournalModel):
            pass

        Model.desk, Model.store = desk, store
        run_state_machine_as_test(
            Model, settings=settings(max_examples=20, stateful_step_count=12, deadline=None, derandomize=True)
        )


def test_nothing_is_written_behind_what_was_expected(desk: Desk) -> None:
    """Where a review does not end where it should, no draft of the transaction is stored, of any review."""
    other = About("rep", "R1", "2026-Q4")
    with desk.open() as store:
        first = store.append_all([draft("One")], expecting={REVIEW: None})[0]
        for expected in (None, Head(1, "0" * 64), Head(2, first.hash)):
            with pytest.raises(MovedError):
                store.append_all([draft("Two", about=other), draft("Three")], expecting={other: None, REVIEW: expected})
        assert store.entries() == [first]
        both = store.append_all([draft("Two"), draft("Three")], expecting={REVIEW: Head(1, first.hash)})
        assert [entry.sequence for entry in both] == [2, 3]
        assert both[1].previous == both[0].hash
        assert store.entries(kind="concern") == [first, *both]
        assert store.entries(kind="goal") == []


# --- what the manifests remember --------------------------------------------------------------------------------------


@pytest.fixture
def params(tmp_path: Path) -> Params:
    return talking(tmp_path, periods=("2026-Q2", "2026-Q3"))


def manifest(params: Params, period: str, text: str) -> None:
    (params.reports / period / "manifest.json").write_text(text, encoding="utf-8")


def test_the_heads_of_every_period_are_known(params: Params) -> None:
    """Each period's manifest tells of its own reviews; without one nothing is remembered."""
    assert all_remembered_heads(params) == remembered_heads(params.reports / "2026-Q3") == {}
    refuse_missing(params)
    manifest(params, "2026-Q2", json.dumps({"journal": [ROW | {"review": ["team", "North", "2026-Q2"]}]}))
    manifest(params, "2026-Q3", json.dumps({"journal": [ROW]}))
    here = {About("rep", "R-1", "2026-Q3"): Head(2, "ab")}
    assert remembered_heads(params.reports / "2026-Q3") == here
    assert all_remembered_heads(params) == here | {About("team", "North", "2026-Q2"): Head(2, "ab")}
    with pytest.raises(JournalError, match="missing") as caught:
        refuse_missing(params)
    assert "4 entries of 2 reviews" in str(caught.value)


def test_a_manifest_of_before_the_journal_remembers_nothing(params: Params) -> None:
    """One without the list, or with an empty one, is no damage."""
    for text in ("{}", '{"journal": []}'):
        manifest(params, "2026-Q3", text)
        refuse_missing(params)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"journal": 7}', '{"journal": [7]}', '{"journal": [{"review": []}]}', '{"journal": null}']
)
def test_a_damaged_manifest_is_named(params: Params, text: str) -> None:
    """Half a file is an error with its name and what to do, and no path of the machine."""
    manifest(params, "2026-Q3", text)
    with pytest.raises(JournalError, match="damaged") as caught:
        all_remembered_heads(params)
    assert str(caught.value.where) == "reports/book/2026-Q3/manifest.json"
    assert str(params.reports) not in str(caught.value)


def test_a_copy_of_a_period_s_folder_remembers_nothing(params: Params) -> None:
    """An older copy beside it does not take the place of what the period's own manifest remembers."""
    manifest(params, "2026-Q3", json.dumps({"journal": [ROW]}))
    (params.reports / "2026-Q3 (copy)").mkdir()
    manifest(params, "2026-Q3 (copy)", json.dumps({"journal": [ROW | {"sequence": 1, "hash": "cd"}]}))
    assert all_remembered_heads(params) == {About("rep", "R-1", "2026-Q3"): Head(2, "ab")}


def test_a_server_is_set_up_before_it_is_restored(params: Params) -> None:
    """Where a database lost its tables both steps are named, in their order."""
    manifest(params, "2026-Q3", json.dumps({"journal": [ROW]}))
    with pytest.raises(JournalError) as caught:
        refuse_missing(params, server=True)
    assert "Run: reviewlib journal-init; then restore its latest backup" in str(caught.value.do)
