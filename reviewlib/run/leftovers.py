"""What earlier runs made where a run lays its own, or lays nothing any more: it goes, and what people wrote is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from reviewlib.files import Modes
from reviewlib.press.jobs import Contents, Job
from reviewlib.run import annotated, beside
from reviewlib.run.manifest import ManifestRow


@dataclass(frozen=True)
class Leftovers:
    """What earlier runs left in the folder of a period.

    Args:
        folder: That of the period.
        modes: Who may read what is put aside.
        note: Told what should be known.
    """

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

        Args:
            old: What was known of the review.
            new: What is known of it now.
            job: How it is made.

        Returns:
            The new entry; what could not be removed stands in it, so that the next run tries again.
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
        """Remove a file that an earlier run made; a notebook or a form that somebody wrote into is put aside.

        Raises:
            OSError: It cannot be removed, or not be put aside.
        """
        # By its name: a failure in between has given the entry the new notebook's place already.
        if path.suffix == ".ipynb" and job.notebook:
            self._keep(path, known, job.template, moved_to=job.notebook)
        if path.suffix == beside.FORM:
            self._keep_answer(path, known, moved_to=job.page.with_name(path.name))
        path.unlink(missing_ok=True)

    def _keep(self, notebook: Path, known: str | None, template: Path, *, moved_to: Path | None = None) -> None:
        """Put a notebook aside that somebody wrote into; that of another team where neither team's manager is given it."""
        kept = annotated.keep(notebook, known=known, template=template, modes=self.modes, to=self._aside(notebook, moved_to))
        if kept and moved_to:
            self.note(f"cells that somebody wrote are in {self._place(kept)}")

    def _keep_answer(
        self, form: Path, known: str | None, *, fresh: str | bytes | None = None, moved_to: Path | None = None
    ) -> None:
        """Put a form aside that somebody filled in where it lay."""
        content = fresh.encode() if isinstance(fresh, str) else fresh
        kept = annotated.keep_answer(form, known=known, fresh=content, modes=self.modes, to=self._aside(form, moved_to))
        if kept:
            self.note(f"what somebody wrote into a form is in {self._place(kept)}; `reviewlib import-response` records it")

    def _aside(self, path: Path, moved_to: Path | None) -> Path | None:
        return None if moved_to is None else annotated.aside(path, moved_to, folder=self.folder)

    def _place(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()
