"""Which column of an unknown export holds what, which stages are won, lost or open, and which files beside it belong to it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
_OUTCOMES: Final[tuple[Outcome, ...]] = ("won", "lost", "open")
#: "Not won" is lost, and "closed" alone is tried after all others.
_BY_WORDS: Final[tuple[Outcome, ...]] = ("lost", "won", "open")
_NAMED: Final = "guess: by its name"
_UNTOLD: Final = "guess: no word says won or lost"
_DATES: Final = ("opened_on", "closed_on", "expected_close_on")
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
class Mapped:
    """What the columns of an export mean.

    Attributes:
        recognized: The kind of export, None where only names and content told.
        columns: Canonical column to the file's header.
        notes: What to write behind a mapping, by canonical column.
        comments: Mappings that are offered, commented out, and why.
        checks: What to check, one sentence each.
        flags: Headers that tell outcomes: ``won``, ``lost``, ``closed``.
        currency: The header that holds the currency.
        stages: Known stage names (folded) by outcome.
    """

    recognized: str | None
    columns: Mapping[str, str]
    notes: Mapping[str, str]
    comments: tuple[str, ...]
    checks: tuple[str, ...]
    flags: Mapping[str, str]
    currency: str | None
    stages: Mapping[str, Sequence[str]]

    def profile(self, found: UnknownExport, key: str) -> Profile | None:
        """The profile of a mapped column."""
        header = self.columns.get(key)
        return next((profile for profile in found.profiles if profile.name == header), None) if header else None

    def dates(self, found: UnknownExport) -> list[Profile]:
        """The profiles of the mapped date columns, each once."""
        profiles = [profile for key in _DATES if (profile := self.profile(found, key))]
        return list(dict.fromkeys(profiles))


@dataclass(frozen=True)
class Stage:
    """A stage of the export, its outcome, and how sure that is."""

    name: str
    outcome: Outcome
    note: str | None = None
    check: str | None = None


@cache
def known() -> Mapping[str, Any]:
    """Read what is known of exports: header names and words."""
    data: Mapping[str, Any] = YAML(typ="safe", pure=True).load(_KNOWN.read_text(encoding="utf-8"))
    return data


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
    headers = {fold(profile.name): profile.name for profile in reversed(found.profiles)}
    for kind in ("salesforce", "hubspot"):
        if any(all(mark in headers for mark in marks) for marks in known()[kind]["marks"]):
            return _from_known(found, headers, known()[kind])
    return _from_names(found)


def _from_known(found: UnknownExport, headers: Mapping[str, str], kind: Mapping[str, Any]) -> Mapped:
    columns = {key: header for key, names in kind["columns"].items() if (header := _first(headers, names))}
    notes: dict[str, str] = {}
    comments: list[str] = []
    checks: list[str] = []

    def _say(what: str, header: str = "", *, of: str = "") -> None:
        said = known()["said"][what]
        words = {"crm": kind["label"].split()[0], "header": header, "quoted": quoted(header)}
        notes.update({of: said["note"].format(**words)} if of else {})
        comments.extend(line.format(**words) for line in said.get("comments", ()))
        checks.extend([said["check"].format(**words)] if "check" in said else [])

    if "deal_id" not in columns and (candidate := _identifying(found, taken=columns.values())):
        columns = {"deal_id": candidate, **columns}
        _say("no_id", candidate, of="deal_id")
    if "closed_on" in columns:
        columns["expected_close_on"] = columns["closed_on"]
        _say("expectation", of="expected_close_on")
    if (owner := columns.get("rep_id")) and not fold(owner).endswith(" id"):
        _say("owner_by_name", owner)
    if amount := columns.get("amount"):
        _say("amount", amount)
    else:
        _say("no_amount")
    if weighted := _first(headers, kind["not_expected_amount"]):
        _say("weighted", weighted)
    flags = {key: header for key in ("won", "lost", "closed") if (header := _first(headers, kind[key]))}
    currency = _first(headers, kind["currency"])
    return Mapped(kind["label"], columns, notes, tuple(comments), tuple(checks), flags, currency, kind["stages"])


def _from_names(found: UnknownExport) -> Mapped:
    names = known()["generic"]
    columns: dict[str, str] = {}
    for key, patterns in names["columns"].items():
        free = [profile for profile in _free(found, columns.values()) if _fits(found, profile, key)]
        if header := match_header(free, patterns):
            columns[key] = header
    notes = dict.fromkeys(columns, _NAMED)
    for key, pick in (("deal_id", _identifying), ("stage", _few_valued), ("rep_id", _few_valued)):
        if key not in columns and (header := pick(found, taken=columns.values())):
            columns[key] = header
            notes[key] = "check: by its values only"
    columns = {key: columns[key] for key in names["order"] if key in columns}
    guessed = [key for key in columns if notes[key] != _NAMED]
    missing = [key for key in ("amount", "opened_on", "closed_on") if key not in columns]
    checks = [f"{key} is {columns[key]!r} by its values only: make sure that it is." for key in guessed]
    checks += [f"No column looks like {key}: map it if there is one." for key in missing]
    currency = match_header(found.profiles, names["currency"])
    return _with_expectation(found, Mapped(None, columns, notes, (), tuple(checks), {}, currency, {}))


def _with_expectation(found: UnknownExport, mapped: Mapped) -> Mapped:
    """Map the close date twice where open deals carry it: there it is an expectation."""
    columns = mapped.columns
    if "closed_on" not in columns or "expected_close_on" in columns or "stage" not in columns:
        return mapped
    open_names = {stage.name for stage in sort_stages(found, mapped) if stage.outcome == "open"}
    rows = zip(found.values(columns["stage"]), found.values(columns["closed_on"]), strict=True)
    dated = [day is not None for stage, day in rows if stage in open_names]
    if sum(dated) * 2 <= len(dated):
        return mapped
    header = columns["closed_on"]
    note = "guess: the same column, because open deals carry it too"
    check = f"{header!r} is filled for open deals, so it is read as their expected close date."
    return replace(
        mapped,
        columns={**columns, "expected_close_on": header},
        notes={**mapped.notes, "expected_close_on": note},
        checks=(*mapped.checks, check),
    )


def sort_stages(found: UnknownExport, mapped: Mapped) -> tuple[Stage, ...]:
    """Tell the outcome of every stage of the export, by flags, by what is known of the CRM, or by its words."""
    counts = found.counts(mapped.columns["stage"])
    told = _by_flags(found, mapped)
    stages = [Stage(name, told[name]) if name in told else _stage(name, mapped) for name in counts]
    if stages and not any(stage.outcome == "won" for stage in stages):
        stages = _with_a_won_stage(found, mapped, stages)
    return tuple(stages)


def stage_checks(stages: Sequence[Stage]) -> Iterator[str]:
    """Say what to check of the stages: each doubtful one, and in one sentence those that only look open."""
    yield from (stage.check for stage in stages if stage.check)
    untold = [repr(stage.name) for stage in stages if stage.note == _UNTOLD]
    if untold:
        yield f"Are these stages open? No word in them says won or lost: {', '.join(untold)}."


def _stage(name: str, mapped: Mapped) -> Stage:
    words = fold(name)
    bare = fold(name.partition("(")[0] if name.rstrip().endswith(")") else name)
    for outcome in _OUTCOMES:
        if {words, bare} & set(mapped.stages.get(outcome, ())):
            return Stage(name, outcome)
    groups = known()["words"]
    for outcome in _BY_WORDS:
        if _says(words, groups[outcome]):
            return Stage(name, outcome, _NAMED)
    if _says(words, groups["unclear"]):
        check = f"The stage {name!r} is closed, but is it won or lost? It stands under lost."
        return Stage(name, "lost", "check: won or lost?", check)
    return Stage(name, "open", _UNTOLD)


def _says(text: str, words: Sequence[str]) -> bool:
    return any(re.search(rf"\b{re.escape(word)}\b", text) for word in words)


def _by_flags(found: UnknownExport, mapped: Mapped) -> dict[str, Outcome]:
    """Read outcomes from columns such as Is Won and Is Closed, where each stage has one."""
    if "won" not in mapped.flags or not {"closed", "lost"} & set(mapped.flags):
        return {}
    flags = {key: [(value or "").lower() in _TRUE for value in found.values(header)] for key, header in mapped.flags.items()}
    ended = flags.get("closed") or [won or lost for won, lost in zip(flags["won"], flags["lost"], strict=True)]
    seen: dict[str, set[Outcome]] = {}
    for name, won, closed in zip(found.values(mapped.columns["stage"]), flags["won"], ended, strict=True):
        if name is not None:
            seen.setdefault(name, set()).add("won" if won else "lost" if closed else "open")
    return {name: next(iter(outcomes)) for name, outcomes in seen.items() if len(outcomes) == 1}


def _with_a_won_stage(found: UnknownExport, mapped: Mapped, stages: list[Stage]) -> list[Stage]:
    """Params need a won stage: take the one whose deals carry the largest amounts most often, else the most frequent."""
    counts = found.counts(mapped.columns["stage"])
    if "amount" in mapped.columns:
        rows = zip(found.values(mapped.columns["stage"]), found.values(mapped.columns["amount"]), strict=True)
        counts = type(counts)(stage for stage, amount in rows if stage and amount and amount.strip("0., €$£"))
    best = (counts or found.counts(mapped.columns["stage"])).most_common(1)[0][0]
    check = f"No stage name says that a deal was won; {best!r} stands under won. Sort the stages."
    won = Stage(best, "won", "check: no stage name says won", check)
    return [won, *(stage for stage in stages if stage.name != best)]


def _first(headers: Mapping[str, str], names: Sequence[str]) -> str | None:
    return next((headers[name] for name in names if name in headers), None)


def match_header(profiles: Sequence[Profile], patterns: Sequence[str]) -> str | None:
    """Find the first column, by the order of the patterns, whose folded header matches."""
    for pattern in patterns:
        for profile in profiles:
            if re.fullmatch(pattern, fold(profile.name)):
                return profile.name
    return None


def _fits(found: UnknownExport, profile: Profile, key: str) -> bool:
    if key in _DATES:
        return profile.kind == "date"
    if key in _AMOUNTS:
        return profile.kind == "number"
    if key == "deal_id":
        return profile.kind in {"text", "number"} and at_least(profile.distinct, 0.98 * found.rows)
    if key == "stage":
        return profile.kind == "text" and profile.distinct <= _MOST_STAGES
    return profile.kind in {"text", "number"} and profile.distinct < max(2, found.rows) + (key != "rep_id")


def _free(found: UnknownExport, taken: Collection[str]) -> list[Profile]:
    return [profile for profile in found.profiles if profile.name and profile.name not in taken]


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
        sure: Whether most values of the deals are found in it.
        aliases: Spellings of the deals that mean a value of this file.
    """

    table: str
    file: str
    columns: Mapping[str, str]
    form: Mapping[str, Any]
    why: str
    sure: bool
    aliases: Mapping[str, str] = field(default_factory=dict)


def neighbours(export: Path, found: UnknownExport, mapped: Mapped) -> tuple[Neighbour, ...]:
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
        wanted = set(found.counts(mapped.columns[deal_key])) if deal_key in mapped.columns else set[str]()
        rated = [rated for other in looked if (rated := _rate(other, wanted, table, deal_key))]
        if rated:
            best.append(max(rated, key=lambda pair: pair[0])[1])
    return tuple(best)


def _rate(other: UnknownExport, wanted: set[str], table: str, deal_key: str) -> tuple[float, Neighbour] | None:
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
    return shared, Neighbour(table, other.sheet.file, columns, form, why, unique and at_least(shared, _SURE), aliases)


def _columns(other: UnknownExport, wanted: set[str], table: str, deal_key: str) -> dict[str, str] | None:
    """Map the columns: the key by shared values, the others by name."""
    shared = {p.name: len(wanted & set(other.counts(p.name))) for p in other.profiles if p.name and p.filled}
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
