"""How values are written."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from babel.numbers import get_group_symbol
from hypothesis import given
from hypothesis import strategies as st

from reviewlib.pages import labels
from reviewlib.pages.labels import MINUS, NumberStyle
from reviewlib.periods import Period

EN = NumberStyle()
SWISS = NumberStyle("de_CH", "CHF")
#: Which apostrophe groups Swiss digits changed between releases of the Unicode locale data.
SWISS_GROUP = get_group_symbol("de_CH")
UNITS = ("money", "percent", "ratio", "days", "count", "score")


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (398220.49, "money", "€398,220"),
        (-9259.0, "money", f"{MINUS}€9,259"),
        (1234567890.0, "money", "€1,234,567,890"),
        (0.533, "percent", "53.3%"),
        (-0.0004, "percent", "0.0%"),
        (1.2809, "ratio", "1.28×"),
        (52.0, "days", "52 days"),
        (33.5, "days", "33.5 days"),
        (1.0, "days", "1 day"),
        (12.0, "count", "12"),
        (8.25, "score", "8.3"),
        (None, "money", "n/a"),
        (float("nan"), "count", "n/a"),
    ],
)
def test_value(number: float | None, unit: str, text: str) -> None:
    """A figure is written with its unit, rounded half up; what is missing is n/a."""
    assert EN.value(number, unit) == text


@pytest.mark.parametrize(
    ("style", "text"),
    [
        (SWISS, f"CHF\N{NO-BREAK SPACE}398{SWISS_GROUP}220"),
        (NumberStyle("de", "EUR"), "398.220\N{NO-BREAK SPACE}€"),
        (NumberStyle("en_IN", "INR"), "₹3,98,220"),
        (NumberStyle("en", "CHF"), "CHF\N{NO-BREAK SPACE}398,220"),
        (NumberStyle("nonsense", "EUR"), "€398,220"),
    ],
)
def test_money_by_locale(style: NumberStyle, text: str) -> None:
    """Grouping, decimal mark and the currency's place follow the locale; an unknown locale is English."""
    assert style.value(398220.0, "money") == text


def test_percent_by_locale() -> None:
    """A German percentage has a comma and a space that does not break."""
    assert NumberStyle("de", "EUR").value(0.533, "percent") == "53,3\N{NO-BREAK SPACE}%"


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (0.44, "percent", "44%"),
        (0.057, "percent", "5.7%"),
        (9600.0, "money", "€9,600"),
        (1.4, "ratio", "1.4×"),
        (41.0, "days", "41 days"),
    ],
)
def test_rounded(number: float, unit: str, text: str) -> None:
    """A figure with two significant digits is written with two."""
    assert EN.rounded(number, unit) == text


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (0.088, "percent", "+8.8 points"),
        (-0.317, "percent", f"{MINUS}31.7 points"),
        (0.0001, "percent", "0.0 points"),
        (97740.0, "money", "+€97,740"),
        (4.0, "days", "+4 days"),
        (-1.0, "count", f"{MINUS}1"),
        (None, "days", "n/a"),
    ],
)
def test_signed_change(number: float | None, unit: str, text: str) -> None:
    """A change carries its sign, that of a share in points; no change has none."""
    assert EN.signed_change(number, unit) == text


@pytest.mark.parametrize(
    ("low", "high", "unit", "style", "text"),
    [
        (0.431, 0.631, "percent", EN, "43.1–63.1%"),
        (6252.0, 10239.0, "money", EN, "€6,252–10,239"),
        (47.0, 63.0, "days", EN, "47–63 days"),
        (6252.0, 10239.0, "money", NumberStyle("de", "EUR"), "6.252–10.239\N{NO-BREAK SPACE}€"),
        (-5.0, 5.0, "count", EN, f"{MINUS}5 to 5"),
        (None, 5.0, "count", EN, "n/a"),
    ],
)
def test_interval(low: float | None, high: float, unit: str, style: NumberStyle, text: str) -> None:
    """An interval says its unit once."""
    assert style.interval(low, high, unit) == text


def test_control_totals_keep_cents() -> None:
    """A control total is written to the cent, or to the unit of a currency without cents."""
    assert EN.control(31250700.5) == "€31,250,700.50"
    assert NumberStyle("en", "JPY").control(31250700.0) == "¥31,250,700"


def test_dates() -> None:
    """Dates are written out in English, without the year beside one of the same year."""
    day = dt.date(2026, 7, 1)
    assert labels.day(day) == "1 July 2026"
    assert labels.day(day, near=dt.date(2026, 9, 30)) == "1 July"
    assert labels.day("2026-10-15") == "15 October 2026"
    assert labels.day(None) == "n/a"
    assert labels.span(Period.parse("2026-Q3")) == "1 July to 30 September 2026"


@given(st.floats(-1e12, 1e12), st.sampled_from(UNITS), st.sampled_from([EN, SWISS, NumberStyle("de", "EUR")]))
def test_never_minus_zero(number: float, unit: str, style: NumberStyle) -> None:
    """No figure is written as minus zero, and none with a hyphen for a minus."""
    for text in (style.value(number, unit), style.signed_change(number, unit)):
        assert "-" not in text
        assert not (text[0] in f"{MINUS}+" and not any(digit in text for digit in "123456789"))


@pytest.mark.parametrize(
    ("currency", "texts"),
    [("EUR", ["33.33", "33.34", "33.33"]), ("JPY", ["33", "34", "33"]), ("KWD", ["33.333", "33.334", "33.333"])],
)
def test_parts_add_up_in_every_currency(currency: str, texts: list[str]) -> None:
    """Parts are rounded to the currency's own smallest unit, and what is written adds up to what is written of the whole."""
    style = NumberStyle("en", currency)
    parts = style.adding_up([100 / 3] * 3)
    assert [style.control(part).lstrip("€¥KWD\xa0") for part in parts] == texts
    assert sum(map(Decimal, map(str, parts))) == 100


def test_amounts_are_written_alike() -> None:
    """Where one amount has cents all of them are written with cents; where none has, none is."""
    assert [NumberStyle().exactly([1200.0, 0.5])(number) for number in (1200.0, 0.5)] == ["€1,200.00", "€0.50"]
    assert NumberStyle().exactly([1200.0, None])(1200.0) == "€1,200"
