"""A run: the reviews of one period, from the frozen evidence to pages, index, scorecard and manifest."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from reviewlib import files, starter
from reviewlib.errors import ParamsError, SubjectError
from reviewlib.evidence import kpis, snapshot, sources
from reviewlib.evidence.dossier import default_period
from reviewlib.evidence.roster import distinct_names
from reviewlib.evidence.snapshot import Snapshot, Subject
from reviewlib.pages import exporter, index, sentences
from reviewlib.params import Params
from reviewlib.periods import Period
from reviewlib.press import batch

#: Seconds that one cell of a review may take.
TIMEOUT: Final = 120.0
#: Where each audience's copy lies below the team's folder.
PAGES: Final[Mapping[tuple[str, str], str]] = {
    ("rep", "manager"): "manager/{slug}.html",
    ("rep", "rep"): "rep/{slug}.html",
    ("team", "manager"): "team.html",
}


@dataclass(frozen=True)
class Entry:
    """One review of the manifest: what was made of whom, for whom, and how it went."""

    key: str
    kind: str
    subject: str
    audience: str
    state: str
    page: str
    notebook: str | None
    problem: str
    sha256: str | None
    seconds: float
    error: str | None
    made_at: str


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
        snapshot.use(params, each)
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
    lines = [f"  {names[kpi]}: changed for {count} reps" for kpi, count in counts.items() if kpi in names]
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
    chosen = [subject for subject in frozen.subjects if _chosen(subject, reps, teams)]
    jobs = [job for subject in chosen for job in _jobs(params, frozen.period, subject, folder)]
    on_plan(len(jobs))
    before = _read_manifest(folder)
    entries: dict[str, Entry] = {}

    def done(outcome: batch.Outcome) -> None:
        entry = _entry(outcome, folder)
        entries[entry.key] = entry
        on_done(entry)

    try:
        batch.run(
            jobs,
            workers=workers or os.cpu_count() or 1,
            timeout=timeout,
            render=lambda nb, job: exporter.page(nb),
            on_done=done,
            problem=lambda job, failure: _problem(params, frozen, job, failure),
            modes=modes,
        )
    finally:
        every = _merged(before, entries, frozen)
        _publish(params, frozen, folder, every, modes=modes)
    return Result(frozen.period, folder, frozen, tuple(entries[job.key] for job in jobs))


def _chosen(subject: Subject, reps: Sequence[str], teams: Sequence[str]) -> bool:
    if not reps and not teams:
        return True
    return subject.id in reps if subject.kind == "rep" and subject.team not in teams else subject.team in teams


def _jobs(params: Params, period: Period, subject: Subject, folder: Path) -> list[batch.Job]:
    return [_job(params, period, subject, audience, folder) for kind, audience in PAGES if kind == subject.kind]


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
        page=own / PAGES[subject.kind, audience].format(slug=subject.slug),
        problem=folder / "problems" / f"{stem}-{audience}.html",
        labels={"kind": subject.kind, "subject": subject.id, "audience": audience, "name": subject.name},
        folder=params.root,
    )


def _entry(outcome: batch.Outcome, folder: Path) -> Entry:
    job, failure = outcome.job, outcome.failure
    relative = {
        name: None if path is None else path.relative_to(folder).as_posix()
        for name, path in (("page", job.page), ("notebook", job.notebook), ("problem", job.problem))
    }
    return Entry(
        key=job.key,
        kind=job.labels["kind"],
        subject=job.labels["subject"],
        audience=job.labels["audience"],
        state="made" if failure is None else "failed",
        page=relative["page"] or "",
        notebook=relative["notebook"],
        problem=relative["problem"] or "",
        sha256=hashlib.sha256(job.page.read_bytes()).hexdigest() if failure is None else None,
        seconds=round(outcome.seconds, 3),
        error=None if failure is None else f"{failure.error}: {failure.message}",
        made_at=_now(),
    )


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"reviews": []}


def _merged(before: Mapping[str, Any], entries: Mapping[str, Entry], frozen: Snapshot) -> list[Entry]:
    """Keep what earlier runs made of whoever still has a review, and put this run's in."""
    keys = {f"{subject.kind}:{subject.id}:{audience}" for subject in frozen.subjects for kind, audience in PAGES}
    kept = {row["key"]: Entry(**row) for row in before["reviews"] if row["key"] in keys}
    return list({**kept, **entries}.values())


def _publish(params: Params, frozen: Snapshot, folder: Path, entries: Sequence[Entry], *, modes: files.Modes) -> None:
    """Write what stands over all reviews: scorecard, index, manifest."""
    text = io.StringIO()
    frozen.scorecard().to_csv(text, index=False, lineterminator="\n")
    manifest = {
        "workbook": params.name,
        "period": frozen.period.name,
        "snapshot": frozen.hash,
        "made_at": _now(),
        "versions": frozen.info["versions"],
        "reviews": [asdict(entry) for entry in entries],
    }
    files.write_all(
        {
            folder / "scorecard.csv": text.getvalue(),
            folder / "index.html": index.index_page(_index(params, frozen, entries)),
            folder / "manifest.json": json.dumps(manifest, indent=1, ensure_ascii=False) + "\n",
        },
        modes=modes,
    )


def _index(params: Params, frozen: Snapshot, entries: Sequence[Entry]) -> index.Index:
    """Lay out the index: every team with its reps, what failed, and the account of the data."""
    book = frozen.info["workbook"]
    by_key = {entry.key: entry for entry in entries}
    names = {(subject.kind, subject.id): subject for subject in frozen.subjects}
    failures = [
        index.Failure(
            name=f"{names[entry.kind, entry.subject].name}, {entry.audience}’s copy",
            team=names[entry.kind, entry.subject].team,
            what=entry.error or "not made",
            page=entry.problem,
        )
        for entry in entries
        if entry.state == "failed"
    ]
    return index.Index(
        title=book["title"],
        period=frozen.period,
        currency=book["currency"],
        locale=book["locale"],
        made=_local(params, dt.datetime.now(dt.UTC)),
        frozen_at=_local(params, dt.datetime.fromisoformat(book["frozen_at"])),
        as_of=dt.date.fromisoformat(book["as_of"]),
        snapshot=frozen.hash,
        teams=tuple(_team_rows(frozen, folder, by_key) for folder in sorted({one.folder for one in frozen.subjects})),
        failures=tuple(failures),
        data=frozen.info["data"],
        files=(index.Link("scorecard.csv", "scorecard.csv"), index.Link("manifest.json", "manifest.json"), _quarantine(frozen)),
        earlier=_earlier(params, frozen.period),
        incomplete=book["incomplete"],
        accent=book["accent"],
        accent_dark=book["accent_dark"],
    )


def _team_rows(frozen: Snapshot, folder: str, entries: Mapping[str, Entry]) -> index.TeamRows:
    """One team of the index; reps without a team stand together."""
    here = [subject for subject in frozen.subjects if subject.folder == folder]
    team = next((subject for subject in here if subject.kind == "team"), None)
    reps = sorted((subject for subject in here if subject.kind == "rep"), key=lambda subject: (subject.name, subject.id))
    names = distinct_names((rep.id, rep.name) for rep in reps)
    return index.TeamRows(
        name=team.name if team else "No team",
        manager=team.manager if team else None,
        revenue=team.revenue if team else None,
        target=team.target if team else None,
        verdict=team.verdict if team else "not_available",
        page=_page(entries, team, "manager") if team else None,
        rows=tuple(
            index.Row(
                name=names[rep.id],
                revenue=rep.revenue,
                target=rep.target,
                verdict=rep.verdict,
                state=_state(entries, rep),
                manager=_page(entries, rep, "manager"),
                rep=_page(entries, rep, "rep"),
                note=rep.reason or "",
            )
            for rep in reps
        ),
    )


def _state(entries: Mapping[str, Entry], rep: Subject) -> index.State:
    states = {entry.state for entry in entries.values() if entry.kind == "rep" and entry.subject == rep.id}
    if "failed" in states:
        return "Failed"
    return "Open" if states else "Not made yet"


def _page(entries: Mapping[str, Entry], subject: Subject, audience: str) -> str | None:
    entry = entries.get(f"{subject.kind}:{subject.id}:{audience}")
    return entry.page if entry is not None and entry.state == "made" else None


def _quarantine(frozen: Snapshot) -> index.Link:
    path = f"../snapshots/{frozen.hash}/quarantine.csv"
    return index.Link("quarantine.csv", path)


def _earlier(params: Params, period: Period) -> tuple[index.Link, ...]:
    """Link the indexes of other periods, the latest first."""
    found = sorted((path.parent.name for path in params.reports.glob("*/index.html")), reverse=True)
    return tuple(index.Link(name, f"../{name}/index.html") for name in found if name != period.name)


def _local(params: Params, moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(ZoneInfo(params.timezone)) if params.timezone else moment


def _problem(params: Params, frozen: Snapshot, job: batch.Job, failure: batch.Failure) -> str:
    """The page about a review that failed: for the analyst, without anybody's figures."""
    kind = job.labels["kind"]
    option = f"--{kind} {shlex.quote(job.labels['subject'])}"
    return index.problem_page(
        index.Problem(
            title=params.title or params.name,
            subject=f"{job.labels['name']}, {job.labels['audience']}’s copy",
            period=frozen.period,
            where=f"cell {failure.cell} of {job.template.name}" if failure.cell else job.template.name,
            message=f"{failure.error}: {failure.message}",
            command=f"reviewlib run {job.parameters['params']} --period {frozen.period} {option}",
            details=failure.source or "",
            accent=params.theme.accent,
            accent_dark=params.theme.accent_dark,
        )
    )


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def check(params: Params) -> sources.Tables:
    """Read and check the sources for the data-quality report.

    Raises:
        ReviewError: Params or sources cannot be used.
    """
    check_texts(params)
    return sources.read(params)
