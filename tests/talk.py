"""Conversations made by hand: entries with made-up hashes, and the minutes taken of them; no journal is opened.

At the end a word of its own for every free-text field of every kind, and the many ways in which a file may hide a word.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from reviewlib.conversation.entries import About, Entry, SubjectKind
from reviewlib.conversation.goals.kpi import Track
from reviewlib.conversation.goals.progress import GoalReview
from reviewlib.conversation.kinds import KINDS
from reviewlib.conversation.kinds.record import LONGEST, words_of
from reviewlib.conversation.visibility import Audience, VisibleEntries, take
from reviewlib.periods import FiscalYear, Period

MANAGER = "Daniel Brandt"
SNAPSHOT = "7c41e09bd2aa"
#: The least that makes an entry of each kind.
LEAST: dict[str, dict[str, Any]] = {
    "self_review": {"perspective": "A good quarter."},
    "feedback": {"stance": "strength", "kpi": "win_rate", "text": "You ask early."},
    "feedback_to_manager": {"text": "Triage moved late."},
    "reply": {"of": "e1", "text": "Agreed."},
    "concern": {"text": "Too many inbound requests."},
    "dispute": {"kpi": "retention_rate", "reason": "One company, two accounts."},
    "resolution": {"of": "e1", "outcome": "accepted", "text": "Merged."},
    "action": {"decision": "added", "text": "Two mornings."},
    "goal": {"statement": "Cover the next target 1.5 times"},
    "milestone": {"of": "e1", "text": "45 new deals"},
    "development": {"way": "coaching", "text": "Four sessions"},
    "update": {"of": "e1", "status": "done"},
    "recognition": {"title": "Best quarter"},
    "agreement": {"of": "e1", "agrees": True},
    "rating": {"value": 4, "label": "Strong", "out_of": 5},
    "note": {"text": "Ask again in spring."},
    "release": {"snapshot": "7c41e09b0000"},
    "signoff": {"side": "rep", "how": "agree", "name": "Amara Okafor", "head": "0" * 64},
    "amendment": {"text": "The meeting was on the 22nd."},
    "seal": {"audience": "rep", "place": "north/rep/amara.html", "page": "0" * 64},
    "erasure": {"text": "Ten years have passed."},
}  # fmt: skip
#: Kinds that stand in no list of the tests, as a walk of CONTRIBUTING.md adds one.
ADDED = tuple(kind for kind in KINDS if kind not in LEAST)
for _kind in ADDED:
    _required = {name: field for name, field in KINDS[_kind].model.model_fields.items() if field.is_required()}
    _plain = {int: 1, float: 1.0, bool: True, dt.date: "2026-10-20"}
    _first = {
        name: [*words_of(KINDS[_kind].model, name), _plain.get(field.annotation, "Said.")] for name, field in _required.items()
    }
    LEAST[_kind] = {name: values[0] for name, values in _first.items()}


@dataclass
class Talk:
    """The conversation of one review, written entry by entry; each entry comes six hours after the one before."""

    subject: str = "R-014"
    name: str = "Amara Okafor"
    period: str = "2026-Q3"
    kind: SubjectKind = "rep"
    start: dt.datetime = dt.datetime(2026, 10, 13, 8, 0, tzinfo=dt.UTC)
    entries: list[Entry] = field(default_factory=list)

    def rep(self, kind: str, /, **more: Any) -> Entry:
        """The rep writes."""
        return self._add(kind, more, author="aokafor", author_name=self.name, role="rep")

    def manager(self, kind: str, /, **more: Any) -> Entry:
        """The manager writes."""
        return self._add(kind, more, author="dbrandt", author_name=MANAGER, role="manager")

    def behalf(self, kind: str, /, **more: Any) -> Entry:
        """The manager writes down what the rep says."""
        return self.manager(kind, on_behalf_of=self.subject, **more)

    def imported(self, kind: str, /, **more: Any) -> Entry:
        """The manager imports what the rep sent."""
        return self.behalf(kind, source="5f" * 32, **more)

    def edit(self, entry: Entry, **fields: Any) -> Entry:
        """Whoever wrote an entry writes it anew."""
        said = entry.payload.model_dump() | fields
        rights = {"on_behalf_of": entry.on_behalf_of, "visibility": entry.visibility, "supersedes": entry.id}
        author = {"author": entry.author, "author_name": entry.author_name, "role": entry.role}
        return self._add(entry.kind, said | rights, **author)

    def minutes(
        self, audience: Audience = "manager", *earlier: Talk, members: Mapping[str, VisibleEntries] | None = None
    ) -> VisibleEntries:
        """Take the minutes for an audience; ``earlier`` are the subject's reviews before, oldest first."""
        entries = [entry for talk in (*earlier, self) for entry in talk.entries]
        return take(entries, self.about, audience=audience, fiscal=FiscalYear(), members=members)

    @property
    def about(self) -> About:
        return About(self.kind, self.subject, self.period)

    def _add(self, kind: str, more: Mapping[str, Any], **author: Any) -> Entry:
        columns = ("on_behalf_of", "visibility", "supersedes", "source", "at")
        given = {name: more[name] for name in columns if name in more}
        number = len(self.entries) + 1
        payload = KINDS[kind].model(**{name: value for name, value in more.items() if name not in columns})
        mark = hashlib.sha256(f"{self.about}{number}".encode()).hexdigest()
        made: dict[str, Any] = {
            "id": f"{self.subject}-{self.period}-{number}",
            "about": self.about,
            "team": "North",
            "sequence": number,
            "kind": kind,
            "on_behalf_of": None,
            "visibility": "manager_only" if KINDS[kind].private == "always" else "shared",
            "at": self.start + dt.timedelta(hours=6 * number),
            "supersedes": None,
            "source": None,
            "payload": payload,
            "salt": mark[:16],
            "digest": mark,
            "previous": self.entries[-1].hash if self.entries else "",
            "hash": mark,
        }
        entry = Entry(**(made | author | given))
        self.entries.append(entry)
        return entry


def last_time() -> Talk:
    """The review before: goals, actions, a promise of the manager, an item of development, an open concern."""
    talk = Talk(period="2026-Q2", start=dt.datetime(2026, 7, 13, 8, 0, tzinfo=dt.UTC))
    due = dt.date(2026, 9, 30)
    rate = talk.manager(
        "goal", statement="Win at least 45% of closed deals", kpi="win_rate", scope="own deals", baseline=0.444, target=0.45,
        due=due, relevance="gap", because="the win rate fell",
    )  # fmt: skip
    opened = talk.manager(
        "goal", statement="Bring the sales cycle to 45 days", kpi="cycle_days", baseline=48.0, target=45.0, due=due,
        relevance="gap", because="deals take longer",
    )  # fmt: skip
    year = talk.manager(
        "goal", statement="Acquire 44 customers in 2026", kpi="new_customers", scope="her own", baseline=39.0, target=44.0,
        over="FY2026", due=dt.date(2026, 12, 31), relevance="aspiration", because="key accounts",
    )  # fmt: skip
    talk.manager("milestone", of=year.id, text="32 customers", due=due)
    talk.manager(
        "action", decision="added", text="Move inbound triage to the sales desk", owner="manager", due=dt.date(2026, 8, 1)
    )
    talk.manager(
        "development", way="training", skill="Negotiation", text="Finish the negotiation course", owner="Amara", due=due,
        kpi="win_rate",
    )  # fmt: skip
    talk.rep("concern", text="Three deals wait for legal for more than four weeks.", owner="manager")
    for goal in (rate, opened, year):
        talk.rep("agreement", of=goal.id, agrees=True)
    talk.manager("release", snapshot="0b7d1a2c3e4f")
    talk.rep("signoff", side="rep", how="agree", name="Amara Okafor", head=talk.entries[-1].hash)
    talk.manager("signoff", side="manager", how="agree", name=MANAGER, head=talk.entries[-1].hash)
    return talk


def follow(talk: Talk, before: Talk) -> None:
    """Write down in a review what became of the one before."""
    found = {getattr(entry.payload, "text", ""): entry for entry in before.entries}
    updates = {
        "Move inbound triage to the sales desk": ("done", "Moved three weeks late.", dt.date(2026, 8, 24)),
        "Finish the negotiation course": ("done", "Finished, certificate recorded.", dt.date(2026, 8, 28)),
        "32 customers": ("missed", "31, one short.", dt.date(2026, 9, 30)),
    }
    for text, (status, note, on) in updates.items():
        talk.manager("update", of=found[text].id, status=status, note=note, on=on)


def self_review() -> dict[str, str]:
    """A rep's own view."""
    return {
        "perspective": "I am proud of this quarter. After June I changed how I qualify, and I stopped chasing deals that had "
        "no budget.\n\nThe number I like most is the win rate, because it is the one I worked on.",
        "insights": "Customers who buy a second time decide in a week or two. With new accounts above €15,000 I often learn "
        "who signs only when the proposal is out.",
        "challenges": "Until late August I answered inbound requests most mornings. That was prospecting time:\n"
        "- three deals waited for legal\n- two waited for pricing",
        "support": "Two mornings without calls.",
        "aspirations": "In two years I want to look after a small set of key accounts.",
    }


def both_parts(talk: Talk) -> None:
    """The rep's answer, then the manager's feedback with a note, replies and a dispute."""
    view = talk.rep("self_review", **self_review())
    dispute = talk.rep(
        "dispute", kpi="retention_rate", deal="D-7003", reason="Tessin Logistics is counted as lost and also as a new customer."
    )
    talk.manager(
        "resolution", of=dispute.id, outcome="accepted", snapshot_before="11aa22bb33cc",
        text="You are right. The two accounts were merged in the CRM, and the figures were taken again.",
    )  # fmt: skip
    first = talk.manager(
        "feedback", stance="strength", kpi="win_rate", text="You ask about budget and timing in the first call now.",
        example="On the Zennor Health deal you walked away from a discount twice, and they signed at your price.",
    )  # fmt: skip
    second = talk.manager(
        "feedback", stance="improve", kpi="pipeline_growth", text="The quarter behind us is strong, the one ahead is thin."
    )
    talk.edit(
        second, text="The quarter behind us is strong and the one ahead is thin. I want us to protect time for new deals."
    )
    talk.manager("feedback", stance="strength", behaviour="Helps colleagues", text="You wrote the guide that everybody uses.")
    reply = talk.rep("reply", of=second.id, text="Agreed. Two fixed mornings will help me more than a higher number of calls.")
    talk.manager("reply", of=reply.id, text="Then Tuesday and Thursday it is.")
    talk.rep("reply", of=first.id, text="Thank you.")
    talk.rep("reply", of=view.id, text="The pricing part got better in October.")
    talk.imported("feedback_to_manager", text="I would like to hear sooner when a promise slips.")
    talk.manager("concern", text="Two reps cover three territories.", owner="manager", doing="A hire is asked for.")
    talk.manager("concern", text="PRIVATE-CONCERN-417", visibility="manager_only")
    talk.manager("note", text="PRIVATE-NOTE-417")


def plans(talk: Talk) -> None:
    """What is agreed for the time ahead: decisions on recommendations, goals, development, recognition."""
    prospecting = "Keep two mornings a week for prospecting."
    talk.manager(
        "action", decision="edited", recommended=prospecting, kpi="pipeline_growth",
        text="Keep Tuesday and Thursday mornings for prospecting, from 2 November.", due=dt.date(2026, 11, 2),
    )  # fmt: skip
    talk.manager("action", decision="added", kpi="cycle_days", text="Call legal early.", owner="manager")
    talk.manager("action", decision="added", text="Visit the Hamburg office.", due=dt.date(2026, 12, 1))
    cover = talk.manager(
        "goal", statement="Cover the next target 1.50 times", kpi="pipeline_coverage", scope="her own deals", baseline=1.28,
        target=1.5, due=dt.date(2026, 12, 31), relevance="gap", because="the area “fewer new deals”",
    )  # fmt: skip
    talk.manager("milestone", of=cover.id, text="45 new deals opened since 1 October", due=dt.date(2026, 11, 13))
    talk.manager(
        "milestone",
        of=cover.id,
        form="task",
        text="give every open deal an expected close",
        due=dt.date(2026, 12, 4),
        owner="rep",
    )
    talk.rep("agreement", of=cover.id, agrees=True)
    talk.rep("goal", statement="Lead one larger proposal", deliverable="a signed proposal", due=dt.date(2027, 3, 31))
    talk.manager(
        "development", way="coaching", skill="Leading the decision", text="The decision process, four sessions on live deals",
        kpi="cycle_days", owner=MANAGER, due=dt.date(2026, 11, 30),
    )  # fmt: skip
    talk.rep("development", way="mentoring", text="Key accounts", owner="", due=dt.date(2026, 12, 15))
    best = talk.manager(
        "recognition", title="Target exceeded and best quarter", text="106.2% of target after a quarter below it.",
        rule="target_exceeded", kpi="revenue", reward="bonus", reward_text="€2,400 under the 2026 plan, paid in November",
        for_board=True,
    )  # fmt: skip
    talk.rep("agreement", of=best.id, agrees=True)
    talk.manager("recognition", title="Help to a new colleague", text="Sat in on six first calls.", for_board=True)
    talk.manager("rating", value=4, label="Strong", out_of=5, comment="The next step is a steady pipeline.")


def released() -> tuple[Talk, Talk]:
    """A whole conversation up to the release, and the one of the period before."""
    before, talk = last_time(), Talk()
    follow(talk, before)
    both_parts(talk)
    plans(talk)
    talk.manager("release", snapshot=SNAPSHOT)
    return before, talk


def closed() -> tuple[Talk, Talk]:
    """A whole conversation, signed by both sides, the rep's without agreement, with an amendment."""
    before, talk = released()
    talk.rep(
        "signoff", side="rep", how="disagree", name="Amara Okafor", head=talk.entries[-1].hash,
        comment="I was on parental leave for three of the thirteen weeks, and the target was not reduced.",
    )  # fmt: skip
    talk.manager("signoff", side="manager", how="agree", name=MANAGER, head=talk.entries[-1].hash)
    talk.manager("amendment", text="The leave was entered late; the target of 2026-Q4 is reduced for it.")
    return before, talk


def minutes_of(talks: Sequence[Talk], audience: Audience = "manager") -> VisibleEntries:
    """Take the minutes of the last of several reviews of one subject."""
    return talks[-1].minutes(audience, *talks[:-1]) if talks else Talk().minutes(audience)


class Talks:
    """Collects entries of one subject over any number of reviews."""

    def __init__(self, subject: str = "R-014", *, kind: SubjectKind = "rep", fiscal: FiscalYear = FiscalYear()) -> None:
        self.subject, self.kind, self.fiscal = subject, kind, fiscal
        self.entries: list[Entry] = []

    def say(
        self,
        period: str,
        kind: str,
        *,
        on_day: str = "2026-07-16",
        role: str = "manager",
        visibility: str = "shared",
        supersedes: Entry | None = None,
        **fields: Any,
    ) -> Entry:
        """Write one entry into the review of a period."""
        about = About(self.kind, self.subject, period)
        sequence = 1 + sum(entry.about == about for entry in self.entries)
        entry = Entry(
            id=f"{self.subject}-{period}-{sequence}",
            about=about,
            team="North",
            sequence=sequence,
            kind=kind,
            author=role,
            author_name=role.capitalize(),
            role=role,  # type: ignore[arg-type]
            on_behalf_of=None,
            visibility=visibility,  # type: ignore[arg-type]
            at=dt.datetime.fromisoformat(f"{on_day}T09:00:00+00:00"),
            supersedes=supersedes.id if supersedes else None,
            source=None,
            payload=KINDS[kind].model.model_validate(fields),
            salt="",
            digest="",
            previous="",
            hash=f"{period}-{sequence}",
        )
        self.entries.append(entry)
        return entry

    def minutes(self, period: str, audience: Audience = "manager") -> VisibleEntries:
        """Take the minutes of one of its reviews."""
        return take(self.entries, About(self.kind, self.subject, period), audience=audience, fiscal=self.fiscal)

    def look(
        self,
        period: str,
        audience: Audience = "manager",
        *,
        as_of: dt.date = dt.date(2026, 10, 15),
        zone: str = "UTC",
        **tracks: Track,
    ) -> GoalReview:
        """Look at goals and plans in one of its reviews, with figures by KPI."""
        minutes, clock = self.minutes(period, audience), ZoneInfo(zone)
        return GoalReview(minutes, Period.parse(period, self.fiscal), as_of, tracks, lambda at: at.astimezone(clock))


#: Kinds whose words nobody reads on a page: a release and the hashes of a signature say nothing in words.
WORDLESS = frozenset({"release"})


def free_text(kind: str) -> list[str]:
    """The fields of a kind into which people write what they like, found in its model."""
    fields = KINDS[kind].model.model_fields
    return [name for name, field in fields.items() if any(getattr(rule, "max_length", 0) == LONGEST for rule in field.metadata)]


def canary(mark: str, kind: str, field: str) -> str:
    """The word of one field: letters and digits only, so that nothing wraps or escapes it."""
    return f"Canary{mark}{kind.replace('_', '')}{field.replace('_', '')}"


def filled(kind: str, mark: str, **changes: Any) -> dict[str, Any]:
    """The least of a kind with a word in every free-text field."""
    return LEAST[kind] | {field: canary(mark, kind, field) for field in free_text(kind)} | changes


def readings(text: str) -> Iterator[str]:
    """A text as it stands, and everything it may hold encoded: entities, JSON escapes, per cent, base64."""
    yield text
    yield html.unescape(text)
    yield unquote(html.unescape(text))
    yield re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    for packed in re.findall(r"[A-Za-z0-9+/]{24,}={0,2}", text):
        try:
            yield base64.b64decode(packed + "=" * (-len(packed) % 4)).decode("utf-8", "replace")
        except ValueError:
            continue


def holds(text: str, word: str) -> bool:
    """Whether a word is in a text in any reading."""
    return any(word in reading for reading in readings(text))
