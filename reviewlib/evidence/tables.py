"""The canonical tables: column names, types and keys, once.

Every other module names a column by what stands here. Amounts are decimals with four places, dates are plain dates in the
workbook's time zone, ids are text and never changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import pyarrow as pa

Type = Literal["text", "money", "number", "date", "count"]

ARROW: Final[dict[Type, pa.DataType]] = {
    "text": pa.string(),
    "money": pa.decimal128(18, 4),
    "number": pa.float64(),
    "date": pa.date32(),
    "count": pa.int64(),
}


@dataclass(frozen=True)
class Column:
    """One column of a canonical table."""

    name: str
    type: Type
    required: bool
    meaning: str


@dataclass(frozen=True)
class Table:
    """A canonical table: its columns, and the columns that identify a row."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema, columns in order."""
        return pa.schema([(column.name, ARROW[column.type]) for column in self.columns])

    def column(self, name: str) -> Column:
        """Find a column by its name."""
        return next(column for column in self.columns if column.name == name)


DEALS: Final = Table(
    "deals",
    ("deal_id",),
    (
        Column("deal_id", "text", True, "identifies the deal"),
        Column("rep_id", "text", True, "the current owner, as the export names it"),
        Column("account_id", "text", False, "the customer"),
        Column("amount", "money", False, "the closing amount; a refund is negative"),
        Column("expected_amount", "money", False, "the amount expected while the deal is open, not overwritten at closing"),
        Column("opened_on", "date", False, "when the deal was opened"),
        Column("closed_on", "date", False, "when the deal was won or lost; ignored while it is open"),
        Column("outcome", "text", True, "won, lost or open; from the stage through crm.deals.stages"),
        Column("stage", "text", True, "the stage's own name"),
        Column("product", "text", False, "what was sold"),
        Column("expected_close_on", "date", False, "when an open deal is expected to close"),
        Column("source_file", "text", True, "the file the row came from"),
        Column("source_line", "count", True, "the physical line in that file"),
    ),
)
REPS: Final = Table(
    "reps",
    ("rep_id", "from"),
    (
        Column("rep_id", "text", True, "identifies the rep; deals, targets and measures use the same id"),
        Column("rep_name", "text", True, "the name printed on pages; the id where it is not mapped"),
        Column("team", "text", False, "the rep's team"),
        Column("manager", "text", False, "the manager's name"),
        Column("role", "text", False, "the rep's role; peers can be grouped by it"),
        Column("region", "text", False, "the rep's region"),
        Column("email", "text", False, "where the rep is reached; a mail that signs is held against it"),
        Column("started_on", "date", False, "first day in the company"),
        Column("left_on", "date", False, "last day in the company"),
        Column("from", "date", False, "first day on which this row holds"),
        Column("to", "date", False, "last day on which this row holds"),
    ),
)
TARGETS: Final = Table(
    "targets",
    ("scope", "scope_id", "kpi", "period"),
    (
        Column("scope", "text", True, "rep, team or all"),
        Column("scope_id", "text", False, "the rep's id or the team's name; empty for all"),
        Column("kpi", "text", True, "the KPI's key"),
        Column("period", "text", True, "2026-09, 2026-Q3, 2026-H1 or FY2026"),
        Column("value", "money", True, "the full target; a percentage as a fraction (0.4 for 40 %)"),
        Column("ramp", "number", False, "0 to 1: the share of the full target that a starter owes"),
        Column("source_line", "count", True, "the physical line in the file"),
    ),
)
MEASURES: Final = Table(
    "measures",
    ("rep_id", "kpi", "period"),
    (
        Column("rep_id", "text", True, "the rep"),
        Column("kpi", "text", True, "the measure's key, described under kpis"),
        Column("period", "text", True, "the period it covers"),
        Column("value", "money", True, "the figure"),
        Column("n", "number", False, "how many observations it stands for"),
        Column("source_line", "count", True, "the physical line in the file"),
    ),
)
PRODUCTS: Final = Table(
    "products",
    ("product",),
    (
        Column("product", "text", True, "the product's name, as deals name it (after aliases)"),
        Column("list_price", "money", True, "its list price: the expected amount of a deal"),
        Column("source_line", "count", True, "the physical line in the file"),
    ),
)
TABLES: Final = (DEALS, REPS, TARGETS, MEASURES, PRODUCTS)

OUTCOMES: Final = ("won", "lost", "open")

#: The quarantine: rows set aside, one reason each. ``amount`` is the row's amount where it could be read.
QUARANTINE: Final = pa.schema(
    [
        ("table", pa.string()),
        ("file", pa.string()),
        ("line", pa.int64()),
        ("column", pa.string()),
        ("value", pa.string()),
        ("reason", pa.string()),
        ("rep_id", pa.string()),
        ("amount", ARROW["money"]),
    ]
)

#: The scorecard: tidy, one row per (scope, scope_id, period, kpi).
SCORECARD: Final = (
    "scope",
    "scope_id",
    "rep_id",
    "rep_name",
    "team",
    "period",
    "kpi",
    "value",
    "n",
    "low",
    "high",
    "numerator",
    "denominator",
    "target",
    "target_raw",
    "attainment",
    "previous",
    "change",
    "year_ago",
    "peer_q1",
    "peer_median",
    "peer_q3",
    "peers",
    "standing",
    "verdict",
    "reason",
)
