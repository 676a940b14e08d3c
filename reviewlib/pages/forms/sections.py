"""The sections of a review with the forms that write them: what ``rl.forms`` offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reviewlib.pages import blocks
from reviewlib.pages.forms.section import section
from reviewlib.pages.rendering import Display
from reviewlib.review import Review

if TYPE_CHECKING:
    from reviewlib.pages.forms.context import FormContext
    from reviewlib.pages.forms.spec import Spec


def improve(review: Review) -> Display:
    """Areas to improve; below them, what is decided on the recommended actions."""

    def build(desk: FormContext) -> Sequence[Any]:
        from reviewlib.pages.forms.specs.actions import ACTION

        return _forms(desk, ACTION)

    return section(review, blocks.improve, build)


def agreed(review: Review) -> Display:
    """What was agreed last time; below it, what became of it."""

    def build(desk: FormContext) -> Sequence[Any]:
        from reviewlib.pages.forms.specs.followup import UPDATE

        return _forms(desk, UPDATE)

    return section(review, blocks.agreed, build)


def own_view(review: Review) -> Display:
    """The rep's own view; below it, the rep's answer imported, or written down on the rep's behalf."""

    def build(desk: FormContext) -> Sequence[Any]:
        from reviewlib.pages.forms.importing import Import
        from reviewlib.pages.forms.specs import feedback as forms

        written = _forms(desk, forms.SELF_REVIEW, forms.TO_MANAGER, forms.DISPUTE)
        return [Import(desk).widget, *written] if review.kind == "rep" else written

    return section(review, blocks.own_view, build)


def feedback(review: Review) -> Display:
    """Feedback and replies; below them, feedback, replies, concerns, disputed figures, the rating and notes."""

    def build(desk: FormContext) -> Sequence[Any]:
        from reviewlib.pages.forms.specs import feedback as forms

        return _forms(desk, forms.FEEDBACK, forms.REPLY, forms.CONCERN, forms.RESOLUTION, forms.RATING, forms.NOTE)

    return section(review, blocks.feedback, build)


def goals(review: Review) -> Display:
    """The goals; below them, a goal with its five letters, its steps, and the rep's word on it."""

    def build(desk: FormContext) -> Sequence[Any]:
        from reviewlib.pages.forms.specs import goals as forms

        return _forms(desk, forms.GOAL, forms.MILESTONE, forms.AGREEMENT)

    return section(review, blocks.goals, build)


def development(review: Review) -> Display:
    """The development plan; below it, its items."""

    def build(desk: FormContext) -> Sequence[Any]:
        from reviewlib.pages.forms.specs.development import DEVELOPMENT

        return _forms(desk, DEVELOPMENT)

    return section(review, blocks.development, build)


def recognition(review: Review) -> Display:
    """Recognition; below it, achievements confirmed or added, and the rep's word on the board."""

    def build(desk: FormContext) -> Sequence[Any]:
        from reviewlib.pages.forms.specs.recognition import BOARD, RECOGNITION

        return _forms(desk, RECOGNITION, BOARD)

    return section(review, blocks.recognition, build)


def signoff(review: Review) -> Display:
    """The signatures; below them, release, sign-off, amendments, and the pages made again."""

    def build(desk: FormContext) -> Sequence[Any]:
        from reviewlib.pages.forms.exporting import PageExport
        from reviewlib.pages.forms.specs import signoff as forms

        written = _forms(desk, forms.RELEASE, forms.SIGN_MANAGER, forms.SIGN_REP, forms.AMENDMENT)
        return [*written, PageExport(desk).widget]

    return section(review, blocks.signoff, build)


def _forms(desk: FormContext, *specs: Spec) -> list[Any]:
    from reviewlib.pages.forms.form import Form

    return [Form(desk, spec).widget for spec in specs]
