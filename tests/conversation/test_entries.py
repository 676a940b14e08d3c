"""Entries: which are current, what their history is, and the way through JSON."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reviewlib.conversation.entries import About, Entry, current, edits, history, origins
from reviewlib.conversation.kinds import Reply

ABOUT = About("rep", "R-014", "2026-Q3")


def entry(name: str, *, supersedes: str | None = None, **changes: Any) -> Entry:
    given: dict[str, Any] = {
        "id": name,
        "about": ABOUT,
        "team": "North",
        "sequence": 1,
        "kind": "reply",
        "author": "daniel",
        "author_name": "Daniel Brandt",
        "role": "manager",
        "on_behalf_of": None,
        "visibility": "shared",
        "at": dt.datetime(2026, 10, 20, 9, 30, 0, 123456, tzinfo=dt.UTC),
        "supersedes": supersedes,
        "source": None,
        "payload": Reply(of="x", text=name),
        "salt": "00",
        "digest": "d",
        "previous": "",
        "hash": f"hash of {name}",
    }
    return Entry(**{**given, **changes})


@st.composite
def journals(draw: st.DrawFn) -> list[Entry]:
    """Entries of which each replaces one that is current, or none."""
    made: list[Entry] = []
    for place in range(draw(st.integers(0, 12))):
        open_ones = [None, *(one.id for one in current(made))]
        made.append(entry(f"e{place}", supersedes=draw(st.sampled_from(open_ones))))
    return made


@given(journals())
def test_current_are_those_that_nothing_replaced(entries: list[Entry]) -> None:
    """Against a dictionary from first version to latest."""
    latest: dict[str, str] = {}
    root: dict[str, str] = {}
    for one in entries:
        root[one.id] = root[one.supersedes] if one.supersedes else one.id
        latest[root[one.id]] = one.id
    assert [one.id for one in current(entries)] == [one.id for one in entries if one.id in latest.values()]
    assert origins(entries) == root


@given(journals())
def test_history_lists_every_version_from_any_of_them(entries: list[Entry]) -> None:
    """Each version's history is the same list, oldest first, and as long as it was edited, and one."""
    roots, counts = origins(entries), edits(entries)
    for one in entries:
        versions = [version.id for version in history(entries, one.id)]
        assert versions == [other.id for other in entries if roots[other.id] == roots[one.id]]
        assert len(versions) == counts[roots[one.id]] + 1


def test_history_of_what_is_not_there_is_empty() -> None:
    """An unknown id has no history."""
    assert history([entry("a")], "b") == []


def test_an_entry_survives_json() -> None:
    """Microseconds, zone and payload come back equal."""
    one = entry("a", on_behalf_of="R-014", source="f" * 64)
    assert Entry.from_data(one.as_data()) == one


def test_whose_word_it_is() -> None:
    """What is written on the rep's behalf is the rep's word; the manager's is the manager's."""
    assert entry("a").side == "manager"
    assert entry("a", on_behalf_of="R-014").side == "rep"
    assert entry("a", role="rep").side == "rep"
    assert entry("a").of == "x"
