"""The params models: what they refuse, and where paths lead."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from reviewlib.params import rules as rules
from reviewlib.params.crm import Stages
from reviewlib.params.kpis import KPIS
from reviewlib.params.model import Params, Theme

BASE: dict[str, Any] = {
    "name": "acme",
    "currency": "EUR",
    "crm": {
        "deals": {
            "file": "acme/deals.csv",
            "columns": {"deal_id": "Id", "rep_id": "Owner", "stage": "Stage"},
            "stages": {"won": ["Won"], "lost": ["Lost"], "open": ["Open"]},
        }
    },
}
MEASURE = {"label": "Calls", "definition": "calls logged", "unit": "count", "better": "higher", "combine": "sum"}


def make(**changes: Any) -> Params:
    return Params.model_validate({**BASE, **changes})


def refusal(**changes: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        make(**changes)
    return str(caught.value)


def test_the_smallest_workbook_is_enough() -> None:
    """A name, a currency and the deals make a workbook; all else has a default."""
    params = make()
    assert params.crm.deals.format.delimiter == ","
    assert params.peers.by == ("role",)
    assert (params.judgement.gap, params.judgement.watch) == (0.005, 0.05)
    assert params.recognition[0].rule == "target_exceeded"


def test_params_never_change() -> None:
    """Params are frozen, down to the sections."""
    params = make()
    with pytest.raises(ValidationError):
        params.name = "other"
    with pytest.raises(ValidationError):
        params.peers.by = ()


def test_a_measure_is_described_in_full() -> None:
    """A key that is no built-in KPI needs all five descriptions, and the message lists those that lack."""
    assert make(kpis={"calls": MEASURE}).kpis["calls"].label == "Calls"
    for name in MEASURE:
        lacking = {key: value for key, value in MEASURE.items() if key != name}
        text = refusal(kpis={"calls": lacking})
        assert f"Add {name}" in text


@pytest.mark.parametrize("name", sorted(MEASURE))
def test_a_built_in_kpi_is_not_described_anew(name: str) -> None:
    """Label, definition, unit, direction and combination of a built-in KPI are its own."""
    assert f"kpis\n  win_rate.{name}" in refusal(kpis={"win_rate": {name: MEASURE[name]}})


@pytest.mark.parametrize(("typed", "meant"), [("win_rat", "win_rate"), ("Revenue", "revenue"), ("cycledays", "cycle_days")])
def test_a_mistyped_kpi_names_the_nearest(typed: str, meant: str) -> None:
    """A key near a built-in KPI, without a label, is a typing mistake."""
    assert f"Did you mean {meant}?" in refusal(kpis={typed: {"target": 0.5}})


def test_a_measure_may_be_named_like_a_kpi() -> None:
    """A described measure is no typing mistake, however near its key is to a built-in KPI."""
    assert "win_rates" in make(kpis={"win_rates": MEASURE}).kpis


@pytest.mark.parametrize("kpi", ["revenue", "win_rate"])
def test_only_retention_has_a_window(kpi: str) -> None:
    """The retention window stands on retention_rate and nowhere else."""
    assert make(kpis={"retention_rate": {"window_months": 12}}).kpis["retention_rate"].window_months == 12
    assert "only retention_rate has a window" in refusal(kpis={kpi: {"window_months": 12}})


@pytest.mark.parametrize(("key", "value", "fits"), [
    ("win_rate", 0, True),
    ("win_rate", 1, True),
    ("win_rate", 40, False),
    ("win_rate", -0.1, False),
    ("retention_rate", 1.01, False),
    ("deal_size", 8500, True),
    ("revenue_retention", 1.1, True),
    ("pipeline_growth", -0.1, True),
    ("cycle_days", 40, True),
])  # fmt: skip
@pytest.mark.parametrize("name", ["target", "benchmark"])
def test_shares_are_fractions(key: str, value: float, fits: bool, name: str) -> None:
    """A target or benchmark of a share lies between 0 and 1; figures that may pass 1 are left alone."""
    if fits:
        assert getattr(make(kpis={key: {name: value}}).kpis[key], name) == Decimal(str(value))
    else:
        assert f"{key}.{name}" in refusal(kpis={key: {name: value}})


def test_a_percentage_is_told_as_a_fraction() -> None:
    """Forty, meant as a percentage, is answered with the fraction to write."""
    assert "Write it as a fraction: 0.4 for 40 %" in refusal(kpis={"win_rate": {"target": 40}})


@pytest.mark.parametrize("section", ["playbook", "recognition"])
def test_rules_name_known_kpis(section: str) -> None:
    """Playbook and recognition may name built-in KPIs and the workbook's measures only."""
    extra = {"playbook": {"action": "Call."}, "recognition": {"rule": "personal_best"}}[section]
    assert make(kpis={"calls": MEASURE}, **{section: [{"kpi": "calls", **extra}, {"kpi": "win_rate", **extra}]})
    text = refusal(**{section: [{"kpi": "win_rate", **extra}, {"kpi": "win_rat", **extra}]})
    assert "1.kpi" in text
    assert "Did you mean win_rate?" in text
    assert "calls" in refusal(**{section: [{"kpi": "calls", **extra}]})


@pytest.mark.parametrize("rule", ["target_met", "personal_best", "comeback", "team_target", "top_quarter"])
def test_a_threshold_stands_on_a_rule_that_reads_it(rule: str) -> None:
    """A threshold that no rule would read is refused."""
    assert f"{rule} has no threshold" in refusal(recognition=[{"rule": rule, "at_least": 2}])
    assert make(recognition=[{"rule": "streak", "at_least": 2}]).recognition[0].at_least == 2


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("locale", ["en", "en_GB", "de-CH"], ["english", "xx_YY", ""]),
        ("currency", ["EUR", "CHF", "JPY"], ["eur", "EURO", "ZZZ", "ABC"]),
        ("timezone", ["Europe/Berlin", "UTC"], ["Berlin", "Europe/Nowhere", "", "../etc"]),
        ("name", ["acme", "a-1_b", "2026"], ["Acme", "a b", "", "-a", "a" * 42, "../x"]),
    ],
)
def test_names_of_the_world_are_known(key: str, good: list[str], bad: list[str]) -> None:
    """Locales, currencies, time zones and workbook names are checked before anything runs."""
    for value in good:
        assert getattr(make(**{key: value}), key) == value
    for value in bad:
        assert f"\n{key}\n" in refusal(**{key: value})


@pytest.mark.parametrize(
    ("form", "fits"),
    [
        ({"delimiter": ";"}, True),
        ({"delimiter": "\t"}, True),
        ({"delimiter": ";;"}, False),
        ({"delimiter": '"'}, False),
        ({"delimiter": "a"}, False),
        ({"encoding": "cp1252"}, True),
        ({"encoding": "UTF-16"}, True),
        ({"encoding": "utf-99"}, False),
        ({"encoding": "hex"}, False),
        ({"encoding": ""}, False),
    ],
)
def test_formats_can_be_used(form: dict[str, str], fits: bool) -> None:
    """A delimiter can separate fields and an encoding decodes text."""
    crm = {"deals": {**BASE["crm"]["deals"], "format": form}}
    if fits:
        assert make(crm=crm).crm.deals.format.model_dump(include=set(form)) == form
    else:
        assert next(iter(form)) in refusal(crm=crm)


def test_aliases_are_given_for_canonical_columns() -> None:
    """An alias for a column that no table has would never be read."""
    assert make(crm={**BASE["crm"], "aliases": {"product": {"GTXPro": "GTX Pro"}, "from": {"a": "b"}}})
    assert "Did you mean product?" in refusal(crm={**BASE["crm"], "aliases": {"produkt": {"a": "b"}}})


def test_a_stage_has_one_outcome() -> None:
    """A stage that stands twice is named."""
    with pytest.raises(ValidationError, match="stand twice: Done"):
        Stages(won=("Won", "Done"), lost=("Done",))


def test_stages_tell_their_outcome() -> None:
    """A stage has the outcome it is listed under, by its exact name."""
    stages = Stages(won=("Won",), lost=("Lost",), open=("New",))
    assert stages.outcomes == {"Won": "won", "Lost": "lost", "New": "open"}


def test_accents_are_readable() -> None:
    """An accent that cannot be read on its paper is refused; the standard ones can."""
    assert rules.contrast(Theme().accent, rules.LIGHT_PAPER) >= 4.5
    assert rules.contrast(Theme().accent_dark, rules.DARK_PAPER) >= 4.5
    assert "cannot be read on light paper" in refusal(theme={"accent": "#ffcc00"})
    assert "cannot be read on dark paper" in refusal(theme={"accent_dark": "#223344"})


@pytest.mark.parametrize(
    ("one", "other", "ratio"), [("#000000", "#ffffff", 21), ("#777777", "#ffffff", 4.48), ("#123456", "#123456", 1)]
)
def test_contrast_is_that_of_the_guidelines(one: str, other: str, ratio: float) -> None:
    """Contrast ratios equal the known values of WCAG, whichever colour comes first."""
    assert rules.contrast(one, other) == pytest.approx(ratio, abs=0.005)
    assert rules.contrast(other, one) == pytest.approx(ratio, abs=0.005)


def test_peers_have_columns_in_common() -> None:
    """Peers are named by any of three columns, and by none for everybody."""
    assert make(peers={"by": []}).peers.by == ()
    assert make(peers={"by": ["region", "role", "team"]}).peers.by == ("region", "role", "team")
    assert "peers.by.0" in refusal(peers={"by": ["manager"]})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"gap": 0.0009}, "greater than or equal to 0.001"),
        ({"gap": 0.1}, "less than 0.1"),
        ({"watch": 0.11}, "less than or equal to 0.1"),
        ({"watch": 0.001}, "greater than 0.001"),
        ({"gap": 0.05}, "gap < watch"),
        ({"watch": 0.005}, "gap < watch"),
        ({"gap": 0.02, "watch": 0.01}, "gap < watch"),
    ],
)
def test_probabilities_of_verdicts_have_limits(given: dict[str, float], words: str) -> None:
    """A shortfall is more seldom than a talk, and both lie between once in a thousand and once in ten."""
    assert words in refusal(judgement=given)
    assert make(judgement={"gap": 0.001, "watch": 0.1}).judgement.watch == 0.1


def test_what_is_material_lies_between_nothing_and_everything() -> None:
    """How far from its target a figure must be is more than 0 and less than 1, and said of figures that are judged."""
    for wrong in (0, -0.1, 1, "much"):
        assert "kpis.revenue.material" in refusal(kpis={"revenue": {"material": wrong}})
    assert "attainment is not judged. Remove material here." in refusal(kpis={"attainment": {"material": 0.1}})
    kpis = {"revenue": {"material": 0.1}, "win_rate": {"material": 0.03}, "calls": {**MEASURE, "material": 0.2}}
    assert make(kpis=kpis).kpis["win_rate"].material == 0.03


@pytest.mark.parametrize(
    ("key", "points", "material"),
    [("revenue", False, 0.05), ("cycle_days", False, 0.05), ("win_rate", True, 0.02), ("pipeline_growth", True, 0.02)],
)
def test_what_is_material_by_itself(key: str, points: bool, material: float) -> None:
    """Rates are told in points, the rest as a share of the target."""
    assert (KPIS[key].in_points, KPIS[key].material) == (points, material)


def test_history_begins_before_the_export() -> None:
    """History that begins after the export date contradicts it."""
    assert "lies after as_of" in refusal(as_of="2026-01-01", crm={**BASE["crm"], "history_from": "2026-02-01"})


@pytest.mark.parametrize(
    ("path", "root"),
    [("book/params/acme.yaml", "book"), ("book/acme.yaml", "book"), ("book/params/deep/acme.yaml", "book/params/deep")],
)
def test_reports_lie_beside_the_params_folder(tmp_path: Path, path: str, root: str) -> None:
    """The workbook's folder is the parent of params/, else the file's own; sources are found from the file."""
    params = make()
    params._path = tmp_path / path
    assert params.root == tmp_path / root
    assert params.reports == tmp_path / root / "reports" / "acme"
    assert params.file(params.crm.deals) == (tmp_path / path).parent / "acme" / "deals.csv"


PEOPLE: dict[str, Any] = {"roles": {"ann": "manager", "eve": "analyst"}, "logins": {"ann": "Ann Berg"}}


def test_people_may_be_named() -> None:
    """Managers and reps are somebody, analysts need not be."""
    people = make(people={**PEOPLE, "addresses": {"ann": "ann@acme.example"}, "acting_as": "ann"}).people
    assert (people.roles["eve"], people.logins["ann"], people.acting_as) == ("analyst", "Ann Berg", "ann")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"logins": {"ann": "Ann Berg", "bo": "R-1"}}, "logins.bo"),
        ({"addresses": {"bo": "bo@acme.example"}}, "addresses.bo"),
        ({"acting_as": "bo"}, "acting_as"),
        ({"logins": {}}, "roles.ann"),
    ],
)
def test_logins_have_roles_and_names(change: dict[str, Any], said: str) -> None:
    """A login without a role, and a manager who is nobody, are refused by their key."""
    assert said in refusal(people={**PEOPLE, **change})


def test_steps_of_a_review_come_in_order() -> None:
    """The signature is not due before the answer."""
    assert make(cadence={"due": {"answer": 5, "feedback": 5}}).cadence.due.feedback == 5
    assert "one after the other" in refusal(cadence={"due": {"answer": 20}})


@pytest.mark.parametrize(
    ("url", "fits"), [("postgresql://db/reviews", True), ("mysql://db/reviews", False), ("journal.db", False)]
)
def test_the_journal_is_kept_where_it_can_be(url: str, fits: bool) -> None:
    """A database that the journal is not made for is refused."""
    if fits:
        assert make(records={"database": url}).records.database == url
    else:
        assert "cannot be kept there" in refusal(records={"database": url})
