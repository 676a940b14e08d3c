"""The sample company: the demo is believable, and wrong only where it says so; any other size is the demo multiplied."""

from __future__ import annotations

import csv
import datetime as dt
import functools
import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from statistics import median

import pandas as pd
import pytest
from workbooks import deals_of

from reviewlib.evidence import sources
from reviewlib.evidence.judgement import SCALE
from reviewlib.evidence.period import PeriodEvidence, compile_evidence
from reviewlib.params import reading
from reviewlib.periods import Period
from reviewlib.workbook.company import make_sample

DEMO = Path(__file__).parents[2] / "params"
FILES = ("deals.csv", "reps.csv", "targets.csv", "activities.csv")
Rows = Sequence[dict[str, str]]
#: Who owns deals and is in no reps table.
FORMER = "R-X07"
#: How many reps the demo's teams have.
SIZES = (9, 13, 12, 11, 3)
#: Lines that are put in: the bad rows, and the subtotal below the last.
PUT_IN = 28
BAD_VALUES = {
    ("Close Date", ("2026-02-30", "31/12/2025", "end of March", "0000-00-00")): "bad close date",
    ("Created", ("2025-13-01", "yesterday")): "bad opening date",
    ("Amount", ("12.400.00", "9300 USD", "#VALUE!", "twelve thousand")): "bad amount",
    ("Deal ID", ("Subtotal",)): "subtotal row",
    ("Account", ("Lindhaven Test",)): "test account",
    ("Account", ("Orsa, Vega & Söhne",)): "name with a comma",
}
#: What a reader has to do with the rows of each kind: set them aside, leave them out, count them for nobody, or use them.
FATES = {
    "quarantined": (
        "bad close date",
        "bad opening date",
        "bad amount",
        "closed without close date",
        "too many fields",
        "exact duplicate",
        "conflicting id",
    ),
    "excluded": ("test account", "subtotal row"),
    "unassigned": ("former employee",),
    "used": ("closed before opened", "account spelled two ways", "name with a comma"),
}


@dataclass(frozen=True)
class Flaw:
    """The rows of one kind: where they stand in the deals file, and what their readable amounts come to."""

    kind: str
    lines: tuple[int, ...]
    amount: Decimal

    @property
    def rows(self) -> int:
        return len(self.lines)


@dataclass(frozen=True)
class Company:
    """The demo or a sample, and what is wrong with its deals on purpose."""

    path: Path

    @cached_property
    def flaws(self) -> tuple[Flaw, ...]:
        found: dict[str, list[tuple[int, dict[str, str]]]] = defaultdict(list)
        above: dict[str, list[dict[str, str]]] = defaultdict(list)
        every = rows(self, "deals.csv")
        ids = {(row["Deal ID"], row["Amount"]) for row in every}
        twice = {one for one, count in Counter(one for one, _ in ids).items() if count > 1}
        for line, row in enumerate(every, start=2):
            if kind := self._kind(row, above[row["Deal ID"]], twice):
                found[kind].append((line, row))
            above[row["Deal ID"]].append(row)
        return tuple(
            Flaw(
                kind,
                tuple(line for line, _ in lines),
                sum(
                    (Decimal(row["Amount"]) for _, row in lines if row["Amount"] and None not in row and kind != "bad amount"),
                    Decimal(0),
                ),
            )
            for kind, lines in found.items()
        )

    def _kind(self, row: dict[str, str], above: Rows, twice: set[str]) -> str | None:
        for (column, values), kind in BAD_VALUES.items():
            if row[column] in values:
                return kind
        if None in row:
            return "too many fields"
        if row["Stage"].startswith("Closed") and not row["Close Date"]:
            return "closed without close date"
        if row["Owner ID"].startswith(FORMER):
            return "former employee"
        if row["Created"] > row["Close Date"] > "":
            return "closed before opened"
        if row["Deal ID"][-4:] > "8800":  # good ones go from 0001 to 8800, in each copy and round
            return "account spelled two ways"
        if row["Deal ID"] in twice:
            return "conflicting id"
        return "exact duplicate" if row in above else None


@pytest.fixture(scope="module")
def company() -> Company:
    """The demo as it is committed."""
    return Company(DEMO / "demo.yaml")


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """A sample of 100 reps, who have a little more than the demo's deals each."""
    return sample(tmp_path_factory.mktemp("larger"), reps=100, deals=20_000)


@pytest.fixture(scope="module")
def larger_evidence(larger: Company) -> PeriodEvidence:
    params = reading.load(larger.path)
    return compile_evidence(params, sources.read(params), Period.parse("2026-Q3"))


def sample(out: Path, *, reps: int, deals: int) -> Company:
    return Company(make_sample(out, reps=reps, deals=deals))


@pytest.fixture(scope="module")
def read(demo_evidence: PeriodEvidence) -> sources.Tables:
    """What is read of the demo."""
    return demo_evidence.tables


@pytest.fixture(scope="module")
def judged(demo_evidence: PeriodEvidence) -> pd.DataFrame:
    card = demo_evidence.scorecard
    return card[(card["scope"] == "rep") & (card["period"] == "2026-Q3")].set_index(["scope_id", "kpi"])


@functools.lru_cache(maxsize=8)
def rows(company: Company, file: str) -> Rows:
    with (company.path.parent / company.path.stem / file).open(encoding="utf-8", newline="") as text:
        return tuple(csv.DictReader(text))


@functools.lru_cache(maxsize=1)
def good(company: Company) -> Rows:
    spoilt = {line for flaw in company.flaws if flaw.kind != "former employee" for line in flaw.lines}
    return tuple(row for line, row in enumerate(rows(company, "deals.csv"), start=2) if line not in spoilt)


def flaws(company: Company, fate: str) -> list[Flaw]:
    return [flaw for flaw in company.flaws if flaw.kind in FATES[fate]]


def closed(deals: Rows, *, rep: str, first: str, last: str) -> Rows:
    return [deal for deal in deals if deal["Owner ID"] == rep and first <= deal["Close Date"] <= last]


def attainment(company: Company, deals: Rows, *, rep: str, months: tuple[str, ...]) -> float:
    targets = [
        row
        for row in rows(company, "targets.csv")
        if row["scope_id"] == rep and row["kpi"] == "revenue" and row["period"] in months
    ]
    owed = sum(float(row["value"]) * float(row["ramp"] or 1) for row in targets)
    won = [
        float(deal["Amount"])
        for deal in closed(deals, rep=rep, first=f"{months[0]}-01", last=f"{months[-1]}-31")
        if deal["Amount"]
    ]
    return sum(won) / owed


# The files ------------------------------------------------------------------------------------------------------------------


def test_demo_is_small() -> None:
    """The demo's tables stay under a megabyte."""
    assert sum((DEMO / "demo" / file).stat().st_size for file in FILES) < 1_000_000


# Reconciliation -------------------------------------------------------------------------------------------------------------


def test_quarantine_holds_the_bad_rows_and_no_good_one(company: Company, read: sources.Tables) -> None:
    """The lines set aside are those of the flaws that have to be, every one of them and no other."""
    expected = sorted(line for flaw in flaws(company, "quarantined") for line in flaw.lines)
    assert len(expected) == 18
    assert sorted(read.quarantine["line"].tolist()) == expected


@pytest.mark.parametrize(
    ("kind", "rows", "column", "reason"),
    [
        ("bad close date", 4, "Close Date", "d"),
        ("bad opening date", 2, "Created", "d"),
        ("bad amount", 4, "Amount", "n"),
        ("closed without close date", 3, "Close Date", "without"),
        ("exact duplicate", 1, "Deal ID", "exact duplicate"),
        ("conflicting id", 2, "Deal ID", "same key and other content"),
        ("too many fields", 2, None, "number of fields"),
    ],
)
def test_quarantined_by_kind(
    company: Company, read: sources.Tables, kind: str, rows: int, column: str | None, reason: str
) -> None:
    """Each kind of bad row is set aside with its column, a reason, and the amount that could be read."""
    flaw = next(flaw for flaw in company.flaws if flaw.kind == kind)
    found = read.quarantine[read.quarantine["line"].isin(flaw.lines)]
    assert len(found) == flaw.rows == len(flaw.lines) == rows
    assert found["amount"].dropna().sum() == flaw.amount
    assert found["reason"].str.contains(reason).all()
    assert found["column"].isna().all() if column is None else (found["column"] == column).all()


def test_excluded_by_reason(company: Company, read: sources.Tables) -> None:
    """The test account and the subtotal row are left out with their rows and amounts."""
    found = {item.reason: (item.rows, item.amount) for item in read.exclusions}
    expected = {flaw.kind: (flaw.rows, flaw.amount) for flaw in flaws(company, "excluded")}
    assert found["Test account"] == expected["test account"]
    assert found["Subtotal row of the report"] == expected["subtotal row"]


def test_conflicting_rows_share_an_id(company: Company) -> None:
    """The lines of the conflict are two rows of one id and different amounts, the good one and the one put in."""
    flaw = next(flaw for flaw in company.flaws if flaw.kind == "conflicting id")
    every = rows(company, "deals.csv")
    one, other = (every[line - 2] for line in flaw.lines)
    assert one["Deal ID"] == other["Deal ID"]
    assert one["Amount"] != other["Amount"] == "7654.32"
    assert flaw.amount == Decimal(one["Amount"]) + Decimal(other["Amount"])


def test_subtotal_is_small(company: Company, read: sources.Tables) -> None:
    """The subtotal is what the deals of the last days come to, a small part of what is used."""
    last_days = [row for row in good(company) if row["Close Date"] >= "2026-10-12"]
    flaw = next(flaw for flaw in company.flaws if flaw.kind == "subtotal row")
    assert flaw.amount == sum(Decimal(row["Amount"]) for row in last_days if row["Amount"])
    assert flaw.lines == (len(rows(company, "deals.csv")) + 1,)
    used = read.reconciliation[0].used_amount
    assert used is not None
    assert 0 < flaw.amount < used / 100


def test_rows_and_amounts_reconcile(company: Company, read: sources.Tables) -> None:
    """What is used is what is meant to be used, to the row and to the cent."""
    deals = read.reconciliation[0]
    used = good(company)
    added = flaws(company, "used")
    assert deals.used == len(used) + sum(flaw.rows for flaw in added) == 8800 - 1 + 7
    drawn = sum((Decimal(row["Amount"]) for row in used if row["Amount"]), Decimal(0))
    assert deals.used_amount == drawn + sum(flaw.amount for flaw in added)
    assert deals.quarantined_amount == sum(flaw.amount for flaw in flaws(company, "quarantined"))
    assert deals.excluded_amount == sum(flaw.amount for flaw in flaws(company, "excluded"))


def test_quarantine_stays_under_the_threshold(read: sources.Tables) -> None:
    """Less than half of what would stop a run is set aside."""
    deals = read.reconciliation[0]
    assert deals.quarantined / deals.read < 0.003
    assert deals.quarantined_amount is not None
    assert deals.used_amount is not None
    assert deals.quarantined_amount / deals.used_amount < Decimal("0.004")


def test_former_employee_is_unassigned(company: Company, read: sources.Tables) -> None:
    """The deals of somebody who is in no reps table are counted, with their amount."""
    (flaw,) = flaws(company, "unassigned")
    theirs = deals_of(read)[~deals_of(read)["rep_id"].isin(read.reps["rep_id"])]
    assert (len(theirs), theirs["amount"].dropna().sum()) == (flaw.rows, flaw.amount)
    assert flaw.rows > 20


def test_account_spelled_two_ways_is_one(company: Company, read: sources.Tables) -> None:
    """Both spellings of an account are read as one."""
    flaw = next(flaw for flaw in company.flaws if flaw.kind == "account spelled two ways")
    both = deals_of(read)[deals_of(read)["source_line"].isin(flaw.lines)]
    assert (len(both), set(both["account_id"])) == (3, {"Zennor Health"})
    assert len({row["Account"] for row in rows(company, "deals.csv") if row["Account"].startswith("Zennor Health")}) == 2


# The cast -------------------------------------------------------------------------------------------------------------------


def test_teams(company: Company) -> None:
    """48 reps work in five teams, one of them of exactly three."""
    teams = Counter(row["Team"] for row in rows(company, "reps.csv") if not row["To"])
    assert (sum(teams.values()), len(teams), min(teams.values())) == (48, 5, 3)


def test_names(company: Company) -> None:
    """Two reps share a name; others have an apostrophe, a hyphen, letters beyond ASCII, or a very long name."""
    names = [row["Name"] for row in rows(company, "reps.csv") if not row["To"]]
    assert len(set(names)) == 47
    assert any("'" in name for name in names)
    assert any("-" in name for name in names)
    assert any(not name.isascii() for name in names)
    assert max(map(len, names)) > 50


def test_careers(company: Company) -> None:
    """Some started, some left, and one changed team in the eight quarters."""
    reps = rows(company, "reps.csv")
    assert sum(row["Started"] > "2024-10-01" for row in reps) >= 4
    assert sum(bool(row["Left"]) for row in reps) == 3
    before, after = [row for row in reps if row["Employee"] == "R-019"]
    assert (before["Team"], after["Team"]) == ("South", "North")
    assert dt.date.fromisoformat(after["From"]) - dt.date.fromisoformat(before["To"]) == dt.timedelta(days=1)


def test_few_deals_and_none(company: Company) -> None:
    """One rep has no deals, one has a few, and the notebook's own rep has many in every quarter."""
    counts = Counter(row["Owner ID"] for row in good(company))
    assert "R-009" not in counts
    assert counts["R-033"] < 50 < counts["R-014"] / 5
    quarters = {
        (row["Close Date"][:4], (int(row["Close Date"][5:7]) - 1) // 3)
        for row in good(company)
        if row["Owner ID"] == "R-014" and row["Close Date"]
    }
    assert len(quarters) == 9


@pytest.mark.parametrize(
    ("rep", "previous", "current"),
    [("R-012", (1.0, 1.4), (1.1, 1.4)), ("R-017", (0.4, 0.85), (0.4, 0.8)), ("R-025", (0.6, 0.95), (1.0, 1.3))],
    ids=["star", "struggler", "comeback"],
)
def test_stories(company: Company, rep: str, previous: tuple[float, float], current: tuple[float, float]) -> None:
    """A star stays above target, a struggler below, and a comeback goes from below to above."""
    deals = good(company)
    before = attainment(company, deals, rep=rep, months=("2026-04", "2026-05", "2026-06"))
    now = attainment(company, deals, rep=rep, months=("2026-07", "2026-08", "2026-09"))
    assert previous[0] < before < previous[1]
    assert current[0] < now < current[1]


@pytest.mark.parametrize(
    ("kpi", "result", "verdict"),
    [
        ("revenue", "exceeded", "no_signal"),
        ("win_rate", "exceeded", "above"),
        ("retention_rate", "exceeded", "no_signal"),
        ("pipeline_coverage", "missed", "no_signal"),
        ("cycle_days", "missed", "gap"),
    ],
)
def test_story_of_the_notebook(judged: pd.DataFrame, kpi: str, result: str, verdict: str) -> None:
    """The notebook's own rep has a fine quarter behind her, a thin one ahead, and deals that clearly take long."""
    assert (judged.loc[("R-014", kpi), "result"], judged.loc[("R-014", kpi), "verdict"]) == (result, verdict)


@pytest.mark.parametrize("kpi", ["revenue", "new_customers", "retention_rate", "cycle_days", "pipeline_coverage"])
def test_results_differ(judged: pd.DataFrame, kpi: str) -> None:
    """Among the reps are targets missed and exceeded, and most figures can be judged; that most tell nothing is as it is."""
    card = judged.xs(kpi, level="kpi")
    results, verdicts = Counter(card["result"]), Counter(card["verdict"])
    assert min(results["exceeded"], results["missed"]) >= 10
    assert verdicts["too_few"] + verdicts["not_available"] + verdicts["not_judged"] < 24
    assert verdicts["no_signal"] > 20


def test_verdicts_differ(judged: pd.DataFrame) -> None:
    """Among the reps are clear strengths and shortfalls, in more than one figure, and a quarter of all verdicts at the most."""
    given = judged[judged["verdict"].isin(SCALE)]
    for verdict in ("gap", "watch", "above", "strength"):
        assert len({kpi for _, kpi in given.index[given["verdict"] == verdict]}) >= 3
    measured = given[given["target"].notna()]
    assert (measured["verdict"] != "no_signal").mean() < 0.25


def test_customers_are_enough_to_judge(judged: pd.DataFrame) -> None:
    """The middle half of the reps has 8 to 12 customers to keep, keeps about half, and wins 2 to 4 new ones."""
    for kpi, low, high in (("base_accounts", 8, 12), ("retention_rate", 0.4, 0.65), ("new_customers", 2, 4)):
        values = judged.xs(kpi, level="kpi")["value"].dropna()
        assert low <= values.quantile(0.25) <= values.quantile(0.75) <= high
    reached = judged.xs("new_customers", level="kpi")["attainment"].dropna()
    assert 0.9 <= reached.median() <= 1.1
    assert reached.quantile(0.25) < 0.8
    assert reached.quantile(0.75) > 1.1


# The deals ------------------------------------------------------------------------------------------------------------------


def test_deals_have_what_exports_have(company: Company) -> None:
    """There are refunds, deals without account, open deals with and without expected close, old openings and cents."""
    deals = good(company)
    is_open = [row for row in deals if row["Stage"] not in {"Closed Won", "Closed Lost", "No Decision"}]
    assert 20 < sum(row["Amount"].startswith("-") for row in deals) < 120
    assert sum(not row["Account"] for row in deals) > 40
    assert 5 < sum(not row["Expected Close"] for row in is_open) < len(is_open) / 4
    assert not any(row["Close Date"] or row["Amount"] for row in is_open)
    assert min(row["Created"] for row in deals if row["Created"]) < "2024-08-01"
    assert sum(not row["Amount"].endswith("0") for row in deals if row["Amount"]) > 100
    assert any(not row["Amount"] for row in deals if row["Stage"] == "Closed Won")
    assert {row["Amount"] for row in deals if row["Stage"] in {"Closed Lost", "No Decision"}} == {"0.00"}


def test_dates_lie_between_history_and_as_of(company: Company) -> None:
    """Nothing closed before the history or happened after the as-of date; deals closed after they were opened."""
    deals = good(company)
    dates = [row["Close Date"] for row in deals if row["Close Date"]]
    assert "2024-10-01" <= min(dates) < max(dates) <= "2026-10-15"
    assert max(row["Created"] for row in deals) <= "2026-10-15"
    assert all(row["Created"] <= row["Close Date"] for row in deals if row["Created"] and row["Close Date"])


def test_leavers_close_nothing_afterwards(company: Company) -> None:
    """Whoever left closes, opens and keeps nothing after the last day, refunds aside."""
    for rep, left in {row["Employee"]: row["Left"] for row in rows(company, "reps.csv") if row["Left"]}.items():
        theirs = [row for row in good(company) if row["Owner ID"] == rep and not row["Amount"].startswith("-")]
        assert theirs
        assert all(row["Close Date"] and row["Close Date"] <= left for row in theirs)


def test_customers_stay_and_arrive(company: Company) -> None:
    """From the second quarter on, half to two thirds of the customers buy again, and new ones buy in every quarter."""
    sales: dict[int, set[tuple[str, str]]] = defaultdict(set)
    for row in good(company):
        if row["Stage"] == "Closed Won" and row["Account"] and not row["Amount"].startswith("-"):
            year, month = map(int, row["Close Date"].split("-")[:2])
            sales[year * 4 + (month - 1) // 3].add((row["Owner ID"], row["Account"]))
    quarters = [sales[number] for number in sorted(sales)][:8]
    known = {account for _, account in quarters[0]}
    for before, now in pairwise(quarters):
        bought = {account for _, account in now}
        assert 0.48 < sum(account in bought for _, account in before) / len(before) < 0.68
        assert len(bought - known) > 60
        known |= bought


def test_company_is_believable(company: Company) -> None:
    """In 2026-Q3 the middle of the reps wins 35 to 55 %, closes in 30 to 60 days, and most are near their targets."""
    deals, reps = good(company), [f"R-{number:03d}" for number in range(1, 49)]
    reached, wins, cycles = list[float](), list[float](), list[float]()
    for rep in reps:
        theirs = closed(deals, rep=rep, first="2026-07-01", last="2026-09-30")
        won = [row for row in theirs if row["Stage"] == "Closed Won" and not row["Amount"].startswith("-") and row["Created"]]
        if len(theirs) < 10 or rep == "R-042":
            continue
        reached.append(attainment(company, deals, rep=rep, months=("2026-07", "2026-08", "2026-09")))
        wins.append(len(won) / len(theirs))
        cycles.append(median((dt.date.fromisoformat(r["Close Date"]) - dt.date.fromisoformat(r["Created"])).days for r in won))
    assert len(reached) > 38
    assert 0.9 < median(reached) < 1.1
    assert sum(0.7 <= value <= 1.25 for value in reached) / len(reached) > 0.9
    assert min(reached) < 0.85
    assert max(reached) > 1.15
    assert sum(0.3 <= value <= 0.6 for value in wins) / len(wins) > 0.9
    assert sum(25 <= value <= 70 for value in cycles) / len(cycles) > 0.85


# Targets and activities -----------------------------------------------------------------------------------------------------


def test_targets_tile_the_months(company: Company) -> None:
    """Every rep has a revenue target in each month of activity up to the end of 2026, except the one who lacks them."""
    months = {(row["scope_id"], row["period"]) for row in rows(company, "targets.csv") if row["kpi"] == "revenue"}
    history = [Period.parse("2024-10").shift(step) for step in range(27)]
    expected = {
        (row["Employee"], month.name)
        for row in rows(company, "reps.csv")
        for month in history
        if row["Started"] <= month.last_day.isoformat() and (row["Left"] or "9999") >= month.start.isoformat()
    }
    assert {pair for pair in months if pair[0] != "East"} == {pair for pair in expected if pair[0] != "R-042"}
    assert ("R-014", "2026-12") in months


def test_starters_ramp(company: Company) -> None:
    """A starter owes a rising share of the target, for six months."""
    ramps = [row["ramp"] for row in rows(company, "targets.csv") if (row["scope_id"], row["kpi"]) == ("R-022", "revenue")]
    assert ramps == ["0.0", "0.25", "0.4", "0.6", "0.75", "0.9", "", "", "", "", "", ""]


def test_one_team_has_a_target_of_its_own(company: Company) -> None:
    """One team has revenue targets in every month, beside those of its reps."""
    own = [row for row in rows(company, "targets.csv") if (row["scope"], row["kpi"]) == ("team", "revenue")]
    assert ({row["scope_id"] for row in own}, len(own)) == ({"East"}, 27)


def test_target_keys_are_unique(company: Company) -> None:
    """No target stands twice."""
    keys = Counter((row["scope"], row["scope_id"], row["kpi"], row["period"]) for row in rows(company, "targets.csv"))
    assert keys.most_common(1)[0][1] == 1


def test_activities_are_described(company: Company) -> None:
    """Every measure of the activities is described in params, and satisfaction says how many answered."""
    params = reading.load(company.path)
    found = rows(company, "activities.csv")
    assert {row["Measure"] for row in found} == {key for key, kpi in params.kpis.items() if kpi.label}
    assert all(int(row["Answers"]) > 0 for row in found if row["Measure"] == "satisfaction")
    assert all(1 <= float(row["Figure"]) <= 5 for row in found if row["Measure"] == "satisfaction")


def test_playbook_covers_every_judged_kpi(company: Company) -> None:
    """There is advice for the gap of every KPI that the params or the targets judge, for a rep to follow."""
    params = reading.load(company.path)
    judged = {row["kpi"] for row in rows(company, "targets.csv")} | {key for key, kpi in params.kpis.items() if kpi.target}
    assert judged <= {play.kpi for play in params.playbook if "gap" in play.when and play.who == "rep"}


# Any size -------------------------------------------------------------------------------------------------------------------


def test_the_demos_own_size_is_the_demo(tmp_path: Path) -> None:
    """48 reps and 8,800 deals are the demo again: the same lines, figures and flaws, and params by another name."""
    again = sample(tmp_path, reps=48, deals=8800).path
    for file in FILES[1:]:
        assert (again.parent / "sample" / file).read_bytes() == (DEMO / "demo" / file).read_bytes()
    lines, demo = (
        (folder / "deals.csv").read_text("utf-8").splitlines() for folder in (again.parent / "sample", DEMO / "demo")
    )
    assert (lines[0], sorted(lines)) == (demo[0], sorted(demo))
    named = (
        (DEMO / "demo.yaml").read_text("utf-8").replace("name: demo", "name: sample").replace("file: demo/", "file: sample/")
    )
    assert again.read_text("utf-8").splitlines()[1:] == named.splitlines()[1:]


def test_name_is_used_throughout(tmp_path: Path) -> None:
    """Another name names the params file, the workbook and the folder of its tables."""
    path = make_sample(tmp_path, reps=5, deals=200, name="acme")
    params = reading.load(path)
    assert (path.name, params.name, params.file(params.crm.deals).parent.name) == ("acme.yaml", "acme", "acme")
    assert sources.read(params).reconciliation[0].used == 200


def test_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    """The same company is written twice, on every machine and with every version of the libraries."""
    for folder in ("one", "two"):
        path = make_sample(tmp_path / folder, reps=60, deals=13_000)
        written = hashlib.sha256(b"".join((path.parent / "sample" / file).read_bytes() for file in FILES))
        assert written.hexdigest()[:16] == "0b0c493e3fb031ce"


@pytest.mark.parametrize(
    ("reps", "deals"), [(0, 0), (1, 0), (1, 1), (1, 40), (3, 10), (14, 500), (47, 2999), (60, 1000), (300, 100), (5, 12_345)]
)
def test_any_size(tmp_path: Path, reps: int, deals: int) -> None:
    """A company has exactly as many reps and good deals as asked for, each with an id of its own."""
    made = sample(tmp_path, reps=reps, deals=deals)
    ids = [row["Deal ID"] for row in good(made)]
    assert len(ids) == len(set(ids)) == deals
    assert len({row["Employee"] for row in rows(made, "reps.csv")}) == reps


@pytest.mark.parametrize(("reps", "deals", "least"), [(10, 200, 5), (60, 1000, 4), (3, 5000, 8), (100, 20_000, 8)])
def test_deals_are_shared_and_spread(company: Company, tmp_path: Path, reps: int, deals: int, least: int) -> None:
    """Far below the demo and far above it, each rep has the share that the rep has there, over the whole history."""
    demo, made = (quarters_of(one) for one in (company, sample(tmp_path, reps=reps, deals=deals)))
    growth = deals / sum(len(demo[model_of(owner)]) for owner in made)
    for owner, quarters in made.items():
        usual = len(demo[model_of(owner)])
        assert abs(len(quarters) - usual * growth) < 1.2  # the demo has one deal twice
        assert usual < 150 or len(set(quarters)) >= least
    share, usual = (Counter(quarter for quarters in found.values() for quarter in quarters) for found in (made, demo))
    for quarter in usual:
        assert 0.6 < share[quarter] / share.total() * usual.total() / usual[quarter] < 1.7


def quarters_of(company: Company) -> dict[str, list[int]]:
    """When the deals of each owner were closed, or else opened, in quarters; a few say neither."""
    found = defaultdict[str, list[int]](list)
    for row in good(company):
        year, month = map(int, (row["Close Date"] or row["Created"] or "2026-10").split("-")[:2])
        found[row["Owner ID"]].append(year * 4 + (month - 1) // 3)
    return found


def model_of(owner: str) -> str:
    """Whose copy somebody is."""
    return "-".join(owner.split("-")[:2])


@pytest.mark.soak
def test_large_company(tmp_path: Path) -> None:
    """A million deals of 200 reps are written to the last one."""
    made = make_sample(tmp_path, reps=200, deals=1_000_000)
    with (made.parent / "sample" / "deals.csv").open("rb") as file:
        assert len({line.split(b",")[0] for line in file}) == 1 + 1_000_000 + PUT_IN - 2  # two lines have the id of a good deal


def test_flaws_come_with_their_reps(tmp_path: Path) -> None:
    """The demo's flawed rows come where each rep has as many deals as there, those of the reps who are in the company."""
    for reps, deals, many in ((10, 2999, 0), (100, 18_000, 0), (48, 8799, 0), (100, 20_000, PUT_IN), (10, 3000, 8)):
        made = sample(tmp_path, reps=reps, deals=deals)
        assert len(rows(made, "deals.csv")) == deals + many, (reps, deals)
        known = {row["Employee"] for row in rows(made, "reps.csv")}
        strangers = {row["Owner ID"] for row in rows(made, "deals.csv")} - known - {""}
        assert strangers == {f"{FORMER}{mark}" for mark in ("", "-2")[: reps // 48]}
        rows.cache_clear()  # the next company has the same path


def test_flaws_stop_no_run(larger: Company, larger_evidence: PeriodEvidence) -> None:
    """In a larger company the same lines are set aside and left out, and everything else is used."""
    deals = larger_evidence.tables.reconciliation[0]
    assert deals.used == 20_000 - 1 + 7
    expected = sorted(line for flaw in flaws(larger, "quarantined") for line in flaw.lines)
    assert sorted(larger_evidence.tables.quarantine["line"].tolist()) == expected
    assert deals.excluded == sum(flaw.rows for flaw in flaws(larger, "excluded")) == 4


def test_copies_have_names_of_their_own(larger: Company) -> None:
    """Every rep has an id, a name and an address of their own; but namesakes of the demo have namesakes in each copy."""
    reps = [row for row in rows(larger, "reps.csv") if not row["To"]]
    assert [len({row[column] for row in reps}) for column in ("Employee", "Email", "Name")] == [100, 100, 98]
    assert {row["Employee"] for row in reps} >= {"R-014", "R-014-2", "R-004-3"}


def test_copies_have_teams_of_their_own(larger: Company) -> None:
    """Teams are those of the demo and further ones like them, each with a manager of its own."""
    reps = [row for row in rows(larger, "reps.csv") if not row["To"]]
    assert Counter(row["Team"] for row in reps) == {
        **dict(zip(("West", "North", "South", "East", "Key Accounts"), SIZES, strict=True)),
        **dict(zip(("West 2", "North 2", "South 2", "East 2", "Key Accounts 2"), SIZES, strict=True)),
        "West 3": 4,
    }
    assert len({row["Manager"] for row in reps}) == len({(row["Manager"], row["Team"]) for row in reps}) == 11


def test_every_team_of_a_large_company_has_its_own_manager(tmp_path: Path) -> None:
    """Also where there are more copies than surnames: who leads two teams would read both."""
    reps = csv.DictReader((make_sample(tmp_path, reps=3600, deals=0).with_suffix("") / "reps.csv").open(encoding="utf-8"))
    teams = {(row["Manager"], row["Team"]) for row in reps if not row["To"]}
    assert len({manager for manager, _ in teams}) == len(teams) == 375


def test_customers_stay_with_one_copy(company: Company, larger: Company) -> None:
    """An account of a copy has as many deals as the demo's, of the same reps in that copy."""
    conflict = next(flaw for flaw in company.flaws if flaw.kind == "conflicting id")
    twice = rows(company, "deals.csv")[conflict.lines[0] - 2]["Deal ID"][-4:]

    def by_account(company: Company) -> dict[str, Counter[str]]:
        found = defaultdict[str, Counter[str]](Counter)
        for row in good(company):
            found[row["Account"]][row["Owner ID"]] += row["Deal ID"][-4:] != twice
        return found

    demo, copies = by_account(company), by_account(larger)
    for account, owners in demo.items():
        again = {f"{owner}-2": deals for owner, deals in owners.items()}
        assert not account or (copies[account], copies[f"{account} 2"]) == (owners, again)


def test_copies_differ(larger: Company) -> None:
    """What a copy sells comes to more or less than what its model does, by some per cent."""
    revenue: Counter[str] = Counter()
    for row in good(larger):
        revenue[row["Owner ID"]] += Decimal(row["Amount"] or 0)
    changes = [float(revenue[f"{owner}-2"] / revenue[owner]) for owner in list(revenue) if f"{owner}-2" in revenue]
    assert len(changes) == 48
    assert 0.9 < min(changes) < 0.95 < 1.05 < max(changes) < 1.1
    assert len(set(changes)) == 48


def test_nothing_happens_after_the_end(larger: Company) -> None:
    """Nothing is opened or closed after the as-of date or closed before the history; leavers close nothing afterwards."""
    left = {row["Employee"]: row["Left"] for row in rows(larger, "reps.csv") if row["Left"]}
    assert len(left) == 6
    for row in good(larger):
        last = "2026-10-15" if row["Amount"].startswith("-") else left.get(row["Owner ID"], "2026-10-15")
        assert row["Created"] <= last
        assert "2024-10-01" <= (row["Close Date"] or "2024-10-01") <= last


def test_targets_of_copies(larger: Company) -> None:
    """Starters ramp in each copy, whole teams have the demo's targets, and no target stands twice."""
    targets = rows(larger, "targets.csv")
    ramps = [row["ramp"] for row in targets if (row["scope_id"], row["kpi"]) == ("R-022-2", "revenue")]
    assert ramps[:7] == ["0.0", "0.25", "0.4", "0.6", "0.75", "0.9", ""]
    assert {row["scope_id"] for row in targets if row["scope"] == "team"} == {
        "East",
        "East 2",
        "Key Accounts",
        "Key Accounts 2",
    }
    assert {row["period"] for row in targets if row["scope"] == "all" and row["kpi"] == "win_rate"} == {
        "FY2024",
        "FY2025",
        "FY2026",
    }
    keys = Counter((row["scope"], row["scope_id"], row["kpi"], row["period"]) for row in targets)
    assert keys.most_common(1)[0][1] == 1
    reps = {row["Employee"] for row in rows(larger, "reps.csv")}
    assert (
        {row["Rep ID"] for row in rows(larger, "activities.csv")}
        <= reps
        >= {row["scope_id"] for row in targets if row["scope"] == "rep"}
    )


@pytest.mark.parametrize(("deals", "growth"), [(880, 0.1), (88_000, 10)])
def test_targets_grow_with_the_deals(tmp_path: Path, deals: int, growth: float) -> None:
    """Revenue and new customers that are asked for follow the number of deals; rates, days and sizes stay."""
    made = {tuple(row.values())[:4]: row["value"] for row in rows(sample(tmp_path, reps=48, deals=deals), "targets.csv")}
    for row in rows(Company(DEMO / "demo.yaml"), "targets.csv"):
        value = made[tuple(row.values())[:4]]
        if row["kpi"] in {"revenue", "new_customers"}:
            assert abs(float(value) - max(1, float(row["value"]) * growth)) <= 0.5
        else:
            assert value == row["value"]


@pytest.mark.parametrize(
    ("kpi", "low", "high"),
    [
        ("win_rate", 0.35, 0.55),
        ("cycle_days", 30, 60),
        ("base_accounts", 8, 13),
        ("retention_rate", 0.4, 0.65),
        ("new_customers", 2, 5),
    ],
)
def test_a_larger_company_is_believable(larger_evidence: PeriodEvidence, kpi: str, low: float, high: float) -> None:
    """The middle half of 100 reps wins, keeps and closes as the demo's do."""
    values = of_reps(larger_evidence, kpi)["value"].dropna()
    assert len(values) > 85
    assert low <= values.quantile(0.25) <= values.quantile(0.75) <= high


@pytest.mark.parametrize(("kpi", "untold"), [("revenue", 12), ("new_customers", 22)])
def test_a_larger_company_is_judged(larger_evidence: PeriodEvidence, kpi: str, untold: int) -> None:
    """Most of 100 reps are near their targets, half miss them, and few of those are told that it means something."""
    card = of_reps(larger_evidence, kpi)
    assert 0.9 <= card["attainment"].dropna().median() <= 1.1
    results, verdicts = Counter(card["result"]), Counter(card["verdict"])
    assert min(results["exceeded"], results["missed"]) >= 20
    assert verdicts["too_few"] + verdicts["not_available"] < untold
    assert verdicts["no_signal"] > 50
    assert verdicts["gap"] + verdicts["watch"] < results["missed"] / 2


def of_reps(evidence: PeriodEvidence, kpi: str) -> pd.DataFrame:
    card = evidence.scorecard
    return card[(card["scope"] == "rep") & (card["period"] == "2026-Q3") & (card["kpi"] == kpi)]
