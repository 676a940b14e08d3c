"""The index of a period and the page of a failed review: plain data in, HTML out."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

from reviewlib.pages import components, labels, provenance
from reviewlib.pages.labels import NumberStyle
from reviewlib.pages.rendering import page_style, render, workbook_page
from reviewlib.params.model import Params
from reviewlib.periods import Period

State = Literal["Open", "Failed", "Outdated", "Not made yet"]
_REST: Final[Mapping[State, str]] = {
    "Failed": "could not be made",
    "Outdated": "made from older figures",
    "Not made yet": "not made yet",
}


@dataclass(frozen=True)
class IndexRow:
    """One rep of the index.

    ``state`` tells how the pages stand, ``talk`` how the review itself does, in words ("Released"), ``waits`` whom it waits for
    ("Jonas"), ``signed`` whether it is closed. ``manager`` and ``rep`` are paths to the two copies, relative to the index; None
    where a page was not made. ``note`` stands in place of the bullet where there is no target. ``older`` is the ISO date of the
    figures of a released review that stays on older evidence than the index; None where it has the same.
    """

    name: str
    revenue: float | None
    target: float | None
    verdict: str
    state: State = "Open"
    manager: str | None = None
    rep: str | None = None
    note: str = ""
    talk: str = "Open"
    waits: str = ""
    signed: bool = False
    older: str | None = None


@dataclass(frozen=True)
class TeamRows:
    """One team of the index with its reps; ``page`` is the team page's path, ``older`` that of a row."""

    name: str
    manager: str | None
    revenue: float | None
    target: float | None
    verdict: str
    page: str | None
    rows: tuple[IndexRow, ...]
    older: str | None = None


@dataclass(frozen=True)
class Index:
    """Everything on the index of one period.

    ``workbook`` and ``data`` are what a slice holds under these names; ``files`` and ``earlier`` are links to what lies beside
    the page and to other periods, by what is read; ``failures`` are the reviews that could not be made: whose, the team, what
    is wrong, and the problem page's path.
    """

    workbook: Mapping[str, Any]
    period: Period
    made: dt.datetime
    frozen_at: dt.datetime
    teams: tuple[TeamRows, ...]
    failures: tuple[tuple[str, str | None, str, str | None], ...]
    data: Mapping[str, Any]
    files: Mapping[str, str]
    earlier: Mapping[str, str]


def index_page(index: Index) -> str:
    """Render the index of a period."""
    book = index.workbook
    style = NumberStyle(book["locale"], book["currency"])
    running = f"Sales performance reviews {index.period}"
    return render(
        "index.html.j2",
        css=page_style(accent=book["accent"], accent_dark=book["accent_dark"], running=running),
        index=index,
        made=_how_many_are_made(index),
        whole=_whole(index, style),
        share=partial(_share, style=style),
        style=style,
        components=components,
        labels=labels,
        provenance=provenance,
    )


def problem_page(
    params: Params, period: Period, *, subject: str, where: str, message: str, command: str, details: str = ""
) -> str:
    """Render the page of a review that failed: where it stopped, what was said, and the command that repeats it alone.

    It holds no figures and no deals.
    """
    title, told = f"Not made: {subject}, {period}", {"where": where, "message": message, "command": command, "details": details}
    return workbook_page("problem.html.j2", params, title=title, subject=subject, period=period, **told)


def _how_many_are_made(index: Index) -> str:
    """Say how many of the reps' reviews are made, failed, and not made yet."""
    states = Counter(row.state for team in index.teams for row in team.rows)
    closed = sum(row.signed for team in index.teams for row in team.rows)
    signed = f"{closed} of them signed" if closed else "none is signed yet"
    whole = states.total()
    if states["Open"] == whole:
        return f"All {whole} reviews are made, {signed}."
    rest = [f"{states[state]} {words}" for state, words in _REST.items() if states[state]]
    return f"{states['Open']} of {whole} reviews are made, {signed}; {', '.join(rest)}."


def _whole(index: Index, style: NumberStyle) -> tuple[str, str]:
    """The sum of all teams: revenue, and what share of the targets it is where every team has one."""
    known = [team.revenue for team in index.teams if team.revenue is not None]
    targets = [team.target for team in index.teams if team.target is not None]
    revenue, target = sum(known) if known else None, sum(targets) if len(targets) == len(index.teams) else None
    return style.value(revenue, "money"), _share(revenue, target, style)


def _share(revenue: float | None, target: float | None, style: NumberStyle) -> str:
    """What share of a target revenue is; empty where there is none."""
    if revenue is None or target is None or target <= 0:
        return ""
    return f"{style.value(revenue / target, 'percent')} of {style.value(target, 'money')}"
