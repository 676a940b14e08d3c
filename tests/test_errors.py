"""How errors read, travel and are drawn."""

from __future__ import annotations

import pickle
import re

import pytest

from reviewlib import errors
from reviewlib.errors import BusyError, ParamsError, ReviewError


def tree(kind: type[Exception]) -> set[str]:
    return {kind.__name__, *(name for child in kind.__subclasses__() for name in tree(child))}


def subclasses(kind: type[ReviewError]) -> list[type[ReviewError]]:
    return [kind, *(deeper for child in kind.__subclasses__() for deeper in subclasses(child))]


def test_message_says_what_where_found_and_to_do() -> None:
    """A message has a line for each thing that is known."""
    error = ReviewError("The file is empty.", where="deals.csv", found="no header", do="Export again.")
    assert str(error) == "The file is empty.\n  where: deals.csv\n  found: no header\n  to do: Export again."


def test_unknown_parts_leave_no_line() -> None:
    """What is not known is left out, not printed as None."""
    assert str(ReviewError("Something is wrong.", do="Mend it.")) == "Something is wrong.\n  to do: Mend it."
    assert str(ReviewError("Something is wrong.")) == "Something is wrong."


@pytest.mark.parametrize("kind", subclasses(ReviewError))
def test_errors_survive_pickling(kind: type[ReviewError]) -> None:
    """An error that crosses processes keeps its class and all its parts."""
    error = kind("What.", where="where", found="found", do="do")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert (str(again), again.what, again.where, again.found, again.do) == (str(error), "What.", "where", "found", "do")


def test_exit_codes() -> None:
    """Bad input ends with 2, a period that another run holds with 3."""
    assert {kind.exit_code for kind in subclasses(ReviewError) if kind is not BusyError} == {2}
    assert BusyError.exit_code == 3
    assert ParamsError("x").exit_code == 2


def test_drawn_tree_is_the_tree_of_classes() -> None:
    """The tree at the top of the module names every error class, and no other."""
    drawn = set(re.findall(r"^    [├└│─ ]*(\w+Error)\b", errors.__doc__ or "", flags=re.MULTILINE))
    assert drawn == {name for name in tree(ReviewError) if hasattr(errors, name)}
    assert drawn == {name for name in vars(errors) if name.endswith("Error")}
