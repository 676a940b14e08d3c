"""Yardsticks: what each figure is held against, how much such figures scatter, and what the periods before add to it.

Whatever is estimated here comes from the trend's periods before the judged one, so that no figure is its own yardstick. What is
held against a target scatters about the rep's own level; what is held against the level of peers, about that: peers who differ
are no finding, and only who stands out among them is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from reviewlib.evidence.availability import ScorecardContext
from reviewlib.evidence.benchmarks import peer_group, with_presence
from reviewlib.evidence.comparison import ROUNDING
from reviewlib.evidence.judgement import AMOUNTS, MODELS, Trials
from reviewlib.params.kpis import RESULT
from reviewlib.params.model import QUARTILES_FROM

if TYPE_CHECKING:
    from reviewlib.evidence.evaluation import Evaluation

_OF = ["scope", "scope_id", "kpi"]
#: How many periods are put together, the judged one included.
_TOGETHER: Final = 4
#: Fewest periods of reps from which it is known how much more than the model says a figure varies.
PERIODS: Final = 24
#: As how many purchases of the group a rep's mean purchase begins.
_PRIOR: Final = 10
_RATES: Final = ("binomial",)
_SUMS = ["reached", "expected", "trials"]


def of_period(card: pd.DataFrame, context: ScorecardContext, measured: Evaluation) -> pd.DataFrame:
    """Lay out every figure of the review period that is judged, of reps and teams: its level, its trials, its yardsticks.

    Adds to the columns of the scorecard: model, level, capped (held against no target of its own), exposed, share (of what
    the peers reach together, where that is the level), reached, expected and trials, the same of up to three periods before as
    ``reached4`` and so on, joint (where there are any), periods, size, spread, df, phi, phi_from, and people (behind these, at
    the least).
    """
    known, last = context.models, len(context.trend) - 1
    turns = {period.name: turn for turn, period in enumerate(context.trend)}
    rows = card[card["kpi"].isin(list(known)) & card["scope"].isin(("rep", "team")) & card["period"].isin(list(turns))]
    rows = with_presence(rows, context.roster, context.sums)
    rows = rows.assign(model=rows["kpi"].map(known), turn=rows["period"].map(turns))
    # Peers are those of the review period.
    posts, name, rules = context.roster.posts, context.trend[-1].name, context.params.peers
    groups = {rep: peer_group(posts[rep, name], rules) for rep in context.roster.rep_ids}
    rows["group"] = rows["scope_id"].map(groups).where(rows["scope"] == "rep", "team")
    # What the figure is a part of: a share's and a mean's number, the target that is to be covered, the time of a sum.
    bottom = rows["denominator"].where(rows["denominator"].notna(), 1.0)
    rows["base"] = bottom.where(rows["model"] != "mean", rows["n"])
    sums = rows["model"].isin(("poisson", "purchases", "total")) & rows["denominator"].isna()
    rows["weight"] = rows["part"].where(sums, rows["base"].where(rows["model"] != "median", rows["n"]))
    rows["reached"] = rows["numerator"].where(rows["model"] != "mean", rows["value"] * rows["n"])
    benchmarks = rows["kpi"].map({key: kpi.benchmark for key, kpi in context.kpis.items()}).astype("float64")
    rows["level"] = rows["target"].where(rows["target"].notna(), benchmarks.where(rows["scope"] == "rep"))
    rows["capped"] = rows["target"].isna()
    rows = _with_trials(_with_peers(rows, measured, sums), measured)
    rows["of_peers"] = rows["share"].notna()
    now, before = rows[rows["turn"] == last].copy(), rows[(rows["turn"] < last) & rows["usable"]]
    # Of the periods before those that were held against the same kind of level.
    before = before.merge(now[[*_OF, "of_peers"]], on=[*_OF, "of_peers"])
    now = _with_earlier(now, before[before["turn"] > last - _TOGETHER], context)
    spreads = _spreads(now, before, context, measured.sizes)
    now, before = (part.join(spreads, on=_OF) for part in (now, before))
    return _with_phi(now, before, [key for key, kpi in context.kpis.items() if kpi.today_only])


def _with_peers(rows: pd.DataFrame, measured: Evaluation, sums: pd.Series[bool]) -> pd.DataFrame:
    """Hold who has no target against what the group reaches together, the rep included."""
    member = (rows["scope"] == "rep") & rows["exposed"] & rows["value"].notna() & rows["group"].notna()
    by = [rows.loc[member, name] for name in ("kpi", "period", "group")]
    members = rows.loc[member, ["reached", "weight"]].assign(members=1.0).groupby(by).sum().add_suffix("_of_group")
    rows = rows.join(members, on=["kpi", "period", "group"])
    pooled = rows["reached_of_group"] / rows["weight_of_group"]
    pooled = pooled.where(~sums, pooled * rows["weight"])
    own = member & rows["level"].isna() & (rows["members_of_group"] >= QUARTILES_FROM)
    if (medians := own & (rows["model"] == "median")).any():
        middles = measured.middles(rows.loc[member & (rows["model"] == "median"), ["kpi", "scope_id", "period", "group"]])
        found = rows[["kpi", "period", "group"]].merge(middles, how="left", on=["kpi", "period", "group"])["level"]
        pooled = pooled.where(~medians, found.to_numpy())
    rows["share"] = (rows["weight"] / rows["weight_of_group"]).where(own)
    rows["level"] = rows["level"].where(~own, pooled)
    return rows


def _with_trials(rows: pd.DataFrame, measured: Evaluation) -> pd.DataFrame:
    rows["trials"] = rows["weight"].where(~rows["model"].isin(("poisson", "purchases", "total")), 1.0)
    rows["expected"] = rows["level"] * rows["base"]
    medians = rows["model"] == "median"
    if (held := medians & rows["level"].notna() & rows["value"].notna()).any():
        asked = rows.loc[held, [*_OF, "period", "level"]]
        found = measured.beside(asked).set_index([*_OF, "period"]).reindex(pd.MultiIndex.from_frame(asked[[*_OF, "period"]]))
        rows.loc[held, "reached"] = found["above"].to_numpy("float64")
        rows.loc[held, "trials"] = (found["above"] + found["below"]).to_numpy("float64")
        rows.loc[held, "expected"] = rows.loc[held, "trials"] / 2
    rows.loc[rows["model"] == "total", "trials"] = rows["expected"] ** 2
    rates = rows["model"].isin(_RATES)
    sound = (rows["level"] > 0) & (~rates | (rows["level"] < 1))
    rows["usable"] = rows["exposed"] & rows["value"].notna() & sound & (rows["expected"] > 0) & (rows["trials"] > 0)
    return rows


def _with_earlier(now: pd.DataFrame, before: pd.DataFrame, context: ScorecardContext) -> pd.DataFrame:
    """Put the sums of the periods before beside each figure; what the CRM forgets stands alone, and what peers are held to."""
    close = before.assign(periods=1.0).groupby(_OF)[[*_SUMS, "periods"]].sum()
    now = now.join(close.rename(columns={name: f"{name}4" for name in _SUMS}), on=_OF)
    alone = now["kpi"].map({key: kpi.today_only for key, kpi in context.kpis.items()}).astype(bool) | now["of_peers"]
    now["joint"] = now["expected4"].notna() & ~alone
    names = [*(f"{name}4" for name in _SUMS), "periods"]
    now[names] = now[names].where(now["joint"], 0.0)
    now["periods"] += 1
    return now


def _spreads(now: pd.DataFrame, before: pd.DataFrame, context: ScorecardContext, sizes: pd.DataFrame) -> pd.DataFrame:
    """How much figures scatter, from the periods before: size, spread and df by scope, scope_id and kpi."""
    own = now[[*_OF, "group", "model", "of_peers"]].set_index(_OF)
    kinds = {key: kpi.sizes for key, kpi in context.kpis.items() if kpi.sizes}
    found = [_of_amounts(own, kinds, _by_subject(sizes, context))]
    for model in ("mean", "total"):
        found.append(_of_past(own[own["model"] == model], before[before["model"] == model]))
    return pd.concat(found)


def _by_subject(sizes: pd.DataFrame, context: ScorecardContext) -> pd.DataFrame:
    """Sum the amounts of the periods before up by scope, scope_id and kind; a team's are those of its reps."""
    names = [period.name for period in context.trend[:-1]]
    members = context.roster.members()
    members = members[members["scope"].isin(("rep", "team")) & members["period"].isin(names)]
    merged = sizes.merge(members, on=["rep_id", "period"])
    return merged.groupby(["scope", "scope_id", "kind"])[["number", "total", "squares"]].sum()


def _of_amounts(own: pd.DataFrame, kinds: Mapping[str, str], sums: pd.DataFrame) -> pd.DataFrame:
    """The mean purchase, and how much amounts scatter about each subject's own mean (squared coefficient of variation)."""
    rows = own[own.index.get_level_values("kpi").isin(list(kinds))].reset_index()
    rows["kind"] = rows["kpi"].map(kinds).astype(object)
    rows = rows.join(sums.astype("float64"), on=["scope", "scope_id", "kind"])
    rows[[*sums]] = rows[[*sums]].fillna(0.0)
    rows["within"] = (rows["number"] * (rows["number"] * rows["squares"] / rows["total"] ** 2 - 1)).clip(lower=0).fillna(0.0)
    rows["within"] = rows["within"].where(rows["within"] > ROUNDING * rows["number"], 0.0)  # amounts that are all alike
    rows["df"] = (rows["number"] - 1).clip(lower=0)
    rows["people"] = (rows["number"] > 0).astype("float64")
    names = ["number", "total", "within", "df", "people"]
    group = _pooled(rows, names, by=["kpi"], enough=lambda sums: sums["number"] >= AMOUNTS)
    rows["people"] = group["people"]
    mean = group["total"] / group["number"]
    rows["size"] = (rows["total"] + _PRIOR * mean) / (rows["number"] + _PRIOR)
    c2 = group["within"] / group["df"]
    rows["spread"] = c2.where(rows["model"] != "purchases", rows["size"] * (1 + c2))
    return rows.set_index(_OF)[["size", "spread", "people"]].assign(df=np.nan)


def _of_past(own: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """How much a measure scatters about its level; of a mean the variance of one answer, of a total relative."""
    mean = before["model"] == "mean"
    x = (before["reached"] / before["expected"]).where(~mean, before["value"])
    weight = before["trials"].where(mean, 1.0)
    by = [before[name] for name in _OF]
    level = (x * weight).groupby(by).transform("sum") / weight.groupby(by).transform("sum")
    level = level.where(~before["of_peers"], before["level"].where(mean, 1.0))
    squares = (weight * (x - level) ** 2 / (1 - before["share"].fillna(0.0))).groupby(by).sum()
    rows = own.assign(within=squares, periods=before.groupby(_OF).size()).fillna({"within": 0.0, "periods": 0.0}).reset_index()
    rows["model"] = rows["model"].astype(object)
    fewest = min((MODELS[model].fewest for model in rows["model"].unique()), default=0)
    rows = _free(rows)
    group = _pooled(rows, ["within", "df", "people"], enough=lambda sums: sums["df"] >= fewest)
    rows["spread"], rows["df"], rows["people"] = group["within"] / group["df"], group["df"].fillna(0.0), group["people"]
    return rows.set_index(_OF)[["spread", "df", "people"]].assign(size=np.nan)


def _free(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the degrees of freedom that so many periods leave, one less where a level of their own is taken out, and people."""
    df = (rows["periods"] - ~rows["of_peers"].astype(bool)).clip(lower=0)
    return rows.assign(df=df, people=(df > 0).astype("float64"))


def _pooled(
    rows: pd.DataFrame,
    names: Sequence[str],
    *,
    enough: Callable[[pd.DataFrame], pd.Series[bool]],
    by: Sequence[str] = ("kpi", "of_peers"),
) -> pd.DataFrame:
    """Sum over the peer group where that is enough, else over all reps; missing where that is not enough either.

    ``from`` says which.
    """
    group, whole = (rows.groupby([*by, kind], dropna=False)[[*names]].transform("sum") for kind in ("group", "scope"))
    own, all_reps = enough(group), enough(whole)
    return group.where(own, whole.where(all_reps)).assign(**{"from": np.select([own, all_reps], ["group", "all"], "assumed")})


def _with_phi(now: pd.DataFrame, before: pd.DataFrame, forgotten: Sequence[str]) -> pd.DataFrame:
    """By how much more than the model says figures vary: about each rep's own level, or about that of the peers.

    ``sum (X - r E)^2 / V(r E) / sum (periods - 1)``, of the peer group where there are enough periods, else of all reps, else 1
    (Spiegelhalter 2005, section 3.2). The rep's level r is taken out, also of the variance V, so that being better or worse is
    no dispersion; against peers it is one: ``sum (X - E)^2 / V(E) / (1 - share) / sum periods``. What has no periods before,
    since the CRM forgets it, has the dispersion of the result.
    """
    by = [before[name] for name in _OF]
    sums = before[["reached", "expected"]].groupby(by).transform("sum")
    own = (sums["reached"] / sums["expected"]).clip(0.25, 4).where(~before["of_peers"], 1.0)
    expected = own * before["expected"]
    variance = _variance(before.assign(expected=expected)) * (1 - before["share"].fillna(0.0))
    # Where all amounts are alike, no variance follows from them, and nothing of the dispersion.
    terms = (before["reached"] - expected) ** 2 / variance.where(variance > 0)
    before = before.assign(terms=terms).dropna(subset="terms")
    each = before.groupby(_OF).agg(terms=("terms", "sum"), periods=("terms", "count"))
    each = each[each["periods"] >= 2]
    rows = _free(now[[*_OF, "group", "of_peers"]].join(each, on=_OF).fillna({"terms": 0.0, "periods": 0.0}))
    pool = _pooled(rows, ["terms", "periods", "df", "people"], enough=lambda sums: sums["periods"] >= PERIODS)
    of_past = now["model"].map({name: model.of_df for name, model in MODELS.items()}).astype(bool)
    now["phi"] = (pool["terms"] / pool["df"]).clip(lower=1.0).where(~of_past).fillna(1.0)
    now["people"] = np.fmin(now["people"], pool["people"].where(~of_past))
    now["phi_from"] = pool["from"].where(~of_past, "past")
    of_result = now[now["kpi"] == RESULT.key].set_index(["scope", "scope_id"])[["phi", "phi_from"]]
    borrowed = now[["scope", "scope_id"]].join(of_result, on=["scope", "scope_id"])
    lends = now["kpi"].isin(forgotten) & borrowed["phi"].notna()
    for name in ("phi", "phi_from"):
        now[name] = now[name].where(~lends, borrowed[name])
    return now


def _variance(rows: pd.DataFrame) -> pd.Series[float]:
    found = pd.Series(np.nan, index=rows.index)
    for model, places in rows.groupby("model").groups.items():
        found.loc[places] = MODELS[str(model)].variance(Trials.of(rows.loc[places]))
    return found
