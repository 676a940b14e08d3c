"""Targets: which rows of the targets table make the target of a scope, a KPI and a period.

Sums (revenue, customers acquired) add the rows that tile the period, each scaled by its ramp and the share of active days;
stocks (open pipeline) take the last tile; levels (rates, sizes, times) take the narrowest row that contains the period.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

import pandas as pd

from reviewlib.errors import TargetError
from reviewlib.evidence.roster import ALL, Roster
from reviewlib.params.figures import Kpi
from reviewlib.params.model import Params
from reviewlib.periods import Period

Key = tuple[str, str, str]


@dataclass(frozen=True)
class TargetRow:
    """One row of the targets table."""

    period: Period
    value: Decimal
    ramp: Decimal
    line: int


@dataclass(frozen=True)
class Target:
    """A resolved target.

    Attributes:
        value: The effective target; None where there is none.
        raw: The full target, before ramp and share of active days.
        reason: Why there is none, or what is special about it.
    """

    value: Fraction | None = None
    raw: Fraction | None = None
    reason: str | None = None


NONE = Target(reason="no target is set")


@dataclass(frozen=True)
class Targets:
    """The targets table, ready to be asked; errors name the file and the lines."""

    rows: Mapping[Key, tuple[TargetRow, ...]]
    defaults: Mapping[str, Decimal]
    roster: Roster
    file: str
    strict: str
    found: dict[tuple[Key, str], Target] = field(default_factory=dict, compare=False, repr=False)

    def resolve(self, kpi: Kpi, scope: str, scope_id: str, period: Period) -> Target:
        """Find the target of one scope, KPI and period.

        Raises:
            TargetError: Rows overlap, or leave a gap in a period that must be complete.
        """
        if kpi.targets == "level":
            return self._level(kpi, scope, scope_id, period)
        own = self._tiles(kpi, scope, scope_id, period)
        if own.value is not None or scope == "rep" or own.reason != NONE.reason:
            return own
        return self.of_reps(kpi, scope, scope_id, period)

    def of_reps(self, kpi: Kpi, scope: str, scope_id: str, period: Period) -> Target:
        """Sum the effective targets of the active reps of a team, or of all."""
        reps = self.roster.active(period) if scope == ALL else self.roster.team(scope_id, period)
        each = [self._tiles(kpi, "rep", rep_id, period) for rep_id in reps]
        if not each or all(target.value is None for target in each):
            return NONE
        if lacking := sum(target.value is None for target in each):
            return Target(reason=f"{lacking} of {len(each)} active reps have no target, and there is none for the whole")
        return Target(
            sum((t.value or Fraction(0) for t in each), Fraction(0)), sum((t.raw or Fraction(0) for t in each), Fraction(0))
        )

    def _level(self, kpi: Kpi, scope: str, scope_id: str, period: Period) -> Target:
        """Take the most specific scope's narrowest row that contains the period, unscaled; else what params say."""
        team = self.roster.posts[scope_id, period.name].team if scope == "rep" else scope_id
        places = {"rep": [("rep", scope_id), ("team", team or "")], "team": [("team", scope_id)], ALL: []}[scope]
        for place, name in (*places, (ALL, "")):
            holding = [row for row in self.rows.get((place, name, kpi.key), ()) if row.period.contains(period)]
            if holding:
                narrowest = min(holding, key=lambda row: row.period.days)
                return Target(Fraction(narrowest.value), Fraction(narrowest.value))
        default = self.defaults.get(kpi.key)
        return NONE if default is None else Target(Fraction(default), Fraction(default))

    def _tiles(self, kpi: Kpi, scope: str, scope_id: str, period: Period) -> Target:
        """Combine the rows of one scope that tile the period exactly; each combination is worked out once."""
        key = (scope, "" if scope == ALL else scope_id, kpi.key)
        if (key, period.name) not in self.found:
            self.found[key, period.name] = self._combined(kpi, scope, scope_id, period, self.rows.get(key, ()))
        return self.found[key, period.name]

    def _combined(self, kpi: Kpi, scope: str, scope_id: str, period: Period, rows: tuple[TargetRow, ...]) -> Target:
        whose = f"{kpi.key} of {'all' if scope == ALL else f'{scope} {scope_id}'}"
        inside = sorted((row for row in rows if period.contains(row.period)), key=lambda row: row.period)
        if not inside:
            coarser = next((row.period.name for row in rows if row.period.contains(period)), None)
            return Target(reason=f"only a coarser target is set ({coarser})") if coarser else NONE
        for left, right in itertools.pairwise(inside):
            if right.period.start < left.period.end:
                raise TargetError(
                    f"Two targets for {whose} overlap.",
                    where=f"{self.file}, lines {left.line} and {right.line}",
                    found=f"{left.period} and {right.period}",
                    do="Keep the months, or the quarter, not both.",
                )
        post = self.roster.posts[scope_id, period.name] if scope == "rep" else None
        # A month in which the rep was not there needs no row.
        months = [month for month in period.months() if post is None or post.active_days(month)]
        gap = next((month for month in months if not any(row.period.contains(month) for row in inside)), None)
        if gap and period.name == self.strict:
            raise TargetError(
                f"The targets for {whose} leave a gap in {period}.",
                where=self.file,
                found=f"nothing for {gap.name}",
                do="Add the missing row; write 0 where nothing is asked.",
            )
        if gap:
            return Target(reason=f"targets are missing for {gap.name}")
        if kpi.targets == "stock":
            last = inside[-1]
            return Target(Fraction(last.value) * Fraction(last.ramp), Fraction(last.value))
        effective = Fraction(0)
        for row in inside:  # scaled by its ramp and the share of calendar days on which the rep was there
            share = Fraction(1) if post is None else Fraction(post.active_days(row.period), row.period.days)
            effective += Fraction(row.value) * Fraction(row.ramp) * share
        return Target(effective, sum((Fraction(row.value) for row in inside), Fraction(0)))


def targets(params: Params, table: pd.DataFrame, *, roster: Roster, strict: Period) -> Targets:
    """Prepare the targets table; a gap is an error in the ``strict`` period, the reviewed one, and no target elsewhere."""
    rows: dict[Key, list[TargetRow]] = {}
    for record in table.to_dict("records"):
        key = (str(record["scope"]), "" if pd.isna(record["scope_id"]) else str(record["scope_id"]), str(record["kpi"]))
        ramp = Decimal(1) if pd.isna(record["ramp"]) else Decimal(str(record["ramp"]))
        period = Period.parse(str(record["period"]), params.fiscal)
        rows.setdefault(key, []).append(TargetRow(period, record["value"], ramp, int(record["source_line"])))
    defaults = {key: entry.target for key, entry in params.kpis.items() if entry.target is not None}
    file = params.crm.targets.file if params.crm.targets else "params"
    return Targets({key: tuple(own) for key, own in rows.items()}, defaults, roster, file, strict.name)
