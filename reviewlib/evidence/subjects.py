"""Who has a review in a period: read from the frozen names, without anything heavy."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reviewlib.evidence import proof
from reviewlib.files import slug

#: The folder of reps without a team.
NO_TEAM: Final = "no-team"


@dataclass(frozen=True)
class Subject:
    """A rep or a team that has a review in the period: where its files are, the figures an index needs, a rep's role and days.

    ``started_on`` and ``left_on`` are ISO dates, as JSON holds them. ``manager`` is how pages name who leads; where the reps of
    a team have several managers, ``managers`` lists them.
    """

    kind: str
    id: str
    name: str
    team: str | None
    manager: str | None
    folder: str
    slug: str
    revenue: float | None
    target: float | None
    verdict: str
    reason: str | None
    role: str | None = None
    started_on: str | None = None
    left_on: str | None = None
    managers: tuple[str, ...] = ()

    @property
    def led_by(self) -> tuple[str, ...]:
        """Everyone whose subject this is: a rep's manager, a team's managers."""
        return self.managers or ((self.manager,) if self.manager else ())


def subjects_of(folder: Path) -> tuple[Subject, ...]:
    """List everyone who has a review by a snapshot's folder, teams first, with names."""
    rows = people(folder)["subjects"]
    return tuple(Subject(**{**row, "managers": tuple(row.get("managers", ()))}) for row in rows)


def addresses_of(folder: Path) -> dict[str, str]:
    """Tell the address of each rep who has one, by rep id; snapshots that were frozen before addresses were kept have none."""
    found: dict[str, str] = people(folder).get("addresses", {})
    return found


def people(folder: Path) -> dict[str, Any]:
    """Read the names of a snapshot: of every rep by id, of everyone who has a review, and the addresses."""
    path = folder / "people.json"
    try:
        found: dict[str, Any] = json.loads(proof.read(path, folder))
    except ValueError as error:
        raise proof.damaged(path) from error
    return found


def team_folder(team: str | None) -> str:
    """The folder of a team's files."""
    return NO_TEAM if team is None else slug(team, team)
