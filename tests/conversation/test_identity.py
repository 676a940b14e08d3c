"""Tests of reviewlib.conversation.identity: who is at the keyboard."""

from __future__ import annotations

import getpass
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from records_fixture import PEOPLE, talking

from reviewlib.conversation.identity import at_keyboard, known_as, leads, lines_for, person_of
from reviewlib.evidence.subjects import Subject, subjects_of
from reviewlib.params.model import Params


@pytest.fixture
def params(tmp_path: Path) -> Params:
    return talking(tmp_path)


def subject(params: Params, id: str) -> Subject:
    everyone = subjects_of(params.reports / "snapshots" / "of-2026-Q3")
    return next(one for one in everyone if one.id == id)


@pytest.mark.parametrize(
    ("hub", "acting_as", "expected"),
    [
        (None, None, "os-login"),
        (None, "dan", "dan"),
        ("lucia", None, "lucia"),
        ("lucia", "dan", "lucia"),
        ("stranger", "dan", "stranger"),
        ("", "dan", "dan"),
    ],
)
def test_who_is_at_the_keyboard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: str | None, acting_as: str | None, expected: str
) -> None:
    """The hub's login comes before acting_as, so that nobody on a hub becomes somebody else; then the system's login."""
    monkeypatch.setattr(getpass, "getuser", lambda: "os-login")
    monkeypatch.delenv("JUPYTERHUB_USER", raising=False)
    if hub is not None:
        monkeypatch.setenv("JUPYTERHUB_USER", hub)
    assert at_keyboard(talking(tmp_path, people=PEOPLE | {"acting_as": acting_as})).login == expected


def test_a_system_without_a_login_gives_nobody_a_role(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system cannot tell, there is a person without a role, and no traceback."""

    def nobody() -> str:
        raise OSError

    monkeypatch.setattr(getpass, "getuser", nobody)
    monkeypatch.delenv("JUPYTERHUB_USER", raising=False)
    person = at_keyboard(params)
    assert (person.login, person.role) == ("nobody", None)


@pytest.mark.parametrize(
    ("login", "role", "name", "rep_id"),
    [
        ("dan", "manager", "Daniel Brandt", None),
        ("ella", "rep", "R-1", "R-1"),
        ("ana", "analyst", "ana", None),
        ("zoe", None, "zoe", None),
    ],
)
def test_what_params_say_of_a_login(params: Params, login: str, role: str | None, name: str, rep_id: str | None) -> None:
    """Managers go by their name, reps by their id, analysts by their login; an unknown login has no role."""
    person = person_of(params, login)
    assert (person.role, person.name, person.rep_id) == (role, name, rep_id)


def test_a_rep_has_their_name_in_their_own_review_only(params: Params) -> None:
    """The reps table's name is used where the review is the rep's own."""
    ella = person_of(params, "ella")
    assert known_as(ella, subject(params, "R-1")).name == "Ella Byrne"
    assert known_as(ella, subject(params, "R-2")).name == "R-1"
    assert known_as(replace(ella, rep_id="North"), subject(params, "North")).name == "R-1"


@pytest.mark.parametrize(
    ("kind", "managers", "expected"),
    [
        ("rep", ("Daniel Brandt",), True),
        ("rep", ("Lucía Ferrer",), False),
        ("rep", (), False),
        ("rep", ("Brandt, Daniel Brandt",), False),
        ("team", ("Ada Noor", "Daniel Brandt", "Lucía Ferrer"), True),
        ("team", ("Jean-Daniel Brandt", "Lucía Ferrer"), False),
        ("team", ("Daniel Brandtner",), False),
        ("team", (), False),
    ],
)
def test_whose_manager_somebody_is(params: Params, kind: str, managers: tuple[str, ...], expected: bool) -> None:
    """A rep has one manager; a team may have several, and a part of a name is nobody, also where names hold commas."""
    names = managers if kind == "team" else ()
    asked = replace(subject(params, "R-1"), kind=kind, manager=", ".join(managers) or None, managers=names)
    assert leads(person_of(params, "dan"), asked) is expected


@pytest.mark.parametrize("login", ["ana", "ella", "zoe"])
def test_only_managers_lead(params: Params, login: str) -> None:
    """A login of another role that happens to carry the manager's name leads nobody."""
    named = replace(person_of(params, login), name="Daniel Brandt")
    assert not leads(named, subject(params, "R-1"))


@pytest.mark.parametrize("login", ["zoe", "first.last@firm.example", "DOMAIN\\zoe", "no: yes", "42"])
def test_the_lines_to_add_are_valid_params(login: str) -> None:
    """What is shown to somebody without a role can be put into params as it stands."""
    from ruamel.yaml import YAML

    data: Any = YAML(typ="safe").load(lines_for(login))
    assert data["people"]["roles"] == {login: "manager"}
    assert list(data["people"]["logins"]) == [login]
