"""What the kernels of reviews start from: libraries imported, templates compiled, an invented review shown.

What has run once runs faster: caches are filled and code is specialised, which a kernel that is forked afterwards inherits.
Nothing in the invented review is anybody's. What is loaded stands in the functions: who asks for ``WARMTH`` loads none of it.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reviewlib.errors import ParamsError
from reviewlib.periods import FiscalYear, Period
from reviewlib.press.kernels import Warmth

if TYPE_CHECKING:
    from reviewlib.pages.rendering import Display
    from reviewlib.review import Review

_TREND: Final = tuple(period.name for period in Period.parse("2026-Q3").trend(8))
_PARAMS: Final = """\
name: rehearsal  # invented
currency: EUR
crm:
  deals:
    file: deals.csv
    columns: {deal_id: id, rep_id: owner, stage: stage, amount: amount, opened_on: opened, closed_on: closed}
    stages: {won: [Won], lost: [Lost]}
  targets: {file: targets.csv}
"""
#: The blocks that only a team’s review has.
_OF_TEAMS: Final = {"distribution", "reps", "reviews", "skills", "team_goals"}
_TRENDS: Final = ("revenue", "win_rate", "deal_size", "cycle_days")


def prepare(params: str = "") -> None:
    """Use what is slow when it is first used: templates, fonts, locales, the code itself.

    Args:
        params: The params file that every kernel will open; it is read here once for all. Nothing else of a workbook is.
    """
    from reviewlib.pages.rendering import TEMPLATES, environment
    from reviewlib.params import reading

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
        "numpy",
        "pandas",
        "pandas.core.methods.to_dict",
        "matplotlib",
        "matplotlib.backends.backend_svg",
        "seaborn",
        "babel.numbers",
        "babel.dates",
        "sqlite3",
        "sqlalchemy",
        "pyarrow.pandas_compat",
        "reviewlib.review",
        "reviewlib.conversation.journal",
        "reviewlib.pages.blocks",
        "reviewlib.pages.charts",
        "reviewlib.pages.forms",
        "encodings.utf_8_sig",
        "encodings.unicode_escape",
    ),
    prepare="reviewlib.pages.preload:prepare",
)


def rehearse() -> None:
    """Open the invented review and show all its sections."""
    from reviewlib.params import reading

    with tempfile.TemporaryDirectory() as folder:
        params = Path(folder) / "rehearsal.yaml"
        params.write_text(_PARAMS, encoding="utf-8")
        reading.load(params)
    for show in sections(review()):
        show()._repr_mimebundle_()


def sections(shown: Review) -> Iterator[Callable[[], Display]]:
    """Go through the sections of a rep's review, each to be made by a call."""
    from reviewlib.pages import blocks, charts, forms

    shared = [name for name in blocks.__all__ if name not in _OF_TEAMS and name not in forms.__all__]
    yield from (partial(getattr(blocks, name), shown) for name in shared)
    yield partial(charts.trends, shown, kpis=_TRENDS)
    yield from (partial(getattr(forms, name), shown) for name in forms.__all__)


def review() -> Review:
    """Invent a rep's review with every figure, as it comes from a slice."""
    from reviewlib.evidence.kpis import KPIS
    from reviewlib.evidence.slicefile import lists
    from reviewlib.review import from_slice

    flags = sorted({kpi.evidence for kpi in KPIS.values() if kpi.evidence and kpi.evidence != "accounts"})
    person = {"id": "R-1", "name": "Nobody Here", "team": "North", "manager": "No One", "role": "rep", "region": None}
    subject = {**person, "started_on": None, "left_on": None}
    data = {
        "kind": "rep", "audience": "rep", "subject": subject, "period": _TREND[-1], "trend": _TREND, "workbook": _workbook(),
        "kpis": [kpi.card() for kpi in KPIS.values()], "off": {}, "people": [],
        "history": _history(list(KPIS)), "members": _table([]), "lists": lists(list(_deals(flags)), (), flags=flags),
        "stages": _table([{"stage": "Proposal", "deals": 3, "amount": 4000.0}]),
        "summary": ["{subject} closed {revenue}, {revenue.attainment} of the target.", "{win_rate} after {win_rate.previous}."],
        "leads": {"change": "Revenue rose by {revenue.change|abs}."}, "findings": [_finding("strength"), _finding("improve")],
        "achievements": [], "data": {"tables": [], "mine": {"quarantined": 0}},
    }  # fmt: skip
    return from_slice(data, FiscalYear())


def _workbook() -> dict[str, Any]:
    words = {"name": "rehearsal", "title": None, "currency": "EUR", "locale": "en", "snapshot": "0" * 12, "peer_group": "role"}
    days = {"as_of": "2026-10-15", "history_from": "2024-01-01", "frozen_at": "2026-10-15T08:40:00+00:00"}
    rest = {"as_of_declared": True, "incomplete": False, "retention_window": "2026-Q2", "timezone": None}
    return {**words, **days, **rest, "accent": "#174f96", "accent_dark": "#8fb9f2"}


def _history(keys: Sequence[str]) -> dict[str, Any]:
    from reviewlib.review import Figure

    numbers = [name for name in Figure.__dataclass_fields__ if name not in {"kpi", "period", "standing", "verdict", "reason"}]
    words = {"standing": None, "verdict": "on_track", "reason": None}
    return _table(
        [
            {"scope_id": "R-1", "kpi": key, "period": period, **dict.fromkeys(numbers, place + 1.5), **words}
            for place, period in enumerate(_TREND)
            for key in keys
        ]
    )


def _deals(flags: Sequence[str]) -> Iterator[dict[str, Any]]:
    for number in range(24):
        won = number % 2 == 0
        yield {
            "deal_id": f"D-{number}", "account_id": f"A-{number % 9}", "stage": "Won" if won else "Proposal",
            "outcome": "won" if won else "open", "amount": 900.0 + number if won else None, "expected_amount": 1000.0 + number,
            "opened_on": "2026-05-04", "closed_on": "2026-08-03" if won else None, "expected_close_on": "2026-11-03",
            **dict.fromkeys(flags, won), "lost": False, "refund": False,
        }  # fmt: skip


def _finding(kind: str) -> dict[str, Any]:
    action = {"text": "Review {cycle_days.n} deals together.", "who": "rep", "skill": None, "offer": None}
    words = {"title": "Win rate", "text": "{won_deals} of {closed_deals}: {win_rate}.", "evidence": ["{win_rate.low}."]}
    return {"kind": kind, "kpi": "win_rate", "verdict": "on_track", **words, "actions": [action]}


def _table(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"columns": list(rows[0]) if rows else [], "data": [list(row.values()) for row in rows]}
