"""An executed notebook as the parts of a page: its displays in order, without code, prompts and warnings.

Displays that carry ``{"reviewlib": {...}}`` as metadata come from our own templates and pass as they are; everything else a
notebook may hold is plain text, an image, or HTML that is reduced to harmless tags.
"""

import base64
import functools
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jinja2
import nh3
from markdown_it import MarkdownIt
from nbformat import NotebookNode

OWN = "reviewlib"
#: How many tags of foreign HTML may be open at a place: reducing them takes the square of it, with ten thousand half a second.
DEEPEST: Final = 10_000
_IMAGES = ("image/svg+xml", "image/png", "image/jpeg")
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
_NEVER_OPEN: Final = {"br", "hr", "img"}


@dataclass(frozen=True)
class Fragment:
    """One display of a notebook as HTML, with the metadata it was given under the key ``reviewlib``; or a text cell."""

    html: str
    metadata: Mapping[str, Any]
    note: bool = False


def fragments(nb: NotebookNode) -> list[Fragment]:
    """List the displays of an executed notebook and its Markdown cells, in order."""
    return [fragment for cell in nb.cells for fragment in _of_cell(cell)]


def too_deep(output: NotebookNode) -> bool:
    """Tell whether an output is HTML that is nested more deeply than can be reduced in reasonable time."""
    data, own = output.get("data", {}), output.get("metadata", {}).get(OWN)
    html = "" if own is not None else str(data.get("text/html", ""))
    if html.count("<") <= DEEPEST:
        return False
    left: Counter[str] = Counter()
    depth = 0
    for tag in _TAG.finditer(html):
        closing, name = tag[1], tag[2].lower()
        if not closing and name not in _NEVER_OPEN:
            left[name] += 1
            depth += 1
        elif left[name]:
            left[name] -= 1
            depth -= 1
        if depth > DEEPEST:
            return True
    return False


def markdown(text: str) -> str:
    """Render people's text; images are dropped, because a remote one tells who reads, and so are links out of the page."""
    return _harmless(MarkdownIt("js-default").render(text))


def _of_cell(cell: NotebookNode) -> Iterator[Fragment]:
    if cell.cell_type == "markdown" and cell.source.strip():
        yield Fragment(html=markdown(cell.source), metadata={}, note=True)
    for output in cell.get("outputs", []):
        if output.output_type in ("display_data", "execute_result"):
            own = output.metadata.get(OWN)
            html = _html(output.data, own is not None)
            if html:
                yield Fragment(html=html, metadata=own or {})


def _html(data: Mapping[str, Any], own: bool) -> str:
    if "text/html" in data:
        return str(data["text/html"]) if own else _harmless(str(data["text/html"]))
    if "text/markdown" in data:
        return markdown(str(data["text/markdown"]))
    image = next((kind for kind in _IMAGES if kind in data), None)
    if image is None and not data.get("text/plain"):
        return ""
    return _loose().render(kind=image, image=data.get(image or ""), text=data.get("text/plain", ""))


def _harmless(html: str) -> str:
    return nh3.clean(html, tags=nh3.ALLOWED_TAGS - {"img"}, url_schemes={"mailto"}, link_rel=None)


@functools.cache
def _loose() -> jinja2.Template:
    environment = jinja2.Environment(loader=jinja2.PackageLoader("reviewlib.press"), autoescape=True)
    environment.filters["data_uri"] = _data_uri
    return environment.get_template("loose.html.j2")


def _data_uri(content: str, kind: str) -> str:
    encoded = base64.b64encode(content.encode()).decode() if kind == "image/svg+xml" else "".join(content.split())
    return f"data:{kind};base64,{encoded}"
