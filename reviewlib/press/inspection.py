"""What a page that is handed out may not hold: anything that runs, loads, leads elsewhere or names this machine."""

from __future__ import annotations

import base64
import binascii
import html as html_text
import os
import re
import tempfile
from html.parser import HTMLParser
from pathlib import Path

from reviewlib.press.clean import folders

_RUNS = frozenset({"script", "iframe", "frame", "frameset", "object", "embed", "applet", "base", "portal"})
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
)
_MAY_STAY_OPEN = frozenset(
    {"li", "dt", "dd", "p", "rt", "rp", "optgroup", "option", "caption", "colgroup"}
    | {"thead", "tbody", "tfoot", "tr", "td", "th", "html", "head", "body"}
)
_URLS = frozenset(
    {"src", "href", "xlink:href", "action", "formaction", "poster", "data", "background"}
    | {"cite", "ping", "manifest", "longdesc", "icon", "classid", "codebase"}
)
_IMAGES = frozenset({("img", "src"), ("img", "srcset"), ("source", "srcset"), ("link", "href")})
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:")
_CSS_URL = re.compile(r"url\(\s*['\"]?([^'\")]*)|@import\s+['\"]([^'\"]*)", re.IGNORECASE)
_IGNORED_IN_URLS = re.compile(r"[\x00-\x20\x7f]+")
_DATA = re.compile(r"data:[a-z0-9.+-]+/[a-z0-9.+-]+;base64,[A-Za-z0-9+/=]*")
_CANDIDATES = re.compile(r",\s+|(?<=\d[wx]),")  # a comma also stands inside a data URI
#: How the names of our kernels' folders begin among the temporary ones, of which a page may speak else.
_OURS = ("review-", "ipykernel_")
_SVG = re.compile(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=\s]+)")


def inspect_page(html: str, *, folder: Path | None = None) -> list[str]:
    """List what keeps a page from being shared, with line numbers; an empty list means that it may be.

    Allowed as targets: ``mailto:``, fragments, relative paths, and ``data:`` images.

    Args:
        html: The page.
        folder: Where its notebook ran, which it may not name.
    """
    page = _Page()
    page.feed(html)
    page.close()
    return [*page.violations, *page.unclosed(), *_machine_paths(html, folder)]


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.violations: list[str] = []
        self._open: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._look(tag, attrs)
        if tag not in _VOID:
            self._open.append((tag, self.getpos()[0]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._look(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open[-1][0] != tag and self._open[-1][0] in _MAY_STAY_OPEN:
            self._open.pop()
        if self._open and self._open[-1][0] == tag:
            self._open.pop()
        elif tag not in _VOID and tag not in _MAY_STAY_OPEN:
            self._say(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1][0] == "style":
            self._look_at_css(data)

    def unclosed(self) -> list[str]:
        return [f"line {line}: <{tag}> is never closed" for tag, line in self._open if tag not in _MAY_STAY_OPEN]

    def _say(self, what: str) -> None:
        self.violations.append(f"line {self.getpos()[0]}: {what}")

    def _look(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _RUNS:
            self._say(f"<{tag}>")
        for name, given in attrs:
            value = given or ""
            if name.startswith("on") or name == "srcdoc":
                self._say(f"<{tag} {name}>")
            elif name in _URLS:
                self._look_at_url(tag, name, value)
            elif name in ("srcset", "imagesrcset"):
                for candidate in _CANDIDATES.split(value):
                    self._look_at_url(tag, name, candidate)
            elif name == "style":
                self._look_at_css(value)
            elif name == "http-equiv" and value.strip().lower() == "refresh":
                self._say("<meta http-equiv=refresh>")

    def _look_at_url(self, tag: str, name: str, value: str) -> None:
        url = _IGNORED_IN_URLS.sub("", value).lower().replace("\\", "/")
        image = url.startswith(("data:image/", "data:,")) and (tag, name) in _IMAGES
        if image or url.startswith(("mailto:", "#")):
            return
        if url.startswith("/") or _SCHEME.match(url):
            self._say(f'<{tag} {name}="{url[:60]}">')

    def _look_at_css(self, css: str) -> None:
        for match in _CSS_URL.finditer(css):
            url = _IGNORED_IN_URLS.sub("", match[1] or match[2] or "").lower().replace("\\", "/")
            if match[2] is not None or (not url.startswith(("#", "data:image/", "data:font/")) and url):
                self._say(f"style loads {url[:60]}")


def _machine_paths(html: str, folder: Path | None) -> list[str]:
    """Look for folders of this machine in the page and in the charts inside it."""
    # Without the images' own letters, where a short path turns up by chance.
    texts = [html_text.unescape(_DATA.sub("", html)), *(_decoded(match[1]) for match in _SVG.finditer(html))]
    known = sorted(folders(folder), key=len, reverse=True)
    ours = [f"{place}{os.sep}{name}" for place in {tempfile.gettempdir(), "/tmp"} for name in _OURS]  # noqa: S108 - only read
    # The pattern is tried at every letter, so it is kept from texts where it cannot match.
    suspects = [text for text in texts if any(word in text for word in (*known, *ours, "site-packages"))]
    named = "|".join([*(rf"{re.escape(name)}[/\\]" for name in known), *map(re.escape, ours)])
    pattern = re.compile(rf"(?<![\w.])(?:{named})[^\s\"'<>]*|site-packages[/\\][^\s\"'<>]*")
    found = dict.fromkeys(match[0] for text in suspects for match in pattern.finditer(text))
    return [f"a path of this machine: {path[:400]}" for path in found]


def _decoded(image: str) -> str:
    try:
        return base64.b64decode(image, validate=False).decode("utf-8", "replace")
    except binascii.Error:
        return ""
