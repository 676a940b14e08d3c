"""What people write stays text: scripts and markup in every free-text field, on real pages in Chromium."""

from __future__ import annotations

import html
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlsplit

import pages_fixture as made
import pytest
import talk
from browser import View, view
from playwright.sync_api import Browser

from reviewlib.conversation.kinds import KINDS
from reviewlib.pages import blocks
from reviewlib.pages.rendering import page_style, render
from reviewlib.pages.signing import amendment_page
from reviewlib.params.model import Theme
from reviewlib.periods import Period
from reviewlib.press.inspection import inspect_page
from reviewlib.review import Review

#: What runs, or asks for something, wherever text becomes markup. ``{n}`` tells them apart.
PAYLOADS = (
    "<script>top.ran={n};console.log('ran {n}')</script>",
    "<img src=x onerror=\"console.log('ran {n}')\">",
    "<img src=http://evil.test/{n}.png>",
    "![pixel](http://evil.test/{n}.png)",
    "[click](javascript:console.log('ran {n}'))",
    "<svg onload=\"console.log('ran {n}')\"></svg>",
    "<svg><script>console.log('ran {n}')</script></svg>",
    "<iframe src=\"javascript:console.log('ran {n}')\"></iframe>",
    "<iframe srcdoc=\"<script>console.log('ran {n}')</script>\"></iframe>",
    "<body onload=\"console.log('ran {n}')\">",
    "<details open ontoggle=\"console.log('ran {n}')\">x</details>",
    "<video autoplay onloadstart=\"console.log('ran {n}')\"><source src=x></video>",
    "<audio src=http://evil.test/{n}.mp3 autoplay>",
    "<input autofocus onfocus=\"console.log('ran {n}')\">",
    "<link rel=stylesheet href=http://evil.test/{n}.css>",
    "<style>@import url(http://evil.test/{n}.css);</style>",
    "<style>body{{background:url(http://evil.test/{n}.png)}}</style>",
    "<p style=\"background:url(http://evil.test/{n}.png)\">x</p>",
    "<meta http-equiv=refresh content=\"0;url=http://evil.test/{n}\">",
    "<base href=http://evil.test/{n}/>",
    "<object data=http://evil.test/{n}></object>",
    "<embed src=http://evil.test/{n}>",
    "<form action=http://evil.test/{n}><button autofocus>x</button></form>",
    "<math><mtext><script>console.log('ran {n}')</script></mtext></math>",
    "<template><script>console.log('ran {n}')</script></template>",
    "<noscript><p title=\"</noscript><img src=x onerror=console.log('ran {n}')>\">",
    "</textarea><script>console.log('ran {n}')</script>",
    "</title><script>console.log('ran {n}')</script>",
    "</style><script>console.log('ran {n}')</script>",
    "--><script>console.log('ran {n}')</script><!--",
    "]]><script>console.log('ran {n}')</script>",
    "\" onmouseover=\"console.log('ran {n}')\" autofocus onfocus=\"console.log('ran {n}')",
    "' onfocus='console.log(`ran {n}`)' autofocus x='",
    "{{{{ 7*7 }}}}{{% raw %}}<script>console.log('ran {n}')</script>{{% endraw %}}",
    "${{console.log('ran {n}')}}",
    "&lt;script&gt;console.log('ran {n}')&lt;/script&gt;",
    "&#60;script&#62;console.log('ran {n}')&#60;/script&#62;",
    "\u003cscript\u003econsole.log('ran {n}')\u003c/script\u003e",
    "<scr<script>ipt>console.log('ran {n}')</scr</script>ipt>",
    "<a href=\"data:text/html,<script>console.log('ran {n}')</script>\">x</a> <http://evil.test/{n}>",
)  # fmt: skip


def _payload(number: int) -> str:
    return PAYLOADS[number].format(n=number)


def _talk(text: str) -> talk.Talk:
    """A review in which every free-text field of every kind says the same."""
    said = talk.Talk(name=text, subject="R-014")

    def say(kind: str, **more: Any) -> str:
        fields = talk.filled(kind, "x") | dict.fromkeys(talk.free_text(kind), text) | more
        write = said.rep if KINDS[kind].by == {"rep"} else said.manager
        return write(kind, **fields).id

    say("self_review")
    dispute, feedback = say("dispute", deal=text[:300]), say("feedback")
    say("feedback", kpi=None)
    goal, action, development, concern = (say(kind) for kind in ("goal", "action", "development", "concern"))
    milestone = say("milestone", of=goal)
    say("resolution", of=dispute)
    say("reply", of=feedback)
    say("agreement", of=goal)
    for one, status in ((goal, "met"), (action, "done"), (development, "done"), (concern, "resolved"), (milestone, "done")):
        say("update", of=one, status=status)
    for kind in ("feedback_to_manager", "recognition", "rating", "note", "release"):
        say(kind)
    for side in ("rep", "manager"):
        say("signoff", side=side, how="disagree")
    say("amendment", of=feedback)
    return said


def _page(review: Review) -> str:
    """The written sections as a page has them."""
    found = [getattr(blocks, name)(review) for name in blocks.WRITTEN if name not in ("team_goals", "reviews", "skills")]
    parts = [{"id": one.metadata["section"], "title": one.metadata["title"], "whole": one.html} for one in found]
    css = page_style(accent="", accent_dark="", running=review.subject.name)
    return render("review/index.html.j2", css=css, title=review.subject.name, top=parts[:1], parts=parts[1:], foot="x")


def _pages(number: int) -> dict[str, str]:
    """Every page that holds people's words: both copies, this period's words and the last one's, and an amendment."""
    text = _payload(number)
    said, before = _talk(text), _talk(text)
    before.period = "2026-Q2"
    before.entries = [_moved(entry) for entry in before.entries]
    shown = {who: _page(made.talked(made.rep_slice(who), [before, said])) for who in ("manager", "rep")}
    params: Any = SimpleNamespace(title=text, theme=Theme(), local=lambda moment: moment)
    amended = replace(said.entries[-1], author_name=text)
    period = Period.parse("2026-Q3")
    page = amendment_page(params, amended, name=text, period=period, number=1, about=text, signed="signed.html")
    return shown | {"amendment": page}


def _moved(entry: Any) -> Any:
    return replace(entry, about=replace(entry.about, period="2026-Q2"), id=f"q2-{entry.id}", payload=_about_q2(entry.payload))


def _about_q2(payload: Any) -> Any:
    of = getattr(payload, "of", None)
    return payload.model_copy(update={"of": f"q2-{of}"}) if of else payload


def test_there_are_forty() -> None:
    """Forty different payloads."""
    assert len({_payload(number) for number in range(len(PAYLOADS))}) == 40


def test_the_harness_notices(chromium: Browser, tmp_path: Path) -> None:
    """A page on which the payloads are markup runs scripts and asks for things, and the harness sees both."""
    path = tmp_path / "control.html"
    path.write_text("<!doctype html><title>x</title>" + _payload(0) + _payload(1) + _payload(2), encoding="utf-8")
    with view(chromium, path) as seen:
        seen.page.wait_for_timeout(300)
        assert any("ran 0" in message for message in seen.messages)
        assert any("ran 1" in message for message in seen.messages)
        assert any("evil.test/2" in request for request in seen.requests)


@pytest.mark.parametrize("number", range(len(PAYLOADS)))
def test_nothing_runs_and_nothing_is_asked_for(reader: View, number: int) -> None:
    """Each payload stands on the page as text in every field; nothing runs, no request leaves, and it may be shared."""
    path = Path(unquote(urlsplit(reader.page.url).path))
    for name, content in _pages(number).items():
        path.write_text(content, encoding="utf-8")
        assert inspect_page(content) == [], name
        reader.page.reload()
        reader.page.evaluate("() => document.querySelectorAll('a, button, summary').forEach(each => each.focus())")
        reader.page.wait_for_timeout(20)
        assert (reader.messages, reader.requests) == ([], []), name
        shown = " ".join(reader.page.inner_text("main").split())
        wanted = " ".join(_payload(number).split())
        assert wanted in shown or html.unescape(wanted) in shown, name
