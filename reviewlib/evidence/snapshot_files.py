"""From the evidence of a period to the files of a snapshot: who has a review, their slices, tables, what it is made of."""

import contextlib
import datetime as dt
import json
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from reviewlib.errors import SnapshotError
from reviewlib.evidence import disclosure, proof, safe_csv, slicefile, workings
from reviewlib.evidence.period import PeriodEvidence
from reviewlib.evidence.roster import Post
from reviewlib.evidence.slicefile import AUDIENCES, IDENTITIES, NO_ROWS, slice_name, written
from reviewlib.evidence.slices import Slicer
from reviewlib.evidence.subjects import Subject, team_folder
from reviewlib.files import Modes, alone, make_folder, secure, shown, slug, sync_folder, write, write_all
from reviewlib.params.kpis import RESULT

#: What computes the figures.
_COMPUTING: Final = ("reviewlib", "ibis-framework", "duckdb", "pandas", "numpy", "pyarrow")
_LOCK: Final = ".snapshots.lock"  # beside the folder of the snapshots
#: Deals are written by so many rows.
_ROWS: Final = 100_000


def write_snapshot(evidence: PeriodEvidence, subjects: Sequence[Subject], folder: Path, *, modes: Modes) -> None:
    """Write everything beside its place and move it in with one rename.

    One process at a time writes evidence of a workbook. So what lies there half written is nobody's any more, and where another
    freeze of the same inputs was faster, its evidence stands.

    Raises:
        SnapshotError: It cannot be written there.
    """
    what, do = "The evidence cannot be written.", "Make room there, or let this account write there; then freeze again."
    with SnapshotError.of_disk(what, where=shown(folder.parent), do=do), alone(folder.parent.with_name(_LOCK), modes=modes):
        for left in folder.parent.glob(".part-*"):
            shutil.rmtree(left, ignore_errors=True)
        if (folder / proof.INFO).is_file():
            return
        if slicefile.current_name(evidence.params, evidence.period)[0] == folder.name:
            # It points to one that was removed, whose proof was another.
            (folder.parents[1] / evidence.period.name / "current").unlink()
        part = folder.parent / f".part-{secrets.token_hex(6)}"
        make_folder(part, modes=modes)
        try:
            _write_snapshot(evidence, subjects, folder.name, part, modes)
            part.rename(folder)
            sync_folder(folder.parent)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _write_snapshot(evidence: PeriodEvidence, subjects: Sequence[Subject], hash: str, part: Path, modes: Modes) -> None:
    _write_tables(evidence, part, modes)
    slicer = Slicer(evidence, snapshot=hash, frozen_at=dt.datetime.now(dt.UTC), earlier=_earlier(part.parent))
    cuts, identities = {"rep": slicer.rep, "team": slicer.team}, dict[str, str]()
    for name in dict.fromkeys(subject.folder for subject in subjects):
        texts: dict[Path, str | bytes] = {}
        here = [subject for subject in subjects if subject.folder == name]
        rows = slicer.listing.rows([subject.id for subject in here if subject.kind == "rep"])
        for subject in here:
            own = rows[subject.id] if subject.kind == "rep" else NO_ROWS
            for audience in AUDIENCES:
                file, data = slice_name(subject.kind, subject.id, audience), cuts[subject.kind](subject.id, audience)
                texts[part / name / file], identities[file] = written(data, own)
        write_all(texts, modes=modes)
    _json(part / IDENTITIES, identities, modes)
    names = {rep_id: evidence.roster.posts[rep_id, evidence.period.name].name for rep_id in evidence.roster.rep_ids}
    people = {"reps": names, "addresses": _addresses(evidence.tables.reps)}
    _json(part / "people.json", people | {"subjects": [asdict(subject) for subject in subjects]}, modes)
    told = {"format": proof.FORMAT, **_info(evidence), "workbook": slicer.common["workbook"], "data": slicer.data}
    _json(part / proof.INFO, told | {"files": proof.hashes(part)}, modes)
    for path in part.rglob("*"):
        if path.is_file():
            path.chmod(modes.file & ~0o222)


def _earlier(snapshots: Path) -> Iterator[dict[tuple[str, str], disclosure.Crowd]]:
    """Who is behind the totals of each snapshot that is there; what cannot be read shows none."""
    columns = ["scope", "scope_id", "team", "period", "value", "numerator", "n"]
    for path in snapshots.glob("[!.]*/scorecard.parquet"):
        with contextlib.suppress(OSError, ValueError):
            yield disclosure.behind(pd.read_parquet(path, columns=columns, filters=[("scope", "==", "rep")]))


def _addresses(reps: pd.DataFrame) -> dict[str, str]:
    """Each rep's own address, by the latest row that has one; what several share, as a team's mailbox, is nobody's own."""
    given = reps[reps["email"].str.contains("@", na=False)].sort_values("from", na_position="first", kind="stable")
    latest = given.drop_duplicates("rep_id", keep="last")
    own = latest[~latest["email"].str.strip().str.lower().duplicated(keep=False)]
    return dict(zip(own["rep_id"].astype(str), own["email"].astype(str).str.strip(), strict=True))


def subjects_in(evidence: PeriodEvidence) -> list[Subject]:
    """Everyone who has a review, teams first."""
    name = evidence.period.name
    posts = {rep_id: evidence.roster.posts[rep_id, name] for rep_id in evidence.reviewed}
    rows = evidence.scorecard[(evidence.scorecard["kpi"] == RESULT.key) & (evidence.scorecard["period"] == name)]
    revenue = {(row["scope"], row["scope_id"]): row for row in rows.to_dict("records")}
    managers: dict[str | None, set[str]] = {}
    for post in posts.values():
        managers.setdefault(post.team, set()).update([post.manager] if post.manager else [])
    found = []
    for team in evidence.teams():
        names = tuple(sorted(managers[team]))
        post = Post(team, team, team, ", ".join(names) or None)
        found.append(_subject("team", post, revenue.get(("team", team), {}), managers=names))
    return [*found, *(_subject("rep", post, revenue.get(("rep", post.id), {})) for post in posts.values())]


def _subject(kind: str, post: Post, revenue: Mapping[Any, Any], *, managers: tuple[str, ...] = ()) -> Subject:
    value = _number(revenue.get("value"))
    own = post.as_data()
    del own["region"]  # which no index needs
    return Subject(
        kind=kind,
        folder=team_folder(post.team),
        slug=slug(post.name, post.id),
        revenue=value,
        target=_number(revenue.get("target")),
        verdict=str(revenue.get("verdict", "not_available")),
        reason=revenue.get("reason") if value is None else None,
        managers=managers,
        **own,
    )


def _write_tables(evidence: PeriodEvidence, folder: Path, modes: Modes) -> None:
    read = evidence.tables
    sorted_tables = {
        "reps": read.reps.drop(columns=["rep_name", "manager", "email"]).sort_values("rep_id"),
        "targets": read.targets,
        "measures": read.measures,
        "scorecard": evidence.scorecard.drop(columns=["rep_name"]),
    }
    deals = folder / "deals.parquet"
    rows = evidence.facts.con.con.sql("FROM deals").to_arrow_reader(_ROWS)
    with pq.ParquetWriter(deals, rows.schema) as sink:
        for batch in rows:
            sink.write_batch(batch)
    secure(deals, modes=modes)
    written = {name: pa.Table.from_pandas(frame, preserve_index=False) for name, frame in sorted_tables.items()}
    for name, table in (written | workings.term_tables(evidence)).items():
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        write(folder / f"{name}.parquet", sink.getvalue().to_pybytes(), modes=modes)
    write(folder / workings.NAME, workings.sql(evidence), modes=modes)
    write(folder / "quarantine.csv", safe_csv.csv_text(read.quarantine), modes=modes)


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _info(evidence: PeriodEvidence) -> dict[str, Any]:
    """What ``snapshot.json`` says: hashes, dates, counts, control totals, quarantine, versions."""
    read, context = evidence.tables, evidence.context
    everything = evidence.scorecard[(evidence.scorecard["scope"] == "all") & (evidence.scorecard["kpi"] == RESULT.key)]
    return {
        "period": evidence.period.name,
        "trend": [period.name for period in evidence.trend],
        "as_of": context.as_of.isoformat(),
        "as_of_declared": evidence.params.as_of is not None,
        "history_from": context.history_from.isoformat(),
        "inputs": dict(evidence.tables.inputs),
        "only_period_deals": read.database is not None,
        "reconciliation": [asdict(item) for item in read.reconciliation],
        "exclusions": [asdict(item) for item in read.exclusions],
        "quarantine": read.quarantine["reason"].value_counts().to_dict(),
        "revenue": {row["period"]: _number(row["value"]) for row in everything.to_dict("records")},
        "notes": list(read.notes),
        "versions": {name: version(name) for name in _COMPUTING},
    }


def _json(path: Path, data: Mapping[str, Any], modes: Modes) -> None:
    # Amounts are written as text, with all their digits.
    write(path, json.dumps(data, ensure_ascii=False, allow_nan=False, default=str), modes=modes)
