"""Who is at the keyboard: the login, and what params say of it."""

import getpass
import json
import os
import re
from dataclasses import replace
from typing import Final

from reviewlib.conversation.entries import Person
from reviewlib.errors import NotAllowedError
from reviewlib.evidence.subjects import Subject
from reviewlib.params.model import Params

#: The login where the system cannot tell; params give it no role.
NOBODY: Final = "nobody"


def at_keyboard(params: Params) -> Person:
    """Tell who is at the keyboard.

    On JupyterHub it is who logged in there: ``acting_as`` is for a single user and makes nobody somebody else on a hub.
    Elsewhere it is ``acting_as``, or the login of the operating system.
    """
    return person_of(params, os.environ.get("JUPYTERHUB_USER") or params.people.acting_as or system_login())


def person_of(params: Params, login: str) -> Person:
    """Look a login up in params."""
    people = params.people
    role = people.roles.get(login)
    said = people.logins.get(login)
    return Person(login, role, said or login, rep_id=said if role == "rep" else None)


def known_as(person: Person, subject: Subject) -> Person:
    """Give a rep the name that the reps table has, where the review is the rep's own."""
    own = subject.kind == "rep" and person.rep_id == subject.id
    return replace(person, name=subject.name) if own else person


def leads(person: Person, subject: Subject) -> bool:
    """Whether the person is the subject's manager; a team whose reps have several managers has all of them."""
    return person.role == "manager" and person.name in subject.led_by


def may_not(person: Person, what: str, *, params: Params, do: str) -> NotAllowedError:
    """Make the error that says what the role that params give somebody does not let them do."""
    found = f"{person.login} is {person.role}"
    return NotAllowedError(f"{person.name} may not {what}.", where=f"{params.path.name}, people", found=found, do=do)


def lines_for(login: str) -> str:
    """The lines of params that give a login a role."""
    key = login if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.@-]*", login) else json.dumps(login)
    lines = (
        "people:",
        f"  roles: {{{key}: manager}}  # or analyst, or rep",
        f"  logins: {{{key}: NAME}}  # the manager's name as in the reps table, or the rep's id",
    )
    return "\n".join(f"    {line}" for line in lines)


def system_login() -> str:
    """The login of the operating system; ``NOBODY`` where it has none, as for a user id without a name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user, or no such notion
        return NOBODY
