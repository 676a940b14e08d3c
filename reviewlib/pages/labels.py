"""A value and its unit to text: money, percents, days, intervals, dates.

Numbers are written as the workbook's locale has it; words and dates are English. What is missing is "n/a", never 0. A minus is
the true one (U+2212), and nothing is ever "−0".
"""

from __future__ import annotations

import datetime as dt
import functools
import math
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from reviewlib.periods import Period

MINUS: Final = "\N{MINUS SIGN}"
NOT_AVAILABLE: Final = "n/a"

#: Decimals of a unit: (fewest, most).
_DECIMALS: Final = {"money": (0, 0), "percent": (1, 1), "ratio": (2, 2), "days": (0, 1), "count": (0, 1), "score": (1, 1)}
#: Decimals where a figure was already rounded to two significant digits.
_ROUNDED: Final = {"money": (0, 0), "percent": (0, 2), "ratio": (0, 2), "days": (0, 2), "count": (0, 2), "score": (0, 2)}

_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
#: One unit of the last decimal, by the number of decimals.
_STEPS: Final = tuple(Decimal(1).scaleb(-decimals) for decimals in range(5))


@dataclass(frozen=True)
class NumberStyle:
    """How a workbook writes numbers: locale and the ISO code of its currency."""

    locale: str = "en"
    currency: str = "EUR"

    def value(self, number: float | None, unit: str) -> str:
        """Write a figure with its unit: "€398,220", "53.3%", "52 days", "12", "1.28×"."""
        return self._text(number, unit, _DECIMALS[unit])

    def rounded(self, number: float | None, unit: str) -> str:
        """Write a figure that carries two significant digits, without inventing a third: "44%", "€9,600"."""
        return self._text(number, unit, _ROUNDED[unit])

    def signed(self, number: float | None, unit: str) -> str:
        """Write a figure with its sign: "+€97,740", "−19.0%", "+4 days"; zero has none."""
        text = self.value(number, unit)
        return f"+{text}" if number is not None and number > 0 and not _is_zero(text) else text

    def control(self, number: float | None) -> str:
        """Write a control total to the smallest unit of its currency: "€31,102,400.50"."""
        from babel.numbers import get_currency_precision

        digits = get_currency_precision(self.currency)
        return self._text(number, "money", (digits, digits))

    def change(self, number: float | None, unit: str) -> str:
        """Write the size of a change without its sign; that of a percent is in points: "8.8 points"."""
        if number is None or math.isnan(number):
            return NOT_AVAILABLE
        if unit != "percent":
            return self.value(abs(number), unit)
        return f"{self._digits(abs(number) * 100, _DECIMALS['percent'])} points"

    def signed_change(self, number: float | None, unit: str) -> str:
        """Write a change with its sign: "+8.8 points", "−€9,259", "+4 days"."""
        size = self.change(number, unit)
        return size if number is None or _is_zero(size) else f"{'+' if number > 0 else MINUS}{size}"

    def interval(self, low: float | None, high: float | None, unit: str) -> str:
        """Write an interval with its unit once: "43.1–63.1%", "€6,252–10,239", "47–63 days"."""
        if low is None or high is None:
            return NOT_AVAILABLE
        first, last = self.value(low, unit), self.value(high, unit)
        if low < 0:
            return f"{first} to {last}"
        return re.sub(r"\D+$", "", first) + "–" + re.sub(r"^\D+", "", last)

    def things(self, number: float | None, noun: str) -> str:
        """Write a number of things whose noun is given in the plural: "1 won deal", "49 won deals"."""
        one = re.sub(r"\b(deal|account|refund|observation|purchase)s\b", r"\1", noun) if number == 1 else noun
        return f"{self.value(number, 'count')} {one}".strip()

    def _text(self, number: float | None, unit: str, decimals: tuple[int, int]) -> str:
        if number is None or math.isnan(number):
            return NOT_AVAILABLE
        size = self._size(abs(float(number)), unit, decimals)
        return size if number >= 0 or _is_zero(size) else f"{MINUS}{size}"

    def _size(self, number: float, unit: str, decimals: tuple[int, int]) -> str:
        if unit == "money":
            return _money_shape(self).replace("#", self._digits(number, decimals))
        if unit == "percent":
            shape = _around(_locale(self.locale).percent_formats[None].pattern, "%")
            return shape.replace("#", self._digits(number * 100, decimals))
        digits = self._digits(number, decimals)
        if unit == "days":
            return f"{digits} {'day' if digits == '1' else 'days'}"
        return f"{digits}×" if unit == "ratio" else digits

    def _digits(self, number: float, decimals: tuple[int, int]) -> str:
        """Round half up, as people do, from the shortest decimal form (0.125 is 0.13, 1.005 is 1.01)."""
        rounded = Decimal(f"{number:.12g}").quantize(_STEPS[decimals[1]], ROUND_HALF_UP)
        return str(_pattern(self.locale, decimals).apply(rounded, _locale(self.locale)))


def day(date: dt.date | str | None, *, near: dt.date | None = None) -> str:
    """Write a date: "15 October 2026"; without the year where ``near`` lies in the same one."""
    if date is None or (isinstance(date, float) and math.isnan(date)):
        return NOT_AVAILABLE
    date = dt.date.fromisoformat(date) if isinstance(date, str) else date
    text = f"{date.day} {_MONTHS[date.month - 1]}"
    return text if near is not None and near.year == date.year else f"{text} {date.year}"


def short_day(date: dt.date | str) -> str:
    """Write a date where room is scarce: "9 Aug 2026"."""
    date = dt.date.fromisoformat(date) if isinstance(date, str) else date
    return f"{date.day} {_MONTHS[date.month - 1][:3]} {date.year}"


def span(period: Period) -> str:
    """Write the dates of a period: "1 July to 30 September 2026"."""
    return f"{day(period.start, near=period.last_day)} to {day(period.last_day)}"


def _is_zero(text: str) -> bool:
    return not re.search(r"[1-9]", text)


@functools.cache
def _money_shape(style: NumberStyle) -> str:
    """What stands around an amount, and "#" for the amount itself."""
    from babel.numbers import get_currency_symbol

    symbol = get_currency_symbol(style.currency, locale=_locale(style.locale))
    text = _around(_locale(style.locale).currency_formats["standard"].pattern.partition(";")[0], "¤")
    # A code such as EUR in front of digits wants a space where a sign such as € does not.
    gap = "\N{NO-BREAK SPACE}" if text.startswith("¤#") and symbol[-1].isalpha() else ""
    return text.replace("¤", symbol + gap)


def _around(pattern: str, mark: str) -> str:
    """Keep of a locale's pattern what stands around the number, and "#" for the number itself."""
    return re.sub(r"[#0][#0.,]*", "#", pattern) if mark in pattern else f"#{mark}"


@functools.cache
def _locale(name: str) -> Any:
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en")


@functools.cache
def _pattern(locale: str, decimals: tuple[int, int]) -> Any:
    from babel.numbers import parse_pattern

    fewest, most = decimals
    whole = _locale(locale).decimal_formats[None].pattern.partition(".")[0]
    return parse_pattern(f"{whole}.{'0' * fewest}{'#' * (most - fewest)}" if most else whole)


def number_text(value: float | None, unit: str | None) -> str:
    """Write a number into a field, so that reading it gives the same one: 0.45 of a percentage is 45%."""
    if value is None:
        return ""
    if unit == "percent":
        return f"{value * 100:.10g}%"
    return f"{value:.12g}"
