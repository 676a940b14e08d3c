"""Reliability: how much of the spread between reps is chance, how often verdicts repeat, and what is too small to be seen."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from reviewlib.evidence.judgement import MODELS, SCALE, Trials
from reviewlib.params.figures import Kpi

#: Fewest degrees of freedom from which the share of chance is told.
ENOUGH: Final = 24


def of_kpis(card: pd.DataFrame, kpis: Mapping[str, Kpi]) -> pd.DataFrame:
    """Tell how far the verdicts of each KPI can be relied on, from what ``period.past_verdicts`` returns.

    Returns:
        A row per KPI that is judged: kpi; how many figures were ``judged``, over all reps and periods; ``chance``, the share
        (0 to 1) of the variance between reps that it makes, missing where too few are known; how many were ``flagged``, that
        is more than no clear signal on either side, how many of these were ``followed`` by a verdict of the next period, and
        how many ``again`` by one on the same side. Of the reps of the last period: the median ``phi`` and ``phi_from``, and of
        the one in the middle ``level``, ``n`` (of a median how many values differ from the level) and ``beyond``: how
        far on the bad side of the level is still no clear signal, in the KPI's unit, of a median how many values above it;
        missing where nothing is seen at all.
    """
    turns = {name: turn for turn, name in enumerate(card["period"].unique())}
    sides = {name: np.sign(place - SCALE.index("no_signal")) for place, name in enumerate(SCALE)}
    rows = card[card["p_low"].notna()].assign(turn=card["period"].map(turns), side=card["verdict"].map(sides).fillna(0))
    found = []
    for key in card["kpi"].unique():
        own = rows[rows["kpi"] == key]
        flagged, next_one = own["side"] != 0, pd.MultiIndex.from_arrays([own["scope_id"], own["turn"] + 1])
        after = own.set_index(["scope_id", "turn"])["side"].reindex(next_one).set_axis(own.index)
        followed, again = flagged & after.notna(), flagged & (after == own["side"])
        counts = {"flagged": flagged.sum(), "followed": followed.sum(), "again": again.sum()}
        now = own[own["turn"] == len(turns) - 1]
        told = dict.fromkeys(("phi", "level", "beyond"), np.nan) if now.empty else _now(kpis[key], now)
        found.append({"kpi": key, "judged": len(own), "chance": _chance(own), **counts, **told})
    return pd.DataFrame(found)


def _chance(rows: pd.DataFrame) -> float:
    """The share of the variance between reps that the model and phi explain; missing where too few are known.

    It is ``df / Q``, at most 1, which is one less ``I^2`` (J. P. T. Higgins, S. G. Thompson, "Quantifying heterogeneity in a
    meta-analysis", Statistics in Medicine 21, 2002), or one less the reliability of one period's figures. ``Q`` is Cochran's:
    the sum of ``(x - mean)^2 / v`` over the reps of each peer group and period. x is what is reached of what is expected, v
    its variance at the level of the group, and the mean is weighted by 1 / v. Where nothing but chance tells reps apart, Q is
    df on average: the number of figures less that of groups and periods.
    """
    by = ["period", "group", "model"]
    sums = rows.groupby(by)[["reached", "expected"]].transform("sum")
    at = rows.assign(expected=rows["expected"] * sums["reached"] / sums["expected"])
    variances = [pd.Series(MODELS[str(name)].variance(Trials.of(own)), own.index) for name, own in at.groupby("model")]
    weight = rows["expected"] ** 2 / (pd.concat(variances) * rows["phi"]) if variances else rows["phi"]
    known = rows.assign(x=rows["reached"] / rows["expected"], weight=weight)[np.isfinite(weight)]
    sums = known.assign(x=known["x"] * known["weight"]).groupby(by)[["x", "weight"]].transform("sum")
    q = float((known["weight"] * (known["x"] - sums["x"] / sums["weight"]) ** 2).sum())
    df = len(known) - known.groupby(by).ngroups
    return min(1.0, df / q) if df >= ENOUGH and q > 0 else np.nan


def _now(kpi: Kpi, rows: pd.DataFrame) -> dict[str, Any]:
    """What the figures of the last period rest on, and what it takes to be seen, for the rep in the middle."""
    median, high, model = kpi.judged_by == "median", kpi.better == "higher", MODELS[str(kpi.judged_by)]
    end, n = rows["band_low" if high else "band_high"], rows["trials" if median else "n"]
    most = n if median else 1.0 if model.bounded else np.inf
    seen = end.notna() & ((end > 0) | model.of_df if high else end < most)
    beyond = (end if median else (rows["level"] - end).abs().clip(lower=rows["material"])).where(seen)
    # Half of the others need to be further from their level, half less.
    away = ((beyond / n - 0.5).abs() if median else beyond / rows["level"]).fillna(np.inf)
    middle = away.sort_values(kind="stable").index[(len(away) - 1) // 2]
    phi = {"phi": rows["phi"].median(), "phi_from": ", ".join(sorted(rows["phi_from"].unique()))}
    return phi | {"level": rows["level"][middle], "n": n[middle], "beyond": beyond[middle]}
