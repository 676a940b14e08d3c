"""Sentences whose numbers are cells of the scorecard.

A template is plain text with references in braces: ``{key[.column][@PERIOD][|modifier]}`` for a cell of the scorecard,
``{subject}`` and its like for a name. ``fill`` writes the text, ``problems`` says what is wrong with a template before anybody
reads it.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from reviewlib.evidence.roster import Post
from reviewlib.pages import labels, verdict_views
from reviewlib.params import words
from reviewlib.params.figures import Unit
from reviewlib.params.kpis import KPIS
from reviewlib.params.rules import SENTENCE_NAMES
from reviewlib.periods import Period
from reviewlib.review import Review

COLUMNS: Final = (
    "value", "low", "high", "n", "target", "target_raw", "attainment", "previous", "change", "year_ago", "peer_median",
    "numerator", "denominator",
)  # fmt: skip
MODIFIERS: Final = ("abs", "signed")
_BRACES: Final = re.compile(r"\{([^{}]*)\}")
_REFERENCE: Final = re.compile(
    r"(?P<key>[a-z][a-z0-9_]*)(?:\.(?P<column>[a-z0-9_]+))?(?:@(?P<period>[A-Za-z0-9_-]+))?(?:\|(?P<modifier>[a-z]+))?"
)
#: The column that says in a sentence what a verdict rests on.
TOLD: Final = "told"
#: The parts of a change, which add up to it.
_PARTS: Final = tuple(key for key, kpi in KPIS.items() if kpi.part)
_PERIODS: Final = re.compile(r"previous|year_ago|\d{4}-(?:Q[1-4]|H[12]|0[1-9]|1[0-2])|FY\d{4}")


@dataclass(frozen=True)
class Reference:
    """What stands between two braces."""

    key: str
    column: str = "value"
    period: str | None = None
    modifier: str | None = None


@dataclass(frozen=True)
class Piece:
    """A run of text: words, a name or cell that stays on one line, or a cell that is a figure of this period."""

    text: str
    kind: Literal["words", "cell", "figure"] = "words"


def problems(template: str, keys: Collection[str], *, names: Collection[str] = ()) -> list[str]:
    """Say what is wrong with a template; an empty list means that it can be filled.

    Args:
        template: The text with references.
        keys: The figures that the scorecard holds.
        names: Placeholders that are no cells, beside the general ones.
    """
    rest = _BRACES.sub("", template)
    found = ["a brace without its partner"] if "{" in rest or "}" in rest else []
    for match in _BRACES.finditer(template):
        try:
            reference = _reference(match[1])
        except ValueError as error:
            found.append(str(error))
            continue
        known = reference.key in keys or (reference == Reference(reference.key) and reference.key in (*SENTENCE_NAMES, *names))
        found += [] if known else [f"{{{match[1]}}}: the scorecard has no figure {reference.key!r}"]
    return found


def fill(review: Review, template: str, names: Mapping[str, str] | None = None, *, subject: Post | None = None) -> str:
    """Write a template's text.

    Args:
        review: Where the figures come from.
        template: The text with references.
        names: Texts for placeholders that are no cells.
        subject: A rep of the team whose figures are meant (team reviews); else the review's subject.
    """
    return "".join(piece.text for piece in pieces(review, template, names, subject=subject))


def pieces(
    review: Review, template: str, names: Mapping[str, str] | None = None, *, subject: Post | None = None
) -> list[Piece]:
    """Write a template's text as runs, so that a page can set its figures apart."""
    known = {**_names(review, subject or review.subject), **(names or {})}
    found: list[Piece] = []
    parts = _BRACES.split(template)
    count: float | None = None
    whose: float | None = None
    for place, text in enumerate(parts):  # words and references take turns
        if place % 2 == 0:
            found.append(Piece(words.agreeing(text, count, whose=whose)))
            continue
        reference, part_of = _reference(text), count if found[-1].text == " of " else None
        if reference.key in known and reference == Reference(reference.key):
            found.append(Piece(known[reference.key], "cell" if reference.key.endswith("period") else "words"))
            count = whose = None
        else:
            cell, count = _cell(review, reference, subject)
            whose = count if part_of is None else part_of
            current = reference.column in ("value", "attainment") and reference.period is None
            told = _in_words(cell, before=found[-1].text, after=parts[place + 1]) if count in (0, 1) else cell
            found.append(Piece(told, "figure" if current and cell != labels.NOT_AVAILABLE else "cell"))
    return found


def _in_words(cell: str, *, before: str, after: str) -> str:
    """Write a count of nothing or of a single thing as a person would where words for it fit."""
    if before.endswith("the "):
        return {"1": "one"}.get(cell, cell)
    told = words.zero(after) if cell == "0" else cell
    return told.capitalize() if not before.strip() or before.endswith(". ") else told


def style(review: Review) -> labels.NumberStyle:
    """How the review's workbook writes numbers."""
    return labels.NumberStyle(review.workbook.locale, review.workbook.currency)


def _reference(text: str) -> Reference:
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise ValueError(f"{{{text}}}: not a reference; write {{key.column@period|modifier}}")
    column, modifier, period = match["column"] or "value", match["modifier"], match["period"]
    if column not in (*COLUMNS, TOLD):
        raise ValueError(f"{{{text}}}: no column {column!r}; there are {', '.join(COLUMNS)}")
    if modifier is not None and modifier not in MODIFIERS:
        raise ValueError(f"{{{text}}}: no modifier {modifier!r}; there are abs and signed")
    if period is not None and not _PERIODS.fullmatch(period):
        raise ValueError(f"{{{text}}}: no period {period!r}; write 2026-Q3, previous or year_ago")
    return Reference(match["key"], column, period, modifier)


def _cell(review: Review, reference: Reference, subject: Post | None) -> tuple[str, float | None]:
    """Write a cell; with it its number, where it counts something."""
    named = {None: review.period, "previous": review.period.previous, "year_ago": review.period.year_ago}
    name = reference.period
    period = Period.parse(name, review.period.fiscal) if name is not None and name not in named else named[name]
    whose = (subject or review.subject).id
    figure = review.find(whose, reference.key, period)
    if figure is None or reference.column == TOLD:
        return labels.NOT_AVAILABLE if figure is None else verdict_views.told(review, figure, style(review)), None
    number, kpi, how = getattr(figure, reference.column), figure.kpi, style(review)
    if reference.key in _PARTS and reference.column == "value":
        # Each rounded by itself, the parts of a change would not always add up to it.
        parts = [review.find(whose, key, period) for key in _PARTS]
        values = [part.value or 0.0 if part else 0.0 for part in parts]
        number = how.adding_up(values, digits=0)[_PARTS.index(reference.key)]
    units: Mapping[str, Unit] = {"attainment": "percent", "n": "count", "numerator": kpi.top, "denominator": kpi.bottom}
    unit = units.get(reference.column, kpi.unit)
    write = {"change": how.signed_change, "peer_median": how.rounded}.get(reference.column, how.value)
    text = (how.signed if (write, reference.modifier) == (how.value, "signed") else write)(number, unit)
    count = number if unit == "count" else None
    return text.lstrip(f"+{labels.MINUS}") if reference.modifier == "abs" else text, count


def _names(review: Review, subject: Post) -> dict[str, str]:
    period = review.period
    return {
        "subject": subject.name,
        "first_name": first_name(subject),
        "team": subject.team or (subject.name if review.kind == "team" else labels.NOT_AVAILABLE),
        "period": period.name,
        "previous_period": period.previous.name,
        "year_ago_period": period.year_ago.name,
        "next_period": period.next.name,
        "as_of": labels.day(review.workbook.as_of),
        "first_day": labels.day(period.start),
        "last_day": labels.day(period.last_day),
        "next_last_day": labels.day(period.next.last_day),
        "retention_window": review.workbook.retention_window,
    }


def first_name(subject: Post) -> str:
    """The name a colleague would use: the first word, unless it is only an initial or there is a comma."""
    first = subject.name.split()[0] if subject.name.split() else subject.name
    return subject.name if "," in subject.name or len(first.rstrip(".")) < 2 else first


def sides(review: Review) -> dict[str, str]:
    """How the two sides are called; of a team's review the rep's is the team."""
    rep = first_name(review.subject) if review.kind == "rep" else "The team"
    return {"rep": rep, "manager": review.subject.manager or "The manager"}
