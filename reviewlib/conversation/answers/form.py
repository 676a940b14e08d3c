"""The response form: how a rep answers without Jupyter, as a Markdown file and as a link that starts a mail."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from reviewlib.conversation.answers import marks
from reviewlib.conversation.entries import Entry
from reviewlib.conversation.goals.progress import last_update, status_of
from reviewlib.conversation.kinds import ENDED, KINDS
from reviewlib.conversation.kinds.plans import Agreement
from reviewlib.conversation.kinds.talk import SelfReview, Signoff
from reviewlib.conversation.visibility import VisibleEntries
from reviewlib.params.model import Params

#: The longest link that phones and Outlook open.
LONGEST_LINK: Final = 1_800
#: The longest piece of somebody's words that a guide quotes.
LONGEST_QUOTE: Final = 280
#: How a sign-off is said in words, and what it is in the journal.
WORDS: Final = MappingProxyType({"agree": "agree", "read, do not agree": "disagree"})
# What an entry says that is no sentence, or that a form does not tell: figures stay on the page, mail is not confidential.
_NOT_QUOTED: Final = frozenset({"of", "kpi", "rule", "baseline", "target", "snapshot_before", "for_board", "owner", "decision"})
#: How a form says whose it is.
OPENING: Final = "This is the response form for {subject}, {period}"
_STARTS: Final = (
    f"{OPENING}, {{title}}.",
    "Write below the lines that begin with ::, as much or as little as you like. Leave the lines in double brackets as they "
    "are; text of your own that holds double brackets needs a ^ at the start of its line.",
    "A field that stays empty changes nothing. What is recorded already stands in its field.",
    "Then send the form back to your manager, as a file or in a mail.",
)


@dataclass(frozen=True)
class Book:
    """What a form says of the review it belongs to.

    Attributes:
        name: The workbook's short name.
        title: The workbook's name in words.
        subject: The subject's name.
        period: The period in words.
    """

    name: str
    title: str
    subject: str
    period: str


@dataclass(frozen=True)
class Blank:
    """One field of a form.

    Attributes:
        words: The mark without its digits.
        guide: What it says below the mark; the last sentence is always the form's own.
        entry: The entry it is about.
        text: What is recorded already.
        brief: Whether the short form of a mail has it.
    """

    words: str
    guide: tuple[str, ...] = field(default=())
    entry: Entry | None = None
    text: str = ""
    brief: bool = True

    def mark(self, *, guide: Sequence[str] = ()) -> str:
        """Its mark, with the guide below it where one is given."""
        return marks.mark(self.words, entry=marks.code(self.entry.id) if self.entry else "", guide=guide)


def response_form(minutes: VisibleEntries, *, book: Book, kpis: Sequence[tuple[str, str]]) -> str:
    """Write the response form of a review; before release it asks for the rep's own view only.

    It is made from the rep's minutes and holds nothing that the rep may not read; ``kpis`` are key and label of each figure
    that can be disputed.
    """
    guide = tuple(sentence.format_map(vars(book)) for sentence in _STARTS)
    lines = _head(minutes, book, guide=guide)
    for blank in _blanks(minutes, dict(kpis)):
        text = f"{marks.keep(blank.text)}\n" if blank.text else ""
        lines.append(f"{blank.mark(guide=blank.guide)}\n\n{text}")
    return "\n".join([*lines, "[[End]]", ""])


def mailto(minutes: VisibleEntries, *, book: Book, address: str | None = None) -> str:
    """Write a link that starts a mail with the short form: marks only, no figures and nobody's words.

    What would make the link too long to open on a phone is left out; the whole form is in the file beside the page. The rep
    fills in the manager's address where it is not given.
    """
    head = _head(minutes, book)
    start = f"mailto:{quote(address or '', safe='@')}?subject={quote(f'My answer for {minutes.about.period}', safe='')}&body="
    # First the signature and the yes or no of goals, which are short; then the rest.
    first = (*(kind.label for kind in KINDS.values() if kind.yes_or_no), "Signature")
    blanks = sorted((one for one in _blanks(minutes, {}) if one.brief), key=lambda one: not one.words.startswith(first))
    lines: list[str] = []
    for blank in blanks:
        longer = [*lines, blank.mark()]
        if len(start + _body(head, longer)) > LONGEST_LINK:
            break
        lines = longer
    return start + _body(head, lines)


def address_of(params: Params, manager: str | None) -> str | None:
    """The address of a manager, by the login that params give them; None where they give none."""
    people = params.people
    logins = (login for login, name in people.logins.items() if name == manager and people.roles.get(login) == "manager")
    return next((people.addresses[login] for login in logins if login in people.addresses), None)


def _body(head: Sequence[str], lines: Sequence[str]) -> str:
    text = "\n".join([*head, *(f"{line}\n\n" for line in lines), "[[End]]", ""])
    return quote(text.replace("\n", "\r\n"), safe="")


def _head(minutes: VisibleEntries, book: Book, *, guide: Sequence[str] = ()) -> list[str]:
    """Which review it is, and after release the head of the journal as the rep reads it."""
    about, head = minutes.about, minutes.state.head
    review = marks.mark(f"Review {book.name} {about.period} {marks.subject_code(about.kind, about.subject)}", guide=guide)
    if head is None or not minutes.state.released:
        return [review, ""]
    return [review, f"[[Read {head.sequence} {' '.join(head.hash[at : at + 16] for at in range(0, 64, 16))}]]", ""]


def _blanks(minutes: VisibleEntries, names: Mapping[str, str]) -> Iterator[Blank]:
    if minutes.audience != "rep":
        raise ValueError("a response form is made from the rep's minutes")
    yield from _own_view(minutes)
    yield from _disputes(minutes, names)
    if minutes.state.released:
        yield from _replies(minutes, names)
        yield from _agreements(minutes, names)
        yield from _signature(minutes)


def _section(number: int, words: str) -> Blank:
    return Blank(f"Part {number}", (words,), brief=False)


def _own_view(minutes: VisibleEntries) -> Iterator[Blank]:
    recorded = minutes.state.answer
    yield _section(1, "Your view of the period. Each question may stay empty.")
    for title, name in marks.PARTS.items():
        yield Blank(title, (str(SelfReview.model_fields[name].description),), recorded, _text(recorded, name))
    yield _section(2, "Your manager, and what worries you.")
    for kind in (kind for kind in KINDS.values() if kind.question):
        for number, entry in enumerate([*_own(minutes, kind.name), None], start=1):
            yield Blank(f"{kind.label} {number}", (kind.question,), entry, _text(entry, "text"), brief=entry is None)


def _disputes(minutes: VisibleEntries, names: Mapping[str, str]) -> Iterator[Blank]:
    labels = f"One of: {'; '.join(names.values())}." if names else "Its name on the page."
    yield _section(3, "Figures that you think are wrong. For another one copy its three marks and count on.")
    guides = {"figure": labels, "deal": "The deal's id, where one deal is the reason.", "why": "What is wrong with it."}
    known = _own(minutes, "dispute")
    for number, entry in enumerate([*known, None, None], start=1):
        key = _text(entry, "kpi")
        recorded = {"figure": names.get(key, key), "deal": _text(entry, "deal"), "why": _text(entry, "reason")}
        for part, guide in guides.items():
            yield Blank(f"Dispute {number} {part}", (guide,), entry, recorded[part], brief=number == len(known) + 1)


def _replies(minutes: VisibleEntries, names: Mapping[str, str]) -> Iterator[Blank]:
    yield _section(4, "What your manager wrote, and your replies. The whole of it is on your page.")
    asked = {entry.id for entry in _to_agree(minutes)}
    for reference, entry in references(minutes).items():
        if entry.side == "manager" and entry.id not in asked:
            written = f"{KINDS[entry.kind].label} by {entry.author_name}: {_quoted(entry, names)}"
            reply = next((one for one in reversed(minutes.on(entry, "reply")) if one.side == "rep"), None)
            yield Blank(f"Reply {reference}", (written, "Your reply, if you want to:"), entry, _text(reply, "text"))


def _agreements(minutes: VisibleEntries, names: Mapping[str, str]) -> Iterator[Blank]:
    yield _section(5, "Your word on goals, and on what may be shown to the team: yes or no on a line; a comment may follow.")
    by_id = {entry.id: reference for reference, entry in references(minutes).items()}
    for entry in _to_agree(minutes):
        word, recorded = minutes.agreed(entry), ""
        if word is not None and isinstance(word.payload, Agreement):
            recorded = f"{'yes' if word.payload.agrees else 'no'}\n{word.payload.text}".rstrip("\n")
        words = f"{KINDS[entry.kind].label} {by_id[entry.id]}"
        yield Blank(words, (_quoted(entry, names), KINDS[entry.kind].yes_or_no), entry, recorded)


def _signature(minutes: VisibleEntries) -> Iterator[Blank]:
    given = minutes.state.signatures.get("rep")
    said = given.payload if given else None
    word = next((words for words, how in WORDS.items() if isinstance(said, Signoff) and said.how == how), "")
    name, comment = (said.name, said.comment) if isinstance(said, Signoff) and word else ("", "")
    yield _section(6, "Your signature. Fill it in once you have read the review and talked about it.")
    for part, guide, text in (
        ("name", "To sign, type your name.", name),
        ("word", "Then write: agree. Or write: read, do not agree.", word),
        ("comment", "A comment, if you want to.", comment),
    ):
        yield Blank(f"Signature {part}", (guide,), text=text, brief=given is None)


def references(minutes: VisibleEntries) -> dict[str, Entry]:
    """Give every entry that can be replied to its short name: F1, F2, G1 ..."""
    counts: dict[str, int] = {}
    found: dict[str, Entry] = {}
    for entry in minutes.entries:
        if letter := KINDS[entry.kind].letter:
            counts[letter] = counts.get(letter, 0) + 1
            found[f"{letter}{counts[letter]}"] = entry
    return found


def _to_agree(minutes: VisibleEntries) -> list[Entry]:
    """What the rep is asked to agree to: what has not ended, and recognitions that are meant for the team's board."""
    asked = [entry for entry in minutes.entries if KINDS[entry.kind].yes_or_no]
    running = [entry for entry in asked if status_of(last_update(entry, minutes)) not in ENDED]
    return [entry for entry in running if getattr(entry.payload, "for_board", True)]


def _own(minutes: VisibleEntries, kind: str) -> list[Entry | None]:
    return [entry for entry in minutes.of_kind(kind) if entry.side == "rep"]


def _text(entry: Entry | None, name: str) -> str:
    return str(getattr(entry.payload, name) or "") if entry else ""


def _quoted(entry: Entry, names: Mapping[str, str]) -> str:
    """An entry's words in one line, cut where they are long."""
    said = [
        str(value)
        for name, value in entry.payload
        if name not in _NOT_QUOTED and value not in (None, "", "none") and not isinstance(value, int | float)
    ]
    about = names.get(_text(entry, "kpi")) if "kpi" in type(entry.payload).model_fields else None
    line = " | ".join([*([about] if about else []), *said])
    return line if len(line) <= LONGEST_QUOTE else f"{line[:LONGEST_QUOTE].rstrip()} ..."
