"""Goals for many at once, from a YAML or CSV file.

Every cell is read as text with its place, so that both forms follow the same rules and every mistake is named where it stands.
Nothing comes out of a file that has one.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import ValidationError

from reviewlib.conversation.entries import About, Entry, current
from reviewlib.conversation.goals.goalrows import Cell, GoalFileProblem, GoalRow, complain, rows_of
from reviewlib.conversation.kinds import Goal, Relevance, Side
from reviewlib.errors import PeriodError
from reviewlib.params.rules import nearest
from reviewlib.periods import FiscalYear, Period

#: What stands for "take the baseline from the scorecard", beside nothing at all.
FROM_SCORECARD: Final = "from the scorecard"
_IDS: Final = uuid.UUID("6f0c3c55-53c1-5d0a-9f4e-6a3f0e4c2b11")
_NUMBER: Final = re.compile(r"([-+\N{MINUS SIGN}]?)(\d+(?:\.\d+)?)\s*(%?)")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
#: A percentage written without its sign is a slip of a factor of 100 from here on.
_NO_PERCENTAGE: Final = 10


@dataclass(frozen=True)
class Known:
    """What a goals file may name: each rep's team, the KPIs' units, how periods are read."""

    teams: Mapping[str, str | None]
    units: Mapping[str, str]
    fiscal: FiscalYear = field(default_factory=FiscalYear)


@dataclass(frozen=True)
class Given:
    """One goal for one rep: the fields of the goal and of its milestones, and the line of the file."""

    rep_id: str
    goal: Mapping[str, Any]
    milestones: tuple[Mapping[str, Any], ...]
    line: int


@dataclass
class _RowReader:
    """Reads the cells of one row and keeps what is wrong."""

    known: Known
    problems: list[GoalFileProblem] = field(default_factory=list)

    def wrong(self, cell: Cell, what: str, do: str) -> None:
        self.problems.append(GoalFileProblem(cell.line, cell.place, what, cell.text, do))


def read_goals(path: Path, *, known: Known) -> list[Given]:
    """Read a goals file.

    Columns (CSV) or keys (YAML, a list of goals): ``rep`` or ``team``, ``statement``, ``kpi``, ``deliverable``, ``scope``,
    ``baseline``, ``target``, ``over``, ``due``, ``relevance``, ``because``, ``owner``, ``milestones``. A team's goal is a
    goal of each of its reps.

    Raises:
        SourceError: The file cannot be read, or something in it is wrong; everything that is wrong is named.
    """
    reader = _RowReader(known)
    rows, problems = rows_of(path)
    reader.problems += problems
    given = [one for row in rows for one in _given(row, reader)]
    _refuse_twice(given, reader)
    complain(path.name, reader.problems)
    return given


def drafts(given: Sequence[Given], *, period: Period) -> list[tuple[About, list[dict[str, Any]]]]:
    """Turn goals into what ``records.New`` takes, by review, in the order of the file.

    The ids follow from content, rep and period: importing a file twice writes nothing twice.
    """
    found: dict[About, list[dict[str, Any]]] = {}
    for one in given:
        goal_id = _id(one, period, "goal")
        items = found.setdefault(About("rep", one.rep_id, period.name), [])
        items.append({"kind": "goal", "fields": dict(one.goal), "id": goal_id})
        for at, step in enumerate(one.milestones):
            fields = {"of": goal_id, **step}
            items.append({"kind": "milestone", "fields": fields, "id": _id(one, period, f"milestone {at}")})
    return list(found.items())


def refuse_given(path: Path, given: Sequence[Given], *, period: Period, said: Mapping[About, Sequence[Entry]]) -> None:
    """Refuse goals that a rep has already and that the file has otherwise, so that no correction gives a goal twice.

    Args:
        path: The file.
        given: What it holds.
        period: Of the reviews.
        said: What was said in each review, all versions.

    Raises:
        SourceError: There are some; each is named with its line.
    """
    problems: list[GoalFileProblem] = []
    for one in given:
        entries = said.get(About("rep", one.rep_id, period.name), ())
        has = {_folded(entry.payload.statement) for entry in current(entries) if isinstance(entry.payload, Goal)}
        statement = str(one.goal["statement"])
        if _folded(statement) in has and _id(one, period, "goal") not in {entry.id for entry in entries}:
            do = "Change that goal in the review’s notebook and take this row out; a goal of its own needs words of its own."
            what = f"{one.rep_id} has this goal already in {period}, with other fields or milestones"
            problems.append(GoalFileProblem(one.line, f"line {one.line}", what, statement, do))
    complain(path.name, problems)


def _folded(statement: str) -> str:
    return " ".join(statement.casefold().split())


def _id(given: Given, period: Period, part: str) -> str:
    said = [given.rep_id, period.name, part, given.goal, given.milestones]
    return str(uuid.uuid5(_IDS, json.dumps(said, sort_keys=True, default=str)))


def _refuse_twice(given: Sequence[Given], reader: _RowReader) -> None:
    first: dict[str, int] = {}
    for one in given:
        said = json.dumps([one.rep_id, one.goal], sort_keys=True, default=str)
        if said in first:
            what = f"{one.rep_id} gets the same goal twice"
            place = f"line {one.line}"
            reader.problems.append(
                GoalFileProblem(one.line, place, what, f"it stands on line {first[said]} too", "Keep one of the two.")
            )
        first.setdefault(said, one.line)


def _given(row: GoalRow, reader: _RowReader) -> Iterator[Given]:
    before = len(reader.problems)
    reps = _reps(row, reader)
    goal = {name: value for name, read in _READERS.items() if (value := read(row.cell(name), reader)) is not None}
    if row.whole and "statement" not in goal:
        reader.wrong(row.cell("statement"), "a goal needs a statement", "Say in one sentence what is to be reached.")
    for name in ("baseline", "target"):
        _check_unit(row.cell(name), goal.get(name), str(goal.get("kpi", "")), reader)
    milestones = tuple(step for cell in row.steps if (step := _milestone(cell, reader)))
    if row.whole and len(reader.problems) == before:
        _check_model(row, goal, reader)
    if len(reader.problems) == before:
        yield from (Given(rep_id, goal, milestones, row.line) for rep_id in reps)


def _check_model(row: GoalRow, goal: Mapping[str, Any], reader: _RowReader) -> None:
    """Hold the goal against its model: lengths, and characters that cannot be stored."""
    try:
        Goal.model_validate(goal)
    except ValidationError as error:
        for item in error.errors(include_url=False, include_input=False):
            cell = row.cell(str(item["loc"][0]) if item["loc"] else "statement")
            reader.wrong(cell, f"{cell.name}: {item['msg'].removeprefix('Value error, ')}", "Change that.")


def _check_unit(cell: Cell, value: object, kpi: str, reader: _RowReader) -> None:
    percentage = reader.known.units.get(kpi) == "percent"
    if percentage and isinstance(value, float) and "%" not in cell.text and abs(value) >= _NO_PERCENTAGE:
        reader.wrong(cell, f"{kpi} is a percentage", f"Write {cell.text}%, or the fraction.")


def _reps(row: GoalRow, reader: _RowReader) -> list[str]:
    """The reps that a row is for: one by id, or all of a team."""
    rep, team, teams = row.cell("rep"), row.cell("team"), reader.known.teams
    if not rep.text and not team.text and not row.whole:
        return []
    if bool(rep.text) == bool(team.text):
        what = "a goal is for a rep or for a team" + (", not for both" if rep.text else "")
        reader.wrong(rep, what, "Fill in one of rep and team.")
        return []
    if rep.text:
        return [rep.text] if _one_of(rep, list(teams), "rep", reader) else []
    names = sorted({name for name in teams.values() if name})
    return [rep_id for rep_id, name in teams.items() if name == team.text] if _one_of(team, names, "team", reader) else []


def _one_of(cell: Cell, known: Sequence[str], noun: str, reader: _RowReader) -> bool:
    if cell.text in known:
        return True
    close = nearest(cell.text, known)
    reader.wrong(cell, f"there is no {noun} of this name", f"Write {close}." if close else f"Check the {noun}.")
    return False


def _text(cell: Cell, reader: _RowReader) -> str | None:
    return cell.text or None


def _number(cell: Cell, reader: _RowReader) -> float | None:
    if not cell.text:
        return None
    match = _NUMBER.fullmatch(cell.text)
    if match is None:
        reader.wrong(cell, f"{cell.name} is no number", "Write it as 375000, 0.45 or 45%.")
        return None
    size = float(match[2])
    # Through text, so that 45.3% is 0.453 and not 0.45299999999999996.
    size = float(f"{size / 100:.15g}") if match[3] else size
    return size if match[1] in ("", "+") else -size


def _baseline(cell: Cell, reader: _RowReader) -> float | None:
    return None if cell.text.lower() == FROM_SCORECARD else _number(cell, reader)


def _date(cell: Cell, reader: _RowReader) -> dt.date | None:
    if not cell.text:
        return None
    try:
        if _DAY.fullmatch(cell.text):
            return dt.date.fromisoformat(cell.text)
    except ValueError:
        pass
    reader.wrong(cell, f"{cell.name} is no date", "Write it as 2026-12-31.")
    return None


def _over(cell: Cell, reader: _RowReader) -> str | None:
    try:
        return Period.parse(cell.text, reader.known.fiscal).name if cell.text else None
    except PeriodError:
        reader.wrong(cell, "over is no period", "Write FY2026, 2026-H2, 2026-Q4 or 2026-12.")
        return None


def _choice(*known: str) -> Callable[[Cell, _RowReader], str | None]:
    def read(cell: Cell, reader: _RowReader) -> str | None:
        text = cell.text.lower()
        if not text or text in known:
            return text or None
        close = nearest(text, known)
        do = f"Write {close}." if close else f"Write one of {', '.join(known)}."
        reader.wrong(cell, f"{cell.name} is none of {', '.join(known)}", do)
        return None

    return read


def _kpi(cell: Cell, reader: _RowReader) -> str | None:
    return cell.text if cell.text and _one_of(cell, list(reader.known.units), "KPI", reader) else None


def _milestone(cell: Cell, reader: _RowReader) -> dict[str, Any] | None:
    """Read ``2026-11-13: what is there by then``."""
    date, colon, text = (part.strip() for part in cell.text.partition(":"))
    if not colon or not text or not _DAY.fullmatch(date):
        reader.wrong(cell, "a milestone is a date and what is there by then", "Write it as 2026-11-13: 45 new deals opened.")
        return None
    due = _date(Cell("milestone", date, cell.line, cell.place), reader)
    return {"text": text, "due": due}


#: How each field of a goal is read.
_READERS: Final[Mapping[str, Callable[[Cell, _RowReader], Any]]] = {
    "statement": _text,
    "kpi": _kpi,
    "deliverable": _text,
    "scope": _text,
    "baseline": _baseline,
    "target": _number,
    "over": _over,
    "due": _date,
    "relevance": _choice(*get_args(Relevance)),
    "because": _text,
    "owner": _choice(*get_args(Side)),
}
