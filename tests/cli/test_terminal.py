"""What the command line prints of the data: words of files and people as they are written."""

from __future__ import annotations

import datetime as dt

import pytest

from reviewlib.cli import terminal
from reviewlib.evidence.intake import Reconciliation
from reviewlib.evidence.quality import Coverage, DataFinding, Reason, Report

AMOUNTS = (None, None, None, None)


def test_brackets_and_colons_are_printed_as_they_stand(capsys: pytest.CaptureFixture[str]) -> None:
    """What looks like a style or an emoji in a file's name, a header, a reason, an example or a note stays what it is."""
    report = Report(
        reconciliation=(Reconciliation("deals", "[a].csv", 3, 2, 1, 0, *AMOUNTS),),
        quarantine=(Reason("deals", "[a].csv", "[b]", 1, None, ("[c]",)),),
        exclusions=(),
        unassigned=(),
        coverage=(Coverage("amount", "[d]", "won", 1, 2),),
        first_day=None,
        as_of=dt.date(2026, 3, 31),
        as_of_declared=True,
        findings=(DataFinding("odd", "look", "[e] :smile:", 1, None, ("[f]",), "[g]"),),
        notes=("[h]",),
    )
    terminal.print_report(report)
    printed = capsys.readouterr().out
    assert [mark for mark in (*"abcdefgh", "look") if f"[{mark}]" not in printed] == []
    assert ":smile:" in printed
