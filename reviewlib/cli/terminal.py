"""What the command line prints: the data-quality report, and how the reviews of a period stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from reviewlib.conversation.schedule import DueReview
    from reviewlib.evidence.quality import Report
    from reviewlib.run.status import Status


def print_report(report: Report) -> None:
    """Print the data-quality report: what was read, what was set aside, what is odd and what to do about it."""
    console = Console()
    declared = "declared" if report.as_of_declared else "the latest opened or closed date"
    console.print(Text(f"As of {report.as_of} ({declared}); first date {report.first_day or 'none'}."))
    console.print(_reconciliation(report))
    if report.quarantine:
        console.print(_quarantine(report))
    if report.coverage:
        console.print(_coverage(report))
    console.print(Text("\nFindings" if report.findings else "\nNo findings: the data is clean."))
    for finding in report.findings:
        console.print(Text(f"[{finding.level}] {finding.what}"), soft_wrap=True)
        for example in finding.examples:
            console.print(Text(f"    {example}"), soft_wrap=True)
        console.print(Text(f"    {finding.do}"), soft_wrap=True)
    for note in report.notes:
        console.print(Text(f"Note: {note}"), soft_wrap=True)


def _reconciliation(report: Report) -> Table:
    table = Table(title="Read = used + quarantined + excluded", title_justify="left")
    for name in ("table", "file"):
        table.add_column(name)
    for name in ("read", "used", "quarantined", "excluded"):
        table.add_column(name, justify="right")
    for item in report.reconciliation:
        table.add_row(item.table, item.file, *(f"{n:,}" for n in (item.read, item.used, item.quarantined, item.excluded)))
        amounts = (item.read_amount, item.used_amount, item.quarantined_amount, item.excluded_amount)
        if item.read_amount is not None:
            table.add_row("", "amount", *("" if amount is None else f"{amount:,.2f}" for amount in amounts))
    return table


def _quarantine(report: Report) -> Table:
    table = Table(title="Quarantined, by reason", title_justify="left")
    for name in ("table", "reason"):
        table.add_column(name)
    table.add_column("rows", justify="right")
    table.add_column("for example")
    for reason in report.quarantine:
        table.add_row(reason.table, Text(reason.reason), f"{reason.rows:,}", Text("; ".join(reason.examples[:2])))
    return table


def _coverage(report: Report) -> Table:
    table = Table(title="How full the columns are", title_justify="left")
    for name in ("column", "in the file", "of"):
        table.add_column(name)
    table.add_column("filled", justify="right")
    for item in report.coverage:
        share = "n/a" if item.share is None else f"{item.share:.1%}"
        table.add_row(item.column, Text(item.own), item.rows, share)
    return table


def print_status(status: Status) -> None:
    """Print how the reviews of a period stand: what is overdue first, then what is due, then what is done."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)  # nothing is cut where the output goes elsewhere
    rows = sorted(status.rows, key=_urgency)
    table = Table(title=f"{status.period}, on {status.today}", title_justify="left")
    for name in ("review", "team", "state", "next", "waiting for", "due", ""):
        table.add_column(name, no_wrap=name == "due", min_width=10 if name == "due" else None, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in _standing(row)))
    console.print(table)
    overdue = sum(1 for row in rows if row.days_overdue)
    console.print(
        Text(f"{len(rows)} reviews, {overdue} overdue." if rows else "No review is due in this period by the cadence.")
    )
    if status.reminder:
        console.print(Text(status.reminder), soft_wrap=True)


def _urgency(row: DueReview) -> tuple[object, ...]:
    return (-row.days_overdue, row.due is None, row.due, row.subject.team or "", row.subject.name)


def _standing(row: DueReview) -> tuple[str, ...]:
    open_ones = [f"{count} {word} open" for count, word in ((row.disputes, "disputes"), (row.concerns, "concerns")) if count]
    late = f"{row.days_overdue} days overdue" if row.days_overdue else ""
    rest = "; ".join(part for part in (late, row.no_dates or "", *open_ones) if part)
    who, due = row.waiting_for or "", str(row.due or "")
    return (row.subject.name, row.subject.team or "", row.state.replace("_", " "), row.step or "done", who, due, rest)
