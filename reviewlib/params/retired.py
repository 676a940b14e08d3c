"""Keys of earlier versions: they are read past, and whoever makes new figures is told what stands in their place."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import getitem
from typing import Any, Final

from reviewlib.errors import ParamsError
from reviewlib.params.figures import Kpi
from reviewlib.params.model import MIDDLE_FROM, QUARTILES_FROM, Params
from reviewlib.params.rules import Key


@dataclass(frozen=True)
class Retired:
    """A key that is gone: what stands there now, what that means, and its value by the old one as it is written.

    Where nothing stands there, or no more than what holds anyway, it is "".
    """

    now: str
    means: str
    value: Callable[[Any, Kpi | None], str] = lambda old, kpi: ""


def _material(bands: Any, kpi: Kpi | None) -> str:
    """How far below the target a figure was still on track."""
    on_track = bands.get("on_track") if isinstance(bands, dict) else None
    if kpi is None or kpi.judged_by is None or not isinstance(on_track, int | float):
        return ""
    away = round((0 if kpi.in_points else 1) - on_track, 6)
    return f"{away:g}" if 0 < away < 1 and away != kpi.material else ""


_MEMBERS: Final = (
    f"a median is shown from {QUARTILES_FROM} members on, above or below the middle from {MIDDLE_FROM}, for everybody"
)
#: By path, where `*` is any key.
RETIRED: Final[Mapping[Key, Retired]] = {
    ("peers", "group"): Retired(
        "by",
        "what peers have in common, a list of role, team and region; [] is everybody",
        lambda old, kpi: {"all": "[]", "team": "[team]", "role": "[role]"}.get(str(old), ""),
    ),
    ("peers", "median_from"): Retired("", _MEMBERS),
    ("peers", "quartiles_from"): Retired("", _MEMBERS),
    ("kpis", "*", "bands"): Retired(
        "material",
        "how far from its target a figure must be to be worth a word, 0.05 of it or 0.02 points of a rate if nothing is said; "
        "where strength, talk and shortfall begin are probabilities now, under judgement",
        _material,
    ),
}


def of(key: Key) -> Retired:
    """The record of a retired key."""
    return RETIRED[key[0], *"*" * (len(key) - 2), key[-1]]


def told(key: Key) -> str:
    """Say in a sentence without the full stop what became of a key."""
    now = f"now {'.'.join((*key[:-1], of(key).now))}" if of(key).now else "gone"
    return f"{'.'.join(key)} is {now}: {of(key).means}"


def section(root: Any, key: Key) -> Any:
    """The section of a file in which a key stands."""
    return reduce(getitem, key[:-1], root)


def taken_out(root: Any) -> list[Key]:
    """Take the retired keys out of what a file holds, and say where they stood."""
    met = [key for pattern in RETIRED for key in _keys(root, pattern)]
    for key in met:
        section(root, key).pop(key[-1], None)
    return met


def refuse(params: Params) -> None:
    """Stop before new figures are made by params of an earlier version.

    Raises:
        ParamsError: Retired keys stand in the file; each is told with its line and what stands in its place.
    """
    if params.retired:
        said = "".join(f"\n  line {line}, {told(key)}." for line, key in params.retired)
        do = f"Run: reviewlib check {params.typed} --migrate (it shows what it changes, and keeps the file as it was)"
        raise ParamsError(f"These keys are of an earlier version and have no effect.{said}", where=params.path.name, do=do)


def _keys(root: Any, pattern: Key) -> Iterator[Key]:
    """Where a pattern is met."""
    first, *rest = pattern
    for key in root if isinstance(root, dict) else ():
        if first in ("*", key):
            yield from ((key, *inner) for inner in _keys(root[key], tuple(rest))) if rest else [(key,)]
