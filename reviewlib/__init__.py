"""Sales performance reviews as a Jupyter workbook.

In a notebook::

    import reviewlib as rl

    review = rl.open_review("params/demo.yaml", rep="R-014", period="2026-Q3")
    rl.blocks.scorecard(review)
    rl.charts.trends(review, kpis=["revenue", "win_rate"])

A ``Review`` is one rep (or team) and one ``Period`` for one audience: ``review.scorecard``, ``review.history`` and
``review.deals`` are DataFrames. ``Params`` is what a workbook asks for. ``blocks`` turn a review into sections of a page,
``charts`` into figures. Anything that a user can mend is raised as ``ReviewError``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from reviewlib.errors import ReviewError

if TYPE_CHECKING:
    from reviewlib.conversation import records
    from reviewlib.conversation.kinds.record import Kind
    from reviewlib.pages import blocks, charts, forms
    from reviewlib.params.figures import Kpi, Measure
    from reviewlib.params.kpis import KPIS
    from reviewlib.params.model import Params
    from reviewlib.periods import Period
    from reviewlib.review import Review, open_review, open_team_review

__all__ = [
    "KPIS", "Kind", "Kpi", "Measure", "Params", "Period", "Review", "ReviewError", "blocks", "charts", "forms", "open_review",
    "open_team_review", "records",
]  # fmt: skip

_HOMES = {
    **dict.fromkeys(("Review", "open_review", "open_team_review"), "reviewlib.review"),
    **dict.fromkeys(("blocks", "charts", "forms"), "reviewlib.pages"),
    **dict.fromkeys(("Kpi", "Measure"), "reviewlib.params.figures"),
    "KPIS": "reviewlib.params.kpis",
    "Params": "reviewlib.params.model",
    "Period": "reviewlib.periods",
    "Kind": "reviewlib.conversation.kinds.record",
    "records": "reviewlib.conversation",
}


def __getattr__(name: str) -> Any:
    """Load a name where it is first used, so that ``reviewlib --help`` answers at once."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(_HOMES[name])
    return getattr(home, name, None) or import_module(f"{_HOMES[name]}.{name}")


def __dir__() -> list[str]:
    return __all__
