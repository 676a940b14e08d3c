"""Every number of a page's prose read back: which cell of the scorecard it is, and whether it is written as that cell.

A page's text is cut into sentences with what they stand below: the figure, and on a team's page the rep. Each form of a
sentence is written down a second time (tests/pages/test_told.py), with the cell that each number has to be. A sentence with a
number that no form reads is a fault, and so is a number that is not its cell rounded half up to the digits that are printed.
Nothing here asks the pages' code.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from html.parser import HTMLParser
from typing import Any

from reviewlib.periods import Period
from reviewlib.review import Review

_BLOCKS = {
    "p", "li", "td", "th", "h1", "h2", "h3", "dt", "dd", "caption", "figcaption", "summary", "div", "section", "tr", "table",
    "article", "header", "ol", "ul", "dl", "br", "em", "time",
}  # fmt: skip
WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_WORD = "|".join((*WORDS, *map(str.capitalize, WORDS)))
_NUMBER = rf"(?:[−+]?€?\d[\d,]*(?:\.\d+)?(?:%|×| days?\b| points\b| pts\b)?|n/a|[Nn]one\b|\b(?:{_WORD})\b)"
_MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
DAY = rf"\b\d{{1,2}} (?:{_MONTH}|[A-Z][a-z]{{2}})(?: 20\d\d)?\b"
PERIOD = r"\b(?:20\d\d-(?:Q[1-4]|H[12]|\d\d)|FY20\d\d)\b"


@dataclass(frozen=True)
class Sentence:
    """A run of text and what it stands below: the section, the figure, whose it is."""

    text: str
    section: str = ""
    kpi: str = ""
    name: str = ""


class _Cutter(HTMLParser):
    """Cuts a page at its blocks."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Sentence] = []
        self._text: list[str] = []
        self._section = self._kpi = self._name = ""
        self._skipped = self._titled = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in ("style", "script", "svg", "title"):
            self._skipped += 1
        if tag in _BLOCKS or {"sub", "ach"} & set(given.get("class", "").split()):
            self._cut()
        if tag == "section":
            self._section, self._kpi, self._name = given.get("id", ""), "", ""
        elif tag == "a" and given.get("href", "").startswith("#ev-"):
            self._kpi = given["href"][4:]
        elif tag == "details":
            self._kpi = given.get("id", "")[3:]
        elif tag == "tr":
            self._kpi = self._kpi if self._section == "figures" else ""
            self._name = ""
        self._titled = {"h3": 1, "th": 2, "figcaption": 3}.get(tag, self._titled)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "script", "svg", "title"):
            self._skipped -= 1
        said = " ".join("".join(self._text).split())
        if tag == "h3" and self._section in ("strengths", "improve"):
            self._kpi = said.partition(":")[0]
        if (tag == "h3" and self._section == "goals") or (tag in ("th", "span") and self._titled == 2):
            self._name = (self._section != "goals" and self._name) or said
        if tag in _BLOCKS:
            self._cut()
            self._titled = 0

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self._text.append(data)

    def _cut(self) -> None:
        text, self._text = " ".join("".join(self._text).split()), []
        if text:
            self._kpi = text if self._titled == 3 else self._kpi
            self._titled = 0 if self._titled == 3 else self._titled
            self.found.append(Sentence(text, self._section, self._kpi, self._name))


def sentences(html: str) -> list[Sentence]:
    """Cut a page into its sentences; a paragraph of several stays one."""
    cutter = _Cutter()
    cutter.feed(html)
    cutter.close()
    found = list(cutter.found)
    for sentence in cutter.found:
        items = sentence.text.split("; ")
        if sentence.section == "figures" and all(
            re.fullmatch(r"[^:;]+: \S+(?: days?)?", item) for item in items
        ):  # beside a figure
            found.remove(sentence)
            found += [Sentence(item, sentence.section, sentence.kpi) for item in items]
        for item in re.split(", ", next(iter(re.findall(r"that shows: (.*?)\. A verdict", sentence.text)), "")):
            if item:
                name, size = re.fullmatch(r"(.*?) (\S+(?: points)?)", item).groups()  # type: ignore[union-attr]
                found.append(Sentence(f"shows {size}", sentence.section, name))
    return found


@dataclass
class Page:
    """A review as its frozen evidence and its journal have it."""

    review: Review
    rows: Mapping[tuple[str, str, str], Mapping[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        frames = (self.review.history, self.review.members)
        every = [row for frame in frames for row in frame.to_dict("records")]
        self.rows = {(row["scope_id"], row["kpi"], row["period"]): row for row in every}

    def figure(self, sentence: Sentence) -> str:
        """The key of the figure that a sentence is about: it stands below it, or begins with its name."""
        known = {name.casefold(): key for key, card in self.review.kpis.items() for name in (card.label, key)}
        linked = re.sub(r".*linked to |.*\. (?=[A-Z][A-Za-z ]+ was )", "", sentence.text)
        begins = [linked.partition(end)[0] for end in (":", ",", " now", " was ")]
        named = [sentence.kpi, sentence.name.partition(":")[0], *begins]
        if sentence.section == "figures":  # what stands beside a figure has its own label
            named = [begins[0], *named]
        return next((known[name.casefold()] for name in named if name.casefold() in known), "")

    def main(self) -> list[str]:
        """The figures that have a row of the scorecard."""
        held = [key for key, card in self.review.kpis.items() if card.of is None and card.per_target != "this"]
        return [key for key in held if (self.review.subject.id, key, self.review.period.name) in self.rows]

    def told(self) -> list[str]:
        """Those of them on which a verdict is passed."""
        rows = {key: self.rows[self.review.subject.id, key, self.review.period.name] for key in self.main()}
        return [key for key, row in rows.items() if row["verdict"] in ("gap", "watch", "no_signal", "above", "strength")]

    def whose(self, name: str) -> str:
        """The id of a rep of the team that is named, else of the subject."""
        return next((one for one, post in self.review.people.items() if post.name == name), self.review.subject.id)

    def cell(self, key: str, column: str = "value", period: Period | None = None, whose: str = "") -> float | None:
        """A number of the scorecard."""
        row = self.rows.get((whose or self.review.subject.id, key, (period or self.review.period).name), {})
        number = row.get(column)
        return None if number is None or number != number else number

    @cached_property
    def own_words(self) -> str:
        """Everything that somebody wrote, on one line."""
        every = [*self.review.minutes.entries, *self.review.minutes.earlier]
        for minutes in self.review.minutes.members.values():
            every += [*minutes.entries, *minutes.earlier]
        texts = [value for entry in every for value in entry.payload.model_dump().values() if isinstance(value, str)]
        texts += [text for card in self.review.kpis.values() for text in (card.definition, card.objective) if text]
        texts += self.review.data.get("notes", ())
        return " \n ".join(" ".join(part.split()) for text in texts for part in [*text.split("\n"), text])

    def quoted(self, text: str) -> bool:
        """Whether a text is what somebody wrote: alone, after what it is ("Bonus: "), or before what became of it."""
        after, (before, _, end) = text.partition(": ")[2], text.rpartition(": ")
        parts = [text, after, before if not re.search(r"\d", re.sub(DAY, "", end)) else ""]
        return any(len(part) > 9 and part in self.own_words for part in parts)


def written(text: str, number: float | None) -> bool:
    """Whether a text is a number rounded half up to the digits that it prints; percents and points are hundredths."""
    plain = text.lower()
    if number is None or plain == "n/a":
        return number is None and plain == "n/a"
    if plain == "none" or plain in WORDS:
        return number == (0 if plain == "none" else WORDS.index(plain))
    digits = re.sub(r"[^\d.]", "", plain)
    scale = 0.01 if re.search(r"%|points|pts", plain) else 1.0
    value = float(digits) * scale * (-1 if "−" in plain else 1)
    half = 0.5 * scale * 10.0 ** -len(digits.partition(".")[2])
    return -half * (1 + 1e-9) <= value - number <= half * (1 + 1e-9) and ("−" not in plain or number < 0)


@dataclass(frozen=True)
class Form:
    """A sentence with the cell that each of its numbers is."""

    pattern: re.Pattern[str]
    cells: tuple[str, ...]


@cache
def form(text: str) -> Form:
    """Read a form: a regular expression with a cell in angles where a number stands.

    <key.column@period>, <.column> of the figure that the sentence stands below, or <!name> of what is worked out.
    """
    parts = re.split(r"<([^>?]+)>", text)
    pattern = "".join(part if place % 2 == 0 else f"({_NUMBER})" for place, part in enumerate(parts))
    return Form(re.compile(pattern), tuple(parts[1::2]))


def faults(page: Page, html: str, *, forms: Mapping[str, list[str]], named: Mapping[str, Callable[..., Any]]) -> Iterator[str]:
    """Say of a page which sentences no form reads, and which numbers are not the cells that they stand for."""
    for sentence in sentences(html):
        text = re.sub(PERIOD, "PERIOD", re.sub(DAY, "DAY", sentence.text))
        told = [*forms.get(sentence.section, ()), *forms[""]]
        if not re.search(rf"\d|\b(?:{'|'.join(WORDS[1:])})\b", text) or page.quoted(sentence.text):
            continue
        if re.fullmatch(rf"{_NUMBER}|[\w.-]*\d[\w.-]*", text):  # a cell of a table
            continue
        wrong = [list(_wrong(page, sentence, found, one.cells, named)) for one, found in _read(text, told)]
        if not wrong:
            yield f"{sentence.section}, {sentence.kpi}: no form reads: {text}"
        elif all(wrong):
            yield f"{sentence.section}, {sentence.kpi}: {min(wrong, key=len)}: {sentence.text}"


def _read(text: str, told: list[str]) -> Iterator[tuple[Form, re.Match[str]]]:
    for one in map(form, told):
        if found := one.pattern.fullmatch(text):
            yield one, found


def _wrong(
    page: Page, sentence: Sentence, found: re.Match[str], cells: tuple[str, ...], named: Mapping[str, Any]
) -> Iterator[str]:
    numbers = found.groups()
    assert len(numbers) == len(cells), f"write (?:...) in the form of {sentence.text}"
    for text, cell in zip(numbers, cells, strict=True):
        if text is None:
            continue
        expected = _expected(page, sentence, cell, named)
        options = expected if isinstance(expected, list) else [expected]
        if not any(written(text, abs(one) if one is not None and cell.endswith("|abs") else one) for one in options):
            yield f"{text} is not {cell}, {expected}"


def _expected(page: Page, sentence: Sentence, cell: str, named: Mapping[str, Any]) -> Any:
    if cell.startswith("!"):
        return named[cell[1:].removesuffix("|abs")](page, sentence)
    name, _, when = cell.removesuffix("|abs").partition("@")
    key, _, column = name.partition(".")
    now = page.review.period
    period = {"": now, "previous": now.previous, "year_ago": now.year_ago}[when]
    return page.cell(key or page.figure(sentence), column or "value", period, page.whose(sentence.name))


def significant(number: float) -> float:
    """Round to two significant digits, half up."""
    unit = 10.0 ** (math.floor(math.log10(number)) - 1)
    return math.floor(number / unit + 0.5) * unit
