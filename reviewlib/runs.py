"""A run: the reviews of one period, from evidence and journal to pages, index, scorecard and manifest."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reviewlib import beside, files, manifest, overview, sealed, standing, starter
from reviewlib.conversation import remembered
from reviewlib.errors import ParamsError, SubjectError
from reviewlib.evidence import kpis, snapshot, sources
from reviewlib.evidence.dossier import compile_dossier, default_period
from reviewlib.evidence.snapshot import Snapshot
from reviewlib.evidence.subjects import Subject
from reviewlib.manifest import Entry
from reviewlib.pages import exporter, index, sentences
from reviewlib.params import Params
from reviewlib.periods import Period
from reviewlib.places import pages_of
from reviewlib.press import batch
from reviewlib.standing import Standing

#: Seconds that one cell of a review may take.
TIMEOUT: Final = 120.0


@dataclass(frozen=True)
class Result:
    """What a run made."""

    period: Period
    folder: Path
    snapshot: Snapshot
    entries: tuple[Entry, ...]

    @property
    def failed(self) -> tuple[Entry, ...]:
        """The reviews that could not be made."""
        return tuple(entry for entry in self.entries if entry.state == "failed")


def freeze(
    params: Params, periods: Sequence[Period | None], *, reps: Sequence[str] = (), teams: Sequence[str] = ()
) -> list[Snapshot]:
    """Check everything that can be checked, freeze the evidence of the periods, and let each use it.

    Args:
        params: The workbook.
        periods: The periods; None for the last complete one.
        reps: Ids that must have a review in each period.
        teams: Teams that must have one.

    Raises:
        ReviewError: Params, sources, targets, period or ids cannot be used; no period points to anything new.
    """
    snapshot.modes_of(params)
    check_texts(params)
    frozen = [snapshot.freeze(params, period, reps=reps, teams=teams) for period in periods]
    for each in frozen:
        stands = standing.of(params, each)
        snapshot.use(params, each)
        standing.lay_minutes(params, stands)
    return frozen


def moved(before: Snapshot | None, now: Snapshot) -> list[str]:
    """Say which figures of the reps a new snapshot changed, one line per KPI."""
    if before is None or before.hash == now.hash:
        return []
    key = ["scope_id", "period", "kpi"]
    columns = [frame[frame["scope"] == "rep"].set_index(key)["value"] for frame in (before.scorecard(), now.scorecard())]
    old, new = columns[0].align(columns[1])
    differs = ~((old == new) | (old.isna() & new.isna()))
    counts = differs[differs].reset_index().groupby("kpi")["scope_id"].nunique()
    names = {name: kpi.label for name, kpi in kpis.KPIS.items() if kpi.of is None}
    lines = [
        f"  {names[kpi]}: changed for {count} rep{'s' if count > 1 else ''}" for kpi, count in counts.items() if kpi in names
    ]
    return [f"Compared with snapshot {before.hash}:", *(lines or ["  no figure changed"])]


def executed_notebook(params: Params, *, rep: str, period: Period | None) -> Path:
    """Find a rep's executed notebook.

    Raises:
        SubjectError: The period has no review of this rep yet.
    """
    found = period or sources_period(params)
    frozen = snapshot.current(params, found)
    subjects = frozen.subjects if frozen else ()
    subject = next((one for one in subjects if one.kind == "rep" and one.id == rep), None)
    path = params.reports / found.name / subject.folder / "notebooks" / f"{subject.slug}.ipynb" if subject else None
    if path is None or not path.is_file():
        raise SubjectError(
            f"There is no executed notebook of rep {rep!r} in {found}.",
            where=f"reports/{params.name}/{found}",
            do=f"Run: reviewlib run {params.path.name} --period {found} --rep {rep}",
        )
    return path


def sources_period(params: Params) -> Period:
    """The period that a run without ``--period`` takes."""
    return default_period(params, sources.read(params).deals)


def check_templates(params: Params) -> None:
    """Check that the notebooks are there and can be read.

    Raises:
        ReviewError: One is missing, or is no notebook.
    """
    for kind in starter.NOTEBOOKS:
        batch.load_template(starter.notebook(params, kind))


def check_texts(params: Params) -> None:
    """Check that the playbook's placeholders are cells of the scorecard.

    Raises:
        ParamsError: Some are not; the message lists them.
    """
    keys = {*kpis.KPIS, *params.kpis}
    wrong = [
        f"playbook.{place}.action: {problem}"
        for place, play in enumerate(params.playbook)
        for problem in sentences.problems(play.action, keys)
    ]
    if wrong:
        raise ParamsError(
            "The playbook names figures that do not exist.",
            where=params.path.name,
            found="; ".join(wrong),
            do="Write {key} or {key.column}, as in {win_rate.target}; docs/params.md lists them.",
        )


def run(
    params: Params,
    frozen: Snapshot,
    *,
    reps: Sequence[str] = (),
    teams: Sequence[str] = (),
    workers: int | None = None,
    timeout: float = TIMEOUT,
    on_plan: Callable[[int], None] = lambda total: None,
    on_done: Callable[[Entry], None] = lambda entry: None,
) -> Result:
    """Make the reviews of a period; a failed one gets a problem page, the others complete.

    Args:
        params: The workbook.
        frozen: The evidence that the period uses.
        reps: Only these reps; all where neither reps nor teams are given.
        teams: Only these teams, each with its page and its reps.
        workers: Notebooks at a time; one per core where not given.
        timeout: Seconds that one cell may take.
        on_plan: Told how many reviews there will be.
        on_done: Told of each review as it is done.
    """
    folder = params.reports / frozen.period.name
    modes = snapshot.modes_of(params)
    stands = standing.of(params, frozen)
    standing.lay_minutes(params, stands)
    subjects = {stands.about(subject): subject for subject in stands.subjects if _chosen(subject, reps, teams)}
    jobs = {job.key: (job, subject) for subject in subjects.values() for job in _jobs(params, frozen.period, subject, folder)}
    before = manifest.read(folder)
    entries: dict[str, Entry] = sealed.kept([before[key] for key in jobs if key in before], folder)
    for job, subject in jobs.values():
        if stands.state(subject).closed and job.page.exists() and not manifest.knows(before, job.key):
            entries[job.key] = manifest.unknown_page(job, folder=folder)
    on_plan(len(jobs) - len(entries))

    def done(outcome: batch.Outcome) -> None:
        subject = jobs[outcome.job.key][1]
        state = stands.state(subject)
        entry = manifest.entry_of(
            outcome, folder=folder, snapshot=stands.snapshot(subject), head=state.head, closed=state.closed
        )
        entries[entry.key] = entry
        on_done(entry)

    try:
        batch.run(
            [job for key, (job, _) in jobs.items() if key not in entries],
            workers=workers or os.cpu_count() or 1,
            timeout=timeout,
            render=lambda nb, job: exporter.page(nb),
            on_done=done,
            problem=lambda job, failure: overview.problem_of(params, frozen, job, failure),
            modes=modes,
        )
        for subject in subjects.values():
            beside.lay(params, stands, subject, pages=pages_of(subject, folder))
    finally:
        _publish(params, frozen, stands, folder, entries, modes=modes)
    return Result(frozen.period, folder, frozen, tuple(entries[key] for key in jobs))


def _chosen(subject: Subject, reps: Sequence[str], teams: Sequence[str]) -> bool:
    if not reps and not teams:
        return True
    return subject.id in reps if subject.kind == "rep" and subject.team not in teams else subject.team in teams


def _jobs(params: Params, period: Period, subject: Subject, folder: Path) -> list[batch.Job]:
    return [_job(params, period, subject, audience, folder) for audience in pages_of(subject, folder)]


def _job(params: Params, period: Period, subject: Subject, audience: str, folder: Path) -> batch.Job:
    """Plan one notebook; only the manager gets the executed one."""
    own = folder / subject.folder
    stem = subject.slug if subject.kind == "rep" else f"team-{subject.slug}"
    executed = own / "notebooks" / f"{stem}.ipynb" if audience == "manager" else None
    return batch.Job(
        key=f"{subject.kind}:{subject.id}:{audience}",
        template=starter.notebook(params, subject.kind),
        parameters={
            "params": params.path.relative_to(params.root).as_posix(),
            subject.kind: subject.id,
            "period": period.name,
            "audience": audience,
        },
        notebook=executed,
        page=pages_of(subject, folder)[audience],
        problem=folder / "problems" / f"{stem}-{audience}.html",
        labels={"kind": subject.kind, "subject": subject.id, "audience": audience, "name": subject.name},
        folder=params.root,
    )


def _publish(
    params: Params, frozen: Snapshot, stands: Standing, folder: Path, made: Mapping[str, Entry], *, modes: files.Modes
) -> None:
    """Write what stands over all reviews: scorecard, index, manifest; read anew, because another run may have ended since.

    A login that sees a part of the journal adds to the manifest only: the index would say wrong things of the others.
    """
    entries = manifest.merged(manifest.read(folder), made, stands.subjects if stands.whole else None)
    heads = stands.heads if stands.whole else remembered.heads(folder) | stands.heads
    if not stands.whole:
        files.write(folder / "manifest.json", manifest.text(params.name, frozen, entries, heads), modes=modes)
        return
    table = io.StringIO()
    frozen.scorecard().to_csv(table, index=False, lineterminator="\n")
    files.write_all(
        {
            folder / "scorecard.csv": table.getvalue(),
            folder / "index.html": index.index_page(overview.index_of(params, frozen, stands, entries)),
            folder / "manifest.json": manifest.text(params.name, frozen, entries, heads),
        },
        modes=modes,
    )


def check(params: Params) -> sources.Tables:
    """Read the sources for the data-quality report, and try the figures of the period that a run would take.

    Raises:
        ReviewError: Params, sources or targets cannot be used.
    """
    check_texts(params)
    read = sources.read(params)
    compile_dossier(params, read, default_period(params, read.deals))
    return read
