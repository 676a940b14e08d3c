"""What is wrong with the sample's export, on purpose, and counted.

Each flaw says what a reader has to do with its rows: set them aside (``quarantined``), leave them out as params say
(``excluded``), count them for nobody (``unassigned``) or count them like any other (``used``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    """How a good row becomes a bad one, once per value put into a column; with ``contradicts`` the good row is lost too."""

    kind: str
    fate: Fate
    column: str
    values: tuple[str | None, ...]
    extra: str = ""
    same_id: bool = False
    contradicts: bool = False
    readable: bool = True

    def spoiled(self, row: Row, value: str | None) -> Row:
        """The bad row; without a value the dates change places, or the row stays and something else is wrong with it."""
        if self.kind == "closed before opened":
            return {**row, "Created": row["Close Date"], "Close Date": row["Created"]}
        return row if value is None else {**row, self.column: value}


_BAD_DAYS: Final = ("2026-02-30", "31/12/2025", "end of March", "0000-00-00")
_BAD_AMOUNTS: Final = ("12.400.00", "9300 USD", "#VALUE!", "twelve thousand")
_KINDS: Final = (
    _FlawKind("bad close date", "quarantined", "Close Date", _BAD_DAYS),
    _FlawKind("bad opening date", "quarantined", "Created", ("2025-13-01", "yesterday")),
    _FlawKind("bad amount", "quarantined", "Amount", _BAD_AMOUNTS, readable=False),
    _FlawKind("closed without close date", "quarantined", "Close Date", ("", "", "")),
    _FlawKind("too many fields", "quarantined", "", (None, None), extra=",call back,in May", readable=False),
    _FlawKind("exact duplicate", "quarantined", "", (None,), same_id=True),
    _FlawKind("conflicting id", "quarantined", "Amount", ("7654.32",), same_id=True, contradicts=True),
    _FlawKind("test account", "excluded", "Account", (TEST_ACCOUNT,) * 3),
    _FlawKind("closed before opened", "used", "", (None, None, None)),
    _FlawKind("account spelled two ways", "used", "Account", (ALIAS[1], ALIAS[0], ALIAS[0])),
    _FlawKind("name with a comma", "used", "Account", ('"Orsa, Vega & Söhne"',)),
)


def insert(text: bytes, *, next_id: int) -> tuple[bytes, tuple[Flaw, ...]]:
    """Put the flaws among the lines of the deals, evenly, and count where each comes to stand.

    Args:
        text: The good rows, without header; the first stands on line 2 of the file.
        next_id: The number of the next new deal.
    """
    lines = text.decode().splitlines()
    planned = [(kind, value) for kind in _KINDS for value in kind.values]
    step = len(lines) // (len(planned) + 1)
    out: list[str] = []
    found: dict[str, list[Flaw]] = {}
    # A step of 7 and 27 places have no factor in common: rows of one kind do not stand together.
    for place in range(len(planned)):
        kind, value = planned[place * 7 % len(planned)]
        at, row = _ordinary_sale(lines, range(place * step, (place + 1) * step))
        known = found.setdefault(kind.kind, [])
        if kind.contradicts:
            # The header and the rows put in before stand above the good row.
            known.append(Flaw(kind.kind, kind.fate, 1, Decimal(row["Amount"]), (at + place + 2,), drawn=1))
        out += lines[place * step : (place + 1) * step]
        own = {} if kind.same_id else {"Deal ID": f"D-{10000 + next_id + place}"}
        row = kind.spoiled({**row, **own}, value)
        out.append(",".join(row.values()) + kind.extra)
        known.append(Flaw(kind.kind, kind.fate, 1, Decimal(row["Amount"]) if kind.readable else Decimal(0), (len(out) + 1,)))
    out += lines[len(planned) * step :]
    return ("\n".join(out) + "\n").encode(), tuple(map(_together, found.values()))


def _together(rows: list[Flaw]) -> Flaw:
    amount = sum((row.amount for row in rows), Decimal(0))
    lines = tuple(line for row in rows for line in row.lines)
    return replace(rows[0], rows=len(rows), amount=amount, lines=lines, drawn=sum(row.drawn for row in rows))


def _ordinary_sale(lines: list[str], part: range) -> tuple[int, Row]:
    """Find the first good row to spoil in a part of the lines, with its place."""
    for at in part:
        row = dict(zip(COLUMNS, lines[at].split(","), strict=True))
        complete = row["Stage"] == "Closed Won" and row["Owner ID"] != cast().former and all(row.values())
        if complete and 2000 < float(row["Amount"]) < 9000 and row["Created"] < row["Close Date"]:
            return at, row
    raise LookupError("no ordinary sale")


def subtotal_line(amount: Decimal) -> str:
    """Write the line that a report tool leaves below its last group, here what closed since Monday."""
    return f"Subtotal,,,,{amount},,,,,\n"
