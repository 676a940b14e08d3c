"""What users made with an earlier version goes on: it opens, verifies, is handed out, imported, signed and exported.

``tests/released/0.1.0`` was made by that version and is never made again (``tests/released/make.py``).
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from commands import Run, Said
from journals import Server, launch

import reviewlib as rl
from reviewlib.conversation import identity, records
from reviewlib.conversation.entries import About, Entry, link, payload_bytes
from reviewlib.conversation.journal import open_journal
from reviewlib.conversation.kinds import KINDS
from reviewlib.pages.exporter import ReviewExporter
from reviewlib.params import reading

RELEASED = Path(__file__).parent / "released" / "0.1.0"
#: What an analyst wrote, and what ``init`` proposed from another export.
PARAMS, PROPOSED = "params/alpen.yaml", "params/crm.yaml"
REPS = ("0071", "0072", "0073", "K 9/Ü", "0081", "0082", "0083")
ANNA, BJORN, ZOE, JOSE, SOREN, LEA, TIM = REPS
Q2, Q3 = "2026-Q2", "2026-Q3"
#: Who had signed on both sides.
SIGNED = {(Q2, ANNA), (Q2, SOREN), (Q3, TIM)}
#: Released on the period's first snapshot, before the CRM corrected a deal of Anna's.
PINNED, FIRST = {ANNA, ZOE, JOSE, TIM}, "027e0de497ce"


class Book:
    """A copy of the workbook, and who does what in it."""

    def __init__(self, folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._run, self._patch = folder, run, monkeypatch

    def command(self, login: str, name: str, *args: str, params: str = PARAMS) -> Said:
        """Run a command as somebody."""
        self._patch.setenv("JUPYTERHUB_USER", login)
        return self._run(name, params, *args, cwd=self.folder)

    def done(self, login: str, name: str, *args: str, params: str = PARAMS) -> str:
        """Run a command that must end well, and return what it printed."""
        said = self.command(login, name, *args, params=params)
        assert said.returncode == 0, said.stderr + said.stdout
        return said.stdout

    def rows(self, *args: str) -> list[dict[str, Any]]:
        """What a run says of each review."""
        return [json.loads(line) for line in self.done("ute", "run", *args, "--json").splitlines()]

    def write(self, login: str, rep: str, period: str, kind: str, *, params: str = PARAMS, **fields: Any) -> Entry:
        """Write an entry as somebody."""
        book = reading.load(self.folder / params)
        person = identity.person_of(book, login)
        return records.open_records(book, About("rep", rep, period), person=person).write(kind, **fields)

    def entries(self, params: str = PARAMS) -> list[Entry]:
        """Everything in the journal, as this version reads it."""
        store = open_journal(reading.load(self.folder / params))
        assert store is not None
        with store:
            return store.entries()

    def of(self, rep: str, period: str, pattern: str = "*") -> dict[Path, bytes]:
        """A rep's pages, amendments, notebooks and forms of a period."""
        name = f"*/{pattern}/*{hashlib.sha256(rep.encode()).hexdigest()[:8]}*"
        return {path: path.read_bytes() for path in (self.reports / period).glob(name) if path.parent.name != "minutes"}

    def signed_pages(self) -> dict[Path, bytes]:
        """Every signed page, and what was added to it."""
        pages = [self.of(rep, period, place) for period, rep in SIGNED for place in ("manager", "rep")]
        return {path: content for found in pages for path, content in found.items()}

    def snapshot_of(self, rep: str, period: str) -> str:
        """The snapshot that a rep's review stands on: the one of its release, else the one that the period uses."""
        if period == Q3 and rep in PINNED:
            return FIRST
        return (self.reports / period / "current").read_text(encoding="utf-8").split()[0]

    @property
    def reports(self) -> Path:
        return self.folder / "reports" / "alpen"


def laid(folder: Path) -> Path:
    """Copy the workbook, private to its owner as it was made."""
    shutil.copytree(RELEASED, folder)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    return folder


@pytest.fixture
def book(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Book:
    """A copy to write to."""
    return Book(laid(tmp_path / "book"), run, monkeypatch)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy that is only read."""
    return laid(tmp_path_factory.mktemp("released") / "book")


def recorded() -> list[dict[str, str]]:
    """What the journal held when the version was released: one row per entry, read past the package."""
    with (RELEASED / "journal.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def ledger(entries: list[Entry]) -> list[dict[str, str]]:
    """The same of what this version reads, with payloads and hashes as it would write them."""
    return [
        {
            "subject_kind": entry.about.kind,
            "subject": entry.about.subject,
            "period": entry.about.period,
            "sequence": str(entry.sequence),
            "kind": entry.kind,
            "payload_sha256": hashlib.sha256(payload_bytes(entry.payload)).hexdigest(),
            "hash": link(entry),
        }
        for entry in sorted(entries, key=lambda entry: (entry.about, entry.sequence))
    ]


def figures(book: Book, snapshot: str) -> pd.DataFrame:
    """The scorecard of a snapshot, read past the package."""
    return pd.read_parquet(book.reports / "snapshots" / snapshot / "scorecard.parquet")


def test_params_are_read(untouched: Path) -> None:
    """What an analyst wrote and what ``init`` proposed is read, and nothing in it is unknown."""
    written, proposed = (reading.load(untouched / path) for path in (PARAMS, PROPOSED))
    assert (written.name, written.people.roles["ute"], written.theme.accent) == ("alpen", "analyst", "#7a1f3d")
    assert (proposed.name, proposed.currency, proposed.crm.deals.stages.lost) == ("crm", "USD", ("Closed Lost",))


def test_old_keys_stop_nothing_that_makes_no_figures(book: Book) -> None:
    """A review is released, signed and verified with the params of that version; a handout asks for pages of this one alone."""
    assert reading.load(book.folder / PARAMS).retired == ((57, ("peers", "group")), (57, ("peers", "median_from")))
    assert "Lea" in book.done("jonas", "release", "--period", Q3, "--rep", LEA)
    book.write("mira", ANNA, Q3, "signoff", how="agree", name="Mira Özdemir")
    for command in (("diff", Q2, Q3), ("backup", "--out", "copy.db"), ("clean",), ("status", "--period", Q3), ("verify",)):
        book.done("ute", *command)
    said = book.command("mira", "handout", "--period", Q3, "--out", "handout")
    assert said.stderr.startswith("reviewlib: Some pages are missing, failed, changed, or older than what is recorded.")
    assert "--migrate" not in said.stderr


def test_params_are_brought_up_to_date_before_new_figures(book: Book) -> None:
    """A run stops at keys of that version and touches nothing; the command that it offers rewrites them and nothing else."""
    path = book.folder / PARAMS
    text = path.read_text(encoding="utf-8")
    before = {file: file.stat().st_mtime_ns for file in book.reports.rglob("*")}
    for command in ("check", "freeze", "run"):
        said = book.command("ute", command)
        assert (said.returncode, said.stdout) == (2, "")
        assert "line 57, peers.group is now peers.by: " in said.stderr
        assert "line 57, peers.median_from is gone: " in said.stderr
        assert f"reviewlib check {PARAMS} --migrate" in said.stderr
    assert {file: file.stat().st_mtime_ns for file in book.reports.rglob("*")} == before
    assert "-peers: {group: all, median_from: 5}\n+peers: {by: []}\n" in book.done("ute", "check", "--migrate")
    assert path.read_text(encoding="utf-8") == text.replace("{group: all, median_from: 5}", "{by: []}")
    assert path.with_name("alpen.yaml.bak").read_text(encoding="utf-8") == text
    assert "nothing was changed" in book.done("ute", "check", "--migrate", params=PROPOSED)
    book.done("ute", "verify")


@pytest.mark.whole
@pytest.mark.parametrize(("params", "deals"), [(PARAMS, 214), (PROPOSED, 40)], ids=["written", "proposed"])
def test_data_are_read(book: Book, params: str, deals: int) -> None:
    """Every deal of the export is used, and no row is set aside."""
    book.done("ute", "check", "--migrate", params=params)
    report = json.loads(book.done("ute", "check", "--json", params=params))
    assert report["reconciliation"][0]["used"] == deals
    assert report["quarantine"] == []


def test_every_kind_of_entry_is_in_the_journal() -> None:
    """The fixture leaves no kind out: what it does not hold it does not guard."""
    assert {row["kind"] for row in recorded()} <= set(KINDS)
    assert len({row["kind"] for row in recorded()}) == 19


def test_names_and_bytes_of_the_journal_stay(book: Book) -> None:
    """Kinds are called as they were, payloads are written in the same bytes, and hashes come out the same."""
    assert ledger(book.entries()) == recorded()
    book.done("ute", "journal-init")
    query = "SELECT kind, payload, hash FROM entries ORDER BY subject_kind, subject, period, sequence"
    with closing(sqlite3.connect(book.reports / "journal.db")) as raw:
        rows = raw.execute(query).fetchall()
    known = [(row["kind"], row["payload_sha256"], row["hash"]) for row in recorded()]
    assert [(kind, hashlib.sha256(payload.encode()).hexdigest(), end) for kind, payload, end in rows] == known


def test_all_of_it_verifies(book: Book) -> None:
    """Chains, manifests, signed pages and amendments agree; the check finds what is changed in one of them."""
    found = json.loads(book.done("ute", "verify", "--json"))
    assert (found["entries"], found["pages"], found["problems"]) == (len(recorded()), 2 * len(SIGNED), [])
    page = next(iter(book.signed_pages()))
    page.write_bytes(page.read_bytes() + b" ")
    assert book.command("ute", "verify").returncode == 1


def test_status_tells_where_every_review_stands(book: Book) -> None:
    """Each review is in the state that it was in."""
    rows = json.loads(book.done("ute", "status", "--period", Q3, "--json"))["rows"]
    states = {row["subject"]["id"]: row["state"] for row in rows if row["subject"]["kind"] == "rep"}
    known = ("signed", "feedback_in", "released", "signed", "feedback_in", "open", "closed")
    assert states == dict(zip(REPS, known, strict=True))
    assert {row["subject"]["id"]: row["disputes"] for row in rows if row["disputes"]} == {ANNA: 1, SOREN: 1}


@pytest.mark.whole
def test_signed_pages_are_never_made_again(book: Book) -> None:
    """A run of the earlier period keeps every signed page, amendment and notebook to the byte."""
    book.done("ute", "check", "--migrate")
    before = book.of(ANNA, Q2) | book.of(SOREN, Q2)
    assert sum("-amendment-" in path.name for path in before) == 5
    rows = book.rows("--period", Q2, "--rep", ANNA, "--rep", SOREN)
    assert [(row["kept"], row["state"], row["sealed"]) for row in rows] == [(True, "made", True)] * 4
    assert book.of(ANNA, Q2) | book.of(SOREN, Q2) == before
    book.done("ute", "verify")


@pytest.mark.parametrize("period", [Q2, Q3])
@pytest.mark.parametrize("audience", ["manager", "rep"])
@pytest.mark.parametrize("rep", REPS)
def test_a_review_opens_on_its_snapshot(
    untouched: Path, run: Run, monkeypatch: pytest.MonkeyPatch, rep: str, audience: str, period: str
) -> None:
    """Every figure is the one that was frozen, and a released review stays on the figures that it was released with."""
    book = Book(untouched, run, monkeypatch)
    review = rl.open_review(book.folder / PARAMS, rep=rep, period=period, audience=audience)
    snapshot = book.snapshot_of(rep, period)
    assert review.workbook.snapshot == snapshot
    frozen = figures(book, snapshot)
    own = frozen[(frozen["scope"] == "rep") & (frozen["scope_id"] == rep) & (frozen["period"] == period)]
    columns = ["value", "n", "numerator", "denominator", "target"]
    known = own.set_index("kpi")[columns].sort_index()
    pd.testing.assert_frame_equal(review.scorecard.set_index("kpi")[columns].loc[known.index], known, check_dtype=False)


def test_a_correction_moved_the_figures_of_open_reviews_only(book: Book) -> None:
    """The fixture holds two snapshots of a period whose figures differ, so that a pin shows."""
    frozen = [figures(book, each) for each in (FIRST, book.snapshot_of(BJORN, Q3))]
    both = [one.set_index(["scope_id", "period", "kpi"]) for one in frozen]
    before, after = (one.loc[(ANNA, Q3, "revenue"), "value"] for one in both)
    assert before != after


@pytest.mark.parametrize(
    ("login", "file", "count"),
    [
        ("mira", "waiting/bjorn-q3.md", 2),
        ("mira", "waiting/zoe-q3.eml", 4),
        ("mira", "waiting/jose-q3.eml", 1),
        ("jonas", "waiting/lea-q3.eml", 2),
        ("mira", "imported/anna-q2.eml", 0),
        ("ute", "imported/anna-q2-signed.md", 0),
        ("mira", "imported/anna-q3-signed.eml", 0),
        ("jonas", "imported/soeren-q3.md", 0),
    ],
)
def test_answers_to_earlier_forms_are_recorded_once(book: Book, login: str, file: str, count: int) -> None:
    """A mail or form that was made before is understood whole; one that was imported before is known again."""
    for expected in (count, 0):
        said = book.done(login, "import-response", f"answers/{file}")
        assert said.splitlines()[-1] == f"{expected} recorded", said
    assert len(book.entries()) == len(recorded()) + count
    book.done("ute", "verify")


def test_what_was_typed_arrives_as_it_was(book: Book) -> None:
    """Umlauts, accents that stand apart and line ends come through."""
    book.done("mira", "import-response", "answers/waiting/zoe-q3.eml")
    new = [entry for entry in book.entries() if (entry.about.subject, entry.about.period) == (ZOE, Q3) and entry.source]
    said = {entry.kind: entry.payload for entry in new}
    assert said["signoff"].model_dump(include={"how", "comment"}) == {"how": "disagree", "comment": "Nicht so."}
    assert said["reply"].text == "Danke – grüße sie."


def test_a_review_that_one_side_signed_is_signed_by_the_other(book: Book) -> None:
    """The manager signs after Anna, and only amendments are taken from then on."""
    book.write("mira", ANNA, Q3, "signoff", how="agree", name="Mira Özdemir")
    with pytest.raises(rl.ReviewError, match="signed by both"):
        book.write("mira", ANNA, Q3, "note", text="zu spät")
    book.write("mira", ANNA, Q3, "amendment", text="Nachtrag")
    book.done("ute", "verify")


def test_goals_of_a_file_are_given_once(book: Book) -> None:
    """What was given is passed over, what was not is recorded."""
    assert "Bjørn Åkesson: nothing new" in book.done("mira", "import-goals", "goals.csv", "--period", Q3)
    said = book.done("jonas", "import-goals", "goals.yaml", "--period", Q3)
    assert "Søren Brandt: 3 recorded" in said
    assert "Lea O'Neill-Schäfer: 1 recorded" in said


def test_everything_about_a_rep_is_exported(book: Book) -> None:
    """An export holds every entry with the payload's words."""
    book.done("ute", "export-data", "--rep", SOREN, "--out", "out")
    data = json.loads((book.folder / "out" / "journal.json").read_text(encoding="utf-8"))
    assert len(data["entries"]) == sum(row["subject"] == SOREN for row in recorded())
    assert max(len(str(entry["payload"].get("text"))) for entry in data["entries"]) == 20_000


@pytest.mark.parametrize("backup", ["journal.db", "journal.jsonl"], ids=["of a file", "of a server"])
def test_a_backup_is_restored(book: Book, backup: str) -> None:
    """A backup that either engine made goes where no journal is, and a new one is made of it."""
    (book.reports / "journal.db").unlink()
    book.done("ute", "restore", f"reports/alpen/backups/{backup}")
    assert ledger(book.entries()) == recorded()
    book.done("ute", "verify")
    again = book.folder / "again.db"
    book.done("ute", "backup", "--out", str(again))
    (book.reports / "journal.db").unlink()
    book.done("ute", "restore", str(again))
    assert ledger(book.entries()) == recorded()


@pytest.mark.parametrize(("rep", "period"), [(ANNA, Q2), (ZOE, Q3)], ids=["signed", "released"])
def test_an_annotated_notebook_is_exported(book: Book, rep: str, period: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page holds the manager's own text and figures, and what is recorded by now."""
    monkeypatch.setenv("JUPYTERHUB_USER", "mira")
    said = {Q2: "Weiter so", Q3: "Kunden erzählen es mir 😀."}[period]
    book.write("mira", rep, period, "amendment" if period == Q2 else "note", text="Seither gesagt")
    (path,) = book.of(rep, period, "notebooks")
    notebook = nbformat.read(path, as_version=4)
    html, _ = ReviewExporter().from_notebook_node(notebook, {"metadata": {"path": str(path.parent)}})
    assert "<strong>besprochen</strong>" in html
    assert "<th>target</th>" in re.sub(r"<th[^>]*>", "<th>", html)
    assert said in html
    assert "Seither gesagt" in html


@pytest.mark.usefixtures("kept_runs")
def test_a_run_goes_on_from_what_is_there(book: Book) -> None:
    """Reviews are made anew with the analyst's template; what is signed, written or pinned stays, and it is handed out."""
    book.done("ute", "check", "--migrate")
    signed, mine = book.signed_pages(), book.of(ZOE, Q3, "notebooks") | book.of(BJORN, Q3)
    rows = book.rows("--period", Q3, "--force")
    assert {row["state"] for row in rows} == {"made"}
    assert [row["subject"] for row in rows if row["kept"]] == [TIM, TIM]
    used = {row["subject"]: row["snapshot"] for row in rows if row["kind"] == "rep"}
    assert used == {rep: book.snapshot_of(rep, Q3) for rep in REPS}
    assert book.signed_pages() == signed
    (edited,) = (content for path, content in mine.items() if path.name.startswith("zoe"))
    assert edited in [content for path, content in book.of(ZOE, Q3).items() if path.stem.endswith("-annotated-1")]
    kept = {path: content for path, content in mine.items() if re.search(r"-(annotated|written)-1\.", path.name)}
    assert len(kept) == 2
    assert kept.items() <= book.of(BJORN, Q3).items()
    for rep in REPS:
        (page,) = (content.decode() for path, content in book.of(rep, Q3, "manager").items())
        assert "Unser Gespräch" in page
        assert book.snapshot_of(rep, Q3) in page
    book.done("ute", "verify")
    said = book.done("mira", "handout", "--period", Q3, "--out", "handout").splitlines()
    assert [line.partition(": ")[2] for line in said] == ["Jonas Weiß, 3 reps, 1 released", "Mira Özdemir, 4 reps, 3 released"]


@pytest.mark.whole
@pytest.mark.usefixtures("kept_runs")
@pytest.mark.parametrize("logged", [0, 12, 13, 15])
def test_half_a_run_of_it_is_taken_up(book: Book, logged: int) -> None:
    """A run that the upgrade cut off in its log goes on with new params: what it had signed stays, what people wrote too."""
    folder, signed = book.reports / Q3, book.signed_pages()
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    before, last = lines[:52], lines[52:]  # its last run logged the rest; the manifest is the one of the run before
    known = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    rows = {row["key"]: row for row in map(json.loads, before) if row["state"] == "made"}
    known |= {"reviews": [*rows.values()], "log": len("".join(before).encode())}
    (folder / "manifest.json").write_text(json.dumps(known), encoding="utf-8")
    (folder / "log.jsonl").write_text("".join(before + last[:logged]) + last[logged][:99], encoding="utf-8")
    (folder / ".0123456789ab.part").write_text("half", encoding="utf-8")
    for row in map(json.loads, last[logged + 1 :]):
        (folder / row["page"]).unlink(missing_ok=True)
    written = {path: content for path, content in book.of(BJORN, Q3).items() if "-1." in path.name}
    there = book.signed_pages()
    book.done("ute", "check", "--migrate")
    assert {row["state"] for row in book.rows("--period", Q3)} == {"made"}
    assert {path: content for path, content in book.signed_pages().items() if path in there} == there
    assert book.signed_pages().keys() == signed.keys()
    assert written.items() <= book.of(BJORN, Q3).items()
    assert len(written) == 2
    assert not [*folder.rglob(".*.part")]
    book.done("ute", "verify")


@pytest.mark.usefixtures("kept_runs")
def test_the_shipped_templates_run(book: Book) -> None:
    """Templates as they were shipped give whole pages of a rep and of a team."""
    shutil.copytree(book.folder / "shipped", book.folder / "notebooks", dirs_exist_ok=True)
    book.done("ute", "check", "--migrate")
    book.done("ute", "run", "--period", Q3, "--team", "Großkunden", "--force")
    (page,) = (content.decode() for content in book.of(JOSE, Q3, "manager").values())
    assert page.count("<svg") + page.count("data:image/svg+xml") >= 4
    assert "Unser Gespräch" not in page


def _psql(server: Server, *args: str) -> None:
    command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(server.folder), "-U", "test", *args]
    subprocess.run(command, check=True, capture_output=True, text=True)


@pytest.mark.whole
@pytest.mark.skipif(
    not shutil.which("psql") or not (shutil.which("initdb") or list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))),
    reason="PostgreSQL is not installed",
)
def test_a_journal_on_a_server_goes_on(book: Book) -> None:
    """A dump of roles and journal is restored into a fresh cluster; it verifies; a manager reads and writes in her teams."""
    (book.reports / "journal.db").unlink()
    with launch() as server:
        _psql(server, "-d", "postgres", "-f", str(RELEASED / "postgres" / "roles.sql"))
        _psql(server, "-d", "postgres", "-c", "CREATE DATABASE journal OWNER reviews")
        _psql(server, "-d", "journal", "-f", str(RELEASED / "postgres" / "journal.sql"))
        for login in ("reviews", "ute", "mira"):
            text = (book.folder / PARAMS).read_text(encoding="utf-8")
            place = f"records:\n  database: {server.url('journal', user=login)}\n"
            (book.folder / "params" / f"{login}.yaml").write_text(text.replace("records:\n", place), encoding="utf-8")
        assert ledger(book.entries("params/ute.yaml")) == recorded()
        book.done("ute", "verify", params="params/ute.yaml")
        assert {entry.team for entry in book.entries("params/mira.yaml")} == {"Nord", "Großkunden"}
        book.done("reviews", "journal-init", params="params/reviews.yaml")
        assert {entry.team for entry in book.entries("params/mira.yaml")} == {"Nord", "Großkunden"}
        book.write("mira", BJORN, Q3, "feedback", params="params/mira.yaml", stance="strength", kpi="calls", text="Öfter!")
        assert len(book.entries("params/ute.yaml")) == len(recorded()) + 1
        book.done("ute", "verify", params="params/ute.yaml")
