"""What people wrote into notebooks and forms of a run: the next run puts it aside before it lays its own in their place."""

from __future__ import annotations

import glob
import hashlib
import itertools
from pathlib import Path
from typing import Any, Final

from reviewlib import files
from reviewlib.files import Modes
from reviewlib.press import clean

#: The folder of a period for what was written about whoever changed team since: it is no team's, and nobody is handed it.
_MOVED: Final = "moved"


def aside(old: Path, new: Path, *, folder: Path) -> Path:
    """Say beside which file one that lies at an old place is to be kept, now that its review lies elsewhere.

    Within a team that is the new one. What was written in another team is neither for the new team's manager, nor is anybody
    read about in a team that they left.

    Args:
        old: The notebook or form at its old place.
        new: That of the same review at its new place.
        folder: The period's folder.
    """
    return new if old.parent == new.parent else folder / _MOVED / new.name


def keep(notebook: Path, *, known: str | None, template: Path, modes: Modes, to: Path | None = None) -> Path | None:
    """Copy a notebook that will be gone to ``<name>-annotated-<n>.ipynb``, where somebody wrote cells of their own.

    A notebook that was only run and saved holds nothing that is not in the journal; it is not kept. Nor is what lies there
    already: whoever failed afterwards comes again.

    Args:
        notebook: The notebook that an earlier run made.
        known: Its sha256 as it was made.
        template: The notebook that it was made from.
        modes: Who may read the copy.
        to: The notebook beside which the copy is laid; this one where not given.

    Returns:
        The copy; None where there was nothing to keep.

    Raises:
        OSError: It cannot be read or copied.
    """
    content = _changed(notebook, known)
    if content is None or not _written_in(content, template):
        return None
    return _put_aside(content, to or notebook, "annotated", modes=modes)


def fasten(notebook: Path, *, template: Path, modes: Modes) -> None:
    """Let the cells of a notebook that an older version made stay where they are; what somebody added is left as it is.

    Args:
        notebook: The notebook that an earlier run made; one that cannot be read is left to whoever opens it.
        template: The notebook that it was made from.
        modes: Who may read it.

    Raises:
        OSError: It cannot be read or written.
    """
    import nbformat

    try:
        nb = _read(notebook.read_text(encoding="utf-8"))
        ours = _sources(template)
    except OSError:
        raise
    except Exception:  # noqa: BLE001 - nbformat meets in a damaged file whatever it did not expect
        return
    loose = [cell for cell in nb.cells if _is_ours(cell, ours) and "deletable" not in cell.metadata]
    if loose:
        for cell in loose:
            clean.fasten(cell)
        files.write(notebook, nbformat.writes(nb), modes=modes)  # type: ignore[no-untyped-call]


def keep_answer(
    form: Path, *, known: str | None, modes: Modes, fresh: bytes | None = None, to: Path | None = None
) -> Path | None:
    """Copy a rep's form that will be gone to ``<name>-written-<n>.md``, where it is not as a run made it.

    Args:
        form: The form that an earlier run made.
        known: Its sha256 as it was made.
        modes: Who may read the copy.
        fresh: The form as this run makes it; None where it makes none.
        to: The form beside which the copy is laid; this one where not given.

    Returns:
        The copy; None where there was nothing to keep, or it lies there already.

    Raises:
        OSError: It cannot be read or copied.
    """
    content = _changed(form, known)
    if content is None or content == fresh:
        return None
    return _put_aside(content, to or form, "written", modes=modes)


def _changed(path: Path, known: str | None) -> bytes | None:
    """Read a file; None where there is none, or it is as it was made."""
    if not path.is_file():
        return None
    content = path.read_bytes()
    return None if hashlib.sha256(content).hexdigest() == known else content


def _put_aside(content: bytes, beside: Path, word: str, *, modes: Modes) -> Path | None:
    """Lay what somebody wrote beside a file, under the first number that is free; what lies there already is not laid again."""
    if any(_holds(path, content) for path in beside.parent.glob(f"{glob.escape(beside.stem)}-{word}-*{beside.suffix}")):
        return None
    places = (beside.with_name(f"{beside.stem}-{word}-{number}{beside.suffix}") for number in itertools.count(1))
    place = next(place for place in places if not place.exists())
    files.write(place, content, modes=modes)
    return place


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def _written_in(content: bytes, template: Path) -> bool:
    """Tell whether a notebook has cells that its template has not; one that cannot be read may have."""
    try:
        ours = _sources(template)
        return any(not _is_ours(cell, ours) for cell in _read(content.decode()).cells if cell.source.strip())
    except OSError:
        raise
    except Exception:  # noqa: BLE001 - nbformat meets in a damaged file whatever it did not expect
        return True


def _sources(template: Path) -> set[str]:
    return {cell.source.strip() for cell in _read(template.read_text(encoding="utf-8")).cells}


def _is_ours(cell: Any, ours: set[str]) -> bool:
    """Tell whether a cell is one of the template, or the one that a run added for the parameters."""
    return "injected-parameters" in cell.metadata.get("tags", []) or cell.source.strip() in ours


def _read(text: str) -> Any:
    import nbformat

    return nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
