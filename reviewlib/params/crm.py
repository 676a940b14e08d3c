"""What a workbook asks of the CRM's export: which files, how they write their values, which column holds what."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo

from reviewlib.params import rules

Text = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class ParamsSection(BaseModel):
    """A mapping of the params file: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, defer_build=True)

    def contradictions(self) -> Iterator[rules.Finding]:
        """Find what no value shows on its own; most sections have nothing of the kind."""
        yield from ()

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        rules.refuse(self.contradictions())
        return self


def keys_of(section: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a section by the keys that stand in the file."""
    return {field.alias or name: field for name, field in section.model_fields.items()}


class Format(ParamsSection):
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


class Exclusion(ParamsSection):
    """Rows that are left out on purpose; they stay in the reconciliation."""

    column: Text = Field(description="The file's own column name.")
    equals: tuple[str, ...] = Field(min_length=1, description="Rows with one of these values are left out.")
    reason: Text = Field(description="Why; printed in the reconciliation.")


class Stages(ParamsSection):
    """The CRM's stage names by outcome. Every stage of the export must stand here."""

    won: tuple[str, ...] = Field(min_length=1, description="Stages of deals that were won.")
    lost: tuple[str, ...] = Field((), description="Stages of deals that were lost, 'no decision' included.")
    open: tuple[str, ...] = Field((), description="Stages of deals that are open.")

    def contradictions(self) -> Iterator[rules.Finding]:
        """Find stages of two outcomes."""
        twice = sorted(name for name, count in Counter((*self.won, *self.lost, *self.open)).items() if count > 1)
        if twice:
            yield rules.clash(f"a stage has one outcome, but these stand twice: {', '.join(twice)}")

    @property
    def outcomes(self) -> dict[str, str]:
        """The outcome of each stage that is mapped."""
        return {stage: outcome for outcome, stages in self for stage in stages}


class DealColumns(ParamsSection):
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


class RepColumns(ParamsSection):
    """Which column of the file holds what; a column that is not mapped is not used."""

    rep_id: Text = Field(description="Identifies the rep.")
    rep_name: str | None = Field(None, description="The name on pages; the id where not mapped.")
    team: str | None = Field(None, description="The rep's team.")
    manager: str | None = Field(None, description="The manager's name.")
    role: str | None = Field(None, description="The rep's role.")
    region: str | None = Field(None, description="The rep's region.")
    email: str | None = Field(None, description="The rep's address; an answer by mail is held against it.")
    started_on: str | None = Field(None, description="First day in the company.")
    left_on: str | None = Field(None, description="Last day in the company.")
    from_: str | None = Field(None, alias="from", description="First day on which the row holds (a rep who moved has several).")
    to: str | None = Field(None, description="Last day on which the row holds.")


class TargetColumns(ParamsSection):
    """Which column of the file holds what; a column that is not mapped is not used."""

    scope: Text = Field("scope", description="rep, team or all.")
    scope_id: Text = Field("scope_id", description="The rep's id or the team's name; empty for all.")
    kpi: Text = Field("kpi", description="The KPI's key.")
    period: Text = Field("period", description="2026-09, 2026-Q3, 2026-H1 or FY2026.")
    value: Text = Field("value", description="The full target; a percentage as a fraction.")
    ramp: str | None = Field(None, description="0 to 1: the share of the target a starter owes.")


class MeasureColumns(ParamsSection):
    """Which column of the file holds what; a column that is not mapped is not used."""

    rep_id: Text = Field("rep_id", description="The rep's id.")
    kpi: Text = Field("kpi", description="The measure's key, described under `kpis`.")
    period: Text = Field("period", description="The period the figure covers.")
    value: Text = Field("value", description="The figure.")
    n: str | None = Field(None, description="How many observations it stands for.")


class ProductColumns(ParamsSection):
    """Which column of the file holds what."""

    product: Text = Field("product", description="The product's name.")
    list_price: Text = Field("list_price", description="Its list price, the expected amount of a deal.")


class Source(ParamsSection):
    """One file of the CRM, or one table of the database that ``crm.connect`` names."""

    file: Text | None = Field(None, description="CSV, Parquet, Excel or DuckDB file, relative to the params file.")
    table: str | None = Field(
        None, pattern=r"^[\w$-]+(\.[\w$-]+){0,2}$", description="In place of `file`: a table or view of `crm.connect`."
    )
    format: Format = Field(Format(), description="How the file writes its values.")
    exclude: tuple[Exclusion, ...] = Field((), description="Rows to leave out on purpose.")

    @property
    def shown(self) -> str:
        """How messages name the source."""
        return self.table or self.file or ""

    @property
    def named(self) -> tuple[str, ...]:
        """The source's own names of the columns that are read."""
        columns = self.model_dump(include={"columns"}, exclude_none=True)["columns"]
        return (*columns.values(), *(rule.column for rule in self.exclude))

    def contradictions(self) -> Iterator[rules.Finding]:
        """Find sources that are nowhere, or in two places."""
        if (self.file is None) == (self.table is None):
            yield rules.clash("a source is a file or a table: write one of the two keys")


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
    columns = dict.fromkeys(key for model in models for key in keys_of(model))
    otherwise = f"Use a canonical column: {', '.join(columns)}."
    names = (((name,), name) for name in aliases)
    return rules.known_names(names, columns, what="no canonical column has this name", otherwise=otherwise)


class Limits(ParamsSection):
    """How much may be quarantined before the run stops."""

    rows: Share = Field(0.01, description="Share of a table's rows.")
    amount: Share = Field(0.01, description="Share of the deals' amount.")


class Crm(ParamsSection):
    """Where the figures come from."""

    connect: Annotated[str, rules.checked(rules.connection)] | None = Field(
        None, description="The database that tables are in: postgres://HOST[:PORT]/DATABASE, spark, or spark://HOST:PORT."
    )
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

    @property
    def sources(self) -> Mapping[str, Source]:
        """Every source that is given, by the table that it becomes."""
        given = {name: getattr(self, name) for name in ("deals", "reps", "targets", "measures", "products")}
        return {name: source for name, source in given.items() if source is not None}

    def contradictions(self) -> Iterator[rules.Finding]:
        """Find tables without a database, and a database without tables."""
        tables = [name for name, source in self.sources.items() if source.table is not None]
        if tables and self.connect is None:
            yield rules.clash(f"{rules.enumerated(tables)} name a table, and connect does not say of which database")
        if self.connect is not None and not tables:
            yield rules.clash("connect names a database, and no source a table of it")
