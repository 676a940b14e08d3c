"""Journals for tests: an empty one on each engine, and drafts to put into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import postgres
import pytest
import sqlalchemy as sa
import workbooks

from reviewlib.conversation import database, security
from reviewlib.conversation.entries import About, Author, Draft
from reviewlib.conversation.journal import Store, open_store
from reviewlib.conversation.kinds import KINDS
from reviewlib.evidence.subjects import Subject
from reviewlib.params.model import Params

ANNA = Author("anna", "Anna Berg", "manager")
BEN = Author("ben", "Ben Cole", "manager")
#: Logins as params know them: two managers, an analyst and a rep.
PEOPLE = {
    "roles": {"anna": "manager", "ben": "manager", "ada": "analyst", "rita": "rep"},
    "logins": {"anna": ANNA.name, "ben": BEN.name, "rita": "R1"},
}
REVIEW = About("rep", "R1", "2026-Q3")


def subject(kind: str, id: str, *, team: str | None, manager: str | None) -> Subject:
    """Name somebody who has a review; figures do not matter here."""
    return Subject(kind, id, id, team, manager, "folder", id.lower(), None, None, "not_available", None)


SUBJECTS = (
    subject("team", "North", team="North", manager=ANNA.name),
    subject("team", "South", team="South", manager=BEN.name),
    subject("rep", "R1", team="North", manager=ANNA.name),
    subject("rep", "R2", team="South", manager=BEN.name),
)


def draft(
    text: str = "Well done.", *, about: About = REVIEW, kind: str = "concern", author: Author = ANNA, **rest: Any
) -> Draft:
    """Write a draft; ``fields`` are the payload's where the kind says more than a text."""
    fields = rest.pop("fields", {"text": text})
    return Draft(about, rest.pop("team", "North"), kind, KINDS[kind].model(**fields), author, **rest)


@dataclass(frozen=True)
class Desk:
    """A workbook whose journal is kept by one engine."""

    engine: Literal["sqlite", "postgres"]
    params: Params
    server: postgres.Server | None = None
    database: str = ""

    def open(self, **options: Any) -> Store:
        """Open the journal; it is there afterwards."""
        store = open_store(self.params, create=True, **options)
        assert store is not None
        return store

    def connect(self) -> sa.Connection:
        """Connect as the owner, past the store."""
        return database.engine_of(database.place_of(self.params)).connect()


def desk_of(kind: str, folder: Path, server: postgres.Server | None, *, subjects: Sequence[Subject] = SUBJECTS) -> Desk:
    """Set a workbook and its journal up."""
    rows = [{"rep_id": "R1", "amount": "5", "opened": "2026-07-01"}]
    if kind == "sqlite" or server is None:
        return Desk("sqlite", workbooks.workbook(folder, deals=rows, people=PEOPLE))
    name = server.new_database()
    params = workbooks.workbook(folder, deals=rows, people=PEOPLE, records={"database": server.url(name)})
    security.initialise(params, subjects)
    return Desk("postgres", params, server, name)


@pytest.fixture(params=["sqlite", "postgres"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Desk:
    """A workbook with an empty journal, once for each engine."""
    server = request.getfixturevalue("postgres_server") if request.param == "postgres" else None
    return desk_of(request.param, tmp_path, server)
