"""What of an executed notebook reaches a page, and what a page may not hold."""

from __future__ import annotations

import base64
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from reviewlib.press import export, inspection


def notebook(*outputs: NotebookNode) -> NotebookNode:
    return new_notebook(cells=[new_code_cell("secret_code()", outputs=list(outputs), execution_count=7)])


def shown(data: dict[str, str], **own: Any) -> NotebookNode:
    return new_output("display_data", data=data, metadata={"reviewlib": own} if own else {})


def block(html: str, section: str = "", title: str = "") -> NotebookNode:
    return shown(
        {"text/html": html, "text/plain": "x"}, **({"section": section, "title": title} if section else {"chart": "trend"})
    )


def one(output: NotebookNode) -> str:
    (fragment,) = export.fragments(notebook(output))
    return fragment.html


def test_fragments_carry_our_metadata() -> None:
    """Each display keeps the metadata that our blocks and charts attach to it."""
    fragments = export.fragments(notebook(block("<p>1</p>", "summary", "Summary"), shown({"text/plain": "5"})))
    assert [dict(fragment.metadata) for fragment in fragments] == [{"section": "summary", "title": "Summary"}, {}]


def test_code_prompts_and_streams_are_dropped() -> None:
    """Neither code nor prompts, printed lines, warnings or errors reach a page."""
    nb = notebook(
        new_output("stream", name="stderr", text="careful"),
        new_output("stream", name="stdout", text="printed"),
        new_output("error", ename="E", evalue="bad", traceback=[]),
        block("<p>1</p>"),
    )
    assert [fragment.html for fragment in export.fragments(nb)] == ["<p>1</p>"]


def test_html_is_preferred_to_a_widget() -> None:
    """A form shows its static record; a widget without one shows nothing."""
    view = "application/vnd.jupyter.widget-view+json"
    assert one(shown({view: "m", "text/html": "<p>said</p>", "text/plain": "Box()"}, section="own")) == "<p>said</p>"
    assert export.fragments(notebook(shown({view: "m"}))) == []


def test_our_html_passes_as_it_is_and_other_html_is_reduced() -> None:
    """Only displays of our own keep styles and images; what somebody else displays keeps tables and words."""
    html = '<table style="x"><tr><td onclick="x()">1<script>x()</script><img src="data:image/png;base64,AA"></td></tr></table>'
    assert one(shown({"text/html": html}, section="s")) == html
    assert one(shown({"text/html": html})) == "<table><tbody><tr><td>1</td></tr></tbody></table>"


def test_markdown_is_rendered_without_what_loads_or_leads_away() -> None:
    """Markdown cells become text; images, remote links and raw HTML that runs do not survive."""
    text = "**Well** done ![x](https://a.example/p.png) [out](https://a.example) [mail](mailto:a@b.c)\n\n<script>x()</script>"
    (fragment,) = export.fragments(new_notebook(cells=[new_markdown_cell(text), new_markdown_cell("  ")]))
    assert "<strong>Well</strong>" in fragment.html
    assert 'href="mailto:a@b.c"' in fragment.html
    assert "a.example" not in fragment.html
    assert "<script" not in fragment.html
    assert "<img" not in fragment.html


def test_text_and_images_of_an_added_cell_are_escaped() -> None:
    """A value becomes preformatted text and a picture a data image whose description is its text."""
    assert one(shown({"text/plain": "a < b"})) == '<pre tabindex="0">a &lt; b</pre>'
    picture = one(shown({"image/png": "aGk=\n", "text/plain": '<Figure "1">'}))
    assert picture == '<p><img src="data:image/png;base64,aGk=" alt="&lt;Figure &#34;1&#34;&gt;"></p>'
    assert base64.b64encode(b"<svg/>").decode() in one(shown({"image/svg+xml": "<svg/>", "text/plain": "x"}))


GOOD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>R</title>
<link rel="icon" href="data:,"><style>a { background: url(data:image/png;base64,AA) } b { fill: url(#mark) }</style></head>
<body><p>1 < 2, and/or, 24/7, Q1/Q2 and C: or D<br>
<a href="#top">up</a> <a href="mailto:a@b.c">mail</a> <a href="../rep/a.html">copy</a> <a href="">here</a>
<img src="data:image/svg+xml;base64,PHN2Zy8+" alt="Win rate">
<picture><source srcset="data:image/jpeg;base64,/9j/AA==" media="print">
<img src="data:image/png;base64,+/tmp/aa" alt="x"></picture>
<svg viewBox="0 0 1 1"><path d="M0 0"/><use href="#mark"/></svg>
<ul><li>one<li>two</ul><table><tr><td>1<td>2</table></body></html>"""


def test_a_harmless_page_has_no_violations() -> None:
    """Fragments, mail addresses, relative links and data images are what a page may point to."""
    assert inspection.inspect_page(GOOD) == []


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("<script>x()</script>", "<script>"),
        ("<SCRIPT src=x.js></SCRIPT>", "<script>"),
        ("<svg><script>x()</script></svg>", "<script>"),
        ('<p onclick="x()">1</p>', "onclick"),
        ("<svg onload=x()></svg>", "onload"),
        ('<iframe srcdoc="x"></iframe>', "<iframe>"),
        ('<object data="x.svg"></object>', "<object>"),
        ('<base href="x">', "<base>"),
        ('<meta http-equiv="Refresh" content="0">', "refresh"),
        ('<a href="javascript:x()">1</a>', "javascript:"),
        ('<a href=" java\nscript:x()">1</a>', "javascript:"),
        ('<a href="&#106;avascript:x()">1</a>', "javascript:"),
        ('<a href="https://a.example">1</a>', "https:"),
        ('<a href="//a.example">1</a>', "//a.example"),
        ('<a href="\\\\a.example\\share">1</a>', "//a.example"),
        ('<a href="file:///x">1</a>', "file:"),
        ('<a href="/srv/x">1</a>', "/srv/x"),
        ('<a href="data:text/html,x">1</a>', "data:text"),
        ('<img src="http://a.example/p.png" alt="">', "http:"),
        ('<img srcset="x.png 1x, https://a.example/p.png 2x" alt="">', "https:"),
        ('<img srcset="x.png 1x,https://a.example/p.png 2x" alt="">', "https:"),
        ('<form action="https://a.example"></form>', "https:"),
        ('<link rel="stylesheet" href="https://a.example/x.css">', "https:"),
        ("<p style=\"background: URL( 'https://a.example/p' )\">1</p>", "https:"),
        ("<style>@import 'x.css';</style>", "x.css"),
        ("<style>b { background: url(//a.example/p) }</style>", "//a.example"),
        ("<svg><image xlink:href='http://a.example/p'/></svg>", "http:"),
        (f"<p>{Path.home()}/deals.csv</p>", "a path of this machine"),
        (f"<!-- {sys.prefix}/x.py -->", "a path of this machine"),
        ("<p>C:\\lib\\site-packages\\x.py</p>", "a path of this machine"),
        ("<div><p>1</p>", "<div> is never closed"),
        ("<p>1</p></div>", "</div> closes nothing"),
        ("<b><i>1</b></i>", "</b> closes nothing"),
    ],
)
def test_a_page_that_could_do_harm_is_refused(bad: str, said: str) -> None:
    """Whatever runs, loads, leads elsewhere, names this machine or does not parse is found."""
    found = inspection.inspect_page(f"<main>\n{bad}\n</main>")
    assert any(said in violation for violation in found), found


@pytest.mark.parametrize("words", ["see /tmp/report.xlsx", f"in {tempfile.gettempdir()}/x", "on /data/sales.csv"])
def test_folders_of_no_run_may_be_written_of(words: str) -> None:
    """What somebody writes of a file in a common folder keeps no page from being shared."""
    assert inspection.inspect_page(f"<p>{words}</p>") == []


def test_the_folder_of_the_notebook_and_of_its_kernel_may_not(tmp_path: Path) -> None:
    """The workbook's folder, the kernels' own and the cells' names are of this machine wherever they are."""
    for path in (tmp_path / "deals.csv", f"{tempfile.gettempdir()}/review-17-abc/k-ipc-1", "/tmp/ipykernel_17/42.py"):
        (violation,) = inspection.inspect_page(f"<p>see {path} there</p>", folder=tmp_path)
        assert violation == f"a path of this machine: {path}"


def test_paths_inside_charts_are_found() -> None:
    """A path of this machine is found inside an embedded chart too."""
    chart = base64.b64encode(f"<svg><!-- {Path.home()}/x.py --></svg>".encode()).decode()
    (violation,) = inspection.inspect_page(f'<img alt="" src="data:image/svg+xml;base64,{chart}">')
    assert "a path of this machine" in violation


def test_large_pages_are_inspected_at_once() -> None:
    """A page of several megabytes of charts takes well under the time of the run that made it."""
    chart = base64.b64encode(b"<path d='M0 0'/>" * 60_000).decode()
    began = time.process_time()
    assert inspection.inspect_page(f'<img alt="" src="data:image/svg+xml;base64,{chart}"><p>{"word " * 100_000}</p>') == []
    assert time.process_time() - began < 2


def test_a_violation_names_its_line() -> None:
    """A violation tells the line of the page."""
    assert inspection.inspect_page("<p>1</p>\n<p>2</p>\n<script></script>") == ["line 3: <script>"]


@pytest.mark.parametrize(
    ("html", "deep"),
    [
        ("<div>" * 10_001, True),
        ("<div>" * 10_000 + "</div>" * 10_000, False),
        ("<div></i>" * 10_001, True),
        ("<b><i>x</i>" * 10_001, True),
        ("<tr><td class='a'>x</td></tr>" * 20_000, False),
        ("x<br>" * 20_000, False),
        ("1 < 2 " * 20_000, False),
    ],
    ids=["open", "closed", "closed otherwise", "half closed", "table", "lines", "less than"],
)
def test_nesting_that_takes_too_long_is_told(html: str, deep: bool) -> None:
    """Tags that stand in each other are counted, and those that follow each other are not; ours are not looked at."""
    assert export.too_deep(shown({"text/html": html})) == deep
    assert not export.too_deep(block(html))
    assert not export.too_deep(new_output("stream", name="stdout", text=html))
