"""What the command line does with the conversation: release, import, give goals, prepare the journal."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from reviewlib.conversation import records, upkeep
from reviewlib.conversation.answers import importing, responses
from reviewlib.conversation.answers.importing import ImportPlan
from reviewlib.conversation.answers.mails import open_answer
from reviewlib.conversation.entries import Entry
from reviewlib.conversation.goals import goalfile
from reviewlib.conversation.goals.goalfile import Known
from reviewlib.conversation.records import New
from reviewlib.errors import NotAllowedError, SubjectError
from reviewlib.evidence import snapshot
from reviewlib.evidence.subjects import Subject
from reviewlib.params.model import Params
from reviewlib.run.status import ReviewStatus


def chosen(stands: ReviewStatus, *, reps: Sequence[str], teams: Sequence[str]) -> list[Subject]:
    """Find the subjects that are meant: these reps, and these teams with their reps.

    Raises:
        SubjectError: Nobody is named, or somebody who has no review in the period.
    """
    known = {(one.kind, one.id): one for one in stands.subjects}
    wanted = [*(("rep", one) for one in reps), *(("team", one) for one in teams)]
    unknown = [f"{kind} {name!r}" for kind, name in wanted if (kind, name) not in known]
    if unknown or not wanted:
        raise SubjectError(
            "Say whose reviews are meant." if not wanted else f"There is no review of them in {stands.period}.",
            where="--rep or --team",
            found=", ".join(unknown) or None,
            do=f"Write ids or teams as in the reps table, such as {', '.join(one.id for one in stands.subjects[:3])}",
        )
    named = [one for one in stands.subjects if (one.kind, one.id) in wanted]
    others = [one for one in stands.subjects if one.team in teams and one not in named]
    return [*named, *(one for one in others if not stands.state(one).signatures)]


def release(params: Params, stands: ReviewStatus, subjects: Sequence[Subject]) -> list[Entry]:
    """Release reviews on the evidence that the period uses now; all of them, or none where one may not be.

    Raises:
        NotAllowedError: The person at the keyboard may not release one of them, or it is signed.
    """
    opened = [(subject, records.open_records(params, stands.about(subject))) for subject in subjects]
    for subject, own in opened:
        if refused := own.may("release"):
            raise NotAllowedError(f"{subject.name} was not released, and nobody else either.", found=refused)
    before = {subject: stands.state(subject).release for subject in subjects}
    return records.write_together(
        [
            (own, [New("release", {"snapshot": stands.current}, supersedes=old.id if (old := before[subject]) else None)])
            for subject, own in opened
        ]
    )


def import_response(params: Params, file: Path, *, unverified: bool = False) -> tuple[ImportPlan, list[Entry]]:
    """Record a rep's answer in the review that its first line names: what importing it would do, and what was recorded.

    Raises:
        ReviewError: The file cannot be read or understood, is not the rep's (unless it is to be recorded as ``unverified``), or
            may not be imported by who is at the keyboard.
    """
    answer = open_answer(file)
    own = records.open_records(params, importing.addressed(params, responses.parse(answer)))
    made = importing.plan(own, answer)
    return made, importing.record(own, made, unverified=unverified)


def import_goals(params: Params, stands: ReviewStatus, file: Path) -> dict[str, int]:
    """Give goals to many reps at once; every one is checked before the first is written, what was given before is passed over.

    Returns:
        How many entries each rep got, by name; goals and milestones count.

    Raises:
        ReviewError: The file cannot be used, a rep has one of the goals in another form, or the person at the keyboard may not
            write for one of the reps.
    """
    reps = {one.id: one for one in stands.subjects if one.kind == "rep"}
    units = {key: kpi.unit for key, kpi in params.figures.items()}
    known = Known(teams={one.id: one.team for one in reps.values()}, units=units, fiscal=params.fiscal)
    found = goalfile.read_goals(file, known=known)
    goalfile.refuse_given(file, found, period=stands.period, said=stands.entries)
    given = goalfile.drafts(found, period=stands.period)
    there = {entry.id for about, _ in given for entry in stands.entries.get(about, ())}
    opened = [
        (records.open_records(params, about), [New(**item) for item in items if item["id"] not in there])
        for about, items in given
    ]
    for own, _ in opened:
        if refused := own.may("goal"):
            raise NotAllowedError(f"{own.subject.name} was given no goal, and nobody else either.", found=refused)
    written = records.write_together(opened)
    return {own.subject.name: sum(entry.about == own.about for entry in written) for own, _ in opened}


def journal_init(params: Params) -> list[str]:
    """Prepare the journal, on PostgreSQL with each login's rights, and say what was done."""
    # The newest period that is frozen, complete or not, knows best who leads whom now.
    known = [one for each in snapshot.period_folders(params).values() if (one := snapshot.current(params, each))]
    newest = max(known, key=lambda frozen: (frozen.period.end, frozen.period.start), default=None)
    unknown = upkeep.prepare(params, newest.subjects if newest else ())
    lines = [f"The journal of {params.name} is ready."]
    if params.records.database and newest is None:
        lines.append("No period is frozen yet, so managers have no teams: run this again after the first reviewlib freeze.")
    if unknown:
        lines.append(f"The database does not know these logins; create them, then run this again: {', '.join(unknown)}")
    return lines


def next_run(stands: ReviewStatus, subjects: Sequence[Subject], *, path: str) -> str:
    """The command that makes the pages of reviews anew."""
    some = [f"--{one.kind} {shlex.quote(one.id)}" for one in subjects] if len(subjects) < 4 else []
    return " ".join(["reviewlib run", path, f"--period {stands.period}", *some])
