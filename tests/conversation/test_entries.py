"""Entries: which are current, what their history is, and the way through JSON.

The chain of a review: any change, gap or exchange is found and named by the entry's number.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from reviewlib.conversation.entries import (
    About,
    Entry,
    canonical,
    current,
    digest,
    history,
    link,
    origins,
    payload_bytes,
    sealed,
    verify_chains,
)
from reviewlib.conversation.kinds.plans import Goal
from reviewlib.conversation.kinds.talk import Concern, Note, Reply

ABOUT = About("rep", "R-014", "2026-Q3")
REVIEW = About("rep", "R1", "2026-Q3")
AT = dt.datetime(2026, 10, 1, 12, 30, 0, 5, tzinfo=dt.UTC)


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
    """Each version's history is the same list, oldest first."""
    roots = origins(entries)
    for one in entries:
        versions = [version.id for version in history(entries, one.id)]
        assert versions == [other.id for other in entries if roots[other.id] == roots[one.id]]


def test_history_of_what_is_not_there_is_empty() -> None:
    """An unknown id has no history."""
    assert history([entry("a")], "b") == []


def test_an_entry_survives_json() -> None:
    """Microseconds, zone and payload come back equal."""
    one = entry("a", on_behalf_of="R-014", source="f" * 64)
    in_json = TypeAdapter(Entry)
    assert in_json.validate_json(in_json.dump_json(one)) == one


def test_whose_word_it_is() -> None:
    """What is written on the rep's behalf is the rep's word; the manager's is the manager's."""
    assert entry("a").side == "manager"
    assert entry("a", on_behalf_of="R-014").side == "rep"
    assert entry("a", role="rep").side == "rep"
    assert entry("a").of == "x"


def chain_of(*texts: str) -> list[Entry]:
    entries: list[Entry] = []
    for place, text in enumerate(texts, start=1):
        previous = entries[-1].hash if entries else ""
        entries.append(
            sealed(
                Entry(
                    id=f"id-{place}",
                    about=REVIEW,
                    team="North",
                    sequence=place,
                    kind="concern",
                    author="anna",
                    author_name="Anna Berg",
                    role="manager",
                    on_behalf_of=None,
                    visibility="shared",
                    at=AT,
                    supersedes=None,
                    source=None,
                    payload=Concern(text=text),
                    salt=f"{place:032x}",
                    digest="",
                    previous=previous,
                    hash="",
                )
            )
        )
    return entries


def test_a_chain_that_nobody_touched_holds() -> None:
    """Entries in their order, each with the hash of the one before, are whole; so is a review without entries."""
    assert verify_chains(chain_of("one", "two", "three"), {}) == []
    assert verify_chains([], {}) == []


OTHERS: dict[str, Any] = {
    "id": "id-9",
    "about": About("team", "R1", "2026-Q3"),
    "team": None,
    "sequence": 9,
    "kind": "note",
    "author": "ben",
    "author_name": "Ben",
    "role": "analyst",
    "on_behalf_of": "R1",
    "visibility": "manager_only",
    "at": AT + dt.timedelta(microseconds=1),
    "supersedes": "id-1",
    "source": "0" * 64,
    "payload": Concern(text="another"),
    "salt": "f" * 32,
    "digest": "0" * 64,
    "previous": "0" * 64,
    "hash": "0" * 64,
}


@pytest.mark.parametrize("column", list(Entry.__dataclass_fields__))
def test_a_change_of_any_column_is_found(column: str) -> None:
    """Whichever column of an entry is changed, the walk says so and names the review and a number."""
    entries = chain_of("one", "two", "three")
    entries[1] = replace(entries[1], **{column: OTHERS[column]})
    problems = verify_chains(entries, {})
    assert problems
    assert all("entry " in problem for problem in problems)


def test_a_change_with_a_new_hash_is_found_at_the_next_entry() -> None:
    """Who changes words and makes the hash anew breaks the entry after it."""
    entries = chain_of("one", "two", "three")
    entries[1] = sealed(replace(entries[1], payload=Concern(text="2")))
    assert verify_chains(entries, {}) == [f"{REVIEW}: entry 3 does not follow from the entry before it"]


def test_gaps_and_repetitions_are_named() -> None:
    """A missing entry is named by its number, several by the first and last; one that is there twice is too."""
    entries = chain_of("one", "two", "three", "four")
    assert verify_chains([entries[0], entries[2], entries[3]], {}) == [f"{REVIEW}: entry 3 follows a gap: 2 is missing"]
    assert verify_chains([entries[0], entries[3]], {}) == [f"{REVIEW}: entry 4 follows a gap: 2 to 3 is missing"]
    assert verify_chains(entries[1:], {})[0] == f"{REVIEW}: entry 2 follows a gap: 1 is missing"
    assert "a second time" in verify_chains([entries[0], entries[1], entries[1]], {})[0]


def test_the_first_entry_has_none_before_it() -> None:
    """A first entry that names an entry before it is the rest of a longer chain."""
    first = sealed(replace(chain_of("one")[0], previous="0" * 64))
    assert verify_chains([first], {}) == [f"{REVIEW}: entry 1 is the first, yet names an entry before it"]


def test_texts_do_not_run_over_into_the_next_column() -> None:
    """Two entries whose columns put together are the same text have other hashes; nothing and empty differ."""
    entry = chain_of("one")[0]
    pairs = [("ab", "c"), ("a", "bc"), ('a","b', "c"), ("a", 'b","c')]
    assert len({link(replace(entry, author=one, author_name=two)) for one, two in pairs}) == len(pairs)
    assert link(replace(entry, team=None)) != link(replace(entry, team=""))


def test_the_salt_hides_short_texts() -> None:
    """The same words have another digest under another salt, and the hash of an entry needs no salt."""
    entry = chain_of("yes")[0]
    assert digest(entry.payload, salt="00") != digest(entry.payload, salt="01")
    assert link(replace(entry, salt="")) == entry.hash


def test_a_field_that_is_new_does_not_change_old_digests() -> None:
    """What was read without a field has the digest that it was written with, whatever the field's default is."""
    old = Concern.model_validate({"text": "Slow leads.", "owner": "rep"})
    assert payload_bytes(old) == b'{"owner":"rep","text":"Slow leads."}'


def test_zones_do_not_matter_but_moments_do() -> None:
    """A time in another zone hashes as the same moment."""
    entry = chain_of("one")[0]
    assert link(replace(entry, at=AT.astimezone(dt.timezone(dt.timedelta(hours=5))))) == entry.hash


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1).filter(str.strip))
def test_any_text_comes_back_from_canonical_json(text: str) -> None:
    """Canonical JSON is ASCII, and what was said comes back from it with the same bytes."""
    note = Note(text=text)
    again = Note.model_validate_json(payload_bytes(note))
    assert payload_bytes(again) == payload_bytes(note)
    assert again == note


@given(st.floats(allow_nan=False, allow_infinity=False), st.dates())
def test_numbers_and_dates_come_back_from_canonical_json(number: float, day: dt.date) -> None:
    """Figures and dates of a goal are written in one way only."""
    goal = Goal.model_validate(Goal(statement="Win", baseline=number, due=day).model_dump(mode="json"))
    assert payload_bytes(Goal.model_validate_json(payload_bytes(goal))) == payload_bytes(goal)


def test_canonical_json_has_one_order_and_no_nan() -> None:
    """Keys are sorted; what JSON does not know is refused."""
    assert canonical({"b": 1, "a": [None, True]}) == b'{"a":[null,true],"b":1}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(float("nan"))
