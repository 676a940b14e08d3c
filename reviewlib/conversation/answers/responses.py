"""What a rep's answer says: its fields as typed, and what in it cannot be understood, with line.

No text is dropped unseen: what stands outside every field is a problem, or, where it is a greeting, a signature or the
quotation of another mail, listed as left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from reviewlib.conversation.answers import marks, surroundings
from reviewlib.conversation.answers.mails import AnswerLine, ArrivedAnswer, numbered, quotation
from reviewlib.conversation.answers.marks import Mark
from reviewlib.conversation.answers.surroundings import AnswerProblem
from reviewlib.errors import ResponseError

_YES: Final = "yes|y|ja|j|i agree|agree|agreed|accepted"
_NO: Final = "no|n|nein|i do not agree|do not agree|disagree"
_WORD: Final = re.compile(rf"\W*(?:(?P<yes>{_YES})|(?P<no>{_NO}))\b(?P<rest>.*)", re.IGNORECASE)
_AFTER_WORD: Final = re.compile(r"[^\w\s]*\s*|[*_]*\s*[,;:.!–—-]+\s*(?P<comment>.*)")
_AGREES: Final = frozenset({"agree", "agreed", "i agree", "yes", "ja"})
_DISAGREES: Final = frozenset(
    {"read do not agree", "read and do not agree", "do not agree", "i do not agree", "dont agree", "disagree", "no", "nein"}
    | {"read i do not agree", "read dont agree", "read i dont agree", "i dont agree", "read disagree"}
)


@dataclass(frozen=True)
class Said:
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
    said: tuple[Said, ...] = ()
    problems: tuple[AnswerProblem, ...] = ()
    left_out: tuple[AnswerLine, ...] = ()
    sha256: str = ""

    def of(self, *fields: str) -> list[Said]:
        """The fields of these kinds in which something was typed."""
        return [one for one in self.said if one.mark.field in fields and one.text]


def parse(letter: ArrivedAnswer | str) -> Answer:
    """Read an answer.

    Args:
        letter: What ``mails.open_letter`` read, or the text of a form.
    """
    lines = letter.lines if isinstance(letter, ArrivedAnswer) else tuple(numbered(letter))
    sha256 = letter.sha256 if isinstance(letter, ArrivedAnswer) else ""
    start = _start(lines)
    if start is None:
        missing = "The line that names the review, [[Review ...]], is not here."
        nothing = AnswerProblem(
            lines[0] if lines else AnswerLine(1, ""), missing, "no response form", "Keep that line of the form."
        )
        return Answer(problems=(nothing,), sha256=sha256)
    reading = _FormReading(lines[start].depth)
    rest = reading.run(lines[start:])
    before = surroundings.before(lines[:start])
    after = surroundings.after(rest)
    return Answer(
        **reading.named,
        said=tuple(reading.said),
        problems=(*before.problems, *reading.problems, *_wrong(reading.said), *after.problems),
        left_out=(*before.left_out, *after.left_out),
        sha256=sha256,
    )


def refusal(problems: Sequence[AnswerProblem], *, where: str) -> ResponseError:
    """Make the error that names each problem with its line."""
    listed = "\n".join(f"    {problem}" for problem in problems)
    return ResponseError(
        f"The answer holds {len(problems)} {'thing' if len(problems) == 1 else 'things'} that cannot be understood; "
        "nothing was recorded.",
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
    return "agree" if plain in _AGREES else "disagree" if plain in _DISAGREES else None


def _start(lines: Sequence[AnswerLine]) -> int | None:
    """Where the form begins: the first one, of those that were quoted least."""
    found = [place for place, line in enumerate(lines) if _begins_form(lines, place)]
    return min(found, key=lambda place: (lines[place].depth, place), default=None)


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
    said: list[Said] = field(default_factory=list)
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
        if heard and marks.check(heard) == mark.guide:
            self._open(mark, heard)
            return place, []
        length = len(beside)
        for last in range(place, min(place + marks.GUIDE_LINES, len(plain))):
            length += len(plain[last])
            if length > marks.GUIDE_LENGTH or marks.starts(plain[last]):
                break
            if marks.check([*heard, *plain[place : last + 1]]) == mark.guide:
                self._open(mark, [*heard, *plain[place : last + 1]])
                return last + 1, typed
        if heard or (place < len(plain) and plain[place].lstrip().startswith(marks.GUIDE)):
            do = "Write your answer below those lines, and leave them as they are or take all of them out."
            self._problem(first, "The lines with :: below this mark are not as they were.", mark.words, do)
        return place, typed

    def _open(self, mark: Mark, guide: Sequence[str]) -> None:
        if mark.field == "review":
            self.named["opening"] = " ".join(line.strip(" :") for line in guide)

    def _close(self, mark: Mark | None, typed: Sequence[str], line: AnswerLine) -> None:
        text = "\n".join(typed).strip()
        if mark is None:
            return
        if mark.field in ("review", "read", "section", "end"):
            if mark.field in ("review", "read"):
                self.named |= dict(mark.named)
            if text:
                do = "Move it into a field."
                self._problem(
                    line, f"Text stands below {mark.words.split(' rep-')[0]}, which is no field.", surroundings.short(text), do
                )
        self.said.append(Said(mark, text, line))

    def _problem(self, line: AnswerLine, what: str, found: str, do: str) -> None:
        self.problems.append(AnswerProblem(line, what, surroundings.short(found), do))


def _wrong(said: Sequence[Said]) -> list[AnswerProblem]:
    """What is understood as a field and says nothing that can be recorded."""
    return [*_neither(said), *_half_disputes(said), *_half_signatures(said)]


def _neither(said: Sequence[Said]) -> list[AnswerProblem]:
    return [
        AnswerProblem(
            one.line, f"{one.mark.words}: this is neither yes nor no.", surroundings.short(one.text), "Begin with yes or no."
        )
        for one in said
        if one.mark.field == "agreement" and one.text and yes_or_no(one.text) is None
    ]


def _half_disputes(said: Sequence[Said]) -> list[AnswerProblem]:
    found: list[AnswerProblem] = []
    disputes: dict[str, dict[str, Said]] = {}
    for one in said:
        if one.mark.field == "dispute" and one.text:
            disputes.setdefault(one.mark.number, {})[one.mark.part] = one
    for number, parts in disputes.items():
        for missing, asked in (("figure", "Name the figure."), ("why", "Say what is wrong with it.")):
            if missing not in parts:
                line = next(iter(parts.values())).line
                words = {"figure": "without a figure", "why": "without a reason"}[missing]
                found.append(
                    AnswerProblem(line, f"Dispute {number} is {words}.", f"an empty field: Dispute {number} {missing}", asked)
                )
    return found


def _half_signatures(said: Sequence[Said]) -> list[AnswerProblem]:
    parts = {one.mark.part: one for one in said if one.mark.field == "signoff" and one.text}
    if not parts:
        return []
    line = next(iter(parts.values())).line
    if "name" not in parts:
        return [
            AnswerProblem(
                line, "A signature without a name.", surroundings.short(parts[next(iter(parts))].text), "Type the name too."
            )
        ]
    if "word" not in parts:
        do = "Write: agree. Or write: read, do not agree."
        return [AnswerProblem(line, "A signature that does not say how.", surroundings.short(parts["name"].text), do)]
    if signs(parts["word"].text) is None:
        do = "Write: agree. Or write: read, do not agree."
        return [AnswerProblem(parts["word"].line, "This is no way of signing.", surroundings.short(parts["word"].text), do)]
    return []
