"""Whole files or none, names that work everywhere, and modes."""

from __future__ import annotations

import errno
import getpass
import grp
import os
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewlib import files
from reviewlib.errors import ReviewError


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.modes
def test_write_makes_folders_and_closes_them_to_others(tmp_path: Path) -> None:
    """A new file and its new folders are for the owner only, whatever the umask."""
    path = tmp_path / "a" / "b" / "page.html"
    before = os.umask(0)
    try:
        files.write(path, "é")
    finally:
        os.umask(before)
    assert path.read_bytes() == "é".encode()
    assert (_mode(path), _mode(path.parent), _mode(path.parent.parent)) == (0o600, 0o700, 0o700)


def test_write_replaces_and_leaves_nothing_beside(tmp_path: Path) -> None:
    """A second write replaces the file and leaves no other file in the folder."""
    path = tmp_path / "page.html"
    files.write(path, "old")
    files.write(path, b"new")
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("page.html", "new")]


def test_a_write_that_fails_keeps_every_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the second of two files cannot be written whole, both old ones stay and no part is left."""
    one, two = tmp_path / "one", tmp_path / "two"
    files.write_all({one: "old one", two: "old two"})
    calls = 0

    def full(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.write_all({one: "new one", two: "new two"})
    assert {entry.name: entry.read_text() for entry in tmp_path.iterdir()} == {"one": "old one", "two": "old two"}


def test_files_are_on_disk_before_they_are_moved_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is synced before the first rename, and its folder after it."""
    steps: list[str] = []
    sync, move = os.fsync, Path.replace

    def note_sync(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def note_move(self: Path, target: Path) -> Path:
        steps.append("move")
        return move(self, target)

    monkeypatch.setattr(files.os, "fsync", note_sync)
    monkeypatch.setattr(Path, "replace", note_move)
    files.write_all({tmp_path / "one": "1", tmp_path / "two": "2"})
    assert steps == ["file", "file", "move", "move", "folder"]


def test_staged_files_wait_to_be_moved_in(tmp_path: Path) -> None:
    """Staged files are whole beside their places, and the old ones stay until they are moved in; what is swept is gone."""
    path = tmp_path / "page.html"
    files.write(path, "old")
    staged = files.stage({path: "new"})
    assert path.read_text() == "old"
    assert staged[path].read_text() == "new"
    files.move_in(staged)
    assert {entry.name: entry.read_text() for entry in tmp_path.iterdir()} == {"page.html": "new"}
    files.stage({tmp_path / "deep" / "other.html": "never"})
    files.sweep(tmp_path)
    assert [entry.name for entry in tmp_path.rglob("*") if entry.is_file()] == ["page.html"]


def test_a_folder_in_the_way_is_named(tmp_path: Path) -> None:
    """Where a folder stands in a file's place, the error names the place, and nothing is left beside it."""
    (tmp_path / "page.html").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        files.write(tmp_path / "page.html", "new")
    assert caught.value.filename == str(tmp_path / "page.html")
    assert [entry.name for entry in tmp_path.iterdir()] == ["page.html"]


def test_a_file_that_finds_no_room_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system does not say which file a write was for that found the disk full; the error does."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        files.write(tmp_path / "page.html", "new")
    assert caught.value.filename == str(tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.modes
def test_lines_are_added_whole(tmp_path: Path) -> None:
    """A line goes on disk at once, for the owner only; half a line that a killed writer left is cut off."""
    path = tmp_path / "deep" / "log.jsonl"
    files.append_line(path, "one")
    files.append_line(path, "zwei ü")
    assert path.read_text(encoding="utf-8") == "one\nzwei ü\n"
    assert _mode(path) == 0o600
    path.write_text("one\nha", encoding="utf-8")
    files.append_line(path, "two")
    assert path.read_text(encoding="utf-8") == "one\ntwo\n"


def test_a_line_that_does_not_fit_leaves_no_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a line cannot be written whole, the file is as it was."""
    path = tmp_path / "log.jsonl"
    files.append_line(path, "one")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(files.os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            files.append_line(path, "two")
    assert path.read_text() == "one\n"


@pytest.mark.modes
def test_one_after_the_other(tmp_path: Path) -> None:
    """Who comes second waits until the first is done."""
    lock, seen = tmp_path / "folder" / ".lock", []

    def second() -> None:
        with files.alone(lock):
            seen.append("second")

    with ThreadPoolExecutor(1) as pool:
        with files.alone(lock):
            waiting = pool.submit(second)
            time.sleep(0.3)
            seen.append("first")
        waiting.result(timeout=30)
    assert seen == ["first", "second"]
    assert _mode(lock.parent) == 0o700


@pytest.mark.default
def test_only_what_nobody_holds_is_swept(tmp_path: Path) -> None:
    """A folder whose process is gone is removed, one that is held is left alone, and so is one that nobody ever claimed."""
    held, gone, other = (tmp_path / name for name in ("held", "gone", "other"))
    for folder in (held, gone, other):
        folder.mkdir()
        (folder / "secret").write_text("x")
    code = """
import os, pathlib
from reviewlib import files
held = files.claimed(pathlib.Path("gone"))
held.__enter__()
os._exit(9)"""
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 9
    with files.claimed(held):
        files.sweep_unclaimed(tmp_path.iterdir())
        assert sorted(path.name for path in tmp_path.iterdir()) == ["held", "other"]
    assert [path.name for path in held.iterdir()] == ["secret"]


@pytest.mark.modes
def test_a_group_may_read(tmp_path: Path) -> None:
    """With a group, files are 0640 and folders 0750, and both belong to it."""
    group = grp.getgrgid(os.getgid()).gr_name
    path = tmp_path / "team" / "page.html"
    files.write(path, "x", modes=files.Modes.shared(group))
    assert (_mode(path), _mode(path.parent), path.stat().st_gid) == (0o640, 0o750, os.getgid())


def test_an_unknown_group_is_refused() -> None:
    """A group the system does not know is named before anything is written."""
    with pytest.raises(ReviewError, match="no such group") as caught:
        files.Modes.shared("no-such-group-here")
    assert caught.value.found == "no-such-group-here"
    assert getpass.getuser() not in str(caught.value)


@pytest.mark.modes
def test_an_existing_folder_keeps_its_mode(tmp_path: Path) -> None:
    """A folder that somebody opened to others stays as it is."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o755)
    files.write(folder / "page.html", "x")
    assert _mode(folder) == 0o755


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Amara Okafor", "amara-okafor-"),
        ("Zoë Müller-Strauß", "zoe-muller-strauss-"),
        ("../../etc/passwd", "etc-passwd-"),
        ("CON", "con-"),
        ("a{b}%s:*?", "a-b-s-"),
        ("Σωκράτης", ""),
        ("李小龍", ""),
        ("", ""),
    ],
)
def test_slug_keeps_what_ascii_can_say(name: str, words: str) -> None:
    """A slug is the name's letters and digits, then eight characters that stand for the id."""
    assert files.slug(name, "R-014") == f"{words}{files.slug('', 'R-014')}"
    assert len(files.slug("", "R-014")) == 8


def test_slugs_of_one_name_differ() -> None:
    """Two people of one name, or ids that differ in case or blanks only, get different slugs."""
    slugs = {files.slug("Kim Lee", id) for id in ("r1", "R1", "r1 ", "00123", "123")}
    assert len(slugs) == 5


@given(st.text(), st.text(alphabet=st.characters()))
def test_slug_is_a_safe_file_name(name: str, id: str) -> None:
    """Whatever the name and id, the slug is short lower case ASCII without dots or separators."""
    made = files.slug(name, id)
    assert 8 <= len(made) <= files.SLUG_BYTES
    assert made.isascii()
    assert made == made.lower()
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert not made.startswith("-")
