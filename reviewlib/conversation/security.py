"""Row-level security in PostgreSQL: a manager's login reads and writes its own teams, whatever program it uses.

A table ``access`` says what each login may see; policies hold every row of the journal against it. What stands in it comes from
params and the frozen names; only ``reviewlib journal-init`` changes it. The login that runs that owns the tables and sees all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from reviewlib.conversation import database
from reviewlib.conversation.database import SEES_ALL, SQL, Database, Transaction
from reviewlib.errors import JournalError
from reviewlib.evidence.subjects import Subject
from reviewlib.params.model import Params

Scope = Literal["all", "team", "subject"]


@dataclass(frozen=True, order=True)
class Right:
    """What one login may see: everything, a team's entries, or what is shared of a rep, wherever the rep was before."""

    login: str
    scope: Scope
    id: str = ""


def rights_of(params: Params, subjects: Iterable[Subject]) -> list[Right]:
    """Tell what params give each login.

    Analysts get everything. Managers get the teams in which they are somebody's manager, and of the reps who are in them now
    what is shared elsewhere, so that goals come along when a rep moves. Reps read pages and get nothing.
    """
    reps = [subject for subject in subjects if subject.kind == "rep"]
    found: set[Right] = set()
    for login, role in params.people.roles.items():
        if role == "analyst":
            found.add(Right(login, "all"))
        if role == "manager":
            name = params.people.logins.get(login)
            led = [rep for rep in reps if name and rep.manager == name]
            teams = {rep.team for rep in led if rep.team is not None}
            found |= {Right(login, "team", team) for team in teams}
            found |= {Right(login, "subject", rep.id) for rep in reps if rep in led or rep.team in teams}
    return sorted(found)


_TEAM: Final = "EXISTS (SELECT 1 FROM access WHERE login = current_user AND scope = 'team' AND access.id = entries.team)"
_SUBJECT: Final = (
    "EXISTS (SELECT 1 FROM access WHERE login = current_user AND scope = 'subject' AND access.id = entries.subject)"
)
#: Own teams, and what is shared of reps who are in them now; of reps without a team also what one wrote oneself.
_MAY_READ: Final = (
    f"{SEES_ALL} OR {_TEAM} OR "
    f"(subject_kind = 'rep' AND (visibility = 'shared' OR (team IS NULL AND author = current_user)) AND {_SUBJECT})"
)
_OWN: Final = f"({_TEAM} OR (team IS NULL AND subject_kind = 'rep' AND {_SUBJECT}))"
#: In one's own name; in own teams, and there in no review that is another team's.
_MAY_WRITE: Final = (
    f"author = current_user AND ({SEES_ALL} OR ({_OWN} AND COALESCE(review_goes_on(subject_kind, subject, period, team), "
    f"CASE subject_kind WHEN 'team' THEN subject = team ELSE {_SUBJECT} END)))"
)
_POLICIES: Final = (
    ("entries", "entries_read", f"FOR SELECT USING ({_MAY_READ})"),
    ("entries", "entries_write", f"FOR INSERT WITH CHECK ({_MAY_WRITE})"),
    ("access", "access_own", "FOR SELECT USING (login = current_user)"),
    ("access", "access_kept", "FOR ALL TO {owner} USING (true) WITH CHECK (true)"),
)
_TABLES: Final = ("entries", "journal", "access")


def initialise(params: Params, subjects: Sequence[Subject]) -> list[str]:
    """Make the journal's tables in PostgreSQL and give each login what params give it, and no more.

    It runs in one transaction and may run again: rights that params do not give any more are taken back. The answer are the
    logins of managers and analysts that the database does not know, so that nothing could be given to them.
    """
    place = database.place_of(params)
    if place.file is not None:
        raise JournalError(
            "A journal in a file knows no logins.",
            where=place.shown,
            found="SQLite",
            do="Who can read the file can read the journal; for rights of each login use PostgreSQL.",
        )
    rights = rights_of(params, subjects)
    with Database(place) as opened, opened.writing() as transaction:
        transaction.run("SELECT pg_advisory_xact_lock(hashtext('reviewlib journal-init'))")
        database.create(transaction)
        if "access" not in database.tables_of(transaction):
            transaction.run(SQL["access"])
        return _secure(transaction, rights)


def _secure(transaction: Transaction, rights: Sequence[Right]) -> list[str]:
    """Set the policies up, which may run again, and what each login may see."""
    from psycopg.sql import Identifier

    query = "SELECT pg_get_userbyid(relowner), nspname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
    owner, schema = transaction.run(f"{query} WHERE pg_class.oid = 'entries'::regclass").fetchone()
    goes_on = SQL["review_goes_on"].format(schema=Identifier(schema).as_string(None))
    statements = [f"REVOKE ALL ON {', '.join(_TABLES)} FROM PUBLIC", goes_on]
    for name in ("entries", "access"):
        statements += [f"ALTER TABLE {name} {verb} ROW LEVEL SECURITY" for verb in ("ENABLE", "FORCE")]
    for name, policy, rule in _POLICIES:
        statements.append(f"DROP POLICY IF EXISTS {policy} ON {name}")
        statements.append(f"CREATE POLICY {policy} ON {name} {rule.replace('{owner}', Identifier(owner).as_string(None))}")
    for statement in statements:
        transaction.run(statement)
    given = sorted({*rights, Right(owner, "all")})
    transaction.run("DELETE FROM access")
    for right in given:
        transaction.insert("access", {"login": right.login, "scope": right.scope, "id": right.id})
    wanted = {right.login for right in rights} - {owner}
    known = set(transaction.column("SELECT rolname FROM pg_roles"))
    # Every role that was given anything on one of the tables.
    query = (
        "SELECT DISTINCT pg_get_userbyid(acl.grantee) FROM pg_class, aclexplode(relacl) AS acl "
        "WHERE pg_class.oid IN ('entries'::regclass, 'journal'::regclass, 'access'::regclass) AND acl.grantee <> 0"
    )
    for login in sorted(set(transaction.column(query)) - {owner}):
        transaction.run(f"REVOKE ALL ON {', '.join(_TABLES)} FROM {Identifier(login).as_string(None)}")
    for login in sorted(wanted & known):
        transaction.run(f"GRANT SELECT, INSERT ON entries TO {Identifier(login).as_string(None)}")
        transaction.run(f"GRANT SELECT ON journal, access TO {Identifier(login).as_string(None)}")
    return sorted(wanted - known)
