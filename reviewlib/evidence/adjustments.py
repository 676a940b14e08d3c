"""Adjustments: what the CRM says by now of periods whose reviews were released, as the next review of the subject tells it.

They lie in one file for each subject, beside what its review reads of the journal. A rep's holds nothing of anybody else and is
read by both copies; a team's is for its manager alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
        raise SnapshotError(
            f"What the CRM says by now of earlier periods of {kind} {subject} cannot be read.",
            where="/".join(found[0].parts[-4:]),
            do=f"Run: {slicefile.freeze_command(params, period)}",
        )
    return dict(told.get("told", {}))


def parsed(path: Path) -> dict[str, Any] | None:
    """Read a file; None where it is not what was laid there."""
    try:
        data = json.loads(path.read_bytes())
    except ValueError:
        return None
    return data if isinstance(data, dict) and isinstance(data.get("told"), dict) else None


def _name(kind: str, subject: str) -> str:
    return slicefile.slice_name(kind, subject, "manager" if kind == "team" else "rep")
