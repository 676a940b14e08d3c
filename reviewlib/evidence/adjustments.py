"""Adjustments: what the CRM says by now of periods whose reviews were released, as the next review of the subject tells it.

They lie in one file for each subject, beside what its review reads of the journal. A rep's holds nothing of anybody else and is
read by both copies; a team's is for its manager alone. Each holds the sha256 of what it tells.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reviewlib import files
from reviewlib.errors import SnapshotError
from reviewlib.evidence import slicefile
from reviewlib.evidence.subjects import Subject
from reviewlib.params.model import Params
from reviewlib.periods import Period


@dataclass(frozen=True)
class Pin:
    """An earlier review that was released: its period, the snapshot that it stays on, and whether both sides signed."""

    period: str
    snapshot: str
    signed: bool


def place(params: Params, subject: Subject, period: Period) -> Path:
    """Where the adjustments that a subject's review tells lie."""
    return params.reports / period.name / subject.folder / "adjustments" / _name(subject.kind, subject.id)


def read(params: Params, *, kind: str, subject: str, period: Period, audience: str) -> dict[str, Any]:
    """Read the adjustments that one copy tells, as ``Adjuster.of`` found them; nothing where there are none.

    Raises:
        SnapshotError: The file is damaged.
    """
    found = [*(params.reports / period.name).glob(f"*/adjustments/{_name(kind, subject)}")]
    told = parsed(found[0]) if found and (kind, audience) != ("team", "rep") else {}
    if told is None:
        what = f"What the CRM says by now of earlier periods of {kind} {subject} cannot be read."
        where, do = "/".join(found[0].parts[-4:]), f"Run: reviewlib freeze {params.typed} --period {period}"
        raise SnapshotError(what, where=where, found="it was changed since it was laid, or is damaged", do=do)
    return dict(told.get("told", {}))


def text(made_from: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    """Write a file: what is told, what that was made from, and its hash."""
    said = json.dumps(told, ensure_ascii=False, default=float)
    return json.dumps({"from": made_from, "told": json.loads(said), "sha256": files.sha256(said)}, ensure_ascii=False)


def parsed(path: Path) -> dict[str, Any] | None:
    """Read a file, empty where there is none; None where it is not what was laid there."""
    if not path.is_file():
        return {}
    try:
        data: dict[str, Any] = json.loads(path.read_bytes())
        return data if json.loads(text(data["from"], data["told"])) == data else None
    except (ValueError, KeyError, TypeError):
        return None


def _name(kind: str, subject: str) -> str:
    return slicefile.slice_name(kind, subject, "manager" if kind == "team" else "rep")
