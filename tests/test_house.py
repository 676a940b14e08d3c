"""The house does not grow unnoticed: its numbers have ceilings. A commit that earns a lower one sets it lower."""

from __future__ import annotations

from functools import cache

import house
import pytest

from reviewlib.params.kpis import KPIS

#: The number that each measure may reach, and what to do where it is more.
CEILINGS = {
    "modules in the root": (6, "Put the module into the package that its subject belongs to."),
    "rooms": (14, "Put the module into the package that its subject belongs to."),
    "floors": (10, "Let a room that stands high know one that stands low, not the next one below."),
    "arrows between rooms": (59, "Take what is needed from a room that this one knows already."),
    "arrows upward": (0, "Move what is needed down, or hand it over as an argument."),
    "floors inside a room": (10, "Let a module that stands high know one that stands low, not the next one below."),
    "circles of modules": (0, "Move what both need into one below them; an import in a function counts too."),
    "lines of the largest file": (450, "Split it by subject."),
    "class names used twice": (0, "Give the new class a name of its own, or use the one that is there."),
    "tiny helpers": (5, "Write it where it is called."),
    "modules that name KPIs": (3, "Let the record in params/kpis.py say it, and ask the record."),
    "lines of code": (21_653, "Take something out, or let a library do it."),
    "public names without a docstring": (34, "Say what it is in one line, or make it private."),
}
#: A package that shows each thing that is measured, by the names of its modules.
EXAMPLE = {
    "reviewlib": '"""Doc."""\nfrom reviewlib.cli import go\n',
    "reviewlib.cli": "import reviewlib.errors\n\n# Why.\ndef go():\n    from reviewlib.press import work\n    return work\n",
    "reviewlib.errors": 'class Row:\n    """Doc.\n\n    More.\n    """\n',
    "reviewlib.press": '"""The \'revenue\'."""\nSAID = "it was {revenue.target}"\n',
    "reviewlib.press.work": "from reviewlib.press import jobs\nclass _Row:\n    pass\n",
    "reviewlib.press.jobs": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from reviewlib.press.work import x\n"
        "def _once():\n    '''Doc.'''\n    a = 1\n    b = 2\n    return a + b\n"
        "def _twice():\n    return 1\ndef _kept():\n    return 1\n@x\ndef _marked():\n    return 1\n"
        "def _long():\n    a = 1\n    b = 2\n    c = 3\n    return 4\n"
        "Job = _once() + _twice() + _twice() + _marked() + _long()\nhandler = _kept\n"
    ),
}


@cache
def numbers() -> dict[str, int]:
    return house.measured()


@pytest.mark.parametrize("name", CEILINGS)
def test_the_house_keeps_its_ceilings(name: str) -> None:
    """No number is above its ceiling."""
    ceiling, advice = CEILINGS[name]
    assert numbers()[name] <= ceiling, f"{numbers()[name]:,} {name}, and the ceiling is {ceiling:,}. {advice}"


def test_every_number_has_a_ceiling() -> None:
    """Whatever is measured is held against a ceiling."""
    assert numbers().keys() == CEILINGS.keys()


def test_what_is_spelled_like_a_kpi_is_still_there() -> None:
    """Each exception from the number of modules that name KPIs is one that the module needs."""
    spelled = {module.name: module.named(KPIS) for module in house.modules()}
    assert {name: words - spelled[name] for name, words in house.NO_KPI.items() if words - spelled[name]} == {}


def test_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers of a small package are those that one counts by hand."""
    monkeypatch.setattr(house, "modules", lambda: [house.Module(name, text) for name, text in EXAMPLE.items()])
    assert {name: number for name, number in house.measured().items() if name != "modules in the root"} == {
        "rooms": 4,  # __init__, cli, errors, press
        "floors": 3,  # __init__ on cli on errors
        "arrows between rooms": 3,
        "arrows upward": 0,
        "floors inside a room": 2,
        "circles of modules": 1,  # work and jobs, the latter for type checkers only
        "lines of the largest file": 22,
        "class names used twice": 1,  # Row and _Row
        "tiny helpers": 1,  # _once
        "modules that name KPIs": 1,  # press, in a sentence
        "lines of code": 31,
        "public names without a docstring": 1,  # go
    }
    assert house.upward({("press", "cli"), ("cli", "press"), ("cli", "__init__")}) == [("cli", "__init__"), ("press", "cli")]
