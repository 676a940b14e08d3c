"""Tests of reviewlib.evidence.disclosure: an attacker who knows their own figures learns no colleague's."""

from __future__ import annotations

import datetime as dt
import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pages_fixture
import pytest
from talk import Talks
from workbooks import workbook

from reviewlib.evidence import sources
from reviewlib.evidence.disclosure import FEW, UNKNOWN, of_older, tells
from reviewlib.evidence.period import compile_evidence
from reviewlib.evidence.slicefile import NO_ROWS, read_slice, written
from reviewlib.evidence.slices import Slicer
from reviewlib.pages import blocks, charts
from reviewlib.periods import FiscalYear, Period
from reviewlib.review import Review, from_slice

PERIOD = Period.parse("2026-Q3")
SIZES = range(1, 9)
#: The sections of a team's page, as its notebook shows them.
SECTIONS = [*pages_fixture.TEAM, "pipeline", "customers", "strengths", "improve", "next_period", "goals"]
DAYS = ("2026-02-11", "2026-05-12", "2026-08-13")
Rows = list[dict[str, Any]]


def _sold(rep: str, seed: int, *, closed: Sequence[str] = DAYS) -> Rows:
    """A won, a lost and an open deal of each day; no sum of two amounts is another one."""
    found: Rows = []
    for place, day in enumerate(closed):
        amount = 10_000 + 7919 * seed + 104_729 * place
        common = {
            "rep_id": rep,
            "account_id": f"{rep}-{place}",
            "opened_on": "2025-11-03",
            "expected_amount": amount + 3571 * seed,
        }
        found += [
            common | {"amount": amount, "closed_on": day},
            common | {"stage": "Lost", "closed_on": day},
            common | {"stage": "Open", "expected_close_on": "2026-11-02"},
        ]
    return found


def _slicer(folder: Path, reps: Rows, deals: Rows, **given: Any) -> Slicer:
    quotas = [
        {
            "scope": "rep",
            "scope_id": rep["rep_id"],
            "kpi": "revenue",
            "period": f"2026-Q{quarter}",
            "value": 50_021 + 613 * place,
        }
        for place, rep in enumerate(reps)
        for quarter in (3, 4)
    ]
    params = workbook(folder, deals=deals, reps=reps, targets=quotas, as_of="2026-10-15", **given)
    evidence = compile_evidence(params, sources.read(params), PERIOD)
    return Slicer(evidence, snapshot="f00", frozen_at=dt.datetime(2026, 10, 15, tzinfo=dt.UTC))


def _team(size: int, name: str, **more: Any) -> Rows:
    return [
        {"rep_id": f"{name}{place}", "rep_name": f"Rep {name}{place}", "team": name, "manager": "Max", **more}
        for place in range(size)
    ]


@pytest.fixture(scope="module")
def slicer(tmp_path_factory: pytest.TempPathFactory) -> Slicer:
    """Teams of one to eight: T1 has one rep, T2 two."""
    reps = [rep for size in SIZES for rep in _team(size, f"T{size}", started_on=None)]
    deals = [deal for seed, rep in enumerate(reps, 1) for deal in _sold(rep["rep_id"], seed)]
    return _slicer(tmp_path_factory.mktemp("teams"), reps, deals)


def _numbers(value: Any) -> Iterator[float]:
    """Every number of plain data, those inside texts too."""
    if isinstance(value, str):
        yield from (float(found.replace(",", "")) for found in re.findall(r"-?\d[\d,]*\.?\d*", value))
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _numbers(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _numbers(inner)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


def _opened(data: Mapping[str, Any]) -> Review:
    return from_slice(data, FiscalYear())


def _page(review: Review) -> str:
    shown = [getattr(blocks, name)(review).html for name in SECTIONS]
    html = "".join([*shown, charts.trends(review, kpis=["revenue", "win_rate"]).html])
    return re.sub(r"<[^>]+>", " ", re.sub(r"<style.*?</style>", " ", html, flags=re.DOTALL))


def _own(slicer: Slicer, rep: str) -> set[float]:
    """The money and shares of a rep's own scorecard: numbers that are nobody else's by chance."""
    columns = slicer.rep(rep, "manager")["history"]["columns"]
    told = [columns.index(name) for name in ("value", "numerator", "denominator", "target", "previous", "year_ago")]
    cells = (row[place] for row in slicer.rep(rep, "manager")["history"]["data"] for place in told)
    return {round(cell, 6) for cell in cells if cell and abs(cell) > 1000}


def _recovered(slicer: Slicer, said: set[float], reps: Sequence[str]) -> set[float]:
    """What a member finds of the others' figures: numbers as they stand, and less any of their own."""
    figures = {rep: _own(slicer, rep) for rep in reps}
    found: set[float] = set()
    for rep, own in figures.items():
        others = {value for other, values in figures.items() if other != rep for value in values} - own
        tried = {round(number - mine, 6) for number in said for mine in (0.0, *own)}
        found |= tried & others
    return found


@pytest.mark.parametrize("size", range(1, 6))
def test_a_member_learns_no_colleagues_figure(slicer: Slicer, size: int) -> None:
    """No number of the copy, alone or less a figure of one's own, is a colleague's; in a team of two, unfiltered, many are."""
    name, reps = f"T{size}", slicer.members(f"T{size}")
    data = slicer.team(name, "rep")
    assert len(reps) == size
    assert not _recovered(slicer, {*_numbers(data), *_numbers(_page(_opened(data)))}, reps)
    if size == 2:
        whole = slicer._team(name, "rep")
        assert len(_recovered(slicer, {*_numbers(whole)}, reps)) > 20
        assert len(_recovered(slicer, {*_numbers(_page(_opened(whole)))}, reps)) > 2


@pytest.mark.parametrize("size", SIZES)
def test_totals_need_five_others(slicer: Slicer, size: int) -> None:
    """A copy for reps holds the team's totals where nobody else or at least five others are behind them; the manager's does."""
    data, shown = slicer.team(f"T{size}", "rep"), size == 1 or size >= 6
    assert bool(data["history"]["data"]) == bool(data["stages"]["data"]) == shown
    assert slicer.team(f"T{size}", "manager")["history"]["data"]
    page = _page(_opened(data))
    assert page.count(FEW) == (not shown)
    assert ("This copy shows no totals; the summary says why." in page) == (not shown)
    assert "No rule found" not in page or shown
    assert slicer.team(f"T{size}", "manager")["data"].get("withheld") is None


def test_who_is_behind_a_total() -> None:
    """Nobody else gives nothing away, nor do five; one to four do, for any reader in any period."""
    alone, two = [{"a"}], [{"a"}, {"b"}]
    assert not tells([], alone)
    assert not tells([{"a"}, set()], alone)
    assert tells([{"a"}], two)
    assert tells([{*"abcde"}], alone)
    assert not tells([{*"abcdef"}, {"a"}], alone)
    assert tells([{*"abcdef"}, {*"ab"}], alone)
    assert not tells([{*"abcde"}], [{"x"}])
    assert tells([{*"abcdefgh"}], [{*"abcd"}])
    assert not tells([{*"abcdefgh"}], [{*"abc"}, {*"abcdefghi"}])


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> Slicer:
    """Teams that stay, began small and will be small; teams of one with a leaver who owns nothing, deals, or won one once."""
    late = {"stays": {}, "began": {"started_on": "2026-04-01"}, "ends": {"left_on": "2026-09-30"}}
    reps = [rep for name, more in late.items() for rep in (*_team(7, name)[:3], *_team(7, name, **more)[3:])]
    for name in ("alone", "owned", "won"):
        one, gone = _team(2, name)
        reps += [one, gone | {"left_on": "2024-06-30"}]
    days = {f"began{place}": ("2026-08-13",) for place in range(3, 7)}
    days |= {"alone1": (), "owned1": ("2024-06-28",), "won1": ()}
    sold = [
        deal for seed, rep in enumerate(reps, 1) for deal in _sold(rep["rep_id"], seed, closed=days.get(rep["rep_id"], DAYS))
    ]
    won = _sold("won1", 99, closed=("2026-02-11",))[0]
    return _slicer(tmp_path_factory.mktemp("changing"), reps, [*sold, won])


@pytest.mark.parametrize(("team", "shown"), [("stays", True), ("began", False), ("ends", False)])
def test_every_period_counts(changing: Slicer, team: str, shown: bool) -> None:
    """A team that was small in an earlier period, or will be in the next, whose targets count, gives its totals to nobody."""
    assert bool(changing.team(team, "rep")["history"]["data"]) == shown


def test_a_leavers_open_deals_count(changing: Slicer) -> None:
    """Who has left long ago stands behind a total by the deals that are still theirs, and by what they won in its period."""
    assert changing.team("alone", "rep")["history"]["data"]
    assert not changing.team("owned", "rep")["history"]["data"]
    assert not changing.team("won", "rep")["history"]["data"]


@pytest.fixture(scope="module")
def companies(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Slicer]:
    """Companies of one team, made when they are first asked for: enough deals for verdicts, and a row that is set aside."""

    @functools.cache
    def made(size: int) -> Slicer:
        reps = _team(size, "A")
        sold = [deal for seed, rep in enumerate(reps, 1) for deal in _sold(rep["rep_id"], seed) * 6]
        bad = {"rep_id": "A0", "amount": 777_777, "opened_on": "no date", "closed_on": "2026-08-13"}
        folder = tmp_path_factory.mktemp("company")
        return _slicer(folder, reps, [*sold, bad], crm={"quarantine": {"rows": 1, "amount": 1}})

    return made


@pytest.mark.parametrize(("size", "told"), [(1, True), (2, False), (5, False), (6, True)])
def test_rows_of_the_export(companies: Callable[[int], Slicer], size: int, told: bool) -> None:
    """Copies for reps list rows of the export without amounts, and in a company of two to five none."""
    slicer = companies(size)
    for data in (slicer.rep("A0", "rep"), slicer.team("A", "rep")):
        account = data["data"]
        assert bool(account["tables"]) == bool(account["quarantine"]) == told
        assert "777777.0" not in json.dumps(account)
        assert account["unassigned"] == {}
        assert all(table["used_amount"] is None for table in account["tables"])
        assert ("How many rows were read is on the manager’s copy" in _page(_opened(data))) == (not told)
    assert "777777.0" in json.dumps(slicer.rep("A0", "manager")["data"])


@pytest.mark.parametrize(("size", "told"), [(5, False), (6, True)])
def test_the_middle_of_five_is_a_colleagues_figure(companies: Callable[[int], Slicer], size: int, told: bool) -> None:
    """A copy for reps from older evidence, which held medians of five, gives one where at least five others are behind it."""
    frozen = companies(8)._rep("A0") | {"audience": "rep"}
    columns = frozen["history"]["columns"]
    peers, median = columns.index("peers"), columns.index("peer_median")
    rows = [[size if at == peers and cell else cell for at, cell in enumerate(row)] for row in frozen["history"]["data"]]
    older = frozen | {"history": {"columns": columns, "data": rows}}
    shown = of_older(older)
    assert any(row[median] is not None for row in rows)
    assert any(row[median] is not None for row in shown["history"]["data"]) == told
    place = columns.index("verdict")
    assert [row[place] for row in shown["history"]["data"]] == [row[place] for row in rows]
    lines = [
        [line for finding in data["findings"] for line in finding["evidence"] if "peer_median" in line]
        for data in (older, shown)
    ]
    assert lines[1] == (lines[0] if told else [])


@pytest.mark.parametrize(
    ("size", "standings", "told"),
    [
        (4, set(), False),
        (5, {"above the middle", "below the middle", "in the middle"}, False),
        (7, {"above the middle", "below the middle", "in the middle"}, False),
        (8, {"top quarter", "second quarter", "third quarter", "bottom quarter"}, True),
    ],
)
def test_no_middle_of_fewer_than_eight(companies: Callable[[int], Slicer], size: int, standings: set[str], told: bool) -> None:
    """Fewer than eight peers show no figure to anybody, only a half from five on; both copies and all members hold the same."""
    slicer = companies(size)
    medians, places = [], set()
    for rep in slicer.members("A"):
        both = [slicer.rep(rep, audience) for audience in ("manager", "rep")]
        rows = [[dict(zip(data["history"]["columns"], row, strict=True)) for row in data["history"]["data"]] for data in both]
        for name in ("peer_q1", "peer_median", "peer_q3", "standing", "verdict", "result"):
            assert [row[name] for row in rows[0]] == [row[name] for row in rows[1]]
        lines = [line for data in both for finding in data["findings"] for line in finding["evidence"] if "peer_median" in line]
        assert told or not lines
        medians.append({(row["kpi"], row["period"]): row["peer_median"] for row in rows[1] if row["kpi"] != "revenue"})
        places |= {row["standing"] for row in rows[1]} - {None}
    assert any(cell is not None for cell in medians[0].values()) == told
    assert all(own == medians[0] for own in medians)
    assert places <= standings
    assert bool(places) == bool(standings)


def test_no_verdict_rests_on_the_amounts_of_one_colleague(tmp_path: Path) -> None:
    """In a role of two no rep's copy holds the mean purchase of both: less one's own it is the colleague's, to the cent."""
    reps = [*_team(1, "A", role="Key account"), *_team(1, "B", role="Key account"), *_team(7, "C", role="Seller")]
    months = [f"2025-{month:02}-{day}" for month in range(1, 13) for day in ("05", "15")]
    sold = [
        {"rep_id": rep["rep_id"], "account_id": f"{rep['rep_id']}-{place}", "opened_on": "2024-11-03", "closed_on": day,
         "amount": 10_007 + 7919 * seed + 613 * place}
        for seed, rep in enumerate(reps, 1)
        for place, day in enumerate([*months, "2026-08-13"])
    ]  # fmt: skip
    slicer = _slicer(tmp_path, reps, sold, crm={"history_from": "2024-10-01"})
    for audience, shown in (("manager", True), ("rep", False)):
        frame = slicer.rep("A0", audience)["judged"]
        (row,) = (own for each in frame["data"] if (own := dict(zip(frame["columns"], each, strict=True)))["kpi"] == "revenue")
        assert row["people"] == 2
        assert [row[name] is not None for name in ("size", "spread", "phi")] == [shown] * 3
        assert row["p_low"] is not None


def test_older_evidence_gives_nothing_away(slicer: Slicer, tmp_path: Path) -> None:
    """A copy for reps that is made again from evidence frozen before shows no totals, no rows and no median of five."""
    for size in SIZES:
        frozen = slicer._team(f"T{size}", "rep")
        path = tmp_path / "team.rep.json"
        path.write_bytes(written(frozen, NO_ROWS)[0])
        data = read_slice(path)
        assert (data["data"]["withheld"], data["history"]["data"], data["data"]["tables"]) == (UNKNOWN, [], [])
        assert UNKNOWN in _page(_opened(data))
    assert of_older(slicer.team("T7", "rep")) == slicer.team("T7", "rep")
    frozen = slicer.team("T2", "manager")
    path.write_bytes(written(frozen, NO_ROWS)[0])
    assert {name: read_slice(path)[name] for name in ("data", "history")} == {
        name: frozen[name] for name in ("data", "history")
    }
    old = slicer._rep("T20") | {"audience": "rep"}
    assert of_older(old)["data"]["tables"] == []
    assert of_older(old)["history"]["data"]


def test_a_goal_of_a_small_team_keeps_its_words(slicer: Slicer) -> None:
    """A goal that was shared stands on the copy without the total it began from."""
    talk = Talks()
    talk.say(
        "2026-Q3", "goal", statement="Grow together", kpi="revenue", baseline=432_187.0, target=500_000.0, due="2026-12-31"
    )
    for audience, told in (("manager", True), ("rep", False)):
        data = slicer.team("T2", audience)
        review = from_slice(data, FiscalYear(), minutes=talk.minutes("2026-Q3"))
        html = blocks.goals(review).html
        assert "Grow together" in html
        assert ("432,187" in html) == told
