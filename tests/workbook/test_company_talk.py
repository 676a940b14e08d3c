"""The demo's conversation: it goes into the journal once, everybody said only what they may, and its figures are true."""

from __future__ import annotations

import csv
import functools
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from conftest import DEMO
from journals import append

from reviewlib import review
from reviewlib.conversation import identity, records, rights
from reviewlib.conversation.entries import About, Draft, Entry, Person, verify_chains
from reviewlib.conversation.goals import followup
from reviewlib.conversation.goals.progress import GoalReview
from reviewlib.conversation.journal import Journal, open_journal, open_or_make_journal
from reviewlib.conversation.kinds import KINDS
from reviewlib.conversation.kinds.plans import Action, Goal, Recognition
from reviewlib.conversation.kinds.talk import Note
from reviewlib.conversation.rights import WritingContext
from reviewlib.conversation.visibility import take
from reviewlib.errors import JournalError
from reviewlib.evidence import slicefile, snapshot, sources
from reviewlib.pages import sentences, views
from reviewlib.params import reading
from reviewlib.params.model import Params
from reviewlib.periods import Period
from reviewlib.review import Review
from reviewlib.workbook import company_talk, starter
from reviewlib.workbook.company_talk import SpokenEntry

PERIODS = ("2026-Q2", "2026-Q3")
#: Where each review of the demo stands, in both periods.
STANDS = {
    "R-014": ("closed", "closed"),
    "R-017": ("closed", "closed"),
    "R-012": ("closed", "released"),
    "R-015": ("closed", "feedback_in"),
    "R-011": ("closed", "answer_in"),
    "R-022": ("closed", "closed"),
    "North": ("closed", "signed"),
}


def book_in(folder: Path) -> Params:
    """The demo's workbook in a folder of its own, without evidence."""
    shutil.copytree(DEMO, folder / "params")
    return reading.load(folder / "params" / "demo.yaml")


def frozen_of(params: Params) -> dict[str, str]:
    """The snapshots that the periods use."""
    found = {name: slicefile.current_folder(params, Period.parse(name)) for name in PERIODS}
    return {name: folder.name for name, folder in found.items() if folder}


def entries_of(params: Params) -> list[Entry]:
    store = open_journal(params)
    assert store is not None
    with store:
        return store.entries()


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Params:
    """The demo with both periods frozen and its conversation in the journal."""
    params = book_in(tmp_path_factory.mktemp("talked"))
    read = functools.cache(lambda: sources.read(params))
    for name in PERIODS:
        snapshot.use(params, snapshot.freeze(params, Period.parse(name), read=read))
    company_talk.seed(params, frozen_of(params))
    return params


@pytest.fixture(scope="module")
def told(book: Params) -> list[SpokenEntry]:
    """Every entry as the file has it."""
    return company_talk.lines(book, company_talk.read(book))


@pytest.fixture(scope="module")
def entries(book: Params) -> list[Entry]:
    """Every entry as the journal has it."""
    return entries_of(book)


@pytest.fixture(scope="module")
def reviews(book: Params) -> dict[About, Review]:
    """The evidence of every review of which the demo tells, for the manager."""
    return dict(_opened(book))


def _opened(book: Params) -> Iterator[tuple[About, Review]]:
    for subject in STANDS:
        for name in PERIODS:
            about = About("team" if subject == "North" else "rep", subject, name)
            path = slicefile.find_slice(
                book, kind=about.kind, subject=subject, period=Period.parse(name), audience="manager"
            )  # fmt: skip
            yield about, review.from_slice(slicefile.read_slice(path), book.fiscal)


def words_of(line: SpokenEntry) -> str:
    """Everything that an entry says in words; the reward is the company's own figure."""
    return "\n".join(str(text) for name, text in line.spoken.fields.items() if name not in {"recommended", "reward_text"})


# --- into the journal


@pytest.mark.whole
def test_every_entry_stands_in_the_journal_at_its_time(entries: list[Entry], told: list[SpokenEntry]) -> None:
    """The journal holds what the file says, each entry under its own time; every chain holds."""
    assert {entry.id: entry.at for entry in entries} == {line.id: line.at for line in told}
    for about in {entry.about for entry in entries}:
        own = [entry for entry in entries if entry.about == about]
        assert verify_chains(own, {}) == []
        assert [entry.at for entry in own] == sorted(entry.at for entry in own)


@pytest.mark.whole
def test_the_file_tells_in_the_order_of_time(book: Params) -> None:
    """Within a review nothing stands before what was said earlier."""
    for talk in company_talk.read(book).reviews:
        said = [spoken.at for spoken in talk.entries]
        assert said == sorted(said), talk.about


@pytest.mark.whole
def test_a_second_time_adds_nothing(book: Params, entries: list[Entry]) -> None:
    """Running the demo again leaves the journal as it is."""
    assert company_talk.seed(book, frozen_of(book)) == 0
    assert entries_of(book) == entries


def test_a_journal_in_which_somebody_wrote_is_left_alone(tmp_path: Path) -> None:
    """One entry of somebody else is enough, before the demo or after it."""
    params = book_in(tmp_path)
    theirs = Draft(About("rep", "R-002", "2026-Q3"), "West", "note", Note(text="Mine."), Person("claire", "manager", "Claire"))
    with open_or_make_journal(params) as store:
        append(store, theirs)
    assert company_talk.seed(params, dict.fromkeys(PERIODS, "5" * 12)) == 0
    assert len(entries_of(params)) == 1


def test_words_of_a_user_after_the_demo_stay_alone(tmp_path: Path) -> None:
    """Who goes on writing in the demo's reviews finds them as they left them."""
    params = book_in(tmp_path)
    snapshots = dict.fromkeys(PERIODS, "5" * 12)
    first = company_talk.seed(params, snapshots)
    with open_or_make_journal(params) as store:
        append(
            store,
            Draft(About("rep", "R-015", "2026-Q3"), "North", "note", Note(text="Mine."), Person("daniel", "manager", "Daniel")),
        )
    assert company_talk.seed(params, snapshots) == 0
    assert len(entries_of(params)) == first + 1


def test_an_interrupted_telling_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a stopped run left is no reason to stop for good."""
    params, snapshots, append_all = book_in(tmp_path), dict.fromkeys(PERIODS, "5" * 12), Journal.append_all
    told = company_talk.lines(params, company_talk.read(params))
    left = [5]

    def stopping(store: Journal, drafts: Sequence[Draft]) -> list[Entry]:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return append_all(store, drafts)

    monkeypatch.setattr(Journal, "append_all", stopping)
    with pytest.raises(KeyboardInterrupt):
        company_talk.seed(params, snapshots)
    monkeypatch.setattr(Journal, "append_all", append_all)
    before = len(entries_of(params))
    assert 0 < before < len(told)
    assert company_talk.seed(params, snapshots) == len(told) - before
    found = entries_of(params)
    assert {entry.id: entry.at for entry in found} == {line.id: line.at for line in told}
    assert verify_chains(found, {}) == []


@pytest.mark.whole
def test_ids_are_the_same_in_every_copy(book: Params, told: list[SpokenEntry], tmp_path: Path) -> None:
    """Two copies of the demo have the same ids, so that a link into one finds the entry in the other."""
    other = book_in(tmp_path)
    assert [line.id for line in company_talk.lines(other, company_talk.read(other))] == [line.id for line in told]


def test_times_are_those_of_the_workbook(tmp_path: Path) -> None:
    """The file's times are on a clock in Berlin; the journal has them in UTC."""
    params = book_in(tmp_path)
    line = next(line for line in company_talk.lines(params, company_talk.read(params)) if line.spoken.name == "amara-legal")
    assert (f"{line.spoken.at}", f"{line.at}") == ("2026-07-09 18:20:00", "2026-07-09 16:20:00+00:00")


def test_words_come_from_the_package_where_the_workbook_has_none(tmp_path: Path) -> None:
    """A demo folder of an earlier version has no such file; the package's own is taken."""
    params = book_in(tmp_path)
    (tmp_path / "params" / "demo" / "conversation.yaml").unlink()
    assert starter.home() == DEMO.parent
    assert company_talk.read(params).periods == PERIODS


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("team: [", "conversation.yaml"),
        ("team: North\nmanager: daniel\n", "reviews"),
        ("{e: {at: 2026-07-13 15:05, gossip: {text: x}}}", "gossip"),
        ("{e: {at: 2026-07-13 15:05, note: {text: x}, concern: {text: x}}}", "note, concern"),
        ("{e: {at: 2026-07-13 15:05}}", "none"),
        ("{e: {at: 2026-07-13 15:05, note: x}}", "note"),
        ("{e: {at: 13 July, note: {text: x}}}", "13 July"),
        ("{e: {at: 2026-07-13 15:05, of: nobody, reply: {text: x}}}", "nobody"),
        ("{e: {at: 2026-07-13 15:05, note: {words: x}}}", "words"),
    ],
)
def test_a_file_that_is_wrong_is_named_and_nothing_is_written(tmp_path: Path, wrong: str, said: str) -> None:
    """Whoever edits the words learns what is wrong, and the journal stays empty."""
    params = book_in(tmp_path)
    if wrong.startswith("{e: "):
        wrong = f"{{team: North, manager: daniel, reviews: [{{rep: R-014, period: 2026-Q3, entries: [{wrong[4:-1]}]}}]}}"
    (tmp_path / "params" / "demo" / "conversation.yaml").write_text(wrong, encoding="utf-8")
    with pytest.raises(JournalError, match=re.escape(said)):
        company_talk.seed(params, dict.fromkeys(PERIODS, "5" * 12))
    assert open_journal(params) is None


# --- what people may write


@pytest.mark.whole
def test_nobody_says_what_they_may_not(book: Params, entries: list[Entry]) -> None:
    """Replayed one after the other, each entry passes every rule of writing, by the login of its author."""
    written: list[Entry] = []
    for entry in sorted(entries, key=lambda one: (one.at, one.about, one.sequence)):
        opened = records.open_records(book, entry.about, person=identity.person_of(book, entry.author))
        assert (entry.team, entry.author_name) == (opened.subject.team, opened.person.name)
        before = [one for one in written if (one.about.kind, one.about.subject) == (entry.about.kind, entry.about.subject)]
        context = WritingContext(entry.about, opened.subject, before, book.fiscal, book.path.name)
        said = (entry.visibility, entry.supersedes, entry.source)
        draft = Draft(entry.about, entry.team, entry.kind, entry.payload, opened.person, entry.on_behalf_of, *said)
        refused = rights.refusal(context, draft)
        assert refused is None, f"{entry.about}, {entry.kind} of {entry.at}: {refused}"
        written.append(entry)


@pytest.mark.whole
def test_what_answers_the_manager_comes_after_the_release(entries: list[Entry]) -> None:
    """No rep replies to words that are not released yet."""
    released = {entry.about: entry.at for entry in entries if entry.kind == "release"}
    by_id = {entry.id: entry for entry in entries}
    for entry in entries:
        target = by_id.get(entry.of or "")
        if entry.side == "rep" and target is not None and target.side == "manager":
            assert entry.at > released[target.about], entry


@pytest.mark.whole
def test_reviews_stand_where_they_should(book: Params, entries: list[Entry]) -> None:
    """Every state of a review is there to be seen."""
    found = {}
    for about in {entry.about for entry in entries}:
        minutes = take(entries_about(entries, about), about, audience="manager", fiscal=book.fiscal)
        found[about.subject, about.period] = minutes.state.name
    assert found == {
        (subject, name): state for subject, both in STANDS.items() for name, state in zip(PERIODS, both, strict=True)
    }


def entries_about(entries: Sequence[Entry], about: About) -> list[Entry]:
    return [entry for entry in entries if (entry.about.kind, entry.about.subject) == (about.kind, about.subject)]


@pytest.mark.whole
def test_everything_that_happens_in_reviews_happens_here(entries: list[Entry]) -> None:
    """Decisions of each sort, both answers to the board, a signature without agreement, disputes that end both ways."""
    said = {kind: [entry.payload for entry in entries if entry.kind == kind] for kind in KINDS}
    assert set(KINDS) - {kind for kind, found in said.items() if found} == {"amendment", "seal", "erasure"}
    assert {one.decision for one in said["action"]} == {"accepted", "edited", "dismissed", "added"}  # type: ignore[attr-defined]
    assert {one.outcome for one in said["resolution"]} == {"accepted", "rejected"}  # type: ignore[attr-defined]
    assert "disagree" in {one.how for one in said["signoff"]}  # type: ignore[attr-defined]
    board = {entry.id for entry in entries if entry.kind == "recognition"}
    assert {one.agrees for one in said["agreement"] if one.of in board} == {True, False}  # type: ignore[attr-defined]
    assert any(entry.supersedes for entry in entries)
    assert sum(entry.visibility == "manager_only" for entry in entries) >= 3


@pytest.mark.whole
def test_what_only_managers_read_is_not_in_the_reps_minutes(book: Params, entries: list[Entry]) -> None:
    """Notes and private concerns stay on the manager's copy."""
    private = [entry for entry in entries if entry.visibility == "manager_only"]
    for entry in private:
        minutes = take(entries_about(entries, entry.about), entry.about, audience="rep", fiscal=book.fiscal)
        assert entry.payload.text not in str(minutes.as_data())  # type: ignore[attr-defined]


@pytest.mark.whole
def test_no_rep_is_named_in_the_review_of_another(told: list[SpokenEntry]) -> None:
    """Reviews name their own rep, managers and customers, and no colleague."""
    names = {row["Employee"]: row["Name"] for row in _table("reps.csv")}
    for line in told:
        text = str(line.spoken.fields)
        for rep_id, name in names.items():
            assert rep_id == line.about.subject or name not in text, (line.about, name)


# --- true to the figures


@pytest.mark.whole
def test_baselines_are_those_of_the_scorecard(entries: list[Entry], reviews: dict[About, Review]) -> None:
    """A goal starts where the figure of its review was; one over a year, at the year before."""
    goals = [(entry, entry.payload) for entry in entries if isinstance(entry.payload, Goal)]
    assert len(goals) > 15
    for entry, goal in goals:
        track = views.tracks(reviews[entry.about]).get(goal.kpi or "")
        assert track is not None
        period = Period.parse(entry.about.period)
        found = track.sum_of(Period.parse("FY2025"), through=period) if goal.over else track.at(period)
        assert goal.baseline == pytest.approx(found.value, abs=5e-5), goal.statement


@pytest.mark.whole
def test_figures_in_words_are_those_of_the_page(told: list[SpokenEntry], reviews: dict[About, Review]) -> None:
    """What is marked as a figure stands in the words as the page writes it, and nothing that looks like one is unmarked."""
    deals = _deals()
    for line in told:
        text, page = words_of(line), reviews[line.about]
        figures = [sentences.fill(page, f"{{{reference}}}") for reference in line.spoken.figures]
        amounts = [f"€{float(deals[deal]['Amount']):,.0f}" for deal in line.spoken.deals]
        for known in (*figures, *amounts):
            assert known in text, f"{line.about}, {line.spoken.at}: {known}"
            text = text.replace(known, "")
        loose = re.findall(r"€[\d,.]*\d|\d[\d,.]*\s?(?:%|×|days\b)", text)
        assert [one for one in loose if not _wanted(line, one)] == [], f"{line.about}, {line.spoken.at}"


def _wanted(line: SpokenEntry, written: str) -> bool:
    """Whether a figure is the goal's own target, the business objective, or a step on the way."""
    number = float(re.sub(r"[^\d.]", "", written))
    targets = {line.spoken.fields.get("target"), (line.spoken.fields.get("target") or 0) * 100}
    return number in targets or line.spoken.kind in {"milestone", "action"} or written == "12 %"


def _deals() -> dict[str, dict[str, str]]:
    return {row["Deal ID"]: row for row in _table("deals.csv")}


def _table(name: str) -> list[dict[str, str]]:
    with (DEMO / "demo" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.whole
def test_deals_that_are_named_belong_to_the_rep(told: list[SpokenEntry]) -> None:
    """Every deal id in the words is one of the rep's; the disputed ones closed on the days that are named."""
    deals, found = _deals(), 0
    for line in told:
        for deal in re.findall(r"D-\d{5}", str(line.spoken.fields)):
            found += 1
            assert deals[deal]["Owner ID"] == line.about.subject
    assert found >= 3
    assert [deals[deal]["Close Date"] for deal in ("D-17682", "D-18355")] == ["2026-09-24", "2026-10-12"]


@pytest.mark.whole
def test_recommendations_are_those_of_the_page(entries: list[Entry], reviews: dict[About, Review]) -> None:
    """What was accepted, edited or dismissed stands on the page word for word, under the same figure."""
    for entry in entries:
        if isinstance(entry.payload, Action) and entry.payload.recommended:
            page = reviews[entry.about]
            found = {(sentences.fill(page, act.text), one.kpi) for one in page.findings for act in one.actions}
            assert (entry.payload.recommended, entry.payload.kpi) in found


@pytest.mark.whole
def test_achievements_that_are_confirmed_were_found(entries: list[Entry], reviews: dict[About, Review]) -> None:
    """A recognition that names a rule is one that the rule found."""
    for entry in entries:
        if isinstance(entry.payload, Recognition) and entry.payload.rule:
            own = [one for one in reviews[entry.about].achievements if one.subject.id == entry.about.subject]
            assert (entry.payload.rule, entry.payload.kpi) in {(one.rule, one.kpi) for one in own}


@pytest.mark.whole
def test_agreements_of_the_second_quarter_end_as_told(book: Params, entries: list[Entry], reviews: dict[About, Review]) -> None:
    """Goals are met, missed and carried over; a promise is kept late; a concern is still open."""
    found: dict[str, list[str]] = {}
    for subject in STANDS:
        about = About("team" if subject == "North" else "rep", subject, "2026-Q3")
        page = reviews[about]
        minutes = take(entries_about(entries, about), about, audience="manager", fiscal=book.fiscal)
        looked_at = GoalReview(minutes, page.period, page.workbook.as_of, views.tracks(page), page.workbook.local)
        rows = followup.carried(looked_at)
        found[subject] = [row.outcome for row in rows]
    amara = ["open", "met", "missed", "carried_over", "kept_late", "kept", "kept", "kept"]
    assert found == {
        "R-014": amara,
        "R-017": ["resolved", "missed", "met", "not_kept", "kept", "kept", "not_kept"],
        "R-012": ["missed", "carried_over", "not_kept", "dropped"],
        "R-015": ["met", "missed", "kept"],
        "R-011": ["met", "missed", "kept"],
        "R-022": ["met", "carried_over", "kept"],
        "North": ["open", "met", "met", "kept_late"],
    }
