"""The documentation keeps its word: commands, flags, params keys and code blocks."""

from __future__ import annotations

import datetime as dt
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML

from reviewlib.cli.app import app, main
from reviewlib.conversation.goals.goalfile import Known, read_goals
from reviewlib.evidence import kpis, sources
from reviewlib.evidence.kpis import KPIS, MAIN
from reviewlib.evidence.period import compile_dossier
from reviewlib.evidence.slices import Slicer
from reviewlib.pages import blocks as sections
from reviewlib.params import reading
from reviewlib.params.model import Params
from reviewlib.params.rules import BUILT_IN_KPIS
from reviewlib.periods import Period
from reviewlib.review import from_slice
from reviewlib.run import freezing
from reviewlib.workbook import company, starter

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
REFERENCE = (ROOT / "docs" / "params.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.replace("\n   ", "\n"), flags=re.DOTALL)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo workbook with frozen evidence, outside the checkout."""
    folder = tmp_path_factory.mktemp("demo")
    params = reading.load(starter.make_demo(folder))
    freezing.freeze(params, [Period.parse("2026-Q3")])
    return folder


def test_every_command_and_flag_is_in_the_readme() -> None:
    """The README's table names each command with each of its options."""
    group = typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        line = next((line for line in README.splitlines() if line.startswith(f"| `reviewlib {name} ")), "")
        flags = [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
        assert line, name
        assert [flag for flag in flags if flag not in re.findall(r"--[a-z]+", line)] == [], name


def test_every_kpi_is_in_the_readme() -> None:
    """The README lists each KPI with its label, key and definition."""
    assert [key for key in MAIN if f"| {KPIS[key].label} | `{key}` | {KPIS[key].definition} |" not in README] == []


def test_params_rules_know_the_kpis() -> None:
    """The keys that params check against are the KPIs proper."""
    assert set(BUILT_IN_KPIS) == set(MAIN)


def test_every_params_key_is_in_the_reference() -> None:
    """The reference of params names each key of every section."""
    schema = reading.schema()
    keys = {key for part in [schema, *schema["$defs"].values()] for key in part.get("properties", {})}
    assert [key for key in sorted(keys) if key not in REFERENCE] == []


def test_python_blocks_run(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Python block of the README runs as it stands, in a workbook's folder."""
    monkeypatch.chdir(demo)
    assert len(blocks("python")) == 2
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), {})


def test_adding_a_kpi_is_one_entry(demo_params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's entry alone brings a new KPI: measured, judged among the peers, and printed with its calculation."""
    scope: dict[str, Any] = {}
    exec(compile(next(block for block in blocks("python") if "Kpi(" in block), "README.md", "exec"), scope)
    entry = scope["largest_share"]
    monkeypatch.setattr(kpis, "KPIS", {**kpis.KPIS, entry.key: entry})
    dossier = compile_dossier(demo_params, sources.read(demo_params), Period.parse("2026-Q3"))
    sliced = Slicer(dossier, snapshot="0" * 12, frozen_at=dt.datetime(2026, 10, 15, tzinfo=dt.UTC)).rep("R-014", "rep")
    review = from_slice(sliced, demo_params.fiscal)
    figure = review.figure("largest_share")
    won = review.deals[review.deals["sale"]]["amount"]
    assert figure.value == pytest.approx(won.max() / won.sum())
    assert figure.verdict in ("strength", "on_track", "watch")
    assert "Share of the largest deal" in sections.scorecard(review).html
    assert f"€{won.max():,.0f}" in sections.figures(review).html


def test_the_conversation_s_blocks_run(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What docs/conversation.md shows of Python, params and goals files is taken as it stands."""
    text = (ROOT / "docs" / "conversation.md").read_text(encoding="utf-8")
    monkeypatch.chdir(demo)
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(compile(block, "conversation.md", "exec"), {})
    plain = YAML(typ="safe").load((demo / "params" / "demo.yaml").read_text(encoding="utf-8"))
    for block in re.findall(r"```yaml\n(.*?)```", f"{text}\n{README}", flags=re.DOTALL):
        Params.model_validate(plain | YAML(typ="safe").load(block))
    (goals,) = re.findall(r"```\n(rep,.*?)```", text, flags=re.DOTALL)
    (demo / "goals.csv").write_text(goals, encoding="utf-8")
    known = Known(teams={"R-014": "North"}, units={"win_rate": "percent"})
    (given,) = read_goals(demo / "goals.csv", known=known)
    assert (given.goal["target"], len(given.milestones)) == (0.45, 1)


def test_papermill_alone_runs_the_notebook(demo: Path) -> None:
    """The README's papermill command runs the template without our runner."""
    line = next(line for block in blocks("bash") for line in block.splitlines() if line.startswith("papermill"))
    command = [sys.executable, "-m", *shlex.split(line)]
    result = subprocess.run(command, cwd=demo, capture_output=True, text=True, timeout=240, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    assert "Amara Okafor" in (demo / "out.ipynb").read_text(encoding="utf-8")


@pytest.mark.whole
def test_the_way_from_an_export_to_a_review_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of "From your CRM export to your first review" work one after the other on an export."""
    small = company.write_company(tmp_path / "company", reps=2, deals=120, name="small")
    (tmp_path / "opportunities.csv").write_bytes((small.parent / "small" / "deals.csv").read_bytes())
    monkeypatch.chdir(tmp_path)
    lines = [line for block in blocks("bash") for line in block.splitlines() if "acme" in line]
    assert [line.split()[1] for line in lines] == ["init", "check", "run"]
    for line in lines:
        monkeypatch.setattr(sys, "argv", shlex.split(line))
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code, line
    pages = list((tmp_path / "reports" / "acme" / "2026-Q3").glob("*/rep/*.html"))
    assert len(pages) == 2


def test_the_two_commands_stand_in_the_readme() -> None:
    """The README prints the two commands for a fresh machine as they are."""
    printed = [block.strip() for block in blocks("bash")]
    assert "pip install -e . && reviewlib demo" in printed
    assert 'pip install -e ".[test]" && pytest' in printed


def test_links_lead_somewhere() -> None:
    """Every relative link of the README and the docs leads to a file."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert "://" in target or (page.parent / target).exists(), (page.name, target)
