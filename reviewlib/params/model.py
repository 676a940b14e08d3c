"""What a workbook asks for: the params file as frozen, typed values.

One YAML file describes one workbook. ``reviewlib.params.reading.load`` reads it; the models here say which keys there are, what
they mean (each ``description`` is also the reference and the editor's hint) and which values they take.
"""

import datetime as dt
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator

from reviewlib.files import PRIVATE, Modes, shown
from reviewlib.params import rules, sql
from reviewlib.params.crm import Crm, ParamsSection, Source, Text
from reviewlib.params.figures import Kpi
from reviewlib.params.kpis import KPIS, MAIN, RESULT
from reviewlib.params.rules import Advice
from reviewlib.periods import FiscalYear

Verdict = Literal["strength", "above", "no_signal", "watch", "gap", "too_few", "not_judged", "not_available"]
Rhythm = Literal["quarter", "half"]
AchievementRule = Literal[
    "target_met", "target_exceeded", "personal_best", "streak", "comeback", "significant_deal", "team_target", "top_quarter"
]

Sql = Annotated[str, Field(min_length=1, max_length=1000)]

_DESCRIBE_MEASURE: Final = ("label", "definition", "unit", "better", "combine")
_NEEDED_IN_SQL: Final = ("label", "definition", "unit", "better", "n_label")
_BESIDE_VALUE: Final = ("over", "n", "from_", "evidence", "empty")
#: What a built-in KPI says itself.
_OWN: Final = (*_DESCRIBE_MEASURE, "group", "n_label", "sentence", "value", *_BESIDE_VALUE)
#: How the targets of a measure add up over periods, by how its values are combined.
_TARGETS_OF_MEASURES: Final[Mapping[str | None, Literal["sum", "stock"]]] = {"sum": "sum", "last": "stock"}
#: The KPI with which the retention window is set.
_WINDOW: Final = next(kpi.key for kpi in KPIS.values() if kpi.sets_window)
#: What pages list: the deals of a flag, or the accounts of the window.
_LISTED: Final = tuple(dict.fromkeys(kpi.evidence for kpi in KPIS.values() if kpi.evidence and kpi.evidence != "bridge"))
_WITH_THRESHOLD: Final = ("target_exceeded", "streak", "significant_deal")
#: Fewest members of a group whose median and quartiles are shown, and of one in which somebody is above or below the middle.
QUARTILES_FROM: Final = 8
MIDDLE_FROM: Final = 5
_KEY: Final = re.compile(r"[a-z][a-z0-9_]*")


class FiscalYearParams(ParamsSection):
    """When the company's year starts and how it is named."""

    starts: int = Field(1, ge=1, le=12, description="First month of the fiscal year, 1 to 12.")
    named_by: Literal["start", "end"] = Field("end", description="Which calendar year names a fiscal year.")


class KpiParams(ParamsSection):
    """What a workbook says of one KPI; of a KPI in SQL and of a measure from another tool also what it is."""

    off: bool = Field(False, description="Leave the KPI out; the page says so.")
    target: Decimal | None = Field(None, description="A target for everyone where the targets table has none.")
    benchmark: Decimal | None = Field(None, description="A figure to compare with, beside or instead of the peers.")
    objective: str | None = Field(None, description="The business objective it serves; printed.")
    weight: float | None = Field(None, gt=0, description="How much it counts in the order of strengths and gaps.")
    material: float | None = Field(
        None, gt=0, lt=1, description="How far from its target it must be for a word: 0.05 of it; for rates 0.02 points."
    )
    window_months: int | None = Field(
        None, ge=1, le=60, description=f"On {_WINDOW}: the retention window; else the preceding period of equal length."
    )
    label: str | None = Field(None, description="A measure's or own KPI's name on pages; needed there.")
    definition: str | None = Field(None, description="A measure's or own KPI's definition in one line; needed there.")
    unit: Literal["money", "percent", "ratio", "days", "count", "score"] | None = Field(
        None, description="A measure's or own KPI's unit; needed there."
    )
    better: Literal["higher", "lower"] | None = Field(
        None, description="A measure's or own KPI's good direction; needed there."
    )
    combine: Literal["sum", "mean", "last"] | None = Field(
        None,
        description="How a measure's periods and reps combine (mean is weighted by n); needed for a measure. In SQL: how "
        "targets of shorter periods do; without it the narrowest one that contains the period counts.",
    )
    group: str = Field("Other measures", description="The heading under which pages print a KPI or measure of your own.")
    n_label: str | None = Field(None, description="What its `n` counts, as in `won deals`; needed for SQL.")
    sentence: str | None = Field(None, description="It in a sentence without the full stop; {KEY} is the figure.")
    value: Sql | None = Field(None, description="The figure in SQL over the facts, or its numerator.")
    over: Sql | None = Field(None, description="In SQL, what `value` is divided by.")
    n: Sql | None = Field(None, description="In SQL, the sample size; a share of counted rows and a median bring their own.")
    from_: sql.Grain = Field("deals", alias="from", description="The facts that the SQL is about.")
    evidence: str | None = Field(None, description=f"What pages list below a figure in SQL: {', '.join(_LISTED)}.")
    empty: str | None = Field(None, description="Why there is no figure where the SQL gives none, in words that follow n/a.")

    def kpi(self, key: str) -> Kpi:
        """The KPI that stands under this key: a built-in one, the workbook's own, or the measure from another tool."""
        if key in MAIN:
            return KPIS[key]
        in_sql: dict[str, Any] = {}
        if self.value is not None:
            in_sql = sql.described(self.value, self.over, self.n, grain=self.from_)
            in_sql |= {"evidence": self.evidence, "empty": self.empty or "its formula gives no value here"}
        return Kpi(
            key=key,
            label=self.label or key,
            unit=self.unit or "count",
            better=self.better or "higher",
            group=self.group,
            definition=self.definition or "",
            n_label=self.n_label or "values",
            targets=_TARGETS_OF_MEASURES.get(self.combine, "level"),
            sentence=self.sentence or f"{self.label}: {{{key}}}",
            own=True,
            **({"judged_by": "mean" if self.combine == "mean" else "total"} | in_sql),
        )

    def findings(self, key: str) -> Iterator[rules.Finding]:
        """Check an entry under its key: a built-in KPI is not described anew, any other is described in full."""
        texts = {name: text for name in ("value", "over", "n") if (text := getattr(self, name)) is not None}
        wrong = [((key, name), advice) for name, text in texts.items() for advice in sql.findings(text, self.from_)]
        yield from wrong
        if wrong:
            return
        kpi = self.kpi(key)
        for name in self._given(_OWN) if key in MAIN else ():
            what = f"{key} is a built-in KPI and brings its own {name}"
            yield (key, name), Advice(what, "", f"Remove {name}; a measure of your own needs another key.")
        if key not in MAIN:
            yield from self._of_own(kpi)
            yield from self._of_sql(kpi)
        # What would be read by nobody: a target of a sum or a stock without a period, the distance that matters of a figure
        # that gets no verdict.
        if self.target is not None and (kpi.targets != "level" or kpi.per_target == "this"):
            do = "Put it in the targets table, with its period; here stand targets of rates, sizes and times."
            yield (key, "target"), Advice(f"a target of {key} belongs to a period", f"{self.target:f}", do)
        if self.material is not None and kpi.judged_by is None:
            yield (key, "material"), Advice(f"{key} is not judged", f"{self.material:g}", "Remove material here.")
        if self.window_months is not None and not kpi.sets_window:
            yield (key, "window_months"), Advice(f"only {_WINDOW} has a window", "", "Remove window_months here.")
        for name, number in (("target", self.target), ("benchmark", self.benchmark)):
            # Attainment, growth, coverage and net retention can pass 1.
            if kpi.interval == "wilson" and number is not None and not 0 <= number <= 1:
                percent = f"Write it as a fraction: {number / 100:f} for {number:f} %."
                do = percent if 1 < number <= 100 else "Write 0.4 for 40 %."
                yield (key, name), Advice(f"{key} is a share between 0 and 1", f"{number:f}", do)

    def _given(self, names: Iterable[str]) -> list[str]:
        """Which of these keys say something."""
        known = type(self).model_fields
        return [known[name].alias or name for name in names if getattr(self, name) != known[name].default]

    def _of_own(self, kpi: Kpi) -> Iterator[rules.Finding]:
        key, needed = kpi.key, _NEEDED_IN_SQL if self.value else _DESCRIBE_MEASURE
        missing = [name for name in needed if getattr(self, name) is None]
        near = rules.nearest(key, MAIN)
        if near and "label" in missing:
            yield (key,), Advice("no KPI has this key", key, f"Did you mean {near}?")
            return
        if not _KEY.fullmatch(key):
            do = "Write lower case letters, digits and _, a letter first."
            yield (key,), Advice("this cannot be a measure's key", repr(key), do)
        if key in (*rules.SENTENCE_NAMES, "account"):
            yield (key,), Advice("a measure cannot have this key", repr(key), "Sentences use it for a name; take another key.")
        if missing:
            what = "this is no built-in KPI, so it is a measure and must be described"
            do = f"Add {rules.enumerated(missing)}, or use a built-in KPI: {', '.join(MAIN)}."
            yield (key,), Advice(what, f"no {rules.enumerated(missing, last='or')}", do)

    def _of_sql(self, kpi: Kpi) -> Iterator[rules.Finding]:
        """What stands beside a value in SQL stands nowhere else; a figure says how many it is about, unless it is a sample."""
        for name in () if self.value else self._given(_BESIDE_VALUE):
            yield (kpi.key, name), Advice(f"{name} stands beside a value in SQL", "", f"Add value, or remove {name}.")
        if self.value and kpi.interval is None and self.n is None:
            do = "Add n, as in n: count(*) filter (where won)."
            yield (kpi.key,), Advice("a KPI in SQL needs its sample size", "no n", do)
        if self.value and kpi.interval is not None and self.n is not None:
            yield (kpi.key, "n"), Advice("a share of counted rows and a median bring their own n", self.n, "Remove n.")
        if self.evidence is not None:
            what, otherwise = "pages have no list of these", f"Use one of {', '.join(_LISTED)}."
            yield from rules.known_names([((kpi.key, "evidence"), self.evidence)], _LISTED, what=what, otherwise=otherwise)


def _kpis(entries: Mapping[str, KpiParams]) -> Iterator[rules.Finding]:
    return chain.from_iterable(entry.findings(key) for key, entry in entries.items())


class Peers(ParamsSection):
    """Whom a rep is compared with."""

    by: tuple[Literal["role", "team", "region"], ...] = Field(
        ("role",), description="What peers have in common: `role`, `team`, `region` or several of them; [] for everybody."
    )


class JudgementParams(ParamsSection):
    """How sure a page must be before it concludes something from a figure: two probabilities."""

    gap: float = Field(
        0.005, ge=0.001, lt=0.1,
        description="How seldom somebody exactly on target must do this badly, by chance alone, for a clear shortfall.",
    )  # fmt: skip
    watch: float = Field(0.05, gt=0.001, le=0.1, description="The same for what is worth a talk; more than gap.")

    def contradictions(self) -> Iterator[rules.Finding]:
        """Find a shortfall that comes before the talk."""
        if self.gap >= self.watch:
            yield rules.clash("a clear shortfall is more seldom than what is worth a talk: gap < watch")


class Play(ParamsSection):
    """One piece of advice: when a KPI calls for it, what to do, by whom."""

    kpi: Text = Field(description="The KPI whose verdict calls for it.")
    when: tuple[Literal["gap", "watch"], ...] = Field(("gap", "watch"), description="The verdicts that call for it.")
    action: Text = Field(
        description="What to do; {cells} of the scorecard may stand in it, as in {KEY.target}. An action on “the {KEY} "
        "deals” agrees with one deal, and is left out where there is none."
    )
    who: Literal["rep", "manager"] = Field("rep", description="Who does it.")
    skill: str | None = Field(None, description="The skill it builds.")
    offer: str | None = Field(None, description="Training, coaching, mentoring or role-play that builds the skill.")


class RecognitionRule(ParamsSection):
    """One rule that finds achievements."""

    rule: AchievementRule = Field(description="What to look for.")
    kpi: str = Field(RESULT.key, description="In which KPI.")
    at_least: float | None = Field(
        None,
        description="target_exceeded: attainment (1.05); streak: periods in a row (3); significant_deal: times the median (3).",
    )

    def contradictions(self) -> Iterator[rules.Finding]:
        """Find a threshold on a rule that reads none."""
        if self.at_least is not None and self.rule not in _WITH_THRESHOLD:
            do = f"Remove at_least; {rules.enumerated(_WITH_THRESHOLD)} have one."
            yield ("at_least",), Advice(f"{self.rule} has no threshold", f"{self.at_least:g}", do)


class Theme(ParamsSection):
    """The accent colour of pages and charts, for light and dark."""

    accent: str = Field("#174f96", pattern=r"^#[0-9a-fA-F]{6}$", description="On light paper.")
    accent_dark: str = Field("#8fb9f2", pattern=r"^#[0-9a-fA-F]{6}$", description="On dark paper.")

    def contradictions(self) -> Iterator[rules.Finding]:
        """Find colours that cannot be read on their paper."""
        colours = (
            ("accent", self.accent, rules.LIGHT_PAPER, "light"),
            ("accent_dark", self.accent_dark, rules.DARK_PAPER, "dark"),
        )
        for key, colour, paper, tone in colours:
            ratio = rules.contrast(colour, paper)
            if ratio < rules.CONTRAST:
                found = f"{colour}, contrast {ratio:.1f} against {paper}"
                do = f"Take a {'darker' if tone == 'light' else 'lighter'} one, of contrast {rules.CONTRAST} or more."
                yield (key,), Advice(f"this colour cannot be read on {tone} paper", found, do)


class Batch(ParamsSection):
    """How notebooks are run."""

    memory_gb: float = Field(4.0, ge=0.5, le=1024, description="Gibibytes that the process of one notebook may take.")

    @property
    def memory(self) -> int:
        """The same in bytes."""
        return int(self.memory_gb * 2**30)


class Steps(ParamsSection):
    """Days after the period's last day by which each step of a review is due."""

    answer: int = Field(10, ge=0, le=180, description="The rep's self-review is in.")
    feedback: int = Field(14, ge=0, le=180, description="The manager's part is in.")
    release: int = Field(21, ge=0, le=180, description="The review is released.")
    signed: int = Field(28, ge=0, le=180, description="Both sides have signed.")

    def contradictions(self) -> Iterator[rules.Finding]:
        """Find steps out of order."""
        if not self.answer <= self.feedback <= self.release <= self.signed:
            yield rules.clash("the steps come one after the other: answer <= feedback <= release <= signed")


class Cadence(ParamsSection):
    """How often reviews happen, and when their steps are due."""

    rep: Rhythm = Field("quarter", description="How often each rep is reviewed.")
    team: Rhythm = Field("quarter", description="How often each team is reviewed.")
    teams: dict[str, Rhythm] = Field({}, description="Per team, where its reps have another rhythm.")
    roles: dict[str, Rhythm] = Field({}, description="Per role, where its reps have another rhythm; goes before `teams`.")
    due: Steps = Field(Steps(), description="Days after the period's last day by which each step is due.")
    remind: int = Field(3, ge=0, le=60, description="Days before a due date on which the calendar reminds.")


class People(ParamsSection):
    """Who is who; read by the conversation, not by the figures."""

    roles: dict[str, Literal["manager", "analyst", "rep"]] = Field({}, description="Login to role.")
    logins: dict[str, str] = Field({}, description="Login to the rep's id or the manager's name.")
    addresses: dict[str, str] = Field({}, description="Login to e-mail address; a rep's answer is sent to the manager's.")
    acting_as: str | None = Field(None, description="The login to act as, for a single user.")

    def contradictions(self) -> Iterator[rules.Finding]:
        """Find logins without a role, and reps and managers who are nobody."""
        do = "Give the login a role under people.roles"
        named = [((key, login), login) for key in ("logins", "addresses") for login in getattr(self, key)]
        for at, login in (*named, (("acting_as",), self.acting_as)):
            if login is not None and login not in self.roles:
                yield at, Advice("This login has no role", repr(login), do)
        for login, role in self.roles.items():
            if role != "analyst" and login not in self.logins:
                who = "the rep's id" if role == "rep" else "the manager's name as in the reps table"
                yield ("roles", login), Advice(f"A {role} must be somebody", repr(login), f"Write {who} under people.logins")


class RatingScale(ParamsSection):
    """The overall rating; read by the conversation."""

    scale: tuple[Text, ...] = Field(
        ("Below expectations", "Developing", "Solid", "Strong", "Outstanding"), min_length=2, description="Lowest first."
    )


class RecordsParams(ParamsSection):
    """Where the journal is kept; read by the conversation."""

    database: Annotated[str, rules.checked(rules.database)] | None = Field(
        None, description="A database URL (postgresql://...); a SQLite file under reports/ where it is not given."
    )
    retention_date: dt.date | None = Field(
        None, description="The day to decide which records are still needed; `reviewlib status` reminds of it."
    )


class Params(ParamsSection):
    """One workbook."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$", description="Short name: the folder under reports/.")
    title: str | None = Field(None, description="The company's or department's name, printed on pages.")
    currency: Annotated[str, rules.checked(rules.currency)] = Field(
        pattern=r"^[A-Z]{3}$", description="ISO code of the amounts' currency."
    )
    timezone: Annotated[str, rules.checked(rules.timezone)] | None = Field(
        None, description="IANA name; needed where dates carry a time of day."
    )
    locale: Annotated[str, rules.checked(rules.locale)] = Field(
        "en", description="How numbers are written (en, en_GB, de_CH); pages are in English."
    )
    fiscal_year: FiscalYearParams = Field(FiscalYearParams(), description="When the year starts.")
    cadence: Cadence = Field(Cadence(), description="How often reviews happen.")
    as_of: dt.date | None = Field(None, description="The export's date; else the latest opened or closed date in it.")
    group: str | None = Field(None, description="Operating-system group that may read the reports.")
    crm: Crm = Field(description="Where the figures come from.")
    kpis: Annotated[dict[str, KpiParams], rules.checked(_kpis)] = Field(
        {}, description="Per KPI: target, benchmark, objective, material; measures are described."
    )
    peers: Peers = Field(Peers(), description="Whom a rep is compared with.")
    judgement: JudgementParams = Field(JudgementParams(), description="How sure a page must be before it concludes something.")
    people: People = Field(People(), description="Who is who.")
    playbook: tuple[Play, ...] = Field((), description="What to recommend for a gap.")
    recognition: tuple[RecognitionRule, ...] = Field(
        # A target that is exceeded is met, too.
        tuple(RecognitionRule(rule=rule) for rule in get_args(AchievementRule) if rule != "target_met"),
        description="Rules that find achievements.",
    )
    rating: RatingScale = Field(RatingScale(), description="The overall rating.")
    theme: Theme = Field(Theme(), description="The accent colour.")
    records: RecordsParams = Field(RecordsParams(), description="Where the journal is kept.")
    batch: Batch = Field(Batch(), description="How notebooks are run.")

    _path: Path = PrivateAttr(default=Path("params.yaml"))
    _retired: tuple[tuple[int, rules.Key], ...] = PrivateAttr(default=())

    @field_validator("playbook", "recognition")
    @classmethod
    def _known_kpis(cls, value: tuple[Play | RecognitionRule, ...], info: ValidationInfo) -> tuple[Play | RecognitionRule, ...]:
        # Absent from info.data means that kpis itself was refused; its own message comes first then.
        if "kpis" in info.data:
            known = dict.fromkeys([*MAIN, *info.data["kpis"]])
            otherwise = f"Use one of {', '.join(known)}, or describe a measure under kpis."
            names = (((str(at), "kpi"), entry.kpi) for at, entry in enumerate(value))
            rules.refuse(rules.known_names(names, known, what="no KPI has this key", otherwise=otherwise))
        return value

    def contradictions(self) -> Iterator[rules.Finding]:
        """Find a history that begins after it ends."""
        if self.as_of and self.crm.history_from and self.crm.history_from > self.as_of:
            yield rules.clash(f"crm.history_from ({self.crm.history_from}) lies after as_of ({self.as_of})")

    @property
    def figures(self) -> Mapping[str, Kpi]:
        """Every figure by key: the built-in ones, then the measures that are described here."""
        return {**KPIS, **{key: entry.kpi(key) for key, entry in self.kpis.items() if key not in KPIS}}

    @property
    def path(self) -> Path:
        """The params file itself, absolute."""
        return self._path

    @property
    def retired(self) -> tuple[tuple[int, rules.Key], ...]:
        """The keys of earlier versions in the file, each with its line; they have no effect."""
        return self._retired

    @property
    def typed(self) -> str:
        """The params file as a command takes it, typed where this process works."""
        return shlex.quote(Path(shown(self._path)).as_posix())

    @property
    def fiscal(self) -> FiscalYear:
        """The fiscal year, for ``Period.parse``."""
        return FiscalYear(self.fiscal_year.starts, self.fiscal_year.named_by)

    @property
    def clock(self) -> ZoneInfo:
        """The workbook's timezone; UTC where none is given."""
        return ZoneInfo(self.timezone or "UTC")

    def local(self, moment: dt.datetime) -> dt.datetime:
        """Read a moment on the workbook's clock."""
        return moment.astimezone(self.clock)

    @property
    def root(self) -> Path:
        """The workbook's folder: the parent of ``params/``, else the params file's own folder."""
        folder = self._path.parent
        return folder.parent if folder.name == "params" else folder

    @property
    def reports(self) -> Path:
        """The folder that holds everything made for this workbook."""
        return self.root / "reports" / self.name

    @property
    def modes(self) -> Modes:
        """Who may read what is written for this workbook: its owner, or its group too."""
        return Modes.shared(self.group) if self.group else PRIVATE

    def file(self, source: Source) -> Path:
        """Resolve a source's file against the params file."""
        return (self._path.parent / (source.shown)).resolve()
