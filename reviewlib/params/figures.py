"""What a figure is: a KPI's definition as data, and the measure that its expression yields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal, Self

if TYPE_CHECKING:
    import ibis.expr.types as ir

Outcome = Literal["won", "lost", "open"]
Unit = Literal["money", "percent", "ratio", "days", "count", "score"]
Expression = Callable[["ir.Table"], "Measure"]

#: What only those who compute a figure know of it; pages know the rest, from ``card``.
_COMPUTED: Final = {
    "expression", "needs", "history", "today_only", "empty", "note", "arithmetic", "result",
    "split_by", "outcomes", "part", "from_targets", "counted", "sets_window", "on_team_page",
    "sizes", "unjudged", "own",
}  # fmt: skip


@dataclass(frozen=True)
class Measure:
    """What an expression yields per scope and period: the figure is ``top``, or ``top / bottom`` where there is one.

    Attributes:
        top: The numerator, or the figure itself.
        bottom: The denominator.
        n: The sample size, in the unit that the KPI's ``n_label`` names; ``top`` where it is not given.
        sample: The observations behind a median, for its interval; missing where an observation does not count.
        matures_on: The day from which on the figure can be given, where that is not the day of the export.
    """

    top: ir.Value
    bottom: ir.Value | None = None
    n: ir.Value | None = None
    sample: ir.Value | None = None
    matures_on: ir.Value | None = None


@dataclass(frozen=True)
class SqlMeasure:
    """The same in the SQL of a workbook, as ``params.sql`` lets it pass: what ``Measure`` holds, as text."""

    top: str
    bottom: str | None = None
    n: str | None = None
    sample: str | None = None


@dataclass(frozen=True, kw_only=True)
class Kpi:
    """One figure: data, and one expression over the facts.

    Attributes:
        key: Its name in files and params.
        label: Its name on pages.
        unit: money, percent (as a fraction), ratio, days, count or score.
        better: The good direction; ``none`` for supporting figures.
        group: The heading under which pages print it.
        judged_by: The model of ``judgement`` by which it is judged; None where it is told and not judged.
        interval: The interval of 95 % that bounds it: ``wilson`` of a share, ``order`` of a median.
        more: What one more of what is counted is, after a number, in the singular and the plural; for whole things.
        sizes: Whose amounts say how much it scatters: ``purchases``, ``sales``, or ``open`` deals.
        unjudged: Why it is not judged, where it has no model.
        definition: What it is, in one line, as printed.
        n_label: What ``n`` counts.
        needs: The deal columns that the export must carry.
        outcomes: The outcomes of which the export must carry deals: a class that it leaves out is no zero.
        expression: The measure over the facts of ``grain``, a function or SQL; None for measures that come from other tools.
        grain: ``deals`` or ``accounts``.
        history: What the history must cover: the ``period``, or also the retention ``window`` before it.
        per_target: The denominator is the target of the result: of ``this`` period or of the ``next``.
        targets: How target rows combine: ``sum`` over time, ``stock`` (the last), or ``level`` (the narrowest that contains).
        against: A target is told as a ``share`` (attainment) or in ``points`` (distance).
        empty: The reason for ``n/a`` where the denominator is zero.
        top, bottom: The units of numerator and denominator, where they are printed.
        interval_of: The supporting figure whose interval stands in for the KPI's own.
        earlier: What the KPI that it stands beside was in the latest period before, where it cannot be given yet.
        today_only: It rests on today's expected close dates, of which the CRM keeps no history.
        of: The KPI that a supporting figure stands beside.
        evidence: The flag (see ``facts.FLAGS``) of the deals that a page lists, ``bridge`` for those of the pipeline's, or
            ``accounts``.
        sentence: The figure in a sentence, for generated text; numbers are cells of the scorecard.
        note: What stands beside it, in a sentence.
        arithmetic: How it is worked out, for its explanation, where that is more than top by bottom.
        result: What selling comes to: the one KPI that pages put first, in which teams are to meet their target.
        split_by: The figures by which its change is explained: sales, with their number as ``n``, and refunds.
        part: A part of the change of the KPI that it stands beside: the field of ``scorecard.Split`` that holds it.
        from_targets: Made of targets of the result: attainment of the ``full`` one, or the sum of those ``of_reps``.
        counted: Its units that become counts where the export has no expected amount.
        sets_window: Params may set the retention window with it.
        on_team_page: A supporting figure that a team's page and its achievements board name of each rep.
        own: Whether a workbook brings it.
        objective: The business objective that it serves, by params.
        benchmark: The user's own figure, by params, which stands in for a target.
    """

    key: str
    label: str
    unit: Unit
    better: Literal["higher", "lower", "none"] = "higher"
    group: str = ""
    judged_by: str | None = None
    interval: Literal["wilson", "order"] | None = None
    definition: str
    n_label: str = ""
    of: str | None = None
    evidence: str | None = None
    sentence: str | None = None
    top: Unit = "count"
    bottom: Unit = "count"
    interval_of: str | None = None
    earlier: bool = False
    grain: Literal["deals", "accounts"] = "deals"
    against: Literal["share", "points"] = "share"
    targets: Literal["sum", "stock", "level"] = "level"
    objective: str | None = None
    benchmark: float | None = None
    expression: Expression | SqlMeasure | None = None
    needs: tuple[str, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    history: Literal["period", "window"] = "period"
    per_target: Literal["this", "next"] | None = None
    today_only: bool = False
    empty: str = ""
    note: str | None = None
    arithmetic: str | None = None
    result: bool = False
    split_by: tuple[str, str] | None = None
    part: str | None = None
    from_targets: Literal["full", "of_reps"] | None = None
    counted: tuple[str, ...] = ()
    sets_window: bool = False
    on_team_page: bool = False
    more: tuple[str, str] = ("", "")
    sizes: Literal["purchases", "sales", "open"] | None = None
    unjudged: str = ""
    own: bool = False

    @property
    def has_row(self) -> bool:
        """Whether the scorecard has a row of it; what the result comes to of its target is told in the result's row."""
        return self.of is None and self.per_target != "this"

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> Self:
        """Read what ``card`` wrote, also in an older version, which judged by intervals and bands."""
        if "bands" not in card:
            return cls(**{**card, "more": tuple(card.get("more", cls.more))})
        kept = {name: value for name, value in card.items() if name not in ("bands", "judged_by")}
        how, through = card["judged_by"], card["of"] is None and card["judged_by"] == "none"
        interval = how if how in ("wilson", "order") else None
        return cls(**kept, interval=interval, against=card["bands"], per_target="this" if through else None)

    @property
    def in_points(self) -> bool:
        """Whether how far it is from its target is said in points: of rates, and of what may be negative."""
        return self.judged_by == "binomial" or self.against == "points"

    @property
    def material(self) -> float:
        """How far from its target it must be before it is worth a word, where params do not say: a share of it, or points."""
        return 0.02 if self.in_points else 0.05

    def card(self) -> dict[str, Any]:
        """What a page needs to know of the figure, as plain data."""
        plain = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _COMPUTED}
        return plain | {"more": [*self.more]}
