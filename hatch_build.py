"""The build writes the schema of params files from their models, also where a checkout is installed with ``-e``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SCHEMA = "reviewlib/params.schema.json"


class SchemaHook(BuildHookInterface):
    """Lays the schema where ``params/demo.yaml`` names it, and into the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write it before the files of the wheel are gathered; Git ignores it, so it is asked for by name."""
        sys.path.insert(0, self.root)
        from reviewlib.params import reading

        Path(self.root, SCHEMA).write_text(reading.schema_text(), encoding="utf-8", newline="\n")
        build_data["artifacts"].append(f"/{SCHEMA}")
