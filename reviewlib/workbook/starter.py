"""What a workbook starts from: the notebooks and the demo that travel in the package."""

import shutil
from importlib.resources import files
from pathlib import Path
from typing import Final

from reviewlib.params import reading
from reviewlib.params.model import Params

NOTEBOOKS: Final = {"rep": "rep_review.ipynb", "team": "team_review.ipynb"}


def home() -> Path:
    """The folder that holds ``notebooks/`` and ``params/``: inside the installed package, else the checkout."""
    packaged = Path(str(files("reviewlib"))) / "workbook"
    return packaged if (packaged / "notebooks").is_dir() else packaged.parents[1]


def notebook(params: Params, kind: str) -> Path:
    """The template of a kind of review: the workbook's own where it has one, else the packaged one."""
    own = params.root / "notebooks" / NOTEBOOKS[kind]
    return own if own.is_file() else home() / "notebooks" / NOTEBOOKS[kind]


def make_demo(folder: Path) -> Path:
    """Make the sample workbook in a folder and return its params file; what is already there is left alone."""
    if folder.resolve() != home().resolve():
        _copy_missing(home() / "params" / "demo", folder / "params" / "demo")
        _copy_missing(home() / "params" / "demo.yaml", folder / "params" / "demo.yaml")
        furnish(folder, "demo")
    return folder / "params" / "demo.yaml"


def furnish(folder: Path, name: str) -> None:
    """Put notebooks and the editors' schema into a workbook's folder, and let its params file refer to that schema."""
    for notebook_name in NOTEBOOKS.values():
        _copy_missing(home() / "notebooks" / notebook_name, folder / "notebooks" / notebook_name)
    reading.place_schema(folder / "params")
    path = folder / "params" / f"{name}.yaml"
    first, rest = path.read_text(encoding="utf-8").split("\n", 1)
    if first != reading.SCHEMA_LINE and first.startswith("# yaml-language-server"):
        path.write_text(f"{reading.SCHEMA_LINE}\n{rest}", encoding="utf-8", newline="\n")


def _copy_missing(source: Path, target: Path) -> None:
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)
