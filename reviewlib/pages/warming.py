"""What the kernels of reviews start from: libraries imported, templates compiled, a chart drawn for nothing."""

from __future__ import annotations

import io
from typing import Final

from reviewlib.press.kernels import Warmth


def prepare() -> None:
    """Use once what is slow when it is first used: templates, fonts, locales. Nothing of a workbook is needed or kept."""
    from babel.dates import format_date
    from babel.numbers import format_currency, format_percent

    _compile_templates()
    _draw()
    format_currency(1.5, "EUR", locale="en"), format_percent(0.5, locale="en"), format_date(locale="en")


def _compile_templates() -> None:
    from reviewlib.pages.rendering import TEMPLATES, environment

    made = environment()
    for name in made.list_templates(extensions=("j2",)):
        # Those of the folder review are known by two names.
        made.get_template(name)
        if (TEMPLATES / "review" / name).is_file():
            made.get_template(f"review/{name}")


def _draw() -> None:
    """Draw bars and a line as the charts do."""
    import seaborn as sns
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "", "font.size": 12.5}):
        canvas = Figure(figsize=(4, 2), dpi=72)
        for place in (0.1, 0.6):
            axes = canvas.add_axes((place, 0.1, 0.3, 0.8))
            axes.set_axis_off()
            sns.barplot(x=[0, 1], y=[1.0, 2.0], native_scale=True, errorbar=None, ax=axes)
            sns.lineplot(x=[0, 1], y=[1.0, 2.0], units=[0, 0], estimator=None, errorbar=None, sort=False, ax=axes)
            axes.hlines([1.0], [0.0], [1.0])
            axes.vlines(0, 0.0, 1.0)
            axes.plot([0], [1.0], "o")
            axes.text(0, 1, "text", ha="right", va="bottom", weight="bold", clip_on=False)
            axes.text(0, 1, "text", ha="left", va="center")
        canvas.savefig(io.StringIO(), format="svg", metadata={"Date": None})


#: What the kernels of our notebooks start from.
WARMTH: Final = Warmth(
    preload=(
        "numpy",
        "pandas",
        "pandas.core.methods.to_dict",
        "matplotlib",
        "matplotlib.backends.backend_svg",
        "seaborn",
        "babel.numbers",
        "babel.dates",
        "sqlite3",
        "sqlalchemy",
        "pyarrow.pandas_compat",
        "reviewlib.review",
        "reviewlib.conversation.store",
        "reviewlib.pages.blocks",
        "reviewlib.pages.charts",
        "reviewlib.pages.forms",
        "encodings.utf_8_sig",
        "encodings.unicode_escape",
    ),
    prepare="reviewlib.pages.warming:prepare",
)
