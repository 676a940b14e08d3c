"""Sentences whose numbers are cells of the scorecard."""

from __future__ import annotations

import pages_fixture as made
import pytest

from reviewlib.pages import sentences
from reviewlib.review import Review


@pytest.fixture(scope="module")
def review() -> Review:
    return made.opened(made.rep_slice())


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (
            "{won_deals} of {closed_deals} closed deals were won: {win_rate}, against a target of {win_rate.target}.",
            "49 of 92 closed deals were won: 53.3%, against a target of 40.0%.",
        ),
        ("{win_rate.change}", "+8.8 points"),
        ("{win_rate.change|abs}", "8.8 points"),
        ("{revenue.change|abs} and {revenue.change}", "€97,740 and +€97,740"),
        ("{pipeline_growth} {pipeline_growth|abs} {win_rate|signed}", "−19.0% 19.0% +53.3%"),
        ("{revenue.attainment} of {revenue.target}, {revenue.n} deals", "106.2% of €375,000, 49 deals"),
        ("{revenue@2026-Q1}, {revenue@previous}, {revenue@year_ago}", "€353,210, €300,480, €245,980"),
        ("{win_rate.peer_median}", "44%"),
        (
            "{pipeline_coverage.numerator} / {pipeline_coverage.denominator} = {pipeline_coverage}",
            "€512,360 / €400,000 = 1.28×",
        ),
        ("{retention_rate.numerator} of {retention_rate.denominator}", "17 of 28"),
        ("{revenue.target@previous|abs} of {revenue.n|abs}", "€345,000 of 49"),
        ("{revenue@2019-Q1} {nothing} {conversion_rate.low}", "n/a n/a n/a"),
        (
            "{first_name} of {team}: {period} after {previous_period}, to {last_day}",
            "Amara of North: 2026-Q3 after 2026-Q2, to 30 September 2026",
        ),
    ],
)
def test_fill(review: Review, template: str, text: str) -> None:
    """A reference becomes its cell in the unit of its column; a missing cell is n/a."""
    assert sentences.fill(review, template) == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{won_deals} of {closed_deals} closed deals were won", "1 of 1 closed deal was won"),
        ("{closed_deals} open deals have no date; {won_deals}: deals were", "1 open deal has no date; 1: deals were"),
        ("{closed_deals} won deals took, and deals were", "1 won deal took, and deals were"),
        ("The average of {lost_deals} won deals", "The average of no won deals"),
    ],
)
def test_one_reads_as_one(template: str, text: str) -> None:
    """What follows a number of one agrees with it, in its clause and no further."""
    data = made.rep_slice()
    value, kpi = (data["history"]["columns"].index(name) for name in ("value", "kpi"))
    for row in data["history"]["data"]:
        row[value] = {"won_deals": 1.0, "closed_deals": 1.0, "lost_deals": 0.0}.get(row[kpi], row[value])
    assert sentences.fill(made.opened(data), template) == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{lost_deals} of {base_accounts} accounts were", "None of 28 accounts were"),
        ("So {lost_deals} of {base_accounts} accounts were", "So none of 28 accounts were"),
        ("{lost_deals} customers bought; {lost_deals} were won.", "No customers bought; none were won."),
        ("It was {lost_deals} in {period}.", "It was 0 in 2026-Q3."),
        ("Read the {won_deals} lost deals of it.", "Read the one lost deal of it."),
        ("{revenue.change|signed}; {won_deals} of {base_accounts} deals were", "+€97,740; 1 of 28 deals was"),
    ],
)
def test_zero_and_one_in_words(template: str, text: str) -> None:
    """Nothing is no or none, at the start of a sentence with a capital, and one of the things is the one."""
    data = made.rep_slice()
    value, kpi = (data["history"]["columns"].index(name) for name in ("value", "kpi"))
    for row in data["history"]["data"]:
        row[value] = {"won_deals": 1.0, "lost_deals": 0.0}.get(row[kpi], row[value])
    assert sentences.fill(made.opened(data), template) == text


def test_the_parts_of_a_change_add_up() -> None:
    """What is said of the parts of a change adds up to what is said of the change, also where each alone would round up."""
    data = made.rep_slice()
    value, kpi = (data["history"]["columns"].index(name) for name in ("value", "kpi"))
    parts = {"change_won_deals": 10.5, "change_deal_size": 20.5, "change_refunds": 0.5, "change_unsplit": 0.0}
    for row in data["history"]["data"]:
        row[value] = parts.get(row[kpi], row[value])
    told = sentences.fill(made.opened(data), " ".join(f"{{{key}|signed}}" for key in parts))
    assert sum(int(part.replace("€", "")) for part in told.split()) == 32  # 31.5, rounded
    assert told == "+€11 +€20 +€1 €0"


def test_names_of_an_achievement(review: Review) -> None:
    """A placeholder that is no cell takes the text given for it, braces and markup included."""
    assert sentences.fill(review, "with {account}", {"account": "A{b} <i>"}) == "with A{b} <i>"


def test_figures_of_a_member() -> None:
    """On a team's page an achievement's figures are those of the rep whose achievement it is."""
    team = made.opened(made.team_slice())
    person = team.people["R-011"]
    assert sentences.fill(team, "{subject}: {revenue}", subject=person) == "Priya Raman: €589,370"


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{reveneu}", "no figure 'reveneu'"),
        ("{revenue.goal}", "no column 'goal'"),
        ("{revenue|loud}", "no modifier 'loud'"),
        ("{revenue@yesterday}", "no period 'yesterday'"),
        ("{Revenue!}", "not a reference"),
        ("{revenue", "a brace without its partner"),
        ("{subject.target}", "no figure 'subject'"),
    ],
)
def test_problems(template: str, words: str) -> None:
    """A template that cannot be filled says why."""
    assert any(words in problem for problem in sentences.problems(template, {"revenue"}))


def test_no_problems() -> None:
    """A template of known figures and names has none."""
    assert sentences.problems("{subject}: {revenue.target@previous|abs}, {account}", {"revenue"}, names={"account"}) == []


def test_pieces_mark_figures(review: Review) -> None:
    """Values of this period are told from words and from other cells."""
    kinds = [(piece.text, piece.kind) for piece in sentences.pieces(review, "{revenue} of {revenue.target}") if piece.text]
    assert kinds == [("€398,220", "figure"), (" of ", "words"), ("€375,000", "cell")]


@pytest.mark.parametrize(
    ("name", "first"),
    [("Amara Okafor", "Amara"), ("Okafor, Amara", "Okafor, Amara"), ("J. Smith", "J. Smith"), ("Noor", "Noor")],
)
def test_first_name(review: Review, name: str, first: str) -> None:
    """A first name is taken only where it is one."""
    from dataclasses import replace

    assert sentences.first_name(replace(review.subject, name=name)) == first
