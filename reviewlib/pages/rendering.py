"""Templates to HTML, and HTML to something a notebook displays."""

import base64
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2

from reviewlib.pages import labels, paragraphs
from reviewlib.params import words
from reviewlib.params.model import Params

TEMPLATES = Path(__file__).parent / "templates"
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Display:
    """HTML with a short text for consoles and the metadata that tells an exporter where it belongs."""

    html: str
    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, str], dict[str, Any]]:
        return {"text/html": self.html, "text/plain": self.text}, {"reviewlib": dict(self.metadata)}


@functools.cache
def environment() -> jinja2.Environment:
    """The environment of all pages: everything is escaped, nothing may be undefined."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader([TEMPLATES, TEMPLATES / "review"]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(FILTERS)
    return made


def render(template: str, **values: Any) -> str:
    """Fill one of the package's templates."""
    return environment().get_template(template).render(**values)


def workbook_page(template: str, params: Params, *, title: str, **values: Any) -> str:
    """Fill the template of a page that stands beside reviews: with the workbook's style and name."""
    style = page_style(accent=params.theme.accent, accent_dark=params.theme.accent_dark, running=title)
    return render(template, css=style, title=title, company=params.title or params.name, **values)


def page_style(*, accent: str, accent_dark: str, running: str) -> str:
    """Write the style of a whole page; ``running`` stands at the foot of every printed sheet."""
    return render("css/page.css.j2", accent=colour(accent), accent_dark=colour(accent_dark, dark=True), running=running)


def lab_style(*, accent: str, accent_dark: str) -> str:
    """Write the style of displays inside JupyterLab, which touches nothing outside them."""
    return render("css/lab.css.j2", accent=colour(accent), accent_dark=colour(accent_dark, dark=True))


def colour(text: str, *, dark: bool = False) -> str:
    """Pass a colour on; anything else is replaced by the default accent, because it goes into a style sheet."""
    return text if _COLOUR.fullmatch(text) else "#8fb9f2" if dark else "#174f96"


def _css_string(text: str) -> str:
    """Quote text for a style sheet: whatever is no plain character is escaped by its code."""
    return '"' + re.sub(r"[^\w ,.’–-]", lambda found: f"\\{ord(found[0]):x} ", text) + '"'


FILTERS = {
    "at": "{:.2f}%".format,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "blocks": paragraphs.blocks,
    "css_string": _css_string,
    "day": labels.day,
    "agreeing": words.agreeing,
    "plural": words.plural,
}
