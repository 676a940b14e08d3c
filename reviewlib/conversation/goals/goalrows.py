"""The rows of a goals file, YAML or CSV, as cells of text that know where they stand."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from reviewlib import files
from reviewlib.errors import SourceError
from reviewlib.params.reading import compose
from reviewlib.params.rules import nearest

COLUMNS: Final = (
    "rep", "team", "statement", "kpi", "deliverable", "scope", "baseline", "target", "over", "due", "relevance", "because",
    "owner", "milestones",
)  # fmt: skip
#: At most so many mistakes are listed; the rest is counted.
SHOWN: Final = 20
_DATE: Final = r"\d{4}-\d{2}-\d{2}"
#: Milestones in one CSV cell: a semicolon that a date follows parts them, so that a text may hold one.
_BETWEEN: Final = re.compile(rf";\s*(?={_DATE}\s*:|$)")
_NULL: Final = "tag:yaml.org,2002:null"


@dataclass(frozen=True)
class Cell:
    """A text and where it stands: ``line 3, column target`` (CSV), ``line 3, column 11, target`` (YAML)."""

    name: str
    text: str
    line: int
    place: str


@dataclass(frozen=True, order=True)
class GoalFileProblem:
    """One mistake in a file."""

    line: int
    place: str
    what: str
    found: str
    do: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}{f' (found {self.found!r})' if self.found else ''}. {self.do}"


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


Rows = tuple[list[GoalRow], list[GoalFileProblem]]


def rows_of(path: Path) -> Rows:
    """Read the rows of a file, and what is wrong with its form.

    Raises:
        SourceError: It is missing, no text in UTF-8, or neither YAML nor CSV.
    """
    readers = {".yaml": _yaml_rows, ".yml": _yaml_rows, ".csv": _csv_rows, ".tsv": _csv_rows}
    read = readers.get(path.suffix.lower())
    if read is None:
        found = path.suffix or "no ending"
        raise SourceError("A goals file is YAML or CSV.", where=path.name, found=found, do="Name it .yaml or .csv.")
    rows, problems = read(_text(path), path.name)
    if not rows and not problems:
        raise SourceError("This goals file holds no goal.", where=path.name, do=f"Columns: {', '.join(COLUMNS)}.")
    return rows, problems


def complain(name: str, problems: Sequence[GoalFileProblem]) -> None:
    """Stop where there is a problem, naming all of them.

    Raises:
        SourceError: There is one.
    """
    found = sorted(set(problems))
    if not found:
        return
    if len(found) == 1:
        only = found[0]
        what = f"{only.what[0].upper()}{only.what[1:]}."
        raise SourceError(what, where=f"{name}, {only.place}", found=only.found or None, do=only.do)
    rest = len(found) - SHOWN
    listed = [f"  {problem}" for problem in found[:SHOWN]] + ([f"  and {rest} more"] if rest > 0 else [])
    what = "\n".join([f"{len(found)} things are wrong in the goals file.", *listed])
    raise SourceError(what, where=name, do="Mend these; nothing was written.")


def _text(path: Path) -> str:
    try:
        do = "Split it: each file is recorded on its own."
        return files.read(path, files.GOALS_BYTES, SourceError, do=do).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"the byte 0x{error.object[error.start]:02x}"
        raise SourceError("This goals file is not in UTF-8.", where=path.name, found=found, do="Save it as UTF-8.") from None
    except OSError as error:
        raise SourceError(
            "This goals file cannot be read.", where=path.name, found=error.strerror, do="Check the path."
        ) from None


def _unknown(name: str, line: int, place: str, noun: str) -> GoalFileProblem:
    close = nearest(name, COLUMNS)
    do = f"Write {close}." if close else f"There are {', '.join(COLUMNS)}."
    return GoalFileProblem(line, place, f"there is no such {noun}", name, do)


def _csv_rows(text: str, name: str) -> Rows:
    head = text.lstrip().partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), strict=True)
    header: list[str] = []
    rows: list[GoalRow] = []
    problems: list[GoalFileProblem] = []
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
                problems += _header_problems(header, line)
    except csv.Error as error:
        where = f"{name}, line {reader.line_num}"
        raise SourceError("This is no valid CSV.", where=where, found=str(error), do="Check the quotes.") from None
    return rows, problems


def _header_problems(header: Sequence[str], line: int) -> Iterator[GoalFileProblem]:
    for at, column in enumerate(header):
        place = f"line {line}, column {at + 1}"
        if column not in COLUMNS:
            yield _unknown(column, line, place, "column")
        elif header.index(column) < at:
            yield GoalFileProblem(line, place, "this column stands twice", column, "Keep one of the two.")


def _csv_row(header: Sequence[str], cells: Sequence[str], line: int, problems: list[GoalFileProblem]) -> Iterator[GoalRow]:
    if len(cells) != len(header):
        found = f"{len(cells)} cells"
        do = f"Fill in {len(header)} cells, as in the first line; put a text that holds the separator in quotes."
        problems.append(GoalFileProblem(line, f"line {line}", "this row is not as long as the first one", found, do))
        return
    found_cells = {
        column: Cell(column, text.strip(), line, f"line {line}, column {column}")
        for column, text in zip(header, cells, strict=True)
    }
    written = found_cells.pop("milestones", None)
    texts = [part.strip() for part in _BETWEEN.split(written.text)] if written else []
    steps = tuple(Cell("milestones", text, line, f"line {line}, column milestones") for text in texts if text)
    yield GoalRow(line, found_cells, steps, whole=set(header) <= set(COLUMNS))


def _yaml_rows(text: str, name: str) -> Rows:
    problems: list[GoalFileProblem] = []
    rows = [row for node in _goal_nodes(text, name) for row in _yaml_row(node, problems)]
    return rows, problems


def _goal_nodes(text: str, name: str) -> list[Node]:
    """The nodes of the list, which may stand under the one key ``goals``."""
    root = compose(text, name, SourceError)
    if isinstance(root, MappingNode) and [key.value for key, _ in root.value] == ["goals"]:
        root = root.value[0][1]
    if root is not None and not isinstance(root, SequenceNode):
        where = f"{name}, line {root.start_mark.line + 1}, column {root.start_mark.column + 1}"
        raise SourceError("A goals file is a list of goals.", where=where, do="Begin each goal with `- rep:` or `- team:`.")
    return list(root.value) if root is not None else []


def _cell(name: str, node: Node) -> Cell:
    """A scalar's own text, as it is written; a date stays what it looks like."""
    line, column = node.start_mark.line + 1, node.start_mark.column + 1
    text = "" if node.tag == _NULL or not isinstance(node, ScalarNode) else str(node.value).strip()
    return Cell(name, text, line, f"line {line}, column {column}, {name}")


def _yaml_row(node: Node, problems: list[GoalFileProblem]) -> Iterator[GoalRow]:
    first = _cell("goal", node)
    if not isinstance(node, MappingNode):
        problems.append(
            GoalFileProblem(first.line, first.place, "a goal is a list of keys", first.text, "Begin it with `rep:` or `team:`.")
        )
        return
    before = len(problems)
    cells: dict[str, Cell] = {}
    steps: list[Cell] = []
    for key, value in node.value:
        at = _cell("key", key)
        if at.text not in COLUMNS:
            problems.append(_unknown(at.text, at.line, at.place, "key"))
        elif at.text in cells:
            problems.append(GoalFileProblem(at.line, at.place, "this key stands twice", at.text, "Keep one of the two."))
        elif at.text == "milestones":
            steps = list(_yaml_steps(value))
        elif not isinstance(value, ScalarNode):
            problems.append(GoalFileProblem(at.line, at.place, f"{at.text} is one text, no list", "", "Write a goal for each."))
        cell = _cell(at.text, value)
        # Nothing has no place of its own; the key has.
        cells[at.text] = cell if cell.text else replace(cell, line=at.line, place=at.place.replace("key", at.text))
    cells.pop("milestones", None)
    yield GoalRow(first.line, cells, tuple(steps), whole=len(problems) == before)


def _yaml_steps(node: Node) -> Iterator[Cell]:
    """Each milestone as ``date: text``, however YAML reads it: a text, a pair, or the keys ``due`` and ``text``."""
    items = node.value if isinstance(node, SequenceNode) else [node] if isinstance(node, MappingNode) else []
    if isinstance(node, ScalarNode):
        yield from (cell for cell in [_cell("milestones", node)] if cell.text)
    for item in items:
        cell = _cell("milestones", item)
        if not isinstance(item, MappingNode):
            yield cell
            continue
        pairs = {str(key.value): _cell("milestones", value).text for key, value in item.value}
        if set(pairs) == {"due", "text"}:
            pairs = {pairs["due"]: pairs["text"]}
        for date, text in pairs.items():
            yield Cell(cell.name, f"{date}: {text}", cell.line, cell.place)
