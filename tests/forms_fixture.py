"""A context with a real journal below it, for tests of forms without a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pages_fixture
import pytest
from records_fixture import PEOPLE, as_login, freeze_names
from workbooks import workbook

from reviewlib.conversation.entries import Entry
from reviewlib.conversation.kinds import KINDS
from reviewlib.pages.forms.context import FormContext
from reviewlib.pages.forms.fields import Spec
from reviewlib.pages.forms.form import Form
from reviewlib.pages.forms.sections import specs

#: Every form by its name.
FORMS = specs()
REPS = (("R-014", "Amara Okafor", "North", "Daniel Brandt"), ("R-3", "Ines Rey", "South", "Lucía Ferrer"))


@dataclass
class Gate:
    """A fence that opens by hand."""

    waiting: list[Callable[[], None]] = field(default_factory=list)
    open: bool = True

    def then(self, call: Callable[[], None]) -> None:
        self.waiting.append(call)
        if self.open:
            self.let_through()

    def let_through(self) -> None:
        while self.waiting:
            self.waiting.pop(0)()


@dataclass
class Table:
    """A context with a real journal below it."""

    context: FormContext
    gate: Gate

    def form(self, spec: Spec, **values: Any) -> Form:
        made = Form(self.context, spec)
        for name, value in values.items():
            made.controls[name].widget.value = value
        return made

    def save(self, spec: Spec, **values: Any) -> Form:
        made = self.form(spec, **values)
        made.save.click()
        return made

    def entries(self, *kinds: str) -> list[Entry]:
        return self.context.records.minutes().of_kind(*(kinds or KINDS))


def sit_down(folder: Path, login: str = "dan", **overrides: Any) -> Table:
    params = workbook(folder, deals=[], people=PEOPLE, **overrides)
    freeze_names(params, "2026-Q3", reps=REPS, into="7c41e09bd2aa")
    records = as_login(params, login, subject="R-014")
    data = pages_fixture.rep_slice("manager")
    review = replace(pages_fixture.opened(data, records.minutes()), params_path=params.path)
    gate = Gate()
    return Table(FormContext(review, records, gate, review), gate)  # type: ignore[arg-type]


@pytest.fixture
def nothing_is_swallowed(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """What goes wrong in a handler is only logged by ipywidgets; here it fails the test."""
    yield
    assert [record.getMessage() for record in caplog.get_records("call") if "Exception in callback" in record.message] == []


@pytest.fixture
def own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Jupyter keeps data in this test; drafts lie there."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    return tmp_path / "jupyter"


@pytest.fixture
def table(tmp_path: Path, own_data_folder: Path) -> Table:
    return sit_down(tmp_path)


POINT = {"stance": "strength", "kpi": "win_rate", "text": "You said no in time."}
