"""Charts: frame to figure, seaborn on matplotlib Axes, out as one SVG for light and dark paper.

The SVG is embedded as an image. Its colours are classes with a media query inside, so it follows the reader's colour scheme,
and it comes out the same, byte for byte, every time.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reviewlib.pages import sentences
from reviewlib.pages.labels import NumberStyle
from reviewlib.pages.rendering import Display, colour, render
from reviewlib.pages.views import FigureTable
from reviewlib.params.figures import Kpi
from reviewlib.params.kpis import RESULT
from reviewlib.review import Figure, Review

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

#: Size in CSS pixels; one point of the drawing is one pixel.
WIDTH: Final = 350
HEIGHT: Final = 150
TALL: Final = 200

#: The colours while drawing; each becomes a class, whose colours on light and dark paper the style sheet has.
INK, INK3, BAND, RULE, NOW, DOTS, PAPER = "#15191e", "#4c535b", "#c2c8ce", "#b9bec3", "#174f96", "#4c535c", "#fdfdfb"
_DRAWN: Final = {"ink": INK, "ink3": INK3, "band": BAND, "rule": RULE, "now": NOW, "line": DOTS, "paper": PAPER}
_STYLE: Final[Any] = {"svg.fonttype": "none", "svg.hashsalt": "reviewlib", "font.size": 12.5, "path.simplify": False}


@dataclass(frozen=True)
class Series:
    """One figure over the periods of the trend, oldest first; what a period has not is None, ``known`` are places of values."""

    kpi: Kpi
    names: list[str]
    figures: list[Figure | None]
    values: list[float | None]
    targets: list[float | None]
    known: list[int]


def trends(review: Review, *, kpis: Sequence[str]) -> Display:
    """Draw KPIs, or one, over the periods of the trend, a chart each, in the order given.

    The result is drawn as bars, this period accented, with a line across each bar at its target. Others are lines: sampled
    figures carry their 95% interval, a dotted line is the target, periods without a figure leave a gap. A KPI that the
    workbook has not is said in words.
    """
    kpis = [kpis] if isinstance(kpis, str) else kpis
    drawn = [_chart(review, kpi) for kpi in kpis]
    return Display("\n".join(one.html for one in drawn), "\n".join(one.text for one in drawn))


def _chart(review: Review, kpi: str) -> Display:
    series, style, bars = _series(review, kpi), sentences.style(review), kpi == RESULT.key
    title = review.kpis[kpi].label if kpi in review.kpis else kpi.replace("_", " ").capitalize()
    if bars:
        title = f"Revenue by {'half-year' if review.period.kind == 'half' else review.period.kind}"
    if series is None or not (any(series.values) if bars else series.known):
        return _words(review, title, series)
    size = {"width": WIDTH, "height": TALL if bars else HEIGHT}
    alt, svg = _alt(series, style), _svg(review, series, style, bars=bars, **size)
    return Display(render("chart.html.j2", title=title, note=_note(series, style, bars=bars), svg=svg, alt=alt, **size), alt)


def _series(review: Review, key: str) -> Series | None:
    if key not in review.kpis:
        return None
    sheet = FigureTable(review)
    names, figures = [period.name for period in review.trend], [sheet.figure(key, period) for period in review.trend]
    values = [figure.value if figure else None for figure in figures]
    targets = [figure.target if figure else None for figure in figures]
    known = [place for place, value in enumerate(values) if value is not None]
    return Series(review.kpis[key], names, figures, values, targets, known)


def _bars(axes: Axes, series: Series, style: NumberStyle) -> None:
    import seaborn as sns

    places, values = series.known, series.values
    numbers = [values[place] or 0.0 for place in places]
    last = len(values) - 1
    sns.barplot(x=places, y=numbers, color=BAND, native_scale=True, width=0.58, saturation=1, errorbar=None, ax=axes)
    if places[-1] == last:
        axes.patches[-1].set_facecolor(NOW)  # a colour for each bar would make seaborn take five times as long
    goals = [(place, goal) for place, goal in enumerate(series.targets) if goal is not None]
    at, marks = [place for place, _ in goals], [goal for _, goal in goals]
    axes.hlines(marks, [place - 0.4 for place in at], [place + 0.4 for place in at], colors=INK, lw=1.6)
    tops = [*numbers, *marks, 0.0]
    extent = (max(tops) - min(tops)) or 1.0
    axes.set(xlim=(-0.6, last + 0.6), ylim=(min(tops) - 0.02 * extent, max(tops) + 0.14 * extent), xlabel="", ylabel="")
    if values[last] is not None:
        text = style.value(values[last], "money")
        top = max(values[last] or 0.0, goals[-1][1] if goals and goals[-1][0] == last else 0.0)
        axes.text(last + 0.45, top + 0.03 * extent, text, ha="right", va="bottom", color=INK, weight="bold")
    _frame(axes, series, base=0.0)


def _line(axes: Axes, series: Series, style: NumberStyle) -> None:
    import seaborn as sns

    places, values, last = series.known, series.values, len(series.values) - 1
    bounds = [(place, figure.low, figure.high) for place in places if (figure := _whiskers(series, place)) is not None]
    for place, low, high in bounds:
        axes.vlines(place, low or 0.0, high or 0.0, colors=NOW if place == last else BAND, lw=1.6)
    numbers = [float("nan") if value is None else value for value in values]
    # One line for each run of periods without a gap: seaborn would draw across a missing one.
    runs = [place - index for index, place in enumerate(places)]
    drawn = [numbers[place] for place in places]
    sns.lineplot(x=places, y=drawn, units=runs, estimator=None, errorbar=None, sort=False, color=DOTS, lw=1.4, ax=axes)
    earlier = [place for place in places if place != last]
    axes.plot(earlier, [numbers[place] for place in earlier], "o", ms=4, color=DOTS, mew=0)
    goal = series.targets[last]
    if goal is not None:
        axes.hlines(goal, -0.4, last + 0.25, colors=INK3, lw=1.1, linestyles=(0, (1.5, 2.5)))
    seen = (*(values[place] for place in places), *(end for bound in bounds for end in bound[1:]), goal)
    ends = [number for number in seen if number is not None]
    extent = (max(ends) - min(ends)) or abs(max(ends)) or 1.0
    bottom = min(ends) - 0.18 * extent
    axes.set(xlim=(-0.5, last + 0.5), ylim=(bottom, max(ends) + 0.12 * extent), xlabel="", ylabel="")
    _end(axes, series, style, extent=extent, goal=goal)
    _frame(axes, series, base=bottom)


def _whiskers(series: Series, place: int) -> Figure | None:
    """The figure whose interval is drawn; deal size has none here, because its interval is that of the median."""
    figure = series.figures[place]
    return None if figure is None or figure.low is None or series.kpi.interval_of else figure


def _end(axes: Axes, series: Series, style: NumberStyle, *, extent: float, goal: float | None) -> None:
    """Write the last value and the target beside the end of the line, apart from each other."""
    last = len(series.values) - 1
    value = series.values[last]
    at = value
    if value is not None:
        axes.plot([last], [value], "o", ms=7.5, color=NOW, mew=0)
        text = style.value(value, series.kpi.unit)
        near = goal is not None and abs(value - goal) < 0.16 * extent
        at = value + (0.05 * extent if value >= (goal or 0.0) else -0.05 * extent) if near else value
        axes.text(last + 0.45, at, text, ha="left", va="center", color=INK, weight="bold", clip_on=False)
    if goal is not None:
        apart = 0.16 * extent
        place = goal if at is None or abs(at - goal) >= apart else at + (apart if goal > at else -apart)
        axes.text(last + 0.45, place, "target", ha="left", va="center", color=INK3, clip_on=False)


def _frame(axes: Axes, series: Series, *, base: float) -> None:
    """Leave of the axes a base line with the first and the last period."""
    last = len(series.names) - 1
    axes.hlines(base, -0.5, last + 0.5, colors=RULE, lw=1)
    low, high = axes.get_ylim()
    under = min(base, low) - 0.03 * (high - low)
    axes.text(-0.5, under, series.names[0], ha="left", va="top", color=INK3, clip_on=False)
    axes.text(last + 0.5, under, series.names[-1], ha="right", va="top", color=INK3, clip_on=False)


def _svg(review: Review, series: Series, style: NumberStyle, *, bars: bool, width: int, height: int) -> str:
    from matplotlib import rc_context
    from matplotlib.figure import Figure as Canvas

    with rc_context(_STYLE):
        canvas = Canvas(figsize=(width / 72, height / 72), dpi=72)
        canvas.patch.set_alpha(0)
        margin = 0 if bars else 78  # the end of a line needs room for its words
        axes = canvas.add_axes((1 / width, 24 / height, (width - 2 - margin) / width, (height - 28) / height))
        axes.set_axis_off()
        axes.set(xticks=[], yticks=[])  # seaborn looks at their labels, and each would be made for that
        if bars:
            _bars(axes, series, style)
        else:
            _line(axes, series, style)
        return _written(canvas, review)


def _written(canvas: Canvas, review: Review) -> str:
    """Write the drawing, give its colours classes, and put the two palettes in."""
    stream = io.StringIO()
    canvas.savefig(stream, format="svg", metadata={"Date": None})
    text = re.sub(r"<metadata>.*?</metadata>|<!DOCTYPE[^>]*>|<!--.*?-->|<\?xml[^>]*\?>", "", stream.getvalue(), flags=re.S)
    text = re.sub(r'style="([^"]*)"', _classed, text)
    book = review.workbook
    style = render("css/chart.css.j2", accent=colour(book.accent), accent_dark=colour(book.accent_dark, dark=True))
    text = re.sub(r"<style type=\"text/css\">.*?</style>|<style[^>]*>\*\{.*?</style>", "", text, flags=re.S)
    return text.replace("<defs>", f"<defs>{style}", 1).strip()


def _classed(match: re.Match[str]) -> str:
    """Turn the palette's colours of one element into classes; the rest of its style stays."""
    rest, classes = match[1], []
    for name, drawn in _DRAWN.items():
        for kind in ("fill", "stroke"):
            if f"{kind}: {drawn}" in rest:
                rest = re.sub(rf"{kind}: {drawn};?\s*", "", rest)
                classes.append(f"{kind[0]}-{name}")
    kept = f'style="{rest.strip()}"' if rest.strip() else ""
    return f'class="{" ".join(classes)}" {kept}'.strip() if classes else kept


def _words(review: Review, title: str, series: Series | None) -> Display:
    """Say in words what cannot be drawn."""
    said = "this copy shows no totals" if review.data.get("withheld") else None
    if series is not None and series.figures and (last := series.figures[-1]) is not None:
        said = last.reason
    if series is not None and series.known:
        said = "no revenue in the periods shown"
    said = said or (review.off.get(series.kpi.key) if series else None) or "this workbook does not hold the figure"
    return Display(render("chart_words.html.j2", title=title, reason=said), f"{title}: n/a, {said}")


def _note(series: Series, style: NumberStyle, *, bars: bool) -> str:
    if bars:
        return "line across the bar: target" if any(goal is not None for goal in series.targets) else "no targets set"
    parts = ["95% interval"] if any(_whiskers(series, place) is not None for place in series.known) else []
    goal = series.targets[-1]
    if goal is not None:
        parts.append(f"target {style.value(goal, series.kpi.unit)}")
    return "; ".join(parts) or "no target set"


def _alt(series: Series, style: NumberStyle) -> str:
    """Say first value, last value and target, and which periods have no figure."""

    def said(number: float | None) -> str:
        return style.value(number, series.kpi.unit)

    first = series.known[0]
    last, goal = series.values[-1], series.targets[-1]
    gaps = [series.names[place] for place in range(first, len(series.values) - 1) if series.values[place] is None]
    parts = [f"{series.kpi.label}: {said(series.values[first])} in {series.names[first]}"]
    if first != len(series.values) - 1:
        parts.append(f"{said(last)} in {series.names[-1]}")
    parts.append(f"target {said(goal)}" if goal is not None else "no target")
    return ", ".join(parts) + (f"; n/a in {', '.join(gaps)}." if gaps else ".")
