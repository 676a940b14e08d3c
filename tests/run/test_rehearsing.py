"""A rehearsal: what other thresholds, targets and peers would have said, as freezing with them says it, and nothing written."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pytest
from commands import Run
from evidence.equals import PERIODS, QUESTIONS, Company, Sellers

from reviewlib.errors import NotAllowedError, ParamsError
from reviewlib.evidence import safe_csv, sources
from reviewlib.evidence.period import compile_evidence, past_verdicts
from reviewlib.params import reading
from reviewlib.params.model import Params
from reviewlib.run import rehearsing

pytestmark = pytest.mark.default
LAST: Final = 11
PLACES: Final = {"gap": -2, "watch": -1, "above": 1, "strength": 2}
SELLERS: Final = (Sellers("Seller", 8), Sellers("Hunter", 6, acquired=9, targets=False))


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Params:
    """A company of two roles, the second without targets, with a team and a name that a spreadsheet would calculate."""
    company, folder = Company(SELLERS, seed=3), tmp_path_factory.mktemp("book") / "params"
    reps = company.reps.assign(region=[f"Region {number % 2}" for number in range(14)])
    company.__dict__["reps"] = reps
    params = company.workbook(folder, LAST)
    plain = params.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    params.path.write_text(json.dumps(plain), encoding="utf-8")
    return reading.load(params.path)


def written(book: Params, held: dict[str, Any], name: str = "trial.yaml") -> Path:
    path = book.path.with_name(name)
    path.write_text(json.dumps(held), encoding="utf-8")
    return path


def verdicts(book: Params, *fragments: dict[str, Any]) -> list[pd.DataFrame]:
    """The verdicts of the past periods as they are, and as they would be with each of these laid over the params."""
    read = sources.read(book)
    laid = [reading.laid_over(book, written(book, held)) for held in fragments]
    return past_verdicts([(book, read), *((other, sources.with_targets(other, read)) for other in laid)], PERIODS[LAST])


WIDER: Final = {"judgement": {"gap": 0.02, "watch": 0.1}, "kpis": {"revenue": {"material": 0.5}}}


@pytest.fixture(scope="module")
def cards(book: Params) -> list[pd.DataFrame]:
    """The verdicts as they are, with nothing laid over the params, and with wider thresholds."""
    return verdicts(book, {}, WIDER)


def test_the_same_params_change_nothing(book: Params, cards: list[pd.DataFrame]) -> None:
    """Neither a fragment that says what holds anyway, nor the whole file; that is said before anything is read."""
    pd.testing.assert_frame_equal(cards[0], cards[1])
    for held in (
        {"judgement": {"gap": 0.005}},
        {"kpis": {"win_rate": {"target": None}}},
        json.loads(book.path.read_text(encoding="utf-8")),
    ):
        said, tables = rehearsing.rehearse(book, written(book, held), None, None)
        assert (len(said), tables) == (1, [])
        assert "changes nothing that judges" in said[0]


def test_wider_thresholds_only_flag_more(cards: list[pd.DataFrame]) -> None:
    """No verdict comes nearer to no signal, none changes its side, and some are flagged that were not."""
    was, then = (card.loc[card["kpi"] != "revenue", "verdict"].map(PLACES).fillna(0) for card in (cards[0], cards[2]))
    assert (then * was >= was * was).all()
    assert (then.abs() >= was.abs()).all()
    assert (then != was).sum() > 10


TARGETS: Final = "scope,scope_id,kpi,period,value\n" + "".join(
    f"rep,R{rep:03},win_rate,FY{year},{0.3 + rep / 100}\n" for rep in range(14) for year in (2023, 2024, 2025)
)
HELD: Final = {
    "peers": {"by": ["role", "region"]},
    "kpis": {"retention_rate": {"target": 0.5, "material": 0.15}, "cycle_days": {"benchmark": 30}},
    "crm": {"targets": {"file": "other.csv", "columns": {"scope_id": "scope_id"}}},
}


def test_it_says_what_freezing_with_it_says(book: Params) -> None:
    """Every verdict is the one of a whole params file with these keys, also in a period long past."""
    book.path.with_name("other.csv").write_text(TARGETS, encoding="utf-8")
    one, two = verdicts(book, HELD)
    assert (one["verdict"] != two["verdict"]).any()
    plain = json.loads(book.path.read_text(encoding="utf-8"))
    for section, keys in HELD.items():
        for key, value in keys.items():
            own = plain.setdefault(section, {})
            own[key] = own.get(key, {}) | value if isinstance(value, dict) else value
    whole = reading.load(written(book, plain, "whole.yaml"))
    for period in (PERIODS[LAST], PERIODS[LAST - 3]):
        frozen = compile_evidence(whole, sources.read(whole), period).scorecard
        own = (frozen["scope"] == "rep") & (frozen["period"] == period.name) & frozen["kpi"].isin(QUESTIONS)
        columns = ["scope_id", "kpi", "verdict", "level", "phi", "p_low", "p4_high", "reason"]
        rows = (each[columns].reset_index(drop=True) for each in (two[two["period"] == period.name], frozen[own]))
        pd.testing.assert_frame_equal(*rows, check_dtype=False, rtol=1e-12)


def test_each_change_is_listed_with_its_reason(book: Params, cards: list[pd.DataFrame], tmp_path: Path, run: Run) -> None:
    """Counts from what to what, then each with its reason; the CSV holds all, for its owner alone, and nothing else appears."""
    trial, out = written(book, WIDER), tmp_path / "out.csv"
    before = {path: path.stat().st_mtime_ns for path in book.root.rglob("*")}
    changed = cards[0]["verdict"] != cards[2]["verdict"]
    printed = run("rehearse", str(book.path), "--with", str(trial)).stdout
    assert "Nothing was written; what is released or signed stays as it is." in printed
    said = run("rehearse", str(book.path), "--with", str(trial), "--out", str(out))
    assert {path: path.stat().st_mtime_ns for path in book.root.rglob("*")} == before
    assert said.stdout.partition("written;")[2] == printed.partition("written;")[2]
    assert f"(judgement.gap, judgement.watch, kpis.revenue.material), {changed.sum():,} of " in printed
    rows = safe_csv.read(out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert rows["scope_id"].tolist() == cards[0].loc[changed, "scope_id"].tolist()
    assert rows["verdict_then"].tolist() == cards[2].loc[changed, "verdict"].tolist()
    near = ((cards[0]["value"] - cards[0]["level"]).abs() <= 0.5 * cards[0]["level"]) & (cards[0]["kpi"] == "revenue")
    assert rows["why"].tolist() == ["material" if one else "thresholds" for one in near[changed]]
    assert set(rows["why"]) == {"material", "thresholds"}
    cells = [line.split("│") for line in printed.splitlines() if line.count("│") == 5]
    counts = rows.groupby(["kpi", "verdict", "verdict_then"]).size()
    assert sorted(int(each[4]) for each in cells) == sorted(counts)


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ("judgment: {gap: 0.01}", ["trial.yaml, line 1, judgment", "judgement"]),
        ("kpis:\n  win_rate:\n    target: 35\n", ["trial.yaml, line 3, kpis.win_rate.target", "0.35"]),
        ("judgement: {gap: 0.06}", ["trial.yaml, line 1, judgement", "gap < watch"]),
        ("peers: {group: team}", ["trial.yaml, line 1, peers.group", "earlier version", "peers.by"]),
        ("- gap", ["trial.yaml, line 1", "list of keys"]),
        ("", ["trial.yaml", "empty"]),
        ("fiscal_year: {starts: 4}\nkpis: {win_rate: {off: true}}", ["fiscal_year.starts, kpis.win_rate.off", "trial.yaml"]),
        ("crm: {targets: {file: nowhere.csv}}", ["nowhere.csv"]),
    ],
)
def test_mistakes_are_told_by_the_files_own_name(book: Params, held: str, told: list[str], run: Run) -> None:
    """With line and key, as those of params; nothing that changes figures is tried."""
    trial = book.path.with_name("trial.yaml")
    trial.write_text(held, encoding="utf-8")
    said = run("rehearse", str(book.path), "--with", str(trial))
    assert said.returncode == 2
    assert [word for word in told if word not in said.stderr] == []
    assert "Traceback" not in said.stderr


def test_a_file_that_is_not_there_is_told(book: Params) -> None:
    """With those that are near."""
    with pytest.raises(ParamsError, match="does not exist"):
        rehearsing.rehearse(book, book.path.with_name("nothing.yaml"), None, None)


def test_a_manager_reads_nobody_elses_verdicts(book: Params) -> None:
    """Everybody's verdicts are listed, so it takes an analyst; an analyst, or who has no role, may."""
    people = {"roles": {"max": "manager", "ann": "analyst"}, "logins": {"max": "Max Holm"}}
    plain, trial = json.loads(book.path.read_text(encoding="utf-8")), written(book, {})
    own = {
        login: written(book, plain | {"people": people | {"acting_as": login}}, f"{login}.yaml") for login in people["roles"]
    }
    assert "changes nothing" in rehearsing.rehearse(reading.load(own["ann"]), trial, None, None)[0][0]
    with pytest.raises(NotAllowedError, match="everybody's verdicts"):
        rehearsing.rehearse(reading.load(own["max"]), trial, None, None)


def test_reliability_is_printed(book: Params, run: Run) -> None:
    """A row per KPI that is judged, what is not known said as such, and in the end what to make of it."""
    said = run("reliability", str(book.path), "--period", PERIODS[LAST].name)
    assert not (book.root / "reports").exists()
    assert said.returncode == 0, said.stderr
    lines = said.stdout.splitlines()
    (coverage,) = [line for line in lines if "Pipeline coverage" in line]
    assert coverage.count("too few periods") == 2  # of one period: neither what is chance nor what comes again
    assert [
        label for label in ("Sales revenue", "Win rate", "Sales cycle", "Customer retention") if label not in said.stdout
    ] == []
    assert lines[-2].startswith("By chance")
