"""What stands over all reviews of a period, written when a run ends: scorecard, index, manifest; and the pages of failures."""

import datetime as dt
import math
import shlex
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from reviewlib import files
from reviewlib.conversation import journal
from reviewlib.evidence import proof, safe_csv, slicefile
from reviewlib.evidence.roster import distinct_names
from reviewlib.evidence.snapshot import Snapshot
from reviewlib.evidence.subjects import Subject
from reviewlib.pages import index, signing
from reviewlib.params.model import Params
from reviewlib.press.jobs import Failure, Job
from reviewlib.run import manifest, status
from reviewlib.run.manifest import ManifestRow
from reviewlib.run.origins import Origins
from reviewlib.run.status import ReviewStatus


def publish(params: Params, frozen: Snapshot, stands: ReviewStatus, origins: Origins, made: Mapping[str, ManifestRow]) -> None:
    """Write what stands over all reviews.

    A login that sees a part of the journal adds to the manifest only: the index would say wrong things of the others.

    Args:
        params: The workbook.
        frozen: The evidence that the period uses.
        stands: How its reviews stand.
        origins: What they are made from.
        made: This run's entries; those of earlier runs are read from the manifest.
    """
    folder = params.reports / frozen.period.name
    log, known = manifest.logged(folder), manifest.whole(folder)
    entries = manifest.merged(manifest.read(folder), made, stands.subjects if stands.whole else None)
    scorecard, indexed = known.scorecard if known.snapshot == frozen.hash else None, known.index
    contents: dict[Path, str | bytes] = {}
    if stands.whole:
        if not (scorecard and manifest.holds(folder / manifest.SCORECARD, scorecard)):
            contents[folder / manifest.SCORECARD] = content = safe_csv.csv_text(frozen.scorecard())
            scorecard = files.sha256(content)
        contents[folder / manifest.INDEX] = page = index.index_page(index_of(params, frozen, stands, entries, origins))
        indexed = files.sha256(page)
    heads = {} if stands.whole else journal.remembered_heads(folder)
    text = manifest.text(folder, frozen, entries, heads | stands.heads, log=log, scorecard=scorecard, index=indexed)
    files.write_all(contents | {folder / manifest.NAME: text}, modes=params.modes)


def index_of(
    params: Params, frozen: Snapshot, stands: ReviewStatus, entries: Sequence[ManifestRow], origins: Origins
) -> index.Index:
    """Lay out the index: every team with its reps, what failed, and the account of the data."""
    book = frozen.info["workbook"]
    by_key = {entry.key: entry for entry in entries}
    waits = _waits(params, stands)
    old = _outdated(stands, origins, by_key)
    pinned = {subject: name for subject in stands.subjects if (name := stands.older(subject))}
    days = {name: proof.info(slicefile.pinned_folder(params, name))["as_of"] for name in set(pinned.values())}
    older = {subject: days[name] for subject, name in pinned.items()}
    subjects = {(subject.kind, subject.id): subject for subject in stands.subjects}
    failed = [(subjects[entry.kind, entry.subject], entry) for entry in entries if entry.state == "failed"]
    periods = sorted((path.parent.name for path in params.reports.glob("*/index.html")), reverse=True)
    folders = sorted({one.folder for one in stands.subjects})
    return index.Index(
        workbook=book,
        period=frozen.period,
        made=params.local(dt.datetime.now(dt.UTC)),
        frozen_at=params.local(dt.datetime.fromisoformat(book["frozen_at"])),
        teams=tuple(_team_rows(stands, folder, by_key, waits, old, older) for folder in folders),
        failures=tuple(
            (f"{one.name}, {entry.audience}’s copy", one.team, entry.error or "not made", entry.problem)
            for one, entry in failed
        ),
        data=frozen.info["data"],
        files={
            manifest.SCORECARD: manifest.SCORECARD,
            manifest.NAME: manifest.NAME,
            "quarantine.csv": f"../snapshots/{frozen.hash}/quarantine.csv",
        },
        earlier={name: f"../{name}/index.html" for name in periods if name != frozen.period.name},
    )


def _team_rows(
    stands: ReviewStatus,
    folder: str,
    entries: Mapping[str, ManifestRow],
    waits: Mapping[Subject, str],
    old: AbstractSet[Subject],
    older: Mapping[Subject, str],
) -> index.TeamRows:
    """One team of the index; reps without a team stand together."""
    here = [subject for subject in stands.subjects if subject.folder == folder]
    team = next((subject for subject in here if subject.kind == "team"), None)
    reps = sorted((subject for subject in here if subject.kind == "rep"), key=lambda subject: (subject.name, subject.id))
    names = distinct_names((rep.id, rep.name) for rep in reps)
    return index.TeamRows(
        name=team.name if team else "No team",
        manager=team.manager if team else None,
        revenue=team.revenue if team else math.fsum(rep.revenue or 0 for rep in reps),
        target=team.target if team else None,
        verdict=team.verdict if team else "not_available",
        page=_page(entries, team, "manager") if team else None,
        rows=tuple(
            index.IndexRow(
                name=names[rep.id],
                revenue=rep.revenue,
                target=rep.target,
                verdict=rep.verdict,
                state=_state(entries, rep, outdated=rep in old),
                manager=_page(entries, rep, "manager"),
                rep=_page(entries, rep, "rep"),
                note=rep.reason or "",
                talk=signing.state_words(stands.state(rep)),
                waits=waits.get(rep, ""),
                signed=stands.state(rep).closed,
                older=older.get(rep),
            )
            for rep in reps
        ),
        older=older.get(team) if team else None,
    )


def _waits(params: Params, stands: ReviewStatus) -> dict[Subject, str]:
    """Name whom each review waits for, by the cadence; nobody where nothing is due."""
    who = {
        row.subject: {"rep": row.subject.name, "manager": row.subject.manager, "analyst": "an analyst"}[row.waiting_for]
        for row in status.status(params, stands).rows
        if row.waiting_for and row.period == stands.period.name
    }
    return {subject: name or "the manager" for subject, name in who.items()}


def _outdated(stands: ReviewStatus, origins: Origins, entries: Mapping[str, ManifestRow]) -> AbstractSet[Subject]:
    """Find the reps whose pages were made from something else than there is now: figures, words, notebook or params."""
    return {
        subject
        for subject in stands.subjects
        for audience in ("manager", "rep")
        if (entry := entries.get(manifest.key_of(subject, audience)))
        and not entry.sealed
        and entry.fingerprint != origins.of(subject, audience).fingerprint
    }


def _state(entries: Mapping[str, ManifestRow], rep: Subject, *, outdated: bool) -> index.State:
    """Say how a rep's review stands."""
    own = [entry for entry in entries.values() if entry.kind == "rep" and entry.subject == rep.id]
    if any(entry.state == "failed" for entry in own):
        return "Failed"
    if outdated:
        return "Outdated"
    return "Open" if own else "Not made yet"


def _page(entries: Mapping[str, ManifestRow], subject: Subject, audience: str) -> str | None:
    entry = entries.get(manifest.key_of(subject, audience))
    return entry.page if entry is not None and entry.state == "made" else None


def problem_of(params: Params, frozen: Snapshot, job: Job, failure: Failure) -> str:
    """The page about a review that failed: for the analyst, without anybody's figures."""
    kind = job.labels["kind"]
    option = f"--{kind} {shlex.quote(job.labels['subject'])}"
    return index.problem_page(
        params,
        frozen.period,
        subject=f"{job.labels['name']}, {job.labels['audience']}’s copy",
        where=f"cell {failure.cell} of {job.template.name}" if failure.cell else job.template.name,
        message=f"{failure.error}: {failure.message}",
        command=f"reviewlib run {shlex.quote(job.parameters['params'])} --period {frozen.period} {option}",
        details=failure.source or "",
    )
