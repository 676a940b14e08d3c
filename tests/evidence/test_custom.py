"""A workbook's own KPIs, in SQL: the figures that one counts by hand, for everybody, and an engine that opens nothing."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from commands import Run
from evidence.test_workings import Alone
from journals import Server
from params.test_sql import FINE, OWN
from workbooks import workbook

from reviewlib.errors import ParamsError
from reviewlib.evidence import custom, sources, store
from reviewlib.evidence.facts import KEY
from reviewlib.evidence.period import PeriodEvidence, compile_evidence
from reviewlib.evidence.slices import Slicer
from reviewlib.evidence.store import TableStore
from reviewlib.pages import blocks, sentences
from reviewlib.params import sql
from reviewlib.params.figures import Kpi, SqlMeasure
from reviewlib.params.kpis import KPIS as BUILT_IN
from reviewlib.periods import FiscalYear, Period
from reviewlib.review import from_slice

ROOT = Path(__file__).parents[2]
Q3 = Period.parse("2026-Q3")
#: What PostgreSQL calls a type of DuckDB by another name.
POSTGRES = {"VARCHAR": "TEXT", "DOUBLE": "DOUBLE PRECISION"}
DAYS = {"opened_on": "2026-06-01", "closed_on": "2026-08-01"}
DEALS = [
    {"rep_id": "A", "account_id": "X", "amount": "100.10", **DAYS},
    {"rep_id": "A", "account_id": "X", "amount": "200.20", **DAYS},
    {"rep_id": "A", "account_id": "Y", "amount": "-5", **DAYS},
    {"rep_id": "A", "account_id": "Y", "amount": None, **DAYS},
    {"rep_id": "A", "account_id": "X", "amount": "10000", **DAYS, "closed_on": "2026-06-02"},
    {"rep_id": "B", "account_id": "X", "amount": "90", **DAYS},
    {"rep_id": "B", "account_id": "Z", "amount": None, "stage": "Lost", **DAYS},
    {"rep_id": "B", "account_id": "Z", "amount": None, "stage": "Open", **DAYS, "closed_on": None},
    {"rep_id": "C", "account_id": "Z", "amount": "1", "opened_on": "2026-01-02", "closed_on": "2026-01-05"},
]
REPS = [{"rep_id": rep, "team": "North"} for rep in "ABC"]
SHARE = OWN | {
    "label": "Share of the largest deal",
    "better": "lower",
    "group": "Conversion",
    "evidence": "sale",
    "empty": "no deal was won",
    "sentence": "The largest deal was {largest_share} of revenue",
    "target": 0.6,
}
COUNT = OWN | {"unit": "count", "over": None, "n": "count(*) filter (where won)"}
KPIS = {
    "largest_share": SHARE,
    "total": COUNT | {"value": "sum(amount) filter (where lost)", "combine": "sum"},
    "number": COUNT | {"value": "count(*) filter (where won)"},
    "rest": COUNT | {"value": "sum(case when won then 0 else 1 end)"},
    "largest": COUNT | {"value": "max(amount) filter (where lost)"},
    "ratio": COUNT | {"value": "sum(amount) filter (where lost) / count(*) filter (where opened)"},
    "unmapped": COUNT | {"value": "sum(expected_amount) filter (where open_end)"},
    "kept": COUNT
    | {"from": "accounts", "value": "count(*) filter (where base and bought)", "n": "count(*) filter (where base)"},
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> PeriodEvidence:
    """The evidence of a small workbook with KPIs of its own."""
    params = workbook(
        tmp_path_factory.mktemp("own"),
        deals=DEALS,
        reps=REPS,
        kpis=KPIS,
        as_of="2026-10-15",
        crm={"history_from": "2026-01-01"},
        playbook=[{"kpi": "largest_share", "action": "Share {largest_share} out"}],
        targets=[
            {"scope": "rep", "scope_id": "A", "kpi": "total", "period": f"2026-{month:02}", "value": 7} for month in (7, 8, 9)
        ],
    )
    return compile_evidence(params, sources.read(params), Q3)


def cell(found: PeriodEvidence, key: str, scope_id: str) -> dict[str, Any]:
    """One row of the scorecard."""
    rows = found.scorecard
    own = rows[(rows["kpi"] == key) & (rows["scope_id"] == scope_id) & (rows["period"] == Q3.name)]
    return own.iloc[0].to_dict()


def own(**texts: str) -> dict[str, Kpi]:
    """KPIs in SQL that nobody looked at."""
    return {
        key: Kpi(key=key, label=key, unit="count", definition="", expression=SqlMeasure(text, n="count(*) filter (where won)"))
        for key, text in texts.items()
    }


def asked(evidence: PeriodEvidence, **texts: str) -> None:
    """Ask the facts of some evidence for such KPIs."""
    engine = evidence.facts.con.con
    with custom.refusals(engine, {**BUILT_IN, **own(**texts)}, key=KEY, params=evidence.params):
        engine.sql(custom.query([*own(**texts).values()], key=KEY)).fetchall()


def test_it_is_what_one_counts_by_hand(found: PeriodEvidence) -> None:
    """For reps, the team and all, of the facts of each and never added; refunds and earlier deals are not in it."""
    of_a, of_b, of_team = (cell(found, "largest_share", scope) for scope in ("A", "B", "North"))
    assert of_a["value"] == 200.2 / 300.3
    assert (of_a["numerator"], of_a["denominator"], of_a["n"]) == (200.2, 300.3, 2)  # which floats would not add up to
    assert (of_b["value"], of_b["n"]) == (1, 1)
    assert of_team["value"] == 200.2 / 390.3
    assert cell(found, "largest_share", "all")["value"] == of_team["value"]
    assert (of_a["result"], of_b["result"]) == ("missed", "missed")
    assert {(each["verdict"], each["reason"]) for each in (of_a, of_b)} == {
        ("too_few", "too few periods before it to know how much it varies")
    }
    assert "MAX(" in found.measured.views["own_deal_measures"]


def test_who_has_nothing_has_what_nothing_comes_to(found: PeriodEvidence) -> None:
    """A sum and a count are 0, a largest is missing, and a ratio of nothing is n/a with the reason of params."""
    rows = {key: cell(found, key, "C") for key in KPIS}
    assert [rows[key]["value"] for key in ("total", "number", "rest")] == [0, 0, 0]
    assert rows["number"]["n"] == 0
    missing = ("largest", "ratio", "largest_share")
    assert [math.isnan(rows[key]["value"]) for key in missing] == [True] * 3
    assert [rows[key]["reason"] for key in missing] == ["its formula gives no value here"] * 2 + ["no deal was won"]
    assert {rows[key]["verdict"] for key in missing} == {"not_available"}


def test_what_is_divided_by_nothing_is_missing_for_a_true_reason(found: PeriodEvidence) -> None:
    """Who has deals that count is not told that none does, where the formula comes to nothing all the same."""
    ratio = cell(found, "ratio", "A")
    assert (ratio["n"], math.isnan(ratio["value"]), ratio["reason"]) == (3, True, "its formula gives no value here")


def test_targets_of_shorter_periods_combine_as_params_say(found: PeriodEvidence) -> None:
    """Those of a sum add up, as they do for revenue; the others are those of params."""
    assert (cell(found, "total", "A")["target"], cell(found, "largest_share", "A")["target"]) == (21, 0.6)


@pytest.mark.whole
def test_a_snapshot_explains_them(found: PeriodEvidence, tmp_path: Path) -> None:
    """``evidence.sql`` gives the same figures from the files alone."""
    alone = Alone(found, tmp_path / "evidence")
    alone.check_scorecard()
    alone.check_kpis(KPIS)


def test_a_missing_column_is_the_reason(found: PeriodEvidence) -> None:
    """What the export does not hold gives n/a, as for a built-in KPI."""
    assert cell(found, "unmapped", "A")["reason"] == "the export has no column for expected_amount"


def test_accounts_have_their_own_facts(found: PeriodEvidence) -> None:
    """A KPI from accounts counts accounts."""
    assert cell(found, "kept", "A")["value"] == cell(found, "kept_accounts", "A")["value"] == 1
    assert (cell(found, "kept", "A")["n"], cell(found, "kept", "B")["n"]) == (1, 0)


@pytest.mark.parametrize("text", FINE)
def test_what_is_written_means_what_it_meant(demo_evidence: PeriodEvidence, text: str) -> None:
    """The query made of the parts gives what DuckDB makes of the text itself, but for the sum of nothing and division by 0."""
    engine = demo_evidence.facts.con.con
    made = engine.sql(f'SELECT * EXCLUDE ("own.n") FROM ({custom.query([*own(own=text).values()], key=KEY)})').fetchall()
    plain = engine.sql(f"SELECT scope, scope_id, period, {text} FROM deal_facts GROUP BY ALL").fetchall()
    figures = {(*key,): value for *key, value in plain}
    for *key, value in made:
        told = figures.pop((*key,), None)
        assert value == (None if told is None else pytest.approx(float(told))) or (told, value) == (None, 0)
    assert figures == {}
    assert len(made) > 100


def test_every_documented_column_is_there_and_of_its_kind(demo_evidence: PeriodEvidence) -> None:
    """The list of params is that of the views."""
    types = {"flag": "BOOLEAN", "text": "VARCHAR", "day": "DATE", "money": "DECIMAL", "days": "BIGINT"}
    for grain, view in (("deals", "deal_facts"), ("accounts", "account_facts")):
        rows = demo_evidence.facts.con.con.sql(f"DESCRIBE {view}").fetchall()
        known = {name: kind.partition("(")[0] for name, kind, *_ in rows}
        wrong = {name: known.get(name) for name, one in sql.FACTS[grain].items() if types[one.holds] != known.get(name)}
        assert wrong == {}


def test_what_an_engine_refuses_is_told_by_key(demo_evidence: PeriodEvidence) -> None:
    """Too large a product of decimals is no traceback, and the KPI beside it is not blamed."""
    cube = f"sum({' * '.join(['amount'] * 6)}) filter (where won)"
    assert [*sql.findings(cube, "deals")] == []
    with pytest.raises(ParamsError, match=r"(?s)cannot be computed.*demo.yaml, kpis\.large\n.*Change its SQL"):
        asked(demo_evidence, fine="count(*) filter (where won)", large=cube)


def test_other_engines_are_refused_by_name() -> None:
    """Only where figures were held against each other; the SQL is that engine's own."""
    kpis = [*own(own="median(days) filter (where won)").values()]
    assert "PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY" in custom.query(kpis, key=KEY, backend="postgres")
    with pytest.raises(ParamsError, match="mysql"):
        custom.query(kpis, key=KEY, backend="mysql")


@pytest.mark.whole
def test_a_run_puts_it_on_the_page(tmp_path: Path, run: Run) -> None:
    """From params through freeze to a rep’s page: figure, target, result and verdict."""
    for name in ("params", "notebooks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    book = tmp_path / "params" / "demo.yaml"
    own = f"\nkpis:\n  largest_share: {json.dumps(SHARE | {'target': 0.05, 'weight': 9})}\n"
    book.write_text(book.read_text(encoding="utf-8").replace("\nkpis:\n", own, 1), encoding="utf-8")
    said = run("run", str(book), "--period", Q3.name, "--rep", "R-014")
    assert said.returncode == 0, said.stderr
    (page,) = tmp_path.glob("reports/demo/2026-Q3/*/manager/*.html")
    text = re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8"))
    (frozen,) = tmp_path.glob("reports/demo/snapshots/*/scorecard.parquet")
    rows = pd.read_parquet(frozen)
    row = rows[(rows["kpi"] == "largest_share") & (rows["scope_id"] == "R-014") & (rows["period"] == Q3.name)].iloc[0]
    figure = f"{row['value']:.1%}"
    assert row["verdict"] == "no_signal"
    for shown in (figure, "target 5.0%", "Missed by", "No clear signal"):
        assert shown in text


def test_postgres_gives_the_same(demo_evidence: PeriodEvidence, postgres_server: Server) -> None:
    """Every expression that is meant well gives the figures of DuckDB, from the same facts."""
    from_duckdb = demo_evidence.facts.con.con
    kpis = [
        Kpi(key=f"k{at}", label="", unit="count", definition="", expression=SqlMeasure(text)) for at, text in enumerate(FINE)
    ]
    with postgres_server.connect(postgres_server.new_database()) as server:
        for table in ("groups", "deal_facts"):
            columns = [
                (f'"{name}"', POSTGRES.get(kind, kind)) for name, kind, *_ in from_duckdb.sql(f"DESCRIBE {table}").fetchall()
            ]
            server.execute(f"CREATE TABLE {table} ({', '.join(f'{name} {kind}' for name, kind in columns)})")
            with server.cursor().copy(f"COPY {table} FROM STDIN") as rows:
                for row in from_duckdb.sql(f"FROM {table}").fetchall():
                    rows.write_row(row)
        there = server.execute(custom.query(kpis, key=KEY, backend="postgres")).fetchall()
    here = from_duckdb.sql(custom.query(kpis, key=KEY)).fetchall()
    assert sorted(row[:3] for row in there) == sorted(row[:3] for row in here)
    pairs = [
        pair for rows in zip(sorted(here), sorted(there), strict=True) for pair in zip(*(row[3:] for row in rows), strict=True)
    ]
    assert len(pairs) > 1000
    assert [pair for pair in pairs if pair[0] != pair[1] and not math.isclose(*pair, rel_tol=1e-12)] == []


@pytest.mark.parametrize("source", ["read_text('{file}')", "read_csv('{file}')", "glob('{file}')", "'{file}'"])
def test_a_gap_in_the_list_opens_no_file(tmp_path: Path, demo_evidence: PeriodEvidence, source: str) -> None:
    """Were such an expression let pass, the engine itself would refuse it."""
    file = tmp_path / "other.csv"
    file.write_text("secret", encoding="utf-8")
    text = f"(select count(*) from {source.format(file=file)})"
    assert [*sql.findings(text, "deals")] != []
    with pytest.raises(ParamsError, match="disabled by config") as caught:
        asked(demo_evidence, own=text)
    assert "secret" not in str(caught.value)


def test_a_closed_store_is_not_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """No statement opens it, and what does not fit into memory is still written to its own folder."""
    monkeypatch.setattr(store, "MEMORY", "60MB")
    tables = TableStore()
    tables.close_files()
    for statement in (
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET allowed_configs = ['memory_limit']",
        "COPY (SELECT 1) TO '/tmp/reviewlib-other.csv'",
        "ATTACH '/tmp/reviewlib-other.db'",
        "INSTALL httpfs",
    ):
        with pytest.raises(duckdb.Error):
            tables.con.execute(statement)
    rows = "SELECT i, hash(i) AS h, repeat('x', 60) || i AS s FROM range(700000) t(i)"
    assert tables.con.execute(f"SELECT count(*) FROM (SELECT * FROM ({rows}) ORDER BY s LIMIT 600000)").fetchone() == (600000,)
    tables.con.execute(f"CREATE TEMP TABLE large AS {rows}")
    assert any(tables.con.execute("SELECT sum(size) > 0 FROM duckdb_temporary_files()").fetchone() or ())


def test_pages_show_it_like_any_other(found: PeriodEvidence) -> None:
    """Figure, target, verdict and place on the scorecard; calculation and deals below it; a sentence; a play."""
    slicer = Slicer(found, snapshot="0" * 12, frozen_at=dt.datetime(2026, 10, 15, tzinfo=dt.UTC))
    review = from_slice(slicer.rep("A", "rep"), FiscalYear())
    page = blocks.scorecard(review).html
    assert page.index(">Conversion<") < page.index(">Share of the largest deal</a>") < page.index(">Pipeline<")
    assert "66.7%" in page
    assert "target 60.0%" in page
    made = blocks.figures(review).html
    assert "€200 ÷ €300 = 66.7%" in made
    assert "2 deals, €300.30, listed under Sales revenue: won." in made
    figure = review.figure("largest_share")
    assert (figure.verdict, figure.result, figure.attainment) == ("too_few", "missed", pytest.approx(0.9))
    assert "Missed by 6.7 points" in page
    assert "too few periods before it" in page
    assert sentences.fill(review, figure.kpi.sentence or "") == "The largest deal was 66.7% of revenue"
    assert [one for one in review.findings if one.kpi == "largest_share"] == []


def _equal_deals(rep: str, period: Period, *amounts: int) -> list[dict[str, Any]]:
    days = {"opened_on": period.start.isoformat(), "closed_on": period.last_day.isoformat()}
    return [{"rep_id": rep, "account_id": "X", "amount": str(amount), **days} for amount in amounts]


def test_it_is_judged_by_its_own_past(tmp_path: Path) -> None:
    """Who is far from the target by what the figure varied before has a finding with its play; who is not has none."""
    before = [(49, 51), (50, 50), (48, 52), (50, 50), (49, 51), (50, 50), (50, 50)]
    deals = [
        deal
        for rep in "AB"
        for period, pair in zip(Q3.trend(8), before, strict=False)
        for deal in _equal_deals(rep, period, *pair)
    ]
    deals += [*_equal_deals("A", Q3, 40, 60), *_equal_deals("B", Q3, 50, 50)]
    params = workbook(
        tmp_path,
        deals=deals,
        reps=REPS,
        kpis={"largest_share": SHARE | {"target": 0.5}},
        as_of="2026-10-15",
        crm={"history_from": "2024-10-01"},
        playbook=[{"kpi": "largest_share", "action": "Share {largest_share} out"}],
    )
    evidence = compile_evidence(params, sources.read(params), Q3)
    of_a, of_b = (cell(evidence, "largest_share", rep) for rep in "AB")
    assert (of_a["verdict"], of_a["result"], of_a["df"]) == ("gap", "missed", 12)
    assert (of_b["verdict"], of_b["result"]) == ("no_signal", "met")
    slicer = Slicer(evidence, snapshot="0" * 12, frozen_at=dt.datetime(2026, 10, 15, tzinfo=dt.UTC))
    reviews = {rep: from_slice(slicer.rep(rep, "rep"), FiscalYear()) for rep in "AB"}
    (finding,) = [one for one in reviews["A"].findings if one.kpi == "largest_share"]
    assert finding.actions[0].text == "Share {largest_share} out"
    assert [one for one in reviews["B"].findings if one.kpi == "largest_share"] == []
    assert "Clear shortfall" in blocks.scorecard(reviews["A"]).html
