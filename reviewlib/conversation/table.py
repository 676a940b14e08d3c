"""The journal's table: one row per entry, which neither SQLite nor PostgreSQL lets anybody change or delete."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from pydantic import ValidationError

from reviewlib.conversation.entries import About, Entry, moment, payload_bytes
from reviewlib.conversation.kinds import KINDS
from reviewlib.errors import JournalError

#: The version of the tables that this code reads and writes.
VERSION: Final = 1

metadata = sa.MetaData()

entries = sa.Table(
    "entries",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("subject_kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("period", sa.Text, nullable=False),
    sa.Column("team", sa.Text),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("author_name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("on_behalf_of", sa.Text),
    sa.Column("visibility", sa.Text, nullable=False),
    # Text, so that microseconds and UTC come back from both engines as they were hashed.
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("supersedes", sa.Text, sa.ForeignKey("entries.id")),
    sa.Column("source", sa.Text),
    # The canonical JSON itself: a JSON column type would write numbers and keys its own way.
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("salt", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("previous", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    # These two decide who was first when two people save at once.
    sa.UniqueConstraint("subject_kind", "subject", "period", "sequence", name="entries_in_order"),
    sa.UniqueConstraint("supersedes", name="entries_superseded_once"),
    sa.CheckConstraint("sequence >= 1", name="entries_counted"),
    sa.CheckConstraint("subject_kind IN ('rep', 'team')", name="entries_subject_kinds"),
    sa.CheckConstraint("role IN ('manager', 'analyst', 'rep')", name="entries_roles"),
    sa.CheckConstraint("visibility IN ('shared', 'manager_only')", name="entries_visibilities"),
)

#: One row: the version of the tables.
journal = sa.Table("journal", metadata, sa.Column("version", sa.Integer, nullable=False))

#: What a login may see in PostgreSQL: everything, a team, or what is shared of a rep. See ``security``.
access = sa.Table(
    "access",
    sa.MetaData(),
    sa.Column("login", sa.Text, primary_key=True),
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.CheckConstraint("scope IN ('all', 'team', 'subject')", name="access_scopes"),
)

_REFUSAL: Final = "the journal is append-only"
#: What refuses every change, by engine; each may run again.
GUARDS: Final[Mapping[str, tuple[str, ...]]] = {
    "sqlite": tuple(
        f"CREATE TRIGGER IF NOT EXISTS entries_no_{verb.lower()} BEFORE {verb} ON entries "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        for verb in ("UPDATE", "DELETE")
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION entries_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$",
        "CREATE OR REPLACE TRIGGER entries_no_change BEFORE UPDATE OR DELETE ON entries "
        "FOR EACH ROW EXECUTE FUNCTION entries_refuse()",
        "CREATE OR REPLACE TRIGGER entries_no_truncate BEFORE TRUNCATE ON entries "
        "FOR EACH STATEMENT EXECUTE FUNCTION entries_refuse()",
    ),
}


def create(connection: sa.Connection) -> None:
    """Make what is missing of the tables and of what guards them; what is there stays."""
    metadata.create_all(connection)
    for statement in GUARDS[connection.dialect.name]:
        connection.execute(sa.text(statement))
    if version_of(connection) is None:
        connection.execute(journal.insert().values(version=VERSION))


def version_of(connection: sa.Connection) -> int | None:
    """Read the version of the tables; None where none is written down."""
    found: int | None = connection.execute(sa.select(sa.func.max(journal.c.version))).scalar()
    return found


def row_of(entry: Entry) -> dict[str, Any]:
    """Turn an entry into a row."""
    plain = {name: getattr(entry, name) for name in entries.c.keys() if hasattr(entry, name)}  # noqa: SIM118
    return plain | {
        "subject_kind": entry.about.kind,
        "subject": entry.about.subject,
        "period": entry.about.period,
        "at": moment(entry.at),
        "payload": payload_bytes(entry.payload).decode("ascii"),
    }


def entry_of(row: Mapping[str, Any]) -> Entry:
    """Turn a row into an entry.

    Raises:
        JournalError: The row holds what no version of this program wrote.
    """
    plain = dict(row)
    about = About(plain.pop("subject_kind"), plain.pop("subject"), plain.pop("period"))
    try:
        payload = KINDS[plain["kind"]].model.model_validate_json(plain["payload"])
        at = dt.datetime.fromisoformat(plain["at"])
    except (KeyError, ValidationError, ValueError) as error:
        raise JournalError(
            "An entry of the journal cannot be read.",
            where=f"{about}: entry {plain['sequence']}",
            found=f"{plain['kind']!r}, which holds what this version does not know ({type(error).__name__})",
            do="Install the version of reviewlib that wrote it, or restore the last backup.",
        ) from None
    return Entry(**{**plain, "about": about, "payload": payload, "at": at})
