"""Small companies by the dozen, in one workbook: each with teams, roles and managers of its own; none meets another.

What is told of few people depends on who is in a team, in a role, under a manager, and when: these are drawn, and figures too.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbooks import workbook

from reviewlib.evidence import sources
from reviewlib.evidence.period import PeriodEvidence, compile_evidence
from reviewlib.params.model import Params
from reviewlib.periods import Period

Row = dict[str, Any]
Q2, Q3 = Period.parse("2026-Q2"), Period.parse("2026-Q3")


@dataclass
class Company:
    """One of many: its people, who of them is measured, and who is gone or has moved by the second export."""

    name: str
    kind: str
    reps: list[Row] = field(default_factory=list)
    measured: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    targets: bool = True

    def team(self, name: str, size: int, manager: str, *, role: str = "Seller", **more: Any) -> list[str]:
        """Add people, and tell their ids."""
        found = []
        for _ in range(size):
            rep = f"{self.name}{len(self.reps):02}"
            self.reps.append(
                {
                    "rep_id": rep, "rep_name": f"Rep {rep}", "team": f"{self.name}-{name}", "manager": f"{self.name} {manager}",
                    "role": f"{self.name} {role}", "started_on": None, "left_on": None, **more,
                }
            )  # fmt: skip
            found.append(rep)
        return found


def _one_team(company: Company, draw: random.Random) -> None:
    company.team("A", draw.choice([2, 2, 3, 4, 5, 6, 7]), "Max")


def _rest_of_the_company(company: Company, draw: random.Random) -> None:
    company.team("A", draw.randint(6, 8), "Max")
    company.team("B", draw.randint(1, 4), "Mia")
    company.targets = False


def _two_teams_of_one_manager(company: Company, draw: random.Random) -> None:
    company.team("A", draw.randint(2, 5), "Max")
    company.team("B", draw.randint(2, 5), "Max")
    company.team("C", draw.randint(1, 4), "Mia")
    company.targets = False


def _manager_in_a_team(company: Company, draw: random.Random) -> None:
    leads = company.team("Leads", draw.randint(2, 7), "Boss", role="Lead")
    company.reps[0]["rep_name"] = f"{company.name} Max"
    company.team("B", draw.randint(2, 6), "Max", role=draw.choice(["Seller", "Lead"]))
    company.targets = len(leads) > 4


def _single_role(company: Company, draw: random.Random) -> None:
    company.team("A", draw.randint(5, 6), "Max")
    company.team("A", draw.randint(1, 2), "Max", role="Key account")
    company.team("B", draw.randint(0, 7), "Mia", role="Key account")
    company.team("B", 1, "Mia")
    company.targets = False


def _leaver_between_freezes(company: Company, draw: random.Random) -> None:
    company.team("A", draw.randint(6, 9), "Max")
    company.team("B", draw.randint(0, 3), "Mia")
    company.gone = [company.reps[1]["rep_id"]]
    company.targets = draw.random() < 0.5


def _mover_between_freezes(company: Company, draw: random.Random) -> None:
    company.team("A", draw.randint(7, 9), "Max")
    company.team("B", draw.randint(6, 7), "Mia")
    company.moved = {company.reps[0]["rep_id"]: f"{company.name}-B"}


def _shrank(company: Company, draw: random.Random) -> None:
    company.team("A", draw.randint(1, 3), "Max")
    company.team("A", draw.randint(3, 6), "Max", left_on=draw.choice(["2026-03-31", "2026-09-30", "2025-05-10"]))


def _grew(company: Company, draw: random.Random) -> None:
    company.team("A", draw.randint(1, 3), "Max")
    company.team("A", draw.randint(4, 6), "Max", started_on=draw.choice(["2026-07-01", "2025-04-01"]))


def _measured_few(company: Company, draw: random.Random) -> None:
    reps = company.team("A", draw.randint(6, 8), "Max")
    company.measured = reps[: draw.randint(1, 3)]


def _group_of_one_manager(company: Company, draw: random.Random) -> None:
    company.team("A", draw.randint(5, 8), "Max")
    company.team("B", draw.randint(1, 4), "Mia")
    company.targets = False


KINDS: Sequence[Callable[[Company, random.Random], None]] = (
    _one_team, _rest_of_the_company, _two_teams_of_one_manager, _manager_in_a_team, _single_role, _leaver_between_freezes,
    _mover_between_freezes, _shrank, _grew, _measured_few, _group_of_one_manager,
)  # fmt: skip


def companies(count: int, seed: int) -> list[Company]:
    """Draw so many, of each kind in turn; a team of two is among the first."""
    draw = random.Random(seed)
    found = []
    for place in range(count):
        make = KINDS[place % len(KINDS)]
        company = Company(f"C{place:03}", make.__name__[1:].replace("_", " "))
        make(company, draw)
        found.append(company)
    return found


def frozen(folder: Path, drawn: Sequence[Company], period: Period, *, second: bool = False, seed: int = 1) -> PeriodEvidence:
    """Compile the evidence of a period; of the ``second`` export some are gone and some have moved."""
    params = book(folder, drawn, second=second, seed=seed)
    return compile_evidence(params, sources.read(params), period)


def book(folder: Path, drawn: Sequence[Company], *, second: bool = False, seed: int = 1) -> Params:
    """Write the workbook of these companies; the deals of who is gone are gone too."""
    gone = {rep for company in drawn for rep in company.gone} if second else set()
    quarters = [*(period.name for period in Q3.trend(8)), "2026-Q4"]
    tables: dict[str, list[Row]] = {"reps": [], "deals": [], "targets": [], "measures": []}
    for company in drawn:
        for rep in company.reps:
            if (own := rep["rep_id"]) in gone:
                continue
            draw = random.Random(f"{seed} {own}")
            tables["deals"] += _deals(rep, draw)
            tables["reps"].append({**rep, "team": company.moved.get(own, rep["team"]) if second else rep["team"]})
            for name in quarters:
                common = {"kpi": "calls", "period": name, "value": draw.randrange(200, 900), "n": draw.randrange(5, 20)}
                target = {"scope": "rep", "scope_id": own, "kpi": "revenue", "period": name}
                tables["targets"] += [target | {"value": draw.randrange(30_000, 90_000)}] if company.targets else []
                tables["measures"] += [common | {"rep_id": own}] if own in company.measured and name in quarters[:-1] else []
    kpis = {"kpis": {"calls": _CALLS}} if tables["measures"] else {}
    return workbook(folder, as_of="2026-10-15", **{name: rows for name, rows in tables.items() if rows}, **kpis)


_CALLS = {"label": "Calls", "definition": "Calls made.", "unit": "count", "better": "higher", "combine": "mean"}


def _deals(rep: Row, draw: random.Random) -> list[Row]:
    """Deals of each quarter of the trend, on days on which the rep was there."""
    found = []
    first, last = rep["started_on"] or "2024-10-01", rep["left_on"] or "2026-10-10"
    for quarter in Q3.trend(8):
        for place in range(draw.randint(4, 7)):
            day = quarter.start + dt.timedelta(draw.randrange(quarter.days))
            common = {
                "rep_id": rep["rep_id"], "account_id": f"{rep['rep_id']}-{place}",
                "opened_on": (day - dt.timedelta(draw.randrange(20, 90))).isoformat(),
                "amount": round(draw.lognormvariate(9, 0.6), 2), "expected_amount": round(draw.lognormvariate(9, 0.6), 2),
            }  # fmt: skip
            if first <= day.isoformat() <= last:
                stage = "Won" if place < 3 or draw.random() < 0.4 else "Lost"
                found.append(common | {"stage": stage, "closed_on": day.isoformat()})
    if rep["left_on"] is None:
        found += [
            {**common, "stage": "Open", "closed_on": None, "expected_close_on": "2026-11-02", "opened_on": "2026-08-20"}
            for common in found[-2:]
        ]
    return found
