"""Forms write what stands in them, once, and say what became of it; here without a browser."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pages_fixture
import pytest
from forms_fixture import FORMS, POINT, Table, sit_down
from records_fixture import give_address

from reviewlib.conversation.answers import form as answer_form
from reviewlib.conversation.journal import Journal
from reviewlib.conversation.kinds import KINDS
from reviewlib.conversation.kinds.record import LONGEST, FormText
from reviewlib.conversation.records import Records
from reviewlib.pages import blocks, forms, labels
from reviewlib.pages.forms import context as contexts
from reviewlib.pages.forms import exporting, feedback_forms, fields, plan_forms, sections, typing_fence
from reviewlib.pages.forms.context import KEPT_AS
from reviewlib.pages.forms.fields import PRIVATE, Spec
from reviewlib.pages.forms.form import Form
from reviewlib.pages.forms.importing import Import
from reviewlib.pages.rendering import Display
from reviewlib.params import reading as params_reading
from reviewlib.periods import FiscalYear, Period
from reviewlib.review import Review

pytestmark = pytest.mark.usefixtures("own_data_folder", "nothing_is_swallowed")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_fields_carry_the_words_of_the_model(kind: str) -> None:
    """Every field of every kind can be a field of a form, labelled with the model's own title."""
    made = Spec(KINDS[kind], FormText("feedback", "Write"))
    assert {one.name: one.label for one in made.fields} == {
        name: info.title or name for name, info in KINDS[kind].model.model_fields.items()
    }


def test_a_save_stores_what_stands_in_the_fields_and_echoes_it(table: Table) -> None:
    """What was typed is in the journal to the character, and the form shows what the journal returned, when and by whom."""
    text = "First line\n\n  <script>alert(1)</script> & “quotes” – ё 中 🎯\nlast"
    form = table.save(FORMS["feedback"], **POINT | {"text": text})
    (entry,) = table.entries()
    assert entry.payload.model_dump() == {"stance": "strength", "kpi": "win_rate", "behaviour": "", "text": text, "example": ""}
    assert "Saved</b> on" in form.status.value
    assert "by Daniel Brandt" in form.status.value
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in form.status.value
    assert "<script>" not in form.status.value


def test_a_second_save_of_the_same_stores_nothing(table: Table) -> None:
    """Saving twice is one entry, and the form says that nothing has changed."""
    form = table.save(FORMS["feedback"], **POINT)
    form.save.click()
    assert len(table.entries()) == 1
    assert "Nothing has changed" in form.status.value


def test_a_save_opens_the_journal_once_for_all_that_is_shown_of_it(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing, the record below and every other form's right to write are one opening; params are not read again."""
    form = table.save(FORMS["feedback"], **POINT)
    others = [table.form(spec) for spec in (FORMS["concern"], FORMS["note"])]
    openings, begin = [], Journal.__init__

    def opened(store: Journal, *given: Any, **named: Any) -> None:
        openings.append(store)
        begin(store, *given, **named)

    monkeypatch.setattr(Journal, "__init__", opened)
    monkeypatch.setattr(params_reading, "load", lambda _: pytest.fail("the params file was read again"))
    form.controls["text"].widget.value = "Better words."
    form.save.click()
    assert len(openings) == 1
    assert len(table.context.forms) == len(others) + 1
    (entry,) = table.entries()
    assert entry.payload.text == "Better words."  # type: ignore[attr-defined]


def test_a_double_click_saves_once(table: Table) -> None:
    """A second click while the first is under way does nothing, and the buttons are closed meanwhile."""
    table.gate.open = False
    form = table.save(FORMS["feedback"], **POINT)
    assert form.save.disabled
    form.save.click()
    assert len(table.gate.waiting) == 1
    table.gate.let_through()
    assert len(table.entries()) == 1
    assert not form.save.disabled


def test_words_that_arrive_after_the_click_are_saved(table: Table) -> None:
    """What was typed before the click and comes through late is in the entry."""
    table.gate.open = False
    form = table.save(FORMS["feedback"], **POINT | {"text": "You said"})
    form.controls["text"].widget.value = "You said no in time."
    table.gate.let_through()
    (entry,) = table.entries()
    assert entry.payload.text == "You said no in time."  # type: ignore[attr-defined]


def test_changes_after_a_save_are_an_edit(table: Table) -> None:
    """The form goes on with what it saved: a change supersedes it."""
    form = table.save(FORMS["feedback"], **POINT)
    first = table.entries()[0]
    form.controls["text"].widget.value = "Better words."
    form.save.click()
    (entry,) = table.entries()
    assert (entry.supersedes, entry.payload.text) == (first.id, "Better words.")  # type: ignore[attr-defined]


def test_another_one_starts_empty(table: Table) -> None:
    """After a save the form can begin a new entry; the first stays."""
    form = table.save(FORMS["feedback"], **POINT)
    form.again.click()
    assert form.controls["text"].value == ""
    form.controls["stance"].widget.value, form.controls["behaviour"].widget.value = "improve", "Listening"
    form.controls["text"].widget.value = "Let them finish."
    form.save.click()
    assert [entry.payload.text for entry in table.entries()] == [POINT["text"], "Let them finish."]  # type: ignore[attr-defined]


def test_an_entry_is_chosen_and_edited(table: Table) -> None:
    """An entry of before is filled into the form as it was said, and edited."""
    table.save(FORMS["goal"], statement="Win more", kpi="win_rate", target="57.5%", due="2026-12-31")
    form = Form(table.context, FORMS["goal"])
    assert form.picker is not None
    form.picker.widget.value = form.picker.widget.options[1][1]
    held = {name: control.value for name, control in form.controls.items()}
    assert (held["statement"], held["target"], held["due"]) == ("Win more", "57.5%", "2026-12-31")
    form.controls["target"].widget.value = "60%"
    form.save.click()
    (entry,) = table.entries("goal")
    assert entry.payload.target == 0.6  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("spec", "values", "wrong"),
    [
        (FORMS["feedback"], {**POINT, "text": "  \n"}, "text"),
        (FORMS["feedback"], {**POINT, "text": "x" * (LONGEST + 1)}, "text"),
        (FORMS["feedback"], {**POINT, "text": "bell \x07"}, "text"),
        (FORMS["feedback"], {**POINT, "stance": ""}, "stance"),
        (FORMS["goal"], {"statement": "Win", "due": "31.12.2026"}, "due"),
        (FORMS["goal"], {"statement": "Win", "target": "lots"}, "target"),
        (FORMS["action"], {"decision": "added", "text": ""}, "text"),
        (FORMS["rating"], {}, "value"),
        (FORMS["recognition"], {}, "title"),
    ],
)
def test_an_error_stands_at_its_field(table: Table, spec: Spec, values: dict[str, Any], wrong: str) -> None:
    """Nothing is stored, the field says in words what is wrong, and what was typed stays."""
    form = table.save(spec, **values)
    assert table.entries() == []
    assert "To correct:" in form.controls[wrong].message.value
    assert "Not saved" in form.status.value
    assert {name: form.controls[name].value for name in values} == values
    assert not form.save.disabled


def test_an_error_of_the_whole_is_said_below(table: Table) -> None:
    """What is wrong with no single field stands at the button."""
    form = table.save(FORMS["feedback"], **POINT | {"kpi": ""})
    assert "Link it to a figure" in form.status.value
    assert table.entries() == []


def _overtaken(table: Table) -> Form:
    table.save(FORMS["feedback"], **POINT)
    (first,) = table.entries()
    form = Form(table.context, FORMS["feedback"])
    assert form.picker is not None
    form.picker.widget.value = first.id
    table.context.records.write("feedback", supersedes=first.id, **POINT | {"text": "Theirs."})
    form.controls["text"].widget.value = "Mine."
    form.save.click()
    return form


def test_a_conflict_shows_both_texts(table: Table) -> None:
    """Where somebody else saved first both texts stand beside each other, and nothing is overwritten."""
    form = _overtaken(table)
    assert "Theirs." in form.status.value
    assert "Mine." in form.status.value
    assert form.choice.layout.display == ""
    assert [entry.payload.text for entry in table.entries()] == ["Theirs."]  # type: ignore[attr-defined]


def test_a_conflict_shows_both_texts_in_the_same_words(table: Table) -> None:
    """What was chosen from a list stands on both sides as the list says it, not as the journal holds it."""
    shown = _overtaken(table).status.value
    figure = table.context.review.kpis["win_rate"].label
    for words in ("Strength", figure):
        assert shown.count(f">{words}<") == 2, words
    for value in ("strength", "win_rate"):
        assert f">{value}<" not in shown


def test_a_form_asks_what_to_change_once_there_is_something(table: Table) -> None:
    """A list with nothing in it but a new one is not shown; the first save brings it."""
    form = table.form(FORMS["feedback"], **POINT)
    assert form.picker is not None
    assert form.picker.box.layout.display == "none"
    form.save.click()
    assert form.picker.box.layout.display == ""
    assert Form(table.context, FORMS["feedback"]).picker.box.layout.display == ""  # type: ignore[union-attr]


def test_everything_that_is_to_be_chosen_is_named_at_once(table: Table) -> None:
    """Neither what the rep's word is on nor the word itself is chosen: both fields say so after one click."""
    form = table.save(FORMS["board"])
    for name in ("of", "agrees"):
        assert "choose one" in form.controls[name].message.value
    assert "To correct: On, Agrees." in form.status.value


def test_what_is_wrong_with_a_form_as_a_whole_is_a_sentence(table: Table) -> None:
    """Below the button it begins with a capital letter."""
    assert "Every part is empty; write at least one" in table.save(FORMS["self_review"]).status.value


def test_what_is_filled_in_is_not_asked_for(table: Table) -> None:
    """The snapshot of a disputed figure is no field of the form, and stands in the entry."""
    form = table.save(FORMS["dispute"], kpi="win_rate", reason="One deal was won in June.")
    assert "snapshot" not in form.controls
    (entry,) = table.entries("dispute")
    assert entry.payload.snapshot  # type: ignore[attr-defined]


def test_a_conflict_is_settled_with_mine(table: Table) -> None:
    """“Save mine instead” supersedes theirs; both stay in the history."""
    form = _overtaken(table)
    form.mine.click()
    (entry,) = table.entries()
    assert entry.payload.text == "Mine."  # type: ignore[attr-defined]
    assert len(table.context.records.history(entry.id)) == 3
    assert form.choice.layout.display == "none"


def test_a_conflict_is_settled_with_theirs(table: Table) -> None:
    """“Keep theirs” stores nothing and shows theirs in the form."""
    form = _overtaken(table)
    form.theirs.click()
    assert form.controls["text"].value == "Theirs."
    assert [entry.payload.text for entry in table.entries()] == ["Theirs."]  # type: ignore[attr-defined]


def test_unsaved_words_are_offered_again(table: Table) -> None:
    """A form that is made again holds what was typed, opens by itself and says that it is not saved."""
    table.form(FORMS["feedback"], **POINT)
    again = Form(table.context, FORMS["feedback"])
    assert again.controls["text"].value == POINT["text"]
    assert "Not saved yet" in again.status.value
    assert again.opener.value
    assert table.entries() == []


def test_discarded_words_are_gone(table: Table) -> None:
    """“Discard” is the only way that what was typed goes."""
    form = table.form(FORMS["feedback"], **POINT)
    assert form.again.description == "Discard what is not saved"
    form.again.click()
    assert form.controls["text"].value == ""
    assert not Form(table.context, FORMS["feedback"]).opener.value


def test_a_save_reaches_the_form_that_the_cell_made_meanwhile(table: Table) -> None:
    """Click, then Run All: late words go to the new form, the entry is stored once, and the new form says so."""
    table.gate.open = False
    old = table.save(FORMS["feedback"], **POINT | {"text": "You"})
    new = Form(table.context, FORMS["feedback"])
    old.controls["text"].widget.value = "You said no in time."
    table.gate.let_through()
    assert [entry.payload.text for entry in table.entries()] == ["You said no in time."]  # type: ignore[attr-defined]
    assert new.controls["text"].value == "You said no in time."
    assert "Saved" in new.status.value
    assert not new.save.disabled
    new.save.click()
    table.gate.let_through()
    assert len(table.entries()) == 1


@dataclass
class Meanwhile:
    """A save in another thread, begun in the middle of a call and given half a second to come first."""

    form: Form
    thread: threading.Thread | None = None

    def during(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*given: Any, **named: Any) -> Any:
            result = call(*given, **named)
            if self.thread is None:
                self.thread = threading.Thread(target=self.form.save.click)
                self.thread.start()
                self.thread.join(0.5)
            return result

        return called

    def over(self) -> None:
        assert self.thread is not None
        self.thread.join()


@pytest.mark.parametrize("moment", ["the record is read", "the record is shown"])
def test_a_save_while_the_cell_runs_again_stands_in_its_record(
    table: Table, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Click, then Run All: whenever the save comes between, the record on the screen ends with what was saved."""
    seen: list[Any] = []

    def display(what: Any, **_: Any) -> SimpleNamespace:
        seen.append(what)
        return SimpleNamespace(update=seen.append)

    context, reopened = table.context, replace(table.context.review)
    save = Meanwhile(table.form(FORMS["feedback"], **POINT))
    made = sections.section(reopened, blocks.feedback)
    monkeypatch.setattr("IPython.display.display", display)
    monkeypatch.setattr(contexts, "alive", lambda: True)
    monkeypatch.setattr(contexts, "_shell", lambda: SimpleNamespace(user_ns={KEPT_AS: {context.review.about: context}}))
    monkeypatch.setattr("reviewlib.pages.forms.context.open_records", lambda *_: context.records)
    if moment == "the record is read":
        monkeypatch.setattr(Records, "minutes", save.during(Records.minutes))
    else:
        made = replace(made, show=save.during(blocks.feedback))
    made._ipython_display_()
    save.over()
    assert POINT["text"] in [what.html for what in seen if isinstance(what, Display)][-1]


def test_an_unforeseen_error_loses_nothing(
    table: Table, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever happens in a save, the form says that it is not saved, keeps the words and can be tried again."""
    form = table.form(FORMS["feedback"], **POINT)
    with monkeypatch.context() as broken:
        broken.setattr(type(table.context.records), "write", lambda *_, **__: 1 / 0)
        form.save.click()
    assert "division by zero" in caplog.text
    caplog.clear()
    assert "Not saved." in form.status.value
    form.save.click()
    assert len(table.entries()) == 1


def test_who_may_not_write_sees_why(tmp_path: Path) -> None:
    """Fields and button are closed for somebody without the right, and the reason stands above them."""
    form = Form(sit_down(tmp_path, login="ana").context, FORMS["feedback"])
    assert form.save.disabled
    assert all(control.widget.disabled for control in form.controls.values())
    assert "this is the manager’s word" in form.reason.value


def test_forms_open_and_close_with_the_state(table: Table) -> None:
    """Signing opens with the release; after both signatures only amendments are open, and no typed text is touched."""
    sign = Form(table.context, FORMS["sign_manager"])
    words = table.form(FORMS["feedback"], **POINT)
    words.opener.value = True
    assert sign.controls["name"].widget.disabled
    table.save(FORMS["release"], snapshot=table.context.review.workbook.snapshot)
    assert not sign.controls["name"].widget.disabled
    for spec in (FORMS["sign_manager"], FORMS["sign_rep"]):
        table.save(spec, how="agree", name="Somebody")
    assert {entry.payload.side for entry in table.entries("signoff")} == {"manager", "rep"}  # type: ignore[attr-defined]
    assert words.save.disabled
    assert words.controls["text"].value == POINT["text"]
    table.save(FORMS["amendment"], text="The tender counts.")
    assert len(table.entries("amendment")) == 1


def test_a_released_review_keeps_what_blocks_in_sight(table: Table) -> None:
    """Before release the form says what is not there yet."""
    assert feedback_forms.missing(table.context)[:2] == ["There is no feedback yet.", "Amara’s own view is not in yet."]
    table.save(FORMS["feedback"], **POINT)
    assert "There is no feedback yet." not in feedback_forms.missing(table.context)


def test_recommendations_are_taken_up_and_turned_down(table: Table) -> None:
    """An accepted recommendation carries its own words and figure; a dismissed one the reason."""
    recommended = plan_forms.recommendations(table.context)
    first, second = list(recommended)[:2]
    form = table.save(FORMS["action"], recommended=first, decision="accepted", due="2026-11-30")
    form.again.click()
    for name, value in {"recommended": second, "decision": "dismissed", "reason": "Not now."}.items():
        form.controls[name].widget.value = value
    form.save.click()
    said = [entry.payload.model_dump() for entry in table.entries("action")]
    assert [(one["decision"], one["recommended"], one["text"], one["reason"]) for one in said] == [
        ("accepted", first, first, ""),
        ("dismissed", second, "", "Not now."),
    ]
    assert [one["kpi"] for one in said] == [recommended[first][0], recommended[second][0]]


def test_an_achievement_is_confirmed_in_its_own_words(table: Table) -> None:
    """What the rules found is recorded with rule, figure and sentence, and its reward."""
    form = Form(table.context, FORMS["recognition"])
    found = form.controls["_found"].widget.options[1][1]
    table.save(FORMS["recognition"], _found=found, reward="bonus", for_board=True)
    (entry,) = table.entries("recognition")
    assert entry.payload.model_dump() == {
        "title": "Sales revenue: target exceeded",
        "text": "€398,220, 106.2% of the target of €375,000.",
        "rule": "target_exceeded",
        "kpi": "revenue",
        "reward": "bonus",
        "reward_text": "",
        "for_board": True,
    }


def test_a_goal_takes_its_baseline_from_the_scorecard(table: Table) -> None:
    """An empty baseline is this period's figure, said below the field; the five letters follow the fields."""
    form = table.form(FORMS["goal"], kpi="win_rate")
    assert "Left empty: 53.2609%" in form.controls["baseline"].message.value
    assert form.advice.value.count("Holds") < 3
    form.controls["statement"].widget.value = "Win more"
    form.controls["scope"].widget.value = "own deals"
    form.controls["target"].widget.value = "55%"
    assert "own deals" in form.advice.value
    assert "53.3% to 55.0%" in form.advice.value
    form.save.click()
    (entry,) = table.entries("goal")
    assert entry.payload.baseline == table.context.review.figure("win_rate").value  # type: ignore[attr-defined]


def test_a_goal_covers_periods_of_the_workbooks_own_year(table: Table) -> None:
    """The years on offer are those of the fiscal year in which the coming reviews lie, by its own name."""
    july = FiscalYear(7)
    period = Period.parse("2027-Q1", july)
    table.context.review = replace(table.context.review, period=period)
    names = [name for _, name in table.form(FORMS["goal"]).controls["over"].widget.options]
    assert names == ["", "2027-Q2", "2027-Q3", "2027-Q4", "2028-Q1", "FY2027", "FY2028"]


def test_coming_reviews_follow_the_cadence(tmp_path: Path) -> None:
    """Who is reviewed by the half has the coming halves on offer, also in a review of a quarter."""
    table = sit_down(tmp_path, cadence={"rep": "half"})
    names = [name for _, name in table.form(FORMS["goal"]).controls["over"].widget.options]
    assert names == ["", "2026-H2", "2027-H1", "2027-H2", "2028-H1", "FY2026", "FY2027", "FY2028"]


def test_goals_get_steps_and_the_reps_word(table: Table) -> None:
    """A milestone names its goal, and the rep's word the goal's version that it was given on, in the rep's name."""
    table.save(FORMS["goal"], statement="Win more", kpi="win_rate", target="60%", due="2026-12-31")
    goal = table.entries("goal")[0]
    table.save(FORMS["milestone"], of=goal.id, text="Ten calls", due="2026-11-01")
    form = table.context.forms["goal"]
    form.controls["target"].widget.value = "58%"
    form.save.click()
    table.save(FORMS["agreement"], of=goal.id, agrees="yes")
    agreement, milestone = table.entries("agreement")[0], table.entries("milestone")[0]
    assert (agreement.on_behalf_of, agreement.of) == ("R-014", table.entries("goal")[0].id)
    assert milestone.of == goal.id
    assert table.context.minutes.agreed(table.entries("goal")[0]) is not None


def test_updates_offer_what_can_become_of_it(table: Table) -> None:
    """The list of what may have happened follows what is chosen; what has ended is not offered any more."""
    table.save(FORMS["goal"], statement="Win more", kpi="win_rate")
    goal = table.entries("goal")[0]
    form = table.form(FORMS["update"], of=goal.id)
    assert [value for _, value in form.controls["status"].widget.options] == ["", "open", "met", "missed", "lapsed", "dropped"]
    form.controls["status"].widget.value = "met"
    form.save.click()
    assert table.entries("update")[0].payload.status == "met"  # type: ignore[attr-defined]
    assert plan_forms.followed_up(table.context) == []


def test_a_proposal_is_planned_as_it_stands(table: Table) -> None:
    """A proposed development item needs no typing; it can be changed afterwards by the same form."""
    form = Form(table.context, FORMS["development"])
    proposal = form.controls["_proposal"].widget.options[1][1]
    form.controls["_proposal"].widget.value = proposal
    form.save.click()
    (entry,) = table.entries("development")
    assert f"{entry.payload.skill}: {entry.payload.text}" == proposal  # type: ignore[attr-defined]
    form.controls["due"].widget.value = "2026-12-01"
    form.save.click()
    assert str(table.entries("development")[0].payload.due) == "2026-12-01"  # type: ignore[attr-defined]


def test_what_is_for_managers_only_is_marked_so(table: Table) -> None:
    """A private concern and every note are stored as manager_only, and the echo says so."""
    form = table.save(FORMS["concern"], text="Too many accounts", **{PRIVATE: True})
    table.save(FORMS["note"], text="Watch this")
    assert {entry.visibility for entry in table.entries()} == {"manager_only"}
    assert "for managers only" in form.status.value


def test_a_dispute_is_resolved(table: Table) -> None:
    """The rep's dispute is written in the rep's name, its resolution names it and the figures that were disputed."""
    table.save(FORMS["dispute"], kpi="win_rate", deal="D-12", reason="Won in June")
    dispute = table.entries("dispute")[0]
    table.save(FORMS["resolution"], of=dispute.id, outcome="accepted", text="Corrected.")
    resolution = table.entries("resolution")[0]
    assert (dispute.on_behalf_of, resolution.of) == ("R-014", dispute.id)
    assert resolution.payload.snapshot_before == table.context.review.workbook.snapshot  # type: ignore[attr-defined]


def _answer(table: Table, text: str) -> str:
    book = answer_form.Book(table.context.records.params.name, "Book", "Amara Okafor", "2026-Q3")
    form = answer_form.response_form(replace(table.context.minutes, audience="rep"), book=book, kpis=[("win_rate", "Win rate")])
    mark = next(line for line in form.splitlines() if line.startswith("[[Perspective"))
    before, _, after = form.partition(mark)
    guide, _, rest = after.partition("\n\n")
    return f"{before}{mark}{guide}\n\n{text}\n\n{rest}"


def test_an_answer_is_shown_and_recorded(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pasted, it is shown without being recorded; recorded, it is in the journal once, in the rep's name."""
    monkeypatch.setattr("reviewlib.conversation.answers.importing._kpis", lambda *_: [("win_rate", "Win rate")])
    form = Import(table.context)
    form.text.widget.value = _answer(table, "A good quarter.")
    form.preview.click()
    assert "1 entry to record" in form.status.value
    assert table.entries() == []
    form.record.click()
    form.record.click()
    table.save(FORMS["feedback"], **POINT)
    (entry,) = table.entries("self_review")
    assert (entry.payload.perspective, entry.on_behalf_of) == ("A good quarter.", "R-014")  # type: ignore[attr-defined]
    assert entry.source


def test_a_strangers_answer_is_recorded_only_where_the_box_is_ticked(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """The preview names the sender; the box stands there for this one answer only, and is gone with another text."""
    monkeypatch.setattr("reviewlib.conversation.answers.importing._kpis", lambda *_: [("win_rate", "Win rate")])
    give_address(table.context.records.params, "R-014", "amara@example.com")
    mail = "From: Amara <mallory@evil.example>\nMIME-Version: 1.0\n\n"
    table.save(FORMS["feedback"], **POINT)
    form = Import(table.context)
    assert form.unverified.layout.display == "none"
    form.text.widget.value = mail + _answer(table, "A good quarter.")
    form.preview.click()
    for words in ("mallory@evil.example", "amara@example.com", "nothing was recorded", "1 entry to record"):
        assert words in form.status.value
    assert form.unverified.layout.display == ""
    form.record.click()
    assert "mallory@evil.example" in form.status.value
    assert table.entries("self_review") == []
    form.unverified.value = True
    form.text.widget.value = mail + _answer(table, "A bad quarter.")
    assert (form.unverified.value, form.unverified.layout.display, form.status.value) == (False, "none", "")
    form.record.click()
    assert table.entries("self_review") == []
    form.unverified.value = True
    form.record.click()
    assert "Recorded</b> on" in form.status.value
    assert (form.unverified.value, form.unverified.layout.display) == (False, "none")
    (entry,) = table.entries("self_review")
    assert str(entry.source).endswith(" other_sender")


def test_an_answer_from_the_reps_address_needs_no_box(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """The preview says that the sender fits, and it is recorded at once."""
    monkeypatch.setattr("reviewlib.conversation.answers.importing._kpis", lambda *_: [("win_rate", "Win rate")])
    give_address(table.context.records.params, "R-014", "amara@example.com")
    table.save(FORMS["feedback"], **POINT)
    form = Import(table.context)
    form.text.widget.value = "From: amara@example.com\nMIME-Version: 1.0\n\n" + _answer(table, "A good quarter.")
    form.preview.click()
    assert "the address of Amara Okafor in the reps table" in form.status.value
    assert form.unverified.layout.display == "none"
    form.record.click()
    (entry,) = table.entries("self_review")
    assert str(entry.source).endswith(" address")


def test_an_answer_that_is_not_understood_says_where(table: Table) -> None:
    """Nothing is recorded of an answer that is no form, and the lines are named."""
    form = Import(table.context)
    form.text.widget.value = "Dear Daniel,\nall is well."
    form.record.click()
    assert "line 1" in form.status.value
    form.text.widget.value = "MIME-Version: 1.0\n" + "Content-Type: message/rfc822\n\n" * 2_000
    form.record.click()
    assert "more than 100 parts" in form.status.value
    assert table.entries() == []
    form.text.widget.value = ""
    form.record.click()
    assert "Paste the answer" in form.status.value


def test_the_export_names_the_pages(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command is that of the review, and a failed page is told with its reason."""
    command = exporting.command(table.context)
    assert command[1:4] == ["-m", "reviewlib", "run"]
    monkeypatch.setenv(contexts.SESSION, "one.ipynb")
    assert contexts.SESSION not in exporting.environment()
    assert command[5:] == ["--period", "2026-Q3", "--rep", "R-014", "--json"]
    rows = [
        {"kind": "rep", "subject": "R-014", "audience": "manager", "page": "north/manager/a.html", "error": None},
        {"kind": "rep", "subject": "R-014", "audience": "rep", "page": "north/rep/a.html", "error": "a cell failed"},
        {"kind": "team", "subject": "North", "audience": "manager", "page": "north/team.html", "error": None},
    ]
    pages = exporting.pages_of(table.context, rows)
    assert [(path, error) for _, path, error in pages] == [
        ("reports/book/2026-Q3/north/manager/a.html", ""),
        ("reports/book/2026-Q3/north/rep/a.html", "a cell failed"),
    ]


@pytest.mark.parametrize(
    ("text", "locale", "value"),
    [
        ("45%", "en", 0.45),
        (" 12,500 ", "en", 12500.0),
        ("12.500", "de", 12500.0),
        ("1,5", "de", 1.5),
        ("−3", "en", -3.0),
        ("", "en", None),
    ],
)
def test_numbers_are_read_as_the_workbook_writes_them(text: str, locale: str, value: float | None) -> None:
    """A percent sign makes a fraction, and the locale's own marks count."""
    assert fields.number(text, locale=locale) == value


@pytest.mark.parametrize("text", ["1,5", "12.500,00", "about 3", "%", "1e999"])
def test_numbers_in_doubt_are_refused(text: str) -> None:
    """What another locale would read otherwise is not guessed."""
    with pytest.raises(fields.UnreadableError):
        fields.number(text, locale="en")


@pytest.mark.parametrize("value", [0.1 + 0.2, 0.07, 1 / 3, 0.575])
def test_a_percentage_survives_the_way_through_a_field(value: float) -> None:
    """A fraction filled into a field and read again is the same to ten digits."""
    assert fields.number(labels.number_text(value, "percent"), locale="en") == pytest.approx(value, rel=1e-9)


@dataclass
class Timer:
    """Calls by hand, in the order of their time."""

    calls: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def __call__(self, seconds: float, call: Callable[[], None]) -> None:
        self.calls.append((seconds, call))

    def run(self, seconds: float) -> None:
        due = [call for call in self.calls if call[0] == seconds]
        self.calls = [call for call in self.calls if call[0] != seconds]
        for _, call in due:
            call()


def test_the_fence_waits_for_the_echo() -> None:
    """Nothing is saved before the browser has answered, and then once, after the pause."""
    timer, saved = Timer(), list[int]()
    fence = typing_fence.Fence(timer)
    fence.then(lambda: saved.append(1))
    timer.run(typing_fence.PAUSE)
    assert saved == []
    fence._heard.value = fence._asked.value
    timer.run(typing_fence.PAUSE)
    for _ in range(2 * typing_fence.TICKS):
        timer.run(typing_fence.TICK)
    timer.run(typing_fence.PAUSE)
    assert saved == [1]


def test_the_fence_gives_a_closed_page_up() -> None:
    """Without an answer the save comes after some seconds in which the kernel was free."""
    timer, saved = Timer(), list[int]()
    typing_fence.Fence(timer).then(lambda: saved.append(1))
    for _ in range(typing_fence.TICKS):
        timer.run(typing_fence.TICK)
    timer.run(typing_fence.PAUSE)
    assert saved == [1]


def _review(audience: str) -> Review:
    return pages_fixture.opened(pages_fixture.rep_slice(audience))


@pytest.mark.parametrize("name", forms.__all__)
def test_the_reps_copy_has_the_section_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the rep a form is the block, even in a live JupyterLab."""
    monkeypatch.setattr(contexts, "alive", lambda: True)
    review = _review("rep")
    assert getattr(forms, name)(review) == getattr(blocks, name)(review)


@pytest.mark.parametrize("name", forms.__all__)
def test_a_run_without_a_reader_makes_the_section_with_a_hint(name: str) -> None:
    """Under papermill the manager's section is the block with a hint that pages hide; no widget is made."""
    review = _review("manager")
    shown, block = getattr(forms, name)(review), getattr(blocks, name)(review)
    assert (shown.text, shown.metadata) == (block.text, block.metadata)
    assert shown.html.startswith(block.html)
    assert shown.html.removeprefix(block.html).strip() == '<p class="rl-run" hidden>Run all cells to edit.</p>'
    with pytest.raises(NotImplementedError):
        shown._ipython_display_()


@pytest.mark.default
def test_no_widget_library_is_loaded_without_a_reader() -> None:
    """A kernel that only runs the notebook does not import ipywidgets."""
    code = (
        "import sys, pages_fixture; from reviewlib.pages import forms;"
        "review = pages_fixture.opened(pages_fixture.rep_slice('manager'));"
        "[getattr(forms, name)(review)._repr_mimebundle_() for name in forms.__all__]; print('ipywidgets' in sys.modules)"
    )
    environment = {**os.environ, "JPY_SESSION_NAME": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
