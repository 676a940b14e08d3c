"""What code makes pages in this process: versions and one hash, to be compared with another machine's."""

import functools
import hashlib
import platform
import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).parents[1]
#: Not code: Python's own, and what the build writes for editors, whose words differ with the versions it is built with.
_BUILT: Final = ("__pycache__", "params.schema.json")
#: What others bring along and what yet shows in a page, or stands between two machines.
_BESIDES: Final = ("dask", "distributed", "ipython")
#: What a kernel and the page that is made of its notebook are drawn, written and exported with; whatever else is installed or
#: brought up to date changes no page.
_DRAWS: Final = (
    *("babel", "ipykernel", "ipython", "ipywidgets", "jinja2", "markdown-it-py", "matplotlib", "nbclient", "nbconvert"),
    *("nbformat", "nh3", "numpy", "pandas", "papermill", "pyarrow", "seaborn", "tzdata"),
)


@functools.cache
def drawing() -> Mapping[str, str]:
    """Name the Python, and what draws and exports."""
    return {"python": platform.python_version()} | {name: _version(name) for name in _DRAWS}


@functools.cache
def versions() -> Mapping[str, str]:
    """Name the Python, this package, what it requires, and the hash of its code."""
    names = {_PACKAGE.name, *_BESIDES, *_required()}
    return {"python": platform.python_version(), "code": code()[:12]} | {name: _version(name) for name in sorted(names)}


@functools.cache
def code() -> str:
    """Hash this package, templates and styles included."""
    digest = hashlib.sha256()
    for path in sorted(path for path in _PACKAGE.rglob("*") if path.is_file() and not set(_BUILT) & set(path.parts)):
        digest.update(path.relative_to(_PACKAGE).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def differences(mine: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """Say where two environments differ, seen from the first one."""
    names = [name for name in {**mine, **theirs} if mine.get(name) != theirs.get(name)]
    return [f"{name} {theirs.get(name, 'missing')}, here {mine.get(name, 'missing')}" for name in names]


def _required() -> set[str]:
    """The packages that this one cannot do without; none where it was not installed."""
    try:
        lines = requires(_PACKAGE.name) or []
    except PackageNotFoundError:
        return set()
    return {re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in lines if "extra ==" not in line}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"
