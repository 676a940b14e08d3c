"""The page of an amendment: what was added after both sides had signed. The signed page itself is never made again."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from reviewlib.pages.rendering import page_style, render
from reviewlib.periods import Period


@dataclass(frozen=True)
class AmendmentPage:
    """One amendment to a signed review.

    Attributes:
        title: The company's or department's name.
        name: Whose review it is.
        period: The review's period.
        number: 1 for the first amendment.
        text: What it says.
        by: Who wrote it.
        at: When, in the workbook's timezone.
        about: What it is about, in words; empty where it is about the whole review.
        signed: The name of the signed page's file, which lies beside this one.
        entry: Its number in the review's part of the journal.
        head: The hash that stands for the journal up to it.
    """

    title: str
    name: str
    period: Period
    number: int
    text: str
    by: str
    at: dt.datetime
    about: str
    signed: str
    entry: int
    head: str
    accent: str = "#174f96"
    accent_dark: str = "#8fb9f2"


def amendment_page(amendment: AmendmentPage) -> str:
    """Render the page of an amendment."""
    from reviewlib.pages import labels

    running = f"Amendment {amendment.number}: {amendment.name}, {amendment.period}"
    style = page_style(accent=amendment.accent, accent_dark=amendment.accent_dark, running=running)
    return render(
        "amendment.html.j2",
        css=style,
        title=running,
        amendment=amendment,
        heading=amendment.period.title(),
        when=f"{labels.day(amendment.at.date())}, {amendment.at:%H:%M}",
    )
