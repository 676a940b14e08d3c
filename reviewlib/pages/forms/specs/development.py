"""The development plan: items proposed from the gaps, or one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reviewlib.conversation.goals import plans
from reviewlib.conversation.goals.plans import Need, ProposedItem
from reviewlib.conversation.visibility import VisibleEntries, empty
from reviewlib.pages import sentences
from reviewlib.pages.forms.fields import CHOOSE, WORDS, Field, Options, Values, of_kind
from reviewlib.pages.forms.spec import ProblemsError, Spec, written_here

if TYPE_CHECKING:
    from reviewlib.pages.forms.context import FormContext

_PROPOSAL: Final = "_proposal"


def _proposals(desk: FormContext, minutes: VisibleEntries) -> dict[str, ProposedItem]:
    """What the playbook proposes for the gaps, by the words that it is chosen by."""
    review = desk.review
    actions = [(finding.kpi, action) for finding in review.findings for action in finding.actions]
    needs = [Need(kpi, action.skill or "", sentences.fill(review, action.offer or "")) for kpi, action in actions]
    return {f"{one.skill}: {one.offer}": one for one in plans.proposed(needs, minutes)}


def _chosen(desk: FormContext, values: Values) -> ProposedItem | None:
    """The proposal that was chosen; it may be planned by now, by this very form."""
    return _proposals(desk, empty(desk.review.about, "manager")).get(str(values.get(_PROPOSAL) or ""))


def _options(desk: FormContext, values: Values) -> Options:
    listed = list(_proposals(desk, desk.minutes))
    chosen = str(values.get(_PROPOSAL) or "")
    # What is planned is not proposed any more, and still stands in the form that planned it.
    gone = [chosen] if chosen and chosen not in listed else []
    return [("None: my own item", ""), *((words, words) for words in [*listed, *gone])]


def _ways(desk: FormContext, values: Values) -> Options:
    found = _chosen(desk, values)
    first = f"As proposed: {WORDS['way'][found.way].lower()}" if found is not None else CHOOSE
    return [(first, ""), *((words, way) for way, words in WORDS["way"].items())]


def _payload(desk: FormContext, values: Values) -> Values:
    found = _chosen(desk, values)
    values = {name: value for name, value in values.items() if name != _PROPOSAL}
    if found is not None:
        given = {"way": found.way, "skill": found.skill, "text": found.offer, "kpi": next(iter(found.kpis), None)}
        values = values | {name: values[name] or own for name, own in given.items()}
    if not str(values["text"]).strip():
        raise ProblemsError({"text": "say what is planned"})
    return values


_TAKES: Final = "Empty takes the proposal’s own."
DEVELOPMENT: Final = Spec(
    "development",
    "Plan training, coaching, mentoring or role-play",
    "development",
    (
        Field(_PROPOSAL, "Proposed for the gaps", form="choice", options=_options),
        *of_kind(
            "development",
            way={"options": _ways, "default": ""},
            skill={"hint": _TAKES},
            text={"hint": _TAKES},
            owner={"form": "line"},
        ),
    ),
    save="Save item",
    payload=_payload,
    existing=written_here("development"),
    behalf="choose",
)
