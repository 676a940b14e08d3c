"""Benchmarks: where a figure stands among the peers, thresholds included.

The group includes the rep, so that its figures are the same on every member's page and nobody can subtract. Quartiles are the
linear kind (type 7).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from reviewlib.evidence.comparison import above, at_least, below, same
from reviewlib.evidence.roster import ALL, Roster
from reviewlib.params.model import Peers


def with_peers(frame: pd.DataFrame, *, rules: Peers, roster: Roster) -> pd.DataFrame:
    """Add peer_q1, peer_median, peer_q3, peers, spread (largest less smallest) and standing to the rows of reps.

    Args:
        frame: scope, scope_id, period, kpi, value, better.
        rules: Who is a peer, and the fewest members for a median and for quartiles.
        roster: Teams and roles by period.
    """
    frame = frame.copy()
    groups = [
        _group(roster, rules, scope, scope_id, period)
        for scope, scope_id, period in zip(frame["scope"], frame["scope_id"], frame["period"], strict=True)
    ]
    frame["peer_group"] = groups
    pool = frame[frame["peer_group"].notna() & frame["value"].notna() & (frame["better"] != "none")]
    stats = pool.groupby(["peer_group", "period", "kpi"])["value"].agg(
        peers="count",
        peer_q1=lambda values: values.quantile(0.25),
        peer_median="median",
        peer_q3=lambda values: values.quantile(0.75),
        spread=_spread,
    )
    frame = frame.merge(stats.reset_index(), on=["peer_group", "period", "kpi"], how="left")
    few, some = frame["peers"] < rules.median_from, frame["peers"] < rules.quartiles_from
    frame.loc[few, "peer_median"] = np.nan
    frame.loc[some, ["peer_q1", "peer_q3"]] = np.nan
    frame["standing"] = [_standing(row) for row in frame.itertuples()]
    return frame.drop(columns=["peer_group"])


def two_digits(value: float | None) -> float | None:
    """Round to two significant digits, as benchmarks are shown."""
    if value is None or not np.isfinite(value) or value == 0:
        return value
    return float(f"{value:.1e}")


def _group(roster: Roster, rules: Peers, scope: str, scope_id: str, period: str) -> str | None:
    if scope != "rep":
        return None
    post = roster.posts[scope_id, period]
    return {"all": ALL, "team": post.team, "role": post.role}[rules.group]


def _spread(values: pd.Series) -> float:
    low, high = float(values.min()), float(values.max())
    return 0.0 if same(low, high) else high - low


def _standing(row: object) -> str | None:
    """Tell the quarter, the top one on the good side; strict at both ends, so that ties stand in the middle."""
    value, q1, middle, q3 = (getattr(row, name) for name in ("value", "peer_q1", "peer_median", "peer_q3"))
    better = getattr(row, "better")  # noqa: B009
    if better == "none" or np.isnan([value, q1, middle, q3]).any() or getattr(row, "spread") == 0:  # noqa: B009
        return None
    if better == "lower":
        value, q1, middle, q3 = -value, -q3, -middle, -q1
    if above(value, q3):
        return "top quarter"
    if below(value, q1):
        return "bottom quarter"
    return "second quarter" if at_least(value, middle) else "third quarter"
