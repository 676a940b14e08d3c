"""What is typed into a form and not saved is on disk until it is saved or dropped; here without a browser."""

from __future__ import annotations

import json
import os
import stat
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from forms_fixture import FORMS, POINT, Table, sit_down
from records_fixture import as_login

from reviewlib import files
from reviewlib.conversation.entries import Entry
from reviewlib.pages.forms.context import FormContext
from reviewlib.pages.forms.fields import Spec
from reviewlib.pages.forms.form import Form
from reviewlib.pages.forms.importing import Import

pytestmark = pytest.mark.usefixtures("own_data_folder", "nothing_is_swallowed")

SPECS = list(FORMS.values())


def restarted(table: Table) -> Table:
    """The same review, login and journal in another kernel."""
    context = table.context
    review = replace(context.review, minutes=context.records.minutes())
    return Table(FormContext(review, context.records, context.fence, context.review), table.gate)


def lying(folder: Path) -> list[Path]:
    """Everything that lies among the drafts."""
    return sorted((folder / "reviewlib" / "drafts").glob("*"))


def texts(entries: list[Entry]) -> list[str]:
    return [entry.payload.text for entry in entries]  # type: ignore[attr-defined]


def test_every_change_is_on_disk_at_once_for_nobody_else(table: Table, own_data_folder: Path) -> None:
    """Each word that arrives is in a file of its own, readable by its owner alone, whose name says nothing of anybody."""
    form = table.form(FORMS["feedback"], **POINT)
    for text in ("Y", "Yo", "You \ud83d said “no”.\n"):
        form.controls["text"].widget.value = text
        (place,) = lying(own_data_folder)
        assert json.loads(place.read_text())["values"]["text"] == text
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert len(place.stem) == 32
    assert not set(place.stem) - set("0123456789abcdef")
    assert table.entries() == []


def test_another_kernel_offers_what_was_typed(table: Table, own_data_folder: Path) -> None:
    """After the kernel's end the form is filled in and open, says since when, and can be saved; then the file is gone."""
    table.form(FORMS["feedback"], **POINT)
    again = restarted(table)
    form = Form(again.context, FORMS["feedback"])
    assert form.opener.value
    assert {name: form.controls[name].value for name in POINT} == POINT
    assert "<b>Not saved yet:</b> typed on " in form.status.value
    assert form.again.description == "Discard what is not saved"
    form.save.click()
    assert texts(again.entries()) == [POINT["text"]]
    assert lying(own_data_folder) == []
    assert not Form(restarted(again).context, FORMS["feedback"]).draft.unsaved


def test_what_is_dropped_is_gone(table: Table, own_data_folder: Path) -> None:
    """“Discard” removes the file, also in another kernel, and late words of a form that was dropped bring nothing back."""
    old = table.form(FORMS["feedback"], **POINT)
    again = restarted(table)
    form = Form(again.context, FORMS["feedback"])
    form.again.click()
    assert lying(own_data_folder) == []
    assert form.controls["text"].value == ""
    older = again.form(FORMS["feedback"], **POINT)
    Form(again.context, FORMS["feedback"]).again.click()
    older.controls["text"].widget.value = "late"
    assert lying(own_data_folder) == []
    assert old.draft.unsaved


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_field_of_every_form_comes_back(table: Table, own_data_folder: Path, spec: Spec) -> None:
    """Texts, days, numbers, choices and checks stand in another kernel's form as they were left."""
    table.save(FORMS["goal"], statement="Win more", kpi="win_rate")
    form = table.form(spec)
    for control in form.controls.values():
        listed = getattr(control.widget, "options", None)
        filled: Any = True if control.field.form == "check" else "2026-12-31"
        control.widget.value = listed[-1][1] if listed else filled if listed is None else None
    held = {name: control.value for name, control in form.controls.items()}
    again = Form(restarted(table).context, spec)
    assert {name: control.value for name, control in again.controls.items()} == held
    assert len(lying(own_data_folder)) == int(form.draft.unsaved)


@pytest.mark.parametrize(("spec", "name"), [(FORMS["rating"], "value"), (FORMS["self_review"], "perspective")])
def test_a_form_of_one_entry_leaves_nothing_when_saved(table: Table, own_data_folder: Path, spec: Spec, name: str) -> None:
    """Also where there is nothing to choose from a save removes the file, and what is typed after it is kept."""
    form = table.form(spec)
    widget = form.controls[name].widget
    widget.value = widget.options[-1][1] if name == "value" else "A good quarter."
    assert len(lying(own_data_folder)) == 1
    form.save.click()
    assert "Saved</b> on" in form.status.value
    assert lying(own_data_folder) == []
    form.controls["comment" if name == "value" else name].widget.value = "A very good quarter."
    assert len(lying(own_data_folder)) == 1


def test_a_text_taken_back_leaves_nothing(table: Table, own_data_folder: Path) -> None:
    """A field that holds again what it held at first is no draft."""
    form = table.form(FORMS["feedback"], text="Y")
    form.controls["text"].widget.value = ""
    assert lying(own_data_folder) == []


def test_words_after_a_save_are_kept_as_a_change_of_it(table: Table, own_data_folder: Path) -> None:
    """What is typed on after a save is offered as an edit of what was saved."""
    form = table.save(FORMS["feedback"], **POINT)
    form.controls["text"].widget.value = "Better."
    assert len(lying(own_data_folder)) == 1
    again = restarted(table)
    form = Form(again.context, FORMS["feedback"])
    assert form.controls["text"].value == "Better."
    form.save.click()
    assert texts(again.entries()) == ["Better."]
    assert lying(own_data_folder) == []


def test_a_draft_of_what_somebody_changed_meanwhile_is_offered_with_a_word(table: Table) -> None:
    """It is filled in, says that there is another version, and Save shows both instead of laying it over theirs."""
    table.save(FORMS["feedback"], **POINT).controls["text"].widget.value = "Mine."
    (first,) = table.entries()
    table.context.records.write("feedback", supersedes=first.id, **POINT | {"text": "Theirs."})
    form = Form(restarted(table).context, FORMS["feedback"])
    assert form.controls["text"].value == "Mine."
    assert "Another version was saved since" in form.status.value
    form.save.click()
    assert "Theirs." in form.status.value
    assert texts(table.entries()) == ["Theirs."]
    form.mine.click()
    assert texts(table.entries()) == ["Mine."]


def test_a_kernel_that_ended_right_after_the_save_leaves_no_second_one(table: Table, own_data_folder: Path) -> None:
    """Where the entry is in the journal and the file was not removed any more, nothing is offered; words after it are."""
    form = table.form(FORMS["feedback"], **POINT)
    (place,) = lying(own_data_folder)
    left = place.read_bytes()
    form.save.click()
    place.write_bytes(left)
    assert not Form(restarted(table).context, FORMS["feedback"]).draft.unsaved
    assert lying(own_data_folder) == []
    place.write_bytes(left.replace(b"You said no", b"You always said no"))
    again = restarted(table)
    form = Form(again.context, FORMS["feedback"])
    assert form.controls["text"].value == "You always said no in time."
    form.save.click()
    assert texts(again.entries()) == ["You always said no in time."]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[]", b'{"values": {"text": 3}}', None, "other fields"],
    ids=["empty", "cut", "no text", "no draft", "a number", "a folder", "other fields"],
)
def test_a_damaged_draft_is_said_and_the_form_opens(table: Table, own_data_folder: Path, content: Any) -> None:
    """It says where the file is, touches it not before somebody types, and takes what is typed."""
    table.form(FORMS["feedback"], **POINT)
    (place,) = lying(own_data_folder)
    if content is None:
        place.unlink()
        place.mkdir()
    else:
        old = place.read_bytes().replace(b'"behaviour"', b'"manner"')
        place.write_bytes(old if content == "other fields" else content)
    again = restarted(table)
    form = Form(again.context, FORMS["feedback"])
    assert "cannot be read" in form.status.value
    assert str(place) in form.status.value
    assert form.opener.value
    assert place.exists()
    for name, value in POINT.items():
        form.controls[name].widget.value = value
    form.save.click()
    assert texts(again.entries()) == [POINT["text"]]


def test_a_draft_that_cannot_be_kept_is_said_where_it_is_typed(
    table: Table, own_data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk the form says so in its line, works, and saves; nothing is said any more once there is room."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files, "write", full)
        form = table.form(FORMS["feedback"], **POINT)
        assert form.status.value.count("Nor is it kept on disk (No space left on device)") == 1
        form.save.click()
        assert texts(table.entries()) == [POINT["text"]]
        form.controls["text"].widget.value = "Better."
    form.controls["text"].widget.value = "Better words."
    assert "Not saved yet" in form.status.value
    assert "Nor is it kept" not in form.status.value
    assert len(lying(own_data_folder)) == 1


def test_logins_and_reviews_do_not_see_each_other(tmp_path: Path, own_data_folder: Path) -> None:
    """A draft is of one login, one review and one form, though one account of the machine holds them all."""
    table = sit_down(tmp_path)
    table.form(FORMS["feedback"], **POINT)
    context = table.context
    for records in (
        as_login(context.records.params, "ana", subject="R-014"),
        replace(context.records, about=replace(context.records.about, period="2026-Q2")),
    ):
        other = FormContext(context.review, records, context.fence, context.review)
        assert not Form(other, FORMS["feedback"]).draft.unsaved
    assert not Form(restarted(table).context, FORMS["goal"]).draft.unsaved
    assert len(lying(own_data_folder)) == 1


def test_the_forms_of_one_review_keep_a_draft_each(table: Table, own_data_folder: Path) -> None:
    """A new entry, a change of another, a goal and a pasted answer are four drafts; each comes back where it was."""
    table.save(FORMS["feedback"], **POINT).controls["text"].widget.value = "A change."
    form = table.context.forms["feedback"]
    form.picker.widget.value = ""  # type: ignore[union-attr]
    form.controls["text"].widget.value = "A new one."
    table.form(FORMS["goal"], statement="Win more", target="5")
    Import(table.context).text.widget.value = "Dear Daniel,"
    assert len(lying(own_data_folder)) == 4
    again = restarted(table)
    form = Form(again.context, FORMS["feedback"])
    assert form.controls["text"].value == "A new one."
    form.picker.widget.value = form.picker.widget.options[1][1]  # type: ignore[union-attr]
    assert form.controls["text"].value == "A change."
    assert "typed on" in form.status.value
    goal = Form(again.context, FORMS["goal"])
    assert (goal.controls["statement"].value, goal.controls["target"].value) == ("Win more", "5")
    answer = Import(again.context)
    assert answer.text.value == "Dear Daniel,"
    assert "typed on" in answer.status.value
    answer.clear.click()
    assert len(lying(own_data_folder)) == 3


def test_what_a_killed_writer_left_goes_after_an_hour(table: Table, own_data_folder: Path) -> None:
    """A part that was never moved in holds what somebody typed; an old one is removed, one of a writer at work is not."""
    folder = own_data_folder / "reviewlib" / "drafts"
    folder.mkdir(parents=True)
    old, young = folder / ".0a.part", folder / ".0b.part"
    for part in (old, young):
        part.write_text("Yo")
    long_ago = time.time() - 4000
    os.utime(old, (long_ago, long_ago))
    Form(table.context, FORMS["feedback"])
    assert lying(own_data_folder) == [young]


def test_half_typed_days_and_numbers_are_kept_and_hurt_nothing(table: Table) -> None:
    """Text arrives while it is typed; what is half a number or a day is no error before it is saved."""
    form = table.form(FORMS["goal"], statement="Win more", kpi="win_rate")
    typed: dict[str, str] = {"target": "57.5%", "baseline": "-1,2", "due": "2026-12-31"}
    for name, text in typed.items():
        for end in range(1, len(text) + 1):
            form.controls[name].widget.value = text[:end]
            assert "To correct" not in form.controls[name].message.value
    assert {name: Form(restarted(table).context, FORMS["goal"]).controls[name].value for name in typed} == typed


def test_what_is_dropped_stays_dropped_where_its_file_cannot_be_removed(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder that is read-only by now the form does not offer again what was discarded."""

    def refused(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    table.form(FORMS["feedback"], **POINT)
    again = restarted(table)
    monkeypatch.setattr(Path, "unlink", refused)
    Form(again.context, FORMS["feedback"]).again.click()
    form = Form(again.context, FORMS["feedback"])
    assert form.controls["text"].value == ""
    assert not form.opener.value
