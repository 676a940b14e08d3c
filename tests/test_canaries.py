"""What is private stays private: a word in every free-text field is looked for in everything that is written."""

from __future__ import annotations

from pathlib import Path

import pytest
import spoilt
from workbooks import workbook

from reviewlib import conduct, runs
from reviewlib.conversation.entries import About, Author, Draft, Entry
from reviewlib.conversation.kinds import KINDS, Payload
from reviewlib.conversation.store import Store, open_store
from reviewlib.params import Params
from reviewlib.periods import Period

PERIOD = Period.parse("2026-Q3")
DEALS = [
    {"rep_id": rep, "account_id": account, "amount": 100, "opened_on": "2026-05-01", "closed_on": closed}
    for rep, account in (("R1", "Acme"), ("R2", "Bolt"))
    for closed in ("2026-05-20", "2026-08-01")
]
REPS = [
    {"rep_id": "R1", "rep_name": "Ada Unmistakable", "team": "North", "manager": "Max Holm"},
    {"rep_id": "R2", "rep_name": "Ben Distinctive", "team": "North", "manager": "Max Holm"},
]
MANAGER = Author("max", "Max Holm", "manager")
#: In this order, because some are about others.
KINDS_OF_REP = ("self_review", "feedback_to_manager", "dispute", "reply", "agreement")
KINDS_OF_MANAGER = ("feedback", "concern", "action", "goal", "milestone", "development", "recognition", "update", "rating")


def _say(store: Store, params: Params, rep: str, kind: str, mark: str, **more: object) -> Entry:
    """Write an entry past all rights: what pages leave out must not depend on who could write it."""
    columns = {name: more.pop(name) for name in ("visibility", "supersedes", "on_behalf_of", "source") if name in more}
    payload: Payload = KINDS[kind].model.model_validate(spoilt.filled(kind, mark, **more))
    about = About("rep", rep, PERIOD.name)
    return store.append(Draft(about, "North", kind, payload, MANAGER, **columns))  # type: ignore[arg-type]


def _talk(params: Params, frozen: str) -> None:
    """R1's review is released, R2's is not; both hold private words, R1's also words that were edited since."""
    with open_store(params, create=True) as store:  # type: ignore[union-attr]
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


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Params:
    """A workbook whose pages were all made, by real notebooks, from a journal full of canaries."""
    root = tmp_path_factory.mktemp("canaries")
    params = workbook(
        root,
        deals=DEALS,
        reps=REPS,
        as_of="2026-10-05",
        crm={"history_from": "2026-01-01"},
        people={"roles": {"max": "manager"}, "logins": {"max": "Max Holm"}, "acting_as": "max"},
    )
    frozen = runs.freeze(params, [PERIOD])[0]
    _talk(params, frozen.hash)
    assert not runs.run(params, runs.freeze(params, [PERIOD])[0]).failed
    return params


def _words(mark: str, *kinds: str) -> dict[tuple[str, str], str]:
    return {(kind, field): spoilt.canary(mark, kind, field) for kind in kinds for field in spoilt.free_text(kind)}


def _of(folder: Path, pattern: str) -> str:
    found = sorted(folder.glob(pattern))
    assert found, pattern
    return "\n".join(path.read_text(encoding="utf-8") for path in found)


def test_every_kind_has_a_canary() -> None:
    """The kinds are those of the registry, so that a new kind or field is looked for too."""
    spoken = {*KINDS_OF_REP, *KINDS_OF_MANAGER, "resolution", "note", "release", "signoff", "amendment"}
    assert spoken == set(KINDS)
    assert all(spoilt.free_text(kind) for kind in KINDS if kind not in spoilt.WORDLESS)


def test_the_rep_s_files_hold_nothing_private(book: Params) -> None:
    """Nothing private, edited or of another rep is in the released rep's page, form, minutes or slice, in any encoding."""
    folder = book.reports / PERIOD.name
    slug = next(path.stem for path in folder.glob("*/rep/ada*.html"))
    files = [*folder.glob(f"*/rep/{slug}*"), *_rep_data(book, "R1")]
    assert len(files) == 4
    forbidden = [
        *(spoilt.canary(mark, kind, field) for mark in ("Private", "Old", "Hidden", "Unreleased")
          for kind in KINDS for field in spoilt.free_text(kind)),
        "Distinctive", "Bolt", str(book.root),
    ]  # fmt: skip
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert [word for word in forbidden if spoilt.holds(text, word)] == [], path.name


def test_an_unreleased_review_tells_the_rep_nothing_of_the_manager(book: Params) -> None:
    """Before release the rep's files hold the rep's own words, and none of the manager's."""
    folder = book.reports / PERIOD.name
    slug = next(path.stem for path in folder.glob("*/rep/ben*.html"))
    files = [*folder.glob(f"*/rep/{slug}*"), *_rep_data(book, "R2")]
    for path in files:
        text = path.read_text(encoding="utf-8")
        for mark in ("Private", "Unreleased", "Shared", "Old"):
            assert [word for word in _words(mark, *KINDS).values() if spoilt.holds(text, word)] == [], path.name
        assert not spoilt.holds(text, "Unmistakable")
    page = _of(folder, f"*/rep/{slug}.html")
    assert [word for word in _words("Hidden", "self_review").values() if word not in page] == []


def test_what_stands_over_all_holds_no_words(book: Params) -> None:
    """Index, scorecard, manifest, snapshot and every slice hold no word of the conversation at all."""
    folder = book.reports / PERIOD.name
    files = [path for name in ("index.html", "scorecard.csv", "manifest.json") for path in folder.glob(name)]
    files += [path for path in (book.reports / "snapshots").rglob("*") if path.suffix in (".json", ".csv")]
    assert len(files) > 6
    for path in files:
        assert not spoilt.holds(path.read_text(encoding="utf-8"), "Canary"), path.name


def test_the_manager_s_copy_shows_every_word(book: Params) -> None:
    """Each field that somebody filled in is on the manager's page; the self-review that is hidden yet is not."""
    folder = book.reports / PERIOD.name
    shown = _of(folder, "*/manager/ada*.html")
    kinds = (*KINDS_OF_REP, *KINDS_OF_MANAGER, "resolution", "signoff")
    wanted = _words("Shared", *kinds) | {("private", *key): word for key, word in _words("Private", "note", "reply").items()}  # type: ignore[misc]
    assert [key for key, word in wanted.items() if word not in shown] == []
    hidden = _of(folder, "*/manager/ben*.html") + _of(folder, "*/team.html") + _of(folder, "*/notebooks/*.ipynb")
    assert [word for word in _words("Hidden", "self_review").values() if spoilt.holds(hidden, word)] == []
    assert [word for word in _words("Old", "feedback").values() if spoilt.holds(hidden + shown, word)] == []


def test_the_rep_s_page_shows_every_shared_word(book: Params) -> None:
    """After release nothing that was said to the rep is missing on the rep's page."""
    shown = _of(book.reports / PERIOD.name, "*/rep/ada*.html")
    kinds = (*KINDS_OF_REP, *KINDS_OF_MANAGER, "resolution", "signoff")
    assert [key for key, word in _words("Shared", *kinds).items() if word not in shown] == []


def _rep_data(book: Params, rep: str) -> list[Path]:
    from reviewlib.conversation.records import rep_minutes_path
    from reviewlib.evidence.slicefile import slice_name

    subject = next(one for one in conduct.frozen_period(book, PERIOD).subjects if one.id == rep)
    slices = (book.reports / "snapshots").rglob(slice_name("rep", rep, "rep"))
    return [rep_minutes_path(book, subject, PERIOD), *slices]


def test_the_team_s_own_page_names_only_who_agreed(book: Params) -> None:
    """The page for the whole team holds no rep's name, figure or word, as nobody agreed to be on the board."""
    page = _of(book.reports / PERIOD.name, "*/rep/team.html")
    assert "Team performance review" in page
    for word in ("Canary", "Unmistakable", "Distinctive", "Acme", "Bolt"):
        assert not spoilt.holds(page, word), word
