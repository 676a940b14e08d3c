"""What a page that is handed out may not hold: anything that runs, loads, leads elsewhere or names this machine."""

import base64
import binascii
import functools
import html as html_text
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reviewlib.press.clean import folders

_BLANK = r"[ \t\n\f\r]"
_VALUE = r"""(?: "([^"]*+)" | '([^']*+)' | ([^ \t\n\f\r"'=<>`]++) )"""
_ATTRIBUTE = rf"""{_BLANK}++ ([^ \t\n\f\r"'<>/=]++) (?: {_BLANK}*+ = {_BLANK}*+ {_VALUE} )?+"""
_NAME = r"[a-z][a-z0-9:-]*+"
_FLAGS = re.ASCII | re.DOTALL | re.IGNORECASE | re.VERBOSE
#: A piece of markup as our templates and nh3 write it; what a browser would have to mend or to guess at is ``broken``, so that
#: nobody reads words where another reads a tag. Where something is broken the walk ends, and within a tag no quantifier gives
#: anything back: a long page takes no longer per letter.
_MARKUP = re.compile(
    rf"""<(?:
        (?P<start> {_NAME} (?: {_ATTRIBUTE} )*+ {_BLANK}*+ /?+ > )
        | / (?P<end> {_NAME} ) {_BLANK}*+ >
        | (?P<comment> !-- (?! -?> ) .*? --!?> )
        | (?P<doctype> !doctype {_BLANK} [^<>]*+ > )
        | (?P<broken> [a-z/!?] )
    )""",
    _FLAGS,
)
_NAMES = re.compile(_NAME, _FLAGS)
_ATTRIBUTES = re.compile(_ATTRIBUTE, _FLAGS)
_RUNS = frozenset(
    {"script", "iframe", "frame", "frameset", "object", "embed", "applet", "base", "portal"}
    | {"animate", "animatemotion", "animatetransform", "set"}  # which may lead a link elsewhere
    | {"noembed", "noframes", "noscript", "plaintext", "template", "xmp"}  # which browsers read in ways of their own
)
#: Elements that hold words only; what looks like a tag in them is one or not, depending on where they stand.
_WORDS = frozenset({"style", "title", "textarea"})
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
#: Letters below which a tag is worth remembering.
_SHORT = 300
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
    page = _Page(html)
    page.walk()
    return [*page.violations, *_machine_paths(html, folder)]


@dataclass(frozen=True, slots=True)
class _Tag:
    """What one start tag says: its name, what is wrong with it, and whether something may follow inside."""

    name: str
    violations: tuple[str, ...]
    opens: bool


class _Page:
    """Walks through the markup of a page."""

    def __init__(self, html: str) -> None:
        self.violations: list[str] = []
        self._html = html
        self._open: list[tuple[str, int]] = []

    def walk(self) -> None:
        for markup in _MARKUP.finditer(self._html):
            kind = markup.lastgroup
            if self._open and self._open[-1][0] in _WORDS and kind != "end":
                self._say(markup.start(), f"<{self._open[-1][0]}> holds {markup[0][:40]}")
            if kind == "start":
                self._start(markup)
            elif kind == "end":
                self._end(markup)
            elif kind == "broken":
                self._say(markup.start(), f"no plain HTML: {self._html[markup.start() : markup.start() + 40]}")
                return  # what follows, nobody can tell
        for name, position in self._open:
            if name not in _MAY_STAY_OPEN:
                self._say(position, f"<{name}> is never closed")

    def _start(self, markup: re.Match[str]) -> None:
        text = markup[0]
        tag = (_known if len(text) < _SHORT else _read)(text)
        for violation in tag.violations:
            self._say(markup.start(), violation)
        if tag.opens:
            self._open.append((tag.name, markup.end()))

    def _end(self, markup: re.Match[str]) -> None:
        name = markup["end"].lower()
        while self._open and self._open[-1][0] != name and self._open[-1][0] in _MAY_STAY_OPEN:
            self._open.pop()
        if self._open and self._open[-1][0] == name:
            _, begin = self._open.pop()
            if name == "style":
                for violation in _css(self._html[begin : markup.start()]):
                    self._say(begin, violation)
        elif name not in _VOID and name not in _MAY_STAY_OPEN:
            self._say(markup.start(), f"</{name}> closes nothing")

    def _say(self, position: int, what: str) -> None:
        line = self._html.count("\n", 0, position) + 1
        self.violations.append(f"line {line}: {what}")


def _read(text: str) -> _Tag:
    """Read a start tag, from its ``<`` to its ``>``."""
    found = _NAMES.match(text, 1)
    assert found is not None
    name = found[0].lower()
    violations = [f"<{name}>"] if name in _RUNS else []
    end = found.end()
    while (attribute := _ATTRIBUTES.match(text, end)) is not None:
        given = next((value for value in attribute.groups()[1:] if value is not None), "")
        violations.extend(_attribute(name, attribute[1].lower(), html_text.unescape(given)))
        end = attribute.end()
    return _Tag(name, tuple(violations), opens=name not in _VOID and text[end:].strip() != "/>")


#: A tag that was looked at is known when it comes again, on whatever page, as most do; those with an image in them do not.
_known = functools.lru_cache(maxsize=8192)(_read)


def _attribute(tag: str, name: str, value: str) -> Iterator[str]:
    if name.startswith("on") or name == "srcdoc":
        yield f"<{tag} {name}>"
    elif name in _URLS:
        yield from _url(tag, name, value)
    elif name in ("srcset", "imagesrcset"):
        for candidate in _CANDIDATES.split(value):
            yield from _url(tag, name, candidate)
    elif name == "style":
        yield from _css(value)
    elif name == "http-equiv" and value.strip().lower() == "refresh":
        yield "<meta http-equiv=refresh>"


def _url(tag: str, name: str, value: str) -> Iterator[str]:
    url = _IGNORED_IN_URLS.sub("", value).lower().replace("\\", "/")
    image = url.startswith(("data:image/", "data:,")) and (tag, name) in _IMAGES
    if image or url.startswith(("mailto:", "#")):
        return
    if url.startswith("/") or _SCHEME.match(url):
        yield f'<{tag} {name}="{url[:60]}">'


def _css(css: str) -> Iterator[str]:
    for match in _CSS_URL.finditer(css):
        url = _IGNORED_IN_URLS.sub("", match[1] or match[2] or "").lower().replace("\\", "/")
        if match[2] is not None or (not url.startswith(("#", "data:image/", "data:font/")) and url):
            yield f"style loads {url[:60]}"


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
