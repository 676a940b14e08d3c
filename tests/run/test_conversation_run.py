"""From journal to pages and back: what a run makes of what people said, with real notebooks."""

from __future__ import annotations

import contextlib
import errno
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from journals import Server
from nbformat.v4 import new_code_cell
from workbooks import changed, workbook

from reviewlib import files
from reviewlib.conversation import identity, records
from reviewlib.conversation.entries import About, Entry
from reviewlib.errors import JournalError, NotAllowedError, ReviewError
from reviewlib.pages.exporter import ReviewExporter
from reviewlib.params import reading
from reviewlib.params.model import Params
from reviewlib.periods import Period
from reviewlib.run import freezing, handout, manifest, publishing, releasing, runs, sealing, status, verifying
from reviewlib.run.leftovers import Leftovers
from reviewlib.workbook import starter

PERIOD = Period.parse("2026-Q3")
DEALS = [
    {"rep_id": rep, "account_id": "Acme", "amount": amount, "opened_on": "2026-05-01", "closed_on": closed}
    for rep, amount in (("R1", 100), ("R2", 70))
    for closed in ("2026-05-20", "2026-08-01")
]
REPS = [
    {"rep_id": "R1", "rep_name": "Ada Berg", "team": "North", "manager": "Max Holm"},
    {"rep_id": "R2", "rep_name": "Ben Dorn", "team": "North", "manager": "Max Holm"},
]
PEOPLE = {
    "roles": {"max": "manager", "eve": "analyst"},
    "logins": {"max": "Max Holm"},
    "addresses": {"max": "max@example.org"},
    "acting_as": "max",
}
pytestmark = pytest.mark.usefixtures("light_runs")


@dataclass
class Book:
    """A workbook in which people talk, with its pages."""

    params: Params

    def write(self, kind: str, rep: str = "R1", login: str = "max", **fields: object) -> Entry:
        """Write an entry as somebody."""
        about = About("rep", rep, PERIOD.name)
        opened = records.open_records(self.params, about, person=identity.person_of(self.params, login))
        return opened.write(kind, **fields)  # type: ignore[arg-type]

    def run(self, *reps: str) -> runs.Result:
        """Freeze and run; every page must come out unless a test says otherwise."""
        return runs.run(self.params, freezing.freeze(self.params, [PERIOD])[0], reps=reps or ("R1",))

    def page(self, audience: str, rep: str = "R1") -> str:
        """The page of a rep's review."""
        entry = manifest.read(self.folder)[f"rep:{rep}:{audience}"]
        return (self.folder / entry.page).read_text(encoding="utf-8")

    @property
    def folder(self) -> Path:
        """The period's folder."""
        return self.params.reports / PERIOD.name

    @property
    def stands(self) -> status.ReviewStatus:
        """How the reviews stand."""
        return status.of(self.params, status.frozen_period(self.params, PERIOD))

    def release(self) -> None:
        """Release the first rep's review."""
        subject = next(one for one in self.stands.subjects if one.id == "R1")
        releasing.release(self.params, self.stands, [subject])

    def sign(self) -> None:
        """Both sides sign the first rep's review."""
        self.write("signoff", on_behalf=True, how="disagree", name="Ada Berg", comment="The first month is not mine.")
        self.write("signoff", how="agree", name="Max Holm")


#: What these tests look at; without charts a notebook takes half the time.
CELLS = ("header", "summary", "own_view", "feedback", "recognition", "achievements", "signoff")


def lay_notebooks(folder: Path) -> None:
    """Give a workbook notebooks of its own: real ones, with the sections that these tests look at."""
    (folder / "notebooks").mkdir()
    for kind, name in starter.NOTEBOOKS.items():
        nb = nbformat.read(starter.home() / "notebooks" / name, as_version=4)
        nb.cells = [*nb.cells[:2], *(new_code_cell(f"rl.blocks.{section}(review)") for section in CELLS)]
        nbformat.write(nb, folder / "notebooks" / name)
        assert kind in nb.cells[1].source


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workbook whose evidence is frozen."""
    folder = tmp_path_factory.mktemp("talked")
    lay_notebooks(folder)
    params = workbook(folder, deals=DEALS, reps=REPS, as_of="2026-10-05", crm={"history_from": "2026-01-01"}, people=PEOPLE)
    freezing.freeze(params, [PERIOD])
    return folder


@pytest.fixture
def book(frozen: Path, tmp_path: Path) -> Book:
    """The same in a folder of its own, which is the test's."""
    shutil.copytree(frozen, tmp_path, dirs_exist_ok=True)
    return Book(reading.load(tmp_path / "params" / "book.yaml"))


def test_the_manager_s_words_reach_the_rep_with_the_release(book: Book) -> None:
    """Before release the rep's page has the figures and the way to answer; afterwards the words, and never the notes."""
    book.write("feedback", stance="strength", behaviour="asks early", text="You ask about budget first.")
    book.write("note", text="Think of R1 for key accounts.")
    assert not book.run().failed
    assert "You ask about budget first." in book.page("manager")
    assert "Think of R1 for key accounts." in book.page("manager")
    draft = book.page("rep")
    assert "Draft." in draft
    assert "You ask about budget" not in draft
    assert "mailto:max@example.org?" in draft
    form = next(book.folder.glob("*/rep/*-answer.md")).read_text(encoding="utf-8")
    assert "You ask about budget" not in form
    book.release()
    assert not book.run().failed
    page = book.page("rep")
    assert "Draft." not in page
    assert "You ask about budget first." in page
    assert "key accounts" not in page
    form = next(book.folder.glob("*/rep/*-answer.md")).read_text(encoding="utf-8")
    assert "You ask about budget first." in form.replace("\n:: ", " ")
    assert "key accounts" not in form


def test_a_released_review_keeps_its_figures(book: Book) -> None:
    """After a release a changed export changes the others' figures, not this one's; releasing anew takes the new ones."""
    book.release()
    book.run("R1", "R2")
    first = book.page("rep")
    assert "€100" in first
    path = book.params.file(book.params.crm.deals)
    path.write_text(path.read_text(encoding="utf-8").replace("100", "130").replace("70", "90"), encoding="utf-8")
    book.run("R1", "R2")
    assert "€100" in book.page("rep")
    assert "€130" not in book.page("rep")
    assert "€90" in book.page("rep", "R2")
    entries = manifest.read(book.folder)
    assert entries["rep:R1:rep"].snapshot != entries["rep:R2:rep"].snapshot
    book.release()
    book.run()
    assert "€130" in book.page("rep")


def test_what_both_sides_signed_is_never_made_again(book: Book) -> None:
    """The signed page stays byte for byte; amendments come beside it, once each; a page that was changed is named."""
    book.write("feedback", stance="strength", behaviour="asks early", text="You ask about budget first.")
    book.release()
    book.sign()
    assert not book.run().failed
    entry = manifest.read(book.folder)["rep:R1:rep"]
    path = book.folder / entry.page
    signed = path.read_bytes()
    assert entry.sealed
    assert f"Journal entry {entry.sequence}, {str(entry.head)[:8]}" in signed.decode()
    assert "The first month is not mine." in signed.decode()
    with pytest.raises(NotAllowedError):
        book.write("feedback", stance="improve", behaviour="late", text="One more thing.")
    book.write("amendment", text="The meeting was on the 22nd.")
    assert not book.run().failed
    assert path.read_bytes() == signed
    amendment = path.with_name(f"{path.stem}-amendment-1.html")
    assert "The meeting was on the 22nd." in amendment.read_text(encoding="utf-8")
    assert verifying.verify(book.params).problems == ()
    path.write_bytes(signed.replace(b"not mine", b"all mine"))
    result = book.run()
    assert [one.key for one in result.failed] == ["rep:R1:rep"]
    assert "changed since" in str(result.failed[0].error)
    assert any("changed since" in problem for problem in verifying.verify(book.params).problems)
    assert path.read_bytes() != signed


@pytest.mark.parametrize("filled", [False, True], ids=["blank", "filled in"])
def test_the_form_goes_with_the_signatures_and_nothing_written_goes_with_it(book: Book, filled: bool) -> None:
    """Once both sides have signed there is no form; what somebody had written where it lay is beside its place."""
    book.release()
    assert not book.run().failed
    (form,) = book.folder.glob("*/rep/*-answer.md")
    text = form.read_text(encoding="utf-8") + ("\nOne more thing.\n" if filled else "")
    form.write_text(text, encoding="utf-8")
    book.sign()
    assert not book.run().failed
    assert not form.exists()
    assert [path.read_text(encoding="utf-8") for path in book.folder.rglob("*-answer*")] == ([text] if filled else [])


@pytest.mark.parametrize("loss", ["missing", "shorter"])
def test_a_journal_that_lost_entries_stops_the_run(book: Book, loss: str) -> None:
    """The manifest remembers where each chain ended; a journal that is missing or shorter ends the run before it starts."""
    journal = book.params.reports / "journal.db"
    book.write("note", text="first")
    for beside in book.params.reports.glob("journal.db*"):
        shutil.copy(beside, beside.with_name(f"old-{beside.name}"))
    book.write("note", text="second")
    book.run()
    before = book.page("manager")
    for beside in book.params.reports.glob("journal.db*"):
        beside.unlink()
    if loss == "shorter":
        for old in book.params.reports.glob("old-journal.db*"):
            shutil.copy(old, old.with_name(old.name.removeprefix("old-")))
    with pytest.raises(JournalError, match="not what it was"):
        book.run()
    assert book.page("manager") == before
    assert journal.exists() == (loss == "shorter")


def test_handout_gives_each_manager_a_folder(book: Book, tmp_path: Path) -> None:
    """The manager's copies and, per rep, what goes to the rep; nothing older than what is recorded goes out."""
    book.run("R1", "R2")
    runs.run(book.params, status.frozen_period(book.params, PERIOD), teams=["North"])
    out = tmp_path / "out"
    (parcel,) = handout.hand_out(book.params, book.stands, out)
    assert (parcel.manager, parcel.reps, parcel.released) == ("Max Holm", 2, 0)
    files = sorted(path.relative_to(parcel.folder).as_posix() for path in parcel.folder.rglob("*") if path.is_file())
    names = [re.sub(r"-[0-9a-f]{8}", "", file) for file in files]
    assert names == [
        "handout.json",
        "manager/ada-berg.html",
        "manager/ben-dorn.html",
        "manager/team.html",
        "reps/ada-berg/ada-berg-answer.md",
        "reps/ada-berg/ada-berg.html",
        "reps/ben-dorn/ben-dorn-answer.md",
        "reps/ben-dorn/ben-dorn.html",
        "team/team.html",
    ]
    for_ada = [path.read_text(encoding="utf-8") for path in parcel.folder.glob("reps/ada*/*")]
    assert not any("Dorn" in text for text in for_ada)
    book.write("feedback", stance="strength", behaviour="asks early", text="You ask first.")
    with pytest.raises(ReviewError, match="older than what is recorded") as caught:
        handout.hand_out(book.params, book.stands, out)
    assert "Ada Berg" in str(caught.value.found)
    (tmp_path / "own" / parcel.folder.name).mkdir(parents=True)
    book.run()
    with pytest.raises(ReviewError, match="not made by a handout"):
        handout.hand_out(book.params, book.stands, tmp_path / "own")
    with pytest.raises(ReviewError, match="Nobody of this name"):
        handout.hand_out(book.params, book.stands, out, managers=["Eve"])


def test_the_team_s_manifest_remembers_every_chain(book: Book) -> None:
    """Every review's chain is in the manifest, also of reviews that a run did not make."""
    book.write("note", rep="R2", text="later")
    book.run("R1")
    journal = json.loads((book.folder / "manifest.json").read_text(encoding="utf-8"))["journal"]
    assert [row["review"] for row in journal] == [["rep", "R2", "2026-Q3"]]


def test_a_release_by_somebody_else_is_refused_as_a_whole(book: Book) -> None:
    """An analyst releases nobody's review."""
    params = changed(book.params, people={"acting_as": "eve"})
    stands = status.of(params, status.frozen_period(params, PERIOD))
    reps = [one for one in stands.subjects if one.kind == "rep"]
    with pytest.raises(NotAllowedError, match="was not released"):
        releasing.release(params, stands, reps)
    assert not stands.states


def test_an_export_says_what_is_recorded_by_then(book: Book, tmp_path: Path) -> None:
    """An executed notebook that is exported later shows what was said since, with the figures that it was made with."""
    book.run()
    (notebook,) = book.folder.glob("*/notebooks/ada*.ipynb")
    book.write("feedback", stance="strength", behaviour="asks early", text="Said after the run.")
    nb = nbformat.read(notebook, as_version=4)
    html, _ = ReviewExporter().from_notebook_node(nb, {"metadata": {"path": str(notebook.parent)}})
    assert "Said after the run." in html
    assert html.count("<h1>") == 1
    elsewhere, _ = ReviewExporter().from_notebook_node(nb, {"metadata": {"path": str(tmp_path.parent)}})
    assert "Said after the run." not in elsewhere
    assert "Ada Berg" in elsewhere


def lose_manifest(book: Book) -> Path:
    """Run a signed review, and lose what the run wrote down about it; the answer is the rep's page."""
    book.release()
    book.sign()
    book.run()
    entry = manifest.read(book.folder)["rep:R1:rep"]
    (book.folder / manifest.NAME).unlink()
    (book.folder / manifest.LOG).unlink()
    return book.folder / entry.page


def test_signed_pages_are_known_by_the_journal_alone(book: Book) -> None:
    """Without manifest and log a run finds signed pages in the journal; one that is not as it was sealed is told for ever."""
    page = lose_manifest(book)
    assert [one for one in verifying.verify(book.params).problems if "does not say of" in one]
    signed = page.read_bytes()
    page.write_bytes(signed + b" ")
    assert [one.key for one in book.run().failed if "changed since" in str(one.error)] == ["rep:R1:rep"]
    assert [one for one in verifying.verify(book.params).problems if page.name in one and "changed since" in one]
    page.write_bytes(signed)
    result = book.run()
    assert (result.failed, result.made) == ((), ())
    found = verifying.verify(book.params)
    assert (found.problems, found.pages, found.unproven) == ((), 2, 0)


def test_a_signed_page_of_an_earlier_version_that_the_manifest_forgot_is_left_alone(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody sealed it: without manifest and log a run does not make it again, and says so; ``verify`` does too, ever after."""
    monkeypatch.setattr(sealing, "seal", lambda params, stands, rows: (stands, 0))
    page = lose_manifest(book)
    signed = page.read_bytes()
    for _ in range(2):
        result = book.run()
        assert {one.key for one in result.failed} == {"rep:R1:rep", "rep:R1:manager"}
        assert "manifest does not know" in str(result.failed[0].error)
        assert page.read_bytes() == signed
        assert [one for one in verifying.verify(book.params).problems if page.name in one and "does not know" in one]


class KilledError(BaseException):
    """Nobody catches it."""


def killed(folder: Path, entry: manifest.ManifestRow, *, modes: files.Modes) -> None:
    """The process ends before the line is written that says that a review is in place."""
    if entry.state != manifest.MOVING:
        raise KilledError
    manifest_log(folder, entry, modes=modes)


def full(folder: Path, entry: manifest.ManifestRow, *, modes: files.Modes) -> None:
    """The disk is full from then on."""
    if entry.state != manifest.MOVING:
        raise OSError(errno.ENOSPC, "No space left on device")
    manifest_log(folder, entry, modes=modes)


def full_before(folder: Path, entry: manifest.ManifestRow, *, modes: files.Modes) -> None:
    """The disk is full already."""
    raise OSError(errno.ENOSPC, "No space left on device")


manifest_log = manifest.log


@pytest.mark.parametrize(("trouble", "there"), [(killed, {1, 2}), (full, {2}), (full_before, {0})])
def test_a_signed_page_is_known_wherever_the_run_ends_that_makes_it(
    book: Book, monkeypatch: pytest.MonkeyPatch, trouble: Callable[..., None], there: set[int]
) -> None:
    """Signed before its first run, and that run ends in the middle: the next one keeps what is there and makes the rest."""
    book.release()
    book.sign()
    with monkeypatch.context() as patched:
        patched.setattr(manifest, "log", trouble)
        patched.setattr(publishing, "publish", lambda *given: None)
        with contextlib.suppress(KilledError):
            book.run()
    pages = {path: path.read_bytes() for path in book.folder.glob("*/*/ada*.html")}
    assert len(pages) in there
    for notebook in book.folder.glob("*/notebooks/ada*.ipynb"):
        notebook.write_bytes(notebook.read_bytes() + b"\n")  # opened and saved
    result = book.run()
    assert not result.failed
    assert len(result.made) == 2 - len(pages)
    assert {path: path.read_bytes() for path in pages} == pages
    known = [entry for entry in manifest.read(book.folder).values() if entry.sealed and entry.state == "made"]
    assert len(known) == 2
    assert not book.run().made
    assert verifying.verify(book.params).problems == ()


def test_a_signed_page_that_is_in_place_has_not_failed(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong after a signed page was moved in, it is there, known, and never made again."""
    book.release()
    book.sign()
    move_in = files.move_in

    def moved_and_lost(staged: dict[Path, Path]) -> None:
        move_in(staged)
        if any(place.name.startswith("ada") and place.suffix == ".html" for place in staged):
            raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(files, "move_in", moved_and_lost)
        assert not book.run().failed
    pages = {path: path.read_bytes() for path in book.folder.glob("*/*/ada*.html")}
    assert len(pages) == 2
    assert not book.run().made
    assert {path: path.read_bytes() for path in pages} == pages
    assert verifying.verify(book.params).problems == ()


def test_whoever_moved_and_signed_leaves_nothing_in_the_old_team(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed after it has made the signed page in the new team: the next one keeps it and clears the old team."""
    book.run("R1", "R2")
    path = book.params.file(book.params.crm.reps)
    path.write_text(path.read_text(encoding="utf-8").replace("Ada Berg,North,Max", "Ada Berg,South,Max"), encoding="utf-8")
    freezing.freeze(book.params, [PERIOD])
    book.release()
    book.sign()
    with monkeypatch.context() as patched:
        patched.setattr(manifest, "log", killed)
        patched.setattr(Leftovers, "cleared", lambda leftovers, old, new, job: new)
        patched.setattr(publishing, "publish", lambda *given: None)
        with pytest.raises(KilledError):
            book.run()
    assert list(book.folder.glob("north*/**/ada*"))
    signed = {path: path.read_bytes() for path in book.folder.glob("south*/*/ada*.html")}
    assert signed
    assert not book.run().failed
    assert not list(book.folder.glob("north*/**/ada*"))
    assert {path: path.read_bytes() for path in signed} == signed
    assert not any(entry.left for entry in manifest.read(book.folder).values())


def test_an_amendment_that_stays_with_the_manager_stays_there(book: Book, tmp_path: Path) -> None:
    """What is written after closing about a private entry lies beside the manager's copy only, and in no rep's handout."""
    private = book.write("concern", text="Will he stay?", visibility="manager_only")
    book.release()
    book.sign()
    book.write("amendment", text="CANARYAMENDED", of=private.id)
    book.write("amendment", text="The meeting was on the 22nd.")
    runs.run(book.params, status.frozen_period(book.params, PERIOD))
    beside_rep = "".join(path.read_text(encoding="utf-8") for path in book.folder.glob("*/rep/ada*"))
    assert "CANARYAMENDED" not in beside_rep
    assert "The meeting was on the 22nd." in beside_rep
    assert "CANARYAMENDED" in "".join(path.read_text(encoding="utf-8") for path in book.folder.glob("*/manager/ada*"))
    (parcel,) = handout.hand_out(book.params, book.stands, tmp_path / "out")
    for_rep = [path for path in parcel.folder.glob("reps/ada*/*") if "CANARYAMENDED" in path.read_text(encoding="utf-8")]
    assert for_rep == []
    assert not list(parcel.folder.glob("reps/ada*/*-answer.md"))
    book.write("amendment", text="One more.")
    with pytest.raises(ReviewError, match="older than what is recorded"):
        handout.hand_out(book.params, book.stands, tmp_path / "out")


@pytest.mark.parametrize("content", ["", "{", "{}", "[]", '{"reviews": 3}'])
def test_a_damaged_manifest_is_named(book: Book, content: str) -> None:
    """A manifest that cannot be read ends the run with a message, and nothing was made."""
    (book.folder / "manifest.json").write_text(content, encoding="utf-8")
    with pytest.raises(ReviewError, match="damaged"):
        book.run()


def test_a_damaged_journal_moves_no_period(book: Book) -> None:
    """A freeze that cannot go on leaves the period on the figures that it had."""
    book.write("note", text="first")
    book.run()
    before = (book.folder / "current").read_text(encoding="utf-8")
    for path in book.params.reports.glob("journal.db*"):
        path.unlink()
    with pytest.raises(JournalError):
        freezing.freeze(changed(book.params, title="Other"), [PERIOD])
    assert (book.folder / "current").read_text(encoding="utf-8") == before


def test_a_manager_s_login_touches_its_own_reviews_only(tmp_path: Path, postgres_server: Server) -> None:
    """With row-level security a manager's commands read and write their own reps' files, and leave the others' alone."""
    database = postgres_server.new_database()
    for login in ("max", "mia", "eve"):
        postgres_server.new_role(login)
    reps = [REPS[0], {**REPS[1], "team": "South", "manager": "Mia Stern"}]
    roles = {"roles": {"max": "manager", "mia": "manager", "eve": "analyst"}, "logins": {"max": "Max Holm", "mia": "Mia Stern"}}
    owner = workbook(
        tmp_path, deals=DEALS, reps=reps, as_of="2026-10-05", crm={"history_from": "2026-01-01"}, people=roles,
        records={"database": postgres_server.url(database)},
    )  # fmt: skip
    releasing.journal_init(owner)
    frozen = freezing.freeze(owner, [PERIOD])[0]
    releasing.journal_init(owner)

    def book_of(login: str) -> Book:
        url = postgres_server.url(database, user=login)
        return Book(changed(owner, records={"database": url}, people={"acting_as": login}))

    book_of("mia").write("feedback", rep="R2", login="mia", stance="strength", behaviour="b", text="Words for Ben.")
    book_of("max").write("feedback", login="max", stance="strength", behaviour="b", text="Words for Ada.")
    mia = book_of("mia")
    releasing.release(mia.params, mia.stands, [one for one in mia.stands.subjects if one.id == "R2"])
    assert {one.id for one in mia.stands.subjects} == {"South", "R2"}
    status.lay_out(mia.params, mia.stands)
    path = next(one for one in owner.reports.glob("*/*/minutes/*") if "Words for Ben." in one.read_text(encoding="utf-8"))
    whole = book_of("eve").stands
    (mia.folder / "manifest.json").write_text(manifest.text(mia.folder, frozen, [], whole.heads), encoding="utf-8")
    assert {one.id for one in book_of("max").stands.subjects} == {"North", "R1"}
    status.lay_out(book_of("max").params, book_of("max").stands)
    assert "Words for Ben." in path.read_text(encoding="utf-8")
    with pytest.raises(NotAllowedError, match="part of the journal"):
        verifying.verify(book_of("max").params)
    assert verifying.verify(book_of("eve").params).problems == ()


def test_the_team_s_board_shows_what_its_reps_agreed_to(book: Book) -> None:
    """A recognition is on the page for the team once it is released, proposed and agreed to; what was paid is not."""
    proposed: dict[str, object] = {"title": "Best quarter", "reward": "bonus", "reward_text": "2,400 in November"}
    shown = book.write("recognition", **proposed, for_board=True)
    book.write("recognition", title="Help to a colleague", for_board=True)
    book.release()

    def board() -> str:
        runs.run(book.params, freezing.freeze(book.params, [PERIOD])[0], teams=["North"])
        return next(book.folder.glob("*/rep/team.html")).read_text(encoding="utf-8")

    assert "Best quarter" not in board()
    book.write("agreement", on_behalf=True, of=shown.id, agrees=True)
    page = board()
    assert "Best quarter" in page
    assert "Ada Berg" in page
    assert not any(word in page for word in ("2,400", "Help to a colleague", "Dorn"))
