"""What the kernels of reviews start from: libraries imported, templates compiled, an invented review shown."""

from __future__ import annotations

import contextlib
from typing import Final

from reviewlib.errors import ParamsError
from reviewlib.press.kernels import Warmth


def prepare(params: str = "") -> None:
    """Use what is slow when it is first used: templates, fonts, locales, the code itself.

    Args:
        params: The params file that every kernel will open; it is read here once for all. Nothing else of a workbook is.
    """
    from reviewlib.pages.rehearsal import rehearse
    from reviewlib.params import reading

    _compile_templates()
    rehearse()
    if params:
        with contextlib.suppress(ParamsError):  # it was spoilt after the run had begun, and each notebook will say so
            reading.load(params)


def _compile_templates() -> None:
    from reviewlib.pages.rendering import TEMPLATES, environment

    made = environment()
    for name in made.list_templates(extensions=("j2",)):
        # Those of the folder review are known by two names.
        made.get_template(name)
        if (TEMPLATES / "review" / name).is_file():
            made.get_template(f"review/{name}")


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
        "reviewlib.conversation.journal",
        "reviewlib.pages.blocks",
        "reviewlib.pages.charts",
        "reviewlib.pages.forms",
        "encodings.utf_8_sig",
        "encodings.unicode_escape",
    ),
    prepare="reviewlib.pages.preload:prepare",
)
