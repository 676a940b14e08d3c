"""Disclosure: what a copy for reps leaves out, because too few other people stand behind it.

Who knows a total and their own part of it knows what the others have together. So a total is shown where nobody else stands
behind it, or at least ``FEWEST`` others; never for one to four.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from reviewlib.evidence.comparison import two_digits

if TYPE_CHECKING:
    import pandas as pd

    from reviewlib.evidence.roster import Roster

#: The fewest other people behind a figure that a reader's own part of it does not give away.
FEWEST: Final = 5
#: Why a team's copy for its reps shows no totals.
FEW: Final = (
    "This copy shows no totals: in this or another period that would stand here, fewer than six people are behind them, and "
    "whoever takes off their own figures would know a colleague’s."
)
#: The same, for evidence that was frozen before it was counted who stands behind a total.
UNKNOWN: Final = (
    "This copy shows no totals: its figures were frozen before it was counted how many people are behind them, and with fewer "
    "than six a total would give away a colleague’s figures."
)
_ROWS: Final = "How many rows were read is on the manager’s copy: fewer than six people are behind them."
_SEE: Final = "This copy shows no totals; the summary says why."
#: The sections of a page that rest on its subject's totals.
_SECTIONS: Final = (
    "scorecard", "change", "pipeline", "customers", "strengths", "improve", "achievements", "skills", "next_period",
)  # fmt: skip
#: A table of nothing.
NOTHING: Final[Mapping[str, Any]] = {"columns": [], "data": []}
#: What a verdict takes from others.
_OF_POOL: Final = ("size", "spread", "df", "phi")
_OF_PEERS: Final = ("level", "expected", "share", "material")
_OF_EXPORT: Final = ("tables", "quarantine", "exclusions")


def tells(crowds: Iterable[Collection[str]], readers: Collection[str]) -> bool:
    """Tell whether a total gives somebody away: in some period one to four others than one of its readers are behind it."""
    return any(0 < len(crowd) - (reader in crowd) < FEWEST for crowd in crowds for reader in readers)


def crowds(scorecard: pd.DataFrame, roster: Roster) -> Mapping[str, list[frozenset[str]]]:
    """Find the people behind the totals of each team: those with figures, then those whose targets count, period by period.

    Deals that a leaver still owns count in the team's totals, and the targets of the period after are in its coverage.
    """
    rows = scorecard[scorecard["scope"] == "rep"]
    counted = rows["value"].notna() | (rows["numerator"].fillna(0) != 0) | (rows["n"].fillna(0) != 0)
    named = rows.loc[counted, ["team", "period", "scope_id"]].drop_duplicates().itertuples(index=False, name=None)
    people = {(team, period, rep) for team, period, rep in named if isinstance(team, str)}
    periods = {period.name: period for period in roster.periods}
    active = {
        (post.team, name, rep) for (rep, name), post in roster.posts.items() if post.team and post.active_days(periods[name])
    }
    found: dict[str, list[frozenset[str]]] = {}
    for kind in (people, active):
        groups: dict[tuple[str, str], set[str]] = {}
        for team, name, rep in kind:
            groups.setdefault((team, name), set()).add(rep)
        for (team, _), group in groups.items():
            found.setdefault(team, []).append(frozenset(group))
    return found


def for_reps(data: Mapping[str, Any], *, withheld: str = "", export: bool = False) -> dict[str, Any]:
    """Leave out of a slice for reps what too few others are behind.

    ``withheld`` is why a team's totals are left out; empty where they are shown, and for a rep. ``export`` says whether so few
    people own the deals of the export that its rows tell of a colleague's.
    """
    kept = {**data, "data": _of_export(data["data"], hidden=export) | {"withheld": withheld}}
    if data["kind"] == "rep":
        return kept | _without_small_peers(data) | _without_small_pools(data)
    if not withheld:
        return kept
    nothing = {
        "leads": dict.fromkeys(_SECTIONS, _SEE),
        "findings": [],
        "achievements": [],
        "stages": NOTHING,
        "judged": NOTHING,
    }
    return kept | nothing | {"history": {**data["history"], "data": []}, "summary": [withheld]}


def of_older(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out the same of a rep's slice that was frozen before anything was; nobody counted then who is behind its totals."""
    if "withheld" in data["data"]:
        return data
    return for_reps(data, withheld=UNKNOWN if data["kind"] == "team" else "", export=True)


def _of_export(account: Mapping[str, Any], *, hidden: bool) -> dict[str, Any]:
    """Keep rows without their amounts: a sum of few rows is somebody's deal."""
    kept = {
        name: [{key: None if key.endswith("amount") else value for key, value in row.items()} for row in account[name]]
        for name in _OF_EXPORT
    }
    if hidden:
        kept = {name: [] for name in _OF_EXPORT}
    notes = [*account.get("notes", ()), *([_ROWS] if hidden else [])]
    return {**account, **kept, "unassigned": {}, "notes": notes}


def _without_small_pools(data: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out how much the figures of few others scatter, by which a verdict was found; the verdict stays."""
    if "judged" not in data:
        return {}
    rows = []
    for cells in data["judged"]["data"]:
        row = dict(zip(data["judged"]["columns"], cells, strict=True))
        if (row["people"] or FEWEST + 1) <= FEWEST:
            row |= dict.fromkeys(_OF_POOL)
        if row["share"] is not None:  # what the peers reach together, less one's own, is the others'
            row |= {name: two_digits(row[name]) for name in _OF_PEERS}
        rows.append([*row.values()])
    return {"judged": {**data["judged"], "data": rows}}


def _without_small_peers(data: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the median of peers of whom fewer than five are others, and the line that says it."""
    columns = data["history"]["columns"]
    place = {name: columns.index(name) for name in ("kpi", "period", "value", "peers", "peer_median")}
    rows, gone = [], set()
    for row in data["history"]["data"]:
        others = (row[place["peers"]] or 0) - (row[place["value"]] is not None)
        if row[place["peer_median"]] is not None and others < FEWEST:
            row = [None if at == place["peer_median"] else cell for at, cell in enumerate(row)]
            gone |= {f"{{{row[place['kpi']]}.peer_median}}"} if row[place["period"]] == data["period"] else set()
        rows.append(row)
    findings = [
        {**one, "evidence": [line for line in one["evidence"] if not any(cell in line for cell in gone)]}
        for one in data["findings"]
    ]
    return {"history": {**data["history"], "data": rows}, "findings": findings}
