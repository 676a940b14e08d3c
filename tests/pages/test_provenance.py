"""How the figures were made: the deals and accounts behind a figure, as a rep checks them."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pages_fixture as made
import pytest
from workbooks import workbook

from reviewlib.evidence import sources
from reviewlib.evidence.period import compile_evidence
from reviewlib.evidence.slicefile import MOST_LISTED
from reviewlib.evidence.slices import CLOSED_SINCE, Slicer
from reviewlib.pages import blocks, views
from reviewlib.pages.provenance import Evidence, evidence
from reviewlib.params.model import Params
from reviewlib.periods import Period
from reviewlib.review import Review, from_slice


def _many(times: int) -> dict[str, Any]:
    """A rep's slice with every deal and every account so many times, each of a name and a size of its own."""
    data = made.rep_slice()
    for table, key, size in (("deals", "deal_id", "amount"), ("accounts", "account_id", "base_revenue")):
        columns = data[table]["columns"]
        copies = [dict(zip(columns, row, strict=True)) for _ in range(times) for row in data[table]["data"]]
        for number, row in enumerate(copies):
            row[key] = f"{row[key]}-{number}"
            row[size] = None if row[size] is None else row[size] + number % 7
        data[table] = {"columns": columns, "data": [[row[name] for name in columns] for row in copies]}
    return data


@pytest.fixture(scope="module")
def many() -> Review:
    return made.opened(_many(12))


@pytest.fixture(scope="module")
def found(many: Review) -> dict[str, Evidence]:
    return {each.figure.kpi.key: each for each in evidence(many)}


def test_a_list_that_is_cut_says_of_how_much(many: Review, found: dict[str, Evidence]) -> None:
    """Of a long list the largest are shown; how many and how much of the whole they are stands above it."""
    table = found["revenue"].tables[0]
    shown, every = many.lists["sales"].rows, many.deals[many.deals["earned"]]
    assert len(shown) == MOST_LISTED == sum(len(rows) for _, rows in table.groups)
    part, whole = (f"€{sum(amounts):,.0f}" for amounts in ([row["amount"] for row in shown], every["amount"].dropna()))
    assert f": {MOST_LISTED} of {len(every)} deals, {part} of {whole}; the rest in the manager’s notebook" in table.caption
    assert "rest" not in evidence(made.opened(made.rep_slice()))[0].tables[0].caption


@pytest.mark.parametrize(
    ("group", "words"),
    [
        (["role"], "the reps of the same role, this one included; fewer than eight give"),
        (["role", "region"], "the reps of the same role and region, this one included; fewer than eight give"),
        ([], "the reps of the whole workbook, this one included; fewer than eight give"),
        ("team", "the reps of the team, this one included; fewer than eight give"),
        ("all", "the reps of the whole workbook, this one included; fewer than eight give"),
    ],
)
def test_peers_are_named_by_what_they_have_in_common(group: str | list[str], words: str) -> None:
    """The page says whom a rep is compared with, and of how few there is no benchmark; of older evidence as it was."""
    review = made.opened(made.rep_slice("manager", peer_group=group))
    assert words in blocks.figures(review).html


def test_no_list_is_shown_twice(many: Review, found: dict[str, Evidence]) -> None:
    """Of figures that rest on the same deals or accounts one lists them, and the others name it with their own number."""
    captions = [table.caption for each in found.values() for table in each.tables]
    assert len(captions) == len({*captions}) == 5
    for key in ("deal_size", "cycle_days", "conversion_rate", "new_customers", "pipeline_coverage", "revenue_retention"):
        assert not found[key].tables
        assert all(" under " in text for _, text in found[key].told)
        assert found[key].told
    assert dict(found["deal_size"].told)["Deals"].startswith(f"{many.deals['sale'].sum():,} deals, ")


def test_a_figure_without_deals_names_no_list() -> None:
    """Where nothing counts as a first purchase, nothing is said to be marked under another figure."""
    data = made.rep_slice()
    place = data["deals"]["columns"].index("first_win")
    for row in data["deals"]["data"]:
        row[place] = False
    each = next(each for each in evidence(made.opened(data)) if each.figure.kpi.key == "new_customers")
    assert (each.told, each.tables) == ((), ())


def test_accounts_that_are_cut(many: Review, found: dict[str, Evidence]) -> None:
    """The accounts of the window are cut like deals, by what they bought before."""
    table = found["retention_rate"].tables[0]
    ((_, rows),) = table.groups
    assert [row[0] for row in rows] == [row["account_id"] for row in many.lists["accounts"].rows]
    assert len(rows) == MOST_LISTED
    assert f": {MOST_LISTED} of {len(many.accounts)}, " in table.caption


def _money(text: str) -> Decimal:
    """The amount in a text; none where there is none."""
    found = re.search(r"(−?)€([\d,]+(?:\.\d\d)?)", text)
    return Decimal(found[1].replace("−", "-") + found[2].replace(",", "")) if found else Decimal(0)


def _number(text: str) -> int:
    found = re.search(r"([\d,]+) deals?", text)
    return int(found[1].replace(",", "")) if found else 0


def test_every_list_adds_up(demo_slices: Mapping[Any, dict[str, Any]], demo_params: Params) -> None:
    """On each page of the demo, what a reader sums and counts in a list is the figure above it, and so is each part of it."""
    checked: Counter[str] = Counter()
    for (kind, _, _), data in demo_slices.items():
        if kind != "rep":
            continue
        review = from_slice(data, demo_params.fiscal)
        found = {each.figure.kpi.key: each for each in evidence(review)}
        value = {key: review.figure(key).value for key in review.kpis if review.find(review.subject.id, key, review.period)}
        n = {key: review.figure(key).n for key in value}
        rows = {key: [row for _, part in found[key].tables[0].groups for row in part] for key in _LISTED if found[key].tables}
        for each in found.values():
            for table in each.tables[:1] if each.figure.kpi.key in rows else ():
                for head, part in table.groups:
                    if head:  # a group's number and sum are those of its rows
                        assert (_number(head[0]), _money(head[1])) == (len(part), sum(map(_money, (row[-1] for row in part))))
        sales, closed, ends = (rows.get(key, []) for key in _LISTED)
        sums = {key: sum(_money(row[-1]) for row in rows.get(key, [])) for key in _LISTED}
        assert sums["revenue"] == _exact(value["revenue"])
        assert (len(closed) - _before(found), sums["pipeline_value"]) == (n["win_rate"], _exact(value["pipeline_value"]))
        assert len([row for row in ends if row[-1] != "no amount"]) == n["pipeline_value"]
        marked = {
            word: [row for row in (*sales, *ends) if word in row[3].split(" · ")] for word in ("first purchase", "due next")
        }
        assert len(marked["first purchase"]) == (value["new_customers"] or 0)
        assert sum(_money(row[-1]) for row in marked["first purchase"]) == _exact(value["new_customer_revenue"])
        assert sum(_money(row[-1]) for row in marked["due next"]) == _exact(value["due_value"])
        due = next((text for _, text in found["pipeline_coverage"].told if "due next" in text), "")
        outside = sum(map(int, re.findall(r"; (\d+) (?:is|are) outside its value", due)))
        assert (value["pipeline_coverage"] is None and not due) or _number(due) - outside == n["pipeline_coverage"]
        if found["pipeline_growth"].tables:
            bridge = [row for _, part in found["pipeline_growth"].tables[0].groups for row in part]
            for key, cell in _BRIDGE.items():
                told = bridge[cell[0]][cell[1]]
                assert (_money(told), _number(told)) == (_exact(value[key]), n[key]), (review.subject.id, key)
            checked["bridge"] += 1
        if found["retention_rate"].tables:
            ((_, accounts),) = found["retention_rate"].tables[0].groups
            assert (len(accounts), sum("again" in row[1] for row in accounts)) == (n["retention_rate"], value["kept_accounts"])
            assert [sum(_money(row[place]) for row in accounts) for place in (2, 3)] == [
                _exact(value["base_revenue"]), _exact(value["kept_revenue"])
            ]  # fmt: skip
            checked["accounts"] += 1
        checked.update({key: len(listed) for key, listed in rows.items()}, first=len(marked["first purchase"]))
    assert min(checked[key] for key in (*_LISTED, "bridge", "accounts", "first")) > 20


def test_change_by_rep_adds_up_to_the_teams(demo_slices: Mapping[Any, dict[str, Any]], demo_params: Params) -> None:
    """On a team's page of the demo the changes of its reps, of who started too, and of who left come to the team's."""
    started = 0
    for (kind, _, audience), data in demo_slices.items():
        if (kind, audience) == ("team", "manager"):
            review = from_slice(data, demo_params.fiscal)
            *parts, team = [step.part for step in views.change_by_rep(review)]
            assert _money(team.text) == _exact(review.figure("revenue").change) == sum(_money(part.text) for part in parts)
            figures = {person.name: review.find(person.id, "revenue", review.period) for person in review.people.values()}
            here = {name: figure for name, figure in figures.items() if figure is not None and figure.value is not None}
            assert here.keys() == {part.label for part in parts if part.label in here}
            assert len(parts) - len(here) <= 1
            started += sum(figure.previous is None for figure in here.values())
    assert started


def test_every_list_by_stage_adds_up(demo_slices: Mapping[Any, dict[str, Any]], demo_params: Params) -> None:
    """On each page of the demo, of reps and of teams, the open deals by stage add up to its number and value of open deals.

    The reps of a team whose figures are withheld from them see no list either.
    """
    stages: Counter[str] = Counter()
    for data in demo_slices.values():
        review = from_slice(data, demo_params.fiscal)
        open_deals, pipeline = (review.find(review.subject.id, key, review.period) for key in ("open_deals", "pipeline_value"))
        number, value = (figure and figure.value for figure in (open_deals, pipeline))
        listed = re.search(r"<th[^>]*>Open by stage</th>.*?</table>", blocks.pipeline(review).html, re.DOTALL)
        if listed is None:
            assert (number or 0, value or 0) == (0, 0), review.subject.id
            continue
        cells = re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", listed[0])[3:]
        *rows, (whole, deals, amount) = zip(cells[::3], cells[1::3], cells[2::3], strict=True)
        assert whole == "All open"
        assert sum(int(row[1].replace(",", "")) for row in rows) == int(deals.replace(",", "")) == number, review.subject.id
        assert sum(_money(row[2]) for row in rows) == _money(amount) == _exact(value), review.subject.id
        stages.update([review.kind, *(row[0] for row in rows)])
    assert stages.keys() == {"rep", "team", *demo_params.crm.deals.stages.open, CLOSED_SINCE}
    assert min(stages.values()) > 5


def test_every_target_and_measure_adds_up(demo_slices: Mapping[Any, dict[str, Any]], demo_params: Params) -> None:
    """On each page of the demo the rows of a target, with ramp and days, come to it, and those of a measure to the figure."""
    checked: Counter[str] = Counter()
    for (kind, _, _), data in demo_slices.items():
        if kind != "rep":
            continue
        review = from_slice(data, demo_params.fiscal)
        found = {each.figure.kpi.key: each for each in evidence(review)}
        for key, kind in (("target", "target"), ("divided_by", "denominator")):
            for kpi, terms in review.terms[key].items():
                counts = [value * ramp * active / days for _, value, ramp, active, days in terms]
                assert math.fsum(counts) == pytest.approx(getattr(review.figure(kpi), kind))
                told = f"{_TITLES[key]}: "
                rows = [row for table in found[kpi].tables if table.caption.startswith(told) for row in table.groups[0][1]]
                if found[kpi].figure.kpi.unit == "money" or key == "divided_by":
                    caption = next((table.caption for table in found[kpi].tables if table.caption.startswith(told)), None)
                    assert caption is None or sum(_money(row[-1]) for row in rows) == _money(caption)
                assert len(rows) == len(terms) or dict(found[kpi].told)[_TITLES[key]]
                checked[key] += 1
        for kpi, terms in review.terms["measure"].items():
            (table,) = (table for table in found[kpi].tables if table.caption.startswith("Rows of the figure"))
            n = [weight if "average" in table.caption else 1 for _, _, weight in terms]
            total = math.fsum(value * weight for (_, value, _), weight in zip(terms, n, strict=True))
            assert total / (sum(n) if "average" in table.caption else 1) == pytest.approx(review.figure(kpi).value)
            assert len(table.groups[0][1]) == len(terms)
            checked["measure"] += 1
    assert min(checked[key] for key in (*_TITLES, "measure")) > 20


_TITLES = {"target": "Target, row by row", "divided_by": "Revenue target, row by row"}
#: The figures that lists stand below: sales, closed deals and open ones; and where a figure of the bridge stands in its table.
_LISTED = ("revenue", "win_rate", "pipeline_value")
_BRIDGE = {
    "pipeline_won": (0, 3), "pipeline_lost": (1, 3), "pipeline_end": (2, 3),
    "pipeline_start": (3, 1), "pipeline_created": (3, 2),
}  # fmt: skip


def _exact(value: float | None) -> Decimal:
    return Decimal(str(round(value or 0, 2))).quantize(Decimal("0.01"))


def _before(found: Mapping[str, Evidence]) -> int:
    """Deals that stand below the win rate without being part of it: those that closed before they were created."""
    tables = found["win_rate"].tables
    return sum(len(rows) for head, rows in tables[0].groups if head[0].startswith("Created")) if tables else 0


def test_the_section_of_a_busy_rep_stays_small() -> None:
    """However many deals there are, their lists leave room for the rest of a page of 200 KB."""
    some, more = (len(blocks.figures(made.opened(_many(times))).html) for times in (12, 48))
    assert more < 130_000
    assert more < some * 1.2


def test_a_deal_that_closed_since_shows_when_it_closed(tmp_path: Path) -> None:
    """A deal that was open at the end of the period and has closed by now is listed with the day it closed."""
    both = {"rep_id": "R1", "opened_on": "2026-08-01", "amount": "10", "expected_amount": "10"}
    deals = [
        {**both, "deal_id": "SINCE", "closed_on": "2026-10-07", "expected_close_on": "2026-09-23"},
        {**both, "deal_id": "STILL", "expected_close_on": "2026-11-11", "stage": "Open"},
    ]
    params = workbook(tmp_path, deals=deals, as_of="2026-10-15", crm={"history_from": "2026-01-01"})
    evidence = compile_evidence(params, sources.read(params), Period.parse("2026-Q3"))
    slicer = Slicer(evidence, snapshot="0" * 12, frozen_at=dt.datetime(2026, 10, 15, tzinfo=dt.UTC))
    review = from_slice(slicer.rep("R1", "rep"), params.fiscal)
    html = blocks.figures(review).html
    assert review.figure("pipeline_value").n == 2
    assert "7 Oct" in html
    assert "23 Sep" not in html
    assert "11 Nov" in html
