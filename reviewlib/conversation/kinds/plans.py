"""The kinds of what is planned and recognized: actions, goals and their steps, development, what became of them, rewards."""

from __future__ import annotations

import datetime as dt
from typing import Final, Literal

from pydantic import Field, model_validator

from reviewlib.conversation.kinds.record import (
    WHAT_IS_ASKED,
    WHAT_RUNS,
    FormText,
    Key,
    Kind,
    Payload,
    Said,
    Side,
    Words,
    choice,
)

Way = Literal["training", "coaching", "mentoring", "role-play"]
Relevance = Literal["gap", "strength", "aspiration", "objective"]
#: Below a number in a figure's unit.
UNIT_HINT: Final = "In the figure’s unit, such as 12, 12,500 or 45%."
_TAKES: Final = {"hint": "Empty takes the proposal’s own."}


class Action(Payload):
    """What is done about an area to improve: a recommendation taken up, changed or turned down, or one's own."""

    decision: Literal["accepted", "edited", "dismissed", "added"] = choice(
        "Decision",
        {"accepted": "Accept as it is", "edited": "Accept in other words", "dismissed": "Dismiss", "added": "Your own action"},
    )
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
    relevance: Relevance | None = choice("Why it matters", {
        "gap": "Closes a gap", "strength": "Builds on a strength", "aspiration": "Serves an aspiration",
        "objective": "Serves a business objective",
    }, default=None)  # fmt: skip
    because: Words = Field("", title="Because", description="The gap, strength, aspiration or objective it serves.")
    owner: Side = Field("rep", title="Who")


class Milestone(Payload):
    """A step towards a goal."""

    of: Key = Field(title="Goal")
    form: Literal["milestone", "task"] = choice(
        "Milestone or task", {"milestone": "Milestone", "task": "Task"}, default="milestone"
    )
    text: Said = Field(title="Step")
    due: dt.date | None = Field(None, title="Due")
    owner: Side = Field("rep", title="Who")


class Development(Payload):
    """An item of the development plan."""

    way: Way = choice(
        "Way", {"training": "Training", "coaching": "Coaching", "mentoring": "Mentoring", "role-play": "Role-play"}
    )
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
    reward: Literal["none", "bonus", "incentive", "mention"] = choice(
        "Reward", {"none": "None", "bonus": "Bonus", "incentive": "Incentive", "mention": "Public mention"}, default="none"
    )
    reward_text: Words = Field("", title="The reward in words")
    for_board: bool = Field(False, title="Propose for the team’s board")


class Agreement(Payload):
    """The rep's word on a goal, or on showing a recognition to the team."""

    of: Key = Field(title="On")
    agrees: bool = choice("Agrees", {"yes": "Agrees", "no": "Does not agree"})
    text: Words = Field("", title="Comment")


PLANS: Final = (
    Kind(
        "action", Action, by=("manager",), letter="A", statuses=("open", "done", "dropped"), carries=True,
        forms=(FormText(
            "improve", "Decide on recommended actions, or add your own", save="Save decision",
            fields=("recommended", "decision", "text", "reason", "kpi", "owner", "due"),
            changes={
                "recommended": {"hint": "What the playbook recommends here."},
                "decision": {"default": "added"},
                "text": {"label": "In your words", "hint": "Empty where the recommendation is accepted as it is."},
                "reason": {"hint": "Why it is dismissed."},
                "kpi": {"hint": "For your own action; a recommendation knows its figure."},
            },
        ),),
    ),
    Kind(
        "goal", Goal, by=("rep", "manager"), letter="G", statuses=("open", "met", "missed", "lapsed", "dropped"), carries=True,
        yes_or_no="Do you accept this goal? Write yes or no:",
        forms=(FormText(
            "goals", "Set a goal", behalf="choose",
            lead="The five letters below are checked as you write. Nothing is forbidden, everything is said.",
            changes={
                "over": {"hint": "The period that the target covers."},
                "baseline": {"hint": UNIT_HINT},
                "target": {"hint": UNIT_HINT},
            },
        ),),
    ),
    Kind(
        "milestone", Milestone, by=("rep", "manager"), letter="M", about=("goal",),
        statuses=("open", "done", "missed", "dropped"), carries=True,
        forms=(FormText("goals", "Add a milestone or task to a goal", save="Save step", behalf="choose"),),
    ),
    Kind(
        "development", Development, by=("rep", "manager"), letter="D",
        statuses=("planned", "booked", "running", "done", "dropped"), carries=True,
        forms=(FormText(
            "development", "Plan training, coaching, mentoring or role-play", save="Save item", behalf="choose",
            changes={"skill": _TAKES, "text": _TAKES, "owner": {"form": "line"}},
        ),),
    ),
    Kind(
        "update", Update, by=("rep", "manager"), letter="U", about=(WHAT_RUNS,), looked_back_at=True,
        forms=(FormText(
            "agreed", "Say what became of it", behalf="choose",
            lead="What is over is not shown again in later reviews; what runs is.",
            changes={"on": {"hint": "The day it happened; today where it is empty."}},
        ),),
    ),
    Kind(
        "recognition", Recognition, by=("manager",), letter="R", looked_back_at=True,
        yes_or_no="May this be shown to the team? Write yes or no:",
        forms=(FormText(
            "recognition", "Confirm an achievement, or add one",
            fields=("title", "text", "reward", "reward_text", "for_board"),
            changes={
                "title": {"hint": "Empty takes the achievement’s own title."},
                "text": {"hint": "Empty takes the achievement’s own sentence."},
                "for_board": {"hint": "It appears there once the rep has agreed."},
            },
        ),),
    ),
    Kind(
        "agreement", Agreement, by=("rep",), when="to_the_end", about=(WHAT_IS_ASKED,), answered=False, looked_back_at=True,
        forms=(
            FormText(
                "goals", "Write down whether the rep agrees to a goal", save="Save the rep’s word", behalf="always",
                changes={"text": {"hint": "What the rep said to it."}},
            ),
            FormText(
                "recognition", "Write down whether the rep agrees to the team’s board", name="board",
                save="Save the rep’s word", behalf="always",
                changes={"text": {"hint": "What the rep said to it."}},
            ),
        ),
    ),
)  # fmt: skip
