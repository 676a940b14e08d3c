"""What a run of many notebooks is told, and what it tells: plain data, light to import."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from reviewlib import files

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from reviewlib.press.kernels import Warmth


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
class Made:
    """What a worker made of a job.

    Args:
        staged: Where each file lies now, by where it belongs; empty where the job failed.
        hashes: The sha256 of each of them, by where it belongs.
        failure: Why there are none.
        seconds: How long it took.
    """

    staged: Mapping[Path, Path]
    hashes: Mapping[Path, str]
    failure: Failure | None
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What became of a job; nothing was moved in where it failed. ``hashes``: the sha256 of what was, by place."""

    job: Job
    failure: Failure | None
    seconds: float
    hashes: Mapping[Path, str] = field(default_factory=dict)
