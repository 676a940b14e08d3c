"""Whatever somebody changes, takes away or adds in a workbook's files is found, and the file is named, by who must find it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from handmade import PERIOD, Handmade

import reviewlib as rl
from reviewlib.conversation import identity, records
from reviewlib.conversation.entries import About
from reviewlib.errors import ReviewError
from reviewlib.evidence import proof
from reviewlib.run import freezing, handout, manifest, runs, verifying


@pytest.fixture(scope="module")
def signed(frozen_book: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workbook in which a rep's review and a team's are signed and the rep's is amended; another rep's is begun."""
    made = Handmade(frozen_book, tmp_path_factory.mktemp("signed") / "book")
    made.run()
    made.sign()
    team = records.open_records(made.params, About("team", "North", PERIOD.name), person=identity.person_of(made.params, "max"))
    team.write("release")
    team.write("signoff", how="agree", name="Team", on_behalf=True)
    team.write("signoff", how="agree", name="Max Holm")
    made.write("note", "R2", text="Later.")
    made.run()
    made.write("amendment", text="The meeting was on the 22nd.")
    for each in manifest.read(made.folder).values():  # as a run does, outcome by outcome
        manifest.log(made.folder, each, modes=made.params.modes)
    made.run()
    assert verifying.verify(made.params).problems == ()
    return made.params.root


@dataclass(frozen=True)
class Files:
    """The files of the workbook, to be tampered with."""

    book: Handmade

    @property
    def snapshot(self) -> Path:
        """The folder of the snapshot."""
        return next((self.book.params.reports / "snapshots").glob("[!.]*"))

    def find(self, place: str) -> Path:
        """The first file of a pattern, below the snapshot or the period."""
        return next(path for folder in (self.snapshot, self.book.folder) for path in sorted(folder.glob(place)))


Tamper = Callable[[Files, Path], None]


def appended(files: Files, path: Path) -> None:
    """One more byte, which most readers do not even see."""
    put(path, path.read_bytes() + b"\n")


def gone(files: Files, path: Path) -> None:
    path.unlink()


def emptied(files: Files, path: Path) -> None:
    put(path, b"")


def put(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def raised(files: Files, path: Path) -> None:
    """Another figure, in a table that is as whole as before."""
    frame = pd.read_parquet(path)
    column = frame.select_dtypes("number").columns[0] if len(frame.select_dtypes("number").columns) else frame.columns[0]
    path.unlink()
    frame.iloc[::-1].assign(**{column: frame[column].iloc[0]}).to_parquet(path)


def words(old: bytes, new: bytes) -> Tamper:
    """Other words, of the same length or not."""

    def change(files: Files, path: Path) -> None:
        content = path.read_bytes()
        assert old in content
        put(path, content.replace(old, new))

    return change


def told(**changes: Any) -> Tamper:
    """Other values in a file of JSON."""

    def change(files: Files, path: Path) -> None:
        put(path, json.dumps(json.loads(path.read_bytes()) | changes).encode())

    return change


def row(key: str, **changes: Any) -> Tamper:
    """Other values in a row of the manifest; without any the row is taken out."""

    def change(files: Files, path: Path) -> None:
        whole = json.loads(path.read_bytes())
        for each in [each for each in whole["reviews"] if each["key"] == key]:
            whole["reviews"].remove(each)
            if changes:
                new = {name: value(each) if callable(value) else value for name, value in changes.items()}
                whole["reviews"].append(each | new)
        put(path, json.dumps(whole).encode())

    return change


def other_hash(each: dict[str, Any]) -> dict[str, str]:
    return dict.fromkeys(each["files"], "0" * 64)


def manifest_and_log(files: Files, path: Path) -> None:
    """Both places in which a run writes down what it made."""
    path.unlink()
    (path.parent / manifest.LOG).unlink(missing_ok=True)


def page_and_row(files: Files, path: Path) -> None:
    """A signed page, and its hash in the manifest with it: who has the files has both."""
    appended(files, path)
    place = path.relative_to(files.book.folder).as_posix()
    whole = json.loads((files.book.folder / manifest.NAME).read_bytes())
    for each in whole["reviews"]:
        if each["page"] == place:
            each["files"][place] = proof.files.sha256_of(path)
    put(files.book.folder / manifest.NAME, json.dumps(whole).encode())


def with_its_hash(files: Files, path: Path) -> None:
    """A file of the snapshot, and its hash in ``snapshot.json`` with it."""
    appended(files, path)
    info = files.snapshot / proof.INFO
    told(files=proof.hashes(files.snapshot))(files, info)


def all_the_way_up(files: Files, path: Path) -> None:
    """The file, its hash, and the proof in ``current`` and the manifest; releases and signatures hold it still."""
    with_its_hash(files, path)
    now = proof.files.sha256_of(files.snapshot / proof.INFO)
    put(files.book.folder / "current", f"{files.snapshot.name} {now}\n".encode())
    told(proof=now)(files, files.book.folder / manifest.NAME)


def forged_line(files: Files, path: Path) -> None:
    """A line of the log that says that the signed page was another one."""
    whole = json.loads((files.book.folder / manifest.NAME).read_bytes())
    each = next(each for each in whole["reviews"] if each["key"] == "rep:R1:rep")
    content = path.read_bytes() if path.is_file() else b""
    put(path, content + json.dumps(each | {"files": other_hash(each)}).encode() + b"\n")


def bare(files: Files, path: Path) -> None:
    """``current`` as earlier versions wrote it."""
    put(path, files.snapshot.name.encode())


def second(files: Files, path: Path) -> None:
    """An amendment that nobody wrote."""
    put(path.with_name(path.name.replace("-1.", "-2.")), path.read_bytes())


def linked(files: Files, path: Path) -> None:
    """A link to the same bytes elsewhere, where somebody may change them."""
    elsewhere = path.parents[3] / f"elsewhere {path.name}"
    path.parent.chmod(0o700)
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def emptied_folder(files: Files, path: Path) -> None:
    (path.parent / "empty").mkdir()


def dangling(files: Files, path: Path) -> None:
    """A link to nothing."""
    (path.parent / "dangling").symlink_to(path.parent / "nowhere")


def downgraded(files: Files, path: Path) -> None:
    """A manifest that says nothing of its form and of itself, as those of 0.1.0."""
    whole = json.loads(path.read_bytes())
    put(path, json.dumps({name: value for name, value in whole.items() if name not in ("format", "sha256")}).encode())


def added(files: Files, path: Path) -> None:
    """A file of somebody's own."""
    (path.parent / "copy of it.json").write_bytes(b"{}")


#: Signed pages, and whose they are: a handout names the reviews that it does not give away.
SIGNED = {
    "rep's page": ("north-*/rep/ada-berg-????????.html", "Ada Berg"),
    "manager's page": ("north-*/manager/ada-berg-????????.html", "Ada Berg"),
    "team's page": ("north-*/team.html", "North"),
    "team's page for the reps": ("north-*/rep/team.html", "North"),
}
TABLES = ("deals", "reps", "targets", "measures", "scorecard")
#: The tables from which figures are followed: who counts for whom, and what is added up.
TERMS = ("calendar", "groups", "members", "peer_groups", "target_terms", "measure_terms", "change_terms", "reasons",
         "verdict_terms")  # fmt: skip
EVIDENCE = {
    **{f"{name}.parquet": f"{name}.parquet" for name in (*TABLES, *TERMS)},
    **{name: name for name in ("people.json", "slices.json", "quarantine.csv", "evidence.sql")},
    "rep's slice": "north-*/rep-*.rep.json",
    "manager's slice": "north-*/rep-*.manager.json",
    "team's slice": "north-*/team-*.manager.json",
    "team's slice for the reps": "north-*/team-*.rep.json",
}
WHOLE = ("verify", "handout", "run")
ROW, KEY, CHAIN = manifest.NAME, "rep:R1:rep", ["rep", "R1", "2026-Q3"]
BEGUN = "south-*/manager/ben-*.html"
AMENDMENT = "north-*/rep/ada-*-amendment-1.html"
#: What is done to which file, who must find it, and the file that must be named where it is not the one that is changed.
TAMPERINGS: dict[str, tuple[str, Tamper, tuple[str, ...], str]] = {
    **{f"{name}, changed": (place, appended, WHOLE, place) for name, place in EVIDENCE.items()},
    **{f"{name}, gone": (place, gone, WHOLE, place) for name, place in EVIDENCE.items()},
    **{f"{name}, with its hash": (place, with_its_hash, WHOLE, proof.INFO) for name, place in EVIDENCE.items()},
    **{f"{name}, figures": (name, raised, WHOLE, name) for name in ("deals.parquet", "scorecard.parquet", "members.parquet")},
    "slice, all the way up": (EVIDENCE["rep's slice"], all_the_way_up, (*WHOLE, "open"), proof.INFO),
    "deals, all the way up": ("deals.parquet", all_the_way_up, WHOLE, proof.INFO),
    "slice, changed": (EVIDENCE["rep's slice"], appended, ("open",), EVIDENCE["rep's slice"]),
    "slice, gone": (EVIDENCE["rep's slice"], gone, ("open",), EVIDENCE["rep's slice"]),
    "slice, figure": (EVIDENCE["manager's slice"], words(b"100", b"900"), (*WHOLE, "open"), EVIDENCE["manager's slice"]),
    "people, another manager": ("people.json", words(b"Max Holm", b"Mia Holm"), (*WHOLE, "open"), "people.json"),
    "snapshot.json, changed": (proof.INFO, appended, (*WHOLE, "open"), proof.INFO),
    "snapshot.json, emptied": (proof.INFO, emptied, (*WHOLE, "open"), proof.INFO),
    "snapshot.json, gone": (proof.INFO, gone, ("verify", "run"), proof.INFO),
    "snapshot.json, as-of": (proof.INFO, told(as_of="2026-10-06"), (*WHOLE, "open"), proof.INFO),
    "snapshot.json, without hashes": (proof.INFO, told(files=None), (*WHOLE, "open"), proof.INFO),
    "snapshot.json, of a newer version": (proof.INFO, told(format=2), (*WHOLE, "open"), proof.INFO),
    "deals, a link": ("deals.parquet", linked, WHOLE, "deals.parquet"),
    "slice, a link": (EVIDENCE["rep's slice"], linked, WHOLE, EVIDENCE["rep's slice"]),
    "snapshot.json, a link": (proof.INFO, linked, WHOLE, proof.INFO),
    "snapshot, a file more": (proof.INFO, added, WHOLE, "copy of it.json"),
    "slices, a file more": (EVIDENCE["rep's slice"], added, WHOLE, "copy of it.json"),
    "snapshot, an empty folder": (proof.INFO, emptied_folder, WHOLE, "empty"),
    "slices, an empty folder": (EVIDENCE["rep's slice"], emptied_folder, WHOLE, "empty"),
    "snapshot, a dangling link": (proof.INFO, dangling, WHOLE, "dangling"),
    "current, another proof": ("current", words(b" ", b" 0"), WHOLE, "current"),
    "current, without proof": ("current", bare, WHOLE, "current"),
    "current, another name": ("current", words(b" ", b"0 "), ("verify",), "current"),
    "current, gone": ("current", gone, ("verify",), "current"),
    "current, emptied": ("current", emptied, ("verify",), "current"),
    "current, no text": ("current", lambda _, path: put(path, b"\xff\x00"), ("verify",), "current"),
    **{f"{name}, changed": (place, appended, WHOLE, who) for name, (place, who) in SIGNED.items()},
    **{f"{name}, gone": (place, gone, WHOLE, who) for name, (place, who) in SIGNED.items()},
    **{f"{name}, emptied": (place, emptied, WHOLE, who) for name, (place, who) in SIGNED.items()},
    **{f"{name}, with its row": (place, page_and_row, WHOLE, who) for name, (place, who) in SIGNED.items()},
    "manifest, gone": (ROW, gone, ("verify",), ROW),
    "manifest, emptied": (ROW, emptied, WHOLE, ROW),
    "manifest and log, gone": (ROW, manifest_and_log, ("verify",), ROW),
    "manifest, another proof": (ROW, told(proof="0" * 64), WHOLE, proof.INFO),
    "manifest, without proof": (ROW, told(proof=None), WHOLE, ROW),
    "manifest, of a newer version": (ROW, told(format=2), WHOLE, ROW),
    "manifest, log unknown": (ROW, told(logged=None), ("verify",), ROW),
    "manifest, no log": (ROW, told(log=0, logged=None), ("verify",), ROW),
    "manifest, no chains": (ROW, told(journal=[]), ("verify",), ROW),
    "manifest, another snapshot": (ROW, told(snapshot="0" * 12), ("verify",), ROW),
    "manifest, no snapshot": (ROW, told(snapshot=None, proof=None), ("verify",), ROW),
    "manifest, another period": (ROW, told(period="2026-Q2"), ("verify",), ROW),
    "manifest, another time": (ROW, told(made_at="2026-01-01T00:00:00+00:00"), ("verify",), ROW),
    "manifest, as of 0.1.0": (ROW, downgraded, ("verify",), ROW),
    "manifest, without rows": (ROW, told(reviews=[]), ("verify",), ROW),
    "row, gone": (ROW, row(KEY), ("verify",), ROW),
    "row, another hash": (ROW, row(KEY, files=other_hash), ("verify",), ROW),
    "row, another page": (ROW, row(KEY, page="north/rep/other.html"), ("verify",), ROW),
    "row, not signed": (ROW, row(KEY, sealed=False), ("verify",), ROW),
    "row, failed": (ROW, row(KEY, state="failed", error="lost"), ("verify",), ROW),
    "row, another end": (ROW, row(KEY, head="0" * 64), ("verify",), "ada-berg"),
    "row, an earlier end": (ROW, row(KEY, sequence=1), ("verify",), "ada-berg"),
    "row that is begun, gone": (ROW, row("rep:R2:rep"), ("verify",), ROW),
    "row of a team, gone": (ROW, row("team:North:rep"), ("verify",), ROW),
    "row that is begun, another end": (ROW, row("rep:R2:rep", head="0" * 64), ("verify",), "ben-dorn"),
    "chains, longer": (ROW, told(journal=[{"review": CHAIN, "sequence": 99, "hash": "0"}]), WHOLE, "rep R1, 2026-Q3"),
    "page that is begun, changed": (BEGUN, appended, ("verify", "handout"), "Ben Dorn"),
    "page that is begun, gone": (BEGUN, gone, ("verify", "handout"), "Ben Dorn"),
    "scorecard, changed": (manifest.SCORECARD, appended, ("verify",), manifest.SCORECARD),
    "scorecard, gone": (manifest.SCORECARD, gone, ("verify",), manifest.SCORECARD),
    "index, changed": (manifest.INDEX, appended, ("verify",), manifest.INDEX),
    "index, gone": (manifest.INDEX, gone, ("verify",), manifest.INDEX),
    "log, a forged line": (manifest.LOG, forged_line, ("verify",), ROW),
    "log, changed": (manifest.LOG, words(b'"R2"', b'"R3"'), ("verify",), manifest.LOG),
    "log, gone": (manifest.LOG, gone, ("verify",), manifest.LOG),
    "amendment, other words": (AMENDMENT, words(b"22nd", b"23rd"), ("verify", "handout"), "Ada Berg"),
    "amendment, one more": (AMENDMENT, second, ("verify",), "amendment-2"),
    "amendment, one more, given away": (AMENDMENT, second, ("handout",), "Ada Berg"),
    "amendment, gone": (AMENDMENT, gone, ("handout",), "Ada Berg"),
}


def verify(book: Handmade) -> Iterator[str]:
    yield from verifying.verify(book.params).problems


def run(book: Handmade) -> Iterator[str]:
    """Nothing is outdated, so that no notebook runs."""
    (frozen,) = freezing.freeze(book.params, [PERIOD])
    for failed in runs.run(book.params, frozen).failed:
        yield f"{failed.page}: {failed.error}"


def hand_out(book: Handmade) -> Iterator[str]:
    handout.hand_out(book.params, book.stands, book.params.root / "handout")
    yield from ()


def opened(book: Handmade) -> Iterator[str]:
    for audience in ("manager", "rep"):
        rl.open_review(book.params.path, rep="R1", period=PERIOD.name, audience=audience)
    yield from ()


#: The run comes last: it may mend what it finds.
COMMANDS: dict[str, Callable[[Handmade], Iterator[str]]] = {"verify": verify, "open": opened, "handout": hand_out, "run": run}


def said(command: str, book: Handmade) -> list[str]:
    """What a command finds wrong; an error is its one message."""
    try:
        return list(COMMANDS[command](book))
    except ReviewError as error:
        return [str(error)]


def test_what_is_whole_is_passed_by_every_command(signed: Path, tmp_path: Path) -> None:
    """Nothing is wrong before anything is done, and no command says so."""
    book = Handmade(signed, tmp_path / "book")
    assert [one for command in COMMANDS for one in said(command, book)] == []
    assert len(TAMPERINGS) >= 60


def test_every_file_of_a_snapshot_is_tampered_with(signed: Path, tmp_path: Path) -> None:
    """What a snapshot comes to hold is added to the kinds above; those of one team stand for all teams."""
    folder = Files(Handmade(signed, tmp_path / "book")).snapshot
    known = {path for place in (*EVIDENCE.values(), proof.INFO) for path in folder.glob(place.replace("north-", ""))}
    assert {path for path in folder.rglob("*") if path.is_file()} == known


@pytest.mark.whole
@pytest.mark.parametrize("name", TAMPERINGS)
def test_it_is_found(signed: Path, tmp_path: Path, name: str) -> None:
    """Each of the commands says what is wrong and names the file, or the review whose page it is."""
    place, tamper, commands, named = TAMPERINGS[name]
    book = Handmade(signed, tmp_path / "book")
    files = Files(book)
    path = files.find(place)
    tamper(files, path)
    for command in sorted(commands, key=[*COMMANDS].index):
        found = said(command, book)
        assert [one for one in found if path.name in one or named in one], (command, found)


def test_a_period_that_is_gone_as_a_whole_is_told(signed: Path, tmp_path: Path) -> None:
    """The journal knows which pages were sealed, also where nothing of their period is left."""
    book = Handmade(signed, tmp_path / "book")
    shutil.rmtree(book.folder)
    assert [one for one in said("verify", book) if "rep/ada-berg" in one and "gone" in one]


def refitted(book: Handmade, path: Path) -> None:
    """Change a page, and make the manifest fit it: its row, and its hash of itself."""
    page_and_row(Files(book), path)
    put(book.folder / manifest.NAME, manifest._with_its_hash(json.loads((book.folder / manifest.NAME).read_bytes())).encode())


def test_from_when_on_the_journal_knows_a_page(handmade: Handmade) -> None:
    """As docs/files.md says: a page that the manifest fits is told by nobody, released or signed, until a run has sealed it."""
    handmade.run()
    handmade.write("release")
    handmade.run()
    page = handmade.page("rep")
    refitted(handmade, page)
    assert said("verify", handmade) == []
    handmade.write("signoff", how="agree", name="Rep", on_behalf=True)
    handmade.write("signoff", how="agree", name="Max Holm")
    refitted(handmade, page)
    assert said("verify", handmade) == []
    handmade.run()
    assert said("verify", handmade) == []
    refitted(handmade, page)
    assert [one for one in said("verify", handmade) if page.name in one and "changed" in one]


def test_a_snapshot_that_was_removed_as_told_is_made_anew_for_good(handmade: Handmade) -> None:
    """Where nothing is released, a freeze makes it anew, and neither the next one nor ``verify`` finds it changed."""
    handmade.run()
    folder = Files(handmade).snapshot
    proof_before = proof.of(folder)
    shutil.rmtree(folder)
    freezing.freeze(handmade.params, [PERIOD])
    assert proof.of(folder) not in (None, proof_before)
    assert [one for command in ("verify", "handout", "run") for one in said(command, handmade)] == []


def stop(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("step", ["evidence.snapshot.use", "run.manifest.renew"])
def test_a_freeze_that_was_killed_is_taken_up(handmade: Handmade, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it ended between a snapshot that is made anew and those who remember its proof, the next one goes on."""
    handmade.run()
    shutil.rmtree(Files(handmade).snapshot)
    monkeypatch.setattr(f"reviewlib.{step}", stop)
    with pytest.raises(KeyboardInterrupt):
        freezing.freeze(handmade.params, [PERIOD])
    monkeypatch.undo()
    assert [one for one in said("verify", handmade) if "reviewlib freeze writes it anew" not in one] == []
    assert [one for command in ("run", "handout", "verify") for one in said(command, handmade)] == []
