"""Whose an answer is: its sender held against the reps table, the name that signs against the rep's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import letters
import pytest
from records_fixture import freeze_names, give_address

from reviewlib.conversation import data_export
from reviewlib.conversation.answers import importing, mails, marks, senders
from reviewlib.conversation.answers.importing import plan
from reviewlib.conversation.answers.mails import ArrivedAnswer
from reviewlib.conversation.answers.senders import Sender
from reviewlib.conversation.entries import Entry
from reviewlib.conversation.journal import open_journal_to_read
from reviewlib.conversation.records import New, Records
from reviewlib.errors import ResponseError

ADDRESS = "ella@example.com"
SIGNED = {"Signature_name": "Ella Byrne", "Signature_word": "agree"}


def letter(text: str, *fields: str) -> ArrivedAnswer:
    """A saved mail with these fields."""
    head = "\n".join([*fields, "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8"])
    return mails.read_answer(f"{head}\n\n{text}".encode())


FITTING = (
    "From: ella@example.com",
    "From: Ella Byrne <ELLA@Example.COM>",
    'From: "Byrne, Ella" (at work) <ella@example.com>   ',
    "From: =?utf-8?q?Ella_B=C3=BDrne?=\n <ella@example.com>",
    "From: Ella. B <ella@example.com>",
    "From: Élla <ella@example.com>",
    "From: ella@example.com\nSender: Ella <ella@example.com>",
    "Received: by mx; Mon\nFrom: ella@example.com",
)
STRANGE = (
    "From: mallory@evil.example",
    'From: "ella@example.com" <mallory@evil.example>',
    "From: =?utf-8?q?ella=40example=2Ecom?= <mallory@evil.example>",
    "From: =?utf-8?q?Ella_=3Cella=40example=2Ecom=3E?= <mallory@evil.example>",
    "From: ella@example.com <mallory@evil.example>",
    "From: <ella@example.com> <mallory@evil.example>",
    "From: ella@example.com mallory@evil.example",
    "From: ella@example.com, mallory@evil.example",
    "From: ella@example.com\nFrom: mallory@evil.example",
    "From: mallory@evil.example\nFrom: ella@example.com",
    "From: North: ella@example.com;",
    "From: undisclosed:;",
    "From: ella@example.com\nSender: mallory@evil.example",
    "From: ella@example.com\nResent-From: dan@example.com",
    "From: ella@ex\u0430mple.com",
    "From: ella@e\u212aample.com",
    "From: ella@example.com.evil.example",
    "From: ella+x@example.com",
    "From: Ella",
    "From: .<ella@example.com>",
    "From: <",
    "From: =?utf-8?q?ella=40example=2Ecom?=",
)


@pytest.mark.parametrize("fields", FITTING)
def test_the_sender_is_read_past_names_and_comments(fields: str) -> None:
    """Case, display names, comments, blanks and folded lines do not matter."""
    assert Sender(letter("x", fields).senders, "Ella@example.com", "Ella Byrne", "Ella Byrne").doubts() == ()


@pytest.mark.parametrize("fields", STRANGE)
def test_a_sender_that_is_not_for_certain_the_reps_is_a_strangers(fields: str) -> None:
    """Another address, several, a group, one who sent it for the rep, letters that only look alike, and what is no address."""
    sender = Sender(letter("x", fields).senders, ADDRESS, "Ella Byrne", "Ella Byrne")
    assert sender.doubts() == ("other_sender",)
    assert str(sender).isascii()


def test_letters_that_fold_to_plain_ones_are_told_apart() -> None:
    """The sign of the kelvin is no k, though its lower case is one."""
    sender = Sender(("\u212aim@example.com",), "kim@example.com", None, "Kim")
    assert sender.doubts() == ("other_sender",)
    assert "\\u212aim@example.com" in str(sender)


@pytest.mark.parametrize("fields", ["From:", "Sender: ella@example.com", "Subject: x"])
def test_a_mail_without_a_sender_is_as_a_file(fields: str) -> None:
    """Nobody is named as the one who wrote it."""
    assert letter("x", fields).senders == ()
    assert Sender((), ADDRESS, None, "Ella").doubts() == ("no_sender",)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("ella  byrne ", "Ella Byrne"),
        ("Byrne, Ella", "Ella Byrne"),
        ("Lucia Ferrer", "Lucía Ferrer"),
        ("Luci\u0301a Ferrer", "Luc\u00eda Ferrer"),
        ("Jorg Gross", "Jörg Groß"),
        ("Joerg Gross", "Jörg Groß"),
        ("Jörg Groß", "Joerg Gross"),
        ("Soren Dahl", "Søren Dahl"),
        ("Ana O'Neil", "Ana O’Neil"),
        ("Ella\u00a0Byrne", "Ella Byrne"),
    ],
)
def test_a_name_fits_however_it_is_typed(typed: str, name: str) -> None:
    """Case, order, blanks, accents and what stands for them do not make another name."""
    assert senders.same_name(typed, name)


@pytest.mark.parametrize("typed", ["Ben Dorn", "Ella", "E. Byrne", "Ella Byrne Byrne", "Ell\u0430 Byrne", "-"])
def test_another_name_does_not_fit(typed: str) -> None:
    """Somebody else's, a part of it, and letters that only look alike."""
    assert not senders.same_name(typed, "Ella Byrne")
    assert Sender((ADDRESS,), ADDRESS, "Ella Byrne", "Ella Byrne").doubts(typed) == ("other_name",)


@pytest.fixture(autouse=True)
def _figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the review's evidence names."""
    monkeypatch.setattr(importing, "_kpis", lambda *_: letters.KPIS)


@pytest.fixture
def records(tmp_path: Path) -> Records:
    """A released review of Ella, whose address is known."""
    params = letters.talking(tmp_path)
    give_address(params, "R-1", ADDRESS)
    made = letters.as_manager(params)
    letters.release(made)
    return made


def _entries(records: Records) -> list[Entry]:
    with open_journal_to_read(records.params) as store:
        return [entry for entry in store.entries(subject=("rep", "R-1")) if entry.source] if store else []


def _how(entries: tuple[Entry, ...] | list[Entry]) -> set[str]:
    return {str(entry.source)[65:] for entry in entries}


def test_a_mail_from_the_reps_address_is_recorded_as_that(records: Records) -> None:
    """The signature and what came with it say so; the address itself is not in the journal."""
    done = letters.taken(records, letter(letters.fill(letters.form(records), **SIGNED), f"From: Ella <{ADDRESS}>"))
    assert [entry.kind for entry in done.entries] == ["signoff"]
    assert _how(done.entries) == {"address"}
    assert f"Sent from {ADDRESS}, the address of Ella Byrne in the reps table." in done.plan.as_text()
    assert ADDRESS not in str(_entries(records))


@pytest.mark.parametrize("answer", [SIGNED, {"Goal_G1": "yes"}, {"Concern_1": "Too much."}, {"Perspective": "Good."}])
def test_a_strangers_mail_records_nothing_unless_somebody_says_so(records: Records, answer: dict[str, str]) -> None:
    """Neither signature nor yes nor words; said so, every word is recorded and marked."""
    mail = letter(letters.fill(letters.form(records), **answer), "From: Mallory <mallory@evil.example>")
    with pytest.raises(ResponseError) as caught:
        letters.taken(records, mail)
    for words in ("not from Ella Byrne", "mallory@evil.example", ADDRESS, "--unverified", "nothing was recorded"):
        assert words in str(caught.value)
    assert _entries(records) == []
    assert "mallory@evil.example" in plan(records, letters.arrived(mail)).as_text()
    done = letters.taken(records, mail, unverified=True)
    assert (len(done.entries), _how(done.entries)) == (1, {"other_sender"})
    assert letters.taken(records, mail).entries == ()


@pytest.mark.parametrize(
    ("sent", "how"),
    [
        (lambda form: letter(form, f"From: {ADDRESS}"), "other_name"),
        (str, "no_sender+other_name"),
        (lambda form: letter(form, "From: finn@example.com"), "other_sender+other_name"),
    ],
    ids=["the rep's address", "a file", "another address"],
)
def test_a_signature_in_another_name_is_refused(records: Records, sent: Callable[[str], str | ArrivedAnswer], how: str) -> None:
    """From the rep's own address too; the message has both names, and where it is recorded all the same it is marked."""
    form = letters.fill(letters.form(records), **SIGNED | {"Signature_name": "Finn Dahl"}, Concern_1="Mine.")
    with pytest.raises(ResponseError) as caught:
        letters.taken(records, sent(form))
    assert "not from Ella Byrne; nothing was recorded" in str(caught.value)
    assert "signed “Finn Dahl”" in str(caught.value)
    assert _entries(records) == []
    assert _how(letters.taken(records, sent(form), unverified=True).entries) == {how}


def test_the_form_of_somebody_else_is_refused_whatever_code_it_has(records: Records) -> None:
    """A form says whose it is; where the rep took that out nothing speaks against it."""
    other = letters.form(letters.as_manager(records.params, subject="R-2"))
    own, theirs = (marks.subject_code("rep", rep) for rep in ("R-1", "R-2"))
    form = letters.fill(other.replace(theirs, own), Perspective="As Ella.")
    with pytest.raises(ResponseError) as caught:
        letters.taken(records, form)
    for words in ("By its form", "not from Ella Byrne", "It begins: This is the response form for Finn Dahl, 2026-Q3"):
        assert words in str(caught.value)
    assert _entries(records) == []
    lines = form.split("\n")
    taken_out = "\n".join([lines[0], *lines[next(n for n, line in enumerate(lines) if n and line[:2] != "::") :]])
    assert plan(records, letters.arrived(taken_out)).refused is None
    assert plan(records, letters.arrived("> " + form.replace("\n", "\n> "))).refused is not None
    assert _how(letters.taken(records, form, unverified=True).entries) == {"no_sender+other_form"}


@pytest.mark.parametrize("dressed", [letters.gmail, letters.outlook, letters.iphone, letters.thunderbird, letters.html_only])
def test_a_form_is_the_reps_own_in_whatever_program_it_was_sent(records: Records, dressed: Callable[[str], bytes]) -> None:
    """Wrapped, quoted or as HTML, it says whose it is; programs that name no sender send files."""
    mail = mails.read_answer(dressed(letters.fill(letters.form(records), Concern_1="Mine.")), name="a.eml")
    assert plan(records, letters.arrived(mail)).refused is None
    assert _how(letters.taken(records, mail).entries) == {"address" if mail.senders else "no_sender"}


def test_a_strangers_mail_with_nothing_new_is_not_refused(records: Records) -> None:
    """The manager's forward of what was recorded already records nothing, as any other."""
    form = letters.fill(letters.form(records), **SIGNED)
    letters.taken(records, form)
    assert letters.taken(records, letter(form, "From: dan@example.com")).entries == ()


def test_a_closed_review_takes_no_better_signature(records: Records) -> None:
    """The same signature from the rep's address says nothing new, and is no error, once both have signed."""
    form = letters.fill(letters.form(records), **SIGNED)
    letters.taken(records, form)
    records.write("signoff", how="agree", name="Daniel Brandt")
    assert letters.taken(records, letter(form, f"From: {ADDRESS}")).entries == ()


def test_a_file_and_an_unknown_address_are_recorded_as_not_verified(records: Records) -> None:
    """A file has no sender; without an address in the reps table no sender can be held against it."""
    form = letters.form(records)
    assert _how(letters.taken(records, letters.fill(form, **SIGNED)).entries) == {"no_sender"}
    freeze_names(records.params, records.about.period)
    done = letters.taken(records, letter(letters.fill(form, Concern_1="Mine."), "From: anybody@example.org"))
    assert _how(done.entries) == {"no_address"}
    assert "No address of Ella Byrne is known" in done.plan.as_text()


def test_the_address_of_a_team_is_not_known(tmp_path: Path) -> None:
    """A team has no address and no name of a person: its answer is recorded, as not verified."""
    params = letters.talking(tmp_path)
    give_address(params, "North", ADDRESS)
    team = letters.as_manager(params, kind="team", subject="North")
    done = letters.taken(team, letter(letters.fill(letters.form(team), Concern_1="Ours."), f"From: {ADDRESS}"))
    assert _how(done.entries) == {"no_address"}


def test_a_signature_from_the_reps_address_takes_the_place_of_one_that_was_not_verified(records: Records) -> None:
    """The same words as a file and then as a mail; the other way round, and again, nothing is recorded."""
    form = letters.fill(letters.form(records), **SIGNED, Goal_G1="yes")
    first = letters.taken(records, form).entries
    done = letters.taken(records, letter(form, f"From: {ADDRESS}")).entries
    assert [(entry.kind, entry.supersedes, str(entry.source)[65:]) for entry in done] == [("signoff", first[-1].id, "address")]
    assert letters.taken(records, form + "\n").entries == ()
    assert letters.taken(records, letter(form, f"From: Ella <{ADDRESS}>")).entries == ()


def test_a_signature_that_is_recorded_already_does_not_refuse_what_is_new(records: Records) -> None:
    """A fresh form shows the name that was recorded, and comes back with it."""
    odd = SIGNED | {"Signature_name": "E. Byrne"}
    letters.taken(records, letters.fill(letters.form(records), **odd), unverified=True)
    fresh = letters.fill(letters.form(records), Concern_1="New.")
    assert "E. Byrne" in fresh
    assert [entry.kind for entry in letters.taken(records, letter(fresh, f"From: {ADDRESS}")).entries] == ["concern"]


def test_entries_of_older_journals_are_known_by_their_file(records: Records) -> None:
    """A source without what was found about the sender is read as before, and said to be not verified."""
    form = letters.fill(letters.form(records), Concern_1="Mine.")
    old = plan(records, letters.arrived(form))
    item = old.items[0]
    fields = item.payload.model_dump()
    (entry,) = records.write_all([New(item.kind, fields, id=item.id, on_behalf=True, source=old.answer.sha256)])
    assert entry.source == old.answer.sha256
    assert plan(records, letters.arrived(form)).notes == ("This very file was imported before; nothing is recorded twice.",)
    assert letters.taken(records, form + "\n").entries == ()
    assert senders.not_verified(entry.source) == "not verified: recorded before senders were looked at"


@pytest.mark.parametrize("doubts", [(), ("no_sender",), ("other_sender", "other_name"), ("no_address",)])
def test_the_export_says_how_an_entry_came(records: Records, doubts: tuple[str, ...]) -> None:
    """The file's hash and what was found about the sender stand in words, and in the data as they are chained."""
    source = senders.source_of("5f" * 32, doubts)
    (entry,) = records.write_all([New("concern", {"text": "Mine."}, on_behalf=True, source=source)])
    data = data_export.gathered(records.params, "R-1", [entry])
    assert data["entries"][0]["source"] == source
    text = data_export.readable(data)
    assert f"imported from the file {'5f' * 32}; " in text
    assert all(senders.DOUBTS[one] in text for one in doubts)
    assert ("sent from the address in the reps table" in text) == (doubts == ())
