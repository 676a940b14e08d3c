"""What is odd about the data, for the analyst who can mend it.

``report`` looks at the tables as they were read and says what was found, how many, where, and what to do; the findings worth
acting on come first. Nothing here changes a figure.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

import pandas as pd

from reviewlib.evidence import sources, tables
from reviewlib.evidence.intake import CONFLICT, DUPLICATE, Excluded, Reconciliation
from reviewlib.evidence.sources import Tables
from reviewlib.files import normalized
from reviewlib.params.model import Params

Level = Literal["act", "look", "know"]

_LONE_DAYS: Final = 60
_EXAMPLES: Final = 3
_ADVICE: Final = {
    DUPLICATE: "Nothing is lost: one row of each key is used. Export one row per key.",
    CONFLICT: "Decide which row is right and export one row per key: none of these counts until then.",
}


@dataclass(frozen=True)
class DataFinding:
    """One thing that is odd.

    Attributes:
        key: A short name of the kind of finding.
        level: ``act`` before the figures are used, ``look`` when there is time, ``know`` for information.
        what: One sentence with the count.
        count: How many rows, owners, accounts or reps.
        amount: The amount concerned, where it says something.
        examples: Where to look, with lines of the file.
        do: The next step.
    """

    key: str
    level: Level
    what: str
    count: int
    amount: Decimal | None
    examples: tuple[str, ...]
    do: str


@dataclass(frozen=True)
class Reason:
    """Quarantined rows of one table and reason."""

    table: str
    file: str
    reason: str
    rows: int
    amount: Decimal | None
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Coverage:
    """How many of the rows that should carry a value do. ``share`` is None where there is no such row."""

    column: str
    own: str
    rows: str
    filled: int
    of: int

    @property
    def share(self) -> float | None:
        """Filled rows as a fraction."""
        return self.filled / self.of if self.of else None


@dataclass(frozen=True)
class Unassigned:
    """An owner of deals who is not in the reps table."""

    owner: str
    deals: int
    revenue: Decimal


@dataclass(frozen=True)
class Report:
    """The state of a workbook's data; plain data, nothing printed."""

    reconciliation: tuple[Reconciliation, ...]
    quarantine: tuple[Reason, ...]
    exclusions: tuple[Excluded, ...]
    unassigned: tuple[Unassigned, ...]
    coverage: tuple[Coverage, ...]
    first_day: dt.date | None
    as_of: dt.date
    as_of_declared: bool
    findings: tuple[DataFinding, ...]
    notes: tuple[str, ...]


def report(params: Params, read: Tables) -> Report:
    """Look at the tables of a workbook.

    Raises:
        SourceError: The deals carry no date and params declare no ``as_of``.
    """
    dates = pd.concat([read.deals["opened_on"], read.deals["closed_on"]]).dropna()
    quarantine, unassigned = _quarantine(read), _unassigned(read)
    findings = [
        *_quarantine_findings(quarantine),
        *_unassigned_finding(unassigned),
        *_lone_as_of(params, read.deals),
        *_deal_findings(read),
        *_account_findings(read.deals),
        *_rep_findings(read),
    ]
    order: list[Level] = ["act", "look", "know"]
    return Report(
        reconciliation=read.reconciliation,
        quarantine=quarantine,
        exclusions=read.exclusions,
        unassigned=unassigned,
        coverage=_coverage(params, read),
        first_day=dates.min() if len(dates) else None,
        as_of=sources.as_of(params, read.deals),
        as_of_declared=params.as_of is not None,
        findings=tuple(sorted(findings, key=lambda finding: order.index(finding.level))),
        notes=read.notes,
    )


def _plural(count: int, one: str, many: str) -> str:
    return f"1 {one}" if count == 1 else f"{count:,} {many}"


def _lines(rows: pd.DataFrame, name: str) -> tuple[str, ...]:
    head = rows.head(_EXAMPLES)
    return tuple(f"line {line}: {value}" for line, value in zip(head["source_line"], head[name], strict=True))


def _total(amounts: pd.Series) -> Decimal:
    return Decimal(amounts.sum()) if amounts.notna().any() else Decimal(0)


# What was set aside ---------------------------------------------------------------------------------------------------------


def _quarantine(read: Tables) -> tuple[Reason, ...]:
    reasons = []
    for (table, file, reason), rows in read.quarantine.groupby(["table", "file", "reason"], sort=True):
        head = rows.head(_EXAMPLES).fillna({"column": "", "value": "nothing"})
        examples = tuple(
            f"line {line}: {column} {value}".replace("  ", " ")
            for line, column, value in zip(head["line"], head["column"], head["value"], strict=True)
        )
        amount = _total(rows["amount"]) if rows["amount"].notna().any() else None
        reasons.append(Reason(str(table), str(file), str(reason), len(rows), amount, examples))
    return tuple(sorted(reasons, key=lambda reason: -reason.rows))


def _quarantine_findings(reasons: Iterable[Reason]) -> Iterable[DataFinding]:
    for reason in reasons:
        what = f"{_plural(reason.rows, 'row', 'rows')} of {reason.file} set aside: {reason.reason}."
        do = _ADVICE.get(reason.reason, "Correct the rows in the CRM, or leave them out on purpose with exclude.")
        yield DataFinding("quarantine", "act", what, reason.rows, reason.amount, reason.examples, do)


def _unassigned(read: Tables) -> tuple[Unassigned, ...]:
    deals = read.deals[~read.deals["rep_id"].isin(read.reps["rep_id"])]
    owners = [
        Unassigned(str(owner), len(rows), _total(rows.loc[rows["outcome"] == "won", "amount"]))
        for owner, rows in deals.groupby("rep_id", sort=True)
    ]
    return tuple(sorted(owners, key=lambda item: (-item.revenue, -item.deals)))


def _unassigned_finding(unassigned: tuple[Unassigned, ...]) -> Iterable[DataFinding]:
    if not unassigned:
        return
    deals, revenue = sum(item.deals for item in unassigned), sum((item.revenue for item in unassigned), Decimal(0))
    examples = tuple(f"{item.owner}: {_plural(item.deals, 'deal', 'deals')}" for item in unassigned[:_EXAMPLES])
    owners = _plural(len(unassigned), "owner who is", "owners who are")
    what = f"{_plural(deals, 'deal belongs', 'deals belong')} to {owners} not in the reps table."
    do = "Add former employees to the reps table (with left_on), or give the deals an owner; else they count as unassigned."
    yield DataFinding("unassigned", "act", what, deals, revenue, examples, do)


# Deals ----------------------------------------------------------------------------------------------------------------------


def _lone_as_of(params: Params, deals: pd.DataFrame) -> Iterable[DataFinding]:
    """Warn where one stray row would decide which periods count as complete."""
    opened, closed = deals["opened_on"], deals["closed_on"]
    latest = closed.where((closed >= opened).fillna(closed.notna()), opened).dropna()
    if params.as_of is not None or len(latest) < 2:
        return
    top = latest.sort_values(ascending=False).head(2)
    days = (top.iloc[0] - top.iloc[1]).days
    if days > _LONE_DAYS:
        what = f"The as-of date {top.iloc[0]} comes from a single row, {days} days after the next latest."
        do = "Correct the row, or declare as_of in params."
        yield DataFinding("as_of", "act", what, 1, None, _lines(deals.loc[top.index[:1]], "deal_id"), do)


#: Odd deals: key, level, how one and how many are said, and what to do.
_ODDITIES: Final[tuple[tuple[str, Level, str, str, str], ...]] = (
    ("won_without_amount", "act", "won deal has no amount", "won deals have no amount",
     "Add the amounts: these deals count in win rate and cycle only."),
    ("possible_duplicates", "act", "deal repeats another one (same rep, account, amount and close date)",
     "deals repeat another one (same rep, account, amount and close date)",
     "Remove the copies in the CRM, or leave them out with exclude."),
    ("closed_before_opened", "look", "deal was closed before it was opened", "deals were closed before they were opened",
     "Correct the dates: these deals stay outside pipeline and cycle."),
    ("open_without_opened", "look", "open deal has no opening date", "open deals have no opening date",
     "Add the date: these deals stay outside the pipeline."),
    ("open_without_expected_close", "look", "open deal has no expected close date", "open deals have no expected close date",
     "Add the dates: these deals count in no period's pipeline coverage."),
    ("products_without_price", "look", "deal names a product without a list price", "deals name a product without a list price",
     "Add the product to the price list, or its other spelling to crm.aliases.product."),
    ("refunds", "know", "won deal has a negative amount", "won deals have a negative amount",
     "Nothing, if they are refunds: they reduce revenue and are left out of every count."),
)  # fmt: skip


def _odd_deals(read: Tables) -> dict[str, pd.Series]:
    """Mark the odd deals, by the key of the oddity; a column that is not mapped cannot be odd."""
    deals, mapped = read.deals, read.mapped
    won, still_open = deals["outcome"] == "won", deals["outcome"] == "open"
    found: dict[str, pd.Series] = {}
    if "amount" in mapped:
        found["won_without_amount"] = won & deals["amount"].isna()
        found["refunds"] = (won & (deals["amount"] < 0)).fillna(False)
    if mapped.issuperset(("account_id", "amount", "closed_on")):
        keys = ["rep_id", "account_id", "amount", "closed_on"]
        whole = deals[keys].notna().all(axis=1) & (deals["amount"] != 0).fillna(False)
        found["possible_duplicates"] = deals.loc[whole, keys].duplicated().reindex(deals.index, fill_value=False).astype(bool)
    if "opened_on" in mapped:
        found["open_without_opened"] = still_open & deals["opened_on"].isna()
    if mapped.issuperset(("opened_on", "closed_on")):
        found["closed_before_opened"] = (deals["closed_on"] < deals["opened_on"]).fillna(False)
    if "expected_close_on" in mapped:
        found["open_without_expected_close"] = still_open & deals["expected_close_on"].isna()
    if len(read.products) and "expected_amount" not in mapped:
        found["products_without_price"] = deals["product"].notna() & deals["expected_amount"].isna()
    return found


def _deal_findings(read: Tables) -> Iterable[DataFinding]:
    marked = _odd_deals(read)
    for key, level, one, many, do in _ODDITIES:
        rows = read.deals[marked[key]] if key in marked else read.deals.head(0)
        if len(rows):
            examples = _lines(rows, "product" if key == "products_without_price" else "deal_id")
            yield DataFinding(key, level, f"{_plural(len(rows), one, many)}.", len(rows), _total(rows["amount"]), examples, do)


def _account_findings(deals: pd.DataFrame) -> Iterable[DataFinding]:
    counts = deals["account_id"].value_counts()
    groups: dict[str, list[str]] = {}
    for name in counts.index:  # letters and digits tell two companies apart, whatever the case, accents and spacing
        plain = normalized(name, "NFKC").casefold()
        groups.setdefault(re.sub(r"[\W_]+", "", plain) or plain, []).append(name)
    alike = [names for names in groups.values() if len(names) > 1]
    if alike:
        examples = tuple(" = ".join(f"{name} ({counts[name]:,})" for name in names) for names in alike[:_EXAMPLES])
        what = f"{_plural(len(alike), 'account is', 'accounts are')} spelled in more than one way."
        do = "Merge them in the CRM, or under crm.aliases.account_id: retention and new customers count them apart."
        yield DataFinding("accounts_alike", "act", what, len(alike), None, examples, do)


# Reps, columns -------------------------------------------------------------------------------------------------------------


def _rep_findings(read: Tables) -> Iterable[DataFinding]:
    reps = read.reps.drop_duplicates("rep_id", keep="last")
    idle = reps[~reps["rep_id"].isin(read.deals["rep_id"])]
    teamless = reps[reps["team"].isna()] if reps["team"].notna().any() else reps.head(0)
    new = "Nothing, if they are new or sell nothing; else compare the ids of reps and deals."
    no_team = "Add the team: their pages go under no-team, and no team counts them."
    odd = (("reps_without_deals", idle, "no deal at all", new), ("reps_without_team", teamless, "no team", no_team))
    for key, rows, lack, do in odd:
        if len(rows):
            what = f"{_plural(len(rows), 'rep has', 'reps have')} {lack}."
            pairs = rows[["rep_id", "rep_name"]].head(_EXAMPLES).itertuples(index=False, name=None)
            names = tuple(name if name == rep else f"{name} ({rep})" for rep, name in pairs)
            yield DataFinding(key, "look", what, len(rows), None, names, do)


def _coverage(params: Params, read: Tables) -> tuple[Coverage, ...]:
    deals = read.deals
    outcome = deals["outcome"]
    scopes = {
        "amount": ("won deals", outcome == "won"),
        "closed_on": ("closed deals", outcome != "open"),
        "expected_close_on": ("open deals", outcome == "open"),
    }
    own = params.crm.deals.columns.model_dump(exclude_none=True)
    found = []
    for column in (name for name in tables.DEALS.columns if name in own):
        scope, flags = scopes.get(column, ("deals", outcome.notna()))
        values = deals.loc[flags, column]
        filled = values.notna() if column != "rep_id" else values != sources.NO_OWNER
        found.append(Coverage(column, own[column], scope, int(filled.sum()), len(values)))
    return tuple(found)
