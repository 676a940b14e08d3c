"""Goals for many at once: both forms, every mistake with its place, ids that do not double."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewlib.conversation.entries import About
from reviewlib.conversation.goals.goalfile import COLUMNS, GivenGoal, Known, drafts, read_goals
from reviewlib.conversation.kinds import KINDS
from reviewlib.errors import ReviewError, SourceError
from reviewlib.params.written import SHOWN
from reviewlib.periods import Period

KNOWN = Known(
    teams={"R-014": "North", "R-015": "North", "007": None, "R-020": "South"},
    units={"win_rate": "percent", "revenue": "money", "new_customers": "count"},
)
CSV = """\
rep,team,statement,kpi,scope,baseline,target,over,due,relevance,because,milestones
R-014,,Win at least 45%,win_rate,her own deals,44.4%,45%,,2026-12-31,gap,fewer deals won,"\
2026-11-13: list made; with owners; 2026-12-04: list done"
,North,Acquire 44 customers,new_customers,own,from the scorecard,44,FY2026,2026-12-31,objective,,
"""
YAML = """\
# goals of autumn
- rep: R-014
  statement: Win at least 45%
  kpi: win_rate
  scope: her own deals
  baseline: 44.4%
  target: 45%
  due: 2026-12-31
  relevance: gap
  because: fewer deals won
  milestones:
    - 2026-11-13: list made; with owners
    - {due: 2026-12-04, text: list done}
- team: North
  statement: Acquire 44 customers
  kpi: new_customers
  scope: own
  baseline: from the scorecard
  target: 44
  over: FY2026
  due: 2026-12-31
  relevance: objective
"""


def read(tmp_path: Path, text: str, name: str = "goals.csv") -> list[GivenGoal]:
    path = tmp_path / name
    path.write_bytes(text.encode())
    return read_goals(path, known=KNOWN)


def refused(tmp_path: Path, text: str, name: str = "goals.csv") -> str:
    with pytest.raises(SourceError) as caught:
        read(tmp_path, text, name)
    assert str(tmp_path) not in str(caught.value)
    return str(caught.value)


def csv(header: str, *rows: str) -> str:
    return "\n".join([header, *rows]) + "\n"


def test_csv_and_yaml_say_the_same(tmp_path: Path) -> None:
    """Both forms give the same goals, a team's goal one for each of its reps."""
    found = read(tmp_path, CSV)
    assert [one.rep_id for one in found] == ["R-014", "R-014", "R-015"]
    first, second, _ = found
    assert first.goal == {
        "statement": "Win at least 45%", "kpi": "win_rate", "scope": "her own deals", "baseline": 0.444, "target": 0.45,
        "due": dt.date(2026, 12, 31), "relevance": "gap", "because": "fewer deals won",
    }  # fmt: skip
    assert first.milestones == (
        {"text": "list made; with owners", "due": dt.date(2026, 11, 13)},
        {"text": "list done", "due": dt.date(2026, 12, 4)},
    )
    assert second.goal["over"] == "FY2026"
    assert "baseline" not in second.goal
    as_yaml = read(tmp_path, YAML, "goals.yaml")
    assert [(one.rep_id, one.goal, one.milestones) for one in as_yaml] == [
        (one.rep_id, one.goal, one.milestones) for one in found
    ]
    assert [one.line for one in found] == [2, 3, 3]
    assert [one.line for one in as_yaml] == [2, 14, 14]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("45%", 0.45),
        ("45.3 %", 0.453),
        ("0.45", 0.45),
        ("−5%", -0.05),
        ("+1.05", 1.05),
        ("7%", 0.07),
        ("-0", 0.0),
        ("110%", 1.1),
    ],
)
def test_a_percentage_is_a_fraction(tmp_path: Path, text: str, value: float) -> None:
    """A percent sign divides by a hundred, without digits that nobody wrote."""
    [one] = read(tmp_path, csv("rep,statement,kpi,target", f"R-014,x,win_rate,{text}"))
    assert one.goal["target"] == value


def test_ids_pass_as_text(tmp_path: Path) -> None:
    """An id with leading zeros stays what it is, in both forms."""
    assert read(tmp_path, csv("rep,statement", "007,x"))[0].rep_id == "007"
    assert read(tmp_path, "- {rep: 007, statement: x}", "g.yaml")[0].rep_id == "007"


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_are_read(tmp_path: Path, separator: str) -> None:
    """A spreadsheet's semicolons or tabs, and its byte order mark, are no obstacle."""
    [one] = read(tmp_path, "\ufeff" + csv("rep;statement", "R-014;x, and y").replace(";", separator))
    assert one.goal == {"statement": "x, and y"}


def test_goals_may_stand_under_a_key(tmp_path: Path) -> None:
    """``goals:`` may head the list."""
    assert len(read(tmp_path, "goals:\n  - {rep: R-014, statement: x}\n", "g.yml")) == 1


def test_a_quoted_line_break_does_not_shift_the_lines(tmp_path: Path) -> None:
    """The line that is named is the one in the file."""
    said = refused(tmp_path, csv("rep,statement,due", 'R-014,"two\nlines",2026-12-31', "R-014,x,tomorrow"))
    assert "line 4, column due" in said


@pytest.mark.parametrize(
    ("header", "row", "place", "found", "do"),
    [
        ("rep,statment", "R-014,x", "line 1, column 2", "statment", "Did you mean statement?"),
        ("rep,statement,colour", "R-014,x,red", "line 1, column 3", "colour", "There are rep, team"),
        ("rep,statement,rep", "R-014,x,R-014", "line 1, column 3", "rep", "Keep one"),
        ("rep,statement", "R-014", "line 2", "1 cells", "Fill in 2 cells"),
        ("rep,statement", "R-014,x,y", "line 2", "3 cells", "Fill in 2 cells"),
        ("rep,statement", "R-14,x", "line 2, column rep", "R-14", "Did you mean R-014?"),
        ("team,statement", "Nort,x", "line 2, column team", "Nort", "Did you mean North?"),
        ("rep,team,statement", "R-014,North,x", "line 2, column team", "North", "Fill in one"),
        ("rep,team,statement", ",,x", "line 2, column team", "", "Fill in one"),
        ("rep,statement", "R-014,", "line 2, column statement", "", "in one sentence"),
        ("rep,statement,kpi", "R-014,x,winrate", "line 2, column kpi", "winrate", "Did you mean win_rate?"),
        ("rep,statement,target", 'R-014,x,"1.234,5"', "line 2, column target", "1.234,5", "Write it as 375000"),
        ("rep,statement,target", "R-014,x,nan", "line 2, column target", "nan", "Write it as 375000"),
        ("rep,statement,target", "R-014,x,€400", "line 2, column target", "€400", "Write it as 375000"),
        ("rep,statement,kpi,target", "R-014,x,win_rate,45", "line 2, column target", "45", "Write 45%, or the fraction."),
        ("rep,statement,due", "R-014,x,31.12.2026", "line 2, column due", "31.12.2026", "Write it as 2026-12-31."),
        ("rep,statement,due", "R-014,x,2026-02-30", "line 2, column due", "2026-02-30", "Write it as 2026-12-31."),
        ("rep,statement,over", "R-014,x,2026", "line 2, column over", "2026", "Write FY2026"),
        ("rep,statement,relevance", "R-014,x,gaps", "line 2, column relevance", "gaps", "Did you mean gap?"),
        ("rep,statement,owner", "R-014,x,me", "line 2, column owner", "me", "Write one of rep, manager."),
        ("rep,statement,milestones", "R-014,x,soon", "line 2, column milestones", "soon", "Write it as 2026-11-13"),
        ("rep,statement,milestones", "R-014,x,2026-13-01: x", "line 2, column milestones", "2026-13-01", "Write it as"),
        ("rep,statement", "R-014,a\x07b", "line 2, column statement", "a\\x07b", "Change that."),
        ("rep,statement", f"R-014,{'x' * 20_001}", "line 2, column statement", "x", "at most 20000"),
    ],
)
def test_every_mistake_names_its_place(tmp_path: Path, header: str, row: str, place: str, found: str, do: str) -> None:
    """File, line, column, what was found and what to do."""
    said = refused(tmp_path, csv(header, row))
    assert f"goals.csv, {place}\n" in said
    assert found in said
    assert do in said


@pytest.mark.parametrize(
    ("text", "place", "do"),
    [
        ("- rep: R-014\n  statment: x\n", "line 2, statment", "Did you mean statement?"),
        ("- rep: R-014\n  statement: x\n  due: soon\n", "line 3, due", "Write it as 2026-12-31."),
        ("- rep: R-014\n  rep: R-015\n  statement: x\n", "line 2, [0].rep", "Keep one"),
        ("- rep: [R-014]\n  statement: x\n", "line 1, rep", "Write a goal for each."),
        ("- just words\n", "line 1", "Begin it with"),
        ("- rep: R-014\n  statement: x\n  milestones: [soon]\n", "line 3, milestones", "Write it as 2026-11-13"),
        ("- rep: R-014\n  statement: 'x\n", "line 3, column 1", "Close the quotes."),
        ("rep: R-014\n", "line 1", "Begin each goal"),
        ("- rep: R-014\n  statement:\n", "line 2, statement", "in one sentence"),
    ],
)
def test_yaml_names_line_and_key(tmp_path: Path, text: str, place: str, do: str) -> None:
    """Mistakes in YAML stand with line and key."""
    said = refused(tmp_path, text, "goals.yaml")
    assert f"goals.yaml, {place}" in said
    assert do in said


def test_blanks_in_quotes_say_nothing(tmp_path: Path) -> None:
    """Blanks around a text are left out in YAML as they are in CSV."""
    [one] = read(tmp_path, '- {rep: "R-014 ", statement: " x ", target: " 45% "}', "g.yaml")
    assert (one.rep_id, one.goal) == ("R-014", {"statement": "x", "target": 0.45})


def test_milestones_of_one_entry_move_no_line(tmp_path: Path) -> None:
    """Where an entry of the list holds two milestones, the next one is named where it stands."""
    steps = "    - {2026-11-13: a, 2026-11-14: b}\n    - soon\n    - 2026-11-15: c\n"
    said = refused(tmp_path, f"- rep: R-014\n  statement: x\n  milestones:\n{steps}", "goals.yaml")
    assert "goals.yaml, line 5, milestones" in said
    assert "found: 'soon'" in said


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    """One round of editing mends them all; nothing comes out of the good rows meanwhile."""
    said = refused(tmp_path, csv("rep,statement,due", "R-014,fine,", "R-1,x,soon", "R-015,,2026-12-31"))
    assert "3 things are wrong in the goals file." in said
    assert [place in said for place in ("line 3, column rep", "line 3, column due", "line 4, column statement")] == [True] * 3
    assert "nothing was written" in said


def test_a_flood_of_mistakes_is_counted(tmp_path: Path) -> None:
    """The first are listed, the rest is a number."""
    said = refused(tmp_path, csv("rep,statement", *["R-014,"] * (SHOWN + 5)))
    assert f"{SHOWN + 5} things" in said
    assert "and 5 more" in said


def test_the_same_goal_twice_is_a_slip(tmp_path: Path) -> None:
    """A rep who is named and whose team is named gets one goal, not two."""
    said = refused(tmp_path, csv("rep,team,statement", "R-014,,x", ",North,x"))
    assert "line 3" in said
    assert "it stands on line 2 too" in said


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("goals.xlsx", b"PK", "YAML or CSV"),
        ("goals.csv", b"", "holds no goal"),
        ("goals.csv", b"rep,statement\n", "holds no goal"),
        ("goals.yaml", b"", "holds no goal"),
        ("goals.yaml", b"# nothing\n", "holds no goal"),
        ("goals.csv", b"rep,statement\nR-014,\xff\n", "not in UTF-8"),
        ("goals.csv", b'rep,statement\nR-014,"x\n', "no valid CSV"),
        ("goals.yaml", b"- {\n", "not valid YAML"),
        ("goals.yaml", b"a: &a [*a]\n", "an anchor (&) that holds itself"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    """Wrong ending, nothing in it, no text: said in a sentence."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceError) as caught:
        read_goals(path, known=KNOWN)
    assert words in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """Its name is said, not the machine's path."""
    with pytest.raises(SourceError) as caught:
        read_goals(tmp_path / "gone.csv", known=KNOWN)
    assert "gone.csv" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def ids(found: list[GivenGoal], period: str = "2026-Q3") -> list[str]:
    return [item["id"] for _, items in drafts(found, period=Period.parse(period)) for item in items]


def test_drafts_are_entries_of_each_reps_review(tmp_path: Path) -> None:
    """Goals come with their milestones, by review, in fields that the models take."""
    made = drafts(read(tmp_path, CSV), period=Period.parse("2026-Q3"))
    assert [(about, [item["kind"] for item in items]) for about, items in made] == [
        (About("rep", "R-014", "2026-Q3"), ["goal", "milestone", "milestone", "goal"]),
        (About("rep", "R-015", "2026-Q3"), ["goal"]),
    ]
    goal, first, *_ = made[0][1]
    assert first["fields"]["of"] == goal["id"]
    for _, items in made:
        for item in items:
            KINDS[item["kind"]].model.model_validate(item["fields"])


def test_importing_twice_gives_the_same_ids(tmp_path: Path) -> None:
    """The same content has the same ids, whatever the form, the order and the rows around it; another period has others."""
    found = ids(read(tmp_path, CSV))
    assert len(set(found)) == len(found)
    assert ids(read(tmp_path, YAML, "goals.yaml")) == found
    header, first, second = CSV.splitlines()
    assert set(ids(read(tmp_path, csv(header, second, "", first)))) == set(found)
    assert not set(ids(read(tmp_path, CSV), "2026-Q4")) & set(found)


def test_ids_are_those_of_earlier_versions(tmp_path: Path) -> None:
    """A file that an earlier version imported gives nothing twice, with a spreadsheet's line end in a cell too."""
    found = ids(read(tmp_path, 'rep,statement\r\nR-014,"two\r\nlines"\r\n'))
    assert found == ["9edfba52-ffce-5f6d-af99-b68537354b61"]


def test_another_target_is_another_goal(tmp_path: Path) -> None:
    """Edited content is no longer the same entry."""
    assert not set(ids(read(tmp_path, CSV.replace(",45%,", ",46%,")))[:3]) & set(ids(read(tmp_path, CSV)))


texts = st.text(max_size=12)


@given(
    header=st.lists(st.sampled_from([*COLUMNS, "x"]), min_size=1, max_size=6),
    rows=st.lists(st.lists(texts, max_size=6), max_size=4),
    name=st.sampled_from(["g.csv", "g.yaml"]),
)
def test_rubbish_is_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, header: list[str], rows: list[list[str]], name: str
) -> None:
    """Whatever a file holds, it is read or refused, never a traceback."""
    path = tmp_path_factory.mktemp("goals") / name
    if name.endswith("csv"):
        text = "\n".join([",".join(header), *(",".join(row) for row in rows)])
    else:
        text = "\n".join("- " + "\n  ".join(f"{key}: {value}" for key, value in zip(header, row, strict=False)) for row in rows)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        found: Any = read_goals(path, known=KNOWN)
    except ReviewError:
        return
    assert found
