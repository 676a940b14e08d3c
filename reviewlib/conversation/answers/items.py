"""What an answer asks to have recorded: its fields, held against what the journal has."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from reviewlib.conversation import payloads
from reviewlib.conversation.answers import marks, senders
from reviewlib.conversation.answers.mails import AnswerLine
from reviewlib.conversation.answers.marks import Mark
from reviewlib.conversation.answers.responses import Answer, AnswerField, AnswerProblem, short, signs, yes_or_no
from reviewlib.conversation.answers.senders import Sender
from reviewlib.conversation.entries import About, Entry, current, history
from reviewlib.conversation.goals.kpi import folded
from reviewlib.conversation.kinds import KINDS
from reviewlib.conversation.kinds.record import Payload
from reviewlib.conversation.kinds.talk import Signoff
from reviewlib.conversation.rights import WritingContext
from reviewlib.errors import JournalError

#: Ids of imported entries are made in it.
SPACE: Final = uuid.UUID("5c1d8f0e-6a55-5d0b-9a2e-7d3c1f4b8e21")
# What comes with every form, whatever the rep wrote.
_NOT_SAID: Final = frozenset({"snapshot", "head", "proof", "page"})


@dataclass(frozen=True)
class AnswerItem:
    """One entry that an answer asks for.

    Attributes:
        kind: A key of ``KINDS``.
        words: The field as the form has it.
        line: Where it begins.
        payload: What the entry would say: what was typed, over what it replaces.
        id: The id that the entry gets.
        before: The current entry that it replaces.
        unchanged: Whether the journal says so already.
        conflict: Whether somebody else wrote the entry that it would replace.
    """

    kind: str
    words: str
    line: AnswerLine
    payload: Payload
    id: str
    before: Entry | None
    unchanged: bool
    conflict: bool


def entry_id(about: About, key: str, payload: Payload, supersedes: str | None) -> str:
    """Make the id of an imported entry: the same for the same words in the same field, blanks aside."""
    return str(uuid.uuid5(SPACE, json.dumps([str(about), key, _said(payload), supersedes or ""], ensure_ascii=True)))


def _said(payload: Payload) -> str:
    """What an entry says, with every run of blanks as one."""
    data = {name: _plain(value) for name, value in payload.model_dump(mode="json").items() if name not in _NOT_SAID}
    return json.dumps(data, sort_keys=True, ensure_ascii=True)


def _plain(value: object) -> object:
    return " ".join(value.split()) if isinstance(value, str) else value


@dataclass
class ItemReader:
    """Holds the fields of an answer, all of which say something, against what is recorded.

    ``kpis`` are key and label of each figure on the page.
    """

    context: WritingContext
    answer: Answer
    sender: Sender
    kpis: Sequence[tuple[str, str]]
    items: list[AnswerItem] = field(default_factory=list)
    problems: list[AnswerProblem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @cached_property
    def live(self) -> list[Entry]:
        """The entries of this review that nothing supersedes."""
        return current(self.context.own)

    def read(self) -> None:
        """Collect what the answer asks for, the signature last."""
        if parts := {one.mark.part: one for one in self.answer.of("self_review")}:
            first = next((one for one in parts.values() if one.mark.entry), next(iter(parts.values())))
            said = {part: one.text for part, one in parts.items()}
            self._shown_or_new(first, "self_review", said, self.context.state.answer)
        for one in self.answer.of(*(kind.name for kind in KINDS.values() if kind.question)):
            self._numbered(one, {"text": one.text})
        self._disputes(self.answer.of("dispute"))
        for one in self.answer.of("reply"):
            self._reply(one)
        for one in self.answer.of("agreement"):
            self._agreement(one)
        self._signature({one.mark.part: one for one in self.answer.of("signoff")})

    def _disputes(self, typed: Sequence[AnswerField]) -> None:
        figures = {word.casefold(): key for key, label in self.kpis for word in (label, key)}
        for number in dict.fromkeys(one.mark.number for one in typed):
            parts = {one.mark.part: one for one in typed if one.mark.number == number}
            figure = parts["figure"]
            key = figures.get(folded(figure.text.rstrip(".")))
            if key is None:
                do = f"Write one of: {'; '.join(label for _, label in self.kpis)}."
                self._problem(figure.line, "There is no such figure on the page.", figure.text, do)
                continue
            fields = {"kpi": key, "reason": parts["why"].text} | ({"deal": parts["deal"].text} if "deal" in parts else {})
            self._numbered(figure, fields)

    def _reply(self, one: AnswerField) -> None:
        target = self._target(one)
        if target is None:
            return
        root = self.context.roots[target.id]
        shown = self._replied(root, by=self.answer.head)
        before = self.context.latest(shown) if shown else self._imported("reply", f"reply:{root}")
        fields = {"of": (before.of if before else None) or target.id, "text": one.text}
        self._add(one, f"reply:{root}", fields, before, basis=shown)

    def _agreement(self, one: AnswerField) -> None:
        target, word = self._target(one), yes_or_no(one.text)
        if target is None or word is None:
            return
        if one.mark.words.rpartition(" ")[0].casefold() != KINDS[target.kind].label.casefold():
            self._problem(one.line, "This mark names another entry.", one.mark.words, "Take the mark from a fresh form.")
            return
        key, fields = f"agreement:{target.id}", {"of": target.id, "agrees": word[0], "text": word[1]}
        self._add(one, key, fields, self._imported("agreement", key))

    def _signature(self, parts: Mapping[str, AnswerField]) -> None:
        if not parts:
            return
        name, how = parts["name"], signs(parts["word"].text)
        if not self.answer.head:
            do = "Ask the rep to sign the form that was made after release."
            self._problem(name.line, "This form was made before the review was released; it cannot sign.", name.text, do)
            return
        given = self.context.state.signatures.get("rep")
        fields = {"side": "rep", "how": how, "name": name.text, "head": self.answer.head}
        if "comment" in parts:
            fields["comment"] = parts["comment"].text
        elif given is not None and getattr(given.payload, "how", None) != how:
            fields["comment"] = ""  # the comment was on the word that is taken back
        self._add(name, "signoff", fields, given)

    def _target(self, one: AnswerField) -> Entry | None:
        target = self._coded(one.mark.entry) if one.mark.entry else None
        if target is None:
            self._unknown(one.line, one.mark.words)
        elif self.context.latest(target) is not target:
            self.notes.append(f"{one.line}: {one.mark.words}: the entry was edited since; this is about its earlier wording.")
        return target

    def _coded(self, code: str) -> Entry | None:
        """The one shared entry that a mark's code stands for; None where there is none, or more than one."""
        found = [entry for entry in self.context.own if entry.visibility == "shared" and marks.code(entry.id) == code]
        return found[0] if len(found) == 1 else None

    def _imported(self, kind: str, key: str) -> Entry | None:
        """The current entry that an earlier answer made of the same field."""
        for entry in self.live:
            if entry.kind == kind and entry.source:
                for one in history(self.context.own, entry.id):
                    if one.id == entry_id(self.context.about, key, one.payload, one.supersedes):
                        return entry
        return None

    def _replied(self, root: str, *, by: str) -> Entry | None:
        """The rep's reply that a form made at this head of the chain had in its field, if an answer may still replace it."""
        read = next((entry.sequence for entry in self.context.own if entry.hash == by), 0)
        signed = min((entry.sequence for entry in self.context.state.signatures.values()), default=None)
        known = current(entry for entry in self.context.own if entry.sequence <= read)
        shown = [
            one for one in known if one.kind == "reply" and one.side == "rep" and self.context.roots.get(str(one.of)) == root
        ]
        # What a signature covers is not changed any more; another reply may come beside it.
        covered = bool(shown) and signed is not None and history(self.context.own, shown[-1].id)[0].sequence < signed
        return shown[-1] if shown and not covered else None

    def _numbered(self, one: AnswerField, fields: Mapping[str, Any]) -> None:
        key = f"{one.mark.field}:{one.mark.number}"
        self._shown_or_new(one, key, fields, self._imported(one.mark.field, key))

    def _shown_or_new(self, one: AnswerField, key: str, fields: Mapping[str, Any], recorded: Entry | None) -> None:
        """Replace the entry that the form had in the field, or where it had none what was recorded of it since."""
        if not one.mark.entry:
            self._add(one, key, fields, recorded)
            return
        basis = self._coded(one.mark.entry)
        if basis is None or basis.kind != one.mark.field or basis.side != "rep":
            self._unknown(one.line, _words(one.mark))
            return
        self._add(one, key, fields, self.context.latest(basis), basis=basis)

    def _add(
        self, one: AnswerField, key: str, fields: Mapping[str, Any], before: Entry | None, *, basis: Entry | None = None
    ) -> None:
        """Complete an item with what it replaces; ``basis`` is the version that the form had in the field.

        Where the kind does not take what was typed, that is a problem.
        """
        kind, words = one.mark.field, _words(one.mark)
        try:
            merged = (before.payload.model_dump() if before is not None else {}) | dict(fields)
            payload = payloads.validated(KINDS[kind], merged, where=str(one.line))
        except JournalError as error:
            self._problem(one.line, f"{words}: this cannot be stored.", error.found or "", "Correct it.")
            return
        theirs = before is not None and before.source is None and before.role != "rep"
        conflict = theirs and before is not basis
        if before is not None and _said(before.payload) == _said(payload):
            unchanged = not self._signs_better(before, payload)
        elif conflict and basis is not None:  # somebody else wrote on; the rep left the form's text as it was
            unchanged = all(_plain(getattr(basis.payload, name)) == _plain(value) for name, value in fields.items())
        else:
            unchanged = self._says_the_same(kind, payload)
        new_id = entry_id(self.context.about, key, payload, before.id if before else None)
        self.items.append(
            AnswerItem(kind, words, one.line, payload, new_id, before, unchanged, conflict=conflict and not unchanged)
        )

    def _says_the_same(self, kind: str, payload: Payload) -> bool:
        """Whether the rep has said so already, in another field or in the meeting."""
        same = [entry for entry in self.live if entry.kind == kind and entry.side == "rep"]
        if kind == "reply":  # whichever wording of the entry each is about
            text, about = _plain(getattr(payload, "text", "")), self.context.roots.get(str(getattr(payload, "of", None)))
            replies = [one for one in same if self.context.roots.get(str(one.of)) == about]
            return text in [_plain(getattr(one.payload, "text", "")) for one in replies]
        if kind == "agreement":  # the last word counts
            same = [entry for entry in same if entry.of == getattr(payload, "of", None)][-1:]
        return kind != "self_review" and any(_said(entry.payload) == _said(payload) for entry in same)

    def _signs_better(self, before: Entry, signed: Payload) -> bool:
        """Whether the same signature, recorded as not verified, comes now from the rep's address, for as much or more."""
        if not isinstance(signed, Signoff) or before.source is None or senders.fits(before.source):
            return False
        if self.sender.doubts(signed.name) or self.context.state.closed:
            return False
        read = {entry.hash: entry.sequence for entry in self.context.own}
        return read.get(signed.head, 0) >= read.get(getattr(before.payload, "head", ""), 0)

    def _unknown(self, line: AnswerLine, words: str) -> None:
        self._problem(line, "There is no such entry in this review.", words, "Take the mark from a fresh form, digits and all.")

    def _problem(self, line: AnswerLine, what: str, found: str, do: str) -> None:
        self.problems.append(AnswerProblem(line, what, short(found), do))


def _words(mark: Mark) -> str:
    """How a field is called; of one that has several parts none of them is named."""
    whole = {"self_review": KINDS["self_review"].label, "dispute": f"Dispute {mark.number}", "signoff": "Signature"}
    return whole.get(mark.field, mark.words)
