"""A value and its unit to text: money, percents, days, intervals, dates.

Numbers are written as the workbook's locale has it; words and dates are English. What is missing is "n/a", never 0. A minus is
the true one (U+2212), and nothing is ever "−0".
"""

import datetime as dt
import functools
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from itertools import accumulate, pairwise
from typing import Any, Final

from reviewlib.params import words
from reviewlib.periods import Period

MINUS: Final = "\N{MINUS SIGN}"
NOT_AVAILABLE: Final = "n/a"

#: Decimals of a unit: (fewest, most).
_DECIMALS: Final = {
    "money": (0, 0), "percent": (1, 1), "points": (1, 1), "ratio": (2, 2), "days": (0, 1), "count": (0, 1), "score": (1, 1),
}  # fmt: skip
#: Decimals where a figure was already rounded to two significant digits.
_ROUNDED: Final = {"money": (0, 0), "percent": (0, 2), "ratio": (0, 2), "days": (0, 2), "count": (0, 2), "score": (0, 2)}


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

    def exactly(self, numbers: Iterable[float | None]) -> Callable[[float | None], str]:
        """How to write amounts that a reader may add up: to the smallest unit, unless all of them are whole."""
        whole = all(number is None or number == round(number) for number in numbers)
        return partial(self.value, unit="money") if whole else self.control

    def adding_up(self, numbers: Iterable[float], *, digits: int | None = None) -> list[float]:
        """Round amounts so that they add up to their sum: to the smallest unit of the currency, or to so many digits."""
        from babel.numbers import get_currency_precision

        unit = Decimal(1).scaleb(-(get_currency_precision(self.currency) if digits is None else digits))
        ends = [Decimal(f"{end:.15g}").quantize(unit, ROUND_HALF_UP) for end in accumulate(numbers, initial=0.0)]
        return [float(end - start) for start, end in pairwise(ends)]

    def change(self, number: float | None, unit: str) -> str:
        """Write the size of a change without its sign; that of a percent is in points: "8.8 points"."""
        return self.value(number, "points" if unit == "percent" else unit).removeprefix(MINUS)

    def signed_change(self, number: float | None, unit: str) -> str:
        """Write a change with its sign: "+8.8 points", "−€9,259", "+4 days"."""
        return self.signed(number, "points" if unit == "percent" else unit)

    def interval(self, low: float | None, high: float | None, unit: str) -> str:
        """Write an interval with its unit once: "43.1–63.1%", "€6,252–10,239", "47–63 days"."""
        if low is None or high is None:
            return NOT_AVAILABLE
        first, last = self.value(low, unit), self.value(high, unit)
        if low < 0:
            return f"{first} to {last}"
        return re.sub(r"\D+$", "", first) + "–" + re.sub(r"^\D+", "", last)

    def things(self, number: float | None, noun: str) -> str:
        """Write a number of things whose noun is given in the plural: "no won deals", "1 won deal", "49 won deals"."""
        size = "no" if number == 0 and noun else self.value(number, "count")
        return f"{size} {words.agreeing(noun, number)}".strip()

    def _text(self, number: float | None, unit: str, decimals: tuple[int, int]) -> str:
        if number is None or math.isnan(number):
            return NOT_AVAILABLE
        size = self._size(abs(float(number)), unit, decimals)
        return size if number >= 0 or _is_zero(size) else f"{MINUS}{size}"

    def _size(self, number: float, unit: str, decimals: tuple[int, int]) -> str:
        """Round half up, as people do, from the shortest decimal form (0.125 is 0.13, 1.005 is 1.01)."""
        shape = _shape(self, unit, decimals)
        exact = Decimal(f"{number * 100 if unit in ('percent', 'points') else number:.12g}")
        rounded = exact.quantize(Decimal(1).scaleb(-decimals[1]), ROUND_HALF_UP).scaleb(-shape.scale)
        text = str(shape.apply(rounded, _locale(self.locale)))
        if unit == "days":
            return f"{text} {'day' if text == '1' else 'days'}"
        return text + {"ratio": "×", "points": " points"}.get(unit, "")


def day(date: dt.date | str | None, *, near: dt.date | None = None) -> str:
    """Write a date: "15 October 2026"; without the year where ``near`` lies in the same one."""
    if date is None or (isinstance(date, float) and math.isnan(date)):
        return NOT_AVAILABLE
    date = dt.date.fromisoformat(date) if isinstance(date, str) else date
    text = f"{date.day} {_locale('en').months['format']['wide'][date.month]}"
    return text if near is not None and near.year == date.year else f"{text} {date.year}"


def short_day(date: dt.date | str) -> str:
    """Write a date where room is scarce: "9 Aug 2026"."""
    date = dt.date.fromisoformat(date) if isinstance(date, str) else date
    return f"{date.day} {_locale('en').months['format']['abbreviated'][date.month]} {date.year}"


def span(period: Period) -> str:
    """Write the dates of a period: "1 July to 30 September 2026"."""
    return f"{day(period.start, near=period.last_day)} to {day(period.last_day)}"


def _is_zero(text: str) -> bool:
    return not re.search(r"[1-9]", text)


@functools.cache
def _locale(name: str) -> Any:
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en")


@functools.cache
def _shape(style: NumberStyle, unit: str, decimals: tuple[int, int]) -> Any:
    """The locale's own pattern for money, percents and other numbers, with so many decimals."""
    from babel.numbers import get_currency_symbol, parse_pattern

    locale = _locale(style.locale)
    symbol, plain = get_currency_symbol(style.currency, locale=locale), locale.decimal_formats[None]
    patterns = {"money": locale.currency_formats["standard"], "percent": locale.percent_formats[None]}
    text = patterns.get(unit, plain).pattern.partition(";")[0]
    # A code such as EUR in front of digits wants a space where a sign such as € does not.
    gap = "\N{NO-BREAK SPACE}" if text.startswith("¤#") and symbol[-1].isalpha() else ""
    shape: Any = parse_pattern(text)
    shape.prefix, shape.suffix = ([part.replace("¤", symbol + gap) for part in parts] for parts in (shape.prefix, shape.suffix))
    shape.grouping, shape.frac_prec = plain.grouping, decimals
    return shape


def number_text(value: float | None, unit: str | None) -> str:
    """Write a number into a field, so that reading it gives the same one: 0.45 of a percentage is 45%."""
    if value is None:
        return ""
    if unit == "percent":
        return f"{value * 100:.10g}%"
    return f"{value:.12g}"
