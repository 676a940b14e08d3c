"""The commands of the conversation: what they print, what they write, and their exit codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import letters
import pytest
from commands import Run
from handmade import DEALS, PEOPLE, PERIOD
from icalendar import Calendar
from workbooks import workbook

from reviewlib import review
from reviewlib.conversation import identity, records
from reviewlib.conversation.entries import About
from reviewlib.params import reading
from reviewlib.run import freezing, status

REPS = [
    {"rep_id": "R1", "rep_name": "Ada Berg", "team": "North", "manager": "Max Holm", "email": "ada@example.org"},
    {"rep_id": "R2", "rep_name": "Ben Dorn", "team": "South", "manager": "Mia Stern", "email": "ben@example.org"},
]


@pytest.fixture
def run(run: Run, book: Path) -> Run:
    """Run a command on the workbook, in this process."""
    return lambda command, *args: run(command, str(book), *args)


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workbook with two teams and frozen evidence, to be copied."""
    folder = tmp_path_factory.mktemp("frozen")
    params = workbook(folder, deals=DEALS, reps=REPS, as_of="2026-10-05", crm={"history_from": "2026-01-01"}, people=PEOPLE)
    freezing.freeze(params, [PERIOD])
    return folder


@pytest.fixture
def book(frozen: Path, tmp_path: Path) -> Path:
    """A copy of its own of the workbook."""
    shutil.copytree(frozen, tmp_path, dirs_exist_ok=True)
    return tmp_path / "params" / "book.yaml"


def own(book: Path, rep: str = "R1", login: str = "max") -> records.Records:
    params = reading.load(book)
    return records.open_records(params, About("rep", rep, PERIOD.name), person=identity.person_of(params, login))


def test_release_says_what_is_next(run: Run, book: Path) -> None:
    """A release is one entry per review; the command that makes the pages anew is printed."""
    said = run("release", "--rep", "R1")
    assert said.returncode == 0, said.stderr
    assert "Ada Berg, 2026-Q3: released on snapshot" in said.stdout
    assert "--period 2026-Q3 --rep R1" in said.stdout
    assert own(book).minutes().state.name == "released"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "Say whose reviews are meant"),
        (("--rep", "R9"), "There is no review of them"),
        (("--rep", "R1", "--rep", "R2"), "Ben Dorn was not released"),
        (("--rep", "R1", "--period", "2027-Q1"), "Nothing is frozen for 2027-Q1"),
    ],
)
def test_release_of_what_cannot_be_released(run: Run, book: Path, args: tuple[str, ...], words: str) -> None:
    """Nobody, an unknown rep, another manager's rep and an unknown period: exit 2, and nobody's review is released."""
    said = run("release", *args)
    assert said.returncode == 2
    assert words in said.stderr
    assert not own(book).minutes().state.released


def test_an_answer_is_imported_once(run: Run, book: Path, tmp_path: Path) -> None:
    """The form beside the page comes back filled in; a second import records nothing, a broken one names its line."""
    params = reading.load(book)
    form = review.form_of(params, About("rep", "R1", PERIOD.name))
    mark = next(line for line in form.splitlines() if line.startswith("[[Perspective"))
    answer = tmp_path / "answer.md"
    answer.write_text(form.replace(mark, f"{mark}\nA good quarter, I think."), encoding="utf-8")
    first = run("import-response", str(answer))
    assert (first.returncode, first.stdout.splitlines()[-1]) == (0, "1 recorded"), first.stderr
    assert run("import-response", str(answer)).stdout.splitlines()[-1] == "0 recorded"
    stands = status.of(params, status.frozen_period(params, PERIOD))
    assert next(iter(stands.states.values())).name == "answer_in"
    answer.write_text("Hello!\n", encoding="utf-8")
    broken = run("import-response", str(answer))
    assert broken.returncode == 2
    assert "line 1" in broken.stderr
    parts = (f'Content-Type: multipart/mixed; boundary="b{at}"\n\n--b{at}\n' for at in range(2_000))
    answer.write_text(f"MIME-Version: 1.0\n{''.join(parts)}", encoding="utf-8")
    deep = run("import-response", str(answer))
    assert deep.returncode == 2
    assert "answer.md\n  found: more than 100 parts" in deep.stderr
    assert answer.is_file()
    missing = run("import-response", str(tmp_path / "none.md"))
    assert missing.returncode == 2
    assert "none.md" in missing.stderr


def test_a_strangers_mail_does_not_sign(run: Run, book: Path, tmp_path: Path) -> None:
    """It is refused with who sent it and what the table has, and recorded with --unverified; the rep's own mail signs then."""
    run("release", "--rep", "R1")
    run("freeze", "--period", PERIOD.name)
    form = review.form_of(reading.load(book), About("rep", "R1", PERIOD.name))
    form = letters.fill(form, Perspective="Good.", Signature_name="Ada Berg", Signature_word="agree")
    answer = tmp_path / "answer.eml"
    answer.write_text(f"From: Ada Berg <mallory@evil.example>\nMIME-Version: 1.0\n\n{form}", encoding="utf-8")
    refused = run("import-response", str(answer))
    assert (refused.returncode, refused.stdout) == (2, "")
    for words in ("not from Ada Berg", "mallory@evil.example", "ada@example.org", "--unverified"):
        assert words in refused.stderr
    assert own(book).minutes().of_kind("signoff", "self_review") == []
    taken = run("import-response", str(answer), "--unverified")
    assert (taken.returncode, taken.stdout.splitlines()[-1]) == (0, "2 recorded"), taken.stderr
    assert "Sent from mallory@evil.example." in taken.stdout
    answer.write_text(f"From: ADA@example.org\nMIME-Version: 1.0\n\n{form}", encoding="utf-8")
    said = run("import-response", str(answer))
    assert (said.returncode, said.stdout.splitlines()[-1]) == (0, "1 recorded"), said.stderr
    assert "Sent from ADA@example.org, the address of Ada Berg in the reps table." in said.stdout


def test_goals_for_many(run: Run, book: Path, tmp_path: Path) -> None:
    """A file gives goals, twice without harm; somebody else's rep in it stops all of it."""
    goals = tmp_path / "goals.csv"
    head = "rep,statement,kpi,scope,target,due,relevance,because,milestones\n"
    row = "{rep},Win 120 a quarter,revenue,own deals,120,2026-12-31,gap,revenue,2026-11-30: half of it\n"
    goals.write_text(head + row.format(rep="R1") + row.format(rep="R2"), encoding="utf-8")
    refused = run("import-goals", str(goals))
    assert refused.returncode == 2
    assert "Ben Dorn was given no goal" in refused.stderr
    assert own(book).minutes().entries == ()
    goals.write_text(head + row.format(rep="R1"), encoding="utf-8")
    assert "Ada Berg: 2 recorded" in run("import-goals", str(goals)).stdout
    assert "Ada Berg: nothing new" in run("import-goals", str(goals)).stdout
    goal, milestone = own(book).minutes().of_kind("goal", "milestone")
    assert (goal.payload.baseline, goal.payload.target) == (None, 120)  # type: ignore[attr-defined]
    assert milestone.of == goal.id


def test_a_corrected_goals_file_doubles_no_goal(run: Run, book: Path, tmp_path: Path) -> None:
    """A row that was changed since is refused with its line and what to do; a row more is given, once."""
    head, row = "rep,statement,deliverable,due,milestones\n", "R1,Write the guide,Guide,2026-12-31,2026-11-{day}: draft\n"
    goals = tmp_path / "goals.csv"
    goals.write_text(head + row.format(day=30), encoding="utf-8")
    run("import-goals", str(goals))
    more = "R1,Visit ten customers,Visits,2026-12-31,\n"
    goals.write_text(head + more + row.format(day=20).replace("Write the", "Write  THE"), encoding="utf-8")
    refused = run("import-goals", str(goals))
    assert refused.returncode == 2
    assert "R1 has this goal already" in refused.stderr
    assert "line 3" in refused.stderr
    goals.write_text(head + row.format(day=30) + more, encoding="utf-8")
    assert "Ada Berg: 1 recorded" in run("import-goals", str(goals)).stdout
    statements = [entry.payload.statement for entry in own(book).minutes().of_kind("goal")]  # type: ignore[attr-defined]
    assert statements == ["Write the guide", "Visit ten customers"]


def test_status_and_calendar(run: Run, book: Path, tmp_path: Path) -> None:
    """Who is waited for stands in the table, and the calendar has every step."""
    said = run("status", "--ics", str(tmp_path / "reviews.ics"))
    assert said.returncode == 0, said.stderr
    assert "Ada Berg" in said.stdout
    assert "answer" in said.stdout
    events = Calendar.from_ical((tmp_path / "reviews.ics").read_bytes()).walk("VEVENT")
    assert any("Ada Berg" in str(event["summary"]) for event in events)
    rows = json.loads(run("status", "--json").stdout)["rows"]
    assert {row["subject"]["name"] for row in rows} >= {"Ada Berg", "Ben Dorn", "North"}


@pytest.mark.parametrize(
    ("place", "found"), [("", "a folder is where a file belongs"), ("a file/reviews.ics", "Not a directory")]
)
def test_a_calendar_that_cannot_be_written(run: Run, tmp_path: Path, place: str, found: str) -> None:
    """Where a folder has the calendar's name, or a file its folder's, the message names it by that name; nothing is left."""
    folder = tmp_path / "calendars"
    folder.mkdir()
    (folder / "a file").touch()
    said = run("status", "--ics", str(folder / place))
    assert (said.returncode, said.stdout) == (2, "")
    assert f"The calendar cannot be written.\n  where: {folder / place}\n  found: {found}\n" in said.stderr
    assert [path.name for path in folder.iterdir()] == ["a file"]
    assert [path for path in tmp_path.iterdir() if path.suffix == ".part"] == []


def test_a_journal_that_is_empty_has_no_backup(run: Run, book: Path) -> None:
    """A journal of no bytes ends ``backup`` with exit 2 and what to do."""
    (reading.load(book).reports / "journal.db").touch()
    said = run("backup")
    assert (said.returncode, said.stdout) == (2, "")
    assert "The journal is damaged; no backup was made of it." in said.stderr
    assert "restore the last backup" in said.stderr


def test_backup_restore_verify_export(run: Run, book: Path, tmp_path: Path) -> None:
    """A backup made while the journal is in use verifies after the way back; everything about one rep can be written out."""
    own(book).write("note", text="Ask again in spring.")
    copy = tmp_path / "copy.db"
    assert run("backup", "--out", str(copy)).returncode == 0
    reports = reading.load(book).reports
    assert run("restore", str(copy)).returncode == 2
    for path in reports.glob("journal.db*"):
        path.unlink()
    assert run("restore", str(copy)).returncode == 0
    said = run("verify")
    assert (said.returncode, said.stdout.strip()) == (0, "1 entry in 1 review, no signed pages: all is as it was written")
    assert run("export-data", "--rep", "R1", "--out", str(tmp_path / "data")).returncode == 0
    assert "Ask again in spring." in (tmp_path / "data" / "journal.md").read_text(encoding="utf-8")
    assert run("export-data", "--rep", "R9", "--out", str(tmp_path / "none")).returncode == 2


def test_verify_finds_a_changed_journal(run: Run, book: Path) -> None:
    """A word changed in the file behind everybody's back is found, with exit code 1."""
    import sqlite3

    own(book).write("note", text="Ask again in spring.")
    path = reading.load(book).reports / "journal.db"
    with sqlite3.connect(path) as raw:
        for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            raw.execute(f"DROP TRIGGER {name}")
        raw.execute("UPDATE entries SET payload = replace(payload, 'spring', 'autumn')")
    said = run("verify")
    assert said.returncode == 1
    assert "R1" in said.stdout


def test_journal_init_says_what_it_did(run: Run) -> None:
    """A journal in a file is made ready, twice without harm."""
    for _ in range(2):
        said = run("journal-init")
        assert (said.returncode, said.stdout) == (0, "The journal of book is ready.\n"), said.stderr
