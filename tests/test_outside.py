"""What comes from outside has limits, looked at before it is parsed: more is refused with words, and nothing is lost."""

from __future__ import annotations

import csv
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from reviewlib import files
from reviewlib.conversation.answers import mails, responses
from reviewlib.conversation.goals.goalfile import rows_of
from reviewlib.errors import ParamsError, ResponseError, ReviewError, SourceError
from reviewlib.evidence import readers
from reviewlib.params import reading, written
from reviewlib.params.crm import Format

MAIL = b"MIME-Version: 1.0\r\n"


def refused(work: Callable[[], object], kind: type[ReviewError] = ResponseError) -> str:
    with pytest.raises(kind) as caught:
        work()
    assert caught.value.where
    assert caught.value.found
    assert caught.value.do
    return str(caught.value)


def nested(depth: int) -> bytes:
    """A mail of so many multiparts in each other."""
    heads = (b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (at, at) for at in range(depth))
    return MAIL + b"".join(heads) + b"\r\nwords"


def field(text: bytes) -> bytes:
    """A mail with one field that says what it is."""
    return MAIL + b"Content-Type: text/plain; " + text + b"\r\n\r\nwords"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (nested(2_000), "more than 100 parts"),
        (MAIL + b"Content-Type: message/rfc822\r\n\r\n" * 2_000, "more than 100 parts"),
        (MAIL + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n\r\nx\r\n" * 200, "more than 100 parts"),
        (field(b"(" * 5_000), "5,000 of them brackets"),
        (field(b"(" * 51), "51 of them brackets"),
        (field(b";" * 3_000), "3,012 characters"),
        (field(b"a*=1; b*0*=1;" * 2 + b".*"), "a field that says wrongly"),
    ],
)
def test_a_mail_that_no_program_writes_is_refused(content: bytes, found: str) -> None:
    """Parts in parts, parts without end, brackets in brackets, fields without end: found, limit, what to do."""
    said = refused(lambda: mails.read_answer(content, name="answer.eml"))
    assert found in said
    assert "the form as a file" in said


def test_a_mail_as_deep_as_forwarding_makes_it_is_read() -> None:
    """Ninety parts in each other are more than any thread has, and they are read."""
    assert [line.text for line in mails.read_answer(nested(90), name="answer.eml").lines] == ["words"]
    mail = MAIL + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n\r\nwords\r\n" * 90 + b"--b--\r\n"
    assert [line.text for line in mails.read_answer(mail, name="answer.eml").lines] == ["words"]


@pytest.mark.parametrize(
    ("limit", "content", "found"),
    [
        ("ANSWER_BYTES", b"words " * 50, "300 bytes; at most 200 are read"),
        ("ANSWER_CHARACTERS", b"words " * 50, "300 characters; at most 200 are read"),
        ("ANSWER_CHARACTERS", MAIL + b"Content-Type: text/html\r\n\r\n" + b"<p>w" * 300, "300 characters"),
        ("MAIL_LINES", MAIL + b"\r\n" + b"\r\n" * 300, "302 lines; at most 200 are read"),
        ("MAIL_LINES", MAIL + b"\r\n" + b"\r" * 300, "302 lines; at most 200 are read"),
    ],
)
def test_a_long_answer_is_refused(monkeypatch: pytest.MonkeyPatch, limit: str, content: bytes, found: str) -> None:
    """Bytes, lines and characters are counted; what is taken from a notebook's form is counted too."""
    monkeypatch.setattr(files, limit, 200)
    assert found in refused(lambda: mails.read_answer(content))


@pytest.mark.parametrize(
    ("name", "limit", "read", "kind"),
    [
        ("answer.md", "ANSWER_BYTES", mails.open_answer, ResponseError),
        ("book.yaml", "PARAMS_BYTES", reading.load, ParamsError),
        ("goals.csv", "GOALS_BYTES", rows_of, SourceError),
        ("goals.yaml", "GOALS_BYTES", rows_of, SourceError),
    ],
)
def test_a_large_file_is_refused_and_stays(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    limit: str,
    read: Callable[[Path], object],
    kind: type[ReviewError],
) -> None:
    """A file that is larger than such files are is named with the limit, and lies where it lay."""
    monkeypatch.setattr(files, limit, 1_000)
    path = tmp_path / name
    path.write_bytes(b"#" * 1_001)
    said = refused(lambda: read(path), kind)
    assert name in said
    assert "more than 1,000 bytes" in said
    assert path.stat().st_size == 1_001


@pytest.mark.parametrize("charset", ["punycode", "idna", "hex", "none"])
def test_a_charset_that_no_mail_is_in_is_refused(charset: str) -> None:
    """Those of domains take the square of a text's length; others are none of texts."""
    mail = MAIL + f"Content-Type: text/plain; charset={charset}\r\n\r\nwords".encode()
    assert f"it is not the {charset}" in refused(lambda: mails.read_answer(mail, name="answer.eml"))


def test_what_is_longer_than_guides_is_not_looked_at_line_by_line() -> None:
    """Whether a guide ends is asked below each line of it; a long text on the mark's line is read once, not sixty times."""

    def spent(lines: int) -> float:
        mark = f"[[Review t 2026-Q3 rep-{'a' * 24}]]\n[[Perspective 123456]] :: {'word ' * 20_000}\n"
        letter = mails.read_answer((mark + "x\n" * lines + "[[End]]\n").encode())
        began = time.process_time()
        responses.parse(letter)
        return time.process_time() - began

    assert min(spent(59) for _ in range(3)) < 4 * min(spent(1) for _ in range(3))


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>one</p><a href='x>two <b>three</b>", "one\ntwo three"),
        ("<p>one</p><!-- two <b>three</b>", "one\n<!-- two <b>three</b>"),
        ("one <b two three", "one <b two three"),
        ("one &#" + "9" * 5_000 + "; &#65; &#x41;", "one \ufffd A A"),
        ("one<![two]><![if x]>three", "onethree"),
        ("<div hidden><style>a</style>SECRET</div>one<STYLE>b", "one"),
        ("1 < 2 <3", "1 < 2 <3"),
        ("<blockquote>" * 300 + "one", "> " * 99 + "one"),
    ],
)
def test_no_word_is_lost_in_html_that_is_not_whole(html: str, text: str) -> None:
    """What is not closed is text; nothing that is written wrongly stops the import."""
    mail = f"MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n\n{html}"
    assert "\n".join(line.text for line in mails.read_answer(mail.encode()).lines).strip("\n").split("\n\n")[-1] == text


def test_dashes_and_blanks_are_read_at_once() -> None:
    """A line of dashes and a thousand blanks is a line as any other."""
    form = f"---{' ' * 1_000}x\n[[Review t 2026-Q3 rep-{'a' * 24}]]\n\n[[Perspective]]\nhi\n[[End]]\n"
    answer = responses.parse(mails.read_answer(form.encode()))
    assert [one.text for one in answer.of("self_review")] == ["hi"]
    assert [problem.line.number for problem in answer.problems] == [1]


ALIASES = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 9)}]\n" for at in range(1, 9)
)


@pytest.mark.default
@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        (ALIASES, "line 7", "values, each alias (*) being what it names; at most 1,000,000 are read"),
        ("a: &a [b, *a]\n", "line 1", "an anchor (&) that holds itself"),
        ("a: &a {b: *a}\n", "line 1", "an anchor (&) that holds itself"),
        ("a: " + "[" * 100_000, "line 1", "more than 50 deep"),
        ("a: " + "{a: " * 1_000, "line 1", "more than 50 deep"),
        ("".join(f"{' ' * at}a:\n" for at in range(100)), "line 50", "more than 50 deep"),
    ],
)
def test_yaml_that_grows_when_it_is_read_is_refused(tmp_path: Path, text: str, line: str, found: str) -> None:
    """Aliases of aliases and brackets in brackets are refused by line, in params and in goals, before values are made."""
    for name, read, kind in (("book.yaml", reading.load, ParamsError), ("goals.yaml", rows_of, SourceError)):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        said = refused(lambda path=path, read=read: read(path), kind)  # type: ignore[misc]
        assert "This YAML holds more than is read." in said
        assert f"{name}, {line}" in said
        assert found in said


def test_aliases_that_people_write_are_read() -> None:
    """An anchor that many keys name is no mischief."""
    text = "a: &a [1, 2, 3]\n" + "".join(f"b{at}: *a\n" for at in range(1_000)) + "deep: " + "[" * 40 + "]" * 40
    assert written.compose(text, "book.yaml", ParamsError) is not None


def book(path: Path, *cells: str) -> Path:
    made = openpyxl.Workbook()
    for cell in ("A1", *cells):
        made.active[cell] = "x"  # type: ignore[index]
    made.save(path)
    return path


def repacked(path: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """The same spreadsheet with other parts."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: change(name, archive.read(name)) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def without_places(name: str, content: bytes) -> bytes:
    """A sheet whose cells do not say where they stand: 30,000 rows, and a cell far to the right."""
    if not name.startswith("xl/worksheets/sheet"):
        return content
    before, _, rest = content.partition(b"<sheetData>")
    rows = b"<row/>" * 30_000 + b"<row>" + b"<c/>" * 2_000 + b"<c><v>1</v></c></row>"
    return before + b"<sheetData><row><c><v>1</v></c></row>" + rows + b"</sheetData>" + rest.partition(b"</sheetData>")[2]


def test_a_sheet_of_two_cells_far_apart_is_refused(tmp_path: Path) -> None:
    """The reader would make room for all cells between them, and end the process."""
    said = refused(lambda: readers.read(book(tmp_path / "a.xlsx", "XFD1048576"), Format()), SourceError)
    assert "a sheet of 1,048,576 rows and 16,384 columns or more; at most 20,000,000 cells are read" in said
    path = repacked(book(tmp_path / "b.xlsx"), without_places)
    assert "30,002 rows and 2,001 columns" in refused(lambda: readers.read(path, Format()), SourceError)


@pytest.mark.default
def test_a_sheet_as_companies_have_them_is_read(tmp_path: Path) -> None:
    """A cell in the last row, or in the last column, is no mischief, and neither is one that is only coloured."""
    assert readers.read(book(tmp_path / "a.xlsx", "C90000"), Format()).column("line").to_pylist() == [90_000]
    path = book(tmp_path / "b.xlsx", "A2")
    coloured = b'<c r="XFD1048576" s="0"/></row></sheetData>'
    repacked(path, lambda name, content: content.replace(b"</row></sheetData>", coloured) if "sheet1" in name else content)
    assert readers.read(path, Format()).rows == 1


def test_a_packed_file_is_measured_by_what_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the directory says of a part's size is not believed."""
    monkeypatch.setattr(files, "BOOK_BYTES", 3_000_000)
    path = repacked(
        book(tmp_path / "a.xlsx", "A2"), lambda name, content: content + b" " * 5_000_000 if "sheet1" in name else content
    )
    assert path.stat().st_size < 20_000
    assert "more than 3,000,000 bytes when it is unpacked" in refused(lambda: readers.read(path, Format()), SourceError)
    with zipfile.ZipFile(path) as archive:
        size = next(part.file_size for part in archive.infolist() if "sheet1" in part.filename)
    path.write_bytes(path.read_bytes().replace(size.to_bytes(4, "little"), (100).to_bytes(4, "little")))
    assert "more than 3,000,000 bytes when it is unpacked" in refused(lambda: readers.read(path, Format()), SourceError)


@pytest.mark.parametrize("damage", [lambda content: content[:200], lambda content: content.replace(b"<row", b"<<row")])
def test_a_damaged_sheet_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    """A sheet that only its reader would understand is not handed to it."""
    path = repacked(book(tmp_path / "a.xlsx", "A2"), lambda name, content: damage(content) if "sheet1" in name else content)
    refused(lambda: readers.read(path, Format()), SourceError)


@pytest.mark.default
def test_a_table_of_too_many_columns_is_refused(tmp_path: Path) -> None:
    """No table has more columns than a spreadsheet."""
    path = tmp_path / "a.csv"
    path.write_text(",".join(f"c{at}" for at in range(16_385)) + "\n" + "," * 16_384 + "\nx" + "," * 16_384 + "\n")
    assert "16,385; at most 16,384 are read" in refused(lambda: readers.read(path, Format()), SourceError)


def test_a_field_that_is_too_long_is_said_to_be_that(tmp_path: Path) -> None:
    """The row is set aside with the reason; the rows around it are read."""
    path = tmp_path / "a.csv"
    path.write_text(f'Id,Note\n1,a\n2,"{"x" * 1_100_000}"\n3,"b\n4,c\n')
    sheet = readers.read(path, Format())
    assert sheet.column("c0").to_pylist() == ["1", "4"]
    assert [(one.line, one.reason[:50]) for one in sheet.broken] == [
        (3, "1,048,576 characters and no end of a field: quotes"),
        (4, "quotes that do not match"),
    ]


def test_the_limits_are_those_of_the_docs() -> None:
    """Who is refused finds the number where such files are described."""
    docs = Path(__file__).parent.parent / "docs"
    answers = (docs / "conversation.md").read_text(encoding="utf-8")
    tables = (docs / "params.md").read_text(encoding="utf-8")
    million = 1_000_000
    for text, words in (
        (answers, f"more than {files.ANSWER_BYTES // million} MB, {files.MAIL_LINES:,} lines or {files.MAIL_PARTS} parts"),
        (answers, f"more than {files.ANSWER_CHARACTERS:,} characters"),
        (answers, f"goals of more than {files.GOALS_BYTES // million} MB"),
        (tables, f"More than {files.PARAMS_BYTES // million} MB, {files.YAML_DEPTH} levels or {files.YAML_VALUES:,} values"),
        (tables, f"up to {files.CELL_CHARACTERS:,} characters"),
        (tables, f"at most {files.TABLE_COLUMNS:,} columns"),
        (tables, f"at most {files.SHEET_CELLS:,} cells"),
        (tables, f"the file {files.BOOK_BYTES // (1000 * million)} GB"),
        (tables, f"up to {csv.field_size_limit():,} characters"),
    ):
        assert words in " ".join(text.split()), words
