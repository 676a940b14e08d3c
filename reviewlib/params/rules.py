"""Rules of the params file that look at more than one value's type.

Each rule yields the key (relative to where it is asked) and what to say; ``model`` asks them while it validates, and
``reading`` adds the lines.
"""

import codecs
import difflib
import re
from collections.abc import Callable, Collection, Iterable, Iterator
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
#: Of a longer name only so much is held against the known ones.
LONGEST_NAME: Final = 100
#: Page backgrounds, light and dark, and the contrast that WCAG 2.2 asks of text (level AA).
LIGHT_PAPER: Final = "#fdfdfb"
DARK_PAPER: Final = "#121519"
CONTRAST: Final = 4.5


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
        said = ((".".join(key), f"{advice.what}. {advice.do}") for key, advice in problems)
        text = "; ".join(f"{key}: {words}" if key else words for key, words in said)
        raise PydanticCustomError("contradiction", "{text}", {"text": text, "problems": problems})


def clash(what: str) -> Finding:
    """Values of one section that contradict each other."""
    return (), Advice(what, "", "Change one of them.")


def checked(rule: Callable[[Any], Iterable[Finding]]) -> AfterValidator:
    """Make a validator of a rule over one value."""

    def validate(value: Any) -> Any:
        refuse(rule(value))
        return value

    return AfterValidator(validate)


def nearest(text: str, known: Collection[str], *, cutoff: float = 0.6) -> str | None:
    """Find the known name closest to a mistyped one, or None where none is close."""
    return next(iter(near_names(text, known, most=1, cutoff=cutoff)), None)


def near_names(text: str, known: Collection[str], *, most: int = 3, cutoff: float = 0.5) -> list[str]:
    """Find the known names that are close to a mistyped one, the closest first."""
    spelled = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(text.strip().casefold()[:LONGEST_NAME], spelled, n=most, cutoff=cutoff)
    return [spelled[name] for name in close]


def known_names(names: Iterable[tuple[Key, str]], known: Collection[str], *, what: str, otherwise: str) -> Iterator[Finding]:
    """Check that names, each at its key, are known ones; else offer the nearest, or say what to do ``otherwise``."""
    for key, name in names:
        if name not in known:
            near = nearest(name, known)
            yield key, Advice(what, repr(name), f"Did you mean {near}?" if near else otherwise)


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
        do = "Write a language and, where it matters, a country: en, en_GB, de_CH."
        yield (), Advice("this is no locale", repr(name), do)


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


def database(url: str) -> Iterator[Finding]:
    """The journal is kept in SQLite or PostgreSQL."""
    if not re.match(r"(postgresql(\+psycopg)?|sqlite)://", url):
        scheme = url.split("://")[0] if "://" in url else url[:20]
        yield (), Advice("The journal cannot be kept there", scheme, "Write postgresql://HOST/DATABASE, or leave it out")


def connection(url: str) -> Iterator[Finding]:
    """Tables are read from PostgreSQL or Spark; what is written here is never repeated, as it may hold a password."""
    if not re.fullmatch(r"postgres(ql)?://[\w.-]*(:\d+)?/[\w.-]+|spark(://[\w.-]+(:\d+)?)?", url):
        do = "Write postgres://HOST/DATABASE, spark or spark://HOST:PORT. User and password never stand here: "
        do += "the driver takes them from PGUSER, PGPASSWORD, a service file or .pgpass, Spark from its own configuration."
        yield (), Advice("no connection to a database has this form", "", do)
