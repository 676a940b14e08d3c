"""Tests of reviewlib.evidence.snapshot: written once, never changed, readable by its owner only."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from workbooks import changed, params_of, workbook

from reviewlib.errors import SnapshotError, SubjectError
from reviewlib.evidence import snapshot, snapshot_files, sources, tables
from reviewlib.evidence.period import PeriodEvidence, compile_evidence
from reviewlib.evidence.slicefile import current_folder, find_slice, read_rows, read_slice, slice_name
from reviewlib.evidence.snapshot import Snapshot, freeze
from reviewlib.evidence.subjects import addresses_of, team_folder
from reviewlib.files import PRIVATE
from reviewlib.params.model import Params
from reviewlib.periods import Period
from reviewlib.review import open_review, open_team_review

PERIOD = Period.parse("2026-Q3")
DEALS = [
    {"rep_id": rep, "account_id": "Acme", "amount": 60, "opened_on": "2026-05-01", "closed_on": closed}
    for rep in ("R-1", "R-2")
    for closed in ("2026-05-20", "2026-08-01")
]
REPS = [
    {"rep_id": "R-1", "rep_name": "Anna Unmistakable", "team": "East", "manager": "Max Overseer", "email": "anna@example.org"},
    {"rep_id": "R-2", "rep_name": "Bert Unmistakable", "team": "West", "manager": "Mia Overseer", "email": "bert@example.org"},
]


def _book(folder: Path, **given: Any) -> Params:
    rows = {"deals": DEALS, "reps": REPS, "as_of": "2026-10-15", "crm": {"history_from": "2026-01-01"}, **given}
    return workbook(folder, **rows)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Params:
    return _book(tmp_path_factory.mktemp("book"))


@pytest.fixture(scope="module")
def frozen(book: Params) -> Snapshot:
    return freeze(book, PERIOD)


@pytest.fixture(scope="module")
def renewed(book: Params, frozen: Snapshot) -> Snapshot:
    """Evidence of the same period that differs in the workbook's title."""
    return freeze(changed(book, title="Other"), PERIOD)


@pytest.fixture
def kept(book: Params, frozen: Snapshot, renewed: Snapshot, tmp_path: Path) -> tuple[Params, Snapshot, Snapshot]:
    """A copy of the workbook with both, for a test that changes something in it."""
    shutil.copytree(book.root, tmp_path, dirs_exist_ok=True)
    path = tmp_path / book.path.relative_to(book.root)
    params = params_of(json.loads(path.read_text(encoding="utf-8")), path)
    first, second = (snapshot.open_snapshot(params.reports / "snapshots" / one.hash, params) for one in (frozen, renewed))
    return params, first, second


@pytest.fixture(scope="module")
def evidence(book: Params) -> PeriodEvidence:
    """What is written when the workbook is frozen."""
    return compile_evidence(book, sources.read(book), PERIOD)


def _state(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file below a folder with its time of change and a hash of its bytes."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in files
    }


def test_written_once(book: Params, frozen: Snapshot) -> None:
    """A second freeze of unchanged inputs takes the same folder and touches nothing in it."""
    before = _state(frozen.folder)
    again = freeze(book, PERIOD)
    assert again.folder == frozen.folder
    assert _state(frozen.folder) == before
    assert len(frozen.hash) == 12


def test_changed_inputs_make_another(kept: tuple[Params, Snapshot, Snapshot]) -> None:
    """A changed file or params file makes a second folder; the first one stays as it was."""
    params, first, _ = kept
    before = _state(first.folder)
    path = params.file(params.crm.deals)
    path.write_text(path.read_text(encoding="utf-8").replace(",60,", ",61,"), encoding="utf-8")
    second = freeze(params, PERIOD)
    third = freeze(changed(params, kpis={"revenue": {"benchmark": 5}}), PERIOD)
    fourth = freeze(params, PERIOD.previous)
    assert len({one.folder for one in (first, second, third, fourth)}) == 4
    assert _state(first.folder) == before
    assert (first.info["revenue"]["2026-Q3"], second.info["revenue"]["2026-Q3"]) == (120, 122)


@pytest.mark.parametrize(
    "stray",
    [{"closed_on": "2062-08-05", "stage": "Won"}, {"opened_on": "2062-08-05"}, {"expected_close_on": "2062-08-05"}],
    ids=["closed", "opened", "expected"],
)
def test_a_lone_date_far_away_moves_no_default_period(tmp_path: Path, stray: dict[str, str]) -> None:
    """Where params name no as-of date, the last complete period is that of the other deals, also for who comes again."""
    sale = {"rep_id": "R-1", "amount": 60, "opened_on": "2026-05-01", "expected_close_on": None}
    deals = [sale | {"closed_on": f"2026-{month:02}-20"} for month in range(5, 11)]
    lone = sale | {"closed_on": None, "stage": "Open"} | stray
    params = workbook(tmp_path, deals=[*deals, lone], crm={"quarantine": {"rows": 1, "amount": 1}})
    assert str(snapshot.default_period(params, sources.read(params))) == "2026-Q3"
    found = freeze(params)
    snapshot.use(params, found)  # from where the next one knows the date
    assert (found.period, freeze(params)) == (PERIOD, found)
    declared = changed(params, as_of="2062-12-31")
    assert str(snapshot.default_period(declared, sources.read(declared))) == "2062-Q4"


def test_use_and_current(kept: tuple[Params, Snapshot, Snapshot]) -> None:
    """A period uses the snapshot that is named for it, and goes back to an earlier one as easily."""
    params, first, second = kept
    assert snapshot.current(params, PERIOD) is None
    snapshot.use(params, first)
    assert snapshot.current(params, PERIOD) == first
    assert open_review(params.path, rep="R-1", period="2026-Q3").workbook.snapshot == first.hash
    snapshot.use(params, second)
    assert open_review(params.path, rep="R-1", period="2026-Q3").workbook.snapshot == second.hash
    snapshot.use(params, first)
    assert snapshot.current(params, PERIOD) == first
    shutil.rmtree(first.folder)
    assert current_folder(params, PERIOD) is None


def test_what_a_snapshot_holds(book: Params, frozen: Snapshot) -> None:
    """snapshot.json tells inputs by hash, dates, counts, control totals, versions and the SQL of each KPI."""
    info = frozen.info
    path = book.file(book.crm.deals)
    assert info["inputs"][path.name] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (info["as_of"], info["period"], info["trend"][-1]) == ("2026-10-15", "2026-Q3", "2026-Q3")
    assert info["reconciliation"][0]["read"] == len(DEALS)
    assert set(info["versions"]) >= {"reviewlib", "duckdb", "pandas"}
    deals = pd.read_parquet(frozen.folder / "deals.parquet")
    assert sorted(deals["rep_id"]) == [row["rep_id"] for row in DEALS]
    assert tuple(frozen.scorecard().columns) == (*tables.SCORECARD, *tables.JUDGED)
    assert set(frozen.scorecard()["rep_name"].dropna()) == {row["rep_name"] for row in REPS}


def test_subjects(frozen: Snapshot) -> None:
    """The snapshot lists teams and reps with what an index needs."""
    found = {(one.kind, one.id): one for one in frozen.subjects}
    assert list(found) == [("team", "East"), ("team", "West"), ("rep", "R-1"), ("rep", "R-2")]
    assert (found["rep", "R-1"].name, found["rep", "R-1"].manager, found["rep", "R-1"].revenue) == (
        "Anna Unmistakable",
        "Max Overseer",
        60,
    )


def test_names_stand_in_one_file(frozen: Snapshot) -> None:
    """Beside the deals and the slices only people.json holds names; e-mail addresses stand there and nowhere else."""
    for path in frozen.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert (b"@example.org" in content) == (path.name == "people.json"), path.name
            named = b"Unmistakable" in content or b"Overseer" in content
            assert named == (path.name == "people.json" or path.parent != frozen.folder), path.name


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Reps with rows and addresses of all kinds, one without a team, and one whose team is called as that is."""
    rows = [
        ("R-1", "2026-07-01", "2026-07-31", " New@example.org"),
        ("R-1", None, "2026-06-30", "old@example.org"),
        ("R-1", "2026-08-01", None, None),
        ("R-2", None, None, "team@example.org"),
        ("R-3", None, None, "Team@example.org"),
        ("R-4", None, None, "by phone"),
    ]
    names = ("rep_id", "from", "to", "email")
    reps = [dict(zip(names, row, strict=True)) | {"rep_name": row[0], "team": "East"} for row in rows]
    reps += [{"rep_id": rep_id, "rep_name": rep_id, "team": team} for rep_id, team in (("N-1", None), ("N-2", "no-team"))]
    made = workbook(tmp_path_factory.mktemp("mixed"), deals=DEALS, reps=reps, as_of="2026-10-05")
    return freeze(made, PERIOD)


def test_each_rep_has_the_latest_address_of_their_own(mixed: Snapshot) -> None:
    """The row that holds last counts, an empty cell says nothing, and what several share is nobody's own."""
    assert addresses_of(mixed.folder) == {"R-1": "New@example.org"}


@pytest.mark.modes
@pytest.mark.skipif(sys.platform == "win32", reason="modes are those of POSIX")
def test_modes(frozen: Snapshot) -> None:
    """Nobody but the owner reads what is frozen, and nobody writes into it."""
    assert stat.S_IMODE(frozen.folder.stat().st_mode) == 0o700
    for path in frozen.folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o400 if path.is_file() else 0o700), path.name


@pytest.mark.modes
@pytest.mark.skipif(sys.platform == "win32", reason="groups of accounts are those of POSIX")
def test_group(tmp_path: Path) -> None:
    """A group of accounts named in params reads everything, the snapshot's own folder and the quarantine too."""
    import grp

    # An account may hand files to the groups that it is in; the superuser to any.
    own = [grp.getgrgid(gid) for gid in {*os.getgroups(), os.getgid()}] if os.getuid() else grp.getgrall()
    group = next((one for one in own if one.gr_gid != os.getgid()), own[0])
    found = freeze(_book(tmp_path, group=group.gr_name), PERIOD)
    for path in (found.folder, *found.folder.rglob("*")):
        assert path.stat().st_gid == group.gr_gid, path.name
        assert stat.S_IMODE(path.stat().st_mode) == (0o440 if path.is_file() else 0o750), path.name


@pytest.mark.parametrize("places", [["_write_tables"], pytest.param(["_json", "_info", "Slicer"], marks=pytest.mark.whole)])
def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, places: list[str]) -> None:
    """Whatever breaks on the way, no part of a snapshot stays, and the next freeze works."""
    params = _book(tmp_path)

    def broken(*_: Any, **__: Any) -> Mapping[str, Any]:
        raise OSError("no room left")

    for at in places:
        with monkeypatch.context() as patched:
            patched.setattr(snapshot_files, at, broken)
            with pytest.raises(SnapshotError, match=r"cannot be written(.|\n)*reports/book/snapshots(.|\n)*no room left"):
                freeze(params, PERIOD)
        assert list((params.reports / "snapshots").iterdir()) == [], at
    assert (freeze(params, PERIOD).folder / "snapshot.json").is_file()


def test_what_killed_freezes_left_goes_with_the_next(tmp_path: Path, evidence: PeriodEvidence, frozen: Snapshot) -> None:
    """However far they had come, their folders, which hold everybody's deals, do not stay."""
    folder = tmp_path / "snapshots" / frozen.hash
    for place, names in enumerate(((), ("deals.parquet",), ("deals.parquet", "snapshot.json"))):
        left = folder.with_name(f".part-{place:012}")
        left.mkdir(parents=True)
        for name in names:
            (left / name).write_text("{}")
    snapshot_files.write_snapshot(evidence, frozen.subjects, folder, modes=PRIVATE)
    assert list(folder.parent.iterdir()) == [folder]


def test_two_at_once(evidence: PeriodEvidence, kept: tuple[Params, Snapshot, Snapshot]) -> None:
    """Where another freeze of the same inputs was faster, its evidence stands and no part is left."""
    params, found, other = kept
    before = _state(found.folder)
    snapshot_files.write_snapshot(evidence, found.subjects, found.folder, modes=params.modes)
    assert _state(found.folder) == before
    assert set(found.folder.parent.iterdir()) == {found.folder, other.folder}


def test_unknown_subjects(book: Params, frozen: Snapshot) -> None:
    """A rep or a team that must have a review and has none is refused with the nearest that has one."""
    for wanted, near in (({"reps": ["R-3"]}, "R-1"), ({"teams": ["Est"]}, "East")):
        with pytest.raises(SubjectError, match=near):
            freeze(book, PERIOD, **wanted)
    assert freeze(book, PERIOD, reps=["R-1"], teams=["West"]).folder == frozen.folder


def test_nothing_is_written_for_an_unknown_subject(tmp_path: Path) -> None:
    """A freeze that is refused writes nothing."""
    params = _book(tmp_path)
    with pytest.raises(SubjectError):
        freeze(params, PERIOD, reps=["nobody"])
    assert not params.reports.exists()


ODD = [
    ("../../etc/passwd", "Slash / Dot .. Rep"),
    ("..", "."),
    ("CON", "nul"),
    ("a*b?c[d]", "<script>alert(1)</script>"),
    ("Żółć 😀", "Łukasz “Łuk” Ångström"),
    ("r" * 200, "N" * 200),
    ("r" * 199 + "R", "n" * 200),
    ("{revenue}", "{revenue} {win_rate.target}"),
]


def test_odd_ids_and_names(tmp_path: Path) -> None:
    """Ids and names with slashes, dots, wildcards, braces, other scripts or 200 characters stay inside the folder."""
    deals = [{**DEALS[1], "rep_id": rep_id} for rep_id, _ in ODD]
    reps = [{"rep_id": rep_id, "rep_name": name, "team": name} for rep_id, name in ODD]
    params = _book(tmp_path, deals=deals, reps=reps)
    outside = set(tmp_path.rglob("*"))
    found = freeze(params, PERIOD)
    snapshot.use(params, found)
    new = set(tmp_path.rglob("*")) - outside
    assert all(path.is_relative_to(params.root / "reports") for path in new)
    assert all(len(path.name.encode()) <= 100 and path.name.isascii() for path in new)
    assert len({one.folder.casefold() for one in found.subjects}) == len(ODD)
    for rep_id, name in ODD:
        review = open_review(params.path, rep=rep_id, period="2026-Q3")
        assert (review.subject.id, review.subject.name, review.figure("revenue").value) == (rep_id, name, 60)
        assert open_team_review(params.path, team=name, period="2026-Q3").subject.name == name


def test_no_team_has_its_folder(mixed: Snapshot) -> None:
    """Reps without a team stand under no-team, which no team's name can take."""
    folders = {one.id: one.folder for one in mixed.subjects if one.kind == "rep"}
    assert folders["N-1"] == "no-team"
    assert folders["N-2"] == team_folder("no-team") != "no-team"


def test_slice_names_say_nothing(frozen: Snapshot) -> None:
    """A slice's file name holds neither id nor name, and tells kind and audience."""
    names = {path.name for path in frozen.folder.glob("*/*.json")}
    assert slice_name("rep", "R-1", "rep") in names
    assert len(names) == 8
    assert not any("R-1" in name or "Anna" in name for name in names)
    assert slice_name("rep", "R-1", "rep") != slice_name("team", "R-1", "rep")


def test_slices_differ_by_audience_only_where_they_must(frozen: Snapshot) -> None:
    """Both copies of a rep's review rest on the same figures; what was read of all reps is told to the manager alone."""
    paths = {who: next(frozen.folder.glob(f"*/{slice_name('rep', 'R-1', who)}")) for who in ("manager", "rep")}
    read = {who: read_slice(path) | read_rows(path) for who, path in paths.items()}
    assert {key for key in read["rep"] if read["rep"][key] != read["manager"][key]} == {"audience", "data"}


def test_without_a_reps_table(tmp_path: Path) -> None:
    """Without a reps table every owner is a rep whose name is the id."""
    found = freeze(workbook(tmp_path, deals=DEALS, as_of="2026-10-15"), PERIOD)
    assert [(one.kind, one.id, one.name, one.folder) for one in found.subjects] == [
        ("rep", "R-1", "R-1", "no-team"),
        ("rep", "R-2", "R-2", "no-team"),
    ]


def test_people_do_not_change_the_evidence(book: Params, frozen: Snapshot) -> None:
    """Logins, the rating scale and the journal's place are no part of what figures are made from."""
    other = changed(
        book, people={"roles": {"eve": "analyst"}}, rating={"scale": ["no", "yes"]}, records={"retention_date": "2030-01-01"}
    )
    assert freeze(other, PERIOD).hash == frozen.hash


def test_a_released_review_stays_on_its_snapshot(kept: tuple[Params, Snapshot, Snapshot]) -> None:
    """A pinned snapshot is read whatever the period uses now; one that is gone is named, with what to do."""
    params, first, second = kept
    snapshot.use(params, second)
    asked: dict[str, Any] = {"kind": "rep", "subject": "R-1", "period": PERIOD, "audience": "manager"}
    assert read_slice(find_slice(params, **asked))["workbook"]["snapshot"] == second.hash
    assert read_slice(find_slice(params, **asked, pinned=first.hash))["workbook"]["snapshot"] == first.hash
    with pytest.raises(SnapshotError, match="released review") as caught:
        find_slice(params, **asked, pinned="0" * 12)
    assert "backup" in str(caught.value.do)


def test_a_changed_formula_makes_new_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    """What says how a KPI is measured stands in params, and counts as what works it out does."""
    before, read = snapshot.code(), Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + (b"#" if path.name == "kpis.py" else b""))
    assert snapshot.code() != before
