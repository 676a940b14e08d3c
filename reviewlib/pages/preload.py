"""What the kernels of reviews start from: libraries imported, templates compiled, an invented review shown.

What has run once runs faster: caches are filled and code is specialised, which a kernel that is forked afterwards inherits.
Nothing in the invented review is anybody's. What is loaded stands in the functions: who asks for ``WARMTH`` loads none of it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reviewlib.errors import ParamsError
from reviewlib.params import reading
from reviewlib.periods import FiscalYear
from reviewlib.press.warm import Warmth

if TYPE_CHECKING:
    from reviewlib.pages.rendering import Display
    from reviewlib.review import Review

#: The invented review as a slice holds it, but for its figures and deals, and the params of its workbook.
_INVENTED: Final = Path(__file__).parent / "rehearsal"
#: The blocks that only a team’s review has.
_OF_TEAMS: Final = {"distribution", "reps", "reviews", "skills", "team_goals"}


def prepare(params: str = "") -> None:
    """Use what is slow when it is first used: templates, fonts, locales, the code itself.

    Args:
        params: The params file that every kernel will open; it is read here once for all. Nothing else of a workbook is.
    """
    from reviewlib.pages.rendering import TEMPLATES, environment

    for name in environment().list_templates(extensions=("j2",)):
        environment().get_template(name)
        if (TEMPLATES / "review" / name).is_file():  # those of this folder are known by two names
            environment().get_template(f"review/{name}")
    rehearse()
    if params:
        with contextlib.suppress(ParamsError):  # it was spoilt after the run had begun, and each notebook will say so
            reading.load(params)


#: What the kernels of our notebooks start from.
WARMTH: Final = Warmth(
    preload=(
        "numpy", "pandas", "pandas.core.methods.to_dict", "matplotlib", "matplotlib.backends.backend_svg", "seaborn",
        "babel.numbers", "babel.dates", "sqlite3", "pyarrow.pandas_compat", "reviewlib.review",
        "reviewlib.conversation.journal", "reviewlib.pages.blocks", "reviewlib.pages.charts", "reviewlib.pages.forms",
        "encodings.utf_8_sig", "encodings.unicode_escape",
    ),
    prepare="reviewlib.pages.preload:prepare",
)  # fmt: skip


def rehearse() -> None:
    """Open the invented review, read its minutes as a rep's copy does, and show all its sections."""
    reading.load(_INVENTED / "params.yaml")
    shown = review()
    type(shown.minutes).from_data(shown.minutes.as_data())
    for show in sections(shown):
        show()._repr_mimebundle_()


def sections(shown: Review) -> Iterator[Callable[[], Display]]:
    """Go through the sections of a rep's review, each to be made by a call."""
    from reviewlib.pages import blocks, charts, forms
    from reviewlib.params.kpis import MAIN

    shared = [name for name in blocks.__all__ if name not in _OF_TEAMS and name not in forms.__all__]
    yield from (partial(getattr(blocks, name), shown) for name in shared)
    yield partial(charts.trends, shown, kpis=MAIN[:4])
    yield from (partial(getattr(forms, name), shown) for name in forms.__all__)


#: What is no number of what a verdict follows from.
_TOLD: Final = {"capped": False, "phi_from": "group", "better_to": "above", "worse_to": "watch"}


def review() -> Review:
    """Invent a rep's review with every figure, as it comes from a slice."""
    from reviewlib.evidence.slicefile import ACCOUNT_COLUMNS, DEAL_LISTS, table
    from reviewlib.params.kpis import KPIS
    from reviewlib.review import Figure, from_slice

    data = json.loads((_INVENTED / "slice.json").read_text(encoding="utf-8"))
    numbers = [
        name
        for name in Figure.__dataclass_fields__
        if name not in {"kpi", "period", "standing", "result", "verdict", "reason", "judged"}
    ]
    words = {"standing": None, "verdict": "no_signal", "reason": None, "result": None}
    rows = [
        {"scope_id": "R-1", "kpi": key, "period": period, **dict.fromkeys(numbers, place + 1.5), **words}
        for place, period in enumerate(data["trend"])
        for key in KPIS
    ]
    data["kpis"] = [kpi.card() for kpi in KPIS.values()]
    data["history"] = {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}
    names = data["judged"]["columns"][2:]
    data["judged"]["data"] = [
        [key, kpi.judged_by, *(_TOLD.get(name, 1.5) for name in names)] for key, kpi in KPIS.items() if kpi.judged_by
    ]
    data["lists"] = {name: _listed(chosen.groups) for name, chosen in DEAL_LISTS.items()}
    data["lists"]["accounts"] = table(ACCOUNT_COLUMNS, []) | {"totals": {}}
    return from_slice(data, FiscalYear())


def _listed(groups: Collection[str]) -> dict[str, Any]:
    from reviewlib.evidence.slicefile import LISTED, table

    rows = [
        [group, f"D-{number}", f"A-{number}", "Proposal", "open", "2026-05-04", "2026-11-03", 900.0 + number, True, True]
        for group in groups
        for number in range(4)
    ]
    return table(LISTED, rows) | {"totals": {group: [4, 3606.0] for group in groups}}
