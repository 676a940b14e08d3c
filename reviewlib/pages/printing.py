"""An executed notebook as one page: its displays gathered into sections, without script, code or network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reviewlib.press.export import Fragment

_STYLE_END = "</style>"
_SECTION_END = "</section>"


@dataclass(frozen=True)
class PagePart:
    """One section of a page: trusted HTML, with the charts and the notes that belong into it."""

    id: str
    title: str
    html: str
    inside: tuple[Fragment, ...] = ()

    @property
    def whole(self) -> str:
        """The section with its charts and notes inside, before its end."""
        if not self.inside:
            return self.html
        from reviewlib.pages.rendering import render

        inside = render("review/inside.html.j2", inside=self.inside)
        before, end, after = self.html.rpartition(_SECTION_END)
        return f"{before}{inside}{end}{after}" if end else f"{self.html}{inside}"


def page(nb: Any, *, anew: Mapping[str, str] = MappingProxyType({})) -> str:
    """Render an executed notebook as one page.

    Args:
        nb: The executed notebook.
        anew: Sections to show instead of the notebook's own, as HTML by their names.
    """
    from reviewlib.pages.rendering import page_style, render

    head, found = parts_of(nb)
    parts = [replace(part, html=_body(anew[part.id])) if part.id in anew else part for part in found]
    title = str(head.get("title", "Review"))
    style = page_style(accent=str(head.get("accent", "")), accent_dark=str(head.get("accent_dark", "")), running=title)
    return render("review/index.html.j2", css=style, title=title, parts=parts, foot=str(head.get("foot", "")))


def _body(html: str) -> str:
    """A section without the style that it carries for JupyterLab."""
    return html.rpartition(_STYLE_END)[2]


def parts_of(nb: Any) -> tuple[dict[str, Any], Sequence[PagePart]]:
    """Gather the displays of a notebook: the header's metadata, and the sections in order with their charts."""
    from reviewlib.press.export import fragments

    head: dict[str, Any] = {}
    parts: list[PagePart] = []
    for fragment in fragments(nb):
        name = str(fragment.metadata.get("section", ""))
        if name == "header":
            head = dict(fragment.metadata)
            parts.insert(0, PagePart(name, "", _body(fragment.html)))
        elif name:
            parts.append(PagePart(name, str(fragment.metadata.get("title", "")), fragment.html))
        elif parts and parts[-1].id != "header":
            parts[-1] = replace(parts[-1], inside=(*parts[-1].inside, fragment))
        else:
            parts.append(PagePart("", "", fragment.html))
    return head, parts
