"""Files to text."""

from __future__ import annotations

import datetime as dt
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviewlib.errors import SourceError
from reviewlib.evidence import readers
from reviewlib.params.crm import Format


def _csv(folder: Path, content: str | bytes, name: str = "deals.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return path


def _columns(sheet: readers.TextTable) -> dict[str, list[str | None]]:
    return {name: sheet.column(f"c{place}").to_pylist() for place, name in enumerate(sheet.header)}


def _lines(sheet: readers.TextTable) -> list[int]:
    lines: list[int] = sheet.column("line").to_pylist()
    return lines


def _excel(path: Path, rows: list[list[object]], sheet: str = "Deals") -> Path:
    book = openpyxl.Workbook()
    page = book.active
    page.title = sheet
    for row in rows:
        page.append(row)
    book.save(path)
    return path


def test_text_is_verbatim(tmp_path: Path) -> None:
    """Leading zeros, NA, None, null and 18 digits stay what they are; only empty text is missing."""
    path = _csv(tmp_path, "Id,Region,Name\n00123,NA,None\n123456789012345678,null,\n 7 ,nan, a b \n")
    assert _columns(readers.read(path, Format())) == {
        "Id": ["00123", "123456789012345678", "7"],
        "Region": ["NA", "null", "nan"],
        "Name": ["None", None, "a b"],
    }


def test_lines_are_physical(tmp_path: Path) -> None:
    """A record has the line on which it starts, behind quoted line breaks and blank lines too."""
    path = _csv(tmp_path, '\nId,Note\r\n1,"a\nb\nc"\r\n\r\n,\n2,x\n"3","y\n\nz"\n4,\n')
    sheet = readers.read(path, Format())
    assert _lines(sheet) == [3, 8, 9, 12]
    assert _columns(sheet)["Note"] == ["a\nb\nc", "x", "y\n\nz", None]


def test_other_separators_of_lines_do_not_count(tmp_path: Path) -> None:
    """Only line feeds and carriage returns end a line, not the other marks that Python's splitlines knows."""
    sheet = readers.read(_csv(tmp_path, "Id,Note\n1,a\u2028b\x0cc\x85d\n2,x\n"), Format())
    assert _lines(sheet) == [2, 3]


def test_wrong_number_of_fields_is_kept_apart(tmp_path: Path) -> None:
    """A row with a field too many or too few is not shifted into the columns: it is listed with line and text."""
    sheet = readers.read(_csv(tmp_path, "Id;Amount\n1;2\n2;3;4\n3\n4;5\n"), Format(delimiter=";"))
    assert _columns(sheet) == {"Id": ["1", "4"], "Amount": ["2", "5"]}
    assert [(row.line, row.text) for row in sheet.broken] == [(3, "2;3;4"), (4, "3")]


@pytest.mark.parametrize("tail", ['3,"c"\n4,d\n', "3,c\n4,d\n"])
def test_stray_quote_costs_one_line(tmp_path: Path, tail: str) -> None:
    """A quote that is never closed does not swallow the rows below it."""
    sheet = readers.read(_csv(tmp_path, 'Id,Note\n1,a\n2,"b\n' + tail), Format())
    assert _columns(sheet)["Id"] == ["1", "3", "4"]
    assert [(row.line, row.text) for row in sheet.broken] == [(3, '2,"b')]
    assert _lines(sheet) == [2, 4, 5]


def test_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    """A UTF-8 file with a byte order mark has the same header as without."""
    assert readers.read(_csv(tmp_path, b"\xef\xbb\xbfId,A\n1,2\n"), Format()).header == ["Id", "A"]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "latin-1", "UTF8"])
def test_declared_encoding_is_used(tmp_path: Path, encoding: str) -> None:
    """Names keep their letters in every declared encoding."""
    path = _csv(tmp_path, "Id,Name\n1,Müller\n".encode(encoding))
    assert _columns(readers.read(path, Format(encoding=encoding)))["Name"] == ["Müller"]


def _message(path: Path, form: Format | None = None) -> str:
    with pytest.raises(SourceError) as caught:
        readers.read(path, form or Format())
    return str(caught.value)


def test_other_encoding_names_byte_and_line(tmp_path: Path) -> None:
    """A cp1252 file read as UTF-8 names the line and the byte and proposes cp1252."""
    message = _message(_csv(tmp_path, "Id,Name\n1,a\n2,Müller\n".encode("cp1252")))
    assert "line 3" in message
    assert "byte FC" in message
    assert "cp1252" in message


def test_utf_16_is_recognized(tmp_path: Path) -> None:
    """A UTF-16 file read as UTF-8 is told to be UTF-16."""
    assert "utf-16" in _message(_csv(tmp_path, "Id,Name\n1,a\n".encode("utf-16")))


@pytest.mark.parametrize("content", [b"PK\x03\x04rest", b"Id,A\n1,\x00\n", b"\xd0\xcf\x11\xe0rest"])
def test_binary_is_refused(tmp_path: Path, content: bytes) -> None:
    """Excel files named .csv and files with NUL bytes are called binary."""
    assert "binary" in _message(_csv(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "word"), [("", "no header"), ("\n \n", "no header"), ("Id,A\n", "no rows"), ("Id,A\n,\n", "no rows")]
)
def test_empty_file_is_refused(tmp_path: Path, content: str, word: str) -> None:
    """A file without header, or with nothing below it, is refused."""
    assert word in _message(_csv(tmp_path, content))


def test_missing_file_names_the_nearest(tmp_path: Path) -> None:
    """A path with a typo is answered with the file that was meant."""
    _csv(tmp_path, "Id\n1\n", "deals_2026.csv")
    assert "Did you mean 'deals_2026.csv'?" in _message(tmp_path / "deal_2026.csv")
    assert "no such folder" in _message(tmp_path / "nowhere" / "deals.csv")


def test_unknown_suffix(tmp_path: Path) -> None:
    """A suffix that is not known is refused with those that are."""
    assert ".parquet" in _message(_csv(tmp_path, "{}", "deals.json"))


def _place(path: Path, name: str, form: Format | None = None) -> str:
    with pytest.raises(SourceError) as caught:
        readers.read(path, form or Format()).find(name, key="crm.deals.columns.amount")
    return str(caught.value)


def test_absent_column_names_the_nearest(tmp_path: Path) -> None:
    """A column that is not in the file is answered with the key of params and the nearest header."""
    message = _place(_csv(tmp_path, "Id,Close Amount\n1,2\n"), "close_amount")
    assert "Did you mean 'Close Amount'?" in message
    assert "crm.deals.columns.amount" in message


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_single_column_asks_for_the_delimiter(tmp_path: Path, mark: str) -> None:
    """A header that is one column with another delimiter in it asks whether that is the delimiter."""
    assert f"is the delimiter {mark!r}?" in _place(_csv(tmp_path, f"Id{mark}Amount\n1{mark}2\n"), "Amount")


def test_duplicate_header_is_refused_where_it_is_mapped(tmp_path: Path) -> None:
    """Two columns of one name cannot be mapped; others of the file can."""
    path = _csv(tmp_path, "Id,Amount,Amount\n1,2,3\n")
    assert "columns 2 and 3" in _place(path, "Amount")
    assert readers.read(path, Format()).find("Id", key="").place == 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (123.0, "123"),
        (1e22, "1" + "0" * 22),
        (1e-7, "0.0000001"),
        (0.1, "0.1"),
        (float("nan"), ""),
        (Decimal("12.5000"), "12.5"),
        (Decimal("1E+3"), "1000"),
        (True, "true"),
        (dt.date(2026, 4, 3), "2026-04-03"),
        (dt.datetime(2026, 4, 3), "2026-04-03"),  # noqa: DTZ001
        (dt.datetime(2026, 4, 3, 10, 30), "2026-04-03 10:30:00"),  # noqa: DTZ001
        (dt.datetime(2026, 4, 3, tzinfo=dt.UTC), "2026-04-03 00:00:00+00:00"),
        ("00123", "00123"),
    ],
)
def test_typed_values_become_plain_text(value: object, expected: str) -> None:
    """Numbers are written without exponent or trailing zeros, dates as ISO dates."""
    assert readers.text(value) == expected


NAIVE = st.datetimes() | st.dates().map(lambda day: dt.datetime.combine(day, dt.time()))
KINDS: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.float64(): st.floats() | st.decimals(-(10**9), 10**9, places=2).map(float),
    pa.float32(): st.floats(width=32),
    pa.decimal128(18, 2): st.decimals(-(10**15), 10**15, places=2),
    pa.decimal128(38, 12): st.decimals(-1000, 1000, places=12),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.bool_(): st.booleans(),
    pa.date32(): st.dates(),
    pa.timestamp("us"): NAIVE,
    pa.timestamp("s"): NAIVE.map(lambda time: time.replace(microsecond=0)),
    pa.timestamp("us", "UTC"): NAIVE,
    pa.timestamp("us", "America/New_York"): st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1)),  # noqa: DTZ001
    pa.time64("us"): st.times(),
    pa.string(): st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    pa.binary(): st.binary(),
    pa.list_(pa.int64()): st.lists(st.integers(-9, 9)),
    pa.struct({"a": pa.float64(), "b": pa.string()}): st.fixed_dictionaries({"a": st.floats(), "b": st.just("x")}),
}


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_columns_are_written_as_their_values_are(data: st.DataObject) -> None:
    """Of every type, a column becomes the texts that its values become one by one."""
    for kind, values in KINDS.items():
        column = pa.array(data.draw(st.lists(st.none() | values, min_size=1, max_size=6)), kind)
        assert [cell or "" for cell in readers._texts(column).to_pylist()] == list(map(readers.text, column.to_pylist())), kind
        coded = column.dictionary_encode() if not pa.types.is_nested(kind) else column
        assert readers._texts(coded).equals(readers._texts(column)), kind


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_typed_files_hold_the_same_text(tmp_path: Path, data: st.DataObject) -> None:
    """A table that is read from a Parquet or a DuckDB file is what its values are as text, every type of it."""
    size = data.draw(st.integers(1, 5))
    columns = {
        str(kind): pa.array(data.draw(st.lists(cells, min_size=size, max_size=size)), kind) for kind, cells in KINDS.items()
    }
    table = pa.table({"Row": pa.array(range(size)), **columns})
    texts = {name: [readers.text(cell).strip() or None for cell in table[name].to_pylist()] for name in table.column_names}
    pq.write_table(table, tmp_path / "deals.parquet")
    assert _columns(readers.read(tmp_path / "deals.parquet", Format())) == texts
    (tmp_path / "deals.db").unlink(missing_ok=True)
    with duckdb.connect(str(tmp_path / "deals.db")) as connection:
        connection.from_arrow(table).create("deals")
        stored = connection.table("deals").to_arrow_table()
    texts = {name: [readers.text(cell).strip() or None for cell in stored[name].to_pylist()] for name in stored.column_names}
    assert _columns(readers.read(tmp_path / "deals.db", Format())) == texts


def test_parquet_is_text(tmp_path: Path) -> None:
    """Parquet columns become the same text as CSV, marked as typed unless they are text."""
    table = pa.table(
        {
            "Id": ["007", None, "8"],
            "Amount": pa.array([Decimal("1.50"), None, None], pa.decimal128(10, 2)),
            "Closed": pa.array([dt.datetime(2026, 4, 3), None, None], pa.timestamp("us")),  # noqa: DTZ001
            "Kind": pa.array(["a", None, "b"]).dictionary_encode(),
        }
    )
    pq.write_table(table, tmp_path / "deals.parquet")
    sheet = readers.read(tmp_path / "deals.parquet", Format())
    assert _columns(sheet) == {"Id": ["007", "8"], "Amount": ["1.5", None], "Closed": ["2026-04-03", None], "Kind": ["a", "b"]}
    assert _lines(sheet) == [1, 3]
    assert [column.typed for column in sheet.columns] == ["false", "true", "true", "false"]
    assert "Parquet" in _message(_csv(tmp_path, "Id\n", "other.parquet"))


def test_excel_is_text(tmp_path: Path) -> None:
    """Excel integers lose their point, dates become ISO dates, empty rows are ignored, lines are the sheet's rows."""
    rows = [
        ["Id", "Amount", "Closed"],
        ["00123", 123.0, dt.date(2026, 4, 3)],
        [],
        ["x", "1.234,5", "03.04.2026"],
        [7, 0.1, None],
    ]
    sheet = readers.read(_excel(tmp_path / "deals.xlsx", rows), Format())
    assert _columns(sheet) == {
        "Id": ["00123", "x", "7"],
        "Amount": ["123", "1.234,5", "0.1"],
        "Closed": ["2026-04-03", "03.04.2026", None],
    }
    assert _lines(sheet) == [2, 4, 5]
    assert [column.typed for column in sheet.columns] == ["t0", "t1", "t2"]
    assert sheet.column("t1").to_pylist() == [True, False, True]


def test_excel_sheet_and_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sheet that does not exist is answered with those that do; without the reader the message says what to install."""
    path = _excel(tmp_path / "deals.xlsx", [["Id"], ["1"]])
    assert "Did you mean 'Deals'?" in _message(path, Format(sheet="deals"))
    assert "no Excel file" in _message(_csv(tmp_path, "Id\n1\n", "other.xlsx"))
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    assert 'pip install "reviewlib[excel]"' in _message(path)


@pytest.mark.parametrize("cell", ["timestamptz '-infinity'", "timestamptz '20000-01-01 00:00:01'"])
def test_a_cell_that_has_no_value_here_is_told(tmp_path: Path, cell: str) -> None:
    """A moment that DuckDB holds and Python does not ends the reading with a message of the file, no traceback."""
    with duckdb.connect(str(tmp_path / "crm.duckdb")) as connection:
        connection.execute(f"CREATE TABLE deals AS SELECT 'D1' AS id, {cell} AS closed")
    assert "crm.duckdb" in _message(tmp_path / "crm.duckdb")


def test_duckdb_table(tmp_path: Path) -> None:
    """A DuckDB table is read as text; where several are there, params must say which."""
    path = tmp_path / "crm.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE deals AS SELECT '007' AS Id, 1.50::DECIMAL(10, 2) AS Amount, DATE '2026-04-03' AS Closed"
        )
    assert _columns(readers.read(path, Format())) == {"Id": ["007"], "Amount": ["1.5"], "Closed": ["2026-04-03"]}
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE VIEW won AS SELECT * FROM deals")
    assert "deals, won" in _message(path)
    assert "no table 'lost'" in _message(path, Format(table="lost"))
    assert _columns(readers.read(path, Format(table="won")))["Id"] == ["007"]
    assert "DuckDB" in _message(_csv(tmp_path, "Id\n1\n" * 2000, "other.db"))
