"""The pages made again, from the notebook: the command line runs beside the kernel, which stays free."""

import asyncio
import html
import json
import os
import sys
from typing import Any, Final

import ipywidgets as widgets

from reviewlib.pages.forms import controls
from reviewlib.pages.forms.context import SESSION, FormContext
from reviewlib.pages.rendering import render

_AUDIENCES: Final = {"manager": "The manager’s copy", "rep": "The rep’s copy"}


class PageExport:
    """A button that makes the review's pages, and what came of it."""

    def __init__(self, context: FormContext):
        self.context = context
        self.button = controls.button("Make the pages", primary=True, clicked=self._clicked)
        self.status = widgets.HTML()
        lead = "The manager’s and the rep’s copy. The notebook stays usable meanwhile."
        title, below = "Make the pages from what is saved", (controls.row(self.button), self.status)
        _, self.widget = controls.folded(title, *below, opened=False, lead=lead)
        self.task: asyncio.Task[None] | None = None

    def _clicked(self) -> None:
        if self.button.disabled:
            return
        self.button.disabled = True
        self.status.value = render("forms/exporting.html.j2")
        self.task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *command(self.context),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=self.context.records.params.root,
                env=environment(),
            )
            out, err = await process.communicate()
            self.status.value = self._told(out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))
        except OSError as error:
            self.status.value = render("forms/export_failed.html.j2", lines=[error.strerror or "It could not be started."])
        finally:
            self.button.disabled = False

    def _told(self, out: str, err: str) -> str:
        try:
            rows: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]
        except ValueError:
            rows = []
        if not rows:
            return render("forms/export_failed.html.j2", lines=err.strip().splitlines() or ["The run ended without a word."])
        return render("forms/exported.html.j2", pages=pages_of(self.context, rows))


def command(context: FormContext) -> list[str]:
    """The command that makes one review's pages."""
    about, params = context.review.about, str(context.records.params.path)
    asked = ["--rep" if about.kind == "rep" else "--team", about.subject]
    return [sys.executable, "-m", "reviewlib", "run", params, "--period", about.period, *asked, "--json"]


def environment() -> dict[str, str]:
    """This kernel's environment without the session's name: nobody sits at the kernels that the run starts."""
    return {name: value for name, value in os.environ.items() if name != SESSION}


def pages_of(context: FormContext, rows: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """The pages of this review among those of a run: for whom, where it lies in the workbook's folder, why it is not there."""
    about, params = context.review.about, context.records.params
    own = [row for row in rows if (row["kind"], row["subject"]) == (about.kind, about.subject)]
    base = f"reports/{params.name}/{about.period}"
    return [
        (_AUDIENCES.get(row["audience"], row["audience"]), f"{base}/{row['page']}", html.unescape(str(row.get("error") or "")))
        for row in own
    ]
