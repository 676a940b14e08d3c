"""The evidence of a period: everything the CRM says about it, computed once, in memory."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd
import pyarrow as pa

from reviewlib.errors import PeriodError, SourceError
from reviewlib.evidence import availability, custom, evaluation, facts, measures, sources, yardsticks
from reviewlib.evidence.availability import ScorecardContext
from reviewlib.evidence.benchmarks import peer_group
from reviewlib.evidence.evaluation import Evaluation
from reviewlib.evidence.roster import Roster, roster
from reviewlib.evidence.scorecard import scorecard
from reviewlib.evidence.sources import Tables
from reviewlib.evidence.store import DealRows
from reviewlib.evidence.targets import targets
from reviewlib.evidence.verdicts import with_verdicts
from reviewlib.params.figures import Kpi
from reviewlib.params.model import Params
from reviewlib.periods import Period, last_complete

#: Periods of the trend, this one included.
TREND = 8


@dataclass(frozen=True)
class PeriodEvidence:
    """The evidence of one period.

    Attributes:
        params: The workbook.
        period: The review period.
        trend: The periods of the trend, oldest first.
        tables: The canonical tables and what became of every row.
        context: What the scorecard was made with.
        facts: The deals of every evaluated period, with what they count as, in the store.
        scorecard: The tidy scorecard of every scope and evaluated period.
        measured: What the scorecard was made from: every figure as measured, with its query.
        from_elsewhere: The figures of measures, with the rows that they combine.
    """

    params: Params
    period: Period
    trend: tuple[Period, ...]
    tables: Tables
    context: ScorecardContext
    facts: facts.Facts
    scorecard: pd.DataFrame
    measured: Evaluation
    from_elsewhere: pd.DataFrame

    @property
    def fetched(self) -> Mapping[str, pa.Table]:
        """What came back from the database that the deals are in, by name: what they come to, and the facts of the period."""
        return {**self.facts.tables, **self.measured.tables}

    @property
    def roster(self) -> Roster:
        """Who was there."""
        return self.context.roster

    @property
    def incomplete(self) -> bool:
        """Whether the period's last day lies after the export's date."""
        return self.period.last_day > self.context.as_of

    @cached_property
    def reviewed(self) -> tuple[str, ...]:
        """The reps who get a page: active on a day of the period, or owner of a deal closed in it."""
        active, name = set(self.roster.active(self.period)), self.period.name
        return tuple(rep for rep in self.roster.rep_ids if rep in active or (rep, name) in self.context.closing)

    def teams(self) -> tuple[str, ...]:
        """The teams of the reps who get a page, in order."""
        names = {self.roster.posts[rep_id, self.period.name].team for rep_id in self.reviewed}
        return tuple(sorted(name for name in names if name is not None))


def compile_evidence(params: Params, tables: Tables, period: Period) -> PeriodEvidence:
    """Compute every KPI for every rep, team and the whole, for all periods of the trend.

    Raises:
        ParamsError: A KPI in SQL cannot be computed from the deals.
        PeriodError: The period starts after the export's date.
        SourceError: Targets or measures name a KPI or a rep that is not there.
        TargetError: Targets overlap or leave a gap in the period.
    """
    context = _setting(params, tables, period)
    base, measured, others = _evaluated(context, tables)
    return PeriodEvidence(
        params=params,
        period=period,
        trend=period.trend(TREND),
        tables=tables,
        context=context,
        facts=base,
        scorecard=card_of(pd.concat([measured.figures, others], ignore_index=True), context, measured),
        measured=measured,
        from_elsewhere=others,
    )


def card_of(figures: pd.DataFrame, context: ScorecardContext, measured: Evaluation) -> pd.DataFrame:
    """Make the scorecard of measured figures, and judge those of the review period: ``tables.SCORECARD`` and ``JUDGED``."""
    card = scorecard(figures, context)
    return with_verdicts(card, yardsticks.of_period(card, context, measured), context)


def past_verdicts(given: Sequence[tuple[Params, Tables]], period: Period) -> list[pd.DataFrame]:
    """Judge reps in the periods up to this one, each as its own review would today, by each of several params.

    The params measure alike, and what they measure is measured once. A period that begins before the history does is left out.

    Returns:
        For each params the figures that a model judges, oldest period first: the columns of ``tables.SCORECARD`` and
        ``JUDGED``, and the peers' ``group``.

    Raises:
        ReviewError: As ``compile_evidence``.
    """
    contexts = [_setting(params, read, period, 2 * TREND - 1) for params, read in given]
    contexts = [replace(own, kpis={key: own.kpis[key] for key in own.models}) for own in contexts]
    _, measured, others = _evaluated(contexts[0], given[0][1])
    figures = pd.concat([measured.figures, others], ignore_index=True)
    return [pd.concat(_past(figures, own, measured), ignore_index=True) for own in contexts]


def _past(figures: pd.DataFrame, context: ScorecardContext, measured: Evaluation) -> Iterator[pd.DataFrame]:
    card, rules = scorecard(figures, context), context.params.peers
    for period in [each for each in context.trend if each.start >= context.history_from] or context.trend[-1:]:
        own = replace(context, trend=period.trend(TREND))
        known = card[card["period"].isin([each.name for each in own.trend])].reset_index(drop=True)
        judged = with_verdicts(known, yardsticks.of_period(known, own, measured), own)
        rows = judged[(judged["scope"] == "rep") & (judged["period"] == period.name)]
        yield rows.assign(group=[peer_group(context.roster.posts[rep, period.name], rules) for rep in rows["scope_id"]])


def _evaluated(context: ScorecardContext, tables: Tables) -> tuple[facts.Facts, Evaluation, pd.DataFrame]:
    """Measure the figures of a context in all of its periods: the facts, what is measured of them, what is from elsewhere."""
    base = facts.build(
        tables.store,
        members=context.roster.members(),
        calendar=context.calendar,
        mapped=context.mapped,
        database=tables.database,
        period=context.trend[-1].name,
    )
    with custom.refusals(base.con.con, context.kpis, key=facts.KEY, params=context.params):
        measured = evaluation.evaluate(base, context.kpis, _in(context, context.roster.groups()))
    others = measures.evaluate(context.params, tables.measures, kpis=context.kpis, roster=context.roster)
    return base, measured, _in(context, others)


def _setting(params: Params, tables: Tables, period: Period, periods: int = TREND) -> ScorecardContext:
    """Check what was asked for and lay out what the scorecard is made with, over so many periods up to this one."""
    as_of = sources.as_of(params, tables.deals)
    _refuse_future(period, as_of, params)
    # What carries something: the mapped columns that are not empty, and the expected amount where list prices give it.
    priced = params.crm.products is not None and "product" in tables.mapped
    mapped = tables.mapped | {"expected_amount"} if priced else tables.mapped
    lacks = availability.what_lacks(params, mapped, tables.deals)
    mapped = mapped.difference(lacks)
    figures = availability.of_workbook(params, mapped)
    _check_keys(params, tables, figures)
    window = next((entry.window_months for entry in params.kpis.values() if entry.window_months), None)
    calendar = facts.Calendar(tuple(sorted({*period.trend(periods), period.year_ago})), window)
    # Coverage asks for the target of the period after, also of the year before, which may stand alone before the trend.
    covered = sorted({*calendar.periods, *(each.next for each in calendar.periods)})
    people = roster(
        tables.reps,
        owners=[owner for (owner,) in tables.deals.rows("SELECT DISTINCT rep_id FROM deals ORDER BY rep_id")],
        periods=covered,
    )
    closed_in = "SELECT DISTINCT rep_id FROM deals WHERE closed_on >= DATE '{0.start}' AND closed_on < DATE '{0.end}'"
    return ScorecardContext(
        params=params,
        kpis=figures,
        calendar=calendar,
        trend=period.trend(TREND),
        roster=people,
        targets=targets(params, tables.targets, roster=people, strict=period),
        mapped=mapped,
        lacks=lacks,
        as_of=as_of,
        history_from=history_from(params, tables.deals, as_of),
        closing=frozenset(
            (owner, each.name) for each in calendar.periods for (owner,) in tables.deals.rows(closed_in.format(each))
        ),
    )


def _in(context: ScorecardContext, frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of the evaluated periods; the roster also knows the ones after them."""
    return frame[frame["period"].isin(list(context.periods))].reset_index(drop=True)


def history_from(params: Params, deals: DealRows, as_of: dt.date) -> dt.date:
    """From when the export is complete: declared, else the first day of the month of the earliest close."""
    if params.crm.history_from is not None:
        return params.crm.history_from
    earliest: dt.date = deals.row("SELECT min(closed_on) AS earliest FROM deals")[0] or as_of
    return earliest.replace(day=1)


def _refuse_future(period: Period, as_of: dt.date, params: Params) -> None:
    if period.start > as_of:
        latest = last_complete(period.kind, as_of=as_of, fiscal=params.fiscal)
        raise PeriodError(
            f"{period} has not begun at the date of the export.",
            where="as_of" if params.as_of else "the latest opened or closed date of the deals",
            found=f"the export is of {as_of}; {period} starts on {period.start}",
            do=f"Take a newer export, or review {latest}.",
        )


def _check_keys(params: Params, tables: Tables, figures: Mapping[str, Kpi]) -> None:
    """Refuse targets and measures for what does not exist; name all of it at once."""
    off = {key for key, entry in params.kpis.items() if entry.off}
    known = {key for key, kpi in figures.items() if kpi.of is None} | off
    reps, teams = set(tables.reps["rep_id"]), set(tables.reps["team"].dropna())
    own = {key for key, kpi in figures.items() if kpi.expression is None and kpi.of is None} | off
    problems = [
        *_unknown(tables.targets, "kpi", known, "targets"),
        *_unknown(tables.targets[tables.targets["scope"] == "rep"], "scope_id", reps, "targets"),
        *_unknown(tables.targets[tables.targets["scope"] == "team"], "scope_id", teams, "targets"),
        *_unknown(tables.measures, "kpi", own, "measures"),
        *_unknown(tables.measures, "rep_id", reps, "measures"),
    ]
    if problems:
        raise SourceError(
            "Targets or measures are given for what does not exist.",
            where="crm.targets, crm.measures",
            found="; ".join(problems[:8]),
            do="Correct the names, or describe the measure under kpis.",
        )


def _unknown(frame: pd.DataFrame, column: str, known: set[str], table: str) -> list[str]:
    rows = frame[~frame[column].isin(list(known))]
    lines = rows.groupby(column)["source_line"].min()
    return [f"{table} line {line}: {column} {value!r}" for value, line in lines.items()]
