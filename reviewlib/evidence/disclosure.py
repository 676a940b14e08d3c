"""Disclosure: what a copy leaves out, because too few people whom its reader does not know by name stand behind it.

Who knows a total and their own part of it knows what the others have together. So a total, mean or rate is shown to a reader
where nobody else stands behind it, or at least ``FEWEST`` others; never for one to four. A rep's figures are known to the rep
and to whoever leads the rep or the team.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, Final

from reviewlib.evidence.comparison import two_digits

if TYPE_CHECKING:
    import pandas as pd

    from reviewlib.evidence.roster import Roster
    from reviewlib.periods import Period

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
#: The same, where other people are behind a total of a period than when it was frozen before.
CHANGED: Final = (
    "This copy shows no totals: in a period that would stand here, other people are behind them than in an earlier freeze, "
    "and the difference would give away a colleague’s figures."
)
_AGAINST: Final = "held against what the peers reach; the number would tell of a few of them"
_ROWS: Final = "How many rows were read is on the manager’s copy: fewer than six people are behind them."
_SEE: Final = "This copy shows no totals; the summary says why."
#: The sections of a page that rest on its subject's totals.
_SECTIONS: Final = (
    "scorecard", "change", "pipeline", "customers", "strengths", "improve", "achievements", "skills", "next_period",
)  # fmt: skip
#: A table of nothing.
NOTHING: Final[Mapping[str, Any]] = {"columns": [], "data": []}
#: What a verdict takes from others. Of what the peers reach together only two digits are told: all of them, in an earlier
#: freeze and in this one, would tell what somebody reached who is in one alone.
_OF_POOL: Final = ("size", "spread", "df", "phi")
_OF_SHARE: Final = ("share4", "expected4", "trials4")
_OF_PEERS: Final = ("level", "expected", "share", "material", "p_low", "p_high", "p4_low", "p4_high")
_OF_ENDS: Final = ("band_low", "band_high", "better_from", "worse_from")
_OF_QUARTILES: Final = ("peer_q1", "peer_median", "peer_q3")
#: Models whose ends are whole numbers, which tell little of the level.
_WHOLE: Final = ("binomial", "poisson", "median")
_OF_EXPORT: Final = ("tables", "quarantine", "exclusions")

Crowd = Set[str]


def tells(crowds: Iterable[Crowd], readers: Collection[Crowd]) -> bool:
    """Tell whether a total gives somebody away: one to four of a crowd behind it are left to a reader who holds the rest."""
    return any(0 < len(crowd) - len(crowd & held) < FEWEST for crowd in crowds for held in readers)


class Readers:
    """Whose figures each reader holds by name: their own, and those of whom they lead, or whose team."""

    def __init__(self, roster: Roster, period: Period, *, reviewed: Iterable[str], groups: Mapping[tuple[str, str], str]):
        """Find who leads whom in the period; ``groups`` names the peers of who was there, by rep and period."""
        self.posts = {rep: roster.posts[rep, period.name] for rep in roster.rep_ids}
        leads, self.led = defaultdict[str | None, set[str | None]](set), defaultdict[str | None, set[str]](set)
        for rep in reviewed:
            leads[self.posts[rep].team].add(self.posts[rep].manager)
        for rep, post in self.posts.items():
            for name in {post.manager, *(leads[post.team] if post.team else ())}:
                self.led[name].add(rep)
        for rep, post in self.posts.items():
            if post.name in self.led:  # who leads may be a rep
                self.led[post.name].add(rep)
        members = defaultdict[tuple[str, str], set[str]](set)
        for (rep, name), group in groups.items():
            members[name, group].add(rep)
        self.peers = {key: members[key[1], group] for key, group in groups.items()}
        self.everybody = {rep for rep, _ in groups}

    def leading(self, reps: Iterable[str]) -> list[Crowd]:
        """Those who lead some of these reps, each as whose figures they hold."""
        return [self.led[name] for name in {self.posts[rep].manager for rep in reps} if name]

    def themselves(self, reps: Iterable[str]) -> list[Crowd]:
        """The reps, each as whose figures they hold."""
        return [{rep, *self.led.get(self.posts[rep].name, ())} for rep in reps]

    def held(self, readers: Collection[Crowd], rep: str, periods: Iterable[str]) -> dict[tuple[str, str], float]:
        """How many of a rep's peers a reader holds at the most, unless it is all, by rep and period; of everybody by ""."""
        found = dict[tuple[str, str], float]()
        for name in ("", *periods):
            crowd = self.peers.get((rep, name), set()) if name else self.everybody
            counts = [len(crowd & held) for held in readers]
            found[rep, name] = max((count for count in counts if count < len(crowd)), default=-FEWEST)
        return found


def behind(rows: pd.DataFrame) -> dict[tuple[str, str], Crowd]:
    """Find the people behind the totals of each team and period: whose rows of the scorecard hold something."""
    counted = rows["value"].notna() | (rows["numerator"].fillna(0) != 0) | (rows["n"].fillna(0) != 0)
    named = rows[counted & (rows["scope"] == "rep") & rows["team"].notna()].groupby(["team", "period"])["scope_id"]
    return {(str(team), str(name)): frozenset(own) for (team, name), own in named}


def crowds(scorecard: pd.DataFrame, roster: Roster) -> list[tuple[tuple[str, str], Crowd]]:
    """List the people behind the totals of each team and period: those with figures, then those whose targets count.

    Deals that a leaver still owns count in the team's totals, and the targets of the period after are in its coverage.
    """
    active = defaultdict[tuple[str, str], set[str]](set)
    for period in roster.periods:
        for rep in roster.active(period):
            active[roster.posts[rep, period.name].team or "", period.name].add(rep)
    return [*behind(scorecard).items(), *active.items()]


def for_reps(data: Mapping[str, Any], *, withheld: str = "", export: bool = False) -> dict[str, Any]:
    """Leave out of a slice for reps what too few others are behind, beside what ``of_peers`` does.

    ``withheld`` is why a team's totals are left out; empty where they are shown, and for a rep. ``export`` says whether so few
    people own the deals of the export that its rows tell of a colleague's.
    """
    bare = data["data"] | {
        name: [{key: None if key.endswith("amount") else value for key, value in row.items()} for row in data["data"][name]]
        for name in _OF_EXPORT
    }
    kept = {**data, "data": of_export(bare, hidden=export) | {"withheld": withheld}}
    if not withheld:
        return kept
    nothing = {"findings": [], "achievements": [], "stages": NOTHING, "judged": NOTHING, "summary": [withheld]}
    leads = dict.fromkeys(_SECTIONS, _SEE)
    return kept | nothing | {"leads": leads, "history": {**data["history"], "data": []}}


def of_older(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out the same of a rep's slice that was frozen before anything was; nobody counted then who is behind its totals."""
    if "withheld" in data["data"]:
        return data
    return for_reps(of_peers(data, {}), withheld=UNKNOWN if data["kind"] == "team" else "", export=True)


def of_export(account: Mapping[str, Any], *, hidden: bool) -> dict[str, Any]:
    """Leave out what became of rows where a sum of few is somebody's deal, and for everybody what no rep of the table sold."""
    kept = {name: [] for name in _OF_EXPORT} | {"notes": [*account.get("notes", ()), _ROWS]} if hidden else {}
    return {**account, **kept, "unassigned": {}}


def of_peers(data: Mapping[str, Any], held: Mapping[tuple[str, str], float]) -> dict[str, Any]:
    """Leave out what is told of peers, and how much figures vary, where a reader holds all but a few of those behind it.

    ``held`` is what ``Readers.held`` says; one is held where it says nothing. Verdicts and places stay.
    """
    columns = data["history"]["columns"]
    subject, kpi, period, peers, median, reason = map(
        columns.index, ("scope_id", "kpi", "period", "peers", "peer_median", "reason")
    )
    quartiles = [columns.index(name) for name in _OF_QUARTILES]

    def few(row: Sequence[Any]) -> bool:
        """Whether too few peers are others than those held."""
        return (row[peers] or 0) - held.get((row[subject], row[period]), 1) < FEWEST

    def without(row: Sequence[Any]) -> list[Any]:
        told = {reason: _AGAINST} if row[kpi] in unsaid and row[period] == data["period"] else {}
        hidden = dict.fromkeys(quartiles) | told
        return [hidden.get(at, cell) for at, cell in enumerate(row)]

    now = {row[kpi]: row for row in data["history"]["data"] if row[period] == data["period"]}
    gone = {f"{{{key}.peer_median}}" for key, row in now.items() if row[median] is not None and few(row)}
    judged, unsaid = [], set()
    for cells in data.get("judged", NOTHING)["data"]:
        row = dict(zip(data["judged"]["columns"], cells, strict=True))
        if (row["people"] or math.inf) - held.get((data["subject"]["id"], ""), 1) < FEWEST:
            row |= dict.fromkeys(_OF_POOL)
        if row["share"] is not None:  # what the peers reach together, less one's own, is the others'
            if few(now[row["kpi"]]):
                unsaid.add(row["kpi"])
                continue
            row |= dict.fromkeys(_OF_SHARE) | {name: two_digits(row[name]) for name in _OF_PEERS}
            if row["model"] not in _WHOLE:
                value = now[row["kpi"]][columns.index("value")]
                row |= {name: two_digits(row[name], beyond=value) for name in _OF_ENDS}
        judged.append([*row.values()])
    tables = {name: data[name]["data"] for name in ("history", "members")}
    for name, rows in tables.items():
        tables[name] = [without(row) if row[median] is not None and few(row) else row for row in rows]
    tables |= {"judged": judged} if "judged" in data else {}
    lines = [[line for line in one["evidence"] if not any(cell in line for cell in gone)] for one in data["findings"]]
    ends = [one["text"].find(";") if any(cell in one["text"] for cell in gone) else None for one in data["achievements"]]
    return {
        **data,
        **{name: {**data[name], "data": rows} for name, rows in tables.items()},
        "findings": [{**one, "evidence": own} for one, own in zip(data["findings"], lines, strict=True)],
        "achievements": [{**one, "text": one["text"][:end]} for one, end in zip(data["achievements"], ends, strict=True)],
    }
