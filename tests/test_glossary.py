"""The glossary keeps its word: every name in it is defined in the file that it says."""

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
def defined(file: str) -> list[str]:
    """The module in a file, and its classes, functions and constants."""
    place = file.removesuffix(".py").replace("/", ".")
    (tree,) = [ast.parse(module.text) for module in house.modules() if module.name == f"reviewlib.{place}"]
    names = [place.rsplit(".", 1)[-1]]
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        names += [target.id for target in targets if isinstance(target, ast.Name)]
        names += [node.name] if isinstance(node, ast.ClassDef | ast.FunctionDef) else []
    return names


def test_it_holds_the_terms() -> None:
    """Forty terms at least, none of them twice."""
    assert len(ROWS) == len({term for term, _ in ROWS}) >= 40


@pytest.mark.parametrize(("term", "where"), ROWS, ids=[term for term, _ in ROWS])
def test_a_term_is_where_it_says(term: str, where: str) -> None:
    """Its class or module stands in the file that is named."""
    names = re.findall(r"`([A-Za-z_]\w*)[^`]*`(?= \(|$)", where)
    (file,) = re.findall(r"\(`([\w/]+\.py)`\)", where)
    assert names, term
    for name in names:
        assert name in defined(file), f"{term}: there is no {name} in {file}"
