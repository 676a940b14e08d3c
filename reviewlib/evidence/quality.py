"""What is odd about the data, for the analyst who can mend it.

``report`` looks at the tables as they were read and says what was found, how many, where, and what to do; the findings worth
acting on come first. Nothing here changes a figure.
"""

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

import pandas as pd

from reviewlib.evidence import sources, tables
from reviewlib.evidence.availability import Lack, lacking
from reviewlib.evidence.intake import CONFLICT, DUPLICATE, IMPLAUSIBLE, NO_OWNER, Excluded, Reconciliation
from reviewlib.evidence.period import PeriodEvidence
from reviewlib.evidence.sources import Tables
from reviewlib.evidence.store import DealRows, literal
from reviewlib.files import normalized
from reviewlib.params import words
from reviewlib.params.model import Params
from reviewlib.params.rules import enumerated

Level = Literal["act", "look", "know"]

_LONE_DAYS: Final = 60
_EXAMPLES: Final = 3
_ADVICE: Final = {
    DUPLICATE: "Nothing is lost: one row of each key is used. Export one row per key.",
    IMPLAUSIBLE: "Correct the dates in the CRM; where they are right, declare as_of in params.",
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


def report(params: Params, read: Tables, *, of_figures: Iterable[DataFinding] = ()) -> Report:
    """Look at the tables of a workbook; ``of_figures`` are the findings of a period's figures.

    Raises:
        SourceError: The deals carry no date and params declare no ``as_of``.
    """
    (first_day,) = read.deals.row("SELECT least(min(opened_on), min(closed_on)) AS first_day FROM deals")
    quarantine, unassigned = _quarantine(read), _unassigned(read)
    findings = [
        *_quarantine_findings(quarantine),
        *_unassigned_finding(unassigned),
        *_lone_as_of(params, read.deals),
        *_deal_findings(read),
        *_account_findings(read.deals),
        *_rep_findings(read),
        *of_figures,
    ]
    order: list[Level] = ["act", "look", "know"]
    return Report(
        reconciliation=read.reconciliation,
        quarantine=quarantine,
        exclusions=read.exclusions,
        unassigned=unassigned,
        coverage=_coverage(params, read),
        first_day=first_day,
        as_of=sources.as_of(params, read.deals),
        as_of_declared=params.as_of is not None,
        findings=tuple(sorted(findings, key=lambda finding: order.index(finding.level))),
        notes=read.notes,
    )


def _at(line: int | None, text: str) -> str:
    """Say where something stands, if the source has lines."""
    return text if pd.isna(line) else f"line {line}: {text}"


# What was set aside ---------------------------------------------------------------------------------------------------------


def _quarantine(read: Tables) -> tuple[Reason, ...]:
    reasons = []
    for (table, file, reason), rows in read.quarantine.groupby(["table", "file", "reason"], sort=True):
        head = rows.head(_EXAMPLES).fillna({"column": "", "value": "nothing"})
        examples = tuple(
            _at(line, f"{column} {value}".strip())
            for line, column, value in zip(head["line"], head["column"], head["value"], strict=True)
        )
        amount = Decimal(rows["amount"].sum()) if rows["amount"].notna().any() else None
        reasons.append(Reason(str(table), str(file), str(reason), len(rows), amount, examples))
    return tuple(sorted(reasons, key=lambda reason: -reason.rows))


def _quarantine_findings(reasons: Iterable[Reason]) -> Iterable[DataFinding]:
    for reason in reasons:
        what = f"{words.counted(reason.rows, 'rows')} of {reason.file} set aside: {reason.reason}."
        do = _ADVICE.get(reason.reason, "Correct the rows in the CRM, or leave them out on purpose with exclude.")
        yield DataFinding("quarantine", "act", what, reason.rows, reason.amount, reason.examples, do)


def _unassigned(read: Tables) -> tuple[Unassigned, ...]:
    owners = read.deals.rows(
        "SELECT rep_id, count(*) AS deals, coalesce(sum(amount) FILTER (WHERE outcome = 'won'), 0) AS revenue "
        "FROM deals GROUP BY rep_id ORDER BY revenue DESC, deals DESC, rep_id"
    )
    reps = set(read.reps["rep_id"])
    return tuple(Unassigned(*owner) for owner in owners if owner[0] not in reps)


def _unassigned_finding(unassigned: tuple[Unassigned, ...]) -> Iterable[DataFinding]:
    if not unassigned:
        return
    deals, revenue = sum(item.deals for item in unassigned), sum((item.revenue for item in unassigned), Decimal(0))
    examples = tuple(f"{item.owner}: {words.counted(item.deals, 'deals')}" for item in unassigned[:_EXAMPLES])
    owners = words.counted(len(unassigned), "owners who are")
    what = f"{words.counted(deals, 'deals belong')} to {owners} not in the reps table."
    do = "Add former employees to the reps table (with left_on), or give the deals an owner; else they count as unassigned."
    yield DataFinding("unassigned", "act", what, deals, revenue, examples, do)


# Deals ----------------------------------------------------------------------------------------------------------------------


def _lone_as_of(params: Params, deals: DealRows) -> Iterable[DataFinding]:
    """Warn where one stray row would decide which periods count as complete."""
    top = deals.rows(
        "SELECT greatest(closed_on, opened_on) AS latest, source_line, deal_id FROM deals "
        "WHERE coalesce(closed_on, opened_on) IS NOT NULL ORDER BY latest DESC, source_line, deal_id LIMIT 2"
    )
    if params.as_of is not None or len(top) < 2:
        return
    (last, line, deal), (before, *_) = top
    days = (last - before).days
    if days > _LONE_DAYS:
        what = f"The as-of date {last} comes from a single row, {words.counted(days, 'days')} after the next latest."
        do = "Correct the row, or declare as_of in params."
        yield DataFinding("as_of", "act", what, 1, None, (_at(line, deal),), do)


#: A deal that repeats one of a smaller id; what nothing was paid for says too little.
_REPEATS: Final = """deal_id IN (
    SELECT deals.deal_id FROM deals JOIN (
        SELECT rep_id, account_id, amount, closed_on, min(deal_id) AS first_id FROM deals
        WHERE account_id IS NOT NULL AND amount <> 0 AND closed_on IS NOT NULL
        GROUP BY rep_id, account_id, amount, closed_on HAVING count(*) > 1
    ) AS alike USING (rep_id, account_id, amount, closed_on) WHERE deals.deal_id > alike.first_id)"""
#: Odd deals: key, level, the columns that must be mapped (what is not mapped cannot be odd), which they are, how several
#: are said, and what to do.
_ODDITIES: Final[tuple[tuple[str, Level, tuple[str, ...], str, str, str], ...]] = (
    ("won_without_amount", "act", ("amount",), "outcome = 'won' AND amount IS NULL",
     "won deals have no amount", "Add the amounts: these deals count in win rate and cycle only."),
    ("possible_duplicates", "act", ("account_id", "amount", "closed_on"), _REPEATS,
     "deals repeat another one (same rep, account, amount and close date)",
     "Remove the copies in the CRM, or leave them out with exclude."),
    ("closed_before_opened", "look", ("opened_on", "closed_on"), "closed_on < opened_on",
     "deals were closed before they were opened", "Correct the dates: these deals stay outside pipeline and cycle."),
    ("open_without_opened", "look", ("opened_on",), "outcome = 'open' AND opened_on IS NULL",
     "open deals have no opening date", "Add the date: these deals stay outside the pipeline."),
    ("open_without_expected_close", "look", ("expected_close_on",), "outcome = 'open' AND expected_close_on IS NULL",
     "open deals have no expected close date", "Add the dates: these deals count in no period's pipeline coverage."),
    ("products_without_price", "look", ("product",), "product IS NOT NULL AND expected_amount IS NULL",
     "deals name a product without a list price",
     "Add the product to the price list, or its other spelling to crm.aliases.product."),
    ("refunds", "know", ("amount",), "outcome = 'won' AND amount < 0",
     "won deals have a negative amount", "Nothing, if they are refunds: they reduce revenue and are left out of every count."),
)  # fmt: skip


#: Outcomes without a deal in a period that have some before: closed in it, or open and opened in it or later.
_VANISHED: Final = """
    SELECT outcome, count(*) FILTER (WHERE day < DATE '{0.start}') AS before FROM (
        SELECT outcome, if(outcome = 'open', opened_on, closed_on) AS day FROM deals
    ) AS dated WHERE day IS NOT NULL GROUP BY outcome
    HAVING min(day) < DATE '{0.start}' AND NOT bool_or(day >= DATE '{0.start}' AND (day < DATE '{0.end}' OR outcome = 'open'))
    ORDER BY outcome"""


def _deal_findings(read: Tables) -> Iterable[DataFinding]:
    priced = len(read.products) and "expected_amount" not in read.mapped
    for key, level, columns, odd, many, do in _ODDITIES:
        if not read.mapped.issuperset(columns) or (key == "products_without_price" and not priced):
            continue
        count, amount = read.deals.row(f"SELECT count(*) AS deals, coalesce(sum(amount), 0) AS amount FROM deals WHERE {odd}")
        if count:
            named = "product" if key == "products_without_price" else "deal_id"
            head = f"SELECT source_line, {named} FROM deals WHERE {odd} ORDER BY source_line, deal_id LIMIT {_EXAMPLES}"
            examples = tuple(_at(line, name) for line, name in read.deals.rows(head))
            yield DataFinding(key, level, f"{words.counted(count, many)}.", count, amount, examples, do)


def _account_findings(deals: DealRows) -> Iterable[DataFinding]:
    named = "SELECT account_id, count(*) AS deals FROM deals WHERE account_id IS NOT NULL GROUP BY account_id"
    counts = dict(deals.rows(f"{named} ORDER BY deals DESC, min(source_line), account_id"))
    groups: dict[str, list[str]] = {}
    for name in counts:  # letters and digits tell two companies apart, whatever the case, accents and spacing
        plain = normalized(name, "NFKC").casefold()
        groups.setdefault(re.sub(r"[\W_]+", "", plain) or plain, []).append(name)
    alike = [names for names in groups.values() if len(names) > 1]
    if alike:
        examples = tuple(" = ".join(f"{name} ({counts[name]:,})" for name in names) for names in alike[:_EXAMPLES])
        what = f"{words.counted(len(alike), 'accounts are')} spelled in more than one way."
        do = "Merge them in the CRM, or under crm.aliases.account_id: retention and new customers count them apart."
        yield DataFinding("accounts_alike", "act", what, len(alike), None, examples, do)


# Reps, columns -------------------------------------------------------------------------------------------------------------


def _rep_findings(read: Tables) -> Iterable[DataFinding]:
    reps = read.reps.drop_duplicates("rep_id", keep="last")
    idle = reps[~reps["rep_id"].isin([owner for (owner,) in read.deals.rows("SELECT DISTINCT rep_id FROM deals")])]
    teamless = reps[reps["team"].isna()] if reps["team"].notna().any() else reps.head(0)
    new = "Nothing, if they are new or sell nothing; else compare the ids of reps and deals."
    no_team = "Add the team: their pages go under no-team, and no team counts them."
    odd = (("reps_without_deals", idle, "no deal at all", new), ("reps_without_team", teamless, "no team", no_team))
    for key, rows, lack, do in odd:
        if len(rows):
            what = f"{words.counted(len(rows), 'reps have')} {lack}."
            pairs = rows[["rep_id", "rep_name"]].head(_EXAMPLES).itertuples(index=False, name=None)
            names = tuple(name if name == rep else f"{name} ({rep})" for rep, name in pairs)
            yield DataFinding(key, "look", what, len(rows), None, names, do)


def of_figures(found: PeriodEvidence) -> Iterator[DataFinding]:
    """Say of each KPI that the export cannot give for the period what it would take, and which outcome the period lacks."""
    kpis: dict[Lack, list[str]] = {}
    for kpi in found.context.kpis.values():
        for lack in lacking(found.context, kpi, found.period) if kpi.of is None else ():
            kpis.setdefault(lack, []).append(kpi.label)
    for lack, labels in kpis.items():
        what = f"{enumerated(labels)}: n/a in {found.period}, since {lack.reason}."
        yield DataFinding("not_available", "look", what, len(labels), None, (), lack.do)
    for outcome, before in found.tables.deals.rows(_VANISHED.format(found.period)):
        what = f"{found.period} has no {outcome} deal, though there {words.agreeing('are', before)} {before:,} from before."
        do = "Make sure that the export is not filtered: without them the figures of the period mislead."
        yield DataFinding("outcome_absent", "act", what, before, None, (), do)


def _coverage(params: Params, read: Tables) -> tuple[Coverage, ...]:
    scopes = {
        "amount": ("won deals", "outcome = 'won'"),
        "closed_on": ("closed deals", "outcome <> 'open'"),
        "expected_close_on": ("open deals", "outcome = 'open'"),
    }
    own = params.crm.deals.columns.model_dump(exclude_none=True)
    found = []
    for column in (name for name in tables.DEALS.columns if name in own):
        scope, rows = scopes.get(column, ("deals", "TRUE"))
        filled = f"rep_id <> {literal(NO_OWNER)}" if column == "rep_id" else f"{column} IS NOT NULL"
        counts = read.deals.row(f"SELECT count(*) FILTER (WHERE {filled}) AS filled, count(*) AS deals FROM deals WHERE {rows}")
        found.append(Coverage(column, own[column], scope, *counts))
    return tuple(found)
