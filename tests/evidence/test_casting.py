"""Text to dates and decimals."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewlib.evidence import casting
from reviewlib.evidence.casting import ValueFormat

BERLIN = ZoneInfo("Europe/Berlin")
AMOUNTS = st.decimals(min_value=-(10**13), max_value=10**13, places=4, allow_nan=False, allow_infinity=False)
DAYS = st.dates(dt.date(1900, 1, 1), dt.date(2199, 12, 31))


def _written(amount: Decimal, mark: str, group: str) -> str:
    return f"{amount:,f}".replace(",", "\0").replace(".", mark).replace("\0", group)


@given(
    AMOUNTS,
    st.sampled_from([(".", ","), (",", "."), (".", " "), (",", "\u00a0"), (",", "\u202f"), (".", "'"), (".", ""), (",", "")]),
)
def test_amounts_round_trip(amount: Decimal, marks: tuple[Literal[".", ","], str]) -> None:
    """Whatever is written with a decimal mark and a grouping is read back exactly."""
    mark, group = marks
    assert casting.money(_written(amount, mark, group), mark=mark) == amount


@given(AMOUNTS, st.sampled_from(["({})", "-{}", "{}-", "{} EUR-", "-€{}", "({} EUR)", "-EUR {}", "EUR -{}", "−{}", "(€ {})"]))
def test_negative_forms(amount: Decimal, form: str) -> None:
    """Parentheses, a minus before and a minus behind mean the same, with a currency or without."""
    size = abs(amount)
    if form == "{} EUR-":
        form = "{}- EUR"
    assert casting.money(form.format(f"{size:,f}"), mark=".", currency="EUR") == -size


@given(DAYS, st.sampled_from(["-", "/", "."]), st.sampled_from(["ymd", "dmy", "mdy"]), st.booleans())
def test_dates_round_trip(day: dt.date, separator: str, order: Literal["ymd", "dmy", "mdy"], padded: bool) -> None:
    """Whatever is written in the declared order is read back, padded or not."""
    parts = {"y": f"{day.year:04d}", "m": f"{day.month:{'02' if padded else ''}d}", "d": f"{day.day:{'02' if padded else ''}d}"}
    assert casting.date(separator.join(parts[part] for part in order), order=order) == day


@pytest.mark.parametrize(
    ("text", "mark", "expected"),
    [
        ("1.234,56", ",", "1234.56"),
        ("1,234.56", ".", "1234.56"),
        ("1.234", ",", "1234"),
        ("1,234", ".", "1234"),
        ("1.234.567", ",", "1234567"),
        ("$ 1,234.50", ".", "1234.5"),
        ("US$5", ".", "5"),
        (".5", ".", "0.5"),
        ("5.", ".", "5"),
        ("+5", ".", "5"),
        ("0.00005", ".", "0"),
        ("0.00015", ".", "0.0002"),
        ("0.00025", ".", "0.0002"),
        ("-0.00001", ".", "0"),
        ("0" * 30 + "7", ".", "7"),
        ("-0", ".", "0"),
    ],
)
def test_amounts(text: str, mark: Literal[".", ","], expected: str) -> None:
    """The declared mark decides; more than four places are rounded half to even."""
    assert casting.money(text, mark=mark, currency="USD") == Decimal(expected)


@pytest.mark.parametrize(
    ("text", "mark", "reason"),
    [
        ("1.234,56", ".", "decimal mark '.'"),
        ("1,234.56", ",", "decimal mark ','"),
        ("12,34", ".", "decimal mark"),
        ("1,23,456", ".", "decimal mark"),
        ("1,234 567", ".", "decimal mark"),
        ("1234,567", ".", "decimal mark"),
        ("1.2.3", ".", "decimal mark"),
        ("1e5", ".", "not a number"),
        ("NaN", ".", "not a number"),
        ("--5", ".", "not a number"),
        ("-", ".", "not a number"),
        ("(5", ".", "not a number"),
        ("n/a", ".", "not a number"),
        ("١٢", ".", "not a number"),
        ("40 %", ".", "write a fraction"),
        ("1" * 15, ".", "14 digits"),
        ("USD 5", ".", "USD"),
        ("$5", ".", "currency is EUR"),
        ("5 £", ".", "currency is EUR"),
    ],
)
def test_refused_amounts(text: str, mark: Literal[".", ","], reason: str) -> None:
    """What is not well formed, or in another currency than the workbook's, is refused with a reason."""
    with pytest.raises(ValueError, match=reason.replace("(", r"\(")):
        casting.money(text, mark=mark, currency="EUR")


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("03/04/2026", "dmy", dt.date(2026, 4, 3)),
        ("03/04/2026", "mdy", dt.date(2026, 3, 4)),
        ("3.4.2026", "dmy", dt.date(2026, 4, 3)),
        ("2026-04-03T23:30:00Z", "ymd", dt.date(2026, 4, 4)),
        ("2026-04-03T23:30:00.000+0000", "ymd", dt.date(2026, 4, 4)),
        ("2026-01-03T23:30:00+01:00", "ymd", dt.date(2026, 1, 3)),
        ("2026-04-03 23:30", "ymd", dt.date(2026, 4, 3)),
        ("4/3/2026, 11:30 PM", "mdy", dt.date(2026, 4, 3)),
        ("2026-04-03 12:30 AM -0500", "ymd", dt.date(2026, 4, 3)),
    ],
)
def test_dates(text: str, order: Literal["ymd", "dmy", "mdy"], expected: dt.date) -> None:
    """The declared order decides; times with an offset are moved to the workbook's zone."""
    assert casting.date(text, order=order, zone=BERLIN) == expected


@pytest.mark.parametrize(
    ("text", "order", "reason"),
    [
        ("13/14/2026", "dmy", "no such day in the order day-month-year"),
        ("30.02.2026", "dmy", "no such day"),
        ("2026-04-03", "dmy", "order day-month-year"),
        ("03.04.2026", "ymd", "order year-month-day"),
        ("03/04/26", "dmy", "two digits"),
        ("26-04-03", "ymd", "two digits"),
        ("45000", "ymd", "a number"),
        ("2026-04/03", "ymd", "not a date"),
        ("Q3", "ymd", "not a date"),
        ("0001-01-01", "ymd", "before 1900"),
        ("2026-04-03 10:00", "ymd", "set timezone"),
        ("2026-04-03T00:00:00Z", "ymd", "set timezone"),
        ("2026-04-03 25:00", "ymd", "time of day"),
        ("2026-04-03 13:00 PM", "ymd", "time of day"),
        ("2026-04-03T10:00+99:00", "ymd", "offset"),
    ],
)
def test_refused_dates(text: str, order: Literal["ymd", "dmy", "mdy"], reason: str) -> None:
    """Another order, two-digit years, serial numbers and times without a zone are refused with a reason."""
    zone = None if "timezone" in reason else BERLIN
    with pytest.raises(ValueError, match=reason):
        casting.date(text, order=order, zone=zone)


def test_midnight_without_offset_is_a_plain_date() -> None:
    """A date that a tool wrote with 00:00:00 needs no time zone."""
    assert casting.date("2026-04-03 00:00:00", order="ymd") == dt.date(2026, 4, 3)


def test_column_keeps_places_and_reasons() -> None:
    """Values, missing and refused cells keep their rows; a refused cell is missing and has a reason."""
    cast = casting.column(pa.array(["1,5", None, "x", "1,5"]), "money", style=ValueFormat(decimal=","))
    assert cast.values.to_pylist() == [Decimal("1.5"), None, None, Decimal("1.5")]
    assert cast.reasons.tolist() == [None, None, "not a number", None]
    assert cast.values.type == pa.decimal128(18, 4)


@given(
    st.lists(
        st.one_of(st.none(), AMOUNTS.map(lambda amount: f"{amount:f}"), st.sampled_from(["1,5", "x", "-", "1.23456"])),
        max_size=8,
    )
)
def test_fast_path_equals_slow_path(texts: list[str | None]) -> None:
    """Plain columns, which are cast at once, give what value by value gives."""
    cast = casting.column(pa.array(texts, pa.string()), "money", style=ValueFormat())
    slow = [casting.column(pa.array([text, "x"], pa.string()), "money", style=ValueFormat()) for text in texts]
    assert cast.values.to_pylist() == [one.values[0].as_py() for one in slow]
    assert cast.reasons.tolist() == [one.reasons[0] for one in slow]


def test_typed_cells_do_not_follow_the_format() -> None:
    """A typed cell is an ISO date or a plain decimal; the text cells beside it are as declared."""
    style, typed = ValueFormat(decimal=",", dates="dmy"), np.array([True, False])
    money = casting.column(pa.array(["1.234", "1.234"]), "money", style=style, typed=typed)
    assert money.values.to_pylist() == [Decimal("1.234"), Decimal(1234)]
    dates = casting.column(pa.array(["2026-04-03", "03.04.2026"]), "date", style=style, typed=typed)
    assert dates.values.to_pylist() == [dt.date(2026, 4, 3)] * 2
    assert dates.reasons.tolist() == [None, None]


def test_numbers() -> None:
    """Numbers are read as amounts are; a count must be whole."""
    assert casting.column(pa.array(["0,5", None]), "number", style=ValueFormat(decimal=",")).values.to_pylist() == [0.5, None]
    count = casting.column(pa.array(["1,000", "1.5"]), "count", style=ValueFormat())
    assert count.values.to_pylist() == [1000, None]
    assert count.reasons.tolist() == [None, "not a whole number"]
