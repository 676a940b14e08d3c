"""The marks of a response form: where a field begins, which entry it is about, and what in it the rep did not write.

A mark is a line such as ``[[Reply F3 1f2e3d4c5b6a70]]``. What follows, up to the next mark, is the answer. Directly after a
mark stands its guide: lines with ``::`` that say what the field is for. The last six digits of a mark are the check of its
guide, made of letters and digits only: so the guide ends where the check is met, however a mail program wrapped, quoted or
adorned it, and what was typed right below it stays an answer. The eight digits before them stand for an entry.

Text of people that holds ``[[`` begins with ``^`` in a form; reading takes that one ``^`` away again.
"""

import dataclasses
import re
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from reviewlib.conversation.kinds import KINDS
from reviewlib.conversation.kinds.talk import SelfReview
from reviewlib.evidence.slicefile import slice_name
from reviewlib.files import normalized, sha256

GUIDE: Final = "::"
KEEP: Final = "^"
#: Where guides are wrapped: short enough to survive being quoted in a mail.
WIDTH: Final = 66
#: A mark that a mail program broke is looked for over so many lines, a guide over so many.
MARK_LINES: Final = 4
GUIDE_LINES: Final = 60
#: No guide has more characters.
GUIDE_LENGTH: Final = 10_000

# What programs put around a mark: bold and heading signs, bullets, escapes of Markdown editors, invisible characters.
_ADORNED = r"[\s*_#\\`•·\u00a0\u00ad\u200b-\u200f\u2060\u202a-\u202e\u2066-\u2069\ufeff]*"
_INSIDE = r"[*_\\\u200b-\u200f\u2060\u202a-\u202e\u2066-\u2069\ufeff]*"
_OPEN = rf"[\[［]{_INSIDE}[\[［]"
_CLOSE = rf"[\]］]{_INSIDE}[\]］]"
_STARTS: Final = re.compile(rf"^{_ADORNED}+(?:-{_ADORNED}+)?{_OPEN}")
_HOLDS: Final = re.compile(_OPEN)
_ENDS: Final = re.compile(rf"{_CLOSE}{_INSIDE}")

#: The self-review's parts by their word in a mark.
PARTS: Final[Mapping[str, str]] = MappingProxyType({str(field.title): name for name, field in SelfReview.model_fields.items()})
_ASKED: Final = {kind.name: re.escape(kind.label) for kind in KINDS.values() if kind.question}
_AGREED_TO: Final = "|".join(re.escape(kind.label) for kind in KINDS.values() if kind.yes_or_no)
_CODES = r"(?: (?P<token>[0-9a-f]{14}|[0-9a-f]{8}|[0-9a-f]{6}))?"
_PATTERNS: Final = tuple(
    (field, re.compile(pattern + _CODES, re.IGNORECASE))
    for field, pattern in (
        ("review", r"Review (?P<workbook>\S+) (?P<period>\S+) (?P<subject>(?:rep|team)-[0-9a-f]{24})"),
        ("read", r"Read (?P<number>\d+) (?P<head>[0-9a-f]{16} ?[0-9a-f]{16} ?[0-9a-f]{16} ?[0-9a-f]{16})"),
        ("section", r"Part (?P<number>\d)"),
        ("self_review", rf"(?P<part>{'|'.join(PARTS)})"),
        ("dispute", r"Dispute (?P<number>\d{1,3}) (?P<part>figure|deal|why)"),
        *((kind, rf"{label} (?P<number>\d{{1,3}})") for kind, label in _ASKED.items()),
        ("reply", r"Reply (?P<number>[A-Z]\d{1,3})"),
        ("agreement", rf"(?:{_AGREED_TO}) (?P<number>[A-Z]\d{{1,3}})"),
        ("signoff", r"Signature (?P<part>name|word|comment)"),
        ("end", r"End"),
    )
)


@dataclass(frozen=True)
class Mark:
    """What a mark says.

    Attributes:
        words: The mark as people see it, without its digits: ``Reply F3``.
        field: The kind of entry that the answer becomes, or ``review``, ``read``, ``section``, ``end``.
        number: Which one of several: ``1``, or ``F3``.
        part: Which part of an entry that has several fields.
        entry: The code of the entry it is about; empty where there is none.
        guide: The check of the guide that follows; empty where none does.
        named: ``workbook``, ``period``, ``subject`` of the first line; ``head`` of the second.
    """

    words: str
    field: str
    number: str = ""
    part: str = ""
    entry: str = ""
    guide: str = ""
    named: Mapping[str, str] = dataclasses.field(default_factory=dict)


def mark(words: str, *, entry: str = "", guide: Sequence[str] = ()) -> str:
    """Write a mark such as ``Concern 2``, with the code of the entry it is about, and its guide below it.

    Each sentence of a guide starts a line; the last one must be the form's own and hold a letter.
    """
    lines = [line for sentence in guide for line in _wrapped(sentence)]
    token = entry + (check(lines) if lines else "")
    return "\n".join([f"[[{words} {token}]]" if token else f"[[{words}]]", *lines])


def code(entry_id: str) -> str:
    """Shorten an entry's id to what a mark holds."""
    return sha256(entry_id.encode("utf-8", "surrogatepass"))[:8]


def subject_code(kind: str, subject: str) -> str:
    """Stand for a subject without naming it, as its files do."""
    return slice_name(kind, subject, "rep").split(".", maxsplit=1)[0]


def check(lines: Iterable[str]) -> str:
    """Make a guide's check of its letters and digits: neither quotes nor breaks nor bold signs change it."""
    return sha256(letters(lines).encode("utf-8", "surrogatepass"))[:6]


def letters(lines: Iterable[str]) -> str:
    """What of a text every mail program leaves as it is: its letters and digits."""
    plain = normalized("".join(lines), "NFKC").casefold()
    return "".join(char for char in plain if char.isalnum())


def keep(text: str) -> str:
    """Write people's text so that no line of it is taken for a mark."""
    return "\n".join(KEEP + line if _HOLDS.search(line) else line for line in text.split("\n"))


def kept(line: str) -> bool:
    """Whether a line is text by its ``^``."""
    return line.startswith(KEEP) and _HOLDS.search(line) is not None


def typed(line: str) -> str:
    """Take away what ``keep`` put before a line."""
    return line[len(KEEP) :] if kept(line) else line


def starts(line: str) -> bool:
    """Whether a line begins as a mark does."""
    return _STARTS.match(line) is not None


def opened(lines: Sequence[str]) -> tuple[str, str, int] | None:
    """Read the mark that begins on the first of these lines: what is inside, what follows it, how many lines it takes."""
    start = _STARTS.match(lines[0])
    if start is None:
        return None
    text = lines[0][start.end() :]
    for used in range(1, min(MARK_LINES, len(lines)) + 1):
        if end := _ENDS.search(text):
            return _clean(text[: end.start()]), text[end.end() :].strip(), used
        if used == len(lines) or starts(lines[used]):
            break
        text = f"{text} {lines[used].strip()}"
    return _clean(lines[0][start.end() :]), "", 1


def within(line: str) -> Mark | None:
    """Find a known mark in the middle of a line."""
    begin = _HOLDS.search(line)
    while begin and (end := _ENDS.search(line, begin.end())):
        if mark := read(_clean(line[begin.end() : end.start()])):
            return mark
        begin = _HOLDS.search(line, end.end())
    return None


def read(inside: str) -> Mark | None:
    """Understand what stands between the brackets; None where no form holds such a mark."""
    for field, pattern in _PATTERNS:
        if found := pattern.fullmatch(inside):
            return _mark(field, inside, found.groupdict(""))
    return None


def _mark(field: str, inside: str, groups: dict[str, str]) -> Mark:
    token = groups.pop("token").lower()
    number, part = groups.pop("number", ""), groups.pop("part", "").casefold()
    return Mark(
        words=inside[: len(inside) - len(token)].strip(),
        field=field,
        number=number.upper().lstrip("0"),
        part=_PART_NAMES.get(part, part),
        entry=token[:8] if len(token) in (8, 14) else "",
        guide=token[-6:] if len(token) in (6, 14) else "",
        named=MappingProxyType({name: value.replace(" ", "") for name, value in groups.items()}),
    )


_PART_NAMES: Final = MappingProxyType({title.casefold(): name for title, name in PARTS.items()})


def _clean(inside: str) -> str:
    plain = normalized(inside, "NFKC")
    names = plain.strip(" *_\\`#").casefold().startswith("review ")  # in which "_" may belong to a workbook's name
    seen = "".join(char for char in plain if char not in "*_\\`#" or (char == "_" and names))
    return " ".join("".join(char for char in seen if unicodedata.category(char) != "Cf").split())


def _wrapped(sentence: str) -> list[str]:
    """Break a sentence into guide lines. Brackets in it become round ones: a break must never make a mark of them."""
    plain = "".join({"[": "(", "]": ")", "［": "(", "］": ")"}.get(char, char) for char in sentence)
    width = WIDTH - len(GUIDE) - 1
    lines = textwrap.wrap(" ".join(plain.split()), width, break_on_hyphens=False) or [""]
    return [f"{GUIDE} {line}".rstrip() for line in lines]
