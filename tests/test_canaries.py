"""What is private stays private: a word in every free-text field is looked for in everything that is written."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import nbformat
import pytest
import talk
from journals import append
from nbformat.v4 import new_code_cell
from workbooks import workbook

from reviewlib.conversation.entries import About, Draft, Entry, Person
from reviewlib.conversation.journal import Journal, open_or_make_journal
from reviewlib.conversation.kinds import KINDS
from reviewlib.conversation.kinds.record import Payload
from reviewlib.params.model import Params
from reviewlib.periods import Period
from reviewlib.run import freezing, runs, status
from reviewlib.run.handout import hand_out

ROOT = Path(__file__).parents[1]
PERIOD = Period.parse("2026-Q3")
DEALS = [
    {"rep_id": rep, "account_id": account, "amount": 100, "opened_on": "2026-05-01", "closed_on": closed}
    for rep, account in (("R1", "Acme"), ("R2", "Bolt"), ("R3", "Coil"))
    for closed in ("2026-05-20", "2026-08-01")
]
REPS = [
    {"rep_id": "R1", "rep_name": "Ada Unmistakable", "team": "North", "manager": "Max Holm"},
    {"rep_id": "R2", "rep_name": "Ben Distinctive", "team": "North", "manager": "Max Holm"},
    # Somebody else's, because a handout takes no folder with a review that failed.
    {"rep_id": "R3", "rep_name": "Cleo Peculiar", "team": "North", "manager": "Mia Stern"},
]
REPS = [{**rep, "email": f"{rep['rep_id']}@reached.example"} for rep in REPS]
MANAGER = Person("max", "manager", "Max Holm")
#: In this order, because some are about others.
KINDS_OF_REP = ("self_review", "feedback_to_manager", "dispute", "reply", "agreement")
KINDS_OF_MANAGER = ("feedback", "concern", "action", "goal", "milestone", "development", "recognition", "update", "rating")


def _say(store: Journal, params: Params, rep: str, kind: str, mark: str, **more: object) -> Entry:
    """Write an entry past all rights: what pages leave out must not depend on who could write it."""
    columns = {name: more.pop(name) for name in ("visibility", "supersedes", "on_behalf_of", "source") if name in more}
    payload: Payload = KINDS[kind].model.model_validate(talk.filled(kind, mark, **more))
    about = About("rep", rep, PERIOD.name)
    return append(store, Draft(about, "North", kind, payload, MANAGER, **columns))  # type: ignore[arg-type]


def _talk(params: Params, frozen: str) -> None:
    """R1's review is released, R2's and R3's are not; all hold private words, R1's also words that were edited since."""
    with open_or_make_journal(params) as store:
        of_rep = {"on_behalf_of": "R1"}
        _say(store, params, "R1", "self_review", "Shared", **of_rep, source="a" * 64)
        _say(store, params, "R1", "feedback_to_manager", "Shared", **of_rep)
        dispute = _say(store, params, "R1", "dispute", "Shared", **of_rep)
        _say(store, params, "R1", "resolution", "Shared", of=dispute.id)
        old = _say(store, params, "R1", "feedback", "Old")
        feedback = _say(store, params, "R1", "feedback", "Shared", supersedes=old.id)
        _say(store, params, "R1", "reply", "Shared", **of_rep, of=feedback.id)
        _say(store, params, "R1", "concern", "Shared")
        _say(store, params, "R1", "action", "Shared", decision="dismissed", text="")
        _say(store, params, "R1", "action", "Shared", decision="added", recommended="", reason="")
        goal = _say(store, params, "R1", "goal", "Shared")
        _say(store, params, "R1", "milestone", "Shared", of=goal.id)
        _say(store, params, "R1", "agreement", "Shared", **of_rep, of=goal.id)
        _say(store, params, "R1", "update", "Shared", of=goal.id, status="open")
        _say(store, params, "R1", "development", "Shared")
        _say(store, params, "R1", "recognition", "Shared", reward="bonus", for_board=True)
        _say(store, params, "R1", "rating", "Shared")
        for kind in talk.ADDED:
            _say(store, params, "R1", kind, "Shared")
            _say(store, params, "R2", kind, "Unreleased")
        _say(store, params, "R1", "note", "Private", visibility="manager_only")
        concern = _say(store, params, "R1", "concern", "Private", visibility="manager_only")
        _say(store, params, "R1", "reply", "Private", visibility="manager_only", of=concern.id)
        _say(store, params, "R1", "release", "Shared", snapshot=frozen)
        _say(store, params, "R1", "signoff", "Shared", **of_rep, side="rep", how="disagree")
        _say(store, params, "R2", "self_review", "Hidden", on_behalf_of="R2", source="b" * 64)
        for kind in ("concern", "action", "goal", "development", "recognition"):
            _say(store, params, "R2", kind, "Unreleased")
        _say(store, params, "R2", "note", "Private", visibility="manager_only")
        _say(store, params, "R2", "rating", "Private", visibility="manager_only")
        _say(store, params, "R3", "self_review", "Hidden", on_behalf_of="R3", source="c" * 64)
        _say(store, params, "R3", "concern", "Unreleased")
        _say(store, params, "R3", "note", "Private", visibility="manager_only")


def _stop_at_r3(root: Path) -> None:
    """Give the workbook a notebook that stops once it has shown everything that R3's review holds."""
    notebook = nbformat.read(ROOT / "notebooks" / "rep_review.ipynb", as_version=4)
    # Not at the very end: the last cell of a whole page has an output.
    notebook.cells.insert(-1, new_code_cell("minutes = review.minutes\nassert rep != 'R3', 'no luck'"))
    path = root / "notebooks" / "rep_review.ipynb"
    path.parent.mkdir()
    nbformat.write(notebook, path)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Params:
    """A workbook whose pages were made, by real notebooks, from a journal full of canaries; R3's stop at the end."""
    root = tmp_path_factory.mktemp("canaries")
    params = workbook(
        root,
        deals=DEALS,
        reps=REPS,
        as_of="2026-10-05",
        crm={"history_from": "2026-01-01"},
        people={"roles": {"max": "manager"}, "logins": {"max": "Max Holm"}, "acting_as": "max"},
    )
    frozen = freezing.freeze(params, [PERIOD])[0]
    _talk(params, frozen.hash)
    _stop_at_r3(root)
    result = runs.run(params, freezing.freeze(params, [PERIOD])[0])
    assert {entry.subject for entry in result.failed} == {"R3"}
    return params


def _words(mark: str, *kinds: str) -> dict[tuple[str, str], str]:
    return {(kind, field): talk.canary(mark, kind, field) for kind in kinds for field in talk.free_text(kind)}


def _of(folder: Path, pattern: str) -> str:
    found = sorted(folder.glob(pattern))
    assert found, pattern
    return "\n".join(path.read_text(encoding="utf-8") for path in found)


def test_every_kind_has_a_canary() -> None:
    """The kinds are those of the registry, so that a new kind or field is looked for too."""
    spoken = {*KINDS_OF_REP, *KINDS_OF_MANAGER, *talk.ADDED, "resolution", "note", "release", "signoff", "amendment"}
    assert spoken == {name for name, kind in KINDS.items() if not kind.of_files}  # which no page shows
    assert all(talk.free_text(kind) for kind in spoken - talk.WORDLESS)


@pytest.mark.whole
def test_the_rep_s_files_hold_nothing_private(book: Params) -> None:
    """Nothing private, edited or of another rep is in the released rep's page, form, minutes or slice, in any encoding."""
    folder = book.reports / PERIOD.name
    slug = next(path.stem for path in folder.glob("*/rep/ada*.html"))
    files = [*folder.glob(f"*/rep/{slug}*"), *_rep_data(book, "R1")]
    assert len(files) == 4
    forbidden = [
        *(talk.canary(mark, kind, field) for mark in ("Private", "Old", "Hidden", "Unreleased")
          for kind in KINDS for field in talk.free_text(kind)),
        "Distinctive", "Peculiar", "Bolt", "Coil", str(book.root),
    ]  # fmt: skip
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert [word for word in forbidden if talk.holds(text, word)] == [], path.name


@pytest.mark.whole
def test_an_unreleased_review_tells_the_rep_nothing_of_the_manager(book: Params) -> None:
    """Before release the rep's files hold the rep's own words, and none of the manager's."""
    folder = book.reports / PERIOD.name
    slug = next(path.stem for path in folder.glob("*/rep/ben*.html"))
    files = [*folder.glob(f"*/rep/{slug}*"), *_rep_data(book, "R2")]
    for path in files:
        text = path.read_text(encoding="utf-8")
        for mark in ("Private", "Unreleased", "Shared", "Old"):
            assert [word for word in _words(mark, *KINDS).values() if talk.holds(text, word)] == [], path.name
        assert not talk.holds(text, "Unmistakable")
    page = _of(folder, f"*/rep/{slug}.html")
    assert [word for word in _words("Hidden", "self_review").values() if word not in page] == []


@pytest.mark.whole
def test_what_stands_over_all_holds_no_words(book: Params) -> None:
    """Whatever a run leaves beside the journal and the pages of a review, logs too, holds no word of the conversation."""
    own = {"manager", "notebooks", "rep", "minutes"}
    files = [
        path
        for path in book.reports.rglob("*")
        if path.is_file() and not path.name.startswith(("journal.db", "team.html")) and path.parent.name not in own
    ]
    names = {path.name for path in files}
    assert {"index.html", "scorecard.csv", "manifest.json", "snapshot.json", "people.json"} <= names
    for path in files:
        text = path.read_bytes().decode("utf-8", "replace")
        assert [word for word in ("Canary", str(book.root)) if talk.holds(text, word)] == [], path.name


@pytest.mark.whole
def test_a_problem_page_tells_of_nobody_but_its_review(book: Params) -> None:
    """The page about a review that failed names it and the error; no figure, no account, no word, nobody else, no path."""
    pages = sorted((book.reports / PERIOD.name / "problems").iterdir())
    assert len(pages) == 2
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "Cleo Peculiar" in text
        assert "no luck" in text
        forbidden = ("Canary", "Unmistakable", "Distinctive", "Acme", "Bolt", "Coil", str(book.root))
        assert [word for word in forbidden if talk.holds(text, word)] == [], page.name


@pytest.fixture(scope="module")
def parcel(book: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Max Holm's folder of the handout: R1's review is released, R2's is not."""
    out = tmp_path_factory.mktemp("handout")
    (made,) = hand_out(book, _standing(book), out, managers=["Max Holm"])
    assert (made.reps, made.released) == (2, 1)
    return made.folder


def _standing(book: Params) -> status.ReviewStatus:
    return status.of(book, status.frozen_period(book, PERIOD))


@pytest.mark.whole
@pytest.mark.parametrize(
    ("rep", "others", "marks"),
    [
        ("ada", ("Distinctive", "Peculiar", "Bolt", "Coil"), ("Private", "Old", "Hidden", "Unreleased")),
        ("ben", ("Unmistakable", "Peculiar", "Acme", "Coil"), ("Private", "Old", "Shared", "Unreleased")),
    ],
)
def test_what_is_handed_to_a_rep_holds_nothing_private(
    book: Params, parcel: Path, rep: str, others: tuple[str, ...], marks: tuple[str, ...]
) -> None:
    """A rep's folder holds no private word, no other rep and no path, and before release no word of the manager."""
    (folder,) = parcel.glob(f"reps/{rep}*")
    files = sorted(folder.iterdir())
    assert len(files) == 2
    words = [word for mark in marks for word in _words(mark, *KINDS).values()]
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert [word for word in (*words, *others, str(book.root)) if talk.holds(text, word)] == [], path.name


@pytest.mark.whole
def test_a_handout_holds_what_is_the_manager_s_and_no_more(book: Params, parcel: Path) -> None:
    """The manager's own copies have the private words; the team's page and the list have none, and no other manager's rep."""
    shown = _of(parcel, "manager/ada*.html")
    assert [word for word in _words("Private", "note", "reply").values() if word not in shown] == []
    assert not list(parcel.rglob("cleo*"))
    for path in (parcel / "handout.json", *(parcel / "team").iterdir()):
        text = path.read_text(encoding="utf-8")
        for word in ("Canary", "Unmistakable", "Distinctive", "Peculiar", str(book.root)):
            assert not talk.holds(text, word), (path.name, word)


@pytest.mark.whole
def test_the_addresses_of_reps_stand_in_one_file(book: Params, parcel: Path) -> None:
    """What answers are held against is on no page, in no notebook, slice or form, and is handed out to nobody."""
    files = [path for folder in (book.reports, parcel) for path in folder.rglob("*") if path.is_file()]
    assert {path.name for path in files if b"@reached.example" in path.read_bytes()} == {"people.json"}


@pytest.mark.whole
def test_the_calendar_and_the_status_hold_no_words(book: Params, tmp_path: Path) -> None:
    """Who has what to do by when is no word of the conversation, no account and no path."""
    found = status.status(book, _standing(book))
    status.write_calendar(book, found, tmp_path / "reviews.ics")
    # Long lines of a calendar go on after a line end and a blank.
    calendar = (tmp_path / "reviews.ics").read_bytes().decode("utf-8").replace("\r\n ", "")
    assert "Ada Unmistakable" in calendar
    for text in (calendar, json.dumps(dataclasses.asdict(found), default=str)):
        for word in ("Canary", "Acme", "Bolt", "Coil", str(book.root)):
            assert not talk.holds(text, word), word


@pytest.mark.whole
def test_the_manager_s_copy_shows_every_word(book: Params) -> None:
    """Each field that somebody filled in is on the manager's page; the self-review that is hidden yet is not."""
    folder = book.reports / PERIOD.name
    shown = _of(folder, "*/manager/ada*.html")
    kinds = (*KINDS_OF_REP, *KINDS_OF_MANAGER, *talk.ADDED, "resolution", "signoff")
    wanted = _words("Shared", *kinds) | {("private", *key): word for key, word in _words("Private", "note", "reply").items()}  # type: ignore[misc]
    assert [key for key, word in wanted.items() if word not in shown] == []
    hidden = _of(folder, "*/manager/ben*.html") + _of(folder, "*/team.html") + _of(folder, "*/notebooks/*.ipynb")
    assert [word for word in _words("Hidden", "self_review").values() if talk.holds(hidden, word)] == []
    assert [word for word in _words("Old", "feedback").values() if talk.holds(hidden + shown, word)] == []


@pytest.mark.whole
def test_the_rep_s_page_shows_every_shared_word(book: Params) -> None:
    """After release nothing that was said to the rep is missing on the rep's page."""
    shown = _of(book.reports / PERIOD.name, "*/rep/ada*.html")
    kinds = (*KINDS_OF_REP, *KINDS_OF_MANAGER, *talk.ADDED, "resolution", "signoff")
    assert [key for key, word in _words("Shared", *kinds).items() if word not in shown] == []


def _rep_data(book: Params, rep: str) -> list[Path]:
    from reviewlib.conversation.copies import rep_minutes_path
    from reviewlib.evidence.slicefile import slice_name

    subject = next(one for one in status.frozen_period(book, PERIOD).subjects if one.id == rep)
    slices = (book.reports / "snapshots").rglob(slice_name("rep", rep, "rep"))
    return [rep_minutes_path(book, subject, PERIOD), *slices]


@pytest.mark.whole
def test_the_team_s_own_page_names_only_who_agreed(book: Params) -> None:
    """The page for the whole team holds no rep's name, figure or word, as nobody agreed to be on the board."""
    page = _of(book.reports / PERIOD.name, "*/rep/team.html")
    assert "Team performance review" in page
    for word in ("Canary", "Unmistakable", "Distinctive", "Peculiar", "Acme", "Bolt", "Coil"):
        assert not talk.holds(page, word), word
