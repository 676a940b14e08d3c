"""The one file that a notebook reads: where it is, what is in it and listed below its figures, and what to do without it.

It has two lines of JSON: what every reader of a review needs, then all deals and accounts, of which a busy rep has thousands;
they are read when somebody asks for them. The first snapshots have everything in one line, and reviews that were released on
them are read from them for good. Nothing heavy is imported here: a kernel needs neither Ibis nor DuckDB.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

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
#: Deals or accounts listed below one KPI at the most: with more, the page of a busy rep would have over 200 KB.
MOST_LISTED: Final = 100
DEAL_COLUMNS: Final = (
    "deal_id", "account_id", "stage", "outcome", "amount", "expected_amount", "opened_on", "closed_on", "expected_close_on",
    "won", "lost", "refund",
)  # fmt: skip
ACCOUNT_COLUMNS: Final = ("account_id", "base_revenue", "revenue", "kept", "open_deal")

Row = Mapping[Any, Any]


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
    """The deals of one flag: how many there are, which of ``Lists.deals`` are listed, and the flags that all of them have."""

    count: int
    rows: tuple[int, ...]
    within: frozenset[str]


@dataclass(frozen=True)
class Lists:
    """What is listed below the figures, the largest first: deals by their flags, and accounts of the retention base."""

    deals: tuple[Row, ...]
    flags: Mapping[str, Listed]
    accounts: tuple[Row, ...]
    all_accounts: int


def slice_text(data: Mapping[str, Any]) -> str:
    """Write a slice as its file holds it."""
    parts = ({name: value for name, value in data.items() if name not in _ROWS}, {name: data[name] for name in _ROWS})
    return "".join(f"{json.dumps(part, ensure_ascii=False, allow_nan=False)}\n" for part in parts)


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
    command = freeze_command(params, period)
    # Before a file is looked for: its name would hold what was asked for.
    if audience not in AUDIENCES:
        raise SnapshotError(
            "There is no such audience.",
            where="audience",
            found=repr(audience),
            do=f"Write {' or '.join(AUDIENCES)}; {command} prepares the evidence of both.",
        )
    folder = frozen_folder(params, period) if pinned is None else pinned_folder(params, pinned)
    proof.check(folder, pin_proof)
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


def freeze_command(params: Params, period: Period) -> str:
    """What to run where the evidence of a period is missing."""
    return f"reviewlib freeze {params.path.name} --period {period}"


def frozen_folder(params: Params, period: Period) -> Path:
    """The folder of the snapshot that a period uses.

    Raises:
        SnapshotError: Nothing is frozen for the period.
    """
    folder = current_folder(params, period)
    if folder is None:
        raise SnapshotError(
            f"Nothing is frozen for {period}.",
            where=f"reports/{params.name}/{period}",
            found="no file named current",
            do=f"Run: {freeze_command(params, period)}",
        )
    return folder


def current_folder(params: Params, period: Period) -> Path | None:
    """The folder of the snapshot that a period uses; None where nothing is frozen.

    Raises:
        SnapshotError: The snapshot is not the one whose proof stands beside its name.
    """
    name, known = current_name(params, period)
    if not name or not exists(params, name):
        return None
    folder = params.reports / "snapshots" / name
    proof.check(folder, known)
    return folder


def current_name(params: Params, period: Period) -> tuple[str, str]:
    """Which snapshot a period uses, and its proof, as its file ``current`` says; earlier versions wrote no proof there."""
    path = params.reports / period.name / "current"
    name, _, known = path.read_text(encoding="utf-8").strip().partition(" ") if path.is_file() else ("", "", "")
    return name, known


def lists(deals: Sequence[Row], accounts: Sequence[Row], *, flags: Iterable[str]) -> dict[str, Any]:
    """Choose what is listed below a rep's figures, once, while the evidence is frozen, as a slice holds it.

    Each deal has a boolean for every flag, which is what deals count as, such as ``won``. ``deals`` is a table of the deals
    that any list shows, the largest first. ``flags`` has for each flag the ``count`` of its deals, the ``rows`` of the table
    that are listed (at most ``MOST_LISTED``), and the flags that all its deals have too (``within``). ``accounts`` is a table
    of those that are listed, and the ``count`` of all.
    """
    ordered = sorted(deals, key=_size)
    places = {flag: [place for place, deal in enumerate(ordered) if deal[flag]] for flag in flags}
    shown = sorted({place for every in places.values() for place in every[:MOST_LISTED]})
    row = {place: number for number, place in enumerate(shown)}
    sets = {flag: frozenset(every) for flag, every in places.items()}
    largest = sorted(accounts, key=lambda account: (-account["base_revenue"], account["account_id"]))[:MOST_LISTED]
    bases = [[account[name] for name in ACCOUNT_COLUMNS] for account in largest]
    return {
        "deals": table(DEAL_COLUMNS, [[ordered[place][name] for name in DEAL_COLUMNS] for place in shown]),
        "flags": {
            flag: {
                "count": len(every),
                "rows": [row[place] for place in every[:MOST_LISTED]],
                "within": [other for other in places if other != flag and sets[flag] <= sets[other]],
            }
            for flag, every in places.items()
        },
        "accounts": table(ACCOUNT_COLUMNS, bases) | {"count": len(accounts)},
    }


def _size(deal: Row) -> tuple[bool, float, str]:
    """The largest first, those of unknown size last."""
    size = deal["expected_amount"] if deal["amount"] is None else deal["amount"]
    return size is None, -(size or 0.0), deal["deal_id"]


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """Columns and rows, as a slice holds them."""
    return {"columns": list(columns), "data": rows}
