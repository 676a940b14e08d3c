"""What the sections of a page show, as plain values for the templates: scorecard, change, pipeline, customers, next period."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from reviewlib.conversation.goals.kpi import Point, Track
from reviewlib.conversation.goals.progress import GoalReview
from reviewlib.evidence.comparison import same
from reviewlib.evidence.roster import Post
from reviewlib.pages import components, labels, sentences
from reviewlib.pages.components import BridgePart, BridgeStep, Bullet, Spark
from reviewlib.params.kpis import KPIS, RESULT
from reviewlib.periods import Period
from reviewlib.review import Figure, Review

#: The parts of a change of revenue, by the figure and the column of it that stand behind each. The number of won deals behind
#: the split is that of deals with an amount, which deal_size carries as its sample.
_SPLIT: Final = {
    "change_won_deals": ("deal_size", "n"),
    "change_deal_size": ("deal_size", "value"),
    "change_refunds": ("refunds", "value"),
    "change_unsplit": ("", ""),
}


class FigureTable:
    """The scorecard of one subject by figure and period, missing values as None; what is written and drawn of each figure."""

    def __init__(self, review: Review, rep: Post | None = None):
        """Show the rows of the review's subject, or of one of a team's reps."""
        self.review, self.subject = review, rep or review.subject
        self.style = sentences.style(review)

    def figure(self, key: str, period: Period | None = None) -> Figure | None:
        """Look a figure up; None where the scorecard has no such row."""
        return self.review.find(self.subject.id, key, period or self.review.period)

    def value(self, key: str, period: Period | None = None) -> float | None:
        """Look a value up; None where it is missing."""
        cells = self.review.cells.get((self.subject.id, key, (period or self.review.period).name))
        return None if cells is None else cells["value"]

    def text(self, key: str, period: Period | None = None) -> str:
        """Write a value with its unit."""
        kpi = self.review.kpis.get(key)
        return labels.NOT_AVAILABLE if kpi is None else self.style.value(self.value(key, period), kpi.unit)

    def main(self) -> Iterator[Figure]:
        """Go through the KPIs proper of this period, in order."""
        found = (self.figure(key) for key, kpi in self.review.kpis.items() if kpi.of is None)
        return (figure for figure in found if figure is not None)

    def reason(self, key: str) -> str:
        """Say why there is no figure."""
        figure = self.figure(key)
        return (figure.reason if figure is not None else self.review.off.get(key)) or "nothing is known of it"

    def groups(self) -> dict[str, list[Figure]]:
        """List the scorecard's rows by group."""
        found: dict[str, list[Figure]] = {}
        for figure in self.main():
            if figure.kpi.has_row:
                found.setdefault(figure.kpi.group, []).append(figure)
        return found

    def note(self, figure: Figure) -> list[str]:
        """Say what a figure is made of: its sample, its median, its window."""
        kpi, style, parts = figure.kpi, self.style, []
        if kpi.interval == "wilson" and figure.value is not None:
            parts.append(f"{style.value(figure.numerator, 'count')} of {style.things(figure.denominator, kpi.n_label)}")
        elif figure.n is not None:
            parts.append(style.things(figure.n, kpi.n_label))
        if kpi.interval_of is not None and figure.low is not None:
            parts.append(f"median {self.text(kpi.interval_of)}")
        if kpi.grain == "accounts":
            parts.append(f"bought in {self.review.workbook.retention_window}")
        earlier = [key for key, other in self.review.kpis.items() if other.earlier and other.of == kpi.key]
        parts += [f"{self.text(key)} in {self.reason(key)}" for key in earlier if self.value(key) is not None]
        return [*parts, "lower is the aim"] if kpi.better == "lower" else parts

    def target(self, figure: Figure) -> str:
        """Say what a figure is held against; empty without a target."""
        kpi, style = figure.kpi, self.style
        if figure.target is None:
            return "" if kpi.benchmark is None else f"benchmark {style.value(kpi.benchmark, kpi.unit)}"
        goal = style.value(figure.target, kpi.unit)
        if kpi.against == "points" and figure.target > 0:
            goal = f"+{goal}"
        whole = figure.target_raw
        full = "" if whole is None or same(whole, figure.target) else f", full target {style.value(whole, kpi.unit)}"
        return f"target {goal}{full}"

    def bullet(self, figure: Figure) -> Bullet | None:
        """Draw a figure against its target or benchmark."""
        if figure.kpi.against == "points":  # it may be negative, so it is held against its target in words
            return None
        goal, judged = figure.kpi.benchmark if figure.target is None else figure.target, figure.judged
        # That of a median is counted in deals.
        low, high = (judged.band_low, judged.band_high) if judged and judged.model != "median" else (None, None)
        return components.bullet(figure.value, goal, verdict=figure.verdict, low=low, high=high)

    def spark(self, key: str, *, ceiling: float = 0.0) -> Spark | None:
        """Draw the trend of a figure; ``ceiling`` reaches the top at least, for several trends on one scale."""
        kpi, periods = self.review.kpis.get(key), self.review.trend
        values = [self.value(key, period) for period in periods]
        return components.spark(values, kpi=kpi, periods=periods, style=self.style, ceiling=ceiling) if kpi else None

    def change(self, figure: Figure, before: float | None) -> str:
        """Say how a figure moved: money in percent, shares in points (short: a narrow column), all else in its unit."""
        unit = figure.kpi.unit
        if figure.value is None or before is None:
            return labels.NOT_AVAILABLE
        if unit == "money" and before > 0:
            return self.style.signed((figure.value - before) / before, "percent")
        return self.style.signed_change(figure.value - before, unit).replace(" points", " pts")

    def standing(self, figure: Figure) -> str:
        """Say where a figure stands among its peers, and their median."""
        if figure.peer_median is None:
            return figure.standing or "too few peers"
        median = self.style.rounded(figure.peer_median, figure.kpi.unit)
        if figure.standing is None:
            return f"median {median}"
        words = "middle half" if figure.standing in ("second quarter", "third quarter") else figure.standing
        return f"{words} · {median}"


def label(review: Review, key: str) -> str:
    """The label of a figure, also of one that the workbook switched off."""
    known = review.kpis.get(key) or KPIS.get(key)
    return key.replace("_", " ").capitalize() if known is None else known.label


def revenue_bridge(review: Review) -> list[BridgeStep]:
    """Lay out the way from the previous period's revenue to this one's; empty where either is missing."""
    sheet, period = FigureTable(review), review.period
    before, now = sheet.value("revenue", period.previous), sheet.value("revenue")
    if before is None or now is None or before == now == 0:
        return []
    parts = [BridgePart(period.previous.name, _of_deals(sheet, period.previous), before, "", total=True)]
    for key, (source, column) in _SPLIT.items():
        figure = sheet.figure(key)
        optional = key in ("change_refunds", "change_unsplit")
        if figure is not None and figure.value is not None and not (optional and round(figure.value, 2) == 0):
            told = _moved(sheet, source, column) if source else figure.reason or ""
            parts.append(BridgePart(figure.kpi.label, told, figure.value, ""))
    parts.append(BridgePart(period.name, _of_deals(sheet, period), now, "", total=True))
    return components.bridge(_adding_up(parts, sheet.style))


def _adding_up(parts: Sequence[BridgePart], style: labels.NumberStyle) -> list[BridgePart]:
    """Write the amounts of a bridge, whose end is the last part, so that they add up."""
    rounded = [*style.adding_up(part.number for part in parts[:-1]), parts[-1].number]
    write = style.exactly(rounded)
    return [
        replace(part, number=number, text=write(number) if part.total or number <= 0 else f"+{write(number)}")
        for part, number in zip(parts, rounded, strict=True)
    ]


def no_bridge(review: Review) -> str:
    """Say why the way from the previous period's revenue to this one's cannot be laid out."""
    sheet, previous = FigureTable(review), review.period.previous
    if sheet.value(RESULT.key) is None:
        return sheet.reason(RESULT.key)
    before = sheet.figure(RESULT.key, previous)
    if before is not None and before.value == 0:
        return f"there was no revenue in {previous} or {review.period}"
    missing = f"there is no figure for {previous}"
    return f"{missing} ({before.reason})" if before is not None and before.reason else missing


def _of_deals(sheet: FigureTable, period: Period) -> str:
    figure = sheet.figure("deal_size", period)
    if figure is None or figure.value is None:
        return ""
    return f"{sheet.style.things(figure.n, 'won deals')} × {sheet.style.value(figure.value, 'money')}"


def _moved(sheet: FigureTable, source: str, column: str) -> str:
    sides = (sheet.figure(source, sheet.review.period.previous), sheet.figure(source))
    unit = "count" if column == "n" else "money"
    return " → ".join(sheet.style.value(getattr(side, column) if side else None, unit) for side in sides)


def beside_change(review: Review) -> list[tuple[str, str, str]]:
    """List what moves beside revenue without being part of its split: label, before, now."""
    sheet = FigureTable(review)
    rows = [(key, review.kpis[key].label) for key in ("closed_deals", "win_rate", "opened_deals") if key in review.kpis]
    return [(label, sheet.text(key, review.period.previous), sheet.text(key)) for key, label in rows]


def change_by_rep(review: Review) -> list[BridgeStep]:
    """Lay out the change of each rep's revenue, then the team's, which they add up to (manager's copy of a team review)."""
    figures = {person.name: FigureTable(review, person).figure(RESULT.key) for person in review.people.values()}
    found = [
        BridgePart(name, "", figure.value - (figure.previous or 0), "")
        for name, figure in figures.items()
        if figure is not None and figure.value is not None
    ]
    team = FigureTable(review).figure(RESULT.key)
    if not found or team is None or team.change is None:
        return []
    found.sort(key=lambda part: -part.number)
    style = sentences.style(review)
    rest = team.change - sum(part.number for part in found)
    if any(style.adding_up([rest])):
        found.append(BridgePart("Who left, or was in another team", "", rest, ""))
    parts = _adding_up([*found, BridgePart("Team", "", team.change, "")], style)
    return components.steps(parts, [*((0.0, part.number) for part in found), (0.0, 0.0)])


def pipeline_bridge(review: Review) -> list[BridgeStep]:
    """Lay out the pipeline from the start to the end of the period; empty where it cannot be followed."""
    sheet, period = FigureTable(review), review.period
    start, end = sheet.figure("pipeline_start"), sheet.figure("pipeline_end")
    if start is None or start.value is None:
        return []
    unit, style = start.kpi.unit, sheet.style
    parts = [_stock(sheet, start, f"Open on {labels.day(period.start, near=period.start)}")]
    for key, sign in (("pipeline_created", 1), ("pipeline_won", -1), ("pipeline_lost", -1)):
        figure = sheet.figure(key)
        if figure is not None and figure.value is not None:
            text = style.signed(sign * figure.value, unit)
            good = "dn" if key == "pipeline_lost" else "up"
            parts.append(BridgePart(figure.kpi.label, _deals(figure, style), sign * figure.value, text, tone=good))
    last = f"Open on {labels.day(period.last_day, near=period.last_day)}"
    if end is not None and end.value is not None:
        parts.append(_stock(sheet, end, last))
    else:
        total = sum(part.number for part in parts)
        parts.append(BridgePart(last, "", total, style.value(total, unit), total=True))
    if not any(part.number for part in parts):
        return []
    return components.bridge(parts if unit == "count" else _adding_up(parts, style))


def _stock(sheet: FigureTable, figure: Figure, label: str) -> BridgePart:
    text = sheet.style.value(figure.value, figure.kpi.unit)
    return BridgePart(label, _deals(figure, sheet.style), figure.value or 0.0, text, total=True)


def _deals(figure: Figure, style: labels.NumberStyle) -> str:
    return style.things(figure.n, "deals") if figure.n is not None and figure.kpi.unit != "count" else ""


def stages(review: Review) -> list[tuple[str, str, str]]:
    """List the open deals by stage, as name, deals and amount, with their sum at the end; empty without any."""
    if review.stages.empty:
        return []
    style = sentences.style(review)
    known = list(review.stages["amount"].dropna())
    rows = [(str(row["stage"]), row["deals"], row["amount"]) for row in review.stages.to_dict("records")]
    rows.append(("All open", float(review.stages["deals"].sum()), sum(known) if known else None))
    write = style.exactly(known)
    return [(name, style.value(deals, "count"), write(amount)) for name, deals, amount in rows]


def ahead(review: Review) -> list[Figure]:
    """List the figures that count in the next period: those with a target or an objective."""
    shown = (figure for figure in FigureTable(review).main() if figure.kpi.has_row)
    return [figure for figure in shown if figure.kpi.objective or figure.target is not None]


def tracks(review: Review, rep: Post | None = None) -> Mapping[str, Track]:
    """Take the figures over the trend of every KPI on the scorecard; of one of a team's reps where ``rep`` is given."""
    sheet = FigureTable(review, rep)
    return {key: found for key in review.kpis if (found := _track(sheet, key)) is not None}


def goal_review(review: Review, rep: Post | None = None) -> GoalReview:
    """A review as its goals and plans are looked at; those of one of a team's reps where ``rep`` is given."""
    minutes, book = review.minutes.members[rep.id] if rep else review.minutes, review.workbook
    return GoalReview(minutes, review.period, book.as_of, tracks(review, rep), book.local)


def _track(sheet: FigureTable, key: str) -> Track | None:
    kpi, now = sheet.review.kpis[key], sheet.figure(key)
    if all(sheet.figure(key, period) is None for period in sheet.review.trend):
        return None
    return Track(
        label=kpi.label,
        better="lower" if kpi.better == "lower" else "higher",
        points=tuple(_points(sheet, key)),
        adds=kpi.targets == "sum",
        peer_q1=now.peer_q1 if now else None,
        peer_median=now.peer_median if now else None,
        peer_q3=now.peer_q3 if now else None,
        peers=int(now.peers) if now and now.peers else None,
        started=sheet.subject.started_on,
        say=partial(sheet.style.value, unit=kpi.unit),
        apart=partial(sheet.style.change, unit=kpi.unit),
    )


def _points(sheet: FigureTable, key: str) -> Iterator[Point]:
    for period in sheet.review.trend:
        figure = sheet.figure(key, period)
        if figure is None:
            yield Point(period, None, f"the scorecard has none for {period}")
        else:
            yield Point(period, figure.value, figure.reason if figure.value is None else None, figure.low, figure.high)
