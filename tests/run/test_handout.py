"""The handout gives what is whole and up to date, and all of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from handmade import PERIOD, Handmade

from reviewlib.errors import BusyError, ReviewError
from reviewlib.run import handout, locks


@pytest.fixture
def book(handmade: Handmade) -> Handmade:
    """A workbook whose pages are made."""
    handmade.run()
    return handmade


def given(book: Handmade, tmp_path: Path) -> list[str]:
    """What is in the manager's folder."""
    (parcel,) = handout.hand_out(book.params, book.stands, tmp_path / "out")
    return sorted(path.relative_to(parcel.folder).as_posix() for path in parcel.folder.rglob("*") if path.is_file())


def refused(book: Handmade, tmp_path: Path) -> str:
    with pytest.raises(ReviewError, match="older than what is recorded") as caught:
        handout.hand_out(book.params, book.stands, tmp_path / "out")
    return str(caught.value.found)


def test_both_teams_pages_go_to_their_one_manager(book: Handmade, tmp_path: Path) -> None:
    """Who leads two teams gets both teams' pages."""
    names = given(book, tmp_path)
    assert len([name for name in names if name.endswith("team.html")]) == 4
    assert len([name for name in names if name.endswith("-answer.md")]) == 2


@pytest.mark.parametrize("what", ["*-answer.md", "*.html"])
def test_a_file_that_is_missing_or_changed_is_not_passed_over(book: Handmade, tmp_path: Path, what: str) -> None:
    """A rep whose form is gone gets no parcel without one; the run is named that makes it again."""
    path = next(book.folder.glob(f"*/rep/ada{what}"))
    content = path.read_bytes()
    path.write_bytes(content + b"more")
    assert "Ada Berg" in refused(book, tmp_path)
    path.unlink()
    assert refused(book, tmp_path) == "1: Ada Berg"
    path.write_bytes(content)
    given(book, tmp_path)


def test_words_since_the_run_make_the_page_old(book: Handmade, tmp_path: Path) -> None:
    """Whoever gets the folder would read less than what is recorded."""
    book.write("self_review", perspective="A good quarter.", on_behalf=True)
    assert "Ada Berg" in refused(book, tmp_path)
    book.run()
    given(book, tmp_path)


def test_what_reps_may_read_is_laid_out_anew_before_pages_are_held_against_it(book: Handmade, tmp_path: Path) -> None:
    """Pages are compared with the journal as it is, whatever an earlier run laid out of it."""
    laid = {path: path.read_bytes() for path in book.folder.glob("*/minutes/*.json")}
    for path in laid:
        path.write_text("{}", encoding="utf-8")
    given(book, tmp_path)
    assert {path: path.read_bytes() for path in laid} == laid
    assert laid


def test_nothing_is_handed_out_while_a_run_is_at_work(book: Handmade, tmp_path: Path) -> None:
    """Half of the pages might be older than the other half."""
    with locks.held(book.folder, modes=book.params.modes), pytest.raises(BusyError):
        handout.hand_out(book.params, book.stands, tmp_path / "out")


def test_amendments_go_out_as_the_journal_has_them(book: Handmade, tmp_path: Path) -> None:
    """One that was changed, and one that nobody wrote, stop the handout; a form goes to nobody who has signed."""
    book.sign()
    book.run()
    book.write("amendment", text="On the 22nd.")
    assert "Ada Berg" in refused(book, tmp_path)
    book.run()
    names = given(book, tmp_path)
    assert len([name for name in names if "-amendment-1.html" in name]) == 2
    assert not [name for name in names if name.startswith("reps/ada") and name.endswith(".md")]
    path = next(book.folder.glob("*/rep/ada*-amendment-1.html"))
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("22nd", "23rd"), encoding="utf-8")
    assert "Ada Berg" in refused(book, tmp_path)
    path.write_text(text, encoding="utf-8")
    path.with_name(path.name.replace("-1.html", "-2.html")).write_text(text, encoding="utf-8")
    assert "Ada Berg" in refused(book, tmp_path)


def test_the_numbers_of_amendments_tell_the_rep_of_no_other(book: Handmade, tmp_path: Path) -> None:
    """A private amendment before a shared one leaves no gap in the rep's copies, nor does its text say a higher number."""
    private = book.write("concern", text="Will she stay?", visibility="manager_only")
    book.sign()
    book.write("amendment", text="SECRET", of=private.id)
    book.write("amendment", text="On the 22nd.")
    book.run()
    beside_rep = [path.name.partition("-amendment-")[2] for path in book.folder.glob("*/rep/*-amendment-*")]
    assert beside_rep == ["1.html"]
    text = next(book.folder.glob("*/rep/*-amendment-*")).read_text(encoding="utf-8")
    assert "Amendment 1" in text
    assert "Amendment 2" not in text
    assert len(list(book.folder.glob("*/manager/*-amendment-*"))) == 2
    assert PERIOD.name == book.stands.period.name
