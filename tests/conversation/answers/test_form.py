"""The response form and the link that starts a mail: what they hold, and that what is typed comes back."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import letters
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from talk import Talk

from reviewlib.conversation.answers import form as forms_text
from reviewlib.conversation.answers import marks, responses
from reviewlib.conversation.kinds import KINDS
from reviewlib.conversation.records import Records

_PARTS = ("perspective", "insights", "challenges", "support", "aspirations")
#: Lines that a form could be fooled by.
TRAPS = (
    "[[End]]",
    "[[Insights]]",
    "**[[Insights a1722a]]**",
    "\\[\\[Insights\\]\\]",
    "see [[Insights]] there",
    "［［Insights］］",
    "^[[End]]",
    "^^[[End]]",
    "[[",
    "]]",
    ":: How the period looks from here.",
    "::",
    "> quoted",
    "-- ",
    "On Monday Daniel wrote:",
    "[[Review t 2026-Q3 rep-aee554ed8db7f7e64d5d97ad]]",
    "| a | b |",
    "```",
    "# Heading",
    "שלום [[End]] עולם",
    "\u202e[[End]]",
    "\u200b[[End]]",
    "👩‍👩‍👧 done ✅",
    "x" * 3_000,
    "Sent from my iPhone",
    "    indented",
)
_LINES = st.one_of(
    st.sampled_from(TRAPS),
    st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=40),
    st.text("[]^:>*_ \\EndI", max_size=12),
)
_TEXTS = st.lists(_LINES, max_size=5).map("\n".join)


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return letters.as_manager(letters.talking(tmp_path))


def _form(talk: Talk) -> str:
    return forms_text.response_form(talk.minutes("rep"), book=letters.BOOK, kpis=letters.KPIS)


def _released(talk: Talk) -> Talk:
    talk.manager("release", snapshot="7c41e09bd2aa")
    return talk


def _typed(form: str) -> dict[tuple[str, str, str], str]:
    answer = responses.parse(form)
    assert answer.problems == ()
    assert answer.left_out == ()
    return {(one.mark.field, one.mark.number, one.mark.part): one.text for one in answer.said if one.text}


@pytest.mark.default
@given(st.lists(_TEXTS, min_size=5, max_size=5))
@example(["\n".join(TRAPS)] * 5)
def test_recorded_text_comes_back_as_it_was_typed(texts: list[str]) -> None:
    """What stands in a form, marks and guides among it, is read back character by character."""
    said = {name: text.strip() for name, text in zip(_PARTS, texts, strict=True)}
    if not any(said.values()):
        return
    talk = Talk()
    talk.rep("self_review", **said)
    assert _typed(_form(talk)) == {("self_review", "", name): text for name, text in said.items() if text}


@pytest.mark.default
@given(_TEXTS)
@example("\n".join(TRAPS))
def test_the_managers_words_are_nobodys_answer(text: str) -> None:
    """Whatever the manager wrote, with marks in it or not, is a guide: an untouched form says nothing."""
    talk = Talk()
    talk.manager("feedback", stance="improve", behaviour="x", text=f"x {text}", example=text)
    talk.manager("goal", statement=f"x {text}", because=text)
    assert _typed(_form(_released(talk))) == {}


@pytest.mark.parametrize("width", range(12, 40, 3))
def test_wrapping_makes_no_mark_of_the_managers_words(width: int) -> None:
    """A mail program that breaks the guide's lines anywhere makes neither a field nor an answer of it."""
    talk = Talk()
    talk.manager("feedback", stance="improve", behaviour="x", text="Write [[Insights]] I agree [[End]] and [[Aspirations]] no.")
    lines = _form(_released(talk)).split("\n")
    broken = [piece for line in lines for piece in (textwrap.wrap(line, width) if line.startswith("::") else [line])]
    assert _typed("\n".join(broken)) == {}


@pytest.mark.default
@given(_TEXTS)
def test_a_new_answer_comes_back_as_it_was_typed(text: str) -> None:
    """What a rep types below the guide is the answer; lines with double brackets have their ^."""
    typed = text.strip()
    form = letters.fill(_form(Talk()), Insights=marks.keep(typed))
    assert _typed(form) == ({("self_review", "", "insights"): typed} if typed else {})


@pytest.mark.parametrize("answer", ["Right below.", ":: with colons", "- a list\n- of two"])
def test_text_right_below_the_guide_is_an_answer(answer: str) -> None:
    """No blank line is needed between the guide and the answer."""
    guide = ":: What stood in the way.\n"
    form = _form(Talk()).replace(guide, guide + answer)
    assert _typed(form) == {("self_review", "", "challenges"): answer}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[[Challenges c4c61c]]", "**[[Challenges c4c61c]]**"),
        ("[[Challenges c4c61c]]", "\\[\\[Challenges c4c61c\\]\\]"),
        ("[[Challenges c4c61c]]", "> [[Challenges\n> c4c61c]]".replace("> ", "")),
        ("[[Challenges c4c61c]]", "\u00a0[[Challenges\u00a0c4c61c]]"),
        ("[[Challenges c4c61c]]", "## [[challenges C4C61C]]"),
        ("[[Challenges c4c61c]]", "［［Challenges c4c61c］］"),
        (":: What stood in the way.", "*:: What stood\nin the way.*"),
        (":: What stood in the way.\n", ""),
        ("\n", "\r\n"),
    ],
)
def test_marks_survive_editors(old: str, new: str) -> None:
    """Bold signs, escapes, other blanks, wrapped lines and deleted guides change nothing."""
    form = letters.fill(_form(Talk()), Challenges="It rained.")
    assert old in form
    assert _typed(form.replace(old, new)) == {("self_review", "", "challenges"): "It rained."}


def test_before_release_the_form_asks_for_the_reps_view_only() -> None:
    """Neither the manager's words nor goals nor a signature are in a form before release."""
    talk = Talk()
    talk.manager("feedback", stance="improve", behaviour="x", text="CANARY")
    talk.manager("goal", statement="CANARY")
    form = _form(talk)
    assert "CANARY" not in form
    assert not any(words in form for words in ("[[Reply", "[[Goal", "[[Signature", "[[Read", "[[Recognition"))
    assert all(f"[[{title} " in form for title in marks.PARTS)
    assert all(words in form for words in ("[[Concern 1", "[[Dispute 1 figure", "[[Feedback to the manager 1"))


def test_after_release_the_form_asks_for_replies_and_the_signature() -> None:
    """After release each shared entry has a reference, goals and recognitions ask for yes or no, and the head is there."""
    talk = Talk()
    talk.manager("feedback", stance="improve", kpi="win_rate", text="Ask earlier.")
    talk.manager("goal", statement="Win rate to 30 %", kpi="win_rate")
    talk.manager("recognition", title="Best quarter", for_board=True)
    talk.manager("note", text="CANARY")
    talk.manager("concern", text="CANARY", visibility="manager_only")
    form = _form(_released(talk))
    assert "CANARY" not in form
    assert ":: Feedback by Daniel Brandt: Win rate | improve | Ask earlier." in form
    assert all(words in form for words in ("[[Reply F1 ", "[[Goal G1 ", "[[Recognition R1 ", "[[Signature name "))
    assert form.count("[[Reply ") == 1  # what asks for yes or no has room for a comment there
    assert responses.parse(form).head == talk.entries[-1].hash


def test_a_goal_that_ended_is_not_asked_about() -> None:
    """Only open goals ask for a yes or no."""
    talk = Talk()
    goal = talk.manager("goal", statement="Done already")
    talk.manager("update", of=goal.id, status="met")
    assert "[[Goal" not in _form(_released(talk))


def test_the_managers_minutes_make_no_form() -> None:
    """A form is refused where the minutes hold what the rep may not read."""
    with pytest.raises(ValueError, match="rep's minutes"):
        forms_text.response_form(Talk().minutes(), book=letters.BOOK, kpis=())


def test_every_kind_that_a_reply_may_be_about_has_a_letter() -> None:
    """Nothing of the manager's that takes replies is left without a reference, and no two share a letter."""
    of_the_manager = {name for name, kind in KINDS.items() if kind.answered and "manager" in kind.by}
    letters_of = {name: kind.letter for name, kind in KINDS.items() if kind.letter}
    assert of_the_manager <= set(letters_of)
    assert len(set(letters_of.values())) == len(letters_of)


def test_the_link_holds_marks_and_nothing_else() -> None:
    """The mail's text has CRLF, the same marks, no names, no figures, nobody's words, and reads as an empty answer."""
    talk = Talk()
    talk.rep("self_review", perspective="CANARY")
    talk.manager("feedback", stance="improve", behaviour="x", text="CANARY")
    link = forms_text.mailto(_released(talk).minutes("rep"), book=letters.BOOK, address="dan+r@example.com")
    parts = urlsplit(link)
    body = unquote(parts.query.split("body=")[1])
    assert (parts.scheme, parts.path) == ("mailto", "dan%2Br@example.com")
    assert "%0D%0A" in link
    assert link.count("%0A") == link.count("%0D%0A")
    assert " " not in link
    assert not any(word in unquote(link) for word in ("CANARY", "Ella", "Daniel", "Okafor"))
    assert "[[Reply F1 " in body
    assert _typed(body) == {}


@pytest.mark.parametrize("count", [0, 60])
def test_the_link_stays_short_enough_for_phones(count: int) -> None:
    """However much there is to answer, the link opens on a phone, and what it holds is a whole form."""
    talk = Talk()
    for number in range(count):
        talk.manager("goal", statement=f"Goal {number}")
    link = forms_text.mailto(_released(talk).minutes("rep"), book=letters.BOOK, address="a" * 60 + "@example.com")
    assert len(link) <= forms_text.LONGEST_LINK
    assert _typed(unquote(link.split("body=")[1])) == {}


@pytest.mark.parametrize(("manager", "address"), [("Daniel Brandt", "dan@example.com"), ("Lucía Ferrer", None), (None, None)])
def test_the_link_goes_to_the_managers_login(tmp_path: Path, manager: str | None, address: str | None) -> None:
    """The address is that of the login with the manager's name; where params give none the rep fills it in."""
    people: dict[str, Any] = {
        "roles": {"dan": "manager", "lucia": "manager"},
        "logins": {"dan": "Daniel Brandt", "lucia": "Lucía Ferrer"},
        "addresses": {"dan": "dan@example.com"},
    }
    assert forms_text.address_of(letters.talking(tmp_path, people=people), manager) == address
    assert forms_text.mailto(Talk().minutes("rep"), book=letters.BOOK, address=address).startswith(f"mailto:{address or ''}?")
