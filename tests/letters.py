"""Forms and the mails that bring them back, for tests: made from a journal, filled in, dressed as mail programs do."""

from __future__ import annotations

import email.message
import email.policy
import quopri
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import records_fixture

from reviewlib.conversation import copies
from reviewlib.conversation.answers import form as forms_text
from reviewlib.conversation.answers import importing
from reviewlib.conversation.answers.form import Book
from reviewlib.conversation.answers.mails import ArrivedAnswer, open_answer, read_answer
from reviewlib.conversation.entries import Entry
from reviewlib.conversation.journal import open_journal_to_read
from reviewlib.conversation.records import Records
from reviewlib.params.model import Params
from reviewlib.periods import Period

KPIS = (("revenue", "Revenue"), ("win_rate", "Win rate"), ("avg_deal", "Average deal size"))


@dataclass(frozen=True)
class Imported:
    """What importing an answer would do, and what it recorded."""

    plan: importing.ImportPlan
    entries: tuple[Entry, ...]


def taken(records: Records, text: Any, *, unverified: bool = False) -> Imported:
    """Import an answer as it arrived."""
    made = importing.plan(records, arrived(text))
    return Imported(made, tuple(importing.record(records, made, unverified=unverified)))


BOOK = Book("t", "Sample Company", "Ella Byrne", "Q3 2026")
PERSPECTIVE = "Spürbar besser – trotz “Sommerloch”.\n\nTwo large deals slipped into October: 40 % of my pipeline."


def talking(folder: Path, **more: Any) -> Params:
    """A workbook in which Ella's review of 2026-Q3 is open."""
    return records_fixture.talking(folder, **more)


def as_manager(params: Params, **more: Any) -> Records:
    """Ella's review, for her manager."""
    return records_fixture.as_login(params, "dan", **more)


def release(records: Records) -> dict[str, Entry]:
    """Write the manager's part and release it."""
    said = {
        "feedback": records.write("feedback", stance="strength", kpi="win_rate", text="You close early.", example="Deal 17."),
        "goal": records.write("goal", statement="Win rate to 30 %", kpi="win_rate"),
        "recognition": records.write("recognition", title="Best quarter", for_board=True),
        "note": records.write("note", text="SECRET-NOTE"),
    }
    return said | {"release": records.write("release")}


def arrived(source: Path | str | ArrivedAnswer) -> ArrivedAnswer:
    """An answer as it is read from a file, or from its text."""
    if isinstance(source, ArrivedAnswer):
        return source
    return open_answer(source) if isinstance(source, Path) else read_answer(source.encode("utf-8", "surrogatepass"))


def form(records: Records, book: Book | None = None) -> str:
    """The response form as it would lie beside the rep's page now."""
    return forms_text.response_form(rep_minutes(records), book=book or book_of(records), kpis=KPIS)


def book_of(records: Records) -> Book:
    """What a form says of the review."""
    return Book(records.params.name, "Sample Company", records.subject.name, records.about.period)


def rep_minutes(records: Records) -> Any:
    """What the rep may read now."""
    period = Period.parse(records.about.period, records.params.fiscal)
    with open_journal_to_read(records.params) as store:
        copies.write_rep_minutes(records.params, period, [records.subject], store)
    return copies.read_minutes(records.params, records.about, "rep")


def fill(text: str, **answers: str) -> str:
    """Type answers below the marks that begin with these words (``_`` for a blank), as a person would."""
    for name, answer in answers.items():
        words = f"[[{name.replace('_', ' ')}"
        lines = text.split("\n")
        place = next(place for place, line in enumerate(lines) if line.startswith(words) and line[len(words)] in " ]")
        while place + 1 < len(lines) and lines[place + 1].startswith("::"):
            place += 1
        end = next(p for p in range(place + 1, len(lines)) if lines[p].startswith("[["))
        text = "\n".join([*lines[: place + 1], "", answer, "", *lines[end:]])
    return text


def gmail(body: str) -> bytes:
    """A reply in Gmail: quoted-printable UTF-8, plain text and HTML, the earlier mail quoted below."""
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["From"], message["To"], message["Subject"] = "Ella <ella@example.com>", "dan@example.com", "Re: My answer"
    below = "\n\nOn Mon, 5 Oct 2026 at 10:12, Daniel Brandt <dan@example.com>\nwrote:\n\n"
    below += "> Hi Ella,\n> the form is beside the page.\n> Daniel\n"
    message.set_content(f"Hi Daniel,\n\n{body}{below}", cte="quoted-printable")
    message.add_alternative(_html(body), subtype="html")
    return message.as_bytes()


def outlook(body: str) -> bytes:
    """A mail from Outlook: windows-1252, quoted-printable, CRLF, a signature without dashes and a disclaimer-free footer."""
    text = f"{body}\n\nMit freundlichen Grüßen\n\nElla Byrne\nKey Account – North\nTel. +49 30 1234\n"
    text += (
        "\n-----Ursprüngliche Nachricht-----\nVon: Daniel Brandt\nGesendet: Montag\nAn: Ella\nBetreff: Form\n\n> Hallo Ella\n"
    )
    content = quopri.encodestring(text.replace("\n", "\r\n").encode("cp1252"), quotetabs=False)
    head = "From: ella@example.com\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=Windows-1252\r\n"
    return (head + "Content-Transfer-Encoding: quoted-printable\r\n\r\n").encode() + content


def iphone(body: str) -> bytes:
    """A mail from an iPhone: format=flowed with delsp, long lines broken softly, its own signature at the end."""
    lines: list[str] = []
    for line in [*body.split("\n"), "", "Sent from my iPhone"]:
        pieces = [line[at : at + 70] for at in range(0, len(line), 70)] or [""]
        parts = [f" {piece}" if piece.startswith((" ", ">", "From ")) else piece for piece in pieces]
        lines += [*(f"{part} " for part in parts[:-1]), parts[-1]]
    head = "MIME-Version: 1.0 (1.0)\r\nContent-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\r\n"
    head += "Content-Transfer-Encoding: 8bit\r\nX-Mailer: iPhone Mail (20A362)\r\n\r\n"
    return head.encode() + "\r\n".join(lines).encode()


def thunderbird(body: str) -> bytes:
    """A reply in Thunderbird: the form stands quoted, format=flowed, the signature below two dashes."""
    quoted = "\r\n".join(_quoted_flowed(line) for line in body.split("\n"))
    head = "MIME-Version: 1.0\r\nUser-Agent: Mozilla Thunderbird\r\nContent-Type: text/plain; charset=UTF-8; format=flowed\r\n"
    head += "Content-Transfer-Encoding: 8bit\r\n\r\n"
    text = f"Am 05.10.26 um 10:12 schrieb Daniel Brandt:\r\n{quoted}\r\n\r\n-- \r\nElla Byrne\r\nNorth\r\n"
    return head.encode() + text.encode()


def html_only(body: str) -> bytes:
    """A mail of a program that sends HTML only."""
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["From"] = "ella@example.com"
    message.set_content(_html(body), subtype="html")
    return message.as_bytes()


def attached(body: str) -> bytes:
    """A mail with the form as an attachment."""
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["From"] = "ella@example.com"
    message.set_content("Hi Daniel, here it is.\n\nElla\n")
    message.add_attachment(body.encode(), maintype="application", subtype="octet-stream", filename="form.md")
    return message.as_bytes()


def _quoted_flowed(line: str) -> str:
    pieces = textwrap.wrap(line, 70, break_long_words=False, break_on_hyphens=False) or [""]
    return "\r\n".join(["> " + piece + (" " if piece is not pieces[-1] else "") for piece in pieces])


def _html(body: str) -> str:
    import html

    paragraphs = "".join(f"<div>{html.escape(line) or '<br>'}</div>" for line in body.split("\n"))
    return f"<html><head><style>p {{color: red}}</style></head><body>{paragraphs}</body></html>"
