"""The canonical tables: column names, types and keys, once.

Every other module names a column by what stands here. Amounts are decimals with four places, dates are plain dates in the
workbook's time zone, ids are text and never changed. Behind each column stands what it means; one with a question mark may be
without a value.
"""

from __future__ import annotations

from collections.abc import Mapping
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
class Table:
    """A canonical table: its columns, and the columns that identify a row."""

    name: str
    key: tuple[str, ...]
    columns: Mapping[str, Type]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema, columns in order."""
        return pa.schema([(name, ARROW[type]) for name, type in self.columns.items()])


DEALS: Final = Table(
    "deals",
    ("deal_id",),
    {
        "deal_id": "text",  # identifies the deal
        "rep_id": "text",  # the current owner, as the export names it
        "account_id": "text",  # ? the customer
        "amount": "money",  # ? the closing amount; a refund is negative
        "expected_amount": "money",  # ? the amount expected while the deal is open, not overwritten at closing
        "opened_on": "date",  # ? when the deal was opened
        "closed_on": "date",  # ? when the deal was won or lost; ignored while it is open
        "outcome": "text",  # won, lost or open; from the stage through crm.deals.stages
        "stage": "text",  # the stage's own name
        "product": "text",  # ? what was sold
        "expected_close_on": "date",  # ? when an open deal is expected to close
        "source_file": "text",  # the file the row came from
        "source_line": "count",  # the physical line in that file
    },
)
REPS: Final = Table(
    "reps",
    ("rep_id", "from"),
    {
        "rep_id": "text",  # identifies the rep; deals, targets and measures use the same id
        "rep_name": "text",  # the name printed on pages; the id where it is not mapped
        "team": "text",  # ? the rep's team
        "manager": "text",  # ? the manager's name
        "role": "text",  # ? the rep's role; peers can be grouped by it
        "region": "text",  # ? the rep's region
        "email": "text",  # ? where the rep is reached; a mail that signs is held against it
        "started_on": "date",  # ? first day in the company
        "left_on": "date",  # ? last day in the company
        "from": "date",  # ? first day on which this row holds
        "to": "date",  # ? last day on which this row holds
    },
)
TARGETS: Final = Table(
    "targets",
    ("scope", "scope_id", "kpi", "period"),
    {
        "scope": "text",  # rep, team or all
        "scope_id": "text",  # ? the rep's id or the team's name; empty for all
        "kpi": "text",  # the KPI's key
        "period": "text",  # 2026-09, 2026-Q3, 2026-H1 or FY2026
        "value": "money",  # the full target; a percentage as a fraction (0.4 for 40 %)
        "ramp": "number",  # ? 0 to 1: the share of the full target that a starter owes
        "source_line": "count",  # the physical line in the file
    },
)
MEASURES: Final = Table(
    "measures",
    ("rep_id", "kpi", "period"),
    {
        "rep_id": "text",  # the rep
        "kpi": "text",  # the measure's key, described under kpis
        "period": "text",  # the period it covers
        "value": "money",  # the figure
        "n": "number",  # ? how many observations it stands for
        "source_line": "count",  # the physical line in the file
    },
)
PRODUCTS: Final = Table(
    "products",
    ("product",),
    {
        "product": "text",  # the product's name, as deals name it (after aliases)
        "list_price": "money",  # its list price: the expected amount of a deal
        "source_line": "count",  # the physical line in the file
    },
)
TABLES: Final = (DEALS, REPS, TARGETS, MEASURES, PRODUCTS)

#: The quarantine: rows set aside, one reason each. ``amount`` is the row's amount where it could be read.
QUARANTINE: Final = pa.schema(
    {
        "table": pa.string(),
        "file": pa.string(),
        "line": pa.int64(),
        "column": pa.string(),
        "value": pa.string(),
        "reason": pa.string(),
        "rep_id": pa.string(),
        "amount": ARROW["money"],
    }
)

#: The scorecard: tidy, one row per (scope, scope_id, period, kpi).
SCORECARD: Final = (
    "scope", "scope_id", "rep_id", "rep_name", "team", "period", "kpi", "value", "n", "low", "high", "numerator", "denominator",
    "target", "target_raw", "attainment", "previous", "change", "year_ago", "peer_q1", "peer_median", "peer_q3", "peers",
    "standing", "verdict", "reason",
)  # fmt: skip
