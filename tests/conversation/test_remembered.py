"""Tests of reviewlib.conversation.remembered: what the manifests know of the journal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from records_fixture import talking

from reviewlib.conversation import remembered
from reviewlib.conversation.entries import About, Head
from reviewlib.errors import JournalError
from reviewlib.params.model import Params

ROW: dict[str, Any] = {"review": ["rep", "R-1", "2026-Q3"], "sequence": 2, "hash": "ab"}


@pytest.fixture
def params(tmp_path: Path) -> Params:
    return talking(tmp_path, periods=("2026-Q2", "2026-Q3"))


def manifest(params: Params, period: str, text: str) -> None:
    (params.reports / period / "manifest.json").write_text(text, encoding="utf-8")


def test_the_heads_of_every_period_are_known(params: Params) -> None:
    """Each period's manifest tells of its own reviews; without one nothing is remembered."""
    assert remembered.heads_of(params) == remembered.heads(params.reports / "2026-Q3") == {}
    remembered.refuse_missing(params)
    manifest(params, "2026-Q2", json.dumps({"journal": [ROW | {"review": ["team", "North", "2026-Q2"]}]}))
    manifest(params, "2026-Q3", json.dumps({"journal": [ROW]}))
    here = {About("rep", "R-1", "2026-Q3"): Head(2, "ab")}
    assert remembered.heads(params.reports / "2026-Q3") == here
    assert remembered.heads_of(params) == here | {About("team", "North", "2026-Q2"): Head(2, "ab")}
    with pytest.raises(JournalError, match="missing") as caught:
        remembered.refuse_missing(params)
    assert "4 entries of 2 reviews" in str(caught.value)


def test_a_manifest_of_before_the_journal_remembers_nothing(params: Params) -> None:
    """One without the list, or with an empty one, is no damage."""
    for text in ("{}", '{"journal": []}'):
        manifest(params, "2026-Q3", text)
        remembered.refuse_missing(params)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"journal": 7}', '{"journal": [7]}', '{"journal": [{"review": []}]}', '{"journal": null}']
)
def test_a_damaged_manifest_is_named(params: Params, text: str) -> None:
    """Half a file is an error with its name and what to do, and no path of the machine."""
    manifest(params, "2026-Q3", text)
    with pytest.raises(JournalError, match="damaged") as caught:
        remembered.heads_of(params)
    assert str(caught.value.where) == "reports/book/2026-Q3/manifest.json"
    assert str(params.reports) not in str(caught.value)


def test_a_copy_of_a_period_s_folder_remembers_nothing(params: Params) -> None:
    """An older copy beside it does not take the place of what the period's own manifest remembers."""
    manifest(params, "2026-Q3", json.dumps({"journal": [ROW]}))
    (params.reports / "2026-Q3 (copy)").mkdir()
    manifest(params, "2026-Q3 (copy)", json.dumps({"journal": [ROW | {"sequence": 1, "hash": "cd"}]}))
    assert remembered.heads_of(params) == {About("rep", "R-1", "2026-Q3"): Head(2, "ab")}


def test_a_server_is_set_up_before_it_is_restored(params: Params) -> None:
    """Where a database lost its tables both steps are named, in their order."""
    manifest(params, "2026-Q3", json.dumps({"journal": [ROW]}))
    with pytest.raises(JournalError) as caught:
        remembered.refuse_missing(params, server=True)
    assert "Run: reviewlib journal-init; then restore its latest backup" in str(caught.value.do)
