"""What a workbook says of the people: who is who, when reviews are due, how they are rated, where their words are kept."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field, model_validator

from reviewlib.params import rules as rules
from reviewlib.params.crm import ParamsSection, Text

Rhythm = Literal["quarter", "half"]


class Steps(ParamsSection):
    """Days after the period's last day by which each step of a review is due."""

    answer: int = Field(10, ge=0, le=180, description="The rep's self-review is in.")
    feedback: int = Field(14, ge=0, le=180, description="The manager's part is in.")
    release: int = Field(21, ge=0, le=180, description="The review is released.")
    signed: int = Field(28, ge=0, le=180, description="Both sides have signed.")

    @model_validator(mode="after")
    def _ordered(self) -> Steps:
        days = (self.answer, self.feedback, self.release, self.signed)
        if list(days) != sorted(days):
            raise ValueError("the steps come one after the other: answer <= feedback <= release <= signed")
        return self


class Cadence(ParamsSection):
    """How often reviews happen, and when their steps are due."""

    rep: Rhythm = Field("quarter", description="How often each rep is reviewed.")
    team: Rhythm = Field("quarter", description="How often each team is reviewed.")
    teams: dict[str, Rhythm] = Field({}, description="Per team, where its reps have another rhythm.")
    roles: dict[str, Rhythm] = Field({}, description="Per role, where its reps have another rhythm; goes before `teams`.")
    due: Steps = Field(Steps(), description="Days after the period's last day by which each step is due.")
    remind: int = Field(3, ge=0, le=60, description="Days before a due date on which the calendar reminds.")


class People(ParamsSection):
    """Who is who; read by the conversation, not by the figures."""

    roles: dict[str, Literal["manager", "analyst", "rep"]] = Field({}, description="Login to role.")
    logins: dict[str, str] = Field({}, description="Login to the rep's id or the manager's name.")
    addresses: dict[str, str] = Field({}, description="Login to e-mail address; a rep's answer is sent to the manager's.")
    acting_as: str | None = Field(None, description="The login to act as, for a single user.")

    @model_validator(mode="after")
    def _known_logins(self) -> People:
        rules.refuse(rules.logins(self.roles, self.logins, self.addresses, self.acting_as))
        return self


class RatingScale(ParamsSection):
    """The overall rating; read by the conversation."""

    scale: tuple[Text, ...] = Field(
        ("Below expectations", "Developing", "Solid", "Strong", "Outstanding"), min_length=2, description="Lowest first."
    )


class RecordsParams(ParamsSection):
    """Where the journal is kept; read by the conversation."""

    database: Annotated[str, rules.checked(rules.database)] | None = Field(
        None, description="A database URL (postgresql://...); a SQLite file under reports/ where it is not given."
    )
    retention_date: dt.date | None = Field(
        None, description="The day to decide which records are still needed; `reviewlib status` reminds of it."
    )
