"""The proposal: what an export is recognized as, how it is mapped, and what is left to check."""

# Exports are shown as they come, one row a line.
# ruff: noqa: E501

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from pathlib import Path

import duckdb
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workbooks import deals_of

from reviewlib.errors import ParamsError, ReviewError, SourceError
from reviewlib.evidence import sources
from reviewlib.params import reading, written
from reviewlib.params.model import Params
from reviewlib.workbook import mapping
from reviewlib.workbook.mapping import fold, quoted
from reviewlib.workbook.proposal import ParamsProposal, propose

MAVEN = Path(__file__).parents[3] / "shared" / "data" / "maven-crm"

SALESFORCE = """\
"Opportunity Owner","Account Name","Opportunity Name","Opportunity ID","Stage","Fiscal Period","Amount Currency","Amount","Expected Revenue Currency","Expected Revenue","Probability (%)","Age","Close Date","Created Date","Next Step","Lead Source","Type"
"Ann Lee","Acme","Acme 1","0065g00000AAAAA","Closed Won","Q1-2026","EUR","1,234.50","EUR","1234.50","100","30","2/14/2026","1/2/2026","","Web","New Business"
"Ann Lee","Acme","Acme 2","0065g00000AAAAB","Negotiation/Review","Q1-2026","EUR","5,000.00","EUR","2500","50","30","4/1/2026","1/3/2026","","Web","New Business"
"Bo Ek","Beta","Beta 1","0065g00000AAAAC","Closed Lost","Q1-2026","EUR","700.00","EUR","0","0","30","3/1/2026","1/5/2026","","Web","New Business"
"Bo Ek","Beta","Beta 2","0065g00000AAAAD","Verbal","Q1-2026","EUR","","EUR","0","0","30","5/1/2026","1/5/2026","","Web","New Business"
"""
SALESFORCE_API = """\
Id,OwnerId,AccountId,StageName,Amount,CloseDate,CreatedDate,IsWon,IsClosed,ExpectedRevenue
006A,005A,001A,Ganado,100.5,2026-02-01,2026-01-01T10:00:00.000+0000,true,true,100.5
006B,005A,001A,Perdido de verdad,50,2026-03-01,2026-01-02T10:00:00.000+0000,false,true,0
006C,005B,001B,Charlando,70,2026-05-01,2026-01-03T23:30:00.000+0000,false,false,35
"""
HUBSPOT = """\
Record ID,Deal Name,Deal Stage,Close Date,Deal owner,Amount,Create Date,Pipeline,Associated Company,Associated Company IDs
9001234567,A,Closed Won (Sales Pipeline),2026-02-01 10:00,Ann Lee,1200,2026-01-02 09:00,Sales Pipeline,Acme,77
9001234568,B,Contract Sent (Sales Pipeline),2026-05-01 10:00,Ann Lee,800,2026-01-12 09:00,Sales Pipeline,Acme,77
9001234569,C,closedlost,2026-03-01 10:00,Bo Ek,500,2026-01-22 23:30,Sales Pipeline,Beta,78
"""
GERMAN = """\
Auftrag Nr;Verkäufer;Kunde;Status;Betrag;Angelegt;Abschlussdatum
0001;Müller;Größe AG;Gewonnen;1.234,50 €;01.02.2026;13.04.2026
0002;Müller;Klein AG;Offen;700,00 €;01.02.2026;
0003;Weiß;Klein AG;Verloren;2.000,00 €;05.02.2026;06.04.2026
Summe;;;;3.934,50 €;;
"""
OWN = """\
deal_id,rep,customer,status,value,opened,closed
D1,Ann,Acme,won,10.50,2026-01-02,2026-02-01
D2,Ann,Beta,lost,0,2026-01-02,2026-02-03
D3,Bo,Beta,thinking,,2026-01-09,
"""


def made(folder: Path, text: str, *, name: str = "export.csv", encoding: str = "utf-8") -> tuple[ParamsProposal, Params]:
    """Propose for an export of this content, and load what is proposed from where it would lie."""
    export = folder / "exports" / name
    export.parent.mkdir(exist_ok=True)
    export.write_bytes(text.encode(encoding))
    return loaded(folder, export)


def loaded(folder: Path, export: Path) -> tuple[ParamsProposal, Params]:
    (folder / "params").mkdir(exist_ok=True)
    proposal = propose(export, folder=folder / "params")
    path = folder / "params" / "proposed.yaml"
    path.write_text(proposal.text, encoding="utf-8")
    return proposal, reading.load(path)


def mapped(params: Params) -> dict[str, str]:
    return params.crm.deals.columns.model_dump(exclude_none=True)


def rewritten(text: str, **changes: str) -> str:
    """Put other values into a column of a CSV text, in the order of its rows, separated by ``|``."""
    rows = list(csv.reader(io.StringIO(text)))
    for header, values in changes.items():
        place = rows[0].index(header.replace("_", " "))
        for row, value in zip(rows[1:], values.split("|"), strict=True):
            row[place] = value
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def test_salesforce_report_is_recognized(tmp_path: Path) -> None:
    """A Salesforce report is known by its headers and mapped as that CRM means them."""
    proposal, params = made(tmp_path, SALESFORCE)
    assert proposal.recognized == "Salesforce opportunity report"
    assert mapped(params) == {
        "deal_id": "Opportunity ID",
        "rep_id": "Opportunity Owner",
        "stage": "Stage",
        "account_id": "Account Name",
        "amount": "Amount",
        "opened_on": "Created Date",
        "closed_on": "Close Date",
        "expected_close_on": "Close Date",
    }
    assert params.currency == "EUR"
    assert (params.crm.deals.format.dates, params.crm.deals.format.decimal) == ("mdy", ".")
    assert params.crm.deals.stages.model_dump() == {
        "won": ("Closed Won",),
        "lost": ("Closed Lost",),
        "open": ("Negotiation/Review", "Verbal"),
    }
    assert "- Closed Won\n" in proposal.text
    assert "- Verbal  # guess" in proposal.text


def test_salesforce_api_names_and_flags(tmp_path: Path) -> None:
    """API names are recognized too, and flags tell the outcome of stages in any language."""
    proposal, params = made(tmp_path, SALESFORCE_API)
    assert proposal.recognized
    assert mapped(params)["rep_id"] == "OwnerId"
    assert params.crm.deals.stages.model_dump() == {"won": ("Ganado",), "lost": ("Perdido de verdad",), "open": ("Charlando",)}
    assert not [check for check in proposal.checks if "stage" in check]
    assert params.timezone == "UTC"


def test_hubspot_export_is_recognized(tmp_path: Path) -> None:
    """A HubSpot export is known by its headers; stages carry the pipeline's name, or are internal names."""
    proposal, params = made(tmp_path, HUBSPOT)
    assert proposal.recognized == "HubSpot deal export"
    assert mapped(params) == {
        "deal_id": "Record ID",
        "rep_id": "Deal owner",
        "stage": "Deal Stage",
        "account_id": "Associated Company IDs",
        "amount": "Amount",
        "opened_on": "Create Date",
        "closed_on": "Close Date",
        "expected_close_on": "Close Date",
    }
    assert params.crm.deals.stages.won == ("Closed Won (Sales Pipeline)",)
    assert params.crm.deals.stages.lost == ("closedlost",)


def test_times_of_day_ask_for_a_zone(tmp_path: Path) -> None:
    """Dates with a time need a time zone, which is proposed and to be checked; midnight is a plain date."""
    proposal, params = made(tmp_path, HUBSPOT)
    assert params.timezone == "UTC"
    assert any(check.startswith("Set timezone") for check in proposal.checks)
    plain = HUBSPOT.replace(" 10:00", " 00:00").replace(" 09:00", " 00:00").replace(" 23:30", " 00:00")
    proposal, params = made(tmp_path, plain)
    assert params.timezone is None


@pytest.mark.parametrize("text", [SALESFORCE, HUBSPOT])
def test_amount_is_never_the_expected_amount(tmp_path: Path, text: str) -> None:
    """Recognized CRMs overwrite the amount, so the expected amount is offered in a comment with the reason, and said."""
    proposal, params = made(tmp_path, text)
    assert params.crm.deals.columns.expected_amount is None
    assert "# expected_amount: Amount" in proposal.text
    assert any("No expected amount is mapped" in check for check in proposal.checks)


def test_other_exports_are_read_by_name_and_content(tmp_path: Path) -> None:
    """An export of no known CRM is mapped by its headers, and every guess is marked."""
    proposal, params = made(tmp_path, OWN)
    assert proposal.recognized is None
    assert mapped(params) == {
        "deal_id": "deal_id",
        "rep_id": "rep",
        "stage": "status",
        "account_id": "customer",
        "amount": "value",
        "opened_on": "opened",
        "closed_on": "closed",
    }
    marked = [line for line in proposal.text.splitlines() if "# guess" in line]
    assert len(marked) >= 7
    assert any("'thinking'" in check for check in proposal.checks)


def test_another_dialect_is_found(tmp_path: Path) -> None:
    """Delimiter, encoding, decimal mark, date order and currency are read off the file."""
    proposal, params = made(tmp_path, GERMAN, encoding="cp1252")
    assert "dates: dmy\n" in proposal.text
    form = params.crm.deals.format
    assert (form.delimiter, form.encoding, form.decimal, form.dates) == (";", "cp1252", ",", "dmy")
    assert params.currency == "EUR"
    assert mapped(params)["rep_id"] == "Verkäufer"
    assert params.crm.deals.stages.model_dump() == {"won": ("Gewonnen",), "lost": ("Verloren",), "open": ("Offen",)}


def test_the_line_that_tells_excel_the_delimiter_is_no_header(tmp_path: Path) -> None:
    """What it says of the delimiter is proposed, and the columns are those of the line below."""
    _, params = made(tmp_path, f"sep=;\n{GERMAN}")
    assert (params.crm.deals.format.delimiter, params.crm.deals.format.encoding) == (";", "utf-8")
    assert mapped(params)["rep_id"] == "Verkäufer"


def test_totals_are_left_out_and_said(tmp_path: Path) -> None:
    """A total below the deals is excluded with its reason, and told."""
    proposal, params = made(tmp_path, GERMAN)
    (exclusion,) = params.crm.deals.exclude
    assert (exclusion.column, exclusion.equals) == ("Auftrag Nr", ("Summe",))
    assert any("'Summe'" in check for check in proposal.checks)


def test_lines_below_the_report_are_said(tmp_path: Path) -> None:
    """Lines that do not fit the header are told with their number."""
    proposal, _ = made(tmp_path, SALESFORCE + '\n"Opportunities"\n"Copyright (c) 2026"\n')
    assert any("2 lines do not fit the header, the first is line 7" in check for check in proposal.checks)


def test_ambiguous_dates_are_said(tmp_path: Path) -> None:
    """Where no day is above 12, the order of day and month is a marked guess."""
    proposal, params = made(tmp_path, rewritten(SALESFORCE, Close_Date="2/4/2026|4/1/2026|3/1/2026|5/1/2026"))
    assert params.crm.deals.format.dates == "mdy"
    assert "dates: mdy  # check" in proposal.text
    assert any("no day in" in check for check in proposal.checks)
    clear, _ = made(tmp_path, SALESFORCE)
    assert not any("no day in" in check for check in clear.checks)


def test_ambiguous_thousands_are_said(tmp_path: Path) -> None:
    """1,234 alone does not tell whether the comma groups or divides."""
    proposal, params = made(tmp_path, rewritten(OWN, value="1,234|0|"))
    assert params.crm.deals.format.decimal == "."
    assert any(check.startswith("Set decimal") for check in proposal.checks)


def test_close_date_of_open_deals_is_an_expectation(tmp_path: Path) -> None:
    """Where open deals carry the close date too, it is mapped to both; where they do not, to one."""
    _, params = made(tmp_path, OWN)
    assert params.crm.deals.columns.expected_close_on is None
    proposal, params = made(tmp_path, rewritten(OWN, closed="2026-02-01|2026-02-03|2026-06-01"))
    assert params.crm.deals.columns.expected_close_on == "closed"
    assert any("expected close date" in check for check in proposal.checks)


def test_several_currencies_are_said(tmp_path: Path) -> None:
    """Amounts in several currencies cannot be added, and the check says so."""
    proposal, params = made(tmp_path, rewritten(SALESFORCE, Amount_Currency="EUR|EUR|USD|EUR"))
    assert params.currency == "EUR"
    assert any("2 currencies" in check for check in proposal.checks)
    proposal, params = made(tmp_path, OWN)
    assert "currency: USD  # check" in proposal.text


def test_a_report_without_id_says_so(tmp_path: Path) -> None:
    """Salesforce reports leave the id out unless asked: a unique column stands in, marked."""
    rows = [row[:3] + row[4:] for row in csv.reader(io.StringIO(SALESFORCE))]
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    proposal, params = made(tmp_path, out.getvalue())
    assert mapped(params)["deal_id"] == "Opportunity Name"
    assert any("no id column" in check for check in proposal.checks)


@pytest.mark.parametrize(
    ("stage", "outcome"),
    [
        ("6 - Closed Won", "won"),
        ("Not won", "lost"),
        ("No decision", "lost"),
        ("ClosedLost", "lost"),
        ("Disqualified", "lost"),
        ("Gewonnen", "won"),
        ("Negotiation", "open"),
        ("Wonderland", "open"),
    ],
)
def test_words_tell_the_outcome(tmp_path: Path, stage: str, outcome: str) -> None:
    """Whole words in a stage's name tell its outcome; "not won" is lost."""
    _, params = made(tmp_path, OWN.replace("thinking", stage))
    assert params.crm.deals.stages.outcomes[stage] == outcome


def test_closed_alone_is_to_be_checked(tmp_path: Path) -> None:
    """A stage called closed may be won or lost: it is never counted as won unasked."""
    proposal, params = made(tmp_path, OWN.replace("thinking", "Closed"))
    assert params.crm.deals.stages.outcomes["Closed"] == "lost"
    assert any("won or lost?" in check for check in proposal.checks)


def test_no_won_stage_is_said(tmp_path: Path) -> None:
    """Where no stage says won, the one with amounts stands in, marked, so that the file loads."""
    proposal, params = made(tmp_path, OWN.replace(",won,", ",phase 4,"))
    assert params.crm.deals.stages.won == ("phase 4",)
    assert any("No stage name says" in check for check in proposal.checks)


ODD = {
    "a few broken lines": (
        rewritten(OWN, closed="2026-02-01|2026-02-03|").replace("D3,Bo", "D4\nD3,Bo")
        + "".join(f"E{i},Bo,Beta,open,,2026-01-09,\n" for i in range(200)),
        "1 lines do not fit the header, the first is line 4 ('D4'). They will be set aside.",
    ),
    "many broken lines": (
        OWN.replace("D3,Bo", "D4\nD3,Bo"),
        "1 lines do not fit the header, the first is line 4 ('D4'). That is enough to stop a run: remove them from the file.",
    ),
    "no amount": (
        SALESFORCE_API.replace("Amount", "Size"),
        "No column holds the amount: add it to the report and export again, or there is no revenue to review.",
    ),
    "amounts in words": (
        SALESFORCE_API.replace(",100.5,", ",much,").replace(",50,", ",some,").replace(",70,", ",little,"),
        "'Amount' does not hold plain numbers: export it in another form.",
    ),
    "dates in words": (
        SALESFORCE_API.replace("2026-02-01", "Feb 1st").replace("2026-03-01", "March 1st").replace("2026-05-01", "May 1st"),
        "'CloseDate' does not hold dates such as 2026-03-31 or 31/03/2026: export it in another form.",
    ),
    "years of two digits": (
        SALESFORCE.replace("/2026", "/26"),
        "'Close Date' has years of two digits, which are not read: export it with four.",
    ),
    "two orders of day and month": (
        SALESFORCE.replace("2/14/2026", "2/28/2026")
        .replace("1/5/2026", "25/1/2026")
        .replace("1/2/2026", "15/1/2026")
        .replace("1/3/2026", "16/1/2026"),
        "The dates in 'Created Date', 'Close Date' do not share one order of day and month: export them again in one form.",
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_is_said(tmp_path: Path, name: str) -> None:
    """What an export lacks, or writes as nothing is read, is said with the proposal."""
    text, check = ODD[name]
    export = tmp_path / "export.csv"
    export.write_text(text, encoding="utf-8")
    assert check in propose(export).checks


def test_every_stage_is_listed(tmp_path: Path) -> None:
    """Every stage of the export has an outcome, however odd its name."""
    odd = [
        "yes",
        "NO",
        "null",
        "1.0",
        "a: b",
        "# x",
        "- y",
        "'q'",
        '"d"',
        "[z]",
        "ä/ö",
        "back\\slash",
        "tab\there",
        "{c}",
        "*",
        "&",
        "%",
    ]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["deal_id", "rep", "stage", "amount"])
    writer.writerows([f"D{place}", "Ann" if place % 2 else "Bo", stage, "5"] for place, stage in enumerate(odd))
    _, params = made(tmp_path, out.getvalue())
    stages = params.crm.deals.stages
    assert {*stages.won, *stages.lost, *stages.open} == set(odd)


def test_reps_and_products_beside_the_export_are_used(tmp_path: Path) -> None:
    """Files whose values are those of the deals are proposed as reps and products, spellings paired, and told."""
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "staff.csv").write_text("Employee;Team;Manager\nAnn;North;Eva\nBo;South;Max\nCy;South;Max\n", encoding="utf-8")
    (folder / "prices.csv").write_text("item,list price\nBig Box,100\nSmall Box,50\n", encoding="utf-8")
    (folder / "notes.csv").write_text("a,b\n1,2\n3,4\n", encoding="utf-8")
    (folder / "broken.xlsx").write_bytes(b"no workbook")
    text = (
        OWN.replace("closed\n", "closed,product\n", 1)
        .replace("2026-02-01\n", "2026-02-01,BigBox\n")
        .replace("2026-02-03\n", "2026-02-03,Small Box\n")
    )
    proposal, params = made(tmp_path, text.replace("2026-01-09,\n", "2026-01-09,,Small Box\n"))
    assert params.crm.reps
    assert params.crm.reps.columns.model_dump(exclude_none=True, by_alias=True) == {
        "rep_id": "Employee",
        "team": "Team",
        "manager": "Manager",
    }
    assert params.crm.reps.format.delimiter == ";"
    assert params.crm.products
    assert params.crm.products.columns.model_dump() == {"product": "item", "list_price": "list price"}
    assert params.crm.aliases == {"product": {"BigBox": "Big Box"}}
    assert [name for name in ("staff.csv", "prices.csv") if any(check.startswith(name) for check in proposal.checks)] == [
        "staff.csv",
        "prices.csv",
    ]
    assert len(sources.read(params).reps) == 3


def test_reps_without_a_team_are_offered_one(tmp_path: Path) -> None:
    """Where no column is called a team, the manager's is offered as one."""
    (tmp_path / "people.csv").write_text("id,boss\nAnn,Max\nBo,Max\n", encoding="utf-8")
    export = tmp_path / "export.csv"
    export.write_text(OWN, encoding="utf-8")
    proposal = propose(export)
    assert "No column of people.csv is called a team: map team too, to 'boss' for instance." in proposal.checks
    assert "      manager: boss\n      # team: boss  # check: teams get a page each\n" in proposal.text


def test_a_doubtful_neighbour_is_only_offered(tmp_path: Path) -> None:
    """A file that holds only some of the owners is offered in a comment."""
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "staff.csv").write_text("name,team\nAnn,North\nCy,South\n", encoding="utf-8")
    proposal, params = made(tmp_path, OWN)
    assert params.crm.reps is None
    assert "# reps:" in proposal.text
    assert any("Uncomment crm.reps" in check for check in proposal.checks)


@pytest.mark.parametrize("kind", ["parquet", "xlsx", "duckdb"])
def test_other_kinds_of_files(tmp_path: Path, kind: str) -> None:
    """Parquet, Excel and DuckDB exports are proposed like CSV, the table named where it must be."""
    rows = list(csv.DictReader(io.StringIO(OWN)))
    typed = [{**row, "value": float(row["value"] or 0), "opened": dt.date.fromisoformat(row["opened"])} for row in rows]
    export = tmp_path / f"export.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(typed), export)
    elif kind == "xlsx":
        book = openpyxl.Workbook()
        for row in [list(typed[0]), *(list(row.values()) for row in typed)]:
            book.active.append(row)
        book.save(export)
    else:
        deals = pa.Table.from_pylist(typed)
        with duckdb.connect(str(export)) as connection:
            connection.register("frame", deals)
            connection.execute("CREATE TABLE accounts (x INT)")
            connection.execute("CREATE TABLE all_deals AS SELECT * FROM frame")
    _, params = loaded(tmp_path, export)
    assert mapped(params)["amount"] == "value"
    assert params.crm.deals.format.table == ("all_deals" if kind == "duckdb" else None)
    assert len(deals_of(sources.read(params))) == 3


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(SALESFORCE, "utf-8-sig"), (SALESFORCE_API, "utf-16"), (HUBSPOT, "utf-8"), (GERMAN, "cp1252"), (OWN, "utf-8")],
)
def test_what_is_proposed_reads_the_export(tmp_path: Path, text: str, encoding: str) -> None:
    """The proposed file reads its export with no row lost to the quarantine."""
    _, params = made(tmp_path, text, encoding=encoding)
    tables = sources.read(params)
    deals = next(entry for entry in tables.reconciliation if entry.table == "deals")
    assert deals.quarantined == 0
    assert deals.used == len(deals_of(tables)) == deals.read - deals.excluded
    assert set(deals_of(tables)["outcome"]) == {"won", "lost", "open"}


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("a,b\n1,2\n1,2\n", "identifies a deal"),
        ("deal_id,amount,rep\nD1,5,Ann\nD2,6,Bo\nD3,6,Bo\n", "holds the stage"),
        ("deal_id,stage\nD1,Won\nD2,Lost\nD3,Lost\n", "names the owner"),
    ],
)
def test_an_export_that_holds_no_deals_is_refused(tmp_path: Path, text: str, missing: str) -> None:
    """Without id, owner or stage there is nothing to propose: the message lists the columns found."""
    with pytest.raises(SourceError) as caught:
        made(tmp_path, text)
    assert missing in str(caught.value)
    assert "the columns" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"deal_id,rep\n", b"\x00\x01\x02"])
def test_an_unreadable_export_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty or binary export ends with one message that names it."""
    export = tmp_path / "export.csv"
    export.write_bytes(content)
    with pytest.raises(SourceError, match=r"export\.csv"):
        propose(export)


def test_a_missing_or_foreign_export_is_refused(tmp_path: Path) -> None:
    """A file that is not there, or of a kind that is not read, is refused."""
    (tmp_path / "export.pdf").write_bytes(b"%PDF")
    for name in ("nothing.csv", "export.pdf", "nothing.duckdb"):
        with pytest.raises(SourceError):
            propose(tmp_path / name)


def test_name_and_path_suit_the_place(tmp_path: Path) -> None:
    """The workbook is named after the file unless told otherwise, and its path is relative to the params folder."""
    proposal, params = made(tmp_path, OWN, name="Q3 Deals (final).csv")
    assert params.name == "q3-deals-final"
    assert params.file(params.crm.deals) == tmp_path / "exports" / "Q3 Deals (final).csv"
    assert str(tmp_path) not in proposal.text
    again = propose(tmp_path / "exports" / "Q3 Deals (final).csv", name="EMEA")
    assert again.name == "emea"
    assert "name: emea\n" in again.text


@pytest.mark.parametrize("name", ["true", "null", "1e5", "2026", "0012"])
def test_a_name_that_looks_like_something_else_stays_text(tmp_path: Path, name: str) -> None:
    """A file named like a number or a yes makes a workbook of that name."""
    assert made(tmp_path, OWN, name=f"{name}.csv")[1].name == name


def test_a_line_feed_in_a_files_name_breaks_no_comment(tmp_path: Path) -> None:
    """What is proposed is one line of comment, and loads."""
    assert made(tmp_path, OWN, name="deals\nof June.csv")[1].name == "deals-of-june"


def test_first_line_refers_to_the_schema(tmp_path: Path) -> None:
    """Editors find the schema by the first line."""
    proposal, _ = made(tmp_path, OWN)
    assert proposal.text.splitlines()[0] == reading.SCHEMA_LINE


def test_all_that_is_said_stands_in_the_table() -> None:
    """Whatever is said of a proposal has its words in ``known_exports.yaml``, and no words there are said by nobody."""
    folder = Path(str(mapping.__file__)).parent
    code = "".join((folder / name).read_text(encoding="utf-8") for name in ("mapping.py", "proposal.py"))
    kinds = [mapping.known()[name] for name in ("salesforce", "hubspot", "generic")]
    said = {kind["expected"] for kind in kinds}
    said |= {what for kind in kinds for part in ("mapped", "missing", "by_values") for what in kind[part].values()}
    words = mapping.known()["said"]
    assert said <= set(words)
    assert {what for what in words if f'"{what}"' not in code} <= said
    assert set(re.findall(r'(?:remark|_of_column)\("(\w+)"', code)) <= set(words)


@pytest.mark.parametrize(
    ("header", "folded"),
    [
        ("StageName", "stage name"),
        ("deal_stage", "deal stage"),
        ("Probability (%)", "probability"),
        ("Is Deal Closed?", "is deal closed"),
        ("Owner.Name", "owner name"),
    ],
)
def test_headers_are_folded(header: str, folded: str) -> None:
    """Case, marks and the ways to join words make no difference between headers."""
    assert fold(header) == folded


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_quoted_texts_stay_what_they_are(text: str) -> None:
    """Any text comes back from YAML as the same text."""
    value = written.read_yaml(f"key: {quoted(text)}\n", "x", ParamsError).value  # type: ignore[union-attr]
    assert value == {"key": text}


cells = st.sampled_from(
    ["", "Won", "Lost", "x", "1", "2.5", "1,000", "2026-01-02", "03/04/2026", "12:30", "true", "ü", "Total", '"', "EUR", "€5"]
)
headers = st.sampled_from(
    [
        "id",
        "owner",
        "stage",
        "amount",
        "close date",
        "created",
        "product",
        "account",
        "currency",
        "x",
        "Opportunity ID",
        "Deal Stage",
        "Stage",
        "",
    ]
)


@pytest.mark.default
@settings(max_examples=150, deadline=None)
@given(st.lists(headers, min_size=1, max_size=7), st.lists(st.lists(cells, min_size=7, max_size=7), max_size=6))
def test_any_table_is_proposed_or_refused(
    tmp_path_factory: pytest.TempPathFactory, header: list[str], rows: list[list[str]]
) -> None:
    """Whatever the export holds, the proposal loads, or a message says why there is none."""
    folder = tmp_path_factory.mktemp("any")
    out = io.StringIO()
    csv.writer(out).writerows([header, *(row[: len(header)] for row in rows)])
    try:
        made(folder, out.getvalue())
    except ReviewError as error:
        assert type(error) is SourceError  # noqa: PT017


@pytest.mark.whole
@pytest.mark.skipif(not MAVEN.is_dir(), reason="the public export maven-crm is not beside the project")
def test_maven_export_is_proposed_whole(tmp_path: Path) -> None:
    """The public export is mapped as its own README describes it, reps, list prices and the other spelling included."""
    proposal = propose(MAVEN / "sales_pipeline.csv", folder=tmp_path)
    path = tmp_path / "maven.yaml"
    path.write_text(proposal.text, encoding="utf-8")
    params = reading.load(path)
    assert mapped(params) == {
        "deal_id": "opportunity_id",
        "rep_id": "sales_agent",
        "stage": "deal_stage",
        "account_id": "account",
        "amount": "close_value",
        "opened_on": "engage_date",
        "closed_on": "close_date",
        "product": "product",
    }
    assert params.crm.deals.stages.model_dump() == {"won": ("Won",), "lost": ("Lost",), "open": ("Engaging", "Prospecting")}
    assert params.crm.reps
    assert params.crm.reps.columns.region == "regional_office"
    assert params.crm.aliases == {"product": {"GTXPro": "GTX Pro"}}
    tables = sources.read(params)
    won = deals_of(tables)[deals_of(tables)["outcome"] == "won"]
    assert (len(deals_of(tables)), len(won), int(won["amount"].sum())) == (8800, 4238, 10_005_534)
    assert len(tables.quarantine) == 0
    assert len(tables.reps) == 35
