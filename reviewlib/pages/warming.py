"""What the kernels of reviews start from: libraries imported, templates compiled, an invented review shown."""

from __future__ import annotations

from typing import Final

from reviewlib.press.kernels import Warmth


def prepare() -> None:
    """Use what is slow when it is first used: templates, fonts, locales, the code itself. Nothing of a workbook is needed."""
    from reviewlib.pages.rehearsal import rehearse

    _compile_templates()
    rehearse()


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
        "reviewlib.conversation.store",
        "reviewlib.pages.blocks",
        "reviewlib.pages.charts",
        "reviewlib.pages.forms",
        "encodings.utf_8_sig",
        "encodings.unicode_escape",
    ),
    prepare="reviewlib.pages.warming:prepare",
)
