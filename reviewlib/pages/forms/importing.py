"""The rep's answer imported: pasted, or as a file; shown first, recorded then, all of it or nothing."""

from collections.abc import Callable, Sequence
from typing import Final

import ipywidgets as widgets

from reviewlib.conversation.answers import importing
from reviewlib.conversation.answers.importing import ImportPlan
from reviewlib.conversation.answers.mails import read_answer
from reviewlib.conversation.entries import Draft, Entry
from reviewlib.errors import ConflictError, ReviewError
from reviewlib.pages import wording
from reviewlib.pages.forms import controls
from reviewlib.pages.forms.context import FormContext
from reviewlib.pages.forms.controls import Control
from reviewlib.pages.forms.fields import Field
from reviewlib.pages.rendering import render

_NAME: Final = "import"
_TEXT: Final = Field("answer", "The answer’s text", hint="The whole mail or form, as it came. Or choose its file below.")


class Import:
    """A field and a file for the rep's answer, a button that shows what would be recorded, and one that records it."""

    def __init__(self, context: FormContext):
        self.context = context
        self.draft = context.drafts.of(_NAME)
        if not self.draft.unsaved and not self.draft.busy:
            self.draft.start({_TEXT.name: ""})
            context.drafts.recall(_NAME, self.draft)
        self.text = Control(_TEXT, [], disabled=False)
        self.text.fill(self.draft.values.get(_TEXT.name, ""))
        self.text.listen(context.alone(self._changed))
        self.file = widgets.FileUpload(accept=".md,.txt,.eml", multiple=False, description="Choose the answer’s file")
        self.file.observe(lambda _: self._forget(), names="value")
        self.unverified = widgets.Checkbox(description="Record it as not verified", indent=False)
        controls.show(self.unverified, False)
        self.preview = controls.button("Show what would be recorded", clicked=context.alone(lambda: self._start(self._preview)))
        self.record = controls.button(
            "Record the answer", primary=True, clicked=context.alone(lambda: self._start(self._record))
        )
        self.clear = controls.button("Discard", clicked=context.alone(self._discard))
        self.status = widgets.HTML(context.kept(self.draft))
        buttons = controls.row(self.preview, self.record, self.clear)
        below = (self.text.box, controls.row(self.file), buttons, self.status, self.unverified)
        title, lead = "Import the rep’s answer", "The rep’s answer as a mail or as the response form."
        self.opener, self.widget = controls.folded(title, *below, opened=bool(self.status.value), lead=lead)

    def _changed(self, name: str, value: object) -> None:
        self.draft.put(name, value)
        self.context.drafts.keep(_NAME, self.draft)
        self._forget()
        if self.context.drafts.unkept:
            self.status.value = render("forms/unsaved.html.j2", unkept=self.context.drafts.unkept)

    def _forget(self) -> None:
        """What was shown, and what was ticked, is of another text."""
        self.status.value = ""
        self._offer_unverified(False)

    def _offer_unverified(self, offered: bool) -> None:
        """Only what was shown not to be the rep's can be recorded so, and only this one answer."""
        controls.show(self.unverified, offered)
        self.unverified.value = self.unverified.value and offered

    def _discard(self) -> None:
        self.context.drafts.drop(_NAME)
        self.draft = self.context.drafts.of(_NAME)
        self.text.fill("")
        self.file.value = ()
        self._forget()

    def _start(self, work: Callable[[], None]) -> None:
        if self.draft.busy:
            return
        self.draft.busy = True
        self._set_buttons(disabled=True)
        self.status.value = render("forms/reading.html.j2")
        self.context.fence.then(self.context.alone(lambda: self._work(work)))

    def _work(self, work: Callable[[], None]) -> None:
        self.status.value = render("forms/failed.html.j2")  # what stays when something happens that nobody thought of
        try:
            work()
        except ConflictError as error:
            self._show_conflict(error)
        except ReviewError as error:
            self.status.value = render("forms/problems.html.j2", fields=[], loose=[str(error)])
        finally:
            self.draft.busy = False
            self._set_buttons(disabled=False)

    def _set_buttons(self, *, disabled: bool) -> None:
        self.preview.disabled = self.record.disabled = self.clear.disabled = disabled

    def _plan(self) -> ImportPlan:
        """What the answer that was given says.

        Raises:
            ReviewError: There is none, or there are two; or it cannot be understood.
        """
        text, files = str(self.text.value), self.file.value
        if bool(text.strip()) == bool(files):
            raise ReviewError(
                "Paste the text or choose a file, not both." if files else "Paste the answer’s text, or choose its file."
            )
        if files:
            answer = read_answer(bytes(files[0]["content"]), name=str(files[0]["name"]))
        else:
            answer = read_answer(text.encode("utf-8", "surrogatepass"))
        return importing.plan(self.context.records, answer)

    def _preview(self) -> None:
        self._show(self._plan(), [])

    def _record(self) -> None:
        made = self._plan()
        if made.problems or (made.refused and not self.unverified.value):
            self._show(made, [])
            return
        entries = importing.record(self.context.records, made, unverified=self.unverified.value)
        self.draft.saved = dict(self.draft.values)
        self.context.drafts.keep(_NAME, self.draft)
        self.context.refresh()
        self._show(made, entries)

    def _show(self, plan: ImportPlan, recorded: Sequence[Entry]) -> None:
        """Show a plan by its lines, or what of it is in the journal now."""
        review = self.context.review
        self._offer_unverified(plan.refused is not None and not plan.problems and not recorded)
        self.status.value = render(
            "forms/import.html.j2",
            plan=plan,
            recorded=recorded,
            listed=[wording.named(review, one) for one in recorded if review.minutes.find(one.id) is not None],
            when=self.context.when(recorded[0]) if recorded else "",
            rep=self.context.rep_name,
        )

    def _show_conflict(self, error: ConflictError) -> None:
        theirs, mine = (
            wording.in_words(self.context.review, one.payload) if isinstance(one, Entry | Draft) else []
            for one in (error.theirs, error.mine)
        )
        self.status.value = render("forms/import_conflict.html.j2", what=error.what, do=error.do, theirs=theirs, mine=mine)
