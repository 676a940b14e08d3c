"""Which figures a workbook has: the built-in KPIs without what is switched off, and its measures from other tools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, Literal

from reviewlib.errors import ParamsError
from reviewlib.evidence import kpis
from reviewlib.evidence.figures import Kpi
from reviewlib.params.model import KpiParams, Params

#: How the targets of a measure add up over periods, by how its values are combined.
_TARGETS_OF_MEASURES: Final[Mapping[str, Literal["sum", "stock", "level"]]] = MappingProxyType(
    {"sum": "sum", "last": "stock", "mean": "level"}
)


def of_workbook(params: Params, mapped: frozenset[str]) -> Mapping[str, Kpi]:
    """List the figures of a workbook: the built-in ones and its measures from other tools, without what is switched off.

    Where the export has no expected amount, the bridge of the pipeline counts deals.

    Raises:
        ParamsError: A measure has the key of a supporting figure, or nothing is left that is judged.
    """
    taken = sorted(key for key in params.kpis if key in kpis.KPIS and kpis.KPIS[key].of)
    if taken:
        raise ParamsError(
            "A measure has the key of a figure that reviewlib works out itself.",
            where=f"{params.path.name}, kpis",
            found=", ".join(taken),
            do="Give the measure another key.",
        )
    measures = {key: _measure(key, entry) for key, entry in params.kpis.items() if key not in kpis.KPIS}
    off = {key for key, entry in params.kpis.items() if entry.off}
    if "revenue" in off:  # both are worked out beside it
        off |= {"attainment_raw", "reps_target"}
    every = {**kpis.KPIS, **measures}
    if all(key in off for key in (*kpis.MAIN, *measures)):
        raise ParamsError(
            "Every KPI is switched off.", where=f"{params.path.name}, kpis", do="Leave at least one of them on: remove its off."
        )
    counted = "expected_amount" not in mapped
    return MappingProxyType(
        {
            key: replace(kpi, **kpis.COUNTED[key]) if counted and key in kpis.COUNTED else kpi
            for key, kpi in every.items()
            if key not in off and kpi.of not in off
        }
    )


def _measure(key: str, entry: KpiParams) -> Kpi:
    """Describe a measure from another tool by what params say of it."""
    return Kpi(
        key=key,
        label=entry.label or key,
        unit=entry.unit or "count",
        better=entry.better or "higher",
        group="Other measures",
        judged_by="exact",
        definition=entry.definition or "",
        n_label="observations",
        targets=_TARGETS_OF_MEASURES[entry.combine or "sum"],
        sentence=f"{entry.label}: {{{key}}}",
    )


def missing(kpi: Kpi, mapped: frozenset[str]) -> str | None:
    """Say which of the columns that a KPI needs are not mapped, as a reason; None where all are."""
    absent = [name for name in kpi.needs if name not in mapped]
    return f"the export has no column for {', '.join(absent)}" if absent else None
