"""What the command line does with the conversation: the period that it means, and how reviews stand against their rhythm."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from workbooks import changed, without_proof, workbook

from reviewlib.conversation import identity, records, upkeep
from reviewlib.conversation.entries import About
from reviewlib.errors import SnapshotError
from reviewlib.evidence import snapshot
from reviewlib.evidence.subjects import Subject
from reviewlib.params import reading
from reviewlib.params.model import Params
from reviewlib.periods import Period
from reviewlib.run import releasing, status

Book = Callable[..., Params]
DEALS = [
    {"rep_id": rep, "amount": 100, "opened_on": "2025-11-01", "closed_on": closed}
    for rep in ("R1", "R2", "R3")
    for closed in ("2026-02-10", "2026-05-20", "2026-08-01", "2026-10-02")
]
REPS = [
    {"rep_id": "R1", "rep_name": "Ada Berg", "team": "North", "role": "Rep", "manager": "Max Holm"},
    {"rep_id": "R2", "rep_name": "Ben Dorn", "team": "South", "role": "Rep", "manager": "Mia Stern"},
    {"rep_id": "R3", "rep_name": "Cem Ates", "team": "North", "role": "Director", "manager": "Max Holm"},
]
PEOPLE = {"roles": {"mia": "manager"}, "logins": {"mia": "Mia Stern"}, "acting_as": "mia"}
PERIODS = ("2026-Q1", "2026-Q2", "2026-H1", "2026-Q3", "2026-Q4", "2026-H2")


def freeze(params: Params, *periods: str) -> None:
    for name in periods:
        snapshot.use(params, snapshot.freeze(params, Period.parse(name)))


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workbook in which every period is frozen, those that are not over too; tests change copies of it."""
    root = tmp_path_factory.mktemp("frozen")
    made = workbook(root, deals=DEALS, reps=REPS, as_of="2026-10-05", people=PEOPLE, crm={"history_from": "2025-11-01"})
    freeze(made, *PERIODS)
    return root


@pytest.fixture
def book(frozen: Path, tmp_path: Path) -> Book:
    """Make a workbook in which some periods are frozen, and nothing is said yet."""

    def make(*periods: str, **more: Any) -> Params:
        shutil.copytree(frozen, tmp_path / "book")
        for name in {*PERIODS} - {*periods}:
            (tmp_path / "book" / "reports" / "book" / name / "current").unlink()
        return changed(reading.load(tmp_path / "book" / "params" / "book.yaml"), **more)

    return make


@pytest.mark.parametrize(
    ("periods", "usual"),
    [
        (("2026-Q2", "2026-Q3", "2026-Q4"), "2026-Q3"),
        (("2026-Q3", "2026-Q2"), "2026-Q3"),
        (("2026-Q3", "2026-H2"), "2026-Q3"),
        (("2026-Q2", "2026-H1"), "2026-Q2"),
        (("2026-Q1", "2026-H1"), "2026-H1"),
        (("2026-Q4",), "2026-Q4"),
    ],
)
def test_the_usual_period_is_the_latest_that_is_complete(book: Book, periods: Sequence[str], usual: str) -> None:
    """A newer period that is not over yet, an older and a longer one stand back; one alone is meant, whatever it is."""
    assert status.frozen_period(book(*periods), None).period.name == usual


@pytest.mark.parametrize("stray", ["2026-Q3 (copy)", "2026-Q3.old", "backups"])
def test_a_folder_that_is_no_period_is_passed_over(book: Book, stray: str) -> None:
    """A copy that somebody made beside a period stops no command, and is never the period that is meant."""
    made = book("2026-Q3")
    shutil.copytree(made.reports / "2026-Q3", made.reports / stray)
    assert status.frozen_period(made, None).period.name == "2026-Q3"
    assert snapshot.freeze(made).period.name == "2026-Q3"


def test_a_period_that_is_named_is_that_one(book: Book) -> None:
    """Who names a period gets it, complete or not; one that is not frozen is an error with the command to run."""
    made = book("2026-Q3", "2026-Q4")
    assert status.frozen_period(made, Period.parse("2026-Q4")).period.name == "2026-Q4"
    with pytest.raises(SnapshotError, match="Nothing is frozen for 2026-Q2") as caught:
        status.frozen_period(made, Period.parse("2026-Q2"))
    assert caught.value.do == f"Run: reviewlib run {made.typed} --period 2026-Q2"


def test_a_period_becomes_the_usual_one_when_it_is_over(book: Book) -> None:
    """What was frozen in the middle of a quarter is the usual one only after it is frozen again at its end."""
    later = book("2026-Q3", "2026-Q4", as_of="2027-01-04")
    assert status.frozen_period(later, None).period.name == "2026-Q3"
    freeze(later, "2026-Q4")
    assert status.frozen_period(later, None).period.name == "2026-Q4"


def test_rights_go_by_the_newest_period_complete_or_not(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who changed team in the quarter that runs is the new manager's; a longer period that ends as late stands back."""
    seen: list[list[tuple[str, str | None]]] = []

    def prepare(params: Params, subjects: Sequence[Subject]) -> list[str]:
        seen.append([(one.id, one.manager) for one in subjects if one.kind == "rep"])
        return []

    monkeypatch.setattr(upkeep, "prepare", prepare)
    made = book("2026-Q3", "2026-Q4", "2026-H2")
    folder = snapshot.current(made, Period.parse("2026-Q4")).folder  # type: ignore[union-attr]
    without_proof(folder)
    people_of = folder / "people.json"
    people_of.write_text(people_of.read_text(encoding="utf-8").replace("Max Holm", "Mia Stern"), encoding="utf-8")
    releasing.journal_init(made)
    assert dict(seen[0])["R1"] == "Mia Stern"
    (made.reports / "2026-Q4" / "current").unlink()
    (made.reports / "2026-H2" / "current").unlink()
    releasing.journal_init(made)
    assert dict(seen[1])["R1"] == "Max Holm"


def stands_of(made: Params, period: str) -> status.ReviewStatus:
    return status.of(made, status.frozen_period(made, Period.parse(period)))


def due(made: Params, period: str, *, today: str) -> dict[str, tuple[str, str | None, int]]:
    """Whose review of which period is due when, and how many days late that is."""
    found = status.status(made, stands_of(made, period), today=dt.date.fromisoformat(today))
    return {row.subject.id: (row.period, row.due.isoformat() if row.due else None, row.days_overdue) for row in found.rows}


HALVES = [
    ({"teams": {"South": "half"}}, {"R2"}),
    ({"roles": {"Director": "half"}}, {"R3"}),
    ({"rep": "half", "roles": {"Director": "quarter"}}, {"R1", "R2"}),
    ({"team": "half"}, {"North", "South"}),
]


@pytest.mark.parametrize(("cadence", "halves"), HALVES)
def test_status_by_the_half_per_team_and_role(book: Book, cadence: Mapping[str, Any], halves: set[str]) -> None:
    """Who is reviewed twice a year has nothing due with the first quarter, and the half's review with the second."""
    made = book("2026-Q1", "2026-Q2", cadence=cadence)
    everyone = {"North", "South", "R1", "R2", "R3"}
    assert set(due(made, "2026-Q1", today="2026-04-20")) == everyone - halves
    rows = due(made, "2026-Q2", today="2026-07-20")
    assert {id: row[0] for id, row in rows.items()} == {id: "2026-H1" if id in halves else "2026-Q2" for id in everyone}
    # An answer was due on 10 July; a team writes none, so that its manager's part was, on the 14th.
    assert {id: row[1:] for id, row in rows.items()} == {
        id: ("2026-07-14", 6) if id in {"North", "South"} else ("2026-07-10", 10) for id in everyone
    }


def test_a_half_year_s_review_counts_what_is_said_in_it(book: Book) -> None:
    """Words in the quarter's review do not move the half's; released and unsigned it is overdue by the last date."""
    made = book("2026-Q2", "2026-H1", cadence={"teams": {"South": "half"}})
    for period in ("2026-Q2", "2026-H1"):
        own = records.open_records(made, About("rep", "R2", period), person=identity.person_of(made, "mia"))
        own.write("feedback", stance="strength", kpi="revenue", text="Good")
        assert due(made, "2026-Q2", today="2026-07-20")["R2"] == ("2026-H1", "2026-07-10", 10)
    half = stands_of(made, "2026-H1")
    releasing.release(made, half, [one for one in half.subjects if one.id == "R2"])
    # Seen from the half itself, or from the quarter that ends with it.
    for period in ("2026-H1", "2026-Q2"):
        assert due(made, period, today="2026-07-28")["R2"] == ("2026-H1", "2026-07-28", 0)
        assert due(made, period, today="2026-08-02")["R2"] == ("2026-H1", "2026-07-28", 5)
