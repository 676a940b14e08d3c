"""The params file: YAML text to ``Params``, every mistake with its line and key.

``load`` collects all mistakes of a file before it complains, so that one round of editing mends them all.
"""

import functools
import json
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from reviewlib import files
from reviewlib.errors import ParamsError
from reviewlib.params import retired
from reviewlib.params.kpis import MAIN
from reviewlib.params.model import Params
from reviewlib.params.rules import Advice, nearest
from reviewlib.params.written import FileMistake, complaint, findings, read_yaml, text_of

#: A workbook gets the schema beside its params file, so that editors complete keys offline.
SCHEMA_FILE: Final = ".reviewlib.schema.json"
SCHEMA_LINE: Final = f"# yaml-language-server: $schema={SCHEMA_FILE}"


def load(path: Path | str) -> Params:
    """Read and check a params file.

    Returns:
        The params; they remember where their file lies.

    Raises:
        ParamsError: The file is missing or no YAML mapping, or some keys or values are wrong; all of them are named.
    """
    path = Path(path).expanduser()
    params = _read(*_text(path)).model_copy()
    params._path = path.absolute()
    return params


def laid_over(params: Params, path: Path) -> Params:
    """Read a file of some keys of params, and lay it over a workbook's: what it leaves out stays as it is there.

    Sections are laid over each other key by key; lists and single values stand in the place of those of the workbook, whose
    folder its files are named from.

    Raises:
        ParamsError: As ``load``; keys of earlier versions are mistakes.
    """
    laid = _read(*_text(path.expanduser()), below=_text(params.path)).model_copy()
    laid._path = params.path
    return laid


def _text(path: Path) -> tuple[str, str]:
    """The text of a params file, and its name in messages."""
    name = path.name if path.is_absolute() else path.as_posix()
    try:
        text = text_of(
            path, name, files.PARAMS_BYTES, ParamsError, noun="params file", do="Name the YAML file, not the CRM export."
        )
    except FileNotFoundError:
        do = _offer(path) or "Check the path; `reviewlib init EXPORT` makes a params file from a CRM export."
        raise ParamsError("This params file does not exist.", where=name, do=do) from None
    except IsADirectoryError:
        raise ParamsError("This is a folder, not a params file.", where=name, do=_offer(path / "x.yaml")) from None
    return text, name


@functools.lru_cache(maxsize=4)
def _read(text: str, name: str, *, below: tuple[str, str] | None = None) -> Params:
    """Read and check the text of a params file, once: reading YAML takes longer than all else that opens a review.

    Where a params file without mistakes lies ``below`` it, by its text and name, it is laid over that.
    """
    written = read_yaml(text, name, ParamsError)
    if written is None:
        raise ParamsError("This params file is empty.", where=name, do="Run `reviewlib init EXPORT` to begin with a proposal.")
    if not isinstance(written.value, dict):
        raise ParamsError(
            "A params file is a list of keys with values.",
            where=f"{name}, line {written.line(())}",
            found=f"a {'list' if isinstance(written.value, list) else 'single value'}",
            do="Begin with `name:`, `currency:` and `crm:`.",
        )
    mistakes = list(written.twice)
    met = sorted((written.line(key), key) for key in retired.taken_out(written.value))
    value = written.value
    if below is not None and (base := read_yaml(*below, ParamsError)):
        value, what = _over(base.value, value), "this key is of an earlier version"
        mistakes += [FileMistake.at(line, key, Advice(what, "", f"{retired.told(key)}.")) for line, key in met]
    try:
        params = Params.model_validate(value)
    except ValidationError as error:
        mistakes += [FileMistake.at(written.line(key), key, advice) for key, advice in findings(error, Params)]
    if mistakes:
        raise complaint(ParamsError, name, mistakes)
    params._retired = tuple(met)
    return params


def _over(base: Any, laid: Any) -> Any:
    """Lay a value over another, sections key by key."""
    both = isinstance(base, dict) and isinstance(laid, dict)
    return base | {key: _over(base.get(key), value) for key, value in laid.items()} if both else laid


def find(path_text: str, start: Path) -> Path:
    """Find a params file by its relative path, in ``start`` or the nearest folder above that has it.

    A notebook runs in ``notebooks/`` or deep under ``reports/``, while params paths begin at the workbook's folder.

    Raises:
        ParamsError: No folder has it; the message says which were tried and which params files lie nearby.
    """
    wanted = Path(path_text).expanduser()
    folders = [start.absolute(), *start.absolute().parents]
    if wanted.is_absolute():
        folders = folders[:1]
    for folder in folders:
        if path_text and (folder / wanted).is_file():
            return folder / wanted
    shown = [folder.name or folder.anchor for folder in folders]
    raise ParamsError(
        "This params file does not exist.",
        where=None if wanted.is_absolute() else f"looked in {shown[0]} and in the folders above it ({', '.join(shown[1:])})",
        found=repr(wanted.name if wanted.is_absolute() else path_text),
        do=_offer(*(folder / wanted for folder in folders))
        or "Give the path from the workbook's folder, such as params/demo.yaml.",
    )


def schema() -> dict[str, Any]:
    """Make the JSON Schema of a params file, for editors.

    Returns:
        Draft 2020-12; the built-in KPIs are listed under ``kpis``, so that an editor completes their names too.
    """
    from pydantic.json_schema import GenerateJsonSchema

    made = Params.model_json_schema()
    made["$schema"] = GenerateJsonSchema.schema_dialect
    made["title"] = "reviewlib params"
    kpis = made["properties"]["kpis"]
    kpis["properties"] = {key: {"$ref": "#/$defs/KpiParams"} for key in MAIN}
    return made


def schema_text() -> str:
    """Write the schema as text, for the build and for workbooks."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def place_schema(folder: Path) -> Path:
    """Lay the schema beside the params files of ``folder``, where their first line refers to it."""
    target = folder / SCHEMA_FILE
    files.write(target, schema_text(), modes=files.Modes(0o644, 0o755))  # nothing in it is anybody's
    return target


def _near(path: Path) -> list[str]:
    """List the params files beside a path that does not exist, likely ones first."""
    folder = path.parent
    try:
        there = sorted(item.name for item in folder.iterdir() if item.suffix in {".yaml", ".yml"})
    except OSError:
        return []
    likely = nearest(path.name, there)
    names = [*([likely] if likely else []), *(name for name in there if name != likely)]
    return [f"{folder.name}/{name}" for name in names]


def _offer(*paths: Path) -> str | None:
    names = list(dict.fromkeys(name for path in paths for name in _near(path)))[:5]
    return f"These params files are nearby: {', '.join(names)}." if names else None
