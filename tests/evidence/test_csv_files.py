"""CSV files: what is read many at a time and what is read line by line give the same rows."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reviewlib import files
from reviewlib.errors import SourceError
from reviewlib.evidence import csv_files
from reviewlib.evidence.csv_files import Contents
from reviewlib.params.crm import Format

Rows = list[tuple[int, tuple[str | None, ...]]]
PLAIN = Format()

#: A file as it lies there, and what params say of it.
File = tuple[bytes, Format]

#: Letters of Western Europe, of which cp1252 has all but one, and of elsewhere, of which it has none.
WORDS = st.text(st.sampled_from('ab1üßЖ漢😀 \t\xa0\u2003\u2028\x85\x1c\x0b,;|"\n\r'), max_size=6)
DELIMITERS = (",", ";", "\t", "|")
ODD = ('"', ",", "\r", "\n", "\r\n", '""', ' "', ",,", "\n\n", " ", "\x85", "a", '",', '\n"')


def _refusing(data: bytes, form: Format) -> tuple[Sequence[str], Rows, set[tuple[int, str]]]:
    """Read a file the long way: one record after the other, each from its line on, and given up by its first line."""
    encoding, delimiter = form.encoding.replace("utf-8", "utf-8-sig"), form.delimiter
    lines = io.TextIOWrapper(io.BytesIO(data), encoding=encoding, newline="").readlines()
    records, broken, start = list[tuple[int, list[str]]](), set[tuple[int, str]](), 0
    while start < len(lines):
        reader = csv.reader(iter(lines[start:]), delimiter=delimiter, strict=True)
        try:
            record = next(reader)
        except csv.Error:
            broken.add((start + 1, lines[start].rstrip("\r\n")))
            start += 1
        else:
            if any(map(str.strip, record)):
                records.append((start + 1, record))
            start += reader.line_num
    if not records or min(broken, default=(len(lines),))[0] < records[0][0]:
        return (), [], set()
    (_, header), *body = records
    width = len(header)
    if (
        body
        and len(body[0][1]) == width + 1
        and not any(len(row) == width or (len(row) == width + 1 and row[width].strip()) for _, row in body)
    ):
        width += 1
    broken |= {(line, delimiter.join(record)) for line, record in body if len(record) != width}
    rows = [(line, tuple(cell.strip() or None for cell in record)) for line, record in body if len(record) == width]
    names = [name.strip() for name in header]
    return names, [(line, row[: len(header)]) for line, row in rows if any(row)], broken


def _read(data: bytes, form: Format | None = None) -> tuple[Sequence[str], Rows, set[tuple[int, str]]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "deals.csv"
        path.write_bytes(data)
        contents = csv_files.read(path, form or Format())
        cells = [cell for rows in contents.batches for cell in rows.to_pylist()]
    rows = [(int(row.pop("line")), tuple(row.values())) for row in cells]
    return [column.name for column in contents.columns], rows, {(one.line, one.text) for one in contents.broken}


@st.composite
def forms(draw: st.DrawFn) -> Format:
    """What separates fields, and in which bytes a file is written."""
    return Format(delimiter=draw(st.sampled_from(DELIMITERS)), encoding=draw(st.sampled_from(("utf-8", "utf-8", "utf-16"))))


@st.composite
def clean_texts(draw: st.DrawFn, form: Format) -> str:
    """A file as the books say: every row as wide as the header, quotes where they are needed or everywhere; some are long."""
    width, end = draw(st.integers(2, 4)), draw(st.sampled_from(("\n", "\r\n")))
    words = WORDS.map(lambda text: re.sub("[\r\n]", end, text))
    body = draw(st.lists(st.lists(words, min_size=width, max_size=width), min_size=1, max_size=8))
    body *= draw(st.sampled_from((1, 1, 5, 40)))
    quoting = draw(st.sampled_from((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=end, quoting=quoting, delimiter=form.delimiter)
    writer.writerows([[f"c{at}" for at in range(width)], *body])
    return text.getvalue().removesuffix(end) if draw(st.booleans()) else text.getvalue()


def written(text: str, form: Format, *, mark: str = "") -> File:
    """A text in the bytes of its format; UTF-16 brings a mark of its own."""
    return ((mark if form.encoding == "utf-8" else "") + text).encode(form.encoding), form


@st.composite
def clean_files(draw: st.DrawFn) -> File:
    """A clean text with or without a mark of its encoding."""
    form = draw(forms())
    return written(draw(clean_texts(form)), form, mark=draw(st.sampled_from(("", "\ufeff"))))


@st.composite
def dirty_files(draw: st.DrawFn) -> File:
    """A clean text with a few things put in that are not as they should be, anywhere below the header."""
    form = draw(forms())
    text = draw(clean_texts(form))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(text.index("\n"), len(text)))
        text = text[:at] + draw(st.sampled_from(ODD)).replace(",", form.delimiter) + text[at:]
    return written(text, form)


@pytest.fixture(params=[(4 << 20, 16 << 10), (7, 3)], ids=["large pieces", "small pieces"])
def _pieces(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_files, "_PIECE", request.param[0])
        patch.setattr(csv_files, "_LITTLE", request.param[1])
        yield


def _same(data: bytes, form: Format = PLAIN) -> None:
    header, rows, broken = _refusing(data, form)
    if header:
        assert _read(data, form) == (header, rows, broken)


SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.mark.usefixtures("_pieces")
@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(file=clean_files() | dirty_files())
@example(file=(b"a,b\n1,x\ry\n2,z\n", PLAIN))
@example(file=(b'a,b\n1,"x\ry"\n2,z\n', PLAIN))
@example(file=(b'a,b\n1,x"y,z"\n2,c\n', PLAIN))
@example(file=(b'a,b\n1,"x"y",z\n2,c\n', PLAIN))
@example(file=(b'a,b\n1,"x\n' + b"2,y\n" * 30, PLAIN))
def test_both_ways_give_the_same_rows(file: File) -> None:
    """Rows, lines and refused records are those that one finds record by record."""
    _same(*file)


@pytest.mark.whole
@pytest.mark.usefixtures("_pieces")
@settings(max_examples=2000, deadline=None, suppress_health_check=SLOW)
@given(file=clean_files() | dirty_files())
def test_both_ways_give_the_same_rows_of_thousands_of_files(file: File) -> None:
    """The same of many more files."""
    _same(*file)


def test_clean_files_are_read_many_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of files as the books say, in any format, at least four of five are read below the header without the slow way."""
    slow, seen, long = list[int](), defaultdict[str, list[bool]](list), list[bool]()
    records = csv_files._records
    monkeypatch.setattr(csv_files, "_records", lambda *args, **kw: [slow.append(1), records(*args, **kw)][1])

    @settings(max_examples=240, deadline=None, database=None)
    @given(file=clean_files())
    def reading(file: File) -> None:
        slow.clear()
        _, rows, _ = _read(*file)
        long.append(len(rows) > 8)
        for way in ("all", file[1].delimiter, file[1].encoding):
            seen[way].append(len(slow) == 3)  # the header, twice, and the first row, which may show an end too many

    reading()
    shares = {way: f"{sum(fast)} of {len(fast)}" for way, fast in seen.items()}
    assert len(seen["all"]) >= 200
    assert seen.keys() == {"all", *DELIMITERS, "utf-8", "utf-16"}
    assert min(sum(long), *map(len, seen.values())) >= 30, (shares, sum(long))
    assert min(sum(fast) / len(fast) for fast in seen.values()) >= 0.8, shares


def test_an_odd_record_sends_only_itself_the_slow_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a record of another width, and behind a stray quote, reading goes on many at a time."""
    rows, seen = [f"{at},b" for at in range(20_000)], list[int]()
    rows[7_000], rows[14_000] = "7000,b,c", '14000,"b'
    columns = csv_files._columns
    monkeypatch.setattr(csv_files, "_columns", lambda *args, **kw: [seen.append(kw["rows"]), columns(*args, **kw)][1])
    _, read, broken = _read(("\n".join(["Id,Note", *rows]) + "\n").encode())
    assert broken == {(7_002, "7000,b,c"), (14_002, '14000,"b')}
    assert len(read) == 19_998
    assert sum(seen) > 19_900


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-be", "mac-roman", "utf-8-sig"])
def test_other_encodings_are_read_the_same_way(encoding: str) -> None:
    """A file in a declared encoding holds what it would hold in UTF-8."""
    text = 'Id,Name\r\n1,Müller\r\n2,"Ä, ""B""\r\nC"\r\n'
    _, rows, _ = _read(text.encode(encoding), Format(encoding=encoding))
    assert rows == [(2, ("1", "Müller")), (3, ("2", 'Ä, "B"\r\nC'))]


def test_a_character_may_be_cut_where_a_block_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a block begins and the next one ends is put together."""
    monkeypatch.setattr(csv_files, "_PIECE", 1)
    _, rows, _ = _read('Id,Name\n1,Müller\n2,"Ä"'.encode("utf-16"), Format(encoding="utf-16"))
    assert rows == [(2, ("1", "Müller")), (3, ("2", "Ä"))]


@pytest.mark.parametrize("delimiter", ["\t", "¦", " ", "|"])
def test_other_delimiters(delimiter: str) -> None:
    """Any character may separate fields, also one that is no ASCII."""
    _, rows, broken = _read(f'Id{delimiter}Note\n1{delimiter}"a{delimiter}b"\n2\n'.encode(), Format(delimiter=delimiter))
    assert rows == [(2, ("1", f"a{delimiter}b"))]
    assert broken == {(3, "2")}


def _contents(folder: Path, text: str | bytes, form: Format | None = None) -> tuple[Contents, Rows]:
    path = folder / "deals.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    contents = csv_files.read(path, form or Format())
    cells = [cell for rows in contents.batches for cell in rows.to_pylist()]
    return contents, [(int(row.pop("line")), tuple(row.values())) for row in cells]


def test_a_few_lines_in_another_encoding_are_set_aside(tmp_path: Path) -> None:
    """A UTF-8 file with a line of cp1252 stays UTF-8: the line is named, with its column, and all names keep their letters."""
    contents, rows = _contents(tmp_path, "Id,Name\n1,Müller\n2,Süß\n".encode() + "3,Weiß\n".encode("cp1252") + b"4,Ada\n")
    assert rows == [(2, ("1", "Müller")), (3, ("2", "Süß")), (5, ("4", "Ada"))]
    assert [(one.line, one.text) for one in contents.broken] == [(4, "3,Wei\ufffd")]
    assert "utf-8 in the column 'Name'" in contents.broken[0].reason


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_a_delimiter_behind_every_row_is_left_out_and_told(tmp_path: Path, end: str) -> None:
    """One empty field more in every row than in the header is no field; what is odd besides is set aside as ever."""
    contents, rows = _contents(tmp_path, f'Id,Note\n1,"a\nb",\n2,,\nx,y,z,\n3,c,{end}')
    assert rows == [(2, ("1", "a\nb")), (4, ("2", None)), (6, ("3", "c"))]
    assert [one.line for one in contents.broken] == [5]
    assert "delimiter" in contents.notes[0]


@pytest.mark.parametrize("text", ["Id,Note\n1,a,\n2,b\n", "Id,Note\n1,a,\n2,b,c\n", "Id,Note\n1,a,\n2,b,c,\n3,d,\n4,e\n"])
def test_a_field_more_in_some_rows_stays_odd(tmp_path: Path, text: str) -> None:
    """Where a row fits the header, or has something in the field, an empty one more may be a delimiter that was not quoted."""
    contents, _ = _contents(tmp_path, text)
    assert 2 in [one.line for one in contents.broken]
    assert contents.notes == []


@pytest.mark.parametrize(
    ("text", "form"), [("sep=;\n", Format()), ("\ufeffSEP=;\r\n", Format()), ("sep=|\n", Format(delimiter=";"))]
)
def test_the_line_that_tells_excel_the_delimiter_is_read_past(tmp_path: Path, text: str, form: Format) -> None:
    """It is no header; it says what separates the fields unless params do, and the lines below keep their numbers."""
    contents, rows = _contents(tmp_path, f"{text}Id;Note\n1;a\n", form)
    assert ([column.name for column in contents.columns], rows) == (["Id", "Note"], [(3, ("1", "a"))])
    assert "';'" in contents.notes[0]


def test_long_texts_are_read(tmp_path: Path) -> None:
    """A field of a million characters is a field; one that is longer costs its record."""
    most = files.CELL_CHARACTERS
    contents, rows = _contents(tmp_path, f'Id,Note\n1,{"ü" * most}\n2,"{"x" * 200_000}"\n3,{"x" * (most + 1)}\n4,a\n')
    assert [(line, len(cells[1] or "")) for line, cells in rows] == [(2, most), (3, 200_000), (5, 1)]
    assert [(one.line, one.reason[:20]) for one in contents.broken] == [(4, f"{most:,} characters"[:20])]


def test_quotes_that_never_match_do_not_hold_the_program_up(tmp_path: Path) -> None:
    """A file of which each line could begin a record down to its end is refused, not read as often as it has lines."""
    with pytest.raises(SourceError, match="quotes"):
        _contents(tmp_path, 'Id,Note\n"' + 'a","b\n' * 60_000)
