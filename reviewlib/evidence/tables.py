"""The canonical tables: column names, types and keys, once.

Every other module names a column by what stands here. Amounts are decimals with four places, dates are plain dates in the
workbook's time zone, ids are text and never changed. What a column means is said where params map it: ``params.crm``.
"""

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


#: The same types as DuckDB calls them.
SQL: Final[dict[Type, str]] = {
    "text": "VARCHAR",
    "money": "DECIMAL(18, 4)",
    "number": "DOUBLE",
    "date": "DATE",
    "count": "BIGINT",
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


_MONEY: Final = ("amount", "expected_amount", "value", "list_price")
_DATES: Final = ("opened_on", "closed_on", "expected_close_on", "started_on", "left_on", "from", "to")
#: The columns that hold no text.
_TYPES: Final[dict[str, Type]] = {
    **dict.fromkeys(_MONEY, "money"), **dict.fromkeys(_DATES, "date"), "ramp": "number", "n": "number", "source_line": "count"
}  # fmt: skip


def _table(name: str, *columns: str, key: tuple[str, ...]) -> Table:
    return Table(name, key, {column: _TYPES.get(column, "text") for column in columns})


# ``outcome`` is won, lost or open, from the stage; ``source_line`` the physical line in ``source_file``.
DEALS: Final = _table(
    "deals", "deal_id", "rep_id", "account_id", "amount", "expected_amount", "opened_on", "closed_on", "outcome", "stage",
    "product", "expected_close_on", "source_file", "source_line", key=("deal_id",),
)  # fmt: skip
REPS: Final = _table(
    "reps", "rep_id", "rep_name", "team", "manager", "role", "region", "email", "started_on", "left_on", "from", "to",
    key=("rep_id", "from"),
)  # fmt: skip
TARGETS: Final = _table(
    "targets", "scope", "scope_id", "kpi", "period", "value", "ramp", "source_line", key=("scope", "scope_id", "kpi", "period")
)
MEASURES: Final = _table("measures", "rep_id", "kpi", "period", "value", "n", "source_line", key=("rep_id", "kpi", "period"))
PRODUCTS: Final = _table("products", "product", "list_price", "source_line", key=("product",))
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
    "standing", "result", "verdict", "reason",
)  # fmt: skip
#: What a verdict of the review period follows from, beside it: ``judgement`` says what each is.
JUDGED: Final = (
    "model", "level", "material", "capped", "periods", "reached", "expected", "trials", "reached4", "expected4",
    "trials4", "size", "spread", "df", "phi", "phi_from", "people", "share", "share4", "p_low", "p_high", "p4_low",
    "p4_high", "band_low", "band_high", "better_from", "better_to", "worse_from", "worse_to", "needs", "of_group",
)  # fmt: skip
JUDGED_TEXTS: Final = ("model", "phi_from", "better_to", "worse_to")
