"""Verify names whatever of journal, manifests, pages and amendments does not fit the rest."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from handmade import Handmade, freeze_book

from reviewlib.evidence import snapshot
from reviewlib.run import verifying


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return freeze_book(tmp_path_factory.mktemp("frozen"))


@pytest.fixture
def book(frozen: Path, tmp_path: Path) -> Handmade:
    """A workbook in which R1's review is signed and amended, and R2's is begun; its pages are made."""
    made = Handmade(frozen, tmp_path / "book")
    made.write("feedback", stance="strength", behaviour="b", text="You ask first. Journal entry 9, deadbeef")
    made.sign()
    made.write("note", "R2", text="Later.")
    made.run()
    made.write("amendment", text="The meeting was on the 22nd.")
    made.run()
    return made


def problems(book: Handmade) -> list[str]:
    return list(verifying.verify(book.params).problems)


def lose_the_journal_s_end(book: Handmade, rep: str, *, upto: int) -> None:
    """Take the last entries of a review away, as whoever holds the file can."""
    path = book.params.reports / "journal.db"
    with sqlite3.connect(path) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("DELETE FROM entries WHERE subject = ? AND sequence > ?", (rep, upto))
    connection.close()


def test_what_is_as_it_was_is_no_problem(book: Handmade) -> None:
    """A signed, an amended and a begun review, and a copy of the folder that somebody made."""
    assert problems(book) == []
    assert verifying.verify(book.params).pages == 2
    shutil.copytree(book.folder, book.folder.with_name("2026-Q3 (copy)"))
    assert problems(book) == []


def test_pages_without_their_manifest_are_named(book: Handmade) -> None:
    """A manifest that is gone is said; and what its pages print is still held against the journal."""
    (book.folder / "manifest.json").unlink()
    assert any("no manifest.json" in one for one in problems(book))
    lose_the_journal_s_end(book, "R1", upto=2)
    found = problems(book)
    for page in ("/rep/ada-berg-", "/manager/ada-berg-"):
        assert any(page in one and "does not hold the entry 4" in one for one in found)


def test_a_review_that_is_not_signed_is_held_against_the_journal_too(book: Handmade) -> None:
    """Every row of the manifest names an entry; one that the journal does not hold is a problem, signed or not."""
    path = book.folder / "manifest.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["journal"] = []  # else the ends of the chains say it as well
    path.write_text(json.dumps(data), encoding="utf-8")
    lose_the_journal_s_end(book, "R2", upto=0)
    assert [one for one in problems(book) if "ben-dorn" in one and "does not hold its last entry 1" in one]


def test_a_signed_page_that_is_no_text_is_a_problem_and_no_crash(book: Handmade) -> None:
    """Bytes that are not UTF-8 in the place of a signed page are named."""
    book.page("rep").write_bytes(b"\xff\xfe\x00 gone")
    found = problems(book)
    assert any("changed since" in one for one in found)
    assert any("does not print" in one for one in found)


def test_an_amendment_that_was_changed_or_added_is_named(book: Handmade) -> None:
    """Its words are held against the journal; a page that the journal does not know is one more problem."""
    page = book.page("rep")
    path = page.with_name(f"{page.stem}-amendment-1.html")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("the 22nd", "the 23rd"), encoding="utf-8")
    assert [one for one in problems(book) if path.name in one and "changed since" in one]
    path.write_text(text.replace("--", "-- "), encoding="utf-8")  # another look of the same words
    assert problems(book) == []
    path.with_name(f"{page.stem}-amendment-2.html").write_text(text, encoding="utf-8")
    assert [one for one in problems(book) if "-amendment-2" in one and "no such amendment" in one]


def test_an_amendment_that_no_run_has_laid_yet_is_no_problem(book: Handmade) -> None:
    """The next run lays it, as it does one that was lost."""
    book.write("amendment", text="One more.")
    assert problems(book) == []
    book.run()
    assert len(list(book.folder.glob("*/*/*-amendment-2.html"))) == 2


def test_a_run_does_not_lay_a_changed_amendment_again(book: Handmade) -> None:
    """What was changed stays until somebody moves it away, so that it is not lost as evidence."""
    path = book.page("rep").with_name(f"{book.page('rep').stem}-amendment-1.html")
    path.write_text("changed", encoding="utf-8")
    book.run()
    assert path.read_text(encoding="utf-8") == "changed"
    path.unlink()
    book.run()
    assert problems(book) == []


def test_folders_that_are_no_periods_are_left_alone(book: Handmade) -> None:
    """A copy beside a period stops no command that looks for periods."""
    shutil.copytree(book.folder, book.folder.with_name("2026-Q3 (copy)"))
    (book.params.reports / "2026-q3").mkdir(exist_ok=True)
    assert [period.name for period in snapshot.period_folders(book.params).values()] == ["2026-Q3"]
    assert snapshot.freeze(book.params).period.name == "2026-Q3"
