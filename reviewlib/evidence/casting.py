"""Text to dates and decimals, as declared; what does not fit is refused with a reason.

Nothing is guessed: the order of a date and the decimal mark come from params. Money never passes through a float. What matches
a strict pattern is cast where the table is; every other text is read here, once, however many rows have it.
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import partial
from typing import Final, Literal
from zoneinfo import ZoneInfo

import pyarrow as pa

from reviewlib.evidence import tables

Order = Literal["ymd", "dmy", "mdy"]
Mark = Literal[".", ","]
Value = dt.date | Decimal | float

_WORDS: Final[dict[Order, str]] = {"ymd": "year-month-day", "dmy": "day-month-year", "mdy": "month-day-year"}
_TIME: Final = r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,]\d+)?)?[ \xa0]*+(?P<half>[AaPp]\.?[Mm]\.?)?"
_ZONE: Final = r"(?P<zone>[Zz]|[+-]\d\d:?\d\d|[+-]\d\d|UTC|GMT)?"
_DATE: Final = re.compile(rf"(\d{{1,4}})([-/.])(\d{{1,2}})\2(\d{{1,4}})(?:(?:[Tt]|,?[ \xa0]+){_TIME} *{_ZONE})?", re.ASCII)
#: The years that a date may have.
YEARS: Final = range(1900, 2200)
#: Amounts and days that DuckDB reads as it is done here, by their patterns.
_PLAIN_AMOUNT: Final = r"-?[0-9]{{1,13}}({mark}[0-9]{{1,4}})?"
_PLAIN_DAY: Final = "(19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}"
_MIDNIGHT: Final = "[ T]00:00(:00([.][0-9]+)?)?"
_TIME_OF_DAY: Final = "[ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?"
_GROUPS: Final = {".": r"[,\s'’]", ",": r"[.\s'’]"}
_PLACES: Final = Decimal("0.0001")
#: From here on an amount has 15 digits once it is rounded.
TOO_LARGE: Final = Decimal("99999999999999.99995")
_EXACT: Final = Context(prec=400)
_SYMBOLS: Final[dict[str, frozenset[str]]] = {
    "€": frozenset({"EUR"}),
    "£": frozenset({"GBP", "EGP", "GIP", "FKP", "SHP", "SYP", "LBP"}),
    "₹": frozenset({"INR"}),
    "$": frozenset(
        {"USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN", "CLP", "COP", "ARS", "UYU", "BRL", "BND", "JMD", "TTD"}
    ),
}


@dataclass(frozen=True)
class ValueFormat:
    """How a file writes its values, and the workbook's time zone and currency: amounts in another one are refused."""

    decimal: Mark = "."
    dates: Order = "ymd"
    zone: ZoneInfo | None = None
    currency: str | None = None


def plain(text: str, kind: tables.Type, style: ValueFormat, typed: str) -> str:
    """SQL that casts a text of a strict pattern exactly as it would be read here; missing for every other text.

    Cells that are ``typed`` hold ISO dates and plain decimals whatever the style says.
    """
    if typed != "false" and style != (written := as_typed(style)):
        return f"CASE WHEN {typed} THEN {_plain(text, kind, written)} ELSE {_plain(text, kind, style)} END"
    return _plain(text, kind, style)


def as_typed(style: ValueFormat) -> ValueFormat:
    """How typed cells are written as text."""
    return replace(style, decimal=".", dates="ymd")


def _plain(text: str, kind: tables.Type, style: ValueFormat) -> str:
    if kind == "money":
        pattern = _PLAIN_AMOUNT.format(mark=re.escape(style.decimal))
        amount = text if style.decimal == "." else f"replace({text}, ',', '.')"
        return f"CASE WHEN regexp_full_match({text}, '{pattern}') THEN TRY_CAST({amount} AS DECIMAL(18, 4)) END"
    if kind == "date" and style.dates == "ymd":
        # A time without an offset is the workbook's own, so that the day stays what it is.
        time = _TIME_OF_DAY if style.zone else _MIDNIGHT
        return f"CASE WHEN regexp_full_match({text}, '{_PLAIN_DAY}({time})?') THEN TRY_CAST(left({text}, 10) AS DATE) END"
    return f"CAST(NULL AS {tables.SQL[kind]})"


def kept(cell: str, kind: tables.Type, held: pa.DataType) -> str:
    """SQL of the value of a cell that is a date or an amount already, where it may have that value; empty for other columns."""
    if kind == "date" and pa.types.is_date(held):
        return f"CASE WHEN {cell} BETWEEN DATE '{YEARS.start}-01-01' AND DATE '{YEARS.stop - 1}-12-31' THEN {cell} END"
    if kind == "money" and pa.types.is_decimal(held):
        amount = f"TRY_CAST({cell} AS {tables.SQL[kind]})"
        return f"CASE WHEN TRY_CAST({amount} AS DECIMAL({held.precision}, {held.scale})) = {cell} THEN {amount} END"
    return ""


def reader(kind: tables.Type, style: ValueFormat) -> Callable[[str], tuple[Value | None, str | None]]:
    """How a trimmed text is read: to its value, or to the reason why it has none."""
    return partial(_value_or_reason, _parser(kind, style))


def _value_or_reason(parse: Callable[[str], Value], text: str) -> tuple[Value | None, str | None]:
    try:
        return parse(text), None
    except ValueError as error:
        return None, str(error)


def _parser(kind: tables.Type, style: ValueFormat) -> Callable[[str], Value]:
    if kind == "date":
        return partial(date, order=style.dates, zone=style.zone)
    if kind == "money":
        return partial(money, mark=style.decimal, currency=style.currency)
    return partial(_number, mark=style.decimal, whole=kind == "count")


def _number(text: str, *, mark: Mark, whole: bool) -> float | int:
    value = money(text, mark=mark)
    if whole and value != int(value):
        raise ValueError("not a whole number")
    return int(value) if whole else float(value)


def date(text: str, *, order: Order, zone: ZoneInfo | None = None) -> dt.date:
    """Read a date in the declared order, separated by ``-``, ``/`` or ``.``; a time of day needs a time zone.

    What is no such date is a ValueError with the reason, in a few words; so for amounts below.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError("a number, not a date" if text.isdigit() else "not a date")
    parts = dict(zip(order, (match[1], match[3], match[4]), strict=True))
    if len(parts["y"]) == 2:
        four = len(match[1]) == 4 or len(match[4]) == 4
        raise ValueError(f"not a date in the order {_WORDS[order]}" if four else "a year of two digits")
    if len(parts["y"]) != 4 or max(len(parts["m"]), len(parts["d"])) > 2:
        raise ValueError(f"not a date in the order {_WORDS[order]}")
    try:
        day = dt.date(int(parts["y"]), int(parts["m"]), int(parts["d"]))
    except ValueError:
        raise ValueError(f"no such day in the order {_WORDS[order]}") from None
    if day.year not in YEARS:
        raise ValueError(f"a year before {YEARS.start} or after {YEARS.stop - 1}")
    return day if match["hour"] is None else _local(day, match, zone)


def _local(day: dt.date, match: re.Match[str], zone: ZoneInfo | None) -> dt.date:
    """Find the day in the workbook's zone. Midnight without an offset is how many tools write a plain date."""
    try:
        time = dt.time(_hour(match), int(match["minute"]), int(match["second"] or 0))
    except ValueError:
        raise ValueError("no such time of day") from None
    if match["zone"] is None and time == dt.time():
        return day
    if zone is None:
        raise ValueError("has a time of day: set timezone")
    if match["zone"] is None:
        return day
    return dt.datetime.combine(day, time, _offset(match["zone"])).astimezone(zone).date()


def _hour(match: re.Match[str]) -> int:
    hour = int(match["hour"])
    if match["half"] is None:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError
    return hour % 12 + (12 if match["half"][0] in "Pp" else 0)


def _offset(text: str) -> dt.tzinfo:
    if text in {"Z", "z", "UTC", "GMT"}:
        return dt.UTC
    digits = text[1:].replace(":", "")
    shift = dt.timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    if shift >= dt.timedelta(hours=24):
        raise ValueError("no such offset from UTC")
    return dt.timezone(-shift if text[0] == "-" else shift)


def money(text: str, *, mark: Mark, currency: str | None = None) -> Decimal:
    """Read an amount with the declared decimal mark; more than four places are rounded half to even.

    Thousands may be grouped by the other mark, a space or an apostrophe, in threes and all alike. A currency before or behind
    is dropped when it is the workbook's. Parentheses, and a minus before or behind, mean negative.
    """
    bare, negative = _unsigned(_without_currency(text.strip(), currency))
    group = _GROUPS[mark]
    whole = rf"(?:[0-9]+|[0-9]{{1,3}}({group})[0-9]{{3}}(?:\1[0-9]{{3}})*)"
    if not re.fullmatch(rf"(?:{whole}(?:{re.escape(mark)}[0-9]*)?|{re.escape(mark)}[0-9]+)", bare):
        if re.fullmatch(r"[\d.,\s'’]+", bare):
            raise ValueError(f"not a number with the decimal mark {mark!r}")
        raise ValueError("a percentage: write a fraction" if bare.endswith("%") else "not a number")
    value = Decimal(re.sub(group, "", bare).replace(mark, "."))
    if value >= TOO_LARGE:
        raise ValueError("a number of more than 14 digits")
    rounded = value.quantize(_PLACES, ROUND_HALF_EVEN, _EXACT)
    return -rounded if negative and rounded else rounded


def _unsigned(text: str) -> tuple[str, bool]:
    text = text.replace("−", "-")
    if text.startswith("(") and text.endswith(")"):
        return text[1:-1].strip(), True
    if text.startswith(("-", "+")):
        return text[1:].strip(), text[0] == "-"
    return (text[:-1].strip(), True) if text.endswith("-") else (text, False)


def _without_currency(text: str, currency: str | None) -> str:
    """Drop one ISO code or symbol before or behind the number, the sign and parentheses kept."""
    match = _CURRENCY.fullmatch(text)
    if match is None:
        return text
    name = match["before"] or match["behind"]
    if name and currency:
        # A word such as kr may be any currency's.
        word = name[-1] not in _SYMBOLS and not re.fullmatch(r"[A-Z]{3}", name)
        if not word and currency not in _SYMBOLS.get(name[-1], {name}):
            raise ValueError(f"in {name}, and the workbook's currency is {currency}")
    number = match["number"].rstrip()
    return "".join(part or "" for part in (match["sign"], match["open"], number, match["close"], match["minus"]))


_SIGNS: Final = "".join(re.escape(chr(code)) for code in range(0x24, 0x20D0) if unicodedata.category(chr(code)) == "Sc")
_NAME: Final = rf"[A-Z]{{3}}|[A-Z]{{0,2}}[{_SIGNS}]|kr|Kč|zł|Ft|Fr|lei"
_CURRENCY: Final = re.compile(
    rf"(?P<sign>[-+−])?+(?P<open>\()?+\s*+(?:(?P<before>{_NAME})\s*+)?+(?P<number>[-+−]?+(?=[.,'’\s]*+\d)[\d.,'’\s]++)"
    rf"(?P<minus>[-−])?+\s*+(?P<behind>{_NAME})?+\s*+(?P<close>\))?"
)
