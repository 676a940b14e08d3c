"""The sections that people write: who sees what, in which words, and that nothing said is lost or turned into markup."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace

import pages_fixture as made
import pytest
import talk
from talk import Talk

from reviewlib.conversation.visibility import Audience, Reach
from reviewlib.pages import blocks, entry_views, index, paragraphs, signing
from reviewlib.pages.printing import page
from reviewlib.press.inspection import inspect_page
from reviewlib.review import AnswerWays, Review

SECTIONS = ("agreed", "own_view", "feedback", "goals", "development", "recognition", "signoff")


def text_of(html: str) -> str:
    """The words of a section, each blank a single one."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).replace(" .", ".").replace(" ,", ",")


def shown(name: str, *talks: Talk, audience: Audience = "manager") -> str:
    """The words of one section of a rep's review."""
    return text_of(getattr(blocks, name)(made.talked(made.rep_slice(audience), talks)).html)


def whole(review: Review) -> str:
    """The words of all sections of a review."""
    names = made.REP if review.kind == "rep" else made.TEAM
    return " ".join(text_of(getattr(blocks, name)(review).html.rpartition("</style>")[2]) for name in names)


@pytest.fixture(scope="module")
def manager() -> Review:
    return made.talked(made.rep_slice("manager"), talk.closed())


@pytest.fixture(scope="module")
def rep() -> Review:
    return made.talked(made.rep_slice("rep"), talk.closed())


@pytest.fixture(scope="module")
def silent() -> str:
    """The words of a manager's page on which nobody has written anything."""
    return text_of(page(made.notebook(made.talked(made.rep_slice("manager"), []))))


@pytest.mark.parametrize("name", SECTIONS)
@pytest.mark.parametrize("audience", ["manager", "rep"])
def test_empty_sections_say_so_kindly(name: str, audience: Audience) -> None:
    """Without a word from anybody each section says in a sentence of its own what belongs there."""
    text = shown(name, Talk(), audience=audience)
    assert "None" not in text
    assert len(text.split()) > 8


def test_empty_sections_differ_by_reader() -> None:
    """The manager is told what to do, the rep what will come; after the release the rep reads that nothing came."""
    done = Talk()
    done.manager("release", snapshot=talk.SNAPSHOT)
    texts = {shown("feedback", Talk(), audience="rep"), shown("feedback", Talk()), shown("feedback", done, audience="rep")}
    assert len(texts) == 3
    assert "No feedback was written for this period." in shown("feedback", done, audience="rep")


def test_own_view_says_when_it_was_written() -> None:
    """Written before the release, the self-review says that the feedback had not been read; written after it, it does not."""
    early, late = Talk(), Talk()
    talk.both_parts(early)
    late.manager("feedback", stance="strength", kpi="win_rate", text="Good.")
    late.manager("release", snapshot=talk.SNAPSHOT)
    late.rep("self_review", perspective="Fine.")
    assert "Written by Amara Okafor on 13 October, before reading the manager’s feedback." in shown("own_view", early)
    assert "before reading" not in shown("own_view", late)
    assert "Written by Amara Okafor on 14 October." in shown("own_view", late)


def test_own_view_before_any_feedback_claims_nothing() -> None:
    """Without feedback there is nothing that was not read; what the manager wrote down proves nothing either."""
    alone, behalf = Talk(), Talk()
    alone.behalf("self_review", perspective="Fine.")
    behalf.manager("feedback", stance="strength", kpi="win_rate", text="Good.")
    behalf.behalf("self_review", perspective="Fine.")
    for one in (alone, behalf):
        assert "before reading" not in shown("own_view", one)
    assert "Written down by Daniel Brandt in the meeting." in shown("own_view", behalf)


def test_a_renewed_release_proves_nothing() -> None:
    """Where the release was written anew the first one may have come before the self-review."""
    one = Talk()
    one.manager("feedback", stance="strength", kpi="win_rate", text="Good.")
    release = one.manager("release", snapshot="aa")
    one.rep("self_review", perspective="Fine.")
    one.edit(release, snapshot="bb")
    assert "before reading" not in shown("own_view", one)


def test_a_withheld_answer_is_announced_without_its_words() -> None:
    """Before the manager's part is in, the manager reads that the answer is in, and none of its words."""
    one = Talk()
    one.rep("self_review", **talk.self_review())
    text = shown("own_view", one)
    assert "Amara’s answer is in." in text
    assert "proud" not in text
    assert "I am proud of this quarter." in shown("own_view", one, audience="rep")


@pytest.mark.default
def test_the_rep_reads_the_managers_words_after_release_only() -> None:
    """Before the release the rep's copy holds the rep's own words alone, and says that it is a draft."""
    one = Talk()
    talk.both_parts(one)
    talk.plans(one)
    before = made.talked(made.rep_slice("rep"), [one])
    one.manager("release", snapshot=talk.SNAPSHOT)
    after = made.talked(made.rep_slice("rep"), [one])
    early, late = whole(before), whole(after)
    for words_of_the_manager in ("walked away from a discount twice", "Strong, 4 of 5", "Target exceeded and best quarter"):
        assert words_of_the_manager not in early
        assert words_of_the_manager in late
    assert "I am proud of this quarter." in early
    assert ("Draft." in early, "Draft." in late) == (True, False)


@pytest.mark.default
def test_private_words_stay_in_the_managers_copy(manager: Review, rep: Review) -> None:
    """Notes and private concerns are marked in the manager's copy and are nowhere in the rep's."""
    mine, theirs = page(made.notebook(manager)), page(made.notebook(rep))
    for secret in ("PRIVATE-NOTE-417", "PRIVATE-CONCERN-417"):
        assert secret in mine
        assert secret not in theirs
    assert mine.count("Only in this copy") == 2
    assert "Only in this copy" not in theirs


def test_a_thread_keeps_its_replies(manager: Review) -> None:
    """Replies stand below what they answer, replies to replies too, each saying whose they are."""
    text = text_of(blocks.feedback(manager).html)
    parts = (
        "one ahead is thin. I want",
        "Two fixed mornings",
        "Reply to Amara Okafor",
        "Tuesday and Thursday it is",
        "guide that everybody",
    )
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert "To improve, linked to Pipeline growth, −19.0%" in text
    assert "Strength, linked to “Helps colleagues”" in text
    assert "Daniel Brandt · 15 October · edited once" in text
    assert "Sent as an answer, recorded by Daniel Brandt" in text


@pytest.mark.default
@pytest.mark.parametrize(
    ("found", "words"),
    [
        (" address", ""),
        (" no_sender", "not verified: came as a file, which names no sender"),
        (" no_address", "not verified: no address of the rep is known"),
        (" other_sender+other_name", "not verified: came from an address that is not the rep’s in the reps table, signed with"),
        ("", "not verified: recorded before senders were looked at"),
    ],
)
@pytest.mark.parametrize("audience", ["manager", "rep"])
def test_what_is_not_known_to_be_the_reps_says_so(found: str, words: str, audience: Audience) -> None:
    """The signature, the yes to a goal and to the board, and every word of an answer; what fits is said to be no more."""
    one = Talk()
    goal = one.manager("goal", statement="Win more", kpi="win_rate")
    praise = one.manager("recognition", title="Best quarter", for_board=True)
    release = one.manager("release", snapshot=talk.SNAPSHOT)
    source = "5f" * 32 + found
    one.behalf("concern", text="Too much.", source=source)
    one.behalf("agreement", of=goal.id, agrees=True, source=source)
    one.behalf("agreement", of=praise.id, agrees=True, source=source)
    one.behalf("signoff", side="rep", how="agree", name="Amara Okafor", head=release.hash, source=source)
    for name in ("feedback", "goals", "recognition", "signoff"):
        text = shown(name, one, audience=audience)
        assert (words in text) if words else ("not verified" not in text)
        if name in ("feedback", "signoff"):
            assert ("Sent as an answer from the address in the reps table, recorded by" in text) == (not words)
    one.entries.clear()
    one.behalf("concern", text="In the meeting.")
    assert "not verified" not in shown("feedback", one, audience=audience)


def test_no_reply_is_lost() -> None:
    """A reply to anything at all stands on the page, also to what stands in another section or an earlier review."""
    before, one = talk.released()
    things = [*before.entries[:3], *one.entries]
    for number, entry in enumerate(things):
        if entry.kind in (
            "goal",
            "action",
            "rating",
            "recognition",
            "development",
            "milestone",
            "update",
            "concern",
            "resolution",
        ):
            one.rep("reply", of=entry.id, text=f"REPLY-{number}-END")
    text = whole(made.talked(made.rep_slice("manager"), (before, one)))
    replies = [entry.payload.text for entry in one.entries if entry.kind == "reply"]  # type: ignore[attr-defined]
    assert all(text.count(reply) == 1 for reply in replies)
    assert "Reply to the goal “Cover the next target 1.50 times”" in text


def test_a_dispute_shows_how_it_ended(manager: Review) -> None:
    """A dispute stands with its deal, its resolution and the figure now; without a resolution it says that it is open."""
    text = text_of(blocks.feedback(manager).html)
    assert "A disputed figure: Customer retention" in text
    assert "Disputes Customer retention, deal D-7003" in text
    assert "Customer retention now: 60.7%, 17 of 28 base accounts." in text
    assert "Both sets are kept." in text
    one = Talk()
    one.rep("dispute", kpi="win_rate", reason="Wrong.")
    assert "Not resolved yet" in shown("feedback", one)


def test_a_dispute_shows_the_figure_before() -> None:
    """Where the disputed snapshot's figures are at hand, before and now stand side by side."""
    data = made.rep_slice("manager")
    data["data"]["before"] = {"11aa22bb33cc": {"retention_rate": 16 / 28}}
    text = text_of(blocks.feedback(made.talked(data, talk.closed())).html)
    assert "Customer retention 57.1% 60.7% 17 of 28 base accounts" in text


def test_a_concern_says_who_looks_after_it() -> None:
    """A concern names its owner and what is done, and when it was resolved with which words."""
    one = Talk()
    worry = one.rep("concern", text="Legal takes long.", owner="manager", doing="A fixed slot each week.")
    assert "Daniel looks after it Open" in shown("feedback", one)
    one.manager("update", of=worry.id, status="resolved", note="The slot is there.", on=dt.date(2026, 10, 20))
    text = shown("feedback", one)
    assert "Resolved on 20 October" in text
    assert "The slot is there." in text
    assert "A fixed slot each week." in text


def test_decisions_stand_beside_the_recommendations(manager: Review) -> None:
    """Accepted, changed and dismissed recommendations are marked below their words; what was added stands beside them."""
    text = text_of(blocks.improve(manager).html)
    assert "Keep two mornings a week for prospecting. Amara · Workshop Taken up as · Amara, by 2 November Keep Tuesday" in text
    assert "Added · Daniel Call legal early." in text
    assert "Also decided Added · Amara, by 1 December Visit the Hamburg office." in text


def test_a_dismissal_gives_its_reason() -> None:
    """A dismissed recommendation says by whom and why; an accepted one does not repeat its words."""
    one, text = Talk(), "Keep two mornings a week for prospecting."
    one.manager("action", decision="dismissed", recommended=text, kpi="pipeline_growth", reason="The territory changes hands.")
    said = shown("improve", one)
    assert "Not taken up · Daniel Brandt, 13 October The territory changes hands." in said
    other = Talk()
    other.manager("action", decision="accepted", recommended=text, text=text, kpi="pipeline_growth", due=dt.date(2026, 11, 6))
    said = shown("improve", other)
    assert "Accepted · Amara, by 6 November" in said
    assert said.count(text) == 1


def test_a_decision_outlives_its_recommendation() -> None:
    """A decision on a recommendation that the figures no longer give is still shown, once, with the recommendation's words."""
    one = Talk()
    one.manager("action", decision="accepted", recommended="Old advice.", text="Old advice.", kpi="win_rate")
    review = made.talked(made.rep_slice("manager"), [one])
    both = text_of(blocks.improve(review).html) + text_of(blocks.strengths(review).html)
    assert both.count("Old advice.") == 1


def test_goals_say_where_they_stand(manager: Review) -> None:
    """A goal shows its way, its letters with their reasons, its steps and the rep's word; an older one says since when."""
    text = text_of(blocks.goals(manager).html)
    assert "Two new goals and one carried over." in text
    assert "From 1.28× in 2026-Q3 to 1.50× by 31 December 2026." in text
    assert "Specific pipeline coverage, her own deals" in text
    assert "Not yet: 31 March 2027, no milestones before it" in text
    assert "13 Nov 45 new deals opened since 1 October" in text
    assert "Agreed by Amara on 19 October" in text
    assert "Set by Amara" in text
    assert "32 customers : missed 31, one short." in text
    assert "Carried over from 2026-Q2." in text


def test_agreement_to_an_earlier_wording_does_not_count() -> None:
    """A goal that was edited after the rep agreed waits for the rep again; a refusal is shown with its words."""
    one = Talk()
    goal = one.manager("goal", statement="More", kpi="revenue", baseline=1.0, target=2.0)
    one.rep("agreement", of=goal.id, agrees=True)
    one.edit(goal, target=3.0)
    assert "Amara agreed to an earlier wording; not to this one yet" in shown("goals", one)
    other = Talk()
    goal = other.manager("goal", statement="More", kpi="revenue", baseline=1.0, target=2.0)
    other.rep("agreement", of=goal.id, agrees=False, text="Out of reach.")
    text = shown("goals", other)
    assert "Not agreed to by Amara on 13 October" in text
    assert "Out of reach." in text


def test_a_goals_limit_is_told_as_one() -> None:
    """The bar of a limit says whether it is kept, and has no pace."""
    before, one = Talk(period="2026-Q2"), Talk()
    before.manager("goal", statement="Keep it short", kpi="cycle_days", baseline=40.0, target=60.0, due=dt.date(2026, 12, 31))
    html = blocks.goals(made.talked(made.rep_slice("manager"), [before, one])).html
    assert 'aria-label="Kept"' in html
    assert "the limit is 60 days until 31 December 2026. The limit is kept." in text_of(html)


def test_days_on_the_page_are_those_of_the_workbook() -> None:
    """What was done in the evening of the due date on the workbook's clock was in time."""
    before, one = Talk(period="2026-Q2", start=dt.datetime(2026, 7, 15, 20, 0, tzinfo=dt.UTC)), Talk()
    action = before.manager("action", decision="added", text="Call ten customers", owner="manager", due=dt.date(2026, 9, 15))
    one.manager("update", of=action.id, status="done", at=dt.datetime(2026, 9, 16, 0, 30, tzinfo=dt.UTC))
    data = made.rep_slice("manager", timezone="America/Los_Angeles")
    text = text_of(blocks.agreed(made.talked(data, [before, one])).html)
    assert "The one agreement made on 15 July 2026 was kept." in text
    assert "Done on 15 September 2026." in text
    concern = one.manager("concern", text="Legal takes weeks", owner="manager")
    one.manager("update", of=concern.id, status="resolved", at=dt.datetime(2026, 10, 20, 0, 30, tzinfo=dt.UTC))
    decided = one.manager("action", decision="added", text="Visit ten customers", owner="manager")
    one.manager("update", of=decided.id, status="done", at=dt.datetime(2026, 10, 22, 0, 30, tzinfo=dt.UTC))
    review = made.talked(data, [before, one])
    assert "Resolved on 19 October" in text_of(blocks.feedback(review).html)
    assert "· done on 21 October" in text_of(blocks.improve(review).html)


def test_agreed_last_time(manager: Review) -> None:
    """Every agreement of the review before stands with what became of it, the manager's promises too."""
    text = text_of(blocks.agreed(manager).html)
    assert "two were kept, one was kept late, one was missed and two run on" in text
    for row in ("Win at least 45% of closed deals Amara · 30 September 53.3%", "Kept late", "Missed", "Carried over"):
        assert row in text
    assert "Move inbound triage to the sales desk Daniel · 1 August Done on 24 August 2026, 23 days late." in text


def test_development_is_held_against_its_figure(manager: Review) -> None:
    """An item says what it is to move; an earlier one shows the figure before and after, without claiming a cause."""
    text = text_of(blocks.development(manager).html)
    assert "Coaching: The decision process, four sessions on live deals Leading the decision Sales cycle, 52 days now" in text
    assert "No figure shows it; judged in the talk" in text
    assert "does not show that the training was the cause" in text


def test_recognition_says_what_the_team_may_see(manager: Review) -> None:
    """A recognition names who confirmed it, the reward, and whether the rep lets the team see it."""
    text = text_of(blocks.recognition(manager).html)
    assert "Bonus: €2,400 under the 2026 plan, paid in November" in text
    assert "Confirmed by Daniel Brandt, 20 October. May be shown to the team." in text
    assert "Added by Daniel Brandt, 21 October. Proposed for the team’s board; shown there once Amara agrees." in text


def test_a_rep_who_keeps_recognition_from_the_board_is_heard() -> None:
    """Where the rep does not agree to the board, the page says so."""
    one = Talk()
    given = one.manager("recognition", title="Helped two colleagues", reward="none", for_board=True)
    one.rep("agreement", of=given.id, agrees=False)
    assert "Not for the team’s board: Amara prefers to keep it here." in shown("recognition", one)


def test_signatures_with_and_without_agreement(rep: Review) -> None:
    """A signature without agreement stands with its words; the page names the end of the journal; amendments follow."""
    text = text_of(blocks.signoff(rep).html)
    assert "Overall rating: Strong, 4 of 5" in text
    assert "Read, does not agree: I was on parental leave" in text
    assert "Daniel Brandt Manager, North · 22 October, 02:00 UTC Read, agrees." in text
    head = rep.minutes.state.head
    assert head is not None
    assert f"Journal entry {head.sequence}, {head.hash[:8]}." in text
    assert "After signing Daniel Brandt · 22 October Amendment The leave was entered late" in text


def test_the_copy_for_a_team_does_not_name_who_signed_for_it() -> None:
    """Who signed for a team is a colleague: the manager reads the name, the team reads that it has signed."""
    texts = {
        name: text_of(blocks.signoff(made.talked(made.team_slice(name), talk.closed())).html) for name in ("manager", "rep")
    }
    assert "Amara Okafor Team · 21 October" in texts["manager"]
    assert "The team Team · 21 October" in texts["rep"]
    assert "Amara Okafor" not in texts["rep"]
    assert "Daniel Brandt" in texts["rep"]


def test_who_did_not_sign_is_no_signature() -> None:
    """Refused or absent is said in words, and the name is not set as a signature; then the review is closed, not signed."""
    before, one = talk.released()
    one.behalf("signoff", side="rep", how="refused", name="Amara Okafor", head="x")
    one.manager("signoff", side="manager", how="agree", name=talk.MANAGER, head="x")
    review = made.talked(made.rep_slice("manager"), (before, one))
    html = blocks.signoff(review).html
    assert '<span class="n none">Amara Okafor</span>' in html
    assert "Did not sign." in text_of(html)
    assert "Written down by Daniel Brandt in the meeting." in text_of(html)
    assert "State Closed, 22 October" in text_of(blocks.header(review).html.rpartition("</style>")[2])


def test_the_rep_is_told_how_to_answer() -> None:
    """The rep's copy holds the mail and names the form until the review is closed; the manager's copy does not."""
    answer = AnswerWays("mailto:d@example.org?subject=a&body=b", "amara-answer.md")
    for talks, audience, told in (
        ((Talk(),), "rep", True),
        (talk.released(), "rep", True),
        (talk.closed(), "rep", False),
        ((Talk(),), "manager", False),
    ):
        review = replace(made.talked(made.rep_slice(audience), talks), answer=answer)
        html = blocks.signoff(review).html
        assert ('href="mailto:d@example.org?subject=a&amp;body=b"' in html) == told
        assert ("amara-answer.md" in html) == told


@pytest.mark.parametrize(
    ("kinds", "state", "waits"),
    [
        ((), "Open", "waits for Amara’s self-review and Daniel’s part"),
        (("self_review",), "Self-review in", "waits for Daniel’s part"),
        (("feedback",), "Manager’s part in", "waits for Amara’s self-review"),
        (("self_review", "feedback"), "Both parts in", "waits for Daniel to release it"),
        (("feedback", "release"), "Released", "waits for Amara and Daniel to sign"),
        (("feedback", "release", "rep"), "Signed by one side", "waits for Daniel to sign"),
        (("feedback", "release", "rep", "manager"), "Signed by both", ""),
    ],
)
def test_states_in_words(kinds: tuple[str, ...], state: str, waits: str) -> None:
    """Every state has its words and says whom it waits for."""
    one, steps = Talk(), {"self_review": {"perspective": "Fine."}, "release": {"snapshot": "x"}}
    for kind in kinds:
        if kind in ("rep", "manager"):
            getattr(one, kind)("signoff", side=kind, how="agree", name="N", head="x")
        elif kind == "self_review":
            one.rep(kind, **steps[kind])
        else:
            one.manager(kind, **steps.get(kind, {"stance": "strength", "kpi": "win_rate", "text": "Good."}))
    minutes = one.minutes()
    assert signing.state_words(minutes.state) == state
    assert signing.waits_for(minutes, rep="Amara", manager="Daniel") == waits


def test_a_team_of_several_managers_says_that_its_page_holds_less() -> None:
    """Nothing that is not released is counted or called missing, and whom a review waits for stays right."""
    team = made.team_talked(reach=Reach(frozenset({"Daniel Brandt", "Lucía Ferrer"}), "North", leading=False))
    goals, reviews = text_of(blocks.team_goals(team).html), text_of(blocks.reviews(team).html)
    assert "of each rep it holds what is released and shared" in goals
    assert "of each rep it holds" not in text_of(blocks.team_goals(made.team_talked()).html)
    # Released and without goals of her own is nobody; the reviews of these two are not released.
    assert "Kwame Mensah" not in goals
    assert "Jonas Lindqvist" not in goals
    assert "to release it" in reviews
    assert "WORDS-OF" not in goals + reviews


def test_team_page_sums_up_its_reps() -> None:
    """The manager's team page counts goals, lists open concerns and says how each review stands."""
    team = made.team_talked()
    goals, reviews = text_of(blocks.team_goals(team).html), text_of(blocks.reviews(team).html)
    assert "5 goals run: 4 on track or just started, 1 behind." in goals
    assert "Amara Okafor 3 2 1 2 2" in goals
    assert "The team Two territories have nobody. Daniel" in goals
    assert "Kwame Mensah Self-review in waits for Daniel’s part" in reviews
    assert "Amara Okafor Signed by both 22 October" in reviews
    assert "WORDS-OF-R-014" not in whole(team)
    assert "Amara Okafor: training, done" in text_of(blocks.skills(team).html)


def test_the_board_needs_consent() -> None:
    """On the board stands what the manager confirmed and the rep agreed to, never the reward; the rules' finds stay apart."""
    text = text_of(blocks.achievements(made.team_talked()).html)
    board = text.partition("Found by the rules, for the manager to confirm")[0]
    assert "Amara Okafor Target exceeded and best quarter" in board
    assert "Help to a new colleague" not in board
    assert "2,400" not in text


def test_the_teams_own_copy_names_nobody() -> None:
    """A team's copy for its reps holds no rep's name and none of their words, but for what may stand on the board."""
    before, closed = talk.closed()
    members = {"R-013": talk.minutes_of((before, closed), "rep")}
    data = made.team_slice("rep")
    data["data"]["names"] = {"R-013": "Amara Okafor"}
    quiet, told = (
        made.team_talked("rep"),
        made.opened(data, Talk("North", "North", kind="team").minutes("rep", members=members)),
    )
    for name in ("Amara", "Kwame", "Jonas Lindqvist"):
        assert name not in whole(quiet).replace("Amara Okafor Target", "")
    assert "Amara Okafor" in text_of(blocks.achievements(told).html)


def test_words_keep_every_line() -> None:
    """A text is cut into paragraphs and lists without losing a word; what looks like markup is text."""
    found = paragraphs.blocks("One\ntwo\n\nthree\n- a\n\n- b\n1. x\n2) y\n7. z\n* not* bold\n-5 degrees\n  ")
    assert [(block.shape, block.lines) for block in found] == [
        ("p", ("One", "two")),
        ("p", ("three",)),
        ("ul", ("a", "b")),
        ("ol", ("x", "y")),
        ("ol", ("z",)),
        ("ul", ("not* bold",)),
        ("p", ("-5 degrees",)),
    ]
    assert found[4].start == 7
    assert paragraphs.blocks("") == paragraphs.blocks(" \n ") == []


@pytest.mark.default
@pytest.mark.parametrize(
    "payload", ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[a](https://x.example)", "{{7*7}}"]
)
def test_markup_in_any_text_is_text(payload: str, silent: str) -> None:
    """Markup and links in whatever people write stand on the page as they were typed."""
    one = Talk()
    goal = one.manager("goal", statement=payload, deliverable=payload, scope=payload, because=payload, relevance="gap")
    one.manager("milestone", of=goal.id, text=payload)
    one.rep("self_review", perspective=payload)
    one.manager("feedback", stance="strength", behaviour=payload, text=payload, example=payload)
    one.manager("concern", text=payload, doing=payload)
    one.manager("development", way="coaching", skill=payload, text=payload, owner=payload)
    one.manager("recognition", title=payload, text=payload, reward="bonus", reward_text=payload)
    one.manager("action", decision="added", text=payload)
    one.manager("rating", value=1, label=payload, out_of=2, comment=payload)
    one.manager("signoff", side="manager", how="disagree", name=payload, comment=payload, head="x")
    html = page(made.notebook(made.talked(made.rep_slice("manager"), [one])))
    assert inspect_page(html) == []
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "x.example" not in html.replace("[a](https://x.example)", "")
    assert text_of(html).count("49") == silent.count("49")


def test_figure_that_the_scorecard_lacks(manager: Review) -> None:
    """A text linked to a figure that is off names it without a value."""
    assert entry_views.figure(manager, "csat_score") == "Csat score"
    assert entry_views.figure(manager, "win_rate") == "Win rate, 53.3%"


def test_the_index_shows_how_each_review_stands() -> None:
    """The index says of every review its state and whom it waits for, and counts the signed; a stale page is said first."""
    text = text_of(index.index_page(made.index()))
    assert "All 4 reviews are made, 1 of them signed." in text
    assert "Signed by both" in text
    assert "Released waits for Jonas" in text
    assert "1 of 3" in text
    old = index.IndexRow("Noor", 1.0, None, "not_judged", state="Outdated", talk="Released", waits="Noor")
    teams = (index.TeamRows("North", None, 1.0, None, "not_judged", None, (old,)),)
    assert "Outdated Released waits for Noor" in text_of(index.index_page(made.index(teams=teams)))
