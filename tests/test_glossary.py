"""The glossary keeps its word: every name in it is defined once, in the room that it says."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import house
import pytest

GLOSSARY = Path(__file__).parents[1] / "GLOSSARY.md"
ROWS = re.findall(r"^\| ([^|]+) \| [^|]+ \| (.+) \|$", GLOSSARY.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]


@cache
def defined(room: str) -> list[str]:
    """The classes, functions, constants and modules of a room."""
    names: list[str] = []
    for module in house.modules():
        _, _, place = module.name.partition(".")
        if place == room or place.startswith(f"{room}."):
            names.append(place.rsplit(".", 1)[-1])
            for node in ast.parse(module.text).body:
                targets = (
                    node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
                )
                names += [target.id for target in targets if isinstance(target, ast.Name)]
                names += [node.name] if isinstance(node, ast.ClassDef | ast.FunctionDef) else []
    return names


def test_it_holds_the_terms() -> None:
    """Forty terms at least, none of them twice."""
    assert len(ROWS) == len({term for term, _ in ROWS}) >= 40


@pytest.mark.parametrize(("term", "where"), ROWS, ids=[term for term, _ in ROWS])
def test_a_term_is_where_it_says(term: str, where: str) -> None:
    """Its class or module stands in the room that is named, and only once."""
    names = re.findall(r"`([A-Za-z_]\w*)[^`]*`(?= \(|$)", where)
    (room,) = re.findall(r"\(`(\w[\w/]*?)/?`\)", where)
    assert names, term
    for name in names:
        assert name in defined(room.replace("/", ".")), f"{term}: there is no {name} in {room}"
