"""A rep's answer into the journal: what would be recorded, and recording it, all of it or nothing.

An answer is recorded once, however often and in whatever quotation it arrives: the id of an entry is made of the field, of what
was typed (blanks aside) and of the entry it replaces. A changed answer replaces what an earlier answer said in the same field.
"""

from dataclasses import dataclass
from typing import Final

from reviewlib.conversation import copies
from reviewlib.conversation.answers import form, marks, senders
from reviewlib.conversation.answers.items import AnswerItem, ItemReader
from reviewlib.conversation.answers.mails import ArrivedAnswer
from reviewlib.conversation.answers.responses import Answer, AnswerProblem, parse, refusal, short
from reviewlib.conversation.answers.senders import Sender
from reviewlib.conversation.entries import About, Entry
from reviewlib.conversation.journal import open_journal_to_read
from reviewlib.conversation.kinds import KINDS
from reviewlib.conversation.kinds.talk import Signoff
from reviewlib.conversation.records import New, Records
from reviewlib.conversation.rights import WritingContext
from reviewlib.errors import ConflictError, ResponseError, ReviewError
from reviewlib.evidence import slicefile
from reviewlib.params.model import Params
from reviewlib.params.words import counted
from reviewlib.periods import Period

#: How messages call it.
_WHERE: Final = "the answer"
_UNSAID: Final = frozenset({"of", "side", "head", "owner", "doing"})


@dataclass(frozen=True)
class ImportPlan:
    """What importing an answer would do.

    Attributes:
        about: The review.
        answer: What was read.
        items: What would be recorded, the signature last.
        unchanged: Fields that say what is recorded already.
        notes: What the importer should know, such as that the form is an old one.
        problems: What cannot be understood; with any of them nothing is recorded.
        sender: Who sent it, beside what the reps table has; None where nothing is held against the journal.
        source: Of the entries: the sha256 of the file, and what was found about its sender.
        refused: Why it is recorded only where somebody says so, as not verified.
    """

    about: About
    answer: Answer
    items: tuple[AnswerItem, ...] = ()
    unchanged: tuple[AnswerItem, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[AnswerProblem, ...] = ()
    sender: Sender | None = None
    source: str = ""
    refused: ResponseError | None = None

    def as_text(self) -> str:
        """Say it in lines for people; a self-review's words are not shown."""
        lines = [f"{self.about}: {counted(len(self.items), 'entries')} to record"]
        lines += [f"  sender: {self.sender}"] if self.sender else []
        lines += [f"  {item.line}: {item.words}{' (replaces)' if item.before else ''}: {_shown(item)}" for item in self.items]
        lines += [f"  {item.line}: {item.words}: recorded already" for item in self.unchanged]
        lines += [f"  note: {note}" for note in self.notes]
        lines += [f"  {line}: left out: {short(line.text)}" for line in self.answer.left_out]
        return "\n".join([*lines, *(f"  not understood: {problem}" for problem in self.problems)])


def record(records: Records, made: ImportPlan, *, unverified: bool = False) -> list[Entry]:
    """Record in one transaction what an answer asks for; nothing where all of it was recorded already.

    Whose records they are is named as the importer. ``unverified`` records also what by its sender or the name that signs is
    not the rep's, marked so.

    Raises:
        ResponseError: Something cannot be understood, or it is not the rep's; nothing was recorded.
        NotAllowedError: The person may not import it, or the review does not take it any more.
        ConflictError: Somebody wrote on the rep's behalf since the form was made; it holds both texts.
    """
    if made.problems:
        raise refusal(made.problems, where=_WHERE)
    if made.refused and not unverified:
        raise made.refused
    for item in made.items:
        if item.conflict:
            raise _conflict(item)
    new = [
        New(
            item.kind,
            item.payload.model_dump(),
            id=item.id,
            supersedes=item.before.id if item.before else None,
            on_behalf=records.person.role != "rep",
            source=made.source,
        )
        for item in made.items
    ]
    return records.write_all(new)


def plan(records: Records, mail: ArrivedAnswer) -> ImportPlan:
    """Tell what importing an answer would record, and what in it is not understood.

    Raises:
        NotAllowedError: The person may not read the review.
    """
    answer, about = parse(mail), records.about
    records.minutes()  # refuses who may not read this review, before anything of it is looked at
    context = records.context()
    problems = (*answer.problems, *_another_review(records, answer))
    if problems:
        return ImportPlan(about, answer, problems=problems)
    if any(senders.sha256_of(entry.source) == answer.sha256 and entry.side == "rep" for entry in context.own):
        return ImportPlan(about, answer, notes=("This very file was imported before; nothing is recorded twice.",))
    sender = _sender(records, mail, answer)
    reader = ItemReader(context, answer, sender, _kpis(records, context.state.snapshot))
    reader.read()
    new = tuple(item for item in reader.items if not item.unchanged)
    signed = next((item.payload.name for item in new if isinstance(item.payload, Signoff)), None)
    return ImportPlan(
        about,
        answer,
        items=new,
        unchanged=tuple(item for item in reader.items if item.unchanged),
        notes=(*_age(context, answer), *reader.notes),
        problems=tuple(reader.problems),
        sender=sender,
        source=senders.source_of(answer.sha256, sender.doubts(signed)),
        refused=sender.refusal(signed, where=_WHERE) if new else None,
    )


def addressed(params: Params, answer: Answer) -> About:
    """Find the review that an answer belongs to.

    Raises:
        ResponseError: It has no first line, or it is of another workbook, or of nobody in the period.
        JournalError: The journal is damaged or missing.
    """
    if not answer.subject:
        raise refusal(answer.problems, where=_WHERE)
    if answer.workbook.casefold() != params.name:
        raise ResponseError(
            "This answer belongs to another workbook.",
            found=answer.workbook,
            do=f"Import it with the params file of {answer.workbook}.",
        )
    try:
        period = Period.parse(answer.period, params.fiscal)
        copies.everyone_in(params, period)
    except ReviewError as error:
        raise ResponseError("This answer’s period is not known here.", found=answer.period, do=error.do) from None
    with open_journal_to_read(params) as journal:
        everyone = copies.reviewed_in(params, period, journal)
    for one in everyone:
        if marks.subject_code(one.kind, one.id) == answer.subject.casefold():
            return About.of(one, period)
    raise ResponseError(
        "This answer is of nobody who has a review.", where=str(period), found=answer.subject, do="Check the file."
    )


def _sender(records: Records, mail: ArrivedAnswer, answer: Answer) -> Sender:
    subject, address = records.subject, copies.address_of(records.params, records.about)
    named = subject.kind == "rep" and subject.name != subject.id
    any_form = marks.letters([form.OPENING.format(subject="", period="")])
    own_form = marks.letters([form.OPENING.format(subject=subject.name, period=answer.period)])
    opening = marks.letters([answer.opening])
    other = opening.startswith(any_form) and not opening.startswith(own_form)
    return Sender(mail.senders, address, subject.name if named else None, subject.name, answer.opening if other else "")


def _kpis(records: Records, pinned: str | None) -> list[tuple[str, str]]:
    params, about = records.params, records.about
    asked = {"kind": about.kind, "subject": about.subject, "audience": "rep"}
    path = slicefile.find_slice(params, **asked, period=Period.parse(about.period, params.fiscal), pinned=pinned)
    return [(kpi["key"], kpi["label"]) for kpi in slicefile.read_slice(path)["kpis"]]


def _another_review(records: Records, answer: Answer) -> list[AnswerProblem]:
    if not answer.subject:
        return []
    about, line = records.about, answer.said[0].line
    expected = (
        ("workbook", answer.workbook, records.params.name),
        ("period", answer.period, about.period),
        ("person or team", answer.subject, marks.subject_code(about.kind, about.subject)),
    )
    return [
        AnswerProblem(line, f"This form belongs to another {what}.", found, f"Import it where it belongs; this is {wanted}.")
        for what, found, wanted in expected
        if found.casefold() != wanted.casefold()
    ]


def _age(context: WritingContext, answer: Answer) -> list[str]:
    """Say so where the rep answered a form that was made before what is recorded now."""
    state = context.state
    if not answer.head:
        return ["The form was made before the review was released."] if state.released else []
    if state.head is None or state.head.hash == answer.head:
        return []
    read = next((entry for entry in context.own if entry.hash == answer.head), None)
    if read is None:
        return ["The form names a state of the review that is not in this journal."]
    return [f"The form is an older one: {counted(state.head.sequence - read.sequence, 'entries')} came after it."]


def _conflict(item: AnswerItem) -> ConflictError:
    theirs = item.before
    conflict = ConflictError(
        f"{KINDS[item.kind].label}: another text was recorded since this form was made.",
        where=str(item.line),
        found=f"written by {theirs.author_name}, {theirs.at:%Y-%m-%d %H:%M} UTC" if theirs else None,
        do="Ask the rep which one holds; nothing was recorded. A fresh form has the recorded text in it.",
    )
    conflict.theirs, conflict.mine = theirs, item
    return conflict


def _shown(item: AnswerItem) -> str:
    said = [value for name, value in item.payload if name not in _UNSAID and value not in ("", None)]
    if item.kind == "self_review":  # the importer must not read it here: it is hidden until the manager's part is in
        return counted(sum(len(str(value)) for value in said), "characters")
    return short(" | ".join({True: "yes", False: "no"}.get(value, str(value)) for value in said))
