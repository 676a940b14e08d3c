"""Text to dates and decimals."""

from __future__ import annotations

import datetime as dt
import functools
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewlib.evidence import casting
from reviewlib.evidence.casting import ValueFormat
from reviewlib.evidence.store import TableStore

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
        ("99999999999999.99995", ".", "14 digits"),
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


STYLES = [
    ("money", ValueFormat()),
    ("money", ValueFormat(decimal=",")),
    ("date", ValueFormat()),
    ("date", ValueFormat(zone=BERLIN)),
    ("date", ValueFormat(dates="dmy")),
]
#: What DuckDB alone would read otherwise, or round otherwise, and what is close to it.
ODD = (
    "1_000", "1e3", "1E3", "epoch", "infinity", "-infinity", "nan", "0.00005", "0.00015", "1.00005",
    "-0.00005", "+5", ".5", "5.", "-.5", "--5", "1,5", "1.5", "1.234,56", "1,234.56", "0x10", "١٢", "１２",
    "12345678901234", "99999999999999", "1234567890123.4567", "-0", "-0.0000", "007", "2026-04-03",
    "2026-4-3", "2026/04/03", "03.04.2026", "20260403", "1899-12-31", "2199-12-31", "2200-01-01",
    "2026-02-29", "2024-02-29", "2026-00-10", "2026-13-01", "0044-03-15 (BC)", "2026-04-03 (BC)", "today",
    "now", "2026-04-03 00:00:00", "2026-04-03T00:00", "2026-04-03 23:59:59.999", "2026-04-03 24:00:00",
    "2026-04-03 23:30:00Z", "2026-04-03T23:30:00+02:00", "2026-04-03 12:61", "2026-04-03 12:00 AM",
    "2026-04-03 00:00:60", "2026-04-03 00:00:00.5", "2026-04-03 1:00", "2026-04-03  00:00",
    "2026-04-03,00:00", "2026-04-03 00:00,5", "12.31", "NULL", "x", "-",
)  # fmt: skip
NEAR = (
    st.text(alphabet="0123456789.,-+eE_ :TZ", max_size=14) | AMOUNTS.map("{:f}".format) | DAYS.map(str) | st.sampled_from(ODD)
)


@functools.cache
def store() -> TableStore:
    """One for all of them."""
    return TableStore()


def in_store(texts: list[str], kind: Literal["money", "date"], style: ValueFormat) -> list[Any]:
    """Cast texts by the strict pattern alone."""
    store().con.register("texts", pa.table({"place": range(len(texts)), "text": pa.array(texts, pa.string())}))
    return [
        value for (value,) in store().rows(f"SELECT {casting.plain('text', kind, style, 'false')} FROM texts ORDER BY place")
    ]


def agree(texts: list[str], kind: Literal["money", "date"], style: ValueFormat) -> int:
    """Hold what the pattern takes against what is read of it; how many it takes."""
    read = casting.reader(kind, style)
    cast = {text: value for text, value in zip(texts, in_store(texts, kind, style), strict=True) if value is not None}
    assert {text: (value, None) for text, value in cast.items()} == {text: read(text) for text in cast}
    return len(cast)


@pytest.mark.parametrize(("kind", "style"), STYLES, ids=str)
def test_odd_texts_are_never_cast_otherwise(kind: Literal["money", "date"], style: ValueFormat) -> None:
    """What the store casts by itself has the value that reading it has; what it would misread it leaves alone."""
    agree([*ODD], kind, style)


@given(st.lists(NEAR, max_size=30), st.sampled_from(STYLES))
def test_strict_patterns_equal_reading(texts: list[str], style: tuple[Literal["money", "date"], ValueFormat]) -> None:
    """Whatever text: by the pattern or read, it has one value."""
    agree(texts, *style)


@given(st.lists(AMOUNTS, min_size=1, max_size=8), st.lists(DAYS, min_size=1, max_size=8))
def test_plain_columns_need_no_reading(amounts: list[Decimal], days: list[dt.date]) -> None:
    """Plain amounts and ISO dates are all cast where they are."""
    small = [amount for amount in amounts if abs(amount) < 10**13]
    assert agree([f"{amount:f}" for amount in small], "money", ValueFormat()) == len({f"{amount:f}" for amount in small})
    assert agree([str(day) for day in days], "date", ValueFormat()) == len({*days})


def test_numbers() -> None:
    """Numbers are read as amounts are; a count must be whole."""
    assert casting.reader("number", ValueFormat(decimal=","))("0,5") == (0.5, None)
    count = casting.reader("count", ValueFormat())
    assert [count(text) for text in ("1,000", "1.5")] == [(1000, None), (None, "not a whole number")]
