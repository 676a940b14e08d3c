"""Keys of earlier versions: read without effect, and told with what stands in their place where new figures are made."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from reviewlib.errors import ParamsError
from reviewlib.params import reading, retired
from reviewlib.params.mistakes import reference

BOOK = """\
name: acme
currency: EUR
crm: {deals: {file: d.csv, columns: {deal_id: a, rep_id: b, stage: c}, stages: {won: [Won]}}}
"""
MEMBERS = "a median is shown from 8 members on, above or below the middle from 5, for everybody"
TOLD = {
    "peers: {group: role}": f"peers.group is now peers.by: {retired.of(('peers', 'group')).means}",
    "peers: {median_from: 2}": f"peers.median_from is gone: {MEMBERS}",
    "peers: {quartiles_from: many}": f"peers.quartiles_from is gone: {MEMBERS}",
    "kpis: {revenue: {bands: {strength: 2}}}": "kpis.revenue.bands is now kpis.revenue.material: how far from its target",
    "kpis: {win_rate: {bands: high}}": "kpis.win_rate.bands is now kpis.win_rate.material: how far from its target",
}


def book(folder: Path, text: str) -> Path:
    path = folder / "acme.yaml"
    path.write_text(BOOK + text + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("text", TOLD)
def test_each_old_key_is_read_past_and_told(text: str, tmp_path: Path) -> None:
    """It has no effect whatever its value, and making new figures stops with its line, its new name and what that means."""
    params = reading.load(book(tmp_path, text))
    assert params.peers.by == ("role",)
    assert [entry.material for entry in params.kpis.values()] in ([], [None])
    with pytest.raises(ParamsError) as caught:
        retired.refuse(params)
    what, line = caught.value.what.split("\n")
    assert what == "These keys are of an earlier version and have no effect."
    assert line.startswith(f"  line 4, {TOLD[text]}")
    assert caught.value.exit_code == 2
    assert caught.value.where == "acme.yaml"
    assert f"reviewlib check {shlex.quote(str(tmp_path / 'acme.yaml'))} --migrate" in (caught.value.do or "")


def test_all_old_keys_are_told_at_once(tmp_path: Path) -> None:
    """They stand in one message, in the order of the file."""
    calls = "calls: {label: C, definition: D, unit: count, better: higher, combine: sum, bands: {}}"
    text = f"kpis: {{{calls}}}\npeers:\n  median_from: 5\n  group: all"
    params = reading.load(book(tmp_path, text))
    assert params.retired == ((4, ("kpis", "calls", "bands")), (6, ("peers", "median_from")), (7, ("peers", "group")))
    with pytest.raises(ParamsError, match=r"(?s)line 4, kpis.calls.bands.*line 6, peers.median_from.*line 7, peers.group"):
        retired.refuse(params)


def test_params_of_this_version_have_none(tmp_path: Path) -> None:
    """Nothing is refused, and no retired key is one of today's."""
    params = reading.load(book(tmp_path, "peers: {by: [team]}\nkpis: {revenue: {material: 0.1}}"))
    assert params.retired == ()
    retired.refuse(params)
    known = {path for path, _ in reference()}
    assert not known & {".".join(key).replace("*", "KEY") for key in retired.RETIRED}
    assert {
        ".".join((*key[:-1], record.now)).replace("*", "KEY") for key, record in retired.RETIRED.items() if record.now
    } <= known


def test_other_mistakes_are_told_all_the_same(tmp_path: Path) -> None:
    """What else is wrong is refused when the file is read, without a word of old keys; elsewhere they are unknown."""
    with pytest.raises(ParamsError) as caught:
        reading.load(book(tmp_path, "peers: {group: role, grup: role}"))
    assert (caught.value.where, caught.value.found) == ("acme.yaml, line 4, peers.grup", "'grup'")
    with pytest.raises(ParamsError, match="not known here"):
        reading.load(book(tmp_path, "cadence: {median_from: 5}"))
    with pytest.raises(ParamsError, match="needs keys with values"):
        reading.load(book(tmp_path, "peers: [group]\nkpis: {revenue: bands}"))
