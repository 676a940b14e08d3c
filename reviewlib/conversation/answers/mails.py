"""An answer as it arrives: a form file or a saved mail, read into numbered lines.

Nothing is guessed: a byte order mark or a declared character set is believed, else it is UTF-8, else the file is refused.
"""

from __future__ import annotations

import codecs
import email
import email.policy
import html as html_text
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from email.message import EmailMessage, MIMEPart
from pathlib import Path
from typing import Any, Final

from reviewlib import files
from reviewlib.conversation.answers import marks, senders
from reviewlib.errors import ResponseError, ReviewError
from reviewlib.params import rules

_MARKED: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
#: A mail begins with fields, one of which only mail programs write: what a person types above a form is none.
_HEADER: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:From [^\r\n]*\r?\n)?(?:[a-z][\w-]*:[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*)*?"
    rb"(?:Return-Path|Received|Delivered-To|MIME-Version|Message-ID|X-[\w-]+|DKIM-Signature|ARC-[\w-]+"
    rb"|Content-Type|Content-Transfer-Encoding): ?[^\r\n]*\r?\n",
    re.IGNORECASE,
)
_ENCODED: Final = re.compile(r"\s*Content-Transfer-Encoding:\s*(?:quoted-printable|base64)\s*", re.IGNORECASE)
# What mail programs call Latin-1 is in practice the Windows code page; the WHATWG encoding standard says so too.
_CALLED: Final = {"iso-8859-1": "cp1252", "latin-1": "cp1252", "us-ascii": "utf-8", "ascii": "utf-8", "ansi_x3.4-1968": "utf-8"}
#: More signs of quotation before a line are not counted.
_DEEPEST: Final = 99
_LINE_ENDS: Final = re.compile(r"\r\n|\r|\n")
_SMALLER: Final = "Save the mail without attachments and without older mails below it, or send the form as a file."


@dataclass(frozen=True)
class AnswerLine:
    """One line of an answer.

    Attributes:
        number: As counted in the mail's text or in the file, from 1.
        text: The line.
        place: Which of a mail's texts it is in; empty in a file.
        depth: How often a mail program quoted it.
    """

    number: int
    text: str
    place: str = ""
    depth: int = 0

    def __str__(self) -> str:
        return f"{self.place + ', ' if self.place else ''}line {self.number}"


@dataclass(frozen=True)
class ArrivedAnswer:
    """An answer as it arrived: its lines, the sha256 of the file, and whom a mail names as having sent it."""

    lines: tuple[AnswerLine, ...]
    sha256: str
    senders: tuple[str, ...] = ()


def open_answer(path: Path) -> ArrivedAnswer:
    """Read a form file (.md, .txt) or a saved mail (.eml).

    Raises:
        ResponseError: The file is not there, is no text, or holds no answer.
    """
    with ResponseError.of_disk("The answer cannot be read.", where=path.name, do="Check the file's name."):
        content = files.read(path, files.ANSWER_BYTES, ResponseError, do=_SMALLER)
    return read_answer(content, name=path.name)


def read_answer(content: bytes, *, name: str = "the answer") -> ArrivedAnswer:
    """Read an answer from the bytes of its file; ``name`` is what messages call it.

    Raises:
        ResponseError: It is larger than answers are, is no text, or holds no answer.
    """
    _hold("It", len(content), files.ANSWER_BYTES, "bytes", name)
    lines, sent_by = _lines_and_senders(content, name)
    _hold("Its text", sum(len(line.text) for line in lines), files.ANSWER_CHARACTERS, "characters", name)
    return ArrivedAnswer(tuple(lines), files.sha256(content), sent_by)


def _hold(what: str, size: int, most: int, unit: str, name: str) -> None:
    if size > most:
        raise ResponseError(
            f"{what} is too long for an answer.", where=name, found=f"{size:,} {unit}; at most {most:,} are read", do=_SMALLER
        )


def _lines_and_senders(content: bytes, name: str) -> tuple[Sequence[AnswerLine], tuple[str, ...]]:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # an editor saved it so, be it a mail's source
        content = _text(content, name).encode()
    if not (name.lower().endswith(".eml") or _HEADER.match(content)):
        lines = list(numbered(_text(content, name)))
        _refuse_encoded(lines, name)
        return lines, ()
    content = content.removeprefix(codecs.BOM_UTF8).lstrip()
    return _lines_of_mail(content, name), senders.of_mail(content)


def _refuse_encoded(lines: Sequence[AnswerLine], name: str) -> None:
    """Refuse a piece of a mail's source: its words are not the ones that were typed."""
    for line in lines:
        if marks.starts(quotation(line.text, _DEEPEST)[1]):
            return
        if _ENCODED.fullmatch(line.text):
            raise ResponseError(
                "This is a piece of a mail’s source, in which the words are encoded.",
                where=f"{name}, {line}",
                found=line.text.strip(),
                do="Save the whole mail as .eml, or copy its text as the mail program shows it.",
            )


def numbered(text: str, place: str = "") -> Iterator[AnswerLine]:
    """Number the lines of a text and count how often each was quoted."""
    for number, line in enumerate(_LINE_ENDS.split(text), start=1):
        yield AnswerLine(number, line, place, depth=quotation(line, _DEEPEST)[0])


def quotation(line: str, most: int) -> tuple[int, str]:
    """Take away up to so many signs of quotation, each with the blank after it; tell how many there were."""
    count = 0
    while count < most and line.lstrip(" \u00a0").startswith(">"):
        line = line.lstrip(" \u00a0")[1:].removeprefix(" ")
        count += 1
    return count, line


def _text(content: bytes, name: str, declared: str = "") -> str:
    """Decode a text as its mark says, else as is declared."""
    marked = next((encoding for start, encoding in _MARKED if content.startswith(start)), None)
    encoding = marked or _CALLED.get(declared, declared) or "utf-8"
    try:
        if any(rules.encoding(encoding)):
            raise LookupError(encoding)
        text = content.decode(encoding)
    except (ValueError, LookupError):
        raise ResponseError(
            "The answer's characters cannot be read.",
            where=name,
            found=f"it is not the {encoding} that {'it declares' if encoding != 'utf-8' else 'a text file is expected to be'}",
            do="Save it again as plain text with the encoding UTF-8, or save the whole mail as .eml.",
        ) from None
    if "\0" in text:
        raise ResponseError(
            "The answer is no plain text.", where=name, found="zero bytes", do="Save it as plain text (.txt, .md) or as .eml."
        )
    return text.removeprefix("\ufeff")


def _lines_of_mail(content: bytes, name: str) -> list[AnswerLine]:
    """The text with the form in it: the mail's own, with what was written there before an attached form."""
    message = _message(content, name)
    body = _body(message, name)
    attached = [lines for lines in _attachments(message) if _holds_form(lines)]
    if not attached:
        return body
    if len(attached) > 1 or _holds_form([line for line in body if not line.depth]):
        raise ResponseError(
            "The mail holds more than one form.",
            where=name,
            found="a form in several places",
            do="Save the right one as a file.",
        )
    return [*(line for line in body if not line.depth), *attached[0]]


class _Fields(email.policy.EmailPolicy):
    """Reads what a mail says of its parts once, where it is as short as mail programs write it."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, Any]:
        """Read one field of the mail, or of a part of it."""
        name, value = super().header_source_parse(sourcelines)
        if not name.lower().startswith("content-"):
            return name, value
        if len(value) > files.FIELD_CHARACTERS or value.count("(") > files.FIELD_BRACKETS:
            raise _unreadable(f"the field {name[:40]}", f"{len(value):,} characters, {value.count('('):,} of them brackets")
        return name, self.header_fetch_parse(name, value)


def _message(content: bytes, name: str) -> EmailMessage:
    """Parse a mail of so many lines and parts: what takes a part into account is done again for each line below it."""
    _hold("The mail", content.count(b"\n") + content.replace(b"\r\n", b"").count(b"\r"), files.MAIL_LINES, "lines", name)
    count = itertools.count(1)

    def part(policy: email.policy.Policy[Any] | None = None) -> EmailMessage:
        if next(count) > files.MAIL_PARTS:
            raise _unreadable(name, f"more than {files.MAIL_PARTS} parts")
        return EmailMessage(policy)

    try:
        message = email.message_from_bytes(content, policy=_Fields(message_factory=part))
    except ReviewError:
        raise
    except Exception:  # noqa: BLE001 - the library meets in a damaged field whatever it did not expect
        raise _unreadable(name, "a field that says wrongly what a part is") from None
    assert isinstance(message, EmailMessage)
    return message


def _unreadable(where: str, found: str) -> ResponseError:
    return ResponseError("This is no mail that can be read.", where=where, found=found, do=_SMALLER)


def _holds_form(lines: Sequence[AnswerLine]) -> bool:
    return any(marks.starts(quotation(line.text, _DEEPEST)[1]) for line in lines)


def _body(message: EmailMessage, name: str) -> list[AnswerLine]:
    for kind in ("plain", "html"):
        part = message.get_body(preferencelist=(kind,))
        text = _text_of(part, name) if part is not None else ""
        if part is not None and text.strip():
            return _flowed(part, numbered(_rendered(text) if kind == "html" else text, "the mail's text"))
    return []


def _text_of(part: MIMEPart, name: str) -> str:
    payload = part.get_payload(decode=True)
    return _text(payload, name, part.get_content_charset() or "") if isinstance(payload, bytes) else ""


def _attachments(message: EmailMessage) -> Iterator[list[AnswerLine]]:
    for part in message.iter_attachments():
        filename = part.get_filename() or "the attachment"
        if part.get_content_maintype() == "text" or filename.lower().endswith((".md", ".txt")):
            yield list(numbered(_text_of(part, filename), "the attachment"))


def _flowed(part: MIMEPart, lines: Iterator[AnswerLine]) -> list[AnswerLine]:
    """Join the lines that a mail program broke (RFC 3676); each keeps the number of its first."""
    if str(part.get_param("format", "")).lower() != "flowed":
        return list(lines)
    glue = "" if str(part.get_param("delsp", "")).lower() == "yes" else " "
    joined: list[tuple[AnswerLine, list[str]]] = []
    running = False
    for line in lines:
        depth = len(line.text) - len(line.text.lstrip(">"))
        text = line.text[depth:].removeprefix(" ")
        if not running or joined[-1][0].depth != depth:
            joined.append((replace(line, depth=depth), ["> " * depth]))
        running = text.endswith(" ") and text != "-- "
        joined[-1][1].append(text[:-1] + glue if running else text)
    return [replace(first, text="".join(pieces)) for first, pieces in joined]


_NAME: Final = r"[a-z][^\s/>]*+"
#: What follows an attribute's name; quotes mean something only behind the sign, as browsers have it.
_VALUE: Final = r"""(?: \s*+ = \s*+ (?: "[^"]*+" | '[^']*+' | (?!["'])[^\s>]*+ ) )?+"""
#: A piece of HTML. Where one is not closed, the rest of the mail is text: so none is looked for twice, and no word is lost.
_MARKUP: Final = re.compile(
    rf"""<(?:
        !-- (?: -?> | .*? --!?> )
        | (?: [!?](?!--) | /(?![a-z]) ) [^>]*+ >
        | (?P<end>/)?+ (?P<name>{_NAME}) (?P<attributes>(?: [\s/]*+ [^\s/>][^\s/>=]*+ {_VALUE} )*+) (?P<slash>[\s/]*+) >
        | (?P<open> [a-z/!?] )
    )""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE: Final = re.compile(rf"([^\s/>][^\s/>=]*+)({_VALUE})", re.VERBOSE)
#: Elements in which nothing is markup, up to their end.
_RAW: Final = {name: re.compile(rf"</{name}(?=[\s/>])[^>]*+>?", re.IGNORECASE) for name in ("script", "style", "title")}
#: A number that stands for a character; more digits than eight stand for none.
_NUMBER: Final = re.compile(r"&#(?=[0-9])0*+([0-9]{0,8}+)[0-9]*+")


def _rendered(html: str) -> str:
    """Turn a mail's HTML into the lines that people saw."""
    reader = _HtmlReader()
    at = 0
    while (markup := _MARKUP.search(html, at)) is not None and not markup["open"]:
        reader.take(_characters(html[at : markup.start()]))
        at, name = markup.end(), (markup["name"] or "").lower()
        if name in _RAW and not markup["end"]:
            closed = _RAW[name].search(html, at)
            at = closed.end() if closed else len(html)
        elif name:
            if not markup["end"]:
                reader.start(name, _ATTRIBUTE.findall(markup["attributes"]))
            if markup["end"] or "/" in markup["slash"]:
                reader.end(name)
    reader.take(_characters(html[at:]))
    return reader.text()


def _characters(text: str) -> str:
    return html_text.unescape(_NUMBER.sub(lambda found: f"&#{found[1] or 0}", text))


class _HtmlReader:
    """Turns elements and words into lines."""

    _BREAKS: Final = frozenset(
        {"div", "p", "li", "tr", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "hr", "pre"}
    )
    _EMPTY: Final = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})
    #: What ends where one of these begins, without an end of its own.
    _ENDED_BY: Final[Mapping[str, frozenset[str]]] = {"p": _BREAKS, "li": frozenset({"li"})}
    _HIDES: Final = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)\b", re.IGNORECASE)

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line: list[str] = []  # the pieces of the line that is being written
        self._hidden: list[str] = []  # the element that is not shown, and what is open inside it
        self._inside: Counter[str] = Counter()  # the same, counted
        self._open: Counter[str] = Counter()  # what is open and shown

    def start(self, tag: str, attributes: Sequence[tuple[str, str]]) -> None:
        """Begin a line where a block begins."""
        if self._hidden and tag in self._ENDED_BY.get(self._hidden[0], ()):
            self._show()
        if tag == "body" or tag in self._BREAKS:
            self._open["head"] = 0  # as in HTML that leaves out the end of its head
        style = next((value for name, value in attributes if name.lower() == "style"), "")
        hides = self._HIDES.search(_characters(style)) or any(name.lower() == "hidden" for name, _ in attributes)
        if tag not in self._EMPTY and (self._hidden or hides):
            self._hidden.append(tag)
            self._inside[tag] += 1
        if self._hidden:
            return
        self._open[tag] += 1
        if tag == "br":
            self._break()
        elif tag in self._BREAKS:
            self._fresh()
        if tag == "li":
            self._line.append("- ")

    def end(self, tag: str) -> None:
        """End a line where a block ends."""
        while self._hidden and self._inside[tag]:
            last = self._hidden.pop()
            self._inside[last] -= 1
            if last == tag:
                return
        if self._hidden and tag in self._EMPTY:
            return
        self._show()  # the end of what holds the hidden element ends that too
        self._open[tag] = max(self._open[tag] - 1, 0)
        if tag in self._BREAKS:
            self._fresh()

    def take(self, text: str) -> None:
        """Take text as a browser shows it: runs of blanks are one."""
        if self._hidden or self._open["head"]:
            return
        if self._open["pre"]:
            first, *others = _LINE_ENDS.split(text)
        else:
            plain = re.sub(r"[ \t\r\n]+", " ", text)
            first, others = plain if self._line and not self._line[-1].endswith(" ") else plain.lstrip(" "), []
        self._add(first)
        for line in others:
            self._break()
            self._add(line)

    def text(self) -> str:
        """The lines; a non-breaking blank, which mail programs put in for a plain one, is one again."""
        self._break()
        return "\n".join(line.replace("\u00a0", " ").rstrip() for line in self._lines)

    def _add(self, piece: str) -> None:
        if piece:
            self._line.append(piece)

    def _show(self) -> None:
        self._hidden.clear()
        self._inside.clear()

    def _marks(self) -> list[str]:
        quoted = self._open["blockquote"]
        return ["> " * min(quoted, _DEEPEST)] if quoted else []

    def _break(self) -> None:
        self._lines.append("".join(self._line))
        self._line = self._marks()

    def _fresh(self) -> None:
        # A paragraph that only holds a non-breaking blank is an empty line: it counts as begun.
        if any(piece.strip(" >") for piece in self._line):
            self._break()
        else:
            self._line = self._marks()
