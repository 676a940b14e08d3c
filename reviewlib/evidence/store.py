"""The store: one DuckDB in memory, in which the tables of a workbook stay from file to slice."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from typing import Final

import duckdb

#: What it holds in memory at the most; above it, it writes to a folder of its own, which goes with it.
MEMORY: Final = "1500MB"


@dataclass(frozen=True)
class TableStore:
    """A DuckDB with the tables of one reading of the sources; private to this process, gone with the last who holds it.

    Attributes:
        con: The connection that owns the tables.
    """

    _spill: tempfile.TemporaryDirectory[str] = field(default_factory=lambda: tempfile.TemporaryDirectory(prefix="reviewlib-"))
    con: duckdb.DuckDBPyConnection = field(init=False)

    def __post_init__(self) -> None:
        """Open it."""
        config: dict[str, str | bool | int | float | list[str]] = {"memory_limit": MEMORY, "temp_directory": self._spill.name}
        object.__setattr__(self, "con", duckdb.connect(config=config))
