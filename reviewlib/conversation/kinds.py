"""The kinds of journal entries: one frozen model of what is said per kind, and the rules that are data.

An entry never changes. What becomes of a goal, a milestone, an action, a development item or a concern later is an ``update``;
what ends a dispute is a ``resolution``; what the rep says to a goal or a recognition is an ``agreement``. Each names the entry
it is about in ``of``.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Role = Literal["manager", "analyst", "rep"]
Visibility = Literal["shared", "manager_only"]
Side = Literal["rep", "manager"]
Way = Literal["training", "coaching", "mentoring", "role-play"]
Relevance = Literal["gap", "strength", "aspiration", "objective"]
#: What may become of each kind that is followed up; the first is where it starts, ``ENDED`` are ends.
STATUSES: Final = MappingProxyType(
    {
        "goal": ("open", "met", "missed", "lapsed", "dropped"),
        "milestone": ("open", "done", "missed", "dropped"),
        "action": ("open", "done", "dropped"),
        "development": ("planned", "booked", "running", "done", "dropped"),
        "concern": ("open", "resolved"),
    }
)
ENDED: Final = frozenset({"met", "missed", "lapsed", "dropped", "done", "resolved"})
#: Longest text of one field, in characters.
LONGEST: Final = 20_000


def _storable(text: str) -> str:
    """Refuse what a database or a page cannot hold: control characters and lone surrogates."""
    wrong = sorted({char for char in text if unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\t"})
    if wrong:
        raise ValueError(f"holds characters that cannot be stored: {', '.join(f'U+{ord(char):04X}' for char in wrong)}")
    return text


def _plain_lines(text: str) -> str:
    return _storable(text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _said(text: str) -> str:
    if not text:
        raise ValueError("is empty")
    return text


#: Free text, which may be empty; line ends are made one kind, blanks around it go.
Words = Annotated[str, AfterValidator(_plain_lines), Field(max_length=LONGEST)]
#: Free text that must say something.
Said = Annotated[str, AfterValidator(_plain_lines), AfterValidator(_said), Field(max_length=LONGEST)]
#: An id or a key, as it stands.
Key = Annotated[str, AfterValidator(_storable), Field(min_length=1, max_length=300)]


class Payload(BaseModel):
    """What an entry says."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


class SelfReview(Payload):
    """The rep's own view."""

    perspective: Words = Field("", title="Perspective", description="How the period looks from here.")
    insights: Words = Field("", title="Insights", description="What was learned about customers and selling.")
    challenges: Words = Field("", title="Challenges", description="What stood in the way.")
    support: Words = Field("", title="Support wanted", description="What would help.")
    aspirations: Words = Field("", title="Aspirations", description="Where the work should lead.")

    @model_validator(mode="after")
    def _says_something(self) -> SelfReview:
        if not any((self.perspective, self.insights, self.challenges, self.support, self.aspirations)):
            raise ValueError("every part is empty; write at least one")
        return self


class Feedback(Payload):
    """A strength or an area to improve, tied to a figure or a behaviour."""

    stance: Literal["strength", "improve"] = Field(title="Strength or area to improve")
    kpi: Key | None = Field(None, title="Figure", description="The KPI it is linked to.")
    behaviour: Words = Field("", title="Behaviour", description="The behaviour it is linked to, where no figure shows it.")
    text: Said = Field(title="Feedback")
    example: Words = Field("", title="Example", description="When and where it was seen.")

    @model_validator(mode="after")
    def _linked(self) -> Feedback:
        if self.kpi is None and not self.behaviour:
            raise ValueError("link it to a figure or name the behaviour")
        return self


class FeedbackToManager(Payload):
    """What the rep says to the manager about the manager's part."""

    text: Said = Field(title="Feedback to the manager")


class Reply(Payload):
    """An answer to any entry."""

    of: Key = Field(title="To")
    text: Said = Field(title="Reply")


class Concern(Payload):
    """Something that needs looking after; open ones carry over."""

    text: Said = Field(title="Concern")
    owner: Side = Field("manager", title="Who looks after it")
    doing: Words = Field("", title="What is done about it")


class Dispute(Payload):
    """A figure that is said to be wrong."""

    kpi: Key = Field(title="Figure")
    deal: Key | None = Field(None, title="Deal", description="The deal's id, where one deal is the reason.")
    reason: Said = Field(title="Why")
    snapshot: Key | None = Field(None, title="Figures", description="The snapshot that the figure stands in; filled in.")


class Resolution(Payload):
    """How a dispute ended."""

    of: Key = Field(title="Dispute")
    outcome: Literal["accepted", "partly", "rejected"] = Field(title="Outcome")
    text: Said = Field(title="What was found and done")
    snapshot_before: Key | None = Field(None, title="Figures before", description="The snapshot that was disputed; filled in.")


class Action(Payload):
    """What is done about an area to improve: a recommendation taken up, changed or turned down, or one's own."""

    decision: Literal["accepted", "edited", "dismissed", "added"] = Field(title="Decision")
    recommended: Words = Field("", title="Recommended", description="The recommendation's own words; empty where added.")
    kpi: Key | None = Field(None, title="Figure")
    text: Words = Field("", title="Action")
    reason: Words = Field("", title="Reason", description="Why it was dismissed.")
    owner: Side = Field("rep", title="Who")
    due: dt.date | None = Field(None, title="Due")

    @model_validator(mode="after")
    def _whole(self) -> Action:
        if self.decision == "dismissed" and not self.reason:
            raise ValueError("say why the recommendation is dismissed")
        if self.decision != "dismissed" and not self.text:
            raise ValueError("say what is to be done")
        if self.decision != "added" and not self.recommended:
            raise ValueError("name the recommendation")
        return self


class Goal(Payload):
    """A SMART goal; the five letters are checked by ``goals.smart``, and nothing is forbidden."""

    statement: Said = Field(title="Goal")
    kpi: Key | None = Field(None, title="Figure", description="The KPI it moves; else name a deliverable.")
    deliverable: Words = Field("", title="Deliverable", description="What will be there, where no figure shows it.")
    scope: Words = Field("", title="Scope", description="Whose deals, which customers, which product.")
    baseline: float | None = Field(None, title="Baseline", description="In the figure's unit; a percentage as a fraction.")
    target: float | None = Field(None, title="Target", description="In the figure's unit; a percentage as a fraction.")
    over: Key | None = Field(
        None, title="Over", description="The period that the target covers, as FY2026; else each review’s own."
    )
    due: dt.date | None = Field(None, title="Due")
    relevance: Relevance | None = Field(None, title="Why it matters")
    because: Words = Field("", title="Because", description="The gap, strength, aspiration or objective it serves.")
    owner: Side = Field("rep", title="Who")


class Milestone(Payload):
    """A step towards a goal."""

    of: Key = Field(title="Goal")
    form: Literal["milestone", "task"] = Field("milestone", title="Milestone or task")
    text: Said = Field(title="Step")
    due: dt.date | None = Field(None, title="Due")
    owner: Side = Field("rep", title="Who")


class Development(Payload):
    """An item of the development plan."""

    way: Way = Field(title="Way")
    skill: Words = Field("", title="Skill")
    text: Said = Field(title="What")
    kpi: Key | None = Field(None, title="Meant to move", description="The KPI it is to move, where one shows it.")
    owner: Words = Field("", title="Who", description="Who gives or arranges it.")
    due: dt.date | None = Field(None, title="By")


class Update(Payload):
    """What became of a goal, milestone, action, development item or concern."""

    of: Key = Field(title="About")
    status: Key = Field(title="Status")
    note: Words = Field("", title="Note")
    on: dt.date | None = Field(None, title="On", description="The day it happened; the day of the entry where not given.")


class Recognition(Payload):
    """An achievement confirmed or added by the manager, with its reward."""

    title: Said = Field(title="For")
    text: Words = Field("", title="In words")
    rule: Key | None = Field(None, title="Rule", description="The rule that found it; none for what the manager adds.")
    kpi: Key | None = Field(None, title="Figure")
    reward: Literal["none", "bonus", "incentive", "mention"] = Field("none", title="Reward")
    reward_text: Words = Field("", title="The reward in words")
    for_board: bool = Field(False, title="Propose for the team’s board")


class Agreement(Payload):
    """The rep's word on a goal, or on showing a recognition to the team."""

    of: Key = Field(title="On")
    agrees: bool = Field(title="Agrees")
    text: Words = Field("", title="Comment")


class Rating(Payload):
    """The overall rating on the scale of params."""

    value: int = Field(ge=1, title="Rating", description="Place on the scale, 1 the lowest.")
    label: Said = Field(title="In words", description="The scale's own word, as it was on the day.")
    out_of: int = Field(ge=2, title="Out of")
    comment: Words = Field("", title="Comment")


class Note(Payload):
    """The manager's own note; it never leaves the manager's copy."""

    text: Said = Field(title="Note")


class Release(Payload):
    """The manager hands the review over: from here on it stays on this snapshot."""

    snapshot: Key = Field(title="Snapshot")


class Signoff(Payload):
    """One side's signature, or why there is none."""

    side: Side = Field(title="Side")
    how: Literal["agree", "disagree", "refused", "absent"] = Field(title="How")
    name: Said = Field(title="Name", description="As typed by who signs.")
    comment: Words = Field("", title="Comment")
    head: Key = Field(title="Head of the journal", description="The hash of the last entry that was read before signing.")


class Amendment(Payload):
    """A correction or addition after both sides have signed."""

    text: Said = Field(title="Amendment")
    of: Key | None = Field(None, title="To", description="The entry it is about.")


@dataclass(frozen=True)
class Kind:
    """The rules of a kind.

    Attributes:
        name: The key in the journal.
        model: What an entry of it says.
        label: In words.
        by: Whose word it is. A manager may write ``rep`` kinds on the rep's behalf, marked so.
        single: One current entry per review; another one must supersede it. Sign-off: one per side.
        private: Whether it may be, or always is, ``manager_only``.
        about: The kinds it may refer to in ``of``; empty where it refers to none.
        letter: What its reference in the response form begins with; a kind without one cannot be replied to there.
        carries: While it is open, later reviews show it; what becomes of it after the review is closed is an update there.
    """

    name: str
    model: type[Payload]
    label: str
    by: frozenset[Side]
    letter: str = ""
    single: bool = False
    private: Literal["never", "may", "always"] = "never"
    about: tuple[str, ...] = ()
    carries: bool = False


_REP: Final[frozenset[Side]] = frozenset({"rep"})
_MANAGER: Final[frozenset[Side]] = frozenset({"manager"})
_BOTH: Final = _REP | _MANAGER
_ANYTHING: Final = (
    "self_review", "feedback", "feedback_to_manager", "reply", "concern", "dispute", "resolution", "action", "goal",
    "milestone", "development", "update", "recognition", "rating", "amendment",
)  # fmt: skip
KINDS: Final = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind("self_review", SelfReview, "Self-review", _REP, single=True),
            Kind("feedback", Feedback, "Feedback", _MANAGER, "F"),
            Kind("feedback_to_manager", FeedbackToManager, "Feedback to the manager", _REP),
            Kind("reply", Reply, "Reply", _BOTH, "Y", about=_ANYTHING),
            Kind("concern", Concern, "Concern", _BOTH, "C", private="may", carries=True),
            Kind("dispute", Dispute, "Disputed figure", _REP),
            Kind("resolution", Resolution, "Resolution", _MANAGER, "E", about=("dispute",)),
            Kind("action", Action, "Action", _MANAGER, "A", carries=True),
            Kind("goal", Goal, "Goal", _BOTH, "G", carries=True),
            Kind("milestone", Milestone, "Milestone", _BOTH, "M", about=("goal",), carries=True),
            Kind("development", Development, "Development", _BOTH, "D", carries=True),
            Kind("update", Update, "Update", _BOTH, "U", about=tuple(STATUSES)),
            Kind("recognition", Recognition, "Recognition", _MANAGER, "R"),
            Kind("agreement", Agreement, "Agreement", _REP, about=("goal", "recognition")),
            Kind("rating", Rating, "Rating", _MANAGER, "S", single=True, private="may"),
            Kind("note", Note, "Note", _MANAGER, private="always"),
            Kind("release", Release, "Release", _MANAGER, single=True),
            Kind("signoff", Signoff, "Sign-off", _BOTH),
            Kind("amendment", Amendment, "Amendment", _BOTH, "N", about=_ANYTHING),
        )
    }
)
