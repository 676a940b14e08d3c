"""``environment.yml`` gives conda users what ``pyproject.toml`` asks for, package by package."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent
#: Where conda-forge calls a package otherwise.
CONDA = {
    "duckdb": "python-duckdb",
    "ibis-framework": "ibis-duckdb",
    "jupyter-client": "jupyter_client",
    "jupyter-server": "jupyter_server",
    "matplotlib": "matplotlib-base",
    "ruamel-yaml": "ruamel.yaml",
    "tzdata": "python-tzdata",
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIREMENTS = [Requirement(text) for text in PROJECT["dependencies"]]


def environment() -> tuple[dict[str, str], list[str]]:
    """Read the environment: conda package to version, and what pip installs."""
    data = YAML(typ="safe").load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    plain = [entry for entry in data["dependencies"] if isinstance(entry, str) and "=" in entry]
    pip = [line for entry in data["dependencies"] if isinstance(entry, dict) for line in entry["pip"]]
    return dict(entry.split("=", 1) for entry in plain), pip


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_every_dependency_is_there_in_a_version_that_serves(requirement: Requirement) -> None:
    """Each dependency of the project is in the environment, within its bounds."""
    versions, _ = environment()
    assert requirement.specifier.contains(versions[CONDA.get(requirement.name, requirement.name)])


def test_nothing_else_is_there() -> None:
    """The environment holds no package that the project does not ask for."""
    versions, pip = environment()
    assert set(versions) == {"python"} | {CONDA.get(item.name, item.name) for item in REQUIREMENTS}
    assert pip == ["-e ."]


def test_python_is_one_that_the_project_supports() -> None:
    """The environment's Python satisfies ``requires-python``."""
    versions, _ = environment()
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(versions["python"])
