"""Which column of an unknown export holds what, and which stages are won, lost or open."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from ruamel.yaml import YAML

from reviewlib.evidence.comparison import at_least
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
    first = {key: _first(headers, names) for key, names in kind["columns"].items()}
    columns = {key: header for key, header in first.items() if header}
    notes: dict[str, str] = {}
    checks: list[str] = []
    crm = kind["label"].split()[0]
    if "deal_id" not in columns and (candidate := _identifying(found, taken=set(columns.values()))):
        columns = {"deal_id": candidate, **columns}
        notes["deal_id"] = "check: the report has no id; add the record's id to it"
        checks.append(
            f"This export has no id column; {candidate!r} stands in for it. Add the id to the report and export again."
        )
    if "closed_on" in columns:
        columns["expected_close_on"] = columns["closed_on"]
        notes["expected_close_on"] = f"the same column: in {crm} the close date is an expectation while a deal is open"
    return Mapped(
        kind["label"],
        columns,
        notes,
        tuple(_expected(crm, columns, _first(headers, kind["not_expected_amount"]))),
        (*checks, *_owner_check(columns), *_amount_check(crm, columns)),
        {key: header for key in ("won", "lost", "closed") if (header := _first(headers, kind[key]))},
        _first(headers, kind["currency"]),
        kind["stages"],
    )


def _expected(crm: str, columns: Mapping[str, str], weighted: str | None) -> Iterator[str]:
    if "amount" in columns:
        yield f"guess: {crm} lets the amount be edited up to closing, and lost deals keep theirs, so this is not what was"
        yield "  expected while a deal was open. Map it only if nobody edits it at closing; better a field that is filled once,"
        yield "  or list prices under crm.products:"
        yield f"expected_amount: {quoted(columns['amount'])}"
    if weighted:
        yield f"{quoted(weighted)} depends on a probability, so it is not mapped either."


def _owner_check(columns: Mapping[str, str]) -> Iterator[str]:
    header = columns.get("rep_id")
    if header and not fold(header).endswith(" id"):
        yield f"{header!r} holds names: two reps of one name would be one rep; export the owner's id if that can happen."


def _amount_check(crm: str, columns: Mapping[str, str]) -> Iterator[str]:
    if "amount" in columns:
        yield (
            f"No expected amount is mapped, because {crm} lets {columns['amount']!r} be edited up to closing; pipeline figures "
            "count deals until you map one, or list prices under crm.products."
        )
    else:
        yield "No column holds the amount: add it to the report and export again, or there is no revenue to review."


def _from_names(found: UnknownExport) -> Mapped:
    columns: dict[str, str] = {}
    for key in (
        "deal_id",
        "stage",
        "rep_id",
        "expected_close_on",
        "closed_on",
        "opened_on",
        "expected_amount",
        "amount",
        "account_id",
        "product",
    ):
        if header := _by_name(found, key, taken=set(columns.values())):
            columns[key] = header
    notes = dict.fromkeys(columns, _NAMED)
    for key, pick in (("deal_id", _identifying), ("stage", _few_valued), ("rep_id", _few_valued)):
        if key not in columns and (header := pick(found, taken=set(columns.values()))):
            columns[key] = header
            notes[key] = "check: by its values only"
    columns = {key: columns[key] for key in _order() if key in columns}
    checks = [
        f"{key} is {columns[key]!r} by its values only: make sure that it is."
        for key in columns
        if notes[key].startswith("check")
    ]
    checks += [
        f"No column looks like {key}: map it if there is one."
        for key in ("amount", "opened_on", "closed_on")
        if key not in columns
    ]
    mapped = Mapped(None, columns, notes, (), tuple(checks), {}, _currency_column(found), {})
    return _with_expectation(found, mapped)


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
    changed = {"columns": {**columns, "expected_close_on": header}, "notes": {**mapped.notes, "expected_close_on": note}}
    return Mapped(**{**vars(mapped), **changed, "checks": (*mapped.checks, check)})


def sort_stages(found: UnknownExport, mapped: Mapped) -> tuple[Stage, ...]:
    """Tell the outcome of every stage of the export, by flags, by what is known of the CRM, or by its words."""
    counts = found.counts(mapped.columns["stage"])
    told = _by_flags(found, mapped)
    stages = [_stage(name, told.get(name), mapped) for name in counts]
    if stages and not any(stage.outcome == "won" for stage in stages):
        stages = _with_a_won_stage(found, mapped, stages)
    return tuple(stages)


def stage_checks(stages: Sequence[Stage]) -> Iterator[str]:
    """Say what to check of the stages: each doubtful one, and in one sentence those that only look open."""
    yield from (stage.check for stage in stages if stage.check)
    untold = [repr(stage.name) for stage in stages if stage.note == _UNTOLD]
    if untold:
        yield f"Are these stages open? No word in them says won or lost: {', '.join(untold)}."


def _stage(name: str, told: Outcome | None, mapped: Mapped) -> Stage:
    if told:
        return Stage(name, told)
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


def _by_name(found: UnknownExport, key: str, *, taken: set[str]) -> str | None:
    free = [profile for profile in found.profiles if profile.name and profile.name not in taken and _fits(found, profile, key)]
    return match_header(free, known()["generic"]["columns"][key])


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


def _identifying(found: UnknownExport, *, taken: set[str]) -> str | None:
    free = [profile for profile in found.profiles if profile.name and profile.name not in taken]
    whole = [p for p in free if p.kind in {"text", "number"} and p.distinct == found.rows == p.filled]
    return next((p.name for p in sorted(whole, key=lambda profile: profile.kind == "number")), None)


def _few_valued(found: UnknownExport, *, taken: set[str]) -> str | None:
    """The fullest text column with few values; of equally full ones, the one with the fewest values."""
    free = [p for p in found.profiles if p.name and p.name not in taken and p.kind == "text" and 1 < p.distinct <= _MOST_STAGES]
    best = min(free, key=lambda profile: (-profile.filled, profile.distinct), default=None)
    return best.name if best else None


def _currency_column(found: UnknownExport) -> str | None:
    return match_header(found.profiles, [".*currency( (iso )?code)?|w(ä|ae)hrung|devise"])


def _order() -> tuple[str, ...]:
    return (
        "deal_id",
        "rep_id",
        "stage",
        "account_id",
        "amount",
        "expected_amount",
        "opened_on",
        "closed_on",
        "expected_close_on",
        "product",
    )
