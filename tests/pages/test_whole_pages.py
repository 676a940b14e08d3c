"""Whole pages in a real Chromium: what they ask for, what they say, how they fit, what they hold."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import nbformat
import pages_fixture as made
import pytest
import talk
from browser import COLOURS, View, axe, overflow
from playwright.sync_api import Page

from reviewlib.pages import index
from reviewlib.pages.exporter import ReviewExporter
from reviewlib.pages.printing import page
from reviewlib.press.inspection import inspect_page
from reviewlib.review import Review

SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
WIDTHS = (320, 390, 640, 768, 1019, 1020, 1280, 1600)
#: Bytes of a page.
LARGEST = 200_000
LONG = "Wolfgang-Amadeus Theophilus von und zu Hohenzollern-Sigmaringen"


def _swiss() -> dict[str, Any]:
    """A slice with the longest names and numbers that a page must bear."""
    data = made.rep_slice("manager", locale="de_CH", currency="CHF", title=LONG)
    data["subject"] = {**data["subject"], "name": LONG, "manager": LONG, "team": LONG}
    data["deals"]["data"][0][1] = "DonaudampfschifffahrtsgesellschaftskapitänswitwenversicherungAG"
    return data


def _endless() -> Review:
    """A review in which everybody writes one word of five hundred letters into every field."""
    word = "Donaudampfschifffahrt" * 24
    one = talk.Talk()
    goal = one.manager("goal", statement=word, deliverable=word, scope=word, relevance="gap", because=word)
    one.manager("milestone", of=goal.id, text=word, due=dt.date(2026, 11, 1))
    one.manager("update", of=goal.id, status="open", note=word)
    one.rep("agreement", of=goal.id, agrees=False, text=word)
    one.rep("self_review", perspective=word, insights=f"- {word}", challenges=f"1. {word}")
    said = one.manager("feedback", stance="improve", behaviour=word, text=word, example=word)
    one.rep("reply", of=said.id, text=word)
    dispute = one.rep("dispute", kpi="win_rate", deal=word[:300], reason=word)
    one.manager("resolution", of=dispute.id, outcome="partly", text=word, snapshot_before=word[:300])
    one.manager("concern", text=word, doing=word, visibility="manager_only")
    one.manager("action", decision="dismissed", recommended=word, reason=word)
    one.manager("development", way="coaching", skill=word, text=word, owner=word, kpi="win_rate")
    one.manager("recognition", title=word, text=word, reward="bonus", reward_text=word)
    one.manager("rating", value=1, label=word, out_of=5, comment=word)
    one.manager("release", snapshot=talk.SNAPSHOT)
    one.manager("signoff", side="manager", how="disagree", name=word, comment=word, head="x")
    one.manager("amendment", text=word, of=goal.id)
    later = talk.Talk(period="2026-Q3", start=dt.datetime(2026, 10, 13, tzinfo=dt.UTC))
    before = talk.Talk(period="2026-Q2", start=dt.datetime(2026, 7, 13, tzinfo=dt.UTC))
    old = before.manager("action", decision="added", text=word)
    before.manager("release", snapshot="x")
    later.entries += one.entries
    later.manager("update", of=old.id, status="done", note=word)
    return made.talked(made.rep_slice("manager"), [before, later])


def _busy(count: int) -> dict[str, Any]:
    """A slice with so many deals and as many accounts."""
    data = made.rep_slice("manager")
    for table in ("deals", "accounts"):
        few = data[table]["data"]
        data[table] = {**data[table], "data": [few[place % len(few)] for place in range(count)]}
    return data


def _pages() -> dict[str, str]:
    slices = {
        "rep": made.rep_slice(),
        "manager": made.rep_slice("manager"),
        "team": made.team_slice(),
        "team_rep": made.team_slice("rep"),
        "empty": made.empty_slice(),
        "swiss": _swiss(),
    }
    pages = {name: page(made.notebook(made.opened(data))) for name, data in slices.items()}
    talked = {
        "talk_rep": made.talked(made.rep_slice(), talk.closed()),
        "talk_manager": made.talked(made.rep_slice("manager"), talk.released()),
        "talk_team": made.team_talked(),
        "endless": _endless(),
    }
    pages |= {name: page(made.notebook(review)) for name, review in talked.items()}
    return pages | {"index": index.index_page(made.index()), "problem": made.problem()}


PAGES = ("rep", "manager", "team", "team_rep", "empty", "swiss", "index", "problem")
PAGES += ("talk_rep", "talk_manager", "talk_team", "endless")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every kind of page as a file."""
    folder = tmp_path_factory.mktemp("pages")
    for name, html in _pages().items():
        (folder / f"{name}.html").write_text(html, "utf-8")
    return {name: folder / f"{name}.html" for name in PAGES}


def read(reader: View, path: Path, *, scheme: Literal["light", "dark"] = "light") -> Page:
    """Open a file anew; what it asks for and says is written down from here on."""
    place = reader.page.url.split("#")[0]
    shutil.copyfile(path, unquote(urlsplit(place).path))
    reader.page.set_viewport_size({"width": 1280, "height": 900})
    reader.page.emulate_media(color_scheme=scheme, media="screen")
    reader.requests.clear()
    reader.messages.clear()
    reader.page.goto("about:blank")
    reader.page.goto(place)
    return reader.page


@pytest.mark.parametrize("name", PAGES)
def test_page_is_quiet_and_accessible(reader: View, pages: dict[str, Path], name: str) -> None:
    """A page asks for nothing, logs nothing and has no axe violation, light and dark, with evidence unfolded."""
    for scheme in SCHEMES if name in ("rep", "index", "talk_rep", "talk_manager") else SCHEMES[:1]:
        shown = read(reader, pages[name], scheme=scheme)
        # The longest lists stay folded: axe takes seconds for each and they are made like the others.
        shown.evaluate("() => document.querySelectorAll('#ev-retention_rate, #ev-new_customers').forEach(e => e.open = true)")
        # Another scheme changes nothing but colours.
        assert axe(shown, *(() if scheme == SCHEMES[0] else COLOURS)) == []
        assert reader.requests == []
        assert reader.messages == []


@pytest.mark.parametrize("name", PAGES)
def test_page_fits_every_width(reader: View, pages: dict[str, Path], name: str) -> None:
    """Nothing scrolls sideways from a small phone to a wide screen, with every detail unfolded."""
    shown = read(reader, pages[name])
    shown.evaluate("() => document.querySelectorAll('details').forEach(e => e.open = true)")
    found = {}
    for width in WIDTHS:
        shown.set_viewport_size({"width": width, "height": 900})
        found[width] = overflow(shown)
    assert found == dict.fromkeys(WIDTHS, 0)


@pytest.mark.parametrize("name", PAGES)
def test_page_may_be_shared(pages: dict[str, Path], name: str) -> None:
    """A page holds no script, no code cell, no path of this machine, and forbids what it does not need."""
    html = pages[name].read_text("utf-8")
    assert inspect_page(html) == []
    assert "<script" not in html
    assert "rl.blocks" not in html or name == "problem"
    assert "default-src 'none'" in html
    assert html.count("<style>") == 1
    assert html.count("<main") == 1


@pytest.mark.parametrize("name", PAGES)
def test_page_is_small(pages: dict[str, Path], name: str) -> None:
    """A page is at most 200 KB, also one of the longest words in every field."""
    assert pages[name].stat().st_size <= LARGEST


def test_page_of_a_busy_rep_is_small() -> None:
    """A page does not grow with its deals: with thousands of them and all that can be said it is at most 200 KB."""
    size = len(page(made.notebook(made.talked(_busy(5000), talk.closed()))).encode())
    assert size <= LARGEST


def test_charts_stand_in_their_section(reader: View, pages: dict[str, Path]) -> None:
    """The charts of a section are inside it, and their alternative text says first value, last value and target."""
    alts = read(reader, pages["rep"]).locator("#change img").evaluate_all("found => found.map(e => e.alt)")
    assert alts[0] == "Sales revenue: €239,680 in 2024-Q4, €398,220 in 2026-Q3, target €375,000."
    assert alts[1] == "Win rate: 39.7% in 2024-Q4, 53.3% in 2026-Q3, target 40.0%."
    assert len(alts) == 4


def test_chart_follows_the_colour_scheme(reader: View, pages: dict[str, Path]) -> None:
    """One image serves both schemes: drawn on dark paper its pixels differ from those on light paper."""
    shots = []
    for scheme in SCHEMES:
        image = read(reader, pages["rep"], scheme=scheme).locator("#change img").first
        source = image.get_attribute("src")
        shots.append(image.screenshot())
    assert source is not None
    assert "prefers-color-scheme:dark" in base64.b64decode(source.partition(",")[2]).decode()
    assert shots[0] != shots[1]


def test_contents_lead_to_sections(reader: View, pages: dict[str, Path]) -> None:
    """Every link of the contents leads to a section, in the order of the page; so do the scorecard's links to the evidence."""
    shown = read(reader, pages["rep"])
    targets = shown.evaluate("() => [...document.querySelectorAll('.toc a')].map(a => a.hash.slice(1))")
    sections = shown.evaluate("() => [...document.querySelectorAll('main section')].map(s => s.id)")
    dead = shown.evaluate(
        "() => [...document.querySelectorAll('a[href^=\"#\"]')].filter(a => !document.getElementById(a.hash.slice(1))).length"
    )
    assert targets == sections == made.REP[1:]
    assert dead == 0


def test_print_shows_the_evidence(reader: View, pages: dict[str, Path]) -> None:
    """On paper the evidence is unfolded and the contents list is gone."""
    shown = read(reader, pages["rep"])
    shown.emulate_media(media="print")
    assert shown.locator("#ev-win_rate dd").first.is_visible()
    assert not shown.locator(".toc").is_visible()


def test_lab_style_touches_nothing_outside(reader: View, tmp_path: Path) -> None:
    """The header's style in a notebook leaves everything outside its own outputs as it was."""
    from reviewlib.pages import blocks

    header = blocks.header(made.opened(made.rep_slice())).html
    outside = "<h1 id=o>x</h1><table id=t><tr><td>1</td></tr></table>"
    look = (
        "() => ['o','t'].map(i => { const s = getComputedStyle(document.getElementById(i));"
        " return JSON.stringify([...s].map(p => s[p])); })"
    )
    found = []
    for name, html in (("plain", outside), ("styled", outside + header)):
        path = tmp_path / f"{name}.html"
        path.write_text(f"<!doctype html><meta charset=utf-8><body>{html}", "utf-8")
        shown = read(reader, path)
        found.append(shown.evaluate(look))
        if name == "styled":
            assert shown.locator(".rl h1").evaluate("e => getComputedStyle(e).fontWeight") == "650"
    assert found[0] == found[1]


@pytest.mark.whole
def test_nbconvert_makes_the_same_page(tmp_path: Path) -> None:
    """``jupyter nbconvert --to review`` writes the page that the library writes."""
    nb = made.notebook(made.opened(made.rep_slice()))
    source = tmp_path / "amara.ipynb"
    nbformat.write(nb, source)
    ran = subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "review", str(source)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "amara.html").read_text("utf-8").rstrip("\n") == page(nb).rstrip("\n")


def test_widget_state_and_foreign_html_stay_out() -> None:
    """Widget state, code and scripts of other cells do not reach the page; a manager's note does."""
    nb = made.notebook(made.opened(made.rep_slice("manager")))
    nb.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {"x": "secret text"}}}
    nb.cells.append(nbformat.v4.new_markdown_cell("Agreed in the **talk**.<script>alert(1)</script>"))
    output = nbformat.v4.new_output("display_data", data={"text/html": "<img src=x onerror=alert(1)>kept words"})
    nb.cells.append(nbformat.v4.new_code_cell("secret_code()", outputs=[output]))
    html, resources = ReviewExporter().from_notebook_node(nb)
    assert inspect_page(html) == []
    assert "secret" not in html
    assert "<strong>talk</strong>" in html
    assert "kept words" in html
    assert resources["output_extension"] == ".html"


def test_accent_that_is_no_colour_is_refused() -> None:
    """A theme colour from the notebook's metadata reaches the style only as six hexadecimal digits."""
    nb = made.notebook(made.opened(made.rep_slice()))
    nb.cells[0].outputs[0].metadata["reviewlib"]["accent"] = "red}body{background:url(https://example.org)"
    html = page(nb)
    assert "example.org" not in html
    assert "--accent:#174f96" in html


def test_page_is_the_same_twice() -> None:
    """The same evidence gives the same bytes."""
    one, two = (page(made.notebook(made.opened(made.rep_slice()))) for _ in range(2))
    assert one == two


def test_rep_copy_names_no_other_rep(pages: dict[str, Path]) -> None:
    """A rep's copy of a team holds no rep's name, and a rep's own copy says that it is a draft."""
    html = {name: pages[name].read_text("utf-8") for name in ("team", "team_rep", "rep", "manager")}
    for name in ("Priya Raman", "Jonas Lindqvist", "Kwame"):
        assert name in html["team"]
        assert name not in html["team_rep"]
    assert re.search(r"<b>Draft\.</b>", html["rep"])
    assert "Draft." not in html["manager"]
    assert "Manager’s copy" in html["manager"]


def test_names_are_escaped() -> None:
    """Markup in a name or an account is text."""
    data = made.rep_slice()
    evil = "<img src=x onerror=alert(1)>"
    data["subject"]["name"] = evil
    data["deals"]["data"][3][1] = evil
    html = page(made.notebook(made.opened(data)))
    assert evil not in html
    assert inspect_page(html) == []


def test_problem_page_says_what_failed() -> None:
    """A problem page names the cell, the message as text, and the command that repeats the review alone."""
    html = made.problem()
    assert "rl.blocks.customers(review)" in html
    assert "&lt;b&gt;&amp;" in html
    assert "--rep R-031" in html


def test_template_folder_is_complete() -> None:
    """The exporter's template folder tells nbconvert its base."""
    folder = Path(index.__file__).parent / "templates" / "review"
    assert json.loads((folder / "conf.json").read_text("utf-8"))["base_template"] == "base"


def test_a_managers_text_cell_is_printed_where_it_stands() -> None:
    """Text between two sections closes the section before it, without script, after the charts."""
    notebook = made.notebook(made.opened(made.rep_slice()))
    notebook.cells.insert(4, nbformat.v4.new_markdown_cell("A **manager's** note <script>alert(1)</script>"))
    html = page(notebook)
    assert "<strong>manager's</strong> note &lt;script&gt;" in html
    assert inspect_page(html) == []
