"""KPIs in a workbook's own SQL: which columns, functions and operators may stand there, and what is wrong with the rest.

No text of a workbook reaches an engine: an expression is parsed, each part of it must stand in the lists below, and queries are
written anew from the parts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from reviewlib.params.figures import Outcome, SqlMeasure, Unit
from reviewlib.params.kpis import CLOSED, CUSTOMERS, CYCLE, EXPECTED, LOST, NOT_WON, OPEN, OPENED, SALES
from reviewlib.params.rules import Advice, nearest

if TYPE_CHECKING:
    from sqlglot import exp

Grain = Literal["deals", "accounts"]
#: What sqlglot calls the SQL that people write here, which is that of DuckDB.
WRITTEN_IN: Final = "duckdb"


@dataclass(frozen=True)
class FactColumn:
    """One column of the facts: what it holds and means, and what a figure that rests on it needs.

    Attributes:
        holds: ``flag``, ``text``, ``day``, or the unit of a number.
        meaning: In one line, as documented.
        needs: The deal columns that must be mapped.
        placed: Whether it says what counts in the period; the facts also hold deals that count before it.
        window: Whether the history must cover the retention window.
        today_only: Whether it rests on today's expected close dates.
        outcomes: The outcomes of which the export must carry deals.
        within: Another flag, which every row of this one has.
    """

    holds: Literal["flag", "text", "day", "money", "days"]
    meaning: str
    needs: tuple[str, ...] = ()
    placed: bool = False
    window: bool = False
    today_only: bool = False
    outcomes: tuple[Outcome, ...] = ()
    within: str = ""

    @property
    def kind(self) -> str:
        """As which it may be compared and reckoned with."""
        return "number" if self.holds in ("money", "days") else self.holds


def _flag(meaning: str, *needs: str, **more: Any) -> FactColumn:
    return FactColumn("flag", meaning, needs, placed=True, **more)


#: The facts of a deal in a period.
DEALS: Final[Mapping[str, FactColumn]] = MappingProxyType({
    "won": _flag("Won and closed in the period; refunds are not.", *CLOSED, within="closed"),
    "earned": _flag("Won and closed in the period, refunds too: what revenue sums.", *CLOSED),
    "sale": _flag("Won with an amount, and closed in the period; refunds are not.", *SALES, within="won"),
    "lost": _flag("Lost and closed in the period.", *CLOSED, outcomes=LOST, within="closed"),
    "closed": _flag("Won or lost, and closed in the period; refunds are not.", *CLOSED, outcomes=LOST),
    "refund": _flag("A won deal of negative amount, closed in the period.", *SALES),
    "opened": _flag("Opened in the period; refunds are not.", *OPENED, outcomes=NOT_WON),
    "opened_won": _flag("Opened in the period, and won within the days at which cohorts are judged.", *CYCLE, within="opened"),
    "opened_closed": _flag("Opened in the period, and closed by the as-of date.", *OPENED, outcomes=LOST, within="opened"),
    "open_start": _flag("Open at the start of the period.", *CYCLE, outcomes=OPEN),
    "open_end": _flag("Open at the end of the period.", *CYCLE, outcomes=OPEN),
    "first_win": _flag("The first purchase of its account, closed in the period.", *CUSTOMERS, window=True, within="sale"),
    "won_back": _flag("A purchase after a whole retention window without one.", *CUSTOMERS, window=True, within="sale"),
    "due": _flag("Open at the end, and expected to close in the next period.", *EXPECTED, today_only=True, outcomes=OPEN,
                 within="open_end"),
    "undated": _flag("Open at the end, with no expected close.", *CYCLE, "expected_close_on", today_only=True, outcomes=OPEN,
                      within="open_end"),
    "stale": _flag("Open at the end, for longer than nine of ten won deals took.", *CYCLE, outcomes=OPEN, within="open_end"),
    "unvalued": _flag("Open at the end, without opening date or expected amount.", *CLOSED, outcomes=OPEN),
    "amount": FactColumn("money", "The closing amount; negative for a refund.", ("amount",)),
    "expected_amount": FactColumn("money", "The expected amount.", ("expected_amount",)),
    "days": FactColumn("days", "Days from opening to closing of a won deal.", CYCLE),
    "deal_id": FactColumn("text", "The deal."),
    "account_id": FactColumn("text", "The customer.", ("account_id",)),
    "product": FactColumn("text", "What was sold.", ("product",)),
    "stage": FactColumn("text", "The stage, as the CRM calls it."),
    "opened_on": FactColumn("day", "When it was opened.", ("opened_on",)),
    "closed_on": FactColumn("day", "When it was won or lost.", ("closed_on",)),
    "expected_close_on": FactColumn("day", "When an open deal is expected to close.", ("expected_close_on",)),
})  # fmt: skip
#: The facts of an account in a period.
ACCOUNTS: Final[Mapping[str, FactColumn]] = MappingProxyType({
    "base": _flag("Bought from this owner in the retention window.", *CUSTOMERS, window=True),
    "bought": _flag("Bought in the period, from anyone.", *CUSTOMERS),
    "open_deal": _flag("Has a deal with this owner that is open at the end.", *CUSTOMERS, *OPENED, outcomes=OPEN),
    "base_revenue": FactColumn("money", "Revenue with this owner in the retention window.", CUSTOMERS, True, window=True),
    "revenue": FactColumn("money", "Revenue with this owner in the period.", CUSTOMERS, placed=True),
    "account_id": FactColumn("text", "The customer.", CUSTOMERS),
})  # fmt: skip
FACTS: Final[Mapping[Grain, Mapping[str, FactColumn]]] = MappingProxyType({"deals": DEALS, "accounts": ACCOUNTS})


@dataclass(frozen=True)
class SqlRule:
    """What may stand around one part of an expression.

    Attributes:
        takes: Kind by argument, as sqlglot calls it; what is ``same`` is of one kind, whichever.
        gives: The kind of the whole; ``same`` is that of the arguments.
        name: How a function is written; empty for an operator.
        sums_up: Whether it makes one value of many rows.
    """

    takes: Mapping[str, str]
    gives: str
    name: str = ""
    sums_up: bool = field(default=False, kw_only=True)


_NUMBERS: Final = {"this": "number", "expression": "number"}
_ALIKE: Final = {"this": "same", "expression": "same"}
_ALL_ALIKE: Final = {"this": "same", "expressions": "same"}
#: What may stand in an expression beside columns, constants and casts.
RULES: Final[Mapping[str, SqlRule]] = MappingProxyType({
    **dict.fromkeys(("add", "sub", "mul", "div"), SqlRule(_NUMBERS, "number")),
    "neg": SqlRule({"this": "number"}, "number"),
    **dict.fromkeys(("eq", "neq", "gt", "gte", "lt", "lte"), SqlRule(_ALIKE, "flag")),
    **dict.fromkeys(("and", "or"), SqlRule({"this": "flag", "expression": "flag"}, "flag")),
    "not": SqlRule({"this": "flag"}, "flag"),
    "between": SqlRule({"this": "same", "low": "same", "high": "same"}, "flag"),
    "in": SqlRule(_ALL_ALIKE, "flag"),
    "is": SqlRule({"this": "any", "expression": "null"}, "flag"),
    "paren": SqlRule({"this": "same"}, "same"),
    "case": SqlRule({"ifs": "same", "default": "same"}, "same", "case"),
    "if": SqlRule({"this": "flag", "true": "same", "false": "same"}, "same", "if"),
    "coalesce": SqlRule(_ALL_ALIKE, "same", "coalesce"),
    "nullif": SqlRule(_ALIKE, "same", "nullif"),
    "greatest": SqlRule(_ALL_ALIKE, "same", "greatest"),
    "least": SqlRule(_ALL_ALIKE, "same", "least"),
    "abs": SqlRule({"this": "number"}, "number", "abs"),
    "round": SqlRule({"this": "number", "decimals": "number"}, "number", "round"),
    "datediff": SqlRule({"this": "day", "expression": "day", "unit": "unit"}, "number", "date_diff"),
    "count": SqlRule({"this": "any"}, "number", "count", sums_up=True),
    "distinct": SqlRule({"expressions": "any"}, "set of values"),
    "sum": SqlRule({"this": "number"}, "number", "sum", sums_up=True),
    "avg": SqlRule({"this": "number"}, "number", "avg", sums_up=True),
    "min": SqlRule({"this": "same"}, "same", "min", sums_up=True),
    "max": SqlRule({"this": "same"}, "same", "max", sums_up=True),
    "median": SqlRule({"this": "number"}, "number", "median", sums_up=True),
    "percentilecont": SqlRule(_NUMBERS, "number", "quantile_cont", sums_up=True),
    "stddev": SqlRule({"this": "number"}, "number", "stddev", sums_up=True),
    "filter": SqlRule({"this": "same", "expression": "flag"}, "same"),
    "where": SqlRule({"this": "flag"}, "flag"),
})  # fmt: skip
FUNCTIONS: Final = (*dict.fromkeys(rule.name for rule in RULES.values() if rule.name), "cast")
#: The types of numbers to which ``cast`` may lead.
CASTS: Final = ("INT", "BIGINT", "DOUBLE")
_OPTIONAL: Final = {"decimals", "default", "false"}
#: What sqlglot notes on a part that changes nothing of what was written.
_NOTES: Final = {"big_int", "typed", "safe", "ignore_nulls", "date_part_boundary"}
#: Parts in parts: deeper ones could be read in one process and not in another, whose own calls are deeper.
DEEPEST: Final = 24
_LISTED: Final = "docs/figures.md lists what may stand here."


class _RefusedError(Exception):
    """A part that may not stand in an expression."""

    def __init__(self, what: str, found: str, do: str = _LISTED):
        """Say what is wrong with it."""
        self.advice = Advice(what, found if len(found) <= 60 else f"{found[:57]}...", do)


def findings(text: str, grain: Grain) -> Iterator[Advice]:
    """Say what is wrong with an expression: the first thing that is."""
    try:
        tree = parsed(text)
        if max(node.depth for node in tree.walk()) > DEEPEST:
            raise RecursionError
        if _kind(tree, FACTS[grain], among_rows=False) != "number":
            raise _RefusedError("a KPI is a number, and this is none", text, "Sum or count what it is about.")
        for node in tree.walk():
            _check_rows(node, FACTS[grain])
        if not any(_sums_up(node) for node in tree.walk()):
            raise _RefusedError("this sums nothing up", text, "Write an aggregate, as in count(*) filter (where won).")
    except _RefusedError as error:
        yield error.advice
    except RecursionError:
        yield _RefusedError("this is nested too deeply to be read", text, "Write it with fewer brackets.").advice


@cache
def parsed(text: str) -> exp.Expr:
    """Read an expression; who changes the tree takes a copy of it."""
    from sqlglot import Dialect, exp
    from sqlglot.errors import SqlglotError

    dialect = Dialect.get_or_raise(WRITTEN_IN)
    try:
        if any(token.comments for token in dialect.tokenize(text)):
            raise _RefusedError("the SQL of a KPI holds no comment", text, "Put it behind a # in the file.")
        trees = dialect.parse_into(exp.Condition, text)
    except SqlglotError:
        trees = []
    if len(trees) != 1 or trees[0] is None:
        raise _RefusedError("this is no single SQL expression", text, "Write it as in count(*) filter (where won).")
    return trees[0]


def described(value: str, over: str | None, n: str | None, *, grain: Grain) -> dict[str, Any]:
    """What follows for the record of a KPI from its expressions, in which nothing is wrong.

    Some of the rows that ``over`` counts, and a median, are a sample, judged as win rate and cycle are, and say themselves what
    ``n`` is. Whatever else is judged by how much it varied before.
    """
    texts = [text for text in (value, over, n) if text is not None]
    used = [FACTS[grain][node.name] for text in texts for node in parsed(text).walk() if node.key == "column"]
    tree = parsed(value)
    median, filtered = (tree.this, tree.expression.this.sql(WRITTEN_IN)) if tree.key == "filter" else (tree, "true")
    alone = over is None and median.key == "median"
    sample = f"case when {filtered} then {median.this.sql(WRITTEN_IN)} end" if alone else None
    share = over is not None and bool(_counted(over)) and _counted(over) < _counted(value)
    return {
        "grain": grain,
        "expression": SqlMeasure(value, over, n=over if share else f"count({sample})" if sample else n, sample=sample),
        "judged_by": "binomial" if share else "median" if sample else "total",
        "interval": "wilson" if share else "order" if sample else None,
        "needs": tuple(dict.fromkeys(need for column in used for need in column.needs)),
        "outcomes": tuple(dict.fromkeys(outcome for column in used for outcome in column.outcomes)),
        "history": "window" if any(column.window for column in used) else "period",
        "today_only": any(column.today_only for column in used),
        "top": _unit(value, grain),
        "bottom": _unit(over or value, grain),
    }


def _unit(text: str, grain: Grain) -> Unit:
    """The unit of what is summed up: that of its numbers; else it is a count."""
    summed = [node for node in parsed(text).walk() if _sums_up(node) and node.key != "count"]
    held = {FACTS[grain][node.name].holds for one in summed for node in one.walk() if node.key == "column"}
    return "money" if "money" in held else "days" if "days" in held else "count"


def _counted(text: str) -> frozenset[str]:
    """The conditions on the rows that an expression counts; none where it counts no rows."""
    tree = parsed(text)
    if tree.key != "filter" or tree.this.sql() != "COUNT(*)":
        return frozenset()
    condition = tree.expression.this
    parts = [part.unnest().sql() for part in (condition.flatten() if condition.key == "and" else [condition])]
    for part in parts:  # what follows from one comes behind it
        if (column := DEALS.get(part)) and column.within:
            parts.append(column.within)
    return frozenset(parts)


def _sums_up(node: exp.Expr) -> bool:
    return node.key in RULES and RULES[node.key].sums_up


def _kind(node: exp.Expr, columns: Mapping[str, FactColumn], *, among_rows: bool) -> str:
    """Hold a part and all that is in it against the lists, and say of which kind it is."""
    if (known := _leaf(node, columns, among_rows=among_rows)) is not None:
        return known
    rule = _rule(node)
    if rule.sums_up and among_rows:
        raise _RefusedError("an aggregate stands inside another one", node.sql(WRITTEN_IN), "Take one of them out.")
    given = {
        name: argument if isinstance(argument, list) else [argument]
        for name, argument in node.args.items()
        if argument and name not in _NOTES
    }
    if given.keys() - rule.takes.keys() or rule.takes.keys() - given.keys() - _OPTIONAL:
        raise _RefusedError("this is written with more or less than it takes", node.sql(WRITTEN_IN))
    below = among_rows or rule.sums_up or node.key == "where"
    kinds = [
        (rule.takes[name], part, _kind(part, columns, among_rows=below)) for name, parts in given.items() for part in parts
    ]
    for wanted, part, kind in kinds:
        if kind not in (wanted, "null") and wanted not in ("same", "any"):
            raise _RefusedError(f"a {wanted} is expected here, and this is a {kind}", part.sql(WRITTEN_IN))
    alike = {kind for wanted, _, kind in kinds if wanted == "same"} - {"null"}
    if len(alike) > 1:
        raise _RefusedError(f"a {' and a '.join(sorted(alike))} are put together", node.sql(WRITTEN_IN))
    return next(iter(alike), "null") if rule.gives == "same" else rule.gives


def _leaf(node: exp.Expr, columns: Mapping[str, FactColumn], *, among_rows: bool) -> str | None:
    """The kind of a column, a constant, a cast or what else holds no further part of an expression."""
    match node.key:
        case "literal":
            return "text" if node.is_string else "number"
        case "boolean":
            return "flag"
        case "null":
            return "null"
        case "var":
            return "unit" if node.name.upper() == "DAY" else "unit other than 'day'"
        case "star" if node.parent and node.parent.key == "count" and not any(node.args.values()):
            return "row"
        case "cast":
            return _cast(node, columns, among_rows=among_rows)
        case "column":
            return _column(node, columns, among_rows=among_rows)
    return None


def _column(node: exp.Expr, columns: Mapping[str, FactColumn], *, among_rows: bool) -> str:
    written = node.sql(WRITTEN_IN)
    if written not in columns:
        near = nearest(written, columns)
        raise _RefusedError(
            "there is no such column", written, f"Did you mean {near}?" if near else f"Use one of {', '.join(columns)}."
        )
    if not among_rows:
        raise _RefusedError("a column stands outside of an aggregate", written, f"Write sum({written}), or what is meant.")
    return columns[written].kind


def _cast(node: exp.Expr, columns: Mapping[str, FactColumn], *, among_rows: bool) -> str:
    """A date that is written out, or a number or flag as another type of number."""
    target = node.args["to"].sql(WRITTEN_IN)
    if target == "DATE" and node.this.key == "literal":
        try:
            dt.date.fromisoformat(node.this.name)
        except ValueError:
            raise _RefusedError("this is not a date", node.this.name, "Write it as in date '2026-12-31'.") from None
        return "day"
    kind = _kind(node.this, columns, among_rows=among_rows)
    if target not in CASTS or kind not in ("number", "flag") or set(filter(node.args.get, node.args)) != {"this", "to"}:
        do = f"Cast numbers and flags to {', '.join(CASTS)}; write dates as in date '2026-12-31'."
        raise _RefusedError("this cast is not allowed", node.sql(WRITTEN_IN), do)
    return "number"


def _rule(node: exp.Expr) -> SqlRule:
    from sqlglot import exp

    if node.key in RULES:
        return RULES[node.key]
    if not isinstance(node, exp.Func):
        raise _RefusedError("this is not allowed in the SQL of a KPI", node.sql(WRITTEN_IN))
    name = node.sql(WRITTEN_IN).partition("(")[0].lower()
    near = nearest(name, FUNCTIONS, cutoff=0.75)
    do = f"Did you mean {near}?" if near else f"Use one of {', '.join(FUNCTIONS)}."
    raise _RefusedError("this function is not allowed in the SQL of a KPI", name, do)


def _check_rows(node: exp.Expr, columns: Mapping[str, FactColumn]) -> None:
    """Check that an aggregate says which rows of the period it is about, and that only aggregates are filtered."""
    if node.key == "filter" and not _sums_up(node.this):
        raise _RefusedError("only an aggregate is filtered", node.sql(WRITTEN_IN))
    if _sums_up(node):
        whole = node.parent if node.parent and node.parent.key == "filter" else node
        if not any(part.key == "column" and columns[part.name].placed for part in whole.walk()):
            do = f"Add filter (where ...) with one of {', '.join(name for name, column in columns.items() if column.placed)}."
            raise _RefusedError("this does not say what counts in the period", whole.sql(WRITTEN_IN), do)
