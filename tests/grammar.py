"""The grammar sheet: every sentence that counts something, with 0, 1, 2, 5 and 1,000 of it.

``python tests/grammar.py`` writes ``tests/pages/grammar.txt`` anew; what changed there is read, line by line, by somebody.
"""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pages_fixture as made
from told import sentences as cut

from reviewlib.cli import run_progress, terminal
from reviewlib.conversation.answers.responses import refusal
from reviewlib.conversation.goals import followup, smart
from reviewlib.conversation.schedule import retention_reminder
from reviewlib.evidence import insights, quality
from reviewlib.evidence.scorecard import SubjectScorecard
from reviewlib.evidence.tables import JUDGED, SCORECARD
from reviewlib.pages import blocks, goal_views, index, provenance, sentences, verdict_views
from reviewlib.params import reading, words
from reviewlib.params.kpis import KPIS
from reviewlib.periods import Period
from reviewlib.review import Figure, Judged, Review

HERE = Path(__file__).parent
SHEET = HERE / "pages" / "grammar.txt"
COUNTS = (0, 1, 2, 5, 1000)
PARAMS = HERE.parent / "params" / "demo.yaml"
#: Columns that count.
_COUNTED = {"value": "unit", "numerator": "top", "denominator": "bottom", "target": "unit", "previous": "unit"}
#: Of none of these there is no figure, so that no sentence says it.
_WHOLE = (
    "closed_deals",
    "base_accounts",
    "opened_deals",
    "deal_size",
    "cycle_days",
    "win_rate",
    "retention_rate",
    "conversion_rate",
)


def _slice(count: int) -> dict[str, Any]:
    """A rep's slice in which whatever is counted is so many."""
    data = made.rep_slice("manager")
    places = {name: place for place, name in enumerate(SCORECARD)}
    for row in data["history"]["data"]:
        key = row[places["kpi"]]
        kpi, some = KPIS.get(key), float(count or 5 if key in _WHOLE else count)
        for column, unit in _COUNTED.items():
            if kpi is not None and getattr(kpi, unit) == "count" and row[places[column]] is not None:
                row[places[column]] = float(count or 5) if column == "denominator" else some
        if row[places["n"]] is not None:
            row[places["n"]] = some
    data["data"]["mine"] = {"quarantined": count}
    return data


def _card(review: Review, data: dict[str, Any], verdict: str, *, aimed: bool) -> SubjectScorecard:
    """The scorecard of the slice, every figure with this verdict."""
    places = {name: place for place, name in enumerate(SCORECARD)}
    rows = {}
    for row in data["history"]["data"]:
        own = list(row)
        own[places["verdict"]] = verdict
        if not aimed:
            own[places["target"]] = own[places["attainment"]] = None
        rows[row[places["kpi"]], row[places["period"]]] = own
    return SubjectScorecard(review.subject, rows, {**review.kpis, **KPIS}, review.period, tuple(review.trend))


def _insights(count: int) -> Iterator[str]:
    """What the scorecard says: summary, leads, findings with advice, achievements, with targets and without."""
    data, params = _slice(count), reading.load(PARAMS)
    review = made.opened(data)
    review = replace(review, kpis={**review.kpis, **KPIS})
    for verdict, aimed in (("gap", True), ("strength", True), ("gap", False)):
        found = insights.insights(_card(review, data, verdict, aimed=aimed), params, team_met=True)
        yield from found.summary
        yield from found.leads.values()
        for finding in found.findings:
            yield from (finding.title, finding.text, *finding.evidence, *(action.text for action in finding.actions))
        for item in found.achievements:
            yield from (item.title, item.text)
    for kpi in KPIS.values():
        yield from filter(None, (kpi.sentence, kpi.note, kpi.arithmetic))


def _filled(count: int) -> Iterator[str]:
    review = made.opened(_slice(count))
    review = replace(review, kpis={**review.kpis, **KPIS})
    for text in _insights(count):
        if ".told}" not in text:
            yield sentences.fill(review, text, {"account": "Zennor Health"})


def _sections(count: int) -> Iterator[str]:
    """What the templates say below and beside their figures."""
    review = made.opened(_slice(count))
    for name in ("scorecard", "change", "pipeline", "customers", "next_period", "figures"):
        for sentence in cut(getattr(blocks, name)(review).html):
            if not re.match(r"[A-Z]+-\d", sentence.text):
                yield sentence.text
    listed = provenance._told(SimpleNamespace(style=sentences.style(review)), count, 100.0)  # type: ignore[arg-type]
    yield ", ".join(listed)
    yield provenance._of(*(", ".join(filter(None, (one,))) for one in (listed[0], "1,000 deals")))
    shown = made.index(data={**made._data(), "unassigned": {"deals": count, "revenue": 100.0}})
    rows = shown.teams[0].rows[:1] * count
    yield from (
        one.text
        for one in cut(index.index_page(replace(shown, teams=(replace(shown.teams[0], rows=rows),))))
        if "rep" in one.text
    )


def _verdicts(count: int) -> Iterator[str]:
    """What a verdict rests on, and what would have changed it, for models of whole things."""
    review = replace(made.opened(made.rep_slice()), judged={})
    for key, model in (("win_rate", "binomial"), ("new_customers", "poisson"), ("cycle_days", "median")):
        cells = dict.fromkeys(JUDGED) | {
            "model": model, "level": 0.4 if model == "binomial" else 6.0, "reached": float(count), "expected": float(count),
            "trials": float(max(count, 5)), "p_low": 0.01, "p_high": 0.01, "periods": 4.0, "reached4": 0.0, "expected4": 0.0,
            "trials4": 0.0, "worse_from": 0.0 if count else None, "worse_to": "gap",
            "better_from": 2.0 * count or 1.0, "better_to": "no_signal",
            "band_low": count / max(count, 5) / 2 if model == "binomial" else count / 2,
            "band_high": 0.8 if model == "binomial" else count + 3.0, "phi": 1.0,
        }  # fmt: skip
        empty = dict.fromkeys(name for name in Figure.__dataclass_fields__ if name not in ("kpi", "period", "judged"))
        judged = Judged(**cells)
        for verdict in ("watch", "above", "no_signal"):
            figure = Figure(kpi=KPIS[key], period=review.period, judged=judged, **(empty | {"verdict": verdict}))
            yield verdict_views.told(review, figure, sentences.style(review))
            yield from verdict_views.changes(figure, sentences.style(review))
        together = Judged(**(cells | {"p_low": 0.2, "p_high": 0.2, "p4_low": 0.01, "p4_high": 0.01}))
        figure = Figure(kpi=KPIS[key], period=review.period, judged=together, **(empty | {"verdict": "watch"}))
        yield verdict_views.told(review, figure, sentences.style(review))
    yield from verdict_views.sure(review, [figure] * count, sentences.style(review))


def _talk(count: int) -> Iterator[str]:
    """What is said of goals, agreements, answers and dates."""
    about = SimpleNamespace(period="2026-Q3")
    goals = [SimpleNamespace(entry=SimpleNamespace(about=about))] * count
    old = [SimpleNamespace(entry=SimpleNamespace(about=SimpleNamespace(period="2026-Q2")))] * count
    review: Any = SimpleNamespace(about=about)
    yield goal_views.lead(review, goals)  # type: ignore[arg-type]
    yield goal_views.lead(review, old)  # type: ignore[arg-type]
    yield goal_views.lead(review, [*goals, *old])  # type: ignore[arg-type]
    entry: Any = SimpleNamespace(at=dt.datetime(2026, 7, 16, tzinfo=dt.UTC), about=about)
    rows = [followup.Agreed(entry, "", "", None, "kept", ())] * count + [
        followup.Agreed(entry, "", "", None, "open", ())
    ] * count
    yield followup.lead(rows, lambda moment: moment)
    yield followup.lead(rows[:count], lambda moment: moment)
    setting: Any = SimpleNamespace(as_of=dt.date(2026, 9, 30), period=Period.parse("2026-Q3"))
    yield smart._steps([dt.date(2026, 11, 1)] * count, dt.date(2026, 12, 31), setting)[1]
    yield smart._steps([None, *[dt.date(2026, 8, 1)] * count], dt.date(2026, 12, 31), setting)[1]
    today = dt.date(2026, 10, 1)
    records = SimpleNamespace(retention_date=today + dt.timedelta(days=min(count, 30)))
    yield retention_reminder(SimpleNamespace(records=records, path=Path("demo.yaml")), today=today) or ""  # type: ignore[arg-type]
    yield f"rep R-014: {words.counted(count, 'entries')} to record"
    if count:
        yield str(refusal([""] * count, where="answer.md")).partition(";")[0]  # type: ignore[list-item]
        yield f"Done on 24 August 2026, {words.counted(count, 'days')} late."
        yield f"The form is an older one: {words.counted(count, 'entries')} came after it."


def _data(count: int) -> Iterator[str]:
    """What check says of the rows, and what commands say at the end."""
    for *_, many, _do in quality._ODDITIES if count else ():
        yield f"{words.counted(count, many)}."
    reason = quality.Reason("deals", "crm.csv", "Amount is not a number", count, None, ())
    yield from (one.what for one in quality._quarantine_findings([reason] if count else []))
    owners = (quality.Unassigned("Kim", count, Decimal(0)),) * count
    yield from (one.what for one in quality._unassigned_finding(owners))
    if count:
        yield f"{words.counted(count, 'accounts are')} spelled in more than one way."
        yield f"{words.counted(count, 'reps have')} no deal at all."
        yield words.part_of(count, 1000, "active reps have no target, and there is none for the whole")
    yield words.part_of(1, max(count, 1), "active reps have no figure")
    said = io.StringIO()
    every = ("",) * count
    with redirect_stdout(said):
        result = SimpleNamespace(
            made=every,
            kept=every,
            failed=(),
            period="2026-Q3",
            snapshot=SimpleNamespace(hash="7c41e09bd2aa"),
            folder=Path("out"),
        )
        run_progress.print_result(result)  # type: ignore[arg-type]
    yield said.getvalue().partition("\n")[0]
    row = SimpleNamespace(
        disputes=count, concerns=count, days_overdue=count, no_dates=None, waiting_for=None, due=None, step=None, state="open",
        subject=SimpleNamespace(name="Amara", team="North"),
    )  # fmt: skip
    yield terminal._standing(row, "")[-1]  # type: ignore[arg-type]
    for kpi in KPIS.values():
        if kpi.n_label:
            yield sentences.labels.NumberStyle().things(count, kpi.n_label)


def sheet() -> str:
    """Write the sheet: by what is said, a line for each count."""
    parts = {
        "The scorecard says": _filled,
        "Sections say": _sections,
        "Verdicts say": _verdicts,
        "The talk says": _talk,
        "Commands say": _data,
    }
    lines = []
    for title, says in parts.items():
        lines.append(f"\n== {title}")
        every = [dict.fromkeys(text for text in says(count) if len(text.split()) > 1) for count in COUNTS]
        same = set.intersection(*map(set, every))  # what counts nothing
        for count, said in zip(COUNTS, every, strict=True):
            lines += [f"\n-- {count:,}", *(text for text in said if text not in same)]
    return "\n".join(lines).strip() + "\n"


if __name__ == "__main__":
    SHEET.write_text(sheet(), encoding="utf-8")
