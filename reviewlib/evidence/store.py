"""The store: one DuckDB in memory, in which the tables of a workbook stay from file to slice."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import pandas as pd
import pyarrow as pa

from reviewlib import files

if TYPE_CHECKING:
    import duckdb

#: What it holds in memory at the most; above it, it writes to a folder of its own, which goes with it.
MEMORY: Final = "1600MB"
#: Tables of more rows lie in that folder from the start: compressed, and not written each time that they must go from memory.
MANY: Final = 500_000
_PREFIX: Final = "reviewlib-tables-"
_own_folder: Final = partial(tempfile.TemporaryDirectory[str], prefix=_PREFIX, ignore_cleanup_errors=True)


class DealRows(Protocol):
    """Where the table ``deals`` is, here or in a database; asked in plain SQL that names each column."""

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask for a few rows."""

    def row(self, query: str) -> tuple[Any, ...]:
        """Ask for the one row of an aggregate."""


@dataclass(frozen=True)
class TableStore:
    """A DuckDB with the tables of one reading of the sources; private to this process, gone with the last who holds it.

    Attributes:
        con: The connection that owns the tables.
    """

    _folder: tempfile.TemporaryDirectory[str] = field(default_factory=_own_folder)
    _held: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    con: duckdb.DuckDBPyConnection = field(init=False)

    def __post_init__(self) -> None:
        """Open it, and remove what processes that were killed have left of theirs."""
        import duckdb  # which a run that finds its evidence frozen does without

        folder = self._folder.name
        files.sweep_unclaimed(Path(folder).parent.glob(f"{_PREFIX}*"))
        self._held.enter_context(files.claimed(Path(folder)))
        config: dict[str, str | bool | int | float | list[str]] = {"memory_limit": MEMORY, "temp_directory": folder}
        object.__setattr__(self, "con", duckdb.connect(config=config))
        with contextlib.suppress(duckdb.IOException):  # there is no room: then as much as there is of memory must do
            self.con.execute(f"ATTACH {literal(f'{folder}/tables.duckdb')} AS disk")

    def lend(self, name: str, table: pa.Table) -> str:
        """Copy a small table into the store, and name it again."""
        self.con.register("lent", table)
        self.con.execute(f"CREATE TABLE {name} AS FROM lent")
        self.con.unregister("lent")
        return name

    def keep(self, name: str, query: str, *, many: bool) -> None:
        """Work out a table once, on disk where it has many rows."""
        there = many and self.rows("SELECT 'disk.' FROM duckdb_databases() WHERE database_name = 'disk'")
        self.con.execute(f"CREATE TABLE {'disk.' if there else ''}{name} AS {query}")
        if there:
            self.con.execute(f"CREATE VIEW {name} AS FROM disk.{name}")

    def rows(self, query: str, given: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Ask for a few rows, with what stands for each ``?`` of the query."""
        return self.con.execute(query, list(given)).fetchall()

    def row(self, query: str, given: Sequence[Any] = ()) -> tuple[Any, ...]:
        """Ask for the one row of an aggregate."""
        return self.rows(query, given)[0]

    def frame(self, query: str) -> pd.DataFrame:
        """Ask for a small table; its types stay those of Arrow, so that decimals and what is missing are what they were."""
        frame: pd.DataFrame = self.con.sql(query).to_arrow_table().to_pandas(types_mapper=pd.ArrowDtype)
        return frame

    def close_files(self) -> None:
        """From here on no query opens a file or changes a setting; what does not fit into memory still goes to its own folder.

        Ibis sets the two settings that stay open where it takes a connection over.
        """
        self.con.execute("SET enable_external_access = false")
        self.con.execute("SET allowed_configs = ['timezone', 'python_enable_replacements']")
        self.con.execute("SET lock_configuration = true")


def literal(text: str) -> str:
    """Write a text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """Write a name as SQL."""
    return '"' + name.replace('"', '""') + '"'
