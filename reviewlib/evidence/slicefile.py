"""The one file that a notebook reads: where it is, what is in it and listed below its figures, and what to do without it.

It has two lines of JSON: what every reader of a review needs, then all deals and accounts, of which a busy rep has thousands;
they are read when somebody asks for them. The first snapshots have everything in one line, and reviews that were released on
them are read from them for good. Nothing heavy is imported here: a kernel needs neither Ibis nor DuckDB.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic_core import to_json

from reviewlib.errors import SnapshotError
from reviewlib.evidence import proof
from reviewlib.evidence.disclosure import of_older
from reviewlib.params.model import Params
from reviewlib.periods import Period

if TYPE_CHECKING:
    from reviewlib.evidence.roster import Post

AUDIENCES: Final = ("manager", "rep")
#: The file of a snapshot that tells what distinguishes each slice, by the slice's name.
IDENTITIES: Final = "slices.json"
_ROWS: Final = ("deals", "accounts")
#: The second line of a slice that holds neither deals nor accounts, as a team's.
NO_ROWS: Final = '{"deals": {"columns": [], "data": []}, "accounts": {"columns": [], "data": []}}'
#: What every slice of a snapshot says of the snapshot as a whole.
_OF_WHOLE: Final = frozenset({"snapshot", "frozen_at", "tables", "quarantine", "exclusions", "unassigned"})
#: Deals or accounts listed below one KPI at the most: with more, the page of a busy rep would have over 200 KB.
MOST_LISTED: Final = 100
#: A deal as it is listed: its group, what it adds to the list's sum, and what marks it among the others.
LISTED: Final = (
    "group", "deal_id", "account_id", "stage", "outcome", "opened_on", "last_on", "amount", "first_win", "due",
)  # fmt: skip
ACCOUNT_COLUMNS: Final = ("account_id", "base_revenue", "revenue", "kept", "open_deal")

Row = Mapping[Any, Any]
#: Deals by their stage, None for those that have closed since: number and expected amount.
Stages = dict[str | None, tuple[int, float | None]]


@dataclass(frozen=True)
class DealList:
    """What is listed together: groups, of which a deal is in the first whose flags it has (``-`` has not).

    ``expected`` says whether the expected amounts add up, of deals that are valued, or what deals were closed with. ``mark`` is
    the flag that marks some of them.
    """

    expected: bool
    groups: Mapping[str, str]
    mark: str | None = None


#: Every deal that is in a figure is in one group of each list that the figure rests on.
DEAL_LISTS: Final[Mapping[str, DealList]] = {
    "sales": DealList(False, {"sold": "sale", "refund": "refund", "no_amount": "won"}, "first_win"),
    "closed": DealList(True, {
        "won_start": "won open_start valued",
        "won_created": "won opened valued",
        "won_opened": "won opened",
        "won_outside": "won",
        "lost_start": "lost open_start valued",
        "lost_created": "lost opened valued",
        "lost_opened": "lost opened",
        "lost_outside": "lost",
        "before": "opened -open_end",
    }),
    "open": DealList(True, {
        "kept": "open_end open_start valued",
        "created": "open_end opened valued",
        "created_outside": "opened open_end",
        "outside": "unvalued",
    }, "due"),
}  # fmt: skip


@dataclass(frozen=True)
class RecommendedAction:
    """One recommended action; ``text`` may hold {cells} of the scorecard."""

    text: str
    who: str
    skill: str | None
    offer: str | None


@dataclass(frozen=True)
class Finding:
    """A strength or an area to improve; every text may hold {cells} of the scorecard."""

    kind: Literal["strength", "improve"]
    kpi: str
    verdict: str
    title: str
    text: str
    evidence: Sequence[str]
    actions: Sequence[RecommendedAction]


@dataclass(frozen=True)
class Achievement:
    """What a recognition rule found; ``text`` holds {cells}, ``names`` the texts (an account, a rep) that are no cells."""

    rule: str
    kpi: str
    title: str
    text: str
    names: Mapping[str, str]
    subject: Post


@dataclass(frozen=True)
class Listed:
    """A list: the largest rows, and of all of them, by group and mark, how many there are and what they add up to."""

    rows: tuple[Row, ...]
    totals: Mapping[str, Sequence[float | None]]


def written(data: Mapping[str, Any], rows: str) -> tuple[bytes, str]:
    """Write a slice as its file holds it, and hash what it says of its subject.

    When it was frozen, and how many rows the others have, do not count. ``rows`` are all its deals and accounts, as ``NO_ROWS``
    is for none.
    """
    apart = {"workbook": data["workbook"], "data": data["data"]}
    own = {name: {key: value for key, value in part.items() if key not in _OF_WHOLE} for name, part in apart.items()}
    rest, whole, said = (
        to_json(part, inf_nan_mode="null")
        for part in ({name: value for name, value in data.items() if name not in apart}, apart, own)
    )
    second = rows.encode()
    content = b"".join((rest[:-1], b", ", whole[1:], b"\n", second, b"\n"))
    return content, hashlib.sha256(b"".join((rest, said, second))).hexdigest()


def read_slice(path: Path) -> dict[str, Any]:
    """Read a slice without its deals and accounts; of the first snapshots with them.

    Raises:
        SnapshotError: The file is damaged.
    """
    with _reading(path) as (first, _):
        data = json.loads(first)
        return dict(of_older(data) if data["audience"] == "rep" else data)


def read_rows(path: Path) -> dict[str, Any]:
    """Read the ``deals`` and ``accounts`` of a slice.

    Raises:
        SnapshotError: The file is damaged.
    """
    with _reading(path) as (first, second):
        data = json.loads(second or first)
        return {name: data[name] for name in _ROWS}


@contextmanager
def _reading(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Read the two lines of a slice; what is wrong with it is told by where it lies."""
    first, _, second = proof.read(path, path.parent.parent).partition(b"\n")
    try:
        yield first, second
    except (ValueError, KeyError) as error:
        raise proof.damaged(path) from error


def find_slice(
    params: Params,
    *,
    kind: str,
    subject: str,
    period: Period,
    audience: str,
    pinned: str | None = None,
    pin_proof: str | None = None,
) -> Path:
    """Find the one file that a notebook works with, in the snapshot it is pinned to or that the period uses.

    Raises:
        SnapshotError: There is no such audience, nothing is frozen for the period, or nothing for this subject and audience;
            or the snapshot is not the one that the period uses, or of which the release keeps the proof.
    """
    command = f"reviewlib freeze {params.typed} --period {period}"
    # Before a file is looked for: its name would hold what was asked for.
    if audience not in AUDIENCES:
        do = f"Write {' or '.join(AUDIENCES)}; {command} prepares the evidence of both."
        raise SnapshotError("There is no such audience.", where="audience", found=repr(audience), do=do)
    folder = frozen_folder(params, period) if pinned is None else pinned_folder(params, pinned)
    proof.check(folder, pin_proof, by="the release")
    name = slice_name(kind, subject, audience)
    found = next(iter(folder.glob(f"*/{name}")), None)
    if found is None:
        if gone := next((place for place in proof.info(folder).get("files", ()) if place.endswith(f"/{name}")), None):
            raise proof.damaged(folder / gone)
        raise SnapshotError(
            f"There is no {kind} {subject!r} for the audience {audience!r} in {period}.",
            where=f"snapshot {folder.name}",
            found=f"no evidence for this {kind}",
            do=f"Check the id; for a {kind} that is new in the data run: {command}",
        )
    return found


def slice_name(kind: str, subject: str, audience: str) -> str:
    """Name a slice's file by a hash: it holds no name and cannot leave its folder."""
    return f"{kind}-{hashlib.sha256(subject.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}.{audience}.json"


def exists(params: Params, snapshot: str) -> bool:
    """Tell whether a snapshot's evidence is still there."""
    return (params.reports / "snapshots" / snapshot / proof.INFO).is_file()


def pinned_folder(params: Params, snapshot: str) -> Path:
    """The folder of the snapshot that a released review stays on.

    Raises:
        SnapshotError: It is not there any more.
    """
    folder = params.reports / "snapshots" / snapshot
    if not exists(params, snapshot):
        raise SnapshotError(
            "The evidence of a released review is not there.",
            where=f"reports/{params.name}/snapshots",
            found=f"no snapshot {snapshot}",
            do="Restore this folder from a backup; a released review keeps the figures it was released with.",
        )
    return folder


def frozen_folder(params: Params, period: Period) -> Path:
    """The folder of the snapshot that a period uses.

    Raises:
        SnapshotError: Nothing is frozen for the period.
    """
    folder = current_folder(params, period)
    if folder is None:
        where, do = f"reports/{params.name}/{period}", f"Run: reviewlib freeze {params.typed} --period {period}"
        raise SnapshotError(f"Nothing is frozen for {period}.", where=where, found="no file named current", do=do)
    return folder


def current_folder(params: Params, period: Period) -> Path | None:
    """The folder of the snapshot that a period uses; None where nothing is frozen.

    Raises:
        SnapshotError: The snapshot is not the one whose proof stands beside its name, or is one of another period.
    """
    name, known = current_name(params, period)
    if not name or not exists(params, name):
        return None
    folder = params.reports / "snapshots" / name
    proof.check(folder, known, by=f"{period}/current")
    if (of := proof.info(folder).get("period", period.name)) != period.name:
        raise SnapshotError(
            f"What {period} uses is the evidence of another period.",
            where=f"reports/{params.name}/{period}/current",
            found=f"snapshot {name} of {of}",
            do="Restore it from a backup, or run reviewlib run for the period.",
        )
    return folder


def current_name(params: Params, period: Period) -> tuple[str, str]:
    """Which snapshot a period uses, and its proof, as its file ``current`` says; earlier versions wrote no proof there."""
    path = params.reports / period.name / "current"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    name, _, known = text.strip().partition(" ")
    return name, known


def lists(deals: Sequence[Row], accounts: Sequence[Row]) -> dict[str, Any]:
    """Choose what is listed below a rep's figures from the rows of a slice of an older version; ``Listing`` does now.

    Each list is a table of the largest, at most ``MOST_LISTED``, with the ``totals`` of all by group and mark.
    """
    counted = all(deal["expected_amount"] is None for deal in deals)
    rows = []
    for deal in deals:
        dated = deal["opened_on"] is not None and (deal["closed_on"] is None or deal["closed_on"] >= deal["opened_on"])
        rows.append({**deal, "valued": dated and (counted or deal["expected_amount"] is not None)})
    largest = sorted(accounts, key=lambda account: (-account["base_revenue"], account["account_id"]))
    sums = [sum(account[name] for account in accounts) for name in ("base_revenue", "revenue")]
    return {name: _list(rows, chosen) for name, chosen in DEAL_LISTS.items()} | {
        "accounts": table(ACCOUNT_COLUMNS, [[account[name] for name in ACCOUNT_COLUMNS] for account in largest[:MOST_LISTED]])
        | {"totals": {"base": [len(accounts), *sums]} if accounts else {}}
    }


def _list(deals: Sequence[Row], chosen: DealList) -> dict[str, Any]:
    made: list[Row] = []
    for deal in deals:
        has = {
            name
            for flags in chosen.groups.values()
            for name in flags.split()
            if bool(deal[name.lstrip("-")]) != (name[0] == "-")
        }
        group = next((name for name, flags in chosen.groups.items() if has >= {*flags.split()}), None)
        if group is not None:
            last = deal["expected_close_on" if deal["outcome"] == "open" else "closed_on"]
            amount = (deal["expected_amount"] if deal["valued"] else None) if chosen.expected else deal["amount"]
            made.append({**deal, "group": group, "last_on": last, "amount": amount})
    made.sort(key=lambda deal: (deal["amount"] is None, -(deal["amount"] or 0.0), deal["deal_id"]))
    totals: dict[str, list[float | None]] = {}
    for deal in made:
        for key in [deal["group"], *([chosen.mark] if chosen.mark and deal[chosen.mark] else [])]:
            total = totals.setdefault(key, [0, None])
            total[0] = (total[0] or 0) + 1
            total[1] = total[1] if deal["amount"] is None else (total[1] or 0.0) + deal["amount"]
    return table(LISTED, [[deal[name] for name in LISTED] for deal in made[:MOST_LISTED]]) | {"totals": totals}


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """Columns and rows, as a slice holds them."""
    return {"columns": list(columns), "data": rows}
