# ruff: noqa: E501
# One line a figure: the tables read better than any wrapping.
"""Slices made by hand, as a frozen snapshot holds them: one rep, one team, and the emptiest rep there can be."""

from __future__ import annotations

import datetime as dt
import pickle
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import talk

from reviewlib.conversation.entries import About, Entry
from reviewlib.conversation.visibility import Audience, Reach, VisibleEntries, take
from reviewlib.evidence.slicefile import lists
from reviewlib.evidence.tables import JUDGED, SCORECARD
from reviewlib.params.kpis import KPIS
from reviewlib.periods import FiscalYear, Period
from reviewlib.review import Review, from_slice

TREND = [period.name for period in Period.parse("2026-Q3").trend(8)]
FLAGS = ("won", "earned", "sale", "lost", "closed", "refund", "opened", "opened_won", "opened_closed", "open_start", "open_end")
FLAGS += ("first_win", "won_back", "due", "undated", "stale", "unvalued")
Cells = dict[str, Any]

WON = [31.0, 28.0, 40.0, 36.0, 33.0, 41.0, 36.0, 49.0]
CLOSED = [78.0, 75.0, 90.0, 88.0, 80.0, 84.0, 81.0, 92.0]
REVENUE = [239680.0, 195750.0, 277010.0, 245980.0, 250000.0, 353210.0, 300480.0, 398220.0]
TARGETS = [200000.0, 210000.0, 220000.0, 235000.0, 255000.0, 315000.0, 345000.0, 375000.0]
GROWTH = [-0.105, 0.245, -0.037, -0.036, 0.146, 0.123, 0.127, -0.19]


def rep_slice(audience: str = "rep", **workbook: Any) -> dict[str, Any]:
    """A rep with eight quarters behind her, strengths, gaps, n/a figures and deals."""
    history = _history("rep", "R-014", "Amara Okafor", _values())
    deals = _deals()
    subject = _person("R-014", "Amara Okafor", role="Account executive")
    return {
        "kind": "rep",
        "audience": audience,
        "subject": subject,
        "period": "2026-Q3",
        "trend": TREND,
        "workbook": _workbook(**workbook),
        "kpis": [
            *(
                replace(kpi, objective="Grow with new customers" if key == "new_customers" else None).card()
                for key, kpi in KPIS.items()
            ),
            _measure(),
        ],
        "off": {},
        "people": [],
        "history": history,
        "judged": {"columns": ["kpi", *JUDGED], "data": []},
        "members": {"columns": [], "data": []},
        "deals": deals,
        "accounts": {
            "columns": ["account_id", "base_revenue", "revenue", "kept", "open_deal"],
            "data": [[f"A-{number:03}", 24000.0 - 700 * number, 9000.0 if number < 17 else 0.0, number < 17, number % 3 == 0] for number in range(28)],
        },
        "stages": {
            "columns": ["stage", "deals", "amount"],
            "data": [["Discovery", 13, 111810.0], ["Evaluation", 17, 176500.0], ["Negotiation", 22, 258410.0], ["Proposal", 9, 75250.0]],
        },
        "summary": [
            "{subject} closed {revenue}, {revenue.attainment} of the {revenue.target} target, the highest of the periods shown.",
            "Revenue rose by {revenue.change|abs} from {previous_period}: the number of won deals explains {change_won_deals|signed}, their average size {change_deal_size|signed}.",
            "{won_deals} of {closed_deals} closed deals were won: {win_rate}, after {win_rate.previous} in {previous_period}.",
            "Open pipeline fell by {pipeline_growth|abs} to {pipeline_end}, and what is due in {next_period} covers the next target {pipeline_coverage}.",
        ],
        "leads": {
            "scorecard": "Targets exceeded: Sales revenue and Win rate. Targets met: Customers acquired. Targets missed: Sales cycle, Pipeline growth and Pipeline coverage. Clear shortfalls: Sales cycle. Worth a talk: Pipeline coverage. Clear strengths: Sales revenue and Win rate.",
            "change": "Revenue rose by {revenue.change|abs} from {previous_period}: the number of won deals explains {change_won_deals|signed}, their average size {change_deal_size|signed}.",
            "pipeline": "{pipeline_created} was created, {pipeline_won} was won and {pipeline_lost} was lost.",
            "customers": "{kept_accounts} of the {base_accounts} accounts that bought in the window before bought again and {new_customers} bought for the first time.",
        },
        "findings": _findings(),
        "achievements": [
            _achievement("target_exceeded", "Sales revenue: target exceeded", "{revenue}, {revenue.attainment} of the target of {revenue.target}.", subject),
            _achievement("personal_best", "Sales revenue: best of the periods shown", "{revenue}; the best before was {revenue@2026-Q1} in 2026-Q1.", subject),
            {
                **_achievement("significant_deal", "Significant deal", "{largest_deal}, with {account}, where the median deal was {deal_size_median}.", subject),
                "names": {"account": "Zennor Health"},
            },
        ],
        "data": _data(),
    }  # fmt: skip


def team_slice(audience: str = "manager", **workbook: Any) -> dict[str, Any]:
    """A team of seven named reps, one in ramp and one without a target."""
    made = rep_slice(audience, **workbook)
    names = ["Priya Raman", "Ingrid Solberg", "Amara Okafor", "Kwame Mensah", "Jonas Lindqvist", "Tomás Herrera", "Li Wei Chen"]
    factors = [1.48, 1.15, 1.0, 0.76, 0.75, 0.51, 0.3]
    goals = [1.47, 0.95, 1.0, 0.71, 0.88, 0.57, None]
    people = [_person(f"R-{number:03}", name, role="Account executive") for number, name in enumerate(names, 11)]
    rows: list[list[Any]] = []
    for person, factor, goal in zip(people, factors, goals, strict=True):
        own = _scaled(factor, goal)
        rows += _history("rep", person["id"], person["name"], own)["data"]
    team = _person("North", "North")
    scaled = _history("team", "North", None, _scaled(5.95, 6.0))
    shown = audience == "manager"
    return {
        **made,
        "kind": "team",
        "subject": {**team, "role": None},
        "people": people if shown else [],
        "history": scaled,
        "members": {"columns": list(SCORECARD), "data": rows if shown else []},
        "deals": {"columns": [], "data": []},
        "accounts": {"columns": [], "data": []},
        "achievements": [
            _achievement("personal_best", "Sales revenue: best of the periods shown", "{revenue}, {revenue.attainment} of target.", person)
            for person in (people[:3] if shown else [])
        ],
        "data": {**made["data"], "mine": {"quarantined": 0}},
    }  # fmt: skip


def empty_slice(audience: str = "rep") -> dict[str, Any]:
    """A rep without deals, targets, peers or history: every figure is n/a or nothing."""
    made = rep_slice(audience, as_of="2026-09-15", incomplete=True, as_of_declared=False)
    values: dict[str, Cells] = {}
    for key, kpi in KPIS.items():
        nothing = kpi.unit in ("count", "money") and kpi.judged_by != "order" and key != "largest_deal"
        reason = "no target, and no group of eight peers to compare with" if nothing else "no deal was closed in the period"
        verdict = "not_judged" if nothing else "not_available"
        values[key] = {"value": 0.0 if nothing else None, "n": 0.0, "verdict": verdict, "reason": reason}
    for key in ("change_won_deals", "change_deal_size", "change_refunds", "change_unsplit"):
        del values[key]
    history = _history("rep", "R-099", "Noor", values, only="2026-Q3")
    return {
        **made,
        "subject": {**_person("R-099", "Noor"), "team": None, "manager": None, "started_on": "2026-09-14"},
        "off": {"retention_rate": "switched off in the params file"},
        "history": history,
        "deals": {"columns": made["deals"]["columns"], "data": []},
        "accounts": {"columns": made["accounts"]["columns"], "data": []},
        "stages": {"columns": ["stage", "deals", "amount"], "data": []},
        "summary": ["{subject} closed {revenue} in {revenue.n} won deals."],
        "leads": {
            "strengths": "No figure can be judged in this period.",
            "improve": "No figure can be judged in this period.",
            "achievements": "No rule found an achievement in this period.",
        },
        "findings": [],
        "achievements": [],
    }


def listed(data: dict[str, Any]) -> dict[str, Any]:
    """Add to a slice what is listed of its deals and accounts."""
    deals, accounts = (
        [dict(zip(data[name]["columns"], row, strict=True)) for row in data[name]["data"]] for name in ("deals", "accounts")
    )
    return data | {"lists": lists(deals, accounts)}


def _copied(values: dict[str, Any]) -> dict[str, Any]:
    """The same values in dictionaries of their own, much faster than deepcopy makes them."""
    copied: dict[str, Any] = pickle.loads(pickle.dumps(values))
    return copied


def opened(data: dict[str, Any], minutes: VisibleEntries | None = None) -> Review:
    """Open a slice, whose deals may have been changed; without minutes nothing was said."""
    return from_slice(listed(_copied(data)), FiscalYear(), minutes=minutes)


def talked(data: dict[str, Any], talks: Sequence[talk.Talk]) -> Review:
    """Open a rep's slice with the conversation that the audience may read."""
    return opened(data, talk.minutes_of(talks, data["audience"]))


def team_talked(audience: Audience = "manager", *, reach: Reach | None = None) -> Review:
    """Open a team's slice, its reps at five different states, and a concern of the team's own.

    Args:
        audience: For whom.
        reach: How far who reads it may read about the reps.
    """
    before, closed = talk.closed()
    members = {"R-013": _renamed("R-013", before, closed)}
    for number, (rep_id, name) in enumerate(
        (("R-015", "Jonas Lindqvist"), ("R-014", "Kwame Mensah"), ("R-012", "Ingrid Solberg"), ("R-011", "Priya Raman"))
    ):
        one = talk.Talk(subject=rep_id, name=name)
        if number > 0:
            one.rep("self_review", perspective=f"WORDS-OF-{rep_id}")
        if number > 1:
            one.manager("feedback", stance="strength", kpi="win_rate", text="You listen first.")
            one.manager(
                "goal", statement="Close €600,000", kpi="revenue", baseline=589370.0, target=600000.0, due=dt.date(2026, 12, 31)
            )
        if number > 2:
            one.manager("release", snapshot=talk.SNAPSHOT)
        members[rep_id] = one.entries
    own = talk.Talk(subject="North", name="North", kind="team")
    own.manager("concern", text="Two territories have nobody.", owner="manager")
    own.manager("feedback", stance="strength", kpi="win_rate", text="You helped each other in August.")
    taken = {
        rep_id: take(entries, About("rep", rep_id, "2026-Q3"), audience=audience, fiscal=FiscalYear(), reach=reach)
        for rep_id, entries in members.items()
    }
    return opened(team_slice(audience), own.minutes(audience, members=taken))


def _renamed(rep_id: str, *talks: talk.Talk) -> list[Entry]:
    """Let another rep have said all of this."""
    return [
        replace(entry, about=replace(entry.about, subject=rep_id), on_behalf_of=rep_id if entry.on_behalf_of else None)
        for one in talks
        for entry in one.entries
    ]


def _values() -> dict[str, Cells]:
    """The figures by key; lists run over the trend, the rest belongs to the last period."""
    rates = [won / closed for won, closed in zip(WON, CLOSED, strict=True)]
    return {
        "revenue": {"value": REVENUE, "n": WON, "target": TARGETS, "target_raw": TARGETS, "verdict": "strength", "reason": "by luck about once in 400 quarters", "attainment": [v / t for v, t in zip(REVENUE, TARGETS, strict=True)], "peers": 33.0, "peer_q1": 250000.0, "peer_median": 310000.0, "peer_q3": 360000.0, "standing": "top quarter"},
        "won_revenue": {"value": [v + 2000 for v in REVENUE], "n": WON},
        "refunds": {"value": -2000.0, "n": 1.0},
        "refund_deals": {"value": 1.0},
        "won_without_amount": {"value": 0.0},
        "largest_deal": {"value": 32640.0, "n": 49.0},
        "attainment": {"value": [v / t for v, t in zip(REVENUE, TARGETS, strict=True)], "numerator": REVENUE, "denominator": TARGETS, "n": WON, "reason": "sales revenue is judged in its place"},
        "attainment_raw": {"value": 1.0619, "numerator": 398220.0, "denominator": 375000.0},
        "new_customers": {"value": [6.0, 9.0, 8.0, 13.0, 10.0, 8.0, 11.0, 12.0], "n": WON, "target": 12.0, "target_raw": 12.0, "attainment": 1.0, "verdict": "no_signal", "reason": "within the ups and downs of a normal quarter", "peers": 33.0, "peer_median": 8.0, "peer_q1": 6.0, "peer_q3": 11.0, "standing": "top quarter"},
        "won_back": {"value": 6.0},
        "new_customer_revenue": {"value": 77470.0, "n": 12.0},
        "win_rate": {"value": rates, "numerator": WON, "denominator": CLOSED, "n": CLOSED, "low": [r - 0.1 for r in rates], "high": [r + 0.1 for r in rates], "target": [0.4] * 8, "attainment": 1.33, "verdict": "strength", "reason": "by luck about once in 400 quarters", "peers": 33.0, "peer_q1": 0.41, "peer_median": 0.44, "peer_q3": 0.52, "standing": "top quarter"},
        "won_deals": {"value": WON},
        "lost_deals": {"value": [c - w for w, c in zip(WON, CLOSED, strict=True)]},
        "closed_deals": {"value": CLOSED},
        "win_rate_value": {"value": 0.428, "numerator": 398220.0, "denominator": 930740.0, "n": 92.0},
        "conversion_rate": {"value": 22 / 85, "numerator": 22.0, "denominator": 85.0, "n": 85.0, "verdict": "not_judged", "reason": "its youngest deals are too young to tell", "peers": 6.0, "peer_median": 0.23},
        "opened_deals": {"value": [80.0, 78.0, 95.0, 90.0, 88.0, 91.0, 94.0, 85.0]},
        "opened_won": {"value": 22.0},
        "opened_closed": {"value": 30.0},
        "deal_size": {"value": [v / w for v, w in zip(REVENUE, WON, strict=True)], "numerator": REVENUE, "denominator": WON, "n": WON, "low": 6252.0, "high": 10239.0, "target": [8500.0] * 8, "attainment": 0.956, "verdict": "no_signal", "reason": "within the ups and downs of a normal quarter", "peers": 33.0, "peer_q1": 7900.0, "peer_median": 9600.0, "peer_q3": 11000.0, "standing": "third quarter"},
        "deal_size_median": {"value": 7420.0, "n": 49.0},
        "cycle_days": {"value": [47.0, 48.5, 45.0, 50.0, 43.5, 49.0, 48.0, 52.0], "n": WON, "low": 47.0, "high": 63.0, "target": 45.0, "attainment": 0.865, "verdict": "gap", "reason": "by luck about once in 400 quarters", "peers": 33.0, "peer_q1": 36.0, "peer_median": 41.0, "peer_q3": 46.0, "standing": "bottom quarter"},
        "cycle_q1": {"value": 33.5, "n": 49.0},
        "cycle_q3": {"value": 71.0, "n": 49.0},
        "pipeline_value": {"value": [528000.0, 657000.0, 633000.0, 610000.0, 699000.0, 785000.0, 767430.0, 621970.0], "n": 61.0, "verdict": "not_judged", "reason": "it moves with where it began"},
        "open_deals": {"value": 61.0},
        "open_deals_start": {"value": 68.0},
        "unvalued_deals": {"value": 2.0},
        "stale_deals": {"value": 7.0},
        "stale_after": {"value": 78.0},
        "pipeline_growth": {"value": GROWTH, "numerator": -145460.0, "denominator": 767430.0, "n": 68.0, "target": 0.05, "verdict": "not_judged", "reason": "it moves with where it began", "peers": 33.0, "peer_q1": -0.08, "peer_median": 0.045, "peer_q3": 0.14, "standing": "bottom quarter"},
        "pipeline_start": {"value": 767430.0, "n": 68.0},
        "pipeline_created": {"value": 785280.0, "n": 85.0},
        "pipeline_won": {"value": 398220.0, "n": 49.0},
        "pipeline_lost": {"value": 532520.0, "n": 43.0},
        "pipeline_end": {"value": 621970.0, "n": 61.0},
        "pipeline_coverage": {"value": [None] * 7 + [1.2809], "numerator": 512360.0, "denominator": 400000.0, "n": 50.0, "target": 1.5, "attainment": 0.854, "verdict": "watch", "reason": "by luck about once in 400 quarters", "peers": 33.0, "peer_q1": 1.2, "peer_median": 1.4, "peer_q3": 1.6, "standing": "third quarter"},
        "due_value": {"value": 512360.0, "n": 50.0},
        "undated_deals": {"value": 3.0},
        "retention_rate": {"value": [0.5, 0.55, 0.6, 0.52, 0.41, 0.5, 0.577, 17 / 28], "numerator": 17.0, "denominator": 28.0, "n": 28.0, "low": 0.424, "high": 0.764, "target": 0.6, "attainment": 1.01, "verdict": "no_signal", "reason": "within the ups and downs of a normal quarter", "peers": 33.0, "peer_q1": 0.52, "peer_median": 0.58, "peer_q3": 0.63, "standing": "second quarter"},
        "base_accounts": {"value": 28.0},
        "kept_accounts": {"value": 17.0},
        "lapsed_open": {"value": 5.0},
        "revenue_retention": {"value": 0.82, "numerator": 246400.0, "denominator": 300480.0, "n": 28.0, "target": 0.8, "attainment": 1.025, "verdict": "no_signal", "reason": "within the ups and downs of a normal quarter"},
        "base_revenue": {"value": 300480.0, "n": 28.0},
        "kept_revenue": {"value": 246400.0, "n": 28.0},
        "gross_retention": {"value": 0.469, "n": 28.0},
        "calls": {"value": [310.0, 280.0, None, 305.0, 322.0, 298.0, 341.0, 288.0], "n": None, "target": 300.0, "target_raw": 300.0, "attainment": 0.96, "verdict": "no_signal", "reason": "within the ups and downs of a normal quarter"},
        "change_won_deals": {"value": 106999.0},
        "change_deal_size": {"value": -9259.0},
        "change_refunds": {"value": 0.0},
        "change_unsplit": {"value": 0.0},
    }  # fmt: skip


def _scaled(factor: float, goal: float | None) -> dict[str, Cells]:
    """The same figures for somebody of another size."""
    values = _copied(_values())
    revenue = values["revenue"]
    revenue["value"] = [round(number * factor, -1) for number in REVENUE]
    revenue["target"] = [number * goal for number in TARGETS] if goal else None
    revenue["target_raw"] = revenue["target"]
    revenue["attainment"] = [v / t for v, t in zip(revenue["value"], revenue["target"], strict=True)] if goal else None
    short = bool(goal) and revenue["attainment"][-1] < 0.95
    revenue["verdict"], revenue["reason"] = (
        ("watch", "by luck about once in 40 quarters")
        if short
        else ("strength", "by luck about once in 400 quarters")
        if goal
        else ("not_judged", "no target is set")
    )
    for name in ("peer_q1", "peer_median", "peer_q3", "standing", "peers"):
        for cells in values.values():
            cells.pop(name, None)
    return values


def _history(scope: str, scope_id: str, name: str | None, values: dict[str, Cells], only: str | None = None) -> dict[str, Any]:
    rows = []
    for place, period in enumerate(TREND):
        if only is not None and period != only:
            continue
        for key, cells in values.items():
            here = {column: _at(cell, place, column) for column, cell in cells.items()}
            before = _at(cells.get("value"), place - 1, "value") if place else None
            year = _at(cells.get("value"), place - 4, "value") if place >= 4 else None
            value = here.get("value")
            row = dict.fromkeys(SCORECARD)
            row |= {"scope": scope, "scope_id": scope_id, "rep_id": scope_id if scope == "rep" else None, "rep_name": name}
            row |= {"team": "North", "period": period, "kpi": key, "verdict": "not_judged", "reason": None} | here
            row |= {"previous": before, "year_ago": year, "change": None if value is None or before is None else value - before}
            if value is None and row["verdict"] not in ("not_available",):
                row |= {"verdict": "not_available", "reason": "no history is kept: the CRM holds only today’s expected dates"}
            rows.append([row[column] for column in SCORECARD])
    return {"columns": list(SCORECARD), "data": rows}


def _at(cell: Any, place: int, column: str) -> Any:
    """A list runs over the trend; a single cell holds in the last period, words and targets in all."""
    if isinstance(cell, list):
        return cell[place]
    return cell if place == 7 or column in ("verdict", "reason", "target", "target_raw") else None


def _deals() -> dict[str, Any]:
    columns = ["deal_id", "account_id", "product", "stage", "outcome", "amount", "expected_amount", "opened_on", "closed_on"]
    columns += ["expected_close_on", "source_file", "source_line", *FLAGS]
    rows = []
    for number in range(153):
        kind = "won" if number < 49 else "lost" if number < 92 else "open"
        flags = dict.fromkeys(FLAGS, False)
        flags |= {
            "opened": number % 2 == 0,
            "opened_won": number % 2 == 0 and kind == "won",
            "opened_closed": number % 2 == 0 and kind != "open",
        }
        flags |= {
            "won": kind == "won",
            "earned": kind == "won",
            "sale": kind == "won",
            "lost": kind == "lost",
            "closed": kind != "open",
        }
        flags |= {"open_end": kind == "open", "due": kind == "open" and number < 142, "first_win": number < 12}
        amount = 3000.0 + 605 * (number % 49) if kind == "won" else None
        closed = f"2026-0{7 + number % 3}-{1 + number % 28:02}" if kind != "open" else None
        due = f"2026-1{number % 3}-15" if kind == "open" and number % 20 else None
        account = f"A-{number % 40:03}" if number % 31 else None
        cells = [
            f"D-{7000 + number}",
            account,
            "GTX Pro",
            "Won" if kind == "won" else "Lost" if kind == "lost" else "Proposal",
            kind,
        ]
        cells += [
            amount,
            2500.0 + 610 * (number % 47),
            f"2026-0{4 + number % 4}-{1 + number % 27:02}",
            closed,
            due,
            "deals.csv",
            2 + number,
        ]
        rows.append([*cells, *flags.values()])
    return {"columns": columns, "data": rows}


def _findings() -> list[dict[str, Any]]:
    def finding(
        kind: str, kpi: str, verdict: str, title: str, text: str, evidence: list[str], actions: list[Any]
    ) -> dict[str, Any]:
        return {
            "kind": kind,
            "kpi": kpi,
            "verdict": verdict,
            "title": title,
            "text": text,
            "evidence": evidence,
            "actions": actions,
        }

    def action(text: str, who: str, skill: str | None = None, offer: str | None = None) -> dict[str, Any]:
        return {"text": text, "who": who, "skill": skill, "offer": offer}

    return [
        finding("strength", "win_rate", "strength", "Win rate: a clear strength", "{won_deals} of {closed_deals} closed deals were won: {win_rate}, against a target of {win_rate.target}.", ["The interval is {win_rate.low} to {win_rate.high}.", "The peers’ median is {win_rate.peer_median}.", "By value the rate is {win_rate_value}."], []),
        finding("strength", "revenue", "strength", "Sales revenue: a clear strength", "{revenue} was closed in {revenue.n} won deals, {revenue.attainment} of the target of {revenue.target}.", ["It was {revenue.previous} in {previous_period}."], []),
        finding("improve", "cycle_days", "gap", "Sales cycle: a clear shortfall", "The median of {cycle_days.n} won deals took {cycle_days}, against a target of {cycle_days.target}.", ["The interval is {cycle_days.low} to {cycle_days.high}.", "Half of them took {cycle_q1} to {cycle_q3}. Open deals are not counted."], [action("Name the decision-maker and the decision date before Proposal.", "rep", "Leading the decision", "Coaching on live deals"), action("Review the deals in Negotiation together, 30 minutes every second Thursday.", "manager")]),
        finding("improve", "pipeline_growth", "gap", "Pipeline growth: worth a talk", "Open pipeline changed by {pipeline_growth|signed} over the period, against a target of {pipeline_growth.target|signed}.", ["{pipeline_created} was created, {pipeline_won} won and {pipeline_lost} lost."], [action("Keep two mornings a week for prospecting.", "rep", "Prospecting", "Workshop")]),
    ]  # fmt: skip


def _achievement(rule: str, title: str, text: str, subject: dict[str, Any]) -> dict[str, Any]:
    return {"rule": rule, "kpi": "revenue", "title": title, "text": text, "subject": subject, "names": {}}


def _person(id_: str, name: str, role: str | None = None) -> dict[str, Any]:
    more = {"team": "North", "manager": "Daniel Brandt", "region": None, "started_on": None, "left_on": None}
    return {"id": id_, "name": name, "role": role, **more}


def _workbook(**changes: Any) -> dict[str, Any]:
    return {
        "name": "demo",
        "title": "Lindhaven Instruments",
        "currency": "EUR",
        "locale": "en",
        "as_of": "2026-10-15",
        "as_of_declared": True,
        "history_from": "2024-01-01",
        "frozen_at": "2026-10-15T08:40:00",
        "snapshot": "7c41e09bd2aa",
        "incomplete": False,
        "peer_group": ["role"],
        "retention_window": "2026-Q2",
        "accent": "#174f96",
        "accent_dark": "#8fb9f2",
        **changes,
    }


def _measure() -> dict[str, Any]:
    words = {"key": "calls", "label": "First calls", "unit": "count", "better": "higher", "group": "Other measures"}
    rest = {"judged_by": "exact", "definition": "First calls held.", "n_label": "observations", "of": None, "evidence": None}
    return {**words, **rest, "objective": None, "sentence": "First calls was {calls}"}


def _data() -> dict[str, Any]:
    return {
        "tables": [
            {"table": "deals", "file": "crm-2026-10-15.csv", "read": 8842, "used": 8793, "quarantined": 37, "excluded": 12,
             "read_amount": 31250700.5, "used_amount": 31102400.5, "quarantined_amount": 120300.0, "excluded_amount": 28000.0},
            {"table": "targets", "file": "targets-2026.csv", "read": 576, "used": 576, "quarantined": 0, "excluded": 0,
             "read_amount": None, "used_amount": None, "quarantined_amount": None, "excluded_amount": None},
        ],
        "quarantine": [{"reason": "Close date is not a date", "rows": 19, "amount": 80000.0}, {"reason": "Amount is not a number", "rows": 18, "amount": None}],
        "exclusions": [{"reason": "account is Test", "rows": 12, "amount": 28000.0}],
        "unassigned": {"deals": 3, "revenue": 9000.0},
        "mine": {"quarantined": 0},
        "notes": ["A deal belongs to its current owner in the export; a rep to the team of the period’s last day."],
        "versions": {"reviewlib": "0.1.0"},
        "closed_column": "close_date",
    }  # fmt: skip


#: The cells of the notebooks, as (module, function, arguments).
REP = ["header", "summary", "scorecard", "change", "pipeline", "customers", "strengths", "improve", "achievements", "agreed"]
REP += ["own_view", "feedback", "goals", "development", "recognition", "next_period", "signoff", "figures"]
TEAM = ["header", "summary", "scorecard", "change", "reps", "distribution", "achievements", "team_goals", "skills", "reviews"]
TEAM += ["figures"]


def notebook(review: Review) -> Any:
    """A notebook as it is after its run: code cells with the displays as outputs."""
    import nbformat.v4 as v4

    from reviewlib.pages import blocks, charts

    cells = []
    for name in REP if review.kind == "rep" else TEAM:
        shown = [(f"rl.blocks.{name}(review)", getattr(blocks, name)(review))]
        if name == "change" and review.kind == "rep":
            kpis = ["revenue", "win_rate", "deal_size", "cycle_days"]
            shown.append((f"rl.charts.trends(review, kpis={kpis})", charts.trends(review, kpis=kpis)))
        for source, display in shown:
            data, metadata = display._repr_mimebundle_()
            output = v4.new_output("execute_result", data=data, metadata=metadata, execution_count=1)
            cells.append(v4.new_code_cell(source, outputs=[output], execution_count=1))
    return v4.new_notebook(cells=cells)


def index(**changes: Any) -> Any:
    """An index of two teams with one failure."""
    from reviewlib.pages import index as pages

    rows = (
        pages.IndexRow(
            "Amara Okafor",
            398220.0,
            375000.0,
            "strength",
            manager="north/manager/amara.html",
            rep="north/rep/amara.html",
            talk="Signed by both",
            signed=True,
        ),
        pages.IndexRow(
            "Jonas Lindqvist",
            300510.0,
            330000.0,
            "watch",
            manager="north/manager/jonas.html",
            rep="north/rep/jonas.html",
            talk="Released",
            waits="Jonas",
        ),
        pages.IndexRow("Grace O’Neill", None, None, "not_available", note="no page"),
    )
    teams = (
        pages.TeamRows("North", "Daniel Brandt", 698730.0, 705000.0, "no_signal", "north/team.html", rows),
        pages.TeamRows(
            "No team",
            None,
            0.0,
            None,
            "not_judged",
            None,
            (pages.IndexRow("Noor", 0.0, None, "not_judged", manager="no-team/manager/noor.html", note="no deals"),),
        ),
    )
    given = {
        "workbook": {
            "title": "Lindhaven Instruments",
            "currency": "EUR",
            "locale": "en",
            "as_of": "2026-10-15",
            "snapshot": "7c41e09bd2aa",
            "incomplete": False,
            "accent": "#174f96",
            "accent_dark": "#8fb9f2",
        },
        "period": Period.parse("2026-Q3"),
        "made": dt.datetime(2026, 10, 23, 8, 40, tzinfo=dt.UTC),
        "frozen_at": dt.datetime(2026, 10, 15, 8, 40, tzinfo=dt.UTC),
        "teams": teams,
        "failures": (("Grace O’Neill", "North", "Not made: the notebook stopped in the section Customers.", "problems/grace.html"),),
        "data": _data(),
        "files": {"scorecard.csv": "scorecard.csv", "manifest.json": "manifest.json"},
        "earlier": {},
    }  # fmt: skip
    return pages.Index(**(given | changes))


def problem() -> str:
    """A problem page."""
    from reviewlib.pages import index as pages
    from reviewlib.params.model import Theme

    params: Any = SimpleNamespace(title="Lindhaven Instruments", theme=Theme())
    return pages.problem_page(
        params,
        Period.parse("2026-Q3"),
        subject="Grace O’Neill",
        where="cell 11, rl.blocks.customers(review)",
        message="KeyError: 'retention_rate of R-031 in 2026-Q3' <b>&",
        command="reviewlib run params/demo.yaml --period 2026-Q3 --rep R-031",
    )
