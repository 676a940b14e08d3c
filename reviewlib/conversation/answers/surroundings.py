"""What stands around a form in a mail: greetings, signatures, quoted mails, and text that has gone astray."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reviewlib.conversation.answers.mails import AnswerLine

#: The longest greeting: so many lines, and so many characters in all.
GREETING: Final = (3, 120)
#: The longest signature below a closing formula.
SIGNATURE: Final = (15, 80)
_SIGNED: Final = re.compile(r"\s*(?:--|—)\s*")
_CLOSING: Final = re.compile(
    r"\s*(?:(?:kind|best|warm|many)\s+)?(?:regards|wishes|cheers|best|sincerely|yours)\b.{0,25}"
    r"|\s*(?:mit )?(?:freundlich|viel|lieb|best|herzlich|schön)e[nm]?\s+gr(?:ü|ue)(?:ß|ss)e?n?\b.{0,25}"
    r"|\s*(?:mfg|vg|lg)\b[\s,.!]*",
    re.IGNORECASE,
)
_PROGRAM: Final = re.compile(
    r"\s*(?:sent from (?:my |outlook|mail|yahoo)|get outlook for|von meinem \w+ gesendet|gesendet (?:mit|von|aus)|"
    r"holen sie sich outlook|outlook für|diese nachricht wurde von meinem|envoyé de mon).{0,80}",
    re.IGNORECASE,
)
_QUOTES: Final = re.compile(
    r"\s*(?:on\b.{4,200}\bwrote:|am\b.{4,200}\bschrieb\b.{0,120}:|le\b.{4,200}\ba écrit ?:"
    r"|[-_]{3,}+\s*+(?:original message|ursprüngliche nachricht|forwarded message|weitergeleitete nachricht)?\s*+[-_]*+"
    r"|begin forwarded message:|anfang der weitergeleiteten nachricht:)\s*",
    re.IGNORECASE,
)
#: So many different ones of these words make a disclaimer; one alone may be anybody's.
ADDED_WORDS: Final = 2
_ADDED: Final = re.compile(
    r"\b(?:confidential|privileged|intended recipient|intended solely|disclaimer|notify the sender|delete it|unauthori[sz]ed"
    r"|vertraulich|richtige[rn]? (?:adressat|empfänger)|irrtümlich|den absender|vernichten sie|unbefugt"
    r"|geschäftsführer|vorstand|amtsgericht|registergericht|handelsregister|hrb|sitz der gesellschaft|ust-id"
    r"|registered (?:office|in)|company (?:registration|number|no)|vat (?:number|no|id))",
    re.IGNORECASE,
)
_HEADING: Final = re.compile(
    r"\s*\*?(?:from|sent|date|to|cc|subject|reply-to|von|gesendet|datum|an|betreff|antwort an)\*?:.*", re.IGNORECASE
)


@dataclass(frozen=True)
class AnswerProblem:
    """Something that cannot be understood: where, what, what was found there, what to do."""

    line: AnswerLine
    what: str
    found: str
    do: str

    def __str__(self) -> str:
        return f"{self.line}: {self.what} Found: {self.found}. {self.do}"


@dataclass(frozen=True)
class MailParts:
    """What stands around a form."""

    problems: tuple[AnswerProblem, ...]
    left_out: tuple[AnswerLine, ...]


def before(lines: Sequence[AnswerLine]) -> MailParts:
    """Sort what stands before a form."""
    return _sorted(lines)


def after(lines: Sequence[AnswerLine]) -> MailParts:
    """Sort what stands after a form; what a company's server adds to every mail is left out too."""
    added = {place for paragraph in _paragraphs(lines) if _is_added([lines[at] for at in paragraph]) for place in paragraph}
    found = _sorted([line for place, line in enumerate(lines) if place not in added])
    kept = {line: place for place, line in enumerate(lines)}
    left_out = sorted((*found.left_out, *(lines[place] for place in added)), key=kept.__getitem__)
    return MailParts(found.problems, tuple(left_out))


def _paragraphs(lines: Sequence[AnswerLine]) -> list[list[int]]:
    found: list[list[int]] = [[]]
    for place, line in enumerate(lines):
        if line.text.strip(" >"):
            found[-1].append(place)
        elif found[-1]:
            found.append([])
    return [paragraph for paragraph in found if paragraph]


def _is_added(paragraph: Sequence[AnswerLine]) -> bool:
    """Whether a paragraph is a disclaimer or a company's particulars."""
    words = {word.casefold() for word in _ADDED.findall(" ".join(line.text for line in paragraph))}
    return len(words) >= ADDED_WORDS


def _sorted(lines: Sequence[AnswerLine]) -> MailParts:
    left_out: list[AnswerLine] = []
    astray: list[AnswerLine] = []
    place = 0
    while place < len(lines):
        line = lines[place]
        if _SIGNED.fullmatch(line.text) or (_CLOSING.fullmatch(line.text) and _is_signature(lines, place + 1)):
            rest = lines[place : _next_known(lines, place)]
            left_out += [one for one in rest if one.text.strip(" >")]
            place += len(rest)
            continue
        taken = _known(lines, place)
        (left_out if taken else astray).extend(one for one in lines[place : place + (taken or 1)] if one.text.strip(" >"))
        place += taken or 1
    long = len(astray) > GREETING[0] or sum(len(line.text) for line in astray) > GREETING[1]
    if not long:
        return MailParts((), (*left_out, *astray))
    do = "Move it into a field, or take it out."
    return MailParts(
        tuple(AnswerProblem(line, "This text is in no field.", short(line.text), do) for line in astray), tuple(left_out)
    )


def _known(lines: Sequence[AnswerLine], place: int) -> int:
    """How many lines from here on are blank, quoted or a mail program's own."""
    line = lines[place]
    if not line.text.strip() or line.depth or _PROGRAM.fullmatch(line.text) or _HEADING.fullmatch(line.text):
        return 1
    for count in (1, 2, 3):
        if _QUOTES.fullmatch(" ".join(one.text.strip() for one in lines[place : place + count])):
            return count
    return 0


def _next_known(lines: Sequence[AnswerLine], place: int) -> int:
    """Where, behind a place, a quotation or a mail program's own words begin."""
    behind = range(place + 1, len(lines))
    return next((other for other in behind if lines[other].text.strip() and _known(lines, other)), len(lines))


def _is_signature(lines: Sequence[AnswerLine], start: int) -> bool:
    said: list[str] = []
    for place in range(start, len(lines)):
        text = lines[place].text.strip()
        if text and place > start and _known(lines, place):
            break
        said += [text] if text else []
        if len(said) > SIGNATURE[0]:  # looked at no further: every line may be a closing formula
            return False
    short = all(len(line) <= SIGNATURE[1] for line in said)
    return short and not any(re.match(r"p\.?\s?s\b", line, re.IGNORECASE) for line in said)


def short(text: str) -> str:
    """Cut a text for a message."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}..."
