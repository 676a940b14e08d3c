"""A run: the reviews of one period, from evidence and journal to pages, index, scorecard and manifest."""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reviewlib import files
from reviewlib.errors import ReviewError
from reviewlib.evidence import snapshot
from reviewlib.evidence.snapshot import Snapshot
from reviewlib.evidence.subjects import Subject
from reviewlib.pages import printing
from reviewlib.params.model import Params
from reviewlib.params.words import counted
from reviewlib.periods import Period
from reviewlib.press.jobs import Contents, Job, Outcome, Settings, check_parameters, declared_in
from reviewlib.run import locks, manifest, places, publishing, sealing, status
from reviewlib.run.leftovers import Leftovers
from reviewlib.run.manifest import ManifestRow, Origin
from reviewlib.run.origins import Origins
from reviewlib.run.places import pages_of
from reviewlib.run.status import ReviewStatus
from reviewlib.workbook import starter

if TYPE_CHECKING:
    from reviewlib.press.batch import Pool

#: Seconds that one review may take.
TIMEOUT: Final = 120.0
#: Seconds that it can be given.
LONGEST: Final = 86_400.0
_ADDRESS: Final = re.compile(r"(tcp|tls|ws|wss)://\S+:\d+")


@dataclass(frozen=True)
class Options:
    """How a run is done.

    Attributes:
        workers: Notebooks at a time; a few per core where not given, because they wait for each other's messages.
        timeout: Seconds that one review may take.
        force: Make reviews again although nothing changed.
        cold: Start every kernel from scratch.
        scheduler: The Dask cluster that makes them, as ``tcp://HOST:PORT``; this process where not given.
    """

    workers: int | None = None
    timeout: float = TIMEOUT
    force: bool = False
    cold: bool = False
    scheduler: str | None = None

    def __post_init__(self) -> None:
        """Refuse what nobody would heed, or nobody could."""
        if not 0 < self.timeout <= LONGEST:
            raise ReviewError(
                "No review may take so long.",
                where="--timeout",
                found=f"{self.timeout:g} seconds",
                do=f"Give a number of seconds up to {LONGEST:g}, which is a day.",
            )
        if self.scheduler is not None and not _ADDRESS.fullmatch(self.scheduler):
            raise ReviewError(
                "This is no scheduler's address.", where="--scheduler", found=self.scheduler, do="Write tcp://HOST:PORT."
            )
        if self.scheduler is not None and self.workers is not None:
            raise ReviewError(
                "How many notebooks run at a time is up to a cluster's workers.",
                where="--jobs",
                found=str(self.workers),
                do="Leave --jobs away, and start the workers with `dask worker --nthreads N`.",
            )


class Watch:
    """Who is told how a run goes; does nothing with it."""

    def plan(self, total: int) -> None:
        """Be told how many reviews are to be made."""

    def kept(self, entry: ManifestRow) -> None:
        """Be told of a review that stays as it is."""

    def done(self, entry: ManifestRow) -> None:
        """Be told of a review that was made or failed."""

    def note(self, text: str) -> None:
        """Be told a remark."""


@dataclass(frozen=True)
class Result:
    """What a run made; ``kept`` are the keys of the reviews that stayed as they were."""

    period: Period
    folder: Path
    snapshot: Snapshot
    entries: tuple[ManifestRow, ...]
    kept: frozenset[str]

    @property
    def failed(self) -> tuple[ManifestRow, ...]:
        """The reviews that could not be made."""
        return tuple(entry for entry in self.entries if entry.state == "failed")

    @property
    def made(self) -> tuple[ManifestRow, ...]:
        """The reviews that were made."""
        return tuple(entry for entry in self.entries if entry.state == "made" and entry.key not in self.kept)


@dataclass(frozen=True)
class _Task:
    """One copy of a review that is wanted: how it would be made, and from what."""

    job: Job
    origin: Origin


def run(
    params: Params,
    frozen: Snapshot,
    *,
    reps: Sequence[str] = (),
    teams: Sequence[str] = (),
    options: Options | None = None,
    watch: Watch | None = None,
) -> Result:
    """Make the reviews of a period that are not made yet, or not from what there is now.

    A failed one gets a problem page, the others complete. What was finished is in the log at once, so that a run which is
    killed is taken up by the next.

    Args:
        params: The workbook.
        frozen: The evidence that the period uses from now on.
        reps: Only these reps; all where neither reps nor teams are given.
        teams: Only these teams, each with its page and its reps.
        options: How it is done.
        watch: Who is told how it goes.

    Raises:
        BusyError: Another run holds the period.
        ReviewError: A template, the journal or the manifest cannot be used; nothing was made.
    """
    folder = params.reports / frozen.period.name
    with locks.held(folder, modes=params.modes):
        files.sweep(folder)
        snapshot.use(params, frozen)
        stands = status.of(params, frozen)
        status.lay_out(params, stands)
        work = _Run(params, frozen, stands, folder, options or Options(), watch or Watch())
        return work.of(reps, teams)


def check(params: Params) -> None:
    """Look at the notebooks of a workbook before anything is written, as far as that takes no time.

    Raises:
        ReviewError: One is missing, is no notebook, or cannot be given what a run gives it.
    """
    for kind in starter.NOTEBOOKS:
        path = starter.notebook(params, kind)
        known = declared_in(path)
        check_parameters(dict.fromkeys(["params", kind, "period", "audience"], ""), known, where=str(path))


@dataclass(frozen=True)
class _Run:
    """One run at work."""

    params: Params
    frozen: Snapshot
    stands: ReviewStatus
    folder: Path
    options: Options
    watch: Watch

    def of(self, reps: Sequence[str], teams: Sequence[str]) -> Result:
        origins = Origins(self.params, self.stands)
        subjects = [
            subject
            for subject in self.stands.subjects
            if not (reps or teams) or subject.team in teams or (subject.kind == "rep" and subject.id in reps)
        ]
        tasks: dict[str, _Task] = {}
        for subject in subjects:
            for audience in pages_of(subject, self.folder):
                job = self._job(subject, audience)
                tasks[job.key] = _Task(job, origins.of(subject, audience))
        before = manifest.read(self.folder)
        settled = self._settled(tasks, before)
        kept = {key for key in tasks if key not in settled and self._fresh(tasks[key], before.get(key))}
        staying = settled | {key: before[key] for key in kept}
        entries = {key: self._leftovers.cleared(entry, entry, tasks[key].job) for key, entry in staying.items()}
        for entry in entries.values():
            self.watch.kept(entry)
        wanted = {key: task for key, task in tasks.items() if key not in entries}
        with self._ready([task.job for task in wanted.values()]) as pool:  # what raises here has changed nothing yet
            stands = self.stands
            try:
                self._make(pool, wanted, before, entries)
                stands, left = sealing.seal(self.params, stands, entries.values())
                if left:
                    why = "who runs this is no manager or analyst in params"
                    self.watch.note(
                        f"{counted(left, 'signed pages are')} not sealed in the journal: {why}; the next run tries again"
                    )
                known = manifest.hashes(before, entries)
                places.amend(self.params, self.stands, subjects, self.folder, known=known)
            finally:
                publishing.publish(self.params, self.frozen, stands, origins, entries)
        found = tuple(entries[key] for key in tasks)
        whole = frozenset(kept | {key for key, entry in settled.items() if entry.state == "made"})
        return Result(self.frozen.period, self.folder, self.frozen, found, whole)

    def _settled(self, tasks: Mapping[str, _Task], before: Mapping[str, ManifestRow]) -> dict[str, ManifestRow]:
        """Find the reviews that are never made again, because both sides have signed them."""
        seals = sealing.seals_of(self.stands.own)
        known = sealing.sealed(before, seals)
        found = places.signed([known[key] for key in tasks if key in known], self.folder)
        for key, task in tasks.items():
            if key not in seals and task.origin.closed and task.job.page.exists() and not manifest.knows(before, key):
                found[key] = manifest.unknown_page(task.job, folder=self.folder)
        return found

    def _fresh(self, task: _Task, entry: ManifestRow | None) -> bool:
        """Tell whether a review is there, whole, and made from what there is now."""
        if self.options.force or entry is None or entry.state != "made" or task.origin.fingerprint is None:
            return False
        return (
            entry.page == task.job.page.relative_to(self.folder).as_posix()
            and entry.fingerprint == task.origin.fingerprint
            and manifest.intact(entry, self.folder)
        )

    @contextlib.contextmanager
    def _ready(self, jobs: Sequence[Job]) -> Iterator[Pool | None]:
        """Have a pool for jobs: threads of this process, or the workers of a cluster; none where there are no jobs."""
        self.watch.plan(len(jobs))
        if not jobs:
            yield None
            return
        from reviewlib.press import batch  # takes longer to import than a run in which nothing changed

        if self.options.scheduler is not None:
            from reviewlib.press import cluster

            pool: AbstractContextManager[Pool] = cluster.workers(self._settings, jobs=jobs, address=self.options.scheduler)
        else:
            pool = batch.threads(self._settings, workers=self.options.workers or 2 * (os.cpu_count() or 1))
        with pool as ready:
            batch.check(jobs)
            yield ready

    def _make(
        self, pool: Pool | None, tasks: Mapping[str, _Task], before: Mapping[str, ManifestRow], entries: dict[str, ManifestRow]
    ) -> None:
        """Make reviews; each outcome is put into ``entries`` and into the log as it comes."""
        if pool is None:
            return
        from reviewlib.press import batch

        def done(outcome: Outcome) -> None:
            key = outcome.job.key
            entry = self._entry(tasks[key], outcome, before.get(key), announced.get(key))
            entries[key] = entry
            # Where the disk is full the manifest, written last, may still find room.
            with contextlib.suppress(OSError):
                manifest.log(self.folder, entry, modes=self.params.modes)
            self.watch.done(entry)

        announced: dict[str, ManifestRow] = {}

        def moving(outcome: Outcome) -> None:
            key = outcome.job.key
            entry = self._announcement(tasks[key], outcome, before.get(key))
            if entry is not None:
                manifest.log(self.folder, entry, modes=self.params.modes)
                announced[key] = entry

        def lay_beside(job: Job) -> Contents:
            # The form for the rep's answer lies beside the rep's copy, and moves in with it.
            reps_copy = (job.labels["kind"], job.labels["audience"]) == ("rep", "rep")
            form = places.form(self.params, self.stands, job.labels["subject"], page=job.page) if reps_copy else {}
            self._leftovers.make_way(job, before[job.key].files if job.key in before else {}, form)
            return form

        problem = functools.partial(publishing.problem_of, self.params, self.frozen)
        press = batch.Press(problem, lay_beside, moving, done, self.params.modes)
        batch.run([task.job for task in tasks.values()], pool, press)
        if remark := pool.remark():
            self.watch.note(remark)

    def _announcement(self, task: _Task, outcome: Outcome, old: ManifestRow | None) -> ManifestRow | None:
        """What the log says of a review before it is moved in; None where it only takes the place of what is known."""
        entry = manifest.entry_of(outcome, task.origin, folder=self.folder)
        known = {**old.files, **old.left} if old else {}
        if not task.origin.closed and entry.files.keys() <= known.keys():
            return None
        left = {place: found for place, found in known.items() if place not in entry.files}
        return replace(entry, state=manifest.MOVING, left=left)

    def _entry(self, task: _Task, outcome: Outcome, old: ManifestRow | None, announced: ManifestRow | None) -> ManifestRow:
        """Describe what became of a review, and clear the places where it lay before."""
        entry = manifest.entry_of(outcome, task.origin, folder=self.folder)
        if entry.state == "failed" and announced and announced.sealed and manifest.arrived(announced, self.folder):
            entry = replace(announced, state="made")  # whatever failed after that: it is there, and is never made again
        if entry.state == "failed":  # what the last success made is still there, and what the log announced may be
            places = {**(announced.files if announced else {}), **(old.left if old else {})}
            files = old.files if old else {}
            left = {place: found for place, found in places.items() if place not in files}
            return replace(entry, files=files, left=left)
        return self._leftovers.cleared(old or entry, entry, task.job)  # before the log forgets where it was

    @property
    def _leftovers(self) -> Leftovers:
        return Leftovers(self.folder, self.params.modes, self.watch.note)

    @property
    def _settings(self) -> Settings:
        from reviewlib.pages.preload import WARMTH

        warm = None if self.options.cold else replace(WARMTH, folder=str(self.params.root), given=(str(self.params.path),))
        return Settings(self.options.timeout, printing.page, self.params.modes, warm, self.params.batch.memory)

    def _job(self, subject: Subject, audience: str) -> Job:
        """Plan one notebook; only the manager gets the executed one."""
        executed = places.notebook_of(subject, self.folder)
        return Job(
            key=manifest.key_of(subject, audience),
            template=starter.notebook(self.params, subject.kind),
            parameters={
                "params": self.params.path.relative_to(self.params.root).as_posix(),
                subject.kind: subject.id,
                "period": self.frozen.period.name,
                "audience": audience,
            },
            notebook=executed if audience == "manager" else None,
            page=pages_of(subject, self.folder)[audience],
            problem=self.folder / "problems" / f"{executed.stem}-{audience}.html",
            labels={"kind": subject.kind, "subject": subject.id, "audience": audience, "name": subject.name},
            folder=self.params.root,
        )
