"""The sections of a review with the forms that write them, as ``rl.forms`` offers them.

The record stands as everywhere; below it, in a live JupyterLab, stand the forms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reviewlib.conversation.kinds import KINDS
from reviewlib.errors import ReviewError
from reviewlib.pages import blocks
from reviewlib.pages.forms import context as contexts
from reviewlib.pages.forms.fields import Spec, spec
from reviewlib.pages.rendering import Display, render
from reviewlib.review import Review

if TYPE_CHECKING:
    import ipywidgets

Show = Callable[[Review], Display]
_VIEW: Final = "application/vnd.jupyter.widget-view+json"


def improve(review: Review) -> Display:
    """Areas to improve; below them, what is decided on the recommended actions."""
    return section(review, blocks.improve)


def agreed(review: Review) -> Display:
    """What was agreed last time; below it, what became of it."""
    return section(review, blocks.agreed)


def own_view(review: Review) -> Display:
    """The rep's own view; below it, the rep's answer imported, or written down on the rep's behalf."""
    return section(review, blocks.own_view, first=("import",) if review.kind == "rep" else ())


def feedback(review: Review) -> Display:
    """Feedback and replies; below them, feedback, replies, concerns, disputed figures, the rating and notes."""
    return section(review, blocks.feedback)


def goals(review: Review) -> Display:
    """The goals; below them, a goal with its five letters, its steps, and the rep's word on it."""
    return section(review, blocks.goals)


def development(review: Review) -> Display:
    """The development plan; below it, its items."""
    return section(review, blocks.development)


def recognition(review: Review) -> Display:
    """Recognition; below it, achievements confirmed or added, and the rep's word on the board."""
    return section(review, blocks.recognition)


def signoff(review: Review) -> Display:
    """The signatures; below them, release, sign-off, amendments, and the pages made again."""
    return section(review, blocks.signoff, last=("export",))


def section(review: Review, show: Show, *, first: tuple[str, ...] = (), last: tuple[str, ...] = ()) -> Display:
    """Return a section as ``show`` makes it; for the manager with its forms, in a live JupyterLab."""
    shown = show(review)
    if review.audience != "manager":
        return shown
    html = shown.html + render("forms/hint.html.j2")
    own = (text.name for kind in KINDS.values() for text in kind.forms if text.section == shown.metadata["section"])
    forms = (*first, *own, *last)
    return FormSection(html, shown.text, shown.metadata, review=review, show=show, forms=forms)


@dataclass(frozen=True, kw_only=True)
class FormSection(Display):
    """A section's record; in a live JupyterLab its forms stand below it.

    What a notebook keeps of it, and an exporter reads, is the record alone.
    """

    review: Review
    show: Show
    forms: tuple[str, ...]

    def _ipython_display_(self) -> None:
        """Show record and forms where somebody can fill them in.

        Raises:
            NotImplementedError: Nobody can; IPython then shows the record.
        """
        if not contexts.alive():
            raise NotImplementedError
        from IPython.display import display

        try:
            context = contexts.context_of(self.review)
            with context.lock:  # a save from an earlier run of the cell comes before the record is read, or reaches this one
                context.sections[str(self.metadata["section"])] = _record(self.show, context)
                forms = _made(context, self.forms)
        except ReviewError as error:
            failed = Display(render("forms/closed.html.j2", error=error), error.what, {"only": "lab"})
            display(failed)  # type: ignore[no-untyped-call]
            return
        _place(forms)


def specs() -> dict[str, Spec]:
    """Every form of a kind by its name."""
    from reviewlib.pages.forms.feedback_forms import FEEDBACK_FORMS
    from reviewlib.pages.forms.plan_forms import PLAN_FORMS

    plain = (spec(text.name) for kind in KINDS.values() for text in kind.forms)
    return {one.name: one for one in (*plain, *FEEDBACK_FORMS, *PLAN_FORMS)}


def _made(context: contexts.FormContext, names: Sequence[str]) -> Sequence[ipywidgets.Widget]:
    """Make forms by their names, when somebody is there to fill them in: what they need is loaded then."""
    from reviewlib.pages.forms.exporting import PageExport
    from reviewlib.pages.forms.form import Form
    from reviewlib.pages.forms.importing import Import

    known = specs()
    makers: dict[str, Callable[[contexts.FormContext], Import | PageExport]] = {"import": Import, "export": PageExport}
    return [(makers[name](context) if name in makers else Form(context, known[name])).widget for name in names]


def _record(show: Show, context: contexts.FormContext) -> Callable[[], None]:
    """Display a section's record; what is returned displays it again where it has changed."""
    from IPython.display import display

    shown = show(context.review)
    handle: Any = display(shown, display_id=True)  # type: ignore[no-untyped-call]

    def refresh() -> None:
        nonlocal shown
        now = show(context.review)
        if now != shown:
            shown = now
            handle.update(now)

    return refresh


def _place(forms: Sequence[Any]) -> None:
    """Display the forms as a widget view alone: its plain text would stand on the exported page."""
    import ipywidgets
    from IPython.display import display

    from reviewlib.pages.forms.controls import Keys

    box = ipywidgets.VBox([*forms, Keys()])
    box.add_class("rl-forms")
    display({_VIEW: box._repr_mimebundle_()[_VIEW]}, raw=True)  # type: ignore[no-untyped-call]
