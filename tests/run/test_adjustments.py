"""What a review tells of earlier ones whose figures the CRM says differently by now, from freeze to page."""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from workbooks import changed, workbook

from reviewlib.cli import terminal
from reviewlib.conversation import identity, records
from reviewlib.conversation.entries import About
from reviewlib.errors import NotAllowedError, SnapshotError
from reviewlib.evidence import adjustments, slicefile
from reviewlib.pages import blocks, index
from reviewlib.params import reading
from reviewlib.params.kpis import RESULT
from reviewlib.params.model import Params
from reviewlib.periods import Period
from reviewlib.review import Review, open_review, open_team_review
from reviewlib.run import comparing, freezing, publishing, releasing, status, verifying
from reviewlib.run.origins import Origins

Q2, Q3, Q4 = (Period.parse(name) for name in ("2026-Q2", "2026-Q3", "2026-Q4"))
REPS = [
    {"rep_id": f"R{at}", "rep_name": name, "team": "North", "manager": "Max Holm"}
    for at, name in enumerate(("Ada", "Ben", "Cem"))
]
PEOPLE = {"roles": {"max": "manager"}, "logins": {"max": "Max Holm"}, "acting_as": "max"}


def won(deal: str, rep: str, amount: int, day: str) -> dict[str, Any]:
    return {"deal_id": deal, "rep_id": rep, "account_id": "Acme", "amount": amount, "opened_on": "2026-04-02", "closed_on": day}


JULY = [won("A1", "R0", 700, "2026-05-01"), won("A2", "R0", 1000, "2026-06-10"), won("B1", "R1", 300, "2026-05-02")]
JULY += [won("C1", "R2", 5600, "2026-05-20")]
#: A deal of Ada's went to Ben, and one of Cem's arrived; the third quarter had its own.
OCTOBER = [row | {"rep_id": "R1"} if row["deal_id"] == "A2" else row for row in JULY]
OCTOBER += [won("C2", "R2", 9000, "2026-06-30"), won("C3", "R2", 44, "2026-08-03"), won("A3", "R0", 55, "2026-08-04")]
JANUARY = [*OCTOBER, won("C4", "R2", 5400, "2026-06-29"), won("C5", "R2", 66, "2026-11-03")]


def frozen(
    folder: Path, deals: Sequence[Any], as_of: str, period: Period, *, reps: Sequence[Any] = REPS, **other: Any
) -> Params:
    """The workbook with another export, frozen for a period."""
    book = workbook(folder, deals=deals, reps=reps, as_of=as_of, people=PEOPLE, crm={"history_from": "2026-01-01"}, **other)
    freezing.freeze(book, [period])
    return book


def release(book: Params, period: Period, *reps: str, signed: bool = False) -> None:
    """Release the reviews of some reps, and of their team where it is among them; both sides of each sign where it is said."""
    stands = status.of(book, status.frozen_period(book, period))
    releasing.release(book, stands, [one for one in stands.subjects if one.id in reps])
    for rep in set(reps) - {"North"} if signed else ():
        own = records.open_records(book, About("rep", rep, period.name), person=identity.person_of(book, "max"))
        own.write("signoff", how="agree", name="Rep", on_behalf=True)
        own.write("signoff", how="agree", name="Max Holm")


@pytest.fixture(scope="module")
def october(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The second quarter signed, and the third frozen on an export that says the second differently."""
    folder = tmp_path_factory.mktemp("october")
    release(frozen(folder, JULY, "2026-07-10", Q2), Q2, "R0", "R1", "R2", "North", signed=True)
    frozen(folder, OCTOBER, "2026-10-12", Q3)
    return folder


@pytest.fixture(scope="module")
def january(october: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The third quarter of Cem released, and the fourth frozen on an export in which one more deal arrived."""
    folder = tmp_path_factory.mktemp("january") / "book"
    shutil.copytree(october, folder)
    release(frozen(folder, OCTOBER, "2026-10-12", Q3), Q3, "R2")
    frozen(folder, JANUARY, "2027-01-08", Q4)
    return folder


def opened(folder: Path, rep: str, period: Period = Q3, audience: str = "manager") -> Review:
    return open_review(folder / "params/book.yaml", rep=rep, period=period.name, audience=audience)


def words(review: Review) -> str:
    """What the section says."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", blocks.change(review).html)))


@pytest.mark.parametrize("audience", ["manager", "rep"])
def test_a_figure_that_was_signed_otherwise_is_told(october: Path, audience: str) -> None:
    """A page says what an earlier period was signed at, what it is now and by which deal, which counts in that period alone."""
    review = opened(october, "R2", audience=audience)
    assert (
        "2026-Q2 was signed at €5,600; the CRM now says €14,600: one deal (won 30 Jun 2026, €9,000.00) arrived between "
        "10 July and 12 October 2026." in words(review)
    )
    assert "C2 arrived between 10 July and 12 October 2026 won 30 Jun 2026, €9,000.00" in words(review)
    assert "Other figures of 2026-Q2, as signed and as the CRM has them now: Sales cycle 48 days → 68.5 days; " in words(review)
    assert review.figure(RESULT.key).value == 44


def test_a_deal_that_went_to_a_colleague_names_nobody(october: Path) -> None:
    """Who lost a deal reads that it went, who got it that it came; neither file holds anything of the other."""
    before, after = words(opened(october, "R0", audience="rep")), words(opened(october, "R1", audience="rep"))
    assert "signed at €1,700; the CRM now says €700: one deal (won 10 Jun 2026, €1,000.00) went to another rep" in before
    assert "signed at €300; the CRM now says €1,300: one deal (won 10 Jun 2026, €1,000.00) came from another rep" in after
    for rep, others in (("R0", "R1|R2|Ben|Cem|C2"), ("R1", "R0|R2|Ada|Cem|C2"), ("R2", "R0|R1|Ada|Ben|A2")):
        (file,) = october.glob(f"reports/book/2026-Q3/*/adjustments/{slicefile.slice_name('rep', rep, 'rep')}")
        assert not re.search(rf"\b({others})\b", file.read_text(encoding="utf-8"))
        assert file.stat().st_mode & 0o077 == 0


def test_a_team_s_manager_reads_of_all_its_reps(october: Path) -> None:
    """The manager's copy of a team tells the deals with whose they are; the copy for the reps tells nothing of them."""
    shown = words(open_team_review(october / "params/book.yaml", team="North", period="2026-Q3"))
    assert "2026-Q2 was released at €7,600; the CRM now says €16,600: its deals are below." in shown
    assert "C2 Cem arrived" in shown
    assert "A2 Ada went to another rep" in shown
    assert "A2 Ben came from another rep" in shown
    for_reps = open_team_review(october / "params/book.yaml", team="North", period="2026-Q3", audience="rep")
    assert for_reps.data["adjustments"] == {}


def test_what_only_time_changes_is_no_edit(tmp_path: Path) -> None:
    """Of the same deals a quarter later a cohort has matured, and expected dates are of another day: nobody edited them."""
    open_deal = {**won("A9", "R0", 500, ""), "stage": "Open", "opened_on": "2026-06-25"}
    deals = [
        *JULY,
        {**won("A8", "R0", 90, "2026-05-09"), "stage": "Lost"},
        {**open_deal, "expected_amount": 500, "expected_close_on": "2026-07-30"},
    ]
    deals = [{"expected_amount": None, "expected_close_on": None, **row} for row in deals]
    targets = [
        {"scope": "rep", "scope_id": "R0", "kpi": "revenue", "period": name, "value": 900} for name in ("2026-Q2", "2026-Q3")
    ]
    for as_of, period in (("2026-07-10", Q2), ("2026-10-12", Q3)):
        book = frozen(tmp_path, deals, as_of, period, targets=targets)
        found = open_review(book.path, rep="R0", period=period.name)
        told = {key: found.figure(key, Q2).value for key in ("conversion_rate", "pipeline_coverage", "revenue")}
        assert [value is None for value in told.values()] == ([True, False, False] if period is Q2 else [False, True, False])
        release(book, period, "R0", "North")
    assert [found.data["adjustments"][name] for name in ("figures", "deals")] == [[], []]


def test_what_an_earlier_review_told_is_not_told_again(january: Path) -> None:
    """Each deal is listed in one review; the figure is told with every value that a review gave it."""
    shown = words(opened(january, "R2", Q4, "rep"))
    assert (
        "2026-Q2 was signed at €5,600; €14,600 in the review of 2026-Q3; the CRM now says €20,000: one deal "
        "(won 29 Jun 2026, €5,400.00) arrived between 12 October 2026 and 8 January 2027." in shown
    )
    assert "C4 arrived" in shown
    assert "C2" not in shown
    # Ben's third quarter was not released, so that the fourth tells what came since the second.
    assert "signed at €300; the CRM now says €1,300: one deal" in words(opened(january, "R1", Q4))


def test_nothing_new_is_told_as_told(january: Path, tmp_path: Path) -> None:
    """Where the latest review told it all, the figure says so and no deal is listed."""
    shutil.copytree(january, tmp_path, dirs_exist_ok=True)
    frozen(tmp_path, [row for row in JANUARY if row["deal_id"] != "C4"], "2027-01-08", Q4)
    shown = words(opened(tmp_path, "R2", Q4))
    assert "2026-Q2 was signed at €5,600; the CRM now says €14,600, as the review of 2026-Q3 told." in shown
    assert "arrived" not in shown


def test_pages_are_made_again_where_what_they_tell_changed(january: Path, tmp_path: Path) -> None:
    """A release of an earlier review makes the pages old whose comparison it changes, and no others."""
    shutil.copytree(january, tmp_path, dirs_exist_ok=True)
    book = frozen(tmp_path, JANUARY, "2027-01-08", Q4)

    def origins() -> dict[tuple[str, str], Any]:
        stands = status.of(book, status.frozen_period(book, Q4))
        status.lay_out(book, stands)
        found = Origins(book, stands)
        return {(one.id, who): found.of(one, who).fingerprint for one in stands.subjects for who in ("manager", "rep")}

    before = origins()
    assert origins() == before
    release(book, Q3, "R1")
    changed = {key for key, made_from in origins().items() if made_from != before[key]}
    assert changed >= {("R1", "manager"), ("R1", "rep")}
    assert not changed & {("R2", "manager"), ("R2", "rep"), ("R0", "manager"), ("R0", "rep")}


def test_what_is_laid_and_cannot_be_read_is_said(october: Path, tmp_path: Path) -> None:
    """A spoilt file ends with the command that lays it anew, and is laid anew; evidence that is gone is told on the page."""
    shutil.copytree(october, tmp_path, dirs_exist_ok=True)
    book = frozen(tmp_path, OCTOBER, "2026-10-12", Q3)
    stands = status.of(book, status.frozen_period(book, Q3))
    cem = next(one for one in stands.subjects if one.id == "R2")
    file = adjustments.place(book, cem, Q3)
    whole = file.read_bytes()
    file.write_bytes(whole[:-9])
    with pytest.raises(Exception, match=rf"cannot be read(.|\n)*reviewlib freeze {book.typed} --period 2026-Q3"):
        opened(tmp_path, "R2")
    status.lay_out(book, stands)
    assert file.read_bytes() == whole
    shutil.rmtree(book.reports / "snapshots" / stands.pins(cem)[0].snapshot)
    file.unlink()
    status.lay_out(book, stands)
    assert "What 2026-Q2 was released on is not there any more" in words(opened(tmp_path, "R2"))


@pytest.mark.parametrize("text", ["[]", "null", '"x"', "3", '{"told": []}', "{}"])
def test_what_is_laid_and_holds_something_else_is_said(october: Path, tmp_path: Path, text: str) -> None:
    """JSON of another form is a spoilt file like any other."""
    shutil.copytree(october, tmp_path, dirs_exist_ok=True)
    (file,) = tmp_path.glob(f"reports/book/2026-Q3/*/adjustments/{slicefile.slice_name('rep', 'R2', 'rep')}")
    whole = file.read_bytes()
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SnapshotError, match="cannot be read"):
        opened(tmp_path, "R2")
    frozen(tmp_path, OCTOBER, "2026-10-12", Q3)
    assert file.read_bytes() == whole


def test_what_is_laid_and_tells_something_else_is_found(october: Path, tmp_path: Path) -> None:
    """A file that says it was made from the same evidence is held against it; what the next freeze lays anew is not."""
    shutil.copytree(october, tmp_path, dirs_exist_ok=True)
    book = reading.load(tmp_path / "params/book.yaml")
    assert verifying.verify(book).problems == ()
    (file,) = tmp_path.glob(f"reports/book/2026-Q3/*/adjustments/{slicefile.slice_name('rep', 'R2', 'rep')}")
    whole = file.read_text(encoding="utf-8")
    other = json.loads(whole.replace('"before": 5600.0', '"before": 999.0'))
    file.write_text(adjustments.text(other["from"], other["told"]), encoding="utf-8")
    (problem,) = verifying.verify(book).problems
    assert file.name in problem
    file.write_text(whole.replace('"code": "', '"code": "0'), encoding="utf-8")
    assert verifying.verify(book).problems == ()
    file.unlink()
    frozen(tmp_path, OCTOBER, "2026-10-12", Q3)
    assert file.read_text(encoding="utf-8") == whole


@pytest.mark.parametrize("closed", [False, True], ids=["open", "signed"])
def test_what_is_laid_and_was_changed_is_shown_nowhere(october: Path, tmp_path: Path, closed: bool) -> None:
    """A file that does not fit its own hash is opened by nobody, named by ``verify``, and laid anew by the next freeze."""
    shutil.copytree(october, tmp_path, dirs_exist_ok=True)
    book = reading.load(tmp_path / "params/book.yaml")
    if closed:
        release(book, Q3, "R2", signed=True)
    (file,) = tmp_path.glob(f"reports/book/2026-Q3/*/adjustments/{slicefile.slice_name('rep', 'R2', 'rep')}")
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole.replace('"before": 5600.0', '"before": 999.0'), encoding="utf-8")
    with pytest.raises(SnapshotError, match=r"cannot be read(.|\n)*was changed since it was laid"):
        opened(tmp_path, "R2")
    assert [one for one in verifying.verify(book).problems if file.name in one]
    frozen(tmp_path, OCTOBER, "2026-10-12", Q3)
    assert file.read_text(encoding="utf-8") == whole


def test_nobody_is_read_about_in_a_team_that_they_left(october: Path, tmp_path: Path) -> None:
    """Of a rep who changed team the old team's page tells how many deals there are; the rep's own review tells which."""
    shutil.copytree(october, tmp_path, dirs_exist_ok=True)
    *others, cem = ({"from": None, "to": None} | row for row in REPS)
    moved = [cem | {"to": "2026-06-30"}, cem | {"from": "2026-07-01", "team": "South", "manager": "Mia Stern"}]
    book = frozen(tmp_path, OCTOBER, "2026-10-12", Q3, reps=[*others, *moved])
    shown = words(open_team_review(book.path, team="North", period="2026-Q3"))
    assert "A2 Ada went to another rep" in shown
    assert "1 more of reps who are in another team now: their own reviews tell them." in shown
    (file,) = book.reports.glob(f"2026-Q3/*/adjustments/{slicefile.slice_name('team', 'North', 'manager')}")
    assert not re.search("C2|Cem|R2", file.read_text(encoding="utf-8"))
    assert "C2 arrived" in words(opened(tmp_path, "R2"))


def test_what_an_erased_review_told_goes(october: Path, tmp_path: Path) -> None:
    """Of a review that was erased nothing lies beside the others any more; theirs stays."""
    shutil.copytree(october, tmp_path, dirs_exist_ok=True)
    book = frozen(tmp_path, OCTOBER, "2026-10-12", Q3)
    own = records.open_records(book, About("rep", "R1", Q3.name), person=identity.person_of(book, "max"))
    own.write("erasure", text="Asked for.")
    before = {path.name for path in tmp_path.glob("reports/book/2026-Q3/*/adjustments/*")}
    frozen(tmp_path, OCTOBER, "2026-10-12", Q3)
    after = {path.name for path in tmp_path.glob("reports/book/2026-Q3/*/adjustments/*")}
    assert before - after == {slicefile.slice_name("rep", "R1", "rep")}


def test_an_erased_review_is_told_nowhere(october: Path, tmp_path: Path) -> None:
    """Nor do later reviews of the rep tell any more what it said."""
    shutil.copytree(october, tmp_path, dirs_exist_ok=True)
    assert "2026-Q2 was signed" in words(opened(tmp_path, "R2"))
    book = reading.load(tmp_path / "params/book.yaml")
    own = records.open_records(book, About("rep", "R2", Q2.name), person=identity.person_of(book, "max"))
    own.write("erasure", text="Asked for.")
    frozen(tmp_path, OCTOBER, "2026-10-12", Q3)
    assert "2026-Q2 was signed" not in words(opened(tmp_path, "R2"))


def test_who_may_not_read_everybody_compares_nothing(october: Path) -> None:
    """The deals of a whole snapshot are an analyst's to compare, or of who has no role."""
    book = reading.load(october / "params/book.yaml")
    with pytest.raises(NotAllowedError, match="Max Holm may not read everybody's deals"):
        comparing.compare(book, "2026-Q2", "2026-Q3")
    assert comparing.compare(changed(book, people={"acting_as": None}), "2026-Q2", "2026-Q3").figures


def test_another_period_s_evidence_is_no_review_s(october: Path, tmp_path: Path) -> None:
    """A period that points to the whole evidence of another one has none; a freeze lets it use its own."""
    shutil.copytree(october, tmp_path, dirs_exist_ok=True)
    book = reading.load(tmp_path / "params/book.yaml")
    shutil.copy(book.reports / "2026-Q2/current", book.reports / "2026-Q3/current")
    with pytest.raises(SnapshotError, match=r"evidence of another period(.|\n)*2026-Q3/current"):
        opened(tmp_path, "R2")
    assert [one for one in verifying.verify(book).problems if one.startswith("2026-Q3: ") and "2026-Q2" in one]
    frozen(tmp_path, OCTOBER, "2026-10-12", Q3)
    assert opened(tmp_path, "R2").period == Q3


def test_deals_of_who_has_no_review_any_more_are_named(october: Path, tmp_path: Path) -> None:
    """A freeze names whose late deals no review of the period tells; the team's page lists them where it was released too."""
    shutil.copytree(october, tmp_path, dirs_exist_ok=True)
    left = [row | ({"left_on": "2026-06-30"} if row["rep_id"] == "R2" else {"left_on": None}) for row in REPS]
    deals = [row for row in OCTOBER if row["deal_id"] != "C3"]
    book = frozen(tmp_path, deals, "2026-10-12", Q3, reps=left)
    now = status.frozen_period(book, Q3)
    lines = comparing.since_release(book, now)
    assert lines[0].startswith("Deals dated in 2026-Q2 or before that differ since its release: 3, of 3 reps. See them with: ")
    assert "  Sales revenue: changed for 3 reps" in lines
    assert [line for line in lines if line.startswith("No review")] == ["No review of 2026-Q3 tells it of R2 (1)."]
    assert comparing.since_release(book, status.frozen_period(book, Q2)) == []  # nothing was released before
    assert "C2 Cem arrived" in words(open_team_review(book.path, team="North", period="2026-Q3"))
    roles = {"logins": {"max": "Mia Stern"}}
    assert comparing.since_release(changed(book, people=roles), now) == []  # no manager is told of others' reps


def test_reviews_on_older_evidence_are_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Index, team page and ``status`` mark the review that stays on older evidence than the rest, and no other."""
    release(frozen(tmp_path, JULY, "2026-07-10", Q2), Q2, "R2")
    pinned = status.frozen_period(reading.load(tmp_path / "params/book.yaml"), Q2).hash
    book = frozen(tmp_path, OCTOBER, "2026-10-12", Q2)
    now = status.frozen_period(book, Q2)
    stands = status.of(book, now)
    found = status.status(book, stands)
    assert found.older == {"rep R2": pinned}
    terminal.print_status(found)
    assert [
        line.split()[1] for line in capsys.readouterr().out.splitlines() if f"on older evidence, snapshot {pinned}" in line
    ] == ["Cem"]
    page = index.index_page(publishing.index_of(book, now, stands, [], Origins(book, stands)))
    assert page.count("released on older evidence, figures as of 10 July 2026") == 1
    team = open_team_review(book.path, team="North", period="2026-Q2")
    for section in (blocks.reps, blocks.reviews):
        assert section(team).html.count(f"released on snapshot {pinned}, not on this page’s") == 1
