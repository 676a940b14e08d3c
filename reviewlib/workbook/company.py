"""The sample company: the demo's people and deals, multiplied to any size.

A *copy* holds the demo's reps once more, with ids, names and teams of their own; a *round* gives the reps of a copy their
deals once more, with accounts of their own. The first round of the first copy is the demo. Nothing is drawn, and nothing comes
from the clock: the same arguments give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from reviewlib.params.kpis import KPIS
from reviewlib.workbook import starter

Ints = npt.NDArray[np.int64]

#: The tables beside the deals.
PEOPLE: Final = ("reps.csv", "targets.csv", "activities.csv")
#: From here on the demo's flawed rows stay far below the quarantine's threshold.
FLAWS_FROM: Final = 3000


def make_sample(folder: Path, *, reps: int, deals: int, name: str = "sample") -> Path:
    """Make the workbook of a company of any size and return its params file.

    Args:
        folder: The workbook's folder; made where it is missing.
        reps: How many reps. With every 48 of them comes an owner of deals who is in no reps table.
        deals: How many good deals. The demo's flawed rows come besides from 3,000 on, where reps have as many deals as there.
        name: The workbook's short name.
    """
    demo, path = starter.home() / "params" / "demo.yaml", folder / "params" / f"{name}.yaml"
    source, out = demo.with_suffix(""), path.with_suffix("")
    out.mkdir(parents=True, exist_ok=True)
    params = (
        demo.read_text(encoding="utf-8").replace("name: demo\n", f"name: {name}\n").replace("file: demo/", f"file: {name}/")
    )
    path.write_text(params, encoding="utf-8", newline="\n")
    starter.furnish(folder, name)
    people = [pd.read_csv(source / file, dtype=str, keep_default_na=False) for file in PEOPLE]
    sold, flawed = _demo_deals(source / "deals.csv")
    owners = pd.Index(sorted({*people[0]["Employee"], *sold["Owner ID"]}))
    owner = owners.get_indexer(pd.Index(sold["Owner ID"]))
    there, usual, quotas = _quotas(np.bincount(owner, minlength=len(owners)), reps=reps, deals=deals)
    growth = deals / max(1, usual.sum())
    for copy, present in enumerate(there):
        for table, rows in zip(PEOPLE, _people(people, copy, ids=list(owners[present]), growth=growth), strict=True):
            rows.to_csv(out / table, mode="a" if copy else "w", header=not copy, index=False, lineterminator="\n")
    with (out / "deals.csv").open("wb") as file:
        file.write(f"{','.join(sold.columns)}\n".encode())
        for block in _blocks(sold, owner, quotas):
            # No good deal holds a comma or a quote, so plain fields are right, and short.
            pyarrow.csv.write_csv(block, file, pyarrow.csv.WriteOptions(include_header=False, quoting_style="none"))
        if deals >= FLAWS_FROM and growth >= 1:
            theirs = flawed.str.split(",").str[1].isin(["", *owners[there[0]]])
            file.writelines(f"{line}\n".encode() for line in flawed[theirs])
    return path


def _demo_deals(file: Path) -> tuple[pd.DataFrame, pd.Series[str]]:
    """Read the demo's good deals, which are numbered through, and as lines the flawed ones among them."""
    header, *rest = file.read_text(encoding="utf-8").splitlines()
    lines = pd.Series(rest)
    ids = lines.str.partition(",")[0]
    good = ids.between("D-10001", "D-18800") & ~ids.duplicated()
    sold = lines[good].str.split(",", expand=True).set_axis(header.split(","), axis=1)
    return sold.reset_index(drop=True), lines[~good]


def _quotas(usual: Ints, *, reps: int, deals: int) -> tuple[Any, Ints, Ints]:
    """Tell by copy which owners are in it, how many deals they have in the demo, and how many here.

    Who is in no reps table stands last and comes with the last rep of a copy.
    """
    size = len(usual) - 1
    copies = max(1, -(-reps // size))
    there = np.minimum(np.arange(size + 1), size - 1) + size * np.arange(copies)[:, np.newaxis] < reps
    theirs = usual * there
    until, total = theirs.cumsum().reshape(theirs.shape), max(1, theirs.sum())
    return there, theirs, deals * until // total - deals * (until - theirs) // total


def _people(people: Sequence[pd.DataFrame], copy: int, *, ids: Sequence[str], growth: float) -> tuple[pd.DataFrame, ...]:
    """Make a copy's rows of the tables beside the deals; ``growth`` is how many deals a rep has for one in the demo."""
    roster, targets, activities = people
    surnames = list(dict.fromkeys(pd.concat([roster["Name"], roster["Manager"]]).str.partition(" ")[2]))

    def namesake(name: str) -> str:
        """Somebody of the same first name."""
        first, _, last = name.partition(" ")
        return f"{first} {surnames[(surnames.index(last) + copy) % len(surnames)]}{_mark(copy // len(surnames))}"

    own = {one: f"{one}{_mark(copy, '-')}" for one in ids}
    last = roster.groupby("Team")["Employee"].max()
    scopes = own | {team: f"{team}{_mark(copy)}" for team in last.index[last.isin(ids)]} | ({} if copy else {"": ""})
    aims = targets.assign(scope_id=targets["scope_id"].map(scopes)).dropna()
    grown = (pd.to_numeric(aims["value"]) * growth).round().clip(lower=1).astype("int64").astype(str)
    adds_up = aims["kpi"].map(lambda kpi: KPIS[kpi].targets == "sum")
    reps = roster.assign(
        Employee=roster["Employee"].map(own),
        Name=roster["Name"].map(namesake),
        Team=roster["Team"] + _mark(copy),
        Manager=roster["Manager"].map(namesake),
        Email=roster["Email"].str.replace("@", f"{_mark(copy, '-')}@"),
    )
    done = activities.assign(**{"Rep ID": activities["Rep ID"].map(own)})
    return reps.dropna(), aims.assign(value=aims["value"].mask(adds_up, grown)), done.dropna()


def _blocks(sold: pd.DataFrame, owner: Any, quotas: Ints) -> Iterator[pa.Table]:
    """Yield each copy's deals round by round; the last round of a rep is a part of theirs."""
    table = pa.table({column: [cell or None for cell in sold[column]] for column in sold.columns})
    numbers = sold["Deal ID"].str.removeprefix("D-").astype("int64").to_numpy()
    usual, accounts, names = np.bincount(owner)[owner], *pd.factorize(sold["Account"])
    # Account by account, crossing the history again and again: the first few of a rep are whole customers, of all quarters.
    ordered = sold.iloc[np.argsort(accounts * 1009 % len(names), kind="stable")]
    place = ordered.groupby("Owner ID").cumcount().sort_index().to_numpy()
    for copy, quota in enumerate(quotas[:, owner]):
        for turn in range((-(-quota // usual)).max()):
            kept = place + turn * usual < quota
            part, again = table.filter(pa.array(kept)), copy + turn * len(quotas)
            thousandths = pa.array(1000 + _shift(copy * (owner[kept] + 1)) + _shift(turn))
            own = {
                "Deal ID": pc.binary_join_element_wise("D", pa.array(numbers[kept] + 10_000 * again).cast(pa.string()), "-"),
                "Owner ID": pc.binary_join_element_wise(part["Owner ID"], _mark(copy, "-"), ""),
                "Account": pc.binary_join_element_wise(part["Account"], _mark(again), ""),
                "Amount": _money(part["Amount"], thousandths),
                "Expected Amount": _money(part["Expected Amount"], thousandths),
            }
            yield pa.table({column: own.get(column, part[column]) for column in part.column_names})


def _mark(number: int, by: str = " ") -> str:
    """Tell a copy's names from the demo's."""
    return f"{by}{number + 1}" if number else ""


def _shift(steps: Any) -> Any:
    """Up to 81 thousandths up or down: none for 0, and far apart for neighbours."""
    return (37 * steps + 81) % 163 - 81


def _money(amounts: Any, thousandths: Any) -> Any:
    exact = pc.multiply(pc.multiply(amounts.cast(pa.decimal128(12, 2)), thousandths), Decimal("0.001"))
    return pc.round(exact, 2).cast(pa.decimal128(12, 2))
