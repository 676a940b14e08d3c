"""Explain: one figure of a rep as it is told, from its definition to the rows that it counts."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reviewlib.conversation import identity
from reviewlib.evidence import snapshot
from reviewlib.evidence.comparison import same
from reviewlib.evidence.explain import Explanation, explain
from reviewlib.pages import labels, sentences, verdict_views
from reviewlib.params.figures import Kpi
from reviewlib.params.kpis import RESULT
from reviewlib.params.model import Params
from reviewlib.periods import Period
from reviewlib.review import Figure, Review, open_review
from reviewlib.run import status


@dataclass(frozen=True)
class ExplainedFigure:
    """A figure explained.

    Attributes:
        title: Whose figure it is, and what it comes to.
        told: What it is, its arithmetic, its target and its peers, line by line.
        figure: The same as data: the cells of the scorecard that the page shows.
        explanation: Its parts, its query, the rows that it counts, and those of its target.
        again: How the snapshot gives it again, without this program.
        sums: What columns of the rows add up to, where that is a part of the figure, and of amounts what some of the rows do.
    """

    title: str
    told: tuple[str, ...]
    figure: Figure
    explanation: Explanation
    again: str
    sums: Mapping[str, float]

    def as_data(self) -> dict[str, Any]:
        """What a program reads: no text that would have to be taken apart."""
        judged = None if self.figure.judged is None else vars(self.figure.judged)
        shown = {name: None if value != value else value for name, value in (vars(self.figure) | {"judged": judged}).items()}
        kpi = self.figure.kpi
        told = {"kpi": kpi.key, "label": kpi.label, "definition": kpi.definition, "unit": kpi.unit, "told": self.told}
        tables: dict[str, Any] = {}
        for name, frame in (("rows", self.explanation.rows), ("targets", self.explanation.targets)):
            days = {str(column): frame[column].dt.date for column in frame.select_dtypes("datetime")}
            tables[name] = frame.assign(**days).astype(object).where(frame.notna(), None).to_dict("records")
        return shown | told | tables | {"query": self.explanation.query, "sums": self.sums, "again": self.again}


def explained(params: Params, *, rep: str, kpi: str, period: Period | None) -> ExplainedFigure:
    """Explain a figure of a rep's review, from the evidence that its page shows.

    Raises:
        NotAllowedError: Params give who is at the keyboard a role in which the rep's figures are not theirs to read.
        SubjectError: The rep has no review in the period.
        SnapshotError: Nothing is frozen, or the evidence does not explain the figure.
    """
    frozen = status.frozen_period(params, period)
    snapshot.check_subjects(frozen.subjects, frozen.period, reps=[rep], teams=())
    subject = next(one for one in frozen.subjects if (one.kind, one.id) == ("rep", rep))
    person = identity.at_keyboard(params)
    if person.role not in (None, "analyst") and not identity.leads(person, subject):
        do = "Let the rep's manager or an analyst explain it; a rep's own page lists what its figures count."
        raise identity.may_not(person, f"read the figures of {rep}", params=params, do=do)
    review = open_review(params.path, rep=rep, period=frozen.period.name)
    found = explain(params, review.workbook.snapshot, kpi, scope="rep", scope_id=rep, period=review.period)
    figure, record = review.figure(kpi), params.figures[kpi]
    value = sentences.style(review).value(figure.value, record.unit)
    title = f"{record.label} of {review.subject.name} ({rep}), {review.period}: {value}"
    told = (
        record.definition,
        _arithmetic(review, record, figure),
        _measured(review, figure, found),
        *_target(review, record, figure, found),
        *_verdict(review, figure),
        *_peers(review, figure),
    )
    parts = [part for part in (figure.value, figure.numerator, figure.denominator, figure.n) if part is not None]
    flags, amounts = found.rows.select_dtypes("bool"), found.rows.select_dtypes("float")
    totals = {**flags.sum(), **amounts.sum()}
    sums = {str(name): float(total) for name, total in totals.items() if any(same(total, part) for part in parts)}
    some = {f"{name} where {flag}": (name, amounts[name][flags[flag]].sum()) for name in amounts for flag in flags}
    sums |= {name: float(total) for name, (column, total) in some.items() if not same(total, totals[column])}
    return ExplainedFigure(title, told, figure, found, _again(review, record), sums)


def _arithmetic(review: Review, kpi: Kpi, figure: Figure) -> str:
    """The figure as its parts make it."""
    if figure.value is None:
        return f"{labels.NOT_AVAILABLE}: {figure.reason}"
    if kpi.arithmetic:
        return sentences.fill(review, kpi.arithmetic)
    how = sentences.style(review)
    if figure.denominator is not None:
        parts = f"{_exact(review, figure.numerator, kpi.top)} / {_exact(review, figure.denominator, kpi.bottom)}"
        return f"{parts} = {how.value(figure.value, kpi.unit)}"
    counted = f" from {how.things(figure.n, kpi.n_label)}" if kpi.n_label else ""
    return _exact(review, figure.value, kpi.unit) + counted


def _measured(review: Review, figure: Figure, found: Explanation) -> str:
    """What the snapshot's files come to now: a newer DuckDB, or another hand, may have another figure."""
    again = found.measured["value"]
    if figure.value is None or same(again, figure.value):
        return "Measured again from the snapshot’s files: the same."
    return f"Measured again from the snapshot’s files: {_exact(review, again, figure.kpi.unit)}, and the page says otherwise."


def _target(review: Review, kpi: Kpi, figure: Figure, found: Explanation) -> Iterator[str]:
    """The target, and below it the rows that it adds up."""
    unit = RESULT.unit if kpi.per_target else kpi.unit
    target = figure.denominator if kpi.per_target else figure.target
    if kpi.of is not None:
        return
    if target is None:
        yield "No target is set."
        return
    when = review.period.next if kpi.per_target == "next" else review.period
    yield f"Target of {when}: {_exact(review, target, unit)}, from:"
    for row in found.targets.to_dict("records"):
        parts = [_exact(review, row["value"], unit)]
        parts += [f"ramp {row['ramp']:g}", f"{row['active_days']} of {row['days']} days"] if row["days"] > 1 else []
        effective = row["value"] * row["ramp"] * row["active_days"] / row["days"]
        place = "params" if pd.isna(row["source_line"]) else f"line {row['source_line']:.0f}"
        total = f" = {_exact(review, effective, unit)}" if len(parts) > 1 else ""
        yield f"  {row['row_period']}: {' × '.join(parts)}{total} ({place})"


def _verdict(review: Review, figure: Figure) -> Iterator[str]:
    """The result, and the verdict with everything that it is worked out from; older evidence does not say."""
    judged, style = figure.judged, sentences.style(review)
    if judged is None or judged.model is None:
        return
    yield f"Result: {verdict_views.result(figure, style) or 'no target'}."
    yield f"What it tells us: {verdict_views.word(review, figure.verdict)}. {verdict_views.told(review, figure, style)}"
    if basis := verdict_views.inputs(figure, style):
        ends = ", ".join(f"{end:.6g}" for end in (judged.band_low, judged.band_high) if end is not None)
        yield f"What would have changed that: {'; '.join(verdict_views.changes(figure, style))}."
        yield f"Judged by: {basis} Ends of the band: {ends or 'none'}."
        yield f"Thresholds (judgement): gap {review.workbook.gap:g}, watch {review.workbook.watch:g}."


def _peers(review: Review, figure: Figure) -> Iterator[str]:
    """What the manager's page shows of the peers."""
    if not figure.peers:
        return
    how, unit = sentences.style(review), figure.kpi.unit
    shown = [("lower quartile", figure.peer_q1), ("median", figure.peer_median), ("upper quartile", figure.peer_q3)]
    known = [f"{name} {how.rounded(value, unit)}" for name, value in shown if value is not None]
    told = ", ".join(known) or "too few for a benchmark"
    yield f"Peers: {figure.peers:.0f} with this figure; {told}."


def _again(review: Review, kpi: Kpi) -> str:
    rep = review.subject.id.replace("'", "''")
    query = f"from kpi_{kpi.key} where scope = 'rep' and scope_id = '{rep}' and period = '{review.period}'"
    quoted = shlex.quote(query) if re.search(r'["$`\\!]', query) else f'"{query}"'
    return f'In snapshots/{review.workbook.snapshot}: duckdb -c ".read evidence.sql" -c {quoted}'


def _exact(review: Review, number: float | None, unit: str) -> str:
    """A part of a figure, to the cent where it has cents."""
    how = sentences.style(review)
    return how.control(number) if unit == "money" and number is not None and number % 1 else how.value(number, unit)
