"""Tests of reviewlib.evidence.slices: what a reader may see, and nothing else."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from workbooks import deals_of, workbook

from reviewlib.evidence import sources
from reviewlib.evidence.comparison import two_digits
from reviewlib.evidence.period import PeriodEvidence, compile_evidence
from reviewlib.evidence.slicefile import written
from reviewlib.evidence.slices import Slicer
from reviewlib.periods import Period

Slices = Mapping[tuple[str, str, str], dict[str, Any]]


def _texts(value: Any) -> Iterator[str]:
    """Every text of plain data, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def _frame(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(zip(data["columns"], row, strict=True)) for row in data["data"]]


def test_a_rep_reads_of_nobody_else(demo_evidence: PeriodEvidence, demo_slices: Slices) -> None:
    """No text of a rep's slice holds another rep's id or name, or a deal of another rep."""
    every = deals_of(demo_evidence.tables)
    owner = dict(zip(every["deal_id"], every["rep_id"], strict=True))
    posts, name = demo_evidence.roster.posts, demo_evidence.period.name
    names = {rep_id: posts[rep_id, name].name for rep_id in demo_evidence.roster.rep_ids}
    own_slices = {subject: data for (kind, subject, _), data in demo_slices.items() if kind == "rep"}
    assert len(own_slices) > 40
    for rep_id, data in own_slices.items():
        text = "\n".join(_texts(data))
        others = {other: called for other, called in names.items() if other != rep_id and called != names[rep_id]}
        assert [word for pair in others.items() for word in pair if word in text] == [], rep_id
        for deals in (data["deals"], *(one for name, one in data["lists"].items() if name != "accounts")):
            assert {owner[row["deal_id"]] for row in _frame(deals)} <= {rep_id}
        assert {(row["scope"], row["scope_id"]) for row in _frame(data["history"])} == {("rep", rep_id)}


@pytest.mark.parametrize("name", ["deals", "accounts"])
def test_every_deal_and_account_counts(demo_slices: Slices, name: str) -> None:
    """A review is another one where any of its deals or accounts differs, listed or not."""
    data = next(data for (kind, _, _), data in demo_slices.items() if kind == "rep" and data[name]["data"])
    rows = {key: data[key] for key in ("deals", "accounts")}
    fewer = rows | {name: {**data[name], "data": data[name]["data"][:-1]}}
    first = {key: value for key, value in data.items() if key not in rows}
    assert written(first, json.dumps(rows))[1] == written({**first}, json.dumps(rows))[1]
    assert written(first, json.dumps(fewer))[1] != written(first, json.dumps(rows))[1]


def test_a_rep_sees_nothing_of_the_managers(demo_slices: Slices) -> None:
    """Neither a rep's slice nor a team's for reps names people or holds members' figures."""
    for (_, _, audience), data in demo_slices.items():
        assert (data["people"] == [], data["members"]["data"] == []) == ((audience == "rep"),) * 2


def test_a_teams_slice_for_reps_names_no_rep(demo_evidence: PeriodEvidence, demo_slices: Slices) -> None:
    """The rep's copy of a team review holds the team's figures, stages and achievements, and nobody's name."""
    posts, name = demo_evidence.roster.posts, demo_evidence.period.name
    words = {word for rep_id in demo_evidence.roster.rep_ids for word in (rep_id, posts[rep_id, name].name)}
    managers = {post.manager for post in posts.values()}
    for (kind, team, audience), data in demo_slices.items():
        if kind == "team" and audience == "rep":
            assert not {text for text in _texts(data) if text in words - managers}
            assert {item["subject"]["name"] for item in data["achievements"]} <= {team}
            assert data["deals"]["data"] == data["accounts"]["data"] == []


def test_peers_are_rounded(demo_evidence: PeriodEvidence, demo_slices: Slices) -> None:
    """Benchmarks leave the evidence with two significant digits, in members' rows too."""
    count = 0
    for data in demo_slices.values():
        for row in [*_frame(data["history"]), *_frame(data["members"])]:
            for column in ("peer_q1", "peer_median", "peer_q3"):
                assert row[column] is None or row[column] == two_digits(row[column])
                count += row[column] is not None
    assert count > 5000
    exact = demo_evidence.scorecard["peer_median"].dropna()
    assert (exact != exact.map(two_digits)).any()


def test_slices_are_plain_data(demo_slices: Slices) -> None:
    """A slice is JSON without NaN, and says the same after the way through a file."""
    for data in demo_slices.values():
        assert json.loads(json.dumps(data, allow_nan=False)) == data


def test_the_board_follows_the_team(demo_slices: Slices) -> None:
    """The manager's board shows the team's achievements and those of each rep as the rep's own page has them."""
    for (kind, _, audience), data in demo_slices.items():
        if (kind, audience) != ("team", "manager"):
            continue
        for person in data["people"]:
            own = demo_slices["rep", person["id"], "rep"]["achievements"]
            shown = [item for item in data["achievements"] if item["subject"]["id"] == person["id"]]
            assert shown == [item for item in own if item["rule"] != "team_target"]
        assert ("achievements" in data["leads"]) == (data["achievements"] == [])


def _slicer(folder: Path, *, quota: float, **given: Any) -> Slicer:
    """Three reps in a team of two and none; A and B sell 60 each, C nothing in the period."""
    deals: list[dict[str, Any]] = [
        {"rep_id": "A", "account_id": "x", "amount": 60, "opened_on": "2026-05-01", "closed_on": "2026-08-01"},
        {"rep_id": "B", "account_id": None, "amount": 60, "opened_on": "2026-05-01", "closed_on": "2026-08-01"},
        {"rep_id": "C", "account_id": "z", "amount": 60, "opened_on": "2026-05-01", "closed_on": "2026-05-20"},
        {"rep_id": "C", "account_id": "z", "opened_on": "2026-09-01", "expected_amount": 5, "stage": "Open"},
    ]
    reps: list[dict[str, Any]] = [
        {"rep_id": "A", "rep_name": "Ann", "team": "T", "manager": "Max"},
        {"rep_id": "B", "rep_name": "Bob", "team": "T", "manager": "Mia"},
        {"rep_id": "C", "rep_name": "Cid", "team": None, "manager": None},
    ]
    rows = [{"scope": "team", "scope_id": "T", "kpi": "revenue", "period": "2026-Q3", "value": quota}]
    book: dict[str, Any] = {"as_of": "2026-10-15", "crm": {"history_from": "2026-01-01"}, **given}
    params = workbook(folder, deals=deals, reps=reps, targets=rows, **book)
    evidence = compile_evidence(params, sources.read(params), Period.parse("2026-Q3"))
    return Slicer(evidence, snapshot="f00", frozen_at=dt.datetime(2026, 10, 15, tzinfo=dt.UTC))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Slicer:
    """The three reps, where the team just meets its target."""
    return _slicer(tmp_path_factory.mktemp("plain"), quota=120)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Slicer:
    """The same where the team just misses it, in a workbook with a title and without one of the KPIs."""
    folder = tmp_path_factory.mktemp("other")
    return _slicer(folder, quota=121, kpis={"win_rate": {"off": True}}, title="Lindhaven Instruments")


@pytest.mark.parametrize(("name", "met"), [("plain", True), ("other", False)])
def test_team_target(request: pytest.FixtureRequest, name: str, met: bool) -> None:
    """A team that meets its revenue target has it on its board once, and each of its reps on their page."""
    slicer: Slicer = request.getfixturevalue(name)

    def rules(data: Mapping[str, Any]) -> list[str]:
        return [item["rule"] for item in data["achievements"]]

    assert rules(slicer.team("T", "manager")).count("team_target") == met
    assert ("team_target" in rules(slicer.rep("A", "rep"))) == met
    assert "team_target" not in rules(slicer.rep("C", "rep"))


def test_team_of_the_period(plain: Slicer) -> None:
    """A team's slice names its managers and reps; who has no team is in none."""
    data = plain.team("T", "manager")
    assert data["subject"]["manager"] == "Max, Mia"
    assert [person["name"] for person in data["people"]] == ["Ann", "Bob"]
    assert {row["scope_id"] for row in _frame(data["members"])} == {"A", "B"}


def test_missing_values_are_null(plain: Slicer) -> None:
    """A deal without an account and a rep without a team have null there, never a word for it."""
    rows = json.loads(plain.listing.rows(["B"])["B"])
    assert _frame(rows["deals"])[0]["account_id"] is None
    assert plain.rep("C", "rep")["subject"]["team"] is None
    assert "nan" not in {text.lower() for text in _texts(plain.rep("B", "rep") | rows)}


def test_stages_count_the_open_deals(plain: Slicer) -> None:
    """Stages hold the deals open at the end of the period with their expected amounts."""
    assert _frame(plain.rep("C", "rep")["stages"]) == [{"stage": "Open", "deals": 1, "amount": 5.0}]


def test_off_says_why(other: Slicer) -> None:
    """A KPI that is switched off, and one whose column is missing, are listed with the reason."""
    common: Mapping[str, Any] = other.common
    assert common["off"]["win_rate"] == "switched off in the params file"
    assert "win_rate" not in {kpi["key"] for kpi in common["kpis"]}


def test_a_slice_names_its_workbook(plain: Slicer, other: Slicer) -> None:
    """Pages carry the title that params give, else the workbook's name."""
    named = [slicer.rep("A", "rep")["workbook"] for slicer in (plain, other)]
    assert [(book["title"], book["name"]) for book in named] == [("book", "book"), ("Lindhaven Instruments", "book")]
