"""Deals that stay in a database give the figures that a file with the same rows gives."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from journals import Server
from lightbook import lay_templates
from ruamel.yaml import YAML

from reviewlib.errors import SnapshotError, SourceError
from reviewlib.evidence import explain, snapshot, sources
from reviewlib.evidence.period import PeriodEvidence, compile_evidence
from reviewlib.evidence.slices import Slicer
from reviewlib.params import reading
from reviewlib.params.model import Params
from reviewlib.periods import Period

DEMO = Path(__file__).parents[2] / "params"
TYPES = {
    "Amount": "numeric(18,4)",
    "Expected Amount": "numeric(18,4)",
    "Created": "date",
    "Close Date": "date",
    "Expected Close": "date",
}
PERIOD = Period.parse("2026-Q3")


def write_params(folder: Path, **crm: object) -> Path:
    """The demo's params with other sources: keys of crm by their names, with __ between them."""
    yaml, path = YAML(), folder / "params" / "demo.yaml"
    shutil.copytree(DEMO, folder / "params", dirs_exist_ok=True)
    data = yaml.load(path)
    for key, value in crm.items():
        *above, last = key.split("__")
        section = data["crm"]
        for name in above:
            section = section[name]
        section.pop("file", None) if last == "table" else None
        section[last] = value
    yaml.dump(data, path)
    return path


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's deals without the cells that no typed column can hold, as a file of typed columns."""
    path = tmp_path_factory.mktemp("rows") / "deals.parquet"
    typed = ", ".join(f'TRY_CAST("{name}" AS {kind}) AS "{name}"' for name, kind in TYPES.items())
    readable = " AND ".join(f'("{name}" IS NULL OR TRY_CAST("{name}" AS {kind}) IS NOT NULL)' for name, kind in TYPES.items())
    read = f"read_csv('{DEMO}/demo/deals.csv', all_varchar=true, ignore_errors=true)"
    duckdb.sql(f"COPY (SELECT * REPLACE ({typed}) FROM {read} WHERE {readable}) TO '{path}' (FORMAT parquet)")
    return path


@pytest.fixture(scope="module")
def loaded(crm_server: Server, rows: Path) -> str:
    """A database with the demo's tables."""
    name = crm_server.new_database()
    with crm_server.connect(name) as connection:
        connection.execute("CREATE SCHEMA crm")
        files = {"deals": rows, **{each: DEMO / "demo" / f"{each}.csv" for each in ("reps", "targets", "activities")}}
        for table, path in files.items():
            read = duckdb.sql(f"FROM '{path}'" if path.suffix == ".parquet" else f"FROM read_csv('{path}', all_varchar=true)")
            columns = ", ".join(f'"{column}" {TYPES.get(column, "text")}' for column in read.columns)
            connection.execute(f"CREATE TABLE crm.{table} ({columns})")
            with connection.cursor().copy(f"COPY crm.{table} FROM STDIN") as copy:
                for row in read.fetchall():
                    copy.write_row(row)
    return f"postgres:///{name}"


@pytest.fixture
def connected(loaded: str, tmp_path: Path) -> Params:
    tables = {
        "deals__table": "crm.deals",
        "reps__table": "crm.reps",
        "targets__table": "crm.targets",
        "measures__table": "crm.activities",
    }
    return reading.load(write_params(tmp_path, connect=loaded, **tables))


@pytest.fixture
def from_file(rows: Path, tmp_path: Path) -> Params:
    """The demo with a file of the same rows."""
    (tmp_path / "file").mkdir()
    path = write_params(tmp_path / "file", deals__file="demo/deals.parquet")
    shutil.copy(rows, path.parent / "demo" / "deals.parquet")
    return reading.load(path)


def compiled(params: Params) -> PeriodEvidence:
    return compile_evidence(params, sources.read(params), PERIOD)


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(["scope", "scope_id", "period", "kpi"], ignore_index=True)


@pytest.fixture
def on_spark(spark_session: Any, rows: Path, tmp_path: Path) -> Params:
    """The demo with its deals and reps as tables of Spark."""
    spark_session.sql("CREATE DATABASE crm")
    files = {"deals": f"'{rows}'", "reps": f"read_csv('{DEMO}/demo/reps.csv', all_varchar=true)"}
    for table, file in files.items():
        spark_session.createDataFrame(duckdb.sql(f"FROM {file}").to_arrow_table()).write.saveAsTable(f"crm.{table}")
    return reading.load(write_params(tmp_path, connect="spark", deals__table="crm.deals", reps__table="crm.reps"))


@pytest.mark.spark
def test_spark_gives_the_figures_of_the_file(on_spark: Params, from_file: Params) -> None:
    """Scorecard and account of the rows are equal."""
    there, here = compiled(on_spark), compiled(from_file)
    pd.testing.assert_frame_equal(in_order(there.scorecard), in_order(here.scorecard), check_dtype=False, rtol=1e-12)
    accounts = [asdict(each.tables.reconciliation[0]) | {"file": ""} for each in (there, here)]
    assert accounts[0] == accounts[1]


def test_every_figure_is_that_of_the_file(connected: Params, from_file: Params) -> None:
    """Scorecard, account of the rows and slices are equal, and of the deals only those of the period have travelled."""
    there, here = compiled(connected), compiled(from_file)
    pd.testing.assert_frame_equal(in_order(there.scorecard), in_order(here.scorecard), check_dtype=False, rtol=1e-12)
    accounts = [[{**asdict(one), "file": ""} for one in each.tables.reconciliation] for each in (there, here)]
    assert accounts[0] == accounts[1]
    refused = [
        sorted(zip(each.tables.quarantine["reason"], each.tables.quarantine["amount"], strict=True)) for each in (there, here)
    ]
    assert refused[0] == refused[1]
    assert len(refused[0]) == 6
    cut = [Slicer(each, snapshot="0" * 12, frozen_at=dt.datetime(2026, 10, 15, tzinfo=dt.UTC)) for each in (there, here)]
    said = ("lists", "stages", "summary", "leads", "findings", "achievements")
    for rep_id in here.reviewed:
        of_database, of_file = (slicer.rep(rep_id, "manager") for slicer in cut)
        assert {name: of_database[name] for name in said} == {name: of_file[name] for name in said}
    assert not {("deals",), ("deals_taken",)} & {*there.tables.store.rows("SHOW TABLES")}
    [(travelled,)] = there.facts.con.con.execute("SELECT count(*) FROM deals").fetchall()
    assert 0 < travelled < there.tables.reconciliation[0].used / 2


def test_a_snapshot_gives_its_scorecard_again(connected: Params) -> None:
    """The last view of evidence.sql follows from what came back, and the period's figures from its deals as well."""
    frozen = snapshot.freeze(connected, PERIOD)
    with duckdb.connect() as store:
        store.execute(f"SET file_search_path = '{frozen.folder}'")
        store.execute((frozen.folder / "evidence.sql").read_text(encoding="utf-8"))
        known = f"READ_PARQUET('{frozen.folder}/scorecard.parquet') AS known"
        near = "coalesce(abs(shown.{0} - known.{0}) <= 1e-12 * abs(known.{0}), shown.{0} IS NOT DISTINCT FROM known.{0})"
        same = " AND ".join(map(near.format, ("value", "target")))
        asked = f"SELECT count(*), count(*) FILTER (WHERE {same}) FROM scorecard AS shown FULL JOIN {known}"
        [(rows, alike)] = store.execute(f"{asked} USING (scope, scope_id, period, kpi)").fetchall()
        assert rows == alike > 0
        names = [name for name, *_ in store.sql("DESCRIBE deal_measures").fetchall() if name.endswith((".top", ".n"))]
        columns = ", ".join(f'"{name}"' for name in names)
        of_period = [
            f"SELECT scope, scope_id, {columns} FROM {view} WHERE period = '{PERIOD}'"
            for view in ("deal_measures", "period_deal_measures")
        ]
        pd.testing.assert_frame_equal(
            *(store.sql(f"{each} ORDER BY scope, scope_id").df() for each in of_period), check_exact=False
        )
    explained = explain.explain(connected, frozen.hash, "revenue", scope="rep", scope_id="R-014", period=PERIOD)
    assert explained.rows["amount"].sum() == pytest.approx(explained.measured["value"])
    with pytest.raises(SnapshotError, match="stayed in the database"):
        explain.explain(connected, frozen.hash, "revenue", scope="rep", scope_id="R-014", period=PERIOD.previous)


def test_an_edit_makes_another_snapshot(connected: Params, loaded: str, postgres_server: Server) -> None:
    """The name of a snapshot stands for the rows of the tables, whatever their order."""
    with postgres_server.connect(loaded.rpartition("/")[2]) as connection:
        before = snapshot.fingerprint(connected, PERIOD)
        connection.execute("CREATE TABLE crm.again AS SELECT * FROM crm.deals ORDER BY random()")
        connection.execute("ALTER TABLE crm.deals RENAME TO kept; ALTER TABLE crm.again RENAME TO deals")
        assert snapshot.fingerprint(connected, PERIOD) == before
        connection.execute('UPDATE crm.deals SET "Amount" = "Amount" + 0.01 WHERE "Deal ID" = \'D-10010\'')
        assert snapshot.fingerprint(connected, PERIOD) != before
        connection.execute("DROP TABLE crm.deals; ALTER TABLE crm.kept RENAME TO deals")


@pytest.mark.parametrize(
    ("crm", "told"),
    [
        ({"connect": "postgres://127.0.0.1:1/sales"}, "cannot be reached"),
        ({"connect": "postgres:///nobodys"}, 'database "nobodys" does not exist'),
        ({"deals__table": "crm.opportunities"}, "There is no table 'crm.opportunities'"),
        ({"deals__columns__amount": "Amuont"}, "Did you mean 'Amount'?"),
        ({"deals__columns__amount": "Stage"}, "The column 'Stage' holds no amounts"),
        ({"deals__columns__closed_on": "Amount"}, "The column 'Amount' holds no dates"),
        ({"reps__table": "crm.targets"}, "There is no column 'Employee'"),
        ({"deals__stages__open": ["Discovery"]}, "Some stages of the export are not mapped"),
    ],
)
def test_what_cannot_be_used_is_one_message(loaded: str, tmp_path: Path, crm: dict[str, object], told: str) -> None:
    """An address, a table, a column, a type and a stage that do not fit are named, and nothing is written."""
    path = write_params(tmp_path, **{"connect": loaded, "deals__table": "crm.deals", **crm})
    with pytest.raises(SourceError) as refused:
        snapshot.freeze(reading.load(path), PERIOD)
    assert told in str(refused.value)
    assert not (tmp_path / "reports").exists()


def test_a_login_without_rights_is_one_message(
    crm_server: Server, loaded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may not read the deals is told so."""
    monkeypatch.setenv("PGUSER", crm_server.new_role("outsider"))
    with pytest.raises(SourceError, match=r"(?s)The database refused this.*permission denied for schema crm") as refused:
        snapshot.freeze(reading.load(write_params(tmp_path, connect=loaded, deals__table="crm.deals")), PERIOD)
    assert "the login that the driver finds for it" in str(refused.value)


@pytest.mark.parametrize(("password", "code"), [("unmistakable", 0), ("unmistakably-wrong", 2)])
def test_a_password_is_nowhere(postgres_server: Server, loaded: str, tmp_path: Path, password: str, code: int) -> None:
    """Right or wrong, it is in no output and in no file, from snapshot to page; a wrong one is one message."""
    postgres_server.new_role("keeper")
    rules = postgres_server.folder / "data" / "pg_hba.conf"
    before = rules.read_text(encoding="utf-8")
    with postgres_server.connect(loaded.rpartition("/")[2]) as connection:
        connection.execute("ALTER ROLE keeper PASSWORD 'unmistakable'")
        connection.execute("GRANT USAGE ON SCHEMA crm TO keeper; GRANT SELECT ON ALL TABLES IN SCHEMA crm TO keeper")
        rules.write_text(f"local all keeper scram-sha-256\n{before}", encoding="utf-8")
        connection.execute("SELECT pg_reload_conf()")
    path = write_params(tmp_path, connect=loaded, deals__table="crm.deals")
    lay_templates(tmp_path)
    command = [sys.executable, "-m", "reviewlib", "run", str(path), "--period", "2026-Q3", "--rep", "R-014"]
    login = {"PGUSER": "keeper", "PGPASSWORD": password}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **login})
    assert ended.returncode == code, ended.stderr
    assert "unmistakabl" not in ended.stdout + ended.stderr
    assert ("password authentication failed" in ended.stderr) == (code == 2)
    made = ("snapshots/*/snapshot.json", "*/*/manager/*.html", "*/*/notebooks/*.ipynb")
    assert [bool([*tmp_path.glob(f"reports/demo/{each}")]) for each in made] == [code == 0] * 3
    assert [file for file in tmp_path.rglob("*") if file.is_file() and b"unmistakabl" in file.read_bytes()] == []
