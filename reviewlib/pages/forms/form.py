"""A form: fields, a button that saves once, and what became of it."""

import contextlib
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from reviewlib.conversation.entries import Entry
from reviewlib.conversation.records import Records
from reviewlib.conversation.rights import WritingContext
from reviewlib.errors import ConflictError, NotAllowedError, ReviewError
from reviewlib.pages import wording
from reviewlib.pages.forms import controls
from reviewlib.pages.forms.context import FormContext
from reviewlib.pages.forms.controls import Control
from reviewlib.pages.forms.drafts import FormDraft
from reviewlib.pages.forms.fields import Field, Options, ProblemsError, Spec, Values, named, of_entry, of_fields
from reviewlib.pages.rendering import render


class Form:
    """One form over the journal; its draft is kept in the context and outlives it."""

    def __init__(self, context: FormContext, spec: Spec):
        self.context, self.spec = context, spec
        self.refused = self._refusal()
        self.controls = {field.name: self._control(field, self._changed) for field in spec.all_fields}
        self.picker = self._picker()
        self.advice = widgets.HTML()
        self.reason = controls.html("refused", text=self.refused)
        self.status = widgets.HTML()
        self.save = controls.button(spec.text.save, primary=True, clicked=context.alone(self._clicked))
        self.again = controls.button("", clicked=context.alone(self._begin_again))
        self.theirs = controls.button("Keep theirs", clicked=context.alone(self._keep_theirs))
        self.mine = controls.button("Save mine instead", clicked=context.alone(self._save_mine))
        self.choice = controls.row(self.theirs, self.mine)
        self.conflict: Entry | None = None
        began = (key for _, key in self._editable(context, {}) if self.picker is not None and self._draft(key).unsaved)
        self._take_up(next(began, ""))
        begun = self.draft.unsaved or bool(self.draft.damaged)
        self.opener, self.widget = controls.folded(spec.text.title, *self._below(), opened=begun, lead=spec.text.lead)
        context.forms[spec.name] = self

    def refresh(self, now: WritingContext) -> None:
        """Offer what there is to choose from now, and say whether writing is still allowed; text fields are not touched."""
        self._offer()
        self._fill_picker()
        self.refused = self._refusal(now)
        self.reason.value = render("forms/refused.html.j2", text=self.refused)
        # Fields are open where writing is allowed now; where it is not they close, unless somebody can be typing in them.
        for control in [*self.controls.values(), *([self.picker] if self.picker is not None else [])]:
            if not self.refused or not self.opener.value:
                control.widget.disabled = bool(self.refused)
        self._set_buttons()
        self._advise()

    def _refusal(self, now: WritingContext | None = None) -> str:
        """Why nothing can be written here as the journal is now; empty where it can."""
        entry = self.spec.one(self.context)
        if entry is not None and entry.came_from_rep and entry.kind != "signoff":
            return f"{self.context.rep_name} wrote this; nobody else edits it. Write a reply."
        return self.context.records.may(self.spec.kind.name, on_behalf=self.spec.on_behalf({}), context=now) or ""

    def _offer(self) -> None:
        for control in self.controls.values():
            if control.field.options is not None:
                control.offer(control.field.options(self.context, self._raw()))

    # --- what is on the screen -------------------------------------------------------------------------------------------

    def _control(self, field: Field, heard: Callable[[str, Any], None]) -> Control:
        options = field.options(self.context, self.spec.defaults()) if field.options is not None else []
        made = Control(field, options, disabled=bool(self.refused))
        made.listen(self.context.alone(heard))
        return made

    def _picker(self) -> Control | None:
        if self.spec.alone or not self.spec.kind.edits:
            return None
        field = Field("_edit", "New, or a change", form="choice", options=self._editable)
        return self._control(field, lambda _, key: self._open(key))

    def _editable(self, context: FormContext, _: Values) -> Options:
        return named(context, self.spec.existing(context, self.spec.kind.name), first="A new one")

    def _fill_picker(self) -> None:
        """Offer what can be changed; the picker is shown once there is something."""
        if self.picker is not None:
            self.picker.offer(self._editable(self.context, {}))
            self.picker.fill(self.key)
            controls.show(self.picker.box, len(self.picker.widget.options) > 1)

    def _below(self) -> list[widgets.Widget]:
        picker = [self.picker.box] if self.picker is not None else []
        fields = [control.box for control in self.controls.values()]
        buttons = controls.row(self.save, self.again)
        return [self.reason, *picker, *fields, self.advice, buttons, self.status, self.choice]

    def _set_buttons(self) -> None:
        closed = bool(self.refused) or self.draft.busy
        self.save.disabled = self.theirs.disabled = self.mine.disabled = closed
        self.again.description = "Discard what is not saved" if self.draft.unsaved else "Write another"
        useful = self.draft.unsaved or (self.draft.supersedes is not None and not self.spec.alone)
        controls.show(self.again, useful)
        self.again.disabled = self.draft.busy

    def _say(self, template: str, **values: Any) -> None:
        self.status.value = render(f"forms/{template}.html.j2", **values) if template else ""

    def _advise(self) -> None:
        values = self._raw()
        if self.spec.advice is not None:
            self.advice.value = self.spec.advice(self.context, values)
        if self.spec.hints is not None:
            for name, hint in self.spec.hints(self.context, values).items():
                self.controls[name].advise(hint)

    # --- drafts ----------------------------------------------------------------------------------------------------------

    def _draft(self, key: str) -> FormDraft:
        """The draft for a key; what is saved already is read from the journal again, what was not from disk."""
        draft = self.context.drafts.of(self.spec.name, key)
        if not draft.unsaved and not draft.busy:
            self._start(draft)
            self._recall(draft)
        return draft

    def _start(self, draft: FormDraft) -> None:
        entry = self._entry(draft.key)
        values = of_entry(self.context, self.spec, entry) if entry is not None else self.spec.defaults()
        draft.start(values, supersedes=entry.id if entry is not None else None)

    def _recall(self, draft: FormDraft) -> None:
        """Take up what was typed in an earlier kernel; it may have ended after it had saved the draft."""
        kept = self.context.drafts.recall(self.spec.name, draft)
        if kept is None:
            return
        entry = self.context.minutes.find(kept.id)
        if entry is not None:
            draft.done(of_entry(self.context, self.spec, entry), entry.id)
        if not draft.unsaved:
            self.context.drafts.keep(self.spec.name, draft)
            self._start(draft)

    def _entry(self, key: str) -> Entry | None:
        """The entry that a draft edits."""
        if self.spec.alone:
            return self.spec.one(self.context)
        return self.context.minutes.find(key) if key else None

    def _open(self, key: str) -> None:
        if self.draft.busy:
            self._fill_picker()  # one thing after the other
            return
        self._take_up(key)

    def _take_up(self, key: str) -> None:
        """Show the draft for a key, and say where it was begun earlier."""
        self.key, self.draft = key, self._draft(key)
        self.draft.watcher = self._elsewhere
        self._settle()
        for name, control in self.controls.items():
            if control.field.options is not None:
                control.offer(control.field.options(self.context, self.draft.values))
            control.fill(self.draft.values.get(name, control.field.default))
            control.say("")
        self._fill_picker()
        entry = self._entry(key)
        self.status.value = self.context.kept(self.draft, overtaken=entry is not None and entry.id != self.draft.supersedes)
        self._set_buttons()
        self._advise()

    def _changed(self, name: str, value: Any) -> None:
        self.draft.put(name, value)
        self.controls[name].say("")
        if self.controls[name].field.options is not None:
            self._offer()
            self.draft.values = self._raw()
        self.context.drafts.keep(self.spec.name, self.draft)
        if not self.draft.busy:
            self._say("unsaved" if self.draft.unsaved else "", unkept=self.context.drafts.unkept)
        self._set_buttons()
        self._advise()

    def _elsewhere(self, name: str) -> None:
        """Follow a form of an earlier run of the cell, whose last words may come late."""
        if name in self.controls:
            self.controls[name].fill(self.draft.values[name])
        self._set_buttons()

    def _begin_again(self) -> None:
        if self.draft.busy:
            return
        self.context.drafts.drop(self.spec.name, self.key)
        self._open(self.key if self.draft.unsaved else "")

    def _raw(self) -> Values:
        return {name: control.value for name, control in self.controls.items()}

    # --- saving ----------------------------------------------------------------------------------------------------------

    def _clicked(self, *, over: str | None = None) -> None:
        if self.draft.busy or self.refused:
            return
        draft = self.draft
        draft.busy = True
        self._set_buttons()
        self._say("saving")

        def save() -> None:
            newest = self.context.forms[self.spec.name]  # the cell may have run again since the click
            form = newest if isinstance(newest, Form) and newest.draft is draft else self
            form._save(draft, over)

        self.context.fence.then(self.context.alone(save))

    def _save(self, draft: FormDraft, over: str | None) -> None:
        self._say("failed")  # what stays when something happens that nobody thought of
        try:
            self._attempt(draft, over)
        except ProblemsError as error:
            self._show_problems(error.problems, "")
        except ConflictError as error:
            self._show_conflict(error)
        except NotAllowedError as error:
            self._say("error", error=error)
        except ReviewError as error:
            self._show_problems(getattr(error, "problems", {}), str(error))
        finally:
            draft.busy = False
            self._set_buttons()

    def _attempt(self, draft: FormDraft, over: str | None) -> None:
        sent = self._raw()
        draft.values = dict(sent)
        self.context.drafts.keep(self.spec.name, draft)
        supersedes = over or draft.supersedes
        if supersedes is not None and not draft.unsaved and over is None:
            self._echo(self.context.minutes.find(supersedes), again=True)
            return
        fields = of_fields(self.context, self.spec, sent)
        with self.context.records.held_open() as records:
            entry = records.write(
                self.spec.kind.name,
                id=draft.id,
                supersedes=supersedes,
                visibility=self.spec.visibility(sent),
                on_behalf=self.spec.on_behalf(sent),
                **fields,
            )
            draft.done(sent, entry.id)
            self.context.drafts.keep(self.spec.name, draft)
            self._settle()
            self._echo(entry, again=False)
            with contextlib.suppress(ReviewError):  # it is saved, whatever comes of showing it elsewhere
                self._keep_as(entry, records)

    def _keep_as(self, entry: Entry, records: Records) -> None:
        """From now on the draft is a change of what was saved, also when the cell runs again."""
        self.context.refresh(records)
        if self.picker is not None:
            self.context.drafts.drop(self.spec.name, self.key)
            self.key = self.draft.key = self.context.root(entry)
            self.context.drafts.open[(self.spec.name, self.key)] = self.draft
            self.context.drafts.keep(self.spec.name, self.draft)
            self._fill_picker()

    def _echo(self, entry: Entry | None, *, again: bool) -> None:
        if entry is None:
            return
        rows, when = wording.in_words(self.context.review, entry.payload), self.context.when(entry)
        self._say("echo", entry=entry, rows=rows, when=when, rep=self.context.rep_name, again=again)

    # --- what went wrong -------------------------------------------------------------------------------------------------

    def _show_problems(self, problems: dict[str, str], otherwise: str) -> None:
        known = {name: text for name, text in problems.items() if name in self.controls}
        for name, text in known.items():
            self.controls[name].say(text)
        loose = [text for name, text in problems.items() if name not in known] or ([] if known else [otherwise])
        self._say("problems", fields=[self.controls[name].field.label for name in known], loose=loose)

    def _show_conflict(self, error: ConflictError) -> None:
        theirs = error.theirs
        if not isinstance(theirs, Entry):
            self._say("error", error=error)
            return
        self.conflict = theirs
        mine = [(one.field.label, one.in_words) for one in self.controls.values() if one.value not in ("", False)]
        rows, when = wording.in_words(self.context.review, theirs.payload), self.context.when(theirs)
        self._say("conflict", entry=theirs, theirs=rows, when=when, mine=mine)
        controls.show(self.choice, True)

    def _settle(self) -> None:
        self.conflict = None
        controls.show(self.choice, False)

    def _keep_theirs(self) -> None:
        if self.conflict is None:
            return
        theirs = self.conflict
        self.context.drafts.drop(self.spec.name, self.key)
        self.context.refresh()
        self._open("" if self.picker is None else self.context.root(theirs))

    def _save_mine(self) -> None:
        if self.conflict is not None:
            self._clicked(over=self.conflict.id)
