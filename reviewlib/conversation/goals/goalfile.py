"""Goals for many at once, from a YAML or CSV file.

Both forms are rows of texts by column, checked by one model. Nothing comes out of a file that holds a mistake, and every
mistake is named where it stands.
"""

import csv
import datetime as dt
import io
import json
import re
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NoReturn

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from reviewlib import files
from reviewlib.conversation.entries import About, Entry, current
from reviewlib.conversation.goals.kpi import folded, over_of
from reviewlib.conversation.kinds.plans import Goal
from reviewlib.conversation.kinds.record import Said
from reviewlib.errors import SourceError
from reviewlib.params import mistakes as wordings
from reviewlib.params import rules, written
from reviewlib.params.rules import Advice, Key
from reviewlib.params.written import FileMistake, Written
from reviewlib.periods import FiscalYear, Period

COLUMNS: Final = ("rep", "team", *Goal.model_fields, "milestones")
#: What stands for "take the baseline from the scorecard", beside nothing at all.
FROM_SCORECARD: Final = "from the scorecard"
_IDS: Final = uuid.UUID("6f0c3c55-53c1-5d0a-9f4e-6a3f0e4c2b11")
_NUMBER: Final = re.compile(r"([-+\N{MINUS SIGN}]?)(\d+(?:\.\d+)?)\s*(%?)")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
#: Milestones in one CSV cell: a semicolon that a date follows parts them, so that a text may hold one.
_BETWEEN: Final = re.compile(rf";\s*(?={_DAY.pattern}\s*:|$)")
#: A percentage written without its sign is a slip of a factor of 100 from here on.
_NO_PERCENTAGE: Final = 10
#: Given on as they are written, line ends included: the id of a goal is made of them, and no release may make another.
_WORDS: Final = ("statement", "deliverable", "scope", "because")


@dataclass(frozen=True)
class Known:
    """What a goals file may name: each rep's team, the KPIs' units, how periods are read.

    Of a row that is not ``whole`` it is no mistake that something is missing.
    """

    teams: Mapping[str, str | None]
    units: Mapping[str, str]
    fiscal: FiscalYear = field(default_factory=FiscalYear)
    whole: bool = True


@dataclass(frozen=True)
class GivenGoal:
    """One goal for one rep: the fields of the goal and of its milestones, and the line of the file."""

    rep_id: str
    goal: Mapping[str, Any]
    milestones: tuple[Mapping[str, Any], ...]
    line: int


@dataclass(frozen=True)
class GoalRow:
    """One goal as it is written.

    Attributes:
        line: Where it begins.
        texts: Its texts by column.
        file: The file and the row's path in it, where texts stand on lines of their own.
        place: What stands before a column's name in messages.
        whole: Whether every column has a name that there is.
    """

    line: int
    texts: Mapping[str, Any]
    file: tuple[Written, Key] | None = None
    place: str = ""
    whole: bool = True

    def mistakes(self, error: ValidationError) -> Iterator[FileMistake]:
        """What is wrong with its texts, each where it stands."""
        for key, advice in written.findings(error, WrittenGoal):
            line = self.file[0].line((*self.file[1], *key)) if self.file else self.line
            if self.whole or advice.what != wordings.MISSING:
                yield FileMistake(line, f"line {line}, {self.place}{key[0]}", advice)


# What follows reads one text of a row into a value of a goal; what a file may name is the context.


def _known(info: ValidationInfo) -> Known:
    assert isinstance(info.context, Known)
    return info.context


def _wrong(what: str, found: object, do: str) -> NoReturn:
    rules.refuse([((), Advice(what, repr(found) if found else "", do))])
    raise AssertionError


def _one_of(text: str, known: Collection[str], noun: str) -> str:
    rules.refuse(
        rules.known_names([((), text)], known, what=f"there is no {noun} of this name", otherwise=f"Check the {noun}.")
    )
    return text


def _number(text: str, info: ValidationInfo) -> float:
    match = _NUMBER.fullmatch(text)
    if match is None:
        _wrong(f"{info.field_name} is no number", text, "Write it as 375000, 0.45 or 45%.")
    size, kpi = float(match[2]), str(info.data.get("kpi"))
    # Through text, so that 45.3% is 0.453 and not 0.45299999999999996.
    size = float(f"{size / 100:.15g}") if match[3] else size
    if size >= _NO_PERCENTAGE and not match[3] and _known(info).units.get(kpi) == "percent":
        _wrong(f"{kpi} is a percentage", text, f"Write {text}%, or the fraction.")
    return size if match[1] in ("", "+") else -size


def _over(text: str, info: ValidationInfo) -> str:
    period = over_of(text, _known(info).fiscal)
    return str(period) if period else _wrong("over is no period", text, "Write FY2026, 2026-H2, 2026-Q4 or 2026-12.")


def _day(text: str, _: ValidationInfo) -> dt.date:
    try:
        return dt.date.fromisoformat(text if _DAY.fullmatch(text) else "")
    except ValueError:
        _wrong("this is not a date", text, "Write it as 2026-12-31.")


def _team(text: str, info: ValidationInfo) -> str:
    if "rep" in info.data and bool(text) == bool(info.data["rep"]) and (text or _known(info).whole):
        what = "a goal is for a rep or for a team" + (", not for both" if text else "")
        _wrong(what, text, "Fill in one of rep and team.")
    return _one_of(text, {name for name in _known(info).teams.values() if name}, "team") if text else text


def _steps(items: Sequence[Sequence[str]], _: ValidationInfo) -> list[dict[str, Any]]:
    """Read ``2026-11-13: what is there by then``, one or more in each entry of the file's list."""
    what, do = "a milestone is a date and what is there by then", "Write it as 2026-11-13: 45 new deals opened."
    steps: list[dict[str, Any]] = []
    wrong: list[rules.Finding] = []
    for at, text in [(at, text) for at, texts in enumerate(items) for text in texts]:
        date, said = (part.strip() for part in text.partition(":")[::2])
        try:
            steps.append({"text": said, "due": dt.date.fromisoformat(date if _DAY.fullmatch(date) and said else "")})
        except ValueError:
            wrong.append(((str(at),), Advice(what, repr(text), do)))
    rules.refuse(wrong)
    return steps


_READERS: Final[Mapping[str, Callable[[Any, ValidationInfo], Any]]] = {
    "kpi": lambda text, info: _one_of(text, _known(info).units, "KPI"),
    "baseline": _number,
    "target": _number,
    "over": _over,
    "due": _day,
    "relevance": lambda text, _: text.lower(),
    "owner": lambda text, _: text.lower(),
    "rep": lambda text, info: _one_of(text, _known(info).teams, "rep"),
    "team": _team,
    "milestones": _steps,
}


class WrittenGoal(Goal):
    """A goal as a file has it, for a rep or for all of a team."""

    statement: Said = Field(description="in one sentence, what is to be reached.")
    rep: str = ""
    team: str = Field("", validate_default=True)
    milestones: tuple[dict[str, Any], ...] = ()

    @field_validator(*_READERS, mode="before")
    @classmethod
    def _read(cls, text: Any, info: ValidationInfo) -> Any:
        if not isinstance(text, str) and info.field_name != "milestones":
            _wrong(f"{info.field_name} is one text, no list", "", "Write a goal for each.")
        return _READERS[str(info.field_name)](text, info)


def read_goals(path: Path, *, known: Known) -> list[GivenGoal]:
    """Read a goals file; where something in it is wrong, all of that is named.

    Columns (CSV) or keys (YAML, a list of goals): ``rep`` or ``team``, ``statement``, ``kpi``, ``deliverable``, ``scope``,
    ``baseline``, ``target``, ``over``, ``due``, ``relevance``, ``because``, ``owner``, ``milestones``. A team's goal is a
    goal of each of its reps.
    """
    rows, mistakes = rows_of(path)
    given: list[GivenGoal] = []
    for row in rows:
        stripped = {name: text.strip() if isinstance(text, str) else text for name, text in row.texts.items()}
        texts = {name: text for name, text in stripped.items() if text not in ("", [])}
        if str(texts.get("baseline")).lower() == FROM_SCORECARD:
            del texts["baseline"]
        try:
            goal = WrittenGoal.model_validate(texts, context=replace(known, whole=row.whole))
        except ValidationError as error:
            mistakes += row.mistakes(error)
            continue
        reps = [goal.rep] if goal.rep else [rep_id for rep_id, team in known.teams.items() if team == goal.team]
        fields = goal.model_dump(include=set(Goal.model_fields), exclude_unset=True)
        fields |= {name: texts[name] for name in _WORDS if name in texts}
        given += [GivenGoal(rep_id, fields, goal.milestones, row.line) for rep_id in reps]
    _complain(path.name, [*mistakes, *_given_twice(given)])
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
    _complain(path.name, problems)


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
    do = "Split it: each file is recorded on its own."
    with SourceError.of_disk("This goals file cannot be read.", where=path.name, do="Check the path."):
        text = written.text_of(path, path.name, files.GOALS_BYTES, SourceError, noun="goals file", do=do)
    rows, mistakes = read(text, path.name)
    if not rows and not mistakes:
        raise SourceError("This goals file holds no goal.", where=path.name, do=f"Columns: {', '.join(COLUMNS)}.")
    return rows, mistakes


def _complain(name: str, mistakes: Sequence[FileMistake]) -> None:
    """Stop where there is a mistake, naming all of them."""
    if mistakes:
        raise written.complaint(SourceError, name, mistakes, noun="goals file", undone="written")


def _of_line(line: int, what: str, found: str, do: str) -> FileMistake:
    return FileMistake(line, f"line {line}", Advice(what, found, do))


def _csv_rows(text: str, name: str) -> tuple[list[GoalRow], list[FileMistake]]:
    head = text.lstrip().partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), strict=True)
    header: list[str] = []
    rows: list[GoalRow] = []
    mistakes: list[FileMistake] = []
    try:
        start = 1
        for cells in reader:
            line, start = start, reader.line_num + 1
            texts = [cell.strip() for cell in cells]
            if not any(texts):
                continue
            if not header:
                header = [text.lower() for text in texts]
                mistakes += _misnamed(header, line)
            elif len(texts) != len(header):
                do = f"Fill in {len(header)} cells, as in the first line; put a text that holds the separator in quotes."
                mistakes.append(_of_line(line, "this row is not as long as the first one", f"{len(texts)} cells", do))
            else:
                row: dict[str, Any] = {name: text for name, text in zip(header, texts, strict=True) if name in COLUMNS}
                row["milestones"] = [[step] for step in _BETWEEN.split(row.get("milestones", "")) if step.strip()]
                rows.append(GoalRow(line, row, place="column ", whole=set(header) <= {*COLUMNS}))
    except csv.Error as error:
        where = f"{name}, line {reader.line_num}"
        raise SourceError("This is no valid CSV.", where=where, found=str(error), do="Check the quotes.") from None
    return rows, mistakes


def _misnamed(header: Sequence[str], line: int) -> Iterator[FileMistake]:
    """Name the columns that there are not, and those that stand twice."""
    seen: set[str] = set()
    for at, column in enumerate(header, start=1):
        otherwise = f"There are {', '.join(COLUMNS)}."
        found = rules.known_names([((), column)], COLUMNS, what="there is no such column", otherwise=otherwise)
        if column in seen:
            found = iter([((), Advice("this column stands twice", column, "Keep one of the two."))])
        seen.add(column)
        yield from (FileMistake(line, f"line {line}, column {at}", advice) for _, advice in found)


def _yaml_rows(text: str, name: str) -> tuple[list[GoalRow], list[FileMistake]]:
    """Read the list of goals, which may stand under the one key ``goals``."""
    found = written.read_yaml(text, name, SourceError, as_text=True)
    if found is None:
        return [], []
    goals, above = found.value, tuple[str, ...]()
    if isinstance(goals, dict) and list(goals) == ["goals"]:
        goals, above = goals["goals"], ("goals",)
    if not isinstance(goals, list):
        where = f"{name}, line {found.line(above)}"
        raise SourceError("A goals file is a list of goals.", where=where, do="Begin each goal with `- rep:` or `- team:`.")
    rows: list[GoalRow] = []
    mistakes = [*found.twice]
    for at, goal in enumerate(goals):
        key = (*above, str(at))
        line = found.line(key)
        if isinstance(goal, dict):
            texts = goal | {"milestones": list(_dated(goal.get("milestones", "")))}
            rows.append(GoalRow(line, texts, (found, key), whole=goal.keys() <= {*COLUMNS}))
        else:
            mistakes.append(_of_line(line, "a goal is a list of keys", repr(goal), "Begin it with `rep:` or `team:`."))
    return rows, mistakes


def _dated(value: Any) -> Iterator[list[str]]:
    """Each entry's milestones as ``date: text``, however YAML reads it: a text, pairs, or the keys ``due`` and ``text``."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            pairs = {item["due"]: item["text"]} if item.keys() == {"due", "text"} else item
            yield [f"{date}: {text}" for date, text in pairs.items()]
        elif item or item is not value:
            yield [str(item)]
