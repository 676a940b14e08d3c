"""What is wrong with the sample's export, on purpose: bad rows among the good ones, and a subtotal below the last."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

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
Row = dict[str, str]

#: What each bad row changes in an ordinary sale; ``{Created}`` is what that sale has there.
FLAWS: Final[tuple[Row, ...]] = (
    *({"Close Date": day} for day in ("2026-02-30", "31/12/2025", "end of March", "0000-00-00")),
    *({"Created": day} for day in ("2025-13-01", "yesterday")),
    *({"Amount": amount} for amount in ("12.400.00", "9300 USD", "#VALUE!", "twelve thousand")),
    *({"Close Date": ""},) * 3,
    *({"a field": "call back", "another field": "in May"},) * 2,
    {"Deal ID": "{Deal ID}"},
    {"Deal ID": "{Deal ID}", "Amount": "7654.32"},
    *({"Account": "Lindhaven Test"},) * 3,
    *({"Created": "{Close Date}", "Close Date": "{Created}"},) * 3,
    *({"Account": account} for account in ("Zennor Health", "Zennor Health AG", "Zennor Health AG", '"Orsa, Vega & Söhne"')),
)


def insert(text: bytes, *, next_id: int) -> bytes:
    """Put the bad rows evenly among the lines of the deals; ``next_id`` is the number of the next new deal."""
    lines = text.decode().splitlines()
    step = len(lines) // (len(FLAWS) + 1)
    out: list[str] = []
    for place in range(len(FLAWS)):
        above = lines[place * step : (place + 1) * step]
        sale = _ordinary_sale(above)
        # A step of 7 and 27 places have no factor in common: rows of one kind do not stand together.
        changes = {"Deal ID": f"D-{10000 + next_id + place}", **FLAWS[place * 7 % len(FLAWS)]}
        row = sale | {column: value.format_map(sale) for column, value in changes.items()}
        out += [*above, ",".join(row.values())]
    out += lines[len(FLAWS) * step :]
    return ("\n".join(out) + "\n").encode()


def _ordinary_sale(lines: list[str]) -> Row:
    """Find the first good row to spoil."""
    for line in lines:
        row = dict(zip(COLUMNS, line.split(","), strict=True))
        complete = row["Stage"] == "Closed Won" and row["Owner ID"] != cast().former and all(row.values())
        if complete and 2000 < float(row["Amount"]) < 9000 and row["Created"] < row["Close Date"]:
            return row
    raise LookupError("no ordinary sale")


def subtotal_line(amount: Decimal) -> str:
    """Write the line that a report tool leaves below its last group, here what closed since Monday."""
    return f"Subtotal,,,,{amount},,,,,\n"
