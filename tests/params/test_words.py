"""Tests of reviewlib.params.words: plural, zero and one as a person writes them."""

from __future__ import annotations

import pytest
from babel import Locale

from reviewlib.params import words
from reviewlib.params.kpis import KPIS


@pytest.mark.parametrize("count", [0, 1, 1.0, 1.5, 2, 5, 11, 21, 101, 1000, -1, 0.1])
def test_the_rule_is_that_of_babels_english(count: float) -> None:
    """One thing is one where CLDR's rule for English says so."""
    one = Locale("en").plural_form(count) == "one"
    assert (words.agreeing("deals", count) == "deal") is one


@pytest.mark.parametrize(
    ("text", "number", "whose", "said"),
    [
        (" open deals have no date; deals were", 1, None, " open deal has no date; deals were"),
        (" open deals have no date", 2, None, " open deals have no date"),
        (" closed deals were won", 5, 1, " closed deals was won"),
        (" closed deals were won", 1, 0, " closed deal were won"),
        ("deals were closed before they were opened", 1, None, "deal was closed before it was opened"),
        ("rows of deals.csv", 1, None, "row of deals.csv"),
        ("visits", 1, None, "visit"),
        ("sales calls", 1, None, "sales call"),
        ("business", 1, None, "business"),
        ("open deals", None, None, "open deals"),
        ("open deals", float("nan"), None, "open deals"),
    ],
)
def test_what_agrees_with_a_number(text: str, number: float | None, whose: float | None, said: str) -> None:
    """The first noun and the verbs of the first clause agree; of a part of a whole the verbs agree with the part."""
    assert words.agreeing(text, number, whose=whose) == said


def test_what_every_figure_counts_has_a_singular() -> None:
    """One of what a KPI counts is one."""
    assert {words.counted(1, kpi.n_label) for kpi in KPIS.values() if kpi.n_label} == {
        "1 won deal", "1 refund", "1 first purchase", "1 closed deal", "1 opened deal", "1 open deal",
        "1 open deal at the start", "1 deal", "1 base account", "1 account",
    }  # fmt: skip


def test_numbers_of_things() -> None:
    """In digits with zero as a word, in words where they are small, and as a part of a whole."""
    assert [words.counted(count, "rows of a file") for count in (0, 1, 2000)] == [
        "no rows of a file", "1 row of a file", "2,000 rows of a file",
    ]  # fmt: skip
    assert [words.spelled(count, "half") for count in (0, 1, 2, 12, 13, 1000)] == [
        "no halves", "one half", "two halves", "twelve halves", "13 halves", "1,000 halves",
    ]  # fmt: skip
    assert words.part_of(1, 3, "reps have no target") == "1 of 3 reps has no target"
    assert words.part_of(2, 3, "reps have no target") == "2 of 3 reps have no target"
    assert (words.plural("entry"), words.plural("quarter")) == ("entries", "quarters")


@pytest.mark.parametrize(
    ("following", "zero"),
    [(" closed deals were won", "no"), (" customers bought", "no"), (" of ", "none"), (" were opened", "none"),
     (" in 2026-Q2", "0"), (".", "0"), (" won / ", "0")],
)  # fmt: skip
def test_zero_in_words(following: str, zero: str) -> None:
    """Nothing is "no deals" and "none of them"; as a bare figure it stays a digit."""
    assert words.zero(following) == zero
