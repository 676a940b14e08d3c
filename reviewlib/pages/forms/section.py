"""A section of the review with the forms that write it: the record as everywhere, and below it, in JupyterLab, the forms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from reviewlib.errors import ReviewError
from reviewlib.pages.forms import context as desks
from reviewlib.pages.rendering import Display, render
from reviewlib.review import Review

if TYPE_CHECKING:
    import ipywidgets

Show = Callable[[Review], Display]
#: Makes the forms of a section.
Build = Callable[[desks.FormContext], "Sequence[ipywidgets.Widget]"]
_VIEW: Final = "application/vnd.jupyter.widget-view+json"


@dataclass(frozen=True)
class FormSection(Display):
    """A section's record; in a live JupyterLab its forms stand below it.

    What a notebook keeps of it, and an exporter reads, is the record alone.
    """

    review: Review | None = None
    show: Show | None = None
    build: Build | None = None

    def _ipython_display_(self) -> None:
        """Show record and forms where somebody can fill them in.

        Raises:
            NotImplementedError: Nobody can; IPython then shows the record.
        """
        if self.review is None or self.show is None or self.build is None or not desks.alive():
            raise NotImplementedError
        from IPython.display import display

        try:
            desk = desks.desk_of(self.review)
            with desk.lock:  # a save from an earlier run of the cell comes before the record is read, or reaches this one
                forms = self._lay_out(desk, self.show, self.build)
        except ReviewError as error:
            failed = Display(render("forms/closed.html.j2", error=error), error.what, {"only": "lab"})
            display(failed)  # type: ignore[no-untyped-call]
            return
        _place(forms)

    def _lay_out(self, desk: desks.FormContext, show: Show, build: Build) -> Sequence[ipywidgets.Widget]:
        """Show the record, tell the desk where it stands, and make the forms."""
        from IPython.display import display

        shown = _record(show, desk)
        handle = display(shown, display_id=True)  # type: ignore[no-untyped-call]
        desk.sections[str(self.metadata["section"])] = _Refreshing(handle, show, desk, shown)
        return build(desk)


@dataclass
class _Refreshing:
    """Shows a record again where it has changed."""

    handle: Any
    show: Show
    desk: desks.FormContext
    shown: Display

    def __call__(self) -> None:
        now = _record(self.show, self.desk)
        if now != self.shown:
            self.shown = now
            self.handle.update(now)


def section(review: Review, show: Show, build: Build) -> Display:
    """Return a section as ``show`` makes it; for the manager with its forms, where they are alive.

    Args:
        review: The review.
        show: Makes the record.
        build: Makes the forms; called only in a live JupyterLab.
    """
    shown = show(review)
    if review.audience != "manager":
        return shown
    html = shown.html + render("forms/hint.html.j2")
    return FormSection(html, shown.text, shown.metadata, review=review, show=show, build=build)


def _record(show: Show, desk: desks.FormContext) -> Display:
    shown = show(desk.review)
    return replace(shown, metadata={**shown.metadata})


def _place(forms: Sequence[Any]) -> None:
    """Display the forms as a widget view alone: its plain text would stand on the exported page."""
    import ipywidgets
    from IPython.display import display

    from reviewlib.pages.forms.keys import Keys

    box = ipywidgets.VBox([*forms, Keys()])
    box.add_class("rl-forms")
    display({_VIEW: box._repr_mimebundle_()[_VIEW]}, raw=True)  # type: ignore[no-untyped-call]
