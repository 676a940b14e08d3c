"""What a database makes of its columns is what is made of the same cells in a file, on PostgreSQL and on Spark."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from crms import TYPES, Mover, to_postgres
from evidence.test_custom import DEALS, KPIS, REPS
from journals import Server
from workbooks import workbook

from reviewlib.evidence import sources
from reviewlib.evidence.period import PeriodEvidence, compile_evidence
from reviewlib.evidence.sources import Tables
from reviewlib.evidence.tables import DEALS as CANONICAL
from reviewlib.params.model import Params
from reviewlib.periods import Period

Q3 = Period.parse("2026-Q3")
KEY = ["scope", "scope_id", "period", "kpi"]
WON = {"rep_id": "A", "account_id": "X", "opened_on": "2026-06-01", "closed_on": "2026-08-01", "amount": "100"}
#: The first and last moments of the quarter in Berlin, and those beside them.
MOMENTS = ["2026-06-30 21:59:59", "2026-06-30 22:00:00", "2026-09-30 21:59:59", "2026-09-30 22:00:00"]
#: Each would be another amount if it were rounded half up, or known to 15 digits.
AMOUNTS = ["10.00005", "10.00015", "-3.00025", "0.0000499999", "0", "1.5", "123456789012.3456"]
#: By what is odd: how the deals differ from those of a plain workbook, the types of their columns, and params.
CASES: dict[str, tuple[list[dict[str, Any]], dict[str, str], dict[str, Any]]] = {
    "halves of a cent's hundredth": (
        [{**WON, "rep_id": rep, "amount": amount, "expected_amount": amount} for rep in "AB" for amount in AMOUNTS],
        {"amount": "numeric", "expected_amount": "double precision"},
        {},
    ),
    "moments at midnight": (
        [
            {**WON, "rep_id": rep, "closed_on": f"{moment}+00:00", "opened_on": "2026-06-01 23:59:59"}
            for rep, moment in zip("ABCA", MOMENTS, strict=True)
        ],
        {"closed_on": "timestamptz", "opened_on": "timestamp"},
        {"timezone": "Europe/Berlin"},
    ),
    "midnights without a zone": (
        [{**WON, "closed_on": "2026-09-30 00:00:00"}, {**WON, "rep_id": "B"}],
        {"closed_on": "timestamp"},
        {},
    ),
    "blanks and other spellings": (
        [
            {**WON, "rep_id": "\u00a0A", "account_id": "X Ltd", "stage": "Won\u2003"},
            {**WON, "rep_id": "A\t ", "account_id": " X\u00a0Ltd", "stage": "\u00a0 Lost"},
            {**WON, "rep_id": "Bee", "account_id": "X", "stage": "Won"},
            {**WON, "rep_id": "\u3000", "account_id": "\u00a0", "stage": "Won", "expected_amount": "7"},
        ],
        {},
        {"crm": {"aliases": {"account_id": {"X Ltd": "X", "X\u00a0Ltd": "X"}, "rep_id": {"Bee": "B"}}}},
    ),
    "rows left out by a number": (
        [{**WON, "amount": "0"}, {**WON, "amount": "10"}, WON, {**WON, "amount": "10.5"}],
        {},
        {"crm": {"deals": {"exclude": [{"column": "amount", "equals": [" 0", "10.5"], "reason": "Free"}]}}},
    ),
    "columns of other names": (
        [{**WON, 'The "Id" of it': f"{at}", "Größe %s": "5", "select": "2026-07-01"} for at in range(3)],
        {"Größe %s": "numeric", "select": "date", 'The "Id" of it': "bigint"},
        {"crm": {"deals": {"columns": {"deal_id": 'The "Id" of it', "amount": "Größe %s", "closed_on": "select"}}}},
    ),
    "list prices": (
        [
            {**WON, "product": "GTXPro", "stage": "Open", "closed_on": None},
            {**WON, "product": "GTX Pro", "stage": "Open", "closed_on": None, "rep_id": "B"},
            {**WON, "product": "unknown", "stage": "Open", "closed_on": None, "rep_id": "C"},
            {**WON, "product": None, "stage": "Lost"},
            {**WON, "product": "GTX Pro"},
        ],
        {},
        {
            "products": [{"product": "GTX Pro", "list_price": "4821.005"}, {"product": "MG", "list_price": "55"}],
            "crm": {"aliases": {"product": {"GTXPro": "GTX Pro"}}},
        },
    ),
    "rows to be set aside": (
        [
            WON,
            {**WON, "deal_id": "twice"},
            {**WON, "deal_id": "twice"},
            {**WON, "deal_id": "differs"},
            {**WON, "deal_id": "differs", "amount": "100.0001"},
            {**WON, "deal_id": None},
            {**WON, "stage": None},
            {**WON, "closed_on": None},
            {**WON, "closed_on": "2026-12-01"},
            {**WON, "opened_on": "1066-10-14"},
            {**WON, "amount": "123456789012345"},
            {**WON, "rep_id": None},
        ],
        {"amount": "double precision"},
        {},
    ),
}


def compiled(params: Params) -> PeriodEvidence:
    return compile_evidence(params, sources.read(params), Q3)


def assert_same_deals(there: Tables, here: Tables) -> None:
    """What is used of each deal, and the account of the rows."""
    columns = ", ".join(name for name in CANONICAL.columns if not name.startswith("source"))
    used = [found.deals.rows(f"SELECT {columns} FROM deals ORDER BY deal_id") for found in (there, here)]
    assert used[0] == used[1] != []
    accounts = [{**asdict(found.reconciliation[0]), "file": ""} for found in (there, here)]
    assert accounts[0] == accounts[1]
    refused = [sorted(found.quarantine["reason"]) for found in (there, here)]
    assert refused[0] == refused[1]


def assert_same(there: PeriodEvidence, here: PeriodEvidence) -> None:
    """Deals and scorecard are equal."""
    assert_same_deals(there.tables, here.tables)
    cards = (found.scorecard.sort_values(KEY, ignore_index=True) for found in (there, here))
    pd.testing.assert_frame_equal(*cards, check_dtype=False, rtol=1e-12)


def book(folder: Path, deals: list[dict[str, Any]], **more: Any) -> Params:
    """A workbook of these deals; however many of them may be set aside."""
    crm = {"history_from": "2026-01-01", "quarantine": {"rows": 1, "amount": 1}, **more.pop("crm", {})}
    return workbook(folder, deals=deals, reps=REPS, as_of="2026-10-15", crm=crm, **more)


@pytest.mark.parametrize("odd", CASES)
def test_a_cell_means_what_it_means_in_a_file(move: Mover, tmp_path: Path, odd: str) -> None:
    """Amounts, days, names and prices of deals are equal, to the last digit."""
    deals, types, more = CASES[odd]
    here = book(tmp_path, deals, **more)
    assert_same_deals(sources.read(move(here, {**TYPES, **types})), sources.read(here))


@pytest.mark.whole
def test_a_language_does_not_say_who_won_a_customer(crm_server: Server, tmp_path: Path) -> None:
    """Of several first purchases on one day the smallest id comes first by its bytes, as everywhere else."""
    deals = [{**WON, "deal_id": deal, "rep_id": rep} for deal, rep in (("a-1", "A"), ("B-1", "B"), ("Ä-1", "C"))]
    here = book(tmp_path, deals)
    there = to_postgres(crm_server, here, {**TYPES, "deal_id": 'text COLLATE "en-x-icu"'})
    assert_same(compiled(there), compiled(here))


@pytest.mark.whole
def test_kpis_in_sql_are_computed_there(crm_server: Server, tmp_path: Path) -> None:
    """Sums, shares and middles of the facts of deals and accounts are those of the file."""
    middle = {"value": "median(days) filter (where won)", "unit": "days", "label": "Middle"}
    described = {key: value for key, value in KPIS["number"].items() if key not in ("over", "n")}
    here = book(tmp_path, DEALS, kpis=KPIS | {"middle": described | middle})
    there = compiled(to_postgres(crm_server, here, TYPES))
    assert_same(there, compiled(here))
    assert {"own_deal_measures", "own_account_measures"} <= there.measured.tables.keys()


@pytest.mark.whole
def test_ids_and_stages_may_have_types_of_their_own(crm_server: Server, tmp_path: Path) -> None:
    """Ids of a fixed width, numbers and UUIDs, and stages of an enumeration, are the texts that a file has of them."""
    deals = [
        {**WON, "deal_id": f"00000000-0000-4000-8000-{number:012}", "account_id": number, "stage": stage}
        for number, stage in enumerate(("Won", "Lost", "Open"))
    ]
    here = book(tmp_path, deals)
    types = {"deal_id": "uuid", "rep_id": "char(12)", "account_id": "bigint"}
    there = to_postgres(crm_server, here, {**TYPES, **types})
    with crm_server.connect(str(there.crm.connect).rpartition("/")[2]) as connection:
        connection.execute("CREATE TYPE kind AS ENUM ('Lost', 'Open', 'Won')")
        connection.execute("ALTER TABLE deals ALTER COLUMN stage TYPE kind USING stage::kind")
    assert_same(compiled(there), compiled(here))


@pytest.mark.whole
def test_tables_of_the_crm_may_be_called_as_ours(crm_server: Server, tmp_path: Path) -> None:
    """Views and tables of a session hide theirs, and drop none of them."""
    deals, _, more = CASES["list prices"]
    here = book(tmp_path, deals, **more)
    there = to_postgres(crm_server, here, TYPES)
    ours = ("prices", "calendar", "members", "groups", "deal_kinds", "deal_facts", "deals_taken", "asked")
    with crm_server.connect(str(there.crm.connect).rpartition("/")[2]) as connection:
        for name in ours:
            connection.execute(f"CREATE VIEW {name} AS SELECT 1 AS something")
        assert_same(compiled(there), compiled(here))
        for name in ours:
            assert connection.execute(f"SELECT something FROM public.{name}").fetchone() == (1,)
