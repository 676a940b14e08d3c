"""Targets: which rows of the targets table make the target of a scope, a KPI and a period.

Sums (revenue, customers acquired) add the rows that tile the period, each scaled by its ramp and the share of active days;
stocks (open pipeline) take the last tile; levels (rates, sizes, times) take the narrowest row that contains the period.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

import pandas as pd

from reviewlib.errors import TargetError
from reviewlib.evidence.roster import ALL, Roster
from reviewlib.params.figures import Kpi
from reviewlib.params.model import Params
from reviewlib.params.words import part_of
from reviewlib.periods import Period

Key = tuple[str, str, str]


@dataclass(frozen=True)
class TargetRow:
    """One row of the targets table; what params say has no line."""

    period: Period
    value: Decimal
    ramp: Decimal
    line: int | None


@dataclass(frozen=True)
class TargetTerm:
    """What one row adds to a target: its value times its ramp times the share of days on which the rep was there.

    A team whose target is the sum of its reps' has theirs as terms.
    """

    row: TargetRow
    rep_id: str | None = None
    active_days: int = 1
    days: int = 1

    @cached_property
    def effective(self) -> Fraction:
        """What counts of the row."""
        return Fraction(self.row.value) * Fraction(self.row.ramp) * Fraction(self.active_days, self.days)


@dataclass(frozen=True)
class Target:
    """A resolved target.

    Attributes:
        value: The effective target; None where there is none.
        raw: The full target, before ramp and share of active days.
        reason: Why there is none.
        terms: What it is the sum of.
    """

    value: Fraction | None = None
    raw: Fraction | None = None
    reason: str | None = None
    terms: tuple[TargetTerm, ...] = ()

    @classmethod
    def sum_of(cls, *terms: TargetTerm) -> Target:
        """Add rows up."""
        effective = sum((term.effective for term in terms), Fraction(0))
        return cls(effective, sum((Fraction(term.row.value) for term in terms), Fraction(0)), terms=terms)


NONE = Target(reason="no target is set")


@dataclass(frozen=True)
class Targets:
    """The targets table, ready to be asked; errors name the file and the lines.

    ``found`` keeps what was asked for, by KPI, scope, scope id and period: each is worked out once.
    """

    rows: Mapping[Key, tuple[TargetRow, ...]]
    defaults: Mapping[str, Decimal]
    roster: Roster
    file: str
    strict: str
    found: dict[tuple[str, str, str, str], Target] = field(default_factory=dict, compare=False, repr=False)

    def resolve(self, kpi: Kpi, scope: str, scope_id: str, period: Period) -> Target:
        """Find the target of one scope, KPI and period.

        Raises:
            TargetError: Rows overlap, or leave a gap in a period that must be complete.
        """
        key = (kpi.key, scope, scope_id, period.name)
        if key not in self.found:
            self.found[key] = (self._level if kpi.targets == "level" else self._summed)(kpi, scope, scope_id, period)
        return self.found[key]

    def _summed(self, kpi: Kpi, scope: str, scope_id: str, period: Period) -> Target:
        """Take the scope's own rows, else those of its reps."""
        own = self._tiles(kpi, scope, scope_id, period)
        if own.value is not None or scope == "rep" or own.reason != NONE.reason:
            return own
        return self.of_reps(kpi, scope, scope_id, period)

    def of_reps(self, kpi: Kpi, scope: str, scope_id: str, period: Period) -> Target:
        """Sum the effective targets of the active reps of a team, or of all."""
        reps = self.roster.active(period) if scope == ALL else self.roster.team(scope_id, period)
        each = [self.resolve(kpi, "rep", rep_id, period) for rep_id in reps]
        known = [(target.value, target.raw) for target in each if target.value is not None and target.raw is not None]
        if not known:
            return NONE
        if lacking := len(each) - len(known):
            return Target(reason=part_of(lacking, len(each), "active reps have no target, and there is none for the whole"))
        values, full = zip(*known, strict=True)
        terms = tuple(term for target in each for term in target.terms)
        return Target(sum(values, Fraction(0)), sum(full, Fraction(0)), terms=terms)

    def _level(self, kpi: Kpi, scope: str, scope_id: str, period: Period) -> Target:
        """Take the most specific scope's narrowest row that contains the period, unscaled; else what params say."""
        rows = self.rows.get((scope, "" if scope == ALL else scope_id, kpi.key), ())
        holding = [row for row in rows if row.period.contains(period)]
        if holding:
            narrowest = min(holding, key=lambda row: row.period.days)
            return Target.sum_of(TargetTerm(replace(narrowest, ramp=Decimal(1))))
        team = self.roster.posts[scope_id, period.name].team if scope == "rep" else None
        if scope != ALL:
            return self.resolve(kpi, "team" if team else ALL, team or ALL, period)
        default = self.defaults.get(kpi.key)
        return NONE if default is None else Target.sum_of(TargetTerm(TargetRow(period, default, Decimal(1), None)))

    def _tiles(self, kpi: Kpi, scope: str, scope_id: str, period: Period) -> Target:
        """Combine the rows of one scope that tile the period exactly."""
        rows = self.rows.get((scope, "" if scope == ALL else scope_id, kpi.key))
        if rows is None:
            return NONE
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
        rep = scope_id if scope == "rep" else None
        if kpi.targets == "stock":
            return Target.sum_of(TargetTerm(inside[-1], rep))
        if post is None:
            return Target.sum_of(*(TargetTerm(row) for row in inside))
        return Target.sum_of(*(TargetTerm(row, rep, post.active_days(row.period), row.period.days) for row in inside))


def targets(params: Params, table: pd.DataFrame, *, roster: Roster, strict: Period) -> Targets:
    """Prepare the targets table; a gap is an error in the ``strict`` period, the reviewed one, and no target elsewhere."""
    rows: dict[Key, list[TargetRow]] = {}
    for record in table.to_dict("records"):
        key = (str(record["scope"]), "" if pd.isna(record["scope_id"]) else str(record["scope_id"]), str(record["kpi"]))
        ramp = Decimal(1) if pd.isna(record["ramp"]) else Decimal(str(record["ramp"]))
        period = Period.parse(str(record["period"]), params.fiscal)
        rows.setdefault(key, []).append(TargetRow(period, record["value"], ramp, int(record["source_line"])))
    defaults = {key: entry.target for key, entry in params.kpis.items() if entry.target is not None}
    file = params.crm.targets.shown if params.crm.targets else "params"
    return Targets({key: tuple(own) for key, own in rows.items()}, defaults, roster, file, strict.name)
