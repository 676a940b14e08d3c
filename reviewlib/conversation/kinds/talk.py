"""The kinds of the talk itself: both sides' views, feedback, replies, concerns, disputed figures, the rating; how it ends."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, model_validator

from reviewlib.conversation.kinds.record import ANYTHING, FormText, Key, Kind, Payload, Said, Side, Words, choice


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

    stance: Literal["strength", "improve"] = choice(
        "Strength or area to improve", {"strength": "Strength", "improve": "To improve"}
    )
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
    outcome: Literal["accepted", "partly", "rejected"] = choice(
        "Outcome", {"accepted": "Accepted", "partly": "Accepted in part", "rejected": "Not accepted"}
    )
    text: Said = Field(title="What was found and done")
    snapshot_before: Key | None = Field(None, title="Figures before", description="The snapshot that was disputed; filled in.")


class Rating(Payload):
    """The overall rating on the scale of params."""

    value: int = Field(ge=1, title="Rating", description="Place on the scale, 1 the lowest.")
    label: Said = Field(title="In words", description="The scale's own word, as it was on the day.")
    out_of: int = Field(ge=2, title="Out of")
    comment: Words = Field("", title="Comment")


class Note(Payload):
    """The manager's own note; it never leaves the manager's copy."""

    text: Said = Field(title="Note")


class Proven(Payload):
    """What was before the person who wrote it: the evidence, and their copy of the page; entries of before hold neither."""

    proof: Key | None = Field(None, title="Proof of the evidence", description="The sha256 of its snapshot.json; filled in.")
    page: Key | None = Field(None, title="Page", description="The sha256 of the copy that was there; filled in.")


class Release(Proven):
    """The manager hands the review over: from here on it stays on this snapshot."""

    snapshot: Key = Field(title="Snapshot")


class Signoff(Proven):
    """One side's signature, or why there is none."""

    side: Side = Field(title="Side")
    how: Literal["agree", "disagree", "refused", "absent"] = choice("How", {
        "agree": "Read, agrees", "disagree": "Read, does not agree", "refused": "Did not sign",
        "absent": "Was not there to sign",
    })  # fmt: skip
    name: Said = Field(title="Name", description="As typed by who signs.")
    comment: Words = Field("", title="Comment")
    head: Key = Field(title="Head of the journal", description="The hash of the last entry that was read before signing.")


class Amendment(Payload):
    """A correction or addition after both sides have signed."""

    text: Said = Field(title="Amendment")
    of: Key | None = Field(None, title="To", description="The entry it is about.")


class Seal(Payload):
    """A page that was made after both sides had signed, as the run that made it left it."""

    audience: Key = Field(title="Copy", description="For whom: the manager or the rep.")
    place: Key = Field(title="Page", description="Where it lies below the folder of the period.")
    page: Key = Field(title="Hash", description="The sha256 of the page.")


class Erasure(Payload):
    """That the pages of a review were erased, and why."""

    text: Said = Field(title="Why it was erased")


_SIGNED: Final = ("how", "name", "comment")
_READ: Final = {"how": {"hint": "A signature says that the review was read and talked about."}}
TALK: Final = (
    Kind(
        "self_review", SelfReview, "Self-review", by=("rep",), when="to_the_end", single=True,
        forms=(FormText(
            "own_view", "Write down the rep’s own view", save="Save the rep’s view", behalf="always",
            lead="The rep’s words, written down in the meeting and marked so.",
        ),),
    ),
    Kind(
        "feedback", Feedback, by=("manager",), letter="F",
        forms=(FormText(
            "feedback", "Write feedback",
            lead="One point at a time: a strength or an area to improve, linked to a figure or a behaviour.",
        ),),
    ),
    Kind(
        "feedback_to_manager", FeedbackToManager, "Feedback to the manager", by=("rep",), when="to_the_end",
        question="What your manager does well, and what should be different.",
        forms=(FormText(
            "own_view", "Write down the rep’s feedback to the manager", save="Save the rep’s feedback", behalf="always",
        ),),
    ),
    Kind(
        "reply", Reply, by=("rep", "manager"), when="to_the_end", letter="Y", about=(ANYTHING,),
        forms=(FormText("feedback", "Reply", behalf="choose"),),
    ),
    Kind(
        "concern", Concern, by=("rep", "manager"), when="to_the_end", private="may", letter="C", statuses=("open", "resolved"),
        carries=True,
        question="Something that needs looking after. For another one copy the mark and count on.",
        forms=(FormText(
            "feedback", "Note a concern", behalf="choose",
            lead="An open concern is shown in the next reviews until it is resolved.",
        ),),
    ),
    Kind(
        "dispute", Dispute, "Disputed figure", by=("rep",), when="to_the_end",
        forms=(FormText(
            "own_view", "Write down a figure that the rep disputes", save="Save dispute", behalf="always",
            fields=("kpi", "deal", "reason"),
            changes={"kpi": {"hint": "As it stands in the figures of this review."}},
        ),),
    ),
    Kind(
        "resolution", Resolution, by=("manager",), analysts=True, when="to_the_end", letter="E", about=("dispute",),
        forms=(FormText("feedback", "Resolve a disputed figure", fields=("of", "outcome", "text")),),
    ),
    Kind(
        "rating", Rating, by=("manager",), single=True, private="may", letter="S",
        forms=(FormText("feedback", "Rate overall", fields=("value", "comment")),),
    ),
    Kind(
        "note", Note, by=("manager",), analysts=True, when="to_the_end", private="always", answered=False,
        heading="Notes",
        forms=(FormText(
            "feedback", "Write a note for managers only",
            lead="A note stays on the manager’s copy and never reaches the rep’s page.",
        ),),
    ),
    Kind(
        "release", Release, by=("manager",), single=True, answered=False,
        forms=(FormText(
            "signoff", "Release the review", save="Release to the rep",
            fields=("snapshot",), changes={"snapshot": {"label": "Figures"}},
        ),),
    ),
    Kind(
        "signoff", Signoff, "Sign-off", by=("rep", "manager"), when="signing", answered=False,
        forms=(
            FormText(
                "signoff", "Sign for the manager", name="sign_manager", save="Sign as manager",
                fields=_SIGNED, changes=_READ,
            ),
            FormText(
                "signoff", "Sign for the rep, in the meeting", name="sign_rep", save="Sign for the rep", behalf="always",
                lead="The rep types the name. Where the rep refuses or is absent, write down which.",
                fields=_SIGNED, changes=_READ,
            ),
        ),
    ),
    Kind(
        "amendment", Amendment, by=("rep", "manager"), when="afterwards", edits=False, letter="N", about=(ANYTHING,),
        forms=(FormText(
            "signoff", "Write an amendment", behalf="choose",
            lead="For after both sides have signed: it stands beside the signed page and changes nothing on it.",
        ),),
    ),
    Kind("seal", Seal, "Sealed page", by=("manager",), when="by_a_run", edits=False, answered=False, of_files=True),
    Kind("erasure", Erasure, by=("manager",), analysts=True, when="always", edits=False, answered=False, of_files=True),
)  # fmt: skip
