"""What a workbook asks for: the params file as frozen, typed values.

One YAML file describes one workbook. ``reviewlib.params_file.load`` reads it; the models here say which keys there are, what
they mean (each ``description`` is also the reference and the editor's hint) and which values they take.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from reviewlib import params_rules as rules
from reviewlib.periods import FiscalYear, Kind

Text = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Verdict = Literal["strength", "on_track", "watch", "gap", "not_enough_data", "not_available", "not_judged"]


class Section(BaseModel):
    """A mapping of the params file: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class FiscalYearParams(Section):
    """When the company's year starts and how it is named."""

    starts: int = Field(1, ge=1, le=12, description="First month of the fiscal year, 1 to 12.")
    named_by: Literal["start", "end"] = Field("end", description="Which calendar year names a fiscal year.")


class Cadence(Section):
    """How often reviews happen."""

    rep: Literal["quarter", "half"] = Field("quarter", description="How often each rep is reviewed.")
    team: Literal["quarter", "half"] = Field("quarter", description="How often each team is reviewed.")


class Format(Section):
    """How a file writes its values. Nothing is guessed when reviews are made."""

    delimiter: Annotated[str, rules.checked(rules.delimiter)] = Field(
        ",", min_length=1, max_length=1, description="What separates the fields of a CSV file."
    )
    encoding: Annotated[str, rules.checked(rules.encoding)] = Field(
        "utf-8", description="The file's text encoding, such as utf-8 or cp1252."
    )
    decimal: Literal[".", ","] = Field(".", description="The decimal mark; the other one may group thousands.")
    dates: Literal["ymd", "dmy", "mdy"] = Field("ymd", description="The order of year, month and day.")
    sheet: str | None = Field(None, description="The sheet of an Excel file; the first where it is not named.")
    table: str | None = Field(None, description="The table or view of a DuckDB file.")


class Exclusion(Section):
    """Rows that are left out on purpose; they stay in the reconciliation."""

    column: Text = Field(description="The file's own column name.")
    equals: tuple[str, ...] = Field(min_length=1, description="Rows with one of these values are left out.")
    reason: Text = Field(description="Why; printed in the reconciliation.")


class Stages(Section):
    """The CRM's stage names by outcome. Every stage of the export must stand here."""

    won: tuple[str, ...] = Field(min_length=1, description="Stages of deals that were won.")
    lost: tuple[str, ...] = Field((), description="Stages of deals that were lost, 'no decision' included.")
    open: tuple[str, ...] = Field((), description="Stages of deals that are open.")

    @model_validator(mode="after")
    def _each_once(self) -> Stages:
        names = [*self.won, *self.lost, *self.open]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"a stage has one outcome, but these stand twice: {', '.join(twice)}")
        return self

    def outcome(self, stage: str) -> str | None:
        """Tell the outcome of a stage, or None where it is not mapped."""
        groups = {"won": self.won, "lost": self.lost, "open": self.open}
        return next((outcome for outcome, names in groups.items() if stage in names), None)


class DealColumns(Section):
    """Which column of the file holds what; a column that is not mapped is not used."""

    deal_id: Text = Field(description="Identifies the deal.")
    rep_id: Text = Field(description="The deal's current owner, by the id of the reps table.")
    stage: Text = Field(description="The stage; `stages` turns it into won, lost or open.")
    account_id: str | None = Field(None, description="The customer.")
    amount: str | None = Field(None, description="The closing amount; negative for a refund.")
    expected_amount: str | None = Field(None, description="The expected amount, not overwritten at closing.")
    opened_on: str | None = Field(None, description="When the deal was opened.")
    closed_on: str | None = Field(None, description="When the deal was won or lost: the date that counts.")
    product: str | None = Field(None, description="What was sold.")
    expected_close_on: str | None = Field(None, description="When an open deal is expected to close.")


class RepColumns(Section):
    """Which column of the file holds what; a column that is not mapped is not used."""

    rep_id: Text = Field(description="Identifies the rep.")
    rep_name: str | None = Field(None, description="The name on pages; the id where not mapped.")
    team: str | None = Field(None, description="The rep's team.")
    manager: str | None = Field(None, description="The manager's name.")
    role: str | None = Field(None, description="The rep's role.")
    region: str | None = Field(None, description="The rep's region.")
    email: str | None = Field(None, description="The rep's address.")
    started_on: str | None = Field(None, description="First day in the company.")
    left_on: str | None = Field(None, description="Last day in the company.")
    from_: str | None = Field(None, alias="from", description="First day on which the row holds (a rep who moved has several).")
    to: str | None = Field(None, description="Last day on which the row holds.")


class TargetColumns(Section):
    """Which column of the file holds what; a column that is not mapped is not used."""

    scope: Text = Field("scope", description="rep, team or all.")
    scope_id: Text = Field("scope_id", description="The rep's id or the team's name; empty for all.")
    kpi: Text = Field("kpi", description="The KPI's key.")
    period: Text = Field("period", description="2026-09, 2026-Q3, 2026-H1 or FY2026.")
    value: Text = Field("value", description="The full target; a percentage as a fraction.")
    ramp: str | None = Field(None, description="0 to 1: the share of the target a starter owes.")


class MeasureColumns(Section):
    """Which column of the file holds what; a column that is not mapped is not used."""

    rep_id: Text = Field("rep_id", description="The rep's id.")
    kpi: Text = Field("kpi", description="The measure's key, described under `kpis`.")
    period: Text = Field("period", description="The period the figure covers.")
    value: Text = Field("value", description="The figure.")
    n: str | None = Field(None, description="How many observations it stands for.")


class ProductColumns(Section):
    """Which column of the file holds what."""

    product: Text = Field("product", description="The product's name.")
    list_price: Text = Field("list_price", description="Its list price, the expected amount of a deal.")


class Source(Section):
    """One file of the CRM."""

    file: Text = Field(description="CSV, Parquet, Excel or DuckDB file, relative to the params file.")
    format: Format = Field(Format(), description="How the file writes its values.")
    exclude: tuple[Exclusion, ...] = Field((), description="Rows to leave out on purpose.")


class DealSource(Source):
    """The deals (opportunities) of the export."""

    columns: DealColumns = Field(description="Canonical column to the file's column.")
    stages: Stages = Field(description="The CRM's stage names by outcome.")


class RepSource(Source):
    """The reps, with their teams."""

    columns: RepColumns = Field(description="Canonical column to the file's column.")


class TargetSource(Source):
    """The targets (quotas)."""

    columns: TargetColumns = Field(TargetColumns(), description="Canonical column to the file's column.")


class MeasureSource(Source):
    """Figures from other tools: activities, satisfaction, learning."""

    columns: MeasureColumns = Field(MeasureColumns(), description="Canonical column to the file's column.")


class ProductSource(Source):
    """Products with list prices, where deals carry no expected amount."""

    columns: ProductColumns = Field(ProductColumns(), description="Canonical column to the file's column.")


def _canonical(aliases: Mapping[str, object]) -> Iterator[rules.Finding]:
    models = (DealColumns, RepColumns, TargetColumns, MeasureColumns, ProductColumns)
    fields = (item for model in models for item in model.model_fields.items())
    return rules.aliases(aliases, dict.fromkeys(field.alias or name for name, field in fields))


class Limits(Section):
    """How much may be quarantined before the run stops."""

    rows: Share = Field(0.01, description="Share of a table's rows.")
    amount: Share = Field(0.01, description="Share of the deals' amount.")


class Crm(Section):
    """Where the figures come from."""

    deals: DealSource = Field(description="The deals (opportunities) of the export.")
    reps: RepSource | None = Field(None, description="The reps and their teams; without it every deal owner is a rep.")
    targets: TargetSource | None = Field(None, description="The targets (quotas).")
    measures: MeasureSource | None = Field(None, description="Figures from other tools.")
    products: ProductSource | None = Field(None, description="Products with list prices.")
    aliases: Annotated[dict[str, dict[str, str]], rules.checked(_canonical)] = Field(
        {}, description="Per canonical column, another spelling and the one to read it as (`product: {GTXPro: GTX Pro}`)."
    )
    history_from: dt.date | None = Field(
        None, description="From when the export is complete; else the first day of the month of the earliest close."
    )
    quarantine: Limits = Field(Limits(), description="How much may be set aside before the run stops.")


class Bands(Section):
    """Where a verdict begins, as attainment of the target (`pipeline_growth`: as points from it)."""

    strength: float = Field(1.05, description="From here on a strength.")
    on_track: float = Field(0.95, description="From here on on track.")
    watch: float = Field(0.80, description="From here on to watch; below a gap.")

    @model_validator(mode="after")
    def _ordered(self) -> Bands:
        if not self.strength > self.on_track > self.watch:
            raise ValueError("bands must fall: strength > on_track > watch")
        return self


class KpiParams(Section):
    """What a workbook says of one KPI; for a measure from another tool also what it is."""

    off: bool = Field(False, description="Leave the KPI out; the page says so.")
    target: Decimal | None = Field(None, description="A target for everyone where the targets table has none.")
    benchmark: Decimal | None = Field(None, description="A figure to compare with, beside or instead of the peers.")
    objective: str | None = Field(None, description="The business objective it serves; printed.")
    weight: float | None = Field(None, gt=0, description="How much it counts in the order of strengths and gaps.")
    bands: Bands | None = Field(None, description="Where verdicts begin.")
    window_months: int | None = Field(
        None, ge=1, le=60, description="On retention_rate: the retention window; else the preceding period of equal length."
    )
    label: str | None = Field(None, description="A measure's name on pages; needed for a measure.")
    definition: str | None = Field(None, description="A measure's definition in one line; needed for a measure.")
    unit: Literal["money", "percent", "ratio", "days", "count", "score"] | None = Field(
        None, description="A measure's unit; needed for a measure."
    )
    better: Literal["higher", "lower"] | None = Field(None, description="A measure's good direction; needed for a measure.")
    combine: Literal["sum", "mean", "last"] | None = Field(
        None, description="How a measure's periods and reps combine (mean is weighted by n); needed for a measure."
    )


class Peers(Section):
    """Whom a rep is compared with."""

    group: Literal["team", "role", "all"] = Field("all", description="Same team, same role or the whole workbook.")
    median_from: int = Field(5, ge=5, description="Fewest members for a median; may be raised, not lowered.")
    quartiles_from: int = Field(8, ge=8, description="Fewest members for quartiles; may be raised, not lowered.")

    @model_validator(mode="after")
    def _ordered(self) -> Peers:
        if self.quartiles_from < self.median_from:
            raise ValueError("quartiles need at least as many members as the median (quartiles_from >= median_from)")
        return self


class People(Section):
    """Who is who; read by the conversation, not by the figures."""

    roles: dict[str, Literal["manager", "analyst", "rep"]] = Field({}, description="Login to role.")
    logins: dict[str, str] = Field({}, description="Login to the rep's id or the manager's name.")
    acting_as: str | None = Field(None, description="The login to act as, for a single user.")


class Play(Section):
    """One piece of advice: when a KPI calls for it, what to do, by whom."""

    kpi: Text = Field(description="The KPI whose verdict calls for it.")
    when: tuple[Literal["gap", "watch"], ...] = Field(("gap", "watch"), description="The verdicts that call for it.")
    action: Text = Field(description="What to do; {cells} of the scorecard may stand in it, as in {win_rate.target}.")
    who: Literal["rep", "manager"] = Field("rep", description="Who does it.")
    skill: str | None = Field(None, description="The skill it builds.")
    offer: str | None = Field(None, description="Training, coaching, mentoring or role-play that builds the skill.")


class Recognition(Section):
    """One rule that finds achievements."""

    rule: Literal[
        "target_met", "target_exceeded", "personal_best", "streak", "comeback", "significant_deal", "team_target", "top_quarter"
    ] = Field(description="What to look for.")
    kpi: str = Field("revenue", description="In which KPI.")
    at_least: float | None = Field(
        None,
        description="target_exceeded: attainment (1.05); streak: periods in a row (3); significant_deal: times the median (3).",
    )

    @model_validator(mode="after")
    def _threshold_is_read(self) -> Recognition:
        rules.refuse(rules.threshold(self.rule, self.at_least))
        return self


class Rating(Section):
    """The overall rating; read by the conversation."""

    scale: tuple[str, ...] = Field(
        ("Below expectations", "Developing", "Solid", "Strong", "Outstanding"), min_length=2, description="Lowest first."
    )


class Theme(Section):
    """The accent colour of pages and charts, for light and dark."""

    accent: str = Field("#174f96", pattern=r"^#[0-9a-fA-F]{6}$", description="On light paper.")
    accent_dark: str = Field("#8fb9f2", pattern=r"^#[0-9a-fA-F]{6}$", description="On dark paper.")

    @model_validator(mode="after")
    def _readable(self) -> Theme:
        rules.refuse(rules.accents(self.accent, self.accent_dark))
        return self


class Records(Section):
    """Where the journal is kept; read by the conversation."""

    database: str | None = Field(None, description="A database URL; a SQLite file under reports/ where it is not given.")


class Params(Section):
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
    kpis: Annotated[dict[str, KpiParams], rules.checked(rules.kpis)] = Field(
        {}, description="Per KPI: target, benchmark, objective, bands; measures are described."
    )
    peers: Peers = Field(Peers(), description="Whom a rep is compared with.")
    people: People = Field(People(), description="Who is who.")
    playbook: tuple[Play, ...] = Field((), description="What to recommend for a gap.")
    recognition: tuple[Recognition, ...] = Field(
        (
            Recognition(rule="target_exceeded"),
            Recognition(rule="personal_best"),
            Recognition(rule="streak"),
            Recognition(rule="comeback"),
            Recognition(rule="significant_deal"),
            Recognition(rule="team_target"),
            Recognition(rule="top_quarter"),
        ),
        description="Rules that find achievements.",
    )
    rating: Rating = Field(Rating(), description="The overall rating.")
    theme: Theme = Field(Theme(), description="The accent colour.")
    records: Records = Field(Records(), description="Where the journal is kept.")

    _path: Path = PrivateAttr(default=Path("params.yaml"))

    @field_validator("playbook", "recognition")
    @classmethod
    def _known_kpis(cls, value: tuple[Play | Recognition, ...], info: ValidationInfo) -> tuple[Play | Recognition, ...]:
        # Absent from info.data means that kpis itself was refused; its own message comes first then.
        if "kpis" in info.data:
            known = dict.fromkeys([*rules.BUILT_IN_KPIS, *info.data["kpis"]])
            rules.refuse(rules.kpi_names((((str(at), "kpi"), entry.kpi) for at, entry in enumerate(value)), known))
        return value

    @model_validator(mode="after")
    def _history_before_as_of(self) -> Params:
        if self.as_of and self.crm.history_from and self.crm.history_from > self.as_of:
            raise ValueError(f"crm.history_from ({self.crm.history_from}) lies after as_of ({self.as_of})")
        return self

    @property
    def path(self) -> Path:
        """The params file itself, absolute."""
        return self._path

    @property
    def fiscal(self) -> FiscalYear:
        """The fiscal year, for ``Period.parse``."""
        return FiscalYear(self.fiscal_year.starts, self.fiscal_year.named_by)

    @property
    def root(self) -> Path:
        """The workbook's folder: the parent of ``params/``, else the params file's own folder."""
        folder = self._path.parent
        return folder.parent if folder.name == "params" else folder

    @property
    def reports(self) -> Path:
        """The folder that holds everything made for this workbook."""
        return self.root / "reports" / self.name

    def file(self, source: Source) -> Path:
        """Resolve a source's file against the params file."""
        return (self._path.parent / source.file).resolve()

    def review_kind(self, scope: Literal["rep", "team"]) -> Kind:
        """The kind of period that the cadence asks for."""
        return self.cadence.rep if scope == "rep" else self.cadence.team
