# ruff: noqa: E501
# A form on a line reads better than any wrapping.
"""Every number of every sentence of the demo's pages is the cell of the scorecard that the sentence speaks of."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from decimal import ROUND_CEILING
from pathlib import Path
from typing import Any

import pages_fixture as made
import pytest
import told
from told import Page, Sentence, faults, significant

from reviewlib.pages import blocks, labels, sentences, verdict_views
from reviewlib.pages.labels import NumberStyle
from reviewlib.params import reading
from reviewlib.periods import Period
from reviewlib.review import Review, open_review, open_team_review
from reviewlib.run import freezing
from reviewlib.workbook import company_talk, starter

WHO = r"[^\d]+?"
TARGET = "(?:, (?:<.attainment> of the|against a) target of <.target>)?"
#: What luck alone does: so seldom, or more seldom than that.
ONCE = "(?:about once in <!once> quarters|in fewer than one quarter of 10,000)"
ONCE4 = ONCE.replace("once>", "once4>")
SOMEBODY = "Somebody (?:at <!level>|like the peers together, <!level>,)"
TOLD = [
    f"{SOMEBODY} lands (?:between <!low> and <!high>|at <!high> or less|at <!low> or more)(?: of <!trials> [a-z ]+?)? in nine quarters of ten\\.",
    f"{SOMEBODY} has <!reached>(?: or (?:fewer|less|more))?(?: of <!trials> [a-z ]+?)? {ONCE}\\.",
    f"<!reached4>(?: of <!trials4>)?(?: slower)?,? where <!expected4> (?:is|are) to be expected, over <!periods> quarters; by luck {ONCE4}\\.",
    f"<!mean4> against <!level4> over <!periods> quarters; by luck {ONCE4}\\.",
    f"This far from what the peers reach over <!periods> quarters; by luck {ONCE4}\\.",
]
NOTES = [
    "Beside them <won_back> customers? w(?:as|ere) won back\\.",
    "By value the rate is <win_rate_value>\\.",
    "The median deal was <deal_size_median>\\.",
    "Half of them took <cycle_q1> to <cycle_q3>\\. Open deals are not counted\\.",
    "<due_value> is expected to close in PERIOD; <undated_deals> open deals? (?:is|are) without an expected close\\.",
    "Of those that did not, <lapsed_open> ha(?:s|ve) an open deal\\.",
]
#: A figure in a sentence.
FIGURES = [
    "Revenue was <.>, from <.n> won deals?",
    "<new_customers> customers? bought for the first time",
    "<won_deals> of <closed_deals> closed deals? w(?:as|ere) won: <win_rate>",
    "The average of <.n> won deals? was <.>",
    "The median of <.n> won deals? took <.>",
    "The next target is covered <.>, by <.n> open deals?",
    "<kept_accounts> of <base_accounts> accounts? bought again: <.>",
    "[A-Z][A-Za-z ]+: <.>",
]
#: What the summary and the leads say.
PROSE = [
    f"{WHO} closed <revenue>, <revenue.attainment> of the <revenue.target> target(?:, the highest of the periods shown)?\\.",
    f"{WHO} closed <revenue> in <revenue.n> won deals?(?:, the highest of the periods shown)?\\.",
    f"{WHO} won no deal in PERIOD(?:, and <refunds|abs> was refunded)?\\.",
    "Revenue (?:rose|fell) by <revenue.change|abs> from PERIOD(?:, all of it from (?:the number of won deals|the size of the "
    "average deal|refunds)|: (?:<!won_deals> from the number of won deals)?(?:, | and )?(?:<!deal_size> from the size of the "
    "average deal)?(?:, | and )?(?:<!refunds> from refunds)?)(?:; <!unsplit> is not split: .*)?\\.",
    "<won_deals> of <closed_deals> closed deals? w(?:as|ere) won: <win_rate>(?:, after <win_rate@previous> in PERIOD)?\\.",
    "Open pipeline (?:rose by|fell by|stayed level at) (?:<pipeline_growth|abs> to )?<pipeline_end>"
    "(?:, (?:and|but) what is due in PERIOD covers the next target <pipeline_coverage>)?\\.",
    "<pipeline_created> was created, <pipeline_won> won and <pipeline_lost> lost\\.",
    "(?:Of <base_accounts> accounts? that bought in the window before, <kept_accounts> bought again)?(?:; )?"
    "(?:<new_customers> customers? bought for the first time)?\\.",
]
RESULT = r"(?:Missed|Exceeded|Better) by <!away>(?: \(<.attainment>\))?"
FORMS: dict[str, list[str]] = {
    "": [*PROSE, *TOLD],
    "scorecard": [
        r"(?:<.numerator> of <.denominator>|<.n>) [a-z ]+(?: · median <deal_size_median>)?(?: · <last_cohort> in the cohort of PERIOD)?"
        r"(?: · bought in PERIOD)?(?: · lower is the aim)?",
        RESULT,
        "(?:target|benchmark) <!goal>(?:, full target <.target_raw>)?",
        r"<!moved>, year <!moved_year>",
        r"(?:[a-z]+ (?:half|quarter|the middle) · |median )<.peer_median>",
        r"<!changes> (?:(?:more|fewer)[a-z ]*|or (?:more|less)): [a-z, ]+",
        r"shows <!shows>",
        r"How sure this page is\. <!judged> of <!rows> figures? (?:is|are) judged here\. Somebody exactly on target in all of them is "
        r"told of one that is worth a talk (?:about once in <!false> quarters|in (?:most|two) quarters(?: of three)?), by chance alone\. "
        r"(?:The smallest shortfall of one quarter that shows: .*?\. )?A verdict speaks of the level in these quarters, not of its cause\.",
    ],
    "change": [
        r"<deal_size.n> won deals? × <deal_size>",
        r"<deal_size.n@previous> won deals? × <deal_size@previous>",
        r"<deal_size.n@previous> → <deal_size.n>",
        r"<deal_size@previous> → <deal_size>",
        r"<refunds@previous> → <refunds>",
        r"(?:95% interval; )?target <.target>",
    ],
    "pipeline": [
        *(f"<{key}.n> deals?" for key in ("pipeline_start", "pipeline_created", "pipeline_won", "pipeline_lost", "pipeline_end")),
        r"(?:<stale_deals> deals? open at the end of the period w(?:as|ere) older than <stale_after>, the time in which nine of ten "
        r"won deals close; the win rate flatters if they never close\. ?)?(?:<unvalued_deals> open deals? without opening date or "
        r"expected amount: outside value, growth and bridge\. ?)?(?:<undated_deals> open deals? without an expected close date\. ?)?"
        r"(?:Amounts are as known on DAY\.)?",
    ],
    "customers": [
        "Bought again: <kept_accounts> of <base_accounts>",
        "First purchase: <new_customers>",
        r"Accounts that bought in PERIOD and bought again in PERIOD, from anyone\.(?: Of those that did not, <lapsed_open> ha(?:s|ve) an "
        r"open deal\.)?(?: They brought <revenue_retention> of the revenue they brought before\.)?",
        r"(?:<new_customer_revenue> together(?:, <!share_of_new> of revenue)?\. ?)?(?:<won_back> accounts? came back after a longer "
        r"time without a purchase, counted apart\.)?",
    ],
    "strengths": [],
    "improve": [
        r"Review the deals older than <stale_after> together, 30 minutes every second Thursday\. .*",
        r"(?:Go through|Check the expected close dates of) the <still_open> open deals?.*",
        r"Read through the <lost_deals> lost deals? of PERIOD.*",
        r"Plan the way from <revenue> to <revenue.target> deal by deal.*",
        r"Bring what is due by DAY from <pipeline_coverage> to <pipeline_coverage.target> of the next target\..*",
        r"(?:Approve discounts above 5 %|Keep two mornings a week|Set up a service review with the five largest|Offer|Block an hour|Call every customer).*",
        r".*(?:Two joint calls and a role-play|an online course of two hours|Negotiation course, two days).*",
    ],
    "achievements": [
        f"(?:[A-Z][A-Za-z ]+: [a-z ]+\\. )?<.>{TARGET}\\.",
        r"(?:[A-Z][A-Za-z ]+: [a-z ]+\. )?<.>; the best before was <!any> in PERIOD\.",
        r"(?:[A-Z][A-Za-z ]+: [a-z ]+\. )?<.>; the peers’ median is <.peer_median>\.",
        r"(?:Significant deal\. )?<largest_deal>, (?:with .*?, )?where the median deal was <deal_size_median>\.",
    ],
    "next": [],
    "reps": [
        "<revenue.attainment> of <revenue.target>|target <revenue.target>, full target <revenue.target_raw>",
        "<win_rate>, <win_rate.numerator> of <win_rate.denominator>",
        r"Revenue of <!trend> periods, PERIOD to PERIOD, on one scale\.",
        r"In the order of revenue\. The line through a win rate is its 95% interval, the upright one the target, <win_rate.target>\..*",
    ],
}  # fmt: skip
FORMS["improve"] += [f"{text}{TARGET}\\." for text in FIGURES]
FORMS["improve"] += [
    f"{line}(?: It was <.previous> in PERIOD\\.)?(?: The peers’ median is <.peer_median>\\.)?(?: {note})?"
    for line in TOLD
    for note in NOTES
]
FORMS["strengths"] = FORMS["improve"]


def _judged(page: Page, sentence: Sentence) -> Any:
    return (page.review.judged or {}).get(page.figure(sentence))


def _scale(judged: Any) -> float:
    return float(judged.trials) if judged.model == "binomial" else 1.0


def _times(number: float | None, scale: float) -> float | None:
    return None if number is None else number * scale


def _reached(page: Page, sentence: Sentence) -> float:
    judged = _judged(page, sentence)
    if judged.model in ("binomial", "poisson", "median"):
        return float(judged.reached)
    return page.cell(page.figure(sentence)) or 0.0


def _once(*probabilities: float | None) -> list[float]:
    return [significant(1 / p) if p < 0.01 else round(1 / p) for p in probabilities if p]


def _sum4(page: Page, sentence: Sentence, name: str) -> float:
    judged = _judged(page, sentence)
    return float(getattr(judged, name) or 0) + float(getattr(judged, f"{name}4") or 0)


def _over(page: Page, sentence: Sentence, name: str) -> float:
    judged = _judged(page, sentence)
    by = _sum4(page, sentence, "trials") if judged.model in ("sizes", "mean") else 1.0
    return _sum4(page, sentence, name) / by


def _changes(page: Page, sentence: Sentence) -> list[float]:
    """The ends of a verdict: whole things from what was reached, else the figure rounded away from what it is."""
    judged, kpi = _judged(page, sentence), page.review.kpis[page.figure(sentence)]
    ends = [one for one in (judged.worse_from, judged.better_from) if one is not None]
    if judged.model in ("binomial", "poisson", "median"):
        return [abs(round(one - judged.reached)) for one in ends]
    grain = {"money": 1.0, "score": 0.1, "ratio": 0.01, "count": 1.0}[kpi.unit]
    return [round(way(round(one / grain, 6)) * grain, 9) for one in ends for way in (math.floor, math.ceil)]


def _shows(page: Page, sentence: Sentence) -> float:
    judged, kpi = _judged(page, sentence), page.review.kpis[page.figure(sentence)]
    short = abs(judged.level - (judged.band_low if kpi.better == "higher" else judged.band_high))
    return float(short if kpi.unit == "percent" else short / judged.level)


def _moved(column: str) -> Callable[[Page, Sentence], float | None]:
    def moved(page: Page, sentence: Sentence) -> float | None:
        key = page.figure(sentence)
        now, before = page.cell(key), page.cell(key, column)
        if now is None or before is None:
            return None
        return (now - before) / before if page.review.kpis[key].unit == "money" and before > 0 else now - before

    return moved


def _part(key: str) -> Callable[[Page, Sentence], list[float]]:
    """A part of the change: within one unit of its cell, since the parts add up to the change."""
    return lambda page, _: [(page.cell(key) or 0.0) + by for by in (0.0, 0.5, -0.5)]


NAMED: dict[str, Callable[[Page, Sentence], Any]] = {
    "level": lambda page, sentence: [_judged(page, sentence).level, significant(_judged(page, sentence).level)],
    "low": lambda page, sentence: _times(_judged(page, sentence).band_low, _scale(_judged(page, sentence))),
    "high": lambda page, sentence: _times(_judged(page, sentence).band_high, _scale(_judged(page, sentence))),
    "trials": lambda page, sentence: _judged(page, sentence).trials,
    "reached": _reached,
    "once": lambda page, sentence: _once(_judged(page, sentence).p_low, _judged(page, sentence).p_high),
    "once4": lambda page, sentence: _once(_judged(page, sentence).p4_low, _judged(page, sentence).p4_high),
    "reached4": lambda page, sentence: _sum4(page, sentence, "reached"),
    "expected4": lambda page, sentence: _sum4(page, sentence, "expected"),
    "trials4": lambda page, sentence: _sum4(page, sentence, "trials"),
    "mean4": lambda page, sentence: _over(page, sentence, "reached"),
    "level4": lambda page, sentence: _over(page, sentence, "expected"),
    "periods": lambda page, sentence: _judged(page, sentence).periods,
    "away": lambda page, sentence: abs(
        (page.cell(page.figure(sentence)) or 0.0) - (page.cell(page.figure(sentence), "target") or 0.0)
    ),
    "goal": lambda page, sentence: [
        page.cell(page.figure(sentence), "target"), page.review.kpis[page.figure(sentence)].benchmark,
    ],
    "moved": _moved("previous"),
    "moved_year": _moved("year_ago"),
    "changes": _changes,
    "shows": _shows,
    "judged": lambda page, _: len(page.told()),
    "rows": lambda page, _: len(page.main()),
    "false": lambda page, _: math.floor(1 / (0.06 * len(page.told())) + 0.5),
    "won_deals": _part("change_won_deals"),
    "deal_size": _part("change_deal_size"),
    "refunds": _part("change_refunds"),
    "unsplit": _part("change_unsplit"),
    "share_of_new": lambda page, _: (page.cell("new_customer_revenue") or 0.0) / (page.cell("revenue") or 1.0),
}  # fmt: skip


def _goal(page: Page, sentence: Sentence) -> Any:
    every = [*page.review.minutes.entries, *page.review.minutes.earlier]
    return next(one for one in every if one.kind == "goal" and " ".join(one.payload.statement.split()) == sentence.name)


def _own(page: Page, sentence: Sentence) -> Period:
    return Period.parse(_goal(page, sentence).about.period, page.review.period.fiscal)


def _over_of(page: Page, sentence: Sentence) -> Period | None:
    over = _goal(page, sentence).payload.over
    return Period.parse(over, page.review.period.fiscal) if over else None


def _known(page: Page, sentence: Sentence) -> list[float]:
    """The figures of the last eight periods up to that of the goal's own review."""
    own, key = _own(page, sentence), _goal(page, sentence).payload.kpi
    values = [page.cell(key, period=period) for period in page.review.trend if period.end <= own.end]
    return [value for value in values if value is not None][-8:]


def _value(page: Page, sentence: Sentence, through: Period | None = None) -> float | None:
    """What a goal's figure is: that of the period, or the sum over the periods of the longer one that it covers."""
    payload, over = _goal(page, sentence).payload, _over_of(page, sentence)
    if over is None:
        return page.cell(payload.kpi)
    last = through or page.review.period
    return sum(
        page.cell(payload.kpi, period=one) or 0.0 for one in page.review.trend if over.contains(one) and one.end <= last.end
    )


def _at_even_pace(page: Page, sentence: Sentence) -> float:
    payload, over, now = _goal(page, sentence).payload, _over_of(page, sentence), page.review.period
    begins = over.start if over else _own(page, sentence).end
    today = min(page.review.workbook.as_of, now.last_day)
    pace = ((today - begins).days + 1) / ((payload.due - begins).days + 1)
    start = 0.0 if over else payload.baseline
    return float(start + (payload.target - start) * pace)


def _each(page: Page, sentence: Sentence) -> float:
    """What each period that is left must bring, of a sum."""
    so_far = _value(page, sentence, _own(page, sentence)) or 0.0
    return (_goal(page, sentence).payload.target - so_far) / _left(page, sentence)


def _left(page: Page, sentence: Sentence) -> int:
    over, own = _over_of(page, sentence), _own(page, sentence)
    return sum(over.contains(own.shift(by)) for by in range(1, 13)) if over else 0


def _wanted(page: Page, sentence: Sentence) -> float:
    return _each(page, sentence) if _over_of(page, sentence) else float(_goal(page, sentence).payload.target)


def _best(page: Page, sentence: Sentence) -> float:
    lower = page.review.kpis[_goal(page, sentence).payload.kpi].better == "lower"
    return (min if lower else max)(_known(page, sentence))


def _of_goal(name: str) -> Callable[[Page, Sentence], Any]:
    return lambda page, sentence: getattr(_goal(page, sentence).payload, name)


def _late(page: Page, sentence: Sentence) -> int:
    """How many days an agreement was kept after it was due."""
    every = [*page.review.minutes.entries, *page.review.minutes.earlier]
    entry = next(one for one in every if getattr(one.payload, "text", "") == sentence.name)
    update = page.review.minutes.on(entry, "update")[-1]
    return int((update.payload.on - entry.payload.due).days)


def _outside(sentence: Sentence) -> int:
    """How many of the deals that are due a sentence says to be outside the pipeline's value."""
    return int(next(iter(re.findall(r"; (\d+) (?:is|are) outside", sentence.text)), "0"))


def _ended(page: Page) -> int:
    """Goals of earlier reviews that were due by the end of the period."""
    earlier = [one.payload for one in page.review.minutes.earlier if one.kind == "goal"]
    return sum(one.due is not None and one.due <= page.review.period.last_day for one in earlier)


def _at(page: Page, sentence: Sentence, place: int, column: str) -> float | None:
    """A figure in one of the periods that a sentence names."""
    period = re.findall(told.PERIOD, sentence.text)[place]
    return page.cell(page.figure(sentence), column, Period.parse(period, page.review.period.fiscal))


def _end(page: Page, sentence: Sentence, column: str) -> list[float | None]:
    number = page.cell(page.figure(sentence), column)
    return [number, _times(number, 100)]


NAMED |= {
    "target": _of_goal("target"),
    "baseline": _of_goal("baseline"),
    "value": _value,
    "so_far": lambda page, sentence: _value(page, sentence, _own(page, sentence)),
    "apart": lambda page, sentence: abs((_value(page, sentence) or 0.0) - _goal(page, sentence).payload.target),
    "pace": _at_even_pace,
    "each": _each,
    "left": _left,
    "beyond": lambda page, sentence: abs(_wanted(page, sentence) / _best(page, sentence) - 1),
    "best": _best,
    "lowest": lambda page, sentence: min(_known(page, sentence)),
    "highest": lambda page, sentence: max(_known(page, sentence)),
    "known": lambda page, sentence: len(_known(page, sentence)),
    "peers": lambda page, sentence: page.cell(_goal(page, sentence).payload.kpi, "peers"),
    "steps": lambda page, sentence: sum(
        one.kind == "milestone" and one.payload.of == _goal(page, sentence).id
        for one in (*page.review.minutes.entries, *page.review.minutes.earlier)
    ),
    "low_end": lambda page, sentence: _end(page, sentence, "low"),
    "high_end": lambda page, sentence: _end(page, sentence, "high"),
    "agreements": lambda _, sentence: sum(
        told.WORDS.index(word) for word in re.findall(r"\w+", sentence.text.partition(", ")[2]) if word in told.WORDS[1:]
    ),
    "late": _late,
    "new_goals": lambda page, _: len(page.review.minutes.of_kind("goal")),
    "carried": lambda page, _: sum(one.kind == "goal" for one in page.review.minutes.earlier) - _ended(page),
    "then": lambda page, sentence: _at(page, sentence, 1, "value"),
    "then_low": lambda page, sentence: _at(page, sentence, 1, "low"),
    "then_high": lambda page, sentence: _at(page, sentence, 1, "high"),
    "now": lambda page, sentence: _at(page, sentence, 2, "value"),
    "now_low": lambda page, sentence: _at(page, sentence, 2, "low"),
    "now_high": lambda page, sentence: _at(page, sentence, 2, "high"),
    "of_member": lambda page, sentence: [page.cell(page.figure(sentence), whose=one) for one in page.review.people],
    "short": lambda page, _: [
        float(sum(page.rows[one, key, page.review.period.name]["verdict"] in ("gap", "watch") for one in page.review.people))
        for key in page.main()
    ],
    "reps": lambda page, _: len(page.review.people),
    "running": lambda _, sentence: sum(int(number) for number in re.findall(r"\d+", sentence.text.partition(":")[2])),
    "well": lambda _, sentence: int(re.findall(r"\d+", sentence.text)[0]) - int(re.findall(r"(\d+|none) behind", sentence.text)[0].replace("none", "0")),
    "behind": lambda _, sentence: int(re.findall(r"\d+", sentence.text)[0]) - int(re.findall(r": (\d+|none)", sentence.text)[0].replace("none", "0")),
    "trend": lambda page, _: len(page.review.trend),
    "due": lambda page, sentence: (page.cell("pipeline_coverage", "n") or 0) + _outside(sentence),
    "outside": lambda page, _: int(page.review.deals["due"].sum() - (page.cell("pipeline_coverage", "n") or 0)),
    "quarantined": lambda page, _: page.review.data["mine"]["quarantined"],
    "rating": lambda page, _: page.review.minutes.of_kind("rating")[-1].payload.value,
    "out_of": lambda page, _: page.review.minutes.of_kind("rating")[-1].payload.out_of,
}  # fmt: skip

FORMS["figures"] = [
    r"[A-Z][A-Za-z ]+?<.>",
    r"[A-Z][^:]+: <.>",
    r"<.>, from <.n> [a-z ]+",
    r"<.numerator> ÷ <.denominator>(?: [a-z ]+)? = <.>(?: \(<.n> [a-z ]+\))?",
    r"<!low_end>(?:–| to )<!high_end>, (?:Wilson|order statistics of the median|as much as it varied before)",
    r"median <.peer_median> of <.peers>",
    RESULT,
    r"(?:benchmark )?<!goal>(?:, full target <.target_raw>)?",
    *(f"(?:Clear|Worth|Above|No clear)[a-z, ]+: {line}" for line in TOLD),
    r"<!quarantined> rows? of the quarantine names? \w+\.",
    r"(?:PERIOD|the params file|Target, row by row): <.target>",
    r"(?:PERIOD|Revenue target, row by row): <.denominator>",
    r"Accounts of PERIOD: <base_accounts>(?: of <base_accounts>)?, <base_revenue> then, <kept_revenue> now",
    r"<new_customers> deals?, <new_customer_revenue>, marked “first purchase” under Sales revenue\.",
    r"<!due> deals?, <due_value>, marked “due next” under Open pipeline(?:; <!outside> (?:is|are) outside its value)?\.",
    r"Deals open at the end of the period, by expected amount: <pipeline_value.n> deals?, <pipeline_value>.*",
    r"Deals won or lost in the period, by expected amount: <closed_deals> deals?.*",
]
FORMS["goals"] = [
    r"(?:<!value> (?:in PERIOD|by DAY), (?:<!apart> (?:above|below)|exactly) the (?:target|limit) of <!target>\.|<!value> of <!target> by "
    r"DAY\.|<!so_far> of <!target> so far, to be reached by DAY\.|From <!baseline> in PERIOD to <!target> by DAY\.|<!value> in PERIOD; the "
    r"(?:target|limit) is <!target> by DAY\.)(?: An even pace would be <!pace>\.)?(?: The target is reached already\.)?(?: The baseline was "
    r"<!baseline>\.)?(?: Progress is first computed with the PERIOD figures\.)?(?: Who: \w+\.)?(?: Carried over from PERIOD\.)?(?: The rep did not agree to it\.)?",
    r"<!baseline> to <!target>(?: in PERIOD)?(?: days)?",
    r"(?:Not yet: )?(?:<!each> in (?:each of )?the <!left> quarters? left; )?(?:<!beyond> (?:above|below) [^;]*? best quarter, <!best>"
    r"(?: \(only <!known> quarters? to compare\))?|within [^;]*? range: <!lowest> to <!highest> in <!known> quarters)?(?:; )?"
    r"(?:(?:not )?(?:above|below|between) the [a-z ]+(?: of <!peers> peers)?)?",
    r"(?:Not yet: )?DAY, <!steps> milestones? before it",
]
FORMS["agreed"] = [
    *FORMS["goals"],
    r"(?:Of|All) <!agreements> agreements made (?:on|by) DAY,? .*",
    r"Done on DAY, <!late> days? late\.",
]
FORMS["goals"] += [r"<!new_goals> new goals?(?: and <!carried> carried over)?\.", r"<!carried> goals? carried over\."]
FORMS["development"] = [
    r"[A-Z][A-Za-z ]+, <.> now",
    r".* [A-Z][A-Za-z ]+ was <!then>(?: in PERIOD)?, interval <!then_low> to <!then_high>, and is <!now> in PERIOD, interval <!now_low> to "
    r"<!now_high>\. .*",
]
FORMS["recognition"] = [r"[A-Z][A-Za-z ]+, <.>"]
FORMS["skills"] = [r"[A-Z][A-Za-z ]+: (?:<.>|(?:[^\d]+ <!of_member>, )?[^\d]+ <!of_member>)\.", r"<!short> of <!reps> reps?"]
FORMS["team_goals"] = [r"<!running> goals? runs?: <!well> on track or just started, <!behind> behind\."]
FORMS["next_period"] = [
    r"The revenue target of PERIOD is <pipeline_coverage.denominator>\.(?: <due_value> is expected to close by DAY and covers it "
    r"<pipeline_coverage>\.)?"
]
FORMS["signoff"] = [
    r"(?:Overall rating: [A-Za-z ]+, <!rating> of <!out_of>\. ?)?(?:Only in this copy )?A signature says that .*",
    r".* · DAY, \d\d:\d\d",
]
FORMS["feedback"] = [r"[A-Z][A-Za-z ]+ now: <.>, (?:<.numerator> of <.denominator>|<.n>) [a-z ]+\.", r"Disputes .*, deal D-\d+"]
FORMS["feedback"] += [r"(?:Strength|To improve|[A-Z][a-z ]+), linked to [A-Z][A-Za-z ]+, <.>.*"]
#: Sentences whose numbers are no figures: names of what is fixed, of days and places, and lists that other tests add up.
FIXED = [
    r"(?:First|Second|Third|Fourth) quarter 2026, DAY to DAY",
    r"\d quarters|(?:Not judged: |Too few to tell: )?(?:one large account moves it|fewer than \d+ [a-z ]+|so few that no figure on this "
    r"side would tell|no target, and no group of eight peers to compare with|too few periods .*)",
    r"(?:Sales|Team) performance review, PERIOD\. .*|Your answer\. .*|This copy shows no totals: .*|Listed one by one on the page itself\.",
    r"Each dot is one rep’s quota attainment, from \d+% at the left to \d+% at the right; .*|100% of target|Win rate, 0 to 100%",
    r"Signed by one side, DAY|reps without won deals in one of the two periods, and moves",
    r"No earlier review left an agreement\. .*|No goals yet\. Two or three, .*|No target .*",
    r"From the CRM export as of DAY.*",
    r"Peers are the reps of .*; fewer than eight give no benchmark\. A benchmark is the mean of three figures, .*",
    r"Intervals are 95%: .*",
    r"(?:Grow revenue by 12 % in 2026|Win 500 new customers in 2026|Start 2027 with more than 2026)",  # objectives of params
    r"(?:.*\. )?Journal entry \d+, [0-9a-f]{8}\.|the objective “.*”|[A-Z][a-z-]+: Negotiation course, two days",
    r"[a-z]+ model: .*",  # tests/pages/test_verdict_views.py
    r"[A-Z][A-Za-z ,’]*: (?:\d+|no) deals?(?:, €[\d,.]+)?|(?:\d+|no) deals?, €[\d,.]+(?:, listed under .*)?|\d+ of \d+",  # test_provenance
    r"[\w-]+-\d[\w-]*",  # a deal
]
FORMS[""] += FIXED

#: Reviews whose pages say most: signed, released, answered, draft, left, new, without a target, of few deals.
SOME = (
    ("rep", "R-014", "2026-Q3", "manager"),
    ("rep", "R-014", "2026-Q2", "rep"),
    ("rep", "R-015", "2026-Q3", "rep"),
    ("rep", "R-022", "2026-Q3", "manager"),
    ("rep", "R-036", "2026-Q3", "manager"),
    ("rep", "R-047", "2026-Q3", "rep"),
    ("team", "North", "2026-Q3", "manager"),
    ("team", "East", "2026-Q3", "rep"),
)


def opened(book: Path, kind: str, subject: str, period: str, audience: str) -> Review:
    """Open the evidence and the journal behind a page."""
    if kind == "rep":
        return open_review(book, rep=subject, period=period, audience=audience)
    return open_team_review(book, team=subject, period=period, audience=audience)


def page_of(review: Review) -> str:
    """The sections of a review, as its page holds them."""
    return "".join(getattr(blocks, name)(review).html for name in (made.REP if review.kind == "rep" else made.TEAM))


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo with both periods frozen and its conversation in the journal; nothing is run."""
    path = starter.make_demo(tmp_path_factory.mktemp("told"))
    params = reading.load(path)
    talked = company_talk.read(params)
    frozen = freezing.freeze(params, [Period.parse(name) for name in talked.periods])
    company_talk.seed(params, {each.period.name: each.hash for each in frozen})
    return path


def found(review: Review) -> list[str]:
    return list(faults(Page(review), page_of(review), forms=FORMS, named=NAMED))


@pytest.mark.default
@pytest.mark.parametrize(("kind", "subject", "period", "audience"), SOME)
def test_every_number_is_its_cell(book: Path, kind: str, subject: str, period: str, audience: str) -> None:
    """Each sentence of a page has a form here, and each number in it is its cell, rounded half up to what is printed."""
    assert found(opened(book, kind, subject, period, audience)) == []


@pytest.mark.whole
def test_every_number_of_every_demo_page_is_its_cell(tmp_path: Path) -> None:
    """The same holds for the finished files of all pages of the demo, both periods and audiences."""
    subprocess.run([sys.executable, "-m", "reviewlib", "demo", "--into", str(tmp_path)], check=True, capture_output=True)
    wrong, count = [], 0
    for manifest in sorted(tmp_path.glob("reports/demo/2026-*/manifest.json")):
        for row in json.loads(manifest.read_text(encoding="utf-8"))["reviews"]:
            page, period = manifest.parent / row["page"], manifest.parent.name
            review = opened(tmp_path / "params/demo.yaml", row["kind"], row["subject"], period, row["audience"])
            html = page.read_text(encoding="utf-8")
            wrong += [f"{period} {row['key']}: {one}" for one in faults(Page(review), html, forms=FORMS, named=NAMED)]
            count += 1
    assert wrong == []
    assert count > 100


def _previous(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sentences say the figure of the period before."""
    read = sentences._reference
    monkeypatch.setattr(
        sentences, "_reference", lambda text: replace(one, column="previous") if (one := read(text)).column == "value" else one
    )


def _up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are rounded up."""
    monkeypatch.setattr(labels, "ROUND_HALF_UP", ROUND_CEILING)


def _one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Things are one more than there are."""
    write = NumberStyle.things
    monkeypatch.setattr(NumberStyle, "things", lambda self, number, noun: write(self, number + 1, noun))


def _another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence is said that no form reads."""
    monkeypatch.setattr(verdict_views, "_once", lambda p, kind: "about once in 12 blue moons")


@pytest.mark.default
@pytest.mark.parametrize("mutant", [_previous, _up, _one_more, _another])
def test_a_wrong_number_is_found(
    book: Path, monkeypatch: pytest.MonkeyPatch, mutant: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """The figure before instead of this one, a number rounded up, a count off by one and an unknown sentence are found."""
    review = opened(book, *SOME[0])
    mutant(monkeypatch)
    assert len(found(review)) > 3


@pytest.mark.parametrize(
    ("text", "number", "right"),
    [
        ("€1,235", 1234.5, True), ("€1,234", 1234.5, True), ("€1,236", 1234.5, False), ("44.4%", 8 / 18, True),
        ("44.5%", 8 / 18, False), ("−23.8%", -0.238, True), ("−23.8%", 0.238, False), ("23.8%", -0.238, False),
        ("none", 0, True), ("No", 0, True), ("one", 1, True), ("two", 1, False), ("n/a", None, True), ("0", None, False),
        ("1.09×", 1.094, True), ("17.1 points", 0.171, True), ("2,000", 2000, True), ("2,000", 2001, False),
    ],
)  # fmt: skip
def test_what_is_read(text: str, number: float | None, right: bool) -> None:
    """A text is a number where it is that number rounded to the digits that it prints, sign and unit included."""
    assert told.written(text, number) is right
