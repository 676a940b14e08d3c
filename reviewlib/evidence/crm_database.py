"""The database that ``crm.connect`` names: deals stay in it, figures and lists come back.

Who logs in, and with what, the drivers find themselves: nothing here holds a user or a password.
"""

import contextlib
import pkgutil
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import sqlglot
from ibis.common.exceptions import TableNotFound

from reviewlib.errors import SourceError
from reviewlib.evidence.store import literal
from reviewlib.params.model import Params
from reviewlib.params.rules import nearest

#: Seconds to wait for a database that does not answer.
_PATIENCE: Final = 10
_CHUNK: Final = 100_000


class CrmDatabase(ABC):
    """A connection of this process alone; what is made in it goes with it.

    Attributes:
        dialect: What sqlglot calls its SQL.
        extra: What of this package brings its driver.
        refusals: What the driver raises, by its dotted name.
        hashed: SQL of a number that stands for all columns of a row.
        by_bytes: What makes a text compare by its bytes, as it does in a file, and not by a language.
    """

    dialect: ClassVar[str]
    extra: ClassVar[str]
    refusals: ClassVar[str]
    hashed: ClassVar[str]
    by_bytes: ClassVar[str] = ""

    def __init__(self, params: Params):
        """Connect; days begin at midnight of the workbook's time zone."""
        self.where = f"crm.connect in {params.path.name}"
        self.has_zone = params.timezone is not None
        with self._told("The database cannot be reached."):
            self.con = self._connect(params.crm.connect or "", params.timezone or "UTC")

    @abstractmethod
    def _connect(self, url: str, zone: str) -> Any: ...

    @abstractmethod
    def lend(self, name: str, table: pa.Table) -> None:
        """Copy a small table into the database, in place of the one before."""

    @abstractmethod
    def keep(self, name: str, query: str) -> None:
        """Work out a table once, in place of the one before and of all views on that."""

    @abstractmethod
    def batches(self, query: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Ask for columns as they are, in parts."""

    def define(self, name: str, query: str) -> None:
        """Make a view."""
        with self._told():
            self.con.raw_sql(f"CREATE OR REPLACE TEMPORARY VIEW {name} AS {query}")

    def fetch(self, query: str) -> pa.Table:
        """Ask for columns as they are."""
        with self._told():
            schema, batches = self.batches(query)
            return pa.Table.from_batches(batches, schema)

    @property
    def backend(self) -> str:
        """What Ibis calls it."""
        return str(self.con.name)

    def text(self, table: ir.Table) -> str:
        """Write an expression as the database's own SQL."""
        return str(ibis.to_sql(table, dialect=self.backend))

    def ask(self, query: str) -> pa.Table:
        """Ask in the SQL of DuckDB; each column has a name."""
        return self.fetch(self.written(query))

    def written(self, query: str) -> str:
        """Write the SQL of DuckDB as the database's own."""
        return sqlglot.transpile(query, read="duckdb", write=self.dialect)[0]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask for a few rows, in the SQL of DuckDB."""
        return [*zip(*(column.to_pylist() for column in self.ask(query).columns), strict=True)]

    def row(self, query: str) -> tuple[Any, ...]:
        """Ask for the one row of an aggregate."""
        return self.rows(query)[0]

    def table(self, name: str, columns: Sequence[str], *, key: str) -> ir.Table:
        """Find a table and choose the columns that params name.

        Args:
            name: The table, as params name it.
            columns: Its own names of the columns.
            key: The key of params that describes the table.

        Raises:
            SourceError: It is not there, or lacks a column.
        """
        *schema, own = name.split(".")
        try:
            with self._told():
                table: ir.Table = self.con.table(own, database=tuple(schema) if len(schema) > 1 else "".join(schema) or None)
        except TableNotFound:
            do = "Write schema.table as the database has it, and see that this login may read it."
            raise SourceError(f"There is no table {name!r}.", where=f"{key}.table", do=do) from None
        for column in columns:
            if column not in table.columns:
                close = nearest(column, table.columns)
                do = f"Did you mean {close!r}?" if close else "Write the column's name as the table has it."
                found = "the columns " + ", ".join(map(repr, table.columns))
                raise SourceError(f"There is no column {column!r}.", where=f"{name}, {key}", found=found, do=do)
        return table.select(*dict.fromkeys(columns))

    def contents(self, name: str, columns: Sequence[str], *, key: str) -> pa.Table:
        """Fetch columns of a small table."""
        return self.fetch(self.text(self.table(name, columns, key=key)))

    def state(self, name: str, columns: Sequence[str], *, key: str) -> str:
        """What tells one state of a table from another: its number of rows, and the sum of a hash of each row's columns.

        It is worked out in the database; the order of rows plays no part.
        """
        rows = self.text(self.table(name, columns, key=key))
        names = ", ".join(sqlglot.to_identifier(column, quoted=True).sql(self.dialect) for column in dict.fromkeys(columns))
        found = self.fetch(f"SELECT count(*) AS count, sum({self.hashed.format(names)}) AS total FROM ({rows}) AS read")
        return f"{found['count'][0]} rows, hashes {found['total'][0]}"

    @contextlib.contextmanager
    def _told(self, what: str = "The database refused this.") -> Iterator[None]:
        """Say in words what the driver reports."""
        try:
            yield
        except ModuleNotFoundError as error:
            do = f'Run: pip install "reviewlib[{self.extra}]"'
            raise SourceError(what, where=self.where, found=f"{error.name} is not installed", do=do) from None
        except Exception as error:
            if not isinstance(error, pkgutil.resolve_name(self.refusals)):
                raise
            found = str(error).strip().splitlines()[0][:300]
            do = "Check that it runs, its address in params, and the login that the driver finds for it (docs/database.md)."
            raise SourceError(what, where=self.where, found=found, do=do) from None


class PostgresDatabase(CrmDatabase):
    """PostgreSQL, by psycopg; libpq finds the login."""

    dialect, extra, refusals = "postgres", "postgres", "psycopg.Error"
    hashed = "hashtextextended(CAST(jsonb_build_array({}) AS TEXT), 0)"
    by_bytes = ' COLLATE "C"'

    def _connect(self, url: str, zone: str) -> Any:
        host, port, database = re.fullmatch(r"\w+://([^:/]*)(?::(\d+))?/(.+)", url).groups()  # type: ignore[union-attr]
        con = ibis.postgres.connect(host=host or None, port=port, database=database, connect_timeout=_PATIENCE)
        con.raw_sql(f"SET TIME ZONE {literal(zone)}")
        return con

    def lend(self, name: str, table: pa.Table) -> None:
        """Copy it into a temporary table."""
        with self._told():
            self.con.raw_sql(f"DROP TABLE IF EXISTS pg_temp.{name} CASCADE")
            self.con.create_table(name, table, temp=True)

    def keep(self, name: str, query: str) -> None:
        """Make a temporary table."""
        with self._told():
            self.con.raw_sql(f"DROP TABLE IF EXISTS pg_temp.{name} CASCADE")
            self.con.raw_sql(f"CREATE TEMPORARY TABLE {name} AS {query}")
            self.con.raw_sql(f"ANALYZE {name}")

    def batches(self, query: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Ask through a cursor of the server."""
        # ``con.sql`` asks for the types of a query in words that PostgreSQL does not parse.
        self.con.raw_sql("DROP VIEW IF EXISTS pg_temp.reviewlib_asked")
        self.con.raw_sql(f"CREATE TEMPORARY VIEW reviewlib_asked AS {query}")
        reader = self.con.to_pyarrow_batches(self.con.table("reviewlib_asked"), chunk_size=_CHUNK)
        return reader.schema, reader


class SparkDatabase(CrmDatabase):
    """Spark, by PySpark; its configuration says who logs in."""

    dialect, extra, refusals = "spark", "spark", "pyspark.errors.PySparkException"
    hashed = "CAST(xxhash64(to_json(struct({}))) AS DECIMAL(20, 0))"

    def _connect(self, url: str, zone: str) -> Any:
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.appName("reviewlib")
        # Another session of the same Spark: what is made in it hides no table from the next connection.
        self._session = (builder if url == "spark" else builder.master(url)).getOrCreate().newSession()
        con = ibis.pyspark.connect(self._session)
        con.raw_sql(f"SET TIME ZONE {literal(zone)}")
        return con

    def lend(self, name: str, table: pa.Table) -> None:
        """Copy it into a temporary view."""
        with self._told():
            self._session.createDataFrame(table).createOrReplaceTempView(name)

    def keep(self, name: str, query: str) -> None:
        """Cache it in a temporary view."""
        with self._told():
            self._session.catalog.dropTempView(name)
            self.con.raw_sql(f"CACHE TABLE {name} AS {query}")

    def batches(self, query: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Ask for all of it; Spark has no other way that keeps the types."""
        table = self.con.raw_sql(query).toArrow()
        return table.schema, iter(table.to_batches(_CHUNK))


def connect(params: Params) -> CrmDatabase:
    """Connect to the database that params name.

    Raises:
        SourceError: It cannot be reached, or does not let this login in.
    """
    return (SparkDatabase if str(params.crm.connect).startswith("spark") else PostgresDatabase)(params)
