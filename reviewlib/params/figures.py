"""What a figure is: a KPI's definition as data, and the measure that its expression yields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    import ibis.expr.types as ir

Unit = Literal["money", "percent", "ratio", "days", "count", "score"]
JudgedBy = Literal["exact", "wilson", "order", "none"]

#: What only those who compute a figure know of it; pages know the rest.
_COMPUTED: Final = {"expression", "needs", "history", "per_target", "only_with_target", "today_only", "empty", "note"}


@dataclass(frozen=True)
class Measure:
    """What an expression yields per scope and period: the figure is ``top``, or ``top / bottom`` where there is one.

    Attributes:
        top: The numerator, or the figure itself.
        bottom: The denominator.
        n: The sample size, in the unit that the KPI's ``n_label`` names; ``top`` where it is not given.
        sample: The observations behind a median, for its interval; missing where an observation does not count.
    """

    top: ir.Value
    bottom: ir.Value | None = None
    n: ir.Value | None = None
    sample: ir.Value | None = None


@dataclass(frozen=True, kw_only=True)
class Kpi:
    """One figure: data, and one expression over the facts.

    Attributes:
        key: Its name in files and params.
        label: Its name on pages.
        unit: money, percent (as a fraction), ratio, days, count or score.
        better: The good direction; ``none`` for supporting figures.
        group: The heading under which pages print it.
        judged_by: ``exact`` (it counts what happened), ``wilson`` or ``order`` (a sample with an interval), ``none``.
        definition: What it is, in one line, as printed.
        n_label: What ``n`` counts.
        needs: The deal columns that must be mapped.
        expression: The measure over the facts of ``grain``; None for measures that come from other tools.
        grain: ``deals`` or ``accounts``.
        history: What the history must cover: the ``period``, or also the retention ``window`` before it.
        per_target: The denominator is a revenue target: of ``this`` period or of the ``next``.
        targets: How target rows combine: ``sum`` over time, ``stock`` (the last), or ``level`` (the narrowest that contains).
        bands: ``share`` (attainment) or ``points`` (distance) for exact verdicts.
        only_with_target: Never judged against the peers.
        empty: The reason for ``n/a`` where the denominator is zero.
        top, bottom: The units of numerator and denominator, where they are printed.
        interval_of: The supporting figure whose interval stands in for the KPI's own.
        today_only: It rests on today's expected close dates, of which the CRM keeps no history.
        of: The KPI that a supporting figure stands beside.
        evidence: The flag (see ``facts.FLAGS``) of the deals that a page lists, or ``accounts``.
        sentence: The figure in a sentence, for generated text; numbers are cells of the scorecard.
        note: What stands beside it, in a sentence.
        objective: The business objective that it serves, by params.
        benchmark: The user's own figure, by params, which stands in for a target.
    """

    key: str
    label: str
    unit: Unit
    better: Literal["higher", "lower", "none"] = "none"
    group: str = ""
    judged_by: JudgedBy = "none"
    definition: str
    n_label: str = ""
    of: str | None = None
    evidence: str | None = None
    sentence: str | None = None
    top: Unit = "count"
    bottom: Unit = "count"
    interval_of: str | None = None
    grain: Literal["deals", "accounts"] = "deals"
    bands: Literal["share", "points"] = "share"
    targets: Literal["sum", "stock", "level"] = "level"
    objective: str | None = None
    benchmark: float | None = None
    expression: Callable[[ir.Table], Measure] | None = None
    needs: tuple[str, ...] = ()
    history: Literal["period", "window"] = "period"
    per_target: Literal["this", "next"] | None = None
    only_with_target: bool = False
    today_only: bool = False
    empty: str = ""
    note: str | None = None

    @property
    def adds(self) -> bool:
        """Whether the figures of single periods add up to that of a longer one."""
        return self.targets == "sum"

    def missing(self, mapped: frozenset[str]) -> str | None:
        """Say which of the columns that it needs are not mapped, as a reason; None where all are."""
        absent = [name for name in self.needs if name not in mapped]
        return f"the export has no column for {', '.join(absent)}" if absent else None

    def card(self) -> dict[str, Any]:
        """What a page needs to know of the figure, as plain data."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _COMPUTED}
