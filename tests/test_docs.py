"""The documentation keeps its word: commands, flags, params keys and code blocks, wherever they stand."""

from __future__ import annotations

import os
import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest
import references
import typer
from ruamel.yaml import YAML

from reviewlib.cli.app import app, main
from reviewlib.conversation.goals.goalfile import Known, read_goals
from reviewlib.params import reading
from reviewlib.params.kpis import MAIN
from reviewlib.params.model import Params
from reviewlib.periods import Period
from reviewlib.run import freezing
from reviewlib.workbook import company, starter

ROOT = Path(__file__).parent.parent
#: Every page that people read, by its path.
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))
}
README, ALL = PAGES["README.md"], "\n".join(PAGES.values())
REFERENCE = PAGES["docs/params.md"]


def blocks(language: str, *, text: str = ALL) -> list[str]:
    """The code blocks of a language, those of lists without their indentation."""
    found = re.findall(r"^( *)```(\w*)\n(.*?)^ *```$", text, flags=re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{margin}", "", block, flags=re.MULTILINE) for margin, name, block in found if name == language]


def shell_lines() -> list[str]:
    """Every command line that is shown."""
    return [line for block in (*blocks("bash"), *blocks("")) for line in block.splitlines() if line]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo workbook with frozen evidence, outside the checkout; its company is smaller than the demo's own."""
    folder = tmp_path_factory.mktemp("demo")
    company.make_sample(folder, reps=14, deals=1500, name="demo")
    params = reading.load(starter.make_demo(folder))
    freezing.freeze(params, [Period.parse("2026-Q3")])
    return folder


def test_every_command_and_flag_is_documented() -> None:
    """The table of commands names each command with each of its options."""
    group = typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        line = next((line for line in ALL.splitlines() if line.startswith(f"| `reviewlib {name} ")), "")
        flags = [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
        assert line, name
        assert [flag for flag in flags if flag not in re.findall(r"--[a-z]+", line)] == [], name


def test_every_shown_command_is_one() -> None:
    """Each command that a page shows, in a block or between backticks, is there with all of its options."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    shown = [*shell_lines(), *re.findall(r"`(reviewlib [a-z][^`]*)`", ALL.replace("\n", " "))]
    ours = [
        line.rpartition("reviewlib ")[2].split("#")[0].split() for line in shown if re.search(r"(^|&& )reviewlib [a-z]", line)
    ]
    assert len(ours) > 30
    for name, *rest in ours:
        given = set(re.findall(r"--[a-z]+", " ".join(rest)))
        assert name in commands, name
        assert given <= {option for parameter in commands[name].params for option in parameter.opts} | {"--help"}, (name, rest)


def test_every_shown_verb_is_one() -> None:
    """Each session of nox that a page shows is in the noxfile, and each path given to pytest is there."""
    sessions = set(re.findall(r"@nox.session\ndef (\w+)", (ROOT / "noxfile.py").read_text(encoding="utf-8")))
    shown = [*shell_lines(), *re.findall(r"`((?:nox|pytest) [^`]+)`", ALL)]
    verbs = {verb for line in shown if line.startswith("nox -s ") for verb in line.split()[2:]}
    paths = {word for line in shown if line.startswith("pytest ") for word in line.split()[1:] if word.startswith("tests")}
    assert verbs
    assert verbs <= sessions
    assert paths
    assert {path for path in paths if not (ROOT / path).exists()} == set()


def test_every_kpi_is_documented() -> None:
    """The table of KPIs is that of their records: label, key, definition, how each is judged."""
    page = PAGES["docs/figures.md"]
    assert all(f"| `{key}` |" in page for key in MAIN)
    assert references.with_kpis(page) == page, "write it anew: python tests/references.py"


def test_every_params_key_is_in_the_reference() -> None:
    """The reference of params names each key of every section."""
    schema = reading.schema()
    keys = {key for part in [schema, *schema["$defs"].values()] for key in part.get("properties", {})}
    assert [key for key in sorted(keys) if key not in REFERENCE] == []


def test_python_blocks_run(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Python block runs as it stands, in a workbook's folder; CONTRIBUTING's are walked in a copy."""
    monkeypatch.chdir(demo)
    shown = [(page, block) for page, text in PAGES.items() for block in blocks("python", text=text)]
    assert {page for page, _ in shown} == {"CONTRIBUTING.md", "docs/conversation.md", "docs/notebooks.md"}
    for page, block in shown:
        if page != "CONTRIBUTING.md":
            exec(compile(block, page, "exec"), {})


def test_what_is_shown_of_params_and_goals_is_taken(demo: Path) -> None:
    """Params and goals files are taken as they stand; those of docs/params.md are held to its models with them."""
    plain = YAML(typ="safe").load((demo / "params" / "demo.yaml").read_text(encoding="utf-8"))
    shown = [block for page, text in PAGES.items() if page != "docs/params.md" for block in blocks("yaml", text=text)]
    assert len(shown) == 5
    for block in shown:
        taken = YAML(typ="safe").load(block)
        Params.model_validate(plain | taken | {"kpis": plain["kpis"] | taken.get("kpis", {})})
    (goals,) = [block for block in blocks("") if block.startswith("rep,")]
    (demo / "goals.csv").write_text(goals, encoding="utf-8")
    known = Known(teams={"R-014": "North"}, units={"win_rate": "percent"})
    (given,) = read_goals(demo / "goals.csv", known=known)
    assert (given.goal["target"], len(given.milestones)) == (0.45, 1)


def test_papermill_alone_runs_the_notebook(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The papermill command that is shown runs the template without our runner."""
    from papermill.cli import papermill

    (line,) = [line for line in shell_lines() if line.startswith("papermill")]
    monkeypatch.chdir(demo)
    papermill.main(shlex.split(line)[1:], standalone_mode=False)
    assert "Amara Okafor" in (demo / "out.ipynb").read_text(encoding="utf-8")


def test_two_snapshots_of_the_demo_are_compared_as_shown(
    demo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commands below "Two snapshots compared" work on the demo as whom the page says, and do not as it comes."""
    page, params = PAGES["docs/commands.md"], demo / "params" / "demo.yaml"
    (lines,) = [block.splitlines() for block in blocks("bash", text=page)]
    as_it_comes, (analyst,) = params.read_text(encoding="utf-8"), re.findall(r"`(acting_as: \w+)`", page)
    monkeypatch.chdir(demo)

    def codes() -> list[object]:
        found = []
        for line in lines:
            monkeypatch.setattr(sys, "argv", shlex.split(line))
            try:
                main()
            except SystemExit as end:
                found.append(end.code)
        return found

    assert codes() == [0, 0, 2]
    params.write_text(re.sub(r"acting_as: \w+", analyst, as_it_comes), encoding="utf-8")
    assert codes() == [0, 0, 0]
    assert "Nothing differs." in capsys.readouterr().out
    params.write_text(as_it_comes, encoding="utf-8")
    assert analyst in (typer.main.get_command(app).commands["diff"].epilog or "")  # type: ignore[attr-defined]


@pytest.mark.whole
def test_the_way_from_an_export_to_a_review_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of the README work one after the other on an export, and docs/setup.md shows the same."""
    small = company.make_sample(tmp_path / "company", reps=2, deals=120, name="small")
    (tmp_path / "opportunities.csv").write_bytes((small.parent / "small" / "deals.csv").read_bytes())
    monkeypatch.chdir(tmp_path)
    lines = [line for block in blocks("bash", text=README) for line in block.splitlines() if "acme" in line]
    assert [line.split()[1] for line in lines] == ["init", "check", "run"]
    assert [line for block in blocks("bash", text=PAGES["docs/setup.md"]) for line in block.splitlines()] == lines
    for line in lines:
        monkeypatch.setattr(sys, "argv", shlex.split(line))
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code, line
    pages = list((tmp_path / "reports" / "acme" / "2026-Q3").glob("*/rep/*.html"))
    assert len(pages) == 2


def test_the_two_commands_stand_in_the_readme() -> None:
    """The README prints the two commands for a fresh machine as they are."""
    printed = [block.strip() for block in blocks("bash", text=README)]
    assert "pip install -e . && reviewlib demo" in printed
    assert 'pip install -e ".[test]" && pytest' in printed


def test_what_was_measured_is_one_number_everywhere() -> None:
    """Each row of the README's table holds numbers of one row of docs/batch.md, the largest freeze among them."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in PAGES["docs/batch.md"].splitlines() if line[:1] == "|"
    ]
    table = [line for line in README.partition("| --- |")[2].splitlines()[1:] if line.startswith("|")]
    shown = [re.findall(r"[\d.,]*\d", line.partition("|")[2].partition("|")[2]) for line in table]
    assert len(shown) == 4
    for numbers in shown:
        assert [row for row in rows if set(numbers) <= set(row)], numbers
    freeze = {*re.findall(r"[\d,]*\d", table[-1].split("|")[1]), *shown[-1], "CSV"}
    assert [row for row in rows if set(row) == freeze]


def test_the_version_is_the_one_that_the_changelog_tells() -> None:
    """Snapshots and manifests say by it who wrote them, so it is that of the changelog's top, with .dev until its release."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    top, unreleased = re.findall(r"^## ([\d.]+)( \(unreleased\))?$", PAGES["CHANGELOG.md"], flags=re.MULTILINE)[0]
    assert re.fullmatch(re.escape(top) + (r"\.dev\d+" if unreleased else ""), version), version


def test_whatever_is_connected_to_is_said() -> None:
    """What leaves the machine names each params key and option that holds an address, and whose login it is asked with."""
    said = PAGES["SECURITY.md"].partition("## What leaves the machine")[2].partition("\n## ")[0]
    assert [name for name in ("`records.database`", "`crm.connect`", "`--scheduler`") if name not in said] == []
    assert [word for word in ("PostgreSQL", "Spark", "TLS", "Login and password") if word not in said] == []


def links(page: str) -> list[str]:
    """The relative links of a page, as they are written."""
    return [target for target in re.findall(r"\]\(([^)]+)\)", PAGES[page]) if "://" not in target]


def test_links_lead_somewhere() -> None:
    """Every relative link leads to a file, and to a heading of it where it names one."""
    for page in PAGES:
        for target in links(page):
            name, _, heading = target.partition("#")
            file = (ROOT / page).parent / name if name else ROOT / page
            assert file.exists(), (page, target)
            if heading:
                titles = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
                assert heading in [title.lower().replace(" ", "-") for title in titles], (page, target)


def test_the_readme_is_short_and_leads_everywhere() -> None:
    """It has one screen for each of the three people; details have pages of their own, which links lead to."""
    assert len(README.encode()) <= 9 * 1024
    seen, todo = set[str](), ["README.md"]
    while todo:
        page = todo.pop()
        if page in PAGES and page not in seen:
            seen.add(page)
            todo += [os.path.normpath(Path(page).parent / link.partition("#")[0]) for link in links(page)]
    assert set(PAGES) - seen == set()
