"""Adjustments found: what each subject's review tells of the earlier ones, by comparing snapshots."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from reviewlib.evidence import adjustments, edits, slicefile, snapshot
from reviewlib.evidence.adjustments import Pin
from reviewlib.evidence.subjects import Subject
from reviewlib.params.model import Params


class Adjuster:
    """Finds the adjustments of many subjects; two snapshots are compared but once."""

    def __init__(self, params: Params):
        """Prepare for the subjects of a workbook."""
        self.params = params
        self._opened = cache(lambda name: snapshot.open_snapshot(slicefile.pinned_folder(params, name), params))
        self._figures = cache(self._compare)
        self._late = cache(lambda then, now: edits.late(self._opened(then), self._opened(now)))

    def text(self, old: Path, subject: Subject, now: str, pins: Sequence[Pin]) -> str:
        """What the file holds; what the old one tells stays where it was made from the same.

        Args:
            old: The file.
            subject: Whose figures.
            now: The snapshot of the review that tells them.
            pins: The subject's earlier reviews, oldest first.
        """
        made_from, known = self._made_from(now, pins), adjustments.parsed(old) or {}
        told = known["told"] if known.get("from") == made_from else self._told(subject, now, pins)
        return adjustments.text(made_from, told)

    def holds(self, old: Path, subject: Subject, now: str, pins: Sequence[Pin]) -> bool:
        """Whether a file tells what the snapshots do; one that the next run lays anew is taken as it is."""
        known = adjustments.parsed(old)
        if not known or known["from"] != self._made_from(now, pins):
            return known is not None
        return bool(known["told"] == json.loads(json.dumps(self._told(subject, now, pins), default=float)))

    def _made_from(self, now: str, pins: Sequence[Pin]) -> dict[str, Any]:
        return {"snapshot": now, "pins": [asdict(pin) for pin in pins], "code": snapshot.code()}

    def _told(self, subject: Subject, now: str, pins: Sequence[Pin]) -> dict[str, Any]:
        """Tell what differs from what was released.

        ``figures`` are those of the pins' periods that differ: as released (``before``), in the latest of these reviews
        (``told``), and now. What only time changes is none of them: a cohort that matures, what rests on today's dates.
        ``deals`` are the largest late edits since that one (``since``), of a team those of each rep in it then; ``count`` is
        how many there are. Nobody is read about in a team that they left: of reps who are in another one now a team's holds
        only how many (``elsewhere``). ``gone`` are the periods whose evidence is not there any more, or is in another currency.
        """
        exist = [pin for pin in pins if slicefile.exists(self.params, pin.snapshot)]
        there = {pin: self._opened(pin.snapshot).info["workbook"] for pin in exist}
        book = self._opened(now).info["workbook"]
        alike = {pin: then for pin, then in there.items() if then["currency"] == book["currency"]}
        gone = [pin.period for pin in pins if pin not in alike]
        # What was released on newer evidence than this review has is no older figure.
        known = [pin for pin, then in alike.items() if then["frozen_at"] <= book["frozen_at"]]
        if not known:
            return {"figures": [], "deals": [], "count": 0, "elsewhere": 0, "gone": gone}
        last, figures = known[-1], []
        for pin in known:
            scope = subject.kind, subject.id, pin.period
            since = self._figures(last.snapshot, now).get(scope, {})
            for kpi, (before, after) in self._figures(pin.snapshot, now).get(scope, {}).items():
                told = since[kpi][0] if kpi in since else after
                figures.append({**asdict(pin), "kpi": kpi, "before": before, "told": told, "now": after})
        late = self._late(last.snapshot, now)
        then, today = ([one for one in self._opened(name).subjects if one.kind == "rep"] for name in (last.snapshot, now))
        reps = [one for one in then if one.id in late and subject.id == (one.team if subject.kind == "team" else one.id)]
        moved = {one.id for one in today if subject.kind == "team" and one.team != subject.id}
        return {
            "figures": figures,
            "deals": [asdict(edit) | {"rep": one.name} for one in reps if one.id not in moved for edit in late[one.id][1]],
            "count": sum(late[one.id][0] for one in reps if one.id not in moved),
            "elsewhere": sum(late[one.id][0] for one in reps if one.id in moved),
            "since": {**asdict(last), "as_of": self._opened(last.snapshot).info["as_of"]},
            "gone": gone,
        }

    def _compare(self, then: str, now: str) -> dict[tuple[str, str, str], dict[str, tuple[float | None, float | None]]]:
        figures = self.params.figures
        kpis = [key for key, kpi in figures.items() if kpi.of is None and not kpi.today_only]
        ripen = {kpi.of for kpi in figures.values() if kpi.earlier}
        rows = [  # ordered by scope and period
            edit
            for edit in edits.figures(self._opened(then), self._opened(now), kpis=kpis)
            if edit.kpi not in ripen or None not in (edit.before, edit.after)
        ]
        grouped = groupby(rows, key=lambda edit: (edit.scope, edit.scope_id, edit.period))
        return {scope: {edit.kpi: (edit.before, edit.after) for edit in own} for scope, own in grouped}
