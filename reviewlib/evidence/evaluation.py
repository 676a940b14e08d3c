"""Facts to figures: every KPI that has an expression, measured for every rep, team and the whole, in every period."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
from ibis.backends.duckdb import Backend as DuckDB

from reviewlib.evidence import custom
from reviewlib.evidence.comparison import ROUNDING
from reviewlib.evidence.facts import EPOCH, KEY, Facts, Query
from reviewlib.evidence.intervals import median_bounds
from reviewlib.evidence.store import quoted
from reviewlib.params.figures import Kpi, SqlMeasure


@dataclass(frozen=True)
class Evaluation:
    """Every figure as measured, before targets, and the views that measure it.

    Attributes:
        figures: One row per (scope, scope_id, period, kpi): numerator, denominator (missing where the KPI has none), n,
            matures_on (in days since 1970), and the bounds of medians: low, high.
        sizes: By rep_id, period and kind (purchases, sales, open): number, total and squares of amounts.
        views: The views that were made for it, each over those before it, as text.
        columns: Numerator, denominator, n and the like of each KPI over the view ``measured``, as text.
        tables: What came back of views that were made in a database, by name.
        con: The connection that holds the observations behind medians.
    """

    figures: pd.DataFrame
    sizes: pd.DataFrame
    views: Mapping[str, str]
    columns: Mapping[str, Mapping[str, str]]
    tables: Mapping[str, pa.Table]
    con: DuckDB

    def beside(self, levels: pd.DataFrame) -> pd.DataFrame:
        """Count the observations behind a median that lie above and below a level, which the rows give for each figure."""
        return self._of_samples(levels, _BESIDE)

    def middles(self, members: pd.DataFrame) -> pd.DataFrame:
        """Take the median of all observations of each group of figures: of scope_ids, by kpi, period and group."""
        return self._of_samples(members, _MIDDLES)

    def _of_samples(self, given: pd.DataFrame, query: str) -> pd.DataFrame:
        self.con.con.register("given", pa.Table.from_pandas(given, preserve_index=False))
        found: pd.DataFrame = self.con.con.sql(query).df()
        return found


_BESIDE: Final = f"""
SELECT given.*, len(list_filter(sample, lambda x: x > level * (1 + {ROUNDING}))) AS above,
    len(list_filter(sample, lambda x: x < level * (1 - {ROUNDING}))) AS below
FROM given JOIN found USING (scope, scope_id, period, kpi)"""
_MIDDLES: Final = """
SELECT kpi, period, "group", median(observed) AS level
FROM (SELECT kpi, period, "group", UNNEST(sample) AS observed FROM given JOIN found USING (scope_id, period, kpi)
    WHERE scope = 'rep')
GROUP BY ALL"""
#: Of the observations behind a median, only those that bound it.
_WITH_BOUNDS = """
SELECT * EXCLUDE (sample, size, places), sample[places[1]] AS low, sample[places[2]] AS high
FROM found LEFT JOIN bounds ON len(sample) = size
ORDER BY scope, scope_id, period, kpi"""


def evaluate(facts: Facts, kpis: Mapping[str, Kpi], groups: pd.DataFrame) -> Evaluation:
    """Measure every KPI that has an expression.

    ``groups`` (scope, scope_id, period) get a row even without any deal; sums and counts are then 0.
    """
    measures = _measures(facts, kpis)
    found, given = dict[str, pa.Table](), pa.Table.from_pandas(groups, preserve_index=False)
    facts.con.con.register("groups", given)
    views = dict(measures.asked)
    if facts.database:
        facts.database.lend("groups", given)
        there = _measures(facts, kpis, backend=facts.database.backend, dialect=facts.database.dialect)
        found = {name: facts.database.fetch(text) for name, text in there.asked.items()}
        for name, table in found.items():
            facts.con.con.register(name, table)
        own = {**views, **measures.summed}
        views = {f"period_{name}": re.sub(r'"(\w+_parts)"', r'"period_\1"', text) for name, text in own.items()}
    # What every group has, deals or not.
    joined = (name for name in (*measures.summed, *measures.asked) if name.endswith("_measures"))
    joins = (f"LEFT JOIN {name} USING ({', '.join(KEY)})" for name in joined)
    views |= {**measures.summed, "measured": "\n".join(("FROM groups", *joins)), "measured_figures": _long(measures.columns)}
    for name, text in views.items():
        facts.con.raw_sql(f"CREATE TEMP VIEW {name} AS {text}")
    facts.con.raw_sql("CREATE TEMP TABLE found AS FROM measured_figures")
    sizes = [size for (size,) in facts.con.con.sql("SELECT DISTINCT len(sample) FROM found WHERE sample <> []").fetchall()]
    places = pa.array([median_bounds(size) for size in sizes], pa.list_(pa.int64()))
    facts.con.con.register("bounds", pa.table({"size": pa.array(sizes, pa.int64()), "places": places}))
    figures, sizes = (facts.con.con.sql(query).df() for query in (_WITH_BOUNDS, f"FROM {_SIZES}"))
    return Evaluation(figures, sizes, views, measures.columns, found, facts.con)


@dataclass(frozen=True)
class _Measures:
    """The queries that measure KPIs, by the name of what they yield.

    Attributes:
        asked: Those that are asked where the facts are.
        summed: Those that sum up what these yield.
        columns: What the parts of each figure are over those that have a row for each group.
    """

    asked: dict[str, str] = field(default_factory=dict)
    summed: dict[str, str] = field(default_factory=dict)
    columns: dict[str, Mapping[str, str]] = field(default_factory=dict)


def _measures(facts: Facts, kpis: Mapping[str, Kpi], *, backend: str = "duckdb", dialect: str = "duckdb") -> _Measures:
    found = _Measures({_SIZES: _sizes(facts.columns["period_facts"], backend)})
    for grain, parted in _PARTED.items():
        own = tuple(kpi for kpi in kpis.values() if callable(kpi.expression) and kpi.grain == f"{grain}s")
        of = tuple((name, table, facts.columns[table]) for name, table in parted.items())
        parts, sums, columns = _aggregate(of, own, backend)
        found.asked.update(parts)
        found.summed[f"{grain}_measures"] = sums
        found.columns.update(columns)
        if in_sql := [kpi for kpi in kpis.values() if isinstance(kpi.expression, SqlMeasure) and kpi.grain == f"{grain}s"]:
            found.asked[f"own_{grain}_measures"] = custom.query(in_sql, key=KEY, backend=dialect)
            found.columns.update({kpi.key: custom.columns(kpi) for kpi in in_sql})
    return found


#: By grain, the parts that are measured, and of which facts. A part is a rep’s, for each scope of the rep, or a scope’s.
_PARTED: Final = {
    "deal": {"deal_parts": "period_facts"},
    "account": {"sole_account_parts": "sole_account_facts", "shared_account_parts": "shared_account_facts"},
}
#: How what was reduced in parts is reduced as a whole.
_WHOLE: Final[Mapping[type[ops.Node], Callable[[ir.Column], ir.Value]]] = {
    ops.Sum: lambda part: part.sum(),
    ops.Count: lambda part: part.sum(),
    ops.Max: lambda part: part.max(),
    ops.ArrayCollect: lambda part: part.collect().flatten(),
}


#: The view of amounts: how many each rep had in each period, what they come to, and the sum of their squares.
_SIZES: Final = "amount_sizes"


@cache
def _sizes(schema: ibis.Schema, backend: str) -> str:
    """Sum amounts up: of deals, of what one account bought from one rep in one period, and of what is open.

    Deals that one account has open with one rep stand or fall together, as its purchases do.
    """
    f = ibis.table(schema, name="period_facts")
    sold, waiting = f.filter(f.sale), f.filter(f.open_end & f.valued)
    purchases, waiting = _by_account(sold, sold.amount), _by_account(waiting, waiting.expected)
    parts = (("sales", sold, sold.amount), ("purchases", purchases, purchases.total), ("open", waiting, waiting.total))
    # To two places, so that sums of squares stay exact; what that leaves out changes no spread. Beyond 18 digits, so that the
    # square of millions does not overflow.
    amounts = ibis.union(
        *(
            rows.select("rep_id", "period", kind=ibis.literal(kind), amount=own.cast("decimal(19,2)"))
            for kind, rows, own in parts
        )
    )
    sums = amounts.group_by("rep_id", "period", "kind").aggregate(
        number=amounts.count().cast("float64"),
        total=amounts.amount.sum().cast("float64"),
        squares=(amounts.amount * amounts.amount).sum().cast("float64"),
    )
    return Query.of(sums, backend).text


def _by_account(rows: ir.Table, amount: ir.Value) -> ir.Table:
    """Sum up what each account has with each rep in each period; a deal without an account stands alone."""
    alone = ibis.ifelse(rows.account_id.isnull(), rows.deal_id, None)
    return rows.group_by("rep_id", "period", "account_id", alone=alone).aggregate(total=amount.sum())


@cache
def _aggregate(
    of: tuple[tuple[str, str, ibis.Schema], ...], kpis: tuple[Kpi, ...], backend: str
) -> tuple[Mapping[str, str], str, Mapping[str, Mapping[str, str]]]:
    """Write what these KPIs reduce in parts, what that comes to for every scope, and the parts of each figure over that.

    Once per set of columns. Observations are collected once, whatever is asked of them.
    """
    common = set.intersection(*({*schema} for *_, schema in of))
    rows = ibis.table({name: kind for name, kind in of[0][2].items() if name in common}, name="rows")
    reduced = dict[ops.Node, str]()
    asked, own = dict[str, ir.Value](), dict[str, Mapping[str, str]]()
    for kpi in kpis:
        figures, observations = _asked(kpi, rows)
        for part, value in figures.items():
            for number, node in enumerate(value.op().find(tuple(_WHOLE))):
                reduced.setdefault(node, f"{kpi.key}.{part}{number or ''}")
            asked[f"{kpi.key}.{part}"] = value.cast("float64")
        texts = {part: quoted(f"{kpi.key}.{part}") for part in figures}
        for part, (value, told) in observations.items():
            column = reduced.setdefault(value.op(), f"{kpi.key}.sample")
            asked[column], texts[part] = value, told.format(quoted(column))
        own[kpi.key] = _parts(kpi, texts)
    parts, spread = dict[str, str](), list[ir.Table]()
    members = ibis.table(dict.fromkeys(("rep_id", "period", "scope", "scope_id"), "string"), name="members")
    for name, facts, schema in of:
        table, by = ibis.table(schema, name=facts), KEY if "scope" in schema else ["rep_id", "period"]
        values = {column: node.replace({rows.op(): table.op()}).to_expr() for node, column in reduced.items()}
        first = Query.of(table.group_by(by).aggregate(**values), backend)
        parts[name] = first.text
        held = ibis.table(first.schema, name=name)
        spread.append((held if by is KEY else held.join(members, by)).select(*KEY, *values))
    all_parts = ibis.union(*spread) if len(spread) > 1 else spread[0]
    whole = {node: _WHOLE[type(node)](all_parts[column]).op() for node, column in reduced.items()}
    sums = all_parts.group_by(KEY).aggregate(**{name: value.op().replace(whole).to_expr() for name, value in asked.items()})
    return parts, Query.of(sums).text, own


def _asked(kpi: Kpi, rows: ir.Table) -> tuple[dict[str, ir.Value], dict[str, tuple[ir.Value, str]]]:
    """The figures of a KPI's measure, and what follows from lists: its sample, and the middle that it may be."""
    assert callable(kpi.expression)
    measure = kpi.expression(rows)
    figures = {"top": measure.top, "n": measure.top if measure.n is None else measure.n}
    observations = {} if measure.sample is None else {"sample": (measure.sample.collect(), "{}")}
    if measure.bottom is not None:
        figures["bottom"] = measure.bottom
    if measure.matures_on is not None:
        figures["matures_on"] = measure.matures_on.delta(ibis.literal(EPOCH), unit="day")
    if isinstance(top := figures["top"].op(), ops.Quantile):
        del figures["top"]
        told = f"LIST_AGGREGATE({{}}, 'quantile_cont', {top.quantile.value})::DOUBLE"
        observations["top"] = (top.arg.to_expr().collect(), told)
    return figures, observations


def _parts(kpi: Kpi, own: Mapping[str, str]) -> Mapping[str, str]:
    """Say what the parts of a figure are; what nobody has is zero, unless it is a middle or a largest."""
    stays = kpi.empty and "bottom" not in own and not kpi.per_target
    return {
        "numerator": own["top"] if stays else f"COALESCE({own['top']}, 0)",
        "denominator": f"COALESCE({own['bottom']}, 0)" if "bottom" in own else "NULL",
        "n": f"COALESCE({own['n']}, 0)",
        "matures_on": own.get("matures_on", "NULL"),
        "sample": f"COALESCE(LIST_SORT({own['sample']})::DOUBLE[], [])" if "sample" in own else "NULL",
    }


def _long(columns: Mapping[str, Mapping[str, str]]) -> str:
    """Lay the KPIs below each other."""
    rows = [
        f"{{'kpi': '{key}', " + ", ".join(f"'{name}': {text}" for name, text in own.items()) for key, own in columns.items()
    ]
    struct = "STRUCT(kpi TEXT, numerator DOUBLE, denominator DOUBLE, n DOUBLE, matures_on DOUBLE, sample DOUBLE[])[]"
    inner = ",\n  ".join(f"{row}}}" for row in rows)
    return f"SELECT scope, scope_id, period, UNNEST([\n  {inner}\n]::{struct}, max_depth := 2)\nFROM measured"
