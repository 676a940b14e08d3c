"""Who was there when, in which team, and which scope a deal counts for."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pytest

from reviewlib.evidence import tables
from reviewlib.evidence.roster import Roster, roster
from reviewlib.periods import Period

Q2, Q3, Q4 = (Period.parse(name) for name in ("2026-Q2", "2026-Q3", "2026-Q4"))


def day(text: str | None) -> dt.date | None:
    return None if text is None else dt.date.fromisoformat(text)


def person(rep: str, team: str | None = "North", **dates: str | None) -> dict[str, Any]:
    """One row of the reps table; ``since`` and ``until`` are its dates."""
    names = {"since": "from", "until": "to", "started": "started_on", "left": "left_on"}
    empty = dict.fromkeys(tables.REPS.columns)
    return {**empty, "rep_id": rep, "rep_name": rep.title(), "team": team, **{names[k]: day(v) for k, v in dates.items()}}


def people(*rows: dict[str, Any], owners: tuple[str, ...] = ()) -> Roster:
    frame = pd.DataFrame(rows, columns=[*tables.REPS.columns])
    return roster(frame, owners=owners, periods=[Q2, Q3, Q4])


def scopes(known: Roster, owner: str, period: Period = Q3) -> set[tuple[str, str]]:
    rows = known.members()
    rows = rows[(rows["rep_id"] == owner) & (rows["period"] == period.name)]
    return set(zip(rows["scope"], rows["scope_id"], strict=True))


MOVED = (person("ann", "North", until="2026-09-29"), person("ann", "South", since="2026-09-30"))


def test_team_is_that_of_the_last_day() -> None:
    """Who moves on the last day of a period counts for the new team in all of it."""
    known = people(*MOVED)
    assert [known.posts["ann", period.name].team for period in (Q2, Q3, Q4)] == ["North", "South", "South"]
    assert (known.team("North", Q3), known.team("South", Q3)) == ((), ("ann",))


def test_move_on_the_first_day_after_the_end() -> None:
    """Who moves on the day after the period counts for the old team."""
    known = people(person("ann", "North", until="2026-09-30"), person("ann", "South", since="2026-10-01"))
    assert [known.posts["ann", period.name].team for period in (Q3, Q4)] == ["North", "South"]


def test_rows_in_any_order() -> None:
    """The order of a rep's rows does not matter."""
    assert people(*MOVED).posts == people(*reversed(MOVED)).posts


def test_day_without_a_row_takes_the_latest_before_it() -> None:
    """After the last dated row, and between two, the earlier row holds; before the first, the first."""
    known = people(person("ann", "North", since="2026-05-01", until="2026-06-10"), person("ann", "South", since="2026-12-01"))
    assert [known.posts["ann", period.name].team for period in (Q2, Q3, Q4)] == ["North", "North", "South"]
    assert people(person("ann", "North", since="2026-12-31")).posts["ann", Q2.name].team == "North"


@pytest.mark.parametrize(
    ("dates", "days"),
    [
        ({}, 92),
        ({"started": "2026-07-01", "left": "2026-09-30"}, 92),
        ({"started": "2026-09-30"}, 1),
        ({"left": "2026-07-01"}, 1),
        ({"started": "2026-07-11", "left": "2026-07-20"}, 10),
        ({"started": "2026-10-01"}, 0),
        ({"left": "2026-06-30"}, 0),
    ],
)
def test_active_days_count_first_and_last_day(dates: dict[str, str], days: int) -> None:
    """First and last day in the company are active days."""
    known = people(person("ann", **dates))
    assert known.posts["ann", Q3.name].active_days(Q3) == days
    assert known.active(Q3) == (("ann",) if days else ())


def test_first_and_last_day_hold_for_all_rows_of_a_rep() -> None:
    """Who moved keeps the first day of the first row and the last day of the last, whichever row holds."""
    known = people(person("ann", "North", until="2026-07-31", started="2026-07-11"), person("ann", "South", since="2026-08-01"))
    assert known.posts["ann", Q3.name].started_on == dt.date(2026, 7, 11)
    assert known.posts["ann", Q3.name].active_days(Q3) == 82


def test_team_lists_active_reps_in_order() -> None:
    """A team in a period is its active reps, by id; leavers and starters of other periods are not in it."""
    known = people(person("zoe"), person("ann"), person("gone", left="2026-06-30"), person("next", started="2026-10-01"))
    assert known.team("North", Q3) == ("ann", "zoe")
    assert known.team("North", Q2) == ("ann", "gone", "zoe")
    assert known.team("North", Q4) == ("ann", "next", "zoe")


def test_deals_of_a_leaver_count_for_the_last_team() -> None:
    """Whose last day has passed still counts for the team and the whole: the deals are there."""
    known = people(person("gone", left="2026-06-30"), owners=("gone",))
    assert scopes(known, "gone") == {("rep", "gone"), ("team", "North"), ("all", "all")}


def test_rep_without_a_team_counts_for_the_whole_only() -> None:
    """No team is no scope; the rep and the whole have the deals."""
    assert scopes(people(person("ann", None), owners=("ann",)), "ann") == {("rep", "ann"), ("all", "all")}


def test_unknown_owner_is_unassigned() -> None:
    """Deals of an owner who is not in the reps table count as unassigned and in the whole, and for no rep or team."""
    known = people(person("ann"), owners=("ann", "former"))
    assert scopes(known, "former") == {("unassigned", "unassigned"), ("all", "all")}
    assert known.owners == {"former"}
    assert "former" not in known.rep_ids


def test_sellers_own_a_deal() -> None:
    """A rep who owns no deal anywhere is told apart."""
    assert people(person("ann"), person("idle"), owners=("ann", "former")).sellers == {"ann"}


def test_every_scope_has_a_row_in_every_period() -> None:
    """Reps, teams, unassigned and the whole each have one row per period, deals or not."""
    groups = people(person("ann"), person("bob"), owners=("ann",)).groups()
    assert not groups.duplicated().any()
    wanted = {("rep", "ann"), ("rep", "bob"), ("team", "North"), ("unassigned", "unassigned"), ("all", "all")}
    for period in (Q2, Q3, Q4):
        own = groups[groups["period"] == period.name]
        assert set(zip(own["scope"], own["scope_id"], strict=True)) == wanted


def test_owner_counts_once_per_scope_and_period() -> None:
    """A rep with several rows counts once: no deal is doubled."""
    assert not people(*MOVED, owners=("ann",)).members().duplicated(["rep_id", "period", "scope"]).any()


def test_name_falls_back_to_the_id() -> None:
    """Without a name the id is printed."""
    assert people({**person("ann"), "rep_name": None}).posts["ann", Q3.name].name == "ann"
