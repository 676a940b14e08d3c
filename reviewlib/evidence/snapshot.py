"""The snapshot: the evidence of a period, frozen. It is written once and never changed; reviews read nothing else."""

from __future__ import annotations

import contextlib
import datetime as dt
import difflib
import functools
import hashlib
import json
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from reviewlib.errors import PeriodError, SubjectError
from reviewlib.evidence import sources, tables
from reviewlib.evidence.dossier import Dossier, compile_dossier, default_period
from reviewlib.evidence.roster import Post
from reviewlib.evidence.slicefile import AUDIENCES, IDENTITIES, current_folder, slice_name
from reviewlib.evidence.slices import Slicer, identity
from reviewlib.evidence.sources import Tables
from reviewlib.evidence.subjects import Subject, subjects_of
from reviewlib.files import PRIVATE, Modes, alone, make_folder, slug, write, write_all
from reviewlib.params import Params
from reviewlib.periods import Period, last_complete

#: The folder of reps without a team.
NO_TEAM: Final = "no-team"
_LOCK: Final = ".snapshots.lock"  # beside the folder of the snapshots
#: Sections of params that no figure depends on.
_OF_PEOPLE: Final = {"people", "rating", "records", "batch"}


@dataclass(frozen=True)
class Snapshot:
    """Frozen evidence on disk.

    Attributes:
        folder: ``snapshots/<hash12>``.
        hash: The first twelve digits of the hash of everything that went in.
        period: The review period.
        info: What ``snapshot.json`` holds.
    """

    folder: Path
    hash: str
    period: Period
    info: Mapping[str, Any]

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Everyone who has a review, teams first, with names."""
        return subjects_of(self.folder)

    def scorecard(self) -> pd.DataFrame:
        """The tidy scorecard of every scope and period, with the reps' names put back in."""
        frame = pd.read_parquet(self.folder / "scorecard.parquet")
        people = json.loads((self.folder / "people.json").read_text(encoding="utf-8"))["reps"]
        frame["rep_name"] = frame["rep_id"].map(people)
        return frame[[*tables.SCORECARD]]


def modes_of(params: Params) -> Modes:
    """Who may read what is written for this workbook."""
    return Modes.shared(params.group) if params.group else PRIVATE


def fingerprint(params: Params, period: Period) -> str:
    """Hash everything that the evidence of a period is made from: inputs, params, period and the code of this wing."""
    parts = {
        "inputs": sources.input_hashes(params),
        "params": params.model_dump(mode="json", by_alias=True, exclude=_OF_PEOPLE),
        "period": period.name,
        "code": _code(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def freeze(
    params: Params,
    period: Period | None = None,
    *,
    reps: Sequence[str] = (),
    teams: Sequence[str] = (),
    read: Callable[[], Tables] | None = None,
) -> Snapshot:
    """Read the CRM once, compute every KPI and write the evidence; what is already frozen is taken as it is.

    Args:
        params: The workbook.
        period: The review period; the last complete one of the reps' cadence where it is not given.
        reps: Ids that must have a review in the period.
        teams: Teams that must have one.
        read: Reads the sources; for several periods, once for all.

    Raises:
        ReviewError: Whatever is wrong with sources, targets, period or ids, before anything is written.
    """
    read = read or functools.cache(lambda: sources.read(params))
    period = period or _known_default(params) or default_period(params, read().deals)
    if found := _frozen(params, period):
        _check_subjects(found.subjects, period, reps=reps, teams=teams)
        return found
    dossier = compile_dossier(params, read(), period)
    subjects = _subjects(dossier)
    _check_subjects(subjects, period, reps=reps, teams=teams)
    folder = params.reports / "snapshots" / fingerprint(params, period)[:12]
    write_snapshot(dossier, subjects, folder)
    return open_snapshot(folder, params)


def _known_default(params: Params) -> Period | None:
    """The last complete period by a snapshot of the same inputs; None where there is none, and the export must be read."""
    for folder, period in period_folders(params).items():
        if (folder / "current").is_file() and (found := _frozen(params, period)):
            as_of = dt.date.fromisoformat(found.info["as_of"])
            return last_complete(params.review_kind("rep"), as_of=as_of, fiscal=params.fiscal)
    return None


def period_folders(params: Params) -> dict[Path, Period]:
    """Find the folders of periods, by name; one that is called anything else, such as a copy, is none of them."""
    found: dict[Path, Period] = {}
    for folder in sorted(path for path in params.reports.glob("*") if path.is_dir()):
        with contextlib.suppress(PeriodError):
            period = Period.parse(folder.name, params.fiscal)
            found |= {folder: period} if period.name == folder.name else {}
    return found


def _frozen(params: Params, period: Period) -> Snapshot | None:
    """Find the snapshot of unchanged inputs."""
    folder = params.reports / "snapshots" / fingerprint(params, period)[:12]
    return open_snapshot(folder, params) if (folder / "snapshot.json").is_file() else None


def _check_subjects(subjects: Sequence[Subject], period: Period, *, reps: Sequence[str], teams: Sequence[str]) -> None:
    """Refuse a rep or a team that has no review in the period.

    Raises:
        SubjectError: The first one that has none, with the nearest that has.
    """
    for kind, wanted in (("rep", reps), ("team", teams)):
        known = [subject.id for subject in subjects if subject.kind == kind]
        for name in wanted:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or known[:3]
                raise SubjectError(
                    f"There is no review of {kind} {name!r} in {period}.",
                    where="the reps table",
                    found=f"{len(known)} {kind}s with a review in {period}, such as {', '.join(near)}"
                    if known
                    else f"no {kind}",
                    do=f"Write the {'id' if kind == 'rep' else 'name'} as it stands in the reps table; who was not there "
                    "in the period and closed no deal has no review.",
                )


def use(params: Params, snapshot: Snapshot) -> None:
    """Name the snapshot that the period uses from now on."""
    path = params.reports / snapshot.period.name / "current"
    write(path, f"{snapshot.hash}\n", modes=modes_of(params))


def open_snapshot(folder: Path, params: Params) -> Snapshot:
    """Open frozen evidence."""
    info = json.loads((folder / "snapshot.json").read_text(encoding="utf-8"))
    return Snapshot(folder, folder.name, Period.parse(info["period"], params.fiscal), info)


def current(params: Params, period: Period) -> Snapshot | None:
    """The snapshot that a period uses; None where nothing is frozen yet."""
    folder = current_folder(params, period)
    return None if folder is None else open_snapshot(folder, params)


def team_folder(team: str | None) -> str:
    """The folder of a team's files."""
    return NO_TEAM if team is None else slug(team, team)


def write_snapshot(dossier: Dossier, subjects: Sequence[Subject], folder: Path) -> None:
    """Write everything beside its place and move it in with one rename.

    One process at a time writes evidence of a workbook. So what lies there half written is nobody's any more, and where another
    freeze of the same inputs was faster, its evidence stands.
    """
    modes = modes_of(dossier.params)
    with alone(folder.parent.with_name(_LOCK), modes=modes):
        for left in folder.parent.glob(".part-*"):
            shutil.rmtree(left, ignore_errors=True)
        if (folder / "snapshot.json").is_file():
            return
        part = folder.parent / f".part-{secrets.token_hex(6)}"
        make_folder(part, modes=modes)
        try:
            _write_snapshot(dossier, subjects, folder.name, part, modes)
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _write_snapshot(dossier: Dossier, subjects: Sequence[Subject], hash: str, part: Path, modes: Modes) -> None:
    _write_tables(dossier, part, modes)
    slicer = Slicer(dossier, snapshot=hash, frozen_at=dt.datetime.now(dt.UTC))
    identities: dict[str, str] = {}
    for name in dict.fromkeys(subject.folder for subject in subjects):
        cut = _cut(slicer, [subject for subject in subjects if subject.folder == name])
        identities |= {file: identity(data) for file, data in cut.items()}
        write_all({part / name / file: _text(data) for file, data in cut.items()}, modes=modes)
    _json(part / IDENTITIES, identities, modes)
    names = {rep_id: dossier.roster.posts[rep_id, dossier.period.name].name for rep_id in dossier.roster.rep_ids}
    _json(part / "people.json", {"reps": names, "subjects": [asdict(subject) for subject in subjects]}, modes)
    _json(part / "snapshot.json", _info(dossier) | {"workbook": slicer.common["workbook"], "data": slicer.data}, modes)


def _subjects(dossier: Dossier) -> list[Subject]:
    """Everyone who has a review, teams first."""
    name = dossier.period.name
    posts = {rep_id: dossier.roster.posts[rep_id, name] for rep_id in dossier.reviewed()}
    rows = dossier.scorecard[(dossier.scorecard["kpi"] == "revenue") & (dossier.scorecard["period"] == name)]
    revenue = {(row["scope"], row["scope_id"]): row for row in rows.to_dict("records")}
    managers: dict[str | None, set[str]] = {}
    for post in posts.values():
        managers.setdefault(post.team, set()).update([post.manager] if post.manager else [])
    everyone = [
        *(("team", team, team, team, ", ".join(sorted(managers[team])) or None) for team in dossier.teams()),
        *(("rep", post.rep_id, post.name, post.team, post.manager) for post in posts.values()),
    ]
    found = [_subject(*who, revenue.get((who[0], who[1]), {})) for who in everyone]
    return [
        _with_post(one, posts[one.id]) if one.kind == "rep" else replace(one, managers=tuple(sorted(managers[one.id])))
        for one in found
    ]


def _with_post(subject: Subject, post: Post) -> Subject:
    """Add what the cadence goes by: the role, and the days in the company."""
    first, last = (day.isoformat() if day else None for day in (post.started_on, post.left_on))
    return replace(subject, role=post.role, started_on=first, left_on=last)


def _subject(kind: str, subject: str, name: str, team: str | None, manager: str | None, revenue: Mapping[Any, Any]) -> Subject:
    value = _number(revenue.get("value"))
    return Subject(
        kind=kind,
        id=subject,
        name=name,
        team=team,
        manager=manager,
        folder=team_folder(team),
        slug=slug(name, subject),
        revenue=value,
        target=_number(revenue.get("target")),
        verdict=str(revenue.get("verdict", "not_available")),
        reason=revenue.get("reason") if value is None else None,
    )


def _write_tables(dossier: Dossier, folder: Path, modes: Modes) -> None:
    read = dossier.tables
    sorted_tables = {
        "deals": read.deals.sort_values(["rep_id", "deal_id"]),
        "reps": read.reps.drop(columns=["rep_name", "manager", "email"]).sort_values("rep_id"),
        "targets": read.targets,
        "measures": read.measures,
        "scorecard": dossier.scorecard.drop(columns=["rep_name"]),
    }
    for name, frame in sorted_tables.items():
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), sink)
        write(folder / f"{name}.parquet", sink.getvalue().to_pybytes(), modes=modes)
    quarantine = folder / "quarantine.csv"
    sources.write_quarantine(read, quarantine)
    write(quarantine, quarantine.read_bytes(), modes=modes)


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _info(dossier: Dossier) -> dict[str, Any]:
    """What ``snapshot.json`` says: hashes, dates, counts, control totals, quarantine, versions and the SQL of each KPI."""
    read, setting = dossier.tables, dossier.setting
    everything = dossier.scorecard[(dossier.scorecard["scope"] == "all") & (dossier.scorecard["kpi"] == "revenue")]
    return {
        "period": dossier.period.name,
        "trend": [period.name for period in dossier.trend],
        "as_of": setting.as_of.isoformat(),
        "as_of_declared": dossier.params.as_of is not None,
        "history_from": setting.history_from.isoformat(),
        "inputs": dict(dossier.tables.inputs),
        "reconciliation": [{key: _plain(value) for key, value in asdict(item).items()} for item in read.reconciliation],
        "exclusions": [{key: _plain(value) for key, value in asdict(item).items()} for item in read.exclusions],
        "quarantine": read.quarantine["reason"].value_counts().to_dict(),
        "revenue": {row["period"]: _number(row["value"]) for row in everything.to_dict("records")},
        "notes": list(read.notes),
        "versions": versions(),
        "sql": dict(dossier.sql),
    }


def versions() -> dict[str, str]:
    """The versions of what computes the figures."""
    return {name: version(name) for name in ("reviewlib", "ibis-framework", "duckdb", "pandas", "numpy", "pyarrow")}


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, int | str) else str(value)


def _cut(slicer: Slicer, subjects: Sequence[Subject]) -> dict[str, dict[str, Any]]:
    """Cut the slices of both audiences, by the names of their files."""
    cuts = {"rep": slicer.rep, "team": slicer.team}
    return {
        slice_name(subject.kind, subject.id, audience): cuts[subject.kind](subject.id, audience)
        for subject in subjects
        for audience in AUDIENCES
    }


def _json(path: Path, data: Mapping[str, Any], modes: Modes) -> None:
    write(path, _text(data), modes=modes)


def _text(data: Mapping[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, allow_nan=False)


def _code() -> str:
    """Hash the code that makes figures, so that a corrected formula is never hidden by an older snapshot."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
