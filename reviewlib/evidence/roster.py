"""Who was there: each rep's team and activity by period, and which scopes a deal's owner counts for."""

import datetime as dt
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import pandas as pd

from reviewlib.periods import Period

#: The scope and id of deals whose owner is not in the reps table.
UNASSIGNED = "unassigned"
#: The id of the scope that holds everything.
ALL = "all"


@dataclass(frozen=True)
class Post:
    """A rep as of the last day of a period; or a team as a whole, which has neither role nor days."""

    id: str
    name: str
    team: str | None = None
    manager: str | None = None
    role: str | None = None
    region: str | None = None
    started_on: dt.date | None = None
    left_on: dt.date | None = None

    def active_days(self, period: Period) -> int:
        """Count the days of the period between first and last day in the company, both included."""
        first = max(period.start, self.started_on or period.start)
        last = min(period.last_day, self.left_on or period.last_day)
        return max(0, (last - first).days + 1)

    def as_data(self) -> dict[str, Any]:
        """The post as a slice holds it: dates as ISO text, the id last, as in every slice so far."""
        values = {**vars(self)}
        values["id"] = values.pop("id")
        return {name: value.isoformat() if isinstance(value, dt.date) else value for name, value in values.items()}


@dataclass(frozen=True)
class Roster:
    """Every rep's post in every period of the trend and the next one.

    Attributes:
        posts: (rep_id, period name) to post.
        owners: Deal owners that are not in the reps table.
        sellers: Reps who own a deal anywhere in the export.
        periods: The periods covered.
    """

    posts: Mapping[tuple[str, str], Post]
    owners: frozenset[str]
    sellers: frozenset[str]
    periods: tuple[Period, ...]

    @cached_property
    def rep_ids(self) -> tuple[str, ...]:
        """Every rep, in the order of ids."""
        return tuple(sorted({rep_id for rep_id, _ in self.posts}))

    def team(self, name: str, period: Period) -> tuple[str, ...]:
        """The active reps of a team in a period, in the order of ids."""
        return tuple(self._active[period.name].get(name, ()))

    def active(self, period: Period) -> tuple[str, ...]:
        """The reps with at least one active day, in the order of ids."""
        return tuple(sorted(itertools.chain.from_iterable(self._active[period.name].values())))

    @cached_property
    def _active(self) -> Mapping[str, Mapping[str | None, Sequence[str]]]:
        """By period and team, the reps with at least one active day, in the order of ids."""
        found = {period.name: defaultdict[str | None, list[str]](list) for period in self.periods}
        for rep_id, period in itertools.product(self.rep_ids, self.periods):
            post = self.posts[rep_id, period.name]
            if post.active_days(period):
                found[period.name][post.team].append(rep_id)
        return found

    def members(self) -> pd.DataFrame:
        """Which owner counts for which scope: rep_id, period, scope, scope_id."""
        rows = [
            (post.id, period, scope, scope_id)
            for (_, period), post in self.posts.items()
            for scope, scope_id in (("rep", post.id), ("team", post.team), (ALL, ALL))
            if scope_id is not None
        ]
        rows += [
            (owner, period.name, scope, scope)
            for owner in sorted(self.owners)
            for period in self.periods
            for scope in (UNASSIGNED, ALL)
        ]
        return pd.DataFrame(rows, columns=["rep_id", "period", "scope", "scope_id"])

    def groups(self) -> pd.DataFrame:
        """Every (scope, scope_id, period) that has a scorecard, deals or not."""
        own = self.members()[["scope", "scope_id", "period"]]
        always = [(scope, scope, period.name) for scope in (UNASSIGNED, ALL) for period in self.periods]
        whole = pd.DataFrame(always, columns=["scope", "scope_id", "period"])
        return pd.concat([own, whole]).drop_duplicates(ignore_index=True)


def roster(reps: pd.DataFrame, *, owners: Sequence[str], periods: Sequence[Period]) -> Roster:
    """Place every rep of the reps table in every period; a rep who moved has several rows with ``from`` and ``to``.

    ``owners`` are those of deals, in the reps table or not.
    """
    rows: dict[str, list[dict[str, object]]] = {}
    for row in reps.to_dict("records"):
        plain = {str(key): None if pd.isna(value) else value for key, value in row.items()}
        rows.setdefault(str(plain["rep_id"]), []).append(plain)
    posts = {(rep_id, period.name): _post(rep_id, own, period.last_day) for rep_id, own in rows.items() for period in periods}
    owning = frozenset(owners)
    return Roster(MappingProxyType(posts), owning - rows.keys(), owning & rows.keys(), tuple(periods))


def distinct_names(people: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Give each (id, name) of one page a name of their own: where two share one, the id is put behind it."""
    listed = list(people)
    shared = {name for name, count in Counter(name for _, name in listed).items() if count > 1}
    return {person: f"{name} ({person})" if name in shared else name for person, name in listed}


def _post(rep_id: str, rows: list[dict[str, object]], day: dt.date) -> Post:
    """Build the post of one period from the row that holds on its last day, else the latest before it, else the earliest.

    Rows of one rep do not overlap. First and last day in the company are the same in all of them.
    """
    order = sorted(rows, key=lambda row: _date(row["from"], dt.date.min))
    row = next((row for row in reversed(order) if _date(row["from"], dt.date.min) <= day), order[0])
    started = [_date(each["started_on"], dt.date.max) for each in rows if each["started_on"]]
    left = [_date(each["left_on"], dt.date.min) for each in rows if each["left_on"]]
    text = {name: None if row[name] is None else str(row[name]) for name in ("team", "manager", "role", "region")}
    return Post(
        id=rep_id,
        name=str(row["rep_name"] or rep_id),
        started_on=min(started, default=None),
        left_on=max(left, default=None),
        **text,
    )


def _date(value: object, missing: dt.date) -> dt.date:
    return value if isinstance(value, dt.date) else missing
