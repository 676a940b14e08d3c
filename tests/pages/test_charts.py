"""Charts as images for light and dark paper."""

from __future__ import annotations

import base64
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pages_fixture as made
import pytest
from babel.numbers import get_group_symbol

from reviewlib.pages import charts
from reviewlib.pages.rendering import Display
from reviewlib.review import Review


@pytest.fixture(scope="module")
def review() -> Review:
    return made.opened(made.rep_slice())


@pytest.fixture(scope="module")
def team() -> Review:
    return made.opened(made.team_slice())


def chart(review: Review, kpi: str) -> Display:
    return charts.trends(review, kpis=[kpi])


def _svg(display: Display) -> str:
    match = re.search(r"base64,([^\"]+)", display.html)
    assert match is not None, display.html
    return base64.b64decode(match[1]).decode()


def _alt(display: Display) -> str:
    match = re.search(r'alt="([^"]*)"', display.html)
    assert match is not None
    return match[1]


@pytest.mark.parametrize(
    "draw",
    [
        lambda review: chart(review, "revenue"),
        lambda review: chart(review, "win_rate"),
        lambda review: chart(review, "pipeline_growth"),
    ],
)
def test_same_bytes_twice(review: Review, draw: Callable[[Review], Display]) -> None:
    """The same figures give the same image, byte for byte."""
    assert draw(review).html == draw(review).html


def test_charts_come_in_the_order_given(review: Review) -> None:
    """Each KPI has a chart of its own, as it has by itself."""
    kpis = ["win_rate", "revenue", "no_such"]
    one_by_one = [chart(review, kpi) for kpi in kpis]
    assert charts.trends(review, kpis=kpis).html == "\n".join(one.html for one in one_by_one)
    assert charts.trends(review, kpis="win_rate").html == one_by_one[0].html
    assert charts.trends(review, kpis=kpis).text == "\n".join(one.text for one in one_by_one)


def test_one_image_for_both_schemes(review: Review) -> None:
    """The image is well-formed, carries both palettes as classes, and has no colour of its own."""
    svg = _svg(chart(review, "win_rate"))
    ET.fromstring(svg)
    style, _, drawing = svg.partition("</style>")
    assert "prefers-color-scheme:dark" in style
    assert not re.search(r"(fill|stroke): ?#", drawing)
    assert 'class="s-now"' in drawing
    assert "<text" in drawing


def test_accent_of_the_workbook() -> None:
    """The workbook's accents are in the image, light and dark."""
    svg = _svg(chart(made.opened(made.rep_slice(accent="#007755", accent_dark="#66ddaa")), "revenue"))
    light, _, dark = svg.partition("@media")
    assert "#007755" in light
    assert "#66ddaa" in dark


def test_alternative_text(review: Review) -> None:
    """The alternative text says first value, last value, target and the gaps."""
    assert _alt(chart(review, "revenue")) == "Sales revenue: €239,680 in 2024-Q4, €398,220 in 2026-Q3, target €375,000."
    assert _alt(chart(review, "calls")).endswith("target 300; n/a in 2025-Q2.")
    assert _alt(chart(review, "pipeline_coverage")) == "Pipeline coverage: 1.28× in 2026-Q3, target 1.50×."


def test_value_stands_at_the_line(review: Review) -> None:
    """The last value is written in the image, by the workbook's locale."""
    assert ">53.3%<" in _svg(chart(review, "win_rate"))
    grouped = f"398{get_group_symbol('de_CH')}220"
    assert grouped in _svg(chart(made.opened(made.rep_slice(locale="de_CH", currency="CHF")), "revenue"))


def test_gap_where_a_period_has_no_figure(review: Review) -> None:
    """A period without a figure breaks the line instead of being bridged."""
    whole, broken = (_svg(chart(review, key)) for key in ("new_customers", "calls"))
    lines = [len(re.findall(r'<path d="M[^"]*L[^"]*"[^>]*s-line', svg)) for svg in (whole, broken)]
    assert lines == [1, 2]


def test_nothing_to_draw_is_said_in_words() -> None:
    """Where no period has a figure, the figure says why and holds no image."""
    empty = made.opened(made.empty_slice())
    shown = chart(empty, "win_rate")
    assert "<img" not in shown.html
    assert "no deal was closed in the period" in shown.html
    assert "no revenue in the periods shown" in chart(empty, "revenue").html
    assert "<figure" in chart(empty, "no_such").html


def test_drawing_leaves_no_state(review: Review) -> None:
    """Drawing opens no pyplot figure and changes no setting."""
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    chart(review, "revenue")
    assert dict(mpl.rcParams) == before
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or pyplot.get_fignums() == []


def test_display_for_notebooks(review: Review) -> None:
    """A chart shows as HTML, with its words for consoles and no section of its own."""
    data, metadata = chart(review, "revenue")._repr_mimebundle_()
    assert set(data) == {"text/html", "text/plain"}
    assert metadata == {"reviewlib": {}}
