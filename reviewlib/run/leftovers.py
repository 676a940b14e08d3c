"""What earlier runs made where a run lays its own, or lays nothing any more: it goes, and what people wrote into it is kept."""

import glob
import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from reviewlib import files
from reviewlib.files import Modes
from reviewlib.press import clean
from reviewlib.press.imports import without_grammar
from reviewlib.press.jobs import Contents, Job
from reviewlib.run import manifest
from reviewlib.run.manifest import ManifestRow

#: How the name of a rep's form ends.
FORM: Final = ".md"
#: The folder of a period for what was written about whoever changed team since: it is no team's, and nobody is handed it.
_MOVED: Final = "moved"
#: The first cell of a template, whichever review it names.
_NAMED: Final = re.compile(r"# Which review(\n(params|rep|team|period|audience) = \"[^\"\n]*\"){4}")


@dataclass(frozen=True)
class Leftovers:
    """What earlier runs left in the folder of a period; ``note`` is told what should be known."""

    folder: Path
    modes: Modes
    note: Callable[[str], None]

    def make_way(self, job: Job, known: Mapping[str, str], fresh: Contents) -> None:
        """Put aside what somebody wrote into the files that a review is about to be laid over.

        Args:
            job: The review.
            known: The sha256 of what the last run made for it, by place in the folder.
            fresh: What is laid beside its page now.

        Raises:
            OSError: Something cannot be put aside.
        """
        if job.notebook:
            self._keep(job.notebook, known.get(self._place(job.notebook)), job.template)
        for place, content in fresh.items():
            self._keep_answer(place, known.get(self._place(place)), fresh=content)

    def cleared(self, old: ManifestRow, new: ManifestRow, job: Job) -> ManifestRow:
        """Remove what earlier runs made at other places: whoever changed team is not read about in the old one.

        What could not be removed stands in the entry that comes back, so that the next run tries again.
        """
        left = {}
        for place, known in {**old.files, **old.left}.items():
            if place in new.files:
                continue
            try:
                self._remove(self.folder / place, known, job)
            except OSError as error:
                left[place] = known
                why = error.strerror or type(error).__name__
                self.note(f"{place} is an old page’s place and could not be cleared ({why}); the next run tries again")
        return replace(new, left=left)

    def _remove(self, path: Path, known: str, job: Job) -> None:
        """Remove a file that an earlier run made; a notebook or a form that somebody wrote into is put aside."""
        # By its name: a failure in between has given the entry the new notebook's place already.
        if path.suffix == ".ipynb" and job.notebook:
            self._keep(path, known, job.template, moved_to=job.notebook)
        if path.suffix == FORM:
            self._keep_answer(path, known, moved_to=job.page.with_name(path.name))
        path.unlink(missing_ok=True)

    def _keep(self, notebook: Path, known: str | None, template: Path, *, moved_to: Path | None = None) -> None:
        """Put a notebook aside in which somebody wrote cells of their own.

        One that was only run and saved holds nothing that is not in the journal; it is not kept.
        """
        content = _changed(notebook, known)
        if content is None or not _written_in(content, template):
            return
        kept = _put_aside(content, self._beside(notebook, moved_to), "annotated", modes=self.modes)
        if kept and moved_to:
            self.note(f"cells that somebody wrote are in {self._place(kept)}")

    def _keep_answer(
        self, form: Path, known: str | None, *, fresh: str | bytes | None = None, moved_to: Path | None = None
    ) -> None:
        """Put a form aside that somebody filled in where it lay."""
        content = fresh.encode() if isinstance(fresh, str) else fresh
        kept = keep_answer(form, known=known, fresh=content, modes=self.modes, to=self._beside(form, moved_to))
        if kept:
            self.note(f"what somebody wrote into a form is in {self._place(kept)}; `reviewlib import-response` records it")

    def _beside(self, old: Path, new: Path | None) -> Path:
        """Say beside which file one is to be kept, of which the review may lie elsewhere now.

        Within a team that is the new one. What was written in another team is neither for the new team's manager, nor is
        anybody read about in a team that they left.
        """
        if new is None:
            return old
        return new if old.parent == new.parent else self.folder / _MOVED / new.name

    def _place(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


def keep_answer(form: Path, *, known: str | None, modes: Modes, to: Path, fresh: bytes | None = None) -> Path | None:
    """Copy a rep's form that will be gone to ``<name>-written-<n>.md``, where it is not as a run made it.

    Args:
        form: The form that an earlier run made.
        known: Its sha256 as it was made.
        modes: Who may read the copy.
        to: The form beside which the copy is laid.
        fresh: The form as this run makes it; None where it makes none.

    Returns:
        The copy; None where there was nothing to keep, or it lies there already.

    Raises:
        OSError: It cannot be read or copied.
    """
    content = _changed(form, known)
    if content is None or content == fresh:
        return None
    return _put_aside(content, to, "written", modes=modes)


def fasten(notebook: Path, *, template: Path, modes: Modes) -> None:
    """Let the cells of a notebook that an older version made stay where they are; what somebody added is left as it is.

    A notebook that cannot be read is left to whoever opens it.

    Raises:
        OSError: It cannot be read or written.
    """
    with without_grammar():
        import nbformat

    content, usual = notebook.read_bytes(), template.read_bytes()
    try:
        nb, ours = _read(content), _sources(usual)
    except Exception:  # noqa: BLE001 - nbformat meets in a damaged file whatever it did not expect
        return
    loose = [cell for cell in nb.cells if _is_ours(cell, ours) and "deletable" not in cell.metadata]
    if loose:
        for cell in loose:
            clean.fasten(cell)
        files.write(notebook, nbformat.writes(nb), modes=modes)  # type: ignore[no-untyped-call]


def _changed(path: Path, known: str | None) -> bytes | None:
    """Read a file; None where there is none, or it is as it was made."""
    if not path.is_file():
        return None
    content = path.read_bytes()
    return None if files.sha256(content) == known else content


def _put_aside(content: bytes, beside: Path, word: str, *, modes: Modes) -> Path | None:
    """Lay what somebody wrote beside a file, under the first number that is free; what lies there already is not laid again.

    Whoever failed afterwards comes again.
    """
    there = beside.parent.glob(f"{glob.escape(beside.stem)}-{word}-*{beside.suffix}")
    if any(manifest.holds(path, files.sha256(content)) for path in there):
        return None
    places = (beside.with_name(f"{beside.stem}-{word}-{number}{beside.suffix}") for number in itertools.count(1))
    place = next(place for place in places if not place.exists())
    files.write(place, content, modes=modes)
    return place


def _written_in(content: bytes, template: Path) -> bool:
    """Tell whether a notebook has cells that its template has not; one that cannot be read may have."""
    usual = template.read_bytes()
    try:
        ours = _sources(usual)
        return any(not _is_ours(cell, ours) for cell in _read(content).cells if cell.source.strip())
    except Exception:  # noqa: BLE001 - nbformat meets in a damaged file whatever it did not expect
        return True


def _sources(template: bytes) -> set[str]:
    return {cell.source.strip() for cell in _read(template).cells}


def _is_ours(cell: Any, ours: set[str]) -> bool:
    """Tell whether a cell is one of the template, or holds nothing but parameters: earlier templates named somebody."""
    source = cell.source.strip()
    return "injected-parameters" in cell.metadata.get("tags", []) or source in ours or bool(_NAMED.fullmatch(source))


def _read(content: bytes) -> Any:
    with without_grammar():
        import nbformat

    return nbformat.reads(content.decode(), as_version=4)  # type: ignore[no-untyped-call]
