"""The demo's conversation: what the people of the sample company said, from words in a file to entries of the journal.

``params/demo/conversation.yaml`` holds the words. ``seed`` puts them into an empty journal, each with the time at which it was
said, and never into one in which somebody wrote.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from reviewlib.conversation import identity, payloads
from reviewlib.conversation.answers import senders
from reviewlib.conversation.entries import About, Draft, Person
from reviewlib.conversation.journal import open_or_make_journal
from reviewlib.conversation.kinds import KINDS
from reviewlib.errors import JournalError
from reviewlib.evidence import proof
from reviewlib.params.model import Params
from reviewlib.workbook import starter

#: Where the words lie, below the workbook's or the package's own folder.
FILE: Final = Path("params", "demo", "conversation.yaml")
#: Entries have the same ids in every copy of the demo.
_NAMESPACE: Final = uuid.UUID("6f1d3c6e-6f0e-4f3a-9a43-0d5b7c1f2e60")


class Spoken(BaseModel):
    """One entry as the file has it; what is said stands under the key of its kind."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, dict[str, Any]]

    #: As on a clock on the wall.
    at: dt.datetime
    by: Literal["manager", "mail", "meeting"] = "manager"
    name: str = ""
    of: str = ""
    edits: str = ""
    private: bool = False
    figures: tuple[str, ...] = ()
    deals: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_kind(self) -> Spoken:
        found = list(self.__pydantic_extra__)
        if len(found) != 1 or found[0] not in KINDS:
            raise ValueError(f"needs the key of one kind, and has {', '.join(found) or 'none'}")
        return self

    @property
    def kind(self) -> str:
        """The key of its kind."""
        return next(iter(self.__pydantic_extra__))

    @property
    def fields(self) -> dict[str, Any]:
        """What is said."""
        return self.__pydantic_extra__[self.kind]


class Talk(BaseModel):
    """One review's conversation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rep: str | None = None
    team: str | None = None
    period: str
    entries: tuple[Spoken, ...]

    @property
    def about(self) -> About:
        """Which review."""
        return About("rep", self.rep, self.period) if self.rep else About("team", self.team or "", self.period)


class Conversation(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    team: str
    manager: str = Field(description="The login of the manager, who keeps the record.")
    reviews: tuple[Talk, ...]

    @model_validator(mode="after")
    def _names_are_known(self) -> Conversation:
        said = [spoken for talk in self.reviews for spoken in talk.entries]
        if unknown := {name for spoken in said for name in (spoken.of, spoken.edits)} - {spoken.name for spoken in said} - {""}:
            raise ValueError(f"nothing is named {', '.join(sorted(unknown))}")
        return self

    @property
    def periods(self) -> tuple[str, ...]:
        """The periods in which somebody said something; their evidence is frozen before ``seed``."""
        return tuple(sorted({talk.period for talk in self.reviews}))

    def reps(self, period: str) -> list[str]:
        """The reps who talk in a period."""
        return [talk.rep for talk in self.reviews if talk.period == period and talk.rep]


@dataclass(frozen=True)
class SpokenEntry:
    """One entry in the order of the telling: who says it where, and under which id it goes into the journal."""

    id: str
    about: About
    at: dt.datetime
    spoken: Spoken


def read(params: Params) -> Conversation:
    """Read what was said: from the workbook where it has the file, else from the package.

    Raises:
        JournalError: The file cannot be read, or is not as it should be.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    own = params.root / FILE
    path = own if own.is_file() else starter.home() / FILE
    try:
        return Conversation.model_validate(YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        given = f", not {first['input']!r}" if isinstance(first["input"], str) else ""
        found = f"{'.'.join(map(str, first['loc']))}: {first['msg']}{given}"
    except (OSError, UnicodeError, YAMLError) as error:
        found = str(error).splitlines()[0]
    raise JournalError(
        "The demo’s conversation cannot be read.",
        where=FILE.as_posix(),
        found=found,
        do="Restore the file; reviewlib demo in an empty folder makes a fresh one.",
    )


def lines(params: Params, talked: Conversation) -> list[SpokenEntry]:
    """List every entry with its id and time, in the order in which they were said."""
    found = [
        SpokenEntry(
            id=_id(params, spoken.name or f"{talk.about} {number}"),
            about=talk.about,
            at=spoken.at.replace(tzinfo=params.clock).astimezone(dt.UTC),
            spoken=spoken,
        )
        for talk in talked.reviews
        for number, spoken in enumerate(talk.entries, 1)
    ]
    return sorted(found, key=lambda line: line.at)


def seed(params: Params, frozen: Mapping[str, str]) -> int:
    """Put the demo's conversation into the workbook's journal, once.

    Nothing is added to a journal that holds anything else. What an interrupted run left is completed. ``frozen`` names the
    snapshot of each period, by the period's name, for the releases. Tells how many entries were written.

    Raises:
        JournalError: The words cannot be read, or the journal cannot be opened.
    """
    talked = read(params)
    told = lines(params, talked)

    def draft(line: SpokenEntry, heads: Mapping[About, str]) -> Draft:
        return _draft(params, talked, line, snapshot=frozen[line.about.period], head=heads.get(line.about))

    for line in told:  # all of it can be said, or none of it is
        draft(line, {})
    times: Iterator[dt.datetime] = iter(())  # of one batch, again and again: a batch may be tried more than once
    with open_or_make_journal(params, clock=lambda: next(times)) as journal:
        there = journal.entries()
        if {entry.id for entry in there} != {line.id for line in told[: len(there)]}:  # no beginning of the telling
            return 0
        heads = {entry.about: entry.hash for entry in there}
        rest = told[len(there) :]
        # A batch ends before every signature: it names the hash of what was read, which is known once that is written.
        signatures = itertools.accumulate(line.spoken.kind == "signoff" for line in rest)
        for _, batch in itertools.groupby(rest, key=lambda _: next(signatures)):
            said = list(batch)
            times = itertools.cycle([line.at for line in said])
            heads |= {entry.about: entry.hash for entry in journal.append_all([draft(line, heads) for line in said])}
    return len(told) - len(there)


def _id(params: Params, name: str) -> str:
    return uuid.uuid5(_NAMESPACE, f"{params.name}/{name}").hex


def _draft(params: Params, talked: Conversation, line: SpokenEntry, *, snapshot: str, head: str | None) -> Draft:
    spoken, kind, person = line.spoken, KINDS[line.spoken.kind], identity.person_of(params, talked.manager)
    said = f"{line.about}, {spoken.at:%Y-%m-%d %H:%M}"
    filled = _filled(params, spoken, snapshot=snapshot, head=head) | spoken.fields
    # There is no mail that an answer came in: review and time stand for it.
    mail = hashlib.sha256(said.encode()).hexdigest()
    return Draft(
        about=line.about,
        team=talked.team,
        kind=spoken.kind,
        payload=payloads.validated(kind, filled, where=f"{FILE.name}, {said}"),
        author=Person(person.login, person.role or "manager", person.name),
        on_behalf_of=None if spoken.by == "manager" else line.about.subject,
        visibility="manager_only" if spoken.private or kind.private == "always" else "shared",
        supersedes=_id(params, spoken.edits) if spoken.edits else None,
        source=senders.source_of(mail, ()) if spoken.by == "mail" else None,
        id=line.id,
    )


def _filled(params: Params, spoken: Spoken, *, snapshot: str, head: str | None) -> dict[str, Any]:
    """What the words need not say: what they refer to, the scale, the evidence, the side, and what was read before signing."""
    proven = {"proof": proof.of(params.reports / "snapshots" / snapshot)}
    about = {"of": _id(params, spoken.of)} if spoken.of else {}
    if spoken.kind == "rating":
        scale = params.rating.scale
        label = next((label for place, label in enumerate(scale, 1) if place == spoken.fields.get("value")), "?")
        return about | {"label": label, "out_of": len(scale)}
    if spoken.kind == "release":
        return about | {"snapshot": snapshot} | proven
    if spoken.kind == "signoff":
        return about | {"side": "manager" if spoken.by == "manager" else "rep", "head": head or "-"} | proven
    return about
