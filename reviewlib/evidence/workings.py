"""The workings of a snapshot: the tables of what figures are the sum of, and ``evidence.sql``.

Its views run from the tables to the facts, to what freeze measured by these same texts, to each KPI, to the scorecard.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import jinja2
import numpy as np
import pandas as pd
import pyarrow as pa

from reviewlib.evidence.benchmarks import peer_group
from reviewlib.evidence.facts import EPOCH, KEY
from reviewlib.evidence.period import PeriodEvidence
from reviewlib.evidence.tables import ARROW, JUDGED, JUDGED_TEXTS, Type
from reviewlib.params.kpis import RESULT
from reviewlib.params.model import QUARTILES_FROM

NAME: Final = "evidence.sql"
_OF_FIGURE: Final = (*KEY, "kpi")
#: The tables of terms with their columns; those that are no text have a type below.
_TERMS: Final[Mapping[str, tuple[str, ...]]] = {
    "groups": (*KEY,),
    "members": ("rep_id", "period", "scope", "scope_id"),
    "peer_groups": ("rep_id", "period", "peer_group", "active_days", "days"),
    "target_terms": (*_OF_FIGURE, "rep_id", "row_period", "source_line", "value", "ramp", "active_days", "days"),
    "measure_terms": (*_OF_FIGURE, "rep_id", "row_period", "source_line", "value", "n"),
    "change_terms": (*_OF_FIGURE, "value"),
    "reasons": (*_OF_FIGURE, "reason"),
    "verdict_terms": (*_OF_FIGURE, "verdict", *JUDGED),
}
_TYPES: Final[Mapping[str, Type]] = {
    **dict.fromkeys(("value", "ramp", "n"), "number"),
    **dict.fromkeys((name for name in JUDGED if name not in JUDGED_TEXTS), "number"),
    **dict.fromkeys(("source_line", "active_days", "days"), "count"),
}  # fmt: skip


def sql(evidence: PeriodEvidence) -> str:
    """Write ``evidence.sql``, which gives every figure from the files of the snapshot alone."""
    template = Path(__file__).with_name(f"{NAME}.j2").read_text(encoding="utf-8")
    kpis = evidence.context.kpis
    text: str = jinja2.Template(template, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True).render(
        result=RESULT.key,
        database=evidence.params.crm.connect if evidence.tables.database else None,
        period=evidence.period,
        as_of=(evidence.context.as_of - EPOCH).days,
        tables=("deals", "calendar", *_TERMS, *evidence.fetched),
        views={**evidence.facts.views, **evidence.measured.views},
        kpis=[*kpis.values()],
        columns=evidence.measured.columns,
        means={key for key in kpis if key in evidence.params.kpis and evidence.params.kpis[key].combine == "mean"},
        quartiles_from=QUARTILES_FROM,
    )
    return text


def term_tables(evidence: PeriodEvidence) -> dict[str, pa.Table]:
    """The tables of terms by name: periods, who counts for whom, what is added up, and why a figure is n/a."""
    context, card = evidence.context, evidence.scorecard
    periods = context.periods
    posts = [(post, name, periods[name]) for (_, name), post in context.roster.posts.items() if name in periods]
    judged = card.loc[card["model"].notna(), [*_TERMS["verdict_terms"]]].astype({"capped": "float64"})
    measured = _rows(evidence.from_elsewhere[[*_OF_FIGURE, "rows"]])
    rows: dict[str, Iterable[tuple[Any, ...]]] = {
        "groups": _rows(card[KEY].drop_duplicates()),
        "members": _rows(context.roster.members()),
        "peer_groups": [
            (post.id, name, peer_group(post, context.params.peers), post.active_days(period), period.days)
            for post, name, period in posts
        ],
        "target_terms": _target_terms(evidence),
        "measure_terms": (
            (*figure, row.rep_id, row.period.name, row.line, row.value, row.n)
            for *figure, combined in measured
            for row in combined
        ),
        "change_terms": _rows(_change_terms(evidence)),
        "reasons": _rows(card.loc[card["value"].isna(), [*_OF_FIGURE, "reason"]]),
        "verdict_terms": _rows(judged.astype(object).where(judged.notna(), None)),
    }
    tables = {"calendar": context.calendar.table(), **evidence.fetched}
    for name, columns in _TERMS.items():
        schema = pa.schema([(column, ARROW[_TYPES.get(column, "text")]) for column in columns])
        cells = [*zip(*rows[name], strict=True)] or [()] * len(columns)
        tables[name] = pa.table([pa.array(own, kind) for own, kind in zip(cells, schema.types, strict=True)], schema)
    return tables


def _rows(frame: pd.DataFrame) -> Iterable[tuple[Any, ...]]:
    return frame.itertuples(index=False, name=None)


def _target_terms(evidence: PeriodEvidence) -> Iterator[tuple[Any, ...]]:
    for (kpi, scope, scope_id, period), target in evidence.context.targets.found.items():
        for term in target.terms:
            row = term.row
            numbers = (float(row.value), float(row.ramp), term.active_days, term.days)
            yield (scope, scope_id, period, kpi, term.rep_id, row.period.name, row.line, *numbers)


def _change_terms(evidence: PeriodEvidence) -> pd.DataFrame:
    """The split of each rep; of a team and of all, what their reps' parts leave."""
    parts = [key for key, kpi in evidence.context.kpis.items() if kpi.part]
    rows = evidence.scorecard.loc[evidence.scorecard["kpi"].isin(parts), [*_OF_FIGURE, "value"]]
    own = rows[rows["scope"] == "rep"].drop(columns="scope").rename(columns={"scope_id": "rep_id"})
    members = evidence.context.roster.members()
    sums = members[members["scope"] != "rep"].merge(own, on=["rep_id", "period"]).groupby([*_OF_FIGURE])["value"].sum()
    keys = pd.MultiIndex.from_frame(rows[[*_OF_FIGURE]])
    return rows.assign(value=np.round(rows["value"] - sums.reindex(keys, fill_value=0).to_numpy("float64"), 4))
