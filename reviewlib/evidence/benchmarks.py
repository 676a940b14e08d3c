"""Benchmarks: who a rep's peers are, and where a figure stands among theirs.

The group includes the rep, so that its figures are the same on every member's page and nobody can subtract. No benchmark is one
person's figure: median and quartiles are each the mean of three. Who was there for less than a third of a period is in none.
"""

import itertools
import math
from collections.abc import Collection
from fractions import Fraction
from typing import Final

import numpy as np
import pandas as pd

from reviewlib.evidence.comparison import above, at_least, below, same, two_digits
from reviewlib.evidence.disclosure import FEWEST
from reviewlib.evidence.roster import Post, Roster
from reviewlib.params.model import MIDDLE_FROM, QUARTILES_FROM, Peers

#: Which part of a period somebody must have been there to be judged, or to be anybody's benchmark.
EXPOSED: Final = Fraction(1, 3)
_QUARTERS: Final = ((0.25, "peer_q1"), (0.5, "peer_median"), (0.75, "peer_q3"))


def peer_group(post: Post, rules: Peers) -> str:
    """Name the peers whom a rep is compared with; those of whom nothing is known have that in common."""
    return "\n".join(getattr(post, name) or "" for name in rules.by)


def with_presence(frame: pd.DataFrame, roster: Roster, sums: Collection[str]) -> pd.DataFrame:
    """Add whether a rep was there long enough (exposed), and of sums for how much of the period (part, ramp included)."""
    days = {
        (rep, period.name): Fraction(roster.posts[rep, period.name].active_days(period), period.days)
        for rep, period in itertools.product(roster.rep_ids, roster.periods)
    }
    keys = zip(*(frame[name].tolist() for name in ("scope", "scope_id", "period")), strict=True)
    found = [days[rep, name] if scope == "rep" else Fraction(1) for scope, rep, name in keys]
    ramped = (frame["target"] / frame["target_raw"]).where((frame["target"] > 0) & (frame["target_raw"] > 0))
    part = ramped.fillna(pd.Series([float(each) for each in found], index=frame.index)).where(frame["kpi"].isin([*sums]), 1.0)
    return frame.assign(exposed=[each >= EXPOSED for each in found], part=part)


def with_peers(frame: pd.DataFrame, roster: Roster, rules: Peers, sums: Collection[str]) -> pd.DataFrame:
    """Add peer_q1, peer_median, peer_q3, peers and standing to the rows of reps; sums as of who was there for as long.

    The frame has the columns scope, scope_id, period, kpi, value, target, target_raw and better; ``sums`` are the KPIs that add
    up over time.
    """
    frame, posts = with_presence(frame, roster, sums), roster.posts
    keys = zip(*(frame[name].tolist() for name in ("scope", "scope_id", "period")), strict=True)
    groups = [peer_group(posts[rep, period], rules) if scope == "rep" else None for scope, rep, period in keys]
    frame = frame.assign(group=pd.Series(groups, index=frame.index, dtype=object), rate=frame["value"] / frame["part"])
    pool = frame[frame["group"].notna() & frame["exposed"] & frame["value"].notna() & (frame["better"] != "none")]
    stats = pd.DataFrame(
        [(*key, *_of_group(np.sort(own.to_numpy()))) for key, own in pool.groupby(["group", "period", "kpi"])["rate"]],
        columns=["group", "period", "kpi", "peers", "middle", *(name for _, name in _QUARTERS)],
    )
    frame = frame.merge(stats, on=["group", "period", "kpi"], how="left")
    cells = (frame[name].tolist() for name in ("rate", "peer_q1", "peer_median", "peer_q3", "middle", "better"))
    frame["standing"] = list(map(_place, *cells))
    names = [name for _, name in _QUARTERS]
    frame[names] = frame[names].mul(frame["part"], axis="index")
    return frame.drop(columns=["group", "rate", "middle", "exposed", "part"])


def whole_group(rows: pd.DataFrame, roster: Roster) -> "pd.Series[float]":
    """What each figure's peer group reached together of its targets, to two digits, where that is unusual; the rep included.

    Missing where a reader who takes off what they hold is left with one to four people: a rep the own figures or the team's
    total, a manager those of the rep's team, or of all the reps they manage. Medians have no such sum.

    The rows are those of one period, with scope, scope_id, period, kpi, group, model, reached, expected, usable and capped.
    """
    own = rows[(rows["scope"] == "rep") & rows["usable"] & ~rows["capped"] & (rows["model"] != "median")]
    posts = [roster.posts[key] for key in zip(own["scope_id"], own["period"], strict=True)]
    own = own.assign(**{name: [getattr(post, name) for post in posts] for name in ("team", "manager")})
    groups = own.groupby(["kpi", "group"])
    share, people = groups["reached"].transform("sum") / groups["expected"].transform("sum"), groups["kpi"].transform("size")
    told = ~share.between(0.9, 1.1)
    for circle in ("team", "manager"):
        others = people - own.groupby(["kpi", "group", circle], dropna=False)["kpi"].transform("size")
        told &= (others >= FEWEST) | ((others == 0) & (people > FEWEST))
    return share.where(told).map(two_digits).reindex(rows.index)


def _of_group(rates: np.ndarray) -> tuple[float, ...]:
    """The number of members, their middle, and what may be shown of them, from sorted figures."""
    count = len(rates)
    middle = float(np.median(rates)) if count >= MIDDLE_FROM and not same(rates[0], rates[-1]) else math.nan
    # Each is the mean of the three nearest to it, so that it is nobody's own.
    nearest = [round((count - 1) * share) for share, _ in _QUARTERS]
    shown = [float(np.mean(rates[at - 1 : at + 2])) if count >= QUARTILES_FROM else math.nan for at in nearest]
    return count, middle, *shown


def _place(value: float, q1: float, median: float, q3: float, middle: float, better: str) -> str | None:
    """Tell the quarter, of few members the half, the top on the good side; ties stand in the middle."""
    if better == "none" or math.isnan(value) or math.isnan(middle):
        return None
    if better == "lower":
        value, q1, median, q3, middle = -value, -q3, -median, -q1, -middle
    if math.isnan(q1):
        return "above the middle" if above(value, middle) else "below the middle" if below(value, middle) else "in the middle"
    if above(value, q3):
        return "top quarter"
    if below(value, q1):
        return "bottom quarter"
    return "second quarter" if at_least(value, median) else "third quarter"
