"""Verify names whatever of journal, manifests, pages and amendments does not fit the rest."""

from __future__ import annotations

import json
import shutil
import sqlite3
from dataclasses import replace
from typing import Any

import pytest
from handmade import PERIOD, Handmade

from reviewlib.conversation.entries import About, Draft
from reviewlib.conversation.identity import at_keyboard
from reviewlib.conversation.journal import open_journal, open_or_make_journal
from reviewlib.conversation.visibility import state_of
from reviewlib.errors import NotAllowedError, ReviewError, SnapshotError
from reviewlib.evidence import snapshot
from reviewlib.evidence.slicefile import AUDIENCES
from reviewlib.files import sha256_of
from reviewlib.run import freezing, manifest, sealing, verifying
from reviewlib.run.handout import hand_out
from reviewlib.run.origins import Origins


@pytest.fixture
def book(handmade: Handmade) -> Handmade:
    """A workbook in which R1's review is signed and amended, and R2's is begun; its pages are made."""
    handmade.write("feedback", stance="strength", behaviour="b", text="You ask first. Journal entry 9, deadbeef")
    handmade.sign()
    handmade.write("note", "R2", text="Later.")
    handmade.run()
    handmade.write("amendment", text="The meeting was on the 22nd.")
    handmade.run()
    return handmade


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


@pytest.mark.parametrize(
    ("text", "told"), [("{", "is damaged"), ('{"reviews": [], "format": 2}', "Install the newer reviewlib.")]
)
def test_a_manifest_that_cannot_be_read_hides_nothing_else(book: Handmade, text: str, told: str) -> None:
    """What is signed is held against the journal without it, and nothing is written while it is there."""
    page = book.page("manager")
    page.chmod(0o600)
    page.write_text("something else", encoding="utf-8")
    (book.folder / "manifest.json").write_text(text, encoding="utf-8")
    found = problems(book)
    assert found[0].startswith("2026-Q3/manifest.json: ")
    assert told in found[0]
    assert any(page.name in problem and "changed" in problem for problem in found)
    with pytest.raises(ReviewError, match="newer version" if "format" in text else "damaged"):
        book.write("note", "R2", text="More.")


def test_a_page_of_no_review_is_told(book: Handmade) -> None:
    """Somebody laid it beside the others, or the manifest that knew it is lost."""
    page = book.page("rep", "R2")
    added = book.folder / "other-team" / "rep" / page.name
    added.parent.mkdir(parents=True)
    added.write_bytes(page.read_bytes())
    (problem,) = problems(book)
    assert problem.startswith(f"2026-Q3: of no review that manifest.json knows is other-team/rep/{page.name}; ")


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


def test_a_manifest_of_another_period_is_named(book: Handmade) -> None:
    """It is whole, and tells of other reviews."""
    other = book.folder.with_name("2026-Q2")
    other.mkdir()
    shutil.copy(book.folder / manifest.NAME, other)
    assert [one for one in problems(book) if one.startswith("2026-Q2/manifest.json is the one of 2026-Q3")]


def test_folders_that_are_no_periods_are_left_alone(book: Handmade) -> None:
    """A copy beside a period stops no command that looks for periods."""
    shutil.copytree(book.folder, book.folder.with_name("2026-Q3 (copy)"))
    (book.params.reports / "2026-q3").mkdir(exist_ok=True)
    assert [period.name for period in snapshot.period_folders(book.params).values()] == ["2026-Q3"]
    assert snapshot.freeze(book.params).period.name == "2026-Q3"


def seals(book: Handmade) -> list[Any]:
    store = open_journal(book.params)
    assert store is not None
    with store:
        return [entry for entry in store.entries() if entry.kind == "seal"]


def test_the_journal_seals_each_signed_page_once(book: Handmade) -> None:
    """The entry holds where the page lies and its hash; release and signatures hold what was there before them."""
    book.run()
    found = {entry.payload.audience: entry.payload for entry in seals(book)}
    assert len(seals(book)) == 2
    for audience, sealed in found.items():
        page = book.page(audience)
        assert (sealed.place, sealed.page) == (page.relative_to(book.folder).as_posix(), sha256_of(page))
    state = book.stands.state(next(one for one in book.stands.subjects if one.id == "R1"))
    frozen = snapshot.current(book.params, PERIOD)
    assert frozen is not None
    assert {entry.payload.proof for entry in (state.release, *state.signatures.values())} == {frozen.proof}


def test_who_signs_leaves_the_hash_of_the_page_that_was_there(book: Handmade) -> None:
    """A manager's signature holds the manager's copy, the rep's the rep's."""
    before = {who: sha256_of(book.page(who, "R2")) for who in ("manager", "rep")}
    book.sign("R2")
    signatures = book.stands.states[About("rep", "R2", PERIOD.name)].signatures
    assert {side: entry.payload.page for side, entry in signatures.items()} == before  # type: ignore[attr-defined]


def test_seals_move_nothing_that_pages_tell(book: Handmade) -> None:
    """No page is outdated because a page was sealed, its own or the team's."""
    book.sign("R2")
    book.run()
    stands = book.stands
    said = {about: [one for one in each if one.kind != "seal"] for about, each in stands.entries.items()}
    before = replace(stands, entries=said, states={about: state_of(each) for about, each in said.items()})
    assert before.entries != stands.entries
    for subject in stands.subjects:
        for who in AUDIENCES:
            assert Origins(book.params, stands).of(subject, who) == Origins(book.params, before).of(subject, who)


def test_nobody_but_a_run_seals(book: Handmade) -> None:
    """What a person writes of a page is not what a run made; a second seal of a page is told, and the first one counts."""
    with pytest.raises(NotAllowedError):
        book.write("seal", audience="rep", place="a.html", page="0" * 64)
    first = seals(book)[0]
    said = first.payload.model_copy(update={"page": "0" * 64})
    forged = Draft(first.about, first.team, "seal", said, at_keyboard(book.params))
    with open_or_make_journal(book.params) as store:
        store.append_all([forged])
    assert [one for one in problems(book) if "second time" in one]
    assert not [one for one in problems(book) if ".html" in one]


def test_a_run_by_nobody_in_particular_seals_nothing_and_says_so(book: Handmade, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has no role writes nothing into the journal; the next run of somebody who has one does."""
    stands, rows = book.stands, list(manifest.read(book.folder).values())
    said = {about: [one for one in each if one.kind != "seal"] for about, each in stands.entries.items()}
    unsealed = replace(stands, entries=said)
    monkeypatch.setenv("JUPYTERHUB_USER", "nobody")
    assert sealing.seal(book.params, unsealed, rows) == (unsealed, 2)
    assert sealing.seal(book.params, stands, rows) == (stands, 0)


def test_what_was_erased_is_no_loss(book: Handmade) -> None:
    """After an entry that says so the pages may go: they are told as erased, and nothing makes or misses them."""
    book.write("erasure", text="Ten years have passed.")
    found = verifying.verify(book.params)
    assert [one for one in found.problems if "erased on" in one and one.endswith("and still there")] == list(found.problems)
    assert len(found.problems) == 2
    for page in book.folder.glob("*/*/ada-*.html"):
        page.unlink()
    book.run()
    found = verifying.verify(book.params)
    assert found.problems == ()
    assert [one.split(": ")[1][:11] for one in found.erased] == ["erased on 2"]
    assert not list(book.folder.glob("*/*/ada-*.html"))


def test_evidence_that_is_not_what_was_frozen_is_named(book: Handmade) -> None:
    """Files of a snapshot, and every place that remembers its proof."""
    frozen = snapshot.current(book.params, PERIOD)
    assert frozen is not None
    (frozen.folder / "notes.txt").write_text("mine", encoding="utf-8")
    assert problems(book) == [f"snapshots/{frozen.hash}/notes.txt does not belong there"]
    with pytest.raises(SnapshotError, match="not what was frozen"):
        hand_out(book.params, book.stands, book.folder / "handout")
    with pytest.raises(SnapshotError, match="not what was frozen"):
        freezing.freeze(book.params, [PERIOD])
