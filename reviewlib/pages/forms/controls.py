"""A field on the screen: an ipywidget with its label, and below it the hint or what is wrong.

No property of a text field is changed while somebody may be typing in it: its view then shows the kernel's older text again. So
fields are filled when a form opens, and everything that is said later stands below them.
"""

from collections.abc import Callable
from typing import Any

import anywidget
import ipywidgets as widgets

from reviewlib.pages.forms.fields import Field, Options
from reviewlib.pages.rendering import TEMPLATES, render


class Control:
    """One field's widget, its message, and the box around both."""

    def __init__(self, field: Field, options: Options, *, disabled: bool):
        self.field = field
        self.widget = _widget(field, options, disabled)
        self.message = widgets.HTML(_hint(field.hint))
        self.box = widgets.VBox([self.widget, self.message])
        self.box.add_class("rl-field")
        self._quiet = False

    @property
    def value(self) -> Any:
        """What the widget holds."""
        return self.widget.value

    @property
    def in_words(self) -> str:
        """What the widget shows."""
        if self.field.form == "choice":
            return str(self.widget.label)
        return "Yes" if self.value is True else str(self.value)

    def fill(self, value: Any) -> None:
        """Show another value without telling the listeners."""
        if self.widget.value == value:
            return
        self._quiet = True
        try:
            self.widget.value = _offered(value, self.widget.options) if self.field.form == "choice" else value
        finally:
            self._quiet = False

    def listen(self, heard: Callable[[str, Any], None]) -> None:
        """Call with the field's name and value when a person has changed it."""

        def changed(change: Any) -> None:
            if not self._quiet:
                heard(self.field.name, change["new"])

        self.widget.observe(changed, names="value")

    def offer(self, options: Options) -> None:
        """Offer other options; what was chosen stays chosen where it still can be."""
        if list(self.widget.options) == options:
            return
        chosen, self._quiet = self.widget.value, True
        try:
            with self.widget.hold_sync():
                self.widget.options = options
                self.widget.value = _offered(chosen, options)
        finally:
            self._quiet = False

    def say(self, problem: str) -> None:
        """Say what is wrong with the field; nothing where the text is empty."""
        self.message.value = (
            render("forms/problem.html.j2", text=problem, hint=self.field.hint) if problem else _hint(self.field.hint)
        )

    def advise(self, hint: str) -> None:
        """Say something helpful below the field."""
        self.message.value = _hint(hint)


def _offered(value: Any, options: Options) -> Any:
    """The value, or the first of the options where it is not among them."""
    values = [each for _, each in options]
    return value if value in values else values[0] if values else None


def html(template: str, **values: Any) -> widgets.HTML:
    """A piece of text in a form."""
    return widgets.HTML(render(f"forms/{template}.html.j2", **values))


def button(label: str, *, primary: bool = False, clicked: Callable[[], None]) -> widgets.Button:
    """A button that says what it does."""
    made = widgets.Button(description=label, button_style="", tooltip="")
    made.add_class("rl-primary" if primary else "rl-button")
    made.on_click(lambda _: clicked())
    return made


def folded(title: str, *children: widgets.Widget, opened: bool, lead: str = "") -> tuple[widgets.ToggleButton, widgets.Box]:
    """A button that opens and closes what stands below it; and both, one below the other."""
    body = widgets.VBox([*([html("lead", text=lead)] if lead else []), *children])
    body.add_class("rl-form-body")
    opener = widgets.ToggleButton(value=opened, description=title)
    opener.add_class("rl-opener")
    opener.observe(lambda change: show(body, change["new"]), names="value")
    show(body, opened)
    return opener, widgets.VBox([opener, body])


def row(*children: widgets.Widget) -> widgets.Box:
    """Widgets beside each other, below each other where there is no room."""
    made = widgets.HBox(list(children))
    made.add_class("rl-row")
    return made


def show(widget: widgets.DOMWidget, visible: bool) -> None:
    """Show or hide a widget; hiding takes nothing typed away."""
    widget.layout.display = "" if visible else "none"


def _hint(text: str) -> str:
    return render("forms/field_hint.html.j2", text=text) if text else ""


def _widget(field: Field, options: Options, disabled: bool) -> widgets.DOMWidget:
    shared: dict[str, Any] = {"description": field.label, "disabled": disabled}
    if field.form == "choice":
        return widgets.Dropdown(options=options, value=_offered(field.default, options), **shared)
    if field.form == "check":
        return widgets.Checkbox(value=bool(field.default), indent=False, **shared)
    if field.form == "text":
        return widgets.Textarea(value=field.default, rows=2, **shared)
    if field.form == "day":
        # Not a date picker: it turns a day that is half typed into no day at all, and says nothing.
        return widgets.Text(value=field.default, placeholder="such as 2026-12-31", **shared)
    return widgets.Text(value=field.default, **shared)


class Keys(anywidget.AnyWidget):
    """Nothing to see; it lets JupyterLab leave keys alone in the cells of its notebook that hold forms or collapsed code.

    Keys that are pressed in a section are its own, not commands of the notebook, one of which deletes a cell.
    """

    _esm = TEMPLATES / "forms" / "keys.js"
