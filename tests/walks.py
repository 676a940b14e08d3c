"""Walks of CONTRIBUTING.md, taken in a copy of the project: what a page says is enough has to be enough."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
_CACHES = shutil.ignore_patterns("__pycache__", "*_cache", ".hypothesis", "*.egg-info")
#: What lies in a checkout and is not of the project: made by Git, by tools, by runs.
_MADE = {".git", ".venv", "venv", "build", "dist", "reports"}


def copied(folder: Path) -> Path:
    """Copy the project into a folder and say where it is."""
    return shutil.copytree(
        ROOT, folder / "project", ignore=lambda of, names: {*_CACHES(of, names), *(_MADE if Path(of) == ROOT else ())}
    )


def added(root: Path, file: str, after: str, text: str) -> None:
    """Add lines to a file of the copy, below the one line that holds ``after``."""
    lines = (root / file).read_text(encoding="utf-8").splitlines(keepends=True)
    (place,) = [number for number, line in enumerate(lines, start=1) if after in line]
    (root / file).write_text("".join([*lines[:place], text, *lines[place:]]), encoding="utf-8")


def python(root: Path, *arguments: str) -> str:
    """Run Python in the copy, with the copy's own package, and give what it prints; it must succeed."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=root, env=_environment(root), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def _environment(root: Path) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return own | {"PYTHONPATH": str(root)}


def with_kpi(folder: Path) -> Path:
    """Copy the project, add the KPI of CONTRIBUTING.md at its one place, and write anew what is generated."""
    (record,) = re.findall(r"```python\n(Kpi\(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.S)
    root = copied(folder)
    added(root, "reviewlib/params/kpis.py", "# Conversion", f"{record.rstrip()},\n")
    python(root, "tests/references.py")
    return root


if __name__ == "__main__":  # every test in a copy that has one KPI more
    with tempfile.TemporaryDirectory() as home:
        walked = with_kpi(Path(home))
        grown = "tests/test_house.py::test_the_house_keeps_its_ceilings[lines of code]"  # a record is lines of code
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--deselect", grown, *sys.argv[1:]]
        sys.exit(subprocess.run(command, cwd=walked, env=_environment(walked), check=False).returncode)
