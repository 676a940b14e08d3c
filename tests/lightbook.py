"""A workbook of three reps and two teams, and templates that are done in little time, for tests that run much."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from workbooks import workbook

from reviewlib.pages import preload
from reviewlib.params.model import Params
from reviewlib.periods import Period
from reviewlib.press import kernels
from reviewlib.press.warm import Forge, Warmth

PERIOD = Period.parse("2026-Q3")
DEALS = [
    {"rep_id": "R1", "amount": "100", "opened_on": "2026-07-02", "closed_on": "2026-08-03"},
    {"rep_id": "R2", "amount": "50", "opened_on": "2026-04-02", "closed_on": "2026-07-03"},
    {"rep_id": "R3", "amount": "70", "opened_on": "2026-04-02", "closed_on": "2026-07-04"},
]
REPS = [
    {"rep_id": "R1", "rep_name": "Ada", "team": "North", "manager": "Max Holm"},
    {"rep_id": "R2", "rep_name": "Ben", "team": "North", "manager": "Max Holm"},
    {"rep_id": "R3", "rep_name": "Cem", "team": "South", "manager": "Mia Stern"},
]
PEOPLE = {"roles": {"max": "manager", "mia": "manager"}, "logins": {"max": "Max Holm", "mia": "Mia Stern"}, "acting_as": "max"}
ALL = {f"rep:R{number}:{who}" for number in (1, 2, 3) for who in ("manager", "rep")} | {
    f"team:{team}:{who}" for team in ("North", "South") for who in ("manager", "rep")
}
#: What notebooks without charts need; each run warms up anew, and in a third of the time.
LIGHT = Warmth(preload=("reviewlib.review", "reviewlib.pages.blocks"))
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
#: What a bare notebook shows; before that it does what ``fault.py`` in the workbook's folder says, if there is one.
_SHOW = """from pathlib import Path
from IPython.display import HTML
fault = Path("fault.py")
if fault.is_file():
    exec(fault.read_text())
HTML(f"<p>{SUBJECT}, {period}, {audience}: edition EDITION</p>" + "<p>Kept promises.</p>" * 400)"""


class KeptForge(Forge):
    """A forge whose warm process outlives its run: the next run in the same environment forks from it."""

    kept: ClassVar[dict[Any, Any]] = {}

    def give_up(self) -> None:
        self.cold_because = self.cold_because or "the run was stopped"

    def close(self) -> None:
        with self._lock:
            if self._zygote is not None and self.kept.setdefault(self._key, self._zygote) is self._zygote:
                self._zygote = None
        super().close()

    def _revive(self) -> None:
        if self._zygote is None and self.cold_because is None:
            self._zygote = self.kept.pop(self._key, None)
        super()._revive()

    @property
    def _key(self) -> object:
        # A kernel is given its own environment when it is forked; which test runs changes nothing in what was imported.
        env = frozenset((name, value) for name, value in self._env.items() if name != "PYTEST_CURRENT_TEST")
        return self._warmth, self._folder, self._command, self._arguments, env


@pytest.fixture(scope="module")
def light_runs(kept_runs: None) -> Iterator[None]:
    """Let the runs of a module, whose notebooks have no charts, get warm in little time, and but once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preload, "WARMTH", LIGHT)
        yield


@pytest.fixture(scope="module")
def kept_runs() -> Iterator[None]:
    """Let the runs of a module get warm but once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "Forge", KeptForge)
        yield
    for warm in KeptForge.kept.values():
        warm.close()
    KeptForge.kept.clear()


def light_workbook(folder: Path) -> Params:
    """Write the workbook; its templates are laid apart."""
    return workbook(folder, deals=DEALS, reps=REPS, as_of="2026-10-05", people=PEOPLE)


def small_template(kind: str, *more: str) -> nbformat.NotebookNode:
    """A notebook that opens the review and shows one figure, for many runs in little time."""
    opener = "open_review" if kind == "rep" else "open_team_review"
    cells = [
        _parameters(kind),
        new_code_cell(
            f"import reviewlib as rl\nreview = rl.{opener}(params, {kind}={kind}, period=period, audience=audience)", id="open"
        ),
        *(new_code_cell(source, id=f"more-{place}") for place, source in enumerate(more)),
        new_code_cell("rl.blocks.header(review)", id="header"),
    ]
    return new_notebook(cells=cells, metadata=KERNEL)


def bare_template(kind: str, *, edition: int) -> nbformat.NotebookNode:
    """A notebook that imports nothing of ours, shows its parameters and its edition, and fails where ``fault.py`` says so."""
    show = _SHOW.replace("SUBJECT", kind).replace("EDITION", str(edition))
    return new_notebook(cells=[_parameters(kind), new_code_cell(show, id="show")], metadata=KERNEL)


def lay_templates(folder: Path, *more: str) -> None:
    """Lay the small templates."""
    (folder / "notebooks").mkdir(exist_ok=True)
    for kind in ("rep", "team"):
        nbformat.write(small_template(kind, *more), folder / "notebooks" / f"{kind}_review.ipynb")


def lay_edition(folder: Path, edition: int) -> None:
    """Lay the bare templates of an edition: another one makes every review anew, and no evidence."""
    (folder / "notebooks").mkdir(exist_ok=True)
    for kind in ("rep", "team"):
        nbformat.write(bare_template(kind, edition=edition), folder / "notebooks" / f"{kind}_review.ipynb")


def _parameters(kind: str) -> nbformat.NotebookNode:
    source = f'params = "params/book.yaml"\n{kind} = ""\nperiod = ""\naudience = "manager"'
    return new_code_cell(source, id="parameters", metadata={"tags": ["parameters"]})
