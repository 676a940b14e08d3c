"""What a person types into a field to what an entry holds: numbers as the workbook writes them, days as ISO dates."""

from __future__ import annotations

import datetime as dt
import math

from reviewlib.pages import labels


class UnreadableError(ValueError):
    """What stands in a field cannot be read; the text says what to write."""


def day(text: str) -> dt.date | None:
    """Read a day.

    Raises:
        UnreadableError: It is no day of the calendar.
    """
    if not text.strip():
        return None
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        raise UnreadableError(f"“{text.strip()}” is not a day; write it like 2026-12-31") from None


def number(text: str, *, locale: str) -> float | None:
    """Read a number; with a percent sign as a fraction.

    Raises:
        UnreadableError: It is no number in the workbook's way of writing.
    """
    from babel.numbers import NumberFormatError, parse_decimal

    plain = "".join(text.split()).replace(labels.MINUS, "-")
    if not plain:
        return None
    share = plain.endswith("%")
    try:
        found = float(parse_decimal(plain.rstrip("%"), locale=locale.replace("-", "_"), strict=True))
    except (NumberFormatError, ValueError):
        raise UnreadableError(f"“{text.strip()}” is not a number; write 12.5, 12,500 or 45%") from None
    if not math.isfinite(found):
        raise UnreadableError("write a number")
    return found / 100 if share else found


def number_text(value: float | None, unit: str | None) -> str:
    """Write a number into a field, so that reading it gives the same one: 0.45 of a percentage is 45%."""
    if value is None:
        return ""
    if unit == "percent":
        return f"{value * 100:.10g}%"
    return f"{value:.12g}"
