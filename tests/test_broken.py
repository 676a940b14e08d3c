"""Files that people write by hand, params and goals, with one mistake after the other: each message as it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from reviewlib.conversation.goals.goalfile import Known, read_goals
from reviewlib.errors import ReviewError
from reviewlib.params import reading
from reviewlib.params.kpis import MAIN

TABLE: Any = YAML(typ="safe", pure=True).load(Path(__file__).with_name("broken.yaml").read_text(encoding="utf-8"))
KNOWN = Known(
    teams={"R-014": "North", "R-015": "North", "007": None, "R-020": "South"},
    units={"win_rate": "percent", "revenue": "money", "new_customers": "count"},
)
LONG = "x" * 20_001


def read(path: Path) -> object:
    return reading.load(path) if path.name == "acme.yaml" else read_goals(path, known=KNOWN)


def refusal(path: Path) -> str:
    with pytest.raises(ReviewError) as caught:
        read(path)
    return str(caught.value).replace(LONG, "LONG").replace(", ".join(MAIN), "KPIS") + "\n"


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: str(case["name"]))
def test_each_mistake_is_told_in_these_words(case: dict[str, str], tmp_path: Path) -> None:
    """What is wrong, in which file, on which line, at which key, what was found, and what to do."""
    assert case.get("instead of", "") in TABLE["book"]
    book = TABLE["book"].replace(case.get("instead of", ""), case.get("write", "")) + case.get("add", "")
    text = case.get("text", book).replace("LONG", LONG)
    path = tmp_path / case["file"]
    path.write_bytes(text.encode(case.get("encoding", "utf-8")))
    assert refusal(path) == case["said"]


def test_the_book_of_the_table_is_right(tmp_path: Path) -> None:
    """Without a mistake the params file is read, so that each message is about what was changed."""
    (tmp_path / "acme.yaml").write_text(TABLE["book"], encoding="utf-8")
    assert read(tmp_path / "acme.yaml")


@pytest.mark.parametrize("name", ["acme.yaml", "goals.csv"])
def test_a_file_that_is_not_there(name: str, tmp_path: Path) -> None:
    """It is named as it was given, with the params files nearby."""
    (tmp_path / "acne.yaml").touch()
    said = {
        "acme.yaml": f"""\
This params file does not exist.
  where: acme.yaml
  to do: These params files are nearby: {tmp_path.name}/acne.yaml.
""",
        "goals.csv": """\
This goals file cannot be read.
  where: goals.csv
  found: No such file or directory
  to do: Check the path.
""",
    }
    assert refusal(tmp_path / name) == said[name]


@pytest.mark.parametrize("name", ["acme.yaml", "goals.csv"])
def test_a_folder_is_no_file(name: str, tmp_path: Path) -> None:
    """A folder that has the name of a file is refused too."""
    (tmp_path / name).mkdir()
    said = {
        "acme.yaml": "This is a folder, not a params file.\n  where: acme.yaml\n",
        "goals.csv": """\
This goals file cannot be read.
  where: goals.csv
  found: Is a directory
  to do: Check the path.
""",
    }
    assert refusal(tmp_path / name) == said[name]
