"""CSV files for spreadsheets: no text runs, every text comes back, figures stay figures."""

from __future__ import annotations

import ast
import csv
import datetime as dt
import io
import tempfile
import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from workbooks import deals_of, workbook

import reviewlib
from reviewlib.evidence import safe_csv, snapshot, sources, tables
from reviewlib.periods import Period
from reviewlib.run import publishing, status
from reviewlib.run.origins import Origins

SIGNS = "=+-@＝＋－＠"
#: Texts of what a formula and the borders of cells are made of, and any others.
TEXTS = st.text(alphabet=f"{SIGNS}'\"\t\r\n\x00\x0b ;,|a1é\xa0\u3000\u200b\ufeff", max_size=12) | st.text()
PERIOD = Period.parse("2026-Q3")


def _back(frame: pd.DataFrame) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.csv")
        path.write_bytes(safe_csv.csv_text(frame).encode())
        return safe_csv.read(path)


def _cells(text: str) -> Iterator[str]:
    """Every cell that a spreadsheet could make of a file: cut at any separator, with quotes heeded and with quotes ignored."""
    yield from (cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row)
    for separator in ";\t":
        yield from (cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) for cell in row)
        lines = text.replace("\r", "\n").split("\n")
        yield from (cell for line in lines for cell in line.split(separator))


def _begins(cell: str) -> str:
    """The first character that a spreadsheet looks at."""
    passed = {"Cc", "Zs", "Zl", "Zp"}
    return next((sign for sign in cell if unicodedata.category(sign) not in passed and sign not in '"\u200b\ufeff'), "")


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4), TEXTS)
@example([("'=1", "''"), ("'", "\r")], "=name")
def test_any_text_comes_back(rows: list[tuple[str, str]], name: str) -> None:
    """What is written is read back character by character, column names included."""
    frame = pd.DataFrame(rows, columns=[name, f"{name}, too"], dtype="str")
    pd.testing.assert_frame_equal(_back(frame), frame)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4), TEXTS)
@example([("a;=cmd|' /C calc'!A0", 'a;"=1'), ("a\n=1", "a\t@b")], "\t=1")
def test_no_text_runs(rows: list[tuple[str, str]], name: str) -> None:
    """No cell begins with a formula's sign, whichever separator a spreadsheet goes by."""
    written = safe_csv.csv_text(pd.DataFrame(rows, columns=[name, f"{name}, too"], dtype="str"))
    assert [cell for cell in _cells(written) if _begins(cell) and _begins(cell) in SIGNS] == []


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("-12.5", "'-12.5"),
        (" \t@x", "' \t'@x"),
        ("＝1", "'＝1"),
        ("'quoted'", "''quoted'"),
        ("Berlin;=1", "Berlin;'=1"),
        ("one\n- two", "one\n'- two"),
        ("R-014", "R-014"),
        ("O'Neill, 5 % + 3", "O'Neill, 5 % + 3"),
        ("", ""),
    ],
)
def test_what_stands_in_the_file(text: str, cell: str) -> None:
    """An apostrophe stands where a formula could begin, and nowhere else."""
    written = safe_csv.csv_text(pd.DataFrame({"id": [text], "n": [1]}))
    assert list(csv.reader(io.StringIO(written, newline="")))[1] == [cell, "1"]


def test_figures_stay_figures() -> None:
    """Numbers, decimals and dates are written as they are, also beside a text that looks the same; nothing is nothing."""
    frame = pd.DataFrame(
        {
            "float": [-12.5, float("nan")],
            "int": [-3, 4],
            "decimal": [Decimal("-1.50"), None],
            "date": [dt.date(2026, 9, 30), None],
            "mixed": pd.Series([-12.5, "-12.5"], dtype=object),
            "text": ["-12.5", None],
        }
    )
    assert safe_csv.csv_text(frame).splitlines()[1:] == ["-12.5,-3,-1.50,2026-09-30,-12.5,'-12.5", ",4,,,'-12.5,"]


def test_what_a_run_writes(tmp_path: Path) -> None:
    """Exports are read as they stand; scorecard and quarantine hold their texts guarded, their figures as they are."""
    odd = {"=A1": "@Ada", "-2": "'Ben'", "R;=3": "+Cem"}
    deals = [{"rep_id": rep_id, "amount": "-100.50", "closed_on": "2026-08-01"} for rep_id in odd]
    refused = {"deal_id": "D9", "rep_id": "=A1", "amount": "-1 =EUR", "closed_on": "2026-08-01"}
    reps = [{"rep_id": rep_id, "rep_name": name, "team": "=North", "manager": "+Max"} for rep_id, name in odd.items()]
    params = workbook(
        tmp_path, deals=[*deals, refused], reps=reps, as_of="2026-10-05", crm={"quarantine": {"rows": 1, "amount": 1}}
    )
    assert [*deals_of(sources.read(params))["rep_id"]] == [*odd]
    frozen = snapshot.freeze(params, PERIOD)
    snapshot.use(params, frozen)
    stands = status.of(params, frozen)
    publishing.publish(params, frozen, stands, Origins(params, stands), {})

    quarantine = frozen.folder / "quarantine.csv"
    assert ",amount,'-1 =EUR," in quarantine.read_text(encoding="utf-8")
    back = safe_csv.read(quarantine)
    assert [*back] == tables.QUARANTINE.names
    assert back[["line", "column", "value", "rep_id"]].to_numpy().tolist() == [["5", "amount", "-1 =EUR", "=A1"]]

    path = params.reports / PERIOD.name / "scorecard.csv"
    written, back, frame = pd.read_csv(path), safe_csv.read(path), frozen.scorecard()
    assert {"'=A1", "'-2", "R;'=3"} <= {*written["rep_id"]}
    assert {"'@Ada", "''Ben'", "'+Cem"} <= {*written["rep_name"]}
    for name, column in frame.items():
        if pd.api.types.is_numeric_dtype(column):
            pd.testing.assert_series_equal(written[name], column, check_dtype=False)
        else:
            assert [*back[str(name)]] == ["" if pd.isna(cell) else str(cell) for cell in column], name


def test_one_way_to_write_csv() -> None:
    """Only ``safe_csv`` writes CSV, and the sample company, whose files stand for a CRM's and are read as such."""
    package = Path(reviewlib.__file__).parent
    writers = {"to_csv", "to_excel", "to_clipboard", "write_csv", "writer", "DictWriter", "ExcelWriter", "Workbook"}
    sources = {path: path.read_text(encoding="utf-8") for path in package.rglob("*.py")}
    found = {
        path.relative_to(package).as_posix()
        for path, source in sources.items()
        if any(name in source for name in writers)  # to read every module as a tree takes a second
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and node.attr in writers
    }
    assert found == {"evidence/safe_csv.py", "workbook/company.py"}
