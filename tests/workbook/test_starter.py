"""What travels in the package: the sample workbook, from a checkout and from a wheel."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from build import ProjectBuilder
from build.env import DefaultIsolatedEnv

from reviewlib.params import reading
from reviewlib.workbook import starter

ROOT = Path(__file__).parents[2]


#: What the build reads of a checkout.
BUILT_FROM = (".gitignore", "LICENSE", "README.md", "hatch_build.py", "notebooks", "params", "pyproject.toml", "reviewlib")
SCHEMA = Path("reviewlib", "params.schema.json")


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh checkout, without what an earlier build wrote."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.schema.json"))
        else:
            shutil.copyfile(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def tools(checkout: Path) -> Iterator[DefaultIsolatedEnv]:
    """What a build takes, installed where nothing else is."""
    with DefaultIsolatedEnv() as environment:
        environment.install(ProjectBuilder(checkout).build_system_requires)
        yield environment


def built(kind: Literal["sdist", "wheel", "editable"], source: Path, out: Path, tools: DefaultIsolatedEnv) -> Path:
    """Build one distribution, as ``python -m build`` and ``pip install`` do, in an environment that is there."""
    builder = ProjectBuilder.from_isolated_env(tools, source)
    tools.install(builder.get_requires_for_build(kind))
    return Path(builder.build(kind, out))


@pytest.fixture(scope="session")
def wheel(checkout: Path, tools: DefaultIsolatedEnv, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built by way of the sdist and unpacked where nothing else of the checkout is."""
    out = tmp_path_factory.mktemp("wheel")
    with tarfile.open(built("sdist", checkout, out, tools)) as archive:
        archive.extractall(out / "sdist", filter="data")
    (source,) = (out / "sdist").iterdir()
    site = out / "site"
    with zipfile.ZipFile(built("wheel", source, out, tools)) as archive:
        archive.extractall(site)
    return site


def installed(wheel: Path, *args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line of the unpacked wheel from a folder that knows nothing of the checkout."""
    code = f"import sys; sys.path.insert(0, {str(wheel)!r}); from reviewlib.cli.app import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(wheel)}
    command = [sys.executable, "-c", code, *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=880, cwd=cwd, env=environment, check=False)


def test_wheel_holds_what_a_workbook_needs(wheel: Path) -> None:
    """Notebooks, page templates, the sample and ``py.typed`` travel in the wheel."""
    package = wheel / "reviewlib"
    for name in ("workbook/notebooks/rep_review.ipynb", "workbook/params/demo.yaml", "workbook/params/demo/deals.csv"):
        assert (package / name).is_file(), name
    assert (package / "py.typed").is_file()
    assert list((package / "pages" / "templates").rglob("*.j2"))


def keys_of(schema: dict[str, Any]) -> dict[str, list[str]]:
    """The keys of each section; how they are described differs with the version of pydantic that the build takes."""
    return {name: sorted(part.get("properties", {})) for name, part in {"": schema, **schema["$defs"]}.items()}


def test_the_schema_is_built(checkout: Path, wheel: Path, tools: DefaultIsolatedEnv) -> None:
    """The wheel holds the schema of params files; a checkout installed with ``-e`` has it where the demo names it."""
    assert not (checkout / SCHEMA).exists()
    built("editable", checkout, wheel.parent / "editable", tools)
    named = (checkout / "params" / "demo.yaml").read_text(encoding="utf-8").split("\n", 1)[0].rpartition("=")[2]
    assert (checkout / "params" / named).resolve() == checkout / SCHEMA
    for place in (checkout, wheel):
        assert keys_of(json.loads((place / SCHEMA).read_text(encoding="utf-8"))) == keys_of(reading.schema())


#: Makes the demo and runs the reviews of one rep, twice in a row, and says whose code that was.
TWICE = """
import sys
from pathlib import Path
import reviewlib
from reviewlib.cli.app import main
from reviewlib.workbook import starter

print(reviewlib.__file__)
sys.argv[1:] = ["run", "book/params/demo.yaml", "--rep", "R-014"]
for _ in range(2):
    starter.make_demo(Path("book"))
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
"""


def test_wheel_makes_a_workbook_and_reviews_in_it(wheel: Path, tmp_path: Path) -> None:
    """Without the repository: a whole workbook folder, twice in a row in one process, from another folder."""
    environment = {**os.environ, "PYTHONPATH": str(wheel)}
    result = subprocess.run(
        [sys.executable, "-c", TWICE], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=240
    )
    assert result.returncode == 0, result.stderr
    assert str(wheel) in result.stdout.splitlines()[0]
    pages = list((tmp_path / "book/reports/demo/2026-Q3").glob("*/rep/amara-okafor-*.html"))
    assert len(pages) == 1


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_demo_runs_whole_twice_from_any_folder(wheel: Path, tmp_path: Path) -> None:
    """``reviewlib demo --into DIR`` makes every review of the sample, twice in a row."""
    for _ in range(2):
        result = installed(wheel, "demo", "--into", "book", cwd=tmp_path)
        assert result.returncode == 0, result.stderr
    assert len(list((tmp_path / "book/reports/demo/2026-Q3").glob("*/team.html"))) == 5


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    """Making the demo again keeps what somebody changed in it."""
    path = starter.make_demo(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace("Lindhaven Instruments\n", "Mine\n"), encoding="utf-8")
    starter.make_demo(tmp_path)
    assert reading.load(path).title == "Mine"


def test_editors_find_the_schema(tmp_path: Path) -> None:
    """The params file of a workbook made elsewhere refers to the schema that lies beside it."""
    path = starter.make_demo(tmp_path)
    first = path.read_text(encoding="utf-8").split("\n", 1)[0]
    assert first == reading.SCHEMA_LINE
    assert (path.parent / first.rpartition("=")[2]).is_file()


def test_a_workbook_may_have_its_own_template(tmp_path: Path) -> None:
    """A run takes the workbook's own notebook, else the packaged one."""
    params = reading.load(starter.make_demo(tmp_path))
    assert starter.notebook(params, "rep") == params.root / "notebooks" / "rep_review.ipynb"
    (params.root / "notebooks" / "rep_review.ipynb").unlink()
    assert starter.notebook(params, "rep").is_file()
