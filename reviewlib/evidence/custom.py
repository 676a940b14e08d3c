"""The KPIs that a workbook writes in SQL: queries made anew from the parts that ``params.sql`` let pass."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Final

import duckdb
from sqlglot import exp

from reviewlib.errors import ParamsError
from reviewlib.params import sql
from reviewlib.params.figures import Kpi, SqlMeasure
from reviewlib.params.model import Params

#: The engines whose figures were held against each other.
BACKENDS: Final = ("duckdb", "postgres")
#: By grain, the view of the facts, and the column that none of its rows lacks.
_VIEWS: Final = {"deals": ("deal_facts", "deal_id"), "accounts": ("account_facts", "account_id")}


def query(kpis: Sequence[Kpi], *, key: Sequence[str], backend: str = "duckdb") -> str:
    """Write one query for KPIs in SQL of one grain: ``KPI.top``, ``.bottom``, ``.n`` and ``.sample`` of each, for every group.

    The table ``groups`` has the columns of ``key``; a group without facts has what nothing comes to. The sum of nothing is 0,
    and what is divided by 0 is missing.

    Raises:
        ParamsError: It is not known whether the engine gives the same figures.
    """
    if backend not in BACKENDS:
        do = f"Use one of {', '.join(BACKENDS)}."
        raise ParamsError("KPIs in SQL are not computed there.", where="kpis", found=backend, do=do)
    view, known = _VIEWS[kpis[0].grain]
    columns = [_portable(tree, known).as_(name, quoted=True) for kpi in kpis for name, tree in _parts(kpi)]
    joined = exp.select(*key, *columns).from_("groups").join(view, using=[*key], join_type="left")
    return joined.group_by(*key).sql(backend, identify=True)


def columns(kpi: Kpi) -> Mapping[str, str]:
    """Say what the parts of a figure are over the rows of the query, as ``facts`` does for the others."""
    own = {name.rpartition(".")[2]: f'CASE WHEN ISFINITE("{name}") THEN "{name}" END' for name, _ in _parts(kpi)}
    return {
        "numerator": own["top"],
        "denominator": own.get("bottom", "NULL"),
        "n": own["n"],
        "matures_on": "NULL",
        "sample": f'COALESCE(LIST_SORT("{kpi.key}.sample"), [])' if "sample" in own else "NULL",
    }


@contextmanager
def refusals(con: duckdb.DuckDBPyConnection, kpis: Mapping[str, Kpi], *, key: Sequence[str], params: Params) -> Iterator[None]:
    """Where the engine refuses to measure, say which KPI in SQL it is.

    Raises:
        ParamsError: The first one that cannot be computed from these deals.
    """
    try:
        yield
    except duckdb.Error:
        for kpi in kpis.values():
            try:
                if isinstance(kpi.expression, SqlMeasure):
                    con.sql(query([kpi], key=key)).fetchall()
            except duckdb.Error as error:
                where, said = f"{params.path.name}, kpis.{kpi.key}", str(error).splitlines()[0]
                raise ParamsError("This KPI cannot be computed.", where=where, found=said, do="Change its SQL.") from None
        raise


def _parts(kpi: Kpi) -> Iterator[tuple[str, exp.Expr]]:
    """What is measured of a KPI, by column."""
    assert isinstance(kpi.expression, SqlMeasure)
    for field in fields(kpi.expression):
        if (text := getattr(kpi.expression, field.name)) is not None:
            listed = f"list(cast({text} as double)) filter (where {text} is not null)"
            tree = sql.parsed(listed if field.name == "sample" else f"cast({text} as double)")
            yield f"{kpi.key}.{field.name}", exp.paren(tree)


def _portable(tree: exp.Expr, known: str) -> exp.Expr:
    """Write a tree so that it means the same on every engine, and that nothing is summed up of the row that stands for none."""
    for division in tree.find_all(exp.Div):
        division.set("expression", exp.Nullif(this=division.expression, expression=exp.Literal.number(0)))
    for aggregate in list(tree.find_all(exp.AggFunc)):
        there = exp.column(known).is_(exp.null()).not_()
        filtered = aggregate.parent if isinstance(aggregate.parent, exp.Filter) else None
        whole = filtered or aggregate
        where = exp.and_(filtered.expression.this, there) if filtered else there
        new: exp.Expr = exp.Filter(this=aggregate.copy(), expression=exp.Where(this=where))
        if isinstance(aggregate, exp.Sum):
            new = exp.Coalesce(this=new, expressions=[exp.Literal.number(0)])
        whole.replace(new)
    return tree
