"""A run of a period: what stands over the reviews, and what one run leaves of another."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pages_fixture
import pandas as pd
import pytest
from params.test_sql import OWN
from workbooks import without_proof, workbook

from reviewlib.conversation.entries import About, Head
from reviewlib.conversation.journal import remembered_heads
from reviewlib.errors import ParamsError, ReviewError, SnapshotError
from reviewlib.evidence import snapshot
from reviewlib.evidence.snapshot import Snapshot
from reviewlib.files import PRIVATE, append_line
from reviewlib.pages import blocks, index, labels
from reviewlib.params import reading
from reviewlib.params.model import Params
from reviewlib.periods import Period
from reviewlib.press.jobs import Failure, Job, Outcome
from reviewlib.run import comparing, freezing, manifest, publishing, status
from reviewlib.run.manifest import ManifestRow, Origin
from reviewlib.run.origins import Origins

PERIOD = Period.parse("2026-Q3")
DEALS = [
    {"rep_id": "R1", "amount": "100", "opened_on": "2026-07-02", "closed_on": "2026-08-03"},
    {"rep_id": "R2", "amount": "50", "opened_on": "2026-04-02", "closed_on": "2026-07-03"},
    {"rep_id": "R3", "amount": "70", "opened_on": "2026-04-02", "closed_on": "2026-07-04"},
]
REPS = [
    {"rep_id": "R1", "rep_name": "Ada", "team": "North"},
    {"rep_id": "R2", "rep_name": "Ada", "team": "North"},
    {"rep_id": "R3", "rep_name": "Cem", "team": None},
]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workbook with frozen evidence, to be copied."""
    folder = tmp_path_factory.mktemp("kept")
    freezing.freeze(workbook(folder, deals=DEALS, reps=REPS, as_of="2026-10-05"), [PERIOD])
    return folder


@pytest.fixture
def book(kept: Path, tmp_path: Path) -> Params:
    """A copy of its own of the workbook."""
    shutil.copytree(kept, tmp_path, dirs_exist_ok=True)
    return reading.load(tmp_path / "params" / "book.yaml")


@pytest.fixture
def frozen(book: Params) -> Snapshot:
    found = snapshot.current(book, PERIOD)
    assert found is not None
    return found


def entry(
    frozen: Snapshot, subject: str, *, state: str = "made", snapshot: str | None = None, made_from: str | None = None
) -> ManifestRow:
    return ManifestRow(
        key=f"rep:{subject}:manager",
        kind="rep",
        subject=subject,
        audience="manager",
        snapshot=snapshot or frozen.hash,
        state=state,
        page=f"{subject}.html",
        notebook=None,
        problem=f"problems/{subject}.html",
        files={},
        fingerprint=made_from,
        seconds=1,
        error="E: no luck" if state == "failed" else None,
        made_at="2026-10-05T00:00:00+00:00",
    )


def rows(found: index.Index) -> dict[str, index.IndexRow]:
    return {row.name: row for team in found.teams for row in team.rows}


def test_the_index_says_how_each_review_stands(book: Params, frozen: Snapshot) -> None:
    """Made, failed, made from older figures, not made yet: each has its word, its link, and its place in the sentence."""
    stands = status.of(book, frozen)
    origins = Origins(book, stands)
    one = next(subject for subject in stands.subjects if subject.id == "R1")
    entries = [
        entry(frozen, "R1", made_from=origins.of(one, "manager").fingerprint),
        entry(frozen, "R2", state="failed"),
        entry(frozen, "R3", made_from="something else"),
    ]
    found = publishing.index_of(book, frozen, stands, entries, origins)
    states = {name: row.state for name, row in rows(found).items()}
    assert states == {"Ada (R1)": "Open", "Ada (R2)": "Failed", "Cem": "Outdated"}
    assert [page for *_, page in found.failures] == ["problems/R2.html"]
    page = index.index_page(found)
    assert "1 of 3 reviews are made, none is signed yet; 1 could not be made, 1 made from older figures." in page
    assert {row.state for row in rows(publishing.index_of(book, frozen, stands, [], origins)).values()} == {"Not made yet"}


@pytest.mark.parametrize(
    ("zone", "day"), [("Europe/Berlin", "29 November 2026"), (None, "28 November 2026")], ids=["Berlin", "UTC"]
)
def test_index_and_pages_name_the_same_day(book: Params, frozen: Snapshot, zone: str | None, day: str) -> None:
    """Evidence that was frozen around midnight was frozen, everywhere, on the day that the workbook's clock showed."""
    at = {"frozen_at": "2026-11-28T23:30:00+00:00", "timezone": zone}
    book = book.model_copy(update={"timezone": zone})
    frozen = replace(frozen, info={**frozen.info, "workbook": {**frozen.info["workbook"], **at}})
    stands = status.of(book, frozen)
    found = publishing.index_of(book, frozen, stands, [], Origins(book, stands))
    review = pages_fixture.opened(pages_fixture.rep_slice(**at))
    assert labels.day(found.frozen_at.date()) == day
    assert f"<dt>Frozen</dt><dd>{day}</dd>" in blocks.header(review).html
    assert f"frozen on {day} as snapshot" in blocks.figures(review).html


def test_reps_without_a_team_stand_together(book: Params, frozen: Snapshot) -> None:
    """The index lists reps without a team under a heading of their own; their revenue is in the sum."""
    stands = status.of(book, frozen)
    teams = {team.name: team for team in publishing.index_of(book, frozen, stands, [], Origins(book, stands)).teams}
    assert set(teams) == {"North", "No team"}
    assert teams["No team"].revenue == 70
    assert teams["North"].revenue == 150


def test_a_partial_run_keeps_what_others_made(frozen: Snapshot) -> None:
    """The manifest keeps earlier reviews, replaces those made again, and drops who has no review any more."""
    before = {one.key: one for one in (entry(frozen, "R1", snapshot="older"), entry(frozen, "R2"), entry(frozen, "R9"))}
    again = entry(frozen, "R1")
    merged = {one.key: one for one in manifest.merged(before, {again.key: again}, frozen.subjects)}
    assert set(merged) == {"rep:R1:manager", "rep:R2:manager"}
    assert merged["rep:R1:manager"].snapshot == frozen.hash


def test_the_manifest_reads_back(frozen: Snapshot, tmp_path: Path) -> None:
    """What is written is read again, entry by entry."""
    entries = [entry(frozen, "R1"), entry(frozen, "R2", state="failed")]
    (tmp_path / "manifest.json").write_text(
        manifest.text(tmp_path, frozen, entries, {About("rep", "R1", "2026-Q3"): Head(3, "f" * 64)}), encoding="utf-8"
    )
    assert list(manifest.read(tmp_path).values()) == entries
    assert remembered_heads(tmp_path) == {About("rep", "R1", "2026-Q3"): Head(3, "f" * 64)}


def laid(frozen: Snapshot, folder: Path) -> Path:
    """A period's folder whose manifest holds two reviews."""
    text = manifest.text(folder, frozen, [entry(frozen, "R1"), entry(frozen, "R2")], {})
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("files", None),
        ("files", {"a.html": None}),
        ("files", {"../../a.html": "f"}),
        ("page", "/srv/a.html"),
        ("page", None),
        ("seconds", "long"),
        ("sealed", "yes"),
        ("state", "lost"),
        ("head", 5),
        ("more", 1),
    ],
)
def test_a_damaged_row_is_told_by_its_file(frozen: Snapshot, tmp_path: Path, column: str, value: object) -> None:
    """Something else where a column of the manifest belongs is one message with file, row and column; in the log, its line."""
    path = laid(frozen, tmp_path) / "manifest.json"
    whole = path.read_text(encoding="utf-8")
    row = json.loads(whole)["reviews"][0] | {column: value}
    path.write_text(json.dumps(json.loads(whole) | {"reviews": [row]}), encoding="utf-8")
    with pytest.raises(SnapshotError, match="The manifest is damaged") as caught:
        manifest.read(tmp_path)
    assert str(caught.value.where).endswith("/manifest.json")
    assert str(caught.value.found).startswith(f"reviews.0.{column}")
    path.write_text(whole, encoding="utf-8")
    manifest.log(tmp_path, entry(frozen, "R1"), modes=PRIVATE)
    append_line(tmp_path / "log.jsonl", json.dumps(row))
    with pytest.raises(SnapshotError, match="The log of a period is damaged") as caught:
        manifest.read(tmp_path)
    assert str(caught.value.where).endswith("/log.jsonl, line 2")
    assert str(caught.value.found).startswith(column)


@pytest.mark.parametrize("log", [-5, "5", 1.5, None])
def test_a_place_in_the_log_that_there_cannot_be_is_a_damaged_manifest(frozen: Snapshot, tmp_path: Path, log: object) -> None:
    """Up to where the log is in the manifest is a number of bytes."""
    path = laid(frozen, tmp_path) / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"log": log}), encoding="utf-8")
    (tmp_path / "log.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(SnapshotError, match="The manifest is damaged"):
        manifest.read(tmp_path)


def test_a_manifest_of_a_newer_version_is_refused(frozen: Snapshot, tmp_path: Path) -> None:
    """It may say what this version does not know; a manifest of before has no number, and is read."""
    path = laid(frozen, tmp_path) / "manifest.json"
    whole = json.loads(path.read_text(encoding="utf-8"))
    assert (whole["format"], whole["proof"]) == (1, frozen.proof)
    path.write_text(json.dumps(whole | {"format": 2, "reviews": [{"other": 1}]}), encoding="utf-8")
    with pytest.raises(SnapshotError, match="newer version"):
        manifest.read(tmp_path)
    path.write_text(
        json.dumps({key: value for key, value in whole.items() if key not in ("format", "proof")}), encoding="utf-8"
    )
    assert set(manifest.read(tmp_path)) == {row["key"] for row in whole["reviews"]}


def test_half_a_line_of_the_log_hides_no_later_one(frozen: Snapshot, tmp_path: Path) -> None:
    """What a run that was killed left of a line is cut off by the next one, whose lines are read whatever the manifest says."""
    manifest.log(tmp_path, entry(frozen, "R1"), modes=PRIVATE)
    for half in (b'{"key": "rep:R2:man', json.dumps(asdict(entry(frozen, "R2"))).encode()):
        with (tmp_path / "log.jsonl").open("ab") as file:
            file.write(half)
        assert set(manifest.read(tmp_path)) == {"rep:R1:manager"}
        text = manifest.text(tmp_path, frozen, [entry(frozen, "R1")], {}, log=manifest.logged(tmp_path))
        (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
    manifest.log(tmp_path, entry(frozen, "R2"), modes=PRIVATE)
    assert set(manifest.read(tmp_path)) == {"rep:R1:manager", "rep:R2:manager"}


def test_what_was_being_moved_in_counts_where_it_is_there(frozen: Snapshot, tmp_path: Path) -> None:
    """A run that ended between the line that announces a signed review and the next: the page tells what came about."""
    before = entry(frozen, "R1")
    page = tmp_path / before.page
    page.write_text("signed", encoding="utf-8")
    told = replace(before, state=manifest.MOVING, files={before.page: hashlib.sha256(b"signed").hexdigest()}, sealed=True)
    manifest.log(tmp_path, before, modes=PRIVATE)
    manifest.log(tmp_path, told, modes=PRIVATE)
    assert manifest.read(tmp_path) == {before.key: replace(told, state="made")}
    page.write_text("of last time", encoding="utf-8")
    assert manifest.read(tmp_path) == {before.key: replace(before, left=told.files)}


def test_what_was_begun_at_a_new_place_is_not_forgotten(frozen: Snapshot, tmp_path: Path) -> None:
    """Of a review that was announced and never told of, the places are known, with what was known before and without."""
    told = replace(
        entry(frozen, "R1"), state=manifest.MOVING, files={"south/rep/ben.html": "f" * 64}, page="south/rep/ben.html"
    )
    manifest.log(tmp_path, told, modes=PRIVATE)
    (found,) = manifest.read(tmp_path).values()
    assert (found.state, found.files, found.left) == ("failed", {}, told.files)
    laid(frozen, tmp_path)
    assert manifest.read(tmp_path)[told.key] == replace(entry(frozen, "R1"), left=told.files)


def test_only_line_feeds_end_a_line_of_the_log(frozen: Snapshot, tmp_path: Path) -> None:
    """Names and messages may hold what other programs take for ends of lines."""
    odd = replace(entry(frozen, "R1", state="failed"), error="E: one\u2028two\u0085three\x0bfour")
    manifest.log(tmp_path, odd, modes=PRIVATE)
    assert manifest.read(tmp_path) == {odd.key: odd}


def test_a_failure_page_holds_no_figures_and_the_command(book: Params, frozen: Snapshot, tmp_path: Path) -> None:
    """The problem page names the cell, the message and the command that repeats the review alone."""
    job = Job(
        key="rep:R 1:rep",
        template=tmp_path / "rep_review.ipynb",
        parameters={"params": "params/book.yaml"},
        notebook=None,
        page=tmp_path / "x.html",
        problem=tmp_path / "p.html",
        labels={"kind": "rep", "subject": "R 1", "audience": "rep", "name": "Ada"},
    )
    page = publishing.problem_of(book, frozen, job, Failure(3, "rl.blocks.summary(review)", "ValueError", "no luck"))
    assert "reviewlib run params/book.yaml --period 2026-Q3 --rep &#39;R 1&#39;" in page
    assert "no luck" in page
    assert "Cem" not in page
    failed = Outcome(job, Failure(None, None, "E", "m"), 1.0)
    made = manifest.entry_of(failed, Origin("s", Head(2, "a"), closed=True, fingerprint="f"), folder=tmp_path)
    assert (made.error, made.sequence, made.head, made.sealed) == ("E: m", 2, "a", False)


def test_a_playbook_with_an_unknown_cell_is_refused(tmp_path: Path) -> None:
    """A placeholder that is no cell of the scorecard is named with its place before anything is read."""
    params = workbook(tmp_path, deals=DEALS, playbook=[{"kpi": "revenue", "action": "Reach {revenu.target}."}])
    with pytest.raises(ParamsError, match="figures that do not exist") as error:
        freezing.check_texts(params)
    assert "playbook.0.action" in str(error.value)
    assert "revenu" in str(error.value)


def test_a_sentence_of_an_own_kpi_with_an_unknown_cell_is_refused(tmp_path: Path) -> None:
    """The same holds for what a workbook writes of its own KPIs."""
    own = {**OWN, "sentence": "It was {own}, after {on.previous}"}
    with pytest.raises(ParamsError, match=r"kpis\.own\.sentence: \{on\.previous\}"):
        freezing.check_texts(workbook(tmp_path, deals=DEALS, kpis={"own": own}))


@pytest.mark.default
def test_several_periods_are_all_frozen_or_none_is_used(tmp_path: Path) -> None:
    """One bad period among several leaves no period pointing to anything."""
    book = workbook(tmp_path, deals=DEALS, reps=REPS, as_of="2026-10-05")
    with pytest.raises(ReviewError):
        freezing.freeze(book, [PERIOD, Period.parse("2027-Q1")])
    assert not (book.reports / "2026-Q3" / "current").exists()


def test_rounding_moves_no_figure(book: Params, frozen: Snapshot, tmp_path: Path) -> None:
    """Two snapshots whose figures differ in their last digits only say that no figure changed."""
    folder = tmp_path / "later"
    shutil.copytree(frozen.folder, folder)
    frame = pd.read_parquet(folder / "scorecard.parquet")
    without_proof(folder)
    frame.assign(value=frame["value"] * (1 + 1e-15)).to_parquet(folder / "scorecard.parquet")
    later = snapshot.open_snapshot(folder, book)
    assert comparing.moved(book, frozen, later)[1:] == ["  no figure changed"]


def test_moved_names_the_figures_that_changed(book: Params, frozen: Snapshot) -> None:
    """Between two snapshots the KPIs that changed are counted by rep; the same snapshot says nothing."""
    assert comparing.moved(book, frozen, frozen) == []
    path = book.file(book.crm.deals)
    path.write_text(path.read_text(encoding="utf-8").replace("100", "130"), encoding="utf-8")
    later = freezing.freeze(book, [PERIOD])[0]
    assert "  Sales revenue: changed for 1 rep" in comparing.moved(book, frozen, later)
    assert dt.datetime.fromisoformat(later.info["workbook"]["frozen_at"]) > dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
