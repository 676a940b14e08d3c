"""What a run of many notebooks is told, and what it tells: plain data, light to import."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, StrictInt, ValidationError

from reviewlib import files
from reviewlib.errors import ReviewError

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from reviewlib.press.warm import Warmth

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


class _CellMetadata(BaseModel):
    tags: list[Any] = []


class _NotebookCell(BaseModel):
    cell_type: Literal["code", "markdown", "raw"]
    metadata: _CellMetadata
    source: str | list[str]
    outputs: list[dict[str, Any]] = []
    attachments: dict[str, Any] = {}


class _NotebookFile(BaseModel):
    nbformat: Literal[4]
    nbformat_minor: StrictInt
    metadata: dict[str, Any]
    cells: list[_NotebookCell]


def declared_in(path: Path) -> set[str]:
    """The names that the cell tagged ``parameters`` of a notebook's file declares, which is looked at without its libraries.

    Raises:
        ReviewError: It is not there, or is no notebook.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        cells = _NotebookFile.model_validate(data).cells
    except FileNotFoundError:
        raise ReviewError(
            "the notebook is not there", where=str(path), do="correct the path, or restore the notebook"
        ) from None
    except ValidationError as error:
        parts = dict.fromkeys(each["loc"][:2] for each in error.errors(include_url=False))
        wrong = [f"cell {int(part[1]) + 1}" if part[1:] else str(part[0]) if part else type(data).__name__ for part in parts]
    except (ValueError, RecursionError) as error:
        wrong = [f"{type(error).__name__}: {str(error)[:80]}"]
    else:
        tagged = ["".join(cell.source) for cell in cells if "parameters" in cell.metadata.tags]
        names = [line.split("=")[0].strip() for source in tagged for line in source.splitlines() if "=" in line]
        return {name for name in names if name.isidentifier()}
    raise ReviewError("this is not a notebook", where=str(path), found=", ".join(wrong[:3]), do="restore the notebook")


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
