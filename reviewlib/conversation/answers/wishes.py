"""What an answer asks to have recorded: its fields, held against what the journal has."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

from reviewlib.conversation import payloads
from reviewlib.conversation.answers import marks, senders
from reviewlib.conversation.answers.mails import AnswerLine
from reviewlib.conversation.answers.responses import Answer, AnswerProblem, Said, short, signs, yes_or_no
from reviewlib.conversation.answers.senders import Sender
from reviewlib.conversation.entries import About, Entry, current, history, origins
from reviewlib.conversation.kinds import KINDS, Payload, Signoff
from reviewlib.conversation.states import State, state_of
from reviewlib.errors import JournalError

#: Ids of imported entries are made in it.
SPACE: Final = uuid.UUID("5c1d8f0e-6a55-5d0b-9a2e-7d3c1f4b8e21")
# What comes with every form, whatever the rep wrote.
_NOT_SAID: Final = frozenset({"snapshot", "head"})


@dataclass(frozen=True)
class Journal:
    """All entries of a subject, and those of the review that is answered."""

    about: About
    entries: tuple[Entry, ...]

    @cached_property
    def own(self) -> list[Entry]:
        """The entries of this review."""
        return [entry for entry in self.entries if entry.about == self.about]

    @cached_property
    def live(self) -> list[Entry]:
        """Those that nothing supersedes."""
        return current(self.own)

    @cached_property
    def roots(self) -> Mapping[str, str]:
        """The first version of each entry."""
        return origins(self.entries)

    @cached_property
    def state(self) -> State:
        """Where the review stands."""
        return state_of(self.own)

    def coded(self, code: str) -> Entry | None:
        """The one shared entry that a mark's code stands for; None where there is none, or more than one."""
        found = [entry for entry in self.own if entry.visibility == "shared" and marks.code(entry.id) == code]
        return found[0] if len(found) == 1 else None

    def newest(self, entry: Entry) -> Entry:
        """The current version of an entry."""
        return history(self.own, entry.id)[-1]

    def imported(self, kind: str, key: str) -> Entry | None:
        """The current entry that an earlier answer made of the same field."""
        for entry in self.live:
            if entry.kind == kind and entry.source and any(self._made(one, key) for one in history(self.own, entry.id)):
                return entry
        return None

    def replied(self, root: str, *, by: str) -> Entry | None:
        """The rep's reply that a form made at this head of the chain had in its field, if an answer may still replace it."""
        read = next((entry.sequence for entry in self.own if entry.hash == by), 0)
        signed = min((entry.sequence for entry in self.state.signatures.values()), default=None)
        known = current(entry for entry in self.own if entry.sequence <= read)
        shown = [one for one in known if one.kind == "reply" and one.side == "rep" and self.roots.get(str(one.of)) == root]
        # What a signature covers is not changed any more; another reply may come beside it.
        covered = bool(shown) and signed is not None and history(self.own, shown[-1].id)[0].sequence < signed
        return shown[-1] if shown and not covered else None

    def _made(self, entry: Entry, key: str) -> bool:
        return entry.id == entry_id(self.about, key, entry.payload, entry.supersedes)


@dataclass(frozen=True)
class AnswerItem:
    """One entry that an answer asks for.

    Attributes:
        kind: A key of ``KINDS``.
        words: The field as the form has it.
        line: Where it begins.
        key: The field, for ids.
        fields: What was typed.
        payload: What the entry would say: what was typed, over what it replaces.
        before: The current entry that it replaces.
        basis: The version that the form had in the field.
        conflict: Whether somebody else wrote the entry that it would replace.
        unchanged: Whether the journal says so already.
        id: The id that the entry gets.
    """

    kind: str
    words: str
    line: AnswerLine
    key: str
    fields: Mapping[str, Any]
    payload: Payload = field(default_factory=Payload)
    before: Entry | None = None
    basis: Entry | None = None
    conflict: bool = False
    unchanged: bool = False
    id: str = ""


@dataclass(frozen=True)
class Found:
    """What an answer asks for, and what in it does not fit the journal."""

    wishes: tuple[AnswerItem, ...]
    problems: tuple[AnswerProblem, ...]
    notes: tuple[str, ...]


def entry_id(about: About, key: str, payload: Payload, supersedes: str | None) -> str:
    """Make the id of an imported entry: the same for the same words in the same field, blanks aside."""
    return str(uuid.uuid5(SPACE, json.dumps([str(about), key, said(payload), supersedes or ""], ensure_ascii=True)))


def said(payload: Payload) -> str:
    """What an entry says, with every run of blanks as one."""
    data = {name: value for name, value in payload.model_dump(mode="json").items() if name not in _NOT_SAID}
    plain = {name: " ".join(value.split()) if isinstance(value, str) else value for name, value in data.items()}
    return json.dumps(plain, sort_keys=True, ensure_ascii=True)


def read(journal: Journal, answer: Answer, *, kpis: Sequence[tuple[str, str]], sender: Sender) -> Found:
    """Hold an answer's fields against the journal."""
    reader = _FieldReader(
        journal,
        answer,
        sender,
        {word.casefold(): key for key, label in kpis for word in (label, key)},
        [label for _, label in kpis],
    )
    found = [settled for wish in reader.wishes() if (settled := reader.settled(wish)) is not None]
    return Found(tuple(found), tuple(reader.problems), tuple(reader.notes))


@dataclass
class _FieldReader:
    journal: Journal
    answer: Answer
    sender: Sender
    figures: Mapping[str, str]
    labels: Sequence[str]
    problems: list[AnswerProblem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def wishes(self) -> Iterator[AnswerItem]:
        """List what the answer asks for, the signature last."""
        yield from self._self_review()
        for one in self.answer.of("feedback_to_manager", "concern"):
            yield from self._with_basis(one, f"{one.mark.field}:{one.mark.number}", {"text": one.text})
        yield from self._disputes()
        yield from self._replies()
        yield from self._agreements()
        yield from self._signature()

    def settled(self, wish: AnswerItem) -> AnswerItem | None:
        """Complete a wish with what it replaces; None where the kind does not take what was typed."""
        before = wish.before
        merged = ({} if before is None else before.payload.model_dump()) | dict(wish.fields)
        try:
            payload = payloads.validated(KINDS[wish.kind], merged, where=str(wish.line))
        except JournalError as error:
            self._problem(wish.line, f"{wish.words}: this cannot be stored.", error.found or "", "Correct it.")
            return None
        unchanged = self._says_nothing_new(wish, payload)
        return replace(
            wish,
            payload=payload,
            unchanged=unchanged,
            conflict=wish.conflict and not unchanged,
            id=entry_id(self.journal.about, wish.key, payload, before.id if before else None),
        )

    def _says_nothing_new(self, wish: AnswerItem, payload: Payload) -> bool:
        if wish.before is not None and said(wish.before.payload) == said(payload):
            return not (isinstance(payload, Signoff) and self._signs_better(wish.before, payload))
        if wish.conflict and wish.basis is not None:  # somebody else wrote on; the rep left the form's text as it was
            return all(_plain(getattr(wish.basis.payload, name)) == _plain(value) for name, value in wish.fields.items())
        same = [entry for entry in self.journal.live if entry.kind == wish.kind and entry.side == "rep"]
        if wish.kind == "reply":  # whichever wording of the entry each is about
            about = self.journal.roots.get(str(wish.fields["of"]))
            texts = [_plain(getattr(one.payload, "text", "")) for one in same if self.journal.roots.get(str(one.of)) == about]
            return _plain(wish.fields["text"]) in texts
        if wish.kind == "agreement":  # the last word counts
            same = [entry for entry in same if entry.of == wish.fields["of"]][-1:]
        return wish.kind != "self_review" and any(said(entry.payload) == said(payload) for entry in same)

    def _signs_better(self, before: Entry, signed: Signoff) -> bool:
        """Whether the same signature, recorded as not verified, comes now from the rep's address, for as much or more."""
        if before.source is None or senders.fits(before.source) or self.sender.doubts(signed.name) or self.journal.state.closed:
            return False
        read = {entry.hash: entry.sequence for entry in self.journal.own}
        return read.get(signed.head, 0) >= read.get(getattr(before.payload, "head", ""), 0)

    def _self_review(self) -> Iterator[AnswerItem]:
        parts = self.answer.of("self_review")
        if not parts:
            return
        first = parts[0]
        coded = next((one for one in parts if one.mark.entry), first)
        wish = AnswerItem(
            "self_review", KINDS["self_review"].label, first.line, "self_review", {p.mark.part: p.text for p in parts}
        )
        if coded.mark.entry:
            yield from self._on_basis(wish, coded.mark.entry)
            return
        recorded = self.journal.state.answer
        yield replace(wish, before=recorded, conflict=_by_somebody_else(recorded))

    def _disputes(self) -> Iterator[AnswerItem]:
        typed = self.answer.of("dispute")
        for number in dict.fromkeys(one.mark.number for one in typed):
            parts = {one.mark.part: one for one in typed if one.mark.number == number}
            if not {"figure", "why"} <= set(parts):
                continue  # said already by the parser
            figure = parts["figure"]
            key = self.figures.get(" ".join(figure.text.casefold().rstrip(".").split()))
            if key is None:
                do = f"Write one of: {'; '.join(self.labels)}."
                self._problem(figure.line, "There is no such figure on the page.", figure.text, do)
                continue
            fields = {"kpi": key, "reason": parts["why"].text} | ({"deal": parts["deal"].text} if "deal" in parts else {})
            yield from self._with_basis(figure, f"dispute:{number}", fields, words=f"Dispute {number}")

    def _replies(self) -> Iterator[AnswerItem]:
        for one in self.answer.of("reply"):
            target = self._target(one)
            if target is not None:
                root = self.journal.roots[target.id]
                wish = AnswerItem("reply", one.mark.words, one.line, f"reply:{root}", {"of": target.id, "text": one.text})
                shown = self.journal.replied(root, by=self.answer.head)
                before = self.journal.newest(shown) if shown else self.journal.imported("reply", wish.key)
                if before is not None:
                    wish = replace(wish, fields={"of": before.of or target.id, "text": one.text})
                changed = before is not shown and shown is not None and _by_somebody_else(before)
                yield replace(wish, before=before, basis=shown, conflict=changed)

    def _agreements(self) -> Iterator[AnswerItem]:
        for one in self.answer.of("agreement"):
            target, word = self._target(one), yes_or_no(one.text)
            if target is None or word is None:
                continue
            if one.mark.words.split()[0].casefold() != target.kind:
                self._problem(one.line, "This mark names another entry.", one.mark.words, "Take the mark from a fresh form.")
                continue
            key = f"agreement:{target.id}"
            fields = {"of": target.id, "agrees": word[0], "text": word[1]}
            yield AnswerItem("agreement", one.mark.words, one.line, key, fields, before=self.journal.imported("agreement", key))

    def _signature(self) -> Iterator[AnswerItem]:
        parts = {one.mark.part: one for one in self.answer.of("signoff")}
        how = signs(parts["word"].text) if "word" in parts else None
        if "name" not in parts or how is None:
            return
        line = parts["name"].line
        if not self.answer.head:
            do = "Ask the rep to sign the form that was made after release."
            self._problem(line, "This form was made before the review was released; it cannot sign.", parts["name"].text, do)
            return
        given = self.journal.state.signatures.get("rep")
        fields = {"side": "rep", "how": how, "name": parts["name"].text, "head": self.answer.head}
        if "comment" in parts:
            fields["comment"] = parts["comment"].text
        elif given is not None and getattr(given.payload, "how", None) != how:
            fields["comment"] = ""  # the comment was on the word that is taken back
        yield AnswerItem("signoff", "Signature", line, "signoff", fields, before=given, conflict=_by_somebody_else(given))

    def _with_basis(self, one: Said, key: str, fields: Mapping[str, Any], *, words: str = "") -> Iterator[AnswerItem]:
        wish = AnswerItem(one.mark.field, words or one.mark.words, one.line, key, fields)
        if one.mark.entry:
            yield from self._on_basis(wish, one.mark.entry)
        else:
            yield replace(wish, before=self.journal.imported(wish.kind, key))

    def _on_basis(self, wish: AnswerItem, code: str) -> Iterator[AnswerItem]:
        """Replace the entry that the form had in the field, unless somebody else has written on since."""
        basis = self.journal.coded(code)
        if basis is None or basis.kind != wish.kind or basis.side != "rep":
            self._unknown(wish.line, wish.words)
            return
        newest = self.journal.newest(basis)
        changed = newest is not basis and _by_somebody_else(newest)
        yield replace(wish, before=newest, basis=basis, conflict=changed)

    def _target(self, one: Said) -> Entry | None:
        target = self.journal.coded(one.mark.entry) if one.mark.entry else None
        if target is None:
            self._unknown(one.line, one.mark.words)
        elif self.journal.newest(target) is not target:
            self.notes.append(f"{one.line}: {one.mark.words}: the entry was edited since; this is about its earlier wording.")
        return target

    def _unknown(self, line: AnswerLine, words: str) -> None:
        self._problem(line, "There is no such entry in this review.", words, "Take the mark from a fresh form, digits and all.")

    def _problem(self, line: AnswerLine, what: str, found: str, do: str) -> None:
        self.problems.append(AnswerProblem(line, what, short(found), do))


def _by_somebody_else(entry: Entry | None) -> bool:
    """Whether an entry is neither from an answer nor from the rep's own hand."""
    return entry is not None and entry.source is None and entry.role != "rep"


def _plain(value: object) -> object:
    return " ".join(value.split()) if isinstance(value, str) else value
