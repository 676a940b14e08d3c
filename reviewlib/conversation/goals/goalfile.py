"""Goals for many at once, from a YAML or CSV file.

Every cell is read as text with its place, so that both forms follow the same rules and every mistake is named where it stands.
Nothing comes out of a file that has one.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import ValidationError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from reviewlib import files
from reviewlib.conversation.entries import About, Entry, current
from reviewlib.conversation.goals.kpi import folded
from reviewlib.conversation.kinds.plans import Goal, Relevance
from reviewlib.conversation.kinds.record import Side
from reviewlib.errors import PeriodError, SourceError
from reviewlib.params.reading import FileMistake, complaint, compose
from reviewlib.params.rules import Advice, nearest
from reviewlib.periods import FiscalYear, Period

COLUMNS: Final = ("rep", "team", *Goal.model_fields, "milestones")
#: At most so many mistakes are listed; the rest is counted.
SHOWN: Final = 20
#: What stands for "take the baseline from the scorecard", beside nothing at all.
FROM_SCORECARD: Final = "from the scorecard"
_IDS: Final = uuid.UUID("6f0c3c55-53c1-5d0a-9f4e-6a3f0e4c2b11")
_NUMBER: Final = re.compile(r"([-+\N{MINUS SIGN}]?)(\d+(?:\.\d+)?)\s*(%?)")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
#: Milestones in one CSV cell: a semicolon that a date follows parts them, so that a text may hold one.
_BETWEEN: Final = re.compile(rf";\s*(?={_DAY.pattern}\s*:|$)")
#: A percentage written without its sign is a slip of a factor of 100 from here on.
_NO_PERCENTAGE: Final = 10
_CHOICES: Final[Mapping[str, Sequence[str]]] = {"relevance": get_args(Relevance), "owner": get_args(Side)}
_NULL: Final = "tag:yaml.org,2002:null"


@dataclass(frozen=True)
class Known:
    """What a goals file may name: each rep's team, the KPIs' units, how periods are read."""

    teams: Mapping[str, str | None]
    units: Mapping[str, str]
    fiscal: FiscalYear = field(default_factory=FiscalYear)


@dataclass(frozen=True)
class GivenGoal:
    """One goal for one rep: the fields of the goal and of its milestones, and the line of the file."""

    rep_id: str
    goal: Mapping[str, Any]
    milestones: tuple[Mapping[str, Any], ...]
    line: int


@dataclass(frozen=True)
class Cell:
    """A text and where it stands: ``line 3, column target`` (CSV), ``line 3, column 11, target`` (YAML)."""

    name: str
    text: str
    line: int
    place: str

    def wrong(self, what: str, do: str) -> FileMistake:
        """Say what is wrong with it, and what to do."""
        return FileMistake(self.line, self.place, Advice(what, self.text, do))

    def unknown(self, known: Collection[str], what: str, otherwise: str) -> FileMistake:
        """Say that it is none of the known names, and which of them may be meant; where none is near, what else to do."""
        close = nearest(self.text, known)
        return self.wrong(what, f"Write {close}." if close else otherwise)


@dataclass(frozen=True)
class GoalRow:
    """One goal as it is written: its cells by column, and one cell per milestone.

    ``whole`` is False where some of it could not be read: that something is missing is then no mistake of its own.
    """

    line: int
    cells: Mapping[str, Cell]
    steps: tuple[Cell, ...] = ()
    whole: bool = True

    def cell(self, name: str) -> Cell:
        """The cell of a column; an empty one where the row has none."""
        return self.cells.get(name) or Cell(name, "", self.line, f"line {self.line}, {name}")


def read_goals(path: Path, *, known: Known) -> list[GivenGoal]:
    """Read a goals file; where something in it is wrong, all of that is named.

    Columns (CSV) or keys (YAML, a list of goals): ``rep`` or ``team``, ``statement``, ``kpi``, ``deliverable``, ``scope``,
    ``baseline``, ``target``, ``over``, ``due``, ``relevance``, ``because``, ``owner``, ``milestones``. A team's goal is a
    goal of each of its reps.
    """
    rows, problems = rows_of(path)
    given = [one for row in rows for one in _given(row, known, problems)]
    _refuse(path.name, [*problems, *_given_twice(given)])
    return given


def drafts(given: Sequence[GivenGoal], *, period: Period) -> list[tuple[About, list[dict[str, Any]]]]:
    """Turn goals into what ``records.New`` takes, by review, in the order of the file.

    The ids follow from content, rep and period: importing a file twice writes nothing twice.
    """
    found: dict[About, list[dict[str, Any]]] = {}
    for one in given:
        goal_id = _id(one, period, "goal")
        items = found.setdefault(About("rep", one.rep_id, period.name), [])
        items.append({"kind": "goal", "fields": dict(one.goal), "id": goal_id})
        for at, step in enumerate(one.milestones):
            items.append({"kind": "milestone", "fields": {"of": goal_id, **step}, "id": _id(one, period, f"milestone {at}")})
    return list(found.items())


def refuse_given(path: Path, given: Sequence[GivenGoal], *, period: Period, said: Mapping[About, Sequence[Entry]]) -> None:
    """Refuse goals that a rep has already and that the file has otherwise, so that no correction gives a goal twice.

    ``said`` is what was said in each review, all versions.
    """
    problems: list[FileMistake] = []
    for one in given:
        entries = said.get(About("rep", one.rep_id, period.name), ())
        has = {folded(entry.payload.statement) for entry in current(entries) if isinstance(entry.payload, Goal)}
        statement = str(one.goal["statement"])
        if folded(statement) in has and _id(one, period, "goal") not in {entry.id for entry in entries}:
            do = "Change that goal in the review’s notebook and take this row out; a goal of its own needs words of its own."
            what = f"{one.rep_id} has this goal already in {period}, with other fields or milestones"
            problems.append(_of_line(one.line, what, statement, do))
    _refuse(path.name, problems)


def _id(given: GivenGoal, period: Period, part: str) -> str:
    said = [given.rep_id, period.name, part, given.goal, given.milestones]
    return str(uuid.uuid5(_IDS, json.dumps(said, sort_keys=True, default=str)))


def _given_twice(given: Sequence[GivenGoal]) -> Iterator[FileMistake]:
    first: dict[str, int] = {}
    for one in given:
        said = json.dumps([one.rep_id, one.goal], sort_keys=True, default=str)
        if said in first:
            what, found = f"{one.rep_id} gets the same goal twice", f"it stands on line {first[said]} too"
            yield _of_line(one.line, what, found, "Keep one of the two.")
        first.setdefault(said, one.line)


def rows_of(path: Path) -> tuple[list[GoalRow], list[FileMistake]]:
    """Read the rows of a file, and what is wrong with its form."""
    readers = {".yaml": _yaml_rows, ".yml": _yaml_rows, ".csv": _csv_rows, ".tsv": _csv_rows}
    read = readers.get(path.suffix.lower())
    if read is None:
        found = path.suffix or "no ending"
        raise SourceError("A goals file is YAML or CSV.", where=path.name, found=found, do="Name it .yaml or .csv.")
    try:
        content = files.read(path, files.GOALS_BYTES, SourceError, do="Split it: each file is recorded on its own.")
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"the byte 0x{error.object[error.start]:02x}"
        raise SourceError("This goals file is not in UTF-8.", where=path.name, found=found, do="Save it as UTF-8.") from None
    except OSError as error:
        raise SourceError(
            "This goals file cannot be read.", where=path.name, found=error.strerror, do="Check the path."
        ) from None
    rows, problems = read(text, path.name)
    if not rows and not problems:
        raise SourceError("This goals file holds no goal.", where=path.name, do=f"Columns: {', '.join(COLUMNS)}.")
    return rows, problems


def _refuse(name: str, mistakes: Sequence[FileMistake]) -> None:
    """Stop where there is a mistake, naming all of them."""
    if mistakes:
        raise complaint(SourceError, name, mistakes, file="goals file", undone="written", most=SHOWN, quote=repr)


def _of_line(line: int, what: str, found: str, do: str) -> FileMistake:
    return FileMistake(line, f"line {line}", Advice(what, found, do))


def _misnamed(names: Sequence[Cell], noun: str) -> Iterator[FileMistake]:
    """Name the columns or keys that there are not, and those that stand twice."""
    seen: set[str] = set()
    for cell in names:
        if cell.text not in COLUMNS:
            yield cell.unknown(COLUMNS, f"there is no such {noun}", f"There are {', '.join(COLUMNS)}.")
        elif cell.text in seen:
            yield cell.wrong(f"this {noun} stands twice", "Keep one of the two.")
        seen.add(cell.text)


def _csv_rows(text: str, name: str) -> tuple[list[GoalRow], list[FileMistake]]:
    head = text.lstrip().partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), strict=True)
    header: list[str] = []
    rows: list[GoalRow] = []
    problems: list[FileMistake] = []
    try:
        start = 1
        for cells in reader:
            line, start = start, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if header:
                rows += _csv_row(header, cells, line, problems)
            else:
                header = [cell.strip().lower() for cell in cells]
                named = [Cell("column", text, line, f"line {line}, column {at}") for at, text in enumerate(header, start=1)]
                problems += _misnamed(named, "column")
    except csv.Error as error:
        where = f"{name}, line {reader.line_num}"
        raise SourceError("This is no valid CSV.", where=where, found=str(error), do="Check the quotes.") from None
    return rows, problems


def _csv_row(header: Sequence[str], cells: Sequence[str], line: int, problems: list[FileMistake]) -> Iterator[GoalRow]:
    if len(cells) != len(header):
        what, found = "this row is not as long as the first one", f"{len(cells)} cells"
        do = f"Fill in {len(header)} cells, as in the first line; put a text that holds the separator in quotes."
        problems.append(_of_line(line, what, found, do))
        return
    found_cells = {
        column: Cell(column, text.strip(), line, f"line {line}, column {column}")
        for column, text in zip(header, cells, strict=True)
    }
    written = found_cells.pop("milestones", None)
    texts = [part.strip() for part in _BETWEEN.split(written.text)] if written else []
    steps = tuple(Cell("milestones", text, line, f"line {line}, column milestones") for text in texts if text)
    yield GoalRow(line, found_cells, steps, whole=set(header) <= set(COLUMNS))


def _yaml_rows(text: str, name: str) -> tuple[list[GoalRow], list[FileMistake]]:
    """Read the list of goals, which may stand under the one key ``goals``."""
    root = compose(text, name, SourceError)
    if isinstance(root, MappingNode) and [key.value for key, _ in root.value] == ["goals"]:
        root = root.value[0][1]
    if root is not None and not isinstance(root, SequenceNode):
        where = f"{name}, line {root.start_mark.line + 1}, column {root.start_mark.column + 1}"
        raise SourceError("A goals file is a list of goals.", where=where, do="Begin each goal with `- rep:` or `- team:`.")
    problems: list[FileMistake] = []
    rows = [row for node in (root.value if root is not None else ()) for row in _yaml_row(node, problems)]
    return rows, problems


def _cell(name: str, node: Node) -> Cell:
    """A scalar's own text, as it is written; a date stays what it looks like."""
    line, column = node.start_mark.line + 1, node.start_mark.column + 1
    text = "" if node.tag == _NULL or not isinstance(node, ScalarNode) else str(node.value).strip()
    return Cell(name, text, line, f"line {line}, column {column}, {name}")


def _yaml_row(node: Node, problems: list[FileMistake]) -> Iterator[GoalRow]:
    first = _cell("goal", node)
    if not isinstance(node, MappingNode):
        problems.append(first.wrong("a goal is a list of keys", "Begin it with `rep:` or `team:`."))
        return
    keys = [_cell("key", key) for key, _ in node.value]
    wrong = list(_misnamed(keys, "key"))
    cells: dict[str, Cell] = {}
    steps: list[Cell] = []
    for at, (_, value) in zip(keys, node.value, strict=True):
        if at.text == "milestones" and at.text not in cells:
            steps = list(_yaml_steps(value))
        elif at.text in COLUMNS and at.text not in cells and not isinstance(value, ScalarNode):
            wrong.append(replace(at, text="").wrong(f"{at.text} is one text, no list", "Write a goal for each."))
        cell = _cell(at.text, value)
        # Nothing has no place of its own; the key has.
        cells[at.text] = cell if cell.text else replace(cell, line=at.line, place=at.place.replace("key", at.text))
    cells.pop("milestones", None)
    problems += wrong
    yield GoalRow(first.line, cells, tuple(steps), whole=not wrong)


def _yaml_steps(node: Node) -> Iterator[Cell]:
    """Each milestone as ``date: text``, however YAML reads it: a text, a pair, or the keys ``due`` and ``text``."""
    for item in node.value if isinstance(node, SequenceNode) else [node]:
        cell = _cell("milestones", item)
        if isinstance(item, MappingNode):
            pairs = {str(key.value): _cell("milestones", value).text for key, value in item.value}
            if set(pairs) == {"due", "text"}:
                pairs = {pairs["due"]: pairs["text"]}
            yield from (replace(cell, text=f"{date}: {text}") for date, text in pairs.items())
        elif cell.text or item is not node:
            yield cell


def _given(row: GoalRow, known: Known, problems: list[FileMistake]) -> Iterator[GivenGoal]:
    """Read a row; where something in it is wrong, that goes to the problems and nothing comes out."""
    reps, steps = _reps(row, known), [_milestone(cell, known) for cell in row.steps]
    cells = [cell for cell in (row.cell(name) for name in Goal.model_fields) if cell.text]
    read = {cell.name: _READERS.get(cell.name, _text)(cell, known) for cell in cells}
    wrong = [one for one in (reps, *steps, *read.values()) if isinstance(one, FileMistake)]
    goal = {name: value for name, value in read.items() if value is not None and not isinstance(value, FileMistake)}
    if row.whole and "statement" not in goal:
        wrong.append(row.cell("statement").wrong("a goal needs a statement", "Say in one sentence what is to be reached."))
    if known.units.get(str(goal.get("kpi", ""))) == "percent":
        for cell in (row.cell("baseline"), row.cell("target")):
            if abs(goal.get(cell.name, 0)) >= _NO_PERCENTAGE and "%" not in cell.text:
                wrong.append(cell.wrong(f"{goal['kpi']} is a percentage", f"Write {cell.text}%, or the fraction."))
    if row.whole and not wrong:
        try:
            Goal.model_validate(goal)  # lengths, and characters that cannot be stored
        except ValidationError as error:
            for item in error.errors(include_url=False, include_input=False):
                cell = row.cell(str(item["loc"][0]) if item["loc"] else "statement")
                wrong.append(cell.wrong(f"{cell.name}: {item['msg'].removeprefix('Value error, ')}", "Change that."))
    problems += wrong
    if not wrong:
        yield from (GivenGoal(rep_id, goal, tuple(steps), row.line) for rep_id in reps)


# What follows reads one thing of a row; where it is wrong, the problem is the answer.


def _reps(row: GoalRow, known: Known) -> Any:
    """The reps that a row is for: one by id, or all of a team."""
    rep, team, teams = row.cell("rep"), row.cell("team"), known.teams
    if rep.text and not team.text:
        return [rep.text] if rep.text in teams else rep.unknown(teams, "there is no rep of this name", "Check the rep.")
    if team.text and not rep.text:
        names = sorted({name for name in teams.values() if name})
        found = [rep_id for rep_id, name in teams.items() if name == team.text]
        return found or team.unknown(names, "there is no team of this name", "Check the team.")
    if rep.text or row.whole:
        what = "a goal is for a rep or for a team" + (", not for both" if rep.text else "")
        return rep.wrong(what, "Fill in one of rep and team.")
    return []


def _text(cell: Cell, _known: Known) -> str:
    return cell.text


def _number(cell: Cell, _known: Known) -> float | FileMistake | None:
    if cell.name == "baseline" and cell.text.lower() == FROM_SCORECARD:
        return None
    match = _NUMBER.fullmatch(cell.text)
    if match is None:
        return cell.wrong(f"{cell.name} is no number", "Write it as 375000, 0.45 or 45%.")
    size = float(match[2])
    # Through text, so that 45.3% is 0.453 and not 0.45299999999999996.
    size = float(f"{size / 100:.15g}") if match[3] else size
    return size if match[1] in ("", "+") else -size


def _date(cell: Cell, _known: Known) -> dt.date | FileMistake:
    try:
        return dt.date.fromisoformat(cell.text if _DAY.fullmatch(cell.text) else "")
    except ValueError:
        return cell.wrong(f"{cell.name} is no date", "Write it as 2026-12-31.")


def _over(cell: Cell, known: Known) -> str | FileMistake:
    try:
        return Period.parse(cell.text, known.fiscal).name
    except PeriodError:
        return cell.wrong("over is no period", "Write FY2026, 2026-H2, 2026-Q4 or 2026-12.")


def _choice(cell: Cell, _known: Known) -> str | FileMistake:
    text, names = cell.text.lower(), _CHOICES[cell.name]
    listed = ", ".join(names)
    return text if text in names else cell.unknown(names, f"{cell.name} is none of {listed}", f"Write one of {listed}.")


def _kpi(cell: Cell, known: Known) -> str | FileMistake:
    missing = "there is no KPI of this name"
    return cell.text if cell.text in known.units else cell.unknown(known.units, missing, "Check the KPI.")


def _milestone(cell: Cell, known: Known) -> Any:
    """Read ``2026-11-13: what is there by then``."""
    date, colon, text = (part.strip() for part in cell.text.partition(":"))
    if not colon or not text or not _DAY.fullmatch(date):
        return cell.wrong("a milestone is a date and what is there by then", "Write it as 2026-11-13: 45 new deals opened.")
    due = _date(replace(cell, name="milestone", text=date), known)
    return due if isinstance(due, FileMistake) else {"text": text, "due": due}


#: How a field of a goal is read that is no plain text.
_READERS: Final[Mapping[str, Callable[[Cell, Known], Any]]] = {
    "kpi": _kpi,
    "baseline": _number,
    "target": _number,
    "over": _over,
    "due": _date,
    "relevance": _choice,
    "owner": _choice,
}
