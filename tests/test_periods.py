"""Periods: names, arithmetic, tiles."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewlib.errors import PeriodError
from reviewlib.periods import MONTHS, FiscalYear, Kind, Period, last_complete

APRIL = FiscalYear(4)
APRIL_BY_START = FiscalYear(4, "start")

fiscal_years = st.builds(FiscalYear, st.integers(1, 12), st.sampled_from(["start", "end"]))
kinds = st.sampled_from(["month", "quarter", "half", "year"])
days = st.dates(dt.date(1900, 1, 1), dt.date(2200, 12, 31))
periods = st.builds(Period.containing, days, kinds, fiscal_years)


@pytest.mark.parametrize(
    ("text", "fiscal", "start", "end"),
    [
        ("2026-Q3", FiscalYear(), dt.date(2026, 7, 1), dt.date(2026, 10, 1)),
        ("2026-Q4", FiscalYear(), dt.date(2026, 10, 1), dt.date(2027, 1, 1)),
        ("2026-H1", FiscalYear(), dt.date(2026, 1, 1), dt.date(2026, 7, 1)),
        ("2026-02", FiscalYear(), dt.date(2026, 2, 1), dt.date(2026, 3, 1)),
        ("FY2026", FiscalYear(), dt.date(2026, 1, 1), dt.date(2027, 1, 1)),
        ("FY2026", APRIL, dt.date(2025, 4, 1), dt.date(2026, 4, 1)),
        ("FY2026", APRIL_BY_START, dt.date(2026, 4, 1), dt.date(2027, 4, 1)),
        ("2026-Q1", APRIL, dt.date(2025, 4, 1), dt.date(2025, 7, 1)),
        ("2026-Q4", APRIL, dt.date(2026, 1, 1), dt.date(2026, 4, 1)),
        ("2026-H2", APRIL_BY_START, dt.date(2026, 10, 1), dt.date(2027, 4, 1)),
        ("2026-04", APRIL, dt.date(2026, 4, 1), dt.date(2026, 5, 1)),
        ("FY2026", FiscalYear(1, "start"), dt.date(2026, 1, 1), dt.date(2027, 1, 1)),
        (" 2026-Q3 ", FiscalYear(), dt.date(2026, 7, 1), dt.date(2026, 10, 1)),
    ],
)
def test_parse_reads_every_form(text: str, fiscal: FiscalYear, start: dt.date, end: dt.date) -> None:
    """Quarters, halves and years follow the fiscal year and its name, months the calendar."""
    period = Period.parse(text, fiscal)
    assert (period.start, period.end) == (start, end)
    assert str(period) == text.strip()


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-Q5", "2026-Q0", "2026-H3", "2026-13", "2026-00", "2026-1", "Q3-2026", "FY26", "2026-q3"]
)
def test_parse_refuses_what_is_no_period(text: str) -> None:
    """Anything else is refused, saying what was found and which forms there are."""
    with pytest.raises(PeriodError) as caught:
        Period.parse(text)
    assert repr(text) in str(caught.value)
    assert "2026-Q3" in str(caught.value)


@pytest.mark.parametrize("text", ["0000-Q1", "FY9999"])
def test_years_outside_the_calendar_are_refused(text: str) -> None:
    """A year that has no dates is an error of the period, not of the calendar."""
    with pytest.raises(PeriodError, match="outside the calendar"):
        Period.parse(text)


@given(periods)
def test_parse_reads_back_every_name(period: Period) -> None:
    """A period's name, read by the same fiscal year, is the period."""
    again = Period.parse(period.name, period.fiscal)
    assert again == period
    assert again.kind == period.kind


@given(periods, st.integers(-200, 200))
def test_shift_there_and_back_is_the_period(period: Period, count: int) -> None:
    """Stepping forward and back by the same count ends where it began, name included."""
    again = period.shift(count).shift(-count)
    assert again == period
    assert again.name == period.name


@given(periods)
def test_neighbours_touch(period: Period) -> None:
    """A period ends where the next begins and begins where the previous ends."""
    assert period.next.start == period.end
    assert period.previous.end == period.start


@given(periods)
def test_year_ago_is_the_same_part_of_the_year_before(period: Period) -> None:
    """The same period a year ago starts in the same month, twelve months earlier."""
    ago = period.year_ago
    assert (ago.start.year, ago.start.month, ago.kind) == (period.start.year - 1, period.start.month, period.kind)


@given(days, kinds, fiscal_years)
def test_containing_holds_the_day(day: dt.date, kind: Kind, fiscal: FiscalYear) -> None:
    """The period found for a day holds it, the end excluded."""
    period = Period.containing(day, kind, fiscal)
    assert period.start <= day < period.end
    assert period.start <= period.last_day < period.end
    assert period.days == (period.last_day - period.start).days + 1


@given(periods)
def test_months_tile_the_period(period: Period) -> None:
    """A period's months lie end to end and fill it."""
    months = period.months()
    assert len(months) == MONTHS[period.kind]
    assert (months[0].start, months[-1].end) == (period.start, period.end)
    assert all(left.end == right.start for left, right in itertools.pairwise(months))


@given(days, fiscal_years)
def test_quarters_tile_halves_and_halves_tile_years(day: dt.date, fiscal: FiscalYear) -> None:
    """The quarter of a day lies inside its half, and the half inside its year."""
    quarter, half, year = (Period.containing(day, kind, fiscal) for kind in ("quarter", "half", "year"))
    assert half.contains(quarter)
    assert year.contains(half)
    assert quarter.name[:4] == half.name[:4] == year.name[2:]


def test_trend_ends_with_the_period() -> None:
    """The trend lists periods oldest first and ends with the one asked for."""
    assert [str(period) for period in Period.parse("2026-Q2").trend(4)] == ["2025-Q3", "2025-Q4", "2026-Q1", "2026-Q2"]
    assert len(Period.parse("2026-H1").trend()) == 8


@pytest.mark.parametrize(
    ("as_of", "name"), [(dt.date(2026, 9, 29), "2026-Q2"), (dt.date(2026, 9, 30), "2026-Q3"), (dt.date(2026, 10, 1), "2026-Q3")]
)
def test_last_complete_needs_the_last_day(as_of: dt.date, name: str) -> None:
    """A period is complete from its last day on."""
    assert str(last_complete("quarter", as_of=as_of)) == name


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("2026-Q3", "Third quarter 2026"),
        ("2026-H1", "First half 2026"),
        ("2026-09", "September 2026"),
        ("FY2026", "Fiscal year 2026"),
    ],
)
def test_title_is_words(text: str, title: str) -> None:
    """A title names the period in words, by the fiscal year's own name."""
    assert Period.parse(text).title() == title
    assert Period.parse(text, APRIL_BY_START).title() == title
