"""Answers that once went wrong, as phones and offices sent them: what is read of each, and that no line of it is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from reviewlib.conversation.answers import mails, responses
from reviewlib.errors import ResponseError

CASES = Path(__file__).parents[4] / "shared" / "cases"
NO_FORM = "The line that names the review, [[Review ...]], is not here."
#: By file: how many fields something was typed in, what is not understood, how many lines are left out by name.
READ = {
    "answers/07_word.rtf": (0, [NO_FORM], 0),
    "answers/19_single_brackets.txt": (0, [NO_FORM], 0),
    "answers/27_deal_sloppy.md": (7, [], 0),
    "answers/30_text_after_end.txt": (7, [], 1),
    "answers/33_free_mail.eml": (0, [NO_FORM], 0),
    "answers/42_reply_prose_above_empty_form.eml": (0, [], 4),
    "answers/44_ps_after_end.eml": (7, [], 1),
    "answers/45_sig_inside_last_field.eml": (7, [], 0),
    "answers/52_sign_einverstanden.eml": (2, ["This is no way of signing."], 0),
    "hostile/forged-signature-other-sender.eml": (5, [], 0),
    "hostile/r012-form-with-r013-code.eml": (1, [], 0),
    "hostile/redos-dashes-1000-blanks.md": (1, ["This text is in no field."], 0),
    "hostile/replay-1.md": (1, [], 0),
    "hostile/replay-1-touched.md": (1, [], 0),
    "hostile/replay-2.md": (1, [], 0),
}


def case(name: str) -> Path:
    path = CASES / name
    if not path.is_file():
        pytest.skip(f"the collection of cases is not here: {name}")
    return path


@pytest.mark.parametrize("name", READ)
def test_no_line_of_a_case_is_lost(name: str) -> None:
    """Each line that the rep wrote is in a field, is left out by name, or belongs to something that is asked about."""
    arrived = mails.open_answer(case(name))
    answer = responses.parse(arrived)
    typed = [one for one in answer.said if one.text]
    assert (len(typed), [one.what for one in answer.problems], len(answer.left_out)) == READ[name]
    if answer.subject:
        told = "\n".join([*(one.text for one in (*typed, *answer.left_out)), *(one.found for one in answer.problems)])
        lines = [" ".join(line.text.strip("> ").split()) for line in arrived.lines]
        assert [line for line in lines if not line.startswith(("[[", "::")) and line not in " ".join(told.split())] == []


def test_a_case_that_is_no_text_is_refused() -> None:
    """A word processor's file is named as what cannot be read, and the message says how to save it."""
    with pytest.raises(ResponseError) as caught:
        mails.open_answer(case("answers/06_word.docx"))
    assert "plain text with the encoding UTF-8" in str(caught.value)
