"""What several commands of the command line share: arguments, and how paths and periods are read and shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from reviewlib.params.model import Params
    from reviewlib.periods import Period

ParamsPath = Annotated[Path, typer.Argument(metavar="PARAMS", help="The workbook's params file, such as params/demo.yaml.")]
PeriodName = Annotated[list[str] | None, typer.Option("--period", metavar="P", help="2026-Q3, 2026-H1, 2026-09 or FY2026.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def load(path: Path) -> Params:
    """Read a workbook's params."""
    from reviewlib.params import reading  # takes longer to import than --help takes

    return reading.load(path)


def period_of(book: Params, names: list[str] | None) -> Period | None:
    """Read the one period that was given, in a workbook's fiscal year; None stands for the one that is usual."""
    from reviewlib.errors import PeriodError
    from reviewlib.periods import Period

    if names and len(names) > 1:
        do = "Run the command once for each; only reviewlib run takes several."
        raise PeriodError("This command takes one period.", where="--period", found=", ".join(names), do=do)
    return Period.parse(names[0], book.fiscal) if names else None
