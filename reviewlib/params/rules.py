"""Rules of the params file that look at more than one value's type.

Each rule yields the key (relative to where it is asked) and what to say; ``model`` asks them while it validates, and
``reading`` adds the lines.
"""

from __future__ import annotations

import codecs
import difflib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

Key = tuple[str, ...]

#: Names that sentences know beside the figures; no measure can have one as its key.
SENTENCE_NAMES: Final = (
    "subject", "first_name", "team", "period", "previous_period", "year_ago_period", "next_period", "as_of", "last_day",
    "next_last_day", "first_day", "retention_window",
)  # fmt: skip
_WITH_THRESHOLD: Final = ("target_exceeded", "streak", "significant_deal")
#: Of a longer name only so much is held against the known ones.
LONGEST_NAME: Final = 100
#: Page backgrounds, light and dark, and the contrast that WCAG 2.2 asks of text (level AA).
LIGHT_PAPER: Final = "#fdfdfb"
DARK_PAPER: Final = "#121519"
_CONTRAST: Final = 4.5


@dataclass(frozen=True, order=True)
class Advice:
    """What is wrong, what was found, what to do: the words of one mistake."""

    what: str
    found: str
    do: str


Finding = tuple[Key, Advice]


def refuse(findings: Iterable[Finding]) -> None:
    """Stop validation where a rule found something.

    Raises:
        PydanticCustomError: Its context ``problems`` holds the findings, each with its key.
    """
    problems = tuple(findings)
    if problems:
        text = "; ".join(f"{'.'.join(key)}: {advice.what}. {advice.do}" for key, advice in problems)
        raise PydanticCustomError("contradiction", "{text}", {"text": text, "problems": problems})


def checked(rule: Callable[[Any], Iterable[Finding]]) -> AfterValidator:
    """Make a validator of a rule over one value."""

    def validate(value: Any) -> Any:
        refuse(rule(value))
        return value

    return AfterValidator(validate)


def nearest(text: str, known: Collection[str], *, cutoff: float = 0.6) -> str | None:
    """Find the known name closest to a mistyped one, or None where none is close."""
    spelled = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(text.strip().casefold()[:LONGEST_NAME], spelled, n=1, cutoff=cutoff)
    return spelled[close[0]] if close else None


def known_names(names: Iterable[tuple[Key, str]], known: Collection[str], *, what: str, otherwise: str) -> Iterator[Finding]:
    """Check that names, each at its key, are known ones; else offer the nearest, or say what to do ``otherwise``."""
    for key, name in names:
        if name not in known:
            near = nearest(name, known)
            yield key, Advice(what, repr(name), f"Did you mean {near}?" if near else otherwise)


def threshold(rule: str, at_least: float | None) -> Iterator[Finding]:
    """Check that ``at_least`` stands on a rule that reads it."""
    if at_least is not None and rule not in _WITH_THRESHOLD:
        what = f"{rule} has no threshold"
        yield ("at_least",), Advice(what, f"{at_least:g}", f"Remove at_least; {enumerated(_WITH_THRESHOLD)} have one.")


def currency(code: str) -> Iterator[Finding]:
    """Check that the code is a currency known to CLDR."""
    from babel.numbers import list_currencies

    if code not in list_currencies():
        yield (), Advice("this is no currency", repr(code), "Write an ISO code, as in EUR, USD, GBP or CHF.")


def locale(name: str) -> Iterator[Finding]:
    """Check that the locale is known to CLDR."""
    from babel import Locale, UnknownLocaleError

    try:
        Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        yield (
            (),
            Advice("this is no locale", repr(name), "Write a language and, where it matters, a country: en, en_GB, de_CH."),
        )


def timezone(name: str) -> Iterator[Finding]:
    """Check that the time zone is in the IANA database."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        yield (), Advice("this is no time zone", repr(name), "Write an IANA name, as in Europe/Berlin or America/New_York.")


def encoding(name: str) -> Iterator[Finding]:
    """Check that the encoding is one for text that Python knows."""
    try:
        # Codecs such as hex are known too, but turn bytes into bytes; only decoding tells. Those of domains are slow.
        usable = isinstance(b"a".decode(name, "replace"), str) and codecs.lookup(name).name not in ("idna", "punycode")
    except (LookupError, ValueError):
        usable = False
    if not usable:
        yield (), Advice("this is no text encoding", repr(name), "Write utf-8, cp1252, iso-8859-1 or utf-16.")


def delimiter(char: str) -> Iterator[Finding]:
    """Check that the delimiter can separate fields."""
    if char in '"\r\n\\' or char.isalnum():
        yield (), Advice("this character cannot separate fields", repr(char), r'Write ",", ";", "|" or "\t".')


def accents(light: str, dark: str) -> Iterator[Finding]:
    """Check that the accent colours can be read on both papers."""
    for key, colour, paper, tone in (("accent", light, LIGHT_PAPER, "darker"), ("accent_dark", dark, DARK_PAPER, "lighter")):
        ratio = contrast(colour, paper)
        if ratio < _CONTRAST:
            what = f"this colour cannot be read on {'light' if tone == 'darker' else 'dark'} paper"
            found = f"{colour}, contrast {ratio:.1f} against {paper}"
            yield (key,), Advice(what, found, f"Take a {tone} one, of contrast {_CONTRAST} or more.")


def contrast(one: str, other: str) -> float:
    """Compute the contrast ratio of two colours (#rrggbb), 1 to 21.

    Source: WCAG 2.2, relative luminance and contrast ratio.
    """
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def enumerated(names: Collection[str], *, last: str = "and") -> str:
    """List names in a sentence: a, b and c."""
    *head, tail = names
    return f"{', '.join(head)} {last} {tail}" if head else tail


def logins(
    roles: Mapping[str, str], names: Mapping[str, str], addresses: Mapping[str, str], acting_as: str | None
) -> Iterator[Finding]:
    """Every login that is named has a role, and who is a rep or a manager is somebody."""
    do = "Give the login a role under people.roles"
    for key, logins_named in (("logins", names), ("addresses", addresses)):
        for login in logins_named:
            if login not in roles:
                yield (key, login), Advice("This login has no role", repr(login), do)
    if acting_as is not None and acting_as not in roles:
        yield ("acting_as",), Advice("This login has no role", repr(acting_as), do)
    for login, role in roles.items():
        if role != "analyst" and login not in names:
            who = "the rep's id" if role == "rep" else "the manager's name as in the reps table"
            yield ("roles", login), Advice(f"A {role} must be somebody", repr(login), f"Write {who} under people.logins")


def database(url: str) -> Iterator[Finding]:
    """The journal is kept in SQLite or PostgreSQL."""
    if not re.match(r"(postgresql(\+psycopg)?|sqlite)://", url):
        scheme = url.split("://")[0] if "://" in url else url[:20]
        yield (), Advice("The journal cannot be kept there", scheme, "Write postgresql://HOST/DATABASE, or leave it out")
