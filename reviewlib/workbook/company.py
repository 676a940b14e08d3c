"""A synthetic company of any size, with the flaws of a real export.

``write_company(folder)`` writes a workbook's params file and CSV files. The same arguments give the same bytes: everything
comes from one seed, nothing from the clock.
"""

from __future__ import annotations

import csv
import io
import string
from collections.abc import Iterable, Iterator
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from reviewlib.workbook.company_deals import END, HISTORY, LEAD_DAYS, MISSING, NO_AMOUNT, STAGES, Ints, make_deals, openings
from reviewlib.workbook.company_people import Rep, activity_rows, cast, former_rep, make_reps, rep_rows, target_rows

#: Deals written at a time: bounds the memory of a company of any size.
CHUNK: Final = 250_000
#: From here on the flaws stay far below the quarantine's threshold.
FLAWS_FROM: Final = 3000


def write_company(out: Path, *, reps: int = 48, deals: int = 8800, name: str = "demo") -> Path:
    """Write a workbook's ``params/<name>.yaml`` and CSV files below ``out`` and return the params file.

    Args:
        out: The workbook's folder; made where it is missing.
        reps: How many reps; the cast with its stories comes in from 48 on.
        deals: How many deals; the flaws come in from 3,000 on.
        name: The workbook's short name.
    """
    folder = out / "params" / name
    folder.mkdir(parents=True, exist_ok=True)
    people = make_reps(reps)
    former = former_rep(reps)
    owners = (*people, former) if former else people
    counts, rate = _allot(owners, deals)
    _write(folder / "reps.csv", rep_rows(people))
    _write(folder / "targets.csv", target_rows(people, rate=rate))
    _write(folder / "activities.csv", activity_rows(people))
    path = out / "params" / f"{name}.yaml"
    template = resources.files("reviewlib.workbook").joinpath("company_params.yaml").read_text(encoding="utf-8")
    path.write_text(string.Template(template).substitute(name=name), encoding="utf-8", newline="\n")
    _write_deals(folder / "deals.csv", owners, counts, rate=rate)
    return path


def _write(path: Path, rows: Iterable[tuple[object, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _allot(reps: tuple[Rep, ...], deals: int) -> tuple[Ints, float]:
    """Share the deals among the reps; tell how many an ordinary rep closes in an average month."""
    loads = np.array([openings(rep)[LEAD_DAYS - 45 :].sum() for rep in reps] or [0.0])
    if loads.sum() == 0:
        return np.zeros(len(reps), np.int64), 8.0
    exact = deals * loads / loads.sum()
    counts = np.floor(exact).astype(np.int64)
    counts[np.argsort(counts - exact, kind="stable")[: deals - counts.sum()]] += 1
    workdays_a_month = 365.25 * 5 / 7 / 12
    return counts, float((deals or 120 * len(reps)) * workdays_a_month / loads.sum())


def _write_deals(path: Path, reps: tuple[Rep, ...], counts: Ints, *, rate: float) -> None:
    """Write the deals in blocks; the flaws go into the first block, the subtotal row to the end."""
    ids = [rep.rep_id for rep in reps]
    flawed = counts.sum() >= FLAWS_FROM
    drawn, subtotal = 0, Decimal(0)
    with path.open("wb") as file:
        file.write((",".join(cast().columns) + "\n").encode())
        for block in _blocks(reps, counts, rate=rate):
            text = _csv(_table(block, ids, first=drawn))
            if flawed and not drawn:
                text = _with_flaws(text, next_id=int(counts.sum()) + 1)
            file.write(text)
            drawn += len(block)
            late = (block["closed"] > END - 4) & (block["amount"] != NO_AMOUNT)
            subtotal += Decimal(int(block.loc[late, "amount"].sum())) / 100
        if flawed:
            file.write(f"Subtotal,,,,{subtotal},,,,,\n".encode())  # what a report tool leaves, here of what closed since Monday


def _blocks(reps: tuple[Rep, ...], counts: Ints, *, rate: float) -> Iterator[pd.DataFrame]:
    """Draw the reps' deals and join them, in the order of opening, to blocks of bounded size."""
    waiting: list[pd.DataFrame] = []
    neighbour = accounts = 0
    for rep, count in zip(reps, counts, strict=True):
        deals = make_deals(rep, count=int(count), rate=rate)
        own = deals["account"].to_numpy()
        account = np.where(own >= 0, own + accounts, np.where(own < MISSING, neighbour - 2 - own, MISSING))
        waiting.append(deals.assign(account=account))
        if len(deals):
            neighbour, accounts = accounts, accounts + int(own.max(initial=0)) + 1
        if sum(map(len, waiting)) >= CHUNK:
            yield _by_opening(waiting)
            waiting = []
    if waiting:
        yield _by_opening(waiting)


def _by_opening(parts: list[pd.DataFrame]) -> pd.DataFrame:
    deals = pd.concat(parts)
    return deals.iloc[np.argsort(deals["opened"].replace(MISSING, HISTORY), kind="stable")]


def _table(deals: pd.DataFrame, ids: list[str], *, first: int) -> pa.Table:
    """Turn numbers into the columns of the export, as text, decimals and dates."""
    number = pa.array(np.arange(first + 1, first + len(deals) + 1) + 10000).cast(pa.string())
    known, names = np.unique(deals["account"], return_inverse=True)
    accounts = pa.array([None if one == MISSING else account_name(int(one)) for one in known], pa.string())
    dates = (deals[name].to_numpy(np.int32) for name in ("opened", "closed", "expected_close"))
    columns: list[Any] = [
        pc.binary_join_element_wise("D", number, "-"),
        pa.array(ids, pa.string()).take(pa.array(deals["owner"])),
        accounts.take(pa.array(names)),
        pa.array(STAGES).take(pa.array(deals["stage"])),
        _money(deals["amount"].to_numpy(), NO_AMOUNT),
        _money(deals["expected"].to_numpy(), MISSING),
        *(pa.array(days, mask=days == MISSING).cast(pa.date32()) for days in dates),
        pa.array(cast().products).take(pa.array(deals["product"])),
    ]
    return pa.table(columns, names=list(cast().columns))


def _money(cents: Ints, missing: int) -> Any:
    whole = pa.array(np.where(cents == missing, 0, cents), mask=cents == missing).cast(pa.decimal128(19, 0))
    return pc.multiply(whole, pa.scalar(Decimal("0.01"), pa.decimal128(3, 2)))


def _csv(table: pa.Table) -> bytes:
    out = io.BytesIO()
    # Nothing generated holds a comma or a quote, so plain fields are right, and short.
    pyarrow.csv.write_csv(table, out, pyarrow.csv.WriteOptions(include_header=False, quoting_style="none"))
    return out.getvalue()


def account_name(number: int) -> str:
    """Name an account; every number has a name of its own."""
    places, trades = cast().account_places, cast().account_trades
    names = len(places) * len(trades)
    # 1009 has no factor in common with the number of names: a walk over all of them that looks random.
    place, trade = divmod(number * 1009 % names, len(trades))
    name = f"{places[place]} {trades[trade]}"
    return name if number < names else f"{name} {number // names + 1}"


def _with_flaws(text: bytes, *, next_id: int) -> bytes:
    """Put the bad rows evenly among the lines of the deals; ``next_id`` is the number of the next new deal."""
    flaws = cast().flaws
    lines = text.decode().splitlines()
    step = len(lines) // (len(flaws) + 1)
    out: list[str] = []
    for place in range(len(flaws)):
        above = lines[place * step : (place + 1) * step]
        sale = _ordinary_sale(above)
        # A step of 7 and 27 places have no factor in common: rows of one kind do not stand together.
        changes = {"Deal ID": f"D-{10000 + next_id + place}", **flaws[place * 7 % len(flaws)]}
        row = sale | {column: value.format_map(sale) for column, value in changes.items()}
        out += [*above, ",".join(row.values())]
    out += lines[len(flaws) * step :]
    return ("\n".join(out) + "\n").encode()


def _ordinary_sale(lines: list[str]) -> dict[str, str]:
    """Find the first good row to spoil."""
    for line in lines:
        row = dict(zip(cast().columns, line.split(","), strict=True))
        complete = row["Stage"] == "Closed Won" and row["Owner ID"] != cast().former and all(row.values())
        if complete and 2000 < float(row["Amount"]) < 9000 and row["Created"] < row["Close Date"]:
            return row
    raise LookupError("no ordinary sale")
