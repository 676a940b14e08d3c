"""An answer as it arrives: a form file or a saved mail, read into numbered lines.

Nothing is guessed: a byte order mark or a declared character set is believed, else it is UTF-8, else the file is refused.
"""

from __future__ import annotations

import codecs
import email
import email.errors
import email.parser
import email.policy
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import EmailMessage, MIMEPart
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

from reviewlib.conversation import marks
from reviewlib.errors import ResponseError

#: Larger files are no answers.
LARGEST: Final = 30_000_000
_MARKED: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
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
#: The fields of a mail that name who sent it, and who sent it on.
_SENDING: Final = ("From", "Sender", "Resent-From", "Resent-Sender")
_LINE_ENDS: Final = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Line:
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
class Letter:
    """An answer as it arrived: its lines, the sha256 of the file, and whom a mail names as having sent it."""

    lines: tuple[Line, ...]
    sha256: str
    senders: tuple[str, ...] = ()


def open_letter(path: Path) -> Letter:
    """Read a form file (.md, .txt) or a saved mail (.eml).

    Raises:
        ResponseError: The file is not there, is no text, or holds no answer.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise ResponseError(
                "The file is too large for an answer.", where=path.name, do="Save the mail without attachments."
            )
        content = path.read_bytes()
    except OSError as error:
        raise ResponseError(
            "The answer cannot be read.", where=path.name, found=error.strerror or "no such file", do="Check the file's name."
        ) from None
    return letter_of(content, name=path.name)


def letter_of(content: bytes, *, name: str = "the answer") -> Letter:
    """Read an answer from the bytes of its file; ``name`` is what messages call it."""
    digest = hashlib.sha256(content).hexdigest()
    if name.lower().endswith(".eml") or _HEADER.match(content):
        return _mail(content.removeprefix(codecs.BOM_UTF8).lstrip(), name, digest)
    text = _decoded(content, name)
    if _HEADER.match(text.encode()):  # a mail's source in UTF-16, as an editor saved it
        return _mail(text.lstrip().encode(), name, digest)
    lines = tuple(numbered(text))
    _refuse_encoded(lines, name)
    return Letter(lines, digest)


def _refuse_encoded(lines: Sequence[Line], name: str) -> None:
    """Refuse a piece of a mail's source: its words are not the ones that were typed."""
    for line in lines:
        if marks.starts(quotation(line.text, 99)[1]):
            return
        if _ENCODED.fullmatch(line.text):
            raise ResponseError(
                "This is a piece of a mail’s source, in which the words are encoded.",
                where=f"{name}, {line}",
                found=line.text.strip(),
                do="Save the whole mail as .eml, or copy its text as the mail program shows it.",
            )


def numbered(text: str, place: str = "") -> Iterator[Line]:
    """Number the lines of a text and count how often each was quoted."""
    for number, line in enumerate(_LINE_ENDS.split(text), start=1):
        yield Line(number, line, place, depth_of(line))


def depth_of(line: str) -> int:
    """How many signs of quotation stand before a line."""
    return quotation(line, 99)[0]


def quotation(line: str, most: int) -> tuple[int, str]:
    """Take away up to so many signs of quotation, each with the blank after it; tell how many there were."""
    count = 0
    while count < most and line.lstrip(" \u00a0").startswith(">"):
        line = line.lstrip(" \u00a0")[1:].removeprefix(" ")
        count += 1
    return count, line


def _decoded(content: bytes, name: str) -> str:
    encoding = next((encoding for start, encoding in _MARKED if content.startswith(start)), "utf-8")
    return _text(content, encoding, name)


def _text(content: bytes, encoding: str, name: str) -> str:
    try:
        text = content.decode(encoding)
    except (UnicodeError, LookupError):
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


def _mail(content: bytes, name: str, digest: str) -> Letter:
    return Letter(tuple(_lines_of_mail(content, name)), digest, _senders(content))


def _senders(content: bytes) -> tuple[str, ...]:
    """Everybody whom a mail names as having sent it; nobody where it has no From."""
    head = email.parser.HeaderParser(policy=email.policy.compat32).parsestr(content.decode("utf-8", "replace"))
    named = [one for field in _SENDING for value in head.get_all(field, []) for one in _addresses(str(value))]
    return tuple(dict.fromkeys(named)) if head["From"] else ()


def _addresses(value: str) -> list[str]:
    """The addresses in a field; the whole of it where programs would not all read the same ones."""
    text = " ".join(value.split())
    try:
        header = email.policy.default.header_factory("From", text)
        wrong = any(isinstance(defect, email.errors.InvalidHeaderDefect) for defect in header.defects)
        if not wrong and not any(group.display_name for group in header.groups):
            return [address.addr_spec for address in header.addresses]
    except (email.errors.MessageError, LookupError, AttributeError, TypeError, ValueError):
        pass  # the library stumbles over some of what is no address
    return [text] if text else []


def _lines_of_mail(content: bytes, name: str) -> list[Line]:
    """The text with the form in it: the mail's own, with what was written there before an attached form."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    if not isinstance(message, EmailMessage):  # the policy makes no others
        raise TypeError(type(message))
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


def _holds_form(lines: Sequence[Line]) -> bool:
    return any(marks.starts(quotation(line.text, 99)[1]) for line in lines)


def _body(message: EmailMessage, name: str) -> list[Line]:
    for kind in ("plain", "html"):
        part = message.get_body(preferencelist=(kind,))
        text = _part(part, name) if part is not None else ""
        if part is not None and text.strip():
            lines = _rendered(text) if kind == "html" else text
            return _flowed(part, numbered(lines, "the mail's text"))
    return []


def _attachments(message: EmailMessage) -> Iterator[list[Line]]:
    for part in message.iter_attachments():
        filename = part.get_filename() or ""
        if part.get_content_maintype() == "text" or filename.lower().endswith((".md", ".txt")):
            payload = part.get_payload(decode=True)
            if isinstance(payload, bytes):
                declared = part.get_content_charset() or ""
                marked = any(payload.startswith(start) for start, _ in _MARKED)
                text = _text(payload, _CALLED.get(declared, declared), filename) if declared and not marked else ""
                yield list(numbered(text or _decoded(payload, filename or "the attachment"), "the attachment"))


def _part(part: MIMEPart, name: str) -> str:
    payload = part.get_payload(decode=True)
    declared = (part.get_content_charset() or "utf-8").lower()
    return _text(payload if isinstance(payload, bytes) else b"", _CALLED.get(declared, declared), name)


def _flowed(part: MIMEPart, lines: Iterator[Line]) -> list[Line]:
    """Join the lines that a mail program broke (RFC 3676); each keeps the number of its first."""
    if str(part.get_param("format", "")).lower() != "flowed":
        return list(lines)
    glue = "" if str(part.get_param("delsp", "")).lower() == "yes" else " "
    joined: list[Line] = []
    running = False
    for line in lines:
        depth = len(line.text) - len(line.text.lstrip(">"))
        text = line.text[depth:].removeprefix(" ")
        soft = text.endswith(" ") and text != "-- "
        kept = text[:-1] + glue if soft else text
        if running and joined[-1].depth == depth:
            last = joined.pop()
            joined.append(Line(last.number, last.text + kept, last.place, depth))
        else:
            joined.append(Line(line.number, ("> " * depth) + kept, line.place, depth))
        running = soft
    return joined


def _rendered(html: str) -> str:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.text()


class _Reader(HTMLParser):
    """Turn a mail's HTML into the lines that people saw."""

    _BREAKS: Final = frozenset(
        {"div", "p", "li", "tr", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "hr", "pre"}
    )
    _UNSEEN: Final = frozenset({"style", "script", "head", "title"})
    _EMPTY: Final = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})
    _HIDES: Final = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)\b", re.IGNORECASE)

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = [""]
        self._hidden: list[str] = []  # the element that is not shown, and what is open inside it
        self._quoted = 0
        self._unseen = 0
        self._pre = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a line where a block begins."""
        if self._hidden and self._hidden[0] in ("p", "li") and tag in (self._BREAKS if self._hidden[0] == "p" else {"li"}):
            self._hidden = []  # a paragraph ends where the next block begins
        style = next((value or "" for name, value in attrs if name == "style"), "")
        if tag not in self._EMPTY and (self._hidden or self._HIDES.search(style) or any(name == "hidden" for name, _ in attrs)):
            self._hidden.append(tag)
        if self._hidden:
            return
        self._unseen += tag in self._UNSEEN
        if tag == "br":
            self._break()
        elif tag in self._BREAKS:
            self._fresh()
        if tag == "blockquote":
            self._quoted += 1
            self._lines[-1] = "> " * self._quoted
        self._pre += tag == "pre"
        if tag == "li":
            self._lines[-1] += "- "

    def handle_endtag(self, tag: str) -> None:
        """End a line where a block ends."""
        if self._hidden:
            self._end_hidden(tag)
            return
        self._unseen -= tag in self._UNSEEN and self._unseen > 0
        self._quoted -= tag == "blockquote" and self._quoted > 0
        if tag in self._BREAKS:
            self._fresh()
        self._pre -= tag == "pre" and self._pre > 0

    def _end_hidden(self, tag: str) -> None:
        while self._hidden and tag in self._hidden:
            if self._hidden.pop() == tag:
                return
        if tag not in self._EMPTY:  # the end of what holds the hidden element ends that too
            self._hidden = []
            self.handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        """Take text as a browser shows it: runs of blanks are one."""
        if self._unseen or self._hidden:
            return
        if self._pre:
            first, *others = _LINE_ENDS.split(data)
            self._lines[-1] += first
            for line in others:
                self._break()
                self._lines[-1] += line
            return
        text = re.sub(r"[ \t\r\n]+", " ", data)
        self._lines[-1] += text.lstrip(" ") if not self._lines[-1] or self._lines[-1].endswith(" ") else text

    def text(self) -> str:
        """The lines; a non-breaking blank, which mail programs put in for a plain one, is one again."""
        return "\n".join(line.replace("\u00a0", " ").rstrip() for line in self._lines)

    def _break(self) -> None:
        self._lines.append("> " * self._quoted)

    def _fresh(self) -> None:
        # A paragraph that only holds a non-breaking blank is an empty line: it counts as begun.
        if self._lines[-1].strip(" >"):
            self._break()
        else:
            self._lines[-1] = "> " * self._quoted
