"""Slices: what one notebook reads, as plain data. What an audience may not see is left out here, before a kernel starts."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from reviewlib.evidence import availability, disclosure
from reviewlib.evidence.benchmarks import peer_group
from reviewlib.evidence.comparison import at_least, two_digits
from reviewlib.evidence.insights import Insights, insights
from reviewlib.evidence.listing import AT_HAND, Listing
from reviewlib.evidence.period import PeriodEvidence
from reviewlib.evidence.roster import UNASSIGNED, Post, distinct_names
from reviewlib.evidence.scorecard import SubjectScorecard
from reviewlib.evidence.slicefile import Achievement, Finding, Stages, lists, table
from reviewlib.evidence.tables import JUDGED, SCORECARD
from reviewlib.evidence.targets import TargetTerm
from reviewlib.params.kpis import RESULT
from reviewlib.params.model import MIDDLE_FROM

_KPI: Final = SCORECARD.index("kpi")
_JUDGED: Final = ("kpi", *JUDGED)
_PERIOD: Final = SCORECARD.index("period")
_PEERS: Final = ("peer_q1", "peer_median", "peer_q3")
#: The stage of deals that were open at the end of the period and have closed by the export's date.
CLOSED_SINCE: Final = "Closed since"


class Slicer:
    """Cuts slices from a evidence; what is the same for all is worked out once."""

    def __init__(
        self,
        evidence: PeriodEvidence,
        *,
        snapshot: str,
        frozen_at: dt.datetime,
        earlier: Iterable[Mapping[tuple[str, str], disclosure.Crowd]] = (),
    ):
        """Prepare the common parts; ``snapshot`` is its short hash, ``earlier`` says who is behind totals frozen before."""
        self.evidence = evidence
        self.trend = [period.name for period in evidence.trend]
        frame = evidence.scorecard[evidence.scorecard["period"].isin(self.trend)].copy()
        frame[[*_PEERS]] = frame[[*_PEERS]].map(two_digits)
        # How many of a few peers have a figure tells of them.
        frame["peers"] = frame["peers"].where(frame["peers"] >= MIDDLE_FROM)
        self.columns = [_column(frame[name]) for name in SCORECARD]
        self.places = frame.groupby(["scope", "scope_id"], sort=False).indices
        judged = frame[frame["model"].notna()]
        self.judged_places = judged.groupby(["scope", "scope_id"], sort=False).indices
        self.judged_columns = [_column(judged[name]) for name in _JUDGED]
        self.rows = lru_cache(maxsize=AT_HAND)(self._rows)
        others = evidence.from_elsewhere
        others = others[(others["scope"] == "rep") & (others["period"] == evidence.period.name)]
        self.measured = defaultdict[str, Rows](list)
        for rep_id, *row in others[["scope_id", "kpi", "rows"]].itertuples(index=False):
            self.measured[rep_id].append(row)
        self.listing = Listing(evidence.facts, evidence.period.name)
        self.common = {
            "period": evidence.period.name,
            "trend": self.trend,
            "workbook": _workbook(evidence, snapshot, frozen_at),
            "kpis": [kpi.card() for kpi in evidence.context.kpis.values()],
            "off": _off(evidence),
        }
        self.data = _data(evidence, unassigned=self.listing.closed(evidence.roster.owners))
        self.quarantined = Counter(evidence.tables.quarantine["rep_id"])
        roster, card, rules = evidence.roster, evidence.scorecard, evidence.params.peers
        there = [(rep, period.name) for period in evidence.trend for rep in roster.active(period)]
        groups = {key: peer_group(roster.posts[key], rules) for key in there}
        self.readers = disclosure.Readers(roster, evidence.period, reviewed=evidence.reviewed, groups=groups)
        self.crowds, now = disclosure.crowds(card, roster), disclosure.behind(card)
        self.changed = [(key, now[key] ^ crowd) for each in earlier for key, crowd in each.items() if key in now]
        own = card[card["kpi"].isin({*evidence.from_elsewhere["kpi"]})]
        self.measures = {str(key): disclosure.behind(rows).items() for key, rows in own.groupby("kpi")}
        # Owners who are no reps of the table are people too.
        self.owners = roster.sellers | roster.owners
        self._insights: dict[str, Insights] = {}

    def rep(self, rep_id: str, audience: str) -> dict[str, Any]:
        """Cut one rep's slice: the rep's own figures, deals and accounts, and no other rep's."""
        team = self.evidence.roster.posts[rep_id, self.evidence.period.name].team
        return self._for(self._rep(rep_id) | {"audience": audience}, [rep_id], self.members(team) if team else ())

    def _for(self, data: dict[str, Any], reps: Sequence[str], team: Sequence[str], *, withheld: str = "") -> dict[str, Any]:
        """Leave out of a copy about reps of a team what tells its readers too much."""
        readers, own = self.readers.leading(reps), self.readers.themselves(reps)
        if data["audience"] == "rep":
            # Who leads holds the reps' copies too; what a team has together may stand on its own copy.
            readers += [*own, frozenset(team)]
        held = dict[tuple[str, str], float]()
        for rep in {*reps, data["subject"]["id"]}:
            held |= self.readers.held(readers, rep, self.trend)
        if data["kind"] == "team":  # whose verdicts rest on everybody
            few = disclosure.tells([self.readers.everybody], readers)
            held[data["subject"]["id"], ""] = math.inf if few else -disclosure.FEWEST
        data = disclosure.of_peers(data, held)
        if data["audience"] == "rep":
            return disclosure.for_reps(data, withheld=withheld, export=disclosure.tells([self.owners], own))
        return data | {"data": disclosure.of_export(data["data"], hidden=disclosure.tells([self.owners], readers))}

    def _rep(self, rep_id: str) -> dict[str, Any]:
        """What both copies of a rep's review hold."""
        evidence = self.evidence
        said = self._insights_of(rep_id)
        subject = evidence.roster.posts[rep_id, evidence.period.name].as_data()
        return self.common | {
            "kind": "rep",
            "subject": subject,
            "people": [],
            "history": table(SCORECARD, self.rows("rep", rep_id)),
            "judged": self._judged("rep", rep_id),
            "members": disclosure.NOTHING,
            "lists": self.listing.lists(rep_id),
            "terms": self._terms(rep_id),
            "stages": _stages([self.listing.stages(rep_id)], evidence.params.crm.deals.stages.open),
            "summary": said.summary,
            "leads": said.leads,
            "findings": [_finding(finding) for finding in said.findings],
            "achievements": [{**vars(item), "subject": subject} for item in said.achievements],
            "data": self.data | {"mine": {"quarantined": self.quarantined[rep_id]}},
        }

    def _terms(self, rep_id: str) -> dict[str, dict[str, Any]]:
        """The rows that a rep's targets, those that figures are divided by, and measures are the sum of, by KPI."""
        context, period = self.evidence.context, self.evidence.period
        found: dict[str, dict[str, Any]] = {"target": {}, "divided_by": {}, "measure": {}}
        for key, kpi in context.kpis.items():
            if kpi.of is None and kpi.per_target != "this":
                found["target"][key] = _target_terms(context.targets.resolve(kpi, "rep", rep_id, period).terms)
            if kpi.of is None and kpi.per_target:
                due = period.next if kpi.per_target == "next" else period
                found["divided_by"][key] = _target_terms(context.targets.resolve(RESULT, "rep", rep_id, due).terms)
        for key, rows in self.measured[rep_id]:
            found["measure"][key] = [[row.period.name, row.value, row.n] for row in rows]
        return {name: {key: rows for key, rows in terms.items() if rows} for name, terms in found.items()}

    def team(self, name: str, audience: str) -> dict[str, Any]:
        """Cut one team's slice; only the manager's names the reps, holds their figures and the totals of a few of them."""
        reps = self.members(name)
        if audience == "manager":
            return self._for(self._team(name, audience), reps, reps)
        few = [key for key, crowds in self.measures.items() if self._tells(name, crowds)]
        why = disclosure.FEW if self._tells(name, self.crowds) else disclosure.CHANGED
        told = why if self._tells(name, [*self.crowds, *self.changed]) else ""
        return self._for(self._team(name, audience, without=few), reps, reps, withheld=told)

    def _tells(self, team: str, crowds: Iterable[tuple[tuple[str, str], disclosure.Crowd]]) -> bool:
        own = self.readers.themselves(self.members(team))
        return disclosure.tells([crowd for (name, _), crowd in crowds if name == team], own)

    def _team(self, name: str, audience: str, *, without: Collection[str] = ()) -> dict[str, Any]:
        evidence = self.evidence
        reps = self.members(name)
        posts = self._posts(reps)
        managers = sorted({post.manager for post in posts if post.manager})
        history = [row for row in self.rows("team", name) if row[_KPI] not in without]
        stages = [self.listing.stages(rep_id) for rep_id in reps]
        team = Post(name, name, name, ", ".join(managers) or None)
        said = insights(self._card(team, history), evidence.params, team_met=name in self._met)
        shown = reps if audience == "manager" else ()
        named = {kpi.key for kpi in evidence.context.kpis.values() if kpi.of is None or kpi.on_team_page}
        members = [row for rep_id in shown for row in self.rows("rep", rep_id) if row[_KPI] in named]
        board = self._board(name, said.achievements, shown)
        return self.common | {
            "kind": "team",
            "audience": audience,
            "subject": team.as_data(),
            "people": [post.as_data() for post in posts if post.id in shown],
            "history": table(SCORECARD, history),
            "judged": self._judged("team", name, without=without),
            "members": table(SCORECARD, members),
            "lists": lists((), ()),
            "terms": {},
            "stages": _stages(stages, evidence.params.crm.deals.stages.open),
            "summary": said.summary,
            "leads": {section: lead for section, lead in said.leads.items() if section != "achievements" or not board},
            "findings": [_finding(finding) for finding in said.findings],
            "achievements": board,
            "data": self.data | {"mine": {"quarantined": 0}},
        }

    def members(self, team: str) -> tuple[str, ...]:
        """The reps of a team who get a page."""
        posts, period = self.evidence.roster.posts, self.evidence.period.name
        return tuple(rep_id for rep_id in self.evidence.reviewed if posts[rep_id, period].team == team)

    def _board(self, team: str, own: list[Achievement], reps: tuple[str, ...]) -> list[dict[str, Any]]:
        """The team's achievements, then each rep's own."""
        board = [{**vars(item), "subject": {"id": team, "name": team}} for item in own]
        for post in self._posts(reps):
            found = [item for item in self._insights_of(post.id).achievements if item.rule != "team_target"]
            board += [{**vars(item), "subject": post.as_data()} for item in found]
        return board

    def _posts(self, reps: tuple[str, ...]) -> list[Post]:
        """The reps of one page, each with a name of their own."""
        posts = [self.evidence.roster.posts[rep_id, self.evidence.period.name] for rep_id in reps]
        names = distinct_names((post.id, post.name) for post in posts)
        return [replace(post, name=names[post.id]) for post in posts]

    def _insights_of(self, rep_id: str) -> Insights:
        """Read a rep's scorecard, once for both audiences and the team's board."""
        if rep_id not in self._insights:
            evidence = self.evidence
            post = evidence.roster.posts[rep_id, evidence.period.name]
            self._insights[rep_id] = insights(
                self._card(post, self.rows("rep", rep_id)),
                evidence.params,
                largest=self.listing.largest(rep_id),
                team_met=post.team in self._met,
            )
        return self._insights[rep_id]

    def _rows(self, scope: str, scope_id: str) -> Rows:
        """A subject's part of the scorecard, which is written several times."""
        own = self.places[scope, scope_id]
        return [[*row] for row in zip(*(_cells(column[own]) for column in self.columns), strict=True)]

    def _judged(self, scope: str, scope_id: str, *, without: Collection[str] = ()) -> dict[str, Any]:
        """What a subject's verdicts follow from."""
        own = self.judged_places.get((scope, scope_id), [])
        rows = zip(*(_cells(column[own]) for column in self.judged_columns), strict=True)
        return table(_JUDGED, [[*row] for row in rows if row[0] not in without])

    def _card(self, subject: Post, history: Rows) -> SubjectScorecard:
        evidence = self.evidence
        rows = {(row[_KPI], row[_PERIOD]): row for row in history}
        return SubjectScorecard(subject, rows, kpis=evidence.context.kpis, period=evidence.period, trend=evidence.trend)

    @cached_property
    def _met(self) -> frozenset[str]:
        """The teams that reached their target of the result."""
        card = self.evidence.scorecard
        own = card[(card["scope"] == "team") & (card["kpi"] == RESULT.key) & (card["period"] == self.evidence.period.name)]
        cells = zip(own["scope_id"], own["attainment"].fillna(0), strict=True)
        return frozenset(team for team, attainment in cells if at_least(attainment, 1))


def _workbook(evidence: PeriodEvidence, snapshot: str, frozen_at: dt.datetime) -> dict[str, Any]:
    params, context = evidence.params, evidence.context
    return {name: getattr(params, name) for name in ("name", "currency", "locale", "timezone")} | {
        "title": params.title or params.name,
        "as_of": context.as_of.isoformat(),
        "as_of_declared": params.as_of is not None,
        "history_from": context.history_from.isoformat(),
        "frozen_at": frozen_at.isoformat(),
        "snapshot": snapshot,
        "incomplete": evidence.incomplete,
        "peer_group": [*params.peers.by],
        "retention_window": context.calendar.window(evidence.period).name,
        **params.judgement.model_dump(),
        **{name: getattr(params.theme, name) for name in ("accent", "accent_dark")},
    }


def _off(evidence: PeriodEvidence) -> dict[str, str]:
    """Say which figures pages cannot show, and why: switched off in params, or a column is not mapped."""
    context = evidence.context
    switched = {key: "switched off in the params file" for key, entry in evidence.params.kpis.items() if entry.off}
    absent = {key: availability.why(context.lacking(kpi)) for key, kpi in context.kpis.items() if kpi.of is None}
    return switched | {key: reason for key, reason in absent.items() if reason}


def _data(evidence: PeriodEvidence, *, unassigned: int) -> dict[str, Any]:
    """Say what became of every row that was read."""
    tables = evidence.tables
    quarantine = tables.quarantine[["reason", "amount"]].assign(rows=1)
    grouped = quarantine.groupby("reason", sort=True).agg(rows=("rows", "sum"), amount=("amount", "sum")).reset_index()
    names = ("reason", "rows", "amount")
    set_aside = zip(*(map(plain, _cells(_column(grouped[name]))) for name in names), strict=True)
    card = evidence.scorecard
    result = card[(card["scope"] == UNASSIGNED) & (card["period"] == evidence.period.name) & (card["kpi"] == RESULT.key)]
    return {
        "tables": [{name: plain(value) for name, value in vars(item).items()} for item in tables.reconciliation],
        "quarantine": [dict(zip(names, row, strict=True)) for row in set_aside],
        "exclusions": [{name: plain(value) for name, value in vars(item).items()} for item in tables.exclusions],
        "unassigned": {"deals": float(unassigned), "revenue": next(iter(_cells(_column(result["value"]))), None)},
        "notes": [*tables.notes, *_notes(evidence)],
        "closed_column": evidence.params.crm.deals.columns.closed_on,
        "versions": {},
    }


def _notes(evidence: PeriodEvidence) -> list[str]:
    """What a reader of any page should know of the figures."""
    mapped = evidence.context.mapped
    notes = ["A deal belongs to its current owner in the export; a rep to the team of the period’s last day."]
    if "expected_amount" not in mapped:
        notes.append("The export has no expected amount: the pipeline is counted, not valued.")
    if "expected_close_on" not in mapped:
        notes.append("The export has no expected close: every open deal counts as due in the next period.")
    if "expected_amount" in mapped:
        notes.append("Expected amounts are as known at the date of the export; the CRM does not keep what they were before.")
    return notes


def _stages(reps: Sequence[Stages], order: Sequence[str]) -> dict[str, Any]:
    """Sum up the deals open at the end of the period by stage, in the order of params; some are closed by now."""
    counted = []
    for stage in (*order, None):
        found = [own[stage] for own in reps if stage in own]
        if found:
            known = [amount for _, amount in found if amount is not None]
            counted.append([stage or CLOSED_SINCE, sum(count for count, _ in found), sum(known) if known else None])
    return table(("stage", "deals", "amount"), counted)


def _finding(finding: Finding) -> dict[str, Any]:
    return {**vars(finding), "actions": [vars(action) for action in finding.actions]}


def _target_terms(terms: Iterable[TargetTerm]) -> Rows:
    """Each row of a target: its period (None for what params say), full value, ramp, the days that count, all its days."""
    return [
        [term.row.line and term.row.period.name, float(term.row.value), float(term.row.ramp), term.active_days, term.days]
        for term in terms
    ]


Rows = list[list[Any]]


def plain(value: Any) -> Any:
    """Turn one value into what JSON holds: a decimal into a number, a date into its ISO text."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dt.datetime):
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, dt.date) else value


def _column(series: pd.Series) -> npt.NDArray[Any]:
    """The values of a column: numbers as they are, of everything else each value once, however many rows have it."""
    if series.dtype == "float64":
        return series.to_numpy()
    codes, values = pd.factorize(series)
    return np.array([*values, None], dtype=object)[codes]


def _cells(values: npt.NDArray[Any]) -> list[Any]:
    """The same; missing is None."""
    return [None if value != value else value for value in values.tolist()]
