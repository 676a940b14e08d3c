"""Params of an earlier version rewritten: these keys and nothing else, with the file as it was beside it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from reviewlib.errors import ParamsError
from reviewlib.params import reading
from reviewlib.params.migration import migrate
from reviewlib.params.model import Params

BOOK = """\
# yaml-language-server: $schema=.reviewlib.schema.json
name:   acme      # short
currency: "EUR"
crm:
  deals:
    file: d.csv
    columns:
        {deal_id: a, rep_id: b,
         stage: c}
    exclude:
    - {column: a, equals: [x],   reason: "Test: ü 😀"}
    stages: {won: [Won]}
"""
OLD = """\
kpis:
  revenue:    # first
    bands:    # where verdicts begin
      strength: 1.1   # strong
      # in between
      on_track: 0.9
    weight: 3

  # of growth
  pipeline_growth: {bands: {strength: .05, on_track: -0.03, watch: -.2}, weight: 2} # points
  new_customers:
    bands: {on_track: 0.95}   # as usual
# Peers
peers:
  group: team         # as agreed
  median_from: 5      # the works council
  quartiles_from: 8

# People
people: {roles: {x: analyst}}
"""
NEW = """\
kpis:
  revenue:    # first
    # where verdicts begin
    # strong
    # in between
    material: 0.1
    weight: 3

  # of growth
  pipeline_growth: {weight: 2} # points
  # as usual
# Peers
peers:
  by: [team]         # as agreed
  # the works council

# People
people: {roles: {x: analyst}}
"""


def book(folder: Path, text: str | bytes) -> Path:
    path = folder / "acme.yaml"
    path.write_bytes(text if isinstance(text, bytes) else (BOOK + text).encode())
    return path


def rewritten(folder: Path, text: str) -> tuple[str, Params]:
    path = book(folder, text)
    migrate(path)
    return path.read_text(encoding="utf-8").removeprefix(BOOK), reading.load(path)


def test_comments_order_and_all_else_stay(tmp_path: Path) -> None:
    """Old keys are rewritten in their places, every comment stays, and so does each letter of other lines."""
    path = book(tmp_path, OLD)
    path.chmod(0o640)
    migrate(path)
    assert path.read_text(encoding="utf-8") == BOOK + NEW
    params = reading.load(path)
    assert (params.retired, params.peers.by) == ((), ("team",))
    assert {key: entry.material for key, entry in params.kpis.items()} == {"revenue": 0.1, "pipeline_growth": None}
    backup = tmp_path / "acme.yaml.bak"
    assert backup.read_text(encoding="utf-8") == BOOK + OLD
    assert [file.stat().st_mode & 0o777 for file in (path, backup)] == [0o640, 0o640]


def test_what_changed_is_shown_and_said(tmp_path: Path) -> None:
    """The difference names both files, line by line, and each key has its sentence."""
    path = book(tmp_path, OLD)
    lines = migrate(path)
    assert lines[:2] == ["--- acme.yaml.bak", "+++ acme.yaml"]
    assert [line for line in lines if line.startswith(("-  group", "+  by"))] == [
        "-  group: team         # as agreed", "+  by: [team]         # as agreed"
    ]  # fmt: skip
    *said, backup, following = lines[-8:]
    assert [line.partition(":")[0] for line in said] == [
        "kpis.revenue.bands is now kpis.revenue.material",
        "kpis.pipeline_growth.bands is now kpis.pipeline_growth.material",
        "kpis.new_customers.bands is now kpis.new_customers.material",
        "peers.group is now peers.by",
        "peers.median_from is gone",
        "peers.quartiles_from is gone",
    ]
    assert said[0].endswith("probabilities now, under judgement.")
    assert said[4].endswith("from 8 members on, above or below the middle from 5, for everybody.")
    assert backup == f"The file as it was: {path}.bak"
    assert following == f"Next: reviewlib check {path}"


def test_a_second_time_there_is_nothing_to_do(tmp_path: Path) -> None:
    """Params without old keys stay as they are, to the byte and the second, and nothing is laid beside them."""
    path = book(tmp_path, OLD)
    migrate(path)
    before = (path.read_bytes(), path.stat().st_mtime_ns, sorted(tmp_path.iterdir()))
    assert migrate(path) == [f"{path}: no key is of an earlier version; nothing was changed."]
    assert (path.read_bytes(), path.stat().st_mtime_ns, sorted(tmp_path.iterdir())) == before


def test_no_backup_is_overwritten(tmp_path: Path) -> None:
    """Each further one has a name of its own."""
    for name in ("acme.yaml.bak", "acme.yaml.bak2"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    migrate(book(tmp_path, OLD))
    assert (tmp_path / "acme.yaml.bak3").read_text(encoding="utf-8") == BOOK + OLD
    assert (tmp_path / "acme.yaml.bak").read_text(encoding="utf-8") == "acme.yaml.bak"


@pytest.mark.parametrize(
    ("old", "new", "by"),
    [
        ("peers: {group: all}\n", "peers: {by: []}\n", ()),
        ("peers: {group: role}\n", "peers: {by: [role]}\n", ("role",)),
        ("peers: {group: team, median_from: 5, quartiles_from: 9}\n", "peers: {by: [team]}\n", ("team",)),
        ("peers: {median_from: 5, group: team}\n", "peers: {by: [team]}\n", ("team",)),
        ("peers: {\n  median_from: 5,\n  group: team,\n  quartiles_from: 9\n}\n", "peers: {\n  by: [team]\n}\n", ("team",)),
        ("peers: {group: all, by: [region]}\n", "peers: {by: [region]}\n", ("region",)),
        ('peers: {"group": "all"}', "peers: {by: []}", ()),
        ("peers:\n  median_from: 6\n  quartiles_from: 9\ntitle: A\n", "title: A\n", ("role",)),
        ("title: A\npeers: {median_from: 5, quartiles_from: 9}", "title: A\n", ("role",)),
        ("peers:  # of whom\n  quartiles_from:\n", "# of whom\n", ("role",)),
    ],
)
def test_peers(old: str, new: str, by: tuple[str, ...], tmp_path: Path) -> None:
    """A group becomes what its members have in common, thresholds go, and with the last of them the section."""
    text, params = rewritten(tmp_path, old)
    assert (text, params.peers.by) == (new, by)


MEASURE = "label: C, definition: D, unit: count, better: higher, combine: sum"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{revenue: {bands: {on_track: 1.0}, weight: 2}}", "{revenue: {weight: 2}}"),
        ("{revenue: {bands: {on_track: 0.95, watch: 0.5}, weight: 2}}", "{revenue: {weight: 2}}"),
        ("{revenue: {bands: {strength: 1.2}, weight: 2}}", "{revenue: {weight: 2}}"),
        ("{revenue: {weight: 2, bands: {on_track: 0.825}}}", "{revenue: {weight: 2, material: 0.175}}"),
        ("{revenue: {weight: 2, bands: {on_track: -1}}}", "{revenue: {weight: 2}}"),
        ("{revenue: {weight: 2, bands: {on_track: good}}}", "{revenue: {weight: 2}}"),
        ("{revenue: {weight: 2, bands: low}}", "{revenue: {weight: 2}}"),
        ("{revenue: {material: 0.2, bands: {on_track: 0.9}}}", "{revenue: {material: 0.2}}"),
        ("{pipeline_growth: {weight: 2, bands: {on_track: 0.01}}}", "{pipeline_growth: {weight: 2}}"),
        ("{pipeline_growth: {weight: 2, bands: {on_track: -0.02}}}", "{pipeline_growth: {weight: 2}}"),
        ("{attainment: {weight: 2, bands: {on_track: 0.8}}}", "{attainment: {weight: 2}}"),
        (f"{{calls: {{{MEASURE}, bands: {{on_track: 0.8}}}}}}", f"{{calls: {{{MEASURE}, material: 0.2}}}}"),
    ],
)
def test_bands(old: str, new: str, tmp_path: Path) -> None:
    """They become how far below its target a figure was on track, where that is not usual, and can be."""
    assert rewritten(tmp_path, f"kpis: {old}\n")[0] == f"kpis: {new}\n"


def test_what_a_merge_brings_is_rewritten_where_it_stands(tmp_path: Path) -> None:
    """A section that takes its bands from another one takes what became of them."""
    text, params = rewritten(tmp_path, "kpis:\n  revenue: &r {weight: 2, bands: {on_track: 0.8}}\n  new_customers: {<<: *r}\n")
    assert text == "kpis:\n  revenue: &r {weight: 2, material: 0.2}\n  new_customers: {<<: *r}\n"
    assert params.kpis["new_customers"].material == 0.2


def test_what_anchors_share_is_left_to_its_writer(tmp_path: Path) -> None:
    """Where keys cannot be rewritten without others nothing is, and the message names them."""
    path = book(tmp_path, "kpis:\n  revenue: {bands: &b {on_track: 0.8}}\n  new_customers: {weight: 2, bands: *b}\n")
    before = path.read_bytes()
    with pytest.raises(ParamsError, match="cannot be rewritten without others") as caught:
        migrate(path)
    assert caught.value.found == "kpis.revenue.bands, kpis.new_customers.bands"
    assert path.read_bytes() == before
    assert [*tmp_path.iterdir()] == [path]


def test_line_ends_and_marks_of_windows_stay(tmp_path: Path) -> None:
    """Line ends of two characters are kept, and a byte order mark does no harm."""
    path = book(tmp_path, b"\xef\xbb\xbf" + (BOOK + OLD).replace("\n", "\r\n").encode())
    migrate(path)
    assert path.read_bytes() == (BOOK + NEW).replace("\n", "\r\n").encode()


def test_a_link_stays_one(tmp_path: Path) -> None:
    """The file that a link names is rewritten, and its backup lies beside it."""
    (tmp_path / "there").mkdir()
    real = book(tmp_path / "there", OLD)
    link = tmp_path / "acme.yaml"
    link.symlink_to(real)
    migrate(link)
    assert real.with_name("acme.yaml.bak").exists()
    assert link.is_symlink()
    assert reading.load(link).peers.by == ("team",)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    """One message says so, and nothing is changed."""
    path = book(tmp_path, OLD)
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ParamsError) as caught:
            migrate(path)
    finally:
        tmp_path.chmod(0o700)
    assert str(caught.value).split("\n") == [
        "The params file cannot be rewritten.",
        "  where: acme.yaml",
        "  found: Permission denied",
        "  to do: Nothing was changed. See that its folder can be written to and has room, then run it again.",
    ]
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_text(encoding="utf-8") == BOOK + OLD


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_disk_that_refuses(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One message says why; the file is as it was, and no part of a backup is left."""
    path = book(tmp_path, OLD)

    def refuse(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(ParamsError, match="cannot be rewritten") as caught:
        migrate(path)
    assert caught.value.found == os.strerror(number)
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_text(encoding="utf-8") == BOOK + OLD


def test_a_file_with_mistakes_is_refused_first(tmp_path: Path) -> None:
    """What else is wrong is told as ever, and nothing is rewritten."""
    path = book(tmp_path, f"{OLD}curency: EUR\n")
    with pytest.raises(ParamsError, match="not known here"):
        migrate(path)
    assert [*tmp_path.iterdir()] == [path]
