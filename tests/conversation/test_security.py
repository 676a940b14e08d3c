"""PostgreSQL itself keeps a manager's login to its own teams, whatever program it uses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import workbooks
from journals import ANNA, BEN, SUBJECTS, Desk, Server, append, desk_of, draft, subject

from reviewlib.conversation import security
from reviewlib.conversation.entries import About, Person
from reviewlib.conversation.journal import Journal, open_journal
from reviewlib.conversation.security import Right, rights_of
from reviewlib.errors import JournalError
from reviewlib.params.model import Params

ADA = Person("ada", "analyst", "Ada")
SOUTH = About("rep", "R2", "2026-Q3")
REFUSED = psycopg.errors.InsufficientPrivilege
NEW_ROW = (
    "INSERT INTO entries (id, subject_kind, subject, period, team, sequence, kind, author, author_name, role, visibility, at,"
    " payload, salt, digest, previous, hash) VALUES (%(id)s, %(subject_kind)s, %(subject)s, '2026-Q3', %(team)s, %(sequence)s,"
    " 'note', %(author)s, 'x', 'manager', 'shared', '2026-10-01T00:00:00.000000+00:00', '{}', '', '', '', '')"
)


@dataclass(frozen=True)
class Office:
    """A journal with two managers, an analyst and a rep who are logins of the server."""

    desk: Desk

    def params(self, login: str) -> Params:
        assert self.desk.server is not None
        return workbooks.changed(self.desk.params, records={"database": self.desk.server.url(self.desk.database, user=login)})

    def store(self, login: str) -> Journal:
        store = open_journal(self.params(login))
        assert store is not None
        return store

    def raw(self, login: str) -> psycopg.Connection[Any]:
        assert self.desk.server is not None
        return self.desk.server.connect(self.desk.database, user=login)


@pytest.fixture
def office(tmp_path: Path, postgres_server: Server) -> Office:
    for login in ("anna", "ben", "ada", "rita"):
        postgres_server.new_role(login)
    office = Office(desk_of("postgres", tmp_path, postgres_server))
    with office.store("anna") as anna, office.store("ben") as ben:
        append(anna, draft("Of the north"))
        append(ben, draft("Of the south", about=SOUTH, team="South", author=BEN))
    return office


def row(login: str, **changes: Any) -> dict[str, Any]:
    return {"id": "raw", "subject_kind": "rep", "subject": "R1", "team": "North", "sequence": 2, "author": login} | changes


def texts(store: Journal) -> list[str]:
    return [getattr(entry.payload, "text", "") for entry in store.entries()]


def test_rights_come_from_params_and_names(tmp_path: Path) -> None:
    """Analysts see everything, managers the teams of their reps and what is shared of those reps; reps see nothing."""
    desk = desk_of("sqlite", tmp_path, None)
    alone = subject("rep", "R9", team=None, manager=BEN.name)
    assert rights_of(desk.params, [*SUBJECTS, alone]) == [
        Right("ada", "all"),
        Right("anna", "subject", "R1"),
        Right("anna", "team", "North"),
        Right("ben", "subject", "R2"),
        Right("ben", "subject", "R9"),
        Right("ben", "team", "South"),
    ]


def test_two_logins_read_their_own_teams(office: Office) -> None:
    """Two real logins each read their own team's entries, through the store and in SQL; the analyst reads both."""
    with office.store("anna") as anna, office.store("ben") as ben, office.store("ada") as ada:
        assert texts(anna) == ["Of the north"]
        assert texts(ben) == ["Of the south"]
        assert texts(ada) == ["Of the north", "Of the south"]
        assert {entry.about.subject for entry in anna.entries()} == {"R1"}
    with office.raw("anna") as connection:
        assert connection.execute("SELECT DISTINCT team FROM entries").fetchall() == [("North",)]
        assert connection.execute("SELECT count(*) FROM entries WHERE team = 'South'").fetchone() == (0,)
        assert connection.execute("SELECT login FROM access GROUP BY login").fetchall() == [("anna",)]


def test_the_store_refuses_another_teams_review(office: Office) -> None:
    """A manager's save into another team's review is refused in words, and nothing of it stays."""
    with office.store("anna") as anna, pytest.raises(JournalError) as caught:
        append(anna, draft("Not mine", about=SOUTH, team="South"))
    assert "no right" in caught.value.what
    with office.store("ada") as ada:
        assert len(ada.entries()) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"team": "South", "subject": "R2"},
        {"team": "South"},
        {"subject": "R2"},
        {"subject": "R2", "sequence": 1, "id": "other"},
        {"subject_kind": "team", "subject": "South", "sequence": 1},
        {"team": None},
        {"subject": "R77", "sequence": 1},
        {"author": "ben"},
        {"author": "ada"},
    ],
)
def test_raw_sql_cannot_write_what_is_anothers(office: Office, changes: dict[str, Any]) -> None:
    """Plain SQL is refused another team, another team's review under one's own team's name, and another's name."""
    with office.raw("anna") as connection, pytest.raises(REFUSED):
        connection.execute(NEW_ROW, row("anna", **changes))


def test_raw_sql_can_write_what_is_ones_own(office: Office) -> None:
    """The refusals above are not for another reason: the same row in one's own review, name and team is taken."""
    with office.raw("anna") as connection:
        connection.execute(NEW_ROW, row("anna"))
        connection.execute(NEW_ROW, row("anna", id="team", subject_kind="team", subject="North", sequence=1))


@pytest.mark.parametrize("login", ["anna", "ada"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET payload = '{}'",
        "DELETE FROM entries",
        "TRUNCATE entries",
        "UPDATE journal SET version = 9",
        "INSERT INTO access VALUES ('anna', 'all', '')",
        "UPDATE access SET scope = 'all'",
        "ALTER TABLE entries DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE entries DISABLE TRIGGER ALL",
        "DROP POLICY entries_read ON entries",
        "CREATE OR REPLACE FUNCTION review_goes_on(text, text, text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    ],
)
def test_no_login_changes_what_stands(office: Office, login: str, statement: str) -> None:
    """Neither a manager nor an analyst may change or delete entries, give themselves rights, or put the rules aside."""
    with office.raw(login) as connection, pytest.raises(REFUSED):
        connection.execute(statement)


def test_a_table_of_ones_own_fools_nobody(office: Office) -> None:
    """Temporary tables named like the ones that the policies look into give no right."""
    forged = row("anna", subject="R2")
    with office.raw("anna") as connection:
        connection.execute("CREATE TEMP TABLE access (login text, scope text, id text)")
        connection.execute("INSERT INTO access VALUES ('anna', 'all', ''), ('anna', 'team', 'South')")
        connection.execute("CREATE TEMP TABLE other AS SELECT * FROM entries WHERE false")
        connection.execute("ALTER TABLE other RENAME TO entries")
        connection.execute("GRANT ALL ON pg_temp.entries TO PUBLIC")
        connection.execute(NEW_ROW.replace("INTO entries", "INTO pg_temp.entries"), forged)
        assert connection.execute("SELECT DISTINCT team FROM public.entries").fetchall() == [("North",)]
        with pytest.raises(REFUSED):
            connection.execute(NEW_ROW.replace("INTO entries", "INTO public.entries"), forged)


def test_reps_and_strangers_get_nothing(office: Office) -> None:
    """A rep's login and one that params do not know have no right to any table; the message says what to do."""
    assert office.desk.server is not None
    office.desk.server.new_role("stranger")
    for login in ("rita", "stranger"):
        with office.raw(login) as connection, pytest.raises(REFUSED):
            connection.execute("SELECT * FROM entries")
        with pytest.raises(JournalError) as caught:
            open_journal(office.params(login))
        assert "people.roles" in (caught.value.do or "")


def test_goals_carry_over_when_a_rep_moves(office: Office) -> None:
    """After a move the new manager reads what was shared before and no private note; the old one finishes the old review."""
    with office.store("anna") as anna:
        append(anna, draft("Private", kind="note", visibility="manager_only"))
    moved = [subject("rep", "R1", team="South", manager=BEN.name), subject("rep", "R3", team="North", manager=ANNA.name)]
    security.initialise(office.desk.params, [*moved, *SUBJECTS[3:]])
    with office.store("ben") as ben, office.store("anna") as anna:
        assert texts(ben) == ["Of the north", "Of the south"]
        assert texts(anna) == ["Of the north", "Private"]
        append(anna, draft("The old review's end"))
        append(ben, draft("The new review", about=About("rep", "R1", "2026-Q4"), team="South", author=BEN))
        with pytest.raises(JournalError):
            append(ben, draft("Into the old one", author=BEN))
        with pytest.raises(JournalError):
            append(ben, draft("Into the old one, as if it were his", team="South", author=BEN))


def test_a_rep_without_a_team_belongs_to_the_manager(office: Office) -> None:
    """A rep who is in no team has a review all the same: of whoever is named as the manager."""
    alone = About("rep", "R9", "2026-Q3")
    security.initialise(office.desk.params, [*SUBJECTS, subject("rep", "R9", team=None, manager=BEN.name)])
    with office.store("ben") as ben, office.store("anna") as anna:
        append(ben, draft("Mine", about=alone, team=None, author=BEN))
        append(ben, draft("Private", kind="note", about=alone, team=None, author=BEN, visibility="manager_only"))
        assert texts(ben) == ["Of the south", "Mine", "Private"]
        assert texts(anna) == ["Of the north"]
        with pytest.raises(JournalError):
            append(anna, draft("Not mine", about=alone, team=None))


def test_setting_up_again_changes_nothing(office: Office) -> None:
    """A second run gives the same rights, and what was written stays."""
    assert security.initialise(office.desk.params, SUBJECTS) == []
    with office.store("anna") as anna, office.store("ada") as ada:
        assert texts(anna) == ["Of the north"]
        assert len(ada.entries()) == 2


def test_rights_that_params_no_longer_give_are_taken_back(office: Office) -> None:
    """Who is no manager any more, or was given rights past us, reads nothing after the next run."""
    with office.raw("test") as connection:
        connection.execute("GRANT ALL ON entries, access TO rita")
    without = office.desk.params.people.model_copy(update={"roles": {"anna": "manager"}})
    security.initialise(office.desk.params.model_copy(update={"people": without}), SUBJECTS)
    for login in ("ben", "ada", "rita"):
        with office.raw(login) as connection, pytest.raises(REFUSED):
            connection.execute("SELECT * FROM entries")
    with office.store("anna") as anna:
        assert texts(anna) == ["Of the north"]


def test_logins_without_a_role_in_the_database_are_named(office: Office) -> None:
    """A login of params that the database does not know is reported, however it is written, and not created."""
    odd = 'o"dd; DROP TABLE entries; --'
    people = office.desk.params.people.model_copy(
        update={
            "roles": {"anna": "manager", "nobody-yet": "analyst", odd: "manager"},
            "logins": {"anna": ANNA.name, odd: BEN.name},
        }
    )
    params = office.desk.params.model_copy(update={"people": people})
    assert security.initialise(params, SUBJECTS) == ["nobody-yet", odd]
    assert office.desk.server is not None
    office.desk.server.new_role(odd)
    assert security.initialise(params, SUBJECTS) == ["nobody-yet"]
    with office.store(odd) as store:
        assert texts(store) == ["Of the south"]


def test_the_owner_may_be_an_ordinary_role(office: Office, tmp_path: Path) -> None:
    """Journal-init needs no superuser: the policies bind its owner too, and the owner sees everything by a right of its own."""
    server = office.desk.server
    assert server is not None
    server.new_role("keeper")
    name = server.new_database()
    with server.connect() as connection:
        connection.execute(f'GRANT CREATE ON DATABASE "{name}" TO keeper')
    with server.connect(name) as connection:
        connection.execute("GRANT CREATE ON SCHEMA public TO keeper")
    keeper = workbooks.changed(office.desk.params, records={"database": server.url(name, user="keeper")})
    assert security.initialise(keeper, SUBJECTS) == []
    assert security.initialise(keeper, SUBJECTS) == []
    anna = open_journal(workbooks.changed(keeper, records={"database": server.url(name, user="anna")}))
    own = open_journal(keeper)
    assert anna is not None
    assert own is not None
    with anna, own:
        append(anna, draft("One"))
        append(anna, draft("Two"))
        assert texts(own) == ["One", "Two"]
        with pytest.raises(JournalError):
            append(anna, draft("Not mine", about=SOUTH))
    with server.connect(name, user="keeper") as connection, pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        connection.execute("TRUNCATE entries CASCADE")


def test_a_file_knows_no_logins(tmp_path: Path) -> None:
    """Rights of logins are refused for SQLite with the reason."""
    with pytest.raises(JournalError, match="knows no logins"):
        security.initialise(desk_of("sqlite", tmp_path, None).params, SUBJECTS)
