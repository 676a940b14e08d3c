"""Snapshots that nothing uses are named, and go when somebody says so; what anybody relies on stays."""

from __future__ import annotations

import pytest
from handmade import PERIOD, Handmade
from workbooks import changed

from reviewlib.errors import BusyError
from reviewlib.evidence import snapshot
from reviewlib.run import cleaning, freezing, locks, proving, verifying


@pytest.fixture
def book(handmade: Handmade) -> Handmade:
    """A workbook that was frozen three times: R1 is signed on the first snapshot, the period uses the last."""
    handmade.sign()
    handmade.run()
    for title in ("Second", "Third"):
        snapshot.use(handmade.params, snapshot.freeze(changed(handmade.params, title=title), PERIOD))
    handmade.run()
    return handmade


def names(book: Handmade) -> set[str]:
    return {path.name for path in (book.params.reports / "snapshots").iterdir()}


def test_what_nothing_uses_is_named_and_stays(book: Handmade) -> None:
    """Neither what the period uses nor what a review is signed on is named; nothing goes by itself."""
    before = names(book)
    found = cleaning.unused(book.params)
    assert len(before) == 3
    (signed,) = {state.snapshot for state in book.stands.states.values()}
    assert {path.name for path in found} == before - {book.stands.current, signed}
    assert list(found.values()) == [sum(path.stat().st_size for path in next(iter(found)).rglob("*") if path.is_file())]
    assert names(book) == before


def test_it_goes_whole_and_everything_else_verifies(book: Handmade) -> None:
    """One snapshot goes, a folder of somebody's own stays, and the second time there is nothing to remove."""
    mine = book.params.reports / "snapshots" / "mine"
    mine.mkdir()
    gone = {path.name for path in cleaning.remove(book.params)}
    assert len(gone) == 1
    assert names(book).isdisjoint(gone)
    assert len(names(book)) == 3
    assert verifying.verify(book.params).problems == ()
    assert cleaning.remove(book.params) == {}


def test_a_snapshot_in_which_a_figure_was_disputed_stays(book: Handmade) -> None:
    """Later pages show the disputed figure beside the one that was taken again."""
    (folder,) = cleaning.unused(book.params)
    book.write("dispute", "R2", kpi="revenue", reason="Two accounts.", snapshot=folder.name, on_behalf=True)
    assert cleaning.unused(book.params) == {}


@pytest.mark.parametrize("said", [None, b"", b"\xff\x00", b"0123456789ab 00"])
def test_a_period_that_does_not_say_which_one_it_uses_keeps_them_all(handmade: Handmade, said: bytes | None) -> None:
    """Where ``current`` is gone or damaged before any page was made, nobody can tell which one is about to be used."""
    snapshot.use(handmade.params, snapshot.freeze(changed(handmade.params, title="Second"), PERIOD))
    assert len(cleaning.unused(handmade.params)) == 1
    current = handmade.folder / "current"
    current.unlink() if said is None else current.write_bytes(said)
    assert cleaning.remove(handmade.params) == {}
    assert len(names(handmade)) == 2
    assert ["2026-Q3/current" in one for one in verifying.verify(handmade.params).problems] == [True] * (said is not None)


def test_what_is_being_frozen_and_goes_is_said(handmade: Handmade, monkeypatch: pytest.MonkeyPatch) -> None:
    """A period never points to what ``clean`` took away between the freeze and its use; the old evidence stays in use."""
    before = (handmade.folder / "current").read_bytes()
    monkeypatch.setattr(proving, "refuse_damaged", lambda params, _: cleaning.remove(params))
    with pytest.raises(BusyError, match="removed while it was being frozen"):
        freezing.freeze(changed(handmade.params, title="Second"), [PERIOD])
    assert (handmade.folder / "current").read_bytes() == before


def test_nothing_goes_while_a_run_is_at_work(book: Handmade) -> None:
    """It may be about to use one of them."""
    before = names(book)
    with locks.held(book.folder, modes=book.params.modes), pytest.raises(BusyError):
        cleaning.remove(book.params)
    assert names(book) == before
