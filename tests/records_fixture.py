"""Workbooks in which people talk: a params file, frozen names, and nothing else; no figures are computed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbooks import workbook

from reviewlib.conversation import identity, records
from reviewlib.conversation.entries import About, SubjectKind
from reviewlib.conversation.records import Records
from reviewlib.params.model import Params

PEOPLE = {
    "roles": {"ana": "analyst", "dan": "manager", "lucia": "manager", "ella": "rep", "finn": "rep"},
    "logins": {"dan": "Daniel Brandt", "lucia": "Lucía Ferrer", "ella": "R-1", "finn": "R-2"},
}
REPS = (
    ("R-1", "Ella Byrne", "North", "Daniel Brandt"),
    ("R-2", "Finn Dahl", "North", "Daniel Brandt"),
    ("R-3", "Ines Rey", "South", "Lucía Ferrer"),
    ("R-4", "Noa Levi", None, None),
)


def talking(folder: Path, *, periods: Sequence[str] = ("2026-Q3",), **overrides: Any) -> Params:
    """Make a workbook with people and frozen names; overrides are merged into the params."""
    params = workbook(folder, deals=[], **{"people": PEOPLE} | overrides)
    for period in periods:
        freeze_names(params, period)
    return params


def freeze_names(
    params: Params, period: str, *, reps: Sequence[tuple[str, str, str | None, str | None]] = REPS, into: str = "", **more: Any
) -> None:
    """Write what ``subjects_of`` reads, as a freeze would; ``into`` names the snapshot, ``more`` stands in every subject."""
    teams = dict.fromkeys(team for _, _, team, _ in reps if team)
    rows = [
        *(
            _row("team", team, team, team, ", ".join(_managers(reps, team))) | {"managers": _managers(reps, team)} | more
            for team in teams
        ),
        *(_row("rep", rep_id, name, team, manager) | more for rep_id, name, team, manager in reps),
    ]
    folder = params.reports / "snapshots" / (into or f"of-{period}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "people.json").write_text(json.dumps({"reps": {}, "subjects": rows}), encoding="utf-8")
    (folder / "snapshot.json").write_text("{}", encoding="utf-8")
    (params.reports / period).mkdir(parents=True, exist_ok=True)
    (params.reports / period / "current").write_text(folder.name, encoding="utf-8")


def give_address(params: Params, rep_id: str, address: str, *, period: str = "2026-Q3") -> None:
    """Put a rep's address into the frozen names, as a freeze takes it from the reps table."""
    current = (params.reports / period / "current").read_text(encoding="utf-8").strip()
    path = params.reports / "snapshots" / current / "people.json"
    people = json.loads(path.read_text(encoding="utf-8"))
    people["addresses"] = people.get("addresses", {}) | {rep_id: address}
    path.write_text(json.dumps(people), encoding="utf-8")


def as_login(
    params: Params, login: str, *, kind: SubjectKind = "rep", subject: str = "R-1", period: str = "2026-Q3"
) -> Records:
    """Open a review's records as somebody."""
    return records.open_records(params, About(kind, subject, period), person=identity.person_of(params, login))


def _managers(reps: Sequence[tuple[str, str, str | None, str | None]], team: str) -> list[str]:
    return sorted({manager for _, _, its, manager in reps if its == team and manager})


def _row(kind: str, id: str, name: str, team: str | None, manager: str | None) -> Mapping[str, Any]:
    folder = (team or "no-team").lower()
    figures = {"revenue": None, "target": None, "verdict": "not_available", "reason": None}
    return {
        "kind": kind,
        "id": id,
        "name": name,
        "team": team,
        "manager": manager,
        "folder": folder,
        "slug": id.lower(),
    } | figures
