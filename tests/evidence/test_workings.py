"""The workings of a snapshot: every figure follows from its files alone, in plain DuckDB."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from workbooks import workbook

from reviewlib.evidence import snapshot_files, sources
from reviewlib.evidence.period import PeriodEvidence, compile_evidence
from reviewlib.files import PRIVATE
from reviewlib.params import reading
from reviewlib.params.kpis import MAIN, RESULT
from reviewlib.periods import Period

Q3 = Period.parse("2026-Q3")
HERE = Path(__file__).parents[1]
REAL = HERE / ".." / ".." / "shared" / "data" / "maven-crm"
FIGURE = ["scope", "scope_id", "period", "kpi"]
#: Ids and a team that would be something else if they stood in a query.
ODD = "O'Brien\"; DROP VIEW deals; --"
REPS = [
    {"rep_id": ODD, "rep_name": "Ada Unmistakable", "team": "a'b", "started_on": "2026-02-10", "left_on": None},
    {"rep_id": "B", "rep_name": "Ben Unmistakable", "team": "a'b", "started_on": None, "left_on": "2026-08-15"},
    {"rep_id": "C", "rep_name": "Cem Unmistakable", "team": None, "started_on": None, "left_on": None},
]
DEALS = [
    {"rep_id": rep, "account_id": account, "stage": stage, "amount": amount, "opened_on": opened, "closed_on": closed}
    for rep in (ODD, "B", "nobody")
    for account, stage, amount, opened, closed in (
        ("X", "Won", 90.25, "2026-01-05", "2026-04-01"),
        ("X", "Won", 210.5, "2026-05-05", "2026-08-01"),
        ("Y", "Won", -20, "2026-05-05", "2026-08-02"),
        ("Y", "Lost", 0, "2026-05-05", "2026-08-03"),
        (None, "Open", None, "2026-05-05", None),
    )
]
TARGETS = [
    {"scope": "rep", "scope_id": rep, "kpi": "revenue", "period": f"2026-{month:02}", "value": 700, "ramp": ramp}
    for month, ramp in ((1, 0.1), (2, 0.3), (3, 0.5), (4, 0.7), (5, None), (6, None), (7, None), (8, None), (9, None))
    for rep in (ODD, "B")
] + [{"scope": "all", "scope_id": None, "kpi": "win_rate", "period": "FY2026", "value": 0.4, "ramp": None}]
MEASURES = [
    {"rep_id": rep, "kpi": kpi, "period": f"2026-{month:02}", "value": month * 1.1, "n": n}
    for kpi, n in (("calls", None), ("mood", 3), ("score", 2))
    for rep in (ODD, "B")
    for month in (7, 8, 9)
]
DESCRIBED = {
    "calls": {
        "label": "Calls",
        "definition": "Calls\n; DROP VIEW deals;",
        "unit": "count",
        "better": "higher",
        "combine": "sum",
    },
    "mood": {"label": "Mood", "definition": "Mood", "unit": "score", "better": "higher", "combine": "mean"},
    "score": {"label": "Score", "definition": "Score", "unit": "score", "better": "higher", "combine": "last"},
    "deal_size": {"target": 100},
    "own_share": {
        "label": "Own", "definition": "Own", "unit": "percent", "better": "higher", "n_label": "won deals",
        "value": "max(amount) filter (where won)", "over": "sum(amount) filter (where won)", "n": "count(*) filter (where won)",
    },
}  # fmt: skip


class Alone:
    """The files of a snapshot, and what ``evidence.sql`` makes of them where they are all there is."""

    def __init__(self, evidence: PeriodEvidence, folder: Path) -> None:
        snapshot_files.write_snapshot(evidence, [], folder, modes=PRIVATE)
        self.folder, self.frozen = folder, pd.read_parquet(folder / "scorecard.parquet")
        self.con = duckdb.connect(config={"file_search_path": str(folder)})
        self.text = (folder / "evidence.sql").read_text(encoding="utf-8")
        self.con.execute(self.text)

    def frame(self, query: str) -> pd.DataFrame:
        return self.con.sql(query).df()

    def check_scorecard(self) -> None:
        """Every figure, none more and none less, with its n, its target and the one before."""
        both = self.frozen.merge(self.frame("FROM scorecard"), on=FIGURE, how="outer", suffixes=("", "_alone"), indicator=True)
        assert (both["_merge"] == "both").all()
        assert both["value"].notna().any()
        for name in ("value", "n", "target", "previous"):
            equal = np.isclose(both[name], both[f"{name}_alone"], rtol=1e-12, atol=0, equal_nan=True)
            assert both.loc[~equal, [*FIGURE, name, f"{name}_alone"]].to_dict("records") == []

    def check_kpis(self, keys: Collection[str] | None = None) -> None:
        """Each KPI's own view gives the same, and the reason where there is no figure; of all, or of these."""
        for key, frozen in self.frozen[self.frozen["kpi"].isin(keys or self.frozen["kpi"])].groupby("kpi"):
            both = frozen.merge(self.frame(f"FROM kpi_{key}"), on=FIGURE[:3], how="outer", suffixes=("", "_alone"))
            for name in ("value", "n"):
                assert np.allclose(both[name], both[f"{name}_alone"].astype(float), rtol=1e-12, atol=0, equal_nan=True), key
            gone = both["value"].isna()
            assert both.loc[gone, "reason"].tolist() == both.loc[gone, "reason_alone"].tolist(), key

    def check_peers(self) -> None:
        """The peers' figures are those of their group's members."""
        peers = self.frame(
            "SELECT rep_id AS scope_id, p.* RENAME (peers AS count), peer_quartiles[1] AS first, peer_quartiles[2] AS middle, "
            "peer_quartiles[3] AS third FROM peers AS p JOIN peer_groups USING (peer_group, period) WHERE active_days = days"
        )
        whole = self.frozen["target"].isna() | (self.frozen["target"] == self.frozen["target_raw"])
        reps = self.frozen[(self.frozen["scope"] == "rep") & whole]
        both = reps.merge(peers, on=FIGURE[1:])
        assert both["peers"].notna().any()
        for name, alone in (("peers", "count"), ("peer_q1", "first"), ("peer_median", "middle"), ("peer_q3", "third")):
            assert np.allclose(both[name], both[alone].astype(float), rtol=1e-12, atol=0, equal_nan=True), name


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Alone:
    folder = tmp_path_factory.mktemp("odd")
    tables = {"deals": DEALS, "reps": REPS, "targets": TARGETS, "measures": MEASURES}
    params = workbook(folder, **tables, kpis=DESCRIBED, as_of="2026-10-15", crm={"history_from": "2025-01-01"})
    return Alone(compile_evidence(params, sources.read(params), Q3), folder / "evidence")


@pytest.mark.whole
def test_every_figure_of_the_demo_follows_from_the_files(demo_evidence: PeriodEvidence, tmp_path: Path) -> None:
    """The demo's scorecard, its KPIs and its peers are computed from the snapshot's folder alone."""
    alone = Alone(demo_evidence, tmp_path / "evidence")
    alone.check_scorecard()
    alone.check_kpis()
    alone.check_peers()


@pytest.mark.whole
@pytest.mark.skipif(not REAL.exists(), reason="the Maven CRM sample (../shared/data/maven-crm) is not there")
def test_every_figure_of_a_real_export_follows_from_the_files(tmp_path: Path) -> None:
    """A real export's scorecard, its KPIs and its peers are computed from the snapshot's folder alone."""
    params = reading.load(HERE / "maven.yaml")
    alone = Alone(compile_evidence(params, sources.read(params), Period.parse("2017-Q4")), tmp_path / "evidence")
    alone.check_scorecard()
    alone.check_kpis()
    alone.check_peers()


def test_every_figure_follows_whatever_ids_and_rules_are(odd: Alone) -> None:
    """Ids are no SQL; ramps, days, moves, refunds, sums, means and last figures come to the same."""
    odd.check_scorecard()
    odd.check_kpis(
        (
            "cycle_days",
            "attainment",
            "attainment_raw",
            "reps_target",
            "change_unsplit",
            "retention_rate",
            "calls",
            "mood",
            "own_share",
        )
    )
    assert odd.frame("FROM kpi_calls WHERE scope = 'rep' AND period = '2026-Q3' AND value > 20")["scope_id"].tolist() == [
        "B",
        ODD,
    ]


def test_workings_stand_whatever_is_there_before_them(odd: Alone, tmp_path: Path) -> None:
    """In a database that has tables and queries of the same names, such as another snapshot's, nothing comes from these."""
    with duckdb.connect(str(tmp_path / "own.duckdb"), config={"file_search_path": str(odd.folder)}) as con:
        con.execute("CREATE TABLE deals AS SELECT 1 AS amount; CREATE VIEW kpi_revenue AS SELECT 2 AS value")
        for text in (odd.text.replace("'won'", "'lost'"), odd.text):
            con.execute(text)
        asked = "FROM scorecard ORDER BY ALL"
        pd.testing.assert_frame_equal(con.sql(asked).df(), odd.frame(asked))


def test_terms_say_what_a_target_adds_up(odd: Alone) -> None:
    """A rep's target has a row for each month with its ramp and its days; a team's has those of its reps."""
    quarter = f"FROM target_terms WHERE kpi = '{RESULT.key}' AND period = '2026-Q1'"
    rows = odd.con.execute(f"{quarter} AND scope = 'rep' AND scope_id = ?", [ODD]).df()
    assert rows[["row_period", "value", "ramp", "active_days", "days"]].to_dict("split")["data"] == [
        ["2026-01", 700, 0.1, 0, 31], ["2026-02", 700, 0.3, 19, 28], ["2026-03", 700, 0.5, 31, 31],
    ]  # fmt: skip
    assert set(odd.frame(f"{quarter} AND scope = 'team'")["rep_id"]) == {ODD, "B"}


def test_nobody_is_named(odd: Alone) -> None:
    """The text holds ids of nobody, and the tables of terms no name."""
    assert ODD not in odd.text
    tables = [row[0] for row in odd.con.sql("SHOW TABLES").fetchall() if row[0] != "deals" and not row[0].startswith("kpi_")]
    held = "".join(odd.frame(f"FROM {name}").to_csv() for name in tables if name.endswith("_terms") or name == "members")
    assert "Unmistakable" not in held


def test_a_workbook_of_measures_alone_has_workings(tmp_path: Path) -> None:
    """Where every built-in KPI is switched off, and with them the deals' figures, the measures' still follow."""
    kpis: Mapping[str, Any] = {**{key: {"off": True} for key in MAIN}, "calls": DESCRIBED["calls"]}
    measures = [row for row in MEASURES if row["kpi"] == "calls"]
    params = workbook(tmp_path, deals=DEALS, reps=REPS, measures=measures, kpis=kpis, as_of="2026-10-15")
    alone = Alone(compile_evidence(params, sources.read(params), Q3), tmp_path / "evidence")
    alone.check_scorecard()
    assert set(alone.frozen["kpi"]) == {"calls"}
