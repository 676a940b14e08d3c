"""The SQL of a workbook's own KPIs: what may stand in it, and each mistake by line and key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlglot
from params.test_model import MEASURE, make, refusal

from reviewlib.errors import ParamsError
from reviewlib.params import reading, sql

BOOK = """name: acme
currency: EUR
crm:
  deals:
    file: deals.csv
    columns: {deal_id: Id, rep_id: Owner, stage: Stage}
    stages: {won: [Won]}
kpis:
  own:
    label: Own
    definition: what is tried
    unit: count
    better: higher
    n_label: deals
    n: count(*) filter (where won)
    value: >-
"""
OWN: dict[str, Any] = {
    "label": "Own",
    "definition": "what is tried",
    "unit": "percent",
    "better": "higher",
    "n_label": "won deals",
    "value": "max(amount) filter (where sale)",
    "over": "sum(amount) filter (where sale)",
    "n": "count(*) filter (where sale)",
}
#: What a user means well, and one of each part that is allowed.
FINE = (
    "sum(amount) filter (where won)",
    "count(*) filter (where won and amount > 1000.5)",
    "count(distinct account_id) filter (where first_win or won_back)",
    "median(days) filter (where won)",
    "quantile_cont(days, 0.9) filter (where won)",
    "sum(case when won then amount else 0 end)",
    "sum(if(won, 1, 0)) - sum(cast(lost as int))",
    "sum(amount) filter (where sale and product in ('A', 'B')) / count(*) filter (where sale)",
    "count(*) filter (where closed and date_diff('day', opened_on, closed_on) <= 30)",
    "sum(amount) filter (where sale and closed_on >= date '2026-08-01')",
    "coalesce(avg(amount) filter (where won), 0) * 1.5",
    "round(stddev(amount) filter (where sale), 2)",
    "greatest(min(amount) filter (where won), least(0, 1))",
    "count(*) filter (where won and product is not null and stage <> 'x;y -- z')",
    "abs(-sum(amount) filter (where refund))",
    "nullif(count(*) filter (where not (won or lost) and open_end), 0)",
    "count(*) filter (where amount between 1 and 5 and won = true)",
)
#: What reads, writes, loops, draws lots or means something else, with what is named of it.
HOSTILE = {
    "read_text('/etc/passwd')": "read_text",
    "max(read_text('/etc/passwd')) filter (where won)": "read_text",
    "count(*) filter (where won and read_blob('/etc/passwd') is null)": "read_blob",
    "max(getenv('HOME')) filter (where won)": "getenv",
    "max(current_setting('temp_directory')) filter (where won)": "current_setting",
    "query('select 1')": "query",
    "query_table('deals')": "query_table",
    "(select max(amount) from deals)": "select",
    "(select content from read_text('/etc/passwd'))": "read_text",
    "count(*) filter (where deal_id in (select deal_id from deals))": "select",
    "count(*) filter (where exists (select 1))": "exists",
    "sum(amount) filter (where won) = any (select 1)": "select",
    "sum(amount) filter (where won) over ()": "over",
    "rank() over (order by amount)": "over",
    "lag(amount) filter (where won)": "lag",
    "sum(amount * random()) filter (where won)": "random",
    "max(uuid()) filter (where won)": "uuid",
    "max(now()) filter (where won)": "now",
    "count(*) filter (where closed_on < current_date)": "current_date",
    "list_sum(list_transform([1], x -> x + 1))": "list_sum",
    "sum(amount[1]) filter (where won)": "amount[1]",
    "sum(amount.cents) filter (where won)": "amount.cents",
    "sum(deals.amount) filter (where won)": "deals.amount",
    "max({'a': amount}) filter (where won)": "{'a': amount}",
    "max([amount]) filter (where won)": "[amount]",
    "list(amount) filter (where won)": "array_agg",
    "string_agg(deal_id, ',') filter (where won)": "listagg",
    "sum($1) filter (where won)": "$1",
    "sum(?) filter (where won)": "?",
    "sum(:amount) filter (where won)": "$amount",
    "count(columns(*)) filter (where won)": "columns",
    "count(* exclude (won))": "exclude",
    "max(amount, 3) filter (where won)": "MAX(amount, 3)",
    "max(amount order by deal_id) filter (where won)": "ORDER BY",
    "quantile_cont(days, [0.1, 0.9]) filter (where won)": "[0.1, 0.9]",
    "sum(amount) filter (where won) -- and more": "comment",
    "sum(amount) /* and more */ filter (where won)": "comment",
    "sum(amount) filter (where won); drop table deals": "no single SQL expression",
    "sum(amount) filter (where won); 1": "no single SQL expression",
    "sum(amount) filter (where won) as x": "no single SQL expression",
    "sum(amount) filter (where won), 1": "no single SQL expression",
    "drop table deals": "no single SQL expression",
    "copy deals to '/tmp/x.csv'": "no single SQL expression",
    "attach '/tmp/x.db'": "no single SQL expression",
    "install httpfs": "no single SQL expression",
    "set enable_external_access = true": "no single SQL expression",
    "from deals": "no single SQL expression",
    "sum(sum(amount)) filter (where won)": "inside another",
    "sum(amount) filter (where count(*) > 1)": "inside another",
    "abs(1) filter (where won)": "only an aggregate",
    "amount": "outside of an aggregate",
    "1": "sums nothing up",
    "max(stage) filter (where won)": "a number",
    "sum(product) filter (where won)": "this is a text",
    "sum(won)": "this is a flag",
    "count(*) filter (where won = 1)": "a flag and a number",
    "sum(amount::varchar) filter (where won)": "cast",
    "sum(cast(stage as double)) filter (where won)": "cast",
    "sum(date_diff('month', opened_on, closed_on)) filter (where won)": "other than 'day'",
    "count(*) filter (where closed_on > date '2026-02-30')": "2026-02-30",
    "count(*) filter (where stage like '%')": "LIKE",
    "count(*) filter (where stage similar to '(a+)+')": "SIMILAR",
    "count(*) filter (where amount between symmetric 5 and 1 and won)": "more or less",
    "count(*) filter (where won and rep_id = 'R-014')": "rep_id",
    "sum(amount)": "what counts in the period",
    "count(*)": "what counts in the period",
    "sum(amount) filter (where amount > 0)": "what counts in the period",
    f"{'(' * 400}1{')' * 400}": "nested too deeply",
    f"{'- ' * 30}sum(amount) filter (where won)": "nested too deeply",
    "((((": "no single SQL expression",
}


@pytest.mark.parametrize("text", FINE)
def test_what_is_meant_well_passes(text: str) -> None:
    """Aggregates of columns, with arithmetic, conditions and the functions of the list."""
    assert [*sql.findings(text, "deals")] == []


@pytest.mark.parametrize(("text", "named"), HOSTILE.items())
def test_whatever_else_is_refused_by_line_and_key(tmp_path: Path, text: str, named: str) -> None:
    """The message names the part, where it stands, and what to do, before any file is read."""
    path = tmp_path / "acme.yaml"
    path.write_text(f"{BOOK}      {text}\n", encoding="utf-8")
    with pytest.raises(ParamsError) as caught:
        reading.load(path)
    said = str(caught.value)
    assert "line 16, kpis.own.value" in said
    assert named.casefold() in said.casefold()
    assert "to do: " in said


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("sum(amout) filter (where won)", "amount"),
        ("summ(amount) filter (where won)", "sum"),
        ("sum(amount) filter (where win)", "won"),
        ("sum(AMOUNT) filter (where won)", "amount"),
    ],
)
def test_the_nearest_column_or_function_is_offered(text: str, near: str) -> None:
    """A mistyped name is told with the one that is meant."""
    assert [advice.do for advice in sql.findings(text, "deals")] == [f"Did you mean {near}?"]


def test_every_function_and_operator_of_the_list_is_tried() -> None:
    """Each rule is met by an expression that passes, so that none is a name that the parser does not use."""
    met = {node.key for text in FINE for node in sqlglot.parse_one(text, dialect=sql.WRITTEN_IN).walk()}
    assert {*sql.RULES} - met <= {"max", "gte", "lt", "add"}


def test_facts_of_accounts_have_columns_of_their_own() -> None:
    """What is a column of deals is none of accounts."""
    assert [*sql.findings("sum(base_revenue) filter (where bought)", "accounts")] == []
    assert [advice.found for advice in sql.findings("sum(amount) filter (where bought)", "accounts")] == ["amount"]


@pytest.mark.parametrize(
    ("value", "over", "judged_by"),
    [
        ("count(*) filter (where won and days < 30)", "count(*) filter (where won)", "binomial"),
        ("count(*) filter (where (days < 30) and won and sale)", "count(*) filter (where sale and won)", "binomial"),
        ("count(*) filter (where won)", "count(*) filter (where closed)", "binomial"),
        ("count(*) filter (where first_win)", "count(*) filter (where closed)", "binomial"),
        ("count(*) filter (where closed)", "count(*) filter (where won)", "total"),
        ("count(*) filter (where stale)", "count(*) filter (where opened)", "total"),
        ("median(days) filter (where won)", None, "median"),
        ("count(*) filter (where won or lost)", "count(*) filter (where won)", "total"),
        ("count(*) filter (where lost)", "count(*) filter (where won)", "total"),
        ("count(distinct account_id) filter (where won and sale)", "count(*) filter (where won)", "total"),
        ("median(days) filter (where won)", "count(*) filter (where won)", "total"),
        ("2 * median(days) filter (where won)", None, "total"),
    ],
)
def test_a_sample_is_judged_by_its_interval(value: str, over: str | None, judged_by: str) -> None:
    """Some of the rows that are counted, and a median, are a sample; whatever else is taken as it stands."""
    own = {name: text for name, text in (OWN | {"value": value, "over": over}).items() if text is not None}
    if judged_by != "total":
        assert "bring their own n" in refusal(kpis={"own": own})
        del own["n"]
    assert make(kpis={"own": own}).figures["own"].judged_by == judged_by


def test_the_record_follows_from_the_sql() -> None:
    """Columns that must be mapped, history, units and list are told by the columns that are named."""
    kpi = make(kpis={"own": OWN | {"evidence": "sale", "group": "Conversion"}}).figures["own"]
    assert (kpi.top, kpi.bottom, kpi.evidence, kpi.group) == ("money", "money", "sale", "Conversion")
    assert (set(kpi.needs), kpi.outcomes) == ({"closed_on", "amount"}, ())
    assert kpi.history == "period"
    first = OWN | {"value": "count(*) filter (where first_win)", "over": "count(*) filter (where due)"}
    assert make(kpis={"own": first}).figures["own"].history == "window"
    assert make(kpis={"own": first}).figures["own"].today_only
    assert make(kpis={"own": first}).figures["own"].outcomes == ("open",)


@pytest.mark.parametrize("name", ["label", "definition", "unit", "better", "n_label", "n"])
def test_a_kpi_in_sql_is_described_in_full(name: str) -> None:
    """Without one of what it needs it is refused, and that is named."""
    assert f"Add {name}" in refusal(kpis={"own": {key: value for key, value in OWN.items() if key != name}})


@pytest.mark.parametrize("name", ["value", "over", "n", "n_label", "sentence", "evidence", "from", "empty", "group"])
def test_a_built_in_kpi_takes_no_sql(name: str) -> None:
    """What a built-in KPI is stands in its record alone."""
    given = {"from": "accounts", "value": OWN["value"], "over": OWN["over"], "n": OWN["n"]}.get(name, "won")
    assert f"kpis\n  win_rate.{name}" in refusal(kpis={"win_rate": {name: given}})


@pytest.mark.parametrize("name", ["over", "n", "from", "evidence", "empty"])
def test_what_belongs_to_sql_is_refused_without_it(name: str) -> None:
    """On a measure from another tool nobody would read it."""
    given = {"from": "accounts", "over": OWN["over"], "n": OWN["n"]}.get(name, "won")
    assert f"calls.{name}: {name} stands beside a value" in refusal(kpis={"calls": MEASURE | {name: given}})


def test_a_share_has_targets_between_none_and_all() -> None:
    """40 for a share of counted rows is told as 40 %."""
    own = OWN | {"value": "count(*) filter (where won and sale)", "over": "count(*) filter (where won)", "target": 40}
    del own["n"]
    assert "0.4" in refusal(kpis={"own": own})


def test_the_list_below_a_figure_is_one_of_a_flag() -> None:
    """A mistyped flag is told with the nearest."""
    assert "Did you mean won?" in refusal(kpis={"own": OWN | {"evidence": "win"}})
