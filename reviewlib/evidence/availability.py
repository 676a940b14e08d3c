"""Which figures there are, and why not: targets beside them, denominators below them, reasons where one is missing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd
from babel.numbers import get_currency_precision

from reviewlib.errors import ParamsError
from reviewlib.evidence.facts import EPOCH, KEY, Calendar
from reviewlib.evidence.roster import ALL, Roster
from reviewlib.evidence.store import DealRows
from reviewlib.evidence.targets import NONE, Target, Targets
from reviewlib.params.figures import Kpi
from reviewlib.params.kpis import KPIS, RESULT
from reviewlib.params.model import KpiParams, Params
from reviewlib.periods import Period

#: The scopes that have targets.
SCOPES: Final = ("rep", "team", ALL)
#: Own measures that are judged: who asks many questions finds something by chance.
OWN_JUDGED: Final = 2
#: The deals that carry a column; any deal carries the others.
_CARRIED_BY: Final = {"amount": "outcome = 'won'", "account_id": "outcome = 'won'"}


@dataclass(frozen=True)
class Lack:
    """Why figures cannot be given, and what it would take."""

    reason: str
    do: str


@dataclass(frozen=True)
class ScorecardContext:
    """What the whole scorecard is made with.

    Attributes:
        params: The workbook.
        kpis: Its figures by key.
        calendar: The periods evaluated.
        trend: Those of them that pages show, the review period last.
        roster: Who was there, in these periods and the one after.
        targets: The targets table.
        mapped: The deal columns that the export carries.
        lacks: What it does not carry, by column or outcome.
        as_of: The export's date.
        history_from: From when the export is complete.
        closing: Rep and period, for every period in which a deal of the rep's closed, refunds included.
    """

    params: Params
    kpis: Mapping[str, Kpi]
    calendar: Calendar
    trend: tuple[Period, ...]
    roster: Roster
    targets: Targets
    mapped: frozenset[str]
    lacks: Mapping[str, Lack]
    as_of: dt.date
    history_from: dt.date
    closing: frozenset[tuple[str, str]]

    @property
    def periods(self) -> Mapping[str, Period]:
        """The evaluated periods by name."""
        return {period.name: period for period in self.calendar.periods}

    @property
    def models(self) -> Mapping[str, str]:
        """By which model each figure is judged; of own measures only the first few of params are."""
        own = [key for key in self.params.kpis if key in self.kpis and self.kpis[key].own]
        judged = (kpi for kpi in self.kpis.values() if not kpi.own or kpi.key in own[:OWN_JUDGED])
        return {kpi.key: kpi.judged_by for kpi in judged if kpi.judged_by is not None}

    @property
    def sums(self) -> Collection[str]:
        """The figures that add up over time."""
        return [key for key, kpi in self.kpis.items() if kpi.targets == "sum"]

    @property
    def digits(self) -> int:
        """How many decimals the currency has."""
        return get_currency_precision(self.params.currency)

    def lacking(self, kpi: Kpi) -> list[Lack]:
        """List what the export does not carry of what a KPI needs."""
        return [self.lacks[name] for name in (*kpi.needs, *kpi.outcomes) if name in self.lacks]


def what_lacks(params: Params, mapped: frozenset[str], deals: DealRows) -> Mapping[str, Lack]:
    """Ask the deals what the export does not carry: columns that are not mapped or hold nothing, outcomes without a deal."""
    needed = sorted({name for kpi in params.figures.values() for name in kpi.needs})
    found = {
        name: Lack(f"the export has no column for {name}", f"Name its column under crm.deals.columns.{name}.")
        for name in needed
        if name not in mapped
    }
    # Expected dates that nobody fills in are counted, and told beside the coverage.
    asked = [name for name in needed if name in mapped and name != "expected_close_on"]
    filled = ", ".join(
        f"bool_or({name} IS NOT NULL) FILTER (WHERE {_CARRIED_BY.get(name, 'TRUE')}) AS {name}" for name in asked
    )
    for name, known in zip(asked, deals.row(f"SELECT {filled} FROM deals") if asked else (), strict=True):
        if known is False:
            found[name] = Lack(f"the column for {name} is empty", f"Fill it in the CRM, or name another one for {name}.")
    outcomes = {outcome for (outcome,) in deals.rows("SELECT DISTINCT outcome FROM deals")}
    for outcome in ("lost", "open"):
        if outcome not in outcomes:
            do = f"Export the {outcome} deals as well, and list their stages under crm.deals.stages.{outcome}."
            found[outcome] = Lack(f"the export has no {outcome} deal", do)
    return MappingProxyType(found)


def why(lacks: Sequence[Lack]) -> str | None:
    """Say why a figure cannot be given; None where nothing is lacking."""
    return "; ".join(lack.reason for lack in lacks) or None


def with_targets(figures: pd.DataFrame, context: ScorecardContext) -> pd.DataFrame:
    """Put the target beside each KPI, and the revenue target below attainment and coverage.

    Adds target, target_raw, target_reason; a supporting figure has none.
    """
    keys = ["kpi", *KEY]
    frame = figures.reset_index(drop=True).astype(dict.fromkeys(keys, object))
    if "reason" not in frame:
        frame["reason"] = None
    main = [key for key, kpi in context.kpis.items() if kpi.of is None]
    rows = frame.index[frame["kpi"].isin(main) & frame["scope"].isin(SCOPES)]
    places = zip(*(frame.loc[rows, name] for name in keys), strict=True)
    found = [_target(context, context.kpis[kpi], scope, scope_id, period) for kpi, scope, scope_id, period in places]
    own, below = ([pair[side] for pair in found] for side in (0, 1))
    frame["target"] = _column(frame, rows, [target.value for target in own])
    frame["target_raw"] = _column(frame, rows, [target.raw for target in own])
    frame["target_reason"] = pd.Series([target.reason for target in below], index=rows, dtype=object).reindex(frame.index)
    bottom = _column(frame, rows, [target.value for target in below])
    frame["denominator"] = frame["denominator"].where(~_per_target(frame, context), bottom)
    return frame


def with_values(frame: pd.DataFrame, context: ScorecardContext) -> pd.DataFrame:
    """Divide; a denominator that is not above zero gives no figure but a reason. Who was not there has no figure either."""
    frame["reason"] = frame["reason"].where(frame["reason"].notna(), _unavailable(frame, context))
    divided = frame["denominator"].notna()
    empty = divided & ~(frame["denominator"] > 0) | frame["numerator"].isna()
    reasons = frame["kpi"].map({key: kpi.empty or None for key, kpi in context.kpis.items()})
    frame["reason"] = frame["reason"].where(frame["reason"].notna(), reasons.where(empty, None))
    young = frame.loc[immature(frame, context), "matures_on"]
    ripe = young.map(lambda days: f"matures on {_day(EPOCH + dt.timedelta(days=days))}")
    frame["reason"] = frame["reason"].where(frame["reason"].notna(), ripe)
    absent = _absent(frame, context)
    frame["reason"] = frame["reason"].where(absent.isna(), absent)
    bottom = frame["denominator"].where(divided & ~empty, 1.0)
    frame["value"] = (frame["numerator"] / bottom).where(frame["reason"].isna())
    return frame


def _target(context: ScorecardContext, kpi: Kpi, scope: str, scope_id: str, name: str) -> tuple[Target, Target]:
    """The KPI's own target, and the target of the result that is its denominator."""
    period = context.periods[name]
    if kpi.per_target == "this":
        return NONE, context.targets.resolve(RESULT, scope, scope_id, period)
    own = context.targets.resolve(kpi, scope, scope_id, period)
    return own, context.targets.resolve(RESULT, scope, scope_id, period.next) if kpi.per_target else NONE


def _column(frame: pd.DataFrame, rows: pd.Index, values: list[object]) -> pd.Series[float]:
    """Lay values on their rows; the others are missing."""
    numbers = [np.nan if value is None else float(value) for value in values]  # type: ignore[arg-type]
    return pd.Series(numbers, index=rows, dtype="float64").reindex(frame.index)


def _per_target(frame: pd.DataFrame, context: ScorecardContext) -> pd.Series[bool]:
    return frame["kpi"].isin([key for key, kpi in context.kpis.items() if kpi.per_target])


def _unavailable(frame: pd.DataFrame, context: ScorecardContext) -> pd.Series[str]:
    """Say why a figure cannot be given; missing where it can."""
    pairs = {
        (key, name): why(lacking(context, kpi, period))
        for key, kpi in context.kpis.items()
        for name, period in context.periods.items()
    }
    said = pd.Series([pairs[pair] for pair in zip(frame["kpi"], frame["period"], strict=True)], index=frame.index, dtype=object)
    untargeted = _per_target(frame, context) & frame["denominator"].isna()
    empty = frame["kpi"].map({key: kpi.empty for key, kpi in context.kpis.items()})
    unset = frame["target_reason"].isna() | (frame["target_reason"] == NONE.reason)
    return said.where(said.notna() | ~untargeted, frame["target_reason"].where(~unset, empty))


def lacking(context: ScorecardContext, kpi: Kpi, period: Period) -> list[Lack]:
    """List the columns and outcomes that a KPI lacks, else the history that it lacks in a period."""
    if kpi.expression is None:
        return []
    if lacks := context.lacking(kpi):
        return lacks
    begins, window = context.history_from, context.calendar.window(period)
    earlier = "Export the deals closed from {} on, and declare it as crm.history_from."
    if period.start < begins:
        return [Lack(f"the history begins on {_day(begins)}", earlier.format(period.start))]
    if kpi.history == "window" and window.start < begins:
        reason = f"the history, from {_day(begins)}, does not cover the retention window"
        return [Lack(reason, earlier.format(window.start))]
    if kpi.today_only and "expected_close_on" in context.mapped and context.as_of >= period.next.end:
        reason = "no history is kept: the CRM holds only today’s expected dates"
        return [Lack(reason, f"Nothing: an export from before {period.next.end} would be needed.")]
    return []


def immature(frame: pd.DataFrame, context: ScorecardContext) -> pd.Series[bool]:
    """Tell the figures that mature after the export."""
    return frame["matures_on"] > (context.as_of - EPOCH).days


def _absent(frame: pd.DataFrame, context: ScorecardContext) -> pd.Series[str]:
    """Say of reps without any deal, or not there in the period, that the deals have no figure of theirs."""
    from_deals = frame["kpi"].map({key: kpi.expression is not None for key, kpi in context.kpis.items()})
    gone = {
        (rep_id, name): _absence(context, rep_id, period)
        for name, period in context.periods.items()
        for rep_id in context.roster.rep_ids
    }
    keys = zip(frame["scope"], frame["scope_id"], frame["period"], from_deals, strict=True)
    reasons = [gone[rep, name] if scope == "rep" and counts else None for scope, rep, name, counts in keys]
    return pd.Series(reasons, index=frame.index, dtype=object)


def _absence(context: ScorecardContext, rep_id: str, period: Period) -> str | None:
    if rep_id not in context.roster.sellers:
        return "owns no deal in the export"
    if not context.roster.posts[rep_id, period.name].active_days(period) and (rep_id, period.name) not in context.closing:
        return "not here in the period, and no deal closed in it"
    return None


def _day(day: dt.date) -> str:
    return f"{day.day} {day:%B %Y}"


def of_workbook(params: Params, mapped: frozenset[str]) -> Mapping[str, Kpi]:
    """List the figures of a workbook: the built-in ones and its measures from other tools, without what is switched off.

    Where the export has no expected amount, the bridge of the pipeline counts deals.

    Raises:
        ParamsError: A measure has the key of a supporting figure, or nothing is left that is judged.
    """
    taken = sorted(key for key in params.kpis if key in KPIS and KPIS[key].of)
    if taken:
        raise ParamsError(
            "A measure has the key of a figure that reviewlib works out itself.",
            where=f"{params.path.name}, kpis",
            found=", ".join(taken),
            do="Give the measure another key.",
        )
    figures, off = params.figures, {key for key, entry in params.kpis.items() if entry.off}
    if RESULT.key in off:
        off |= {key for key, kpi in figures.items() if kpi.from_targets}
    if all(key in off for key, kpi in figures.items() if kpi.of is None):
        raise ParamsError(
            "Every KPI is switched off.", where=f"{params.path.name}, kpis", do="Leave at least one of them on: remove its off."
        )
    kept = {key: kpi for key, kpi in figures.items() if key not in off and kpi.of not in off}
    counts = "expected_amount" not in mapped
    return MappingProxyType({key: _as_asked(kpi, params.kpis.get(key), counts=counts) for key, kpi in kept.items()})


def _as_asked(kpi: Kpi, entry: KpiParams | None, *, counts: bool) -> Kpi:
    """Give a KPI what params say of it, and counts for amounts where the export has no expected ones."""
    units: dict[str, Any] = dict.fromkeys(kpi.counted if counts else (), "count")
    if entry is None:
        return replace(kpi, **units)
    benchmark = None if entry.benchmark is None else float(entry.benchmark)
    return replace(kpi, **units, objective=entry.objective, benchmark=benchmark)
