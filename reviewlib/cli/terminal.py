"""What the command line prints: the data-quality report, and how the reviews of a period stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table

from reviewlib.params.words import counted

if TYPE_CHECKING:
    from reviewlib.conversation.schedule import DueReview
    from reviewlib.evidence.quality import Report
    from reviewlib.run.explaining import ExplainedFigure
    from reviewlib.run.status import Status

_RECONCILED: Final = ("table", "file", "read", "used", "quarantined", "excluded")
#: What people and files say holds no markup.
_AS_WRITTEN: Final[dict[str, Any]] = {"markup": False, "emoji": False, "highlight": False}
_NUMBERS: Final = {"read", "used", "quarantined", "excluded", "rows", "filled", "Before", "Now"}


def print_report(report: Report) -> None:
    """Print the data-quality report: what was read, what was set aside, what is odd and what to do about it."""
    console = Console(**_AS_WRITTEN)
    declared = "declared" if report.as_of_declared else "the latest opened or closed date"
    console.print(f"As of {report.as_of} ({declared}); first date {report.first_day or 'none'}.")
    console.print(_table("Read = used + quarantined + excluded", _RECONCILED, _reconciliation(report)))
    if report.quarantine:
        rows = [(one.table, one.reason, f"{one.rows:,}", "; ".join(one.examples[:2])) for one in report.quarantine]
        console.print(_table("Quarantined, by reason", ("table", "reason", "rows", "for example"), rows))
    if report.coverage:
        rows = [(one.column, one.own, one.rows, "n/a" if one.share is None else f"{one.share:.1%}") for one in report.coverage]
        console.print(_table("How full the columns are", ("column", "in the file", "of", "filled"), rows))
    console.print("\nFindings" if report.findings else "\nNo findings: the data is clean.")
    for finding in report.findings:
        console.print(f"[{finding.level}] {finding.what}", soft_wrap=True)
        for told in (*finding.examples, finding.do):
            console.print(f"    {told}", soft_wrap=True)
    for note in report.notes:
        console.print(f"Note: {note}", soft_wrap=True)


def _reconciliation(report: Report) -> Iterator[tuple[str, ...]]:
    for item in report.reconciliation:
        yield (item.table, item.file, *(f"{n:,}" for n in (item.read, item.used, item.quarantined, item.excluded)))
        amounts = (item.read_amount, item.used_amount, item.quarantined_amount, item.excluded_amount)
        if item.read_amount is not None:
            yield ("", "amount", *("" if amount is None else f"{amount:,.2f}" for amount in amounts))


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Lay rows out below the names of their columns, numbers to the right."""
    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name, justify="right" if name in _NUMBERS else "left")
    for row in rows:
        table.add_row(*row)
    return table


def _console() -> Console:
    console = Console(**_AS_WRITTEN)
    if not console.is_terminal:
        console.width = 200  # nothing is cut where the output goes elsewhere
    return console


def print_diff(counted: Sequence[str], tables: Sequence[tuple[str, Sequence[str], Sequence[tuple[str, ...]], int]]) -> None:
    """Print what two snapshots say differently: how much, then what, by title, heads, rows, and how many more there are."""
    console = _console()
    for line in counted if counted or tables else ["Nothing differs."]:
        console.print(line, soft_wrap=True)
    for title, heads, rows, more in tables:
        console.print(_table(title, heads, rows))
        if more:
            console.print(f"And {more:,} more; --json has every figure.")


def print_explanation(found: ExplainedFigure) -> None:
    """Print how a figure came about: what it is, its arithmetic, target and peers, its query, and every row that it counts."""
    console = _console()
    for line in (found.title, "", *found.told, "", found.explanation.query or "It does not come from deals.", ""):
        console.print(line, soft_wrap=True)
    rows = found.explanation.rows
    cells = [[_cell(value) for value in row] for row in rows.itertuples(index=False)]
    sums = ["" if name not in found.sums else f"= {found.sums[name]:,.12g}" for name in rows.columns]
    console.print(_table(f"What it counts: {counted(len(rows), 'rows')}", [*rows.columns], [*cells, sums]))
    for name in [name for name in found.sums if name not in rows]:
        console.print(f"{name} = {found.sums[name]:,.12g}", soft_wrap=True)
    console.print(found.again, soft_wrap=True)


def _cell(value: Any) -> str:
    """Write a cell of a table of rows: yes or nothing for what a row counts as, a day, a number with all its digits."""
    if value is None or value != value:
        return ""
    if hasattr(value, "date"):
        return str(value.date())
    return {True: "yes", False: ""}[value] if isinstance(value, bool) else str(value)


def print_status(status: Status) -> None:
    """Print how the reviews of a period stand: what is overdue first, then what is due, then what is done."""
    console = _console()
    rows = sorted(
        status.rows, key=lambda row: (-row.days_overdue, row.due is None, row.due, row.subject.team or "", row.subject.name)
    )
    table = Table(title=f"{status.period}, on {status.today}", title_justify="left")
    for name in ("review", "team", "state", "next", "waiting for", "due", ""):
        table.add_column(name, no_wrap=name == "due", min_width=10 if name == "due" else None, overflow="fold")
    for row in rows:
        older = status.older.get(f"{row.subject.kind} {row.subject.id}") if row.period == status.period else None
        table.add_row(*_standing(row, f"on older evidence, snapshot {older}" if older else ""))
    console.print(table)
    overdue = sum(1 for row in rows if row.days_overdue)
    told = f"{counted(len(rows), 'reviews')}, {overdue or 'none'} overdue."
    console.print(told if rows else "No review is due in this period by the cadence.")
    if status.reminder:
        console.print(status.reminder, soft_wrap=True)


def _standing(row: DueReview, older: str) -> tuple[str, ...]:
    every = ((row.disputes, "disputes open"), (row.concerns, "concerns open"))
    open_ones = [counted(count, words) for count, words in every if count]
    late = f"{counted(row.days_overdue, 'days')} overdue" if row.days_overdue else ""
    rest = "; ".join(part for part in (late, row.no_dates or "", *open_ones, older) if part)
    who, due = row.waiting_for or "", str(row.due or "")
    return (row.subject.name, row.subject.team or "", row.state.replace("_", " "), row.step or "done", who, due, rest)
