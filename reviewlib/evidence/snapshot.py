"""The snapshot: the evidence of a period, frozen. It is written once and never changed; reviews read nothing else."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reviewlib.errors import PeriodError, SubjectError
from reviewlib.evidence import proof
from reviewlib.evidence.slicefile import current_folder
from reviewlib.evidence.subjects import Subject, people, subjects_of
from reviewlib.files import sha256_of, write
from reviewlib.params.model import Params
from reviewlib.params.rules import near_names
from reviewlib.params.words import counted
from reviewlib.periods import Period, last_complete

if TYPE_CHECKING:
    import pandas as pd

    from reviewlib.evidence.sources import Tables

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
        proof: The sha256 of ``snapshot.json``, which stands for every file.
    """

    folder: Path
    hash: str
    period: Period
    info: Mapping[str, Any]
    proof: str

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Everyone who has a review, teams first, with names."""
        return subjects_of(self.folder)

    def scorecard(self) -> pd.DataFrame:
        """The tidy scorecard of every scope and period, with the reps' names put back in."""
        import pandas as pd

        from reviewlib.evidence.tables import JUDGED, SCORECARD

        frame = pd.read_parquet(io.BytesIO(proof.read(self.folder / "scorecard.parquet", self.folder)))
        frame["rep_name"] = frame["rep_id"].map(people(self.folder)["reps"])
        return frame.reindex(columns=[*SCORECARD, *JUDGED])


def fingerprint(params: Params, period: Period) -> str:
    """Hash everything that the evidence of a period is made from: inputs, params, period and the code of this package."""
    from reviewlib.evidence import sources

    parts = {
        "inputs": sources.input_hashes(params),
        "params": params.model_dump(mode="json", by_alias=True, exclude=_OF_PEOPLE),
        "period": period.name,
        "code": code(),
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

    Without a period it is the last complete one of the reps' cadence. ``reps`` and ``teams`` must have a review in it. ``read``
    reads the sources; for several periods, once for all.

    Raises:
        ReviewError: Whatever is wrong with sources, targets, period or ids, before anything is written.
    """
    from reviewlib.evidence import sources

    read = read or functools.cache(lambda: sources.read(params))
    period = period or _known_default(params) or default_period(params, read())
    if found := _frozen(params, period):
        check_subjects(found.subjects, period, reps=reps, teams=teams)
        return found
    from reviewlib.evidence import snapshot_files  # brings Ibis and DuckDB, which most runs do without
    from reviewlib.evidence.period import compile_evidence

    evidence = compile_evidence(params, read(), period)
    subjects = snapshot_files.subjects_in(evidence)
    check_subjects(subjects, period, reps=reps, teams=teams)
    folder = params.reports / "snapshots" / fingerprint(params, period)[:12]
    snapshot_files.write_snapshot(evidence, subjects, folder, modes=params.modes)
    return open_snapshot(folder, params)


def default_period(params: Params, read: Tables) -> Period:
    """The last complete period of the reps' cadence, by the export's date."""
    from reviewlib.evidence import sources

    return last_complete(params.cadence.rep, as_of=sources.as_of(params, read.deals), fiscal=params.fiscal)


def _known_default(params: Params) -> Period | None:
    """The last complete period by a snapshot of the same inputs; None where there is none, and the export must be read."""
    for folder, period in period_folders(params).items():
        if (folder / "current").is_file() and (found := _frozen(params, period)):
            as_of = dt.date.fromisoformat(found.info["as_of"])
            return last_complete(params.cadence.rep, as_of=as_of, fiscal=params.fiscal)
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
    return open_snapshot(folder, params) if folder.is_dir() else None


def check_subjects(subjects: Sequence[Subject], period: Period, *, reps: Sequence[str], teams: Sequence[str]) -> None:
    """Refuse a rep or a team that has no review in the period.

    Raises:
        SubjectError: The first one that has none, with the nearest that has.
    """
    for kind, wanted in (("rep", reps), ("team", teams)):
        known = [subject.id for subject in subjects if subject.kind == kind]
        for name in wanted:
            if name not in known:
                near = ", ".join(near_names(name, known) or known[:3])
                raise SubjectError(
                    f"There is no review of {kind} {name!r} in {period}.",
                    where="the reps table",
                    found=counted(len(known), f"{kind}s with a review in {period}, such as {near}") if known else f"no {kind}",
                    do=f"Write the {'id' if kind == 'rep' else 'name'} as it stands in the reps table; who was not there "
                    "in the period and closed no deal has no review.",
                )


def use(params: Params, snapshot: Snapshot) -> None:
    """Name the snapshot that the period uses from now on."""
    path = params.reports / snapshot.period.name / "current"
    write(path, f"{snapshot.hash} {snapshot.proof}\n", modes=params.modes)


def open_snapshot(folder: Path, params: Params) -> Snapshot:
    """Open frozen evidence.

    Raises:
        SnapshotError: What it says of itself is damaged, or was written by a newer version.
    """
    info = proof.info(folder)
    return Snapshot(folder, folder.name, Period.parse(info["period"], params.fiscal), info, sha256_of(folder / proof.INFO))


def current(params: Params, period: Period) -> Snapshot | None:
    """The snapshot that a period uses; None where nothing is frozen yet."""
    folder = current_folder(params, period)
    return None if folder is None else open_snapshot(folder, params)


def code() -> str:
    """Hash the code that says what figures are and makes them, so that no older snapshot hides a corrected formula."""
    digest, here = hashlib.sha256(), Path(__file__).parent
    rooms = (here, here.with_name("params"))
    for path in sorted(path for room in rooms for path in room.iterdir() if path.suffix in (".py", ".j2")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
