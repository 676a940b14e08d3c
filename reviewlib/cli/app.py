"""The command line.

Exit codes: 0 all good, 1 some review failed, 2 the input is invalid, 3 another run holds the period, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reviewlib.cli import conversation
from reviewlib.cli.options import AsJson, ParamsPath, PeriodName, load, period_of
from reviewlib.errors import ReviewError
from reviewlib.files import shown
from reviewlib.params.words import counted

if TYPE_CHECKING:
    from reviewlib.run.runs import Options

app = typer.Typer(
    name="reviewlib",
    help="Sales performance reviews: from a CRM export to a page per rep that both sides can trust.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Workers = Annotated[int | None, typer.Option("--jobs", min=1, metavar="N", help="Notebooks at a time; two per core.")]


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """End in good order when somebody interrupts, ends the process with SIGTERM, or closes what its output goes to."""
    from reviewlib.cli.run_progress import ReaderGoneError

    arrived: list[int] = []

    def interrupt(number: int, frame: object) -> None:
        arrived.append(number)
        raise KeyboardInterrupt

    # What is ignored stays so: a shell lets its background jobs ignore the interrupts of the foreground.
    heeded = [one for one in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(one) != signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in heeded}
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        # An interrupt may come out as something else: DuckDB makes a RuntimeError of it.
        gone = isinstance(error, ReaderGoneError)
        if not (arrived or gone):
            raise
        why = "interrupted, because nobody reads the output any more" if gone else "interrupted"
        _complain(f"{why}; what was finished stays, and the next run goes on from there")
        raise typer.Exit(130) from None
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)


@app.command(epilog="Example: reviewlib demo --into ~/reviews")
@_interruptible()
def demo(
    into: Annotated[Path, typer.Option("--into", metavar="DIR", help="The workbook's folder.")] = Path(), jobs: Workers = None
) -> None:
    """Make the sample workbook of an invented company, with what some of its people said, and run it."""
    from reviewlib.run import freezing, runs
    from reviewlib.workbook import company_talk, starter

    path = starter.make_demo(into)
    book = load(path)
    talked = company_talk.read(book)
    frozen = freezing.freeze(book, [period_of(book, [name]) for name in talked.periods])
    company_talk.seed(book, {each.period.name: each.hash for each in frozen})
    *earlier, _ = talked.periods
    for name in earlier:
        _run(path, periods=[name], reps=talked.reps(name), options=runs.Options(workers=jobs))
    _run(path, options=runs.Options(workers=jobs))


@app.command(epilog="Example: reviewlib sample --reps 200 --deals 50000 --out big")
def sample(
    reps: Annotated[int, typer.Option("--reps", min=1, metavar="N", help="How many reps.")],
    deals: Annotated[int, typer.Option("--deals", min=0, metavar="M", help="How many deals.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The workbook's folder; made where it is missing.")],
) -> None:
    """Make the workbook of a synthetic company of any size: params, CSV files, notebooks."""
    from reviewlib.workbook import company

    path = company.make_sample(out, reps=reps, deals=deals)
    typer.echo(f"{path}\nNext: reviewlib run {path}")


@app.command(epilog="Example: reviewlib init opportunities.csv --out params/acme.yaml")
def init(
    export: Annotated[Path, typer.Argument(metavar="EXPORT", help="The CRM's export: CSV, Excel, Parquet or DuckDB.")],
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Where the params file goes.")] = None,
) -> None:
    """Propose a params file from an export, with its guesses marked."""
    from reviewlib import files
    from reviewlib.params import reading
    from reviewlib.workbook import proposal

    folder = out.parent if out else Path("params")
    proposed = proposal.propose(export, name=out.stem if out else None, folder=folder)
    path = out or folder / f"{proposed.name}.yaml"
    if path.exists():
        raise ReviewError(
            "There is a params file already.", where=str(path), do="Give another name with --out, or remove the file."
        )
    files.write(path, proposed.text)
    reading.place_schema(path.parent)
    typer.echo(f"{path}: {proposed.recognized or 'recognized by names and content alone'}")
    typer.echo("Please check:")
    for line in proposed.checks:
        typer.echo(f"- {line}")
    typer.echo(f"Next: reviewlib check {path}")


@app.command(epilog="Example: reviewlib check params/demo.yaml")
@_interruptible()
def check(
    params: ParamsPath,
    migrate: Annotated[bool, typer.Option("--migrate", help="Write keys of earlier versions as they are called now.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check params and data, and print the data-quality report; or bring params of an earlier version up to date."""
    from reviewlib.cli import terminal
    from reviewlib.params import migration
    from reviewlib.run import freezing

    if migrate:
        said = migration.migrate(params)
        typer.echo(json.dumps(said, indent=1, ensure_ascii=False) if as_json else "\n".join(said))
        return
    report = freezing.check(load(params))
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(report), default=str, indent=1, ensure_ascii=False))
    else:
        terminal.print_report(report)


@app.command(epilog="Example: reviewlib freeze params/demo.yaml --period 2026-Q3")
@_interruptible()
def freeze(params: ParamsPath, period: PeriodName = None) -> None:
    """Compute every figure of a period and freeze it."""
    from reviewlib.evidence import snapshot
    from reviewlib.run import comparing, freezing

    book = load(params)
    wanted = period_of(book, period)
    before = snapshot.current(book, wanted) if wanted else None
    frozen = freezing.freeze(book, [wanted])[0]
    typer.echo(f"{frozen.period}: snapshot {frozen.hash}, {counted(len(frozen.subjects), 'reviews')}")
    for line in [*comparing.moved(book, before, frozen), *comparing.since_release(book, frozen)]:
        typer.echo(line)


@app.command(epilog="Example: reviewlib diff params/demo.yaml 2026-Q2 2026-Q3 (in the demo as its analyst, acting_as: ingrid)")
@_interruptible()
def diff(
    params: ParamsPath,
    before: Annotated[str, typer.Argument(metavar="A", help="A period, or the beginning of a snapshot's hash.")],
    after: Annotated[str, typer.Argument(metavar="B", help="What it is compared with, named likewise.")],
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write it as a page.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare two snapshots: deals that came, went or were changed, and what that does to each figure.

    It lists everybody's deals, so a manager or a rep may not.
    """
    from reviewlib.cli import terminal
    from reviewlib.run import comparing

    book = load(params)
    found = comparing.compare(book, before, after)
    if html is not None:
        comparing.write_page(book, found, html)
        typer.echo(shown(html), err=True)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(found), default=str, indent=1, ensure_ascii=False))
    elif html is None:
        terminal.print_diff(*comparing.told(book, found))


@app.command(epilog="Example: reviewlib explain params/demo.yaml --rep R-014 --kpi win_rate --period 2026-Q3")
def explain(
    params: ParamsPath,
    rep: Annotated[str, typer.Option("--rep", metavar="R", help="The rep's id.")],
    kpi: Annotated[str, typer.Option("--kpi", metavar="K", help="The figure's key, such as win_rate.")],
    period: PeriodName = None,
    as_json: AsJson = False,
) -> None:
    """Explain one figure: definition, arithmetic, query, every row, target and peers."""
    from reviewlib.cli import terminal
    from reviewlib.run import explaining

    book = load(params)
    found = explaining.explained(book, rep=rep, kpi=kpi, period=period_of(book, period))
    if as_json:
        typer.echo(json.dumps(found.as_data(), default=str, indent=1, ensure_ascii=False))
    else:
        terminal.print_explanation(found)


@app.command(epilog="Example: reviewlib run params/demo.yaml --period 2026-Q3 --team North")
@_interruptible()
def run(
    params: ParamsPath,
    period: Annotated[
        list[str] | None,
        typer.Option("--period", metavar="P", help="2026-Q3, 2026-H1, ...; the last complete one if not given."),
    ] = None,
    rep: Annotated[list[str] | None, typer.Option("--rep", metavar="R", help="Only this rep, by id; may be repeated.")] = None,
    team: Annotated[
        list[str] | None, typer.Option("--team", metavar="T", help="Only this team and its reps; may be repeated.")
    ] = None,
    jobs: Workers = None,
    timeout: Annotated[float, typer.Option("--timeout", min=1, metavar="S", help="Seconds that one review may take.")] = 120,
    force: Annotated[bool, typer.Option("--force", help="Make reviews again although nothing changed.")] = False,
    cold: Annotated[
        bool, typer.Option("--cold", help="Start every kernel from scratch instead of from a warm process.")
    ] = False,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="URL", help="Make them on the Dask cluster whose scheduler is at tcp://HOST:PORT."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make the reviews: a page per rep for manager and rep, a page per team, and the index.

    What is there already, whole and from the same figures and words, stays as it is.
    """
    from reviewlib.run import runs

    options = runs.Options(workers=jobs, timeout=timeout, force=force, cold=cold, scheduler=scheduler)
    _run(params, periods=period or [], reps=rep or [], teams=team or [], options=options, as_json=as_json)


@app.command(epilog="Example: reviewlib clean params/demo.yaml")
def clean(
    params: ParamsPath,
    remove: Annotated[bool, typer.Option("--remove", help="Remove them; without it they are only named.")] = False,
) -> None:
    """Say which snapshots nothing uses any more, that is no period, release, signature or disputed figure, and drop them."""
    from reviewlib.run import cleaning

    book = load(params)
    found = cleaning.remove(book) if remove else cleaning.unused(book)
    for folder, size in found.items():
        typer.echo(f"{shown(folder)}: {size / 1e6:,.1f} MB")
    typer.echo(f"{len(found)} snapshots, {sum(found.values()) / 1e6:,.1f} MB, {'removed' if remove else 'can go'}")
    if found and not remove:
        typer.echo(f"Nothing was removed. Next: reviewlib clean {params} --remove")


@app.command(name="open", epilog="Example: reviewlib open params/demo.yaml --rep R-014 --period 2026-Q3")
def open_notebook(
    params: ParamsPath, rep: Annotated[str, typer.Option("--rep", metavar="R", help="The rep's id.")], period: PeriodName = None
) -> None:
    """Open a rep's executed notebook in JupyterLab."""
    import subprocess

    from reviewlib.errors import BusyError
    from reviewlib.run import freezing, leftovers, locks
    from reviewlib.workbook import starter

    book = load(params)
    path = freezing.executed_notebook(book, rep=rep, period=period_of(book, period))
    # A run that is at work lays the notebook anew; and who may only read it can open it all the same.
    with contextlib.suppress(BusyError, OSError), locks.held(path.parents[2], modes=book.modes):
        leftovers.fasten(path, template=starter.notebook(book, "rep"), modes=book.modes)
    raise typer.Exit(subprocess.call([sys.executable, "-m", "jupyterlab", str(path)]))  # noqa: S603


app.add_typer(conversation.app)


def main() -> None:
    """Run the command line; what a user can mend ends with a message, never a traceback."""
    if sys.stderr is None:  # it was closed, and whatever is opened next would take its place
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    try:
        app()
    except ReviewError as error:
        _complain(str(error))
        sys.exit(error.exit_code)
    except OSError as error:
        _complain(f"{error.strerror or error}\n  where: {error.filename or 'the disk'}")
        sys.exit(2)
    except Exception as error:
        if not re.search("No space left on device|failed to offload", str(error)):  # DuckDB says so by errors of its own
            raise
        what = "There is no room for the tables of a large export."
        do = "Make room there, or name a folder on another disk: TMPDIR=FOLDER reviewlib ..."
        _complain(str(ReviewError(what, where="the folder for temporary files", found=str(error).splitlines()[0], do=do)))
        sys.exit(2)
    finally:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            try:
                stream.flush()
            except OSError:  # nobody reads it; Python would try again at the end, and change the exit code
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _complain(text: str) -> None:
    """Say on standard error why the command ends; where nobody reads that, the exit code does."""
    with contextlib.suppress(OSError):
        typer.echo(f"reviewlib: {text}", err=True)


def _run(
    path: Path,
    *,
    periods: Sequence[str] = (),
    reps: Sequence[str] = (),
    teams: Sequence[str] = (),
    options: Options,
    as_json: bool = False,
) -> None:
    """Freeze every period first, so that bad input ends before any notebook starts; then run them."""
    from reviewlib.cli import run_progress
    from reviewlib.run import freezing, runs

    book = load(path)
    wanted = [period_of(book, [name]) for name in periods] or [None]
    runs.check(book)
    results = []
    for each in freezing.freeze(book, wanted, reps=reps, teams=teams):
        with run_progress.progress(str(each.period), as_json=as_json) as seen:
            results.append(runs.run(book, each, reps=reps, teams=teams, options=options, watch=seen))
        if not as_json:
            run_progress.print_result(results[-1])
    if any(result.failed for result in results):
        raise typer.Exit(1)
