"""The params file: what is read, and what every refusal says."""

# The table of mistakes reads better in rows than wrapped.
# ruff: noqa: E501

from __future__ import annotations

import json
import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import references
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from reviewlib.errors import ParamsError
from reviewlib.params import reading
from reviewlib.params.kpis import MAIN
from reviewlib.params.mistakes import known_keys, reference
from reviewlib.params.model import Params

BOOK = """\
name: acme
currency: EUR
crm:
  deals:
    file: acme/deals.csv
    columns:
      deal_id: Id
      rep_id: Owner
      stage: Stage
    stages:
      won: [Won]
      lost: [Lost]
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str | bytes, name: str = "acme.yaml") -> Path:
        path = tmp_path / "params" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def refusal(path: Path | str) -> ParamsError:
    with pytest.raises(ParamsError) as caught:
        reading.load(path)
    assert caught.value.exit_code == 2
    return caught.value


def complaint(path: Path) -> str | None:
    try:
        reading.load(path)
    except ParamsError as error:
        return str(error)
    return None


def plain(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def merged(base: Any, more: Any) -> Any:
    if not (isinstance(base, dict) and isinstance(more, dict)):
        return more
    return {**base, **{key: merged(base.get(key), value) for key, value in more.items()}}


def test_load_reads_and_remembers_its_file(write: Callable[..., Path]) -> None:
    """A params file becomes params that know where they lie, absolutely."""
    path = write(BOOK)
    params = reading.load(path)
    assert params.crm.deals.stages.won == ("Won",)
    assert params.path == path
    assert params.root == path.parents[1]


def test_a_text_is_read_once(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read stays known by its text, not by its file: each file keeps its own place, and a change is seen."""
    first = reading.load(write(BOOK))
    second = write(BOOK).rename(write(BOOK).parent.parent / "acme.yaml")
    monkeypatch.setattr(reading, "read_yaml", lambda *_: pytest.fail("the text is known"))
    found = reading.load(second)
    assert (found.path, found.root) == (second, second.parent)
    assert (first.path.parent.name, first.model_dump()) == ("params", found.model_dump())
    monkeypatch.undo()
    second.write_text(BOOK.replace("EUR", "USD"), encoding="utf-8")
    assert (reading.load(second).currency, found.currency) == ("USD", "EUR")


def test_load_takes_a_relative_path(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is kept absolute, so that a later change of folder does no harm."""
    path = write(BOOK)
    monkeypatch.chdir(path.parents[1])
    assert reading.load("params/acme.yaml").path == path


def test_yaml_is_version_1_2(write: Callable[..., Path]) -> None:
    """NO, off and 12:30 are text, as the CRM means them; quoted digits keep their zeros."""
    path = write(BOOK.replace("[Lost]", '[NO, off, 12:30, "007", Größe]'))
    assert reading.load(path).crm.deals.stages.lost == ("NO", "off", "12:30", "007", "Größe")


def test_a_byte_order_mark_does_no_harm(write: Callable[..., Path]) -> None:
    """A file saved by a Windows editor is read."""
    assert reading.load(write(b"\xef\xbb\xbf" + BOOK.replace("\n", "\r\n").encode())).name == "acme"


def test_anchors_are_followed(write: Callable[..., Path]) -> None:
    """An anchor may spare repetition."""
    path = write(
        BOOK
        + "  reps: {file: reps.csv, format: &f {delimiter: ';'}, columns: {rep_id: Id}}\n  targets: {file: t.csv, format: *f}\n"
    )
    crm = reading.load(path).crm
    assert crm.targets
    assert crm.targets.format.delimiter == ";"


CASES = {
    "unknown key": ("currency: EUR", "curency: EUR\ncurrency: EUR", 2, "curency", "'curency'", "Did you mean currency?"),
    "unknown nested key": ("      stage: Stage", "      stage: Stage\n      acount: A", 10, "crm.deals.columns.acount", "'acount'", "Did you mean amount?"),
    "key of another section": ("currency: EUR", "currency: EUR\nhistory_from: 2026-01-01", 3, "history_from", "'history_from'", "It belongs elsewhere: crm.history_from."),
    "unknown key far from all": ("currency: EUR", "currency: EUR\nzzz: 1", 3, "zzz", "'zzz'", "The keys here are name, title, currency"),
    "duplicate key": ("currency: EUR", "currency: EUR\ncurrency: USD", 3, "currency", "it stands on line 2 too", "Keep one"),
    "missing key": ("      rep_id: Owner\n", "", 6, "crm.deals.columns.rep_id", None, "Add rep_id"),
    "missing top key": ("currency: EUR\n", "", 1, "currency", None, "Add currency"),
    "number for text": ("rep_id: Owner", "rep_id: 5", 8, "crm.deals.columns.rep_id", "5", "Put it in quotes"),
    "list for text": ("rep_id: Owner", "rep_id: [a]", 8, "crm.deals.columns.rep_id", "a list of 1", "Write one value"),
    "text for list": ("won: [Won]", "won: Won", 11, "crm.deals.stages.won", "'Won'", "[Won]"),
    "empty list": ("won: [Won]", "won: []", 11, "crm.deals.stages.won", "a list of 0", "at least 1"),
    "list entry": ("[Lost]", "[Lost, 7]", 12, "crm.deals.stages.lost[1]", "7", "Put it in quotes"),
    "no value": ("      rep_id: Owner", "      rep_id:", 8, "crm.deals.columns.rep_id", None, "Fill it in"),
    "text for mapping": ("currency: EUR", "currency: EUR\npeers: all", 3, "peers", "'all'", "Indent its keys below it: by."),
    "none of the values": ("currency: EUR", "currency: EUR\ncadence: {rep: quater}", 3, "cadence.rep", "'quater'", "Did you mean quarter? Write one of quarter, half."),
    "punctuation values": ("    columns:", "    format: {decimal: x}\n    columns:", 6, "crm.deals.format.decimal", "'x'", "Write one of '.', ','."),
    "out of range": ("currency: EUR", "currency: EUR\nfiscal_year: {starts: 13}", 3, "fiscal_year.starts", "13", "Write at most 12."),
    "no number": ("currency: EUR", "currency: EUR\nfiscal_year: {starts: April}", 3, "fiscal_year.starts", "'April'", "plain digits"),
    "fraction for whole": ("currency: EUR", "currency: EUR\nfiscal_year: {starts: 5.5}", 3, "fiscal_year.starts", "5.5", "plain digits"),
    "no date": ("currency: EUR", "currency: EUR\nas_of: yesterday", 3, "as_of", "'yesterday'", "2026-12-31"),
    "day of no calendar": ("currency: EUR", "currency: EUR\nas_of: 2026-02-30", 3, "as_of", "'2026-02-30'", "2026-12-31"),
    "number for date": ("currency: EUR", "currency: EUR\nas_of: 20260331", 3, "as_of", "20260331", "2026-12-31"),
    "neither true nor false": ("currency: EUR", "currency: EUR\nkpis: {revenue: {off: maybe}}", 3, "kpis.revenue.off", "'maybe'", "true or false"),
    "pattern": ("name: acme", "name: Acme Corp", 1, "name", "'Acme Corp'", "small letters"),
    "rule over several keys": ("currency: EUR", "currency: EUR\nkpis:\n  deal_size: {target: 1}\n  win_rat: {target: 1}", 5, "kpis.win_rat", "win_rat", "Did you mean win_rate?"),
    "entry of a list": ("currency: EUR", "currency: EUR\nplaybook:\n  - {kpi: revenue, action: a}\n  - {kpi: revenu, action: b}", 5, "playbook[1].kpi", "'revenu'", "Did you mean revenue?"),
    "one entry where two are needed": ("currency: EUR", "currency: EUR\nrating: {scale: [good]}", 3, "rating.scale", "a list of 1", "Write at least 2, in brackets."),
    "same stage twice": ("[Lost]", "[Lost, Won]", 10, "crm.deals.stages", None, "stand"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_mistake_names_file_line_key_and_remedy(case: str, write: Callable[..., Path]) -> None:
    """Every kind of mistake says the file, the line, the dotted key, what was found and what to do."""
    old, new, line, key, found, do = CASES[case]
    assert old in BOOK
    error = refusal(write(BOOK.replace(old, new, 1)))
    assert error.where == f"acme.yaml, line {line}, {key}"
    assert error.found == found
    assert do in f"{error.what} {error.do}"


def test_all_mistakes_are_told_at_once(write: Callable[..., Path]) -> None:
    """Mistakes of different kinds stand in one message, in the order of the file."""
    text = BOOK.replace("name: acme", "name: acme\nname: acme") + "kpis:\n  win_rat: {target: 1}\njudgement: {gap: 2}\nzzz: 1\n"
    error = refusal(write(text))
    assert error.what.startswith("4 things are wrong")
    assert re.findall(r"line (\d+), ([\w.]+):", str(error)) == [
        ("2", "name"),
        ("15", "kpis.win_rat"),
        ("16", "judgement.gap"),
        ("17", "zzz"),
    ]
    assert error.where == "acme.yaml"


def test_many_mistakes_are_counted(write: Callable[..., Path]) -> None:
    """Beyond twenty mistakes the rest is counted."""
    error = refusal(write(BOOK + "".join(f"zz{number}: 1\n" for number in range(23))))
    assert len(re.findall(r"^  line", error.what, flags=re.MULTILINE)) == 20
    assert "and 3 more" in error.what


@pytest.mark.parametrize("text", ["{a: 1, a: 2}", "crm: {deals: {}, deals: {}}"])
def test_duplicates_on_one_line_are_found(text: str, write: Callable[..., Path]) -> None:
    """A key that stands twice on one line is refused too."""
    assert "this key stands twice" in str(refusal(write(text)))


@pytest.mark.parametrize(
    ("content", "what", "extra"),
    [
        (b"", "is empty", "reviewlib init"),
        (b"# only a comment\n\n", "is empty", "reviewlib init"),
        (b"PK\x03\x04\x00\x00\x08", "not text", "not the CRM export"),
        (b"\x93\x00\x01", "not text", "not the CRM export"),
        (b"name: \x01\x02", "not valid YAML", "line 1"),
        ("name: acme".encode("utf-16"), "not text", "UTF-16"),
        ("name: acme\ntitle: Größe".encode("latin-1"), "not in UTF-8", "line 2"),
        (b"- a\n- b\n", "list of keys", "a list"),
        (b"\nacme\n", "list of keys", "line 2"),
        (b"name: [a\n", "not valid YAML", "line 2"),
        (b"name: acme\n\tcurrency: EUR\n", "not valid YAML", "tabs"),
        (b"name: a: b\n", "not valid YAML", "quotes"),
        (b"name: 'acme\n", "not valid YAML", "Close the quotes"),
        (b"name: *nobody\n", "not valid YAML", "undefined alias"),
        (b"name: !!python/object/apply:os.system [ls]\n", "not valid YAML", "line 1"),
        (b"name: acme\ntitle: a\x7fb\n", "not valid YAML", "line 2"),
        (b"name: a\n---\nname: b\n", "not valid YAML", "line 2"),
        (b"a: &a [*a]\n", "", ""),
        (b"? [1, 2]\n: 3\n", "", ""),
        (b"? {a: b}\n: 3\n", "", ""),
        (b"1: 2\ntrue: 3\nnull: 4\n", "", "line 1"),
    ],
)
def test_unusable_files_are_refused(content: bytes, what: str, extra: str, write: Callable[..., Path]) -> None:
    """Whatever the file holds, the answer is one message that names it."""
    text = str(refusal(write(content)))
    assert "acme.yaml" in text
    assert what in text
    assert extra in text


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_file_raises_anything_else(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """No content whatever gets past the reader as another error."""
    path = tmp_path_factory.mktemp("any") / "any.yaml"
    path.write_bytes(content)
    assert "any.yaml" in str(refusal(path))


@pytest.mark.default
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_value_raises_anything_else(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Any value at any key is taken or refused in words that name the key's line."""
    path, _ = data.draw(st.sampled_from([(key, field) for key, field in reference()]))
    value = data.draw(
        st.sampled_from(["", "x", 5, -1.5, True, None, [], ["x"], [None], {}, {"x": 1}, {"x": {"y": 2}}, "2026-01-01"])
    )
    for step in reversed(path.replace("[]", ".0").split(".")):
        value = [value] if step == "0" else {step: value}
    file = tmp_path_factory.mktemp("any") / "any.yaml"
    file.write_text(json.dumps(merged(plain(BOOK), value), indent=1), encoding="utf-8")
    text = complaint(file)
    assert text is None or re.search(r"line \d+", text)


def test_a_missing_file_names_those_nearby(write: Callable[..., Path]) -> None:
    """A path with a slip is answered with the params files that lie there, the likeliest first."""
    path = write(BOOK)
    write(BOOK, "zeta.yaml")
    text = str(refusal(path.with_name("acne.yaml")))
    assert "does not exist" in text
    assert "params/acme.yaml, params/zeta.yaml" in text
    assert "reviewlib init" in str(refusal(path.parent / "nowhere" / "acme.yaml"))
    assert "folder" in str(refusal(path.parent))


def test_messages_hold_no_absolute_path(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is named as given, and by its base name where an absolute path was given."""
    path = write("name: [")
    monkeypatch.chdir(path.parents[1])
    assert str(path.parents[1]) not in str(refusal(path))
    assert (refusal("params/acme.yaml").where or "").startswith("params/acme.yaml, line")


def test_find_looks_upwards(write: Callable[..., Path]) -> None:
    """A notebook's folder leads to the workbook's params, however deep it lies."""
    path = write(BOOK)
    deep = path.parents[1] / "reports" / "acme" / "2026-Q3" / "north" / "notebooks"
    deep.mkdir(parents=True)
    for start in (deep, path.parents[1] / "notebooks", path.parents[1]):
        assert reading.find("params/acme.yaml", start) == path
    assert reading.find(str(path), deep) == path


def test_find_takes_the_nearest(write: Callable[..., Path]) -> None:
    """Where two workbooks lie inside one another, the inner one's params are found."""
    path = write(BOOK)
    inner = path.parents[1] / "inner" / "params" / "acme.yaml"
    inner.parent.mkdir(parents=True)
    inner.write_text(BOOK, encoding="utf-8")
    assert reading.find("params/acme.yaml", inner.parents[1] / "notebooks") == inner


def test_find_says_where_it_looked(write: Callable[..., Path]) -> None:
    """A path that is nowhere is answered with the folders tried and the params files nearby."""
    root = write(BOOK).parents[1]
    with pytest.raises(ParamsError) as caught:
        reading.find("params/acne.yaml", root / "notebooks")
    text = str(caught.value)
    assert "looked in notebooks" in text
    assert root.name in text
    assert "params/acme.yaml" in text
    assert str(root) not in text
    with pytest.raises(ParamsError, match="does not exist"):
        reading.find("", root)


def test_schema_is_valid_and_tells_right_from_wrong() -> None:
    """The schema is one by its own standard, accepts a good file and refuses an unknown key."""
    schema = reading.schema()
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert validator.is_valid(plain(BOOK))
    assert not validator.is_valid({**plain(BOOK), "zzz": 1})
    assert set(schema["properties"]["kpis"]["properties"]) == set(MAIN)


def test_the_build_writes_the_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What pip runs before it installs the package lays the schema where editors look for it."""
    (tmp_path / "reviewlib").mkdir()
    interface = SimpleNamespace(BuildHookInterface=object)
    monkeypatch.setitem(sys.modules, "hatchling.builders.hooks.plugin.interface", interface)  # only the build has it
    monkeypatch.setattr(sys, "path", [*sys.path])
    hook = runpy.run_path(str(Path(__file__).parents[2] / "hatch_build.py"))["SchemaHook"]()
    hook.root = str(tmp_path)
    asked: dict[str, list[str]] = {"artifacts": []}
    hook.initialize("editable", asked)
    assert asked == {"artifacts": ["/reviewlib/params.schema.json"]}
    assert json.loads((tmp_path / "reviewlib" / "params.schema.json").read_text(encoding="utf-8")) == reading.schema()


def test_every_key_has_a_hint_in_the_schema() -> None:
    """Every key of every section carries its description, which editors show."""
    schema = reading.schema()
    hints = {f"#/$defs/{name}": section["description"] for name, section in schema["$defs"].items()}
    fields = [item for section in (schema, *schema["$defs"].values()) for item in section["properties"].items()]
    assert not [key for key, field in fields if not (field.get("description") or hints.get(field.get("$ref")))]


def test_schema_is_laid_beside_the_params(tmp_path: Path) -> None:
    """The copy beside a params file is the one that its first line names."""
    placed = reading.place_schema(tmp_path)
    assert reading.SCHEMA_LINE.endswith(f"$schema={placed.name}")
    assert json.loads(placed.read_text(encoding="utf-8")) == reading.schema()
    assert [path.name for path in tmp_path.iterdir()] == [placed.name]


def test_reference_is_that_of_the_models() -> None:
    """docs/params.md is generated from the models."""
    text = references.FILE.read_text(encoding="utf-8")
    assert text == references.renewed(text), "write it anew: python tests/references.py"


def test_reference_names_every_key() -> None:
    """Every key stands in the table of its section, and every path of a section is named."""
    text = references.FILE.read_text(encoding="utf-8")
    chapters = dict(re.findall(r"^## `?([^`\n]+)`?\n(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL))
    sections: dict[str, type[Any]] = {"The file": Params, **{paths[0]: model for model, paths in references.places().items()}}
    for title, model in sections.items():
        keys = [field.alias or name for name, field in model.model_fields.items()]
        assert re.findall(r"^\| `(\w+)` \|", chapters[title], flags=re.MULTILINE) == keys
    assert all(f"`{path}`" in text for paths in references.places().values() for path in paths)


def test_snippets_of_the_reference_load(write: Callable[..., Path]) -> None:
    """The whole file of the reference loads, and so does it with each snippet."""
    first, *others = re.findall(r"```yaml\n(.*?)```", references.FILE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert reading.load(write(first)).name == "acme"
    assert len(others) > 10
    for snippet in others:
        assert Params.model_validate(merged(plain(first), plain(snippet)))


def test_known_keys_are_those_written_in_the_file() -> None:
    """The keys offered are the file's own, ``from`` and not its name in Python."""
    assert "from" in list(known_keys(("crm", "reps", "columns")))
    assert list(known_keys(("cadence", "due"))) == ["answer", "feedback", "release", "signed"]
    assert "kpi" in list(known_keys(("playbook", 0)))
    assert not list(known_keys(("name", "x")))


@pytest.mark.parametrize(
    ("kpis", "words"),
    [
        ("revenue: {target: 100}", ("kpis.revenue.target", "targets table")),
        ("attainment: {material: 0.1}", ("kpis.attainment.material", "Remove material")),
        ("period: {label: P, definition: D, unit: count, better: higher, combine: mean}", ("kpis.period", "another key")),
        ("Calls: {label: P, definition: D, unit: count, better: higher, combine: mean}", ("kpis.Calls", "lower case")),
    ],
)
def test_what_would_have_no_effect_is_refused(kpis: str, words: tuple[str, ...], tmp_path: Path) -> None:
    """Targets without a period, distances that nobody reads and keys that sentences cannot name are refused."""
    path = tmp_path / "book.yaml"
    crm = "{deals: {file: d.csv, columns: {deal_id: a, rep_id: b, stage: c}, stages: {won: [Won]}}}"
    path.write_text(f"name: book\ncurrency: EUR\ncrm: {crm}\nkpis:\n  {kpis}\n", encoding="utf-8")
    with pytest.raises(ParamsError) as error:
        reading.load(path)
    assert all(word in str(error.value) for word in words), str(error.value)


@pytest.mark.parametrize(
    "crm",
    [
        "connect: postgres://me:unmistakable@crm.example/sales",
        "connect: postgres:/me:unmistakable@crm.example",
        "connect: postgres://crm.example/sales?password=unmistakable",
        "connect: mysql://me:unmistak@ble@crm.example/unmistakable",
        "connect: [postgres://me:unmistakable@crm.example/sales]",
        "connect: {url: 'postgres://me:unmistakable@crm.example/sales'}",
        "connect: spark://unmistakable@crm.example:7077",
        "quarantine: postgres://me:unmistakable@crm.example/sales",
        "history_from: postgres://me:unmistakable@crm.example/sales",
    ],
)
def test_a_login_in_a_url_is_refused_and_never_repeated(write: Callable[..., Path], crm: str) -> None:
    """A URL with a user or a password is no connection, wherever it stands and however it is written."""
    said = str(refusal(write(f"{BOOK}  {crm}\n")))
    assert "unmistak" not in said
    assert "line 13" in said


def test_a_source_is_a_file_or_a_table(write: Callable[..., Path]) -> None:
    """Neither and both are refused, and so are tables of no database and a database without tables."""
    connected = BOOK.replace("crm:", "crm:\n  connect: postgres://crm.example/sales")
    assert "write one of the two keys" in str(refusal(write(BOOK.replace("    file: acme/deals.csv\n", ""))))
    assert "write one of the two keys" in str(refusal(write(connected.replace("    file:", "    table: deals\n    file:"))))
    assert "does not say of which database" in str(refusal(write(BOOK.replace("file: acme/deals.csv", "table: deals"))))
    assert "no source a table of it" in str(refusal(write(connected)))
    assert reading.load(write(connected.replace("file: acme/deals.csv", "table: deals"))).crm.deals.table == "deals"
