"""What the journal holds about one rep: all of it, for the right eyes."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import letters
import pytest
import records_fixture
from markdown_it import MarkdownIt

from reviewlib.conversation import data_export, identity
from reviewlib.conversation.records import Records
from reviewlib.errors import NotAllowedError, SubjectError

HOSTILE = "<script>alert(1)</script>\n# Heading\n[x](javascript:alert(1))\n![](http://evil.example/a.png)\n    &lt;"


@pytest.fixture
def records(tmp_path: Path) -> Records:
    """Ella's review with an edit, a note and a second rep beside it."""
    found = letters.as_manager(letters.talking(tmp_path))
    first = found.write("concern", text="First words")
    found.write("concern", text=HOSTILE, supersedes=first.id)
    found.write("note", text="KEPT-FROM-THE-REP")
    records_fixture.as_login(found.params, "dan", subject="R-2").write("concern", text="OTHER-REP")
    records_fixture.as_login(found.params, "dan", kind="team", subject="North").write("concern", text="OF-THE-TEAM")
    return found


def _export(records: Records, folder: Path, login: str = "ana") -> tuple[Path, Path]:
    return data_export.export_data(records.params, "R-1", folder, person=identity.person_of(records.params, login))


def test_every_version_is_in_it_and_nobody_elses(records: Records, tmp_path: Path) -> None:
    """The JSON holds all columns of all versions about the rep, private ones too, and nothing about others."""
    data = json.loads(_export(records, tmp_path / "out")[0].read_text(encoding="utf-8"))
    assert [(entry["payload"]["text"], entry["current"], entry["visibility"]) for entry in data["entries"]] == [
        ("First words", False, "shared"),
        (HOSTILE, True, "shared"),
        ("KEPT-FROM-THE-REP", True, "manager_only"),
    ]
    assert all(entry["author_name"] == "Daniel Brandt" and entry["hash"] for entry in data["entries"])


def test_the_readable_copy_says_the_same_and_keeps_text_text(records: Records, tmp_path: Path) -> None:
    """Every text is in the Markdown, marked where it is kept back, and none of it becomes markup."""
    text = _export(records, tmp_path / "out")[1].read_text(encoding="utf-8")
    assert all(
        words in text for words in ("First words", "KEPT-FROM-THE-REP", "kept from the rep", "edited since", "Daniel Brandt")
    )
    assert not any(words in text for words in ("OTHER-REP", "OF-THE-TEAM"))
    html = MarkdownIt("commonmark").render(text)
    assert not any(tag in html for tag in ("<script", "<img", "<a "))
    assert html.count("<h1") == 1


@pytest.mark.modes
def test_the_files_are_for_their_owner_only(records: Records, tmp_path: Path) -> None:
    """Files 0600 in a folder 0700."""
    paths = _export(records, tmp_path / "out")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (*paths, tmp_path / "out")] == [0o600, 0o600, 0o700]


@pytest.mark.parametrize("login", ["lucia", "ella", "finn", "nobody"])
def test_others_may_not_export(records: Records, tmp_path: Path, login: str) -> None:
    """Another manager, reps and strangers are refused, and no file is written."""
    with pytest.raises(NotAllowedError):
        _export(records, tmp_path / "out", login)
    assert not (tmp_path / "out").exists()


def test_the_manager_may_once_nothing_is_hidden(records: Records, tmp_path: Path) -> None:
    """A self-review that the manager must not read yet is not read by exporting it; an analyst may export."""
    records_fixture.as_login(records.params, "ella").write("self_review", perspective="HIDDEN")
    with pytest.raises(NotAllowedError, match="hidden from the manager"):
        _export(records, tmp_path / "out", "dan")
    assert "HIDDEN" in _export(records, tmp_path / "out")[0].read_text(encoding="utf-8")
    records.write("feedback", stance="improve", behaviour="x", text="In.")
    assert "HIDDEN" in _export(records, tmp_path / "again", "dan")[0].read_text(encoding="utf-8")


def test_a_new_manager_exports_nothing_that_the_former_one_kept(records: Records, tmp_path: Path) -> None:
    """After a change of team the export of the new manager holds what was shared and says what is not in it."""
    moved = [("R-1", "Ella Byrne", "South", "Lucía Ferrer"), *records_fixture.REPS[1:]]
    records_fixture.freeze_names(records.params, "2026-Q3", reps=moved)
    records_fixture.as_login(records.params, "lucia").write("note", text="MY-OWN-NOTE")
    texts = {}
    for login in ("lucia", "ana"):
        data, page = (path.read_text(encoding="utf-8") for path in _export(records, tmp_path / login, login))
        texts[login] = page
        assert all(("KEPT-FROM-THE-REP" in text) == (login == "ana") and "MY-OWN-NOTE" in text for text in (data, page))
        assert json.loads(data)["left_out"] == (1 if login == "lucia" else 0)
    assert "Left out: 1 that managers of other teams kept from the rep" in texts["lucia"]
    assert "Left out" not in texts["ana"]


def test_an_unknown_rep_is_named(records: Records, tmp_path: Path) -> None:
    """An id that the journal does not know is said to be unknown."""
    with pytest.raises(SubjectError, match="R-9"):
        data_export.export_data(records.params, "R-9", tmp_path / "o", person=identity.person_of(records.params, "ana"))
