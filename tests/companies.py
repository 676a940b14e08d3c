"""Small companies by the dozen, in one workbook: each with teams, roles and managers of its own, so that none meets another.

What is told of few people depends on who is in a team, in a role, under a manager, and when: so these are drawn, and figures too.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbooks import workbook

from reviewlib.evidence import sources
from reviewlib.evidence.period import PeriodEvidence, compile_evidence
from reviewlib.periods import Period

Row = dict[str, Any]
Q2, Q3 = Period.parse("2026-Q2"), Period.parse("2026-Q3")
CENTS = {"revenue", "new_customers"}


@dataclass
class Company:
    """One of many: people, by whom somebody is measured, who leaves the export before the second freeze and who has moved by then."""

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
    company.team("A", draw.randint(2, 7), "Max")


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
    """Draw so many, of each kind in turn."""
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
    reps = [
        {**rep, "team": company.moved.get(rep["rep_id"], rep["team"]) if second else rep["team"]}
        for company in drawn
        for rep in company.reps
        if not (second and rep["rep_id"] in company.gone)
    ]
    rows = [row for company in drawn for rep in company.reps for row in _deals(rep, random.Random(f"{seed}{rep['rep_id']}"))]
    if second:  # the CRM gives the deals of those who have gone to nobody
        gone = {rep for company in drawn for rep in company.gone}
        rows = [row for row in rows if row["rep_id"] not in gone]
    targets, measures = [], []
    quarters = [period.name for period in Q3.trend(8)] + ["2026-Q4"]
    listed = {rep["rep_id"] for rep in reps}
    for company in drawn:
        draw = random.Random(f"{seed}{company.name}")
        for rep in (rep["rep_id"] for rep in company.reps if rep["rep_id"] in listed):
            for name in quarters:
                if company.targets:
                    targets.append(_row(rep, "revenue", name, draw.randrange(30_000, 90_000)))
                if rep in company.measured and name <= period.name:
                    measures.append({"rep_id": rep, "kpi": "calls", "period": name, "value": draw.randrange(200, 900)})
    more: Mapping[str, Any] = {"kpis": {"calls": _CALLS}} if measures else {}
    given = {"targets": targets} | ({"measures": measures} if measures else {})
    params = workbook(folder, deals=rows, reps=reps, as_of="2026-10-15", **given, **more)
    return compile_evidence(params, sources.read(params), period)


_CALLS = {"label": "Calls", "definition": "Calls made.", "unit": "count", "better": "higher", "combine": "sum"}


def _row(rep: str, kpi: str, period: str, value: int) -> Row:
    return {"scope": "rep", "scope_id": rep, "kpi": kpi, "period": period, "value": value}


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
