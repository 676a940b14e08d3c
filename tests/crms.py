"""Databases that deals are in, for tests: the deals of a small workbook as a table of PostgreSQL or Spark."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pytest
from journals import Server
from workbooks import changed

from reviewlib.evidence.store import quoted
from reviewlib.params.model import Params

#: What Spark calls types that PostgreSQL calls otherwise.
_OF_SPARK = {
    "text": "string",
    "numeric": "decimal(38,18)",
    "numeric(18,4)": "decimal(18,4)",
    "double precision": "double",
    "timestamptz": "timestamp",
    "timestamp": "timestamp_ntz",
}
#: Types of columns that hold what they are called for.
TYPES = {
    "amount": "numeric(18,4)",
    "expected_amount": "numeric(18,4)",
    **dict.fromkeys(("opened_on", "closed_on", "expected_close_on"), "date"),
}
#: Moves the deals of a workbook from its file into a table with columns of these types of PostgreSQL, and describes it so.
Mover = Callable[[Params, Mapping[str, str]], Params]


def _cells(params: Params) -> tuple[list[str], list[list[str | None]]]:
    """Header and rows of the deals' file; what is empty is missing."""
    with params.file(params.crm.deals).open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return header, [[cell or None for cell in row] for row in rows]


def to_postgres(server: Server, params: Params, types: Mapping[str, str]) -> Params:
    """Move deals to a database of their own."""
    name, (header, rows) = server.new_database(), _cells(params)
    columns = ", ".join(f"{quoted(column)} {types.get(column, 'text')}" for column in header)
    with server.connect(name) as connection:
        connection.execute(f"CREATE TABLE deals ({columns})")
        with connection.cursor().copy("COPY deals FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    return changed(params, crm={"connect": f"postgres:///{name}", "deals": {"file": None, "table": "deals"}})


def to_spark(session: Any, params: Params, types: Mapping[str, str]) -> Params:
    """Move deals to Spark, in place of those before."""
    header, rows = _cells(params)
    schema = pa.schema(dict.fromkeys(header, pa.string()))
    session.createDataFrame(
        pa.Table.from_pylist([dict(zip(header, row, strict=True)) for row in rows], schema)
    ).createOrReplaceTempView("texts")
    kinds = [types.get(column, "text") for column in header]
    cast = ", ".join(
        f"CAST(`{column}` AS {_OF_SPARK.get(kind, kind)}) AS `{column}`" for column, kind in zip(header, kinds, strict=True)
    )
    session.sql("DROP TABLE IF EXISTS deals")
    session.sql(f"CREATE TABLE deals AS SELECT {cast} FROM texts")
    return changed(params, crm={"connect": "spark", "deals": {"file": None, "table": "deals"}})


@pytest.fixture(scope="module")
def crm_server(postgres_server: Server) -> Iterator[Server]:
    """The server, where the variables of its driver lead."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGHOST", str(postgres_server.folder))
        patch.setenv("PGUSER", "test")
        yield postgres_server


@pytest.fixture(scope="session")
def spark_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Spark on this machine."""
    from pyspark.sql import SparkSession

    options = {"driver.host": "127.0.0.1", "sql.shuffle.partitions": "2", "ui.enabled": "false"}
    options["sql.warehouse.dir"] = str(tmp_path_factory.mktemp("warehouse"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        builder = SparkSession.builder.master("local[2]").config(map={f"spark.{key}": value for key, value in options.items()})
        session = builder.getOrCreate()
        yield session
        session.stop()


@pytest.fixture(params=[pytest.param("postgres", marks=pytest.mark.whole), pytest.param("spark", marks=pytest.mark.spark)])
def move(request: pytest.FixtureRequest) -> Mover:
    """Move deals to each of the databases."""
    if request.param == "spark":
        session = request.getfixturevalue("spark_session")
        return lambda params, types: to_spark(session, params, types)
    server = request.getfixturevalue("crm_server")
    return lambda params, types: to_postgres(server, params, types)
