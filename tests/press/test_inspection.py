"""What a page may not hold is found whatever a browser makes of it: Chromium is the judge."""

from __future__ import annotations

import json
import random
import re
import time
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from reviewlib.press.inspection import inspect_page

#: What pages are made of, harmless and not, and the ends and beginnings of it.
PIECES = (
    "<p>", "</p>", "<b>", "</b>", "<div>", "</div>", "<i class='a'>", "</i>", '<td class="num">', "<br>", "<br/>", "words ",
    "<svg>", "</svg>", "<math>", "</math>", "<style>", "</style>", "<title>", "</title>", "<textarea>", "</textarea>",
    "<!--", "-->", "--!>", "<!-->", "<!--->", "<!doctype html>", "<?x?>", "<![CDATA[", "]]>", "<", ">", "</", "/>", "/", "=",
    '"', "'", "`", " ", "\n", "\x0b", "\x0c", "\x85", "\xa0", "a", "ſ", "<a", "<p", "<img", ' title="', " title='", ' alt=',
    '" ', "' ", "<script>x()</script>", "<SCRIPT>", "<\x73cript >", "</script>", ' onclick="x()"', " onload=x()",
    "onerror='x()'",
    ' href="javascript:x()"', ' href="#a"', " href=java\tscript:x()", "<template>", "</template>", "<noscript>", "</noscript>",
    "<xmp>", "</xmp>", "<select>", "</select>", "<option>", "<table>", "</table>", "<foreignObject>", "<desc>", "&lt;",
)  # fmt: skip
#: What a browser finds in a page that runs: scripts, handlers, and links that are code.
JUDGE = """pages => JSON.stringify(JSON.parse(pages).map(page => {
    const found = [], look = root => {
        for (const one of root.querySelectorAll('*')) {
            if (one.localName.toLowerCase() === 'script') found.push('script');
            for (const {name, value} of one.attributes) {
                if (name.startsWith('on')) found.push(name);
                const url = value.replace(/[\\x00-\\x20]/g, '').toLowerCase();
                if (name === 'href' && url.startsWith('javascript:')) found.push(value);
            }
            if (one.content) look(one.content);
        }
    };
    look(new DOMParser().parseFromString(page, 'text/html'));
    return found;
}))"""
#: Letters without which the judge finds nothing in a page made of these pieces.
SUSPECT = re.compile("script|on", re.IGNORECASE)


@pytest.fixture(scope="module")
def judge(chromium: Browser) -> Page:
    page = chromium.new_page()
    page.set_content("<!doctype html><title>judge</title>")
    return page


def test_whatever_runs_in_a_browser_is_found(judge: Page) -> None:
    """Of 60,000 pages made of pieces at random, none in which Chromium finds something that runs is passed."""
    draw = random.Random(20261128)
    pages = ["".join(draw.choices(PIECES, k=draw.randint(2, 9))) for _ in range(60_000)]
    suspects = [page for page in pages if SUSPECT.search(page)]
    found: list[Any] = json.loads(judge.evaluate(JUDGE, json.dumps(suspects)))  # each value by itself takes Playwright longer
    runs = [page for page, runs in zip(suspects, found, strict=True) if runs]
    assert len(runs) > 3_000  # or the pieces are no test
    assert [page for page in runs if not inspect_page(page)] == []


@pytest.mark.parametrize(
    "page",
    [
        "<!--><script>x()</script>-->",
        "<!---><script>x()</script>-->",
        "<!-- --!><script>x()</script>-->",
        "<svg><style><script>x()</script></style></svg>",
        '<title><b title="</title><script>x()</script>"></b></title>',
        '<noscript><b title="</noscript><script>x()</script>"></b></noscript>',
        '<xmp><b title="</xmp><script>x()</script>"></b></xmp>',
        "<svg/onload=x()></svg>",
        '<p title="a"onclick="x()">1</p>',
        "<p title=a\x0conclick=x()>1</p>",
        "<p\x0bonclick=x()>1</p>",
        "<template><script>x()</script></template>",
        '<svg><a href="#a"><animate attributeName="href" to="javascript:x()"></animate></a></svg>',
        '<p title="a',
    ],
)
def test_what_readers_of_html_disagree_about_is_refused(page: str) -> None:
    """Comments that end early, words that are tags elsewhere, and attributes without a blank between them."""
    assert inspect_page(page)


@pytest.mark.parametrize(
    "page",
    [
        "1 < 2, a<1 and > or <= b",
        "<p title=a\x0bonclick>1</p>",
        "<p title='a>b' hidden data-a = b>1</p>",
        "<P CLASS=a>1</P>",
        "<!doctype html><!-- a > b - c -->",
        "<style>a > b { color: red } /* 1 < 2 */</style>",
        "<textarea rows=2>a < b</textarea>",
        "<input\n  disabled\n/>",
    ],
)
def test_what_is_plain_html_passes(page: str) -> None:
    """Blanks, quotes and letters may be written as HTML allows."""
    assert inspect_page(page) == []


def test_a_tag_counts_each_time_it_comes() -> None:
    """What is wrong with a tag is said at each place, with its line."""
    bad = '<a href="https://a.example">1</a>'
    said = '<a href="https://a.example">'
    assert inspect_page(f"{bad}\n<p>2</p>\n{bad}") == [f"line 1: {said}", f"line 3: {said}"]


@pytest.mark.parametrize("piece", ["<!-- ", "<a b='x ", "<a ", "<p class=a ", "</p "])
def test_what_is_broken_a_thousand_times_is_refused_at_once(piece: str) -> None:
    """Twice as many broken pieces take no more than about twice as long."""

    def seconds(count: int) -> float:
        began = time.process_time()
        assert inspect_page(piece * count)
        return time.process_time() - began

    assert seconds(40_000) < 8 * max(seconds(10_000), 0.01)
