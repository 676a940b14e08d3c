"""What slices hold of deals and accounts: chosen, summed and written as JSON by the engine; no deal becomes an object."""

import json
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from reviewlib.evidence.facts import FLAGS, Facts
from reviewlib.evidence.slicefile import ACCOUNT_COLUMNS, DEAL_LISTS, LISTED, MOST_LISTED, Row, Stages, table
from reviewlib.evidence.store import literal

_DEALS: Final = (
    "deal_id", "account_id", "product", "stage", "outcome", "amount", "expected_amount", "opened_on", "closed_on",
    "expected_close_on", "source_file", "source_line", *FLAGS,
)  # fmt: skip
#: The lists of so many reps are held: those of a team, which are written together.
AT_HAND: Final = 64
_NUMBERS: Final = {"amount", "expected_amount", "base_revenue", "revenue"}


class Listing:
    """The deals and base accounts of one period, each once and sorted by rep, on the facts' connection."""

    def __init__(self, facts: Facts, period: str):
        """Work out the period's rows, and for all reps what is listed of them."""
        self.con = facts.con.con
        self.con.execute(
            f"CREATE OR REPLACE TEMP TABLE slice_deals AS SELECT rep_id, valued, {', '.join(_DEALS)} "
            "FROM period_facts WHERE period = ? ORDER BY rep_id, closed_on, opened_on, deal_id",
            [period],
        )
        self.con.execute(
            "CREATE OR REPLACE TEMP TABLE slice_accounts AS SELECT scope_id AS rep_id, bought AS kept, "
            "account_id, base_revenue, revenue, open_deal FROM account_facts "
            "WHERE scope = 'rep' AND period = ? AND base ORDER BY rep_id, base_revenue DESC, account_id",
            [period],
        )
        self.con.execute(f"CREATE OR REPLACE TEMP VIEW listed AS {' UNION ALL '.join(map(_listed, DEAL_LISTS))}")
        self._texts, self._totals = self._of_deals()
        self._accounts = self._of_accounts()
        self._stages = self._by_stage()
        self.lists = lru_cache(maxsize=AT_HAND)(self._lists)

    def _lists(self, rep_id: str) -> dict[str, Any]:
        """What is listed below a rep's figures, as ``slicefile.lists`` chooses it."""
        found = {
            name: table(LISTED, json.loads(f"[{self._texts.get((rep_id, name), '')}]"))
            | {"totals": self._totals.get((rep_id, name), {})}
            for name in DEAL_LISTS
        }
        *sums, rows = self._accounts.get(rep_id, [""])
        totals = {"base": sums} if sums else {}
        return found | {"accounts": table(ACCOUNT_COLUMNS, json.loads(f"[{rows}]")) | {"totals": totals}}

    def largest(self, rep_id: str) -> Row | None:
        """A rep's largest sale; None without any."""
        sales = self.lists(rep_id)["sales"]["data"]
        return dict(zip(LISTED, sales[0], strict=True)) if sales else None

    def stages(self, rep_id: str) -> Stages:
        """A rep's deals that were open at the end of the period: stage to their number and expected amount."""
        return self._stages[rep_id]

    def closed(self, owners: frozenset[str]) -> int:
        """Count the deals that these owners closed."""
        sql = "SELECT count(*) FROM slice_deals WHERE closed AND list_contains(?, rep_id)"
        return int(self._all(sql, [sorted(owners)])[0][0])

    def rows(self, reps: Sequence[str]) -> dict[str, str]:
        """Write all deals and accounts of each of some reps: the second line of a slice."""
        parts = dict[str, list[str]]((rep_id, []) for rep_id in reps)
        for name, columns in (("deals", _DEALS), ("accounts", ACCOUNT_COLUMNS)):
            chosen = f"FROM slice_{name} WHERE rep_id IN ({', '.join(map(literal, reps))})"
            sql = f"SELECT rep_id, string_agg({_json(columns)}, ', ' ORDER BY rowid) {chosen} GROUP BY rep_id"
            found = dict(self._all(sql))
            for rep_id, own in parts.items():
                own.append(f'"{name}": {{"columns": {json.dumps(columns)}, "data": [{found.get(rep_id, "")}]}}')
        return {rep_id: f"{{{', '.join(own)}}}" for rep_id, own in parts.items()}

    def _all(self, sql: str, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self.con.execute(sql, values).fetchall()
        return found

    def _of_deals(self) -> tuple[dict[tuple[str, str], str], dict[tuple[str, str], dict[str, Any]]]:
        """List the largest deals of each rep and list, as JSON, with the number and sum of all by group and mark."""
        largest = (
            "SELECT *, row_number() OVER (PARTITION BY rep_id, list ORDER BY amount DESC, deal_id) AS place "
            f"FROM listed QUALIFY place <= {MOST_LISTED}"
        )
        asked = f"SELECT rep_id, list, string_agg({_json(LISTED)}, ',' ORDER BY place) FROM ({largest}) GROUP BY ALL"
        texts = {(rep_id, name): rows for rep_id, name, rows in self._all(asked)}
        totals = defaultdict[tuple[str, str], dict[str, Any]](dict)
        for rep_id, name, key, *total in self._all(
            'SELECT rep_id, list, key, count(*), sum(amount)::DOUBLE FROM listed, unnest(["group", mark]) AS keys(key) '
            "WHERE key IS NOT NULL GROUP BY ALL ORDER BY ALL"
        ):
            totals[rep_id, name][key] = total
        return texts, totals

    def _of_accounts(self) -> dict[str, list[Any]]:
        """List each rep's largest accounts, as JSON, behind the number and sums of all."""
        return {
            rep_id: own
            for rep_id, *own in self._all(
                "SELECT rep_id, count(*), sum(base_revenue)::DOUBLE, sum(revenue)::DOUBLE, "
                f"array_to_string(list({_json(ACCOUNT_COLUMNS)} ORDER BY rowid)[:{MOST_LISTED}], ',') "
                "FROM slice_accounts GROUP BY ALL"
            )
        }

    def _by_stage(self) -> dict[str, Stages]:
        found: defaultdict[str, Stages] = defaultdict(dict)
        for rep_id, stage, count, amount in self._all(
            "SELECT rep_id, CASE outcome WHEN 'open' THEN stage END AS place, count(*), sum(expected_amount)::DOUBLE "
            "FROM slice_deals WHERE open_end GROUP BY ALL"
        ):
            found[rep_id][stage] = (count, amount)
        return found


def _listed(name: str) -> str:
    """Select the deals of one list, each with its group."""
    chosen = DEAL_LISTS[name]
    groups = " ".join(
        f"WHEN {' AND '.join(flag.replace('-', 'NOT ') for flag in flags.split())} THEN '{group}'"
        for group, flags in chosen.groups.items()
    )
    columns = {
        "list": f"'{name}'",
        "mark": f"CASE WHEN {chosen.mark} THEN '{chosen.mark}' END" if chosen.mark else "NULL",
        "group": f"CASE {groups} END",
        "amount": "CASE WHEN valued THEN expected_amount END" if chosen.expected else "slice_deals.amount",
        "last_on": "CASE outcome WHEN 'open' THEN expected_close_on ELSE closed_on END",
    }
    own = ", ".join(f'{columns.get(column, column)} AS "{column}"' for column in ("list", "mark", *LISTED))
    return f"SELECT rep_id, {own} FROM slice_deals WHERE CASE {groups} END IS NOT NULL"


def _json(columns: tuple[str, ...]) -> str:
    """Write a row as JSON: numbers as such, dates as ISO text."""
    values = (f'"{name}"::DOUBLE' if name in _NUMBERS else f'"{name}"' for name in columns)
    return f"json_array({', '.join(values)})::VARCHAR"
