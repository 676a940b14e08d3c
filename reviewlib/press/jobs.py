"""What a run of many notebooks is told, and what it tells: plain data, light to import."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reviewlib import files
from reviewlib.errors import ReviewError

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from reviewlib.press.warm import Warmth

#: What a notebook's JSON says that it is, and what its cells are.
_FORMAT: Final = 4
_CELLS: Final = ("code", "markdown", "raw")
#: How many characters of a failure are told.
_MOST: Final = {"source": 20_000, "error": 200, "message": 2_000}


@dataclass(frozen=True)
class Job:
    """One notebook to run.

    Args:
        key: What the caller knows the job by.
        template: The notebook to run.
        parameters: Values for the cell tagged ``parameters``, text only.
        notebook: Where the executed notebook goes; None where nobody needs it.
        page: Where the page goes.
        problem: Where the page about a failure goes.
        labels: Whatever the caller wants to find again in the outcome.
        folder: The folder the kernel works in; the template's own where None, as in JupyterLab.
    """

    key: str
    template: Path
    parameters: Mapping[str, str]
    notebook: Path | None
    page: Path
    problem: Path
    labels: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None


@dataclass(frozen=True)
class Failure:
    """Why a job failed; ``cell`` counts the cells of the template from 1, and is None where no cell is to blame."""

    cell: int | None
    source: str | None
    error: str
    message: str

    def __post_init__(self) -> None:
        """Keep what a reader has use for and every file can hold: a notebook may raise megabytes, or what is no text."""
        for name, most in _MOST.items():
            text = getattr(self, name)
            if text is not None:
                cut = text if len(text) <= most else f"{text[:most]} …"
                object.__setattr__(self, name, cut.encode("utf-8", "backslashreplace").decode())


#: What to write, by place.
Contents = Mapping[Path, str | bytes]
Render = Callable[["NotebookNode"], str]


@dataclass(frozen=True)
class Settings:
    """How jobs are done; the same on every machine.

    Args:
        timeout: Seconds that one job may take.
        render: Makes the page of an executed, cleaned notebook; a module's function, so that another process finds it.
        modes: Who may read what is written.
        warm: What the warm process loads; None for ordinary kernels.
        memory: Bytes that one kernel may take; no limit where None.
    """

    timeout: float
    render: Render
    modes: files.Modes = files.PRIVATE
    warm: Warmth | None = None
    memory: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a job; where it failed there are no files.

    Args:
        job: The job.
        failure: Why it failed.
        seconds: How long it took.
        hashes: The sha256 of each file, by where it belongs.
        staged: Where each file lies until it is moved in, by where it belongs.
    """

    job: Job
    failure: Failure | None
    seconds: float
    hashes: Mapping[Path, str] = field(default_factory=dict)
    staged: Mapping[Path, Path] = field(default_factory=dict)


def declared_in(path: Path) -> set[str]:
    """The names that the cell tagged ``parameters`` of a notebook's file declares, which is looked at without its libraries.

    Raises:
        ReviewError: It is not there, or is no notebook.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        wrong = _wrong(data)
        if not wrong:
            return declared(data["cells"])
    except FileNotFoundError:
        raise ReviewError(
            "the notebook is not there", where=str(path), do="correct the path, or restore the notebook"
        ) from None
    except (ValueError, RecursionError) as error:
        wrong = [f"{type(error).__name__}: {str(error)[:80]}"]
    raise ReviewError("this is not a notebook", where=str(path), found=", ".join(wrong[:3]), do="restore the notebook")


def _wrong(data: Any) -> list[str]:
    """Name the parts of a notebook's JSON that are not what belongs there."""
    if not isinstance(data, dict):
        return [type(data).__name__]
    sound = {
        "nbformat": data.get("nbformat") == _FORMAT,
        "nbformat_minor": isinstance(data.get("nbformat_minor"), int),
        "metadata": isinstance(data.get("metadata"), dict),
        "cells": isinstance(data.get("cells"), list),
    }
    wrong = [name for name, right in sound.items() if not right]
    cells = data["cells"] if sound["cells"] else []
    return wrong + [f"cell {number}" for number, cell in enumerate(cells, start=1) if not _is_cell(cell)]


def _is_cell(cell: Any) -> bool:
    if not isinstance(cell, dict):
        return False
    source = cell.get("source")
    return (
        cell.get("cell_type") in _CELLS
        and isinstance(cell.get("metadata"), dict)
        and isinstance(cell["metadata"].get("tags", []), list)
        and all(isinstance(line, str) for line in (source if isinstance(source, list) else [source]))
    )


def declared(cells: Iterable[Mapping[str, Any]]) -> set[str]:
    """The names that the cell tagged ``parameters`` declares; the cells are those of a notebook's JSON, or parsed."""
    tagged = [cell for cell in cells if "parameters" in cell.get("metadata", {}).get("tags", [])]
    lines = [line.split("=")[0].strip() for cell in tagged for line in "".join(cell["source"]).splitlines() if "=" in line]
    return {name for name in lines if name.isidentifier()}


def check_parameters(names: Mapping[str, object], known: set[str], *, where: str) -> None:
    """Refuse values that a notebook cannot be given.

    Args:
        names: The values by the names of the notebook's parameters.
        known: The names that it declares.
        where: Which notebook, for whom.

    Raises:
        ReviewError: One is not declared, or is no text.
    """
    for name, value in names.items():
        # Anything but text would have to be written as code, and some of it would then run.
        if name not in known or not isinstance(value, str):
            raise ReviewError(
                "this parameter cannot be passed to the notebook",
                where=where,
                found=f"{name} ({type(value).__name__})",
                do=f"pass text for {', '.join(sorted(known)) or 'nothing: no cell is tagged parameters'}",
            )
