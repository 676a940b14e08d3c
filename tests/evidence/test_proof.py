"""A snapshot proves itself: whoever opens one of its files is told where it is not what was frozen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from workbooks import params_of, without_proof

import reviewlib as rl
from reviewlib.errors import SnapshotError
from reviewlib.evidence import proof, snapshot
from reviewlib.params.model import Params
from reviewlib.periods import Period

PERIOD = Period.parse("2026-Q3")


@pytest.fixture
def book(frozen_book: Path, tmp_path: Path) -> Params:
    """A workbook with frozen evidence, to be tampered with."""
    path = shutil.copytree(frozen_book, tmp_path / "book") / "params" / "book.yaml"
    return params_of(json.loads(path.read_text(encoding="utf-8")), path)


def folder_of(book: Params) -> Path:
    return next((book.reports / "snapshots").glob("[!.]*"))


def opened(book: Params) -> rl.Review:
    return rl.open_review(book.path, rep="R1", period="2026-Q3", audience="manager")


def changed(path: Path) -> None:
    """Change a file in a way that can still be read."""
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + b" ")


def test_snapshot_json_holds_the_hash_of_every_other_file(book: Params) -> None:
    """No file is left out, and the proof of a snapshot stands beside its name in ``current``."""
    folder = folder_of(book)
    found = snapshot.current(book, PERIOD)
    assert found is not None
    assert set(found.info["files"]) == {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.name != "snapshot.json"
    }
    assert (book.reports / "2026-Q3" / "current").read_text(encoding="utf-8").split() == [found.hash, found.proof]
    assert proof.problems(folder) == []


@pytest.mark.parametrize("name", ["snapshot.json", "people.json", "slice"])
@pytest.mark.parametrize("change", [changed, Path.unlink], ids=["changed", "gone"])
def test_what_is_opened_is_checked(book: Params, name: str, change: Callable[[Path], None]) -> None:
    """A review opens on what was frozen, or not at all; the message names the file."""
    assert opened(book).figure("revenue").value == 100
    folder = folder_of(book)
    place = "*/rep-*.manager.json" if name == "slice" else name
    paths = list(folder.glob(place))
    for path in paths:
        change(path)
    with pytest.raises(SnapshotError) as caught:
        opened(book)
    if (name, change) != ("snapshot.json", Path.unlink):  # without that there is no evidence
        assert str(caught.value.where).removeprefix("book/") in {
            f"snapshots/{path.relative_to(folder.parent)}" for path in paths
        }


def test_a_slice_that_was_changed_together_with_its_hash_is_found_by_the_proof(book: Params) -> None:
    """Who changes a figure must change ``snapshot.json`` too, and that is another one then."""
    folder = folder_of(book)
    path = sorted(folder.glob("*/rep-*.manager.json"))[0]
    changed(path)
    info = folder / "snapshot.json"
    text = json.loads(info.read_text(encoding="utf-8"))
    text["files"] = proof.hashes(folder)
    info.chmod(0o600)
    info.write_text(json.dumps(text), encoding="utf-8")
    with pytest.raises(SnapshotError, match="damaged") as caught:
        opened(book)
    assert str(caught.value.where).endswith("snapshot.json")


def test_every_file_that_is_changed_gone_or_added_is_named(book: Params) -> None:
    """The whole folder is held against the hashes."""
    folder = folder_of(book)
    changed(folder / "deals.parquet")
    (folder / "quarantine.csv").unlink()
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    assert proof.problems(folder) == [
        f"snapshots/{folder.name}/{each}"
        for each in ("deals.parquet was changed", "notes.txt does not belong there", "quarantine.csv is gone")
    ]


def test_a_snapshot_without_hashes_is_read_as_it_is(book: Params) -> None:
    """What was frozen before hashes were kept opens, and says nothing of itself."""
    folder = folder_of(book)
    without_proof(folder)
    changed(folder / "deals.parquet")
    assert opened(book).figure("revenue").value == 100
    assert proof.problems(folder) == []


@pytest.mark.parametrize(("text", "said"), [('{"format": 2}', "newer version"), ("{", "damaged"), ("[]", "damaged")])
def test_what_cannot_be_read_is_told(book: Params, text: str, said: str) -> None:
    """A newer form and a damaged file end with one message each."""
    path = folder_of(book) / "snapshot.json"
    path.chmod(0o600)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SnapshotError, match=said):
        proof.info(path.parent)
