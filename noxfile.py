"""The verbs that check the project, here and on the build machine: ``nox`` for what every commit keeps, ``nox -l`` for all.

They run in the environment that nox is installed in: ``pip install -e ".[test]"`` brings all they need.
"""

from __future__ import annotations

import os

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "house", "tests"]


@nox.session
def lint(session: nox.Session) -> None:
    """Layout and habits of the code."""
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Every annotation, strictly."""
    session.run("mypy")


@nox.session
def house(session: nox.Session) -> None:
    """Who imports whom, and how large things are."""
    session.run("pytest", "-n0", "-q", "tests/test_architecture.py", "tests/test_house.py")


@nox.session
def unit(session: nox.Session) -> None:
    """One module at a time: no process, no server, no run."""
    session.run("pytest", "-m", "unit", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """All that a bare machine can run."""
    session.run("pytest", *session.posargs)


@nox.session
def whole(session: nox.Session) -> None:
    """What needs a browser, PostgreSQL, Dask, or whole runs."""
    # One worker more than there are cores: much of this waits for servers.
    session.run("pytest", "-m", "whole", "-n", str((os.cpu_count() or 1) + 1), *session.posargs)


@nox.session
def spark(session: nox.Session) -> None:
    """What needs Spark: the extra ``[spark]`` and a Java runtime."""
    session.run("pytest", "-m", "spark", "-n0", *session.posargs)


@nox.session
def walks(session: nox.Session) -> None:
    """The default tests in a copy of the project that has one KPI more."""
    session.run("python", "tests/walks.py", *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """Full disks, killed processes, broken workers."""
    session.run("pytest", "-m", "faults", *session.posargs)
