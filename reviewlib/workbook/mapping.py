"""Which column of an unknown export holds what, which stages are won, lost or open, and which files beside it belong to it."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from ruamel.yaml import YAML

from reviewlib.errors import ReviewError
from reviewlib.evidence.comparison import at_least, below
from reviewlib.workbook import sniffing
from reviewlib.workbook.sniffing import Profile, UnknownExport

Outcome = Literal["won", "lost", "open"]

_KNOWN: Final = Path(__file__).with_name("known_exports.yaml")
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9 /_.&()+-]*")
_RESERVED: Final = {"true", "false", "null", "yes", "no", "on", "off", "nan", "inf"}
OUTCOMES: Final[tuple[Outcome, ...]] = ("won", "lost", "open")
#: "Not won" is lost, and "closed" alone is tried after all others.
_BY_WORDS: Final[tuple[Outcome, ...]] = ("lost", "won", "open")
DATES: Final = ("opened_on", "closed_on", "expected_close_on")
_AMOUNTS: Final = ("amount", "expected_amount")
#: A stage column has few values; one per deal is a description.
_MOST_STAGES: Final = 60
_NEIGHBOURS_ARE: Final = {".csv", ".tsv", ".parquet", ".xlsx"}
#: Files beyond this are other exports, not reps or products.
_LARGEST: Final = 2_000_000
_MOST_FILES: Final = 20
#: From this share of shared values on, the file is used; from half of them it is offered.
_SURE: Final = 0.8
_LIKELY: Final = 0.5
_NUMERIC: Final = {"list_price"}
_DATED: Final = {"started_on", "left_on"}
_TRUE: Final = {"1", "true", "yes", "t", "y", "wahr"}


@dataclass(frozen=True)
class Remark:
    """What is said of a key of the params file: a note behind it, comments below it, and what to check."""

    key: str
    note: str = ""
    comments: str = ""
    check: str = ""


@dataclass(frozen=True)
class Stage:
    """A stage of the export, its outcome, and what is said where that is a guess."""

    name: str
    outcome: Outcome
    remark: Remark | None = None


@dataclass(frozen=True)
class Mapped:
    """What the columns of an export mean.

    Attributes:
        export: The export.
        recognized: Its kind, None where only names and content told.
        columns: Canonical column to the file's header.
        stages: Its stages by outcome, where a column holds them.
        currency: The header that holds the currency.
        remarks: What is said of the columns, in the order in which it is said.
    """

    export: UnknownExport
    recognized: str | None
    columns: Mapping[str, str]
    stages: tuple[Stage, ...]
    currency: str | None
    remarks: tuple[Remark, ...]

    def profiles(self, *keys: str) -> list[Profile]:
        """The profiles of mapped columns, each once."""
        headers = dict.fromkeys(self.columns[key] for key in keys if key in self.columns)
        return [profile for header in headers for profile in self.export.profiles if profile.name == header]


@cache
def known() -> Mapping[str, Any]:
    """Read what is known of exports: header names and words."""
    data: Mapping[str, Any] = YAML(typ="safe", pure=True).load(_KNOWN.read_text(encoding="utf-8"))
    return data


def remark(what: str, key: str = "", **words: object) -> Remark:
    """Say something that stands in ``known_exports.yaml``."""
    return Remark(key, **{part: text.format(**words) for part, text in known()["said"][what].items()})


def quoted(value: Any) -> str:
    """Write a text as a YAML scalar that stays text."""
    text = str(value)
    if _PLAIN.fullmatch(text) and text == text.strip() and text.lower() not in _RESERVED:
        return text
    marks = {"\\": "\\\\", '"': '\\"'}
    return '"' + "".join(marks.get(char, char if char.isprintable() else f"\\U{ord(char):08x}") for char in text) + '"'


def fold(header: str) -> str:
    """Reduce a header or stage name to small words: ``StageName``, ``stage_name`` and ``Stage Name:`` are ``stage name``."""
    apart = re.sub(r"(?<=[a-zäöüéè])(?=[A-Z])", " ", header)
    return " ".join(re.findall(r"\w+", apart.replace("_", " ").lower()))


def map_columns(found: UnknownExport) -> Mapped:
    """Tell what the columns of an export of deals mean."""
    headers = {fold(profile.name) for profile in found.profiles}
    kinds = (known()[name] for name in ("salesforce", "hubspot", "generic"))
    kind = next(kind for kind in kinds if any(headers.issuperset(marks) for marks in kind["marks"]))
    recognized: str | None = kind["label"]
    columns: dict[str, str] = {}
    for key, patterns in kind["columns"].items():
        fitting = [profile for profile in _free(found, columns.values()) if recognized or _fits(found, profile, key)]
        if header := match_header(fitting, patterns):
            columns[key] = header
    said = {key: what for key, what in kind["mapped"].items() if key in columns}
    owner = columns.get("rep_id")
    if recognized and owner and not fold(owner).endswith(" id"):
        said["rep_id"] = "owner_by_name"
    for key, what in kind["by_values"].items():
        pick = _identifying if key == "deal_id" else _few_valued
        if key not in columns and (header := pick(found, taken=columns.values())):
            columns[key], said[key] = header, what
    columns = {key: columns[key] for key in known()["order"] if key in columns}
    stages = _sort_stages(found, kind, columns)

    def _of_column(what: str, key: str, header: str = "") -> Remark:
        crm = (recognized or "").partition(" ")[0]
        return remark(what, key, column=key, header=header, quoted=quoted(header), crm=crm)

    remarks = [_of_column(said[key], key, header) for key, header in columns.items() if key in said]
    remarks += [_of_column(what, key) for key, what in kind["missing"].items() if key not in columns]
    if weighted := match_header(found.profiles, kind["not_expected_amount"]):
        remarks.append(_of_column("weighted", "expected_amount", weighted))
    closed_on = columns.get("closed_on")
    if closed_on and "expected_close_on" not in columns and (recognized or _open_ones_close(found, columns, stages)):
        columns["expected_close_on"] = closed_on
        remarks.append(_of_column(kind["expected"], "expected_close_on", closed_on))
    return Mapped(found, recognized, columns, stages, match_header(found.profiles, kind["currency"]), tuple(remarks))


def _open_ones_close(found: UnknownExport, columns: Mapping[str, str], stages: Sequence[Stage]) -> bool:
    """Whether most open deals carry a close date, which is an expectation there."""
    open_names = {stage.name for stage in stages if stage.outcome == "open"}
    rows = zip(found.values(columns["stage"]), found.values(columns["closed_on"]), strict=True) if open_names else ()
    dated = [day is not None for stage, day in rows if stage in open_names]
    return sum(dated) * 2 > len(dated)


def _sort_stages(found: UnknownExport, kind: Mapping[str, Any], columns: Mapping[str, str]) -> tuple[Stage, ...]:
    """Tell the outcome of every stage of the export, by flags, by what is known of the CRM, or by its words."""
    if "stage" not in columns:
        return ()
    counts = found.counts(columns["stage"])
    told = _by_flags(found, kind["flags"], columns["stage"])
    stages = [Stage(name, told[name]) if name in told else _stage(name, kind["stages"]) for name in counts]
    if stages and not any(stage.outcome == "won" for stage in stages):
        # Params need one: the stage whose deals carry an amount most often, else the most frequent.
        amounts = found.values(columns["amount"]) if "amount" in columns else ()
        rows = zip(found.values(columns["stage"]), amounts, strict=False)
        paid = Counter(stage for stage, amount in rows if stage and amount and amount.strip("0., €$£"))
        best = (paid or counts).most_common(1)[0][0]
        stages = [
            Stage(best, "won", remark("stage_must_be_won", name=best)),
            *(stage for stage in stages if stage.name != best),
        ]
    return tuple(stages)


def _stage(name: str, stages: Mapping[str, Sequence[str]]) -> Stage:
    words = fold(name)
    bare = fold(name.partition("(")[0] if name.rstrip().endswith(")") else name)
    for outcome in OUTCOMES:
        if {words, bare} & set(stages.get(outcome, ())):
            return Stage(name, outcome)
    groups = known()["words"]
    for outcome in _BY_WORDS:
        if _says(words, groups[outcome]):
            return Stage(name, outcome, remark("named"))
    if _says(words, groups["unclear"]):
        return Stage(name, "lost", remark("stage_closed", name=name))
    return Stage(name, "open", remark("stage_untold"))


def _says(text: str, words: Sequence[str]) -> bool:
    return any(re.search(rf"\b{re.escape(word)}\b", text) for word in words)


def _by_flags(found: UnknownExport, patterns: Mapping[str, Sequence[str]], stage: str) -> dict[str, Outcome]:
    """Read outcomes from columns such as Is Won and Is Closed, where each stage has one."""
    headers = {key: header for key, names in patterns.items() if (header := match_header(found.profiles, names))}
    if "won" not in headers or len(headers) == 1:
        return {}
    flags = {key: [(value or "").lower() in _TRUE for value in found.values(header)] for key, header in headers.items()}
    ended = flags.get("closed") or [won or lost for won, lost in zip(flags["won"], flags["lost"], strict=True)]
    seen: dict[str, set[Outcome]] = {}
    for name, won, closed in zip(found.values(stage), flags["won"], ended, strict=True):
        if name is not None:
            seen.setdefault(name, set()).add("won" if won else "lost" if closed else "open")
    return {name: next(iter(outcomes)) for name, outcomes in seen.items() if len(outcomes) == 1}


def match_header(profiles: Sequence[Profile], patterns: Sequence[str]) -> str | None:
    """Find the first column, by the order of the patterns, whose folded header matches."""
    for pattern in patterns:
        for profile in profiles:
            if re.fullmatch(pattern, fold(profile.name)):
                return profile.name
    return None


def _fits(found: UnknownExport, profile: Profile, key: str) -> bool:
    if key in DATES:
        return profile.kind == "date"
    if key in _AMOUNTS:
        return profile.kind == "number"
    if key == "deal_id":
        return profile.kind in {"text", "number"} and at_least(profile.distinct, 0.98 * found.rows)
    if key == "stage":
        return profile.kind == "text" and profile.distinct <= _MOST_STAGES
    return profile.kind in {"text", "number"} and profile.distinct < max(2, found.rows) + (key != "rep_id")


def _free(found: UnknownExport, taken: Collection[str]) -> list[Profile]:
    return [profile for profile in found.profiles if profile.name not in taken]


def _identifying(found: UnknownExport, *, taken: Collection[str]) -> str | None:
    """The first column with a value of its own in each row, a text rather than a number."""
    kinds = {"text", "number"}
    whole = [p for p in _free(found, taken) if p.kind in kinds and p.distinct == found.rows == p.filled]
    return next((p.name for p in sorted(whole, key=lambda profile: profile.kind == "number")), None)


def _few_valued(found: UnknownExport, *, taken: Collection[str]) -> str | None:
    """The fullest text column with few values; of equally full ones, the one with the fewest values."""
    few = [p for p in _free(found, taken) if p.kind == "text" and 1 < p.distinct <= _MOST_STAGES]
    best = min(few, key=lambda profile: (-profile.filled, profile.distinct), default=None)
    return best.name if best else None


@dataclass(frozen=True)
class Neighbour:
    """A file that could be read too.

    Attributes:
        table: ``reps`` or ``products``.
        file: Its base name.
        columns: Canonical column to its header.
        form: Its dialect, where it is text.
        why: What speaks for it.
        shared: The share of the deals' values that are found in it.
        sure: Whether those are enough to use it, each once.
        aliases: Spellings of the deals that mean a value of this file.
    """

    table: str
    file: str
    columns: Mapping[str, str]
    form: Mapping[str, Any]
    why: str
    shared: float
    sure: bool
    aliases: Mapping[str, str]

    @property
    def team(self) -> str | None:
        """The column that could name the reps' teams, where none is called so."""
        asked = self.table == "reps" and "team" not in self.columns
        return self.columns.get("manager") or self.columns.get("region") if asked else None


def neighbours(export: Path, mapped: Mapped) -> tuple[Neighbour, ...]:
    """Look for the reps and the products in the export's folder; at most one file each, the best match."""
    files = [
        path for path in sorted(export.parent.iterdir()) if path.suffix.lower() in _NEIGHBOURS_ARE and path.name != export.name
    ]
    looked: list[UnknownExport] = []
    for path in files[:_MOST_FILES]:
        if path.stat().st_size <= _LARGEST:
            try:
                looked.append(sniffing.look(path))
            except ReviewError:
                # Some other file; it is not the export's fault, so nothing is said.
                continue
    best: list[Neighbour] = []
    for table, deal_key in (("reps", "rep_id"), ("products", "product")):
        wanted = set(mapped.export.counts(mapped.columns[deal_key])) if deal_key in mapped.columns else set[str]()
        rated = [rated for other in looked if (rated := _rate(other, wanted, table, deal_key))]
        best += sorted(rated, key=lambda other: -other.shared)[:1]
    return tuple(best)


def _rate(other: UnknownExport, wanted: set[str], table: str, deal_key: str) -> Neighbour | None:
    columns = _columns(other, wanted, table, deal_key)
    if columns is None or not set(known()[table]["must"]) <= set(columns):
        return None
    have = other.counts(columns[deal_key])
    # Spellings that differ in case, spaces and marks only are one.
    bare = {re.sub(r"\W|_", "", name).lower(): name for name in have}
    pairs = ((name, bare.get(re.sub(r"\W|_", "", name).lower())) for name in sorted(wanted - set(have)))
    aliases = {name: match for name, match in pairs if match}
    shared = (len(wanted & set(have)) + len(aliases)) / max(1, len(wanted))
    unique = all(count == 1 for count in have.values())
    if below(shared, _LIKELY) or other.rows < 2:
        return None
    why = f"{len(wanted & set(have))} of {len(wanted)} values of {deal_key} stand in its column {columns[deal_key]!r}"
    form = {key: value for key, value in other.form.model_dump(exclude_defaults=True).items() if value is not None}
    order, _ = sniffing.date_order([p for p in other.profiles if p.name in {columns.get(key) for key in _DATED}])
    form |= {"dates": order} if order and order != "ymd" else {}
    mark = sniffing.decimal_mark([p for p in other.profiles if p.name in {columns.get(key) for key in _NUMERIC}])
    form |= {"decimal": mark} if mark == "," else {}
    return Neighbour(table, other.sheet.file, columns, form, why, shared, unique and at_least(shared, _SURE), aliases)


def _columns(other: UnknownExport, wanted: set[str], table: str, deal_key: str) -> dict[str, str] | None:
    """Map the columns: the key by shared values, the others by name."""
    shared = {p.name: len(wanted & set(other.counts(p.name))) for p in other.profiles if p.filled}
    key = max(shared, key=lambda name: shared[name], default=None)
    if key is None or not shared[key]:
        return None
    columns = {deal_key: key}
    for column, patterns in known()[table]["columns"].items():
        kinds = {"number"} if column in _NUMERIC else {"date"} if column in _DATED else {"text", "number"}
        free = [p for p in other.profiles if p.kind in kinds and p.name not in columns.values()]
        if column != deal_key and (header := match_header(free, patterns)):
            columns[column] = header
    return columns
