"""What a rep's answer says: its fields as typed, and what in it cannot be understood, with line.

No text is dropped unseen: what stands outside every field is a problem, or, where it is a greeting, a signature, the
quotation of another mail or what programs add, listed as left out.
"""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML

from reviewlib.conversation.answers import marks
from reviewlib.conversation.answers.mails import AnswerLine, ArrivedAnswer, numbered, quotation
from reviewlib.conversation.answers.marks import Mark
from reviewlib.errors import ResponseError
from reviewlib.params.words import counted

_WORDS: Final[Mapping[str, Sequence[str]]] = YAML(typ="safe", pure=True).load(Path(__file__).with_name("words.yaml"))
_ONE_OF: Final = {name: "|".join(words) for name, words in _WORDS.items()}
_SIGNS: Final = {
    "agree": re.compile(_ONE_OF["agree"], re.IGNORECASE), "disagree": re.compile(_ONE_OF["disagree"], re.IGNORECASE)
}  # fmt: skip
_WORD: Final = re.compile(rf"\W*(?:(?P<yes>{_ONE_OF['yes']})|(?P<no>{_ONE_OF['no']}))\b(?P<rest>.*)", re.IGNORECASE)
_AFTER_WORD: Final = re.compile(r"[^\w\s]*\s*|[*_]*\s*[,;:.!–—-]+\s*(?P<comment>.*)")
#: The longest greeting: so many lines, and so many characters in all.
GREETING: Final = (3, 120)
#: The longest signature below a closing formula.
SIGNATURE: Final = (15, 80)
_SIGNED: Final = re.compile(r"\s*(?:--|—)\s*")
_CLOSING: Final = re.compile(rf"\s*(?:{_ONE_OF['closing']})", re.IGNORECASE)
_PROGRAM: Final = re.compile(rf"\s*(?:{_ONE_OF['program']}).{{0,80}}", re.IGNORECASE)
_QUOTES: Final = re.compile(rf"\s*(?:{_ONE_OF['quotation']})\s*", re.IGNORECASE)
_HEADING: Final = re.compile(rf"\s*\*?(?:{_ONE_OF['heading']})\*?:.*", re.IGNORECASE)
#: So many different ones of these words make a disclaimer; one alone may be anybody's.
ADDED_WORDS: Final = 2
_ADDED: Final = re.compile(rf"\b(?:{_ONE_OF['added']})", re.IGNORECASE)


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
class AnswerField:
    """One field of an answer.

    Attributes:
        mark: The field.
        text: What was typed, blanks around it gone; empty where nothing was.
        line: Where the field begins.
    """

    mark: Mark
    text: str
    line: AnswerLine


@dataclass(frozen=True)
class Answer:
    """What an answer says.

    Attributes:
        workbook: The workbook's short name, as the form has it; empty where no form was found.
        period: The period's name.
        subject: The code that stands for the subject.
        opening: What the form says of whose it is; empty where the rep took that out.
        head: The hash of the last entry the rep had read; empty where the form was made before release.
        said: Its fields, empty ones too, in the order of the answer.
        problems: What cannot be understood; with any of them nothing is recorded.
        left_out: Greetings, signatures and quotations of other mails.
        sha256: Of the file.
    """

    workbook: str = ""
    period: str = ""
    subject: str = ""
    opening: str = ""
    head: str = ""
    said: tuple[AnswerField, ...] = ()
    problems: tuple[AnswerProblem, ...] = ()
    left_out: tuple[AnswerLine, ...] = ()
    sha256: str = ""

    def of(self, *fields: str) -> list[AnswerField]:
        """The fields of these kinds in which something was typed."""
        return [one for one in self.said if one.mark.field in fields and one.text]


def parse(source: ArrivedAnswer | str) -> Answer:
    """Read an answer that arrived, or the text of a form."""
    arrived = ArrivedAnswer(tuple(numbered(source)), "") if isinstance(source, str) else source
    lines = arrived.lines
    # The form begins with the first such line, of those that were quoted least.
    begins = [place for place in range(len(lines)) if _begins_form(lines, place)]
    start = min(begins, key=lambda place: (lines[place].depth, place), default=None)
    if start is None:
        missing = "The line that names the review, [[Review ...]], is not here."
        nothing = AnswerProblem(
            lines[0] if lines else AnswerLine(1, ""), missing, "no response form", "Keep that line of the form."
        )
        return Answer(problems=(nothing,), sha256=arrived.sha256)
    reading = _FormReading(lines[start].depth)
    behind = reading.run(lines[start:])
    reading.check()
    problems_before, before = _around(lines[:start])
    problems_after, after = _behind(behind)
    return Answer(
        **reading.named,
        said=tuple(reading.said),
        problems=(*problems_before, *reading.problems, *problems_after),
        left_out=(*before, *after),
        sha256=arrived.sha256,
    )


def refusal(problems: Sequence[AnswerProblem], *, where: str) -> ResponseError:
    """Make the error that names each problem with its line."""
    listed = "\n".join(f"    {problem}" for problem in problems)
    return ResponseError(
        f"The answer holds {counted(len(problems), 'things')} that cannot be understood; nothing was recorded.",
        where=where,
        found=f"\n{listed}",
        do="Correct these lines, or ask the rep to; then import it again.",
    )


def yes_or_no(text: str) -> tuple[bool, str] | None:
    """Read yes or no and the comment after it; None where it is neither."""
    first, _, others = text.partition("\n")
    found = _WORD.fullmatch(first)
    rest = _AFTER_WORD.fullmatch(found["rest"].strip()) if found else None
    if found is None or rest is None:
        return None
    comment = (rest["comment"] or "").strip()
    return found["yes"] is not None, "\n".join([*([comment] if comment else []), *([others] if others else [])]).strip()


def signs(word: str) -> str | None:
    """Read how somebody signs: ``agree``, ``disagree``; None where it is neither."""
    plain = re.sub(r"['’]", "", word.casefold())
    plain = " ".join(re.findall(r"\w+", plain))
    return next((how for how, words in _SIGNS.items() if words.fullmatch(plain)), None)


def _begins_form(lines: Sequence[AnswerLine], place: int) -> bool:
    depth = lines[place].depth
    around = [quotation(line.text, depth)[1] for line in lines[place : place + marks.MARK_LINES]]
    opened = marks.opened(around)
    mark = marks.read(opened[0]) if opened else None
    return mark is not None and mark.field == "review"


@dataclass
class _FormReading:
    """The way through a form, field by field."""

    depth: int
    named: dict[str, str] = field(default_factory=dict)
    said: list[AnswerField] = field(default_factory=list)
    problems: list[AnswerProblem] = field(default_factory=list)
    seen: set[tuple[str, str, str]] = field(default_factory=set)

    def run(self, lines: Sequence[AnswerLine]) -> Sequence[AnswerLine]:
        """Read up to the end mark; give back what follows it."""
        plain = [quotation(line.text, self.depth)[1] for line in lines]
        place, current, typed, first = 0, None, list[str](), lines[0]
        while place < len(lines):
            opened = None if marks.kept(plain[place]) else marks.opened(plain[place : place + marks.MARK_LINES])
            if opened is None:
                typed.append(self._text(plain[place], lines[place]))
                place += 1
                continue
            self._close(current, typed, first)
            first, current = lines[place], self._mark(opened[0], lines[place])
            place, typed = self._after_guide(current, opened[1], plain, place + opened[2], first)
            if current is not None and current.field == "end":
                return [*(AnswerLine(first.number, text, first.place) for text in typed), *lines[place:]]
        self._close(current, typed, first)
        last = next((line for line in reversed(lines) if line.text.strip()), lines[-1])
        self._problem(
            last, "The form’s last line, [[End]], is missing.", last.text, "Check that nothing was cut off, and add it."
        )
        return ()

    def _text(self, text: str, line: AnswerLine) -> str:
        mark = None if marks.kept(text) else marks.within(text)
        if mark is not None:
            do = "Give the mark a line of its own; if it is your own text, begin the line with ^."
            self._problem(line, "A mark stands within a line.", f"[[{mark.words}]]", do)
        return marks.typed(text)

    def _mark(self, inside: str, line: AnswerLine) -> Mark | None:
        mark = marks.read(inside)
        if mark is None:
            do = "Write it as in the form; if it is text of your own, begin the line with ^."
            self._problem(line, "This mark is not one of the form’s.", f"[[{inside}]]", do)
        elif (mark.field, mark.number, mark.part) in self.seen:
            self._problem(line, "This field is here twice.", mark.words, "Leave one of them, or count on.")
        else:
            self.seen.add((mark.field, mark.number, mark.part))
        return mark

    def _after_guide(
        self, mark: Mark | None, beside: str, plain: Sequence[str], place: int, first: AnswerLine
    ) -> tuple[int, list[str]]:
        """Skip the guide below a mark; tell where the answer begins, and what of it stands beside the mark."""
        typed = [] if beside.startswith(marks.GUIDE) or not beside else [beside]
        heard = [beside] if beside and not typed else []
        if mark is None or not mark.guide:
            return place, typed or heard
        for end in range(place, min(place + marks.GUIDE_LINES, len(plain)) + 1):
            guide = [*heard, *plain[place:end]]
            if sum(map(len, guide)) > marks.GUIDE_LENGTH or (end > place and marks.starts(plain[end - 1])):
                break
            if marks.check(guide) == mark.guide:
                if mark.field == "review":
                    self.named["opening"] = " ".join(line.strip(" :") for line in guide)
                return end, typed
        if heard or (place < len(plain) and plain[place].lstrip().startswith(marks.GUIDE)):
            do = "Write your answer below those lines, and leave them as they are or take all of them out."
            self._problem(first, "The lines with :: below this mark are not as they were.", mark.words, do)
        return place, typed

    def _close(self, mark: Mark | None, typed: Sequence[str], line: AnswerLine) -> None:
        text = "\n".join(typed).strip()
        if mark is None:
            return
        self.named |= mark.named
        if text and mark.field in ("review", "read", "section", "end"):
            what = f"Text stands below {mark.words.split(' rep-')[0]}, which is no field."
            self._problem(line, what, text, "Move it into a field.")
        self.said.append(AnswerField(mark, text, line))

    def check(self) -> None:
        """Find what is understood as a field and says nothing that can be recorded."""
        typed = [one for one in self.said if one.text]
        for one in typed:
            if one.mark.field == "agreement" and yes_or_no(one.text) is None:
                self._problem(one.line, f"{one.mark.words}: this is neither yes nor no.", one.text, "Begin with yes or no.")
        disputes: dict[str, dict[str, AnswerField]] = {}
        for one in typed:
            if one.mark.field == "dispute":
                disputes.setdefault(one.mark.number, {})[one.mark.part] = one
        needed = (("figure", "a figure", "Name the figure."), ("why", "a reason", "Say what is wrong with it."))
        for number, parts in disputes.items():
            for part, words, do in needed:
                if part not in parts:
                    line, empty = next(iter(parts.values())).line, f"an empty field: Dispute {number} {part}"
                    self._problem(line, f"Dispute {number} is without {words}.", empty, do)
        self._check_signature({one.mark.part: one for one in typed if one.mark.field == "signoff"})

    def _check_signature(self, parts: Mapping[str, AnswerField]) -> None:
        first, how = next(iter(parts.values()), None), "Write: agree. Or write: read, do not agree."
        if first is None:
            return
        if "name" not in parts:
            self._problem(first.line, "A signature without a name.", first.text, "Type the name too.")
        elif "word" not in parts:
            self._problem(first.line, "A signature that does not say how.", parts["name"].text, how)
        elif signs(parts["word"].text) is None:
            self._problem(parts["word"].line, "This is no way of signing.", parts["word"].text, how)

    def _problem(self, line: AnswerLine, what: str, found: str, do: str) -> None:
        self.problems.append(AnswerProblem(line, what, short(found), do))


def _behind(lines: Sequence[AnswerLine]) -> tuple[list[AnswerProblem], list[AnswerLine]]:
    """Sort what stands after a form; a disclaimer or particulars that a company's server adds to every mail are left out."""
    added: set[int] = set()
    for written, paragraph in itertools.groupby(enumerate(lines), key=lambda one: bool(one[1].text.strip(" >"))):
        places = dict(paragraph)
        words = {word.casefold() for word in _ADDED.findall(" ".join(line.text for line in places.values()))}
        if written and len(words) >= ADDED_WORDS:
            added.update(places)
    problems, left_out = _around([line for place, line in enumerate(lines) if place not in added])
    known = set(left_out)
    return problems, [line for place, line in enumerate(lines) if place in added or line in known]


def _around(lines: Sequence[AnswerLine]) -> tuple[list[AnswerProblem], list[AnswerLine]]:
    """Sort what stands around a form: what is in no field, and what is left out."""
    left_out: list[AnswerLine] = []
    astray: list[AnswerLine] = []
    place = 0
    while place < len(lines):
        text = lines[place].text
        if _SIGNED.fullmatch(text) or (_CLOSING.fullmatch(text) and _is_signature(lines, place + 1)):
            # Up to where a quotation or a mail program's own words begin.
            behind = range(place + 1, len(lines))
            known = next((other for other in behind if lines[other].text.strip() and _known(lines, other)), len(lines)) - place
        else:
            known = _known(lines, place)
        taken = lines[place : place + (known or 1)]
        (left_out if known else astray).extend(one for one in taken if one.text.strip(" >"))
        place += len(taken)
    if len(astray) <= GREETING[0] and sum(len(line.text) for line in astray) <= GREETING[1]:
        return [], [*left_out, *astray]
    do = "Move it into a field, or take it out."
    return [AnswerProblem(line, "This text is in no field.", short(line.text), do) for line in astray], left_out


def _known(lines: Sequence[AnswerLine], place: int) -> int:
    """How many lines from here on are blank, quoted or a mail program's own."""
    line = lines[place]
    if not line.text.strip() or line.depth or _PROGRAM.fullmatch(line.text) or _HEADING.fullmatch(line.text):
        return 1
    for count in (1, 2, 3):
        if _QUOTES.fullmatch(" ".join(one.text.strip() for one in lines[place : place + count])):
            return count
    return 0


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
