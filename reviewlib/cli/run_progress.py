"""A run as it is seen: a bar on a terminal, plain lines elsewhere, the manifest's rows for machines."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO, cast

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from reviewlib.files import shown
from reviewlib.params.words import counted
from reviewlib.run.runs import Watch

if TYPE_CHECKING:
    from reviewlib.run.manifest import ManifestRow
    from reviewlib.run.runs import Result


class ReaderGoneError(Exception):
    """Whoever read the output reads no more of it."""


class _Courteous:
    """Standard error; where it cannot be written to any more, a run goes on in silence: what it makes is what counts."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, or be silent."""
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or be silent."""
        with contextlib.suppress(OSError):
            self._stream.flush()


class _Rate(ProgressColumn):
    """Reviews per second."""

    def render(self, task: Task) -> Text:
        """Show the rate; nothing before there is one."""
        return Text(f"{task.speed:.1f}/s" if task.speed else "")


@dataclass
class RunProgress(Watch):
    """The progress of one period, on standard error; with ``as_json`` also the rows, on standard output as they come."""

    bar: Progress
    task: Task
    title: str
    as_json: bool

    def plan(self, total: int) -> None:
        """Say how many reviews are to be made."""
        self.bar.update(self.task.id, total=total, visible=True)
        if not self.bar.console.is_terminal:
            self._line(f"{self.title}: {total} to make, {self.task.fields['kept']} unchanged")

    def kept(self, entry: ManifestRow) -> None:
        """Count a review that stays as it is; a signed one whose page is gone has failed."""
        self.task.fields["kept" if entry.state == "made" else entry.state] += 1
        self._row(entry, kept=True)

    def done(self, entry: ManifestRow) -> None:
        """Count a review that was made or failed."""
        self.task.fields[entry.state] += 1
        self.bar.update(self.task.id, advance=1)
        if not self.bar.console.is_terminal:
            what = f"{entry.state}: {entry.kind} {entry.subject} ({entry.audience})"
            self._line(f"{self.title} {self.task.completed:.0f}/{self.task.total} {what}")
        self._row(entry, kept=False)

    def note(self, text: str) -> None:
        """Say something once."""
        self._line(f"{self.title}: {text}")

    def _line(self, text: str) -> None:
        self.bar.console.print(Text(text), soft_wrap=True)

    def _row(self, entry: ManifestRow, *, kept: bool) -> None:
        if self.as_json:
            row = {"period": self.title, "kept": kept} | dataclasses.asdict(entry)
            try:
                _say(json.dumps(row, ensure_ascii=False))
            except ReaderGoneError:
                self.as_json = False  # what still comes while the run is being stopped is told to nobody
                raise


@contextlib.contextmanager
def progress(title: str, *, as_json: bool) -> Iterator[RunProgress]:
    """Show the progress of a run."""
    console = Console(file=cast(TextIO, _Courteous(sys.stderr)))
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]} failed, {task.fields[kept]} unchanged"),
        _Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        bar.add_task(title, total=None, visible=False, made=0, failed=0, kept=0)
        yield RunProgress(bar, bar.tasks[0], title, as_json)


def print_result(result: Result) -> None:
    """Print what a run made, what failed and where to look."""
    counts = f"{counted(len(result.made), 'pages')} made, {len(result.kept)} unchanged, {len(result.failed)} failed"
    _say(f"{result.period}: {counts}, snapshot {result.snapshot.hash}")
    for entry in result.failed:
        _say(f"  {entry.kind} {entry.subject}, {entry.audience}’s copy: {entry.error}")
    _say(f"Open {shown(result.folder / 'index.html')}")


def _say(text: str) -> None:
    """Print to standard output.

    Raises:
        ReaderGoneError: It was closed at its other end.
    """
    try:
        typer.echo(text)
    except BrokenPipeError:
        raise ReaderGoneError from None
