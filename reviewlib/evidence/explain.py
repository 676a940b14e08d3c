"""How a figure came about: its parts, the rows that its query counts and those of its target, from a snapshot's files alone."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb
import pandas as pd
import pyarrow.dataset as arrow
import sqlglot
from sqlglot import exp

from reviewlib.errors import SnapshotError
from reviewlib.evidence import proof
from reviewlib.evidence.facts import FLAGS, KEY
from reviewlib.evidence.slicefile import pinned_folder
from reviewlib.evidence.workings import NAME
from reviewlib.params.figures import Kpi
from reviewlib.params.kpis import RESULT
from reviewlib.params.model import Params
from reviewlib.params.rules import near_names
from reviewlib.periods import Period

#: Where a query may read, what tells a row of it, and which of its columns say that a row counts.
_FACTS: Final = {
    "deal_facts": (("deal_id", "rep_id", "account_id", "opened_on", "closed_on"), FLAGS),
    "account_facts": (("account_id",), ("base",)),
}
_FOUND_IN: Final = ("source_file", "source_line")
#: Where a view of ``evidence.sql`` begins, also in the first that were written.
_VIEW: Final = re.compile(r"^CREATE (?:OR REPLACE TEMP VIEW|VIEW IF NOT EXISTS) (\w+) AS", re.MULTILINE)
#: What sums up parts: of which facts, and one of the queries that measure those.
_PARTS: Final = {"deal_measures": ("deal_facts", "deal_parts"), "account_measures": ("account_facts", "sole_account_parts")}


@dataclass(frozen=True)
class Explanation:
    """How one figure came about.

    Attributes:
        measured: Its value, n, numerator, denominator and reason, measured anew; missing as NaN or None.
        query: What is asked of the facts of all; empty where a figure does not come from deals.
        rows: The deals (or accounts) that the query counts, with each column that it reads and where the export has them; of a
            measure its rows, of a split its parts, of a sum of targets the targets. What a KPI was before is explained by the
            rows of that period.
        targets: The rows that the target adds up: row_period, source_line, value, ramp, active_days, days, rep_id.
    """

    measured: Mapping[str, Any]
    query: str
    rows: pd.DataFrame
    targets: pd.DataFrame


def explain(params: Params, snapshot: str, key: str, *, scope: str, scope_id: str, period: Period) -> Explanation:
    """Explain the figure of a rep or a team in a period of a snapshot's trend, from the files in its folder.

    Raises:
        SnapshotError: The snapshot is gone, holds no workings, or none of this figure, or a file of it is damaged.
    """
    folder = pinned_folder(params, snapshot)
    whose = {"scope": scope, "scope_id": scope_id, "period": period.name}
    views = _views(folder)
    kpi = params.figures.get(key)
    if kpi is None or f"kpi_{key}" not in views:
        known = [name.removeprefix("kpi_") for name in views if name.startswith("kpi_")]
        raise _no_such(snapshot, key, f"Take one of: {', '.join(near_names(key, known) or known)}.")
    with _opened(folder) as con:
        for name in _needed((*_FACTS, f"kpi_{key}"), views):
            con.execute(f"CREATE VIEW IF NOT EXISTS {name} AS {views[name]}")
        measured: list[Mapping[Any, Any]] = [*_found(con, f"kpi_{key}", whose).to_dict("records")]
        if not measured:
            raise _no_such(
                snapshot, f"{key} of {scope} {scope_id} in {period}", "Take a period of the trend, and a figure that they have."
            )
        targeted = {"this": (RESULT.key, period.name), "next": (RESULT.key, period.next.name), None: (kpi.key, period.name)}
        of, name = targeted[kpi.per_target]
        targets = _found(con, "target_terms", whose | {"kpi": of, "period": name}).drop(columns=[*KEY, "kpi"])
        if kpi.part or kpi.from_targets == "of_reps":
            query, rows = "", _terms(con, kpi, whose)
        elif query := _query(str(kpi.of) if kpi.earlier else key, views) or (_query(kpi.of, views) if kpi.of else ""):
            when = period
            if kpi.earlier and not pd.isna(measured[0]["value"]):  # the period of which it is stands in its reason
                (reason,) = _found(con, "scorecard", whose | {"kpi": key})["reason"]
                when = Period.parse(reason.split()[-1], params.fiscal)
            _refuse_far(folder, when)
            rows = _counted(con, query, whose | {"period": when.name})
        else:
            rows = _found(con, "measure_terms", whose | {"kpi": kpi.key}).drop(columns=KEY)
    return Explanation(measured[0], query, rows, targets)


def _no_such(snapshot: str, what: str, do: str) -> SnapshotError:
    return SnapshotError("There is no such figure.", where=f"snapshot {snapshot}", found=what, do=do)


def _terms(con: duckdb.DuckDBPyConnection, kpi: Kpi, whose: Mapping[str, str]) -> pd.DataFrame:
    """The parts of a split, or the targets of a team's reps."""
    if kpi.part:
        return _found(con, "change_terms", whose).drop(columns=KEY)
    own = _found(con, "target_terms", {"scope": "rep", "kpi": RESULT.key, "period": whose["period"]})
    return own[own["scope_id"].isin(_found(con, "members", whose)["rep_id"])].drop(columns=[*KEY, "kpi"])


def _refuse_far(folder: Path, period: Period) -> None:
    """Refuse to list deals that stayed in a database: a snapshot has those of its own period."""
    info = proof.info(folder)
    if info.get("only_period_deals") and info["period"] != period.name:
        raise SnapshotError(
            "The deals behind this figure are not here: they stayed in the database.",
            where=f"snapshot {folder.name}",
            found=f"the deals of {info['period']}",
            do=f"Ask the snapshot of {period}; where there is none, freeze it.",
        )


def _views(folder: Path) -> dict[str, str]:
    """The queries of ``evidence.sql`` by the names of their views."""
    if not (folder / NAME).is_file():
        raise SnapshotError(
            "This evidence cannot explain itself: it was frozen before it held its workings.",
            where=f"snapshot {folder.name}",
            found=f"no {NAME}",
            do="Freeze the period again to explain its figures as the CRM has them now; a released review keeps its evidence, "
            "and its page and review.deals list the rows.",
        )
    _, *parts = _VIEW.split(proof.read(folder / NAME, folder).decode())
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _query(key: str, views: Mapping[str, str]) -> str:
    """What measures a figure, out of the queries that measure all; empty where it does not come from deals."""
    read = {*re.findall(r'"(\w+\.\w+)"', views.get(f"kpi_{key}", ""))}
    for name in ("deal_measures", "account_measures", "own_deal_measures", "own_account_measures"):
        view = views.get(f"period_{name}") or views.get(name, "")
        if not any(f'"{column}"' in view for column in read):
            continue
        asked = sqlglot.parse_one(view.rpartition(";")[0], dialect="duckdb", into=exp.Select)
        columns = [each for each in asked.args["expressions"] if each.alias_or_name in read]
        facts, own = _PARTS.get(name, ("", ""))
        if parts := views.get(f"period_{own}") or views.get(own):  # what is summed up stands in the place of its sums
            measured = sqlglot.parse_one(parts.rpartition(";")[0], dialect="duckdb", into=exp.Select)
            reduced = {each.alias: each.this for each in measured.expressions}
            columns = [*KEY, *(each.transform(_whole, reduced) for each in columns)]
            alias = next(measured.find_all(exp.Table)).alias
            asked = exp.select().from_(exp.to_table(facts, alias=alias)).group_by(*KEY)
        else:  # a KPI in SQL, or evidence of before there were parts
            columns = [*asked.args["expressions"][: len(KEY)], *columns]
        return asked.select(*columns, append=False).sql("duckdb", pretty=True)
    return ""


def _whole(node: exp.Expr, reduced: Mapping[str, exp.Expr]) -> exp.Expr:
    """Put what a part is in the place of the sum of parts."""
    if not isinstance(node, exp.Flatten | exp.Sum | exp.Max):
        return node
    return reduced[next(node.find_all(exp.Column)).name].copy()


def _needed(names: Iterable[str], views: dict[str, str]) -> list[str]:
    """The views with those that they read, which stand before them: to make all takes longer than to ask one."""
    words, needed = {*names}, list[str]()
    for name in reversed(views):
        if name in words:
            needed.append(name)
            words.update(re.findall(r"\w+", views[name]))
    return needed[::-1]


def _opened(folder: Path) -> duckdb.DuckDBPyConnection:
    """Lay the tables of a snapshot, each held against its hash, into a DuckDB that reaches no file."""
    con = duckdb.connect(config={"enable_external_access": False, "lock_configuration": True})
    for path in folder.glob("*.parquet"):
        proof.hold(path, folder)
        con.from_arrow(arrow.dataset(path)).create_view(path.stem)
    return con


def _found(con: duckdb.DuckDBPyConnection, view: str, wanted: Mapping[str, str]) -> pd.DataFrame:
    """Look rows of a view up by texts in its columns, none of which is part of a query."""
    rows = con.table(view)
    for column, text in wanted.items():
        rows = rows.filter(duckdb.ColumnExpression(column) == duckdb.ConstantExpression(text))
    found: pd.DataFrame = rows.df()
    return found


def _counted(con: duckdb.DuckDBPyConnection, query: str, whose: Mapping[str, str]) -> pd.DataFrame:
    """The rows that a query counts, with the columns that it reads: added up, they are its figure."""
    asked = sqlglot.parse_one(query, dialect="duckdb")
    view = next(table.name for table in asked.find_all(exp.Table) if table.name in _FACTS)
    told_by, flags = _FACTS[view]
    told_by = tuple(name for name in told_by if name != "rep_id" or whose["scope"] != "rep")
    rows = _found(con, view, whose)
    read = [column.name for column in asked.find_all(exp.Column) if column.name in rows and column.name not in KEY]
    counting = [name for name in dict.fromkeys(read) if name in flags]
    counted = rows[rows[counting].any(axis=1)] if counting else rows
    columns = dict.fromkeys((*told_by, *read, *(name for name in _FOUND_IN if name in rows)))
    return counted[[*columns]].sort_values([*told_by]).reset_index(drop=True)
