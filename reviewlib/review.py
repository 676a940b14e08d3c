"""One subject, one period, one audience: what a notebook works with, data only.

``open_review`` and ``open_team_review`` read one slice of the frozen evidence and the minutes of what people said. Everything
tabular is a pandas DataFrame.
"""

import datetime as dt
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pandas as pd

from reviewlib.conversation import copies
from reviewlib.conversation.answers import form as forms_text
from reviewlib.conversation.entries import About, SubjectKind
from reviewlib.conversation.visibility import Audience, VisibleEntries, empty
from reviewlib.errors import ReviewError
from reviewlib.evidence import adjustments, slicefile
from reviewlib.evidence.roster import Post
from reviewlib.evidence.slicefile import Achievement, Finding, Listed, RecommendedAction, lists
from reviewlib.evidence.subjects import subjects_of
from reviewlib.files import slug
from reviewlib.params import reading
from reviewlib.params.figures import Kpi
from reviewlib.params.model import Params
from reviewlib.periods import FiscalYear, Period


@dataclass(frozen=True)
class Workbook:
    """What is true for every review of the workbook and period."""

    name: str
    title: str
    currency: str
    locale: str
    as_of: dt.date
    as_of_declared: bool
    history_from: dt.date
    frozen_at: dt.datetime
    snapshot: str
    incomplete: bool
    peer_group: str | list[str]  # one word in evidence that an older version froze
    retention_window: str
    accent: str
    accent_dark: str
    timezone: str | None = None
    gap: float = 0.005
    watch: float = 0.05

    def local(self, moment: dt.datetime) -> dt.datetime:
        """Read a moment on the workbook's clock; on that of UTC where no timezone is given."""
        return moment.astimezone(ZoneInfo(self.timezone or "UTC"))

    @property
    def frozen_on(self) -> dt.date:
        """The day on which the evidence was frozen, on the workbook's clock."""
        return self.local(self.frozen_at).date()


#: What a verdict follows from, by the names of ``tables.JUDGED``.
Judged = SimpleNamespace


@dataclass(frozen=True)
class Figure:
    """One cell of the scorecard with its definition; every column of the scorecard is an attribute, None where missing."""

    kpi: Kpi
    period: Period
    value: float | None
    n: float | None
    low: float | None
    high: float | None
    numerator: float | None
    denominator: float | None
    target: float | None
    target_raw: float | None
    attainment: float | None
    previous: float | None
    change: float | None
    year_ago: float | None
    peer_q1: float | None
    peer_median: float | None
    peer_q3: float | None
    peers: float | None
    standing: str | None
    result: str | None
    verdict: str
    reason: str | None
    judged: Judged | None = None


@dataclass(frozen=True)
class AnswerWays:
    """How the rep answers without Jupyter: a mail that is ready to be filled in, and a form that lies beside the page."""

    mailto: str | None
    form: str | None


@dataclass(frozen=True)
class Review:
    """A review's evidence and what people said, for one audience.

    ``history`` holds the scorecard rows of all periods of the trend (oldest first), ``scorecard`` those of this period, and
    ``judged`` what its verdicts follow from, by KPI; None for evidence of an older version, which does not say.
    ``members`` (teams, manager's copy) holds the same columns for each rep. ``lists`` are the rep's deals and accounts that are
    listed below figures, by the names of ``slicefile.DEAL_LISTS``; ``deals`` and ``accounts``, all of them, are read by
    ``rows`` when they are asked for.
    ``terms`` holds the rows that each ``target``, what figures are ``divided_by`` and each ``measure`` are the sum of, by KPI.
    ``minutes`` is what this audience may read of the conversation, ``answer`` how a rep answers (rep's copy only).
    ``params_path`` is the workbook's params file; None for a review that was not opened from one.
    """

    kind: Literal["rep", "team"]
    audience: Audience
    subject: Post
    period: Period
    trend: tuple[Period, ...]
    workbook: Workbook
    kpis: Mapping[str, Kpi]
    off: Mapping[str, str]
    scorecard: pd.DataFrame
    history: pd.DataFrame
    judged: Mapping[str, Judged] | None
    lists: Mapping[str, Listed]
    terms: Mapping[str, Mapping[str, Sequence[Sequence[Any]]]]
    stages: pd.DataFrame
    members: pd.DataFrame
    people: Mapping[str, Post]
    summary: tuple[str, ...]
    leads: Mapping[str, str]
    findings: tuple[Finding, ...]
    achievements: tuple[Achievement, ...]
    data: Mapping[str, Any]
    minutes: VisibleEntries
    rows: Callable[[], Mapping[str, Any]]
    params_path: Path | None = None
    answer: AnswerWays | None = None

    def explain(self, kpi: str, period: str | None = None) -> pd.DataFrame:
        """List what a figure counts in a period of the trend; a rep's copy knows what its page lists of this period.

        Raises:
            ReviewError: There is no such figure, or this copy cannot explain it.
        """
        when = Period.parse(period, self.period.fiscal) if period else self.period
        if self.audience == "manager" and self.params_path:
            from reviewlib.evidence.explain import explain  # brings DuckDB, which nothing else in a notebook needs

            book, whose = reading.load(self.params_path), {"scope": self.kind, "scope_id": self.subject.id}
            return explain(book, self.workbook.snapshot, kpi, **whose, period=when).rows
        flag = self.kpis[self.kpis[kpi].of or kpi].evidence if kpi in self.kpis else None
        if flag is None or when != self.period or self.kind == "team":
            known = ", ".join(key for key, each in self.kpis.items() if each.evidence)
            what = "This copy cannot explain the figure: it holds a rep’s own rows of the period, and no more."
            raise ReviewError(what, where=f"{self.about}, {kpi} in {when}", do=f"Take one of {known}, or ask the manager.")
        if flag == "accounts":
            return self.accounts
        counted = ["open_start", "opened", "open_end"] if flag == "bridge" else [flag]
        return self.deals[self.deals[counted].any(axis=1)].reset_index(drop=True)

    @property
    def about(self) -> About:
        """Which review of the journal this is."""
        return self.minutes.about

    @cached_property
    def deals(self) -> pd.DataFrame:
        """The rep's own deals of the period, with what each counts as; none on a team's page."""
        return _frame(self.rows()["deals"])

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """The accounts of the rep's retention base: account_id, base_revenue, revenue, kept, open_deal."""
        return _frame(self.rows()["accounts"])

    def figure(self, kpi: str, period: Period | None = None) -> Figure:
        """Look one figure up; of this period where none is given.

        Raises:
            KeyError: The scorecard has no such figure.
        """
        return self.member(self.subject.id, kpi, period)

    def member(self, rep_id: str, kpi: str, period: Period | None = None) -> Figure:
        """Look one figure of a team's rep up (manager's copy of a team review)."""
        found = self.find(rep_id, kpi, period or self.period)
        if found is None:
            raise KeyError(f"{kpi} of {rep_id} in {period or self.period}")
        return found

    def find(self, scope_id: str, kpi: str, period: Period) -> Figure | None:
        """Look a figure of the subject or of a team's rep up; None where the scorecard has no such row."""
        cells = self.cells.get((scope_id, kpi, period.name))
        own = self.judged if scope_id == self.subject.id and period == self.period else None
        if cells is None or kpi not in self.kpis:
            return None
        return Figure(kpi=self.kpis[kpi], period=period, judged=(own or {}).get(kpi), **cells)

    @cached_property
    def cells(self) -> Mapping[tuple[str, str, str], Mapping[str, Any]]:
        """The columns of the scorecard that a ``Figure`` has, by scope id, figure and period; missing ones are None."""
        found: dict[tuple[str, str, str], Mapping[str, Any]] = {}
        for frame in (self.history, self.members):
            if len(frame):  # an empty one has no columns
                # By columns, which is many times faster than by rows; only missing numbers differ from themselves.
                known = frame.reindex(columns=[*_KEY, *_CELLS])  # an older version had fewer
                columns = {name: [None if cell != cell else cell for cell in known[name].tolist()] for name in known}
                keys = zip(*(columns[name] for name in _KEY), strict=True)
                rows = zip(*(columns[name] for name in _CELLS), strict=True)
                found |= {key: dict(zip(_CELLS, row, strict=True)) for key, row in zip(keys, rows, strict=True)}
        return found


#: How the parameters of a notebook are written, for messages; the id of a rep or a team comes between them.
_EXAMPLES = {"params": "params/demo.yaml", "period": "2026-Q3"}
_IDS = {"rep": "R-014", "team": "North"}
_KEY = ("scope_id", "kpi", "period")
_CELLS = tuple(name for name in Figure.__dataclass_fields__ if name not in (*_KEY, "judged"))


def open_review(params: str | Path, *, rep: str, period: str, audience: str = "manager") -> Review:
    """Open one rep's review.

    Args:
        params: The params file; a relative path is looked for from the current folder upwards.
        rep: The rep's id, as text; a whole number is taken where it can be no other rep's.
        period: Such as ``2026-Q3``.
        audience: ``manager`` or ``rep``; what the audience may not see is not in the file that is read.

    Raises:
        ReviewError: No review is named, or the params file, the period or the evidence cannot be used; the message says what
            to do.
    """
    return _open(params, kind="rep", subject=rep, period=period, audience=audience)


def open_team_review(params: str | Path, *, team: str, period: str, audience: str = "manager") -> Review:
    """Open one team's review; the arguments are those of ``open_review``."""
    return _open(params, kind="team", subject=team, period=period, audience=audience)


def _open(params: str | Path, *, kind: SubjectKind, subject: str, period: str, audience: str) -> Review:
    _check_given(params=str(params) if isinstance(params, Path) else params, **{kind: subject}, period=period)
    book = reading.load(reading.find(str(params), Path.cwd()))
    when = Period.parse(period, book.fiscal)
    about = About(kind, subject if isinstance(subject, str) else _id_of(book, kind, subject, when), when.name)
    path, minutes = _find(book, about, audience)
    data = slicefile.read_slice(path)
    known = data["data"] | {
        "before": _before(book, about, audience, minutes),
        "names": _names(book, about, minutes),
        "adjustments": adjustments.read(book, kind=kind, subject=about.subject, period=when, audience=audience),
    }
    opened = from_slice(data | {"data": known}, book.fiscal, minutes=minutes, rows=partial(slicefile.read_rows, path))
    return replace(opened, params_path=book.path, answer=_answer(book, data, minutes))


def _check_given(**given: object) -> None:
    """Refuse to open a review that is not named: nobody's is opened in its place.

    Whoever runs a notebook may have left parameters empty, or misspelt one, of which papermill only warns.
    """
    if empty := [name for name, value in given.items() if not str(value).strip()]:
        kind = next(name for name in given if name not in _EXAMPLES)
        examples = {name: _EXAMPLES.get(name, _IDS[kind]) for name in given}
        cell = ", ".join(f'{name} = "{text}"' for name, text in examples.items())
        raise ReviewError(
            "No review is named, so none is opened.",
            where="the notebook’s parameters, in the first cell (a click on “# Which review” shows it)",
            found=f"nothing in {', '.join(empty)}",
            do=f"Fill in what is empty, such as {cell}, and run all cells.\n"
            f"    With papermill, in these small letters: {' '.join(f'-r {name} {text}' for name, text in examples.items())}\n"
            "    `reviewlib run` makes every review, and `reviewlib open` opens the notebook of a rep with all filled in.",
        )
    for name, example in _EXAMPLES.items():
        if not isinstance(given[name], str):
            raise _not_text(name, given[name], example)


def _id_of(book: Params, kind: SubjectKind, given: object, period: Period) -> str:
    """Take a whole number for the id that is written like it, where no other id can have become that number on its way.

    Raises:
        ReviewError: Another one can: papermill makes 12 of ``-p rep 0012``, and YAML 10 of ``rep: 0012``.
    """
    ids = [one.id for one in subjects_of(slicefile.frozen_folder(book, period)) if one.kind == kind]
    like_numbers = [one for one in ids if re.match(r"[\s\d.+-]", one)]
    if type(given) is int and str(given) in ids and all(re.fullmatch("0|[1-9][0-9]*", one) for one in like_numbers):
        return str(given)
    raise _not_text(kind, given, next((one for one in like_numbers if one.lstrip("0") == str(given)), _IDS[kind]))


def _not_text(name: str, given: object, example: str) -> ReviewError:
    return ReviewError(
        f"The {name} did not arrive as text; zeros and letters of it may be lost on the way.",
        where=f"the notebook’s parameter {name}",
        found=repr(given),
        do=f"Write it as it stands: -r {name} {shlex.quote(example)}, because papermill’s -p makes numbers of texts. "
        f'In a cell or a file of parameters put it in quotes: "{example}".',
    )


def _names(book: Params, about: About, minutes: VisibleEntries) -> dict[str, str]:
    """The names on a team's board, by id: the copy for the team knows no other."""
    folder = slicefile.current_folder(book, Period.parse(about.period, book.fiscal))
    if folder is None or about.kind != "team" or minutes.audience != "rep":
        return {}
    shown = {rep_id for rep_id, one in minutes.members.items() if one.entries}
    return {one.id: one.name for one in subjects_of(folder) if one.kind == "rep" and one.id in shown}


def _before(book: Params, about: About, audience: str, minutes: VisibleEntries) -> dict[str, dict[str, float | None]]:
    """The figures that were disputed and have been taken again since: values by figure, by snapshot."""
    period = Period.parse(about.period, book.fiscal)
    found: dict[str, dict[str, float | None]] = {}
    for entry in minutes.of_kind("resolution"):
        snapshot = getattr(entry.payload, "snapshot_before", None)
        if snapshot and slicefile.exists(book, snapshot):
            path = slicefile.find_slice(
                book, kind=about.kind, subject=about.subject, period=period, audience=audience, pinned=snapshot
            )
            then = slicefile.read_slice(path)["history"]
            place = {name: then["columns"].index(name) for name in ("kpi", "period", "value")}
            rows = [row for row in then["data"] if row[place["period"]] == about.period]
            found[snapshot] = {row[place["kpi"]]: row[place["value"]] for row in rows}
    return found


def _find(book: Params, about: About, audience: str) -> tuple[Path, VisibleEntries]:
    """Find what one notebook works with: the slice of the snapshot that the minutes pin or the period uses, and the minutes."""
    period = Period.parse(about.period, book.fiscal)
    minutes = copies.read_minutes(book, about, "rep" if audience == "rep" else "manager")
    pin = {"pinned": minutes.state.snapshot, "pin_proof": minutes.state.proof}
    path = slicefile.find_slice(book, kind=about.kind, subject=about.subject, period=period, audience=audience, **pin)
    return path, minutes


def form_of(book: Params, about: About) -> str:
    """Write the form for a rep's answer: plain Markdown, of what the rep may read."""
    path, minutes = _find(book, about, "rep")
    data = slicefile.read_slice(path)
    kpis = [(kpi["key"], kpi["label"]) for kpi in data["kpis"] if kpi["of"] is None]
    return forms_text.response_form(minutes, book=_named(book, data), kpis=kpis)


def form_name(subject_name: str, subject_id: str) -> str:
    """Name the file of the form, which lies beside the rep's copy."""
    return f"{slug(subject_name, subject_id)}-answer.md"


def _answer(book: Params, data: Mapping[str, Any], minutes: VisibleEntries) -> AnswerWays | None:
    """How the rep answers; None on the manager's copy, on a team's, and once both sides have signed."""
    if minutes.audience != "rep" or minutes.about.kind != "rep" or minutes.state.closed:
        return None
    address = forms_text.address_of(book, data["subject"]["manager"])
    mailto = forms_text.mailto(minutes, book=_named(book, data), address=address)
    return AnswerWays(mailto, form_name(data["subject"]["name"], data["subject"]["id"]))


def _named(book: Params, data: Mapping[str, Any]) -> forms_text.Book:
    return forms_text.Book(book.name, book.title or book.name, data["subject"]["name"], data["period"])


def from_slice(
    data: Mapping[str, Any],
    fiscal: FiscalYear,
    *,
    minutes: VisibleEntries | None = None,
    rows: Callable[[], Mapping[str, Any]] | None = None,
) -> Review:
    """Turn a slice, as ``slices.Slicer`` cut it, and the minutes into a review.

    Args:
        data: The slice.
        fiscal: The workbook's fiscal year.
        minutes: What people said; nothing yet where it is not given.
        rows: Reads the slice's ``deals`` and ``accounts`` when they are asked for; without it they are taken from ``data``.
    """
    book = dict(data["workbook"])
    for name in ("as_of", "history_from"):
        book[name] = dt.date.fromisoformat(book[name])
    book["frozen_at"] = dt.datetime.fromisoformat(book["frozen_at"])
    subject = _subject(data["subject"])
    history = _frame(data["history"])
    people = {person["id"]: _subject(person) for person in data["people"]}
    findings = tuple(
        Finding(**{**finding, "actions": [RecommendedAction(**action) for action in finding["actions"]]})
        for finding in data["findings"]
    )
    period, every = Period.parse(data["period"], fiscal), rows or (lambda: data)
    told = data.get("judged")  # an older version did not say
    judged = told and {key: Judged(**dict(zip(told["columns"][1:], own, strict=True))) for key, *own in told["data"]}
    return Review(
        kind=data["kind"],
        audience=data["audience"],
        subject=subject,
        period=period,
        trend=tuple(Period.parse(name, fiscal) for name in data["trend"]),
        workbook=Workbook(**book),
        kpis=MappingProxyType({kpi["key"]: Kpi.from_card(kpi) for kpi in data["kpis"]}),
        off=MappingProxyType(data["off"]),
        scorecard=history[history["period"] == period.name].reset_index(drop=True),
        history=history,
        judged=judged,
        lists=_lists(data, every),
        terms=MappingProxyType(data.get("terms", {})),
        stages=_frame(data["stages"]),
        members=_frame(data["members"]),
        people=MappingProxyType(people),
        summary=tuple(data["summary"]),
        leads=MappingProxyType(data["leads"]),
        findings=findings,
        achievements=tuple(Achievement(**{**item, "subject": _subject(item["subject"])}) for item in data["achievements"]),
        data=MappingProxyType(data["data"]),
        minutes=minutes or empty(About(data["kind"], subject.id, period.name), data["audience"]),
        rows=every,
    )


def _frame(data: Mapping[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(data["data"], columns=data["columns"])


def _lists(data: Mapping[str, Any], rows: Callable[[], Mapping[str, Any]]) -> Mapping[str, Listed]:
    held = data.get("lists", {})
    if "sales" not in held:  # of an older version: what is listed is chosen here, from all deals and accounts
        every = rows()
        held = lists(_records(every["deals"]), _records(every["accounts"]))
    return MappingProxyType({name: Listed(_records(one), one["totals"]) for name, one in held.items()})


def _records(data: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    return tuple(dict(zip(data["columns"], row, strict=True)) for row in data["data"])


def _subject(data: Mapping[str, Any]) -> Post:
    dates = {name: dt.date.fromisoformat(data[name]) if data.get(name) else None for name in ("started_on", "left_on")}
    return Post(**{**data, **dates})
