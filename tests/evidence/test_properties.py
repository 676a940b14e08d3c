"""What must hold of the figures whatever the data: on the demo workbook and on generated tables."""

from __future__ import annotations

import csv
import datetime as dt
import functools
import json
import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import crms
import duckdb
import numpy as np
import oracle
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from journals import Server
from workbooks import deals_of, workbook, write_csv

from reviewlib.evidence import sources
from reviewlib.evidence.period import PeriodEvidence, compile_evidence
from reviewlib.evidence.store import TableStore
from reviewlib.params.model import Params
from reviewlib.periods import Period

Row = dict[str, Any]
Q3 = Period.parse("2026-Q3")
AS_OF = dt.date(2026, 10, 15)
SETTINGS = settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
#: Tests that ask the same tables, of four deals and of 25, share what is compiled of them.
SAME = seed(35)
KEY = ["scope", "scope_id", "period", "kpi"]
#: The definitions of these look beyond the rep: at the customer's other purchases, or at every cycle of the workbook.
BEYOND = {
    "new_customers",
    "new_customer_revenue",
    "won_back",
    "retention_rate",
    "kept_accounts",
    "lapsed_open",
    "stale_deals",
    "stale_after",
    "cohort_days",
    "opened_won",
    "last_cohort",
    "conversion_rate",
}
#: A rep's own columns; peer figures, standing and what is judged by them look at the others.
OWN = ["value", "n", "low", "high", "numerator", "denominator", "target", "target_raw", "attainment", "previous", "change"]
PARTS = ["change_won_deals", "change_deal_size", "change_refunds", "change_unsplit"]


REPS: list[Row] = [
    {"rep_id": "A", "team": "North", "from": None, "to": None, "left_on": None},
    {"rep_id": "B", "team": "North", "from": None, "to": "2026-08-31", "left_on": None},
    {"rep_id": "B", "team": "South", "from": "2026-09-01", "to": None, "left_on": None},
    {"rep_id": "C", "team": "South", "from": None, "to": None, "left_on": "2026-06-30"},
    {"rep_id": "D", "team": None, "from": None, "to": None, "left_on": None},
]
DAYS = [
    "2026-01-01", "2026-03-31", "2026-04-01", "2026-06-30", "2026-07-01", "2026-07-31", "2026-08-01", "2026-09-30",
    "2026-10-01",
]  # fmt: skip


@st.composite
def generated(draw: st.DrawFn) -> Row:
    stage = draw(st.sampled_from(["Won", "Won", "Won", "Lost", "Open"]))
    return {
        "rep_id": draw(st.sampled_from(["A", "B", "C", "D", "former"])),
        "stage": stage,
        "account_id": draw(st.sampled_from([None, "X", "Ÿ", 'Z; "z", z'])),
        "amount": draw(st.sampled_from([None, "0", "-7.25", "10", "10.01", "1333.33", "0.07"])),
        "expected_amount": draw(st.sampled_from([None, "12.5", "40", "2099.99"])),
        "opened_on": draw(st.sampled_from([None, *DAYS])),
        "closed_on": None if stage == "Open" else draw(st.sampled_from(DAYS)),
        "expected_close_on": draw(st.sampled_from([None, "2026-09-30", "2026-10-01", "2027-01-01"])),
    }


#: One deal of each outcome with all that a deal can have, so that there is no class or column of which an export has nothing.
ONE_OF_EACH: list[Row] = [
    {"rep_id": "D", "stage": stage, "account_id": "X", "amount": "20", "expected_amount": "30", "opened_on": "2026-02-01",
     "closed_on": None if stage == "Open" else "2026-05-01", "expected_close_on": "2026-11-01"}
    for stage in ("Won", "Lost", "Open")
]  # fmt: skip
TABLES = st.lists(generated(), min_size=1, max_size=22).map(
    lambda rows: [{"deal_id": f"D{at:02}", **row} for at, row in enumerate([*ONE_OF_EACH, *rows])]
)


def compiled(deals: Sequence[Row], *, period: Period = Q3) -> PeriodEvidence:
    """Take rows through files to a evidence, once for all who ask for the same; they change nothing in it."""
    return _kept(json.dumps(deals), period)


@functools.cache
def _kept(deals: str, period: Period) -> PeriodEvidence:
    return compiled_anew(json.loads(deals), period=period)


def compiled_anew(
    deals: Sequence[Row], *, period: Period = Q3, rewrite: Callable[[Params], Params] | None = None
) -> PeriodEvidence:
    """Take rows through files to a evidence; ``rewrite`` may replace the files and their description."""
    with tempfile.TemporaryDirectory() as folder:
        crm = {"history_from": "2026-01-01", "quarantine": {"rows": 1, "amount": 1}}
        params = workbook(Path(folder), deals=deals, reps=REPS, as_of=AS_OF, crm=crm)
        params = rewrite(params) if rewrite else params
        return compile_evidence(params, sources.read(params), period)


def figures(found: PeriodEvidence) -> pd.DataFrame:
    """Everything of the scorecard, in an order that does not depend on the input's."""
    return found.scorecard.sort_values(KEY).reset_index(drop=True)


def pivot(found: PeriodEvidence, column: str = "value") -> pd.DataFrame:
    """Figures beside each other, a row per scope and period."""
    wide: pd.DataFrame = found.scorecard.pivot(index=KEY[:3], columns="kpi", values=column)
    return wide


def with_deals(tables: sources.Tables, deals: pd.DataFrame, **more: pd.DataFrame) -> sources.Tables:
    """The same tables with other deals, in a store of their own."""
    store = TableStore()
    store.lend("deals_taken", pa.Table.from_pandas(deals, preserve_index=False))
    store.con.execute("CREATE VIEW deals AS FROM deals_taken")
    return sources.Tables(**{**vars(tables), "store": store, **more})


def cents(values: Any) -> int:
    """Sum amounts exactly, in cents; missing ones are nobody's."""
    return sum(int((Decimal(repr(float(value))) * 100).to_integral_value()) for value in values if not pd.isna(value))


# Totals ---------------------------------------------------------------------------------------------------------------------


def revenue_is_the_control_total(found: PeriodEvidence) -> None:
    deals = deals_of(found.tables)
    won = deals[(deals["outcome"] == "won") & deals["amount"].notna()]
    wide = pivot(found)["revenue"]
    begun = [period for period in found.trend if period.start >= found.context.history_from]
    assert begun
    for period in begun:
        inside = won[(won["closed_on"] >= period.start) & (won["closed_on"] < period.end)]
        control = cents(inside["amount"])
        of = wide[wide.index.get_level_values("period") == period.name]
        scopes = {
            scope: cents(of[of.index.get_level_values("scope") == scope]) for scope in ("rep", "unassigned", "all", "team")
        }
        assert scopes["rep"] + scopes["unassigned"] == control, period
        assert scopes["all"] == control, period
        teams_are_their_reps(found, of, period)


def teams_are_their_reps(found: PeriodEvidence, revenue: pd.Series, period: Period) -> None:
    posts = found.roster.posts
    for scope, team, _ in revenue.index:
        if scope == "team":
            own = [
                revenue.get(("rep", rep, period.name)) for rep in found.roster.rep_ids if posts[rep, period.name].team == team
            ]
            assert cents([value for value in own if value is not None]) == cents([revenue["team", team, period.name]]), team


def test_revenue_of_the_demo_is_its_control_total(demo_evidence: PeriodEvidence) -> None:
    """Revenue of all reps and of nobody adds up to the input's in every quarter, a team's to that of its reps, to the cent."""
    revenue_is_the_control_total(demo_evidence)


@SAME
@given(deals=TABLES)
@SETTINGS
def test_revenue_is_the_control_total(deals: list[Row]) -> None:
    """Revenue of all reps and of nobody adds up to the input's, a team's to that of its reps, to the cent."""
    revenue_is_the_control_total(compiled(deals))


# Bridge and split -----------------------------------------------------------------------------------------------------------


def bridge_closes(found: PeriodEvidence) -> None:
    wide = pivot(found)[list(oracle.BRIDGE)].dropna()
    assert len(wide)
    moved = wide["pipeline_start"] + wide["pipeline_created"] - wide["pipeline_won"] - wide["pipeline_lost"]
    np.testing.assert_allclose(moved, wide["pipeline_end"], rtol=0, atol=1e-6)
    valued = pivot(found)["pipeline_value"].dropna()
    np.testing.assert_array_equal(valued, pivot(found)["pipeline_end"].reindex(valued.index))


def split_sums_to_the_change(found: PeriodEvidence) -> None:
    wide, whole = pivot(found)[PARTS], pivot(found, "change")["revenue"]
    known = whole.dropna().index
    assert len(known)
    assert wide.loc[known].notna().all(axis=None), "a change without its split"
    for place in known:
        assert sum(cents([part]) for part in wide.loc[place]) == cents([whole[place]]), place


def test_bridge_of_the_demo_closes(demo_evidence: PeriodEvidence) -> None:
    """Start and created less won and lost is the end, in every scope and quarter; the end is the pipeline's value."""
    bridge_closes(demo_evidence)


def test_split_of_the_demo_sums_to_the_change(demo_evidence: PeriodEvidence) -> None:
    """The parts of a change of revenue add up to it to the cent, in every scope and quarter."""
    split_sums_to_the_change(demo_evidence)


def test_split_of_a_team_is_that_of_its_reps(demo_evidence: PeriodEvidence) -> None:
    """A team's split is the sum of its reps' splits; what is left is shown as not split."""
    found = demo_evidence
    wide, posts = pivot(found)[PARTS], found.roster.posts
    for team in found.teams():
        reps = [rep for rep in found.roster.rep_ids if posts[rep, Q3.name].team == team]
        own = [wide.xs(("rep", rep, Q3.name)) for rep in reps if ("rep", rep, Q3.name) in wide.index]
        for part in PARTS[:3]:
            assert cents([row[part] for row in own]) == cents([wide[part]["team", team, Q3.name]]), (team, part)


@SAME
@given(deals=TABLES)
@SETTINGS
def test_bridge_closes_and_split_sums(deals: list[Row]) -> None:
    """On any table the bridge closes and the split adds up."""
    found = compiled(deals)
    bridge_closes(found)
    split_sums_to_the_change(found)


# Months of a quarter --------------------------------------------------------------------------------------------------------


def quarter_is_the_sum_of_its_months(quarter: PeriodEvidence, months: PeriodEvidence) -> None:
    whole, parts = pivot(quarter), pivot(months)
    names = [month.name for month in quarter.period.months()]
    keys = ["won_deals", "lost_deals", "revenue", "refunds", "won_without_amount"]
    compared = 0
    for scope, scope_id, period in whole.index:
        # Who moves within a quarter counts for one team in some of its months and for another in the quarter.
        if period == quarter.period.name and scope != "team":
            for key in keys:
                added = cents([parts[key].get((scope, scope_id, name), np.nan) for name in names])
                assert added == cents([whole[key][scope, scope_id, period]]), (key, scope_id)
                compared += 1
    assert compared


@pytest.mark.whole
def test_quarter_of_the_demo_is_the_sum_of_its_months(demo_evidence: PeriodEvidence) -> None:
    """Won and lost deals and revenue of a quarter are the sums of its months, of every rep and of all."""
    month = compile_evidence(demo_evidence.params, demo_evidence.tables, Period.parse("2026-09"))
    quarter_is_the_sum_of_its_months(demo_evidence, month)


@SAME
@given(deals=TABLES)
@SETTINGS
def test_quarter_is_the_sum_of_its_months(deals: list[Row]) -> None:
    """Won and lost deals and revenue of a quarter are the sums of its months."""
    quarter_is_the_sum_of_its_months(compiled(deals), compiled(deals, period=Period.parse("2026-09")))


# The form of the input ------------------------------------------------------------------------------------------------------


def _shuffled(deals: list[Row]) -> list[Row]:
    rows = list(deals)
    random.Random(4).shuffle(rows)
    return [dict(reversed(row.items())) for row in rows]


def _foreign(params: Params) -> Params:
    form = {"delimiter": ";", "encoding": "cp1252", "decimal": ",", "dates": "dmy"}
    return _rewritten(params, lambda name: f"Col {name[::-1]}", form)


def _rewritten(params: Params, rename: Callable[[str], str], form: Mapping[str, str]) -> Params:
    """Write the deals under other names in another dialect, and describe them so."""
    rows = _rows(params)
    header = list(rows[0])
    write_csv(
        params.file(params.crm.deals),
        [{rename(name): _text(name, row[name], form) for name in header} for row in rows],
        header=[rename(name) for name in header],
        encoding=form.get("encoding", "utf-8"),
        delimiter=form.get("delimiter", ","),
        lineterminator="\r\n",
    )
    columns = {name: rename(own) for name, own in params.crm.deals.columns.model_dump(exclude_none=True).items()}
    return _described(params, {"columns": columns, "format": dict(form)})


def _parquet(params: Params) -> Params:
    frame = pd.DataFrame(_rows(params)).replace({"": None})
    typed: dict[str, Any] = {}
    for name in frame.columns:
        values = [None if pd.isna(value) else value for value in frame[name]]
        if name.endswith("_on"):
            typed[name] = pa.array([value and dt.date.fromisoformat(value) for value in values], pa.date32())
        elif name.endswith("amount"):
            typed[name] = pa.array([value and Decimal(value) for value in values], pa.decimal128(18, 4))
        else:
            typed[name] = pa.array(values, pa.string())
    pq.write_table(pa.table(typed), params.file(params.crm.deals).with_suffix(".parquet"))
    return _described(params, {"file": params.crm.deals.file.replace(".csv", ".parquet")})


def _duckdb(params: Params) -> Params:
    name = _parquet(params).crm.deals.file or ""
    file = params.path.parent / name.replace(".parquet", ".duckdb")
    with duckdb.connect(file) as connection:
        connection.execute(f"CREATE TABLE deals AS FROM '{params.path.parent / name}'")
    return _described(params, {"file": name.replace(".parquet", ".duckdb")})


def _rows(params: Params) -> list[dict[str, str]]:
    with params.file(params.crm.deals).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _text(name: str, value: str, form: Mapping[str, str]) -> str:
    if form.get("decimal") == "," and name.endswith("amount"):
        return value.replace(".", ",")
    if form.get("dates") == "dmy" and name.endswith("_on") and value:
        return f"{dt.date.fromisoformat(value):%d.%m.%Y}"
    return value


def _described(params: Params, deals: Mapping[str, Any]) -> Params:
    data = params.model_dump(mode="json", by_alias=True, exclude_none=True)
    data["crm"]["deals"] |= deals
    changed = Params.model_validate(data)
    changed._path = params.path
    return changed


def same_figures(deals: list[Row], server: Server) -> None:
    plain = figures(compiled(deals))
    for name, rows, rewrite in (
        ("shuffled, under other names, in another dialect", _shuffled(deals), _foreign),
        ("parquet", deals, _parquet),
        ("DuckDB", deals, _duckdb),
        ("PostgreSQL", deals, lambda params: crms.to_postgres(server, params, crms.TYPES)),
    ):
        pd.testing.assert_frame_equal(plain, figures(compiled_anew(rows, rewrite=rewrite)), obj=name)


@pytest.mark.whole
@given(deals=TABLES)
@settings(SETTINGS, max_examples=4)
def test_form_of_the_input_changes_no_figure(deals: list[Row], crm_server: Server) -> None:
    """Shuffled rows, other columns, another dialect, Parquet, DuckDB, PostgreSQL: no cell of the scorecard changes."""
    same_figures(deals, crm_server)


@pytest.mark.whole
def test_shuffling_the_demo_changes_no_figure(demo_evidence: PeriodEvidence) -> None:
    """Rows of the demo in another order give the same scorecard."""
    found, tables = demo_evidence, demo_evidence.tables
    mixed = {name: getattr(tables, name).sample(frac=1, random_state=7) for name in ("reps", "targets", "measures")}
    shuffled = with_deals(tables, deals_of(tables).sample(frac=1, random_state=7), **mixed)
    again = compile_evidence(found.params, shuffled, Q3)
    pd.testing.assert_frame_equal(figures(found), figures(again))


# A deal of somebody else ----------------------------------------------------------------------------------------------------


def own_figures_stay(before: PeriodEvidence, after: PeriodEvidence, reps: Sequence[str]) -> None:
    left, right = (
        frame[(frame["scope"] == "rep") & frame["scope_id"].isin(reps) & ~frame["kpi"].isin(BEYOND)].reset_index(drop=True)
        for frame in (figures(before), figures(after))
    )
    assert len(left)
    # How much a figure varies is learnt from the peers, too.
    own = [name for name in (*KEY, *OWN, "year_ago") if name not in ("low", "high")]
    pd.testing.assert_frame_equal(left[own], right[own])


@pytest.mark.whole
def test_deal_of_another_rep_of_the_demo_changes_nothing(demo_evidence: PeriodEvidence) -> None:
    """A deal added to one rep changes no other rep's own figures but those whose definition looks beyond the rep."""
    found, tables = demo_evidence, demo_evidence.tables
    deals = deals_of(tables)
    given = deals[(deals["outcome"] == "won") & (deals["closed_on"] >= Q3.start) & (deals["closed_on"] < Q3.end)]
    given = given[given["rep_id"].isin(found.roster.rep_ids)].iloc[[0]].assign(deal_id="added")
    again = compile_evidence(found.params, with_deals(tables, pd.concat([deals, given])), Q3)
    rep = given["rep_id"].item()
    own_figures_stay(found, again, [other for other in found.roster.rep_ids if other != rep])
    assert cents([pivot(again)["won_deals"]["rep", rep, Q3.name]]) > cents([pivot(found)["won_deals"]["rep", rep, Q3.name]])


@SAME
@given(deals=TABLES, added=generated())
@SETTINGS
def test_deal_of_another_rep_changes_nothing(deals: list[Row], added: Row) -> None:
    """Whatever deal another rep gets, a rep's own figures stay, but for those whose definition looks beyond the rep."""
    more = [*deals, {**added, "deal_id": "added", "rep_id": "B"}]
    own_figures_stay(compiled(deals), compiled(more), ["A", "C", "D"])


@pytest.mark.whole
@given(deals=TABLES, added=generated())
@settings(SETTINGS, max_examples=6, phases=[Phase.generate])
def test_on_many_tables(deals: list[Row], added: Row) -> None:
    """What must hold on any table holds on six, where a plain run takes two."""
    for test, more in (
        (test_revenue_is_the_control_total, {}),
        (test_bridge_closes_and_split_sums, {}),
        (test_quarter_is_the_sum_of_its_months, {}),
        (test_deal_of_another_rep_changes_nothing, {"added": added}),
    ):
        test.hypothesis.inner_test(deals=deals, **more)  # type: ignore[attr-defined]
