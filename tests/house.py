"""The house in numbers: its rooms and what they know of each other, and the sizes. ``python tests/house.py`` prints them."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import tomllib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from reviewlib.params.kpis import KPIS

ROOT = Path(__file__).parents[1] / "reviewlib"
Arrow = tuple[str, str]
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_NO_CODE = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER
}  # fmt: skip
#: What is spelled like a KPI's key and is none, by module.
NO_KPI = {
    "reviewlib.params.sql": {"opened_won", "opened_closed", "won_back", "revenue", "base_revenue"},  # columns of facts
    "reviewlib.evidence.listing": {"revenue", "base_revenue"},  # some of them
    "reviewlib.evidence.quality": {"refunds", "won_without_amount"},  # what is odd about a deal
    "reviewlib.evidence.scorecard": {"attainment"},  # a column of the scorecard, as in the next three
    "reviewlib.evidence.slices": {"attainment", "revenue"},  # and the amount of deals that are nobody's
    "reviewlib.evidence.tables": {"attainment"},
    "reviewlib.pages.sentences": {"attainment"},
    "reviewlib.evidence.slicefile": {"revenue", "base_revenue"},  # columns of accounts, as in the next one
    "reviewlib.pages.provenance": {"revenue", "base_revenue"},
    "reviewlib.evidence.snapshot_files": {"revenue"},  # the control total of a snapshot
}


@dataclass(frozen=True)
class Module:
    """One file of the package; ``name`` as it is imported."""

    name: str
    text: str

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Everything in its syntax tree."""
        return list(ast.walk(ast.parse(self.text)))

    @property
    def room(self) -> str:
        """The direct child of the package that it is in; the package's own file is the room ``__init__``."""
        return room_of(self.name)

    @property
    def lines(self) -> int:
        """Lines of any kind."""
        return self.text.count("\n")

    @cached_property
    def code(self) -> int:
        """Lines that hold something other than comments and docstrings."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        held = {line for token in tokens if token.type not in _NO_CODE for line in range(token.start[0], token.end[0] + 1)}
        return len(held - set(self._docstring_lines()))

    def _docstring_lines(self) -> Iterator[int]:
        for node in self.nodes:
            if isinstance(node, ast.Module | ast.ClassDef | FunctionNode) and ast.get_docstring(node) is not None:
                yield from range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)

    def imports(self, names: Collection[str]) -> Iterator[str]:
        """What it imports of the package, wherever the import stands: a module where there is one of the name."""
        for node in self.nodes:
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                inner = [f"{node.module}.{alias.name}" for alias in node.names]
                found = [name if name in names else node.module for name in inner]
            else:
                continue
            yield from (name for name in found if name.startswith("reviewlib."))

    def named(self, keys: Collection[str]) -> set[str]:
        """The keys that stand in its strings, as a whole text or as a {cell} of a sentence; docstrings may name any."""
        said = set(self._docstring_lines())
        texts = [node.value for node in self.nodes if isinstance(node, ast.Constant) and node.lineno not in said]
        words = [word for text in texts if isinstance(text, str) for word in (text, *re.findall(r"\{(\w+)[}.@|]", text))]
        return {word for word in words if word in keys}

    @property
    def classes(self) -> list[str]:
        """The names of its classes; a leading underscore makes no other name."""
        return [node.name.lstrip("_") for node in self.nodes if isinstance(node, ast.ClassDef)]

    @property
    def public(self) -> list[bool]:
        """Of each class and function with a public name, whether it has a docstring."""
        named = [node for node in self.nodes if isinstance(node, ast.ClassDef | FunctionNode) and node.name[0] != "_"]
        return [ast.get_docstring(node) is not None for node in named]

    @property
    def tiny_helpers(self) -> list[str]:
        """Private functions without a decorator, of at most three lines, that are named once in the module: by a call."""
        named = Counter(filter(None, map(_name, self.nodes)))
        called = Counter(_name(node.func) for node in self.nodes if isinstance(node, ast.Call))
        return [
            node.name
            for node in self.nodes
            if isinstance(node, FunctionNode) and node.name.startswith("_") and not node.name.startswith("__")
            if not node.decorator_list and 0 < _body_lines(node) <= 3 and named[node.name] == called[node.name] == 1
        ]


def _name(node: ast.AST) -> str | None:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None


def _body_lines(node: FunctionNode) -> int:
    body = node.body if ast.get_docstring(node) is None else node.body[1:]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def room_of(name: str) -> str:
    """The room of a module."""
    return [*name.split("."), "__init__"][1]


def modules() -> list[Module]:
    """All modules of the package."""
    paths = {path: path.relative_to(ROOT.parent).with_suffix("").parts for path in sorted(ROOT.rglob("*.py"))}
    return [
        Module(".".join(parts[:-1] if parts[-1] == "__init__" else parts), path.read_text(encoding="utf-8"))
        for path, parts in paths.items()
    ]


def longest(arrows: Collection[Arrow]) -> int:
    """How many stand on the longest chain of arrows, none of them twice."""
    below = _below(arrows)

    def height(one: str, above: tuple[str, ...] = ()) -> int:
        return 1 + max((height(other, (*above, one)) for other in below.get(one, ()) if other not in (*above, one)), default=0)

    return max(map(height, below), default=1)


def circles(arrows: Collection[Arrow]) -> list[set[str]]:
    """Sets whose members all lead to each other."""
    below = _below(arrows)
    reached: dict[str, set[str]] = {}
    for one in below:
        ahead, reached[one] = [one], set()
        while ahead:
            new = below.get(ahead.pop(), set()) - reached[one]
            reached[one] |= new
            ahead += new
    found = {frozenset(other for other in ahead if one in reached.get(other, ())) for one, ahead in reached.items()}
    return [set(circle) for circle in found if len(circle) > 1]


def _below(arrows: Collection[Arrow]) -> Mapping[str, set[str]]:
    below: dict[str, set[str]] = {}
    for one, other in arrows:
        below.setdefault(one, set()).add(other)
    return below


def floors() -> list[list[str]]:
    """The rooms of each floor, the ground first, from the contract that import-linter checks."""
    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    return [re.split(r"\s*\|\s*", layer) for layer in reversed(layers)]


def upward(arrows: Collection[Arrow]) -> list[Arrow]:
    """Arrows to a room on a floor above, as the contract in ``pyproject.toml`` lists them; ``__init__`` stands on top."""
    level = {room: floor for floor, rooms in enumerate((*floors(), ["__init__"])) for room in rooms}
    return sorted(arrow for arrow in arrows if level[arrow[1]] > level[arrow[0]])


def measured() -> dict[str, int]:
    """Every number that has a ceiling."""
    house = modules()
    names = {module.name for module in house}
    edges = {(module.name, other) for module in house for other in module.imports(names) if other != module.name}
    arrows = {(room_of(one), room_of(other)) for one, other in edges if room_of(one) != room_of(other)}
    rooms = {module.room for module in house}
    inside = [longest({edge for edge in edges if {*map(room_of, edge)} == {room}}) for room in rooms]
    classes = Counter(name for module in house for name in module.classes)
    public = [documented for module in house for documented in module.public]
    return {
        "modules in the root": len(list(ROOT.glob("*.py"))),
        "rooms": len(rooms),
        "floors": longest(arrows),
        "arrows between rooms": len(arrows),
        "arrows upward": len(upward(arrows)),
        "floors inside a room": max(inside),
        "circles of modules": len(circles(edges)),
        "lines of the largest file": max(module.lines for module in house),
        "class names used twice": sum(count > 1 for count in classes.values()),
        "tiny helpers": sum(len(module.tiny_helpers) for module in house),
        "modules that name KPIs": sum(bool(module.named(KPIS) - NO_KPI.get(module.name, set())) for module in house),
        "lines of code": sum(module.code for module in house),
        "public names without a docstring": public.count(False),
    }


def table() -> Iterator[str]:
    """The numbers, and of each room its modules and lines of code, the largest room first."""
    yield from (f"{number:>6}  {name}" for name, number in measured().items())
    code, count = Counter[str](), Counter[str]()
    for module in modules():
        code[module.room] += module.code
        count[module.room] += 1
    yield f"\n{'room':<20}{'modules':>8}{'code':>8}"
    yield from (f"{room:<20}{count[room]:>8}{lines:>8}" for room, lines in code.most_common())


if __name__ == "__main__":
    print("\n".join(table()))
