"""What must hold of the kind that CONTRIBUTING.md adds; run by ``test_kinds`` in a copy of the project that has it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import letters
import pages_fixture as made
import pytest
import records_fixture
from forms_fixture import FORMS, Table, nothing_is_swallowed, own_data_folder, table
from talk import Talk

from reviewlib.conversation import data_export, identity, visibility
from reviewlib.conversation.answers import form, marks
from reviewlib.conversation.goals import followup
from reviewlib.conversation.kinds import KINDS
from reviewlib.pages import blocks
from reviewlib.pages.forms import sections
from reviewlib.pages.forms.importing import Import

__all__ = ["nothing_is_swallowed", "own_data_folder", "table"]
NOTE = {"text": "We rehearsed the second call.", "skill": "Negotiation"}


def test_a_manager_writes_it_below_the_development_plan(table: Table) -> None:
    """The form stands in the section that the record names, has the payload's fields, and stores what was typed."""
    shown = sections.development(table.context.review)
    assert isinstance(shown, sections.FormSection)
    assert set(shown.forms) == {"development", "coaching_note"}
    saved = table.save(FORMS["coaching_note"], **NOTE, again="2026-12-01", _side="rep")
    (entry,) = table.entries("coaching_note")
    assert entry.payload.model_dump(mode="json") == {**NOTE, "again": "2026-12-01"}
    assert (entry.side, entry.visibility) == ("rep", "shared")
    for words in (*NOTE.values(), "Next session", "Saved</b> on"):
        assert words in saved.status.value
    assert saved.spec.text.save == "Save coaching note"


@pytest.mark.parametrize("audience", ["manager", "rep"])
def test_pages_list_it_under_its_heading_once_released(audience: str) -> None:
    """Both copies show text, skill, next session and the replies; before release the rep's shows none of it."""
    talk = Talk()
    note = talk.manager("coaching_note", **NOTE, again="2026-12-01")
    before = blocks.development(made.talked(made.rep_slice(audience), [talk])).html
    assert ("second call" in before) == (audience == "manager")
    talk.rep("reply", of=note.id, text="It helped.")
    talk.manager("release", snapshot="7c41e09b0000")
    review = made.talked(made.rep_slice(audience), [talk])
    html = blocks.development(review).html
    for words in ("<h3>Coaching</h3>", *NOTE.values(), "1 December", "It helped."):
        assert words in html
    assert "It helped." not in blocks.feedback(review).html
    assert "second call" not in blocks.goals(review).html


def test_one_that_runs_is_looked_back_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """With statuses, and carried over, the next review shows among the agreements what became of it."""
    kind = replace(KINDS["coaching_note"], statuses=("open", "done"), carries=True)
    monkeypatch.setattr(followup, "KINDS", {**KINDS, "coaching_note": kind})
    monkeypatch.setattr(visibility, "LOOKED_BACK_AT", visibility.LOOKED_BACK_AT | {"coaching_note"})
    before, now = Talk(period="2026-Q2"), Talk(start=dt.datetime(2026, 10, 13, tzinfo=dt.UTC))
    note = before.manager("coaching_note", **NOTE)
    said = blocks.agreed(made.talked(made.rep_slice("manager"), [before, now])).html
    assert "second call" in said
    assert "No due date." in said
    now.manager("update", of=note.id, status="done")
    assert "Done on " in blocks.agreed(made.talked(made.rep_slice("manager"), [before, now])).html


def test_the_answer_form_asks_for_it_and_takes_replies_to_it(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its mark and question stand in the form, an answer below them is recorded; what the manager wrote is ``K1`` there."""
    monkeypatch.setattr("reviewlib.conversation.answers.importing._kpis", lambda *_: [("win_rate", "Win rate")])
    book = form.Book(table.context.records.params.name, "Book", "Amara Okafor", "2026-Q3")
    text = form.response_form(replace(table.context.minutes, audience="rep"), book=book, kpis=[])
    question = ":: What a coaching session brought, and what you will try.\n"
    assert question in text
    answer = Import(table.context)
    answer.text.widget.value = text.replace(question, f"{question}\nI will ask earlier.\n")
    answer.record.click()
    (entry,) = table.entries("coaching_note")
    assert (entry.payload.text, entry.side) == ("I will ask earlier.", "rep")  # type: ignore[attr-defined]
    talk = Talk()
    talk.manager("coaching_note", **NOTE)
    talk.manager("release", snapshot="7c41e09b0000")
    released = form.response_form(talk.minutes("rep"), book=book, kpis=[])
    assert "[[Reply K1 " in released
    assert marks.read("Coaching note 1").field == "coaching_note"  # type: ignore[union-attr]


def test_one_that_is_agreed_to_is_asked_for_and_shown(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rep says yes in the answer form, or to the manager; pages show that word and what became of it."""
    monkeypatch.setattr("reviewlib.conversation.answers.importing._kpis", lambda *_: [("win_rate", "Win rate")])
    table.save(FORMS["small_promise"], **NOTE)
    (promise,) = table.entries("small_promise")
    table.save(FORMS["release"], snapshot=table.context.review.workbook.snapshot)
    book = form.Book(table.context.records.params.name, "Book", "Amara Okafor", "2026-Q3")
    question = ":: Will you do it? Write yes or no:\n"
    text = form.response_form(replace(table.context.minutes, audience="rep"), book=book, kpis=[])
    assert f"[[Small promise P1 {marks.code(promise.id)}" in text
    answer = Import(table.context)
    answer.text.widget.value = text.replace(question, f"{question}\nno\nNot in August.\n")
    answer.record.click()
    (word,) = table.entries("agreement")
    assert (word.of, word.payload.agrees) == (promise.id, False)  # type: ignore[attr-defined]
    table.save(FORMS["agreement"], of=promise.id, agrees="yes", text="Then in May.")
    table.save(FORMS["update"], of=promise.id, status="missed", note="Nobody had time.")
    html = blocks.goals(replace(table.context.review, minutes=table.context.minutes)).html
    for words in ("<h3>Promises</h3>", "Then in May.", "Missed on ", "Nobody had time."):
        assert words in html


def test_one_that_ended_is_told_so_in_the_next_review() -> None:
    """What was missed neither runs on nor waits for a day."""
    before, now = Talk(period="2026-Q2"), Talk(start=dt.datetime(2026, 10, 13, tzinfo=dt.UTC))
    promise = before.manager("small_promise", **NOTE)
    before.manager("release", snapshot="7c41e09b0000")
    before.rep("agreement", of=promise.id, agrees=False)
    before.manager("update", of=promise.id, status="missed")
    said = blocks.agreed(made.talked(made.rep_slice("manager"), [before, now])).html
    assert "Missed on " in said
    assert "The rep did not agree to it." in said
    assert "runs on" not in said


def test_a_word_of_which_nobody_knows_whose_it_is_says_so() -> None:
    """As below a goal: who agreed, when, and that it came as a file that names no sender; an edit asks anew."""
    talk = Talk()
    promise = talk.manager("small_promise", **NOTE)
    talk.manager("release", snapshot="7c41e09b0000")
    talk.behalf("agreement", of=promise.id, agrees=False, text="No time.", source=f"{'5f' * 32} no_sender+other_name")
    html = blocks.goals(made.talked(made.rep_slice("rep"), [talk])).html
    for words in ("Not agreed to by Amara on 1", "not verified: came as a file", "No time."):
        assert words in html
    talk.edit(promise, text="Another one.")
    assert "agreed to an earlier wording" in blocks.goals(made.talked(made.rep_slice("rep"), [talk])).html


def test_rights_and_the_data_export_know_it(tmp_path: Path) -> None:
    """Both sides write it until the review is signed, an analyst never; the rep's own data hold it by its name."""
    records = letters.as_manager(letters.talking(tmp_path))
    records.write("coaching_note", **NOTE)
    analyst = records_fixture.as_login(records.params, "ana", subject="R-1")
    assert "manager’s word" in (analyst.may("coaching_note") or "")
    assert records.may("coaching_note") is None
    person = identity.person_of(records.params, "ana")
    plain, in_words = data_export.export_data(records.params, "R-1", tmp_path / "out", person=person)
    assert '"kind": "coaching_note"' in plain.read_text(encoding="utf-8")
    told = in_words.read_text(encoding="utf-8")
    assert "Coaching note, 2026-Q3" in told
    assert "Skill:\n\n    Negotiation" in told
