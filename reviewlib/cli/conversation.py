"""The commands of the conversation: hand out, import, release, look after the journal, see what is due."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reviewlib.cli.options import AsJson, ParamsPath, PeriodName, load, period_of
from reviewlib.files import shown
from reviewlib.params.words import counted

if TYPE_CHECKING:
    from reviewlib.params.model import Params
    from reviewlib.run.status import ReviewStatus

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)

Reps = Annotated[list[str] | None, typer.Option("--rep", metavar="R", help="This rep, by id; may be repeated.")]
Teams = Annotated[list[str] | None, typer.Option("--team", metavar="T", help="This team and its reps; may be repeated.")]


@app.command(epilog="Example: reviewlib release params/demo.yaml --period 2026-Q3 --rep R-014")
def release(params: ParamsPath, period: PeriodName = None, rep: Reps = None, team: Teams = None) -> None:
    """Release reviews of the latest complete period: the reps may read what the manager wrote, and the figures stay."""
    from reviewlib.run import releasing

    book, stands = _standing(params, period)
    subjects = releasing.chosen(stands, reps=rep or [], teams=team or [])
    releasing.release(book, stands, subjects)
    for subject in subjects:
        typer.echo(f"{subject.name}, {stands.period}: released on snapshot {stands.current}")
    typer.echo(f"Next: {releasing.next_run(stands, subjects, path=book.typed)}")


@app.command(epilog="Example: reviewlib handout params/demo.yaml --period 2026-Q3 --out handout")
def handout(
    params: ParamsPath,
    period: PeriodName = None,
    manager: Annotated[
        list[str] | None, typer.Option("--manager", metavar="NAME", help="Only this manager's folder; may be repeated.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where the managers' folders go.")] = None,
) -> None:
    """Give each manager one folder: their own pages, and per rep what goes to that rep."""
    from reviewlib.run import handout as parcels

    book, stands = _standing(params, period)
    place = out or book.reports / stands.period.name / "handout"
    for parcel in parcels.hand_out(book, stands, place, managers=manager or []):
        reps = f"{counted(parcel.reps, 'reps')}, {parcel.released or 'none'} released"
        typer.echo(f"{shown(parcel.folder)}: {parcel.manager}, {reps}")


@app.command(name="import-response", epilog="Example: reviewlib import-response params/demo.yaml answer.md")
def import_response(
    params: ParamsPath,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The rep's answer: the mail (.eml or its text) or the form.")],
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Record it also if sender or signature are not the rep's, marked so.")
    ] = False,
) -> None:
    """Record what a rep sent: the mail's text or the response form."""
    from reviewlib.run import releasing

    book = load(params)
    made, entries = releasing.import_response(book, file, unverified=unverified)
    typer.echo(made.as_text())
    typer.echo(f"{len(entries)} recorded")


@app.command(name="import-goals", epilog="Example: reviewlib import-goals params/demo.yaml goals.csv --period 2026-Q3")
def import_goals(
    params: ParamsPath,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Goals of many: YAML or CSV.")],
    period: PeriodName = None,
) -> None:
    """Give goals to many reps at once; all are recorded, or none."""
    from reviewlib.run import releasing

    book, stands = _standing(params, period)
    for name, count in releasing.import_goals(book, stands, file).items():
        typer.echo(f"{name}: {f'{count} recorded' if count else 'nothing new'}")


@app.command(name="export-data", epilog="Example: reviewlib export-data params/demo.yaml --rep R-014 --out okafor")
def export_data(
    params: ParamsPath,
    rep: Annotated[str, typer.Option("--rep", metavar="R", help="The rep's id.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder that is made.")],
) -> None:
    """Write everything that the journal holds about one rep, to be read and to be processed."""
    from reviewlib.conversation import data_export

    for path in data_export.export_data(load(params), rep, out):
        typer.echo(shown(path))


@app.command(epilog="Example: reviewlib verify params/demo.yaml")
def verify(params: ParamsPath, as_json: AsJson = False) -> None:
    """Walk the journal's chains, and hold evidence, manifests and signed pages against them."""
    from reviewlib.run import verifying

    found = verifying.verify(load(params))
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(found), indent=1, ensure_ascii=False))
    else:
        for line in (*found.erased, *found.problems):
            typer.echo(line)
        state = counted(len(found.problems), "problems") if found.problems else "all is as it was written"
        pages = counted(found.pages, "signed pages") + (f", {found.unproven} of them without proof" if found.unproven else "")
        typer.echo(f"{counted(found.entries, 'entries')} in {counted(found.reviews, 'reviews')}, {pages}: {state}")
    if found.problems:
        raise typer.Exit(1)


@app.command(epilog="Example: reviewlib backup params/demo.yaml")
def backup(
    params: ParamsPath,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="The backup's file; beside the journal if not given.")
    ] = None,
) -> None:
    """Copy the journal while it is in use, with the database's own means."""
    from reviewlib.conversation import upkeep

    typer.echo(shown(upkeep.backup(load(params), out)))


@app.command(epilog="Example: reviewlib restore params/demo.yaml reports/demo/backups/journal.jsonl")
def restore(params: ParamsPath, file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")]) -> None:
    """Put a backup back where no journal is; a journal that is there is never overwritten."""
    from reviewlib.conversation import upkeep

    upkeep.restore(load(params), file)
    typer.echo(f"Restored. Next: reviewlib verify {params}")


@app.command(name="journal-init", epilog="Example: reviewlib journal-init params/acme.yaml")
def journal_init(params: ParamsPath) -> None:
    """Prepare the journal; on PostgreSQL with each login's rights, and again whenever people change."""
    from reviewlib.run import releasing

    for line in releasing.journal_init(load(params)):
        typer.echo(line)


@app.command(epilog="Example: reviewlib status params/demo.yaml --ics reviews.ics")
def status(
    params: ParamsPath,
    period: PeriodName = None,
    ics: Annotated[Path | None, typer.Option("--ics", metavar="FILE", help="Write what is due as a calendar.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what is due, overdue and waiting for whom, released and signed."""
    from reviewlib.cli import terminal
    from reviewlib.run import status as standing

    book, stands = _standing(params, period)
    found = standing.status(book, stands)
    if ics is not None:
        standing.write_calendar(book, found, ics)
        typer.echo(f"{shown(ics)}: {counted(len(found.rows), 'reviews')}", err=True)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(found), default=str, indent=1, ensure_ascii=False))
    else:
        terminal.print_status(found)


def _standing(params: Path, period: list[str] | None) -> tuple[Params, ReviewStatus]:
    """Load a workbook and read how the reviews of a period stand."""
    from reviewlib.run import status as standing

    book = load(params)
    return book, standing.of(book, standing.frozen_period(book, period_of(book, period)))
