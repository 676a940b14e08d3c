"""Row-level security in PostgreSQL: a manager's login reads and writes its own teams, whatever program it uses.

A table ``access`` says what each login may see; policies hold every row of the journal against it. What stands in it comes from
params and the frozen names; only ``reviewlib journal-init`` changes it. The login that runs that owns the tables and sees all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from reviewlib.conversation import database
from reviewlib.conversation.database import SQL, Database, Transaction
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

    def run(name: str, **names: str) -> None:
        """Run it with names of the database's own in it, quoted."""
        transaction.run(SQL[name].format_map({key: Identifier(each).as_string(None) for key, each in names.items()}))

    owner, schema = transaction.run(SQL["owner"]).fetchone()
    run("review_goes_on", schema=schema)
    run("policies", owner=owner)
    transaction.run("DELETE FROM access")
    for right in sorted({*rights, Right(owner, "all")}):
        transaction.insert("access", vars(right))
    wanted = {right.login for right in rights} - {owner}
    known = set(transaction.column("SELECT rolname FROM pg_roles"))
    for login in sorted(set(transaction.column(SQL["holders"])) - {owner}):
        run("take", login=login)
    for login in sorted(wanted & known):
        run("give", login=login)
    return sorted(wanted - known)
