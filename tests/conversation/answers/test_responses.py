"""Answers as they arrive: from mail programs, from files, broken in every way."""

from __future__ import annotations

import html
import quopri
from collections.abc import Callable
from pathlib import Path

import letters
import pytest
from hypothesis import given
from hypothesis import strategies as st
from talk import Talk

from reviewlib.conversation.answers import form as forms_text
from reviewlib.conversation.answers import mails, responses
from reviewlib.errors import ResponseError

PROGRAMS = (letters.gmail, letters.outlook, letters.iphone, letters.thunderbird, letters.html_only, letters.attached)
LONG = "A line that every mail program has to break somewhere, since it is far longer than the width that they keep to. " * 3


def _form(**answers: str) -> str:
    talk = Talk()
    talk.manager("feedback", stance="improve", kpi="win_rate", text="Ask earlier.")
    talk.manager("goal", statement="Win rate to 30 %", kpi="win_rate")
    talk.manager("release", snapshot="7c41e09bd2aa")
    form = forms_text.response_form(talk.minutes("rep"), book=letters.BOOK, kpis=letters.KPIS)
    return letters.fill(form, **answers)


def _said(answer: responses.Answer) -> dict[str, str]:
    return {one.mark.words: one.text for one in answer.said if one.text}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_mails_say_what_was_typed(program: Callable[[str], bytes]) -> None:
    """Whatever program sent it, the fields say what was typed, and greeting and signature are listed, not lost."""
    answers = {"Perspective": letters.PERSPECTIVE, "Concern 1": LONG.strip(), "Reply F1": "> you said\nYes.", "Goal G1": "Ja"}
    body = _form(**{name.replace(" ", "_"): text for name, text in answers.items()})
    answer = responses.parse(mails.read_answer(program(body), name="answer.eml"))
    assert answer.problems == ()
    assert _said(answer) == answers


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_mail_is_known_by_its_name_or_by_its_first_line(program: Callable[[str], bytes]) -> None:
    """A saved mail is read as one under any name that its program gives it, if it begins as mails do."""
    content = b"Return-Path: <ella@example.com>\r\n" + program(_form(Insights="Yes"))
    assert _said(responses.parse(mails.read_answer(content, name="answer.txt"))) == {"Insights": "Yes"}


SOURCE = (
    "From: Ella <ella@example.com>\r\nTo: dan@example.com\r\nSubject: My answer,\r\n in two lines\r\n"
    "Date: Mon, 5 Oct 2026 10:00:00 +0200\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
)
ENCODED = "Spürbar besser, 40 % = gut, und das Jahr war insgesamt wirklich sehr erfolgreich, sagen alle."


@pytest.mark.parametrize("head", [SOURCE, f"\r\n{SOURCE}", f"From ella@example.com Mon Oct  5\r\n{SOURCE}"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_mail_s_source_is_decoded_whatever_the_file_is_called(head: str, encoding: str) -> None:
    """Saved as .txt or copied from the mail program's view of the source: the words come out as they were typed."""
    body = quopri.encodestring(_form(Perspective=ENCODED).encode(), quotetabs=False).decode().replace("\n", "\r\n")
    for name in ("answer.txt", "answer.eml"):
        answer = responses.parse(mails.read_answer((head + body).encode(encoding), name=name))
        assert answer.problems == ()
        assert _said(answer) == {"Perspective": ENCODED}


def test_a_piece_of_a_mail_s_source_is_refused() -> None:
    """What is encoded and does not say from the first line on how is not stored as it stands."""
    body = quopri.encodestring(_form(Perspective=ENCODED).encode(), quotetabs=False).decode()
    content = f"--=-boundary\nContent-Transfer-Encoding: quoted-printable\n\n{body}".encode()
    with pytest.raises(ResponseError, match="words are encoded"):
        mails.read_answer(content, name="answer.txt")
    typed = _form(Perspective="Content-Transfer-Encoding: base64")
    assert _said(responses.parse(mails.read_answer(typed.encode()))) == {"Perspective": "Content-Transfer-Encoding: base64"}


def test_lines_above_a_form_that_people_type_are_no_mail_s_fields() -> None:
    """A pasted heading of a mail is left out by name, not taken for fields whose text goes unseen."""
    answer = responses.parse(mails.read_answer(f"From: Ella\nTo: Daniel\nSubject: Hi\n\n{_form(Insights='Yes')}".encode()))
    assert [line.text for line in answer.left_out] == ["From: Ella", "To: Daniel", "Subject: Hi"]
    assert _said(answer) == {"Insights": "Yes"}


HIDDEN = (
    '<div style="display:none">SECRET<p>SECRET</p><br></div>',
    '<p style="color: red; DISPLAY : none">SECRET',
    '<span style="visibility:hidden"><b>SECRET</b></span>',
    "<div hidden>SECRET<img src=x></div>",
    '<div><span style="display:none">SECRET</div>',
    '<ul><li style="display:none">SECRET<li>seen</ul>',
    "<ul><div hidden><div><ul>SECRET</div></ul>",
)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_what_a_mail_hides_is_not_the_rep_s_words(hidden: str) -> None:
    """Text that no mail program shows is not taken, and what follows it is."""
    lines = _form(Insights="Yes").split("\n")
    body = "".join(f"<div>{html.escape(line) or '<br>'}</div>" for line in lines)
    mail = f"MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body>{hidden}{body}</body></html>"
    answer = responses.parse(mails.read_answer(mail.encode()))
    assert "SECRET" not in str(answer)
    assert _said(answer) == {"Insights": "Yes"}


@pytest.mark.parametrize(
    "head", ["<head><title>T</title><body>", "<head><title>T</title>", "<title>a <b></title>", "<p></title>"]
)
def test_a_head_that_is_not_closed_hides_no_word(head: str) -> None:
    """HTML may leave out where its head ends; what a title holds is its name, whatever signs are in it."""
    body = "".join(f"<div>{html.escape(line) or '<br>'}</div>" for line in _form(Insights="Yes").split("\n"))
    mail = f"MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html>{head}{body}"
    answer = responses.parse(mails.read_answer(mail.encode()))
    assert answer.problems == answer.left_out == ()
    assert _said(answer) == {"Insights": "Yes"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_form_files_are_read_in_the_encodings_that_they_declare(tmp_path: Path, encoding: str) -> None:
    """UTF-8 with or without a mark, and UTF-16 with one."""
    path = tmp_path / "form.md"
    path.write_bytes(_form(Insights=letters.PERSPECTIVE).replace("\n", "\r\n").encode(encoding))
    assert _said(responses.parse(mails.open_answer(path))) == {"Insights": letters.PERSPECTIVE}


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16-le"])
def test_a_file_in_an_undeclared_encoding_is_refused(encoding: str) -> None:
    """Nothing is guessed: the message says to save it as UTF-8 or as plain text."""
    with pytest.raises(ResponseError) as caught:
        mails.read_answer(_form(Insights="Größe").encode(encoding), name="form.md")
    assert "form.md" in str(caught.value)
    assert caught.value.do


def test_a_mail_that_is_not_what_it_declares_is_refused() -> None:
    """Bytes that are not of the declared character set are refused, not replaced by question marks."""
    content = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + _form(Insights="Größe").encode("cp1252")
    with pytest.raises(ResponseError, match="characters cannot be read"):
        mails.read_answer(content, name="a.eml")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The message names the file without its folders."""
    with pytest.raises(ResponseError) as caught:
        mails.open_answer(tmp_path / "gone.md")
    assert caught.value.where == "gone.md"


def test_two_forms_in_one_mail_are_refused() -> None:
    """A form in the text and another one attached: nobody guesses which one holds."""
    import email
    import email.policy

    message = email.message_from_bytes(letters.attached(_form(Insights="A")), policy=email.policy.SMTP)
    message.get_body(("plain",)).set_content(_form(Insights="B"))  # type: ignore[union-attr]
    with pytest.raises(ResponseError, match="more than one form"):
        mails.read_answer(message.as_bytes(), name="a.eml")


def test_an_older_form_quoted_below_is_not_read() -> None:
    """In a thread the form that was quoted least counts; the quoted one is left out."""
    older = "\n".join(f"> {line}" for line in _form(Insights="old", Aspirations="old").split("\n"))
    answer = responses.parse(f"Hi,\n{_form(Insights='new')}\nOn Monday, Daniel wrote:\n{older}")
    assert answer.problems == ()
    assert _said(answer) == {"Insights": "new"}


def _number(text: str, words: str) -> int:
    return next(number for number, line in enumerate(text.split("\n"), start=1) if words in line)


BROKEN = {
    "unknown mark": ({"Insights": "[[Salary]]\nmore"}, "[[Salary]]", "not one of the form’s"),
    "mark within a line": ({"Insights": "so [[Aspirations]] it"}, "so [[Aspirations]]", "stands within a line"),
    "field twice": ({"Insights": "[[Aspirations]]"}, "[[Aspirations d3b377]]", "here twice"),
    "neither yes nor no": ({"Goal_G1": "No idea"}, "[[Goal G1", "neither yes nor no"),
    "perhaps": ({"Goal_G1": "perhaps"}, "[[Goal G1", "neither yes nor no"),
    "no name": ({"Signature_word": "agree"}, "[[Signature word", "without a name"),
    "only a comment": ({"Signature_comment": "fine"}, "[[Signature comment", "without a name"),
    "only a name": ({"Signature_name": "Ella"}, "[[Signature name", "does not say how"),
    "no way of signing": ({"Signature_name": "Ella", "Signature_word": "agree not"}, "[[Signature word", "no way of signing"),
    "no figure": ({"Dispute_1_why": "wrong"}, "[[Dispute 1 why", "without a figure"),
    "no reason": ({"Dispute_2_figure": "Win rate"}, "[[Dispute 2 figure", "without a reason"),
    "text below a section": ({"Part_3": "lost text"}, "[[Part 3", "no field"),
    "text below the head": ({"Read": "lost text"}, "[[Read", "no field"),
}


@pytest.mark.parametrize(("answers", "words", "message"), BROKEN.values(), ids=BROKEN)
def test_what_is_not_understood_is_named_with_its_line(answers: dict[str, str], words: str, message: str) -> None:
    """Each broken answer ends in one problem that says where, what, and what to do."""
    if "Read" in answers:
        form = _form()
        head = next(line for line in form.split("\n") if line.startswith("[[Read"))
        form = form.replace(head, f"{head}\n{answers['Read']}")
    else:
        form = _form(**answers)
    answer = responses.parse(form)
    assert [(problem.line.number, problem.do != "") for problem in answer.problems] == [(_number(form, words), True)]
    assert message in answer.problems[0].what
    assert f"line {_number(form, words)}: " in str(responses.refusal(answer.problems, where="form.md"))


@pytest.mark.parametrize("cut", ["[[End]]", "[[Concern 1"])
def test_a_form_that_was_cut_off_is_refused(cut: str) -> None:
    """Without its last line nobody knows what is missing."""
    form = _form(Insights="Yes")
    answer = responses.parse(form[: form.index(cut)])
    assert [problem.what for problem in answer.problems] == ["The form’s last line, [[End]], is missing."]


@pytest.mark.parametrize("text", ["", "Just a mail.", "[[Perspective]]\nHello"])
def test_a_text_without_the_first_line_is_no_answer(text: str) -> None:
    """The line that names the review is asked for."""
    assert [problem.found for problem in responses.parse(text).problems] == ["no response form"]


def test_a_changed_guide_is_asked_about() -> None:
    """Text written into the form's own lines is neither taken for a guide nor dropped."""
    form = _form().replace(":: What stood in the way.", ":: What stood in the way. My boss did.")
    answer = responses.parse(form)
    assert [(problem.line.number, problem.found) for problem in answer.problems] == [
        (_number(form, "[[Challenges"), "Challenges")
    ]


@pytest.mark.parametrize("side", ["before", "after"])
def test_text_outside_the_fields_is_a_problem_line_by_line(side: str) -> None:
    """More than a greeting around the form is named with each of its lines; a greeting is listed as left out."""
    stray = "I forgot to say that two deals are missing.\n\nThey were closed in September, and they are mine. " + "Really. " * 9
    text = f"{stray}\n{_form()}" if side == "before" else f"{_form()}\n{stray}"
    answer = responses.parse(text)
    assert len(answer.problems) == 2
    assert {problem.what for problem in answer.problems} == {"This text is in no field."}
    greeting = responses.parse(f"Hi Daniel,\n{_form()}\nThanks, Ella")
    assert greeting.problems == ()
    assert [line.text for line in greeting.left_out] == ["Hi Daniel,", "Thanks, Ella"]


DISCLAIMERS = (
    "This e-mail and any attachments are confidential and may be privileged.\nIf you are not the intended recipient, please "
    "notify the sender and delete it.",
    "Diese E-Mail enthält vertrauliche Informationen. Wenn Sie nicht der richtige Adressat sind, informieren Sie bitte sofort "
    "den Absender und vernichten Sie diese Mail.",
    "Beispiel GmbH, Hauptstraße 1, 10115 Berlin, Deutschland, www.beispiel.example, info@beispiel.example\n"
    "Geschäftsführer: Max Muster, Erika Muster. Amtsgericht Charlottenburg, HRB 12345, USt-IdNr. DE123456789",
)


@pytest.mark.parametrize("disclaimer", DISCLAIMERS)
def test_what_a_company_adds_to_every_mail_is_left_out_by_name(disclaimer: str) -> None:
    """A disclaimer below the form is listed and refuses nothing; the same words before the form are asked about."""
    answer = responses.parse(f"{_form(Insights='Yes')}\n\n{disclaimer}\n\nThanks, Ella")
    assert answer.problems == ()
    assert [line.text for line in answer.left_out] == [*disclaimer.split("\n"), "Thanks, Ella"]
    assert responses.parse(f"{disclaimer}\n\n{_form(Insights='Yes')}").problems
    said = "The deal with Hooli is confidential, and two more that I closed in September are missing from the page. " * 2
    assert responses.parse(f"{_form(Insights='Yes')}\n\n{said}").problems


def test_a_postscript_below_a_signature_is_a_problem() -> None:
    """A signature is short and has no afterthoughts; one that has is asked about."""
    text = f"{_form()}\nKind regards\nElla\nP.S. " + "Deal 17 is mine, it was closed in September. " * 3
    assert "This text is in no field." in {problem.what for problem in responses.parse(text).problems}


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("yes", (True, "")),
        ("**Yes**", (True, "")),
        ("Ja!", (True, "")),
        ("YES, but later", (True, "but later")),
        ("Yes.\nBut later\n\nplease", (True, "But later\n\nplease")),
        ("no - too high", (False, "too high")),
        ("Nein", (False, "")),
        ("I do not agree", (False, "")),
        ("yesterday", None),
        ("no idea", None),
        ("yes and no", None),
        ("maybe", None),
        ("not yes", None),
    ],
)
def test_yes_or_no(text: str, meaning: tuple[bool, str] | None) -> None:
    """Yes and no are words of their own; what follows a stop is the comment; anything else is neither."""
    assert responses.yes_or_no(text) == meaning


@pytest.mark.parametrize(
    ("word", "how"),
    [
        ("agree", "agree"),
        ("I agree.", "agree"),
        ("Read, do not agree", "disagree"),
        ("read – do not agree", "disagree"),
        ("I don’t agree", "disagree"),
        ("agree not", None),
        ("", None),
    ],
)
def test_ways_of_signing(word: str, how: str | None) -> None:
    """A signature agrees or does not; nothing else signs."""
    assert responses.signs(word) == how


_MAILS = tuple(program(_form(Insights="Größe", Goal_G1="yes")) for program in PROGRAMS)


@given(st.sampled_from(_MAILS), st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=6)), max_size=4), st.booleans())
def test_a_damaged_mail_is_read_or_refused(content: bytes, damages: list[tuple[float, bytes]], doubled: bool) -> None:
    """Whatever a program or a person did to a mail, there is an answer with its problems, or a message; never a traceback."""
    for where, what in damages:
        place = int(where * len(content))
        content = content[:place] + what + content[place + len(what) :]
    try:
        responses.parse(mails.read_answer(content * (1 + doubled), name="a.eml"))
    except ResponseError as error:
        assert error.do  # noqa: PT017


@given(st.binary(max_size=200))
def test_any_file_is_read_or_refused(content: bytes) -> None:
    """Bytes of any kind, under a mail's name or a form's, end in an answer or a message."""
    for name in ("a.eml", "a.md"):
        try:
            assert responses.parse(mails.read_answer(content, name=name)).said == ()
        except ResponseError as error:
            assert error.do  # noqa: PT017


@given(st.lists(st.sampled_from(_form(Insights="x\ny").split("\n")), max_size=40), st.integers(0, 3))
def test_no_line_of_a_shuffled_form_is_lost(lines: list[str], quoted: int) -> None:
    """Lines of a form in any order, quoted or not: what was typed is in a field, is a problem, or is listed as left out."""
    text = "\n".join("> " * quoted + line for line in [*lines, "TYPED WORDS " * 20])
    answer = responses.parse(text)
    assert answer.problems or "TYPED WORDS" in "".join(one.text for one in answer.said)
