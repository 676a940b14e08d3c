"""What is wrong with the sample's export, on purpose, and counted.

Each wart says what a reader has to do with its rows: set them aside (``quarantined``), leave them out as params say
(``excluded``), count them for nobody (``unassigned``) or count them like any other (``used``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from reviewlib.workbook.company_people import cast

COLUMNS: Final = (
    "Deal ID",
    "Owner ID",
    "Account",
    "Stage",
    "Amount",
    "Expected Amount",
    "Created",
    "Close Date",
    "Expected Close",
    "Product",
)
Fate = Literal["quarantined", "excluded", "unassigned", "used"]
Row = dict[str, str]

TEST_ACCOUNT: Final = "Lindhaven Test"
ALIAS: Final = ("Zennor Health AG", "Zennor Health")


@dataclass(frozen=True)
class Flaw:
    """Rows of one kind: where they stand in the deals file and what their readable amounts come to.

    ``drawn`` of the rows are deals that the company has anyway; the others were put in.
    """

    kind: str
    fate: Fate
    rows: int
    amount: Decimal
    lines: tuple[int, ...] = ()
    drawn: int = 0

    @property
    def added(self) -> int:
        """Rows that were put in."""
        return self.rows - self.drawn


@dataclass(frozen=True)
class _FlawKind:
    """How a good row becomes a bad one, once per value; with ``contradicts`` the good row is lost too."""

    kind: str
    fate: Fate
    values: tuple[str, ...]
    spoil: Callable[[Row, str], Row]
    extra: str = ""
    same_id: bool = False
    contradicts: bool = False
    readable: bool = True


def _put(column: str) -> Callable[[Row, str], Row]:
    return lambda row, value: {**row, column: value}


def _again(row: Row, amount: str) -> Row:
    return {**row, "Amount": amount or row["Amount"]}


def _swap_dates(row: Row, _value: str) -> Row:
    return {**row, "Created": row["Close Date"], "Close Date": row["Created"]}


_KINDS: Final = (
    _FlawKind("bad close date", "quarantined", ("2026-02-30", "31/12/2025", "end of March", "0000-00-00"), _put("Close Date")),
    _FlawKind("bad opening date", "quarantined", ("2025-13-01", "yesterday"), _put("Created")),
    _FlawKind(
        "bad amount", "quarantined", ("12.400.00", "9300 USD", "#VALUE!", "twelve thousand"), _put("Amount"), readable=False
    ),
    _FlawKind("closed without close date", "quarantined", ("", "", ""), _put("Close Date")),
    _FlawKind("too many fields", "quarantined", ("", ""), _again, extra=",call back,in May", readable=False),
    _FlawKind("exact duplicate", "quarantined", ("",), _again, same_id=True),
    _FlawKind("conflicting id", "quarantined", ("7654.32",), _again, same_id=True, contradicts=True),
    _FlawKind("test account", "excluded", (TEST_ACCOUNT,) * 3, _put("Account")),
    _FlawKind("closed before opened", "used", ("", "", ""), _swap_dates),
    _FlawKind("account spelled two ways", "used", (ALIAS[1], ALIAS[0], ALIAS[0]), _put("Account")),
    _FlawKind("name with a comma", "used", ('"Orsa, Vega & Söhne"',), _put("Account")),
)


def insert(text: bytes, *, next_id: int) -> tuple[bytes, tuple[Flaw, ...]]:
    """Put the warts among the lines of the deals, evenly, and count where each comes to stand.

    Args:
        text: The good rows, without header; the first stands on line 2 of the file.
        next_id: The number of the next new deal.
    """
    lines = text.decode().splitlines()
    planned = [(kind, value) for kind in _KINDS for value in kind.values]
    models = _models(lines, len(planned))
    step = len(lines) // (len(planned) + 1)
    out: list[str] = []
    found: dict[str, Flaw] = {}
    # A step of 7 and 27 places have no factor in common: rows of one kind do not stand together.
    for place in range(len(planned)):
        kind, value = planned[place * 7 % len(planned)]
        at, row = models[place]
        # The header and the rows put in before stand above the good row.
        original = Flaw(kind.kind, kind.fate, 1, Decimal(row["Amount"]), (at + place + 2,), drawn=1)
        out += lines[place * step : (place + 1) * step]
        own = {} if kind.same_id else {"Deal ID": f"D-{10000 + next_id + place}"}
        row = kind.spoil({**row, **own}, value)
        out.append(",".join(row.values()) + kind.extra)
        wart = Flaw(kind.kind, kind.fate, 1, Decimal(row["Amount"]) if kind.readable else Decimal(0), (len(out) + 1,))
        for one in (original, wart) if kind.contradicts else (wart,):
            found[kind.kind] = _merged(found[kind.kind], one) if kind.kind in found else one
    out += lines[len(planned) * step :]
    return ("\n".join(out) + "\n").encode(), tuple(found.values())


def _merged(one: Flaw, other: Flaw) -> Flaw:
    rows, amount, drawn = one.rows + other.rows, one.amount + other.amount, one.drawn + other.drawn
    return Flaw(one.kind, one.fate, rows, amount, one.lines + other.lines, drawn)


def _models(lines: list[str], wanted: int) -> list[tuple[int, Row]]:
    """Choose good rows to spoil, with their places: ordinary sales, a good way apart, each before its copy's place."""
    step = len(lines) // (wanted + 1)
    models: list[tuple[int, Row]] = []
    for place in range(wanted):
        part = range(place * step, (place + 1) * step)
        rows = ((at, dict(zip(COLUMNS, lines[at].split(","), strict=True))) for at in part)
        models.append(next(found for found in rows if _ordinary(found[1])))
    return models


def _ordinary(row: Row) -> bool:
    complete = row["Stage"] == "Closed Won" and row["Owner ID"] != cast().former and all(row.values())
    return complete and 2000 < float(row["Amount"]) < 9000 and row["Created"] < row["Close Date"]


def subtotal_line(amount: Decimal) -> str:
    """Write the line that a report tool leaves below its last group, here what closed since Monday."""
    return f"Subtotal,,,,{amount},,,,,\n"
