"""Verdicts: each figure of the review period, judged by its model; of the others why they are not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from reviewlib.evidence.availability import OWN_JUDGED, ScorecardContext
from reviewlib.evidence.intervals import Z95
from reviewlib.evidence.judgement import AMOUNTS, MODELS, SCALE, Cases, Numbers, Thresholds, Trials
from reviewlib.evidence.tables import JUDGED, SCORECARD

#: The smallest change of a figure by its unit, finer than it is printed; money has that of its currency.
_STEPS: Final = {"count": 1.0, "days": 1.0, "percent": 0.001, "ratio": 0.001, "score": 0.01}
_SO_FEW: Final = "so few that no figure on this side would tell"
_TOO_SHORT: Final = "here for less than a third of the period"


def with_verdicts(card: pd.DataFrame, rows: pd.DataFrame, context: ScorecardContext) -> pd.DataFrame:
    """Judge the figures that ``yardsticks`` laid out: fills verdict and reason, and adds the columns of ``tables.JUDGED``."""
    found = [_with_needs(_of_model(str(model), own, context), str(model), context) for model, own in rows.groupby("model")]
    judged = pd.concat(found) if found else rows
    card = card.drop(columns="verdict").join(judged.reindex(columns=[*JUDGED, "own_low", "own_high", "why"]))
    verdicts = pd.Series("not_judged", index=card.index).where(card["value"].notna(), "not_available")
    if found:
        verdicts = judged["verdict"].reindex(card.index).fillna(verdicts)
    unsaid = _unjudged(card, context).where(card["value"].notna(), "not available")
    said = card["reason"].where(card["reason"].notna(), card["why"])
    reasons = said.where(said.notna() | verdicts.isin(SCALE), unsaid)
    ends = {end: card[end].fillna(card[f"own_{end}"].astype("float64")) for end in ("low", "high")}
    return card.assign(verdict=verdicts, reason=reasons, **ends)[[*SCORECARD, *JUDGED]]


def _unjudged(card: pd.DataFrame, context: ScorecardContext) -> pd.Series[str]:
    """Say why figures that no model judges are not judged."""
    own, judged = f"of your own measures, the first {OWN_JUDGED} are judged", context.models
    reasons = {
        key: "supporting figure" if kpi.of else own if kpi.own else kpi.unjudged or "told and not judged"
        for key, kpi in context.kpis.items()
    }
    reasons |= dict.fromkeys(judged, "judged in the review of its own period")
    whole = ~card["scope"].isin(("rep", "team")) & card["kpi"].isin(list(judged)) & (card["period"] == context.trend[-1].name)
    return card["kpi"].map(reasons).where(~whole, "it is nobody’s own")


def _of_model(name: str, rows: pd.DataFrame, context: ScorecardContext) -> pd.DataFrame:
    """Judge the figures of one model, and say why some cannot be judged."""
    model = MODELS[name]
    rows["why"], rows["verdict"] = None, None
    for verdict, reason, where in _obstacles(rows, name, context):
        open_rows = rows["verdict"].isna() & where
        rows.loc[open_rows, "verdict"], rows.loc[open_rows, "why"] = verdict, reason
    rows["material"] = _material(rows, context)
    own = rows[rows["verdict"].isna()]
    if own.empty:
        return rows
    cases = _cases(name, own, context)
    limits = Thresholds(context.params.judgement.gap, context.params.judgement.watch)
    places = cases.places(limits)
    names = np.array(SCALE, dtype=object)
    hidden = (places == SCALE.index("no_signal")) & cases.out_of_reach(limits)
    at = own.index
    rows.loc[at, "verdict"] = np.where(hidden, "too_few", names[places])
    rows.loc[at, "why"] = [_SO_FEW if one else None for one in hidden]
    for column, values in zip(("p_low", "p_high", "p4_low", "p4_high"), cases.tails(), strict=True):
        rows.loc[at, column] = values
    for column, values in zip(("own_low", "own_high"), _interval(cases), strict=True):
        rows.loc[at, column] = values
    scale = cases.per if name != "median" else np.ones(len(own))
    for column, values in zip(("band_low", "band_high"), cases.ends(limits), strict=True):
        rows.loc[at, column] = values * scale
    # Whole things are counted; all else is told in the figure's unit.
    scale = np.where(model.whole, 1.0, scale)
    for side, values in zip(("better", "worse"), cases.flips(limits), strict=True):
        rows.loc[at, f"{side}_from"] = values * scale
        to = cases.places(limits, np.where(np.isnan(values), cases.now.reached, values))
        rows.loc[at, f"{side}_to"] = [None if gone else name for gone, name in zip(np.isnan(values), names[to], strict=True)]
    return rows


def _with_needs(rows: pd.DataFrame, name: str, context: ScorecardContext) -> pd.DataFrame:
    """Where there are too few to tell, say what it takes: how many trials, or of what has none which level, to two digits."""
    model, limits = MODELS[name], Thresholds(context.params.judgement.gap, context.params.judgement.watch)
    few = rows[(rows["verdict"] == "too_few") & (rows["trials"] > 0) & ((rows["spread"] > 0) | (not model.spreads))]
    needs = _cases(name, few, context).fewest(limits) * few["trials" if model.fewest else "level"]
    grain = 1.0 if model.whole or model.fewest else 10.0 ** (np.floor(np.log10(needs)) - 1)
    return rows.assign(needs=(np.ceil(np.round(needs / grain, 6)) * grain).clip(lower=model.fewest))


def _interval(cases: Cases) -> Numbers:
    """Bound a figure by 95 %, as much as it varies at its own level, where counting gives it no interval."""
    now = cases.now
    own = now if cases.model.of_df else replace(now, expected=now.reached)
    if cases.model.bounded:
        return np.full((2, len(now.reached)), np.nan)
    half = Z95 * np.sqrt(np.maximum(cases.model.variance(own), 0) * cases.phi)
    low = now.reached - half if cases.model.of_df else np.minimum(now.reached, np.maximum(now.reached - half, 0))
    return np.array([low * cases.per, (now.reached + half) * cases.per])


def _obstacles(rows: pd.DataFrame, name: str, context: ScorecardContext) -> Iterator[tuple[str, str, pd.Series[bool]]]:
    """Verdict and reason of figures that cannot be judged, the first obstacle first."""
    model, posts, period = MODELS[name], context.roster.posts, context.trend[-1]
    reps = rows["scope"] == "rep"
    left = {rep for rep in context.roster.rep_ids if (day := posts[rep, period.name].left_on) and day <= context.as_of}
    yield "not_available", "not available", rows["value"].isna()
    yield "not_judged", "has left", reps & rows["scope_id"].isin(left)
    yield "not_judged", _TOO_SHORT, ~rows["exposed"].astype(bool)
    alone = "no target, and no group of eight peers to compare with"
    yield "not_judged", alone, rows["level"].isna() & reps
    yield "not_judged", "no target is set", rows["level"].isna()
    ends = "a target of zero or less tells nothing" if name != "binomial" else "a target of none or all tells nothing"
    yield "not_judged", ends, (rows["level"] <= 0) | ((name == "binomial") & (rows["level"] >= 1))
    for key, few in (rows["trials"] < model.fewest).groupby(rows["kpi"]):
        yield "too_few", f"fewer than {model.fewest} {context.kpis[str(key)].n_label}", few & (not model.of_df)
    unknown = f"fewer than {AMOUNTS} amounts before it to know how much they vary"
    unknown = "too few periods before it to know how much it varies" if model.of_df else unknown
    yield "too_few", unknown, model.spreads & ~(rows["spread"] > 0)
    yield "not_judged", "too few periods of teams to know how much they vary", ~reps & (rows["phi_from"] != "group")


def _material(rows: pd.DataFrame, context: ScorecardContext) -> pd.Series[float]:
    """How far from its level each figure must be, in its unit."""
    params = context.params.kpis
    given = {key: (key in params and params[key].material) or kpi.material for key, kpi in context.kpis.items()}
    own = rows["kpi"].map(given).astype("float64")
    return own.where(rows["kpi"].map({key: kpi.in_points for key, kpi in context.kpis.items()}), own * rows["level"])


def _cases(name: str, rows: pd.DataFrame, context: ScorecardContext) -> Cases:
    model, median = MODELS[name], name == "median"
    columns = {name: rows[name].to_numpy("float64") for name in ("value", "level", "material", "phi", "share", "share4")}
    per = 1 / (rows["trials"] if name in ("binomial", "median") else rows["base"]).to_numpy("float64")
    smallest = {key: _STEPS.get(kpi.unit, 10.0**-context.digits) for key, kpi in context.kpis.items()}
    step = rows["kpi"].map(smallest).to_numpy("float64") / per
    better = rows["kpi"].map({key: 1.0 if kpi.better == "higher" else -1.0 for key, kpi in context.kpis.items()})
    return Cases(
        model=model,
        now=Trials.of(rows),
        earlier=Trials.of(rows, "4"),
        joint=rows["joint"].to_numpy(bool),
        phi=columns["phi"] * (1 - np.nan_to_num(columns["share"])),
        phi4=columns["phi"] * (1 - np.nan_to_num(columns["share4"])),
        good=np.asarray(better, dtype="float64"),
        per=per,
        value=columns["value"] if median else np.full(len(rows), np.nan),
        level=columns["level"],
        material=columns["material"],
        step=np.ones_like(step) if model.whole else step,
        capped=rows["capped"].to_numpy(bool),
    )
