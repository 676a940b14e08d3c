"""The house keeps its floors: imports run downward, public names are what ``__all__`` says."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import reviewlib

PACKAGE = Path(reviewlib.__file__).parent
#: Ground first; a module imports only from floors before its own, or from its own floor.
FLOORS = (
    (
        "errors",
        "periods",
        "files",
        "params_rules",
        "params_crm",
        "params_people",
        "params",
        "params_words",
        "params_file",
        "params_reference",
    ),
    ("evidence",),
    ("conversation",),
    ("review",),
    ("press",),
    ("pages",),
    (
        "starter",
        "demo_talk",
        "locks",
        "manifest",
        "standing",
        "freezing",
        "origins",
        "sealed",
        "overview",
        "publishing",
        "places",
        "beside",
        "annotated",
        "leftovers",
        "runs",
        "handout",
        "conduct",
        "verifying",
        "terminal",
        "cli_options",
        "showing",
        "cli_talk",
        "cli",
        "__main__",
    ),
)
#: What the press may know of the rest.
PRESS_KNOWS = {"errors", "files"}
#: Inside the wing of evidence, from the bottom up.
EVIDENCE = (
    "comparison",
    "tables",
    "casts",
    "spreadsheets",
    "readers",
    "intake",
    "sources",
    "quality",
    "figures",
    "facts",
    "kpis",
    "selection",
    "evaluation",
    "intervals",
    "roster",
    "targets",
    "measures",
    "peers",
    "verdicts",
    "change",
    "availability",
    "scorecard",
    "achievements",
    "insights",
    "dossier",
    "plain",
    "spreadsheet",
    "listing",
    "disclosure",
    "slices",
    "slicefile",
    "subjects",
    "freezer",
    "snapshot",
)

#: Inside the wing of conversation, from the bottom up.
CONVERSATION = (
    "kinds",
    "senders",
    "entries",
    "chain",
    "remembered",
    "table",
    "database",
    "security",
    "people",
    "process",
    "minutes",
    "scene",
    "references",
    "rights",
    "wording",
    "admission",
    "store",
    "upkeep",
    "copies",
    "guard",
    "filling",
    "repeated",
    "records",
    "cadence",
    "calendar",
    "track",
    "reckoning",
    "progress",
    "lookback",
    "goals",
    "goalrows",
    "goalfile",
    "plans",
    "marks",
    "forms_text",
    "mails",
    "surroundings",
    "responses",
    "wishes",
    "importing",
    "keeping",
)
WINGS = {"evidence": EVIDENCE, "conversation": CONVERSATION}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "templates" not in path.parts)


def name_of(path: Path) -> tuple[str, ...]:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def imports_of(path: Path) -> set[tuple[str, ...]]:
    """Everything of ours that a module imports when it runs, also inside functions; not what only type checkers see."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found: set[tuple[str, ...]] = set()
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "reviewlib":
            base = tuple((node.module or "").split(".")[1:])
            found |= {(*base, alias.name) if is_module((*base, alias.name)) else base for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {tuple(a.name.split(".")[1:]) for a in node.names if a.name.startswith("reviewlib.")}
    return found


def is_module(parts: tuple[str, ...]) -> bool:
    path = PACKAGE.joinpath(*parts)
    return path.with_suffix(".py").is_file() or path.is_dir()


def floor(name: tuple[str, ...]) -> int:
    return next(level for level, rooms in enumerate(FLOORS) if name[0] in rooms)


@pytest.mark.parametrize("path", modules(), ids=lambda path: "/".join(path.relative_to(PACKAGE).parts))
def test_imports_run_downward(path: Path) -> None:
    """No module imports from a floor above its own."""
    name = name_of(path)
    if not name:
        return
    above = {".".join(other) for other in imports_of(path) if other and floor(other) > floor(name)}
    assert not above


def test_the_press_knows_nothing_of_sales() -> None:
    """The press imports nothing of ours but errors and files."""
    known = {other[0] for path in modules() if name_of(path)[:1] == ("press",) for other in imports_of(path)}
    assert known <= PRESS_KNOWS | {"press"}


@pytest.mark.parametrize("wing", WINGS)
def test_a_wing_is_ordered(wing: str) -> None:
    """Inside a wing a module imports only what stands below it."""
    order = {name: place for place, name in enumerate(WINGS[wing])}
    for name, place in order.items():
        own = {other[1] for other in imports_of(PACKAGE / wing / f"{name}.py") if other[:1] == (wing,) and len(other) > 1}
        assert {other for other in own if order[other] >= place} == set(), name


def test_every_module_of_a_wing_is_placed() -> None:
    """A new module stands in its wing's order, or beside it as one of the starting aids."""
    aids = {"proposal", "mapping", "neighbours", "sniffing"}
    for wing, order in WINGS.items():
        names = {path.stem for path in (PACKAGE / wing).glob("*.py")} - {"__init__"}
        assert {name for name in names if not name.startswith("sample")} - aids == set(order)


def test_the_conversation_knows_little_of_the_evidence() -> None:
    """People's words take names, slices and how figures are compared from the evidence, and nothing that reads the CRM."""
    files = (PACKAGE / "conversation").glob("*.py")
    known = {".".join(other) for path in files for other in imports_of(path) if other[:1] == ("evidence",)}
    assert known <= {"evidence.comparison", "evidence.slicefile", "evidence.subjects"}


def test_public_names_are_those_of_all() -> None:
    """``__all__`` is sorted, every name loads, and nothing else is offered."""
    assert reviewlib.__all__ == sorted(reviewlib.__all__)
    assert all(getattr(reviewlib, name) is not None for name in reviewlib.__all__)
    assert dir(reviewlib) == reviewlib.__all__


def test_help_loads_no_heavy_library() -> None:
    """``reviewlib --help`` answers without pandas, Ibis, Jupyter or matplotlib."""
    code = "import sys; from reviewlib import cli; print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert not loaded & {"pandas", "ibis", "duckdb", "matplotlib", "papermill", "nbconvert", "pyarrow"}
