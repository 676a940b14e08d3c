"""CRM files to canonical tables."""

from __future__ import annotations

import csv
import datetime as dt
import random
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from workbooks import changed, deals_of, workbook, write_csv

from reviewlib.errors import SourceError
from reviewlib.evidence import sources, tables
from reviewlib.evidence.intake import IMPLAUSIBLE
from reviewlib.evidence.sources import Tables
from reviewlib.evidence.store import TableStore
from reviewlib.params.model import Params

ANY = {"quarantine": {"rows": 1, "amount": 1}}

GOOD = [
    {"deal_id": "001", "rep_id": "R1", "stage": "Won", "account_id": "NA", "amount": "100.50", "opened_on": "2026-01-05",
     "closed_on": "2026-03-31", "product": "Bolt", "expected_close_on": None},
    {"deal_id": "002", "rep_id": "R2", "stage": "Lost", "account_id": None, "amount": "0", "opened_on": "2026-02-01",
     "closed_on": "2026-02-02", "product": "Nut", "expected_close_on": None},
    {"deal_id": "003", "rep_id": "R1", "stage": "Open", "account_id": "Acme", "amount": None, "opened_on": "2026-03-01",
     "closed_on": "2026-09-01", "product": "Nut", "expected_close_on": "2026-09-01"},
    {"deal_id": "004", "rep_id": "R3", "stage": "Won", "account_id": "None", "amount": "-20.25", "opened_on": "2026-01-05",
     "closed_on": "2026-03-31", "product": "Bolt", "expected_close_on": None},
]  # fmt: skip


def _account(read: Tables, table: str = "deals") -> tuple[int, int, int, int]:
    one = next(item for item in read.reconciliation if item.table == table)
    return one.read, one.used, one.quarantined, one.excluded


def _amounts(read: Tables) -> tuple[Any, ...]:
    one = read.reconciliation[0]
    return one.read_amount, one.used_amount, one.quarantined_amount, one.excluded_amount


def _message(params: Params) -> str:
    with pytest.raises(SourceError) as caught:
        sources.read(params)
    return str(caught.value)


def test_good_rows_are_all_used(tmp_path: Path) -> None:
    """No good row is quarantined, and the sums are those of the file."""
    read = sources.read(workbook(tmp_path, deals=GOOD))
    assert _account(read) == (4, 4, 0, 0)
    assert _amounts(read) == (Decimal("80.25"), Decimal("80.25"), Decimal(0), Decimal(0))
    assert read.quarantine.empty
    assert deals_of(read)["deal_id"].tolist() == ["001", "002", "003", "004"]


def test_frames_have_the_canonical_columns(tmp_path: Path) -> None:
    """Every table has the columns and types of its definition, mapped or not, with rows or without."""
    read = sources.read(workbook(tmp_path, deals=GOOD))
    for table in tables.TABLES:
        frame = read.store.frame(f"FROM {table.name}")
        assert list(frame.columns) == table.schema.names
        assert [dtype.pyarrow_dtype for dtype in frame.dtypes] == table.schema.types
    assert read.quarantine.columns.tolist() == tables.QUARANTINE.names
    assert read.mapped == set(GOOD[0])


def test_deals_are_cast(tmp_path: Path) -> None:
    """Amounts are decimals, dates are dates, NA is an account, and an open deal has no close date."""
    deals = deals_of(sources.read(workbook(tmp_path, deals=GOOD)))
    assert deals["amount"].tolist()[:2] == [Decimal("100.5"), Decimal(0)]
    assert deals["account_id"].fillna("-").tolist() == ["NA", "-", "Acme", "None"]
    assert deals["closed_on"].isna().tolist() == [False, False, True, False]
    assert deals["expected_close_on"].tolist()[2] == dt.date(2026, 9, 1)
    assert deals["outcome"].tolist() == ["won", "lost", "open", "won"]
    assert deals["source_line"].tolist() == [2, 3, 4, 5]
    assert set(deals["source_file"]) == {"deals.csv"}


@pytest.mark.parametrize(
    ("changed", "note", "quarantined"),
    [
        (lambda text: "sep=,\n" + text, "deals.csv: The first line, sep=,", 0),
        (lambda text: text.replace("\n", ",\n").replace(",\n", "\n", 1), "deals.csv: Every row ends with a delimiter", 0),
        (lambda text: text.replace("Acme", "M\u00fcller").replace("NA", "S\u00fc\u00df").replace("None", "Wei\udcdf"), None, 1),
    ],
)
def test_what_was_mended_in_a_file_is_told(
    tmp_path: Path, changed: Callable[[str], str], note: str | None, quarantined: int
) -> None:
    """A first line for Excel and a delimiter too many are read past with a note; a line in another encoding is set aside."""
    params = workbook(tmp_path, deals=GOOD, crm=ANY)
    file = params.file(params.crm.deals)
    file.write_bytes(changed(file.read_bytes().decode()).encode(errors="surrogateescape"))
    read = sources.read(params)
    assert _account(read) == (4, 4 - quarantined, quarantined, 0)
    assert [said.startswith(note) for said in read.notes if note] == [True] * bool(note)
    assert ["utf-8 in the column 'account_id'" in reason for reason in read.quarantine["reason"]] == [True] * quarantined


@pytest.mark.parametrize(
    ("name", "lines", "quarantined", "noted"),
    [("sep_line", 3, 0, True), ("trailing_delimiter", 2, 0, True), ("mixed_encoding", 2, 1, False)],
)
def test_exports_that_once_failed(tmp_path: Path, name: str, lines: int, quarantined: int, noted: bool) -> None:
    """They are read, and what is odd about them is said."""
    export = Path(__file__).parents[3] / "shared" / "cases" / "exports" / f"{name}.csv"
    if not export.is_file():
        pytest.skip(f"there is no {export.name} beside the project")
    names = {*GOOD[0], "expected_amount"} - {"product"}
    params = workbook(tmp_path, deals=[dict.fromkeys(names)])
    params.file(params.crm.deals).write_bytes(export.read_bytes())
    read = sources.read(params)
    assert _account(read) == (108, 108 - quarantined, quarantined, 0)
    assert deals_of(read)["source_line"].min() == lines
    assert any(said.startswith("deals.csv: ") for said in read.notes) == noted


@pytest.mark.parametrize(
    ("bad", "column", "value", "reason"),
    [
        ({"deal_id": None, "rep_id": "Total", "stage": "", "amount": "7"}, "deal_id", None, "deal_id is missing"),
        ({"stage": None}, "stage", None, "stage is missing"),
        ({"amount": "7,00"}, "amount", "7,00", "not a number with the decimal mark '.'"),
        ({"opened_on": "01/02/2026"}, "opened_on", "01/02/2026", "not a date in the order year-month-day"),
        ({"opened_on": "2026-02-01 10:00"}, "opened_on", "2026-02-01 10:00", "has a time of day: set timezone"),
        ({"closed_on": None}, "closed_on", None, "a closed deal without a close date"),
        ({"closed_on": "2026-10-01"}, "closed_on", "2026-10-01", "closed_on after as_of"),
        ({"opened_on": "2026-10-01", "stage": "Open"}, "opened_on", "2026-10-01", "opened_on after as_of"),
        ({**GOOD[0], "amount": "100.5000"}, "deal_id", "001", "an exact duplicate of an earlier row"),
    ],
)
def test_each_wart_is_quarantined_alone(
    tmp_path: Path, bad: dict[str, Any], column: str, value: str | None, reason: str
) -> None:
    """A bad row is set aside with line, the file's column, value, reason and amount; the good rows are not."""
    row = {**GOOD[0], "deal_id": "X", "amount": "7", **bad}
    read = sources.read(workbook(tmp_path, deals=[*GOOD[:2], row, *GOOD[2:]], as_of="2026-03-31", crm=ANY))
    assert _account(read) == (5, 4, 1, 0)
    assert deals_of(read)["deal_id"].tolist() == ["001", "002", "003", "004"]
    found = read.quarantine.astype(object).where(read.quarantine.notna(), None).iloc[0].to_dict()
    assert (found["table"], found["file"], found["line"], found["rep_id"]) == ("deals", "deals.csv", 4, row["rep_id"])
    assert (found["column"], found["value"], found["reason"]) == (column, value, reason)
    amount = None if row["amount"] == "7,00" else Decimal(row["amount"])
    assert found["amount"] == amount
    total = Decimal("80.25")
    assert _amounts(read) == (total + (amount or 0), total, amount or 0, 0)


def test_first_reason_counts(tmp_path: Path) -> None:
    """A row with several faults is quarantined once."""
    rows = [*GOOD, {"deal_id": None, "rep_id": "R1", "amount": "x", "opened_on": "y"}]
    read = sources.read(workbook(tmp_path, deals=rows, crm=ANY))
    assert read.quarantine["reason"].tolist() == ["deal_id is missing"]


def test_a_refused_row_does_not_claim_its_id(tmp_path: Path) -> None:
    """A good row with the id of an earlier refused row is used."""
    read = sources.read(workbook(tmp_path, deals=[{**GOOD[0], "amount": "x"}, GOOD[0], GOOD[0]], crm=ANY))
    assert deals_of(read)["source_line"].tolist() == [3]
    assert read.quarantine["line"].tolist() == [2, 4]


def test_conflicting_rows_are_all_refused(tmp_path: Path) -> None:
    """Rows of one id and other content are all set aside, their exact duplicates too, and accounted for to the cent."""
    rows = [GOOD[1], GOOD[0], {**GOOD[0], "amount": "8"}, GOOD[0], GOOD[2], GOOD[1]]
    read = sources.read(workbook(tmp_path, deals=rows, crm=ANY))
    assert deals_of(read)["deal_id"].tolist() == ["002", "003"]
    assert _account(read) == (6, 2, 4, 0)
    assert _amounts(read) == (Decimal(209), Decimal(0), Decimal(209), Decimal(0))
    conflict = "another row has the same key and other content"
    reasons = dict(zip(read.quarantine["line"], read.quarantine["reason"], strict=True))
    assert reasons == {3: conflict, 4: conflict, 5: conflict, 7: "an exact duplicate of an earlier row"}
    assert set(read.quarantine["column"]) == {"deal_id"}
    assert "Rows that share a deal id but not its content: 3; none of them is used." in read.notes


@pytest.mark.parametrize("name", ["rep_id", "stage", "account_id", "amount", "opened_on", "closed_on", "product"])
def test_any_column_makes_a_conflict(tmp_path: Path, name: str) -> None:
    """Rows of one id differ where any mapped column differs, also by a missing value, whichever comes first."""
    other = {"rep_id": "R9", "stage": "Lost", "opened_on": "2026-01-06", "closed_on": "2026-03-30"}.get(name)
    for rows in ([GOOD[0], {**GOOD[0], name: other}], [{**GOOD[0], name: other}, GOOD[0]]):
        read = sources.read(workbook(tmp_path, deals=[*rows, GOOD[1]], crm=ANY))
        assert deals_of(read)["deal_id"].tolist() == ["002"]
        assert _account(read) == (3, 1, 2, 0)


def test_wrong_number_of_fields(tmp_path: Path) -> None:
    """A row with a trailing comma is quarantined with its text and does not shift a column."""
    params = workbook(tmp_path, deals=GOOD, crm=ANY)
    with params.file(params.crm.deals).open("a") as file:
        file.write("005,R1,Won,Acme,1,2026-01-01,2026-01-02,Nut,,\n")
    read = sources.read(params)
    assert _account(read) == (5, 4, 1, 0)
    assert read.quarantine["line"].tolist() == [6]
    assert read.quarantine["value"].tolist()[0].startswith("005,R1,Won")


def test_exclusions_are_accounted_for(tmp_path: Path) -> None:
    """Excluded rows are neither used nor checked; rows and amount stand beside the reason."""
    kinds = ["real", " Test ", "real", "real"]
    rows = [{**row, "kind": kind} for row, kind in zip(GOOD, kinds, strict=True)]
    rows += [{"deal_id": None, "stage": "Bogus", "amount": "7", "kind": "test"}]
    crm = {"deals": {"exclude": [{"column": "kind", "equals": ["Test", "test "], "reason": "test accounts"}]}}
    read = sources.read(workbook(tmp_path, deals=rows, crm=crm))
    assert _account(read) == (5, 3, 0, 2)
    assert [(item.reason, item.rows, item.amount) for item in read.exclusions] == [("test accounts", 2, Decimal(7))]
    assert read.quarantine.empty
    assert "crm.deals.exclude[0].column" in _message(changed(workbook(tmp_path, deals=GOOD), crm=crm))


def test_missing_owner_stays_in_the_totals(tmp_path: Path) -> None:
    """A deal without an owner is used, under a name of its own, and never becomes a rep."""
    read = sources.read(workbook(tmp_path, deals=[*GOOD[:3], {**GOOD[3], "rep_id": None}]))
    assert deals_of(read)["rep_id"].tolist() == ["R1", "R2", "R1", sources.NO_OWNER]
    assert read.reps["rep_id"].tolist() == ["R1", "R2"]
    assert "Deals without an owner: 1" in read.notes[0]


def test_closed_before_opened_is_used(tmp_path: Path) -> None:
    """A deal closed before it was opened is used and noted."""
    read = sources.read(workbook(tmp_path, deals=[{**GOOD[0], "opened_on": "2026-04-01"}]))
    assert _account(read) == (1, 1, 0, 0)
    assert any("closed before they were opened: 1" in note for note in read.notes)


def test_unmapped_close_date_quarantines_nothing(tmp_path: Path) -> None:
    """Where no close date is mapped, closed deals without one are not refused."""
    read = sources.read(workbook(tmp_path, deals=[{"rep_id": "R1", "amount": "5"}]))
    assert _account(read) == (1, 1, 0, 0)
    assert deals_of(read)["closed_on"].isna().all()


def test_unmapped_stages_are_listed(tmp_path: Path) -> None:
    """Every stage that params do not map is named with its deals and the nearest mapped one."""
    rows = [*GOOD, {**GOOD[0], "deal_id": "5", "stage": "won"}, {**GOOD[0], "deal_id": "6", "stage": "Qualified"}]
    rows += [{**GOOD[0], "deal_id": "7", "stage": "Qualified"}]
    message = _message(workbook(tmp_path, deals=rows))
    assert "'Qualified' (2 deals)" in message
    assert "'won' (1 deal; nearest: 'Won')" in message


def test_expected_amount_from_the_price_list(tmp_path: Path) -> None:
    """List prices are expected amounts, through aliases; a product that is not listed is noted."""
    rows = [*GOOD, {**GOOD[0], "deal_id": "5", "product": "BOLT"}, {**GOOD[0], "deal_id": "6", "product": "Gear"}]
    prices = [{"product": "Bolt", "list_price": "90"}, {"product": "Nut", "list_price": "5.5"}]
    read = sources.read(workbook(tmp_path, deals=rows, products=prices, crm={"aliases": {"product": {"BOLT": "Bolt"}}}))
    assert [*deals_of(read)["expected_amount"].fillna(0)] == [90, Decimal("5.5"), Decimal("5.5"), 90, 90, 0]
    assert deals_of(read)["product"].tolist()[4] == "Bolt"
    assert any("Gear (1)" in note for note in read.notes)


def test_doubled_price_does_not_double_deals(tmp_path: Path) -> None:
    """A product that is listed twice adds no row to the deals; at two prices it has none."""
    prices = [{"product": name, "list_price": price} for name, price in (("Bolt", "90"), ("Nut", "5"), ("Nut", "5.0"))]
    read = sources.read(workbook(tmp_path, deals=GOOD, products=prices, crm=ANY))
    assert len(deals_of(read)) == 4
    assert _account(read, "products") == (3, 2, 1, 0)
    assert deals_of(read)["expected_amount"].tolist() == [90, 5, 5, 90]
    prices[2]["list_price"] = "6"
    read = sources.read(workbook(tmp_path, deals=GOOD, products=prices, crm=ANY))
    assert _account(read, "products") == (3, 1, 2, 0)
    assert [*deals_of(read)["expected_amount"].fillna(0)] == [90, 0, 0, 90]


def test_mapped_expected_amount_wins(tmp_path: Path) -> None:
    """Where an expected amount is mapped, list prices do not fill its gaps."""
    rows = [{**GOOD[0], "expected_amount": "7"}, {**GOOD[1], "expected_amount": None}]
    read = sources.read(workbook(tmp_path, deals=rows, products=[{"product": "Nut", "list_price": "5"}]))
    assert [*deals_of(read)["expected_amount"].fillna(0)] == [7, 0]


def test_aliases(tmp_path: Path) -> None:
    """Another spelling of a rep, team or account is read as the one params give."""
    aliases = {"rep_id": {"R3": "R1"}, "team": {"nord": "North"}, "account_id": {"Acme": "ACME"}}
    targets = [{"scope": scope, "scope_id": who, "kpi": "revenue", "period": "2026-Q1", "value": "1"}
               for scope, who in (("rep", "R3"), ("team", "nord"), ("all", "x"))]  # fmt: skip
    reps = [{"rep_id": "R1", "team": "nord"}, {"rep_id": "R2", "team": "South"}]
    read = sources.read(workbook(tmp_path, deals=GOOD, reps=reps, targets=targets, crm={"aliases": aliases}))
    assert deals_of(read)["rep_id"].tolist() == ["R1", "R2", "R1", "R1"]
    assert deals_of(read)["account_id"].tolist()[2] == "ACME"
    assert read.reps["team"].tolist() == ["North", "South"]
    assert read.targets["scope_id"].fillna("-").tolist() == ["R1", "North", "-"]


def test_limits_stop_the_run(tmp_path: Path) -> None:
    """Too many rows set aside end the run with reasons, examples and hints."""
    bad = [{**GOOD[0], "deal_id": f"B{place}", "opened_on": f"{13 + place}.02.2026"} for place in range(3)]
    message = _message(workbook(tmp_path, deals=[*GOOD, *bad]))
    assert "3 of 7 rows (42.9%; the limit is 1.0%)" in message
    assert "3 x not a date in the order year-month-day" in message
    assert "line 6, opened_on: '13.02.2026'" in message
    assert "format.dates (now ymd)" in message


def test_limit_of_amount_is_absolute(tmp_path: Path) -> None:
    """One row of 100 may be set aside, but not with half the amount; refunds do not offset it."""
    small = [{**GOOD[0], "deal_id": f"S{place}", "amount": "1"} for place in range(99)]
    big = {**GOOD[0], "deal_id": "B", "amount": "-99", "closed_on": None}
    params = workbook(tmp_path, deals=[*small, big], crm={"quarantine": {"rows": 0.01, "amount": 0.49}})
    assert "50.0% of the amount" in _message(params)
    assert _account(sources.read(changed(params, crm={"quarantine": {"amount": 0.5}}))) == (100, 99, 1, 0)


def test_excluded_rows_do_not_hide_what_is_lost(tmp_path: Path) -> None:
    """Limits are shares of the rows and the amount that are meant to be used."""
    rows = [{**GOOD[0], "deal_id": f"S{place}", "amount": "1"} for place in range(10)]
    rows += [{**GOOD[0], "deal_id": "B", "amount": "1", "closed_on": None}, {"deal_id": "Total", "amount": "11"}]
    exclude = [{"column": "deal_id", "equals": ["Total"], "reason": "total"}]
    crm = {"quarantine": {"rows": 1, "amount": 0.09}, "deals": {"exclude": exclude}}
    params = workbook(tmp_path, deals=rows, crm=crm)
    assert "9.1% of the amount" in _message(params)
    assert _account(sources.read(changed(params, crm=ANY))) == (12, 10, 1, 1)


def test_two_reps_of_one_name(tmp_path: Path) -> None:
    """Two rows of one key end the run, with both lines; a rep who moved has rows that do not overlap."""
    rows = [{"rep_id": "Ann"}, {"rep_id": "Bob"}, {"rep_id": "Ann"}]
    assert "lines 2 and 4" in _message(workbook(tmp_path, deals=GOOD, reps=rows))
    moved = [{"rep_id": "Ann", "to": "2026-03-31"}, {"rep_id": "Ann", "from": "2026-04-01"}]
    assert len(sources.read(workbook(tmp_path, deals=GOOD, reps=moved)).reps) == 2
    moved[1]["from"] = "2026-03-31"
    assert "lines 2 and 3" in _message(workbook(tmp_path, deals=GOOD, reps=moved))
    reversed_row = [{"rep_id": "Ann", "from": "2026-04-01", "to": "2026-03-01"}]
    assert "ends before it begins" in _message(workbook(tmp_path, deals=GOOD, reps=reversed_row))


def test_reps(tmp_path: Path) -> None:
    """A rep without a name is called by the id; a total row is set aside."""
    rows = [{"rep_id": "R1", "rep_name": None}, {"rep_id": "R2", "rep_name": "None"}, {"rep_id": None, "rep_name": "Total"}]
    read = sources.read(workbook(tmp_path, deals=GOOD, reps=rows, crm=ANY))
    assert read.reps["rep_name"].tolist() == ["R1", "None"]
    assert _account(read, "reps") == (3, 2, 1, 0)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"scope": "Rep"}, "a scope other than rep, team or all"),
        ({"scope_id": None}, "scope_id is missing"),
        ({"scope": None}, "scope is missing"),
        ({"period": "Q1 2026"}, "not a period (2026-09, 2026-Q3, 2026-H1, FY2026)"),
        ({"value": None}, "value is missing"),
        ({"value": "10%"}, "a percentage: write a fraction"),
        ({"ramp": "1.1"}, "a ramp below 0 or above 1"),
        ({"ramp": "-0.1"}, "a ramp below 0 or above 1"),
    ],
)
def test_bad_targets(tmp_path: Path, bad: dict[str, Any], reason: str) -> None:
    """A target that cannot be read is set aside with its reason, the others are used."""
    good = {"scope": "rep", "scope_id": "R1", "kpi": "revenue", "period": "2026-Q1", "value": "1000", "ramp": "1"}
    read = sources.read(workbook(tmp_path, deals=GOOD, targets=[good, {**good, **bad}, {**good, "ramp": None}], crm=ANY))
    assert _account(read, "targets") == (3, 2, 1, 0)
    assert read.quarantine["reason"].tolist() == [reason]
    assert read.targets["source_line"].tolist() == [2, 4]


def test_measures(tmp_path: Path) -> None:
    """A measure given twice counts once, and not at all with two values; a bad period or a negative n is set aside."""
    good = {"rep_id": "R1", "kpi": "calls", "period": "2026-01", "value": "40", "n": "3"}
    rows = [good, {**good, "value": "40.0"}, {**good, "period": "01/2026"}, {**good, "period": "2026-02", "n": "-1"}]
    rows += [{**good, "period": "2026-04", "value": value} for value in ("41", "42")]
    read = sources.read(workbook(tmp_path, deals=GOOD, measures=[*rows, {**good, "period": "2026-03"}], crm=ANY))
    assert read.measures["source_line"].tolist() == [2, 8]
    assert read.measures["value"].tolist() == [40, 40]
    assert read.measures["n"].tolist() == [3.0, 3.0]


@pytest.mark.parametrize("table", ["deals", "reps", "targets", "measures", "products"])
def test_every_source_is_checked(tmp_path: Path, table: str) -> None:
    """A file that is missing, or without rows, ends the run whichever table it holds."""
    given: dict[str, list[dict[str, Any]]] = {
        "reps": [{"rep_id": "R1"}],
        "targets": [{"scope": "all", "scope_id": "", "kpi": "revenue", "period": "2026-Q1", "value": 1}],
        "measures": [{"rep_id": "R1", "kpi": "calls", "period": "2026-Q1", "value": 1}],
        "products": [{"product": "Nut", "list_price": 1}],
    }
    params = workbook(tmp_path, deals=GOOD, **given)
    sources.read(params)
    path = params.path.parent / "book" / f"{table}.csv"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    assert f"where: {table}.csv" in _message(params)
    path.unlink()
    assert "does not exist" in _message(params)


def test_inputs_are_hashed(tmp_path: Path) -> None:
    """Every file stands in the inputs with the hash of its bytes; another byte is another hash."""
    params = workbook(tmp_path, deals=GOOD, reps=[{"rep_id": "R1"}])
    before = sources.read(params).inputs
    assert set(before) == {"deals.csv", "reps.csv"}
    with params.file(params.crm.deals).open("a") as file:
        file.write("\n")
    after = sources.read(params).inputs
    assert after["reps.csv"] == before["reps.csv"]
    assert after["deals.csv"] != before["deals.csv"]


def test_as_of(tmp_path: Path) -> None:
    """The as-of date is declared, else the latest opened or closed date; an expected date never counts."""
    params = workbook(tmp_path, deals=GOOD)
    read, empty = sources.read(params), TableStore()
    empty.lend("deals", tables.DEALS.schema.empty_table())
    assert sources.as_of(params, read.store) == dt.date(2026, 3, 31)
    assert sources.as_of(changed(params, as_of="2026-06-30"), read.store) == dt.date(2026, 6, 30)
    with pytest.raises(SourceError, match="no dates"):
        sources.as_of(params, empty)


@pytest.mark.parametrize(
    ("stray", "number", "aside"), [("2027-02-02", 1, 0), ("2027-02-03", 1, 1), ("2062-08-05", 5, 5), ("2062-08-05", 6, 0)]
)
def test_implausible_dates_are_set_aside(tmp_path: Path, stray: str, number: int, aside: int) -> None:
    """A date more than 366 days after those of all deals but five makes no as-of date; six of them are no typing error."""
    days = [*["2026-02-01"] * 10, *["2026-03-31"] * (5 - number), *[stray] * number]
    rows = [{"rep_id": "R1", "opened_on": "2026-01-05", "closed_on": day} for day in days]
    params = workbook(tmp_path, deals=rows)
    read = sources.read(params)
    assert read.quarantine["reason"].tolist() == [IMPLAUSIBLE] * aside
    assert sources.as_of(params, read.store) == dt.date.fromisoformat(max(day for day in days if day != stray or not aside))
    declared = sources.read(changed(params, as_of="2062-12-31"))
    assert declared.quarantine.empty


# The same company in other clothes ------------------------------------------------------------------------------------------

NAMES = {name: f"{name.title()} (CRM)" for name in GOOD[0]}


def _german(row: dict[str, Any]) -> dict[str, Any]:
    dressed = dict(row)
    for name in ("opened_on", "closed_on", "expected_close_on"):
        if row[name]:
            dressed[name] = ".".join(reversed(row[name].split("-")))
    if row["amount"]:
        dressed["amount"] = f"{Decimal(row['amount']):,}".replace(",", "\0").replace(".", ",").replace("\0", ".")
    return dressed


def _renamed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{NAMES[name]: row[name] for name in reversed(list(row))} for row in rows]


def _typed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    def cell(name: str, value: Any) -> Any:
        if value is None:
            return None
        if name == "amount":
            return Decimal(value)
        return dt.date.fromisoformat(value) if name.endswith("_on") else value

    return [{name: cell(name, value) for name, value in row.items()} for row in rows]


def _dress(path: Path, kind: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Write the rows in another form and return what params must say of it."""
    header = list(rows[0])
    if kind == "german":
        write_csv(path.with_suffix(".csv"), [_german(row) for row in rows], header=header, encoding="cp1252", delimiter=";",
                  quoting=csv.QUOTE_ALL, lineterminator="\r\n")  # fmt: skip
        return {"format": {"delimiter": ";", "encoding": "cp1252", "decimal": ",", "dates": "dmy"}}
    if kind == "renamed":
        renamed = _renamed(rows)
        write_csv(path.with_suffix(".csv"), renamed, header=list(renamed[0]))
        return {"columns": {name: NAMES[name] for name in header}}
    typed = _typed(rows)
    german = {"decimal": ",", "dates": "dmy"}
    if kind == "parquet":
        table = pa.table({name: [row[name] for row in typed] for name in header})
        pq.write_table(table, path.with_suffix(".parquet"))
        return {"file": "book/other.parquet", "format": german}
    if kind == "excel":
        book = openpyxl.Workbook()
        book.active.append(header)
        for row in typed:
            book.active.append([row[name] for name in header])
        book.save(path.with_suffix(".xlsx"))
        return {"file": "book/other.xlsx", "format": german}
    frame = pa.table({name: [row[name] for row in typed] for name in header})
    with duckdb.connect(str(path.with_suffix(".duckdb"))) as connection:
        connection.register("given", frame)
        connection.execute("CREATE TABLE deals AS SELECT * FROM given")
    return {"file": "book/other.duckdb", "format": german}


def _same(read: Tables) -> pd.DataFrame:
    return deals_of(read).drop(columns=["source_file", "source_line"]).sort_values("deal_id").reset_index(drop=True)


@pytest.mark.parametrize("kind", ["german", "renamed", "parquet", "excel", "duckdb"])
def test_other_clothes_change_nothing(tmp_path: Path, kind: str) -> None:
    """Another dialect, other names and order of columns, Parquet, Excel and DuckDB give the same table."""
    rows = [*GOOD, {**GOOD[0], "deal_id": "123456789012345678", "amount": "1234567.125"}]
    plain = sources.read(workbook(tmp_path, deals=rows))
    other = _dress(tmp_path / "params" / "book" / "other", kind, rows)
    dressed = sources.read(changed(workbook(tmp_path, deals=rows), crm={"deals": {"file": "book/other.csv", **other}}))
    pd.testing.assert_frame_equal(_same(plain), _same(dressed))
    assert _amounts(plain) == _amounts(dressed)
    assert _account(plain) == _account(dressed)


@pytest.mark.parametrize("scale", [0, 2, 4, 6, 20])
def test_typed_cells_say_what_their_texts_say(tmp_path: Path, scale: int) -> None:
    """Days and amounts of Parquet are what the same texts of CSV are: rounded, refused with a reason, or left out."""
    held = pa.decimal128(38 if scale else 18, scale)
    amounts = [
        amount
        for amount in ("7", "-0.5", "99999999999999.9999", "0.00005", "0.00015", "100000000000000", "8.5")
        if len(amount.partition(".")[2]) <= scale and abs(Decimal(amount)) < 10 ** (held.precision - scale)
    ]
    days = ("2026-07-01", "1900-01-01", "1899-12-31", "2200-01-01", "2026-08-08")
    rows = [{**GOOD[0], "deal_id": amount, "amount": amount} for amount in amounts]
    rows += [{**GOOD[0], "deal_id": day, "amount": "9", "opened_on": day} for day in days]
    exclude = [{"column": name, "equals": ["8.5", days[-1]], "reason": f"by {name}"} for name in ("amount", "opened_on")]
    crm: dict[str, Any] = {**ANY, "deals": {"exclude": exclude}}
    plain = sources.read(workbook(tmp_path, deals=rows, crm=crm))
    typed = _typed(rows)
    columns = {name: pa.array([row[name] for row in typed], held if name == "amount" else None) for name in rows[0]}
    pq.write_table(pa.table(columns), tmp_path / "params" / "book" / "deals.parquet")
    crm["deals"]["file"] = "book/deals.parquet"
    dressed = sources.read(workbook(tmp_path, deals=rows, crm=crm))
    pd.testing.assert_frame_equal(_same(plain), _same(dressed))
    assert _amounts(plain) == _amounts(dressed)
    told = ["column", "value", "reason", "amount"]
    assert plain.quarantine[told].to_dict("records") == dressed.quarantine[told].to_dict("records")
    assert _account(dressed)[2:] == (2 + ("100000000000000" in amounts), 1 + ("8.5" in amounts))


@pytest.mark.parametrize("seed", range(5))
def test_shuffled_rows_change_nothing(tmp_path: Path, seed: int) -> None:
    """The order of rows does not matter: exact duplicates, rows that contradict each other and bad rows included."""
    rows = [*GOOD, {**GOOD[0]}, {**GOOD[1], "deal_id": "9", "closed_on": None}]
    rows += [{**GOOD[0], "deal_id": "8", "amount": amount} for amount in ("5", "6", "5", "7.25")]
    rows += [{**GOOD[2], "rep_id": "R7"}]
    plain = sources.read(workbook(tmp_path, deals=rows, crm=ANY))
    random.Random(seed).shuffle(rows)
    shuffled = sources.read(workbook(tmp_path, deals=rows, crm=ANY))
    pd.testing.assert_frame_equal(_same(plain), _same(shuffled))
    assert _amounts(plain) == _amounts(shuffled)
    assert sorted(plain.quarantine["reason"]) == sorted(shuffled.quarantine["reason"])
    assert plain.notes == shuffled.notes


@pytest.mark.soak
def test_a_million_deals(tmp_path: Path) -> None:
    """A million deals are read in well under 20 seconds, with nothing lost."""
    rows = [{**GOOD[place % 2], "deal_id": f"{place:07d}", "amount": f"{place}.25"} for place in range(1_000_000)]
    params = workbook(tmp_path, deals=rows)
    start = time.perf_counter()
    read = sources.read(params)
    assert time.perf_counter() - start < 20
    assert _account(read) == (1_000_000, 1_000_000, 0, 0)
    assert _amounts(read)[1] == sum(range(1_000_000)) + 250_000
