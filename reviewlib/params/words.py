"""A number and the words beside it: plural, zero and one as a person writes them. Words are English, by CLDR's rules for it.

Texts are written for several things, "{count} open deals are old", and agree with the number that they get.
"""

import functools
import re
from typing import Any, Final

#: What is counted.
_THINGS: Final = (
    "account", "agreement", "answer", "character", "concern", "customer", "day", "deal", "dispute", "entry", "figure", "goal",
    "half", "milestone", "month", "observation", "owner", "page", "problem", "purchase", "quarter", "refund", "rep", "review",
    "row", "team", "thing", "value", "year",
)  # fmt: skip
#: What goes with several of them, by what goes with one.
_VERBS: Final = {
    "are": "is", "have": "has", "they": "it", "were": "was",
    **{verb: f"{verb}s" for verb in ("belong", "cover", "name", "repeat", "run")},
}  # fmt: skip
_IRREGULAR: Final = {"half": "halves", "entry": "entries"}
_SMALL: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
#: Where a clause ends, and with it what agrees with its number.
_END: Final = re.compile(r"(?=[.,:;])")


def plural(noun: str) -> str:
    """Write several of a thing: "milestones", "halves"."""
    return _IRREGULAR.get(noun, f"{noun}s")


_ONE: Final = {plural(thing): thing for thing in _THINGS}
_NOUN: Final = re.compile(rf"\b({'|'.join(_ONE)})\b")
_VERB: Final = re.compile(rf"\b({'|'.join(_VERBS)})\b")
#: Another noun, as somebody calls what a figure of their own counts.
_LABEL: Final = re.compile(r"^(\w.*[^s])s$")
#: What follows a number: the things that it counts, or what they do; else a zero stays a digit.
_THINGS_FOLLOW: Final = re.compile(rf" (?:\w+ )?(?:{'|'.join(_ONE)})\b")
_DEED_FOLLOWS: Final = re.compile(rf" (?:of|bought|{'|'.join(_VERBS)})\b")


def agreeing(text: str, number: float | None, *, whose: float | None = None) -> str:
    """Let the first clause of a text agree with its number; its verbs with ``whose``, as in "1 of 5 deals was won"."""
    clause, *rest = _END.split(text, maxsplit=1)
    if _one(number):
        known = _NOUN.subn(lambda match: _ONE[match[0]], clause, count=1)
        clause = known[0] if known[1] else _LABEL.sub(r"\1", clause)
    if _one(number if whose is None else whose):
        clause = _VERB.sub(lambda match: _VERBS[match[0]], clause)
    return "".join([clause, *rest])


def counted(count: float, things: str) -> str:
    """Write a number of things in digits: "no rows", "1 row", "2,000 rows of deals.csv"; the noun is given in the plural."""
    return f"{count:,} {agreeing(things, count)}" if count else f"no {things}"


def part_of(count: int, whole: int, things: str) -> str:
    """Write how many of some things: "1 of 3 reps has no target"; what follows is given in the plural."""
    return f"{count:,} of {whole:,} {agreeing(things, whole, whose=count)}"


def spelled(count: int, thing: str) -> str:
    """Write a number of things in words where it is small: "one milestone", "eight quarters"; the noun is in the singular."""
    return f"{number(count)} {thing if _one(count) else plural(thing)}"


def number(count: int) -> str:
    """Write a small number as a word: "two", "12" is "twelve", above that in digits."""
    return _SMALL[count] if count < len(_SMALL) else f"{count:,}"


def zero(following: str) -> str:
    """Write zero before other words: "no deals were won", "none of 5 deals", "none were opened", "it was 0 before"."""
    return "no" if _THINGS_FOLLOW.match(following) else "none" if _DEED_FOLLOWS.match(following) else "0"


def _one(count: float | None) -> bool:
    return count is not None and count == count and _rule()(count) == "one"


@functools.cache
def _rule() -> Any:
    """CLDR's rule for English; with it alone no locale is loaded, which takes longer than what a command says."""
    from babel.plural import PluralRule

    return PluralRule({"one": "i = 1 and v = 0"})
